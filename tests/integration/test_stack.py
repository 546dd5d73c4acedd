"""Real Prometheus and real Alertmanager watch the demo: what must arrive does, with its runbook, and nothing else.

The shipped rules and the Alertmanager sample, with their waits and ranges so many times shorter; what the rules
compare (days, ages) stays as it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Container, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stack
from aiohttp import ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer

from exporter.config.settings import INTERNET, SERVICE, Config, Target
from exporter.demo.scenarios import SCENARIOS, Lifetime, Scenario, farm
from exporter.demo.simulator import Simulation, serving
from exporter.model import FaultKind
from exporter.policy import DEFAULTS, PolicySettings
from exporter.rollover import State
from exporter.server import Options, application
from exporter.state import open_state
from exporter.trust import TrustState

ALERTS = Path(__file__).parents[2] / "alerts"
RUNBOOKS = "https://github.com/fedmeta-exporter/fedmeta-exporter/blob/main/docs/runbooks.md"

TIMES = 300
"""An hour is twelve seconds: several scrapes on a busy machine, and not longer than a test may take."""
PATIENCE = 120
"""Seconds for anything to happen; it takes a fraction of that unless the machine is very busy."""

STALLED_LATE = Scenario(
    name="stalled-late",
    sentence="A successor that nobody promotes, and four days left: the critical alert takes the place of its warning.",
    state=State.STALLED,
    signing=(Lifetime(-361, 4), Lifetime(-11, 354)),
    successor_present=True,
    secondary_present=True,
)

Arrival = tuple[str, str, str]
"""Alert, severity and target; an alert that is about no target has an empty one."""

LATE = {State.EXPIRED, State.MISSING, State.STALLED, State.OVERDUE}

BY_STATE = {
    State.EXPIRED: ("FedmetaSigningCertificateExpired", "critical"),
    State.MISSING: ("FedmetaRolloverMissing", "critical"),
    State.STALLED: ("FedmetaPromotionStalled", "warning"),
    State.OVERDUE: ("FedmetaRolloverOverdue", "warning"),
    State.DUE: ("FedmetaRenewalDue", "warning"),
    State.PUBLISHED: ("FedmetaSuccessorPublished", "info"),
}

BY_TRUST_STATE = {
    TrustState.BROKEN: ("FedmetaTrustBroken", "critical"),
    TrustState.AT_RISK: ("FedmetaTrustAtRisk", "critical"),
}
"""What is counted in hours or days (pending, half updated, nodes that differ) comes when the clock jumps."""


def encryption(states: Container[State]) -> set[Arrival]:
    """What is told of the encryption certificates of farms in these states: they were made with the primary."""
    return {
        ("FedmetaEncryptionCertificateExpiring", "warning", each.name)
        for each in (*SCENARIOS, STALLED_LATE)
        if each.state in states and each.left is not None and each.left <= DEFAULTS[each.profile].encryption
    }


SILENCED = {("FedmetaEntraCannotReadMetadata", "warning", "not-public"), *encryption(LATE)}
"""Fire, and must not arrive: another alert says more."""


def expected() -> set[Arrival]:
    """What the scenarios of the demo, and the one more that is watched here, must raise."""
    arrivals = {(*BY_STATE[each.state], each.name) for each in SCENARIOS if each.state in BY_STATE}
    for each in (*SCENARIOS, STALLED_LATE):
        if each.left is None:
            arrivals.add(("FedmetaMetadataNeverRead", "warning", each.name))
        if FaultKind.CERTIFICATE_DER in each.faults:
            arrivals.add(("FedmetaCertificateUnreadable", "warning", each.name))
        arrivals |= {
            (*BY_TRUST_STATE[domain.state], each.name) for domain in each.domains if domain.state in BY_TRUST_STATE
        }
        if any(domain.foreign for domain in each.domains):
            arrivals.add(("FedmetaTrustForeignCertificate", "warning", each.name))
        if any(look.vantage == INTERNET and look.reason for look in each.others):
            arrivals.add(("FedmetaMetadataUnreachableFromInternet", "warning", each.name))
    arrivals |= encryption({*State} - LATE)
    return arrivals | {("FedmetaPromotionStalledLate", "critical", STALLED_LATE.name)}


@dataclass
class Inbox:
    """What Alertmanager told its receivers."""

    url: str = ""
    firing: set[Arrival] = field(default_factory=set)
    resolved: set[Arrival] = field(default_factory=set)
    receivers: dict[str, set[str]] = field(default_factory=dict)
    """By severity."""
    runbooks: dict[str, str] = field(default_factory=dict)
    """By alert."""
    instances: set[str] = field(default_factory=set)
    """The exporters that alerts are about."""

    async def post(self, request: web.Request) -> web.Response:
        for alert in (await request.json())["alerts"]:
            name, severity, _ = arrival = arrival_of(alert["labels"])
            (self.firing if alert["status"] == "firing" else self.resolved).add(arrival)
            self.instances |= {alert["labels"]["instance"]} if "instance" in alert["labels"] else set()
            self.receivers.setdefault(severity, set()).add(request.match_info["receiver"])
            self.runbooks[name] = alert["annotations"]["runbook_url"]
        return web.Response()


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    inbox, app = Inbox(), web.Application()
    app.router.add_post("/{receiver}", inbox.post)
    async with TestServer(app) as server:
        inbox.url = str(server.make_url("")).rstrip("/")
        yield inbox


@dataclass
class Clock:
    """The real time, or so much ahead of it."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Running:
    """All of it, and where it can be touched."""

    simulation: Simulation
    exporter: BaseTestServer
    clock: Clock
    """The exporter's."""
    prometheus: str


@pytest.fixture
async def running(inbox: Inbox, prometheus: str, alertmanager: str, tmp_path: Path) -> AsyncIterator[Running]:
    clock, rules = Clock(), tmp_path / "fedmeta.rules.yml"
    rules.write_text(shipped_rules())
    receivers = stack.telling(shipped_routes(), inbox.url)
    async with AsyncExitStack() as opened:
        start = opened.enter_async_context
        simulation = await start(serving((*SCENARIOS, STALLED_LATE), now=clock(), folder=tmp_path, key="ec"))
        targets = tuple(map(often, simulation.targets))
        config = Config(targets, {"default": targets[0].look.module}, {"default": PolicySettings()})
        exporter = await start(TestServer(application(Options(config), state=open_state(None, clock), clock=clock)))
        notifier = await start(stack.alertmanager(alertmanager, receivers, tmp_path / "alertmanager"))
        told = stack.watching(
            [f"{exporter.host}:{exporter.port}"], notifier.removeprefix("http://"), rules, scrapes="1s"
        )
        watcher = await start(stack.prometheus(prometheus, told, tmp_path / "prometheus"))
        yield Running(simulation, exporter, clock, watcher)


UNWATCHED: Arrival = ("FedmetaTargetsUnwatched", "critical", "")
BLIND: Arrival = ("FedmetaExporterBlind", "warning", "")
MISSING: Arrival = ("FedmetaRolloverMissing", "critical", "fs")
LOCKED_OUT: Arrival = ("FedmetaTrustBroken", "critical", "promoted-early")


async def test_the_expected_alerts_arrive_and_no_other(running: Running, inbox: Inbox) -> None:
    must_arrive = expected()
    await until_it_has(inbox, must_arrive)
    assert inbox.firing == must_arrive
    assert inbox.receivers == {"critical": {"pager"}, "warning": {"queue"}, "info": {"chat"}}
    assert await firing_at(running.prometheus) - must_arrive == SILENCED

    # The endpoint fails: that is one alert more, and silences nothing.
    running.simulation.take_down("missing")
    must_arrive |= {("FedmetaMetadataUnreachable", "warning", "missing")}
    await until_it_has(inbox, must_arrive)
    assert inbox.resolved == set()

    # The certificate ends while nobody can read the metadata. No other farm gets into another state by then, but what
    # is counted in hours and days has lasted for so long.
    running.clock.ahead = timedelta(days=3.25)
    must_arrive |= {
        ("FedmetaSigningCertificateExpired", "critical", "missing"),
        ("FedmetaMetadataUnreachableInPollWindow", "critical", "missing"),
        ("FedmetaMetadataUnreachableInPollWindow", "critical", "not-public"),
        ("FedmetaTrustHalfUpdated", "warning", "half-updated"),
        ("FedmetaNodesDiffer", "warning", "stale-proxy"),
    }
    await until_it_has(inbox, must_arrive)
    assert inbox.resolved <= {
        ("FedmetaRolloverMissing", "critical", "missing"),
        ("FedmetaMetadataUnreachable", "warning", "missing"),
        ("FedmetaMetadataUnreachableFromInternet", "warning", "not-public"),
        # Until the next look its document is days old, and by such a one nobody is said to be locked out.
        LOCKED_OUT,
    }
    await until_it_fires(running, LOCKED_OUT)

    await running.exporter.close()
    must_arrive |= {UNWATCHED}
    await until_it_has(inbox, must_arrive)
    # Every farm's own clock goes on as it was, and is days behind now.
    clocks = {each for each in inbox.firing if each[:2] == ("FedmetaClockWrong", "warning")}
    assert inbox.firing - clocks == must_arrive
    assert inbox.runbooks == {alert: f"{RUNBOOKS}#{alert.lower()}" for alert, _, _ in must_arrive | clocks}


@asynccontextmanager
async def watching(simulation: Simulation) -> AsyncIterator[BaseTestServer]:
    """An exporter that watches the farms of a simulation."""
    targets = tuple(map(often, simulation.targets))
    config = Config(targets, {"default": targets[0].look.module}, {"default": PolicySettings()})
    clock = Clock()
    async with TestServer(application(Options(config), state=open_state(None, clock), clock=clock)) as exporter:
        yield exporter


def named(state: State) -> Scenario:
    """A farm in this state, under the name that all of these tests give it."""
    return next(replace(each, name="fs") for each in SCENARIOS if each.state is state and not each.others)


async def test_of_a_pair_the_one_that_is_blind_is_told_about_and_says_nothing(
    inbox: Inbox, prometheus: str, alertmanager: str, tmp_path: Path
) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "now").mkdir()
    now = Clock()()
    async with AsyncExitStack() as opened:
        start = opened.enter_async_context
        before = await start(serving([named(State.MISSING)], now=now, folder=tmp_path / "before", key="ec"))
        blind = await start(watching(before))
        await until_it_shows(blind, 'finding="rollover_missing"')
        before.take_down("fs")
        after = await start(serving([named(State.STEADY)], now=now, folder=tmp_path / "now", key="ec"))
        seeing = await start(watching(after))
        await until_it_shows(seeing, "fedmeta_target_as_of_timestamp_seconds{")
        # Three intervals, after which the other one sees more.
        await asyncio.sleep(4)

        # A Prometheus that has scraped both already: what one that is new hears first may be the blind one.
        async with watched_by(prometheus, alertmanager, inbox, tmp_path, blind, seeing, rules="groups: []") as new:
            await until_it_says(new, "sum(up) == 2")
        watcher = await start(watched_by(prometheus, alertmanager, inbox, tmp_path, blind, seeing))
        await until_it_has(inbox, {BLIND})
        assert inbox.firing == {BLIND}
        assert inbox.instances == {f"{blind.host}:{blind.port}"}

        # What the one that sees sees is told, at once and by one alert.
        after.publish("fs", await asyncio.to_thread(document_of, named(State.MISSING), now))
        await until_it_has(inbox, {MISSING})
        assert MISSING in await firing_at(watcher)

        # And when it goes as well, the other one that is there has never seen more.
        await seeing.close()
        await until_it_is_resolved(inbox, BLIND)
        assert MISSING in await firing_at(watcher)
        assert MISSING not in inbox.resolved


async def test_a_page_outlives_the_exporter_and_a_restart_of_prometheus(
    inbox: Inbox, prometheus: str, alertmanager: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as opened:
        start = opened.enter_async_context
        simulation = await start(serving([named(State.MISSING)], now=Clock()(), folder=tmp_path, key="ec"))
        exporter = await start(watching(simulation))
        async with watched_by(prometheus, alertmanager, inbox, tmp_path, exporter) as watcher:
            await until_it_has(inbox, {MISSING})
            await exporter.close()
            await until_it_says(watcher, "sum(up) == 0")
        async with watched_by(prometheus, alertmanager, inbox, tmp_path, exporter) as watcher:
            await until_it_has(inbox, {MISSING, UNWATCHED})
            assert await firing_at(watcher) >= {MISSING, UNWATCHED}
        assert MISSING not in inbox.resolved


@asynccontextmanager
async def watched_by(
    prometheus: str,
    alertmanager: str,
    inbox: Inbox,
    folder: Path,
    *exporters: BaseTestServer,
    rules: str | None = None,
) -> AsyncIterator[str]:
    """A Prometheus that scrapes these exporters of one job, and has an interval of its own that suits no rule."""
    file = folder / "fedmeta.rules.yml"
    file.write_text(rules or shipped_rules())
    receivers = stack.telling(shipped_routes(), inbox.url)
    async with AsyncExitStack() as opened:
        start = opened.enter_async_context
        notifier = await start(stack.alertmanager(alertmanager, receivers, folder / "alertmanager"))
        scraped = [f"{each.host}:{each.port}" for each in exporters]
        told = stack.watching(scraped, notifier.removeprefix("http://"), file, scrapes="1s", evaluates="10m")
        yield await start(stack.prometheus(prometheus, told, folder / "prometheus"))


def document_of(scenario: Scenario, now: datetime) -> bytes:
    return farm(scenario, now, key="ec").documents[SERVICE]


def often(target: Target) -> Target:
    """The target, looked at and asked about every second."""
    looks = tuple(replace(each, interval=1) for each in target.looks)
    return replace(target, looks=looks, entra=target.entra and replace(target.entra, interval=1))


def shipped_routes() -> str:
    """The sample, with enough time for all that one evaluation raises to come before any of it is told."""
    text = (ALERTS / "alertmanager.example.yml").read_text(encoding="utf-8")
    assert "group_wait: 30s" in text
    return stack.shortened(text.replace("group_wait: 30s", f"group_wait: {2 * TIMES}s"), TIMES)


def shipped_rules() -> str:
    """The rules, with what they call absent as well so much shorter; a busy machine is given ten scrapes."""
    text = (ALERTS / "fedmeta.rules.yml").read_text(encoding="utf-8")
    text = stack.shortened(text, TIMES).replace("interval: 1m", "interval: 1s")
    # The first must be less than what an exporter that is down waits for, which is six seconds here.
    for was, shorter in ((":exporter:last > time() - 330", "3"), (" - 330", "10"), (" - 900", "15")):
        assert was in text
        text = text.replace(was, was.rpartition(" ")[0] + f" {shorter}")
    return text


async def firing_at(watcher: str) -> set[Arrival]:
    """What Prometheus itself says is firing."""
    async with ClientSession() as client, client.get(f"{watcher}/api/v1/alerts") as answer:
        alerts = (await answer.json())["data"]["alerts"]
    return {arrival_of(each["labels"]) for each in alerts if each["state"] == "firing"}


def arrival_of(labels: Mapping[str, str]) -> Arrival:
    return labels["alertname"], labels["severity"], labels.get("target", "")


async def until_it_shows(exporter: BaseTestServer, series: str) -> None:
    deadline = time.monotonic() + PATIENCE
    async with ClientSession() as client:
        while series not in (await (await client.get(exporter.make_url("/metrics"))).text()):
            assert time.monotonic() < deadline, f"is not on /metrics: {series}"
            await asyncio.sleep(0.05)


async def until_it_says(watcher: str, query: str) -> None:
    deadline = time.monotonic() + PATIENCE
    async with ClientSession() as client:
        while True:
            async with client.get(f"{watcher}/api/v1/query", params={"query": query}) as answer:
                if (await answer.json())["data"]["result"]:
                    return
            assert time.monotonic() < deadline, f"has no result: {query}"
            await asyncio.sleep(0.05)


async def until_it_is_resolved(inbox: Inbox, wanted: Arrival) -> None:
    deadline = time.monotonic() + PATIENCE
    while wanted not in inbox.resolved:
        assert time.monotonic() < deadline, f"is not resolved: {wanted}"
        await asyncio.sleep(0.05)


async def until_it_fires(running: Running, wanted: Arrival) -> None:
    deadline = time.monotonic() + PATIENCE
    while wanted not in await firing_at(running.prometheus):
        assert time.monotonic() < deadline, f"does not fire: {wanted}"
        await asyncio.sleep(0.05)


async def until_it_has(inbox: Inbox, wanted: set[Arrival]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not inbox.firing >= wanted:
        assert time.monotonic() < deadline, f"did not arrive: {sorted(wanted - inbox.firing)}"
        await asyncio.sleep(0.05)
