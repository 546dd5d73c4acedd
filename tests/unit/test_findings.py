"""What is found of a target, from when on and until when."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import scrapes
from builders import DAY, ENCRYPTION_SUBJECT, ENTITY_ID, HOST, HOUR, NOW, looking, probed, watched, with_looks
from scrapes import adfs_entity, certificate, document, failed, good, idp, pair, signed_by

from exporter.config.settings import INTERNET, Entra, Look, Target, TrustSource
from exporter.findings import Finding, Kind, Standing, of_one, sentence, standing
from exporter.findings.facts import Changed, Differing, Faulty, Half, Published, Trusting, Unread, Unwatched
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.model import (
    Certificate,
    Document,
    Entity,
    FaultKind,
    Reason,
    Role,
    RoleDescriptor,
    Signature,
    SignatureState,
    Use,
    Weakness,
)
from exporter.policy import PolicySettings, Profile
from exporter.record import Record, bare
from exporter.rollover import FOREVER, Severity, State

FARM = looking(scrapes.FARM, interval=100 * 365 * 86400.0)
"""Its documents do not grow old."""

Times = Mapping[Kind, tuple[datetime, datetime]]

FARM_ID = f"http://{HOST}/adfs/services/trust"

OLD, ENCRYPTION = pair("1", "2", not_before=NOW - 345 * DAY, not_after=NOW + 20 * DAY)
NEW = certificate("3", not_before=NOW, not_after=NOW + 365 * DAY)
END = OLD.not_after
LONG = certificate("e", not_before=NOW - 100 * DAY, not_after=NOW + 3000 * DAY, subject=ENCRYPTION_SUBJECT)
"""An encryption certificate that is no matter."""

ALONE = document(adfs_entity(OLD, encryption=LONG), signature=signed_by(OLD))
BOTH = document(adfs_entity(OLD, NEW, encryption=LONG), signature=signed_by(OLD))
AFTER = document(adfs_entity(OLD, NEW, encryption=LONG), signature=signed_by(NEW))
LATE = NOW + 5 * DAY
"""When AD FS is predicted to promote the new one."""

CONTOSO, FABRIKAM = "contoso.com", "fabrikam.com"


def times(record: Record, begin: datetime) -> Times:
    """From when on and until when each kind holds of a record that does not change, by its turning points alone."""
    found: dict[Kind, tuple[datetime, datetime]] = {}
    for stands in walk(record, begin):
        for kind in {each.kind for each in stands.findings}:
            first, last = found.get(kind, (stands.since, stands.since))
            assert last == stands.since, f"{kind} holds, ceases to hold, and holds again"
            found[kind] = first, stands.until
    return found


def walk(record: Record, begin: datetime) -> Iterator[Standing]:
    while begin < FOREVER:
        stands = standing(record, begin)
        yield stands
        begin = stands.until


def farm(*found: tuple[datetime, Document], target: Target = FARM) -> Record:
    """What is known of a target whose probes got these documents, without a word of TLS."""
    return scrapes.after(target, *(replace(good(each, at), tls_not_after=None) for at, each in found))


def under(profile: Profile, **settings: object) -> Target:
    return replace(FARM, policy=PolicySettings(profile=profile, **settings))  # type: ignore[arg-type]  # any field


def only(record: Record, kind: Kind, now: datetime = NOW) -> Finding:
    (found,) = [each for each in standing(record, now).findings if each.kind is kind]
    return found


def kinds(record: Record, now: datetime = NOW) -> list[Kind]:
    return [each.kind for each in standing(record, now).findings]


def test_nothing_is_found_of_a_target_that_was_not_looked_at() -> None:
    stands = standing(bare(FARM), NOW)

    assert (stands.findings, stands.severity, stands.until) == ((), Severity.OK, FOREVER)
    assert (stands.rollover, stands.rollovers, stands.watched) == (None, (), frozenset())


def test_a_farm_that_generates_nothing_is_overdue_then_about_to_end_then_ended() -> None:
    assert times(farm((NOW, ALONE)), NOW) == {
        Kind.ROLLOVER_OVERDUE: (END - 19 * DAY, END - 5 * DAY),
        Kind.ROLLOVER_MISSING: (END - 5 * DAY, END),
        Kind.SIGNING_CERTIFICATE_EXPIRED: (END, FOREVER),
        **encrypting(),
    }


def encrypting() -> Times:
    return {Kind.ENCRYPTION_CERTIFICATE_EXPIRING: (LONG.not_after - 14 * DAY, FOREVER)}


@pytest.mark.parametrize(("profile", "due"), [(Profile.ADFS_MANUAL, 35), (Profile.SAML, 30)])
def test_whoever_renews_by_hand_is_told_when_it_is_time(profile: Profile, due: int) -> None:
    found = times(farm((NOW - 30 * DAY, ALONE), target=under(profile)), NOW - 30 * DAY)

    assert found[Kind.RENEWAL_DUE] == (END - due * DAY, END - 5 * DAY)
    assert Kind.ROLLOVER_OVERDUE not in found


def test_a_successor_that_nobody_promotes_is_published_then_stalled_then_late() -> None:
    record = farm((NOW - HOUR, ALONE), (NOW, BOTH))

    assert times(record, NOW) == {
        Kind.SUCCESSOR_PUBLISHED: (NOW, LATE + 36 * HOUR),
        Kind.PROMOTION_STALLED: (LATE + 36 * HOUR, END - 5 * DAY),
        Kind.PROMOTION_STALLED_LATE: (END - 5 * DAY, END),
        Kind.SIGNING_CERTIFICATE_EXPIRED: (END, FOREVER),
        **encrypting(),
    }


def test_a_promotion_is_told_for_a_day_and_then_nothing_is_left_to_do() -> None:
    found = times(farm((NOW - HOUR, BOTH), (NOW, AFTER)), NOW)

    assert found[Kind.PRIMARY_CHANGED] == (NOW, NOW + DAY)
    assert min(begin for kind, (begin, _) in found.items() if kind is not Kind.PRIMARY_CHANGED) > NOW + 300 * DAY
    facts = only(farm((NOW - HOUR, BOTH), (NOW, AFTER)), Kind.PRIMARY_CHANGED).facts
    assert isinstance(facts, Changed)
    assert (facts.at, facts.certificates) == (NOW, (NEW,))


def test_an_identity_provider_without_any_signing_key_is_critical() -> None:
    keyless = Entity(ENTITY_ID, (scrapes.role(Role.IDP, "IDPSSODescriptor"),), None, ())

    finding = only(farm((NOW, document(keyless))), Kind.NO_SIGNING_KEY)

    assert (finding.severity, finding.entity_id, finding.as_of) == (Severity.CRITICAL, ENTITY_ID, NOW)


def test_dates_that_do_not_count_by_policy_are_not_found() -> None:
    short = document(adfs_entity(OLD, encryption=ENCRYPTION), signature=signed_by(OLD))

    assert times(farm((NOW, short), target=under(Profile.ADFS, expiry=False)), NOW) == {}


def test_all_keys_replaced_are_told_for_a_day() -> None:
    other = certificate("4", not_before=NOW, not_after=NOW + 365 * DAY)
    record = farm((NOW - HOUR, ALONE), (NOW, document(adfs_entity(other, encryption=LONG), signature=signed_by(other))))

    assert times(record, NOW)[Kind.KEY_SET_REPLACED] == (NOW, NOW + DAY)
    assert kinds(replace(record, target=under(Profile.ENTRA))) == [Kind.PRIMARY_CHANGED, Kind.SIGNING_KEYS_CHANGED]


def test_a_new_key_is_unexpected_while_the_primary_has_long_to_live_and_is_named() -> None:
    young, _ = pair("1", "2", not_before=NOW - 100 * DAY, not_after=NOW + 265 * DAY)
    documents = [document(adfs_entity(*keys, encryption=LONG)) for keys in ((young,), (young, NEW))]
    record = farm((NOW - HOUR, documents[0]), (NOW, documents[1]))

    assert times(record, NOW)[Kind.UNEXPECTED_SIGNING_CERTIFICATE] == (NOW, NOW + DAY)
    facts = only(record, Kind.UNEXPECTED_SIGNING_CERTIFICATE).facts
    assert isinstance(facts, Changed)
    assert facts.certificates == (NEW,)
    gone = farm((NOW - 30 * HOUR, documents[0]), (NOW - 8 * HOUR, documents[1]), (NOW, documents[0]))
    facts = only(gone, Kind.UNEXPECTED_SIGNING_CERTIFICATE).facts
    assert isinstance(facts, Changed)
    assert facts.certificates == (), "it is not published any more"


def chained(document: Document, *chain: Certificate) -> Document:
    """The document with these certificates beside each key's own."""

    def of(role: RoleDescriptor) -> RoleDescriptor:
        return replace(role, keys=tuple(replace(key, chain=chain) for key in role.keys))

    entities = tuple(replace(each, roles=tuple(map(of, each.roles))) for each in document.metadata.entities)
    return replace(document, metadata=replace(document.metadata, entities=entities))


def test_a_chain_beside_a_key_is_nothing_to_find_whatever_is_in_it_and_when_it_changes() -> None:
    gone, weak = certificate("7", not_after=NOW - DAY), replace(certificate("8"), weaknesses=(Weakness.SHA1,))
    documents = ((NOW - HOUR, ALONE), (NOW, BOTH))
    chains = ((weak,), (gone, certificate("9", not_after=NOW + 3650 * DAY)))
    beside = ((at, chained(each, *chain)) for (at, each), chain in zip(documents, chains, strict=True))

    assert times(farm(*beside), NOW) == times(farm(*documents), NOW)


def test_keys_that_changed_between_two_looks_far_apart_are_told_for_a_day() -> None:
    record = farm((NOW - 3 * DAY, ALONE), (NOW, AFTER))

    assert times(record, NOW)[Kind.SIGNING_KEYS_CHANGED] == (NOW, NOW + DAY)


def test_every_role_needs_an_encryption_certificate_and_an_old_one_beside_a_new_one_is_no_trouble() -> None:
    def encrypting_by(*certificates: str) -> Document:
        ends = {"a": 5, "b": 10, "c": 400}
        roles = [
            scrapes.role(
                each,
                "Descriptor",
                *((Use.ENCRYPTION, certificate(name, not_after=NOW + ends[name] * DAY)) for name in names),
            )
            for each, names in zip((Role.IDP, Role.SP), certificates, strict=True)
        ]
        signs = scrapes.role(Role.IDP, "Descriptor", (Use.SIGNING, certificate("9", not_after=NOW + 900 * DAY)))
        return document(Entity(ENTITY_ID, (signs, *roles), None, ()))

    def worst(*certificates: str) -> list[str]:
        record = farm((NOW, encrypting_by(*certificates)), target=under(Profile.ADFS))
        found = [each.facts for each in standing(record, NOW).findings]
        return [each.certificates[0].fingerprint[0] for each in found if isinstance(each, Published)]

    assert worst("ac", "c") == []
    assert worst("ac", "ab") == ["b"]
    assert worst("a", "b") == ["a"]


def test_a_weak_certificate_is_found_until_it_ends() -> None:
    weak = certificate("5", not_after=NOW + DAY, weaknesses=(Weakness.SHA1,))
    record = farm((NOW, document(adfs_entity(NEW, weak, encryption=LONG))))

    assert times(record, NOW)[Kind.CERTIFICATE_WEAK] == (NOW, NOW + DAY)


def test_a_document_nears_and_passes_its_valid_until() -> None:
    record = farm((NOW, replace(ALONE, metadata=replace(ALONE.metadata, valid_until=NOW + 6 * DAY))))
    found = times(record, NOW)

    assert found[Kind.METADATA_OUTDATED_SOON] == (NOW + 4 * DAY, NOW + 6 * DAY)
    assert found[Kind.METADATA_OUTDATED] == (NOW + 6 * DAY, FOREVER)


def test_a_signature_that_does_not_verify_and_each_fault_are_found() -> None:
    faults = (FaultKind.CERTIFICATE_DER, FaultKind.CERTIFICATE_BASE64, FaultKind.USE_UNKNOWN)
    found = document(idp(NEW), signature=Signature(SignatureState.INVALID, None, "digest"), faults=faults)
    record = farm((NOW, found), target=under(Profile.SAML))

    assert kinds(record) == [Kind.SIGNATURE_INVALID, Kind.CERTIFICATE_UNREADABLE, Kind.DOCUMENT_FAULTY]
    unreadable, faulty = (only(record, each).facts for each in (Kind.CERTIFICATE_UNREADABLE, Kind.DOCUMENT_FAULTY))
    assert isinstance(unreadable, Faulty)
    assert isinstance(faulty, Faulty)
    assert [each.kind for each in (*unreadable.faults, *faulty.faults)] == list(faults)


def test_a_primary_that_is_ignored_or_disputed_is_told() -> None:
    ignored = farm((NOW, BOTH), target=under(Profile.ADFS, primary="f" * 64))
    disputed = farm((NOW, BOTH), target=under(Profile.ADFS, primary=NEW.fingerprint))

    assert Kind.PRIMARY_IGNORED in kinds(ignored)
    assert Kind.PRIMARY_DISPUTED in kinds(disputed)


# Looks


def test_a_look_that_fails_is_found_by_its_place_and_the_document_stays_judged() -> None:
    record = probed(farm((NOW - HOUR, ALONE)), failed(Reason.REFUSED, NOW, phases={}))

    finding = only(record, Kind.METADATA_UNREACHABLE)
    assert (finding.place, finding.as_of) == (FARM.look.place, None)
    assert isinstance(finding.facts, Unread)
    assert finding.facts.since == NOW - HOUR
    assert kinds(record, END) == [Kind.SIGNING_CERTIFICATE_EXPIRED, Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW]


def test_a_target_that_was_never_read_is_one_finding_whatever_looks_it_has() -> None:
    record = bare(with_looks(FARM, replace(FARM.look, node="wap1", address="wap1")))
    for look in record.target.looks:
        record = probed(record, failed(Reason.DNS, NOW, phases={}), look=look)

    assert kinds(record) == [Kind.METADATA_NEVER_READ]
    assert [each.kind for each in standing(record, NOW, remembers=False).findings] == [Kind.METADATA_UNREACHABLE] * 2


def unread_for(length: timedelta, reason: Reason = Reason.TIMEOUT, *, target: Target = FARM) -> Record:
    record = farm((NOW - length, ALONE), target=target)
    return probed(record, failed(reason, NOW - length + HOUR, phases={}))


def test_a_day_without_the_document_in_the_poll_window_is_critical_and_one_finding() -> None:
    found = times(unread_for(timedelta()), NOW + HOUR)

    assert found[Kind.METADATA_UNREACHABLE] == (NOW + HOUR, NOW + DAY)
    assert found[Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW] == (NOW + DAY, FOREVER)


@pytest.mark.parametrize(
    "record",
    [
        unread_for(2 * DAY, Reason.PROXY),
        unread_for(2 * DAY, target=under(Profile.SAML)),
        unread_for(2 * DAY, target=under(Profile.ADFS, expiry=False)),
        unread_for(2 * DAY, target=looking(FARM, node="wap1")),
        unread_for(2 * DAY, target=with_looks(FARM, replace(FARM.look, vantage=INTERNET))),
    ],
    ids=["our own fault", "not AD FS", "dates do not count", "a node", "another look is from the internet"],
)
def test_elsewhere_it_is_a_document_that_cannot_be_read_and_no_more(record: Record) -> None:
    assert Kind.METADATA_UNREACHABLE in kinds(record)


def test_a_run_of_failures_that_no_success_precedes_begins_with_the_first_of_them() -> None:
    outside = Look(FARM.url, vantage=INTERNET)
    record = farm((NOW, ALONE), target=with_looks(FARM, outside))
    record = probed(record, failed(Reason.TIMEOUT, NOW, phases={}), look=outside)
    record = probed(record, failed(Reason.TIMEOUT, NOW + HOUR, phases={}), look=outside)

    assert times(record, NOW + HOUR)[Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW][0] == NOW + DAY


@pytest.mark.parametrize(
    ("inside", "reason", "kind"),
    [
        (True, Reason.TIMEOUT, Kind.METADATA_UNREACHABLE_FROM_INTERNET),
        (True, Reason.PROXY, Kind.METADATA_UNREACHABLE),
        (False, Reason.TIMEOUT, Kind.METADATA_UNREACHABLE),
    ],
)
def test_what_fails_from_the_internet_alone_says_so(inside: bool, reason: Reason, kind: Kind) -> None:  # noqa: FBT001 -- a parameter of the test
    outside = Look(FARM.url, vantage=INTERNET)
    record = farm((NOW - HOUR, ALONE), target=with_looks(FARM, outside))
    record = probed(record, failed(reason, NOW, phases={}), look=outside)
    record = probed(record, good(ALONE, NOW + HOUR / 6) if inside else failed(Reason.TIMEOUT, NOW, phases={}))
    # A look that fails now and then changes nothing.
    record = probed(record, failed(Reason.TIMEOUT, NOW + HOUR / 3, phases={}))

    assert [each.kind for each in standing(record, NOW).findings if each.place == outside.place] == [kind]


def test_one_probe_from_each_place_tells_what_fails_from_the_internet_alone() -> None:
    outside = Look(FARM.url, vantage=INTERNET)
    record = farm((NOW - HOUR, ALONE), target=with_looks(FARM, outside))
    record = probed(record, failed(Reason.TIMEOUT, NOW, phases={}), look=outside)

    (found,) = (each for each in standing(record, NOW, remembers=False).findings if each.place == outside.place)
    assert found.kind is Kind.METADATA_UNREACHABLE_FROM_INTERNET
    assert "where partners are: " in sentence(found, NOW)


def test_looks_that_differ_for_two_hours_are_told_with_what_each_serves() -> None:
    node = replace(FARM.look, node="wap1", address="wap1")
    record = farm((NOW, AFTER), target=with_looks(FARM, node))
    record = probed(record, good(ALONE, NOW), look=node)

    assert times(record, NOW)[Kind.NODES_DIFFER] == (NOW + 2 * HOUR, FOREVER)
    facts = only(record, Kind.NODES_DIFFER, NOW + 2 * HOUR).facts
    assert isinstance(facts, Differing)
    served = {place.node: (tuple(each.certificates), each.signer) for place, each in facts.served.items()}
    assert served == {"service": ((OLD, NEW), NEW), "wap1": ((OLD,), OLD)}


def test_looks_whose_documents_nobody_signed_differ_in_their_keys() -> None:
    node = replace(FARM.look, node="wap1", address="wap1")
    record = farm((NOW, replace(AFTER, signature=scrapes.UNSIGNED)), target=with_looks(FARM, node))
    record = probed(record, good(replace(ALONE, signature=scrapes.UNSIGNED), NOW), look=node)

    facts = only(record, Kind.NODES_DIFFER, NOW + 2 * HOUR).facts
    assert isinstance(facts, Differing)
    assert {each.signer for each in facts.served.values()} == {None}


def test_a_tls_certificate_near_its_end_is_found_by_its_place() -> None:
    assert times(scrapes.after(FARM, good(ALONE, NOW)), NOW)[Kind.TLS_CERTIFICATE_EXPIRING] == (NOW + 46 * DAY, FOREVER)


# Aggregates


def ending(*days: float, watch: Sequence[str] = ()) -> Record:
    """Of an aggregate whose identity providers end in so many days, named after their place."""
    entities = [
        idp(certificate(f"{number:x}", not_after=NOW + left * DAY), entity_id=f"urn:{number}")
        for number, left in enumerate(days)
    ]
    found = document(*entities, aggregate=True, faults=[FaultKind.CERTIFICATE_DER])
    return farm((NOW, found), target=watched("all", "https://a.example/", watch=tuple(watch)))


def test_entities_that_nobody_watches_are_one_info_and_watched_ones_are_found_each() -> None:
    record = ending(3, -1, 2, 300, watch=["urn:0"])

    assert kinds(record) == [Kind.ROLLOVER_MISSING, Kind.DOCUMENT_FAULTY, Kind.ENTITIES_IN_TROUBLE]
    assert only(record, Kind.ROLLOVER_MISSING).entity_id == "urn:0"
    facts = only(record, Kind.ENTITIES_IN_TROUBLE).facts
    assert facts == Unwatched({State.EXPIRED: 1, State.MISSING: 1}, 4, ("urn:1", "urn:2"))
    assert kinds(ending(300)) == [Kind.DOCUMENT_FAULTY]


@pytest.mark.parametrize("at", [NOW, NOW + 40 * 365 * DAY])
@pytest.mark.parametrize("named", [None, "urn:1"])
@pytest.mark.parametrize("asked", ["urn:0", "urn:1", "urn:2", "urn:9"])
def test_one_entity_of_an_aggregate_stands_as_if_the_target_named_it(
    asked: str, named: str | None, at: datetime
) -> None:
    record = ending(3, -1, 300, watch=["urn:0"])
    (primary,) = record.document.metadata.entities[2].certificates(signs=True)  # type: ignore[union-attr]  # it was read
    policy = PolicySettings(primary=primary.fingerprint)
    record = replace(record, target=replace(record.target, policy=policy, entity_id=named))

    one = of_one(standing(record, at), asked, at)

    alone = standing(replace(record, target=replace(record.target, entity_id=asked)), at)
    assert (one.findings, one.rollovers, one.watched) == (alone.findings, alone.rollovers, alone.watched)
    assert one.asked.target.entity_id == asked


def test_an_answer_about_a_domain_is_compared_with_the_keys_also_while_the_document_is_old() -> None:
    target, at = replace(scrapes.FARM, entra=Entra((CONTOSO,), interval=3600)), NOW + 2 * DAY
    record = scrapes.told(scrapes.after(target, good(BOTH, NOW)), CONTOSO, scrapes.unanswered(TrustReason.TIMEOUT, NOW))
    later = scrapes.told(record, CONTOSO, scrapes.answer(scrapes.federated(signing=OLD), NOW))
    before = standing(record, at)

    assert not before.as_of_now
    assert standing(later, at).verdicts != before.verdicts
    assert standing(later, at, before=before).verdicts == standing(later, at).verdicts
    assert standing(later, at, before=before).findings == standing(later, at).findings


def test_a_watched_entity_that_left_is_told_for_a_day_and_others_are_not() -> None:
    before = ending(300, 300, watch=["urn:1"])
    (stays, _), target = before.document.metadata.entities, before.target  # type: ignore[union-attr]  # it was read
    left = probed(before, good(document(stays, aggregate=True), NOW + HOUR))

    assert times(left, NOW + HOUR)[Kind.ENTITY_VANISHED] == (NOW + HOUR, NOW + HOUR + DAY)
    assert Kind.ENTITY_VANISHED not in kinds(replace(left, target=replace(target, watch=("urn:7",))), NOW + HOUR)


# Trust


def trusting(*told: DomainTrust | None, at: datetime = NOW, source: TrustSource = TrustSource.GRAPH) -> Record:
    """The farm with a successor, and Entra ID's answers about its domains; None: there was none."""
    domains = (CONTOSO, FABRIKAM)[: len(told)]
    target = replace(FARM, entra=Entra(domains, source=source, interval=3600))
    record = farm((NOW - HOUR, ALONE), (NOW, BOTH), target=target)
    for domain, trust in zip(domains, told, strict=True):
        inquiry = scrapes.answer(trust, at) if trust else scrapes.unanswered(TrustReason.TIMEOUT, at)
        record = scrapes.told(record, domain, inquiry)
    return record


def test_a_successor_that_entra_id_does_not_take_is_pending_then_late_then_at_risk() -> None:
    found = times(trusting(scrapes.federated(signing=OLD)), NOW)

    assert found[Kind.TRUST_PENDING] == (NOW, NOW + 36 * HOUR)
    assert found[Kind.TRUST_PENDING_TOO_LONG] == (NOW + 36 * HOUR, LATE - 2 * DAY)
    assert found[Kind.TRUST_AT_RISK][0] == LATE - 2 * DAY
    assert found[Kind.TRUST_STALE][0] == NOW + timedelta(seconds=3 * 3600 + 600)


def test_where_one_domain_follows_and_another_does_not_that_is_told_after_a_day() -> None:
    record = trusting(scrapes.federated(signing=OLD), scrapes.federated(signing=OLD, following=NEW))

    assert times(record, NOW)[Kind.TRUST_HALF_UPDATED][0] == NOW + DAY
    facts = only(record, Kind.TRUST_HALF_UPDATED, NOW + DAY).facts
    assert facts == Half(FARM.name, NEW, (CONTOSO,), (FABRIKAM,))
    assert Kind.TRUST_HALF_UPDATED not in times(trusting(scrapes.federated(signing=OLD)), NOW)


def test_what_entra_id_cannot_read_is_told_while_a_successor_waits() -> None:
    blind = UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST

    assert Kind.ENTRA_CANNOT_READ_METADATA in kinds(trusting(scrapes.federated(signing=OLD, update=blind)))
    following = scrapes.federated(signing=OLD, following=NEW, update=blind)
    assert Kind.ENTRA_CANNOT_READ_METADATA not in kinds(trusting(following))
    assert Kind.ENTRA_CANNOT_READ_METADATA not in kinds(trusting(scrapes.federated(signing=OLD, update=None)))


def test_a_foreign_certificate_and_a_domain_elsewhere_are_found() -> None:
    foreign = scrapes.federated(signing=OLD, following=certificate("7"))

    assert Kind.TRUST_FOREIGN_CERTIFICATE in kinds(trusting(foreign))
    assert Kind.TRUST_NOT_FEDERATED in kinds(trusting(DomainTrust(TrustSource.GRAPH, federated=False)))
    unread = bare(replace(FARM, entra=Entra((CONTOSO,))))
    answer = scrapes.answer(DomainTrust(TrustSource.GRAPH, federated=False), NOW)
    assert kinds(scrapes.told(unread, CONTOSO, answer)) == [Kind.TRUST_NOT_FEDERATED]


def test_an_answer_that_does_not_suffice_is_told_of_graph_alone() -> None:
    unreadable = DomainTrust(TrustSource.GRAPH, federated=True, unreadable=(Slot.SIGNING,))

    assert Kind.TRUST_UNKNOWN in kinds(trusting(unreadable))
    shown = trusting(scrapes.realm(certificate("7")), source=TrustSource.USER_REALM)
    assert Kind.TRUST_UNKNOWN not in kinds(shown)


def test_a_domain_of_which_there_never_was_an_answer_is_stale_once_one_was_asked_for() -> None:
    assert Kind.TRUST_STALE in kinds(trusting(None))
    assert Kind.TRUST_STALE not in kinds(bare(replace(FARM, entra=Entra((CONTOSO,)))))


def promoted_at(at: datetime, trust: DomainTrust, *, answered: datetime) -> Record:
    """The farm after its promotion, and an answer of before or after it."""
    target = replace(FARM, entra=Entra((CONTOSO,), interval=3600))
    record = farm((NOW, ALONE), (NOW + HOUR, BOTH), (at - HOUR / 2, BOTH), (at, AFTER), target=target)
    return scrapes.told(record, CONTOSO, scrapes.answer(trust, answered))


def test_an_answer_from_before_the_promotion_never_says_that_people_are_locked_out() -> None:
    early = NOW + 2 * DAY
    old = promoted_at(early, scrapes.federated(signing=OLD), answered=early - HOUR)

    assert Kind.TRUST_BROKEN not in times(old, early)
    assert Kind.TRUST_UNKNOWN not in times(old, early), "that the answer is old is told by itself"
    new = promoted_at(early, scrapes.federated(signing=OLD), answered=early + HOUR)
    assert times(new, early + HOUR)[Kind.TRUST_BROKEN][0] == early + HOUR


def test_what_was_at_risk_stays_so_at_the_moment_of_the_promotion() -> None:
    record = promoted_at(LATE, scrapes.federated(signing=OLD), answered=LATE - HOUR)

    found = only(record, Kind.TRUST_AT_RISK, LATE)
    assert isinstance(found.facts, Trusting)
    assert found.facts.verdict.lacking == (NEW,)


# All of it


def test_the_worst_is_first_and_of_one_kind_what_ends_first() -> None:
    record = ending(4, 3, -1, watch=["urn:*"])

    assert [(each.kind, each.entity_id) for each in standing(record, NOW).findings[:3]] == [
        (Kind.SIGNING_CERTIFICATE_EXPIRED, "urn:2"),
        (Kind.ROLLOVER_MISSING, "urn:1"),
        (Kind.ROLLOVER_MISSING, "urn:0"),
    ]


def test_a_kind_is_never_less_severe_than_those_after_it() -> None:
    severities = [kind.severity for kind in Kind]

    assert severities == sorted(severities, reverse=True)
    assert set(severities) == {Severity.CRITICAL, Severity.WARNING, Severity.INFO}


def test_targets_are_in_the_order_of_their_worst_findings_and_then_of_their_ends() -> None:
    records = [farm((NOW, ALONE)), ending(3, watch=["urn:0"]), ending(300, watch=["urn:0"]), bare(FARM)]
    stands = [standing(record, NOW) for record in records]

    assert sorted(range(4), key=lambda number: stands[number].urgency) == [1, 2, 3, 0]
