"""The configuration in force, and how it changes while the exporter runs.

A configuration that does not hold changes nothing; it is visible in the log, in the answer to who asked,
and in the metrics.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from exporter.config.reader import ConfigError, load, matching_files
from exporter.config.settings import Config
from exporter.watch import Watch

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at the target files."""


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

    async def reload(self) -> str | None:
        """Reads the configuration again and follows it; what is wrong with it, or None."""
        if self._file is None:
            return None
        async with self._lock:
            try:
                config = await asyncio.to_thread(load, self._file)
            except ConfigError as error:
                self.succeeded = False
                log.error("configuration not reloaded", extra={"problems": str(error)})  # noqa: TRY400 -- no mistake of ours
                return str(error)
            await self._watch.follow(config.targets)
            self.config = config
            self.succeeded, self.succeeded_at = True, self._clock()
            log.info("configuration reloaded", extra={"targets": len(config.targets)})
            return None

    async def follow_target_files(self, every: float = LOOK_EVERY) -> None:
        """Reloads whenever a target file appears, changes or goes, for ever."""
        seen = await asyncio.to_thread(_digests, self.config)
        while True:
            await asyncio.sleep(every)
            found = await asyncio.to_thread(_digests, self.config)
            if found != seen:
                seen = found
                await self.reload()


def _digests(config: Config) -> Mapping[str, bytes]:
    """What the target files hold, each as a digest; one that cannot be read holds nothing."""
    digests = {}
    for pattern in config.target_files:
        for name in matching_files(pattern):
            try:
                digests[name] = hashlib.sha256(Path(name).read_bytes()).digest()
            except OSError:
                digests[name] = b""
    return digests
