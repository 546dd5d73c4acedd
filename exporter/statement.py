"""How a target stands, as JSON: for machines, and for what other people build. Pure.

``statement.schema.json`` beside it says which keys there are, and of what kind each value is (JSON Schema 2020-12).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter

from exporter.config.urls import shown
from exporter.findings import Finding, Standing, headline, outlook, sentence, step, title
from exporter.inquiry import DomainRecord
from exporter.model import Certificate, Document, Entity
from exporter.record import LookRecord
from exporter.report import MOST_FINDINGS
from exporter.rollover import Rollover
from exporter.served import Served
from exporter.trust import Verdict

MOST_ENTITIES = 200
"""Entities of a document that are told of, those with the worst findings first; an aggregate has thousands."""

MOST_FAULTS = 200
"""Faults of a document that are told."""

Json = Mapping[str, object]
"""What :func:`json.dumps` makes an object of."""


def statement(standing: Standing, now: datetime) -> Json:
    """How a target stands as of ``now``, and what is known of it: texts, numbers, lists and mappings alone.

    Every key is always there; what is not known is None. Moments are texts as in RFC 3339, in UTC; no value is secret.
    """
    record, policy = standing.record, standing.policy
    rollovers = standing.worst_first
    told = rollovers[:MOST_ENTITIES]
    entities = {each.entity_id: each for each in (record.document.metadata.entities if record.document else ())}
    return {
        "target": record.target.name,
        "url": shown(record.target.url),
        "labels": dict(record.target.labels),
        "as_of": _moment(now),
        "severity": standing.word,
        "state": headline(standing),
        "outlook": None if standing.findings else outlook(standing),
        "findings": [_finding(each, now) for each in standing.findings[:MOST_FINDINGS]],
        "findings_left_out": max(0, len(standing.findings) - MOST_FINDINGS),
        "policy": {
            "name": policy.name,
            "profile": policy.profile,
            "evidence": policy.evidence,
            "auto_certificate_rollover": policy.auto_certificate_rollover,
            "expiry": policy.expiry,
        },
        "looks": [_look(each) for each in record.looks],
        "differing": record.differing_since is not None,
        "differing_since": _moment(record.differing_since) if standing.remembers else None,
        "document": record.document and _document(record.document),
        "entities": [_entity(each, entities[each.entity_id], standing) for each in told],
        "entities_left_out": len(rollovers) - len(told),
        "domains": [_domain(*each) for each in zip(record.domains, standing.verdicts, strict=True)],
    }


def overview(standings: Sequence[Standing], now: datetime) -> Json:
    """How all targets stand as of ``now``, the worst first, each in a few words; more of one says :func:`statement`."""
    return {"as_of": _moment(now), "targets": [_brief(each) for each in sorted(standings, key=attrgetter("urgency"))]}


def _brief(standing: Standing) -> Json:
    target, found = standing.record.target, standing.findings[:MOST_FINDINGS]
    return {
        "target": target.name,
        "url": shown(target.url),
        "labels": dict(target.labels),
        "severity": standing.word,
        "state": headline(standing),
        "findings": [
            {"finding": each.kind, "severity": each.severity.word, "about": dict(each.about)} for each in found
        ],
        "findings_left_out": len(standing.findings) - len(found),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _finding(finding: Finding, now: datetime) -> Json:
    next_step = step(finding, now)
    return {
        "finding": finding.kind,
        "severity": finding.severity.word,
        "title": title(finding.kind),
        "about": dict(finding.about),
        "sentence": sentence(finding, now),
        "step": next_step.text,
        "commands": list(next_step.commands),
        "as_of": _moment(finding.as_of),
    }


def _look(look: LookRecord) -> Json:
    observation = look.observation
    served = look.document and Served.by(look.document)
    return {
        "node": look.look.node,
        "vantage": look.look.vantage,
        "address": look.look.address,
        "at": _moment(observation.at if observation else None),
        "readable": observation and observation.reason is None,
        "reason": observation and observation.reason,
        "detail": observation.detail if observation else "",
        "http_status": observation and observation.http_status,
        "seconds": {phase: round(seconds, 6) for phase, seconds in observation.phases.items()} if observation else {},
        "tls_not_after": _moment(observation.tls_not_after if observation else None),
        "last_success": _moment(look.last_success),
        "signing_keys": len(served.keys) if served else None,
        "signer": served and served.signer,
    }


def _document(document: Document) -> Json:
    metadata, signature = document.metadata, document.signature
    return {
        "sha256": document.digest,
        "bytes": document.size,
        "aggregate": metadata.aggregate,
        "entities": len(metadata.entities),
        "valid_until": _moment(metadata.valid_until),
        "signature": {
            "state": signature.state,
            "fingerprint": signature.fingerprint,
            "detail": signature.detail,
        },
        "faults": [
            {"fault": each.kind, "entity_id": each.entity_id, "detail": each.detail, "times": each.times}
            for each in metadata.faults[:MOST_FAULTS]
        ],
        "faults_left_out": max(0, len(metadata.faults) - MOST_FAULTS),
    }


def _entity(rollover: Rollover, entity: Entity, standing: Standing) -> Json:
    return {
        "entity_id": rollover.entity_id,
        "watched": rollover.entity_id in standing.watched,
        "role": rollover.role,
        "state": rollover.state,
        "primary": rollover.primary and rollover.primary.fingerprint,
        "evidence": [
            {"evidence": claim.evidence, "fingerprint": claim.primary.fingerprint} for claim in rollover.claims
        ],
        "successor": rollover.successor and rollover.successor.fingerprint,
        "promotion": _moment(rollover.promotion),
        "certificates": list(_published(rollover, entity)),
    }


def _published(rollover: Rollover, entity: Entity) -> Iterator[Json]:
    """Each certificate that an entity publishes, once for each role and use."""
    certificates = {
        (each.role, key.use, found.fingerprint): found
        for each in entity.roles
        for key in each.keys
        for found in key.certificates
    }
    for (role, use, fingerprint), certificate in certificates.items():
        position = rollover.positions.get((role, use, fingerprint))
        yield {"role": role, "use": use, "position": position, **_certificate(certificate)}


def _certificate(certificate: Certificate) -> Json:
    return {
        "fingerprint": certificate.fingerprint,
        "thumbprint": certificate.thumbprint,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial_number": certificate.serial_number,
        "not_before": _moment(certificate.not_before),
        "not_after": _moment(certificate.not_after),
        "key": f"{certificate.key_algorithm}-{certificate.key_size}",
        "signature_algorithm": certificate.signature_algorithm,
        "weaknesses": list(certificate.weaknesses),
    }


def _domain(known: DomainRecord, verdict: Verdict) -> Json:
    inquiry, trust = known.inquiry, known.trust
    return {
        "domain": known.domain,
        "state": verdict.state,
        "at": _moment(inquiry.at if inquiry else None),
        "reason": inquiry and inquiry.reason,
        "detail": inquiry.detail if inquiry else "",
        "last_success": _moment(known.last_success),
        "source": trust and trust.source,
        "federated": trust and trust.federated,
        "service": trust and trust.service,
        "slots": {slot: _certificate(each) for slot, each in trust.certificates.items()} if trust else {},
        "unreadable_slots": list(trust.unreadable) if trust else [],
        "primary_trusted": verdict.primary_trusted,
        "successor_trusted": verdict.successor_trusted,
        "foreign": _fingerprints(verdict.foreign),
        "leftover": _fingerprints(verdict.leftover),
        "update": trust and trust.update,
        "updated": _moment(trust.updated if trust else None),
    }


def _fingerprints(certificates: Sequence[Certificate] | None) -> list[str] | None:
    return None if certificates is None else [each.fingerprint for each in certificates]
