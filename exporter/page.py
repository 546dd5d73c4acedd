"""The page for people: every target, how its rollover and its trusts stand, and what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from operator import attrgetter

from exporter.advice import TRUST_WORDS, WORDS, advice, trust_advice
from exporter.record import LookRecord, Record
from exporter.report import DIFFERENT, SHOWN, answered, days, moment, place, seen, together, worst_first
from exporter.rollover import Rollover, Severity
from exporter.trust import DomainRecord, Verdict

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .5rem .75rem .5rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } td.days { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.state { border-left: .4rem solid; padding-left: .5rem; white-space: nowrap; }
.ok { border-color: #2e9e5b; } .info { border-color: #3b82c4; } .warning { border-color: #d99a1c; }
.critical { border-color: #d13438; font-weight: 600; } .unknown { border-color: #8888; }
tr.part td { border-bottom-style: dotted; } tr.part td:first-child { padding-left: 1.5rem; }
.small { font-size: .85em; opacity: .8; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A target, and every judgement about it as of one moment."""

    record: Record
    rollovers: Sequence[Rollover]
    """The most urgent first."""
    verdicts: Sequence[Verdict]
    """Of the record's domains, in their order."""

    @property
    def badness(self) -> tuple[int, float]:
        """The worst first: what cannot be read, from wherever it is looked at, is as bad as a warning."""
        severities = [verdict.severity for verdict in self.verdicts]
        severities += [Severity.WARNING for look in self.record.looks if not _is_read(look)]
        # A trust or a look that is all right says nothing about the order.
        others = [(-severity, 0.0) for severity in severities if severity is not Severity.OK]
        return min([*others, *(each.urgency for each in self.rollovers[:1])], default=(0, 0.0))


def page(records: Sequence[Record], now: datetime, *, version: str) -> str:
    """The HTML of the page as of ``now``; the worst targets first."""
    judged = [_Judged(record, worst_first(record, now), record.judge_domains(now)) for record in records]
    rows = "".join(text for each in sorted(judged, key=attrgetter("badness")) for text in _rows(each, now))
    nothing = "" if records else "<p>No target is configured: only /probe answers.</p>"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Federation metadata</title><style>{_STYLE}</style></head><body>"
        f"<h1>Federation metadata</h1><p>{len(records)} target(s) as of {moment(now)}."
        ' <a href="/metrics">Metrics</a> · <a href="/-/healthy">Health</a> · <a href="/-/ready">Readiness</a></p>'
        f"{nothing}<table><thead><tr><th>Target</th><th>State</th><th>Days left</th><th>What to do</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        f'<p class="small">fedmeta-exporter {escape(version)}. Primary and promotion are inferred: metadata has no'
        " marker for them.</p></body></html>\n"
    )


def _rows(judged: _Judged, now: datetime) -> Iterator[str]:
    record, rollovers = judged.record, judged.rollovers
    yield from _entities(record, rollovers, now)
    if len(record.looks) > 1:
        yield from _looks(record)
    subject = record.rollover(now)
    for verdict, known in zip(judged.verdicts, record.domains, strict=True):
        yield _domain(verdict, known, subject, now)
    if record.domains and (text := together(record, now)) is not None:
        yield _part("Rollover", "", escape(text))


def _entities(record: Record, rollovers: Sequence[Rollover], now: datetime) -> Iterator[str]:
    heading = _target(record)
    trouble = _trouble(record)
    if not rollovers:
        nothing = "No entity in the document has a role to judge." if record.document else "Not looked at yet."
        yield _row(heading, _state("unknown", "unknown"), "", trouble or nothing)
    for rollover in rollovers[:SHOWN]:
        name = f'<div class="small">{escape(rollover.entity_id)}</div>'
        state = _state(WORDS[rollover.state], _css(rollover.severity))
        left = days(rollover.primary.not_after, now) if rollover.primary else ""
        yield _row(heading + name, state, left, trouble + escape(advice(rollover, record.policy, now)))
        heading, trouble = "", ""
    if len(rollovers) > SHOWN:
        yield _row("", "", "", f"… and {len(rollovers) - SHOWN} entities that are no worse.")


def _looks(record: Record) -> Iterator[str]:
    for look in record.looks:
        (host, where), (words, found) = place(look.look), seen(look)
        state = _state(words.capitalize(), "ok" if _is_read(look) else "warning")
        yield _part(escape(f"{host}, {where}"), state, escape(found), css="small")
    if record.differing_since is not None:
        text = f"{DIFFERENT}, since {moment(record.differing_since)}."
        yield _part("", _state("Looks differ", "warning"), text)


def _domain(verdict: Verdict, known: DomainRecord, rollover: Rollover | None, now: datetime) -> str:
    age = f'<div class="small">{escape(answered(known, now))}</div>'
    state = _state(TRUST_WORDS[verdict.state], _css(verdict.severity))
    return _part(escape(verdict.domain), state, escape(trust_advice(verdict, known.trust, rollover, now)) + age)


def _is_read(look: LookRecord) -> bool:
    return look.observation is not None and look.observation.reason is None


def _part(name: str, state: str, text: str, *, css: str = "") -> str:
    """A row that belongs to the target above."""
    return _row(name, state, "", text, css=f"part {css}".rstrip())


def _row(*cells: str, css: str = "") -> str:
    target, state, left, text = cells
    row = f'<tr class="{css}">' if css else "<tr>"
    return f'{row}<td>{target}</td><td>{state}</td><td class="days">{left}</td><td>{text}</td></tr>'


def _target(record: Record) -> str:
    name, url = escape(record.target.name), escape(record.target.url)
    link = f'<a href="{url}" rel="noreferrer">{url}</a>' if url.startswith("http") else url
    return f'<strong>{name}</strong><div class="small">{link}</div>'


def _trouble(record: Record) -> str:
    observation = record.observation
    if observation is None or observation.reason is None:
        return ""
    age = f" What follows is as of {moment(record.last_success)}." if record.last_success else " It was never seen."
    return f"<div><strong>Not readable: {escape(observation.detail)}</strong>.{age}</div>"


def _state(words: str, css: str) -> str:
    return f'<span class="state {css}">{escape(words)}</span>'


def _css(severity: Severity) -> str:
    return severity.name.lower()
