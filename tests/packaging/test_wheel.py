"""What README's installation of the tested versions gives, outside the checkout."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest
from locks import BUILD, RUNTIME, locked
from packaging.utils import canonicalize_name

import exporter


@pytest.fixture(scope="module")
def environment(checkout: Path, later: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    environment = tmp_path_factory.mktemp("wheel") / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], env=later, check=True)
    inside = {**later, "PATH": f"{environment / 'bin'}{os.pathsep}{later['PATH']}"}
    (commands,) = re.findall(r"```console\n((?:\$ pip .*\n){2})```", (checkout / "README.md").read_text())
    for command in re.findall(r"^\$ (.*)", commands, re.MULTILINE):
        subprocess.run(["sh", "-c", command], cwd=checkout, env=inside, check=True)
    return environment


def output(environ: Mapping[str, str], cwd: Path, *command: Path | str) -> str:
    return subprocess.run(command, cwd=cwd, env=environ, check=True, capture_output=True, text=True).stdout


def test_the_locked_versions_are_installed_though_the_index_offers_newer_ones(
    environment: Path, environ: Mapping[str, str], checkout: Path, tmp_path: Path
) -> None:
    pip = output(environ, tmp_path, environment / "bin" / "python", "-m", "pip", "list", "--format=json")
    installed = {canonicalize_name(each["name"]): each["version"] for each in json.loads(pip)}
    expected = locked(checkout / RUNTIME) | locked(checkout / BUILD) | {"fedmeta-exporter": exporter.__version__}
    # Every environment has pip; that of Python 3.11 has setuptools too.
    assert {name: pinned for name, pinned in installed.items() if name not in {"pip", "setuptools"}} == expected


def files(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_command_tells_its_version_outside_the_checkout(
    environment: Path, environ: Mapping[str, str], tmp_path: Path
) -> None:
    assert exporter.__version__ in output(environ, tmp_path, environment / "bin" / "fedmeta-exporter", "--version")


def test_the_package_comes_from_the_wheel_and_is_whole(
    environment: Path, environ: Mapping[str, str], checkout: Path, tmp_path: Path
) -> None:
    where = "import exporter, pathlib; print(pathlib.Path(exporter.__file__).parent)"
    installed = Path(output(environ, tmp_path, environment / "bin" / "python", "-c", where).strip())
    assert installed.is_relative_to(environment)
    assert files(installed) == files(checkout / "exporter")


@pytest.mark.parametrize("folder", ["alerts", "dashboards"])
def test_what_belongs_to_the_metrics_travels_with_the_wheel(folder: str, environment: Path, checkout: Path) -> None:
    assert files(checkout / folder)
    assert files(environment / "share" / "fedmeta-exporter" / folder) == files(checkout / folder)


def test_the_command_writes_the_rules_outside_the_checkout(
    environment: Path, environ: Mapping[str, str], checkout: Path, tmp_path: Path
) -> None:
    written = output(environ, tmp_path, environment / "bin" / "fedmeta-exporter", "rules")
    assert written == (checkout / "alerts" / "fedmeta.rules.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["alerts/fedmeta.rules.yml", "docs/runbooks.md"])
def test_git_has_what_comes_along_once(name: str, checkout: Path) -> None:
    assert (checkout / "exporter" / Path(name).name).readlink() == Path("..") / name


@pytest.mark.parametrize("name", ["alerts/fedmeta.rules.yml", "docs/runbooks.md"])
def test_what_comes_along_is_in_the_package(name: str, environment: Path, checkout: Path) -> None:
    [installed] = environment.glob(f"lib/python*/site-packages/exporter/{Path(name).name}")
    assert not installed.is_symlink()
    assert installed.read_bytes() == (checkout / name).read_bytes()


def test_a_wheel_is_whole_though_git_wrote_no_links(checkout: Path, environ: Mapping[str, str], tmp_path: Path) -> None:
    # As Git for Windows does it unless it is told otherwise: a file with the name that the link leads to.
    clone, wheels = tmp_path / "clone", tmp_path / "wheels"
    for name in output(environ, checkout, "git", "ls-files", "-z").rstrip("\0").split("\0"):
        file, copied = checkout / name, clone / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes())
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([sys.executable, *build, "--wheel-dir", wheels, clone], env=environ, check=True)
    [wheel] = wheels.iterdir()
    with ZipFile(wheel) as packed:
        names = packed.namelist()
        assert len(set(names)) == len(names)
        for name in ("alerts/fedmeta.rules.yml", "docs/runbooks.md"):
            assert packed.read(f"exporter/{Path(name).name}") == (clone / name).read_bytes()


def test_nothing_else_is_installed(environment: Path) -> None:
    [record] = environment.glob("lib/python*/site-packages/fedmeta_exporter-*.dist-info/RECORD")
    top = {line.split("/", maxsplit=1)[0] for line in record.read_text().splitlines() if not line.startswith("../")}
    assert top == {"exporter", record.parent.name}
    assert (record.parent / "licenses" / "LICENSE").is_file()
