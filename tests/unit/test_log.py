"""Log lines: what a person or a machine reads back."""

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.log import Form, beside, finish, set_up
from exporter.mistakes import log_mistake

log = logging.getLogger("exporter.test")

FORMS = pytest.mark.parametrize("form", Form)
UGLY = (
    'two\nlines, a "quote", a back\\slash = and a tab\t',
    "\r\n",
    "\x00\x1b[31mred\x7f",
    "\x85 \u2028 \u2029 \x9b31m",
    "turned \u202e around",
    "a lone \udc80",
    "",
    "=",
    "größer als 5 €",
)

pytestmark = pytest.mark.usefixtures("root_logger")


@pytest.fixture
def root_logger() -> Iterator[None]:
    """The root logger as the test found it, for those that come after."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def parsed(line: str, form: Form) -> dict[str, str]:
    if form is Form.JSON:
        return {name: str(value) for name, value in json.loads(line).items()}
    fields = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)', line)
    assert " ".join(f"{name}={value}" for name, value in fields) == line, "nothing stands between the fields"
    return {name: json.loads(value) if value.startswith('"') else value for name, value in fields}


def fail() -> None:
    raise ValueError("two\nlines")


def the_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on standard error."""
    written = capsys.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert written.err == f"{line}\n"
    return line


def test_a_logfmt_line_is_as_people_expect_it(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", Form.LOGFMT)
    log.warning("%s is down", "fs", extra={"target": "fs", "reason": "timeout", "detail": "no answer in 10 s", "n": 3})
    line = re.sub(r"^ts=\S+", "ts=T", the_line(capsys))
    assert line == (
        'ts=T level=warning source=exporter.test msg="fs is down"'
        ' target=fs reason=timeout detail="no answer in 10 s" n=3'
    )


def test_a_json_line_keeps_numbers_and_spells_out_what_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", Form.JSON)
    at = datetime(2026, 6, 1, tzinfo=UTC)
    log.info("looked", extra={"target": "fs", "count": 3, "at": at, "none": None})
    fields = json.loads(the_line(capsys))
    assert datetime.fromisoformat(fields.pop("ts")).tzinfo is not None
    assert fields == {
        "level": "info",
        "source": "exporter.test",
        "msg": "looked",
        "target": "fs",
        "count": 3,
        "at": str(at),
        "none": None,
    }


@FORMS
def test_the_time_is_utc_to_the_millisecond(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", form)
    record = logging.makeLogRecord({"name": "exporter", "levelno": logging.INFO, "created": 1780315200.25})
    log.handle(record)
    assert parsed(the_line(capsys), form)["ts"] == "2026-06-01T12:00:00.250+00:00"


@FORMS
@pytest.mark.parametrize("text", UGLY, ids=ascii)
def test_whatever_a_value_holds_it_is_one_line_that_reads_back(
    text: str, form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("info", form)
    log.info("%s", text, extra={"detail": text})
    line = the_line(capsys)
    assert line.isprintable()
    assert (parsed(line, form)["msg"], parsed(line, form)["detail"]) == (text, text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), form=st.sampled_from(Form))
def test_any_text_is_one_line_that_reads_back(text: str, form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", form)
    log.info("text", extra={"detail": text})
    line = the_line(capsys)
    assert line.isprintable()
    assert parsed(line, form)["detail"] == text


def test_plain_words_are_not_quoted_nor_letters_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", Form.LOGFMT)
    log.info("größer", extra={"url": "https://fs.example/a?b", "detail": "größer als 5 €"})
    assert the_line(capsys).endswith('msg=größer url=https://fs.example/a?b detail="größer als 5 €"')


@FORMS
def test_a_traceback_is_a_field_of_the_same_line(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", form)
    try:
        fail()
    except ValueError:
        log.exception("a mistake of ours", extra={"target": "fs"})
    fields = parsed(the_line(capsys), form)
    assert fields["level"] == "error"
    assert fields["target"] == "fs"
    assert fields["traceback"].startswith("Traceback (most recent call last):\n")
    assert fields["traceback"].endswith("ValueError: two\nlines")


@FORMS
def test_there_is_no_traceback_without_an_exception(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", form)
    log.error("down")
    assert set(parsed(the_line(capsys), form)) == {"ts", "level", "source", "msg"}


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("ERROR", ["error"]),
    ],
)
def test_a_level_shows_itself_and_what_is_graver(
    level: str, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(level, Form.LOGFMT)
    for each in ("debug", "info", "warning", "error"):
        log.log(logging.getLevelNamesMapping()[each.upper()], "said")
    lines = capsys.readouterr().err.splitlines()
    assert [parsed(line, Form.LOGFMT)["level"] for line in lines] == shown


def test_setting_up_again_replaces_what_was_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug", Form.LOGFMT)
    set_up("info", Form.JSON)
    log.debug("unheard")
    log.info("once")
    assert parsed(the_line(capsys), Form.JSON)["msg"] == "once"


def test_at_debug_the_library_that_logs_whole_documents_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug", Form.LOGFMT)

    logging.getLogger("signxml.verifier").debug("a document")
    logging.getLogger("exporter").debug("a look")

    assert "a document" not in capsys.readouterr().err


class Reader(logging.Handler):
    """Takes lines, once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.may.wait(20)
        self.lines.append(record.getMessage())


@pytest.fixture
def reader() -> Reader:
    root = logging.getLogger()
    root.setLevel("INFO")
    root.addHandler(reader := Reader())
    return reader


def test_beside_all_else_lines_are_written_in_order_and_all_of_them(reader: Reader) -> None:
    reader.may.set()
    with beside(20):
        for nth in range(1000):
            log.info("%d", nth)
    log.info("after")
    assert reader.lines == [*map(str, range(1000)), "after"]


def test_a_reader_that_stops_reading_holds_up_nobody(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.log.LINES", 10)
    began = time.monotonic()
    with beside(0.1):
        for nth in range(100):
            log.info("%d", nth)
    log.info("after")
    assert time.monotonic() - began < 10
    assert reader.lines == []
    reader.may.set()


def test_lines_that_were_dropped_are_counted_when_there_is_room(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.log.LINES", 10)
    with beside(20):
        for nth in range(100):
            log.info("%d", nth)
        reader.may.set()
    assert "log lines dropped: nobody read them" in reader.lines
    assert 10 < len(reader.lines) < 100


def test_a_handler_gets_what_it_wants_beside_all_else_too(reader: Reader) -> None:
    reader.setLevel("WARNING")
    reader.may.set()
    with beside(20):
        log.info("no")
        log.warning("yes")
    assert reader.lines == ["yes"]


def test_without_a_thread_lines_are_written_as_before(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    reader.may.set()
    with beside(20):
        log.info("here")
        assert reader.lines == ["here"]


@pytest.mark.parametrize("threads", [True, False])
def test_at_the_end_what_is_in_memory_is_written_with_a_thread_and_without(
    monkeypatch: pytest.MonkeyPatch, *, threads: bool
) -> None:
    flushed: list[bool] = []

    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("exporter.log._flush", lambda: flushed.append(True))
    if not threads:
        monkeypatch.setattr(threading.Thread, "start", none)
    finish(20)
    assert flushed == [True]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moment that the log's clock shows, in a list of one."""
    moment = [100.0]
    monkeypatch.setattr("exporter.log.time.monotonic", lambda: moment[0])
    return moment


def said(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str | None]]:
    """Words and ``left_out`` of each line since the last time."""
    lines = [parsed(line, Form.LOGFMT) for line in capsys.readouterr().err.splitlines()]
    return [(line["msg"], line.get("left_out")) for line in lines]


def test_trouble_of_one_kind_is_a_line_a_second_and_what_was_left_out_is_counted(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("info", Form.LOGFMT)
    for nth in range(1000):
        log.warning("keys changed", extra={"target": "fs", "entity_id": nth})
    assert said(capsys) == [("keys changed", None)]
    clock[0] += 1.0
    log.info("else")
    assert said(capsys) == [("keys changed", "998"), ("else", None)]
    log.warning("keys changed", extra={"target": "fs", "entity_id": "again"})
    assert said(capsys) == []
    clock[0] += 1.0
    log.info("else")
    assert said(capsys) == [("keys changed", None), ("else", None)]
    clock[0] += 1.0
    log.warning("keys changed", extra={"target": "fs"})
    assert said(capsys) == [("keys changed", None)], "after a pause in which nothing came it is written at once"


@pytest.mark.usefixtures("clock")
def test_whoever_has_the_trouble_tells_it_from_others_and_what_is_no_trouble_is_never_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up("info", Form.LOGFMT)
    for _ in range(2):
        log.info("up")
        log.warning("%s failed", "a")
        log.warning("%s failed", "b")
        log.error("%s failed", "b")
        for name in ("target", "domain", "node", "vantage", "role", "use", "change"):
            log.warning("down", extra={name: "one"})
            log.warning("down", extra={name: "another"})
    assert len(said(capsys)) == 4 + 14 + 1


@pytest.mark.usefixtures("clock")
def test_what_a_library_says_at_one_place_is_one_kind_whatever_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", Form.LOGFMT)
    for nth in range(1000):
        logging.getLogger("asyncio").error("Task-%d: %s", nth, {"unhashable": nth})
    logging.getLogger("asyncio").error("elsewhere")
    assert said(capsys) == [("Task-0: {'unhashable': 0}", None), ("elsewhere", None)]


@pytest.mark.usefixtures("clock")
def test_mistakes_are_of_one_kind_by_what_failed_and_where_and_not_by_whom_they_are_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(error: Exception, depth: int) -> None:
        if not depth:
            raise error
        fails(error, depth - 1)

    set_up("info", Form.LOGFMT)
    for nth in range(400):
        for kind in (KeyError, LookupError):
            try:
                fails(kind(f"words {nth}"), depth=nth % 7)
            except LookupError as error:
                log_mistake(f"probe of https://z{nth}.example/", error)
    lines = capsys.readouterr().err.splitlines()
    fields = [parsed(line, Form.LOGFMT) for line in lines]
    assert [each["msg"] for each in fields] == ["probe of https://z0.example/ failed by a mistake of ours"] * 2
    assert all("kind" not in each and "traceback" in each for each in fields)


def test_at_the_end_what_was_left_out_is_told(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info", Form.LOGFMT)
    for _ in range(3):
        log.error("down")
    set_up("info", Form.LOGFMT)
    assert said(capsys) == [("down", None), ("down", "1")]
    assert clock == [100.0]


def test_beside_all_else_what_was_left_out_is_told_though_nothing_more_is_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("exporter.log.PAUSE", 0.05)
    set_up("info", Form.LOGFMT)
    with beside(20):
        for _ in range(100):
            log.error("down")
        told, deadline = 0, time.monotonic() + 20
        while told < 100:
            told += sum(1 + int(left_out or 0) for _, left_out in said(capsys))
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_from_many_threads_every_line_of_trouble_is_written_or_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("exporter.log.PAUSE", 0.001)
    set_up("info", Form.LOGFMT)

    def flood() -> None:
        for nth in range(500):
            log.error("down", extra={"target": nth % 3})

    threads = [threading.Thread(target=flood) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    set_up("info", Form.LOGFMT)
    lines = said(capsys)
    assert sum(1 + int(left_out or 0) for _, left_out in lines) == 4000
    assert len(lines) < 4000
