"""Whatever is configured when, whatever the clock shows: who was removed is told as a plain account has it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from builders import DAY, NOW, SECOND
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.clock import EARLIEST
from exporter.state import open_state

YEARS = 365 * DAY
WEEK = 7 * DAY


@dataclass(frozen=True)
class Step:
    """Something that happens, some time after what happened before."""

    kind: str
    names: frozenset[str]
    pause: timedelta
    off: timedelta
    """By how much the clock is wrong, from now on."""


@dataclass
class Account:
    """What should be told, kept in the plainest way."""

    watched: frozenset[str] = frozenset()
    removed: dict[str, datetime] = field(default_factory=dict)

    def follow(self, names: frozenset[str], now: datetime) -> None:
        self.told(now)
        self.removed |= dict.fromkeys(self.watched - names, now)
        for name in names & self.removed.keys():
            del self.removed[name]
        self.watched = names

    def told(self, now: datetime) -> dict[str, datetime]:
        for name, at in list(self.removed.items()):
            if now >= EARLIEST and (at > now or at < EARLIEST):
                self.removed[name] = now
            elif now >= at + WEEK:
                del self.removed[name]
        return self.removed


names = st.frozensets(st.sampled_from(["a", "b", "c"]))
pauses = st.one_of(st.timedeltas(SECOND, DAY), st.timedeltas(DAY, 9 * DAY), st.just(WEEK))
offs = st.one_of(
    st.just(timedelta()),
    st.sampled_from([YEARS, -YEARS, -10 * YEARS, 8 * DAY, -2 * SECOND]),
    st.timedeltas(-WEEK, WEEK),
)
kinds = st.sampled_from(["reload", "reload", "scrape", "restart"])


def lives(wrong: st.SearchStrategy[timedelta]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.builds(Step, kinds, names, pauses, wrong), min_size=1, max_size=12)


FIRST = Step("restart", frozenset("ab"), SECOND, timedelta())


def check(life: Sequence[Step], *, kept: bool) -> None:
    """Lives it, with a real file or with none, and compares what is told after each step."""
    account, true, off = Account(), NOW, timedelta()

    def clock() -> datetime:
        return true + off

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite" if kept else None
        state = open_state(path, clock)
        for step in (FIRST, *life):
            true, off = true + step.pause, step.off
            if step.kind == "restart":
                assert state.close(20) == ()
                state = open_state(path, clock)
                account = account if kept else Account()
            if step.kind != "scrape":
                state.follow(step.names)
                account.follow(step.names, clock())
            told = dict(state.removed(clock()))
            assert told == account.told(clock()), step
            assert not told.keys() & account.watched
            assert clock() < EARLIEST or all(EARLIEST <= at <= clock() < at + WEEK for at in told.values())
        assert state.close(20) == ()


@settings(max_examples=60)
@given(lives(st.just(timedelta())))
@example([Step("restart", frozenset("a"), DAY, timedelta()), Step("restart", frozenset("a"), 8 * DAY, timedelta())])
def test_with_a_file_restarts_tell_what_a_plain_account_tells(life: list[Step]) -> None:
    check(life, kept=True)


@settings(max_examples=60)
@given(lives(offs))
@example([Step("reload", frozenset("a"), DAY, YEARS), Step("restart", frozenset("a"), SECOND, timedelta())])
@example([Step("restart", frozenset("a"), DAY, -10 * YEARS), Step("scrape", frozenset(), DAY, timedelta())])
def test_whatever_the_clock_shows_restarts_tell_what_a_plain_account_tells(life: list[Step]) -> None:
    check(life, kept=True)


@given(lives(offs))
def test_without_a_file_each_process_tells_what_itself_removed(life: list[Step]) -> None:
    check(life, kept=False)


@given(lives(offs), pauses)
def test_once_the_clock_is_right_nothing_is_told_for_longer_than_a_week(life: list[Step], later: timedelta) -> None:
    state = open_state(None, lambda: true + off)
    true, off = NOW, timedelta()
    for step in life:
        true, off = true + step.pause, step.off
        state.follow(step.names)
    first = state.removed(true)
    assert state.removed(true + later) == {name: at for name, at in first.items() if true + later < at + WEEK}
    assert state.removed(true + WEEK) == {}
