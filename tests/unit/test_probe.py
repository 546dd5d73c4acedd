"""From an answer to an observation, over files: what is reused, what is refused, what is never parsed twice."""

import asyncio
import logging
import threading
import time
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import builders
import pytest
from aiohttp import web
from builders import NOW
from federation import Federation, free_port

from exporter import fetch
from exporter.config.settings import Entra, Module, Secret, Target, Tls, TrustSource
from exporter.demo.documents import KeyPair
from exporter.demo.graph import Directory
from exporter.metadata import DocumentError
from exporter.model import NO_VALIDATORS, Document, Observation, Phase, Reason, SignatureState, Validators
from exporter.policy import PolicySettings
from exporter.probe import STREAM_ABOVE, ask, look, probe, read_document
from exporter.record import Record
from exporter.trust import DomainTrust, Inquiry, Slot, TrustReason

ENTITY_ID = builders.ENTITY_ID


@pytest.fixture
async def client() -> AsyncIterator[fetch.Client]:
    async with fetch.client() as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.xml"
    publish(path, builders.saml_metadata())
    return path


def publish(file: Path, body: bytes) -> None:
    file.write_bytes(body)


def at(file: Path, **fields: object) -> Target:
    return Target("target", file.as_uri(), **fields)  # type: ignore[arg-type]  # any field


async def observe(
    target: Target,
    *,
    client: fetch.Client,
    previous: Document | None = None,
    validators: Validators = NO_VALIDATORS,
    timeout: float = 10,  # noqa: ASYNC109 -- handed on
    entity_id: str | None = None,
) -> Observation:
    return await probe(
        target,
        client=client,
        previous=previous,
        validators=validators,
        now=NOW,
        timeout=timeout,
        entity_id=target.entity_id or entity_id,
    )


def document(observation: Observation) -> Document:
    assert observation.document is not None, observation.detail
    return observation.document


async def test_a_look_gives_the_document_and_what_brings_it_back(file: Path, client: fetch.Client) -> None:
    body = builders.saml_metadata()

    seen = await observe(at(file), client=client)

    assert (seen.at, seen.reason, seen.detail, seen.http_status) == (NOW, None, "", None)
    assert set(seen.phases) == {Phase.TRANSFER, Phase.PARSE}
    found = document(seen)
    assert [each.entity_id for each in found.metadata.entities] == [ENTITY_ID]
    assert (found.size, found.digest) == (len(body), sha256(body).hexdigest())
    assert zlib.decompress(found.packed) == body


async def test_equal_bytes_give_the_earlier_document_itself(file: Path, client: fetch.Client) -> None:
    first = document(await observe(at(file), client=client))

    again = await observe(at(file), client=client, previous=first)
    publish(file, builders.saml_metadata(valid_until=NOW))
    changed = await observe(at(file), client=client, previous=first)

    assert again.document is first
    assert changed.document is not first
    assert changed.reason is None


async def test_a_document_not_modified_is_the_earlier_one_itself_and_is_not_parsed(federation: Federation) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=builders.saml_metadata(), headers={"ETag": '"1"', "Last-Modified": "now"})

    url = federation.at("https://idp.example.org/", answer)
    target = Target("target", url, Module(tls=Tls(ca_file=federation.ca_file)))
    async with fetch.client(resolver=federation.names) as client:
        seen = await observe(target, client=client)
        first, validators = document(seen), seen.validators
        second = await observe(target, client=client, previous=first, validators=validators)
        other = replace(target, entity_id="other")
        mismatch = await observe(other, client=client, previous=first, validators=validators)

    assert validators == Validators('"1"', "now")
    assert second.document is first
    assert (second.reason, second.http_status) == (None, 304)
    assert Phase.PARSE not in second.phases
    assert (mismatch.reason, mismatch.document) == (Reason.ENTITY_MISMATCH, None)


@pytest.mark.parametrize(
    ("entity_id", "first_seen", "matches"),
    [
        (None, None, True),
        (ENTITY_ID, "other", True),
        (None, ENTITY_ID, True),
        ("other", ENTITY_ID, False),
        (None, "other", False),
    ],
)
async def test_a_document_of_one_entity_must_be_the_targets(
    *, entity_id: str | None, first_seen: str | None, matches: bool, file: Path, client: fetch.Client
) -> None:
    seen = await observe(at(file, entity_id=entity_id), client=client, entity_id=first_seen)

    assert seen.reason is (None if matches else Reason.ENTITY_MISMATCH)
    assert seen.detail == ("" if matches else f"the document of {ENTITY_ID}, not of other")


@pytest.mark.parametrize(("entity_id", "matches"), [(None, True), ("https://b.test/", True), ("other", False)])
async def test_an_aggregate_must_hold_the_targets_entity(
    *, entity_id: str | None, matches: bool, file: Path, client: fetch.Client
) -> None:
    publish(file, builders.aggregate([builders.saml_metadata(f"https://{name}.test/") for name in "ab"]))

    seen = await observe(at(file, entity_id=entity_id), client=client)

    assert seen.reason is (None if matches else Reason.ENTITY_MISMATCH)
    assert seen.detail == ("" if matches else "the document of 2 others, not of other")


SIGNER, STRANGER = builders.pair(key="rsa"), builders.pair(key="rsa", nth=1)


def signed_by(*signers: KeyPair) -> PolicySettings:
    return PolicySettings(signers=tuple(each.der for each in signers))


async def test_a_configured_signer_must_have_signed(file: Path, client: fetch.Client) -> None:
    publish(file, builders.saml_metadata(signer=SIGNER))

    trusted = await observe(at(file, policy=signed_by(SIGNER, STRANGER)), client=client)
    refused = await observe(at(file, policy=signed_by(STRANGER)), client=client)

    assert (document(trusted)).signature.state is SignatureState.TRUSTED
    assert (refused.reason, refused.document) == (Reason.SIGNER_MISMATCH, None)
    assert refused.detail.startswith("not signed by a configured signer: ")


async def test_other_signers_in_the_configuration_need_another_verdict(file: Path, client: fetch.Client) -> None:
    publish(file, builders.saml_metadata(signer=SIGNER))

    async def look(policy: PolicySettings, previous: Document | None) -> Observation:
        return await observe(at(file, policy=policy), client=client, previous=previous)

    valid = document(await look(PolicySettings(), None))
    trusted = document(await look(signed_by(SIGNER), valid))
    still = document(await look(signed_by(STRANGER, SIGNER), trusted))
    refused = await look(signed_by(STRANGER), trusted)
    valid_again = document(await look(PolicySettings(), trusted))

    assert (valid.signature.state, trusted.signature.state) == (SignatureState.VALID, SignatureState.TRUSTED)
    assert still is trusted
    assert refused.reason is Reason.SIGNER_MISMATCH
    assert valid_again.signature.state is SignatureState.VALID


def padded(document: bytes) -> bytes:
    return document + b" " * (STREAM_ABOVE + 1 - len(document))


def test_a_large_document_is_streamed_and_its_signature_left_alone_unless_a_signer_is_configured() -> None:
    large = padded(builders.saml_metadata(signer=SIGNER))

    assert read_document(large[:-1], ()).signature.state is SignatureState.VALID
    assert read_document(large, ()).signature.state is SignatureState.UNCHECKED
    assert read_document(large, [SIGNER.der]).signature.state is SignatureState.TRUSTED
    assert read_document(large, ()).metadata.entities[0].entity_id == ENTITY_ID


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
    record = Record(Target("target", federation.at("http://idp.example.org/", publisher)))
    async with fetch.client(resolver=federation.names) as client:
        first = record = await look(record, client=client, now=NOW)
        for _ in range(6):
            record = await look(record, client=client, now=NOW)
            assert record.document is first.document, "the same bytes are the same document"
        signers = replace(record.target, policy=signed_by(SIGNER))
        again = await look(replace(record, target=signers), client=client, now=NOW)

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


def test_bytes_that_are_no_document_say_why() -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(b"hello", ())

    assert caught.value.reason is Reason.NOT_XML


async def test_reading_a_document_leaves_the_loop_free_and_counts_against_the_deadline(federation: Federation) -> None:
    url = federation.serve("http://idp.example.org/", builders.saml_metadata())
    busy = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        threads.submit(busy.wait)
        async with fetch.client(resolver=federation.names) as client:
            seen = await observe(Target("target", url), client=client, timeout=0.4)
        busy.set()

    assert (seen.reason, seen.detail) == (Reason.TIMEOUT, "not read within 0.4 s; stuck in parse")
    assert (seen.http_status, seen.document) == (200, None)
    assert seen.phases[Phase.PARSE] > 0.05


async def test_what_was_found_ahead_is_used_and_its_time_counts_against_the_reading_too(federation: Federation) -> None:
    target = Target("target", federation.serve("http://idp.example.org/", builders.saml_metadata()))
    busy = threading.Event()
    async with fetch.client(resolver=federation.names) as client:
        found = replace(await fetch.find(target.url, target.module, client=client, timeout=60), seconds=59.0)
        good = (await look(Record(target), client=client, now=NOW, timeout=60, found=found)).observation
        with ThreadPoolExecutor(max_workers=1) as threads:
            asyncio.get_running_loop().set_default_executor(threads)
            threads.submit(busy.wait)
            began = time.monotonic()
            late = await probe(target, client=client, previous=None, now=NOW, timeout=60, found=found)
            took = time.monotonic() - began
            busy.set()

    assert good is not None
    assert good.reason is None
    assert good.phases[Phase.RESOLVE] == pytest.approx(59.0, abs=0.1)
    assert federation.names.asked == ["idp.example.org"]
    assert (late.reason, late.detail) == (Reason.TIMEOUT, "not read within 60 s; stuck in parse")
    assert took < 20


async def test_a_node_is_looked_at_where_it_is_and_by_the_name_of_its_service(federation: Federation) -> None:
    url = federation.serve("https://idp.example.org/", builders.saml_metadata())
    address = f"127.0.0.1:{federation.names.ports['*', 443]}"
    federation.names.ports["idp.example.org"] = free_port()
    service = Target("target", url, Module(tls=Tls(ca_file=federation.ca_file)))
    async with fetch.client(resolver=federation.names) as client:
        own = await look(Record(service), client=client, now=NOW)
        node = await look(Record(replace(service, node="wap1", address=address)), client=client, now=NOW)

    assert own.observation is not None
    assert own.observation.reason is Reason.REFUSED
    assert node.document is not None


@pytest.mark.parametrize("configured", [None, ENTITY_ID])
async def test_a_node_must_serve_the_document_of_the_entity_that_the_service_is_about(
    configured: str | None, file: Path, client: fetch.Client
) -> None:
    record = Record(at(file, node="wap1", entity_id=configured))

    good = await look(record, client=client, now=NOW, entity_id=ENTITY_ID)
    other = await look(record, client=client, now=NOW, entity_id="other")
    first_seen = await look(good, client=client, now=NOW)

    assert good.document is not None
    assert other.observation is not None
    assert other.observation.reason is Reason.ENTITY_MISMATCH
    assert first_seen.observation is not None
    assert first_seen.observation.document is good.document


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
        seen = (await look(Record(at(file)), client=client, now=NOW)).observation

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


async def test_a_cancelled_look_is_cancelled(federation: Federation) -> None:
    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(60)
        raise web.HTTPGone

    asked = asyncio.Event()
    url = federation.at("http://idp.example.org/", wait)
    async with fetch.client(resolver=federation.names) as client:
        looking = asyncio.create_task(observe(Target("target", url), client=client))
        await asked.wait()
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
