"""The first page: how all targets stand, and which of them a reader wants to see."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from exporter.config.urls import shown
from exporter.exposition.own import Status
from exporter.findings import UNKNOWN, Standing, ends, headline, moment, outlook, sentence
from exporter.names import counted, told
from exporter.page.asked import Asked, Sort, part
from exporter.page.frame import field, framed, paragraph, summary
from exporter.page.html import NOTHING, Html, element, together
from exporter.page.status import facts, troubles
from exporter.report import state
from exporter.rollover import Severity

CARDS = 60
"""Targets on one page."""

ROOM = 200_000
"""Characters of targets on one page: what others wrote may be long."""

_SENTENCE = 600
"""Characters of a sentence: the page of the target has all of it."""

_SEVERITIES = (*(each.word for each in reversed(Severity)), UNKNOWN)

_SORTS: Mapping[Sort, str] = {Sort.WORST: "The worst first", Sort.NAME: "By name", Sort.ENDS: "The first to end first"}

_ORDERS: Mapping[Sort, Callable[[Standing], Any]] = {
    Sort.NAME: lambda standing: standing.record.target.name.casefold(),
    # Who has no primary comes last.
    Sort.ENDS: lambda standing: standing.urgency[1] or float("inf"),
}
"""But the one in which they are judged."""


def overview(standings: Sequence[Standing], now: datetime, asked: Asked, *, status: Status) -> str:
    """The HTML of the first page as of ``now``; the worst targets first, unless another order is asked for.

    ``status`` is how the exporter itself is.
    """
    worst_first = sorted(standings, key=attrgetter("urgency"))
    states = tuple(dict.fromkeys(map(headline, worst_first)))
    asked = asked.among(states, _SEVERITIES)
    named = [each for each in worst_first if not asked.q or asked.finds(_names(each))]
    found = [each for each in named if _is_severity(each, asked) and _is_state(each, asked)]
    if asked.sort in _ORDERS:
        found.sort(key=_ORDERS[asked.sort])
    cards = part(
        found,
        asked.start,
        lambda standing: _card(standing, now, asked),
        most=CARDS,
        room=ROOM,
        turn=lambda start: asked.but(start=start),
    )
    if not standings:
        nothing = paragraph("No target is configured: only /probe answers.")
    else:
        nothing = NOTHING if found else paragraph("No target is like that.")
    return framed(
        "Federation metadata",
        element("h1", "Federation metadata"),
        troubles(status),
        paragraph(f"{counted(len(standings), 'target')} as of {moment(now)}."),
        # A chip counts what is shown once it is followed: what else was asked stays.
        summary("Severities", "severity", _by_severity(each for each in named if _is_state(each, asked)), asked),
        summary("States", "state", _by_state([each for each in named if _is_severity(each, asked)]), asked),
        _form(states, asked),
        paragraph("" if len(found) == len(standings) else f"{len(found)} of them shown."),
        nothing,
        element("div", cards, class_="grid"),
        facts(status),
        root="./",
        version=status.version,
    )


def _card(standing: Standing, now: datetime, asked: Asked) -> Html:
    """A target in short: the worst that was found, and what to do about it."""
    target, findings = standing.record.target, standing.findings
    if findings:
        worst, more = findings[0], len(findings) - 1
        what = together(
            element("p", told(sentence(worst, now), _SENTENCE), data_finding=worst.kind),
            paragraph(f"And {counted(more, 'more finding')}." if more else "", "small"),
        )
    else:
        what = paragraph(outlook(standing))
    end = datetime.fromtimestamp(standing.urgency[1], now.tzinfo) if standing.urgency[1] else None
    which = "The first primary" if len(standing.watched) > 1 else "The primary"
    return element(
        "article",
        element("h2", _link(target.name, _carried(standing, asked))),
        paragraph(told(shown(target.url), _SENTENCE), "small"),
        element("p", state(standing), class_=f"state {standing.word}"),
        what,
        paragraph(f"{which} {ends(end, now)} {moment(end)}." if end else "", "small"),
        _found_by(standing, asked),
        class_=standing.word,
        data_target=target.name,
        data_severity=standing.word,
    )


def _carried(standing: Standing, asked: Asked) -> str:
    """What is searched for, for the page of an aggregate that has an entity of that name; else nothing."""
    entities = (each.entity_id for each in standing.rollovers)
    return Asked(q=asked.q).but() if asked.q and standing.record.is_aggregate and asked.finds(entities) else ""


def _link(name: str, query: str) -> str:
    """A name that leads to the target's page, where it has one: a browser takes these two out of every address."""
    return name if name in {".", ".."} else element("a", name, href=f"targets/{quote(name, safe='')}{query}")


def _found_by(standing: Standing, asked: Asked) -> Html:
    """What a target was found by, where its card does not show that."""
    if not asked.q or asked.finds(_names_shown(standing)):
        return NOTHING
    first, *more = (each for each in _names_inside(standing) if asked.finds([each]))
    rest = f" and {len(more)} more" if more else ""
    return element("p", "Found inside: ", element("bdi", told(first, _SENTENCE)), f"{rest}.", class_="small")


def _is_severity(standing: Standing, asked: Asked) -> bool:
    return asked.severity in {"", standing.word}


def _is_state(standing: Standing, asked: Asked) -> bool:
    return asked.state in {"", headline(standing)}


def _names(standing: Standing) -> Iterable[str]:
    """What a target can be found by."""
    yield from _names_shown(standing)
    yield from _names_inside(standing)


def _names_shown(standing: Standing) -> Iterable[str]:
    target = standing.record.target
    return target.name, shown(target.url)


def _names_inside(standing: Standing) -> Iterable[str]:
    yield from (each.domain for each in standing.record.domains)
    yield from (each.entity_id for each in standing.rollovers)


def _by_severity(standings: Iterable[Standing]) -> Mapping[str, tuple[str, int]]:
    counts = Counter(each.word for each in standings)
    return {each: (each, counts[each]) for each in _SEVERITIES if counts[each]}


def _by_state(standings: Sequence[Standing]) -> Mapping[str, tuple[str, int]]:
    """Each state with its colour and how many there are, in the order of the targets."""
    counts = Counter(map(headline, standings))
    marks = {headline(each): each.word for each in standings}
    return {words: (css, counts[words]) for words, css in marks.items()}


def _form(states: Iterable[str], asked: Asked) -> Html:
    return element(
        "form",
        field("Name, address, entity or domain", element("input", type="search", name="q", value=asked.q)),
        field("Severity", _choice("severity", _or_any(_SEVERITIES), asked.severity)),
        field("State", _choice("state", _or_any(states), asked.state)),
        field("Order", _choice("sort", {each.value: words for each, words in _SORTS.items()}, asked.sort)),
        element("button", "Show", type="submit"),
        element("a", "Show all", href="./"),
        role="search",
    )


def _or_any(words: Iterable[str]) -> Mapping[str, str]:
    return {"": "any", **{each: each for each in words}}


def _choice(name: str, values: Mapping[str, str], chosen: str) -> Html:
    options = (
        element("option", words, value=value, selected="selected" if value == chosen else None)
        # What was asked is shown, also where there is none of it now.
        for value, words in {**values, chosen: values.get(chosen, chosen)}.items()
    )
    return element("select", *options, name=name)
