"""What Prometheus scrapes and finds while a story happens: at a pair, at shards, when exporters go.

Many stories are judged at once, each under a job of its own: what takes time is an evaluation, hardly its series.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from alerts.rules import ALERTS, ORDER, RULES
from alerts.stories import A_DAY, MINUTE, RUNS, START, STEP, STORIES, SURE, USUAL, Found, Story, Trusted, fails, on
from replay.series import Values, input_series, read

from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer
from exporter.inquiry import TrustReason
from exporter.model import Reason
from exporter.record import Record

NAMES = set(re.findall(r"\bfedmeta_\w+", RULES.read_text(encoding="utf-8")))
TEXTS: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "texts.yml").read_text(encoding="utf-8")
)
"""By story: the labels of its alert, its description, and what that becomes when its facts have been gone for hours.

And what it is to an exporter that has just taken the target over, where that knows less, and beside one that is blind,
where what that cannot read is such a finding too.
"""

OWN: list[tuple[Status, bytes]] = []
"""What was rendered of an exporter's status: that takes as long as all of a target."""
TWINS = 'instance="10.0.0.1:10059",pod="a"', 'instance="10.0.0.2:10059",pod="b"'
BEHIND = 480
"""Minutes by which the world of the blind one is behind: its documents, its answers, and every date in them."""
MOVES = 65
"""Minutes after a story began at which its target moves."""
GOES = 75
"""Minutes after a story began from which on scrapes fail."""
MENDED = 95
"""Minutes after a story began at which a short one is mended, and scrapes succeed again."""
LEFT = 105
"""Minutes after a story began at which it is left."""

T = TypeVar("T")

Scrape = tuple[bytes, bytes] | None
"""What an exporter exposes of itself and of its targets; None: the scrape fails."""


@dataclass(frozen=True)
class Cadence:
    """Seconds between two scrapes, and between two evaluations."""

    scrape: int
    evaluation: int

    def __str__(self) -> str:
        return f"{self.scrape} s and {self.evaluation} s"


CADENCES = Cadence(15, 15), Cadence(60, 60), Cadence(300, 60), Cadence(300, 300)
SLOWEST = CADENCES[-1]


@dataclass(frozen=True)
class Situation:
    """Who watches while a story happens, and what fails."""

    name: str
    scrapes: Callable[[Story], Iterator[tuple[Scrape, Scrape]]]
    """Of two exporters at each step of the story."""
    mended: bool = True
    """That it is over is seen, where it is over before the story is left."""
    unwatched: bool = False
    """In the end nobody watches the target."""
    fails: bool = False
    """Scrapes fail."""
    blind: bool = False
    """The second one does not see what the first one sees."""

    def __str__(self) -> str:
        return self.name


def exposed(story: Story, records: Iterable[Record | datetime | None]) -> Iterator[Scrape]:
    """What an exporter exposes at each step of a story; for a moment: that the target was removed then."""
    renderer = Renderer(limit=2)
    for minute, known in zip(story.minutes(), records, strict=True):
        if known is None:
            yield None
            continue
        at = START + minute * MINUTE
        if isinstance(known, datetime):
            targets = renderer.render([], at, removed={story.target.name: known}, openmetrics=False)
        else:
            targets = renderer.render([known], at, openmetrics=False)
        yield own(on(minute, story.statuses) or RUNS), targets


def own(status: Status) -> bytes:
    """What an exporter exposes of itself."""
    known = next((text for each, text in OWN if each is status), None)
    if known is None:
        known = render_own(status, Format.negotiate(""))
        OWN.append((status, known))
    return known


def twins(story: Story, fails_at: Callable[[int], bool]) -> Iterator[tuple[Scrape, Scrape]]:
    """Two that know the same, and cannot be scraped in the same minutes."""
    for minute, scrape in zip(story.minutes(), exposed(story, story.records()), strict=True):
        yield (None, None) if fails_at(minute) else (scrape, scrape)


def failing_for_hours(story: Story) -> Iterator[tuple[Scrape, Scrape]]:
    return twins(story, lambda minute: not story.is_scraped(minute))


def failing(story: Story) -> Iterator[tuple[Scrape, Scrape]]:
    return twins(story, lambda minute: GOES <= minute - story.holds < MENDED)


def gone(story: Story) -> Iterator[tuple[Scrape, Scrape]]:
    return twins(story, lambda minute: minute - story.holds >= GOES)


def beside_a_blind_one(story: Story) -> Iterator[tuple[Scrape, Scrape]]:
    """What nobody ever saw, the other one sees all the time."""
    seeing, blind = (well(story), story) if story.never else (story, behind(story))
    return zip(exposed(seeing, seeing.records()), exposed(blind, blind.records()), strict=True)


def moved(story: Story) -> Iterator[tuple[Scrape, Scrape]]:
    """One watches until the other does, from its first look on or with the state file."""
    moves, first, second = story.holds + MOVES, [], []
    record = story.unknown()
    for minute, known in zip(story.minutes(), story.records(), strict=True):
        first.append(known if minute < moves else START + moves * MINUTE)
        record = known if story.remembers else story.after(record, minute) if minute >= moves else record
        second.append(record if minute >= moves else None)
    # It ran before and watched others, of which nothing is asked here.
    return zip(exposed(story, first), exposed(story, second), strict=True)


FAILING_FOR_HOURS = Situation("scrapes fail for hours", failing_for_hours)
FAILING = Situation("scrapes fail", failing, fails=True)
GONE = Situation("all exporters are gone", gone, mended=False, fails=True, unwatched=True)
BESIDE_A_BLIND_ONE = Situation("another exporter is blind", beside_a_blind_one, blind=True)
MOVED = Situation("the target moves to another shard", moved)
SITUATIONS = FAILING_FOR_HOURS, FAILING, GONE, BESIDE_A_BLIND_ONE, MOVED


def shortened(story: Story) -> Story:
    """The same for two hours: what is mended after many is mended then."""
    cut = USUAL - MENDED if story.lasts < A_DAY - STEP else 0
    threshold = story.holds + USUAL

    def sooner(changes: Mapping[int, T]) -> Mapping[int, T]:
        return {minute - cut if minute >= threshold else minute: found for minute, found in changes.items()}

    return replace(
        story,
        published=sooner(story.published),
        others={place: sooner(each) for place, each in story.others.items()},
        domains={domain: sooner(each) for domain, each in story.domains.items()},
        statuses=sooner(story.statuses),
        lasts=story.lasts - cut,
        fires=None,
        until=story.holds + LEFT + STEP,
    )


def well(story: Story) -> Story:
    """The same without what raises the alert."""

    def mended(changes: Mapping[int, T]) -> Mapping[int, T]:
        return {-60: changes[max(changes)]}

    return replace(
        story,
        published=mended(story.published),
        others={place: mended(each) for place, each in story.others.items()},
        domains={domain: mended(each) for domain, each in story.domains.items()},
    )


def behind(story: Story) -> Story:
    """The same, all of it earlier, to an exporter that sees nothing any more after what raises the alert came."""
    back, blind_from = timedelta(minutes=BEHIND), story.holds + STEP

    def probes(found: Found | None) -> Found | None:
        return found and (lambda at: earlier(found(at + back), back))

    def before(changes: Mapping[int, T], then: T) -> Mapping[int, T]:
        return {minute - BEHIND: each for minute, each in changes.items() if minute < blind_from} | {
            blind_from - BEHIND: then
        }

    def looks(changes: Mapping[int, Found | None]) -> Mapping[int, Found | None]:
        return before({minute: probes(found) for minute, found in changes.items()}, fails(Reason.TIMEOUT))

    def answers(changes: Trusted) -> Trusted:
        return before({minute: earlier(said, back) for minute, said in changes.items()}, TrustReason.TIMEOUT)

    return replace(
        story,
        published=looks(story.published),
        others={place: looks(each) for place, each in story.others.items()},
        domains={domain: answers(each) for domain, each in story.domains.items()},
    )


def earlier(found: Any, by: timedelta) -> Any:  # noqa: ANN401 -- whatever a date can stand in
    """The same with every date in it so much earlier."""
    if isinstance(found, datetime):
        return found - by
    if isinstance(found, tuple) and type(found) is tuple:
        return tuple(earlier(each, by) for each in found)
    if isinstance(found, Mapping):
        return {key: earlier(each, by) for key, each in found.items()}
    if is_dataclass(found) and not isinstance(found, type):
        return replace(
            found, **{each.name: earlier(getattr(found, each.name), by) for each in fields(found) if each.init}
        )
    return found


@dataclass(frozen=True)
class Scene:
    """A story in a situation."""

    name: str
    """Of the story."""
    situation: Situation

    def __str__(self) -> str:
        return f"{self.name}; {self.situation}"

    @property
    def story(self) -> Story:
        told = STORIES[self.name]
        return told if self.situation is FAILING_FOR_HOURS else shortened(told)

    @property
    def job(self) -> str:
        """Of its exporters."""
        return f"fedmeta-{list(STORIES).index(self.name)}-{list(SITUATIONS).index(self.situation)}"

    def minutes_of_firing(self) -> Sequence[int]:
        """The minutes in which the story's alert fires."""
        story, rule = self.story, ALERTS[self.story.alert]
        waits, keeps = (minutes_of(rule.get(key, "0m")) for key in ("for", "keep_firing_for"))
        ends = [story.over if self.situation.mended else story.minutes()[-1] + 1]
        if story.passes is not None:
            ends.append(story.holds + story.passes)
        if story.outlives is not None and self.situation.fails:
            ends.append(story.holds + GOES + story.outlives)
        spans = story.fires if story.fires is not None else [range(story.holds + waits, min(ends) + keeps)]
        if self.situation.blind and story.never:
            spans = []
        return [minute for span in spans for minute in story.minutes() if minute in span]

    def moments(self) -> Mapping[int, str]:
        """What the alert says in which minute, as far as that is compared."""
        firing, said = self.minutes_of_firing(), TEXTS[self.name]
        key = "moved" if self.situation is MOVED else "blind" if self.situation.blind else "says"
        moments = {self.story.holds + self.story.told: said.get(key, said["says"])}
        if self.situation is FAILING_FOR_HOURS:
            moments[self.story.over - STEP] = said.get("gone", said["says"])
        return {minute: text for minute, text in moments.items() if minute in firing}

    @property
    def unsure(self) -> frozenset[int]:
        """The minutes in which an exporter may know already, or not yet, that it reads again what it could not.

        And that in which what outlives the scrapes for some minutes ends: the last scrape may be just as old.
        """
        story, firing = self.story, self.minutes_of_firing()
        ends = () if story.outlives is None else (minute + STEP for minute in firing if minute + STEP not in firing)
        again = range(story.over - SURE + USUAL, story.over) if STORIES[self.name].lasts == SURE else ()
        return frozenset((*again, *ends))


def minutes_of(text: str) -> int:
    """A duration of a rule."""
    number, unit = re.fullmatch(r"(\d+)([mhd])", text).groups()  # type: ignore[union-attr]  # promtool took it
    return int(number) * {"m": 1, "h": 60, "d": A_DAY}[unit]


def can_be_short(story: Story) -> bool:
    """Whether all that matters of it happens within two hours."""
    between = [minute for each in story.changes() for minute in each if GOES < minute - story.holds < USUAL]
    return story.told <= GOES and not between


def suits(story: Story, situation: Situation) -> bool:
    """Whether there is such a scene: what is about the exporter itself happens to no other."""
    if story.outlives is not None or story.passes is not None:
        return situation.fails
    return story.seen_by_some or not situation.blind


@lru_cache(maxsize=8)
def read_own(scrape: bytes, labels: str) -> Values:
    """The series that an exporter has of itself, which hardly ever change."""
    return read(scrape, NAMES, labels)


@cache
def scraped(scene: Scene) -> tuple[Sequence[Values], frozenset[str]]:
    """The series of both exporters at each step; and what is said by findings, however shortly."""
    steps, findings = [], set()
    for scrapes in scene.situation.scrapes(scene.story):
        step: dict[str, str] = {}
        for labels, scrape in zip(TWINS, scrapes, strict=True):
            of_it = f'job="{scene.job}",{labels}'
            step[f"up{{{of_it}}}"] = f"{scrape is not None:d}"
            if scrape is not None:
                step |= {**read_own(scrape[0], of_it), **read(scrape[1], NAMES, of_it)}
        steps.append(step)
        findings |= set(re.findall(r'\bfinding="(\w+)"', " ".join(step)))
    return steps, frozenset(findings)


def together(scenes: Iterable[Scene]) -> Sequence[Sequence[Scene]]:
    """Those that can be judged at once: equally long, and none raises what another one is about."""
    groups: list[list[Scene]] = []
    for scene in scenes:
        for group in groups:
            if not any(disturbs(scene, each) or disturbs(each, scene) for each in group):
                group.append(scene)
                break
        else:
            groups.append([scene])
    return groups


def disturbs(one: Scene, other: Scene) -> bool:
    alert = other.story.alert
    if one.story.minutes() != other.story.minutes():
        return True
    if one.story.alert == alert:
        return one.moments().keys() != other.moments().keys()
    raised = {"Fedmeta" + "".join(word.capitalize() for word in each.split("_")) for each in scraped(one)[1]}
    return alert in raised


def expected(scenes: Sequence[Scene], cadence: Cadence) -> Mapping[str, Any]:
    """A test of promtool's: in which minutes the alerts of these scenes fire, and what they say."""
    steps, minutes = 60 * STEP // cadence.scrape, scenes[0].story.minutes()
    series = [each for scene in scenes for each in input_series(scraped(scene)[0], repeat=steps)]
    series += [
        {
            "series": f'of_a_story{{job="{scene.job}",alertname="{scene.story.alert}"}}',
            "values": f"1x{len(minutes) * steps}",
        }
        for scene in scenes
    ]
    return {
        "name": f"{', '.join(sorted({str(scene.situation) for scene in scenes}))}; {cadence}",
        "interval": f"{cadence.scrape}s",
        "input_series": series,
        "promql_expr_test": list(runs(scenes, minutes, 60 * STEP // cadence.evaluation)),
        "alert_rule_test": list(texts(scenes)),
    }


def runs(scenes: Sequence[Scene], minutes: Sequence[int], evaluations: int) -> Iterator[Mapping[str, Any]]:
    """What promtool asks about who fires when; there are so many evaluations from one of these minutes to the next."""
    firing, end = {scene: scene.minutes_of_firing() for scene in scenes}, minutes[-1]
    for minute in minutes:
        sure = [scene for scene in scenes if minute not in scene.unsure]
        its = {scene: 1 for scene in sure if minute in firing[scene]}
        yield query(
            'count by (job) (ALERTS{alertstate="firing"} and on (job, alertname) of_a_story)', minute, its, sure
        )
    # Nor in between. The last minute is evaluated once.
    exact = [
        scene for scene in scenes if scene.story.fires is None and scene.story.outlives is None and not scene.unsure
    ]
    times = {each: evaluations * len(firing[each]) - (evaluations - 1) * (end in firing[each]) for each in exact}
    count = (
        f'sum by (job) (count_over_time(ALERTS{{alertstate="firing"}}[{end + 1}m]) and on (job, alertname) of_a_story)'
    )
    yield query(count, end, {scene: number for scene, number in times.items() if number}, exact)

    short = [scene for scene in scenes if scene.situation is not FAILING_FOR_HOURS]
    for name, minute, told in (
        ("FedmetaTargetsUnwatched", minutes[0] + end - STEP * 4, []),
        ("FedmetaTargetsUnwatched", end, [scene for scene in short if scene.situation.unwatched]),
        (
            "FedmetaExporterBlind",
            end - STEP * 7,
            [s for s in short if s.situation.blind and not s.story.seen_by_nobody],
        ),
    ):
        yield query(
            f'count by (job) (ALERTS{{alertname="{name}",alertstate="firing"}})', minute, dict.fromkeys(told, 1), short
        )


def query(expression: str, minute: int, values: Mapping[Scene, int], asked: Sequence[Scene]) -> Mapping[str, Any]:
    """What promtool asks about some scenes, and the values by job that it should get."""
    jobs = "|".join(scene.job for scene in asked)
    return {
        "expr": f'{expression} and on (job) of_a_story{{job=~"{jobs}"}}',
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": f'{{job="{scene.job}"}}', "value": value} for scene, value in values.items()],
    }


def texts(scenes: Sequence[Scene]) -> Iterator[Mapping[str, Any]]:
    """What the alerts of these scenes say; promtool compares all of one name at once."""
    told: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for scene in scenes:
        rule, labels = ALERTS[scene.story.alert], TEXTS[scene.name]["labels"]
        dashboard = rule["annotations"]["dashboard_url"]
        for label, value in (("job", scene.job), ("target", scene.story.target.name)):
            dashboard = dashboard.replace(f"{{{{ $labels.{label} | urlquery }}}}", value)
        for minute, text in scene.moments().items():
            its = {"description": text.replace("job fedmeta ", f"job {scene.job} "), "dashboard_url": dashboard}
            told.setdefault((scene.story.alert, minute), []).append(
                {
                    "exp_labels": {"job": scene.job, **rule["labels"], **labels},
                    "exp_annotations": {**rule["annotations"], **its},
                }
            )
    for (alert, minute), alerts in told.items():
        yield {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": alerts}


def judged(promtool: str, scenes: Sequence[Scene], cadence: Cadence, file: Path) -> str:
    """What promtool says against these scenes, which can be judged at once; nothing where all is as expected."""
    rules = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{cadence.evaluation}s",
        "group_eval_order": ORDER,
        "tests": [expected(scenes, cadence)],
    }
    file.write_text(json.dumps(rules), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture
    return done.stdout + done.stderr if done.returncode else ""
