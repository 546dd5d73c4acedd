"""The configurations that people copy: those in README, and the ones that compose.yaml brings along."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml


def samples_in_readme(checkout: Path) -> list[str]:
    """Every block that says it is a prometheus.yml."""
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```$", readme, re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in blocks if block.lstrip().startswith("# prometheus.yml\n")]


@pytest.fixture
def compose(checkout: Path) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load((checkout / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def check(promtool: str, configuration: str, checkout: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What promtool says of a prometheus.yml that has the shipped rules beside it."""
    shutil.copy(checkout / "alerts" / "fedmeta.rules.yml", folder)
    (folder / "prometheus.yml").write_text(configuration)
    command: list[str | Path] = [promtool, "check", "config", folder / "prometheus.yml"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_samples_in_readme_load_with_the_shipped_rules(promtool: str, checkout: Path, tmp_path: Path) -> None:
    samples = samples_in_readme(checkout)
    for sample in samples:
        done = check(promtool, sample, checkout, tmp_path)
        assert done.returncode == 0, done.stderr
    assert ["rule_files" in sample for sample in samples] == [False, True]


def test_prometheus_in_compose_loads_the_shipped_rules_from_where_they_are_put(
    compose: Mapping[str, Any], promtool: str, checkout: Path, tmp_path: Path
) -> None:
    done = check(promtool, compose["configs"]["prometheus"]["content"], checkout, tmp_path)
    assert done.returncode == 0, done.stderr
    assert compose["services"]["prometheus"]["volumes"] == [
        "./alerts/fedmeta.rules.yml:/etc/prometheus/fedmeta.rules.yml:ro"
    ]


def test_compose_takes_from_the_checkout_only_what_is_there(compose: Mapping[str, Any], checkout: Path) -> None:
    taken = [volume.split(":")[0] for each in compose["services"].values() for volume in each.get("volumes", [])]
    assert taken
    assert [path for path in taken if not (checkout / path).exists()] == []


def test_nobody_but_this_machine_can_connect_to_what_compose_starts(compose: Mapping[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service["ports"]]
    assert len(ports) == len(compose["services"])
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_grafana_in_compose_is_provisioned_as_the_samples_say(compose: Mapping[str, Any], checkout: Path) -> None:
    samples = checkout / "dashboards" / "provisioning"
    (source,) = yaml.safe_load((samples / "datasources.yml").read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load((samples / "dashboards.yml").read_text(encoding="utf-8"))["providers"]
    here = {"url": "http://prometheus:9090", "jsonData": {**source["jsonData"], "timeInterval": "15s"}}
    assert yaml.safe_load(compose["configs"]["datasources"]["content"])["datasources"] == [{**source, **here}]
    assert f"./dashboards:{provider['options']['path']}:ro" in compose["services"]["grafana"]["volumes"]
    configured = [config["source"] for each in compose["services"].values() for config in each.get("configs", [])]
    assert sorted(configured) == sorted(compose["configs"])
