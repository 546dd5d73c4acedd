"""What tests of every layer share."""

import faulthandler
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import corpora
import federation as local
import hypothesis
import peer
import pytest
import stack
import trustme

from exporter import fetch

# A loaded machine must not fail a property, and continuous integration must not roll dice.
SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("here", deadline=None, suppress_health_check=SLOW, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("here")

TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected outputs in tests/golden")


def pytest_unconfigure() -> None:
    """Has a run that does not end say which thread holds it up, and fail: Python waits for threads at its end."""
    faulthandler.dump_traceback_later(60, exit=True, file=sys.stderr)


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
        if type(handler) is logging.StreamHandler:
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
