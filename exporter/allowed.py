"""Where a request for ``/probe`` may look, by which module and policy, and for how long."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from exporter.config.document import Mistake
from exporter.config.reader import target_at
from exporter.config.settings import Config, Target

SCRAPE_OFFSET = 0.5
"""Seconds before the scraper's own deadline at which ``/probe`` answers."""


class NotAllowedError(Exception):
    """``/probe`` may not look there; the text says why, and ``status`` is the HTTP status for it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def deadline(scrape_timeout: str | None, module_timeout: float) -> float:
    """Seconds that ``/probe`` may take: the module's timeout, or less where the scraper gives up earlier.

    ``scrape_timeout`` is Prometheus's ``X-Prometheus-Scrape-Timeout-Seconds``; what is no positive number says nothing.
    """
    try:
        given = float(scrape_timeout or 0)
    except ValueError:
        return module_timeout
    if not 0 < given < float("inf"):
        return module_timeout
    return min(module_timeout, given - SCRAPE_OFFSET if given > SCRAPE_OFFSET else given)


def asked_target(config: Config, address: str, module: str, policy: str) -> Target:
    """The target of a ``/probe`` request. Raises :class:`NotAllowedError`."""
    if module not in config.modules:
        raise NotAllowedError(400, "no such module")
    if policy not in config.policies:
        raise NotAllowedError(400, "no such policy")
    try:
        target = target_at(address, files=False)
    except Mistake as mistake:
        raise NotAllowedError(400, f"target: {mistake}") from mistake
    if not is_allowed(urlsplit(target.url).hostname or "", config.probe_allow):
        raise NotAllowedError(403, "probe.allow in the configuration does not name this host")
    chosen = config.modules[module]
    if not chosen.serves_probe:
        why = "probe is false" if chosen.probe is False else "it has credentials, and probe: true is not among its keys"
        raise NotAllowedError(403, f"module {module} in the configuration is not for /probe: {why}")
    if chosen.has_credentials and not chosen.is_for(target.url):
        raise NotAllowedError(
            403,
            f"the credentials of module {module} are not for this host: its hosts in the configuration do not name it,"
            " with this scheme and port",
        )
    look = replace(target.look, module=chosen)
    return replace(target, looks=(look,), policy=config.policies[policy])


def is_allowed(host: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns names the host; where there is none, no pattern does."""
    return bool(host) and any(fnmatchcase(host.lower(), pattern) for pattern in patterns)
