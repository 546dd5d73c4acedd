"""What tests of every layer share."""

import faulthandler
import gc
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import corpora
import federation as local
import hypothesis
import peer
import pytest
import stack
import trustme

from exporter import fetch
from exporter.log import _Sparing

# A loaded machine must not fail a property, and continuous integration must not roll dice.
SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("here", deadline=None, suppress_health_check=SLOW, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("here")

TESTS = Path(__file__).parent

THREADS_END_WITHIN = 60.0
"""Seconds, on a busy machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected outputs in tests/golden")


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """A report whose text a worker of pytest-xdist can send: half a surrogate pair in a log ends the whole run."""
    return encodable((yield))


def encodable(value: object) -> object:
    """The value with what UTF-8 has no bytes for spelled out."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {key: encodable(each) for key, each in value.items()}
        case list():
            return [encodable(each) for each in value]
        case tuple():
            return tuple(encodable(each) for each in value)
        case _:
            return value


def pytest_unconfigure(config: pytest.Config) -> None:
    """Has a run that does not end say which thread holds it up, and fail: Python waits for threads at its end.

    A worker of pytest-xdist has nothing more to say by then: it waits for the others, and then to be ended.
    """
    if not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(THREADS_END_WITHIN, exit=True, file=sys.stderr)


@pytest.fixture(scope="session", autouse=True)
def every_thread_ends() -> Iterator[None]:
    """Has a run fail that leaves a thread which Python would wait for, and say where it is; in a worker too."""
    before = set(threading.enumerate())
    yield
    # Python, too, tells those that wait for work that none will come.
    for pool in [each for each in gc.get_objects() if type(each) is ThreadPoolExecutor]:
        pool.shutdown(wait=False)
    deadline = time.monotonic() + THREADS_END_WITHIN
    for thread in [each for each in threading.enumerate() if each not in before and not each.daemon]:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            with tempfile.TemporaryFile("w+", encoding="utf-8") as dump:
                faulthandler.dump_traceback(dump)
                dump.seek(0)
                pytest.fail(f"{thread.name} does not end:\n{dump.read()}")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], str]:
    """The text of a file in tests/golden; with ``--update-golden`` it is given its text first."""

    def expected(name: str, actual: str) -> str:
        file = TESTS / "golden" / name
        if request.config.getoption("--update-golden"):
            file.write_text(actual, encoding="utf-8", newline="\n")
        return file.read_text(encoding="utf-8") if file.exists() else ""

    return expected


def tool(*names: str) -> str:
    """Where the first of these programs is."""
    try:
        return stack.found(*names)
    except FileNotFoundError as missing:
        pytest.fail(str(missing))


@pytest.fixture(scope="session")
def promtool() -> str:
    return tool("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    return tool("prometheus")


@pytest.fixture(scope="session")
def xmlsec1() -> peer.XmlSec:
    return peer.XmlSec(tool("xmlsec1"))


@pytest.fixture(scope="session")
def amtool() -> str:
    return tool("amtool")


@pytest.fixture(scope="session")
def alertmanager() -> str:
    """Debian's name for it comes first."""
    return tool("prometheus-alertmanager", "alertmanager")


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Takes away what ``log.set_up`` adds to the root logger."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in root.handlers[:]:
        if type(handler) is _Sparing:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real documents."""
    if not (corpora.FOLDER / "oracle.jsonl").is_file():
        message = f"the corpus of real documents is not at {corpora.FOLDER}; FEDMETA_CORPUS may say where it is"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return corpora.FOLDER


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certification authority that vouches for the local servers."""
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
async def federation(authority: trustme.CA, tmp_path: Path) -> AsyncIterator[local.Federation]:
    """``https://*.example.org`` on loopback."""
    async with local.federation(authority, tmp_path) as opened:
        yield opened


@pytest.fixture
async def client(federation: local.Federation) -> AsyncIterator[fetch.Client]:
    """A client that finds the federation by its names."""
    async with fetch.client(resolver=federation.names) as opened:
        yield opened
