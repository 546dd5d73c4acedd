"""Who was removed on purpose: how long it is told, and what of it survives."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import DAY, HOUR, NOW, SECOND
from kept import settled
from waiting import wait_until

from exporter.clock import EARLIEST
from exporter.state import State, file, marks, open_state, writer
from exporter.state.marks import Mark, followed
from exporter.state.rows import Changes, Row
from exporter.state.saved import read

MICROSECOND = timedelta(microseconds=1)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(writer, "PAUSES", (0.01, 0.05))
    monkeypatch.setattr(writer, "REOPEN", 0.02)


def started(path: Path | None, *names: str, clock: Clock | None = None) -> State:
    """The state of a process that starts with these targets."""
    state = open_state(path, clock or Clock())
    state.follow(names)
    return state


# How long


@pytest.mark.parametrize(
    ("later", "told"),
    [(timedelta(), True), (7 * DAY - MICROSECOND, True), (7 * DAY, False), (400 * DAY, False)],
)
def test_a_removal_is_told_for_seven_days(later: timedelta, *, told: bool) -> None:
    clock = Clock()
    state = started(None, "one", "other", clock=clock)
    assert state.removed(NOW) == {}
    state.follow(["other"])
    assert state.removed(NOW + later) == ({"one": NOW} if told else {})


def test_a_removal_that_is_over_stays_over_when_the_clock_goes_back() -> None:
    state = started(None, "one")
    state.follow([])
    assert state.removed(NOW + 7 * DAY) == {}
    assert state.removed(NOW) == {}


def test_a_target_that_is_configured_again_was_not_removed() -> None:
    state = started(None, "one")
    state.follow([])
    state.follow(["one"])
    assert state.removed(NOW) == {}


def test_another_reload_changes_no_time() -> None:
    clock = Clock()
    state = started(None, "one", "other", clock=clock)
    state.follow(["other"])
    clock.now += DAY
    state.follow(["other"])
    state.follow([])
    assert state.removed(clock.now) == {"one": NOW, "other": NOW + DAY}


@pytest.mark.parametrize("wrong", [NOW + 365 * DAY, EARLIEST - SECOND], ids=["ahead", "before all clocks"])
def test_a_removal_at_a_time_that_cannot_be_true_happened_when_the_clock_was_first_right(
    wrong: datetime, path: Path
) -> None:
    clock = Clock()
    clock.now = wrong
    state = started(path, "one", "other", clock=clock)
    state.follow(["other"])
    assert state.removed(wrong) == {"one": wrong}
    clock.now = NOW
    assert state.removed(NOW) == {"one": NOW}
    assert state.removed(NOW + DAY) == {"one": NOW}
    assert state.removed(EARLIEST - DAY) == {"one": NOW}, "a clock that is wrong itself corrects nothing"
    assert state.close(20) == ()
    assert started(path, "other").removed(NOW + DAY) == {"one": NOW}


def test_what_was_put_right_is_put_right_for_who_is_watched_too() -> None:
    assert followed({"one": Mark(watched=True, since=NOW + DAY)}, ["one"], NOW) == {
        "one": Mark(watched=True, since=NOW)
    }


# After a restart


def test_a_start_tells_what_a_reload_removed_and_what_it_removes_itself(path: Path) -> None:
    clock = Clock()
    state = started(path, "one", "other", "third", clock=clock)
    state.follow(["other", "third"])
    assert state.close(20) == ()
    clock.now += DAY
    state = started(path, "third", clock=clock)
    assert state.removed(clock.now) == {"one": NOW, "other": NOW + DAY}
    assert state.close(20) == ()


def test_a_start_is_a_removal_once_and_long_ago_is_none(path: Path) -> None:
    clock = Clock()
    removed = {"one": NOW + 3 * DAY}
    for names, told in ((["one", "other"], {}), (["other"], removed), (["other"], removed), (["other"], {})):
        state = started(path, *names, clock=clock)
        assert state.removed(clock.now) == told
        assert state.close(20) == ()
        clock.now += 3 * DAY if told != removed else 4 * DAY
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT target, watched, since FROM watch").fetchall() == [
            ("other", 1, NOW.isoformat())
        ]


def test_without_a_file_no_process_knows_of_another() -> None:
    state = started(None, "one")
    assert state.close(20) == ()
    assert started(None).removed(NOW) == {}


def test_what_was_removed_is_told_while_the_file_can_only_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = started(path, "one", "other", "third")
    state.follow(["other", "third"])
    assert state.close(20) == ()

    def refused(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    clock = Clock()
    clock.now += HOUR
    with monkeypatch.context() as read_only:
        read_only.setattr(file, "transaction", refused)
        state = started(path, "other", clock=clock)
        assert not state.status.writable
        assert state.removed(clock.now) == {"one": NOW, "third": NOW + HOUR}
    clock.now += HOUR
    settled(state)
    assert state.removed(clock.now) == {"one": NOW, "third": NOW + HOUR}
    assert state.close(20) == ()


def test_a_file_that_opens_late_tells_then_who_was_watched_before(path: Path) -> None:
    first = started(path, "one", "other", "third")
    clock = Clock()
    clock.now += HOUR
    second = started(path, "other", "third", clock=clock)
    second.follow(["other"])
    assert second.removed(clock.now) == {"third": NOW + HOUR}
    first.close(20)
    clock.now += HOUR
    settled(second)
    assert second.removed(clock.now) == {"one": NOW + 2 * HOUR, "third": NOW + HOUR}
    assert second.close(20) == ()


def test_a_file_that_is_deleted_underneath_is_marked_anew(path: Path) -> None:
    state = started(path, "one", "other")
    state.follow(["other"])
    settled(state)
    for each in path.parent.glob("state.sqlite*"):
        each.unlink()
    state.follow(["other"])
    wait_until(path.exists)
    settled(state)
    assert state.close(20) == ()
    state = started(path)
    assert state.removed(NOW) == {"one": NOW, "other": NOW}
    state.close(20)


def test_a_damaged_file_costs_the_marks_that_are_damaged(path: Path) -> None:
    state = started(path, "one", "other", "third")
    assert state.close(20) == ()
    image = bytearray(path.read_bytes())
    image[:16] = bytes(16)
    image[image.index(b"other")] ^= 1
    path.write_bytes(image)
    state = started(path)
    assert state.removed(NOW) == {"one": NOW, "third": NOW}
    assert (state.status.rows_kept, state.status.rows_lost) == (2, 0)
    state.close(20)


def test_what_waits_to_be_marked_is_told(path: Path) -> None:
    state = open_state(path, Clock())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        state.follow(["one", "other"])
        assert (state.status.waiting, state.status.waiting_since) == (2, NOW)
        assert state.close(0.1) == ("one", "other")
        other.execute("ROLLBACK")
    wait_until(lambda: not state.status.waiting)


def test_a_mark_that_cannot_be_written_costs_that_mark(path: Path) -> None:
    state = started(path, "one", "\ud800")
    settled(state)
    assert state.status.errors == 1
    assert state.close(20) == ()
    state = started(path)
    assert state.removed(NOW) == {"one": NOW}
    state.close(20)


# Rows


def test_marks_come_back_from_the_rows_that_are_written_for_them() -> None:
    after = {"one": Mark(watched=True, since=NOW), "other": Mark(watched=False, since=NOW + MICROSECOND)}
    rows = [Row(table, values, 1) for _, change in marks.changes({}, after) for table, values in change.puts]
    assert marks.read(rows) == (after, 0)
    assert read(rows) == ({}, 0), "a mark is no target of which something is known"


def test_only_what_changed_is_written() -> None:
    before = {"one": Mark(watched=True, since=NOW), "other": Mark(watched=True, since=NOW)}
    after = {"other": Mark(watched=True, since=NOW), "new": Mark(watched=True, since=NOW)}
    assert dict(marks.changes(before, after)) == {
        "one": Changes([("watch", ("one",))], []),
        "new": Changes([], [("watch", ("new", 1, NOW.isoformat()))]),
    }


def test_marks_that_cannot_be_read_cost_themselves() -> None:
    texts = (NOW.isoformat(), "2026-06-01T12:00:00", "yesterday", "", None, 3)
    rows = [Row("watch", (f"farm{nth}", 1, text), 1) for nth, text in enumerate(texts)]
    assert marks.read(rows) == ({"farm0": Mark(watched=True, since=NOW)}, 5)
