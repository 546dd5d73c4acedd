"""The configuration in force, and how it changes while the exporter runs.

A configuration that does not hold changes nothing; it is visible in the log, in the answer to who asked,
and in the metrics.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar

from exporter.config.document import Mistake
from exporter.config.reader import ConfigError, load, matching_files, read_file
from exporter.config.settings import Config
from exporter.mistakes import Raised, admitted, attempt, for_ever, log_mistake
from exporter.reading import in_turn
from exporter.watch import Watch

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at the target files."""

PATIENCE = 10.0
"""Seconds in which the files must be read: on a disk that hangs, or as pipes, they would be read for ever."""

T = TypeVar("T")

_OTHERS = {"": b""}
"""Target files that no look finds: what it finds has changed."""


class Configuration:
    """The configuration in force. ``file`` is where it is read again; None: it never changes."""

    def __init__(self, config: Config, *, file: str | None, watch: Watch, clock: Callable[[], datetime]) -> None:
        self.config = config
        self.succeeded = True
        """The last reading."""
        self.succeeded_at = clock()
        """The last one that succeeded."""
        self._file = file
        self._watch = watch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[str | None] | None = None
        """The reload that is not begun."""
        self._reloads: set[asyncio.Task[str | None]] = set()
        """That one, and the one under way."""
        self._seen: Mapping[str, bytes] | None = None
        """The target files as they were last; None: not looked at yet."""

    async def begin(self) -> None:
        """Follows the configuration for the first time, until that succeeds; a reload waits for its turn."""
        while not self._watch.begun:
            async with self._lock:
                outcome = await attempt(self._watch.follow(self.config.targets))
            if isinstance(outcome, Raised):
                log_mistake("the start of the watch", outcome.error)
                # Its traceback holds whatever was at hand.
                del outcome
                await asyncio.sleep(LOOK_EVERY)

    async def reload(self) -> str | None:
        """Reads the configuration again and follows it; what is wrong with it, or None.

        Whoever asks while a reload is under way shares the next one with all others who do. It is done also where
        nobody waits for it any more: half of it would be neither the old configuration nor the new one.
        """
        if self._file is None:
            return None
        if self._next is None:
            self._next = asyncio.create_task(self._reload(self._file))
            self._reloads.add(self._next)
            self._next.add_done_callback(self._reloads.discard)
        return await asyncio.shield(self._next)

    async def end(self) -> None:
        """Ends the reload under way, and begins none that was asked for before."""
        for each in self._reloads:
            each.cancel()
        await asyncio.gather(*self._reloads, return_exceptions=True)

    async def _reload(self, file: str) -> str | None:
        async with self._lock:
            self._next = None
            config = await attempt(self._read_and_follow(file))
            if not isinstance(config, Raised):
                self.config = config
                self.succeeded, self.succeeded_at = True, self._clock()
                log.info("configuration reloaded", extra={"targets": len(config.targets)})
                return None
            self.succeeded = False
            if isinstance(config.error, ConfigError):
                problems = str(config.error)
            elif isinstance(config.error, TimeoutError):
                problems = self._late()
            else:
                problems = admitted(config.error)
                log_mistake("reload", config.error)
            log.error("configuration not reloaded", extra={"problems": problems})
            return problems

    def _late(self) -> str:
        """Notes that the files were not read in time, and says so."""
        self.succeeded = False
        # They may be read in time later, as they are now: the next look at the target files finds them changed.
        self._seen = _OTHERS
        return f"{self._file}, or a file that it names, was not read within {PATIENCE:g} s"

    async def follow_target_files(self, every: float = LOOK_EVERY) -> None:
        """Reloads whenever a target file appears, changes or goes, for ever."""

        def failed(error: BaseException) -> float:
            if isinstance(error, TimeoutError):
                log.error("target files not looked at", extra={"problems": self._late()})
            else:
                log_mistake("a look at the target files", error)
            return every

        async def turn() -> None:
            found = await self._in_time(partial(_digests, self.config))
            seen, self._seen = self._seen, found
            if seen is not None and found != seen:
                await self.reload()
            await asyncio.sleep(every)

        await for_ever(turn, failed=failed)

    async def _read_and_follow(self, file: str) -> Config:
        config = await self._in_time(partial(load, file))
        await self._watch.follow(config.targets)
        return config

    async def _in_time(self, work: Callable[[], T]) -> T:
        # In one thread, however many files hang. What hung may be another file by now, so it is no answer.
        async with asyncio.timeout(PATIENCE):
            return await in_turn(self, work)


def _digests(config: Config) -> Mapping[str, bytes]:
    """What the target files hold, each as a digest; one that cannot be read holds nothing."""
    digests = {}
    for pattern in config.target_files:
        try:
            names = matching_files(pattern)
        except Mistake:
            # To load the configuration says why.
            names = ()
            digests[pattern] = b""
        for name in names:
            try:
                digests[name] = hashlib.sha256(read_file(name)).digest()
            except OSError:
                digests[name] = b""
    return digests
