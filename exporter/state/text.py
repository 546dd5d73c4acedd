"""How the state file writes what is no plain value: as text, most of it JSON."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from exporter import certificates
from exporter.config.settings import TrustSource
from exporter.history import PER_KEY_SET, Change, EntityHistory, KeySetHistory, Sighting
from exporter.inquiry import DomainTrust, Slot, UpdateResult, service_name
from exporter.model import Certificate, KeyPlace, Role, Use
from exporter.state.rows import LONGEST_TEXT

_Value = TypeVar("_Value")

_FINGERPRINT = re.compile("[0-9a-f]{1,64}")


def moment_text(moment: datetime | None) -> str | None:
    """A moment in ISO 8601."""
    return moment.isoformat() if moment else None


def moment_of(text: str | None) -> datetime | None:
    """The moment in a text. Raises as :func:`zoned` does."""
    return zoned(text) if text else None


def zoned(text: str) -> datetime:
    """The moment in a text that must have one, in UTC.

    Raises ValueError, also where it names no time zone, TypeError for what is no text, and OverflowError for what UTC
    has no year for.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text}")
    return moment.astimezone(UTC)


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
    TypeError, KeyError, AttributeError or OverflowError for what is written in another way than here.
    """
    plain = json.loads(text)
    return DomainTrust(
        source=source,
        federated=_of(bool, plain["federated"]),
        certificates={Slot(slot): _certificate(der) for slot, der in plain["certificates"].items()},
        unreadable=tuple(dict.fromkeys(map(Slot, plain.get("unreadable", ())))),
        # A file of a version that kept longer ones, or such as none can print, may have some.
        service=service_name(plain["service"]) if plain.get("service") is not None else None,
        update=UpdateResult(plain["update"]) if plain.get("update") else None,
        updated=moment_of(plain.get("updated")),
    )


def history_text(history: EntityHistory, longest: int = LONGEST_TEXT) -> str:
    """An entity's history; where it is too long, without the certificates of keys that cannot be read now.

    Their length is the publisher's, and the bounds of a history make the rest of it a quarter as long at most.
    """
    text = _history_text(history)
    return text if len(text) <= longest else _history_text(replace(history, kept={}))


def _history_text(history: EntityHistory) -> str:
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
        first_seen={_fingerprint(each): zoned(at) for each, at in plain["first_seen"].items()},
        key_sets={
            (Role(each["role"]), Use(each["use"])): KeySetHistory(
                _sightings(each["sightings"], range(PER_KEY_SET + 1)),
                {Change(change): zoned(at) for change, at in each["changes"].items()},
            )
            for each in plain["key_sets"]
        },
        primaries=_sightings(plain["primaries"], range(1, 2)) if plain["primaries"] else (),
        last_promotion=moment_of(plain.get("last_promotion")),
        left=moment_of(plain.get("left")),
        began=moment_of(plain.get("began")),
        kept={
            KeyPlace(Role(role), _of(str, element), Use(use), _of(int, position)): _certificate(der)
            for role, element, use, position, der in plain.get("kept", ())
        },
    )


def _plain_sightings(sightings: tuple[Sighting, ...]) -> list[list[Any]]:
    return [[sorted(each.fingerprints), each.first.isoformat(), each.last.isoformat()] for each in sightings]


def _plain_keys(kept: Mapping[KeyPlace, Certificate]) -> list[list[Any]]:
    return [[*place, base64.b64encode(each.der).decode()] for place, each in kept.items()]


def _sightings(plain: list[list[Any]], sizes: range) -> tuple[Sighting, ...]:
    """Sightings, at least one; the set in force has one of these sizes, for nothing makes it smaller but a look."""
    found = tuple(
        Sighting(frozenset(map(_fingerprint, fingerprints)), zoned(first), zoned(last))
        for fingerprints, first, last in plain
    )
    if len(found[-1].fingerprints) not in sizes:
        raise ValueError(f"a set in force of {len(found[-1].fingerprints)}")
    return found


def _certificate(text: str) -> Certificate:
    return certificates.read(base64.b64decode(text))[0]


def _fingerprint(text: str) -> str:
    """A fingerprint, as it is shown. Raises ValueError, and TypeError for what is no text."""
    if _FINGERPRINT.fullmatch(text) is None:
        raise ValueError("no fingerprint")
    return text


def _of(kind: type[_Value], value: object) -> _Value:
    """A value of this very type. Raises TypeError."""
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__}, not {kind.__name__}")
    return value


def _json(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, separators=(",", ":"))
