"""What Entra ID said when it was asked about a domain: its slots, its words, and the last good answer. Pure.

Entra ID keeps up to two certificates for each federated domain and accepts a token signed by either; neither of them is
the primary (Microsoft Graph, ``internalDomainFederation``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from exporter.clock import believed
from exporter.config.settings import TrustSource
from exporter.model import Certificate
from exporter.names import told
from exporter.trust import Accepted

LONGEST_SERVICE = 253
"""Characters of the name of a federation service: DNS has no longer one (RFC 1035 3.1)."""


class TrustReason(StrEnum):
    """Why an inquiry got no answer that could be used."""

    CREDENTIALS = "credentials"
    """The secret, certificate or token that stands for us cannot be read or used."""
    REFUSED = "refused"
    """The token endpoint refused us: a secret that was revoked or has expired, a wrong client or tenant."""
    UNAUTHORIZED = "unauthorized"
    """401: Graph does not accept the token."""
    PERMISSION = "permission"
    """403: the application lacks ``Domain-InternalFederation.Read.All``, or nobody consented to it."""
    THROTTLED = "throttled"
    """429: asked too often; the next inquiry waits for as long as ``Retry-After`` says."""
    SERVER = "server"
    """5xx: the other side failed."""
    HTTP_STATUS = "http_status"
    """Any other status than 200."""
    TIMEOUT = "timeout"
    """The deadline passed."""
    CONNECTION = "connection"
    """No connection: name, network, TLS or proxy; the detail says which."""
    MALFORMED = "malformed"
    """The answer is not what is documented."""
    INTERNAL = "internal"
    """A mistake of ours; the log has the traceback."""


class Slot(StrEnum):
    """Where a trusted certificate is kept."""

    SIGNING = "signing"
    """``signingCertificate``."""
    NEXT = "next"
    """``nextSigningCertificate``."""
    UNNAMED = "unnamed"
    """User realm discovery gives one certificate, and does not say which."""


class UpdateResult(StrEnum):
    """How Entra ID's own last reading of the metadata went, in its words (Graph, ``certificateUpdateResult``)."""

    SUCCESS = "success"
    UNKNOWN_ERROR = "unknownError"
    INTERNAL_SERVER_ERROR = "internalServerError"
    NO_VALID_EXISTING_CERT_FOUND = "noValidExistingCertFound"
    NO_STS_AUTH_URL_FOUND = "noStsAuthUrlFound"
    NO_FEDERATION_PROTOCOL_FOUND = "noFederationProtocolFound"
    NO_NEW_CERTIFICATE_FOUND = "noNewCertificateFound"
    COULD_NOT_ACCESS_REMOTE_HOST = "couldNotAccessRemoteHost"
    CONNECTION_ERROR = "connectionError"
    XML_PARSING_ERROR = "xmlParsingError"
    BAD_REQUEST = "badRequest"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "notFound"
    PROVIDER_ERROR = "providerError"
    OTHER = "other"
    """A word that is not documented."""

    @property
    def readable(self) -> bool | None:
        """Whether by this account Entra ID could read the metadata; None: it does not say."""
        if self in {UpdateResult.SUCCESS, UpdateResult.NO_NEW_CERTIFICATE_FOUND}:
            return True
        return False if self in _NOT_READ else None


_NOT_READ = {
    UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST,
    UpdateResult.CONNECTION_ERROR,
    UpdateResult.XML_PARSING_ERROR,
    UpdateResult.BAD_REQUEST,
    UpdateResult.UNAUTHORIZED,
    UpdateResult.FORBIDDEN,
    UpdateResult.NOT_FOUND,
    UpdateResult.PROVIDER_ERROR,
}


@dataclass(frozen=True, slots=True)
class DomainTrust:
    """What Entra ID says of one domain."""

    source: TrustSource
    federated: bool
    certificates: Mapping[Slot, Certificate] = field(default_factory=dict)
    """What it accepts; a slot that is empty is not here."""
    unreadable: tuple[Slot, ...] = ()
    """The slots that hold something, and no certificate."""
    service: str | None = None
    """The host that people are sent to for signing in."""
    update: UpdateResult | None = None
    """None: it has not said."""
    updated: datetime | None = None
    """When that reading took place."""

    @property
    def accepted(self) -> Accepted:
        """What is accepted, for the comparison with what is published.

        Microsoft Graph shows both slots; user realm discovery shows one certificate at most, and by that none is known
        not to be accepted.
        """
        certificates, shows_slots = tuple(self.certificates.values()), self.source is TrustSource.GRAPH
        return Accepted(
            certificates,
            federated=self.federated,
            service=self.service,
            complete=shows_slots and not self.unreadable,
            names_foreign=shows_slots,
        )


def service_name(host: str) -> str:
    """The host of a federation service as it is kept and shown; what no host can be is cut, and made printable."""
    return told(host, LONGEST_SERVICE)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The result of asking once about one domain."""

    at: datetime
    """When it began."""
    reason: TrustReason | None
    """None: there is an answer."""
    detail: str
    """For a person; never holds a secret. Empty when there is no reason."""
    trust: DomainTrust | None
    """None after a failure."""
    retry_after: float | None = None
    """Seconds that the other side wants us to wait."""

    @property
    def ends_round(self) -> bool:
        """Whether the other side wants not to be asked about more domains now."""
        return self.reason is TrustReason.THROTTLED or self.retry_after is not None

    def held_back(self, now: datetime) -> float:
        """Seconds for which the other side still wants us to wait: whatever the clock shows, not more than it said."""
        waited = max(0.0, (now - self.at).total_seconds())
        return max(0.0, (self.retry_after or 0.0) - waited)


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """All that is known of one domain after the latest inquiry; last good wins."""

    domain: str
    inquiry: Inquiry | None = None
    """None until there was one since the start."""
    trust: DomainTrust | None = None
    """The last good answer."""
    last_success: datetime | None = None
    inquiries: int = 0
    failures: int = 0
    compared: DomainTrust | None = field(default=None, compare=False)
    """The last good answer while the document that it is compared with was as good as new."""


def advance(record: DomainRecord, inquiry: Inquiry) -> DomainRecord:
    """The record after one more inquiry."""
    record = clamped(record, inquiry.at)
    answered = inquiry.trust is not None
    return replace(
        record,
        inquiry=inquiry,
        trust=inquiry.trust if answered else record.trust,
        last_success=inquiry.at if answered else record.last_success,
        inquiries=record.inquiries + 1,
        failures=record.failures + (not answered),
    )


def clamped(record: DomainRecord, now: datetime) -> DomainRecord:
    """The record without a time of ours that cannot be true; the very same object where there is none."""
    inquiry = record.inquiry and replace(record.inquiry, at=believed(record.inquiry.at, now))
    last_success = record.last_success and believed(record.last_success, now)
    if (inquiry, last_success) == (record.inquiry, record.last_success):
        return record
    return replace(record, inquiry=inquiry, last_success=last_success)
