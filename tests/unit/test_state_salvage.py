"""A damaged state file: what is whole in it comes back, and nothing else ever does."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import HOUR, NOW, certificate, knowing, watched
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.settings import Entra, Target, TrustSource
from exporter.history import Change, EntityHistory, History, KeySetHistory, Sighting
from exporter.inquiry import DomainRecord, DomainTrust, Slot
from exporter.model import Document, Metadata, Role, Signature, SignatureState, Use, Validators
from exporter.record import Record, bare
from exporter.state import Saved, State, open_state, salvage
from exporter.state.rows import TABLES, Row, row_of

NAMES = [f"farm{nth}" for nth in range(12)]

Damage = Callable[[bytearray, random.Random], None]


def clock() -> datetime:
    return NOW


def target(name: str) -> Target:
    return watched(name, f"https://{name}.example/metadata", entra=Entra((f"{name}.example",), tenant="contoso"))


def record(name: str, version: int = 0) -> Record:
    """A record with a document of the size that real ones have packed, and up to 19 entities."""
    chance, at = random.Random(f"{name} {version}"), NOW + version * HOUR  # noqa: S311 -- no secret
    nothing = Metadata((), aggregate=True, valid_until=None, cache_duration=None, faults=())
    packed = chance.randbytes(chance.choice([600, 4000, 20_000, 60_000]))
    trust = DomainTrust(TrustSource.GRAPH, federated=True, certificates={Slot.SIGNING: certificate()})
    return knowing(
        bare(target(name)),
        document=Document(nothing, Signature(SignatureState.UNSIGNED, None, ""), len(packed), packed.hex(), packed),
        validators=Validators(f'"{chance.random()}"'),
        last_success=at,
        history=History({f"urn:{nth}": entity(chance, at) for nth in range(chance.randrange(1, 20))}, at),
        domains=(DomainRecord(f"{name}.example", trust=trust, last_success=at),),
    )


def entity(chance: random.Random, at: datetime) -> EntityHistory:
    fingerprints = [chance.randbytes(32).hex() for _ in range(chance.randrange(1, 8))]
    seen = tuple(Sighting(frozenset({each}), at - timedelta(days=nth), at) for nth, each in enumerate(fingerprints))
    return EntityHistory(
        first_seen=dict.fromkeys(fingerprints, at),
        key_sets={(Role.IDP, Use.SIGNING): KeySetHistory(seen, {Change.ADDED: at})},
        primaries=seen[:1],
    )


def keep(path: Path, *records: Record) -> None:
    state = open_state(path, clock)
    state.follow([each.target.name for each in records])
    for each in records:
        state.load(each.target.name, each.target.url)
        state.keep(each)
    assert state.close(10) == ()


def loaded(path: Path) -> tuple[Mapping[str, Saved], State]:
    state = open_state(path, clock)
    found = {name: state.load(name, target(name).url) for name in NAMES}
    return {name: each for name, each in found.items() if each is not None}, state


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file of twelve targets, each of which was written more than once."""
    path = tmp_path_factory.mktemp("whole") / "state.sqlite"
    for version in range(3):
        keep(path, *(record(name, version) for name in NAMES))
    assert not path.with_name("state.sqlite-wal").exists()
    return path.read_bytes()


@dataclass(frozen=True)
class Stretches:
    """Where in a file the text and bytes of a row stand: found by looking for them, not by knowing SQLite."""

    row: tuple[object, ...]
    places: list[tuple[int, int]]

    def are_in(self, damaged: bytes, whole: bytes) -> bool:
        return all(damaged[begin:end] == whole[begin:end] for begin, end in self.places)


def stretches(path: Path) -> list[Stretches]:
    image = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        rows = [
            (table, *row)
            for table in ("target", "document", "entity", "domain")
            for row in connection.execute(f"SELECT * FROM {table}")  # noqa: S608 -- our own words
        ]
    return [Stretches(row, list(_places(image, row))) for row in rows]


def _places(image: bytes, row: tuple[object, ...]) -> Iterator[tuple[int, int]]:
    """Of the longest value, which no other row has: it stands in one piece, or goes on elsewhere, page by page."""
    values = (each.encode() if isinstance(each, str) else each for each in row if isinstance(each, str | bytes))
    rest = max(values, key=len)
    while rest:
        begin = image.index(rest[:40])
        length = next((nth for nth, byte in enumerate(rest) if image[begin + nth] != byte), len(rest))
        yield begin, begin + length
        rest = rest[length:]


def one_bit(image: bytearray, chance: random.Random) -> None:
    image[chance.randrange(len(image))] ^= 1 << chance.randrange(8)


def twenty_bytes(image: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(image) - 20)
    image[place : place + 20] = chance.randbytes(20)


def a_page_of_zeros(image: bytearray, chance: random.Random) -> None:
    page = chance.randrange(len(image) // 4096)
    image[4096 * page : 4096 * (page + 1)] = bytes(4096)


def truncation(image: bytearray, chance: random.Random) -> None:
    del image[chance.randrange(len(image)) :]


def random_512_bytes(image: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(image) - 512)
    image[place : place + 512] = chance.randbytes(512)


def the_header(image: bytearray, chance: random.Random) -> None:
    place, length = chance.randrange(100), chance.randrange(1, 100)
    image[place : min(place + length, 100)] = chance.randbytes(min(length, 100 - place))


DAMAGES: list[Damage] = [one_bit, twenty_bytes, a_page_of_zeros, truncation, random_512_bytes, the_header]


def assert_right(found: Mapping[str, Saved], expected: Mapping[str, Saved]) -> None:
    """Whatever came back is what was saved last."""
    for name, each in found.items():
        known = expected[name]
        assert each.url == known.url
        assert each.packed in {None, known.packed}
        assert each.last_success in {None, known.last_success}
        assert each.differing_since == known.differing_since
        assert each.validators in {Validators(), known.validators}
        assert all(known.history.entities[entity_id] == it for entity_id, it in each.history.entities.items())
        assert all(known.answers[question] == answer for question, answer in each.answers.items())


def rows_in(found: Mapping[str, Saved]) -> set[tuple[str, ...]]:
    """The rows that must have been read, for what came back: that of a target is told by its validators."""
    return {
        key
        for name, each in found.items()
        for key in (
            *([("target", name)] if each.validators != Validators() or each.packed is None else []),
            *([("document", name)] if each.packed is not None else []),
            *(("entity", name, entity_id) for entity_id in each.history.entities),
            *(("domain", name, question.domain) for question in each.answers),
        )
    }


def test_nine_tenths_of_the_whole_rows_of_a_damaged_file_come_back_and_nothing_wrong(
    whole: bytes, tmp_path: Path
) -> None:
    sound = tmp_path / "sound.sqlite"
    sound.write_bytes(whole)
    places = stretches(sound)
    expected, state = loaded(sound)
    state.close(1)
    assert len(places) == len(rows_in(expected))
    chance = random.Random(14)  # noqa: S311 -- no secret
    kept = still_whole = 0
    for nth in range(150):
        damage = DAMAGES[nth % len(DAMAGES)]
        image = bytearray(whole)
        damage(image, chance)
        path = tmp_path / f"{nth}.sqlite"
        damaged = bytes(image)
        path.write_bytes(damaged)
        found, state = loaded(path)
        state.close(1)
        assert_right(found, expected)
        here = sum(len(each.row) > 0 and each.are_in(damaged, whole) for each in places)
        got = len(rows_in(found))
        still_whole += here
        kept += min(got, here)
    assert kept >= 0.99 * still_whole


def by_sqlite(path: Path) -> set[Row]:
    with closing(sqlite3.connect(path)) as connection:
        found = [
            row_of(row)
            for table in TABLES
            for row in connection.execute(f"SELECT * FROM {table}")  # noqa: S608 -- our own words
        ]
    assert None not in found
    return {row for row in found if row is not None}


def test_of_a_sound_file_every_row_is_found_and_nothing_beside(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(whole)
    found = list(salvage.rows(whole))
    assert len(found) == len(set(found))
    assert set(found) == by_sqlite(path)


def test_one_flipped_bit_costs_one_row_at_most(tmp_path: Path) -> None:
    """Most of them where SQLite keeps what leads to the rows: there a bit could cost a page, or all."""
    path = tmp_path / "state.sqlite"
    keep(path, *(record(name) for name in NAMES[:3]))
    image, chance = path.read_bytes(), random.Random(5)  # noqa: S311 -- no secret
    expected = set(salvage.rows(image))
    leaves = [page for page in range(1, len(image) // 4096) if image[4096 * page] == 0x0D]
    places = [
        *chance.sample(range(100), 10),
        *(4096 * page + offset for page in leaves for offset in range(8)),
        *(4096 * chance.choice(leaves) + 8 + chance.randrange(30) for _ in range(20)),
        *chance.sample(range(len(image)), 40),
    ]
    for place in places:
        flipped = bytearray(image)
        flipped[place] ^= 1 << chance.randrange(8)
        found = set(salvage.rows(bytes(flipped)))
        assert found <= expected
        assert len(found) >= len(expected) - 1, place


def test_after_many_changes_no_row_is_found_that_was_replaced_or_deleted(tmp_path: Path) -> None:
    """Neither in the file nor in its log, whenever the process is killed; so none can be taken for a true one."""
    path, chance = tmp_path / "state.sqlite", random.Random(6)  # noqa: S311 -- no secret
    state = open_state(path, clock)
    for nth in range(40):
        for name in chance.sample(NAMES, 3):
            state.load(name, target(name).url)
            state.keep(record(name, nth))
        state.follow(chance.sample(NAMES, 4))
        if nth % 10 == 5:
            state.prune(NOW + (nth - 4) * HOUR, but=())
        if nth % 8 == 3:
            state.close(10)
            state = open_state(path, clock)
        while state.status.waiting:
            time.sleep(0.001)
        if nth % 3 == 0:
            # Another process looks, so that this one's locks on the file stay (POSIX).
            ran = subprocess.run(  # noqa: S603 -- this very Python
                [sys.executable, "-c", LOOKER, str(path)], env=ENVIRONMENT, capture_output=True, text=True, check=False
            )
            assert ran.stdout == "[]\n", ran.stderr
    state.close(10)


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((*sys.path, str(Path(__file__).parent)))}

LOOKER = """
import sys
from test_state_salvage import *
path = Path(sys.argv[1])
log = path.with_name(path.name + "-wal")
found = set(salvage.rows(path.read_bytes(), log.read_bytes() if log.exists() else b""))
print([(row.table, row.values[:2], row.serial) for row in found ^ by_sqlite(path)])
"""


@given(image=st.binary(max_size=9000), log=st.binary(max_size=9000))
def test_bytes_of_whatever_kind_hold_no_row_and_do_no_harm(image: bytes, log: bytes) -> None:
    assert list(salvage.rows(image, log)) == []


def test_a_large_file_in_which_nothing_looks_like_ours_is_not_searched_place_by_place() -> None:
    assert list(salvage.rows(b"\x0d" * 2**19)) == []


@settings(deadline=None, max_examples=50)
@given(places=st.dictionaries(st.integers(0, 2**16), st.integers(0, 255), max_size=200), cut=st.integers(0, 2**16))
def test_a_file_that_is_damaged_in_many_places_gives_none_but_rows_that_were_written(
    whole: bytes, places: Mapping[int, int], cut: int
) -> None:
    image = bytearray(whole)
    for place, byte in places.items():
        image[place] = byte
    assert set(salvage.rows(bytes(image[: len(image) - cut]))) <= set(salvage.rows(whole))


def test_a_row_in_an_overflow_chain_that_bites_its_own_tail_is_not_found(whole: bytes) -> None:
    image = bytearray(whole)
    for page in range(len(image) // 4096):
        if image[4096 * page] == 0:
            image[4096 * page : 4096 * page + 4] = (page + 1).to_bytes(4, "big")
    found = set(salvage.rows(bytes(image)))
    assert {row.table for row in found} >= {"target", "entity", "domain"}
    assert found <= set(salvage.rows(whole))
