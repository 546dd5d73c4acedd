"""A real Prometheus scrapes the demo, and every query of every dashboard gets an answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import stack
from aiohttp.test_utils import TestServer
from boards import BOARDS, RULES, Panel, filled_in, label_values

from exporter.config.settings import Config, Target
from exporter.demo.scenarios import SCENARIOS, Answer, document
from exporter.demo.simulator import serving
from exporter.policy import PolicySettings
from exporter.server import Options, application
from exporter.state import open_state

PATIENCE = 60
"""Seconds; it takes a fraction of that unless the machine is very busy."""

FASTER = 60
"""What takes a minute takes a second."""

_IN_TIME = "the number with the other colours answers, as nothing is late"
_BAD = "the number with the bad colours answers"
_LATE = "a column of what is late, beside others"
NOT_ON_THE_DEMO = {
    ("target", "Validity, in days from today", "C"): "every certificate of the demo has begun; others fill the bars",
    ("fleet", "Oldest document", "B"): _IN_TIME,
    ("target", "Document read", "B"): _IN_TIME,
    ("target", "Last look", "B"): _IN_TIME,
    ("target", "TLS ends in", "B"): _IN_TIME,
    ("fleet", "Alerts firing", "A"): _BAD,
    ("fleet", "First to end", "A"): _BAD,
    ("fleet", "Targets, worst first", "E"): _LATE,
    ("fleet", "Domains, worst first", "I"): _LATE,
    ("target", "Trust of each domain now", "I"): _LATE,
    ("target", "Which node serves what", "E"): _LATE,
}
"""Queries that no target of the demo answers, and why the panel is not empty all the same."""

REPLACING = "promoted"
"""The farm that replaces its keys while we look."""

REFUSED = "foreign-certificate"
"""The farm of whose domain Entra ID says nothing more while we look."""

pytestmark = pytest.mark.asyncio(loop_scope="module")

Result = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Prometheus:
    """The HTTP API of one that runs."""

    url: str
    client: aiohttp.ClientSession
    at: float | None = None
    """When it is asked for, if not now: what was scraped then stays, however busy the machine is afterwards."""

    async def now(self, expr: str) -> Result:
        """The answer of an instant query."""
        return await self._get("query", query=expr, time=str(self.at or time.time()))

    async def lately(self, expr: str) -> Result:
        """The answer of a range query over the last minute."""
        to = self.at or time.time()
        return await self._get("query_range", query=expr, start=str(to - 60), end=str(to), step="1")

    async def _get(self, path: str, **parameters: str) -> Result:
        # POST, as Grafana does: some queries are long.
        async with self.client.post(f"{self.url}/api/v1/{path}", data=parameters) as answer:
            body = await answer.json()
        assert body["status"] == "success", f"{parameters['query']}: {body}"
        found: Result = body["data"]["result"]
        return found


def now() -> datetime:
    return datetime.now(UTC)


def hurried(target: Target) -> Target:
    """A target that is looked at and asked about every second."""
    return replace(
        target,
        looks=tuple(replace(each, interval=1) for each in target.looks),
        entra=replace(target.entra, interval=1) if target.entra else None,
    )


async def until_scraped(prometheus: Prometheus, expr: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await prometheus.now(expr):
        assert time.monotonic() < deadline, f"never came: {expr}"
        await asyncio.sleep(0.2)


async def when_it_had(prometheus: Prometheus, *exprs: str) -> Prometheus:
    """The same at the time of a scrape that succeeded and by which each of these had an answer."""
    deadline = time.monotonic() + PATIENCE
    while True:
        for scraped in await prometheus.now("timestamp(up == 1)"):
            then = replace(prometheus, at=float(scraped["value"][1]))
            if all([await then.now(expr) for expr in exprs]):
                return then
        assert time.monotonic() < deadline, f"never came at once: {exprs}"
        await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watching(prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """A Prometheus that has scraped the demo some times, before and after a farm replaced its keys."""
    folder = tmp_path_factory.mktemp("demo")
    async with AsyncExitStack() as running:
        simulation = await running.enter_async_context(serving(SCENARIOS, now=now(), folder=folder, key="ec"))
        targets = tuple(hurried(target) for target in simulation.targets)
        config = Config(targets, {"default": targets[0].look.module}, {"default": PolicySettings()})
        exporter = TestServer(application(Options(config), state=open_state(None, now), clock=now))
        await running.enter_async_context(exporter)
        scrape = {"job_name": "fedmeta", "honor_labels": True}
        rules = stack.shortened(RULES.read_text(encoding="utf-8"), FASTER).replace("interval: 1m", "interval: 1s")
        (folder / RULES.name).write_text(rules, encoding="utf-8")
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / RULES.name)],
            "scrape_configs": [scrape | {"static_configs": [{"targets": [f"{exporter.host}:{exporter.port}"]}]}],
        }
        url = await running.enter_async_context(stack.prometheus(prometheus, configuration, folder / "prometheus"))
        client = await running.enter_async_context(aiohttp.ClientSession())
        asked = Prometheus(url, client)
        looks = sum(len(target.looks) for target in targets)
        domains = {scenario.name: [each.name for each in scenario.domains] for scenario in SCENARIOS}
        await until_scraped(asked, f"count(fedmeta_probe_last_attempt_timestamp_seconds) == {looks}")
        await until_scraped(asked, f"count(fedmeta_trust_as_of_timestamp_seconds) == {sum(map(len, domains.values()))}")
        (farm,) = (each for each in SCENARIOS if each.name == REPLACING)
        simulation.publish(REPLACING, document(farm, now(), key="ec"))
        for domain in domains[REFUSED]:
            simulation.directory.fail(domain, HTTPStatus.FORBIDDEN)
        yield await when_it_had(
            asked,
            "fedmeta_rollover_last_promotion_timestamp_seconds",
            "rate(fedmeta_trust_inquiry_failures_total[1m]) > 0",
            "rate(fedmeta_exporter_scrape_duration_seconds_count[1m]) > 0",
            'ALERTS{alertname="FedmetaTrustBroken", alertstate="firing"}',
        )


async def test_every_query_of_every_board_has_an_answer(watching: Prometheus) -> None:
    unanswered = set()
    for board in BOARDS:
        targets = [scenario.name for scenario in SCENARIOS] if board.name == "target" else ["none"]
        for query in board.queries:
            ask = watching.now if query.json["instant"] else watching.lately
            answers = [await ask(filled_in(query.expr, target=target)) for target in targets]
            if not any(answers):
                unanswered.add((board.name, query.panel.title, query.json["refId"]))
    assert unanswered == NOT_ON_THE_DEMO.keys()


async def test_every_panel_says_something_about_every_target(watching: Prometheus) -> None:
    (board,) = (board for board in BOARDS if board.name == "target")
    for scenario in SCENARIOS:
        for panel in board.panels:
            answers = [await watching.now(filled_in(query.expr, target=scenario.name)) for query in panel.queries]
            # An empty graph has words of its own; nothing else has.
            assert any(answers) or (panel.type == "timeseries" and scenario.answer is not Answer.METADATA), (
                f"{panel} of {scenario.name}"
            )


async def test_every_row_of_a_table_is_one_of_its_own_and_says_something(watching: Prometheus) -> None:
    """A merge joins from both sides: what a column has beyond the rows would be a row of its own."""
    for board in BOARDS:
        targets = [scenario.name for scenario in SCENARIOS] if board.name == "target" else ["none"]
        for panel in board.panels:
            if panel.type == "table":
                for target in targets:
                    rows, *others = [
                        [each["metric"] for each in await watching.now(filled_in(query.expr, target=target))]
                        for query in panel.queries
                    ]
                    assert rows, panel
                    for found in others:
                        assert all(any(belongs(each, row) for row in rows) for each in found), f"{panel} of {target}"


def belongs(found: Mapping[str, str], row: Mapping[str, str]) -> bool:
    """Whether what was found says nothing else of the labels that a row has."""
    shared = found.keys() & row.keys()
    return bool(shared) and all(found[label] == row[label] for label in shared)


async def test_what_is_wrong_has_the_alerts_that_fire_and_every_farm_has_a_row(watching: Prometheus) -> None:
    wrong, targets = (named(title) for title in ("What is wrong, worst first", "Targets, worst first"))
    (since,) = (query for query in wrong.queries if "ALERTS_FOR_STATE" in query.expr)
    rows, fired = [
        {each["metric"]["key"] for each in await watching.now(filled_in(query.expr))}
        for query in (wrong.queries[0], since)
    ]

    assert any("trust_broken" in key for key in fired)
    assert fired <= rows
    assert len(await watching.now(filled_in(targets.queries[0].expr))) == len(SCENARIOS)


def named(title: str) -> Panel:
    """The panel of the board of all targets."""
    (found,) = (panel for panel in BOARDS[0].panels if panel.title == title)
    return found


async def test_every_variable_offers_values_and_every_annotation_has_marks(watching: Prometheus) -> None:
    for board in BOARDS:
        for name, variable in board.variables.items():
            if variable["type"] == "query":
                metric, label = label_values(variable)
                found = {each["metric"].get(label) for each in await watching.now(filled_in(metric, target="steady"))}
                assert found - {None}, f"{board.name}: {name}"
        for name, annotation in board.annotations.items():
            marks = await watching.lately(filled_in(annotation["expr"], target=REPLACING))
            # This farm replaced its keys by promoting: that is one mark.
            assert bool(marks) == (name == "Promotions")
            # Milliseconds since 1970, within the last minutes.
            assert all(0 < time.time() - float(each["values"][-1][1]) / 1000 < 600 for each in marks)
