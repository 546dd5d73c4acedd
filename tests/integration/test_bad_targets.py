"""One bad target costs nothing but itself: farms that fail in every way stand beside one that does not."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import builders
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from builders import looking, watched
from federation import Answers, Federation, Speaks, free_port
from live import Scrape

from exporter.config.settings import Config, Module, Target, Tls
from exporter.model import Reason, Use
from exporter.policy import PolicySettings
from exporter.server import Options, application
from exporter.state import open_state

Client = TestClient[web.Request, web.Application]

LIMIT = 2**20
GOOD = builders.saml_metadata(
    keys=[(Use.SIGNING, builders.pair(not_after=datetime(2090, 1, 1, tzinfo=UTC)))],
)
PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"

BODIES = {
    "oversized": (b" " * (LIMIT + 1), Reason.TOO_LARGE),
    "xml-bomb": (builders.bomb(), Reason.DOCTYPE),
    "page": (PAGE, Reason.HTML),
    "not-xml": (b"all is well", Reason.NOT_XML),
    "cut-off": (GOOD[:-20], Reason.NOT_XML),
    "not-metadata": (b"<feed xmlns='http://www.w3.org/2005/Atom'/>", Reason.NOT_METADATA),
    "nobody": (builders.aggregate([]), Reason.NO_ENTITY),
}
"""What an endpoint answers with status 200, and what to make of it."""


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drips(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"<")
        await writer.drain()
        await asyncio.sleep(0.02)


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def stops_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<EntityDescriptor")


async def greets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.org ESMTP\r\n")


SPEAKERS: dict[str, tuple[Speaks, Reason]] = {
    "silent": (says_nothing, Reason.TIMEOUT),
    "drip": (drips, Reason.TIMEOUT),
    "reset": (hangs_up, Reason.RESET),
    "truncated": (stops_early, Reason.TRUNCATED),
    "mail": (greets, Reason.PROTOCOL),
}
"""What listens at a port instead of a web server, and what to make of it."""


@pytest.fixture
async def bad(federation: Federation) -> dict[str, tuple[str, Reason]]:
    """URLs that fail, by the way in which they do."""
    found = {}
    for name, (body, reason) in BODIES.items():
        found[name] = federation.serve(f"https://{name}.example.org/", body), reason
    for name, (speaks, reason) in SPEAKERS.items():
        await federation.speak(f"{name}.example.org", speaks)
        found[name] = f"http://{name}.example.org/", reason
    for name, leaf in (
        ("tls-name", federation.authority.issue_cert("other.example.org")),
        ("tls-expired", federation.authority.issue_cert("tls-expired.example.org", not_after=yesterday())),
    ):
        await federation.speak(f"{name}.example.org", says_nothing, federation.context(leaf))
    federation.names.ports["refused.example.org"] = free_port()
    bomb = {"Content-Encoding": "gzip"}
    return {
        **found,
        "bomb": (
            federation.serve("https://bomb.example.org/", gzip.compress(b"\0" * 20 * LIMIT, 1), **bomb),
            Reason.TOO_LARGE,
        ),
        "not-gzip": (federation.serve("https://not-gzip.example.org/", GOOD, **bomb), Reason.ENCODING),
        "status": ("https://status.example.org/", Reason.HTTP_STATUS),
        "dead": ("https://dead.example/", Reason.DNS),
        "refused": ("https://refused.example.org/", Reason.REFUSED),
        "tls-name": ("https://tls-name.example.org/", Reason.TLS_NAME),
        "tls-expired": ("https://tls-expired.example.org/", Reason.TLS_EXPIRED),
        "round": (federation.at("https://round.example.org/", to("https://round.example.org/")), Reason.REDIRECT),
        "downgrade": (federation.at("https://down.example.org/", to("http://down.example.org/")), Reason.REDIRECT),
        "file": ("file:///nowhere/metadata.xml", Reason.FILE),
    }


def yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


def to(location: str) -> Answers:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location})

    return answer


@asynccontextmanager
async def watching(federation: Federation, *targets: Target) -> AsyncIterator[Client]:
    module = Module(tls=Tls(ca_file=federation.ca_file), body_size_limit=LIMIT)
    config = Config(
        tuple(looking(target, module=replace(module, timeout=target.look.module.timeout)) for target in targets),
        {"default": module},
        {"default": PolicySettings()},
    )
    now = partial(datetime.now, UTC)
    app = application(Options(config), state=open_state(None, now), clock=now, resolver=federation.names)
    async with TestClient(TestServer(app)) as client:
        yield client


async def eventually(client: Client, holds: Callable[[Scrape], bool]) -> Scrape:
    """The first scrape of which something holds; every one of them is answered with 200."""
    async with asyncio.timeout(20):
        while True:
            answer = await client.get("/metrics")
            assert answer.status == 200
            scrape = Scrape(await answer.text())
            if holds(scrape):
                return scrape
            await asyncio.sleep(0.05)


def reachable(scrape: Scrape) -> dict[str, float]:
    return {labels["target"]: value for labels, value in scrape.samples("fedmeta_metadata_reachable")}


async def test_every_bad_target_has_its_reason_and_the_good_one_is_watched_all_the_while(
    federation: Federation, bad: dict[str, tuple[str, Reason]]
) -> None:
    good = watched("good", federation.serve("https://good.example.org/", GOOD), interval=0.1)
    targets = [
        watched(name, url, interval=0.1, module=Module(timeout=0.5 if reason is Reason.TIMEOUT else 20))
        for name, (url, reason) in bad.items()
    ]
    async with watching(federation, *targets, good) as client:
        await eventually(client, lambda scrape: len(reachable(scrape)) == len(targets) + 1)
        # Each kind has failed at least once by now; some rounds later the good one goes on as if nothing were.
        looks = 5 + (await eventually(client, lambda _: True)).value("fedmeta_probes_total", target="good")
        scrape = await eventually(client, lambda scrape: scrape.value("fedmeta_probes_total", target="good") > looks)
        page = await (await client.get("/")).text()
    assert scrape.state("good") == "steady"
    assert scrape.value("fedmeta_probe_failures_total", target="good") == 0
    assert reachable(scrape) == {"good": 1, **dict.fromkeys(bad, 0)}
    reasons = {labels["target"]: labels["reason"] for labels, _ in scrape.samples("fedmeta_probe_last_failure_info")}
    assert reasons == {name: reason for name, (_, reason) in bad.items()}
    for reason in {reason for _, reason in bad.values()}:
        assert scrape.value("fedmeta_exporter_probe_failures_total", reason=reason) > 0
    assert scrape.value("fedmeta_exporter_probe_failures_total", reason="internal") == 0
    assert page.count('data-finding="metadata_never_read"') == len(bad)
    assert all(f": {reason}, " in page for _, reason in bad.values()), "the reason stands in the sentence"


async def test_a_target_that_hangs_holds_up_neither_the_others_nor_a_scrape(federation: Federation) -> None:
    await federation.speak("silent.example.org", says_nothing)
    hanging = [
        watched(f"silent-{number}", "http://silent.example.org/", module=Module(timeout=3600)) for number in range(20)
    ]
    good = watched("good", federation.serve("https://good.example.org/", GOOD))
    async with watching(federation, *hanging, good) as client:
        scrape = await eventually(client, lambda scrape: scrape.state("good") == "steady")
        assert reachable(scrape) == {"good": 1}
        assert (await client.get("/-/healthy")).status == 200
        assert (await client.get("/-/ready")).status == 503
