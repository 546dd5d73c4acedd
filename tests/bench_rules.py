"""What the alert rules cost a real Prometheus: ``make bench ARGS=rules``.

Every range of the rules, and the interval, is so many times shorter, so that they are full after minutes, with as many
samples in them as in an hour. What an evaluation computes is the same.
"""

import asyncio
import re
import tempfile
from collections.abc import Sequence
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
TIMES = 12
"""A minute is five seconds."""
FULL = 3600 / TIMES
"""Seconds until the ranges of an hour are full."""
EVALUATIONS = 12
"""That are measured."""


def bench_rules(known: Sequence[Record], domains: Sequence[Record]) -> None:
    """One evaluation of all rules: farms by themselves, and with a node and a domain of Entra ID's each."""
    for records, what in ((known, "farms, each with a successor published"), (domains, "the same, each with a domain")):
        seconds, alerts, slowest = asyncio.run(_evaluated(records))
        print(f"rules over {len(records)} {what}: {seconds:.2f} s an evaluation, {alerts} alerts fire")
        print(f"  the slowest: {slowest}")


async def _evaluated(records: Sequence[Record]) -> tuple[float, int, str]:
    """Seconds of an evaluation of all rules, how many alerts fire, and the slowest rules."""
    now = datetime.now(UTC)
    own = render_own(Status("1", len(records), failures={}, reloaded=True, reloaded_at=now), Format.negotiate(""))
    scrape = own + Renderer(limit=200).render(records, now, openmetrics=False)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=scrape, content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    text = RULES.read_text(encoding="utf-8")
    every = f"{60 // TIMES}s"
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / RULES.name
        rules.write_text(stack.shortened(text, TIMES).replace("interval: 1m", f"interval: {every}"), encoding="utf-8")
        async with TestServer(app) as exporter:
            watching = dict(stack.watching([f"{exporter.host}:{exporter.port}"], "127.0.0.1:9", rules, scrapes=every))
            (job,) = watching["scrape_configs"]
            named = sorted(set(re.findall(r"\bfedmeta_\w+", text)))
            kept = {"source_labels": ["__name__"], "regex": "|".join(named), "action": "keep"}
            watching["scrape_configs"] = [{**job, "metric_relabel_configs": [kept]}]
            program = stack.found("prometheus")
            async with stack.prometheus(program, watching, Path(folder) / "prometheus") as url:
                return await _measured(url)


async def _measured(url: str) -> tuple[float, int, str]:
    await asyncio.sleep(FULL)
    rounds, alerts = [], 0
    async with aiohttp.ClientSession() as client:
        for _ in range(EVALUATIONS):
            await asyncio.sleep(60 / TIMES)
            async with client.get(f"{url}/api/v1/rules") as answer:
                groups: list[Any] = (await answer.json())["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert all(rule["health"] == "ok" for rule in rules), [r for r in rules if r["health"] != "ok"]
            rounds.append(sorted((rule["evaluationTime"], rule["name"]) for rule in rules))
            alerts = sum(len(rule.get("alerts", ())) for rule in rules)
    seconds = sorted(sum(taken for taken, _ in each) for each in rounds)[len(rounds) // 2]
    slowest = ", ".join(f"{name} {taken:.2f} s" for taken, name in rounds[-1][-14:])
    return seconds, alerts, slowest
