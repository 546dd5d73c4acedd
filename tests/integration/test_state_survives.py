"""The state file survives SIGKILL at any moment: it opens again, and holds what was saved whole.

Run as a program, this file is the one that is killed: it saves record after record, each a function of its number.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from exporter.config.settings import Entra, Target, TrustSource
from exporter.history import Change, EntityHistory, History, KeySetHistory, Sighting
from exporter.model import Document, Metadata, Role, Signature, SignatureState, Use, Validators
from exporter.record import Record
from exporter.state import Saved, open_file
from exporter.trust import DomainRecord, DomainTrust

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = Target("fs", "https://fs.example/metadata", entra=Entra(("contoso.com", "fabrikam.com"), tenant="contoso"))
SIZE = 200_000
"""Bytes of a document: enough for SQLite to move its log into the file every few saves."""

Kill = Callable[[Path, int, float], None]
"""Starts a writer on a file, and kills it so many saves and then so many seconds later."""


def at(number: int) -> datetime:
    return NOW + timedelta(seconds=number)


@cache
def document(number: int) -> Document:
    nothing = Metadata((), aggregate=True, valid_until=None, cache_duration=None, faults=())
    unsigned = Signature(SignatureState.UNSIGNED, None, "")
    packed = random.Random(number).randbytes(SIZE)  # noqa: S311 -- no secret
    return Document(nothing, unsigned, SIZE, str(number), packed)


@cache
def entity(number: int) -> EntityHistory:
    seen = Sighting(frozenset({f"{number:064x}"}), at(number), at(number))
    return EntityHistory(
        first_seen={f"{number:064x}": at(number)},
        key_sets={(Role.IDP, Use.SIGNING): KeySetHistory((seen,), {Change.REPLACED: at(number)})},
        primaries=(seen,),
        last_promotion=at(number),
    )


@cache
def domain(name: str, number: int) -> DomainRecord:
    trust = DomainTrust(TrustSource.GRAPH, federated=True, service=f"fs{number}.example")
    return DomainRecord(name, trust=trust, last_success=at(number))


def record(number: int) -> Record:
    """The record after so many looks: its document changes with every third, entity n with every n-th.

    The one domain is answered with every look, the other with every fourth; nodes differ now and then.
    """
    entities = {f"urn:{every}": entity(number - number % every) for every in range(1, 6)}
    return Record(
        TARGET,
        document=document(number - number % 3),
        validators=Validators(f'"{number - number % 2}"'),
        last_success=at(number),
        history=History(entities, looked=at(number)),
        differing_since=at(number) if number % 5 == 0 else None,
        domains=(domain("contoso.com", number), domain("fabrikam.com", number - number % 4)),
    )


def load(path: Path) -> Saved | None:
    with closing(open_file(path, NOW)) as store:
        return store.load(TARGET.name, TARGET.url)


def number_in(path: Path) -> int:
    """The number of the record in a file, which is as it was saved; 0 when there is none."""
    saved = load(path)
    if saved is None:
        return 0
    number = number_of(saved)
    known = record(number)
    assert known.document is not None
    assert saved == Saved(
        packed=known.document.packed,
        validators=known.validators,
        last_success=at(number),
        history=known.history,
        differing_since=known.differing_since,
        answers=known.answers,
    )
    return number


def number_of(saved: Saved) -> int:
    assert saved.last_success is not None
    return round((saved.last_success - NOW).total_seconds())


def assert_nothing_was_set_aside(path: Path) -> None:
    assert not list(path.parent.glob("*.aside*"))


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(  # noqa: S603 -- this very file
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        orders, reports = nursery.stdin, nursery.stdout

        def order(path: Path, saves: int, seconds: float) -> None:
            print(path, saves, seconds, file=orders, flush=True)
            assert reports.readline() == f"{-signal.SIGKILL}\n", "the writer fell before it was killed"

        yield order
        orders.close()
    assert nursery.returncode == 0


def test_a_writer_that_is_killed_while_it_makes_the_file_leaves_one_that_opens(kill: Kill, tmp_path: Path) -> None:
    began = time.perf_counter()
    kill(tmp_path / "whole.sqlite", 1, 0)
    takes = time.perf_counter() - began
    for nth in range(30):
        path = tmp_path / str(nth) / "state.sqlite"
        kill(path, 0, takes * (0.3 + 0.7 * nth / 30))
        number_in(path)
        assert_nothing_was_set_aside(path)


def test_a_writer_that_is_killed_while_it_saves_leaves_the_last_save_whole(kill: Kill, tmp_path: Path) -> None:
    path, chance = tmp_path / "state.sqlite", random.Random(2)  # noqa: S311 -- no secret
    known = 0
    for _ in range(15):
        saves = chance.randint(1, 8)
        kill(path, saves, chance.uniform(0, 0.01))
        number = number_in(path)
        assert number >= known + saves, "what save has returned from is kept"
        known = number
    assert_nothing_was_set_aside(path)


def test_a_writer_that_is_killed_while_it_saves_finds_its_place_without_our_opening_the_file(
    kill: Kill, tmp_path: Path
) -> None:
    path, chance = tmp_path / "state.sqlite", random.Random(3)  # noqa: S311 -- no secret
    for _ in range(15):
        kill(path, 0, chance.uniform(0, 0.04))
    kill(path, 1, 0)
    assert number_in(path) >= 1
    assert_nothing_was_set_aside(path)


def test_a_foreign_file_is_not_lost_when_it_is_being_set_aside(kill: Kill, tmp_path: Path) -> None:
    chance, content = random.Random(4), b"not a database" * 500  # noqa: S311 -- no secret
    for nth in range(12):
        path = tmp_path / str(nth) / "state.sqlite"
        path.parent.mkdir()
        path.write_bytes(content)
        kill(path, 0, chance.uniform(0, 0.01))
        number_in(path)
        (aside,) = path.parent.glob("*.aside")
        assert aside.read_bytes() == content


def write(path: Path, report: int) -> None:
    """Saves for ever, from where the file stands, and reports each save by a byte."""
    with closing(open_file(path, NOW)) as store:
        saved = store.load(TARGET.name, TARGET.url)
        done = 0 if saved is None else number_of(saved)
        before = record(done) if done else Record(TARGET)
        for number in count(done + 1):
            after = record(number)
            store.save(before, after)
            os.write(report, b".")
            before = after


def nursery() -> None:
    """Reads a path, a number of saves and seconds per line; says how the writer ended that was to live so long."""
    for line in sys.stdin:
        path, saves, seconds = line.rsplit(maxsplit=2)
        reports, report = os.pipe()
        if (writer := os.fork()) == 0:
            try:
                write(Path(path), report)
            finally:
                os._exit(1)
        os.close(report)
        for _ in range(int(saves)):
            os.read(reports, 1)
        time.sleep(float(seconds))
        os.kill(writer, signal.SIGKILL)
        _, status = os.waitpid(writer, 0)
        os.close(reports)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 -- the answer to the line that was read


if __name__ == "__main__":
    nursery()
