"""Which keys of a document are watched where it has too many: those that decide how a rollover stands. Pure.

Judged by what is kept, an entity never stands better than by all that it publishes.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice, zip_longest

from exporter.model import Certificate, Entity, Fault, FaultKind, Key, Metadata, Role, RoleDescriptor
from exporter.policy import is_entras_own
from exporter.primary import has_begun
from exporter.rollover import IN_DOUBT, shifted

PER_SET = 64
"""Certificates that are kept of those that a role publishes for signing, and of those for encryption alone.

No entity of 105 real documents has more than 12 keys in all. As many keys without a certificate are kept, and as many
whose certificate cannot be read.
"""

_Set = tuple[Role, bool]
"""The keys of a role that may sign, or the others."""


def bounded(
    metadata: Metadata,
    *,
    named: Collection[str],
    first_seen: Callable[[str], Mapping[str, datetime]],
    at: datetime,
) -> Metadata:
    """The document without what an entity has too much of, which is a fault; the very same object where none has.

    ``named`` are fingerprints of certificates that stay in any case. ``first_seen`` gives, for an entityID, when each
    certificate was first seen, by fingerprint; ``at`` is when the document was got.
    """
    entities = tuple(_bounded(each, named, first_seen, at) for each in metadata.entities)
    faults = tuple(
        fault for before, after in zip(metadata.entities, entities, strict=True) for fault in _cut(before, after)
    )
    if all(after is before for before, after in zip(metadata.entities, entities, strict=True)):
        return metadata
    return replace(metadata, entities=entities, faults=(*faults, *metadata.faults))


def _bounded(
    entity: Entity, named: Collection[str], first_seen: Callable[[str], Mapping[str, datetime]], at: datetime
) -> Entity:
    if max(len(entity.roles), sum(len(each.keys) for each in entity.roles)) <= PER_SET:
        return entity
    sets: dict[_Set, list[Key]] = {}
    for each in entity.roles:
        for key in each.keys:
            sets.setdefault((each.role, key.use.signs), []).append(key)
    large = {place: _certificates(keys) for place, keys in sets.items() if len(keys) > PER_SET}
    if not large and len(entity.roles) <= PER_SET:
        return entity
    seen, paired = first_seen(entity.entity_id), _encrypts(sets)
    chosen = {place: _chosen(found, named, seen, paired, at) for place, found in large.items()}
    return replace(entity, roles=tuple(_worth_keeping(_with_keys(entity.roles, chosen))))


def _certificates(keys: Sequence[Key]) -> Sequence[Certificate]:
    return tuple(dict.fromkeys(certificate for key in keys for certificate in key.certificates))


def _encrypts(sets: Mapping[_Set, Sequence[Key]]) -> Certificate | None:
    """The only certificate for encryption, which may tell by its age which one signs."""
    found = {each for (_, signs), keys in sets.items() if not signs for each in _certificates(keys)}
    return found.pop() if len(found) == 1 else None


def _chosen(
    certificates: Sequence[Certificate],
    named: Collection[str],
    first_seen: Mapping[str, datetime],
    paired: Certificate | None,
    at: datetime,
) -> Collection[Certificate]:
    """The certificates that are kept of a set: some of each kind by which a verdict is decided."""
    if len(certificates) <= PER_SET:
        return certificates
    by_end = sorted(certificates, key=lambda each: (each.not_after, each.fingerprint))
    by_beginning = sorted(certificates, key=lambda each: (each.not_before, each.fingerprint))
    begun = [each for each in by_end if has_begun(each, at)]
    in_use = [each for each in begun if at < shifted(each.not_after, IN_DOUBT)]
    valid = [each for each in by_beginning if has_begun(each, at) and at < each.not_after]
    told = [each for each in by_end if each.fingerprint in named]
    together = sorted(by_beginning, key=lambda each: abs(each.not_before - paired.not_before)) if paired else []
    kinds = (
        told,
        # What was published before the others came may be what they are to hide.
        sorted(
            (each for each in by_end if each.fingerprint in first_seen), key=lambda each: first_seen[each.fingerprint]
        ),
        in_use,
        in_use[::-1],
        *(
            _successors(each, ordered)
            for each in (*told, *valid[:1], *begun[-1:], *together[:1])
            for ordered in (by_end[::-1], by_beginning)
        ),
        valid,
        by_beginning[::-1],
        # Of several that came last the first tells the profile.
        [max(certificates, key=lambda each: each.not_before)],
        [each for each in by_end if not has_begun(each, at)],
        together,
        begun[:1],
        begun[::-1],
        # By all of one publisher's own names a document counts as Entra ID's, whose certificates need no dates.
        [each for each in by_end if not is_entras_own(each)],
        by_beginning,
    )
    turns = (each for turn in zip_longest(*kinds) for each in turn if each is not None)
    return frozenset(islice(dict.fromkeys(turns), PER_SET))


def _successors(primary: Certificate, ordered: Sequence[Certificate]) -> Sequence[Certificate]:
    """Those that would take over from a certificate."""
    after, end = primary.not_before, primary.not_after
    return [each for each in ordered if after < each.not_before < end < each.not_after]


def _with_keys(
    roles: Sequence[RoleDescriptor], chosen: Mapping[_Set, Collection[Certificate]]
) -> Iterator[RoleDescriptor]:
    """The roles with those keys alone whose certificate was chosen, each once, and some without a certificate."""
    had: set[tuple[Role, Key]] = set()
    bare = Counter[tuple[Role, bool, bool]]()

    def stays(role: Role, key: Key) -> bool:
        if (role, key.use.signs) not in chosen:
            return True
        if key.certificate is None:
            kind = role, key.use.signs, bool(key.unread)
            bare[kind] += 1
            return bare[kind] <= PER_SET
        alone = role, Key(key.use, key.certificate)
        again = alone in had
        had.add(alone)
        return not again and key.certificate in chosen[role, key.use.signs]

    for each in roles:
        keys = tuple(replace(key, chain=()) for key in each.keys if stays(each.role, key))
        yield replace(each, keys=keys)


def _worth_keeping(roles: Iterator[RoleDescriptor]) -> Iterator[RoleDescriptor]:
    """The roles that have keys, and of the others the first of each kind; those of no known type are one kind."""
    kinds: set[tuple[Role, str]] = set()
    for each in roles:
        kind = each.role, "" if each.role is Role.OTHER else each.element
        if each.keys or kind not in kinds:
            yield each
        kinds.add(kind)


def _cut(before: Entity, after: Entity) -> Iterator[Fault]:
    """What an entity has no more, as faults."""
    if after is before:
        return
    had, has = _published(before), _published(after)
    if had - has:
        detail = f"{had - has} of {had} certificates are left out: {PER_SET} of a role are watched for each use"
        yield Fault(FaultKind.CERTIFICATE_LEFT_OUT, before.entity_id, detail, had - has)
    parts = (_bare(before) - _bare(after)) + (len(before.roles) - len(after.roles))
    if parts:
        detail = f"{parts} roles without keys, and keys without a certificate, are left out: they say nothing more"
        yield Fault(FaultKind.PART_LEFT_OUT, before.entity_id, detail, parts)


def _published(entity: Entity) -> int:
    """How many certificates the roles publish, each counted once in a set."""
    return sum(len(entity.published(role, signs=signs)) for role in Role for signs in (True, False))


def _bare(entity: Entity) -> int:
    return sum(key.certificate is None for each in entity.roles for key in each.keys)
