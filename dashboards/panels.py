"""Panels of Grafana 10 and newer: each is one call with title, description, unit and query."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from string import ascii_uppercase

from dashboards.queries import ABSENT, DASH, NO_EXPORTER, NOTHING_SHOWN, only_rows, or_band, or_value, or_words
from dashboards.style import DATASOURCE, PLAIN, UNKNOWN, Colour, Json, Query, Steps, Unit, Word, Words

LETTER = 8.4
"""Pixels of a letter in a cell, on average and a little more."""

CELL_PADDING = 16

FLEXIBLE = 24
"""Letters that fit at least into a column that has no width: names of farms."""


@dataclass(frozen=True, slots=True)
class Judged:
    """When a number is bad, where that depends on more than the number."""

    when: str
    """An expression that answers while it is."""
    steps: Steps
    """The colours that the number has then."""


class Show(StrEnum):
    """What a stat shows of a series."""

    VALUE = "value"
    NAME = "name"
    BOTH = "value_and_name"


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click on a value leads."""

    to: str
    """What opens, as the menu says it: Open the …"""
    url: str
    away: bool = False
    """It opens a page of its own."""

    def json(self) -> Json:
        """As Grafana reads it."""
        return {"title": f"Open the {self.to}", "url": self.url, "targetBlank": self.away}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a label, a value with an expression of its own, or else the rows' value.

    A label that the rows do not have comes with an expression whose series have it.
    """

    name: str
    label: str = ""
    expr: str = ""
    unit: Unit = Unit.WORDS
    words: Words = ()
    filled: bool = False
    """The word's colour fills the cell."""
    coloured: bool = False
    """The word has its colour."""
    gauge: bool = False
    """A bar from nothing to all, green to red."""
    hidden: bool = False
    """Not shown; a link needs it."""
    link: Link | None = None
    steps: Steps = ()
    """Colours of the numbers."""
    width: int | None = None
    """Pixels; None shares what is left."""
    absent: str = DASH

    @property
    def longest(self) -> int:
        """Letters of the longest text that is known beforehand."""
        return max(len(self.name), len(self.absent), *(len(word.text) for word in self.words))


def stat(
    title: str,
    description: str,
    unit: Unit,
    expr: str,
    *,
    legend: str = "",
    show: Show = Show.VALUE,
    words: Words = (),
    steps: Steps = PLAIN,
    filled: bool = True,
    lit: bool = False,
    decimals: int | None = None,
    absent: str = "",
    unknown: str = NO_EXPORTER,
    link: Link | None = None,
    bad: Judged | None = None,
) -> Json:
    """One number or word, as of now. Words fill the panel with their colour, unless told otherwise; numbers if ``lit``.

    ``absent`` is said where the exporters answer and there is nothing, and ``unknown`` where nobody can say. Two
    queries, of which one answers, tell what is ``bad`` from what is not: Grafana compares with no other number.
    """
    if absent:
        expr, words = or_value(expr, ABSENT), (*words, Word(ABSENT, absent, Colour.GREY))
    filled = filled and len(words) > bool(absent)
    queries, overrides = [Query(expr, legend)], []
    if bad:
        queries = [Query(f"({expr}) {how} on () ({bad.when})", legend) for how in ("unless", "and")]
        overrides = [_override(ascii_uppercase[1], {"thresholds": _steps(bad.steps)}, by="byFrameRefID")]
    return {
        **_panel("stat", title, description, queries, instant=True),
        "fieldConfig": {
            **_fields(
                unit, words=words, steps=UNKNOWN if filled else steps, decimals=decimals, absent=unknown, link=link
            ),
            "overrides": overrides,
        },
        "options": {**_STAT, "colorMode": "background" if filled or lit else "value", "textMode": show},
    }


def tiles(title: str, description: str, queries: Sequence[Query]) -> Json:
    """A number for each query under its name, in its colour where it is not 0."""
    return {
        **_panel("stat", title, description, queries, instant=True),
        "fieldConfig": {
            **_fields(Unit.NONE, absent=NO_EXPORTER),
            "overrides": [_override(each.legend, {"thresholds": _steps(_lit(each))}) for each in queries],
        },
        "options": {**_STAT, "colorMode": "value", "textMode": Show.BOTH},
    }


def series(
    title: str,
    description: str,
    unit: Unit,
    *queries: Query,
    stacked: bool = False,
    within: tuple[float, float] | None = None,
    dashed: str = "",
    ranked: bool = False,
    absent: str = "none",
) -> Json:
    """Lines over time. ``within`` bounds what is drawn; ``dashed`` is the beginning of the names of dashed lines.

    Dashed lines are no series: they are not listed. ``ranked`` lists the series beside the graph, the smallest first.
    """
    limits: Json = {"min": within[0], "max": within[1]} if within else {"min": 0} if stacked else {}
    overrides = _fixed(queries)
    if dashed:
        overrides.append(_override(f"/^{dashed}/", _DASHES, by="byRegexp"))
    stacking: Json = {"mode": "normal" if stacked else "none", "group": "A"}
    beside: Json = {"displayMode": "table", "placement": "right", "sortBy": "Last *", "sortDesc": False}
    below: Json = {"displayMode": "list", "placement": "bottom"}
    return {
        **_panel("timeseries", title, description, queries, instant=False),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "color": {"mode": "palette-classic-by-name"},
                "custom": {**_LINES, "fillOpacity": 30 if stacked else 0, "stacking": stacking},
                "noValue": absent,
                **limits,
            },
            "overrides": overrides,
        },
        "options": {
            "legend": {"showLegend": True, "calcs": ["lastNotNull"], **(beside if ranked else below)},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    }


def timeline(
    title: str, description: str, words: Words, *queries: Query, of: str, page: int = 20, absent: str = "none"
) -> Json:
    """What held when: a band for each series, its values in words.

    ``of`` is what there is to show in all the time shown: where that is nothing, one band is named ``absent``, by the
    labels that the first query is named by. ``page`` is how many bands fit.
    """
    first, *others = queries
    labels = re.findall(r"{{(\w+)}}", first.legend)
    shown = [replace(first, expr=or_band(first.expr, labels, absent, of)), *others]
    fields = _fields(
        Unit.WORDS,
        words=(*words, Word(NOTHING_SHOWN, DASH, Colour.GREY)),
        # Thresholds would be taken for the bands, and the words for nothing.
        colouring="palette-classic",
        absent=DASH,
        custom={"fillOpacity": 80, "lineWidth": 0},
    )
    return {
        **_panel("state-timeline", title, description, shown, instant=False),
        "fieldConfig": fields,
        "options": {
            "alignValue": "left",
            "mergeValues": True,
            "rowHeight": 0.9,
            "perPage": page,
            "showValue": "auto",
            "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    }


def spans(
    title: str,
    description: str,
    unit: Unit,
    *queries: Query,
    label: str,
    within: tuple[float, float],
    absent: str = "none",
) -> Json:
    """Horizontal bars from the past (negative) into the future, one for each value of a label.

    Each query is one stretch of the bars, without zeros and of one sign; what begins at 0 stands before what goes on.
    The first says in words when there is none.
    """
    first, *others = queries
    shown = [replace(first, expr=or_words(first.expr, label, absent)), *others]
    columns = [Column(label, label=label), *(Column(each.legend, expr=each.expr) for each in shown)]
    return {
        **_panel("barchart", title, description, shown, instant=True, table=True),
        "transformations": [
            *_transformations(columns, first=""),
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": label, "desc": False}]}},
        ],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "decimals": 0,
                "color": {"mode": "palette-classic"},
                "custom": {"fillOpacity": 80, "lineWidth": 0, "axisPlacement": "auto", "axisCenteredZero": False},
                "noValue": absent,
                "min": within[0],
                "max": within[1],
            },
            "overrides": _fixed(queries),
        },
        "options": {
            "orientation": "horizontal",
            "stacking": "normal",
            "showValue": "never",
            "barWidth": 0.9,
            "groupWidth": 0.8,
            "barRadius": 0,
            "fullHighlight": False,
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 0,
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    }


def table(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    rows: str,
    keys: str,
    sort: str,
    largest_first: bool = False,
    then: str = "",
    absent: str = "none",
) -> Json:
    """Rows as of now, one for each series of ``rows``; what columns have of their own joins it by its ``keys``.

    ``sort`` names a column, and ``then`` the one that decides, smallest first, where that is the same. Without rows
    there is one that says ``absent``, in the first column with room.
    """
    labels = [each for each in columns if each.label and not each.expr]
    says = next((each for each in labels if each.width is None), labels[0])
    own = [Query(only_rows(each.expr, rows, keys)) for each in columns if each.expr]
    order: list[Json] = [{"displayName": sort, "desc": largest_first}]
    if then:
        order.append({"displayName": then, "desc": False})
    return {
        **_panel(
            "table", title, description, [Query(or_words(rows, says.label, absent)), *own], instant=True, table=True
        ),
        "transformations": _transformations(columns, first="A"),
        "fieldConfig": {
            "defaults": {
                "unit": Unit.WORDS,
                "custom": {"align": "left", "filterable": False, "cellOptions": {"type": "auto"}},
                "noValue": absent,
            },
            "overrides": [_column(each, at_least=len(absent) if each is says else 0) for each in columns],
        },
        "options": {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
            "sortBy": order,
        },
    }


_STAT: Json = {
    "graphMode": "none",
    "justifyMode": "center",
    "orientation": "auto",
    "wideLayout": True,
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
}

_LINES: Json = {
    "drawStyle": "line",
    "lineInterpolation": "linear",
    "lineWidth": 2,
    "showPoints": "auto",
    "pointSize": 4,
    "spanNulls": False,
    "axisPlacement": "auto",
    "axisLabel": "",
}

_DASHES: Json = {
    "custom.lineStyle": {"fill": "dash", "dash": [10, 10]},
    "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False},
}

_GAUGE: Json = {
    "custom.cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
    "color": {"mode": "continuous-GrYlRd"},
    "min": 0,
    "max": 1,
    "decimals": 0,
}


def _panel(
    kind: str, title: str, description: str, queries: Sequence[Query], *, instant: bool, table: bool = False
) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [
            {
                "refId": letter,
                "datasource": DATASOURCE,
                "editorMode": "code",
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "format": "table" if table else "time_series",
                "instant": instant,
                "range": not instant,
            }
            for letter, query in zip(ascii_uppercase, queries, strict=False)
        ],
    }


def _fields(
    unit: Unit,
    *,
    words: Words = (),
    steps: Steps = PLAIN,
    decimals: int | None = None,
    absent: str = "none",
    colouring: str = "thresholds",
    custom: Json | None = None,
    link: Link | None = None,
) -> Json:
    return {
        "defaults": {
            "unit": unit,
            "decimals": decimals,
            "color": {"mode": colouring},
            "thresholds": _steps(steps),
            "mappings": _mappings(words, absent),
            "noValue": absent,
            "custom": custom or {},
            **({"links": [link.json()]} if link else {}),
        },
        "overrides": [],
    }


def _steps(steps: Steps) -> Json:
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for colour, value in steps]}


def _lit(query: Query) -> Steps:
    return ((Colour.GREY, None), (query.colour or Colour.TEXT, 1))


def _mappings(words: Words, absent: str) -> Sequence[Json]:
    named = {
        str(word.value): {"text": word.text, "color": word.colour, "index": index} for index, word in enumerate(words)
    }
    nothing = {"match": "null+nan", "result": {"text": absent, "color": Colour.GREY, "index": len(named)}}
    values: list[Json] = [{"type": "value", "options": named}] if named else []
    return [*values, {"type": "special", "options": nothing}]


def _override(name: str, properties: Json, *, by: str = "byName") -> Json:
    return {
        "matcher": {"id": by, "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def _fixed(queries: Sequence[Query]) -> list[Json]:
    """Overrides that give the series of those queries their colour that have one."""
    return [
        _override(query.legend, {"color": {"mode": "fixed", "fixedColor": query.colour}})
        for query in queries
        if query.colour is not None
    ]


def _column(column: Column, *, at_least: int = 0) -> Json:
    properties: Json = {
        "unit": column.unit,
        "mappings": _mappings(column.words, column.absent),
        "noValue": column.absent,
    }
    if column.unit is Unit.DAYS:
        properties["decimals"] = 0
    if column.filled:
        properties["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    if column.coloured:
        properties["custom.cellOptions"] = {"type": "color-text"}
    if column.steps:
        properties["custom.cellOptions"] = {"type": "color-text"}
        properties |= {"color": {"mode": "thresholds"}, "thresholds": _steps(column.steps)}
    if column.gauge:
        properties |= _GAUGE
    if column.hidden:
        properties["custom.hidden"] = True
    if column.width is not None:
        properties["custom.width"] = column.width
    else:
        # Where there is less room, the table moves sideways, and no text is cut off.
        letters = max(column.longest, at_least, FLEXIBLE)
        properties["custom.minWidth"] = math.ceil(letters * LETTER) + CELL_PADDING
    if column.link:
        properties["links"] = [column.link.json()]
    return _override(column.name, properties)


def _transformations(columns: Sequence[Column], *, first: str) -> Sequence[Json]:
    """Joins the values by the labels they share, names and orders them, and leaves the rest out.

    ``first`` is the letter of the query that is no column's own.
    """
    letters = iter(ascii_uppercase.removeprefix(first))
    several = any(each.expr for each in columns)
    rows = f"Value #{first}" if several else "Value"
    values = [f"Value #{next(letters)}" if each.expr else rows for each in columns]
    sources = [each.label or value for each, value in zip(columns, values, strict=True)]
    names = dict(zip(sources, (each.name for each in columns), strict=True))
    order = {source: index for index, source in enumerate(sources)}
    merge: Json = {"id": "merge", "options": {}}
    keep: Json = {"id": "filterFieldsByName", "options": {"include": {"names": sources}}}
    organize: Json = {
        "id": "organize",
        "options": {"excludeByName": {}, "indexByName": order, "renameByName": names},
    }
    return [*([merge] if several else []), keep, organize]
