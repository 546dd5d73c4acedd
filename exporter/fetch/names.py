"""What looks names up: c-ares, or the system's ``getaddrinfo`` in threads of its own.

Neither ever uses the event loop's own threads, which scrapes, saves and files need. Both start with the first name.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import aiohttp
import pycares
from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 32
"""Names that the system looks up at once."""

_FIRST_WAIT = 0.5
"""Seconds for which c-ares waits for a server that it knows nothing of; each further try waits twice as long."""

_TRIES = 5
"""With fewer, a name for which a server needs more than a second would never resolve: from one that answers quickly
otherwise, c-ares awaits the first answer for a quarter of a second only, and no answer to a try that it gave up."""

KEPT = 8
"""Names after which c-ares forgets all answers: one takes up to 6 MB, and the other side chooses for how long."""

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

_Sought = tuple[str, int, socket.AddressFamily]
"""Host, port and family."""


class CAres(AbstractResolver):
    """The addresses of a name by c-ares, for any number of names at once without a thread for each.

    c-ares reads ``hosts``, ``resolv.conf`` and the order of the two in ``nsswitch.conf`` itself, and nothing else that
    the system may know names from. ``servers``, each a ``host:port``, are asked in place of those in ``resolv.conf``.
    """

    def __init__(self, servers: Sequence[str] | None = None) -> None:
        self._servers = servers
        self._opened: aiohttp.AsyncResolver | None = None
        self._closed = False
        self._kept = 0
        self._asking: dict[_Sought, asyncio.Task[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError."""
        sought = host, port, family
        asking = self._asking.get(sought)
        if asking is None:
            asking = self._asking[sought] = asyncio.create_task(self._ask(*sought))
            asking.add_done_callback(partial(self._asked, sought))
        # c-ares cannot give up one name of many. Who comes while it still asks waits with it, so that there are never
        # more questions than names: it has 65,536 numbers for them.
        return await asyncio.shield(asking)

    async def close(self) -> None:
        """Gives up every look-up that is under way."""
        self._closed = True
        if self._opened is not None:
            await self._opened.close()
            self._opened = None
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _ask(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        try:
            return await self._channel().resolve(host, port, family)
        except OSError as error:
            # Its cause has a number beside the words.
            raise OSError(None, error.strerror) from None
        finally:
            self._forget()

    def _forget(self) -> None:
        """Has c-ares let go of all answers after so many."""
        self._kept += 1
        if self._kept < KEPT or self._opened is None:
            return
        self._kept = 0
        with suppress(pycares.AresError, RuntimeError):  # it ends, or cannot read its files; there is a next time
            # Nothing lets us say how many answers c-ares may keep. Reading its files anew empties it (ares_reinit(3)).
            self._opened._resolver._channel.reinit()  # noqa: SLF001 -- nothing public empties it

    def _channel(self) -> aiohttp.AsyncResolver:
        if self._closed:
            raise OSError(None, "the exporter ends")
        if self._opened is None:
            try:
                self._opened = aiohttp.AsyncResolver(timeout=_FIRST_WAIT, tries=_TRIES, nameservers=self._servers)
            except (pycares.AresError, RuntimeError) as error:
                raise OSError(None, f"c-ares does not start ({error})") from None
        return self._opened

    def _asked(self, sought: _Sought, asking: asyncio.Task[list[ResolveResult]]) -> None:
        del self._asking[sought]
        # Nobody may be waiting any more; then nobody takes the error, and asyncio would log it.
        _ = asking.cancelled() or asking.exception()


@dataclass(slots=True, eq=False)
class _Asking:
    """One call of ``getaddrinfo``, waiting for a thread or under way."""

    answer: Future[list[ResolveResult]]
    waiting: int = 0
    """Who still wants it."""


class System(AbstractResolver):
    """The addresses of a name as the system knows it: by everything that ``nsswitch.conf`` names.

    At most 32 names at once, and each name in one thread at a time: no call of ``getaddrinfo`` can be ended.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="names")
        self._asking: dict[_Sought, _Asking] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError."""
        sought = host, port, family
        asking = self._asking.get(sought)
        if asking is None:
            try:
                asking = self._asking[sought] = _Asking(self._threads.submit(_look_up, *sought))
            except RuntimeError as error:
                raise OSError(None, f"there is no thread to ask the system in ({error})") from None
            asking.answer.add_done_callback(partial(self._ended, sought))
        asking.waiting += 1
        try:
            answer = asyncio.wrap_future(asking.answer)
            # Nobody may be waiting any more; then nobody takes the error, and asyncio would log it.
            answer.add_done_callback(lambda each: each.cancelled() or each.exception())
            return await asyncio.shield(answer)
        finally:
            asking.waiting -= 1
            if not asking.waiting:
                # What has no thread yet must not take one when nobody wants it any more.
                asking.answer.cancel()

    async def close(self) -> None:
        """Leaves the look-ups that are under way to themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ended(self, sought: _Sought, _: Future[list[ResolveResult]]) -> None:
        # In the look-up's own thread: to take a key out of a dict is one step.
        self._asking.pop(sought, None)


RESOLVERS: Mapping[str, Callable[[], AbstractResolver]] = {"c-ares": CAres, "system": System}
"""By the name that a user gives; the first is the default."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            # With the interface of a link-local address, which the socket address has as a number.
            host=socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0],
            port=port,
            family=kind,
            proto=protocol,
            flags=_NUMERIC,
        )
        for kind, _, protocol, _, address in found
    ]
