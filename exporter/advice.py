"""What to do about a rollover, or a trust: one line for the person on call, who may never have seen AD FS.

Commands are Windows PowerShell on the primary federation server (Microsoft, "Update-AdfsCertificate",
"Set-AdfsCertificate", "Renew federation certificates for Microsoft 365 and Microsoft Entra ID"), and Microsoft Graph
PowerShell for Entra ID ("Update-MgDomainFederationConfiguration").
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from exporter.model import Certificate
from exporter.policy import Policy, Profile
from exporter.primary import Evidence
from exporter.rollover import Rollover, State
from exporter.trust import DomainTrust, Slot, TrustState, Verdict

GENERATE = "Update-AdfsCertificate -CertificateType Token-Signing"
"""Makes AD FS generate a successor, as the secondary, at once."""

PROMOTE = "Set-AdfsCertificate -CertificateType Token-Signing -IsPrimary -Thumbprint"
"""Makes the certificate of the thumbprint that follows primary; works only while AutoCertificateRollover is off."""

UPDATE = "Update-MgDomainFederationConfiguration"
"""Writes a certificate, which it must be given, into a slot of a domain's trust."""

WORDS: Mapping[State, str] = {
    State.NONE: "No signing key",
    State.EXPIRED: "Expired",
    State.MISSING: "Successor missing",
    State.STALLED: "Promotion stalled",
    State.OVERDUE: "Successor overdue",
    State.DUE: "Renewal due",
    State.PUBLISHED: "Successor published",
    State.PROMOTED: "Promoted",
    State.STEADY: "Steady",
}
"""Each state as people read it, on the page and on the dashboards alike."""

TRUST_WORDS: Mapping[TrustState, str] = {
    TrustState.NOT_FEDERATED: "Not federated",
    TrustState.BROKEN: "Broken",
    TrustState.UNKNOWN: "Unknown",
    TrustState.AT_RISK: "At risk",
    TrustState.PENDING: "Pending",
    TrustState.IN_SYNC: "In sync",
}
"""Each state of a trust as people read it, on the page and on the dashboards alike."""

_PRINTS = "fedmeta-exporter check prints it with --print-certificate"
_SLOT_FLAGS = {Slot.SIGNING: "-SigningCertificate", Slot.NEXT: "-NextSigningCertificate"}
"""Of the slots that can be written. No text names one that holds a key in use, unless both hold it."""

_PARTNERS = "make sure that Entra ID and every other partner know it"


def advice(rollover: Rollover, policy: Policy, now: datetime) -> str:
    """One line that says what to do, or that there is nothing to do, and by when."""
    return _BY_STATE[rollover.state](rollover, policy, now)


def trust_advice(verdict: Verdict, trust: DomainTrust | None, rollover: Rollover | None, now: datetime) -> str:
    """One line about the trust of one domain: what its state means, to whom, by when, and what to do.

    ``trust`` and ``rollover`` are what the verdict was made from.
    """
    if trust is None:
        return f"Entra ID never answered: whether it trusts what signs for {verdict.domain} is not known."
    if rollover is None:
        return f"No signing key was read: what Entra ID trusts for {verdict.domain} has nothing to be compared with."
    return _BY_TRUST_STATE[verdict.state](verdict, trust, rollover, now) + _foreign(verdict)


def _none(_rollover: Rollover, _policy: Policy, _now: datetime) -> str:
    return (
        "The document has no signing key: partners that read it now can trust nobody."
        " Compare it with the publisher's own view and repair what publishes it."
    )


def _expired(rollover: Rollover, policy: Policy, now: datetime) -> str:
    primary = rollover.primary
    if primary is not None and now < primary.not_before:
        return (
            f"The primary is not valid before {_date(primary.not_before)}: partners refuse its signatures until then."
            " Check the clock of the publisher, and switch back to a certificate that is valid."
        )
    if rollover.successor is not None:
        return (
            f"The primary expired on {_end(rollover)}: sign-in fails wherever dates are checked."
            " A successor is published: promote it, and update every partner by hand today."
        )
    return (
        f"The primary expired on {_end(rollover)}: sign-in fails wherever dates are checked."
        f" {_renew(policy)}; promote the new certificate, and update every partner by hand today."
    )


def _missing(rollover: Rollover, policy: Policy, _now: datetime) -> str:
    return (
        f"The primary ends on {_end(rollover)} and no successor is published: act now. {_renew(policy)};"
        f" then {_PARTNERS}, and {_in_use(policy)} before that date."
    )


def _in_use(policy: Policy) -> str:
    if policy.profile is Profile.ADFS:
        return f"promote it by hand (AD FS itself would wait {policy.thresholds.promotion:g} days)"
    return "promote it" if policy.profile.is_adfs else "see that it signs"


def _stalled(rollover: Rollover, policy: Policy, now: datetime) -> str:
    if policy.profile is not Profile.ADFS:
        return (
            f"A successor is published, and the primary that ends on {_end(rollover)} still signs."
            f" First {_PARTNERS}; then make it primary before that date."
        )
    late = "The successor should have become primary and did not"
    if rollover.promotion is not None and now < rollover.promotion:
        late = f"The successor came late: AD FS would promote it about {_date(rollover.promotion)}"
    return (
        f"{late}; the primary ends on {_end(rollover)}."
        " Look at Get-AdfsCertificate on the primary federation server;"
        f" {_PARTNERS}, then switch AutoCertificateRollover off and run {PROMOTE} with its thumbprint."
    )


def _overdue(rollover: Rollover, policy: Policy, _now: datetime) -> str:
    expected = rollover.primary.not_after - timedelta(days=policy.thresholds.generation) if rollover.primary else None
    return (
        f"AD FS should have generated a successor on {_date(expected)} and none is published; the primary ends on"
        f" {_end(rollover)}. Check AutoCertificateRollover with Get-AdfsProperties, then run {GENERATE}."
    )


def _due(rollover: Rollover, policy: Policy, _now: datetime) -> str:
    return f"Renew by hand before {_end(rollover)}: {_renew(policy, lower=True)}; then {_PARTNERS} before it signs."


def _published(rollover: Rollover, policy: Policy, now: datetime) -> str:
    if policy.profile is not Profile.ADFS:
        return f"A successor is published: {_PARTNERS} before somebody makes it primary, and before {_end(rollover)}."
    if rollover.promotion is None or rollover.promotion <= now:
        return f"A successor is published: {_PARTNERS}; AD FS may promote it at any moment."
    return f"A successor is published: {_PARTNERS} before AD FS promotes it, about {_date(rollover.promotion)}."


def _promoted(rollover: Rollover, _policy: Policy, _now: datetime) -> str:
    return (
        "The primary is new and the old certificate is still published: partners that did not follow fail now."
        f" Nothing else to do; the primary is valid until {_end(rollover)}."
    )


def _steady(rollover: Rollover, policy: Policy, _now: datetime) -> str:
    if policy.profile is Profile.ENTRA:
        return "Nothing to do: Entra ID changes its own keys without notice; follow its metadata, not its dates."
    if rollover.primary is None:
        return (
            "No signing certificate is known, so there is no date to watch; where there should be one, look at the"
            " document and its faults."
        )
    if not policy.expiry:
        return "Nothing to do: by policy the dates of these certificates do not count."
    if policy.profile is Profile.ADFS:
        expected = rollover.primary.not_after - timedelta(days=policy.thresholds.generation)
        return f"Nothing to do: AD FS makes a successor about {_date(expected)}; the primary ends on {_end(rollover)}."
    due = rollover.primary.not_after - timedelta(days=policy.thresholds.due)
    return f"Nothing to do: renewal is due from {_date(due)}; the primary ends on {_end(rollover)}."


def _renew(policy: Policy, *, lower: bool = False) -> str:
    sentence = {
        Profile.ADFS: (
            f"Run {GENERATE} on the primary federation server and see that Get-AdfsCertificate lists a new secondary"
        ),
        Profile.ADFS_MANUAL: (
            "Enrol a certificate, install it on every federation server and add it as secondary with"
            " Add-AdfsCertificate -CertificateType Token-Signing"
        ),
    }.get(policy.profile, "Ask the publisher to publish a new signing certificate beside this one")
    return sentence[0].lower() + sentence[1:] if lower else sentence


def _broken(verdict: Verdict, trust: DomainTrust, rollover: Rollover, _now: datetime) -> str:
    held = {slot: trust.certificates.get(slot) for slot in _SLOT_FLAGS}
    # An empty one, else the one that ends first, but rather any than the successor's.
    worth = {slot: (each == rollover.successor, each.not_after) for slot, each in held.items() if each is not None}
    slot = next((each for each in held if each not in worth), None) or min(worth, key=worth.__getitem__)
    return (
        f"Entra ID does not trust the certificate in use{_thumbprint(rollover.primary)}: everybody of {verdict.domain}"
        f" is locked out of Microsoft 365 now. Write it with {UPDATE} {_SLOT_FLAGS[slot]}."
        f" {_PRINTS}=primary."
    )


def _at_risk(verdict: Verdict, trust: DomainTrust, rollover: Rollover, now: datetime) -> str:
    return (
        f"Entra ID does not know the successor{_thumbprint(rollover.successor)}: everybody of {verdict.domain}"
        f" is locked out of Microsoft 365 once it signs, {_signing(rollover, now)}."
        f" Write it now with {_writing(trust, rollover, now)}. {_PRINTS}."
    )


def _pending(verdict: Verdict, trust: DomainTrust, rollover: Rollover, now: datetime) -> str:
    begin = f"Entra ID does not know the successor{_thumbprint(rollover.successor)} for {verdict.domain} yet"
    when, write = f"The successor signs {_signing(rollover, now)}", f"write it with {_writing(trust, rollover, now)}"
    if trust.update is not None and trust.update.readable is False:
        return f"{begin}, and says that it cannot read the metadata. {when}: before that, {write}. {_PRINTS}."
    return f"{begin}. {when}: if Entra ID does not take it from the metadata before, {write}. {_PRINTS}."


def _in_sync(verdict: Verdict, _trust: DomainTrust, _rollover: Rollover, _now: datetime) -> str:
    known = "the primary and the successor" if verdict.successor_trusted else "the primary"
    begin = "Entra ID trusts" if verdict.foreign else "Nothing to do in Entra ID, which trusts"
    return f"{begin} {known} for {verdict.domain}."


def _not_federated(verdict: Verdict, trust: DomainTrust, _rollover: Rollover, _now: datetime) -> str:
    if not trust.federated:
        where = f"Entra ID says that {verdict.domain} is not federated: its people do not sign in here."
    else:
        where = f"Entra ID sends the people of {verdict.domain} to {trust.service}, not to this federation service."
    return f"{where} Correct the configuration if that is meant; if nobody changed it, call security."


def _not_known(verdict: Verdict, _trust: DomainTrust, _rollover: Rollover, _now: datetime) -> str:
    return (
        f"Whether Entra ID trusts what signs for {verdict.domain} cannot be told from here: compare Get-AdfsCertificate"
        f" with Get-MgDomainFederationConfiguration -DomainId {verdict.domain}."
    )


def _foreign(verdict: Verdict) -> str:
    if not verdict.foreign:
        return ""
    thumbprints = " and ".join(each.thumbprint for each in verdict.foreign)
    return f" Trusted and not published: {thumbprints}. Left over, or planted: find out who wrote that."


def _writing(trust: DomainTrust, rollover: Rollover, now: datetime) -> str:
    """The command that writes the successor, over no key that may be in use."""
    held = trust.certificates
    for slot, other in ((Slot.NEXT, Slot.SIGNING), (Slot.SIGNING, Slot.NEXT)):
        if not _may_sign(held.get(slot), rollover, now) or held.get(slot) == held.get(other):
            return f"{UPDATE} {_SLOT_FLAGS[slot]}"
    return f"{UPDATE}, into the slot whose certificate Get-AdfsCertificate does not show as primary"


def _may_sign(certificate: Certificate | None, rollover: Rollover, now: datetime) -> bool:
    """Whether a trusted certificate may be the one in use: where only dates name the primary, any published one."""
    if certificate is None or rollover.evidence is not Evidence.DATES:
        return certificate is not None and certificate == rollover.primary
    return now < certificate.not_after and any(
        role is rollover.role and use.signs and fingerprint == certificate.fingerprint
        for role, use, fingerprint in rollover.positions
    )


def _signing(rollover: Rollover, now: datetime) -> str:
    """When the successor will sign."""
    if rollover.promotion is None:
        return f"any day, by {_end(rollover)} at the latest"
    return f"about {_date(rollover.promotion)}" if now < rollover.promotion else "at any moment"


def _thumbprint(certificate: Certificate | None) -> str:
    return f" ({certificate.thumbprint})" if certificate else ""


def _end(rollover: Rollover) -> str:
    return _date(rollover.primary.not_after if rollover.primary else None)


def _date(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "an unknown date"


_BY_STATE: dict[State, Callable[[Rollover, Policy, datetime], str]] = {
    State.NONE: _none,
    State.EXPIRED: _expired,
    State.MISSING: _missing,
    State.STALLED: _stalled,
    State.OVERDUE: _overdue,
    State.DUE: _due,
    State.PUBLISHED: _published,
    State.PROMOTED: _promoted,
    State.STEADY: _steady,
}

_BY_TRUST_STATE: dict[TrustState, Callable[[Verdict, DomainTrust, Rollover, datetime], str]] = {
    TrustState.NOT_FEDERATED: _not_federated,
    TrustState.BROKEN: _broken,
    TrustState.UNKNOWN: _not_known,
    TrustState.AT_RISK: _at_risk,
    TrustState.PENDING: _pending,
    TrustState.IN_SYNC: _in_sync,
}
