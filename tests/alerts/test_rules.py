"""The alert rules do what the promtool tests beside this file say, and those say enough."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from alerts.rules import ALERTS, ORDER, RULES
from alerts.stories import STORIES

FILES = {file.name: file for file in sorted(Path(__file__).parent.glob("*.test.yml"))}
TESTS: Mapping[str, Mapping[str, Any]] = {
    name: yaml.safe_load(file.read_text(encoding="utf-8")) for name, file in FILES.items()
}


@dataclass(frozen=True)
class Expectation:
    """What one test expects of one alert at one moment."""

    test: str
    alert: str
    fires: bool
    gone: bool
    """Some of the series in it go stale."""


def expectations() -> Iterator[Expectation]:
    for file in TESTS.values():
        for test in file["tests"]:
            gone = any("stale" in series["values"] for series in test["input_series"])
            for each in test.get("alert_rule_test", ()):
                yield Expectation(test["name"], each["alertname"], bool(each["exp_alerts"]), gone)


EXPECTATIONS = tuple(expectations())


def said(*command: str | Path) -> str:
    """What a command said that failed; nothing when it succeeded."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture(scope="module")
def failures(promtool: str) -> Mapping[str, str]:
    """What promtool says about each file of tests; all at once, for it takes one processor seconds for each."""
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda file: said(promtool, "test", "rules", file), FILES.values())
        return dict(zip(FILES, results, strict=True))


def test_promtool_finds_nothing_wrong_with_the_rules(promtool: str) -> None:
    assert not said(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)


@pytest.mark.parametrize("file", FILES)
def test_the_rules_do_what_is_expected(file: str, failures: Mapping[str, str]) -> None:
    assert not failures[file], failures[file]


@pytest.mark.parametrize("file", TESTS.values(), ids=TESTS)
def test_groups_are_evaluated_in_the_order_of_the_rules(file: Mapping[str, Any]) -> None:
    # promtool promises no order unless told: an alert could see what was recorded an evaluation earlier.
    assert file["group_eval_order"] == ORDER


@pytest.mark.parametrize("alert", sorted(ALERTS.keys() - {story.alert for story in STORIES.values()}))
def test_an_alert_without_a_story_stays_quiet_and_fires_and_is_judged_when_its_series_are_gone(alert: str) -> None:
    mine = [each for each in EXPECTATIONS if each.alert == alert and each.test.startswith(f"{alert} ")]
    quiet = {each.test for each in mine if not each.fires} - {each.test for each in mine if each.fires}

    assert len({each.test for each in mine}) >= 3
    assert any("stays quiet" in test for test in quiet), "no test in which it never fires"
    assert any("fires" in each.test and each.fires for each in mine)
    assert any(each.gone and each.fires for each in mine), "no test in which it fired before its series went stale"
    assert any(each.gone and not each.fires for each in mine), "no test of when it ends after its series went stale"


def test_every_name_is_of_its_own() -> None:
    names = [test["name"] for file in TESTS.values() for test in file["tests"]]

    assert len(names) == len(set(names))


def test_what_fires_is_compared_whole_and_came_out_of_its_template_whole() -> None:
    for file in TESTS.values():
        for test in file["tests"]:
            for each in test.get("alert_rule_test", ()):
                for expected in each["exp_alerts"]:
                    texts = expected["exp_annotations"]
                    assert texts.keys() == ALERTS[each["alertname"]]["annotations"].keys()
                    assert not re.search(r"no value|error|\{\{|\}\}|%!|\+0000|\s\s", " ".join(texts.values()))
