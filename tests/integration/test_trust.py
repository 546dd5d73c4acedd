"""The running exporter, the stand-in for Entra ID and the nodes behind a service: what fails, what stays, what ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import builders
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from builders import DAY, HOST, HOUR, NOW, pair, watched, with_looks
from federation import Federation
from kept import kept_in
from live import Scrape
from tenant import Tenant, tenant

from exporter.config.settings import Config, Module, Target, Tls
from exporter.inquiry import TrustReason
from exporter.server import Options, application
from exporter.state import State, open_state

Client = TestClient[web.Request, web.Application]
Break = Callable[[Tenant], None]

DOMAIN = "contoso.com"
PRIMARY = pair(not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
SUCCESSOR = pair(not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY, nth=1)
BEFORE = builders.adfs(PRIMARY, signer=PRIMARY)
PUBLISHED = builders.adfs(PRIMARY, SUCCESSOR, signer=PRIMARY)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(name="tenant")
async def _tenant() -> AsyncIterator[Tenant]:
    async with tenant() as opened:
        opened.directory.federate(DOMAIN, signing=PRIMARY.der, next_signing=SUCCESSOR.der, service=HOST)
        yield opened


@asynccontextmanager
async def running(
    *targets: Target, clock: Clock, state: State | None = None, federation: Federation | None = None
) -> AsyncIterator[Client]:
    """A client of the exporter that watches these targets."""
    app = application(
        Options(Config(targets)),
        state=state or open_state(None, clock),
        clock=clock,
        resolver=federation.names if federation else None,
    )
    async with TestClient(TestServer(app)) as client:
        yield client


async def scraped(client: Client) -> Scrape:
    return Scrape(await (await client.get("/metrics")).text())


async def eventually(client: Client, holds: Callable[[Scrape], bool]) -> Scrape:
    """The first scrape of which something holds."""
    async with asyncio.timeout(10):
        while True:
            scrape = await scraped(client)
            if holds(scrape):
                return scrape
            await asyncio.sleep(0.02)


def farm(folder: Path, name: str, **fields: object) -> Target:
    """A farm that has published its successor, in a file."""
    file = folder / f"{name}.xml"
    file.write_bytes(PUBLISHED)
    return watched(name, file.as_uri(), **{"interval": 0.02, **fields})


def answered(scrape: Scrape, target: str = "farm", domain: str = DOMAIN) -> bool:
    return bool(list(scrape.samples("fedmeta_trust_as_of_timestamp_seconds", target=target, domain=domain)))


def inquiries(scrape: Scrape) -> float:
    return sum(value for _, value in scrape.samples("fedmeta_trust_inquiries_total"))


def reasons(scrape: Scrape, **labels: str) -> list[str]:
    return [found["reason"] for found, _ in scrape.samples("fedmeta_trust_inquiry_last_failure_info", **labels)]


def certificates(scrape: Scrape, **labels: str) -> list[tuple[dict[str, str], float]]:
    return list(scrape.samples("fedmeta_trust_certificate_info", **labels))


def age(scrape: Scrape, now: datetime, domain: str = DOMAIN) -> float:
    """Seconds since the last answer about a domain of the farm."""
    heard = scrape.value("fedmeta_trust_as_of_timestamp_seconds", target="farm", domain=domain)
    return now.timestamp() - heard


# Failures of Entra ID


def failing(status: int, retry_after: str | None = None) -> Break:
    return lambda tenant: tenant.directory.fail(DOMAIN, status, retry_after=retry_after)


def instead(answer: Callable[[web.Request], web.StreamResponse]) -> Break:
    async def handler(request: web.Request) -> web.StreamResponse:
        return answer(request)

    return lambda tenant: tenant.instead.update({DOMAIN: handler})


def hanging(tenant: Tenant) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise web.HTTPGone

    tenant.instead[DOMAIN] = hang


def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def revoked(tenant: Tenant) -> None:
    tenant.directory.revoke()


FAILURES = {
    "unauthorized": (failing(401), TrustReason.UNAUTHORIZED),
    "permission": (failing(403), TrustReason.PERMISSION),
    "throttled": (failing(429, "3600"), TrustReason.THROTTLED),
    "internal server error": (failing(500), TrustReason.SERVER),
    "unavailable": (failing(503), TrustReason.SERVER),
    "gone": (failing(410), TrustReason.HTTP_STATUS),
    "no answer": (hanging, TrustReason.TIMEOUT),
    "reset": (instead(reset), TrustReason.CONNECTION),
    "no JSON": (instead(lambda _: web.Response(text="<html>Sign in</html>")), TrustReason.MALFORMED),
    "other JSON": (instead(lambda _: web.json_response({"value": [1]})), TrustReason.MALFORMED),
    "revoked secret": (revoked, TrustReason.REFUSED),
}


@pytest.mark.parametrize(("breaks", "reason"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_has_its_reason_keeps_the_last_answer_with_its_age_and_touches_no_other_target(
    breaks: Break, reason: TrustReason, tenant: Tenant, tmp_path: Path, clock: Clock
) -> None:
    entra = replace(tenant.asking(DOMAIN, "fabrikam.com"), module=Module(timeout=0.5))
    async with another() as peer:
        targets = farm(tmp_path, "farm", entra=entra), farm(tmp_path, "other", entra=peer.asking("other.example"))
        async with running(*targets, clock=clock) as client:
            before = await eventually(
                client,
                lambda scrape: (
                    scrape.trust("farm", DOMAIN) == scrape.trust("other", "other.example") == "in_sync"
                    and scrape.trust("farm", "fabrikam.com") == "not_federated"
                ),
            )
            clock.now += HOUR
            breaks(tenant)
            after = await eventually(client, lambda scrape: reasons(scrape, domain=DOMAIN) == [reason])
            clock.now += HOUR
            later = await eventually(
                client,
                lambda scrape: (
                    scrape.value("fedmeta_trust_as_of_timestamp_seconds", target="other") == clock.now.timestamp()
                ),
            )
    assert after.trust("farm", DOMAIN) == "in_sync"
    assert certificates(before) == certificates(after)
    assert (age(after, NOW + HOUR), age(later, clock.now)) == (HOUR.total_seconds(), 2 * HOUR.total_seconds())
    assert after.value("fedmeta_trust_inquiry_failures_total", domain=DOMAIN) >= 1
    assert after.value("fedmeta_exporter_trust_failures_total", reason=reason) >= 1
    assert reasons(later, target="other") == []
    assert later.trust("other", "other.example") == "in_sync"
    for name in ("farm", "other"):
        assert later.value("fedmeta_metadata_reachable", target=name) == 1
        assert later.state(name) == "published"


@asynccontextmanager
async def another() -> AsyncIterator[Tenant]:
    """A tenant that has nothing to do with the first."""
    async with tenant() as opened:
        opened.directory.federate("other.example", signing=PRIMARY.der, next_signing=SUCCESSOR.der, service=HOST)
        yield opened


async def test_a_domain_that_graph_does_not_know_is_not_federated_and_that_is_an_answer(
    tenant: Tenant, tmp_path: Path, clock: Clock
) -> None:
    async with running(farm(tmp_path, "farm", entra=tenant.asking(DOMAIN)), clock=clock) as client:
        await eventually(client, lambda scrape: scrape.trust("farm", DOMAIN) == "in_sync")
        clock.now += HOUR
        tenant.directory.manage(DOMAIN)
        # An inquiry that began before may still be under way: its answer is as of when it began.
        scrape = await eventually(
            client, lambda scrape: scrape.trust("farm", DOMAIN) == "not_federated" and age(scrape, clock.now) == 0
        )
    assert reasons(scrape) == []
    assert certificates(scrape) == []


async def test_what_failed_and_works_again_has_no_reason_and_no_age_any_more(
    tenant: Tenant, tmp_path: Path, clock: Clock
) -> None:
    tenant.directory.fail(DOMAIN, 403)
    async with running(farm(tmp_path, "farm", entra=tenant.asking(DOMAIN)), clock=clock) as client:
        scrape = await eventually(client, lambda scrape: bool(reasons(scrape)))
        assert scrape.trust("farm", DOMAIN) == "unknown"
        assert not answered(scrape)
        tenant.directory.federate(DOMAIN, signing=PRIMARY.der, service=HOST)
        scrape = await eventually(client, lambda scrape: scrape.trust("farm", DOMAIN) == "pending")
        assert reasons(scrape) == []
        tenant.directory.federate(DOMAIN, signing=SUCCESSOR.der, service=HOST)
        await eventually(client, lambda scrape: scrape.trust("farm", DOMAIN) == "broken")


async def test_who_throttles_us_is_not_asked_again_about_any_domain_before_the_time(
    tenant: Tenant, tmp_path: Path, clock: Clock
) -> None:
    tenant.directory.fail(DOMAIN, 429, retry_after="3600")
    at = farm(tmp_path, "farm", entra=tenant.asking(DOMAIN, "fabrikam.com"))
    async with running(at, clock=clock) as client:
        await eventually(client, lambda scrape: bool(reasons(scrape)))
        await eventually(client, lambda scrape: scrape.value("fedmeta_probes_total") > 10)
    assert tenant.asked == [DOMAIN]


async def test_a_restart_brings_the_answers_back_while_graph_is_down(
    tenant: Tenant, tmp_path: Path, clock: Clock
) -> None:
    at = farm(tmp_path, "farm", entra=tenant.asking(DOMAIN))
    file = tmp_path / "state.sqlite"
    with kept_in(file, NOW) as state:
        async with running(at, clock=clock, state=state) as client:
            # The second look, or inquiry, begins when what the first one got is saved.
            before = await eventually(
                client, lambda scrape: inquiries(scrape) > 1 and scrape.value("fedmeta_probes_total") > 1
            )
    clock.now += HOUR
    hanging(tenant)
    with kept_in(file, NOW) as state:
        async with running(at, clock=clock, state=state) as client:
            after = await scraped(client)
    assert after.trust("farm", DOMAIN) == before.trust("farm", DOMAIN) == "in_sync"
    assert certificates(after) == certificates(before)
    assert age(after, clock.now) == HOUR.total_seconds()
    assert not list(after.samples("fedmeta_trust_last_attempt_timestamp_seconds"))


# Nodes


async def test_a_node_that_lags_is_seen_and_it_ends_when_the_node_follows(federation: Federation, clock: Clock) -> None:
    served = dict.fromkeys(("wap1", "wap2"), BEFORE)

    async def port(name: str) -> int:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=served[name])

        app = web.Application()
        app.router.add_get("/metadata", answer)
        await federation.host(app, "sts.example.org")
        return federation.names.ports["sts.example.org"]

    service = watched(
        "farm",
        "https://sts.example.org/metadata",
        module=Module(tls=Tls(ca_file=federation.ca_file)),
        interval=0.02,
    )
    nodes = [replace(service.look, node=name, address=f"127.0.0.1:{await port(name)}") for name in served]
    # The service name leads to the node that was opened last.
    async with running(with_looks(service, *nodes), clock=clock, federation=federation) as client:
        await eventually(client, lambda scrape: agree(scrape) == [1] and looked(scrape) == {"service", *served})
        clock.now += HOUR
        # A look that began before may still be under way.
        await eventually(client, lambda scrape: began(scrape) == {clock.now})
        served["wap2"] = PUBLISHED
        await eventually(client, lambda scrape: agree(scrape) == [0])
        clock.now += HOUR
        scrape = await eventually(client, lambda scrape: scrape.state("farm") == "published")
        since = scrape.value("fedmeta_nodes_differ_since_timestamp_seconds", target="farm")
        assert since == (NOW + HOUR).timestamp()
        served["wap1"] = PUBLISHED
        scrape = await eventually(client, lambda scrape: agree(scrape) == [1])
    assert not list(scrape.samples("fedmeta_nodes_differ_since_timestamp_seconds"))


def agree(scrape: Scrape) -> list[float]:
    return [value for _, value in scrape.samples("fedmeta_nodes_agree", target="farm")]


def began(scrape: Scrape) -> set[datetime]:
    """When the latest look at each node began."""
    attempts = scrape.samples("fedmeta_probe_last_attempt_timestamp_seconds")
    return {datetime.fromtimestamp(value, UTC) for _, value in attempts}


def looked(scrape: Scrape) -> set[str]:
    """The nodes that were reached."""
    return {labels["node"] for labels, value in scrape.samples("fedmeta_metadata_reachable") if value}
