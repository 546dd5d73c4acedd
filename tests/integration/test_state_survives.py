"""The state file survives SIGKILL at any moment: it opens again, and holds what was written whole."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from soak.kills import NOW, TARGET, Kill, killing, kills, number_in, number_of, record

from exporter.state import open_state
from exporter.state.saved import saved_of


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    with killing() as order:
        yield order


def assert_nothing_was_set_aside(path: Path) -> None:
    assert not list(path.parent.glob("*.aside*"))


def test_a_writer_that_is_killed_while_it_makes_the_file_leaves_one_that_opens(kill: Kill, tmp_path: Path) -> None:
    kill(tmp_path / "first.sqlite", 1, 0)
    began = time.perf_counter()
    kill(tmp_path / "whole.sqlite", 1, 0)
    takes = time.perf_counter() - began
    for nth in range(30):
        path = tmp_path / str(nth) / "state.sqlite"
        kill(path, 0, takes * (0.3 + 0.7 * nth / 30))
        number_in(path)
        assert_nothing_was_set_aside(path)


def test_a_writer_that_is_killed_while_it_saves_leaves_the_last_save_whole(tmp_path: Path) -> None:
    assert kills(60, seed=2, folder=tmp_path) > 60


def test_a_damaged_file_is_not_lost_when_it_is_being_mended(kill: Kill, tmp_path: Path) -> None:
    sound, chance = tmp_path / "sound.sqlite", random.Random(4)  # noqa: S311 -- no secret
    kill(sound, 5, 0)
    number = number_in(sound)
    damaged = bytes(16) + sound.read_bytes()[16:]
    for nth in range(20):
        path = tmp_path / str(nth) / "state.sqlite"
        path.parent.mkdir()
        path.write_bytes(damaged)
        kill(path, 0, chance.uniform(0, 0.03))
        state = open_state(path, lambda: NOW)
        saved = state.load(TARGET.name, TARGET.url)
        state.close(10)
        assert saved is not None
        assert number_of(saved) >= number
        assert saved == saved_of(record(number_of(saved)))
        (aside,) = path.parent.glob("*.aside")
        assert aside.read_bytes() == damaged
