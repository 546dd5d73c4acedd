"""What survives a restart: last good documents, first-seen times, key-set history, what Entra ID said; one SQLite file.

Every save is one transaction, so a process may be killed at any moment. A file that is damaged or not ours
is set aside, never used and never deleted.
"""

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

from exporter.config.settings import Cloud, TrustSource
from exporter.history import History
from exporter.model import Validators
from exporter.record import Question, Record
from exporter.state.text import history_of, history_text, moment_of, moment_text, trust_of, trust_text
from exporter.trust import DomainRecord

log = logging.getLogger(__name__)

APPLICATION_ID = 0x46454D45
"""``FEME``: marks the file as ours (SQLite, "PRAGMA application_id")."""

VERSION = 2

PATIENCE = 5.0
"""Seconds to wait for another process that has locked the file."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE target (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    last_success TEXT NOT NULL,
    differing_since TEXT,
    seal INTEGER NOT NULL
);
CREATE TABLE document (
    target TEXT PRIMARY KEY REFERENCES target (name) ON DELETE CASCADE,
    packed BLOB NOT NULL,
    etag TEXT,
    last_modified TEXT,
    seal INTEGER NOT NULL
);
CREATE TABLE entity (
    target TEXT NOT NULL REFERENCES target (name) ON DELETE CASCADE,
    entity_id TEXT NOT NULL,
    history TEXT NOT NULL,
    seal INTEGER NOT NULL,
    PRIMARY KEY (target, entity_id)
) WITHOUT ROWID;
CREATE TABLE domain (
    target TEXT NOT NULL,
    source TEXT NOT NULL,
    cloud TEXT NOT NULL,
    tenant TEXT NOT NULL,
    domain TEXT NOT NULL,
    trust TEXT NOT NULL,
    last_success TEXT NOT NULL,
    seal INTEGER NOT NULL,
    PRIMARY KEY (target, domain)
) WITHOUT ROWID;
"""

_ROWS = (
    "SELECT name, url, last_success, differing_since, seal FROM target",
    "SELECT target, packed, etag, last_modified, seal FROM document",
    "SELECT target, entity_id, history, seal FROM entity",
    "SELECT target, source, cloud, tenant, domain, trust, last_success, seal FROM domain",
)

_PRUNES = (
    ("SELECT name FROM target WHERE last_success < ?", "DELETE FROM target WHERE name = ?"),
    (
        "SELECT target FROM domain GROUP BY target HAVING max(last_success) < ?",
        "DELETE FROM domain WHERE target = ?",
    ),
)
"""How to find the targets of which something is old, and how to delete that."""

_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""The errors that speak of a file's content; others speak of the file: it is locked, or may not be read."""


class StateError(Exception):
    """The state file cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What the state file holds of one target."""

    packed: bytes | None
    """The last good document, compressed with zlib; None: there is none of this address."""
    validators: Validators
    last_success: datetime | None
    history: History
    differing_since: datetime | None
    answers: Mapping[Question, DomainRecord]
    """The last good answers about domains, by what they depend on."""


class Store:
    """The state file, or memory that forgets. Its methods block, and may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = Lock()

    def load(self, name: str, url: str) -> Saved | None:
        """What is held of the target of this name and address; None when there is nothing.

        Raises :class:`sqlite3.Error`, and :class:`~exporter.certificates.CertificateError` for a trusted certificate
        that cannot be read any more.
        """
        with self._lock:
            row = self._connection.execute(
                "SELECT packed, etag, last_modified, last_success, differing_since"
                " FROM target JOIN document ON target = name WHERE name = ? AND url = ?",
                (name, url),
            ).fetchone()
            entities = self._connection.execute(
                "SELECT entity_id, history FROM entity WHERE target = ?", (name,)
            ).fetchall()
            domains = self._connection.execute(
                "SELECT source, cloud, tenant, domain, trust, last_success FROM domain WHERE target = ?", (name,)
            ).fetchall()
        if row is None and not domains:
            return None
        packed, etag, last_modified, last_success, differing_since = row or (None,) * 5
        looked = moment_of(last_success)
        return Saved(
            packed=packed,
            validators=Validators(etag, last_modified),
            last_success=looked,
            history=History({entity_id: history_of(text) for entity_id, text in entities if row}, looked),
            differing_since=moment_of(differing_since),
            answers={
                Question(TrustSource(source), Cloud(cloud), tenant, domain): DomainRecord(
                    domain, trust=trust_of(text, TrustSource(source)), last_success=moment_of(answered)
                )
                for source, cloud, tenant, domain, text, answered in domains
            },
        )

    def save(self, before: Record, after: Record) -> None:
        """Writes what changed from one record of a target to a later one. Raises :class:`sqlite3.Error`.

        The file must hold ``before``; of a bare record it is taken to hold nothing that counts.
        """
        looked = after.last_success is not None and _stamp(before) != _stamp(after)
        known = before.answers
        domains = [
            (after.target.name, *map(str, question), trust_text(each.trust), moment_text(each.last_success))
            for question, each in after.answers.items()
            if each.trust is not None and (question not in known or each.last_success != known[question].last_success)
        ]
        if looked or domains:
            with self._lock, self._connection:
                if looked:
                    self._save_document(before, after)
                self._connection.executemany(
                    "INSERT OR REPLACE INTO domain VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_sealed, domains)
                )

    def _save_document(self, before: Record, after: Record) -> None:
        name, document = after.target.name, after.document
        # Whatever is left under this name is another address's then.
        anew = before.last_success is None or before.target.url != after.target.url
        known = Record(after.target) if anew else before
        if anew:
            self._connection.execute("DELETE FROM target WHERE name = ?", (name,))
        # Not REPLACE, which is to delete, and what refers to it with it.
        self._connection.execute(
            "INSERT INTO target VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " last_success = excluded.last_success, differing_since = excluded.differing_since, seal = excluded.seal",
            _sealed((name, after.target.url, moment_text(after.last_success), moment_text(after.differing_since))),
        )
        if document is not None and (document is not known.document or after.validators != known.validators):
            self._connection.execute(
                "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?)",
                _sealed((name, document.packed, after.validators.etag, after.validators.last_modified)),
            )
        entities = (
            (name, entity_id, history_text(entity))
            for entity_id, entity in after.history.entities.items()
            if entity is not known.history.entities.get(entity_id)
        )
        self._connection.executemany("INSERT OR REPLACE INTO entity VALUES (?, ?, ?, ?)", map(_sealed, entities))
        forgotten = known.history.entities.keys() - after.history.entities.keys()
        self._connection.executemany(
            "DELETE FROM entity WHERE target = ? AND entity_id = ?", [(name, entity_id) for entity_id in forgotten]
        )

    def prune(self, before: datetime, *, but: Container[str]) -> None:
        """Removes what was last seen or told before a moment, except of some targets. Raises :class:`sqlite3.Error`."""
        with self._lock, self._connection:
            for select, delete in _PRUNES:
                names = self._connection.execute(select, (before.isoformat(),)).fetchall()
                self._connection.executemany(delete, [name for name in names if name[0] not in but])

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
        yield "a row is of no target"
    rows = (row for select in _ROWS for row in connection.execute(select))
    if any(_seal(row[:-1]) != row[-1] for row in rows):
        yield "a row is not as it was written"


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return int(tables) == 0


def _sealed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return *row, _seal(row)


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


def _stamp(record: Record) -> tuple[str, datetime | None, datetime | None]:
    """What is another whenever there is something to save of documents."""
    return record.target.url, record.last_success, record.differing_since
