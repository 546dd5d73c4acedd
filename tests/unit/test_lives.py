"""Fourteen months in the life of a farm, one look a day: the states as days go by, and the changes seen.

Each life says what is published on a day, and the states that the table of docs/design.md gives for it.
Looks are at midnight from day 0 on, so a look on day ``d`` finds the primary, which ends on day 365 unless
a life says otherwise, with ``365 - d`` days left. The whole stories stand in tests/golden/lives.txt.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest
from builders import DAY, ENCRYPTION_SUBJECT, HOST, authority, certificate, farm, probed, signed_by, watched

from exporter.findings import outlook, standing, step, title
from exporter.history import Change
from exporter.model import Certificate, Document, Observation, Reason, Role, Signature, SignatureState, Use
from exporter.policy import PolicySettings, Profile
from exporter.primary import Evidence
from exporter.record import Record, bare
from exporter.rollover import Rollover, Severity, State

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 425


@dataclass(frozen=True)
class Published:
    """What a document holds on a day."""

    signing: Sequence[Certificate]
    signer: Certificate | None
    """None: the document is not signed."""
    encryption: Sequence[Certificate] = ()

    @property
    def document(self) -> Document:
        return Document(
            farm(*self.signing, encryption=self.encryption),
            signed_by(self.signer) if self.signer else Signature(SignatureState.UNSIGNED, None, detail=""),
            size=0,
            digest="",
            packed=b"",
        )


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
    def told(self) -> Sequence[str]:
        """What is found and what to do about it, or what comes next."""
        now = START + self.number * DAY
        found = standing(self.record, now)
        if not found.findings:
            return [outlook(found)]
        said = [f"{title(each.kind)}: {step(each, now).text}" for each in found.findings]
        # Every run mints other keys.
        return [re.sub(r"\b([0-9A-F]{40}|[0-9a-f]{64})\b", "<thumbprint>", each) for each in said]


def turns(days: Sequence[Day], told: Callable[[Day], object]) -> list[Day]:
    """The days on which what is told of a day became another."""
    return [*days[:1], *(after for before, after in pairwise(days) if told(before) != told(after))]


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
# Its promotion is predicted for day 350.25 and late from day 351.75 on: the look on day 352 is the first to say so.
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
        lambda _: farm_signing_with(from_to(-20, 345), OLD),
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
        lambda _: farm_signing_with(FIRST, OLD_AND_LONG),
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
            (360, State.UNPROVEN, WARNING),  # T-5, for as long as AD FS lists it: nothing proves which one signs
        ],
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
            (360, State.UNPROVEN, WARNING),  # T-5: nothing proves which one signs
            (379, State.STEADY, OK),  # T+14: nobody signs with that any more
        ],
        changes={Change.ADDED: 359},
        profile=Profile.SAML,
        settings=PolicySettings(profile=Profile.SAML),
    ),
    "Entra ID's own keys": Life(
        "A key of five years more every six weeks, and the eldest goes.",
        lambda day: unsigned(*(from_to(42 * nth - 100, 42 * nth + 1725) for nth in range(day // 42, day // 42 + 4))),
        [(0, State.STEADY, OK)],
        # By dates the eldest that is published is primary. Nothing is unexpected about a new key.
        changes={Change.ADDED: 420, Change.REMOVED: 420},
        profile=Profile.ENTRA,
        settings=PolicySettings(profile=Profile.ENTRA),
    ),
}


@cache
def lived(name: str) -> Sequence[Day]:
    life, days = LIVES[name], list[Day]()
    record = bare(watched(name="fs", url=f"https://{HOST}/metadata.xml", policy=life.settings))
    for number in range(DAYS):
        if (published := life.on(number)) is None:
            continue
        at = START + number * DAY
        observation = Observation(
            at=at,
            reason=published if isinstance(published, Reason) else None,
            detail="",
            phases={},
            http_status=None,
            tls_not_after=None,
            document=published.document if isinstance(published, Published) else None,
        )
        record = probed(record, observation)
        (rollover,) = record.judge(at)
        days.append(Day(number, record, rollover))
    return days


each_life = pytest.mark.parametrize("name", LIVES)


def signing_changes(record: Record) -> dict[Change, int]:
    (known,) = record.history.entities.values()
    return {change: (at - START) // DAY for change, at in known.key_sets[Role.IDP, Use.SIGNING].changes.items()}


@each_life
def test_a_life_has_the_states_of_the_table(name: str) -> None:
    turned = turns(lived(name), lambda day: (day.rollover.state, day.rollover.severity))

    assert [(day.number, day.rollover.state, day.rollover.severity) for day in turned] == LIVES[name].states


@each_life
def test_a_life_leaves_its_changes_behind(name: str) -> None:
    life, last = LIVES[name], lived(name)[-1]
    (known,) = last.record.history.entities.values()

    promoted = None if life.promoted is None else START + life.promoted * DAY
    assert (last.record.policy.profile, known.last_promotion, signing_changes(last.record)) == (
        life.profile,
        promoted,
        life.changes,
    )


def shown(name: str, what: Callable[[Rollover], object]) -> list[tuple[int, object]]:
    """What a life's verdicts show, by the first day of each."""
    return [(day.number, what(day.rollover)) for day in turns(lived(name), lambda day: what(day.rollover))]


def test_the_evidence_of_a_healthy_farm_agrees_all_along() -> None:
    agreed = (Evidence.SIGNATURE, Evidence.ENCRYPTION_PAIR)

    assert shown("healthy", lambda it: (tuple(claim.evidence for claim in it.claims), it.faults)) == [(0, (agreed, ()))]


def test_the_predicted_promotion_goes_when_the_promotion_is_seen() -> None:
    predicted = START + timedelta(days=350.25)

    assert shown("healthy", lambda it: it.promotion) == [(0, None), (346, predicted), (351, None)]


def test_a_promotion_that_did_not_happen_stays_to_be_seen() -> None:
    predicted = START + timedelta(days=350.25)

    assert shown("generated, never promoted", lambda it: it.promotion) == [(0, None), (346, predicted)]


def test_without_evidence_a_prediction_ends_with_its_day() -> None:
    predicted = START + timedelta(days=350.25)

    assert shown("no evidence", lambda it: (it.evidence, it.promotion)) == [
        (0, (Evidence.SINGLE, None)),
        (346, (Evidence.DATES, predicted)),
        (351, (Evidence.DATES, None)),
    ]


@pytest.mark.parametrize("name", ["an old certificate lingers", "an old certificate lingers and outlives"])
def test_a_lingering_certificate_never_passes_for_a_successor(name: str) -> None:
    assert shown(name, lambda it: it.successor) == [(0, None)]


def test_a_lingering_certificate_is_a_secondary_until_it_ends() -> None:
    assert shown("an old certificate lingers", lambda it: it.secondary_present) == [(0, True), (10, False)]


def test_of_two_successors_the_first_seen_counts_until_it_is_withdrawn() -> None:
    # The second one began earlier; the first one was seen earlier.
    assert shown("two successors", lambda it: it.successor) == [(0, None), (331, WITHDRAWN), (350, KEPT), (352, None)]


def test_a_certificate_that_starts_too_late_is_listed_and_does_not_succeed() -> None:
    told = shown("a successor that starts after the end", lambda it: (it.secondary_present, it.successor))

    assert told == [(0, (False, None)), (340, (True, None)), (370, (False, None))]


def test_every_state_but_two_is_lived_through() -> None:
    # A farm without any signing key that can be read does not run.
    lived = {state for life in LIVES.values() for _, state, _ in life.states}
    assert lived == set(State) - {State.NONE, State.UNREADABLE}


def test_the_stories_read_as_they_should(golden: Callable[[str, str], str]) -> None:
    text = "\n".join(map(story, LIVES))

    assert text == golden("lives.txt", text)


def story(name: str) -> str:
    """A life as a person would read it: the days on which what the person on call reads became another."""
    life, days = LIVES[name], lived(name)
    lines = [name.upper(), life.story, ""]
    for day in turns(days, lambda day: (sentence(day), day.told)):
        lines.append(f"day {day.number:3}  {START + day.number * DAY:%Y-%m-%d}  {sentence(day)}")
        lines += [f"    {each}" for each in day.told]
    changes = [f"{change} on day {number}" for change, number in signing_changes(days[-1].record).items()]
    changes += [] if life.promoted is None else [f"promoted on day {life.promoted}"]
    return "\n".join([*lines, "", f"Signing keys: {', '.join(changes) or 'never changed'}", "", ""])


def sentence(day: Day) -> str:
    it = day.rollover
    state = f"{it.state}" if it.severity is OK else f"{it.state} ({it.severity.name.lower()})"
    primary = f"primary until {it.primary.not_after:%Y-%m-%d} by {it.evidence}" if it.primary else "no primary"
    successor = f", successor until {it.successor.not_after:%Y-%m-%d}" if it.successor else ""
    secondary = ", a secondary that does not succeed it" if it.secondary_present and not it.successor else ""
    return f"{state:20}  {primary}{successor}{secondary}"
