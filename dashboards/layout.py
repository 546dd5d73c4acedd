"""A whole dashboard as Grafana imports it (schema 39): lines of panels whose places are computed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, count, pairwise

from dashboards.style import DATASOURCE, Colour, Json
from exporter.rules import RUNBOOKS

GRID = 24
"""Columns of Grafana's grid; one row of it is 38 pixels high."""

HEADING_HEIGHT = 1

TAG = "fedmeta"


class Height(StrEnum):
    """Heights of a line by what stands in it."""

    STAT = "stat"
    TILES = "tiles"
    LOW = "low"
    ROW = "row"
    GRAPH = "graph"
    LIST = "list"

    @property
    def rows(self) -> int:
        """In rows of the grid."""
        return {
            Height.STAT: 3,
            Height.TILES: 4,
            Height.ROW: 4,
            Height.LOW: 6,
            Height.GRAPH: 9,
            Height.LIST: 14,
        }[self]


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
    collapsed: bool = False
    """Only the heading is there until somebody opens it, and nothing is asked before. For what many do not have."""


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
            "templating": {"list": [*self.variables, _DATASOURCE_VARIABLE]},
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
            place: Json = {"x": 0, "y": y, "w": GRID, "h": HEADING_HEIGHT}
            heading: Json = {"type": "row", "title": section.title, "id": next(numbers), "gridPos": place}
            y += HEADING_HEIGHT
        panels = list(_below(section.lines, y, numbers))
        if section.title:
            hidden = panels if section.collapsed else []
            yield {**heading, "collapsed": section.collapsed, "panels": hidden}
        if not section.collapsed:
            yield from panels
            y += sum(line.height.rows for line in section.lines)


def _below(lines: Sequence[Line], y: int, numbers: Iterator[int]) -> Iterator[Json]:
    for line in lines:
        for panel, (x, width) in zip(line.panels, _widths(line), strict=True):
            yield {**panel, "id": next(numbers), "gridPos": {"x": x, "y": y, "w": width, "h": line.height.rows}}
        y += line.height.rows


def _widths(line: Line) -> Iterator[tuple[int, int]]:
    shares = line.shares or [1] * len(line.panels)
    edges = [round(GRID * edge / sum(shares)) for edge in accumulate(shares, initial=0)]
    return zip(edges, (right - left for left, right in pairwise(edges)), strict=False)
