"""The lines that a watch logs: one for each thing that is not as it was."""

import logging
from collections.abc import Mapping

from exporter.config.settings import Target
from exporter.config.urls import shown
from exporter.history import History, put_right
from exporter.inquiry import DomainRecord, DomainTrust, Inquiry
from exporter.model import Observation
from exporter.record import LookRecord, Record

log = logging.getLogger(__package__)


def log_probe(target: Target, before: LookRecord, after: LookRecord) -> None:
    """A line when a look of a target gets a document and did not before, the other way round, or fails otherwise."""
    place = {} if after.look == target.look else after.place._asdict()
    fields = {"target": target.name, **place, "url": shown(after.look.url)}
    _log_turn(before.observation, after.observation, fields, good="up", bad="down")


def log_changes(before: Record, after: Record) -> None:
    """A line for each thing that a probe found not to be as it was: keys, primaries, and whether the looks agree."""
    _log_history(after.target.name, before.history, after.history)
    if before.differing_since is None and after.differing_since is not None:
        log.warning("nodes differ", extra={"target": after.target.name})
    elif before.differing_since is not None and after.differing_since is None:
        log.info("nodes agree", extra={"target": after.target.name})


def log_answer(target: str, before: DomainRecord, after: DomainRecord) -> None:
    """A line for each thing that an inquiry found not to be as it was."""
    place = {"target": target, "domain": after.domain}
    # Not "down": an inquiry that fails says nothing about the domain.
    _log_turn(before.inquiry, after.inquiry, place, good="inquiry answered", bad="inquiry failed")
    was, now_is = before.trust, after.trust
    if was is None or now_is is None:
        return
    earlier, trusted = _fingerprints(was), _fingerprints(now_is)
    if earlier != trusted:
        changes = {"added": " ".join(sorted(trusted - earlier)), "removed": " ".join(sorted(earlier - trusted))}
        log.warning("trusted certificates changed", extra={**place, **changes})
    if was.update is not now_is.update:
        log.info("update result changed", extra={**place, "result": now_is.update})


def _log_history(target: str, before: History, after: History) -> None:
    if before.entities is after.entities:
        return
    # A time that was put right is no change.
    entities = put_right(before, after.looked).entities if after.looked else {}
    for entity_id, entity in after.entities.items():
        known = entities.get(entity_id)
        if known is None or known is entity:
            continue
        of_entity = {"target": target, "entity_id": entity_id}
        for (role, use), key_set in entity.key_sets.items():
            earlier = known.key_sets.get((role, use))
            for change, at in key_set.changes.items():
                if earlier is None or earlier.changes.get(change) != at:
                    log.warning("keys changed", extra={**of_entity, "role": role, "use": use, "change": change})
        if entity.last_promotion != known.last_promotion:
            (primary,) = entity.primaries[-1].fingerprints
            log.warning("primary changed", extra={**of_entity, "fingerprint": primary})


def _fingerprints(known: DomainTrust) -> set[str]:
    return {each.fingerprint for each in known.certificates.values()}


def _log_turn(
    was: Observation | Inquiry | None,
    now_is: Observation | Inquiry | None,
    place: Mapping[str, str],
    *,
    good: str,
    bad: str,
) -> None:
    """A line when it went well and does no longer, the other way round, or fails for another reason."""
    if now_is is None or (was is not None and was.reason is now_is.reason):
        return
    if now_is.reason is None:
        log.info(good, extra=place)
    else:
        log.warning(bad, extra={**place, "reason": now_is.reason, "detail": now_is.detail})
