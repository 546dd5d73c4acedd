"""What holds of a history whatever a target shows, and however often we look."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import DAY, NOW, certificate
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.history import (
    GAP,
    PER_KEY_SET,
    PER_TARGET,
    RETURN,
    Change,
    EntityHistory,
    History,
    KeySetHistory,
    advance,
    key_sets,
    resumed,
)
from exporter.model import Certificate, Entity, Key, Metadata, Role, RoleDescriptor, Use
from exporter.policy import PolicySettings, Profile, in_force
from exporter.rollover import judge

# Valid throughout: no primary ends by itself.
CERTIFICATES = tuple(certificate(not_before=NOW - (200 + nth) * DAY, not_after=NOW + 20000 * DAY) for nth in range(4))
PLACE = (Role.IDP, Use.SIGNING)
# Under this profile dates count for nothing: what is left is the history's own doing.
POLICY = in_force(PolicySettings(profile=Profile.ENTRA), None, "https://login.example")

Look = tuple[frozenset[Certificate], timedelta]
"""What is published, and how long after the look before."""

published = st.frozensets(st.sampled_from(CERTIFICATES))
pauses = st.one_of(
    st.timedeltas(timedelta(seconds=1), GAP),
    st.timedeltas(GAP, 2 * RETURN),
)
lives = st.lists(st.tuples(published, pauses), min_size=1, max_size=12)


def lived(looks: Sequence[Look], *, start: datetime = NOW, history: History | None = None) -> list[History]:
    """The history after each of the looks."""
    histories, at = [history or History()], start
    for keys, pause in looks:
        at += pause
        ordered = sorted(keys, key=lambda each: each.fingerprint)
        role = RoleDescriptor(Role.IDP, "IDPSSODescriptor", tuple(Key(Use.SIGNING, each) for each in ordered))
        metadata = Metadata(
            (Entity("urn:a", (role,), None, ()),), aggregate=False, valid_until=None, cache_duration=None, faults=()
        )
        after = judge(metadata, POLICY, signature=None, first_seen={}, now=at)
        histories.append(advance(histories[-1], metadata, POLICY, before=(), after=after, at=at))
    return histories[1:]


def entity_of(history: History) -> EntityHistory:
    return history.entities["urn:a"]


@given(lives)
def test_every_certificate_was_first_seen_when_it_was(looks: list[Look]) -> None:
    first: dict[str, datetime] = {}
    at = NOW
    for keys, pause in looks:
        at += pause
        for each in keys:
            first.setdefault(each.fingerprint, at)
    assert entity_of(lived(looks)[-1]).first_seen == first


@given(lives)
def test_the_set_in_force_is_the_one_last_seen_and_no_set_is_kept_twice(looks: list[Look]) -> None:
    for (keys, _), history in zip(looks, lived(looks), strict=True):
        known = entity_of(history).key_sets.get(PLACE)
        if known is None:
            assert not keys
            continue
        sets = [sighting.fingerprints for sighting in known.sightings]
        assert sets[-1] == {each.fingerprint for each in keys}
        assert len(set(sets)) == len(sets)


@given(lives)
def test_a_change_is_dated_by_a_look_that_saw_another_set_than_the_look_before(looks: list[Look]) -> None:
    histories = lived(looks)
    for before, after, (earlier, _), (later, pause) in zip(histories, histories[1:], looks, looks[1:], strict=False):
        was, now_is = ({**entity_of(each).key_sets}.get(PLACE) for each in (before, after))
        fresh = {
            change
            for change, at in (now_is.changes if now_is else {}).items()
            if was is None or was.changes.get(change) != at
        }
        if earlier == later:
            assert fresh == set()
        elif pause > GAP:
            assert fresh <= {Change.UNSEEN}
        elif earlier and later and earlier.isdisjoint(later):
            assert fresh <= {Change.REPLACED}
        else:
            expected = {Change.ADDED} if later - earlier else set()
            expected |= {Change.REMOVED} if earlier - later else set()
            assert fresh in (expected, set())


@given(
    st.lists(published, min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 3), max_size=30),
)
def test_sets_that_take_turns_within_a_day_change_nothing_after_each_was_seen_once(
    sets: list[frozenset[Certificate]], turns: list[int]
) -> None:
    minutes = timedelta(minutes=5)
    seen_once = lived([(each, minutes) for each in sets])[-1]
    at = seen_once.looked
    assert at is not None
    for history in lived([(sets[turn % len(sets)], minutes) for turn in turns], start=at, history=seen_once):
        now_is, was = entity_of(history), entity_of(seen_once)
        assert (now_is.first_seen, now_is.last_promotion) == (was.first_seen, was.last_promotion)
        assert {place: known.changes for place, known in now_is.key_sets.items()} == {
            place: known.changes for place, known in was.key_sets.items()
        }


@given(lives, st.timedeltas(timedelta(0), timedelta(days=10000)))
def test_looking_again_at_the_same_document_keeps_the_very_same_objects(looks: list[Look], pause: timedelta) -> None:
    *_, last = lived(looks)
    assert last.looked is not None
    (again,) = lived([(looks[-1][0], pause)], start=last.looked, history=last)
    assert again.entities is last.entities
    assert again.looked == last.looked + pause


@given(lives, st.timedeltas(timedelta(days=-100), timedelta(days=100)))
def test_the_same_life_at_another_time_is_the_same_history(looks: list[Look], shift: timedelta) -> None:
    here, there = entity_of(lived(looks)[-1]), entity_of(lived(looks, start=NOW + shift)[-1])
    assert there.first_seen == {each: at + shift for each, at in here.first_seen.items()}
    assert there.key_sets.keys() == here.key_sets.keys()
    for place, known in here.key_sets.items():
        assert there.key_sets[place].changes == {change: at + shift for change, at in known.changes.items()}


# By fingerprints, whatever role and use they stand under

DATED = in_force(PolicySettings(profile=Profile.SAML), None, "https://idp.example")
placed = st.frozensets(
    st.tuples(st.sampled_from([Role.IDP, Role.SP, Role.AA]), st.sampled_from(Use), st.sampled_from(CERTIFICATES)),
    max_size=6,
)


def signing_of(keys: frozenset[tuple[Role, Use, Certificate]]) -> frozenset[str]:
    return frozenset(each.fingerprint for _, use, each in keys if use.signs)


@given(st.lists(st.tuples(placed, pauses), min_size=2, max_size=10))
def test_keys_change_when_the_entitys_fingerprints_do_and_only_one_never_seen_is_unexpected(
    looks: list[tuple[frozenset[tuple[Role, Use, Certificate]], timedelta]],
) -> None:
    history, at, before = (
        History(),
        NOW,
        Metadata((), aggregate=False, valid_until=None, cache_duration=None, faults=()),
    )
    ever, was = set[str](), frozenset[str]()
    for number, (keys, pause) in enumerate(looks):
        at += pause
        roles = tuple(
            RoleDescriptor(role, "Descriptor", (Key(use, each),)) for role, use, each in sorted(keys, key=str)
        )
        shown = replace(before, entities=(Entity("urn:a", roles, None, ()),))
        judged = judge(before, DATED, signature=None, first_seen={}, now=at)
        history = advance(history, shown, DATED, before=judged, after=(), at=at)
        fresh = {each for each, seen in entity_of(history).changes(Use.SIGNING).items() if seen == at}
        now_is = signing_of(keys)
        new = {each.fingerprint for _, _, each in keys} - ever
        if number == 0 or was == now_is:
            assert fresh == set()
        if Change.UNEXPECTED in fresh:
            assert new & now_is
        if number and was and now_is and was.isdisjoint(now_is) and judged and judged[0].primary and pause > RETURN:
            assert fresh == {Change.REPLACED}, "the primary had long to live, whatever the gap"
        ever |= {each.fingerprint for _, _, each in keys}
        before, was = shown, now_is


# A history that was gathered while what had been saved could not be read


def halves(looks: Sequence[Look], at: int) -> tuple[History, History, datetime]:
    """What was saved after some looks, what the others gathered without it, and when it was."""
    saved = lived(looks[:at])[-1]
    assert saved.looked is not None
    since = lived(looks[at:], start=saved.looked)[-1]
    assert since.looked is not None
    # Of a history, a file holds what is remembered and when that was.
    return History(saved.entities, saved.looked), since, since.looked


splits = lives.filter(lambda looks: len(looks) > 1).flatmap(
    lambda looks: st.tuples(st.just(looks), st.integers(1, len(looks) - 1))
)


def key_set(history: History) -> KeySetHistory:
    return entity_of(history).key_sets.get(PLACE, KeySetHistory(()))


@given(splits)
def test_a_life_that_was_saved_at_any_moment_and_resumed_has_the_same_first_seen_times(
    split: tuple[list[Look], int],
) -> None:
    saved, since, now = halves(*split)
    whole = lived(split[0])[-1]
    assert resumed(saved, since, now).first_seen == whole.first_seen


@given(splits)
def test_what_is_resumed_has_every_key_set_and_change_that_either_half_had(split: tuple[list[Look], int]) -> None:
    saved, since, now = halves(*split)
    # Where dates count for nothing, every key that comes is expected.
    whole, joined = key_set(lived(split[0])[-1]), key_set(resumed(saved, since, now, expecting={"urn:a"}))
    for half in map(key_set, (saved, since)):
        assert all(joined.changes[kind] >= at for kind, at in half.changes.items())
        for sighting in half.sightings:
            (found,) = (each for each in joined.sightings if each.fingerprints == sighting.fingerprints)
            assert found.first <= sighting.first
            assert found.first <= found.last
    if whole.sightings:
        assert joined.sightings[-1].fingerprints == whole.sightings[-1].fingerprints
        assert all(joined.changes[kind] >= at for kind, at in whole.changes.items() if kind in joined.changes)


@given(splits)
def test_a_change_between_the_halves_is_the_change_that_a_look_would_have_seen(split: tuple[list[Look], int]) -> None:
    looks, at = split
    # Each half is one set, so all that changes, changes between them; and no gap hides when the second began.
    before = [(looks[at - 1][0], pause) for _, pause in looks[:at]]
    after = [(looks[at][0], min(pause, GAP)) for _, pause in looks[at + 1 :]]
    looks = [*before, looks[at], *after]
    saved, since, now = halves(looks, at)
    joined = resumed(saved, since, now, expecting={"urn:a"})
    assert entity_of(joined) == entity_of(lived(looks)[-1])


@given(splits)
def test_what_is_resumed_goes_on_as_if_nothing_had_been_missing(split: tuple[list[Look], int]) -> None:
    looks, at = split
    saved, since, now = halves(looks, at)
    joined = resumed(saved, since, now)
    (again,) = lived([(looks[-1][0], timedelta(minutes=5))], start=now, history=joined)
    assert again.entities is joined.entities
    assert joined.looked == since.looked


# Bounds


def shown(look: int, *, entities: int, keys: int) -> Metadata:
    """A document in which everything is new at every look."""
    template = CERTIFICATES[0]

    def entity(number: int) -> Entity:
        new = (replace(template, fingerprint=f"{look}.{number}.{each}") for each in range(keys))
        role = RoleDescriptor(Role.IDP, "IDPSSODescriptor", tuple(Key(Use.SIGNING, each) for each in new))
        return Entity("urn:a" if entities == 1 else f"urn:{look}:{number}", (role,), None, ())

    return Metadata(tuple(map(entity, range(entities))), entities > 1, None, None, ())


def remembered(history: History) -> tuple[int, int, int]:
    """How much is remembered beside what is published: entities, sightings, first-seen times."""
    entities = history.entities.values()
    sightings = [each for entity in entities for known in entity.key_sets.values() for each in known.sightings]
    return len(entities), len(sightings), sum(len(entity.first_seen) for entity in entities)


@pytest.mark.parametrize(
    ("entities", "keys", "looks", "bound"),
    [(2000, 1, 14, PER_TARGET), (500, 30, 5, PER_TARGET), (1, 20, 100, PER_KEY_SET)],
    ids=["new entities", "new entities with many keys", "new keys"],
)
def test_what_is_new_at_every_look_is_remembered_up_to_a_bound_and_counted(
    entities: int, keys: int, looks: int, bound: int
) -> None:
    history, at, sizes = History(), NOW, []
    for look in range(looks):
        at += timedelta(minutes=5)
        history = advance(history, shown(look, entities=entities, keys=keys), POLICY, before=(), after=(), at=at)
        sizes.append(remembered(history))
        assert sizes[-1][2] <= bound + entities * keys
        assert (history.dropped > 0) is (look * entities * keys > bound)
    assert sizes[-1] == sizes[-3]
    assert history.dropped == looks * entities - sizes[-1][1]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.frozensets(st.integers(0, 30), min_size=1), st.integers(1, 40)), min_size=3, max_size=6))
def test_what_is_published_is_never_dropped(looks: list[tuple[frozenset[int], int]]) -> None:
    history, at = History(), NOW
    for number, (present, keys) in enumerate(looks):
        at += timedelta(minutes=5)
        several = shown(number, entities=31, keys=keys * 10)
        kept = [replace(each, entity_id=f"urn:{nth}") for nth, each in enumerate(several.entities) if nth in present]
        history = advance(history, replace(several, entities=tuple(kept)), POLICY, before=(), after=(), at=at)
        for entity in kept:
            known = history.entities[entity.entity_id]
            (sets,) = key_sets(entity).values()
            assert known.left is None
            assert known.key_sets[PLACE].sightings[-1].fingerprints == sets
            assert sets <= known.first_seen.keys()
        departed = [each for each in history.entities.values() if each.left is not None]
        beside = sum(len(each.first_seen) for each in departed)
        for known in history.entities.values():
            earlier = [] if known.left else known.key_sets[PLACE].sightings[:-1]
            beside += sum(len(each.fingerprints) for each in earlier)
            assert sum(len(each.fingerprints) for each in earlier) <= PER_KEY_SET
        assert beside <= PER_TARGET
