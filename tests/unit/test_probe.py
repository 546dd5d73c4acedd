"""From an answer to an observation, over files: what is reused, what is refused, what is never parsed twice."""

import asyncio
import gc
import threading
import time
import zlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import builders
import pytest
from aiohttp import web
from builders import NOW, watched
from federation import Federation
from lxml.etree import _Element as Element

from exporter import fetch, metadata
from exporter.config.settings import Module, Target, Tls
from exporter.demo.documents import KeyPair
from exporter.metadata import DocumentError
from exporter.model import (
    NO_VALIDATORS,
    Document,
    Metadata,
    Observation,
    Phase,
    Reason,
    Role,
    SignatureState,
    Use,
    Validators,
)
from exporter.policy import PolicySettings
from exporter.probe import STREAM_ABOVE, probe, read_document

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
    return watched("target", file.as_uri(), **fields)


async def observe(
    target: Target,
    *,
    client: fetch.Client,
    previous: Document | None = None,
    validators: Validators = NO_VALIDATORS,
    timeout: float = 10,  # noqa: ASYNC109 -- handed on
    entity_id: str | None = None,
    found: fetch.Found | None = None,
) -> Observation:
    with client.budget.share() as share:
        return await probe(
            target.look,
            signers=target.policy.signers,
            client=client,
            previous=previous,
            validators=validators,
            share=share,
            now=NOW,
            timeout=timeout,
            entity_id=target.entity_id or entity_id,
            found=found,
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


async def test_a_key_that_cannot_be_read_any_more_has_the_certificate_that_it_had(
    file: Path, client: fetch.Client
) -> None:
    first = document(await observe(at(file), client=client))
    unread = first
    for broken in (builders.NOT_DER, builders.NOT_BASE64):
        publish(file, builders.saml_metadata(keys=[(Use.SIGNING, broken)]))
        unread = document(await observe(at(file), client=client, previous=unread))
        (kept,) = unread.metadata.entities[0].placed_keys.values()
        assert kept.certificate == builders.pair().certificate
        assert kept.unread
    assert (await observe(at(file), client=client, previous=unread)).document is unread
    assert document(await observe(at(file), client=client)).metadata.entities[0].published(Role.IDP, signs=True) == ()


async def test_a_document_not_modified_is_the_earlier_one_itself_and_is_not_parsed(federation: Federation) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=builders.saml_metadata(), headers={"ETag": '"1"', "Last-Modified": "now"})

    url = federation.at("https://idp.example.org/", answer)
    target = watched("target", url, module=Module(tls=Tls(ca_file=federation.ca_file)))
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


@pytest.mark.parametrize(("status", "body"), [(200, builders.saml_metadata()), (200, b"no XML"), (503, b"")])
async def test_a_look_sees_the_clock_of_whoever_answers_whatever_it_answers(
    status: int, body: bytes, federation: Federation
) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Date": "Mon, 01 Jun 2026 00:00:00 GMT", "Age": "60"})

    target = watched("target", federation.at("http://idp.example.org/", answer))
    async with fetch.client(resolver=federation.names) as client:
        seen = await observe(target, client=client)

    assert seen.clock == datetime(2026, 6, 1, 0, 1, tzinfo=UTC)


async def test_a_file_has_no_clock(file: Path, client: fetch.Client) -> None:
    assert (await observe(at(file), client=client)).clock is None


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
    assert seen.detail == ("" if matches else "none of its 2 entities is other")
    assert seen.others == (0 if matches else 2)


async def test_a_slip_in_the_name_of_an_entity_is_told_with_the_one_that_is_near(
    file: Path, client: fetch.Client
) -> None:
    publish(file, builders.aggregate([builders.saml_metadata(f"https://{name}.test/") for name in "ab"]))

    seen = await observe(at(file, entity_id="http://B.test"), client=client)

    assert seen.detail == "none of its 2 entities is http://B.test; did you mean https://b.test/?"


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


def test_a_document_is_read_in_a_thread_that_ends_with_it_or_in_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    body = builders.saml_metadata()
    threads, read = [], metadata.read

    def reading(root: Element, *, size: int) -> Metadata:
        threads.append(threading.current_thread())
        return read(root, size=size)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(metadata, "read", reading)
    found = read_document(body, ())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert read_document(body, ()) == found
    assert [each is threading.current_thread() for each in threads] == [False, True]
    assert not threads[0].is_alive()


@pytest.mark.parametrize("stream_above", [0, STREAM_ABOVE])
@pytest.mark.parametrize("body", [b"<r/>", b"<r>", b"<!DOCTYPE r><r/>", builders.aggregate([])])
def test_a_document_that_is_refused_leaves_nothing_to_the_collector(
    body: bytes, stream_above: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.probe.STREAM_ABOVE", stream_above)
    gc.collect()
    gc.disable()
    try:
        with suppress(DocumentError):
            read_document(body, ())
        assert [each for each in gc.get_objects() if isinstance(each, DocumentError)] == []
    finally:
        gc.enable()


def test_whoever_signed_the_last_document_is_tried_first() -> None:
    others = [builders.pair(nth=number) for number in range(1, 20)]
    body = builders.adfs(*others, signer=others[-1])
    named = read_document(body, ())
    assert named.signature.fingerprint == others[-1].certificate.fingerprint
    start, end = body.index(b"<ds:KeyInfo>"), body.index(b"</ds:Signature>")
    unnamed = body[:start] + body[end:]
    assert read_document(unnamed, ()).signature.state is SignatureState.UNCHECKED
    assert read_document(unnamed, (), named).signature.state is SignatureState.VALID


def test_a_large_document_is_streamed_and_its_signature_left_alone_unless_a_signer_is_configured() -> None:
    large = padded(builders.saml_metadata(signer=SIGNER))

    assert read_document(large[:-1], ()).signature.state is SignatureState.VALID
    assert read_document(large, ()).signature.state is SignatureState.UNCHECKED
    assert read_document(large, [SIGNER.der]).signature.state is SignatureState.TRUSTED
    assert read_document(large, ()).metadata.entities[0].entity_id == ENTITY_ID


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
            seen = await observe(watched("target", url), client=client, timeout=0.4)
        busy.set()

    assert (seen.reason, seen.detail) == (Reason.TIMEOUT, "not read within 0.4 s; stuck in parse")
    assert (seen.http_status, seen.document) == (200, None)
    assert seen.phases[Phase.PARSE] > 0.05


async def test_what_was_found_ahead_is_used_and_its_time_counts_against_the_reading_too(federation: Federation) -> None:
    target = watched("target", federation.serve("http://idp.example.org/", builders.saml_metadata()))
    busy = threading.Event()
    async with fetch.client(resolver=federation.names) as client:
        found = replace(await fetch.find(target.url, target.look.module, client=client, timeout=60), seconds=59.0)
        good = await observe(target, client=client, timeout=60, found=found)
        with ThreadPoolExecutor(max_workers=1) as threads:
            asyncio.get_running_loop().set_default_executor(threads)
            threads.submit(busy.wait)
            began = time.monotonic()
            late = await observe(target, client=client, timeout=60, found=found)
            took = time.monotonic() - began
            busy.set()

    assert good.reason is None
    assert good.phases[Phase.RESOLVE] == pytest.approx(59.0, abs=0.1)
    assert federation.names.asked == ["idp.example.org"]
    assert (late.reason, late.detail) == (Reason.TIMEOUT, "not read within 60 s; stuck in parse")
    assert took < 20


async def test_what_kept_the_name_from_being_looked_up_ahead_is_the_reason(federation: Federation) -> None:
    target = watched("target", federation.serve("http://idp.example.org/", builders.saml_metadata()))
    async with fetch.client(resolver=federation.names) as client:
        seen = await observe(target, client=client, found=fetch.Found(1, failure=(Reason.DNS, "no such name")))

    assert (seen.reason, seen.detail, seen.document) == (Reason.DNS, "no such name", None)
    assert federation.names.asked == federation.requests == []


async def test_a_cancelled_look_is_cancelled(federation: Federation) -> None:
    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(60)
        raise web.HTTPGone

    asked = asyncio.Event()
    url = federation.at("http://idp.example.org/", wait)
    async with fetch.client(resolver=federation.names) as client:
        looking = asyncio.create_task(observe(watched("target", url), client=client))
        await asked.wait()
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
