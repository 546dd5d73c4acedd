"""Every metric and label on the boards exists."""

import re
from collections.abc import Mapping

import pytest
from boards import BOARDS, RULES, Board, label_values, selectors

from exporter.exposition.families import FAMILIES
from exporter.exposition.own import OWN_FAMILIES
from exporter.policy import Thresholds

OF_PROMETHEUS = {"job", "instance", "pod"}
"""Labels that a scrape adds."""

OF_RULES = {
    "fedmeta:finding": {"target", "finding", "severity", "entity_id", "domain", "node", "vantage"},
    "fedmeta:exporter:last": set(),
    "ALERTS": {"target", "alertname", "alertstate", "severity"},
    "ALERTS_FOR_STATE": {"target", "alertname", "severity"},
}
"""What the rules record, and Prometheus of their alerts, with the labels that boards select by."""

OF_OTHERS = {
    "up",  # Prometheus itself
    "process_start_time_seconds",  # and the rest is Prometheus's client for Python
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
}

MADE = {"short", "certificate", "key", "up", "expected", "date", "section"}
"""Labels that queries make for their legends."""


def existing() -> Mapping[str, set[str]]:
    """The labels of every metric that there is."""
    known = {family.name: {"target", *family.labels} for family in FAMILIES}
    for name, (kind, labels) in OWN_FAMILIES.items():
        names = (f"{name}_sum", f"{name}_count") if kind == "summary" else (name,)
        known |= {each: set(labels) for each in names}
    known |= OF_RULES | {name: set() for name in OF_OTHERS}
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
        named = re.findall(r"\b(?:fedmeta[_:]|process_|python_|ALERTS)[\w:]*(?=\W)(?!\$)", expr)
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


def test_what_the_rules_record_is_recorded() -> None:
    recorded = {name for name in OF_RULES if name.startswith("fedmeta")}

    assert {f"record: {name}" for name in recorded} <= set(
        re.findall(r"record: \S+", RULES.read_text(encoding="utf-8"))
    )


def test_the_alerts_lead_to_boards_that_exist() -> None:
    linked = set(re.findall(r'dashboard_url: "/d/([\w-]+)', RULES.read_text(encoding="utf-8")))

    assert linked
    assert linked <= {board.json["uid"] for board in BOARDS}
