"""Documents in files."""

import stat
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from exporter.fetch.failure import FetchError
from exporter.model import Reason
from exporter.reading import reading


async def read(url: str, limit: int) -> bytes:
    """The file that a ``file:`` URL names (RFC 8089), read in a thread.

    Raises :class:`FetchError` for FILE and TOO_LARGE.
    """
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise FetchError(Reason.FILE, f"a file URL names no host, this one names {parts.hostname}")
    path = Path(unquote(parts.path))
    return await reading(("document", path, limit), partial(_read, path, limit))


def _read(path: Path, limit: int) -> bytes:
    try:
        # To open a pipe would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise FetchError(Reason.FILE, f"{path} is not a file")
        with path.open("rb") as file:
            body = file.read(limit + 1)
    except (OSError, ValueError) as error:
        # Python's own words for a null character changed with 3.13.
        words = error.strerror if isinstance(error, OSError) else "not a path"
        raise FetchError(Reason.FILE, f"cannot read {str(path)!r}: {words}") from error
    if len(body) > limit:
        raise FetchError(Reason.TOO_LARGE, f"{path} is larger than {limit} bytes (body_size_limit)")
    return body
