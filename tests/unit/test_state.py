"""The state file: what comes back after a restart, and what is written at all."""

import sqlite3
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import DAY, HOUR, NOW, certificate, knowing, looking, watched
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import wait_until

from exporter.config.settings import Cloud, Entra, Target, TrustSource
from exporter.config.urls import told_apart
from exporter.history import Change, EntityHistory, History, KeySetHistory, Sighting
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason, UpdateResult, service_name
from exporter.model import (
    Document,
    KeyPlace,
    Metadata,
    Role,
    Signature,
    SignatureState,
    StorageStatus,
    Use,
    Validators,
)
from exporter.record import Record, bare
from exporter.state import Saved, State, open_state
from exporter.state.rows import SCHEMA, TABLES, Changes, newest, row_of, stored
from exporter.state.saved import changes, joined, read, saved_of
from exporter.state.text import history_of, history_text

ENTRA = Entra(("contoso.com", "fabrikam.com"), tenant="contoso.onmicrosoft.com")
TARGET = watched("fs", "https://fs.example/metadata", entra=ENTRA)
MOVED = looking(TARGET, url="https://elsewhere.example/metadata")
OTHER = watched("other", "https://other.example/metadata")
MARK = watched("mark", "https://mark.example/metadata")
LATER = NOW + HOUR


def clock() -> datetime:
    return NOW


moments = st.datetimes(timezones=st.just(UTC))
fingerprints = st.text("0123456789abcdef", min_size=1, max_size=64)
sightings = st.builds(Sighting, st.frozensets(fingerprints, max_size=3), moments, moments)
primaries = st.builds(Sighting, st.frozensets(fingerprints, min_size=1, max_size=1), moments, moments)
key_sets = st.builds(
    KeySetHistory,
    st.lists(sightings, min_size=1, max_size=3).map(tuple),
    st.dictionaries(st.sampled_from(Change), moments),
)


@st.composite
def entity_histories(draw: st.DrawFn) -> EntityHistory:
    """Histories as looks make them: first seen is what a key set has, and a primary is one certificate."""
    sets = draw(st.dictionaries(st.tuples(st.sampled_from(Role), st.sampled_from(Use)), key_sets, max_size=3))
    known = {each for found in sets.values() for sighting in found.sightings for each in sighting.fingerprints}
    kept = st.dictionaries(
        st.builds(
            KeyPlace,
            st.sampled_from(Role),
            st.text(st.characters(exclude_categories=["Cs"])),
            st.sampled_from(Use),
            st.integers(0, 9),
        ),
        st.integers(0, 2).map(lambda nth: certificate(nth=nth)),
        max_size=2,
    )
    return EntityHistory(
        first_seen={each: draw(moments) for each in sorted(known)},
        key_sets=sets,
        primaries=tuple(draw(st.lists(primaries, max_size=2))),
        last_promotion=draw(st.none() | moments),
        began=draw(st.none() | moments),
        kept=draw(kept),
    )


trusts = st.builds(
    DomainTrust,
    source=st.just(TrustSource.GRAPH),
    federated=st.booleans(),
    certificates=st.dictionaries(st.sampled_from(Slot), st.integers(0, 2).map(lambda nth: certificate(nth=nth))),
    unreadable=st.lists(st.sampled_from(Slot), max_size=2, unique=True).map(tuple),
    service=st.none() | st.text(st.characters(exclude_categories=["Cs"])).map(service_name),
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
    return knowing(
        bare(target),
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
        url=told_apart(known.target.url),
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


@dataclass
class Store:
    """A state and its file, used as a watch does: what comes back from the one must stand in the other."""

    path: Path
    state: State

    def save(self, *records: Record) -> None:
        for each in records:
            self.state.load(each.target.name, each.target.url)
            self.state.keep(each)
            self.settle()

    def settle(self) -> None:
        wait_until(lambda: not self.state.status.waiting)

    def prune(self, before: datetime, *, but: Collection[str]) -> None:
        self.state.prune(before, but=but)
        # What waits behind it was written with it or after it.
        self.save(record(LATER, target=MARK, content=document(f"{before} {but}".encode())))

    def load(self, target: Target = TARGET) -> Saved | None:
        found = self.state.load(target.name, target.url)
        with closing(sqlite3.connect(self.path, timeout=5)) as connection:
            rows = [
                row_of(row)
                for table in TABLES
                for row in connection.execute(f"SELECT * FROM {table}")  # noqa: S608 -- our own words
            ]
        held, unreadable = read(newest(each for each in rows if each))
        assert unreadable == 0
        known = held.get(target.name)
        assert found == (known.at(target.url) if known else None)
        return found


def load(store: Store, target: Target = TARGET) -> Saved | None:
    return store.load(target)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path, open_state(path, clock))
    yield opened
    assert opened.state.close(10) == ()
    assert opened.state.status.errors == 0


@pytest.fixture
def peer(path: Path, store: Store) -> Iterator[sqlite3.Connection]:
    """Another program's connection to the file of the store."""
    assert load(store) is None
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as opened:
        yield opened


def saved_file(path: Path, *records: Record) -> None:
    opened = Store(path, open_state(path, clock))
    opened.save(*records)
    assert opened.state.close(10) == ()


def after_restart(path: Path, target: Target = TARGET) -> Saved | None:
    opened = Store(path, open_state(path, clock))
    try:
        return opened.load(target)
    finally:
        opened.state.close(10)


# What comes back


def test_nothing_comes_back_where_nothing_was_saved(store: Store) -> None:
    assert load(store) is None


@settings(deadline=None)
@given(
    entities=st.dictionaries(entity_ids, entity_histories(), max_size=3),
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
    known = knowing(
        bare(TARGET),
        document=document(content),
        validators=validators,
        last_success=at,
        history=History(entities, looked=at),
        differing_since=differing_since,
        domains=(DomainRecord("contoso.com", trust=trust, last_success=at), DomainRecord("fabrikam.com")),
    )
    before = saved_of(record())
    after = joined(before, saved_of(known))
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
        for serial, change in enumerate((changes("fs", None, before), changes("fs", before, after))):
            apply(connection, change, serial)
        rows = [row_of(row) for table in TABLES for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 -- our own words
    held, unreadable = read(row for row in rows if row)
    answers = {**expected(record()).answers, **expected(known).answers}
    assert (dict(held), unreadable) == ({"fs": replace(expected(known), answers=answers)}, 0)


def apply(connection: sqlite3.Connection, change: Changes, serial: int) -> None:
    for table, key in change.drops:
        named = " AND ".join(f"{column} = ?" for column in TABLES[table][: len(key)])
        connection.execute(f"DELETE FROM {table} WHERE {named}", key)  # noqa: S608 -- our own words
    for table, values in change.puts:
        row = stored(table, values, serial)
        connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 -- our own words


def test_what_was_saved_comes_back_after_a_restart(path: Path) -> None:
    known = record(NOW.replace(microsecond=123456), entities={"urn:a": entity("aa"), "urn:b": entity("bb", LATER)})
    known = replace(known, differing_since=NOW - DAY)
    saved_file(path, known)
    assert after_restart(path) == expected(known)


def test_the_latest_of_many_saves_comes_back(store: Store) -> None:
    first = record()
    second = record(LATER, content=document(b"new"), entities={"urn:a": entity("bb"), "urn:b": entity("cc")})
    store.save(first)
    store.save(second)
    assert load(store) == expected(second)


def test_validators_that_changed_while_the_document_did_not_come_back(store: Store) -> None:
    known = record()
    again = knowing(known, last_success=LATER, history=replace(known.history, looked=LATER), validators=Validators("2"))
    store.save(known)
    store.save(again)
    assert load(store) == expected(again)


def test_targets_do_not_mix(store: Store) -> None:
    one, other = record(), record(target=OTHER, content=document(b"other"), entities={"urn:a": entity("bb")})
    store.save(one)
    store.save(other)
    assert load(store) == expected(one)
    assert load(store, OTHER) == expected(other)


def test_a_look_that_failed_is_not_saved(store: Store) -> None:
    store.save(knowing(bare(TARGET), probes=1, failures=1, differing_since=NOW))
    assert load(store) is None
    known = record()
    store.save(known)
    store.save(knowing(known, probes=2, failures=1))
    assert load(store) == expected(known)


def test_a_document_that_did_not_change_is_not_written_again(store: Store, peer: sqlite3.Connection) -> None:
    known = record()
    again = knowing(known, last_success=LATER, history=replace(known.history, looked=LATER))
    store.save(known)
    peer.execute("UPDATE document SET packed = x'00'")
    peer.execute("DELETE FROM entity")
    store.save(again)
    assert peer.execute("SELECT packed FROM document").fetchall() == [(b"\0",)]
    assert peer.execute("SELECT last_success FROM target").fetchall() == [(LATER.isoformat(),)]
    assert peer.execute("SELECT * FROM entity").fetchall() == []


def test_only_the_entities_that_changed_are_written(store: Store, peer: sqlite3.Connection) -> None:
    known = record(entities={"urn:a": entity("aa"), "urn:b": entity("bb")})
    entities = {**known.history.entities, "urn:b": entity("cc")}
    store.save(known)
    peer.execute("DELETE FROM entity")
    store.save(knowing(known, last_success=LATER, history=History(entities, LATER)))
    assert peer.execute("SELECT entity_id FROM entity").fetchall() == [("urn:b",)]


def test_answers_come_back_where_no_document_was_ever_read(store: Store) -> None:
    known = knowing(bare(TARGET), probes=1, failures=1, domains=(told()[0], DomainRecord("fabrikam.com")))
    store.save(known)
    assert load(store) == expected(known)
    assert expected(known).packed is None
    read = replace(record(LATER), domains=known.domains)
    store.save(read)
    assert load(store) == expected(read)


def test_an_inquiry_that_failed_is_not_saved(store: Store, peer: sqlite3.Connection) -> None:
    known = record()
    refusal = Inquiry(LATER, TrustReason.PERMISSION, "", trust=None)
    failing = tuple(replace(each, inquiry=refusal, inquiries=2, failures=1) for each in known.domains)
    store.save(known)
    peer.execute("DELETE FROM domain")
    store.save(replace(known, domains=failing))
    assert peer.execute("SELECT * FROM domain").fetchall() == []


def test_only_the_domains_that_were_answered_are_written(store: Store, peer: sqlite3.Connection) -> None:
    known = record()
    store.save(known)
    peer.execute("DELETE FROM domain")
    store.save(replace(known, domains=(known.domains[0], told(LATER)[1])))
    assert peer.execute("SELECT domain, last_success FROM domain").fetchall() == [("fabrikam.com", LATER.isoformat())]


@pytest.mark.parametrize(
    "other",
    [{"tenant": "fabrikam.onmicrosoft.com"}, {"cloud": Cloud.CHINA}, {"source": TrustSource.USER_REALM}],
    ids=lambda other: next(iter(other)),
)
def test_an_answer_comes_back_as_the_one_to_the_question_that_was_asked(store: Store, other: dict[str, str]) -> None:
    elsewhere = replace(TARGET, entra=replace(ENTRA, **other))  # type: ignore[arg-type]  # any field
    store.save(known := record())
    saved = load(store, elsewhere)
    assert saved == expected(known)
    assert not record(target=elsewhere).answers.keys() & saved.answers.keys()
    asked = replace(known, target=elsewhere, domains=told(LATER))
    again = tuple(
        replace(each, trust=replace(each.trust, source=elsewhere.entra.source))
        for each in asked.domains
        if each.trust and elsewhere.entra
    )
    store.save(asked := replace(asked, domains=again))
    assert load(store) == expected(asked), "one answer for each domain"


def test_that_nodes_differ_comes_back_and_that_they_no_longer_do(store: Store) -> None:
    known = record()
    differing = replace(known, differing_since=NOW)
    store.save(known)
    store.save(differing)
    assert load(store) == expected(differing)
    store.save(known)
    assert load(store) == expected(known)


def test_memory_keeps_what_it_is_told_and_no_two_memories_share_it() -> None:
    one, other = open_state(None, clock), open_state(None, clock)
    one.keep(record())
    assert one.load(TARGET.name, TARGET.url) == expected(record())
    assert other.load(TARGET.name, TARGET.url) is None
    assert one.status == StorageStatus(writable=None)
    one.prune(LATER, but=())
    assert one.close(0) == ()


# Whose state it is


def test_what_may_be_secret_in_a_url_is_not_kept_and_two_such_urls_are_told_apart(store: Store) -> None:
    one, other = (looking(OTHER, url=f"https://other.example/?key=a-secret-{each}") for each in (1, 2))
    store.save(known := record(target=one))

    assert load(store, one) == expected(known)
    assert load(store, other) is None
    store.state.close(10)
    assert b"a-secret" not in b"".join(each.read_bytes() for each in store.path.parent.glob(f"{store.path.name}*"))


def test_what_is_held_under_a_whole_url_counts_and_is_written_anew_without_its_secrets() -> None:
    target = looking(OTHER, url="https://other.example/?key=a-secret")
    now_is = expected(record(target=target))
    whole = replace(now_is, url=target.url)

    assert whole.at(target.url) is whole
    drops, puts = changes(target.name, whole, now_is)
    assert {table for table, _ in drops} == {table for table, _ in puts} == {"target", "document", "entity"}
    assert "a-secret" not in repr(puts)


def test_another_address_under_the_same_name_finds_nothing_and_then_takes_its_place(store: Store) -> None:
    known = record(target=OTHER, entities={"urn:a": entity("aa"), "urn:b": entity("bb")})
    elsewhere = looking(OTHER, url=MOVED.url)
    store.save(known)
    assert load(store, elsewhere) is None
    store.save(knowing(bare(elsewhere), probes=1, failures=1))
    assert load(store, OTHER) == expected(known), "asking is not replacing, nor is to fail"
    moved = record(LATER, target=elsewhere, entities={"urn:a": entity("cc")})
    store.save(moved)
    assert load(store, elsewhere) == expected(moved)
    assert load(store, OTHER) is None


def test_what_entra_id_said_is_found_wherever_the_documents_are(store: Store) -> None:
    known = record()
    store.save(known)
    assert load(store, MOVED) == expected(knowing(bare(MOVED), domains=known.domains))
    gone = knowing(bare(MOVED), domains=told(LATER))
    store.save(gone)
    assert load(store, MOVED) == expected(gone)
    assert load(store) == expected(replace(known, domains=gone.domains)), "the documents are not for answers to replace"


def test_what_was_known_under_another_address_is_written_anew(store: Store) -> None:
    known = record()
    store.save(known)
    moved = record(target=MOVED)
    store.save(moved)
    assert load(store, MOVED) == expected(moved)


def test_what_nobody_has_seen_for_long_is_removed_with_its_entities(store: Store, peer: sqlite3.Connection) -> None:
    store.save(record(NOW))
    store.save(record(LATER, target=OTHER))
    store.prune(NOW, but=())
    assert load(store) is not None, "seen at that very moment"
    store.prune(NOW.replace(microsecond=1), but={TARGET.name})
    assert load(store) is not None, "it is watched"
    store.prune(NOW.replace(microsecond=1), but=())
    assert load(store) is None
    assert load(store, OTHER) is not None
    assert peer.execute("SELECT DISTINCT target FROM entity ORDER BY target").fetchall() == [("mark",), ("other",)]
    assert peer.execute("SELECT target FROM document ORDER BY target").fetchall() == [("mark",), ("other",)]


def test_what_entra_id_said_long_ago_is_removed_unless_it_said_something_lately(store: Store) -> None:
    known = knowing(bare(TARGET), domains=(told(NOW - DAY)[0], told()[1]))
    store.save(known)
    store.prune(NOW, but=())
    assert load(store) == expected(known)
    store.prune(LATER, but={TARGET.name})
    assert load(store) == expected(known)
    store.prune(LATER, but=())
    assert load(store) is None


def test_what_a_file_holds_of_an_entity_with_too_long_an_id_does_not_come_back(path: Path) -> None:
    saved_file(path, record(entities={"e" * 1025: entity(), "e" * 1024: entity()}))
    found = after_restart(path)
    assert found is not None
    assert found.history.entities.keys() == {"e" * 1024}


def test_a_history_that_is_too_long_is_written_without_the_certificates_of_keys_that_cannot_be_read() -> None:
    known = replace(entity(), kept={KeyPlace(Role.IDP, "IDPSSODescriptor", Use.SIGNING, 0): certificate()})
    longest = len(history_text(known))
    assert history_of(history_text(known, longest)) == known
    assert history_of(history_text(known, longest - 1)) == replace(known, kept={})
