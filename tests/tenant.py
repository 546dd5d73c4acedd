"""A tenant of Entra ID on loopback, and the configuration that asks it."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from exporter.config.settings import Entra, Secret
from exporter.demo.graph import Directory

SECRET = "correct.horse.battery"  # noqa: S105 -- no real one


class Graph(Directory):
    """A tenant whose trusts can be written, and whose federated domains be listed, by whoever has a token.

    As Microsoft documents "Update internalDomainFederation" (what is not given stays, an unknown id is not found) and
    "List domains".
    """

    def add_to(self, app: web.Application, prefix: str = "") -> None:
        super().add_to(app, prefix)
        app.router.add_get(prefix + "/v1.0/domains", self._list)
        app.router.add_patch(prefix + "/v1.0/domains/{domain}/federationConfiguration/{id}", self._update)

    async def _list(self, _: web.Request) -> web.Response:
        domains = [{"id": each, "authenticationType": "Federated", "isRoot": True} for each in self._domains]
        return web.json_response({"value": domains})

    async def _update(self, request: web.Request) -> web.StreamResponse:
        answer = await self._configuration(request)
        domain = request.match_info["domain"]
        if answer.status != web.HTTPOk.status_code or request.match_info["id"] not in (answer.text or ""):
            return web.Response(status=404)
        written = {
            field: base64.b64decode(text, validate=True)
            for name, field in (("signingCertificate", "signing"), ("nextSigningCertificate", "next_signing"))
            if (text := (await request.json()).get(name)) is not None
        }
        self._domains[domain] = replace(self._domains[domain], **written)  # type: ignore[arg-type]  # it was found
        return web.Response(status=204)


@dataclass
class Tenant:
    """What it says of domains, and which of them it was asked about so far."""

    directory: Graph
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
    directory = Graph(tenant="contoso.onmicrosoft.com", client_id="exporter", client_secret=SECRET)

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
