"""A state file with one odd row, under the program's own seal, and an exporter that starts with it."""

import asyncio
import json
import logging
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import builders
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from builders import watched
from kept import PATIENCE
from live import Scrape

from exporter.config.settings import Config, Entra, Module, Target, TrustSource
from exporter.inquiry import DomainRecord, DomainTrust
from exporter.policy import PolicySettings
from exporter.record import bare
from exporter.server import Options, application
from exporter.state import Saved, State, open_state
from exporter.state.rows import KEYS, TABLES, stored

DOCUMENT = builders.saml_metadata()
PACKED = zlib.compress(DOCUMENT, 1)
LIMIT = 2**18
"""Bytes that a document may have."""
LARGEST_SCRAPE, LARGEST_PAGE = 5_000_000, 300_000
PAGES = ("/", "/targets/a", "/api/v1/targets", "/api/v1/targets/a", "/config")
FIRST_SEEN = "fedmeta_certificate_first_seen_timestamp_seconds"


Json = Any
"""What :func:`json.loads` gives."""


def places(value: Json) -> Iterator[tuple[Any, ...]]:
    """The way to each part of a value out of JSON."""
    yield ()
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from ((key, *rest) for rest in places(part))


def with_part(value: Json, place: tuple[Any, ...], part: Json) -> Json:
    """The value with another part in a place."""
    if not place:
        return part
    key, *rest = place
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[key] = with_part(value[key], tuple(rest), part)
    return changed


@dataclass(frozen=True)
class Part:
    """A part of a text in JSON that is another."""

    way: int | tuple[Any, ...]
    """To the part; or which of all the ways, counted on from the first again after the last."""
    part: Json

    def of(self, text: str) -> str:
        """The text with this part."""
        known = {"last_promotion": None, "kept": []} | json.loads(text)
        ways = list(places(known))
        return json.dumps(
            with_part(known, ways[self.way % len(ways)] if isinstance(self.way, int) else self.way, self.part)
        )


class Odd(NamedTuple):
    """A row of which one column is odd."""

    table: str
    column: str
    value: Any

    def __repr__(self) -> str:
        whole = repr(self.value)
        return f"{self.table}.{self.column} = {whole[:200]} ({len(whole)} characters)"


@dataclass
class Endpoint:
    """A farm that can be down, and what a state file holds that was written while it was up."""

    folder: Path
    port: int = 0
    up: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        if not self.up:
            raise web.HTTPServiceUnavailable
        if request.headers.get("If-None-Match") == '"one"':
            return web.Response(status=304)
        return web.Response(body=DOCUMENT, headers={"ETag": '"one"'})

    @property
    def target(self) -> Target:
        closed = "http://127.0.0.1:9"
        entra = Entra(("contoso.com",), source=TrustSource.USER_REALM, login_url=closed)
        module = Module(body_size_limit=LIMIT)
        url = f"http://127.0.0.1:{self.port}/metadata"
        return watched("a", url, module=module, interval=0.05, entra=entra)

    @property
    def kept(self) -> Path:
        return self.folder / "kept.sqlite"

    @asynccontextmanager
    async def running(self, *, up: bool) -> AsyncIterator[None]:
        self.up = up
        app = web.Application()
        app.router.add_get("/metadata", self.answer)
        async with TestServer(app, port=self.port) as server:
            self.port = server.port or 0
            yield


@asynccontextmanager
async def serving(target: Target, state: State) -> AsyncIterator["TestClient[web.Request, web.Application]"]:
    """The exporter itself, with one target."""
    module = target.look.module
    config = Config((target,), {"default": module}, {"default": PolicySettings()}, ())
    app = application(Options(config), state=state, clock=partial(datetime.now, UTC))
    async with TestClient(TestServer(app)) as client:
        yield client
    assert state.close(PATIENCE) == ()


@contextmanager
def no_mistake_of_ours() -> Iterator[None]:
    """Fails where a line is logged that says so, or has a traceback."""
    lines: list[logging.LogRecord] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lines.append  # type: ignore[method-assign,assignment]  # nothing but this is needed of one
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    wrong = [f"{each.getMessage()} {vars(each).get('traceback')}" for each in lines if is_mistake(each)]
    assert not wrong, "\n".join(wrong)


def is_mistake(line: logging.LogRecord) -> bool:
    return "mistake" in line.getMessage() or "mistake" in str(vars(line).get("error")) or line.exc_info is not None


def saved(path: Path, target: Target) -> Saved | None:
    state = open_state(path, partial(datetime.now, UTC))
    try:
        return state.load(target.name, target.url)
    finally:
        state.close(PATIENCE)


def farm(folder: Path) -> Endpoint:
    """A farm, and the state that one look at it left."""
    found = Endpoint(folder)

    async def look() -> None:
        async with found.running(up=True):
            state = open_state(found.kept, partial(datetime.now, UTC))
            said = DomainTrust(TrustSource.USER_REALM, federated=True, service="fs.contoso.com")
            told = DomainRecord("contoso.com", trust=said, last_success=datetime.now(UTC))
            state.load("a", found.target.url)
            state.keep(replace(bare(found.target), domains=(told,)))
            state.follow(("a", "gone"))
            async with serving(found.target, state) as client:
                await looked(client)

    asyncio.run(look())
    return found


async def looked(client: "TestClient[web.Request, web.Application]", since: datetime | None = None) -> None:
    """Waits for a look that got the document, or the word that it is the same."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.get("/metrics")
            assert answer.status == 200
            scrape = Scrape(await answer.text())
            told = list(scrape.samples("fedmeta_probe_last_success_timestamp_seconds"))
            if told and (since is None or told[0][1] > since.timestamp()):
                return
            await asyncio.sleep(0.02)


def content(path: Path) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """What stands in each table."""
    with closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608 -- our own words


def put(path: Path, odd: Odd) -> None:
    """Puts the odd row in the place of the one that there is, under the program's own seal."""
    columns = (*TABLES[odd.table], "serial")
    *whole, _ = content(path)[odd.table][0]
    row = dict(zip(columns, whole, strict=True)) | {"serial": whole[-1] + 10}
    row[odd.column] = odd.value.of(row[odd.column]) if isinstance(odd.value, Part) else odd.value
    *values, serial = row.values()
    with closing(sqlite3.connect(path)) as connection, connection:
        key = columns[: KEYS[odd.table]]
        named = " AND ".join(f"{column} = ?" for column in key)
        connection.execute(f"DELETE FROM {odd.table} WHERE {named}", whole[: len(key)])  # noqa: S608 -- our own words
        marks = ", ".join("?" * (len(values) + 2))
        connection.execute(f"INSERT INTO {odd.table} VALUES ({marks})", stored(odd.table, tuple(values), serial))  # noqa: S608 -- our own words


async def check(client: "TestClient[web.Request, web.Application]") -> Scrape:
    """The scrape, where it and every page are served and small."""
    answer = await client.get("/metrics")
    text = await answer.text()
    assert (answer.status, len(text) < LARGEST_SCRAPE) == (200, True)
    for path in PAGES:
        page = await client.get(path)
        shown = await page.text()
        assert page.status == 200, (path, shown)
        assert len(shown) < LARGEST_PAGE, path
    return Scrape(text)


async def started(endpoint: Endpoint, path: Path, *, up: bool) -> Scrape:
    """The first scrape of an exporter that starts with this file and, if the farm is up, looks at that once."""
    now = datetime.now(UTC)
    async with endpoint.running(up=up):
        state = open_state(path, partial(datetime.now, UTC))
        async with serving(endpoint.target, state) as client:
            scrape = await check(client)
            if up:
                await looked(client, since=now)
                await check(client)
    return scrape


def assert_it_costs_that_row_at_most(endpoint: Endpoint, odd: Odd) -> None:
    with tempfile.TemporaryDirectory() as folder, no_mistake_of_ours():
        path = Path(folder) / "state.sqlite"
        shutil.copy(endpoint.kept, path)
        put(path, odd)
        for _ in range(2):
            scrape = asyncio.run(started(endpoint, path, up=False))
            if odd.table in {"watch", "domain", "entity"} and odd.column != "url":
                assert any(scrape.samples("fedmeta_certificate_info")), "the document is another row's"
        asyncio.run(started(endpoint, path, up=True))
        whole = saved(path, endpoint.target)
        assert whole is not None
        assert (whole.packed, whole.validators.etag) == (PACKED, '"one"')
        assert whole.history.first_seen[builders.ENTITY_ID]
        assert ("a", 1) in {row[:2] for row in content(path)["watch"]}
        # Afterwards it is as if nothing had been.
        after = asyncio.run(started(endpoint, path, up=False))
        assert list(after.samples(FIRST_SEEN))
