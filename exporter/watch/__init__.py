"""When to look and when to ask: everything at its own interval, a little jittered, not too much at once.

Holds the latest record of every target. Logs a line per change, never one per probe.
"""

import asyncio
import logging
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exporter.config.settings import Entra, Target
from exporter.fetch import Client
from exporter.model import Document, Reason, Tally
from exporter.probe import ask, look
from exporter.record import Record, Served, answered, clamped, joined
from exporter.state import Store
from exporter.trust import DomainRecord, TrustReason, advance
from exporter.watch.beginning import continued, restored
from exporter.watch.lines import log_agreement, log_answer, log_look

log = logging.getLogger(__name__)

CONCURRENCY = 32
"""Looks and inquiries under way at once."""

RETRY = 300.0
"""Seconds after which is asked again, at the latest, where an inquiry failed and nobody wants us to wait."""

JITTER = 0.1
"""An interval is this much shorter or longer, so that targets with the same one drift apart."""


@dataclass(slots=True, eq=False)
class _Watched:
    """One target that is watched."""

    record: Record
    saved: Record
    """What the state file holds of it."""
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)
    rolled: asyncio.Event = field(default_factory=asyncio.Event)
    """Its keys changed: what Entra ID trusts is worth asking at once."""
    tasks: Sequence[asyncio.Task[None]] = ()


class Watch:
    """The targets that are watched, and what is known of each."""

    def __init__(
        self,
        *,
        client: Client,
        store: Store,
        clock: Callable[[], datetime],
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._jitter = jitter
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._watched: dict[str, _Watched] = {}
        self._ready = False
        self._ready_by = clock()
        self.failures: Counter[Reason] = Counter()
        """Failed looks since the start, by reason."""
        self.inquiry_failures: Counter[TrustReason] = Counter()
        """Inquiries without an answer since the start, by reason."""
        self.storage_errors = 0
        """Saves since the start that failed."""
        self.lag = Tally()
        """How long looks that were due had to wait for a slot."""

    @property
    def records(self) -> Sequence[Record]:
        """The latest record of every target, in the order of the configuration."""
        return tuple(watched.record for watched in self._watched.values())

    @property
    def ready(self) -> bool:
        """Whether every look was made once, or should have been by now; once true it stays so.

        Inquiries do not count: who asks is about to send us scrapes, and those are worth having while Entra ID is down.
        """
        if not self._ready:
            self._ready = self._clock() >= self._ready_by or all(
                each.observation for record in self.records for each in (record, *record.others)
            )
        return self._ready

    async def follow(self, targets: Iterable[Target]) -> None:
        """Watches these targets from now on: unchanged ones go on as they are, those not named vanish.

        A changed one keeps what is true of it still: what was got at the same address, and what Entra ID of the same
        cloud and tenant said of a domain.
        """
        wanted = {target.name: target for target in targets}
        kept = {name: each for name, each in self._watched.items() if wanted.get(name) == each.record.target}
        await _stop(each for name, each in self._watched.items() if name not in kept)
        begun = {
            name: await self._begin(target, self._watched.get(name))
            for name, target in wanted.items()
            if name not in kept
        }
        self._watched = {name: kept.get(name) or begun[name] for name in wanted}
        if not self._ready:
            timeouts = (each.module.timeout for target in wanted.values() for each in (target, *target.others))
            self._ready_by = self._clock() + timedelta(seconds=max(timeouts, default=0))
        for watched in begun.values():
            watched.tasks = self._started(watched)

    async def stop(self) -> None:
        """Ends every look and inquiry; what is known stays, and is saved."""
        await _stop(self._watched.values())
        errors = self.storage_errors
        for watched in self._watched.values():
            # A file that cannot be written must not hold up the end for each target.
            if watched.record is not watched.saved and self.storage_errors == errors:
                await self._save(watched)

    async def _begin(self, target: Target, known: _Watched | None) -> _Watched:
        if known is not None and known.record.target.url == target.url:
            record, saved = await asyncio.to_thread(continued, target, known.record), known.saved
        else:
            answers = known.record.answers if known else {}
            record = saved = await asyncio.to_thread(restored, target, self._store, answers)
        # Where there is no document to go on with, the file is written anew.
        # The file holds what was saved: a time that is put right is written with the next look.
        return _Watched(clamped(record, self._clock()), saved if record.document else Record(target))

    def _started(self, watched: _Watched) -> Sequence[asyncio.Task[None]]:
        target = watched.record.target
        tasks = [
            asyncio.create_task(self._keep_looking(watched, each), name=f"watch {' '.join(each.place)}")
            for each in (target, *target.others)
        ]
        if target.entra is not None:
            tasks.append(asyncio.create_task(self._keep_asking(watched, target.entra), name=f"ask {target.name}"))
        return tasks

    async def _keep_looking(self, watched: _Watched, target: Target) -> None:
        while True:
            due = self._clock()
            async with self._slots:
                self.lag = self.lag.plus((self._clock() - due).total_seconds())
                await self._look(watched, target)
            await asyncio.sleep(self._jittered(target.interval))

    async def _keep_asking(self, watched: _Watched, entra: Entra) -> None:
        while True:
            await asyncio.sleep(_held_back(watched.record, self._clock()))
            watched.rolled.clear()
            rest = await self._ask_all(watched, entra)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await watched.rolled.wait()

    def _jittered(self, interval: float) -> float:
        return interval * self._jitter(1 - JITTER, 1 + JITTER)

    async def _look(self, watched: _Watched, target: Target) -> None:
        record = watched.record
        before = next(each for each in (record, *record.others) if each.target.place == target.place)
        after = await look(before, client=self._client, now=self._clock(), entity_id=record.entity_id)
        if after.observation is not None and after.observation.reason is not None:
            self.failures[after.observation.reason] += 1
        # Other looks and inquiries have ended meanwhile.
        record, watched.record = watched.record, joined(watched.record, after, now=self._clock())
        own = target.place == record.target.place
        if own and _rolled(before.document, after.document):
            watched.rolled.set()
        log_look(before, after, own=own)
        log_agreement(record, watched.record)
        await self._save(watched)

    async def _ask_all(self, watched: _Watched, entra: Entra) -> float:
        """Asks about each domain in turn; the seconds until the next round.

        Whoever wants us to wait ends the round, so the domain that was asked about the longest ago is the first.
        """
        failed = False
        for before in sorted(watched.record.domains, key=_asked_at):
            async with self._slots:
                inquiry = await ask(entra, before.domain, client=self._client, now=self._clock())
            after = advance(before, inquiry)
            if inquiry.reason is not None:
                self.inquiry_failures[inquiry.reason] += 1
                failed = True
            watched.record = answered(watched.record, after, now=self._clock())
            log_answer(watched.record.target.name, before, after)
            await self._save(watched)
            if inquiry.ends_round:
                return max(inquiry.retry_after or 0.0, self._jittered(entra.interval))
        return self._jittered(min(entra.interval, RETRY) if failed else entra.interval)

    async def _save(self, watched: _Watched) -> None:
        # One after the other: an older record must not be written over a newer one.
        async with watched.saving:
            record = watched.record
            try:
                await asyncio.to_thread(self._store.save, watched.saved, record)
            except sqlite3.Error as error:
                self.storage_errors += 1
                log.error("state not saved", extra={"target": record.target.name, "error": str(error)})  # noqa: TRY400 -- no mistake of ours
            else:
                watched.saved = record


async def _stop(watched: Iterable[_Watched]) -> None:
    tasks = [task for each in watched for task in each.tasks]
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


def _rolled(before: Document | None, after: Document | None) -> bool:
    """Whether there are other keys than before."""
    if before is None or after is None or before is after:
        return False
    return Served.by(before) != Served.by(after)


def _asked_at(domain: DomainRecord) -> datetime:
    return domain.inquiry.at if domain.inquiry else datetime.min.replace(tzinfo=UTC)


def _held_back(record: Record, now: datetime) -> float:
    """The seconds for which the other side still does not want to be asked."""
    return max((each.inquiry.held_back(now) for each in record.domains if each.inquiry is not None), default=0.0)
