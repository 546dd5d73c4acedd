"""The readers' promise: whatever the bytes, an answer or their own error, and soon; stream says what parse says."""

import time
from collections.abc import Callable
from contextlib import suppress

import corpora
import pytest
from builders import (
    NOT_BASE64,
    NOW,
    adfs,
    aggregate,
    bomb,
    entity,
    in_utf16,
    key_name,
    pair,
    repeated_in_four_roles,
    saml_metadata,
    with_doctype,
    wsfed_only,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from exporter import certificates, metadata, signature
from exporter.model import Metadata, Reason, SignatureState

LONGEST_READING = 2.0
"""Seconds; every document here is below 100 kB and takes milliseconds."""
REASONS = {Reason.HTML, Reason.DOCTYPE, Reason.NOT_XML, Reason.NOT_METADATA, Reason.NO_ENTITY}
LONGEST_DETAIL = 200
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)

WORDS = (
    b"<",
    b"/>",
    b"&#13;",
    b"&e0;",
    b"<!-- - -->",
    b"<![CDATA[x]]>",
    b"<?pi ?>",
    b'<!DOCTYPE x [<!ENTITY e0 "x">]>',
    b"\x00",
    b"\xff\xfe",
    b"99999999999999999999",
    b'validUntil="9999-12-31T24:00:00Z" ',
    b'cacheDuration="P999999999Y" ',
    b'use="" ',
    b'ID="_entity" ',
    b'xmlns=""',
    b"http://www.w3.org/2000/09/xmldsig#hmac-sha1",
    b"EntitiesDescriptor",
    b"X509Certificate",
)


def _real_documents() -> list[bytes]:
    """The real documents below 20 kB where they are at hand: mutants of them are stranger than ours."""
    folder = corpora.FOLDER / "documents"
    if not folder.is_dir():
        return []
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.stat().st_size < 20_000]


SEEDS = [
    adfs(pair(nth=1), pair(nth=2), signer=pair(nth=1)),
    adfs(NOT_BASE64, signer=pair()),
    saml_metadata(valid_until=NOW, signer=pair()),
    wsfed_only(),
    repeated_in_four_roles(pair()),
    aggregate(
        [saml_metadata("urn:a"), aggregate([saml_metadata("urn:a"), entity(key_name())], cache_duration="PT1H")],
        signer=pair(),
    ),
    with_doctype(saml_metadata()),
    in_utf16(saml_metadata()),
    bomb(),
    b"<!DOCTYPE html><title>Sign in</title>",
    *_real_documents(),
]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A document with a few stretches of bytes removed, repeated, moved or replaced."""
    body = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        stretch = body[start : start + draw(st.integers(0, 60))]
        match draw(st.sampled_from(["removed", "repeated", "moved", "word", "bytes"])):
            case "removed":
                del body[start : start + len(stretch)]
            case "repeated":
                body[start:start] = stretch
            case "moved":
                del body[start : start + len(stretch)]
                body[(to := draw(st.integers(0, len(body)))) : to] = stretch
            case "word":
                body[start:start] = draw(st.sampled_from(WORDS))
            case _:
                body[start : start + len(stretch)] = draw(st.binary(max_size=len(stretch)))
    return bytes(body)


def said(read: Callable[[bytes], Metadata], body: bytes) -> Metadata | tuple[Reason, bool]:
    """What is read, or why nothing is and whether the detail is short enough."""
    try:
        return read(body)
    except metadata.DocumentError as error:
        return error.reason, 0 < len(error.detail) <= LONGEST_DETAIL


@PATIENT
@given(mutants() | st.binary(max_size=300))
def test_parse_gives_metadata_or_its_own_error_and_stream_gives_the_same(body: bytes) -> None:
    began = time.perf_counter()
    found = said(metadata.parse, body)
    assert time.perf_counter() - began < LONGEST_READING
    if isinstance(found, Metadata):
        assert found.entities
        assert all(entity.entity_id for entity in found.entities)
        assert len({entity.entity_id for entity in found.entities}) == len(found.entities)
        assert all(len(fault.detail) <= LONGEST_DETAIL for fault in found.faults)
    else:
        assert found in {(reason, True) for reason in REASONS}
    assert said(metadata.stream, body) == found


@PATIENT
@given(mutants(), st.lists(st.sampled_from([pair().der, pair(nth=1).der, b"junk"]), max_size=2))
def test_a_signature_gets_a_verdict_whatever_became_of_it(body: bytes, signers: list[bytes]) -> None:
    with suppress(metadata.DocumentError):
        root = metadata.tree(body)
        before = etree.tostring(root)
        verdict = signature.verify(root, signers)
        assert len(verdict.detail) <= LONGEST_DETAIL
        assert signers or verdict.state is not SignatureState.TRUSTED
        assert etree.tostring(root) == before


@PATIENT
@given(st.data())
def test_a_valid_signature_means_that_nothing_was_changed(data: st.DataObject) -> None:
    original = saml_metadata(signer=pair())
    meant = metadata.parse(original)
    start = data.draw(st.integers(original.index(b"<IDP"), len(original) - 1))
    changed = original[:start] + data.draw(st.binary(min_size=1, max_size=1)) + original[start + 1 :]
    with suppress(metadata.DocumentError):
        root = metadata.tree(changed)
        if signature.verify(root, []).state is SignatureState.VALID:
            assert metadata.read(root) == meant


@PATIENT
@given(st.data())
def test_a_certificate_is_read_or_refused(data: st.DataObject) -> None:
    der = bytearray(pair().der)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(der) - 1))
        der[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with suppress(certificates.CertificateError):
        certificate, unreadable = certificates.read(bytes(der))
        assert certificate.not_before.tzinfo is not None
        assert all(len(sentence) < 300 for sentence in unreadable)


@PATIENT
@given(st.binary(max_size=200))
@example(b"\x30\xff" + b"\xff" * 130)
def test_bytes_are_a_certificate_or_refused(der: bytes) -> None:
    with pytest.raises(certificates.CertificateError):
        certificates.read(der)


@PATIENT
@given(st.text())
def test_text_is_base64_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(certificates.decode(text), bytes)
