"""When to look: every target at its own interval, a little jittered, not too many at once.

Holds the latest record of every target. Logs a line per change, never one per probe.
"""

import asyncio
import logging
import random
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from exporter.config.settings import Target
from exporter.fetch import Client
from exporter.metadata import DocumentError
from exporter.model import Reason, Tally
from exporter.probe import look, read_document
from exporter.record import Record
from exporter.state import Store

log = logging.getLogger(__name__)

CONCURRENCY = 32
"""Looks under way at once."""

JITTER = 0.1
"""An interval is this much shorter or longer, so that targets with the same one drift apart."""


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
        self._records: dict[str, Record] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ready = False
        self._ready_by = clock()
        self.failures: Counter[Reason] = Counter()
        """Failed looks since the start, by reason."""
        self.storage_errors = 0
        """Saves since the start that failed."""
        self.lag = Tally()
        """How long looks that were due had to wait for a slot."""

    @property
    def records(self) -> Sequence[Record]:
        """The latest record of every target, in the order of the configuration."""
        return tuple(self._records.values())

    @property
    def ready(self) -> bool:
        """Whether every target was looked at once, or should have been by now; once true it stays so."""
        if not self._ready:
            self._ready = self._clock() >= self._ready_by or all(record.observation for record in self.records)
        return self._ready

    async def follow(self, targets: Iterable[Target]) -> None:
        """Watches these targets from now on: unchanged ones keep their state, those not named vanish."""
        wanted = {target.name: target for target in targets}
        kept = {name for name, record in self._records.items() if wanted.get(name) == record.target}
        await self._stop([name for name in self._tasks if name not in kept])
        started = {name: target for name, target in wanted.items() if name not in kept}
        restored = {name: await self._begin(target) for name, target in started.items()}
        # Those that were kept have been looked at meanwhile: their records are taken only now.
        self._records = {name: self._records[name] if name in kept else restored[name] for name in wanted}
        if not self._ready:
            self._ready_by = self._clock() + timedelta(
                seconds=max((target.module.timeout for target in wanted.values()), default=0)
            )
        for name in started:
            self._tasks[name] = asyncio.create_task(self._keep_looking(name), name=f"watch {name}")

    async def stop(self) -> None:
        """Ends every look; what is known stays."""
        await self._stop(list(self._tasks))

    async def _stop(self, names: Iterable[str]) -> None:
        tasks = [self._tasks.pop(name) for name in names]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _begin(self, target: Target) -> Record:
        """The record that a new or changed target starts with: what is known of its address."""
        known = self._records.get(target.name)
        if known is None or known.target.url != target.url:
            record = await asyncio.to_thread(_restored, target, self._store)
        else:
            record = replace(known, target=target, observation=None, probes=0, failures=0)
            if known.target.policy.signers != target.policy.signers:
                record = await asyncio.to_thread(_verified_anew, record)
        return record if record.is_about_its_entity else Record(target)

    async def _keep_looking(self, name: str) -> None:
        while True:
            due = self._clock()
            async with self._slots:
                self.lag = self.lag.plus((self._clock() - due).total_seconds())
                await self._look(name)
            interval = self._records[name].target.interval
            await asyncio.sleep(interval * self._jitter(1 - JITTER, 1 + JITTER))

    async def _look(self, name: str) -> None:
        before = self._records[name]
        after = await look(before, client=self._client, now=self._clock())
        self._records[name] = after
        if after.observation is not None and after.observation.reason is not None:
            self.failures[after.observation.reason] += 1
        _log_changes(before, after)
        try:
            await asyncio.to_thread(self._store.save, before, after)
        except sqlite3.Error as error:
            self.storage_errors += 1
            log.error("state not saved", extra={"target": name, "error": str(error)})  # noqa: TRY400 -- no mistake of ours


def _restored(target: Target, store: Store) -> Record:
    """The record of a target as the state file has it; a bare one where it has nothing that can be used."""
    try:
        saved = store.load(target.name, target.url)
        if saved is None:
            return Record(target)
        document = read_document(
            zlib.decompress(saved.packed),
            target.policy.signers,
            etag=saved.etag,
            last_modified=saved.last_modified,
        )
    except (sqlite3.Error, DocumentError, zlib.error) as error:
        log.warning("saved document not used", extra={"target": target.name, "error": str(error)})
        return Record(target)
    return Record(target, document=document, last_success=saved.last_success, history=saved.history)


def _verified_anew(record: Record) -> Record:
    """The record, its document's signature checked against the signers that are configured now."""
    document = record.document
    if document is None:
        return record
    again = read_document(
        zlib.decompress(document.packed),
        record.target.policy.signers,
        etag=document.etag,
        last_modified=document.last_modified,
    )
    return replace(record, document=again)


def _log_changes(before: Record, after: Record) -> None:
    """A line for each thing that is not as it was."""
    name, was, now_is = after.target.name, before.observation, after.observation
    if now_is is not None and (was is None or was.reason is not now_is.reason):
        if now_is.reason is not None:
            log.warning("down", extra={"target": name, "reason": now_is.reason, "detail": now_is.detail})
        else:
            log.info("up", extra={"target": name, "url": after.target.url})
    if before.history.entities is after.history.entities:
        return
    for entity_id, entity in after.history.entities.items():
        known = before.history.entities.get(entity_id)
        if known is None:
            continue
        for (role, use), key_set in entity.key_sets.items():
            earlier = known.key_sets.get((role, use))
            for change, at in key_set.changes.items():
                if earlier is None or earlier.changes.get(change) != at:
                    place = {"target": name, "entity_id": entity_id, "role": role, "use": use}
                    log.warning("keys changed", extra={**place, "change": change})
        if entity.last_promotion != known.last_promotion:
            (primary,) = entity.primaries[-1].fingerprints
            log.warning("primary changed", extra={"target": name, "entity_id": entity_id, "fingerprint": primary})
