"""Work that a disk may hold up for ever, in threads of its own: it must take none from others."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

THREADS = 32
"""Files that are read at once."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
_under_way: dict[Hashable, Future[Any]] = {}


async def reading(what: Hashable, work: Callable[[], T]) -> T:
    """What some work gives that reads a file; once at a time for each name of what is read.

    No read can be ended. Whoever wants the same while one hangs waits for that one, so that a pipe that nobody writes,
    or a server of files that is gone, holds one thread for each file and not one for each attempt. Raises what the work
    raises.
    """
    under_way = _under_way.get(what)
    if under_way is None or under_way.done():
        under_way = _under_way[what] = _threads.submit(work)
    try:
        return await asyncio.shield(asyncio.wrap_future(under_way))
    finally:
        if under_way.done() and _under_way.get(what) is under_way:
            del _under_way[what]
