"""What README tells people to copy works as it stands."""

import re
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.config.reader import load

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """README's configuration, in a file."""
    (block,) = re.findall(r"```yaml\n(# fedmeta\.yml\n.*?)```", README, re.DOTALL)
    file = tmp_path / "fedmeta.yml"
    file.write_text(block, encoding="utf-8")
    return file


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
    assert (partner.name, partner.interval) == ("partner", 15 * 60)
    assert federation.watch == ("https://idp.example.edu/*",)


def test_every_file_it_links_to_is_there() -> None:
    links = set(re.findall(r"\]\(([^)#:]+)\)", README))
    assert links
    assert [link for link in links if not (Path(__file__).parents[2] / link).exists()] == []


def test_the_two_commands_are_the_first_things_it_shows() -> None:
    commands = re.findall(r"```console\n\$ (.+)\n```", README)
    assert commands[:2] == ["make run", "make test"]
