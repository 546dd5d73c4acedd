"""All that is known of one target, and how one more look changes it. Pure.

Last good wins: a look that fails replaces nothing but the look itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from exporter import history as past
from exporter.config.settings import Target
from exporter.history import History
from exporter.model import Document, Observation
from exporter.policy import Policy, in_force
from exporter.rollover import Rollover, judge

SERVICE = "service"
"""The ``node`` of a look at the service name itself."""


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

    def judge(self, now: datetime) -> tuple[Rollover, ...]:
        """How the rollover of each entity of the last good document stands."""
        return _judge(self.document, self.policy, self.history.first_seen, now) if self.document else ()


def advance(record: Record, observation: Observation) -> Record:
    """The record after one more look."""
    looked = replace(
        record,
        observation=observation,
        probes=record.probes + 1,
        failures=record.failures + (observation.reason is not None),
    )
    if observation.document is None:
        return looked
    document, at = observation.document, observation.at
    found = replace(looked, document=document, last_success=at)
    before = record.judge(at)
    # First-seen times of the keys that just came are not recorded yet: judge counts them as seen last.
    after = _judge(document, found.policy, record.history.first_seen, at)
    # The policy before: a new key must not widen by its own shape the window in which it is expected.
    history = past.advance(record.history, document.metadata, record.policy, before=before, after=after, at=at)
    return replace(found, history=history)


def _judge(
    document: Document, policy: Policy, first_seen: Mapping[str, Mapping[str, datetime]], now: datetime
) -> tuple[Rollover, ...]:
    return judge(document.metadata, policy, signature=document.signature, first_seen=first_seen, now=now)
