"""All that is known of one target, and how one more probe or answer changes it. Pure.

Last good wins: a probe that fails replaces nothing but the observation itself.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from exporter import history as past
from exporter import inquiry as inquiries
from exporter.clock import believed
from exporter.config.settings import INTERNET, SERVICE, Cloud, Look, Place, Target, TrustSource
from exporter.history import History
from exporter.inquiry import DomainRecord
from exporter.lately import NOTHING_YET, Lately
from exporter.model import NO_VALIDATORS, Document, Entity, Observation, Validators
from exporter.policy import Policy, in_force
from exporter.rollover import Rollover, expects_new_key, judge
from exporter.served import NO_TURNS, Served, Turns

TOLD = 3
"""Answers whose clocks are compared with ours."""


class Question(NamedTuple):
    """What the answer about a domain depends on."""

    source: TrustSource
    cloud: Cloud
    tenant: str
    domain: str


@dataclass(frozen=True, slots=True)
class LookRecord:
    """All that is known of one look after its latest probe."""

    look: Look
    observation: Observation | None = None
    """What the latest probe got; None until there was one since the start."""
    document: Document | None = None
    """The last good document."""
    validators: Validators = NO_VALIDATORS
    """Of the last answer that gave the last good document, or said that it has not changed."""
    last_success: datetime | None = None
    """The last probe that got a usable document."""
    probes: int = 0
    failures: int = 0
    lately: Lately = NOTHING_YET
    """How the probes of the last day went."""
    turns: Turns = NO_TURNS
    """What other answers it got within a day."""
    leads: tuple[timedelta, ...] = ()
    """By how much our clock was ahead of the other side's, when that last told; negative: behind. The latest last."""

    @property
    def place(self) -> Place:
        """What tells the look from all others of its target."""
        return self.look.place

    @property
    def lead(self) -> timedelta | None:
        """By how much our clock is ahead of the other side's, negative: behind; None: not known.

        Of the latest answers the one that differs least counts: behind one address may be several clocks.
        """
        return min(self.leads, key=abs, default=None)

    @property
    def unread_since(self) -> datetime | None:
        """Since when no probe, or few of a day's, got a usable document; None while they do."""
        return self.lately.unread_since(self.last_success)

    @property
    def is_outside(self) -> bool:
        """Whether it is at the service, from the internet."""
        return self.place == Place(SERVICE, INTERNET)

    @property
    def entity_id(self) -> str | None:
        """The entity that the last good document is about; None of an aggregate."""
        if self.document is None or self.document.metadata.aggregate:
            return None
        return self.document.metadata.entities[0].entity_id

    def is_about(self, entity_id: str | None) -> bool:
        """Whether the last good document, if any, holds this entity, if any."""
        return self.document is None or entity_id is None or self.document.metadata.holds(entity_id)


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of one target after the latest probe of each of its looks."""

    target: Target
    looks: tuple[LookRecord, ...]
    """Of the target's looks, in their order."""
    history: History = field(default_factory=History)
    """Of the documents that the first look got: no other is judged."""
    differing_since: datetime | None = None
    """Since when the looks do not get the same keys; None while they do."""
    domains: tuple[DomainRecord, ...] = ()
    """What Entra ID says of each domain, in the order of the configuration."""

    @property
    def first(self) -> LookRecord:
        """What is known of the look whose document is judged."""
        return self.looks[0]

    @property
    def observation(self) -> Observation | None:
        """What the latest probe of the first look got; None until there was one since the start."""
        return self.first.observation

    @property
    def document(self) -> Document | None:
        """The last good document of the first look: the one that is judged."""
        return self.first.document

    @property
    def is_aggregate(self) -> bool:
        """Whether that document is about several entities."""
        return self.document is not None and self.document.metadata.aggregate

    @property
    def validators(self) -> Validators:
        """Of the last answer that gave that document, or said that it has not changed."""
        return self.first.validators

    @property
    def last_success(self) -> datetime | None:
        """The last probe of the first look that got a usable document."""
        return self.first.last_success

    @property
    def fresh_until(self) -> datetime | None:
        """Until when the document that is judged is as good as new; None where there is none."""
        return self.last_success and self.last_success + fresh_for(self.target.look)

    @property
    def readable_from_internet(self) -> bool | None:
        """Whether the document can be read from the internet, by a look from there, else by Entra ID's own account.

        None: not known.
        """
        for each in self.looks:
            observation = each.observation
            # What failed on our side says nothing about the endpoint.
            if each.is_outside and observation and not (observation.reason and observation.reason.is_ours):
                return observation.reason is None
        accounts = {each.trust.update.readable for each in self.domains if each.trust and each.trust.update}
        return False if False in accounts else True if True in accounts else None

    def at(self, place: Place) -> LookRecord:
        """What is known of the look with this place, which must be one of the target's."""
        return next(each for each in self.looks if each.place == place)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return in_force(self.target.policy, self.document.metadata if self.document else None, self.target.url)

    @property
    def entity_id(self) -> str | None:
        """The entity that a document must be about: the configured one, else that of the last good document."""
        return self.first.entity_id if self.target.entity_id is None else self.target.entity_id

    @property
    def answers(self) -> Mapping[Question, DomainRecord]:
        """What is known of each domain, by what it depends on."""
        return dict(zip(_questions(self.target), self.domains, strict=False))

    def judge(self, now: datetime, *, only: Container[str] | None = None) -> tuple[Rollover, ...]:
        """How the rollover of each entity of the last good document stands; of those in ``only``, if given."""
        document = self.document
        if document is None:
            return ()
        return judge(
            document.metadata,
            self.policy,
            signature=document.signature,
            first_seen=self.history.first_seen,
            now=now,
            subject=self.target.entity_id,
            only=only,
        )

    @property
    def entity(self) -> Entity | None:
        """The entity that the last good document is about; None of an aggregate without a configured one."""
        entities = self.document.metadata.entities if self.document else ()
        return next((each for each in entities if each.entity_id == self.entity_id), None)


def fresh_for(look: Look) -> timedelta:
    """How long what a look got is as good as new: one probe that fails, or comes late, changes nothing."""
    return max(3 * timedelta(seconds=look.interval), timedelta(hours=1))


def bare(target: Target, answers: Mapping[Question, DomainRecord] | None = None) -> Record:
    """The record of a target of which nothing is known but some answers about its domains."""
    domains = tuple((answers or {}).get(question, DomainRecord(question.domain)) for question in _questions(target))
    return Record(target, tuple(map(LookRecord, target.looks)), domains=domains)


def advance(look: LookRecord, observation: Observation) -> LookRecord:
    """What is known of a look after one more probe."""
    look, at = _look_clamped(look, observation.at), observation.at
    found = observation.document
    probed = replace(
        look,
        observation=observation,
        probes=look.probes + 1,
        lately=look.lately.after(observation),
        leads=look.leads if observation.clock is None else (*look.leads, at - observation.clock)[-TOLD:],
    )
    if found is None:
        return replace(probed, failures=look.failures + 1)
    return replace(
        probed,
        document=found,
        validators=observation.validators,
        last_success=at,
        # Versions of an aggregate that differ somewhere are no sign of anything, and each is large.
        turns=NO_TURNS
        if found.metadata.aggregate
        else look.turns.after(look.document or found, found, seen=look.last_success or at, at=at),
    )


def remembered(record: Record, look: LookRecord) -> History:
    """The history of a target after the latest probe of one of its looks; only what the first look gets counts.

    Much work where the document is a large aggregate.
    """
    observation = look.observation
    if look.place != record.first.place or observation is None:
        return record.history
    at = observation.at
    before = replace(record, history=past.put_right(record.history, at))
    if observation.document is None:
        return before.history
    # First-seen times of the keys that just came are not recorded yet: judge counts them as seen last.
    after = replace(before, looks=(look, *record.looks[1:]))
    judged = before.judge(at)
    # The policy before: a new key must not widen by its own shape the window in which it is expected.
    return past.advance(
        before.history,
        observation.document.metadata,
        before.policy,
        before=judged,
        after=judged if after.document is before.document else after.judge(at),
        at=at,
    )


def joined(record: Record, look: LookRecord, *, history: History | None = None, now: datetime | None = None) -> Record:
    """The record of a target after the latest probe of one of its looks.

    ``history`` is what :func:`remembered` gave for it, if it was asked already. ``now`` is when the probe ended, which
    is later than what others that ended meanwhile have told; by it, all of the record is put right after the clock was
    wrong. Without it only the look and the history are, because other times may well be later.
    """
    found = replace(
        record,
        looks=tuple(look if each.place == look.place else each for each in record.looks),
        history=remembered(record, look) if history is None else history,
    )
    if look.place == record.first.place and look.observation is not None and look.observation.document is not None:
        found = replace(found, domains=tuple(replace(each, compared=each.trust) for each in found.domains))
    found = _put_right(found, now) if now else found
    return replace(found, differing_since=_differing_since(found, look))


def answered(record: Record, domain: DomainRecord, *, now: datetime | None = None) -> Record:
    """The record of a target after an inquiry about one of its domains; ``now`` is as in :func:`joined`."""
    fresh = record.fresh_until is not None and domain.last_success and domain.last_success < record.fresh_until
    if fresh:
        domain = replace(domain, compared=domain.trust)
    domains = tuple(domain if each.domain == domain.domain else each for each in record.domains)
    found = replace(record, domains=domains)
    return _put_right(found, now) if now else found


def clamped(record: Record, now: datetime) -> Record:
    """The record without a time of ours that cannot be true; the very same object where there is none.

    What others say, as a document or Entra ID does, may lie at any time.
    """
    right = replace(
        record,
        looks=tuple(_look_clamped(each, now) for each in record.looks),
        history=past.clamped(record.history, now),
        differing_since=record.differing_since and believed(record.differing_since, now),
        domains=tuple(inquiries.clamped(each, now) for each in record.domains),
    )
    return record if right == record else right


def resumed(record: Record, saved: Record, now: datetime) -> Record:
    """The record of a target, joined with what had been saved of it and could not be read when its watch began.

    Both are of the same target. What probes and answers have told since is newer; of the rest nothing is lost.
    """
    record, saved = clamped(record, now), clamped(saved, now)
    known = saved.answers
    first = replace(
        record.first,
        document=record.document or saved.document,
        validators=record.validators if record.document else saved.validators,
        last_success=record.last_success or saved.last_success,
    )
    found = replace(
        record,
        looks=(first, *record.looks[1:]),
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
    return replace(found, differing_since=_differing_since(found, first))


def _questions(target: Target) -> tuple[Question, ...]:
    entra = target.entra
    return tuple(Question(entra.source, entra.cloud, entra.tenant, each) for each in entra.domains) if entra else ()


def _differing_since(record: Record, latest: LookRecord) -> datetime | None:
    looks, since = record.looks, record.differing_since
    if len(looks) == 1:
        return None
    fresh = [each.document for each in looks if each.observation and each.observation.document]
    if _differ(fresh):
        return since or (latest.observation.at if latest.observation else None)
    if since is None:
        return None
    # What was not probed yet, or cannot be reached and got other keys after that moment, may well still differ.
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


def _look_clamped(look: LookRecord, now: datetime) -> LookRecord:
    right = replace(
        look,
        observation=look.observation and replace(look.observation, at=believed(look.observation.at, now)),
        last_success=look.last_success and believed(look.last_success, now),
        lately=look.lately.clamped(now),
        turns=look.turns.clamped(now),
    )
    if right == look:
        return look
    # Such a clock had been ahead, and is no longer.
    return replace(right, leads=())


def _latest(record: Record) -> Iterator[datetime]:
    """The latest times of a record: nothing in a history is later than its last probe."""
    moments = [record.history.looked, record.differing_since]
    for look in record.looks:
        moments += [look.observation.at if look.observation else None, look.last_success]
        moments += [look.lately.failing_since, look.lately.unsteady_since, *look.turns.moments()]
    for domain in record.domains:
        moments += [domain.inquiry.at if domain.inquiry else None, domain.last_success]
    yield from filter(None, moments)
