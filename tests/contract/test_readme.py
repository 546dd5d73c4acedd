"""What README tells people to copy works as it stands."""

import re
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.config.reader import load
from exporter.config.settings import INTERNET, SERVICE, Secret
from exporter.demo.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def configuration(number: int, folder: Path) -> Path:
    """One of README's configurations, in a file."""
    block = re.findall(r"```yaml\n(# fedmeta\.yml\n.*?)```", README, re.DOTALL)[number]
    file = folder / "fedmeta.yml"
    file.write_text(block, encoding="utf-8")
    return file


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return configuration(0, tmp_path)


@pytest.mark.usefixtures("root_logger")
def test_the_configuration_has_no_problems(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config.file", str(example), "--config.check"]) == 0
    assert "3 targets, no problems" in capsys.readouterr().out


def test_the_configuration_says_what_the_text_around_it_says(example: Path) -> None:
    farm, partner, federation = load(str(example)).targets
    assert farm.url == "https://sts.contoso.com/federationmetadata/2007-06/federationmetadata.xml"
    assert (farm.name, farm.labels, farm.policy.auto_certificate_rollover) == (
        "sts.contoso.com",
        {"team": "identity"},
        True,
    )
    assert (partner.name, partner.look.interval) == ("partner", 15 * 60)
    assert federation.watch == ("https://idp.example.edu/*",)


@pytest.mark.parametrize("file", [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"], ids=lambda file: file.name)
def test_no_paragraph_says_the_same_twice(file: Path) -> None:
    """Two versions of a text, one below the other, begin alike."""
    prose = re.sub(r"^ *```.*?^ *```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for paragraph in re.split(r"\n\s*\n", prose):
        beginnings = [line[:60] for line in paragraph.splitlines() if len(line) > 60 and not line.startswith("|")]
        assert len(beginnings) == len(set(beginnings))


def test_every_file_it_links_to_is_there() -> None:
    links = set(re.findall(r"\]\(([^)#:]+)\)", README))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_two_commands_are_the_first_things_it_shows() -> None:
    commands = re.findall(r"```console\n\$ (.+)\n```", README)
    assert commands[:2] == ["make run", "make test"]


def test_the_target_with_nodes_and_domains_is_what_the_text_around_it_says(tmp_path: Path) -> None:
    (target,) = load(str(configuration(1, tmp_path))).targets
    assert target.look.place == (SERVICE, INTERNET)
    assert [(each.node, each.vantage) for each in target.looks[1:]] == [
        (SERVICE, "intranet"),
        ("10.0.0.11", "intranet"),
        ("10.0.0.12", "intranet"),
    ]
    assert target.entra is not None
    assert target.entra.domains == ("contoso.com", "fabrikam.com")
    assert target.entra.client_secret == Secret(file=str(tmp_path / "entra.secret"))
    assert target.entra.interval == 3600, "hourly"


def test_it_counts_the_farms_of_the_demo() -> None:
    assert len(SCENARIOS) == 17
    assert "starts seventeen simulated farms" in README
