"""What tests of every layer share."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import federation as local
import hypothesis
import pytest
import trustme

from exporter import fetch

# A loaded machine must not fail a property, and continuous integration must not roll dice.
hypothesis.settings.register_profile("here", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("here")

TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected outputs in tests/golden")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], str]:
    """The text of a file in tests/golden; with ``--update-golden`` it is given its text first."""

    def expected(name: str, actual: str) -> str:
        file = TESTS / "golden" / name
        if request.config.getoption("--update-golden"):
            file.write_text(actual, encoding="utf-8", newline="\n")
        return file.read_text(encoding="utf-8") if file.exists() else ""

    return expected


@pytest.fixture(scope="session")
def promtool() -> str:
    """Where promtool is: on PATH, or where ``make test`` puts it."""
    folders = (os.environ["PATH"], str(TESTS.parent / ".tools" / "usr" / "bin"))
    found = shutil.which("promtool", path=os.pathsep.join(folders))
    if found is None:
        pytest.fail("promtool is not here: 'make prometheus' gets it or says how to")
    return found


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real documents, which belong to their publishers and stay outside of this repository."""
    folder = Path(os.environ.get("FEDMETA_CORPUS") or TESTS.parents[1] / "shared" / "corpus")
    if not (folder / "oracle.jsonl").is_file():
        message = f"the corpus of real documents is not at {folder}; FEDMETA_CORPUS may say where it is"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


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
