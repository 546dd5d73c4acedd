"""What is remembered of a target from look to look, and what counts as a change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from builders import DAY, ENTITY_ID, HOUR, NOW, SECOND, certificate

from exporter.history import GAP, MEMORY, RETURN, STEADY, Change, EntityHistory, History, Sighting, advance, key_sets
from exporter.model import Certificate, Entity, Key, Metadata, Role, RoleDescriptor, Signature, SignatureState, Use
from exporter.policy import DEFAULTS, Policy, PolicySettings, Profile, in_force
from exporter.rollover import judge

A, B, C, D = (certificate(nth=nth) for nth in range(1, 5))
SIGNING = (Role.IDP, Use.SIGNING)
ENCRYPTION = (Role.IDP, Use.ENCRYPTION)
LATER = NOW + HOUR


def entity(
    *signing: Certificate,
    encryption: tuple[Certificate, ...] = (),
    role: Role = Role.IDP,
    entity_id: str = ENTITY_ID,
) -> Entity:
    keys = [*(Key(Use.SIGNING, (each,)) for each in signing), *(Key(Use.ENCRYPTION, (each,)) for each in encryption)]
    return Entity(entity_id, (RoleDescriptor(role, "Descriptor", tuple(keys)),), None, ())


def document(*entities: Entity) -> Metadata:
    return Metadata(entities, aggregate=len(entities) > 1, valid_until=None, cache_duration=None, faults=())


def policy(profile: Profile = Profile.ADFS, *, expiry: bool = True) -> Policy:
    return in_force(PolicySettings(profile=profile, expiry=expiry), None, "https://fs.example")


@dataclass
class Watcher:
    """Looks at one target again and again."""

    policy: Policy = field(default_factory=policy)
    history: History = field(default_factory=History)
    seen: Metadata = field(default_factory=document)
    signature: Signature | None = None

    def sees(self, *entities: Entity, at: datetime, signed_by: Certificate | None = None) -> History:
        before = judge(self.seen, self.policy, signature=self.signature, first_seen=self.history.first_seen, now=at)
        self.seen = document(*entities)
        self.signature = Signature(SignatureState.VALID, signed_by.fingerprint, "") if signed_by else None
        after = judge(self.seen, self.policy, signature=self.signature, first_seen=self.history.first_seen, now=at)
        self.history = advance(self.history, self.seen, self.policy, before=before, after=after, at=at)
        return self.history

    def goes_on(self, until: datetime) -> None:
        """Sees the same every day for so long before a moment that the clock is trusted."""
        signer = next((each for each in (A, B, C, D) if each.fingerprint == self.signer), None)
        at = until - STEADY
        while at < until:
            self.sees(*self.seen.entities, at=at, signed_by=signer)
            at += DAY

    @property
    def signer(self) -> str | None:
        return self.signature.fingerprint if self.signature else None

    @property
    def known(self) -> EntityHistory:
        return self.history.entities[ENTITY_ID]

    def changes(self, place: tuple[Role, Use] = SIGNING) -> Mapping[Change, datetime]:
        return self.known.key_sets[place].changes

    def in_force(self, place: tuple[Role, Use] = SIGNING) -> frozenset[str]:
        return self.known.key_sets[place].sightings[-1].fingerprints


def watcher_of(*signing: Certificate, at: datetime = NOW, under: Policy | None = None) -> Watcher:
    """One that has looked once."""
    watcher = Watcher(policy=under or policy())
    watcher.sees(entity(*signing), at=at)
    return watcher


# What counts as a change


def test_the_first_document_is_no_change_and_all_its_keys_are_first_seen_now() -> None:
    watcher = Watcher()
    history = watcher.sees(entity(A, B, encryption=(C,)), at=NOW)
    assert watcher.changes() == watcher.changes(ENCRYPTION) == {}
    assert watcher.known.last_promotion is None
    assert history.first_seen == {ENTITY_ID: dict.fromkeys((A.fingerprint, B.fingerprint, C.fingerprint), NOW)}
    assert history.looked == NOW


def test_the_first_document_after_a_start_without_memory_is_no_change_whenever_it_comes() -> None:
    watcher = Watcher(history=History(looked=NOW - 100 * DAY))
    watcher.sees(entity(A), at=NOW)
    assert watcher.changes() == {}


@pytest.mark.parametrize(
    ("profile", "window"),
    [(profile, DEFAULTS[profile].unexpected) for profile in (Profile.ADFS, Profile.ADFS_MANUAL, Profile.SAML)],
)
@pytest.mark.parametrize(
    ("beside", "change"),
    [(-SECOND, Change.UNEXPECTED), (timedelta(), Change.ADDED), (SECOND, Change.ADDED)],
    ids=["a second before", "at", "a second after"],
)
def test_a_key_is_expected_once_the_primary_has_no_longer_than_the_window_to_live(
    profile: Profile, window: float, beside: timedelta, change: Change
) -> None:
    at = A.not_after - window * DAY + beside
    watcher = watcher_of(A, at=at - HOUR, under=policy(profile))
    watcher.sees(entity(A, B), at=at)
    assert watcher.changes() == {change: at}


def test_whether_a_key_was_expected_is_judged_by_the_primary_before_it_came() -> None:
    ending = certificate(not_before=NOW - 360 * DAY, not_after=NOW + 5 * DAY)
    watcher = watcher_of(ending)
    watcher.sees(entity(ending, A), at=LATER, signed_by=A)
    assert watcher.changes() == {Change.ADDED: LATER}

    watcher = watcher_of(A)
    watcher.sees(entity(A, ending), at=LATER, signed_by=ending)
    assert watcher.changes() == {Change.UNEXPECTED: LATER}


@pytest.mark.parametrize(
    "under", [policy(Profile.ENTRA), policy(Profile.SAML, expiry=False)], ids=["entra", "no expiry"]
)
def test_no_key_is_unexpected_where_dates_say_nothing(under: Policy) -> None:
    watcher = watcher_of(A, under=under)
    watcher.sees(entity(A, B), at=LATER)
    assert watcher.changes() == {Change.ADDED: LATER}


def test_a_key_that_goes_is_removed() -> None:
    watcher = watcher_of(A, B)
    watcher.sees(entity(A), at=LATER)
    assert watcher.changes() == {Change.REMOVED: LATER}


def test_a_set_without_any_key_of_the_one_before_has_replaced_it_and_nothing_else() -> None:
    watcher = watcher_of(A, B)
    watcher.sees(entity(C, D), at=LATER)
    assert watcher.changes() == {Change.REPLACED: LATER}


def test_a_set_that_shares_a_key_with_the_one_before_has_keys_added_and_removed() -> None:
    watcher = watcher_of(A, B)
    watcher.sees(entity(B, C), at=LATER)
    assert watcher.changes() == {Change.UNEXPECTED: LATER, Change.REMOVED: LATER}


def test_each_kind_of_change_keeps_the_time_it_was_last_seen() -> None:
    watcher = watcher_of(A)
    for hours, signing in enumerate([(A, B), (A,), (A, C), (D,)], start=1):
        watcher.sees(entity(*signing), at=NOW + hours * HOUR)
    assert watcher.changes() == {
        Change.UNEXPECTED: NOW + 3 * HOUR,
        Change.REPLACED: NOW + 4 * HOUR,
    }, "the set that came back after an hour is no change"


def test_the_uses_and_roles_of_an_entity_change_apart() -> None:
    watcher = Watcher()
    watcher.sees(entity(A, encryption=(C,)), at=NOW)
    watcher.sees(entity(A, encryption=(D,)), at=LATER)
    assert watcher.changes() == {}
    assert watcher.changes(ENCRYPTION) == {Change.REPLACED: LATER}


def test_a_use_that_was_not_there_before_has_keys_added() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A, encryption=(C,)), at=LATER)
    assert watcher.changes(ENCRYPTION) == {Change.UNEXPECTED: LATER}


def test_a_role_that_goes_takes_its_keys_with_it() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A, role=Role.SP), at=LATER)
    assert watcher.changes() == {Change.REMOVED: LATER}
    assert watcher.in_force() == frozenset()
    assert watcher.changes((Role.SP, Use.SIGNING)) == {Change.UNEXPECTED: LATER}


def test_a_key_without_a_certificate_is_no_change_of_a_set_it_cannot_be_seen_in() -> None:
    watcher = watcher_of(A)
    nameless = RoleDescriptor(Role.SP, "Descriptor", (Key(Use.SIGNING, ()),))
    seen = entity(A)
    watcher.sees(replace(seen, roles=(*seen.roles, nameless)), at=LATER)
    assert watcher.changes((Role.SP, Use.SIGNING)) == {}


def test_key_sets_join_the_descriptors_of_one_role() -> None:
    twice = replace(
        entity(A), roles=(*entity(A, encryption=(C,)).roles, *entity(A, B).roles, *entity(role=Role.SP).roles)
    )
    assert key_sets(twice) == {SIGNING: {A.fingerprint, B.fingerprint}, ENCRYPTION: {C.fingerprint}}


# Gaps between our looks


@pytest.mark.parametrize(
    ("apart", "change"),
    [(GAP - SECOND, Change.REPLACED), (GAP, Change.REPLACED), (GAP + SECOND, Change.UNSEEN)],
    ids=["a second less", "at", "a second more"],
)
def test_a_change_between_looks_more_than_a_day_apart_was_not_seen(apart: timedelta, change: Change) -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(B), at=NOW + apart)
    assert watcher.changes() == {change: NOW + apart}


@pytest.mark.parametrize("signing", [(A, B, C), (A,), (B, C)], ids=["more keys", "fewer keys", "some other keys"])
def test_over_a_gap_every_kind_of_change_is_one_we_did_not_see(signing: tuple[Certificate, ...]) -> None:
    watcher = watcher_of(A, B)
    watcher.sees(entity(*signing), at=NOW + 2 * DAY)
    assert watcher.changes() == {Change.UNSEEN: NOW + 2 * DAY}


def test_a_gap_without_a_change_is_no_change() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A), at=NOW + 100 * DAY)
    assert watcher.changes() == {}


def test_looks_that_find_nothing_new_shorten_the_gap() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A), at=NOW + DAY)
    watcher.sees(entity(A, B), at=NOW + 2 * DAY)
    assert watcher.changes() == {Change.UNEXPECTED: NOW + 2 * DAY}


# Nodes that take turns


@pytest.mark.parametrize(
    "turns",
    [[(A,), (B,)], [(A,), (A, B)], [(A,), (B,), (C,)], [(A, B), (B, C), (A,), ()]],
    ids=["two without overlap", "one that lags", "three", "four, one of them empty"],
)
def test_nodes_that_take_turns_reset_nothing(turns: list[tuple[Certificate, ...]]) -> None:
    watcher = Watcher()
    at = NOW
    for signing in turns:
        watcher.sees(entity(*signing), at=at, signed_by=signing[-1] if signing else None)
        at += HOUR
    changes, first_seen, promoted = watcher.changes(), watcher.known.first_seen, watcher.known.last_promotion
    assert changes
    for signing in [*turns, *reversed(turns), *turns[1:]] * 20:
        watcher.sees(entity(*signing), at=at, signed_by=signing[-1] if signing else None)
        at += HOUR
        assert watcher.in_force() == {each.fingerprint for each in signing}
    assert (watcher.changes(), watcher.known.first_seen, watcher.known.last_promotion) == (
        changes,
        first_seen,
        promoted,
    )
    assert len(watcher.known.key_sets[SIGNING].sightings) == len(turns)


@pytest.mark.parametrize(
    ("away", "changes"),
    [(RETURN - SECOND, set()), (RETURN, set()), (RETURN + SECOND, {Change.REPLACED})],
    ids=["a second less", "at", "a second more"],
)
def test_a_set_that_returns_after_more_than_a_week_is_a_change(away: timedelta, changes: set[Change]) -> None:
    watcher = watcher_of(A)
    left, returned = LATER, LATER + away
    watcher.sees(entity(A), at=left)
    watcher.sees(entity(B), at=left + HOUR)
    watcher.sees(entity(B), at=returned - HOUR)
    watcher.sees(entity(A), at=returned)
    assert {change for change, at in watcher.changes().items() if at == returned} == changes


def test_a_set_left_over_a_gap_was_there_until_the_last_look_that_could_see_it() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A), at=NOW + 10 * DAY)
    watcher.sees(entity(B), at=NOW + 12 * DAY)
    (gone, current) = watcher.known.key_sets[SIGNING].sightings
    assert gone == Sighting(frozenset({A.fingerprint}), NOW, NOW + 10 * DAY)
    assert current == Sighting(frozenset({B.fingerprint}), NOW + 12 * DAY, NOW + 12 * DAY)


# First-seen times


def test_a_certificate_that_returns_keeps_the_time_it_was_first_seen() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(B), at=NOW + HOUR)
    watcher.sees(entity(B), at=NOW + MEMORY - DAY)
    watcher.sees(entity(A, B), at=NOW + MEMORY)
    assert watcher.known.first_seen == {A.fingerprint: NOW, B.fingerprint: NOW + HOUR}


@pytest.mark.parametrize(
    ("beside", "remembered"),
    [(-SECOND, True), (timedelta(), True), (SECOND, False)],
    ids=["a second before", "at", "a second after"],
)
def test_what_was_last_seen_longer_ago_than_memory_lasts_is_forgotten(beside: timedelta, *, remembered: bool) -> None:
    watcher = Watcher()
    watcher.sees(entity(A), at=NOW, signed_by=A)
    watcher.sees(entity(B), at=LATER, signed_by=B)
    at = NOW + MEMORY + beside
    watcher.goes_on(at)
    watcher.sees(entity(B, C), at=at, signed_by=B)
    assert (A.fingerprint in watcher.known.first_seen) is remembered
    for sightings in (watcher.known.key_sets[SIGNING].sightings, watcher.known.primaries):
        assert any(sighting.fingerprints == {A.fingerprint} for sighting in sightings) is remembered
    assert watcher.known.first_seen[B.fingerprint] == LATER
    assert watcher.changes()[Change.REPLACED] == LATER, "the time of a change is not forgotten"


def test_a_certificate_that_another_use_still_publishes_is_not_forgotten() -> None:
    watcher = Watcher()
    watcher.sees(entity(A, encryption=(A,)), at=NOW)
    watcher.sees(entity(B, encryption=(A,)), at=LATER)
    watcher.sees(entity(C, encryption=(A,)), at=LATER + HOUR)
    watcher.goes_on(NOW + 2 * MEMORY)
    watcher.sees(entity(D, encryption=(A,)), at=NOW + 2 * MEMORY)
    assert watcher.known.first_seen == {
        A.fingerprint: NOW,
        C.fingerprint: LATER + HOUR,
        D.fingerprint: NOW + 2 * MEMORY,
    }


# Promotions


def test_a_promotion_is_recorded_when_the_primary_changes() -> None:
    watcher = Watcher()
    watcher.sees(entity(A, B), at=NOW, signed_by=A)
    watcher.sees(entity(A, B), at=NOW + HOUR, signed_by=A)
    assert watcher.known.last_promotion is None
    watcher.sees(entity(A, B), at=NOW + 2 * HOUR, signed_by=B)
    watcher.sees(entity(A, B), at=NOW + 3 * HOUR, signed_by=B)
    assert watcher.known.last_promotion == NOW + 2 * HOUR
    assert watcher.known.primaries[-1].fingerprints == {B.fingerprint}
    assert watcher.changes() == {}


@pytest.mark.parametrize(
    ("apart", "promoted"),
    [(GAP - SECOND, True), (GAP, True), (GAP + SECOND, False)],
    ids=["a second less", "at", "a second more"],
)
def test_a_promotion_between_looks_more_than_a_day_apart_was_not_seen(apart: timedelta, *, promoted: bool) -> None:
    watcher = Watcher()
    watcher.sees(entity(A, B), at=NOW, signed_by=A)
    watcher.sees(entity(A, B), at=NOW + apart, signed_by=B)
    assert watcher.known.last_promotion == (NOW + apart if promoted else None)
    assert watcher.known.primaries[-1].fingerprints == {B.fingerprint}


def test_a_gap_leaves_the_promotion_that_we_did_see() -> None:
    watcher = Watcher()
    watcher.sees(entity(A, B, C), at=NOW, signed_by=A)
    watcher.sees(entity(A, B, C), at=LATER, signed_by=B)
    watcher.sees(entity(A, B, C), at=LATER + 2 * DAY, signed_by=C)
    assert watcher.known.last_promotion == LATER


def test_a_document_without_a_signing_key_promotes_nobody() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(), at=NOW + HOUR)
    watcher.sees(entity(A), at=NOW + 2 * HOUR)
    assert watcher.known.last_promotion is None
    assert [sighting.fingerprints for sighting in watcher.known.primaries] == [{A.fingerprint}]


# Aggregates


def test_an_entity_that_is_new_in_an_aggregate_is_no_change() -> None:
    watcher = Watcher(policy=policy(Profile.SAML))
    first, second, new = (entity(each, entity_id=f"urn:{name}") for each, name in ((A, "a"), (B, "b"), (C, "c")))
    watcher.sees(first, second, at=NOW)
    watcher.sees(first, second, new, at=LATER)
    known = watcher.history.entities["urn:c"]
    assert known.key_sets[SIGNING].changes == {}
    assert known.first_seen == {C.fingerprint: LATER}


def test_an_entity_that_leaves_an_aggregate_is_remembered() -> None:
    watcher = Watcher(policy=policy(Profile.SAML))
    first, second = entity(A, entity_id="urn:a"), entity(B, entity_id="urn:b")
    watcher.sees(first, second, at=NOW)
    watcher.sees(first, at=LATER)
    history = watcher.sees(first, second, at=LATER + HOUR)
    assert history.first_seen["urn:b"] == {B.fingerprint: NOW}
    assert history.entities["urn:b"].key_sets[SIGNING].changes == {}


def test_the_entities_of_an_aggregate_change_apart() -> None:
    watcher = Watcher(policy=policy(Profile.SAML))
    watcher.sees(entity(A, entity_id="urn:a"), entity(B, entity_id="urn:b"), at=NOW)
    before = watcher.history
    after = watcher.sees(entity(A, entity_id="urn:a"), entity(C, entity_id="urn:b"), at=LATER)
    assert after.entities["urn:a"] is before.entities["urn:a"]
    assert after.entities["urn:b"].key_sets[SIGNING].changes == {Change.REPLACED: LATER}


# What did not change


def test_an_unchanged_document_leaves_the_very_same_objects_and_the_time_of_the_look() -> None:
    watcher = Watcher()
    before = watcher.sees(entity(A, B, encryption=(C,)), at=NOW, signed_by=A)
    after = watcher.sees(entity(A, B, encryption=(C,)), at=NOW + 500 * DAY, signed_by=A)
    assert after.entities is before.entities
    assert after.looked == NOW + 500 * DAY


def test_the_order_of_keys_is_no_change() -> None:
    watcher = watcher_of(A, B)
    before = watcher.history.entities
    watcher.sees(entity(B, A), at=LATER)
    assert watcher.history.entities is before
