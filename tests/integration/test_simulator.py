import asyncio
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import builders
import pytest
from builders import NOW

from exporter import metadata
from exporter.config.settings import Target
from exporter.demo.scenarios import SCENARIOS
from exporter.demo.simulator import Simulation, serving

METADATA_PATH = "/federationmetadata/2007-06/federationmetadata.xml"


@pytest.fixture
async def simulation(tmp_path: Path) -> AsyncIterator[Simulation]:
    async with serving(SCENARIOS, now=NOW, folder=tmp_path, key="ec") as simulation:
        yield simulation


@pytest.fixture
async def client(simulation: Simulation) -> AsyncIterator[aiohttp.ClientSession]:
    trust = ssl.create_default_context(cafile=simulation.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


def target(simulation: Simulation, name: str) -> Target:
    (found,) = (target for target in simulation.targets if target.name == name)
    return found


async def test_every_scenario_is_a_target_with_the_address_of_a_federation_service(simulation: Simulation) -> None:
    assert [target.name for target in simulation.targets] == [scenario.name for scenario in SCENARIOS]
    for each in simulation.targets:
        address = urlsplit(each.url)
        assert (address.scheme, address.hostname) == ("https", "localhost")
        assert address.path == f"/{each.name}{METADATA_PATH}"
        assert each.module.tls.ca_file == str(simulation.ca_file)
        assert not each.module.tls.insecure_skip_verify


async def test_documents_are_served_over_tls_that_the_demo_authority_verifies(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    for scenario in SCENARIOS:
        if scenario.reachable:
            async with client.get(target(simulation, scenario.name).url) as answer:
                assert answer.status == 200
                assert answer.content_type == "application/samlmetadata+xml"
                (entity,) = metadata.parse(await answer.read()).entities
                assert entity.entity_id == scenario.entity_id


async def test_the_address_works_as_a_number_too(simulation: Simulation, client: aiohttp.ClientSession) -> None:
    url = target(simulation, "steady").url.replace("localhost", "127.0.0.1")

    async with client.get(url) as answer:
        assert answer.status == 200


async def test_who_does_not_know_the_demo_authority_does_not_trust_the_server(simulation: Simulation) -> None:
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(target(simulation, "steady").url)


async def test_an_unchanged_document_is_answered_with_304(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    url = target(simulation, "steady").url
    async with client.get(url) as first:
        etag = first.headers["ETag"]

    async with client.get(url, headers={"If-None-Match": etag}) as again:
        assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", etag)
    async with client.get(url, headers={"If-None-Match": '"another"'}) as other:
        assert (other.status, other.headers["ETag"]) == (200, etag)


async def test_a_published_document_takes_the_place_of_the_earlier_one(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    url = target(simulation, "steady").url
    async with client.get(url) as first:
        etag = first.headers["ETag"]

    simulation.publish("steady", builders.adfs())

    async with client.get(url, headers={"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.read()) == (200, builders.adfs())


async def test_what_is_taken_down_answers_503_until_it_is_published_again(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    url = target(simulation, "steady").url

    simulation.take_down("steady")
    simulation.take_down("steady")
    async with client.get(url) as down, client.get(target(simulation, "missing").url) as other:
        assert (down.status, other.status) == (503, 200)

    simulation.publish("steady", builders.adfs())
    async with client.get(url) as up:
        assert up.status == 200


async def test_the_page_is_html_with_status_200(simulation: Simulation, client: aiohttp.ClientSession) -> None:
    async with client.get(target(simulation, "html").url) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert (await answer.text()).startswith("<!DOCTYPE html>")


async def test_nobody_listens_at_the_unreachable_address(simulation: Simulation, client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ClientConnectorError) as refused:
        await client.get(target(simulation, "unreachable").url)

    assert isinstance(refused.value.os_error, ConnectionRefusedError)


async def test_only_its_owner_may_read_the_key_of_the_server(simulation: Simulation, tmp_path: Path) -> None:
    assert simulation.ca_file.parent == tmp_path
    assert stat.S_IMODE((tmp_path / "server.pem").stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in simulation.ca_file.read_bytes()


async def test_nothing_listens_any_more_when_the_simulation_is_over(tmp_path: Path) -> None:
    async with serving(SCENARIOS[:1], now=NOW, folder=tmp_path, key="ec") as simulation:
        port = urlsplit(simulation.base_url).port

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_two_simulations_run_side_by_side(
    simulation: Simulation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with serving(SCENARIOS[:1], now=NOW, folder=tmp_path_factory.mktemp("second"), key="ec") as second:
        assert second.base_url != simulation.base_url
        assert second.ca_file.read_bytes() != simulation.ca_file.read_bytes()
