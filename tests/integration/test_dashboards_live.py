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
from boards import BOARDS, filled_in, label_values

from exporter.config.settings import Config, Target
from exporter.demo.scenarios import SCENARIOS, Answer, Scenario, document
from exporter.demo.simulator import serving
from exporter.policy import PolicySettings, Profile
from exporter.server import Options, application
from exporter.state import open_state

PATIENCE = 60
"""Seconds; it takes a fraction of that unless the machine is very busy."""

NOT_ON_THE_DEMO = {
    ("target", "Valid until", "A"): "AD FS never says validUntil; the panel says 'does not say'",
    ("target", "To be kept for", "A"): "AD FS never says cacheDuration; the panel says 'does not say'",
    ("target", "Validity, in days from today", "C"): "every certificate of the demo has begun; others fill the bars",
}
"""Queries that no target of the demo answers, and why the panel is not empty all the same."""

REPLACING = "promoted"
"""The farm that replaces its keys while we look."""

REFUSED = "foreign-certificate"
"""The farm of whose domain Entra ID says nothing more while we look."""

OF_DOMAINS = {
    "Trust of each domain now",
    "Certificates that Entra ID trusts",
    "Trust over time",
    "Entra ID's readings over time",
}
OF_LOOKS = {"Looks that fail", "Which node serves what", "Nodes and vantages over time"}

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
        configuration = {
            "global": {"scrape_interval": "1s"},
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


async def test_every_target_with_a_document_fills_its_board(watching: Prometheus) -> None:
    (board,) = (board for board in BOARDS if board.name == "target")
    for scenario in (each for each in SCENARIOS if each.answer is Answer.METADATA):
        for panel in board.panels:
            answers = [await watching.now(filled_in(query.expr, target=scenario.name)) for query in panel.queries]
            if not any(answers):
                assert panel.title in may_be_empty(scenario)
                assert panel.defaults["noValue"]


def may_be_empty(scenario: Scenario) -> set[str]:
    """Panels that say in words that a farm has none of it."""
    absent = {"Valid until", "To be kept for"}
    if not scenario.successor_present:
        absent |= {"Successor left"}
    if not scenario.successor_present or scenario.profile is Profile.ADFS_MANUAL:
        absent |= {"Promotion"}
    if not scenario.domains:
        absent |= OF_DOMAINS
    if not scenario.others:
        absent |= OF_LOOKS
    if scenario.nodes_agree is None:
        absent |= {"Nodes and vantages"}
    return absent if scenario.nodes_agree is False else absent | {"Differ since"}


async def test_every_variable_offers_values_and_every_annotation_has_marks(watching: Prometheus) -> None:
    for board in BOARDS:
        for name, variable in board.variables.items():
            if variable["type"] == "query":
                metric, label = label_values(variable)
                found = {each["metric"].get(label) for each in await watching.now(filled_in(metric, target="steady"))}
                assert found - {None}, f"{board.name}: {name}"
        for name, annotation in board.annotations.items():
            marks = await watching.lately(filled_in(annotation["expr"], target=REPLACING))
            assert marks, f"{board.name}: {name}"
            # Milliseconds since 1970, within the last minutes.
            assert all(0 < time.time() - float(each["values"][-1][1]) / 1000 < 600 for each in marks)
