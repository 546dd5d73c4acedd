"""What a relying party accepts, compared with what is published: the other side of a rollover. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.model import Certificate, Entity
from exporter.policy import Policy, Profile
from exporter.primary import Evidence
from exporter.rollover import FOREVER, Rollover, shifted


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


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a relying party accepts of a publisher's signing certificates."""

    certificates: tuple[Certificate, ...]
    federated: bool = True
    """It accepts tokens of somebody at all."""
    service: str | None = None
    """The host that it sends people to for signing in; None: not known."""
    complete: bool = True
    """It accepts no others than these."""
    names_foreign: bool = True
    """One of them that is not published is accepted all the same, and does not only seem to be."""


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
    """What is trusted, not expired, and was never seen published: planted, or older than our memory. None: the source cannot tell."""
    leftover: tuple[Certificate, ...] = ()
    """What is trusted, not expired, no longer published, and was published before."""
    until: datetime = FOREVER
    """The same question asked before this moment has the same answer."""


def judge(
    domain: str,
    accepted: Accepted | None,
    *,
    entity: Entity | None,
    rollover: Rollover | None,
    policy: Policy,
    url: str,
    now: datetime,
) -> Verdict:
    """How the trust of a domain stands, given what its federation service publishes.

    ``accepted`` is None when the party never answered, ``entity`` and ``rollover`` when no document was ever read;
    ``url`` is where the document is.
    """
    if accepted is not None and not accepted.federated:
        return Verdict(domain, TrustState.NOT_FEDERATED)
    if accepted is None or entity is None or rollover is None:
        return Verdict(domain, TrustState.UNKNOWN)
    hosts = _hosts(entity, url)
    if accepted.service is not None and hosts and accepted.service not in hosts:
        return Verdict(domain, TrustState.NOT_FEDERATED)
    published = set(entity.published(rollover.role, signs=True))
    foreign = [each for each in dict.fromkeys(accepted.certificates) if each not in published]
    primary = _accepts(accepted, rollover.primary)
    successor = _accepts(accepted, rollover.successor)
    none_accepted = all(_accepts(accepted, each) is False for each in _valid(published, now))
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
        foreign=unexpected if accepted.names_foreign and (unexpected or accepted.complete) else None,
        until=min((moment for moment in moments if moment > now), default=FOREVER),
    )


def _accepts(accepted: Accepted, certificate: Certificate | None) -> bool | None:
    """Whether a certificate is trusted; None where there is none, or the party does not show all that are."""
    if certificate is None:
        return None
    if certificate in accepted.certificates:
        return True
    return False if accepted.complete else None


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
