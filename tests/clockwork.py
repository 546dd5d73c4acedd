"""An event loop whose time passes only when everybody waits: a year of a watch takes a second, and no test races."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from builders import NOW

T = TypeVar("T")


class Clockwork(asyncio.SelectorEventLoop):
    """The loop. What would run in a thread runs at once; nothing in it may wait for a socket."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0
        self.at_thread: Callable[[], None] = lambda: None
        """Called in place of starting a thread."""

    def time(self) -> float:
        """Seconds that have passed."""
        return self._virtual

    def now(self) -> datetime:
        """The moment by the wall clock, which runs with the loop's."""
        return NOW + timedelta(seconds=self._virtual)

    def run_in_executor(self, _executor: object, func: Callable[..., T], *args: object) -> "asyncio.Future[T]":
        """The result of a function that runs here and now."""
        self.at_thread()
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 -- as an executor does
            done.set_exception(error)
        return done

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]  # what BaseEventLoop goes by
            self._virtual = max(self._virtual, self._scheduled[0].when())  # type: ignore[attr-defined]  # what BaseEventLoop goes by
        super()._run_once()  # type: ignore[misc]  # what BaseEventLoop does in a turn


def run(loop: Clockwork, work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, run by this loop."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.set_event_loop(None)
