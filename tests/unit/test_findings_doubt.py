"""What is not claimed where it is not known: old documents and answers, clocks that differ, nodes, other entities."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import DAY, HOUR, NOW, SECOND, beside, probed
from found import LONG, LONG_ENCRYPTION, NEW, OLD, SP, STRANGE, farm, provider, seen, trusting
from scrapes import FARM, after, certificate, document, failed, federated, good, idp, told, unanswered

from exporter.findings import Kind, sentence, standing
from exporter.findings.facts import Clocks, LeftBehind
from exporter.inquiry import DomainTrust, TrustReason
from exporter.model import Document, Observation, Reason, Role
from exporter.policy import PolicySettings
from exporter.record import Record
from exporter.rollover import FOREVER, Severity

STEADY = farm(LONG, encryption=LONG_ENCRYPTION)


def kinds(record: Record, now: datetime = NOW) -> set[Kind]:
    return {each.kind for each in standing(record, now).findings}


def at_a_node(found: Document, said: DomainTrust, *, answered: datetime = NOW, last: datetime = NOW) -> Record:
    """A farm whose node has given another document for hours."""
    record = beside(seen(STEADY), replace(FARM.look, node="wap1", address="10.0.0.11"))
    for at in (last - 3 * HOUR, last):
        record = probed(record, good(found, at), look=record.target.looks[1])
    record = probed(record, good(STEADY, NOW))
    return trusting(record, said, at=answered)


def test_a_node_is_left_behind_only_while_it_answers_and_signs_with_something() -> None:
    lagging = farm(STRANGE, encryption=LONG_ENCRYPTION)
    (found,) = [
        each
        for each in standing(at_a_node(lagging, federated(signing=LONG)), NOW).findings
        if each.kind is Kind.TRUST_BROKEN_AT_NODE
    ]
    assert isinstance(found.facts, LeftBehind)
    assert found.facts.primary == STRANGE

    silent = at_a_node(lagging, federated(signing=LONG), last=NOW - 2 * HOUR)
    assert Kind.TRUST_BROKEN_AT_NODE not in kinds(silent)
    empty = at_a_node(document(idp(entity_id=STEADY.metadata.entities[0].entity_id)), federated(signing=LONG))
    assert Kind.NODES_DIFFER in kinds(empty)
    assert Kind.TRUST_BROKEN_AT_NODE not in kinds(empty)


def test_by_an_answer_from_before_its_certificate_no_node_is_left_behind() -> None:
    """Both the service and one node have the new key; nobody could be asked since."""
    both = [farm(OLD, NEW, signer=each) for each in (OLD, NEW)]
    record = beside(seen(both[0]), *(replace(FARM.look, node=node, address=node) for node in ("wap1", "wap2")))
    for hours in range(-4, 1):
        for look, found in zip(record.target.looks, (both[1], both[1], both[0]), strict=True):
            record = probed(record, good(found, NOW + hours * HOUR), look=look)
    record = trusting(record, federated(signing=OLD), at=NOW - 30 * DAY)

    assert Kind.NODES_DIFFER in kinds(record)
    assert Kind.TRUST_BROKEN_AT_NODE not in kinds(record)


def clocked(found: Document | None, at: datetime, lead: timedelta) -> Observation:
    seen_by_us = good(found, at) if found is not None else failed(Reason.REFUSED, at, phases={})
    return replace(seen_by_us, clock=at - lead, tls_not_after=None)


@pytest.mark.parametrize(
    ("leads", "tells"),
    [
        ([50 * 60], True),
        ([50 * 60 - 1], False),
        ([-50 * 60], True),
        ([0, 86400], False),
        ([86400, 0], False),
        ([0, 86400, 7200, 86400], True),
    ],
    ids=["ahead", "nearly", "behind", "one of two", "put right", "the least of three"],
)
def test_clocks_differ_where_the_least_of_the_latest_three_does(leads: list[float], *, tells: bool) -> None:
    times = [NOW + nth * SECOND for nth in range(1 - len(leads), 1)]
    record = after(FARM, *(clocked(STEADY, at, timedelta(seconds=each)) for at, each in zip(times, leads, strict=True)))

    found = [each for each in standing(record, NOW).findings if each.kind is Kind.CLOCK_WRONG]
    assert bool(found) is tells
    for each in found:
        assert isinstance(each.facts, Clocks)
        assert abs(each.facts.lead) == min(timedelta(seconds=abs(one)) for one in leads[-3:])


def test_what_was_told_of_a_clock_that_was_put_right_since_is_forgotten() -> None:
    ahead = after(FARM, clocked(STEADY, NOW + 2 * DAY, 2 * DAY))
    assert Kind.CLOCK_WRONG in kinds(ahead, NOW + 2 * DAY)

    right = probed(ahead, failed(Reason.REFUSED, NOW, phases={}))

    assert Kind.CLOCK_WRONG not in kinds(right)


def test_with_a_clock_ahead_an_old_document_tells_nothing_more_as_time_goes_by() -> None:
    document_of_20_days = farm(replace(LONG, not_after=NOW + 19 * DAY + HOUR), encryption=LONG_ENCRYPTION)
    record = after(FARM, clocked(document_of_20_days, NOW, timedelta(days=10)))
    stands = standing(record, NOW + 3 * HOUR)

    while stands.until < FOREVER:
        later = standing(record, stands.until)
        begun = {each.kind for each in later.findings} - {each.kind for each in stands.findings}
        assert begun <= {
            Kind.METADATA_UNREACHABLE,
            Kind.ROLLOVER_MISSING,
            Kind.SIGNING_CERTIFICATE_EXPIRED,
        }
        stands = later


def test_an_address_of_another_entity_that_fails_now_and_then_says_nothing_new_of_the_old_document() -> None:
    record = after(FARM, good(farm(replace(OLD, not_after=NOW + 4 * HOUR)), NOW))
    for hours in range(1, 12):
        reason = Reason.ENTITY_MISMATCH if hours % 2 else Reason.TIMEOUT
        record = probed(record, failed(reason, NOW + hours * HOUR, phases={}))
        found = kinds(record, NOW + hours * HOUR)
        assert Kind.METADATA_OF_ANOTHER_ENTITY in found
        assert Kind.SIGNING_CERTIFICATE_EXPIRED not in found


def test_half_an_update_begins_by_no_old_document_and_goes_on_by_one() -> None:
    held = farm(OLD, NEW)
    followed = federated(signing=OLD, following=NEW)
    for said, tells in (((federated(signing=OLD), followed), True), ((followed, followed), False)):
        record = seen(held, held, held, every=20 * HOUR)
        record = trusting(record, *said)
        assert (Kind.TRUST_HALF_UPDATED in kinds(record)) is tells
        later = NOW + DAY
        record = probed(record, failed(Reason.TIMEOUT, later, phases={}))
        newer = {"contoso.com": federated(signing=OLD), "fabrikam.com": followed}
        for domain, each in newer.items():
            record = told(record, domain, replace(unanswered(TrustReason.TIMEOUT, later), reason=None, trust=each))
        assert (Kind.TRUST_HALF_UPDATED in kinds(record, later)) is tells


def test_the_keys_of_a_role_that_signs_no_tokens_page_nobody() -> None:
    """An identity provider that is a service provider too, and exchanges the key of its requests."""
    keys = [certificate(nth, not_after=NOW + 300 * DAY) for nth in "78"]
    documents = []
    for key in keys:
        entity = idp(LONG)
        requests = replace(entity.roles[0], role=Role.SP, element="SPSSODescriptor", keys=idp(key).roles[0].keys)
        documents.append(document(replace(entity, roles=(*entity.roles, requests))))
    record = after(FARM, good(documents[0], NOW - HOUR), good(documents[1], NOW))

    assert Kind.SP_KEY_SET_REPLACED in kinds(record)
    assert standing(record, NOW).severity is Severity.WARNING


def test_the_validity_of_a_watched_entity_is_its_own_and_pages_for_identity_providers_alone() -> None:
    mine, other = replace(idp(LONG), valid_until=NOW - DAY), idp(LONG, entity_id="urn:other")
    found = document(mine, other, aggregate=True)
    for named, role, kind in (
        (mine.entity_id, Role.IDP, Kind.METADATA_OUTDATED),
        (mine.entity_id, Role.SP, Kind.SP_METADATA_OUTDATED),
        ("urn:other", Role.IDP, None),
    ):
        entities = (replace(mine, roles=tuple(replace(each, role=role) for each in mine.roles)), other)
        said = replace(found, metadata=replace(found.metadata, entities=entities))
        record = after(replace(FARM, entity_id=named, policy=PolicySettings()), good(said, NOW))
        outdated = kinds(record) & {Kind.METADATA_OUTDATED, Kind.SP_METADATA_OUTDATED}
        assert outdated == ({kind} if kind else set())


def test_keys_of_a_service_provider_that_are_back_are_not_told_of_those_that_are_there() -> None:
    came = [
        good(provider(each), NOW - hours * HOUR)
        for each, hours in ((LONG, 30), (certificate("7", not_before=NOW - DAY), 8), (LONG, 1))
    ]
    (text,) = [
        sentence(each, NOW)
        for each in standing(after(SP, *came), NOW).findings
        if each.kind is Kind.SP_KEY_SET_REPLACED
    ]
    assert "those from before are published again" in text
