"""An installation takes what the locks say and nothing else, with an old pip and whatever the index has got since."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from locks import BUILD, DEVELOPMENT, LOCKS, NEWER, RUNTIME, locked, pins
from packaging.utils import canonicalize_name

# Python 3.11.0 brings it, and later Pythons cannot run it.
OLDEST_PIP = "22.3"


@pytest.fixture
def clone(checkout: Path, environ: Mapping[str, str], tmp_path: Path) -> Path:
    """The files that git has, as they stand; under Python 3.11 with an environment that has the oldest pip."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, env=environ, check=True, capture_output=True)
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout / name, tmp_path / name)
    if sys.version_info < (3, 12):
        environment = tmp_path / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], env=environ, check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(environment)]
        subprocess.run([*pip, "install", "--quiet", f"pip=={OLDEST_PIP}"], env=environ, check=True)
    return tmp_path


def installed(clone: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment has, apart from pip and the project itself."""
    pip = [str(clone / ".venv" / "bin" / "python"), "-m", "pip"]
    command = [*pip, "list", "--format=json", "--exclude-editable"]
    listed = json.loads(subprocess.run(command, env=environ, check=True, capture_output=True).stdout)
    return {canonicalize_name(each["name"]): each["version"] for each in listed if each["name"] != "pip"}


def test_the_index_of_these_tests_offers_something_newer_of_everything(
    later: Mapping[str, str], checkout: Path
) -> None:
    names = {pin.name for lock in LOCKS for pin in pins(checkout / lock)}
    dry_run = ["install", "--dry-run", "--quiet", "--ignore-installed", "--no-index", "--report=-", *names]
    done = subprocess.run([sys.executable, "-m", "pip", *dry_run], env=later, check=True, capture_output=True)
    offered = [each["metadata"] for each in json.loads(done.stdout)["install"]]
    assert {(each["name"], each["version"]) for each in offered} == {(name, NEWER) for name in names}


def test_make_installs_what_the_locks_say_though_the_index_offers_newer_versions(
    clone: Path, later: Mapping[str, str]
) -> None:
    # Bytecode has nothing to do with it, and takes a sixth of the time.
    later = {**later, "PIP_NO_COMPILE": "1"}
    make = ["make", f"PYTHON={sys.executable}"]
    subprocess.run([*make, ".venv/runtime"], cwd=clone, env=later, check=True)
    assert installed(clone, later) == locked(clone / RUNTIME) | locked(clone / BUILD)
    subprocess.run([*make, ".venv/development"], cwd=clone, env=later, check=True)
    assert installed(clone, later) == locked(clone / DEVELOPMENT)
