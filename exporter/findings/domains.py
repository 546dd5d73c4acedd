"""What is wrong with the trust of a domain."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from exporter import trust
from exporter.config.settings import Entra, TrustSource
from exporter.findings.case import Case, Clock
from exporter.findings.facts import (
    Asking,
    Half,
    Trusting,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.history import EntityHistory
from exporter.inquiry import DomainRecord, DomainTrust
from exporter.model import (
    Certificate,
)
from exporter.record import Record
from exporter.rollover import Rollover, shifted
from exporter.trust import TrustState, Verdict

LAGGING = timedelta(days=1)
"""How long some domains may lack the successor that others have."""


TAKING = timedelta(hours=36)
"""How long Entra ID, which reads the metadata daily by then, may take for a successor."""


def verdict_of(domain: DomainRecord, record: Record, subject: Rollover | None, sure: Clock, *, stale: bool) -> Verdict:
    """How the trust of a domain stands at a moment that is sure; ``stale``: the document is old."""
    verdict = _compared(domain, domain.trust, record, subject, sure)
    if verdict.state is TrustState.BROKEN and stale:
        # By an old document nobody is said to be locked out: what repairs that would lock everybody out.
        return replace(verdict, state=TrustState.UNKNOWN, too_old=True)
    return verdict


def _compared(
    domain: DomainRecord, said: DomainTrust | None, record: Record, subject: Rollover | None, sure: Clock
) -> Verdict:
    """How the trust of a domain stands by an answer."""
    known = record.history.entities.get(subject.entity_id, EntityHistory()) if subject else EntityHistory()
    verdict = trust.judge(
        domain.domain,
        replace(said.accepted, at=domain.last_success) if said else None,
        entity=record.entity,
        rollover=subject,
        policy=record.policy,
        url=record.target.url,
        now=sure.now,
        known=trust.Known(known.first_seen, known.last_promotion, known.began),
    )
    sure.reached(verdict.until)
    return verdict


def of_domains(case: Case) -> Iterator[Finding]:
    """What is wrong with what Entra ID trusts, and with asking it."""
    record, entra, rollover = case.record, case.record.target.entra, case.subject
    if entra is None:
        return
    for verdict, known in zip(case.verdicts, record.domains, strict=True):
        if known.trust is not None:
            facts = Trusting(
                record.target.name, verdict, known.trust, rollover, case.policy, record.readable_from_internet
            )
            yield from _trust(case, facts, known, entra)
        latest = known.last_success
        # A little more: an inquiry that takes its time comes later than the interval says.
        patience = timedelta(seconds=3 * entra.interval + 600)
        stale = known.inquiry is not None if latest is None else case.clock.reached(shifted(latest, patience))
        if stale:
            yield Finding(Kind.TRUST_STALE, Asking(known), domain=known.domain)
    lagging = tuple(each.domain for each in case.verdicts if each.state in _WAITS)
    following = tuple(each.domain for each in case.verdicts if each.successor_trusted)
    if rollover and rollover.successor and lagging and following:
        half = Half(record.target.name, rollover.successor, lagging, following)
        if case.sure.reached(shifted(_known_since(case, rollover, rollover.successor), LAGGING)):
            yield case.found(Kind.TRUST_HALF_UPDATED, half)


_WAITS = {TrustState.PENDING, TrustState.AT_RISK}
"""Something that will sign next is not trusted."""


def _trust(case: Case, facts: Trusting, known: DomainRecord, entra: Entra) -> Iterator[Finding]:
    kinds = list(_trust_kinds(case, facts, entra))
    if case.stale:
        # An old document says nothing of what Entra ID said since; what held while it was new goes on.
        then = known.compared
        held = _compared(known, then, case.record, case.compared, case.sure) if then else None
        before = replace(facts, verdict=held, trust=then) if held and then else None
        kinds = [
            kind
            for kind in kinds
            if kind is Kind.TRUST_NOT_FEDERATED or (before and kind in _trust_kinds(case, before, entra))
        ]
    for kind in kinds:
        yield Finding(kind, facts, known.last_success, domain=known.domain)


def _trust_kinds(case: Case, facts: Trusting, entra: Entra) -> Iterator[Kind]:
    verdict, trusted, rollover = facts.verdict, facts.trust, facts.rollover
    unread = trusted.update is not None and trusted.update.readable is False
    pending = verdict.state is TrustState.PENDING
    late = pending and rollover is not None and _takes_too_long(case, rollover, verdict)
    kinds = (
        (Kind.TRUST_BROKEN, verdict.state is TrustState.BROKEN),
        (Kind.TRUST_AT_RISK, verdict.state is TrustState.AT_RISK),
        (Kind.TRUST_NOT_FEDERATED, verdict.state is TrustState.NOT_FEDERATED),
        (Kind.ENTRA_CANNOT_READ_METADATA, verdict.state in _WAITS and unread),
        (Kind.TRUST_FOREIGN_CERTIFICATE, bool(verdict.foreign)),
        (Kind.TRUST_PENDING_TOO_LONG, late),
        (Kind.TRUST_PENDING, pending and not late),
        # User realm discovery never shows enough, and is not expected to. Where the answer is too old, that is told.
        (
            Kind.TRUST_UNKNOWN,
            verdict.state is TrustState.UNKNOWN
            and rollover is not None
            and not verdict.too_old
            and entra.source is TrustSource.GRAPH,
        ),
        (Kind.TRUST_LEFTOVER, bool(verdict.leftover)),
    )
    yield from (kind for kind, holds in kinds if holds)


def _takes_too_long(case: Case, rollover: Rollover, verdict: Verdict) -> bool:
    """Whether Entra ID has had the time to take what it lacks: by itself, or by somebody who must write it."""
    return any(case.sure.reached(shifted(_known_since(case, rollover, each), TAKING)) for each in verdict.lacking)


def _known_since(case: Case, rollover: Rollover, certificate: Certificate) -> datetime:
    """When a certificate was first seen; what is not recorded yet was seen now."""
    return case.known(rollover.entity_id).first_seen.get(certificate.fingerprint, case.clock.now)
