"""Random lives of a target: documents that come, probes that fail, answers, and a configuration that changes."""

from dataclasses import replace
from datetime import datetime, timedelta

import scrapes
from builders import DAY, NOW, SECOND, probed, with_looks
from hypothesis import strategies as st
from scrapes import FARM, adfs_entity, certificate, document, idp, pair, signed_by

from exporter.config.settings import Entra, Target
from exporter.inquiry import DomainTrust, Inquiry, TrustReason
from exporter.model import Document, Reason
from exporter.policy import PolicySettings, Profile
from exporter.record import Record, bare

OLD, ENCRYPTION = pair("1", "2", not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
NEW = certificate("3", not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
LATER = certificate("4", not_before=NOW + 6 * DAY, not_after=NOW + 40 * DAY, subject="CN=late", issuer="CN=CA")

DOCUMENTS = (
    document(adfs_entity(OLD, encryption=ENCRYPTION), signature=signed_by(OLD)),
    document(adfs_entity(OLD, NEW, encryption=ENCRYPTION), signature=signed_by(OLD)),
    document(adfs_entity(NEW, OLD, encryption=ENCRYPTION), signature=signed_by(NEW)),
    document(adfs_entity(OLD, NEW, encryption=LATER)),
    document(idp(OLD, LATER)),
    document(idp(OLD), idp(LATER, entity_id="urn:late"), idp(NEW, entity_id="urn:new"), aggregate=True),
)

TARGETS = (
    FARM,
    replace(FARM, policy=PolicySettings("patient", profile=Profile.ADFS, thresholds={"missing": 7.5})),
    replace(FARM, policy=PolicySettings(profile=Profile.SAML, primary=OLD.fingerprint)),
    replace(FARM, watch=("urn:*",), labels={"team": "sso"}),
    replace(
        with_looks(FARM, replace(FARM.look, node="wap1", address="wap1")),
        policy=PolicySettings(profile=Profile.ADFS),
        entra=Entra(("contoso.com",)),
    ),
)

ANSWERS = (
    scrapes.federated(signing=OLD),
    scrapes.federated(signing=OLD, following=NEW),
    scrapes.federated(signing=LATER, following=OLD, update=None),
    scrapes.realm(NEW),
)

TURNS = [
    moment + timedelta(days=days)
    for each in (OLD, NEW, LATER, ENCRYPTION)
    for moment in (each.not_before, each.not_after)
    for days in (0, 3, 5, 6.5, -5, -7.5, -15, -19, -30, -35)
]
"""Where a verdict may turn: beginnings, ends, and the thresholds and promotions around them."""

AROUND = (-SECOND, timedelta(microseconds=-1), timedelta(), timedelta(microseconds=1), SECOND)

Step = tuple[datetime, str, Document, DomainTrust | None, Target]

moments = st.builds(lambda turn, delta: turn + delta, st.sampled_from(TURNS), st.sampled_from(AROUND))
steps = st.tuples(
    moments,
    st.sampled_from(["look", "fail", "node", "ask", "configure", "remove", "nothing"]),
    st.sampled_from(DOCUMENTS),
    st.sampled_from([*ANSWERS, None]),
    st.sampled_from(TARGETS),
)


def stepped(record: Record | None, kind: str, found: Document, target: Target, now: datetime) -> Record | None:
    """The record of one target after something happened to it."""
    if kind == "remove":
        return None
    record = record or bare(target)
    match kind:
        case "look":
            return probed(record, scrapes.good(found, now))
        case "fail":
            return probed(record, scrapes.failed(Reason.DNS, now, phases={}))
        case "configure":
            configured = bare(target, record.answers)
            looks = (replace(record.first, look=target.look), *configured.looks[1:])
            return replace(record, target=target, looks=looks, domains=configured.domains)
    for node in record.target.looks[1:] if kind == "node" else ():
        record = probed(record, scrapes.good(found, now), look=node)
    return record


def asked(record: Record, inquiry: Inquiry) -> Record:
    """The record after the same inquiry about each domain."""
    for domain in record.domains:
        record = scrapes.told(record, domain.domain, inquiry)
    return record


def lived(record: Record | None, step: Step) -> Record | None:
    """The record after one step of a life."""
    now, kind, found, says, target = step
    record = stepped(record, kind, found, target, now)
    if record and kind == "ask":
        inquiry = scrapes.answer(says, now) if says else scrapes.unanswered(TrustReason.TIMEOUT, now)
        return asked(record, inquiry)
    return record
