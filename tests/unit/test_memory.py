"""What the C library and the collector are told, each in a process of its own or put right again."""

import gc
import subprocess
import sys

from exporter import memory

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
