"""A tenant of Entra ID on loopback, and the configuration that asks it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from exporter.config.settings import Entra, Secret
from exporter.demo.graph import Directory

SECRET = "correct.horse.battery"  # noqa: S105 -- no real one


@dataclass
class Tenant:
    """What it says of domains, and which of them it was asked about so far."""

    directory: Directory
    entra: Entra
    """Asks about no domain, and all the time."""
    asked: list[str] = field(default_factory=list)
    instead: dict[str, Handler] = field(default_factory=dict)
    """What answers in place of Graph, by domain."""

    def asking(self, *domains: str, interval: float = 0.005) -> Entra:
        return replace(self.entra, domains=domains, interval=interval)


@asynccontextmanager
async def tenant() -> AsyncIterator[Tenant]:
    """A tenant that lasts as long as the block."""
    directory = Directory(tenant="contoso.onmicrosoft.com", client_id="exporter", client_secret=SECRET)

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        domain = request.match_info.get("domain")
        if domain is None:
            return await handler(request)
        opened.asked.append(domain)
        return await opened.instead.get(domain, handler)(request)

    app = web.Application(middlewares=[note])
    directory.add_to(app)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        opened = Tenant(
            directory,
            Entra(
                domains=(),
                tenant="contoso.onmicrosoft.com",
                client_id="exporter",
                client_secret=Secret(text=SECRET),
                login_url=url,
                graph_url=url,
            ),
        )
        yield opened
