"""The rules of Grafana's dashboard-linter, and our own: what a board must have before anybody looks at it.

An exception has a reason, and is an error when nothing needs it any more.
"""

import itertools
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from boards import BOARDS, PANELS, QUERIES, Board, Panel, Query, filled_in, label_values, opened, selectors

from exporter.rules import RUNBOOKS

TYPES = {"stat", "table", "timeseries", "state-timeline", "barchart"}
"""All of Grafana's own, none deprecated."""

UNITS = {"none", "string", "s", "bytes", "percentunit", "dateTimeAsIso"}
"""Of Grafana's units, those that are in use."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

EXCEPTIONS = {
    ("template-instance-rule", "fleet"): "it is about targets, and two exporters of a pair see the same ones",
    ("template-instance-rule", "target"): "it is about a target, and two exporters of a pair see the same one",
    ("target-instance-rule", "fleet"): "it is about targets, and two exporters of a pair see the same ones",
    ("target-instance-rule", "target"): "it is about a target, and two exporters of a pair see the same one",
    ("target-instance-rule", "exporter"): "whether any exporter answers is asked of all of them",
    ("panel-units-rule", "suffix: a minute"): "Grafana's own says 'ops/min'",
    ("panel-units-rule", "suffix: days"): "Grafana's unit of days turns into weeks and years; people count in days",
}
"""By rule and what it is not kept by."""

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
each_panel = pytest.mark.parametrize("panel", PANELS, ids=str)


def unit(panel: Panel) -> Iterator[str]:
    if panel.defaults.get("unit"):
        yield panel.defaults["unit"]
    yield from (properties["unit"] for properties in panel.overrides.values() if "unit" in properties)


def complaints() -> Iterator[tuple[str, str]]:
    """What the rules find, by rule and culprit; everything must be an exception, and every exception must be found."""
    for board in BOARDS:
        for name, rule in (("job", "template-job-rule"), ("instance", "template-instance-rule")):
            variable = board.variables.get(name, {})
            if not is_good_template(variable, name):
                yield rule, board.name
        for query in board.queries:
            for _, matchers in selectors(query.expr):
                if matchers.get("job") != ("=~", "$job"):
                    yield "target-job-rule", board.name
                if matchers.get("instance") != ("=~", "$instance"):
                    yield "target-instance-rule", board.name
    for panel in PANELS:
        units = list(unit(panel))
        yield from (("panel-units-rule", each) for each in units if each not in UNITS)
        if not units:
            yield "panel-units-rule", str(panel)


def is_good_template(variable: Mapping[str, Any], name: str) -> bool:
    return (
        variable.get("type") == "query"
        and variable["datasource"] == DATASOURCE
        and variable["label"] == name.title()
        and variable["multi"]
        and variable["allValue"] == ".+"
    )


def test_no_rule_is_broken_but_with_a_reason() -> None:
    assert set(complaints()) == {exception for exception in EXCEPTIONS if exception != ("template-job-rule", "target")}


@each_board
def test_template_datasource_rule(board: Board) -> None:
    (variable,) = (each for each in board.variables.values() if each["type"] == "datasource")

    assert (variable["name"], variable["label"], variable["query"]) == ("datasource", "Data source", "prometheus")
    assert variable["current"]["value"] == "default"


@each_board
def test_template_label_promql_rule(board: Board) -> None:
    for variable in board.variables.values():
        if variable["type"] == "query":
            metric, label = label_values(variable)
            assert re.fullmatch(r"fedmeta_\w+(\{.+\})?", metric)
            assert variable["definition"] == variable["query"]["query"]
            assert label in {"job", "instance", "target", "entity_id"}


@each_board
def test_template_on_time_change_reload_rule_and_values_are_sorted(board: Board) -> None:
    for variable in board.variables.values():
        if variable["type"] == "query":
            assert (variable["refresh"], variable["sort"]) == (2, 1)


def test_one_target_is_chosen_at_a_time() -> None:
    (board,) = (board for board in BOARDS if board.name == "target")
    target = board.variables["target"]

    assert not target["multi"]
    assert not target["includeAll"]


@each_panel
def test_panel_datasource_rule(panel: Panel) -> None:
    assert panel.json["datasource"] == DATASOURCE
    assert all(query.json["datasource"] == DATASOURCE for query in panel.queries)


@each_panel
def test_panel_title_description_rule(panel: Panel) -> None:
    assert panel.title
    assert panel.json["description"].endswith(".")


@each_panel
def test_panel_no_targets_rule_and_nothing_is_hidden(panel: Panel) -> None:
    assert panel.queries
    assert not any(query.json.get("hide") for query in panel.queries)


@each_panel
def test_a_panel_is_of_a_current_type(panel: Panel) -> None:
    assert panel.type in TYPES


@each_panel
def test_a_panel_without_data_says_so_in_words(panel: Panel) -> None:
    assert panel.defaults["noValue"]


@each_panel
def test_a_query_asks_for_now_or_for_the_time_shown_as_its_panel_needs(panel: Panel) -> None:
    over_time = panel.type in {"timeseries", "state-timeline"}
    table = panel.type in {"table", "barchart"}
    for query in panel.queries:
        assert (query.json["instant"], query.json["range"]) == (not over_time, over_time)
        assert query.json["format"] == ("table" if table else "time_series")


def test_target_promql_rule(promtool: str, tmp_path: Path) -> None:
    expressions = [expr for board in BOARDS for expr in board.expressions]
    rules = [
        {"record": f"panel:query:{number}", "expr": filled_in(expr, target="t")}
        for number, expr in enumerate(expressions)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))

    checked = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool

    assert checked.returncode == 0, checked.stderr
    assert f"{len(expressions)} rules found" in checked.stdout


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_target_rate_interval_and_counter_agg_rules(query: Query) -> None:
    for name, _ in selectors(query.expr):
        if name.endswith(("_total", "_sum", "_count")):
            of_counter = rf"\b(rate|increase)\({name}\{{[^}}]*\}}\[(\$\w+)\]\)"
            found = re.findall(of_counter, query.expr)
            assert len(found) == len(re.findall(rf"\b{name}\b", query.expr))
            assert set(found) <= {("rate", "$__rate_interval"), ("increase", "$__range")}
    assert not re.search(r"\[\d", query.expr)


def test_a_total_over_the_time_shown_is_not_on_a_graph() -> None:
    for panel in PANELS:
        if any(re.search(r"\bincrease\(.*\$__range", query.expr) for query in panel.queries):
            assert panel.type == "stat"


def test_what_holds_for_all_the_time_shown_is_asked_once_and_not_at_each_step() -> None:
    for query in QUERIES:
        assert query.expr.count("_over_time(") == query.expr.count("[$__range] @ end())")


@each_board
def test_template_uneditable_rule(board: Board) -> None:
    assert board.json["editable"] is False


@each_board
def test_a_board_is_as_the_others(board: Board) -> None:
    assert board.json["uid"] == f"fedmeta-{board.name}"
    assert board.json["schemaVersion"] == 39
    assert board.json["timezone"] == "utc"
    assert board.json["refresh"] == "1m"
    assert board.json["tags"] == ["fedmeta"]
    assert board.json["title"]
    assert board.json["description"].endswith(".")


@each_board
def test_a_board_links_to_the_others_and_to_the_runbooks(board: Board) -> None:
    others, runbooks = board.json["links"]

    assert (others["type"], others["tags"]) == ("dashboards", ["fedmeta"])
    assert runbooks["url"].endswith("/docs/runbooks.md")


def test_a_target_in_a_table_leads_to_its_board() -> None:
    led = [
        properties["links"][0]["url"]
        for panel in PANELS
        for name, properties in panel.overrides.items()
        if panel.board == "fleet" and name == "Target"
    ]

    assert len(led) == 6
    for url in led:
        assert url.startswith("/d/fedmeta-target?${datasource:queryparam}&")
        assert url.endswith("&${__url_time_range}")
        for label in ("job", "target"):
            assert f"var-{label}=${{__data.fields.{label}:percentencode}}" in url


OPENED = {
    "Open the board of the target": "/d/fedmeta-target?",
    "Open the runbook": f"{RUNBOOKS.removesuffix('runbooks.md')}${{",
    "Open the document": "${__value.raw}",
}
"""What a link says, and how its address begins."""


def test_a_link_says_what_it_opens() -> None:
    links = [
        (panel, link)
        for panel in PANELS
        for properties in (panel.defaults, *panel.overrides.values())
        for link in properties.get("links", [])
    ]

    assert {link["title"] for _, link in links} == OPENED.keys()
    for panel, link in links:
        assert link["url"].startswith(OPENED[link["title"]]), panel


def test_every_next_step_leads_to_what_says_more() -> None:
    steps = [
        (panel, properties)
        for panel in PANELS
        for properties in ([panel.defaults] if panel.title == "What to do" else [panel.overrides.get("What to do", {})])
        if properties
    ]

    assert [str(panel) for panel, _ in steps] == [
        "fleet: What is wrong, worst first",
        "target: What to do",
        "target: What is wrong, worst first",
    ]
    for panel, properties in steps:
        label = "${__field.labels.section}" if panel.type == "stat" else "${__data.fields.section}"
        assert [link["url"].rpartition("/")[2] for link in properties["links"]] == [label]


@each_board
def test_panels_fill_the_grid_and_do_not_overlap(board: Board) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board.json["panels"]:
        place = panel["gridPos"]
        cells = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert not cells & taken, panel["title"]
        taken |= cells

    lowest = max(y for _, y in taken)
    assert taken == set(itertools.product(range(24), range(lowest + 1)))


@each_board
def test_panels_have_numbers_of_their_own(board: Board) -> None:
    numbers = [panel["id"] for panel in opened(board.json["panels"])]

    assert numbers == list(range(1, len(numbers) + 1))


@each_board
def test_what_many_do_not_have_is_closed_and_comes_last(board: Board) -> None:
    headings = [panel for panel in board.json["panels"] if panel["type"] == "row"]
    closed = [heading["collapsed"] for heading in headings]

    assert closed == sorted(closed)
    for heading in headings:
        assert bool(heading["panels"]) == heading["collapsed"]
        if not heading["collapsed"]:
            assert "Entra" not in heading["title"]
            assert "Nodes" not in heading["title"]


@pytest.mark.parametrize("panel", [each for each in PANELS if each.type in {"table", "barchart"}], ids=str)
def test_a_table_names_every_field_that_it_keeps(panel: Panel) -> None:
    steps = {each["id"]: each["options"] for each in panel.json["transformations"]}
    kept = steps["filterFieldsByName"]["include"]["names"]
    values = {name for name in kept if name.startswith("Value")}
    letters = {f"Value #{query.json['refId']}" for query in panel.queries}

    assert ("merge" in steps) == (len(panel.queries) > 1)
    assert values <= (letters if len(panel.queries) > 1 else {"Value"})
    assert steps["organize"]["renameByName"].keys() == set(kept)
    assert list(steps["organize"]["indexByName"]) == kept
    assert panel.overrides.keys() <= set(steps["organize"]["renameByName"].values())


@pytest.mark.parametrize("panel", [each for each in PANELS if each.type in {"table", "barchart"}], ids=str)
def test_a_tables_labels_are_those_of_its_queries(panel: Panel) -> None:
    kept = next(each for each in panel.json["transformations"] if each["id"] == "filterFieldsByName")
    made = {"about", "section", "key", "short"}
    labels = {name for name in kept["options"]["include"]["names"] if not name.startswith("Value")} - made
    grouped = [re.findall(r"\bby \(([^)]*)\)", query.expr) for query in panel.queries]
    joined_by = [by.split(", ") for by, *_ in grouped]

    assert labels <= {label for each in grouped for by in each for label in by.split(", ")}
    assert (set(joined_by[0]) | made).issuperset(itertools.chain(*joined_by))
