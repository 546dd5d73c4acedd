"""A state file in the hands of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from waiting import wait_until

from exporter.state import State, open_state

PATIENCE = 10.0
"""Seconds that a test gives the writer at the end."""


@contextmanager
def kept_in(file: Path, now: datetime) -> Iterator[State]:
    """The state in a file, all of it saved at the end of the block."""
    state = open_state(file, lambda: now)
    yield state
    assert state.close(PATIENCE) == ()


def settled(state: State) -> None:
    """Waits until all that was kept is in the file, and the file can be written."""
    wait_until(lambda: not state.status.waiting and state.status.writable)
