"""A primary federation server as far as a rollover goes: what its cmdlets change, and what it does by itself.

By Microsoft's references of the cmdlets and of ``Set-AdfsProperties``. Inferred: the primary cannot be removed, and
``Update-AdfsCertificate`` leaves older secondaries where they are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from builders import DAY, SECOND, pair

from exporter.demo.documents import KeyPair

YEAR = 365 * DAY
GENERATION, PROMOTION, CRITICAL = 20 * DAY, 5 * DAY, 2 * DAY


class RefusedError(Exception):
    """What a cmdlet says when it does nothing."""


@dataclass
class Adfs:
    """Its certificates, and the moment."""

    now: datetime
    listed: dict[str, KeyPair]
    """By thumbprint; the others are secondaries."""
    primary: KeyPair
    rollover: bool
    installed: dict[str, KeyPair] = field(default_factory=dict)
    """Certificates of a CA in the server's store."""
    made: int = 0
    """How many it has generated."""

    @property
    def successor(self) -> KeyPair | None:
        """What the page's own expression picks, see ``SUCCESSOR``."""
        later = [
            each
            for each in self.listed.values()
            if each is not self.primary and each.certificate.not_after > self.primary.certificate.not_after
        ]
        return max(later, key=lambda each: each.certificate.not_before, default=None)

    @property
    def left(self) -> timedelta:
        return self.primary.certificate.not_after - self.now

    def generated(self) -> KeyPair:
        """A certificate of its own, a secondary; it takes a second."""
        self.made += 1
        self.now += SECOND
        made = pair(not_before=self.now, not_after=self.now + YEAR, nth=self.made)
        self.listed[made.certificate.thumbprint] = made
        return made

    def tick(self) -> bool:
        """What it does by itself, twice a day; whether it did anything."""
        if not self.rollover:
            return False
        before = self.primary, self.made
        if self.successor is None and self.left <= GENERATION:
            made = self.generated()
            if self.left <= CRITICAL:
                self.primary = made
        elif self.successor and self.now - self.successor.certificate.not_before >= PROMOTION:
            self.primary = self.successor
        return before != (self.primary, self.made)

    def run(self, cmdlet: str, given: Mapping[str, str]) -> None:
        """Raises :class:`RefusedError`."""
        thumbprint = re.sub("[^0-9A-F]", "", given.get("-Thumbprint", "").upper())
        if given.get("-CertificateType", "Token-Signing") != "Token-Signing":
            return
        match cmdlet:
            case "Set-AdfsProperties":
                self.rollover = given["-AutoCertificateRollover"] == "$true"
            case "Update-AdfsCertificate":
                self._must(self.rollover, "AutoCertificateRollover is off")
                if "-Urgent" in given:
                    self.listed.clear()
                    self.primary = self.generated()
                else:
                    self.generated()
            case "Add-AdfsCertificate":
                self._must(not self.rollover, "AutoCertificateRollover is on")
                self.listed[thumbprint] = self.installed[thumbprint]
            case "Set-AdfsCertificate":
                self._must(not self.rollover and "-IsPrimary" in given, "AutoCertificateRollover is on")
                self.primary = self.listed[thumbprint]
            case "Remove-AdfsCertificate":
                self._must(not self.rollover, "AutoCertificateRollover is on")
                self._must(self.listed[thumbprint] is not self.primary, "it is the primary")
                del self.listed[thumbprint]
            case _:
                raise AssertionError(f"nobody knows what {cmdlet} changes")

    def _must(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 -- read as a sentence
        if not holds:
            raise RefusedError(otherwise)


def thumbprints(pairs: Iterable[KeyPair]) -> Sequence[str]:
    return [each.certificate.thumbprint for each in pairs]
