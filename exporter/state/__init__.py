"""What survives a restart, in one SQLite file.

That is last good documents, first-seen times, key-set history, what Entra ID said, and who is watched.
Keeping never waits for the file: whatever is the matter with it, the looks go on, and what waits is written when that
is over. :mod:`~exporter.state.ledger` knows what is to be written, :mod:`~exporter.state.writer` writes it in a thread
of its own, :mod:`~exporter.state.file` is the file.
"""

import logging
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from exporter.model import StorageStatus
from exporter.record import Record
from exporter.state.ledger import Ledger
from exporter.state.saved import Saved, saved_of
from exporter.state.writer import Writer

__all__ = ["Saved", "State", "open_state"]

log = logging.getLogger(__name__)


class State:
    """The state file, or memory that forgets. For use from any thread; nothing here raises, and only the end waits."""

    def __init__(self, path: Path | None, clock: Callable[[], datetime]) -> None:
        self._ledger = Ledger(clock)
        self._writer = None if path is None else Writer(path, self._ledger, clock, self._opened_late)
        self.on_open: Callable[[], object] = lambda: None
        """Called, in a thread of ours, when the file could be opened later than at the start.

        Each target must then be loaded, put together with what is known by now, and kept again: until it is loaded it
        is not written, so that what the file holds is not lost.
        """
        if self._writer is not None:
            self._writer.open()
            self._writer.wake()

    def load(self, name: str, url: str) -> Saved | None:
        """What is known of the target of this name and address; None when nothing is. It is written only after this."""
        return self._ledger.load(name, url)

    def keep(self, record: Record) -> None:
        """Has the latest record of a target written soon. It must know what was loaded."""
        saved = saved_of(record)
        if saved is not None:
            self._ledger.keep(record.target.name, saved)
            self._wake()

    def follow(self, names: Collection[str]) -> None:
        """Notes which targets are watched from now on; others that were, also before a restart, are removed now."""
        self._ledger.follow(names)
        self._wake()

    def removed(self, now: datetime) -> Mapping[str, datetime]:
        """When a target was removed, for each that was in the last 7 days and is not watched again."""
        return self._ledger.removed(now)

    def prune(self, before: datetime, *, but: Container[str]) -> None:
        """Has what was last seen or told before a moment removed, except of some targets."""
        self._ledger.prune(before, but=but)
        self._wake()

    def close(self, within: float) -> Sequence[str]:
        """Has what waits written within so many seconds, and lets go of the file; the targets that were not written."""
        if self._writer is None:
            return ()
        self._writer.close(within)
        unsaved = self._ledger.waiting
        if unsaved:
            log.error("state not saved at the end", extra={"targets": " ".join(unsaved), "error": self._writer.fault})
        return unsaved

    @property
    def status(self) -> StorageStatus:
        """How the file does now."""
        writer = self._writer
        if writer is None:
            return StorageStatus(writable=None)
        return StorageStatus(
            writable=writer.is_open and not writer.fault and not writer.hangs,
            fault=writer.fault,
            errors=writer.errors,
            waiting=len(self._ledger.waiting),
            waiting_since=self._ledger.since,
            rows_kept=writer.rows_kept,
            rows_lost=writer.rows_lost,
        )

    def _wake(self) -> None:
        if self._writer is not None:
            self._writer.wake()

    def _opened_late(self) -> None:
        self.on_open()


def open_state(path: Path | None, clock: Callable[[], datetime]) -> State:
    """The state in a file, made anew where there is none; None: memory that forgets. Raises nothing.

    ``clock`` gives now, in aware UTC: it names files that have to be set aside.
    """
    return State(path, clock)
