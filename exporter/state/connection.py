"""SQLite, as far as it is the same for every file: connections, transactions, and what its errors speak of."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """A connection that waits so many seconds for others, and begins no transaction by itself. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    # What is deleted must not be found again by whoever looks for what is left of a damaged file.
    connection.execute("PRAGMA secure_delete = ON")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Writes all of a block, or nothing. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            # SQLite has rolled back by itself where it had to.
            connection.execute("ROLLBACK")
        raise


def is_damage(error: BaseException | None) -> bool:
    """Whether an error speaks of a file's content; others speak of the file: it is locked, or may not be read."""
    return _code(error) & 0xFF in _DAMAGE


def is_locked(error: BaseException | None) -> bool:
    """Whether an error says that another process has locked the file."""
    return _code(error) & 0xFF in _LOCKED


def is_full(error: BaseException | None) -> bool:
    """Whether an error says that there is no room, and nothing else."""
    return _code(error) == sqlite3.SQLITE_FULL


def speaks_of_the_file(error: Exception) -> bool:
    """Whether an error says that nothing can be written now, rather than that one thing can never be."""
    return isinstance(error, sqlite3.OperationalError | OSError | MemoryError) or type(error) is sqlite3.DatabaseError


def _code(error: BaseException | None) -> int:
    """SQLite's extended result code (https://www.sqlite.org/rescode.html); 0 where an error has none."""
    return int(getattr(error, "sqlite_errorcode", 0))
