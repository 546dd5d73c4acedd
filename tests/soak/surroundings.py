"""What the surroundings may do to a watch: silent name servers, a locked file, a full process, signals at any moment.

Each is a real exporter on loopback, in a bounded time; each says its figures, or fails.
"""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import builders
from nameserver import Says, nameserver

from soak.process import Process, exporter

NOBODY = 65534
"""From here down nobody has an account: a user that no other process runs as."""

DOCUMENT = builders.saml_metadata()
QUICK: Mapping[str, object] = {"modules": {"default": {"timeout": "2s"}}}
"""For intervals of seconds: none may be shorter than the timeout."""


class _Publisher(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DOCUMENT)))
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the standard library
        pass


@contextmanager
def _publisher() -> Iterator[int]:
    """The port of a server on loopback that publishes a document."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Publisher) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def _name_server() -> Iterator[str]:
    """The place of a name server that is silent about ``*.silent.example`` and knows all else on loopback."""
    ended = Event()
    places: list[str] = []

    def says(name: str) -> Says:
        return None if name.endswith(".silent.example") else ["127.0.0.1"]

    async def serve() -> None:
        async with nameserver(says) as server:
            places.append(server.place)
            await asyncio.to_thread(ended.wait)

    thread = Thread(target=partial(asyncio.run, serve()), daemon=True)
    thread.start()
    while not places:
        time.sleep(0.01)
    yield places[0]
    ended.set()
    thread.join(5)


def silent_names(resolver: str, seconds: float = 60.0, names: int = 500) -> str:
    """500 names that nobody answers for: scrapes, targets by address, and where it can be other names go on."""
    with tempfile.TemporaryDirectory() as folder, _publisher() as port, _name_server() as place:
        fast = {"module": "fast", "interval": "1s"}
        targets: list[Mapping[str, object]] = [
            {"name": f"silent{nth}", "url": f"http://h{nth}.silent.example/x"} for nth in range(names)
        ]
        targets += [{"name": f"address{nth}", "url": f"http://127.0.0.1:{port}/", **fast} for nth in range(5)]
        targets += [{"name": f"known{nth}", "url": f"http://h{nth}.known.example:{port}/", **fast} for nth in range(5)]
        before = {
            "c-ares": "from exporter.fetch import names\n"
            f"names.RESOLVERS['c-ares'] = lambda: names.CAres(servers=[{place!r}])",
            # As the system's own look-up behaves where no name server answers: 30 seconds, then a failure.
            "system": "import socket, time\n"
            "known = socket.getaddrinfo\n"
            "def silent(host, *rest, **named):\n"
            "    if host.endswith('.silent.example'):\n"
            "        time.sleep(30)\n"
            "        raise socket.gaierror(socket.EAI_AGAIN, 'Temporary failure in name resolution')\n"
            "    return known('127.0.0.1' if host.endswith('.example') else host, *rest, **named)\n"
            "socket.getaddrinfo = silent",
        }[resolver]
        config = {"targets": targets, "modules": {"fast": {"timeout": "1s"}}}
        with exporter(Path(folder), config, f"--dns.resolver={resolver}", before=before) as process:
            ages, slowest = _ages(process, seconds)
            threads, healthy = process.status("Threads"), process.get("/-/healthy")[0]
            code, took = process.stop()
    address = max(age for name, age in ages.items() if name.startswith("address"))
    known = max((age for name, age in ages.items() if name.startswith("known")), default=float("inf"))
    said = (
        f"{names} silent names for {seconds:.0f} s ({resolver}): /metrics at most {slowest:.2f} s,"
        f" by address at most {address:.1f} s old, by other names {known:.1f} s, {threads} threads, end in {took:.1f} s"
    )
    # An interval of 1 s, a tenth of it jitter, and up to half a second between two of our scrapes.
    others = resolver != "c-ares" or known <= 2.5
    return _shown(said, slowest <= 1, address <= 1.5 + 0.5, others, healthy == 200, code == 0, took <= 3)


def _ages(process: Process, seconds: float) -> tuple[dict[str, float], float]:
    """How old the latest look at each target got at most after its first, and how long a scrape took at most."""
    oldest: dict[str, float] = {}
    slowest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        at = process.looked_at()
        slowest = max(slowest, time.monotonic() - began)
        now = time.time()
        for name, moment in at.items():
            oldest[name] = max(oldest.get(name, 0.0), now - moment)
        time.sleep(0.25)
    return oldest, slowest


def locked_file(seconds: float = 60.0, targets: int = 200) -> str:
    """Another process holds the state file: no look is lost, and all is saved when it lets go."""
    with tempfile.TemporaryDirectory() as folder, _publisher() as port:
        file = Path(folder) / "state.sqlite"
        url = f"http://127.0.0.1:{port}/"
        watched = [{"name": f"t{nth}", "url": url, "interval": "5s"} for nth in range(targets)]
        config = {"targets": watched, **QUICK}
        with exporter(Path(folder), config) as process, closing(sqlite3.connect(file, isolation_level=None)) as other:
            time.sleep(12)
            free = _looks(process, 10)
            other.execute("begin immediate")
            ages, slowest = _ages(process, seconds - 10)
            held = _looks(process, 10)
            scrape = process.scrape()
            healthy = process.get("/-/healthy")[0]
            errors = scrape.value("fedmeta_exporter_storage_errors_total")
            writable = scrape.value("fedmeta_exporter_storage_writable")
            before = _saved(other)
            other.execute("rollback")
            until = time.monotonic() + 10
            while (after := _saved(other)) <= before:
                assert time.monotonic() < until, "nothing is saved when the lock is gone"
                time.sleep(0.1)
            other.execute("begin immediate")
            code, took = process.stop()
    said = (
        f"a lock of {seconds:.0f} s over {targets} targets: {free:.0f} looks a second before, {held:.0f} under it,"
        f" the oldest {max(ages.values()):.1f} s, {errors:.0f} errors counted, /metrics at most {slowest:.2f} s;"
        f" after it what is saved was {after - before:.0f} s newer; end under a lock in {took:.1f} s"
    )
    told = errors > 0 and writable == 0 and healthy == 200
    return _shown(said, held >= 0.8 * free, max(ages.values()) <= 1.5 * 5, told, code == 0, took <= 3)


def _looks(process: Process, seconds: float) -> float:
    """Looks a second."""

    def count() -> float:
        return sum(value for _, value in process.scrape().samples("fedmeta_probes_total"))

    before, began = count(), time.monotonic()
    time.sleep(seconds)
    return (count() - before) / (time.monotonic() - began)


def _saved(file: sqlite3.Connection) -> float:
    """When the latest look that is saved was made, in seconds."""
    (latest,) = file.execute("SELECT max(unixepoch(last_success)) FROM target").fetchone()
    return float(latest or 0)


def few_threads(seconds: float = 45.0) -> str:
    """40 files looked at every 10 s by a process that may have no more than 12 threads: nobody is left unseen."""
    with _as_somebody() as (folder, user):
        (document := folder / "idp.xml").write_bytes(DOCUMENT)
        document.chmod(0o644)
        targets = [{"name": f"f{nth}", "url": document.as_uri(), "interval": "10s"} for nth in range(40)]
        limit, python = ("prlimit", "--nproc=12"), _python_for(user)
        with exporter(folder, {"targets": targets}, prefix=limit, user=user, python=python) as process:
            time.sleep(seconds)
            now = time.time()
            seen = process.looked_at()
            old = [name for name, at in seen.items() if now - at > 2 * 10 * 1.1 + 1]
            threads = process.status("Threads")
            restarts = sum(value for _, value in process.scrape().samples("fedmeta_exporter_watch_restarts_total"))
            failures = process.scrape().value("fedmeta_exporter_probe_failures_total", reason="internal")
            code, took = process.stop()
    said = (
        f"{len(seen)} of 40 seen with 12 threads at most ({threads} used), {len(old)} older than two intervals,"
        f" {restarts:.0f} restarts, {failures:.0f} looks without a thread, end in {took:.1f} s"
    )
    return _shown(said, len(seen) == 40, not old, code == 0, took <= 3)


@contextmanager
def _as_somebody() -> Iterator[tuple[Path, int | None]]:
    """A folder, and a user whose it is and who has no processes: the limit counts those of a user, and none of root."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() != 0:
            yield Path(name), None
            return
        user = NOBODY - 1 - random.SystemRandom().randrange(1000)
        os.chown(name, user, user)
        yield Path(name), user


def _python_for(user: int | None) -> str:
    """This Python, or the system's of the same version, whichever a user may run: root's own may lie in root's home."""
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        with suppress(OSError):
            if subprocess.run([python, "-c", ""], user=user, check=False).returncode == 0:  # noqa: S603 -- a Python of ours or of the system
                return python
    raise FileNotFoundError("no Python of this version that another user than root may run")


def little_memory(seconds: float = 60.0) -> str:
    """40 targets and 100 silent names in an address space of 420,000 kB: everybody is looked at, and nothing ends."""
    with tempfile.TemporaryDirectory() as folder, _publisher() as port, _name_server() as place:
        url = f"http://127.0.0.1:{port}/"
        targets = [{"name": f"t{nth}", "url": url, "interval": "2s"} for nth in range(40)]
        silent = [{"name": f"silent{nth}", "url": f"http://h{nth}.silent.example/x"} for nth in range(100)]
        before = (
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (430_080_000, 430_080_000))\n"
            f"from exporter.fetch import names\nnames.RESOLVERS['c-ares'] = lambda: names.CAres(servers=[{place!r}])"
        )
        with exporter(Path(folder), {"targets": [*targets, *silent], **QUICK}, before=before) as process:
            ages, slowest = _ages(process, seconds)
            seen = [age for name, age in ages.items() if name.startswith("t")]
            failures = process.scrape().value("fedmeta_exporter_probe_failures_total", reason="internal")
            size = process.status("VmSize")
            code, took = process.stop()
    said = (
        f"{len(seen)} of 40 seen in 420,000 kB of addresses ({size} used), at most {max(seen):.1f} s old,"
        f" {failures:.0f} looks without memory, /metrics at most {slowest:.2f} s, end in {took:.1f} s"
    )
    return _shown(said, len(seen) == 40, max(seen) <= 2 * 2 * 1.1 + 0.5, code == 0, took <= 3)


def few_descriptors(seconds: float = 30.0) -> str:
    """200 targets with 64 file descriptors: all are looked at."""
    with tempfile.TemporaryDirectory() as folder, _publisher() as port:
        targets = [
            {"name": f"t{nth}", "url": f"http://127.0.0.1:{port}/{nth}", "interval": "10s"} for nth in range(200)
        ]
        with exporter(Path(folder), {"targets": targets}, prefix=("prlimit", "--nofile=64")) as process:
            time.sleep(seconds)
            seen = process.looked_at()
            used = len(list(Path(f"/proc/{process.popen.pid}/fd").iterdir()))
            code, took = process.stop()
    said = f"{len(seen)} of 200 seen with 64 descriptors ({used} in use), end in {took:.1f} s"
    return _shown(said, len(seen) == 200, code == 0)


def hangups(times: int = 200) -> str:
    """SIGHUP at moments spread over the start, each into a process of its own: none ends it."""
    began, dead = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name:
        (file := Path(name) / "fedmeta.yml").write_text("targets: []\n")
        command = [sys.executable, "-m", "exporter", "serve", f"--config.file={file}", "--storage.path="]
        for nth in range(times):
            with subprocess.Popen(  # noqa: S603 -- a command of ours
                [*command, "--web.listen-address=127.0.0.1:0"], stderr=subprocess.DEVNULL
            ) as process:
                # Before our first line nobody can take it: Python itself is still starting.
                while not _takes(process.pid, signal.SIGHUP):
                    assert process.poll() is None
                time.sleep(1.2 * nth / times)
                process.send_signal(signal.SIGHUP)
                time.sleep(0.02)
                dead += process.poll() is not None
                process.kill()
    said = f"{dead} of {times} ended by a SIGHUP while they started, {time.monotonic() - began:.0f} s"
    return _shown(said, dead == 0)


def _shown(said: str, *holds: bool) -> str:
    """The figures, where all holds that must."""
    if not all(holds):
        raise AssertionError(said)
    return said


def _takes(process: int, number: int) -> bool:
    """Whether a process has a handler for a signal (proc(5), SigCgt)."""
    lines: Sequence[str] = Path(f"/proc/{process}/status").read_text().splitlines()
    return any(int(line.split()[1], 16) >> (number - 1) & 1 for line in lines if line.startswith("SigCgt:"))
