"""SIGHUP from outside, at moments that no test of ours chose: it never ends the process, and none is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

PATIENCE = 30.0


def signals(process: int, field: str) -> int:
    """A set of signals of a process, as the kernel shows it (proc(5)): bit 0 is signal 1."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith(f"{field}:"))


def heard(process: int) -> bool:
    return bool(signals(process, "SigCgt") & 1)


@pytest.fixture(autouse=True)
def not_ignored() -> Iterator[None]:
    """A process inherits from whoever starts it that SIGHUP is ignored, and tests before may have left it so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@contextmanager
def started(*arguments: str, errors: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "exporter", *arguments]
    with subprocess.Popen(  # noqa: S603 -- a command of ours
        command, stderr=errors, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until_heard(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not heard(process.pid):
        assert process.poll() is None
        assert time.monotonic() < deadline


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "fedmeta.yml"
    file.write_text(json.dumps({"targets": []}), encoding="utf-8")
    return file


def test_hundreds_of_them_from_its_first_line_to_its_end_do_not_end_it(config: Path) -> None:
    flags = (f"--config.file={config}", "--storage.path=", "--web.listen-address=127.0.0.1:0")
    with started(*flags, errors=subprocess.DEVNULL) as process:
        until_heard(process)
        early = "lxml" not in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        for _ in range(400):
            process.send_signal(signal.SIGHUP)
            assert process.poll() is None
            time.sleep(0.005)
        process.terminate()
        for _ in range(100):
            # Until it is gone: then the number may be another's.
            if process.poll() is not None:
                break
            os.kill(process.pid, signal.SIGHUP)
            time.sleep(0.005)
        assert process.wait(PATIENCE) == 0
    assert early, "it is heard before the imports that take long"


def test_one_that_came_while_it_started_is_heeded_once_it_serves(config: Path) -> None:
    with started(f"--config.file={config}", "--storage.path=", "--web.listen-address=127.0.0.1:0") as process:
        until_heard(process)
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        # The pipe ends with the process: a line that never comes is no wait for ever.
        assert any('msg="configuration reloaded"' in line for line in process.stderr)


def test_it_ends_a_check_like_any_command_of_a_terminal_that_closes() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        silent.settimeout(PATIENCE)
        with started("check", f"http://127.0.0.1:{silent.getsockname()[1]}/") as process:
            # The command looks: it is past its first lines.
            look, _ = silent.accept()
            process.send_signal(signal.SIGHUP)
            assert process.wait(PATIENCE) == -signal.SIGHUP
            look.close()
