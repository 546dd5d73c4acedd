"""The one scenario list: what a farm can look like, and what the exporter must say about it.

The demo shows these scenarios and the integration tests watch them, so what is shown and what is expected
cannot differ. Dates are days from the moment at which the documents are made.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from exporter.config.settings import INTERNET, SERVICE
from exporter.demo.documents import KeyKind, KeyPair, adfs_metadata, mint
from exporter.inquiry import UpdateResult
from exporter.model import FaultKind, Reason
from exporter.policy import Profile
from exporter.rollover import State
from exporter.trust import TrustState

_PAIR_GAP = timedelta(seconds=4)
"""AD FS makes the encryption certificate of a pair seconds after the signing certificate."""
_AUTHORITY_LIFE = timedelta(days=3650)


class Answer(StrEnum):
    """What stands behind a scenario's address."""

    METADATA = "metadata"
    PAGE = "page"
    """An HTML page with status 200."""
    NOTHING = "nothing"
    """A port nobody listens on."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a signing certificate is valid, in days from now; negative is past."""

    not_before: float
    not_after: float


Trusted: TypeAlias = int | Lifetime
"""A certificate that Entra ID trusts: the index of a signing certificate, or the life of one that is not published."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that signs in through a farm: what Entra ID trusts for it, and what the exporter must make of that."""

    name: str
    state: TrustState
    signing: Trusted
    next_signing: Trusted | None = None
    update: UpdateResult = UpdateResult.SUCCESS
    """What Entra ID says of its last reading of the metadata."""
    updated: float = -1
    """When that was, in days from now."""

    @property
    def foreign(self) -> bool:
        """Whether a certificate is trusted that the farm does not publish."""
        return any(isinstance(each, Lifetime) for each in (self.signing, self.next_signing))


@dataclass(frozen=True, slots=True)
class OtherLook:
    """Another look at a farm: from another vantage, or at one of its nodes."""

    node: str = SERVICE
    vantage: str = "default"
    serves: tuple[int, ...] | None = None
    """Indices of the signing certificates that the node serves; None: all of them, as the service does."""
    reason: Reason | None = None
    """None: it gets a usable document. RESET is the only other: a firewall closes the connection."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One farm: what it publishes, what Entra ID knows of it, and what the exporter must make of both."""

    name: str
    """Of the target and in its address."""
    sentence: str
    """What the person on call sees."""
    state: State | None
    """None: there is no document to judge."""
    signing: tuple[Lifetime, ...] = ()
    """In document order, which is not the order of use."""
    primary: int = 0
    """Index of the certificate that signs, the document too; its encryption certificate is the one published."""
    profile: Profile = Profile.ADFS
    """By the shape of the certificates: self-signed as AD FS makes them, or issued by an enterprise CA."""
    successor_present: bool = False
    secondary_present: bool = False
    broken: bool = False
    """One more signing certificate is published that is cut off in the middle."""
    faults: frozenset[FaultKind] = frozenset()
    answer: Answer = Answer.METADATA
    reason: Reason | None = None
    """None: the look gets a usable document."""
    vantage: str = "default"
    """From where the documents are got that are judged."""
    others: tuple[OtherLook, ...] = ()
    nodes_agree: bool | None = None
    """None: no two looks get a document."""
    differing: timedelta = timedelta()
    """For how long they have differed, when the demo begins: it is watched for minutes, and copying takes hours."""
    domains: tuple[Domain, ...] = ()

    @property
    def reachable(self) -> bool:
        """Whether a look gets a usable document."""
        return self.reason is None

    @property
    def left(self) -> float | None:
        """Days until the primary ends; negative after it; None without a document."""
        return self.signing[self.primary].not_after if self.signing else None

    @property
    def host(self) -> str:
        """The name of the farm's federation service."""
        return f"{self.name}.fs.example"

    @property
    def entity_id(self) -> str:
        """The entityID in its document."""
        return f"http://{self.host}/adfs/services/trust"


SCENARIOS = (
    Scenario(
        name="steady",
        sentence="One certificate with months to live: nothing to do.",
        state=State.STEADY,
        signing=(Lifetime(-165, 200),),
        domains=(Domain("steady.example", TrustState.IN_SYNC, signing=0, updated=-164),),
    ),
    Scenario(
        name="due",
        sentence="People renew this one, from the company's own CA, and now is the time.",
        state=State.DUE,
        signing=(Lifetime(-705, 25),),
        profile=Profile.ADFS_MANUAL,
    ),
    Scenario(
        name="published",
        sentence="AD FS generated the successor two days ago: partners must learn it before it is promoted.",
        state=State.PUBLISHED,
        signing=(Lifetime(-347, 18), Lifetime(-2, 363)),
        successor_present=True,
        secondary_present=True,
        others=(OtherLook(node="wap1"), OtherLook(node="wap2")),
        nodes_agree=True,
        domains=(Domain("published.example", TrustState.IN_SYNC, signing=0, next_signing=1),),
    ),
    Scenario(
        name="promoted",
        sentence="The new certificate signs since three days; the old one is still published and valid.",
        state=State.PROMOTED,
        signing=(Lifetime(-353, 12), Lifetime(-8, 357)),
        primary=1,
        secondary_present=True,
        domains=(Domain("promoted.example", TrustState.IN_SYNC, signing=0, next_signing=1, updated=-7),),
    ),
    Scenario(
        name="stalled",
        sentence="The successor was generated eleven days ago, and the old certificate signs all the same.",
        state=State.STALLED,
        signing=(Lifetime(-356, 9), Lifetime(-11, 354)),
        successor_present=True,
        secondary_present=True,
    ),
    Scenario(
        name="overdue",
        sentence="AD FS should have generated a successor a week ago and did not.",
        state=State.OVERDUE,
        signing=(Lifetime(-353, 12),),
    ),
    Scenario(
        name="missing",
        sentence="Three days left and no successor: sign-in is about to stop.",
        state=State.MISSING,
        signing=(Lifetime(-362, 3),),
    ),
    Scenario(
        name="missing-lingering",
        sentence="Four days left, and the second certificate is only an old one, still listed: no successor either.",
        state=State.MISSING,
        signing=(Lifetime(-727, 3), Lifetime(-361, 4)),
        primary=1,
        secondary_present=True,
    ),
    Scenario(
        name="expired",
        sentence="The certificate ended three days ago and nothing took its place.",
        state=State.EXPIRED,
        signing=(Lifetime(-368, -3),),
    ),
    Scenario(
        name="unreachable",
        sentence="Nobody listens at this address.",
        state=None,
        answer=Answer.NOTHING,
        reason=Reason.REFUSED,
    ),
    Scenario(
        name="html",
        sentence="Status 200, and the body is a web page instead of metadata.",
        state=None,
        answer=Answer.PAGE,
        reason=Reason.HTML,
    ),
    Scenario(
        name="broken-certificate",
        sentence="One of two signing certificates cannot be read; the other counts.",
        state=State.STEADY,
        signing=(Lifetime(-100, 265),),
        broken=True,
        faults=frozenset({FaultKind.CERTIFICATE_DER}),
    ),
    Scenario(
        name="half-updated",
        sentence="Renewed by hand: Entra ID was told the successor for one of its two domains only.",
        state=State.PUBLISHED,
        signing=(Lifetime(-690, 40), Lifetime(-3, 727)),
        profile=Profile.ADFS_MANUAL,
        successor_present=True,
        secondary_present=True,
        domains=(
            Domain("updated.example", TrustState.IN_SYNC, signing=0, next_signing=1, updated=-689),
            Domain("forgotten.example", TrustState.PENDING, signing=0, updated=-689),
        ),
    ),
    Scenario(
        name="not-public",
        sentence="Entra ID cannot read the metadata, and AD FS promotes the successor in two days.",
        state=State.PUBLISHED,
        signing=(Lifetime(-347, 18), Lifetime(-3, 362)),
        successor_present=True,
        secondary_present=True,
        vantage="intranet",
        others=(OtherLook(vantage=INTERNET, reason=Reason.RESET),),
        domains=(
            Domain(
                "not-public.example",
                TrustState.AT_RISK,
                signing=0,
                update=UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST,
            ),
        ),
    ),
    Scenario(
        name="foreign-certificate",
        sentence="Entra ID trusts one more certificate, which this farm does not publish: left over, or planted.",
        state=State.STEADY,
        signing=(Lifetime(-165, 200),),
        domains=(
            Domain(
                "foreign-certificate.example",
                TrustState.IN_SYNC,
                signing=0,
                next_signing=Lifetime(-30, 335),
                updated=-164,
            ),
        ),
    ),
    Scenario(
        name="promoted-early",
        sentence="Somebody promoted the successor before Entra ID knew it: sign-in to Microsoft 365 fails.",
        state=State.PROMOTED,
        signing=(Lifetime(-345, 20), Lifetime(-0.25, 364.75)),
        primary=1,
        secondary_present=True,
        domains=(
            Domain(
                "promoted-early.example",
                TrustState.BROKEN,
                signing=0,
                update=UpdateResult.NO_NEW_CERTIFICATE_FOUND,
                updated=-0.5,
            ),
        ),
    ),
    Scenario(
        name="stale-proxy",
        sentence="One of two proxies still serves the metadata without the successor.",
        state=State.PUBLISHED,
        signing=(Lifetime(-347, 18), Lifetime(-2, 363)),
        successor_present=True,
        secondary_present=True,
        others=(OtherLook(node="wap1"), OtherLook(node="wap2", serves=(0,))),
        nodes_agree=False,
        differing=timedelta(hours=5),
        domains=(Domain("stale-proxy.example", TrustState.IN_SYNC, signing=0, next_signing=1),),
    ),
)


@dataclass(frozen=True, slots=True)
class Farm:
    """A scenario come true, with key pairs of its own."""

    documents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The metadata by node."""
    trusted: Mapping[str, tuple[bytes, bytes | None]] = field(default_factory=dict, repr=False)
    """DER of what Entra ID trusts by domain: the signing certificate, and the next one where there is one."""


def farm(scenario: Scenario, now: datetime, *, key: KeyKind = "rsa") -> Farm:
    """What a scenario is like as of ``now``; one that does not answer with metadata has nothing."""
    if scenario.answer is not Answer.METADATA:
        return Farm()
    brand, authority = "ADFS", None
    if scenario.profile is Profile.ADFS_MANUAL:
        brand, authority = "Token", _enterprise_authority(now, key)

    def minted(use: str, lifetime: Lifetime, gap: timedelta = timedelta()) -> KeyPair:
        return mint(
            f"CN={brand} {use} - {scenario.host}",
            not_before=now + timedelta(days=lifetime.not_before) + gap,
            not_after=now + timedelta(days=lifetime.not_after) + gap,
            issuer=authority,
            key=key,
        )

    signing = [minted("Signing", lifetime) for lifetime in scenario.signing]
    encryption = minted("Encryption", scenario.signing[scenario.primary], _PAIR_GAP)
    signer = signing[scenario.primary]

    def published(serves: Sequence[int]) -> bytes:
        served = [signing[index] for index in serves]
        return adfs_metadata(
            scenario.host,
            signing=[*served, _cut_off(signer)] if scenario.broken else served,
            encryption=[encryption],
            signer=signer,
            entity_id=scenario.entity_id,
        )

    def der(trusted: Trusted) -> bytes:
        return (minted("Signing", trusted) if isinstance(trusted, Lifetime) else signing[trusted]).der

    service = published(range(len(signing)))
    nodes = {each.node: service if each.serves is None else published(each.serves) for each in scenario.others}
    return Farm(
        {SERVICE: service, **nodes},
        {
            each.name: (der(each.signing), None if each.next_signing is None else der(each.next_signing))
            for each in scenario.domains
        },
    )


def document(scenario: Scenario, now: datetime, *, key: KeyKind = "rsa") -> bytes:
    """The metadata document of a scenario that answers with one, with keys and certificates of its own."""
    return farm(scenario, now, key=key).documents[SERVICE]


def _enterprise_authority(now: datetime, key: KeyKind) -> KeyPair:
    return mint(
        "CN=Example Enterprise CA,O=Example",
        not_before=now - _AUTHORITY_LIFE,
        not_after=now + _AUTHORITY_LIFE,
        key=key,
        authority=True,
    )


def _cut_off(pair: KeyPair) -> bytes:
    return base64.b64encode(pair.der[: len(pair.der) // 2])
