"""Faults that were once seen in a real Grafana, each as a kind that the JSON shows.

What Grafana makes of the JSON is not tried here: it is no part of a checkout. Widths are estimates, on the safe side.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import pytest
from boards import BOARDS, FOLDER, PANELS, Board, Panel

ORANGE_OR_RED = re.compile("orange|red")

LONGEST_WORD = 8
"""Letters that fit into a short band."""

NUMBERS = ("-1,234 days", "10.5 months")
"""Of days, and of seconds as Grafana writes them."""
DATE = "2026-11-27 19:49:51"
THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"

SCREENS = {"1600 pixels beside Grafana's own menu": 1600 - 300, "1000 pixels": 1000}
"""What is left for a board. Grafana puts its menu away where there is less than about 1,200."""
AROUND, BETWEEN, COLUMNS = 48, 8, 24
"""Pixels around all panels and the bar to scroll by, and between two of them."""
BESIDE_TITLE = 56
"""Pixels of the mark of a description and of what is empty beside a title."""
CELL = 16
SIZE = 14
"""Pixels of the letters of titles and cells."""

_WIDTHS = {
    **dict.fromkeys("ijlI.,:;'|! ", 0.30),
    **dict.fromkeys('frt()-"/', 0.42),
    **dict.fromkeys("mwMW@%", 0.92),
    **dict.fromkeys("0123456789", 0.63),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ", 0.70),
}
"""Of a letter, as shares of the size, in the sans-serif that Grafana has (Inter); all others have 0.60."""

TIMELINES = [each for each in PANELS if each.type == "state-timeline"]
TABLES = [each for each in PANELS if each.type == "table"]
GRAPHS = [each for each in PANELS if each.type == "timeseries"]
STATS = [each for each in PANELS if each.type == "stat"]

FLEET, TARGET, EXPORTER = BOARDS

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
each_timeline = pytest.mark.parametrize("panel", TIMELINES, ids=str)
each_table = pytest.mark.parametrize("panel", TABLES, ids=str)
each_graph = pytest.mark.parametrize("panel", GRAPHS, ids=str)
each_stat = pytest.mark.parametrize("panel", STATS, ids=str)


def pixels(text: str) -> float:
    """The width of a text of medium weight."""
    return 1.03 * SIZE * sum(_WIDTHS.get(letter, 0.60) for letter in text)


def width(panel: Panel, screen: int) -> float:
    """The pixels that a panel has."""
    column = (screen - AROUND + BETWEEN) / COLUMNS
    return float(panel.json["gridPos"]["w"]) * column - BETWEEN


def sources(panel: Panel) -> Mapping[str, str]:
    """What a table's columns show, by their names: a label, or the value of a query."""
    organize = next(each["options"] for each in panel.json["transformations"] if each["id"] == "organize")
    return {given: source for source, given in organize["renameByName"].items()}


def texts(properties: Mapping[str, Any]) -> list[str]:
    """The words that a field's values are mapped to."""
    words = []
    for mapping in properties.get("mappings", []):
        results = mapping["options"].values() if mapping["type"] == "value" else [mapping["options"]["result"]]
        words += [each["text"] for each in results]
    return words


def shown(panel: Panel) -> Mapping[str, Mapping[str, Any]]:
    """The columns of a table that are there to be read."""
    return {name: each for name, each in panel.overrides.items() if not each.get("custom.hidden")}


# A timeline that merges values by thresholds knows no words.


@each_timeline
def test_the_bands_of_a_timeline_have_their_words_and_colours(panel: Panel) -> None:
    assert panel.json["options"]["mergeValues"]
    assert panel.defaults["color"]["mode"] != "thresholds"
    assert any(mapping["type"] == "value" for mapping in panel.mappings)


@each_timeline
def test_what_is_not_known_is_a_short_word_in_a_band(panel: Panel) -> None:
    nothing = [each["options"]["result"]["text"] for each in panel.mappings if each["type"] == "special"]

    assert nothing
    assert all(0 < len(text) <= LONGEST_WORD for text in nothing)


# A count of which nobody is the witness is no zero.


def test_no_zero_is_made_from_nothing() -> None:
    for board in BOARDS:
        for expr in board.expressions:
            assert not re.search(r"(or|on \(\)) (-?\d+ \* )?vector\(0\)", expr)
            assert "vector(0)" not in expr


@each_stat
def test_a_stat_without_an_answer_says_who_does_not_answer(panel: Panel) -> None:
    assert panel.defaults["noValue"] in {"no exporter answers", "no rules loaded"}


@each_board
def test_how_many_exporters_are_up_stands_in_the_first_line_and_is_red_if_one_is_not(board: Board) -> None:
    (first,) = (panel for panel in board.panels if panel.title == "Exporters up")
    steps = first.defaults["thresholds"]["steps"]

    assert first.json["gridPos"]["y"] == 0
    assert board is TARGET or first.json["gridPos"]["x"] == 0
    assert first.json["options"]["colorMode"] == "background"
    assert [(each["color"], each["value"]) for each in steps] == [("green", None), ("red", 1)]
    assert "{{up}} of {{expected}}" in first.queries[0].json["legendFormat"]


@pytest.mark.parametrize("board", [FLEET, TARGET], ids=lambda board: board.name)
def test_the_age_of_all_that_is_shown_stands_in_the_first_line(board: Board) -> None:
    first = " ".join(query.expr for panel in board.panels if panel.json["gridPos"]["y"] == 0 for query in panel.queries)

    assert "time() - " in first
    assert "fedmeta_target_as_of_timestamp_seconds" in first
    assert board is TARGET or "timestamp(fedmeta_exporter_build_info" in first


# What is worst comes from findings.


@pytest.mark.parametrize("board", [FLEET, TARGET], ids=lambda board: board.name)
def test_the_first_screen_says_what_is_worst_from_findings_with_the_way_to_the_runbooks(board: Board) -> None:
    (wrong,) = (panel for panel in board.panels if panel.title == "What is wrong, worst first")
    links = [each["links"][0]["url"] for each in wrong.overrides.values() if "links" in each]

    assert wrong.json["gridPos"]["y"] <= 6
    assert "fedmeta:finding{" in wrong.queries[0].expr
    assert any("ALERTS_FOR_STATE{" in query.expr for query in wrong.queries)
    assert any(url.endswith("/docs/${__data.fields.section}") for url in links)
    assert wrong.json["options"]["sortBy"][0] == {"displayName": "What", "desc": True}


def test_the_words_and_the_order_of_targets_are_those_of_findings() -> None:
    (table,) = (panel for panel in FLEET.panels if panel.title == "Targets, worst first")
    first = table.json["options"]["sortBy"][0]

    assert first == {"displayName": "Worst finding", "desc": True}
    assert "fedmeta:finding{" in next(
        query.expr for query in table.queries if f"Value #{query.json['refId']}" == sources(table)["Worst finding"]
    )


# Nothing is empty without a sentence: ``noValue`` is shown neither by a merged table nor by a timeline.


@pytest.mark.parametrize("panel", [*TABLES, *TIMELINES, *(each for each in PANELS if each.type == "barchart")], ids=str)
def test_where_there_is_nothing_a_row_or_a_band_says_so(panel: Panel) -> None:
    said = re.findall(r' or on \(\) label_replace\(.*?"\w+", "([A-Z][^"]+)", "", ""\)', panel.queries[0].expr)

    assert said
    assert said[-1] == ("No exporter answered" if panel.type == "state-timeline" else "No exporter answers")
    assert panel.type != "table" or panel.defaults["noValue"] in said


@each_graph
def test_an_empty_graph_claims_nothing_that_a_dead_exporter_would_make_untrue(panel: Panel) -> None:
    assert "in this time" in panel.defaults["noValue"]


# A merge is an outer join.


@each_table
def test_no_column_brings_rows_along(panel: Panel) -> None:
    first, *others = panel.queries
    rows = first.expr.partition(" or on () label_replace(NaN")[0]

    for query in others:
        assert re.search(r"\) and on \([\w, ]+\) \(", query.expr)
        assert query.expr.endswith(f" ({rows})")


# Failures where there are none, axes, fills.


@each_graph
def test_what_is_stacked_begins_at_0_and_nothing_else_is_filled(panel: Panel) -> None:
    custom = panel.defaults["custom"]
    stacked = custom["stacking"]["mode"] != "none"

    assert (custom["fillOpacity"] > 0) == stacked
    if stacked:
        assert panel.defaults["min"] == 0


@each_graph
def test_failures_are_drawn_only_when_there_are_some(panel: Panel) -> None:
    for query in panel.queries:
        colour = panel.overrides.get(query.json["legendFormat"], {}).get("color", {}).get("fixedColor", "")
        if panel.defaults["custom"]["stacking"]["mode"] != "none" and ORANGE_OR_RED.search(colour):
            assert query.expr.endswith(" > 0")


@each_graph
def test_a_graph_of_days_has_an_end_and_its_thresholds_are_no_series(panel: Panel) -> None:
    if panel.defaults["unit"] == "suffix: days":
        assert {"min", "max"} <= panel.defaults.keys()
        assert panel.overrides["/^Threshold/"]["custom.hideFrom"]["legend"]


@pytest.mark.parametrize("panel", [*GRAPHS, *TIMELINES], ids=str)
def test_a_line_keeps_its_name_when_a_certificate_changes_its_position(panel: Panel) -> None:
    assert not any("{{position}}" in query.json["legendFormat"] for query in panel.queries)


def test_of_certificates_and_entities_no_more_are_drawn_than_can_be_told_apart() -> None:
    drawn = [each for each in TARGET.panels if each.type in {"timeseries", "state-timeline", "barchart"}]
    of_entities = [
        query
        for panel in drawn
        for query in panel.queries
        if re.search(r"\bby \([^)]*\b(entity_id|fingerprint)\b", query.expr)
    ]

    assert len(of_entities) >= 7
    assert all(re.search(r"\b(top|bottom)k\(20,", query.expr) for query in of_entities)


@each_timeline
def test_no_more_bands_stand_on_a_page_than_fit(panel: Panel) -> None:
    head_and_axis, band = 90, 20

    assert panel.json["options"]["perPage"] * band <= panel.json["gridPos"]["h"] * 38 - head_and_axis


# Order.


@each_table
def test_what_a_table_is_sorted_by_is_there_in_every_row_or_largest_first(panel: Panel) -> None:
    """Grafana puts what is missing before the smallest, and after the largest."""
    rows = {"Value", "Value #A"}
    for order in panel.json["options"]["sortBy"]:
        source = sources(panel)[order["displayName"]]
        of_certificates = order["displayName"] == "Days left" and panel.title == "Certificates"
        # Every certificate has an end.
        assert order["desc"] or source in rows or not source.startswith("Value") or of_certificates


@each_table
def test_where_rows_are_alike_in_what_they_are_sorted_by_another_column_decides(panel: Panel) -> None:
    first, *others = panel.json["options"]["sortBy"]

    if texts(panel.overrides[first["displayName"]])[1:]:
        assert others or panel.title == "Which certificate is primary, and what says so"


@pytest.mark.parametrize("panel", FLEET.panels, ids=str)
def test_targets_and_domains_of_the_same_name_can_be_told_apart(panel: Panel) -> None:
    for query in panel.queries:
        legend = query.json["legendFormat"]
        assert ("{{target}}" in legend) == ("{{job}}" in legend)
        assert "{{domain}}" not in legend or "{{target}}" in legend
    if panel.type == "table":
        assert ("Target" in shown(panel)) == ("Job" in shown(panel))


def test_a_certificate_of_an_aggregate_has_its_entity() -> None:
    (table,) = (panel for panel in TARGET.panels if panel.title == "Certificates")

    assert sources(table)["Entity"] == "entity_id"


# Bad numbers have a colour.


@each_table
def test_a_cell_of_days_or_of_an_age_has_a_colour_when_it_is_bad(panel: Panel) -> None:
    """What is done at an interval of its own has a column beside it: no number of seconds is late for all."""
    columns = list(shown(panel))
    ages = {f"Value #{query.json['refId']}" for query in panel.queries if re.search(r"^\(?time\(\) - ", query.expr)}
    for name, each in shown(panel).items():
        if columns[columns.index(name) + 1 :][:1] == ["Late by"]:
            assert "thresholds" not in each
        elif each["unit"] == "suffix: days" or sources(panel).get(name) in ages:
            assert each["custom.cellOptions"]["type"] == "color-text"
            assert each["color"]["mode"] == "thresholds"
            assert any(ORANGE_OR_RED.search(step["color"]) for step in each["thresholds"]["steps"]), name


FIXED = {
    ("Oldest scrape", 330),
    ("Differ for", 7200),
    ("Age of reading", 48 * 3600),
}
"""Seconds that are too many whatever is configured."""


def test_no_age_and_no_end_is_judged_by_a_number_that_a_configuration_changes() -> None:
    judged = {
        (name, unit, step["value"])
        for panel in PANELS
        for name, unit, thresholds in [
            (panel.title, panel.defaults["unit"], panel.defaults.get("thresholds")),
            *((name, each.get("unit"), each.get("thresholds")) for name, each in panel.overrides.items()),
        ]
        for step in (thresholds or {"steps": []})["steps"][1:]
    }

    assert {(name, value) for name, unit, value in judged if unit == "s"} == FIXED
    assert {value for _, unit, value in judged if unit == "suffix: days"} == {0}


@pytest.mark.parametrize("panel", [each for each in STATS if "B" in each.overrides], ids=str)
def test_of_two_queries_that_tell_bad_from_good_the_second_has_the_worse_colours(panel: Panel) -> None:
    good, bad = panel.queries
    (override,) = panel.json["fieldConfig"]["overrides"]
    colours = {each["color"] for each in override["properties"][0]["value"]["steps"]}

    assert override["matcher"] == {"id": "byFrameRefID", "options": bad.json["refId"]}
    assert good.expr.replace(" unless on () (", " and on () (") == bad.expr
    assert colours <= {"orange", "red"}


@each_stat
def test_a_number_of_days_has_a_colour_when_it_is_bad(panel: Panel) -> None:
    if panel.defaults["unit"] == "suffix: days":
        assert any(ORANGE_OR_RED.search(step["color"]) for step in panel.defaults["thresholds"]["steps"])


def test_alerts_have_the_colour_of_what_they_are_about() -> None:
    worst: dict[str, list[str]] = {}
    for panel in FLEET.panels:
        if panel.type == "stat":
            every = [panel.defaults, *panel.overrides.values()]
            worst[panel.title] = [each["thresholds"]["steps"][-1]["color"] for each in every if "thresholds" in each]

    assert worst["Alerts firing"] == worst["Look after"] + worst["Act now"] == ["orange", "red"]


def test_what_ad_fs_does_by_itself_is_not_red_for_being_near() -> None:
    (table,) = (panel for panel in FLEET.panels if panel.title == "Next dates, soonest first")
    (promotion,) = (panel for panel in TARGET.panels if panel.title == "Promotion in")

    for steps in (table.overrides["In"]["thresholds"]["steps"], promotion.defaults["thresholds"]["steps"]):
        assert [(each["color"], each["value"]) for each in steps] == [("orange", None), ("text", 0)]


def test_no_certificate_is_green_for_being_the_primary() -> None:
    (table,) = (panel for panel in TARGET.panels if panel.title == "Certificates")

    assert "custom.cellOptions" not in table.overrides["Position"]


# What is cut off.


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("panel", PANELS, ids=str)
def test_no_title_is_cut_off(panel: Panel, screen: int) -> None:
    assert pixels(panel.title) + BESIDE_TITLE <= width(panel, screen)


@each_table
def test_no_cell_is_cut_off(panel: Panel) -> None:
    """A table that is wider than its panel moves sideways; a column that is too narrow cuts its cells."""
    (says,) = re.findall(r'label_replace\(NaN \* .*?, "(\w+)"', panel.queries[0].expr)
    for name, each in shown(panel).items():
        written = [name, *texts(each)]
        if sources(panel)[name] == says:
            written.append(panel.defaults["noValue"])
        if each["unit"] == "dateTimeAsIso":
            written.append(DATE)
        if each["unit"] in {"s", "suffix: days"}:
            written.extend(NUMBERS)
        if name == "Thumbprint":
            written.append(THUMBPRINT)
        room = each.get("custom.width") or each["custom.minWidth"]
        assert math.ceil(max(pixels(text) / 1.03 for text in written)) + CELL <= room, name


# Rights.


def test_nobody_needs_more_than_a_viewers_rights() -> None:
    for file in ("compose.yaml", "tests/demo_stack.py"):
        text = (FOLDER.parent / file).read_text(encoding="utf-8")
        assert "GF_AUTH_ANONYMOUS_ORG_ROLE" in text
        assert "Editor" not in text
