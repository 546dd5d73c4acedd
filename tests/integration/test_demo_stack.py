"""``make demo-stack``, but for make: it shows what it says, and takes it all down again."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

TESTS = Path(__file__).parents[1]

GRAFANA = """\
#!{python}
import http.server, json, os, pathlib
settings = {{name: value for name, value in os.environ.items() if name.startswith("GF_")}}
provisioned = pathlib.Path(settings["GF_PATHS_PROVISIONING"]).rglob("*.yaml")
settings["provisioned"] = {{path.parent.name: json.loads(path.read_text()) for path in provisioned}}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(settings).encode())
http.server.HTTPServer((settings["GF_SERVER_HTTP_ADDR"], int(settings["GF_SERVER_HTTP_PORT"])), Handler).serve_forever()
"""
"""A stand-in that answers every request with how it was told to be."""


@pytest.fixture
async def shown(tmp_path: Path, prometheus: str, alertmanager: str) -> AsyncIterator[dict[str, str]]:
    """The addresses that the demo stack prints, while it runs; afterwards nobody answers there."""
    stand_in = tmp_path / "bin" / "grafana"
    stand_in.parent.mkdir()
    stand_in.write_text(GRAFANA.format(python=sys.executable))
    stand_in.chmod(0o755)
    folders = [str(stand_in.parent), str(Path(prometheus).parent), str(Path(alertmanager).parent), os.environ["PATH"]]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "demo_stack"),
        env={**os.environ, "PATH": os.pathsep.join(folders), "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            before = await process.stdout.readuntil(b"Stop with Ctrl-C.\n")
        addresses = dict(re.findall(r"^(\w+) +(http://\S+)$", before.decode(), re.MULTILINE))
        yield addresses
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
    async with ClientSession() as client:
        for address in addresses.values():
            with pytest.raises(ClientError):
                await client.get(address)


async def data(client: ClientSession, address: str, key: str) -> list[dict[str, Any]]:
    """What Prometheus answers, once there is something: it finds its targets some seconds after it is ready."""
    async with asyncio.timeout(60):
        while True:
            async with client.get(address) as answer:
                found: list[dict[str, Any]] = (await answer.json())["data"][key]
            if found:
                return found
            await asyncio.sleep(0.1)


async def test_everything_is_up_and_knows_of_each_other(shown: dict[str, str]) -> None:
    assert list(shown) == ["exporter", "prometheus", "alertmanager", "grafana"]
    base = {name: address.rpartition("/")[0] for name, address in shown.items()}
    api = f"{base['prometheus']}/api/v1"
    async with ClientSession() as client:
        for address in shown.values():
            async with client.get(address) as page:
                assert page.status == 200, address
        (target,) = await data(client, f"{api}/targets", "activeTargets")
        (notified,) = await data(client, f"{api}/alertmanagers", "activeAlertmanagers")
        groups = await data(client, f"{api}/rules", "groups")
        async with client.get(base["grafana"]) as answer:
            grafana = json.loads(await answer.text())
    assert target["scrapeUrl"] == f"{base['exporter']}/metrics"
    assert notified["url"].startswith(base["alertmanager"])
    assert {group["name"] for group in groups} >= {"fedmeta.findings", "fedmeta.rollover"}
    assert grafana["provisioned"]["datasources"]["datasources"][0]["url"] == base["prometheus"]
    (provider,) = grafana["provisioned"]["dashboards"]["providers"]
    assert Path(provider["options"]["path"]) == TESTS.parent / "dashboards"
