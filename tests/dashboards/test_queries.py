"""What the queries that carry meaning answer, by ``promtool test rules``."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from boards import BOARDS, Query, filled_in

from dashboards import words
from exporter.rollover import State

Answers = Mapping[str, float]
"""Values by labels as PromQL spells them; labels of no series are ``{}``."""

Ask = Callable[[Query, Mapping[str, float], Answers], None]

DAY = 86400

FLEET, TARGET, EXPORTER = BOARDS


def panel(title: str, refid: str = "A") -> Query:
    """The query of a panel, by the panel's title."""
    (found,) = (
        query
        for board in BOARDS
        for query in board.queries
        if query.panel.title == title
        and query.json["refId"] == refid
        and (board, title) != (TARGET, "What changed lately")
    )
    return found


def column(table: str, name: str) -> Query:
    """The query of a table's column."""
    query = panel(table)
    organize = next(each["options"] for each in query.panel.json["transformations"] if each["id"] == "organize")
    (source,) = (source for source, given in organize["renameByName"].items() if given == name)
    return panel(table, source.removeprefix("Value #"))


@pytest.fixture
def ask(promtool: str, tmp_path: Path) -> Ask:
    """Asserts what a query answers a day after 1970 began, when every series has had its value for that long."""

    def asked(query: Query, series: Mapping[str, float], expected: Answers) -> None:
        test = {
            "interval": "1h",
            "input_series": [{"series": name, "values": f"{value:g}x24"} for name, value in series.items()],
            "promql_expr_test": [
                {
                    "expr": filled_in(query.expr, target="a"),
                    "eval_time": "1d",
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
                }
            ],
        }
        file = tmp_path / "test.yml"
        file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1h", "tests": [test]}))

        ran = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool

        assert ran.returncode == 0, f"{query}: {ran.stdout}{ran.stderr}"

    return asked


def target(name: str, instance: str = "x:1") -> str:
    return f'job="j", instance="{instance}", target="{name}"'


def farm(
    name: str, state: State, *, left: float, successor: float | None = None, instance: str = "x:1"
) -> dict[str, float]:
    """The series of a farm whose document was read."""
    labels = target(name, instance)
    entity = f'{labels}, entity_id="e:{name}", role="idp"'
    series: dict[str, float] = {
        f"fedmeta_target_info{{{labels}}}": 1,
        f"fedmeta_metadata_size_bytes{{{labels}}}": 40_000,
        f'fedmeta_metadata_reachable{{{labels}, node="service", vantage="default"}}': 1,
        f'fedmeta_threshold_days{{{labels}, threshold="missing"}}': 5,
        f'fedmeta_rollover_certificate_expiry_days{{{entity}, position="primary"}}': left,
    }
    if successor is not None:
        series[f'fedmeta_rollover_certificate_expiry_days{{{entity}, position="successor"}}'] = successor
    return series | {f'fedmeta_rollover_state{{{entity}, state="{each}"}}': each is state for each in State}


def number(state: State) -> int:
    value = words.STATES[state][0].value
    assert isinstance(value, int)
    return value


def never_read(name: str) -> dict[str, float]:
    labels = target(name)
    return {
        f"fedmeta_target_info{{{labels}}}": 1,
        f'fedmeta_metadata_reachable{{{labels}, node="service", vantage="default"}}': 0,
    }


STATE = column("Targets, worst first", "State")


@pytest.mark.parametrize("state", State)
def test_a_target_has_the_number_of_its_state(ask: Ask, state: State) -> None:
    ask(STATE, farm("a", state, left=10), {'{job="j", target="a"}': number(state)})


def test_a_target_that_was_never_read_says_so(ask: Ask) -> None:
    ask(STATE, never_read("a"), {'{job="j", target="a"}': words.NO_DOCUMENT})


def test_a_pair_of_exporters_is_one_row_even_if_one_of_them_has_read_nothing_yet(ask: Ask) -> None:
    pair = farm("a", State.DUE, left=20) | {f"fedmeta_target_info{{{target('a', 'y:1')}}}": 1}

    ask(STATE, pair, {'{job="j", target="a"}': number(State.DUE)})


def test_the_worst_watched_entity_of_an_aggregate_is_its_state_and_one_that_nobody_watches_is_none(ask: Ask) -> None:
    labels = target("a")
    aggregate = {
        f"fedmeta_target_info{{{labels}}}": 1,
        f"fedmeta_metadata_size_bytes{{{labels}}}": 9_000_000,
    }
    for entity, state, watched in (("b", State.DUE, 1), ("c", State.STEADY, 1), ("d", State.EXPIRED, 0)):
        aggregate[f'fedmeta_entity_watched{{{labels}, entity_id="{entity}"}}'] = watched
        for each in State:
            series = f'fedmeta_rollover_state{{{labels}, entity_id="{entity}", role="idp", state="{each}"}}'
            aggregate[series] = each is state

    ask(STATE, aggregate, {'{job="j", target="a"}': number(State.DUE)})
    ask(panel("Act now"), aggregate, {"{}": 0})
    # Its own board shows them all.
    ask(panel("State"), aggregate, {'{job="j", target="a"}': number(State.EXPIRED)})


def test_an_aggregate_of_which_nothing_is_watched_is_not_judged(ask: Ask) -> None:
    labels = target("a")
    aggregate = {
        f"fedmeta_target_info{{{labels}}}": 1,
        f"fedmeta_metadata_size_bytes{{{labels}}}": 9_000_000,
        f'fedmeta_entity_watched{{{labels}, entity_id="d"}}': 0,
        f'fedmeta_rollover_state{{{labels}, entity_id="d", role="idp", state="expired"}}': 1,
    }

    ask(STATE, aggregate, {'{job="j", target="a"}': words.NOT_JUDGED})


FARMS = (
    farm("expired", State.EXPIRED, left=-3)
    | farm("missing", State.MISSING, left=3)
    | farm("stalled", State.STALLED, left=9, successor=354)
    | farm("stalled-late", State.STALLED, left=5, successor=354)
    | farm("due", State.DUE, left=25)
    | farm("steady", State.STEADY, left=200)
    | never_read("silent")
)


def test_a_promotion_that_stalls_until_the_last_days_is_to_be_acted_on_now_and_one_before_can_wait(ask: Ask) -> None:
    ask(panel("Act now"), FARMS, {"{}": 3})
    ask(panel("Look after"), FARMS, {"{}": 2})


def test_targets_are_counted_once_and_by_reachability(ask: Ask) -> None:
    second = FARMS | farm("steady", State.STEADY, left=200, instance="y:1")

    ask(FLEET.queries[0], second, {"{}": 7})
    ask(panel("Reachable"), second, {"{}": 6})
    ask(panel("Unreachable"), second, {"{}": 1})


def test_the_tiles_count_targets_by_state_and_those_without_a_document(ask: Ask) -> None:
    tiles = {query.json["legendFormat"]: query for query in panel("Targets by state, worst first").panel.queries}

    ask(tiles["Promotion stalled"], FARMS, {"{}": 2})
    ask(tiles["No document"], FARMS, {"{}": 1})
    ask(tiles["No signing key"], FARMS, {"{}": 0})


def test_days_are_those_of_the_primary_and_of_the_successor_where_there_is_one(ask: Ask) -> None:
    farms = farm("a", State.PUBLISHED, left=18, successor=363) | farm("b", State.STEADY, left=200)

    ask(
        column("Targets, worst first", "Primary left"),
        farms,
        {'{job="j", target="a"}': 18, '{job="j", target="b"}': 200},
    )
    ask(column("Targets, worst first", "Successor left"), farms, {'{job="j", target="a"}': 363})
    ask(panel("First to end"), farms, {"{}": 18})


def test_a_target_is_reachable_only_from_everywhere(ask: Ask) -> None:
    looks = {
        f'fedmeta_metadata_reachable{{{target("a")}, node="service", vantage="inside"}}': 1,
        f'fedmeta_metadata_reachable{{{target("a")}, node="service", vantage="internet"}}': 0,
        f'fedmeta_metadata_reachable{{{target("a", "y:1")}, node="service", vantage="internet"}}': 0,
    }

    ask(column("Targets, worst first", "Reachable"), looks, {'{job="j", target="a"}': 0})


def test_changes_and_promotions_are_news_for_thirty_days_and_then_there_is_none(ask: Ask) -> None:
    entity = f'{target("a")}, entity_id="e", role="idp"'
    news = {
        f'fedmeta_key_set_last_change_timestamp_seconds{{{entity}, use="signing", change="added"}}': DAY - 60,
        f'fedmeta_key_set_last_change_timestamp_seconds{{{entity}, use="signing", change="removed"}}': -30 * DAY,
        f"fedmeta_rollover_last_promotion_timestamp_seconds{{{entity}}}": DAY - 5,
    }
    row = 'job="j", target="a", use="signing"'

    ask(
        panel("What changed lately"),
        news,
        {f'{{{row}, change="added"}}': 1000 * (DAY - 60), f'{{{row}, change="promoted"}}': 1000 * (DAY - 5)},
    )
    ask(panel("What changed lately"), {}, {f'{{change="{words.NOTHING}"}}': 0})


def certificate(fingerprint: str, *, begins: float, ends: float) -> dict[str, float]:
    """The series of a primary by its dates, in days from the moment of asking."""
    labels = f'{target("a")}, entity_id="e", role="idp", use="signing", fingerprint="{fingerprint}"'
    return {
        f'fedmeta_certificate_expiry_days{{{labels}, position="primary"}}': ends,
        f"fedmeta_certificate_not_before_timestamp_seconds{{{labels}}}": DAY + begins * DAY,
        f"fedmeta_certificate_not_after_timestamp_seconds{{{labels}}}": DAY + ends * DAY,
        f'fedmeta_certificate_info{{{labels}, position="primary", subject="CN=x", thumbprint="AB"}}': 1,
    }


LIVES = (
    certificate("a" * 64, begins=-347, ends=18)
    | certificate("b" * 64, begins=-368, ends=-3)
    | certificate("c" * 64, begins=2, ends=367)
)


@pytest.mark.parametrize(
    ("stretch", "expected"),
    [
        ("Ended since", {"b": -3}),
        ("Lived", {"a": -347, "b": -365}),
        ("Begins in", {"c": 2}),
        ("Left", {"a": 18, "c": 365}),
    ],
)
def test_the_stretches_of_a_life_join_without_gap_and_without_zero(
    ask: Ask, stretch: str, expected: Mapping[str, float]
) -> None:
    title = "Validity, in days from today"
    answers = {f'{{certificate="idp signing primary {digit * 8}"}}': days for digit, days in expected.items()}

    ask(column(title, stretch), LIVES, answers)


def test_life_used_is_a_share(ask: Ask) -> None:
    lives = certificate("a" * 64, begins=-75, ends=25) | certificate("b" * 64, begins=-20, ends=-10)
    labels = 'entity_id="e", role="idp", use="signing"'

    ask(
        column("Certificates", "Life used"),
        lives,
        {f'{{{labels}, fingerprint="{"a" * 64}"}}': 0.75, f'{{{labels}, fingerprint="{"b" * 64}"}}': 1},
    )


def test_a_certificate_that_has_ended_is_no_primary_any_more(ask: Ask) -> None:
    row = 'role="idp", use="signing"'

    ask(
        panel("Positions over time"),
        certificate("a" * 64, begins=-75, ends=25) | certificate("b" * 64, begins=-20, ends=-10),
        {
            f'{{{row}, fingerprint="{"a" * 64}", short="{"a" * 8}"}}': 3,
            f'{{{row}, fingerprint="{"b" * 64}", short="{"b" * 8}"}}': words.ENDED,
        },
    )


def test_no_failure_no_fault_and_no_failed_look_are_said_in_words(ask: Ask) -> None:
    quiet = {
        f"fedmeta_metadata_size_bytes{{{target('a')}}}": 40_000,
        f'fedmeta_metadata_faults{{{target("a")}, kind="use_unknown"}}': 0,
        'fedmeta_exporter_probe_failures_total{job="j", instance="x:1", reason="dns"}': 0,
    }

    ask(panel("Why it failed"), quiet, {'{reason="no failure"}': 0})
    ask(panel("Faults of the document"), quiet, {'{kind="nothing"}': 0})
    ask(panel("Failed looks by reason"), quiet, {'{reason="none failed"}': 0})
    ask(panel("Weak certificates"), quiet, {"{}": 0})


def test_where_no_document_was_read_no_fault_is_denied(ask: Ask) -> None:
    ask(panel("Faults of the document"), never_read("a"), {})
    ask(panel("Weak certificates"), never_read("a"), {})


def test_a_fault_and_a_failure_are_named(ask: Ask) -> None:
    bad = {
        f'fedmeta_metadata_faults{{{target("a")}, kind="certificate_der"}}': 2,
        f'fedmeta_metadata_faults{{{target("a")}, kind="use_unknown"}}': 0,
        f'fedmeta_probe_last_failure_info{{{target("a")}, node="service", vantage="default", reason="dns"}}': 1,
    }

    ask(panel("Faults of the document"), bad, {'{kind="certificate_der"}': 2})
    ask(panel("Why it failed"), bad, {'{reason="dns"}': 1})
