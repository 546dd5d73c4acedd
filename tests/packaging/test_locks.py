"""The lock files against pyproject.toml, and against what the distributions in them ask for; no index is asked."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from locks import BUILD, DEVELOPMENT, LOCKS, RUNTIME, locked
from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PYTHONS = ("3.11.0", "3.11.5", "3.12.0", "3.13.0", "3.14.0")
CPYTHON = {"platform_python_implementation": "CPython", "implementation_name": "cpython"}
PYPY = {"platform_python_implementation": "PyPy", "implementation_name": "pypy"}
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", **CPYTHON},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", **CPYTHON},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", **CPYTHON},
    "pypy": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", **PYPY},
}


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> Mapping[str, str]:
    version = str(request.param)
    return {
        "python_full_version": version,
        "python_version": version.rpartition(".")[0],
        "implementation_version": version,
    }


@pytest.fixture(params=PLATFORMS)
def machine(request: pytest.FixtureRequest, python: Mapping[str, str]) -> Mapping[str, str]:
    return {**PLATFORMS[request.param], **python}


@pytest.fixture
def wanted(checkout: Path) -> Mapping[str, list[str]]:
    """What pyproject.toml asks for, by the lock that has to give it."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    dependencies: list[str] = project["project"]["dependencies"]
    return {
        RUNTIME: dependencies,
        BUILD: [*project["build-system"]["requires"], *resolve_dependency_groups(groups, "build")],
        DEVELOPMENT: [*dependencies, *resolve_dependency_groups(groups, "dev")],
    }


def closure(wanted: Iterable[str], machine: Mapping[str, str]) -> dict[str, SpecifierSet]:
    """All that a machine needs, with the versions that do, by the metadata of what is installed here.

    What is not installed here because another platform needs it is taken to need nothing itself.
    """
    needed: dict[str, SpecifierSet] = {}
    seen: set[tuple[str, str]] = set()
    open_ends = [(Requirement(text), "") for text in wanted]
    while open_ends:
        requirement, extra = open_ends.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({**machine, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        needed[name] = needed.get(name, SpecifierSet()) & requirement.specifier
        for asked in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, asked))
            open_ends.extend((Requirement(text), asked) for text in _requires(name))
    return needed


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_what_is_needed_and_nothing_else_in_versions_that_fit(
    lock: str, wanted: Mapping[str, list[str]], machine: Mapping[str, str], checkout: Path
) -> None:
    needed = closure(wanted[lock], machine)
    versions = locked(checkout / lock, machine)
    assert versions.keys() == needed.keys()
    assert [name for name, fits in needed.items() if not fits.contains(versions[name], prereleases=True)] == []


@pytest.mark.parametrize("lock", [RUNTIME, BUILD])
def test_tests_run_on_the_versions_that_are_shipped(lock: str, machine: Mapping[str, str], checkout: Path) -> None:
    assert locked(checkout / lock, machine).items() <= locked(checkout / DEVELOPMENT, machine).items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_a_hash_or_a_comment_and_nothing_is_built_from_source(lock: str, checkout: Path) -> None:
    allowed = re.compile(r"[a-z0-9-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?| *#.*|")
    strangers = [line for line in (checkout / lock).read_text().splitlines() if not allowed.fullmatch(line)]
    assert strangers == ["--only-binary :all:"]
