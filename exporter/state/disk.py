"""Files and folders of the state: who may read them, what stands beside them, and whose they are now."""

import importlib.util
import os
import stat
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

_PARTS = ("", "-wal", "-shm", "-journal")
"""A file, and what SQLite keeps beside it."""


_fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None
"""None on Windows, which has ``msvcrt`` in its place."""

_TAKEN = BlockingIOError if _fcntl is not None else PermissionError
"""What a lock is refused with that another process has (flock(2), ``_locking`` of Microsoft's C library)."""


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, for their owner alone (XDG Base Directory Specification). Raises OSError."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def lock(path: Path) -> int | None:
    """A descriptor that holds a lock as long as it is open; None: another process has it. Raises OSError.

    The kernel lets go of it when the process ends. It is on a file of its own: to close a second descriptor of the
    state file would drop SQLite's locks on that (POSIX, ``fcntl``).
    """
    descriptor = os.open(beside(path, ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, _TAKEN):
            return None
        raise
    return descriptor


def _take(descriptor: int) -> None:
    """Locks an open file, or raises OSError: one of :data:`_TAKEN` where another process has."""
    if _fcntl is not None:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    else:
        msvcrt: Any = importlib.import_module("msvcrt")
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)


def beside(path: Path, suffix: str) -> Path:
    """The file that has the same name and a suffix."""
    return path.with_name(path.name + suffix)


def size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def head(path: Path, length: int) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as opened:
        return opened.read(length)


def log_of(path: Path) -> bytes:
    """The write-ahead log of a file; nothing where there is none, or where a pipe has its name: to open that waits."""
    log = beside(path, "-wal")
    return log.read_bytes() if log.is_file() else b""


def identity(path: Path) -> tuple[int, int] | None:
    """What is another when the name is another file's; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def tighten(path: Path) -> None:
    """Lets nobody but the owner read a file and what stands beside it."""
    for suffix in _PARTS:
        part = beside(path, suffix)
        # Another's file cannot be tightened, and may be ours to write all the same.
        with suppress(FileNotFoundError, PermissionError):
            if stat.S_IMODE(part.stat().st_mode) & 0o077:
                part.chmod(0o600)


def delete(path: Path) -> None:
    """Deletes a file and what stands beside it, whatever there is of it."""
    for suffix in _PARTS:
        beside(path, suffix).unlink(missing_ok=True)


def set_aside(path: Path, now: datetime) -> Path | None:
    """The name that a file has from now on, with what stands beside it; None where there was nothing."""
    stem = f"{path.name}.{now:%Y%m%dT%H%M%SZ}"
    names = (path.with_name(f"{stem}{f'-{nth}' if nth else ''}.aside") for nth in count())
    aside = next(name for name in names if not name.exists())
    parts = [suffix for suffix in _PARTS if beside(path, suffix).exists()]
    # The file itself first: as long as it has its name, it needs what stands beside it.
    for suffix in parts:
        beside(path, suffix).rename(beside(aside, suffix))
    return aside if parts else None
