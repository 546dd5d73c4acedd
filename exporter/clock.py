"""What a clock that was wrong leaves behind, and what to put in its place. Pure.

A machine starts with an empty RTC battery, a virtual machine is resumed, somebody sets the year: for some looks the
clock is wrong, and what they saw is kept under times that never were.
"""

from datetime import UTC, datetime

EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
"""No clock that is right shows less: this exporter did not exist."""


def believed(moment: datetime, now: datetime) -> datetime:
    """The moment, or ``now`` where it cannot be true: what was seen was seen after :data:`EARLIEST` and before now.

    A clock that shows less than :data:`EARLIEST` is wrong itself, and corrects nothing.
    """
    return moment if now < EARLIEST or EARLIEST <= moment <= now else now
