"""A federation on loopback, over verified HTTPS: every scenario's farm, its nodes, and what Entra ID says of it."""

import asyncio
import hashlib
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias

from aiohttp import web

from exporter.config.settings import SERVICE, Entra, Look, Module, Secret, Target, Tls
from exporter.demo.documents import KeyKind, mint
from exporter.demo.graph import Directory
from exporter.demo.scenarios import Answer, Farm, Scenario, farm
from exporter.policy import ADFS_METADATA_PATH
from exporter.record import Record, bare

_LOOPBACK = "127.0.0.1"
_TENANT = "demo.example"
_CLIENT_ID = "fedmeta-exporter-demo"
_TLS_LIFE = timedelta(days=365)
_TLS_SLACK = timedelta(hours=1)
_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class _Body:
    """What one address serves."""

    content: bytes = field(repr=False)
    content_type: str = "application/samlmetadata+xml"

    @property
    def etag(self) -> str:
        """Changes with the content."""
        return hashlib.sha256(self.content).hexdigest()


_Published: TypeAlias = MutableMapping[tuple[str, str], _Body]
"""By scenario and node."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A running simulator."""

    base_url: str
    targets: tuple[Target, ...]
    """What an exporter watches: one target for each scenario, by its name."""
    ca_file: Path
    """PEM of the authority that issued the server's TLS certificate."""
    directory: Directory = field(repr=False)
    """What Entra ID says of the domains."""
    _published: _Published = field(repr=False)

    def publish(self, name: str, content: bytes, *, node: str = SERVICE) -> None:
        """Serve this document under a scenario's address from now on, or at one of its nodes."""
        self._published[name, node] = _Body(content)

    def take_down(self, name: str, *, node: str = SERVICE) -> None:
        """Answer with status 503 there until something is published there again."""
        self._published.pop((name, node), None)


def remembered(targets: Iterable[Target], scenarios: Iterable[Scenario], now: datetime) -> Iterator[Record]:
    """What an exporter knows of a farm that it watches for longer than the demo runs: since when its nodes differ."""
    for target, scenario in zip(targets, scenarios, strict=True):
        if scenario.differing:
            record, since = bare(target), now - scenario.differing
            first = replace(record.first, last_success=since)
            yield replace(record, looks=(first, *record.looks[1:]), differing_since=since)


@asynccontextmanager
async def serving(
    scenarios: Iterable[Scenario], *, now: datetime, folder: Path, key: KeyKind = "rsa"
) -> AsyncIterator[Simulation]:
    """A simulator on free ports of loopback; documents are made as of ``now`` with keys of this kind.

    The TLS server's key and its authority, and the secret that Entra ID asks for, are written into ``folder``. The
    dates of the former are those of the real clock, whatever ``now`` is, because TLS clients ask that clock.
    """
    scenarios = tuple(scenarios)
    context, ca_file = await asyncio.to_thread(_tls, folder)
    farms = await asyncio.gather(*(asyncio.to_thread(farm, scenario, now, key=key) for scenario in scenarios))
    published: _Published = {}
    secret = secrets.token_urlsafe()
    directory = Directory(tenant=_TENANT, client_id=_CLIENT_ID, client_secret=secret)
    for scenario, made in zip(scenarios, farms, strict=True):
        published.update(_bodies(scenario, made))
        _federate(directory, scenario, made, now)
    apps = {
        node: _app(published, node) for node in (SERVICE, *(look.node for each in scenarios for look in each.others))
    }
    directory.add_to(apps[SERVICE])
    async with AsyncExitStack() as opened:
        ports = {node: await opened.enter_async_context(_listening(app, context)) for node, app in apps.items()}
        # Bound and never listening: connections are refused, and no one else can take the port.
        nobody = opened.enter_context(socket.socket())
        nobody.bind((_LOOPBACK, 0))
        base_url, nowhere = f"https://localhost:{ports[SERVICE]}", nobody.getsockname()[1]
        module = Module(name="demo", tls=Tls(ca_file=str(ca_file)), timeout=5)
        wall = await opened.enter_async_context(await asyncio.start_server(_hang_up, _LOOPBACK, 0))
        proxy = Secret(f"http://{_LOOPBACK}:{wall.sockets[0].getsockname()[1]}")
        outside = replace(module, name="outside", proxy_url=proxy)
        entra = Entra(
            domains=(),
            tenant=_TENANT,
            client_id=_CLIENT_ID,
            client_secret=Secret(file=str(_kept(folder / "client-secret", secret.encode()))),
            interval=20,
            module=module,
            login_url=base_url,
            graph_url=base_url,
        )
        targets = tuple(_target(each, ports, nowhere, outside, entra) for each in scenarios)
        yield Simulation(base_url, targets, ca_file, directory, published)


def _target(scenario: Scenario, ports: Mapping[str, int], nowhere: int, outside: Module, entra: Entra) -> Target:
    port = nowhere if scenario.answer is Answer.NOTHING else ports[SERVICE]
    own = Look(
        url=f"https://localhost:{port}/{scenario.name}{ADFS_METADATA_PATH}",
        module=entra.module,
        interval=15,
        vantage=scenario.vantage,
    )
    others = (
        replace(
            own,
            node=look.node,
            vantage=look.vantage,
            module=outside if look.reason else entra.module,
            address=None if look.node == SERVICE else f"{_LOOPBACK}:{ports[look.node]}",
        )
        for look in scenario.others
    )
    domains = tuple(domain.name for domain in scenario.domains)
    return Target(scenario.name, (own, *others), entra=replace(entra, domains=domains) if domains else None)


def _bodies(scenario: Scenario, made: Farm) -> Iterator[tuple[tuple[str, str], _Body]]:
    if scenario.answer is Answer.PAGE:
        yield (scenario.name, SERVICE), _Body(_PAGE, content_type="text/html")
    for node, document in made.documents.items():
        yield (scenario.name, node), _Body(document)


def _federate(directory: Directory, scenario: Scenario, made: Farm, now: datetime) -> None:
    for domain in scenario.domains:
        signing, next_signing = made.trusted[domain.name]
        directory.federate(
            domain.name,
            signing=signing,
            next_signing=next_signing,
            service=scenario.host,
            result=domain.update,
            updated=now + timedelta(days=domain.updated),
        )


def _app(published: _Published, node: str) -> web.Application:
    app = web.Application()
    app.router.add_get(f"/{{name}}{ADFS_METADATA_PATH}", partial(_answer, published, node))
    return app


@asynccontextmanager
async def _listening(app: web.Application, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of loopback on which the app answers."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, _LOOPBACK, 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What stands between the internet and a farm: a proxy that agrees to a tunnel, and closes it (RFC 9110 9.3.6)."""
    while (await reader.readline()).strip():
        pass
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    writer.close()


def _kept(file: Path, content: bytes) -> Path:
    """The file with this content, which only its owner may read."""
    file.touch(mode=0o600)
    file.write_bytes(content)
    return file


def _tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    now = datetime.now(UTC)
    minted = partial(mint, not_before=now - _TLS_SLACK, not_after=now + _TLS_LIFE)
    authority = minted("CN=fedmeta-exporter demo CA", authority=True)
    server = minted("CN=localhost", issuer=authority, dns_names=("localhost", _LOOPBACK))
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(authority.certificate_pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(_kept(folder / "server.pem", server.pem()))
    return context, ca_file


async def _answer(published: _Published, node: str, request: web.Request) -> web.Response:
    body = published.get((request.match_info["name"], node))
    if body is None:
        raise web.HTTPServiceUnavailable
    known = {etag.value for etag in request.if_none_match or ()}
    if body.etag in known:
        answer = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        answer = web.Response(body=body.content, content_type=body.content_type)
    answer.etag = body.etag
    return answer
