"""Five years of publishers that renew in time: nobody is woken for them, and seldom told to look."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

import pytest
from builders import DAY, HOUR, NOW, authority, dated, entity_of, probed, role_of, watched
from replay.lives import on
from scrapes import document, good, signed_by

from exporter.config.settings import Target
from exporter.findings import Finding, Kind, standing
from exporter.model import Certificate, Document, Observation, Role, Use
from exporter.policy import ADFS_METADATA_PATH
from exporter.record import bare
from exporter.rollover import Severity

YEARS = 5
DAYS = YEARS * 365
STEP = 6 * HOUR
CENTURY = 100 * 365 * 86400.0
"""An interval in which no document grows old: looks at which nothing can change are left out."""


class Span(NamedTuple):
    """A certificate, from which day until which it is published, and from which on it signs."""

    certificate: Certificate
    shown: float
    gone: float
    signs: float


@dataclass(frozen=True)
class Life:
    """What a publisher shows from which day on."""

    published: Mapping[float, Document]
    target: Target
    warnings: float = 1
    """A year, at most."""


Make = Callable[[Sequence[Certificate], Certificate], Document]


def made(nth: int, begins: float, ends: float, *, issued: bool = False, subject: str | None = None) -> Certificate:
    found = dated(NOW + begins * DAY, NOW + ends * DAY, nth=nth, issuer=authority() if issued else None)
    return replace(found, subject=subject) if subject else found


def renewals(
    *, every: float = 365, ahead: float = 40, used: float = 20, kept: float = 0, first: float = 200, issued: bool = True
) -> list[Span]:
    """Certificates that follow one another; the first ends on the day ``first``.

    Each is published ``ahead`` days before the one before it ends, is used from ``used`` days before that on, and stays
    listed for ``kept`` days after its own end.
    """
    ends = [first + nth * every for nth in range(-2, ceil(DAYS / every) + 2)]
    return [
        Span(made(nth, end - every - ahead, end, issued=issued), end - every - ahead, end + kept, end - every - used)
        for nth, end in enumerate(ends)
    ]


def shown(spans: Sequence[Span], make: Make) -> Mapping[float, Document]:
    """What is published from which day on."""
    days = {0.0} | {day for span in spans for day in (span.shown, span.gone, span.signs) if 0 < day < DAYS}
    found = {}
    for day in sorted(days):
        listed = [each for each in spans if each.shown <= day < each.gone]
        signing = max((each for each in listed if each.signs <= day), key=lambda each: each.signs)
        found[day] = make([each.certificate for each in listed], signing.certificate)
    return found


def unsigned(role: Role = Role.IDP) -> Make:
    return lambda listed, _: document(entity_of(role_of(role, *listed)))


def signed(listed: Sequence[Certificate], signer: Certificate) -> Document:
    return document(entity_of(role_of(Role.IDP, *listed)), signature=signed_by(signer))


def watched_in_an_aggregate(listed: Sequence[Certificate], _: Certificate) -> Document:
    other = entity_of(role_of(Role.IDP, made(900, -100, 9000)), entity_id="urn:other")
    return document(entity_of(role_of(Role.IDP, *listed)), other, aggregate=True)


def farm(encryption: Callable[[Certificate], Certificate], *, sign: bool = True) -> Make:
    """An AD FS farm, whose only encryption certificate is told by the certificate that signs."""

    def make(listed: Sequence[Certificate], signer: Certificate) -> Document:
        encrypts = [encryption(signer)]
        service = role_of(Role.IDP, *listed, element="SecurityTokenServiceType")
        provider = role_of(Role.IDP, *listed, encryption=encrypts)
        consumer = role_of(Role.SP, *listed, encryption=encrypts, element="SPSSODescriptor")
        entity = entity_of(service, consumer, provider, entity_id="http://fs.example/adfs/services/trust")
        return document(entity, signature=signed_by(signer)) if sign else document(entity)

    return make


def along_with(signer: Certificate) -> Certificate:
    return replace(
        signer, fingerprint="e" + signer.fingerprint[1:], not_before=signer.not_before + timedelta(seconds=4)
    )


def on_its_own_calendar(_: Certificate) -> Certificate:
    return made(800, -500, 9000, issued=True)


def service_provider(listed: Sequence[Certificate], _: Certificate) -> Document:
    encrypts = [replace(each, fingerprint="e" + each.fingerprint[1:]) for each in listed]
    return document(entity_of(role_of(Role.SP, *listed, encryption=encrypts, element="SPSSODescriptor")))


def for_both(listed: Sequence[Certificate], _: Certificate) -> Document:
    return document(entity_of(role_of(Role.SP, *listed, element="SPSSODescriptor", use=Use.UNSPECIFIED)))


def token_service(listed: Sequence[Certificate], signer: Certificate) -> Document:
    service = role_of(Role.IDP, *listed, element="SecurityTokenServiceType")
    return document(entity_of(service, entity_id="https://sts.windows.net/tenant/"), signature=signed_by(signer))


def rotated() -> list[Span]:
    """A tenant's keys: six at a time, each for nine months or so, none used until it ends."""
    return [
        Span(
            made(nth, 42 * nth - 300, 42 * nth - 300 + 1826, subject="CN=accounts.accesscontrol.windows.net"),
            42 * nth - 300,
            42 * nth - 300 + 252,
            42 * nth - 300 + 126,
        )
        for nth in range((DAYS + 300) // 42 + 1)
    ]


def at(path: str, **settings: object) -> Target:
    return watched("life", f"https://fs.example{path}", interval=CENTURY, **settings)


SAML, ADFS = at("/metadata.xml"), at(ADFS_METADATA_PATH)
SPARE = Span(made(700, -400, 3250), -400, 3250, DAYS)
LIVES: Mapping[str, Life] = {
    "SAML, the old key listed until its end": Life(shown(renewals(), unsigned()), SAML),
    "SAML, the old key listed 60 days longer": Life(shown(renewals(kept=60), unsigned()), SAML),
    "SAML, the old key listed 365 days longer": Life(shown(renewals(kept=365), unsigned()), SAML),
    "SAML, the old key removed early": Life(shown(renewals(kept=-10), unsigned()), SAML),
    "SAML, a passive key kept": Life(shown([*renewals(), SPARE], unsigned()), SAML),
    "SAML, signed by the key in use": Life(shown(renewals(kept=60), signed), SAML),
    "SAML, watched in an aggregate": Life(
        shown(renewals(), watched_in_an_aggregate), at("/all.xml", watch=("https://idp.*",))
    ),
    "SAML, keys of 10 years": Life(shown(renewals(every=3650, first=900), unsigned()), SAML),
    "SAML, keys of 20 years": Life(shown(renewals(every=7300, first=900, kept=365), unsigned()), SAML),
    "a service provider's keys": Life(shown(renewals(), service_provider), SAML),
    "a service provider's keys for both uses": Life(shown(renewals(every=1095, kept=60), for_both), SAML),
    "Entra ID, an application": Life(
        shown(renewals(every=1035, ahead=60, used=30), signed), at(f"{ADFS_METADATA_PATH}?appid=1")
    ),
    "Entra ID, a tenant": Life(shown(rotated(), token_service), ADFS),
    "AD FS, signed": Life(
        shown(renewals(every=345.25, ahead=19.75, used=14.5, kept=30, issued=False), farm(along_with)), ADFS
    ),
    "AD FS, signed, renewed by hand": Life(
        shown(renewals(ahead=40, used=30, kept=30), farm(on_its_own_calendar)), ADFS
    ),
    "AD FS, without strong evidence": Life(
        shown(
            renewals(every=345.25, ahead=19.75, used=14.5, kept=30, issued=False),
            farm(on_its_own_calendar, sign=False),
        ),
        ADFS,
        warnings=1.5,
    ),
}


def lived(life: Life, days: int = DAYS, *, every_look: bool = False) -> Iterator[tuple[datetime, Sequence[Finding]]]:
    """What is found at each look at which it can be something else than at the one before."""
    turns = [NOW + day * DAY for day in life.published if day > 0]
    at = NOW
    record = probed(bare(life.target), look(life, at))
    while at < NOW + days * DAY:
        stands = standing(record, at)
        yield at, stands.findings
        turn = min((each for each in turns if each > at), default=stands.until)
        following = at + STEP if every_look else NOW + ceil((min(turn, stands.until) - NOW) / STEP) * STEP
        # The look before it: nothing happened out of sight.
        if following - STEP > at:
            record = probed(record, look(life, following - STEP))
        at = following
        record = probed(record, look(life, at))


def look(life: Life, at: datetime) -> Observation:
    return replace(good(on((at - NOW) / DAY, life.published), at), tls_not_after=None)


def starts(found: Iterator[tuple[datetime, Sequence[Finding]]]) -> list[tuple[datetime, Kind]]:
    """When a finding above info began, and which."""
    held: set[tuple[Kind, str | None]] = set()
    begun = []
    for at, findings in found:
        holds = {(each.kind, each.entity_id) for each in findings if each.severity > Severity.INFO}
        begun += [(at, kind) for kind, _ in sorted(holds - held)]
        held = holds
    return begun


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_a_healthy_life_wakes_nobody_and_warns_once_a_year_at_most(life: Life) -> None:
    begun = starts(lived(life))

    assert [each for each in begun if each[1].severity is Severity.CRITICAL] == []
    assert len(begun) <= life.warnings * YEARS, begun


def test_looks_at_which_nothing_can_change_are_rightly_left_out() -> None:
    life = LIVES["AD FS, without strong evidence"]
    assert starts(lived(life, 400, every_look=True)) == starts(lived(life, 400)) != []
