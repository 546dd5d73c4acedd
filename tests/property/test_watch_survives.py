"""Whatever is raised wherever in the watch: everybody is looked at again, it is counted, and a reload keeps all."""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import builders
import pytest
from builders import NOW, watched, with_looks
from clockwork import Clockwork, run
from strange import StrangeError

from exporter import rounds, watch
from exporter.config.settings import Entra, Look, Target, TrustSource
from exporter.entra import EntraError
from exporter.fetch import FREE, Budget, Client, Found, Share
from exporter.inquiry import DomainTrust, TrustReason
from exporter.mistakes import Raised, attempt
from exporter.model import Observation, Reason
from exporter.probe import read_document
from exporter.record import Record
from exporter.state import State
from exporter.watch import JITTER, RETRY, Watch, beginning

DOCUMENTS = [read_document(builders.saml_metadata(f"https://fs{number}.example/"), ()) for number in range(3)]


KINDS: Sequence[Callable[[], BaseException]] = (
    lambda: ValueError("x"),
    lambda: KeyError("x"),
    lambda: OSError(24, "Too many open files"),
    lambda: sqlite3.OperationalError("database is locked"),
    lambda: RuntimeError("can't start new thread"),
    MemoryError,
    RecursionError,
    TimeoutError,
    asyncio.CancelledError,
    SystemExit,
    KeyboardInterrupt,
    StrangeError,
)


@dataclass
class Faults:
    """Raises at the seams of the watch, as often as it is armed to."""

    chance: random.Random
    seam: str = ""
    """The only one that raises; empty: every one may."""
    kind: Callable[[], BaseException] | None = None
    """What is raised; None: any."""
    armed: int = 0
    odds: float = 1.0
    raised: list[str] = field(default_factory=list)
    last: float = 0.0

    def at(self, seam: str) -> None:
        """Raises now, or not."""
        if self.armed and self.seam in {"", seam} and self.chance.random() < self.odds:
            self.armed -= 1
            self.raised.append(seam)
            self.last = asyncio.get_event_loop().time()
            error = (self.kind or self.chance.choice(KINDS))()
            raise error

    def before(self, seam: str, function: Callable[..., object]) -> Callable[..., object]:
        """The function, behind this seam."""

        def guarded(*args: object, **named: object) -> object:
            self.at(seam)
            return function(*args, **named)

        return guarded


@dataclass
class Memory:
    """A state that keeps the latest record of each target."""

    faults: Faults
    records: dict[str, Record] = field(default_factory=dict)

    def load(self, _name: str, _url: str) -> None:
        self.faults.at("load")

    def keep(self, record: Record) -> None:
        self.faults.at("keep")
        self.records[record.target.name] = record

    def follow(self, _names: object) -> None:
        self.faults.at("follow")


@dataclass
class World:
    """A watch over targets that publish what they like, and Entra ID, which sometimes refuses."""

    faults: Faults
    loop: Clockwork
    watch: Watch
    memory: Memory
    targets: list[Target]

    def places(self) -> Iterator[tuple[Look, float | None]]:
        """Every look that should be probed, and when it last was."""
        records = {record.target.name: record for record in self.watch.records}
        for target in self.targets:
            for each in records[target.name].looks:
                at = each.observation.at if each.observation else None
                yield each.look, None if at is None else (at - NOW).total_seconds()

    def domains(self) -> Iterator[tuple[Entra, float | None]]:
        """Every domain that should be asked about, and when it last was."""
        records = {record.target.name: record for record in self.watch.records}
        for target in self.targets:
            for each in records[target.name].domains if target.entra else ():
                assert target.entra is not None
                yield target.entra, (each.inquiry.at - NOW).total_seconds() if each.inquiry else None

    def check_all_are_watched_since(self, moment: float) -> None:
        """Two intervals after a moment everybody was looked at, and asked about, since."""
        for place, at in self.places():
            if self.loop.time() > moment + 2 * place.interval * (1 + JITTER):
                assert at is not None, place.place
                assert at >= moment, (place.place, at, moment)
        for entra, at in self.domains():
            # Answers that throttle make the round longer by what they ask for.
            if self.loop.time() > moment + 2 * entra.interval * (1 + JITTER) + 2 * RETRY:
                assert at is not None
                assert at >= moment, (entra.domains, at, moment)


SEAMS = (
    "find",
    "probe",
    "ask",
    "advance",
    "remember",
    "join",
    "answer",
    "log probe",
    "log changes",
    "log answer",
    "load",
    "keep",
    "clock",
    "thread",
    "jitter",
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    def made(faults: Faults, targets: Sequence[Target] | None = None) -> World:
        loop, chance = Clockwork(), faults.chance
        loop.at_thread = lambda: faults.at("thread")
        memory = Memory(faults)

        def clock() -> datetime:
            faults.at("clock")
            return loop.now()

        def jitter(low: float, high: float) -> float:
            faults.at("jitter")
            return chance.uniform(low, high)

        async def find(*_: object, **__: object) -> Found:
            faults.at("find")
            return Found()

        async def probe(look: Look, *, now: datetime, share: Share, **_: object) -> Observation:
            for size in (chance.randint(0, FREE), chance.randint(0, 4 * FREE)):
                share.grow(size)
                await asyncio.sleep(chance.uniform(0, 0.05))
            faults.at("probe")
            document = chance.choice([None, DOCUMENTS[len(look.url) % 3]])
            reason = None if document else Reason.HTTP_STATUS
            return Observation(now, reason, "", {}, None, None, document)

        async def ask(_: Entra, domain: str, **__: object) -> DomainTrust:
            await asyncio.sleep(chance.uniform(0, 0.1))
            faults.at("ask")
            if chance.random() < 0.1:
                raise EntraError(TrustReason.THROTTLED, "", retry_after=chance.choice([None, 1.0, RETRY]))
            return DomainTrust(TrustSource.GRAPH, federated=bool(domain))

        monkeypatch.setattr(rounds, "probe", probe)
        monkeypatch.setattr("exporter.entra.ask", ask)
        monkeypatch.setattr("exporter.fetch.find", find)
        for module, name, seam in (
            (rounds, "advance", "advance"),
            (rounds, "remembered", "remember"),
            (rounds, "joined", "join"),
            (rounds, "answered", "answer"),
            (watch, "log_probe", "log probe"),
            (watch, "log_changes", "log changes"),
            (watch, "log_answer", "log answer"),
        ):
            monkeypatch.setattr(module, name, faults.before(seam, getattr(module, name)))
        # Room for less than two of the largest, so that looks have to wait for each other.
        client = cast("Client", SimpleNamespace(budget=Budget(6 * FREE)))
        under_test = Watch(client=client, state=cast("State", memory), clock=clock, jitter=jitter)
        return World(faults, loop, under_test, memory, list(targets or farms(chance)))

    return made


def farms(chance: random.Random) -> Iterator[Target]:
    """A few targets of all kinds: with nodes, with domains, looked at often and seldom."""
    for number in range(8):
        target = watched(f"fs{number}", f"https://fs{number}.example/", interval=chance.choice([30.0, 60.0, 300.0]))
        nodes = [replace(target.look, node=f"wap{nth}") for nth in range(chance.randint(0, 2))]
        domains = tuple(f"{nth}.example" for nth in range(chance.randint(1, 3)))
        entra = Entra(domains, interval=chance.choice([60.0, 3600.0])) if chance.random() < 0.5 else None
        yield replace(with_looks(target, *nodes), entra=entra)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind()).__name__)
@pytest.mark.parametrize("seam", SEAMS)
def test_one_failure_costs_one_turn_of_one_target(
    world: Callable[..., World], seam: str, kind: Callable[[], BaseException]
) -> None:
    entra = Entra(("a.example", "b.example"), interval=60.0)
    farm = watched("fs", "https://fs.example/", interval=60.0, entra=entra)
    farm = with_looks(farm, replace(farm.look, node="wap1"))
    other = watched("other", "https://other.example/", interval=60.0)
    here = world(Faults(random.Random(1), seam, kind), [farm, other])  # noqa: S311 -- no secret

    async def life() -> None:
        here.faults.armed = 1
        failed = await attempt(here.watch.follow(here.targets))
        if here.faults.raised and isinstance(failed, Raised):
            assert here.watch.records == (), "what was not taken on is not shown as watched"
            await here.watch.follow(here.targets)
        # Every seam is passed within three minutes.
        await asyncio.sleep(180)
        moment = here.faults.last
        await asyncio.sleep(2 * 60.0 * (1 + JITTER) + RETRY * 2)
        here.check_all_are_watched_since(moment + 0.001)
        assert here.watch.late == []
        counted = here.watch.restarts.total() + here.watch.failures[Reason.INTERNAL]
        counted += here.watch.inquiry_failures[TrustReason.INTERNAL]
        assert counted == 1 - isinstance(failed, Raised)
        assert set(here.memory.records) == {"fs", "other"}
        await here.watch.stop()

    run(here.loop, life())
    assert here.faults.raised == [seam]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind()).__name__)
def test_a_note_of_who_is_watched_that_fails_costs_nothing_else(
    world: Callable[..., World], kind: Callable[[], BaseException]
) -> None:
    here = world(Faults(random.Random(1), "follow", kind))  # noqa: S311 -- no secret

    async def life() -> None:
        here.faults.armed = 1
        await here.watch.follow(here.targets)
        assert [record.target for record in here.watch.records] == here.targets
        await here.watch.stop()

    run(here.loop, life())
    assert here.faults.raised == ["follow"]


def test_a_thousand_failures_at_random_end_nobodys_watch(world: Callable[..., World]) -> None:
    seed = random.randrange(2**32)  # noqa: S311 -- no secret
    print(f"seed {seed}")  # noqa: T201 -- shown where it fails
    check_random_failures(world, seed, times=1000)


def check_random_failures(world: Callable[..., World], seed: int, times: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- no secret
    here = world(Faults(chance))
    done = 0

    async def life() -> None:
        nonlocal done
        await here.watch.follow(here.targets)
        while done < times:
            here.faults.armed, here.faults.odds = chance.randint(1, 60), chance.choice([1.0, 0.3, 0.02])
            before = len(here.faults.raised)
            until = here.loop.time() + chance.uniform(0, 600)
            while here.faults.armed and here.loop.time() < until:
                await asyncio.sleep(chance.uniform(0, 100))
                if chance.random() < 0.2:
                    await reloaded(here, chance)
            here.faults.armed = 0
            done += len(here.faults.raised) - before
            moment = here.loop.time()
            if chance.random() < 0.5:
                await reloaded(here, chance)
            await asyncio.sleep(2 * 300.0 * (1 + JITTER) + 1)
            here.check_all_are_watched_since(moment)
            assert here.watch.late == []
            assert [record.target for record in here.watch.records] == here.targets
        await asyncio.sleep(3 * 3600)
        here.check_all_are_watched_since(here.loop.time() - 3 * 3600)
        await here.watch.stop()

    run(here.loop, life())
    assert here.watch.restarts.total() > 0


async def reloaded(here: World, chance: random.Random) -> None:
    """Another configuration, followed; where that fails, everybody is watched as before, and it is tried again."""
    targets = [
        replace(each, labels={"nth": str(chance.random())}) if chance.random() < 0.3 else each for each in here.targets
    ]
    chance.shuffle(targets)
    outcome = await attempt(here.watch.follow(targets))
    names = {record.target.name for record in here.watch.records}
    assert names == {each.name for each in targets}, "a reload leaves nobody out"
    if not isinstance(outcome, Raised):
        here.targets = targets


def test_a_look_that_never_ends_is_told_by_its_name(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(Faults(random.Random(1)), [watched("fs", "https://fs.example/", interval=60.0)])  # noqa: S311 -- no secret

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def life() -> None:
        await here.watch.follow(here.targets)
        monkeypatch.setattr(rounds, "probe", never)
        await asyncio.sleep(180)
        assert here.watch.late == []
        await asyncio.sleep(66.1 + 1)
        assert here.watch.late == ["watch fs service default"]
        await here.watch.stop()

    run(here.loop, life())


def test_what_was_told_before_it_ends_is_kept(world: Callable[..., World]) -> None:
    here = world(Faults(random.Random(1)))  # noqa: S311 -- no secret

    async def life() -> None:
        await here.watch.follow(here.targets)
        await asyncio.sleep(timedelta(hours=2).total_seconds())
        await here.watch.stop()

    run(here.loop, life())
    assert tuple(here.memory.records[target.name] for target in here.targets) == here.watch.records


def test_a_look_that_takes_the_end_for_its_own_ends_all_the_same(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(Faults(random.Random(1)), [watched("fs", "https://fs.example/", interval=60.0)])  # noqa: S311 -- no secret
    asleep: list[float] = []

    async def stubborn(target: Target, *, now: datetime, **_: object) -> Observation:
        asleep.append(here.loop.time())
        # As a library does that waits for a task of its own while it is being cancelled.
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        return Observation(now, Reason.HTTP_STATUS, target.name, {}, None, None, None)

    async def life() -> None:
        monkeypatch.setattr(rounds, "probe", stubborn)
        await here.watch.follow(here.targets)
        await asyncio.sleep(1)
        assert asleep
        began = here.loop.time()
        await here.watch.stop()
        assert here.loop.time() - began < 1

    run(here.loop, life())


def test_what_a_reload_is_changing_is_not_called_late(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = watched("fs", "https://fs.example/", interval=60.0)
    here = world(Faults(random.Random(1)), [target])  # noqa: S311 -- no secret
    late: list[list[str]] = []
    known = beginning.continued

    def seen(after: Target, before: Record) -> Record:
        late.append(list(here.watch.late))
        return known(after, before)

    async def life() -> None:
        await here.watch.follow(here.targets)
        await asyncio.sleep(60)
        monkeypatch.setattr(watch, "continued", seen)
        await here.watch.follow([replace(target, labels={"team": "identity"})])
        late.append(list(here.watch.late))
        await here.watch.stop()

    run(here.loop, life())
    assert late == [[], []]


def test_a_loop_that_cannot_begin_is_told_and_begins_with_the_next_reload(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [watched(name, f"https://{name}.example/", interval=60.0) for name in ("one", "two", "three")]
    here = world(Faults(random.Random(1)), targets)  # noqa: S311 -- no secret
    create, errors = asyncio.create_task, [MemoryError()]

    def once(work: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
        if errors:
            work.close()
            raise errors.pop()
        return create(work, name=name)

    async def life() -> None:
        monkeypatch.setattr(asyncio, "create_task", once)
        await here.watch.follow(here.targets)
        await asyncio.sleep(60)
        assert here.watch.late == ["watch one"]
        assert here.watch.restarts == {"one": 1}
        await here.watch.follow(here.targets)
        await asyncio.sleep(130)
        here.check_all_are_watched_since(60)
        assert here.watch.late == []
        await here.watch.stop()

    run(here.loop, life())
