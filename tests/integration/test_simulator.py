import asyncio
import base64
import ssl
import stat
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import builders
import pytest
from builders import DAY, NOW

from exporter import metadata
from exporter.config.settings import SERVICE, Entra, Look, Target
from exporter.demo.scenarios import SCENARIOS, Scenario
from exporter.demo.simulator import Simulation, serving
from exporter.model import Role

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


def scenario_named(name: str) -> Scenario:
    (found,) = (scenario for scenario in SCENARIOS if scenario.name == name)
    return found


def address_of(look: Look) -> str:
    """The URL of a look's document with the address in place of the name."""
    assert look.address is not None
    return urlsplit(look.url)._replace(netloc=look.address).geturl()


def entra_of(target: Target) -> Entra:
    assert target.entra is not None
    return target.entra


def secret_of(entra: Entra) -> str:
    assert entra.client_secret is not None
    assert entra.client_secret.file is not None
    return Path(entra.client_secret.file).read_text()


async def token(client: aiohttp.ClientSession, entra: Entra) -> str:
    """A token, got as the client that the configuration makes of the exporter."""
    form = {
        "grant_type": "client_credentials",
        "client_id": entra.client_id,
        "client_secret": secret_of(entra),
        "scope": "https://graph.microsoft.com/.default",
    }
    async with client.post(f"{entra.login_url}/{entra.tenant}/oauth2/v2.0/token", data=form) as answer:
        assert answer.status == 200
        return str((await answer.json())["access_token"])


async def federation(client: aiohttp.ClientSession, entra: Entra, domain: str) -> dict[str, Any]:
    """What Graph says of a domain."""
    url = f"{entra.graph_url}/v1.0/domains/{domain}/federationConfiguration"
    headers = {"Authorization": f"Bearer {await token(client, entra)}"}
    async with client.get(url, headers=headers) as answer:
        (found,) = (await answer.json())["value"]
        return dict(found)


async def published(client: aiohttp.ClientSession, url: str) -> list[bytes]:
    """The DER of the signing certificates in a document."""
    async with client.get(url) as answer:
        (entity,) = metadata.parse(await answer.read()).entities
    return [each.der for each in entity.published(Role.IDP, signs=True)]


async def test_every_scenario_is_a_target_with_the_address_of_a_federation_service(simulation: Simulation) -> None:
    assert [target.name for target in simulation.targets] == [scenario.name for scenario in SCENARIOS]
    for each in simulation.targets:
        address = urlsplit(each.url)
        assert (address.scheme, address.hostname) == ("https", "localhost")
        assert address.path == f"/{each.name}{METADATA_PATH}"
        assert each.look.module.tls.ca_file == str(simulation.ca_file)
        assert not each.look.module.tls.insecure_skip_verify


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


async def test_the_other_looks_are_those_of_the_scenario(simulation: Simulation) -> None:
    for scenario, each in zip(SCENARIOS, simulation.targets, strict=True):
        assert each.look.place == (SERVICE, scenario.vantage)
        assert each.look.address is None
        assert [(look.node, look.vantage) for look in each.looks[1:]] == [
            (look.node, look.vantage) for look in scenario.others
        ]
        for look, other in zip(each.looks[1:], scenario.others, strict=True):
            assert look.url == each.url
            assert (look.module == each.look.module) == (other.reason is None)


async def test_each_node_serves_what_the_scenario_says_under_the_certificate_of_the_service(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    for scenario in SCENARIOS:
        of_service = target(simulation, scenario.name)
        for look, other in zip(scenario.others, of_service.looks[1:], strict=True):
            if look.reason is None:
                everything = await published(client, of_service.url)
                served = range(len(everything)) if look.serves is None else look.serves
                assert await published(client, address_of(other)) == [everything[index] for index in served]


async def test_the_internet_is_let_through_to_what_is_not_public_by_nobody(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    _, other = target(simulation, "not-public").looks
    proxy = other.module.proxy_url
    assert proxy is not None

    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await client.get(other.url, proxy=proxy.text)


async def test_a_node_is_changed_and_taken_down_by_itself(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    of_service = target(simulation, "stale-proxy")
    first, second = map(address_of, of_service.looks[1:])

    simulation.publish("stale-proxy", builders.adfs(), node="wap1")
    simulation.take_down("stale-proxy", node="wap2")

    assert await published(client, first) == [builders.pair().der]
    assert len(await published(client, of_service.url)) == 2
    async with client.get(second) as down:
        assert down.status == 503


async def test_the_directory_says_of_each_domain_what_the_scenario_says(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    for scenario in (each for each in SCENARIOS if each.domains):
        of_service = target(simulation, scenario.name)
        everything = await published(client, of_service.url)
        entra = entra_of(of_service)
        assert entra.domains == tuple(domain.name for domain in scenario.domains)
        for domain in scenario.domains:
            said = await federation(client, entra, domain.name)
            for slot, trusted in (("signing", domain.signing), ("nextSigning", domain.next_signing)):
                held = base64.b64decode(said[f"{slot}Certificate"] or "")
                if isinstance(trusted, int):
                    assert held == everything[trusted]
                else:
                    assert bool(held) is (trusted is not None)
                    assert held not in everything
            assert urlsplit(said["passiveSignInUri"]).hostname == scenario.host
            status = said["signingCertificateUpdateStatus"]
            assert status["certificateUpdateResult"] == domain.update
            assert datetime.fromisoformat(status["lastRunDateTime"]) == NOW + domain.updated * DAY


async def test_only_what_signs_in_through_a_farm_is_asked_for(simulation: Simulation) -> None:
    for scenario, each in zip(SCENARIOS, simulation.targets, strict=True):
        assert (each.entra is None) is (not scenario.domains)
        if each.entra is not None:
            assert each.entra.module is each.look.module, "with the demo's own authority"
            assert each.entra.login_url == each.entra.graph_url == simulation.base_url


async def test_the_directory_can_be_changed_while_it_runs(
    simulation: Simulation, client: aiohttp.ClientSession
) -> None:
    entra, host = entra_of(target(simulation, "steady")), scenario_named("steady").host

    simulation.directory.federate("steady.example", signing=b"first", next_signing=b"second", service=host)

    said = await federation(client, entra, "steady.example")
    assert [base64.b64decode(said[f"{slot}Certificate"]) for slot in ("signing", "nextSigning")] == [
        b"first",
        b"second",
    ]


async def test_the_secret_is_in_its_file_only(simulation: Simulation) -> None:
    assert secret_of(entra_of(target(simulation, "steady"))) not in repr(simulation)


async def test_only_its_owner_may_read_the_key_of_the_server_and_the_secret_of_the_client(
    simulation: Simulation, tmp_path: Path
) -> None:
    assert simulation.ca_file.parent == tmp_path
    for name in ("server.pem", "client-secret"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in simulation.ca_file.read_bytes()


async def test_nothing_listens_any_more_when_the_simulation_is_over(tmp_path: Path) -> None:
    async with serving([scenario_named("stale-proxy")], now=NOW, folder=tmp_path, key="ec") as simulation:
        (only,) = simulation.targets
        ports = [urlsplit(only.url).port, *(urlsplit(address_of(look)).port for look in only.looks[1:])]

    assert len(set(ports)) == 3
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_two_simulations_run_side_by_side(
    simulation: Simulation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with serving(SCENARIOS[:1], now=NOW, folder=tmp_path_factory.mktemp("second"), key="ec") as second:
        assert second.base_url != simulation.base_url
        assert second.ca_file.read_bytes() != simulation.ca_file.read_bytes()
