"""Fourteen months of seven farms: what each publishes from which day on, and which alerts that must raise.

Days count from the first second of 1970, because promtool's clock starts there; a farm's own story is told against
T, the end of the certificate it signs with at first. Nothing but what stands under ``fires`` may fire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from builders import DAY
from scrapes import adfs_entity, certificate, document, pair, signed_by

from exporter.model import Certificate, Document, Reason

START = datetime(1970, 1, 1, tzinfo=UTC)
DAYS = 425

Pair = tuple[Certificate, Certificate]
"""A signing certificate, and the encryption certificate that is published while it is primary."""


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
    published: Mapping[float, Document | Reason]
    """By day: a document, or why a look fails from then on."""
    fires: Sequence[Firing] = ()

    def on(self, day: float) -> Document | Reason:
        """What a look on this day finds."""
        return self.published[max(begin for begin in self.published if begin <= day)]


critical, warning, info = (partial(Firing, severity) for severity in ("critical", "warning", "info"))


def generated(digits: str, begin: float, end: float) -> Pair:
    """What AD FS generates: both certificates at the same time."""
    signing, encryption = digits
    return pair(signing, encryption, not_before=START + begin * DAY, not_after=START + end * DAY)


def enrolled(digits: str, begin: float, end: float) -> Pair:
    """What people enrol with their own CA; the encryption certificate has a calendar of its own."""
    signing, encryption = digits
    issued = partial(certificate, issuer="CN=Example Enterprise CA")
    return (
        issued(signing, not_before=START + begin * DAY, not_after=START + end * DAY),
        issued(encryption, not_before=START - 90 * DAY, not_after=START + 900 * DAY, subject="CN=decrypts"),
    )


def farm(primary: Pair, *others: Pair) -> Document:
    """A farm as AD FS publishes it: the primary signs the document, and only its encryption certificate stands in it."""
    signing, encryption = primary
    secondaries = (secondary for secondary, _ in others)
    return document(adfs_entity(signing, *secondaries, encryption=encryption), signature=signed_by(signing))


FIRST = generated("12", 0, 365)
SECOND = generated("34", 345.25, 710.25)
AT_ONCE = generated("56", 199.9, 564.9)
AFTER_THE_END = generated("78", 366.1, 731.1)
BY_HAND, RENEWED = enrolled("ab", -365, 365), enrolled("cb", 361, 1091)
OLDER, NEWER = generated("12", -245, 120), generated("34", 100.25, 465.25)
OLD_AND_LONG = generated("9e", -1000, 2650)

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
        {0: farm(FIRST), 345.25: farm(FIRST, SECOND), 350.5: farm(SECOND, FIRST), 395: farm(SECOND)},
        [
            info("FedmetaSuccessorPublished", 345.25, 350.5),
            info("FedmetaPrimaryChanged", 350.5, 351.5),
        ],
    ),
    "generation that fails": Life(
        "AD FS never generates a successor, and nobody acts.",
        {0: farm(FIRST)},
        GENERATION_FAILS,
    ),
    "renewed late by hand": Life(
        "People renew this farm, from the company's own CA, and remember it three days before the end.",
        {0: farm(BY_HAND), 362: farm(BY_HAND, RENEWED), 363: farm(RENEWED, BY_HAND), 370: farm(RENEWED)},
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
        {0: farm(FIRST), 200: farm(AT_ONCE)},
        [
            critical("FedmetaKeySetReplaced", 200, 201),
            info("FedmetaPrimaryChanged", 200, 201),
        ],
    ),
    "outage across the end": Life(
        "Generation fails, and for a week around the end nobody can read the metadata; then all is repaired.",
        {0: farm(FIRST), 362: Reason.TIMEOUT, 369: farm(AFTER_THE_END)},
        [
            warning("FedmetaRolloverOverdue", 346, 360),
            warning("FedmetaEncryptionCertificateExpiring", 351.25, 369),
            # The last good document stays: what fires goes on firing, and turns into what is worse.
            critical("FedmetaRolloverMissing", 360, 365),
            critical("FedmetaSigningCertificateExpired", 365, 369),
            warning("FedmetaMetadataUnreachable", 362, 369),
            critical("FedmetaMetadataUnreachableInPollWindow", 363, 369),
        ],
    ),
    "old one left in": Life(
        "A rollover that works; then the old certificate stays published for ten months after its end.",
        {0: farm(OLDER), 100.25: farm(OLDER, NEWER), 105.5: farm(NEWER, OLDER)},
        [
            info("FedmetaSuccessorPublished", 100.25, 105.5),
            info("FedmetaPrimaryChanged", 105.5, 106.5),
        ],
    ),
    "old one that outlives": Life(
        "Generation fails, and beside the primary stands an old certificate that is valid for years: it hushes nothing.",
        {0: farm(FIRST, OLD_AND_LONG)},
        GENERATION_FAILS,
    ),
}
