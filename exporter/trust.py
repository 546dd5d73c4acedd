"""What a relying party accepts, compared with what is published: the other side of a rollover. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.model import Certificate, Entity, Role
from exporter.policy import Policy
from exporter.rollover import FOREVER, Rollover, promotion_of, shifted

TOLD_ON = timedelta(hours=36)
"""How long a risk is told after the promotion, where no answer says whether it came true."""


class TrustState(StrEnum):
    """How the trust of one domain stands; the first that holds, in this order, is the one."""

    NOT_FEDERATED = "not_federated"
    """The domain does not sign in through this federation service."""
    BROKEN = "broken"
    """Nothing that may be in use is trusted: sign-in fails."""
    AT_RISK = "at_risk"
    """What will sign next, or may sign already, is not trusted, and that is near."""
    UNKNOWN = "unknown"
    """Never told, or not enough to say."""
    PENDING = "pending"
    """What will sign next, or may sign already, is not trusted yet, and there is time."""
    IN_SYNC = "in_sync"
    """All that signs, or will sign next, is trusted."""


TRUST_WORDS: Mapping[TrustState, str] = {
    TrustState.NOT_FEDERATED: "Not federated",
    TrustState.BROKEN: "Broken",
    TrustState.AT_RISK: "At risk",
    TrustState.UNKNOWN: "Unknown",
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
    at: datetime | None = None
    """When it said so: that says nothing against what came later. None: just now."""
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
    """Whether all that will sign next, or may sign already, is; None: not known, or there is none beside the
    primary."""
    lacking: tuple[Certificate, ...] = ()
    """What will sign next, or may sign already, and is not trusted; the next one first."""
    too_old: bool = False
    """What is not known would be told by a newer answer."""
    foreign: tuple[Certificate, ...] | None = None
    """What is trusted, not expired, and was never seen published: planted, or from before our memory.

    None: the source cannot tell.
    """
    leftover: tuple[Certificate, ...] = ()
    """What is trusted, not expired, no longer published, and was published before."""
    until: datetime = FOREVER
    """The same question asked before this moment has the same answer."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a publisher's certificates."""

    first_seen: Mapping[str, datetime] = field(default_factory=dict)
    """When each was first published, by fingerprint; also of those that are published no longer."""
    promoted: datetime | None = None
    """When the primary became that."""
    since: datetime | None = None
    """Since when anything is: what was published then may have come at any time before."""


NOTHING_KNOWN = Known()


def judge(
    domain: str,
    accepted: Accepted | None,
    *,
    entity: Entity | None,
    rollover: Rollover | None,
    policy: Policy,
    url: str,
    now: datetime,
    known: Known = NOTHING_KNOWN,
) -> Verdict:
    """How the trust of a domain stands, given what its federation service publishes.

    ``accepted`` is None when the party never answered, ``entity`` and ``rollover`` when no document was ever read;
    ``url`` is where the document is.
    """
    if accepted is not None and not accepted.federated:
        return Verdict(domain, TrustState.NOT_FEDERATED)
    if accepted is None or entity is None or rollover is None or rollover.role is not Role.IDP:
        return Verdict(domain, TrustState.UNKNOWN)
    hosts = _hosts(entity, url)
    if accepted.service is not None and hosts and accepted.service not in hosts:
        return Verdict(domain, TrustState.NOT_FEDERATED)
    published = entity.published(rollover.role, signs=True)
    in_use = _valid(rollover.may_sign, now) or rollover.may_sign
    other = [each for each in in_use if each != rollover.primary and not _is_older(each, rollover.primary)]
    following = (*rollover.successors, *other)
    asked = dict.fromkeys((*([rollover.primary] if rollover.primary else []), *in_use, *following))
    trusts = {each: _accepts(accepted, each, known) for each in asked}
    judged = dict.fromkeys((*in_use, *following))
    was_near, promoted, over = False, known.promoted, FOREVER
    if rollover.primary and trusts[rollover.primary] is False and promoted and _is_before(accepted, promoted):
        # What it said of a successor says nothing of a primary; but people must not cease to be told when it matters.
        trusts[rollover.primary] = None
        replaced = [each for each in published if each in accepted.certificates]
        was_near = any(moment <= promoted for moment in _near(rollover.primary, replaced, policy, known))
        over = shifted(promoted, TOLD_ON)
        was_near = was_near and now < over
    # Of several that may be in use, the party may have gone on to a newer one.
    newest = max((each.not_before for each in in_use if trusts[each]), default=None)
    lacking = [each for each in following if trusts[each] is False and (newest is None or newest < each.not_before)]
    unclear = [each for each in judged if trusts[each] is None or (trusts[each] is False and each not in lacking)]
    trusted = [each for each in in_use if trusts[each]]
    moments = tuple(moment for each in lacking for moment in _near(each, trusted, policy, known))
    rows = (
        (TrustState.BROKEN, bool(in_use) and all(trusts[each] is False for each in in_use)),
        (TrustState.AT_RISK, was_near or any(moment <= now for moment in moments)),
        (TrustState.UNKNOWN, not in_use or bool(unclear)),
        (TrustState.PENDING, bool(lacking)),
        (TrustState.IN_SYNC, True),
    )
    strangers = [each for each in dict.fromkeys(accepted.certificates) if each not in published]
    foreign = _valid((each for each in strangers if each.fingerprint not in known.first_seen), now)
    turning = (*moments, over, rollover.until, *(each.not_after for each in (*published, *strangers)))
    primary = rollover.primary
    return Verdict(
        domain,
        next(state for state, holds in rows if holds),
        primary_trusted=trusts[primary] if primary else None,
        successor_trusted=_all(trusts[each] for each in following),
        lacking=(primary,) if was_near and primary else tuple(lacking),
        too_old=accepted.complete and any(trusts[each] is None for each in judged),
        foreign=foreign if accepted.names_foreign and (foreign or accepted.complete) else None,
        leftover=_valid((each for each in strangers if each.fingerprint in known.first_seen), now),
        until=min((moment for moment in turning if moment > now), default=FOREVER),
    )


def accepts_none(accepted: Accepted, certificates: Iterable[Certificate], known: Known) -> bool:
    """Whether a party certainly trusts none of some certificates, of which there is one at least."""
    trusts = [_accepts(accepted, each, known) for each in certificates]
    return bool(trusts) and all(each is False for each in trusts)


def _accepts(accepted: Accepted, certificate: Certificate, known: Known) -> bool | None:
    """Whether a certificate is trusted; None where the party does not show all that are, or spoke before it came."""
    if certificate in accepted.certificates:
        return True
    came = known.first_seen.get(certificate.fingerprint)
    before = came != known.since and _is_before(accepted, came)
    return False if accepted.complete and not before else None


def _is_before(accepted: Accepted, moment: datetime | None) -> bool:
    return accepted.at is not None and moment is not None and accepted.at < moment


def _all(answers: Iterable[bool | None]) -> bool | None:
    """Whether all are yes; None where that is not known, or there is none."""
    every = set(answers)
    return False if False in every else True if every == {True} else None


def _is_older(certificate: Certificate, other: Certificate | None) -> bool:
    return other is not None and certificate.not_before < other.not_before


def _valid(certificates: Iterable[Certificate], now: datetime) -> tuple[Certificate, ...]:
    return tuple(each for each in certificates if now < each.not_after)


def _near(lacking: Certificate, trusted: Iterable[Certificate], policy: Policy, known: Known) -> Iterator[datetime]:
    """The moments from which a certificate that is not trusted is a risk, beside those that are trusted before it."""
    promotion = promotion_of(lacking, policy, known.first_seen)
    if promotion is not None:
        yield shifted(promotion, -timedelta(days=policy.thresholds.notice))
    if policy.expiry:
        for each in trusted:
            if _is_older(each, lacking):
                yield shifted(each.not_after, -timedelta(days=policy.thresholds.trust))


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
