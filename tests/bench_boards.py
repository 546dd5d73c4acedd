"""What the queries of the boards cost a real Prometheus: ``make bench ARGS=boards``.

A query is paid by the series that it reads at each step: an hour of samples, asked for in as many steps as a graph has
pixels, costs most of what a day does (the dearest 0.25 s; 0.43 s over a day with a sample every two minutes).
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
from builders import DAY, NOW, SECOND, watched
from scrapes import RECORDS, after, certificate, document, good, idp

from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer
from exporter.record import Record

TARGETS = 300
STEPS = 1440
LIMIT = 200
"""Entities of an aggregate that get series."""
SPAN = timedelta(hours=1)
APART = timedelta(minutes=4)
"""Less than what Prometheus looks back for."""
ENDS = NOW.timestamp()
TRIES = 3
CHEAP = 0.1
"""Seconds that are not worth another try."""

_INSTANCE = ',instance="exporter:10059"'
_SCRAPED = f'job="fedmeta"{_INSTANCE}'
_BIG = "aggregate of many"


@dataclass(frozen=True)
class Cost:
    """What a query of a board costs."""

    query: Query
    seconds: float
    """Of Prometheus's processor time, the least of some tries: a machine has other things to do."""
    series: int
    """In its answer."""


def costs(targets: int = TARGETS, steps: int = STEPS) -> Sequence[Cost]:
    """What each query of each board costs over so many targets, the dearest first."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "prometheus"
        _fill(home, _world(targets))
        found = asyncio.run(_asked(home, steps))
    return sorted(found, key=lambda each: -each.seconds)


def _world(targets: int) -> Sequence[str]:
    """One scrape, and what the rules make of it: targets of every kind, and an aggregate."""
    kinds = [(name, make()) for name, make in RECORDS.items()]
    records = [
        _named(f"{number:05} {kinds[number % len(kinds)][0]}", kinds[number % len(kinds)][1])
        for number in range(targets)
    ]
    own = render_own(Status("1", NOW, targets, failures={}, reloaded=True, reloaded_at=NOW), Format.negotiate(""))
    scrape = own + Renderer(limit=LIMIT).render([*records, _aggregate()], NOW, openmetrics=False)
    series = [_scraped(line) for line in scrape.decode().splitlines() if not line.startswith("#")]
    return [*series, *_recorded(series), f"up{{{_SCRAPED}}} 1"]


def _named(name: str, record: Record) -> Record:
    return replace(record, target=replace(record.target, name=name))


def _aggregate() -> Record:
    """Of so many entities that not all get series."""
    ends = (certificate(f"{number % 16:x}", not_after=NOW + number * DAY) for number in range(2 * LIMIT))
    entities = [idp(each, entity_id=f"https://idp{number}.example/") for number, each in enumerate(ends)]
    return after(watched(_BIG, "http://metadata.example/"), good(document(*entities, aggregate=True), NOW - SECOND))


def _scraped(line: str) -> str:
    found = re.fullmatch(r"(\w+)(?:\{(.*)\})?( \S+)", line)
    assert found, line
    return f"{found[1]}{{{','.join(filter(None, (_SCRAPED, found[2])))}}}{found[3]}"


def _recorded(series: Sequence[str]) -> Iterator[str]:
    """What the rules keep of the findings: each is held, and fires."""
    yield f"fedmeta:exporter:last{{{_SCRAPED}}} {ENDS}"
    for line in series:
        if line.startswith("fedmeta_finding{"):
            labels = line.partition("{")[2].rpartition("}")[0].replace(_INSTANCE, "")
            alert = f'alertname="Fedmeta",{labels}'
            yield f"fedmeta:finding{{{labels}}} 1"
            yield f'ALERTS{{{alert},alertstate="firing"}} 1'
            yield f"ALERTS_FOR_STATE{{{alert}}} {ENDS}"


def _fill(home: Path, series: Sequence[str]) -> None:
    """Writes an hour of these series as Prometheus stores them."""
    moments = [ENDS - step * APART.total_seconds() for step in range(int(SPAN / APART), -1, -1)]
    (home / "data").mkdir(parents=True)
    text = home / "series.txt"
    lines = (f"{line} {moment}\n" for line in sorted(series) for moment in moments)
    text.write_text("".join(lines) + "# EOF\n", encoding="utf-8")
    command: Sequence[str | Path] = [
        stack.found("promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        text,
        home / "data",
    ]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 -- promtool


async def _asked(home: Path, steps: int) -> Sequence[Cost]:
    program = stack.found("prometheus")
    async with stack.prometheus(program, {}, home) as url, aiohttp.ClientSession() as client:
        trusting = next(f"{number:05} {name}" for number, name in enumerate(RECORDS) if name == "trust")
        return [
            await _cost(client, url, query, target=target, steps=steps)
            for board in BOARDS
            for target in ([trusting, _BIG] if board.name == "target" else [""])
            for query in board.queries
        ]


async def _cost(client: aiohttp.ClientSession, url: str, query: Query, *, target: str, steps: int) -> Cost:
    since, step = ENDS - SPAN.total_seconds(), SPAN.total_seconds() / (steps - 1)
    over_time = {"start": since, "end": ENDS, "step": step}
    ask, when = ("query", {"time": ENDS}) if query.json["instant"] else ("query_range", over_time)
    asked = {"query": filled_in(query.expr, target=target), **when}
    seconds, series = float("inf"), 0
    for _ in range(TRIES):
        before = await _spent(client, url)
        async with client.post(f"{url}/api/v1/{ask}", data=asked) as answer:
            body = await answer.json()
        assert body["status"] == "success", f"{query}: {body}"
        seconds, series = min(seconds, await _spent(client, url) - before), len(body["data"]["result"])
        if seconds < CHEAP:
            break
    return Cost(query, seconds, series)


async def _spent(client: aiohttp.ClientSession, url: str) -> float:
    """Seconds of processor time that Prometheus has used."""
    async with client.get(f"{url}/metrics") as answer:
        (found,) = re.findall(r"^process_cpu_seconds_total (\S+)$", await answer.text(), re.MULTILINE)
    return float(found)
