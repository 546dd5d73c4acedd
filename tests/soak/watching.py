"""What the surroundings may do to a watch: refuse threads and memory, send signals at any moment."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import builders

from soak.process import exporter

NOBODY = 65534


def few_threads(seconds: float = 45.0) -> str:
    """40 files looked at every 10 s by a process that may have no more than 12 threads: nobody is left unseen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (document := folder / "idp.xml").write_bytes(builders.saml_metadata())
        targets = [{"name": f"f{nth}", "url": document.as_uri(), "interval": "10s"} for nth in range(40)]
        # As a user who has no other processes: the limit counts all threads of a user, and none of root's.
        limited = os.geteuid() == 0
        for path in (folder, document):
            path.chmod(0o777)
        user = NOBODY - random.SystemRandom().randrange(1000) if limited else None
        with exporter(folder, {"targets": targets}, prefix=("prlimit", "--nproc=12"), user=user) as process:
            time.sleep(seconds)
            now = time.time()
            old = {target: now - at for target, at in process.looked_at().items() if now - at > 2 * 10 * 1.1 + 1}
            seen = len(process.looked_at())
            threads = process.status("Threads")
            restarts = sum(v for _, v in process.scrape().samples("fedmeta_exporter_watch_restarts_total"))
            code, took = process.stop()
    assert (seen, old, code) == (40, {}, 0), (seen, old, code)
    assert took < 3, took
    assert threads <= 12 or not limited, threads
    return (
        f"{seen} of 40 seen, none older than two intervals, {threads} threads, {restarts:g} restarts, end {took:.1f} s"
    )


def hangups(times: int = 200) -> str:
    """SIGHUP at moments spread over the start, each into a process of its own: none ends it."""
    began = time.monotonic()
    dead = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fedmeta.yml").write_text("targets: []\n")
        command = [
            sys.executable,
            "-m",
            "exporter",
            "serve",
            f"--config.file={folder / 'fedmeta.yml'}",
            "--storage.path=",
        ]
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
                process.terminate()
    assert dead == 0, dead
    return f"0 of {times} ended, {time.monotonic() - began:.0f} s"


def _takes(process: int, number: int) -> bool:
    """Whether a process has a handler for a signal (proc(5), SigCgt)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False
