"""What the alert rules promise: names, severities, links; and that they ask for nothing that is not exposed.

Runbook sections are compared with the rules in test_runbooks.py.
"""

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.settings import INTERNET, SERVICE, TrustSource
from exporter.exposition.families import FAMILIES
from exporter.exposition.own import OWN_FAMILIES
from exporter.findings import Kind
from exporter.history import Change
from exporter.model import FaultKind, Reason, SignatureState, Use
from exporter.policy import THRESHOLD_NAMES, Profile
from exporter.rollover import Position, State
from exporter.trust import Answer, TrustState

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "alerts" / "fedmeta.rules.yml").read_text(encoding="utf-8")
RULES: list[Mapping[str, Any]] = [rule for group in yaml.safe_load(TEXT)["groups"] for rule in group["rules"]]
ALERTS: Mapping[str, Mapping[str, Any]] = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
PROMISED = (ROOT / "tests" / "contract" / "promised_alerts.txt").read_text(encoding="utf-8")
BOARDS = {
    json.loads(file.read_text(encoding="utf-8"))["uid"]: file for file in sorted((ROOT / "dashboards").glob("*.json"))
}

OF_THE_SCRAPE = {"job", "instance", "pod"}
LABELS = {family.name: {"target", *family.labels} | OF_THE_SCRAPE for family in FAMILIES} | {
    name: {*labels} | OF_THE_SCRAPE for name, (_, labels) in OWN_FAMILIES.items()
}
EVERY_LABEL = set().union(*LABELS.values())


def values(*enums: type[StrEnum]) -> set[str]:
    return {member.value for enum in enums for member in enum}


VALUES: Mapping[str, set[str]] = {
    "job": {"fedmeta"},
    "finding": values(Kind),
    "severity": {kind.severity.name.lower() for kind in Kind},
    "state": values(State, SignatureState, TrustState),
    "position": values(Position),
    "change": values(Change),
    "kind": values(FaultKind),
    "use": values(Use),
    "profile": values(Profile),
    "threshold": set(THRESHOLD_NAMES),
    "expiry": {"on", "off"},
    "node": {SERVICE},
    "vantage": {INTERNET},
    "source": values(TrustSource),
    "published": values(Answer),
    "reason": values(Reason),
}
"""What a label that is selected by can be."""

each_alert = pytest.mark.parametrize("alert", ALERTS)


def actions(alert: str) -> Iterator[str]:
    """The actions of the template that makes an alert's description."""
    return iter(re.findall(r"\{\{ (.*?) \}\}", ALERTS[alert]["annotations"]["description"]))


def asked() -> Iterator[str]:
    """Every expression, without its comments, and every query in a description."""
    for rule in RULES:
        yield re.sub(r"#.*", "", rule["expr"])
    for alert in ALERTS:
        for action in actions(alert):
            yield from re.findall(r"`(.*?)`", action)


def selectors() -> Iterator[tuple[str, str, str]]:
    """Metric, label and value of every matcher in every expression."""
    for expression in asked():
        for metric, matchers in re.findall(r"([\w:]+)\{([^}]*)\}", expression):
            for label, value in re.findall(r'(\w+)=~?"([^"]*)"', matchers):
                yield metric, label, value


def test_every_promised_alert_is_still_there_with_its_severity() -> None:
    for line in PROMISED.splitlines():
        name, severity = line.split(" ")
        assert name in ALERTS, (
            f"{name} was promised, and people route and silence by it. If it must go, take it out of"
            " tests/contract/promised_alerts.txt and put it under Removed or Changed in CHANGELOG.md."
        )
        assert ALERTS[name]["labels"] == {"severity": severity}, (
            f"{name} was promised to be {severity}. If that must change, change tests/contract/promised_alerts.txt and"
            " put it under Changed in CHANGELOG.md."
        )


def test_every_alert_is_promised() -> None:
    missing = ALERTS.keys() - {line.split(" ")[0] for line in PROMISED.splitlines()}

    assert not missing, "a new alert is a promise: add it to tests/contract/promised_alerts.txt and CHANGELOG.md"


FINDINGS = ROOT / "docs" / "metrics.md"


def kinds_without_alert() -> Mapping[str, str]:
    """Why a kind has no alert, as the table of findings says."""
    rows = re.findall(r"^\| `(\w+)` \| \w+ \| ([^|]+) \|", FINDINGS.read_text(encoding="utf-8"), re.MULTILINE)
    return {kind: alert.removeprefix("None: ") for kind, alert in rows if kind in VALUES["finding"] and "None" in alert}


def selected(alert: str) -> str | None:
    """The kind of finding that an alert selects, if it does."""
    found = re.fullmatch(r'fedmeta:finding\{finding="(\w+)"\}', ALERTS[alert]["expr"])
    return found[1] if found else None


def test_every_kind_of_finding_has_one_alert_of_its_name_or_a_reason_to_have_none() -> None:
    chosen = {alert: kind for alert in ALERTS if (kind := selected(alert)) is not None}
    named = {"Fedmeta" + "".join(word.capitalize() for word in kind.split("_")): kind for kind in chosen.values()}

    assert chosen == named, "one alert for a kind, and it has its name"
    assert {*chosen.values()} | kinds_without_alert().keys() == values(Kind)
    assert not {*chosen.values()} & kinds_without_alert().keys()
    assert all(len(reason.split()) > 3 for reason in kinds_without_alert().values())


@each_alert
def test_an_alert_selects_a_finding_whole_or_none(alert: str) -> None:
    assert (selected(alert) is None) == ("finding" not in ALERTS[alert]["expr"])


@each_alert
def test_an_alert_has_the_severity_of_its_finding(alert: str) -> None:
    kind = selected(alert)

    assert kind is None or ALERTS[alert]["labels"]["severity"] == Kind(kind).severity.name.lower()


def test_every_group_is_evaluated_at_an_interval_of_its_own() -> None:
    # What is recorded is valid for five minutes: Prometheus's own interval may be longer.
    assert {group["interval"] for group in yaml.safe_load(TEXT)["groups"]} == {"1m"}


def test_the_least_prometheus_is_named_where_one_looks_first() -> None:
    assert "for Prometheus 2.42 and newer" in TEXT.splitlines()[0]


@each_alert
def test_the_severity_is_one_of_three(alert: str) -> None:
    assert ALERTS[alert]["labels"]["severity"] in {"critical", "warning", "info"}


@each_alert
def test_the_summary_is_fixed_and_the_description_is_whole_sentences(alert: str) -> None:
    texts = ALERTS[alert]["annotations"]

    assert "{{" not in texts["summary"]
    # A line of its own is a command that is pasted whole.
    last = texts["description"].rpartition("\n")[2].removesuffix("{{ end }}")
    assert last.endswith(".") or re.match(r"(curl|fedmeta-exporter|Get-\w+)\b", last)


@each_alert
def test_what_the_description_asks_prometheus_may_be_missing(alert: str) -> None:
    for action in actions(alert):
        if re.search(r"\bquery\b", action):
            # It has no result when the series are gone, which is when people read most closely.
            assert re.match(r"(range (\$number, \$each := )?|with )printf `", action)


@each_alert
def test_what_the_description_asks_prometheus_is_about_its_target_or_exporter_alone(alert: str) -> None:
    # A query over the whole fleet would be made once for each alert, at each evaluation.
    of_exporter = "count by (job, instance, pod)" in ALERTS[alert]["expr"] or alert in OF_A_JOB
    for action in actions(alert):
        if query := re.search(r"printf `(.*)` (.*?) \| query", action):
            asked, given = query[1], re.findall(r"\$(?:labels|each\.Labels)\.(\w+)", query[2])
            assert re.findall(r"(\w+)=%q", asked) == given, "each matcher is given what it is named after"
            for metric, matchers in re.findall(r"\b(fedmeta[_:][\w:]+)(\{.*?\})?", asked):
                by = set(re.findall(r"(\w+)=%q", matchers))
                # An exporter's or a job's alerts are few: they may ask for what is found in its job.
                assert by >= {"job", "target"} or by >= {"job", "instance", "pod"} or (of_exporter and by == {"job"}), (
                    metric
                )


OF_ONE_EXPORTER = {"FedmetaExporterBlind"}
"""Alerts about an exporter: they quote that one."""
OF_WHOEVER_SPEAKS = {"FedmetaTargetsUnwatched", "FedmetaProbesStalled", "FedmetaWatchInterrupted"}
"""Alerts about targets that somebody does not see: they quote who saw them last, or name that one."""
OF_A_JOB = {"FedmetaConfigReloadFailed", "FedmetaStateNotSaved"}
"""One alert for all exporters of a job: it names those that it is about."""
OF_WITNESSES = {
    f"fedmeta:{name}" for name in ("finding", "finding:place", "witness", "witness:document", "primary_ends", "profile")
}
"""Recorded of those that see: whoever asks for these gets no other's facts."""


@each_alert
def test_what_the_description_asks_prometheus_reads_no_label_that_is_absent(alert: str) -> None:
    # For that Prometheus goes through all values of the label: 2 ms of 3,334 domains, where another query takes 0.1 ms.
    for action in actions(alert):
        for query in re.findall(r"`(.*?)`", action):
            assert not re.search(r'[=~]""', query), query


def split(expression: str, operator: str) -> Iterator[str]:
    """The operands of an operator, as far as it stands outside of all brackets."""
    depth, begin = 0, 0
    for at, sign in enumerate(expression):
        depth += (sign in "([{") - (sign in ")]}")
        found = re.compile(rf" {operator} ").match(expression, at)
        if found and not depth:
            yield expression[begin:at]
            begin = found.end()
    yield expression[begin:]


def groups(expression: str) -> Iterator[str]:
    """What stands in its outermost brackets."""
    depth, begin = 0, 0
    for at, sign in enumerate(expression):
        depth += (sign == "(") - (sign == ")")
        if sign == "(" and depth == 1:
            begin = at + 1
        elif sign == ")" and not depth:
            yield expression[begin:at]


def of_anybody(query: str) -> Iterator[str]:
    """The series in a query that may be those of an exporter that does not see."""
    for branch in split(re.sub(r'"[^"]*"', '""', query), "or"):
        # Who is taken away for something tells nothing.
        first, *others = split(next(split(branch, "unless")), "and")
        if any(
            map(
                re.compile(r"on \((\w+, )*instance, pod\b.*\) .*fedmeta:(witness(:document)?|finding:place)\{").match,
                others,
            )
        ):
            continue
        for each in groups(first):
            yield from of_anybody(each)
        outside = reduce(lambda text, each: text.replace(f"({each})", ""), groups(first), first)
        yield from {*re.findall(r"\bfedmeta[_:][\w:]+", outside)} - OF_WITNESSES


@pytest.mark.parametrize(
    "query",
    [
        "fedmeta_x{job=%q}",
        "time() - max by (job) (last_over_time(fedmeta_x{job=%q}[1h]))",
        "fedmeta_x{job=%q} and on (job, target) fedmeta:witness{job=%q}",
        "fedmeta_x{job=%q} unless on (job, instance, pod, target) fedmeta:witness{job=%q}",
        'fedmeta_y{a=" or "} and on (job, instance, pod, target) fedmeta:witness{job=%q} or fedmeta_x{job=%q}',
        "max by (a) (fedmeta_x{job=%q} * on (job) fedmeta_x{job=%q}) and on (job, instance, pod) fedmeta_y{job=%q}",
    ],
)
def test_a_query_that_takes_facts_from_anybody_is_found(query: str) -> None:
    assert set(of_anybody(query)) == {"fedmeta_x"}


@each_alert
def test_the_description_takes_its_facts_only_from_a_witness(alert: str) -> None:
    for action in actions(alert):
        for query in re.findall(r"`(.*?)`", action):
            # What an exporter says that does not see may be wrong: only who does may be quoted.
            if alert not in OF_ONE_EXPORTER | OF_WHOEVER_SPEAKS | OF_A_JOB:
                assert not set(of_anybody(query)), query


def test_how_old_what_says_so_is_stands_in_the_same_words_everywhere() -> None:
    asked = re.escape(
        "`time() - max by (job) (fedmeta:witness:document{job=%q, target=%q})` $labels.job $labels.target"
    )
    after = {
        words
        for alert in ALERTS.values()
        for words in re.findall(rf"{asked} \| query \}}\}}\s(.*?) was read", alert["annotations"]["description"])
    }

    assert after == {"The document that says so", "What is told of it rests on the document that"}


@each_alert
def test_only_who_runs_ad_fs_is_told_about_it(alert: str) -> None:
    # Of whom nobody knows who he is, the words after "else" are for him.
    text, depth, told = ALERTS[alert]["annotations"]["description"], [False], []
    for words, action in re.findall(r"(.*?)(?:\{\{ (.*?) \}\}|\Z)", text, re.DOTALL):
        told.append((words, any(depth)))
        if re.match(r"range|with|if", action):
            depth.append('profile=~"adfs' in action or "fedmeta_rollover_promotion_timestamp_seconds" in action)
        elif action == "else":
            depth[-1] = False
        elif action == "end":
            depth.pop()

    assert depth == [False]
    for words, for_ad_fs in told:
        assert for_ad_fs or not re.search(r"AD FS|Adfs|\bfarm|federation server|AutoCertificateRollover", words), words


@each_alert
def test_a_command_holds_nothing_that_a_document_says(alert: str) -> None:
    # It is pasted as it stands: an entityID is what somebody wrote.
    for line in ALERTS[alert]["annotations"]["description"].splitlines():
        bare = re.sub(r"\{\{ (range|with|if|else|end)\b.*?\}\}", "", line)
        if re.match(r"curl |fedmeta-exporter |[A-Z]\w+-(Adfs|Mg)\w+\b(?! lists)", bare):
            given = {each.rpartition("abels.")[2] for each in re.findall(r"\{\{ (.*?) \}\}", bare)}
            assert given <= {"target", "domain", "thumbprint", "instance"}


def conditions(alert: str) -> Iterator[tuple[str, str]]:
    """How long an alert waits before it fires or goes on after, each with the line above."""
    block = re.search(rf"      - alert: {alert}\n(.*?)(?=\n      - alert:|\n  - name:|\Z)", TEXT, re.DOTALL)
    assert block is not None
    lines = block[1].splitlines()
    for above, line in pairwise(lines):
        if re.match(r"        (?:keep_firing_)?for: ", line):
            yield line.strip(), above


@each_alert
def test_why_an_alert_waits_stands_beside_it(alert: str) -> None:
    waits = dict(conditions(alert))

    assert len(waits) == len(ALERTS[alert].keys() & {"for", "keep_firing_for"})
    for line, above in waits.items():
        assert re.fullmatch(r"        # [A-Z].{20,}\.", above), f"{alert}: why {line}?"


@each_alert
def test_the_description_says_whom_it_hits(alert: str) -> None:
    assert re.search(r"\b(every|no|any)body|\bpeople", ALERTS[alert]["annotations"]["description"], re.IGNORECASE)


@each_alert
def test_the_dashboard_exists(alert: str) -> None:
    link = ALERTS[alert]["annotations"]["dashboard_url"]
    uid, _, variable = link.removeprefix("/d/").partition("?")

    assert uid in BOARDS
    # Two jobs may watch one target: the board shows one of them.
    of_target = "var-job={{ $labels.job | urlquery }}&var-target={{ $labels.target | urlquery }}"
    assert variable == (of_target if uid == "fedmeta-target" else "")


def test_every_metric_exists() -> None:
    for expression in asked():
        for metric in re.findall(r"\bfedmeta[_:][\w:]+", expression):
            assert metric in LABELS.keys() | RECORDED


def test_every_label_exists_where_it_is_asked_for() -> None:
    for metric, label, _ in selectors():
        assert label in LABELS.get(metric, EVERY_LABEL), f"{metric} has no label {label}"
    for expression in asked():
        for labels in re.findall(r"\b(?:by|without|on|group_left|group_right) \(([\w, ]*)\)", expression):
            assert set(filter(None, labels.split(", "))) <= EVERY_LABEL


def test_every_value_that_is_asked_for_exists() -> None:
    for metric, label, value in selectors():
        if label not in OF_THE_SCRAPE:
            # Empty: the label is absent.
            for each in {*value.split("|")} - {"", "%q"}:
                exists = any(re.fullmatch(each, known) for known in VALUES.get(label, set()))
                assert exists, f"{metric} never has {label}={each}"


def test_nothing_is_joined_on_target_alone_nor_on_position() -> None:
    for expression in asked():
        for labels in re.findall(r"\bon \(([\w, ]*)\)", expression):
            joined = set(labels.split(", "))
            assert "job" in joined
            assert "position" not in joined


def test_what_tells_one_exporter_from_another_is_dropped_whole() -> None:
    for expression in asked():
        for labels in re.findall(r"\bwithout \(([\w, ]*)\)", expression):
            dropped = set(labels.split(", "))
            assert ("instance" in dropped) == ("pod" in dropped)
