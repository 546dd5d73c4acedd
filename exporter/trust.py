"""What a relying party accepts, compared with what is published: the other side of a rollover.

The relying party is Microsoft Entra ID, which keeps up to two certificates for each federated domain and accepts a
token signed by either; neither of them is the primary (Microsoft Graph, ``internalDomainFederation``). Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.clock import believed
from exporter.config.settings import TrustSource
from exporter.model import Certificate, Entity
from exporter.policy import Policy, Profile
from exporter.primary import Evidence
from exporter.rollover import FOREVER, Rollover, Severity, shifted


class TrustState(StrEnum):
    """How the trust of one domain stands; the first that holds, in this order, is the one."""

    NOT_FEDERATED = "not_federated"
    """The domain does not sign in through this federation service."""
    BROKEN = "broken"
    """The primary is not trusted: sign-in fails."""
    UNKNOWN = "unknown"
    """Never told, or not enough to say."""
    AT_RISK = "at_risk"
    """The successor is not trusted, and its promotion is near."""
    PENDING = "pending"
    """The successor is not trusted yet, and there is time."""
    IN_SYNC = "in_sync"
    """All that signs, or will sign next, is trusted."""


TRUST_WORDS: Mapping[TrustState, str] = {
    TrustState.NOT_FEDERATED: "Not federated",
    TrustState.BROKEN: "Broken",
    TrustState.UNKNOWN: "Unknown",
    TrustState.AT_RISK: "At risk",
    TrustState.PENDING: "Pending",
    TrustState.IN_SYNC: "In sync",
}
"""Each state of a trust as people read it."""


class Answer(StrEnum):
    """An answer to a question that may have none."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def to(cls, *, known: bool | None) -> "Answer":
        """The answer in words."""
        return {True: cls.YES, False: cls.NO, None: cls.UNKNOWN}[known]


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the trust of one domain stands."""

    domain: str
    state: TrustState
    primary_trusted: bool | None = None
    """None: not known."""
    successor_trusted: bool | None = None
    """None: not known, or there is no successor."""
    foreign: tuple[Certificate, ...] | None = None
    """What is trusted, not expired, and not published: a leftover, or planted. None: the source cannot tell."""
    until: datetime = FOREVER
    """The same question asked before this moment has the same answer."""

    @property
    def severity(self) -> Severity:
        """How bad it is; with a foreign certificate no state is all right."""
        return max(_SEVERITIES[self.state], Severity.WARNING if self.foreign else Severity.OK)


_SEVERITIES = {
    TrustState.NOT_FEDERATED: Severity.WARNING,
    TrustState.BROKEN: Severity.CRITICAL,
    TrustState.UNKNOWN: Severity.INFO,
    TrustState.AT_RISK: Severity.CRITICAL,
    TrustState.PENDING: Severity.INFO,
    TrustState.IN_SYNC: Severity.OK,
}


def advance(record: DomainRecord, inquiry: Inquiry) -> DomainRecord:
    """The record after one more inquiry."""
    record = clamped(record, inquiry.at)
    answered = inquiry.trust is not None
    return DomainRecord(
        domain=record.domain,
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


def judge(
    domain: str,
    trust: DomainTrust | None,
    *,
    entity: Entity | None,
    rollover: Rollover | None,
    policy: Policy,
    url: str,
    now: datetime,
) -> Verdict:
    """How the trust of a domain stands, given what its federation service publishes.

    ``trust`` is None when Entra ID never answered, ``entity`` and ``rollover`` when no document was ever read;
    ``url`` is where the document is.
    """
    if trust is not None and not trust.federated:
        return Verdict(domain, TrustState.NOT_FEDERATED)
    if trust is None or entity is None or rollover is None:
        return Verdict(domain, TrustState.UNKNOWN)
    hosts = _hosts(entity, url)
    if trust.service is not None and hosts and trust.service not in hosts:
        return Verdict(domain, TrustState.NOT_FEDERATED)
    published = set(entity.published(rollover.role, signs=True))
    foreign = [each for each in dict.fromkeys(trust.certificates.values()) if each not in published]
    primary = _accepts(trust, rollover.primary)
    successor = _accepts(trust, rollover.successor)
    none_accepted = all(_accepts(trust, each) is False for each in _valid(published, now))
    unexpected = _valid(foreign, now)
    risky = tuple(near(rollover, policy))
    rows = (
        # Where only dates name the primary, another one that is trusted may well be it.
        (TrustState.BROKEN, primary is False and (rollover.evidence is not Evidence.DATES or none_accepted)),
        (TrustState.UNKNOWN, primary is not True or (rollover.successor is not None and successor is None)),
        (TrustState.AT_RISK, successor is False and any(moment <= now for moment in risky)),
        (TrustState.PENDING, successor is False),
        (TrustState.IN_SYNC, True),
    )
    moments = (*risky, rollover.until, *(each.not_after for each in (*published, *foreign)))
    return Verdict(
        domain,
        next(state for state, holds in rows if holds),
        primary_trusted=primary,
        successor_trusted=successor,
        foreign=unexpected if trust.source is TrustSource.GRAPH and (unexpected or not trust.unreadable) else None,
        until=min((moment for moment in moments if moment > now), default=FOREVER),
    )


def _accepts(trust: DomainTrust, certificate: Certificate | None) -> bool | None:
    """Whether a certificate is trusted; None where there is none, or the source does not show all that are."""
    if certificate is None:
        return None
    if certificate in trust.certificates.values():
        return True
    return False if trust.source is TrustSource.GRAPH and not trust.unreadable else None


def _valid(certificates: Iterable[Certificate], now: datetime) -> tuple[Certificate, ...]:
    return tuple(each for each in certificates if now < each.not_after)


def near(rollover: Rollover, policy: Policy) -> Iterator[datetime]:
    """The moments from which a successor that is not trusted is a risk."""
    if rollover.promotion is not None:
        yield shifted(rollover.promotion, -timedelta(days=policy.thresholds.notice))
    elif rollover.successor is not None and policy.profile is Profile.ADFS:
        # A promotion that was due, and dates alone cannot say that it did not take place.
        yield rollover.successor.not_before
    if rollover.primary is not None and policy.expiry:
        yield shifted(rollover.primary.not_after, -timedelta(days=policy.thresholds.trust))


def _hosts(entity: Entity, url: str) -> set[str]:
    """The names of the federation service: where people sign in, and where its metadata is."""
    addresses = (url, entity.entity_id, *entity.sign_in_locations)
    return {host for host in map(host_of, addresses) if host is not None}


def host_of(address: str) -> str | None:
    """The host of an address, in lower case; None where there is none."""
    try:
        return urlsplit(address).hostname or None
    except ValueError:
        return None
