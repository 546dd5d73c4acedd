"""What one document costs an exporter, from outside: the largest that anybody can write, and any mixture.

Figures are of a real process: bytes and seconds of its scrapes, its memory at the peak and afterwards.
"""

import json
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import builders
import hostile
from live import Scrape

from exporter.metadata import DocumentError
from exporter.probe import read_document
from soak.process import PATIENCE, Process, exporter

LARGEST_SCRAPE = 5_000_000
LONGEST_SCRAPE = 0.5
MOST_AT_PEAK = 250_000
"""kB beyond what the process had before."""
MOST_AFTERWARDS = 30_000
AFTERWARDS = 10.0
"""Seconds after which so much may be left."""
FLAT = 0.05
LARGE = 2**20
"""Bytes of a mixture that is worth to be looked at again and again."""

GOOD = builders.saml_metadata()


@dataclass
class Published:
    """A server on loopback whose paths are documents."""

    port: int
    bodies: dict[str, bytes] = field(default_factory=dict)
    changes: bool = False
    """Each answer has another comment, so that nobody takes it for the one before."""
    asked: int = 0

    def config(self, path: str, interval: str = "1h") -> Mapping[str, Any]:
        """A configuration with a target there."""
        target = {"name": "evil", "url": f"http://127.0.0.1:{self.port}{path}", "interval": interval}
        return {"targets": [target], "modules": {"default": {"timeout": "60s" if interval == "1h" else interval}}}


@contextmanager
def published() -> Iterator[Published]:
    """Such a server, with a small document at ``/``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked += 1
            body = found.bodies[self.path] + (f"<!-- {found.asked} -->".encode() if found.changes else b"")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the standard library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Published(server.server_port, {"/": GOOD})
        Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


@dataclass(frozen=True)
class Cost:
    """What a document cost."""

    what: str
    size: int
    outcome: str
    """The reason why it was not read, or ``read``."""
    scrape_size: int
    scrape_seconds: float
    peak: int
    """kB beyond what the process had before."""
    afterwards: int
    scrape: Scrape

    def __str__(self) -> str:
        return (
            f"{self.what} ({self.size / 1e6:.1f} MB, {self.outcome}): scrape {self.scrape_size / 1e6:.2f} MB in"
            f" {self.scrape_seconds:.2f} s, {self.peak / 1e3:+.0f} MB at most, {self.afterwards / 1e3:+.0f} MB after"
        )

    @property
    def holds(self) -> bool:
        """Whether it is within the bounds."""
        return (
            self.scrape_size <= LARGEST_SCRAPE
            and self.scrape_seconds <= LONGEST_SCRAPE
            and self.peak <= MOST_AT_PEAK
            and self.afterwards <= MOST_AFTERWARDS
        )


def costs(documents: Iterable[tuple[str, bytes]], afterwards: float = AFTERWARDS) -> Iterator[Cost]:
    """What each document costs one exporter that gets them one after the other, beyond what it had before each.

    ``afterwards`` is for how many seconds memory may take to be given back.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        published() as server,
        exporter(Path(folder), server.config("/")) as process,
    ):
        _until_probed(process, "/")
        process.scrape()
        for nth, (what, body) in enumerate(documents):
            path = f"/{nth}"
            server.bodies = {path: body}
            before = process.status("VmRSS")
            # The highest resident size is counted anew (proc(5), clear_refs).
            Path(f"/proc/{process.popen.pid}/clear_refs").write_text("5", encoding="ascii")
            (Path(folder) / "fedmeta.yml").write_text(json.dumps(server.config(path)), encoding="utf-8")
            process.popen.send_signal(signal.SIGHUP)
            text, first = _until_probed(process, path)
            yield _cost(process, (what, len(body)), (text, first), before, afterwards)


def _until_probed(process: Process, path: str) -> tuple[str, float]:
    """The first scrape that tells of a probe of this path, and how long it took."""
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline:
        began = time.monotonic()
        status, text = process.get("/metrics")
        took = time.monotonic() - began
        assert status == 200, text
        if f'{path}",policy' in text and "fedmeta_metadata_reachable{" in text:
            return text, took
        time.sleep(0.1)
    raise AssertionError(f"{path} was not probed")


def _cost(process: Process, document: tuple[str, int], answer: tuple[str, float], before: int, patience: float) -> Cost:
    text, first = answer
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        process.get("/metrics")
        seconds.append(time.monotonic() - began)
    peak, deadline = process.status("VmHWM"), time.monotonic() + patience
    while (left := process.status("VmRSS") - before) > MOST_AFTERWARDS and time.monotonic() < deadline:
        time.sleep(0.1)
    scrape = Scrape(text)
    reasons = [labels["reason"] for labels, _ in scrape.samples("fedmeta_probe_last_failure_info")]
    # All who work on the machine lengthen one scrape or another; the first one judges, and is counted by itself.
    took = max(first, sorted(seconds)[1])
    outcome = (*reasons, "read")[0]
    return Cost(*document, outcome, len(text.encode()), took, peak - before, left, scrape)


def main(count: int, seed: int) -> bool:
    """Prints what all known documents, and so many mixtures, cost; whether all held."""
    documents = [*hostile.table().items(), *islice(hostile.mixtures(seed), count)]
    held = True
    for cost in costs(documents):
        print(f"  {'' if cost.holds else 'FAILED: '}{cost}", flush=True)
        held = held and cost.holds
    return held


def looks(count: int, seed: int) -> bool:
    """Looks so many times at documents that differ each time; whether memory stays flat after the first of them."""
    many = "16,000 certificates"
    large = ((what, body) for what, body in hostile.mixtures(seed) if len(body) > LARGE and _is_read(body))
    chosen = {many: hostile.table()[many], **dict(islice(large, 2))}
    with ThreadPoolExecutor() as threads:
        return all(threads.map(partial(_in_turn, count), chosen.items()))


def _in_turn(count: int, document: tuple[str, bytes]) -> bool:
    what, body = document
    with tempfile.TemporaryDirectory() as folder, published() as server:
        server.bodies, server.changes = {"/": body}, True
        with exporter(Path(folder), server.config("/", "10s")) as process:
            resident = [_resident_after(process, server, nth) for nth in range(2, count + 1)]
            assert process.scrape().value("fedmeta_metadata_reachable") == 1, what
    early, late = max(resident[: len(resident) // 5]), max(resident[-len(resident) // 5 :])
    flat = late <= early * (1 + FLAT)
    said = f"{what} ({len(body) / 1e6:.1f} MB): {early / 1e3:.0f} MB, {late / 1e3:.0f} MB after {count} looks"
    print(f"  {'' if flat else 'FAILED: '}{said}", flush=True)
    return flat


def _is_read(body: bytes) -> bool:
    try:
        read_document(body, ())
    except DocumentError:
        return False
    return True


def _resident_after(process: Process, server: Published, asked: int) -> int:
    deadline = time.monotonic() + 4 * PATIENCE
    while server.asked < asked and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.asked >= asked, "it looks no more"
    process.get("/metrics")
    return process.status("VmRSS")
