"""The script that sees to system packages, on machines that are made up of a few commands each."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ORDINARY = ("chmod", "dirname", "mkdir", "mktemp", "mv", "rm", "sed")

APT_GET = """\
while [ "$1" != update ] && [ "$1" != download ] && [ "$1" != install ]; do shift; done
echo "$*" >> {home}/asked-of-apt
[ "$1" != update ] || rm -f {home}/outdated-lists
[ ! -e {home}/outdated-lists ] || exit 100
case $1 in
    download) shift; for package in "$@"; do : > "$package.deb"; done ;;
    install)
        : > {home}/venv-module
        for package in xmlsec1 chromium; do
            case $* in *" $package") printf '#!/bin/sh\n' > {home}/bin/$package; chmod 755 {home}/bin/$package ;; esac
        done
        ;;
esac
"""

DPKG_DEB = """\
case $2 in
    *alertmanager*) tools='amtool prometheus-alertmanager' page=alertmanager/default.tmpl ;;
    *) tools='promtool prometheus' page=web/templates/alerts.html ;;
esac
mkdir -p "$3/usr/bin" "$3/usr/share/prometheus/${page%/*}"
: > "$3/usr/share/prometheus/$page"
for tool in $tools; do
    printf '#!/bin/sh\n# reads /usr/share/prometheus/%s\n' "$page" > "$3/usr/bin/$tool"
    chmod 755 "$3/usr/bin/$tool"
done
"""

TOOLS = ("promtool", "prometheus", "amtool", "prometheus-alertmanager")

PYTHON = """\
case $2 in
    *ensurepip*) [ -e {home}/venv-module ] ;;
    *print*) echo python3.11-venv ;;
esac
"""


@dataclass(frozen=True)
class Machine:
    """A home with a clone of the project, and with the only commands there are."""

    home: Path

    def has(self, name: str, body: str) -> None:
        command = self.home / "bin" / name
        command.write_text("#!/bin/sh\n" + body.replace("{home}", str(self.home)))
        command.chmod(0o755)

    def is_debian(self, *, user: int = 0, outdated: bool = False) -> None:
        self.has("apt-get", APT_GET)
        self.has("dpkg-deb", DPKG_DEB)
        self.has("id", f"echo {user}")
        if outdated:
            (self.home / "outdated-lists").touch()

    def see_to(self, *what: str) -> subprocess.CompletedProcess[str]:
        script = self.home / "clone" / ".ci" / "system-packages"
        environment = {"PATH": str(self.home / "bin")}
        return subprocess.run([script, *what], env=environment, check=False, capture_output=True, text=True)

    @property
    def asked_of_apt(self) -> list[str]:
        log = self.home / "asked-of-apt"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def unpacked(self) -> set[str]:
        tools = self.home / "clone" / ".tools"
        return {str(path.relative_to(tools)) for path in tools.rglob("*") if path.is_file()}


@pytest.fixture
def machine(checkout: Path, tmp_path: Path) -> Machine:
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    shutil.copy(checkout / ".ci" / "system-packages", tmp_path / "clone" / ".ci")
    (tmp_path / "bin").mkdir()
    for name in ORDINARY:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    return Machine(tmp_path)


def test_tools_that_run_already_are_left_alone(machine: Machine) -> None:
    machine.is_debian()
    for name in TOOLS:
        machine.has(name, "exit 0")
    assert machine.see_to("prometheus").returncode == 0
    assert (machine.asked_of_apt, machine.unpacked) == ([], set())


def test_alertmanager_may_have_the_name_that_it_has_outside_of_debian(machine: Machine) -> None:
    for name in (*TOOLS[:-1], "alertmanager"):
        machine.has(name, "exit 0")
    assert machine.see_to("prometheus").returncode == 0


def test_on_debian_they_are_unpacked_and_nothing_is_installed(machine: Machine) -> None:
    machine.is_debian(user=1000)
    assert machine.see_to("prometheus").returncode == 0
    assert machine.asked_of_apt == ["download prometheus prometheus-alertmanager"]
    pages = {f"usr/share/prometheus/{page}" for page in ("alertmanager/default.tmpl", "web/templates/alerts.html")}
    assert machine.unpacked == pages | {f"usr/bin/{name}" for name in TOOLS}
    assert machine.see_to("prometheus").stdout == ""


def test_only_what_does_not_run_is_fetched(machine: Machine) -> None:
    machine.is_debian()
    for name in TOOLS:
        machine.has(name, "exit 127" if name == "amtool" else "exit 0")
    assert machine.see_to("prometheus").returncode == 0
    assert machine.asked_of_apt == ["download prometheus-alertmanager"]


@pytest.mark.parametrize("program", ["prometheus", "prometheus-alertmanager"])
def test_what_is_unpacked_finds_its_pages_from_the_folder_it_is_unpacked_into(program: str, machine: Machine) -> None:
    machine.is_debian()
    assert machine.see_to("prometheus").returncode == 0
    tools = machine.home / "clone" / ".tools"
    path = (tools / "usr/bin" / program).read_text().split()[-1]
    # In a binary a path can only be replaced by one of the same length.
    assert len(path) == len("/" + str(Path(path)))
    assert (tools / path).is_file()


def test_root_renews_lists_that_are_outdated(machine: Machine) -> None:
    machine.is_debian(outdated=True)
    assert machine.see_to("prometheus").returncode == 0
    download = "download prometheus prometheus-alertmanager"
    assert machine.asked_of_apt == [download, "update", download]


def test_others_are_told_what_is_missing_and_how_to_get_it(machine: Machine) -> None:
    machine.is_debian(user=1000, outdated=True)
    done = machine.see_to("prometheus")
    assert done.returncode == 1
    assert done.stderr.startswith("missing: promtool\nget it:  on Debian and Ubuntu: sudo apt-get update, then again;")
    assert machine.unpacked == set()


def test_without_apt_the_reader_is_told_too(machine: Machine) -> None:
    machine.has("promtool", "exit 0")
    machine.has("prometheus", "exit 0")
    done = machine.see_to("prometheus")
    assert done.returncode == 1
    assert done.stderr.startswith("missing: amtool\n")
    assert "brew install prometheus alertmanager" in done.stderr
    machine.has("amtool", "exit 0")
    assert machine.see_to("prometheus").stderr.startswith("missing: alertmanager\n")


@pytest.mark.parametrize("python", ["", "no-such-python", "python3"])
def test_a_python_that_is_absent_or_too_old_is_named_as_missing(python: str, machine: Machine) -> None:
    machine.has("python3", "exit 1")
    done = machine.see_to("python", python)
    assert done.returncode == 1
    assert done.stderr.startswith("missing: Python 3.11 or newer\nget it:  https://www.python.org/downloads/;")


@pytest.mark.parametrize("outdated", [False, True])
def test_root_on_debian_gets_the_module_that_makes_environments(outdated: bool, machine: Machine) -> None:  # noqa: FBT001 -- a case of the table
    machine.is_debian(outdated=outdated)
    machine.has("python3", PYTHON)
    assert machine.see_to("python", "python3").returncode == 0
    assert machine.asked_of_apt[-1] == "install --yes --no-install-recommends python3.11-venv"


def test_others_are_told_which_package_holds_the_module(machine: Machine) -> None:
    machine.is_debian(user=1000)
    machine.has("python3", PYTHON)
    done = machine.see_to("python", "python3")
    assert done.returncode == 1
    assert "sudo apt-get install python3.11-venv" in done.stderr


@pytest.mark.parametrize(
    ("package", "program"),
    [("xmlsec1", "xmlsec1"), ("chromium", "chromium"), ("chromium", "chromium-browser"), ("chromium", "google-chrome")],
)
def test_a_program_that_runs_is_left_alone(package: str, program: str, machine: Machine) -> None:
    machine.is_debian()
    machine.has(program, "exit 0")
    assert machine.see_to(package).returncode == 0
    assert machine.asked_of_apt == []


@pytest.mark.parametrize("outdated", [False, True])
@pytest.mark.parametrize("package", ["xmlsec1", "chromium"])
def test_root_on_debian_gets_a_program(package: str, outdated: bool, machine: Machine) -> None:  # noqa: FBT001 -- a case of the table
    machine.is_debian(outdated=outdated)
    assert machine.see_to(package).returncode == 0
    assert machine.asked_of_apt[-1] == f"install --yes --no-install-recommends {package}"


@pytest.mark.parametrize("debian", [False, True])
@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        ("xmlsec1", "on Debian and Ubuntu: sudo apt-get install xmlsec1;"),
        ("chromium", "on Debian: sudo apt-get install chromium;"),
    ],
)
def test_others_are_told_how_to_get_a_program(package: str, sentence: str, debian: bool, machine: Machine) -> None:  # noqa: FBT001 -- a case of the table
    if debian:
        machine.is_debian(user=1000)
    done = machine.see_to(package)
    assert done.returncode == 1
    assert done.stderr.startswith(f"missing: {package}\nget it:  {sentence}")
    assert machine.asked_of_apt == []


def test_a_word_it_does_not_know_shows_how_it_is_used(machine: Machine) -> None:
    done = machine.see_to("promtool")
    assert done.returncode == 2
    assert ".ci/system-packages prometheus" in done.stderr
