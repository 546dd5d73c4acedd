"""The state file on disk: whose it is, what becomes of one that is old, damaged, not ours or not to be written."""

import errno
import fcntl
import logging
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from builders import DAY, NOW, certificate, knowing, remembered, watched

from exporter.config.settings import Entra, Target, TrustSource
from exporter.history import EntityHistory, History
from exporter.inquiry import DomainRecord, DomainTrust, Slot
from exporter.model import Document, Metadata, Signature, SignatureState, Validators
from exporter.record import Record, bare
from exporter.state import Saved, State, file, open_state
from exporter.state.rows import SCHEMA, VERSION, Row, seal
from exporter.state.saved import read, saved_of
from exporter.state.text import history_text, trust_text

TARGET = watched("fs", "https://fs.example/metadata", entra=Entra(("contoso.com",), tenant="contoso"))
OTHER = watched("other", "https://other.example/metadata")


def record(target: Target = TARGET, content: bytes = b"<EntityDescriptor/>") -> Record:
    nothing = Metadata((), aggregate=True, valid_until=None, cache_duration=None, faults=())
    unsigned = Signature(SignatureState.UNSIGNED, None, "")
    trust = DomainTrust(TrustSource.GRAPH, federated=True, certificates={Slot.SIGNING: certificate()})
    domains = target.entra.domains if target.entra else ()
    return knowing(
        bare(target),
        document=Document(nothing, unsigned, len(content), content.hex(), packed=zlib.compress(content, 1)),
        validators=Validators('"1"', "now"),
        last_success=NOW,
        history=History({f"urn:{nth}": remembered(f"{nth:064}", NOW) for nth in range(5)}, NOW),
        differing_since=NOW - DAY,
        domains=tuple(DomainRecord(each, trust=trust, last_success=NOW) for each in domains),
    )


def environment() -> dict[str, str]:
    """For other processes, which find this very module."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((*sys.path, str(Path(__file__).parent)))}


@contextmanager
def opened(path: Path) -> Iterator[State]:
    state = open_state(path, lambda: NOW)
    yield state
    state.close(10)


def load(state: State, target: Target = TARGET) -> Saved | None:
    return state.load(target.name, target.url)


def keep(path: Path, *records: Record) -> None:
    with opened(path) as state:
        for each in records:
            load(state, each.target)
            state.keep(each)
        assert state.close(10) == ()


def loaded(path: Path, target: Target = TARGET) -> Saved | None:
    with opened(path) as state:
        return load(state, target)


def set_aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.*.aside"))


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def flip(path: Path, place: int, to: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[place : place + len(to)] = to
    path.write_bytes(whole)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def kept(path: Path) -> Path:
    """A state file of two targets."""
    keep(path, record(), record(OTHER))
    return path


# Ours


def test_missing_folders_are_made_and_nobody_else_may_read_what_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.sqlite"
    with opened(path) as state:
        load(state)
        state.keep(record())
        parts = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert {stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path.parent.parent)} == {0o700}
    assert parts.keys() == {"state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "state.sqlite.lock"}
    assert set(parts.values()) == {0o600}
    assert loaded(path) == saved_of(record())


def test_a_file_that_others_may_read_is_closed_to_them(kept: Path) -> None:
    kept.chmod(0o644)
    assert loaded(kept) == saved_of(record())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_an_empty_file_becomes_ours(path: Path) -> None:
    path.touch()
    keep(path, record())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (file.APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_a_link_names_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    link = tmp_path / "state.sqlite"
    link.symlink_to(tmp_path / "data" / "state.sqlite")
    keep(link, record())
    assert link.is_symlink()
    assert loaded(link) == saved_of(record())


def test_more_tables_beside_ours_do_no_harm(kept: Path) -> None:
    alter(kept, "CREATE TABLE bookmarks (url TEXT)")
    assert loaded(kept) == saved_of(record())
    assert not set_aside(kept)


@pytest.mark.parametrize("label", [0, 1, 2, 2**30 + VERSION])
def test_a_label_of_another_version_on_a_file_of_this_one_is_put_right(label: int, kept: Path) -> None:
    alter(kept, f"PRAGMA user_version = {label}")
    assert_taken_over(kept, record())


# Older formats, as they were written then

FIRST = """
CREATE TABLE target (name TEXT PRIMARY KEY, url TEXT NOT NULL, packed BLOB NOT NULL, etag TEXT, last_modified TEXT,
    last_success TEXT NOT NULL{seal});
CREATE TABLE entity (target TEXT NOT NULL REFERENCES target (name) ON DELETE CASCADE, entity_id TEXT NOT NULL,
    history TEXT NOT NULL{seal}, PRIMARY KEY (target, entity_id)) WITHOUT ROWID;
"""

SECOND = """
CREATE TABLE target (name TEXT PRIMARY KEY, url TEXT NOT NULL, last_success TEXT NOT NULL, differing_since TEXT,
    seal INTEGER NOT NULL);
CREATE TABLE document (target TEXT PRIMARY KEY REFERENCES target (name) ON DELETE CASCADE, packed BLOB NOT NULL,
    etag TEXT, last_modified TEXT, seal INTEGER NOT NULL);
CREATE TABLE entity (target TEXT NOT NULL REFERENCES target (name) ON DELETE CASCADE, entity_id TEXT NOT NULL,
    history TEXT NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY (target, entity_id)) WITHOUT ROWID;
CREATE TABLE domain (target TEXT NOT NULL, source TEXT NOT NULL, cloud TEXT NOT NULL, tenant TEXT NOT NULL,
    domain TEXT NOT NULL, trust TEXT NOT NULL, last_success TEXT NOT NULL, seal INTEGER NOT NULL,
    PRIMARY KEY (target, domain)) WITHOUT ROWID;
"""


Rows = dict[str, list[tuple[object, ...]]]


def write_old(path: Path, schema: str, rows: Rows, *, version: int, sealed: bool) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema)
        connection.execute(f"PRAGMA application_id = {file.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        for table, each in rows.items():
            for row in each:
                whole = (*row, seal(row)) if sealed else row
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(whole))})", whole)  # noqa: S608 -- our own words
        connection.execute("PRAGMA journal_mode = WAL")


def write_first(path: Path, known: Record, *, sealed: bool) -> None:
    assert known.document
    document, validators, looked = known.document, known.validators, NOW.isoformat()
    entities = [(known.target.name, each, history_text(it)) for each, it in known.history.entities.items()]
    row = (known.target.name, known.target.url, document.packed, validators.etag, validators.last_modified, looked)
    schema = FIRST.format(seal=", seal INTEGER NOT NULL" if sealed else "")
    write_old(path, schema, {"target": [row], "entity": [*entities]}, version=1, sealed=sealed)


def second(known: Record) -> Rows:
    assert known.document
    assert known.differing_since
    name, looked = known.target.name, NOW.isoformat()
    asked = ("graph", "global", "contoso")
    return {
        "target": [(name, known.target.url, looked, known.differing_since.isoformat())],
        "document": [(name, known.document.packed, known.validators.etag, known.validators.last_modified)],
        "entity": [(name, each, history_text(it)) for each, it in known.history.entities.items()],
        "domain": [(name, *asked, each.domain, trust_text(each.trust), looked) for each in known.domains if each.trust],
    }


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "before there were seals"])
def test_a_file_of_the_first_version_is_taken_over(path: Path, *, sealed: bool) -> None:
    known = replace(record(), domains=(), differing_since=None)
    write_first(path, known, sealed=sealed)
    assert_taken_over(path, known)


@pytest.mark.parametrize("label", [1, 2])
def test_a_file_of_the_second_version_is_taken_over_whatever_its_label_says(path: Path, label: int) -> None:
    write_old(path, SECOND, second(record()), version=label, sealed=True)
    assert_taken_over(path, record())


@pytest.mark.parametrize("label", [1, 3])
def test_a_file_of_the_third_version_is_taken_over_and_nobody_in_it_was_removed(path: Path, label: int) -> None:
    keep(path, record())
    # All that it lacks, and all that was ever between the two.
    alter(path, "DROP TABLE watch", f"PRAGMA user_version = {label}")
    with opened(path) as state:
        state.follow(["other"])
        assert state.removed(NOW) == {}
    assert_taken_over(path, record())


def assert_taken_over(path: Path, known: Record) -> None:
    assert loaded(path) == saved_of(known)
    assert loaded(path) == saved_of(known), "once more, as a file of today"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")} == {
            *SCHEMA
        }
    assert not set_aside(path)


KILLED = """
import os, signal, sys
from test_state_file import *
make = file._make_tables

def die(connection, rows):
    make(connection, rows)
    os.kill(os.getpid(), signal.SIGKILL)

file._make_tables = die
open_state(Path(sys.argv[1]), lambda: NOW)
"""


def test_a_kill_in_the_middle_of_taking_over_loses_nothing(path: Path) -> None:
    write_old(path, SECOND, second(record()), version=2, sealed=True)
    ran = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment(), check=False)  # noqa: S603 -- this very Python
    assert ran.returncode == -signal.SIGKILL
    assert_taken_over(path, record())


def test_tables_of_others_in_an_older_file_stay(path: Path) -> None:
    write_old(path, SECOND, second(record()), version=2, sealed=True)
    alter(path, "CREATE TABLE bookmarks (url TEXT)")
    assert loaded(path) == saved_of(record())
    alter(path, "DROP TABLE bookmarks")
    assert_taken_over(path, record())


def test_an_older_file_that_is_locked_is_read_now_and_taken_over_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.state.writer.START", 0)
    write_old(path, SECOND, second(record()), version=2, sealed=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as peer:
        peer.execute("BEGIN IMMEDIATE")
        state = open_state(path, lambda: NOW)
        assert load(state) == saved_of(record())
        assert state.status.fault == f"another process has locked {path}: what is to be kept waits"
        peer.execute("ROLLBACK")
    state.close(10)
    assert_taken_over(path, record())


def test_a_row_of_an_older_file_that_is_damaged_costs_that_row(path: Path) -> None:
    write_old(path, SECOND, second(record()), version=2, sealed=True)
    alter(path, "UPDATE entity SET history = history || ' ' WHERE entity_id = 'urn:3'")
    known = record()
    entities = {each: it for each, it in known.history.entities.items() if each != "urn:3"}
    assert loaded(path) == saved_of(replace(known, history=History(entities, NOW)))
    assert len(set_aside(path)) == 1


def test_rows_of_no_target_in_an_older_file_are_left_behind(path: Path) -> None:
    rows = second(record())
    write_old(path, SECOND, {**rows, "target": []}, version=2, sealed=True)
    assert loaded(path) == Saved(TARGET.url, answers=record().answers)


# Not ours


def foreign(path: Path) -> None:
    alter(path, "CREATE TABLE bookmarks (url TEXT)", "INSERT INTO bookmarks VALUES ('https://example.org')")


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(2).randbytes(20000))  # noqa: S311 -- no secret


def large(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url BLOB)")
        connection.executemany("INSERT INTO bookmarks VALUES (?)", ((bytes([nth]) * 2000,) for nth in range(1, 250)))
        connection.executemany("INSERT INTO bookmarks VALUES (?)", ((bytes(4_000_000),) for _ in range(2)))


def text(path: Path) -> None:
    path.write_text("targets: []\n", encoding="utf-8")


def of_a_newer_version(path: Path) -> None:
    keep(path, record())
    alter(path, f"PRAGMA user_version = {VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (foreign, "{path} is not ours, so it is left as it is and nothing is kept"),
        (large, "{path} is not ours, so it is left as it is and nothing is kept"),
        (random_bytes, "{path} is not ours, so it is left as it is and nothing is kept"),
        (text, "{path} is not ours, so it is left as it is and nothing is kept"),
        (of_a_newer_version, "{path} was written by a newer version, so it is left as it is and nothing is kept"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_is_not_ours_is_left_exactly_as_it_is_and_the_state_goes_on_in_memory(
    make: Callable[[Path], None], fault: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(path)
    before = path.read_bytes()
    state = open_state(path, lambda: NOW)
    assert load(state) is None
    state.keep(record())
    assert load(state) == saved_of(record())
    assert state.status.writable is False
    assert state.status.fault.startswith(fault.format(path=path))
    assert "--storage.path" in state.status.fault
    assert state.close(10) == ("fs",)
    assert path.read_bytes() == before
    assert not set_aside(path)
    assert [each.getMessage() for each in caplog.records] == ["state not kept", "state not saved at the end"]


def test_what_another_program_has_in_its_log_stays_there(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
        copies = {each: each.read_bytes() for each in path.parent.iterdir()}
    for each, content in copies.items():
        each.write_bytes(content)
    with opened(path) as state:
        assert state.status.writable is False
    assert {each: each.read_bytes() for each in copies} == copies


# Damaged


def text_altered(path: Path) -> None:
    alter(path, "UPDATE entity SET history = history || ' ' WHERE target = 'fs' AND entity_id = 'urn:3'")


def text_undecodable(path: Path) -> None:
    alter(path, "UPDATE entity SET history = CAST(x'ff' AS TEXT) WHERE target = 'fs' AND entity_id = 'urn:3'")


@pytest.mark.parametrize("damage", [text_altered, text_undecodable])
def test_a_row_that_is_damaged_costs_that_row(
    damage: Callable[[Path], None], kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(kept)
    before = kept.read_bytes()
    known = record()
    entities = {each: it for each, it in known.history.entities.items() if each != "urn:3"}
    with opened(kept) as state:
        assert load(state) == saved_of(replace(known, history=History(entities, NOW)))
        assert load(state, OTHER) == saved_of(record(OTHER))
        assert (state.status.rows_kept, state.status.rows_lost) == (14, 1)
    (aside,) = set_aside(kept)
    assert aside.name == "state.sqlite.20260601T120000Z.aside"
    assert aside.read_bytes() == before
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert line.getMessage() == "state file was damaged: set aside, and what is whole in it kept"
    told = {key: vars(line)[key] for key in ("fault", "aside", "rows_kept", "rows_lost")}
    assert told == {
        "fault": "a row is not as it was written",
        "aside": str(aside),
        "rows_kept": 14,
        "rows_lost": 1,
    }


def a_column_renamed(path: Path) -> None:
    alter(path, "ALTER TABLE document RENAME COLUMN packed TO pakced")


def labels_of_another_program(path: Path) -> None:
    alter(path, "PRAGMA application_id = 42")


def the_magic_gone(path: Path) -> None:
    flip(path, 0, bytes(16))


def the_page_size_absurd(path: Path) -> None:
    flip(path, 16, b"\x20\0")


def the_page_size_impossible(path: Path) -> None:
    flip(path, 16, b"\x13\x37")


def read_only_by_header(path: Path) -> None:
    flip(path, 18, b"\3")


def a_format_of_the_future(path: Path) -> None:
    flip(path, 44, (99).to_bytes(4, "big"))


def the_schema_unreadable(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"CREATE TABLE target", b"CREATE TA\xe1LE target"))


def the_first_page_gone(path: Path) -> None:
    flip(path, 100, bytes(3996))


def a_pointer_between_pages(path: Path) -> None:
    alter(path, "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET rootpage = rootpage + 1 WHERE name = 'entity'")


@pytest.mark.parametrize(
    "damage",
    [
        a_column_renamed,
        labels_of_another_program,
        the_magic_gone,
        the_page_size_absurd,
        the_page_size_impossible,
        read_only_by_header,
        a_format_of_the_future,
        the_schema_unreadable,
        the_first_page_gone,
        a_pointer_between_pages,
    ],
)
def test_damage_beside_the_rows_costs_none(damage: Callable[[Path], None], kept: Path) -> None:
    damage(kept)
    with opened(kept) as state:
        assert load(state) == saved_of(record())
        assert load(state, OTHER) == saved_of(record(OTHER))
        assert (state.status.rows_kept, state.status.rows_lost) == (15, 0)
        state.keep(record(content=b"new"))
    assert loaded(kept) == saved_of(record(content=b"new"))
    assert len(set_aside(kept)) == 1


def test_files_set_aside_in_the_same_second_do_not_replace_each_other(kept: Path) -> None:
    for _ in range(3):
        the_magic_gone(kept)
        assert loaded(kept) == saved_of(record())
    assert len(set_aside(kept)) == 3


def test_a_file_of_ours_of_which_nothing_is_left_is_set_aside(path: Path) -> None:
    keep(path)
    flip(path, 100, bytes(3996))
    keep(path, record())
    assert loaded(path) == saved_of(record())
    assert len(set_aside(path)) == 1


def test_without_the_row_of_a_target_its_document_and_history_stay_known(kept: Path) -> None:
    alter(kept, "UPDATE target SET etag = 'x' WHERE name = 'fs'")
    known = knowing(record(), validators=Validators(), differing_since=None)
    assert loaded(kept) == saved_of(known)


def test_without_its_document_a_target_keeps_its_history_and_asks_for_the_whole_document(kept: Path) -> None:
    alter(kept, "UPDATE document SET packed = x'00' WHERE target = 'fs'")
    assert loaded(kept) == saved_of(knowing(record(), document=None, validators=Validators()))


def test_rows_that_say_what_this_version_does_not_know_cost_themselves(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = [
        '{"first_seen":{},"key_sets":[{"role":"queen","use":"signing","sightings":[],"changes":{}}],"primaries":[]}',
        '{"first_seen":{},"key_sets":[{"role":"idp","use":"signing","sightings":[],"changes":{"undone":"x"}}],"primaries":[]}',
        '{"first_seen":{"aa":"2026-01-01T00:00:00"},"key_sets":[],"primaries":[]}',
        '{"key_sets":[],"primaries":[]}',
        "[]",
        "[" * 100_000,
        "",
    ]
    keep(path, record())
    with closing(sqlite3.connect(path)) as connection, connection:
        for nth, text in enumerate(unknown):
            row = ("entity", "fs", f"urn:unknown:{nth}", TARGET.url, text, 9)
            connection.execute("INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?)", (*row[1:], seal(row)))
        for nth, trust in enumerate(('{"federated":true,"certificates":{"signing":"AAAA"}}', '{"federated":true}')):
            domain = ("domain", "fs", f"{nth}.example", "graph", "global", "contoso", trust, NOW.isoformat(), 9)
            connection.execute("INSERT INTO domain VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*domain[1:], seal(domain)))
    assert loaded(path) == saved_of(record())
    (line,) = caplog.records
    assert (line.getMessage(), vars(line)["rows"]) == ("rows of the state file not understood", len(unknown) + 2)
    assert not set_aside(path)


def test_rows_of_which_nothing_can_be_read_are_no_target() -> None:
    row = Row("domain", ("fs", "a.example", "graph", "global", "contoso", "{}", NOW.isoformat()), 1)
    assert read([row]) == ({}, 1)


def test_rows_of_an_earlier_address_that_come_to_light_again_are_left_out() -> None:
    now_is = Row("document", ("fs", TARGET.url, NOW.isoformat(), b"new"), 2)
    was = Row("entity", ("fs", "urn:a", "https://elsewhere.example/", history_text(EntityHistory())), 1)
    found, unreadable = read([was, now_is])
    assert (found["fs"].url, found["fs"].packed, found["fs"].history, unreadable) == (
        TARGET.url,
        b"new",
        History({}, NOW),
        0,
    )


# The log beside it, and kills between two steps


def logged(path: Path) -> dict[str, bytes]:
    """The bytes of a state file of which much stands in its log, as a process leaves them that is killed."""
    with opened(path) as state:
        for nth in range(6):
            load(state)
            load(state, OTHER)
            state.keep(record(content=bytes([nth]) * 9000))
            state.keep(record(OTHER, content=random.Random(nth).randbytes(9000)))  # noqa: S311 -- no secret
            while state.status.waiting:
                pass
        return {part: path.with_name(path.name + part).read_bytes() for part in ("", "-wal")}


LAST = record(content=bytes([5]) * 9000)


def put(path: Path, parts: dict[str, bytes]) -> Path:
    for part, content in parts.items():
        path.with_name(path.name + part).write_bytes(content)
    return path


def test_what_a_killed_process_left_in_the_log_is_there(path: Path, tmp_path: Path) -> None:
    copy = put(tmp_path / "copy.sqlite", logged(path))
    assert loaded(copy) == saved_of(LAST)
    assert not set_aside(copy)


def test_a_log_that_is_damaged_in_the_middle_costs_the_rows_that_are(path: Path, tmp_path: Path) -> None:
    parts = logged(path)
    log = bytearray(parts["-wal"])
    frames = (len(log) - 32) // 4120
    for frame in range(1, frames, 7):
        copy = put(tmp_path / f"{frame}.sqlite", parts)
        log[32 + 4120 * frame + 24 + 4000] ^= 1
        copy.with_name(copy.name + "-wal").write_bytes(log)
        log[32 + 4120 * frame + 24 + 4000] ^= 1
        found, other = loaded(copy), loaded(copy, OTHER)
        assert found is not None
        assert other is not None
        assert (found.packed == saved_of(LAST).packed) + (len(other.history.entities) == 5) >= 1  # type: ignore[union-attr]  # it has a document
        assert found.history == LAST.history


def test_what_an_earlier_round_left_in_the_log_is_not_read(path: Path, tmp_path: Path) -> None:
    parts = logged(path)
    frame = parts["-wal"][-4120:]
    copy = put(tmp_path / "copy.sqlite", {**parts, "-wal": parts["-wal"] + frame[:8] + bytes(8) + frame[16:]})
    assert loaded(copy) == saved_of(LAST)
    assert not set_aside(copy)


def test_a_log_without_its_file_is_read(path: Path, tmp_path: Path) -> None:
    parts = logged(path)
    copy = put(tmp_path / "copy.sqlite", {"-wal": parts["-wal"]})
    assert loaded(copy) == saved_of(LAST)
    assert [each.name for each in copy.parent.glob("*.aside*")] == ["copy.sqlite.20260601T120000Z.aside-wal"]


def test_a_log_of_nothing_without_its_file_is_set_aside(path: Path) -> None:
    put(path, {"-wal": b"nothing"})
    keep(path, record())
    assert loaded(path) == saved_of(record())


class Fatal:
    """Renames files until it is asked for the time that is fatal: then the process ends before."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def __get__(self, part: Path, _: object) -> Callable[[Path], None]:
        return partial(self, part)

    def __call__(self, part: Path, name: Path) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        os.rename(part, name)  # noqa: PTH104 -- Path.rename is what this stands for


def test_a_kill_while_a_damaged_file_is_replaced_loses_nothing(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the steps it is after: what was found is found again."""
    whole = kept.read_bytes()
    for fatal in range(1, 4):
        for each in kept.parent.iterdir():
            each.unlink()
        put(kept, {"": whole, "-wal": b"nothing that counts"})
        the_magic_gone(kept)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", Fatal(fatal))
            with pytest.raises(KeyboardInterrupt):
                file.open_file(kept, NOW)
        assert loaded(kept) == saved_of(record())
        assert loaded(kept, OTHER) == saved_of(record(OTHER))


def test_a_new_file_that_was_not_finished_is_begun_again(path: Path) -> None:
    fresh = path.with_name("state.sqlite.unfinished")
    fresh.write_bytes(b"half of it")
    fresh.with_name("state.sqlite.unfinished-journal").write_bytes(b"the other half")
    keep(path, record())
    assert loaded(path) == saved_of(record())
    assert sorted(each.name for each in path.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock"]


# Not to be written


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "state.sqlite"


def far_below_a_file(folder: Path) -> Path:
    return below_a_file(folder) / "deeper"


def a_directory(folder: Path) -> Path:
    return folder


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def in_a_folder_of_the_kernel(_: Path) -> Path:
    return Path("/proc/state.sqlite")


def in_a_folder_that_nobody_can_make(_: Path) -> Path:
    return Path("/proc/fedmeta-exporter/state.sqlite")


def with_a_name_too_long(folder: Path) -> Path:
    return folder / ("s" * 300)


@pytest.mark.parametrize(
    "unusable",
    [
        below_a_file,
        far_below_a_file,
        a_directory,
        a_pipe,
        in_a_folder_of_the_kernel,
        in_a_folder_that_nobody_can_make,
        with_a_name_too_long,
    ],
)
def test_where_no_file_can_be_a_sentence_says_so_and_the_state_goes_on_in_memory(
    unusable: Callable[[Path], Path], tmp_path: Path
) -> None:
    path = unusable(tmp_path)
    with opened(path) as state:
        assert load(state) is None
        state.keep(record())
        assert load(state) == saved_of(record())
        status = state.status
        assert status.writable is False
        assert status.fault.startswith(f"cannot keep state in {path}: ")
        assert status.fault.endswith("; name another file with --storage.path, or --storage.path= to keep none")
        assert status.errors >= 1
        assert (status.waiting, status.waiting_since) == (1, NOW)
        assert state.close(10) == ("fs",)


PROGRAM = """
import os, resource, sys
from pathlib import Path
from test_state_file import *
{prepare}
with opened(Path(sys.argv[1])) as state:
    found = load(state)
    state.keep(record(content=os.urandom(50_000)))
    # Their certificate is one that each process makes for itself.
    answers = dict(answers={{}})
    known = found is not None and replace(found, **answers) == replace(saved_of(record()), **answers)
    print(known, state.close(10), state.status.writable, state.status.fault, sep="|")
# Room for what coverage writes at the end.
resource.setrlimit(resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)[1:] * 2)
"""


def elsewhere(path: Path, prepare: str) -> list[str]:
    """What a process of its own says that keeps a record in a file."""
    ran = subprocess.run(  # noqa: S603 -- this very Python
        [sys.executable, "-c", PROGRAM.format(prepare=prepare), str(path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip().split("|")


NO_ROOM = "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"
"""No file may grow beyond so many bytes: what is left of a disk that is full."""


def test_without_room_for_a_new_file_the_state_goes_on_in_memory(path: Path) -> None:
    found, unsaved, writable, fault = elsewhere(path, NO_ROOM.format(1000))
    assert (found, unsaved, writable) == ("False", "('fs',)", "False")
    assert fault.startswith(f"cannot keep state in {path}: ")
    keep(path, record())
    assert loaded(path) == saved_of(record())


def test_without_room_what_a_file_holds_is_known_and_stays(kept: Path) -> None:
    found, unsaved, writable, _ = elsewhere(kept, NO_ROOM.format(kept.stat().st_size))
    assert (found, writable) == ("True", "False")
    # The other of the file waits too where it was opened once more: nobody knows what a full disk has left of it.
    assert "'fs'" in unsaved
    assert loaded(kept) == saved_of(record())
    assert not set_aside(kept)


NOT_ROOT = "os.geteuid() or (os.setgid(65534), os.setuid(65534))"
"""Root may write everything, so whoever is root ceases to be."""


@pytest.fixture
def readable() -> Iterator[Path]:
    """A state file that anybody may read and nobody write, where nothing can be written beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        keep(path, record())
        path.with_name("state.sqlite.lock").unlink()
        path.chmod(0o444)
        path.parent.chmod(0o555)
        yield path
        path.parent.chmod(0o755)


def assert_read_and_left_alone(path: Path) -> None:
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    found, unsaved, writable, fault = elsewhere(path, NOT_ROOT)
    assert (found, unsaved, writable) == ("True", "('fs',)", "False")
    assert fault.startswith(f"cannot keep state in {path}: ")
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


def test_what_a_file_holds_that_may_only_be_read_is_known(readable: Path) -> None:
    assert_read_and_left_alone(readable)


def test_what_an_older_file_holds_that_may_only_be_read_is_known(readable: Path) -> None:
    readable.parent.chmod(0o755)
    readable.unlink()
    write_old(readable, SECOND, second(record()), version=2, sealed=True)
    readable.chmod(0o444)
    readable.parent.chmod(0o555)
    assert_read_and_left_alone(readable)


def test_a_file_that_may_not_even_be_read_holds_nothing_for_us(readable: Path) -> None:
    readable.chmod(0o000)
    found, unsaved, writable, fault = elsewhere(readable, NOT_ROOT)
    assert (found, unsaved, writable) == ("False", "('fs',)", "False")
    assert "Permission denied" in fault


def test_a_file_that_may_not_be_written_in_a_folder_that_may_is_known_too(readable: Path) -> None:
    readable.parent.chmod(0o777)
    found, unsaved, writable, fault = elsewhere(readable, NOT_ROOT)
    assert (found, unsaved, writable) == ("True", "('fs',)", "False")
    assert "readonly" in fault


def test_a_file_that_turns_out_to_be_read_only_is_read(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, who may write everything, nothing but a mount is read-only."""

    def refused(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(file, "transaction", refused)
    with opened(kept) as state:
        assert load(state) == saved_of(record())
        assert "readonly" in state.status.fault


def test_a_file_that_cannot_even_be_read_holds_nothing(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    the_magic_gone(kept)
    monkeypatch.setattr(Path, "read_bytes", refused)
    with opened(kept) as state:
        assert load(state) is None
        assert "Permission denied" in state.status.fault


@pytest.mark.parametrize("old", [False, True], ids=["of today", "older"])
def test_where_no_lock_can_be_had_nothing_is_kept_and_what_there_is_is_known(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, old: bool
) -> None:
    if old:
        write_old(path, SECOND, second(record()), version=2, sealed=True)
    else:
        keep(path, record())

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with opened(path) as state:
        assert load(state) == saved_of(record())
        assert state.status.fault.startswith(f"cannot keep state in {path}: [Errno 37] No locks available")
