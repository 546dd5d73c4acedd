"""What survives a restart: last good documents, first-seen times, key-set history, in one SQLite file.

Every save is one transaction, so a process may be killed at any moment. A file that is damaged or not ours
is set aside, never used and never deleted.
"""

import json
import logging
import sqlite3
import zlib
from collections.abc import Container, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from exporter.history import Change, EntityHistory, History, KeySetHistory, Sighting
from exporter.model import Role, Use
from exporter.record import Record

log = logging.getLogger(__name__)

APPLICATION_ID = 0x46454D45
"""``FEME``: marks the file as ours (SQLite, "PRAGMA application_id")."""

VERSION = 1

PATIENCE = 5.0
"""Seconds to wait for another process that has locked the file."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE target (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    packed BLOB NOT NULL,
    etag TEXT,
    last_modified TEXT,
    last_success TEXT NOT NULL,
    seal INTEGER NOT NULL
);
CREATE TABLE entity (
    target TEXT NOT NULL REFERENCES target (name) ON DELETE CASCADE,
    entity_id TEXT NOT NULL,
    history TEXT NOT NULL,
    seal INTEGER NOT NULL,
    PRIMARY KEY (target, entity_id)
) WITHOUT ROWID;
"""

_ROWS = (
    "SELECT name, url, packed, etag, last_modified, last_success, seal FROM target",
    "SELECT target, entity_id, history, seal FROM entity",
)

_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""The errors that speak of a file's content; others speak of the file: it is locked, or may not be read."""


class StateError(Exception):
    """The state file cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What the state file holds of one target."""

    packed: bytes
    """The last good document, compressed with zlib."""
    etag: str | None
    last_modified: str | None
    last_success: datetime
    history: History


class Store:
    """The state file, or memory that forgets. Its methods block, and may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = Lock()
        self._behind = set[str]()
        """The targets whose latest save failed: the file lacks some of what their records hold."""

    def load(self, name: str, url: str) -> Saved | None:
        """What is held of the target of this name and address; None when there is nothing."""
        with self._lock:
            row = self._connection.execute(
                "SELECT packed, etag, last_modified, last_success FROM target WHERE name = ? AND url = ?", (name, url)
            ).fetchone()
            entities = self._connection.execute(
                "SELECT entity_id, history FROM entity WHERE target = ?", (name,)
            ).fetchall()
        if row is None:
            return None
        packed, etag, last_modified, last_success = row
        looked = datetime.fromisoformat(last_success)
        history = History({entity_id: _history(json.loads(text)) for entity_id, text in entities}, looked)
        return Saved(packed, etag, last_modified, looked, history)

    def save(self, before: Record, after: Record) -> None:
        """Writes what changed from one record of a target to the next. Raises :class:`sqlite3.Error`."""
        name, document = after.target.name, after.document
        if document is None or after.last_success is None or after.last_success == before.last_success:
            return
        looked = after.last_success.isoformat()
        row = (name, after.target.url, document.packed, document.etag, document.last_modified, looked)
        with self._lock:
            # Whatever is left under this name is another address's, or not all that an earlier save was to write.
            anew = before.last_success is None or name in self._behind
            self._behind.add(name)
            known = {} if anew else before.history.entities
            changed = [
                (name, entity_id, json.dumps(_plain(entity), separators=(",", ":")))
                for entity_id, entity in after.history.entities.items()
                if entity is not known.get(entity_id)
            ]
            with self._connection:
                if anew:
                    self._connection.execute("DELETE FROM target WHERE name = ?", (name,))
                if document is before.document and not anew:
                    self._connection.execute(
                        "UPDATE target SET last_success = ?, seal = ? WHERE name = ?", (looked, _seal(row), name)
                    )
                else:
                    self._connection.execute(
                        "INSERT INTO target VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
                        " url = excluded.url, packed = excluded.packed, etag = excluded.etag,"
                        " last_modified = excluded.last_modified, last_success = excluded.last_success,"
                        " seal = excluded.seal",
                        (*row, _seal(row)),
                    )
                self._connection.executemany(
                    "INSERT OR REPLACE INTO entity VALUES (?, ?, ?, ?)", ((*each, _seal(each)) for each in changed)
                )
            self._behind.discard(name)

    def prune(self, before: datetime, *, but: Container[str]) -> None:
        """Removes what was last seen before a moment, except of some targets. Raises :class:`sqlite3.Error`."""
        with self._lock, self._connection:
            rows = self._connection.execute("SELECT name FROM target WHERE last_success < ?", (before.isoformat(),))
            self._connection.executemany(
                "DELETE FROM target WHERE name = ?", [row for row in rows.fetchall() if row[0] not in but]
            )

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()


def memory() -> Store:
    """A store that keeps nothing beyond the process."""
    connection = _connect(":memory:", PATIENCE)
    connection.executescript(_SCHEMA)
    return Store(connection)


def open_file(path: Path, now: datetime, *, patience: float = PATIENCE) -> Store:
    """The store in a file, made anew where there is none; ``now`` names the file that had to be set aside.

    Raises :class:`StateError` when the folder or file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(_connect(str(path), patience)) as connection:
            fault = _fault(connection)
        if fault is not None:
            aside = _set_aside(path, now)
            log.error("state file set aside, starting with an empty one", extra={"fault": fault, "aside": str(aside)})
        return Store(_prepared(str(path), patience))
    except (OSError, sqlite3.Error) as error:
        raise StateError(
            f"cannot keep state in {path}: {error}; name another file with --storage.path,"
            " or --storage.path= to keep none"
        ) from error


def _connect(path: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=patience, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _prepared(path: str, patience: float) -> sqlite3.Connection:
    """A connection to a file that is ours, or empty and from now on ours."""
    with ExitStack() as on_error:
        connection = on_error.enter_context(closing(_connect(path, patience)))
        if _is_empty(connection):
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        else:
            # Fails here and now where the file may be read and not written.
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        on_error.pop_all()
    return connection


def _fault(connection: sqlite3.Connection) -> str | None:
    """What makes the file unusable; None when it is empty, or ours, whole and of this version."""
    # Text that is damaged must not keep us from saying so.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        return None if _is_empty(connection) else next(_faults(connection), None)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in _DAMAGE:
            raise
        return str(error)
    except UnicodeDecodeError:
        return "its schema is so damaged that SQLite's words for it are"


def _faults(connection: sqlite3.Connection) -> Iterator[str]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        yield "it belongs to another program"
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        yield f"it has version {version}, this program reads {VERSION}"
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        yield str(verdict)
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        yield "an entity is of no target"
    rows = (row for select in _ROWS for row in connection.execute(select))
    if any(_seal(row[:-1]) != row[-1] for row in rows):
        yield "a row is not as it was written"


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return int(tables) == 0


def _seal(row: tuple[Any, ...]) -> int:
    """A checksum of what a row says: SQLite watches over its pages, not over the text in them."""
    return zlib.crc32(repr(row).encode())


def _set_aside(path: Path, now: datetime) -> Path:
    stem = f"{path.name}.{now:%Y%m%dT%H%M%SZ}"
    names = (path.with_name(f"{stem}{f'-{nth}' if nth else ''}.aside") for nth in count())
    aside = next(name for name in names if not name.exists())
    # The file itself last: SQLite deletes the log of a file that is gone.
    for suffix in ("-wal", "-shm", "-journal", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _plain(history: EntityHistory) -> dict[str, Any]:
    """An entity's history as JSON knows it."""
    return {
        "first_seen": {fingerprint: at.isoformat() for fingerprint, at in history.first_seen.items()},
        "key_sets": [
            {
                "role": role,
                "use": use,
                "sightings": _plain_sightings(known.sightings),
                "changes": {change: at.isoformat() for change, at in known.changes.items()},
            }
            for (role, use), known in history.key_sets.items()
        ],
        "primaries": _plain_sightings(history.primaries),
        "last_promotion": history.last_promotion.isoformat() if history.last_promotion else None,
    }


def _plain_sightings(sightings: tuple[Sighting, ...]) -> list[list[Any]]:
    return [[sorted(each.fingerprints), each.first.isoformat(), each.last.isoformat()] for each in sightings]


def _history(plain: Mapping[str, Any]) -> EntityHistory:
    return EntityHistory(
        first_seen={fingerprint: datetime.fromisoformat(at) for fingerprint, at in plain["first_seen"].items()},
        key_sets={
            (Role(each["role"]), Use(each["use"])): KeySetHistory(
                _sightings(each["sightings"]),
                {Change(change): datetime.fromisoformat(at) for change, at in each["changes"].items()},
            )
            for each in plain["key_sets"]
        },
        primaries=_sightings(plain["primaries"]),
        last_promotion=datetime.fromisoformat(plain["last_promotion"]) if plain["last_promotion"] else None,
    )


def _sightings(plain: list[list[Any]]) -> tuple[Sighting, ...]:
    return tuple(
        Sighting(frozenset(fingerprints), datetime.fromisoformat(first), datetime.fromisoformat(last))
        for fingerprints, first, last in plain
    )
