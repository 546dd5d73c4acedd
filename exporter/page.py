"""The page for people: every target, how its rollover stands, and what to do."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from operator import attrgetter

from exporter.advice import WORDS, advice
from exporter.record import Record
from exporter.rollover import Rollover, Severity

_SHOWN = 5
"""Entities of an aggregate that the page names, the worst first."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .5rem .75rem .5rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } td.days { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.state { border-left: .4rem solid; padding-left: .5rem; white-space: nowrap; }
.ok { border-color: #2e9e5b; } .info { border-color: #3b82c4; } .warning { border-color: #d99a1c; }
.critical { border-color: #d13438; font-weight: 600; } .unknown { border-color: #8888; }
.small { font-size: .85em; opacity: .8; overflow-wrap: anywhere; }
"""


def page(records: Sequence[Record], now: datetime, *, version: str) -> str:
    """The HTML of the page as of ``now``; the worst targets first."""
    judged = [(record, sorted(record.judge(now), key=attrgetter("urgency"))) for record in records]
    judged.sort(key=lambda each: _badness(*each))
    rows = "".join(text for record, rollovers in judged for text in _rows(record, rollovers, now))
    nothing = "" if records else "<p>No target is configured: only /probe answers.</p>"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Federation metadata</title><style>{_STYLE}</style></head><body>"
        f"<h1>Federation metadata</h1><p>{len(records)} target(s) as of {_moment(now)}."
        ' <a href="/metrics">Metrics</a> · <a href="/-/healthy">Health</a> · <a href="/-/ready">Readiness</a></p>'
        f"{nothing}<table><thead><tr><th>Target</th><th>Rollover</th><th>Days left</th><th>What to do</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        f'<p class="small">fedmeta-exporter {escape(version)}. Primary and promotion are inferred: metadata has no'
        " marker for them.</p></body></html>\n"
    )


def _badness(record: Record, rollovers: Sequence[Rollover]) -> tuple[int, float]:
    """The worst first: what cannot be read is as bad as a warning."""
    unread = record.observation is None or record.observation.reason is not None
    return min([(-Severity.WARNING, 0.0)] * unread + [each.urgency for each in rollovers[:1]], default=(0, 0.0))


def _rows(record: Record, rollovers: Sequence[Rollover], now: datetime) -> Iterator[str]:
    shown = rollovers[:_SHOWN]
    heading = _target(record)
    trouble = _trouble(record)
    if not shown:
        nothing = "No entity in the document has a role to judge." if record.document else "Not looked at yet."
        yield _row(heading, '<span class="state unknown">unknown</span>', "", trouble or nothing)
    for rollover in shown:
        name = f'<div class="small">{escape(rollover.entity_id)}</div>'
        text = escape(advice(rollover, record.policy, now))
        yield _row(heading + name, _state(rollover), _days(rollover, now), f"{trouble}{text}")
        heading, trouble = "", ""
    if len(rollovers) > len(shown):
        yield _row("", "", "", f"… and {len(rollovers) - len(shown)} entities that are no worse.")


def _row(*cells: str) -> str:
    target, state, days, text = cells
    return f'<tr><td>{target}</td><td>{state}</td><td class="days">{days}</td><td>{text}</td></tr>'


def _target(record: Record) -> str:
    name, url = escape(record.target.name), escape(record.target.url)
    link = f'<a href="{url}" rel="noreferrer">{url}</a>' if url.startswith("http") else url
    return f'<strong>{name}</strong><div class="small">{link}</div>'


def _trouble(record: Record) -> str:
    observation = record.observation
    if observation is None or observation.reason is None:
        return ""
    age = f" What follows is as of {_moment(record.last_success)}." if record.last_success else " It was never seen."
    return f"<div><strong>Not readable: {escape(observation.detail)}</strong>.{age}</div>"


def _state(rollover: Rollover) -> str:
    css = rollover.severity.name.lower()
    return f'<span class="state {css}">{escape(WORDS[rollover.state])}</span>'


def _days(rollover: Rollover, now: datetime) -> str:
    return f"{(rollover.primary.not_after - now) / timedelta(days=1):.1f}" if rollover.primary else ""


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
