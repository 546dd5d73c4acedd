"""The demo, as a person starts it, once every farm was looked at."""

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

PATIENCE = 60
"""Seconds until it is ready, on a busy machine."""


@contextmanager
def demo() -> Iterator[str]:
    """The address of its pages, without a slash at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "demo", "--web.listen-address=127.0.0.1:0", "--log.level=error"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            url = next(found[1] for line in process.stdout if (found := re.match(r"Open (\S+)/ to see", line)))
            until = time.monotonic() + PATIENCE
            while _status(url, "/-/ready") != 200:
                assert time.monotonic() < until, "not every farm was looked at"
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def _status(url: str, route: str) -> int:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)) as connection:
        connection.request("GET", route)
        return connection.getresponse().status
