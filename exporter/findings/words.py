"""A finding, and how a target stands, in words: each kind has a title, a sentence and a next step."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from exporter.findings.finding import Finding, Standing
from exporter.findings.kinds import Kind
from exporter.findings.looks import COPYING
from exporter.findings.phrases import moment, span
from exporter.findings.sentences import SENTENCES
from exporter.findings.steps import STEPS, Step
from exporter.policy import Policy, Profile
from exporter.rollover import Rollover, State, shifted

OLD = timedelta(hours=1)
"""From this age on, a sentence says how old what it was judged by is."""


def title(kind: Kind) -> str:
    """A kind in a few words."""
    return _TITLES[kind]


def headline(standing: Standing) -> str:
    """How a target stands in a few words: the worst that was found."""
    if standing.findings:
        return title(standing.findings[0].kind)
    if standing.record.document is None:
        return "Not looked at yet"
    promoted = any(each.state is State.PROMOTED for each in standing.rollovers if each.entity_id in standing.watched)
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
    return _calm(rollovers[0], standing.policy) + _to_ask(standing) + _to_look_again(standing)


def differing(standing: Standing) -> str:
    """Since when places differ, as the end of a sentence; ``now`` where one look cannot tell; empty: they do not."""
    since = standing.record.differing_since
    return "" if since is None else f"since {moment(since)}" if standing.remembers else "now"


def _to_look_again(standing: Standing) -> str:
    """What to do where places differ, and no look before tells for how long."""
    if standing.remembers or standing.record.differing_since is None:
        return ""
    return f" Places differ now: look again in {span(COPYING)}, and if they still differ, repair the one that lags."


def _to_ask(standing: Standing) -> str:
    """What AD FS's administrator may know and nobody here does, for the next rollover."""
    policy = standing.policy
    if not policy.profile.is_adfs:
        return ""
    if policy.auto_certificate_rollover is None:
        return (
            " Ask AD FS once whether AutoCertificateRollover is on (Get-AdfsProperties shows True or False), and write"
            " that into the policy, as auto_certificate_rollover."
        )
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
        return "No signing certificate is known, so there is no date to watch."
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
    text = SENTENCES[finding.kind](finding, finding.facts, now)
    return text + _age(finding, now)


def step(finding: Finding, now: datetime) -> Step:
    """What to do next about a finding."""
    known = STEPS[finding.kind]
    return known if isinstance(known, Step) else known(finding, finding.facts, now)


def _age(finding: Finding, now: datetime) -> str:
    if finding.as_of is None or now - finding.as_of < OLD:
        return ""
    what = "Entra ID said so" if finding.domain else "The document was last read"
    return f" {what} {span(now - finding.as_of)} ago."


_TITLES: Mapping[Kind, str] = {
    Kind.SIGNING_CERTIFICATE_EXPIRED: "Certificate not valid now",
    Kind.TRUST_BROKEN: "Locked out of Microsoft 365",
    Kind.KEY_SET_REPLACED: "All keys replaced",
    Kind.METADATA_OUTDATED: "Metadata outdated",
    Kind.NO_SIGNING_KEY: "No signing key",
    Kind.SIGNING_KEYS_UNREADABLE: "Signing keys unreadable",
    Kind.TRUST_BROKEN_AT_NODE: "Node locked out of Microsoft 365",
    Kind.TRUST_AT_RISK: "Entra ID lacks the successor",
    Kind.ROLLOVER_MISSING: "Successor missing",
    Kind.PROMOTION_STALLED_LATE: "Promotion stalled, end near",
    Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW: "Unreadable while Entra ID must read",
    Kind.UNEXPECTED_SIGNING_CERTIFICATE: "Unexpected certificate",
    Kind.TRUST_FOREIGN_CERTIFICATE: "Entra ID trusts a foreign certificate",
    Kind.TRUST_NOT_FEDERATED: "Domain not federated here",
    Kind.SIGNATURE_INVALID: "Signature invalid",
    Kind.PROMOTION_STALLED: "Promotion stalled",
    Kind.PROMOTION_ROLLED_BACK: "Promotion rolled back",
    Kind.PRIMARY_DISPUTED: "Evidence disagrees",
    Kind.POSSIBLE_PRIMARY_ENDING: "Possible primary ends",
    Kind.ROLLOVER_OVERDUE: "Successor overdue",
    Kind.RENEWAL_DUE: "Renewal due",
    Kind.SP_CERTIFICATE_EXPIRED: "Not valid now (no identity provider)",
    Kind.SP_CERTIFICATE_ENDING: "Certificate ends (no identity provider)",
    Kind.SP_KEY_SET_REPLACED: "All keys replaced (no identity provider)",
    Kind.SP_METADATA_OUTDATED: "Metadata outdated (no identity provider)",
    Kind.ENTRA_CANNOT_READ_METADATA: "Entra ID cannot read",
    Kind.TRUST_PENDING_TOO_LONG: "Entra ID does not follow",
    Kind.TRUST_HALF_UPDATED: "Entra ID half updated",
    Kind.METADATA_NEVER_READ: "Never read",
    Kind.METADATA_UNREACHABLE_FROM_INTERNET: "Unreadable from the internet",
    Kind.METADATA_UNREACHABLE: "Unreadable",
    Kind.METADATA_OF_ANOTHER_ENTITY: "Metadata of another entity",
    Kind.ANSWERS_TAKE_TURNS: "Answers take turns",
    Kind.NODES_DIFFER: "Places differ",
    Kind.TRUST_STALE: "No answer of Entra ID",
    Kind.TRUST_UNKNOWN: "Trust not known",
    Kind.CLOCK_WRONG: "Clocks differ",
    Kind.ENTITY_VANISHED: "Entity vanished",
    Kind.METADATA_OUTDATED_SOON: "Metadata outdated soon",
    Kind.ENCRYPTION_CERTIFICATE_EXPIRING: "Encryption certificate ends",
    Kind.TLS_CERTIFICATE_EXPIRING: "TLS certificate ends",
    Kind.CERTIFICATE_UNREADABLE: "Certificate unreadable",
    Kind.CERTIFICATE_NO_LONGER_READABLE: "Certificate no longer readable",
    Kind.CERTIFICATE_WEAK: "Certificate weak",
    Kind.PRIMARY_CHANGED: "Primary changed",
    Kind.SIGNING_KEYS_CHANGED: "Signing keys changed",
    Kind.SUCCESSOR_PUBLISHED: "Successor published",
    Kind.TRUST_PENDING: "Entra ID is to follow",
    Kind.TRUST_LEFTOVER: "Entra ID keeps an old certificate",
    Kind.OLD_KEY_LISTED: "Old key published",
    Kind.PRIMARY_IGNORED: "Configured primary ignored",
    Kind.DOCUMENT_FAULTY: "Document faulty",
    Kind.ENTITIES_IN_TROUBLE: "Entities in trouble",
}
