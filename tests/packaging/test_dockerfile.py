"""The Dockerfile's own steps, in order, outside a container: where no engine is at hand they still cannot rot.

Folders stand for what a container would give: every absolute path of the Dockerfile lies below a root of the test.
A new stage begins with an empty root, so that what is not copied over is not there. Not tried: base image and engine.
"""

import json
import os
import re
import shlex
import shutil
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest
from locks import RUNTIME, locked
from packaging.utils import canonicalize_name
from stack import free_port

from exporter import __version__
from exporter.flags import DEFAULT_LISTEN

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
LIST = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
STARTS_WITHIN = 120
STOPS_WITHIN = 5


@dataclass(frozen=True)
class Step:
    """One instruction, its flags apart from its text."""

    word: str
    flags: Mapping[str, str]
    text: str


def steps(dockerfile: str) -> Iterator[Step]:
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.startswith("#")]
    for instruction in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, text = instruction.split(maxsplit=1)
        flags = {}
        while text.startswith("--"):
            flag, text = text.split(maxsplit=1)
            name, _, value = flag.removeprefix("--").partition("=")
            flags[name] = value
        yield Step(word, flags, text)


@dataclass
class Image:
    """A stage: its root, and what the instructions so far have set."""

    root: Path
    environment: dict[str, str]
    workdir: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def user(self) -> int:
        return int(self.settings.get("USER", "0").partition(":")[0])

    @property
    def volume(self) -> Path:
        return Path(self.inside(self.settings["VOLUME"]))

    @property
    def port(self) -> str:
        return self.settings["EXPOSE"]

    @property
    def healthcheck(self) -> list[str]:
        return [str(part) for part in json.loads(self.settings["HEALTHCHECK"].removeprefix("CMD"))]

    @property
    def entrypoint(self) -> list[str]:
        return [str(part) for part in json.loads(self.settings["ENTRYPOINT"])]

    def inside(self, text: str) -> str:
        """The text, with every absolute path in it moved below the root."""
        return re.sub(r"(?<![\w./-])/(?=[a-z])", f"{self.root}/", text)

    def copy(self, step: Step, source: Path) -> None:
        *names, target = step.text.split()
        destination = self.workdir / self.inside(target)
        for name in names:
            origin = source / name.lstrip("/")
            if origin.is_dir():
                shutil.copytree(origin, destination, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(origin, destination / origin.name if target.endswith("/") else destination)
        owner = step.flags.get("chown", "")
        if owner and os.geteuid() == 0:
            user, group = owner.split(":")
            for path in (destination, *destination.rglob("*")):
                os.chown(path, int(user), int(group))

    def follow(self, step: Step, machine: Mapping[str, str]) -> None:
        match step.word:
            case "WORKDIR":
                self.workdir = Path(self.inside(step.text))
                self.workdir.mkdir(parents=True, exist_ok=True)
            case "RUN":
                environment = {**machine, **self.environment}
                shell = ["sh", "-c", self.inside(step.text)]
                subprocess.run(shell, cwd=self.workdir, env=environment, umask=0o022, check=True)
            case "ENV":
                for assignment in shlex.split(step.text):
                    name, _, value = assignment.partition("=")
                    self.environment[name] = string.Template(self.inside(value)).substitute(self.environment)
            case "USER" | "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT" | "LABEL":
                self.settings[step.word] = step.text
            case _:
                pytest.fail(f"this test does not know {step.word} yet")

    def start(self, *command: str) -> subprocess.Popen[str]:
        """The command as the image's user, or as whoever runs the tests, when that is not root. Engines set HOME so."""
        root = os.geteuid() == 0
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={"HOME": "/", **self.environment},
            user=self.user if root else None,
            group=self.user if root else None,
            extra_groups=[] if root else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str) -> tuple[int, str]:
        with self.start(*command) as process:
            printed, _ = process.communicate(timeout=STARTS_WITHIN)
        return process.returncode, printed


def seen_by_the_build(checkout: Path, context: Path) -> None:
    """A copy of what .dockerignore lets through; its last line that matches a path or a folder above it decides."""
    patterns = [
        line for line in (checkout / ".dockerignore").read_text().split("\n") if line and not line.startswith("#")
    ]

    def left_out(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(checkout)
        return {name for name in names if _ignored(inside / name, patterns)}

    shutil.copytree(checkout, context, ignore=left_out)


def _ignored(path: Path, patterns: Sequence[str]) -> bool:
    ignored = False
    for pattern in patterns:
        named = pattern.removeprefix("!")
        # A folder is looked into for what is named below it.
        below = pattern.startswith("!") and Path(named).is_relative_to(path)
        if below or any(fnmatch(str(part), named) for part in (path, *path.parents)):
            ignored = not pattern.startswith("!")
    return ignored


def build(dockerfile: str, context: Path, root: Path, path: str, machine: Mapping[str, str]) -> Image:
    stages: dict[str, Path] = {}
    name = ""
    image = Image(root, {}, root)
    for step in steps(dockerfile):
        if step.word == "FROM":
            if root.exists():
                stages[name] = root.rename(root.with_name(name))
            root.mkdir()
            image = Image(root, {"PATH": path}, root)
            name = step.text.partition(" AS ")[2]
        elif step.word == "COPY":
            image.copy(step, stages[step.flags["from"]] if "from" in step.flags else context)
        else:
            image.follow(step, machine)
    return image


def runs_as(user: int, python: str, shim: Path) -> bool:
    """Whether the user can start this Python from the test's folder, by the name that it has in the base image."""
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} "$@"\n')
    shim.chmod(0o755)
    machine = Image(shim.parent, {"PATH": f"{shim.parent}:{SYSTEM_PATH}"}, shim.parent, {"USER": str(user)})
    try:
        status, _ = machine.run(shim.name, "-c", "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))")
    except PermissionError:
        return False
    return status == 0


@pytest.fixture(scope="module")
def image(checkout: Path, later: Mapping[str, str]) -> Iterator[Image]:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        (base / "bin").mkdir()
        pythons = [str(Path(sys.executable).resolve()), shutil.which("python3", path=SYSTEM_PATH)]
        if not any(python and runs_as(65532, python, base / "bin" / "python") for python in pythons):
            pytest.skip("root's Python lies where no other user may run it, and the system has none from 3.11 on")
        seen_by_the_build(checkout, base / "context")
        dockerfile = (checkout / "Dockerfile").read_text()
        yield build(dockerfile, base / "context", base / "root", f"{base / 'bin'}:{SYSTEM_PATH}", later)


def test_the_build_sees_what_it_needs_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    (checkout / "exporter" / "__pycache__").mkdir(exist_ok=True)
    seen_by_the_build(checkout, tmp_path / "context")
    assert {path.name for path in (tmp_path / "context").iterdir()} == {
        "LICENSE",
        "README.md",
        "alerts",
        "dashboards",
        "docs",
        "exporter",
        "pyproject.toml",
        "requirements-build.lock",
        "requirements.lock",
    }
    assert [path.name for path in (tmp_path / "context" / "docs").iterdir()] == ["runbooks.md"]
    assert not list((tmp_path / "context").rglob("__pycache__"))


def test_the_entry_point_is_the_command_and_runs_as_somebody_who_is_not_root(image: Image) -> None:
    assert image.user > 0
    status, printed = image.run(*image.entrypoint, "--version")
    assert (status, "fedmeta-exporter" in printed) == (0, True)


def test_the_image_holds_the_locked_versions_though_the_index_offers_newer_ones(image: Image, checkout: Path) -> None:
    python = image.root / "opt" / "fedmeta-exporter" / "bin" / "python"
    _, version = image.run(str(python), "-c", "import platform; print(platform.python_version())")
    machine = {"python_full_version": version.strip(), "python_version": version.rpartition(".")[0]}
    _, listed = image.run(str(python), "-c", LIST)
    installed = {canonicalize_name(name): pinned for name, pinned in map(str.split, listed.splitlines())}
    # Python 3.11 puts setuptools into every environment; that of the base image does not.
    expected = {"fedmeta-exporter": __version__, **locked(checkout / RUNTIME, machine)}
    assert {name: pinned for name, pinned in installed.items() if name != "setuptools"} == expected


def test_the_image_holds_rules_and_dashboards_and_no_installer(image: Image) -> None:
    environment = image.root / "opt" / "fedmeta-exporter"
    assert {path.name for path in (environment / "share" / "fedmeta-exporter").iterdir()} == {"alerts", "dashboards"}
    assert not list(environment.glob("bin/pip*"))


def test_the_image_writes_the_rules(image: Image, checkout: Path) -> None:
    assert image.run(*image.entrypoint, "rules") == (0, (checkout / "alerts" / "fedmeta.rules.yml").read_text("utf-8"))


def test_the_port_is_the_one_that_the_command_listens_on(image: Image) -> None:
    assert f":{image.port}" == DEFAULT_LISTEN


def test_it_becomes_healthy_keeps_state_in_its_volume_and_stops_when_told(image: Image) -> None:
    port = free_port()
    assert image.port in image.healthcheck[-1]
    check = [part.replace(image.port, str(port)) for part in image.healthcheck]
    assert image.run(*check)[0] != 0

    serve = [*image.entrypoint, "serve", f"--web.listen-address=127.0.0.1:{port}", "http://127.0.0.1:9/"]
    with image.start(*serve) as process:
        deadline = time.monotonic() + STARTS_WITHIN
        while image.run(*check)[0] != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"it never became healthy and printed: {process.communicate()[0]}")
        process.terminate()
        try:
            printed, _ = process.communicate(timeout=STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"it did not stop and printed: {process.communicate()[0]}")
    assert process.returncode == 0, printed
    assert list(image.volume.iterdir()), printed
