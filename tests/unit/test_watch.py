"""When targets are looked at and domains asked about, what is kept when they change, and what is logged."""

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
from builders import DAY, ENTITY_ID, HOST, HOUR, NOW, SECOND, knowing, looking, pair, probed, watched, with_looks
from federation import listening
from kept import kept_in
from moments import moments
from tenant import SECRET, Tenant, tenant
from waiting import until

from exporter import fetch
from exporter.config.settings import INTERNET, Cloud, Entra, Look, Module, Secret, Target
from exporter.history import Change
from exporter.inquiry import DomainRecord, TrustReason, UpdateResult
from exporter.lately import NOTHING_YET
from exporter.model import Observation, Reason, Role, SignatureState, Use
from exporter.policy import PolicySettings
from exporter.probe import read_document
from exporter.record import LookRecord, Record, bare
from exporter.rounds import INQUIRIES, PROBES
from exporter.state import Saved, State, open_state
from exporter.state.saved import saved_of
from exporter.watch import RETRY, Watch
from exporter.watch.beginning import continued, restored

About = tuple[Target, Saved]

OLD, NEW = pair(), pair(not_before=NOW - HOUR, not_after=NOW + 365 * builders.DAY)


@pytest.fixture
async def client() -> AsyncIterator[fetch.Client]:
    async with fetch.client() as opened:
        yield opened


@pytest.fixture(name="tenant")
async def _tenant() -> AsyncIterator[Tenant]:
    async with tenant() as opened:
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
    state: State | None = None,
    jitter: Jitter | None = None,
) -> AsyncIterator[Watch]:
    watch = Watch(
        client=client, state=state or open_state(None, Clock()), clock=clock or Clock(), jitter=jitter or Jitter()
    )
    await watch.follow(targets)
    yield watch
    await watch.stop()


class Notes(State):
    """Memory that finds nothing, and notes what it is to keep."""

    def __init__(self) -> None:
        super().__init__(None, Clock())
        self.kept: list[Record] = []

    def load(self, _name: str, _url: str) -> Saved | None:
        return None

    def keep(self, record: Record) -> None:
        self.kept.append(record)


async def looked(watch: Watch, times: int = 1, name: str | None = None) -> None:
    """Waits until a target, or each of them, was looked at so many times."""
    await until(lambda: all(each.probes >= times for each in places(watch, name)))


async def looked_again(watch: Watch) -> None:
    """Waits for looks that began after now.

    Those under way may have read the file before, and have the time of before though they read it later.
    """
    await looked(watch, max(each.probes for each in places(watch)) + 2)


def places(watch: Watch, name: str | None = None) -> list[LookRecord]:
    """The records of the looks of a target, or of all."""
    return [each for record in watch.records for each in record.looks if name in {None, record.target.name}]


def begun_anew(known: Record, target: Target, **process: object) -> Record:
    """The record of a target with as many looks, of which all is known but the counts of its probes.

    ``process`` is what else an exporter that was started anew does not know of a look.
    """
    looks = zip(known.looks, target.looks, strict=True)
    probes = {"observation": None, "probes": 0, "failures": 0, **process}
    return replace(known, target=target, looks=tuple(replace(each, look=look, **probes) for each, look in looks))  # type: ignore[arg-type]  # any field


async def asked(watch: Watch, times: int = 1) -> None:
    """Waits until each domain was asked about so many times."""
    await until(lambda: all(each.inquiries >= times for each in domains(watch)))


async def asked_again(watch: Watch) -> None:
    """Waits for an answer to each question that was not put before now."""
    await asked(watch, max(each.inquiries for each in domains(watch)) + 2)


def domains(watch: Watch) -> list[DomainRecord]:
    return [each for record in watch.records for each in record.domains]


def target(file: Path, *, name: str = "fs", **fields: object) -> Target:
    """A target that publishes in a file and is looked at all the time."""
    return watched(name, file.as_uri(), **{"interval": 0.005, **fields})


def at_node(service: Target, name: str, file: Path) -> Look:
    """A look at a node that publishes in a file of its own."""
    return replace(service.look, node=name, url=file.as_uri())


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
        assert [each.probes for each in places(watch, "seldom")] == [1]


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
    targets = [watched(f"fs-{number}", f"http://127.0.0.1:{port}/", interval=60) for number in range(2 * PROBES)]
    async with watching(*targets, client=client) as watch:
        await until(lambda: len(under_way) == PROBES)
        assert not any(record.observation for record in watch.records)
        released.set()
        await looked(watch)
        assert watch.lag.count == len(targets)
    server.close()
    assert (most, served) == (PROBES, 2 * PROBES)


async def test_how_long_looks_wait_for_a_slot_is_counted(tmp_path: Path, client: fetch.Client) -> None:
    clock = Clock()

    def later() -> datetime:
        clock.now += SECOND
        return clock.now

    async with watching(target(published(tmp_path), interval=60), client=client, clock=later) as watch:
        await looked(watch)
        assert (watch.lag.count, watch.lag.seconds) == (1, 1.0)


# --- further places


async def test_a_target_is_looked_at_from_every_place_each_at_its_own_pace(
    tmp_path: Path, client: fetch.Client
) -> None:
    service = target(published(tmp_path), interval=3600)
    wap1 = at_node(service, "wap1", published(tmp_path, name="wap1.xml"))
    outside = replace(service.look, vantage=INTERNET, interval=0.005)
    async with watching(with_looks(service, outside, wap1), client=client) as watch:
        await looked(watch)
        await until(lambda: places(watch)[1].probes > 3)
        record, outside_record, wap1_record = places(watch)
        assert (record.probes, wap1_record.probes) == (1, 1)
        assert (outside_record.look, wap1_record.look) == (outside, wap1)
        assert all(each.document is not None for each in places(watch))
        assert watch.records[0].differing_since is None


async def test_looks_of_one_target_that_end_together_are_all_kept(client: fetch.Client, tenant: Tenant) -> None:
    waiting: list[asyncio.StreamWriter] = []
    tenant.directory.federate("contoso.com", signing=OLD.der, service=HOST)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        waiting.append(writer)

    server = await asyncio.start_server(answer, sock=listening())
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    service = watched("fs", url, interval=3600, entra=tenant.asking("contoso.com", interval=3600))
    whole = with_looks(service, *(replace(service.look, node=f"wap{number}") for number in range(5)))
    async with watching(whole, client=client) as watch:
        await asked(watch)
        await until(lambda: len(waiting) == 6)
        body = builders.saml_metadata()
        for writer in waiting:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
            writer.close()
        await looked(watch)
        assert [each.document is not None for each in places(watch)] == [True] * 6
        assert [each.trust is not None for each in domains(watch)] == [True]
    server.close()


async def test_a_node_that_serves_the_document_of_another_farm_is_no_node_of_this_one(
    tmp_path: Path, client: fetch.Client
) -> None:
    service = target(published(tmp_path))
    wap1 = at_node(service, "wap1", published(tmp_path, builders.saml_metadata("https://other.example/"), "wap1.xml"))
    async with watching(with_looks(service, wap1), client=client) as watch:
        await looked(watch)
        await looked_again(watch)
        own, node = (each.observation for each in places(watch))
        assert own is not None
        assert node is not None
        assert (own.reason, node.reason) == (None, Reason.ENTITY_MISMATCH)


async def test_a_node_that_does_not_follow_and_that_it_does_in_the_end_are_lines(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    service = target(published(tmp_path, builders.adfs(OLD, signer=OLD)))
    wap1 = at_node(service, "wap1", published(tmp_path, builders.adfs(OLD, signer=OLD), "wap1.xml"))
    clock = Clock()
    async with watching(with_looks(service, wap1), client=client, clock=clock) as watch:
        await looked(watch)
        caplog.clear()
        clock.now += HOUR
        await looked_again(watch)
        published(tmp_path, builders.adfs(OLD, NEW, signer=OLD))
        await looked_again(watch)
        assert watch.records[0].differing_since == clock.now
        clock.now += HOUR
        await looked_again(watch)
        assert watch.records[0].differing_since == clock.now - HOUR
        published(tmp_path, builders.adfs(OLD, NEW, signer=OLD), "wap1.xml")
        await looked_again(watch)
        assert watch.records[0].differing_since is None
    news = [line for line in lines(caplog, "target") if "keys" not in line[1]]
    assert news == [("WARNING", "nodes differ", "fs"), ("INFO", "nodes agree", "fs")]


async def test_lines_about_another_look_name_it_and_none_is_about_its_keys(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    service = target(published(tmp_path, builders.adfs(OLD, signer=OLD)), interval=3600)
    file = published(tmp_path, builders.adfs(OLD, signer=OLD), "wap1.xml")
    wap1 = replace(at_node(service, "wap1", file), vantage="dmz", interval=0.005)
    gone = at_node(service, "wap2", tmp_path / "gone.xml")
    async with watching(with_looks(service, wap1, gone), client=client) as watch:
        await looked(watch)
        published(tmp_path, builders.adfs(OLD, NEW, signer=OLD), "wap1.xml")
        await until(lambda: any(line[1] == "nodes differ" for line in lines(caplog)))
    told = lines(caplog, "target", "node", "vantage", "reason")
    assert ("INFO", "up", "fs") in told
    assert ("INFO", "up", "fs", "wap1", "dmz") in told
    assert ("WARNING", "down", "fs", "wap2", "default", "file") in told
    assert [line for line in told if "keys" in line[1]] == []


# --- inquiries


async def test_domains_are_asked_about_in_turn_again_and_again(client: fetch.Client, tenant: Tenant) -> None:
    jitter = Jitter(factor=1e-6)
    entra = tenant.asking("contoso.com", "fabrikam.com", interval=3600)
    for domain in entra.domains:
        tenant.directory.federate(domain, signing=OLD.der, service=HOST)
    at = watched("fs", "file:///nowhere", interval=3600, entra=entra)
    async with watching(at, client=client, jitter=jitter) as watch:
        await asked(watch, 3)
    assert tenant.asked[:6] == ["contoso.com", "fabrikam.com"] * 3
    assert set(jitter.asked) == {(0.9, 1.1)}
    for each in domains(watch):
        assert each.trust is not None
        assert set(each.trust.certificates.values()) == {OLD.certificate}
        assert (each.last_success, each.failures) == (NOW, 0)


async def test_domains_are_not_asked_about_before_the_interval_is_over(
    tmp_path: Path, client: fetch.Client, tenant: Tenant
) -> None:
    at = target(published(tmp_path), entra=tenant.asking("contoso.com", interval=60))
    async with watching(at, client=client) as watch:
        await looked(watch, 10)
        await asked(watch)
        assert tenant.asked == ["contoso.com"]


async def test_looks_that_hang_hold_up_no_inquiry(client: fetch.Client, tenant: Tenant) -> None:
    silent = listening()
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    looks = [watched(f"fs-{number}", url, module=Module(timeout=60)) for number in range(PROBES)]
    asking = target(Path("/nowhere"), name="asking", entra=tenant.asking("contoso.com"))
    async with watching(*looks, asking, client=client) as watch:
        await until(lambda: watch.lag.count == PROBES)
        await asked(watch, 3)
        assert not any(record.observation for record in watch.records)
    silent.close()


async def test_inquiries_that_hang_hold_up_no_look(tmp_path: Path, client: fetch.Client) -> None:
    silent = listening()
    entra = Entra(("contoso.com",), client_secret=Secret(text="x"), module=Module(timeout=3600))
    entra = replace(entra, login_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
    file = published(tmp_path)
    targets = [target(file, name=f"fs-{number}", entra=entra) for number in range(2 * INQUIRIES)]
    async with watching(*targets, client=client) as watch:
        await looked(watch, 3)
        assert all(each.inquiry is None for each in domains(watch))
    silent.close()


async def test_a_failed_inquiry_replaces_nothing_but_the_inquiry_and_is_counted_by_its_reason(
    tmp_path: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.federate("contoso.com", signing=OLD.der, service=HOST)
    asking = target(published(tmp_path), entra=tenant.asking("contoso.com", "fabrikam.com"))
    clock = Clock()
    async with watching(asking, target(published(tmp_path), name="other"), client=client, clock=clock) as watch:
        await asked(watch)
        answer = domains(watch)[0].trust
        tenant.directory.fail("contoso.com", 403)
        clock.now += HOUR
        await asked_again(watch)
        contoso, fabrikam = domains(watch)
        await watch.stop()
    assert contoso.inquiry is not None
    assert contoso.inquiry.reason is TrustReason.PERMISSION
    assert contoso.last_success is not None
    assert answer == contoso.trust
    assert contoso.last_success < clock.now
    assert fabrikam.last_success == clock.now
    assert watch.inquiry_failures == {TrustReason.PERMISSION: domains(watch)[0].failures}
    assert not watch.failures


@pytest.mark.parametrize("status", [429, 503])
async def test_who_wants_us_to_wait_is_left_alone_for_so_long(
    client: fetch.Client, tenant: Tenant, status: int
) -> None:
    tenant.directory.fail("contoso.com", status, retry_after="1")
    at = watched("fs", "file:///nowhere", interval=3600, entra=tenant.asking("contoso.com", "fabrikam.com"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with watching(at, client=client) as watch:
        await until(lambda: watch.inquiry_failures.total() == 1)
        tenant.directory.manage("contoso.com")
        await until(lambda: len(tenant.asked) > 2)
        assert loop.time() - began > 0.9
        assert tenant.asked[:3] == ["contoso.com", "fabrikam.com", "contoso.com"], "the others come first next"


async def test_too_many_inquiries_end_the_round_though_nobody_says_for_how_long(
    client: fetch.Client, tenant: Tenant
) -> None:
    for domain in ("contoso.com", "fabrikam.com"):
        tenant.directory.fail(domain, 429)
    asking = tenant.asking("contoso.com", "fabrikam.com", interval=3600)
    async with watching(watched("fs", "file:///nowhere", interval=3600, entra=asking), client=client) as watch:
        await until(lambda: watch.inquiry_failures[TrustReason.THROTTLED])
        await looked(watch)
        assert tenant.asked == ["contoso.com"]


async def test_new_keys_are_reason_to_ask_at_once(tmp_path: Path, client: fetch.Client, tenant: Tenant) -> None:
    tenant.directory.federate("contoso.com", signing=OLD.der, service=HOST)
    at = target(published(tmp_path), entra=tenant.asking("contoso.com", interval=3600))
    async with watching(at, client=client) as watch:
        await asked(watch)
        await looked(watch, 5)
        assert tenant.asked == ["contoso.com"]
        published(tmp_path, builders.saml_metadata(keys=[(Use.SIGNING, OLD), (Use.SIGNING, pair(nth=7))]))
        await asked(watch, 2)


async def test_what_failed_is_asked_again_long_before_the_interval_is_over(
    client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.fail("contoso.com", 500)
    day = DAY.total_seconds()
    at = watched("fs", "file:///nowhere", interval=day, entra=tenant.asking("contoso.com", interval=day))
    # A day takes half a minute, longer than the test waits; what comes after a failure, a tenth of a second.
    async with watching(at, client=client, jitter=Jitter(1 / 3000)) as watch:
        await asked(watch, 3)


async def test_who_wants_us_to_wait_is_left_alone_across_a_change_of_the_target_too(
    tmp_path: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.fail("contoso.com", 429, retry_after="3600")
    before = target(published(tmp_path), entra=tenant.asking("contoso.com"))
    clock = Clock()
    async with watching(before, client=client, clock=clock) as watch:
        await asked(watch)
        await watch.follow([replace(before, labels={"team": "identity"})])
        await looked(watch, 10)
        assert tenant.asked == ["contoso.com"]
        clock.now += HOUR
        await watch.follow([before])
        await asked(watch, 2)


async def test_what_changes_in_the_answers_about_a_domain_are_lines(
    client: fetch.Client, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    def federate(*trusted: bytes, result: UpdateResult | None = None) -> None:
        tenant.directory.federate(
            "contoso.com", signing=trusted[0], next_signing=trusted[-1], service=HOST, result=result
        )

    async def news() -> list[tuple[Any, ...]]:
        caplog.clear()
        await asked_again(watch)
        names = ("target", "domain", "reason", "detail", "added", "removed", "result")
        return [line for line in lines(caplog, *names) if "domain" in vars(caplog.records[0])]

    federate(OLD.der)
    old, new = OLD.certificate.fingerprint, NEW.certificate.fingerprint
    at = watched("fs", "file:///nowhere", interval=3600, entra=tenant.asking("contoso.com"))
    async with watching(at, client=client) as watch:
        await asked(watch, 3)
        assert [line for line in lines(caplog, "target", "domain") if len(line) > 3] == [
            ("INFO", "inquiry answered", "fs", "contoso.com")
        ]
        federate(OLD.der, NEW.der)
        assert await news() == [("WARNING", "trusted certificates changed", "fs", "contoso.com", new, "")]
        federate(NEW.der, OLD.der)
        assert await news() == [], "which slot a certificate is in does not matter"
        federate(NEW.der, result=UpdateResult.SUCCESS)
        assert await news() == [
            ("WARNING", "trusted certificates changed", "fs", "contoso.com", "", old),
            ("INFO", "update result changed", "fs", "contoso.com", "success"),
        ]
        tenant.directory.fail("contoso.com", 500)
        ((*line, detail),) = await news()
        assert line == ["WARNING", "inquiry failed", "fs", "contoso.com", "server"]
        assert "500" in detail
        federate(NEW.der, result=UpdateResult.SUCCESS)
        assert await news() == [("INFO", "inquiry answered", "fs", "contoso.com")]


# --- readiness


async def test_it_is_ready_when_every_target_was_looked_at_however_it_went(
    tmp_path: Path, client: fetch.Client
) -> None:
    good, gone = target(published(tmp_path), name="good"), target(tmp_path / "gone.xml", name="gone")
    async with watching(good, gone, client=client) as watch:
        assert not watch.ready
        await looked(watch)
        assert watch.ready


async def test_it_is_ready_only_when_the_looks_from_all_places_were_made(client: fetch.Client, tmp_path: Path) -> None:
    silent, clock = listening(), Clock()
    hanging = Look(f"http://127.0.0.1:{silent.getsockname()[1]}/", module=Module(timeout=90), node="wap1")
    async with watching(with_looks(target(published(tmp_path)), hanging), client=client, clock=clock) as watch:
        await until(lambda: watch.records[0].first.probes > 1)
        clock.now = NOW + 89 * SECOND
        assert not watch.ready
        clock.now = NOW + 90 * SECOND
        assert watch.ready
    silent.close()


async def test_it_is_ready_though_entra_id_does_not_answer(client: fetch.Client, tmp_path: Path) -> None:
    silent = listening()
    entra = Entra(("contoso.com",), client_secret=Secret(text="x"), module=Module(timeout=3600))
    entra = replace(entra, login_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
    async with watching(target(published(tmp_path), entra=entra), client=client) as watch:
        await looked(watch)
        assert watch.ready
        assert domains(watch) == [DomainRecord("contoso.com")]
    silent.close()


async def test_it_is_ready_when_the_longest_deadline_has_passed(client: fetch.Client) -> None:
    clock = Clock()
    silent = listening()
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    targets = [watched(f"{timeout}", url, module=Module(timeout=timeout)) for timeout in (60, 90)]
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
        assert watch.records == (bare(target(there)),)
        await looked(watch)
        assert watch.records[0].entity_id == "https://two.example/"


@pytest.mark.parametrize(
    "change",
    [
        lambda target: looking(target, interval=60),
        lambda target: replace(target, policy=PolicySettings(expiry=False)),
        lambda target: replace(target, labels={"team": "identity"}),
        lambda target: looking(target, vantage="intranet"),
        lambda target: looking(target, module=Module(timeout=5)),
    ],
    ids=["interval", "policy", "labels", "vantage", "module"],
)
async def test_a_target_that_is_looked_at_in_another_way_keeps_its_document(
    tmp_path: Path, client: fetch.Client, change: Callable[[Target], Target]
) -> None:
    before = target(published(tmp_path), interval=3600)
    after = change(before)
    async with watching(before, client=client) as watch:
        await looked(watch)
        (known,) = watch.records
        await watch.follow([after])
        (record,) = watch.records
        assert record == begun_anew(known, after)
        await looked(watch)
        assert watch.records[0].document is known.document, "and it is not read again"
        assert watch.records[0].history.first_seen == known.history.first_seen


async def test_with_other_signers_the_last_good_document_is_verified_anew(tmp_path: Path, client: fetch.Client) -> None:
    before = target(published(tmp_path, builders.adfs(OLD, signer=OLD)), interval=3600)
    # What is known must not depend on what could be saved.
    async with watching(before, client=client, state=Notes()) as watch:
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
        (known,) = watch.records
        await watch.follow([after])
        assert watch.records == (begun_anew(known, after),)
        assert watch.records[0].document is None


async def test_a_target_of_another_entity_forgets_the_document_it_had(tmp_path: Path, client: fetch.Client) -> None:
    before = target(published(tmp_path), interval=3600)
    async with watching(before, client=client) as watch:
        await looked(watch)
        same = replace(before, entity_id=ENTITY_ID)
        await watch.follow([same])
        assert watch.records[0].document is not None
        other = replace(before, entity_id="https://other.example/")
        await watch.follow([other])
        assert watch.records == (bare(other),)


async def test_places_that_stay_keep_their_documents_and_others_start_without_one(
    tmp_path: Path, client: fetch.Client
) -> None:
    service = target(published(tmp_path), interval=3600)
    wap1, wap2 = (replace(service.look, node=name, address=f"{name}.example") for name in ("wap1", "wap2"))
    moved, new = replace(wap2, address="elsewhere.example"), replace(wap1, node="wap3")
    async with watching(with_looks(service, wap1, wap2), client=client) as watch:
        await looked(watch)
        known = {each.place: each for each in places(watch)}
        changed = with_looks(replace(service, labels={"team": "identity"}), new, moved, wap1)
        await watch.follow([changed])
        own, *others = places(watch)
        assert own.document is known[service.look.place].document
        kept = replace(known[wap1.place], observation=None, probes=0, failures=0)
        assert others == [LookRecord(new), LookRecord(moved), kept]


@pytest.mark.parametrize("nodes", [True, False], ids=["labels", "no nodes"])
async def test_that_nodes_differ_is_known_for_as_long_as_there_are_nodes(
    tmp_path: Path, client: fetch.Client, *, nodes: bool
) -> None:
    service = target(published(tmp_path), interval=3600)
    wap1 = at_node(service, "wap1", published(tmp_path, builders.saml_metadata(keys=()), "wap1.xml"))
    before = with_looks(service, wap1)
    async with watching(before, client=client) as watch:
        await looked(watch)
        assert watch.records[0].differing_since == NOW
        await watch.follow([replace(before, labels={"team": "identity"}) if nodes else with_looks(before)])
        assert watch.records[0].differing_since == (NOW if nodes else None)


CONTOSO = "contoso.com"


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({"domains": ("fabrikam.com", CONTOSO)}, True),
        ({"client_secret": Secret(text="another")}, True),
        ({"interval": 60.0}, True),
        ({"tenant": "fabrikam.onmicrosoft.com"}, False),
        ({"cloud": Cloud.CHINA}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_what_was_said_of_a_domain_stays_while_the_same_directory_is_asked(
    tmp_path: Path, client: fetch.Client, tenant: Tenant, changed: Mapping[str, Any], *, known: bool
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    before = target(published(tmp_path), entra=tenant.asking(CONTOSO, interval=3600))
    async with watching(before, client=client) as watch:
        await asked(watch)
        (answered,) = domains(watch)
        assert before.entra is not None
        after = replace(before, entra=replace(before.entra, **changed))
        await watch.follow([after])
        assert after.entra is not None
        assert [each.domain for each in domains(watch)] == list(after.entra.domains)
        assert domains(watch)[-1] == (answered if known else DomainRecord(CONTOSO))


async def test_what_was_said_of_a_domain_stays_when_the_documents_are_elsewhere_or_of_another_entity(
    tmp_path: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    before = target(published(tmp_path), entra=tenant.asking(CONTOSO, interval=3600), interval=3600)
    async with watching(before, client=client) as watch:
        await asked(watch)
        answered = domains(watch)
        await watch.follow([after := replace(before, entity_id="https://other.example/")])
        assert watch.records == (knowing(bare(after), domains=tuple(answered)),)
        await watch.follow([after := target(tmp_path / "elsewhere.xml", entra=before.entra)])
        assert watch.records == (knowing(bare(after), domains=tuple(answered)),)
        await watch.follow([replace(after, entra=None)])
        assert domains(watch) == []
        assert not any(name.startswith("ask") for name in watchers())


async def test_a_target_that_is_gone_vanishes_though_its_look_hangs(client: fetch.Client) -> None:
    silent = listening()
    gone = watched("gone", f"http://127.0.0.1:{silent.getsockname()[1]}/", module=Module(timeout=3600))
    async with watching(gone, client=client) as watch, asyncio.timeout(10):
        assert watchers() == {"watch gone service default"}
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
    """The tasks that look at targets and ask about domains, by name."""
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(("watch ", "ask "))}


# --- loops that end, and turns that fail


async def test_a_loop_that_has_ended_is_late_and_a_reload_begins_it_again(tmp_path: Path, client: fetch.Client) -> None:
    one, two = (target(published(tmp_path), name=name) for name in ("one", "two"))
    one = with_looks(one, at_node(one, "wap1", published(tmp_path)))
    async with watching(one, two, client=client) as watch:
        await looked(watch)
        known = watch.records[0].document
        (ended,) = (task for task in asyncio.all_tasks() if task.get_name() == "watch one wap1 default")
        ended.cancel()
        await until(ended.done)
        assert "watch one wap1 default" in watch.late
        goes_on = {task for task in asyncio.all_tasks() if task.get_name() == "watch two service default"}
        await watch.follow([one, two])
        assert watchers() == {"watch one service default", "watch one wap1 default", "watch two service default"}
        assert goes_on <= asyncio.all_tasks(), "who is watched is left alone"
        assert watch.records[0].document is known
        await looked(watch)
        await until(lambda: watch.late == [])


async def test_a_look_that_does_not_end_is_late_after_three_intervals(tmp_path: Path, client: fetch.Client) -> None:
    silent = listening()
    hanging = watched("hanging", f"http://127.0.0.1:{silent.getsockname()[1]}/", module=Module(timeout=3600))
    loop = asyncio.get_running_loop()
    began = loop.time()
    seldom = target(published(tmp_path), name="seldom", interval=3600)
    async with watching(looking(hanging, interval=0.1), seldom, client=client) as watch:
        assert watch.late == []
        await until(lambda: watch.late)
        assert loop.time() - began > 0.3
        assert watch.late == ["watch hanging service default"]
    silent.close()


async def test_an_inquiry_that_does_not_end_is_late_and_one_that_waits_as_it_was_told_is_not(
    client: fetch.Client, tenant: Tenant
) -> None:
    silent = listening()
    hanging = Entra(("contoso.com",), client_secret=Secret(text="x"), module=Module(timeout=3600), interval=0.02)
    hanging = replace(hanging, login_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
    tenant.directory.fail(CONTOSO, 429, retry_after="3600")
    nowhere = watched("patient", "file:///nowhere", interval=3600, entra=tenant.asking(CONTOSO, interval=0.02))
    async with watching(nowhere, replace(nowhere, name="hanging", entra=hanging), client=client) as watch:
        await until(lambda: watch.inquiry_failures[TrustReason.THROTTLED])
        await until(lambda: watch.late == ["ask hanging"])
    silent.close()


async def test_a_turn_that_fails_is_counted_by_its_target_logged_and_tried_again(
    tmp_path: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    def broken(*_: object, **__: object) -> None:
        if failing:
            raise MemoryError(SECRET)

    at, other = target(published(tmp_path)), target(published(tmp_path), name="other", interval=3600)
    async with watching(at, other, client=client) as watch:
        await looked(watch)
        monkeypatch.setattr("exporter.watch.log_probe", broken)
        await until(lambda: watch.restarts["fs"] > 1)
        failing = False
        await looked(watch, watch.records[0].first.probes + 2, "fs")
        assert set(watch.restarts) == {"fs"}
    told = [record for record in caplog.records if record.getMessage() == "watch of fs failed by a mistake of ours"]
    assert len(told) == watch.restarts["fs"]
    assert "in broken" in vars(told[0])["traceback"]
    assert SECRET not in vars(told[0])["traceback"]


async def test_a_turn_that_fails_is_tried_again_at_the_latest_after_five_minutes(
    tmp_path: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(target(published(tmp_path), interval=DAY.total_seconds()), client=client) as watch:

        async def broken(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr("exporter.rounds.Rounds.probe", broken)
        loop = asyncio.get_running_loop()
        await until(lambda: watch.restarts["fs"])
        now, time = loop.time(), loop.time
        # By the clock of the loop it is in time until the pause and three of its own intervals are over.
        monkeypatch.setattr(loop, "time", lambda: now + RETRY + 3 * DAY.total_seconds() - 60)
        early = watch.late
        monkeypatch.setattr(loop, "time", lambda: now + RETRY + 3 * DAY.total_seconds() + 1)
        late = watch.late
        monkeypatch.setattr(loop, "time", time)
        assert (early, late) == ([], ["watch fs service default"])


@pytest.mark.parametrize(("step", "told"), [("_continued", 1), ("_start", 1), ("_note", 0)])
async def test_a_step_of_a_reload_that_fails_costs_one_target_a_new_beginning_at_most(
    step: str, told: int, tmp_path: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = target(published(tmp_path), interval=60)
    async with watching(at, client=client) as watch:
        await until(lambda: watch.records[0].observation is not None)

        # Without a thread: once a comprehension has waited for one, Python 3.11 no longer tells what runs after it.
        async def broken(*_: object) -> Record:
            raise MemoryError

        with monkeypatch.context() as patched:
            patched.setattr(f"exporter.watch.Watch.{step}", broken)
            await watch.follow([replace(at, labels={"team": "identity"})])
        assert watch.restarts["fs"] == told
        await watch.follow([replace(at, labels={"team": "access"})])
        assert watch.restarts["fs"] == told
        await until(lambda: watch.records[0].observation is not None)
        assert watch.late == []


# --- the state file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def saved(at: Target, document: bytes, state: State) -> Record:
    """A record of a target with a good document, as an earlier run left it in the state."""
    seen = Observation(NOW - HOUR, None, "", {}, 200, None, read_document(document, ()))
    record = probed(bare(at), seen)
    state.load(at.name, at.url)
    state.keep(record)
    return record


async def test_what_an_earlier_run_saved_is_there_before_the_first_look(
    tmp_path: Path, file: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    at = target(tmp_path / "gone.xml")
    with kept_in(file, NOW) as state:
        before = saved(at, builders.saml_metadata(), state)
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, state=state) as watch:
            assert watch.records == (begun_anew(before, at, lately=NOTHING_YET),)
            assert lines(caplog) == []


async def test_a_certificate_that_could_be_read_once_is_known_after_a_restart_and_with_other_signers(
    tmp_path: Path, file: Path, client: fetch.Client
) -> None:
    at, clock = target(published(tmp_path, builders.saml_metadata(keys=[(Use.SIGNING, OLD)]))), Clock()
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, clock=clock, state=state) as watch:
            await looked(watch)
            published(tmp_path, builders.saml_metadata(keys=[(Use.SIGNING, builders.NOT_DER)]))
            clock.now += HOUR
            await looked_again(watch)
            known = watch.records
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, state=state) as watch:
            restored = watch.records
            await watch.follow([replace(at, policy=PolicySettings(signers=(NEW.der,)))])
            followed = watch.records
    for (record,) in (known, restored, followed):
        assert record.document is not None
        (entity,) = record.document.metadata.entities
        assert [each.certificate for each in entity.placed_keys.values()] == [OLD.certificate]
        assert all(each.unread for each in entity.placed_keys.values())
        assert record.history.entities[entity.entity_id].changes(Use.SIGNING) == {}


async def test_what_was_kept_is_what_the_records_say(
    tmp_path: Path, file: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    service = target(published(tmp_path, builders.adfs(OLD, signer=OLD)), entra=tenant.asking(CONTOSO, "fabrikam.com"))
    wap1 = at_node(service, "wap1", published(tmp_path, builders.adfs(OLD, NEW, signer=OLD), "wap1.xml"))
    targets = [with_looks(service, wap1), *(replace(service, name=f"fs-{nth}", entra=None) for nth in range(9))]
    clock = Clock()
    with kept_in(file, NOW) as state:
        async with watching(*targets, client=client, clock=clock, state=state) as watch:
            await looked(watch)
            published(tmp_path, builders.adfs(OLD, NEW, signer=OLD))
            clock.now += HOUR
            await looked_again(watch)
            await asked_again(watch)
    with kept_in(file, NOW) as state:
        held = [state.load(each.name, each.url) for each in targets]
    assert held == [saved_of(record) for record in watch.records]
    assert all(NEW.certificate.fingerprint in str(each and each.history.first_seen) for each in held)


async def test_what_looks_and_inquiries_found_is_handed_over_each_time_and_at_the_end(
    tmp_path: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    service = target(published(tmp_path), entra=tenant.asking(CONTOSO, interval=3600))
    service = with_looks(service, *(replace(service.look, node=f"wap{number}") for number in range(5)))
    notes = Notes()
    async with watching(service, client=client, state=notes) as watch:
        await looked(watch, 3)
        await asked(watch)
        await watch.stop()
        assert notes.kept[-1] is watch.records[0]

    def found(record: Record) -> int:
        """How many probes and inquiries the record knows of."""
        probes = sum(each.probes for each in record.looks)
        return probes + sum(each.inquiries for each in record.domains)

    counts = [found(record) for record in notes.kept]
    assert counts == sorted(counts), "what is older never replaces what is newer"
    assert set(counts) == set(range(found(watch.records[0]) + 1)), "none waits for another"


async def test_what_cannot_be_handed_over_costs_that_turn_and_goes_with_the_next(
    tmp_path: Path, client: fetch.Client
) -> None:
    class Broken(Notes):
        def keep(self, record: Record) -> None:
            super().keep(record)
            if len(self.kept) in {1, 3}:
                raise MemoryError

    notes = Broken()
    async with watching(target(published(tmp_path)), client=client, state=notes) as watch:
        await looked(watch, 4)
        assert watch.restarts == {"fs": 2}
        assert notes.kept[3].first.probes > notes.kept[2].first.probes


async def test_what_an_earlier_run_saw_while_its_clock_was_ahead_is_put_right_in_memory_and_in_the_file(
    tmp_path: Path, file: Path, client: fetch.Client, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    at = target(published(tmp_path, builders.adfs(OLD, signer=OLD)), entra=tenant.asking(CONTOSO, interval=3600))
    node = at_node(at, "wap1", published(tmp_path, builders.adfs(OLD, signer=OLD), "wap1.xml"))
    at = with_looks(at, node)
    clock = Clock()
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, clock=clock, state=state) as watch:
            await looked(watch)
            clock.now += 365 * DAY
            await looked_again(watch)
            published(tmp_path, builders.adfs(OLD, NEW, signer=OLD))
            await looked_again(watch)
            await asked(watch, 2)
            assert max(at for _, at in moments(watch.records[0])) == clock.now
    caplog.clear()
    clock.now = NOW + HOUR
    with kept_in(file, NOW) as state:
        ahead = state.load(at.name, at.url)
        assert ahead is not None
        assert max(at for _, at in moments(ahead)) > clock.now
        async with watching(at, client=client, clock=clock, state=state) as watch:
            assert [path for path, at in moments(watch.records) if at > clock.now] == []
            assert watch.records[0].history.first_seen != ahead.history.first_seen
    with kept_in(file, NOW) as state:
        held = state.load(at.name, at.url)
    assert held is not None
    assert [path for path, at in moments(held) if at > clock.now] == []
    assert not any("changed" in line[1] for line in lines(caplog))


async def test_a_clock_that_comes_back_while_it_is_watched_leaves_no_time_ahead(
    tmp_path: Path, client: fetch.Client, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    entity_id = f"http://{HOST}/adfs/services/trust"
    at = target(published(tmp_path, builders.adfs(OLD, signer=OLD)), entra=tenant.asking(CONTOSO, interval=3600))
    clock = Clock()
    async with watching(at, client=client, clock=clock) as watch:
        await looked(watch)
        clock.now += 365 * DAY
        await looked_again(watch)
        published(tmp_path, builders.adfs(OLD, NEW, signer=OLD))
        await asked(watch, 2)
        await looked_again(watch)
        caplog.clear()
        clock.now = NOW + HOUR
        await looked_again(watch)
        (record,) = watch.records
    assert [path for path, at in moments(record) if at > clock.now] == []
    assert record.history.first_seen[entity_id][NEW.certificate.fingerprint] == clock.now
    assert lines(caplog) == []


async def test_what_an_earlier_run_was_told_and_that_nodes_differ_is_there_before_the_first_look(
    tmp_path: Path, file: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    entra = tenant.asking(CONTOSO, "fabrikam.com", interval=3600)
    alone = target(published(tmp_path), interval=3600, entra=entra)
    wap1 = at_node(alone, "wap1", published(tmp_path, builders.saml_metadata(keys=()), "wap1.xml"))
    at = with_looks(alone, wap1)
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, state=state) as watch:
            await looked(watch)
            await asked(watch)
            (known,) = watch.records
    tenant.directory.revoke()
    assert all(each.trust is not None for each in known.domains)
    answers = tuple(DomainRecord(each.domain, trust=each.trust, last_success=NOW) for each in known.domains)
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, state=state) as watch:
            (record,) = watch.records
            assert record.document is not None
            assert (record.domains, record.differing_since, record.looks[1]) == (answers, NOW, LookRecord(wap1))
    with kept_in(file, NOW) as state:
        async with watching(alone, client=client, state=state) as watch:
            assert (watch.records[0].domains, watch.records[0].differing_since) == (answers, None)


async def test_what_an_earlier_run_was_told_is_there_though_it_read_no_document(
    tmp_path: Path, file: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    gone = target(tmp_path / "gone.xml", entra=tenant.asking(CONTOSO, interval=3600))
    with kept_in(file, NOW) as state:
        async with watching(gone, client=client, state=state) as watch:
            await asked(watch)
            (answered,) = domains(watch)
    assert answered.trust is not None
    moved = looking(gone, url=published(tmp_path).as_uri())
    with kept_in(file, NOW) as state:
        async with watching(moved, client=client, state=state) as watch:
            assert watch.records == (
                knowing(bare(moved), domains=(DomainRecord(CONTOSO, trust=answered.trust, last_success=NOW),)),
            )


async def test_what_was_told_already_is_newer_than_what_the_file_holds(
    tmp_path: Path, client: fetch.Client, tenant: Tenant
) -> None:
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    before = target(published(tmp_path), entra=tenant.asking(CONTOSO, interval=3600))

    class Older(Notes):
        def load(self, name: str, url: str) -> Saved | None:
            return saved_of(replace(known, target=looking(replace(before, name=name), url=url)))

    known = bare(before)
    async with watching(before, client=client, state=Older()) as watch:
        await asked(watch)
        (answered,) = domains(watch)
        assert answered.trust is not None
        revoked = replace(answered.trust, certificates={})
        known = knowing(bare(before), domains=(replace(answered, trust=revoked, last_success=NOW - DAY),))
        await watch.follow([target(tmp_path / "elsewhere.xml", entra=before.entra)])
        assert domains(watch) == [answered]


async def test_of_another_entity_nothing_is_left_in_the_file(tmp_path: Path, file: Path, client: fetch.Client) -> None:
    before = target(published(tmp_path))
    other = "https://other.example/"
    with kept_in(file, NOW) as state:
        async with watching(before, client=client, state=state) as watch:
            await looked(watch)
            await watch.follow([replace(before, entity_id=other)])
            published(tmp_path, builders.saml_metadata(other))
            await until(lambda: watch.records[0].document)
    with kept_in(file, NOW) as state:
        held = state.load(before.name, before.url)
    assert held is not None
    assert set(held.history.entities) == {other}


@pytest.mark.parametrize("packed", [zlib.compress(b"<feed/>"), b"not even packed"])
async def test_a_saved_document_that_cannot_be_used_any_more_is_told_and_its_history_stays(
    tmp_path: Path, file: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture, packed: bytes
) -> None:
    at = target(published(tmp_path))
    with kept_in(file, NOW) as state:
        record = saved(at, builders.saml_metadata(), state)
        assert record.document is not None
        state.keep(knowing(record, document=replace(record.document, packed=packed)))
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, state=state) as watch:
            assert watch.records == (knowing(bare(at), history=record.history),)
            assert lines(caplog, "target") == [("WARNING", "saved document not used", "fs")]
            await looked(watch)
            assert watch.records[0].document is not None
    with kept_in(file, NOW) as state:
        held = state.load(at.name, at.url)
    assert held is not None
    assert held.history.first_seen == record.history.first_seen, "it was seen an hour ago"
    assert held.packed not in {None, packed}


async def test_a_state_file_that_cannot_be_had_costs_what_it_would_hold_and_nothing_else(
    tmp_path: Path, client: fetch.Client, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "no folder").touch()
    state = open_state(tmp_path / "no folder" / "state.sqlite", Clock())
    async with watching(target(published(tmp_path)), client=client, state=state) as watch:
        await looked(watch, 2)
        assert watch.records[0].document is not None
        assert not watch.restarts
        assert state.status.waiting == 1
    assert state.close(0) == ("fs",)
    assert [line for line in lines(caplog) if line[0] != "INFO"] == [
        ("ERROR", "state not kept"),
        ("ERROR", "state not saved at the end"),
    ]


# --- a state file that comes late, or cannot be brought back at once


async def test_what_a_file_holds_that_could_be_opened_only_late_is_joined_to_what_was_seen_since(
    tmp_path: Path, file: Path, client: fetch.Client, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.state.writer.REOPEN", 0.01)
    entity_id = f"http://{HOST}/adfs/services/trust"
    old, new = OLD.certificate.fingerprint, NEW.certificate.fingerprint
    document = published(tmp_path, builders.adfs(OLD, signer=OLD))
    tenant.directory.federate(CONTOSO, signing=OLD.der, service=HOST)
    at = target(document, entra=tenant.asking(CONTOSO, "fabrikam.com"))
    unseen = target(tmp_path / "gone.xml", name="unseen")
    clock = Clock()
    holder = open_state(file, Clock())
    async with watching(at, client=client, clock=clock, state=holder) as watch:
        await looked(watch)
        await asked(watch)
        answered = domains(watch)
    before = saved(unseen, builders.saml_metadata(), holder)
    state = open_state(file, clock)
    # Between the looks of the two there is no gap.
    clock.now += SECOND
    tenant.directory.fail(CONTOSO, 500)
    published(tmp_path, builders.adfs(OLD, NEW, signer=OLD))
    async with watching(at, unseen, client=client, clock=clock, state=state) as watch:
        await looked(watch, 2)
        await asked(watch, 2)
        seen = watch.records[0].history.first_seen[entity_id]
        assert (seen[old], seen[new]) == (clock.now, clock.now)
        assert watch.records[1].document is None
        assert holder.close(10) == ()
        await until(lambda: watch.records[1].document)
        await looked_again(watch)
        record, restored_record = watch.records
        assert state.status.writable
        assert not watch.restarts
    seen = record.history.first_seen[entity_id]
    assert (seen[old], seen[new]) == (NOW, clock.now)
    (changes,) = {
        tuple(each.changes.items())
        for (role, use), each in record.history.entities[entity_id].key_sets.items()
        if (role, use) in {(Role.IDP, Use.SIGNING), (Role.SP, Use.SIGNING)}
    }
    assert changes == ((Change.UNEXPECTED, clock.now),)
    contoso, fabrikam = record.domains
    assert contoso.trust == answered[0].trust
    assert (contoso.last_success, fabrikam.last_success) == (NOW, clock.now)
    assert restored_record.history == before.history
    assert state.close(10) == ()
    with kept_in(file, NOW) as state:
        assert state.load(at.name, at.url) == saved_of(record)
        assert state.load(unseen.name, unseen.url) == saved_of(before)


async def test_what_a_file_holds_that_is_opened_late_by_a_watch_that_ends_stays_in_it(
    tmp_path: Path, file: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.state.writer.REOPEN", 0.01)
    at = target(published(tmp_path, builders.saml_metadata(keys=[(Use.SIGNING, NEW)])))
    reading, gate = threading.Event(), threading.Event()

    def slowly(*about: *About) -> Record:
        reading.set()
        assert gate.wait(10)
        return restored(*about)

    monkeypatch.setattr("exporter.watch.restored", slowly)
    holder = open_state(file, Clock())
    before = saved(at, builders.saml_metadata(), holder)
    state = open_state(file, Clock())
    async with watching(at, client=client, state=state) as watch:
        await looked(watch)
        assert holder.close(10) == ()
        await until(reading.is_set)
        await watch.stop()
        gate.set()
    assert state.close(10) == ()
    with kept_in(file, NOW) as state:
        assert state.load(at.name, at.url) == saved_of(before)


async def test_a_file_that_can_be_opened_while_a_reload_is_under_way_is_joined_too(
    tmp_path: Path, file: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.state.writer.REOPEN", 0.01)
    begun, gate = threading.Event(), threading.Event()

    def slowly(after: Target, before: Record) -> Record:
        begun.set()
        assert gate.wait(10)
        return continued(after, before)

    monkeypatch.setattr("exporter.watch.continued", slowly)
    at = target(published(tmp_path, builders.saml_metadata(keys=[(Use.SIGNING, NEW)])))
    holder = open_state(file, Clock())
    before = saved(at, builders.saml_metadata(keys=[(Use.SIGNING, OLD)]), holder)
    state = open_state(file, Clock())
    async with watching(at, client=client, state=state) as watch:
        await looked(watch)
        following = asyncio.create_task(watch.follow([replace(at, labels={"team": "identity"})]))
        await until(begun.is_set)
        assert holder.close(10) == ()
        await until(lambda: state.status.writable)
        gate.set()
        await following
        await looked(watch, 2)
    assert state.close(10) == ()
    first_seen = {OLD.certificate.fingerprint: before.last_success, NEW.certificate.fingerprint: NOW}
    assert watch.records[0].history.first_seen[ENTITY_ID] == first_seen
    with kept_in(file, NOW) as state:
        held = state.load(at.name, at.url)
    assert held is not None
    assert held.history.first_seen[ENTITY_ID] == first_seen


async def test_what_was_seen_of_a_target_that_is_not_whole_stays_when_its_configuration_changes(
    tmp_path: Path, file: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = True

    def short_of_memory(*about: *About) -> Record:
        if failing:
            raise MemoryError
        return restored(*about)

    monkeypatch.setattr("exporter.watch.restored", short_of_memory)
    document = published(tmp_path, builders.saml_metadata(keys=[(Use.SIGNING, NEW)]))
    at = target(document)
    clock = Clock()
    with kept_in(file, NOW) as state:
        before = saved(at, builders.saml_metadata(keys=[(Use.SIGNING, OLD)]), state)
        async with watching(at, client=client, clock=clock, state=state) as watch:
            await looked(watch)
            clock.now += HOUR
            await watch.follow([replace(at, labels={"team": "identity"})])
            assert watch.records[0].document is not None
            failing = False
            await looked(watch)
    first_seen = {OLD.certificate.fingerprint: before.last_success, NEW.certificate.fingerprint: NOW}
    assert watch.records[0].history.first_seen[ENTITY_ID] == first_seen


async def test_a_target_that_cannot_be_brought_back_is_watched_and_saved_only_when_it_is_whole(
    tmp_path: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    def short_of_memory(*about: *About) -> Record:
        if failing:
            raise MemoryError
        return restored(*about)

    class Remembering(Notes):
        def load(self, name: str, url: str) -> Saved | None:
            return memory.load(name, url)

    memory, notes = open_state(None, Clock()), Remembering()
    at = target(published(tmp_path, builders.saml_metadata(keys=[(Use.SIGNING, NEW)])))
    before = saved(at, builders.saml_metadata(keys=[(Use.SIGNING, OLD)]), memory)
    other = target(published(tmp_path, name="other.xml"), name="other")
    monkeypatch.setattr("exporter.watch.restored", short_of_memory)
    async with watching(at, other, client=client, state=notes) as watch:
        assert watch.restarts == {"fs": 1}
        assert ("ERROR", "watch of fs failed by a mistake of ours") in lines(caplog)
        await looked(watch, 2)
        assert watch.records[0].history.first_seen.keys() == {ENTITY_ID}
        assert {record.target.name for record in notes.kept} == {"other"}, "it would replace what the file holds"
        failing = False
        await until(lambda: any(record.target == at for record in notes.kept))
    first_seen = watch.records[0].history.first_seen[ENTITY_ID]
    assert first_seen == {
        OLD.certificate.fingerprint: before.last_success,
        NEW.certificate.fingerprint: NOW,
    }
    assert all(
        OLD.certificate.fingerprint in record.history.first_seen[ENTITY_ID]
        for record in notes.kept
        if record.target == at
    )


async def test_a_target_that_was_not_brought_back_once_is_whole_with_its_next_look(
    tmp_path: Path, file: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [MemoryError()]

    def once(*about: *About) -> Record:
        if errors:
            raise errors.pop()
        return restored(*about)

    at = target(tmp_path / "gone.xml")
    with kept_in(file, NOW) as state:
        before = saved(at, builders.saml_metadata(), state)
    monkeypatch.setattr("exporter.watch.restored", once)
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, state=state) as watch:
            assert watch.records == (bare(at),)
            await looked(watch)
            assert watch.records[0].document == before.document
            assert watch.records[0].history == before.history
            assert watch.restarts == {"fs": 1}


async def test_where_the_latest_record_cannot_go_on_the_last_good_one_comes_from_the_state(
    tmp_path: Path, file: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Record:
        raise RecursionError

    monkeypatch.setattr("exporter.watch.continued", broken)
    at = target(published(tmp_path), interval=3600)
    with kept_in(file, NOW) as state:
        async with watching(at, client=client, state=state) as watch:
            await looked(watch)
            (known,) = watch.records
            await watch.follow([changed := replace(at, labels={"team": "identity"})])
            (record,) = watch.records
            assert record == begun_anew(known, changed, lately=NOTHING_YET)
            assert watch.restarts == {"fs": 1}
            await looked(watch)


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
    tmp_path: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, begun, gate = published(tmp_path), threading.Event(), threading.Event()
    stays, new = target(file, name="stays"), target(file, name="new", interval=3600)
    state = open_state(None, Clock())
    saved(new, builders.saml_metadata(), state)

    def slowly(*about: *About) -> Record:
        begun.set()
        assert gate.wait(10)
        return restored(*about)

    monkeypatch.setattr("exporter.watch.restored", slowly)
    async with watching(stays, client=client, state=state) as watch:
        await looked(watch)
        following = asyncio.create_task(watch.follow([stays, new]))
        await until(begun.is_set)
        await looked(watch, watch.records[0].first.probes + 3)
        seen = watch.records[0].first.probes
        assert not following.done()
        gate.set()
        await following
        assert watch.records[0].first.probes >= seen
        assert [record.target.name for record in watch.records] == ["stays", "new"]
