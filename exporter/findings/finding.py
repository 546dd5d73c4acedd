"""One thing that was found, and how a target stands by all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.config.settings import Place
from exporter.findings.facts import (
    Facts,
    Rolling,
)
from exporter.findings.kinds import Kind
from exporter.model import Entity
from exporter.policy import Policy
from exporter.record import Record
from exporter.rollover import Rollover, Severity
from exporter.trust import Verdict

UNKNOWN = "unknown"
"""In place of a severity: nothing bad was found, and nothing is known to be well."""


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
    remembers: bool = True
    """What was before is known; else there was one probe only."""

    @property
    def severity(self) -> Severity:
        """How bad the worst finding is."""
        return self.findings[0].severity if self.findings else Severity.OK

    @property
    def rollover(self) -> Rollover | None:
        """How the rollover of the entity that the target is about stands; None of an aggregate that names none."""
        return of_entity(self.record.entity, self.rollovers)

    @property
    def is_judged(self) -> bool:
        """Whether the document has what the target is about; otherwise nothing is known to be well."""
        return bool(self.rollovers if self.record.target.entity_id is None else self.rollover)

    @property
    def word(self) -> str:
        """How bad it stands, in one word: its severity, or ``unknown`` where nothing is known to be well."""
        return self.severity.word if self.is_judged or self.severity >= Severity.WARNING else UNKNOWN

    @property
    def readable(self) -> bool | None:
        """Whether the document can be read from the internet; None: not known."""
        return self.record.readable_from_internet

    @property
    def urgency(self) -> tuple[int, float]:
        """What sorts the worst target first: by the worst finding, then by the first end of a primary."""
        ends = [each.urgency[1] for each in self.rollovers if each.entity_id in self.watched and each.primary]
        return self.findings[0].kind.rank if self.findings else len(Kind), min(ends, default=0.0)

    @property
    def worst_first(self) -> Sequence[Rollover]:
        """The rollovers: of the entity that is meant, of those that are watched, of others, each the worst first."""
        places: dict[str | None, int] = {}
        for number, each in enumerate(self.findings):
            places.setdefault(each.entity_id, number)

        def place(each: Rollover) -> tuple[float, ...]:
            is_other = each.entity_id != self.record.target.entity_id
            found = places.get(each.entity_id, len(self.findings))
            return is_other, each.entity_id not in self.watched, found, *each.urgency

        return sorted(self.rollovers, key=place)

    def holds(self, now: datetime) -> bool:
        """Whether the same question asked now has the same answer."""
        return self.since <= now < self.until


def of_entity(entity: Entity | None, rollovers: Sequence[Rollover]) -> Rollover | None:
    """The rollover of an entity among several."""
    return next((each for each in rollovers if entity is not None and each.entity_id == entity.entity_id), None)
