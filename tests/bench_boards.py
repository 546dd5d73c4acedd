"""What the queries of the boards cost a real Prometheus: ``make bench ARGS=boards``.

A query is paid by the series that it reads at each step, and not by how old they are: an hour of samples, asked for in
as many steps as a graph has pixels, costs what a day does.
"""

import asyncio
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import stack
from boards import BOARDS, Query, filled_in
from builders import NOW
from scrapes import RECORDS

from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer
from exporter.record import Record

TARGETS = 300
STEPS = 1440
SPAN = timedelta(hours=1)
APART = timedelta(minutes=4)
"""Less than what Prometheus looks back for."""
ENDS = NOW.timestamp()
TRIES = 3
"""The least counts: a machine has other things to do."""


@dataclass(frozen=True)
class Cost:
    """What a query of a board costs."""

    query: Query
    seconds: float
    """Of Prometheus's processor time."""
    series: int
    """In its answer."""


def costs(targets: int = TARGETS, steps: int = STEPS) -> Sequence[Cost]:
    """What each query of each board costs over so many targets; the dearest first."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "prometheus" / "data"
        _fill(data, world(targets))
        found = asyncio.run(_asked(data.parent, f"{0:05} {next(iter(RECORDS))}", steps))
    return sorted(found, key=lambda each: -each.seconds)


def world(targets: int) -> Sequence[str]:
    """The series of one scrape and of the rules over it: targets in every state, one like another."""
    kinds = list(RECORDS.items())
    records = [_renamed(kinds[number % len(kinds)], number) for number in range(targets)]
    own = render_own(Status("1", targets, failures={}, reloaded=True, reloaded_at=NOW), Format.negotiate(""))
    scrape = Renderer(limit=200).render(records, NOW, openmetrics=False) + own
    series = [
        _series(line, 'job="fedmeta",instance="exporter:10059"')
        for line in scrape.decode().splitlines()
        if line[0] != "#"
    ]
    return [*series, *_recorded(series), 'up{job="fedmeta",instance="exporter:10059"} 1']


def _renamed(kind: tuple[str, object], number: int) -> Record:
    name, make = kind
    assert callable(make)
    record: Record = make()
    return replace(record, target=replace(record.target, name=f"{number:05} {name}"))


def _series(line: str, labels: str) -> str:
    name, rest = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})?( [^ ]+)", line), ""
    assert name, line
    rest = f",{name[2]}" if name[2] else ""
    return f"{name[1]}{{{labels}{rest}}}{name[3]}"


def _recorded(series: Sequence[str]) -> Iterator[str]:
    """What the rules keep of the findings: each is held, and fires."""
    yield f'fedmeta:exporter:last{{job="fedmeta",instance="exporter:10059"}} {ENDS}'
    for line in series:
        if line.startswith("fedmeta_finding{"):
            labels = line.partition("{")[2].rpartition("}")[0].replace('instance="exporter:10059",', "")
            (kind,) = re.findall(r'finding="(\w+)"', labels)
            alert = f'alertname="Fedmeta{kind.title().replace("_", "")}",{labels}'
            yield f"fedmeta:finding{{{labels}}} 1"
            yield f'ALERTS{{{alert},alertstate="firing"}} 1'
            yield f"ALERTS_FOR_STATE{{{alert}}} {ENDS - 3600}"


def _fill(data: Path, series: Sequence[str]) -> None:
    """Writes an hour of these series as Prometheus stores them."""
    moments = [ENDS - step * APART.total_seconds() for step in range(int(SPAN / APART), -1, -1)]
    data.mkdir(parents=True)
    text = data.parent / "series.txt"
    lines = (f"{line} {moment}\n" for line in sorted(series) for moment in moments)
    with text.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.write("# EOF\n")
    promtool = stack.found("promtool")
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", text, data], check=True, capture_output=True)  # noqa: S603 -- promtool


async def _asked(folder: Path, target: str, steps: int) -> Sequence[Cost]:
    async with (
        stack.prometheus(stack.found("prometheus"), {}, folder) as url,
        aiohttp.ClientSession() as client,
    ):

        async def spent() -> float:
            async with client.get(f"{url}/metrics") as answer:
                (found,) = re.findall(r"^process_cpu_seconds_total (\S+)$", await answer.text(), re.MULTILINE)
            return float(found)

        async def cost(query: Query) -> Cost:
            expr = filled_in(query.expr, target=target)
            since = ENDS - SPAN.total_seconds()
            step = SPAN.total_seconds() / (steps - 1)
            ask, when = (
                ("query", {"time": ENDS})
                if query.json["instant"]
                else ("query_range", {"start": since, "end": ENDS, "step": step})
            )
            tried = []
            for _ in range(TRIES):
                before = await spent()
                async with client.post(f"{url}/api/v1/{ask}", data={"query": expr, **when}) as answer:
                    body = await answer.json()
                assert body["status"] == "success", f"{query}: {body}"
                tried.append(await spent() - before)
                if tried[-1] < 0.1:
                    break
            return Cost(query, min(tried), len(body["data"]["result"]))

        return [await cost(query) for board in BOARDS for query in board.queries]
