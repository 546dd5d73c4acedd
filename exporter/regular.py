"""Regular files, which end: to open a pipe would wait for its writer, and a device may have no end."""

import errno
import os
import stat
from pathlib import Path

_NO_FILES = (
    (stat.S_ISDIR, errno.EISDIR, "it is a folder"),
    (stat.S_ISFIFO, errno.EINVAL, "it is a pipe"),
    (stat.S_ISSOCK, errno.EINVAL, "it is a socket"),
    (stat.S_ISCHR, errno.EINVAL, "it is a device"),
    (stat.S_ISBLK, errno.EINVAL, "it is a device"),
)


def content(file: str | os.PathLike[str], most: int = -1) -> bytes:
    """What a file holds, the first ``most`` bytes of it where that is not negative.

    Raises OSError, also for what is no regular file, links followed; and ValueError for what is no path.
    """
    # To open a device may do something by itself.
    check(Path(file).stat())
    with open(file, "rb", opener=_opened) as opened:
        # It may be something else by now.
        check(os.fstat(opened.fileno()))
        return opened.read(most)


def check(status: os.stat_result) -> None:
    """Raises OSError for what is no regular file."""
    for is_one, number, words in _NO_FILES:
        if is_one(status.st_mode):
            raise OSError(number, words)


def _opened(file: str, flags: int) -> int:
    # Without waiting; Windows has no such flag, and no such files.
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0))
