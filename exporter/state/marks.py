"""Who is watched, and who was removed on purpose: whoever else is watched no longer is lost. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from exporter.clock import believed
from exporter.state.rows import Changes, Row
from exporter.state.text import moment_text, zoned

TOLD = timedelta(days=7)
"""How long a removal is told."""


class Mark(NamedTuple):
    """Whether a target is watched, and since when."""

    watched: bool
    since: datetime


Marks = Mapping[str, Mark]
"""By the name of the target; one without a mark was never watched, or removed long ago."""


def followed(marks: Marks, names: Collection[str], now: datetime) -> Marks:
    """The marks once the targets of these names are watched, and no others: those that were are removed now.

    A removal is forgotten after :data:`TOLD`, and a time that cannot be true is put right.
    """
    known = dict[str, Mark]()
    for name, mark in marks.items():
        since = believed(mark.since, now)
        if mark.watched:
            known[name] = Mark(watched=True, since=since) if name in names else Mark(watched=False, since=now)
        elif name not in names and now - since < TOLD:
            known[name] = Mark(watched=False, since=since)
    return {**dict.fromkeys(names, Mark(watched=True, since=now)), **known}


def changes(before: Marks, after: Marks) -> Iterator[tuple[str, Changes]]:
    """What to write for each target where ``before`` is marked in the file, so that ``after`` is."""
    for name in before.keys() - after.keys():
        yield name, Changes([("watch", (name,))], [])
    for name, mark in after.items():
        if mark != before.get(name):
            yield name, Changes([], [("watch", (name, int(mark.watched), moment_text(mark.since)))])


def read(rows: Iterable[Row]) -> tuple[Marks, int]:
    """The marks that rows say, and how many of these rows say what cannot be read."""
    marks, unreadable = dict[str, Mark](), 0
    for name, watched, since in (row.values for row in rows if row.table == "watch"):
        try:
            marks[name] = Mark(bool(watched), zoned(since))
        except (ArithmeticError, TypeError, ValueError):
            unreadable += 1
    return marks, unreadable
