"""What raises each alert about a target: what documents, answers and the exporter say before, during and after it.

Minutes count from the first second of 1970, because promtool's clock starts there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import scrapes
from builders import DAY, ENCRYPTION_SUBJECT, HOUR, looking, probed, watched, with_looks
from found import never_readable, no_longer_readable, provider
from scrapes import FARM, UNSIGNED, adfs_entity, answer, document, failed, federated, good, idp, signed_by, unanswered

from exporter.config.settings import INTERNET, SERVICE, Entra, Place, Target
from exporter.exposition.own import Status
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.model import (
    Certificate,
    Document,
    FaultKind,
    Observation,
    Reason,
    Signature,
    SignatureState,
    StorageStatus,
    Weakness,
)
from exporter.record import Record, bare

START = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEP = 5
"""Minutes between two looks, inquiries, scrapes and evaluations."""
A_DAY = 1440
"""Minutes."""

SURE = 460
"""Minutes that a look takes to be sure that it reads again what it could not for hours: three probes in a row."""

HOLDS = 30
USUAL = 450
"""Minutes after which most stories are mended."""
AT = START + HOLDS * MINUTE
"""The moment from which on most stories hold what raises their alert."""

Found = Callable[[datetime], Observation]
"""What a probe of some moment finds."""

Published = Mapping[int, Found | None]
"""What probes find from which minute on. None: there is no probe."""

Trusted = Mapping[int, DomainTrust | TrustReason]
"""What Entra ID says of a domain, or why it does not answer, from which minute on."""


@dataclass(frozen=True)
class Story:
    """What happens to one target, which raises one alert.

    Scrapes fail while it holds, and later there are none at all until it is over.
    """

    alert: str
    published: Published
    target: Target = FARM
    others: Mapping[Place, Published] = field(default_factory=dict)
    """What other looks find."""
    domains: Mapping[str, Trusted] = field(default_factory=dict)
    statuses: Mapping[int, Status] = field(default_factory=dict)
    """How the exporter is."""
    holds: int = HOLDS
    """The minute from which on what raises the alert is so."""
    lasts: int = USUAL
    """For how many minutes."""
    fires: Sequence[range] | None = None
    """In which minutes it fires. None: from its ``for`` on until the first scrape after it is over, whatever fails."""
    told: int = 70
    """How many minutes after it began its text is compared."""
    until: int | None = None
    """The last minute that is looked at. None: shortly after it is over."""
    passes: int | None = None
    """After how many minutes the alert ends by itself."""
    outlives: int | None = None
    """For how many minutes it goes on when scrapes fail; None: for as long as they do."""
    remembers: bool = False
    """It rests on what was seen before: who takes the target over without the state file knows nothing of it."""
    never: bool = False
    """It is about what nobody ever saw: there is no such alert beside an exporter that sees."""
    seen_by_some: bool = True
    """One exporter can see what raises it while another sees nothing."""

    @property
    def seen_by_nobody(self) -> bool:
        """Whether it is that no exporter can read the document: not only that of a node."""
        unread = self.alert == "FedmetaMetadataOfAnotherEntity" or self.alert.startswith("FedmetaMetadataUnreachable")
        return unread and PROXY not in self.others

    @property
    def over(self) -> int:
        """The minute of the first scrape that finds it mended."""
        return self.holds + self.lasts

    def is_scraped(self, minute: int) -> bool:
        """Whether the scrape of a minute succeeds."""
        since = minute - self.holds
        return not (120 <= since < 180 or 210 <= since < self.lasts)

    def minutes(self) -> range:
        """The minutes of all looks, scrapes and evaluations."""
        return range(0, (self.until or self.over + STEP) + 1, STEP)

    def changes(self) -> Sequence[Mapping[int, object]]:
        """What is found from which minute on, of the service, of other looks and of domains."""
        return (self.published, *self.others.values(), *self.domains.values())

    def unknown(self) -> Record:
        """What is known before the first look."""
        looks = (replace(self.target.look, node=place.node, vantage=place.vantage) for place in self.others)
        target = with_looks(self.target, *looks)
        return bare(replace(target, entra=Entra(tuple(self.domains)) if self.domains else None))

    def records(self) -> Iterator[Record]:
        """What is known at each of these minutes."""
        record = self.unknown()
        for minute in sorted({minute for each in self.changes() for minute in each if minute < 0}):
            record = self.after(record, minute)
        for minute in self.minutes():
            record = self.after(record, minute)
            yield record

    def after(self, record: Record, minute: int) -> Record:
        """What is known when everything is looked at in this minute."""
        at = START + minute * MINUTE
        for look in record.target.looks:
            found = on(minute, self.others.get(look.place, self.published))
            if found is not None:
                record = probed(record, found(at), look=look)
        for domain, trusted in self.domains.items():
            said = on(minute, trusted)
            if said is not None:
                inquiry = unanswered(said, at) if isinstance(said, TrustReason) else answer(said, at)
                record = scrapes.told(record, domain, inquiry)
        return record


T = TypeVar("T")


def on(minute: int, found: Mapping[int, T]) -> T | None:
    """What holds in this minute; None before all."""
    begun = [begin for begin in found if begin <= minute]
    return found[max(begun)] if begun else None


def before(days: float) -> int:
    """The minute this many days before most stories hold."""
    return HOLDS - round(days * A_DAY)


def certificate(digit: str, begins: float, ends: float, **said: object) -> Certificate:
    """A certificate whose dates count in days from the moment at which most stories hold."""
    return scrapes.certificate(digit, not_before=AT + begins * DAY, not_after=AT + ends * DAY, **said)  # type: ignore[arg-type]  # any field


def decrypting(begins: float, ends: float, **said: object) -> Certificate:
    """A token-decrypting certificate."""
    return certificate("e", begins, ends, subject=ENCRYPTION_SUBJECT, **said)


def publishes(found: Document, *, tls: datetime = AT + 300 * DAY) -> Found:
    """Probes that get this document."""
    return lambda at: replace(good(found, at), tls_not_after=tls)


def fails(reason: Reason, *, tls: datetime | None = None) -> Found:
    """Probes that get none."""
    return lambda at: failed(reason, at, phases={}, tls_not_after=tls)


def farm(
    *signing: Certificate,
    signer: Certificate | None = None,
    encryption: Certificate | None = None,
    signature: Signature | None = None,
    valid_until: datetime | None = None,
    faults: Sequence[FaultKind] = (),
    tls: datetime = AT + 300 * DAY,
) -> Found:
    """Probes that get a farm's document; the first of its certificates signs it, where no other is said to."""
    content = document(
        adfs_entity(*signing, encryption=encryption or ENCRYPTION),
        signature=signature or signed_by(signer or signing[0]),
        valid_until=valid_until,
        faults=faults,
    )
    return publishes(content, tls=tls)


def clock(ahead: timedelta) -> Found:
    """Probes of a healthy farm whose clock is so far behind ours."""
    return lambda at: replace(HEALTHY(at), clock=at - ahead)


def federation(*ends: float, watched_too: bool = True) -> Found:
    """Probes that get an aggregate: identity providers whose certificates end in so many days, and one more."""
    others = [idp(certificate("a", -100, end), entity_id=f"https://{n}.example/") for n, end in enumerate(ends)]
    of_ours = [idp(LONG, entity_id="https://ours.example/")] if watched_too else []
    return publishes(document(*others, *of_ours, aggregate=True))


def says(
    signing: Certificate,
    following: Certificate | None = None,
    update: UpdateResult = UpdateResult.NO_NEW_CERTIFICATE_FOUND,
    updated: datetime | None = AT - timedelta(hours=6),
) -> DomainTrust:
    """What Graph says of a domain that trusts these."""
    return replace(federated(signing=signing, following=following, update=update), updated=updated)


LONG = certificate("1", -100, 265)
ENCRYPTION = decrypting(-100, 265)
NEXT = certificate("2", 0, 365)
STRANGE = certificate("9", -400, 100)
HEALTHY_DOCUMENT = document(adfs_entity(LONG, encryption=ENCRYPTION), signature=signed_by(LONG))
HEALTHY = publishes(HEALTHY_DOCUMENT)
AFTERWARDS = farm(NEXT)
"""Healthy with other keys: what comes back within a day takes turns with what was between, which then has not gone."""
RUNS = Status("1", START, 1, failures={}, reloaded=True, reloaded_at=START)

ENDS_IN_5 = certificate("1", -360, 5)
ENDS_IN_13 = certificate("1", -352, 13)
ENDS_IN_15 = certificate("1", -350, 15)
ENDS_IN_17 = certificate("1", -348, 17)
ENDS_IN_19 = certificate("1", -346, 19)
ENDS_IN_20 = certificate("1", -345, 20)
OF_A_CA = certificate("1", -330, 35, issuer="CN=Contoso CA")
OF_A_CA_AND_LATE = certificate("1", -350, 15, issuer="CN=Contoso CA")
NEXT_OF_A_CA = certificate("2", -10, 355, issuer="CN=Contoso CA")
TWO_WEEKS_OLD, ONE_WEEK_OLD, THREE_DAYS_OLD, OF_YESTERDAY = (
    certificate("2", -age, 365 - age) for age in (14, 6.5, 3, 1.5)
)
OF_THIS_WEEK = certificate("2", -3, 362)
UNPAIRED = decrypting(-40, 325)
WEAK = decrypting(-100, 265, weaknesses=(Weakness.SHORT_KEY, Weakness.SHA1))
NOT_READ = UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST
IDP_ENDS_IN_50 = certificate("1", -315, 50)
FEDERATION = watched("federation", "http://metadata.example/aggregate.xml", watch=("https://ours.*",))
PROXY, OUTSIDE = Place("wap1", "default"), Place(SERVICE, INTERNET)

STORIES: Mapping[str, Story] = {
    "the primary is about to end, and nothing follows": Story(
        "FedmetaRolloverMissing", {-60: farm(ENDS_IN_5), 480: farm(ENDS_IN_5, NEXT)}
    ),
    "the primary ended": Story(
        "FedmetaSigningCertificateExpired", {-60: farm(certificate("1", -365, 0)), 480: farm(NEXT)}
    ),
    "the primary has not begun": Story(
        "FedmetaSigningCertificateExpired", {-60: HEALTHY, HOLDS: farm(certificate("2", 10, 375)), 480: AFTERWARDS}
    ),
    "there is no signing key": Story(
        "FedmetaNoSigningKey",
        {-60: publishes(document(idp(LONG))), HOLDS: publishes(document(idp())), 480: publishes(document(idp(NEXT)))},
    ),
    "no certificate of a signing key can be read": Story(
        "FedmetaSigningKeysUnreadable",
        {-60: publishes(document(idp(NEXT))), HOLDS: publishes(never_readable()), 480: publishes(document(idp(LONG)))},
    ),
    "nobody promotes, and the end is near": Story(
        "FedmetaPromotionStalledLate",
        {before(14): farm(ENDS_IN_5, TWO_WEEKS_OLD), 480: farm(TWO_WEEKS_OLD, ENDS_IN_5)},
    ),
    "nobody promotes": Story(
        "FedmetaPromotionStalled", {before(6.5): farm(ENDS_IN_13, ONE_WEEK_OLD), 480: farm(ONE_WEEK_OLD, ENDS_IN_13)}
    ),
    "a promotion is taken back": Story(
        "FedmetaPromotionRolledBack",
        {
            before(2.2): farm(LONG, OF_THIS_WEEK, encryption=UNPAIRED),
            before(1.5): farm(LONG, OF_THIS_WEEK, signer=OF_THIS_WEEK, encryption=UNPAIRED),
            before(0.7): farm(LONG, OF_THIS_WEEK, signer=OF_THIS_WEEK, encryption=UNPAIRED),
            HOLDS: farm(LONG, OF_THIS_WEEK, encryption=UNPAIRED),
        },
        lasts=A_DAY,
        remembers=True,
    ),
    "what says which certificate is primary does not agree": Story(
        "FedmetaPrimaryDisputed",
        {-60: HEALTHY, HOLDS: farm(LONG, NEXT, signer=NEXT), 480: farm(LONG, NEXT, signer=NEXT, encryption=UNPAIRED)},
    ),
    "one of two keys that may be signing is about to end": Story(
        "FedmetaPossiblePrimaryEnding",
        {
            -60: farm(ENDS_IN_5, NEXT_OF_A_CA, signature=UNSIGNED, encryption=UNPAIRED),
            480: farm(NEXT_OF_A_CA, signature=UNSIGNED, encryption=UNPAIRED),
        },
    ),
    "AD FS generates nothing": Story("FedmetaRolloverOverdue", {-60: farm(ENDS_IN_19), 480: farm(ENDS_IN_19, NEXT)}),
    "nobody renews": Story("FedmetaRenewalDue", {-60: farm(OF_A_CA), 480: farm(OF_A_CA, NEXT_OF_A_CA)}),
    "a service provider's certificate ended": Story(
        "FedmetaSpCertificateExpired",
        {-60: publishes(provider(certificate("1", -365, 0))), 480: publishes(provider(NEXT))},
    ),
    "a service provider's certificate has not begun": Story(
        "FedmetaSpCertificateExpired",
        {
            -60: publishes(provider(LONG)),
            HOLDS: publishes(provider(certificate("1", 30, 395))),
            480: publishes(provider(NEXT)),
        },
    ),
    "a service provider's certificate is about to end": Story(
        "FedmetaSpCertificateEnding", {-60: publishes(provider(ENDS_IN_5)), 480: publishes(provider(NEXT))}
    ),
    "AD FS generates": Story(
        "FedmetaSuccessorPublished",
        {-60: farm(ENDS_IN_20), HOLDS: farm(ENDS_IN_20, NEXT), 480: farm(NEXT, ENDS_IN_20)},
    ),
    "an identity provider's people publish the next one": Story(
        "FedmetaSuccessorPublished",
        {
            -60: publishes(document(idp(IDP_ENDS_IN_50))),
            HOLDS: publishes(document(idp(IDP_ENDS_IN_50, NEXT))),
            480: publishes(document(idp(NEXT))),
        },
    ),
    "AD FS promotes": Story(
        "FedmetaPrimaryChanged",
        {-60: farm(ENDS_IN_15, THREE_DAYS_OLD), HOLDS: farm(THREE_DAYS_OLD, ENDS_IN_15)},
        lasts=A_DAY,
        remembers=True,
    ),
    "all keys are replaced": Story(
        "FedmetaKeySetReplaced", {-60: HEALTHY, HOLDS: farm(NEXT)}, lasts=A_DAY, remembers=True
    ),
    "all keys of a service provider are replaced": Story(
        "FedmetaSpKeySetReplaced",
        {-60: publishes(provider(LONG)), HOLDS: publishes(provider(NEXT))},
        lasts=A_DAY,
        remembers=True,
    ),
    "a key comes that nobody expects": Story(
        "FedmetaUnexpectedSigningCertificate",
        {-60: HEALTHY, HOLDS: farm(LONG, NEXT)},
        lasts=A_DAY,
        remembers=True,
    ),
    "keys change while nobody can look": Story(
        "FedmetaSigningKeysChanged",
        {before(2): farm(ENDS_IN_20), before(2) + STEP: fails(Reason.TIMEOUT), HOLDS: farm(NEXT)},
        lasts=A_DAY,
        remembers=True,
        seen_by_some=False,
    ),
    "a certificate cannot be read": Story(
        "FedmetaCertificateUnreadable",
        {-60: HEALTHY, HOLDS: farm(LONG, faults=[FaultKind.CERTIFICATE_DER]), 480: HEALTHY},
    ),
    "a certificate cannot be read any more": Story(
        "FedmetaCertificateNoLongerReadable",
        {
            -60: HEALTHY,
            HOLDS: lambda at: replace(HEALTHY(at), document=no_longer_readable(HEALTHY_DOCUMENT)),
            480: HEALTHY,
        },
    ),
    "the token-decrypting certificate is about to end": Story(
        "FedmetaEncryptionCertificateExpiring", {-60: farm(LONG, encryption=decrypting(-351, 14)), 480: HEALTHY}
    ),
    "the token-decrypting certificate ended": Story(
        "FedmetaEncryptionCertificateExpiring",
        {-60: HEALTHY, HOLDS: farm(LONG, encryption=decrypting(-368, -3)), 480: HEALTHY},
    ),
    "a certificate is weak": Story(
        "FedmetaCertificateWeak", {-60: HEALTHY, HOLDS: farm(LONG, encryption=WEAK), 480: HEALTHY}
    ),
    "Entra ID trusts another certificate": Story(
        "FedmetaTrustBroken",
        {-60: HEALTHY},
        domains={"contoso.com": {-60: says(LONG), HOLDS: says(STRANGE), 480: says(LONG)}},
    ),
    "Entra ID trusts another certificate, and does not answer any more": Story(
        "FedmetaTrustBroken",
        {-60: HEALTHY},
        domains={
            "contoso.com": {-60: says(LONG), HOLDS: says(STRANGE), HOLDS + STEP: TrustReason.TIMEOUT, 480: says(LONG)}
        },
        told=205,
    ),
    "a proxy serves keys that Entra ID does not trust": Story(
        "FedmetaTrustBrokenAtNode",
        {-200: HEALTHY},
        others={PROXY: {-200: HEALTHY, HOLDS - 120: farm(STRANGE), 480: HEALTHY}},
        domains={"contoso.com": {-200: says(LONG)}},
        remembers=True,
    ),
    "Entra ID lacks the next certificate two days before its promotion": Story(
        "FedmetaTrustAtRisk",
        {before(3): farm(ENDS_IN_17, THREE_DAYS_OLD)},
        domains={"contoso.com": {before(3): says(ENDS_IN_17), 480: says(ENDS_IN_17, THREE_DAYS_OLD)}},
    ),
    "Entra ID lacks the next certificate of people who renew by hand": Story(
        "FedmetaTrustAtRisk",
        {before(10): farm(OF_A_CA_AND_LATE, NEXT_OF_A_CA)},
        domains={"contoso.com": {before(10): says(OF_A_CA_AND_LATE), 480: says(OF_A_CA_AND_LATE, NEXT_OF_A_CA)}},
    ),
    "Entra ID lacks the next certificate, and does not answer any more": Story(
        "FedmetaTrustAtRisk",
        {before(3): farm(ENDS_IN_17, THREE_DAYS_OLD)},
        domains={
            "contoso.com": {
                before(3): says(ENDS_IN_17),
                HOLDS + STEP: TrustReason.TIMEOUT,
                480: says(ENDS_IN_17, THREE_DAYS_OLD),
            }
        },
        told=205,
    ),
    "Entra ID does not take the next certificate": Story(
        "FedmetaTrustPendingTooLong",
        {before(1.5): farm(ENDS_IN_19, OF_YESTERDAY)},
        domains={"contoso.com": {before(1.5): says(ENDS_IN_19), 480: says(ENDS_IN_19, OF_YESTERDAY)}},
        remembers=True,
    ),
    "Entra ID trusts a certificate that nobody publishes": Story(
        "FedmetaTrustForeignCertificate",
        {-60: HEALTHY},
        domains={"contoso.com": {-60: says(LONG), HOLDS: says(LONG, STRANGE), 480: says(LONG)}},
    ),
    "Entra ID follows for one domain of three": Story(
        "FedmetaTrustHalfUpdated",
        {before(1): farm(ENDS_IN_19, NEXT)},
        domains={
            "contoso.com": {before(1): says(ENDS_IN_19, NEXT)},
            "fabrikam.com": {before(1): says(ENDS_IN_19), 480: says(ENDS_IN_19, NEXT)},
            "adatum.com": {before(1): says(ENDS_IN_19), 480: says(ENDS_IN_19, NEXT)},
        },
        remembers=True,
    ),
    "Entra ID cannot read the metadata": Story(
        "FedmetaEntraCannotReadMetadata",
        {-60: farm(ENDS_IN_20), HOLDS: farm(ENDS_IN_20, NEXT)},
        domains={"contoso.com": {-60: says(ENDS_IN_20, update=NOT_READ), 480: says(ENDS_IN_20, NEXT, update=NOT_READ)}},
    ),
    "Entra ID cannot read the metadata, and does not say since when": Story(
        "FedmetaEntraCannotReadMetadata",
        {-60: farm(ENDS_IN_20), HOLDS: farm(ENDS_IN_20, NEXT)},
        domains={"contoso.com": {-60: says(ENDS_IN_20, update=NOT_READ, updated=None), 480: says(ENDS_IN_20, NEXT)}},
    ),
    "people of a domain sign in elsewhere": Story(
        "FedmetaTrustNotFederated",
        {-60: HEALTHY},
        domains={"contoso.com": {-60: says(LONG), HOLDS: replace(says(LONG), federated=False), 480: says(LONG)}},
    ),
    "Entra ID does not answer any more": Story(
        "FedmetaTrustStale",
        {-200: HEALTHY},
        # Three intervals of an hour, and ten minutes more.
        domains={"contoso.com": {HOLDS - 190: says(LONG), HOLDS - 185: TrustReason.REFUSED, 480: says(LONG)}},
        remembers=True,
    ),
    "Entra ID never answered": Story(
        "FedmetaTrustStale",
        {-200: HEALTHY},
        domains={"contoso.com": {HOLDS: TrustReason.PERMISSION, 480: says(LONG)}},
        never=True,
    ),
    "Entra ID's answer does not suffice": Story(
        "FedmetaTrustUnknown",
        {-60: HEALTHY},
        domains={
            "contoso.com": {
                -60: says(LONG),
                HOLDS: replace(says(LONG), certificates={}, unreadable=(Slot.SIGNING,)),
                480: says(LONG),
            }
        },
    ),
    "the metadata cannot be read": Story(
        "FedmetaMetadataUnreachable",
        {-60: HEALTHY, HOLDS: fails(Reason.TIMEOUT), 480: HEALTHY},
        target=looking(FARM, vantage=INTERNET),
        lasts=SURE,
        remembers=True,
    ),
    "one probe of many gets the metadata": Story(
        "FedmetaMetadataUnreachable",
        {-60: HEALTHY, HOLDS: fails(Reason.TIMEOUT), 225: HEALTHY, 230: fails(Reason.TIMEOUT), 480: HEALTHY},
        lasts=SURE,
    ),
    "a node's metadata cannot be read": Story(
        "FedmetaMetadataUnreachable",
        {-60: HEALTHY},
        others={PROXY: {-60: HEALTHY, HOLDS: fails(Reason.REFUSED), 480: HEALTHY}},
        lasts=SURE,
    ),
    "the metadata cannot be read from the internet": Story(
        "FedmetaMetadataUnreachableFromInternet",
        {-60: HEALTHY},
        others={OUTSIDE: {-60: HEALTHY, HOLDS: fails(Reason.TIMEOUT), 480: HEALTHY}},
        lasts=SURE,
    ),
    "the metadata cannot be read while Entra ID must read it": Story(
        "FedmetaMetadataUnreachableInPollWindow",
        {before(1): farm(ENDS_IN_20), before(1) + STEP: fails(Reason.TIMEOUT), 480: farm(ENDS_IN_20)},
        target=looking(FARM, vantage=INTERNET),
        lasts=SURE,
        remembers=True,
        seen_by_some=False,
    ),
    "the metadata was never read": Story(
        "FedmetaMetadataNeverRead", {HOLDS: fails(Reason.DNS), 480: HEALTHY}, never=True
    ),
    "the address answers for another entity": Story(
        "FedmetaMetadataOfAnotherEntity",
        {-60: HEALTHY, HOLDS: fails(Reason.ENTITY_MISMATCH), 480: HEALTHY},
        target=looking(FARM, vantage=INTERNET),
        lasts=SURE,
        remembers=True,
    ),
    "two nodes behind one address take turns": Story(
        "FedmetaAnswersTakeTurns",
        # Every half an hour, the last time at the moment from which on it is told, until one was not seen for a day.
        {HOLDS - 30 * turn: farm(ENDS_IN_20, NEXT) if turn % 2 else farm(ENDS_IN_20) for turn in reversed(range(7))},
        lasts=A_DAY - STEP,
        remembers=True,
    ),
    "a proxy serves the keys of before": Story(
        "FedmetaNodesDiffer",
        {-200: farm(ENDS_IN_20), HOLDS - 120: farm(ENDS_IN_20, NEXT)},
        others={PROXY: {-200: farm(ENDS_IN_20), 480: farm(ENDS_IN_20, NEXT)}},
        remembers=True,
    ),
    "the document is past its validUntil": Story(
        "FedmetaMetadataOutdated",
        {-60: farm(LONG, valid_until=AT), 480: farm(LONG, valid_until=AT + 7 * DAY)},
    ),
    "the document of a service provider is past its validUntil": Story(
        "FedmetaSpMetadataOutdated",
        {
            -60: publishes(provider(LONG, valid_until=AT)),
            480: publishes(provider(LONG, valid_until=AT + 7 * DAY)),
        },
    ),
    "the document nears its validUntil": Story(
        "FedmetaMetadataOutdatedSoon",
        {-60: farm(LONG, valid_until=AT + 2 * DAY), 480: farm(LONG, valid_until=AT + 7 * DAY)},
    ),
    "the document's signature does not verify": Story(
        "FedmetaSignatureInvalid",
        {-60: HEALTHY, HOLDS: farm(LONG, signature=signed_by(LONG, SignatureState.INVALID)), 480: AFTERWARDS},
    ),
    "the TLS certificate is about to end": Story(
        "FedmetaTlsCertificateExpiring", {-60: farm(LONG, tls=AT + 14 * DAY), 480: HEALTHY}
    ),
    "the TLS certificate ended, and nothing was ever read": Story(
        "FedmetaTlsCertificateExpiring",
        {HOLDS: fails(Reason.TLS_EXPIRED, tls=AT - DAY), 480: HEALTHY},
        seen_by_some=False,
    ),
    "the clocks differ by two hours": Story(
        "FedmetaClockWrong",
        {-60: HEALTHY, HOLDS: clock(2 * HOUR), 480: clock(timedelta())},
        seen_by_some=False,
    ),
    "a watched entity leaves its aggregate": Story(
        "FedmetaEntityVanished",
        {-60: federation(100, 100), HOLDS: federation(100, 100, watched_too=False)},
        target=FEDERATION,
        lasts=A_DAY,
        remembers=True,
    ),
    "entities of an aggregate end": Story(
        "FedmetaAggregateWorse",
        {0: federation(100, 100, -3), A_DAY + HOLDS: federation(-3, 3, -3), A_DAY + 480: federation(100, 100, -3)},
        target=FEDERATION,
        holds=A_DAY + HOLDS,
        # Scrapes that fail count as one that succeeded, for an hour; then the alert is kept for another.
        fires=[range(A_DAY + 90, A_DAY + 360)],
    ),
    "there is no look any more": Story(
        "FedmetaProbesStalled",
        {-60: HEALTHY, HOLDS - 15: None, 480: HEALTHY},
        fires=[range(35, 155), range(215, 245)],
        outlives=STEP,
    ),
    "an unexpected error ends a look": Story(
        "FedmetaWatchInterrupted",
        {-60: HEALTHY},
        statuses={0: RUNS, 90: replace(RUNS, restarts={FARM.name: 1})},
        holds=90,
        # Not again when scrapes succeed after some that failed.
        fires=[range(90, 150)],
        told=30,
        passes=60,
    ),
    "the configuration does not hold": Story(
        "FedmetaConfigReloadFailed",
        {-60: HEALTHY},
        statuses={0: RUNS, HOLDS: replace(RUNS, reloaded=False), 480: RUNS},
        fires=[range(40, 165), range(220, 255)],
        outlives=15,
    ),
    "the state cannot be saved": Story(
        "FedmetaStateNotSaved",
        {-60: HEALTHY},
        statuses={
            0: replace(RUNS, storage=StorageStatus(writable=True)),
            HOLDS: replace(RUNS, storage=StorageStatus(writable=False)),
            480: replace(RUNS, storage=StorageStatus(writable=True)),
        },
        fires=[range(45, 165), range(225, 255)],
        outlives=15,
    ),
}
