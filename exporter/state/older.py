"""State files of older formats, told by the shape of their tables, and their rows as they stand in today's.

Version 1 had the document in the target's row, at first without seals; version 2 could not be read without SQLite;
version 3 did not say who is watched.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.state.rows import TABLES, Row, row_of, seal

Shape = Mapping[str, Sequence[str]]
"""The columns of each table."""

Tables = Mapping[str, Sequence[tuple[Any, ...]]]
"""What stands in each table, column by column."""


class Format(NamedTuple):
    """One format of the state file."""

    version: int
    tables: Shape
    sealed: bool


_ENTITY = ("target", "entity_id", "history")

_FIRST = ("name", "url", "packed", "etag", "last_modified", "last_success")

_NUMBERED = 3
"""The first version whose rows stand as those of today do."""

TODAY = Format(4, {table: (*columns, "serial", "seal") for table, columns in TABLES.items()}, sealed=True)

FORMATS = (
    TODAY,
    Format(3, {table: columns for table, columns in TODAY.tables.items() if table != "watch"}, sealed=True),
    Format(
        2,
        {
            "target": ("name", "url", "last_success", "differing_since", "seal"),
            "document": ("target", "packed", "etag", "last_modified", "seal"),
            "entity": (*_ENTITY, "seal"),
            "domain": ("target", "source", "cloud", "tenant", "domain", "trust", "last_success", "seal"),
        },
        sealed=True,
    ),
    Format(1, {"target": (*_FIRST, "seal"), "entity": (*_ENTITY, "seal")}, sealed=True),
    Format(1, {"target": _FIRST, "entity": _ENTITY}, sealed=False),
)


def format_of(shape: Shape) -> Format | None:
    """The format that has tables of this shape; None when no known one has. More tables may stand beside them."""
    return next(
        (
            each
            for each in FORMATS
            if all(tuple(shape.get(table, ())) == columns for table, columns in each.tables.items())
        ),
        None,
    )


def rows(known: Format, tables: Tables) -> tuple[Sequence[Row], int]:
    """What stands in the tables of a format as rows of today, and how many rows there are not as they were written."""
    if known.version >= _NUMBERED:
        found = [row_of(each) for stored in tables.values() for each in stored]
        return [row for row in found if row is not None], found.count(None)
    whole = {table: [row for row in stored if not known.sealed or _is_whole(row)] for table, stored in tables.items()}
    bad = sum(len(stored) - len(whole[table]) for table, stored in tables.items())
    if known.sealed:
        whole = {table: [row[:-1] for row in stored] for table, stored in whole.items()}
    return list(_first(whole) if known.version == 1 else _second(whole)), bad


def _is_whole(row: tuple[Any, ...]) -> bool:
    return bool(seal(row[:-1]) == row[-1])


def _first(tables: Tables) -> Iterator[Row]:
    targets = [(*row[:2], row[5], None) for row in tables["target"]]
    documents = [(row[0], *row[2:5]) for row in tables["target"]]
    return _second({"target": targets, "document": documents, "entity": tables["entity"], "domain": ()})


def _second(tables: Tables) -> Iterator[Row]:
    targets = {name: (url, last_success) for name, url, last_success, _ in tables["target"]}
    validators = {name: (etag, last_modified) for name, _, etag, last_modified in tables["document"]}
    entities = [row for row in tables["entity"] if row[0] in targets]
    counts = Counter(row[0] for row in entities)
    for name, url, last_success, differing_since in tables["target"]:
        row = (name, url, last_success, differing_since, *validators.get(name, (None, None)), counts[name])
        yield Row("target", row, 0)
    for name, packed, _, _ in tables["document"]:
        if name in targets:
            url, last_success = targets[name]
            yield Row("document", (name, url, last_success, packed), 0)
    for name, entity_id, history in entities:
        yield Row("entity", (name, entity_id, targets[name][0], history), 0)
    for name, source, cloud, tenant, domain, trust, last_success in tables["domain"]:
        yield Row("domain", (name, domain, source, cloud, tenant, trust, last_success), 0)
