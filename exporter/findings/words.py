"""Each kind of finding in words: a title, one sentence with its facts, and one next step with the whole command.

Commands are Windows PowerShell on the primary federation server (Microsoft, "Update-AdfsCertificate",
"Set-AdfsCertificate", "Set-AdfsProperties"), Microsoft Graph PowerShell ("Update-MgDomainFederationConfiguration") and
this program's own. AD FS promotes only while AutoCertificateRollover is off, and generates only while it is on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote
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
from exporter.findings.judge import Finding, Standing
from exporter.findings.kinds import Kind
from exporter.inquiry import Slot
from exporter.model import Certificate
from exporter.policy import Policy, Profile
from exporter.primary import Evidence
from exporter.rollover import WORDS, Rollover, State, shifted

OLD = timedelta(hours=1)
"""From this age on, a sentence says how old what it was judged by is."""

NAMED = 5
"""Of many things, so many are named."""

UPDATE = "Update-MgDomainFederationConfiguration"
"""Writes a certificate, which it must be given, into a slot of a domain's trust."""

_SLOT_FLAGS = {Slot.SIGNING: "-SigningCertificate", Slot.NEXT: "-NextSigningCertificate"}
"""Of the slots that can be written."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next."""

    text: str
    commands: tuple[str, ...] = ()
    """In this order; empty where no command helps."""


def title(kind: Kind) -> str:
    """A kind in a few words."""
    return _WORDS[kind][0]


def headline(standing: Standing) -> str:
    """How a target stands in a few words: the worst that was found."""
    if standing.findings:
        return title(standing.findings[0].kind)
    if standing.record.document is None:
        return "Not looked at yet"
    promoted = any(each.state is State.PROMOTED for each in standing.rollovers)
    return "Promoted" if promoted else "Steady" if standing.rollovers else "Nothing to judge"


def outlook(standing: Standing) -> str:
    """What comes next where nothing was found, in one sentence."""
    document, rollovers = standing.record.document, standing.rollovers
    if document is None:
        return "Nothing is known of it yet."
    if not rollovers:
        return "No entity in the document has a role to judge."
    if document.metadata.aggregate:
        return f"Nothing to do: none of {len(rollovers)} entities is in trouble."
    return _calm(rollovers[0], standing.policy) + _to_ask(standing)


def _to_ask(standing: Standing) -> str:
    """What AD FS's administrator may know and nobody here does, for the next rollover."""
    policy = standing.policy
    if not policy.profile.is_adfs:
        return ""
    if policy.auto_certificate_rollover is None:
        return " Ask AD FS once whether AutoCertificateRollover is on, and write the answer into the policy."
    if not policy.auto_certificate_rollover:
        return ""
    trusted = {each.primary_trusted for each in standing.verdicts}
    ask = " See once what Entra ID trusts for each domain." if trusted != {True} else ""
    if standing.readable is None:
        ask += " See from the internet whether the metadata can be read: only then Entra ID follows by itself."
    return ask


def _calm(rollover: Rollover, policy: Policy) -> str:
    days, primary = policy.thresholds, rollover.primary
    if policy.profile is Profile.ENTRA:
        return "Nothing to do: Entra ID changes its own keys without notice; follow its metadata, not its dates."
    if primary is None:
        return "No signing certificate is published, so there is no date to watch."
    if not policy.expiry:
        return "Nothing to do: by policy the dates of these certificates do not count."
    if rollover.state is State.PROMOTED:
        then = "the primary is new, and the old certificate is still published"
    elif policy.profile is Profile.ADFS:
        then = f"AD FS makes a successor about {moment(shifted(primary.not_after, -timedelta(days=days.generation)))}"
    else:
        then = f"renewal is due from {moment(shifted(primary.not_after, -timedelta(days=days.due)))}"
    return f"Nothing to do: {then}; the primary ends on {moment(primary.not_after)}."


def sentence(finding: Finding, now: datetime) -> str:
    """What is wrong with whom, in numbers and names, and how old what says so is."""
    text = _WORDS[finding.kind][1](finding, finding.facts, now)
    return text + _age(finding, now)


def step(finding: Finding, now: datetime) -> Step:
    """What to do next about a finding."""
    known = _WORDS[finding.kind][2]
    return known if isinstance(known, Step) else known(finding, finding.facts, now)


def moment(at: datetime | None) -> str:
    """A moment, to the minute."""
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else "an unknown date"


def span(length: timedelta) -> str:
    """A length of time, in the unit that a person would use."""
    hours = abs(length) / timedelta(hours=1)
    if hours < 1:
        minutes = int(hours * 60)
        return {0: "less than a minute", 1: "1 minute"}.get(minutes, f"{minutes} minutes")
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"  # noqa: PLR2004 - two days


def _age(finding: Finding, now: datetime) -> str:
    if finding.as_of is None or now - finding.as_of < OLD:
        return ""
    what = "Entra ID said so" if finding.domain else "The document was last read"
    return f" {what} {span(now - finding.as_of)} ago."


# What is published


def _expired(_finding: Finding, facts: Rolling, now: datetime) -> str:
    primary = facts.rollover.primary
    if primary is not None and now < primary.not_before:
        return (
            f"The primary {primary.thumbprint} is not valid before {moment(primary.not_before)}: partners refuse its"
            " signatures until then."
        )
    return f"The primary {_ended(facts.rollover, now)}: sign-in fails wherever dates are checked."


def _do_expired(_finding: Finding, facts: Rolling, now: datetime) -> Step:
    rollover, policy = facts.rollover, facts.policy
    if rollover.primary is not None and now < rollover.primary.not_before:
        return Step("Check the clock of the publisher, and have it sign with a certificate that is valid.")
    if rollover.successor is not None:
        return _promote(rollover, policy, f"Today update every partner by hand with the successor, and {_sign(policy)}")
    return _renew(policy, f"today update every partner by hand with it, and {_sign(policy)}", promotes=True)


def _none(_finding: Finding, _facts: Rolling, _now: datetime) -> str:
    return "The document has no signing key: partners that read it now can trust nobody."


def _do_none(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    commands = ("Get-AdfsCertificate -CertificateType Token-Signing",) if facts.policy.profile.is_adfs else ()
    return Step("Compare the document with the publisher's own list, and repair what publishes it.", commands)


def _missing(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return f"The primary {_ends(facts.rollover, now)}, and no certificate is published that could take over."


def _do_missing(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    then = f"today {_bring(facts)}, and {_sign(facts.policy)} before that date"
    if facts.policy.profile is Profile.ADFS:
        wait = facts.policy.thresholds.promotion
        then += f" (AD FS itself would wait {wait:g} days, and generates and promotes at once at 2 days left)"
    return _renew(facts.policy, then, promotes=True)


def _stalled_late(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return (
        f"The primary {_ends(facts.rollover, now)}, and still signs, although the successor"
        f" {_thumbprint(facts.rollover.successor)} is published."
    )


def _stalled(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return (
        f"The successor {_thumbprint(facts.rollover.successor)} should have become primary"
        f"{_predicted(facts.rollover, now)} and did not; the primary {_ends(facts.rollover, now)}."
    )


def _do_stalled(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    return _promote(facts.rollover, facts.policy, f"{_know(facts)}; then {_sign(facts.policy)}")


def _overdue(_finding: Finding, facts: Rolling, now: datetime) -> str:
    primary, days = facts.rollover.primary, facts.policy.thresholds.generation
    expected = primary.not_after - timedelta(days=days) if primary else None
    return (
        f"AD FS should have generated a successor on {moment(expected)} and none is published; the primary"
        f" {_ends(facts.rollover, now)}."
    )


def _do_overdue(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    if facts.readable:
        return _renew(facts.policy, "see a day later that Entra ID and every other partner took it from the metadata")
    return _renew(facts.policy, _bring(facts))


def _due(_finding: Finding, facts: Rolling, now: datetime) -> str:
    return f"It is time to renew by hand: the primary {_ends(facts.rollover, now)}, and no successor is published."


def _do_due(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    return _renew(facts.policy, f"{_bring(facts)} before it signs")


def _published(_finding: Finding, facts: Rolling, now: datetime) -> str:
    promotion = facts.rollover.promotion
    if promotion is None:
        when = "nothing says when it signs"
    elif now < promotion:
        when = f"AD FS promotes it about {moment(promotion)}"
    else:
        when = f"AD FS may promote it at any moment, since {moment(promotion)}"
    return (
        f"The successor {_thumbprint(facts.rollover.successor)} is published; {when}. The primary"
        f" {_ends(facts.rollover, now)}."
    )


def _do_published(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    policy, text = facts.policy, f"{_know(facts)} before it signs"
    if not policy.profile.is_adfs:
        return Step(f"{text}.")
    if policy.auto_certificate_rollover:
        return Step(f"{text}. AD FS promotes it by itself.")
    if policy.auto_certificate_rollover is None:
        promote = f"{_PROMOTE} {_thumbprint(facts.rollover.successor)}{_IF_OFF}"
        text += f". Ask AD FS whether it promotes by itself; if not, {_sign(policy)} before the primary ends."
        return Step(text, (_ASK, promote))
    return _promote(facts.rollover, policy, f"{text}; then {_sign(policy)} before the primary ends")


def _ignored(_finding: Finding, facts: Rolling, _now: datetime) -> str:
    return (
        f"The configuration names {facts.policy.primary} as primary, which has ended or is not published;"
        f" {_thumbprint(facts.rollover.primary)} is taken for it."
    )


def _disputed(_finding: Finding, facts: Rolling, _now: datetime) -> str:
    claims = "; ".join(f"{each.evidence} names {each.primary.thumbprint}" for each in facts.rollover.claims)
    return f"What says which certificate is primary does not agree: {claims}. The first counts."


def _replaced(_finding: Finding, facts: Changed, now: datetime) -> str:
    return (
        f"All signing keys were replaced {span(now - facts.at)} ago and none was kept, so no partner could follow"
        f" beforehand: every one that has not read the document since refuses {_thumbprints(facts.certificates)}."
    )


def _do_replaced(_finding: Finding, facts: Changed, _now: datetime) -> Step:
    who = "Update-AdfsCertificate -Urgent does this; if" if facts.policy.profile.is_adfs else "If"
    return Step(f"Update every partner by hand, now. {who} nobody did this on purpose, treat it as an attack.")


def _unexpected(_finding: Finding, facts: Changed, now: datetime) -> str:
    return (
        f"The signing certificate {_thumbprints(facts.certificates)} appeared {span(now - facts.at)} ago, while the"
        " primary has long to live. Who holds its key can sign in as anybody."
    )


def _do_unexpected(_finding: Finding, facts: Changed, _now: datetime) -> Step:
    commands = ("Get-AdfsCertificate -CertificateType Token-Signing",) if facts.policy.profile.is_adfs else ()
    return Step("Ask the publisher's administrators whether they made it; if not, treat it as an attack.", commands)


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


def _do_encryption(_finding: Finding, facts: Published, _now: datetime) -> Step:
    if facts.policy.profile is Profile.ADFS:
        return Step(
            "Generate another one on the primary federation server, while AutoCertificateRollover is on.",
            ("Update-AdfsCertificate -CertificateType Token-Decrypting",),
        )
    if facts.policy.profile is Profile.ADFS_MANUAL:
        return Step(
            "Enrol another one, install it on every federation server, and add it.",
            ("Add-AdfsCertificate -CertificateType Token-Decrypting -Thumbprint '<thumbprint of the new one>'",),
        )
    return Step("Ask the publisher to publish another one beside it.")


def _weak(_finding: Finding, facts: Published, _now: datetime) -> str:
    each = [f"{one.thumbprint} ({', '.join(one.weaknesses)})" for one in facts.certificates]
    return f"Weak by today's practice: {_some(each)}. Partners with a current policy may refuse it any day."


# The document


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
        f" that will carry on ({states}): {_some(facts.worst, sum(facts.states.values()))}."
    )


def _vanished(finding: Finding, facts: Until, now: datetime) -> str:
    return (
        f"The aggregate has not held {finding.entity_id} for {span(now - facts.at)}: partners that refresh themselves"
        " from it drop its keys, and nothing watches its certificates."
    )


# Reading it


def _never_read(_finding: Finding, facts: Unread, _now: datetime) -> str:
    return f"No usable document was ever read, so nothing watches its certificates: {_reason(facts)}."


def _unreachable(finding: Finding, facts: Unread, now: datetime) -> str:
    return f"{_where(finding)} has given no usable document for {span(now - facts.since)}: {_reason(facts)}."


def _do_unreachable(finding: Finding, _facts: Unread, _now: datetime) -> Step:
    if finding.place is not None and finding.place.node != SERVICE:
        return Step("Take the node out of service, or repair it: people whom it serves may be unable to sign in.")
    return Step("Repair it: partners that refresh themselves from it do not learn of a new certificate.")


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


# Trust


def _broken(finding: Finding, facts: Trusting, _now: datetime) -> str:
    return (
        f"Entra ID does not trust the certificate in use{_in_use(facts)}: everybody of {finding.domain} is locked out"
        " of Microsoft 365 now."
    )


def _do_broken(finding: Finding, facts: Trusting, _now: datetime) -> Step:
    held = {slot: facts.trust.certificates.get(slot) for slot in _SLOT_FLAGS}
    successor = facts.rollover.successor if facts.rollover else None
    # An empty one, else the one that ends first, but rather any than the successor's.
    worth = {slot: (each == successor, each.not_after) for slot, each in held.items() if each is not None}
    slot = next((each for each in held if each not in worth), None) or min(worth, key=worth.__getitem__)
    return _write(
        finding,
        facts,
        "Write the certificate in use into Entra ID, now; nothing changes at the publisher.",
        slot,
        "primary",
    )


def _at_risk(finding: Finding, facts: Trusting, now: datetime) -> str:
    return (
        f"Entra ID does not trust the successor{_next(facts)}: everybody of {finding.domain} is locked out of"
        f" Microsoft 365 once it signs, {_signing(facts.rollover, now)}."
    )


def _do_pending(finding: Finding, facts: Trusting, now: datetime) -> Step:
    return _write(
        finding,
        facts,
        "Write the successor into Entra ID, now: if it signs before that, everybody is locked out of Microsoft 365.",
        _free(facts, now),
        "successor",
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


def _do_cannot_read(finding: Finding, facts: Trusting, now: datetime) -> Step:
    text = "Write the successor into Entra ID before it signs; then make the metadata readable from the internet."
    return _write(finding, facts, text, _free(facts, now), "successor")


def _pending(finding: Finding, facts: Trusting, now: datetime) -> str:
    return (
        f"Entra ID does not know the successor{_next(facts)} for {finding.domain} yet. It signs"
        f" {_signing(facts.rollover, now)}."
    )


def _do_wait(finding: Finding, facts: Trusting, now: datetime) -> Step:
    return _write(finding, facts, _wait(facts, now), _free(facts, now), "successor")


def _wait(facts: Trusting, now: datetime) -> str:
    """Whether Entra ID may be expected to take the successor by itself."""
    primary, poll = facts.rollover.primary if facts.rollover else None, facts.policy.thresholds.poll
    unread = facts.trust.update is not None and facts.trust.update.readable is False
    if unread or facts.readable is False:
        return "Write it before it signs: Entra ID cannot read the metadata."
    if primary is not None and primary.not_after - now > timedelta(days=poll):
        return f"Write it before it signs: Entra ID reads the metadata by itself only in the last {poll:g} days."
    if facts.readable:
        return "Entra ID reads the metadata daily: if it has not taken it after a day, write it before it signs."
    return (
        "See from the internet whether the metadata can be read: only then Entra ID takes it by itself. If it has not"
        " after a day, write it before it signs."
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
    slots = f": {' and '.join(facts.trust.unreadable)} holds no certificate" if facts.trust.unreadable else ""
    return f"By Entra ID's answer it cannot be told whether it trusts what signs for {finding.domain}{slots}."


def _do_unknown(finding: Finding, facts: Trusting, _now: datetime) -> Step:
    own = ("Get-AdfsCertificate -CertificateType Token-Signing",) if facts.policy.profile.is_adfs else ()
    show = f"Get-MgDomainFederationConfiguration -DomainId {finding.domain}"
    return Step("Compare what Entra ID holds with the certificate that the publisher signs with.", (*own, show))


def _half(_finding: Finding, facts: Half, _now: datetime) -> str:
    return (
        f"Entra ID trusts the successor {facts.successor.thumbprint} for {_some(facts.following)}, and not for"
        f" {_some(facts.lagging)}: once it signs, the people of these are locked out of Microsoft 365."
    )


def _do_half(_finding: Finding, facts: Half, _now: datetime) -> Step:
    return Step(
        "Write it for each domain that lacks it, as is told of that domain.", (_print(facts.target, "successor"),)
    )


def _stale(finding: Finding, facts: Asking, now: datetime) -> str:
    known = facts.known
    age = f"has not answered for {span(now - known.last_success)}" if known.last_success else "has never answered"
    failed = known.inquiry is not None and known.inquiry.reason is not None
    why = f": {known.inquiry.reason}, {known.inquiry.detail}" if known.inquiry and failed else ""
    return f"Entra ID {age} what it trusts for {finding.domain}, so nobody sees whether it follows{why}."


# Parts of sentences


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


def _signing(rollover: Rollover | None, now: datetime) -> str:
    """When the successor will sign."""
    if rollover is None or rollover.promotion is None:
        end = rollover.primary.not_after if rollover and rollover.primary else None
        return f"any day, by {moment(end)} at the latest"
    return f"about {moment(rollover.promotion)}" if now < rollover.promotion else "at any moment"


def _know(facts: Rolling) -> str:
    """Who must know the successor first."""
    lacking = [domain for domain, trusted in facts.trusted.items() if trusted is False]
    unknown = [domain for domain, trusted in facts.trusted.items() if trusted is None]
    if unknown or (not facts.trusted and facts.policy.profile.is_adfs):
        where = _some(unknown) or "each domain"
        see = f"See what Entra ID trusts for {where}, and write the successor where it is missing; make"
    else:
        see = "Entra ID trusts it. Make" if facts.trusted and not lacking else "Make"
    if lacking:
        return f"{see} sure that Entra ID (for {_some(lacking)}) and every other partner know it"
    return f"{see} sure that every{' other' if see != 'Make' else ''} partner knows it"


def _bring(facts: Rolling) -> str:
    if facts.trusted or facts.policy.profile.is_adfs:
        return "write it into Entra ID and bring it to every other partner"
    return "bring it to every partner"


_ASK = "Get-AdfsProperties | Format-List AutoCertificateRollover"
_GENERATE = "Update-AdfsCertificate -CertificateType Token-Signing"
_IF_ON, _IF_OFF = "  # if it was on", "  # if it was off"
_PROMOTE = "Set-AdfsCertificate -CertificateType Token-Signing -IsPrimary -Thumbprint"
_ADD = "Add-AdfsCertificate -CertificateType Token-Signing -Thumbprint '<thumbprint of the new one>'"


def _renew(policy: Policy, then: str, *, promotes: bool = False) -> Step:
    """How to get a successor, and what comes after that: with a promotion, where there is no time to wait for one."""
    if not policy.profile.is_adfs:
        return Step(f"Have a new signing certificate published beside this one; then {then}.")
    generate = "generate a successor on the primary federation server"
    enrol = "enrol a certificate, install it on every federation server and add it as secondary"
    text, commands = {
        True: (generate, (_GENERATE,)),
        False: (enrol, (_ADD,)),
        None: (
            f"ask AD FS whether it renews by itself; if so, {generate}, if not, {enrol}",
            (_ASK, f"{_GENERATE}{_IF_ON}", f"{_ADD}{_IF_OFF}"),
        ),
    }[policy.auto_certificate_rollover]
    text = text[0].upper() + text[1:]
    promotion = _promotion(policy, "'<thumbprint of the new one>'") if promotes else ()
    return Step(f"{text}; then {then}.", (*commands, *promotion))


def _promote(rollover: Rollover, policy: Policy, text: str) -> Step:
    return Step(f"{text}.", _promotion(policy, _thumbprint(rollover.successor)) if policy.profile.is_adfs else ())


def _sign(policy: Policy) -> str:
    return "promote it on the primary federation server" if policy.profile.is_adfs else "have it sign"


def _promotion(policy: Policy, thumbprint: str) -> tuple[str, ...]:
    promote = f"{_PROMOTE} {thumbprint}"
    if policy.auto_certificate_rollover is False:
        return (promote,)
    off, on = (f"Set-AdfsProperties -AutoCertificateRollover {each}" for each in ("$false", "$true"))
    return off, promote, on if policy.auto_certificate_rollover else f"{on}{_IF_ON}"


def _write(finding: Finding, facts: Trusting, text: str, slot: Slot | None, position: str) -> Step:
    """How to write a certificate into Entra ID."""
    if slot is None:
        text += " Into the slot that does not hold the certificate in use: the publisher's own list says which that is."
    flag = _SLOT_FLAGS[slot] if slot else "<slot>"
    return Step(
        text,
        (
            _print(facts.target, position),
            f"$trust = Get-MgDomainFederationConfiguration -DomainId {finding.domain}",
            f"{UPDATE} -DomainId {finding.domain} -InternalDomainFederationId $trust.Id {flag} '<printed above>'",
        ),
    )


def _print(target: str, position: str) -> str:
    which = "" if position == "successor" else f"={position}"
    return f"fedmeta-exporter check {quote(target)} --config.file=FILE --print-certificate{which}"


def _free(facts: Trusting, now: datetime) -> Slot | None:
    """The slot that holds no key that may be in use; None where either may."""
    held, rollover = facts.trust.certificates, facts.rollover
    for slot, other in ((Slot.NEXT, Slot.SIGNING), (Slot.SIGNING, Slot.NEXT)):
        if not _may_sign(held.get(slot), rollover, now) or held.get(slot) == held.get(other):
            return slot
    return None


def _may_sign(certificate: Certificate | None, rollover: Rollover | None, now: datetime) -> bool:
    """Whether a trusted certificate may be the one in use: where only dates name the primary, any published one."""
    if certificate is None or rollover is None or rollover.evidence is not Evidence.DATES:
        return certificate is not None and rollover is not None and certificate == rollover.primary
    return now < certificate.not_after and any(
        role is rollover.role and use.signs and fingerprint == certificate.fingerprint
        for role, use, fingerprint in rollover.positions
    )


def _in_use(facts: Trusting) -> str:
    primary = facts.rollover.primary if facts.rollover else None
    return f" ({primary.thumbprint})" if primary else ""


def _next(facts: Trusting) -> str:
    successor = facts.rollover.successor if facts.rollover else None
    return f" ({successor.thumbprint})" if successor else ""


def _thumbprint(certificate: Certificate | None) -> str:
    return certificate.thumbprint if certificate else "(no certificate)"


def _thumbprints(certificates: Iterable[Certificate]) -> str:
    return _some([each.thumbprint for each in certificates]) or "keys without a certificate"


def _some(names: Sequence[str], total: int | None = None) -> str:
    """Some of many names, and how many more there are."""
    more = (len(names) if total is None else total) - len(names[:NAMED])
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


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


_Sentence = Callable[[Finding, Any, datetime], str]
_Step = Callable[[Finding, Any, datetime], Step]

_WORDS: Mapping[Kind, tuple[str, _Sentence, _Step | Step]] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: ("Expired", _expired, _do_expired),
    Kind.TRUST_BROKEN: ("Locked out of Microsoft 365", _broken, _do_broken),
    Kind.KEY_SET_REPLACED: ("All keys replaced", _replaced, _do_replaced),
    Kind.METADATA_OUTDATED: (
        "Metadata outdated",
        _outdated,
        Step(
            "If it cannot be read from here, repair that first; if it can, have the publisher issue a fresh document."
        ),
    ),
    Kind.NO_SIGNING_KEY: ("No signing key", _none, _do_none),
    Kind.TRUST_AT_RISK: ("Entra ID lacks the successor", _at_risk, _do_pending),
    Kind.ROLLOVER_MISSING: ("Successor missing", _missing, _do_missing),
    Kind.PROMOTION_STALLED_LATE: ("Promotion stalled, end near", _stalled_late, _do_stalled),
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: (
        "Unreadable while Entra ID must read",
        _poll_window,
        Step("Repair it today, or write the next certificate into Entra ID by hand before AD FS promotes it."),
    ),
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: ("Unexpected certificate", _unexpected, _do_unexpected),
    Kind.TRUST_FOREIGN_CERTIFICATE: (
        "Entra ID trusts a foreign certificate",
        _foreign,
        Step(
            "Ask the publisher's administrators whether it was theirs, and Entra ID's audit log who wrote it."
            " If nobody knows it, treat it as an attack."
        ),
    ),
    Kind.TRUST_NOT_FEDERATED: (
        "Domain not federated here",
        _not_federated,
        Step("Correct the configuration if that is meant; if nobody moved the domain, treat it as an attack."),
    ),
    Kind.SIGNATURE_INVALID: (
        "Signature invalid",
        _signature,
        Step("See what changes it on its way, a proxy or a copy; if nothing explains it, treat it as an attack."),
    ),
    Kind.PROMOTION_STALLED: ("Promotion stalled", _stalled, _do_stalled),
    Kind.ROLLOVER_OVERDUE: ("Successor overdue", _overdue, _do_overdue),
    Kind.RENEWAL_DUE: ("Renewal due", _due, _do_due),
    Kind.ENTRA_CANNOT_READ_METADATA: ("Entra ID cannot read", _cannot_read, _do_cannot_read),
    Kind.TRUST_PENDING_TOO_LONG: ("Entra ID does not follow", _too_long, _do_pending),
    Kind.TRUST_HALF_UPDATED: ("Entra ID half updated", _half, _do_half),
    Kind.METADATA_NEVER_READ: (
        "Never read",
        _never_read,
        Step("Check the target's address, its name and its firewall."),
    ),
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: (
        "Unreadable from the internet",
        _outside,
        Step(
            "Let the internet read it; or bring the next certificate to every partner by hand, before it signs.",
        ),
    ),
    Kind.METADATA_UNREACHABLE: ("Unreadable", _unreachable, _do_unreachable),
    Kind.NODES_DIFFER: (
        "Places differ",
        _differ,
        Step(
            "Find the one that differs from the publisher's own list, and restart or repair it: partners that read"
            " there do not learn of a new certificate."
        ),
    ),
    Kind.TRUST_STALE: (
        "No answer of Entra ID",
        _stale,
        Step("Most often a secret has ended or a permission is missing: see the reason, and renew it."),
    ),
    Kind.TRUST_UNKNOWN: ("Trust not known", _unknown, _do_unknown),
    Kind.ENTITY_VANISHED: (
        "Entity vanished",
        _vanished,
        Step("Ask the federation's operator, or take the entity out of entities.watch."),
    ),
    Kind.METADATA_OUTDATED_SOON: (
        "Metadata outdated soon",
        _outdated_soon,
        Step("Ask the publisher why it is not renewed."),
    ),
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: ("Encryption certificate ends", _encryption, _do_encryption),
    Kind.TLS_CERTIFICATE_EXPIRING: (
        "TLS certificate ends",
        _tls,
        Step("Renew it. It is no certificate of the rollover, and nothing renews it by itself."),
    ),
    Kind.CERTIFICATE_UNREADABLE: (
        "Certificate unreadable",
        _unreadable,
        Step("Compare with the publisher's own list of certificates, and have it publish the certificate anew."),
    ),
    Kind.CERTIFICATE_WEAK: (
        "Certificate weak",
        _weak,
        Step("Replace it at the next rollover, by one with a stronger key and digest."),
    ),
    Kind.PRIMARY_CHANGED: (
        "Primary changed",
        _primary_changed,
        Step("If people cannot sign in to one service, start with that partner: it may not know the certificate."),
    ),
    Kind.SIGNING_KEYS_CHANGED: (
        "Signing keys changed",
        _changed,
        Step(
            "See that every partner reads the document by itself, or give it these keys. If they are not the"
            " publisher's, treat it as an attack."
        ),
    ),
    Kind.SUCCESSOR_PUBLISHED: ("Successor published", _published, _do_published),
    Kind.TRUST_PENDING: ("Entra ID is to follow", _pending, _do_wait),
    Kind.PRIMARY_IGNORED: (
        "Configured primary ignored",
        _ignored,
        Step("Name the certificate in use under primary in the policy, or take the name out."),
    ),
    Kind.PRIMARY_DISPUTED: (
        "Evidence disagrees",
        _disputed,
        # Only of AD FS there is more than one kind of evidence.
        Step("See which one is primary.", ("Get-AdfsCertificate -CertificateType Token-Signing",)),
    ),
    Kind.DOCUMENT_FAULTY: ("Document faulty", _faulty, Step("Tell the publisher.")),
    Kind.ENTITIES_IN_TROUBLE: (
        "Entities in trouble",
        _entities,
        Step("Name the entities that matter to you under entities.watch, to be told of each."),
    ),
}
"""By kind: its title, its sentence, and its next step, which for some depends on nothing."""
