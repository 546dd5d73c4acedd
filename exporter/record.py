"""All that is known of one target, and how one more look or answer changes it. Pure.

Last good wins: a look that fails replaces nothing but the look itself.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from exporter import history as past
from exporter import trust
from exporter.action import Answer, Situation, Step
from exporter.clock import believed
from exporter.config.settings import INTERNET, SERVICE, Cloud, Target, TrustSource
from exporter.history import History
from exporter.model import NO_VALIDATORS, Document, Entity, Observation, SignatureState, Validators
from exporter.policy import Policy, in_force
from exporter.rollover import Rollover, expects_new_key, judge
from exporter.trust import DomainRecord, TrustState, Verdict


class Question(NamedTuple):
    """What the answer about a domain depends on."""

    source: TrustSource
    cloud: Cloud
    tenant: str
    domain: str


@dataclass(frozen=True, slots=True)
class Served:
    """What a look gets of the signing keys: by it looks are compared."""

    keys: frozenset[str]
    """Fingerprints of all signing certificates of the document."""
    signer: str | None
    """The one of them that signed the document; None where none is known to have."""

    @classmethod
    def by(cls, document: Document) -> "Served":
        """What a document serves."""
        keys = frozenset(
            certificate.fingerprint
            for entity in document.metadata.entities
            for role in entity.roles
            for key in role.keys
            if key.use.signs
            for certificate in key.certificates
        )
        signed = document.signature.state in {SignatureState.VALID, SignatureState.TRUSTED}
        signer = document.signature.fingerprint if signed else None
        return cls(keys, signer if signer in keys else None)


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of one target after its latest look."""

    target: Target
    observation: Observation | None = None
    """The latest look; None until there was one since the start."""
    document: Document | None = None
    """The last good document."""
    last_success: datetime | None = None
    """The last look that got a usable document."""
    history: History = field(default_factory=History)
    probes: int = 0
    failures: int = 0
    others: tuple["Record", ...] = ()
    """The same service from other vantages and node by node, in the order of the target's others."""
    differing_since: datetime | None = None
    """Since when these looks and this one do not get the same keys; None while they do."""
    domains: tuple[DomainRecord, ...] = ()
    """What Entra ID says of each domain, in the order of the configuration."""
    validators: Validators = NO_VALIDATORS
    """Of the last answer that gave the last good document, or said that it has not changed."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return in_force(self.target.policy, self.document.metadata if self.document else None, self.target.url)

    @property
    def entity_id(self) -> str | None:
        """The entity that a document must be about: the configured one, else that of the last good document."""
        if self.target.entity_id is not None or self.document is None or self.document.metadata.aggregate:
            return self.target.entity_id
        return self.document.metadata.entities[0].entity_id

    @property
    def is_about_its_entity(self) -> bool:
        """Whether the last good document, if any, holds the entity that the configuration names, if any."""
        if self.document is None or self.target.entity_id is None:
            return True
        return self.document.metadata.holds(self.target.entity_id)

    @property
    def answers(self) -> Mapping[Question, DomainRecord]:
        """What is known of each domain, by what it depends on."""
        return dict(zip(_questions(self.target), self.domains, strict=False))

    def judge(self, now: datetime) -> tuple[Rollover, ...]:
        """How the rollover of each entity of the last good document stands."""
        return _judge(self.document, self.policy, self.history.first_seen, now) if self.document else ()

    def rollover(self, now: datetime) -> Rollover | None:
        """How the rollover of the entity that the target is about stands."""
        entity = self._entity
        if entity is None:
            return None
        return next((each for each in self.judge(now) if each.entity_id == entity.entity_id), None)

    def judge_domains(self, now: datetime) -> tuple[Verdict, ...]:
        """How the trust of each domain stands."""
        if not self.domains:
            return ()
        entity, rollover = self._entity, self.rollover(now)
        return tuple(
            trust.judge(
                each.domain,
                each.trust,
                entity=entity,
                rollover=rollover,
                policy=self.policy,
                url=self.target.url,
                now=now,
            )
            for each in self.domains
        )

    def situation(self, now: datetime) -> Situation:
        """Where the entity stands in the table of :mod:`exporter.action`."""
        policy, rollover = self.policy, self.rollover(now)
        primary = rollover.primary if rollover and policy.expiry else None
        return Situation(
            rollover=Answer.to(known=policy.auto_certificate_rollover),
            in_step=_in_step({verdict.state for verdict in self.judge_domains(now)}),
            readable=Answer.to(known=self._readable_from_internet),
            successor=rollover is not None and rollover.successor is not None,
            left=primary.not_after - now if primary else timedelta.max,
        )

    @property
    def _readable_from_internet(self) -> bool | None:
        """By a look from there, else by Entra ID's own account."""
        for each in (self, *self.others):
            if (each.target.node, each.target.vantage) == (SERVICE, INTERNET) and each.observation is not None:
                reason = each.observation.reason
                if reason is None or not reason.is_ours:
                    return reason is None
        accounts = {each.trust.update.readable for each in self.domains if each.trust and each.trust.update}
        return False if False in accounts else True if True in accounts else None

    @property
    def _entity(self) -> Entity | None:
        """The entity that the last good document is about; None of an aggregate without a configured one."""
        entities = self.document.metadata.entities if self.document else ()
        return next((each for each in entities if each.entity_id == self.entity_id), None)


def advance(record: Record, observation: Observation) -> Record:
    """The record after one more look."""
    record = _put_right(record, observation.at)
    looked = replace(
        record,
        observation=observation,
        probes=record.probes + 1,
        failures=record.failures + (observation.reason is not None),
    )
    if observation.document is None:
        return looked
    document, at = observation.document, observation.at
    found = replace(looked, document=document, validators=observation.validators, last_success=at)
    before = record.judge(at)
    # First-seen times of the keys that just came are not recorded yet: judge counts them as seen last.
    after = _judge(document, found.policy, record.history.first_seen, at)
    # The policy before: a new key must not widen by its own shape the window in which it is expected.
    history = past.advance(record.history, document.metadata, record.policy, before=before, after=after, at=at)
    return replace(found, history=history)


def joined(record: Record, look: Record, *, now: datetime | None = None) -> Record:
    """The record of a target after one of its looks, which may be its own or one of the others'.

    ``now`` is when the look ended, which is later than what others that ended meanwhile have told; by it, all of the
    record is put right after the clock was wrong. Without it only the look is, because other times may well be later.
    """
    if look.target.place == record.target.place:
        found = replace(look, others=record.others, domains=record.domains, differing_since=record.differing_since)
    else:
        others = tuple(look if each.target.place == look.target.place else each for each in record.others)
        found = replace(record, others=others)
    found = _put_right(found, now) if now else found
    return replace(found, differing_since=_differing_since(found, look)) if found.others else found


def answered(record: Record, domain: DomainRecord, *, now: datetime | None = None) -> Record:
    """The record of a target after an inquiry about one of its domains; ``now`` is as in :func:`joined`."""
    domains = tuple(domain if each.domain == domain.domain else each for each in record.domains)
    found = replace(record, domains=domains)
    return _put_right(found, now) if now else found


def clamped(record: Record, now: datetime) -> Record:
    """The record without a time of ours that cannot be true; the very same object where there is none.

    What others say, as a document or Entra ID does, may lie at any time.
    """
    observation = record.observation and replace(record.observation, at=believed(record.observation.at, now))
    right = replace(
        record,
        observation=observation,
        last_success=record.last_success and believed(record.last_success, now),
        history=past.clamped(record.history, now),
        others=tuple(clamped(each, now) for each in record.others),
        differing_since=record.differing_since and believed(record.differing_since, now),
        domains=tuple(trust.clamped(each, now) for each in record.domains),
    )
    return record if right == record else right


def resumed(record: Record, saved: Record, now: datetime) -> Record:
    """The record of a target, joined with what had been saved of it and could not be read when its watch began.

    Both are of the same target. What looks and answers have told since is newer; of the rest nothing is lost.
    """
    record, saved = clamped(record, now), clamped(saved, now)
    known = saved.answers
    found = replace(
        record,
        document=record.document or saved.document,
        validators=record.validators if record.document else saved.validators,
        last_success=record.last_success or saved.last_success,
        history=past.resumed(
            saved.history,
            record.history,
            now,
            expecting={each.entity_id for each in saved.judge(now) if expects_new_key(each, saved.policy, now)},
        ),
        differing_since=min(filter(None, (record.differing_since, saved.differing_since)), default=None),
        domains=tuple(
            each
            if each.trust is not None or question not in known
            else replace(each, trust=known[question].trust, last_success=known[question].last_success)
            for question, each in record.answers.items()
        ),
    )
    return replace(found, differing_since=_differing_since(found, found) if found.others else None)


def domains_of(target: Target, answers: Mapping[Question, DomainRecord]) -> tuple[DomainRecord, ...]:
    """The domains of a target, each with the answer that is known already."""
    return tuple(answers.get(question, DomainRecord(question.domain)) for question in _questions(target))


def _questions(target: Target) -> tuple[Question, ...]:
    entra = target.entra
    return tuple(Question(entra.source, entra.cloud, entra.tenant, each) for each in entra.domains) if entra else ()


def _in_step(states: Collection[TrustState]) -> Step:
    if TrustState.BROKEN in states:
        return Step.BROKEN
    if TrustState.AT_RISK in states:
        return Step.LATE
    if TrustState.PENDING in states:
        return Step.NO
    return Step.YES if set(states) - {TrustState.NOT_FEDERATED} == {TrustState.IN_SYNC} else Step.UNKNOWN


def _differing_since(record: Record, latest: Record) -> datetime | None:
    looks, since = (record, *record.others), record.differing_since
    fresh = [each.document for each in looks if each.observation and each.observation.document]
    if _differ(fresh):
        return since or (latest.observation.at if latest.observation else None)
    if since is None:
        return None
    # Who was not looked at yet, or cannot be reached and got other keys after that moment, may well still differ.
    lately = [each.document for each in looks if each.last_success and each.last_success >= since]
    undecided = any(each.observation is None for each in looks) or _differ((*fresh, *lately))
    return since if undecided else None


def _differ(documents: Iterable[Document | None]) -> bool:
    served = {Served.by(each) for each in documents if each is not None}
    signers = {each.signer for each in served} - {None}
    return len({each.keys for each in served}) > 1 or len(signers) > 1


def _put_right(record: Record, now: datetime) -> Record:
    """The record as :func:`clamped` gives it, which is much work, and none where the latest times can be true."""
    return record if all(believed(each, now) == each for each in _latest(record)) else clamped(record, now)


def _latest(record: Record) -> Iterator[datetime]:
    """The latest times of a record: nothing in a history is later than its last look."""
    moments = [record.last_success, record.history.looked, record.differing_since]
    moments += [each.last_success for each in record.domains]
    moments += [each.at for each in (record.observation, *(known.inquiry for known in record.domains)) if each]
    yield from filter(None, moments)
    for each in record.others:
        yield from _latest(each)


def _judge(
    document: Document, policy: Policy, first_seen: Mapping[str, Mapping[str, datetime]], now: datetime
) -> tuple[Rollover, ...]:
    return judge(document.metadata, policy, signature=document.signature, first_seen=first_seen, now=now)
