"""What the state file holds of one target: from a record, to rows and back. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from exporter.certificates import CertificateError
from exporter.config.settings import Cloud, TrustSource
from exporter.config.urls import told_apart
from exporter.history import EntityHistory, History, within_bounds
from exporter.inquiry import DomainRecord
from exporter.model import NO_VALIDATORS, Validators
from exporter.record import Question, Record
from exporter.state.rows import Changes, Row
from exporter.state.text import history_of, history_text, moment_of, moment_text, trust_of, trust_text

_UNREADABLE = (ArithmeticError, AttributeError, CertificateError, LookupError, RecursionError, TypeError, ValueError)
"""What reading a row may raise that another version wrote, and that says what this one does not know."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What is held of one target."""

    url: str = ""
    """Where the documents came from, without what may be secret in it; empty: there never was one."""
    packed: bytes | None = field(default=None, repr=False)
    """The last good document, compressed with zlib; None where there never was one, or where its row was damaged."""
    validators: Validators = NO_VALIDATORS
    last_success: datetime | None = None
    history: History = field(default_factory=History)
    differing_since: datetime | None = None
    answers: Mapping[Question, DomainRecord] = field(default_factory=dict)
    """The last good answers about domains, by what they depend on."""

    def at(self, url: str) -> "Saved | None":
        """What is held of the target at this address: of documents from another, nothing; None when that is all."""
        if self.url in {told_apart(url), url}:
            # An earlier version kept all of it; what is written next does not have it.
            return self
        return Saved(told_apart(url), answers=self.answers) if self.answers else None


def saved_of(record: Record) -> Saved | None:
    """What is to be held of a record; None while it knows nothing that counts."""
    answers = {
        question: DomainRecord(each.domain, trust=each.trust, last_success=each.last_success, compared=each.trust)
        for question, each in record.answers.items()
        if each.trust is not None
    }
    if record.last_success is None:
        return Saved(answers=answers) if answers else None
    return Saved(
        told_apart(record.target.url),
        packed=record.document.packed if record.document else None,
        validators=record.validators,
        last_success=record.last_success,
        history=record.history,
        differing_since=record.differing_since,
        answers=answers,
    )


def joined(held: Saved | None, later: Saved | None) -> Saved | None:
    """What is held after what came later: what that says nothing about stays."""
    if held is None or later is None:
        return later or held
    again = {question.domain for question in later.answers}
    kept = {question: each for question, each in held.answers.items() if question.domain not in again}
    answers = {**kept, **later.answers}
    if not later.url:
        return replace(held, answers=answers)
    same = held.url == later.url and later.packed is None
    return replace(later, packed=held.packed if same else later.packed, answers=answers)


def pruned(held: Saved, before: datetime) -> Saved | None:
    """What is left of a target without what was last seen, or told, before a moment."""
    told = [each.last_success for each in held.answers.values() if each.last_success is not None]
    seen = held.last_success is None or held.last_success >= before
    left = replace(held if seen else Saved(), answers=held.answers if told and max(told) >= before else {})
    return left if left.url or left.answers else None


def changes(name: str, before: Saved | None, after: Saved | None) -> Changes:
    """What to write where ``before`` is held of a target, so that ``after`` is."""
    was, now_is = before or Saved(), after or Saved()
    drops: list[tuple[str, tuple[str, ...]]] = []
    puts: list[tuple[str, tuple[Any, ...]]] = []
    if was.url and not now_is.url:
        drops += [(table, (name,)) for table in ("target", "document", "entity")]
    if was.answers and not now_is.answers:
        drops.append(("domain", (name,)))
    if now_is.url:
        if was.url != now_is.url:
            # Whatever is left under this name is another address's, also what could not be read.
            drops += [(table, (name,)) for table in ("target", "document", "entity")]
            was = Saved(answers=was.answers)
        puts += _document_puts(name, was, now_is)
        gone = was.history.entities.keys() - now_is.history.entities.keys()
        drops += [("entity", (name, entity_id)) for entity_id in gone]
    for question, each in now_is.answers.items():
        known = was.answers.get(question)
        if each.trust is not None and (known is None or known.last_success != each.last_success):
            told = (*_of_domain(question), trust_text(each.trust), moment_text(each.last_success))
            puts.append(("domain", (name, *told)))
    return Changes(drops, puts)


def read(rows: Iterable[Row]) -> tuple[Mapping[str, Saved], int]:
    """What rows say, by the name of the target, and how many say what cannot be read."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        if row.table == "watch":
            continue
        by_name.setdefault(row.values[0], []).append(row)
    unreadable = 0
    found = {}
    for name, each in by_name.items():
        saved, failed = _read(each)
        unreadable += failed
        if saved is not None:
            found[name] = saved
    return found, unreadable


def _document_puts(name: str, was: Saved, now_is: Saved) -> Iterable[tuple[str, tuple[Any, ...]]]:
    target = _target(name, now_is)
    if not was.url or target != _target(name, was):
        yield "target", target
    if now_is.packed is not None and now_is.packed != was.packed:
        yield "document", (name, now_is.url, moment_text(now_is.last_success), now_is.packed)
    for entity_id, entity in now_is.history.entities.items():
        if entity is not was.history.entities.get(entity_id):
            yield "entity", (name, entity_id, now_is.url, history_text(entity))


def _target(name: str, saved: Saved) -> tuple[Any, ...]:
    return (
        name,
        saved.url,
        moment_text(saved.last_success),
        moment_text(saved.differing_since),
        saved.validators.etag,
        saved.validators.last_modified,
        len(saved.history.entities),
    )


def _of_domain(question: Question) -> tuple[str, ...]:
    return question.domain, str(question.source), str(question.cloud), question.tenant


def _read(rows: Iterable[Row]) -> tuple[Saved | None, int]:
    """What the rows of one target say, the newest first: an older one of another address is left over."""
    saved, entities, answers = Saved(), dict[str, EntityHistory](), dict[Question, DomainRecord]()
    got, unreadable = None, 0
    for row in sorted(rows, key=lambda row: row.serial, reverse=True):
        try:
            if row.table == "domain":
                question, answer = _answer(row)
                answers[question] = answer
                continue
            url = row.values[2 if row.table == "entity" else 1]
            if saved.url not in {"", url}:
                continue
            saved = replace(saved, url=url)
            if row.table == "entity":
                _, entity_id, _, text = row.values
                entities[entity_id] = history_of(text)
            elif row.table == "document":
                got, saved = moment_of(row.values[2]), replace(saved, packed=row.values[3])
            else:
                _, _, last_success, differing_since, etag, last_modified, _ = row.values
                saved = replace(
                    saved,
                    validators=Validators(etag, last_modified),
                    last_success=moment_of(last_success),
                    differing_since=moment_of(differing_since),
                )
        except _UNREADABLE:
            unreadable += 1
    looked = saved.last_success or got
    # Validators speak of the document: without it they would be answered by "not modified".
    validators = saved.validators if saved.packed is not None else NO_VALIDATORS
    kept, dropped = within_bounds(entities)
    history = History(kept, looked, dropped=dropped)
    saved = replace(saved, last_success=looked, history=history, validators=validators, answers=answers)
    return (saved if saved.url or answers else None), unreadable


def _answer(row: Row) -> tuple[Question, DomainRecord]:
    _, domain, source, cloud, tenant, text, last_success = row.values
    told_by = TrustSource(source)
    question, said = Question(told_by, Cloud(cloud), tenant, domain), trust_of(text, told_by)
    return question, DomainRecord(domain, trust=said, last_success=moment_of(last_success), compared=said)
