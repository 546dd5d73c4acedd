"""A thread of its own that writes the state file, and waits where that cannot be written."""

import logging
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from exporter.state import marks
from exporter.state.connection import is_full, is_locked, speaks_of_the_file
from exporter.state.file import PATIENCE, File, Found, UnusableError, glance, open_file
from exporter.state.ledger import Ledger
from exporter.state.rows import Changes
from exporter.state.saved import changes, read

log = logging.getLogger(__package__)

PAUSES = (1.0, 30.0)
"""Seconds until what failed is tried again: so many after the first time, twice as many each time, at most so many."""

REOPEN = 10.0
"""Seconds until a file that could not be opened is tried again."""

LASTING = 60.0
"""Seconds until a file that is not ours is looked at again."""

STUCK = 60.0
"""Seconds that a round may last before the disk is taken to hang: nothing fails there, and nothing is written."""

START = 1.0
"""Seconds that a start waits for another process that has locked the file."""


class Writer:
    """What writes the ledger into the file. Whatever goes wrong is counted, logged once, and tried again."""

    def __init__(
        self, path: Path, ledger: Ledger, clock: Callable[[], datetime], opened_late: Callable[[], None]
    ) -> None:
        self._path = path
        self._ledger = ledger
        self._clock = clock
        self._opened_late = opened_late
        self._file: File | None = None
        self._thread: threading.Thread | None = None
        self._work = threading.Event()
        self._ending = threading.Event()
        self._deadline = 0.0
        self._began: float | None = None
        """When the round under way began."""
        self._pause = 0.0
        self._is_locked = False
        self._refused = frozenset[str]()
        self.fault = ""
        """Why nothing can be written; empty: it can."""
        self.errors = 0
        """Attempts to open or write that failed."""
        self.rows_kept = 0
        """Rows of damaged files that were found again."""
        self.rows_lost = 0
        """Rows of damaged files that were not, at least."""

    def open(self) -> None:
        """Opens the file, or notes why that is not possible now and what it holds all the same."""
        try:
            self._open(START)
        except Exception as error:  # noqa: BLE001 -- without a file as with one, the exporter starts
            self._failed(error)
            if isinstance(error, UnusableError):
                rows = error.rows or (glance(self._path) if error.readable else ())
                self._ledger.read(read(rows)[0], marks.read(rows)[0])

    @property
    def is_open(self) -> bool:
        """Whether there is a file that can be written."""
        return self._file is not None

    @property
    def hangs(self) -> bool:
        """Whether it has written for so long that the disk must hang."""
        began = self._began
        return began is not None and time.monotonic() - began > STUCK

    def wake(self) -> None:
        """Has what waits written soon. Never blocks."""
        self._work.set()
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._run, name="state", daemon=True)
        # Before it starts: it asks whether it is the one.
        before, self._thread = self._thread, thread
        try:
            thread.start()
        except RuntimeError as error:
            # The process may have no more threads now. Perhaps it may the next time.
            self._thread = before
            self._failed(error)

    def close(self, within: float) -> None:
        """Writes what waits, as far as so many seconds allow, and closes the file."""
        self._deadline = time.monotonic() + within
        self._ending.set()
        self.wake()
        if self._thread is None:
            self._run()
        else:
            self._thread.join(within)

    def _run(self) -> None:
        while True:
            # Before the round: what was kept before the end must be in the last one.
            ending = self._ending.is_set()
            self._began = time.monotonic()
            try:
                pause = self._round()
            except Exception:  # noqa: BLE001 -- not even what went wrong could be told: there is no memory
                pause = PAUSES[1]
            self._began = None
            if not self._ending.is_set():
                # In a pause more work does not count, else each look would be an attempt.
                (self._work if pause is None else self._ending).wait(pause)
            elif ending and (pause is None or not self._is_locked or time.monotonic() > self._deadline):
                break
        self._let_go()

    def _round(self) -> float | None:
        """One attempt to write what waits; the seconds until the next, None when all is well."""
        self._work.clear()
        try:
            if self._file is not None and self._file.is_elsewhere:
                self.errors += 1
                log.error("state file is gone: all that is known is written anew", extra={"file": str(self._path)})
                self._let_go()
            left = max(0.0, self._deadline - time.monotonic()) if self._ending.is_set() else PATIENCE
            self._write(self._file or self._open(min(PATIENCE, left)))
        except Exception as error:  # noqa: BLE001 -- a thread that ends would never save anything again
            return self._failed(error)
        if self.fault:
            log.info("state is kept again", extra={"file": str(self._path)})
        self.fault, self._pause, self._is_locked = "", 0.0, False
        return None

    def _open(self, patience: float) -> File:
        file, found = open_file(self._path, self._clock(), patience=patience)
        try:
            held, unreadable = read(found.rows)
            marked, unmarked = marks.read(found.rows)
        except BaseException:
            file.close()
            raise
        self._file = file
        late = self._ledger.opened(held, marked)
        self._tell(found, found.strange + unreadable + unmarked)
        if late and self._thread is threading.current_thread():
            try:
                self._opened_late()
            except Exception as error:  # noqa: BLE001 -- it is not ours, and must not keep us from writing
                self._count(error, "what was to know that the state file is open failed")
        return self._file

    def _tell(self, found: Found, unreadable: int) -> None:
        if found.fault:
            self.rows_kept += len(found.rows)
            self.rows_lost += found.lost
            log.error(
                "state file was damaged: set aside, and what is whole in it kept",
                extra={
                    "file": str(self._path),
                    "fault": found.fault,
                    "aside": str(found.aside),
                    "rows_kept": len(found.rows),
                    "rows_lost": found.lost,
                },
            )
        if unreadable:
            log.warning("rows of the state file not understood", extra={"file": str(self._path), "rows": unreadable})

    def _write(self, file: File) -> None:
        batch = self._ledger.batch()
        if batch is None:
            return
        work: list[tuple[str, Changes]] = []
        refused: dict[str, Exception] = {}
        for name, (before, after) in batch.targets.items():
            try:
                change = changes(name, before, after)
            except Exception as error:
                if speaks_of_the_file(error):
                    raise
                refused[name] = error
            else:
                if any(change):
                    work.append((name, change))
        work += marks.changes(*batch.marks)
        if work:
            refused |= file.write(work)
        self._ledger.written(batch, but=refused)
        self._complain(refused)
        self._refused = (self._refused - batch.targets.keys()) | refused.keys()

    def _complain(self, refused: Mapping[str, Exception]) -> None:
        """Tells of targets that could not be written by a mistake of ours, of each once."""
        for name, error in refused.items():
            if name in self._refused:
                self.errors += 1
            else:
                self._count(error, f"state of {name} not kept by a mistake of ours")

    def _failed(self, error: Exception) -> float:
        """Notes why nothing can be written; the seconds until the next attempt."""
        self._is_locked = is_locked(error.__cause__ if isinstance(error, UnusableError) else error)
        self._pause = min(max(2 * self._pause, PAUSES[0]), PAUSES[1])
        foreseen = isinstance(error, UnusableError | sqlite3.Error | OSError)
        sentence = str(error) if foreseen else f"a mistake of ours ({type(error).__name__}): the log has the traceback"
        if not isinstance(error, UnusableError):
            sentence = f"state cannot be written to {self._path}: {sentence}"
        if sentence != self.fault and not foreseen:
            self._count(error, "state not kept")
        else:
            self.errors += 1
            if sentence != self.fault:
                log.error("state not kept", extra={"error": sentence})
        self.fault = sentence
        if foreseen and not self._is_locked and not is_full(error):
            # Opening it says what is the matter, and mends it where it is damaged.
            self._let_go()
        if self._is_locked:
            return PAUSES[0]
        if isinstance(error, UnusableError):
            return LASTING if error.lasting else REOPEN
        return self._pause

    def _count(self, error: Exception, message: str) -> None:
        """Counts and logs what is a mistake, without what the error quotes."""
        self.errors += 1
        frames = "".join((*traceback.format_tb(error.__traceback__), type(error).__qualname__))
        log.error(message, extra={"traceback": frames})

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(sqlite3.Error, OSError):
                file.close()
