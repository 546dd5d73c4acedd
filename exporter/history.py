"""What changed over time: first-seen times, key sets and promotions, as our looks saw them.

Pure: a history and one more look give the next history. A node that flaps between two key sets resets
nothing, and a change that fell into a gap between our looks is told apart from one that we saw.

Nothing in a history is later than its last look: after the clock jumped, the next look puts right what is. What is
remembered beside what is published has a bound in time, and one in number.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.clock import believed
from exporter.metadata import kept
from exporter.model import Certificate, Entity, KeyPlace, Metadata, Role, Use
from exporter.policy import Policy
from exporter.primary import Evidence
from exporter.rollover import Rollover, expects_new_key

GAP = timedelta(hours=24)
"""Looks further apart than this did not see what happened between them."""

RETURN = timedelta(days=1)
"""A key set that comes back within this time had not gone: two nodes, or a copy that lags, take turns."""

MEMORY = timedelta(days=400)
"""How long key sets, first-seen times and entities are kept after they were last seen: more than a certificate year."""

STEADY = timedelta(days=7)
"""Nothing is forgotten for its age before looks have gone on for this long without a gap.

A clock that jumped ahead makes everything look old at once. People find it in this time: every certificate has ended.
"""

PER_KEY_SET = 256
"""Certificates that are remembered of the earlier sets of one role and use.

Keys of a tenant that rotate every six weeks make some 50 in :data:`MEMORY`, nodes that take turns a few for each node.
"""

PER_TARGET = 20_000
"""Certificates that are remembered of a target beside those it publishes.

More than the largest aggregates have, so that one look which gets half of one forgets nothing.
"""


class Change(StrEnum):
    """How a key set changed."""

    ADDED = "added"
    """A key appeared when one was expected, or one that the entity published before."""
    UNEXPECTED = "unexpected"
    """A key that the entity never published appeared while the primary had long to live."""
    REMOVED = "removed"
    """A key went away."""
    REPLACED = "replaced"
    """No key of the set before is left: nobody could follow."""
    UNSEEN = "unseen"
    """The set is another, and our looks lie too far apart to say how it came."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A set of fingerprints, and when it was in force."""

    fingerprints: frozenset[str]
    first: datetime
    """The first look that saw it, also where it went and came again since."""
    last: datetime
    """The last look that saw it; of the set in force, the look that saw it arrive."""


@dataclass(frozen=True, slots=True)
class KeySetHistory:
    """The key sets of one role: those that may sign, or those for encryption."""

    sightings: tuple[Sighting, ...]
    """The one in force is the last."""
    changes: Mapping[Change, datetime] = field(default_factory=dict)
    """When each kind of change was last seen."""


@dataclass(frozen=True, slots=True)
class EntityHistory:
    """What is remembered of one entity."""

    first_seen: Mapping[str, datetime] = field(default_factory=dict)
    """By fingerprint."""
    key_sets: Mapping[tuple[Role, Use], KeySetHistory] = field(default_factory=dict)
    """Under ``signing`` stand the keys that may sign, whatever their use; under ``encryption`` the others."""
    primaries: tuple[Sighting, ...] = ()
    """Which certificate was primary, each as a set of one; the one in force is the last."""
    last_promotion: datetime | None = None
    """When we saw the primary change."""
    left: datetime | None = None
    """The look that first missed the entity; None while it is published."""
    began: datetime | None = None
    """The first look that got the entity; None where that was not remembered."""
    kept: Mapping[KeyPlace, Certificate] = field(default_factory=dict)
    """The certificates of keys that could be read before and cannot be now."""

    @property
    def rolled_back(self) -> bool:
        """Whether the primary in force was primary already before the one that it replaced."""
        if len(self.primaries) < 2 or self.last_promotion is None:  # noqa: PLR2004 -- a promotion is from one to another
            return False
        before, now_is = self.primaries[-2:]
        # One that only takes turns with another did not arrive at its promotion.
        return now_is.first < before.first and now_is.last >= self.last_promotion

    def changes(self, use: Use, role: Role | None = None) -> Mapping[Change, datetime]:
        """When the keys of a use last changed in each way, of all roles the latest: AD FS has one key in several.

        ``role`` is the only one that is asked for.
        """
        latest: dict[Change, datetime] = {}
        for (place, each), known in self.key_sets.items():
            if each.signs is use.signs and role in {None, place}:
                latest |= {change: max(at, latest.get(change, at)) for change, at in known.changes.items()}
        return latest


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered of one target."""

    entities: Mapping[str, EntityHistory] = field(default_factory=dict)
    looked: datetime | None = None
    """The last look that got a usable document."""
    # Both are about this process, and no part of what is remembered.
    steady: datetime | None = field(default=None, compare=False)
    """Since when such looks have followed one another without a gap; None until there was one since the start."""
    dropped: int = field(default=0, compare=False)
    """Key sets, primaries and entities forgotten since the start because there were too many."""

    def first_seen_of(self, entity_id: str) -> Mapping[str, datetime]:
        """First-seen times of an entity's certificates, by fingerprint."""
        return self.entities[entity_id].first_seen if entity_id in self.entities else {}

    @property
    def first_seen(self) -> Mapping[str, Mapping[str, datetime]]:
        """First-seen times by entityID and fingerprint."""
        return {entity_id: entity.first_seen for entity_id, entity in self.entities.items()}


def advance(
    history: History,
    metadata: Metadata,
    policy: Policy,
    *,
    before: Iterable[Rollover],
    after: Iterable[Rollover],
    at: datetime,
) -> History:
    """The history after one more usable document.

    ``before`` and ``after`` are the verdicts on the document before and on this one, both as of ``at``.
    What did not change keeps its very object, so that a store need write, and an exposition render, only what is new.
    """
    history = put_right(history, at)
    was = {rollover.entity_id: rollover for rollover in before}
    now_is = {rollover.entity_id: rollover for rollover in after}
    steady = history.steady if _follows(history.looked, at) else None
    oldest = at - MEMORY if steady is not None and at - steady >= STEADY else None
    entities = _departed(history.entities, {entity.entity_id for entity in metadata.entities}, oldest, at)
    dropped = 0
    for entity in metadata.entities:
        known = entities.get(entity.entity_id)
        advanced = _advance_entity(
            known or EntityHistory(),
            entity,
            primary=_primary(now_is.get(entity.entity_id)),
            arrival=Change.ADDED if expects_new_key(was.get(entity.entity_id), policy, at) else Change.UNEXPECTED,
            previous_look=(known.left or history.looked) if known else None,
            at=at,
        )
        if advanced is not known:
            advanced, lost = _forget(advanced, oldest)
            dropped += lost
        entities[entity.entity_id] = advanced
    if len(entities) == len(history.entities) and _same(entities, history.entities):
        return replace(history, looked=at, steady=steady or at)
    entities, lost = _within_bound(entities)
    return History(entities, looked=at, steady=steady or at, dropped=history.dropped + dropped + lost)


def clamped(history: History, now: datetime) -> History:
    """The history without a time that cannot be true; the very same object where there is none.

    What such a time stands for was seen, by a look that did not know when. It counts as seen by the last look: an alert
    about a change then lasts as long as it would have, and not until the time that the clock once showed.
    """
    looked = believed(history.looked, now) if history.looked else None
    steady = believed(history.steady, now) if history.steady else None
    entities = {entity_id: _clamped_entity(entity, looked or now) for entity_id, entity in history.entities.items()}
    if _same(entities, history.entities):
        if (looked, steady) == (history.looked, history.steady):
            return history
        return replace(history, looked=looked, steady=steady)
    return replace(history, entities=entities, looked=looked, steady=steady)


def put_right(history: History, now: datetime) -> History:
    """The history as :func:`clamped` gives it, which is much work, and none where its last look can be true.

    Nothing in a history is later than its last look.
    """
    latest = history.looked
    return history if latest is None or believed(latest, now) == latest else clamped(history, now)


def resumed(saved: History, since: History, now: datetime, *, expecting: Container[str] = ()) -> History:
    """What was saved, joined with the history that was gathered while it could not be read.

    Whatever either knows is kept: of two first-seen times the earlier, of two changes of one kind the later. The first
    set that ``since`` saw is compared with the last that was saved, as a look would have done it: over a gap the change
    is ``unseen``, else keys that appeared were expected of the entities in ``expecting``, and unexpected of others.
    """
    saved, since = clamped(saved, now), clamped(since, now)
    if saved.looked is None or since.looked is None:
        return since if saved.looked is None else saved
    began = since.steady or since.looked
    entities = dict(saved.entities)
    dropped = saved.dropped + since.dropped
    for entity_id in saved.entities.keys() - since.entities.keys():
        if entities[entity_id].left is None:
            entities[entity_id] = replace(entities[entity_id], left=began)
    for entity_id, found in since.entities.items():
        known = saved.entities.get(entity_id)
        if known is None:
            entities[entity_id] = found
            continue
        arrival = Change.ADDED if entity_id in expecting else Change.UNEXPECTED
        joined, lost = _forget(_resumed_entity(known, found, arrival, known.left or saved.looked, began), oldest=None)
        dropped += lost
        entities[entity_id] = known if joined == known else joined
    entities, lost = _within_bound(entities)
    return replace(since, entities=entities, dropped=dropped + lost)


def within_bounds(entities: Mapping[str, EntityHistory]) -> tuple[Mapping[str, EntityHistory], int]:
    """The entities of a target as they may be remembered, whoever wrote them down; and how much was too much."""
    found = {entity_id: _forget(entity, None) for entity_id, entity in entities.items()}
    kept, dropped = _within_bound({entity_id: entity for entity_id, (entity, _) in found.items()})
    return kept, dropped + sum(lost for _, lost in found.values())


def key_sets(entity: Entity) -> Mapping[tuple[Role, Use], frozenset[str]]:
    """The fingerprints that each role publishes for signing, which keys without a use are for too, and encryption."""
    sets: dict[tuple[Role, Use], set[str]] = {}
    for role in entity.roles:
        for key in role.keys:
            place = role.role, _purpose(key.use)
            sets.setdefault(place, set()).update(each.fingerprint for each in key.certificates)
    return {place: frozenset(fingerprints) for place, fingerprints in sets.items()}


def _purpose(use: Use) -> Use:
    """What a set is for: a key that gets or loses its ``use`` signs as before."""
    return Use.SIGNING if use.signs else Use.ENCRYPTION


@dataclass(frozen=True, slots=True)
class _Step:
    """From one look at an entity to the next: by it a change of a key set is judged."""

    before: Mapping[Use, frozenset[str]]
    """What all roles together published."""
    after: Mapping[Use, frozenset[str]]
    known: Container[str]
    """Fingerprints that the entity ever published, as far as is remembered."""
    arrival: Change
    """What it is when a key comes that is not known."""
    previous_look: datetime | None
    at: datetime

    def kinds(self, use: Use, was: frozenset[str], now_is: frozenset[str]) -> tuple[Change, ...]:
        """How a set changed; not at all where the entity has the same keys as before, in other roles."""
        before, after = (each.get(_purpose(use), frozenset()) for each in (self.before, self.after))
        came, went = now_is - was - before, was - now_is - after
        if not came and not went:
            return ()
        unseen = _is_gap(self.previous_look, self.at)
        # A primary that had long to live did not just go its way while nobody looked.
        told = not unseen or self.arrival is Change.UNEXPECTED
        if told and (_shares_nothing(was, now_is) or _shares_nothing(before, after)):
            return (Change.REPLACED,)
        if unseen:
            return (Change.UNSEEN,)
        kinds = {Change.ADDED if each in self.known else self.arrival for each in came}
        return (*kinds, Change.REMOVED) if went else tuple(kinds)


def _shares_nothing(before: frozenset[str], after: frozenset[str]) -> bool:
    return bool(before) and bool(after) and before.isdisjoint(after)


def _together(sets: Iterable[tuple[tuple[Role, Use], frozenset[str]]]) -> Mapping[Use, frozenset[str]]:
    """The sets of all roles in one."""
    together: dict[Use, frozenset[str]] = {}
    for (_, use), fingerprints in sets:
        together[_purpose(use)] = together.get(_purpose(use), frozenset()) | fingerprints
    return together


def _in_force(known: Mapping[tuple[Role, Use], KeySetHistory]) -> Mapping[Use, frozenset[str]]:
    """What all roles together published at the last look."""
    return _together((place, each.sightings[-1].fingerprints) for place, each in known.items() if each.sightings)


def _primary(rollover: Rollover | None) -> frozenset[str]:
    """The primary as a set of one; empty where only dates name it: that guess moves on by itself."""
    if rollover is None or rollover.primary is None or rollover.evidence is Evidence.DATES:
        return frozenset()
    return frozenset({rollover.primary.fingerprint})


def _advance_entity(
    history: EntityHistory,
    entity: Entity,
    *,
    primary: frozenset[str],
    arrival: Change,
    previous_look: datetime | None,
    at: datetime,
) -> EntityHistory:
    present = key_sets(entity)
    step = _Step(
        before=_in_force(history.key_sets),
        after=_together(present.items()),
        known=history.first_seen,
        arrival=arrival,
        previous_look=previous_look,
        at=at,
    )
    began = history.began or previous_look or at
    # A role or use that was not there before is a change, unless this is the first document ever.
    unknown = _empty(began) if previous_look else KeySetHistory(())
    sets = {
        place: _advance_key_set(place[1], history.key_sets.get(place, unknown), present.get(place, frozenset()), step)
        for place in {**history.key_sets, **present}
    }
    primaries, promoted = (
        _sight(history.primaries, primary, previous_look, at) if primary else (history.primaries, False)
    )
    seen = frozenset().union(*present.values())
    first_seen = dict(history.first_seen) | {each: at for each in seen if each not in history.first_seen}
    advanced = EntityHistory(
        first_seen=first_seen,
        key_sets=sets,
        primaries=primaries,
        last_promotion=at if promoted and not _is_gap(previous_look, at) else history.last_promotion,
        began=began,
        kept=kept(entity),
    )
    return history if advanced == history else advanced


def _advance_key_set(use: Use, known: KeySetHistory, fingerprints: frozenset[str], step: _Step) -> KeySetHistory:
    sightings, changed = _sight(known.sightings, fingerprints, step.previous_look, step.at)
    if not changed:
        return known if sightings == known.sightings else replace(known, sightings=sightings)
    kinds = step.kinds(use, known.sightings[-1].fingerprints, fingerprints)
    return KeySetHistory(sightings, {**known.changes, **dict.fromkeys(kinds, step.at)})


def _sight(
    sightings: tuple[Sighting, ...], fingerprints: frozenset[str], previous_look: datetime | None, at: datetime
) -> tuple[tuple[Sighting, ...], bool]:
    """The sightings after one more, and whether it is a change."""
    if not sightings:
        return (Sighting(fingerprints, at, at),), False
    *earlier, current = sightings
    if current.fingerprints == fingerprints:
        return sightings, False
    left = replace(current, last=previous_look or current.last)
    again = next((each for each in earlier if each.fingerprints == fingerprints), None)
    others = tuple(each for each in earlier if each is not again)
    if again is not None and at - again.last <= RETURN:
        return (*others, left, again), False
    return (*others, left, Sighting(fingerprints, again.first if again else at, at)), True


def _is_gap(previous_look: datetime | None, at: datetime) -> bool:
    return previous_look is not None and at - previous_look > GAP


def _follows(previous_look: datetime | None, at: datetime) -> bool:
    """Whether a look came after another one, and without a gap."""
    return previous_look is not None and timedelta() <= at - previous_look <= GAP


def _departed(
    entities: Mapping[str, EntityHistory], present: Container[str], oldest: datetime | None, at: datetime
) -> dict[str, EntityHistory]:
    """The entities, those that are not present marked as such, without those that left too long ago."""
    known = {
        entity_id: entity if entity_id in present or entity.left else replace(entity, left=at)
        for entity_id, entity in entities.items()
    }
    if oldest is None:
        return known
    return {
        entity_id: entity
        for entity_id, entity in known.items()
        if entity_id in present or entity.left is None or entity.left >= oldest
    }


def _forget(history: EntityHistory, oldest: datetime | None) -> tuple[EntityHistory, int]:
    """The history without what was last seen too long ago, or is too much; and how much was too much."""
    recent = _with(history, lambda sightings: _recent(sightings, oldest))
    latest = _with(recent, _latest)
    return _without_forgotten_keys(latest), _sightings(recent) - _sightings(latest)


def _with(history: EntityHistory, change: Callable[[tuple[Sighting, ...]], tuple[Sighting, ...]]) -> EntityHistory:
    """The history with all its sightings changed in one way."""
    sets = {place: replace(known, sightings=change(known.sightings)) for place, known in history.key_sets.items()}
    return replace(history, key_sets=sets, primaries=change(history.primaries))


def _recent(sightings: tuple[Sighting, ...], oldest: datetime | None) -> tuple[Sighting, ...]:
    """Those that were last seen lately, and the one in force."""
    if oldest is None:
        return sightings
    return (*(each for each in sightings[:-1] if each.last >= oldest), *sightings[-1:])


def _latest(sightings: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
    """As many of the latest as there is room for, and the one in force."""
    room, first = PER_KEY_SET, len(sightings) - 1
    while first > 0 and (room := room - _size(sightings[first - 1].fingerprints)) >= 0:
        first -= 1
    return sightings[max(first, 0) :]


def _size(fingerprints: Collection[str]) -> int:
    """How much of a bound a set takes up; one that is empty has times all the same."""
    return len(fingerprints) or 1


def _sightings(history: EntityHistory) -> int:
    return len(history.primaries) + sum(len(known.sightings) for known in history.key_sets.values())


def _without_forgotten_keys(history: EntityHistory) -> EntityHistory:
    """The history without first-seen times of certificates that no key set has any more."""
    remembered = frozenset().union(
        *(sighting.fingerprints for known in history.key_sets.values() for sighting in known.sightings)
    )
    return replace(history, first_seen={each: at for each, at in history.first_seen.items() if each in remembered})


def _within_bound(entities: dict[str, EntityHistory]) -> tuple[dict[str, EntityHistory], int]:
    """The entities without what is more than a target may have beside what it publishes; and how much that was.

    What was last seen the longest ago goes first, be it an entity or one of its earlier key sets.
    """
    spare = sum(map(_spare, entities.values())) - PER_TARGET
    if spare <= 0:
        return entities, 0
    kept, dropped = dict(entities), 0
    gone: dict[str, set[Sighting]] = {}
    memories = iter(sorted(_memories(entities), key=lambda memory: memory[0]))
    while spare > 0:
        _, entity_id, sighting = next(memories)
        dropped += 1
        if sighting is None:
            spare -= _size(kept.pop(entity_id).first_seen)
        else:
            spare -= _size(sighting.fingerprints)
            gone.setdefault(entity_id, set()).add(sighting)
    kept.update((entity_id, _without(kept[entity_id], sightings)) for entity_id, sightings in gone.items())
    return kept, dropped


def _spare(entity: EntityHistory) -> int:
    """Certificates that are remembered of an entity beside what it publishes."""
    if entity.left is not None:
        return _size(entity.first_seen)
    return sum(_size(each.fingerprints) for each in _earlier(entity))


def _earlier(entity: EntityHistory) -> Iterator[Sighting]:
    for sightings in (entity.primaries, *(known.sightings for known in entity.key_sets.values())):
        yield from sightings[:-1]


def _memories(entities: Mapping[str, EntityHistory]) -> Iterator[tuple[datetime, str, Sighting | None]]:
    """What is remembered beside what is published: when it was last seen, of which entity; None: the entity itself."""
    for entity_id, entity in entities.items():
        if entity.left is not None:
            yield entity.left, entity_id, None
        else:
            yield from ((each.last, entity_id, each) for each in _earlier(entity))


def _without(entity: EntityHistory, gone: Container[Sighting]) -> EntityHistory:
    """The entity without some of its earlier sightings."""

    def kept(sightings: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
        return (*(each for each in sightings[:-1] if each not in gone), *sightings[-1:])

    return _without_forgotten_keys(_with(entity, kept))


def _same(entities: Mapping[str, EntityHistory], known: Mapping[str, EntityHistory]) -> bool:
    """Whether these are the very objects that are known."""
    return all(entity is known.get(entity_id) for entity_id, entity in entities.items())


def _clamped_entity(entity: EntityHistory, now: datetime) -> EntityHistory:
    clamped = _with(entity, lambda sightings: tuple(_clamped_sighting(each, now) for each in sightings))
    first = _first_sightings(clamped)
    clamped = replace(
        clamped,
        first_seen={each: min(believed(at, now), first.get(each, now)) for each, at in entity.first_seen.items()},
        key_sets={
            place: replace(known, changes={change: believed(at, now) for change, at in known.changes.items()})
            for place, known in clamped.key_sets.items()
        },
        last_promotion=believed(entity.last_promotion, now) if entity.last_promotion else None,
        left=believed(entity.left, now) if entity.left else None,
        began=believed(entity.began, now) if entity.began else None,
    )
    return entity if clamped == entity else clamped


def _clamped_sighting(sighting: Sighting, now: datetime) -> Sighting:
    last = believed(sighting.last, now)
    return Sighting(sighting.fingerprints, min(believed(sighting.first, now), last), last)


def _first_sightings(entity: EntityHistory) -> Mapping[str, datetime]:
    """When each certificate was first in a key set that is remembered."""
    first: dict[str, datetime] = {}
    for known in entity.key_sets.values():
        for sighting in known.sightings:
            for each in sighting.fingerprints:
                first[each] = min(sighting.first, first.get(each, sighting.first))
    return first


def _resumed_entity(
    saved: EntityHistory, since: EntityHistory, arrival: Change, previous_look: datetime, began: datetime
) -> EntityHistory:
    """What is remembered of an entity by both: ``previous_look`` was the last before, ``began`` the first since."""
    began = since.began or began
    step = _Step(
        before=_in_force(saved.key_sets),
        after=_together((place, _began_with(each.sightings).fingerprints) for place, each in since.key_sets.items()),
        known=saved.first_seen,
        arrival=arrival,
        previous_look=previous_look,
        at=began,
    )
    primaries, promoted = _resumed_sightings(saved.primaries, since.primaries, previous_look)
    if promoted is not None and _is_gap(previous_look, promoted):
        promoted = None
    promotions = [each for each in (saved.last_promotion, promoted, since.last_promotion) if each is not None]
    return EntityHistory(
        first_seen={
            each: min(seen[each] for seen in (saved.first_seen, since.first_seen) if each in seen)
            for each in {**saved.first_seen, **since.first_seen}
        },
        key_sets={
            place: _resumed_key_set(
                place[1],
                # A role or use of which one knows nothing was not there.
                saved.key_sets.get(place, _empty(saved.began or previous_look)),
                _with_known(since.key_sets.get(place, _empty(began)), since.first_seen, saved.first_seen),
                step,
                previous_look,
            )
            for place in {**saved.key_sets, **since.key_sets}
        },
        primaries=primaries,
        last_promotion=max(promotions, default=None),
        left=since.left,
        began=saved.began,
        kept=since.kept,
    )


def _empty(at: datetime) -> KeySetHistory:
    return KeySetHistory((Sighting(frozenset(), at, at),))


def _with_known(since: KeySetHistory, first_seen: Mapping[str, datetime], known: Container[str]) -> KeySetHistory:
    """The history of a set in which a key that is known after all was not unexpected when it came."""
    at = since.changes.get(Change.UNEXPECTED)
    if at is None or any(seen == at and each not in known for each, seen in first_seen.items()):
        return since
    changes = {**since.changes, Change.ADDED: max(at, since.changes.get(Change.ADDED, at))}
    del changes[Change.UNEXPECTED]
    return replace(since, changes=changes)


def _resumed_key_set(
    use: Use, saved: KeySetHistory, since: KeySetHistory, step: _Step, previous_look: datetime
) -> KeySetHistory:
    sightings, at = _resumed_sightings(saved.sightings, since.sightings, previous_look)
    between: Mapping[Change, datetime] = {}
    if at is not None:
        kinds = step.kinds(use, saved.sightings[-1].fingerprints, _began_with(since.sightings).fingerprints)
        between = dict.fromkeys(kinds, at)
    histories = (saved.changes, between, since.changes)
    return KeySetHistory(
        sightings,
        {kind: max(each[kind] for each in histories if kind in each) for history in histories for kind in history},
    )


def _resumed_sightings(
    saved: tuple[Sighting, ...], since: tuple[Sighting, ...], previous_look: datetime
) -> tuple[tuple[Sighting, ...], datetime | None]:
    """The sightings of both, and when the set changed between them; None: it did not."""
    if not saved or not since:
        return saved or since, None
    *earlier, current = saved
    left = replace(current, last=previous_look)
    known = {each.fingerprints: each for each in (*earlier, left)}
    first = _began_with(since)
    found = {each.fingerprints for each in since}
    after = [replace(each, first=min(each.first, known.get(each.fingerprints, each).first)) for each in since]
    if first.fingerprints == current.fingerprints == since[-1].fingerprints:
        after[-1] = current
    before = (each for each in known.values() if each.fingerprints not in found)
    again = known.get(first.fingerprints)
    had_not_gone = again is left or (again is not None and first.first - again.last <= RETURN)
    return (*before, *after), None if had_not_gone else first.first


def _began_with(sightings: tuple[Sighting, ...]) -> Sighting:
    """The sighting that came first; the first in order is the one that left first."""
    return min(sightings, key=lambda each: each.first)
