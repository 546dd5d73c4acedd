"""What holds of a history whatever a target shows, and however often we look."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from builders import DAY, NOW, certificate
from hypothesis import given
from hypothesis import strategies as st

from exporter.history import GAP, RETURN, Change, EntityHistory, History, advance
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
        role = RoleDescriptor(Role.IDP, "IDPSSODescriptor", tuple(Key(Use.SIGNING, (each,)) for each in ordered))
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
def test_sets_that_take_turns_within_a_week_change_nothing_after_each_was_seen_once(
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
