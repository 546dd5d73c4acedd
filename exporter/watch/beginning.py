"""What a target that is new, or another than before, starts with: what is true of it still."""

import logging
import zlib
from dataclasses import replace
from datetime import datetime

from exporter.config.settings import Look, Target
from exporter.history import History
from exporter.metadata import DocumentError, with_certificates
from exporter.model import Document
from exporter.policy import PolicySettings
from exporter.probe import LONG_AGO, read_document, with_last_good
from exporter.record import LookRecord, Record, bare
from exporter.served import NO_TURNS
from exporter.state import Saved

log = logging.getLogger(__package__)


def restored(target: Target, saved: Saved) -> Record:
    """The record of a target as the state file has it; a document that cannot be used any more is not known."""
    record = replace(
        bare(target, saved.answers),
        differing_since=saved.differing_since if len(target.looks) > 1 else None,
        history=saved.history,
    )
    if saved.packed is None:
        return record
    try:
        body = _unpacked(saved.packed, target.look.module.body_size_limit)
        document = _read(body, target.policy, saved.history, saved.last_success)
    except (DocumentError, zlib.error) as error:
        log.warning("saved document not used", extra={"target": target.name, "error": str(error)})
        return record
    had = {entity_id: known.kept for entity_id, known in saved.history.entities.items()}
    document = replace(document, metadata=with_certificates(document.metadata, had))
    first = replace(record.first, document=document, validators=saved.validators, last_success=saved.last_success)
    return _of_its_entity(replace(record, looks=(first, *record.looks[1:])))


def continued(target: Target, before: Record) -> Record:
    """The record of a target that had another configuration before, and the same URL."""
    first, *further = target.looks
    known = {each.place: each for each in before.looks[1:]}
    was, now_is = before.target.policy, target.policy
    policy = now_is if (was.signers, was.primary) != (now_is.signers, now_is.primary) else None
    moved = first.address != before.first.look.address
    record = replace(
        bare(target, before.answers),
        looks=(
            _probed_anew(first, before.first, policy, before.history),
            *(_probed_anew(look, known.get(look.place, LookRecord(look)), policy, before.history) for look in further),
        ),
        history=History() if moved else before.history,
        differing_since=before.differing_since if further and not moved else None,
    )
    return _of_its_entity(record)


def _probed_anew(look: Look, known: LookRecord, policy: PolicySettings | None, history: History) -> LookRecord:
    """What a look starts with that may be another than before: what was got at the same place.

    ``policy`` says which signers and which primary count now; None: the same as before.
    """
    if known.look.address != look.address:
        return LookRecord(look)
    document = known.document
    if document is not None and policy is not None:
        body = zlib.decompress(document.packed)
        document = with_last_good(_read(body, policy, history, known.last_success), document)
    turns = known.turns if document is known.document else NO_TURNS
    return replace(known, look=look, document=document, turns=turns, observation=None, probes=0, failures=0)


def _unpacked(packed: bytes, limit: int) -> bytes:
    """What was packed. Raises ``zlib.error``, also where it is more than so many bytes: no more is unpacked then."""
    unpacking = zlib.decompressobj()
    body = unpacking.decompress(packed, limit + 1)
    if len(body) > limit:
        raise zlib.error(f"larger than {limit} bytes (body_size_limit)")
    if not unpacking.eof:
        raise zlib.error("its end is missing")
    return body


def _read(body: bytes, policy: PolicySettings, history: History, at: datetime | None) -> Document:
    """A document that was got before. Raises :class:`~exporter.metadata.DocumentError`."""
    return read_document(body, policy.signers, at=at or LONG_AGO, primary=policy.primary, history=history)


def _of_its_entity(record: Record) -> Record:
    """The record, without what it knows of another entity than the configured one."""
    entity_id = record.target.entity_id
    looks = tuple(each if each.is_about(entity_id) else LookRecord(each.look) for each in record.looks)
    if looks[0] is record.first:
        return replace(record, looks=looks)
    return replace(record, looks=looks, history=History(), differing_since=None)
