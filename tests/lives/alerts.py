"""Which alerts a life raises: the shipped rules judge what its exporters answer, and Alertmanager's sample silences.

promtool evaluates the rules at every step and compares what fires with nothing at all: in its complaints it says what
fires. Its clock starts in 1970, so the moments in a scrape are shifted by as much as the life begins later.
"""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from pathlib import Path
from typing import Final

from alerts.inhibition import Labels, told
from alerts.rules import GROUPS, ORDER, RULES, Alert, alert_of
from lives.replay import JUDGED, About, Found, Moments, missing, walked, wrong
from lives.story import IN_TIME, Exporter, Fleet, Life, Named, mended, moment, must, untold
from replay.series import Values, input_series, read

from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer
from exporter.findings import Kind
from exporter.rollover import Severity

NAMES: Final = frozenset(
    name
    for group in GROUPS
    for rule in group["rules"]
    if rule.get("record") not in {"fedmeta:profile", "fedmeta:primary_ends"}
    for name in re.findall(r"\bfedmeta_\w+", rule["expr"])
)
"""Families by which the rules judge; texts use more."""
MATTERS: Final = ("target", "domain", "node", "instance", "pod")
"""Labels that say what an alert is about."""
LATER: Final = re.compile(r"_timestamp_seconds$")

READING: Final = frozenset(
    filter(
        None,
        map(
            alert_of,
            (
                Kind.METADATA_UNREACHABLE,
                Kind.METADATA_UNREACHABLE_FROM_INTERNET,
                Kind.METADATA_UNREACHABLE_IN_POLL_WINDOW,
                Kind.METADATA_OF_ANOTHER_ENTITY,
                Kind.CLOCK_WRONG,
            ),
        ),
    )
)
"""That a document cannot be read, or when it was, is another problem than what it says."""

_ASKED = 'ALERTS{alertstate="firing"}'
_COMPLAINT = re.compile(r"time: (?P<time>\S+),\s*exp:\s*nil\s*got:(?P<got>.*?)(?=\n\s*expr:|\Z)", re.DOTALL)
_SAMPLE = re.compile(r"\{(?P<labels>(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\} 1E\+00")
_LABEL = re.compile(r"(\w+)=\"((?:[^\"\\]|\\.)*)\"")
_DURATION = re.compile(r"(\d+)([ywdhms])(?!s)")
_SECONDS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Raised:
    """What a life raises, by day."""

    firing: Moments
    told: Moments
    """Without what is silenced."""


def as_fleet(life: Life) -> Fleet:
    """A life of one exporter; while that is away, somebody must be told."""
    step = min(life.every, JUDGED)
    away = [
        must(Alert("FedmetaTargetsUnwatched"), begins=untold(gone), ends=mended(back))
        for (_, gone), (back, _) in pairwise(life.processes)
        if back - gone > IN_TIME[1]
    ]
    given = (life.name, life.story, (life.exporter(),), [*life.must, *away], life.may, life.days, life.every, step)
    return Fleet(*given, never=frozenset(life.never), beside=life.beside)


def in_alerts(fleet: Fleet) -> Fleet:
    """The same life; for each kind of finding that must or may hold stands the alert that tells it."""
    return replace(
        fleet,
        must=[replace(each, kinds=alerts_of(each.kinds)) for each in fleet.must if alerts_of(each.kinds)],
        may=[replace(each, kinds=alerts_of(each.kinds)) for each in fleet.may if alerts_of(each.kinds)],
        never=alerts_of(fleet.never),
        beside=[alerts_of(each) for each in fleet.beside],
    )


def alerts_of(kinds: Collection[Named]) -> frozenset[Named]:
    """The alerts of these kinds, where they have any."""
    found = (alert_of(each) if isinstance(each, Kind) else each for each in kinds)
    return frozenset(each for each in found if each is not None)


def raised(fleets: Sequence[Fleet], promtool: str, folder: Path) -> Mapping[str, Raised]:
    """What people are told in each of these lives, by day; those that are evaluated alike share one promtool."""
    alike: dict[object, list[Fleet]] = defaultdict(list)
    for each in fleets:
        alike[each.scraped, each.evaluated, each.backwards].append(each)
    found: dict[str, Raised] = {}
    for group in alike.values():
        found |= _raised(group, promtool, folder)
    return found


def _raised(fleets: Sequence[Fleet], promtool: str, folder: Path) -> Mapping[str, Raised]:
    first = fleets[0]
    evaluated = first.evaluated or first.scraped
    steps = max((moment(each.days[1]) - moment(each.days[0])) // evaluated for each in fleets)
    series = [each for fleet in fleets for each in input_series(list(scraped(fleet)), repeat=1)]
    asked = [
        {"expr": _ASKED, "eval_time": f"{number * evaluated.total_seconds():.0f}s", "exp_samples": []}
        for number in range(steps + 1)
    ]
    interval = f"{first.scraped.total_seconds():.0f}s"
    suite = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{evaluated.total_seconds():.0f}s",
        "group_eval_order": ORDER[::-1] if first.backwards else ORDER,
        "tests": [{"interval": interval, "input_series": series, "promql_expr_test": asked}],
    }
    file = folder / "lives.yml"
    file.write_text(json.dumps(suite))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture
    said = done.stdout + done.stderr
    firing = dict(_firing(said))
    if not firing and done.returncode:
        raise AssertionError(said[:4000])
    return {each.name: _of_life(each, evaluated, firing) for each in fleets}


def _firing(said: str) -> Iterator[tuple[timedelta, Sequence[Labels]]]:
    for complaint in _COMPLAINT.finditer(said):
        labels = [dict(_LABEL.findall(each["labels"])) for each in _SAMPLE.finditer(complaint["got"])]
        seconds = sum(int(count) * _SECONDS[unit] for count, unit in _DURATION.findall(complaint["time"]))
        yield timedelta(seconds=seconds), labels


def _of_life(fleet: Fleet, evaluated: timedelta, firing: Mapping[timedelta, Sequence[Labels]]) -> Raised:
    begin, end = map(moment, fleet.days)
    moments = [number * evaluated for number in range((end - begin) // evaluated)]
    mine = [[each for each in firing.get(at, ()) if each["job"] == job(fleet)] for at in moments]
    days = [fleet.days[0] + at / timedelta(days=1) for at in moments]
    return Raised(
        [(day, _found(each)) for day, each in zip(days, mine, strict=True)],
        [(day, _found(told(each))) for day, each in zip(days, mine, strict=True)],
    )


def _found(firing: Sequence[Labels]) -> Found:
    return frozenset((Alert(each["alertname"]), _about(each)) for each in firing)


def _about(labels: Labels) -> About:
    return frozenset((name, labels[name]) for name in MATTERS if labels.get(name))


def job(fleet: Fleet) -> str:
    """Of its own for each life: several share a promtool."""
    return f"fedmeta {fleet.name}"


def scraped(fleet: Fleet) -> Iterator[Values]:
    """What Prometheus has after each scrape of all exporters of a life."""
    yield from map(_merged, zip(*(_answers(each, fleet) for each in fleet.exporters), strict=True))


def _merged(several: tuple[Values, ...]) -> Values:
    return {name: value for each in several for name, value in each.items()}


def _answers(exporter: Exporter, fleet: Fleet) -> Iterator[Values]:
    labels = f'job="{job(fleet)}",instance="{exporter.instance}"' + (f',pod="{exporter.pod}"' if exporter.pod else "")
    press, text = Renderer(limit=0), Format.negotiate("")
    own = read(
        render_own(
            Status("1", moment(0), len(exporter.watches), failures={}, reloaded=True, reloaded_at=moment(0)), text
        ),
        NAMES,
        labels,
    )
    up, begin = f"up{{{labels}}}", moment(fleet.days[0])
    for known in walked(exporter, fleet.days, every=fleet.every, step=fleet.scraped):
        if exporter.answers(known.at):
            farms = press.render(known.records, known.at + exporter.ahead, removed=known.removed, openmetrics=False)
            yield {up: "1", **_shifted(own, begin), **_shifted(read(farms, NAMES, labels), begin)}
        else:
            yield {up: "0"} if known.process or exporter.stays else {}


def _shifted(values: Values, begin: datetime) -> Values:
    """The values on a clock that starts with the life."""
    return {
        series: f"{float(value) - begin.timestamp():.0f}" if LATER.search(series.partition("{")[0]) else value
        for series, value in values.items()
    }


def complaints(fleet: Fleet, found: Raised) -> Sequence[str]:
    """What must fire and does not, of what people are told wrongly, and what is told twice, as lines."""
    # An alert that follows another one may wait (for) a few minutes, which is one evaluation here.
    handover = (fleet.evaluated or fleet.scraped) / timedelta(days=1)
    return [*missing(fleet, found.firing, handover=handover), *wrong(fleet, found.told), *crowded(fleet, found.told)]


def crowded(fleet: Fleet, moments: Moments) -> Sequence[str]:
    """Alerts of one severity about one target that people get together, though that is one problem."""
    found: dict[tuple[str, ...], float] = {}
    for day, now in moments:
        judged = sorted((about_target(about), name) for name, about in now if name.severity > Severity.INFO)
        for (target, one), (of, other) in combinations(judged, 2):
            if target == of and one != other and one.severity is other.severity and one_problem(one, other, fleet):
                found.setdefault((target, one, other), day)
    return [f"told together:  from {day:.2f}: {one} and {other}" for (_, one, other), day in found.items()]


def one_problem(one: Named, other: Named, fleet: Fleet) -> bool:
    return (one in READING) is (other in READING) and not any({one, other} <= each for each in fleet.beside)


def about_target(about: About) -> str:
    return dict(about).get("target", "")
