"""The text that ``check`` prints, and the words that the page shares with it. Pure.

Readable at 100 columns, without colours; what others wrote can neither break a line nor speak to a terminal.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from textwrap import wrap

from exporter.action import action
from exporter.advice import TRUST_WORDS, WORDS, advice, trust_advice
from exporter.config.settings import Look, TrustSource
from exporter.model import Certificate
from exporter.primary import Claim, Evidence
from exporter.record import LookRecord, Record, Served
from exporter.rollover import Rollover
from exporter.trust import DomainRecord, DomainTrust, Slot, Verdict

SHOWN = 5
"""Entities of an aggregate that are named, the worst first."""

DIFFERENT = "Looks get different keys, or documents that different keys signed"
"""What it means that looks do not agree."""

_WIDTH = 100
_LABEL = 12
"""Columns of a label and the space after it."""
_NARROWEST = 40
"""Columns that a text has at least, however long what stands before it."""
_BEGINNING = 8
"""Digits of a fingerprint, as in the label ``key_set``."""
_KEYS = 6
"""Keys of a look that are named; an aggregate has thousands."""

_EVIDENCE: Mapping[Evidence, str] = {
    Evidence.CONFIGURED: "the policy names it",
    Evidence.SIGNATURE: "it signed the document",
    Evidence.ENCRYPTION_PAIR: "it was made together with the encryption certificate",
    Evidence.UNVERIFIED_SIGNATURE: "it is named in a signature that does not verify",
    Evidence.SINGLE: "it is the only one",
    Evidence.DATES: "its dates fit best, which is weak",
}


def report(record: Record, now: datetime) -> str:
    """Everything that is known of a target as of ``now``, for a person at a terminal."""
    rollovers = worst_first(record, now)
    subject, all_in_all = record.rollover(now), together(record, now)
    sections = [_target(record, now), *(_entity(each, record, now) for each in rollovers[:SHOWN])]
    if len(rollovers) > SHOWN:
        sections.append([f"… and {len(rollovers) - SHOWN} entities that are no worse."])
    for verdict, known in zip(record.judge_domains(now), record.domains, strict=True):
        sections.append(_domain(verdict, known, subject, now))
    if all_in_all is not None:
        sections.append(_row("Rollover", all_in_all))
    return "\n\n".join("\n".join(lines) for lines in sections)


def worst_first(record: Record, now: datetime) -> Sequence[Rollover]:
    """How the rollover of each entity stands, the most urgent first."""
    return sorted(record.judge(now), key=attrgetter("urgency"))


def together(record: Record, now: datetime) -> str | None:
    """What the action table says, where it speaks of such a target."""
    policy = record.policy
    applies = record.rollover(now) is not None and (policy.profile.is_adfs or record.domains)
    return action(record.situation(now), policy).text if applies else None


def place(look: Look) -> tuple[str, str]:
    """Which host a look leads to, and from where."""
    named = look.address not in {None, look.node}
    return f"{look.node} at {look.address}" if named else look.node, f"from {look.vantage}"


def seen(look: LookRecord) -> tuple[str, str]:
    """Whether a look could read the document, and what it got: keys, or a reason, and the keys it got before."""
    observation = look.observation
    if observation is None:
        return "not looked at yet", ""
    if observation.reason is None:
        return "readable", _keys(look)
    before = f"; on {moment(look.last_success)}: {_keys(look)}" if look.last_success else ""
    return "not readable", f"{observation.reason}: {observation.detail}{before}"


def answered(known: DomainRecord, now: datetime) -> str:
    """How old the answer about a domain is, and why there is no newer one."""
    if known.last_success is None or known.trust is None:
        age = "no answer yet"
    else:
        hours = (now - known.last_success) / timedelta(hours=1)
        age = f"{known.trust.source}, {moment(known.last_success)} ({hours:.1f} h ago)"
    inquiry = known.inquiry
    if inquiry is None or inquiry.reason is None:
        return age
    return f"{age}; the last inquiry failed ({inquiry.reason}): {inquiry.detail}"


def moment(at: datetime) -> str:
    """A moment, to the minute."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def days(until: datetime, now: datetime) -> str:
    """The days until a moment."""
    return f"{(until - now) / timedelta(days=1):.1f}"


def _keys(look: LookRecord) -> str:
    """The signing keys of the last good document, by the beginnings of their fingerprints."""
    served = Served.by(look.document) if look.document else Served(frozenset(), None)
    if not 0 < len(served.keys) <= _KEYS:
        return f"{len(served.keys)} signing keys"
    signs = {served.signer: " (signs)"}
    return "keys " + ", ".join(each[:_BEGINNING] + signs.get(each, "") for each in sorted(served.keys))


def _target(record: Record, now: datetime) -> Sequence[str]:
    target, policy, looks = record.target, record.policy, record.looks
    lines = [
        *_row("Target", target.name),
        *_row("URL", target.url),
        *_row("Profile", f"{policy.profile}, known by {policy.evidence}"),
        *_row("As of", moment(now)),
    ]
    node, vantage = (max(map(len, column)) for column in zip(*map(place, target.looks), strict=True))
    for each in looks:
        host, where = place(each.look)
        lead, text = f"{host:<{node}}  {where:<{vantage}}  ", ": ".join(filter(None, seen(each)))
        lines += _row("Looks" if each is record.first else "", text, lead=lead)
    if record.differing_since is not None:
        lines += _row("", f"{DIFFERENT}.")
    return lines


def _entity(rollover: Rollover, record: Record, now: datetime) -> Sequence[str]:
    lines = [
        *_row("Entity", rollover.entity_id),
        *_row("State", f"{WORDS[rollover.state]} ({rollover.severity.name.lower()})"),
    ]
    if rollover.primary is not None:
        lines += _certificate("Primary", rollover.primary, now)
        for claim in rollover.claims:
            lines += _row("", _evidence(claim, rollover.primary))
    if rollover.successor is not None:
        lines += _certificate("Successor", rollover.successor, now)
    if rollover.promotion is not None:
        lines += _row("Promotion", f"predicted for about {moment(rollover.promotion)}")
    return [*lines, *_row("Advice", advice(rollover, record.policy, now))]


def _certificate(label: str, certificate: Certificate, now: datetime) -> Sequence[str]:
    begin, end = certificate.not_before, certificate.not_after
    return [
        *_row(label, f"{certificate.thumbprint}, SHA-256 {certificate.fingerprint[:_BEGINNING]}"),
        *_row("", f"from {moment(begin)} to {moment(end)}, {days(end, now)} days left"),
    ]


def _evidence(claim: Claim, primary: Certificate) -> str:
    if claim.primary != primary:
        return f"disputed by {claim.primary.thumbprint}: {_EVIDENCE[claim.evidence]} (inferred)"
    inferred = "" if claim.evidence is Evidence.CONFIGURED else " (inferred)"
    return f"because {_EVIDENCE[claim.evidence]}{inferred}"


def _domain(verdict: Verdict, known: DomainRecord, rollover: Rollover | None, now: datetime) -> Sequence[str]:
    return [
        *_row("Domain", verdict.domain),
        *_row("State", f"{TRUST_WORDS[verdict.state]} ({verdict.severity.name.lower()})"),
        *_row("Answer", answered(known, now)),
        *(_trust(known.trust, rollover) if known.trust else ()),
        *_row("Advice", trust_advice(verdict, known.trust, rollover, now)),
    ]


def _trust(trust: DomainTrust, rollover: Rollover | None) -> Iterator[str]:
    """What each slot holds, and how Entra ID says that its own reading went."""
    for slot in Slot:
        if slot in trust.certificates:
            held = trust.certificates[slot]
            text = f"{held.thumbprint}, until {moment(held.not_after)}, {_position(held, rollover)}"
            yield from _row(slot.capitalize(), text)
        elif slot in trust.unreadable:
            yield from _row(slot.capitalize(), "holds something that is no certificate")
        elif trust.source is TrustSource.GRAPH and trust.federated and slot is not Slot.UNNAMED:
            yield from _row(slot.capitalize(), "empty")
    if trust.update is not None:
        at = f" on {moment(trust.updated)}" if trust.updated else ""
        yield from _row("Entra ID", f"last reading of the metadata{at}: {trust.update}")


def _position(certificate: Certificate, rollover: Rollover | None) -> str:
    """What a trusted certificate is among the published ones."""
    if rollover is None:
        return "nothing to compare with"
    signing = {
        fingerprint: position
        for (role, use, fingerprint), position in rollover.positions.items()
        if role is rollover.role and use.signs
    }
    return signing.get(certificate.fingerprint, "not published")


def _row(label: str, text: str, *, lead: str = "") -> Sequence[str]:
    """The lines of a text beside its label, after what must stay as it is."""
    width = max(_WIDTH - _LABEL - len(lead), _NARROWEST)
    printable = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in " ".join(text.split()))
    # Addresses and fingerprints are copied: a word too long for the line stays whole.
    lines = wrap(printable, width, break_long_words=False, break_on_hyphens=False) or [""]
    indent = " " * (_LABEL + len(lead))
    return [f"{label:<{_LABEL}}{lead}{lines[0]}", *(indent + line for line in lines[1:])]
