"""The latest looks at a target and the trust of its domains, as a fragment."""

from collections.abc import Collection, Mapping
from hashlib import sha256

from exporter.exposition import families
from exporter.exposition.domains import write_domains
from exporter.exposition.fragment import Fragment, Writer
from exporter.findings import Finding, Standing
from exporter.model import Observation
from exporter.record import LookRecord, Record
from exporter.served import Served

ROOM = 500_000
"""Bytes for the findings of a target: of 2,000 watched entities with one each."""

ROOM_PER_ENTITY = 2_500
"""Bytes for findings, for each entity of an aggregate that may have series: more where somebody asked for more."""

SPELLED_OUT = 4
"""Keys of a set that its label names one by one; of a larger set it has a digest."""


def look_fragment(standing: Standing, *, limit: int) -> Fragment:
    """The series about a target's latest probes and answers, which are others after each, and what was found.

    Of very many findings the worst have series: as many as there is room for; ``limit`` is as for documents.
    """
    record = standing.record
    writer = Writer(target=record.target.name)
    room = max(ROOM, limit * ROOM_PER_ENTITY)
    for number, finding in enumerate(standing.findings):
        if writer.size > room:
            writer.write(families.FINDINGS_OMITTED, len(standing.findings) - number)
            break
        _write_finding(writer, finding)
    if record.last_success is not None:
        writer.write(families.AS_OF, record.last_success.timestamp())
    for each in record.looks:
        _write_look(writer, each)
    if len(record.looks) > 1:
        _write_nodes(writer, record)
    if record.target.entra is not None:
        write_domains(writer, record, record.target.entra, standing.verdicts)
    return writer.fragment(standing.since, standing.until)


def _write_finding(writer: Writer, finding: Finding) -> None:
    writer.write(families.FINDING, 1, finding=finding.kind, severity=finding.severity.word, **finding.about)


def _write_look(writer: Writer, look: LookRecord) -> None:
    place = look.place._asdict()
    if look.observation is not None:
        _write_observation(writer, look.observation, place)
        writer.write(families.PROBES, look.probes, **place)
        writer.write(families.PROBE_FAILURES, look.failures, **place)
    if look.last_success is not None:
        writer.write(families.LAST_SUCCESS, look.last_success.timestamp(), **place)


def _write_observation(writer: Writer, observation: Observation, place: Mapping[str, str]) -> None:
    writer.write(families.REACHABLE, observation.reason is None, **place)
    if observation.reason is not None:
        writer.write(families.LAST_FAILURE, 1, **place, reason=observation.reason)
    for phase, seconds in observation.phases.items():
        writer.write(families.PROBE_DURATION, seconds, **place, phase=phase)
    if observation.http_status is not None:
        writer.write(families.HTTP_STATUS, observation.http_status, **place)
    writer.write(families.LAST_ATTEMPT, observation.at.timestamp(), **place)
    if observation.tls_not_after is not None:
        writer.write(families.TLS_NOT_AFTER, observation.tls_not_after.timestamp(), **place)


def _write_nodes(writer: Writer, record: Record) -> None:
    """What tells whether all looks get the same: said only where there is more than one."""
    known = [(each, Served.by(each.document)) for each in record.looks if each.document is not None]
    for each, served in known:
        signer = _short(served.signer) if served.signer else "unknown"
        writer.write(families.KEY_SET, 1, **each.place._asdict(), key_set=_key_set(served.keys), signer=signer)
    if len(known) > 1:
        writer.write(families.NODES_AGREE, record.differing_since is None)
        if record.differing_since is not None:
            writer.write(families.NODES_DIFFER_SINCE, record.differing_since.timestamp())


def _key_set(keys: Collection[str]) -> str:
    """A set of keys in a few words, the same for the same keys."""
    if len(keys) > SPELLED_OUT:
        return f"{len(keys)} keys {_short(sha256(' '.join(sorted(keys)).encode()).hexdigest())}"
    return " ".join(map(_short, sorted(keys))) or "none"


def _short(digest: str) -> str:
    return digest[:8]
