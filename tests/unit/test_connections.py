"""How many may be connected and for how long, over real sockets."""

import asyncio
import gzip
import random
import re
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import BytesPayload, web
from aiohttp.typedefs import Handler

from exporter import connections
from exporter.connections import CONNECTIONS, HEADERS, Connections, Runner

PATIENCE = 20.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ASKING = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


class Site:
    """A small application behind the bounds, and those who connect to it."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked, self.over = asyncio.Semaphore(0), asyncio.Semaphore(0)
        """One for each request that was begun, and that is over."""
        self.under_way = 0
        self.port = 0
        self.untaken: list[int] = []
        """Bytes of earlier answers that memory held when a request was begun, for each."""
        self._open: list[asyncio.StreamWriter] = []

    async def connect(self, said: bytes = b"") -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._open.append(writer)
        writer.write(said)
        await writer.drain()
        return reader, writer

    async def answer(self, said: bytes) -> bytes:
        """All that comes until the connection ends."""
        reader, _ = await self.connect(said)
        async with asyncio.timeout(PATIENCE):
            return await reader.read()

    def close(self) -> None:
        for each in self._open:
            each.transport.abort()

    async def quick(self, _: web.Request) -> web.Response:
        self.asked.release()
        return web.Response(text="quick")

    async def posted(self, request: web.Request) -> web.Response:
        return web.Response(text=f"{len(await request.read())} bytes")

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(body=BytesPayload(bytes(60_000)))

    async def empty(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def busy(self, _: web.Request) -> web.Response:
        return web.Response(status=503)

    async def slow(self, _: web.Request) -> web.Response:
        self.asked.release()
        self.under_way += 1
        try:
            await self.may.wait()
        finally:
            self.under_way -= 1
            self.over.release()
        return web.Response(text="slow")

    async def big(self, _: web.Request) -> web.Response:
        return web.Response(body=bytes(50_000_000))

    async def broken(self, request: web.Request) -> web.Response:
        if "begun" in request.query:
            await web.StreamResponse().prepare(request)
        raise ValueError("a secret")


@asynccontextmanager
async def serving(limit: int = 10) -> AsyncIterator[Site]:
    site = Site()

    @web.middleware
    async def weighed(request: web.Request, handler: Handler) -> web.StreamResponse:
        assert request.transport is not None
        site.untaken.append(request.transport.get_write_buffer_size())
        return await handler(request)

    app = web.Application(middlewares=[weighed])
    routes = (site.quick, site.slow, site.big, site.broken, site.page, site.busy, site.empty)
    app.add_routes([web.get(f"/{each.__name__}", each) for each in routes])
    app.add_routes([web.post("/posted", site.posted), web.post("/quick", site.quick)])
    runner = Runner(app, limit=limit, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    try:
        yield site
    finally:
        site.close()
        await runner.cleanup()


async def ended(stream: Streams) -> bool:
    """Whether the other side has closed it by now."""
    return stream[0].at_eof() or stream[0].exception() is not None


async def until_ended(*streams: Streams) -> None:
    async with asyncio.timeout(PATIENCE):
        for reader, _ in streams:
            with suppress(ConnectionResetError):
                await reader.read()


async def answered(stream: Streams) -> bytes:
    """The end of the next answer, which is five or four letters."""
    async with asyncio.timeout(PATIENCE):
        head = await stream[0].readuntil(b"\r\n\r\n")
        return head.splitlines()[0] + b" " + await stream[0].readexactly(5 if b"Length: 5" in head else 4)


async def test_of_too_many_the_one_that_has_asked_for_nothing_for_the_longest_time_is_closed() -> None:
    async with serving(limit=3) as site:
        idle = [await site.connect() for _ in range(3)]
        busy = await site.connect(ASKING % b"slow")
        await until_ended(idle[0])
        kept = await site.connect(ASKING % b"quick")
        assert await answered(kept) == b"HTTP/1.1 200 OK quick"
        await until_ended(idle[1])
        for _ in range(20):
            stream = await site.connect(ASKING % b"quick")
            assert await answered(stream) == b"HTTP/1.1 200 OK quick"
        await until_ended(*idle, kept)
        assert not await ended(busy), "it waits for us, and we do not wait for it"
        site.may.set()
        assert await answered(busy) == b"HTTP/1.1 200 OK slow"


async def test_where_all_wait_for_an_answer_a_new_one_is_closed() -> None:
    async with serving(limit=2) as site:
        busy = [await site.connect(ASKING % b"slow") for _ in range(2)]
        async with asyncio.timeout(PATIENCE):
            await site.asked.acquire()
            await site.asked.acquire()
        await until_ended(await site.connect())
        site.may.set()
        assert [await answered(each) for each in busy] == [b"HTTP/1.1 200 OK slow"] * 2


async def test_a_request_ends_with_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(limit=3) as site:
        for _ in range(50):
            _, writer = await site.connect(ASKING % b"slow")
            async with asyncio.timeout(PATIENCE):
                await site.asked.acquire()
                writer.transport.abort()
                await site.over.acquire()
            assert site.under_way == 0
        site.may.set()
        assert await answered(await site.connect(ASKING % b"slow")) == b"HTTP/1.1 200 OK slow"
    assert caplog.messages == []


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"G",
        b"GET /quick HTTP/1.1\r\nHost: x\r\nX-Half: ",
        b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\nGET /qu",
        b"GET /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        b"GET /quick HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["nothing", "a letter", "half a header", "one request", "half of a second one", "half a body", "half a chunk"],
)
async def test_a_request_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(connections, "WAITING", 0.3)
    async with serving() as site:
        began = asyncio.get_running_loop().time()
        await site.answer(said)
        assert 0.2 < asyncio.get_running_loop().time() - began < 10


async def test_bytes_that_drip_do_not_make_us_wait_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WAITING", 0.3)
    async with serving() as site:
        stream = await site.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        async with asyncio.timeout(PATIENCE):
            while not await ended(stream):
                stream[1].write(b"a")
                await asyncio.sleep(0.05)


async def test_an_answer_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SENDING", 0.3)
    async with serving() as site:
        given_up, known = asyncio.Semaphore(0), Connections.answered

        def answered(self: Connections, handler: web.RequestHandler) -> None:
            known(self, handler)
            given_up.release()

        monkeypatch.setattr(Connections, "answered", answered)
        stream = await site.connect(ASKING % b"big")
        await given_up.acquire()
        async with asyncio.timeout(PATIENCE):
            # What the buffers of both sides hold, and no more.
            assert len(await stream[0].read()) < 50_000_000


def pipelined(number: int) -> tuple[list[bytes], bytes]:
    """The statuses that so many requests get, and the requests."""
    chance = random.Random(number)  # noqa: S311 -- chance, not secrecy
    routes = {b"page": b"200", b"nowhere": b"404", b"busy": b"503", b"quick": b"200", b"empty": b"204"}
    asked = [chance.choice(list(routes.items())) for _ in range(number)]
    return [status for _, status in asked], b"".join(ASKING % route for route, _ in asked)


async def test_whoever_asks_and_asks_and_takes_nothing_has_one_answer_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "SENDING", 0.3)
    async with serving() as site:
        lost, known = asyncio.Event(), Connections.connection_lost

        def connection_lost(self: Connections, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
            known(self, handler, exc)
            lost.set()

        monkeypatch.setattr(Connections, "connection_lost", connection_lost)
        _, asked = pipelined(1000)
        await site.connect(asked)
        async with asyncio.timeout(PATIENCE):
            await lost.wait()
        assert 1 < len(site.untaken) < 1000, "what fills the buffers of both kernels, and no more"
        assert set(site.untaken) == {0}


async def test_whoever_takes_what_was_asked_for_at_once_gets_all_of_it_in_order() -> None:
    async with serving() as site:
        statuses, asked = pipelined(300)
        answer = await site.answer(asked + b"GET /nowhere HTTP/1.0\r\n\r\n")
        assert re.findall(rb"HTTP/1.[01] (\d+) ", answer) == [*statuses, b"404"]
        assert site.untaken == [0] * 301


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd"])
async def test_no_body_is_unpacked(encoding: bytes) -> None:
    packed = gzip.compress(bytes(10_000_000))
    head = b"POST /posted HTTP/1.1\r\nHost: x\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
    async with serving() as site:
        answer = await site.answer(head % (encoding, len(packed)) + packed)
    assert answer.endswith(b"\r\n%d bytes" % len(packed))


async def test_whoever_sends_a_body_gets_an_answer_and_then_the_connection_ends() -> None:
    async with serving() as site:
        for head in (b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
            answer = await site.answer(b"POST /quick HTTP/1.1\r\nHost: x\r\n" + head)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nConnection: close\r\n" in answer
            assert answer.endswith(b"quick")


async def test_of_a_long_body_nothing_is_parsed_after_the_answer_and_the_answer_comes_all_the_same() -> None:
    async with serving() as site:
        reader, writer = await site.connect(b"POST /quick HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"quick")
            # None of it is a chunk, and nobody minds.
            for _ in range(100):
                writer.write(b"no chunk" * 10_000)
                await writer.drain()
            writer.write_eof()
            assert await reader.read() == b""


@pytest.mark.parametrize(
    "said",
    [b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", pipelined(1000)[1]],
    ids=["half a body", "answers that were not taken"],
)
async def test_whoever_goes_in_the_middle_is_not_waited_for(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as site:
        before = asyncio.all_tasks()
        stream = await site.connect(said)
        async with asyncio.timeout(connections.WAITING / 2):
            await stream[0].readuntil(b"\r\n\r\n")
            served = asyncio.all_tasks() - before
            assert served
            stream[1].transport.abort()
            await asyncio.wait(served)
    assert caplog.messages == []


async def test_the_event_loop_has_its_turn_soon() -> None:
    async with serving():
        assert sys.getswitchinterval() == pytest.approx(connections.TURN)


@pytest.mark.parametrize("sending", [0.05, 30.0])
async def test_whoever_goes_before_the_answer_is_forgotten(monkeypatch: pytest.MonkeyPatch, sending: float) -> None:
    monkeypatch.setattr(connections, "SENDING", sending)
    gone, known = asyncio.Event(), web.RequestHandler.finish_response

    async def answer(
        self: web.RequestHandler, request: web.BaseRequest, response: web.StreamResponse, start: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if gone.is_set():
            return await known(self, request, response, start)
        gone.set()
        assert request.transport is not None
        request.transport.abort()
        if sending < 1:
            await asyncio.Event().wait()
        return response, True

    monkeypatch.setattr(web.RequestHandler, "finish_response", answer)
    async with serving(limit=1) as site:
        assert await site.answer(ASKING % b"quick") == b""
        await asyncio.sleep(2 * sending if sending < 1 else 0)
        for _ in range(3):
            assert await answered(await site.connect(ASKING % b"quick")) == b"HTTP/1.1 200 OK quick"


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Secret: " + b"s3cret" * 5000 + b"\r\n\r\n",
        b"GET /" + b"s3cret" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"s3cret\r\n\r\n",
        b"GET / HTTP/9.9 s3cret\r\n\r\n",
        b"GET / HTTP/1.1\r\ns3cret\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: s3cret\r\n" % nth for nth in range(500)) + b"\r\n",
        b"\x16\x03\x01\x00s3cret\r\n\r\n",
    ],
    ids=["a long header", "a long target", "no HTTP", "a version", "a header without a colon", "many", "TLS"],
)
async def test_what_is_no_request_is_refused_and_not_repeated(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as site:
        answer = (await site.answer(said)).decode()
    assert answer.startswith(("HTTP/1.0 400 ", "HTTP/1.1 400 "))
    assert "s3cret" not in answer
    assert all(f"{name}: {value}\r\n" in answer for name, value in HEADERS.items())
    assert caplog.messages == [], "whoever connects fills no log"


async def test_a_mistake_of_ours_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as site:
        answer = (await site.answer(ASKING % b"broken")).decode()
        begun = (await site.answer(ASKING % b"broken?begun")).decode()
    assert answer.startswith("HTTP/1.1 500 ")
    assert "a secret" not in answer
    assert "Server: fedmeta-exporter\r\n" in answer
    assert begun.startswith("HTTP/1.1 200 "), "what was begun cannot be taken back"
    assert caplog.messages == ["answer failed by a mistake of ours"] * 2
    assert "a secret" not in caplog.text


@pytest.mark.parametrize(
    ("soft", "allowed"),
    [(1_000_000, CONNECTIONS), (resource.RLIM_INFINITY, CONNECTIONS), (1024, 256), (64, 16), (2, 1)],
)
def test_at_most_a_quarter_of_the_descriptors_is_for_connections(
    monkeypatch: pytest.MonkeyPatch, soft: int, allowed: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert connections.connections() == allowed


def test_where_there_is_no_limit_of_descriptors_half_as_many_are_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_resource", None)
    assert connections.connections() == CONNECTIONS // 2


@pytest.mark.parametrize("error", [None, ValueError("no"), OSError("no")])
def test_all_descriptors_are_taken_that_may_be(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    limits: list[Sequence[int]] = [(64, 4096)]

    def raised(_: int, limit: Sequence[int]) -> None:
        if error is not None:
            raise error
        limits.append(limit)

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", raised)
    assert connections.connections() == (16 if error else 256)
    assert limits[-1] == ((64, 4096) if error else (4096, 4096))
