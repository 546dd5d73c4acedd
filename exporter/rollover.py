"""How a certificate rollover is going: primary, successor, state, predicted promotion.

The pure core. Everything here is a function of a document, a policy, first-seen times and ``now``;
docs/design.md has the table of states, and the words are those of AD FS (Microsoft, "Set-AdfsProperties",
"Update-AdfsCertificate").
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from exporter.model import Certificate, Entity, FaultKind, Metadata, Role, Signature, Use
from exporter.policy import Policy, Profile, Thresholds, is_auto_managed
from exporter.primary import SKEW, Claim, Evidence, by_dates, claims_of, has_begun, proves

PROMOTION_GRACE = timedelta(hours=36)
"""How long past the predicted promotion a farm may be: it looks every 12 hours, and people sleep."""

GENERATION_GRACE = timedelta(days=1)
"""How long past the generation threshold a farm may be before it is overdue."""

IN_DOUBT = timedelta(days=14)
"""How long past its end a certificate may still be in use, where nothing proves that another one is."""

FOREVER = datetime.max.replace(tzinfo=UTC)


class State(StrEnum):
    """The state of a rollover; the first that holds, in this order, is the one."""

    NONE = "none"
    """The identity provider publishes no signing key at all."""
    UNREADABLE = "unreadable"
    """No certificate of a signing key can be read."""
    EXPIRED = "expired"
    """All that may be in use has ended, or has not begun."""
    MISSING = "missing"
    """All that may be in use is about to end, and there is no successor."""
    STALLED = "stalled"
    """There is a successor and nobody promotes it."""
    OVERDUE = "overdue"
    """AD FS should have generated a successor by now."""
    DUE = "due"
    """It is time to renew by hand."""
    UNPROVEN = "unproven"
    """One of several keys that may be signing is about to end, or has ended, and nothing proves which one signs."""
    PUBLISHED = "published"
    """A successor is published: partners must learn it now."""
    PROMOTED = "promoted"
    """The primary is new, and an older key is still valid beside it."""
    STEADY = "steady"
    """Nothing to do."""


WORDS: Mapping[State, str] = {
    State.NONE: "No signing key",
    State.UNREADABLE: "Signing keys unreadable",
    State.EXPIRED: "Expired",
    State.MISSING: "Successor missing",
    State.STALLED: "Promotion stalled",
    State.OVERDUE: "Successor overdue",
    State.DUE: "Renewal due",
    State.UNPROVEN: "Unproven",
    State.PUBLISHED: "Successor published",
    State.PROMOTED: "Promoted",
    State.STEADY: "Steady",
}
"""Each state as people read it."""


class Severity(IntEnum):
    """How bad a state is."""

    OK = 0
    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """It in one word, as in labels."""
        return self.name.lower()


class Position(StrEnum):
    """What a published certificate is in the rollover."""

    PRIMARY = "primary"
    SUCCESSOR = "successor"
    """The secondary that outlives the primary."""
    SECONDARY = "secondary"
    """Any other published certificate."""


@dataclass(frozen=True, slots=True)
class Rollover:
    """How the rollover of one entity stands."""

    entity_id: str
    role: Role
    """Whose signing keys were judged: ``idp``, else ``sp``, else the first of the other roles."""
    state: State
    severity: Severity
    primary: Certificate | None
    """None: there is no signing key, or none with a certificate."""
    claims: tuple[Claim, ...]
    """All evidence, the strongest first; the first one decided."""
    may_sign: tuple[Certificate, ...]
    """The published certificates of which one is in use: the primary alone where strong evidence names it."""
    urgent: bool
    """All that may be in use have ended, or are about to."""
    ending: tuple[Certificate, ...]
    """Of several that may be in use, those that are about to end or have ended, while others have not."""
    old: tuple[Certificate, ...]
    """Those that ended too long ago to be in use, where nothing proves that they are not."""
    successor: Certificate | None
    """The newer certificate that takes over, of several the one seen first; it may be in use already."""
    successors: tuple[Certificate, ...]
    """Every published certificate that may sign next, the one seen first before the others."""
    secondary_present: bool
    """A published signing certificate beside the primary is not expired."""
    promotion: datetime | None
    """When AD FS is predicted to promote the successor; in the past only if strong evidence says it did not."""
    faults: tuple[FaultKind, ...]
    positions: Mapping[tuple[Role, Use, str], Position]
    """By role, use and fingerprint: of every certificate the entity publishes."""
    until: datetime
    """The same question asked before this moment has the same answer."""

    @property
    def evidence(self) -> Evidence | None:
        """What the primary was decided by."""
        return self.claims[0].evidence if self.claims else None

    @property
    def urgency(self) -> tuple[int, float]:
        """What sorts the worst first: by severity, then by the end of the primary."""
        return -self.severity, self.primary.not_after.timestamp() if self.primary else 0.0


def judge(
    metadata: Metadata,
    policy: Policy,
    *,
    signature: Signature | None,
    first_seen: Mapping[str, Mapping[str, datetime]],
    now: datetime,
    subject: str | None = None,
    only: Container[str] | None = None,
) -> tuple[Rollover, ...]:
    """How the rollover of every entity of a document stands; an entity without any role has none.

    ``first_seen`` is by entityID and fingerprint; empty where nothing is remembered. ``subject`` is the entity of an
    aggregate that the policy was written for; ``only``, if given, are those that are judged.
    """
    others = policy
    if metadata.aggregate:
        # An aggregate is signed by its federation, and a configured primary is one entity's.
        signature, others = None, replace(policy, primary=None)
    verdicts = (
        judge_entity(
            entity,
            policy if entity.entity_id == subject else others,
            signature=signature,
            first_seen=first_seen.get(entity.entity_id, {}),
            now=now,
        )
        for entity in metadata.entities
        if only is None or entity.entity_id in only
    )
    return tuple(verdict for verdict in verdicts if verdict is not None)


def judge_entity(
    entity: Entity,
    policy: Policy,
    *,
    signature: Signature | None,
    first_seen: Mapping[str, datetime],
    now: datetime,
) -> Rollover | None:
    """How the rollover of one entity stands; None when it has no role."""
    roles = {each.role for each in entity.roles}
    role = next((role for role in Role if role in roles), None)
    if role is None:
        return None
    signing = entity.published(role, signs=True)
    claims, faults = claims_of(entity, signing, policy, signature, now)
    primary = claims[0].primary if claims else None
    proven = proves(claims)
    in_use = _may_sign(claims, signing, policy, now)
    ending = _ending(in_use, policy, now)
    urgent = bool(in_use) and len(ending) == len(in_use)
    successor = _successor(primary, signing, policy, first_seen, now) if primary else None
    latest = promotion_of(successor, policy, first_seen) if successor else None
    predicted = latest if successor and _generation_is_known(successor, first_seen) else None
    state, severity = _state(
        entity,
        role,
        signing,
        primary,
        successor,
        in_use=in_use,
        ending=ending,
        # Where one certificate alone can be in use, there is nothing to prove.
        certain=proven or len(in_use) == 1,
        promotion=latest,
        policy=policy,
        now=now,
    )
    return Rollover(
        entity_id=entity.entity_id,
        role=role,
        state=state,
        severity=severity,
        primary=primary,
        claims=claims,
        may_sign=in_use,
        urgent=urgent,
        ending=() if urgent else ending,
        old=() if proven or not policy.counts_dates else _old(signing, in_use, now),
        successor=successor,
        successors=_successors(primary, in_use, signing, first_seen, now) if primary else (),
        secondary_present=any(certificate != primary and now < certificate.not_after for certificate in signing),
        promotion=predicted if predicted and (proven or now < predicted) else None,
        faults=faults,
        positions=_positions(entity, primary, successor, policy=policy, first_seen=first_seen, now=now),
        until=min(
            (moment for moment in _turning_points(entity, primary, latest, policy) if moment > now), default=FOREVER
        ),
    )


def expects_new_key(rollover: Rollover | None, policy: Policy, now: datetime) -> bool:
    """Whether a new key is no surprise, seen from the rollover as it stood before the key appeared."""
    if rollover is None or rollover.primary is None or not policy.counts_dates:
        return True
    left = [each.not_after - now for each in rollover.may_sign if now < each.not_after]
    return not left or min(left) <= timedelta(days=policy.thresholds.unexpected)


def _may_sign(
    claims: Sequence[Claim], signing: Sequence[Certificate], policy: Policy, now: datetime
) -> tuple[Certificate, ...]:
    """The certificates of which one is in use: that which is proven, else all that are or were valid lately.

    AD FS may go on with one that has ended, so there it counts for as long as it is published.
    """
    if proves(claims):
        return (claims[0].primary,)
    begun = tuple(each for each in signing if has_begun(each, now))
    lately = tuple(each for each in begun if policy.profile.is_adfs or now < shifted(each.not_after, IN_DOUBT))
    return tuple(sorted(lately or begun or signing, key=lambda each: (each.not_before, each.fingerprint)))


def _ending(certificates: Sequence[Certificate], policy: Policy, now: datetime) -> tuple[Certificate, ...]:
    """Those that have ended, or are about to."""
    if not policy.counts_dates:
        return ()
    near = timedelta(days=policy.thresholds.missing)
    return tuple(each for each in certificates if each.not_after - now <= near)


def _old(signing: Sequence[Certificate], in_use: Sequence[Certificate], now: datetime) -> tuple[Certificate, ...]:
    """Those that ended too long ago to be in use, the first before the others."""
    old = (each for each in signing if each not in in_use and shifted(each.not_after, IN_DOUBT) <= now)
    return tuple(sorted(old, key=lambda each: (each.not_after, each.fingerprint)))


def _successors(
    primary: Certificate,
    in_use: Sequence[Certificate],
    signing: Sequence[Certificate],
    first_seen: Mapping[str, datetime],
    now: datetime,
) -> tuple[Certificate, ...]:
    newer = (
        each
        for each in signing
        # Evidence that is disputed may name one that has not begun.
        if each not in in_use and (each == primary or primary.not_before < each.not_before) and now < each.not_after
    )
    return tuple(sorted(newer, key=lambda each: _order_of_arrival(each, first_seen)))


def _successor(
    primary: Certificate,
    certificates: Sequence[Certificate],
    policy: Policy,
    first_seen: Mapping[str, datetime],
    now: datetime,
) -> Certificate | None:
    margin = timedelta(days=policy.thresholds.successor_margin)
    candidates = (
        certificate
        for certificate in certificates
        if primary.not_before < certificate.not_before < primary.not_after
        # The difference, not the sum: a certificate may end in the last year a datetime can hold.
        and certificate.not_after - primary.not_after >= margin
        and now < certificate.not_after
    )
    return min(candidates, key=lambda each: _order_of_arrival(each, first_seen), default=None)


def _order_of_arrival(certificate: Certificate, first_seen: Mapping[str, datetime]) -> tuple[datetime, datetime, str]:
    # What is not recorded yet came last; ``now`` in its place would let the answer change by itself.
    seen = first_seen.get(certificate.fingerprint, FOREVER)
    return seen, certificate.not_before, certificate.fingerprint


def promotion_of(successor: Certificate, policy: Policy, first_seen: Mapping[str, datetime]) -> datetime | None:
    """When AD FS is predicted to make a successor primary at the latest, or None; ``first_seen`` is by fingerprint."""
    if policy.profile is not Profile.ADFS:
        return None
    # Not before is the moment of generation on a farm that manages itself, whenever we came to look.
    generated = successor.not_before if is_auto_managed(successor) else first_seen.get(successor.fingerprint)
    return shifted(generated, timedelta(days=policy.thresholds.promotion)) if generated else None


def _generation_is_known(successor: Certificate, first_seen: Mapping[str, datetime]) -> bool:
    """Whether the moment is known that the promotion is counted from; at the very first look anything may be old."""
    seen = first_seen.get(successor.fingerprint)
    return is_auto_managed(successor) or (seen is not None and min(first_seen.values()) < seen)


def _state(
    entity: Entity,
    role: Role,
    signing: Sequence[Certificate],
    primary: Certificate | None,
    successor: Certificate | None,
    *,
    in_use: Sequence[Certificate],
    ending: Sequence[Certificate],
    certain: bool,
    promotion: datetime | None,
    policy: Policy,
    now: datetime,
) -> tuple[State, Severity]:
    """The table of docs/design.md: the first row that holds; never critical for whom nobody signs in at."""
    if primary is None:
        state, severity = _without_certificate(entity, role, policy)
    else:
        state, severity = _of_dates(
            primary,
            successor,
            in_use=in_use,
            ending=ending,
            certain=certain,
            older=any(other.not_before < primary.not_before and now < other.not_after for other in signing),
            promotion=promotion,
            policy=policy,
            now=now,
        )
    return state, severity if role is Role.IDP else min(severity, Severity.WARNING)


def _without_certificate(entity: Entity, role: Role, policy: Policy) -> tuple[State, Severity]:
    keys = [key for each in entity.roles if each.role is role for key in each.keys if key.use.signs]
    if role is Role.IDP and not keys:
        return State.NONE, Severity.CRITICAL
    # A key without a certificate may be the one in use, and has no date.
    if keys and all(key.unread for key in keys) and policy.counts_dates:
        return State.UNREADABLE, Severity.CRITICAL
    return State.STEADY, Severity.OK


def _of_dates(
    primary: Certificate,
    successor: Certificate | None,
    *,
    in_use: Sequence[Certificate],
    ending: Sequence[Certificate],
    certain: bool,
    older: bool,
    promotion: datetime | None,
    policy: Policy,
    now: datetime,
) -> tuple[State, Severity]:
    days, profile, dated = policy.thresholds, policy.profile, policy.counts_dates
    alone = successor is None
    left = primary.not_after - now if dated else timedelta.max
    urgent = bool(ending) and len(ending) == len(in_use)
    late = promotion is not None and now >= shifted(promotion, PROMOTION_GRACE)
    rows = (
        (State.STEADY, Severity.OK, profile is Profile.ENTRA),
        (
            State.EXPIRED,
            Severity.CRITICAL,
            dated and not any(has_begun(each, now) and now < each.not_after for each in in_use),
        ),
        # What may be in use itself, and is about to end, takes nothing over.
        (State.MISSING, Severity.CRITICAL, urgent and (successor is None or successor in in_use)),
        (State.STALLED, Severity.CRITICAL, urgent),
        (State.STALLED, Severity.WARNING, not alone and certain and late),
        (
            State.OVERDUE,
            Severity.WARNING,
            alone and profile is Profile.ADFS and left <= overdue_before(policy.thresholds),
        ),
        (State.DUE, Severity.WARNING, alone and profile is not Profile.ADFS and left <= timedelta(days=days.due)),
        (State.UNPROVEN, Severity.WARNING, bool(ending)),
        (State.PUBLISHED, Severity.INFO, not alone),
        (State.PROMOTED, Severity.OK, older),
        (State.STEADY, Severity.OK, True),
    )
    return next((state, severity) for state, severity, holds in rows if holds)


def overdue_before(days: Thresholds) -> timedelta:
    """How long the primary has left when a successor is overdue."""
    return timedelta(days=days.generation) - GENERATION_GRACE


def shifted(moment: datetime, by: timedelta) -> datetime:
    """The moment moved, at most to the first or last that a datetime can hold: real certificates end in 9999."""
    try:
        return moment + by
    except OverflowError:
        return FOREVER if by > timedelta() else datetime.min.replace(tzinfo=UTC)


def _positions(
    entity: Entity,
    primary: Certificate | None,
    successor: Certificate | None,
    *,
    policy: Policy,
    first_seen: Mapping[str, datetime],
    now: datetime,
) -> Mapping[tuple[Role, Use, str], Position]:
    """The position of every published certificate.

    Sets that do not hold the entity's primary (encryption, another role's own keys) are judged by their dates.
    """
    positions: dict[tuple[Role, Use, str], Position] = {}
    for (role, signs), uses in _by_role(entity).items():
        certificates = tuple(dict.fromkeys(certificate for _, certificate in uses))
        first, second = primary, successor
        if not signs or first is None or first not in certificates:
            first = by_dates(certificates, now)
            second = _successor(first, certificates, policy, first_seen, now)
        for use, certificate in uses:
            place = Position.PRIMARY if certificate == first else Position.SECONDARY
            positions[role, use, certificate.fingerprint] = Position.SUCCESSOR if certificate == second else place
    return positions


def _by_role(entity: Entity) -> Mapping[tuple[Role, bool], Sequence[tuple[Use, Certificate]]]:
    """What each role publishes for signing, and for encryption alone, with the use."""
    found: dict[tuple[Role, bool], list[tuple[Use, Certificate]]] = {}
    for each in entity.roles:
        for key in each.keys:
            if key.certificate is not None:
                found.setdefault((each.role, key.use.signs), []).append((key.use, key.certificate))
    return found


def _turning_points(
    entity: Entity, primary: Certificate | None, promotion: datetime | None, policy: Policy
) -> Iterator[datetime]:
    """Every moment at which the verdict can change."""
    days = policy.thresholds
    for certificate in {each for role in entity.roles for key in role.keys for each in key.certificates}:
        yield shifted(certificate.not_before, -SKEW)
        yield certificate.not_after
        yield shifted(certificate.not_after, -timedelta(days=days.missing))
        yield shifted(certificate.not_after, IN_DOUBT)
    if primary is not None:
        for before in (overdue_before(policy.thresholds), timedelta(days=days.due)):
            yield shifted(primary.not_after, -before)
    if promotion is not None:
        yield promotion
        yield shifted(promotion, PROMOTION_GRACE)
