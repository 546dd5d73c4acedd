"""What survives a restart: last good documents, first-seen times, key-set history, in one SQLite file.

Every save is one transaction, so a process may be killed at any moment. A file that is damaged or not ours
is set aside, never used and never deleted.
"""

import json
import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE target (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    packed BLOB NOT NULL,
    etag TEXT,
    last_modified TEXT,
    last_success TEXT NOT NULL
);
CREATE TABLE entity (
    target TEXT NOT NULL REFERENCES target (name) ON DELETE CASCADE,
    entity_id TEXT NOT NULL,
    history TEXT NOT NULL,
    PRIMARY KEY (target, entity_id)
) WITHOUT ROWID;
"""


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
        document = after.document
        if document is None or after.last_success is None or after.last_success == before.last_success:
            return
        known = before.history.entities
        changed = [
            (after.target.name, entity_id, json.dumps(_plain(entity), separators=(",", ":")))
            for entity_id, entity in after.history.entities.items()
            if entity is not known.get(entity_id)
        ]
        row = (after.target.name, after.target.url, document.packed, document.etag, document.last_modified)
        with self._lock, self._connection:
            if before.last_success is None:
                # Whatever is left under this name is another address's.
                self._connection.execute("DELETE FROM target WHERE name = ?", (after.target.name,))
            if document is before.document:
                self._connection.execute(
                    "UPDATE target SET last_success = ? WHERE name = ?",
                    (after.last_success.isoformat(), after.target.name),
                )
            else:
                self._connection.execute(
                    "INSERT INTO target VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET url = excluded.url,"
                    " packed = excluded.packed, etag = excluded.etag, last_modified = excluded.last_modified,"
                    " last_success = excluded.last_success",
                    (*row, after.last_success.isoformat()),
                )
            self._connection.executemany("INSERT OR REPLACE INTO entity VALUES (?, ?, ?)", changed)

    def prune(self, before: datetime) -> None:
        """Removes what was last seen before a moment, of targets that nobody watches. Raises :class:`sqlite3.Error`."""
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM target WHERE last_success < ?", (before.isoformat(),))

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()


def memory() -> Store:
    """A store that keeps nothing beyond the process."""
    connection = _connect(":memory:")
    connection.executescript(_SCHEMA)
    return Store(connection)


def open_file(path: Path, now: datetime) -> Store:
    """The store in a file, made anew where there is none; ``now`` names the file that had to be set aside.

    Raises :class:`StateError` when the folder or file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(str(path))
        if fault := _fault(connection):
            connection.close()
            aside = _set_aside(path, now)
            log.error("state file set aside, starting with an empty one", extra={"fault": fault, "aside": str(aside)})
            connection = _connect(str(path))
        if _is_empty(connection):
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        else:
            # Fails here and now where the file may be read and not written.
            connection.execute(f"PRAGMA user_version = {VERSION}")
        # Only now: in this mode the file has a header before it has our mark.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except (OSError, sqlite3.Error) as error:
        raise StateError(
            f"cannot keep state in {path}: {error}; name another file with --storage.path,"
            " or --storage.path= to keep none"
        ) from error
    return Store(connection)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _fault(connection: sqlite3.Connection) -> str | None:
    """What makes the file unusable; None when it is empty, or ours, whole and of this version."""
    try:
        if _is_empty(connection):
            return None
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            return "it belongs to another program"
        if version != VERSION:
            return f"it has version {version}, this program reads {VERSION}"
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        # Not the file's content: it is locked, or may not be read.
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if verdict == "ok" else str(verdict)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return int(tables) == 0


def _set_aside(path: Path, now: datetime) -> Path:
    aside = path.with_name(f"{path.name}.{now:%Y%m%dT%H%M%SZ}.aside")
    for suffix in ("", "-wal", "-shm", "-journal"):
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
