"""One fetch under way, as the resolver, the socket and the TLS layer beneath aiohttp see it.

aiohttp tells when a connection is complete, not when its TCP part was. What tells is public all the same: sockets come
from a factory, and asyncio calls ``SSLContext.wrap_bio`` when TCP is up. Both run inside the fetch's own context.
"""

import errno
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from aiohttp.abc import AbstractResolver, ResolveResult

from exporter import certificates
from exporter.config.settings import IpProtocol, Module
from exporter.config.urls import is_ip_address
from exporter.fetch.addresses import barred
from exporter.fetch.hosts import spelled
from exporter.model import Phase, Reason

TRIED = 8
"""Addresses of a name that are tried, of each kind."""

_HEARD = 4096
"""Bytes of what a proxy says that are kept: the head of an answer, and how its body begins."""

WRAPPING = 2**20
"""Bytes that may come beside the content of a body and a quarter of it: heads, TLS, and what stands around chunks.

Among them is what has come and is not taken yet, up to half a megabyte."""

_AT_ONCE = 2**14
"""Bytes taken from a connection in one turn of the event loop, which parses them however small their parts are."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a fetch will connect to, looked up ahead of it; or why that is not known."""

    seconds: float = 0.0
    """What it took."""
    place: tuple[str, int] | None = None
    """The host and port that were looked up; None: nothing was."""
    addresses: Sequence[ResolveResult] = ()
    left_out: int = 0
    """Further addresses of that host, which are not tried."""
    failure: tuple[Reason, str] | None = None
    """Why there is none of them, and the sentence for it: it is the fetch's own."""


@dataclass(slots=True)
class Host:
    """What a fetch has come to at one host; a redirect begins with another."""

    name: str = ""
    at: str = ""
    """The detour that was taken, for a sentence."""
    left_out: int = 0
    """Addresses of its name that are not tried."""
    address: tuple[Any, ...] = ()
    """The socket address tried last."""
    tried: list[tuple[socket.socket, str]] = field(default_factory=list)
    """The sockets, and the addresses that they were made for."""
    peer: str = ""
    """The address that is connected to; empty while none is, and through a proxy."""
    barred: str = ""
    """Why an address of it may not be connected to, as a sentence; empty: none was met."""
    server_name: str = ""
    """The name that was asked for in the TLS handshake."""
    tls: ssl.SSLObject | None = None
    heard: bytearray = field(default_factory=bytearray)
    """How that begins which came from the proxy."""
    received: int = 0
    """Bytes that came."""
    content: int = 0
    """Bytes of the body that came with them."""
    wrapped: bool = False
    """Whether too much came that is not of the body."""
    http_status: int | None = None
    shown: datetime | None = None
    """What its clock showed."""

    def receive(self, size: int) -> None:
        """Counts bytes that came. Raises OSError where too many of them are not of the body."""
        self.received += size
        self.wrapped = self.received - self.content > WRAPPING + self.content // 4
        if self.wrapped:
            raise OSError(f"more than {WRAPPING} bytes came around the body")

    @property
    def who(self) -> str:
        """Its name, and where it was sought if elsewhere than under its name, for a sentence."""
        return self.name + self.at

    @property
    def place(self) -> str:
        """The socket address tried last, for a sentence."""
        host, *port = self.address[:2] or ("",)
        more = f" (further addresses of its name, not tried: {self.left_out})" if self.left_out else ""
        return " port ".join((_bare(host), *map(str, port))) + more


@dataclass(slots=True)
class Progress:
    """What a fetch has come to."""

    clock: Callable[[], float]
    host: Host = field(default_factory=Host)
    """Where it is now."""
    prefer: IpProtocol = IpProtocol.ANY
    fallback: bool = True
    proxied: bool = False
    proxy: str = ""
    """Where the proxy is, for a sentence; empty until its URL has been read."""
    detours: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Hosts and ports to connect to in place of others."""
    found: Found = Found()
    phases: dict[Phase, float] = field(default_factory=dict)
    phase: Phase | None = None
    tls_not_after: datetime | None = None
    """The earliest of the endpoints on the way."""
    home: str | None = None
    """The address at which the target itself answered, once it has redirected; None: it has not. Empty: not known."""
    _since: float = 0.0

    @classmethod
    def by(cls, module: Module, clock: Callable[[], float]) -> Self:
        """The progress of a fetch that begins, as a module wants it."""
        return cls(
            clock=clock,
            prefer=module.preferred_ip_protocol,
            fallback=module.ip_protocol_fallback,
            proxied=module.proxy_url is not None,
        )

    def take(self, found: Found) -> None:
        """Takes over what was looked up ahead."""
        self.found = found
        if found.place is not None:
            self.phases[Phase.RESOLVE] = found.seconds

    def enter(self, phase: Phase) -> None:
        """Ends the phase that was running and begins the next; a phase may come again with every redirect."""
        self.leave()
        self.phase = phase
        self._since = self.clock()

    def leave(self) -> None:
        """Ends the phase that is running."""
        if self.phase is not None:
            self.phases[self.phase] = self.phases.get(self.phase, 0.0) + self.clock() - self._since
        self.phase = None

    def go(self, name: str) -> None:
        """Turns to the next host, of which nothing has come yet."""
        self.leave()
        self.host = Host(name)

    def connected(self) -> None:
        """Turns from connecting to waiting for the answer."""
        # Whatever else was tried is closed by now.
        tried = reversed(self.host.tried)
        self.host.peer = next((address for opened, address in tried if opened.fileno() >= 0), "")
        self.enter(Phase.PROCESSING)

    def note_certificate(self, not_after: datetime | None) -> None:
        """Keeps the earliest end of a TLS certificate."""
        if not_after is not None and (self.tls_not_after is None or not_after < self.tls_not_after):
            self.tls_not_after = not_after

    @property
    def to_proxy(self) -> bool:
        """Whether what goes wrong now goes wrong on the way to the proxy."""
        return self.proxied and self.phase in {None, Phase.RESOLVE, Phase.CONNECT}


current: ContextVar[Progress] = ContextVar("progress")
"""That of the fetch that the running code belongs to."""


@contextmanager
def under_way(progress: Progress) -> Iterator[None]:
    """Makes a progress the current one."""
    held = current.set(progress)
    try:
        yield
    finally:
        current.reset(held)


class Resolver(AbstractResolver):
    """Another resolver's addresses, by the fetch's detours and in the order that its module prefers."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host, which need no other resolver where it is an address itself, or was looked up ahead.

        Of many they are the first of each kind: the name server chooses how many there are, and each takes a socket.
        Raises OSError when there is none of the kind that is wanted.
        """
        progress = current.get()
        progress.enter(Phase.RESOLVE)
        place = host, port
        if place in progress.detours:
            host, port = progress.detours[place]
            progress.host.at = f" at {spelled(host)} port {port}"
        if progress.found.place == place:
            progress.host.left_out = progress.found.left_out
            return list(progress.found.addresses)
        found = [_itself(host, port)] if is_ip_address(host) else await self._ask(host, port, family)
        if progress.prefer is not IpProtocol.ANY:
            wanted = socket.AF_INET if progress.prefer is IpProtocol.IP4 else socket.AF_INET6
            preferred = [each for each in found if each["family"] == wanted]
            others = [each for each in found if each["family"] != wanted] if progress.fallback else []
            found = preferred + others
            if not found:
                raise OSError(f"no address of the kind {progress.prefer}")
        few = [*_few(found)]
        progress.host.left_out = len(found) - len(few)
        return few

    async def close(self) -> None:
        """Closes the other resolver."""
        await self._inner.close()

    async def _ask(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        # C would take what stands before a NUL for the whole name, and look up another than was allowed.
        if "\0" in host:
            raise OSError("no name that DNS can hold (a NUL in it)")
        try:
            return await self._inner.resolve(host, port, family)
        except UnicodeError as error:
            raise OSError(f"no name that DNS can hold ({error})") from error


def _few(found: Iterable[ResolveResult]) -> Iterator[ResolveResult]:
    """The first addresses of each kind: many of one kind keep out none of the other."""
    counts: Counter[int] = Counter()
    for each in found:
        counts[each["family"]] += 1
        if counts[each["family"]] <= TRIED:
            yield each


def _itself(host: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return ResolveResult(hostname=host, host=host, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


def open_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket for an address as ``getaddrinfo`` gives it.

    Raises OSError where its zone is none, and where no redirect may lead there: what is asked here is the very address
    that is connected to next, whatever the name has led to before.
    """
    family, kind, protocol, _, place = address
    progress = current.get()
    host = progress.host
    progress.enter(Phase.CONNECT)
    special = None if progress.proxied or progress.home is None else barred(place[0], progress.home)
    if special is not None:
        host.barred = f"a redirect leads to {host.who} at {_bare(place[0])}, and that is {special}"
        raise OSError(host.barred)
    host.address = place
    _check_zone(family, place)
    opened = _Socket(progress, family, kind, protocol)
    if not progress.proxied:
        host.tried.append((opened, place[0]))
    return opened


def _bare(address: str) -> str:
    """An address without its zone, which where a redirect leads is the endpoint's own text."""
    return address.partition("%")[0]


def _check_zone(family: int, place: tuple[Any, ...]) -> None:
    """Raises OSError where an address has a zone (RFC 4007) that means nothing here.

    asyncio would ask the system for it in a thread, as for a name, and at times raise what is no OSError.
    """
    host, port = place[:2]
    if "%" not in host:
        return
    try:
        socket.getaddrinfo(host, port, family, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
    except (OSError, ValueError):
        raise OSError(errno.EADDRNOTAVAIL, "the zone of the address is none of this machine's") from None


class _Socket(socket.socket):
    """A socket that tells the fetch how much comes, and how that begins which comes from the proxy.

    aiohttp keeps from its caller what stands around a body, and what a proxy sends after it has agreed to a tunnel.
    """

    def __init__(self, progress: Progress, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._host = progress.host
        self._heard = self._host.heard if progress.proxied else None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As any socket's: what asyncio asks for while HTTP is spoken."""
        data = super().recv(min(size, _AT_ONCE), flags)
        self._receive(data)
        return data

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0, /) -> int:  # noqa: ANN401 -- whatever has bytes
        """As any socket's: what asyncio asks for from the TLS handshake on."""
        received = super().recv_into(buffer, min(size or len(buffer), _AT_ONCE), flags)
        self._receive(memoryview(buffer)[:received])
        return received

    def _receive(self, data: bytes | memoryview) -> None:
        if self._heard is not None:
            self._heard += data[: _HEARD - len(self._heard)]
        self._host.receive(len(data))


class Context(ssl.SSLContext):
    """A TLS context that tells the fetch when a handshake begins, and with whom."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 -- the signature of the standard library
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """The TLS side of a connection; asyncio asks for it when TCP is up."""
        progress = current.get()
        progress.enter(Phase.TLS)
        progress.host.server_name = str(server_hostname)
        progress.host.tls = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        return progress.host.tls


def peer_not_after(connection: ssl.SSLObject | None) -> datetime | None:
    """When the peer's certificate ends; None before a handshake is complete."""
    if connection is None:
        return None
    try:
        der = connection.getpeercert(binary_form=True)
        return None if der is None else certificates.read(der)[0].not_after
    except (ValueError, certificates.CertificateError):
        return None
