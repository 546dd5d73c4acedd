"""The whole exporter, served over HTTP, watching the simulated farms."""

import asyncio
import gzip
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from builders import looking, watched
from kept import kept_in
from live import Scrape
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.config.reader import load
from exporter.config.settings import SERVICE, Config, Module, Target
from exporter.demo.scenarios import SCENARIOS, OtherLook, Scenario, document, farm
from exporter.demo.simulator import Simulation, serving
from exporter.model import Reason
from exporter.policy import PolicySettings
from exporter.record import Record
from exporter.server import CONFIGURATION, Options, application
from exporter.state import Saved, State, open_state
from exporter.watch.beginning import restored

Client = TestClient[web.Request, web.Application]

REAL_NOW = datetime.now(UTC).replace(microsecond=0)
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


@pytest.fixture
async def simulation(tmp_path: Path) -> AsyncIterator[Simulation]:
    async with serving(SCENARIOS, now=REAL_NOW, folder=tmp_path, key="ec") as simulation:
        yield simulation


def config_for(simulation: Simulation, *targets: Target, allow: tuple[str, ...] = ("localhost",)) -> Config:
    module = simulation.targets[0].look.module
    return Config(targets, {"default": module}, {"default": PolicySettings()}, allow)


@asynccontextmanager
async def running(
    config: Config,
    *,
    state: State | None = None,
    clock: Callable[[], datetime] | None = None,
    file: Path | None = None,
) -> AsyncIterator[Client]:
    """A client of the exporter with this configuration."""
    now = clock or partial(datetime.now, UTC)
    options = Options(config, config_file=str(file) if file else None, lifecycle=file is not None)
    app = application(options, state=state or open_state(None, now), clock=now)
    async with TestClient(TestServer(app)) as client:
        yield client


async def scraped(client: Client) -> Scrape:
    answer = await client.get("/metrics")
    assert answer.status == 200
    return Scrape(await answer.text())


async def eventually(client: Client, holds: Callable[[Scrape], bool], patience: float = 10) -> Scrape:
    """The first scrape of which something holds."""
    async with asyncio.timeout(patience):
        while True:
            scrape = await scraped(client)
            if holds(scrape):
                return scrape
            await asyncio.sleep(0.02)


async def when_ready(client: Client) -> Scrape:
    for _ in range(500):
        if (await client.get("/-/ready")).status == 200:
            return await scraped(client)
        await asyncio.sleep(0.02)
    raise TimeoutError


async def when_all_is_known(client: Client, simulation: Simulation) -> Scrape:
    """The first scrape after a look from every place, and after an inquiry about every domain."""
    looks = sum(len(each.looks) for each in simulation.targets)
    domains = sum(len(each.entra.domains) for each in simulation.targets if each.entra)
    return await eventually(
        client,
        lambda scrape: (
            len(list(scrape.samples("fedmeta_probe_last_attempt_timestamp_seconds"))) == looks
            and len(list(scrape.samples("fedmeta_trust_last_attempt_timestamp_seconds"))) == domains
        ),
    )


async def test_every_scenario_of_the_demo_shows_the_state_it_is_made_for(simulation: Simulation) -> None:
    async with running(config_for(simulation, *simulation.targets)) as client:
        scrape = await when_all_is_known(client, simulation)
    for scenario in SCENARIOS:
        check(scenario, scrape)
        check_looks(scenario, scrape)
        check_trust(scenario, scrape)


def check_looks(scenario: Scenario, scrape: Scrape) -> None:
    name = scenario.name
    for look in (OtherLook(vantage=scenario.vantage, reason=scenario.reason), *scenario.others):
        place = {"target": name, "node": look.node, "vantage": look.vantage}
        assert scrape.value("fedmeta_metadata_reachable", **place) == (look.reason is None), place
        failures = [labels["reason"] for labels, _ in scrape.samples("fedmeta_probe_last_failure_info", **place)]
        assert failures == ([look.reason] if look.reason else []), place
    agree = [value for _, value in scrape.samples("fedmeta_nodes_agree", target=name)]
    assert agree == ([] if scenario.nodes_agree is None else [scenario.nodes_agree]), name
    since = list(scrape.samples("fedmeta_nodes_differ_since_timestamp_seconds", target=name))
    assert bool(since) is (scenario.nodes_agree is False), name


def check_trust(scenario: Scenario, scrape: Scrape) -> None:
    name = scenario.name
    shown = {labels["domain"] for labels, _ in scrape.samples("fedmeta_trust_info", target=name)}
    assert shown == {domain.name for domain in scenario.domains}, name
    for domain in scenario.domains:
        labels = {"target": name, "domain": domain.name}
        assert scrape.trust(**labels) == domain.state, labels
        assert scrape.value("fedmeta_trust_foreign_certificates", **labels) == domain.foreign, labels
        assert scrape.update(**labels) == domain.update, labels
        assert scrape.value("fedmeta_trust_metadata_readable", **labels) == domain.update.readable, labels
        updated = REAL_NOW + timedelta(days=domain.updated)
        assert scrape.value("fedmeta_trust_update_timestamp_seconds", **labels) == updated.timestamp(), labels


def check(scenario: Scenario, scrape: Scrape) -> None:
    """The expected series of a scenario stand beside it; here they meet the scrape."""
    name = scenario.name
    assert scrape.state(name) == scenario.state, name
    if scenario.left is None:
        return
    left = scrape.value("fedmeta_rollover_certificate_expiry_days", target=name, position="primary")
    assert scenario.left - 0.01 < left <= scenario.left, name
    assert scrape.value("fedmeta_secondary_certificate_present", target=name) == scenario.secondary_present, name
    successors = list(scrape.samples("fedmeta_rollover_certificate_expiry_days", target=name, position="successor"))
    assert bool(successors) is scenario.successor_present, name
    faults = {labels["kind"] for labels, _ in scrape.samples("fedmeta_metadata_faults", target=name)}
    assert faults == set(scenario.faults), name
    assert [labels["profile"] for labels, _ in scrape.samples("fedmeta_target_info", target=name)] == [scenario.profile]


async def test_a_domain_that_is_told_the_successor_gets_in_sync(simulation: Simulation) -> None:
    target = often(target_named(simulation, "half-updated"))
    (scenario,) = (each for each in SCENARIOS if each.name == "half-updated")
    made = farm(scenario, REAL_NOW, key="ec")
    simulation.publish("half-updated", made.documents[SERVICE])
    signing, successor = made.trusted["updated.example"]
    for each in scenario.domains:
        simulation.directory.federate(each.name, signing=signing, service=scenario.host)
    async with running(config_for(simulation, target)) as client:
        await eventually(client, lambda scrape: trusts(scrape, target) == {"pending"})
        for each in scenario.domains:
            simulation.directory.federate(each.name, signing=signing, next_signing=successor, service=scenario.host)
        await eventually(client, lambda scrape: trusts(scrape, target) == {"in_sync"})
        simulation.directory.manage("forgotten.example")
        await eventually(client, lambda scrape: trusts(scrape, target) == {"in_sync", "not_federated"})


async def test_what_entra_id_trusts_stays_known_when_it_does_not_answer(simulation: Simulation) -> None:
    target = often(target_named(simulation, "not-public"))
    async with running(config_for(simulation, target)) as client:
        await eventually(client, lambda scrape: trusts(scrape, target) == {"at_risk"})
        simulation.directory.fail("not-public.example", 503)
        failed = "fedmeta_trust_inquiry_last_failure_info"
        scrape = await eventually(client, lambda scrape: bool(list(scrape.samples(failed))))
    assert [labels["reason"] for labels, _ in scrape.samples(failed)] == ["server"]
    assert scrape.trust("not-public", "not-public.example") == "at_risk"


async def test_a_proxy_that_takes_the_new_metadata_agrees_again(simulation: Simulation) -> None:
    target = often(target_named(simulation, "stale-proxy"))
    (scenario,) = (each for each in SCENARIOS if each.name == "stale-proxy")
    document = farm(scenario, REAL_NOW, key="ec").documents[SERVICE]
    async with running(config_for(simulation, target)) as client:
        await eventually(client, lambda scrape: agreement(scrape) == [0])
        for node in (SERVICE, "wap1", "wap2"):
            simulation.publish("stale-proxy", document, node=node)
        scrape = await eventually(client, lambda scrape: agreement(scrape) == [1])
    assert not list(scrape.samples("fedmeta_nodes_differ_since_timestamp_seconds"))


async def test_the_last_good_document_stays_when_the_endpoint_fails(simulation: Simulation) -> None:
    steady = looking(target_named(simulation, "missing"), interval=0.05)
    async with running(config_for(simulation, steady)) as client:
        before = await when_ready(client)
        simulation.take_down("missing")
        after = await eventually(
            client, lambda scrape: scrape.value("fedmeta_metadata_reachable", target="missing") == 0
        )
    assert after.state("missing") == "missing"
    assert certificates(after) == certificates(before)
    reasons = [labels["reason"] for labels, _ in after.samples("fedmeta_probe_last_failure_info")]
    assert reasons == [Reason.HTTP_STATUS]
    assert after.value("fedmeta_exporter_probe_failures_total", reason="http_status") >= 1


async def test_days_and_states_are_those_of_the_scrape_not_of_the_probe(simulation: Simulation) -> None:
    ahead = timedelta()
    async with running(
        config_for(simulation, looking(target_named(simulation, "steady"), interval=3600)),
        clock=lambda: datetime.now(UTC) + ahead,
    ) as client:
        assert (await when_ready(client)).state("steady") == "steady"
        ahead = timedelta(days=196)
        later = await scraped(client)
        assert later.state("steady") == "missing"
        assert later.value("fedmeta_rollover_certificate_expiry_days", target="steady") == pytest.approx(4, abs=0.01)
        ahead = timedelta(days=201)
        assert (await scraped(client)).state("steady") == "expired"


async def test_a_restart_shows_what_was_known_before_the_first_probe_ends(
    simulation: Simulation, tmp_path: Path
) -> None:
    target = target_named(simulation, "published")
    file = tmp_path / "state" / "state.sqlite"
    with kept_in(file, REAL_NOW) as state:
        async with running(config_for(simulation, target), state=state) as client:
            before = await when_ready(client)
    simulation.take_down("published")
    with kept_in(file, REAL_NOW) as state:
        async with running(config_for(simulation, target), state=state) as client:
            after = await scraped(client)
    assert after.state("published") == "published"
    assert certificates(after) == certificates(before)
    first_seen = "fedmeta_certificate_first_seen_timestamp_seconds"
    assert list(after.samples(first_seen)) == list(before.samples(first_seen))


WHILE_BEGINNING = {
    "/-/healthy": 200,
    "/-/ready": 503,
    "/config": 200,
    "/favicon.svg": 200,
    "/probe": 200,
    "/runbooks": 200,
    "/runbooks/": 200,
}
"""What is answered while what was saved is read; anything else is 503 as well."""


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What was saved is not read before this is set."""
    go_on = threading.Event()

    def slow(target: Target, saved: Saved) -> Record:
        assert go_on.wait(10)
        return restored(target, saved)

    monkeypatch.setattr("exporter.watch.restored", slow)
    monkeypatch.setattr("exporter.server.BEGINNING", 0.01)
    yield go_on
    go_on.set()


@pytest.fixture
async def saved(simulation: Simulation, tmp_path: Path) -> Path:
    """A state file that knows a farm, which is down by now."""
    file = tmp_path / "state" / "state.sqlite"
    with kept_in(file, REAL_NOW) as state:
        async with running(config_for(simulation, target_named(simulation, "published")), state=state) as client:
            await when_ready(client)
    simulation.take_down("published")
    return file


async def test_while_what_was_saved_is_read_it_lives_and_nothing_is_shown_by_halves(
    simulation: Simulation, saved: Path, held_up: threading.Event
) -> None:
    with kept_in(saved, REAL_NOW) as state:
        async with running(config_for(simulation, target_named(simulation, "published")), state=state) as client:
            paths = {each.canonical for each in client.app.router.resources()} - {"/-/reload"}
            assert paths > WHILE_BEGINNING.keys()
            for path in paths:
                filled = path.format(name="published", fingerprint="ab", form="pem")
                answer = await client.get(filled, params={"target": simulation.base_url})
                assert answer.status == WHILE_BEGINNING.get(path, 503), path
                if path not in WHILE_BEGINNING:
                    assert answer.headers["Retry-After"] == "5"
                    assert "is still being read" in await answer.text()
            held_up.set()
            scrape = await when_ready(client)
    assert scrape.state("published") == "published"


async def test_a_reload_while_what_was_saved_is_read_waits_for_its_end(
    simulation: Simulation, saved: Path, held_up: threading.Event, tmp_path: Path
) -> None:
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: []")
    with kept_in(saved, REAL_NOW) as state:
        config = config_for(simulation, target_named(simulation, "published"))
        async with running(config, state=state, file=file) as client:
            reloading = asyncio.create_task(client.post("/-/reload"))
            assert (await client.get("/metrics")).status == 503
            assert not reloading.done()
            held_up.set()
            assert (await reloading).status == 200
            assert (await scraped(client)).value("fedmeta_exporter_targets") == 0


async def test_it_can_be_stopped_while_what_was_saved_is_read_which_stays_saved(
    simulation: Simulation, saved: Path, held_up: threading.Event
) -> None:
    target = target_named(simulation, "published")
    with kept_in(saved, REAL_NOW) as state:
        before = state.load(target.name, target.url)
        async with running(config_for(simulation, target), state=state) as client:
            assert (await client.get("/-/healthy")).status == 200
        assert not held_up.is_set()
    with kept_in(saved, REAL_NOW) as state:
        assert before == state.load(target.name, target.url) is not None


async def test_a_restart_forgets_a_saved_document_of_another_entity_than_configured(
    simulation: Simulation, tmp_path: Path
) -> None:
    target = target_named(simulation, "published")
    file = tmp_path / "state.sqlite"
    with kept_in(file, REAL_NOW) as state:
        async with running(config_for(simulation, target), state=state) as client:
            await when_ready(client)
    other = replace(target, entity_id="https://other.example")
    with kept_in(file, REAL_NOW) as state:
        async with running(config_for(simulation, other), state=state) as client:
            scrape = await when_ready(client)
    assert scrape.state("published") is None
    assert {labels["reason"] for labels, _ in scrape.samples("fedmeta_probe_last_failure_info")} == {"entity_mismatch"}


async def test_a_document_of_another_entity_replaces_nothing(simulation: Simulation) -> None:
    target = looking(target_named(simulation, "steady"), interval=0.05)
    other = next(scenario for scenario in SCENARIOS if scenario.name == "missing")
    async with running(config_for(simulation, target)) as client:
        before = await when_ready(client)
        simulation.publish("steady", document(other, REAL_NOW, key="ec"))
        after = await eventually(client, lambda scrape: scrape.value("fedmeta_metadata_reachable") == 0)
    assert [labels["reason"] for labels, _ in after.samples("fedmeta_probe_last_failure_info")] == ["entity_mismatch"]
    assert certificates(after) == certificates(before)


async def test_metrics_come_as_openmetrics_and_compressed_to_who_asks(simulation: Simulation) -> None:
    async with running(config_for(simulation, *simulation.targets)) as client:
        await when_ready(client)
        answer = await client.get("/metrics", headers=OPENMETRICS)
        assert answer.content_type == "application/openmetrics-text"
        text = await answer.text()
        assert text.endswith("# EOF\n")
        families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # as the library has it
        assert {family.name for family in families} >= {
            "fedmeta_certificate",
            "fedmeta_probes",
        }
        async with ClientSession(auto_decompress=False) as raw:
            async with raw.get(client.make_url("/metrics"), headers={"Accept-Encoding": "gzip"}) as packed:
                assert packed.headers["Content-Encoding"] == "gzip"
                assert b"fedmeta_metadata_reachable" in gzip.decompress(await packed.read())
            async with raw.get(client.make_url("/metrics"), headers={"Accept-Encoding": "identity"}) as plain:
                assert "Content-Encoding" not in plain.headers
                assert plain.content_type == "text/plain"


async def test_the_page_names_every_target_its_state_and_what_to_do_worst_first(simulation: Simulation) -> None:
    hostile = replace(target_named(simulation, "unreachable"), name="<script>alert(1)</script>")
    async with running(config_for(simulation, *simulation.targets, hostile)) as client:
        await when_ready(client)
        text = await (await client.get("/")).text()
        missing = await (await client.get("/targets/missing")).text()
    for scenario in SCENARIOS:
        assert f'data-target="{scenario.name}"' in text
    assert "Update-AdfsCertificate -CertificateType Token-Signing" in re.sub("<[^>]*>", "", missing)
    assert text.index('data-target="missing"') < text.index('data-target="steady"')
    assert "No usable document was ever read" in text
    assert "<script>" not in text


async def test_the_page_says_so_when_nothing_is_watched(simulation: Simulation) -> None:
    async with running(config_for(simulation)) as client:
        assert "No target is configured" in await (await client.get("/")).text()
        assert (await client.get("/-/ready")).status == 200


async def test_healthy_answers_before_ready(simulation: Simulation) -> None:
    ahead = timedelta()
    with silent() as url:
        target = watched("slow", url, module=Module(timeout=5))
        async with running(config_for(simulation, target), clock=lambda: datetime.now(UTC) + ahead) as client:
            assert (await client.get("/-/healthy")).status == 200
            assert (await client.get("/-/ready")).status == 503
            assert "Not looked at yet" in await (await client.get("/")).text()
            ahead = timedelta(seconds=6)
            assert (await client.get("/-/ready")).status == 200, "the deadline of the first probe has passed"


async def test_probe_is_one_look_without_memory(simulation: Simulation) -> None:
    async with running(config_for(simulation)) as client:
        url = target_named(simulation, "published").url
        answer = await client.get("/probe", params={"target": url, "module": "default", "policy": "default"})
        scrape = Scrape(await answer.text())
        assert scrape.state("localhost") == "published"
        assert not list(scrape.samples("fedmeta_probes_total"))
        assert not list(scrape.samples("fedmeta_certificate_first_seen_timestamp_seconds"))
        again = await client.get("/probe", params={"target": url}, headers=OPENMETRICS)
        assert (await again.text()).endswith("# EOF\n")
        assert not list((await scraped(client)).samples("fedmeta_metadata_reachable")), "/probe leaves nothing behind"


async def test_probe_reports_a_failure_as_a_metric_within_the_scrapers_deadline(simulation: Simulation) -> None:
    with silent() as url:
        async with running(config_for(simulation, allow=("127.0.0.1",))) as client, asyncio.timeout(3):
            answer = await client.get(
                "/probe", params={"target": url}, headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.7"}
            )
            assert answer.status == 200
            scrape = Scrape(await answer.text())
    assert scrape.value("fedmeta_metadata_reachable") == 0
    assert scrape.value("fedmeta_probe_last_failure_info", reason="timeout") == 1


@pytest.mark.parametrize(
    ("params", "status", "sentence"),
    [
        ({"target": "https://elsewhere.example/"}, 403, "probe.allow"),
        ({"target": "file:///etc/passwd"}, 400, "target: must begin with http:// or https://\n"),
        ({"target": ""}, 400, "target: must name a host"),
        ({}, 400, "target: must name a host"),
        ({"target": "localhost", "module": "other"}, 400, "no such module"),
        ({"target": "localhost", "policy": "other"}, 400, "no such policy"),
        ({"target": "gopher://localhost/"}, 400, "target: must begin with http:// or https://\n"),
    ],
)
async def test_probe_refuses_what_it_may_not_look_at(
    simulation: Simulation, params: dict[str, str], status: int, sentence: str
) -> None:
    async with running(config_for(simulation)) as client:
        answer = await client.get("/probe", params=params)
        assert answer.status == status
        assert sentence in await answer.text()


async def test_a_reload_keeps_what_did_not_change_and_drops_what_is_gone(
    simulation: Simulation, tmp_path: Path
) -> None:
    file = tmp_path / "fedmeta.yml"
    names = ("steady", "published", "missing")

    def write(*wanted: str, interval: str = "1h") -> None:
        targets = "".join(
            f"  - {{name: {name}, url: '{target_named(simulation, name).url}', module: demo, interval: {interval}}}\n"
            for name in wanted
        )
        file.write_text(f"modules:\n  demo:\n    tls_config: {{ca_file: {simulation.ca_file}}}\ntargets:\n{targets}")

    write(*names)
    async with from_file(file) as client:
        before = await when_ready(client)
        write("steady", "missing", "overdue")
        assert (await client.post("/-/reload")).status == 200
        after = await eventually(client, lambda scrape: scrape.state("overdue") == "overdue")
        assert after.state("published") is None
        for name in ("steady", "missing"):
            assert after.value("fedmeta_probes_total", target=name) == 1, "an unchanged target keeps its state"
            assert attempt(after, name) == attempt(before, name)
        write("steady", "missing", "overdue", interval="30m")
        assert (await client.put("/-/reload")).status == 200
        changed = await scraped(client)
        assert changed.state("missing") == "missing", "the last good document stays under a new interval"


async def test_an_invalid_file_changes_nothing_and_is_visible(tmp_path: Path) -> None:
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: [{name: gone, url: 'http://127.0.0.1:9/', interval: 1h}]\n")
    async with from_file(file) as client:
        await when_ready(client)
        file.write_text("targets: [{name: gone, ulr: 'http://127.0.0.1:9/'}]\n")
        answer = await client.post("/-/reload")
        assert answer.status == 500
        assert "targets[0].ulr" in await answer.text()
        scrape = await scraped(client)
        assert scrape.value("fedmeta_exporter_config_last_reload_successful") == 0
        assert scrape.value("fedmeta_metadata_reachable", target="gone") == 0
        removed = "fedmeta_target_removed_timestamp_seconds"
        assert not list(scrape.samples(removed))
        file.write_text("targets: []\n")
        assert (await client.post("/-/reload")).status == 200
        scrape = await scraped(client)
        assert scrape.value("fedmeta_exporter_config_last_reload_successful") == 1
        assert scrape.value("fedmeta_exporter_targets") == 0
        assert [labels["target"] for labels, _ in scrape.samples(removed)] == ["gone"], "the last one too"


async def test_reload_is_closed_unless_it_was_opened(simulation: Simulation) -> None:
    async with running(config_for(simulation)) as client:
        answer = await client.post("/-/reload")
        assert answer.status == 403
        assert "--web.enable-lifecycle" in await answer.text()
        assert await client.app[CONFIGURATION].reload() is None, "without a file there is nothing to read"


async def test_a_target_file_is_followed_when_it_changes(tmp_path: Path) -> None:
    main, more = tmp_path / "fedmeta.yml", tmp_path / "targets" / "team.yml"
    more.parent.mkdir()
    main.write_text("target_files: [targets/*.yml]\n")
    async with from_file(main) as client:
        assert (await scraped(client)).value("fedmeta_exporter_targets") == 0
        following = asyncio.create_task(client.app[CONFIGURATION].follow_target_files(every=0.02))
        await asyncio.sleep(0.05)
        more.write_text("[{name: new, url: 'http://127.0.0.1:9/'}]\n")
        await eventually(client, lambda scrape: scrape.value("fedmeta_exporter_targets") == 1)
        more.unlink()
        more.mkdir()
        scrape = await eventually(
            client, lambda scrape: scrape.value("fedmeta_exporter_config_last_reload_successful") == 0
        )
        assert scrape.value("fedmeta_exporter_targets") == 1, "what cannot be read changes nothing"
        following.cancel()


async def test_a_state_file_that_cannot_be_written_is_told_and_costs_nothing_else(
    simulation: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.state.writer.REOPEN", 0.1)
    target = looking(target_named(simulation, "steady"), interval=0.05)
    writable = "fedmeta_exporter_storage_writable"
    # Where the file should be there is a folder, until somebody takes it away.
    (file := tmp_path / "state.sqlite").mkdir()
    with kept_in(file, REAL_NOW) as state:
        async with running(config_for(simulation, target), state=state) as client:
            scrape = await when_ready(client)
            assert scrape.value(writable) == 0
            assert scrape.value("fedmeta_exporter_storage_errors_total") > 0
            assert scrape.value("fedmeta_metadata_reachable") == 1
            assert (await client.get("/-/healthy")).status == 200, "what only memory knows must not end"
            probes = scrape.value("fedmeta_probes_total")
            file.rmdir()
            await eventually(client, lambda scrape: scrape.value("fedmeta_probes_total") > probes + 3)
            await eventually(client, lambda scrape: scrape.value(writable) == 1, patience=30)


@contextmanager
def silent() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def from_file(file: Path) -> AbstractAsyncContextManager[Client]:
    return running(load(str(file)), file=file)


def target_named(simulation: Simulation, name: str) -> Target:
    return next(target for target in simulation.targets if target.name == name)


def often(target: Target) -> Target:
    """The target, looked at and asked about many times a second."""
    assert target.entra is not None
    looks = tuple(replace(each, interval=0.05) for each in target.looks)
    return replace(target, looks=looks, entra=replace(target.entra, interval=0.05))


def trusts(scrape: Scrape, target: Target) -> set[str | None]:
    assert target.entra is not None
    return {scrape.trust(target.name, domain) for domain in target.entra.domains}


def agreement(scrape: Scrape) -> list[float]:
    return [value for _, value in scrape.samples("fedmeta_nodes_agree")]


def certificates(scrape: Scrape) -> list[tuple[dict[str, str], float]]:
    return list(scrape.samples("fedmeta_certificate_not_after_timestamp_seconds"))


def attempt(scrape: Scrape, name: str) -> float:
    return scrape.value("fedmeta_probe_last_attempt_timestamp_seconds", target=name)
