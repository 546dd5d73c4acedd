"""How the probes of a look went within the last day: whether it is read at all, seldom, or as it should be. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from exporter.clock import believed
from exporter.model import Observation

TELLING = 12
"""Probes within a day from which their share says something."""

FEW = 4
"""Fewer than one in so many is few."""

IN_A_ROW = 3
"""Probes that succeed one after another show that it is over."""


class Hour(NamedTuple):
    """How the probes of an hour went."""

    began: datetime
    probes: int
    failures: int


@dataclass(frozen=True, slots=True)
class Lately:
    """How the probes of a look went within the last day.

    Not saved: after a restart it begins with the first probe.
    """

    failure: Observation | None = None
    """The latest probe that failed; None once enough in a row have succeeded."""
    failing_since: datetime | None = None
    """When the first of the latest unbroken run of probes without a usable document began; None while they succeed."""
    unsteady_since: datetime | None = None
    """When the first probe failed since which there were never enough in a row that succeeded."""
    successes: int = 0
    """The latest in a row that succeeded, at most :data:`IN_A_ROW`."""
    hours: tuple[Hour, ...] = ()
    """The oldest first."""

    @property
    def probes(self) -> int:
        """Probes within the last day."""
        return sum(each.probes for each in self.hours)

    @property
    def failures(self) -> int:
        """How many of them got no usable document."""
        return sum(each.failures for each in self.hours)

    @property
    def is_unsteady(self) -> bool:
        """Whether few probes succeed since one failed, and the latest ones do not show that this is over.

        What none of a whole day's could read, and the latest can, is repaired.
        """
        since = self.unsteady_since
        if since is None:
            return False
        hours = [each for each in self.hours if each.began + timedelta(hours=1) > since]
        probes = sum(each.probes for each in hours)
        good = probes - sum(each.failures for each in hours)
        is_of_today = self.hours[0].began <= since
        return probes >= TELLING and good * FEW < probes and (good > self.successes or is_of_today)

    def unread_since(self, last_success: datetime | None) -> datetime | None:
        """Since when no probe, or few of them, got a usable document; None while they do."""
        since = self.unsteady_since
        if self.failure is None or (self.failing_since is None and not self.is_unsteady):
            return None
        if since is not None and last_success is not None and last_success > since and self.is_unsteady:
            return since
        return last_success or self.failing_since or self.failure.at

    def after(self, observation: Observation) -> "Lately":
        """How they went after one more probe."""
        at, failed = observation.at, observation.document is None
        hours = _counted(self.hours, at, failed=failed)
        if failed:
            failing, unsteady = self.failing_since or at, self.unsteady_since or at
            return Lately(observation, failing, unsteady, successes=0, hours=hours)
        successes = min(self.successes + 1, IN_A_ROW)
        if successes == IN_A_ROW:
            return Lately(successes=successes, hours=hours)
        return replace(self, failing_since=None, successes=successes, hours=hours)

    def clamped(self, now: datetime) -> "Lately":
        """The same without a time that cannot be true."""
        return replace(
            self,
            failure=self.failure and replace(self.failure, at=believed(self.failure.at, now)),
            failing_since=self.failing_since and believed(self.failing_since, now),
            unsteady_since=self.unsteady_since and believed(self.unsteady_since, now),
            hours=tuple(each for each in self.hours if believed(each.began, now) == each.began),
        )


NOTHING_YET = Lately()


def _counted(hours: tuple[Hour, ...], at: datetime, *, failed: bool) -> tuple[Hour, ...]:
    """The hours of the last day after one more probe."""
    began = at.replace(minute=0, second=0, microsecond=0)
    probes, failures = next(((each.probes, each.failures) for each in hours if each.began == began), (0, 0))
    others = (each for each in hours if began - timedelta(days=1) < each.began < began)
    return (*others, Hour(began, probes + 1, failures + failed))
