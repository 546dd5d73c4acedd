"""What is known of a target and its last good document, as a fragment."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile

from exporter.config.settings import Target
from exporter.config.urls import shown
from exporter.exposition import families
from exporter.exposition.fragment import Fragment, Writer
from exporter.findings import Standing
from exporter.history import EntityHistory
from exporter.model import Certificate, Document, Entity, FaultKind, Role, Use
from exporter.policy import Policy
from exporter.rollover import FOREVER, Position, Rollover, State

ROOM = 4_000_000
"""Bytes for what the document of a target says, whatever it is."""

ROOM_PER_ENTITY = 20_000
"""Bytes for each entity of an aggregate that may have series: more where somebody asked for more entities."""

IN_ORDER = 32
"""Certificates of an entity that are written as they stand in the document."""

_Found = tuple[Certificate, Collection[Role]]
_Placed = Mapping[tuple[Use, str], _Found]


def document_fragment(standing: Standing, *, limit: int) -> Fragment:
    """The series about the target and its last good document, which outlive many a probe.

    Of an aggregate, the watched entities and the ``limit`` worst have series of their own, as far as there is room.
    """
    record, rollovers, document = standing.record, standing.rollovers, standing.record.document
    writer = Writer(target=record.target.name)
    _write_target(writer, record.target, standing.policy)
    if document is None:
        return writer.fragment(standing.since, FOREVER)
    _write_document(writer, document, rollovers)
    if record.history.dropped:
        writer.write(families.HISTORY_DROPPED, record.history.dropped)
    entities: Sequence[Entity] = document.metadata.entities
    total = len(entities)
    verdicts = {rollover.entity_id: rollover for rollover in rollovers}
    watched: Sequence[Entity] = entities
    if document.metadata.aggregate:
        states = Counter(rollover.state for rollover in rollovers)
        for state in filter(states.get, State):
            writer.write(families.ENTITIES, states[state], state=state)
        worst = _worst_first(entities, verdicts)
        watched = [each for each in worst if each.entity_id in standing.watched]
        entities = (*watched, *[each for each in worst if each.entity_id not in standing.watched][:limit])
    omitted = sum(each.times for each in document.metadata.faults if each.kind is FaultKind.CERTIFICATE_LEFT_OUT)
    written, room = 0, max(ROOM, limit * ROOM_PER_ENTITY)
    for entity in takewhile(lambda _: writer.size < room, entities):
        if document.metadata.aggregate:
            writer.write(families.ENTITY_WATCHED, written < len(watched), entity_id=entity.entity_id)
        written += 1
        known = record.history.entities.get(entity.entity_id, EntityHistory())
        _write_changes(writer, entity, known)
        if (verdict := verdicts.get(entity.entity_id)) is not None:
            _write_rollover(writer, verdict, known)
            omitted += _write_certificates(writer, entity, verdict, known, room)
    if document.metadata.aggregate:
        writer.write(families.ENTITIES_OMITTED, total - written)
    if omitted:
        writer.write(families.CERTIFICATES_OMITTED, omitted)
    return writer.fragment(standing.since, min((verdict.until for verdict in rollovers), default=FOREVER))


def _write_target(writer: Writer, target: Target, policy: Policy) -> None:
    writer.write(
        families.TARGET,
        1,
        url=shown(target.url),
        policy=target.policy.name,
        profile=policy.profile,
        profile_evidence=policy.evidence,
        auto_certificate_rollover=_yes_no_unknown(known=policy.auto_certificate_rollover),
        expiry="on" if policy.expiry else "off",
        module=target.look.module.name,
        **target.labels,
    )
    writer.write(families.INTERVAL, target.look.interval)


def _write_document(writer: Writer, document: Document, rollovers: Iterable[Rollover]) -> None:
    metadata = document.metadata
    writer.write(families.SIZE, document.size)
    writer.write(families.ENTITIES_TOTAL, len(metadata.entities))
    if metadata.valid_until is not None:
        writer.write(families.VALID_UNTIL, metadata.valid_until.timestamp())
    if metadata.cache_duration is not None:
        writer.write(families.CACHE_DURATION, metadata.cache_duration.total_seconds())
    faults = Counter[FaultKind]()
    for fault in metadata.faults:
        faults[fault.kind] += fault.times
    faults.update(kind for rollover in rollovers for kind in rollover.faults)
    for kind in filter(faults.get, FaultKind):
        writer.write(families.FAULTS, faults[kind], kind=kind)
    writer.write(families.SIGNATURE, 1, state=document.signature.state)


def _worst_first(entities: Sequence[Entity], verdicts: Mapping[str, Rollover]) -> Sequence[Entity]:
    """The entities, the worst first; last those that have no verdict."""

    def badness(entity: Entity) -> tuple[int, float]:
        verdict = verdicts.get(entity.entity_id)
        return verdict.urgency if verdict is not None else (1, 0.0)

    return sorted(entities, key=badness)


def _write_certificates(writer: Writer, entity: Entity, verdict: Rollover, known: EntityHistory, room: int) -> int:
    """Writes the certificates for which there is room; how many there is none for."""
    certificates = _certificates(entity)
    written = 0
    for (use, fingerprint), (certificate, found) in _first_in_use(certificates, verdict):
        if writer.size >= room:
            break
        written += 1
        roles = [role for role in Role if role in found]
        labels = {"entity_id": entity.entity_id, "roles": ",".join(roles), "use": use, "fingerprint": fingerprint}
        placed = {**labels, "position": _position(verdict, roles, use, fingerprint)}
        writer.count_down(families.EXPIRY_DAYS, certificate.not_after, **placed)
        writer.write(families.NOT_AFTER, certificate.not_after.timestamp(), **labels)
        writer.write(families.NOT_BEFORE, certificate.not_before.timestamp(), **labels)
        if fingerprint in known.first_seen:
            writer.write(families.FIRST_SEEN, known.first_seen[fingerprint].timestamp(), **labels)
        writer.write(
            families.CERTIFICATE,
            1,
            **placed,
            subject=certificate.subject,
            issuer=certificate.issuer,
            serial_number=certificate.serial_number,
            thumbprint=certificate.thumbprint,
            key_algorithm=certificate.key_algorithm,
            key_size=str(certificate.key_size),
            signature_algorithm=certificate.signature_algorithm,
        )
        for weakness in certificate.weaknesses:
            writer.write(families.WEAK, 1, **labels, reason=weakness)
    return len(certificates) - written


def _first_in_use(certificates: _Placed, verdict: Rollover) -> Iterable[tuple[tuple[Use, str], _Found]]:
    """Some certificates in the order of the document; of very many, those first that may be in use, or end first."""
    if len(certificates) <= IN_ORDER:
        return certificates.items()
    in_use = {verdict.primary, verdict.successor, *verdict.may_sign}
    return sorted(certificates.items(), key=lambda each: (each[1][0] not in in_use, each[1][0].not_after, each[0]))


def _certificates(entity: Entity) -> _Placed:
    """Each certificate once per use and the roles that it has this use in, however often the document repeats it."""
    found: dict[tuple[Use, str], tuple[Certificate, set[Role]]] = {}
    for role in entity.roles:
        for key in role.keys:
            for certificate in key.certificates:
                _, roles = found.setdefault((key.use, certificate.fingerprint), (certificate, set()))
                roles.add(role.role)
    return found


def _position(verdict: Rollover, roles: Iterable[Role], use: Use, fingerprint: str) -> Position:
    """That in the role that was judged, else the best of the others."""
    positions = {role: verdict.positions[role, use, fingerprint] for role in roles}
    return positions.get(verdict.role) or min(positions.values(), key=tuple(Position).index)


def _write_changes(writer: Writer, entity: Entity, known: EntityHistory) -> None:
    for use in (Use.SIGNING, Use.ENCRYPTION):
        for change, at in known.changes(use).items():
            writer.write(families.LAST_CHANGE, at.timestamp(), entity_id=entity.entity_id, use=use, change=change)


def _write_rollover(writer: Writer, verdict: Rollover, known: EntityHistory) -> None:
    labels = {"entity_id": verdict.entity_id, "role": verdict.role}
    writer.write(families.ROLLOVER_STATE, 1, **labels, state=verdict.state)
    writer.write(families.SECONDARY_PRESENT, verdict.secondary_present, **labels)
    for position, certificate in ((Position.PRIMARY, verdict.primary), (Position.SUCCESSOR, verdict.successor)):
        if certificate is not None:
            writer.count_down(families.ROLLOVER_DAYS, certificate.not_after, **labels, position=position)
    if verdict.primary is not None and verdict.evidence is not None:
        writer.write(
            families.ROLLOVER,
            1,
            **labels,
            evidence=verdict.evidence,
            primary_fingerprint=verdict.primary.fingerprint,
            successor_fingerprint=verdict.successor.fingerprint if verdict.successor else "none",
        )
    for claim in verdict.claims[1:]:
        writer.write(families.EVIDENCE_AGREES, claim.primary == verdict.primary, **labels, evidence=claim.evidence)
    if verdict.promotion is not None:
        writer.write(families.PROMOTION, verdict.promotion.timestamp(), **labels)
    if known.last_promotion is not None:
        writer.write(families.LAST_PROMOTION, known.last_promotion.timestamp(), **labels)


def _yes_no_unknown(*, known: bool | None) -> str:
    return {True: "true", False: "false", None: "unknown"}[known]
