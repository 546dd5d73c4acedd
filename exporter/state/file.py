"""The state file on disk: whose it is, how it is opened, mended and written.

Whatever happens to the process, a file that was whole is whole: what is written is one transaction, and a new file gets
its name when it is complete. A file that is damaged is set aside by name and never deleted; one that is not ours is not
touched.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from exporter.state import disk, older, salvage
from exporter.state.connection import connect, is_damage, is_locked, speaks_of_the_file, transaction
from exporter.state.rows import (
    HIGHEST,
    PAGE_SIZE,
    SCHEMA,
    VERSION,
    Changes,
    Row,
    missing,
    newest,
    renumbered,
    stored,
    understood,
    unvalidated,
)

APPLICATION_ID = 0x46454D45
"""``FEME``: marks the file as ours (SQLite, "PRAGMA application_id")."""

PATIENCE = 5.0
"""Seconds in which SQLite waits for another process that has locked the file."""

_MAGIC = b"SQLite format 3\0"

_LABELS = 256
"""No version is as high: such a label in the file's header is damage."""

_SMALL = 2**18
"""Bytes up to which a file that does not look like ours is searched for rows of ours all the same."""

_COLUMNS = "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c ORDER BY m.name, c.cid"


class UnusableError(Exception):
    """The state file cannot be written now; the text says why and what to do."""

    def __init__(
        self, sentence: str, rows: Sequence[Row] = (), *, readable: bool = False, lasting: bool = False
    ) -> None:
        super().__init__(sentence)
        self.rows = rows
        """What the file is known to hold all the same."""
        self.readable = readable
        """Whether a :func:`glance` may be worth it."""
        self.lasting = lasting
        """Whether nothing but a person's doing changes it, so that to look again costs more than it is worth."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file held when it was opened."""

    rows: Sequence[Row]
    fault: str = ""
    """What was damaged; empty: nothing."""
    aside: Path | None = None
    """The name of the damaged file now."""
    lost: int = 0
    """Rows that the damaged file must have held too, at least."""
    strange: int = 0
    """Rows that are as they were written, and that nobody of ours wrote."""


class File:
    """The state file, open for writing, and nobody else's as long as it is. For one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: ExitStack, serial: int) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._serial = serial
        self._identity = disk.identity(path)
        self._log = disk.identity(disk.beside(path, "-wal"))

    @property
    def is_elsewhere(self) -> bool:
        """Whether the name is no longer this file's: somebody deleted or replaced it."""
        return disk.identity(self._path) != self._identity

    def write(self, batch: Sequence[tuple[str, Changes]]) -> Mapping[str, Exception]:
        """Writes all in one transaction; what kept single targets from being written, by their names.

        Raises :class:`sqlite3.Error` where nothing could be written.
        """
        refused: dict[str, Exception] = {}
        self._serial += 1
        with transaction(self._connection):
            for name, each in batch:
                self._connection.execute("SAVEPOINT target")
                try:
                    self._apply(each)
                except Exception as error:
                    if speaks_of_the_file(error):
                        raise
                    # What SQLite does not take is a mistake of ours. It must cost no more than this target.
                    self._connection.execute("ROLLBACK TO target")
                    refused[name] = error
                self._connection.execute("RELEASE target")
        self._log = disk.identity(disk.beside(self._path, "-wal"))
        return refused

    def _apply(self, each: Changes) -> None:
        for table, key in each.drops:
            named = " AND ".join(f"{column} = ?" for column in older.TODAY.tables[table][: len(key)])
            self._connection.execute(f"DELETE FROM {table} WHERE {named}", key)  # noqa: S608 -- our own words
        for table, values in each.puts:
            _put(self._connection, Row(table, values, self._serial))

    def close(self) -> None:
        """Closes the file and lets go of it."""
        with self._lock:
            # SQLite would read the log of a file that is gone into the one that has its name now.
            stale = self.is_elsewhere and disk.identity(disk.beside(self._path, "-wal")) == self._log
            self._connection.close()
            if stale:
                for suffix in ("-wal", "-shm"):
                    disk.beside(self._path, suffix).unlink(missing_ok=True)


def open_file(path: Path, now: datetime, *, patience: float = PATIENCE) -> tuple[File, Found]:
    """The state file, made anew where there is none, and what it held; ``now`` names a file that had to be set aside.

    Raises :class:`UnusableError` where it cannot be written, whyever.
    """
    # What a link names is the file, whoever else names it otherwise.
    path = Path(os.path.realpath(path))
    found = Found(())
    with ExitStack() as on_error:
        try:
            _check_place(path)
            disk.make_folder(path.parent)
            lock = on_error.enter_context(ExitStack())
            lock.callback(os.close, _alone(path))
            found = _mended(path, now, patience)
            connection = on_error.enter_context(closing(_writable(path, patience)))
            opened = File(path, connection, lock, max(_serials(found.rows)))
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error, found.rows) from error
        on_error.pop_all()
    return opened, found


def glance(path: Path) -> Sequence[Row]:
    """What stands in a file that can only be read; nothing of it is changed, nor written beside it. Raises nothing."""
    try:
        image, log = path.read_bytes(), disk.log_of(path)
        rows = newest(salvage.rows(image, log))
        if rows or log:
            return rows
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as connection:
            return _read(connection)[1].rows
    except (OSError, sqlite3.Error):
        return ()


def _check_place(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UnusableError(_sentence(path, "it is no file"))


def _alone(path: Path) -> int:
    """The lock of a file that no other exporter uses."""
    descriptor = disk.lock(path)
    if descriptor is None:
        raise UnusableError(
            f"another exporter keeps its state in {path}, so this one keeps none; end one of them, or give this one"
            " a file of its own with --storage.path"
        )
    return descriptor


def _mended(path: Path, now: datetime, patience: float) -> Found:
    """What the file holds; afterwards it is there, ours, whole and of today's format."""
    fresh = disk.beside(path, ".unfinished")
    if not disk.size(path) and _is_complete(fresh):
        # The process was killed before this one had its name.
        _give_name(path, fresh, now)
    disk.delete(fresh)
    known, examined = _examined(path, patience)
    if examined.fault or known is None:
        rows = renumbered(examined.rows)
        _write_new(fresh, rows)
        aside = _give_name(path, fresh, now)
        return Found(rows, examined.fault, aside, missing(rows) if examined.fault else 0)
    disk.tighten(path)
    if known is not older.TODAY:
        try:
            _migrate(path, examined.rows, patience)
        except sqlite3.Error as error:
            raise _unusable(path, error, examined.rows) from error
    return examined


def _give_name(path: Path, fresh: Path, now: datetime) -> Path | None:
    """Sets aside what has the name until now, if anything, and gives it to a file that is complete."""
    aside = disk.set_aside(path, now)
    fresh.rename(path)
    return aside


def _is_complete(fresh: Path) -> bool:
    """Whether a file was written to its end: SQLite deletes the journal last."""
    return bool(disk.size(fresh)) and not disk.size(disk.beside(fresh, "-journal"))


def _examined(path: Path, patience: float) -> tuple[older.Format | None, Found]:
    """What a file holds, in whatever state it is. Raises :class:`UnusableError` for one that is not ours to touch."""
    log = disk.log_of(path)
    if not disk.size(path):
        rows = newest(salvage.rows(b"", log))
        return None, Found(rows, "it is gone, and its log is not" if rows else "")
    head = disk.head(path, 100)
    marked = head[68:72] == APPLICATION_ID.to_bytes(4, "big")
    if marked and VERSION < int.from_bytes(head[60:64], "big") < _LABELS:
        raise UnusableError(
            f"{path} was written by a newer version, so it is left as it is and nothing is kept; install that version"
            " again, or name another file with --storage.path",
            lasting=True,
        )
    if marked and _is_sane(head):
        # Before SQLite leaves out what it thinks is damaged in the log, and deletes that.
        logged = newest(salvage.rows(path.read_bytes(), log)) if log else ()
        with closing(connect(path, patience)) as connection:
            known, found = _read(connection)
        # Of what only the log has, a transaction may be left in part: a newer target, and an older document.
        whole = max(_serials(found.rows))
        if not found.fault and max(_serials(logged)) <= whole:
            return known, found
        logged = tuple(unvalidated(row) if row.serial > whole else row for row in logged)
        image = path.read_bytes() if not log else b""
        rows = newest((*found.rows, *logged, *salvage.rows(image)))
        return known, Found(rows, found.fault or "its log is damaged")
    likely = marked or disk.size(path) <= _SMALL or SCHEMA[0].encode() in disk.head(path, PAGE_SIZE)
    rows = newest(salvage.rows(path.read_bytes(), log)) if likely else ()
    if not rows and not marked:
        raise UnusableError(
            f"{path} is not ours, so it is left as it is and nothing is kept; name another file with --storage.path,"
            " or move that one away",
            lasting=True,
        )
    return None, Found(rows, "its header is damaged")


def _read(connection: sqlite3.Connection) -> tuple[older.Format | None, Found]:
    """The format of a file, as many of its rows as SQLite finds, and what is damaged."""
    # Text that is damaged must not keep us from saying so.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    shape: dict[str, list[str]] = {}
    faults, tables = list[str](), dict[str, list[tuple[Any, ...]]]()
    with _noted(faults):
        for table, column in connection.execute(_COLUMNS):
            shape.setdefault(table, []).append(column)
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            faults.append(str(verdict))
    known = older.format_of({table: tuple(columns) for table, columns in shape.items()})
    if known is None:
        return None, Found((), next(iter(faults), "its tables are of no version"))
    for table, columns in known.tables.items():
        tables[table] = []
        with _noted(faults):
            # Keeps what came before SQLite gave up.
            tables[table].extend(connection.execute(f"SELECT {', '.join(columns)} FROM {table} NOT INDEXED"))  # noqa: S608 -- our own words
    found, bad = older.rows(known, tables)
    if bad:
        faults.append("a row is not as it was written")
    rows = newest(found)
    if max(_serials(rows)) > HIGHEST:
        faults.append("a serial is too high")
    return known, Found(rows, next(iter(faults), ""), strange=sum(not understood(row) for row in found))


@contextmanager
def _noted(faults: list[str]) -> Iterator[None]:
    """Notes that a file's content is damaged where SQLite gives up on it."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        faults.append(str(error))
    except UnicodeDecodeError:
        faults.append("its schema is so damaged that SQLite's words for it are")


def _write_new(path: Path, rows: Sequence[Row]) -> None:
    """Makes a file that holds these rows."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(connect(path, 0)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        with transaction(connection):
            _make_tables(connection, rows)


def _migrate(path: Path, rows: Sequence[Row], patience: float) -> None:
    """Writes the rows of an older file in today's format, in one transaction."""
    with closing(connect(path, patience)) as connection, transaction(connection):
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table in older.TODAY.tables:
                connection.execute(f"DROP TABLE {table}")
        _make_tables(connection, rows)


def _make_tables(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    for statement in SCHEMA:
        connection.execute(statement)
    for row in rows:
        _put(connection, row)


def _put(connection: sqlite3.Connection, row: Row) -> None:
    values = stored(*row)
    connection.execute(f"INSERT OR REPLACE INTO {row.table} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608 -- our own words


def _writable(path: Path, patience: float) -> sqlite3.Connection:
    """A connection through which can be written."""
    with ExitStack() as on_error:
        connection = on_error.enter_context(closing(connect(path, patience)))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            # Fails here and now where the file may be read and not written. That it is locked now does not matter.
            with transaction(connection):
                if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                    connection.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.OperationalError as error:
            if not is_locked(error):
                raise
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
        on_error.pop_all()
    return connection


def _unusable(path: Path, error: Exception, rows: Sequence[Row] = ()) -> UnusableError:
    if is_locked(error):
        return UnusableError(f"another process has locked {path}: what is to be kept waits", rows)
    return UnusableError(_sentence(path, str(error)), rows, readable=True)


def _sentence(path: Path, cause: str) -> str:
    return (
        f"cannot keep state in {path}: {cause}; name another file with --storage.path, or --storage.path= to keep none"
    )


def _serials(rows: Sequence[Row]) -> Iterator[int]:
    yield 0
    yield from (row.serial for row in rows)


def _is_sane(head: bytes) -> bool:
    """Whether a header is one that SQLite opens for writing (https://www.sqlite.org/fileformat2.html, 1.3)."""
    return head[:16] == _MAGIC and set(head[18:20]) <= {1, 2} and head[20:24] == bytes((0, 64, 32, 32))
