"""When targets are looked at, what is kept when they change, and what is logged."""

import asyncio
import logging
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import ENTITY_ID, HOST, HOUR, NOW, SECOND, pair
from federation import listening

from exporter import fetch, state
from exporter.config.settings import Module, Target
from exporter.model import Observation, Reason, SignatureState
from exporter.policy import PolicySettings
from exporter.probe import read_document
from exporter.record import Record, advance
from exporter.state import Store
from exporter.watch import CONCURRENCY, Watch

OLD, NEW = pair(), pair(not_before=NOW - HOUR, not_after=NOW + 365 * builders.DAY)


@pytest.fixture
async def client() -> AsyncIterator[fetch.Client]:
    async with fetch.client() as opened:
        yield opened


@pytest.fixture(autouse=True)
def every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "exporter")


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Jitter:
    """Stretches every interval by a factor, and remembers within which bounds it was asked to."""

    factor: float = 1
    asked: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, low: float, high: float) -> float:
        self.asked.append((low, high))
        return self.factor


@asynccontextmanager
async def watching(
    *targets: Target,
    client: fetch.Client,
    clock: Callable[[], datetime] | None = None,
    store: Store | None = None,
    jitter: Jitter | None = None,
) -> AsyncIterator[Watch]:
    kept = store or state.memory()
    watch = Watch(client=client, store=kept, clock=clock or Clock(), jitter=jitter or Jitter())
    await watch.follow(targets)
    yield watch
    await watch.stop()
    if store is None:
        kept.close()


class SlowStore(Store):
    """A store that finds nothing, and takes its time over it."""

    def __init__(self, gate: threading.Event) -> None:
        self.gate = gate

    def load(self, name: str, url: str) -> None:
        del url
        if name == "new":
            self.gate.wait(10)

    def save(self, before: Record, after: Record) -> None:
        pass


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while True:
            if holds():
                return
            await asyncio.sleep(0.005)


async def looked(watch: Watch, times: int = 1, name: str | None = None) -> None:
    """Waits until a target, or each of them, was looked at so many times."""
    await until(lambda: all(each.probes >= times for each in watch.records if name in {None, each.target.name}))


async def looked_again(watch: Watch) -> None:
    """Waits for a look that began after now: the one under way may have read the file before."""
    await looked(watch, max(record.probes for record in watch.records) + 2)


def target(file: Path, *, name: str = "fs", **fields: object) -> Target:
    """A target that publishes in a file and is looked at all the time."""
    return Target(name, file.as_uri(), **{"interval": 0.005, **fields})  # type: ignore[arg-type]  # any field


def published(folder: Path, document: bytes | None = None, name: str = "metadata.xml") -> Path:
    """A file with a document; written whole or not at all."""
    aside = folder / "aside.xml"
    aside.write_bytes(builders.saml_metadata() if document is None else document)
    return aside.rename(folder / name)


def lines(caplog: pytest.LogCaptureFixture, *names: str) -> list[tuple[Any, ...]]:
    """Level, sentence and some fields of what was logged."""
    return [
        (record.levelname, record.getMessage(), *(getattr(record, name) for name in names if hasattr(record, name)))
        for record in caplog.records
        if record.name.startswith("exporter")
    ]


# --- when


async def test_a_target_is_looked_at_again_after_its_jittered_interval(tmp_path: Path, client: fetch.Client) -> None:
    jitter = Jitter(factor=1e-6)
    async with watching(target(published(tmp_path), interval=3600), client=client, jitter=jitter) as watch:
        await looked(watch, 3)
    assert set(jitter.asked) == {(0.9, 1.1)}


async def test_a_target_is_not_looked_at_before_its_interval_is_over(tmp_path: Path, client: fetch.Client) -> None:
    often, seldom = (
        target(published(tmp_path), name=name, interval=interval)
        for name, interval in (("often", 0.001), ("seldom", 60))
    )
    async with watching(often, seldom, client=client) as watch:
        await looked(watch, 10, "often")
        await looked(watch, 1, "seldom")
        assert [record.probes for record in watch.records if record.target.name == "seldom"] == [1]


async def test_no_more_looks_are_under_way_than_there_are_slots(client: fetch.Client) -> None:
    under_way: set[asyncio.StreamWriter] = set()
    most, served, released = 0, 0, asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most, served
        under_way.add(writer)
        most = max(most, len(under_way))
        await reader.readuntil(b"\r\n\r\n")
        await released.wait()
        under_way.remove(writer)
        served += 1
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, sock=listening())
    port = server.sockets[0].getsockname()[1]
    targets = [Target(f"fs-{number}", f"http://127.0.0.1:{port}/", interval=60) for number in range(2 * CONCURRENCY)]
    async with watching(*targets, client=client) as watch:
        await until(lambda: len(under_way) == CONCURRENCY)
        assert not any(record.observation for record in watch.records)
        released.set()
        await looked(watch)
        assert watch.lag.count == len(targets)
    server.close()
    assert (most, served) == (CONCURRENCY, 2 * CONCURRENCY)


async def test_how_long_looks_wait_for_a_slot_is_counted(tmp_path: Path, client: fetch.Client) -> None:
    clock = Clock()

    def later() -> datetime:
        clock.now += SECOND
        return clock.now

    async with watching(target(published(tmp_path), interval=60), client=client, clock=later) as watch:
        await looked(watch)
        assert (watch.lag.count, watch.lag.seconds) == (1, 1.0)


# --- readiness


async def test_it_is_ready_when_every_target_was_looked_at_however_it_went(
    tmp_path: Path, client: fetch.Client
) -> None:
    good, gone = target(published(tmp_path), name="good"), target(tmp_path / "gone.xml", name="gone")
    async with watching(good, gone, client=client) as watch:
        assert not watch.ready
        await looked(watch)
        assert watch.ready


async def test_it_is_ready_when_the_longest_deadline_has_passed(client: fetch.Client) -> None:
    clock = Clock()
    silent = listening()
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    targets = [Target(f"{timeout}", url, module=Module(timeout=timeout)) for timeout in (60, 90)]
    async with watching(*targets, client=client, clock=clock) as watch:
        clock.now = NOW + 89 * SECOND
        assert not watch.ready
        clock.now = NOW + 90 * SECOND
        assert watch.ready
        clock.now = NOW
        assert watch.ready, "once ready it stays so"
    silent.close()


async def test_it_stays_ready_when_a_target_comes_that_nobody_looked_at(tmp_path: Path, client: fetch.Client) -> None:
    first = target(published(tmp_path), name="first")
    async with watching(first, client=client) as watch:
        await looked(watch)
        assert watch.ready
        await watch.follow([first, target(tmp_path / "second.xml", name="second")])
        assert watch.ready


async def test_with_nothing_to_watch_it_is_ready_at_once(client: fetch.Client) -> None:
    async with watching(client=client) as watch:
        assert watch.ready
        assert watch.records == ()


# --- following another configuration


async def test_an_unchanged_target_goes_on_as_if_nothing_were(tmp_path: Path, client: fetch.Client) -> None:
    one, two = (target(published(tmp_path), name=name, interval=60) for name in ("one", "two"))
    async with watching(one, two, client=client) as watch:
        await looked(watch)
        before = watch.records
        tasks = watchers()
        await watch.follow([two, one])
        assert watch.records == before[::-1], "in the order of the configuration"
        assert all(now_is is was for now_is, was in zip(watch.records, before[::-1], strict=True))
        assert watchers() == tasks


async def test_a_target_with_another_address_starts_anew(tmp_path: Path, client: fetch.Client) -> None:
    here = published(tmp_path, builders.saml_metadata("https://one.example/"))
    there = published(tmp_path, builders.saml_metadata("https://two.example/"), "there.xml")
    async with watching(target(here), client=client) as watch:
        await looked(watch)
        await watch.follow([target(there)])
        assert watch.records == (Record(target(there)),)
        await looked(watch)
        assert watch.records[0].entity_id == "https://two.example/"


@pytest.mark.parametrize(
    "change",
    [
        {"interval": 60},
        {"policy": PolicySettings(expiry=False)},
        {"labels": {"team": "identity"}},
        {"vantage": "intranet"},
        {"module": Module(timeout=5)},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_target_that_is_looked_at_in_another_way_keeps_its_document(
    tmp_path: Path, client: fetch.Client, change: Mapping[str, object]
) -> None:
    before = target(published(tmp_path), interval=3600)
    after = replace(before, **change)  # type: ignore[arg-type]  # any field
    async with watching(before, client=client) as watch:
        await looked(watch)
        (known,) = watch.records
        await watch.follow([after])
        (record,) = watch.records
        assert record == replace(known, target=after, observation=None, probes=0, failures=0)
        await looked(watch)
        assert watch.records[0].document is known.document, "and it is not read again"
        assert watch.records[0].history.first_seen == known.history.first_seen


async def test_with_other_signers_the_last_good_document_is_verified_anew(tmp_path: Path, client: fetch.Client) -> None:
    before = target(published(tmp_path, builders.adfs(OLD, signer=OLD)), interval=3600)
    # What is known must not depend on what could be saved.
    (store := state.memory()).close()
    async with watching(before, client=client, store=store) as watch:
        await looked(watch)
        (known,) = watch.records
        for signer, verdict in ((OLD, SignatureState.TRUSTED), (NEW, SignatureState.VALID)):
            await watch.follow([replace(before, policy=PolicySettings(signers=(signer.der,)))])
            (record,) = watch.records
            assert record.document is not None
            assert record.document.signature.state is verdict
            assert (record.last_success, record.history) == (known.last_success, known.history)


async def test_with_other_signers_nothing_is_verified_where_there_is_no_document(
    tmp_path: Path, client: fetch.Client
) -> None:
    before = target(tmp_path / "gone.xml", interval=3600)
    after = replace(before, policy=PolicySettings(signers=(OLD.der,)))
    async with watching(before, client=client) as watch:
        await looked(watch)
        await watch.follow([after])
        assert watch.records == (Record(after),)


async def test_a_target_of_another_entity_forgets_the_document_it_had(tmp_path: Path, client: fetch.Client) -> None:
    before = target(published(tmp_path), interval=3600)
    async with watching(before, client=client) as watch:
        await looked(watch)
        same = replace(before, entity_id=ENTITY_ID)
        await watch.follow([same])
        assert watch.records[0].document is not None
        other = replace(before, entity_id="https://other.example/")
        await watch.follow([other])
        assert watch.records == (Record(other),)


async def test_a_target_that_is_gone_vanishes_though_its_look_hangs(client: fetch.Client) -> None:
    silent = listening()
    gone = Target("gone", f"http://127.0.0.1:{silent.getsockname()[1]}/", module=Module(timeout=3600))
    async with watching(gone, client=client) as watch, asyncio.timeout(10):
        assert watchers() == {"watch gone"}
        await watch.follow([])
        assert watch.records == ()
        assert watchers() == set()
    silent.close()


async def test_after_the_end_nobody_looks_and_what_is_known_stays(tmp_path: Path, client: fetch.Client) -> None:
    async with watching(target(published(tmp_path)), client=client) as watch:
        await looked(watch)
        await watch.stop()
        assert watchers() == set()
        assert watch.records[0].document is not None


def watchers() -> set[str]:
    """The tasks that look at targets, by name."""
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("watch ")}


# --- the state file


def saved(at: Target, document: bytes, store: Store) -> Record:
    """A record of a target with a good document, as an earlier run left it in the store."""
    seen = Observation(NOW - HOUR, None, "", {}, 200, None, read_document(document, ()))
    record = advance(Record(at), seen)
    store.save(Record(at), record)
    return record


async def test_what_an_earlier_run_saved_is_there_before_the_first_look(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    store = state.memory()
    at = target(tmp_path / "gone.xml")
    before = saved(at, builders.saml_metadata(), store)
    async with watching(at, client=client, store=store) as watch:
        assert watch.records == (replace(before, observation=None, probes=0, failures=0),)
    store.close()
    assert lines(caplog) == []


@pytest.mark.parametrize("packed", [zlib.compress(b"<feed/>"), b"not even packed"])
async def test_a_saved_document_that_cannot_be_used_any_more_is_told_and_ignored(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture, packed: bytes
) -> None:
    store = state.memory()
    at = target(published(tmp_path))
    record = saved(at, builders.saml_metadata(), store)
    assert record.document is not None
    spoilt = replace(record, document=replace(record.document, packed=packed), last_success=NOW)
    store.save(record, spoilt)
    async with watching(at, client=client, store=store) as watch:
        assert watch.records == (Record(at),)
        assert lines(caplog, "target") == [("WARNING", "saved document not used", "fs")]
        await looked(watch)
        assert watch.records[0].document is not None
    store.close()


async def test_a_state_file_that_cannot_be_read_any_more_costs_what_it_held_and_nothing_else(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    store = state.memory()
    store.close()
    async with watching(target(published(tmp_path)), client=client, store=store) as watch:
        assert lines(caplog, "target") == [("WARNING", "saved document not used", "fs")]
        await looked(watch, 2)
        assert watch.records[0].document is not None
        assert watch.storage_errors > 0
    assert ("ERROR", "state not saved", "fs") in lines(caplog, "target")


# --- what is counted and logged


async def test_failed_looks_are_counted_by_reason(tmp_path: Path, client: fetch.Client) -> None:
    gone = target(tmp_path / "gone.xml", name="gone", interval=60)
    page = target(published(tmp_path, b"<html></html>", "page.xml"), name="page", interval=60)
    also = replace(page, name="also")
    async with watching(gone, page, also, client=client) as watch:
        await looked(watch)
        await watch.follow([])
        assert watch.failures == {Reason.FILE: 1, Reason.HTML: 2}, "also of targets that are gone"


async def test_one_line_says_that_a_target_is_up_or_down_or_fails_in_another_way(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    file = published(tmp_path)
    async with watching(target(file), client=client) as watch:
        await looked(watch, 3)
        file.unlink()
        await looked_again(watch)
        published(tmp_path, b"<html></html>")
        await looked_again(watch)
        published(tmp_path)
        await looked_again(watch)
    assert lines(caplog, "target", "reason") == [
        ("INFO", "up", "fs"),
        ("WARNING", "down", "fs", "file"),
        ("WARNING", "down", "fs", "html"),
        ("INFO", "up", "fs"),
    ]
    details = [record.__dict__["detail"] for record in caplog.records if record.getMessage() == "down"]
    assert f"cannot read '{file}'" in details[0]


async def test_a_key_that_comes_or_goes_and_a_promotion_are_lines(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    entity_id = f"http://{HOST}/adfs/services/trust"
    file = published(tmp_path, builders.adfs(OLD, signer=OLD))
    clock = Clock()

    async def publish(document: bytes) -> Iterable[tuple[Any, ...]]:
        caplog.clear()
        clock.now += HOUR
        published(tmp_path, document)
        await looked_again(watch)
        return sorted(lines(caplog, "entity_id", "role", "use", "change", "fingerprint"))

    async with watching(target(file), client=client, clock=clock) as watch:
        await looked(watch)
        assert [line[1] for line in lines(caplog)] == ["up"], "the first document ever is no change"
        assert await publish(builders.adfs(OLD, NEW, signer=OLD)) == [
            ("WARNING", "keys changed", entity_id, role, "signing", "unexpected") for role in ("idp", "sp")
        ]
        assert await publish(builders.adfs(OLD, NEW, signer=NEW)) == [
            ("WARNING", "primary changed", entity_id, NEW.certificate.fingerprint)
        ]
        assert await publish(builders.adfs(NEW, signer=NEW)) == [
            ("WARNING", "keys changed", entity_id, role, "signing", "removed") for role in ("idp", "sp")
        ]


async def test_an_entity_that_joins_an_aggregate_is_no_line(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = (builders.saml_metadata(f"https://{name}.example/") for name in ("one", "two"))
    file = published(tmp_path, builders.aggregate([one]))
    async with watching(target(file), client=client) as watch:
        await looked(watch)
        published(tmp_path, builders.aggregate([one, two]))
        await looked_again(watch)
        assert len(watch.records[0].history.entities) == 2
    assert [line[1] for line in lines(caplog)] == ["up"]


async def test_a_target_that_stays_keeps_the_looks_that_end_while_others_begin(
    tmp_path: Path, client: fetch.Client
) -> None:
    file, gate = published(tmp_path), threading.Event()
    stays, new = target(file, name="stays"), target(file, name="new", interval=3600)
    async with watching(stays, client=client, store=SlowStore(gate)) as watch:
        await looked(watch)
        following = asyncio.create_task(watch.follow([stays, new]))
        await looked(watch, watch.records[0].probes + 3)
        seen = watch.records[0].probes
        gate.set()
        await following
        assert watch.records[0].probes >= seen
        assert [record.target.name for record in watch.records] == ["stays", "new"]
