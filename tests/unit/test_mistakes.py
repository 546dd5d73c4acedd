"""The last resort: what is raised is given or told, turn follows turn, and the end of a task is its end."""

import asyncio
import traceback
from contextlib import suppress

import pytest
from strange import StrangeError
from waiting import until

from exporter.mistakes import Raised, attempt, for_ever, log_mistake


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        MemoryError(),
        SystemExit(),
        KeyboardInterrupt(),
        StrangeError(),
        asyncio.CancelledError(),
        ExceptionGroup("x", [ValueError()]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_some_work_raises_of_any_kind_is_given(error: BaseException) -> None:
    async def work() -> None:
        raise error

    assert await attempt(work()) == Raised(error)


async def test_what_some_work_gives_is_given() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await attempt(work()) == "done"


async def test_a_cancellation_that_nobody_asked_for_is_something_that_work_raised() -> None:
    async def work() -> None:
        other = asyncio.ensure_future(asyncio.sleep(60))
        other.cancel()
        await other

    outcome = await attempt(work())
    assert isinstance(outcome, Raised)
    assert isinstance(outcome.error, asyncio.CancelledError)


@pytest.mark.parametrize("turned", [None, ValueError])
async def test_the_end_of_the_task_passes_through_whatever_the_work_makes_of_it(
    turned: type[Exception] | None,
) -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if turned is not None:
                raise turned from None
            raise

    task = asyncio.create_task(attempt(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(turned or asyncio.CancelledError):
        await task
    assert task.cancelled() is (turned is None)


async def test_a_deadline_of_the_work_is_no_end_of_the_task() -> None:
    async def work() -> None:
        async with asyncio.timeout(0):
            await asyncio.sleep(60)

    outcome = await attempt(work())
    assert isinstance(outcome, Raised)
    assert isinstance(outcome.error, TimeoutError)


def test_a_coroutine_that_is_closed_is_closed() -> None:
    class Never:
        def __await__(self) -> "Never":
            return self

        def __iter__(self) -> "Never":
            return self

        def __next__(self) -> None:
            return None

    ended = []

    async def work() -> None:
        try:
            await Never()  # type: ignore[misc]  # an iterator that never ends is all that it takes
        finally:
            ended.append(True)

    attempting = attempt(work())
    attempting.send(None)
    attempting.close()
    assert ended == [True]


async def test_turn_follows_turn_whatever_one_raises_and_however_its_failure_is_taken() -> None:
    kinds = [ValueError("turn"), StrangeError(), asyncio.CancelledError(), SystemExit(), MemoryError()]
    raised: list[BaseException] = []
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        if turns <= len(kinds):
            raise kinds[turns - 1]
        await asyncio.sleep(0)

    def failed(error: BaseException) -> float:
        raised.append(error)
        if len(raised) % 2:
            raise StrangeError
        return 0.001

    task = asyncio.create_task(for_ever(turn, failed=failed))
    await until(lambda: turns > 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert raised == kinds


async def test_after_a_failure_the_next_turn_comes_after_the_pause_that_was_asked_for() -> None:
    loop = asyncio.get_running_loop()
    at: list[float] = []

    async def turn() -> None:
        at.append(loop.time())
        raise ValueError

    task = asyncio.create_task(for_ever(turn, failed=lambda _: 0.05))
    await until(lambda: len(at) == 2)
    task.cancel()
    assert at[1] - at[0] > 0.049


async def test_turns_that_always_fail_leave_others_their_turn() -> None:
    async def turn() -> None:
        raise ValueError

    def failed(_: BaseException) -> float:
        raise StrangeError

    task = asyncio.create_task(for_ever(turn, failed=failed))
    async with asyncio.timeout(10):
        await asyncio.sleep(0.001)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_turns_end_though_one_has_taken_the_end_for_its_own() -> None:
    begun = asyncio.Event()

    async def turn() -> None:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)

    task = asyncio.create_task(for_ever(turn, failed=lambda _: 0.0))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([task])


async def test_turns_end_though_one_ends_without_having_noticed() -> None:
    async def turn() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    task = asyncio.create_task(for_ever(turn, failed=lambda _: 0.0))
    async with asyncio.timeout(10):
        await asyncio.wait([task])


def test_a_mistake_that_is_its_own_cause_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frames(_: object) -> list[str]:
        asked.append(True)
        if len(asked) > 2:
            raise MemoryError
        return ["  here\n"]

    asked: list[bool] = []
    monkeypatch.setattr(traceback, "format_tb", frames)
    error = LookupError()
    error.__cause__ = ValueError()
    error.__cause__.__cause__ = error
    log_mistake("this", error)
    (line,) = caplog.records
    assert vars(line)["traceback"] == "  here\nLookupError\n  here\nValueError\n"


@pytest.mark.parametrize("kind", [MemoryError, StrangeError, RecursionError])
def test_where_nothing_can_be_told_of_a_mistake_nothing_is_raised(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        asked.append(kind)
        raise kind

    asked: list[type[BaseException]] = []
    with monkeypatch.context() as patched:
        patched.setattr(caplog.handler, "emit", broken)
        log_mistake("this", ValueError())
    with monkeypatch.context() as patched:
        patched.setattr(traceback, "format_tb", broken)
        log_mistake("this", ValueError())
    assert asked == [kind, kind]
    assert caplog.records == []
