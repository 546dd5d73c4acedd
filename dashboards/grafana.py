"""Grafana's dashboard JSON (schema 39, Grafana 10 and newer): a panel is one call, and its place is computed.

What looks the same everywhere is decided here and nowhere else: colours, options, layout.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, count, pairwise
from string import ascii_uppercase

Json = dict[str, object]

GRID = 24
"""Columns of Grafana's grid; one row of it is 38 pixels high."""
HEADING_HEIGHT = 1

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
RUNBOOKS = "https://github.com/fedmeta-exporter/fedmeta-exporter/blob/main/docs/runbooks.md"
TAG = "fedmeta"


class Colour(StrEnum):
    """Names that Grafana shades for the dark and the light theme; grey has none and reads well on both."""

    DARK_RED = "dark-red"
    SEMI_DARK_RED = "semi-dark-red"
    RED = "red"
    PURPLE = "purple"
    DARK_ORANGE = "dark-orange"
    SEMI_DARK_ORANGE = "semi-dark-orange"
    ORANGE = "orange"
    BLUE = "blue"
    SEMI_DARK_GREEN = "semi-dark-green"
    GREEN = "green"
    GREY = "#8e8e8e"
    TEXT = "text"


class Unit(StrEnum):
    """Units as Grafana spells them; its own unit of days turns into weeks and years. Dates are in milliseconds."""

    NONE = "none"
    WORDS = "string"
    DAYS = "suffix:days"
    SECONDS = "s"
    BYTES = "bytes"
    SHARE = "percentunit"
    PER_MINUTE = "opm"
    DATE = "dateTimeAsIso"
    AGO = "dateTimeFromNow"


@dataclass(frozen=True, slots=True)
class Word:
    """What a value is called, and its colour."""

    value: int | str
    """A number, or the value of a label."""
    text: str
    colour: Colour = Colour.TEXT


Words = Sequence[Word]

Steps = Sequence[tuple[Colour, float | None]]
"""Colours, each from a value on; the first from nothing on."""

PLAIN: Steps = ((Colour.TEXT, None),)
UNKNOWN: Steps = ((Colour.GREY, None),)
BAD_IF_ANY: Steps = ((Colour.GREEN, None), (Colour.RED, 1))
WORK_IF_ANY: Steps = ((Colour.GREEN, None), (Colour.ORANGE, 1))


class Show(StrEnum):
    """What a stat shows of a series."""

    VALUE = "value"
    NAME = "name"
    BOTH = "value_and_name"


class Height(StrEnum):
    """Heights of a line by what stands in it."""

    STAT = "stat"
    LOW = "low"
    ROW = "row"
    GRAPH = "graph"
    LIST = "list"

    @property
    def rows(self) -> int:
        """In rows of the grid."""
        return {Height.STAT: 3, Height.ROW: 4, Height.LOW: 6, Height.GRAPH: 9, Height.LIST: 14}[self]


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and what its series are called."""

    expr: str
    legend: str = ""
    colour: Colour | None = None
    """Of a series whose legend is a plain name."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a label of its rows, a value with an expression of its own, or else the rows' value."""

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
    link: str = ""
    away: bool = False
    """The link opens a page of its own."""
    width: int | None = None
    """Pixels; None shares what is left."""
    absent: str = "–"  # noqa: RUF001 -- a dash, not a minus


@dataclass(frozen=True, slots=True)
class Line:
    """Panels beside each other."""

    height: Height
    panels: Sequence[Json]
    shares: Sequence[int] = ()
    """Of the width; empty: equal."""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines below a heading; without one where they begin the board."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard; its file is called like the end of its uid."""

    uid: str
    title: str
    description: str
    since: str
    """How far back it looks, in Grafana's words."""
    variables: Sequence[Json]
    sections: Sequence[Section]
    annotations: Sequence[Json] = ()

    @property
    def filename(self) -> str:
        """Of its JSON."""
        return f"{self.uid.removeprefix(f'{TAG}-')}.json"

    def json(self) -> Json:
        """The whole dashboard, as Grafana imports it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": 39,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "utc",
            "refresh": "1m",
            "time": {"from": self.since, "to": "now"},
            "timepicker": {},
            "links": list(_links()),
            "annotations": {"list": [_BUILT_IN, *self.annotations]},
            "templating": {"list": [_DATASOURCE_VARIABLE, *self.variables]},
            "panels": list(_placed(self.sections)),
        }


def variable(
    name: str, title: str, description: str, metric: str, label: str, *, everything: str = "", several: bool = False
) -> Json:
    """A variable with the values of a label, sorted.

    ``everything`` is the pattern that "All" stands for, which then is the default; ``several`` can be chosen at once.
    """
    query = f"label_values({metric}, {label})"
    current: Json = {}
    if everything:
        current = {"selected": True, "text": ["All"], "value": ["$__all"]}
    if everything and not several:
        current = {"selected": True, "text": "All", "value": "$__all"}
    return {
        "type": "query",
        "name": name,
        "label": title,
        "description": description,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": bool(everything),
        "allValue": everything or None,
        "current": current,
        "options": [],
        "regex": "",
        "hide": 0,
        "skipUrlSync": False,
    }


def annotation(name: str, expr: str, *, colour: Colour, title: str, text: str) -> Json:
    """Marks at the moments that the expression has as values, in milliseconds."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        # Grafana 10 reads the expression here, later ones in the target.
        "expr": expr,
        "step": "60s",
        "target": {"expr": expr, "refId": "A", "range": True, "instant": False, "interval": "60s"},
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "",
        "useValueForTime": True,
    }


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
    decimals: int | None = None,
    absent: str = "none",
) -> Json:
    """One number or word, as of now. Words fill the panel with their colour, unless told otherwise."""
    filled = filled and bool(words)
    return {
        **_panel("stat", title, description, [Query(expr, legend)], instant=True),
        "fieldConfig": _fields(unit, words=words, steps=UNKNOWN if filled else steps, decimals=decimals, absent=absent),
        "options": {**_STAT, "colorMode": "background" if filled else "value", "textMode": show},
    }


def tiles(title: str, description: str, queries: Sequence[Query]) -> Json:
    """A number for each query under its name, in its colour where it is not 0."""
    return {
        **_panel("stat", title, description, queries, instant=True),
        "fieldConfig": {
            **_fields(Unit.NONE),
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

    ``ranked`` lists the series beside the graph, the smallest first.
    """
    limits: Json = {"min": within[0], "max": within[1]} if within else {}
    overrides = _fixed(queries)
    if dashed:
        overrides.append(_override(f"/^{dashed}/", _DASHES, by="byRegexp"))
    beside: Json = {"displayMode": "table", "placement": "right", "sortBy": "Last *", "sortDesc": False}
    below: Json = {"displayMode": "list", "placement": "bottom"}
    return {
        **_panel("timeseries", title, description, queries, instant=False),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "color": {"mode": "palette-classic"},
                "custom": {**_LINES, "stacking": {"mode": "normal" if stacked else "none", "group": "A"}},
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


def timeline(title: str, description: str, words: Words, *queries: Query, absent: str = "none") -> Json:
    """What held when: a band for each series, its values in words."""
    return {
        **_panel("state-timeline", title, description, queries, instant=False),
        "fieldConfig": _fields(Unit.WORDS, words=words, absent=absent, custom={"fillOpacity": 80, "lineWidth": 0}),
        "options": {
            "alignValue": "left",
            "mergeValues": True,
            "rowHeight": 0.9,
            "perPage": 20,
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
    """
    columns = [Column(label, label=label), *(Column(each.legend, expr=each.expr) for each in queries)]
    return {
        **_panel("barchart", title, description, queries, instant=True, table=True),
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
    sort: str,
    largest_first: bool = False,
    absent: str = "none",
) -> Json:
    """Rows as of now, one for each series of ``rows``; what columns have of their own joins it by the labels.

    ``sort`` names a column.
    """
    values = [Query(rows), *(Query(each.expr) for each in columns if each.expr)]
    return {
        **_panel("table", title, description, values, instant=True, table=True),
        "transformations": _transformations(columns, first="A"),
        "fieldConfig": {
            "defaults": {
                "unit": Unit.WORDS,
                "custom": {"align": "left", "filterable": False, "cellOptions": {"type": "auto"}},
                "noValue": absent,
            },
            "overrides": [_column(each) for each in columns],
        },
        "options": {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
            "sortBy": [{"displayName": sort, "desc": largest_first}],
        },
    }


_BUILT_IN: Json = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}

_DATASOURCE_VARIABLE: Json = {
    "type": "datasource",
    "name": "datasource",
    "label": "Data source",
    "description": "The Prometheus that scrapes the exporter",
    "query": "prometheus",
    "current": {"selected": True, "text": "default", "value": "default"},
    "multi": False,
    "includeAll": False,
    "options": [],
    "refresh": 1,
    "regex": "",
    "hide": 0,
    "skipUrlSync": False,
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
    "fillOpacity": 10,
    "showPoints": "auto",
    "pointSize": 4,
    "spanNulls": False,
    "axisPlacement": "auto",
    "axisLabel": "",
}
_DASHES: Json = {"custom.lineStyle": {"fill": "dash", "dash": [10, 10]}, "custom.fillOpacity": 0}

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
    custom: Json | None = None,
) -> Json:
    return {
        "defaults": {
            "unit": unit,
            "decimals": decimals,
            "color": {"mode": "thresholds"},
            "thresholds": _steps(steps),
            "mappings": _mappings(words, absent),
            "noValue": absent,
            "custom": custom or {},
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


def _column(column: Column) -> Json:
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
    if column.gauge:
        properties |= _GAUGE
    if column.hidden:
        properties["custom.hidden"] = True
    if column.width is not None:
        properties["custom.width"] = column.width
    if column.link:
        title = f"Open the {column.name.lower()}"
        properties["links"] = [{"title": title, "url": column.link, "targetBlank": column.away}]
    return _override(column.name, properties)


def _transformations(columns: Sequence[Column], *, first: str) -> Sequence[Json]:
    """Joins the values by the labels they share, names and orders them, and leaves the rest out.

    ``first`` is the letter of the query that is no column's own.
    """
    letters = iter(ascii_uppercase.removeprefix(first))
    several = any(each.expr for each in columns)
    rows = f"Value #{first}" if several else "Value"
    sources = [each.label or (f"Value #{next(letters)}" if each.expr else rows) for each in columns]
    names = dict(zip(sources, (each.name for each in columns), strict=True))
    order = {source: index for index, source in enumerate(sources)}
    merge: Json = {"id": "merge", "options": {}}
    keep: Json = {"id": "filterFieldsByName", "options": {"include": {"names": sources}}}
    organize: Json = {
        "id": "organize",
        "options": {"excludeByName": {}, "indexByName": order, "renameByName": names},
    }
    return [*([merge] if several else []), keep, organize]


def _links() -> Iterator[Json]:
    common: Json = {"asDropdown": False, "icon": "external link", "tooltip": "", "url": "", "tags": []}
    yield {
        **common,
        "type": "dashboards",
        "title": "Dashboards",
        "tags": [TAG],
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }
    yield {
        **common,
        "type": "link",
        "title": "Runbooks",
        "icon": "doc",
        "url": RUNBOOKS,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
    }


def _placed(sections: Sequence[Section]) -> Iterator[Json]:
    """Every panel with its number and its place, line by line."""
    numbers = count(1)
    y = 0
    for section in sections:
        if section.title:
            place = {"x": 0, "y": y, "w": GRID, "h": HEADING_HEIGHT}
            yield {
                "type": "row",
                "title": section.title,
                "collapsed": False,
                "panels": [],
                "id": next(numbers),
                "gridPos": place,
            }
            y += HEADING_HEIGHT
        for line in section.lines:
            for panel, (x, width) in zip(line.panels, _widths(line), strict=True):
                yield {**panel, "id": next(numbers), "gridPos": {"x": x, "y": y, "w": width, "h": line.height.rows}}
            y += line.height.rows


def _widths(line: Line) -> Iterator[tuple[int, int]]:
    shares = line.shares or [1] * len(line.panels)
    edges = [round(GRID * edge / sum(shares)) for edge in accumulate(shares, initial=0)]
    return zip(edges, (right - left for left, right in pairwise(edges)), strict=False)
