"""A federation on loopback: real names over real HTTPS, verified, answered by functions that a test writes."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

Answers = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Speaks = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class Names(AbstractResolver):
    """Sends every name it knows to a port on loopback: ``example.org`` to the federation, others where a test says.

    An address leads to itself, as with any resolver.
    """

    def __init__(self) -> None:
        self.ports: dict[tuple[str, int] | str, int] = {}
        self.families: dict[str, tuple[socket.AddressFamily, ...]] = {}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        self.asked.append(host)
        if literal(host):
            return [self._found(host, host, port, socket.AF_INET6 if ":" in host else socket.AF_INET)]
        to = self.ports.get((host, port)) or self.ports.get(host)
        if to is None and host.endswith(".example.org"):
            to = self.ports.get(("*", port))
        if to is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            self._found(host, "127.0.0.1" if each is socket.AF_INET else "::1", to, each)
            for each in self.families.get(host, (socket.AF_INET,))
        ]

    def _found(self, name: str, address: str, port: int, family: socket.AddressFamily) -> ResolveResult:
        return ResolveResult(
            hostname=name, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
        )

    async def close(self) -> None:
        pass


@dataclass
class Federation:
    """``https://*.example.org`` and ``http://*.example.org``, and the file with the authority that vouches for them."""

    authority: trustme.CA
    ca_file: str
    names: Names = field(default_factory=Names)
    answers: dict[str, Answers] = field(default_factory=dict)
    """By ``https://host/path`` without the query."""
    requests: list[web.BaseRequest] = field(default_factory=list)
    _opened: list[asyncio.Server] = field(default_factory=list)
    _runners: list[web.AppRunner] = field(default_factory=list)
    _talks: list[asyncio.Future[None]] = field(default_factory=list)

    def at(self, url: str, answers: Answers) -> str:
        """Lets a function answer for a URL; gives the URL back."""
        self.answers[url] = answers
        return url

    def serve(self, url: str, body: bytes, **headers: str) -> str:
        """Lets a body be the answer for a URL; gives the URL back."""

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(body=body, headers=headers)

        return self.at(url, answer)

    async def speak(self, host: str, speaks: Speaks, context: ssl.SSLContext | None = None) -> None:
        """Gives a host a server of its own that speaks whatever a function writes."""

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._talks.append(asyncio.ensure_future(speaks(reader, writer)))
            try:
                await self._talks[-1]
            finally:
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        self._opened.append(server)
        self.names.ports[host] = server.sockets[0].getsockname()[1]

    async def host(self, app: web.Application, *names: str) -> None:
        """Lets an application answer at ``https://name/``, for each of some names."""
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        self._runners.append(runner)
        context = self.context(self.authority.issue_cert(*names))
        await web.SockSite(runner, listening(), ssl_context=context).start()
        self.names.ports.update(dict.fromkeys(names, runner.addresses[-1][1]))

    def context(self, certificate: trustme.LeafCert) -> ssl.SSLContext:
        """A server's TLS context with a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers as the test wants it, 404 otherwise."""
        self.requests.append(request)
        url = str(request.url.with_query(None).with_scheme("https" if request.secure else "http"))
        answers = self.answers.get(url)
        return web.Response(status=404) if answers is None else await answers(request)

    async def close(self) -> None:
        """Ends the servers that were opened for single hosts."""
        for runner in self._runners:
            await runner.cleanup()
        for server in self._opened:
            server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        # The streams beneath close with the next turn of the loop.
        await asyncio.sleep(0)


@asynccontextmanager
async def federation(authority: trustme.CA, folder: Path) -> AsyncIterator[Federation]:
    """A federation that lasts as long as the block."""
    ca_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    opened = Federation(authority, str(ca_file))
    runner = web.ServerRunner(web.Server(opened.handle, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    for port, context in (
        (443, opened.context(authority.issue_cert("*.example.org"))),
        (80, None),
    ):
        site = web.SockSite(runner, listening(), ssl_context=context)
        await site.start()
        opened.names.ports["*", port] = runner.addresses[-1][1]
    yield opened
    await opened.close()
    await runner.cleanup()


def literal(host: str) -> bool:
    """Whether a host is named by its address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Joins a connection with a port of loopback until one side ends: a tunnel."""
    behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(2**16):
                sink.write(data)
                await sink.drain()

    ways = [asyncio.ensure_future(copy(reader, behind_writer)), asyncio.ensure_future(copy(behind_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        behind_writer.close()


def listening() -> socket.socket:
    """A socket that listens on a free port of loopback."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


@cache
def free_port() -> int:
    """A port of loopback where nobody listens, nor can come to: it stays bound for as long as Python runs."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port: int = silent.getsockname()[1]
        silent.detach()
    return port
