"""Memory that the C library or Python's collector of cycles would keep, and what they are told about it.

What is set is glibc's (mallopt(3)); a library that has no such functions has no such need.
"""

import asyncio
import ctypes
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

MAPPED_ABOVE = 2**20
"""Bytes of a block from which it is the system's again as soon as it is freed, and never part of what is kept.

Unless it is told, glibc raises this to the largest block that was ever freed, and then keeps twice as much.
"""

COLLECTED_EVERY = 30.0
"""Seconds between two collections of all that there is."""

CALM = 10.0
"""Seconds for which a collection waits for a calm moment; then it comes all the same."""

_TOO_MANY = 100
"""Collections of what is half old after which there is one of all: with Python 3.11 after some 700,000 new objects.

From 3.14 on the collector works in small steps and ignores it (gc.set_threshold)."""

_M_MMAP_THRESHOLD = -3
"""The number of the parameter in malloc.h."""

_glibc: ctypes.CDLL | None
try:
    _glibc = ctypes.CDLL(None)
except TypeError:
    # On Windows a library has a name.
    _glibc = None
_set = getattr(_glibc, "mallopt", lambda _, __: 0)
_trim = getattr(_glibc, "malloc_trim", lambda _: 0)


def give_back() -> None:
    """Gives the system all that is free (malloc_trim(3)). The elements of a document leave ten times its bytes."""
    _trim(0)


def keep_little() -> None:
    """Has large blocks given back when they are freed, from now on."""
    _set(_M_MMAP_THRESHOLD, MAPPED_ABOVE)


@contextmanager
def known_to_stay() -> Iterator[None]:
    """What is there when the block begins, the collector does not look at again while it lasts.

    It holds up everybody while it runs, and modules, which are half of what there is, never go.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def collected_when_told() -> Iterator[None]:
    """While the block lasts, the collector looks at what is old only in :func:`collecting`, or where very much is new.

    By itself it would begin as soon as a quarter is new: while a large document is read, and beside all who do.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, _TOO_MANY)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


async def collecting(calm: Callable[[], Awaitable[object]]) -> None:
    """Collects all cycles that nobody holds any more, again and again, for ever; ``calm`` waits for a good moment."""
    while True:
        await asyncio.sleep(COLLECTED_EVERY)
        with suppress(TimeoutError):
            async with asyncio.timeout(CALM):
                await calm()
        gc.collect()
