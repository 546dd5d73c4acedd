"""Waiting for what others do, for some seconds at most: another task, or another thread or process."""

import asyncio
import time
from collections.abc import Callable


async def until(holds: Callable[[], object]) -> None:
    """Lets other tasks run until this holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 -- what makes it hold tells nobody
            await asyncio.sleep(0.005)


def wait_until(holds: Callable[[], object]) -> None:
    """Waits in this thread until another thread, or process, has made this hold."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)
