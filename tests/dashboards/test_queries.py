"""What the queries that carry meaning answer, by ``promtool test rules``."""

import math
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
import yaml
from boards import BOARDS, Query, filled_in

from dashboards import words
from dashboards.queries import ABSENT
from dashboards.style import Colour
from exporter.config.settings import Look
from exporter.findings import Kind
from exporter.inquiry import UpdateResult
from exporter.record import fresh_for
from exporter.rollover import State
from exporter.trust import TrustState

Answers = Mapping[str, float]
"""Values by labels as PromQL spells them; labels of no series are ``{}``."""


class Ask(Protocol):
    """Asserts what a query answers; ``over`` is the time that the board shows."""

    def __call__(self, query: Query, series: Mapping[str, float], expected: Answers, *, over: str = "1h") -> None: ...


DAY = 86400

EXPORTERS = {
    f'{name}{{job="j", instance="{instance}"}}': 1.0
    for name in ("fedmeta_exporter_build_info", "up")
    for instance in ("x:1", "y:1")
}
"""Both answer, unless a test says something else."""

NOBODY = dict.fromkeys(EXPORTERS, math.nan)
"""Neither does any more."""

FLEET, TARGET, EXPORTER = BOARDS


def panel(title: str, refid: str = "A") -> Query:
    """The query of a panel, by the panel's title: of the first board that has it."""
    return next(
        query
        for board in BOARDS
        for query in board.queries
        if query.panel.title == title and query.json["refId"] == refid
    )


def column(table: str, name: str) -> Query:
    """The query that a table's column shows the value of, or a label that the rows do not have."""
    query = panel(table)
    organize = next(each["options"] for each in query.panel.json["transformations"] if each["id"] == "organize")
    (source,) = (source for source, given in organize["renameByName"].items() if given == name)
    if source.startswith("Value #"):
        return panel(table, source.removeprefix("Value #"))
    (found,) = (each for each in query.panel.queries[1:] if re.search(rf"\bby \([^)]*\b{source}\b", each.expr))
    return found


def counted(query: Query) -> Query:
    """How many series a query answers with."""
    return replace(query, json={**query.json, "expr": f"count({query.expr})"})


def either(queries: Sequence[Query]) -> Query:
    """What any of these queries answers."""
    first, *_ = queries
    return replace(first, json={**first.json, "expr": " or ".join(f"({query.expr})" for query in queries)})


def said(query: Query, label: str) -> Query:
    """The values of a label that a query answers with, whatever the numbers are."""
    return replace(query, json={**query.json, "expr": f"group by ({label}) ({query.expr})"})


@pytest.fixture
def ask(promtool: str, tmp_path: Path) -> Ask:
    """Asserts what a query answers a day after 1970 began, when every series has had its value for that long."""

    def asked(query: Query, series: Mapping[str, float], expected: Answers, *, over: str = "1h") -> None:
        test = {
            "interval": "1h",
            "input_series": [
                {"series": name, "values": "1x22 stale" if math.isnan(value) else f"{value:g}x24"}
                for name, value in {**EXPORTERS, **series}.items()
            ],
            "promql_expr_test": [
                {
                    "expr": filled_in(query.expr, target="a", __range=over),
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


def threshold(name: str, policy: str = "default", profile: str = "adfs", instance: str = "x:1") -> str:
    """The series of a threshold of a policy under a profile."""
    labels = f'job="j", instance="{instance}", policy="{policy}", profile="{profile}", threshold="{name}"'
    return f"fedmeta_policy_threshold_days{{{labels}}}"


def farm(
    name: str, state: State, *, left: float, successor: float | None = None, instance: str = "x:1"
) -> dict[str, float]:
    """The series of a farm whose document was read."""
    labels = target(name, instance)
    entity = f'{labels}, entity_id="e:{name}", role="idp"'
    series: dict[str, float] = {
        f'fedmeta_target_info{{{labels}, policy="default", profile="adfs"}}': 1,
        f"fedmeta_metadata_size_bytes{{{labels}}}": 40_000,
        f'fedmeta_metadata_reachable{{{labels}, node="service", vantage="default"}}': 1,
        threshold("missing", instance=instance): 5,
        f'fedmeta_rollover_state{{{entity}, state="{state}"}}': 1,
        f'fedmeta_rollover_certificate_expiry_days{{{entity}, position="primary"}}': left,
    }
    if successor is not None:
        series[f'fedmeta_rollover_certificate_expiry_days{{{entity}, position="successor"}}'] = successor
    return series


def number(state: State) -> int:
    value = words.STATES[state].value
    assert isinstance(value, int)
    return value


def never_read(name: str) -> dict[str, float]:
    labels = target(name)
    return {
        f"fedmeta_target_info{{{labels}}}": 1,
        f'fedmeta_metadata_reachable{{{labels}, node="service", vantage="default"}}': 0,
    }


def trust(domain: str, state: TrustState, instance: str = "x:1") -> dict[str, float]:
    """The series of a domain whose trust is in this state."""
    labels = f'{target("a", instance)}, domain="{domain}"'
    return {
        f'fedmeta_trust_info{{{labels}, source="graph", cloud="global", service="fs.contoso.com"}}': 1,
        f'fedmeta_trust_state{{{labels}, state="{state}"}}': 1,
    }


def trust_number(state: TrustState) -> int:
    value = words.TRUSTS[state].value
    assert isinstance(value, int)
    return value


def nodes(instance: str) -> dict[str, float]:
    """The series of a service and two nodes, of which one cannot be reached and served other keys before."""
    labels = target("a", instance)
    series = {
        f'fedmeta_metadata_reachable{{{labels}, node="{node}", vantage="default"}}': float(node != "wap2")
        for node in ("service", "wap1", "wap2")
    }
    return series | {
        f'fedmeta_probe_last_failure_info{{{labels}, node="wap2", vantage="default", reason="refused"}}': 1,
        f"fedmeta_nodes_agree{{{labels}}}": 0,
        f"fedmeta_nodes_differ_since_timestamp_seconds{{{labels}}}": DAY - 7200,
    }


NODES = nodes("x:1") | nodes("y:1")
DOMAINS = "Domains, worst first"
STATE = panel("State")
WORST = column("Targets, worst first", "Worst finding")
WRONG = "What is wrong, worst first"


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
        aggregate[f'fedmeta_rollover_state{{{labels}, entity_id="{entity}", role="idp", state="{state}"}}'] = 1

    ask(panel("State of each target"), aggregate, {'{job="j", target="a"}': number(State.DUE)})


def test_an_aggregate_of_which_nothing_is_watched_has_no_state_on_the_board_of_all_and_its_own_shows_it(
    ask: Ask,
) -> None:
    labels = target("a")
    aggregate = {
        f"fedmeta_target_info{{{labels}}}": 1,
        f"fedmeta_metadata_size_bytes{{{labels}}}": 9_000_000,
        f'fedmeta_entity_watched{{{labels}, entity_id="d"}}': 0,
        f'fedmeta_rollover_state{{{labels}, entity_id="d", role="idp", state="expired"}}': 1,
    }
    lines = {query.json["legendFormat"]: query for query in panel("Targets by state, worst first").panel.queries}

    ask(lines["Expired"], aggregate, {"{}": 0})
    ask(panel("State of each target"), aggregate, {'{target="No target has a state", job="–"}': -1})  # noqa: RUF001 -- a dash, not a minus
    ask(STATE, aggregate, {'{job="j", target="a"}': number(State.EXPIRED)})


FARMS = (
    farm("expired", State.EXPIRED, left=-3)
    | farm("missing", State.MISSING, left=3)
    | farm("stalled", State.STALLED, left=9, successor=354)
    | farm("stalled-late", State.STALLED, left=5, successor=354)
    | farm("due", State.DUE, left=25)
    | farm("steady", State.STEADY, left=200)
    | never_read("silent")
)


def finding(name: str, kind: Kind, *more: str, metric: str = "fedmeta_finding") -> dict[str, float]:
    """The series of something that was found."""
    labels = ", ".join((target(name), f'finding="{kind}"', f'severity="{kind.severity.name.lower()}"', *more))
    return {f"{metric}{{{labels}}}": 1}


def trouble(kind: Kind | str) -> int:
    """The number of its word."""
    (found,) = (each.word.value for each in words.TROUBLES if each.name == kind)
    assert isinstance(found, int)
    return found


RULES = {f'fedmeta:exporter:last{{job="j", instance="{instance}"}}': float(DAY) for instance in ("x:1", "y:1")}
"""What is there where the rules are loaded."""


def read(name: str) -> dict[str, float]:
    """The series of a target whose document was read a minute ago."""
    return {
        f"fedmeta_target_info{{{target(name)}}}": 1,
        f"fedmeta_target_as_of_timestamp_seconds{{{target(name)}}}": DAY - 60,
    }


def test_trust_that_is_broken_is_the_worst_whatever_the_rollover_is(ask: Ask) -> None:
    broken = (
        read("a")
        | farm("a", State.PROMOTED, left=350)
        | finding("a", Kind.PRIMARY_CHANGED, 'entity_id="e"')
        | finding("a", Kind.TRUST_BROKEN, 'domain="contoso.com"')
    )
    row = 'job="j", target="a"'
    worst = {f"{{{row}}}": trouble(Kind.TRUST_BROKEN)}

    ask(WORST, broken, worst)
    ask(panel("Worst finding"), broken, worst)
    ask(
        panel("What to do"),
        broken,
        {f'{{{row}, section="runbooks.md#fedmetatrustbroken"}}': trouble(Kind.TRUST_BROKEN)},
    )
    ask(panel("Act now"), broken, {"{}": 1})
    ask(
        said(panel(WRONG), "finding, about, section"),
        broken,
        {
            '{finding="trust_broken", about="contoso.com   ", section="runbooks.md#fedmetatrustbroken"}': 1,
            '{finding="primary_changed", about="   e", section="runbooks.md#fedmetaprimarychanged"}': 1,
        },
    )
    assert [word.colour for word in words.FOUND if word.value == trouble(Kind.TRUST_BROKEN)] == [Colour.RED]


def test_each_finding_leads_to_its_section_from_the_list_and_from_the_tile(ask: Ask) -> None:
    every = [(f"target-{number}", kind) for number, kind in enumerate(Kind)]
    found = {name: value for each, kind in every for name, value in finding(each, kind).items()}
    sections = {each.name: each.section for each in words.TROUBLES}
    tile = panel("What to do")
    of_all = replace(tile, json={**tile.json, "expr": tile.expr.replace('target="$target"', 'target=~".+"')})

    ask(
        said(panel(WRONG), "finding, section"),
        found,
        {f'{{finding="{kind}", section="{sections[kind]}"}}': 1 for kind in Kind},
    )
    ask(
        of_all,
        found,
        {f'{{job="j", target="{each}", section="{sections[kind]}"}}': trouble(kind) for each, kind in every},
    )


def test_where_nothing_is_to_be_done_the_way_leads_to_the_table_of_findings(ask: Ask) -> None:
    new = {f"fedmeta_target_info{{{target('a')}}}": 1.0}
    row = f'job="j", target="a", section="{words.NO_RUNBOOK}"'

    ask(panel("What to do"), read("a"), {f"{{{row}}}": words.NOTHING_FOUND})
    ask(panel("What to do"), new, {f"{{{row}}}": words.NOT_LOOKED_AT})
    ask(said(panel(WRONG), "finding, section"), read("a"), {f'{{finding="nothing", section="{words.NO_RUNBOOK}"}}': 1})


def test_targets_are_counted_by_the_worst_that_was_found_of_each(ask: Ask) -> None:
    found = (
        finding("a", Kind.ROLLOVER_MISSING, 'entity_id="e"')
        | finding("a", Kind.CERTIFICATE_WEAK, 'entity_id="e"')
        | finding("b", Kind.RENEWAL_DUE, 'entity_id="e"')
        | finding("b", Kind.METADATA_UNREACHABLE, 'node="service"', 'vantage="default"')
        | finding("c", Kind.SUCCESSOR_PUBLISHED, 'entity_id="e"')
    )

    ask(panel("Act now"), found, {"{}": 1})
    ask(panel("Look after"), found, {"{}": 1})


def test_where_rules_are_loaded_what_they_hold_counts_and_not_what_one_exporter_says(ask: Ask) -> None:
    blind = read("a") | finding("a", Kind.TRUST_BROKEN, 'domain="contoso.com"')
    held = finding("b", Kind.RENEWAL_DUE, 'entity_id="e"', metric="fedmeta:finding")

    ask(panel("Act now"), blind, {"{}": 1})
    ask(panel("Act now"), blind | held | RULES, {"{}": 0})
    ask(panel("Look after"), blind | held | RULES, {"{}": 1})


def test_a_target_without_findings_says_so_and_one_that_was_never_looked_at_too(ask: Ask) -> None:
    row, new = '{job="j", target="a"}', {f"fedmeta_target_info{{{target('a')}}}": 1.0}

    ask(panel("Worst finding"), read("a"), {row: words.NOTHING_FOUND})
    ask(panel("Worst finding"), new, {row: words.NOT_LOOKED_AT})
    ask(said(panel(WRONG), "finding"), read("a"), {f'{{finding="{words.NOTHING}"}}': 1})


def alert(name: str, *labels: str) -> dict[str, float]:
    """The series of an alert that has fired for an hour."""
    known = ", ".join((f'alertname="{name}"', 'job="j"', 'severity="warning"', *labels))
    return {
        f'ALERTS{{{known}, alertstate="firing"}}': 1,
        f"ALERTS_FOR_STATE{{{known}}}": DAY - 3600,
    }


def test_an_alert_that_fires_says_since_when_beside_what_was_found_and_one_on_an_exporter_stands_by_itself(
    ask: Ask,
) -> None:
    due = finding("a", Kind.RENEWAL_DUE, 'entity_id="e"')
    fires = (
        RULES
        | {each.replace("fedmeta_finding", "fedmeta:finding"): value for each, value in due.items()}
        | alert("FedmetaRenewalDue", 'target="a"', 'finding="renewal_due"', 'entity_id="e"')
        | alert("FedmetaExporterDown", 'instance="y:1"')
        | alert("HostDown", 'instance="y:1"')
    )
    keys = {'{key="j a renewal_due    e"}': 1000 * (DAY - 3600), '{key="j  exporter_down  y:1  "}': 1000 * (DAY - 3600)}

    ask(
        said(panel(WRONG), "finding, about, section"),
        fires,
        {
            '{finding="renewal_due", about="   e", section="runbooks.md#fedmetarenewaldue"}': 1,
            '{finding="exporter_down", about=" y:1  ", section="runbooks.md#fedmetaexporterdown"}': 1,
        },
    )
    ask(column(WRONG, "Alert since"), fires, keys)
    ask(panel("Alerts firing"), fires, {"{}": 2})
    ask(panel("Alerts firing"), RULES, {"{}": 0})
    ask(panel("Alerts firing"), {}, {})


GONE = {f"fedmeta_target_info{{{target('a')}}}": math.nan, **NOBODY} | {
    f'{name}{{job="j", instance="x:1"}}': math.nan
    for name in ("fedmeta_exporter_storage_errors_total", "fedmeta_probes_total", "fedmeta_exporter_targets")
}
DOWN = {'up{job="j", instance="x:1"}': 0.0, 'up{job="j", instance="y:1"}': 0.0}
"""Prometheus says so of exporters that it cannot scrape; those that it does not know any more have nothing."""


@pytest.mark.parametrize("over", ["1h", "6h"], ids=["long ago", "in the time shown"])
@pytest.mark.parametrize("gone", [GONE, GONE | DOWN], ids=["unknown", "down"])
def test_with_no_exporter_no_count_is_zero_whenever_the_last_one_answered(
    ask: Ask, gone: Mapping[str, float], over: str
) -> None:
    counts = [
        query
        for board in BOARDS
        for query in board.queries
        if query.panel.type == "stat" and query.panel.title != "Exporters up" and query.json["instant"]
    ]

    assert len(counts) > 50
    ask(either(counts), gone, {}, over=over)


@pytest.mark.parametrize("gone", [GONE, GONE | DOWN], ids=["unknown", "down"])
def test_with_no_exporter_every_table_says_so_and_not_that_there_is_nothing(
    ask: Ask, gone: Mapping[str, float]
) -> None:
    tables = [each.queries[0] for board in BOARDS for each in board.panels if each.type in {"table", "barchart"}]
    says = [re.search(r'label_replace\(vector\(NaN\), "(\w+)", ', query.expr) for query in tables]
    sentences = [
        replace(query, json={**query.json, "expr": f'label_replace({query.expr}, "said", "$1", "{found[1]}", "(.*)")'})
        for query, found in zip(tables, says, strict=True)
        if found
    ]

    assert len(sentences) == len(tables)
    ask(said(either(sentences), "said"), gone, {'{said="No exporter answers"}': 1})


def test_the_first_tile_says_that_no_exporter_is_up(ask: Ask) -> None:
    ask(panel("Exporters up"), GONE, {'{up="0", expected="0"}': 1})
    ask(panel("Exporters up"), GONE | DOWN | RULES, {'{up="0", expected="2"}': 2})


def test_writes_that_failed_are_counted_while_an_exporter_answers(ask: Ask) -> None:
    none = {'fedmeta_exporter_storage_errors_total{job="j", instance="x:1"}': 3.0}

    ask(panel("State not saved"), none, {"{}": 0}, over="6h")
    ask(panel("State not saved"), none | NOBODY, {}, over="6h")


def test_a_band_says_that_no_exporter_answered_and_not_that_there_is_nothing(ask: Ask) -> None:
    ask(panel("State over time"), never_read("a"), {'{entity_id="No document was read yet"}': -1})
    ask(panel("State of each target"), never_read("a"), {'{target="No target has a state", job="–"}': -1})  # noqa: RUF001 -- a dash, not a minus
    ask(panel("State over time"), NOBODY, {'{entity_id="No exporter answered"}': -1})


def test_one_of_a_pair_that_is_down_is_seen_in_the_first_tile(ask: Ask) -> None:
    ask(panel("Exporters up"), {}, {'{up="2", expected="2"}': 0})
    ask(panel("Exporters up"), {'up{job="j", instance="y:1"}': 0}, {'{up="1", expected="2"}': 1})
    for other in ("node", "fedmeta-probes"):
        ask(panel("Exporters up"), {f'up{{job="{other}", instance="z:1"}}': 0}, {'{up="2", expected="2"}': 0})


def test_an_exporter_that_never_answered_is_expected_by_the_name_of_its_job_beside_one_that_did(ask: Ask) -> None:
    never = {'up{job="j", instance="z:1"}': 0.0}
    named = {each.replace('job="j"', 'job="fedmeta"'): value for each, value in (EXPORTERS | never).items()}

    # In a job of another name it may be anything.
    ask(panel("Exporters up"), never, {'{up="2", expected="2"}': 0})
    ask(panel("Exporters up"), NOBODY | named, {'{up="2", expected="3"}': 1})


def test_the_age_of_what_is_shown_is_that_of_the_oldest(ask: Ask) -> None:
    ages = read("a") | read("b") | {f"fedmeta_target_as_of_timestamp_seconds{{{target('b')}}}": DAY - 7200}

    ask(panel("Oldest document"), ages, {"{}": 7200})
    ask(panel("Oldest scrape"), ages, {"{}": 0})
    ask(panel("Oldest scrape"), NOBODY | RULES | {'up{job="j", instance="x:1"}': 0}, {"{}": 0})
    ask(panel("Document read"), ages, {'{job="j", target="a"}': 60})


LATE = ("Document read", "Oldest document", "Last look")


def looked(name: str, interval: float, ago: float) -> dict[str, float]:
    """The series of a target that was last looked at, with success, so long ago."""
    look = f'{target(name)}, node="service", vantage="default"'
    return {
        f"fedmeta_target_interval_seconds{{{target(name)}}}": interval,
        f"fedmeta_target_as_of_timestamp_seconds{{{target(name)}}}": DAY - ago,
        f"fedmeta_probe_last_attempt_timestamp_seconds{{{look}}}": DAY - ago,
        f"fedmeta_probe_last_success_timestamp_seconds{{{look}}}": DAY - ago,
    }


@pytest.mark.parametrize("interval", [60, 300, 1200, 3600, 7200])
@pytest.mark.parametrize("title", LATE)
def test_what_is_read_at_an_interval_is_bad_when_the_findings_say_it_is_late(
    ask: Ask, title: str, interval: float
) -> None:
    patience = fresh_for(Look("https://sts.example", interval=interval)).total_seconds()
    labels = "{}" if title == "Oldest document" else '{job="j", target="a"}'

    ask(panel(title), looked("a", interval, patience), {labels: patience})
    ask(panel(title, "B"), looked("a", interval, patience), {})
    ask(panel(title), looked("a", interval, patience + 60), {})
    ask(panel(title, "B"), looked("a", interval, patience + 60), {labels: patience + 60})


def test_a_row_says_by_how_much_its_target_or_its_answer_is_late(ask: Ask) -> None:
    hours = (
        looked("a", 3600, 4 * 3600)
        | looked("b", 3600, 2 * 3600)
        | {f"fedmeta_target_info{{{target(name)}}}": 1.0 for name in ("a", "b")}
    )
    told = trust("contoso.com", TrustState.UNKNOWN) | {
        f'fedmeta_trust_as_of_timestamp_seconds{{{target("a")}, domain="contoso.com"}}': DAY - 7200,
        f"fedmeta_trust_interval_seconds{{{target('a')}}}": 1200,
    }
    in_time = told | {f"fedmeta_trust_interval_seconds{{{target('a')}}}": 3600}

    ask(column("Targets, worst first", "Late by"), hours, {'{job="j", target="a"}': 3600})
    ask(
        column("Which node serves what", "Late by"),
        hours | nodes("x:1"),
        {'{job="j", target="a", node="service", vantage="default"}': 3600},
    )
    ask(column(DOMAINS, "Late by"), told, {'{job="j", target="a", domain="contoso.com"}': 7200 - 3600 - 600})
    ask(column(DOMAINS, "Late by"), in_time, {})


def test_days_are_few_by_the_policy_of_their_own_target(ask: Ask) -> None:
    tls = f"fedmeta_tls_certificate_not_after_timestamp_seconds{{{target('a')}}}"
    seven = farm("a", State.DUE, left=7) | {tls: 21 * DAY, threshold("tls"): 14}
    strict = seven | {threshold("missing"): 9, threshold("tls"): 30}
    days, row = {"Primary left": 7, "First to end": 7, "TLS ends in": 20}, '{job="j", target="a"}'

    for title, left in days.items():
        labels = "{}" if title == "First to end" else row
        ask(panel(title), seven, {labels: left})
        ask(panel(title, "B"), seven, {})
        ask(panel(title), strict, {})
        ask(panel(title, "B"), strict, {labels: left})


def test_a_warning_that_fires_is_not_as_bad_as_what_is_critical(ask: Ask) -> None:
    warns = RULES | alert("FedmetaRenewalDue", 'target="a"')
    both = warns | {
        each.replace("RenewalDue", "TrustBroken").replace("warning", "critical"): value for each, value in warns.items()
    }

    ask(panel("Alerts firing"), warns, {"{}": 1})
    ask(panel("Alerts firing", "B"), warns, {})
    ask(panel("Alerts firing"), both, {})
    ask(panel("Alerts firing", "B"), both, {"{}": 2})


def test_a_certificate_is_called_by_the_same_digits_wherever_it_stands(ask: Ask) -> None:
    life = certificate("0123456789abcdef" * 4, begins=-75, ends=25)
    digits = {'{short="01234567"}': 1.0}

    for title in ("Certificates", "Positions over time", "Days left of each certificate"):
        ask(said(panel(title), "short"), life, digits)
    ask(panel("Validity, in days from today", "B"), life, {'{certificate="idp,sp signing primary 01234567"}': -75})


def test_what_comes_next_is_listed_by_date_and_what_is_past_is_not(ask: Ask) -> None:
    farms = (
        farm("a", State.STEADY, left=60)
        | farm("b", State.PUBLISHED, left=18, successor=363)
        | farm("c", State.EXPIRED, left=-3)
        | {threshold("generation"): 20}
        | {
            f"fedmeta_rollover_promotion_timestamp_seconds{{{target('b')}}}": 4 * DAY,
            f"fedmeta_tls_certificate_not_after_timestamp_seconds{{{target('b')}}}": 31 * DAY,
            f"fedmeta_metadata_valid_until_timestamp_seconds{{{target('a')}}}": 8 * DAY,
            f'fedmeta_trust_certificate_not_after_timestamp_seconds{{{target("a")}, domain="contoso.com"}}': 11 * DAY,
        }
    )
    rows = {
        '{job="j", target="a", date="generation"}': 40,
        '{job="j", target="a", date="end"}': 60,
        '{job="j", target="a", date="valid_until"}': 7,
        '{job="j", target="a", domain="contoso.com", date="entra"}': 10,
        '{job="j", target="b", date="promotion"}': 3,
        '{job="j", target="b", date="end"}': 18,
        '{job="j", target="b", date="tls"}': 30,
    }

    ask(panel("Next dates, soonest first"), farms, rows)
    ask(
        column("Next dates, soonest first", "When"),
        farms,
        {row: 1000 * (DAY + days * DAY) for row, days in rows.items()},
    )


def test_the_graph_of_days_has_those_that_can_still_be_saved(ask: Ask) -> None:
    farms = farm("ended", State.EXPIRED, left=-3) | farm("a", State.STEADY, left=60)

    ask(panel("Days left of the certificates in use"), farms, {'{job="j", target="a"}': 60})


def test_the_thresholds_of_a_target_are_those_of_its_policy_and_profile_alone(ask: Ask) -> None:
    others = {threshold("missing", "other"): 9, threshold("missing", profile="saml"): 8, threshold("due"): 35}
    farms = farm("a", State.DUE, left=25) | farm("a", State.DUE, left=25, instance="y:1") | others
    lines = {query.json["legendFormat"]: query for query in panel("Days left of each certificate").panel.queries}

    ask(panel("Policy, in days"), farms, {'{threshold="missing"}': 5, '{threshold="due"}': 35})
    ask(lines["Threshold: missing"], farms, {"{}": 5})
    ask(lines["Threshold: due"], farms, {"{}": 35})


def test_the_entities_of_a_document_are_counted_by_their_states_whether_it_is_an_aggregate_or_not(ask: Ask) -> None:
    labels = target("a")
    aggregate = {f'fedmeta_entities{{{labels}, state="{state}"}}': 2.0 for state in (State.DUE, State.STEADY)}

    ask(panel("Entities by state"), aggregate, {'{state="due"}': 2, '{state="steady"}': 2})
    ask(panel("Entities by state"), farm("a", State.DUE, left=20), {'{state="due"}': 1})


def test_all_evidence_is_listed_that_which_decided_too(ask: Ask) -> None:
    entity = f'{target("a")}, entity_id="e", role="idp"'
    decided = f'{entity}, evidence="signature", primary_fingerprint="aa", successor_fingerprint="none"'
    said = {
        f"fedmeta_rollover_info{{{decided}}}": 1,
        f'fedmeta_rollover_evidence_agrees{{{entity}, evidence="encryption_pair"}}': 0,
    }
    title = "Which certificate is primary, and what says so"

    ask(panel(title), said, {'{evidence="signature"}': 1, '{evidence="encryption_pair"}': 0})


def test_targets_are_counted_once(ask: Ask) -> None:
    (targets,) = (query for query in FLEET.queries if query.panel.title == "Targets")

    ask(targets, FARMS | farm("steady", State.STEADY, left=200, instance="y:1"), {"{}": 7})


def test_the_tiles_count_targets_by_state_and_those_without_a_document(ask: Ask) -> None:
    tiles = {query.json["legendFormat"]: query for query in panel("Targets by state, worst first").panel.queries}

    ask(tiles["Promotion stalled"], FARMS, {"{}": 2})
    ask(tiles["No document"], FARMS, {"{}": 1})
    ask(tiles["No signing key"], FARMS, {"{}": 0})


def test_days_are_those_of_the_primary_and_of_the_successor_where_there_is_one(ask: Ask) -> None:
    farms = farm("a", State.PUBLISHED, left=18, successor=363) | farm("b", State.STEADY, left=200)

    ask(
        panel("Targets, worst first"),
        farms | never_read("c"),
        {'{job="j", target="a"}': 18, '{job="j", target="b"}': 200, '{job="j", target="c"}': words.NO_END},
    )
    ask(column("Targets, worst first", "Successor left"), farms, {'{job="j", target="a"}': 363})
    ask(panel("First to end"), farms, {"{}": 18})


def test_a_target_is_reachable_only_from_everywhere(ask: Ask) -> None:
    looks = {
        f'fedmeta_metadata_reachable{{{target("a")}, node="service", vantage="inside"}}': 1,
        f'fedmeta_metadata_reachable{{{target("a")}, node="service", vantage="internet"}}': 0,
        f'fedmeta_metadata_reachable{{{target("a", "y:1")}, node="service", vantage="internet"}}': 0,
    }

    ask(panel("Reachability of each target"), looks, {'{job="j", target="a"}': 0})


def test_a_target_is_reachable_while_its_service_is_whatever_its_nodes_are(ask: Ask) -> None:
    ask(panel("Reachability of each target"), NODES, {'{job="j", target="a"}': 1})
    ask(panel("Looks and their failures"), NODES, {'{vantage="default"}': 1})
    ask(panel("Why it failed"), NODES, {'{reason="no failure"}': 0})


def test_nodes_that_differ_are_counted_and_named(ask: Ask) -> None:
    fleet = "Nodes and vantages, those that differ first"
    row = '{job="j", target="a"}'
    wap2 = '{job="j", target="a", node="wap2", vantage="default"}'

    ask(panel(fleet), NODES, {row: 3})
    ask(column(fleet, "Keys"), NODES, {row: 1})
    ask(column(fleet, "Differ for"), NODES, {row: 7200})
    ask(column(fleet, "Unreachable"), NODES, {row: 1})
    ask(panel("Looks that fail"), NODES, {"{}": 1})
    ask(panel("Differ for"), NODES, {row: 7200})
    ask(
        panel("Which node serves what"),
        NODES,
        {wap2.replace("wap2", node): float(node != "wap2") for node in ("service", "wap1", "wap2")},
    )
    ask(
        column("Which node serves what", "Why it failed"),
        NODES,
        {'{node="wap2", vantage="default", reason="refused"}': 1},
    )


def test_a_pair_of_exporters_that_saw_a_node_at_different_times_is_one_row(ask: Ask) -> None:
    look = 'node="wap1", vantage="default"'
    pair = {
        f'fedmeta_node_key_set_info{{{target("a")}, {look}, key_set="aa", signer="aa"}}': 1,
        f'fedmeta_node_key_set_info{{{target("a", "y:1")}, {look}, key_set="aa bb", signer="aa"}}': 1,
    }

    ask(counted(column("Which node serves what", "Keys")), NODES | pair, {"{}": 1})


def test_a_target_that_is_looked_at_in_one_place_has_no_nodes(ask: Ask) -> None:
    one = farm("a", State.STEADY, left=200) | farm("a", State.STEADY, left=200, instance="y:1")

    ask(
        said(panel("Nodes and vantages, those that differ first"), "target"),
        one,
        {'{target="Every target is looked at in one place only"}': 1},
    )
    ask(said(panel("Which node serves what"), "node"), one, {'{node="The target is looked at in one place only"}': 1})
    ask(
        panel("Nodes and vantages over time"),
        one,
        {'{node="The target is looked at in one place only", vantage="–"}': -1},  # noqa: RUF001 -- a dash, not a minus
    )
    ask(panel("Looks that fail"), one, {"{}": ABSENT})
    # A merge joins from both sides: what is told of the one place is no row.
    for name in ("Keys", "Last success", "Why it failed"):
        ask(column("Which node serves what", name), one | looked_at(), {})


def looked_at() -> dict[str, float]:
    look = f'{target("a")}, node="service", vantage="default"'
    return {
        f'fedmeta_node_key_set_info{{{look}, key_set="aa", signer="aa"}}': 1,
        f"fedmeta_probe_last_success_timestamp_seconds{{{look}}}": DAY - 60,
        f'fedmeta_probe_last_failure_info{{{look}, reason="refused"}}': 1,
    }


@pytest.mark.parametrize("state", TrustState)
def test_a_domain_has_the_number_of_the_state_of_its_trust(ask: Ask, state: TrustState) -> None:
    told = trust("contoso.com", state)
    row = {'{job="j", target="a", domain="contoso.com"}': trust_number(state)}

    ask(column(DOMAINS, "State"), told, row)
    ask(column("Trust of each domain now", "State"), told, row)
    ask(panel("Trust over time"), told, row)


def test_a_pair_of_exporters_shows_the_worse_of_what_entra_id_told_them(ask: Ask) -> None:
    pair = (
        trust("contoso.com", TrustState.IN_SYNC)
        | trust("contoso.com", TrustState.BROKEN, instance="y:1")
        | {
            f'fedmeta_trust_primary_trusted{{{target("a")}, domain="contoso.com"}}': 1,
            f'fedmeta_trust_primary_trusted{{{target("a", "y:1")}, domain="contoso.com"}}': 0,
        }
    )
    row = '{job="j", target="a", domain="contoso.com"}'

    ask(column(DOMAINS, "State"), pair, {row: trust_number(TrustState.BROKEN)})
    ask(column(DOMAINS, "Primary trusted"), pair, {row: 0})
    ask(panel("Domains"), pair, {"{}": 1})


def test_domains_are_counted_by_state(ask: Ask) -> None:
    tiles = {query.json["legendFormat"]: query for query in panel("Domains by state, worst first").panel.queries}
    told = (
        trust("a.example", TrustState.BROKEN)
        | trust("b.example", TrustState.AT_RISK)
        | trust("c.example", TrustState.AT_RISK)
        | trust("d.example", TrustState.PENDING)
    )

    ask(panel("Domains"), told, {"{}": 4})
    ask(tiles["At risk"], told, {"{}": 2})
    ask(tiles["Pending"], told, {"{}": 1})
    ask(tiles["In sync"], told, {"{}": 0})


def test_where_no_domain_is_watched_there_is_none_to_count_and_none_to_list(ask: Ask) -> None:
    nothing, words = farm("a", State.STEADY, left=200), '{domain="No trust of a domain is watched"}'

    for title in ("Domains", "Foreign certificates"):
        ask(panel(title), nothing, {"{}": 0})
    for title in (DOMAINS, "Trust of each domain now"):
        ask(said(panel(title), "domain"), nothing, {words: 1})
    ask(panel("Trust over time"), nothing, {words: -1})
    ask(
        said(panel("Certificates that Entra ID trusts"), "domain"),
        nothing,
        {'{domain="No trusted certificate is known"}': 1},
    )


def test_an_answer_has_its_age_where_there_ever_was_one(ask: Ask) -> None:
    told = trust("old.example", TrustState.UNKNOWN) | trust("never.example", TrustState.UNKNOWN)
    told[f'fedmeta_trust_as_of_timestamp_seconds{{{target("a")}, domain="old.example"}}'] = DAY - 4 * 3600

    ask(column(DOMAINS, "Age of answer"), told, {'{job="j", target="a", domain="old.example"}': 4 * 3600})


def test_domains_with_a_foreign_certificate_are_counted(ask: Ask) -> None:
    told = trust("a.example", TrustState.IN_SYNC) | trust("b.example", TrustState.IN_SYNC)
    told |= {
        f'fedmeta_trust_foreign_certificates{{{target("a", instance)}, domain="{domain}"}}': certificates
        for instance in ("x:1", "y:1")
        for domain, certificates in (("a.example", 2), ("b.example", 0))
    }

    ask(panel("Foreign certificates"), told, {"{}": 1})
    ask(
        column(DOMAINS, "Foreign"),
        told,
        {'{job="j", target="a", domain="a.example"}': 2, '{job="j", target="a", domain="b.example"}': 0},
    )


def test_entra_ids_own_account_is_a_word_and_a_time(ask: Ask) -> None:
    domain = f'{target("a")}, domain="contoso.com"'
    said = trust("contoso.com", TrustState.IN_SYNC) | {
        f'fedmeta_trust_update_result{{{domain}, result="{UpdateResult.CONNECTION_ERROR}"}}': 1,
        f"fedmeta_trust_update_timestamp_seconds{{{domain}}}": DAY - 90,
    }
    row = '{job="j", target="a", domain="contoso.com"}'

    ask(
        column(DOMAINS, "Entra ID's last reading"),
        said,
        {row: list(words.UPDATES).index(UpdateResult.CONNECTION_ERROR) + 1},
    )
    ask(column(DOMAINS, "Age of reading"), said, {row: 90})


def test_why_entra_id_did_not_answer_is_one_reason_for_each_domain(ask: Ask) -> None:
    def failed(instance: str, reason: str) -> dict[str, float]:
        labels = f'{target("a", instance)}, domain="contoso.com", reason="{reason}"'
        return {**trust("contoso.com", TrustState.IN_SYNC), f"fedmeta_trust_inquiry_last_failure_info{{{labels}}}": 1}

    first = failed("x:1", "permission")
    query = column("Trust of each domain now", "Why no answer")

    ask(query, first, {'{job="j", target="a", domain="contoso.com", reason="permission"}': 1})
    ask(counted(query), first | failed("y:1", "timeout"), {"{}": 1})


def test_a_trusted_certificate_has_its_days_and_says_whether_it_is_published(ask: Ask) -> None:
    slot = f'{target("a")}, domain="contoso.com", slot="next", fingerprint="{"a" * 64}"'
    told = {
        f'fedmeta_trust_certificate_info{{{slot}, thumbprint="AB", subject="CN=x", published="no"}}': 1,
        f"fedmeta_trust_certificate_expiry_days{{{slot}}}": 12,
        f"fedmeta_trust_certificate_not_after_timestamp_seconds{{{slot}}}": 13 * DAY,
    }
    title, row = "Certificates that Entra ID trusts", f'domain="contoso.com", slot="next", fingerprint="{"a" * 64}"'
    shown = f'{row}, short="aaaaaaaa", thumbprint="AB", subject="CN=x", published="no"'

    ask(panel(title), told, {f"{{{shown}}}": 1})
    ask(column(title, "Days left"), told, {f"{{{row}}}": 12})
    ask(column(title, "Ends"), told, {f"{{{row}}}": 13_000 * DAY})


def test_changes_and_promotions_are_news_for_thirty_days_and_then_there_is_none(ask: Ask) -> None:
    entity = f'{target("a")}, entity_id="e"'
    news = {
        f'fedmeta_key_set_last_change_timestamp_seconds{{{entity}, use="signing", change="added"}}': DAY - 60,
        f'fedmeta_key_set_last_change_timestamp_seconds{{{entity}, use="signing", change="removed"}}': -30 * DAY,
        f'fedmeta_rollover_last_promotion_timestamp_seconds{{{entity}, role="idp"}}': DAY - 5,
    }
    row = 'job="j", target="a", use="signing"'

    ask(
        panel("What changed lately"),
        news,
        {f'{{{row}, change="added"}}': 1000 * (DAY - 60), f'{{{row}, change="promoted"}}': 1000 * (DAY - 5)},
    )
    ask(said(panel("What changed lately"), "target"), {}, {'{target="Nothing in 30 days"}': 1})


def test_a_promotion_has_one_mark_and_the_renewal_of_the_encryption_key_is_no_alarm(ask: Ask) -> None:
    entity = f'{target("a")}, entity_id="e"'
    metric = "fedmeta_key_set_last_change_timestamp_seconds"
    promotion = {
        f'{metric}{{{entity}, use="signing", change="removed"}}': DAY - 60,
        f'{metric}{{{entity}, use="signing", change="added"}}': DAY - 3600,
        f'{metric}{{{entity}, use="encryption", change="replaced"}}': DAY - 60,
        f'fedmeta_rollover_last_promotion_timestamp_seconds{{{entity}, role="idp"}}': DAY - 60,
    }
    marks, promotions = (marks_named(name) for name in ("Key set changes", "Promotions"))

    ask(marks, promotion, {'{entity_id="e", use="signing", change="added"}': 1000 * (DAY - 3600)})
    ask(promotions, promotion, {'{entity_id="e", role="idp"}': 1000 * (DAY - 60)})
    ask(
        said(panel("What changed lately"), "use, change"),
        promotion,
        {f'{{use="signing", change="{change}"}}': 1 for change in ("added", "removed", "promoted")}
        | {'{use="encryption", change="encryption key replaced"}': 1},
    )
    assert [word.colour for word in words.CHANGE_NAMES if word.value == words.RENEWED] == [Colour.BLUE]


def marks_named(name: str) -> Query:
    """The query of an annotation."""
    return Query(TARGET.panels[0], {"refId": name, "expr": TARGET.annotations[name]["expr"]})


def certificate(fingerprint: str, *, begins: float, ends: float) -> dict[str, float]:
    """The series of a primary by its dates, in days from the moment of asking."""
    labels = f'{target("a")}, entity_id="e", roles="idp,sp", use="signing", fingerprint="{fingerprint}"'
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
    answers = {f'{{certificate="idp,sp signing primary {digit * 8}"}}': days for digit, days in expected.items()}

    ask(column(title, stretch), LIVES, answers)


def test_life_used_is_a_share(ask: Ask) -> None:
    lives = certificate("a" * 64, begins=-75, ends=25) | certificate("b" * 64, begins=-20, ends=-10)
    labels = 'entity_id="e", roles="idp,sp", use="signing"'

    ask(
        column("Certificates", "Life used"),
        lives,
        {f'{{{labels}, fingerprint="{"a" * 64}"}}': 0.75, f'{{{labels}, fingerprint="{"b" * 64}"}}': 1},
    )


def test_a_certificate_that_has_ended_is_no_primary_any_more(ask: Ask) -> None:
    row = 'entity_id="e", roles="idp,sp", use="signing"'

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
        'fedmeta_exporter_probe_failures_total{job="j", instance="x:1", reason="dns"}': 0,
        'fedmeta_exporter_trust_failures_total{job="j", instance="x:1", reason="timeout"}': 0,
    }

    ask(panel("Why it failed"), quiet, {'{reason="no failure"}': 0})
    ask(panel("Faults of the document"), quiet, {'{kind="nothing"}': 0})
    ask(panel("Faults"), quiet, {"{}": 0})
    ask(panel("Failed looks by reason"), quiet, {'{reason="none failed"}': 0})
    ask(panel("Failed inquiries by reason"), quiet, {'{reason="none failed"}': 0})
    ask(panel("Weak certificates"), quiet, {"{}": 0})


def test_where_no_document_was_read_no_fault_is_denied(ask: Ask) -> None:
    ask(said(panel("Faults of the document"), "kind"), never_read("a"), {'{kind="No document was read yet"}': 1})
    ask(panel("Faults"), never_read("a"), {"{}": ABSENT})
    ask(panel("Weak certificates"), never_read("a"), {"{}": ABSENT})


def test_a_fault_and_a_failure_are_named(ask: Ask) -> None:
    bad = {
        f'fedmeta_metadata_faults{{{target("a")}, kind="certificate_der"}}': 2,
        f'fedmeta_metadata_faults{{{target("a")}, kind="use_unknown"}}': 1,
        f'fedmeta_probe_last_failure_info{{{target("a")}, node="service", vantage="default", reason="dns"}}': 1,
    }

    ask(panel("Faults of the document"), bad, {'{kind="certificate_der"}': 2, '{kind="use_unknown"}': 1})
    ask(panel("Faults"), bad, {"{}": 3})
    ask(panel("Why it failed"), bad, {'{reason="dns"}': 1})
