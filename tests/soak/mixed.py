"""All at once: hostile documents, idle connections, slow readers, probes, scrapes, reloads, and honest farms.

``PYTHONPATH=tests python -m soak.mixed [SECONDS [SEED]]``. The publisher and the visitors are processes of their own,
so that what they cost does not slow down who measures.
"""

import asyncio
import gzip
import multiprocessing
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median
from threading import Event, Thread

import builders

from exporter.demo.documents import MD
from exporter.model import Use
from soak.dear import spread
from soak.process import Process, exporter
from soak.visitors import address, opened

FARMS, HOSTILE = 180, 20
"""Targets: those that are as they should be, and the others."""

SIZE = 14_000_000
"""Bytes of a large hostile document: less than the 16 MB of a body."""

IDLE = 400
"""Connections that are held open: more than the exporter keeps."""

RELOADS = 30.0
"""Seconds between two of them."""

GROWTH = 1.1
"""The median of memory in the last quarter of the run over that in the second."""

_SPAWN = multiprocessing.get_context("spawn")
_LATER = datetime(2090, 1, 1, tzinfo=UTC)
_ROOT = f'<EntityDescriptor xmlns="{MD}" entityID="https://evil.example/{{}}">{{}}</EntityDescriptor>'


def _farm(nth: int) -> bytes:
    """What a farm publishes: its own two keys, and never others."""
    pairs = [builders.pair(nth=2 * nth + each, not_after=_LATER) for each in range(2)]
    return builders.saml_metadata(keys=[(Use.SIGNING, pair) for pair in pairs])


def _filled(unit: str, size: int = SIZE) -> bytes:
    return _ROOT.format("filled", unit * (size // len(unit))).encode()


def _with_keys(number: int, entity_id: str = builders.ENTITY_ID) -> bytes:
    pairs = [builders.pair(nth=nth, not_after=_LATER) for nth in range(10)]
    keys = [(Use.SIGNING, pairs[nth % len(pairs)]) for nth in range(number)]
    return builders.saml_metadata(keys=keys, entity_id=entity_id)


def _aggregate(entities: int, chance: random.Random) -> bytes:
    """A document that is another at every look, and has entities that nobody ever saw."""
    one = '<EntityDescriptor xmlns="{}" entityID="urn:{:x}"/>'
    return (
        f'<EntitiesDescriptor xmlns="{MD}">'
        + "".join(one.format(MD, chance.getrandbits(64)) for _ in range(entities))
        + "</EntitiesDescriptor>"
    ).encode()


def _hostile(chance: random.Random) -> Sequence[Callable[[], bytes]]:
    """Bodies, whole answers among them; each is made when it is sent."""
    large = [
        _filled("<a/>"),
        _filled('<a b=""/>'),
        _filled(spread("<a/>")),
        _filled(spread('<a b=""/>')),
        _filled("<?a?>"),
        _filled("<!-- -->"),
        _filled("<IDPSSODescriptor/>", 4_000_000),
        _filled("<a>" * 200 + "</a>" * 200),
        _with_keys(1, "https://evil.example/" + "E" * 1_000_000),
        _with_keys(100, "https://evil.example/" + "E" * 300_000),
        _with_keys(3_000),
    ]
    return [
        *(partial(bytes, each) for each in large),
        lambda: _filled(spread(f"<a b='{chance.random()}'/>")),
        lambda: _aggregate(20_000, chance),
        builders.bomb,
        lambda: gzip.compress(bytes(200_000_000), 1),
        lambda: chance.randbytes(chance.randrange(1_000_000)),
        lambda: b"",
    ]


async def _publish(to: Connection, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- chance, not secrecy
    farms, hostile = [_farm(nth) for nth in range(FARMS)], _hostile(chance)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            kind, _, nth = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().strip("/").partition("/")
            if kind == "honest":
                writer.write(_answer(farms[int(nth)]))
            elif (way := chance.randrange(10)) == 0:
                await asyncio.sleep(60)
            elif way == 1:
                writer.write(b"HTTP/1.1 302 Found\r\nLocation: /hostile/again\r\nContent-Length: 0\r\n\r\n")
            elif way == 2:
                writer.write(b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 100_000)
            elif way == 3:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                for _ in range(600):
                    writer.write(b"<")
                    await writer.drain()
                    await asyncio.sleep(0.1)
            else:
                writer.write(_answer(chance.choice(hostile)()))
            await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    to.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _answer(body: bytes) -> bytes:
    packed = b"Content-Encoding: gzip\r\n" if body.startswith(b"\x1f\x8b") else b""
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), packed, body)


def _publisher(to: Connection, seed: int) -> None:
    asyncio.run(_publish(to, seed))


def _visitors(to: Connection, url: str, published: str, seed: int) -> None:
    asyncio.run(_visit(to, url, published, random.Random(seed)))  # noqa: S311 -- chance, not secrecy


async def _visit(to: Connection, url: str, published: str, chance: random.Random) -> None:
    """Visits for ever, and sends the statuses that were seen when it is asked for them."""
    seen: Counter[str] = Counter()
    held: list[socket.socket] = []
    accepts = ["text/plain", "application/openmetrics-text; version=1.0.0", "text/plain\r\nAccept-Encoding: gzip"]
    halves = [b"", b"GET /metrics HTTP/1.1\r\nX-Half: ", b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01"]
    probe, ask = f"/probe?target={published}/hostile/probed", partial(_ask, url, seen)

    async def again(pause: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(chance.random() * 2 * pause)
            await work()

    async def hold() -> None:
        with suppress(OSError):
            held.append(opened(url, chance.choice(halves)))
        if len(held) > IDLE:
            held.pop(0).close()

    visits = [again(0.01, hold)]
    visits += [again(1, lambda: ask("/metrics", f"Accept: {chance.choice(accepts)}\r\n")) for _ in range(5)]
    visits += [again(5, lambda: ask(chance.choice(["/", "/metrics"]), slowly=True)) for _ in range(5)]
    visits += [again(5, lambda: ask(probe)) for _ in range(10)]
    visits += [again(1, lambda: ask(chance.choice(["/", "/nowhere", "/metrics?" + "x" * 20_000]))) for _ in range(3)]

    async def enough() -> None:
        await asyncio.to_thread(to.poll, None)

    tasks = [asyncio.create_task(each) for each in (*visits, enough())]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for each in done:
        each.result()
    to.send(seen)


async def _ask(url: str, seen: Counter[str], route: str, more: str = "", *, slowly: bool = False) -> None:
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(*address(url))
        with closing(writer):
            writer.write(f"GET {route} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n".encode())
            status = (await reader.readline()).decode()[9:12]
            seen[f"{route.partition('?')[0]} {status or 'closed'}"] += 1
            size, pause = (2**10, 0.2) if slowly else (2**20, 0.0)
            async for _ in _sips(reader, size, pause):
                pass


async def _sips(reader: asyncio.StreamReader, size: int, pause: float) -> AsyncIterator[bytes]:
    """What comes, so many bytes at a time."""
    while some := await reader.read(size):
        yield some
        await asyncio.sleep(pause)


def _begun(work: Callable[..., None], *arguments: object) -> tuple[BaseProcess, Connection]:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    return process, ours


@dataclass
class _Measured:
    """What was seen from outside, every moment."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"/-/healthy": [], "/metrics": []})
    ours: dict[str, list[float]] = field(default_factory=lambda: {"/-/healthy": [], "/metrics": []})
    """The same without the time in which the exporter's main thread could have run and had no core: others' fault."""
    statuses: Counter[str] = field(default_factory=Counter)
    resident: list[int] = field(default_factory=list)
    """MB, every quarter of a second."""


def main(seconds: float = 600, seed: int = 1) -> str:
    """What was measured; AssertionError with it when something does not hold that must."""
    publisher, port = _begun(_publisher, seed)
    published = f"http://127.0.0.1:{port.recv()}"
    visitors = None
    try:
        with tempfile.TemporaryDirectory() as folder, exporter(Path(folder), _config(published, seed)) as process:
            _until_ready(process)
            visitors, asked = _begun(_visitors, process.url, published, seed)
            keys = _keys(process)
            measured = _measure(process, seconds)
            asked.send("enough")
            seen = asked.recv()
            moved = {key for key, at in _keys(process).items() if keys.get(key) != at} | keys.keys() - _keys(process)
            return _judged(process, measured, seen, len(keys), len(moved))
    finally:
        for each in filter(None, (publisher, visitors)):
            each.kill()


def _config(published: str, seed: int) -> Mapping[str, object]:
    chance = random.Random(seed)  # noqa: S311 -- chance, not secrecy
    urls = [f"{published}/honest/{nth}" for nth in range(FARMS)]
    urls += [f"{published}/hostile/{nth}" for nth in range(HOSTILE)]
    targets = [
        {"name": "-".join(url.split("/")[-2:]), "url": url, "interval": f"{chance.randrange(10, 30)}s"} for url in urls
    ]
    return {
        "targets": targets,
        "modules": {"default": {"timeout": "4s"}},
        "probe": {"allow": ["127.0.0.1"]},
    }


def _until_ready(process: Process) -> None:
    until = time.monotonic() + 60
    while process.get("/-/ready")[0] != 200:
        assert time.monotonic() < until, "it is never ready"
        time.sleep(0.2)


def _keys(process: Process) -> Mapping[tuple[str, str], float]:
    """When each key of each farm was first seen."""
    found = process.scrape().samples("fedmeta_certificate_first_seen_timestamp_seconds")
    return {
        (labels["target"], labels["fingerprint"]): at for labels, at in found if labels["target"].startswith("honest-")
    }


def _measure(process: Process, seconds: float) -> _Measured:
    measured, ended = _Measured(), Event()

    def again(route: str, pause: float) -> None:
        while not ended.wait(pause):
            began, waited = time.monotonic(), _waited(process)
            try:
                status = str(process.get(route)[0])
            except OSError as error:
                status = type(error).__name__
            measured.statuses[f"{route} {status}"] += 1
            took = time.monotonic() - began
            measured.seconds[route].append(took)
            measured.ours[route].append(took - (_waited(process) - waited))

    threads = [Thread(target=again, args=each, daemon=True) for each in (("/-/healthy", 0.1), ("/metrics", 0.5))]
    for thread in threads:
        thread.start()
    end, reload = time.monotonic() + seconds, time.monotonic() + RELOADS
    while time.monotonic() < end and process.popen.poll() is None:
        measured.resident.append(process.status("VmRSS") // 1024)
        if time.monotonic() > reload:
            process.popen.send_signal(signal.SIGHUP)
            reload += RELOADS
        time.sleep(0.25)
    ended.set()
    for thread in threads:
        thread.join(60)
    return measured


def _waited(process: Process) -> float:
    """Seconds that its main thread has waited for a core so far (sched-stats of the Linux kernel)."""
    return int(Path(f"/proc/{process.popen.pid}/schedstat").read_text().split()[1]) / 1e9


def _judged(process: Process, measured: _Measured, seen: Counter[str], keys: int, moved: int) -> str:
    quarter = len(measured.resident) // 4
    before, after = (median(measured.resident[nth * quarter :][:quarter]) for nth in (1, 3))
    slowest = {route: max(took) for route, took in measured.ours.items()}
    clock = ", ".join(f"{median(took):.3f} to {max(took):.3f} s" for took in measured.seconds.values())
    tracebacks = [line for line in process.lines if "traceback" in line.lower()]
    failed = {each: number for each, number in (measured.statuses + seen).items() if each.endswith((" 500", "Error"))}
    refused = {each: number for each, number in measured.statuses.items() if not each.endswith(" 200")}
    code, took = process.stop()
    said = (
        f"{FARMS + HOSTILE} targets for {len(measured.resident) / 4:.0f} s: memory {before:.0f} to {after:.0f} MB,"
        f" at most {max(measured.resident)} MB; /-/healthy at most {slowest['/-/healthy'] * 1000:.0f} ms, /metrics"
        f" {slowest['/metrics']:.2f} s (by the clock {clock}); {keys} keys, {moved} moved; {len(tracebacks)}"
        f" tracebacks, {len(process.lines)} log lines; end in {took:.1f} s; refused to us {refused}; failed {failed};"
        f" visitors saw {dict(sorted(seen.items()))}"
    )
    holds = (
        after <= GROWTH * before,
        slowest["/-/healthy"] <= 0.1,
        slowest["/metrics"] <= 1,
        keys == 2 * FARMS,
        moved == 0,
        not tracebacks,
        not failed,
        not refused,
        code == 0,
    )
    assert all(holds), said
    return said


if __name__ == "__main__":
    print(main(float(sys.argv[1]) if sys.argv[1:] else 600, int(sys.argv[2]) if sys.argv[2:] else time.time_ns()))
