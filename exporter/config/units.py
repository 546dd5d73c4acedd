"""Durations and sizes as Prometheus writes them."""

import re
from fractions import Fraction

DAY = 86400
"""Seconds."""
_SECONDS = {"y": 365 * DAY, "w": 7 * DAY, "d": DAY, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
_DURATION = re.compile("".join(f"(?:([0-9]{{1,15}}){unit})?" for unit in _SECONDS))
_LONGEST = 2**63 / 1e9
_MILLISECONDS = {unit: round(1000 * seconds) for unit, seconds in _SECONDS.items()}
_PREFIXES = " KMGTPE"
_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,15})?)(?:([KMGTPE])i?)?B")


def duration(text: str) -> float:
    """Seconds of a duration: ``30s``, ``1h30m``, ``5d``, ``100ms``, ``0``; a year has 365 days.

    Units stand from the longest to the shortest, each at most once, as in Prometheus's ``model.ParseDuration``;
    its longest duration, 292 years, is ours too. Raises ValueError with a sentence for the operator.
    """
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError("must be a duration such as 30s, 5m, 1h30m or 20d")
    seconds = sum(int(count) * unit for count, unit in zip(match.groups("0"), _SECONDS.values(), strict=True))
    if seconds > _LONGEST:
        raise ValueError("must not be longer than 292y")
    return float(seconds)


def size(text: str) -> int:
    """Bytes of a size: ``512KB``, ``16MB``, ``1.5GiB``; KB and KiB alike are 1024 bytes, as in Prometheus.

    Raises ValueError with a sentence for the operator.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("must be a size such as 512KB or 16MB")
    number, prefix = match.groups("")
    return int(Fraction(number) * 1024 ** _PREFIXES.index(prefix or " "))


def as_duration(seconds: float) -> str:
    """The duration of so many seconds as :func:`duration` reads it, to the millisecond: ``1h30m``."""
    left, parts = round(1000 * seconds), []
    for unit, size in _MILLISECONDS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"


def as_size(size: int) -> str:
    """The size of so many bytes, in the largest unit of which :func:`size` reads a whole number: ``16MB``."""
    power = 0
    while size and size % 1024 == 0 and power < len(_PREFIXES) - 1:
        size, power = size // 1024, power + 1
    return f"{size}{_PREFIXES[power].strip()}B"
