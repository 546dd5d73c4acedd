"""Every metric and label on the boards exists."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from boards import BOARDS, Board, label_values, selectors

from exporter.exposition.families import FAMILIES
from exporter.exposition.own import OWN_FAMILIES
from exporter.policy import Thresholds

OF_PROMETHEUS = {"job", "instance", "pod"}
"""Labels that a scrape adds."""

OF_OTHERS = {
    "up",  # Prometheus itself
    "process_start_time_seconds",  # and the rest is Prometheus's client for Python
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
}

MADE = {"short", "certificate"}
"""Labels that queries make for their legends."""


def existing() -> Mapping[str, set[str]]:
    """The labels of every metric that there is."""
    known = {family.name: {"target", *family.labels} for family in FAMILIES}
    for name, (kind, labels) in OWN_FAMILIES.items():
        names = (f"{name}_sum", f"{name}_count") if kind == "summary" else (name,)
        known |= {each: set(labels) for each in names}
    known |= {name: set() for name in OF_OTHERS}
    return {name: labels | OF_PROMETHEUS for name, labels in known.items()}


each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)


@each_board
def test_every_metric_exists_and_has_the_labels_that_select_it(board: Board) -> None:
    known = existing()
    for expr in board.expressions:
        for name, matchers in selectors(expr):
            assert name in known
            chosen_later = {"entity_id"} if matchers.get("entity_id") == ("=~", "$entity") else set()
            assert matchers.keys() <= known[name] | chosen_later, name


@each_board
def test_no_metric_is_named_without_its_matchers(board: Board) -> None:
    choices = [label_values(each)[0] for each in board.variables.values() if each["type"] == "query"]
    for expr in set(board.expressions) - {metric for metric in choices if "{" not in metric}:
        named = re.findall(r"\b(?:fedmeta|process|python)_\w+", expr)
        assert named == [name for name, _ in selectors(expr) if name != "up"]


@each_board
def test_every_label_that_is_grouped_by_or_shown_exists(board: Board) -> None:
    known = set().union(*existing().values()) | MADE
    for query in board.queries:
        lists = re.findall(r"\b(?:by|on|without|group_left) \(([^)]*)\)", query.expr)
        assert {label for each in lists for label in each.split(", ") if label} <= known
        assert set(re.findall(r"{{(\w+)}}", query.json["legendFormat"])) <= known


def test_every_threshold_that_is_drawn_is_in_a_policy() -> None:
    drawn = {
        value
        for board in BOARDS
        for expr in board.expressions
        for name, matchers in selectors(expr)
        for label, (_, value) in matchers.items()
        if label == "threshold"
    }

    assert drawn
    assert drawn <= set(Thresholds.__dataclass_fields__)


def test_the_alerts_lead_to_boards_that_exist() -> None:
    rules = (Path(__file__).parents[2] / "alerts" / "fedmeta.rules.yml").read_text(encoding="utf-8")
    linked = set(re.findall(r'dashboard_url: "/d/([\w-]+)', rules))

    assert linked
    assert linked <= {board.json["uid"] for board in BOARDS}
