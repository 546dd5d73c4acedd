"""Records whose scrapes are the same on every machine, and scrapes read back.

Fingerprints of minted certificates vary with their keys, so the certificates here are plain data: the fingerprint of
``certificate("a")`` is sixty-four times the ``a``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from builders import (
    DAY,
    ENCRYPTION_SUBJECT,
    ENTITY_ID,
    HOST,
    HOUR,
    NOW,
    SECOND,
    SIGNING_SUBJECT,
    knowing,
    looking,
    probed,
    watched,
    with_looks,
)
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter import inquiry as inquiries
from exporter.config.settings import INTERNET, Entra, Module, Target, TrustSource
from exporter.exposition.own import Status
from exporter.inquiry import DomainTrust, Inquiry, Slot, TrustReason, UpdateResult
from exporter.lately import NOTHING_YET
from exporter.model import (
    Certificate,
    Document,
    Entity,
    Fault,
    FaultKind,
    Key,
    Metadata,
    Observation,
    Phase,
    Reason,
    Role,
    RoleDescriptor,
    Signature,
    SignatureState,
    Use,
    Weakness,
)
from exporter.policy import ADFS_METADATA_PATH, PolicySettings, Profile
from exporter.record import Record, answered, bare

LIMIT = 2
"""Entities of an aggregate that get series without being watched, in every scrape here."""

UNSIGNED = Signature(SignatureState.UNSIGNED, None, "no signature over the root")

PHASES = {
    Phase.RESOLVE: 0.001,
    Phase.CONNECT: 0.002,
    Phase.TLS: 0.0035,
    Phase.PROCESSING: 0.02,
    Phase.TRANSFER: 0.00004,
    Phase.PARSE: 0.0000012,
}

RUNS = Status("1.2.3", NOW, 0, failures={}, reloaded=True, reloaded_at=NOW)
"""An exporter that has just begun."""

FARM = watched(HOST, f"https://{HOST}{ADFS_METADATA_PATH}")

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by name and labels."""


def certificate(
    digit: str,
    *,
    not_before: datetime = NOW - 165 * DAY,
    not_after: datetime = NOW + 200 * DAY,
    subject: str = SIGNING_SUBJECT,
    issuer: str | None = None,
    key_size: int = 2048,
    signature_algorithm: str = "sha256WithRSAEncryption",
    weaknesses: tuple[Weakness, ...] = (),
) -> Certificate:
    """A certificate known by one hex digit; self-issued unless an issuer is given."""
    return Certificate(
        fingerprint=digit * 64,
        thumbprint=digit.upper() * 40,
        subject=subject,
        issuer=issuer or subject,
        serial_number=str(int(digit, 16)),
        not_before=not_before,
        not_after=not_after,
        key_algorithm="RSA",
        key_size=key_size,
        signature_algorithm=signature_algorithm,
        self_issued=issuer is None,
        weaknesses=weaknesses,
        der=digit.encode(),
    )


def pair(
    signing: str, encryption: str, *, not_before: datetime, not_after: datetime
) -> tuple[Certificate, Certificate]:
    """A signing certificate and the encryption certificate that AD FS makes four seconds later."""
    made = not_before + 4 * SECOND
    return (
        certificate(signing, not_before=not_before, not_after=not_after),
        certificate(encryption, not_before=made, not_after=not_after + 4 * SECOND, subject=ENCRYPTION_SUBJECT),
    )


def role(role: Role, element: str, *keys: tuple[Use, Certificate]) -> RoleDescriptor:
    return RoleDescriptor(role, element, tuple(Key(use, certificate) for use, certificate in keys))


def adfs_entity(*signing: Certificate, encryption: Certificate) -> Entity:
    """A farm: its certificates stand in four roles, as AD FS writes them."""
    encrypts = (Use.ENCRYPTION, encryption)
    signs = [(Use.SIGNING, each) for each in signing]
    return Entity(
        f"http://{HOST}/adfs/services/trust",
        (
            role(Role.SP, "ApplicationServiceType", encrypts),
            role(Role.IDP, "SecurityTokenServiceType", *signs),
            role(Role.SP, "SPSSODescriptor", encrypts, *signs),
            role(Role.IDP, "IDPSSODescriptor", encrypts, *signs),
        ),
        valid_until=None,
        sign_in_locations=(f"https://{HOST}/adfs/ls/",),
    )


def idp(*signing: Certificate, entity_id: str = ENTITY_ID) -> Entity:
    """An identity provider that is no AD FS."""
    descriptor = role(Role.IDP, "IDPSSODescriptor", *((Use.SIGNING, each) for each in signing))
    return Entity(entity_id, (descriptor,), valid_until=None, sign_in_locations=("https://idp.example/sso",))


def document(
    *entities: Entity,
    aggregate: bool = False,
    signature: Signature = UNSIGNED,
    valid_until: datetime | None = None,
    cache_duration: timedelta | None = None,
    faults: Iterable[FaultKind] = (),
) -> Document:
    found = tuple(Fault(kind, None, "") for kind in faults)
    return Document(
        metadata=Metadata(entities, aggregate, valid_until, cache_duration, found),
        signature=signature,
        size=65_536,
        digest="",
        packed=b"",
    )


def signed_by(signer: Certificate, state: SignatureState = SignatureState.VALID) -> Signature:
    return Signature(state, signer.fingerprint, "")


def good(found: Document, at: datetime) -> Observation:
    """A look over HTTPS that got this document."""
    return Observation(at, None, "", PHASES, 200, NOW + 60 * DAY, found)


def failed(
    reason: Reason, at: datetime, *, phases: Mapping[Phase, float], tls_not_after: datetime | None = None
) -> Observation:
    """A look that never got an answer."""
    return Observation(at, reason, "", phases, None, tls_not_after, None)


def after(target: Target, *found: Observation) -> Record:
    """What is known of the target after these probes of its first look."""
    record = bare(target)
    for observation in found:
        record = probed(record, observation)
    return record


def told(record: Record, domain: str, inquiry: Inquiry) -> Record:
    """What is known after an inquiry about one of its domains."""
    (before,) = (each for each in record.domains if each.domain == domain)
    return answered(record, inquiries.advance(before, inquiry))


def answer(found: DomainTrust, at: datetime) -> Inquiry:
    """An inquiry that got this answer."""
    return Inquiry(at, None, "", found)


def unanswered(reason: TrustReason, at: datetime) -> Inquiry:
    """An inquiry that got none."""
    return Inquiry(at, reason, "", None)


def federated(
    *,
    signing: Certificate,
    following: Certificate | None = None,
    update: UpdateResult | None = UpdateResult.SUCCESS,
) -> DomainTrust:
    """What Graph says of a domain whose people sign in at the farm; it read the metadata six hours ago."""
    slots = {Slot.SIGNING: signing, Slot.NEXT: following}
    return DomainTrust(
        TrustSource.GRAPH,
        federated=True,
        certificates={slot: each for slot, each in slots.items() if each is not None},
        service=HOST,
        update=update,
        updated=NOW - 6 * HOUR if update else None,
    )


def realm(shown: Certificate) -> DomainTrust:
    """What user realm discovery says of such a domain."""
    return DomainTrust(TrustSource.USER_REALM, federated=True, certificates={Slot.UNNAMED: shown}, service=HOST)


def published() -> Record:
    """A farm that generated its successor two days ago; our looks saw it come."""
    primary, encryption = pair("1", "2", not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
    successor = certificate("3", not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
    alone = document(adfs_entity(primary, encryption=encryption), signature=signed_by(primary))
    both = document(adfs_entity(successor, primary, encryption=encryption), signature=signed_by(primary))
    return after(
        FARM,
        good(alone, NOW - 2 * DAY - HOUR),
        good(both, NOW - 2 * DAY + HOUR),
        good(both, NOW - 30 * SECOND),
    )


def promoted() -> Record:
    """A farm that promoted its signing certificate three days ago, and the encryption certificate not yet."""
    old, encryption = pair("1", "2", not_before=NOW - 353 * DAY, not_after=NOW + 12 * DAY)
    new = certificate("3", not_before=NOW - 8 * DAY, not_after=NOW + 357 * DAY)
    farm = adfs_entity(old, new, encryption=encryption)
    return after(
        FARM,
        good(document(farm, signature=signed_by(old)), NOW - 3 * DAY - HOUR),
        good(document(farm, signature=signed_by(new)), NOW - 3 * DAY + HOUR),
        good(document(farm, signature=signed_by(new)), NOW - 30 * SECOND),
    )


def aggregate() -> Record:
    """Seven entities, one of them watched: of the others the worst two are shown."""

    def ending(digit: str, days: float) -> Certificate:
        return certificate(digit, not_after=NOW + days * DAY, subject="CN=idp.example")

    both_uses = RoleDescriptor(Role.SP, "SPSSODescriptor", (Key(Use.UNSPECIFIED, ending("a", 100)),))
    entities = (
        idp(ending("b", 200), entity_id="https://steady.example/"),
        idp(ending("c", 20), entity_id="https://due.example/"),
        idp(ending("d", 3), entity_id="https://missing.example/"),
        idp(ending("e", -3), entity_id="https://expired.example/"),
        idp(entity_id="https://none.example/"),
        Entity("https://watched.example/", (both_uses,), None, ()),
        Entity("https://roleless.example/", (), None, ()),
    )
    content = document(
        *entities,
        aggregate=True,
        signature=Signature(SignatureState.TRUSTED, "f" * 64, ""),
        valid_until=NOW + 7 * DAY,
        cache_duration=timedelta(hours=6),
        faults=(
            FaultKind.ENTITY_DUPLICATE,
            FaultKind.ENTITY_DUPLICATE,
            FaultKind.ENTITY_ID_MISSING,
            FaultKind.CERTIFICATE_LEFT_OUT,
        ),
    )
    target = watched(
        "federation",
        "http://metadata.example/aggregate.xml",
        module=Module("aggregate"),
        watch=("https://watched.*",),
    )
    phases: Mapping[Phase, float] = {phase: seconds for phase, seconds in PHASES.items() if phase is not Phase.TLS}
    record = after(target, replace(good(content, NOW - 30 * SECOND), phases=phases, tls_not_after=None))
    return replace(record, history=replace(record.history, dropped=40))


def unreachable() -> Record:
    """A farm that was well ten minutes ago and refuses connections since."""
    primary, encryption = pair("1", "2", not_before=NOW - 165 * DAY, not_after=NOW + 200 * DAY)
    last_good = document(adfs_entity(primary, encryption=encryption), signature=signed_by(primary))
    return after(
        looking(FARM, vantage="internet"),
        good(last_good, NOW - timedelta(minutes=10)),
        failed(Reason.REFUSED, NOW - timedelta(minutes=5), phases={Phase.RESOLVE: 0.25}),
        failed(Reason.REFUSED, NOW, phases={Phase.RESOLVE: 0.000001}),
    )


def restored() -> Record:
    """The same farm after a restart, before the first look."""
    return knowing(unreachable(), observation=None, probes=0, failures=0, lately=NOTHING_YET)


def never_reached() -> Record:
    """A farm behind a TLS certificate that expired yesterday: no document was ever seen."""
    refusal = failed(Reason.TLS_EXPIRED, NOW, phases={Phase.RESOLVE: 1, Phase.CONNECT: 2}, tls_not_after=NOW - DAY)
    return after(replace(FARM, policy=PolicySettings(auto_certificate_rollover=True)), refusal)


def never_looked() -> Record:
    """A target between its configuration and its first look."""
    return bare(replace(FARM, policy=PolicySettings(profile=Profile.ADFS_MANUAL, auto_certificate_rollover=False)))


def weak() -> Record:
    """An identity provider with a short key, signed by its CA with SHA-1, and a key that has only a name."""
    short = certificate(
        "9",
        subject="CN=idp.example",
        issuer="CN=Example CA",
        key_size=1024,
        signature_algorithm="sha1WithRSAEncryption",
        weaknesses=(Weakness.SHORT_KEY, Weakness.SHA1),
    )
    keys = (Key(Use.SIGNING, short), Key(Use.ENCRYPTION, None))
    entity = Entity(ENTITY_ID, (RoleDescriptor(Role.IDP, "IDPSSODescriptor", keys),), None, ())
    content = document(
        entity, signature=signed_by(short, SignatureState.INVALID), faults=(FaultKind.KEY_WITHOUT_CERTIFICATE,)
    )
    return after(watched("weak", "https://idp.example/metadata"), good(content, NOW - 30 * SECOND))


def labelled() -> Record:
    """A target whose every label needs care."""
    labels = {"team": 'Identität "Süd"', "share": r"\\files\adfs", "value": "1", "family": "sso", "self": "no"}
    target = watched('a "quoted"\\name', "https://idp.example/?a=b{}", labels=labels, vantage="büro, 2. Stock")
    lines = certificate("7", subject='CN=two\nlines,O="Ex\\, Inc"')
    return after(target, good(document(idp(lines, entity_id='urn:"x"\\n')), NOW))


def trust() -> Record:
    """The farm with a successor and three domains, one of which Entra ID told nothing about.

    One domain is in sync. Another lacks the successor, trusts a certificate that is not published, and cannot read the
    metadata.
    """
    farm = published()
    target = replace(
        farm.target,
        entra=Entra(("contoso.com", "fabrikam.com", "northwindtraders.com"), tenant="contoso.onmicrosoft.com"),
    )
    record = replace(farm, target=target, domains=bare(target).domains)
    primary, _ = pair("1", "2", not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
    successor = certificate("3", not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
    leftover = certificate("4", not_before=NOW - 712 * DAY, not_after=NOW + 5 * DAY)
    blind = federated(signing=primary, following=leftover, update=UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST)
    record = told(record, "contoso.com", answer(federated(signing=primary, following=successor), NOW - 10 * SECOND))
    record = told(record, "fabrikam.com", answer(blind, NOW - HOUR))
    record = told(record, "fabrikam.com", unanswered(TrustReason.TIMEOUT, NOW - 9 * SECOND))
    return told(record, "northwindtraders.com", unanswered(TrustReason.PERMISSION, NOW - 8 * SECOND))


def nodes() -> Record:
    """A farm that promoted an hour ago, seen from two places and node by node.

    One proxy still serves the document of before; the other was well and refuses connections now.
    """
    primary, encryption = pair("1", "2", not_before=NOW - 350 * DAY, not_after=NOW + 15 * DAY)
    successor = certificate("3", not_before=NOW - 5 * DAY, not_after=NOW + 360 * DAY)
    farm = adfs_entity(successor, primary, encryption=encryption)
    old, new = document(farm, signature=signed_by(primary)), document(farm, signature=signed_by(successor))
    outside = looking(FARM, vantage=INTERNET)
    inside = replace(FARM.look, vantage="intranet")
    first, second = (
        replace(outside.look, node=name, address=address)
        for name, address in (("10.0.0.11", "10.0.0.11"), ("wap2", "wap2"))
    )
    record = bare(with_looks(outside, inside, first, second))
    for look in record.target.looks:
        record = probed(record, good(old, NOW - 2 * HOUR), look=look)
    record = probed(probed(record, good(new, NOW - HOUR)), good(new, NOW - HOUR), look=inside)
    refused = failed(Reason.REFUSED, NOW - 20 * SECOND, phases={Phase.RESOLVE: 0.000001})
    return probed(probed(record, refused, look=first), good(old, NOW - 10 * SECOND), look=second)


RECORDS = {
    "published": published,
    "promoted": promoted,
    "aggregate": aggregate,
    "unreachable": unreachable,
    "restored": restored,
    "never-reached": never_reached,
    "never-looked": never_looked,
    "weak": weak,
    "labelled": labelled,
    "trust": trust,
    "nodes": nodes,
}
"""What a scrape can show, each with a golden file of the same name."""


def federation() -> Sequence[Record]:
    """All of them as the targets of one exporter."""
    return [
        replace(record, target=replace(record.target, name=f"{record.target.name} ({name})"))
        for name, record in ((name, make()) for name, make in RECORDS.items())
    ]


def samples(scrape: bytes) -> Samples:
    """The samples of a scrape in either format, as its last line says; a series that occurs twice is an error."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in parsed(scrape):
        for sample in family.samples:
            series = (sample.name, frozenset(sample.labels.items()))
            assert series not in found, f"{series} occurs twice"
            found[series] = sample.value
    return found


def parsed(scrape: bytes) -> Sequence[Metric]:
    """The families of a scrape, as prometheus_client's parser for its format reads them."""
    text = scrape.decode()
    return list((openmetrics_families if text.endswith("# EOF\n") else text_families)(text))


def values(scrape: bytes, name: str, **labels: str) -> list[float]:
    """The values of the series with this name and at least these labels, in the order of the scrape."""
    return [value for (each, found), value in samples(scrape).items() if each == name and labels.items() <= found]


def value(scrape: bytes, name: str, **labels: str) -> float:
    """The value of the one such series."""
    (found,) = values(scrape, name, **labels)
    return found


def names(scrape: bytes) -> set[str]:
    """The names of all samples."""
    return {name for name, _ in samples(scrape)}
