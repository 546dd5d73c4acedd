"""Log lines: logfmt or JSON, one line each, on standard error; written beside all else while the exporter serves."""

import json
import logging
import queue
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum

LINES = 10_000
"""Lines that may wait for their reader."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Form(StrEnum):
    """How a line looks."""

    LOGFMT = "logfmt"
    JSON = "json"


class _Formatter(logging.Formatter):
    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        fields = dict(self._fields(record))
        if self._form is Form.JSON:
            return json.dumps(fields, default=str)
        return " ".join(f"{name}={_quoted(str(value))}" for name, value in fields.items())

    def _fields(self, record: logging.LogRecord) -> Iterator[tuple[str, object]]:
        yield "ts", datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        yield "level", record.levelname.lower()
        yield "source", record.name
        yield "msg", record.getMessage()
        yield from ((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            yield "traceback", self.formatException(record.exc_info)


def set_up(level: str, form: Form) -> None:
    """Sends everything from ``level`` up to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(form))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # At debug it logs whole documents.
    logging.getLogger("signxml").setLevel(logging.WARNING)


@contextmanager
def beside(within: float) -> Iterator[None]:
    """Has lines written by a thread of its own for as long as the block lasts.

    Whoever reads them may stop reading without closing the pipe: then a line that is written waits for ever, and must
    not take the watch with it. Lines beyond :data:`LINES` are dropped, and counted by a line when there is room. At the
    end what waits is written, within so many seconds.
    """
    root = logging.getLogger()
    direct, waiting = root.handlers[:], _Waiting()
    thread = threading.Thread(target=waiting.write, args=(direct,), name="log", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # The system starts no more threads.
        yield
        return
    root.handlers[:] = [waiting]
    try:
        yield
    finally:
        waiting.end()
        thread.join(within)
        root.handlers[:] = [logging.NullHandler()] if thread.is_alive() else direct


def finish(within: float) -> None:
    """Writes what is still in memory of lines and of what was printed, within so many seconds."""
    thread = threading.Thread(target=_flush, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # The system starts no more threads.
        _flush()
    else:
        thread.join(within)


class _Waiting(logging.Handler):
    """Lines that wait for the thread that writes them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(LINES)
        """None is the end."""
        self._ended = False
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def write(self, handlers: Sequence[logging.Handler]) -> None:
        """Gives each line to the handlers, until the end and until none waits."""
        while not (self._ended and self._lines.empty()) and (record := self._lines.get()) is not None:
            for handler in handlers:
                if record.levelno >= handler.level:
                    handler.handle(record)
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                logging.getLogger(__name__).warning("log lines dropped: nobody read them", extra={"lines": dropped})

    def end(self) -> None:
        """Has the writing end when nothing waits any more."""
        self._ended = True
        with suppress(queue.Full):
            self._lines.put_nowait(None)


def _flush() -> None:
    logging.shutdown()
    # None where it was closed before the start.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        # Whoever read it may be gone, and nobody else is there to be told.
        with suppress(OSError):
            stream.flush()


def _quoted(text: str) -> str:
    printable = text.isprintable()
    if text and printable and not any(character in text for character in ' ="\\'):
        return text
    # Not only what JSON must escape: terminals and readers of lines know more control characters and line ends.
    return json.dumps(text, ensure_ascii=not printable)
