"""A target for each kind of finding, and for each simulated farm: what is known of it, and when it is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from builders import DAY, ENTITY_ID, HOUR, NOW, beside, looking, probed, watched
from scrapes import (
    FARM,
    adfs_entity,
    after,
    aggregate,
    answer,
    certificate,
    document,
    failed,
    federated,
    good,
    idp,
    pair,
    signed_by,
    told,
    unanswered,
)

from exporter import certificates
from exporter.config.settings import INTERNET, Entra, Look, Target, TrustSource
from exporter.demo import scenarios
from exporter.demo.scenarios import Domain, Farm, Scenario
from exporter.findings import Kind
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry, Slot, TrustReason, UpdateResult
from exporter.inquiry import advance as advance_trust
from exporter.model import (
    Certificate,
    Document,
    Entity,
    Fault,
    FaultKind,
    Key,
    Observation,
    Reason,
    Role,
    RoleDescriptor,
    Signature,
    SignatureState,
    Use,
    Weakness,
)
from exporter.policy import PolicySettings, Profile
from exporter.probe import read_document
from exporter.record import Record, answered, bare


class Example(NamedTuple):
    """What is known of a target, and when it is judged."""

    record: Record
    at: datetime = NOW


OLD, ENCRYPTION = pair("1", "2", not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
NEW = certificate("3", not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
LONG, LONG_ENCRYPTION = pair("4", "5", not_before=NOW - 165 * DAY, not_after=NOW + 200 * DAY)
STRANGE = certificate("6", not_after=NOW + 300 * DAY)
FOUR_DAYS_OLD = certificate("7", not_before=NOW - 4 * DAY, not_after=NOW + 361 * DAY)
IDP = watched("idp", "https://idp.example/metadata.xml")
SP = watched("sp", "https://sp.example/metadata.xml")


def farm(
    *signing: Certificate, encryption: Certificate = ENCRYPTION, signer: Certificate | None = None, **about: object
) -> Document:
    """What a farm publishes; the first of its certificates signs, unless another does."""
    signature = about.pop("signature", signed_by(signer or signing[0]))
    return document(adfs_entity(*signing, encryption=encryption), signature=signature, **about)  # type: ignore[arg-type]  # any argument


STEADY = farm(LONG, encryption=LONG_ENCRYPTION)
ALONE, BOTH = farm(OLD), farm(OLD, NEW)


def primary(days: float) -> Certificate:
    """A signing certificate that ends in so many days."""
    return certificate("1", not_before=NOW - 347 * DAY, not_after=NOW + days * DAY)


def ending(days: float, *others: Certificate) -> Document:
    """What a farm publishes whose primary ends in so many days."""
    paired = replace(ENCRYPTION, not_after=NOW + 400 * DAY)
    return farm(primary(days), *others, encryption=paired)


def seen(*found: Document, settings: PolicySettings | None = None, every: timedelta = HOUR) -> Record:
    """A farm whose looks, the last of them now, got these documents."""
    target = replace(FARM, policy=settings or PolicySettings())
    times = [NOW - number * every for number in reversed(range(len(found)))]
    return after(target, *map(good, found, times))


def trusting(record: Record, *said: DomainTrust | TrustReason, at: datetime = NOW) -> Record:
    """The target with a domain for each thing that Entra ID said."""
    domains = ("contoso.com", "fabrikam.com")[: len(said)]
    target = replace(record.target, entra=Entra(domains))
    record = replace(record, target=target, domains=after(target).domains)
    for domain, each in zip(domains, said, strict=True):
        if isinstance(each, TrustReason):
            record = told(record, domain, replace(unanswered(each, at), detail="403 Forbidden"))
        else:
            record = told(record, domain, answer(each, at))
    return record


def refused(at: datetime = NOW) -> Observation:
    return replace(failed(Reason.REFUSED, at, phases={}), detail="connection refused")


def faulty(kind: FaultKind, detail: str) -> Document:
    metadata = replace(STEADY.metadata, faults=(Fault(kind, None, detail),))
    return replace(STEADY, metadata=metadata)


def provider(*signing: Certificate, role: Role = Role.SP, **about: object) -> Document:
    """What an entity publishes that is no identity provider."""
    keys = tuple(Key(Use.SIGNING, each) for each in signing)
    descriptor = RoleDescriptor(role, "SPSSODescriptor", keys)
    return document(Entity("https://sp.example/", (descriptor,), None, ()), **about)  # type: ignore[arg-type]  # any argument


def never_readable(detail: str = "the first signing certificate ends early") -> Document:
    """What an identity provider publishes of whose keys no certificate can be read."""
    keys = (Key(Use.SIGNING, None, unread=detail),)
    entity = Entity(ENTITY_ID, (RoleDescriptor(Role.IDP, "IDPSSODescriptor", keys),), None, ())
    found = document(entity)
    faults = (Fault(FaultKind.CERTIFICATE_DER, ENTITY_ID, detail),)
    return replace(found, metadata=replace(found.metadata, faults=faults))


def no_longer_readable(found: Document, unread: str = "the base64 is cut off") -> Document:
    """The document, where its signing certificates cannot be read any more, and what was read before counts."""

    def forgotten(key: Key) -> Key:
        return replace(key, unread=unread) if key.use.signs else key

    entities = [
        replace(each, roles=tuple(replace(role, keys=tuple(map(forgotten, role.keys))) for role in each.roles))
        for each in found.metadata.entities
    ]
    return replace(found, metadata=replace(found.metadata, entities=tuple(entities)))


def _from_inside() -> Record:
    inside = looking(FARM, vantage="intranet")
    record = beside(after(inside, good(STEADY, NOW)), replace(inside.look, vantage=INTERNET))
    return probed(record, refused(), look=record.target.looks[1])


def _at_a_node() -> Record:
    """A node that has not got the keys of the service for three hours."""
    record = beside(seen(BOTH), replace(FARM.look, node="wap1", address="10.0.0.11"))
    for at in (NOW, NOW + 3 * HOUR):
        record = probed(record, good(BOTH, at))
        record = probed(record, good(ALONE, at), look=record.target.looks[1])
    return record


def _left_behind() -> Record:
    """A node that has signed with what Entra ID does not trust for three hours."""
    old = farm(STRANGE, encryption=LONG_ENCRYPTION)
    record = beside(seen(STEADY), replace(FARM.look, node="wap1", address="10.0.0.11"))
    for at in (NOW - 3 * HOUR, NOW):
        record = probed(record, good(old, at), look=record.target.looks[1])
    return trusting(record, federated(signing=LONG))


def _taken_back() -> Record:
    """A farm that signed with another certificate for forty hours, and signs with the one before again."""
    before, between = (farm(OLD, NEW, signer=each, encryption=LONG_ENCRYPTION) for each in (OLD, NEW))
    return seen(before, between, between, before, every=20 * HOUR)


def _ahead() -> Record:
    """A farm whose clock is two days behind ours."""
    return after(FARM, replace(good(STEADY, NOW), clock=NOW - 2 * DAY))


def mismatched(at: datetime = NOW) -> Observation:
    """A probe that got the document of somebody else."""
    detail = "the document of https://other.example/, not of http://fs.example/adfs/services/trust"
    return replace(failed(Reason.ENTITY_MISMATCH, at, phases={}), detail=detail)


def _vanished() -> Record:
    record, one = aggregate(), idp(LONG)
    return probed(record, good(document(one, aggregate=True), NOW + HOUR))


def _entra() -> Record:
    settings = PolicySettings(profile=Profile.ENTRA)
    return seen(farm(LONG, STRANGE), farm(LONG, NEW), settings=settings)


UNREADABLE_SLOT = replace(federated(signing=LONG), certificates={}, unreadable=(Slot.SIGNING,))
NOT_READ = UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST
BROKEN_SIGNATURE = Signature(SignatureState.INVALID, None, "the digest does not match")

EXAMPLES: Mapping[Kind, Example] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: Example(seen(ending(-3))),
    Kind.TRUST_BROKEN: Example(trusting(seen(ALONE), federated(signing=STRANGE))),
    Kind.KEY_SET_REPLACED: Example(seen(ALONE, STEADY)),
    Kind.METADATA_OUTDATED: Example(seen(farm(LONG, encryption=LONG_ENCRYPTION, valid_until=NOW - DAY))),
    Kind.NO_SIGNING_KEY: Example(after(IDP, good(document(idp()), NOW))),
    Kind.SIGNING_KEYS_UNREADABLE: Example(after(IDP, good(never_readable(), NOW))),
    Kind.TRUST_BROKEN_AT_NODE: Example(_left_behind()),
    Kind.TRUST_AT_RISK: Example(trusting(seen(farm(OLD, FOUR_DAYS_OLD)), federated(signing=OLD)), NOW + 2 * HOUR),
    Kind.ROLLOVER_MISSING: Example(seen(ending(3))),
    Kind.PROMOTION_STALLED_LATE: Example(seen(ending(4, NEW))),
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: Example(after(FARM, good(ALONE, NOW - 2 * DAY), refused())),
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: Example(seen(STEADY, farm(LONG, NEW, encryption=LONG_ENCRYPTION))),
    Kind.TRUST_FOREIGN_CERTIFICATE: Example(trusting(seen(STEADY), federated(signing=LONG, following=STRANGE))),
    Kind.TRUST_NOT_FEDERATED: Example(trusting(seen(STEADY), DomainTrust(TrustSource.GRAPH, federated=False))),
    Kind.SIGNATURE_INVALID: Example(seen(farm(LONG, encryption=LONG_ENCRYPTION, signature=BROKEN_SIGNATURE))),
    Kind.PROMOTION_STALLED: Example(seen(*[ending(9, replace(NEW, not_before=NOW - 11 * DAY))] * 11, every=DAY)),
    Kind.PROMOTION_ROLLED_BACK: Example(_taken_back()),
    Kind.PRIMARY_DISPUTED: Example(seen(farm(NEW, OLD))),
    Kind.POSSIBLE_PRIMARY_ENDING: Example(after(IDP, good(document(idp(primary(3), LONG)), NOW))),
    Kind.ROLLOVER_OVERDUE: Example(seen(ending(12))),
    Kind.RENEWAL_DUE: Example(seen(ending(20), settings=PolicySettings(auto_certificate_rollover=False))),
    Kind.SP_CERTIFICATE_EXPIRED: Example(after(SP, good(provider(primary(-3)), NOW))),
    Kind.SP_CERTIFICATE_ENDING: Example(after(SP, good(provider(primary(3)), NOW))),
    Kind.SP_KEY_SET_REPLACED: Example(after(SP, good(provider(LONG), NOW - HOUR), good(provider(NEW), NOW))),
    Kind.SP_METADATA_OUTDATED: Example(after(SP, good(provider(LONG, valid_until=NOW - DAY), NOW))),
    Kind.ENTRA_CANNOT_READ_METADATA: Example(trusting(seen(BOTH), federated(signing=OLD, update=NOT_READ))),
    Kind.TRUST_PENDING_TOO_LONG: Example(trusting(seen(*[BOTH] * 3, every=20 * HOUR), federated(signing=OLD))),
    Kind.TRUST_HALF_UPDATED: Example(
        trusting(seen(*[BOTH] * 3, every=20 * HOUR), federated(signing=OLD), federated(signing=OLD, following=NEW))
    ),
    Kind.METADATA_NEVER_READ: Example(after(FARM, refused())),
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: Example(_from_inside()),
    Kind.METADATA_UNREACHABLE: Example(after(FARM, good(STEADY, NOW - 3 * HOUR), refused())),
    Kind.METADATA_OF_ANOTHER_ENTITY: Example(after(FARM, good(STEADY, NOW - 3 * HOUR), mismatched())),
    Kind.ANSWERS_TAKE_TURNS: Example(seen(*[BOTH, ALONE] * 3)),
    Kind.NODES_DIFFER: Example(_at_a_node(), NOW + 3 * HOUR),
    Kind.TRUST_STALE: Example(trusting(seen(STEADY), TrustReason.PERMISSION)),
    Kind.TRUST_UNKNOWN: Example(trusting(seen(STEADY), UNREADABLE_SLOT)),
    Kind.CLOCK_WRONG: Example(_ahead()),
    Kind.ENTITY_VANISHED: Example(_vanished(), NOW + 2 * HOUR),
    Kind.METADATA_OUTDATED_SOON: Example(seen(farm(LONG, encryption=LONG_ENCRYPTION, valid_until=NOW + DAY))),
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: Example(
        seen(farm(LONG, encryption=replace(ENCRYPTION, not_after=NOW + 10 * DAY)))
    ),
    Kind.TLS_CERTIFICATE_EXPIRING: Example(after(FARM, replace(good(STEADY, NOW), tls_not_after=NOW + 3 * DAY))),
    Kind.CERTIFICATE_UNREADABLE: Example(
        seen(faulty(FaultKind.CERTIFICATE_DER, "the second signing certificate ends early"))
    ),
    Kind.CERTIFICATE_NO_LONGER_READABLE: Example(seen(no_longer_readable(STEADY))),
    Kind.CERTIFICATE_WEAK: Example(seen(farm(replace(LONG, weaknesses=(Weakness.SHA1,)), encryption=LONG_ENCRYPTION))),
    Kind.PRIMARY_CHANGED: Example(seen(BOTH, farm(OLD, NEW, signer=NEW, encryption=LONG_ENCRYPTION))),
    Kind.SIGNING_KEYS_CHANGED: Example(_entra()),
    Kind.SUCCESSOR_PUBLISHED: Example(seen(BOTH)),
    Kind.TRUST_PENDING: Example(trusting(seen(BOTH), federated(signing=OLD))),
    Kind.TRUST_LEFTOVER: Example(
        trusting(
            seen(farm(LONG, STRANGE, encryption=LONG_ENCRYPTION), STEADY), federated(signing=LONG, following=STRANGE)
        )
    ),
    Kind.OLD_KEY_LISTED: Example(after(IDP, good(document(idp(primary(-20), LONG)), NOW))),
    Kind.PRIMARY_IGNORED: Example(seen(STEADY, settings=PolicySettings(primary="f" * 64))),
    Kind.DOCUMENT_FAULTY: Example(seen(faulty(FaultKind.VALID_UNTIL, "validUntil is no date: tomorrow"))),
    Kind.ENTITIES_IN_TROUBLE: Example(aggregate()),
}
"""By kind of finding, a target that shows it."""


def under(record: Record, settings: PolicySettings) -> Record:
    """The target, if this were said of it."""
    return replace(record, target=replace(record.target, policy=settings))


def records() -> Sequence[Example]:
    """Every example, under every profile and every word about AutoCertificateRollover too."""
    settings = [PolicySettings(profile=each) for each in Profile]
    settings += [PolicySettings(auto_certificate_rollover=each) for each in (True, False)]
    return [
        *EXAMPLES.values(),
        *(Example(under(each.record, said), each.at) for each in EXAMPLES.values() for said in settings),
    ]


@cache
def simulated(scenario: Scenario, now: datetime) -> Farm:
    """A scenario come true, its keys quickly made."""
    return scenarios.farm(scenario, now, key="ec")


def known(scenario: Scenario, now: datetime) -> Record:
    """What the exporter knows after a look from every place and an inquiry about every domain."""
    own = Look(f"https://{scenario.host}/", vantage=scenario.vantage)
    others = [replace(own, node=each.node, vantage=each.vantage) for each in scenario.others]
    entra = Entra(tuple(each.name for each in scenario.domains)) if scenario.domains else None
    record = bare(Target(scenario.name, (own, *others), entra=entra))
    for look, reason in ((own, scenario.reason), *zip(others, (each.reason for each in scenario.others), strict=True)):
        record = probed(record, _observed(scenario, look.node, reason, now), look=look)
    for domain in scenario.domains:
        inquiry = Inquiry(now, None, "", _trust_of(scenario, domain, now))
        record = answered(record, advance_trust(DomainRecord(domain.name), inquiry))
    return record


def _observed(scenario: Scenario, node: str, reason: Reason | None, now: datetime) -> Observation:
    found = None if reason else read_document(simulated(scenario, now).documents[node], ())
    return Observation(now, reason, "", phases={}, http_status=None, tls_not_after=None, document=found)


def _trust_of(scenario: Scenario, domain: Domain, now: datetime) -> DomainTrust:
    held = zip(Slot, simulated(scenario, now).trusted[domain.name], strict=False)
    return DomainTrust(
        TrustSource.GRAPH,
        federated=True,
        certificates={slot: certificates.read(der)[0] for slot, der in held if der is not None},
        service=scenario.host,
        update=domain.update,
        updated=now + domain.updated * DAY,
    )


HEADLINES = (
    (EXAMPLES[Kind.ROLLOVER_MISSING], "Successor missing (critical)", "critical"),
    (EXAMPLES[Kind.METADATA_UNREACHABLE], "Unreadable (warning)", "warning"),
    (EXAMPLES[Kind.SUCCESSOR_PUBLISHED], "Successor published (info)", "info"),
    (Example(seen(STEADY)), "Steady", "ok"),
    (Example(bare(FARM)), "Not looked at yet", "unknown"),
)
"""A target for each severity, and one of which nothing is known: its state on the pages, and its colour."""
