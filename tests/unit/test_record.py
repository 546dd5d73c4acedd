"""What is known of a target after one more look: last good wins."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import builders
import pytest
from builders import (
    DAY,
    ENTITY_ID,
    HOST,
    HOUR,
    NOW,
    certificate,
    knowing,
    pair,
    probed,
    watched,
    with_looks,
)
from moments import moments

from exporter import inquiry as inquiries
from exporter.config.settings import INTERNET, Cloud, Entra, Target, TrustSource
from exporter.demo.documents import KeyPair
from exporter.findings import standing
from exporter.history import Change, History
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason
from exporter.lately import Lately
from exporter.model import Document, Observation, Phase, Reason, Role, SignatureState, Use
from exporter.policy import PolicySettings, Profile, ProfileEvidence
from exporter.probe import read_document
from exporter.record import (
    LookRecord,
    Question,
    Record,
    advance,
    answered,
    bare,
    clamped,
    joined,
    remembered,
    resumed,
)
from exporter.rollover import State
from exporter.served import Served
from exporter.trust import TrustState

ADFS = f"http://{HOST}/adfs/services/trust"
TARGET = watched("fs", f"https://{HOST}/federationmetadata/2007-06/federationmetadata.xml")
SAML = watched("idp", "https://idp.example/metadata")
LATER = NOW + HOUR


def read(document: bytes) -> Document:
    return read_document(document, ())


def seen(document: Document, at: datetime = NOW) -> Observation:
    return Observation(at, None, "", {Phase.PARSE: 0.1}, 200, None, document)


def failed(at: datetime, reason: Reason = Reason.TIMEOUT) -> Observation:
    return Observation(at, reason, "no answer", {Phase.CONNECT: 10.0}, None, at + DAY, document=None)


def test_nothing_is_known_of_a_target_before_the_first_look() -> None:
    record = bare(TARGET)
    assert (record.observation, record.document, record.last_success, record.first.probes) == (None, None, None, 0)
    assert record.judge(NOW) == ()
    assert record.entity_id is None
    assert record.policy.profile is Profile.ADFS
    assert record.policy.evidence is ProfileEvidence.URL


def test_a_look_that_gets_a_document_is_remembered_whole() -> None:
    document = read(builders.adfs())
    record = probed(bare(TARGET), seen(document))
    assert record.observation == seen(document)
    assert record.document is document
    assert record.last_success == record.history.looked == NOW
    assert (record.first.probes, record.first.failures) == (1, 0)
    assert set(record.history.entities) == {ADFS}
    (rollover,) = record.judge(NOW)
    assert rollover.state is State.STEADY
    assert rollover.primary == certificate()


@pytest.mark.parametrize("reason", Reason)
def test_a_look_that_fails_replaces_nothing_but_the_look_itself(reason: Reason) -> None:
    good = probed(bare(TARGET), seen(read(builders.adfs())))
    record = probed(good, failed(LATER, reason))
    latest = failed(LATER, reason)
    went = good.first.lately.after(latest)
    assert record == knowing(good, observation=latest, probes=2, failures=1, lately=went)
    assert (went.failure, went.failing_since) == (latest, LATER)
    assert record.document is good.document
    assert record.history is good.history


def test_a_failure_before_any_document_is_counted_and_nothing_more() -> None:
    record = probed(bare(TARGET), failed(NOW))
    assert record == knowing(
        bare(TARGET), observation=failed(NOW), probes=1, failures=1, lately=Lately().after(failed(NOW))
    )


# Since when nothing usable has come


def lately(*found: Document | Reason, record: Record | None = None) -> list[datetime | None]:
    """Since when the first look fails, after each of these probes, an hour apart."""
    record, since = record or bare(TARGET), []
    for hours, each in enumerate(found):
        at = NOW + hours * HOUR
        record = probed(record, failed(at, each) if isinstance(each, Reason) else seen(each, at))
        since.append(record.first.lately.failing_since)
    return since


def test_a_look_fails_since_the_first_of_the_probes_that_got_nothing_whatever_their_reasons() -> None:
    good = read(builders.adfs())
    assert lately(Reason.DNS, Reason.TIMEOUT, good) == [NOW, NOW, None]
    assert lately(good, Reason.DNS, Reason.HTML, good, Reason.DNS) == [
        None,
        NOW + HOUR,
        NOW + HOUR,
        None,
        NOW + 4 * HOUR,
    ]


def test_after_a_restart_a_look_fails_since_its_first_probe_that_fails() -> None:
    saved = probed(bare(TARGET), seen(read(builders.adfs()), NOW - DAY))
    restored = knowing(bare(TARGET), document=saved.document, last_success=saved.last_success)
    assert lately(Reason.DNS, Reason.DNS, record=restored) == [NOW, NOW]


@pytest.mark.parametrize("seconds", [-1, 0, 1, 86400])
def test_a_look_does_not_fail_since_a_time_that_cannot_be_true(seconds: int) -> None:
    began = NOW + timedelta(seconds=seconds)
    record = probed(bare(TARGET), failed(began))
    record = probed(record, failed(NOW))
    assert record.first.lately.failing_since == min(began, NOW)
    assert clamped(record, NOW) is record


def test_time_goes_on_for_the_last_good_document() -> None:
    ending = pair(not_after=NOW + 10 * DAY)
    record = probed(probed(bare(TARGET), seen(read(builders.adfs(ending)))), failed(LATER))
    for left, state in ((15, State.OVERDUE), (4, State.MISSING), (-1, State.EXPIRED)):
        (rollover,) = record.judge(NOW + (10 - left) * DAY)
        assert rollover.state is state


def test_a_document_after_a_failure_is_compared_with_the_last_good_one() -> None:
    record = probed(bare(TARGET), seen(read(builders.adfs(pair()))))
    record = probed(record, failed(NOW + HOUR))
    record = probed(record, seen(read(builders.adfs(pair(nth=1))), NOW + 2 * HOUR))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.REPLACED: NOW + 2 * HOUR}
    assert (record.first.probes, record.first.failures) == (3, 1)


def test_failures_in_between_make_a_gap_of_looks_that_saw_nothing() -> None:
    record = probed(bare(TARGET), seen(read(builders.adfs(pair()))))
    for hours in range(1, 26):
        record = probed(record, failed(NOW + hours * HOUR))
    record = probed(record, seen(read(builders.adfs(pair(), pair(nth=1))), NOW + 26 * HOUR))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.UNSEEN: NOW + 26 * HOUR}


def test_a_key_is_expected_or_not_by_the_verdict_before_it_came() -> None:
    ending = pair(not_after=NOW + 10 * DAY)
    record = probed(bare(TARGET), seen(read(builders.adfs(ending, signer=ending))))
    record = probed(record, seen(read(builders.adfs(ending, pair(), signer=pair())), LATER))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.ADDED: LATER}
    assert entity.last_promotion == LATER


def test_an_unchanged_document_keeps_the_very_history() -> None:
    document = read(builders.adfs())
    first = probed(bare(TARGET), seen(document))
    second = probed(first, seen(document, LATER))
    assert second.history.entities is first.history.entities
    assert second.last_success == second.history.looked == LATER


def test_what_was_restored_is_known_before_the_first_look_and_continued_by_it() -> None:
    saved = probed(bare(TARGET), seen(read(builders.adfs(pair()))))
    restored = knowing(bare(TARGET), document=saved.document, last_success=saved.last_success, history=saved.history)
    assert restored.entity_id == ADFS
    (rollover,) = restored.judge(LATER)
    assert rollover.primary == certificate()
    record = probed(restored, seen(read(builders.adfs(pair(), pair(nth=1))), LATER))
    (entity,) = record.history.entities.values()
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.UNEXPECTED: LATER}
    assert entity.first_seen[certificate().fingerprint] == NOW
    assert (record.first.probes, record.first.failures) == (1, 0)


def test_the_first_seen_times_of_the_history_are_what_a_verdict_is_built_on() -> None:
    # Shaped by hand under a policy for AD FS: the promotion is counted from when we saw the successor.
    primary = pair(not_after=NOW + 18 * DAY)
    successor = pair(not_before=NOW - 3 * DAY, not_after=NOW + 362 * DAY, subject="CN=Signing")
    target = replace(TARGET, policy=PolicySettings(profile=Profile.ADFS))
    record = bare(target)
    for published, at in (((primary,), NOW - DAY), ((primary, successor), NOW)):
        record = probed(record, seen(read(builders.adfs(*published, signer=primary)), at))
    (rollover,) = record.judge(NOW + 2 * DAY)
    assert rollover.successor == successor.certificate
    assert rollover.promotion == NOW + 5 * DAY


# The policy in force


def test_the_policy_follows_the_last_good_document_once_there_is_one() -> None:
    record = probed(bare(SAML), seen(read(builders.adfs())))
    assert (record.policy.profile, record.policy.evidence) == (Profile.ADFS, ProfileEvidence.SHAPE)
    assert probed(record, failed(LATER)).policy == record.policy


def test_a_configured_profile_stays_whatever_the_document_looks_like() -> None:
    target = replace(TARGET, policy=PolicySettings(profile=Profile.SAML))
    record = probed(bare(target), seen(read(builders.adfs())))
    assert (record.policy.profile, record.policy.evidence) == (Profile.SAML, ProfileEvidence.CONFIGURED)


# Which entity


def test_a_document_must_be_about_the_entity_of_the_last_good_one() -> None:
    record = probed(bare(SAML), seen(read(builders.saml_metadata())))
    assert record.entity_id == ENTITY_ID
    assert probed(record, failed(LATER)).entity_id == ENTITY_ID


def test_a_configured_entity_comes_before_the_one_first_seen() -> None:
    target = replace(SAML, entity_id="urn:configured")
    assert bare(target).entity_id == "urn:configured"
    assert knowing(bare(target), document=read(builders.saml_metadata())).entity_id == "urn:configured"


def test_an_aggregate_binds_its_target_to_no_entity_unless_one_is_configured() -> None:
    document = read(builders.aggregate([builders.saml_metadata(), builders.saml_metadata("urn:other")]))
    assert knowing(bare(SAML), document=document).entity_id is None
    assert knowing(bare(replace(SAML, entity_id=ENTITY_ID)), document=document).entity_id == ENTITY_ID


def test_one_entity_in_a_group_binds_its_target_like_one_alone() -> None:
    record = probed(bare(SAML), seen(read(builders.aggregate([builders.saml_metadata()]))))
    assert record.entity_id == ENTITY_ID
    assert record.entity is not None


@pytest.mark.parametrize(
    ("configured", "holds"), [(None, True), (ENTITY_ID, True), ("urn:other", False)], ids=["none", "its own", "another"]
)
@pytest.mark.parametrize("aggregate", [False, True], ids=["alone", "in an aggregate"])
def test_a_look_is_about_the_configured_entity_when_its_document_holds_it(
    configured: str | None, *, holds: bool, aggregate: bool
) -> None:
    body = builders.saml_metadata()
    document = read(builders.aggregate([builders.saml_metadata("urn:first"), body]) if aggregate else body)
    assert LookRecord(SAML.look, document=document).is_about(configured) is holds


def test_a_look_without_a_document_is_about_whatever_is_configured() -> None:
    assert LookRecord(SAML.look).is_about(ENTITY_ID)


def test_a_record_begins_with_an_empty_history() -> None:
    assert bare(SAML).history == History()
    assert bare(SAML).history.first_seen == {}


def test_a_key_does_not_widen_by_its_own_shape_the_window_in_which_it_is_expected() -> None:
    primary = pair(not_before=NOW - 325 * DAY, not_after=NOW + 40 * DAY)
    planted = pair(not_before=NOW - DAY, not_after=NOW + 700 * DAY, issuer=builders.authority(), nth=1)
    before = probed(bare(TARGET), seen(read(builders.adfs(primary, signer=primary))))
    assert before.policy.profile is Profile.ADFS
    after = probed(before, seen(read(builders.adfs(primary, planted, signer=primary)), LATER))
    assert after.policy.profile is Profile.ADFS_MANUAL, "whose window is wide enough for the new key"
    assert after.history.entities[ADFS].key_sets[Role.IDP, Use.SIGNING].changes == {Change.UNEXPECTED: LATER}


# What looks are compared by


FIRST, SECOND = pair(not_after=NOW + 18 * DAY), pair(not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY, nth=1)


def farm(*signing: KeyPair, signer: KeyPair | None = None) -> Document:
    return read(builders.adfs(*signing, signer=signer))


def test_a_document_serves_its_signing_keys_and_the_one_that_signed_it() -> None:
    fingerprints = frozenset({FIRST.certificate.fingerprint, SECOND.certificate.fingerprint})
    served = Served.by(farm(FIRST, SECOND, signer=SECOND))
    assert served == Served(fingerprints, SECOND.certificate.fingerprint)


def test_a_chain_beside_a_key_is_not_served_as_one_even_where_it_signed() -> None:
    leaf = pair(subject="CN=leaf", issuer=builders.authority())
    descriptor = builders.descriptor_of(Role.IDP, builders.key(builders.authority(), leaf))
    document = read(builders.entity(descriptor, signer=builders.authority()))
    assert document.signature.state is SignatureState.VALID
    assert Served.by(document) == Served(frozenset({leaf.certificate.fingerprint}), None)


def test_keys_of_all_roles_and_entities_count_but_not_those_for_encryption() -> None:
    one = builders.saml_metadata("urn:one", keys=[(Use.SIGNING, FIRST), (Use.ENCRYPTION, builders.encryption_pair())])
    two = builders.saml_metadata("urn:two", keys=[(Use.UNSPECIFIED, SECOND)], role=Role.SP)
    assert Served.by(read(builders.aggregate([one, two]))).keys == {
        FIRST.certificate.fingerprint,
        SECOND.certificate.fingerprint,
    }


@pytest.mark.parametrize(
    ("signature", "known"),
    [
        (SignatureState.VALID, True),
        (SignatureState.TRUSTED, True),
        (SignatureState.INVALID, False),
        (SignatureState.UNSIGNED, False),
        (SignatureState.UNCHECKED, False),
    ],
)
def test_only_a_key_that_verified_the_document_is_known_to_have_signed_it(
    signature: SignatureState, *, known: bool
) -> None:
    document = farm(FIRST, signer=FIRST)
    document = replace(document, signature=replace(document.signature, state=signature))
    assert (Served.by(document).signer is not None) is known


def test_a_signer_that_is_not_published_is_not_what_is_compared() -> None:
    assert Served.by(farm(FIRST, signer=pair(nth=7))).signer is None


# Looks from further places


WAP1, WAP2 = (replace(TARGET.look, node=name, address=f"{name}.example") for name in ("wap1", "wap2"))
FROM_OUTSIDE = replace(TARGET.look, vantage=INTERNET)
SERVICE = with_looks(TARGET, WAP1, WAP2)
OLD, BOTH, SWITCHED = farm(FIRST, signer=FIRST), farm(FIRST, SECOND, signer=FIRST), farm(FIRST, SECOND, signer=SECOND)


def looked(record: Record, at: datetime, *found: Document | Reason | None) -> Record:
    """The record after a probe of each look in turn, the first one first; None: it was not probed."""
    for look, content in zip(record.target.looks, found, strict=True):
        if content is not None:
            observation = failed(at, content) if isinstance(content, Reason) else seen(content, at)
            record = probed(record, observation, look=look)
    return record


def test_a_probe_of_a_node_changes_the_record_of_that_look_alone() -> None:
    before = looked(bare(SERVICE), NOW, OLD, OLD, OLD)
    wap1 = advance(before.looks[1], failed(LATER))
    assert joined(before, wap1) == replace(before, looks=(before.first, wap1, before.looks[2]))


def test_only_what_the_first_look_gets_is_in_the_history() -> None:
    before = looked(bare(SERVICE), NOW, OLD, OLD, OLD)
    after = looked(before, LATER, None, BOTH, SWITCHED)
    assert after.history is before.history
    assert after.judge(LATER) == before.judge(LATER)
    assert SECOND.certificate.fingerprint in looked(after, LATER, BOTH, None, None).history.first_seen[ADFS]


def test_a_probe_of_the_service_keeps_what_came_in_while_it_was_under_way() -> None:
    target = replace(SERVICE, entra=Entra(("contoso.com",)))
    before = looked(bare(target), NOW, OLD, OLD, OLD)
    first = advance(before.first, seen(BOTH, LATER))
    history = remembered(before, first)
    meanwhile = answered(looked(before, LATER, None, BOTH, None), DomainRecord("contoso.com", inquiries=1))
    after = joined(meanwhile, first, history=history)
    assert after == joined(meanwhile, first)
    assert (after.document, after.first.probes, after.history) == (BOTH, 2, history)
    assert (after.looks[1:], after.domains) == (meanwhile.looks[1:], meanwhile.domains)
    assert after.differing_since == meanwhile.differing_since == LATER


def test_a_probe_of_a_look_that_is_none_of_the_targets_changes_nothing() -> None:
    before = looked(bare(SERVICE), NOW, OLD, OLD, OLD)
    assert joined(before, advance(LookRecord(FROM_OUTSIDE), seen(BOTH, LATER))) == before


def test_a_target_without_further_places_never_differs() -> None:
    record = probed(bare(TARGET), seen(OLD))
    assert record == probed(bare(TARGET), seen(OLD))
    assert record.differing_since is None


@pytest.mark.parametrize(
    ("service", "wap1", "wap2", "differ"),
    [
        (OLD, OLD, OLD, False),
        (OLD, OLD, BOTH, True),
        (BOTH, OLD, OLD, True),
        (BOTH, BOTH, SWITCHED, True),
        (BOTH, BOTH, farm(SECOND, FIRST), False),
        (Reason.TIMEOUT, OLD, BOTH, True),
        (OLD, Reason.TIMEOUT, OLD, False),
        (OLD, Reason.TIMEOUT, BOTH, True),
        (OLD, Reason.ENTITY_MISMATCH, Reason.TIMEOUT, False),
        (OLD, OLD, None, False),
        (OLD, BOTH, None, True),
        (None, None, OLD, False),
    ],
    ids=[
        "all alike",
        "a node has a key more",
        "both nodes have a key less",
        "a node has another signer",
        "a node has another order and is unsigned",
        "the service fails, the nodes differ",
        "a node fails, the other is alike",
        "a node fails, the other differs",
        "both nodes fail",
        "a node was not looked at, the other is alike",
        "a node was not looked at, the other differs",
        "only a node was looked at",
    ],
)
def test_looks_differ_when_those_that_succeeded_got_other_keys_or_another_signer(
    service: Document | Reason | None, wap1: Document | Reason | None, wap2: Document | Reason | None, *, differ: bool
) -> None:
    assert looked(bare(SERVICE), NOW, service, wap1, wap2).differing_since == (NOW if differ else None)


def test_looks_differ_since_the_first_of_them_that_did() -> None:
    record = looked(bare(SERVICE), NOW, OLD, OLD, OLD)
    for hours, wap1 in enumerate((OLD, OLD, BOTH, OLD), start=1):
        record = looked(record, NOW + hours * HOUR, BOTH, wap1, OLD)
        assert record.differing_since == LATER
    record = looked(record, NOW + 5 * HOUR, None, BOTH, BOTH)
    assert record.differing_since is None
    assert looked(record, NOW + 6 * HOUR, None, None, SWITCHED).differing_since == NOW + 6 * HOUR


def test_a_look_that_fails_neither_begins_nor_ends_a_difference() -> None:
    agreed = looked(bare(SERVICE), NOW, OLD, OLD, OLD)
    assert looked(agreed, LATER, Reason.TIMEOUT, Reason.TIMEOUT, None).differing_since is None
    differing = looked(agreed, LATER, BOTH, OLD, BOTH)
    assert looked(differing, LATER + HOUR, BOTH, Reason.TIMEOUT, BOTH).differing_since == LATER


@pytest.mark.parametrize(
    "found", [(BOTH, Reason.TIMEOUT, BOTH), (Reason.TIMEOUT, BOTH, BOTH)], ids=["a node", "the service"]
)
def test_who_was_last_seen_before_the_keys_changed_is_not_known_to_differ(
    found: tuple[Document | Reason | None, ...],
) -> None:
    gone = looked(
        looked(bare(SERVICE), NOW, OLD, OLD, OLD), LATER, *(each if each is not BOTH else None for each in found)
    )
    assert looked(gone, LATER + HOUR, *found).differing_since is None


def test_a_difference_ends_when_the_last_that_can_be_reached_has_followed() -> None:
    differing = looked(looked(bare(SERVICE), NOW, OLD, OLD, Reason.REFUSED), LATER, BOTH, None, None)
    assert differing.differing_since == LATER
    assert looked(differing, LATER + HOUR, BOTH, BOTH, Reason.REFUSED).differing_since is None


def test_a_difference_from_before_a_restart_lasts_until_all_have_been_looked_at() -> None:
    restored = knowing(bare(SERVICE), document=BOTH, differing_since=NOW)
    record = looked(restored, LATER, BOTH, BOTH, None)
    assert record.differing_since == NOW
    assert looked(record, LATER, None, None, OLD).differing_since == NOW
    assert looked(record, LATER, None, None, BOTH).differing_since is None


# A clock that was wrong


YEAR = 365 * DAY


def test_a_look_puts_right_what_was_seen_while_the_clock_was_ahead() -> None:
    record = probed(bare(TARGET), seen(read(builders.adfs(pair()))))
    record = probed(record, seen(read(builders.adfs(pair(), pair(nth=1))), NOW + YEAR))
    assert record.last_success == NOW + YEAR
    record = probed(record, failed(LATER))
    assert record.last_success == record.history.looked == LATER
    assert record.history.first_seen[ADFS][certificate(nth=1).fingerprint] == LATER
    assert record.document is not None


def test_a_look_puts_right_what_every_other_look_and_answer_left() -> None:
    ahead = looked(bare(replace(SERVICE, entra=Entra(("contoso.com",)))), NOW + YEAR, OLD, OLD, BOTH)
    answer = Inquiry(NOW + YEAR, None, "", DomainTrust(TrustSource.GRAPH, federated=False))
    ahead = answered(ahead, inquiries.advance(ahead.domains[0], answer), now=NOW + YEAR)
    assert ahead.differing_since == NOW + YEAR
    look, refusal = advance(ahead.looks[1], failed(NOW)), Inquiry(LATER, TrustReason.PERMISSION, "", None)
    domain = inquiries.advance(ahead.domains[0], refusal)
    for right in (joined(ahead, look, now=LATER), answered(ahead, domain, now=LATER), clamped(ahead, LATER)):
        assert [path for path, at in moments(right) if at > LATER] == []
        assert right.differing_since == LATER
        assert clamped(right, LATER) is right


def test_looks_and_answers_that_ended_while_another_was_under_way_keep_their_times() -> None:
    before = looked(bare(SERVICE), NOW, OLD, OLD, OLD)
    first = advance(before.first, seen(BOTH, LATER))
    meanwhile = looked(before, LATER + HOUR, None, BOTH, None)
    after = joined(meanwhile, first, now=LATER + 2 * HOUR)
    assert after.looks == (first, *meanwhile.looks[1:])


# What could be read only later


def gathered(at: datetime, *found: Document | Reason | None, target: Target = SERVICE) -> Record:
    return looked(bare(target), at, *found)


def test_what_was_saved_comes_back_under_what_was_seen_since() -> None:
    saved = knowing(bare(SERVICE), **kept(gathered(NOW, OLD, OLD, OLD)))
    record = resumed(gathered(LATER, BOTH, OLD, OLD), saved, LATER)
    since = gathered(LATER, BOTH, OLD, OLD)
    assert (record.document, record.observation, record.first.probes) == (BOTH, since.observation, 1)
    assert record.looks[1:] == since.looks[1:]
    assert record.last_success == record.history.looked == LATER
    (entity,) = record.history.entities.values()
    assert entity.first_seen[FIRST.certificate.fingerprint] == NOW
    assert entity.key_sets[Role.IDP, Use.SIGNING].changes == {Change.ADDED: LATER}
    assert record.differing_since == LATER


def kept(record: Record) -> dict[str, Any]:
    """What a state file keeps of a record."""
    return {
        "document": record.document,
        "last_success": record.last_success,
        "history": record.history,
        "differing_since": record.differing_since,
    }


def test_what_no_look_has_got_since_is_as_it_was_saved() -> None:
    saved = knowing(bare(SERVICE), **kept(gathered(NOW, OLD, BOTH, OLD)))
    record = resumed(gathered(LATER, Reason.TIMEOUT, None, None), saved, LATER)
    assert kept(record) == kept(saved)
    assert record.first.failures == 1
    assert resumed(record, bare(SERVICE), LATER) == record


@pytest.mark.parametrize(
    ("found", "since"),
    [((BOTH, OLD, OLD), NOW), ((OLD, OLD, OLD), None), ((OLD, OLD, None), NOW)],
    ids=["they still differ", "they agree", "not all were looked at"],
)
def test_looks_that_differed_when_it_was_saved_differ_since_then(
    found: tuple[Document | None, ...], since: datetime | None
) -> None:
    saved = knowing(bare(SERVICE), document=OLD, last_success=NOW, differing_since=NOW)
    assert resumed(gathered(LATER, *found), saved, LATER).differing_since == since


def test_a_target_without_further_places_did_not_differ() -> None:
    saved = knowing(bare(TARGET), document=OLD, last_success=NOW, differing_since=NOW)
    assert resumed(gathered(LATER, OLD, target=TARGET), saved, LATER).differing_since is None


def test_an_answer_that_was_saved_counts_where_none_was_given_since() -> None:
    saved = told(bare(FEDERATED), trusting(FIRST), trusting(FIRST))
    since = told(bare(FEDERATED), trusting(SECOND), None)
    record = resumed(since, saved, NOW)
    assert record.domains[0] == since.domains[0]
    assert (record.domains[1].trust, record.domains[1].last_success) == (trusting(FIRST), NOW)
    other = replace(FEDERATED, entra=replace(ENTRA, tenant="fabrikam.onmicrosoft.com"))
    assert resumed(bare(other), saved, NOW).domains == bare(other).domains


# Domains


DOMAINS = ("contoso.com", "fabrikam.com")
ENTRA = Entra(DOMAINS, tenant="contoso.onmicrosoft.com")
FEDERATED = replace(TARGET, entra=ENTRA)


def trusting(*trusted: KeyPair, **fields: object) -> DomainTrust:
    slots = dict(zip((Slot.SIGNING, Slot.NEXT), (each.certificate for each in trusted), strict=False))
    return DomainTrust(TrustSource.GRAPH, federated=True, certificates=slots, service=HOST, **fields)  # type: ignore[arg-type]  # any field


def told(record: Record, *answers: DomainTrust | None) -> Record:
    """The record after an inquiry about each domain; None: nobody asked."""
    for known, answer in zip(record.domains, answers, strict=True):
        if answer is not None:
            inquiry = Inquiry(NOW, None, "", answer)
            record = answered(record, replace(known, inquiry=inquiry, trust=answer, last_success=NOW))
    return record


def test_an_answer_changes_what_is_known_of_its_domain_alone() -> None:
    before = probed(bare(FEDERATED), seen(OLD))
    known = DomainRecord("fabrikam.com", trust=trusting(FIRST), last_success=NOW)
    compared = replace(known, compared=known.trust)
    assert answered(before, known) == replace(before, domains=(DomainRecord("contoso.com"), compared))


def test_an_answer_about_a_domain_that_is_not_the_targets_changes_nothing() -> None:
    before = bare(FEDERATED)
    assert answered(before, DomainRecord("other.example", inquiries=1)) == before


def test_answers_are_found_again_under_all_that_they_depend_on() -> None:
    record = told(bare(FEDERATED), trusting(FIRST), trusting(SECOND))
    question = Question(TrustSource.GRAPH, Cloud.GLOBAL, "contoso.onmicrosoft.com", "fabrikam.com")
    assert record.answers[question] is record.domains[1]
    turned = replace(FEDERATED, entra=replace(ENTRA, domains=("fabrikam.com", "new.example"), client_id="other"))
    assert bare(turned, record.answers).domains == (record.domains[1], DomainRecord("new.example"))
    for other in (
        replace(ENTRA, tenant="fabrikam.onmicrosoft.com"),
        replace(ENTRA, cloud=Cloud.CHINA),
        replace(ENTRA, source=TrustSource.USER_REALM),
    ):
        elsewhere = bare(replace(TARGET, entra=other), record.answers)
        assert elsewhere.domains == tuple(map(DomainRecord, DOMAINS))


def test_a_target_without_entra_id_has_no_domains() -> None:
    assert bare(TARGET, told(bare(FEDERATED), trusting(FIRST), None).answers).domains == ()
    assert bare(TARGET).answers == {}
    assert standing(probed(bare(TARGET), seen(OLD)), NOW).verdicts == ()


def test_each_domain_is_judged_against_the_entity_of_the_last_good_document() -> None:
    record = told(bare(FEDERATED), trusting(FIRST, SECOND), trusting(FIRST))
    assert [verdict.state for verdict in standing(record, NOW).verdicts] == [TrustState.UNKNOWN, TrustState.UNKNOWN]
    record = probed(record, seen(BOTH))
    record = probed(record, failed(LATER))
    verdicts = standing(record, LATER).verdicts
    assert [verdict.domain for verdict in verdicts] == list(DOMAINS)
    assert [verdict.state for verdict in verdicts] == [TrustState.IN_SYNC, TrustState.PENDING]


def test_of_an_aggregate_the_domains_are_judged_against_the_configured_entity() -> None:
    one, two = (builders.saml_metadata(entity_id, keys=[(Use.SIGNING, FIRST)]) for entity_id in ("urn:one", ENTITY_ID))
    document = read(builders.aggregate([one, two]))
    target = replace(SAML, entra=ENTRA)
    answer = replace(trusting(FIRST), service="idp.example")
    states = {}
    for entity_id in (None, ENTITY_ID):
        record = told(bare(replace(target, entity_id=entity_id)), answer, answer)
        record = probed(record, seen(document))
        states[entity_id] = {verdict.state for verdict in standing(record, NOW).verdicts}
        rollover = standing(record, NOW).rollover
        assert (rollover and rollover.entity_id) == entity_id
    assert states == {None: {TrustState.UNKNOWN}, ENTITY_ID: {TrustState.IN_SYNC}}
