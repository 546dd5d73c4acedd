"""docs/availability.md: what it says of pairs and shards is what the rules do, and what can be copied is sound."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from alerts.rules import ALERTS, GROUPS, ORDER, RULES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "availability.md").read_text(encoding="utf-8")
EVENT = 60
"""The minute in which something happens."""
END = EVENT + 90
INTERVAL = 5
"""Minutes between two looks at a target."""
HELD = "FedmetaSuccessorPublished"
"""What was found before it happened."""

Minutes = Callable[[int], bool]
Values = Sequence[float | None]


def always(_: int) -> bool:
    return True


def never(_: int) -> bool:
    return False


def briefly_away(minute: int) -> bool:
    return not EVENT <= minute < EVENT + 20


def before(minute: int) -> bool:
    return minute < EVENT


def after(minute: int) -> bool:
    return minute >= EVENT


def looked(minute: int) -> int | None:
    """When the target was last looked at."""
    return minute - minute % INTERVAL


def blind(minute: int) -> int | None:
    """The same for whoever reads nothing any more."""
    return looked(min(minute, EVENT - 1))


def lost(minute: int) -> int | None:
    """The same for whoever has lost what it read, too."""
    return looked(minute) if before(minute) else None


def anew(minute: int) -> int | None:
    """The same for whoever has lost what it read, and reads it at its first look."""
    return None if minute == EVENT else looked(minute)


@dataclass(frozen=True)
class Watched:
    """A target as one exporter shows it."""

    read: Callable[[int], int | None] = looked
    configured: Minutes = always
    removal: Minutes = never
    """When the exporter says that it took the target out."""


@dataclass(frozen=True)
class Exporter:
    """An exporter as Prometheus sees it; pages of ``/probe`` are one that tells nothing of itself."""

    instance: str
    targets: Mapping[str, Watched] = field(default_factory=lambda: {"fs": Watched()})
    answers: Minutes = always
    discovered: Minutes = always
    probes: bool = False

    def values(self, value: Callable[[int], float | None], there: Minutes = always) -> Values:
        """What is scraped of a series at each minute."""
        return [
            value(minute) if there(minute) and self.answers(minute) and self.discovered(minute) else None
            for minute in range(END + 1)
        ]

    def series(self) -> Iterator[tuple[str, Values]]:
        """Each series, with its value at each minute."""
        labels = f'job="fedmeta",instance="{self.instance}"'
        yield (
            f"up{{{labels}}}",
            [float(self.answers(minute)) if self.discovered(minute) else None for minute in range(END + 1)],
        )
        if not self.probes:
            yield f'fedmeta_exporter_build_info{{{labels},version="1",python="3"}}', self.values(lambda _: 1)
        for target, watched in self.targets.items():
            yield from self.of_target(f'{labels},target="{target}"', watched)

    def of_target(self, of: str, watched: Watched) -> Iterator[tuple[str, Values]]:
        """The series of one target."""
        read, there = watched.read, watched.configured
        place = f'{of},node="service",vantage="default"'

        def as_of(minute: int) -> float | None:
            at = read(minute)
            return None if at is None else at * 60.0

        def found(minute: int) -> float | None:
            return None if read(minute) is None else 1

        def unreachable(minute: int) -> float | None:
            return None if read(minute) in {None, looked(minute)} else 1

        def never_read(minute: int) -> float | None:
            return 1 if read(minute) is None else None

        yield f"fedmeta_target_interval_seconds{{{of}}}", self.values(lambda _: INTERVAL * 60, there)
        yield f"fedmeta_target_removed_timestamp_seconds{{{of}}}", self.values(lambda _: EVENT * 60, watched.removal)
        yield f"fedmeta_target_as_of_timestamp_seconds{{{of}}}", self.values(as_of, there)
        yield (
            f'fedmeta_finding{{{of},finding="successor_published",severity="info",entity_id="urn:fs"}}',
            self.values(found, there),
        )
        yield (
            f"fedmeta_metadata_reachable{{{place}}}",
            self.values(lambda minute: float(read(minute) == looked(minute)), there),
        )
        for kind, holds in (("metadata_unreachable", unreachable), ("metadata_never_read", never_read)):
            yield f'fedmeta_finding{{{place},finding="{kind}",severity="warning"}}', self.values(holds, there)


SEEN = Exporter("b")
"""The other one, which goes on."""
WITH_OTHERS = Exporter("b", {"other": Watched()})
"""The same, with other targets."""

ROWS: Mapping[str, Sequence[Exporter] | None] = {
    "One of a pair is down": [Exporter("a", answers=before), SEEN],
    "One of a pair does not see a target any more": [Exporter("a", {"fs": Watched(blind)}), SEEN],
    "One of a pair loses its state file": [Exporter("a", {"fs": Watched(anew)}), SEEN],
    "One of a pair loses its state file, and cannot read a target": [Exporter("a", {"fs": Watched(lost)}), SEEN],
    "Both of a pair are down, or the only exporter is": [
        Exporter("a", answers=before),
        Exporter("b", answers=before),
    ],
    "A shard is down": [Exporter("a", answers=before), WITH_OTHERS],
    "An exporter restarts, and answers again within 20 minutes": [Exporter("a", answers=briefly_away)],
    "A pod is replaced by one of another name or address within 20 minutes": [
        Exporter("a", answers=before, discovered=before),
        Exporter("c", answers=lambda minute: minute >= EVENT + 19, discovered=after),
    ],
    "The only exporter loses its state file, and cannot read a target": [Exporter("a", {"fs": Watched(lost)})],
    "A target moves to another exporter of the job": [
        Exporter("a", {"fs": Watched(configured=before, removal=after)}),
        Exporter("b", {"fs": Watched(configured=lambda minute: minute >= EVENT - 5)}),
    ],
    "A target is taken out of the configuration": [
        Exporter("a", {"fs": Watched(configured=before, removal=after), "other": Watched()}),
    ],
    "A target is taken out together with the state file": [
        Exporter("a", {"fs": Watched(configured=before), "other": Watched()}),
    ],
    "An exporter is taken away for good, with its targets": [
        Exporter("a", answers=before, discovered=before),
        WITH_OTHERS,
    ],
    "A target of `/probe` is taken out of service discovery": [
        Exporter("fs", discovered=before, probes=True),
        Exporter("other", {"other": Watched()}, probes=True),
    ],
    "No exporter of a job ever answered": [Exporter("a", answers=never, discovered=after)],
    "One of several never answered": [Exporter("a", answers=never, discovered=after), SEEN],
    # Nothing that promtool can do. tests/integration restarts a Prometheus.
    "Prometheus restarts, or is away for less than an hour": None,
    "Prometheus is away for more than an hour": None,
}
"""The rows of the table, and what happens in each."""

GONE = {"A target is taken out of the configuration", "No exporter of a job ever answered"}
"""Of these nothing is left that was found before."""
SHARED = {
    "A shard is down",
    "A target is taken out together with the state file",
    "An exporter is taken away for good, with its targets",
    "A target is taken out of the configuration",
    "A target of `/probe` is taken out of service discovery",
}
"""In these another target has the same finding."""


def rows() -> Mapping[str, tuple[str, str]]:
    """What the table says: of each thing that happens the alerts, and what holds meanwhile."""
    _, section = PAGE.split("## What one sees\n")
    lines = re.findall(r"^\| (.*) \|$", section.split("\n## ")[0], re.MULTILINE)
    return {what: (alerts, holds) for what, alerts, holds in (line.split(" | ") for line in lines[1:])}


def told(what: str) -> Mapping[str, int]:
    """The alerts of a row, with the minutes after which they fire."""
    return {alert: int(minutes) for alert, minutes in re.findall(r"\[(\w+)\]\S+ after (\d+)", rows()[what][0])}


def written(values: Sequence[float | None]) -> str:
    """Values as promtool reads them: what ends is stale."""
    previous = [None, *values[:-1]]
    return " ".join(
        str(value) if value is not None else "_" if earlier is None else "stale"
        for value, earlier in zip(values, previous, strict=True)
    )


def expected(what: str, minute: int) -> Mapping[str, int]:
    """How many of each alert fire, so many minutes after it happened."""
    held = (what not in GONE) + (what in SHARED)
    firing = {alert: 1 for alert, minutes in told(what).items() if minutes <= minute}
    return {**firing, **({HELD: held} if held else {})}


def test_the_table_has_these_rows() -> None:
    assert list(rows()) == list(ROWS)
    for alerts, holds in rows().values():
        assert alerts == "none" or "](runbooks.md#fedmeta" in alerts
        assert holds.endswith(".")


@pytest.mark.parametrize("what", [what for what, exporters in ROWS.items() if exporters])
def test_the_alerts_of_a_row_fire_after_so_many_minutes_and_no_other_does(
    what: str, promtool: str, tmp_path: Path
) -> None:
    series = [each for exporter in ROWS[what] or () for each in exporter.series()]
    around = {minutes + off for minutes in told(what).values() for off in (-1, 0)}
    moments = sorted({*range(0, END - EVENT + 1, 9), *around})
    file = tmp_path / "row.yml"
    test = {
        "name": what,
        "interval": "1m",
        "input_series": [
            {"series": name, "values": written(values)}
            for name, values in series
            if any(value is not None for value in values)
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{EVENT + minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{alert}"}}', "value": number}
                    for alert, number in expected(what, minute).items()
                ],
            }
            for minute in moments
        ],
    }
    head = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "group_eval_order": ORDER}
    file.write_text(json.dumps({**head, "tests": [test]}), encoding="utf-8")

    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture

    assert done.returncode == 0, done.stdout + done.stderr


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", blocks("bash"))
def test_a_silence_is_syntax_that_a_shell_reads_and_names_an_alert_that_there_is(block: str) -> None:
    said = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)  # noqa: S607 -- any bash will do

    assert (said.returncode, said.stderr) == (0, "")
    (matcher,) = re.findall(r"alertname=~?([\w.+]+)", block)
    assert matcher in {*ALERTS, "Fedmeta.+"}


def test_what_is_for_prometheus_is_one_job_of_which_both_exporters_are(promtool: str, tmp_path: Path) -> None:
    (block,) = blocks("yaml")
    file = tmp_path / "prometheus.yml"
    file.write_text(block, encoding="utf-8")

    said = subprocess.run([promtool, "check", "config", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture

    assert said.returncode == 0, said.stderr
    (job,) = yaml.safe_load(block)["scrape_configs"]
    assert "fedmeta" in job["job_name"]
    assert job["honor_labels"]


def test_it_names_no_alert_and_no_group_that_there_is_not() -> None:
    assert set(re.findall(r"`?(Fedmeta[A-Z]\w+)", PAGE)) <= ALERTS.keys()
    assert {group["interval"] for group in GROUPS} == set(re.findall(r"`interval: (\w+)`", PAGE))


def test_every_link_leads_to_a_heading() -> None:
    links = re.findall(r"\]\(([\w./]*)#([^)]+)\)", PAGE)

    assert len(links) == PAGE.count("]("), "there are no others"
    for page, anchor in links:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8") if page else PAGE
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading).replace(" ", "-").lower() for heading in headings}


def test_the_labels_of_every_alert_that_selects_no_finding_are_in_the_table() -> None:
    _, section = PAGE.split("## Labels\n")
    first_cells = re.findall(r"^\| (`Fedmeta.*?) \|", section, re.MULTILINE)
    named = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]

    assert sorted(named) == sorted(
        alert for alert, rule in ALERTS.items() if not rule["expr"].startswith("fedmeta:finding{")
    )
