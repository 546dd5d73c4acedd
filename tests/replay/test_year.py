"""Whole lives of farms, replayed through the exporter's core and the shipped rules: what fires when, and nothing else.

One exporter watches all farms. Every six hours it looks at each of them and is scraped; promtool evaluates the rules
at that moment and in the middle of the six hours, by which time whatever waits no longer than an hour (``for``) fires,
and is asked there what does. Finer steps take minutes and show the same days.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
import yaml
from builders import DAY, looking, probed, with_looks
from replay.lives import DAYS, LIVES, START, Life, on
from replay.series import Values, input_series, read
from scrapes import FARM, failed, good

from exporter import inquiry as inquiries
from exporter.config.settings import Entra
from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer
from exporter.findings import standing
from exporter.inquiry import Inquiry, TrustReason
from exporter.model import Reason
from exporter.record import Record, answered, bare

RULES = Path(__file__).parents[2] / "alerts" / "fedmeta.rules.yml"
STEP = timedelta(hours=6)
EVALUATIONS = 2
"""In a step."""
SCRAPED_BY = 'job="fedmeta",instance="exporter:10059"'


@dataclass(frozen=True)
class Moment:
    """What is known after a round of looks, and what the exporter says of it."""

    at: datetime
    records: Mapping[str, Record]
    scrape: Values

    @property
    def day(self) -> float:
        return (self.at - START) / DAY


@pytest.fixture(scope="module")
def year() -> Sequence[Moment]:
    return list(walk())


def walk() -> Iterator[Moment]:
    """Every step of all lives."""
    names = set(re.findall(r"\bfedmeta_\w+", RULES.read_text(encoding="utf-8")))
    press, text = Renderer(limit=0), Format.negotiate("")
    own = render_own(
        Status("1", START, len(LIVES), failures={}, reloaded=True, reloaded_at=START),
        text,
    )
    exporter = {f"up{{{SCRAPED_BY}}}": "1", **read(own, names, SCRAPED_BY)}
    records = {name: begun(name, life) for name, life in LIVES.items()}
    for number in range(DAYS * DAY // STEP):
        at = START + number * STEP
        for name, life in LIVES.items():
            records[name] = after(records[name], life, at)
        farms = press.render(list(records.values()), at, openmetrics=False)
        yield Moment(at, dict(records), {**exporter, **read(farms, names, SCRAPED_BY)})


def begun(name: str, life: Life) -> Record:
    """What is known of a farm before the first look."""
    target = looking(replace(FARM, name=name), interval=STEP.total_seconds())
    others = (replace(target.look, node=node, vantage=vantage) for node, vantage in life.others)
    entra = Entra(domains=tuple(life.domains), interval=STEP.total_seconds()) if life.domains else None
    return bare(replace(with_looks(target, *others), entra=entra))


def after(record: Record, life: Life, at: datetime) -> Record:
    """What is known after one more look from every place, and one more inquiry about every domain."""
    day = (at - START) / DAY
    for look in record.target.looks:
        found = on(day, life.others.get(look.place, life.published))
        seen = failed(found, at, phases={}) if isinstance(found, Reason) else good(found.document(), at)
        record = probed(record, seen, look=look)
    for known in record.domains:
        said = on(day, life.domains[known.domain])
        inquiry = (
            Inquiry(at, said, "", trust=None) if isinstance(said, TrustReason) else Inquiry(at, None, "", trust=said)
        )
        record = answered(record, inquiries.advance(known, inquiry))
    return record


def test_every_alert_fires_on_its_days_and_no_other_does(year: Sequence[Moment], promtool: str, tmp_path: Path) -> None:
    asked = [
        {
            # One problem is one alert: the count is 1.
            "expr": 'count by (target, severity, alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{(moment.at + STEP / EVALUATIONS - START) // timedelta(hours=1)}h",
            "exp_samples": [
                {"labels": f'{{target="{name}",severity="{each.severity}",alertname="{each.alert}"}}', "value": 1}
                for name, life in LIVES.items()
                for each in life.firing(moment.day)
            ],
        }
        for moment in year
    ]
    interval = f"{STEP // EVALUATIONS // timedelta(hours=1)}h"
    series = list(input_series([moment.scrape for moment in year], repeat=EVALUATIONS))
    group = {"interval": interval, "input_series": series, "promql_expr_test": asked}
    file = tmp_path / "year.yml"
    order = [each["name"] for each in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]]
    # Without an order promtool takes any, and what is recorded after the alerts is too old for them the next time.
    rules = {"rule_files": [str(RULES)], "evaluation_interval": interval, "group_eval_order": order}
    file.write_text(json.dumps({**rules, "tests": [group]}))

    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, on a file of this test

    assert done.returncode == 0, done.stderr[:4000]


def test_the_year_reads_as_it_should(year: Sequence[Moment], golden: Callable[[str, str], str]) -> None:
    text = "\n".join(table(name, year) for name in LIVES)

    assert text == golden("replay.txt", text)


def table(name: str, year: Sequence[Moment]) -> str:
    """A life as a person would read it: a row for each day on which the state or what fires became another."""
    life = LIVES[name]
    lines = [name.upper(), life.story, "", f"   day   primary  {'state':27}  fires"]
    for (state, alerts), moments in groupby(year, key=lambda moment: (state_of(name, moment), life.firing(moment.day))):
        moment = next(moments)
        first, *more = [f"{each.severity:8}  {each.alert}" for each in alerts] or ["-"]
        lines.append(f"{moment.day:6.2f}  {until_its_end(name, moment):>8}  {state:27}  {first}")
        lines += [" " * 47 + alert for alert in more]
    return "\n".join([*lines, "", ""])


def state_of(name: str, moment: Moment) -> str:
    record = moment.records[name]
    (rollover,) = record.judge(moment.at)
    unreachable = record.observation is not None and record.observation.reason is not None
    trusts = [f"{verdict.state}" for verdict in standing(record, moment.at).verdicts]
    return ", ".join([f"{rollover.state}", *["unreachable"] * unreachable, *trusts])


def until_its_end(name: str, moment: Moment) -> str:
    (rollover,) = moment.records[name].judge(moment.at)
    assert rollover.primary is not None
    return f"T{(moment.at - rollover.primary.not_after) / DAY:+.2f}"
