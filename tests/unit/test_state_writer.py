"""What becomes of the state while its file cannot be written: nothing waits for it, and in the end it is there."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import HOUR, NOW, knowing, remembered, watched
from kept import settled
from waiting import wait_until

from exporter.config.settings import Target
from exporter.history import History
from exporter.model import NO_VALIDATORS, Document, Metadata, Signature, SignatureState, Validators
from exporter.record import Record, bare
from exporter.state import Saved, State, ledger, open_state, saved, writer
from exporter.state.file import File
from exporter.state.rows import Changes
from exporter.state.saved import changes, saved_of

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((*sys.path, str(Path(__file__).parent)))}
"""For other processes, which find this very module."""

TARGETS = [watched(name, f"https://{name}.example/metadata") for name in ("one", "other")]
ONE, OTHER = TARGETS


def record(target: Target = ONE, nth: int = 0) -> Record:
    nothing = Metadata((), aggregate=True, valid_until=None, cache_duration=None, faults=())
    packed = f"{target.name} {nth}".encode()
    at = NOW + nth * HOUR
    return knowing(
        bare(target),
        document=Document(nothing, Signature(SignatureState.UNSIGNED, None, ""), len(packed), packed.hex(), packed),
        last_success=at,
        history=History({"urn:a": remembered("aa", at)}, at),
    )


def load(state: State, target: Target = ONE) -> Saved | None:
    return state.load(target.name, target.url)


def keep(state: State, *records: Record) -> None:
    for each in records:
        load(state, each.target)
        state.keep(each)


def in_file(path: Path, target: Target = ONE) -> Saved | None:
    """What a process finds that opens the file now."""
    state = open_state(path, lambda: NOW)
    found = load(state, target)
    assert state.close(20) == ()
    return found


@contextmanager
def opened(path: Path) -> Iterator[State]:
    state = open_state(path, lambda: NOW)
    yield state
    state.close(20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(writer, "PAUSES", (0.01, 0.05))
    monkeypatch.setattr(writer, "REOPEN", 0.02)
    monkeypatch.setattr(writer, "LASTING", 0.02)
    monkeypatch.setattr(writer, "PATIENCE", 0.1)
    monkeypatch.setattr(writer, "START", 0.1)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records]


# Locked


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[Callable[[], None]]:
    """Another process has locked the file, until it is told to let go."""
    with subprocess.Popen(  # noqa: S603 -- this very Python
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        told = holder.stdin

        def let_go() -> None:
            told.write("\n")
            told.flush()
            holder.wait(20)

        yield let_go
        if holder.poll() is None:
            let_go()


def test_a_lock_costs_nothing_but_waiting(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.state.file.PATIENCE", 2.0)
    with opened(path) as state:
        keep(state, record())
        settled(state)
        with locked_by_another_process(path) as let_go:
            took = []
            for nth in range(1, 400):
                began = time.monotonic()
                keep(state, record(nth=nth), record(OTHER, nth))
                took.append(time.monotonic() - began)
                assert load(state) == saved_of(record(nth=nth))
            wait_until(lambda: state.status.errors > 1)
            assert max(took) < 0.2
            assert (state.status.waiting, state.status.waiting_since) == (2, NOW)
            assert state.status.writable is False
            assert "locked" in state.status.fault
            let_go()
        settled(state)
        assert (state.status.fault, state.status.waiting_since) == ("", None)
    assert in_file(path) == saved_of(record(nth=399))
    assert in_file(path, OTHER) == saved_of(record(OTHER, 399))
    assert messages(caplog) == ["state not kept"], "once, and no more"


def test_a_file_that_is_locked_at_the_start_is_read_all_the_same(path: Path) -> None:
    with opened(path) as state:
        keep(state, record())
    with locked_by_another_process(path) as let_go, opened(path) as state:
        assert load(state) == saved_of(record())
        state.keep(record(nth=1))
        let_go()
    assert in_file(path) == saved_of(record(nth=1))


def test_the_end_does_not_wait_for_a_lock_longer_than_it_may(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = open_state(path, lambda: NOW)
    with locked_by_another_process(path):
        keep(state, record(), record(OTHER))
        began = time.monotonic()
        assert state.close(0.3) == ("one", "other")
        assert time.monotonic() - began < 2
    assert messages(caplog)[-1] == "state not saved at the end"
    assert vars(caplog.records[-1])["targets"] == "one other"


def test_a_lock_that_goes_while_the_program_ends_is_in_time(path: Path) -> None:
    state = open_state(path, lambda: NOW)
    with locked_by_another_process(path) as let_go:
        keep(state, record())
        letting_go = threading.Timer(0.3, let_go)
        letting_go.start()
        assert state.close(20) == ()
        letting_go.join()
    assert in_file(path) == saved_of(record())


# Two exporters


def test_the_second_of_two_exporters_says_so_and_takes_over_when_the_first_has_ended(path: Path) -> None:
    first = open_state(path, lambda: NOW)
    keep(first, record())
    settled(first)
    second = open_state(path, lambda: NOW)
    opens = threading.Event()
    second.on_open = opens.set
    assert load(second) is None
    second.keep(record(nth=2))
    assert second.status.writable is False
    assert second.status.fault.startswith(f"another exporter keeps its state in {path}, so this one keeps none; ")
    keep(first, record(nth=1))
    assert first.close(20) == ()
    assert first.status.errors == 0
    assert opens.wait(20)
    wait_until(lambda: second.status.writable)
    assert second.status.waiting == 1, "it waits for what the file holds"
    assert load(second) == saved_of(record(nth=1)), "and not for what was known without it"
    second.keep(record(nth=3))
    second.close(20)
    assert in_file(path) == saved_of(record(nth=3))


EXPORTER = """
import sys
from test_state_writer import *
state = open_state(Path(sys.argv[1]), lambda: NOW)
keep(state, record())
settled(state)
print("kept", flush=True)
sys.stdin.readline()
"""


def test_the_first_of_two_exporters_that_is_killed_has_ended_too(path: Path) -> None:
    with subprocess.Popen(  # noqa: S603 -- this very Python
        [sys.executable, "-c", EXPORTER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == b"kept\n"
        second = open_state(path, lambda: NOW)
        assert "another exporter" in second.status.fault
        first.kill()
    wait_until(lambda: second.status.writable)
    assert load(second) == saved_of(record())
    second.close(20)


def test_what_listens_for_the_opening_may_fail(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = open_state(path, lambda: NOW), open_state(path, lambda: NOW)

    def fails() -> None:
        raise RuntimeError(str(path))

    second.on_open = fails
    first.close(20)
    wait_until(lambda: second.status.writable)
    keep(second, record())
    second.close(20)
    assert in_file(path) == saved_of(record())
    assert "what was to know that the state file is open failed" in messages(caplog)
    assert str(path) not in str([vars(each) for each in caplog.records if each.getMessage().startswith("what was")])


# Gone, replaced, damaged, full


def test_a_file_that_is_deleted_underneath_is_written_anew_with_all_that_is_known(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path) as state:
        keep(state, record(), record(OTHER))
        settled(state)
        for each in path.parent.glob("state.sqlite*"):
            each.unlink()
        keep(state, record(nth=1))
        settled(state)
        assert state.status.errors == 1
    assert in_file(path) == saved_of(record(nth=1))
    assert in_file(path, OTHER) == saved_of(record(OTHER))
    assert messages(caplog) == ["state file is gone: all that is known is written anew"]


def test_what_was_never_asked_for_is_written_anew_too(path: Path) -> None:
    with opened(path) as state:
        keep(state, record(OTHER))
    with opened(path) as state:
        path.unlink()
        keep(state, record())
    assert in_file(path, OTHER) == saved_of(record(OTHER))


def test_a_file_that_is_replaced_underneath_gets_what_is_known_and_keeps_what_nobody_knew(
    path: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.sqlite"
    with opened(backup) as state:
        keep(state, record(), record(OTHER))
    with opened(path) as state:
        keep(state, record(nth=2))
        settled(state)
        backup.rename(path)
        keep(state, record(nth=3))
        settled(state)
    assert in_file(path) == saved_of(record(nth=3))
    assert in_file(path, OTHER) == saved_of(record(OTHER))


def test_a_file_that_is_damaged_while_it_is_written_is_mended_and_written_anew(path: Path) -> None:
    with opened(path) as state:
        keep(state, record(), record(OTHER))
        settled(state)
        with closing(sqlite3.connect(path, timeout=20)) as vandal:
            vandal.execute("DROP TABLE document")
        keep(state, record(nth=1))
        settled(state)
        assert state.status.errors == 1
    assert in_file(path) == saved_of(record(nth=1))
    assert in_file(path, OTHER) == saved_of(record(OTHER))
    assert len(list(path.parent.glob("*.aside"))) == 1


FULL = """
import resource, sys
from test_state_writer import *
writer.PAUSES, writer.REOPEN = (0.01, 0.05), 0.02
with opened(Path(sys.argv[1])) as state:
    keep(state, record())
    settled(state)
    room = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1] + "-wal").stat().st_size, room[1]))
    keep(state, record(nth=1))
    wait_until(lambda: state.status.errors > 2)
    print(state.status.writable, state.status.waiting)
    resource.setrlimit(resource.RLIMIT_FSIZE, room)
    settled(state)
"""


def test_a_disk_that_is_full_for_a_while_costs_nothing(path: Path) -> None:
    ran = subprocess.run(  # noqa: S603 -- this very Python
        [sys.executable, "-c", FULL, str(path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (0, "False 1\n"), ran.stderr
    assert in_file(path) == saved_of(record(nth=1))


# Mistakes, and too little of everything


@pytest.mark.parametrize(
    "spoilt",
    [
        replace(record(), history=History({"urn:a": remembered("aa", None)}, NOW)),  # type: ignore[arg-type]  # what is meant to fail
        knowing(record(), validators=Validators(etag="\ud800")),
        knowing(record(), validators=Validators(etag=object())),  # type: ignore[arg-type]  # what is meant to fail
        knowing(record(), validators=Validators(etag=2**70)),  # type: ignore[arg-type]  # what is meant to fail
    ],
    ids=["no text", "no Unicode", "no value", "no number"],
)
def test_a_record_that_cannot_be_written_costs_that_record(
    spoilt: Record, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path) as state:
        for nth in range(3):
            keep(state, spoilt)
            settled(state)
            keep(state, record(OTHER, nth))
            settled(state)
        assert state.status.errors == 3
        assert messages(caplog) == ["state of one not kept by a mistake of ours"]
        keep(state, record(nth=1))
    assert in_file(path) == saved_of(record(nth=1))
    assert in_file(path, OTHER) == saved_of(record(OTHER, 2))


def test_without_threads_the_state_waits_until_there_are_some(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, fails = threading.Thread.start, [True]

    def scarce(thread: threading.Thread) -> None:
        if fails[0]:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    with opened(path) as state:
        keep(state, record())
        assert state.status.errors == 2, "at the start, and now"
        assert state.status.writable is False
        assert state.status.waiting == 1
        fails[0] = False
        keep(state, record(OTHER))
        settled(state)
    assert in_file(path) == saved_of(record())


def test_without_threads_to_the_end_the_end_writes_what_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        state = open_state(path, lambda: NOW)
        keep(state, record())
        assert state.close(20) == ()
    assert in_file(path) == saved_of(record())


@pytest.mark.parametrize("kind", [MemoryError, RuntimeError, OSError, RecursionError, sqlite3.OperationalError])
def test_whatever_is_raised_while_writing_is_counted_and_tried_again(
    kind: type[Exception], path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write, left = File.write, [5]

    def fails(self: File, batch: Any) -> Any:  # noqa: ANN401 -- handed on
        left[0] -= 1
        if left[0] >= 0:
            raise kind("what it says")
        return write(self, batch)

    monkeypatch.setattr(File, "write", fails)
    with opened(path) as state:
        keep(state, record())
        settled(state)
        assert state.status.errors == 5
    assert messages(caplog) == ["state not kept"]
    assert in_file(path) == saved_of(record())


def test_memory_that_is_short_while_a_record_is_made_ready_does_not_cost_the_record(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [3]

    def fails(name: str, before: Saved | None, after: Saved | None) -> Changes:
        left[0] -= 1
        if left[0] >= 0:
            raise MemoryError
        return changes(name, before, after)

    monkeypatch.setattr("exporter.state.writer.changes", fails)
    with opened(path) as state:
        keep(state, record())
        settled(state)
        assert state.status.errors == 3
    assert in_file(path) == saved_of(record())


def test_a_mistake_at_the_start_does_not_keep_it_from_starting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opens = writer.__dict__["open_file"]
    left = [2]

    def fails(*arguments: Any, **others: Any) -> Any:  # noqa: ANN401 -- handed on
        left[0] -= 1
        if left[0] >= 0:
            raise RuntimeError
        return opens(*arguments, **others)

    monkeypatch.setattr(writer, "open_file", fails)
    with opened(path) as state:
        assert "a mistake of ours (RuntimeError): the log has the traceback" in state.status.fault
        settled(state)
        keep(state, record())
    assert in_file(path) == saved_of(record())


def test_even_a_log_that_fails_does_not_end_the_writing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    with opened(path) as state:
        keep(state, record())
        settled(state)
        with monkeypatch.context() as patch:
            patch.setattr(writer.log, "error", fails)
            path.unlink()
            keep(state, record(nth=1))
            wait_until(lambda: state.status.errors >= 1)
        settled(state)
    assert in_file(path) == saved_of(record(nth=1))


def test_a_writer_that_ended_all_the_same_is_started_again(path: Path) -> None:
    state = open_state(path, lambda: NOW)
    state.close(20)
    keep(state, record())
    wait_until(lambda: not state.status.waiting)
    state.close(20)
    assert in_file(path) == saved_of(record())


def test_what_is_kept_while_it_is_being_written_is_written_next() -> None:
    now = iter(range(9))
    books = ledger.Ledger(lambda: NOW + next(now) * HOUR)
    first, later = saved_of(record()), saved_of(record(nth=1))
    assert first
    assert later
    assert books.opened({}, {})
    assert books.load("one", ONE.url) is None
    books.keep("one", first)
    batch = books.batch()
    assert batch
    books.keep("one", later)
    books.written(batch, but=())
    assert (books.waiting, books.since) == (("one",), NOW + HOUR)
    books.prune(NOW - HOUR, but=())
    again = books.batch()
    assert again
    assert again.targets == {"one": (first, later)}
    books.prune(NOW, but=())
    books.written(again, but=())
    again = books.batch()
    assert again, "the later pruning is still to be done"
    books.written(again, but=())
    assert (books.waiting, books.since, books.batch()) == ((), None, None)
    assert not books.opened({}, {}), "the file is another, and empty"
    assert (books.waiting, books.since) == (("one",), NOW + 2 * HOUR)
    assert not books.opened({"one": later}, {})
    assert books.since == NOW + 2 * HOUR


def test_an_empty_file_in_place_of_another_leaves_nothing_to_write() -> None:
    books = ledger.Ledger(lambda: NOW)
    assert books.opened({}, {})
    assert not books.opened({}, {})
    assert (books.waiting, books.since, books.batch()) == ((), None, None)


def test_a_disk_that_hangs_is_told_though_nothing_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, hangs, write = threading.Event(), threading.Event(), File.write

    def hang(self: File, work: list[tuple[str, Changes]]) -> Mapping[str, Exception]:
        hangs.set()
        assert gate.wait(20)
        return write(self, work)

    monkeypatch.setattr(File, "write", hang)
    state = open_state(path, lambda: NOW)
    keep(state, record())
    assert hangs.wait(20)
    assert state.status.writable, "for a minute a batch may take"
    monkeypatch.setattr(writer, "STUCK", 0.0)
    assert (state.status.writable, state.status.fault, state.status.errors) == (False, "", 0)
    gate.set()
    settled(state)
    assert state.close(20) == ()


def test_what_is_kept_while_the_last_batch_but_one_is_written_is_written_before_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = File.write
    ending: list[threading.Thread] = []

    def end_meanwhile(self: File, work: list[tuple[str, Changes]]) -> Mapping[str, Exception]:
        refused = write(self, work)
        if not ending:
            # The batch has been written, and nobody has noted that yet.
            keep(state, record(nth=1))
            thread = threading.Thread(target=state.close, args=(20,))
            thread.start()
            ending.append(thread)
            wait_until(lambda: state._writer is not None and state._writer._ending.is_set())  # noqa: SLF001 -- the very moment
        return refused

    monkeypatch.setattr(File, "write", end_meanwhile)
    state = open_state(path, lambda: NOW)
    keep(state, record())
    wait_until(lambda: ending)
    ending[0].join(20)
    monkeypatch.undo()
    assert in_file(path) == saved_of(record(nth=1))


def test_of_a_transaction_that_is_left_in_part_no_validator_speaks_for_an_older_document(
    path: Path, tmp_path: Path
) -> None:
    old, new = (bytes(random.Random(nth).randbytes(20_000)) for nth in (1, 2))  # noqa: S311 -- no secret

    def known(nth: int, packed: bytes, etag: str) -> Record:
        made = record(nth=nth)
        assert made.document is not None
        return knowing(made, document=replace(made.document, packed=packed), validators=Validators(etag))

    state = open_state(path, lambda: NOW)
    keep(state, known(0, old, '"1"'))
    assert state.close(20) == ()
    state = open_state(path, lambda: NOW)
    keep(state, known(1, new, '"2"'))
    settled(state)
    # As a kill leaves it, and then one bit of the new document flips in the log.
    copy = tmp_path / "killed" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    assert state.close(20) == ()
    log = bytearray(Path(f"{copy}-wal").read_bytes())
    log[log.index(new[9000:9050])] ^= 1
    Path(f"{copy}-wal").write_bytes(log)
    found = in_file(copy)
    assert found is not None
    assert (found.packed, found.validators) in {(None, NO_VALIDATORS), (old, NO_VALIDATORS), (old, Validators('"1"'))}


def test_what_was_kept_of_a_target_that_nobody_asks_for_any_more_does_not_wait_for_ever(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    state = open_state(path, lambda: NOW)
    assert state.status.writable is False
    keep(state, record(OTHER))
    path.unlink()
    settled(state)
    assert state.close(20) == ()
    assert in_file(path, OTHER) == saved_of(record(OTHER))


def test_memory_that_is_short_while_the_rows_are_read_costs_that_attempt(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [MemoryError()]

    def once(rows: Any) -> Any:  # noqa: ANN401 -- handed on
        if short:
            raise short.pop()
        return saved.read(rows)

    monkeypatch.setattr(writer, "read", once)
    state = open_state(path, lambda: NOW)
    assert state.status.errors == 1
    keep(state, record())
    settled(state)
    assert state.close(20) == ()
    assert in_file(path) == saved_of(record())
