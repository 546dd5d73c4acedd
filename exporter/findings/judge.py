"""What is wrong with a target, about to be, or worth knowing: judged here, once, and only shown elsewhere. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from exporter.config.settings import Target
from exporter.findings.case import Case, Clock, watched_of
from exporter.findings.documents import of_aggregate, of_document
from exporter.findings.domains import of_domains, verdict_of
from exporter.findings.entities import of_keys, of_rollover
from exporter.findings.facts import Turns
from exporter.findings.finding import Finding, Standing, of_entity
from exporter.findings.kinds import Kind
from exporter.findings.looks import APART, COPYING, is_of_another_entity, of_looks, served_by
from exporter.model import Document
from exporter.record import Record
from exporter.rollover import FOREVER, Rollover, State, shifted


def standing(record: Record, now: datetime, *, before: Standing | None = None, remembers: bool = True) -> Standing:
    """How a target stands.

    ``before`` is an earlier answer for the same target: what still holds of it is taken over, which changes nothing but
    the time that this takes. ``remembers`` is False where there was one probe only: then nothing can be said of before.
    """
    if before is not None and before.asked is record and before.holds(now):
        return before
    latest = _standing(record, now, before, remembers=remembers)
    turns = record.first.turns
    if turns.began is None or turns.last is None or record.document is None or record.last_success is None:
        return latest
    # Some people get one answer and some another: what is wrong with the worst is wrong.
    others = [_standing(_with_document(record, each), now, None, remembers=remembers) for each in turns.documents]
    worst = min((latest, *others), key=_badness)
    until = min(each.until for each in (latest, *others))
    findings = worst.findings
    if turns.last - turns.began >= COPYING:
        answers = (
            (record.last_success, served_by(record.document)),
            *((each.last, served_by(each.document)) for each in turns.earlier),
        )
        told = Finding(Kind.ANSWERS_TAKE_TURNS, Turns(turns.began, answers), record.last_success)
        findings = _sorted([*findings, told])
    return replace(worst, asked=record, findings=findings, until=until)


def of_one(known: Standing, entity_id: str, now: datetime) -> Standing:
    """How a target stands that names this entity of its aggregate, and is otherwise the same: as ``check --entity``."""
    record = known.asked
    return standing(replace(record, target=replace(record.target, entity_id=entity_id)), now, before=known)


def _badness(standing: Standing) -> tuple[int, ...]:
    """What sorts the worst first: by the worst finding, then by the next; of two, fewer are better."""
    return (*(each.kind.rank for each in standing.findings), len(Kind))


def _with_document(record: Record, document: Document) -> Record:
    """The record as if its first look had got a document last."""
    return replace(record, looks=(replace(record.first, document=document), *record.looks[1:]))


def _standing(record: Record, now: datetime, before: Standing | None, *, remembers: bool) -> Standing:
    clock, policy = Clock(now), record.policy
    stale = record.fresh_until is not None and clock.reached(record.fresh_until)
    sure = _sure(record, clock)
    rollovers, then = _rollovers(record, clock, sure, before)
    subject, compared = (of_entity(record.entity, each) for each in (rollovers, then))
    verdicts = tuple(verdict_of(each, record, compared, sure, stale=stale) for each in record.domains)
    watched = frozenset(watched_of(record))
    case = Case(
        record,
        policy,
        clock,
        sure,
        clock if not stale or record.fresh_until is None else Clock(record.fresh_until),
        stale,
        tuple(each for each in rollovers if each.entity_id in watched),
        subject,
        compared,
        verdicts,
        remembers,
    )
    findings = [*of_looks(case)]
    if record.document is not None:
        findings += [*of_document(case, record.document), *of_aggregate(case, record.document, rollovers)]
        by_id = {each.entity_id: each for each in case.rollovers}
        for entity in record.document.metadata.entities:
            if (rollover := by_id.get(entity.entity_id)) is not None:
                findings += [*of_rollover(case, entity, rollover), *of_keys(case, entity, rollover)]
    findings += of_domains(case)
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
        remembers=remembers,
    )


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda each: each.order))


def _sure(record: Record, clock: Clock) -> Clock:
    """The last moment of which the document, and both clocks, tell how things stood."""
    last, lead = clock.now, record.first.lead
    if record.fresh_until is not None:
        last = min(last, record.fresh_until)
    if lead is not None and lead >= APART:
        last -= lead
    return clock if last == clock.now else Clock(last)


_TOLD_BY_OLD = {State.NONE, State.UNREADABLE, State.EXPIRED, State.MISSING}
"""States that an old document tells as well as a new one: by then it is too late to wait for that."""


def _rollovers(
    record: Record, clock: Clock, sure: Clock, before: Standing | None
) -> tuple[tuple[Rollover, ...], tuple[Rollover, ...]]:
    """How each rollover stands, what cannot wait as of now; and how all of them did at the last moment that is sure.

    Of the latter those may be left out whose answer is taken over from before, and that the target does not mean.
    """
    anew = _anew(record, clock.now, before, as_of_now=sure is clock)
    kept = before.rollovers if before is not None and anew is not None else ()
    then = record.judge(sure.now, only=anew) if anew is None or anew else ()
    if sure is clock:
        found = _merged(kept, then)
        # All of them are yet to come, and thousands may be.
        clock.reached(min(map(attrgetter("until"), found), default=FOREVER))
        return found, found
    if before is not None and anew is not None:
        clock.reached(before.until)
    for each in then:
        sure.reached(each.until)
    if is_of_another_entity(record.first):
        return _merged(kept, then), then
    latest = record.judge(clock.now, only=anew)
    for each in latest:
        clock.reached(each.until)
    shown = tuple(
        new if new.state in _TOLD_BY_OLD or old.state in _TOLD_BY_OLD else old
        for old, new in zip(then, latest, strict=True)
    )
    return _merged(kept, shown), then


def _anew(record: Record, now: datetime, before: Standing | None, *, as_of_now: bool) -> set[str] | None:
    """The entities whose rollover may stand otherwise than before; None: all of them.

    A large aggregate has some date at every moment, and each concerns few of its entities.
    """
    if (
        before is None
        or before.record.document is not record.document
        or before.record.history.entities is not record.history.entities
        or _whoever(before.record) != _whoever(record)
        or before.as_of_now != as_of_now
        or before.since > now
        # What was sure at another moment than now depends on what the looks got since, and on their clocks.
        or not (as_of_now or (before.record.looks is record.looks and before.holds(now)))
    ):
        return None
    # A configured primary is that of the entity which is meant.
    meant = {before.record.target.entity_id} ^ {record.target.entity_id}
    if as_of_now:
        meant |= {each.entity_id for each in before.rollovers if each.until <= now}
    else:
        # How this one stood is what trusts are compared with.
        meant |= {record.entity_id}
    return {each for each in meant if each is not None}


def _merged(kept: Sequence[Rollover], found: Sequence[Rollover]) -> tuple[Rollover, ...]:
    """The rollovers that are kept, with those that were found anew in the place of theirs."""
    anew = {each.entity_id: each for each in found}
    return tuple(anew.get(each.entity_id, each) for each in kept) if kept else tuple(found)


def _whoever(record: Record) -> Target:
    """The target, whichever entity of an aggregate it means."""
    return replace(record.target, entity_id=None)
