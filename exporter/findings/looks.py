"""What is wrong with getting the document: where it cannot be read, and which places give another one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from exporter import served, trust
from exporter.config.settings import SERVICE
from exporter.findings.case import Case
from exporter.findings.facts import (
    Clocks,
    Differing,
    LeftBehind,
    Served,
    Unread,
    Until,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.model import (
    Document,
    Observation,
    Role,
)
from exporter.policy import Profile
from exporter.record import LookRecord, fresh_for
from exporter.rollover import judge as judge_rollovers
from exporter.rollover import shifted

UNREADABLE = timedelta(days=1)
"""How long a document cannot be read, in the weeks in which Entra ID must read it, before somebody must act."""


COPYING = timedelta(hours=2)
"""How long looks may differ: federation servers copy from the primary one every five minutes, caches take longer."""


APART = timedelta(minutes=50)
"""Clocks that differ by this much shift dates by more than looks and farms do by themselves.

Less than the hour of a wrong time zone, because the other side tells whole seconds, and an answer takes its time.
"""


def of_looks(case: Case) -> Iterator[Finding]:
    """What is wrong with the looks at a target, and between them."""
    record = case.record
    for each in record.looks:
        observation = each.observation
        if observation is None:
            continue
        since = each.unread_since
        if (
            since is not None
            and each.lately.failure is not None
            and (record.document is not None or not case.remembers)
        ):
            yield _unread(case, each, each.lately.failure, since)
        ends = observation.tls_not_after
        if ends is not None and case.clock.reached(shifted(ends, -timedelta(days=case.policy.thresholds.tls))):
            yield Finding(Kind.TLS_CERTIFICATE_EXPIRING, Until(ends), place=each.place)
        if each.lead is not None and abs(each.lead) >= APART:
            yield Finding(Kind.CLOCK_WRONG, Clocks(each.lead), place=each.place)
    if record.document is None and case.remembers and record.first.lately.failure is not None:
        facts = _failure(case, record.first, record.first.lately.failure, record.first.unread_since)
        yield Finding(Kind.METADATA_NEVER_READ, facts, place=record.first.place)
    since = record.differing_since
    if since is not None and case.clock.reached(shifted(since, COPYING)):
        places = {each.place: served_by(each.document) for each in record.looks if each.document is not None}
        yield case.found(Kind.NODES_DIFFER, Differing(since, places))
        for each in record.looks[1:]:
            yield from _left_behind(case, each)


def _left_behind(case: Case, look: LookRecord) -> Iterator[Finding]:
    """Whether a node serves what Entra ID does not trust, while it trusts what the service serves."""
    entity_id = case.subject.entity_id if case.subject else None
    if look.document is None or look.last_success is None or entity_id is None or case.stale:
        return
    if case.clock.reached(look.last_success + fresh_for(look.look)):
        return
    found = judge_rollovers(
        look.document.metadata,
        case.policy,
        signature=look.document.signature,
        first_seen=case.record.history.first_seen,
        now=case.sure.now,
        subject=entity_id,
    )
    here = next((each for each in found if each.entity_id == entity_id), None)
    if here is None or here.primary is None:
        return
    case.sure.reached(here.until)
    known_keys = case.known(entity_id)
    remembered = trust.Known(known_keys.first_seen, since=known_keys.began)
    locked_out = tuple(
        known.domain
        for known, verdict in zip(case.record.domains, case.verdicts, strict=True)
        if known.trust is not None
        and verdict.primary_trusted
        and trust.accepts_none(replace(known.trust.accepted, at=known.last_success), here.may_sign, remembered)
    )
    if locked_out:
        yield Finding(
            Kind.TRUST_BROKEN_AT_NODE, LeftBehind(here.primary, locked_out), look.last_success, place=look.place
        )


def _failure(case: Case, look: LookRecord, failure: Observation, since: datetime | None) -> Unread:
    return Unread(
        failure,
        since or failure.at,
        case.subject,
        case.policy,
        look.lately.probes,
        look.lately.failures,
        is_file=urlsplit(look.look.url).scheme not in {"http", "https"},
    )


def _unread(case: Case, look: LookRecord, failure: Observation, since: datetime) -> Finding:
    facts, kind = _failure(case, look, failure, since), Kind.METADATA_UNREACHABLE
    if is_of_another_entity(look):
        kind = Kind.METADATA_OF_ANOTHER_ENTITY
    elif _keeps_entra_out(case, look, facts):
        kind = Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW
    elif look.is_outside and not _is_ours(facts) and _is_read_inside(case, facts.since):
        kind = Kind.METADATA_UNREACHABLE_FROM_INTERNET
    return Finding(kind, facts, place=look.place)


def is_of_another_entity(look: LookRecord) -> bool:
    """Whether the address gives the document of another entity now."""
    return look.lately.of_another_entity


def _keeps_entra_out(case: Case, look: LookRecord, facts: Unread) -> bool:
    """Whether Entra ID must read what cannot be read here."""
    policy, primary = case.policy, case.subject.primary if case.subject else None
    outside = [each for each in case.record.looks if each.is_outside]
    return (
        primary is not None
        and case.subject is not None
        and case.subject.role is Role.IDP
        and case.remembers
        and policy.profile is Profile.ADFS
        and policy.expiry
        and look.look.node == SERVICE
        and (look.is_outside or not outside)
        and not _is_ours(facts)
        # Where Entra ID trusts the successor for every domain, it need not read anything.
        and not (case.verdicts and all(each.successor_trusted for each in case.verdicts))
        and case.clock.reached(shifted(primary.not_after, -timedelta(days=policy.thresholds.poll)))
        and case.clock.reached(shifted(facts.since, UNREADABLE))
    )


def _is_ours(facts: Unread) -> bool:
    """Whether it failed on our side, which says nothing about the endpoint."""
    return facts.observation.reason is not None and facts.observation.reason.is_ours


def _is_read_inside(case: Case, since: datetime) -> bool:
    """Whether the document was read from inside after a moment: a look that fails now and then changes nothing.

    Where there was one probe of each, they were at the same time.
    """
    return any(
        each.look.node == SERVICE
        and not each.is_outside
        and each.last_success is not None
        and (each.last_success >= since or not case.remembers)
        for each in case.record.looks
    )


def served_by(document: Document) -> Served:
    """The certificates that a document serves for signing."""
    by = served.Served.by(document)
    certificates = {
        each.fingerprint: each
        for entity in document.metadata.entities
        for each in entity.certificates(signs=True)
        if each.fingerprint in by.keys
    }
    signer = certificates[by.signer] if by.signer else None
    return Served(tuple(sorted(certificates.values(), key=lambda each: each.not_before)), signer)
