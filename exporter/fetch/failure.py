"""What went wrong with a fetch: the one place where an error of the network becomes a :class:`Reason`."""

import asyncio
import errno
import http
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from itertools import takewhile

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from exporter.fetch.progress import WRAPPING, Host, Progress, current
from exporter.model import Phase, Reason

_EXPIRED = 10
_WRONG_NAME = {62, 64}
_UNTRUSTED = {2, 18, 19, 20, 21, 24, 27, 28, 79}
"""``X509_V_ERR_*`` (OpenSSL, x509_vfy.h): no issuer, self-signed, no certification authority, not trusted."""

_NO_WAY = {
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
    errno.EACCES,  # a local packet filter answers so
    errno.EPERM,
    errno.EINVAL,  # a link-local address without its zone
    errno.ENODEV,  # one with the number of no interface
}


_NOTHING_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""The exporter's own machine lacks what a connection takes: a descriptor, or memory of the system's."""

_TOO_LONG, _TOO_MANY, _TWICE = "Got more than ", "Too many headers received", "Duplicate Content-Length"
"""How the messages of aiohttp's parser begin; it has no types for them."""

LINE_LIMIT = 2**15
"""Bytes of a line of an answer's head, its first line too; browsers take a few times more."""
LINES_LIMIT = 512
"""Headers of an answer."""

_TLS_RECORDS = {0x15, 0x16}
"""How an alert and a handshake begin (RFC 8446 5.1)."""


class FetchError(Exception):
    """No answer that could be used. ``detail`` is a sentence for a person and holds no secret."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.phases: Mapping[Phase, float] = {}
        """Seconds spent in each phase that was reached."""
        self.http_status: int | None = None
        self.tls_not_after: datetime | None = None
        """Of the endpoint's TLS certificate, also when it does not verify."""
        self.clock: datetime | None = None
        """What the endpoint's clock showed, where it answered and said so."""


def status_line(status: int) -> str:
    """``HTTP 503 Service Unavailable``, with the standard's words and not the peer's."""
    try:
        return f"HTTP {status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


@contextmanager
def translated(progress: Progress) -> Iterator[None]:
    """Turns what aiohttp and the system raise into :class:`FetchError`; what is no failure of the network passes."""
    above = sys.exception()
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        failure = _failure(error, progress)
        if failure is None:
            raise
        _let_go(error, above)
        try:
            raise failure from None
        finally:
            # It holds this frame.
            del failure


@asynccontextmanager
async def until(deadline: float | None, reason: Reason, sentence: str) -> AsyncIterator[None]:
    """Ends what takes longer than to a moment of the running loop's clock, with this reason and sentence; None: never.

    Raises :class:`FetchError`.
    """
    above = sys.exception()
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError as error:
        _let_go(error, above)
        progress = current.get(None)
        if progress is not None and (page := _page(progress)):
            raise FetchError(Reason.PROXY, page) from None
        stuck = "" if progress is None or progress.phase is None else progress.phase.stuck
        raise FetchError(reason, sentence + stuck) from None


def _failure(error: Exception, progress: Progress) -> FetchError | None:
    root, host = _root(error), progress.host
    found: FetchError | None
    if progress.to_proxy:
        return FetchError(Reason.PROXY, _proxy_sentence(error, root, progress))
    if other := _other_than_an_answer(progress):
        return other
    match error, root:
        case aiohttp.InvalidURL(), _:
            found = FetchError(Reason.DNS, f"{host.name} is no host that can be looked up")
        case OSError(), _ if progress.phase is Phase.RESOLVE:
            found = FetchError(Reason.DNS, f"{host.who} does not resolve: {_words(root)}")
        case _, ssl.SSLError():
            found = _tls_failure(root, host)
        case _, OSError():
            found = _system_failure(root, progress)
        case aiohttp.ServerDisconnectedError(), _:
            found = FetchError(Reason.RESET, f"{host.who} closed the connection without an answer")
        case aiohttp.ClientPayloadError(), _:
            found = FetchError(Reason.TRUNCATED, f"{host.who} closed the connection before the end of the body")
        case aiohttp.ClientResponseError(), _:
            found = FetchError(Reason.PROTOCOL, f"the answer of {host.who} {_unread(root)}")
        case _:
            found = None
    return found


def _tls_failure(root: ssl.SSLError, host: Host) -> FetchError:
    if not isinstance(root, ssl.SSLCertVerificationError):
        # Only errors of OpenSSL itself have a reason.
        words: str = getattr(root, "reason", None) or _words(root)
        return FetchError(Reason.TLS, f"no TLS with {host.who}: {words.replace('_', ' ').lower()}")
    code = root.verify_code
    if code == _EXPIRED:
        return FetchError(Reason.TLS_EXPIRED, f"the TLS certificate of {host.who} is expired")
    if code in _WRONG_NAME:
        sentence = f"the TLS certificate of {host.who} is for another name than {host.server_name}"
        return FetchError(Reason.TLS_NAME, sentence)
    reason = Reason.TLS_UNTRUSTED if code in _UNTRUSTED else Reason.TLS
    return FetchError(reason, f"the TLS certificate of {host.who} does not verify: {root.verify_message}")


def _system_failure(root: OSError, progress: Progress) -> FetchError | None:
    host = progress.host
    if host.barred and progress.phase is Phase.CONNECT:
        return FetchError(Reason.REDIRECT, host.barred)
    # With several addresses aiohappyeyeballs may sum up their errors in one text without a number.
    summary = str(root) if root.errno is None else ""
    if isinstance(root, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in summary:
        return FetchError(Reason.REFUSED, f"{host.name} refuses connections at {host.place}")
    if isinstance(root, ConnectionError):
        return FetchError(Reason.RESET, f"{host.who} closed or reset the connection")
    if isinstance(root, TimeoutError):
        stuck = progress.phase.stuck if progress.phase else ""
        return FetchError(Reason.TIMEOUT, f"the system gave up waiting for {host.place}{stuck}")
    if root.errno in _NO_WAY | _NOTHING_LEFT or (summary and progress.phase is Phase.CONNECT):
        where = ", on the exporter's own machine" if root.errno in _NOTHING_LEFT else ""
        return FetchError(Reason.UNREACHABLE, f"no way to {host.name} at {host.place}: {_words(root)}{where}")
    return None


def _unread(root: BaseException) -> str:
    """Why an answer cannot be read: a limit that it exceeds, or that it is no HTTP."""
    message = root.message if isinstance(root, HttpProcessingError) else ""
    if message.startswith(_TOO_LONG):
        return f"has a header line longer than {LINE_LIMIT} bytes"
    if message.startswith(_TOO_MANY):
        return f"has more than {LINES_LIMIT} header lines"
    if message.startswith(_TWICE):
        return "has a Content-Length twice"
    return "is not HTTP"


def _other_than_an_answer(progress: Progress) -> FetchError | None:
    if page := _page(progress):
        return FetchError(Reason.PROXY, page)
    if progress.host.wrapped:
        sentence = f"the answer of {progress.host.who} has more than {WRAPPING} bytes around its body"
        return FetchError(Reason.PROTOCOL, sentence)
    return None


def _page(progress: Progress) -> str:
    """A sentence where a proxy agreed to a tunnel and sent a page through it; empty where it did not."""
    if not progress.proxied or progress.phase is not Phase.TLS:
        return ""
    head, _, content = bytes(progress.host.heard).partition(b"\r\n\r\n")
    if content and content[0] in _TLS_RECORDS:
        return ""
    if b"\ncontent-type:" not in head.lower() and not content.lstrip().startswith(b"<"):
        return ""
    return f"the proxy {progress.proxy} answers {status_line(http.HTTPStatus.OK)} with a page in place of a tunnel"


def _proxy_sentence(error: Exception, root: BaseException, progress: Progress) -> str:
    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy {progress.proxy} refused: {status_line(error.status)}"
        case aiohttp.ClientResponseError():
            return f"the answer of the proxy {progress.proxy} {_unread(root)}"
        case aiohttp.ServerDisconnectedError():
            return f"the proxy {progress.proxy} closed the connection without an answer"
    return f"the proxy {progress.proxy} cannot be used: {_words(root)}"


def _words(error: BaseException) -> str:
    if isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.strerror):
        return str(error.strerror)
    return str(error) or type(error).__name__


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, then those behind it."""
    told: list[BaseException] = []
    # An error may be its own cause.
    while error is not None and error not in told:
        told.append(error)
        yield error
        error = error.__cause__ or error.__context__


def _let_go(error: BaseException, above: BaseException | None) -> None:
    """Takes their frames from an error and from those behind it, up to the one that was being handled before.

    aiohttp's frames hold its own errors, and those of contextlib the cancellation behind a timeout (since Python 3.13);
    so they hold all that has come, which only the collector would free.
    """
    for each in takewhile(lambda each: each is not above, chain(error)):
        each.__traceback__ = None


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
