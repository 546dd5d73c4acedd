"""What a target is judged by: what is known of it, and the moments that have come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from exporter.findings.facts import (
    Facts,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.history import EntityHistory
from exporter.policy import Policy
from exporter.record import Record
from exporter.rollover import FOREVER, Rollover
from exporter.trust import Verdict

NEWS = timedelta(days=1)
"""How long what has happened is told."""


@dataclass(slots=True, eq=False)
class Clock:
    """Tells which moments have come, and remembers the first that has not."""

    now: datetime
    until: datetime = FOREVER

    def reached(self, moment: datetime) -> bool:
        """Whether a moment has come."""
        if moment > self.now:
            self.until = min(self.until, moment)
        return moment <= self.now


@dataclass(frozen=True, slots=True)
class Case:
    """What a target is judged by."""

    record: Record
    policy: Policy
    clock: Clock
    sure: Clock
    """The same, or an earlier moment: the last of which the document, and both clocks, tell how things stood."""
    stale: bool
    """The document is old: others may have replaced it."""
    rollovers: tuple[Rollover, ...]
    """Of the watched entities."""
    subject: Rollover | None
    """Of the entity that the target is about."""
    compared: Rollover | None
    """The same as of the moment that is sure: a trust is compared with that."""
    verdicts: tuple[Verdict, ...]
    remembers: bool

    def known(self, entity_id: str) -> EntityHistory:
        """What is remembered of an entity."""
        return self.record.history.entities.get(entity_id, EntityHistory())

    def found(self, kind: Kind, facts: Facts, entity_id: str | None = None) -> Finding:
        """A finding about the document."""
        return Finding(kind, facts, self.record.last_success, entity_id)


def watched_of(record: Record) -> Iterator[str]:
    """The entities that findings are about: the one that a document is about, or those that somebody named."""
    if record.document is None:
        return
    metadata = record.document.metadata
    for entity in metadata.entities:
        named = entity.entity_id == record.target.entity_id or is_named(entity.entity_id, record.target.watch)
        if named or not metadata.aggregate:
            yield entity.entity_id


def is_named(entity_id: str, patterns: Sequence[str]) -> bool:
    """Whether an entity is one of those that the configuration watches."""
    return any(fnmatchcase(entity_id, pattern) for pattern in patterns)
