"""Only files that end are read, and nothing else is waited for."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import regular


def folder(path: Path) -> None:
    path.mkdir()


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


NO_FILES = [
    (folder, "it is a folder"),
    (os.mkfifo, "it is a pipe"),
    (bound, "it is a socket"),
    (device, "it is a device"),
]


@pytest.mark.parametrize(("make", "words"), NO_FILES)
def test_what_is_no_regular_file_is_refused_also_behind_a_link(
    make: Callable[[Path], None], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(path := Path("what"))
    (link := Path("link")).symlink_to(path)
    for each in (path, link):
        with pytest.raises(OSError, match=words) as told:
            regular.content(each)
        assert told.value.strerror == words


def test_a_disk_is_no_file() -> None:
    with pytest.raises(OSError, match="it is a device"):
        regular.check(os.stat_result((stat.S_IFBLK, *[0] * 9)))


def test_a_pipe_that_takes_the_place_of_a_file_before_it_is_opened_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "file").write_bytes(b"text")
    status = file.stat()
    file.unlink()
    os.mkfifo(file)
    monkeypatch.setattr(Path, "stat", lambda _: status)
    with pytest.raises(OSError, match="it is a pipe"):
        regular.content(file)


def test_a_file_is_read_whole_or_its_beginning_also_where_files_always_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "file").write_bytes(b"a\r\n\x1atext")
    monkeypatch.delattr(os, "O_NONBLOCK")
    assert (regular.content(str(file)), regular.content(file, 2)) == (b"a\r\n\x1atext", b"a\r")
