"""Writes the dashboards' JSON: ``python -m dashboards.build``; with ``--check`` it only says what is not up to date."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from dashboards import exporter, fleet, target

FOLDER = Path(__file__).parent


def contents() -> Mapping[str, str]:
    """The text of every dashboard by the name of its file."""
    boards = (fleet.BOARD, target.BOARD, exporter.BOARD)
    return {board.filename: json.dumps(board.json(), indent=2, ensure_ascii=False) + "\n" for board in boards}


def differences(folder: Path) -> Iterator[str]:
    """A sentence for each file that is not as it would be written, is missing, or belongs to no dashboard."""
    expected = contents()
    for name, text in expected.items():
        file = folder / name
        if not file.exists():
            yield f"{file} is missing: run 'make dashboards'"
        elif file.read_bytes() != text.encode():
            yield f"{file} is not what dashboards/build.py writes: change that, then run 'make dashboards'"
    for file in sorted(folder.glob("*.json")):
        if file.name not in expected:
            yield f"{file} belongs to no dashboard: remove it, or add its board to dashboards/build.py"


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """The exit code: 1 when ``--check`` finds a difference, else 0."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description="Write the dashboards' JSON.")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is not up to date")
    if parser.parse_args(arguments).check:
        found = list(differences(folder))
        print(*found, sep="\n", end="\n" if found else "")
        return 1 if found else 0
    for name, text in contents().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
