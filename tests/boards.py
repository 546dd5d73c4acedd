"""The committed dashboards as a test reads them: panels, queries, and the PromQL that Grafana would send."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "dashboards"
RULES = FOLDER.parent / "alerts" / "fedmeta.rules.yml"

EVERYTHING = {"job": ".+", "instance": ".+", "entity": ".*"}
"""What Grafana puts in for these variables when nothing is chosen."""
MACROS = {"__rate_interval": "1m", "__range": "1h"}

_VARIABLE = re.compile(r"\$\{?(\w*[A-Za-z_]\w*)\}?")
"""Not ``$1``, which is label_replace's."""
_SELECTOR = re.compile(r"\b([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass(frozen=True)
class Panel:
    """A panel, or the heading of a section."""

    board: str
    json: Mapping[str, Any]

    @property
    def title(self) -> str:
        return str(self.json["title"])

    @property
    def type(self) -> str:
        return str(self.json["type"])

    @property
    def defaults(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.json["fieldConfig"]["defaults"]
        return found

    @property
    def overrides(self) -> Mapping[str, Mapping[str, Any]]:
        """What is told of single fields, by their name."""
        return {
            each["matcher"]["options"]: {one["id"]: one["value"] for one in each["properties"]}
            for each in self.json["fieldConfig"]["overrides"]
        }

    @property
    def queries(self) -> "Sequence[Query]":
        return [Query(self, each) for each in self.json.get("targets", [])]

    @property
    def mappings(self) -> Iterator[Mapping[str, Any]]:
        """Every mapping of values to words, of all fields."""
        yield from self.defaults.get("mappings", [])
        for properties in self.overrides.values():
            yield from properties.get("mappings", [])

    def __str__(self) -> str:
        return f"{self.board}: {self.title}"


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    panel: Panel
    json: Mapping[str, Any]

    @property
    def expr(self) -> str:
        return str(self.json["expr"])

    def __str__(self) -> str:
        return f"{self.panel}, {self.json['refId']}"


@dataclass(frozen=True)
class Board:
    """A dashboard."""

    name: str

    @cached_property
    def json(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((FOLDER / f"{self.name}.json").read_text(encoding="utf-8"))
        return found

    @property
    def panels(self) -> Sequence[Panel]:
        """Without the headings, and with what stands below those that are closed."""
        return [Panel(self.name, each) for each in opened(self.json["panels"]) if each["type"] != "row"]

    @property
    def queries(self) -> Sequence[Query]:
        return [query for panel in self.panels for query in panel.queries]

    @property
    def variables(self) -> Mapping[str, Mapping[str, Any]]:
        return {each["name"]: each for each in self.json["templating"]["list"]}

    @property
    def annotations(self) -> Mapping[str, Mapping[str, Any]]:
        """Those that ask Prometheus."""
        return {each["name"]: each for each in self.json["annotations"]["list"] if "expr" in each}

    @property
    def expressions(self) -> Iterator[str]:
        """All PromQL on the board: of panels, annotations and variables."""
        yield from (query.expr for query in self.queries)
        yield from (each["expr"] for each in self.annotations.values())
        for each in self.variables.values():
            if each["type"] == "query":
                metric, _ = label_values(each)
                yield metric


def opened(panels: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """These panels and headings, and what stands below headings that are closed."""
    for panel in panels:
        yield panel
        yield from panel.get("panels", [])


BOARDS = tuple(Board(name) for name in ("fleet", "target", "exporter"))
PANELS = tuple(panel for board in BOARDS for panel in board.panels)
QUERIES = tuple(query for board in BOARDS for query in board.queries)


def label_values(variable: Mapping[str, Any]) -> tuple[str, str]:
    """The selector and the label whose values a variable has."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
    assert found, variable
    return found[1], found[2]


def filled_in(expr: str, **variables: str) -> str:
    """The expression with values for its variables and macros. Raises :class:`KeyError` for one that is none."""
    values = {**EVERYTHING, **MACROS, **variables}
    return _VARIABLE.sub(lambda match: values[match[1]], expr)


def selectors(expr: str) -> Iterator[tuple[str, Mapping[str, tuple[str, str]]]]:
    """Every metric that is selected, with its matchers: operator and value by label, of several the first."""
    for name, matchers in _SELECTOR.findall(expr):
        yield name, {label: (operator, value) for label, operator, value in reversed(_MATCHER.findall(matchers))}
