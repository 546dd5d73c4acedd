"""One sentence for each kind of finding: what is wrong with whom, in numbers and names."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from exporter.config.settings import SERVICE, Place
from exporter.findings.facts import (
    Asking,
    Changed,
    Clocks,
    Differing,
    Faulty,
    Half,
    LeftBehind,
    Published,
    Remembered,
    RolledBack,
    Rolling,
    Served,
    Signed,
    Trusting,
    Turns,
    Unread,
    Until,
    Unwatched,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.findings.phrases import listed, moment, some, span, thumbprint
from exporter.lately import FEW
from exporter.model import Certificate, Role
from exporter.primary import Evidence
from exporter.rollover import WORDS, Rollover

_MINUTE = timedelta(minutes=1)


def _expired(_finding: Finding, facts: Rolling, now: datetime) -> str:
    primary = facts.rollover.primary
    if primary is not None and now < primary.not_before:
        return (
            f"The primary {primary.thumbprint} is not valid before {moment(primary.not_before)}: partners refuse its"
            " signatures until then."
        )
    return f"The primary {_ended(facts.rollover, now)}: sign-in fails wherever dates are checked."


def _sp_expired(_finding: Finding, facts: Rolling, now: datetime) -> str:
    primary, refused = facts.rollover.primary, _refused(facts.rollover.role)
    if primary is not None and now < primary.not_before:
        return (
            f"The primary {primary.thumbprint} is not valid before {moment(primary.not_before)}: until then {refused}."
        )
    return f"The primary {_ended(facts.rollover, now)}: {refused}."


def _sp_ending(_finding: Finding, facts: Rolling, now: datetime) -> str:
    after = f"From then on {_refused(facts.rollover.role)}."
    if facts.rollover.successor is None:
        return f"{_missing(_finding, facts, now)} {after}"
    return f"{_stalled_late(_finding, facts, now)} {after}"


def _refused(role: Role) -> str:
    """Who refuses what, where the certificate of an entity that is no identity provider is not valid."""
    if role is Role.SP:
        return "identity providers that check the signed requests of this service provider, and dates, refuse them"
    return f"partners that check what it signs in its role {role}, and dates, refuse it"


def _none(_finding: Finding, _facts: Rolling, _now: datetime) -> str:
    return "The document has no signing key: partners that read it now can trust nobody."


def _none_readable(_finding: Finding, facts: Faulty, _now: datetime) -> str:
    return (
        f"No certificate of a signing key can be read, and none ever could be: {_faults(facts)}. Partners that cannot"
        " read them either can trust nobody, and nobody is told before they end."
    )


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
    taken = facts.rollover.primary.thumbprint if facts.rollover.primary else "none"
    return (
        f"The configuration names {facts.policy.primary} as primary, which is not published; {taken} is taken for it."
    )


_NAMES: Mapping[Evidence, str] = {
    Evidence.CONFIGURED: "the policy names",
    Evidence.SIGNATURE: "its signature names",
    Evidence.ENCRYPTION_PAIR: "the encryption certificate, which was made with it, names",
    Evidence.UNVERIFIED_SIGNATURE: "a signature that does not verify names",
    Evidence.SINGLE: "being the only one speaks for",
    Evidence.DATES: "the dates speak for",
}
"""What says which certificate is primary, as a person reads it."""


def _disputed(_finding: Finding, facts: Rolling, _now: datetime) -> str:
    claims = "; ".join(f"{_NAMES[each.evidence]} {each.primary.thumbprint}" for each in facts.rollover.claims)
    return f"What says which certificate of the document is primary does not agree, so nothing proves it: {claims}."


def _possibly_ending(_finding: Finding, facts: Rolling, now: datetime) -> str:
    ending, keys = facts.rollover.ending, f"{len(facts.rollover.may_sign)} keys that may be signing"
    if len(ending) == 1:
        which, this = f"One of {keys}, {ending[0].thumbprint}, {_ends_when(ending[0], now)}", "this one"
    else:
        which, this = f"{len(ending)} of {keys}: {listed([_end(each, now) for each in ending])}", "one of these"
    return (
        f"{which}; nothing proves which one signs. If {this} does, partners that check dates refuse what it signs after"
        " its end."
    )


def _old_key(_finding: Finding, facts: Rolling, now: datetime) -> str:
    ended = listed([_end(each, now) for each in facts.rollover.old])
    return f"Still published, and nothing proves that it is unused: {ended}."


def _rolled_back(_finding: Finding, facts: RolledBack, now: datetime) -> str:
    again = (
        f"{facts.primary.thumbprint}, which signed before, signs again"
        if facts.primary
        else "what signed before does again"
    )
    gone = "is still published" if facts.published else "is no longer published"
    return (
        f"The promotion of {moment(facts.since)} was taken back, seen on {moment(facts.at)}"
        f" ({span(now - facts.at)} ago): {again}. The certificate with SHA-256 {facts.replaced}, which signed in"
        f" between, {gone}; partners that know only that one refuse what is signed now."
    )


def _replaced(_finding: Finding, facts: Changed, now: datetime) -> str:
    if not facts.certificates:
        return f"All signing keys were replaced {span(now - facts.at)} ago, and those from before are published again."
    return (
        f"All signing keys were replaced {span(now - facts.at)} ago and none was kept, so no partner could follow"
        f" beforehand: every one that has not read the document since refuses {_thumbprints(facts.certificates)}."
    )


def _sp_replaced(_finding: Finding, facts: Changed, now: datetime) -> str:
    text = f"All signing keys of this entity, which is no identity provider, were replaced {span(now - facts.at)} ago"
    if not facts.certificates:
        return f"{text}, and those from before are published again."
    return (
        f"{text} and none was kept: partners that check its signatures, as some identity providers check the requests"
        f" of a service provider, refuse {_thumbprints(facts.certificates)} until they have read the document."
    )


def _unexpected(_finding: Finding, facts: Changed, now: datetime) -> str:
    if not facts.certificates:
        return (
            f"A signing certificate appeared {span(now - facts.at)} ago, while the primary has long to live, and is"
            " gone again. Whoever holds its key could sign in as anybody meanwhile."
        )
    return (
        f"The signing certificate {_thumbprints(facts.certificates)} appeared {span(now - facts.at)} ago, while the"
        " primary has long to live. Whoever holds its key can sign in as anybody."
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
    many = sum(each.times for each in facts.faults)
    which = "A published certificate" if many == 1 else f"{many} published certificates"
    return (
        f"{which} cannot be read, so nobody is told before {'it ends' if many == 1 else 'they end'}: {_faults(facts)}."
    )


def _remembered(_finding: Finding, facts: Remembered, _now: datetime) -> str:
    each = dict.fromkeys(
        f"{one.thumbprint}, which ends on {moment(one.not_after)} ({key.unread})"
        for key in facts.keys
        for one in key.certificates
    )
    which = (
        "A certificate that could be read before cannot"
        if len(each) == 1
        else (f"{len(each)} certificates that could be read before cannot")
    )
    return f"{which} be read any more; what was read before counts: {listed([*each])}."


def _faulty(_finding: Finding, facts: Faulty, _now: datetime) -> str:
    return f"Something in the document is not as it should be; it is used all the same: {_faults(facts)}."


def _outdated(_finding: Finding, facts: Until, now: datetime) -> str:
    return (
        f"The document was to be used until {moment(facts.at)}, {span(now - facts.at)} ago: partners that obey drop"
        " every key in it and refuse all tokens."
    )


def _sp_outdated(_finding: Finding, facts: Until, now: datetime) -> str:
    return (
        f"The document, which is about no identity provider, was to be used until {moment(facts.at)},"
        f" {span(now - facts.at)} ago: identity providers and other partners that obey refuse the entity's requests."
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
    count = sum(facts.states.values())
    states = ", ".join(f"{number} {WORDS[state].lower()}" for state, number in sorted(facts.states.items()))
    return (
        f"Of {facts.entities} entities, {count} where people sign in, and that nobody watches, have no signing"
        f" certificate that will carry on ({states}): {some(facts.worst, count)}."
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
    return f"{_where(finding)} {_fails(facts, now)}: {_reason(facts)}.{_share(facts)}"


def _fails(facts: Unread, now: datetime) -> str:
    got = facts.probes - facts.failures
    what = "few usable documents, or none," if 0 < got * FEW < facts.probes else "no usable document"
    # A single look knows of no time before.
    return f"gives {what}" if now - facts.since < _MINUTE else f"has given {what} for {span(now - facts.since)}"


def _share(facts: Unread) -> str:
    """How many probes succeeded, where some did."""
    if facts.failures >= facts.probes:
        return ""
    return f" {facts.probes - facts.failures} of {facts.probes} probes within the last day got a document."


def _another(finding: Finding, facts: Unread, now: datetime) -> str:
    got = facts.observation.detail
    if facts.observation.others:
        before = "" if now - facts.since < _MINUTE else f" What is told of it before is as of {moment(facts.since)}."
        return (
            f"{_where(finding)} can be read, and does not hold the entity that is meant: {got}"
            f"{'' if got.endswith('?') else '.'}{before} Nothing watches its certificates."
        )
    if now - facts.since < _MINUTE:
        return f"{_where(finding)} can be read, and gives {got}: nothing watches the certificates of the one meant."
    return (
        f"{_where(finding)} can be read, and for {span(now - facts.since)} has given {got}. What is told of the entity"
        f" before is as of {moment(facts.since)}: nothing watches its certificates."
    )


def _outside(_finding: Finding, facts: Unread, now: datetime) -> str:
    lasting = "" if now - facts.since < _MINUTE else f", for {span(now - facts.since)}"
    return (
        f"The document can be read from inside, and not from the internet, where partners are{lasting}:"
        f" {_reason(facts)}."
    )


def _poll_window(finding: Finding, facts: Unread, now: datetime) -> str:
    end = f"; the primary {_ends(facts.rollover, now)}" if facts.rollover else ""
    return (
        f"{_where(finding)} {_fails(facts, now)}, in the weeks in which Entra ID must read it to find the next"
        f" certificate: {_reason(facts)}{end}.{_share(facts)}"
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


def _turns(_finding: Finding, facts: Turns, now: datetime) -> str:
    answers = [f"{_served(served)} (last {span(now - at)} ago)" for at, served in facts.answers]
    return (
        f"For {span(now - facts.since)} the answers of this address have taken turns: {listed(answers)}. The worst of"
        " them is shown."
    )


def _clock(finding: Finding, facts: Clocks, _now: datetime) -> str:
    by, theirs = span(facts.lead), _place(finding.place)
    if facts.lead > timedelta():
        return (
            f"The clock of this exporter is {by} ahead of that of {theirs}. If ours is wrong, an end is told that much"
            " too early; what does not end by a date is judged by the other clock meanwhile."
        )
    return (
        f"The clock of this exporter is {by} behind that of {theirs}. If ours is wrong, whatever ends is told that much"
        " too late."
    )


def _broken(finding: Finding, facts: Trusting, _now: datetime) -> str:
    may_sign = facts.rollover.may_sign if facts.rollover else ()
    if len(may_sign) > 1:
        refused = f"Entra ID trusts none of the certificates that may be signing ({_thumbprints(may_sign)})"
    else:
        refused = f"Entra ID does not trust the certificate in use{_in_use(facts)}"
    return f"{refused}: everybody of {finding.domain} is locked out of Microsoft 365 now."


def _broken_at_node(finding: Finding, facts: LeftBehind, _now: datetime) -> str:
    return (
        f"{_where(finding)} signs with {facts.primary.thumbprint}, which Entra ID does not trust for"
        f" {some(facts.domains)}, while it trusts what the service itself signs with: people of these domains who come"
        " to this node are locked out of Microsoft 365 now."
    )


def _at_risk(finding: Finding, facts: Trusting, now: datetime) -> str:
    if _signs_already(facts):
        return (
            f"When Entra ID last answered, it did not trust {_thumbprints(facts.verdict.lacking)}, which has become"
            f" primary since: everybody of {finding.domain} is locked out of Microsoft 365 now, unless it has taken it."
        )
    return (
        f"Entra ID does not trust {_lacks(facts)}: everybody of {finding.domain} is locked out of Microsoft 365"
        f" once {_signs(facts, now)}."
    )


def _too_long(finding: Finding, facts: Trusting, now: datetime) -> str:
    primary, poll = facts.rollover.primary if facts.rollover else None, facts.policy.thresholds.poll
    if primary is not None and primary.not_after - now > timedelta(days=poll):
        return (
            f"For a day and a half Entra ID has not had what it needs for {finding.domain}: {_lacks(facts)}."
            f" {_capital(_signs(facts, now))}. By itself Entra ID reads the metadata only in the last {poll:g} days"
            " before the end of the one in use."
        )
    return (
        f"Entra ID reads the metadata daily, and for a day and a half has not taken what it needs for {finding.domain}:"
        f" {_lacks(facts)}. {_capital(_signs(facts, now))}."
    )


def _cannot_read(finding: Finding, facts: Trusting, now: datetime) -> str:
    at = f" on {moment(facts.trust.updated)}" if facts.trust.updated else ""
    return (
        f"Entra ID says that it could not read the metadata for {finding.domain}{at} ({facts.trust.update}), and does"
        f" not trust {_lacks(facts)}. {_capital(_signs(facts, now))}."
    )


def _pending(finding: Finding, facts: Trusting, now: datetime) -> str:
    return (
        f"Entra ID does not know yet what it needs for {finding.domain}: {_lacks(facts)}."
        f" {_capital(_signs(facts, now))}."
    )


def _leftover(finding: Finding, facts: Trusting, _now: datetime) -> str:
    return (
        f"For {finding.domain} Entra ID still trusts {_thumbprints(facts.verdict.leftover)}, which was published here"
        " before and is no more. Whoever holds its key can sign in as anybody of that domain until it ends."
    )


def _foreign(finding: Finding, facts: Trusting, _now: datetime) -> str:
    return (
        f"For {finding.domain} Entra ID trusts {_thumbprints(facts.verdict.foreign or ())}, which is not published:"
        " left over, or planted. Whoever holds its key can sign in as anybody of that domain."
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
    return _end(primary, now)


def _predicted(rollover: Rollover, now: datetime) -> str:
    if rollover.promotion is None:
        return ""
    return f" about {moment(rollover.promotion)}" if now < rollover.promotion else f" on {moment(rollover.promotion)}"


def _begins(rollover: Rollover, now: datetime) -> str:
    """When the successor begins to be valid, where it has not."""
    successor = rollover.successor
    return f" and begins on {moment(successor.not_before)}" if successor and now < successor.not_before else ""


def _end(certificate: Certificate, now: datetime) -> str:
    return f"{certificate.thumbprint} {_ends_when(certificate, now)}"


def _ends_when(certificate: Certificate, now: datetime) -> str:
    ends, away = certificate.not_after, span(certificate.not_after - now)
    return f"ended on {moment(ends)}, {away} ago" if ends <= now else f"ends on {moment(ends)}, in {away}"


def _signing(rollover: Rollover | None, now: datetime) -> str:
    """When the successor will sign."""
    if rollover is None or rollover.promotion is None:
        end = rollover.primary.not_after if rollover and rollover.primary else None
        return f"any day, by {moment(end)} at the latest"
    return f"about {moment(rollover.promotion)}" if now < rollover.promotion else "at any moment"


def _in_use(facts: Trusting) -> str:
    primary = facts.rollover.primary if facts.rollover else None
    return f" ({primary.thumbprint})" if primary else ""


def _lacks(facts: Trusting) -> str:
    """What signs or will sign, and Entra ID does not trust."""
    lacking = facts.verdict.lacking
    if _signs_already(facts):
        return f"{_thumbprints(lacking)}, which has become primary since"
    if _may_sign(facts):
        return f"{_thumbprints(lacking)}, which may be signing already"
    return f"the successor{'s' if len(lacking) > 1 else ''} ({_thumbprints(lacking)})"


def _signs(facts: Trusting, now: datetime) -> str:
    """When that signs."""
    if _signs_already(facts):
        return "it signs now"
    when = "at any moment: nothing proves which one signs" if _may_sign(facts) else _signing(facts.rollover, now)
    return f"{'one of them' if len(facts.verdict.lacking) > 1 else 'it'} signs {when}"


def _signs_already(facts: Trusting) -> bool:
    """Whether what Entra ID lacks became primary after its last answer."""
    return facts.rollover is not None and facts.verdict.lacking == facts.rollover.may_sign


def _may_sign(facts: Trusting) -> bool:
    """Whether something that Entra ID lacks may be in use."""
    may_sign = facts.rollover.may_sign if facts.rollover else ()
    return any(each in may_sign for each in facts.verdict.lacking)


def _thumbprints(certificates: Iterable[Certificate]) -> str:
    return some([each.thumbprint for each in certificates]) or "none with a certificate"


def _faults(facts: Faulty) -> str:
    return listed([f"{each.detail}" + (f" (of {each.entity_id})" if each.entity_id else "") for each in facts.faults])


def _reason(facts: Unread) -> str:
    return f"{facts.observation.reason}, {facts.observation.detail}"


def _where(finding: Finding) -> str:
    return _capital(_place(finding.place))


def _capital(text: str) -> str:
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
    Kind.SIGNING_KEYS_UNREADABLE: _none_readable,
    Kind.TRUST_BROKEN_AT_NODE: _broken_at_node,
    Kind.TRUST_AT_RISK: _at_risk,
    Kind.ROLLOVER_MISSING: _missing,
    Kind.PROMOTION_STALLED_LATE: _stalled_late,
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: _poll_window,
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: _unexpected,
    Kind.TRUST_FOREIGN_CERTIFICATE: _foreign,
    Kind.TRUST_NOT_FEDERATED: _not_federated,
    Kind.SIGNATURE_INVALID: _signature,
    Kind.PROMOTION_STALLED: _stalled,
    Kind.PROMOTION_ROLLED_BACK: _rolled_back,
    Kind.PRIMARY_DISPUTED: _disputed,
    Kind.POSSIBLE_PRIMARY_ENDING: _possibly_ending,
    Kind.ROLLOVER_OVERDUE: _overdue,
    Kind.RENEWAL_DUE: _due,
    Kind.SP_CERTIFICATE_EXPIRED: _sp_expired,
    Kind.SP_CERTIFICATE_ENDING: _sp_ending,
    Kind.SP_KEY_SET_REPLACED: _sp_replaced,
    Kind.SP_METADATA_OUTDATED: _sp_outdated,
    Kind.ENTRA_CANNOT_READ_METADATA: _cannot_read,
    Kind.TRUST_PENDING_TOO_LONG: _too_long,
    Kind.TRUST_HALF_UPDATED: _half,
    Kind.METADATA_NEVER_READ: _never_read,
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: _outside,
    Kind.METADATA_UNREACHABLE: _unreachable,
    Kind.METADATA_OF_ANOTHER_ENTITY: _another,
    Kind.ANSWERS_TAKE_TURNS: _turns,
    Kind.NODES_DIFFER: _differ,
    Kind.TRUST_STALE: _stale,
    Kind.TRUST_UNKNOWN: _unknown,
    Kind.CLOCK_WRONG: _clock,
    Kind.ENTITY_VANISHED: _vanished,
    Kind.METADATA_OUTDATED_SOON: _outdated_soon,
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: _encryption,
    Kind.TLS_CERTIFICATE_EXPIRING: _tls,
    Kind.CERTIFICATE_UNREADABLE: _unreadable,
    Kind.CERTIFICATE_NO_LONGER_READABLE: _remembered,
    Kind.CERTIFICATE_WEAK: _weak,
    Kind.PRIMARY_CHANGED: _primary_changed,
    Kind.SIGNING_KEYS_CHANGED: _changed,
    Kind.SUCCESSOR_PUBLISHED: _published,
    Kind.TRUST_PENDING: _pending,
    Kind.TRUST_LEFTOVER: _leftover,
    Kind.OLD_KEY_LISTED: _old_key,
    Kind.PRIMARY_IGNORED: _ignored,
    Kind.DOCUMENT_FAULTY: _faulty,
    Kind.ENTITIES_IN_TROUBLE: _entities,
}
"""By kind; each takes a finding with the facts of its kind, and the moment."""
