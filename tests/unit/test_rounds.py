"""One round for the watch and for ``check``: what looks and inquiries change, what they cost, and never raise."""

import asyncio
import gc
import gzip
import logging
import socket
import weakref
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import builders
import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult
from builders import HOUR, NOW, SECOND, knowing, looking, watched, with_looks
from federation import Federation, Names, free_port
from waiting import until

from exporter import entra as entra_id
from exporter import fetch, rounds
from exporter.config.settings import Entra, Module, Secret, Target, Tls, TrustSource
from exporter.demo.documents import KeyPair
from exporter.demo.graph import Directory
from exporter.fetch import FREE
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason
from exporter.mistakes import admitted, log_mistake
from exporter.model import NO_VALIDATORS, Observation, Reason, Use, Validators
from exporter.policy import PolicySettings
from exporter.probe import read_document
from exporter.record import LookRecord, Record, advance, bare, joined, resumed
from exporter.rounds import (
    INQUIRIES,
    PROBES,
    Answered,
    Latest,
    Rounds,
    ask,
    probe_first,
)

T = TypeVar("T")

ENTITY_ID = builders.ENTITY_ID
SIGNER, NEW = builders.pair(key="rsa"), builders.pair(nth=1)


@pytest.fixture
async def client() -> AsyncIterator[fetch.Client]:
    async with fetch.client() as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.xml"
    path.write_bytes(builders.saml_metadata())
    return path


def publish(file: Path, body: bytes) -> None:
    file.write_bytes(body)


def at(file: Path, **fields: object) -> Target:
    return watched("target", file.as_uri(), **fields)


def signed_by(*signers: KeyPair) -> PolicySettings:
    return PolicySettings(signers=tuple(each.der for each in signers))


def clock() -> datetime:
    return NOW


# A look


class Publisher:
    """Answers with the headers of its script, one after the other, and keeps what it was asked by."""

    def __init__(self, *script: tuple[int, dict[str, str]]) -> None:
        self.script = iter(script)
        self.asked: list[Validators] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(Validators(request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")))
        status, headers = next(self.script)
        return web.Response(status=status, headers=headers, body=builders.saml_metadata() if status == 200 else None)


async def test_a_look_asks_by_what_the_last_good_answer_said_and_not_by_what_came_with_the_bytes(
    federation: Federation,
) -> None:
    publisher = Publisher(
        (200, {"ETag": '"1"', "Last-Modified": "now"}),
        (200, {"ETag": '"2"', "Last-Modified": "later"}),
        (304, {}),
        (304, {"ETag": '"3"'}),
        (503, {"ETag": '"4"'}),
        (200, {}),
        (200, {"ETag": '"5"'}),
        (200, {}),
    )
    record = bare(watched("target", federation.at("http://idp.example.org/", publisher)))
    async with fetch.client(resolver=federation.names) as client:
        first = record = await probe_first(record, client=client, now=NOW)
        for _ in range(6):
            record = await probe_first(record, client=client, now=NOW)
            assert record.document is first.document, "the same bytes are the same document"
        signers = replace(record.target, policy=signed_by(SIGNER))
        again = await probe_first(replace(record, target=signers), client=client, now=NOW)

    assert publisher.asked == [
        NO_VALIDATORS,
        Validators('"1"', "now"),
        Validators('"2"', "later"),
        Validators('"2"', "later"),
        Validators('"3"', "later"),
        Validators('"3"', "later"),
        NO_VALIDATORS,
        NO_VALIDATORS,
    ]
    assert record.validators == Validators('"5"')
    assert again.validators == record.validators, "a look that failed says nothing about the document"


async def test_a_node_is_looked_at_where_it_is_and_by_the_name_of_its_service(federation: Federation) -> None:
    url = federation.serve("https://idp.example.org/", builders.saml_metadata())
    address = f"127.0.0.1:{federation.names.ports['*', 443]}"
    federation.names.ports["idp.example.org"] = free_port()
    service = watched("target", url, module=Module(tls=Tls(ca_file=federation.ca_file)))
    async with fetch.client(resolver=federation.names) as client:
        own = await probe_first(bare(service), client=client, now=NOW)
        node = await probe_first(bare(looking(service, node="wap1", address=address)), client=client, now=NOW)

    assert own.observation is not None
    assert own.observation.reason is Reason.REFUSED
    assert node.document is not None


@pytest.mark.parametrize(
    ("configured", "of_service", "reason"),
    [
        (None, ENTITY_ID, None),
        (None, "other", Reason.ENTITY_MISMATCH),
        (None, None, None),
        (ENTITY_ID, None, None),
        ("other", None, Reason.ENTITY_MISMATCH),
    ],
)
async def test_a_node_must_serve_the_document_of_the_entity_that_the_service_is_about(
    configured: str | None, of_service: str | None, reason: Reason | None, file: Path, client: fetch.Client
) -> None:
    service = at(file, entity_id=configured)
    wap1 = replace(service.look, node="wap1")
    document = read_document(builders.saml_metadata(of_service), ()) if of_service else None
    latest = Latest(knowing(bare(with_looks(service, wap1)), document=document))

    probed = await Rounds(client, clock).probe(latest, wap1)

    observation = probed.look[1].observation
    assert observation is not None
    assert observation.reason is reason


async def test_a_node_must_go_on_serving_the_entity_that_it_served_before_the_service_could_be_read(
    file: Path, client: fetch.Client
) -> None:
    service = at(file)
    wap1 = replace(service.look, node="wap1")
    latest = Latest(bare(with_looks(service, wap1)))
    several = Rounds(client, clock)

    await several.probe(latest, wap1)
    again = await several.probe(latest, wap1)
    publish(file, builders.saml_metadata("other"))
    other = await several.probe(latest, wap1)

    assert [each.observation and each.observation.reason for each in again.look] == [None, None]
    assert other.look[1].observation is not None
    assert other.look[1].observation.reason is Reason.ENTITY_MISMATCH


# An inquiry


TENANT, CLIENT_ID, STEM = "contoso.onmicrosoft.com", "exporter", "correct.horse.battery"


@pytest.fixture
async def directory(federation: Federation) -> Directory:
    """A tenant behind ``https://login.example.org``, and ``https://graph.example.org``."""
    directory = Directory(tenant=TENANT, client_id=CLIENT_ID, client_secret=STEM)
    app = web.Application()
    directory.add_to(app)
    await federation.host(app, "login.example.org", "graph.example.org")
    return directory


@pytest.fixture
def entra(federation: Federation) -> Entra:
    return Entra(
        domains=("contoso.com",),
        tenant=TENANT,
        client_id=CLIENT_ID,
        client_secret=Secret(text=STEM),
        module=Module(tls=Tls(ca_file=federation.ca_file)),
        login_url="https://login.example.org",
        graph_url="https://graph.example.org",
    )


async def test_an_inquiry_gives_the_answer(federation: Federation, directory: Directory, entra: Entra) -> None:
    directory.federate("contoso.com", signing=SIGNER.der, service="fs.example")
    async with fetch.client(resolver=federation.names) as client:
        inquiry = await ask(entra, "contoso.com", client=client, now=NOW)

    slots = {Slot.SIGNING: SIGNER.certificate}
    answer = DomainTrust(TrustSource.GRAPH, federated=True, certificates=slots, service="fs.example")
    assert inquiry == Inquiry(NOW, None, "", answer)


async def test_an_inquiry_that_fails_says_why_and_for_how_long_nobody_is_to_ask(
    federation: Federation, directory: Directory, entra: Entra
) -> None:
    directory.fail("contoso.com", 429, retry_after="17")
    async with fetch.client(resolver=federation.names) as client:
        throttled = await ask(entra, "contoso.com", client=client, now=NOW)
        directory.fail("contoso.com", 403)
        forbidden = await ask(entra, "contoso.com", client=client, now=NOW)

    assert (throttled.at, throttled.reason, throttled.trust) == (NOW, TrustReason.THROTTLED, None)
    assert throttled.retry_after == 17
    assert "429" in throttled.detail
    assert (forbidden.reason, forbidden.retry_after) == (TrustReason.PERMISSION, None)


# Mistakes of ours


def mistake() -> float:
    """Breaks as code does that stumbles over a secret and quotes it."""
    try:
        return float(STEM)
    except ValueError as error:
        raise LookupError(f"not there: {STEM}") from error


async def test_a_mistake_of_ours_is_logged_with_its_traceback_and_costs_this_look_alone(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with fetch.client(clock=mistake) as client:
        seen = (await probe_first(bare(at(file)), client=client, now=NOW)).observation

    assert seen is not None
    assert (seen.reason, seen.document) == (Reason.INTERNAL, None)
    assert seen.detail == "a mistake of ours (LookupError): the log has the traceback"
    assert_told("probe of target failed by a mistake of ours", caplog)


async def test_a_mistake_of_ours_is_logged_with_its_traceback_and_costs_this_inquiry_alone(
    entra: Entra, caplog: pytest.LogCaptureFixture
) -> None:
    async with fetch.client(clock=mistake) as client:
        inquiry = await ask(entra, "contoso.com", client=client, now=NOW)

    detail = "a mistake of ours (LookupError): the log has the traceback"
    assert inquiry == Inquiry(NOW, TrustReason.INTERNAL, detail, trust=None)
    assert_told("inquiry about contoso.com failed by a mistake of ours", caplog)


def assert_told(sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells where it was, and what was behind it, in no words but ours."""
    (line,) = caplog.records
    assert (line.levelno, line.getMessage(), line.exc_info) == (logging.ERROR, sentence, None)
    places = vars(line)["traceback"].splitlines()
    assert [each for each in places if not each.startswith(" ")] == ["LookupError", "ValueError"]
    assert sum("in mistake" in each for each in places) == 2
    assert not any(STEM in each for each in places)


async def test_a_cancelled_inquiry_is_cancelled(federation: Federation, entra: Entra) -> None:
    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(60)
        raise web.HTTPGone

    asked = asyncio.Event()
    federation.at(f"https://login.example.org/{TENANT}/oauth2/v2.0/token", wait)
    async with fetch.client(resolver=federation.names) as client:
        asking = asyncio.create_task(ask(entra, "contoso.com", client=client, now=NOW))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


def test_what_is_behind_a_mistake_is_told_without_a_word_of_it(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LookupError) as raised:
        mistake()
    log_mistake("this", raised.value)
    assert STEM not in admitted(raised.value)
    assert_told("this failed by a mistake of ours", caplog)


@pytest.mark.parametrize("step", ["advance", "remembered"])
async def test_what_cannot_be_kept_costs_the_probe_and_the_target_keeps_what_it_had(
    step: str, file: Path, client: fetch.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(look: LookRecord, observation: Observation) -> LookRecord:
        if observation.reason is None:
            raise RecursionError
        return advance(look, observation)

    def forgetful(*_: object) -> None:
        raise RecursionError

    known = await probe_first(bare(at(file)), client=client, now=NOW)
    monkeypatch.setattr(rounds, step, {"advance": broken, "remembered": forgetful}[step])
    after = await probe_first(known, client=client, now=NOW + HOUR)

    assert after.observation is not None
    assert (after.observation.reason, after.first.probes, after.first.failures) == (Reason.INTERNAL, 2, 1)
    assert after.observation.detail == "a mistake of ours (RecursionError): the log has the traceback"
    assert (after.document, after.history, after.last_success) == (known.document, known.history, NOW)
    assert [line.getMessage() for line in caplog.records] == ["probe of target failed by a mistake of ours"]


# Many at once


class SomeHang(Names):
    """A resolver that never gives the addresses of some names."""

    def __init__(self, known: Names) -> None:
        super().__init__()
        self.ports = known.ports
        self.waiting = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host.startswith("hangs"):
            self.waiting += 1
            await asyncio.Event().wait()
        return await super().resolve(host, port, family)


async def test_a_name_that_hangs_holds_no_slot(federation: Federation) -> None:
    url = federation.serve("http://idp.example.org/", builders.saml_metadata())
    names = SomeHang(federation.names)
    hanging = [
        watched(f"{nth}", f"http://hangs{nth}.example.org/", module=Module(timeout=60)) for nth in range(2 * PROBES)
    ]
    async with fetch.client(resolver=names) as client:
        several = Rounds(client, clock)
        under_way = [asyncio.create_task(several.probe(Latest(bare(each)), each.look)) for each in hanging]
        await until(lambda: names.waiting == len(hanging))
        target = watched("target", url)
        async with asyncio.timeout(10):
            probed = await several.probe(latest := Latest(bare(target)), target.look)
        assert probed.record[1] is latest.record
        assert latest.record.document is not None
        assert several.lag.count == 1
        await ended(under_way)


async def test_a_name_that_hangs_costs_its_own_look_no_more_than_its_timeout(federation: Federation) -> None:
    target = watched("target", "http://hangs.example.org/", module=Module(timeout=0.05))
    async with fetch.client(resolver=SomeHang(federation.names)) as client:
        probed = await Rounds(client, clock).probe(Latest(bare(target)), target.look)

    observation = probed.look[1].observation
    assert observation is not None
    assert (observation.reason, observation.document) == (Reason.TIMEOUT, None)


async def ended(tasks: Collection[asyncio.Task[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@dataclass
class Gate:
    """Answers only when it is opened, and counts who waits."""

    body: bytes = b""
    status: int = 200
    waiting: int = 0
    most: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: web.BaseRequest) -> web.StreamResponse:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.opened.wait()
        self.waiting -= 1
        return web.Response(status=self.status, body=self.body)


async def test_no_more_looks_and_no_more_inquiries_are_under_way_than_they_have_slots_and_neither_takes_the_others(
    federation: Federation, entra: Entra
) -> None:
    looks, inquiries = Gate(builders.saml_metadata()), Gate(status=503)
    url = federation.at("http://idp.example.org/", looks)
    federation.at(f"https://login.example.org/{TENANT}/oauth2/v2.0/token", inquiries)
    targets = [watched(f"{nth}", url, module=Module(timeout=60)) for nth in range(PROBES + 5)]
    # Each has a token of its own to ask for.
    tenants = [replace(entra, client_id=f"{nth}", module=replace(entra.module, timeout=60)) for nth in range(20)]
    async with fetch.client(resolver=federation.names) as client:
        several = Rounds(client, clock)

        async def asking(entra: Entra) -> list[Answered]:
            record = bare(watched("asking", "file:///nowhere", entra=entra))
            return [each async for each in several.ask(Latest(record), entra)]

        rounds_of_inquiries = [asyncio.create_task(asking(each)) for each in tenants]
        await until(lambda: inquiries.waiting == INQUIRIES)
        under_way = [asyncio.create_task(several.probe(Latest(bare(each)), each.look)) for each in targets]
        await until(lambda: looks.waiting == PROBES)
        assert several.lag.count == PROBES
        inquiries.opened.set()
        answers = await asyncio.gather(*rounds_of_inquiries)
        assert looks.waiting == PROBES, "the answers came though every slot for looks is taken"
        looks.opened.set()
        probed = await asyncio.gather(*under_way)

    assert [each.inquiry.reason for (each,) in answers] == [TrustReason.SERVER] * len(tenants)
    assert all(each.record[1].document for each in probed)
    assert (looks.most, inquiries.most, several.lag.count) == (PROBES, INQUIRIES, len(targets))


async def test_how_long_a_look_that_was_due_waits_for_a_slot_is_counted_without_the_look_up_of_its_name(
    file: Path, client: fetch.Client
) -> None:
    now = NOW

    def later() -> datetime:
        nonlocal now
        now += SECOND
        return now

    several = Rounds(client, later)
    await several.probe(Latest(bare(at(file))), at(file).look)
    assert (several.lag.count, several.lag.seconds) == (1, 1.0)


def of_size(size: int) -> bytes:
    """A good document of at least so many bytes."""
    return builders.saml_metadata() + b"<!--" + b" " * size + b"-->"


@pytest.mark.parametrize("packed", [False, True], ids=["its size is known ahead", "its size is not known ahead"])
async def test_looks_at_large_documents_wait_for_room_without_a_slot_and_all_get_their_document(
    federation: Federation, *, packed: bool
) -> None:
    asked = 0
    body = gzip.compress(of_size(2 * FREE)) if packed else of_size(2 * FREE)

    async def large(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.Response(body=body, headers={"Content-Encoding": "gzip"} if packed else {})

    url = federation.at("https://idp.example.org/large", large)
    module = Module(timeout=60, tls=Tls(ca_file=federation.ca_file), body_size_limit=4 * FREE)
    small = watched("small", federation.serve("https://idp.example.org/small", builders.saml_metadata()), module=module)
    targets = [watched(f"{nth}", url, module=module) for nth in range(PROBES + 5)]
    budget = fetch.Budget(3 * FREE)
    async with fetch.client(resolver=federation.names, budget=budget) as client:
        several = Rounds(client, clock)
        with budget.share() as taken:
            taken.grow(2 * FREE)
            under_way = [asyncio.create_task(several.probe(Latest(bare(each)), each.look)) for each in targets]
            await until(lambda: several.lag.count == asked == len(targets) and budget.turn.locked())
            seen = await several.probe(Latest(bare(small)), small.look)
            assert seen.record[1].document, "who is small waits for nobody"
        probed = await asyncio.gather(*under_way)

    assert all(each.record[1].document for each in probed)
    assert asked == several.lag.count - 1 == 2 * len(targets), "each has asked once more when there was room"
    assert budget.held == 0


class Piece:
    """Some of a document that has come."""


async def test_who_waits_for_room_has_nothing_in_hand_of_what_has_come(
    monkeypatch: pytest.MonkeyPatch, client: fetch.Client
) -> None:
    pieces: list[weakref.ref[Piece]] = []

    async def comes(*_: object, room: Callable[[int], None], **__: object) -> None:
        piece = Piece()
        pieces.append(weakref.ref(piece))
        room(FREE + 1)

    monkeypatch.setattr(fetch, "fetch", comes)
    target = watched("target", "file:///metadata.xml")
    collects = gc.isenabled()
    gc.disable()
    try:
        with client.budget.share() as taken:
            taken.grow(fetch.BUDGET)
            with pytest.raises(fetch.CrowdedError):
                await probe_first(bare(target), client=client, now=NOW)
            under_way = asyncio.create_task(Rounds(client, clock).probe(Latest(bare(target)), target.look))
            await until(client.budget.turn.locked)
            assert [each() for each in pieces] == [None, None]
            under_way.cancel()
            with pytest.raises(asyncio.CancelledError):
                await under_way
    finally:
        if collects:
            gc.enable()


async def test_a_large_file_waits_for_room_too(tmp_path: Path) -> None:
    (path := tmp_path / "large.xml").write_bytes(of_size(FREE))
    budget = fetch.Budget(FREE)
    async with fetch.client(budget=budget) as client:
        several, latest = Rounds(client, clock), Latest(bare(at(path)))
        with budget.share() as taken:
            taken.grow(FREE + 1)
            under_way = asyncio.create_task(several.probe(latest, latest.record.target.look))
            await until(budget.turn.locked)
        probed = await under_way
    assert probed.record[1].document


async def test_one_probe_alone_does_not_wait_for_room_but_says_so(tmp_path: Path) -> None:
    (path := tmp_path / "large.xml").write_bytes(of_size(FREE))
    async with fetch.client(budget=fetch.Budget(FREE)) as client:
        with client.budget.share() as taken:
            taken.grow(FREE + 1)
            with pytest.raises(fetch.CrowdedError):
                await probe_first(bare(at(path)), client=client, now=NOW)
        assert (await probe_first(bare(at(path)), client=client, now=NOW)).document
        assert client.budget.held == 0


# What a look and an inquiry change


async def test_a_probe_changes_the_record_of_its_look_and_of_the_target(file: Path, client: fetch.Client) -> None:
    service = at(file)
    wap1 = replace(service.look, node="wap1")
    latest = Latest(before := bare(with_looks(service, wap1)))
    several = Rounds(client, clock)

    own = await several.probe(latest, service.look)
    node = await several.probe(latest, wap1)

    assert (own.look[0], own.record[0]) == (before.first, before)
    assert own.record[1] == joined(before, own.look[1])
    assert (node.look[0], node.record[0]) == (LookRecord(wap1), own.record[1])
    assert node.record[1] is latest.record
    assert latest.record.looks == (own.look[1], node.look[1])
    assert latest.record.document is own.look[1].document is not None
    assert node.look[1].document is not None


async def test_what_ends_while_a_probe_is_under_way_stays(federation: Federation) -> None:
    gate = Gate(builders.saml_metadata())
    service = watched("target", federation.at("http://idp.example.org/", gate), entra=Entra(("contoso.com",)))
    wap1, domain = replace(service.look, node="wap1"), DomainRecord("contoso.com", last_success=NOW)
    latest = Latest(bare(with_looks(service, wap1)))
    async with fetch.client(resolver=federation.names) as client:
        several = Rounds(client, clock)
        under_way = [asyncio.create_task(several.probe(latest, each)) for each in latest.record.target.looks]
        await until(lambda: gate.waiting == 2)
        latest.record = replace(latest.record, domains=(domain,))
        gate.opened.set()
        await asyncio.gather(*under_way)

    assert latest.record.domains == (domain,)
    assert [each.probes for each in latest.record.looks] == [1, 1]
    assert set(latest.record.history.first_seen) == {ENTITY_ID}


async def test_what_is_brought_back_while_a_probe_is_under_way_stays(federation: Federation) -> None:
    gate = Gate(builders.saml_metadata(keys=[(Use.SIGNING, NEW)]))
    target = watched("target", federation.at("http://idp.example.org/", gate))
    document = read_document(builders.saml_metadata(keys=[(Use.SIGNING, SIGNER)]), ())
    saved = builders.probed(bare(target), Observation(NOW - HOUR, None, "", {}, 200, None, document))
    latest = Latest(bare(target))
    async with fetch.client(resolver=federation.names) as client:
        under_way = asyncio.create_task(Rounds(client, clock).probe(latest, target.look))
        await until(lambda: gate.waiting)
        latest.record = resumed(latest.record, saved, NOW)
        gate.opened.set()
        await under_way

    assert latest.record.first.probes == 1
    assert latest.record.history.first_seen[ENTITY_ID] == {
        SIGNER.certificate.fingerprint: NOW - HOUR,
        NEW.certificate.fingerprint: NOW,
    }


async def test_what_is_brought_back_while_an_inquiry_is_under_way_stays(federation: Federation, entra: Entra) -> None:
    gate = Gate(status=503)
    federation.at(f"https://login.example.org/{TENANT}/oauth2/v2.0/token", gate)
    record = bare(watched("target", "file:///nowhere", entra=entra))
    trust = DomainTrust(TrustSource.GRAPH, federated=True)
    saved = replace(record, domains=(DomainRecord("contoso.com", trust=trust, last_success=NOW - HOUR),))
    latest = Latest(record)
    async with fetch.client(resolver=federation.names) as client:
        under_way = asyncio.ensure_future(anext(Rounds(client, clock).ask(latest, entra)))
        await until(lambda: gate.waiting)
        latest.record = resumed(latest.record, saved, NOW)
        gate.opened.set()
        asked = await under_way

    (domain,) = latest.record.domains
    assert domain is asked.after
    assert asked.inquiry.reason is TrustReason.SERVER
    assert (domain.trust, domain.last_success, domain.failures) == (trust, NOW - HOUR, 1)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The domains that were asked about; what begins with ``slow`` wants us to wait."""
    asked: list[str] = []

    async def answer(_: Entra, domain: str, **__: object) -> DomainTrust:
        asked.append(domain)
        if domain.startswith("slow"):
            raise entra_id.EntraError(TrustReason.THROTTLED, "", retry_after=5.0)
        return DomainTrust(TrustSource.GRAPH, federated=True)

    monkeypatch.setattr(entra_id, "ask", answer)
    return asked


def about(*domains: str) -> Record:
    return bare(watched("target", "file:///nowhere", entra=Entra(domains)))


async def test_a_round_asks_about_each_domain_in_turn_and_each_answer_is_known_at_once(
    client: fetch.Client, said: list[str]
) -> None:
    latest = Latest(about("a.example", "b.example"))
    assert latest.record.target.entra is not None
    known = []
    async for each in Rounds(client, clock).ask(latest, latest.record.target.entra):
        known.append([domain.trust is not None for domain in latest.record.domains])
        assert each.before == DomainRecord(each.after.domain)
        assert each.after in latest.record.domains
        assert each.after.inquiry is each.inquiry
    assert said == ["a.example", "b.example"]
    assert known == [[True, False], [True, True]]


async def test_who_wants_us_to_wait_ends_the_round_and_comes_last_in_the_next(
    client: fetch.Client, said: list[str]
) -> None:
    latest = Latest(about("a.example", "slow.example", "z.example"))
    assert latest.record.target.entra is not None
    moments = iter(NOW + nth * SECOND for nth in range(100))
    several = Rounds(client, lambda: next(moments))
    for _ in range(3):
        asked = [each async for each in several.ask(latest, latest.record.target.entra)]
        assert asked[-1].inquiry.ends_round
    assert said == ["a.example", "slow.example", *2 * ("z.example", "a.example", "slow.example")]


async def test_everything_is_one_look_from_every_place_and_one_inquiry_about_every_domain(
    file: Path, client: fetch.Client, said: list[str], tmp_path: Path
) -> None:
    (other := tmp_path / "other.xml").write_bytes(builders.saml_metadata("https://other.example/"))
    service = at(file, entra=Entra(("a.example", "b.example")))
    nodes = tuple(replace(service.look, node=name, url=url.as_uri()) for name, url in (("wap1", file), ("wap2", other)))
    whole = with_looks(service, *nodes)

    record = await Rounds(client, clock).everything(whole)

    assert record.target is whole
    assert [each.look for each in record.looks] == [service.look, *nodes]
    reasons = [each.observation and each.observation.reason for each in record.looks]
    assert reasons == [None, None, Reason.ENTITY_MISMATCH], "the service's own look says of which entity all are"
    assert [each.probes for each in record.looks] == [1, 1, 1]
    assert said == ["a.example", "b.example"]
    assert [(each.domain, each.last_success) for each in record.domains] == [("a.example", NOW), ("b.example", NOW)]


async def test_everything_of_a_target_without_domains_and_nodes_is_one_look(
    file: Path, client: fetch.Client, said: list[str]
) -> None:
    record = await Rounds(client, clock).everything(at(file))
    assert [each.probes for each in record.looks] == [1]
    assert (record.domains, said) == ((), [])
    assert record.document is not None
