"""What is wrong with a target, about to be, or worth knowing: judged here, once, and only shown elsewhere. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from exporter import served, trust
from exporter.config.settings import INTERNET, SERVICE, Entra, Place, TrustSource
from exporter.findings.facts import (
    Asking,
    Changed,
    Clocks,
    Differing,
    Facts,
    Faulty,
    Half,
    LeftBehind,
    Published,
    Remembered,
    RolledBack,
    Rolling,
    Served,
    Signed,
    Trusting,
    Turns,
    Unread,
    Until,
    Unwatched,
)
from exporter.findings.kinds import Kind
from exporter.history import Change, EntityHistory
from exporter.inquiry import DomainRecord, DomainTrust
from exporter.model import (
    Certificate,
    Document,
    Entity,
    Fault,
    FaultKind,
    Key,
    Observation,
    Reason,
    Role,
    SignatureState,
)
from exporter.policy import Policy, Profile
from exporter.record import LookRecord, Record, fresh_for
from exporter.rollover import FOREVER, Rollover, Severity, State, shifted
from exporter.rollover import judge as judge_rollovers
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

APART = timedelta(hours=1)
"""Clocks that differ by this much shift dates by more than looks and farms do by themselves."""

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

    asked: Record
    """What it was judged by."""
    record: Record
    """The same, with the worst of the answers that take turns as the document."""
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
    as_of_now: bool = True
    """The document, and both clocks, tell how things stand; else how they stood earlier."""

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
    sure: _Clock
    """The same, or an earlier moment: the last of which the document, and both clocks, tell how things stood."""
    stale: bool
    """The document is old: others may have replaced it."""
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
    if before is not None and before.asked is record and before.holds(now):
        return before
    latest = _standing(record, now, before, remembers=remembers)
    turns = record.first.turns
    if turns.began is None or turns.last is None:
        return latest
    # Some people get one answer and some another: what is wrong with the worst is wrong.
    others = [_standing(_with_document(record, each), now, None, remembers=remembers) for each in turns.documents]
    worst = min((latest, *others), key=lambda each: (-each.severity, *each.urgency))
    until = min(each.until for each in (latest, *others))
    findings = worst.findings
    if turns.last - turns.began >= COPYING:
        answers = [(each.last, _served(each.document)) for each in turns.earlier]
        if record.document is not None and record.last_success is not None:
            answers.insert(0, (record.last_success, _served(record.document)))
        told = Finding(Kind.ANSWERS_TAKE_TURNS, Turns(turns.began, tuple(answers)), record.last_success)
        findings = _sorted([*findings, told])
    return replace(worst, asked=record, findings=findings, until=until)


def _with_document(record: Record, document: Document) -> Record:
    """The record as if its first look had got a document last."""
    return replace(record, looks=(replace(record.first, document=document), *record.looks[1:]))


def _standing(record: Record, now: datetime, before: Standing | None, *, remembers: bool) -> Standing:
    clock, policy = _Clock(now), record.policy
    stale = record.fresh_until is not None and clock.reached(record.fresh_until)
    sure = _sure(record, clock)
    rollovers = _rollovers(record, clock, sure, before)
    subject = _of(record.entity, rollovers)
    verdicts = tuple(_verdict(each, record, subject, sure, stale=stale) for each in record.domains)
    watched = frozenset(_watched(record))
    case = _Case(
        record,
        policy,
        clock,
        sure,
        stale,
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
    # Where a moment is sure because nothing was read since, no later one becomes so by waiting.
    behind = now - sure.now
    moves = sure is not clock and not stale
    until = min(clock.until, shifted(sure.until, behind)) if moves else clock.until
    return Standing(
        record,
        record,
        _sorted(findings),
        rollovers,
        watched,
        verdicts,
        policy,
        since=now,
        until=until,
        as_of_now=sure is clock,
    )


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda each: each.order))


def _sure(record: Record, clock: _Clock) -> _Clock:
    """The last moment of which the document, and both clocks, tell how things stood."""
    moments = [clock.now]
    if record.fresh_until is not None:
        moments.append(record.fresh_until)
    lead = record.first.lead
    if lead is not None and lead >= APART:
        moments.append(clock.now - lead)
    return clock if min(moments) == clock.now else _Clock(min(moments))


_HOLD = {State.NONE, State.UNREADABLE, State.EXPIRED, State.MISSING}
"""States that an old document tells as well as a new one: by then it is too late to wait for that."""


def _rollovers(record: Record, clock: _Clock, sure: _Clock, before: Standing | None) -> tuple[Rollover, ...]:
    """How each rollover stands: at the last moment that is sure, but what cannot wait as of now."""
    if sure is clock:
        found = _rollovers_as_of(record, clock.now, before)
        for each in found:
            clock.reached(each.until)
        return found
    then = record.judge(sure.now)
    for each in then:
        sure.reached(each.until)
    if _is_of_another_entity(record.first):
        return then
    latest = record.judge(clock.now)
    for each in latest:
        clock.reached(each.until)
    return tuple(
        new if new.state in _HOLD or old.state in _HOLD else old for old, new in zip(then, latest, strict=True)
    )


def _rollovers_as_of(record: Record, now: datetime, before: Standing | None) -> tuple[Rollover, ...]:
    if (
        before is not None
        and before.record.document is record.document
        and before.record.history.entities is record.history.entities
        and before.record.target == record.target
        and before.as_of_now
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
        named = entity.entity_id == record.target.entity_id or _is_named(entity.entity_id, record.target.watch)
        if named or not metadata.aggregate:
            yield entity.entity_id


def _is_named(entity_id: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(entity_id, pattern) for pattern in patterns)


def _verdict(domain: DomainRecord, record: Record, subject: Rollover | None, sure: _Clock, *, stale: bool) -> Verdict:
    verdict = _compared(domain, domain.trust, record, subject, sure)
    if verdict.state is TrustState.BROKEN and stale:
        # By an old document nobody is said to be locked out: what repairs that would lock everybody out.
        return replace(verdict, state=TrustState.UNKNOWN, too_old=True)
    return verdict


def _compared(
    domain: DomainRecord, said: DomainTrust | None, record: Record, subject: Rollover | None, sure: _Clock
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
        known=trust.Known(known.first_seen, known.last_promotion),
    )
    sure.reached(verdict.until)
    return verdict


def _looks(case: _Case) -> Iterator[Finding]:
    record = case.record
    for each in record.looks:
        observation = each.observation
        if observation is None:
            continue
        since = each.unread_since
        if since is not None and each.failure is not None and (record.document is not None or not case.remembers):
            yield _unread(case, each, each.failure, since)
        ends = observation.tls_not_after
        if ends is not None and case.clock.reached(shifted(ends, -timedelta(days=case.policy.thresholds.tls))):
            yield Finding(Kind.TLS_CERTIFICATE_EXPIRING, Until(ends), place=each.place)
        if each.lead is not None and abs(each.lead) >= APART:
            yield Finding(Kind.CLOCK_WRONG, Clocks(each.lead), place=each.place)
    if record.document is None and case.remembers and record.first.failure is not None:
        facts = _failure(case, record.first, record.first.failure, record.first.unread_since)
        yield Finding(Kind.METADATA_NEVER_READ, facts, place=record.first.place)
    since = record.differing_since
    if since is not None and case.clock.reached(shifted(since, COPYING)):
        places = {each.place: _served(each.document) for each in record.looks if each.document is not None}
        yield case.found(Kind.NODES_DIFFER, Differing(since, places))
        for each in record.looks[1:]:
            yield from _left_behind(case, each)


def _left_behind(case: _Case, look: LookRecord) -> Iterator[Finding]:
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
    locked_out = tuple(
        known.domain
        for known, verdict in zip(case.record.domains, case.verdicts, strict=True)
        if known.trust is not None
        and verdict.state not in {TrustState.NOT_FEDERATED, TrustState.BROKEN}
        and trust.accepts_none(known.trust.accepted, here.may_sign)
    )
    if locked_out:
        yield Finding(
            Kind.TRUST_BROKEN_AT_NODE, LeftBehind(here.primary, locked_out), look.last_success, place=look.place
        )


def _failure(case: _Case, look: LookRecord, failure: Observation, since: datetime | None) -> Unread:
    return Unread(failure, since or failure.at, case.subject, case.policy, *look.lately)


def _unread(case: _Case, look: LookRecord, failure: Observation, since: datetime) -> Finding:
    facts, kind = _failure(case, look, failure, since), Kind.METADATA_UNREACHABLE
    if _is_of_another_entity(look):
        kind = Kind.METADATA_OF_ANOTHER_ENTITY
    elif _keeps_entra_out(case, look, facts):
        kind = Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW
    elif _is_outside(look) and not _is_ours(facts) and _is_read_inside(case.record, facts.since):
        kind = Kind.METADATA_UNREACHABLE_FROM_INTERNET
    return Finding(kind, facts, place=look.place)


def _is_of_another_entity(look: LookRecord) -> bool:
    return look.failure is not None and look.failure.reason is Reason.ENTITY_MISMATCH


def _keeps_entra_out(case: _Case, look: LookRecord, facts: Unread) -> bool:
    """Whether Entra ID must read what cannot be read here."""
    policy, primary = case.policy, case.subject.primary if case.subject else None
    outside = [each for each in case.record.looks if _is_outside(each)]
    return (
        primary is not None
        and case.subject is not None
        and case.subject.role is Role.IDP
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
    by = served.Served.by(document)
    certificates = {
        each.fingerprint: each
        for entity in document.metadata.entities
        for each in _certificates(entity, signs=True)
        if each.fingerprint in by.keys
    }
    signer = certificates[by.signer] if by.signer else None
    return Served(tuple(sorted(certificates.values(), key=lambda each: each.not_before)), signer)


def _document(case: _Case, document: Document) -> Iterator[Finding]:
    metadata, days = document.metadata, case.policy.thresholds
    if (until := metadata.valid_until) is not None:
        clock = case.sure if _is_of_another_entity(case.record.first) else case.clock
        if clock.reached(until):
            idp = any(role.role is Role.IDP for entity in metadata.entities for role in entity.roles)
            yield case.found(Kind.METADATA_OUTDATED if idp else Kind.SP_METADATA_OUTDATED, Until(until))
        elif clock.reached(shifted(until, -timedelta(days=days.valid_until))):
            yield case.found(Kind.METADATA_OUTDATED_SOON, Until(until))
    if document.signature.state is SignatureState.INVALID:
        yield case.found(Kind.SIGNATURE_INVALID, Signed(document.signature))
    kinds = {FaultKind.CERTIFICATE_BASE64, FaultKind.CERTIFICATE_DER}
    # An aggregate always has some certificates that cannot be read; they are their publishers' business.
    watched = {each.entity_id for each in case.rollovers} if metadata.aggregate else None
    told = {key.unread for entity in metadata.entities for key in _remembered(entity)}
    unreadable = tuple(
        each
        for each in metadata.faults
        if each.kind in kinds and each.detail not in told and (watched is None or each.entity_id in watched)
    )
    others = tuple(each for each in metadata.faults if each.kind not in kinds or each not in unreadable)
    others = tuple(each for each in others if each.detail not in told)
    if unreadable:
        yield case.found(Kind.CERTIFICATE_UNREADABLE, Faulty(unreadable))
    if others:
        yield case.found(Kind.DOCUMENT_FAULTY, Faulty(others))


def _remembered(entity: Entity) -> tuple[Key, ...]:
    """The keys whose certificate can no longer be read, and was read before; each once."""
    keys = (key for role in entity.roles for key in role.keys if key.unread and key.certificate is not None)
    return tuple({key.certificate: key for key in keys}.values())


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
    State.UNREADABLE: Kind.SIGNING_KEYS_UNREADABLE,
    State.EXPIRED: Kind.SIGNING_CERTIFICATE_EXPIRED,
    State.MISSING: Kind.ROLLOVER_MISSING,
    State.STALLED: Kind.PROMOTION_STALLED,
    State.OVERDUE: Kind.ROLLOVER_OVERDUE,
    State.DUE: Kind.RENEWAL_DUE,
    State.PUBLISHED: Kind.SUCCESSOR_PUBLISHED,
}


_SP_KINDS = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: Kind.SP_CERTIFICATE_EXPIRED,
    Kind.ROLLOVER_MISSING: Kind.SP_CERTIFICATE_ENDING,
    Kind.PROMOTION_STALLED_LATE: Kind.SP_CERTIFICATE_ENDING,
    Kind.KEY_SET_REPLACED: Kind.SP_KEY_SET_REPLACED,
    # That its certificates cannot be read is told by itself.
    Kind.SIGNING_KEYS_UNREADABLE: None,
}
"""What is critical for an identity provider, where nobody signs in."""


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
    if kind is Kind.PROMOTION_STALLED and rollover.urgent:
        kind = Kind.PROMOTION_STALLED_LATE
    kind = _for_role(kind, rollover)
    if kind is Kind.SIGNING_KEYS_UNREADABLE:
        yield case.found(kind, Faulty(_unreadable_keys(entity, rollover)), rollover.entity_id)
    elif kind is not None:
        yield case.found(kind, facts, rollover.entity_id)
    for fault in rollover.faults:
        yield case.found(_FAULTS[fault], facts, rollover.entity_id)
    if rollover.ending:
        yield case.found(Kind.POSSIBLE_PRIMARY_ENDING, facts, rollover.entity_id)
    if rollover.old:
        yield case.found(Kind.OLD_KEY_LISTED, facts, rollover.entity_id)


def _for_role(kind: Kind | None, rollover: Rollover) -> Kind | None:
    return kind if kind is None or rollover.role is Role.IDP else _SP_KINDS.get(kind, kind)


def _unreadable_keys(entity: Entity, rollover: Rollover) -> tuple[Fault, ...]:
    """Why none of the signing keys can be read."""
    why = dict.fromkeys(
        key.unread for role in entity.roles if role.role is rollover.role for key in role.keys if key.use.signs
    )
    return tuple(Fault(FaultKind.CERTIFICATE_DER, entity.entity_id, each) for each in why)


def _valid(case: _Case, entity: Entity, rollover: Rollover) -> Sequence[Certificate]:
    published = entity.published(rollover.role, signs=True)
    found = [
        each
        for each in published
        if each != rollover.primary and case.sure.reached(each.not_before) and not case.sure.reached(each.not_after)
    ]
    return sorted(found, key=lambda each: each.not_after, reverse=True)


def _is_early(case: _Case, rollover: Rollover) -> bool:
    if rollover.primary is None or not case.policy.expiry:
        return False
    expected = timedelta(days=case.policy.thresholds.unexpected)
    return not case.sure.reached(shifted(rollover.primary.not_after, -expected))


def _keys(case: _Case, entity: Entity, rollover: Rollover) -> Iterator[Finding]:
    entity_id, policy = entity.entity_id, case.policy
    known = case.known(entity_id)
    signing = _certificates(entity, signs=True)
    changes = _changes(known)
    news = {change: at for change, at in changes.items() if not case.clock.reached(shifted(at, NEWS))}
    if (at := news.get(Change.REPLACED)) is not None and policy.profile is not Profile.ENTRA:
        came = _came(known, signing, at)
        kind = Kind.KEY_SET_REPLACED if rollover.role is Role.IDP else Kind.SP_KEY_SET_REPLACED
        yield case.found(kind, Changed(at, came, policy), entity_id)
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
        if known.rolled_back:
            yield case.found(Kind.PROMOTION_ROLLED_BACK, _rolled_back(known, signing, rollover, policy), entity_id)
    if kept := _remembered(entity):
        yield case.found(Kind.CERTIFICATE_NO_LONGER_READABLE, Remembered(kept), entity_id)
    ends, warned = _encrypts_least(entity), timedelta(days=policy.thresholds.encryption)
    if policy.expiry and ends is not None and case.sure.reached(shifted(ends.not_after, -warned)):
        yield case.found(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, Published((ends,), policy), entity_id)
    every = dict.fromkeys((*signing, *_certificates(entity, signs=False)))
    # An old one that has ended and is still listed hurts nobody.
    weak = tuple(each for each in every if each.weaknesses and not case.sure.reached(each.not_after))
    if weak:
        yield case.found(Kind.CERTIFICATE_WEAK, Published(weak, policy), entity_id)


def _rolled_back(
    known: EntityHistory, signing: Sequence[Certificate], rollover: Rollover, policy: Policy
) -> RolledBack:
    before, (replaced,) = known.primaries[-2], known.primaries[-2].fingerprints
    published = any(each.fingerprint == replaced for each in signing)
    return RolledBack(known.primaries[-1].last, rollover.primary, replaced, before.first, published, policy)


def _came(known: EntityHistory, signing: Sequence[Certificate], at: datetime) -> tuple[Certificate, ...]:
    """Those that are published and were not before a moment."""
    return tuple(each for each in signing if known.first_seen.get(each.fingerprint, at) >= at)


def _changes(known: EntityHistory) -> dict[Change, datetime]:
    """When signing keys last changed in each way: AD FS lists one key in several places."""
    changes: dict[Change, datetime] = {}
    for (_, use), keys in known.key_sets.items():
        if use.signs:
            for change, at in keys.changes.items():
                changes[change] = max(at, changes.get(change, at))
    return changes


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
        if case.sure.reached(shifted(_known_since(case, rollover, rollover.successor), LAGGING)):
            yield case.found(Kind.TRUST_HALF_UPDATED, half)


_WAITS = {TrustState.PENDING, TrustState.AT_RISK}
"""Something that will sign next is not trusted."""


def _trust(case: _Case, facts: Trusting, known: DomainRecord, entra: Entra) -> Iterator[Finding]:
    kinds = list(_trust_kinds(case, facts, entra))
    if case.stale:
        # An old document says nothing of what Entra ID said since; what held while it was new goes on.
        then = known.compared
        held = _compared(known, then, case.record, facts.rollover, case.sure) if then else None
        before = replace(facts, verdict=held, trust=then) if held and then else None
        kinds = [
            kind
            for kind in kinds
            if kind is Kind.TRUST_NOT_FEDERATED or (before and kind in _trust_kinds(case, before, entra))
        ]
    for kind in kinds:
        yield Finding(kind, facts, known.last_success, domain=known.domain)


def _trust_kinds(case: _Case, facts: Trusting, entra: Entra) -> Iterator[Kind]:
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


def _takes_too_long(case: _Case, rollover: Rollover, verdict: Verdict) -> bool:
    """Whether Entra ID has had the time to take what it lacks: by itself, or by somebody who must write it."""
    return any(case.sure.reached(shifted(_known_since(case, rollover, each), TAKING)) for each in verdict.lacking)


def _known_since(case: _Case, rollover: Rollover, certificate: Certificate) -> datetime:
    """When a certificate was first seen; what is not recorded yet was seen now."""
    return case.known(rollover.entity_id).first_seen.get(certificate.fingerprint, case.clock.now)
