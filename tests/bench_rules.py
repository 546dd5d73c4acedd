"""What the alert rules cost a real Prometheus: ``make bench ARGS=rules``.

Intervals and ranges are so many times shorter that the ranges are full after minutes, with as many samples in them as
in an hour: what an evaluation computes is the same.
"""

import asyncio
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import stack
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer
from exporter.record import Record

RULES = Path(__file__).parents[1] / "alerts" / "fedmeta.rules.yml"
TIMES = 20
"""A minute is three seconds."""
HOUR = 3600 / TIMES
"""Seconds until the ranges of an hour are full."""
MEASURED = 60.0
"""Seconds, after that."""
SHOWN = 5
"""Of the rules, the slowest."""


@dataclass(frozen=True)
class Cost:
    """What rules cost: seconds of an evaluation of all of them."""

    cpu: float
    """Of Prometheus's processor time; what scrapes cost is in it."""
    slowest: Sequence[tuple[str, float]]
    """Rules, and seconds by the clock."""
    firing: int


def cost(records: Sequence[Record]) -> Cost:
    """What an evaluation of the shipped rules costs Prometheus over these farms, with nothing for its scrapes."""
    with_rules = asyncio.run(_evaluated(records, RULES.read_text("utf-8"), after=HOUR))
    # Scrapes cost the same from the first minute on.
    without = asyncio.run(_evaluated(records, "groups: []", after=60 / TIMES))
    return Cost(with_rules.cpu - without.cpu, with_rules.slowest, with_rules.firing)


async def _evaluated(records: Sequence[Record], rules: str, *, after: float) -> Cost:
    now = datetime.now(UTC)
    own = render_own(Status("1", now, len(records), failures={}, reloaded=True, reloaded_at=now), Format.negotiate(""))
    scrape = own + Renderer(limit=200).render(records, now, openmetrics=False)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=scrape, content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    every = f"{60 // TIMES}s"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / RULES.name
        file.write_text(stack.shortened(rules, TIMES).replace("interval: 1m", f"interval: {every}"), encoding="utf-8")
        async with TestServer(app) as exporter:
            watching = dict(stack.watching([f"{exporter.host}:{exporter.port}"], "127.0.0.1:9", file, scrapes=every))
            # What no rule reads is not what is measured.
            read = "|".join(sorted(set(re.findall(r"\bfedmeta_\w+", RULES.read_text("utf-8")))))
            kept = {"source_labels": ["__name__"], "regex": read, "action": "keep"}
            watching["scrape_configs"] = [{**watching["scrape_configs"][0], "metric_relabel_configs": [kept]}]
            async with stack.prometheus(stack.found("prometheus"), watching, Path(folder) / "prometheus") as url:
                await asyncio.sleep(after)
                return await _measured(url)


async def _measured(url: str) -> Cost:
    async with aiohttp.ClientSession() as client:

        async def metrics() -> str:
            async with client.get(f"{url}/metrics") as answer:
                return await answer.text()

        before = await metrics()
        await asyncio.sleep(MEASURED)
        after = await metrics()
        async with client.get(f"{url}/api/v1/rules") as answer:
            groups: list[Any] = (await answer.json())["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    broken = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    assert not broken, broken
    # A machine that is too slow leaves evaluations out.
    done = _sum("iterations_total", after, before) - _sum("iterations_missed_total", after, before)
    spent = _sum("process_cpu_seconds_total", after, before)
    slowest = sorted(((rule["name"], rule["evaluationTime"]) for rule in rules), key=lambda each: -each[1])
    firing = sum(len(rule.get("alerts", ())) for rule in rules)
    each = spent / (done / len(groups)) if groups else spent / MEASURED * 60 / TIMES
    return Cost(each, slowest[:SHOWN], firing)


def _sum(name: str, after: str, before: str) -> float:
    """By how much all series grew whose names end so."""

    def total(text: str) -> float:
        return sum(map(float, re.findall(rf"^\w*{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)))

    return total(after) - total(before)
