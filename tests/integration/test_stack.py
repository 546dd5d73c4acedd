"""Real Prometheus and real Alertmanager watch the demo: what must arrive does, with its runbook, and nothing else.

The shipped rules and the Alertmanager sample, with their waits and ranges so many times shorter; what the rules
compare (days, ages) stays as it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stack
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter import state
from exporter.config.settings import Config
from exporter.demo.scenarios import SCENARIOS, Lifetime, Scenario
from exporter.demo.simulator import serving
from exporter.model import FaultKind
from exporter.policy import DEFAULTS, PolicySettings
from exporter.rollover import State
from exporter.server import Options, application

ALERTS = Path(__file__).parents[2] / "alerts"
RUNBOOKS = "https://github.com/fedmeta-exporter/fedmeta-exporter/blob/main/docs/runbooks.md"

TIMES = 240
"""An hour is fifteen seconds: several scrapes on a busy machine, and not longer than a test may take."""
PATIENCE = 120
"""Seconds for anything to happen; it takes a fraction of that unless the machine is very busy."""

STALLED_LATE = Scenario(
    name="stalled-late",
    sentence="A successor that nobody promotes, and four days left: the critical alert silences its warning.",
    state=State.STALLED,
    signing=(Lifetime(-361, 4), Lifetime(-11, 354)),
    successor_present=True,
    secondary_present=True,
)

Arrival = tuple[str, str, str]
"""Alert, severity and target; an alert that is about no target has an empty one."""

BY_STATE = {
    State.EXPIRED: ("FedmetaSigningCertificateExpired", "critical"),
    State.MISSING: ("FedmetaRolloverMissing", "critical"),
    State.STALLED: ("FedmetaPromotionStalled", "warning"),
    State.OVERDUE: ("FedmetaRolloverOverdue", "warning"),
    State.DUE: ("FedmetaRenewalDue", "warning"),
    State.PUBLISHED: ("FedmetaSuccessorPublished", "info"),
}


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
            labels = alert["labels"]
            arrival = (labels["alertname"], labels["severity"], labels.get("target", ""))
            (self.firing if alert["status"] == "firing" else self.resolved).add(arrival)
            self.receivers.setdefault(labels["severity"], set()).add(request.match_info["receiver"])
            self.runbooks[labels["alertname"]] = alert["annotations"]["runbook_url"]
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


async def test_the_expected_alerts_arrive_and_no_other(
    inbox: Inbox, prometheus: str, alertmanager: str, tmp_path: Path
) -> None:
    rules, clock, must_arrive = tmp_path / "fedmeta.rules.yml", Clock(), expected()
    rules.write_text(shipped("fedmeta.rules.yml"))
    async with AsyncExitStack() as running:
        simulation = await running.enter_async_context(
            serving((*SCENARIOS, STALLED_LATE), now=clock(), folder=tmp_path, key="ec")
        )
        targets = tuple(replace(target, interval=1) for target in simulation.targets)
        config = Config(targets, {"default": targets[0].module}, {"default": PolicySettings()})
        exporter = TestServer(application(Options(config), store=state.memory(), clock=clock))
        await running.enter_async_context(exporter)
        notifier = await running.enter_async_context(
            stack.alertmanager(
                alertmanager,
                stack.telling(shipped("alertmanager.example.yml"), inbox.url),
                tmp_path / "alertmanager",
            )
        )
        scraped, told = f"{exporter.host}:{exporter.port}", notifier.removeprefix("http://")
        await running.enter_async_context(
            stack.prometheus(prometheus, stack.watching(scraped, told, rules, every="1s"), tmp_path / "prometheus")
        )
        await until(lambda: inbox.firing >= must_arrive, inbox, must_arrive)
        assert inbox.firing == must_arrive

        # The endpoint fails: that is an alert more, and silences nothing.
        simulation.take_down("missing")
        must_arrive |= {("FedmetaMetadataUnreachable", "warning", "missing")}
        await until(lambda: inbox.firing >= must_arrive, inbox, must_arrive)
        assert inbox.resolved == set()

        # Its certificate ends while nobody can read its metadata. No other farm gets into another state by then.
        clock.ahead = timedelta(days=3.25)
        must_arrive |= {("FedmetaSigningCertificateExpired", "critical", "missing")}
        await until(lambda: inbox.firing >= must_arrive, inbox, must_arrive)
        assert inbox.resolved <= {("FedmetaRolloverMissing", "critical", "missing")}

        await exporter.close()
        must_arrive |= {("FedmetaExportersGone", "critical", "")}
        await until(lambda: inbox.firing >= must_arrive, inbox, must_arrive)
    assert inbox.firing == must_arrive
    assert inbox.runbooks == {alert: f"{RUNBOOKS}#{alert.lower()}" for alert, _, _ in must_arrive}


def shipped(name: str) -> str:
    return stack.shortened((ALERTS / name).read_text(encoding="utf-8"), TIMES)


async def until(condition: Callable[[], bool], inbox: Inbox, wanted: set[Arrival]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"did not arrive: {sorted(wanted - inbox.firing)}"
        await asyncio.sleep(0.05)
