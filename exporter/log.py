"""Log lines: logfmt or JSON, one line each, on standard error."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum

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


def _quoted(text: str) -> str:
    printable = text.isprintable()
    if text and printable and not any(character in text for character in ' ="\\'):
        return text
    # Not only what JSON must escape: terminals and readers of lines know more control characters and line ends.
    return json.dumps(text, ensure_ascii=not printable)
