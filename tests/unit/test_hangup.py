"""SIGHUP within one process: none is lost, and what takes it can be told apart by when it came."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent

import pytest

from exporter import hangup
from exporter.cli import run


@pytest.fixture(autouse=True)
def as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SIGHUP as a process has it that has just begun; afterwards as it was."""
    monkeypatch.setattr(hangup, "_pending", False)
    monkeypatch.setattr(hangup, "_listener", None)
    monkeypatch.setattr(hangup, "_before", None)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def hang_up(times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGHUP)


def test_what_came_before_anybody_could_be_told_is_told_once() -> None:
    told: list[bool] = []
    hangup.hear()
    hang_up(3)
    hangup.tell(lambda: told.append(True))
    assert told == [True]
    hangup.tell(lambda: told.append(False))
    assert told == [True], "it was told already"


def test_where_none_came_nobody_is_told() -> None:
    told: list[bool] = []
    hangup.hear()
    hangup.tell(lambda: told.append(True))
    assert told == []


def test_whoever_listens_last_is_told_of_each() -> None:
    told: list[str] = []
    hangup.hear()
    hangup.tell(lambda: told.append("first"))
    hang_up(2)
    hangup.tell(lambda: told.append("last"))
    hang_up()
    assert told == ["first", "first", "last"]


def test_to_hear_again_forgets_neither_who_listens_nor_what_came() -> None:
    told: list[bool] = []
    hangup.hear()
    hang_up()
    hangup.hear()
    hangup.tell(lambda: told.append(True))
    hangup.hear()
    hang_up()
    assert told == [True, True]


def test_when_nobody_is_there_any_more_it_passes() -> None:
    told: list[bool] = []
    hangup.hear()
    hangup.tell(lambda: told.append(True))
    hangup.ignore()
    hang_up()
    assert told == []


def test_where_it_is_taken_no_longer_it_does_what_it_does_to_any_process() -> None:
    hangup.hear()
    hangup.end()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)  # noqa: S603 -- our own words


def test_where_it_was_ignored_before_it_is_ignored_again() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    hangup.hear()
    hangup.hear()
    hangup.end()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, "nohup is to be heeded"


def test_it_ends_a_process_that_takes_it_no_longer() -> None:
    code = """
        import os, signal
        from exporter import hangup
        hangup.hear()
        os.kill(os.getpid(), signal.SIGHUP)
        print("heard", flush=True)
        hangup.end()
        os.kill(os.getpid(), signal.SIGHUP)
        print("too late")
    """
    process = python(dedent(code))
    assert (process.returncode, process.stdout) == (-signal.SIGHUP, "heard\n")


def test_it_is_heard_without_an_import_that_takes_time() -> None:
    imported = set(python("import sys; from exporter import hangup; print(*sys.modules)").stdout.split())
    assert {each for each in imported if each.startswith("exporter")} == {"exporter", "exporter.hangup"}
    assert not imported & {"asyncio", "aiohttp", "lxml", "cryptography", "logging"}


def test_the_command_hears_it_before_it_imports_the_rest() -> None:
    command = importlib.import_module("exporter.__main__")
    importlib.reload(command)
    assert command.run is run
    assert signal.getsignal(signal.SIGHUP) not in {signal.SIG_DFL, signal.SIG_IGN}
