"""Files that hang, as on a server of files that is gone."""

import asyncio
import os
import threading
from pathlib import Path

import hanging
import pytest

from exporter import fetch
from exporter.config.settings import BasicAuth, Module, Secret, Tls
from exporter.fetch import FetchError
from exporter.model import Reason
from exporter.reading import in_turn, reading


async def test_a_secret_that_hangs_holds_one_thread_however_often_it_is_wanted_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", hanging.opening())
    (password := tmp_path / "password").write_bytes(b"secret")
    hanging.hang(password)
    (document := tmp_path / "idp.xml").write_bytes(b"<x/>")
    module = Module(basic_auth=BasicAuth("kim", Secret(file=str(password))))
    before = threading.active_count()
    async with fetch.client() as client:
        for _ in range(50):
            with pytest.raises(FetchError) as told:
                await fetch.fetch("http://127.0.0.1:1/", module, client=client, timeout=0.01)
            assert told.value.reason is Reason.CREDENTIALS
        answer = await fetch.fetch(document.as_uri(), Module(), client=client, timeout=10)
        assert answer.body == b"<x/>"
        assert threading.active_count() <= before + 2
        hanging.let_go(password)
        with pytest.raises(FetchError) as told:
            await fetch.fetch("http://127.0.0.1:1/", module, client=client, timeout=10)
        assert told.value.reason is Reason.REFUSED, "the secret is there, and nobody listens"


async def test_who_wants_what_is_being_read_gets_what_that_gives() -> None:
    gate, calls = threading.Event(), []

    def work() -> int:
        calls.append(1)
        assert gate.wait(20)
        return len(calls)

    both = [asyncio.create_task(reading("key", work)) for _ in range(2)]
    other = await reading("another", lambda: "at once")
    gate.set()
    assert (await asyncio.gather(*both), other) == ([1, 1], "at once")
    assert await reading("key", work) == 2, "what was read is read anew"


async def test_what_is_read_in_turn_is_read_after_what_was_under_way_and_not_with_it() -> None:
    gate, calls = threading.Event(), []

    def work() -> int:
        calls.append(1)
        assert gate.wait(20)
        return len(calls)

    first = asyncio.create_task(reading("key", work))
    later = [asyncio.create_task(in_turn("key", work)) for _ in range(3)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(calls) <= 1
    gate.set()
    assert await first == 1
    assert sorted(await asyncio.gather(*later)) == [2, 3, 4]


@pytest.mark.parametrize("kind", ["password", "authority", "document"])
async def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(kind: str, tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / kind)
    url, module = {
        "password": ("http://127.0.0.1:1/", Module(basic_auth=BasicAuth("kim", Secret(file=str(pipe))))),
        "authority": ("https://127.0.0.1:1/", Module(tls=Tls(ca_file=str(pipe)))),
        "document": (pipe.as_uri(), Module()),
    }[kind]
    async with fetch.client() as client:
        with pytest.raises(FetchError, match="it is a pipe") as told:
            await fetch.fetch(url, module, client=client, timeout=20)
    assert told.value.reason is (Reason.FILE if kind == "document" else Reason.CREDENTIALS)


async def test_what_a_read_raises_is_raised_to_all_and_forgotten() -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    for _ in range(2):
        with pytest.raises(OSError, match="Input/output"):
            await reading("key", fail)
