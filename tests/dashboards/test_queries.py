"""What the queries that carry meaning answer, by ``promtool test rules``."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from boards import BOARDS, Query, filled_in

from dashboards import words
from exporter.inquiry import UpdateResult
from exporter.rollover import State
from exporter.trust import TrustState

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
    value = words.STATES[state][0].value
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
        aggregate[f'fedmeta_rollover_state{{{labels}, entity_id="{entity}", role="idp", state="{state}"}}'] = 1

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


def test_each_promotion_that_stalls_is_held_against_the_threshold_of_its_own_policy(ask: Ask) -> None:
    patient = 'policy="target:stalled", profile="adfs"'
    farms = FARMS | {
        f"fedmeta_target_info{{{target('stalled')}, {patient}}}": 1,
        threshold("missing", "target:stalled"): 10,
    }
    del farms[f'fedmeta_target_info{{{target("stalled")}, policy="default", profile="adfs"}}']

    ask(panel("Act now"), farms, {"{}": 4})


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


def test_a_target_is_reachable_while_its_service_is_whatever_its_nodes_are(ask: Ask) -> None:
    ask(column("Targets, worst first", "Reachable"), NODES, {'{job="j", target="a"}': 1})
    ask(panel("Endpoint"), NODES, {'{job="j", target="a"}': 1})
    ask(panel("Unreachable"), NODES, {"{}": 0})
    ask(panel("Looks and their failures"), NODES, {'{vantage="default"}': 1})
    ask(panel("Why it failed"), NODES, {'{reason="no failure"}': 0})


def test_the_last_success_of_a_target_is_that_of_the_vantage_where_it_is_the_longest_ago(ask: Ask) -> None:
    def succeeded(instance: str, vantage: str) -> str:
        look = f'{target("a", instance)}, node="service", vantage="{vantage}"'
        return f"fedmeta_probe_last_success_timestamp_seconds{{{look}}}"

    looks = {
        succeeded("x:1", "inside"): DAY - 60,
        succeeded("x:1", "internet"): DAY - 7200,
        succeeded("y:1", "internet"): DAY - 3600,
    }

    ask(panel("Last success"), looks, {'{job="j", target="a"}': 1000 * (DAY - 3600)})
    ask(column("Targets, worst first", "Last success"), looks, {'{job="j", target="a"}': 1000 * (DAY - 3600)})


def test_nodes_that_differ_are_counted_and_named(ask: Ask) -> None:
    fleet = "Nodes and vantages, those that differ first"
    row = '{job="j", target="a"}'
    wap2 = '{job="j", target="a", node="wap2", vantage="default"}'

    ask(panel("Nodes differ"), NODES, {"{}": 1})
    ask(panel(fleet), NODES, {row: 3})
    ask(column(fleet, "Keys"), NODES, {row: 0})
    ask(column(fleet, "Since"), NODES, {row: 1000 * (DAY - 7200)})
    ask(column(fleet, "Unreachable"), NODES, {row: 1})
    ask(panel("Looks that fail"), NODES, {"{}": 1})
    ask(panel("Differ since"), NODES, {row: 1000 * (DAY - 7200)})
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

    ask(counted(column("Which node serves what", "Keys")), pair, {"{}": 1})


def test_a_target_that_is_looked_at_in_one_place_has_no_nodes(ask: Ask) -> None:
    one = farm("a", State.STEADY, left=200) | farm("a", State.STEADY, left=200, instance="y:1")

    ask(panel("Nodes differ"), one, {"{}": 0})
    for title in ("Nodes and vantages, those that differ first", "Looks that fail", "Nodes and vantages over time"):
        ask(panel(title), one, {})


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
    ask(panel("Trust to repair"), told, {"{}": 3})
    ask(tiles["At risk"], told, {"{}": 2})
    ask(tiles["Pending"], told, {"{}": 1})
    ask(tiles["In sync"], told, {"{}": 0})


def test_where_no_domain_is_watched_there_is_none_to_count_and_none_to_list(ask: Ask) -> None:
    nothing = farm("a", State.STEADY, left=200)

    for title in ("Domains", "Trust to repair", "Foreign certificates", "Without fresh answer"):
        ask(panel(title), nothing, {"{}": 0})
    for title in (DOMAINS, "Trust of each domain now", "Trust over time", "Certificates that Entra ID trusts"):
        ask(panel(title), nothing, {})


def test_an_answer_is_not_fresh_after_three_intervals_nor_where_there_never_was_one(ask: Ask) -> None:
    told: dict[str, float] = {f"fedmeta_trust_interval_seconds{{{target('a')}}}": 3600}
    for domain, age in (("fresh.example", 3 * 3600), ("old.example", 3 * 3600 + 601), ("never.example", None)):
        told |= trust(domain, TrustState.UNKNOWN)
        if age is not None:
            told[f'fedmeta_trust_as_of_timestamp_seconds{{{target("a")}, domain="{domain}"}}'] = DAY - age

    ask(panel("Without fresh answer"), told, {"{}": 2})
    ask(
        column(DOMAINS, "Last answer"),
        told,
        {
            '{job="j", target="a", domain="fresh.example"}': 1000 * (DAY - 3 * 3600),
            '{job="j", target="a", domain="old.example"}': 1000 * (DAY - 3 * 3600 - 601),
        },
    )


def test_domains_with_a_foreign_certificate_are_counted(ask: Ask) -> None:
    told = {
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
    said: dict[str, float] = {
        f'fedmeta_trust_update_result{{{domain}, result="{UpdateResult.CONNECTION_ERROR}"}}': 1,
        f"fedmeta_trust_update_timestamp_seconds{{{domain}}}": DAY - 90,
    }
    row = '{job="j", target="a", domain="contoso.com"}'

    ask(
        column(DOMAINS, "Entra ID's last reading"),
        said,
        {row: list(words.UPDATES).index(UpdateResult.CONNECTION_ERROR) + 1},
    )
    ask(column(DOMAINS, "When"), said, {row: 1000 * (DAY - 90)})


def test_why_entra_id_did_not_answer_is_one_reason_for_each_domain(ask: Ask) -> None:
    def failed(instance: str, reason: str) -> dict[str, float]:
        labels = f'{target("a", instance)}, domain="contoso.com", reason="{reason}"'
        return {f"fedmeta_trust_inquiry_last_failure_info{{{labels}}}": 1}

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

    ask(panel(title), told, {f'{{{row}, thumbprint="AB", subject="CN=x", published="no"}}': 1})
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
    ask(panel("What changed lately"), {}, {f'{{change="{words.NOTHING}"}}': 0})


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
    row = 'roles="idp,sp", use="signing"'

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
    ask(panel("Faults of the document"), never_read("a"), {})
    ask(panel("Faults"), never_read("a"), {})
    ask(panel("Weak certificates"), never_read("a"), {})


def test_a_fault_and_a_failure_are_named(ask: Ask) -> None:
    bad = {
        f'fedmeta_metadata_faults{{{target("a")}, kind="certificate_der"}}': 2,
        f'fedmeta_metadata_faults{{{target("a")}, kind="use_unknown"}}': 1,
        f'fedmeta_probe_last_failure_info{{{target("a")}, node="service", vantage="default", reason="dns"}}': 1,
    }

    ask(panel("Faults of the document"), bad, {'{kind="certificate_der"}': 2, '{kind="use_unknown"}': 1})
    ask(panel("Faults"), bad, {"{}": 3})
    ask(panel("Why it failed"), bad, {'{reason="dns"}': 1})
