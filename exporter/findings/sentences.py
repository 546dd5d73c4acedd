"""One sentence for each kind of finding: what is wrong with whom, in numbers and names."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from exporter.config.settings import SERVICE, Place
from exporter.findings.facts import (
    Asking,
    Changed,
    Differing,
    Faulty,
    Half,
    Published,
    Rolling,
    Served,
    Signed,
    Trusting,
    Unread,
    Until,
    Unwatched,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.findings.phrases import NAMED, moment, some, span, thumbprint
from exporter.model import Certificate
from exporter.rollover import WORDS, Rollover


def _expired(_finding: Finding, facts: Rolling, now: datetime) -> str:
    primary = facts.rollover.primary
    if primary is not None and now < primary.not_before:
        return (
            f"The primary {primary.thumbprint} is not valid before {moment(primary.not_before)}: partners refuse its"
            " signatures until then."
        )
    return f"The primary {_ended(facts.rollover, now)}: sign-in fails wherever dates are checked."


def _none(_finding: Finding, _facts: Rolling, _now: datetime) -> str:
    return "The document has no signing key: partners that read it now can trust nobody."


def _missing(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return f"The primary {_ends(facts.rollover, now)}, and no certificate is published that could take over."


def _stalled_late(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return (
        f"The primary {_ends(facts.rollover, now)}, and still signs, although the successor"
        f" {thumbprint(facts.rollover.successor)} is published{_begins(facts.rollover, now)}."
    )


def _stalled(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return (
        f"The successor {thumbprint(facts.rollover.successor)} should have become primary"
        f"{_predicted(facts.rollover, now)} and did not; the primary {_ends(facts.rollover, now)}."
    )


def _overdue(_finding: Finding, facts: Rolling, now: datetime) -> str:
    primary, days = facts.rollover.primary, facts.policy.thresholds.generation
    expected = primary.not_after - timedelta(days=days) if primary else None
    return (
        f"AD FS should have generated a successor on {moment(expected)} and none is published; the primary"
        f" {_ends(facts.rollover, now)}."
    )


def _due(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return f"It is time to renew by hand: the primary {_ends(facts.rollover, now)}, and no successor is published."


def _published(_finding: Finding, facts: Rolling, now: datetime) -> str:
    promotion = facts.rollover.promotion
    if promotion is None:
        when = "nothing says when it signs"
    elif now < promotion:
        when = f"AD FS promotes it about {moment(promotion)}"
    else:
        when = f"AD FS may promote it at any moment, since {moment(promotion)}"
    return (
        f"The successor {thumbprint(facts.rollover.successor)} is published; {when}. The primary"
        f" {_ends(facts.rollover, now)}."
    )


def _ignored(_finding: Finding, facts: Rolling, _now: datetime) -> str:
    return (
        f"The configuration names {facts.policy.primary} as primary, which has ended or is not published;"
        f" {thumbprint(facts.rollover.primary)} is taken for it."
    )


def _disputed(_finding: Finding, facts: Rolling, _now: datetime) -> str:
    claims = "; ".join(f"{each.evidence} names {each.primary.thumbprint}" for each in facts.rollover.claims)
    return f"What says which certificate is primary does not agree: {claims}. The first counts."


def _replaced(_finding: Finding, facts: Changed, now: datetime) -> str:
    if not facts.certificates:
        return f"All signing keys were replaced {span(now - facts.at)} ago, and those from before are published again."
    return (
        f"All signing keys were replaced {span(now - facts.at)} ago and none was kept, so no partner could follow"
        f" beforehand: every one that has not read the document since refuses {_thumbprints(facts.certificates)}."
    )


def _unexpected(_finding: Finding, facts: Changed, now: datetime) -> str:
    if not facts.certificates:
        return (
            f"A signing certificate appeared {span(now - facts.at)} ago, while the primary has long to live, and is"
            " gone again. Who holds its key could sign in as anybody meanwhile."
        )
    return (
        f"The signing certificate {_thumbprints(facts.certificates)} appeared {span(now - facts.at)} ago, while the"
        " primary has long to live. Who holds its key can sign in as anybody."
    )


def _changed(_finding: Finding, facts: Changed, now: datetime) -> str:
    return (
        f"The signing keys became others, seen {span(now - facts.at)} ago; published now:"
        f" {_thumbprints(facts.certificates)}. Partners that keep the keys from before refuse these."
    )


def _primary_changed(_finding: Finding, facts: Changed, now: datetime) -> str:
    return (
        f"The primary became another, seen on {moment(facts.at)} ({span(now - facts.at)} ago):"
        f" {_thumbprints(facts.certificates)} signs now."
    )


def _encryption(_finding: Finding, facts: Published, now: datetime) -> str:
    (certificate,) = facts.certificates
    verb = "has ended" if certificate.not_after <= now else f"ends in {span(certificate.not_after - now)}"
    risk = (
        " Partners that encrypt for it may refuse to, and an AD FS service that restarts may not come up."
        if facts.policy.profile.is_adfs
        else " Partners that encrypt for it may refuse to."
    )
    return f"The encryption certificate {certificate.thumbprint} {verb} ({moment(certificate.not_after)}).{risk}"


def _weak(_finding: Finding, facts: Published, _now: datetime) -> str:
    each = [f"{one.thumbprint} ({', '.join(one.weaknesses)})" for one in facts.certificates]
    return f"Weak by today's practice: {some(each)}. Partners with a current policy may refuse it any day."


def _unreadable(_finding: Finding, facts: Faulty, _now: datetime) -> str:
    many = len(facts.faults)
    which = "A published certificate" if many == 1 else f"{many} published certificates"
    return (
        f"{which} cannot be read, so nobody is told before {'it ends' if many == 1 else 'they end'}: {_faults(facts)}."
    )


def _faulty(_finding: Finding, facts: Faulty, _now: datetime) -> str:
    return f"Something in the document is not as it should be; it is used all the same: {_faults(facts)}."


def _outdated(_finding: Finding, facts: Until, now: datetime) -> str:
    return (
        f"The document was to be used until {moment(facts.at)}, {span(now - facts.at)} ago: partners that obey drop"
        " every key in it and refuse all tokens."
    )


def _outdated_soon(_finding: Finding, facts: Until, now: datetime) -> str:
    return (
        f"The document may be used for {span(facts.at - now)} more, until {moment(facts.at)}, and was not renewed: from"
        " then on partners that obey refuse all tokens."
    )


def _signature(_finding: Finding, facts: Signed, _now: datetime) -> str:
    return (
        f"The document's own signature does not verify ({facts.signature.detail}): partners that check it take no new"
        " certificate from it."
    )


def _entities(_finding: Finding, facts: Unwatched, _now: datetime) -> str:
    states = ", ".join(f"{count} {WORDS[state].lower()}" for state, count in sorted(facts.states.items()))
    return (
        f"Of {facts.entities} entities, {sum(facts.states.values())} that nobody watches have no signing certificate"
        f" that will carry on ({states}): {some(facts.worst, sum(facts.states.values()))}."
    )


def _vanished(finding: Finding, facts: Until, now: datetime) -> str:
    return (
        f"The aggregate has not held {finding.entity_id} for {span(now - facts.at)}: partners that refresh themselves"
        " from it drop its keys, and nothing watches its certificates."
    )


def _never_read(finding: Finding, facts: Unread, _now: datetime) -> str:
    return (
        f"No usable document was ever read from {_place(finding.place)}, so nothing watches its certificates:"
        f" {_reason(facts)}."
    )


def _unreachable(finding: Finding, facts: Unread, now: datetime) -> str:
    return f"{_where(finding)} has given no usable document for {span(now - facts.since)}: {_reason(facts)}."


def _outside(_finding: Finding, facts: Unread, now: datetime) -> str:
    return (
        f"The document can be read from inside, and not from the internet, where partners are, for"
        f" {span(now - facts.since)}: {_reason(facts)}."
    )


def _poll_window(finding: Finding, facts: Unread, now: datetime) -> str:
    end = f"; the primary {_ends(facts.rollover, now)}" if facts.rollover else ""
    return (
        f"{_where(finding)} has given no usable document for {span(now - facts.since)}, in the weeks in which Entra ID"
        f" must read it to find the next certificate: {_reason(facts)}{end}."
    )


def _tls(finding: Finding, facts: Until, now: datetime) -> str:
    verb = f"ended {span(now - facts.at)} ago" if facts.at <= now else f"ends in {span(facts.at - now)}"
    return (
        f"The TLS certificate of {_place(finding.place)} {verb} ({moment(facts.at)}): from then on nobody can read the"
        " document there."
    )


def _differ(_finding: Finding, facts: Differing, now: datetime) -> str:
    places = "; ".join(f"{_place(place)} {_served(served)}" for place, served in facts.served.items())
    return f"For {span(now - facts.since)} not all places have served the same signing keys: {places}."


def _broken(finding: Finding, facts: Trusting, _now: datetime) -> str:
    return (
        f"Entra ID does not trust the certificate in use{_in_use(facts)}: everybody of {finding.domain} is locked out"
        " of Microsoft 365 now."
    )


def _at_risk(finding: Finding, facts: Trusting, now: datetime) -> str:
    return (
        f"Entra ID does not trust the successor{_next(facts)}: everybody of {finding.domain} is locked out of"
        f" Microsoft 365 once it signs, {_signing(facts.rollover, now)}."
    )


def _too_long(finding: Finding, facts: Trusting, now: datetime) -> str:
    return (
        f"Entra ID reads the metadata daily, and for a day and a half has not taken the successor{_next(facts)} for"
        f" {finding.domain}. It signs {_signing(facts.rollover, now)}."
    )


def _cannot_read(finding: Finding, facts: Trusting, now: datetime) -> str:
    at = f" on {moment(facts.trust.updated)}" if facts.trust.updated else ""
    return (
        f"Entra ID says that it could not read the metadata for {finding.domain}{at} ({facts.trust.update}), and the"
        f" successor{_next(facts)} waits there. It signs {_signing(facts.rollover, now)}."
    )


def _pending(finding: Finding, facts: Trusting, now: datetime) -> str:
    return (
        f"Entra ID does not know the successor{_next(facts)} for {finding.domain} yet. It signs"
        f" {_signing(facts.rollover, now)}."
    )


def _foreign(finding: Finding, facts: Trusting, _now: datetime) -> str:
    return (
        f"For {finding.domain} Entra ID trusts {_thumbprints(facts.verdict.foreign or ())}, which is not published:"
        " left over, or planted. Who holds its key can sign in as anybody of that domain."
    )


def _not_federated(finding: Finding, facts: Trusting, _now: datetime) -> str:
    if not facts.trust.federated:
        return f"Entra ID says that {finding.domain} is not federated: its people do not sign in here."
    return (
        f"Entra ID sends the people of {finding.domain} to {facts.trust.service}, and not to this federation service."
    )


def _unknown(finding: Finding, facts: Trusting, _now: datetime) -> str:
    if not facts.trust.unreadable:
        return (
            f"Only dates say which certificate signs, so it cannot be told whether Entra ID trusts that one for"
            f" {finding.domain}."
        )
    slots = " and ".join(facts.trust.unreadable)
    return (
        f"By Entra ID's answer it cannot be told whether it trusts what signs for {finding.domain}: {slots} holds no"
        " certificate."
    )


def _half(_finding: Finding, facts: Half, _now: datetime) -> str:
    return (
        f"Entra ID trusts the successor {facts.successor.thumbprint} for {some(facts.following)}, and not for"
        f" {some(facts.lagging)}: once it signs, the people of these are locked out of Microsoft 365."
    )


def _stale(finding: Finding, facts: Asking, now: datetime) -> str:
    known = facts.known
    age = f"has not said for {span(now - known.last_success)}" if known.last_success else "has not said"
    failed = known.inquiry is not None and known.inquiry.reason is not None
    why = f": {known.inquiry.reason}, {known.inquiry.detail}" if known.inquiry and failed else ""
    return f"Entra ID {age} what it trusts for {finding.domain}, so nobody sees whether it follows{why}."


def _ended(rollover: Rollover, now: datetime) -> str:
    primary = rollover.primary
    return (
        f"{primary.thumbprint} ended on {moment(primary.not_after)}, {span(now - primary.not_after)} ago"
        if primary
        else "ended"
    )


def _ends(rollover: Rollover | None, now: datetime) -> str:
    primary = rollover.primary if rollover else None
    if primary is None:
        return "has no date"
    return f"{primary.thumbprint} ends on {moment(primary.not_after)}, in {span(primary.not_after - now)}"


def _predicted(rollover: Rollover, now: datetime) -> str:
    if rollover.promotion is None:
        return ""
    return f" about {moment(rollover.promotion)}" if now < rollover.promotion else f" on {moment(rollover.promotion)}"


def _begins(rollover: Rollover, now: datetime) -> str:
    """When the successor begins to be valid, where it has not."""
    successor = rollover.successor
    return f" and begins on {moment(successor.not_before)}" if successor and now < successor.not_before else ""


def _signing(rollover: Rollover | None, now: datetime) -> str:
    """When the successor will sign."""
    if rollover is None or rollover.promotion is None:
        end = rollover.primary.not_after if rollover and rollover.primary else None
        return f"any day, by {moment(end)} at the latest"
    return f"about {moment(rollover.promotion)}" if now < rollover.promotion else "at any moment"


def _in_use(facts: Trusting) -> str:
    primary = facts.rollover.primary if facts.rollover else None
    return f" ({primary.thumbprint})" if primary else ""


def _next(facts: Trusting) -> str:
    successor = facts.rollover.successor if facts.rollover else None
    return f" ({successor.thumbprint})" if successor else ""


def _thumbprints(certificates: Iterable[Certificate]) -> str:
    return some([each.thumbprint for each in certificates]) or "keys without a certificate"


def _faults(facts: Faulty) -> str:
    texts = [f"{each.detail}" + (f" (of {each.entity_id})" if each.entity_id else "") for each in facts.faults]
    return "; ".join(texts[:NAMED]) + (f"; and {len(texts) - NAMED} more" if len(texts) > NAMED else "")


def _reason(facts: Unread) -> str:
    return f"{facts.observation.reason}, {facts.observation.detail}"


def _where(finding: Finding) -> str:
    text = _place(finding.place)
    return text[0].upper() + text[1:]


def _place(place: Place | None) -> str:
    node, vantage = place or Place(SERVICE, "default")
    return f"{'the service' if node == SERVICE else f'node {node}'} (from {vantage})"


def _served(served: Served) -> str:
    signs = f", signed by {served.signer.thumbprint}" if served.signer else ""
    return f"{_thumbprints(served.certificates)}{signs}"


SENTENCES: Mapping[Kind, Callable[[Finding, Any, datetime], str]] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: _expired,
    Kind.TRUST_BROKEN: _broken,
    Kind.KEY_SET_REPLACED: _replaced,
    Kind.METADATA_OUTDATED: _outdated,
    Kind.NO_SIGNING_KEY: _none,
    Kind.TRUST_AT_RISK: _at_risk,
    Kind.ROLLOVER_MISSING: _missing,
    Kind.PROMOTION_STALLED_LATE: _stalled_late,
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: _poll_window,
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: _unexpected,
    Kind.TRUST_FOREIGN_CERTIFICATE: _foreign,
    Kind.TRUST_NOT_FEDERATED: _not_federated,
    Kind.SIGNATURE_INVALID: _signature,
    Kind.PROMOTION_STALLED: _stalled,
    Kind.ROLLOVER_OVERDUE: _overdue,
    Kind.RENEWAL_DUE: _due,
    Kind.ENTRA_CANNOT_READ_METADATA: _cannot_read,
    Kind.TRUST_PENDING_TOO_LONG: _too_long,
    Kind.TRUST_HALF_UPDATED: _half,
    Kind.METADATA_NEVER_READ: _never_read,
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: _outside,
    Kind.METADATA_UNREACHABLE: _unreachable,
    Kind.NODES_DIFFER: _differ,
    Kind.TRUST_STALE: _stale,
    Kind.TRUST_UNKNOWN: _unknown,
    Kind.ENTITY_VANISHED: _vanished,
    Kind.METADATA_OUTDATED_SOON: _outdated_soon,
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: _encryption,
    Kind.TLS_CERTIFICATE_EXPIRING: _tls,
    Kind.CERTIFICATE_UNREADABLE: _unreadable,
    Kind.CERTIFICATE_WEAK: _weak,
    Kind.PRIMARY_CHANGED: _primary_changed,
    Kind.SIGNING_KEYS_CHANGED: _changed,
    Kind.SUCCESSOR_PUBLISHED: _published,
    Kind.TRUST_PENDING: _pending,
    Kind.PRIMARY_IGNORED: _ignored,
    Kind.PRIMARY_DISPUTED: _disputed,
    Kind.DOCUMENT_FAULTY: _faulty,
    Kind.ENTITIES_IN_TROUBLE: _entities,
}
"""By kind; each takes a finding with the facts of its kind, and the moment."""
