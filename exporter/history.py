"""What changed over time: first-seen times, key sets and promotions, as our looks saw them.

Pure: a history and one more look give the next history. A node that flaps between two key sets resets
nothing, and a change that fell into a gap between our looks is told apart from one that we saw.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.model import Entity, Metadata, Role, Use
from exporter.policy import Policy
from exporter.primary import Evidence
from exporter.rollover import Rollover, expects_new_key

GAP = timedelta(hours=24)
"""Looks further apart than this did not see what happened between them."""

RETURN = timedelta(days=7)
"""A key set that comes back within this time had not gone: two nodes, or a copy that lags, take turns."""

MEMORY = timedelta(days=400)
"""How long a key set and a first-seen time are kept after they were last seen: longer than a certificate year."""


class Change(StrEnum):
    """How a key set changed."""

    ADDED = "added"
    """A key appeared when one was expected."""
    UNEXPECTED = "unexpected"
    """A key appeared while the primary had long to live."""
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
    last: datetime
    """The last look that saw it; of the set in force, the look that saw it arrive."""


@dataclass(frozen=True, slots=True)
class KeySetHistory:
    """The key sets of one role and use."""

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
    primaries: tuple[Sighting, ...] = ()
    """Which certificate was primary, each as a set of one; the one in force is the last."""
    last_promotion: datetime | None = None
    """When we saw the primary change."""


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered of one target."""

    entities: Mapping[str, EntityHistory] = field(default_factory=dict)
    looked: datetime | None = None
    """The last look that got a usable document."""

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
    was = {rollover.entity_id: rollover for rollover in before}
    now_is = {rollover.entity_id: rollover for rollover in after}
    entities = dict(history.entities)
    for entity in metadata.entities:
        known = entities.get(entity.entity_id)
        entities[entity.entity_id] = _advance_entity(
            known or EntityHistory(),
            entity,
            primary=_primary(now_is.get(entity.entity_id)),
            arrival=Change.ADDED if expects_new_key(was.get(entity.entity_id), policy, at) else Change.UNEXPECTED,
            previous_look=history.looked if known else None,
            at=at,
        )
    changed = any(entities[each] is not history.entities.get(each) for each in entities)
    return History(entities if changed else history.entities, looked=at)


def key_sets(entity: Entity) -> Mapping[tuple[Role, Use], frozenset[str]]:
    """The fingerprints that each role publishes for each use."""
    sets: dict[tuple[Role, Use], set[str]] = {}
    for role in entity.roles:
        for key in role.keys:
            sets.setdefault((role.role, key.use), set()).update(each.fingerprint for each in key.certificates)
    return {place: frozenset(fingerprints) for place, fingerprints in sets.items()}


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
    sets = {
        place: _advance_key_set(
            history.key_sets.get(place), present.get(place, frozenset()), arrival, previous_look, at
        )
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
    )
    if advanced == history:
        return history
    return _forget(advanced, at)


def _advance_key_set(
    known: KeySetHistory | None,
    fingerprints: frozenset[str],
    arrival: Change,
    previous_look: datetime | None,
    at: datetime,
) -> KeySetHistory:
    if known is None:
        # A role or use that was not there before is a change, unless this is the first document ever.
        known = KeySetHistory((Sighting(frozenset(), at, at),) if previous_look else ())
    sightings, changed = _sight(known.sightings, fingerprints, previous_look, at)
    if not changed:
        return known if sightings == known.sightings else replace(known, sightings=sightings)
    kinds = _kinds(known.sightings[-1].fingerprints, fingerprints, arrival)
    if _is_gap(previous_look, at):
        kinds = (Change.UNSEEN,)
    return KeySetHistory(sightings, {**known.changes, **dict.fromkeys(kinds, at)})


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
    return (*others, left, Sighting(fingerprints, at, at)), True


def _kinds(before: frozenset[str], after: frozenset[str], arrival: Change) -> tuple[Change, ...]:
    if before and after and before.isdisjoint(after):
        return (Change.REPLACED,)
    kinds = []
    if after - before:
        kinds.append(arrival)
    if before - after:
        kinds.append(Change.REMOVED)
    return tuple(kinds)


def _is_gap(previous_look: datetime | None, at: datetime) -> bool:
    return previous_look is not None and at - previous_look > GAP


def _forget(history: EntityHistory, at: datetime) -> EntityHistory:
    """The history without what was last seen too long ago."""
    sets = {
        place: replace(known, sightings=(*_recent(known.sightings[:-1], at), known.sightings[-1]))
        for place, known in history.key_sets.items()
    }
    remembered = frozenset().union(*(sighting.fingerprints for known in sets.values() for sighting in known.sightings))
    return replace(
        history,
        key_sets=sets,
        primaries=(*_recent(history.primaries[:-1], at), *history.primaries[-1:]),
        first_seen={each: seen for each, seen in history.first_seen.items() if each in remembered},
    )


def _recent(sightings: tuple[Sighting, ...], at: datetime) -> tuple[Sighting, ...]:
    return tuple(sighting for sighting in sightings if at - sighting.last <= MEMORY)
