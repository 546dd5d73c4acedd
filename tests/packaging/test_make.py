"""What the Makefile promises to README, to continuous integration and to a machine with odd Pythons."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Make = Callable[..., str]
PYTHONS = ("python3.13", "python3.12", "python3.11", "python3")


@pytest.fixture
def make(checkout: Path, environ: Mapping[str, str]) -> Make:
    def run(*arguments: str, first_on_path: Path = checkout) -> str:
        path = f"{first_on_path}{os.pathsep}{environ['PATH']}"
        without_python = {name: value for name, value in environ.items() if name != "PYTHON"}
        command = ["make", "--no-print-directory", *arguments]
        environment = {**without_python, "PATH": path}
        return subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True, text=True).stdout

    return run


def targets(checkout: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):(?!=)", (checkout / "Makefile").read_text(), re.MULTILINE))


def test_make_alone_lists_the_targets_with_a_line_each(make: Make, checkout: Path) -> None:
    listed = {line.split(maxsplit=2)[1] for line in make().splitlines()}
    internal = {"lint", "prometheus", "xmlsec1", "chromium"}
    assert listed == targets(checkout) - internal


def test_every_target_that_the_documentation_names_exists(checkout: Path) -> None:
    documents = [checkout / "README.md", *checkout.glob("docs/*.md"), checkout / "CHANGELOG.md"]
    command = re.compile(r"(?:`|^ *(?:\$ )?)make ([a-z-]+)(?=`| *$| +#| +[A-Z]+=)", re.MULTILINE)
    named = {target for document in documents for target in command.findall(document.read_text())}
    assert {"run", "demo-stack", "test"} <= named
    assert named <= targets(checkout)


def test_check_runs_every_tool_and_the_tests_with_coverage(make: Make) -> None:
    commands = make("--dry-run", "check")
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports", "pytest --cov=exporter"):
        assert tool in commands


def test_check_runs_every_test_traced_or_not(make: Make, checkout: Path) -> None:
    traced, untraced = (line.split() for line in make("--dry-run", "check").splitlines() if "-m pytest" in line)
    left_out = {each.removeprefix("--ignore=") for each in traced if each.startswith("--ignore=")}
    assert left_out == {each for each in untraced if each.startswith("tests/")}
    assert all(list((checkout / each).glob("test_*.py")) for each in left_out)


def test_continuous_integration_runs_check_and_nothing_beside(checkout: Path) -> None:
    script = checkout / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert [line for line in script.read_text().splitlines() if "make" in line] == ["exec make check </dev/null"]


@pytest.mark.parametrize("working", PYTHONS)
def test_the_first_python_that_runs_makes_the_environment(working: str, make: Make, tmp_path: Path) -> None:
    """A version manager leaves shims on PATH that lead nowhere."""
    for name in PYTHONS[: PYTHONS.index(working)]:
        script(tmp_path / name, "exit 127")
    script(tmp_path / working, "exit 0")
    assert f"'{working}' -m venv" in make("--dry-run", "--always-make", "run", first_on_path=tmp_path)


def test_the_python_that_is_named_makes_the_environment(make: Make) -> None:
    assert "'/opt/mine' -m venv" in make("--dry-run", "--always-make", "run", "PYTHON=/opt/mine")


def test_without_a_python_the_reader_is_told_what_to_do(make: Make, tmp_path: Path) -> None:
    for name in PYTHONS:
        script(tmp_path / name, "exit 127")
    commands = make("--dry-run", "--always-make", "run", first_on_path=tmp_path)
    assert ".ci/system-packages python ''" in commands


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
