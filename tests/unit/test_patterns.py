"""Which files a pattern names: those that glob finds, but that nothing has no end."""

import glob
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.config import patterns
from exporter.config.document import Mistake
from exporter.config.patterns import matching_files
from exporter.config.reader import ConfigError, load


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files by every kind of name, and a folder as Kubernetes mounts a ConfigMap."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.yml",
        "A.yml",
        "b.json",
        "x/a.yml",
        "x/y/b.yml",
        "x/y/z/c.yml",
        "x/.git/d.yml",
        ".e.yml",
        "[x]/f.yml",
    ):
        (path := tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (mount := tmp_path / "mount").mkdir()
    (mount / "..2026_11_28").mkdir()
    (mount / "..2026_11_28" / "team.yml").touch()
    (mount / "..data").symlink_to("..2026_11_28")
    (mount / "team.yml").symlink_to("..data/team.yml")
    (mount / "gone.yml").symlink_to("nowhere")
    (mount / "itself").symlink_to("itself")
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        "*.yml", "a.yml", "none.yml", "?.yml", "[ab].*", "*", ".*", ".", "/", "x/*/*.yml", "x/**/*.yml",
        "**/*.yml", "**/y/*.yml", "**/**/*.yml", "x/.git/*.yml", "x/.*/*", "**/.git/*", "[[]x]/*.yml", "*/*/*",
        "mount/*.yml", "mount/**/*.yml", "*/gone.yml", "x/../*.yml", "x/y", "x/**/y/**/*", "**/none/*.yml",
        "a.yml/*", "itself/*",
    ],
)  # fmt: skip
def test_a_pattern_names_what_glob_finds(pattern: str, tree: Path) -> None:
    for each in (pattern, f"{tree}/{pattern}"):
        # A path may be found twice, and is read once.
        assert matching_files(each) == sorted({str(Path(name)) for name in glob.glob(each, recursive=True)})  # noqa: PTH207 -- it is what is compared


def test_two_stars_at_the_end_are_all_that_is_below() -> None:
    assert matching_files("x/**") == ["x/a.yml", "x/y", "x/y/b.yml", "x/y/z", "x/y/z/c.yml"]


def test_links_to_folders_are_followed_where_they_are_named_and_not_by_two_stars(tree: Path) -> None:
    for name in ("l1", "l2"):
        (tree / "x" / name).symlink_to(".")
    (tree / "current").symlink_to("x")
    assert matching_files("x/**/*.yml") == ["x/a.yml", "x/y/b.yml", "x/y/z/c.yml"]
    assert matching_files("current/**/*.yml") == ["current/a.yml", "current/y/b.yml", "current/y/z/c.yml"]
    assert matching_files("x/*/a.yml") == ["x/l1/a.yml", "x/l2/a.yml"]


@pytest.mark.parametrize("pattern", ["**/*.yml", "*/*.yml", "**", "x/*"])
def test_where_too_much_would_have_to_be_looked_at_that_is_told_at_the_pattern(
    pattern: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "fedmeta.yml").write_text(f"target_files: [x/a.yml, '{pattern}']")
    for number in range(20):
        (tree / "x" / f"{number}.txt").touch()
    told: Sequence[str] = [
        "fedmeta.yml:1: target_files[1]: more than 20 files and folders to look at: name their folder"
    ]
    monkeypatch.setattr(patterns, "MOST_ENTRIES", 20)
    with pytest.raises(ConfigError) as raised:
        load("fedmeta.yml")
    assert list(map(str, raised.value.problems)) == told
    with pytest.raises(Mistake):
        matching_files(pattern)
