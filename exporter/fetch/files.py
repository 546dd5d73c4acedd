"""Documents in files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from exporter import regular
from exporter.fetch.failure import FetchError
from exporter.model import Reason
from exporter.reading import reading


async def read(url: str, limit: int, room: Callable[[int], None]) -> bytes:
    """The file that a ``file:`` URL names (RFC 8089), read in a thread.

    ``room`` makes room for so many bytes, or raises. Raises :class:`FetchError` for FILE and TOO_LARGE, and what it
    raises.
    """
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise FetchError(Reason.FILE, f"a file URL names no host, this one names {parts.hostname}")
    path = _path(parts.path)
    room(min(limit, await reading(("size", path), partial(_size, path))))
    body = await reading(("document", path, limit), partial(_read, path, limit))
    # It may be another file by now.
    room(len(body))
    return body


def _path(path: str) -> Path:
    """The path that a URL's part means on this system: ``/C:/metadata.xml`` has a drive on Windows."""
    try:
        return Path(url2pathname(path))
    except OSError as error:
        raise FetchError(Reason.FILE, f"{path} names no file here") from error


def _size(path: Path) -> int:
    """Bytes of a file; 0 where nobody can say, which whoever reads it is told."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _read(path: Path, limit: int) -> bytes:
    try:
        body = regular.content(path, limit + 1)
    except (OSError, ValueError) as error:
        # Python's own words for a null character changed with 3.13.
        words = error.strerror if isinstance(error, OSError) else "not a path"
        raise FetchError(Reason.FILE, f"cannot read {str(path)!r}: {words}") from error
    if len(body) > limit:
        raise FetchError(Reason.TOO_LARGE, f"{path} is larger than {limit} bytes (body_size_limit)")
    return body
