"""The lock files against pyproject.toml, without asking a package index."""

import re
import tomllib
from pathlib import Path

import pytest

LOCKS = ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"]


def pins(lock: Path) -> dict[str, set[str]]:
    """Each distribution's pinned versions with their markers; markers may ask for more than one."""
    pinned: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([a-z0-9-]+)(==[^\\\n]+)", lock.read_text(), re.MULTILINE):
        pinned.setdefault(name, set()).add(pin.strip())
    return pinned


def names(requirements: list[str | dict[str, str]]) -> set[str]:
    return {
        re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")
        for requirement in requirements
        if isinstance(requirement, str)
    }


def test_every_dependency_is_locked(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    assert names(project["project"]["dependencies"]) <= pins(checkout / "requirements.lock").keys()
    assert names(groups["build"]) <= pins(checkout / "requirements-build.lock").keys()
    assert names(groups["dev"]) <= pins(checkout / "requirements-dev.lock").keys()
    assert names(project["build-system"]["requires"]) <= names(groups["build"])


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_tests_run_on_the_versions_that_are_shipped(lock: str, checkout: Path) -> None:
    tested = {
        name: {_version(pin) for pin in found} for name, found in pins(checkout / "requirements-dev.lock").items()
    }
    for name, found in pins(checkout / lock).items():
        assert {_version(pin) for pin in found} == tested[name]


def _version(pin: str) -> str:
    return pin.partition(";")[0].strip()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_a_hash_or_a_comment(lock: str, checkout: Path) -> None:
    allowed = re.compile(r"[a-z0-9-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?| *#.*")
    strangers = [line for line in (checkout / lock).read_text().splitlines() if not allowed.fullmatch(line)]
    assert strangers == []
