"""What the clock of whoever answers shows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
"""A date before that is no clock's: it was never set, or is written into the page."""
_OLDEST = timedelta(days=400)
"""No cache keeps an answer for so long."""


def shown(dates: Sequence[str], ages: Sequence[str]) -> datetime | None:
    """The moment at which an answer was sent, by the values of its ``Date`` and ``Age`` headers (aware UTC).

    ``Date`` is when it was made (RFC 9110 6.6.1, in each form of 5.6.7); ``Age``, in seconds, is for how long a cache
    has kept it since (RFC 9111 5.1). None where they do not say, say different things, or what cannot be true.
    """
    if len({*dates}) != 1 or len({*ages}) > 1:
        return None
    try:
        date = parsedate_to_datetime(dates[0])
        date = date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
        age = _seconds(ages[0]) if ages else timedelta(0)
        return date + age if date >= _FIRST and age <= _OLDEST else None
    except (ValueError, OverflowError):
        return None


def _seconds(age: str) -> timedelta:
    """A number of seconds. Raises ValueError or OverflowError."""
    if not (age.isascii() and age.isdecimal()):
        raise ValueError(age)
    return timedelta(seconds=float(age))
