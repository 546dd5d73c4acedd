"""How the state file writes what is no plain value: as text, most of it JSON."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from exporter import certificates
from exporter.config.settings import TrustSource
from exporter.history import Change, EntityHistory, KeySetHistory, Sighting
from exporter.inquiry import DomainTrust, Slot, UpdateResult, service_name
from exporter.model import Certificate, KeyPlace, Role, Use


def moment_text(moment: datetime | None) -> str | None:
    """A moment in ISO 8601."""
    return moment.isoformat() if moment else None


def moment_of(text: str | None) -> datetime | None:
    """The moment in a text. Raises ValueError, also where it names no time zone."""
    return zoned(text) if text else None


def zoned(text: str) -> datetime:
    """The moment in a text that must have one. Raises ValueError, and TypeError for what is no text."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text}")
    return moment


def trust_text(trust: DomainTrust) -> str:
    """What Entra ID says of a domain; the source stands elsewhere."""
    return _json(
        {
            "federated": trust.federated,
            "certificates": {slot: base64.b64encode(each.der).decode() for slot, each in trust.certificates.items()},
            "unreadable": trust.unreadable,
            "service": trust.service,
            "update": trust.update,
            "updated": moment_text(trust.updated),
        }
    )


def trust_of(text: str, source: TrustSource) -> DomainTrust:
    """What a source said of a domain.

    What the text lacks is not known. Raises :class:`~exporter.certificates.CertificateError`, and ValueError,
    TypeError, KeyError or AttributeError for what is written in another way than here.
    """
    plain = json.loads(text)
    return DomainTrust(
        source=source,
        federated=plain["federated"],
        certificates={
            Slot(slot): certificates.read(base64.b64decode(der))[0] for slot, der in plain["certificates"].items()
        },
        unreadable=tuple(map(Slot, plain.get("unreadable", ()))),
        # A file of a version that kept longer ones, or such as none can print, may have some.
        service=service_name(plain["service"]) if plain.get("service") is not None else None,
        update=UpdateResult(plain["update"]) if plain.get("update") else None,
        updated=moment_of(plain.get("updated")),
    )


def history_text(history: EntityHistory) -> str:
    """An entity's history."""
    return _json(
        {
            "first_seen": {fingerprint: at.isoformat() for fingerprint, at in history.first_seen.items()},
            "key_sets": [
                {
                    "role": role,
                    "use": use,
                    "sightings": _plain_sightings(known.sightings),
                    "changes": {change: at.isoformat() for change, at in known.changes.items()},
                }
                for (role, use), known in history.key_sets.items()
            ],
            "primaries": _plain_sightings(history.primaries),
            "last_promotion": moment_text(history.last_promotion),
            **({"left": moment_text(history.left)} if history.left else {}),
            **({"began": moment_text(history.began)} if history.began else {}),
            **({"kept": _plain_keys(history.kept)} if history.kept else {}),
        }
    )


def history_of(text: str) -> EntityHistory:
    """The history of an entity in a text. Raises as :func:`trust_of` does."""
    plain = json.loads(text)
    return EntityHistory(
        first_seen={fingerprint: zoned(at) for fingerprint, at in plain["first_seen"].items()},
        key_sets={
            (Role(each["role"]), Use(each["use"])): KeySetHistory(
                _sightings(each["sightings"]),
                {Change(change): zoned(at) for change, at in each["changes"].items()},
            )
            for each in plain["key_sets"]
        },
        primaries=_sightings(plain["primaries"]),
        last_promotion=moment_of(plain.get("last_promotion")),
        left=moment_of(plain.get("left")),
        began=moment_of(plain.get("began")),
        kept={
            KeyPlace(Role(role), element, Use(use), position): certificates.read(base64.b64decode(der))[0]
            for role, element, use, position, der in plain.get("kept", ())
        },
    )


def _plain_sightings(sightings: tuple[Sighting, ...]) -> list[list[Any]]:
    return [[sorted(each.fingerprints), each.first.isoformat(), each.last.isoformat()] for each in sightings]


def _plain_keys(kept: Mapping[KeyPlace, Certificate]) -> list[list[Any]]:
    return [[*place, base64.b64encode(each.der).decode()] for place, each in kept.items()]


def _sightings(plain: list[list[Any]]) -> tuple[Sighting, ...]:
    return tuple(Sighting(frozenset(fingerprints), zoned(first), zoned(last)) for fingerprints, first, last in plain)


def _json(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, separators=(",", ":"))
