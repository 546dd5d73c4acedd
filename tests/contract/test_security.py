"""What docs/security.md promises is shown by tests that there are."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from soak.__main__ import RUNS

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")


def rows() -> Iterator[tuple[str, str]]:
    """The fault and the test of every row."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not line.startswith(("|--", "| Attack")):
            assert len(cells) == 4, line
            yield cells[0], cells[2].strip("`")


@pytest.mark.parametrize(("fault", "test"), list(rows()))
def test_a_promise_has_its_test(fault: str, test: str) -> None:
    assert fault
    if "::" not in test:
        assert test in RUNS
        return
    file, function = test.split("::")
    assert re.search(rf"^(async )?def {function}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_long_run_stands_on_the_page() -> None:
    assert {test for _, test in rows() if "::" not in test} == RUNS.keys()
