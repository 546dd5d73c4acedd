"""The rows of the state file, each sealed and numbered, so that any one of them can be trusted alone. Pure."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.metadata import LONGEST_ENTITY_ID
from exporter.model import LONGEST_VALIDATOR, is_validator
from exporter.names import LONGEST

VERSION = 4
"""The format that is written; older ones are read (:mod:`exporter.state.older`)."""

PAGE_SIZE = 4096
"""Bytes of a page of a new file."""

TABLES: Mapping[str, Sequence[str]] = {
    "target": ("name", "url", "last_success", "differing_since", "etag", "last_modified", "entities"),
    "document": ("target", "url", "got", "packed"),
    "entity": ("target", "entity_id", "url", "history"),
    "domain": ("target", "domain", "source", "cloud", "tenant", "trust", "last_success"),
    "watch": ("target", "watched", "since"),
}
"""The columns of each table, its key first; after them every table has ``serial`` and ``seal``."""

KEYS: Mapping[str, int] = {"target": 1, "document": 1, "entity": 2, "domain": 2, "watch": 1}
"""How many columns are the key."""

LONGEST_TEXT = 2**22
"""Characters of a history, or of what Entra ID says of a domain: four times what the longest of ours has."""

_LONGEST_URL = 2**16

_LONGEST_MOMENT = 64

HIGHEST = 2**40
"""The highest serial that a file of ours can have: with ten writes a second it takes three thousand years."""

_ROOM = 2**62
"""The highest serial that is read: SQLite has no number above 2**63, and what is written next has a higher one."""

_MOST_ENTITIES = 2**20

_Check = Callable[[Any], bool]


def _text(longest: int, also: _Check = lambda _: True) -> _Check:
    return lambda value: type(value) is str and len(value) <= longest and also(value)


def _number(most: int) -> _Check:
    return lambda value: type(value) is int and 0 <= value <= most


def _or_null(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


_NAME, _MOMENT = _text(LONGEST), _or_null(_text(_LONGEST_MOMENT))

_VALIDATOR = _or_null(_text(LONGEST_VALIDATOR, is_validator))

_CHECKS: Mapping[str, _Check] = {
    "name": _NAME,
    "target": _NAME,
    "url": _text(_LONGEST_URL, bool),
    "last_success": _MOMENT,
    "differing_since": _MOMENT,
    "got": _MOMENT,
    "since": _MOMENT,
    "etag": _VALIDATOR,
    "last_modified": _VALIDATOR,
    "entities": _number(_MOST_ENTITIES),
    "packed": lambda value: type(value) is bytes,
    "entity_id": _text(LONGEST_ENTITY_ID),
    "history": _text(LONGEST_TEXT),
    "domain": _NAME,
    "source": _NAME,
    "cloud": _NAME,
    "tenant": _NAME,
    "trust": _text(LONGEST_TEXT),
    "watched": _number(1),
}
"""What may stand in a column of each name: SQLite takes anything anywhere, and a seal is no secret.

How long a document is once it is unpacked is asked where that is done.
"""

_is_serial = _number(_ROOM)

# No WITHOUT ROWID: a row that is damaged must not take with it those that would be found through it.
SCHEMA: Sequence[str] = tuple(
    f"CREATE TABLE {table} ({', '.join(columns)}, serial INTEGER NOT NULL, seal INTEGER NOT NULL,"
    f" PRIMARY KEY ({', '.join(columns[: KEYS[table]])}))"
    for table, columns in TABLES.items()
)


class Row(NamedTuple):
    """One row as it was written."""

    table: str
    values: tuple[Any, ...]
    serial: int
    """Larger in what was written later: of two rows with one key the larger is true."""

    @property
    def key(self) -> tuple[Any, ...]:
        """What no other row has at the same time."""
        return self.table, *self.values[: KEYS[self.table]]


class Changes(NamedTuple):
    """What to write."""

    drops: Sequence[tuple[str, tuple[str, ...]]]
    """Tables, and the key of a row there or the beginning of it."""
    puts: Sequence[tuple[str, tuple[Any, ...]]]
    """Tables, and what the row there says."""


def stored(table: str, values: tuple[Any, ...], serial: int) -> tuple[Any, ...]:
    """A row as it stands in its table."""
    return *values, serial, seal((table, *values, serial))


def row_of(found: Sequence[Any]) -> Row | None:
    """The row in what was found in a file, in whichever place; None when it is not as any was written."""
    for table, columns in TABLES.items():
        if len(found) == len(columns) + 2:
            *values, serial, sealed = found
            if seal((table, *values, serial)) == sealed and _is_serial(serial):
                return Row(table, tuple(values), serial)
    return None


def understood(row: Row) -> bool:
    """Whether each column has what may stand there."""
    return all(_CHECKS[column](value) for column, value in zip(TABLES[row.table], row.values, strict=True))


def seal(row: tuple[Any, ...]) -> int:
    """A checksum of what a row says: SQLite watches over its pages, not over the text in them."""
    return zlib.crc32(repr(row).encode("utf-8", "surrogatepass"))


def newest(rows: Iterable[Row]) -> Sequence[Row]:
    """The rows that are understood, without what a newer one of the same key replaced."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in filter(understood, rows):
        known = found.get(row.key)
        if known is None or known.serial < row.serial:
            found[row.key] = row
    return tuple(found.values())


def renumbered(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows in the same order in time, with the lowest serials that say so."""
    serials = {serial: nth for nth, serial in enumerate(sorted({row.serial for row in rows}), 1)}
    return tuple(row._replace(serial=serials[row.serial]) for row in rows)


def missing(rows: Iterable[Row]) -> int:
    """How many rows there must have been beside these, at least."""
    found = {row.key: row for row in rows}
    names = {row.values[0] for row in found.values() if row.table in {"target", "document", "entity"}}
    lost = 0
    for name in names:
        target = found.get(("target", name))
        lost += (target is None) + (("document", name) not in found)
        if target is not None:
            lost += max(0, target.values[-1] - sum(key[:2] == ("entity", name) for key in found))
    return lost


def unvalidated(row: Row) -> Row:
    """The row without validators: in a damaged file an older document may be left, and they speak of a newer one."""
    if row.table != "target":
        return row
    blank = {"etag": None, "last_modified": None}
    values = zip(TABLES["target"], row.values, strict=True)
    return row._replace(values=tuple(blank.get(column, value) for column, value in values))
