"""The last resort: whatever is raised, it costs one turn, and the log says where, without a word that may be secret."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from exporter import fetch

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Raised:
    """What some work raised in place of giving something."""

    error: BaseException


async def attempt(work: Awaitable[T]) -> T | Raised:
    """What some work gives, or what it raised, of any kind. Only the end of the task that awaits it passes through."""
    try:
        return await work
    except BaseException as error:
        if isinstance(error, GeneratorExit) or is_ending():
            raise
        return Raised(error)


def is_ending() -> bool:
    """Whether the running task was told to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def for_ever(turn: Callable[[], Awaitable[None]], *, failed: Callable[[BaseException], float]) -> None:
    """Takes turn after turn, until its task is cancelled; a turn rests before or after its work by itself.

    What a turn raises is given to ``failed``, which says after how many seconds the next one is to come.
    """
    while not is_ending():
        outcome = await attempt(turn())
        if isinstance(outcome, Raised):
            pause = 0.0
            with suppress(BaseException):
                pause = failed(outcome.error)
            # Its traceback holds whatever the turn had at hand.
            del outcome
            # Others get their turn first, also where the pause cannot be had.
            await asyncio.sleep(0)
            await attempt(asyncio.sleep(pause))


def log_mistake(what: str, error: BaseException) -> None:
    """A line about a mistake of ours, with its traceback. Raises nothing.

    Without what the errors say: it may quote what they stumbled over, a token for one.
    """
    with suppress(BaseException):
        told = {"traceback": "".join(_frames(error)), "kind": _place(error)}
        _log.error("%s failed by a mistake of ours", what, extra=told)


def admitted(error: BaseException) -> str:
    """What a person is told of a mistake of ours: no word of the error, which may quote a secret."""
    return f"a mistake of ours ({type(error).__name__}): the log has the traceback"


def _place(error: BaseException) -> str:
    """What failed: the types of the errors, and where the first was raised. Nobody outside chooses a word of it."""
    chain = list(fetch.chain(error))
    frames = traceback.extract_tb(chain[-1].__traceback__, limit=-1)
    return " ".join((*(type(each).__qualname__ for each in chain), *(f"{at.filename}:{at.lineno}" for at in frames)))


def _frames(error: BaseException) -> Iterator[str]:
    """A traceback that ends with the error, then those of the errors behind it."""
    for each in fetch.chain(error):
        yield from traceback.format_tb(each.__traceback__)
        yield f"{type(each).__qualname__}\n"
