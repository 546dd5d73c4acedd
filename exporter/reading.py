"""Work that a disk may hold up for ever, in threads of its own: it must take none from others."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

THREADS = 32
"""Files that are read at once."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
_Key = tuple[asyncio.AbstractEventLoop, Hashable]
_under_way: dict[_Key, asyncio.Future[Any]] = {}


async def reading(what: Hashable, work: Callable[[], T]) -> T:
    """What some work gives that reads a file; once at a time for each name of what is read.

    No read can be ended. Whoever wants the same while one hangs waits for that one, so that a pipe that nobody writes,
    or a server of files that is gone, holds one thread for each file and not one for each attempt. Raises what the work
    raises.
    """
    key = asyncio.get_running_loop(), what
    under_way = _under_way.get(key)
    if under_way is None:
        under_way = _under_way[key] = key[0].run_in_executor(_threads, work)
        under_way.add_done_callback(partial(_over, key))
    result: T = await asyncio.shield(under_way)
    return result


async def in_turn(what: Hashable, work: Callable[[], T]) -> T:
    """As :func:`reading`, but what some other call reads is no answer: whoever comes while one hangs reads after it."""
    key = asyncio.get_running_loop(), what
    while key in _under_way:
        await asyncio.wait([_under_way[key]])
    return await reading(what, work)


def _over(key: _Key, read: asyncio.Future[Any]) -> None:
    del _under_way[key]
    # Nobody may be waiting any more; then nobody takes the error, and asyncio would log it.
    _ = read.cancelled() or read.exception()
