"""The body of an answer, decompressed, and never more of it than is allowed."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import aiohttp

from exporter.fetch.failure import FetchError
from exporter.fetch.hidden import hidden
from exporter.fetch.progress import current
from exporter.model import Reason

ACCEPTED = "gzip, deflate"
_PIECE = 2**20
"""Bytes decompressed before others get their turn: three milliseconds."""
_MEMBERS = 1000
"""Parts, each compressed by itself, that a body may have: each costs as much as a large one, and most have only one."""
_FED = 2**14
"""Bytes that are decompressed together: what is left of them is copied after each member."""
_SNIFFED = 2
_GZIP = b"\x1f\x8b"
"""How gzip begins (RFC 1952 2.3.1), and neither XML nor JSON."""


async def read(
    response: aiohttp.ClientResponse,
    limit: int,
    *,
    room: Callable[[int], None],
    named: str = "",
    secrets: Iterable[str] = (),
) -> bytes:
    """The whole body. Neither what comes over the wire nor what is in it may exceed ``limit`` bytes.

    ``room`` makes room for so many bytes of it as there are by then, or raises. ``named`` is the setting that sets the
    limit, if any; ``secrets`` were sent and are not shown. Raises :class:`FetchError` for TOO_LARGE, ENCODING and
    TRUNCATED, and what ``room`` raises.
    """
    if response.content_length is not None and response.content_length > limit:
        raise _too_large(limit, named)
    inflater = _inflater(response.headers.get("Content-Encoding", ""), secrets)
    room(response.content_length or 0)
    whole = bytearray()
    received = 0
    async for chunk in _with_a_beginning(response.content):
        if inflater is None and not received and chunk.startswith(_GZIP):
            # A file that was packed beforehand, and is served as it stands.
            inflater = _Inflater(gzip=True)
        received += len(chunk)
        current.get().host.content = received
        for piece in (chunk,) if inflater is None else inflater.feed(chunk):
            size = max(received, len(whole) + len(piece))
            if size > limit:
                raise _too_large(limit, named)
            room(size)
            whole += piece
            if inflater is not None:
                await asyncio.sleep(0)
    if inflater is not None:
        inflater.finish()
    return bytes(whole)


def _too_large(limit: int, named: str) -> FetchError:
    return FetchError(Reason.TOO_LARGE, f"the body is larger than {limit} bytes" + (named and f" ({named})"))


async def _with_a_beginning(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """What comes, in pieces of two bytes at least but for the last: so the first says what all of it is."""
    piece = b""
    async for chunk in content.iter_any():
        piece += chunk
        if len(piece) >= _SNIFFED:
            yield piece
            piece = b""
    if piece:
        yield piece


class _Inflater:
    """A gzip or deflate stream, a piece at a time; gzip may have several members (RFC 1952 2.2)."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._member: zlib._Decompress | None = None
        self._members = 0
        self._head = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk holds, in pieces of at most a megabyte."""
        for start in range(0, len(chunk), _FED):
            yield from self._feed(chunk[start : start + _FED])

    def _feed(self, chunk: bytes) -> Iterator[bytes]:
        data = self._head + chunk
        self._head = b""
        more = False
        while data or more:
            if self._member is None:
                if len(data) < _SNIFFED:
                    self._head = data
                    return
                self._members += 1
                if self._members > _MEMBERS:
                    raise FetchError(Reason.ENCODING, f"the compressed body has more than {_MEMBERS} members")
                self._member = zlib.decompressobj(self._wbits(data))
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error as error:
                raise FetchError(Reason.ENCODING, f"the compressed body is broken: {error}") from error
            yield piece
            # A full piece may have used up its input and still hold more.
            data, more = self._member.unconsumed_tail, len(piece) == _PIECE
            if self._member.eof:
                data, more = self._member.unused_data, False
                self._member = None

    def finish(self) -> None:
        """Says whether the stream came to its end."""
        if self._member is not None or self._head:
            raise FetchError(Reason.TRUNCATED, "the compressed body ends before its end")

    def _wbits(self, data: bytes) -> int:
        if self._gzip:
            return 16 + zlib.MAX_WBITS
        # "deflate" means zlib's format (RFC 9110 8.4.1.2), and some servers send it without zlib's header.
        is_zlib = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:_SNIFFED], "big") % 31 == 0
        return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _inflater(content_encoding: str, secrets: Iterable[str]) -> _Inflater | None:
    encoding = content_encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip"}:
        return _Inflater(gzip=True)
    if encoding == "deflate":
        return _Inflater(gzip=False)
    told = hidden(encoding, secrets)[:40]
    raise FetchError(Reason.ENCODING, f"the content encoding {told!r} is not one of {ACCEPTED}")
