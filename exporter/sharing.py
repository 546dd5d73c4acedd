"""Answers that cost time and memory: each is made once for all who ask for it at the same time."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from aiohttp import Payload
from aiohttp.abc import AbstractStreamWriter

ROOM = 40 * 2**20
"""Bytes of answers that memory holds at once, three of 1,000 farms or a hundred of them packed; one may be larger."""

CHUNK = 2**16
"""Bytes of an answer that are on their way to one reader."""

KINDS = 32
"""Kinds of answers that are waited for: the last of them is there after a few seconds."""


class CrowdedError(Exception):
    """As many other kinds of answers are waited for as may be."""


class _Made:
    """One answer, for as long as somebody takes it."""

    def __init__(self, body: bytes) -> None:
        self.body: bytes | None = body
        """None: newer ones needed the room."""
        self.size = len(body)


@dataclass(slots=True, eq=False)
class _Next:
    """An answer that is not begun."""

    task: asyncio.Task[_Made]
    waiting: int = 0
    """How many wait for it."""


class Sharing:
    """Makes one answer at a time, and gives it to everybody who had asked for it when it was begun.

    So nobody gets what is older than the question, and whatever number asks, two of a kind are made: the one under way,
    and one for all who came meanwhile. What nobody waits for any more is not begun.
    """

    def __init__(self) -> None:
        self._next: dict[Hashable, _Next] = {}
        """Answers that are not begun."""
        self._turn = asyncio.Lock()
        self._made: list[weakref.ref[_Made]] = []
        """The latest last."""

    async def get(self, kind: Hashable, make: Callable[[], Awaitable[bytes]]) -> Payload:
        """The body of a response of this kind. ``make`` looks at the world when it is called. Raises what it raises.

        Raises :class:`CrowdedError` where too many kinds are waited for.
        """
        following = self._next.get(kind)
        if following is None:
            if len(self._next) >= KINDS:
                raise CrowdedError
            following = self._next[kind] = _Next(asyncio.create_task(self._make(kind, make)))
        following.waiting += 1
        try:
            # Who gives up takes it from nobody else.
            return _Shared(await asyncio.shield(following.task))
        finally:
            following.waiting -= 1
            if not following.waiting and self._next.get(kind) is following:
                del self._next[kind]
                following.task.cancel()

    async def _make(self, kind: Hashable, make: Callable[[], Awaitable[bytes]]) -> _Made:
        async with self._turn:
            del self._next[kind]
            made = _Made(await make())
            taken = [old for each in self._made if (old := each()) is not None]
            room = ROOM - made.size
            for old in reversed(taken):
                room -= old.size
                if room < 0:
                    # Whoever is slower than all that came after is cut off: the newest scrape is worth most.
                    old.body = None
            self._made = [weakref.ref(each) for each in (*taken, made) if each.body is not None]
            return made


class _Shared(Payload):
    """One response's view of an answer: no copy, and no more of it on the way than its reader takes."""

    _value: _Made

    def __init__(self, made: _Made) -> None:
        super().__init__(made)
        self._size = made.size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The answer as text."""
        return (self._value.body or b"").decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Sends it. Raises :class:`ConnectionResetError` when it was given up."""
        for start in range(0, self._value.size, CHUNK):
            if self._value.body is None:
                raise ConnectionResetError("newer answers needed the room")
            await writer.write(self._value.body[start : start + CHUNK])
            # A reader as fast as we are would hold the event loop for the whole of it.
            await asyncio.sleep(0)
