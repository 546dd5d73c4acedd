"""Many documents at once, by ``/probe`` and by looks: memory, and how long everybody else waits meanwhile."""

import asyncio
import http.client
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import builders

from exporter.model import Use
from soak.dear import spread
from soak.process import Process, exporter

AT_ONCE = 64
GOOD = builders.saml_metadata()


def elements(number: int, each: str) -> bytes:
    """A good document with so many elements more that mean nothing."""
    return GOOD.replace(b"</EntityDescriptor>", f"{each * number}</EntityDescriptor>".encode())


def _keys(number: int) -> bytes:
    """A good document with so many keys: 600 bytes each."""
    return builders.saml_metadata(keys=[(Use.SIGNING, builders.pair(nth=nth)) for nth in range(number)])


class _Publisher(BaseHTTPRequestHandler):
    documents: Mapping[str, bytes] = {}

    def do_GET(self) -> None:
        body = self.documents[self.path.split("/")[1]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the standard library
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 2 * AT_ONCE


@contextmanager
def publisher(documents: Mapping[str, bytes]) -> Iterator[str]:
    """Where a server on loopback publishes documents, each below its name."""
    _Publisher.documents = documents
    with _Server(("127.0.0.1", 0), _Publisher) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def main() -> str:
    """What was measured. Raises AssertionError where it was too much."""
    return "; ".join(
        _probed(name, body)
        for name, body in {"14 MB": elements(330_000, spread('<a b=""/>')), "180 kB": _keys(300)}.items()
    )


def _probed(name: str, body: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder, publisher({"good": GOOD, "asked": body}) as where:
        config = {
            "modules": {"fast": {"timeout": "1s"}},
            "targets": [{"name": "good", "url": f"{where}/good", "interval": "1s", "module": "fast"}],
            "probe": {"allow": ["127.0.0.1"]},
        }
        with exporter(Path(folder), config) as process, watching(process) as seen:
            answers = asyncio.run(_probes(urlsplit(process.url).port or 0, f"{where}/asked"))
            time.sleep(2)
    refused = [took for status, took in answers if status == http.client.SERVICE_UNAVAILABLE]
    healthy, scrape, age = (max(seen[each]) for each in ("/-/healthy", "/metrics", "age"))
    memory = (max(seen["memory"]) - seen["memory"][0]) / 1024
    said = (
        f"{AT_ONCE} of {name}: {dict(Counter(status for status, _ in answers))}, refused within"
        f" {max(refused) * 1000:.0f} ms, /-/healthy at most {healthy * 1000:.0f} ms, /metrics at most {scrape:.2f} s,"
        f" a neighbour at an interval of 1 s at most {age:.1f} s old, memory +{memory:.0f} MB at most"
    )
    assert {status for status, _ in answers} == {200, 503}, said
    assert healthy <= 0.1, said
    assert scrape <= 1, said
    assert age <= 2, said
    return said


async def _probes(port: int, target: str) -> list[tuple[int, float]]:
    """Status and seconds of each answer, all asked for at the same moment, over connections that stand already."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(AT_ONCE)]

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> tuple[int, float]:
        began = time.monotonic()
        writer.write(f"GET /probe?target={quote(f'{target}/{nth}')} HTTP/1.0\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        took = time.monotonic() - began
        writer.close()
        return status, took

    return await asyncio.gather(*(ask(*each, nth) for nth, each in enumerate(connections)))


@contextmanager
def watching(process: Process) -> Iterator[Mapping[str, list[float]]]:
    """Seconds of ``/-/healthy`` and ``/metrics``, the age of the latest looks, and memory in kB, again and again."""
    seen: dict[str, list[float]] = {"/-/healthy": [], "/metrics": [], "age": [], "memory": [process.status("VmRSS")]}
    over = threading.Event()

    def ask(route: str, every: float) -> None:
        while not over.wait(every):
            began = time.monotonic()
            with closing(http.client.HTTPConnection(urlsplit(process.url).netloc, timeout=60)) as connection:
                connection.request("GET", route)
                text = connection.getresponse().read().decode()
            seen[route].append(time.monotonic() - began)
            for line in text.splitlines():
                if line.startswith("fedmeta_probe_last_attempt_timestamp_seconds{"):
                    seen["age"].append(time.time() - float(line.rpartition(" ")[2]))

    def weigh() -> None:
        while not over.wait(0.02):
            seen["memory"].append(process.status("VmRSS"))

    work = (partial(ask, "/-/healthy", 0.1), partial(ask, "/metrics", 0.5), weigh)
    threads = [threading.Thread(target=each) for each in work]
    for each in threads:
        each.start()
    try:
        yield seen
    finally:
        over.set()
        for each in threads:
            each.join()
