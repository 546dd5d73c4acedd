"""What an address serves of a publisher's signing keys, and whether its answers take turns. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.clock import believed
from exporter.model import Document, SignatureState

BACK = timedelta(hours=24)
"""An answer that comes back within this time had not gone: two nodes, or a copy that lags, take turns."""

ENOUGH = 12
"""Probes that must have got others before an answer that took turns has gone: two of three may be luck."""

MOST = 4
"""Earlier answers that are kept: each is a whole document."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a look gets of the signing keys: by it looks are compared."""

    keys: frozenset[str]
    """Fingerprints of all signing certificates of the document."""
    signer: str | None
    """The one of them that signed the document; None where none is known to have."""

    @classmethod
    def by(cls, document: Document) -> "Served":
        """What a document serves."""
        keys = frozenset(
            certificate.fingerprint
            for entity in document.metadata.entities
            for role in entity.roles
            for key in role.keys
            if key.use.signs
            for certificate in key.certificates
        )
        signed = document.signature.state in {SignatureState.VALID, SignatureState.TRUSTED}
        signer = document.signature.fingerprint if signed else None
        return cls(keys, signer if signer in keys else None)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A document that an address gave before the latest one."""

    document: Document
    last: datetime
    """The last probe that got it."""
    since: int = 0
    """Probes that got another one since."""


@dataclass(frozen=True, slots=True)
class Turns:
    """The answers that an address gave within a day, beside the latest."""

    earlier: tuple[Earlier, ...] = ()
    """The latest first."""
    began: datetime | None = None
    """When one came back for the first time; None: none of them did, and the latest answer alone counts."""
    last: datetime | None = None
    """When one came back for the last time."""

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents that count beside the latest."""
        return tuple(each.document for each in self.earlier) if self.began else ()

    def after(self, before: Document, got: Document, *, seen: datetime, at: datetime) -> "Turns":
        """The answers after one more probe that got a document; ``before`` is the one before, last got ``seen``."""
        served = Served.by(got) if got is not before else None
        others = self.earlier
        if served is None or served == Served.by(before):
            back = False
        else:
            # It is judged and never read again: its bytes are not needed.
            others = (Earlier(replace(before, packed=b""), seen), *others)
            back = any(served == Served.by(each.document) and at - each.last <= BACK for each in others)
            others = tuple(each for each in others if served != Served.by(each.document))
        if not others and not back:
            return NO_TURNS
        began = self.began or (at if back else None)
        others = tuple(replace(each, since=each.since + 1) for each in others)
        kept = [each for each in others if at - each.last < BACK or (began is not None and each.since < ENOUGH)][:MOST]
        return Turns(tuple(kept), began, at if back else self.last) if kept else NO_TURNS

    def clamped(self, now: datetime) -> "Turns":
        """The answers without a time that cannot be true."""
        earlier = tuple(replace(each, last=believed(each.last, now)) for each in self.earlier)
        return Turns(earlier, self.began and believed(self.began, now), self.last and believed(self.last, now))

    def moments(self) -> Iterator[datetime]:
        """All times of ours in it."""
        yield from (each.last for each in self.earlier)
        yield from filter(None, (self.began, self.last))


NO_TURNS = Turns()
