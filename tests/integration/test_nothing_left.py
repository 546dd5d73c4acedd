"""A look that fails leaves nothing to the collector of cycles, which may come late: a body has up to 16 MB."""

import asyncio
import gc
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import FrameType

import builders
import pytest
from federation import Federation, Speaks

from exporter import fetch
from exporter.config.settings import Look, Module, Target
from exporter.fetch.progress import Found, Host, Progress, _Socket
from exporter.model import Reason
from exporter.record import bare
from exporter.rounds import Latest, Rounds, probe_first

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LARGE = 400_000
"""Bytes of a body: more than what takes no room."""
FILLED = b"<!-- -->" * (LARGE // 8)
GOOD = builders.saml_metadata()
SMALL = (_Socket, Host, Progress, Found)
"""What hangs on asyncio's transports, of which each refers to itself; it holds nothing that came."""


def says(head: str, body: bytes = b"", *, pause: float = 0, reset: bool = False) -> Speaks:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        await asyncio.sleep(pause)
        if reset:
            peer: socket.socket = writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return speak


def whole(body: bytes, *headers: str) -> Speaks:
    return says("\r\n".join((f"200 OK\r\nContent-Length: {len(body)}", *headers)), body)


PACKED = gzip.compress(bytes(range(256)) * 4000, 1)
WAYS: Mapping[str, tuple[Speaks, Reason | None]] = {
    "good": (whole(GOOD + FILLED), None),
    "not XML": (whole(FILLED), Reason.NOT_XML),
    "broken XML": (whole(GOOD[:-5] + FILLED), Reason.NOT_XML),
    "a page": (whole(b"<html>" + FILLED), Reason.HTML),
    "a DOCTYPE": (whole(b"<!DOCTYPE a>" + FILLED), Reason.DOCTYPE),
    "no metadata": (whole(b"<a>" + FILLED + b"</a>"), Reason.NOT_METADATA),
    "no entity": (whole(builders.aggregate([]) + FILLED), Reason.NO_ENTITY),
    "a status": (says("500 No", FILLED), Reason.HTTP_STATUS),
    "too large, and says so": (says("200 OK\r\nContent-Length: 2000000", FILLED), Reason.TOO_LARGE),
    "too large": (says("200 OK", FILLED * 4), Reason.TOO_LARGE),
    "cut off": (says("200 OK\r\nContent-Length: 900000", FILLED), Reason.TRUNCATED),
    "no chunks": (says("200 OK\r\nTransfer-Encoding: chunked", FILLED), Reason.PROTOCOL),
    "packed, and broken": (whole(PACKED[:10] + b"\xff" * LARGE, "Content-Encoding: gzip"), Reason.ENCODING),
    "packed, and cut off": (whole(PACKED[:-900], "Content-Encoding: gzip"), Reason.TRUNCATED),
    "packed unknown": (whole(FILLED, "Content-Encoding: br"), Reason.ENCODING),
    "too slow": (says("200 OK\r\nContent-Length: 900000", FILLED, pause=2), Reason.TIMEOUT),
    "reset": (says("200 OK\r\nContent-Length: 900000", FILLED, reset=True), Reason.TRUNCATED),
    "about another": (whole(GOOD.replace(builders.ENTITY_ID.encode(), b"urn:other") + FILLED), Reason.ENTITY_MISMATCH),
    "no HTTP": (says("\0", FILLED), Reason.PROTOCOL),
    "a redirect to nowhere": (says("302 Found", FILLED), Reason.REDIRECT),
}


@contextmanager
def collected() -> Iterator[list[object]]:
    """What a block leaves to the collector, once it has ended."""
    left: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield left
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def ours(left: Sequence[object]) -> set[str]:
    """Of what was left: objects of the exporter, and frames of it, which hold whatever they had at hand."""
    found = {f"a {type(each).__qualname__}" for each in left if type(each).__module__.startswith("exporter")}
    frames = {each.f_code for each in left if isinstance(each, FrameType)}
    found |= {f"a frame of {code.co_qualname}" for code in frames if "/exporter/" in code.co_filename}
    return found - {f"a {kind.__qualname__}" for kind in SMALL}


async def probed(target: Target, client: fetch.Client) -> Reason | None:
    found = await Rounds(client, lambda: NOW).probe(Latest(bare(target)), target.look)
    assert found.look[1].observation is not None
    return found.look[1].observation.reason


async def probed_once(target: Target, client: fetch.Client) -> Reason | None:
    record = await probe_first(bare(target), client=client, now=NOW)
    assert record.first.observation is not None
    return record.first.observation.reason


@pytest.fixture(params=[0, LARGE * 10])
def stream_above(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has large documents read as streams, or none."""
    monkeypatch.setattr("exporter.probe.STREAM_ABOVE", request.param)


@pytest.mark.usefixtures("stream_above")
@pytest.mark.parametrize("look", [probed, probed_once])
@pytest.mark.parametrize("way", WAYS)
async def test_a_look_leaves_nothing_of_ours_to_the_collector_however_it_ends(
    way: str,
    look: Callable[[Target, fetch.Client], Awaitable[Reason | None]],
    federation: Federation,
    client: fetch.Client,
) -> None:
    speaks, reason = WAYS[way]
    await federation.speak("bad.example.org", speaks)
    module = Module(timeout=1, body_size_limit=1_000_000)
    target = Target("bad", (Look("http://bad.example.org/", module),), entity_id=builders.ENTITY_ID)
    with collected() as left:
        assert await look(target, client) == reason
        await federation.close()
    assert ours(left) == set()


async def test_who_finds_no_room_leaves_nothing_to_the_collector(federation: Federation, client: fetch.Client) -> None:
    await federation.speak("bad.example.org", whole(GOOD + FILLED))
    target = Target("bad", (Look("http://bad.example.org/", Module(body_size_limit=1_000_000)),))
    with collected() as left, client.budget.share() as other:
        other.grow(fetch.BUDGET)
        with suppress(fetch.CrowdedError):
            assert await probed_once(target, client) is None
        waiting = asyncio.create_task(probed(target, client))
        await asyncio.sleep(0.2)
        other.leave()
        assert await waiting is None
        await federation.close()
    assert ours(left) == set()
