"""Real Prometheus and real Alertmanager watch the demo: what must arrive does, with its runbook, and nothing else.

The shipped rules and the Alertmanager sample, with their waits and ranges so many times shorter; what the rules
compare (days, ages) stays as it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stack
from aiohttp import ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer

from exporter.config.settings import INTERNET, Config, Target
from exporter.demo.scenarios import SCENARIOS, Lifetime, Scenario
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

SILENCED = {("FedmetaEntraCannotReadMetadata", "warning", "not-public")}
"""Fire, and must not arrive: a critical alert says more."""

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


def expected() -> set[Arrival]:
    """What the scenarios of the demo, and the one more that is watched here, must raise."""
    arrivals = {(*BY_STATE[each.state], each.name) for each in SCENARIOS if each.state in BY_STATE}
    for each in (*SCENARIOS, STALLED_LATE):
        if each.left is None:
            arrivals.add(("FedmetaMetadataNeverRead", "warning", each.name))
        elif each.left <= DEFAULTS[each.profile].encryption:
            # The encryption certificate was made with the primary.
            arrivals.add(("FedmetaEncryptionCertificateExpiring", "warning", each.name))
        if FaultKind.CERTIFICATE_DER in each.faults:
            arrivals.add(("FedmetaCertificateUnreadable", "warning", each.name))
        arrivals |= {
            (*BY_TRUST_STATE[domain.state], each.name) for domain in each.domains if domain.state in BY_TRUST_STATE
        }
        if any(domain.foreign for domain in each.domains):
            arrivals.add(("FedmetaTrustForeignCertificate", "warning", each.name))
        if any(look.vantage == INTERNET and look.reason for look in each.others):
            arrivals.add(("FedmetaMetadataUnreachableFromInternet", "warning", each.name))
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

    async def post(self, request: web.Request) -> web.Response:
        for alert in (await request.json())["alerts"]:
            name, severity, _ = arrival = arrival_of(alert["labels"])
            (self.firing if alert["status"] == "firing" else self.resolved).add(arrival)
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

    async def firing(self) -> set[Arrival]:
        """What Prometheus itself says is firing."""
        async with ClientSession() as client, client.get(f"{self.prometheus}/api/v1/alerts") as answer:
            alerts = (await answer.json())["data"]["alerts"]
        return {arrival_of(each["labels"]) for each in alerts if each["state"] == "firing"}


@pytest.fixture
async def running(inbox: Inbox, prometheus: str, alertmanager: str, tmp_path: Path) -> AsyncIterator[Running]:
    clock, rules = Clock(), tmp_path / "fedmeta.rules.yml"
    rules.write_text(shipped("fedmeta.rules.yml"))
    receivers = stack.telling(shipped("alertmanager.example.yml"), inbox.url)
    async with AsyncExitStack() as opened:
        start = opened.enter_async_context
        simulation = await start(serving((*SCENARIOS, STALLED_LATE), now=clock(), folder=tmp_path, key="ec"))
        targets = tuple(map(often, simulation.targets))
        config = Config(targets, {"default": targets[0].look.module}, {"default": PolicySettings()})
        exporter = await start(TestServer(application(Options(config), state=open_state(None, clock), clock=clock)))
        notifier = await start(stack.alertmanager(alertmanager, receivers, tmp_path / "alertmanager"))
        watching = stack.watching(
            f"{exporter.host}:{exporter.port}", notifier.removeprefix("http://"), rules, every="1s"
        )
        watcher = await start(stack.prometheus(prometheus, watching, tmp_path / "prometheus"))
        yield Running(simulation, exporter, clock, watcher)


LOCKED_OUT: Arrival = ("FedmetaTrustBroken", "critical", "promoted-early")


async def test_the_expected_alerts_arrive_and_no_other(running: Running, inbox: Inbox) -> None:
    must_arrive = expected()
    await until_it_has(inbox, must_arrive)
    assert inbox.firing == must_arrive
    assert inbox.receivers == {"critical": {"pager"}, "warning": {"queue"}, "info": {"chat"}}
    assert await running.firing() - must_arrive == SILENCED

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
    must_arrive |= {("FedmetaExportersGone", "critical", "")}
    await until_it_has(inbox, must_arrive)
    # Every farm's own clock goes on as it was, and is days behind now.
    clocks = {each for each in inbox.firing if each[:2] == ("FedmetaClockWrong", "warning")}
    assert inbox.firing - clocks == must_arrive
    assert inbox.runbooks == {alert: f"{RUNBOOKS}#{alert.lower()}" for alert, _, _ in must_arrive | clocks}


def often(target: Target) -> Target:
    """The target, looked at and asked about every second."""
    looks = tuple(replace(each, interval=1) for each in target.looks)
    return replace(target, looks=looks, entra=target.entra and replace(target.entra, interval=1))


def shipped(name: str) -> str:
    text = (ALERTS / name).read_text(encoding="utf-8")
    return stack.shortened(text, TIMES).replace("interval: 1m", "interval: 1s")


def arrival_of(labels: Mapping[str, str]) -> Arrival:
    return labels["alertname"], labels["severity"], labels.get("target", "")


async def until_it_fires(running: Running, wanted: Arrival) -> None:
    deadline = time.monotonic() + PATIENCE
    while wanted not in await running.firing():
        assert time.monotonic() < deadline, f"does not fire: {wanted}"
        await asyncio.sleep(0.05)


async def until_it_has(inbox: Inbox, wanted: set[Arrival]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not inbox.firing >= wanted:
        assert time.monotonic() < deadline, f"did not arrive: {sorted(wanted - inbox.firing)}"
        await asyncio.sleep(0.05)
