"""The command where Python has only what there is on Windows. None is at hand: :mod:`windows` imitates it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import builders
import pytest
import windows
from live import Scrape

from exporter.demo.scenarios import SCENARIOS
from exporter.model import Use
from exporter.rules import Form, rules

PATIENCE = 120.0
LOOPBACK = "--web.listen-address=127.0.0.1:0"
DOCUMENT = builders.saml_metadata(keys=[(Use.SIGNING, builders.pair(not_after=datetime(2090, 1, 1, tzinfo=UTC)))])
URL = "file:///C:/srv/idp.xml"
COMMAND = [sys.executable, windows.__file__]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs; Linux has nothing against the name of the document."""
    (tmp_path / r"C:\srv\idp.xml").write_bytes(DOCUMENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "AppData"))
    return tmp_path


def ran(*arguments: str, encoding: str = "utf-8") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [*COMMAND, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, encoding=encoding, timeout=PATIENCE)  # noqa: S603, PLW1510 -- ours; its code is asked


@dataclass(frozen=True)
class Serving:
    """The command while it serves."""

    process: "subprocess.Popen[str]"
    url: str
    before: Sequence[str]
    """The lines until it served."""

    def ask(self, route: str, method: str = "GET") -> tuple[int, str]:
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)) as connection:
            connection.request(method, route)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def scrape(self) -> Scrape:
        deadline = time.monotonic() + PATIENCE
        while self.ask("/-/ready")[0] != 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        return Scrape(self.ask("/metrics")[1])

    def stopped(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code after a signal, and what it has logged since it served."""
        self.process.send_signal(by)
        logged, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, logged


@contextmanager
def serving(*arguments: str) -> Iterator[Serving]:
    command, lines = [*COMMAND, *arguments, LOOPBACK], list[str]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603 -- ours
        # The pipe ends with the process: a line that never comes is no wait for ever.
        late = Timer(PATIENCE, process.kill)
        late.start()
        try:
            for line in process.stdout or ():
                lines.append(line)
                if said := re.search(r"(?:msg=listening url=|^Open )(http://[^/\s]+)", line):
                    yield Serving(process, said[1], lines)
                    break
            else:
                pytest.fail("".join(lines))
        finally:
            late.cancel()
            process.kill()


def test_a_document_on_a_drive_is_checked_and_signs_that_the_screen_has_not_end_nothing(folder: Path) -> None:
    (folder / "fedmeta.yml").write_text(json.dumps({"targets": [{"name": "Zażółć", "url": URL}]}), encoding="utf-8")
    check = ran("check", "Zażółć", "--config.file=fedmeta.yml", encoding="cp1252")
    assert (check.returncode, check.stderr) == (0, "")
    assert r"Za\u017có\u0142\u0107" in check.stdout
    assert "State       Steady" in check.stdout


def test_a_path_that_names_no_file_there_is_the_reason(folder: Path) -> None:
    check = ran("check", "file:///1:/idp.xml")
    assert check.returncode == 1
    assert "/1:/idp.xml names no file here" in check.stdout
    assert not (folder / "AppData").exists()


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=["TERM", "Ctrl-C", "Ctrl-Break"]
)
def test_it_serves_until_a_signal_that_wakes_nobody(number: signal.Signals) -> None:
    with serving(URL) as exporter:
        assert exporter.scrape().state("idp.xml") == "steady"
        assert exporter.ask("/runbooks")[0] == 200
        code, logged = exporter.stopped(number)
    assert code == 0
    assert "msg=stopping" in logged
    assert "Traceback" not in logged


def test_what_was_known_is_known_after_a_restart_from_the_folder_of_the_user(folder: Path) -> None:
    with serving(URL) as exporter:
        exporter.scrape()
        assert exporter.stopped()[0] == 0
    assert (folder / "AppData" / "fedmeta-exporter" / "state.sqlite").is_file()
    (folder / r"C:\srv\idp.xml").unlink()
    with serving(URL) as exporter:
        assert exporter.scrape().state("idp.xml") == "steady"


def test_of_two_on_one_state_file_the_second_says_so_and_keeps_nothing(folder: Path) -> None:
    with serving(URL) as first:
        first.scrape()
        with serving(URL) as second:
            assert second.scrape().value("fedmeta_exporter_storage_writable") == 0
            assert any("another exporter keeps its state in" in line for line in second.before)
            assert second.stopped()[0] == 0
        assert first.scrape().value("fedmeta_exporter_storage_writable") == 1
        assert first.stopped()[0] == 0
    with serving(URL) as again:
        assert again.scrape().value("fedmeta_exporter_storage_writable") == 1, "the lock ends with its process"
    assert folder.exists()


def test_a_damaged_state_file_is_set_aside_with_no_file_open_meanwhile(folder: Path) -> None:
    state = folder / "state.sqlite"
    with serving(URL, f"--storage.path={state}") as exporter:
        exporter.scrape()
        assert exporter.stopped()[0] == 0
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) - 2048] + b"\xff" * 2048)
    with serving(URL, f"--storage.path={state}") as exporter:
        assert any("state file was damaged: set aside" in line for line in exporter.before)
        assert exporter.scrape().value("fedmeta_exporter_storage_writable") == 1
        assert exporter.stopped()[0] == 0
    assert len(list(folder.glob("state.sqlite.*.aside"))) == 1


def test_a_request_reads_the_configuration_again_where_no_hangup_can(folder: Path) -> None:
    config = folder / "fedmeta.yml"
    config.write_text(json.dumps({"targets": []}), encoding="utf-8")
    with serving("--config.file=fedmeta.yml", "--web.enable-lifecycle", "--storage.path=") as exporter:
        config.write_text(json.dumps({"targets": [{"url": URL}]}), encoding="utf-8")
        assert exporter.ask("/-/reload", "POST")[0] == 200
        assert exporter.scrape().state("idp.xml") == "steady"
        assert exporter.stopped()[0] == 0


def test_a_check_without_any_output_as_a_service_has_it_ends_with_its_code() -> None:
    # pythonw.exe and services have no standard streams (Python's sys.__stdout__).
    command = ["sh", "-c", '"$@" >&- 2>&-', "sh", *COMMAND, "check"]
    assert subprocess.run([*command, URL], check=False, timeout=PATIENCE).returncode == 0  # noqa: S603 -- ours
    assert subprocess.run([*command, "file:///nowhere"], check=False, timeout=PATIENCE).returncode == 1  # noqa: S603 -- ours


def test_the_demo_shows_its_farms() -> None:
    with serving("demo") as exporter:
        scrape = exporter.scrape()
        assert {labels["target"] for labels, _ in scrape.samples("fedmeta_target_info")} == {
            each.name for each in SCENARIOS
        }
        code, logged = exporter.stopped(signal.SIGINT)
    assert (code, "Traceback" in logged) == (0, False)


def test_the_rules_are_printed_in_signs_that_every_encoding_has() -> None:
    printed = ran("rules", encoding="cp1252")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout == rules(Form.RULES)
    assert printed.stdout.isascii()
