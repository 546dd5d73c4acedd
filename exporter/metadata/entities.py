"""Elements to entities: what is wrong with a part is a fault, and the rest counts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice

from lxml.etree import _Element as Element

from exporter import certificates
from exporter.certificates import Data, Kinship
from exporter.metadata import times
from exporter.metadata.document import MD, DocumentError, short
from exporter.metadata.keys import key_value
from exporter.model import (
    Entity,
    Fault,
    FaultKind,
    Key,
    Metadata,
    Reason,
    Role,
    RoleDescriptor,
    Use,
)
from exporter.names import shortened

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_IDP = MD + "IDPSSODescriptor"
_ROLE_OF_A_TYPE = MD + "RoleDescriptor"
_ROLES = {
    _ROLE_OF_A_TYPE: Role.OTHER,
    _IDP: Role.IDP,
    MD + "SPSSODescriptor": Role.SP,
    MD + "AttributeAuthorityDescriptor": Role.AA,
    MD + "AuthnAuthorityDescriptor": Role.AUTHN,
    MD + "PDPDescriptor": Role.PDP,
    MD + "AffiliationDescriptor": Role.OTHER,
}
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_TYPES = {"SecurityTokenServiceType": Role.IDP, "ApplicationServiceType": Role.SP}
"""By local name (WS-Federation 1.2, 3.1.2).

What the prefix stands for is not asked: exclusive canonicalization leaves out a namespace that only a value names, so
that whoever passes a signed document on could change it.
"""
_BEGINNING = 20
"""Characters of a certificate's text that a fault quotes."""
LONGEST_ENTITY_ID = 1024
"""Characters of an ``entityID`` (SAML core 8.3.6)."""
_MOST_ENTITIES = 10_000
"""Entities that are read of a document of 16 MB or less."""
_BYTES_PER_ENTITY = 1_600
"""The least that an entity has on average in a larger one, of which more are read; in real aggregates it is 2,200."""
_MOST_CERTIFICATES = 10_000
"""Certificates that are read of a document of 16 MB or less, each counted as often as it weighs."""
_BYTES_PER_CERTIFICATE = 1_600
"""The least that one has on average in a larger one, of which more are read; in real documents it is 12,000."""
_MOST_IN_A_TEXT = 32
"""Certificates that are read of one text: chains have 5 at most."""
_MOST_FAULTS = 1_000
"""Faults of a kind that are told one by one; the others are counted."""
_MOST_LOCATIONS = 64
"""Places to sign in that are read of an entity; real ones have 4 at most."""
_LONGEST_LOCATION = 2_048
"""Characters of such an address: no browser's makers promise to follow a longer one."""
_MOST_ROLES = 64
"""Roles that are read of an entity, but for those that have keys or are of another kind; real ones have 4 at most."""
_MOST_VALUES = 32
"""KeyValues that are read of a key, which has one."""
_SIDES = frozenset({Role.IDP, Role.SP})
_USES = {None: Use.UNSPECIFIED, "signing": Use.SIGNING, "encryption": Use.ENCRYPTION}


_Decoded = tuple[Data, tuple[tuple[FaultKind, str], ...]]
"""What a text has of an X509Data, and what is wrong with it."""


@dataclass(slots=True)
class _Bounds:
    """The strictest of the bounds that were met."""

    valid_until: datetime | None = None
    cache_duration: timedelta | None = None

    def add(self, valid_until: datetime | None, cache_duration: timedelta | None) -> None:
        if valid_until is not None and (self.valid_until is None or valid_until < self.valid_until):
            self.valid_until = valid_until
        if cache_duration is not None and (self.cache_duration is None or cache_duration < self.cache_duration):
            self.cache_duration = cache_duration


@dataclass(slots=True)
class _Draft:
    """An entity in the making: it may stand in an aggregate more than once."""

    bounds: _Bounds = field(default_factory=_Bounds)
    roles: list[RoleDescriptor] = field(default_factory=list)
    kinds: set[tuple[Role, str]] = field(default_factory=set)
    """Of the roles; those of a type that is not known are one."""
    sign_in_locations: dict[str, None] = field(default_factory=dict)


class Reader:
    """Takes groups and entities in document order; decodes each certificate text once."""

    def __init__(self, size: int = 0) -> None:
        """``size`` is that of the document in bytes."""
        self._most_entities = max(_MOST_ENTITIES, size // _BYTES_PER_ENTITY)
        self._most_certificates = self._room = max(_MOST_CERTIFICATES, size // _BYTES_PER_CERTIFICATE)
        self._kinship = Kinship()
        self._entities: dict[str, _Draft] = {}
        self._faults: list[Fault] = []
        self._counts = Counter[FaultKind]()
        self._groups: list[_Bounds] = []
        self._root = _Bounds()
        self._decoded: dict[str, _Decoded] = {}
        self._told: set[tuple[str, str]] = set()

    def open(self, group: Element) -> None:
        """Enters an EntitiesDescriptor."""
        bounds = _Bounds()
        self._add_bounds(bounds, group, None)
        if self._groups:
            bounds.add(self._groups[-1].valid_until, self._groups[-1].cache_duration)
        else:
            self._root = bounds
        self._groups.append(bounds)

    def close(self) -> None:
        """Leaves the EntitiesDescriptor entered last."""
        self._groups.pop()

    def entity(self, element: Element) -> None:
        """Adds an EntityDescriptor."""
        entity_id = (element.get("entityID") or "").strip()
        if not entity_id:
            self._fault(FaultKind.ENTITY_ID_MISSING, None, "an EntityDescriptor has no entityID")
            return
        if len(entity_id) > LONGEST_ENTITY_ID:
            self._fault(FaultKind.ENTITY_ID_LENGTH, None, f"an entityID of {len(entity_id)} characters: {entity_id}")
            return
        draft = self._entities.get(entity_id)
        if draft is None and len(self._entities) == self._most_entities:
            self._fault(FaultKind.ENTITY_LEFT_OUT, None, f"not read, after {self._most_entities} others: {entity_id}")
            return
        if draft is None:
            draft = self._entities[entity_id] = _Draft()
        else:
            self._fault(FaultKind.ENTITY_DUPLICATE, entity_id, "the entityID occurs once more; its roles were added")
        if self._groups:
            draft.bounds.add(self._groups[-1].valid_until, self._groups[-1].cache_duration)
        self._add_bounds(draft.bounds, element, entity_id)
        for child in element.iterchildren(*_ROLES):
            self._add_bounds(draft.bounds, child, entity_id)
            self._add_role(draft, self._role(child, entity_id), entity_id)
            if child.tag == _IDP:
                for service in child.iterchildren(MD + "SingleSignOnService"):
                    if location := service.get("Location"):
                        self._add_location(draft.sign_in_locations, location, entity_id)

    def metadata(self) -> Metadata:
        """What all of them say together.

        Raises :class:`DocumentError`.
        """
        if not self._entities:
            raise DocumentError(Reason.NO_ENTITY, self._none())
        aggregate = len(self._entities) > 1
        bounds = self._root if aggregate else next(iter(self._entities.values())).bounds
        entities = tuple(
            Entity(entity_id, tuple(draft.roles), draft.bounds.valid_until, tuple(draft.sign_in_locations))
            for entity_id, draft in self._entities.items()
        )
        for entity in entities:
            self._compare_signing_sets(entity)
        return Metadata(
            entities, aggregate, bounds.valid_until, bounds.cache_duration, (*self._faults, *self._further_faults())
        )

    def _none(self) -> str:
        """Why there is no entity: the first that has an entityID has one that is too long, or none has any."""
        too_long = next((each.detail for each in self._faults if each.kind is FaultKind.ENTITY_ID_LENGTH), None)
        if too_long is None:
            return "no EntityDescriptor with an entityID"
        return short(f"no EntityDescriptor with an entityID of at most {LONGEST_ENTITY_ID} characters; {too_long}")

    def _fault(self, kind: FaultKind, entity_id: str | None, detail: str) -> None:
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST_FAULTS:
            self._faults.append(Fault(kind, entity_id, short(detail)))

    def _further_faults(self) -> Iterator[Fault]:
        for kind, count in self._counts.items():
            if count > _MOST_FAULTS:
                yield Fault(kind, None, f"{count - _MOST_FAULTS} more of the kind {kind}", count - _MOST_FAULTS)

    def _add_role(self, draft: _Draft, role: RoleDescriptor, entity_id: str) -> None:
        kind = role.role, "" if role.role is Role.OTHER else role.element
        if not role.keys and kind in draft.kinds and len(draft.roles) >= _MOST_ROLES:
            self._fault(FaultKind.PART_LEFT_OUT, entity_id, f"one more {role.element} without keys is not read")
            return
        draft.kinds.add(kind)
        draft.roles.append(role)

    def _add_location(self, locations: dict[str, None], location: str, entity_id: str) -> None:
        if location in locations:
            return
        if len(locations) == _MOST_LOCATIONS or len(location) > _LONGEST_LOCATION:
            self._fault(FaultKind.PART_LEFT_OUT, entity_id, f"a place to sign in is not read: {location}")
            return
        locations[location] = None

    def _add_bounds(self, bounds: _Bounds, element: Element, entity_id: str | None) -> None:
        valid_until = cache_duration = None
        if (text := element.get("validUntil")) is not None:
            try:
                valid_until = times.moment(text)
            except (ValueError, OverflowError):
                self._fault(FaultKind.VALID_UNTIL, entity_id, f"validUntil {text!r} of {_local(element)}")
        if (text := element.get("cacheDuration")) is not None:
            try:
                cache_duration = times.duration(text)
            except (ValueError, OverflowError):
                self._fault(FaultKind.CACHE_DURATION, entity_id, f"cacheDuration {text!r} of {_local(element)}")
        bounds.add(valid_until, cache_duration)

    def _role(self, element: Element, entity_id: str) -> RoleDescriptor:
        role, name = _ROLES[str(element.tag)], _local(element)
        if element.tag == _ROLE_OF_A_TYPE and (qname := (element.get(_XSI_TYPE) or "").strip()):
            name = shortened(qname.rpartition(":")[2])
            role = _TYPES.get(name, role)
        keys = (self._keys(key, name, entity_id) for key in element.iterchildren(MD + "KeyDescriptor"))
        return RoleDescriptor(role, name, tuple(chain.from_iterable(keys)))

    def _keys(self, element: Element, role: str, entity_id: str) -> Iterator[Key]:
        word = element.get("use")
        use = _USES.get(word and word.strip())
        if use is None:
            use = Use.UNSPECIFIED
            self._fault(FaultKind.USE_UNKNOWN, entity_id, f"use {word!r} of a key of {role}")
        infos = list(element.iterchildren(_DS + "KeyInfo"))
        data = [self._data(each, entity_id) for info in infos for each in info.iterchildren(_DS + "X509Data")]
        stated = (each for info in infos for each in info.iterchildren(_DS + "KeyValue"))
        values = dict.fromkeys(map(key_value, islice(stated, _MOST_VALUES)))
        found = certificates.named(data, [value for value in values if value is not None], self._kinship)
        unread = _unread(data)
        if not unread and any(each.certificate is None for each in found):
            self._fault(
                FaultKind.KEY_WITHOUT_CERTIFICATE, entity_id, f"a key of {role} (use: {use}) has no certificate"
            )
        return (Key(use, each.certificate, each.chain, "" if each.certificate else unread) for each in found)

    def _data(self, element: Element, entity_id: str) -> Data:
        read = [self._certificate(_text(each), entity_id) for each in element.iterchildren(_DS + "X509Certificate")]
        return Data(
            tuple(chain.from_iterable(each.certificates for each in read)),
            _unread(read),
            tuple(chain.from_iterable(each.beside for each in read)),
        )

    def _certificate(self, text: str, entity_id: str) -> Data:
        decoded = self._decoded.get(text)
        if decoded is None:
            decoded = self._decode(text)
        found, faults = decoded
        # What several roles of an entity repeat is one bad thing.
        if faults and (entity_id, text) not in self._told:
            self._told.add((entity_id, text))
            for kind, detail in faults:
                self._fault(kind, entity_id, detail)
        return found

    def _decode(self, text: str) -> _Decoded:
        if self._room <= 0:
            # Not kept: the text may be long, and this costs nothing.
            detail = f"{_beginning(text)}: not read, after what counts for {self._most_certificates} others"
            return _lost(FaultKind.CERTIFICATE_LEFT_OUT, detail)
        self._decoded[text], weight = _decode(text, self._kinship)
        self._room -= weight
        return self._decoded[text]

    def _compare_signing_sets(self, entity: Entity) -> None:
        first: tuple[str, frozenset[str]] | None = None
        for role in entity.roles:
            signing = _signing_set(role) if role.role in _SIDES else frozenset()
            if not signing:
                continue
            if first is None:
                first = role.element, signing
            elif signing != first[1]:
                detail = f"{first[0]} and {role.element} publish different signing certificates"
                self._fault(FaultKind.SIGNING_SETS_DIFFER, entity.entity_id, detail)
                return


def _signing_set(role: RoleDescriptor) -> frozenset[str]:
    return frozenset(certificate.fingerprint for key in role.keys if key.use.signs for certificate in key.certificates)


def _unread(data: Iterable[Data]) -> str:
    """Why a certificate in some X509Data cannot be read: the first reason."""
    return next((each.unread for each in data if each.unread), "")


def _decode(text: str, kinship: Kinship) -> tuple[_Decoded, int]:
    """What a text says, and how many usual certificates are as dear to read."""
    try:
        ders, surrounded = certificates.ders(text)
    except ValueError as error:
        return _lost(FaultKind.CERTIFICATE_BASE64, f"{_beginning(text)}: {error}"), 1
    try:
        first, unreadable = certificates.read(ders[0])
    except certificates.CertificateError as error:
        lost = _lost(FaultKind.CERTIFICATE_DER, f"{_beginning(text)}: {error}")
        return lost, certificates.weight(ders[0], odd=True)
    faults = [(FaultKind.CERTIFICATE_ATTRIBUTE, f"{first.fingerprint[:16]}: {sentence}") for sentence in unreadable]
    found, weight = [first], certificates.weight(ders[0], odd=bool(unreadable))
    with suppress(certificates.CertificateError):
        for der in ders[1:_MOST_IN_A_TEXT]:
            certificate, odd = certificates.read(der)
            found.append(certificate)
            weight += certificates.weight(der, odd=bool(odd))
    if len(ders) > _MOST_IN_A_TEXT:
        detail = f"{len(ders)} certificates in one element, of which {len(found)} are read"
        faults.append((FaultKind.CERTIFICATE_TEXT, f"{_beginning(text)}: {detail}"))
    elif len(found) > 1:
        faults.append((FaultKind.CERTIFICATE_TEXT, f"{_beginning(text)}: {len(found)} certificates in one element"))
    elif surrounded:
        faults.append((FaultKind.CERTIFICATE_TEXT, f"{_beginning(text)}: text around a certificate"))
    leaf = certificates.named([Data(tuple(found))], (), kinship)[0].certificate or first
    return (Data((leaf,), beside=tuple(each for each in found if each != leaf)), tuple(faults)), weight


def _lost(kind: FaultKind, detail: str) -> _Decoded:
    return Data((), short(detail)), ((kind, detail),)


def _beginning(text: str) -> str:
    """Which of several it is: certificates of one size begin alike, so of a longer text the end tells too."""
    text = text.strip()
    end = f" and ends {text[-_BEGINNING:]!r}" if len(text) > 2 * _BEGINNING else ""
    return f"the one that begins {text[:_BEGINNING]!r}{end}"


def _text(element: Element) -> str:
    """The text of an element, also where comments part it."""
    return (element.text or "") if not len(element) else str(element.xpath("string()"))


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
