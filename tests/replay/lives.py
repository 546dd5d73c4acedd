"""Fourteen months of some farms: what each publishes and what Entra ID trusts from which day on, and which alerts
that must raise.

Days count from the first second of 1970, because promtool's clock starts there. The comments tell a farm's story
against T, the end of the certificate it signs with. Nothing but what stands under ``fires`` may fire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import TypeVar

from builders import DAY, HOST, SECOND, adfs, authority, encryption_pair, pair

from exporter.config.settings import INTERNET, SERVICE, TrustSource
from exporter.demo.documents import KeyPair
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.model import Document, Reason
from exporter.probe import read_document

START = datetime(1970, 1, 1, tzinfo=UTC)
DAYS = 425


@dataclass(frozen=True)
class Farm:
    """What a farm publishes: the primary signs the document, and only its encryption certificate stands in it."""

    primary: KeyPair
    encryption: KeyPair
    others: tuple[KeyPair, ...] = ()

    @cache  # noqa: B019 -- a farm lives as long as the tests
    def document(self) -> Document:
        """The demo's document for it, read as a look reads it."""
        signing = (*self.others, self.primary)
        return read_document(adfs(*signing, encryption=[self.encryption], signer=self.primary), signers=())


@dataclass(frozen=True)
class Firing:
    """An alert that fires from the beginning of one day until that of another."""

    severity: str
    alert: str
    begin: float
    end: float = DAYS


Published = Mapping[float, Farm | Reason]
"""By day: what a farm publishes, or why every look fails, from then on."""

Trusted = Mapping[float, DomainTrust | TrustReason]
"""By day: what Entra ID trusts for a domain, or why every inquiry fails, from then on."""


@dataclass(frozen=True)
class Life:
    """What is published and trusted from which day on, and which alerts that must raise."""

    story: str
    published: Published
    fires: Sequence[Firing] = ()
    domains: Mapping[str, Trusted] = field(default_factory=dict)
    """By domain."""
    others: Mapping[tuple[str, str], Published] = field(default_factory=dict)
    """By node and vantage: what other looks find."""

    def firing(self, day: float) -> Sequence[Firing]:
        """What must fire on this day, the worst first."""
        return sorted((each for each in self.fires if each.begin <= day < each.end), key=_worst_first)


T = TypeVar("T")


def on(day: float, found: Mapping[float, T]) -> T:
    """What holds on this day."""
    return found[max(begin for begin in found if begin <= day)]


def _worst_first(firing: Firing) -> tuple[int, str]:
    return ("critical", "warning", "info").index(firing.severity), firing.alert


critical, warning, info = (partial(Firing, severity) for severity in ("critical", "warning", "info"))


def generated(begin: float, end: float) -> Farm:
    """A farm signing with a certificate that AD FS generated, and the encryption certificate along with it."""
    not_before, not_after = START + begin * DAY, START + end * DAY
    return Farm(
        pair(not_before=not_before, not_after=not_after),
        encryption_pair(not_before=not_before + 4 * SECOND, not_after=not_after + 4 * SECOND),
    )


def enrolled(begin: float, end: float) -> Farm:
    """A farm signing with a certificate that people enrolled; the encryption certificate has a calendar of its own."""
    issued = partial(pair, issuer=authority())
    return Farm(
        issued(not_before=START + begin * DAY, not_after=START + end * DAY),
        issued(not_before=START - 90 * DAY, not_after=START + 900 * DAY, subject="CN=decrypts"),
    )


def beside(farm: Farm, other: Farm) -> Farm:
    """The farm, with the signing certificate of the other one beside its primary."""
    return Farm(farm.primary, farm.encryption, (other.primary,))


def trusted(
    signing: Farm, following: Farm | None = None, result: UpdateResult = UpdateResult.NO_NEW_CERTIFICATE_FOUND
) -> DomainTrust:
    """What Graph says of a domain whose slots hold the primaries of these farms."""
    slots = {Slot.SIGNING: signing.primary.certificate}
    if following is not None:
        slots[Slot.NEXT] = following.primary.certificate
    return DomainTrust(TrustSource.GRAPH, federated=True, certificates=slots, service=HOST, update=result)


FIRST = generated(0, 365)
SECOND_YEAR = generated(345.25, 710.25)
AT_ONCE = generated(199.9, 564.9)
AFTER_THE_END = generated(366.1, 731.1)
BY_HAND, RENEWED = enrolled(-365, 365), enrolled(361, 1091)
OLDER, NEWER = generated(-245, 120), generated(100.25, 465.25)
OLD_AND_LONG = generated(-1000, 2650)
PLANTED = generated(-10, 3640)

NOT_READ = UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST
GOOD_ROLLOVER: Published = {
    0: FIRST,
    345.25: beside(FIRST, SECOND_YEAR),
    350.5: beside(SECOND_YEAR, FIRST),
    395: SECOND_YEAR,
}
"""AD FS generates at T-20, promotes five days later; the old certificate is removed a month after its end."""
ITS_NEWS = (info("FedmetaSuccessorPublished", 345.25, 350.5), info("FedmetaPrimaryChanged", 350.5, 351.5))

GENERATION_FAILS = (
    warning("FedmetaRolloverOverdue", 346, 360),  # T-19: a day after it should have been there
    # The pair ends together: at T-14 the token-decrypting certificate has a warning of its own.
    warning("FedmetaEncryptionCertificateExpiring", 351.25),
    critical("FedmetaRolloverMissing", 360, 365),  # T-5
    critical("FedmetaSigningCertificateExpired", 365),  # T, and on as long as nobody acts
)

LIVES = {
    "rollover that works": Life(
        "AD FS generates at T-20, promotes five days later; the old certificate is removed a month after its end.",
        GOOD_ROLLOVER,
        ITS_NEWS,
    ),
    "Entra ID follows": Life(
        "The rollover that works, and Entra ID finds the successor when it reads the metadata the next day.",
        GOOD_ROLLOVER,
        ITS_NEWS,
        domains={"contoso.com": {0: trusted(FIRST), 346: trusted(FIRST, SECOND_YEAR), 352: trusted(SECOND_YEAR)}},
    ),
    "Entra ID does not follow": Life(
        "The rollover that works, but Entra ID cannot read the metadata; people update the domain half a day too late.",
        GOOD_ROLLOVER,
        [
            *ITS_NEWS,
            warning("FedmetaEntraCannotReadMetadata", 345.25, 350.5),
            warning("FedmetaTrustPendingTooLong", 346.75, 348.25),
            critical("FedmetaTrustAtRisk", 348.25, 350.5),  # two days before the promotion
            critical("FedmetaTrustBroken", 350.5, 351),
        ],
        domains={
            "contoso.com": {0: trusted(FIRST, result=NOT_READ), 351: trusted(FIRST, SECOND_YEAR, result=NOT_READ)}
        },
    ),
    "half of the domains": Life(
        "Somebody updates one domain at once, and the other only when the pager has rung for it.",
        GOOD_ROLLOVER,
        [
            *ITS_NEWS,
            warning("FedmetaTrustPendingTooLong", 346.75, 348.25),
            warning("FedmetaTrustHalfUpdated", 346.25, 349),
            critical("FedmetaTrustAtRisk", 348.25, 349),
        ],
        domains={
            "contoso.com": {0: trusted(FIRST), 345.5: trusted(FIRST, SECOND_YEAR)},
            "fabrikam.com": {0: trusted(FIRST), 349: trusted(FIRST, SECOND_YEAR)},
        },
    ),
    "a foreign certificate": Life(
        "A certificate that the farm never had stands in the trust for three days.",
        {0: FIRST},
        [warning("FedmetaTrustForeignCertificate", 100, 103), *GENERATION_FAILS],
        domains={"contoso.com": {0: trusted(FIRST), 100: trusted(FIRST, PLANTED), 103: trusted(FIRST)}},
    ),
    "Graph refuses": Life(
        "The exporter's secret ends, and nobody renews it for ten days: what was known stays, and is called old.",
        GOOD_ROLLOVER,
        [*ITS_NEWS, warning("FedmetaTrustStale", 50.75, 60)],
        domains={
            "contoso.com": {
                0: trusted(FIRST),
                50: TrustReason.REFUSED,
                60: trusted(FIRST),
                346: trusted(FIRST, SECOND_YEAR),
                352: trusted(SECOND_YEAR),
            }
        },
    ),
    "a stale proxy": Life(
        "The rollover that works, but one proxy serves the old document for two days more.",
        GOOD_ROLLOVER,
        [*ITS_NEWS, warning("FedmetaNodesDiffer", 345.5, 347.25)],
        others={
            ("wap1", "default"): GOOD_ROLLOVER,
            ("wap2", "default"): {
                0: FIRST,
                347.25: beside(FIRST, SECOND_YEAR),
                **dict(list(GOOD_ROLLOVER.items())[2:]),
            },
        },
    ),
    "not from the internet": Life(
        "The rollover that works, while a firewall keeps the internet, and Entra ID, from reading the metadata.",
        GOOD_ROLLOVER,
        [
            *ITS_NEWS,
            # At T-35 it has been so for days: the warning becomes critical, until the farm signs with the successor.
            warning("FedmetaMetadataUnreachableFromInternet", 320, 330),
            critical("FedmetaMetadataUnreachableInPollWindow", 330, 350.5),
            warning("FedmetaMetadataUnreachableFromInternet", 350.5, 360),
        ],
        others={
            (SERVICE, INTERNET): {0: FIRST, 320: Reason.TIMEOUT, 360: beside(SECOND_YEAR, FIRST), 395: SECOND_YEAR}
        },
    ),
    "generation that fails": Life(
        "AD FS never generates a successor, and nobody acts.",
        {0: FIRST},
        GENERATION_FAILS,
    ),
    "renewed late by hand": Life(
        "People renew this farm, from the company's own CA, and remember it three days before the end.",
        {0: BY_HAND, 362: beside(BY_HAND, RENEWED), 363: beside(RENEWED, BY_HAND), 370: RENEWED},
        [
            warning("FedmetaRenewalDue", 330, 360),  # T-35
            critical("FedmetaRolloverMissing", 360, 362),  # T-5
            # There is a successor now, and three days to promote it in.
            critical("FedmetaPromotionStalledLate", 362, 363),
            info("FedmetaPrimaryChanged", 363, 364),
        ],
    ),
    "urgent, without overlap": Life(
        "Somebody runs Update-AdfsCertificate -Urgent: the whole set is another from one look to the next.",
        {0: FIRST, 200: AT_ONCE},
        [
            critical("FedmetaKeySetReplaced", 200, 201),
            info("FedmetaPrimaryChanged", 200, 201),
        ],
    ),
    "outage across the end": Life(
        "Generation fails, and for a week around the end nobody can read the metadata; then all is repaired.",
        {0: FIRST, 362: Reason.TIMEOUT, 369: AFTER_THE_END},
        [
            warning("FedmetaRolloverOverdue", 346, 360),
            warning("FedmetaEncryptionCertificateExpiring", 351.25, 369),
            # The last good document stays: what fires goes on firing, and turns into what is worse.
            critical("FedmetaRolloverMissing", 360, 365),
            critical("FedmetaSigningCertificateExpired", 365, 369),
            # A day after the last look that got one, the warning becomes critical.
            warning("FedmetaMetadataUnreachable", 362, 362.75),
            critical("FedmetaMetadataUnreachableInPollWindow", 362.75, 369),
            info("FedmetaSigningKeysChanged", 369, 370),
        ],
    ),
    "old one left in": Life(
        "A rollover that works; then the old certificate stays published for ten months after its end.",
        {0: OLDER, 100.25: beside(OLDER, NEWER), 105.5: beside(NEWER, OLDER)},
        [
            info("FedmetaSuccessorPublished", 100.25, 105.5),
            info("FedmetaPrimaryChanged", 105.5, 106.5),
        ],
    ),
    "old one that outlives": Life(
        "Generation fails, and beside the primary stands an old certificate valid for years: it hushes nothing.",
        {0: beside(FIRST, OLD_AND_LONG)},
        GENERATION_FAILS,
    ),
}
