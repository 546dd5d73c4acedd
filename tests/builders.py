"""Certificates, documents, targets and records on order: one line says what is special about each.

Keys are EC, for speed.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from lxml import etree
from lxml.builder import ElementMaker

from exporter.config.settings import Look, Target
from exporter.demo.documents import (
    DS,
    FED,
    MD,
    XSI,
    KeyKind,
    KeyPair,
    Published,
    adfs_metadata,
    key_descriptor,
    mint,
    sign,
)
from exporter.history import EntityHistory, KeySetHistory, Sighting
from exporter.model import (
    Certificate,
    Entity,
    Key,
    Metadata,
    Observation,
    Role,
    RoleDescriptor,
    Signature,
    SignatureState,
    Use,
)
from exporter.policy import Policy, PolicySettings, Profile, in_force
from exporter.record import LookRecord, Record, advance, joined
from exporter.rollover import Rollover, judge

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

HOST = "fs.example"
SIGNING_SUBJECT = f"CN=ADFS Signing - {HOST}"
ENCRYPTION_SUBJECT = f"CN=ADFS Encryption - {HOST}"
ENTITY_ID = "https://idp.example/saml"

NOT_BASE64 = b"no base64 at all!"
NOT_DER = b"bm8gY2VydGlmaWNhdGU="

_md = ElementMaker(namespace=MD, nsmap={None: MD})
_ds = ElementMaker(namespace=DS, nsmap={"ds": DS})

_DESCRIPTORS = {
    Role.IDP: "IDPSSODescriptor",
    Role.SP: "SPSSODescriptor",
    Role.AA: "AttributeAuthorityDescriptor",
    Role.AUTHN: "AuthnAuthorityDescriptor",
    Role.PDP: "PDPDescriptor",
}


def pair(
    *,
    not_before: datetime = NOW - 165 * DAY,
    not_after: datetime = NOW + 200 * DAY,
    subject: str = SIGNING_SUBJECT,
    issuer: KeyPair | None = None,
    key: KeyKind = "ec",
    nth: int = 0,
) -> KeyPair:
    """The same arguments give the same pair; ``nth`` tells several with the same arguments apart."""
    return _cached_pair(subject, not_before, not_after, issuer, key, nth)


def certificate(
    *,
    not_before: datetime = NOW - 165 * DAY,
    not_after: datetime = NOW + 200 * DAY,
    subject: str = SIGNING_SUBJECT,
    issuer: KeyPair | None = None,
    nth: int = 0,
) -> Certificate:
    return pair(not_before=not_before, not_after=not_after, subject=subject, issuer=issuer, nth=nth).certificate


def encryption_pair(*, not_before: datetime = NOW - 165 * DAY, not_after: datetime = NOW + 200 * DAY) -> KeyPair:
    return pair(not_before=not_before, not_after=not_after, subject=ENCRYPTION_SUBJECT)


@cache
def authority() -> KeyPair:
    """An enterprise CA: what it issues looks renewed by hand."""
    return mint("CN=Example Enterprise CA", not_before=NOW - 3650 * DAY, not_after=NOW + 3650 * DAY, authority=True)


def adfs(
    *signing: Published,
    encryption: Sequence[Published] | None = None,
    signer: KeyPair | None = None,
    host: str = HOST,
    entity_id: str | None = None,
) -> bytes:
    """An AD FS farm's document, with the default pairs where none are given."""
    return adfs_metadata(
        host,
        signing=signing or (pair(),),
        encryption=(encryption_pair(),) if encryption is None else encryption,
        signer=signer,
        entity_id=entity_id,
    )


def saml_metadata(
    entity_id: str = ENTITY_ID,
    *,
    keys: Sequence[tuple[Use, Published]] | None = None,
    role: Role = Role.IDP,
    valid_until: datetime | None = None,
    signer: KeyPair | None = None,
) -> bytes:
    """A document of one entity with one role; by default with one signing key."""
    published = ((Use.SIGNING, pair()),) if keys is None else keys
    descriptor = descriptor_of(role, *(key(content, use=use) for use, content in published))
    return entity(descriptor, entity_id=entity_id, valid_until=valid_until, signer=signer)


def aggregate(
    entities: Sequence[bytes],
    *,
    name: str | None = None,
    valid_until: datetime | None = None,
    cache_duration: str | None = None,
    signer: KeyPair | None = None,
) -> bytes:
    """An EntitiesDescriptor around other documents, aggregates too."""
    root = _md.EntitiesDescriptor(
        _attributes(ID="_aggregate", Name=name, validUntil=valid_until, cacheDuration=cache_duration),
        *map(etree.fromstring, entities),
    )
    return etree.tostring(sign(root, signer) if signer else root)


def entity(
    *descriptors: etree._Element,
    entity_id: str | None = ENTITY_ID,
    valid_until: datetime | str | None = None,
    cache_duration: str | None = None,
    signer: KeyPair | None = None,
) -> bytes:
    """An EntityDescriptor with these roles; None leaves the entityID out."""
    root = _md.EntityDescriptor(
        _attributes(ID="_entity", entityID=entity_id, validUntil=valid_until, cacheDuration=cache_duration),
        *map(deepcopy, descriptors),
    )
    return etree.tostring(sign(root, signer) if signer else root)


def descriptor_of(
    role: Role,
    *keys: etree._Element,
    valid_until: datetime | str | None = None,
    cache_duration: str | None = None,
) -> etree._Element:
    """The role's own descriptor; an identity provider has a place to sign in."""
    sign_in = [_md.SingleSignOnService(Binding="urn:x", Location="https://idp.example/sso")] if role is Role.IDP else []
    return _md(
        _DESCRIPTORS[role],
        _attributes(validUntil=valid_until, cacheDuration=cache_duration),
        *map(deepcopy, keys),
        *sign_in,
    )


def web_service(kind: str, *keys: etree._Element, prefix: str = "fed") -> etree._Element:
    """A RoleDescriptor of a WS-Federation type, ``SecurityTokenServiceType`` for one, under any prefix."""
    make = ElementMaker(namespace=MD, nsmap={None: MD, "xsi": XSI, prefix: FED})
    return make.RoleDescriptor({f"{{{XSI}}}type": f"{prefix}:{kind}"}, *map(deepcopy, keys))


def key(*content: Published, use: Use = Use.SIGNING) -> etree._Element:
    """A KeyDescriptor with all its certificates in one X509Data; bytes stand there as they are."""
    return key_descriptor(use, *content)


def key_name(name: str = "signing-key-1", use: Use = Use.SIGNING) -> etree._Element:
    """A key that names itself and brings no certificate."""
    return _md.KeyDescriptor({"use": use.value}, _ds.KeyInfo(_ds.KeyName(name)))


def wsfed_only(*signing: Published) -> bytes:
    """WS-Federation without SAML: a security token service alone."""
    return entity(web_service("SecurityTokenServiceType", *map(key, signing or (pair(),))))


def repeated_in_four_roles(content: KeyPair) -> bytes:
    """One certificate for everything, everywhere."""
    everything = (key(content, use=Use.ENCRYPTION), key(content), key(content))
    return entity(
        web_service("ApplicationServiceType", *everything),
        web_service("SecurityTokenServiceType", *everything),
        descriptor_of(Role.SP, *everything),
        descriptor_of(Role.IDP, *everything),
    )


def with_bom(document: bytes) -> bytes:
    return b"\xef\xbb\xbf" + document


def in_utf16(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), encoding="UTF-16", xml_declaration=True)


def with_doctype(document: bytes, subset: str = "") -> bytes:
    """The document after a DOCTYPE with this internal subset."""
    return f"<!DOCTYPE EntityDescriptor [{subset}]>".encode() + document


def bomb(levels: int = 9) -> bytes:
    """Entities that refer to ten others each: 10 to the power of ``levels`` when expanded."""
    references = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, levels + 1))
    return with_doctype(_referring_to(f"e{levels}"), f'<!ENTITY e0 "boom">{references}')


def reading_a_file(path: str) -> bytes:
    """A document that asks its reader for a file."""
    return with_doctype(_referring_to("file"), f'<!ENTITY file SYSTEM "file://{path}">')


def tampered(document: bytes) -> bytes:
    """The document with one attribute more than the one that was signed."""
    root = etree.fromstring(document)
    root.set("cacheDuration", "PT1H")
    return etree.tostring(root)


def dated(not_before: datetime, not_after: datetime, *, nth: int = 0, issuer: KeyPair | None = None) -> Certificate:
    """A certificate of any dates, also of those X.509 cannot write; the ``nth`` has the ``nth`` fingerprint."""
    return replace(certificate(issuer=issuer), fingerprint=f"{nth:064x}", not_before=not_before, not_after=not_after)


def role_of(
    role: Role,
    *signing: Certificate,
    encryption: Sequence[Certificate] = (),
    element: str = "IDPSSODescriptor",
    use: Use = Use.SIGNING,
) -> RoleDescriptor:
    """What a reader makes of a role that publishes a key for each certificate."""
    keys = [*(Key(use, each) for each in signing), *(Key(Use.ENCRYPTION, each) for each in encryption)]
    return RoleDescriptor(role, element, tuple(keys))


def entity_of(*roles: RoleDescriptor, entity_id: str = ENTITY_ID) -> Entity:
    return Entity(entity_id, roles, valid_until=None, sign_in_locations=())


def metadata_of(*entities: Entity, aggregate: bool = False) -> Metadata:
    return Metadata(entities, aggregate=aggregate, valid_until=None, cache_duration=None, faults=())


def farm(*signing: Certificate, encryption: Sequence[Certificate] = ()) -> Metadata:
    """What a reader makes of an AD FS farm's document."""
    service = role_of(Role.IDP, *signing, element="SecurityTokenServiceType")
    provider = role_of(Role.IDP, *signing, encryption=encryption)
    consumer = role_of(Role.SP, *signing, encryption=encryption, element="SPSSODescriptor")
    return metadata_of(entity_of(service, consumer, provider, entity_id=f"http://{HOST}/adfs/services/trust"))


def signed_by(signer: Certificate, state: SignatureState = SignatureState.VALID) -> Signature:
    return Signature(state, signer.fingerprint, detail="")


def policy(
    profile: Profile = Profile.ADFS, *, expiry: bool = True, primary: Certificate | None = None, **thresholds: float
) -> Policy:
    """The profile's own policy but for what is given."""
    fingerprint = primary.fingerprint if primary else None
    configured = PolicySettings(profile=profile, thresholds=thresholds, expiry=expiry, primary=fingerprint)
    return in_force(configured, None, "")


def verdict(
    metadata: Metadata,
    policy: Policy,
    *,
    signer: Certificate | None = None,
    first_seen: Mapping[str, datetime] | None = None,
    now: datetime = NOW,
) -> Rollover:
    """The verdict on the only entity of a document, signed when there is a signer."""
    signature = signed_by(signer) if signer else None
    seen = {entity.entity_id: first_seen or {} for entity in metadata.entities}
    (rollover,) = judge(metadata, policy, signature=signature, first_seen=seen, now=now)
    return rollover


def remembered(fingerprint: str, at: datetime) -> EntityHistory:
    """What is remembered of an entity whose only certificate was first seen at a moment."""
    return EntityHistory(
        first_seen={fingerprint: at},
        key_sets={(Role.IDP, Use.SIGNING): KeySetHistory((Sighting(frozenset({fingerprint}), at, at),))},
    )


def watched(name: str, url: str, **settings: object) -> Target:
    """A target with one look, at this URL; the settings are of either."""
    of_look = _taken(settings, Look)
    return Target(name, (Look(url, **of_look),), **settings)  # type: ignore[arg-type]  # any field


def looking(target: Target, **settings: object) -> Target:
    """The target, its first look another in these settings."""
    look = replace(target.look, **settings)  # type: ignore[arg-type]  # any field
    return replace(target, looks=(look, *target.looks[1:]))


def with_looks(target: Target, *further: Look) -> Target:
    """The target, with these looks after its first and no others."""
    return replace(target, looks=(target.look, *further))


def knowing(record: Record, **known: object) -> Record:
    """The record, if these things were known, of the first look or of the target."""
    first = replace(record.first, **_taken(known, LookRecord))  # type: ignore[arg-type]  # any field
    return replace(record, looks=(first, *record.looks[1:]), **known)  # type: ignore[arg-type]  # any field


def beside(record: Record, *further: Look) -> Record:
    """The record, if its target had these looks too, of which nothing is known yet."""
    looks = (record.first, *map(LookRecord, further))
    return replace(record, target=with_looks(record.target, *further), looks=looks)


def probed(record: Record, observation: Observation, *, look: Look | None = None) -> Record:
    """The record after a probe that gave this; of the first look where no other is named."""
    return joined(record, advance(record.at((look or record.target.look).place), observation))


@cache
def _cached_pair(
    subject: str, not_before: datetime, not_after: datetime, issuer: KeyPair | None, key: KeyKind, _nth: int
) -> KeyPair:
    return mint(subject, not_before=not_before, not_after=not_after, issuer=issuer, key=key)


def _referring_to(xml_entity: str) -> bytes:
    root = etree.fromstring(entity())
    root.append(etree.Entity(xml_entity))
    return etree.tostring(root)


def _attributes(**values: datetime | str | None) -> dict[str, str]:
    return {name: _xml_text(value) for name, value in values.items() if value is not None}


def _xml_text(value: datetime | str) -> str:
    return value if isinstance(value, str) else f"{value:%Y-%m-%dT%H:%M:%SZ}"


def _taken(values: dict[str, object], form: type[Look | LookRecord]) -> dict[str, object]:
    """Those of the values that are fields of a dataclass, which are then no longer among the others."""
    return {field.name: values.pop(field.name) for field in fields(form) if field.name in values}
