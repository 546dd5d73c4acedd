"""Memory that the C library or Python's collector of cycles would keep, and what they are told about it.

What is set is glibc's (mallopt(3)); a library that has no such functions has no such need.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

MAPPED_ABOVE = 2**20
"""Bytes of a block from which it is the system's again as soon as it is freed, and never part of what is kept.

Unless it is told, glibc raises this to the largest block that was ever freed, and then keeps twice as much.
"""

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
