"""Fourteen months in the life of a farm, one look a day: the states as days go by, and the changes seen.

Each life says what is published on a day, and the states that the table of docs/design.md gives for it.
Looks are at midnight from day 0 on, so a look on day ``d`` finds the primary, which ends on day 365 unless
a life says otherwise, with ``365 - d`` days left. The whole stories stand in tests/golden/lives.txt.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from builders import DAY, ENCRYPTION_SUBJECT, HOST, authority, certificate, entity_of, farm, metadata_of, role_of

from exporter.advice import advice
from exporter.config.settings import Target
from exporter.history import Change
from exporter.model import Certificate, Document, Metadata, Observation, Reason, Role, Signature, SignatureState, Use
from exporter.policy import PolicySettings, Profile
from exporter.record import Record, advance
from exporter.rollover import Rollover, Severity, State

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 425
GOLDEN = Path(__file__).parents[1] / "golden" / "lives.txt"


@dataclass(frozen=True)
class Published:
    """What a document holds on a day."""

    signing: Sequence[Certificate]
    signer: Certificate | None
    """None: the document is not signed."""
    encryption: Sequence[Certificate] = ()

    @property
    def document(self) -> Document:
        metadata = farm(*self.signing, encryption=self.encryption)
        state = SignatureState.VALID if self.signer else SignatureState.UNSIGNED
        signature = Signature(state, self.signer.fingerprint if self.signer else None, "")
        return document_of(metadata, signature)


def document_of(metadata: Metadata, signature: Signature) -> Document:
    return Document(metadata, signature, size=0, digest="", etag=None, last_modified=None, packed=b"")


Run = tuple[int, State, Severity]
"""The first day of a state and severity."""


@dataclass(frozen=True)
class Life:
    """What is published day by day, and what must be made of it."""

    story: str
    on: Callable[[int], Published | Reason | None]
    """By day: the document, or why a look fails, or None: nobody looks."""
    states: Sequence[Run]
    promoted: int | None = None
    """The day on which history saw the primary change."""
    changes: Mapping[Change, int] = field(default_factory=dict)
    """Of the signing keys: the last day of each kind of change."""
    profile: Profile = Profile.ADFS
    settings: PolicySettings = field(default_factory=PolicySettings)


@dataclass(frozen=True)
class Day:
    """A day on which somebody looked."""

    number: int
    record: Record
    rollover: Rollover

    @property
    def advice(self) -> str:
        return advice(self.rollover, self.record.policy, START + self.number * DAY)


def lived(life: Life) -> Iterator[Day]:
    record = Record(Target(name="fs", url=f"https://{HOST}/metadata.xml", policy=life.settings))
    for number in range(DAYS):
        published = life.on(number)
        if published is None:
            continue
        at = START + number * DAY
        failed = isinstance(published, Reason)
        observation = Observation(
            at=at,
            reason=published if isinstance(published, Reason) else None,
            detail="no answer" if failed else "",
            phases={},
            http_status=None,
            tls_not_after=None,
            document=None if isinstance(published, Reason) else published.document,
        )
        record = advance(record, observation)
        (rollover,) = record.judge(at)
        yield Day(number, record, rollover)


def runs(days: Sequence[Day]) -> list[Run]:
    """The days on which the state or its severity became another."""
    told = [(day.number, day.rollover.state, day.rollover.severity) for day in days]
    return told[:1] + [after for before, after in pairwise(told) if before[1:] != after[1:]]


def from_to(begin: float, end: float, *, issued: bool = False, nth: int = 0) -> Certificate:
    """A signing certificate valid between two days; a second one of the same days is the ``nth``."""
    return certificate(
        not_before=START + timedelta(days=begin),
        not_after=START + timedelta(days=end),
        issuer=authority() if issued else None,
        nth=nth,
    )


def paired(signing: Certificate) -> Certificate:
    """The encryption certificate that AD FS made along with a signing certificate."""
    seconds = timedelta(seconds=4)
    return certificate(
        not_before=signing.not_before + seconds, not_after=signing.not_after + seconds, subject=ENCRYPTION_SUBJECT
    )


def farm_signing_with(primary: Certificate, *others: Certificate) -> Published:
    """A farm as AD FS keeps it: the primary signs the document, and only its encryption certificate is published."""
    return Published((primary, *others), signer=primary, encryption=(paired(primary),))


def by_hand(primary: Certificate, *others: Certificate) -> Published:
    """A farm kept by hand: the encryption certificate has a calendar of its own."""
    return Published((*others, primary), signer=primary, encryption=(from_to(-90, 900, nth=1),))


def unsigned(*signing: Certificate) -> Published:
    return Published(signing, signer=None)


OK, INFO, WARNING, CRITICAL = Severity

FIRST = from_to(0, 365)
# T-20 is day 345, and AD FS looks every twelve hours: it generates within that day.
SECOND = from_to(345.25, 710.25)
# The promotion is predicted for day 350.25, so it is late from day 351.75 on: the look on day 352 is the first to say so.
OLD = from_to(-355, 10)
OLD_AND_LONG = from_to(-1000, 2650)
BY_CA = from_to(-365, 365, issued=True)


def healthy(day: int) -> Published:
    if day <= 345:
        return farm_signing_with(FIRST)
    if day <= 350:
        return farm_signing_with(FIRST, SECOND)
    return farm_signing_with(SECOND, FIRST) if day < 400 else farm_signing_with(SECOND)


def rescued(day: int) -> Published:
    # T-2 is day 363, the critical threshold: generated and promoted at once.
    at_once = from_to(363.25, 728.25)
    return farm_signing_with(FIRST) if day <= 363 else farm_signing_with(at_once, FIRST)


def generated_never_promoted(day: int) -> Published:
    return farm_signing_with(FIRST) if day <= 345 else farm_signing_with(FIRST, SECOND)


def urgent(day: int) -> Published:
    return farm_signing_with(FIRST if day < 200 else from_to(199.5, 564.5))


RENEWED = from_to(361, 1091, issued=True)


def renewed_late(day: int) -> Published:
    if day < 362:
        return by_hand(BY_CA)
    return by_hand(BY_CA, RENEWED) if day == 362 else by_hand(RENEWED, BY_CA)


def lingering(day: int) -> Published:
    # The primary was generated on day -20 and lives until day 345.
    return farm_signing_with(from_to(-20, 345), OLD)


def lingering_and_valid(day: int) -> Published:
    return farm_signing_with(FIRST, OLD_AND_LONG)


TEN_YEARS, NEXT_TEN_YEARS = from_to(-3285, 365), from_to(345.25, 3995.25)


def ten_years(day: int) -> Published:
    if day <= 345:
        return farm_signing_with(TEN_YEARS)
    return farm_signing_with(TEN_YEARS, NEXT_TEN_YEARS) if day <= 350 else farm_signing_with(NEXT_TEN_YEARS, TEN_YEARS)


def ten_years_side_by_side(day: int) -> Published:
    mine, yours = from_to(-500, 3150, issued=True), from_to(99, 3749, issued=True)
    if day < 100:
        return by_hand(mine)
    return by_hand(mine, yours) if day < 300 else by_hand(yours, mine)


def without_evidence(day: int) -> Published:
    return unsigned(FIRST) if day <= 345 else unsigned(SECOND, FIRST)


WITHDRAWN, KEPT = from_to(320, 1050, issued=True), from_to(310, 1040, issued=True)


def two_successors(day: int) -> Published:
    if day < 331:
        return by_hand(BY_CA)
    if day < 340:
        return by_hand(BY_CA, WITHDRAWN)
    if day < 350:
        return by_hand(BY_CA, WITHDRAWN, KEPT)
    return by_hand(BY_CA, KEPT) if day < 352 else by_hand(KEPT, BY_CA)


def successor_starts_too_late(day: int) -> Published:
    later = from_to(370, 1100, issued=True)
    if day < 340:
        return by_hand(BY_CA)
    return by_hand(BY_CA, later) if day < 370 else by_hand(later, BY_CA)


def nobody_looked(day: int) -> Published | None:
    return healthy(day) if day < 340 or day > 355 else None


def nobody_answered(day: int) -> Published | Reason:
    return healthy(day) if day < 340 or day > 355 else Reason.TIMEOUT


def flapping(day: int) -> Published:
    # One of two nodes serves the document of the day before the rollover, every other day.
    return healthy(min(day, 345) if day % 2 else day)


LIVES = {
    "healthy": Life(
        "AD FS generates at T-20, promotes five days later, and somebody tidies up.",
        healthy,
        [
            (0, State.STEADY, OK),
            # Generated during day 345, so the look on day 346 finds it: just in time not to be overdue (T-19).
            (346, State.PUBLISHED, INFO),
            (351, State.PROMOTED, OK),
            # The old one ends.
            (365, State.STEADY, OK),
        ],
        promoted=351,
        changes={Change.ADDED: 346, Change.REMOVED: 400},
    ),
    "generation fails": Life(
        "AD FS never generates a successor.",
        lambda _: farm_signing_with(FIRST),
        [
            (0, State.STEADY, OK),
            (346, State.OVERDUE, WARNING),  # T-19
            (360, State.MISSING, CRITICAL),  # T-5
            (365, State.EXPIRED, CRITICAL),  # T
        ],
    ),
    "rescued at the critical threshold": Life(
        "Nothing is generated at T-20; at T-2 AD FS generates and promotes at once.",
        rescued,
        [
            (0, State.STEADY, OK),
            (346, State.OVERDUE, WARNING),  # T-19
            (360, State.MISSING, CRITICAL),  # T-5
            (364, State.PROMOTED, OK),
            (365, State.STEADY, OK),  # the old one ends
        ],
        promoted=364,
        changes={Change.ADDED: 364},
    ),
    "generated, never promoted": Life(
        "The successor is there in time, and the old certificate signs to its end and beyond.",
        generated_never_promoted,
        [
            (0, State.STEADY, OK),
            (346, State.PUBLISHED, INFO),
            (352, State.STALLED, WARNING),  # 36 hours past day 350.25
            (360, State.STALLED, CRITICAL),  # T-5
            (365, State.EXPIRED, CRITICAL),  # T, and it still signs
        ],
        changes={Change.ADDED: 346},
    ),
    "urgent, without overlap": Life(
        "Somebody runs Update-AdfsCertificate -Urgent: the whole set is another from one day to the next.",
        urgent,
        # No state is wrong: what breaks partners is the change, and history has it.
        [(0, State.STEADY, OK)],
        promoted=200,
        changes={Change.REPLACED: 200},
    ),
    "manual and late": Life(
        "People renew this farm, and remember it three days before the end.",
        renewed_late,
        [
            (0, State.STEADY, OK),
            (330, State.DUE, WARNING),  # T-35
            (360, State.MISSING, CRITICAL),  # T-5
            (362, State.STALLED, CRITICAL),  # there is a successor, and three days are left
            (363, State.PROMOTED, OK),
            (365, State.STEADY, OK),  # the old one ends
        ],
        promoted=363,
        changes={Change.ADDED: 362},
        profile=Profile.ADFS_MANUAL,
    ),
    "an old certificate lingers": Life(
        "The one before was never removed: valid for ten more days, then expired; and generation fails.",
        lingering,
        [
            (0, State.PROMOTED, OK),
            (10, State.STEADY, OK),  # the old one ends
            (326, State.OVERDUE, WARNING),  # T is day 345: T-19
            (340, State.MISSING, CRITICAL),  # T-5: two certificates are listed, and none succeeds
            (345, State.EXPIRED, CRITICAL),  # T
        ],
    ),
    "an old certificate lingers and outlives": Life(
        "The one before is valid for years, and generation fails: it must hush nothing.",
        lingering_and_valid,
        [
            (0, State.PROMOTED, OK),
            (346, State.OVERDUE, WARNING),  # T-19
            (360, State.MISSING, CRITICAL),  # T-5
            (365, State.EXPIRED, CRITICAL),  # T
        ],
    ),
    "ten years": Life(
        "CertificateDuration is ten years, and this is the tenth.",
        ten_years,
        [
            (0, State.STEADY, OK),
            (346, State.PUBLISHED, INFO),
            (351, State.PROMOTED, OK),
            (365, State.STEADY, OK),  # the old one ends
        ],
        promoted=351,
        changes={Change.ADDED: 346},
    ),
    "ten years, side by side": Life(
        "Two certificates of ten years by hand: the second is added early and promoted when somebody does.",
        ten_years_side_by_side,
        [
            (0, State.STEADY, OK),
            (100, State.PUBLISHED, INFO),  # nobody can say when people promote, so it is never late
            (300, State.PROMOTED, OK),  # until the old one ends, in years
        ],
        promoted=300,
        changes={Change.UNEXPECTED: 100},
        profile=Profile.ADFS_MANUAL,
    ),
    "no evidence": Life(
        "Not signed, and no encryption certificate: a healthy rollover that only its dates can tell.",
        without_evidence,
        [
            (0, State.STEADY, OK),
            (346, State.PUBLISHED, INFO),  # and never stalled: dates cannot know that it was not promoted
            (365, State.STEADY, OK),  # T: by dates the other one takes over
        ],
        promoted=365,
        changes={Change.ADDED: 346},
    ),
    "no evidence, generation fails": Life(
        "The only certificate is primary whoever signs.",
        lambda _: unsigned(FIRST),
        [
            (0, State.STEADY, OK),
            (346, State.OVERDUE, WARNING),  # T-19
            (360, State.MISSING, CRITICAL),  # T-5
            (365, State.EXPIRED, CRITICAL),  # T
        ],
    ),
    "two successors": Life(
        "A first successor is added by hand, then a second, then the first is withdrawn.",
        two_successors,
        [
            (0, State.STEADY, OK),
            (330, State.DUE, WARNING),  # T-35
            (331, State.PUBLISHED, INFO),
            (352, State.PROMOTED, OK),
            (365, State.STEADY, OK),  # the old one ends
        ],
        promoted=352,
        changes={Change.ADDED: 340, Change.REMOVED: 350},
        profile=Profile.ADFS_MANUAL,
    ),
    "a successor that starts after the end": Life(
        "The new certificate is published in time and begins five days after the old one ended.",
        successor_starts_too_late,
        [
            (0, State.STEADY, OK),
            (330, State.DUE, WARNING),  # T-35, and what is published on day 340 is no successor
            (360, State.MISSING, CRITICAL),  # T-5
            (365, State.EXPIRED, CRITICAL),  # T
            (370, State.STEADY, OK),  # the new one begins, and signs
        ],
        promoted=370,
        changes={Change.ADDED: 340},
        profile=Profile.ADFS_MANUAL,
    ),
    "nobody looked": Life(
        "A healthy rollover, and the exporter was down while it happened.",
        nobody_looked,
        [
            (0, State.STEADY, OK),
            (356, State.PROMOTED, OK),
            (365, State.STEADY, OK),  # the old one ends
        ],
        # The set is another, and neither a new key nor a promotion was seen to happen.
        changes={Change.UNSEEN: 356, Change.REMOVED: 400},
    ),
    "nobody answered": Life(
        "A healthy rollover, and the metadata was unreachable while it happened: the last good document counts.",
        nobody_answered,
        [
            (0, State.STEADY, OK),
            (346, State.OVERDUE, WARNING),  # T-19 by the last good document
            (356, State.PROMOTED, OK),
            (365, State.STEADY, OK),  # the old one ends
        ],
        changes={Change.UNSEEN: 356, Change.REMOVED: 400},
    ),
    "another publisher": Life(
        "A publisher that is not AD FS renews by hand, six days before the end.",
        lambda day: unsigned(FIRST) if day < 359 else unsigned(FIRST, from_to(358, 723)),
        [
            (0, State.STEADY, OK),
            (335, State.DUE, WARNING),  # T-30
            (359, State.PUBLISHED, INFO),
            (365, State.STEADY, OK),  # T: by dates the other one takes over
        ],
        promoted=365,
        changes={Change.ADDED: 359},
        profile=Profile.SAML,
        settings=PolicySettings(profile=Profile.SAML),
    ),
    "Entra ID's own keys": Life(
        "A key of five years more every six weeks, and the eldest goes.",
        lambda day: unsigned(*(from_to(42 * nth - 100, 42 * nth + 1725) for nth in range(day // 42, day // 42 + 4))),
        [(0, State.STEADY, OK)],
        # By dates the eldest that is published is primary. Nothing is unexpected about a new key.
        promoted=420,
        changes={Change.ADDED: 420, Change.REMOVED: 420},
        profile=Profile.ENTRA,
        settings=PolicySettings(profile=Profile.ENTRA),
    ),
}

each_life = pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())


def signing_changes(record: Record) -> dict[Change, int]:
    (known,) = record.history.entities.values()
    return {change: (at - START) // DAY for change, at in known.key_sets[Role.IDP, Use.SIGNING].changes.items()}


@each_life
def test_a_life_has_the_states_of_the_table(life: Life) -> None:
    assert runs(list(lived(life))) == life.states


@each_life
def test_a_life_leaves_its_changes_behind(life: Life) -> None:
    *_, last = lived(life)
    (known,) = last.record.history.entities.values()

    promoted = None if life.promoted is None else START + life.promoted * DAY
    assert (last.record.policy.profile, known.last_promotion, signing_changes(last.record)) == (
        life.profile,
        promoted,
        life.changes,
    )
