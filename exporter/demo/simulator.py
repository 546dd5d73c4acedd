"""A federation on loopback: serves every scenario's metadata over verified HTTPS, as its farm would."""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from exporter.config.settings import Module, Target, Tls
from exporter.demo.documents import KeyKind, mint
from exporter.demo.scenarios import Answer, Scenario, document
from exporter.policy import ADFS_METADATA_PATH

_LOOPBACK = "127.0.0.1"
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


@dataclass(frozen=True, slots=True)
class Simulation:
    """A running simulator."""

    base_url: str
    targets: tuple[Target, ...]
    """What an exporter watches: one target for each scenario, by its name."""
    ca_file: Path
    """PEM of the authority that issued the server's TLS certificate."""
    _published: MutableMapping[str, _Body] = field(repr=False)

    def publish(self, name: str, content: bytes) -> None:
        """Serve this document under a scenario's address from now on."""
        self._published[name] = _Body(content)

    def take_down(self, name: str) -> None:
        """Answer with status 503 under a scenario's address until something is published there again."""
        self._published.pop(name, None)


@asynccontextmanager
async def serving(
    scenarios: Iterable[Scenario], *, now: datetime, folder: Path, key: KeyKind = "rsa"
) -> AsyncIterator[Simulation]:
    """A simulator on a free port of loopback; documents are made as of ``now`` with keys of this kind.

    The TLS server's key and its authority are written into ``folder``. Their dates are those of the real
    clock, whatever ``now`` is, because TLS clients ask that clock.
    """
    scenarios = tuple(scenarios)
    context, ca_file = await asyncio.to_thread(_tls, folder)
    bodies = await asyncio.gather(*(asyncio.to_thread(_body, scenario, now, key) for scenario in scenarios))
    published = {scenario.name: body for scenario, body in zip(scenarios, bodies, strict=True) if body is not None}
    app = web.Application()
    app.router.add_get(f"/{{name}}{ADFS_METADATA_PATH}", partial(_answer, published))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, _LOOPBACK, 0, ssl_context=context).start()
        with socket.socket() as nobody:
            # Bound and never listening: connections are refused, and no one else can take the port.
            nobody.bind((_LOOPBACK, 0))
            base_url, nowhere = (f"https://localhost:{port}" for _, port in (runner.addresses[0], nobody.getsockname()))
            module = Module(name="demo", tls=Tls(ca_file=str(ca_file)), timeout=5)
            targets = tuple(
                _target(scenario, nowhere if scenario.answer is Answer.NOTHING else base_url, module)
                for scenario in scenarios
            )
            yield Simulation(base_url, targets, ca_file, published)
    finally:
        await runner.cleanup()


def _target(scenario: Scenario, base_url: str, module: Module) -> Target:
    url = f"{base_url}/{scenario.name}{ADFS_METADATA_PATH}"
    return Target(name=scenario.name, url=url, module=module, interval=15)


def _body(scenario: Scenario, now: datetime, key: KeyKind) -> _Body | None:
    if scenario.answer is Answer.NOTHING:
        return None
    if scenario.answer is Answer.PAGE:
        return _Body(_PAGE, content_type="text/html")
    return _Body(document(scenario, now, key=key))


def _tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    now = datetime.now(UTC)
    minted = partial(mint, not_before=now - _TLS_SLACK, not_after=now + _TLS_LIFE)
    authority = minted("CN=fedmeta-exporter demo CA", authority=True)
    server = minted("CN=localhost", issuer=authority, dns_names=("localhost", _LOOPBACK))
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(authority.certificate_pem())
    server_file.touch(mode=0o600)
    server_file.write_bytes(server.pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server_file)
    return context, ca_file


async def _answer(published: Mapping[str, _Body], request: web.Request) -> web.Response:
    body = published.get(request.match_info["name"])
    if body is None:
        raise web.HTTPServiceUnavailable
    known = {etag.value for etag in request.if_none_match or ()}
    if body.etag in known:
        answer = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        answer = web.Response(body=body.content, content_type=body.content_type)
    answer.etag = body.etag
    return answer
