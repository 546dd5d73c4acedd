"""One answer for all who asked before it was begun: never an older one, nor two at a time, nor too many in memory."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp.abc import AbstractStreamWriter

from exporter import sharing
from exporter.sharing import KINDS, CrowdedError, Sharing


class Works:
    """Gives one answer after the other, each when it is let, and says which were begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may = asyncio.Event()
        self.error: Exception | None = None

    def make(self, kind: str) -> Callable[[], Awaitable[bytes]]:
        async def work() -> bytes:
            self.begun.append(kind)
            nth = len(self.begun)
            await self.may.wait()
            if self.error is not None:
                raise self.error
            return f"{kind} {nth}".encode()

        return work


class Wire(AbstractStreamWriter):
    """Takes what is written."""

    def __init__(self, then: Callable[[], Awaitable[object]] | None = None) -> None:
        self.chunks: list[bytes] = []
        self._then = then

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        self.chunks.append(bytes(chunk))
        if self._then is not None:
            await self._then()

    async def write_eof(self, chunk: bytes = b"") -> None:
        raise NotImplementedError

    async def drain(self) -> None:
        raise NotImplementedError

    def enable_compression(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    def enable_chunking(self) -> None:
        raise NotImplementedError

    async def write_headers(self, *_: object) -> None:
        raise NotImplementedError


async def settled() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_asks_while_one_is_made_gets_the_next_one_and_all_of_them_the_same() -> None:
    shared, works = Sharing(), Works()

    def ask() -> asyncio.Task[str]:
        async def asked() -> str:
            return (await shared.get("text", works.make("text"))).decode()

        return asyncio.create_task(asked())

    first = ask()
    await settled()
    later = [ask() for _ in range(50)]
    await settled()
    works.may.set()
    assert await first == "text 1"
    assert set(await asyncio.gather(*later)) == {"text 2"}
    assert len(works.begun) == 2


async def test_nobody_gets_what_was_begun_before_the_question_and_one_is_made_at_a_time() -> None:
    seed = time.time_ns()
    shared, chance = Sharing(), random.Random(seed)  # noqa: S311 -- chance, not secrecy
    moment, under_way, made = 0, 0, 0

    def now() -> int:
        nonlocal moment
        moment += 1
        return moment

    async def make() -> bytes:
        nonlocal under_way, made
        begun = now()
        under_way, made = under_way + 1, made + 1
        assert under_way == 1, seed
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)
        under_way -= 1
        return str(begun).encode()

    async def ask() -> None:
        for _ in range(chance.randrange(100)):
            await asyncio.sleep(0)
        asked = now()
        answer = await shared.get(chance.choice("abc"), make)
        assert int(answer.decode()) > asked, seed

    await asyncio.gather(*(ask() for _ in range(500)))
    assert made < 200, seed


async def test_who_gives_up_takes_the_answer_from_nobody_else() -> None:
    shared, works = Sharing(), Works()
    asking = [asyncio.create_task(shared.get("text", works.make("text"))) for _ in range(2)]
    await settled()
    asking[0].cancel()
    await settled()
    works.may.set()
    assert (await asking[1]).decode() == "text 1"


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    shared, works = Sharing(), Works()
    first = asyncio.create_task(shared.get("first", works.make("first")))
    await settled()
    gone = [asyncio.create_task(shared.get(kind, works.make(kind))) for kind in ("a", "a", "b", "c")]
    left = asyncio.create_task(shared.get("a", works.make("a")))
    await settled()
    for each in gone:
        each.cancel()
    await settled()
    works.may.set()
    assert [(await each).decode() for each in (first, left)] == ["first 1", "a 2"]
    assert (await shared.get("b", works.make("b"))).decode() == "b 3", "who left is not remembered"


async def test_who_asks_for_what_all_others_have_left_gets_it() -> None:
    shared, works = Sharing(), Works()
    first = asyncio.create_task(shared.get("first", works.make("first")))
    await settled()
    gone = asyncio.create_task(shared.get("a", works.make("a")))
    await settled()
    # In one turn of the event loop: the answer before it is there, all leave, and somebody comes.
    works.may.set()
    gone.cancel()
    later = asyncio.create_task(shared.get("a", works.make("a")))
    assert [(await each).decode() for each in (first, later)] == ["first 1", "a 2"]


async def test_an_answer_under_way_keeps_its_turn_though_all_have_left(caplog: pytest.LogCaptureFixture) -> None:
    shared, works = Sharing(), Works()
    works.error = ValueError("no")
    gone = asyncio.create_task(shared.get("a", works.make("a")))
    await settled()
    gone.cancel()
    later = asyncio.create_task(shared.get("b", works.make("b")))
    await settled()
    assert works.begun == ["a"], "a thread that has begun cannot be ended"
    works.may.set()
    with pytest.raises(ValueError, match="no"):
        await later
    assert caplog.messages == []


async def test_so_many_kinds_are_waited_for_and_no_more() -> None:
    shared, works = Sharing(), Works()
    asking = [asyncio.create_task(shared.get("first", works.make("first")))]
    await settled()
    asking += [asyncio.create_task(shared.get(kind, works.make(kind))) for kind in map(str, range(KINDS))]
    await settled()
    with pytest.raises(CrowdedError):
        await shared.get("another", works.make("another"))
    asking.append(asyncio.create_task(shared.get("0", works.make("0"))))
    await settled()
    asking.pop(2).cancel()
    await settled()
    asking.append(asyncio.create_task(shared.get("another", works.make("another"))))
    await settled()
    works.may.set()
    await asyncio.gather(*asking)
    assert works.begun == ["first", "0", *map(str, range(2, KINDS)), "another"]


async def test_an_answer_that_fails_fails_for_all_who_wait_for_it_and_for_nobody_later() -> None:
    shared, works = Sharing(), Works()
    works.error = ValueError("no")
    works.may.set()
    failed = await asyncio.gather(*(shared.get("a", works.make("a")) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in failed] == [ValueError] * 3
    works.error = None
    assert (await shared.get("a", works.make("a"))).decode() == "a 2"


async def test_an_answer_is_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "CHUNK", 4)
    works = Works()
    works.may.set()
    answer, wire = await Sharing().get("a kind", works.make("a kind")), Wire()
    await answer.write(wire)
    assert (answer.size, wire.chunks) == (8, [b"a ki", b"nd 1"])


async def test_of_answers_that_are_taken_slowly_the_oldest_are_given_up_for_want_of_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sharing, "CHUNK", 1)
    monkeypatch.setattr(sharing, "ROOM", 11)
    shared, works = Sharing(), Works()
    works.may.set()
    slow = [await shared.get("a", works.make("a")) for _ in range(3)]
    assert [each.decode() for each in slow] == ["a 1", "a 2", "a 3"]
    wire = Wire(then=lambda: shared.get("a", works.make("a")))
    with pytest.raises(ConnectionResetError):
        await slow[0].write(wire)
    assert wire.chunks == [b"a"]
    assert [each.decode() for each in slow] == ["", "a 2", "a 3"]


async def test_the_latest_answer_is_given_whole_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "ROOM", 2)
    shared, works, wire = Sharing(), Works(), Wire()
    works.may.set()
    before = await shared.get("a", works.make("a"))
    await (await shared.get("a", works.make("a"))).write(wire)
    assert (before.decode(), wire.chunks) == ("", [b"a 2"])


async def test_an_answer_that_nobody_takes_any_more_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "ROOM", 6)
    shared, works = Sharing(), Works()
    works.may.set()
    slow = await shared.get("a", works.make("a"))
    for _ in range(5):
        await shared.get("a", works.make("a"))
    assert slow.decode() == "a 1"
