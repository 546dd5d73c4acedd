"""The certificates that keys had before, for keys whose certificates cannot be read any more."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from exporter.model import Certificate, Entity, Key, KeyPlace, Metadata


def with_last_good(metadata: Metadata, before: Metadata) -> Metadata:
    """A document whose unreadable keys have the certificates that they had in the document before, if any.

    What was kept for a key there is kept on, however many documents cannot be read in a row.
    """
    lost = {each.entity_id for each in metadata.entities if any(map(_is_lost, each.placed_keys.values()))}
    had = {each.entity_id: _certificates(each) for each in before.entities if each.entity_id in lost}
    return with_certificates(metadata, had)


def with_certificates(metadata: Metadata, had: Mapping[str, Mapping[KeyPlace, Certificate]]) -> Metadata:
    """A document whose unreadable keys have the certificates that they had, by entityID and the key's place."""
    found = {each.entity_id: _found(each, had.get(each.entity_id, {})) for each in metadata.entities}
    if not any(found.values()):
        return metadata
    return replace(metadata, entities=tuple(_with(each, found[each.entity_id]) for each in metadata.entities))


def kept(entity: Entity) -> Mapping[KeyPlace, Certificate]:
    """The certificates of those keys that had one before and cannot be read now."""
    return {place: key.certificate for place, key in entity.placed_keys.items() if key.unread and key.certificate}


def _certificates(entity: Entity) -> Mapping[KeyPlace, Certificate]:
    return {place: key.certificate for place, key in entity.placed_keys.items() if key.certificate}


def _is_lost(key: Key) -> bool:
    return bool(key.unread) and key.certificate is None


def _found(entity: Entity, had: Mapping[KeyPlace, Certificate]) -> Mapping[KeyPlace, Certificate]:
    """The certificate for each unreadable key for which there is one, none of them twice for one kind of key.

    Nothing says which of several keys is which: it is the one in the same place, else the first that is left.
    """
    if not had:
        return {}
    keys = entity.placed_keys
    used = {(place.kind, key.certificate) for place, key in keys.items()}
    left: dict[KeyPlace, Certificate] = {}
    for place, certificate in had.items():
        if (place.kind, certificate) not in used:
            used.add((place.kind, certificate))
            left[place] = certificate
    lost = [place for place, key in keys.items() if _is_lost(key)]
    found = {place: left.pop(place) for place in lost if place in left}
    for place in lost:
        another = next((each for each in left if each.kind == place.kind), None)
        if place not in found and another is not None:
            found[place] = left.pop(another)
    return found


def _with(entity: Entity, found: Mapping[KeyPlace, Certificate]) -> Entity:
    if not found:
        return entity
    keys = (
        replace(key, certificate=found[place]) if place in found else key for place, key in entity.placed_keys.items()
    )
    return replace(
        entity, roles=tuple(replace(each, keys=tuple(islice(keys, len(each.keys)))) for each in entity.roles)
    )
