"""What the C library and the collector are told, each in a process of its own or put right again."""

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from exporter import memory
from exporter.fetch import Budget

GROWN = """
from pathlib import Path
from exporter import memory
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
if {told}:
    memory.keep_little()
before = resident()
for _ in range(3):
    large = b"x" * 9_000_000
    del large
print(resident() - before)
"""


def grown(*, told: bool) -> int:
    """By how many bytes a process has grown that had a large block for a while, three times."""
    code = GROWN.format(told=told)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 -- a command of ours
    return int(done.stdout)


def test_large_blocks_are_given_back_when_they_are_freed_and_only_because_the_c_library_is_told() -> None:
    assert grown(told=True) < 1_000_000
    assert grown(told=False) > 8_000_000


def test_what_is_there_is_not_looked_at_again_until_the_end() -> None:
    assert gc.get_freeze_count() == 0
    with memory.known_to_stay():
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() == 0


def test_what_is_old_is_looked_at_by_itself_only_where_very_much_is_new() -> None:
    before = gc.get_threshold()
    with memory.collected_when_told():
        # Python 3.14 has no third threshold.
        assert gc.get_threshold()[2] in {100, 0}
        assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold() == before


@pytest.fixture
def by_nobody_else() -> Iterator[None]:
    """Has cycles collected by nobody else."""
    gc.disable()
    yield
    gc.enable()


class Cycle:
    """What nobody holds but itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.usefixtures("by_nobody_else")
async def test_cycles_are_collected_as_soon_as_no_document_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "COLLECTED_EVERY", 0.01)
    budget = Budget()
    with budget.share() as share:
        share.grow(1_000_000)
        collecting = asyncio.create_task(memory.collecting(budget.unused))
        cycle = weakref.ref(Cycle())
        await asyncio.sleep(0.1)
        assert cycle() is not None
    await asyncio.sleep(0.1)
    assert cycle() is None
    collecting.cancel()


@pytest.mark.usefixtures("by_nobody_else")
async def test_cycles_are_collected_in_the_end_though_documents_are_read_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "COLLECTED_EVERY", 0.01)
    monkeypatch.setattr(memory, "CALM", 0.01)
    cycle = weakref.ref(Cycle())
    collecting = asyncio.create_task(memory.collecting(asyncio.Event().wait))
    await asyncio.sleep(0.1)
    assert cycle() is None
    collecting.cancel()
