"""Whatever the clock showed meanwhile: once it is right again, the next look puts right what is remembered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import scrapes
from builders import DAY, NOW, SECOND, knowing, with_looks
from hypothesis import example, given
from hypothesis import strategies as st
from moments import moments

from exporter import inquiry as inquiries
from exporter.clock import EARLIEST
from exporter.config.settings import Entra
from exporter.history import STEADY, EntityHistory, Sighting
from exporter.inquiry import Inquiry, TrustReason
from exporter.model import Document, Reason
from exporter.policy import PolicySettings, Profile
from exporter.record import Record, advance, answered, bare, clamped, joined

YEARS = 365 * DAY
DOMAIN = "contoso.com"
TARGET = replace(
    with_looks(scrapes.FARM, replace(scrapes.FARM.look, node="wap1", address="wap1")),
    policy=PolicySettings(profile=Profile.ADFS),
    entra=Entra((DOMAIN,)),
)
KEYS = tuple(scrapes.certificate(digit, not_after=NOW + 200 * YEARS) for digit in "1234")
SAYS = scrapes.federated(signing=KEYS[0])


@dataclass(frozen=True)
class Step:
    """Something that happens to a target, some time after what happened before."""

    kind: str
    keys: tuple[int, ...]
    pause: timedelta
    off: timedelta
    """By how much the clock is wrong, from now on."""


offs = st.one_of(
    st.just(timedelta()),
    st.sampled_from([YEARS, -YEARS, -10 * YEARS, 500 * DAY, -40 * YEARS, 2 * SECOND, -2 * SECOND]),
    st.timedeltas(-12 * YEARS, 12 * YEARS),
)
kinds = st.sampled_from(["look", "look", "look", "fail", "node", "ask", "refused", "restart"])
keys = st.lists(st.integers(0, 3), max_size=3, unique=True).map(tuple)


def lives(pauses: st.SearchStrategy[timedelta]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.builds(Step, kinds, keys, pauses, offs), min_size=1, max_size=14)


paused = st.one_of(st.timedeltas(SECOND, DAY), st.timedeltas(DAY, 14 * DAY))
short = st.timedeltas(SECOND, STEADY / 15)
"""So that no clock is wrong for as long as it takes to believe it."""


def published(step: Step) -> Document:
    signing = [KEYS[each] for each in step.keys]
    found = scrapes.document(scrapes.idp(*signing), scrapes.idp(KEYS[0], entity_id="urn:b"), aggregate=len(signing) > 1)
    entities = found.metadata.entities
    alone = entities if len(signing) > 1 else entities[:1]
    signature = scrapes.signed_by(signing[-1]) if signing else found.signature
    return replace(found, metadata=replace(found.metadata, entities=alone), signature=signature)


def stepped(record: Record, step: Step, now: datetime) -> Record:
    """The record after one step, as the watch makes it."""
    match step.kind:
        case "look":
            return joined(record, advance(record.first, scrapes.good(published(step), now)), now=now)
        case "fail":
            return joined(record, advance(record.first, scrapes.failed(Reason.DNS, now, phases={})), now=now)
        case "node":
            return joined(record, advance(record.looks[1], scrapes.good(published(step), now)), now=now)
        case "ask":
            return answered(record, inquiries.advance(record.domains[0], scrapes.answer(SAYS, now)), now=now)
        case "refused":
            throttled = Inquiry(now, TrustReason.THROTTLED, "", None, retry_after=60.0)
            return answered(record, inquiries.advance(record.domains[0], throttled), now=now)
        case _:
            # What the state file brings back.
            domains = tuple(replace(each, inquiry=None) for each in record.domains)
            history = replace(record.history, steady=None, dropped=0)
            saved = knowing(
                bare(TARGET),
                document=record.document,
                last_success=record.last_success,
                history=history,
                differing_since=record.differing_since,
                domains=domains,
            )
            return clamped(saved, now)


def lived(life: Sequence[Step]) -> Iterator[tuple[Step, datetime, Record, Record]]:
    """After each step: the true time, and the record before and after."""
    record, true = bare(TARGET), NOW
    for step in life:
        true += step.pause
        before, record = record, stepped(record, step, true + step.off)
        yield step, true, before, record


def last(life: Sequence[Step], finally_: str) -> tuple[Record, datetime]:
    """The record after a life and one more step with a clock that is right."""
    *_, (_, now, _, record) = lived([*life, Step(finally_, (0, 1), SECOND, timedelta())])
    return record, now


@given(lives(paused), kinds)
@example([Step("look", (0,), SECOND, timedelta()), Step("look", (0, 1), SECOND, YEARS)], "restart")
@example([Step("look", (0,), SECOND, timedelta()), Step("look", (1,), SECOND, -10 * YEARS)], "fail")
def test_after_one_step_with_a_right_clock_no_time_that_is_kept_can_be_untrue(life: list[Step], finally_: str) -> None:
    record, now = last(life, finally_)
    assert [(path, at) for path, at in moments(record) if not EARLIEST <= at <= now] == []


@given(lives(paused))
def test_no_time_is_ever_later_than_the_clock_whatever_that_shows_as_long_as_it_may_be_right(life: list[Step]) -> None:
    for step, true, _, record in lived(life):
        now = true + step.off
        assert now < EARLIEST or all(EARLIEST <= at <= now for _, at in moments(record))


@given(lives(short))
def test_first_seen_times_only_ever_move_earlier_and_none_is_lost(life: list[Step]) -> None:
    known: dict[tuple[str, str], datetime] = {}
    for step, _, before, record in lived([*life, Step("look", (0, 1, 2, 3), SECOND, timedelta())]):
        for entity_id, entity in before.history.entities.items():
            assert entity.first_seen.keys() <= record.history.entities[entity_id].first_seen.keys()
        if step.off == timedelta():
            seen = {
                (entity_id, each): at
                for entity_id, entity in record.history.entities.items()
                for each, at in entity.first_seen.items()
            }
            assert all(seen[each] <= at for each, at in known.items())
            known = seen


@given(lives(short))
def test_a_clock_that_is_behind_every_clock_that_can_be_right_changes_no_time_from_before(life: list[Step]) -> None:
    behind = [replace(step, off=-10 * YEARS if step.off < timedelta() else timedelta()) for step in life]
    right: dict[tuple[str, str], datetime] = {}
    for _, _, _, record in lived([*behind, Step("look", (0, 1), SECOND, timedelta())]):
        for entity_id, entity in record.history.entities.items():
            for each, at in entity.first_seen.items():
                if at >= EARLIEST:
                    assert at == right.setdefault((entity_id, each), at)


@given(lives(paused))
def test_a_life_without_jumps_is_never_touched(life: list[Step]) -> None:
    for _, true, _, record in lived([replace(step, off=timedelta()) for step in life]):
        assert clamped(record, true) is record


@given(lives(paused), kinds)
def test_what_is_put_right_is_right_and_in_order(life: list[Step], finally_: str) -> None:
    record, now = last(life, finally_)
    assert clamped(record, now) is record
    for entity in record.history.entities.values():
        assert all(sighting.first <= sighting.last for sighting in sightings(entity))
        first = {each: sighting.first for sighting in sightings(entity) for each in sighting.fingerprints}
        assert all(entity.first_seen[each] <= at for each, at in first.items())


def sightings(entity: EntityHistory) -> Iterator[Sighting]:
    for known in entity.key_sets.values():
        yield from known.sightings


@given(lives(paused), kinds)
def test_no_clock_that_was_wrong_holds_back_an_inquiry_for_longer_than_was_asked_for(
    life: list[Step], finally_: str
) -> None:
    record, now = last(life, finally_)
    assert all(each.inquiry is None or each.inquiry.held_back(now) <= 60 for each in record.domains)
