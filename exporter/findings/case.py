"""What a target is judged by: what is known of it, and the moments that have come."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import translate
from functools import lru_cache

from exporter.findings.facts import Facts
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.history import EntityHistory
from exporter.policy import Policy
from exporter.record import Record
from exporter.rollover import FOREVER, Rollover
from exporter.trust import Verdict

NEWS = timedelta(days=1)
"""How long what has happened is told."""

_SIGNS = frozenset("*?[")
"""What makes a pattern of a name."""


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
    fresh: Clock
    """Now, or the last moment at which the document was as good as new; by our clock, as all that we remember is."""
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
    metadata, is_named = record.document.metadata, naming(record.target.watch)
    for entity in metadata.entities:
        named = entity.entity_id == record.target.entity_id or is_named(entity.entity_id)
        if named or not metadata.aggregate:
            yield entity.entity_id


def naming(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Tells of an entityID whether it is one of those that the configuration watches, by patterns (:mod:`fnmatch`).

    An aggregate has thousands of entities, and whoever watches many of them may name as many. So whole names are looked
    up, and the patterns among them are one expression.
    """
    expression = _expression(tuple(each for each in patterns if not _SIGNS.isdisjoint(each)))
    names = {each for each in patterns if _SIGNS.isdisjoint(each)}
    return lambda entity_id: entity_id in names or expression.match(entity_id) is not None


@lru_cache
def _expression(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # Of no patterns it is one that matches nothing.
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")
