"""What holds for the standing of any target, whatever happened to it, at any moment."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Step, lived, moments, steps

from exporter.findings import Kind, Standing, standing
from exporter.record import Record
from exporter.rollover import FOREVER

EXCLUSIVE = (
    {
        Kind.METADATA_UNREACHABLE,
        Kind.METADATA_UNREACHABLE_FROM_INTERNET,
        Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW,
        Kind.METADATA_NEVER_READ,
    },
    {
        Kind.NO_SIGNING_KEY,
        Kind.SIGNING_CERTIFICATE_EXPIRED,
        Kind.ROLLOVER_MISSING,
        Kind.PROMOTION_STALLED_LATE,
        Kind.PROMOTION_STALLED,
        Kind.ROLLOVER_OVERDUE,
        Kind.RENEWAL_DUE,
        Kind.SUCCESSOR_PUBLISHED,
    },
    {Kind.METADATA_OUTDATED, Kind.METADATA_OUTDATED_SOON},
    {
        Kind.TRUST_BROKEN,
        Kind.TRUST_AT_RISK,
        Kind.TRUST_NOT_FEDERATED,
        Kind.TRUST_PENDING,
        Kind.TRUST_PENDING_TOO_LONG,
        Kind.TRUST_UNKNOWN,
    },
)
"""Of each of these, one at most holds for a subject: one problem is one finding."""

lives = st.lists(steps, min_size=1, max_size=8).map(lambda life: sorted(life, key=lambda step: step[0]))


def after(life: Sequence[Step]) -> Record | None:
    """What is known at the end of a life."""
    record: Record | None = None
    for step in life:
        record = lived(record, step)
    return record


def said(stands: Standing) -> tuple[object, ...]:
    """All that a standing says."""
    return stands.findings, stands.rollovers, stands.verdicts, stands.watched, stands.policy


@settings(max_examples=150)
@given(lives, moments, st.floats(0, 1))
def test_an_answer_holds_until_the_moment_that_it_names_and_taking_it_over_changes_nothing(
    life: Sequence[Step], now: datetime, share: float
) -> None:
    record = after(life)
    if record is None:
        return
    stands = standing(record, now)
    while stands.since < FOREVER:
        last = stands.until - timedelta(microseconds=1)
        for moment in (stands.since + (last - stands.since) * share, last):
            assert said(standing(record, moment)) == said(stands)
        following = standing(record, stands.until, before=stands)
        assert said(following) == said(standing(record, stands.until))
        assert stands.until > stands.since
        stands = following


@settings(max_examples=300)
@given(lives, moments)
def test_one_problem_is_one_finding_and_the_worst_is_first(life: Sequence[Step], now: datetime) -> None:
    record = after(life)
    if record is None:
        return
    stands = standing(record, now)
    subjects = Counter((each.kind, each.entity_id, each.domain, each.place) for each in stands.findings)
    assert set(subjects.values()) <= {1}
    for kinds in EXCLUSIVE:
        held = Counter((each.entity_id, each.domain, each.place) for each in stands.findings if each.kind in kinds)
        assert set(held.values()) <= {1}, kinds
    severities = [each.severity for each in stands.findings]
    assert severities == sorted(severities, reverse=True)
    assert stands.severity == max(severities, default=stands.severity)
    assert {each.entity_id for each in stands.findings} - {None} <= stands.watched | {
        known for known, history in record.history.entities.items() if history.left
    }


@settings(max_examples=150)
@given(lives, moments)
def test_one_probe_alone_says_nothing_of_before_and_all_that_it_says_is_found_with_memory_too(
    life: Sequence[Step], now: datetime
) -> None:
    """``remembers`` takes away; only for what was never read it has another name."""
    record = after(life)
    if record is None:
        return
    with_memory = {each.kind for each in standing(record, now).findings}
    alone = {each.kind for each in standing(record, now, remembers=False).findings}
    assert alone - with_memory <= {Kind.METADATA_UNREACHABLE, Kind.METADATA_UNREACHABLE_FROM_INTERNET}
    assert with_memory - alone <= {Kind.METADATA_NEVER_READ, Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW}
