"""Room for documents while they are read and parsed: one budget of bytes for all looks and ``/probe``.

Nobody waits for room with anything in hand, neither room nor a connection nor a slot: who finds none gives up what it
has, and waits in line for all that it may need. So nobody can wait for anybody who waits.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

BUDGET = 32 * 2**20
"""Bytes: two of the largest documents that a module takes unless it says otherwise. One takes up to forty times its
bytes while it is parsed."""

FREE = 256 * 2**10
"""Bytes of a document that take no room, so that none of a usual size ever waits. Slots bound how many there are."""


class CrowdedError(Exception):
    """There is no room for a document: others are being read and parsed, or wait in line."""

    def __init__(self, size: int) -> None:
        super().__init__(f"others take all of the {size} bytes of documents that are read and parsed at once")


class Threads(NamedTuple):
    """Where documents are parsed: what takes room, and what takes none and is not to wait for that."""

    large: Executor | None
    """None: in those of the running loop."""
    small: Executor | None


IN_THE_LOOP = Threads(None, None)
"""For looks: their slots bound how many are parsed."""


@dataclass(slots=True, eq=False)
class Budget:
    """Bytes of documents that may be read and parsed at once. One that is larger than all of them has them alone."""

    size: int = BUDGET
    held: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Of those who wait in line: it is held by the first of them."""
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    async def unused(self) -> None:
        """Waits until nobody has any of it."""
        while self.held:
            self.freed.clear()
            await self.freed.wait()

    @contextmanager
    def share(self, threads: Threads = IN_THE_LOOP) -> Iterator["Share"]:
        """A share of it, still of nothing. It ends with the block, or when the thread ends that still has it then.

        Its document is parsed in one of the threads.
        """
        share = Share(self, threads)
        try:
            yield share
        finally:
            share.leave()


@dataclass(slots=True, eq=False)
class Share:
    """What one document has of a budget."""

    budget: Budget
    threads: Threads
    held: int = 0
    _users: set[asyncio.Future[Any]] = field(default_factory=set)

    def grow(self, size: int) -> None:
        """Makes it so many bytes at least. Raises :class:`CrowdedError`, and is then of nothing."""
        if size <= max(FREE, self.held):
            return
        # Nobody begins to take while others wait in line; who has begun goes on, and so comes to its end.
        if not self._fits(size) or (not self.held and self.budget.turn.locked()):
            self._set(0)
            raise CrowdedError(self.budget.size)
        self._set(size)

    async def wait(self, size: int) -> None:
        """Makes it so many bytes, after all who have waited for longer."""
        async with self.budget.turn:
            while not self._fits(size):
                self.budget.freed.clear()
                await self.budget.freed.wait()
            self._set(size)

    def settle(self, size: int) -> None:
        """Gives back what a document of so many bytes does not need."""
        self._set(min(self.held, size))

    async def run(self, work: Callable[[], T]) -> T:
        """What some work in a thread gives. It has the share until it ends, also when nobody waits for it any more.

        Where nobody waits for it before a thread has begun it, it is not done.
        """
        # What is done beside a thread that has the share is not about its document, and is not to wait for that.
        threads = self.threads.large if self.held and not self._users else self.threads.small
        left = [work]

        def begun() -> T:
            return left.pop()()

        user = asyncio.get_running_loop().run_in_executor(threads, begun)
        self._users.add(user)
        user.add_done_callback(self._ended)
        try:
            return await asyncio.shield(user)
        except asyncio.CancelledError:
            # Who takes it does it: there is none where a thread has begun.
            with suppress(IndexError):
                left.pop()
                user.cancel()
            raise
        finally:
            # It holds what was raised, which holds this frame.
            del user

    def leave(self) -> None:
        """Gives back all of it, unless a thread still has it."""
        if not self._users:
            self._set(0)

    def _ended(self, user: asyncio.Future[Any]) -> None:
        self._users.discard(user)
        self.leave()

    def _fits(self, size: int) -> bool:
        others = self.budget.held - self.held
        return not others or others + size <= self.budget.size

    def _set(self, size: int) -> None:
        self.budget.held += size - self.held
        self.held = size
        self.budget.freed.set()


def anything(_: int) -> None:
    """Room for whatever comes, for what has a bound of its own."""
