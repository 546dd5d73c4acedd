"""What is wrong with the keys of one entity, and how its rollover goes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from exporter.findings.case import NEWS, Case
from exporter.findings.documents import remembered_keys
from exporter.findings.facts import (
    Changed,
    Faulty,
    Published,
    Remembered,
    RolledBack,
    Rolling,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.history import Change, EntityHistory
from exporter.model import (
    Certificate,
    Entity,
    Fault,
    FaultKind,
    Role,
    Use,
)
from exporter.policy import Policy, Profile
from exporter.rollover import Rollover, State, shifted
from exporter.trust import TrustState

_KINDS = {
    State.NONE: Kind.NO_SIGNING_KEY,
    State.UNREADABLE: Kind.SIGNING_KEYS_UNREADABLE,
    State.EXPIRED: Kind.SIGNING_CERTIFICATE_EXPIRED,
    State.MISSING: Kind.ROLLOVER_MISSING,
    State.STALLED: Kind.PROMOTION_STALLED,
    State.OVERDUE: Kind.ROLLOVER_OVERDUE,
    State.DUE: Kind.RENEWAL_DUE,
    State.PUBLISHED: Kind.SUCCESSOR_PUBLISHED,
}


_SP_KINDS = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: Kind.SP_CERTIFICATE_EXPIRED,
    Kind.ROLLOVER_MISSING: Kind.SP_CERTIFICATE_ENDING,
    Kind.PROMOTION_STALLED_LATE: Kind.SP_CERTIFICATE_ENDING,
    Kind.KEY_SET_REPLACED: Kind.SP_KEY_SET_REPLACED,
    # That its certificates cannot be read is told by itself.
    Kind.SIGNING_KEYS_UNREADABLE: None,
}
"""What is critical for an identity provider, where nobody signs in."""


_FAULTS = {FaultKind.PRIMARY_IGNORED: Kind.PRIMARY_IGNORED, FaultKind.PRIMARY_DISPUTED: Kind.PRIMARY_DISPUTED}
"""What can be wrong with the evidence."""


def of_rollover(case: Case, entity: Entity, rollover: Rollover) -> Iterator[Finding]:
    """How the rollover of an entity goes, and what says so."""
    facts = Rolling(rollover, case.policy, valid=tuple(_valid(case, entity, rollover)), early=_is_early(case, rollover))
    if rollover is case.subject:
        here = (each for each in case.verdicts if each.state is not TrustState.NOT_FEDERATED)
        facts = replace(
            facts,
            trusted={each.domain: each.successor_trusted for each in here},
            readable=case.record.readable_from_internet,
        )
    kind = _KINDS.get(rollover.state)
    if kind is Kind.PROMOTION_STALLED and rollover.urgent:
        kind = Kind.PROMOTION_STALLED_LATE
    kind = _for_role(kind, rollover)
    if kind is Kind.SIGNING_KEYS_UNREADABLE:
        yield case.found(kind, Faulty(_unreadable_keys(entity, rollover)), rollover.entity_id)
    elif kind is not None:
        yield case.found(kind, facts, rollover.entity_id)
    for fault in rollover.faults:
        yield case.found(_FAULTS[fault], facts, rollover.entity_id)
    if rollover.ending:
        yield case.found(Kind.POSSIBLE_PRIMARY_ENDING, facts, rollover.entity_id)
    if rollover.old:
        yield case.found(Kind.OLD_KEY_LISTED, facts, rollover.entity_id)


def _for_role(kind: Kind | None, rollover: Rollover) -> Kind | None:
    return kind if kind is None or rollover.role is Role.IDP else _SP_KINDS.get(kind, kind)


def _unreadable_keys(entity: Entity, rollover: Rollover) -> tuple[Fault, ...]:
    """Why none of the signing keys can be read."""
    why = dict.fromkeys(
        key.unread for role in entity.roles if role.role is rollover.role for key in role.keys if key.use.signs
    )
    return tuple(Fault(FaultKind.CERTIFICATE_DER, entity.entity_id, each) for each in why)


def _valid(case: Case, entity: Entity, rollover: Rollover) -> Sequence[Certificate]:
    published = entity.published(rollover.role, signs=True)
    found = [
        each
        for each in published
        if each != rollover.primary and case.sure.reached(each.not_before) and not case.sure.reached(each.not_after)
    ]
    return sorted(found, key=lambda each: each.not_after, reverse=True)


def _is_early(case: Case, rollover: Rollover) -> bool:
    if rollover.primary is None or not case.policy.expiry:
        return False
    expected = timedelta(days=case.policy.thresholds.unexpected)
    return not case.sure.reached(shifted(rollover.primary.not_after, -expected))


def of_keys(case: Case, entity: Entity, rollover: Rollover) -> Iterator[Finding]:
    """What happened to the keys of an entity, and what is wrong with them beside the rollover."""
    entity_id, policy = entity.entity_id, case.policy
    known = case.known(entity_id)
    signing = entity.certificates(signs=True)
    changes = known.changes(Use.SIGNING)
    news = {change: at for change, at in changes.items() if not case.clock.reached(shifted(at, NEWS))}
    if (at := news.get(Change.REPLACED)) is not None and policy.profile is not Profile.ENTRA:
        came = _came(known, signing, at)
        pages = known.changes(Use.SIGNING, Role.IDP).get(Change.REPLACED) == at
        kind = Kind.KEY_SET_REPLACED if pages else Kind.SP_KEY_SET_REPLACED
        yield case.found(kind, Changed(at, came, policy), entity_id)
    if (at := news.get(Change.UNEXPECTED)) is not None:
        came = _came(known, signing, at)
        yield case.found(Kind.UNEXPECTED_SIGNING_CERTIFICATE, Changed(at, came, policy), entity_id)
    # Entra ID replaces its own keys as it likes; and nobody saw how keys changed between two looks far apart.
    told = news if policy.profile is Profile.ENTRA else {each: at for each, at in news.items() if each is Change.UNSEEN}
    if told:
        yield case.found(Kind.SIGNING_KEYS_CHANGED, Changed(max(told.values()), signing, policy), entity_id)
    if known.last_promotion is not None and not case.clock.reached(shifted(known.last_promotion, NEWS)):
        now_signs = (rollover.primary,) if rollover.primary else ()
        yield case.found(Kind.PRIMARY_CHANGED, Changed(known.last_promotion, now_signs, policy), entity_id)
        if known.rolled_back and case.record.first.turns.began is None:
            yield case.found(Kind.PROMOTION_ROLLED_BACK, _rolled_back(known, signing, rollover, policy), entity_id)
    if kept := remembered_keys(entity):
        yield case.found(Kind.CERTIFICATE_NO_LONGER_READABLE, Remembered(kept), entity_id)
    ends, warned = _encrypts_least(entity), timedelta(days=policy.thresholds.encryption)
    if policy.expiry and ends is not None and case.sure.reached(shifted(ends.not_after, -warned)):
        yield case.found(Kind.ENCRYPTION_CERTIFICATE_EXPIRING, Published((ends,), policy), entity_id)
    every = dict.fromkeys((*signing, *entity.certificates(signs=False)))
    # An old one that has ended and is still listed hurts nobody.
    weak = tuple(each for each in every if each.weaknesses and not case.sure.reached(each.not_after))
    if weak:
        yield case.found(Kind.CERTIFICATE_WEAK, Published(weak, policy), entity_id)


def _rolled_back(
    known: EntityHistory, signing: Sequence[Certificate], rollover: Rollover, policy: Policy
) -> RolledBack:
    before, (replaced,) = known.primaries[-2], known.primaries[-2].fingerprints
    published = any(each.fingerprint == replaced for each in signing)
    return RolledBack(known.primaries[-1].last, rollover.primary, replaced, before.first, published, policy)


def _came(known: EntityHistory, signing: Sequence[Certificate], at: datetime) -> tuple[Certificate, ...]:
    """Those that are published and were not before a moment."""
    return tuple(each for each in signing if known.first_seen.get(each.fingerprint, at) >= at)


def _encrypts_least(entity: Entity) -> Certificate | None:
    """Of the encryption certificates that last longest, one for each role, the one that ends first.

    An old one beside a new one is no trouble, but every role needs one.
    """
    roles = dict.fromkeys(each.role for each in entity.roles)
    published = filter(None, (entity.published(role, signs=False) for role in roles))
    longest = (max(each, key=lambda certificate: certificate.not_after) for each in published)
    return min(longest, key=lambda certificate: certificate.not_after, default=None)
