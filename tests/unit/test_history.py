"""What is remembered of a target from look to look, and what counts as a change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

import pytest
from builders import DAY, ENTITY_ID, HOUR, NOW, SECOND, certificate

from exporter.history import (
    GAP,
    MEMORY,
    PER_KEY_SET,
    PER_TARGET,
    RETURN,
    STEADY,
    Change,
    EntityHistory,
    History,
    KeySetHistory,
    Sighting,
    advance,
    clamped,
    key_sets,
    put_right,
    resumed,
)
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
    keys = [*(Key(Use.SIGNING, each) for each in signing), *(Key(Use.ENCRYPTION, each) for each in encryption)]
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
        """Sees the same twice a day for so long before a moment that the clock is trusted."""
        signer = next((each for each in (A, B, C, D) if each.fingerprint == self.signer), None)
        at = until - STEADY
        while at < until:
            self.sees(*self.seen.entities, at=at, signed_by=signer)
            at += DAY / 2

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
    watcher = watcher_of(A, B)
    watcher.sees(entity(B, C, role=Role.SP), at=LATER)
    assert watcher.changes() == {Change.REMOVED: LATER}
    assert watcher.in_force() == frozenset()
    assert watcher.changes((Role.SP, Use.SIGNING)) == {Change.UNEXPECTED: LATER}


@pytest.mark.parametrize("pause", [HOUR, 2 * DAY], ids=["at once", "over a gap"])
@pytest.mark.parametrize(
    "keys",
    [
        ((Role.IDP, Use.UNSPECIFIED, A), (Role.IDP, Use.SIGNING, B)),
        ((Role.IDP, Use.SIGNING, A), (Role.IDP, Use.SIGNING, B), (Role.AA, Use.SIGNING, A)),
        ((Role.SP, Use.SIGNING, B), (Role.SP, Use.UNSPECIFIED, A)),
        ((Role.IDP, Use.SIGNING, B), (Role.SP, Use.SIGNING, A)),
    ],
    ids=["another use", "one role more", "another role", "a role for each"],
)
def test_the_same_keys_in_other_roles_or_of_another_use_are_no_change(
    keys: tuple[tuple[Role, Use, Certificate], ...], pause: timedelta
) -> None:
    watcher = watcher_of(A, B)
    roles = tuple(RoleDescriptor(role, "Descriptor", (Key(use, each),)) for role, use, each in keys)
    for seen, at in ((replace(entity(), roles=roles), NOW + pause), (entity(A, B), NOW + 2 * pause)):
        watcher.sees(seen, at=at)
        assert watcher.known.changes(Use.SIGNING) == watcher.known.changes(Use.ENCRYPTION) == {}
        assert watcher.known.first_seen == {A.fingerprint: NOW, B.fingerprint: NOW}


def test_a_key_for_encryption_that_signs_from_now_on_is_known_already() -> None:
    watcher = Watcher()
    watcher.sees(entity(A, encryption=(B,)), at=NOW)
    watcher.sees(entity(A, B), at=LATER)
    assert watcher.known.changes(Use.SIGNING) == {Change.ADDED: LATER}
    assert watcher.known.changes(Use.ENCRYPTION) == {Change.REMOVED: LATER}


@pytest.mark.parametrize("away", [8 * DAY, MEMORY - DAY], ids=["a week", "nearly as long as memory lasts"])
def test_a_key_that_comes_back_is_not_unexpected_and_one_that_comes_with_it_is(away: timedelta) -> None:
    watcher = watcher_of(A, B, under=policy(Profile.ADFS))
    watcher.sees(entity(A), at=LATER)
    watcher.goes_on(until=LATER + away)
    watcher.sees(entity(A, B), at=LATER + away)
    assert watcher.changes() == {Change.REMOVED: LATER, Change.ADDED: LATER + away}
    long = certificate(not_before=NOW, not_after=NOW + 2000 * DAY)
    both = Watcher()
    for signing, at in (((long, B), NOW), ((long,), LATER), ((long, B, C), LATER + 8 * DAY)):
        both.goes_on(until=at) if both.history.entities else None
        both.sees(entity(*signing), at=at)
    assert both.changes().items() >= {Change.ADDED: LATER + 8 * DAY, Change.UNEXPECTED: LATER + 8 * DAY}.items()


def test_a_role_whose_keys_are_all_replaced_is_seen_beside_another_that_keeps_its_own() -> None:
    watcher = Watcher()
    provider = entity(C, role=Role.SP)
    for signing, at in ((A, NOW), (B, LATER)):
        seen = entity(signing)
        watcher.sees(replace(seen, roles=(*seen.roles, *provider.roles)), at=at)
    assert watcher.changes() == watcher.known.changes(Use.SIGNING) == {Change.REPLACED: LATER}
    assert watcher.changes((Role.SP, Use.SIGNING)) == {}


def test_keys_that_are_all_replaced_in_another_role_are_replaced() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(B, role=Role.AA), at=LATER)
    assert watcher.known.changes(Use.SIGNING) == {Change.REPLACED: LATER}


def test_of_all_roles_the_latest_change_counts() -> None:
    early, late = (KeySetHistory((), {Change.ADDED: at}) for at in (NOW, LATER))
    known = EntityHistory(key_sets={(Role.IDP, Use.SIGNING): late, (Role.SP, Use.UNSPECIFIED): early})
    assert known.changes(Use.SIGNING) == {Change.ADDED: LATER}
    assert known.changes(Use.ENCRYPTION) == {}


def test_a_history_that_kept_apart_the_keys_without_a_use_changes_by_nothing() -> None:
    seen = KeySetHistory((Sighting(frozenset({A.fingerprint}), NOW, NOW),))
    older = EntityHistory({A.fingerprint: NOW}, {(Role.IDP, Use.UNSPECIFIED): seen})
    watcher = Watcher(history=History({ENTITY_ID: older}, NOW), seen=document(entity(A)))
    watcher.sees(entity(A), at=LATER)
    assert watcher.known.changes(Use.SIGNING) == {}
    assert watcher.in_force() == {A.fingerprint}


def test_a_key_without_a_certificate_is_no_change_of_a_set_it_cannot_be_seen_in() -> None:
    watcher = watcher_of(A)
    nameless = RoleDescriptor(Role.SP, "Descriptor", (Key(Use.SIGNING, None),))
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
    [(GAP - SECOND, Change.UNEXPECTED), (GAP, Change.UNEXPECTED), (GAP + SECOND, Change.UNSEEN)],
    ids=["a second less", "at", "a second more"],
)
def test_a_change_between_looks_more_than_a_day_apart_was_not_seen(apart: timedelta, change: Change) -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A, B), at=NOW + apart)
    assert watcher.changes() == {change: NOW + apart}


@pytest.mark.parametrize(
    ("left", "under", "change"),
    [
        (22 * DAY + SECOND, policy(), Change.REPLACED),
        (22 * DAY, policy(), Change.UNSEEN),
        (-DAY, policy(), Change.UNSEEN),
        (200 * DAY, policy(Profile.ENTRA), Change.UNSEEN),
        (200 * DAY, policy(expiry=False), Change.UNSEEN),
    ],
    ids=["a second more", "at", "ended", "Entra ID", "no dates"],
)
def test_all_keys_were_replaced_over_a_gap_too_where_the_primary_had_long_to_live(
    left: timedelta, under: Policy, change: Change
) -> None:
    found = NOW + 60 * DAY
    ending = certificate(not_before=NOW - 100 * DAY, not_after=found + left)
    watcher = watcher_of(ending, under=under)
    watcher.sees(entity(A), at=found)
    assert watcher.changes() == {change: found}


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
def test_a_set_that_returns_after_more_than_a_day_is_a_change(away: timedelta, changes: set[Change]) -> None:
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


@pytest.mark.parametrize(
    ("away", "promoted"),
    [(RETURN - SECOND, 1), (RETURN, 1), (RETURN + SECOND, 2), (300 * DAY, 2)],
    ids=["a second less", "at", "a second more", "for long"],
)
def test_a_primary_that_comes_back_after_a_day_is_promoted_and_rolled_back(away: timedelta, promoted: int) -> None:
    watcher, back = Watcher(), NOW + away
    assert not EntityHistory().rolled_back
    promotions = set[datetime | None]()
    for signer, at in ((A, NOW), (B, LATER), (B, back - HOUR), (A, back)):
        watcher.goes_on(until=at) if at - LATER > STEADY else None
        watcher.sees(entity(A, B), at=at, signed_by=signer)
        promotions.add(watcher.known.last_promotion)
        assert watcher.known.rolled_back is (at == back and promoted == 2)
    assert len(promotions - {None}) == promoted
    assert watcher.known.primaries[-1].first == NOW
    forward = back + 2 * DAY
    watcher.sees(entity(A, B), at=forward - HOUR, signed_by=A)
    watcher.sees(entity(A, B), at=forward, signed_by=B)
    assert not watcher.known.rolled_back, "it was primary after the one it replaces"


def test_a_primary_that_was_rolled_back_before_the_file_could_be_read_is_known_as_that() -> None:
    saved, since = Watcher(), Watcher()
    for signer, at in ((A, NOW), (B, LATER)):
        saved.sees(entity(A, B), at=at, signed_by=signer)
    for signer, at in ((B, LATER + HOUR), (A, LATER + 2 * DAY)):
        since.sees(entity(A, B), at=at, signed_by=signer)
    (joined,) = resumed(saved.history, since.history, LATER + 2 * DAY).entities.values()
    assert joined.rolled_back
    assert not since.known.rolled_back


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


# A clock that was wrong


YEAR = 365 * DAY


def test_a_key_that_came_while_the_clock_was_ahead_came_when_the_clock_was_right_again() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A), at=NOW + YEAR)
    watcher.sees(entity(C, D), at=NOW + YEAR + HOUR, signed_by=C)
    watcher.sees(entity(C, D), at=NOW + YEAR + 2 * HOUR, signed_by=D)
    assert watcher.changes() == {Change.REPLACED: NOW + YEAR + HOUR}
    assert watcher.known.last_promotion == NOW + YEAR + 2 * HOUR
    watcher.sees(entity(C, D), at=LATER, signed_by=D)
    assert watcher.changes() == {Change.REPLACED: LATER}
    assert watcher.known.last_promotion == LATER
    assert watcher.known.first_seen == {A.fingerprint: NOW, C.fingerprint: LATER, D.fingerprint: LATER}
    (gone, current) = watcher.known.key_sets[SIGNING].sightings
    assert gone == Sighting(frozenset({A.fingerprint}), NOW, LATER)
    assert current == Sighting(frozenset({C.fingerprint, D.fingerprint}), LATER, LATER)


def test_what_is_put_right_is_put_right_once() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A, B), at=NOW + YEAR)
    right = watcher.sees(entity(A, B), at=LATER)
    assert watcher.sees(entity(A, B), at=LATER + HOUR).entities is right.entities
    assert clamped(right, LATER) is right


def test_a_clock_that_goes_back_by_a_second_changes_no_time_but_that_of_the_look() -> None:
    watcher = watcher_of(A)
    before = watcher.sees(entity(A), at=LATER)
    after = watcher.sees(entity(A), at=LATER - SECOND)
    assert after.entities is before.entities
    assert after.looked == LATER - SECOND


def test_a_clock_that_was_ahead_for_days_makes_nothing_forgotten() -> None:
    watcher = Watcher()
    for hours, key in enumerate((A, B, A, C)):
        watcher.sees(entity(key), at=NOW + hours * HOUR, signed_by=key)
    known = watcher.known
    ahead = NOW + 500 * DAY
    for hours in range(0, 7 * 24, 24):
        key = (A, B, C)[hours % 3]
        watcher.sees(entity(key), at=ahead + hours * HOUR, signed_by=key)
    watcher.sees(entity(D), at=NOW + 8 * DAY, signed_by=D)
    assert watcher.known.first_seen.items() >= known.first_seen.items()
    assert {each.fingerprints for each in known.key_sets[SIGNING].sightings} < {
        each.fingerprints for each in watcher.known.key_sets[SIGNING].sightings
    }


@pytest.mark.parametrize(
    ("beside", "forgotten"),
    [(-SECOND, False), (timedelta(), True), (SECOND, True)],
    ids=["a second before", "at", "a second after"],
)
def test_nothing_is_forgotten_before_looks_have_gone_on_for_a_week(beside: timedelta, *, forgotten: bool) -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(B), at=LATER)
    watcher.goes_on(NOW + 500 * DAY)
    watcher.sees(entity(B, C), at=NOW + 500 * DAY + beside)
    assert (A.fingerprint not in watcher.known.first_seen) is forgotten


def test_a_gap_between_looks_makes_the_week_begin_anew() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(B), at=LATER)
    watcher.goes_on(NOW + 500 * DAY)
    watcher.sees(entity(B, C), at=NOW + 500 * DAY + GAP)
    assert A.fingerprint in watcher.known.first_seen


def test_a_clock_with_an_empty_battery_dates_nothing() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(A, B), at=NOW - 10 * YEAR)
    watcher.sees(entity(A, B), at=NOW - 10 * YEAR + HOUR)
    assert watcher.known.first_seen[A.fingerprint] == NOW
    watcher.sees(entity(A, B), at=LATER)
    assert watcher.known.first_seen == {A.fingerprint: NOW, B.fingerprint: LATER}
    assert watcher.changes() == {Change.UNEXPECTED: LATER}


def test_nodes_that_take_turns_while_the_clock_jumps_end_where_they_were() -> None:
    watcher = watcher_of(A)
    watcher.sees(entity(B), at=NOW + HOUR)
    first_seen = watcher.known.first_seen
    for hours, ahead in enumerate((0 * DAY, 500 * DAY, 500 * DAY, 0 * DAY, -10 * YEAR, 0 * DAY), start=2):
        watcher.sees(entity((A, B)[hours % 2]), at=NOW + hours * HOUR + ahead)
    changes = watcher.changes()
    assert all(at <= NOW + 7 * HOUR for at in changes.values())
    assert watcher.known.first_seen == first_seen
    for hours in range(8, 14):
        watcher.sees(entity((A, B)[hours % 2]), at=NOW + hours * HOUR)
        assert watcher.changes() == changes


def test_a_first_seen_time_is_never_later_than_the_key_set_that_shows_the_certificate() -> None:
    sightings = (
        Sighting(frozenset({"aa"}), NOW, NOW + YEAR),
        Sighting(frozenset({"aa", "bb"}), NOW + YEAR, NOW + YEAR),
    )
    known = EntityHistory({"aa": NOW + YEAR, "bb": NOW + YEAR}, {SIGNING: KeySetHistory(sightings)})
    (right,) = clamped(History({ENTITY_ID: known}), LATER).entities.values()
    assert right.first_seen == {"aa": NOW, "bb": LATER}
    assert right.key_sets[SIGNING].sightings[0] == Sighting(frozenset({"aa"}), NOW, LATER)


def test_a_history_whose_last_look_can_be_true_is_not_gone_through() -> None:
    class Untouchable(dict[str, EntityHistory]):
        def items(self) -> NoReturn:
            raise AssertionError

    history = History(Untouchable(), NOW)
    assert put_right(history, LATER) is history
    with pytest.raises(AssertionError):
        put_right(history, NOW - DAY)


def test_what_a_file_holds_of_the_future_happened_by_the_last_look() -> None:
    known = EntityHistory({"aa": NOW + YEAR}, left=NOW + YEAR)
    right = clamped(History({ENTITY_ID: known}, NOW), LATER)
    assert right == History({ENTITY_ID: EntityHistory({"aa": NOW}, left=NOW)}, NOW)


# Bounds


def members(*names: str) -> list[Entity]:
    return [entity(A, entity_id=f"urn:{name}") for name in names]


def test_an_entity_that_is_not_in_the_document_left_when_it_was_first_missed() -> None:
    watcher = Watcher(policy=policy(Profile.SAML))
    watcher.sees(*members("a", "b"), at=NOW)
    watcher.sees(*members("a"), at=LATER)
    left = watcher.sees(*members("a"), at=LATER + HOUR).entities["urn:b"]
    assert left.left == LATER
    assert watcher.sees(*members("a"), at=LATER + 2 * HOUR).entities["urn:b"] is left
    assert watcher.sees(*members("a", "b"), at=LATER + 3 * HOUR).entities["urn:b"] == replace(left, left=None)


def test_what_changed_while_an_entity_was_away_is_judged_by_how_long_it_was() -> None:
    for away, change in ((GAP, Change.ADDED), (GAP + SECOND, Change.UNSEEN)):
        watcher = Watcher()
        watcher.sees(*members("a", "b"), at=NOW)
        watcher.sees(*members("a"), at=LATER)
        watcher.sees(*members("a"), at=LATER + away - HOUR)
        watcher.sees(*members("a"), entity(A, B, entity_id="urn:b"), at=LATER + away)
        assert watcher.history.entities["urn:b"].key_sets[SIGNING].changes.keys() == {change}


@pytest.mark.parametrize(
    ("beside", "remembered"),
    [(-SECOND, True), (timedelta(), True), (SECOND, False)],
    ids=["a second before", "at", "a second after"],
)
def test_an_entity_that_left_longer_ago_than_memory_lasts_is_forgotten(beside: timedelta, *, remembered: bool) -> None:
    watcher = Watcher(policy=policy(Profile.SAML))
    watcher.sees(*members("a", "b"), at=NOW)
    watcher.sees(*members("a"), at=LATER)
    at = LATER + MEMORY + beside
    watcher.goes_on(at)
    watcher.sees(*members("a"), at=at)
    assert ("urn:b" in watcher.history.entities) is remembered
    assert watcher.history.dropped == 0, "only what is forgotten for its number counts"


def test_one_look_that_gets_half_of_the_largest_aggregate_forgets_nothing() -> None:
    everybody = members(*map(str, range(12_000)))
    history, histories = History(), []
    for hours, present in enumerate((everybody, everybody[:10], everybody)):
        at = NOW + hours * HOUR
        history = advance(history, document(*present), policy(), before=(), after=(), at=at)
        histories.append(history)
    assert histories[-1] == replace(histories[0], looked=NOW + 2 * HOUR)


def test_what_was_last_seen_the_longest_ago_is_dropped_first() -> None:
    def farm(look: int) -> Entity:
        keys = (replace(A, fingerprint=f"{look}.{nth}") for nth in range(100))
        return entity(*keys)

    watcher = Watcher(policy=policy(Profile.ENTRA))
    for look in range(PER_KEY_SET // 100 + 3):
        watcher.sees(farm(look), at=NOW + look * HOUR)
    kept = [each.first for each in watcher.known.key_sets[SIGNING].sightings]
    assert kept == [NOW + look * HOUR for look in (2, 3, 4)]
    assert set(watcher.known.first_seen) == {f"{look}.{nth}" for look in (2, 3, 4) for nth in range(100)}
    assert watcher.history.dropped == 2


def test_of_a_target_the_oldest_of_departed_entities_and_earlier_key_sets_are_dropped() -> None:
    watcher = Watcher(policy=policy(Profile.ENTRA))

    def with_keys(entity_id: str, look: int, keys: int) -> Entity:
        return entity(
            *(replace(A, fingerprint=f"{look}.{entity_id}.{nth}") for nth in range(keys)), entity_id=entity_id
        )

    many = PER_TARGET // 100
    changing = [with_keys(f"urn:{nth}", 0, 100) for nth in range(many)]
    leaving = with_keys("urn:leaving", 0, 150)
    watcher.sees(*changing, leaving, at=NOW)
    watcher.sees(*changing[1:], with_keys("urn:0", 1, 1), leaving, at=NOW + HOUR)
    changed = [with_keys(f"urn:{nth}", 1, 1) for nth in range(many)]
    history = watcher.sees(*changed, leaving, at=NOW + 2 * HOUR)
    assert history.dropped == 0
    history = watcher.sees(*changed, at=NOW + 3 * HOUR)
    assert history.dropped == 2
    assert {each for each, known in history.entities.items() if len(known.key_sets[SIGNING].sightings) == 1} == {
        "urn:0",
        "urn:1",
        "urn:leaving",
    }


def test_of_more_departed_entities_than_a_target_may_have_those_go_that_left_first() -> None:
    watcher = Watcher(policy=policy(Profile.ENTRA))
    many = [
        entity(*(replace(A, fingerprint=f"{nth}.{key}") for key in range(100)), entity_id=f"urn:{nth}")
        for nth in range(PER_TARGET // 100 + 1)
    ]
    stays = entity(B, entity_id="urn:stays")
    watcher.sees(stays, *many, at=NOW)
    watcher.sees(stays, *many[1:], at=NOW + HOUR)
    history = watcher.sees(stays, at=NOW + 2 * HOUR)
    assert "urn:0" not in history.entities
    assert "urn:stays" in history.entities
    assert history.dropped == len(many) + 1 - len(history.entities) > 0


# Resumed


def saved_and_since(*, pause: timedelta = HOUR) -> tuple[Watcher, Watcher]:
    """A history of A that was saved, and one of A and B that began after a pause."""
    saved = watcher_of(A)
    saved.sees(entity(A), at=LATER, signed_by=A)
    since = Watcher()
    since.sees(entity(A, B), at=LATER + pause, signed_by=B)
    return saved, since


def test_what_was_saved_is_joined_with_what_was_gathered_without_it() -> None:
    saved, since = saved_and_since()
    at = LATER + HOUR
    (joined,) = resumed(saved.history, since.history, at).entities.values()
    assert joined.first_seen == {A.fingerprint: NOW, B.fingerprint: at}
    assert joined.key_sets[SIGNING] == KeySetHistory(
        (Sighting(frozenset({A.fingerprint}), NOW, LATER), Sighting(frozenset({A.fingerprint, B.fingerprint}), at, at)),
        {Change.UNEXPECTED: at},
    )
    assert joined.last_promotion == at
    (expected,) = resumed(saved.history, since.history, at, expecting={ENTITY_ID}).entities.values()
    assert expected.key_sets[SIGNING].changes == {Change.ADDED: at}


@pytest.mark.parametrize(
    ("beside", "change"),
    [(-SECOND, Change.UNEXPECTED), (timedelta(), Change.UNEXPECTED), (SECOND, Change.UNSEEN)],
    ids=["a second less", "at", "a second more"],
)
def test_what_changed_while_nothing_could_be_read_for_more_than_a_day_was_not_seen(
    beside: timedelta, change: Change
) -> None:
    saved, since = saved_and_since(pause=GAP + beside)
    (joined,) = resumed(saved.history, since.history, LATER + 2 * GAP).entities.values()
    assert joined.key_sets[SIGNING].changes == {change: LATER + GAP + beside}
    assert (joined.last_promotion is None) is (change is Change.UNSEEN)


@pytest.mark.parametrize(
    ("away", "changes"), [(RETURN, set()), (RETURN + SECOND, {Change.REMOVED})], ids=["a day", "a second more"]
)
def test_a_set_that_had_not_gone_when_it_was_saved_has_not_gone(away: timedelta, changes: set[Change]) -> None:
    saved = watcher_of(A)
    saved.sees(entity(A, B), at=LATER)
    saved.sees(entity(A, B), at=LATER + HOUR)
    since = watcher_of(A, at=NOW + away)
    (joined,) = resumed(saved.history, since.history, NOW + away).entities.values()
    assert joined.key_sets[SIGNING].changes.keys() - {Change.UNEXPECTED} == changes
    assert joined.key_sets[SIGNING].sightings[-1].first == NOW


@pytest.mark.parametrize(
    ("signing", "changes"),
    [((A, B), {Change.ADDED}), ((A, B, C), {Change.UNEXPECTED}), ((A, C), {Change.UNEXPECTED})],
    ids=["known", "known and new", "new"],
)
def test_what_came_before_the_file_could_be_read_was_not_unexpected_where_the_file_knows_it(
    signing: tuple[Certificate, ...], changes: set[Change]
) -> None:
    saved, since = watcher_of(A, B), watcher_of(A, at=NOW + 3 * HOUR)
    saved.sees(entity(A), at=LATER)
    since.sees(entity(*signing), at=NOW + 4 * HOUR)
    (joined,) = resumed(saved.history, since.history, NOW + 4 * HOUR).entities.values()
    assert {change for change, at in joined.changes(Use.SIGNING).items() if at == NOW + 4 * HOUR} == changes


def test_what_was_not_there_when_looks_began_anew_had_gone_by_then() -> None:
    saved, since = watcher_of(A), Watcher()
    for signing, at in (((), HOUR), ((), 2 * DAY), ((B,), 2 * DAY + HOUR)):
        since.sees(entity(*signing), at=NOW + at)
    (joined,) = resumed(saved.history, since.history, NOW + 3 * DAY).entities.values()
    assert joined.changes(Use.SIGNING) == {Change.REMOVED: NOW + HOUR, Change.ADDED: NOW + 2 * DAY + HOUR}


def test_a_use_that_only_one_half_knows_was_added_or_removed_between_them() -> None:
    saved, since = Watcher(), Watcher()
    saved.sees(entity(A, encryption=(C,)), at=NOW)
    since.sees(entity(A), entity(A, entity_id="urn:new"), at=LATER)
    joined = resumed(saved.history, since.history, LATER).entities
    assert joined[ENTITY_ID].key_sets[ENCRYPTION].changes == {Change.REMOVED: LATER}
    assert joined["urn:new"] is since.history.entities["urn:new"]
    back = resumed(History({ENTITY_ID: since.known}, LATER), saved_again(), LATER + HOUR).entities
    assert back[ENTITY_ID].key_sets[ENCRYPTION].changes == {Change.UNEXPECTED: LATER + HOUR}


def saved_again() -> History:
    watcher = Watcher()
    return watcher.sees(entity(A, encryption=(C,)), at=LATER + HOUR)


def test_an_entity_that_was_saved_and_not_seen_since_has_left() -> None:
    saved, since = Watcher(), Watcher()
    saved.sees(*members("a", "b", "c"), at=NOW)
    saved.sees(*members("a", "b"), at=LATER)
    since.sees(*members("a"), at=LATER + HOUR)
    joined = resumed(saved.history, since.history, LATER + 2 * HOUR).entities
    assert {each: known.left for each, known in joined.items()} == {
        "urn:a": None,
        "urn:b": LATER + HOUR,
        "urn:c": LATER,
    }
    assert joined["urn:a"] is saved.history.entities["urn:a"], "nothing is written anew that is as it was"


def test_without_a_look_before_or_since_there_is_nothing_to_join() -> None:
    watcher = watcher_of(A)
    assert resumed(watcher.history, History(), LATER) is watcher.history
    assert resumed(History(), watcher.history, LATER) is watcher.history


def test_what_was_saved_of_the_future_is_put_right_before_it_is_joined() -> None:
    saved, since = watcher_of(A, at=NOW + YEAR), watcher_of(A, B, at=LATER)
    joined = resumed(saved.history, since.history, LATER)
    assert joined.first_seen == {ENTITY_ID: {A.fingerprint: LATER, B.fingerprint: LATER}}


def test_what_is_joined_keeps_to_the_bounds() -> None:
    def half(look: int) -> History:
        watcher = Watcher(policy=policy(Profile.ENTRA))
        for nth in range(2):
            keys = (replace(A, fingerprint=f"{look}.{nth}.{key}") for key in range(PER_KEY_SET // 2))
            watcher.sees(entity(*keys), at=NOW + (2 * look + nth) * HOUR)
        return watcher.history

    joined = resumed(half(0), half(1), LATER + 3 * HOUR)
    assert joined.dropped == 1
    assert len(joined.entities[ENTITY_ID].key_sets[SIGNING].sightings) == 3
