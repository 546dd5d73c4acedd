"""What a metadata document says, what is wrong with it all the same, and when nothing can be said."""

import base64
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import SupportsIndex

import pytest
from builders import (
    ENTITY_ID,
    HOST,
    NOT_BASE64,
    NOT_DER,
    NOW,
    adfs,
    aggregate,
    bomb,
    descriptor_of,
    encryption_pair,
    entity,
    in_utf16,
    key,
    key_name,
    pair,
    reading_a_file,
    repeated_in_four_roles,
    saml_metadata,
    web_service,
    with_bom,
    with_doctype,
    wsfed_only,
)
from lxml import etree

from exporter import certificates, metadata
from exporter.metadata import DocumentError
from exporter.metadata.document import descriptors
from exporter.model import Entity, Fault, FaultKind, Metadata, Reason, Role, Use
from exporter.names import shortened

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
Parse = Callable[[bytes], Metadata]


@pytest.fixture(params=[metadata.parse, metadata.stream], ids=["parse", "stream"])
def parse(request: pytest.FixtureRequest) -> Parse:
    """Both ways to read a document: whatever is said of one is said of the other."""
    way: Parse = request.param
    return way


def refused(parse: Parse, body: bytes) -> tuple[Reason, str]:
    with pytest.raises(metadata.DocumentError) as raised:
        parse(body)
    assert str(raised.value) == f"{raised.value.reason}: {raised.value.detail}"
    return raised.value.reason, raised.value.detail


HAS_A_DOCTYPE = (Reason.DOCTYPE, "has a DOCTYPE")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "iso-8859-1")


def encoded(document: bytes, encoding: str) -> bytes:
    """The document in another encoding; where the bytes do not show it, its first line does."""
    told = {"iso-8859-1": "iso-8859-1", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding)
    line = f'<?xml version="1.0" encoding="{told}"?>' if told else ""
    return (line + document.decode()).encode(encoding)


def read_or_refuse(parse: Parse, body: bytes) -> None:
    with suppress(metadata.DocumentError):
        parse(body)


def fault_kinds(document: Metadata) -> list[FaultKind]:
    return [fault.kind for fault in document.faults]


def only(document: Metadata) -> Entity:
    (single,) = document.entities
    return single


# --- roles and keys


def test_a_farm_publishes_its_certificates_in_four_roles(parse: Parse) -> None:
    first, second, encryption = pair(nth=1), pair(nth=2), encryption_pair()

    document = parse(adfs(first, second, encryption=[encryption]))

    assert document.faults == ()
    assert not document.aggregate
    assert document.valid_until is None
    assert document.cache_duration is None
    farm = only(document)
    assert farm.entity_id == f"http://{HOST}/adfs/services/trust"
    assert farm.valid_until is None
    assert farm.sign_in_locations == (f"https://{HOST}/adfs/ls/",)
    signing = [(Use.SIGNING, (first.certificate,)), (Use.SIGNING, (second.certificate,))]
    encrypting = [(Use.ENCRYPTION, (encryption.certificate,))]
    assert [(role.role, role.element, [(key.use, key.certificates) for key in role.keys]) for role in farm.roles] == [
        (Role.SP, "ApplicationServiceType", encrypting),
        (Role.IDP, "SecurityTokenServiceType", signing),
        (Role.SP, "SPSSODescriptor", encrypting + signing),
        (Role.IDP, "IDPSSODescriptor", encrypting + signing),
    ]


def test_a_certificate_that_is_repeated_is_one_object() -> None:
    document = metadata.parse(repeated_in_four_roles(pair()))
    found = {id(each) for role in only(document).roles for key in role.keys for each in key.certificates}
    assert len(found) == 1


@pytest.mark.parametrize("role", [Role.IDP, Role.SP, Role.AA, Role.AUTHN, Role.PDP])
def test_each_descriptor_is_a_role_of_its_own(parse: Parse, role: Role) -> None:
    (descriptor,) = only(parse(entity(descriptor_of(role, key(pair()))))).roles
    assert descriptor.role is role
    assert [key.certificates for key in descriptor.keys] == [(pair().certificate,)]


def test_an_affiliation_is_another_role(parse: Parse) -> None:
    affiliation = etree.Element(f"{{{MD}}}AffiliationDescriptor", affiliationOwnerID="x")
    affiliation.append(key(pair()))
    (descriptor,) = only(parse(entity(affiliation))).roles
    assert (descriptor.role, descriptor.element, len(descriptor.keys)) == (Role.OTHER, "AffiliationDescriptor", 1)


def test_a_web_service_is_known_by_its_type_whatever_the_prefix(parse: Parse) -> None:
    assert only(parse(wsfed_only())).roles[0].role is Role.IDP
    document = parse(entity(web_service("ApplicationServiceType", key(pair()), prefix="odd")))
    assert only(document).roles[0].role is Role.SP


@pytest.mark.parametrize(
    ("type_attribute", "role", "element"),
    [
        ('xsi:type="SecurityTokenServiceType"', Role.IDP, "SecurityTokenServiceType"),
        ('xsi:type="other:SecurityTokenServiceType"', Role.IDP, "SecurityTokenServiceType"),
        ('xsi:type="unbound:ApplicationServiceType"', Role.SP, "ApplicationServiceType"),
        ('xsi:type="fed:AttributeServiceType"', Role.OTHER, "AttributeServiceType"),
        ('xsi:type=" "', Role.OTHER, "RoleDescriptor"),
        ("", Role.OTHER, "RoleDescriptor"),
    ],
)
def test_the_local_name_of_a_type_decides_because_no_signature_covers_what_the_prefix_stands_for(
    parse: Parse, type_attribute: str, role: Role, element: str
) -> None:
    document = parse(
        f'<EntityDescriptor xmlns="{MD}" entityID="e"><RoleDescriptor {type_attribute} xmlns:other="urn:x"'
        ' xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/></EntityDescriptor>'.encode()
    )
    assert [(each.role, each.element) for each in only(document).roles] == [(role, element)]


def test_a_key_without_use_serves_both(parse: Parse) -> None:
    document = parse(saml_metadata(keys=[(Use.UNSPECIFIED, pair())]))
    assert only(document).roles[0].keys[0].use is Use.UNSPECIFIED
    assert document.faults == ()


def test_an_unknown_use_is_a_fault_and_read_as_none(parse: Parse) -> None:
    document = parse(saml_metadata().replace(b'use="signing"', b'use="both"'))
    assert only(document).roles[0].keys[0].use is Use.UNSPECIFIED
    assert document.faults == (Fault(FaultKind.USE_UNKNOWN, ENTITY_ID, "use 'both' of a key of IDPSSODescriptor"),)


def test_a_certificate_outside_a_key_is_no_key_of_the_role(parse: Parse) -> None:
    authority = etree.Element("{urn:mace:shibboleth:metadata:1.0}KeyAuthority")
    authority.extend(key(pair()))
    foreign = etree.Element("{urn:x}KeyDescriptor")
    foreign.extend(key(pair()))
    assert [only(parse(entity(descriptor_of(Role.IDP, each)))).roles[0].keys for each in (authority, foreign)] == [
        (),
        (),
    ]


def test_base64_may_be_broken_by_white_space_and_comments(parse: Parse) -> None:
    text = base64.b64encode(pair().der).decode()
    torn = f" {text[:50]}\n\t{text[50:70]}<!-- a comment -->{text[70:]}\r\n"
    document = parse(saml_metadata().replace(text.encode(), torn.encode()))
    assert only(document).roles[0].keys[0].certificates == (pair().certificate,)
    assert document.faults == ()


def test_places_to_sign_in_are_those_of_the_identity_provider_once_each(parse: Parse) -> None:
    other = descriptor_of(Role.IDP, key(pair()))
    service = etree.SubElement(other, f"{{{MD}}}SingleSignOnService", Location="https://idp.example/other")
    etree.SubElement(other, service.tag)
    document = parse(entity(descriptor_of(Role.SP), descriptor_of(Role.IDP, key(pair())), other))
    assert only(document).sign_in_locations == ("https://idp.example/sso", "https://idp.example/other")


# --- one bad thing costs one thing


@pytest.mark.parametrize(
    ("text", "kind"), [(NOT_BASE64, FaultKind.CERTIFICATE_BASE64), (NOT_DER, FaultKind.CERTIFICATE_DER)]
)
def test_a_broken_certificate_costs_itself_and_is_one_fault_however_often_repeated(
    parse: Parse, text: bytes, kind: FaultKind
) -> None:
    document = parse(adfs(text, pair()))
    assert fault_kinds(document) == [kind]
    assert document.faults[0].entity_id == only(document).entity_id
    sts = only(document).roles[1]
    assert [key.certificates for key in sts.keys] == [(), (pair().certificate,)]


def test_the_same_broken_certificate_is_a_fault_of_every_entity_that_has_it(parse: Parse) -> None:
    members = [saml_metadata(name, keys=[(Use.SIGNING, NOT_DER)]) for name in ("urn:a", "urn:b")]
    assert [fault.entity_id for fault in parse(aggregate(members)).faults] == ["urn:a", "urn:b"]


def test_an_attribute_that_cannot_be_read_is_a_fault_of_its_own(parse: Parse) -> None:
    odd = pair().der.replace(b"ADFS", b"AD\xff\xff")
    document = parse(saml_metadata(keys=[(Use.SIGNING, base64.b64encode(odd))]))
    assert fault_kinds(document) == [FaultKind.CERTIFICATE_ATTRIBUTE, FaultKind.CERTIFICATE_ATTRIBUTE]
    (found,) = only(document).roles[0].keys[0].certificates
    assert (found.subject, found.not_after) == ("unknown", pair().certificate.not_after)
    assert all(fault.detail.startswith(found.fingerprint[:16]) for fault in document.faults)


def test_a_key_without_certificate_is_a_key_and_a_fault(parse: Parse) -> None:
    document = parse(entity(descriptor_of(Role.IDP, key_name(), key(pair()))))
    assert [len(each.certificates) for each in only(document).roles[0].keys] == [0, 1]
    assert document.faults == (
        Fault(
            FaultKind.KEY_WITHOUT_CERTIFICATE, ENTITY_ID, "a key of IDPSSODescriptor (use: signing) has no certificate"
        ),
    )


def test_details_stay_short(parse: Parse) -> None:
    document = parse(saml_metadata().replace(b'use="signing"', b'use="' + b"x" * 10_000 + b'"'))
    assert len(document.faults[0].detail) == 200
    assert document.faults[0].detail.endswith("…")


def test_roles_that_publish_different_signing_certificates_are_one_fault(parse: Parse) -> None:
    idp, sp = descriptor_of(Role.IDP, key(pair(nth=1))), descriptor_of(Role.SP, key(pair(nth=2)))
    third = descriptor_of(Role.SP, key(pair(nth=3)))
    document = parse(entity(idp, sp, third))
    detail = "IDPSSODescriptor and SPSSODescriptor publish different signing certificates"
    assert document.faults == (Fault(FaultKind.SIGNING_SETS_DIFFER, ENTITY_ID, detail),)


def test_encryption_keys_other_roles_and_roles_without_signing_keys_do_not_differ(parse: Parse) -> None:
    signing = key(pair(nth=1))
    document = parse(
        entity(
            descriptor_of(Role.IDP, signing),
            descriptor_of(Role.SP, signing, key(pair(nth=2), use=Use.ENCRYPTION)),
            descriptor_of(Role.SP, key(pair(nth=3), use=Use.ENCRYPTION)),
            descriptor_of(Role.AA, key(pair(nth=4))),
        )
    )
    assert document.faults == ()


# --- aggregates


def test_an_aggregate_holds_entities_of_all_its_groups_in_order(parse: Parse) -> None:
    inner = aggregate([saml_metadata("urn:b"), saml_metadata("urn:c")])
    document = parse(aggregate([saml_metadata("urn:a"), inner, saml_metadata("urn:d")]))
    assert document.aggregate
    assert [each.entity_id for each in document.entities] == ["urn:a", "urn:b", "urn:c", "urn:d"]
    assert document.faults == ()


def test_descriptors_inside_extensions_are_not_members(parse: Parse) -> None:
    hidden = f'<Extensions xmlns="{MD}"><x xmlns="urn:x">%s</x></Extensions>'.encode()
    inside = aggregate([saml_metadata("urn:hidden")])
    document = aggregate([saml_metadata("urn:a").replace(b"<IDP", hidden % inside + b"<IDP")])
    assert [each.entity_id for each in parse(document).entities] == ["urn:a"]
    lone = saml_metadata("urn:a").replace(b"<IDP", hidden % saml_metadata("urn:hidden") + b"<IDP")
    assert only(parse(lone)).entity_id == "urn:a"


def test_an_entity_that_occurs_twice_is_one_with_the_roles_of_both(parse: Parse) -> None:
    idp = saml_metadata("urn:a", valid_until=NOW)
    sp = saml_metadata("urn:a", role=Role.SP, valid_until=NOW - timedelta(days=1))
    document = parse(aggregate([idp, saml_metadata("urn:b"), sp]))
    assert [(each.entity_id, len(each.roles)) for each in document.entities] == [("urn:a", 2), ("urn:b", 1)]
    assert document.entities[0].valid_until == NOW - timedelta(days=1)
    assert [(fault.kind, fault.entity_id) for fault in document.faults] == [(FaultKind.ENTITY_DUPLICATE, "urn:a")]


@pytest.mark.parametrize("name", [None, "", " "])
def test_an_entity_without_a_name_is_left_out(parse: Parse, name: str | None) -> None:
    document = parse(aggregate([entity(descriptor_of(Role.IDP), entity_id=name), saml_metadata("urn:b")]))
    assert only(document).entity_id == "urn:b"
    assert document.faults == (Fault(FaultKind.ENTITY_ID_MISSING, None, "an EntityDescriptor has no entityID"),)


def test_a_stream_keeps_nothing_of_an_entity_that_was_read() -> None:
    body = aggregate([saml_metadata(f"urn:{number}") for number in range(50)])
    sizes = [
        sum(1 for _ in element.getroottree().iter())
        for event, element in descriptors(body)
        if element.get("entityID")
        if event == "end"
    ]
    assert len(sizes) == 50
    assert max(sizes[1:]) <= sizes[0] + 1


def test_a_stream_keeps_nothing_of_what_stands_between_entities() -> None:
    between = b"<something-that-is-not-metadata/>" * 50_000
    body = aggregate([aggregate([saml_metadata("urn:a"), saml_metadata("urn:b")])])
    body = body.replace(b"</EntityDescriptor>", b"</EntityDescriptor>" + between)
    kept = [len(element.getparent()) for _, element in descriptors(body) if element.get("entityID") == "urn:b"]  # type: ignore[arg-type] # it has one
    assert kept
    assert max(kept) < 10_000
    assert metadata.stream(body) == metadata.parse(body)


@pytest.mark.parametrize("length", [1, 7, 100])
def test_a_stream_says_what_the_whole_says_wherever_it_is_cut(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.metadata.document._SLICE", length)
    members = [saml_metadata("urn:a"), saml_metadata("urn:b"), b"<other><!-- --><EntityDescriptor/></other>"]
    body = aggregate([aggregate(members[:2]), saml_metadata("urn:c"), saml_metadata("urn:a")], valid_until=at(3))
    body = body.replace(b"</EntityDescriptor>", b"</EntityDescriptor>" + members[2])
    assert metadata.stream(body) == metadata.parse(body)
    with pytest.raises(metadata.DocumentError):
        metadata.stream(body[:-9])
    assert metadata.stream(body) == metadata.parse(body)


def test_a_stream_passes_hundreds_of_thousands_of_descriptors_by_that_are_hidden_in_an_extension() -> None:
    hidden = b"<x><EntitiesDescriptor>" + b"<EntityDescriptor/>          " * 200_000 + b"</EntitiesDescriptor></x>"
    body = aggregate([aggregate([saml_metadata("urn:a")]).replace(b"</EntitiesD", hidden + b"</EntitiesD")])
    began = time.process_time()
    assert only(metadata.stream(body)).entity_id == "urn:a"
    assert time.process_time() - began < 2


class Contested(list[object]):
    """A list whose last item another thread takes just before."""

    def pop(self, *_: SupportsIndex) -> object:
        self.clear()
        return super().pop()


def test_a_stream_is_read_though_another_thread_takes_the_last_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.metadata.document._idle", Contested([object()]))
    assert only(metadata.stream(saml_metadata("urn:a"))).entity_id == "urn:a"


def test_a_stream_is_read_though_no_thread_can_begin_to_forget_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    body = aggregate([saml_metadata("urn:a"), saml_metadata("urn:b")])
    for _ in range(2):
        assert metadata.stream(body) == metadata.parse(body)


def test_a_reader_that_stops_halfway_leaves_nothing_to_the_next() -> None:
    body = aggregate([saml_metadata(f"urn:{number}") for number in range(50)])
    halfway = descriptors(body)
    next(halfway)
    halfway.close()  # type: ignore[attr-defined] # it is a generator
    assert metadata.stream(body) == metadata.parse(body)


# --- how long it may be used


def at(day: int) -> datetime:
    return datetime(2026, 7, day, tzinfo=UTC)


def test_a_lone_entity_may_be_used_until_the_strictest_bound_of_it_and_its_roles(parse: Parse) -> None:
    early = descriptor_of(Role.IDP, valid_until=at(2), cache_duration="P2D")
    late = descriptor_of(Role.SP, valid_until=at(4), cache_duration="P1D")
    document = parse(entity(early, late, valid_until=at(3), cache_duration="P3D"))
    assert document.valid_until == only(document).valid_until == at(2)
    assert document.cache_duration == timedelta(days=1)


def test_an_aggregate_may_be_used_until_its_own_bound_and_its_members_until_the_strictest(parse: Parse) -> None:
    inner = aggregate([saml_metadata("urn:b"), saml_metadata("urn:c", valid_until=at(1))], valid_until=at(2))
    members = [saml_metadata("urn:a"), inner, saml_metadata("urn:d", valid_until=at(9))]
    document = parse(aggregate(members, valid_until=at(5), cache_duration="PT6H"))
    assert document.valid_until == at(5)
    assert document.cache_duration == timedelta(hours=6)
    assert [each.valid_until for each in document.entities] == [at(5), at(2), at(1), at(5)]


@pytest.mark.parametrize("group", [at(1), at(2), at(3)])
def test_one_entity_in_groups_is_a_document_about_it_with_the_strictest_bound_of_all(
    parse: Parse, group: datetime
) -> None:
    lone = entity(descriptor_of(Role.IDP), valid_until=at(2), cache_duration="P3D")
    inner = aggregate([lone, lone, entity(entity_id=None)], valid_until=group, cache_duration="P2D")
    document = parse(aggregate([inner], valid_until=at(3), cache_duration="P4D"))
    assert not document.aggregate
    assert document.valid_until == only(document).valid_until == min(group, at(2))
    assert document.cache_duration == timedelta(days=2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01T10:20:30Z", datetime(2026, 7, 1, 10, 20, 30, tzinfo=UTC)),
        ("2026-07-01T10:20:30", datetime(2026, 7, 1, 10, 20, 30, tzinfo=UTC)),
        (" 2026-07-01T10:20:30.1234567Z\n", datetime(2026, 7, 1, 10, 20, 30, 123456, tzinfo=UTC)),
        ("2026-07-01T10:20:30.5+02:00", datetime(2026, 7, 1, 8, 20, 30, 500000, tzinfo=UTC)),
        ("2026-07-01T10:20:30-05:30", datetime(2026, 7, 1, 15, 50, 30, tzinfo=UTC)),
        ("2026-07-31T24:00:00Z", datetime(2026, 8, 1, tzinfo=UTC)),
    ],
)
def test_a_valid_until_is_a_moment_in_utc(parse: Parse, text: str, expected: datetime) -> None:
    document = parse(entity(descriptor_of(Role.IDP), valid_until=text))
    assert document.valid_until == expected
    assert document.valid_until.tzinfo is UTC
    assert document.faults == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-07-01",
        "2026-07-01 10:20:30Z",
        "2026-02-30T10:20:30Z",
        "2026-07-01T24:00:01Z",
        "2026-07-01T25:00:00Z",
        "20260701T102030Z",
        "10000-01-01T00:00:00Z",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-07-01T10:20:30+14:01",
        "2026-07-01T10:20:30-13:60",
        "-0044-03-15T12:00:00Z",
        "٢٠٢٦-07-01T10:20:30Z",
        "9" * 5000 + "-01-01T00:00:00Z",
    ],
)
def test_a_valid_until_that_is_no_moment_of_ours_is_a_fault_and_bounds_nothing(parse: Parse, text: str) -> None:
    document = parse(entity(descriptor_of(Role.IDP, valid_until=text), valid_until=at(1)))
    assert document.valid_until == at(1)
    assert [(fault.kind, fault.entity_id) for fault in document.faults] == [(FaultKind.VALID_UNTIL, ENTITY_ID)]
    assert "IDPSSODescriptor" in document.faults[0].detail or len(text) > 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P1Y", timedelta(days=365)),
        ("P2M", timedelta(days=60)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("PT0S", timedelta(0)),
        (" PT10H ", timedelta(hours=10)),
    ],
)
def test_a_cache_duration_is_a_span(parse: Parse, text: str, expected: timedelta) -> None:
    document = parse(entity(descriptor_of(Role.IDP), cache_duration=text))
    assert document.cache_duration == expected
    assert document.faults == ()


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1D", "P1S", "-P1D", "PT1.H", "PT1H1D", "P99999999999Y"])
def test_a_cache_duration_that_is_no_span_is_a_fault(parse: Parse, text: str) -> None:
    document = parse(aggregate([saml_metadata()], cache_duration=text))
    assert document.cache_duration is None
    detail = f"cacheDuration {text!r} of EntitiesDescriptor"
    assert document.faults == (Fault(FaultKind.CACHE_DURATION, None, detail),)


# --- encodings, and bodies of which nothing can be said


def test_byte_order_marks_and_utf16_change_nothing(parse: Parse) -> None:
    body = adfs(pair())
    assert parse(with_bom(body)) == parse(body)
    assert parse(in_utf16(body)) == parse(body)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_document_reads_the_same_in_every_encoding(parse: Parse, encoding: str) -> None:
    assert parse(encoded(saml_metadata(), encoding)) == parse(saml_metadata())


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><p>Sign in",
        b"\xef\xbb\xbf\r\n <!-- maintenance --> <!-- a < b --><!doctype HTML PUBLIC 'x'>",
        b"<?xml version='1.0'?><!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml'/>",
        b"<HTML lang='en'></HTML>",
        b"<head><title>Request rejected</title></head>",
        "\ufeff<!DOCTYPE html>".encode("utf-16-le"),
        "\ufeff<html>".encode("utf-16-be"),
        f"\ufeff<!--{'a' * 5000}--><html>".encode("utf-16-be"),
        "\ufeff<!DOCTYPE html>".encode("utf-32-le"),
        "<html>".encode("utf-32-be"),
    ],
)
def test_a_page_is_a_page_even_where_it_is_well_formed(parse: Parse, body: bytes) -> None:
    assert refused(parse, body) == (Reason.HTML, "an HTML page")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"plain text",
        b'{"error": "html"}',
        adfs(pair())[:-30],
        adfs(pair()) + b"<more/>",
        b"<md:EntityDescriptor entityID='x'/>",
        b"<!-- never closed <html>",
        b"\x1f\x8b\x08\x00\x00\x00",
        "\ufeff<EntityDescriptor".encode("utf-16"),
        b"<a>" * 300 + b"</a>" * 300,
    ],
)
def test_what_is_no_xml_is_said_to_be_none(parse: Parse, body: bytes) -> None:
    reason, detail = refused(parse, body)
    assert reason is Reason.NOT_XML
    assert 0 < len(detail) <= 200


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the document is empty"),
        (b"\xef\xbb\xbf \r\n", "the document is empty"),
        (b"-----BEGIN CERTIFICATE-----\nMII", "not XML but a certificate in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nMII", "not XML but something in PEM"),
        (b"PK\x03\x04\x14", "not XML but a zip archive"),
        (b"\x1f\x8b\x08\x00", "not XML but a file packed by gzip"),
        (b"%PDF-1.7", "not XML but a PDF file"),
        (b' {"a": 1}', "not XML but JSON, or something like it"),
        ('\ufeff[{"a": 1}]'.encode("utf-16-le"), "not XML but JSON, or something like it"),
    ],
)
def test_what_is_taken_for_metadata_is_named_by_how_it_begins(parse: Parse, body: bytes, told: str) -> None:
    assert refused(parse, body) == (Reason.NOT_XML, told)


@pytest.mark.parametrize(
    ("body", "root"),
    [
        (b"<EntityDescriptor entityID='x'/>", "EntityDescriptor"),
        (b"<rss xmlns='urn:x'/>", "{urn:x}rss"),
        (b"<wrap>" + saml_metadata() + b"</wrap>", "wrap"),
        (f"<KeyDescriptor xmlns='{MD}'/>".encode(), f"{{{MD}}}KeyDescriptor"),
    ],
)
def test_other_xml_is_no_metadata(parse: Parse, body: bytes, root: str) -> None:
    assert refused(parse, body) == (Reason.NOT_METADATA, f"the root is {root}")


def test_a_tree_of_something_else_is_refused_as_well() -> None:
    with pytest.raises(metadata.DocumentError) as raised:
        metadata.read(etree.Element("other"))
    assert raised.value.reason is Reason.NOT_METADATA


@pytest.mark.parametrize("body", [entity(entity_id=None), aggregate([]), aggregate([entity(entity_id="")])])
def test_metadata_without_a_usable_entity_is_refused(parse: Parse, body: bytes) -> None:
    assert refused(parse, body)[0] is Reason.NO_ENTITY


# --- nothing leads out of the document


DOCTYPES = [
    "<!DOCTYPE EntityDescriptor>",
    "<!DOCTYPE EntityDescriptor []>",
    '<!DOCTYPE EntityDescriptor SYSTEM "file:///no/such.dtd">',
    '<!DOCTYPE x PUBLIC "-//X//EN" "x.dtd" [<!ENTITY harmless "text">]>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
    '<!DOCTYPE x [<!ATTLIST EntityDescriptor validUntil CDATA "2020-01-01T00:00:00Z">]>',
    '<!DOCTYPE é [<!ATTLIST KeyDescriptor use CDATA #FIXED "encryption">]>',
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("before", ["", "<?pi?>\n", "<!-- é -->", "<?pi <!DOCTYPE?> <!-- > --><?pi?>\n"])
@pytest.mark.parametrize("doctype", DOCTYPES)
def test_a_document_with_a_doctype_is_refused(parse: Parse, doctype: str, before: str, encoding: str) -> None:
    body = encoded(f"{before}{doctype}<!-- c -->".encode() + saml_metadata(), encoding)
    assert refused(parse, body) == HAS_A_DOCTYPE


def test_a_doctype_that_only_the_parser_can_read_is_refused_too(parse: Parse) -> None:
    line, hidden = b'<?xml version="1.0" encoding="UTF-7"?>', b"+ADwAIQ-DOCTYPE x>"
    body = line + hidden + saml_metadata().replace(b"+", b"+-")
    assert parse(body.replace(hidden, b"")) == parse(saml_metadata())
    assert refused(parse, body) == HAS_A_DOCTYPE


def test_a_doctype_is_found_behind_a_long_beginning(parse: Parse) -> None:
    began = time.process_time()
    assert refused(parse, b"<!-- a --> <?pi?>" * 500_000 + with_doctype(saml_metadata())) == HAS_A_DOCTYPE
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "text",
    [b"<!--<!DOCTYPE x>-->", b"<?pi <!DOCTYPE x>?>", b"<![CDATA[<!DOCTYPE x>]]>", b"&lt;!DOCTYPE x&gt;"],
)
def test_a_document_that_only_speaks_of_a_doctype_is_read(parse: Parse, text: bytes) -> None:
    body = saml_metadata()
    spoken = body.replace(b"<IDP", text + b"<IDP")
    assert parse(spoken) == parse(body)
    if not text.startswith((b"<![", b"&")):
        assert parse(text + spoken + text) == parse(body)


def test_a_bomb_does_not_go_off(parse: Parse) -> None:
    in_an_attribute = bomb().replace(b"&e9;", b"").replace(ENTITY_ID.encode(), b"&e9;")
    quadratic = with_doctype(b"<a>" + b"&e;" * 100_000 + b"</a>", f'<!ENTITY e "{"x" * 100_000}">')
    began = time.process_time()
    for each in (bomb(), in_an_attribute, quadratic):
        assert refused(parse, each) == HAS_A_DOCTYPE
    assert time.process_time() - began < 1


def test_no_file_is_read(parse: Parse, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    assert refused(parse, reading_a_file(str(secret))) == HAS_A_DOCTYPE


@pytest.mark.parametrize("doctype", ['SYSTEM "{}"', '[<!ENTITY % all SYSTEM "{}"> %all;]'])
def test_no_external_declarations_are_loaded(parse: Parse, tmp_path: Path, doctype: str) -> None:
    # A pipe without a writer: whoever opens it waits for ever.
    pipe = tmp_path / "external.dtd"
    os.mkfifo(pipe)
    reader = threading.Thread(
        target=read_or_refuse,
        args=(parse, f"<!DOCTYPE x {doctype.format(pipe)}>".encode() + saml_metadata()),
        daemon=True,
    )
    reader.start()
    reader.join(5)
    assert not reader.is_alive()


def test_reading_leaves_the_tree_and_its_comments_as_they_are() -> None:
    body = saml_metadata().replace(b"<IDP", b"<!-- signed, perhaps --><IDP")
    root = metadata.tree(body)
    assert metadata.read(root) == metadata.parse(body)
    assert etree.tostring(root) == body


def test_a_long_prologue_and_many_comments_cost_little(parse: Parse) -> None:
    began = time.process_time()
    assert parse(b"<!-- a -->" * 50_000 + saml_metadata()).entities
    assert time.process_time() - began < 2


def test_trailing_bytes_of_a_certificate_do_not_change_who_it_is(parse: Parse) -> None:
    text = base64.b64encode(pair().der + b"\x00\x00")
    document = parse(saml_metadata(keys=[(Use.SIGNING, text)]))
    assert only(document).roles[0].keys[0].certificates == (certificates.read(pair().der)[0],)
    assert document.faults == ()


# --- bounds


def fault_times(document: Metadata) -> dict[FaultKind, int]:
    times = Counter[FaultKind]()
    for fault in document.faults:
        times[fault.kind] += fault.times
    return dict(times)


def test_an_entity_id_of_1024_characters_is_read_and_a_longer_one_is_left_out(parse: Parse) -> None:
    document = parse(aggregate([saml_metadata("u:" + "ü" * 1022), saml_metadata("u:" + "ü" * 1023)]))
    assert [len(each.entity_id) for each in document.entities] == [1024]
    ((kind, detail),) = [(fault.kind, fault.detail) for fault in document.faults]
    assert kind is FaultKind.ENTITY_ID_LENGTH
    assert detail.startswith("an entityID of 1025 characters: u:üü")
    assert len(detail) == 200


def test_a_document_about_an_entity_with_too_long_an_id_alone_is_about_none(parse: Parse) -> None:
    with pytest.raises(DocumentError, match="no_entity") as refused:
        parse(saml_metadata("u" * 1025))
    assert refused.value.detail.startswith(
        "no EntityDescriptor with an entityID of at most 1024 characters; an entityID of 1025 characters: uuu"
    )
    assert len(refused.value.detail) <= 200


def test_entities_after_the_first_10000_are_left_out_and_counted(parse: Parse) -> None:
    entities = "".join(f"<EntityDescriptor entityID='urn:{nth}'/>" for nth in range(12_000))
    document = parse(f"<EntitiesDescriptor xmlns='{MD}'>{entities}</EntitiesDescriptor>".encode())
    assert len(document.entities) == 10_000
    assert fault_times(document) == {FaultKind.ENTITY_LEFT_OUT: 2_000}
    assert len(document.faults) == 1_001
    assert document.faults[-1].detail == "1000 more of the kind entity_left_out"


def test_of_a_larger_document_more_entities_are_read(parse: Parse) -> None:
    entities = "".join(f"<EntityDescriptor entityID='urn:{nth}'/>" for nth in range(10_001))
    padding = " " * 8_001_000
    document = parse(f"<EntitiesDescriptor xmlns='{MD}'>{padding}{entities}{padding}</EntitiesDescriptor>".encode())
    assert (len(document.entities), document.faults) == (10_001, ())


def test_roles_without_keys_that_are_too_many_are_left_out_but_for_those_of_another_kind(parse: Parse) -> None:
    roles = [descriptor_of(Role.SP)] * 100
    document = parse(entity(*roles, descriptor_of(Role.IDP), descriptor_of(Role.SP, key(pair()))))
    assert Counter(each.role for each in only(document).roles) == {Role.SP: 65, Role.IDP: 1}
    assert fault_times(document) == {FaultKind.PART_LEFT_OUT: 36}


def test_places_to_sign_in_that_are_too_many_or_too_long_are_left_out(parse: Parse) -> None:
    service = "<SingleSignOnService Location='{}'/>"
    places = [
        *(f"https://{nth}.example/" for nth in range(63)),
        "https://x.example/" + "x" * 2048,
        "last",
        "last",
        "no",
    ]
    body = saml_metadata().replace(
        b"<SingleSignOnService", "".join(map(service.format, places)).encode() + b"<SingleSignOnService"
    )
    document = parse(body)
    assert only(document).sign_in_locations[-1] == "last"
    assert len(only(document).sign_in_locations) == 64
    # The one that is too long, and two after the 64th.
    assert fault_times(document) == {FaultKind.PART_LEFT_OUT: 3}


def test_more_markup_than_metadata_has_is_refused_before_it_is_read(parse: Parse) -> None:
    began = time.process_time()
    with pytest.raises(DocumentError, match="not_metadata: more elements"):
        parse(b"<a>" + b"<a/>" * 2_000_000 + b"</a>")
    assert time.process_time() - began < 1


def test_a_type_with_a_long_name_is_shortened(parse: Parse) -> None:
    document = parse(entity(web_service("T" * 300)))
    assert only(document).roles[0].element == shortened("T" * 300)
