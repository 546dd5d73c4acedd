"""The state file: what comes back after a restart, and what becomes of a file that is not as it should be."""

import json
import logging
import random
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import DAY, HOUR, NOW, certificate
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.certificates import CertificateError
from exporter.config.settings import Cloud, Entra, Target, TrustSource
from exporter.history import Change, EntityHistory, History, KeySetHistory, Sighting
from exporter.model import Document, Metadata, Role, Signature, SignatureState, Use, Validators
from exporter.record import Record
from exporter.state import APPLICATION_ID, VERSION, Saved, StateError, Store, memory, open_file
from exporter.state.text import history_of, history_text
from exporter.trust import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason, UpdateResult

ENTRA = Entra(("contoso.com", "fabrikam.com"), tenant="contoso.onmicrosoft.com")
TARGET = Target("fs", "https://fs.example/metadata", entra=ENTRA)
MOVED = replace(TARGET, url="https://elsewhere.example/metadata")
OTHER = Target("other", "https://other.example/metadata")
LATER = NOW + HOUR

moments = st.datetimes(timezones=st.just(UTC))
fingerprints = st.text("0123456789abcdef", min_size=1, max_size=64)
sightings = st.builds(Sighting, st.frozensets(fingerprints, max_size=3), moments, moments)
key_sets = st.builds(
    KeySetHistory,
    st.lists(sightings, min_size=1, max_size=3).map(tuple),
    st.dictionaries(st.sampled_from(Change), moments),
)
entity_histories = st.builds(
    EntityHistory,
    first_seen=st.dictionaries(fingerprints, moments, max_size=3),
    key_sets=st.dictionaries(st.tuples(st.sampled_from(Role), st.sampled_from(Use)), key_sets, max_size=3),
    primaries=st.lists(sightings, max_size=2).map(tuple),
    last_promotion=st.none() | moments,
    left=st.none() | moments,
)
trusts = st.builds(
    DomainTrust,
    source=st.just(TrustSource.GRAPH),
    federated=st.booleans(),
    certificates=st.dictionaries(st.sampled_from(Slot), st.integers(0, 2).map(lambda nth: certificate(nth=nth))),
    unreadable=st.lists(st.sampled_from(Slot), max_size=2).map(tuple),
    service=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    update=st.none() | st.sampled_from(UpdateResult),
    updated=st.none() | moments,
)
entity_ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def document(content: bytes = b"<EntityDescriptor/>") -> Document:
    nothing = Metadata((), aggregate=True, valid_until=None, cache_duration=None, faults=())
    unsigned = Signature(SignatureState.UNSIGNED, None, "")
    return Document(nothing, unsigned, len(content), content.hex(), packed=zlib.compress(content, 1))


def entity(fingerprint: str = "aa", at: datetime = NOW) -> EntityHistory:
    seen = Sighting(frozenset({fingerprint}), at, at)
    return EntityHistory(
        first_seen={fingerprint: at},
        key_sets={(Role.IDP, Use.SIGNING): KeySetHistory((seen,), {Change.ADDED: at})},
        primaries=(seen,),
        last_promotion=at,
    )


def record(
    at: datetime = NOW,
    *,
    target: Target = TARGET,
    content: Document | None = None,
    entities: Mapping[str, EntityHistory] | None = None,
) -> Record:
    """A record after a good look, with one entity unless others are given, and with answers where it has domains."""
    return Record(
        target,
        document=content or document(),
        validators=Validators('"1"'),
        last_success=at,
        history=History(entities or {"urn:a": entity()}, looked=at),
        domains=told(at, target=target),
    )


def told(at: datetime = NOW, *, target: Target = TARGET) -> tuple[DomainRecord, ...]:
    """The domains of a target after good inquiries."""
    domains = target.entra.domains if target.entra else ()
    slots = {Slot.SIGNING: certificate(), Slot.NEXT: certificate(nth=1)}
    trust = DomainTrust(
        TrustSource.GRAPH, federated=True, certificates=slots, service="fs.example", update=UpdateResult.SUCCESS
    )
    return tuple(DomainRecord(each, Inquiry(at, None, "", trust), trust, at, inquiries=1) for each in domains)


def expected(known: Record) -> Saved:
    """What comes back of a record: of the inquiries only what was answered."""
    given = known.document
    return Saved(
        packed=given.packed if given else None,
        validators=known.validators,
        last_success=known.last_success,
        history=known.history,
        differing_since=known.differing_since,
        answers={
            question: DomainRecord(each.domain, trust=each.trust, last_success=each.last_success)
            for question, each in known.answers.items()
            if each.trust
        },
    )


def load(store: Store, target: Target = TARGET) -> Saved | None:
    return store.load(target.name, target.url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(open_file(path, NOW, patience=0)) as opened:
        yield opened


@pytest.fixture
def peer(path: Path, store: Store) -> Iterator[sqlite3.Connection]:
    """Another program's connection to the file of the store."""
    assert load(store) is None
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        yield opened


def saved_file(path: Path, known: Record) -> None:
    with closing(open_file(path, NOW)) as opened:
        opened.save(Record(known.target), known)


def set_aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.*.aside"))


def alter(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


# What comes back


def test_nothing_comes_back_where_nothing_was_saved(store: Store) -> None:
    assert load(store) is None


@settings(deadline=None)
@given(
    entities=st.dictionaries(entity_ids, entity_histories, max_size=3),
    at=moments,
    content=st.binary(),
    validators=st.builds(Validators, *2 * (st.none() | st.text(st.characters(exclude_categories=["Cs"])),)),
    differing_since=st.none() | moments,
    trust=trusts,
)
def test_whatever_was_saved_comes_back_equal(
    *,
    entities: dict[str, EntityHistory],
    at: datetime,
    content: bytes,
    validators: Validators,
    differing_since: datetime | None,
    trust: DomainTrust,
) -> None:
    known = Record(
        TARGET,
        document=document(content),
        validators=validators,
        last_success=at,
        history=History(entities, looked=at),
        differing_since=differing_since,
        domains=(DomainRecord("contoso.com", trust=trust, last_success=at), DomainRecord("fabrikam.com")),
    )
    with closing(memory()) as store:
        store.save(Record(TARGET), known)
        assert load(store) == expected(known)


def test_what_was_saved_comes_back_after_a_restart(path: Path) -> None:
    known = record(NOW.replace(microsecond=123456), entities={"urn:a": entity("aa"), "urn:b": entity("bb", LATER)})
    known = replace(known, differing_since=NOW - DAY)
    saved_file(path, known)
    with closing(open_file(path, LATER)) as store:
        assert load(store) == expected(known)
    assert not set_aside(path)


def test_the_latest_of_many_saves_comes_back(store: Store) -> None:
    first = record()
    second = record(LATER, content=document(b"new"), entities={"urn:a": entity("bb"), "urn:b": entity("cc")})
    store.save(Record(TARGET), first)
    store.save(first, second)
    assert load(store) == expected(second)


def test_validators_that_changed_while_the_document_did_not_come_back(store: Store) -> None:
    known = record()
    again = replace(known, last_success=LATER, history=replace(known.history, looked=LATER), validators=Validators("2"))
    store.save(Record(TARGET), known)
    store.save(known, again)
    assert load(store) == expected(again)


def test_targets_do_not_mix(store: Store) -> None:
    one, other = record(), record(target=OTHER, content=document(b"other"), entities={"urn:a": entity("bb")})
    store.save(Record(TARGET), one)
    store.save(Record(OTHER), other)
    assert load(store) == expected(one)
    assert load(store, OTHER) == expected(other)


def test_a_look_that_failed_is_not_saved(store: Store) -> None:
    store.save(Record(TARGET), Record(TARGET, probes=1, failures=1, differing_since=NOW))
    assert load(store) is None
    known = record()
    store.save(Record(TARGET), known)
    store.save(known, replace(known, probes=2, failures=1))
    assert load(store) == expected(known)


def test_a_document_that_did_not_change_is_not_written_again(store: Store, peer: sqlite3.Connection) -> None:
    known = record()
    again = replace(known, last_success=LATER, history=replace(known.history, looked=LATER))
    store.save(Record(TARGET), known)
    peer.execute("UPDATE document SET packed = x'00'")
    peer.execute("DELETE FROM entity")
    store.save(known, again)
    assert peer.execute("SELECT packed FROM document").fetchall() == [(b"\0",)]
    assert peer.execute("SELECT last_success FROM target").fetchall() == [(LATER.isoformat(),)]
    assert peer.execute("SELECT * FROM entity").fetchall() == []


def test_only_the_entities_that_changed_are_written(store: Store, peer: sqlite3.Connection) -> None:
    known = record(entities={"urn:a": entity("aa"), "urn:b": entity("bb")})
    entities = {**known.history.entities, "urn:b": entity("cc")}
    store.save(Record(TARGET), known)
    peer.execute("DELETE FROM entity")
    store.save(known, replace(known, last_success=LATER, history=History(entities, LATER)))
    assert peer.execute("SELECT entity_id FROM entity").fetchall() == [("urn:b",)]


def test_an_entity_that_was_forgotten_is_no_longer_in_the_file(store: Store) -> None:
    known = record(entities={"urn:a": entity("aa"), "urn:b": entity("bb")})
    forgotten = replace(known, last_success=LATER, history=History({"urn:a": entity("aa")}, LATER))
    store.save(Record(TARGET), known)
    store.save(known, forgotten)
    assert load(store) == expected(forgotten)


def test_a_history_of_a_version_that_knew_not_when_entities_left_comes_back() -> None:
    known = replace(entity(), left=LATER)
    older = json.loads(history_text(known))
    assert older.pop("left")
    assert history_of(json.dumps(older)) == replace(known, left=None)


def test_answers_come_back_where_no_document_was_ever_read(store: Store) -> None:
    known = Record(TARGET, probes=1, failures=1, domains=(told()[0], DomainRecord("fabrikam.com")))
    store.save(Record(TARGET), known)
    assert load(store) == expected(known)
    assert expected(known).packed is None
    read = replace(record(LATER), domains=known.domains)
    store.save(known, read)
    assert load(store) == expected(read)


def test_an_inquiry_that_failed_is_not_saved(store: Store, peer: sqlite3.Connection) -> None:
    known = record()
    refusal = Inquiry(LATER, TrustReason.PERMISSION, "", trust=None)
    failing = tuple(replace(each, inquiry=refusal, inquiries=2, failures=1) for each in known.domains)
    store.save(Record(TARGET), known)
    peer.execute("DELETE FROM domain")
    store.save(known, replace(known, domains=failing))
    assert peer.execute("SELECT * FROM domain").fetchall() == []


def test_only_the_domains_that_were_answered_are_written(store: Store, peer: sqlite3.Connection) -> None:
    known = record()
    store.save(Record(TARGET), known)
    peer.execute("DELETE FROM domain")
    store.save(known, replace(known, domains=(known.domains[0], told(LATER)[1])))
    assert peer.execute("SELECT domain, last_success FROM domain").fetchall() == [("fabrikam.com", LATER.isoformat())]


@pytest.mark.parametrize(
    "other",
    [{"tenant": "fabrikam.onmicrosoft.com"}, {"cloud": Cloud.CHINA}, {"source": TrustSource.USER_REALM}],
    ids=lambda other: next(iter(other)),
)
def test_an_answer_comes_back_as_the_one_to_the_question_that_was_asked(store: Store, other: dict[str, str]) -> None:
    elsewhere = replace(TARGET, entra=replace(ENTRA, **other))  # type: ignore[arg-type]  # any field
    store.save(Record(TARGET), known := record())
    saved = load(store, elsewhere)
    assert saved == expected(known)
    assert not record(target=elsewhere).answers.keys() & saved.answers.keys()
    asked = replace(known, target=elsewhere, domains=told(LATER))
    again = tuple(
        replace(each, trust=replace(each.trust, source=elsewhere.entra.source))
        for each in asked.domains
        if each.trust and elsewhere.entra
    )
    store.save(replace(known, domains=()), asked := replace(asked, domains=again))
    assert load(store) == expected(asked), "one answer for each domain"


def test_that_nodes_differ_comes_back_and_that_they_no_longer_do(store: Store) -> None:
    known = record()
    differing = replace(known, differing_since=NOW)
    store.save(Record(TARGET), known)
    store.save(known, differing)
    assert load(store) == expected(differing)
    store.save(differing, known)
    assert load(store) == expected(known)


def test_a_trusted_certificate_that_cannot_be_read_any_more_is_told(store: Store) -> None:
    spoilt = DomainTrust(
        TrustSource.GRAPH, federated=True, certificates={Slot.SIGNING: replace(certificate(), der=b"spoilt")}
    )
    domains = (DomainRecord("contoso.com", trust=spoilt, last_success=NOW),)
    store.save(Record(TARGET), replace(record(), domains=domains))
    with pytest.raises(CertificateError):
        load(store)


def test_memory_keeps_what_it_is_told_and_no_two_memories_share_it() -> None:
    with closing(memory()) as one, closing(memory()) as other:
        one.save(Record(TARGET), record())
        assert load(one) == expected(record())
        assert load(other) is None


# Whose state it is


def test_another_address_under_the_same_name_finds_nothing_and_then_takes_its_place(store: Store) -> None:
    known = record(target=OTHER, entities={"urn:a": entity("aa"), "urn:b": entity("bb")})
    elsewhere = replace(OTHER, url=MOVED.url)
    store.save(Record(OTHER), known)
    assert load(store, elsewhere) is None
    store.save(Record(elsewhere), Record(elsewhere, probes=1, failures=1))
    assert load(store, OTHER) == expected(known), "asking is not replacing, nor is to fail"
    moved = record(LATER, target=elsewhere, entities={"urn:a": entity("cc")})
    store.save(Record(elsewhere), moved)
    assert load(store, elsewhere) == expected(moved)
    assert load(store, OTHER) is None


def test_what_entra_id_said_is_found_wherever_the_documents_are(store: Store) -> None:
    known = record()
    store.save(Record(TARGET), known)
    assert load(store, MOVED) == expected(Record(MOVED, domains=known.domains))
    gone = Record(MOVED, domains=told(LATER))
    store.save(Record(MOVED), gone)
    assert load(store, MOVED) == expected(gone)
    assert load(store) == expected(replace(known, domains=gone.domains)), "the documents are not for answers to replace"


def test_what_was_known_under_another_address_is_written_anew(store: Store) -> None:
    known = record()
    store.save(Record(TARGET), known)
    moved = replace(known, target=MOVED)
    store.save(known, moved)
    assert load(store, MOVED) == expected(moved)


def test_what_nobody_has_seen_for_long_is_removed_with_its_entities(store: Store, peer: sqlite3.Connection) -> None:
    store.save(Record(TARGET), record(NOW))
    store.save(Record(OTHER), record(LATER, target=OTHER))
    store.prune(NOW, but=())
    assert load(store) is not None, "seen at that very moment"
    store.prune(NOW.replace(microsecond=1), but={TARGET.name})
    assert load(store) is not None, "it is watched"
    store.prune(NOW.replace(microsecond=1), but=())
    assert load(store) is None
    assert load(store, OTHER) is not None
    assert peer.execute("SELECT DISTINCT target FROM entity").fetchall() == [("other",)]
    assert peer.execute("SELECT target FROM document").fetchall() == [("other",)]


def test_what_entra_id_said_long_ago_is_removed_unless_it_said_something_lately(store: Store) -> None:
    known = Record(TARGET, domains=(told(NOW - DAY)[0], told()[1]))
    store.save(Record(TARGET), known)
    store.prune(NOW, but=())
    assert load(store) == expected(known)
    store.prune(LATER, but={TARGET.name})
    assert load(store) == expected(known)
    store.prune(LATER, but=())
    assert load(store) is None


# Saves that fail


def test_what_a_save_could_not_write_is_written_by_the_next(store: Store, peer: sqlite3.Connection) -> None:
    first = record(entities={"urn:a": entity("aa"), "urn:b": entity("bb")})
    second = replace(first, last_success=LATER, history=replace(first.history, looked=LATER))
    peer.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        store.save(Record(TARGET), first)
    peer.execute("ROLLBACK")
    store.save(Record(TARGET), second)
    assert load(store) == expected(second)


def test_a_change_that_could_not_be_written_is_written_with_the_next_unchanged_document(
    store: Store, peer: sqlite3.Connection
) -> None:
    first = record(entities={"urn:a": entity("aa"), "urn:b": entity("bb")})
    entities = {**first.history.entities, "urn:a": entity("cc")}
    second = replace(first, document=document(b"new"), last_success=LATER, history=History(entities, LATER))
    third = replace(second, last_success=LATER + HOUR, history=History(entities, LATER + HOUR))
    store.save(Record(TARGET), first)
    peer.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        store.save(first, second)
    peer.execute("ROLLBACK")
    assert load(store) == expected(first), "all of a save, or nothing"
    store.save(first, third)
    assert load(store) == expected(third)


# Files that are not as they should be


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.sqlite"
    saved_file(path, record())
    with closing(open_file(path, NOW)) as store:
        assert load(store) == expected(record())


def test_an_empty_file_becomes_ours(path: Path) -> None:
    path.touch()
    saved_file(path, record())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert not set_aside(path)


def foreign(path: Path) -> None:
    alter(path, "CREATE TABLE bookmarks (url TEXT)", "INSERT INTO bookmarks VALUES ('https://example.org')")


def of_another_program(path: Path) -> None:
    saved_file(path, record())
    alter(path, "PRAGMA application_id = 42")


def of_a_newer_version(path: Path) -> None:
    saved_file(path, record())
    alter(path, f"PRAGMA user_version = {VERSION + 1}")


def of_an_older_version(path: Path) -> None:
    alter(path, f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 1", "CREATE TABLE target (name)")


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(2).randbytes(20000))  # noqa: S311 -- no secret


def text(path: Path) -> None:
    path.write_text("targets: []\n", encoding="utf-8")


def truncated(path: Path) -> None:
    saved_file(path, record(content=document(random.Random(2).randbytes(20000))))  # noqa: S311 -- no secret
    path.write_bytes(path.read_bytes()[:-9000])


def pages_swapped(path: Path) -> None:
    saved_file(path, record())
    pages = path.read_bytes()
    path.write_bytes(pages[:4096] + pages[8192:12288] + pages[4096:8192] + pages[12288:])


def _replacing(path: Path, old: bytes, new: bytes) -> None:
    saved_file(path, record())
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new))


def a_date_altered(path: Path) -> None:
    _replacing(path, b"2026-06-01", b"2026-06-11")


def text_undecodable(path: Path) -> None:
    _replacing(path, b"urn:a", b"urn\xff\xff")


def a_column_renamed(path: Path) -> None:
    _replacing(path, b"packed BLOB", b"backed BLOB")


def the_schema_unreadable(path: Path) -> None:
    _replacing(path, b"CREATE TABLE target", b"CREATE TA\xe1LE target")


def a_format_of_the_future(path: Path) -> None:
    saved_file(path, record())
    whole = bytearray(path.read_bytes())
    whole[44:48] = (99).to_bytes(4, "big")  # "The schema format number" (SQLite, "Database File Format")
    path.write_bytes(whole)


def a_row_of_no_target(path: Path) -> None:
    saved_file(path, record())
    alter(path, "DELETE FROM target")


FAULTS = [
    (foreign, "it belongs to another program"),
    (of_another_program, "it belongs to another program"),
    (of_a_newer_version, f"it has version {VERSION + 1}, this program reads {VERSION}"),
    (of_an_older_version, f"it has version 1, this program reads {VERSION}"),
    (random_bytes, "file is not a database"),
    (text, "file is not a database"),
    (truncated, "database disk image is malformed"),
    (pages_swapped, ""),
    (a_date_altered, "a row is not as it was written"),
    (text_undecodable, "a row is not as it was written"),
    (a_column_renamed, "no such column: packed"),
    (the_schema_unreadable, "its schema is so damaged"),
    (a_format_of_the_future, "unsupported file format"),
    (a_row_of_no_target, "a row is of no target"),
]


@pytest.mark.parametrize(("damage", "fault"), FAULTS, ids=[each.__name__ for each, _ in FAULTS])
def test_a_file_that_is_damaged_or_not_ours_is_set_aside_untouched_and_a_new_one_works(
    damage: Callable[[Path], None], fault: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(path)
    before = path.read_bytes()
    with caplog.at_level(logging.INFO), closing(open_file(path, NOW)) as store:
        assert load(store) is None
        store.save(Record(TARGET), record())
        assert load(store) == expected(record())
    (aside,) = set_aside(path)
    assert aside.name == "state.sqlite.20260601T120000Z.aside"
    assert aside.read_bytes() == before
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert line.getMessage() == "state file set aside, starting with an empty one"
    assert fault in vars(line)["fault"]
    assert vars(line)["aside"] == str(aside)
    with closing(open_file(path, NOW)) as store:
        assert load(store) == expected(record()), "the new file is ours"


def test_files_set_aside_in_the_same_second_do_not_replace_each_other(path: Path) -> None:
    contents = [f"not a database {nth}" for nth in range(3)]
    for content in contents:
        path.write_text(content, encoding="utf-8")
        open_file(path, NOW).close()
    assert sorted(each.read_text(encoding="utf-8") for each in set_aside(path)) == contents


@pytest.mark.parametrize("running", [True, False], ids=["still running", "killed"])
def test_what_another_program_has_not_yet_moved_from_its_log_goes_aside_with_the_file(
    path: Path, *, running: bool
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
        if running:
            open_file(path, NOW).close()
        copies = {each: each.read_bytes() for each in path.parent.iterdir()}
    for each, content in copies.items():
        each.write_bytes(content)
    if not running:
        open_file(path, NOW).close()
    (aside,) = set_aside(path)
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT url FROM bookmarks").fetchall() == [("https://example.org",)]


def test_a_flipped_bit_costs_the_file_or_nothing(path: Path) -> None:
    """Whichever bit it is: what is loaded is what was saved, and what is saved next can be loaded."""
    known = record(entities={f"urn:{nth}": entity(f"{nth:064}") for nth in range(5)})
    saved_file(path, known)
    whole, chance = path.read_bytes(), random.Random(3)  # noqa: S311 -- no secret
    header, text_of_the_schema = range(100), range(3500, 4096)
    places = [*chance.sample(header, 12), *chance.sample(text_of_the_schema, 18), *chance.sample(range(len(whole)), 20)]
    for nth, place in enumerate(places):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        damaged = path.with_name(f"{nth}.sqlite")
        damaged.write_bytes(flipped)
        if flipped[18] > 2:
            # "File format write version": such a file may be read and not written, says SQLite.
            with pytest.raises(StateError, match="readonly"):
                open_file(damaged, NOW)
            continue
        with closing(open_file(damaged, NOW)) as store:
            assert load(store) == (None if set_aside(damaged) else expected(known))
            store.save(Record(TARGET), record(LATER))
            assert load(store) == expected(record(LATER))


# Files that cannot be used


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "state.sqlite"


def far_below_a_file(folder: Path) -> Path:
    return below_a_file(folder) / "deeper"


def a_directory(folder: Path) -> Path:
    return folder


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
        in_a_folder_of_the_kernel,
        in_a_folder_that_nobody_can_make,
        with_a_name_too_long,
    ],
    ids=lambda place: place.__name__,
)
def test_a_path_that_cannot_be_used_is_refused_in_a_sentence(unusable: Callable[[Path], Path], tmp_path: Path) -> None:
    path = unusable(tmp_path)
    with pytest.raises(StateError) as caught:
        open_file(path, NOW)
    sentence = str(caught.value)
    assert sentence.startswith(f"cannot keep state in {path}: ")
    assert sentence.endswith("; name another file with --storage.path, or --storage.path= to keep none")


def test_a_file_that_may_be_read_and_not_written_is_refused_at_once(path: Path) -> None:
    saved_file(path, record())
    whole = bytearray(path.read_bytes())
    whole[18] = 3  # "File format write version" (SQLite, "Database File Format"): read-only even for root
    path.write_bytes(whole)
    with pytest.raises(StateError, match="attempt to write a readonly database"):
        open_file(path, NOW)
    assert path.read_bytes() == whole
    assert not set_aside(path)


def test_a_file_that_another_process_has_locked_is_refused_and_stays_as_it_is(path: Path) -> None:
    saved_file(path, record())
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match="database is locked; name another file"):
            open_file(path, NOW, patience=0)
    with closing(open_file(path, NOW + DAY)) as store:
        assert load(store) == expected(record())
    assert not set_aside(path)
