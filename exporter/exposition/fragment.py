"""A fragment is series, rendered but for the numbers that move with time; a writer makes it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TypeVar

from exporter.exposition.families import Family
from exporter.names import LONGEST_SHORTENED, shortened

_Part = TypeVar("_Part")

_WHOLE = frozenset({"target", "domain", "entity_id"})
"""Labels that tell series apart, and other programs' too; an entityID is bounded where it is read."""
_LONGEST_COUNT = len("-3652058.000000\n")
"""The days between the first and the last moment that a datetime can hold."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Series that hold from the moment they were made until another."""

    since: datetime
    until: datetime
    fixed: Mapping[Family, bytes]
    """Whole lines; a family without any is not here."""
    moving: Mapping[Family, Sequence[str]]
    """Samples without their value, which moves with time."""
    ends: Mapping[Family, Sequence[float]]
    """The moments (seconds since 1970) that these samples count down to."""

    def holds(self, now: datetime) -> bool:
        """Whether a fragment made at ``now`` would be the same."""
        return self.since <= now < self.until


def together(fragments: Iterable[Fragment]) -> Fragment:
    """Some fragments, at least one, as one that holds as long as all of them do."""
    every = tuple(fragments)
    # A join of some size lets go of the interpreter lock.
    return Fragment(
        max(each.since for each in every),
        min(each.until for each in every),
        {family: b"".join(texts) for family, texts in _by_family(each.fixed for each in every)},
        {family: tuple(chain.from_iterable(series)) for family, series in _by_family(each.moving for each in every)},
        {family: tuple(chain.from_iterable(ends)) for family, ends in _by_family(each.ends for each in every)},
    )


class Writer:
    """Collects lines by family, all with the same first labels; label text is escaped here and nowhere else."""

    def __init__(self, **first: str) -> None:
        self._first = _pairs(first)
        self._fixed: dict[Family, list[str]] = {}
        self._moving: dict[Family, list[str]] = {}
        self._ends: dict[Family, list[float]] = {}
        self.size = 0
        """Bytes of all lines so far, as a scrape has them."""

    def write(self, family: Family, value: float, /, **labels: str) -> None:
        """Adds a series that holds as long as the fragment."""
        # Positional only, because the operator may call a label ``value`` or ``family``.
        self._add(self._fixed, family, f"{self._series(family, labels)} {_number(value)}\n")

    def count_down(self, family: Family, to: datetime, /, **labels: str) -> None:
        """Adds a series of the days until a moment."""
        self._add(self._moving, family, f"{self._series(family, labels)} ")
        self.size += _LONGEST_COUNT
        self._ends.setdefault(family, []).append(to.timestamp())

    def fragment(self, since: datetime, until: datetime) -> Fragment:
        """What was written, as the fragment made at ``since`` that holds before ``until``."""
        fixed = {family: "".join(lines).encode() for family, lines in self._fixed.items()}
        return Fragment(since, until, fixed, self._moving, self._ends)

    def _add(self, lines: dict[Family, list[str]], family: Family, line: str) -> None:
        lines.setdefault(family, []).append(line)
        self.size += len(line) if line.isascii() else len(line.encode())

    def _series(self, family: Family, labels: Mapping[str, str]) -> str:
        return f"{family.name}{{{','.join(self._first + _pairs(labels))}}}"


def _by_family(parts: Iterable[Mapping[Family, _Part]]) -> Iterable[tuple[Family, Sequence[_Part]]]:
    found = defaultdict[Family, list[_Part]](list)
    for part in parts:
        for family, series in part.items():
            found[family].append(series)
    return found.items()


def _pairs(labels: Mapping[str, str]) -> list[str]:
    return [f'{name}="{_escaped(_shown(name, value))}"' for name, value in labels.items()]


def _shown(name: str, value: str) -> str:
    """What a label says: a long name is shortened, unless it says what the series is about."""
    return value if len(value) <= LONGEST_SHORTENED or name in _WHOLE else shortened(value)


def _number(value: float) -> str:
    """A value in as few characters as say it to the microsecond."""
    return str(int(value)) if value == int(value) else f"{value:.6f}".rstrip("0").rstrip(".")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
