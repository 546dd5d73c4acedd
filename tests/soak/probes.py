"""64 requests for ``/probe`` at once, with a neighbour that is watched: memory, and how long everybody else waits."""

import asyncio
import http.client
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import builders

from exporter.model import Use
from soak.process import Process, exporter

AT_ONCE = 64
GOOD = builders.saml_metadata()
_MD = "urn:oasis:names:tc:SAML:2.0:metadata"


def _large() -> bytes:
    """14 MB: an aggregate with one entity and a million elements of no meaning."""
    entity = GOOD.removeprefix(b"<?xml version='1.0' encoding='UTF-8'?>")
    filler = b"".join(b'<a b="%d"/>' % nth for nth in range(1_000_000))
    return b'<EntitiesDescriptor xmlns="' + _MD.encode() + b'">' + entity + filler + b"</EntitiesDescriptor>"


def _usual() -> bytes:
    """250 kB, which takes no room: one entity with hundreds of keys."""
    return builders.saml_metadata(keys=[(Use.SIGNING, builders.pair(nth=nth)) for nth in range(300)])


DOCUMENTS: Mapping[str, Callable[[], bytes]] = {"large": _large, "usual": _usual}


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
def _publisher() -> Iterator[int]:
    """The port of a server on loopback, in a process of its own: what it does is not to slow down our clocks."""
    _Publisher.documents = {"good": GOOD} | {name: made() for name, made in DOCUMENTS.items()}
    with _Server(("127.0.0.1", 0), _Publisher) as server:
        child = os.fork()
        if not child:
            server.serve_forever()
        try:
            yield server.server_port
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)


def main() -> str:
    """What it was; raises AssertionError where it was too much."""
    return "; ".join(_load(name) for name in DOCUMENTS)


def _load(name: str) -> str:
    with tempfile.TemporaryDirectory() as folder, _publisher() as port:
        where = f"http://127.0.0.1:{port}"
        config = {
            "modules": {"fast": {"timeout": "1s"}},
            "targets": [{"name": "good", "url": f"{where}/good", "interval": "1s", "module": "fast"}],
            "probe": {"allow": ["127.0.0.1"]},
        }
        with exporter(Path(folder), config) as process, _seen(process) as seen:
            time.sleep(1)
            began = process.status("VmRSS")
            answers = asyncio.run(_probes(urlsplit(process.url).port or 0, f"{where}/{name}"))
            time.sleep(10)
            ended = process.status("VmRSS")
    refused = [took for status, took in answers if status == 503]
    said = (
        f"{AT_ONCE} of a {name} document: {dict(Counter(status for status, _ in answers))},"
        f" refused within {max(refused, default=0) * 1000:.0f} ms (the median {sorted(refused)[len(refused) // 2] * 1000 if refused else 0:.0f} ms),"
        f" all in {max(took for _, took in answers):.1f} s,"
        f" /-/healthy at most {max(seen['/-/healthy']) * 1000:.0f} ms, /metrics at most {max(seen['/metrics']):.2f} s,"
        f" neighbour at most {max(seen['age']):.1f} s old, memory +{(max(seen['memory']) - began) >> 10} MB at most,"
        f" +{(ended - began) >> 10} MB ten seconds later"
    )
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
def _seen(process: Process) -> Iterator[dict[str, list[float]]]:
    seen: dict[str, list[float]] = {"/-/healthy": [], "/metrics": [], "age": [], "memory": []}
    over = threading.Event()

    def ask(route: str, every: float) -> None:
        while not over.wait(every):
            began = time.monotonic()
            with closing(http.client.HTTPConnection(urlsplit(process.url).netloc, timeout=60)) as connection:
                connection.request("GET", route)
                answer = connection.getresponse()
                text = answer.read().decode()
            seen[route].append(time.monotonic() - began)
            if route == "/metrics":
                (at,) = (
                    line
                    for line in text.splitlines()
                    if line.startswith("fedmeta_probe_last_attempt_timestamp_seconds{")
                )
                seen["age"].append(time.time() - float(at.rpartition(" ")[2]))

    def weigh() -> None:
        while not over.wait(0.02):
            seen["memory"].append(process.status("VmRSS"))

    threads = [
        threading.Thread(target=each)
        for each in (partial(ask, "/-/healthy", 0.1), partial(ask, "/metrics", 0.5), weigh)
    ]
    for each in threads:
        each.start()
    yield seen
    over.set()
    for each in threads:
        each.join()
