"""A real exporter, started as a user starts it, and what can be seen of it from outside."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from live import Scrape

PATIENCE = 30.0
"""Seconds in which it must serve, and end."""


@dataclass
class Process:
    """An exporter that runs."""

    popen: subprocess.Popen[str]
    lines: list[str]
    """What it has logged."""
    url: str = ""

    def get(self, route: str, timeout: float = PATIENCE) -> tuple[int, str]:
        """Status and body of an answer."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=timeout)) as connection:
            connection.request("GET", route)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def scrape(self) -> Scrape:
        """What it tells Prometheus now."""
        status, text = self.get("/metrics")
        assert status == 200, text
        return Scrape(text)

    def looked_at(self) -> dict[str, float]:
        """When each target was last looked at: seconds since the epoch, by name."""
        samples = self.scrape().samples("fedmeta_probe_last_attempt_timestamp_seconds")
        return {labels["target"]: value for labels, value in samples}

    def status(self, field: str) -> int:
        """A number that the kernel gives of the process: ``VmRSS`` in kB, ``Threads``."""
        text = Path(f"/proc/{self.popen.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+)", text, re.MULTILINE)
        assert found is not None, field
        return int(found[1])

    def stop(self) -> tuple[int, float]:
        """Its exit code after SIGTERM, and how many seconds it took."""
        began = time.monotonic()
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(PATIENCE), time.monotonic() - began


@contextmanager
def exporter(
    folder: Path,
    config: Mapping[str, Any],
    *flags: str,
    prefix: Sequence[str] = (),
    before: str = "",
    user: int | None = None,
    python: str = sys.executable,
) -> Iterator[Process]:
    """An exporter with this configuration, and its state in ``folder``.

    ``prefix`` stands before the command, the Python code ``before`` runs ahead of it in the same process.
    """
    (file := folder / "fedmeta.yml").write_text(json.dumps(config))
    code = f"{before}\nfrom exporter.__main__ import run\nrun()"
    command = [*prefix, python, "-c", code, "serve", f"--config.file={file}"]
    flags = (f"--storage.path={folder / 'state.sqlite'}", "--web.listen-address=127.0.0.1:0", *flags)
    with subprocess.Popen(  # noqa: S603 -- a command of ours
        [*command, *flags],
        stderr=subprocess.PIPE,
        text=True,
        user=user,
        group=user,
        extra_groups=None if user is None else (),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder)},
    ) as popen:
        process = Process(popen, [])
        reading = Thread(target=_read, args=(process,), daemon=True)
        reading.start()
        try:
            deadline = time.monotonic() + PATIENCE
            while not process.url:
                assert popen.poll() is None, "".join(process.lines)
                assert time.monotonic() < deadline, "it does not serve"
                time.sleep(0.01)
            # What was saved may still be read, and only then is anything shown.
            while process.get("/targets/nobody")[0] == 503:
                assert time.monotonic() < deadline, "it does not show how targets stand"
                time.sleep(0.01)
            yield process
        finally:
            popen.kill()
            reading.join(PATIENCE)


def _read(process: Process) -> None:
    assert process.popen.stderr is not None
    for line in process.popen.stderr:
        process.lines.append(line)
        if said := re.search(r'msg=listening url="?(http://[^\s"]+)', line):
            process.url = said[1]
