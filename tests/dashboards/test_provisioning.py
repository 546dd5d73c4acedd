"""The samples for Grafana's provisioning are what its documentation asks for, and fit the boards."""

from typing import Any

import yaml
from boards import BOARDS, FOLDER


def sample(name: str) -> Any:  # noqa: ANN401 -- what a YAML file holds
    return yaml.safe_load((FOLDER / "provisioning" / name).read_text(encoding="utf-8"))


def test_the_boards_are_read_from_the_folder_that_the_readme_names() -> None:
    (provider,) = sample("dashboards.yml")["providers"]

    assert provider["type"] == "file"
    assert f"`{provider['options']['path']}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_data_source_is_the_default_that_the_boards_begin_with() -> None:
    (source,) = sample("datasources.yml")["datasources"]

    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert {board.variables["datasource"]["query"] for board in BOARDS} == {source["type"]}


def test_the_readme_names_every_board() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")

    for board in BOARDS:
        assert f"| `{board.name}.json` | {board.json['title']} |" in readme
        assert f"`{board.json['uid']}`" in readme
