"""One next step for each kind of finding, with the whole command.

Commands are Windows PowerShell on the primary federation server (Microsoft, "Update-AdfsCertificate",
"Set-AdfsCertificate", "Set-AdfsProperties"), Microsoft Graph PowerShell ("Update-MgDomainFederationConfiguration") and
this program's own. AD FS promotes only while AutoCertificateRollover is off, and generates only while it is on. What
was read may be an old copy, so nobody is told to generate anything before a look at the farm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from shlex import quote
from typing import Any

from exporter.advice import advice
from exporter.config.settings import SERVICE
from exporter.findings.facts import (
    Asking,
    Changed,
    Half,
    Published,
    RolledBack,
    Rolling,
    Trusting,
    Unread,
)
from exporter.findings.finding import Finding
from exporter.findings.kinds import Kind
from exporter.findings.phrases import moment, some, thumbprint
from exporter.inquiry import Slot, TrustReason
from exporter.model import Certificate
from exporter.policy import Policy, Profile
from exporter.rollover import Rollover

UPDATE = "Update-MgDomainFederationConfiguration"
"""Writes a certificate, which it must be given, into a slot of a domain's trust."""

AT_ONCE = timedelta(days=2)
"""With so much left AD FS generates and promotes at once (Microsoft, "CertificateCriticalThreshold")."""

_SLOT_FLAGS = {Slot.SIGNING: "-SigningCertificate", Slot.NEXT: "-NextSigningCertificate"}
"""Of the slots that can be written."""

_SIGNING, _DECRYPTING = "Token-Signing", "Token-Decrypting"

_IF_ON, _IF_OFF = "if it was on", "if it was off"

_STOP = "Stop here until Entra ID trusts this one for every domain and every other partner knows it; then promote it"

_IF_NONE = "If no other one is listed"

_LOOK_AGAIN = "List them again, and take the thumbprint of the new one; then make it primary"

_BEFORE_ON = "First see that AD FS lists no further successor, which it would promote by itself"

_OFF, _ON = (f"Set-AdfsProperties -AutoCertificateRollover {each}" for each in ("$false", "$true"))

_NEW = "'<thumbprint of the new one>'"

_FILE = "--config.file='<configuration file>'"


@dataclass(frozen=True, slots=True)
class Command:
    """A line for a shell."""

    text: str
    before: str = ""
    """What must be so first, as a sentence without its end; empty where nothing must."""
    condition: str = ""
    """When it is meant, likewise; empty: always."""


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that may be pasted at once."""

    before: str
    """What must be so first, as sentences; empty where nothing must."""
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next."""

    text: str
    run: tuple[Command, ...] = ()
    """What to run, in this order; empty where no command helps."""

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands as lines; what must be so first stands behind # on a line before, a condition on the same."""
        return tuple(line for each in self.run for line in _lines(each))

    @property
    def blocks(self) -> Sequence[Block]:
        """The commands in blocks, each of which ends where somebody has to look, to wait or to decide.

        A shell passes over what stands behind #, and runs the next line.
        """
        blocks: list[Block] = []
        for each in self.run:
            before = ". ".join(filter(None, (each.before, each.condition.capitalize())))
            if before or not blocks or _shown_by(each.text) != _shown_by(blocks[-1].commands[-1]):
                blocks.append(Block(before and f"{before}:", (each.text,)))
            else:
                blocks[-1] = replace(blocks[-1], commands=(*blocks[-1].commands, each.text))
        return blocks


def _lines(command: Command) -> Iterator[str]:
    if command.before:
        yield f"# {command.before}:"
    yield f"{command.text}  # {command.condition}" if command.condition else command.text


def _shown_by(command: str) -> str:
    """What shows something that the next step depends on: the publisher, or this program; empty: it is an act."""
    return next((each for each in ("Get-", "fedmeta-exporter ") if command.startswith(each)), "")


_OWN = Command(f"Get-AdfsCertificate -CertificateType {_SIGNING}")

_LISTED = Command(f"Get-AdfsCertificate -CertificateType {_DECRYPTING}")

_ASK = Command("Get-AdfsProperties | Format-List AutoCertificateRollover")

_ASK_THRESHOLDS = Command(
    "Get-AdfsProperties | Format-List CertificateGenerationThreshold, CertificatePromotionThreshold"
)

_NOT_BEGUN = Step("Check the clock of the publisher, and have it sign with a certificate that is valid.")


def _expired(_finding: Finding, facts: Rolling, now: datetime) -> Step:
    rollover, policy = facts.rollover, facts.policy
    if rollover.primary is not None and now < rollover.primary.not_before:
        return _NOT_BEGUN
    if facts.valid:
        text = (
            f"Today update every partner by hand with {facts.valid[0].thumbprint}, which is valid, and {_sign(policy)}"
        )
        return _promote(facts.valid[0], policy, text, now)
    return _renew(policy, f"today update every partner by hand with it, and {_sign(policy)}", promotes=True)


def _none(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    text = "Compare the document with the publisher's own list, and repair what publishes it."
    return Step(text, _own(facts.policy))


def _own(policy: Policy) -> tuple[Command, ...]:
    """The command that shows the publisher's own list, where that is AD FS."""
    return (_OWN,) if policy.profile.is_adfs else ()


def _missing(_finding: Finding, facts: Rolling, now: datetime) -> Step:
    then = f"today {_bring(facts)}, and {_sign(facts.policy, ' before that date')}"
    primary = facts.rollover.primary
    if facts.policy.profile is Profile.ADFS and primary is not None and primary.not_after - now > AT_ONCE:
        wait = facts.policy.thresholds.promotion
        then += f". AD FS itself would wait {wait:g} days, and generates and promotes at once at 2 days left"
    return _renew(facts.policy, then, promotes=True)


def _stalled(_finding: Finding, facts: Rolling, now: datetime) -> Step:
    return _promote(facts.rollover.successor, facts.policy, f"{_know(facts)}; then {_sign(facts.policy)}", now)


def _overdue(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    if facts.readable:
        return _renew(facts.policy, "see a day later that Entra ID and every other partner took it from the metadata")
    return _renew(facts.policy, _bring(facts))


def _due(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    return _renew(facts.policy, f"{_bring(facts)} before it signs")


def _published(_finding: Finding, facts: Rolling, now: datetime) -> Step:
    policy, text = facts.policy, f"{_know(facts)} before it signs"
    if facts.early:
        return Step(
            "It came long before one was expected: see first that the publisher's administrators made it."
            f" If so: {text[0].lower()}{text[1:]}."
        )
    if not policy.profile.is_adfs:
        return Step(f"{text}.")
    if policy.auto_certificate_rollover:
        return Step(f"{text}. AD FS promotes it by itself.")
    # To promote would lock them out: how to do it is told once Entra ID trusts it for all of them.
    waits = False in facts.trusted.values()
    if policy.auto_certificate_rollover is None:
        promote = Command(_set_primary(thumbprint(facts.rollover.successor)), _STOP, _IF_OFF)
        text += ". Ask AD FS whether it promotes by itself; if not, promote it before the primary ends."
        return Step(text, (_ASK,) if waits else (_ASK, promote))
    text += f"; then {_sign(policy, ' before the primary ends')}"
    return Step(f"{text}.") if waits else _promote(facts.rollover.successor, policy, text, now)


def _ignored(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    primary = facts.rollover.primary
    taken = f": {primary.fingerprint} is the SHA-256 of the one that is taken for it" if primary else ""
    return Step(f"Name the certificate in use under primary in the policy, or take the name out{taken}.")


def _replaced(_finding: Finding, facts: Changed, _now: datetime) -> Step:
    if not facts.certificates:
        return Step(
            "Ask the publisher's administrators what they changed and why; if nobody did, treat it as an attack."
        )
    policy = facts.policy
    if not policy.profile.is_adfs:
        return Step(
            "Ask the publisher's administrators whether they did this. If not, treat it as an attack, and give the new"
            " ones to nobody. If so, update every partner by hand, now."
        )
    text = "See whether AD FS itself lists these, and ask who ran Update-AdfsCertificate -Urgent, which does this."
    commands: tuple[Command, ...] = (_OWN,)
    if policy.auto_certificate_rollover is False and any(each.self_issued for each in facts.certificates):
        text += (
            " The new certificate is self-issued, as AD FS makes them by itself while AutoCertificateRollover is on. It"
            " is thought to be off here: ask AD FS, and correct the policy if it is on."
        )
        commands += (_ASK,)
    text += (
        " If nobody did, treat it as an attack, and write nothing. If somebody did, update every partner by hand, now,"
        " and Entra ID first."
    )
    return Step(text, commands)


def _sp_replaced(_finding: Finding, facts: Changed, now: datetime) -> Step:
    if not facts.certificates:
        return _replaced(_finding, facts, now)
    return Step(
        "Ask its administrators whether they did this. If not, treat it as an attack, and give the new certificate to"
        " nobody. If so, give it to every partner that checks its signatures and does not read the document by itself."
    )


def _unexpected(_finding: Finding, facts: Changed, _now: datetime) -> Step:
    text = "Ask the publisher's administrators whether they made it; if not, treat it as an attack."
    if facts.policy.profile is not Profile.ADFS:
        return Step(text, _own(facts.policy))
    return Step(f"{text} {_thresholds(facts.policy)}", (_OWN, _ASK_THRESHOLDS))


def _thresholds(policy: Policy) -> str:
    """By what it was judged when AD FS generates and promotes, and what to do where that is not so."""
    days = policy.thresholds
    return (
        f"This rests on thresholds of {days.generation:g} days (AD FS generates so long before the end) and"
        f" {days.promotion:g} days (and promotes so long after that): if the farm has others, enter them under"
        " thresholds in the policy, as generation and promotion, and as unexpected a little more than generation."
    )


def _disputed(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    claimed = dict.fromkeys(each.primary for each in facts.rollover.claims)
    text = f"See which one signs, and name it under primary in the policy, by its SHA-256: {_names(claimed)}."
    return Step(text, _own(facts.policy))


def _possibly_ending(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    return Step(
        "See which one signs. If the one that ends is unused, have it taken out of the metadata. If it signs, have"
        " another one sign before its end, once every partner knows that one. If neither can be done today, name the"
        f" one that signs under primary in the policy, by its SHA-256: {_names(facts.rollover.may_sign)}.",
        _own(facts.policy),
    )


def _old_key(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    return Step(
        "Have it taken out of the metadata if it is unused; or name the one in use under primary in the policy, by its"
        f" SHA-256: {_names(facts.rollover.may_sign)}."
    )


def _names(certificates: Iterable[Certificate]) -> str:
    return some([f"{each.fingerprint} is that of {each.thumbprint}" for each in certificates])


def _rolled_back(_finding: Finding, facts: RolledBack, _now: datetime) -> Step:
    lost = "" if facts.published else ", or a server was restored from a backup"
    return Step(
        f"Ask the publisher's administrators whether the promotion was taken back on purpose{lost}. See that every"
        " partner knows the certificate that signs now.",
        _own(facts.policy),
    )


def _sp_expired(finding: Finding, facts: Rolling, now: datetime) -> Step:
    primary = facts.rollover.primary
    if primary is not None and now < primary.not_before:
        return _NOT_BEGUN
    return _sp_ending(finding, facts, now)


def _sp_ending(_finding: Finding, facts: Rolling, _now: datetime) -> Step:
    if facts.rollover.successor is None:
        return Step(
            "Have a new signing certificate published beside this one, give it to the partners, and have it sign."
        )
    return Step("See that every partner that checks its signatures knows the successor; then have it sign.")


def _leftover(finding: Finding, _facts: Trusting, _now: datetime) -> Step:
    return Step(
        "Nothing today: it may be taken out of Entra ID's slot, and is once the next certificate is written over it. If"
        " its key is not safe, write the next one over it now, and never over the one in use.",
        (_show(finding),),
    )


def _show(finding: Finding) -> Command:
    return Command(f"Get-MgDomainFederationConfiguration -DomainId {finding.domain}")


def _encryption(_finding: Finding, facts: Published, now: datetime) -> Step:
    (certificate,), policy = facts.certificates, facts.policy
    if not policy.profile.is_adfs:
        return Step("Ask the publisher to publish another one beside it.")
    look = "See first whether AD FS itself lists another one: only the primary is in the metadata. If it lists none,"
    promotion = _promotion(policy, _NEW, use=_DECRYPTING)
    if policy.profile is Profile.ADFS_MANUAL:
        return Step(
            f"{look} ask the CA for one, install it on every federation server and add it. Make it primary.",
            (_LISTED, Command(_add(_DECRYPTING), _IF_NONE), *promotion),
        )
    generate = Command(_generate(_DECRYPTING), _IF_NONE)
    wait = policy.thresholds.promotion
    text = f"{look} generate one on the primary federation server, while AutoCertificateRollover is on."
    if certificate.not_after - now > timedelta(days=wait):
        return Step(f"{text} AD FS makes it primary {wait:g} days later.", (_LISTED, generate))
    return Step(f"{text} Then make it primary: AD FS itself would wait {wait:g} days.", (_LISTED, generate, *promotion))


def _never_read(_finding: Finding, facts: Unread, _now: datetime) -> Step:
    return Step(advice(facts.observation))


def _unreachable(finding: Finding, facts: Unread, _now: datetime) -> Step:
    if facts.is_file:
        return Step("Name the file that holds the metadata, or repair what writes it.")
    if finding.place is not None and finding.place.node != SERVICE:
        return Step("Take the node out of service, or repair it: people whom it serves may be unable to sign in.")
    return Step(
        "Repair what is there, or correct the address or path if it is wrong: partners that read the metadata there do"
        " not learn of a new certificate."
    )


def _another(_finding: Finding, facts: Unread, _now: datetime) -> Step:
    if facts.observation.others:
        return Step(
            "Correct the entityID, which --entity or entity_id of the target names: each letter counts. If it is right,"
            " ask the operator of this federation whether the entity was taken out."
        )
    return Step(
        "If its publisher has a new name, enter that as entity_id of the target; if not, find out who answers at this"
        " address before anything trusts it."
    )


def _broken(finding: Finding, facts: Trusting, now: datetime) -> Step:
    rollover = facts.rollover
    if rollover is not None and rollover.primary is not None and rollover.primary.not_after <= now:
        return Step("The certificate in use has ended: write a valid one into Entra ID, then have it sign.")
    compare = (
        "see that AD FS has this certificate as primary (IsPrimary True)"
        if facts.policy.profile.is_adfs
        else "ask the publisher's administrators whether this certificate is in use"
    )
    text = f"First {compare}, else write nothing. Then write it into Entra ID, now; nothing changes at the publisher."
    if rollover is not None and len(rollover.may_sign) > 1:
        text += " Nothing that is published proves which one is in use."
    step = _write(finding, facts, text, _worth_least(facts, now), "primary")
    return Step(step.text, (*_own(facts.policy), *step.run))


def _worth_least(facts: Trusting, now: datetime) -> Slot:
    """The slot to write over where none holds the key in use.

    An empty one, else one of a foreign or ended certificate, else the one that ends first, and the successor's last.
    """
    held = {slot: facts.trust.certificates.get(slot) for slot in _SLOT_FLAGS}
    successors = facts.rollover.successors if facts.rollover else ()
    published = {digest for _, _, digest in facts.rollover.positions} if facts.rollover else set()
    worth = {
        slot: (each in successors, each.fingerprint in published and now < each.not_after, each.not_after)
        for slot, each in held.items()
        if each is not None
    }
    return next((each for each in held if each not in worth), None) or min(worth, key=worth.__getitem__)


def _pending(finding: Finding, facts: Trusting, now: datetime) -> Step:
    text = "now: if it signs before that, everybody is locked out of Microsoft 365."
    return _write_lacking(finding, facts, f"{_into(facts)}, {text}", now)


def _at_risk(finding: Finding, facts: Trusting, now: datetime) -> Step:
    step = _pending(finding, facts, now)
    if facts.policy.profile is not Profile.ADFS:
        return step
    return Step(f"{step.text} {_thresholds(facts.policy)}", (*step.run, _ASK_THRESHOLDS))


def _cannot_read(finding: Finding, facts: Trusting, now: datetime) -> Step:
    text = "before it signs; then make the metadata readable from the internet."
    return _write_lacking(finding, facts, f"{_into(facts)} {text}", now)


def _waits(finding: Finding, facts: Trusting, now: datetime) -> Step:
    return _write_lacking(finding, facts, _wait(facts, now), now)


def _into(facts: Trusting) -> str:
    first, successor = facts.verdict.lacking[0], facts.rollover.successor if facts.rollover else None
    return f"Write {'the successor' if first == successor else first.thumbprint} into Entra ID"


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


def _unknown(finding: Finding, facts: Trusting, _now: datetime) -> Step:
    text = "Compare what Entra ID holds with the certificate that the publisher signs with."
    return Step(text, (*_own(facts.policy), _show(finding)))


_TO_ASK: Mapping[TrustReason, str] = {
    TrustReason.CREDENTIALS: "See that the exporter's user can read its secret or certificate, with its private key.",
    TrustReason.REFUSED: "Most often the exporter's secret or certificate has ended: give its application another one,"
    " and the exporter that. Else tenant, client_id or cloud is wrong in the configuration.",
    TrustReason.UNAUTHORIZED: "Correct cloud or graph_url in the configuration: the token is for another cloud.",
    TrustReason.PERMISSION: "Give the exporter's application Domain-InternalFederation.Read.All as an application"
    " permission, and have an administrator consent to it.",
    TrustReason.THROTTLED: "Nothing today. If it lasts, lengthen the interval of entra, and see who else uses the"
    " exporter's application.",
    TrustReason.SERVER: "Nothing but to look at the Microsoft 365 service health: Microsoft's side fails.",
    TrustReason.HTTP_STATUS: "If a proxy gives this answer, let the exporter through; else please report it.",
    TrustReason.TIMEOUT: "See that this machine reaches Microsoft's hosts, and the module's timeout and proxy.",
    TrustReason.CONNECTION: "See that this machine reaches Microsoft's hosts: name, firewall, proxy, TLS, as the reason"
    " says.",
    TrustReason.MALFORMED: "If it is a page of a proxy, let the exporter through; else please report it.",
    TrustReason.INTERNAL: "Please report it, with the traceback that is in the log.",
}
"""What to do where Entra ID cannot be asked, for every reason there is; docs/runbooks.md says more."""


def _stale(_finding: Finding, facts: Asking, _now: datetime) -> Step:
    inquiry = facts.known.inquiry
    if inquiry is None or inquiry.reason is None:
        return Step("Wait for the next inquiry; if there is none, see the exporter's log.")
    return Step(_TO_ASK[inquiry.reason])


def _half(_finding: Finding, facts: Half, _now: datetime) -> Step:
    return Step(
        "Write it for each domain that lacks it, as is told of that domain.", (_print(facts.target, "successor"),)
    )


def _know(facts: Rolling) -> str:
    """Who must know the successor first."""
    lacking = [domain for domain, trusted in facts.trusted.items() if trusted is False]
    unknown = [domain for domain, trusted in facts.trusted.items() if trusted is None]
    if unknown or (not facts.trusted and facts.policy.profile.is_adfs):
        where = some(unknown) or "each domain"
        see = f"See what Entra ID trusts for {where}, and write the successor where it is missing; make"
    else:
        see = "Entra ID trusts it. Make" if facts.trusted and not lacking else "Make"
    if lacking:
        return f"{see} sure that Entra ID (for {some(lacking)}) and every other partner know it"
    return f"{see} sure that every{' other' if see != 'Make' else ''} partner knows it"


def _bring(facts: Rolling) -> str:
    if facts.trusted or facts.policy.profile.is_adfs:
        return "write it into Entra ID and bring it to every other partner"
    return "bring it to every partner"


def _renew(policy: Policy, then: str, *, promotes: bool = False) -> Step:
    """How to get a successor, and what comes after that: with a promotion, where there is no time to wait for one."""
    if not policy.profile.is_adfs:
        return Step(f"Have a new signing certificate published beside this one; then {then}.")
    generate = "generate a successor on the primary federation server"
    add = "ask the CA for a certificate, install it on every federation server and add it as secondary"
    text, commands = {
        True: (generate, (Command(_generate(_SIGNING)),)),
        False: (add, (Command(_add(_SIGNING)),)),
        None: (
            f"ask AD FS whether it renews by itself; if so, {generate}, if not, {add}",
            (
                _ASK,
                Command(_generate(_SIGNING), condition=_IF_ON),
                Command(_add(_SIGNING), condition=_IF_OFF),
            ),
        ),
    }[policy.auto_certificate_rollover]
    promotion = _promotion(policy, _NEW) if promotes else ()
    return Step(
        "See first whether AD FS itself lists a successor: then what was read here is an old copy, and that is to be"
        f" repaired. If it lists none, {text}; then {then}.",
        tuple(dict.fromkeys((_OWN, *commands, *promotion))),
    )


def _promote(certificate: Certificate | None, policy: Policy, text: str, now: datetime) -> Step:
    if certificate is not None and now < certificate.not_before:
        # No command: whoever runs it today locks everybody out.
        return Step(
            f"{text}, but not before it begins, on {moment(certificate.not_before)}: partners refuse it until then."
        )
    return Step(f"{text}.", _promotion(policy, thumbprint(certificate)) if policy.profile.is_adfs else ())


def _sign(policy: Policy, when: str = "") -> str:
    if not policy.profile.is_adfs:
        return f"have it sign{when}"
    again = "" if policy.auto_certificate_rollover else " if it was on"
    off = f" (switch AutoCertificateRollover off first, and on again afterwards{again})"
    switch = "" if policy.auto_certificate_rollover is False else off
    return f"promote it on the primary federation server{when}{switch}"


def _promotion(policy: Policy, thumbprint: str, *, use: str = _SIGNING) -> tuple[Command, ...]:
    promote = _set_primary(thumbprint, use)
    # Whoever pastes all of it promotes before anybody trusts it: that locks everybody out. Entra ID needs no other key.
    stop = _STOP if use == _SIGNING else _LOOK_AGAIN
    if policy.auto_certificate_rollover is False:
        return (Command(promote, stop),)
    if policy.auto_certificate_rollover:
        return Command(_OFF, stop), Command(promote), Command(_ON, _BEFORE_ON)
    return _ASK, Command(_OFF, stop), Command(promote), Command(_ON, _BEFORE_ON, _IF_ON)


def _set_primary(thumbprint: str, use: str = _SIGNING) -> str:
    return f"Set-AdfsCertificate -CertificateType {use} -IsPrimary -Thumbprint {thumbprint}"


def _generate(use: str) -> str:
    return f"Update-AdfsCertificate -CertificateType {use}"


def _add(use: str) -> str:
    return f"Add-AdfsCertificate -CertificateType {use} -Thumbprint {_NEW}"


def _write(finding: Finding, facts: Trusting, text: str, slot: Slot | None, position: str) -> Step:
    """How to write a certificate into Entra ID."""
    return _writing(finding, text, slot, "<printed above>", _print(facts.target, position))


def _write_lacking(finding: Finding, facts: Trusting, text: str, now: datetime) -> Step:
    """How to write the first that Entra ID lacks; where it lacks more, the next finding tells how to write the next."""
    first, slot, rollover = facts.verdict.lacking[0], _free(facts, now), facts.rollover
    for position in ("successor", "primary"):
        if rollover is not None and first == getattr(rollover, position):
            return _write(finding, facts, text, slot, position)
    return _writing(finding, text, slot, f"<base64 of {first.thumbprint}>")


def _writing(finding: Finding, text: str, slot: Slot | None, what: str, *before: Command) -> Step:
    if slot is None:
        text += " Into the slot that does not hold the certificate in use: the publisher's own list says which that is."
    else:
        # Whoever pastes it after somebody else has written or promoted may write over the certificate in use.
        text += (
            " The slot in the command is the right one now. If somebody writes into Entra ID or promotes a certificate"
            " before you run it, look here again first: then it may be the other slot."
        )
    flag = _SLOT_FLAGS[slot] if slot else "<slot>"
    return Step(
        text,
        (
            *before,
            Command(f"$trust = {_show(finding).text}"),
            Command(f"{UPDATE} -DomainId {finding.domain} -InternalDomainFederationId $trust.Id {flag} '{what}'"),
        ),
    )


def _print(target: str, position: str) -> Command:
    if target.startswith("-"):
        # It would be taken for a flag.
        return Command(f"fedmeta-exporter check {_FILE} --print-certificate={position} -- {quote(target)}")
    which = "" if position == "successor" else f"={position}"
    return Command(f"fedmeta-exporter check {quote(target)} {_FILE} --print-certificate{which}")


def _free(facts: Trusting, now: datetime) -> Slot | None:
    """The slot that holds no key that may be in use, now or next; None where either may."""
    held, rollover = facts.trust.certificates, facts.rollover
    for slot, other in ((Slot.NEXT, Slot.SIGNING), (Slot.SIGNING, Slot.NEXT)):
        if not _may_sign(held.get(slot), rollover, now) or held.get(slot) == held.get(other):
            return slot
    return None


def _may_sign(certificate: Certificate | None, rollover: Rollover | None, now: datetime) -> bool:
    """Whether a trusted certificate may be in use, now or next; of several in use, not one that has ended."""
    if certificate is None or rollover is None:
        return False
    if certificate not in rollover.may_sign:
        return certificate in rollover.successors
    return len(rollover.may_sign) == 1 or now < certificate.not_after


STEPS: Mapping[Kind, Callable[[Finding, Any, datetime], Step] | Step] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: _expired,
    Kind.TRUST_BROKEN: _broken,
    Kind.KEY_SET_REPLACED: _replaced,
    Kind.METADATA_OUTDATED: Step(
        "If it cannot be read from here, repair that first; if it can, have the publisher issue a fresh document."
    ),
    Kind.NO_SIGNING_KEY: _none,
    Kind.SIGNING_KEYS_UNREADABLE: Step(
        "Compare with the publisher's own list of certificates, and have it publish them anew, today."
    ),
    Kind.TRUST_BROKEN_AT_NODE: Step(
        "Take the node out of service until it has the keys of the service. There is nothing to write into Entra ID,"
        " which trusts what the service signs with."
    ),
    Kind.TRUST_AT_RISK: _at_risk,
    Kind.ROLLOVER_MISSING: _missing,
    Kind.PROMOTION_STALLED_LATE: _stalled,
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: Step(
        "Repair it today, or write the next certificate into Entra ID by hand before AD FS promotes it."
    ),
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: _unexpected,
    Kind.TRUST_FOREIGN_CERTIFICATE: Step(
        "Ask the publisher's administrators whether it was theirs, and Entra ID's audit log who wrote it."
        " If nobody knows it, treat it as an attack."
    ),
    Kind.TRUST_NOT_FEDERATED: Step(
        "Correct the configuration if that is meant; if nobody moved the domain, treat it as an attack."
    ),
    Kind.SIGNATURE_INVALID: Step(
        "See what changes it on its way, a proxy or a copy; if nothing explains it, treat it as an attack."
    ),
    Kind.PROMOTION_STALLED: _stalled,
    Kind.PROMOTION_ROLLED_BACK: _rolled_back,
    Kind.PRIMARY_DISPUTED: _disputed,
    Kind.POSSIBLE_PRIMARY_ENDING: _possibly_ending,
    Kind.ROLLOVER_OVERDUE: _overdue,
    Kind.RENEWAL_DUE: _due,
    Kind.SP_CERTIFICATE_EXPIRED: _sp_expired,
    Kind.SP_CERTIFICATE_ENDING: _sp_ending,
    Kind.SP_KEY_SET_REPLACED: _sp_replaced,
    Kind.SP_METADATA_OUTDATED: Step(
        "If it cannot be read from here, repair that first; if it can, have its publisher issue a fresh one."
    ),
    Kind.ENTRA_CANNOT_READ_METADATA: _cannot_read,
    Kind.TRUST_PENDING_TOO_LONG: _pending,
    Kind.TRUST_HALF_UPDATED: _half,
    Kind.METADATA_NEVER_READ: _never_read,
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: Step(
        "Let the internet read it; or bring the next certificate to every partner by hand, before it signs.",
    ),
    Kind.METADATA_UNREACHABLE: _unreachable,
    Kind.METADATA_OF_ANOTHER_ENTITY: _another,
    Kind.ANSWERS_TAKE_TURNS: Step(
        "Look at each node behind this address by itself (nodes in the configuration), and repair the one that lags, or"
        " the cache before it: partners that read there do not learn of a new certificate."
    ),
    Kind.NODES_DIFFER: Step(
        "Find the one that differs from the publisher's own list, and restart or repair it: partners that read"
        " there do not learn of a new certificate."
    ),
    Kind.TRUST_STALE: _stale,
    Kind.TRUST_UNKNOWN: _unknown,
    Kind.CLOCK_WRONG: Step("Compare both with a third clock, and set the one that is wrong."),
    Kind.ENTITY_VANISHED: Step("Ask the federation's operator, or take the entity out of entities.watch."),
    Kind.METADATA_OUTDATED_SOON: Step("Ask the publisher why it is not renewed."),
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: _encryption,
    Kind.TLS_CERTIFICATE_EXPIRING: Step(
        "Renew it. It is no certificate of the rollover, and nothing renews it by itself."
    ),
    Kind.CERTIFICATE_UNREADABLE: Step(
        "Compare with the publisher's own list of certificates, and have it publish the certificate anew."
    ),
    Kind.CERTIFICATE_NO_LONGER_READABLE: Step(
        "See that the publisher's own list has the same certificate still, and have it publish that anew."
    ),
    Kind.CERTIFICATE_WEAK: Step("Replace it at the next rollover, by one with a stronger key and digest."),
    Kind.PRIMARY_CHANGED: Step(
        "If people cannot sign in to one service, start with that partner: it may not know the certificate."
    ),
    Kind.SIGNING_KEYS_CHANGED: Step(
        "See whether they are the publisher's own; if not, treat it as an attack. If so, see that every partner reads"
        " the document by itself, or give it these keys."
    ),
    Kind.SUCCESSOR_PUBLISHED: _published,
    Kind.TRUST_PENDING: _waits,
    Kind.TRUST_LEFTOVER: _leftover,
    Kind.OLD_KEY_LISTED: _old_key,
    Kind.PRIMARY_IGNORED: _ignored,
    Kind.DOCUMENT_FAULTY: Step("Tell the publisher."),
    Kind.ENTITIES_IN_TROUBLE: Step("Name the entities that matter to you under entities.watch, to be told of each."),
}
"""By kind; some depend on nothing."""
