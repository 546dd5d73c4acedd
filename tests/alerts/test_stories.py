"""Every alert that the exporter's own series raise: the exporter renders them from what happens, and promtool judges.

Two exporters watch everything, because one problem must be one alert.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from alerts.rules import ALERTS, ORDER, RULES
from alerts.stories import MINUTE, RUNS, START, STEP, STORIES, Story, on
from replay.series import Values, input_series, read

from exporter.exposition.own import Format, render_own
from exporter.exposition.render import Renderer

NAMES = set(re.findall(r"\bfedmeta_\w+", RULES.read_text(encoding="utf-8")))
TWINS = ('job="fedmeta",instance="10.0.0.1:10059",pod="a"', 'job="fedmeta",instance="10.0.0.2:10059",pod="b"')

TEXTS: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "texts.yml").read_text(encoding="utf-8")
)
"""By story: the labels of its alert, its description, and what that becomes when its facts have been gone for hours."""


def minutes_of(text: str) -> int:
    """A duration of a rule."""
    number, unit = re.fullmatch(r"(\d+)([mhd])", text).groups()  # type: ignore[union-attr]  # promtool took it
    return int(number) * {"m": 1, "h": 60, "d": 1440}[unit]


def fires(story: Story) -> set[int]:
    """The minutes in which the story's alert fires."""
    waits = minutes_of(ALERTS[story.alert].get("for", "0m"))
    spans = story.fires if story.fires is not None else [range(story.holds + waits, story.over)]
    return {minute for span in spans for minute in story.minutes() if minute in span}


def scrapes(story: Story) -> Iterator[Values]:
    """What is scraped at each step from the two exporters."""
    renderer, text = Renderer(limit=2), Format.negotiate("")
    for minute, record in zip(story.minutes(), story.records(), strict=True):
        at = START + minute * MINUTE
        target = renderer.render([record], at, openmetrics=False)
        own = render_own(on(minute, story.statuses) or RUNS, text)
        scraped: dict[str, str] = {}
        for twin in TWINS:
            scraped[f"up{{{twin}}}"] = f"{story.is_scraped(minute):d}"
            if story.is_scraped(minute):
                scraped |= {**read(own, NAMES, twin), **read(target, NAMES, twin)}
        yield scraped


def expected(name: str, story: Story) -> Mapping[str, Any]:
    """A test of promtool's: in which minutes the alert fires, and what it says."""
    firing = fires(story)
    rule, texts = ALERTS[story.alert], TEXTS[name]
    moments = {story.holds + story.told: texts["says"]}
    if story.over - STEP in firing:
        moments[story.over - STEP] = texts.get("gone", texts["says"])
    fixed = {key: text for key, text in rule["annotations"].items() if key in {"summary", "runbook_url"}}
    dashboard = rule["annotations"]["dashboard_url"].replace("{{ $labels.target | urlquery }}", story.target.name)
    return {
        "name": name,
        "interval": f"{STEP}m",
        "input_series": list(input_series(list(scrapes(story)), repeat=1)),
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{story.alert}",alertstate="firing"}})',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if minute in firing else [],
            }
            for minute in story.minutes()
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{minute}m",
                "alertname": story.alert,
                "exp_alerts": [
                    {
                        "exp_labels": {"job": "fedmeta", **rule["labels"], **texts["labels"]},
                        "exp_annotations": {**fixed, "description": text, "dashboard_url": dashboard},
                    }
                ],
            }
            for minute, text in moments.items()
        ],
    }


@pytest.fixture(scope="module")
def failures(promtool: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What promtool says about each story; a few at a time, for it takes one processor seconds for each."""
    folder = tmp_path_factory.mktemp("stories")

    def told(name: str) -> str:
        file = folder / f"{list(STORIES).index(name)}.yml"
        rules = {"rule_files": [str(RULES)], "evaluation_interval": f"{STEP}m", "group_eval_order": ORDER}
        file.write_text(json.dumps({**rules, "tests": [expected(name, STORIES[name])]}), encoding="utf-8")
        done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture
        return done.stdout + done.stderr if done.returncode else ""

    with ThreadPoolExecutor() as pool:
        return dict(zip(STORIES, pool.map(told, STORIES), strict=True))


@pytest.mark.parametrize("name", STORIES)
def test_an_alert_fires_while_what_raises_it_is_so_and_says_what_it_should(
    name: str, failures: Mapping[str, str]
) -> None:
    assert not failures[name], failures[name]


def test_every_story_has_its_texts_and_no_other_has() -> None:
    assert list(TEXTS) == list(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_what_is_said_came_out_of_its_template_whole(name: str) -> None:
    for text in (TEXTS[name]["says"], TEXTS[name].get("gone", "")):
        assert not re.search(r"no value|error while|\{\{|\}\}|%!|\+0000|\s\s|<", text)
