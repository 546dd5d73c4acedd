"""Which certificate a key keeps that cannot be read any more."""

from dataclasses import replace

import pytest
from builders import NOT_BASE64, NOT_DER, aggregate, authority, descriptor_of, entity, key, pair, saml_metadata

from exporter.demo.documents import Published
from exporter.metadata import kept, parse, with_certificates, with_last_good
from exporter.model import Certificate, Entity, FaultKind, Key, KeyPlace, Metadata, Role, Use

A, B, C = (pair(nth=nth) for nth in range(3))
OTHER_NOT_DER = NOT_DER.replace(b"b", b"a")


def document(*signing: Published, encryption: tuple[Published, ...] = ()) -> Metadata:
    keys = [*((Use.SIGNING, each) for each in signing), *((Use.ENCRYPTION, each) for each in encryption)]
    return parse(saml_metadata(keys=keys))


def only(found: Metadata) -> Entity:
    (entity,) = found.entities
    return entity


def certificates(found: Metadata) -> list[Certificate | None]:
    return [each.certificate for each in only(found).placed_keys.values()]


@pytest.mark.parametrize("broken", [NOT_BASE64, NOT_DER])
def test_a_key_that_cannot_be_read_any_more_keeps_its_certificate_and_says_why(broken: bytes) -> None:
    found = with_last_good(document(broken), document(A))
    (key,) = only(found).placed_keys.values()
    assert key == Key(Use.SIGNING, A.certificate, unread=key.unread)
    assert [key.unread] == [fault.detail for fault in found.faults]
    assert kept(only(found)) == {KeyPlace(Role.IDP, "IDPSSODescriptor", Use.SIGNING, 0): A.certificate}


def test_what_was_kept_is_kept_on_and_on_until_the_key_can_be_read() -> None:
    found = document(A)
    for broken in (NOT_BASE64, NOT_DER, NOT_BASE64):
        found = with_last_good(document(broken), found)
        assert certificates(found) == [A.certificate]
    assert with_last_good(document(B), found) == document(B)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((A, B), (NOT_DER, B), [A, B]),
        ((A, B), (A, NOT_DER), [A, B]),
        ((A, B), (NOT_DER, NOT_BASE64), [A, B]),
        ((A, B), (B, NOT_DER), [B, A]),
        ((A,), (C, NOT_DER), [C, A]),
        ((A,), (NOT_DER, NOT_BASE64), [A, None]),
        ((A, A), (NOT_DER, NOT_BASE64), [A, None]),
        ((A,), (A, NOT_DER), [A, None]),
        ((A, B, C), (NOT_DER, NOT_BASE64), [A, B]),
        ((NOT_BASE64, B), (C, NOT_DER, NOT_BASE64), [C, B, None]),
    ],
    ids=[
        "the first", "the second", "both", "another order", "beside a new one", "one for two", "one twice for two",
        "one that is there", "fewer", "none was read",
    ],
)  # fmt: skip
def test_of_several_keys_each_keeps_the_one_in_its_place_or_one_that_is_left(
    before: tuple[Published, ...], after: tuple[Published, ...], expected: list[Published | None]
) -> None:
    found = with_last_good(document(*after), document(*before))
    assert certificates(found) == [each and each.certificate for each in expected if not isinstance(each, bytes)]


def test_nothing_is_kept_from_another_use_role_or_entity() -> None:
    unread = document(NOT_DER)
    for before in (
        document(encryption=(A,)),
        parse(saml_metadata(keys=[(Use.SIGNING, A)], role=Role.SP)),
        parse(saml_metadata("urn:other", keys=[(Use.SIGNING, A)])),
    ):
        assert with_last_good(unread, before) is unread


def test_a_key_without_a_certificate_keeps_none() -> None:
    nameless = parse(entity(descriptor_of(Role.IDP, key())))
    assert with_last_good(nameless, document(A)) is nameless
    assert [each.unread for each in only(nameless).placed_keys.values()] == [""]


def test_a_key_whose_chain_alone_cannot_be_read_is_read() -> None:
    found = parse(entity(descriptor_of(Role.IDP, key(pair(subject="CN=leaf", issuer=authority()), NOT_DER))))
    (key_of_it,) = only(found).placed_keys.values()
    assert key_of_it.certificate is not None
    assert key_of_it.unread == ""
    assert [fault.kind for fault in found.faults] == [FaultKind.CERTIFICATE_DER]


def test_each_role_keeps_its_own_and_the_others_stay_as_they_are() -> None:
    def roles(first: Published, second: Published) -> Metadata:
        return parse(entity(descriptor_of(Role.IDP, key(first)), descriptor_of(Role.SP, key(second), key(C))))

    found = with_last_good(roles(NOT_DER, NOT_DER), roles(A, A))
    assert certificates(found) == [A.certificate, A.certificate, C.certificate]
    assert [len(each.keys) for each in only(found).roles] == [1, 2]


def test_of_an_aggregate_the_entities_that_can_be_read_stay_the_very_same_objects() -> None:
    def members(first: Published) -> Metadata:
        return parse(aggregate([saml_metadata("urn:a", keys=[(Use.SIGNING, first)]), saml_metadata("urn:b")]))

    unread = members(NOT_DER)
    found = with_last_good(unread, members(A))
    assert [each is was for each, was in zip(found.entities, unread.entities, strict=True)] == [False, True]


def test_what_was_kept_is_found_again_by_where_the_document_has_it() -> None:
    unread = document(NOT_BASE64, B, NOT_DER)
    found = with_last_good(unread, document(C, B, A))
    assert certificates(found) == [C.certificate, B.certificate, A.certificate]
    again = with_certificates(unread, {each.entity_id: kept(each) for each in found.entities})
    assert again == found
    assert with_certificates(unread, {}) is unread
    assert with_certificates(replace(unread, entities=()), {"urn:other": {}}).entities == ()
