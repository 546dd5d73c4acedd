"""The certificates of a target: which it publishes, what each is in the rollover, and each by itself as a file."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.model import Certificate, Entity, Role
from exporter.record import Record
from exporter.rollover import Position, Rollover

_ORDER = (Position.PRIMARY, Position.SUCCESSOR, Position.SECONDARY)


@dataclass(frozen=True, slots=True)
class Published:
    """A certificate that an entity publishes, each once for signing and once for encryption alone."""

    certificate: Certificate
    signs: bool
    position: Position
    roles: tuple[Role, ...]
    """Those that publish it so."""

    @property
    def title(self) -> str:
        """What it is for, and what it is in the rollover."""
        return f"{'Signing' if self.signs else 'Encryption'}, {self.position}"


def published(entity: Entity, rollover: Rollover) -> tuple[Published, ...]:
    """The certificates of an entity: those that sign before the others, the primary and its successor first."""
    found: dict[tuple[Certificate, bool], tuple[Position, dict[Role, None]]] = {}
    for each in entity.roles:
        for key in each.keys:
            for certificate in key.certificates:
                position = rollover.positions[each.role, key.use, certificate.fingerprint]
                known, roles = found.setdefault((certificate, key.use.signs), (position, {}))
                roles[each.role] = None
                # Only the keys of one role are judged: what is primary there is secondary in the others.
                found[certificate, key.use.signs] = min(known, position, key=_ORDER.index), roles
    each_once = (Published(each, signs, position, tuple(roles)) for (each, signs), (position, roles) in found.items())
    return tuple(
        sorted(each_once, key=lambda each: (not each.signs, _ORDER.index(each.position), each.certificate.not_after))
    )


def certificate(record: Record, fingerprint: str) -> Certificate | None:
    """The certificate with this fingerprint that is published, certifies one that is, or that Entra ID trusts."""
    return next((each for each in _all(record) if each.fingerprint == fingerprint), None)


def _all(record: Record) -> Iterator[Certificate]:
    for entity in record.document.metadata.entities if record.document else ():
        for role in entity.roles:
            for key in role.keys:
                yield from (*key.certificates, *key.chain)
    for domain in record.domains:
        yield from domain.trust.certificates.values() if domain.trust else ()
