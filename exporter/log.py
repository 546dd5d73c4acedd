"""Log lines: logfmt or JSON, one line each, on standard error; written beside all else while the exporter serves."""

import json
import logging
import math
import queue
import sys
import threading
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

LINES = 10_000
"""Lines that may wait for their reader."""

PAUSE = 1.0
"""Seconds between two lines about trouble of one kind."""

_WHOM = ("target", "domain", "node", "vantage", "role", "use", "change")
"""Fields that tell trouble from trouble of the same words. An entity is none: a document has as many as it likes."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "kind"}
"""Fields that are not written by their names; ``kind`` is what a line about a mistake of ours says it is of."""


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


@dataclass(slots=True)
class _Trouble:
    """What is known of one kind of trouble within one pause."""

    until: float
    left_out: int = 0
    latest: logging.LogRecord | None = None
    """The latest of those that were left out."""


class _Sparing(logging.StreamHandler[TextIO]):
    """Writes at most one line in each :data:`PAUSE` about trouble of one kind, from warnings up.

    Nothing is lost silently: when the pause is over, the latest of those that came meanwhile is written, and says in
    ``left_out`` how many others did.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._troubles: dict[Hashable, _Trouble] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line, or keeps it for when the pause of its kind is over."""
        now = time.monotonic()
        self.catch_up(now)
        if record.levelno < logging.WARNING:
            super().emit(record)
        elif (trouble := self._troubles.get(kind := _kind(record))) is None:
            self._troubles[kind] = _Trouble(now + PAUSE)
            super().emit(record)
        else:
            trouble.left_out += trouble.latest is not None
            trouble.latest = record

    def catch_up(self, now: float) -> None:
        """Writes what was left out in pauses that are over by ``now``, a moment of the monotonic clock."""
        self.acquire()
        try:
            over = [(kind, trouble) for kind, trouble in self._troubles.items() if trouble.until <= now]
            for kind, trouble in over:
                del self._troubles[kind]
                if trouble.latest is not None:
                    self._troubles[kind] = _Trouble(now + PAUSE)
                    vars(trouble.latest).update({"left_out": trouble.left_out} if trouble.left_out else {})
                    super().emit(trouble.latest)
        finally:
            self.release()

    def close(self) -> None:
        """Writes all that was left out."""
        self.catch_up(math.inf)
        super().close()


def _kind(record: logging.LogRecord) -> Hashable:
    """What lines about the same trouble have in common.

    Ours say whom they are about, out of what the configuration names. What a library says differs from line to line by
    numbers and addresses: for it the place counts at which it says it.
    A mistake of ours says itself what failed, and that is its kind: a visitor may choose whom it is about.
    """
    if hasattr(record, "kind"):
        return record.name, record.levelno, record.kind
    if record.name.partition(".")[0] != __package__:
        return record.levelno, record.pathname, record.lineno
    return record.name, record.levelno, record.msg, str(record.args), *(str(vars(record).get(name)) for name in _WHOM)


def set_up(level: str, form: Form) -> None:
    """Sends everything from ``level`` up to standard error in this form."""
    handler = _Sparing(sys.stderr)
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
        while not (self._ended and self._lines.empty()):
            record = self._taken()
            for handler in handlers:
                if record is not None and record.levelno >= handler.level:
                    handler.handle(record)
                if isinstance(handler, _Sparing):
                    handler.catch_up(time.monotonic())
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                logging.getLogger(__name__).warning("log lines dropped: nobody read them", extra={"lines": dropped})

    def _taken(self) -> logging.LogRecord | None:
        """The next line; None when none came for a while, and at the end."""
        with suppress(queue.Empty):
            return self._lines.get(timeout=PAUSE)
        return None

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
