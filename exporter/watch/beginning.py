"""What a target that is new, or another than before, starts with: what is true of it still."""

import logging
import zlib
from collections.abc import Mapping
from dataclasses import replace

from exporter.config.settings import Target
from exporter.history import History
from exporter.metadata import DocumentError
from exporter.model import NO_VALIDATORS
from exporter.probe import read_document
from exporter.record import Question, Record, domains_of
from exporter.state import Saved
from exporter.trust import DomainRecord

log = logging.getLogger(__package__)


def bare(target: Target, answers: Mapping[Question, DomainRecord]) -> Record:
    """The record of a target of which nothing is known but some answers about its domains."""
    return Record(target, others=tuple(map(Record, target.others)), domains=domains_of(target, answers))


def restored(target: Target, saved: Saved) -> Record:
    """The record of a target as the state file has it; a document that cannot be used any more is not known."""
    record = replace(
        bare(target, saved.answers),
        differing_since=saved.differing_since if target.others else None,
        history=saved.history,
    )
    if saved.packed is None:
        return record
    try:
        document = read_document(zlib.decompress(saved.packed), target.policy.signers)
    except (DocumentError, zlib.error) as error:
        log.warning("saved document not used", extra={"target": target.name, "error": str(error)})
        return record
    return _of_its_entity(
        replace(record, document=document, validators=saved.validators, last_success=saved.last_success)
    )


def continued(target: Target, before: Record) -> Record:
    """The record of a target that had another configuration before, and the same URL."""
    others = {each.target.place: each for each in before.others}
    own = _looked_at_anew(target, before)
    return replace(
        own,
        others=tuple(
            _looked_at_anew(each, others[each.place]) if each.place in others else Record(each)
            for each in target.others
        ),
        differing_since=own.differing_since if target.others else None,
        domains=domains_of(target, before.answers),
    )


def _looked_at_anew(target: Target, known: Record) -> Record:
    """What a look starts with that is made in another way than before: what was got at the same place."""
    if known.target.address != target.address:
        return Record(target)
    record = replace(known, target=target, observation=None, probes=0, failures=0)
    if known.target.policy.signers != target.policy.signers:
        record = _verified_anew(record)
    return _of_its_entity(record)


def _verified_anew(record: Record) -> Record:
    """The record, its document's signature checked against the signers that are configured now."""
    document = record.document
    if document is None:
        return record
    return replace(record, document=read_document(zlib.decompress(document.packed), record.target.policy.signers))


def _of_its_entity(record: Record) -> Record:
    """The record, without what it knows of another entity than the configured one."""
    if record.is_about_its_entity:
        return record
    return replace(
        record,
        document=None,
        validators=NO_VALIDATORS,
        last_success=None,
        history=History(),
        differing_since=None,
    )
