"""How a certificate rollover is going: primary, successor, state, predicted promotion.

The pure core. Everything here is a function of a document, a policy, first-seen times and ``now``;
docs/design.md has the table of states, and the words are those of AD FS (Microsoft, "Set-AdfsProperties",
"Update-AdfsCertificate").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from exporter.model import Certificate, Entity, FaultKind, Metadata, Role, Signature, Use
from exporter.policy import Policy, Profile, Thresholds, is_auto_managed
from exporter.primary import Claim, Evidence, by_dates, claims_of

PROMOTION_GRACE = timedelta(hours=36)
"""How long past the predicted promotion a farm may be: it looks every 12 hours, and people sleep."""

GENERATION_GRACE = timedelta(days=1)
"""How long past the generation threshold a farm may be before it is overdue."""

FOREVER = datetime.max.replace(tzinfo=UTC)


class State(StrEnum):
    """The state of a rollover; the first that holds, in this order, is the one."""

    NONE = "none"
    """The identity provider publishes no signing key at all."""
    UNREADABLE = "unreadable"
    """No certificate of a signing key can be read."""
    EXPIRED = "expired"
    """The primary is expired, or has not started."""
    MISSING = "missing"
    """The primary is about to end and there is no successor."""
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
    ending: tuple[Certificate, ...]
    """Of several that may be in use, those that are about to end or have ended, while others have not."""
    old: tuple[Certificate, ...]
    """Those that ended too long ago to be in use, where nothing proves that they are not."""
    successor: Certificate | None
    """The first of the successors."""
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
) -> tuple[Rollover, ...]:
    """How the rollover of every entity of a document stands; an entity without any role has none.

    ``first_seen`` is by entityID and fingerprint; empty where nothing is remembered.
    """
    if metadata.aggregate:
        # An aggregate is signed by its federation, and a configured primary is one entity's.
        signature, policy = None, replace(policy, primary=None)
    verdicts = (
        judge_entity(entity, policy, signature=signature, first_seen=first_seen.get(entity.entity_id, {}), now=now)
        for entity in metadata.entities
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
    successor = _successor(primary, signing, policy, first_seen, now) if primary else None
    promotion = promotion_of(successor, policy, first_seen) if successor else None
    strong = bool(claims) and claims[0].evidence.is_strong
    has_key = any(key.use.signs for each in entity.roles if each.role is role for key in each.keys)
    if role is Role.IDP and not has_key:
        state, severity = State.NONE, Severity.CRITICAL
    elif primary is None:
        state, severity = State.STEADY, Severity.OK
    else:
        state, severity = _state(
            primary, successor, signing=signing, promotion=promotion, policy=policy, strong=strong, now=now
        )
    return Rollover(
        entity_id=entity.entity_id,
        role=role,
        state=state,
        severity=severity,
        primary=primary,
        claims=claims,
        successor=successor,
        secondary_present=any(certificate != primary and now < certificate.not_after for certificate in signing),
        promotion=promotion if promotion and (strong or now < promotion) else None,
        faults=faults,
        positions=_positions(entity, primary, successor, policy=policy, first_seen=first_seen, now=now),
        until=min(
            (moment for moment in _turning_points(entity, primary, promotion, policy) if moment > now), default=FOREVER
        ),
    )


def expects_new_key(rollover: Rollover | None, policy: Policy, now: datetime) -> bool:
    """Whether a new key is no surprise, seen from the rollover as it stood before the key appeared."""
    if rollover is None or rollover.primary is None or not policy.expiry or policy.profile is Profile.ENTRA:
        return True
    return rollover.primary.not_after - now <= timedelta(days=policy.thresholds.unexpected)


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
    return min(
        candidates,
        # What is not recorded yet came last; ``now`` in its place would let the answer change by itself.
        key=lambda each: (first_seen.get(each.fingerprint, FOREVER), each.not_before, each.fingerprint),
        default=None,
    )


def promotion_of(successor: Certificate, policy: Policy, first_seen: Mapping[str, datetime]) -> datetime | None:
    """When AD FS is predicted to make a successor primary, or None; ``first_seen`` is by fingerprint."""
    if policy.profile is not Profile.ADFS:
        return None
    # Not before is the moment of generation on a farm that manages itself, whenever we came to look.
    generated = successor.not_before if is_auto_managed(successor) else first_seen.get(successor.fingerprint)
    return shifted(generated, timedelta(days=policy.thresholds.promotion)) if generated else None


def _state(
    primary: Certificate,
    successor: Certificate | None,
    *,
    signing: Sequence[Certificate],
    promotion: datetime | None,
    policy: Policy,
    strong: bool,
    now: datetime,
) -> tuple[State, Severity]:
    """The table of docs/design.md: the first row that holds."""
    days, profile = policy.thresholds, policy.profile
    left = primary.not_after - now if policy.expiry else timedelta.max
    alone = successor is None
    urgent = left <= timedelta(days=days.missing)
    late = promotion is not None and now >= shifted(promotion, PROMOTION_GRACE)
    started = primary.not_before <= now or not policy.expiry
    older = any(other.not_before < primary.not_before and now < other.not_after for other in signing)
    rows = (
        (State.STEADY, Severity.OK, profile is Profile.ENTRA),
        (State.EXPIRED, Severity.CRITICAL, left <= timedelta() or not started),
        (State.MISSING, Severity.CRITICAL, alone and urgent),
        (State.STALLED, Severity.CRITICAL if urgent else Severity.WARNING, not alone and strong and (urgent or late)),
        (
            State.OVERDUE,
            Severity.WARNING,
            alone and profile is Profile.ADFS and left <= overdue_before(policy.thresholds),
        ),
        (State.DUE, Severity.WARNING, alone and profile is not Profile.ADFS and left <= timedelta(days=days.due)),
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
    for role in dict.fromkeys(each.role for each in entity.roles):
        for signs in (True, False):
            certificates = entity.published(role, signs=signs)
            if not certificates:
                continue
            first, second = primary, successor
            if not signs or first is None or first not in certificates:
                first = by_dates(certificates, now)
                second = _successor(first, certificates, policy, first_seen, now)
            place = {second: Position.SUCCESSOR, first: Position.PRIMARY}
            for use, certificate in _by_use(entity, role, signs=signs):
                positions[role, use, certificate.fingerprint] = place.get(certificate, Position.SECONDARY)
    return positions


def _by_use(entity: Entity, role: Role, *, signs: bool) -> Iterator[tuple[Use, Certificate]]:
    for each in entity.roles:
        if each.role is role:
            for key in each.keys:
                if key.use.signs is signs:
                    for certificate in key.certificates:
                        yield key.use, certificate


def _turning_points(
    entity: Entity, primary: Certificate | None, promotion: datetime | None, policy: Policy
) -> Iterator[datetime]:
    """Every moment at which the verdict can change."""
    for role in entity.roles:
        for key in role.keys:
            for certificate in key.certificates:
                yield certificate.not_before
                yield certificate.not_after
    if primary is not None:
        days = policy.thresholds
        for before in (timedelta(days=days.missing), overdue_before(policy.thresholds), timedelta(days=days.due)):
            yield shifted(primary.not_after, -before)
    if promotion is not None:
        yield promotion
        yield shifted(promotion, PROMOTION_GRACE)
