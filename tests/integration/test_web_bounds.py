"""What visitors may cost a real exporter: memory, descriptors and time, each measured from outside."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen

import builders
import pytest
from soak.process import Process, exporter
from soak.visitors import address, opened

from exporter.model import Use

LATER = datetime(2090, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    """As many descriptors as this process may have: the visitors are in it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def document(folder: Path, keys: int = 1) -> str:
    (file := folder / "idp.xml").write_bytes(
        builders.saml_metadata(keys=[(Use.SIGNING, builders.pair(nth=nth, not_after=LATER)) for nth in range(keys)])
    )
    return file.as_uri()


def in_use(process: Process) -> int:
    return len(list(Path(f"/proc/{process.popen.pid}/fd").iterdir()))


def timed(process: Process, route: str) -> float:
    began = time.monotonic()
    status, text = process.get(route)
    assert status == 200, text
    return time.monotonic() - began


def test_2000_idle_connections_at_1024_descriptors_hold_up_no_scrape_and_no_look(tmp_path: Path) -> None:
    url = document(tmp_path)
    targets = [{"name": f"t{nth}", "url": url, "interval": "1s", "module": "fast"} for nth in range(10)]
    config = {"targets": targets, "modules": {"fast": {"timeout": "1s"}}}
    with exporter(tmp_path, config, prefix=("prlimit", "--nofile=1024")) as process, ExitStack() as visitors:
        slowest = 0.0
        for nth in range(2000):
            visitors.enter_context(closing(opened(process.url, b"GET / HTTP/1.1\r\nX-Half: " if nth % 2 else b"")))
            if nth % 100 == 0:
                slowest = max(slowest, timed(process, "/metrics"))
        began = time.time()
        while min(process.looked_at().values()) < began:
            slowest = max(slowest, timed(process, "/metrics"))
            assert time.time() - began < 10
            time.sleep(0.1)
        assert slowest < 1
        assert in_use(process) < 256 + 60
        assert [line for line in process.lines if "level=info" not in line] == []
        assert sum(count for _, count in process.scrape().samples("fedmeta_exporter_probe_failures_total")) == 0
        code, took = process.stop()
    assert (code, took < 3) == (0, True)


def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    with exporter(tmp_path, {}, prefix=("prlimit", "--nofile=100:500")) as process:
        limits = Path(f"/proc/{process.popen.pid}/limits").read_text()
        (line,) = (line.split() for line in limits.splitlines() if line.startswith("Max open files"))
    assert line[3:5] == ["500", "500"]


def test_where_no_descriptor_is_left_the_log_has_a_line_a_second_and_counts_the_rest(tmp_path: Path) -> None:
    with exporter(tmp_path, {}, prefix=("prlimit", "--nofile=64")) as process:
        began = time.monotonic()
        with ExitStack() as visitors:
            # The kernel takes those that the exporter cannot: some come at once with what others leave.
            while time.monotonic() - began < 2:
                for _ in range(50):
                    visitors.enter_context(closing(opened(process.url)))
                time.sleep(0.05)
                visitors.close()
        assert timed(process, "/metrics") < 2
        process.stop()
        took = time.monotonic() - began
    trouble = [line for line in process.lines if "level=info" not in line]
    assert 1 <= len(trouble) <= took + 2
    assert sum(map(len, process.lines)) < 100_000


HOSTILE = """
import socket, sys, threading, time
post = b"POST / HTTP/1.1\\r\\nHost: x\\r\\n"
said = {
    "requests": b"GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 60_000,
    "chunks": post + b"Transfer-Encoding: chunked\\r\\n\\r\\n" + b"1\\r\\na\\r\\n" * 1_000_000,
}[sys.argv[3]]
def send():
    while True:
        with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
            try:
                connection.sendall(said)
                if sys.argv[3] == "requests":
                    time.sleep(60)
            except OSError:
                pass
print("begun", flush=True)
for _ in range(4):
    threading.Thread(target=send).start()
"""


@pytest.mark.parametrize(("kind", "more"), [("requests", 6), ("chunks", 25)])
def test_what_visitors_send_without_an_end_takes_little_memory_and_holds_up_nobody(
    tmp_path: Path, kind: str, more: int
) -> None:
    with exporter(tmp_path, {}) as process:
        timed(process, "/metrics")
        before, slowest = process.status("VmRSS"), 0.0
        command = [sys.executable, "-c", HOSTILE, *map(str, address(process.url)), kind]
        with Popen(command, stdout=PIPE, text=True) as visitor:  # noqa: S603 -- a command of ours
            assert visitor.stdout is not None
            assert visitor.stdout.readline() == "begun\n"
            try:
                end = time.monotonic() + 4
                while time.monotonic() < end:
                    slowest = max(slowest, timed(process, "/-/healthy"))
                    time.sleep(0.01)
                peak = process.status("VmRSS")
            finally:
                visitor.kill()
        assert (peak - before) / 1024 < more
        assert slowest < 1, "a tenth of it where nothing else runs"
        assert process.lines[1:] == []


READER = """
import socket, sys, threading
connected = threading.Barrier(50)
def read():
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
        connected.wait()
        connection.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
        buffer, size = bytearray(2**20), 0
        while read := connection.recv_into(buffer):
            size += read
    sizes.append(size)
sizes = []
threads = [threading.Thread(target=read) for _ in range(50)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(min(sizes))
"""


def test_50_scrapes_at_once_of_13_mb_take_little_memory_and_hold_up_nobody(tmp_path: Path) -> None:
    url = document(tmp_path, keys=32)
    targets = [{"name": f"t{nth}", "url": url, "interval": "1h"} for nth in range(300)]
    with exporter(tmp_path, {"targets": targets}) as process:
        while process.get("/-/ready")[0] != 200:
            time.sleep(0.1)
        sizes = [len(process.get("/metrics")[1]) for _ in range(4)]
        assert sizes[-1] > 13_000_000
        before, peak, slowest = process.status("VmRSS"), 0, 0.0
        command = [sys.executable, "-c", READER, *map(str, address(process.url))]
        with Popen(command, stdout=PIPE, text=True) as reading:  # noqa: S603 -- a command of ours
            while reading.poll() is None:
                slowest, peak = max(slowest, timed(process, "/-/healthy")), max(peak, process.status("VmRSS"))
                time.sleep(0.01)
            assert reading.stdout is not None
            assert int(reading.stdout.read()) > 13_000_000, "each got all of it"
        assert (peak - before) / 1024 < 100
        assert slowest < 1, "a tenth of it where nothing else runs"
        time.sleep(1)
        assert (process.status("VmRSS") - before) / 1024 < 40
