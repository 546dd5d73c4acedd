"""What was seen: plain, frozen data and closed lists of words. Imports nothing of ours.

The words are those of the SAML 2.0 metadata specification (OASIS ``saml-metadata-2.0-os``) and of
AD FS; the glossary in docs/design.md has one word for each thing. Every moment is aware UTC.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class Use(StrEnum):
    """What a key is for: the ``use`` attribute of a KeyDescriptor (SAML metadata 2.4.1.1)."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    UNSPECIFIED = "unspecified"
    """No ``use`` attribute: the key serves both."""

    @property
    def signs(self) -> bool:
        """Whether tokens may be signed with a key of this use."""
        return self is not Use.ENCRYPTION


class Role(StrEnum):
    """The side of a federation that a descriptor speaks for."""

    IDP = "idp"
    """IDPSSODescriptor, or RoleDescriptor of ``fed:SecurityTokenServiceType``."""
    SP = "sp"
    """SPSSODescriptor, or RoleDescriptor of ``fed:ApplicationServiceType``."""
    AA = "aa"
    """AttributeAuthorityDescriptor."""
    AUTHN = "authn"
    """AuthnAuthorityDescriptor."""
    PDP = "pdp"
    """PDPDescriptor."""
    OTHER = "other"
    """AffiliationDescriptor, or a RoleDescriptor of any other type."""


class Weakness(StrEnum):
    """Why a certificate is weaker than today's practice."""

    SHORT_KEY = "short_key"
    """RSA or DSA below 2048 bits, an elliptic curve below 224 (NIST SP 800-57 part 1)."""
    MD5 = "md5"
    """Signed by an issuer with MD5."""
    SHA1 = "sha1"
    """Signed by an issuer with SHA-1."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One ``ds:X509Certificate``; equal and hashed by its DER."""

    fingerprint: str
    """SHA-256 of the DER, lower-case hex: the identity, because a farm's certificates share one subject."""
    thumbprint: str = field(compare=False)
    """SHA-1 of the DER, upper-case hex: what AD FS prints."""
    subject: str = field(compare=False)
    issuer: str = field(compare=False)
    serial_number: str = field(compare=False)
    """Decimal."""
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    key_algorithm: str = field(compare=False)
    key_size: int = field(compare=False)
    """Bits; 0 when the key could not be read."""
    signature_algorithm: str = field(compare=False)
    self_issued: bool = field(compare=False)
    """Subject and issuer are the same name."""
    weaknesses: tuple[Weakness, ...] = field(compare=False)
    der: bytes = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a KeyDescriptor, which has one as a rule.

    It may come without a certificate (KeyName, KeyValue), or with one that cannot be read: it is a key all the same.
    """

    use: Use
    certificate: Certificate | None
    chain: tuple[Certificate, ...] = ()
    """The other certificates beside it, which certify it as a rule: never keys."""
    unread: str = ""
    """Why a certificate beside it cannot be read, for a person; empty: all can, or there is none.

    Then :attr:`certificate` is what was read before, or None where nothing was.
    """

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The certificate, or none."""
        return () if self.certificate is None else (self.certificate,)


@dataclass(frozen=True, slots=True)
class RoleDescriptor:
    """One role descriptor of an entity, as it stands in the document."""

    role: Role
    element: str
    """Local name of the element; for RoleDescriptor that of its ``xsi:type``."""
    keys: tuple[Key, ...]


class KeyPlace(NamedTuple):
    """Where an entity has a key: by this a key is known again whose certificate cannot be read."""

    role: Role
    element: str
    """As in :class:`RoleDescriptor`."""
    use: Use
    position: int
    """Among those of the same role, element and use, from 0."""

    @property
    def kind(self) -> tuple[Role, str, Use]:
        """What keys have in common of which nothing but the order says which is which."""
        return self[:3]


@dataclass(frozen=True, slots=True)
class Entity:
    """One EntityDescriptor."""

    entity_id: str
    roles: tuple[RoleDescriptor, ...]
    valid_until: datetime | None
    """The strictest ``validUntil`` of the entity, its roles and the groups around it."""
    sign_in_locations: tuple[str, ...]
    """Where people are sent to sign in: the ``Location`` of every SingleSignOnService."""

    @property
    def placed_keys(self) -> Mapping[KeyPlace, Key]:
        """Every key, in the order of the document, by its place."""
        counts = Counter[tuple[Role, str, Use]]()
        placed: dict[KeyPlace, Key] = {}
        for each in self.roles:
            for key in each.keys:
                kind = each.role, each.element, key.use
                placed[KeyPlace(*kind, counts[kind])] = key
                counts[kind] += 1
        return placed

    def published(self, role: Role, *, signs: bool) -> tuple[Certificate, ...]:
        """Each certificate once that the role publishes for signing, or for encryption alone."""
        return tuple(
            dict.fromkeys(
                certificate
                for each in self.roles
                if each.role is role
                for key in each.keys
                if key.use.signs is signs
                for certificate in key.certificates
            )
        )

    def certificates(self, *, signs: bool) -> tuple[Certificate, ...]:
        """Each certificate once that any role publishes for signing, or for encryption alone."""
        roles = dict.fromkeys(each.role for each in self.roles)
        return tuple(dict.fromkeys(found for role in roles for found in self.published(role, signs=signs)))


class FaultKind(StrEnum):
    """What can be wrong with a document that is usable all the same."""

    CERTIFICATE_BASE64 = "certificate_base64"
    """The text of an X509Certificate is not base64."""
    CERTIFICATE_DER = "certificate_der"
    """The bytes of an X509Certificate are no certificate."""
    CERTIFICATE_ATTRIBUTE = "certificate_attribute"
    """A subject, issuer, key or algorithm cannot be read, or a name or date breaks a rule; the certificate counts."""
    CERTIFICATE_TEXT = "certificate_text"
    """An X509Certificate holds a chain, or text around PEM; its first certificate that issued no other counts."""
    KEY_WITHOUT_CERTIFICATE = "key_without_certificate"
    """A key holds no certificate (KeyName, KeyValue or nothing): its expiry cannot be watched."""
    USE_UNKNOWN = "use_unknown"
    """``use`` is neither signing nor encryption; read as unspecified."""
    VALID_UNTIL = "valid_until"
    """A ``validUntil`` is no ``xs:dateTime``; ignored."""
    CACHE_DURATION = "cache_duration"
    """A ``cacheDuration`` is no ``xs:duration``; ignored."""
    ENTITY_ID_MISSING = "entity_id_missing"
    """An EntityDescriptor without ``entityID``; left out."""
    ENTITY_ID_LENGTH = "entity_id_length"
    """An ``entityID`` of more than 1,024 characters; the entity is left out."""
    ENTITY_LEFT_OUT = "entity_left_out"
    """An aggregate has more entities than are read; those that come last are left out."""
    CERTIFICATE_LEFT_OUT = "certificate_left_out"
    """A role publishes more certificates than are watched; kept are those by which a rollover is judged."""
    PART_LEFT_OUT = "part_left_out"
    """An entity has more roles, keys without certificates or places to sign in than are read."""
    ENTITY_DUPLICATE = "entity_duplicate"
    """The same ``entityID`` once more; both are read as one entity."""
    SIGNING_SETS_DIFFER = "signing_sets_differ"
    """The roles of one entity publish different signing keys."""
    PRIMARY_IGNORED = "primary_ignored"
    """The primary that the configuration names is not published."""
    PRIMARY_DISPUTED = "primary_disputed"
    """Two kinds of evidence name different primaries."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document that is usable all the same."""

    kind: FaultKind
    entity_id: str | None
    detail: str
    times: int = 1
    """Of how many such things it tells: of very many only some are told one by one."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metadata document or aggregate says."""

    entities: tuple[Entity, ...]
    aggregate: bool
    """It is about several entities; one alone counts as a document of its own, also in an EntitiesDescriptor."""
    valid_until: datetime | None
    """Until when the whole document may be used; an entity's own bound counts where it is the only one."""
    cache_duration: timedelta | None
    """The strictest ``cacheDuration`` in the same sense."""
    faults: tuple[Fault, ...]

    def holds(self, entity_id: str) -> bool:
        """Whether it speaks of this entity."""
        return any(entity.entity_id == entity_id for entity in self.entities)


class SignatureState(StrEnum):
    """What the document's own XML signature is worth."""

    TRUSTED = "trusted"
    """Verified by a certificate that the target's policy names as signer."""
    VALID = "valid"
    """Verified by a certificate that it brings along or that the document publishes: nothing was changed since."""
    INVALID = "invalid"
    """A key is known that should verify it, by a certificate in it, published or configured, and it does not verify."""
    UNSIGNED = "unsigned"
    """No signature over the very root."""
    UNCHECKED = "unchecked"
    """Nothing can be said: nobody gave its key, or the document is too large and no signer is configured."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The verdict on a document's own signature."""

    state: SignatureState
    fingerprint: str | None
    """Of the published certificate whose key verified it, or of the one that was tried; when none did, of the first in
    its KeyInfo."""
    detail: str


class Reason(StrEnum):
    """Why a probe got no usable document."""

    DNS = "dns"
    """The host name does not resolve."""
    REFUSED = "refused"
    """The connection was refused."""
    UNREACHABLE = "unreachable"
    """No route to the host, or nothing left on our own machine for a connection."""
    RESET = "reset"
    """The connection was closed or reset before the answer was complete."""
    TIMEOUT = "timeout"
    """The deadline passed; the detail names the phase."""
    TLS_EXPIRED = "tls_expired"
    """The endpoint's TLS certificate is expired."""
    TLS_NAME = "tls_name"
    """The endpoint's TLS certificate is for another name."""
    TLS_UNTRUSTED = "tls_untrusted"
    """The endpoint's TLS certificate comes from nobody we trust."""
    TLS = "tls"
    """Any other failure of the TLS handshake."""
    PROXY = "proxy"
    """The proxy failed or refused."""
    CREDENTIALS = "credentials"
    """A secret, certificate or token that the module needs could not be had."""
    HTTP_STATUS = "http_status"
    """The answer's status is not 200."""
    REDIRECT = "redirect"
    """Too many redirects, one from https to http, one to a host that is not allowed, or none permitted."""
    PROTOCOL = "protocol"
    """The answer is not HTTP."""
    ENCODING = "encoding"
    """The content encoding is unknown or broken, or the body has too many members."""
    TRUNCATED = "truncated"
    """The body is shorter than announced."""
    TOO_LARGE = "too_large"
    """The decompressed body is larger than the module's limit."""
    FILE = "file"
    """The file cannot be read."""
    HTML = "html"
    """An HTML page with status 200: a login page, an error page, a firewall."""
    DOCTYPE = "doctype"
    """The document has a DOCTYPE: what that adds to it, no signature covers."""
    NOT_XML = "not_xml"
    """Not well-formed XML."""
    NOT_METADATA = "not_metadata"
    """XML, and neither EntityDescriptor nor EntitiesDescriptor at its root, or much more markup than metadata has."""
    NO_ENTITY = "no_entity"
    """Metadata without a single usable EntityDescriptor."""
    ENTITY_MISMATCH = "entity_mismatch"
    """The document of another entity than this target's."""
    SIGNER_MISMATCH = "signer_mismatch"
    """Not signed by any of the target's configured signers."""
    INTERNAL = "internal"
    """A mistake of ours; the log has the traceback."""

    @property
    def is_ours(self) -> bool:
        """Whether it failed on our side, before the endpoint, and says nothing about that."""
        return self in {Reason.PROXY, Reason.CREDENTIALS, Reason.INTERNAL}


class Phase(StrEnum):
    """A stretch of a probe, in order."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    PROCESSING = "processing"
    TRANSFER = "transfer"
    PARSE = "parse"

    @property
    def stuck(self) -> str:
        """The end of a sentence about a probe that came no further."""
        return f"; stuck in {self}"


LONGEST_VALIDATOR = 1_024
"""Characters of a validator: many servers refuse a request whose headers have 8 kB, and it is not alone there."""


def is_validator(value: str) -> bool:
    """Whether a value may stand in the header of a request (RFC 9110 5.5), where it is sent back one day."""
    return len(value) <= LONGEST_VALIDATOR and value.isascii() and value.isprintable()


@dataclass(frozen=True, slots=True)
class Validators:
    """What an answer says by which to ask next time whether anything changed (RFC 9110 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Document:
    """A usable metadata document, and what is needed to bring it back."""

    metadata: Metadata
    signature: Signature
    size: int
    """Bytes, decompressed."""
    digest: str
    """SHA-256 of the bytes: equal digests are not parsed twice."""
    packed: bytes = field(repr=False)
    """The bytes, compressed with zlib."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one probe of a look."""

    at: datetime
    """When the probe began."""
    reason: Reason | None
    """None: the probe got a usable document."""
    detail: str
    """For a person; never holds a secret. Empty when there is no reason."""
    phases: Mapping[Phase, float]
    """Seconds spent in each phase that was reached."""
    http_status: int | None
    tls_not_after: datetime | None
    """Of the endpoint's own TLS certificate, also when it does not verify."""
    document: Document | None
    """What the probe got; the earlier object itself when nothing changed. None after a failure."""
    validators: Validators = NO_VALIDATORS
    """Of the answer: a publisher may write the same bytes anew, so the document has none."""
    clock: datetime | None = None
    """What the other side's clock showed when it answered (RFC 9110 6.6.1, with the age of RFC 9111 5.1); None: it did
    not say."""
    others: int = 0
    """Entities of an aggregate that does not hold the one that is meant; 0: it holds that one, or is no aggregate."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many times a thing was done, and the seconds that it took in all."""

    count: int = 0
    seconds: float = 0.0

    def plus(self, seconds: float) -> "Tally":
        """The tally after once more."""
        return Tally(self.count + 1, self.seconds + seconds)


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """Whether the state file can be written, and what waits for it."""

    writable: bool | None
    """None: no file is wanted."""
    fault: str = ""
    """Why it cannot be written, and what to do, for a person; empty: it can."""
    errors: int = 0
    """Attempts to open or write it since the start that failed."""
    waiting: int = 0
    """Targets of which something is not in it yet."""
    waiting_since: datetime | None = None
    rows_kept: int = 0
    """Rows that were found again in files that were damaged, since the start."""
    rows_lost: int = 0
    """Rows that were not, at least."""
