"""Fourteen months of seven farms: what each publishes from which day on, and which alerts that must raise.

Days count from the first second of 1970, because promtool's clock starts there. The comments tell a farm's story
against T, the end of the certificate it signs with. Nothing but what stands under ``fires`` may fire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial

from builders import DAY, SECOND, adfs, authority, encryption_pair, pair

from exporter.demo.documents import KeyPair
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

    @cache  # noqa: B019 - a farm lives as long as the tests
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


@dataclass(frozen=True)
class Life:
    """What is published from which day on, and which alerts that must raise."""

    story: str
    published: Mapping[float, Farm | Reason]
    """By day: what a farm publishes, or why every look fails, from then on."""
    fires: Sequence[Firing] = ()

    def on(self, day: float) -> Farm | Reason:
        """What a look on this day finds."""
        return self.published[max(begin for begin in self.published if begin <= day)]

    def firing(self, day: float) -> Sequence[Firing]:
        """What must fire on this day, the worst first."""
        return sorted((each for each in self.fires if each.begin <= day < each.end), key=_worst_first)


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


FIRST = generated(0, 365)
SECOND_YEAR = generated(345.25, 710.25)
AT_ONCE = generated(199.9, 564.9)
AFTER_THE_END = generated(366.1, 731.1)
BY_HAND, RENEWED = enrolled(-365, 365), enrolled(361, 1091)
OLDER, NEWER = generated(-245, 120), generated(100.25, 465.25)
OLD_AND_LONG = generated(-1000, 2650)

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
        {0: FIRST, 345.25: beside(FIRST, SECOND_YEAR), 350.5: beside(SECOND_YEAR, FIRST), 395: SECOND_YEAR},
        [
            info("FedmetaSuccessorPublished", 345.25, 350.5),
            info("FedmetaPrimaryChanged", 350.5, 351.5),
        ],
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
            # There is a successor now, and three days to promote it in: Alertmanager lets the critical one through.
            critical("FedmetaPromotionStalledLate", 362, 363),
            warning("FedmetaPromotionStalled", 362, 363),
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
            warning("FedmetaMetadataUnreachable", 362, 369),
            critical("FedmetaMetadataUnreachableInPollWindow", 363, 369),
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
