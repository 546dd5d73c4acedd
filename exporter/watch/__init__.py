"""When to probe and when to ask: everything at its own interval, a little jittered.

Holds the latest record of every target. Logs a line per change, never one per probe. Nothing ends its watch: whatever a
turn raises is counted, logged, and costs that turn.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from exporter.config.settings import Entra, Look, Target
from exporter.fetch import Client
from exporter.inquiry import Inquiry, TrustReason
from exporter.mistakes import Raised, attempt, for_ever, log_mistake
from exporter.model import Document, Reason, Tally
from exporter.record import Record, bare, clamped, resumed
from exporter.rounds import Latest, Rounds
from exporter.served import Served
from exporter.state import State
from exporter.watch.beginning import continued, restored
from exporter.watch.lines import log_answer, log_changes, log_probe

RETRY = 300.0
"""Seconds after which is asked again, at the latest, where an inquiry failed and nobody wants us to wait."""

JITTER = 0.1
"""An interval is this much shorter or longer, so that targets with the same one drift apart."""

LATE = 3
"""Intervals after which a turn that has not begun, or not ended, means that somebody is not watched."""


@dataclass(slots=True, eq=False)
class _Loop:
    """What is done again and again: to probe one look, or to ask about the domains of a target."""

    name: str
    interval: float
    due: float
    """When the turn under way was, or the next one is, to begin: a moment of the running loop's clock."""
    task: asyncio.Task[None] | None = None

    @property
    def dead(self) -> bool:
        return self.task is None or self.task.done()

    def is_late(self, now: float) -> bool:
        return self.dead or now - self.due > LATE * self.interval


@dataclass(slots=True, eq=False)
class _Watched:
    """One target that is watched."""

    latest: Latest
    read: int | None = None
    """By which opening of the state file what that holds of it was brought back; None: by none."""
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is brought back: twice would be a change that nobody saw."""
    rolled: asyncio.Event = field(default_factory=asyncio.Event)
    """Its keys changed: what Entra ID trusts is worth asking at once."""
    loops: list[_Loop] = field(default_factory=list)

    @property
    def target(self) -> Target:
        return self.latest.record.target

    @property
    def whole(self) -> bool:
        """Whether all its loops are under way: one may not have begun."""
        target = self.target
        wanted = len(target.looks) + (target.entra is not None)
        return len(self.loops) == wanted and not any(loop.dead for loop in self.loops)


class Watch:
    """The targets that are watched, and what is known of each."""

    def __init__(
        self,
        *,
        client: Client,
        state: State,
        clock: Callable[[], datetime],
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._rounds = Rounds(client, clock)
        self._state = state
        self._clock = clock
        self._jitter = jitter
        self._watched: dict[str, _Watched] = {}
        self._ready = False
        self._ready_by = clock()
        self._changing: frozenset[str] = frozenset()
        """The targets whose watch a reload has ended, to begin it in another way."""
        self._openings = 0
        """How often the state file was opened later than at the start."""
        self._reading: asyncio.Task[None] | None = None
        self.begun = False
        """Whether all that is to be watched is, and what was saved of it is known."""
        self.failures: Counter[Reason] = Counter()
        """Failed probes since the start, by reason."""
        self.inquiry_failures: Counter[TrustReason] = Counter()
        """Inquiries without an answer since the start, by reason."""
        self.restarts: Counter[str] = Counter()
        """Turns since the start that were cut off by an error that nobody expected, by target."""

    @property
    def records(self) -> Sequence[Record]:
        """The latest record of every target, in the order of the configuration."""
        return tuple(watched.latest.record for watched in self._watched.values())

    @property
    def lag(self) -> Tally:
        """How long probes that were due had to wait for a slot, or for room for their document."""
        return self._rounds.lag

    @property
    def ready(self) -> bool:
        """Whether every look was probed once, or should have been by now; once true it stays so.

        Inquiries do not count: who asks is about to send us scrapes, and those are worth having while Entra ID is down.
        """
        if not self._ready:
            self._ready = self.begun and (
                self._clock() >= self._ready_by
                or all(look.observation for record in self.records for look in record.looks)
            )
        return self._ready

    @property
    def late(self) -> Sequence[str]:
        """What is not done any more, or is late by more than three of its intervals: by name, in no order of weight."""
        now = asyncio.get_running_loop().time()
        watched = {name: each for name, each in self._watched.items() if name not in self._changing}
        late = [loop.name for each in watched.values() for loop in each.loops if loop.is_late(now)]
        return late or [f"watch {name}" for name, each in watched.items() if not each.whole]

    async def follow(self, targets: Iterable[Target]) -> None:
        """Watches these targets from now on: unchanged ones go on as they are, those not named are watched no longer.

        A changed one keeps what is true of it still: what was got at the same address, and what Entra ID of the same
        cloud and tenant said of a domain. Nothing that goes wrong with one keeps another from being watched.
        """
        loop = asyncio.get_running_loop()
        # The clock is asked before anything changes: one that fails must not leave a change half told.
        now, began = self._clock(), loop.time()
        self._state.on_open = partial(loop.call_soon_threadsafe, self._opened)
        wanted = {target.name: target for target in targets}
        kept = {name: each for name, each in self._watched.items() if wanted.get(name) == each.target and each.whole}
        self._changing = frozenset(self._watched.keys() - kept.keys())
        try:
            await self._change({name: target for name, target in wanted.items() if name not in kept}, wanted)
        finally:
            self._changing = frozenset()
        if not self._ready:
            timeouts = (look.module.timeout for target in wanted.values() for look in target.looks)
            # To read what was saved may have taken long, and their looks begin now.
            self._ready_by = now + timedelta(seconds=int(loop.time() - began) + max(timeouts, default=0))
        self.begun = True
        # Not earlier: what fails removes nobody, and nobody is removed before the last scrape that shows him.
        noted = await attempt(self._note(wanted))
        if isinstance(noted, Raised):
            # They are watched: only whether somebody was taken out on purpose is not told.
            log_mistake("to note who is watched", noted.error)

    async def _note(self, wanted: Collection[str]) -> None:
        self._state.follow(wanted)

    async def _change(self, new: Mapping[str, Target], wanted: Iterable[str]) -> None:
        """Ends the watch of what is changing, and begins that of what is new; in the end these are watched."""
        await _stop(self._watched[name] for name in self._changing)
        begun = {name: await self._begun(target, self._watched.get(name)) for name, target in new.items()}
        self._watched = {name: begun.get(name) or self._watched[name] for name in wanted}
        for watched in begun.values():
            started = await attempt(self._start(watched))
            if started is not None:
                self._failed(watched.target.name, started.error)

    async def stop(self) -> None:
        """Ends every probe and inquiry; what is known stays, and is handed over to be saved."""
        await _stop(self._watched.values())
        if self._reading is not None:
            self._reading.cancel()
        for watched in self._watched.values():
            self._keep(watched)

    def _opened(self) -> None:
        """What the state file holds is joined to what is known: it could not be read before."""
        self._openings += 1
        self._reading = asyncio.create_task(self._bring_all_back(), name="read state")

    async def _bring_all_back(self) -> None:
        for watched in filter(self._is_current, tuple(self._watched.values())):
            await self._bring_back(watched)

    def _is_current(self, watched: _Watched) -> bool:
        """Whether no reload has put another in its place, which brings back for itself."""
        return self._watched.get(watched.target.name) is watched

    async def _begun(self, target: Target, known: _Watched | None) -> _Watched:
        record, read = (known.latest.record, known.read) if known else (bare(target), None)
        watched = _Watched(Latest(bare(target, record.answers)))
        if known is not None and record.target.url == target.url:
            now_is = await attempt(self._continued(target, record))
            if isinstance(now_is, Raised):
                self._failed(target.name, now_is.error)
            else:
                watched.latest.record, watched.read = now_is, read
        await self._bring_back(watched)
        return watched

    async def _continued(self, target: Target, record: Record) -> Record:
        return clamped(await asyncio.to_thread(continued, target, record), self._clock())

    async def _bring_back(self, watched: _Watched) -> None:
        """Joins what the state file holds of a target to what is known of it; what fails is tried again later."""
        failure = await attempt(self._brought_back(watched))
        if failure is not None:
            self._failed(watched.target.name, failure.error)

    async def _brought_back(self, watched: _Watched) -> None:
        async with watched.reading:
            if self._is_whole(watched):
                return
            target, opening = watched.target, self._openings
            saved = self._state.load(target.name, target.url)
            if saved is not None:
                before = await asyncio.to_thread(restored, target, saved)
                watched.latest.record = resumed(watched.latest.record, before, self._clock())
            watched.read = opening
            self._keep(watched)

    def _is_whole(self, watched: _Watched) -> bool:
        """Whether what the state file holds of a target is in its record; if not, saving it would lose that."""
        return watched.read == self._openings

    async def _start(self, watched: _Watched) -> None:
        target = watched.target
        for look in target.looks:
            turn = partial(self._probe, watched, look)
            name = f"watch {target.name} {' '.join(look.place)}"
            watched.loops.append(self._loop(name, target.name, look.interval, turn))
        if target.entra is not None:
            turn = partial(self._ask, watched, target.entra)
            watched.loops.append(self._loop(f"ask {target.name}", target.name, target.entra.interval, turn))

    def _loop(self, name: str, target: str, interval: float, turn: Callable[[_Loop], Awaitable[None]]) -> _Loop:
        """A loop under way, whose turns rest by themselves."""
        time = asyncio.get_running_loop().time
        loop = _Loop(name, interval, due=time())

        def failed(error: BaseException) -> float:
            self._failed(target, error)
            pause = min(interval, RETRY)
            loop.due = time() + pause
            return pause

        loop.task = asyncio.create_task(for_ever(partial(turn, loop), failed=failed), name=name)
        return loop

    async def _probe(self, watched: _Watched, look: Look, loop: _Loop) -> None:
        await self._bring_back(watched)
        probed = await self._rounds.probe(watched.latest, look)
        before, after = probed.look
        self._keep(watched)
        if after.observation is not None and after.observation.reason is not None:
            self.failures[after.observation.reason] += 1
        if look == watched.target.look and _rolled(before.document, after.document):
            watched.rolled.set()
        log_probe(watched.target, before, after)
        log_changes(*probed.record)
        await asyncio.sleep(self._due_in(loop, self._jittered(look.interval)))

    async def _ask(self, watched: _Watched, entra: Entra, loop: _Loop) -> None:
        await asyncio.sleep(self._due_in(loop, _held_back(watched.latest.record, self._clock())))
        watched.rolled.clear()
        inquiries = []
        async for asked in self._rounds.ask(watched.latest, entra):
            self._keep(watched)
            inquiries.append(asked.inquiry)
            if asked.inquiry.reason is not None:
                self.inquiry_failures[asked.inquiry.reason] += 1
            log_answer(watched.target.name, asked.before, asked.after)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._due_in(loop, self._until_next(inquiries, entra.interval))):
                await watched.rolled.wait()

    def _until_next(self, inquiries: Sequence[Inquiry], interval: float) -> float:
        """The seconds between a round of inquiries and the next."""
        if inquiries[-1].ends_round:
            return max(inquiries[-1].retry_after or 0.0, self._jittered(interval))
        failed = any(each.reason is not None for each in inquiries)
        return self._jittered(min(interval, RETRY) if failed else interval)

    def _due_in(self, loop: _Loop, seconds: float) -> float:
        """The seconds themselves, the loop's next turn being due when they are over."""
        loop.due = asyncio.get_running_loop().time() + seconds
        return seconds

    def _jittered(self, interval: float) -> float:
        return interval * self._jitter(1 - JITTER, 1 + JITTER)

    def _keep(self, watched: _Watched) -> None:
        """Hands what is known of a target over to be saved."""
        if self._is_whole(watched):
            self._state.keep(watched.latest.record)

    def _failed(self, target: str, error: BaseException) -> None:
        self.restarts[target] += 1
        log_mistake(f"watch of {target}", error)


async def _stop(watched: Iterable[_Watched]) -> None:
    ending = {loop.task for each in watched for loop in each.loops if loop.task is not None}
    while ending:
        for task in ending:
            task.cancel()
        # A library may take the first one for its own: then once more.
        _, ending = await asyncio.wait(ending, timeout=0.1)


def _rolled(before: Document | None, after: Document | None) -> bool:
    """Whether there are other keys than before."""
    if before is None or after is None or before is after:
        return False
    return Served.by(before) != Served.by(after)


def _held_back(record: Record, now: datetime) -> float:
    """The seconds for which the other side still does not want to be asked."""
    return max((each.inquiry.held_back(now) for each in record.domains if each.inquiry is not None), default=0.0)
