"""How many may be connected, for how long, and what a request gets that is none.

A request ends with its connection, so there are no more requests under way than connections.
"""

import asyncio
import importlib.util
import socket
import sys
from contextlib import suppress
from typing import Any

from aiohttp import web

from exporter.mistakes import log_mistake

_resource: Any = importlib.import_module("resource") if importlib.util.find_spec("resource") else None
"""Python's module of limits; None on Windows, which has none of descriptors."""

CONNECTIONS = 256
"""Connections at once. A few scrapers and a few people need a tenth of it."""

SHARE = 4
"""At most one descriptor in so many is for connections, because looks, names and the state file need some too."""

WAITING = 5.0
"""Seconds in which a request must be there, whole, from when we began to wait for one."""

SENDING = 30.0
"""Seconds in which an answer must be taken: more than scrapers wait for one, and little beside for ever."""

UNREAD = 2**14
"""Bytes of requests that the kernel is asked to keep for us: even in the smallest chunks they are soon parsed."""

TURN = 0.0005
"""Seconds in which the event loop gets its turn while threads read documents; Python's own 5 ms are for no server.

It gives way at each connection that it accepts and at all that it receives or sends, ten times for a request.
"""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    # Else aiohttp names its version, and Python's.
    "Server": "fedmeta-exporter",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer says, unless it says otherwise itself."""


def connections() -> int:
    """How many may be connected to this process at once, after it has taken all descriptors that it may have.

    Go's programs, Prometheus's exporters among them, raise their soft limit to the hard one when they start, too.
    """
    if _resource is None:
        # The loop can wait for 512 sockets there (asyncio, "Platform Support"), and looks need some.
        return CONNECTIONS // 2
    _, hard = _resource.getrlimit(_resource.RLIMIT_NOFILE)
    # Some systems have no limit by name, and one in truth.
    with suppress(OSError, ValueError):
        _resource.setrlimit(_resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = _resource.getrlimit(_resource.RLIMIT_NOFILE)
    return CONNECTIONS if soft == _resource.RLIM_INFINITY else max(1, min(CONNECTIONS, soft // SHARE))


class Runner(web.AppRunner):
    """Runs an application that has at most ``limit`` connections, over all addresses that are served."""

    def __init__(self, app: web.Application, *, limit: int, shutdown_timeout: float) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout)
        self._limit = limit

    async def _make_server(self) -> web.Server:
        sys.setswitchinterval(TURN)
        return Connections(await super()._make_server(), limit=self._limit)


class Connections(web.Server):
    """An application's server that has at most ``limit`` connections.

    Where there are more, the one that has asked for nothing for the longest time is closed: who asks at once gets an
    answer, however many do not.
    """

    def __init__(self, server: web.Server, *, limit: int) -> None:
        # Else whoever hangs up leaves his request behind, and connections bound no requests.
        super().__init__(self._handle, request_factory=server.request_factory, handler_cancellation=True)
        self._handler = server.request_handler
        self._limit = limit
        self._open: dict[web.RequestHandler, asyncio.Transport] = {}
        self._waiting: dict[web.RequestHandler, None] = {}
        """Those that have asked for nothing, since longest first."""

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return _Connection(self)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Takes a connection, and closes one where there are too many."""
        super().connection_made(handler, transport)
        # What was answered is then with the kernel, and whoever does not take it is waited for in one place.
        transport.set_write_buffer_limits(0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD)
        self._open[handler] = transport
        self._waiting[handler] = None
        if len(self._open) > self._limit:
            longest = next(iter(self._waiting))
            self._open[longest].abort()
            self._forget(longest)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forgets a connection."""
        super().connection_lost(handler, exc)
        self._forget(handler)

    def answered(self, handler: web.RequestHandler) -> None:
        """Notes that the next request is waited for."""
        if handler in self._open:
            self._waiting[handler] = None

    def give_up(self, handler: web.RequestHandler) -> None:
        """Closes a connection at once, whatever is on its way."""
        self._open[handler].abort()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._waiting.pop(request.protocol, None)
        return await self._handler(request)

    def _forget(self, handler: web.RequestHandler) -> None:
        self._open.pop(handler, None)
        self._waiting.pop(handler, None)


class _Connection(web.RequestHandler):
    """One connection, as aiohttp serves it, with times of ours and errors in words of ours."""

    __slots__ = ("_connections", "_lost")

    def __init__(self, connections: Connections) -> None:
        super().__init__(
            connections,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=WAITING,
            # aiohttp would do it for those that are gone, too.
            lingering_time=0,
            # Unpacking a body would hold up the event loop, and nothing reads one.
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]  # None is none, as its runners give it
        )
        self._connections = connections
        self._lost = asyncio.Event()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends what waits for the other side."""
        super().connection_lost(exc)
        self._lost.set()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends an answer until the kernel has all of it, for as long as :data:`SENDING`."""
        if request.body_exists:
            # Nothing reads a body: what comes of it from now on is not even parsed, and then the connection ends.
            resp.force_close()
            self.close()
            # What has come is let go, so that the connection is read again, and its end is seen.
            with suppress(web.RequestPayloadError):
                request.content.read_nowait()
        try:
            async with asyncio.timeout(SENDING):
                sent = await super().finish_response(request, resp, start_time)
                # Who asks again and again and takes nothing has one answer in memory, not all of them.
                await request.writer.drain()
        except TimeoutError:
            self._connections.give_up(self)
            return resp, True
        finally:
            self._connections.answered(self)
        if not request.content.is_eof():
            # Who still sends when a connection is closed loses the answer (RFC 9112 9.6).
            with suppress(TimeoutError):
                async with asyncio.timeout(WAITING):
                    await self._lost.wait()
        return sent

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 -- it quotes the request
    ) -> web.StreamResponse:
        """The answer to what is no request, and to a mistake of ours. Neither is repeated in it."""
        mistake = status >= 500  # noqa: PLR2004 -- the first status that is about us (RFC 9110 15.6)
        if mistake and exc is not None:
            log_mistake("answer", exc)
        if request.writer.output_size > 0:
            raise ConnectionResetError("part of an answer was sent already")
        text = "A mistake of ours: the log has the traceback.\n" if mistake else "That is no HTTP request.\n"
        response = web.Response(status=status, text=text, headers=HEADERS)
        response.force_close()
        return response
