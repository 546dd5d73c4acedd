"""The text that ``check`` prints, and what the page shares with it. Pure.

Readable at 100 columns, without colours; what others wrote can neither break a line nor speak to a terminal.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import wrap

from exporter.advice import advice
from exporter.config.settings import Look, TrustSource
from exporter.config.urls import shown
from exporter.findings import (
    UNKNOWN,
    Block,
    Finding,
    Standing,
    differing,
    headline,
    moment,
    outlook,
    sentence,
    span,
    step,
    title,
)
from exporter.inquiry import DomainRecord, DomainTrust, Slot
from exporter.model import Certificate, Reason
from exporter.names import counted, printable, told
from exporter.primary import Claim, Evidence
from exporter.record import LookRecord
from exporter.rollover import Rollover, Severity
from exporter.served import Served

SHOWN = 5
"""Entities of an aggregate that are shown, those with the worst findings first."""

MOST_FINDINGS = 200
"""Findings of a target that are shown, the worst first: nobody reads more, and each may have kilobytes of text."""

LONGEST_LINE = 1000
"""Characters that a status line says of the worst target: monitoring systems cut off what is much longer."""

Row = tuple[str, str]
"""A label, and what stands beside it."""

WIDTH = 100
"""Columns of a report, where nothing asks for fewer."""
NARROWEST = 40
"""The fewest that a report can have."""
_LABEL = 12
"""Columns of a label and the space after it."""
_BEGINNING = 8
"""Digits of a fingerprint, as in the label ``key_set``."""
_KEYS = 6
"""Keys of a look that are named; an aggregate has thousands."""

_DAY = 86400
_SEVERITY = re.compile(r"^(Critical|Warning|Info)(?= )|(?<=^State {7}).*\((critical|warning|info)\)$", re.MULTILINE)
_COLOURS = {"critical": "\x1b[1;31m", "warning": "\x1b[33m", "info": "\x1b[36m"}
_PLAIN = "\x1b[0m"

_READ = {Reason.ENTITY_MISMATCH, Reason.SIGNER_MISMATCH}
"""Why a document is not used that can be read."""

_EVIDENCE: Mapping[Evidence, str] = {
    Evidence.CONFIGURED: "the policy names it",
    Evidence.SIGNATURE: "it signed the document",
    Evidence.ENCRYPTION_PAIR: "it was made together with the encryption certificate",
    Evidence.UNVERIFIED_SIGNATURE: "it is named in a signature that does not verify",
    Evidence.SINGLE: "it is the only one",
    Evidence.DATES: "its dates fit best, which is weak",
}


def report(standing: Standing, now: datetime, width: int = WIDTH) -> str:
    """How a target stands as of ``now``, what to do, and what is known of it, for a person at a terminal."""
    target = standing.record.target
    head = [("Target", target.name), ("URL", shown(target.url)), ("As of", moment(now)), ("State", state(standing))]
    if not standing.findings:
        head.append(("", outlook(standing)))
    sections = [
        _lines(head, width),
        *(_finding(each, now, width) for each in standing.findings[:MOST_FINDINGS]),
        *([[further(standing)]] if further(standing) else ()),
        *(_lines(each, width) for each in known(standing, now)),
        *([tried] if (tried := _lines(list(_advice(standing)), width)) else ()),
    ]
    return "\n\n".join("\n".join(each) for each in sections)


def reports(standings: Sequence[Standing], now: datetime, width: int = WIDTH) -> str:
    """How each of several targets stands, and at the end how many of them stand how."""
    between = f"\n\n{'-' * width}\n\n"
    last = _lines([("Checked", _counted(standings))], width)
    return between.join([*(report(each, now, width) for each in standings), "\n".join(last)])


def coloured(text: str) -> str:
    """A report with colours for a terminal (ECMA-48, SGR): on the severity of each finding, and of the target."""
    return _SEVERITY.sub(lambda found: f"{_COLOURS[(found[1] or found[2]).lower()]}{found[0]}{_PLAIN}", text)


def status_line(standings: Sequence[Standing], word: str, now: datetime) -> str:
    """How targets, the worst first, stand, on one line with performance data (Monitoring Plugins Guidelines).

    ``word`` is the status in the plugin's words. The data are the findings by severity, with thresholds that say what
    the severities say, and ``days_left`` of the primary that ends first, U where none is known.
    """
    # Whom nothing is known of is worse than who is well, and may stand behind a warning that does not count.
    unjudged = (each for each in standings if not each.is_judged and word == UNKNOWN.upper())
    worst = next(unjudged, standings[0])
    said = sentence(worst.findings[0], now) if worst.findings else outlook(worst)
    text = f"{worst.record.target.name}: {state(worst)}: {said}"
    if len(worst.findings) > 1:
        text += f" And {counted(len(worst.findings) - 1, 'more finding')}."
    if worst.findings and differing(worst):
        text += f" Places differ {differing(worst)}."
    if len(standings) > 1:
        text = f"{_counted(standings)}; {text}"
    found = Counter(each.severity for standing in standings for each in standing.findings)
    ends = [end for standing in standings for end in _ends(standing)]
    left = f"{(min(ends) - now).total_seconds() / _DAY:.2f}" if ends else "U"
    return (
        f"{plugin_line(word, text)} | critical={found[Severity.CRITICAL]};;0;0 warning={found[Severity.WARNING]};0;;0"
        f" info={found[Severity.INFO]};;;0 days_left={left}"
    )


def plugin_line(word: str, text: str) -> str:
    """What a plugin prints before its performance data (Monitoring Plugins Guidelines), on one line."""
    # What stands behind this sign is performance data.
    return f"FEDMETA {word} - {told(' '.join(printable(text.replace('|', '/')).split()), LONGEST_LINE)}"


def _ends(standing: Standing) -> Iterator[datetime]:
    """When the primaries end that findings are about."""
    for each in standing.rollovers:
        if each.entity_id in standing.watched and each.primary is not None:
            yield each.primary.not_after


def _counted(standings: Collection[Standing]) -> str:
    counts = Counter(each.word for each in standings)
    words = (*(each.word for each in reversed(Severity)), UNKNOWN)
    return (
        f"{counted(len(standings), 'target')}: {', '.join(f'{counts[each]} {each}' for each in words if counts[each])}"
    )


def _advice(standing: Standing) -> Iterator[Row]:
    """What to try where a look could not read the document, the same once."""
    observations = [each.observation for each in standing.record.looks if each.observation]
    for text in dict.fromkeys(f"{each.reason}: {advice(each)}" for each in observations if each.reason):
        yield "Try", text


def state(standing: Standing) -> str:
    """How a target stands in a few words, and how bad that is where something was found."""
    words = headline(standing)
    return words if standing.severity is Severity.OK else f"{words} ({standing.severity.word})"


def further(standing: Standing) -> str:
    """How many findings are not shown; empty: none."""
    count = len(standing.findings) - MOST_FINDINGS
    return f"And {counted(count, 'more finding')}, not worse than these." if count > 0 else ""


def about(finding: Finding) -> Sequence[Row]:
    """Whom a finding is about, beside the target."""
    return [(name.removesuffix("_id").capitalize(), each) for name, each in finding.about.items()]


def known(standing: Standing, now: datetime) -> Iterator[Sequence[Row]]:
    """What is known of a target, without judgement: profile and looks, then each entity, then each domain."""
    record, policy, rollovers = standing.record, standing.policy, standing.worst_first
    since = differing(standing)
    yield [
        ("Profile", f"{policy.profile}, known by {policy.evidence}"),
        *map(_look, record.looks),
        *([("Differing", f"{since}: not all looks got the same keys and signer")] if since else ()),
    ]
    for each in rollovers[:SHOWN]:
        yield list(_entity(each, now))
    if len(rollovers) > SHOWN:
        yield [("Entities", f"and {len(rollovers) - SHOWN} more")]
    yield from (list(domain(each, standing.rollover, now)) for each in record.domains)


def _look(look: LookRecord) -> Row:
    """From where a look was, whether it could read the document, and what it got."""
    return "Look", f"{where(look.look)}, from {look.look.vantage}: {seen(look)}"


def where(look: Look) -> str:
    """The node that is looked at, with its address where that says more."""
    return f"{look.node} at {look.address}" if look.address not in {None, look.node} else look.node


def seen(look: LookRecord) -> str:
    """Whether a look could read the document, and what it got."""
    observation = look.observation
    if observation is not None and observation.reason is None:
        return f"readable, {_keys(look)}"
    readable = "not usable" if observation and observation.reason in _READ else "not readable"
    failed = f"{readable}, {observation.reason}: {observation.detail}" if observation else "not looked at yet"
    return failed + (f"; on {moment(look.last_success)}: {_keys(look)}" if look.last_success else "")


def _keys(look: LookRecord) -> str:
    """The signing keys of the last good document, by the beginnings of their thumbprints, as all else calls them."""
    served = Served.by(look.document) if look.document else Served(frozenset(), None)
    if look.document is None or not 0 < len(served.keys) <= _KEYS:
        return f"{len(served.keys)} signing keys"
    roles = (role for entity in look.document.metadata.entities for role in entity.roles)
    keys = (key for role in roles for key in role.keys if key.use.signs)
    thumbprints = {each.fingerprint: each.thumbprint for key in keys for each in key.certificates}
    signs = {served.signer: " (signs)"}
    names = (f"{thumbprint[:_BEGINNING]}{signs.get(each, '')}" for each, thumbprint in thumbprints.items())
    return f"keys {', '.join(sorted(names))}"


def _entity(rollover: Rollover, now: datetime) -> Iterator[Row]:
    yield "Entity", rollover.entity_id
    if rollover.primary is None:
        yield "", "no signing certificate is known"
    else:
        yield from _certificate("Primary", rollover.primary, now)
        for claim in rollover.claims:
            yield "", evidence(claim, rollover.primary)
    if rollover.successor is not None:
        yield from _certificate("Successor", rollover.successor, now)
    if rollover.promotion is not None:
        yield "Promotion", f"predicted for about {moment(rollover.promotion)}"


def _certificate(label: str, certificate: Certificate, now: datetime) -> Iterator[Row]:
    yield label, f"{certificate.thumbprint}, SHA-256 {certificate.fingerprint[:_BEGINNING]}"
    yield "", f"from {moment(certificate.not_before)} to {moment(certificate.not_after)}, {left(certificate, now)}"


def left(certificate: Certificate, now: datetime) -> str:
    """How long a certificate is valid yet, or when it begins to be or ended."""
    if now < certificate.not_before:
        return f"begins in {span(certificate.not_before - now)}"
    away = span(certificate.not_after - now)
    return f"{away} left" if now < certificate.not_after else f"ended {away} ago"


def evidence(claim: Claim, primary: Certificate) -> str:
    """Why a certificate is the primary, or what disputes that."""
    if claim.primary != primary:
        return f"disputed by {claim.primary.thumbprint}: {_EVIDENCE[claim.evidence]} (inferred)"
    inferred = "" if claim.evidence is Evidence.CONFIGURED else " (inferred)"
    return f"because {_EVIDENCE[claim.evidence]}{inferred}"


def domain(known: DomainRecord, rollover: Rollover | None, now: datetime) -> Iterator[Row]:
    """What Entra ID says of a domain, and how old that is."""
    yield "Domain", known.domain
    yield "Answer", _answered(known, now)
    if known.trust is not None:
        yield from _trust(known.trust, rollover)


def _answered(known: DomainRecord, now: datetime) -> str:
    """How old the answer about a domain is, and why there is no newer one."""
    if known.last_success is None or known.trust is None:
        age = "no answer yet"
    else:
        age = f"{known.trust.source}, {moment(known.last_success)} ({span(now - known.last_success)} ago)"
    inquiry = known.inquiry
    if inquiry is None or inquiry.reason is None:
        return age
    return f"{age}; the last inquiry failed ({inquiry.reason}): {inquiry.detail}"


def _trust(trust: DomainTrust, rollover: Rollover | None) -> Iterator[Row]:
    """What each slot holds, and how Entra ID says that its own reading went."""
    if not trust.federated:
        yield "Federated", "no"
    elif trust.service is not None:
        yield "Signs in at", trust.service
    for slot in Slot:
        if slot in trust.certificates:
            held = trust.certificates[slot]
            yield slot.capitalize(), f"{held.thumbprint}, until {moment(held.not_after)}, {_position(held, rollover)}"
        elif slot in trust.unreadable:
            yield slot.capitalize(), "holds something that is no certificate"
        elif trust.source is TrustSource.GRAPH and trust.federated and slot is not Slot.UNNAMED:
            yield slot.capitalize(), "empty"
    if trust.update is not None:
        at = f" on {moment(trust.updated)}" if trust.updated else ""
        yield "Entra ID", f"last reading of the metadata{at}: {trust.update}"


def _position(certificate: Certificate, rollover: Rollover | None) -> str:
    """What a trusted certificate is among the published ones."""
    if rollover is None:
        return "nothing to compare with"
    signing = {
        fingerprint: each
        for (role, use, fingerprint), each in rollover.positions.items()
        if role is rollover.role and use.signs
    }
    return signing.get(certificate.fingerprint, "not published")


def _finding(finding: Finding, now: datetime, width: int) -> Sequence[str]:
    next_step = step(finding, now)
    rows = [
        (finding.severity.word.capitalize(), f"{title(finding.kind)} ({finding.kind})"),
        *about(finding),
        ("", sentence(finding, now)),
        ("To do", next_step.text),
    ]
    return [*_lines(rows, width), *(line for block in next_step.blocks for line in _block(block, width))]


def _block(block: Block, width: int) -> Iterator[str]:
    yield ""
    yield from _row("", block.before, width) if block.before else ()
    # A command is copied: it stays on its line.
    yield from (" " * _LABEL + printable(each) for each in block.commands)


def _lines(rows: Sequence[Row], width: int) -> Sequence[str]:
    return [line for label, text in rows for line in _row(label, text, width)]


def _row(label: str, text: str, width: int) -> Iterator[str]:
    """The lines of a text beside its label."""
    # Addresses and fingerprints are copied: a word too long for the line stays whole.
    words = " ".join(printable(text).split())
    for line in wrap(words, width - _LABEL, break_long_words=False, break_on_hyphens=False) or [""]:
        yield f"{label:<{_LABEL}}{line}"
        label = ""
