"""What is wrong with a target, about to be, or worth knowing: judged here, once, and only shown elsewhere. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from exporter import record, trust
from exporter.config.settings import INTERNET, SERVICE, Entra, Place, TrustSource
from exporter.findings.facts import (
    Asking,
    Changed,
    Differing,
    Facts,
    Faulty,
    Half,
    Published,
    Rolling,
    Served,
    Signed,
    Trusting,
    Unread,
    Until,
    Unwatched,
)
from exporter.findings.kinds import Kind
from exporter.history import Change, EntityHistory
from exporter.inquiry import DomainRecord
from exporter.model import Certificate, Document, Entity, FaultKind, Observation, SignatureState, Use
from exporter.policy import Policy, Profile
from exporter.record import LookRecord, Record
from exporter.rollover import FOREVER, Rollover, Severity, State, promotion_of, shifted
from exporter.trust import TrustState, Verdict

NEWS = timedelta(days=1)
"""How long what has happened is told."""

LAGGING = timedelta(days=1)
"""How long some domains may lack the successor that others have."""

UNREADABLE = timedelta(days=1)
"""How long a document cannot be read, in the weeks in which Entra ID must read it, before somebody must act."""

COPYING = timedelta(hours=2)
"""How long looks may differ: federation servers copy from the primary one every five minutes, caches take longer."""

TAKING = timedelta(hours=36)
"""How long Entra ID, which reads the metadata daily by then, may take for a successor."""

SHOWN = 5
"""Entities of an aggregate that are named, the worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, about to be wrong, or worth knowing."""

    kind: Kind
    facts: Facts
    as_of: datetime | None = None
    """When what it was judged by was got: the document, or Entra ID's answer. None: it is about getting it."""
    entity_id: str | None = None
    domain: str | None = None
    place: Place | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.kind.severity

    @property
    def about(self) -> Mapping[str, str]:
        """Whom it is about, by the names of labels; empty: the target."""
        place = self.place._asdict() if self.place else {}
        named = {"entity_id": self.entity_id, "domain": self.domain, **place}
        return {name: each for name, each in named.items() if each is not None}

    @property
    def order(self) -> tuple[int, float, str, str, Place]:
        """What sorts the worst first: by kind, then by the end of the primary, then by name."""
        end = self.facts.rollover.urgency[1] if isinstance(self.facts, Rolling) else 0.0
        return self.kind.rank, end, self.entity_id or "", self.domain or "", self.place or Place("", "")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target stands at one moment: the one judgement, which every surface shows."""

    record: Record
    findings: tuple[Finding, ...]
    """The worst first."""
    rollovers: tuple[Rollover, ...]
    """Of each entity of the document, in its order."""
    watched: frozenset[str]
    """The entities that findings are about; of an aggregate those that the configuration watches."""
    verdicts: tuple[Verdict, ...]
    """Of the record's domains, in their order."""
    policy: Policy
    since: datetime
    until: datetime
    """The same question asked at or after ``since`` and before this has the same answer."""

    @property
    def severity(self) -> Severity:
        """How bad the worst finding is."""
        return self.findings[0].severity if self.findings else Severity.OK

    @property
    def rollover(self) -> Rollover | None:
        """How the rollover of the entity that the target is about stands; None of an aggregate that names none."""
        return _of(self.record.entity, self.rollovers)

    @property
    def readable(self) -> bool | None:
        """Whether the document can be read from the internet; None: not known."""
        return _readable(self.record)

    @property
    def urgency(self) -> tuple[int, float]:
        """What sorts the worst target first: by the worst finding, then by the first end of a primary."""
        ends = [each.urgency[1] for each in self.rollovers if each.entity_id in self.watched and each.primary]
        return self.findings[0].kind.rank if self.findings else len(Kind), min(ends, default=0.0)

    def holds(self, now: datetime) -> bool:
        """Whether the same question asked now has the same answer."""
        return self.since <= now < self.until


@dataclass(slots=True, eq=False)
class _Clock:
    """Tells which moments have come, and remembers the first that has not."""

    now: datetime
    until: datetime = FOREVER

    def reached(self, moment: datetime) -> bool:
        if moment > self.now:
            self.until = min(self.until, moment)
        return moment <= self.now


@dataclass(frozen=True, slots=True)
class _Case:
    """What a target is judged by."""

    record: Record
    policy: Policy
    clock: _Clock
    rollovers: tuple[Rollover, ...]
    """Of the watched entities."""
    subject: Rollover | None
    verdicts: tuple[Verdict, ...]
    remembers: bool

    def known(self, entity_id: str) -> EntityHistory:
        return self.record.history.entities.get(entity_id, EntityHistory())

    def found(self, kind: Kind, facts: Facts, entity_id: str | None = None) -> Finding:
        """A finding about the document."""
        return Finding(kind, facts, self.record.last_success, entity_id)


def standing(record: Record, now: datetime, *, before: Standing | None = None, remembers: bool = True) -> Standing:
    """How a target stands.

    ``before`` is an earlier answer for the same target: what still holds of it is taken over, which changes nothing but
    the time that this takes. ``remembers`` is False where there was one probe only: then nothing can be said of before.
    """
    if before is not None and before.record is record and before.holds(now):
        return before
    clock = _Clock(now)
    rollovers = _rollovers(record, now, before)
    for each in rollovers:
        clock.reached(each.until)
    policy, subject = record.policy, _of(record.entity, rollovers)
    verdicts = tuple(_verdict(each, record, policy, subject, now) for each in record.domains)
    for verdict in verdicts:
        clock.reached(verdict.until)
    watched = frozenset(_watched(record))
    case = _Case(
        record,
        policy,
        clock,
        tuple(each for each in rollovers if each.entity_id in watched),
        subject,
        verdicts,
        remembers,
    )
    findings = [*_looks(case)]
    if record.document is not None:
        findings += [*_document(case, record.document), *_aggregate(case, record.document, rollovers)]
        verdict_of = {each.entity_id: each for each in case.rollovers}
        for entity in record.document.metadata.entities:
            if (rollover := verdict_of.get(entity.entity_id)) is not None:
                findings += [*_rollover(case, entity, rollover), *_keys(case, entity, rollover)]
    findings += _domains(case)
    return Standing(
        record,
        tuple(sorted(findings, key=lambda each: each.order)),
        rollovers,
        watched,
        verdicts,
        policy,
        since=now,
        until=clock.until,
    )


def _rollovers(record: Record, now: datetime, before: Standing | None) -> tuple[Rollover, ...]:
    if (
        before is not None
        and before.record.document is record.document
        and before.record.history.entities is record.history.entities
        and before.record.target == record.target
        and before.since <= now
        and all(now < each.until for each in before.rollovers)
    ):
        return before.rollovers
    return record.judge(now)


def _of(entity: Entity | None, rollovers: Sequence[Rollover]) -> Rollover | None:
    return next((each for each in rollovers if entity is not None and each.entity_id == entity.entity_id), None)


def _watched(record: Record) -> Iterator[str]:
    if record.document is None:
        return
    metadata = record.document.metadata
    for entity in metadata.entities:
        if not metadata.aggregate or _is_named(entity.entity_id, record.target.watch):
            yield entity.entity_id


def _is_named(entity_id: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(entity_id, pattern) for pattern in patterns)


def _verdict(known: DomainRecord, record: Record, policy: Policy, subject: Rollover | None, now: datetime) -> Verdict:
    return trust.judge(
        known.domain,
        known.accepted,
        entity=record.entity,
        rollover=subject,
        policy=policy,
        url=record.target.url,
        now=now,
    )


def _looks(case: _Case) -> Iterator[Finding]:
    record = case.record
    for each in record.looks:
        observation = each.observation
        if observation is None:
            continue
        if observation.reason is not None and (record.document is not None or not case.remembers):
            yield _unread(case, each, observation)
        ends = observation.tls_not_after
        if ends is not None and case.clock.reached(shifted(ends, -timedelta(days=case.policy.thresholds.tls))):
            yield Finding(Kind.TLS_CERTIFICATE_EXPIRING, Until(ends), place=each.place)
    if record.document is None and case.remembers and record.observation is not None:
        facts = _failure(case, record.first, record.observation)
        yield Finding(Kind.METADATA_NEVER_READ, facts, place=record.first.place)
    since = record.differing_since
    if since is not None and case.clock.reached(shifted(since, COPYING)):
        served = {each.place: _served(each.document) for each in record.looks if each.document is not None}
        yield case.found(Kind.NODES_DIFFER, Differing(since, served))


def _failure(case: _Case, look: LookRecord, observation: Observation) -> Unread:
    since = look.last_success or look.failing_since or observation.at
    return Unread(observation, since, case.subject, case.policy)


def _unread(case: _Case, look: LookRecord, observation: Observation) -> Finding:
    facts, kind = _failure(case, look, observation), Kind.METADATA_UNREACHABLE
    if _keeps_entra_out(case, look, facts):
        kind = Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW
    elif _is_outside(look) and not _is_ours(facts) and _is_read_inside(case.record, facts.since):
        kind = Kind.METADATA_UNREACHABLE_FROM_INTERNET
    return Finding(kind, facts, place=look.place)


def _keeps_entra_out(case: _Case, look: LookRecord, facts: Unread) -> bool:
    """Whether Entra ID must read what cannot be read here."""
    policy, primary = case.policy, case.subject.primary if case.subject else None
    outside = [each for each in case.record.looks if _is_outside(each)]
    return (
        primary is not None
        and case.remembers
        and policy.profile is Profile.ADFS
        and policy.expiry
        and look.look.node == SERVICE
        and (_is_outside(look) or not outside)
        and not _is_ours(facts)
        # Where Entra ID trusts the successor for every domain, it need not read anything.
        and not (case.verdicts and all(each.successor_trusted for each in case.verdicts))
        and case.clock.reached(shifted(primary.not_after, -timedelta(days=policy.thresholds.poll)))
        and case.clock.reached(shifted(facts.since, UNREADABLE))
    )


def _is_outside(look: LookRecord) -> bool:
    return look.place == Place(SERVICE, INTERNET)


def _is_ours(facts: Unread) -> bool:
    """Whether it failed on our side, which says nothing about the endpoint."""
    return facts.observation.reason is not None and facts.observation.reason.is_ours


def _is_read_inside(record: Record, since: datetime) -> bool:
    """Whether the document was read from inside after a moment: a look that fails now and then changes nothing."""
    return any(
        each.look.node == SERVICE
        and not _is_outside(each)
        and each.last_success is not None
        and each.last_success >= since
        for each in record.looks
    )


def _readable(record: Record) -> bool | None:
    """Whether the document can be read from the internet: by a look from there, else by Entra ID's own account."""
    for each in record.looks:
        observation = each.observation
        # What failed on our side says nothing about the endpoint.
        if _is_outside(each) and observation is not None and not (observation.reason and observation.reason.is_ours):
            return observation.reason is None
    accounts = {each.trust.update.readable for each in record.domains if each.trust and each.trust.update}
    return False if False in accounts else True if True in accounts else None


def _served(document: Document) -> Served:
    served = record.Served.by(document)
    certificates = {
        each.fingerprint: each
        for entity in document.metadata.entities
        for each in _certificates(entity, signs=True)
        if each.fingerprint in served.keys
    }
    signer = certificates[served.signer] if served.signer else None
    return Served(tuple(sorted(certificates.values(), key=lambda each: each.not_before)), signer)


def _document(case: _Case, document: Document) -> Iterator[Finding]:
    metadata, days = document.metadata, case.policy.thresholds
    if (until := metadata.valid_until) is not None:
        if case.clock.reached(until):
            yield case.found(Kind.METADATA_OUTDATED, Until(until))
        elif case.clock.reached(shifted(until, -timedelta(days=days.valid_until))):
            yield case.found(Kind.METADATA_OUTDATED_SOON, Until(until))
    if document.signature.state is SignatureState.INVALID:
        yield case.found(Kind.SIGNATURE_INVALID, Signed(document.signature))
    # An aggregate always has some certificates that cannot be read; they are their publishers' business.
    kinds = () if metadata.aggregate else (FaultKind.CERTIFICATE_BASE64, FaultKind.CERTIFICATE_DER)
    unreadable = tuple(each for each in metadata.faults if each.kind in kinds)
    others = tuple(each for each in metadata.faults if each.kind not in kinds)
    if unreadable:
        yield case.found(Kind.CERTIFICATE_UNREADABLE, Faulty(unreadable))
    if others:
        yield case.found(Kind.DOCUMENT_FAULTY, Faulty(others))


def _aggregate(case: _Case, document: Document, rollovers: Sequence[Rollover]) -> Iterator[Finding]:
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
    for entity_id, known in record.history.entities.items():
        if known.left is None or not _is_named(entity_id, record.target.watch):
            continue
        if not case.clock.reached(shifted(known.left, NEWS)):
            yield case.found(Kind.ENTITY_VANISHED, Until(known.left), entity_id)


_KINDS = {
    State.NONE: Kind.NO_SIGNING_KEY,
    State.EXPIRED: Kind.SIGNING_CERTIFICATE_EXPIRED,
    State.MISSING: Kind.ROLLOVER_MISSING,
    State.STALLED: Kind.PROMOTION_STALLED,
    State.OVERDUE: Kind.ROLLOVER_OVERDUE,
    State.DUE: Kind.RENEWAL_DUE,
    State.PUBLISHED: Kind.SUCCESSOR_PUBLISHED,
}


_FAULTS = {FaultKind.PRIMARY_IGNORED: Kind.PRIMARY_IGNORED, FaultKind.PRIMARY_DISPUTED: Kind.PRIMARY_DISPUTED}
"""What can be wrong with the evidence."""


def _rollover(case: _Case, entity: Entity, rollover: Rollover) -> Iterator[Finding]:
    facts = Rolling(rollover, case.policy, valid=tuple(_valid(case, entity, rollover)), early=_is_early(case, rollover))
    if rollover is case.subject:
        here = (each for each in case.verdicts if each.state is not TrustState.NOT_FEDERATED)
        facts = replace(
            facts, trusted={each.domain: each.successor_trusted for each in here}, readable=_readable(case.record)
        )
    kind = _KINDS.get(rollover.state)
    if kind is Kind.PROMOTION_STALLED and rollover.severity is Severity.CRITICAL:
        kind = Kind.PROMOTION_STALLED_LATE
    if kind is not None:
        yield case.found(kind, facts, rollover.entity_id)
    for fault in rollover.faults:
        yield case.found(_FAULTS[fault], facts, rollover.entity_id)


def _valid(case: _Case, entity: Entity, rollover: Rollover) -> Sequence[Certificate]:
    published = entity.published(rollover.role, signs=True)
    found = [
        each
        for each in published
        if each != rollover.primary and case.clock.reached(each.not_before) and not case.clock.reached(each.not_after)
    ]
    return sorted(found, key=lambda each: each.not_after, reverse=True)


def _is_early(case: _Case, rollover: Rollover) -> bool:
    if rollover.primary is None or not case.policy.expiry:
        return False
    expected = timedelta(days=case.policy.thresholds.unexpected)
    return not case.clock.reached(shifted(rollover.primary.not_after, -expected))


def _keys(case: _Case, entity: Entity, rollover: Rollover) -> Iterator[Finding]:
    entity_id, policy = entity.entity_id, case.policy
    known = case.known(entity_id)
    signing = _certificates(entity, signs=True)
    changes = known.changes(Use.SIGNING)
    news = {change: at for change, at in changes.items() if not case.clock.reached(shifted(at, NEWS))}
    if (at := news.get(Change.REPLACED)) is not None and policy.profile is not Profile.ENTRA:
        came = _came(known, signing, at)
        yield case.found(Kind.KEY_SET_REPLACED, Changed(at, came, policy), entity_id)
    if (at := news.get(Change.UNEXPECTED)) is not None:
        came = _came(known, signing, at)
        yield case.found(Kind.UNEXPECTED_SIGNING_CERTIFICATE, Changed(at, came, policy), entity_id)
    # Entra ID replaces its own keys as it likes; and nobody saw how keys changed between two looks far apart.
    told = news if policy.profile is Profile.ENTRA else {each: at for each, at in news.items() if each is Change.UNSEEN}
    if told:
        yield case.found(Kind.SIGNING_KEYS_CHANGED, Changed(max(told.values()), signing, policy), entity_id)
    if known.last_promotion is not None and not case.clock.reached(shifted(known.last_promotion, NEWS)):
        now_signs = (rollover.primary,) if rollover.primary else ()
        yield case.found(Kind.PRIMARY_CHANGED, Changed(known.last_promotion, now_signs, policy), entity_id)
    ends, warned = _encrypts_least(entity), timedelta(days=policy.thresholds.encryption)
    if policy.expiry and ends is not None and case.clock.reached(shifted(ends.not_after, -warned)):
        yield case.found(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, Published((ends,), policy), entity_id)
    every = dict.fromkeys((*signing, *_certificates(entity, signs=False)))
    # An old one that has ended and is still listed hurts nobody.
    weak = tuple(each for each in every if each.weaknesses and not case.clock.reached(each.not_after))
    if weak:
        yield case.found(Kind.CERTIFICATE_WEAK, Published(weak, policy), entity_id)


def _came(known: EntityHistory, signing: Sequence[Certificate], at: datetime) -> tuple[Certificate, ...]:
    """Those that are published and were not before a moment."""
    return tuple(each for each in signing if known.first_seen.get(each.fingerprint, at) >= at)


def _certificates(entity: Entity, *, signs: bool) -> tuple[Certificate, ...]:
    roles = dict.fromkeys(each.role for each in entity.roles)
    return tuple(dict.fromkeys(found for role in roles for found in entity.published(role, signs=signs)))


def _encrypts_least(entity: Entity) -> Certificate | None:
    """Of the encryption certificates that last longest, one for each role, the one that ends first.

    An old one beside a new one is no trouble, but every role needs one.
    """
    roles = dict.fromkeys(each.role for each in entity.roles)
    published = filter(None, (entity.published(role, signs=False) for role in roles))
    longest = (max(each, key=lambda certificate: certificate.not_after) for each in published)
    return min(longest, key=lambda certificate: certificate.not_after, default=None)


def _domains(case: _Case) -> Iterator[Finding]:
    record, entra, rollover = case.record, case.record.target.entra, case.subject
    if entra is None:
        return
    for verdict, known in zip(case.verdicts, record.domains, strict=True):
        if known.trust is not None:
            facts = Trusting(record.target.name, verdict, known.trust, rollover, case.policy, _readable(record))
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
        if case.clock.reached(shifted(_known_since(case, rollover, rollover.successor), LAGGING)):
            yield case.found(Kind.TRUST_HALF_UPDATED, half)


_WAITS = {TrustState.PENDING, TrustState.AT_RISK}
"""The successor is not trusted."""


def _trust(case: _Case, facts: Trusting, known: DomainRecord, entra: Entra) -> Iterator[Finding]:
    verdict, trusted, rollover = facts.verdict, facts.trust, facts.rollover
    unread = trusted.update is not None and trusted.update.readable is False
    late = rollover is not None and _takes_too_long(case, rollover)
    pending = verdict.state is TrustState.PENDING
    old = rollover is not None and _is_old_news(case, rollover, known, entra)
    kinds = (
        (Kind.TRUST_BROKEN, verdict.state is TrustState.BROKEN and not old),
        (Kind.TRUST_AT_RISK, verdict.state is TrustState.AT_RISK),
        (Kind.TRUST_NOT_FEDERATED, verdict.state is TrustState.NOT_FEDERATED),
        (Kind.ENTRA_CANNOT_READ_METADATA, verdict.state in _WAITS and unread),
        (Kind.TRUST_FOREIGN_CERTIFICATE, bool(verdict.foreign)),
        (Kind.TRUST_PENDING_TOO_LONG, pending and late),
        (Kind.TRUST_PENDING, pending and not late),
        # User realm discovery never shows enough, and is not expected to.
        (
            Kind.TRUST_UNKNOWN,
            verdict.state is TrustState.UNKNOWN and rollover is not None and entra.source is TrustSource.GRAPH,
        ),
    )
    for kind, holds in kinds:
        if holds:
            yield Finding(kind, facts, known.last_success, domain=known.domain)


def _is_old_news(case: _Case, rollover: Rollover, known: DomainRecord, entra: Entra) -> bool:
    """Whether an answer is from before the primary became that, and likely to be another by now.

    Whoever updates Entra ID and then promotes does right. The next inquiry tells; where none succeeds, two intervals
    are enough. What was at risk does not cease to be told at the very moment at which people are locked out.
    """
    promoted, at = case.known(rollover.entity_id).last_promotion, known.last_success
    if promoted is None or at is None or at >= promoted:
        return False
    over = case.clock.reached(shifted(promoted, timedelta(seconds=2 * entra.interval)))
    return not over and not _was_at_risk(case, rollover, promoted)


def _was_at_risk(case: _Case, rollover: Rollover, promoted: datetime) -> bool:
    """Whether an unknown successor was a risk already, just before it became primary."""
    known, successor = case.known(rollover.entity_id), rollover.primary
    old = {fingerprint for sighting in known.primaries[:-1] for fingerprint in sighting.fingerprints}
    published = _certificates(case.record.entity, signs=True) if case.record.entity else ()
    before = replace(
        rollover,
        primary=max((each for each in published if each.fingerprint in old), key=_begins, default=None),
        successor=successor,
        promotion=promotion_of(successor, case.policy, known.first_seen) if successor else None,
    )
    return any(moment <= promoted for moment in trust.near(before, case.policy))


def _begins(certificate: Certificate) -> datetime:
    return certificate.not_before


def _takes_too_long(case: _Case, rollover: Rollover) -> bool:
    if rollover.primary is None or rollover.successor is None:
        return False
    # Earlier than this Entra ID does not read the metadata by itself.
    polled = shifted(rollover.primary.not_after, -timedelta(days=case.policy.thresholds.poll))
    return case.clock.reached(shifted(max(_known_since(case, rollover, rollover.successor), polled), TAKING))


def _known_since(case: _Case, rollover: Rollover, certificate: Certificate) -> datetime:
    """When a certificate was first seen; what is not recorded yet was seen now."""
    return case.known(rollover.entity_id).first_seen.get(certificate.fingerprint, case.clock.now)
