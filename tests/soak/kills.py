"""Kills a writer of the state file again and again, at random moments, and looks at what is left.

``PYTHONPATH=tests python -m soak.kills TIMES SEED`` prints what came of it. With no arguments this file is the program
that is killed: it saves record after record, each a function of its number.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

from builders import knowing, watched

from exporter.config.settings import Entra, TrustSource
from exporter.history import Change, EntityHistory, History, KeySetHistory, Sighting
from exporter.inquiry import DomainRecord, DomainTrust
from exporter.model import Document, Metadata, Role, Signature, SignatureState, Use, Validators
from exporter.record import Record, bare
from exporter.state import Saved, open_state
from exporter.state.saved import saved_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = watched("fs", "https://fs.example/metadata", entra=Entra(("contoso.com", "fabrikam.com"), tenant="contoso"))
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
    return knowing(
        bare(TARGET),
        document=document(number - number % 3),
        validators=Validators(f'"{number - number % 2}"'),
        last_success=at(number),
        history=History(entities, looked=at(number)),
        differing_since=at(number) if number % 5 == 0 else None,
        domains=(domain("contoso.com", number), domain("fabrikam.com", number - number % 4)),
    )


def load(path: Path) -> Saved | None:
    state = open_state(path, lambda: NOW)
    saved = state.load(TARGET.name, TARGET.url)
    assert state.close(10) == ()
    assert (state.status.errors, state.status.rows_kept, state.status.rows_lost) == (0, 0, 0)
    return saved


def number_in(path: Path) -> int:
    """The number of the record in a file, which is as it was saved; 0 when there is none."""
    saved = load(path)
    if saved is None:
        return 0
    number = number_of(saved)
    assert saved == saved_of(record(number))
    return number


def number_of(saved: Saved) -> int:
    assert saved.last_success is not None
    return round((saved.last_success - NOW).total_seconds())


@contextmanager
def killing() -> Iterator[Kill]:
    """What starts writers and kills them."""
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


def write(path: Path, report: int) -> None:
    """Saves for ever, from where the file stands, and reports each save by a byte."""
    state = open_state(path, lambda: NOW)
    saved = state.load(TARGET.name, TARGET.url)
    for number in count(1 if saved is None else number_of(saved) + 1):
        state.keep(record(number))
        while state.status.waiting:
            time.sleep(0)
        os.write(report, b".")


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
        print(os.waitstatus_to_exitcode(status), flush=True)


def kills(times: int, seed: int, folder: Path) -> int:
    """How many saves a file outlived that was killed so many times; it is whole, and holds the last of them."""
    path, chance, known = folder / "state.sqlite", random.Random(seed), 0  # noqa: S311 -- no secret
    with killing() as kill:
        for nth in range(times):
            # Now and then the next writer finds the file as the last one left it.
            saves = chance.randint(0, 8)
            kill(path, saves, chance.uniform(0, 0.02))
            if nth % 2 and nth + 1 < times:
                known += saves
                continue
            number = number_in(path)
            assert number >= known + saves, "what was written is kept"
            known = number
    assert not list(folder.glob("*.aside*"))
    return known


def main(times: int, seed: int) -> None:
    """Prints what came of so many kills."""
    with tempfile.TemporaryDirectory() as folder:
        number = kills(times, seed, Path(folder))
        size = (Path(folder) / "state.sqlite").stat().st_size
    print(f"seed {seed}: {times} kills, {number} saves, none lost; {size} bytes")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(int(sys.argv[1]), int(sys.argv[2]))
    else:
        nursery()
