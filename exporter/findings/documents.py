"""What is wrong with a document as a whole."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from exporter.findings.case import NEWS, Case, naming
from exporter.findings.facts import (
    Faulty,
    Signed,
    Until,
    Unwatched,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.findings.looks import is_of_another_entity
from exporter.model import (
    Document,
    Entity,
    FaultKind,
    Key,
    Role,
    SignatureState,
)
from exporter.rollover import Rollover, Severity, shifted

SHOWN = 5
"""Entities of an aggregate that are named, the worst first."""


def of_document(case: Case, document: Document) -> Iterator[Finding]:
    """What is wrong with a document, whatever it says of keys."""
    metadata, days = document.metadata, case.policy.thresholds
    names = {each.entity_id for each in case.rollovers}
    watched = [each for each in metadata.entities if each.entity_id in names]
    bounds = (metadata.valid_until, *(each.valid_until for each in watched))
    if (until := min(filter(None, bounds), default=None)) is not None:
        clock = case.sure if is_of_another_entity(case.record.first) else case.clock
        if clock.reached(until):
            idp = any(role.role is Role.IDP for entity in watched or metadata.entities for role in entity.roles)
            yield case.found(Kind.METADATA_OUTDATED if idp else Kind.SP_METADATA_OUTDATED, Until(until))
        elif clock.reached(shifted(until, -timedelta(days=days.valid_until))):
            yield case.found(Kind.METADATA_OUTDATED_SOON, Until(until))
    if document.signature.state is SignatureState.INVALID:
        yield case.found(Kind.SIGNATURE_INVALID, Signed(document.signature))
    kinds = {FaultKind.CERTIFICATE_BASE64, FaultKind.CERTIFICATE_DER}
    # An aggregate always has some certificates that cannot be read; they are their publishers' business.
    told = {key.unread for entity in metadata.entities for key in remembered_keys(entity)}
    unreadable = tuple(
        each
        for each in metadata.faults
        if each.kind in kinds and each.detail not in told and (not metadata.aggregate or each.entity_id in names)
    )
    others = tuple(each for each in metadata.faults if each.kind not in kinds or each not in unreadable)
    others = tuple(each for each in others if each.detail not in told)
    if unreadable:
        yield case.found(Kind.CERTIFICATE_UNREADABLE, Faulty(unreadable))
    if others:
        yield case.found(Kind.DOCUMENT_FAULTY, Faulty(others))


def remembered_keys(entity: Entity) -> tuple[Key, ...]:
    """The keys whose certificate can no longer be read, and was read before; each once."""
    keys = (key for role in entity.roles for key in role.keys if key.unread and key.certificate is not None)
    return tuple({key.certificate: key for key in keys}.values())


def of_aggregate(case: Case, document: Document, rollovers: Sequence[Rollover]) -> Iterator[Finding]:
    """What is wrong with the entities of an aggregate that nobody watches, or that left it."""
    record = case.record
    if not document.metadata.aggregate:
        return
    mine = {each.entity_id for each in case.rollovers}
    critical = [each for each in rollovers if each.severity is Severity.CRITICAL and each.entity_id not in mine]
    if critical:
        worst = sorted(critical, key=lambda each: each.urgency)[:SHOWN]
        states = Counter(each.state for each in critical)
        facts = Unwatched(states, len(rollovers), tuple(each.entity_id for each in worst))
        yield case.found(Kind.ENTITIES_IN_TROUBLE, facts)
    is_named = naming(record.target.watch)
    for entity_id, known in record.history.entities.items():
        if known.left is None or not is_named(entity_id):
            continue
        if not case.clock.reached(shifted(known.left, NEWS)):
            yield case.found(Kind.ENTITY_VANISHED, Until(known.left), entity_id)
