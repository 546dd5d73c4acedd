"""What is known of a target after one more look: last good wins."""

from dataclasses import replace
from datetime import datetime

import builders
import pytest
from builders import DAY, ENTITY_ID, HOST, HOUR, NOW, certificate, pair

from exporter.config.settings import Target
from exporter.history import Change, History
from exporter.model import Document, Observation, Phase, Reason, Role, Use
from exporter.policy import PolicySettings, Profile, ProfileEvidence
from exporter.probe import read_document
from exporter.record import Record, advance
from exporter.rollover import State

ADFS = f"http://{HOST}/adfs/services/trust"
TARGET = Target("fs", f"https://{HOST}/federationmetadata/2007-06/federationmetadata.xml")
SAML = Target("idp", "https://idp.example/metadata")
LATER = NOW + HOUR


def read(document: bytes) -> Document:
    return read_document(document, (), etag='"1"')


def seen(document: Document, at: datetime = NOW) -> Observation:
    return Observation(at, None, "", {Phase.PARSE: 0.1}, 200, None, document)


def failed(at: datetime, reason: Reason = Reason.TIMEOUT) -> Observation:
    return Observation(at, reason, "no answer", {Phase.CONNECT: 10.0}, None, at + DAY, document=None)


def test_nothing_is_known_of_a_target_before_the_first_look() -> None:
    record = Record(TARGET)
    assert (record.observation, record.document, record.last_success, record.probes) == (None, None, None, 0)
    assert record.judge(NOW) == ()
    assert record.entity_id is None
    assert record.is_about_its_entity
    assert record.policy.profile is Profile.ADFS
    assert record.policy.evidence is ProfileEvidence.URL


def test_a_look_that_gets_a_document_is_remembered_whole() -> None:
    document = read(builders.adfs())
    record = advance(Record(TARGET), seen(document))
    assert record.observation == seen(document)
    assert record.document is document
    assert record.last_success == record.history.looked == NOW
    assert (record.probes, record.failures) == (1, 0)
    assert set(record.history.entities) == {ADFS}
    (rollover,) = record.judge(NOW)
    assert rollover.state is State.STEADY
    assert rollover.primary == certificate()


@pytest.mark.parametrize("reason", Reason)
def test_a_look_that_fails_replaces_nothing_but_the_look_itself(reason: Reason) -> None:
    good = advance(Record(TARGET), seen(read(builders.adfs())))
    record = advance(good, failed(LATER, reason))
    assert record == replace(good, observation=failed(LATER, reason), probes=2, failures=1)
    assert record.document is good.document
    assert record.history is good.history


def test_a_failure_before_any_document_is_counted_and_nothing_more() -> None:
    record = advance(Record(TARGET), failed(NOW))
    assert record == Record(TARGET, observation=failed(NOW), probes=1, failures=1)


def test_time_goes_on_for_the_last_good_document() -> None:
    ending = pair(not_after=NOW + 10 * DAY)
    record = advance(advance(Record(TARGET), seen(read(builders.adfs(ending)))), failed(LATER))
    for left, state in ((15, State.OVERDUE), (4, State.MISSING), (-1, State.EXPIRED)):
        (rollover,) = record.judge(NOW + (10 - left) * DAY)
        assert rollover.state is state


def test_a_document_after_a_failure_is_compared_with_the_last_good_one() -> None:
    record = advance(Record(TARGET), seen(read(builders.adfs(pair()))))
    record = advance(record, failed(NOW + HOUR))
    record = advance(record, seen(read(builders.adfs(pair(nth=1))), NOW + 2 * HOUR))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.REPLACED: NOW + 2 * HOUR}
    assert (record.probes, record.failures) == (3, 1)


def test_failures_in_between_make_a_gap_of_looks_that_saw_nothing() -> None:
    record = advance(Record(TARGET), seen(read(builders.adfs(pair()))))
    for hours in range(1, 26):
        record = advance(record, failed(NOW + hours * HOUR))
    record = advance(record, seen(read(builders.adfs(pair(nth=1))), NOW + 26 * HOUR))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.UNSEEN: NOW + 26 * HOUR}


def test_a_key_is_expected_or_not_by_the_verdict_before_it_came() -> None:
    ending = pair(not_after=NOW + 10 * DAY)
    record = advance(Record(TARGET), seen(read(builders.adfs(ending, signer=ending))))
    record = advance(record, seen(read(builders.adfs(ending, pair(), signer=pair())), LATER))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.ADDED: LATER}
    assert entity.last_promotion == LATER


def test_an_unchanged_document_keeps_the_very_history() -> None:
    document = read(builders.adfs())
    first = advance(Record(TARGET), seen(document))
    second = advance(first, seen(document, LATER))
    assert second.history.entities is first.history.entities
    assert second.last_success == second.history.looked == LATER


def test_what_was_restored_is_known_before_the_first_look_and_continued_by_it() -> None:
    saved = advance(Record(TARGET), seen(read(builders.adfs(pair()))))
    restored = Record(TARGET, document=saved.document, last_success=saved.last_success, history=saved.history)
    assert restored.entity_id == ADFS
    (rollover,) = restored.judge(LATER)
    assert rollover.primary == certificate()
    record = advance(restored, seen(read(builders.adfs(pair(), pair(nth=1))), LATER))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.UNEXPECTED: LATER}
    assert entity.first_seen[certificate().fingerprint] == NOW
    assert (record.probes, record.failures) == (1, 0)


def test_the_first_seen_times_of_the_history_are_what_a_verdict_is_built_on() -> None:
    # Shaped by hand under a policy for AD FS: the promotion is counted from when we saw the successor.
    primary = pair(not_after=NOW + 18 * DAY)
    successor = pair(not_before=NOW - 3 * DAY, not_after=NOW + 362 * DAY, subject="CN=Signing")
    target = replace(TARGET, policy=PolicySettings(profile=Profile.ADFS))
    record = advance(Record(target), seen(read(builders.adfs(primary, successor, signer=primary))))
    (rollover,) = record.judge(NOW + 2 * DAY)
    assert rollover.successor == successor.certificate
    assert rollover.promotion == NOW + 5 * DAY


# The policy in force


def test_the_policy_follows_the_last_good_document_once_there_is_one() -> None:
    record = advance(Record(SAML), seen(read(builders.adfs())))
    assert (record.policy.profile, record.policy.evidence) == (Profile.ADFS, ProfileEvidence.SHAPE)
    assert advance(record, failed(LATER)).policy == record.policy


def test_a_configured_profile_stays_whatever_the_document_looks_like() -> None:
    target = replace(TARGET, policy=PolicySettings(profile=Profile.SAML))
    record = advance(Record(target), seen(read(builders.adfs())))
    assert (record.policy.profile, record.policy.evidence) == (Profile.SAML, ProfileEvidence.CONFIGURED)


# Which entity


def test_a_document_must_be_about_the_entity_of_the_last_good_one() -> None:
    record = advance(Record(SAML), seen(read(builders.saml_metadata())))
    assert record.entity_id == ENTITY_ID
    assert advance(record, failed(LATER)).entity_id == ENTITY_ID


def test_a_configured_entity_comes_before_the_one_first_seen() -> None:
    target = replace(SAML, entity_id="urn:configured")
    assert Record(target).entity_id == "urn:configured"
    assert Record(target, document=read(builders.saml_metadata())).entity_id == "urn:configured"


def test_an_aggregate_binds_its_target_to_no_entity_unless_one_is_configured() -> None:
    document = read(builders.aggregate([builders.saml_metadata()]))
    assert Record(SAML, document=document).entity_id is None
    assert Record(replace(SAML, entity_id=ENTITY_ID), document=document).entity_id == ENTITY_ID


@pytest.mark.parametrize(
    ("configured", "holds"), [(None, True), (ENTITY_ID, True), ("urn:other", False)], ids=["none", "its own", "another"]
)
@pytest.mark.parametrize("aggregate", [False, True], ids=["alone", "in an aggregate"])
def test_a_record_is_about_its_entity_when_its_document_holds_the_configured_one(
    configured: str | None, *, holds: bool, aggregate: bool
) -> None:
    body = builders.saml_metadata()
    document = read(builders.aggregate([builders.saml_metadata("urn:first"), body]) if aggregate else body)
    assert Record(replace(SAML, entity_id=configured), document=document).is_about_its_entity is holds


def test_a_record_without_a_document_is_about_whatever_is_configured() -> None:
    assert Record(replace(SAML, entity_id=ENTITY_ID)).is_about_its_entity


def test_a_record_begins_with_an_empty_history() -> None:
    assert Record(SAML).history == History()
    assert Record(SAML).history.first_seen == {}


def test_a_key_does_not_widen_by_its_own_shape_the_window_in_which_it_is_expected() -> None:
    primary = pair(not_before=NOW - 325 * DAY, not_after=NOW + 40 * DAY)
    planted = pair(not_before=NOW - DAY, not_after=NOW + 700 * DAY, issuer=builders.authority(), nth=1)
    before = advance(Record(TARGET), seen(read(builders.adfs(primary, signer=primary))))
    assert before.policy.profile is Profile.ADFS
    after = advance(before, seen(read(builders.adfs(primary, planted, signer=primary)), LATER))
    assert after.policy.profile is Profile.ADFS_MANUAL, "whose window is wide enough for the new key"
    assert after.history.entities[ADFS].key_sets[Role.IDP, Use.SIGNING].changes == {Change.UNEXPECTED: LATER}
