"""Room for documents: never more than there is, nobody waits for ever, and nobody who is small waits at all."""

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.fetch import FREE, IN_THE_LOOP, Budget, CrowdedError, Share, Threads

SIZE = 8 * FREE


async def read(share: Share, size: int, pieces: int) -> None:
    """A document that comes in pieces, and is parsed."""
    for nth in range(pieces):
        share.grow(size * (nth + 1) // pieces)
        await asyncio.sleep(0)
    share.settle(size)
    await asyncio.sleep(0)


async def look(budget: Budget, size: int, limit: int, pieces: int) -> bool:
    """Whether a look had to wait for room."""
    with budget.share() as share:
        try:
            await read(share, size, pieces)
        except CrowdedError:
            assert share.held == 0, "who waits has nothing in hand"
            await share.wait(limit)
            await read(share, size, pieces)
            return True
    return False


@pytest.mark.parametrize("seed", range(50))
async def test_documents_of_any_size_in_any_order_all_come_to_their_end_within_the_budget(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- no secret
    budget, most = Budget(SIZE), 0

    async def some() -> None:
        nonlocal most
        for _ in range(10):
            limit = chance.choice([FREE, SIZE // 2, SIZE, 2 * SIZE])
            size = chance.randint(1, limit)
            looking = asyncio.create_task(look(budget, size, limit, chance.randint(1, 6)))
            if chance.random() < 0.1:
                await asyncio.sleep(0)
                looking.cancel()
            while not looking.done():
                most = max(most, budget.held)
                await asyncio.sleep(0)
            assert looking.cancelled() or size > FREE or not looking.result(), "who is small never waits"

    async with asyncio.timeout(60):
        await asyncio.gather(*(some() for _ in range(20)))
    # One that is larger than the budget has it alone.
    assert SIZE // 2 < most <= 2 * SIZE
    assert budget.held == 0
    assert not budget.turn.locked()


async def test_who_is_larger_than_all_of_it_has_it_alone() -> None:
    budget = Budget(SIZE)
    with budget.share() as large, budget.share() as other:
        large.grow(5 * SIZE)
        with pytest.raises(CrowdedError, match=f"others take all of the {SIZE} bytes"):
            other.grow(FREE + 1)
        other.grow(FREE)
        assert budget.held == 5 * SIZE
    assert budget.held == 0


async def test_they_get_it_in_the_order_in_which_they_came_and_nobody_new_before_them() -> None:
    budget, order = Budget(SIZE), []

    async def waits(nth: int, size: int) -> None:
        with budget.share() as share:
            await share.wait(size)
            order.append(nth)

    with budget.share() as first:
        first.grow(SIZE // 2)
        waiting = [asyncio.create_task(waits(0, SIZE)), asyncio.create_task(waits(1, FREE + 1))]
        await asyncio.sleep(0)
        assert budget.turn.locked()
        with budget.share() as new, pytest.raises(CrowdedError):
            new.grow(FREE + 1)
        first.grow(SIZE)
        assert order == []
    await asyncio.gather(*waiting)
    assert order == [0, 1]


class Held:
    """Work that hangs in a thread until it may go on."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        self.may_end.wait()

    async def given_up(self, share: Share) -> None:
        """Has it begun for a share, and waits for it no more."""
        waiting = asyncio.create_task(share.run(self))
        assert await asyncio.to_thread(self.begun.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_it_is_kept_until_the_thread_ends_that_nobody_waits_for_any_more() -> None:
    budget, held = Budget(SIZE), Held()
    with budget.share() as share:
        share.grow(SIZE)
        await held.given_up(share)
        assert await share.run(lambda: "something else") == "something else"
    assert budget.held == SIZE
    held.may_end.set()
    with budget.share() as other:
        await other.wait(SIZE)
    assert budget.held == 0


async def test_what_nobody_waits_for_before_a_thread_has_begun_it_is_not_done_and_keeps_nothing() -> None:
    budget, held, done = Budget(SIZE), Held(), []
    with ThreadPoolExecutor(1) as only, budget.share(Threads(only, only)) as share, budget.share() as other:
        only.submit(held)
        try:
            share.grow(SIZE)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await share.run(lambda: done.append("given up"))
            async with asyncio.timeout(10):
                await other.wait(SIZE)
        finally:
            held.may_end.set()
        await share.run(lambda: done.append("waited for"))
    assert done == ["waited for"]
    assert budget.held == 0


async def test_what_is_done_beside_a_document_that_a_thread_still_has_does_not_wait_for_that() -> None:
    held = Held()
    with (
        ThreadPoolExecutor(1) as large,
        ThreadPoolExecutor(1) as small,
        Budget(SIZE).share(Threads(large, small)) as share,
    ):
        share.grow(SIZE)
        await held.given_up(share)
        try:
            async with asyncio.timeout(10):
                assert await share.run(lambda: "in time") == "in time"
        finally:
            held.may_end.set()


async def test_what_takes_no_room_is_parsed_beside_what_takes_some() -> None:
    with (
        ThreadPoolExecutor(1, "large") as large,
        ThreadPoolExecutor(1, "small") as small,
        Budget(SIZE).share(Threads(large, small)) as share,
    ):
        names = [await share.run(lambda: threading.current_thread().name)]
        share.grow(FREE + 1)
        names.append(await share.run(lambda: threading.current_thread().name))
    assert names == ["small_0", "large_0"]
    assert IN_THE_LOOP == (None, None)
