"""Of keys that nobody can have so many of, those stay by which a rollover is judged, and what goes is told."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

import pytest
from builders import DAY, ENTITY_ID, NOW, SECOND, certificate, dated, entity_of, metadata_of, role_of

from exporter.bounds import PER_SET, bounded
from exporter.model import Certificate, Entity, Fault, FaultKind, Key, Metadata, Role, RoleDescriptor, Use

LONG = 3000 * DAY


def seen_never(_entity_id: str) -> Mapping[str, datetime]:
    return {}


cut = partial(bounded, named=(), first_seen=seen_never, at=NOW)


def junk(count: int, *, ends: timedelta = LONG) -> list[Certificate]:
    return [dated(NOW - 100 * DAY + nth * SECOND, NOW + ends + nth * SECOND, nth=nth) for nth in range(count)]


def idp(*signing: Certificate) -> Metadata:
    return metadata_of(entity_of(role_of(Role.IDP, *signing)))


def kept(metadata: Metadata, *, signs: bool = True) -> set[Certificate]:
    return set(metadata.entities[0].certificates(signs=signs))


def test_a_document_with_as_many_keys_as_are_watched_stays_the_same_object() -> None:
    document = metadata_of(
        entity_of(role_of(Role.IDP, *junk(PER_SET), encryption=junk(PER_SET)), role_of(Role.SP, *junk(PER_SET)))
    )
    assert cut(document) is document


def test_certificates_that_are_too_many_are_left_out_and_counted() -> None:
    found = cut(idp(*junk(1000)))
    assert len(kept(found)) == PER_SET
    (fault,) = found.faults
    detail = "936 of 1000 certificates are left out: 64 of a role are watched for each use"
    assert fault == Fault(FaultKind.CERTIFICATE_LEFT_OUT, ENTITY_ID, detail, 936)


def test_each_role_and_use_has_a_bound_of_its_own() -> None:
    real = dated(NOW - DAY, NOW + DAY, nth=10**6)
    document = metadata_of(entity_of(role_of(Role.SP, *junk(1000)), role_of(Role.IDP, real, encryption=junk(300))))
    found = cut(document).entities[0]
    assert found.published(Role.IDP, signs=True) == (real,)
    assert len(found.published(Role.SP, signs=True)) == len(found.published(Role.IDP, signs=False)) == PER_SET


REAL = dated(NOW - 200 * DAY, NOW + 5000 * DAY, nth=10**6)


@pytest.mark.parametrize("place", [0, 500, 1000])
def test_the_one_that_ends_first_last_begins_first_or_came_last_stays(place: int) -> None:
    many = junk(1000)
    for real in (
        REAL,
        dated(NOW - 50 * DAY, NOW + 3 * DAY, nth=10**6),
        dated(NOW - 50 * DAY, NOW - DAY, nth=10**6),
        dated(NOW + DAY, NOW + LONG, nth=10**6),
        dated(NOW - 900 * DAY, NOW - 600 * DAY, nth=10**6),
    ):
        assert real in kept(cut(idp(*many[:place], real, *many[place:]))), real


def test_one_that_the_policy_names_or_that_signed_stays() -> None:
    many = junk(1000)
    assert many[777] in kept(cut(idp(*many), named=(many[777].fingerprint,)))


def test_one_that_was_seen_before_the_others_came_stays() -> None:
    many = junk(1000)
    seen = {many[777].fingerprint: NOW - DAY} | {each.fingerprint: NOW for each in many[:600]}
    assert many[777] in kept(cut(idp(*many), first_seen=lambda entity_id: seen if entity_id == ENTITY_ID else {}))


def test_those_made_with_the_only_encryption_certificate_stay() -> None:
    many = junk(1000)
    encryption = dated(many[500].not_before, NOW + DAY, nth=10**6)
    document = metadata_of(entity_of(role_of(Role.IDP, *many, encryption=[encryption])))
    assert {many[499], many[500], many[501]} <= kept(cut(document))


def test_without_a_single_encryption_certificate_nothing_was_made_together() -> None:
    document = metadata_of(entity_of(role_of(Role.IDP, *junk(100), encryption=junk(2))))
    assert len(kept(cut(document))) == PER_SET


def test_keys_without_a_certificate_are_bounded_and_those_that_cannot_be_read_by_themselves() -> None:
    keys = (*[Key(Use.SIGNING, None)] * 100, *[Key(Use.SIGNING, None, unread="no")] * 100, Key(Use.SIGNING, REAL))
    (found,) = cut(metadata_of(Entity("urn:x", (RoleDescriptor(Role.IDP, "x", keys),), None, ()))).entities
    unread = [key.unread for key in found.roles[0].keys if key.certificate is None]
    assert (unread.count(""), unread.count("no")) == (PER_SET, PER_SET)
    assert kept(metadata_of(found)) == {REAL}


def test_a_key_that_is_repeated_is_kept_once_for_each_use_and_nothing_is_lost() -> None:
    keys = (*[Key(Use.SIGNING, REAL, chain=(certificate(),))] * 100, Key(Use.UNSPECIFIED, REAL))
    document = cut(metadata_of(Entity("urn:x", (RoleDescriptor(Role.IDP, "x", keys),), None, ())))
    assert document.faults == ()
    assert document.entities[0].roles[0].keys == (Key(Use.SIGNING, REAL), Key(Use.UNSPECIFIED, REAL))


def test_of_roles_without_keys_the_first_of_each_kind_stays() -> None:
    roles = (
        *(RoleDescriptor(Role.OTHER, f"type{nth}", ()) for nth in range(100)),
        RoleDescriptor(Role.IDP, "IDPSSODescriptor", ()),
        RoleDescriptor(Role.IDP, "SecurityTokenServiceType", ()),
        RoleDescriptor(Role.IDP, "IDPSSODescriptor", ()),
        role_of(Role.IDP, REAL),
    )
    found = cut(metadata_of(Entity("urn:x", roles, None, ())))
    assert [each.element for each in found.entities[0].roles] == [
        "type0",
        "IDPSSODescriptor",
        "SecurityTokenServiceType",
        "IDPSSODescriptor",
    ]
    assert [(each.kind, each.times) for each in found.faults] == [(FaultKind.PART_LEFT_OUT, 100)]
