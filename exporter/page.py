"""The page for people: how every target stands, what to do, and what is known of it."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from html import escape
from operator import attrgetter

from exporter.config.settings import Target
from exporter.config.urls import MASK, shown
from exporter.findings import Finding, Standing, moment, outlook, sentence, step, title
from exporter.report import MOST_FINDINGS, Row, about, further, known, severity, state

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
body * { overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
h2, h3, p { margin: 0 0 .25rem; } h2 { font-size: 1.25rem; } h3 { font-size: 1rem; }
.finding, .state { border-left: .4rem solid; padding-left: .5rem; } .finding { margin: .75rem 0; }
.ok { border-color: #2e9e5b; } .info { border-color: #3b82c4; } .warning { border-color: #d99a1c; }
.critical { border-color: #d13438; } .unknown { border-color: #8888; } .state.critical { font-weight: 600; }
pre { background: #8882; margin: .25rem 0; padding: .5rem; white-space: pre-wrap; }
code { display: block; padding-left: 1.5rem; text-indent: -1.5rem; }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
th { font-weight: normal; opacity: .8; overflow-wrap: normal; width: 6rem; }
.small { font-size: .85em; opacity: .8; }
"""

POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: its own style, by its hash, and nothing else."""


def page(standings: Sequence[Standing], now: datetime, *, version: str) -> str:
    """The HTML of the page as of ``now``; the worst targets first."""
    sections = "".join(_section(each, now) for each in sorted(standings, key=attrgetter("urgency")))
    nothing = "" if standings else "<p>No target is configured: only /probe answers.</p>"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Federation metadata</title><style>{_STYLE}</style></head><body>"
        f"<h1>Federation metadata</h1><p>{len(standings)} target(s) as of {moment(now)}."
        ' <a href="/metrics">Metrics</a> · <a href="/-/healthy">Health</a> · <a href="/-/ready">Readiness</a></p>'
        f'{nothing}{sections}<p class="small">fedmeta-exporter {escape(version)}. Primary and promotion are inferred:'
        " metadata has no marker for them.</p></body></html>\n"
    )


def _section(standing: Standing, now: datetime) -> str:
    target, word = standing.record.target, severity(standing.severity)
    # Of what was not looked at, or has nothing to judge, nothing is known to be well.
    colour = word if standing.findings or standing.rollovers else "unknown"
    calm = "" if standing.findings else f"<p>{escape(outlook(standing))}</p>"
    return (
        f'<section data-target="{escape(target.name)}" data-severity="{word}"><h2>{escape(target.name)}</h2>'
        f'<p class="small">{_address(target)}</p><p class="state {colour}">{escape(state(standing))}</p>{calm}'
        f"{''.join(_finding(each, now) for each in standing.findings[:MOST_FINDINGS])}"
        f"{_paragraph(further(standing), 'small')}"
        f"<details><summary>What is known</summary>{''.join(map(_table, known(standing, now)))}</details></section>"
    )


def _address(target: Target) -> str:
    url = escape(shown(target.url))
    # Without its query it leads elsewhere.
    is_link = url.startswith("http") and MASK not in url
    return f'<a href="{url}" rel="noreferrer">{url}</a>' if is_link else url


def _finding(finding: Finding, now: datetime) -> str:
    word, next_step = severity(finding.severity), step(finding, now)
    labels = {"finding": finding.kind, "severity": word, **finding.about}
    data = "".join(f' data-{name.replace("_", "-")}="{escape(each)}"' for name, each in labels.items())
    whom = ", ".join(f"{label.lower()} {each}" for label, each in about(finding))
    # Each is a block of its own: where one is too long for the screen, its next line stands further in.
    commands = "".join(f"<code>{escape(each)}</code>" for each in next_step.commands)
    return (
        f'<div class="finding {word}"{data}><h3>{escape(title(finding.kind))} ({word})</h3>'
        f"{_paragraph(whom, 'small')}<p>{escape(sentence(finding, now))}</p><p>To do: {escape(next_step.text)}</p>"
        f"{f'<pre>{commands}</pre>' if commands else ''}</div>"
    )


def _paragraph(text: str, css: str) -> str:
    return f'<p class="{css}">{escape(text)}</p>' if text else ""


def _table(rows: Sequence[Row]) -> str:
    cells = "".join(f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in rows)
    return f"<table>{cells}</table>"
