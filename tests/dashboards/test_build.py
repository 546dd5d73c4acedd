"""The committed JSON is what the boards say, and nothing lies beside it."""

import json
import shutil
from pathlib import Path

import pytest
from boards import FOLDER

from dashboards import build


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A copy of what is committed."""
    for file in FOLDER.glob("*.json"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_the_committed_dashboards_are_fresh_and_no_file_is_left_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check"]) == 0, capsys.readouterr().out


def test_a_dashboard_that_was_edited_by_hand_is_named(committed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited = committed / "fleet.json"
    edited.write_text(edited.read_text(encoding="utf-8").replace("now-24h", "now-7d"), encoding="utf-8")

    assert build.main(["--check"], committed) == 1
    assert capsys.readouterr().out == (
        f"{edited} is not what dashboards/build.py writes: change that, then run 'make dashboards'\n"
    )


def test_a_dashboard_that_is_missing_is_named(committed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (committed / "target.json").unlink()

    assert build.main(["--check"], committed) == 1
    assert capsys.readouterr().out == f"{committed / 'target.json'} is missing: run 'make dashboards'\n"


def test_a_dashboard_that_no_board_writes_is_named(committed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (committed / "old.json").write_text("{}")

    assert build.main(["--check"], committed) == 1
    assert capsys.readouterr().out == (
        f"{committed / 'old.json'} belongs to no dashboard: remove it, or add its board to dashboards/build.py\n"
    )


def test_a_dashboard_in_another_line_ending_is_not_fresh(committed: Path) -> None:
    file = committed / "exporter.json"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    assert build.main(["--check"], committed) == 1


def test_what_is_written_is_fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main([], tmp_path) == 0
    assert build.main(["--check"], tmp_path) == 0
    assert capsys.readouterr().out == ""
    assert {file.name for file in tmp_path.iterdir()} == {"fleet.json", "target.json", "exporter.json"}


def test_what_is_checked_is_not_written(tmp_path: Path) -> None:
    assert build.main(["--check"], tmp_path) == 1
    assert not list(tmp_path.iterdir())


def test_every_file_is_a_dashboard() -> None:
    for name, text in build.contents().items():
        assert json.loads(text)["uid"] == f"fedmeta-{Path(name).stem}"
