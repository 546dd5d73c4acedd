"""The signals that ask the program to end, taken in the same way on every system.

asyncio's own handlers of signals are for Unix alone (asyncio, "Platform Support").
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-Break, and a console that is closed, are a signal of their own on Windows.
SIGNALS: tuple[int, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)
)
"""Those that this system has."""


@contextmanager
def heard(loop: asyncio.AbstractEventLoop, end: Callable[[], object]) -> Iterator[None]:
    """Has the loop call ``end`` at each of :data:`SIGNALS` for as long as the block lasts; for the main thread."""

    def came(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(end)

    woken, waker = socket.socketpair()
    with woken, waker:
        waker.settimeout(0)
        # Python calls a handler between two instructions. On Windows a loop that waits gets to none until a socket of
        # its own has something to read.
        loop.add_reader(woken, woken.recv, 1)
        woken_before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, came) for number in SIGNALS}
        try:
            yield
        finally:
            for number, action in before.items():
                if signal.getsignal(number) is came:
                    signal.signal(number, action)
            signal.set_wakeup_fd(woken_before)
            loop.remove_reader(woken)


def ignore() -> None:
    """Lets the signals pass from now on."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
