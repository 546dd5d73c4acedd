"""Whatever is watched and whenever it is asked: what is kept between scrapes changes nothing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import scrapes
from builders import DAY, NOW, SECOND, probed, watched, with_looks
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapes import FARM, adfs_entity, certificate, document, idp, pair, signed_by

from exporter.config.settings import Entra, Target
from exporter.exposition.own import Format
from exporter.exposition.render import Renderer
from exporter.model import Certificate, Document, Reason, Role, Use
from exporter.policy import PolicySettings, Profile
from exporter.record import Record, bare
from exporter.rollover import Position
from exporter.trust import DomainTrust, Inquiry, TrustReason

LIMIT = 1

INFO = "fedmeta_certificate_info"

OPENMETRICS = Format.negotiate("application/openmetrics-text")

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

moments = st.builds(lambda turn, delta: turn + delta, st.sampled_from(TURNS), st.sampled_from(AROUND))
steps = st.tuples(
    moments,
    st.sampled_from(["look", "fail", "node", "ask", "configure", "remove", "nothing"]),
    st.sampled_from(DOCUMENTS),
    st.sampled_from([*ANSWERS, None]),
    st.sampled_from(TARGETS),
    st.booleans(),
)

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
labels = st.dictionaries(st.from_regex(r"own_[a-z]{1,8}", fullmatch=True), words, max_size=3)


def fresh(records: Iterable[Record], now: datetime) -> bytes:
    return Renderer(limit=LIMIT).render(list(records), now, openmetrics=False)


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


@pytest.mark.parametrize("target", TARGETS, ids=["adfs", "patient", "saml", "labelled", "entra"])
@pytest.mark.parametrize("found", DOCUMENTS, ids=["alone", "published", "promoted", "no evidence", "saml", "aggregate"])
def test_what_is_kept_is_right_just_before_at_and_after_every_turning_point(found: Document, target: Target) -> None:
    record, renderer = scrapes.after(target, scrapes.good(found, NOW)), Renderer(limit=LIMIT)
    record = asked(record, scrapes.answer(ANSWERS[0], NOW))

    for now in sorted(turn + delta for turn in TURNS for delta in (-SECOND, timedelta(), SECOND)):
        assert renderer.render([record], now, openmetrics=False) == fresh([record], now), now


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=1, max_size=8), moments)
def test_a_renderer_that_kept_its_fragments_renders_as_a_fresh_one(
    life: list[tuple[datetime, str, Document, DomainTrust | None, Target, bool]], any_time: datetime
) -> None:
    renderer = Renderer(limit=LIMIT)
    neighbour = replace(scrapes.aggregate(), target=watched("beside", "https://x.example/"))
    record: Record | None = None

    for now, kind, found, says, target, scraped in sorted(life, key=lambda step: step[0]):
        record = stepped(record, kind, found, target, now)
        if record and kind == "ask":
            inquiry = scrapes.answer(says, now) if says else scrapes.unanswered(TrustReason.TIMEOUT, now)
            record = asked(record, inquiry)
        records = [neighbour, *([record] if record else [])]
        # The second finds what the first has kept; the third comes at any time, earlier ones too.
        for moment in (now, now, any_time) if scraped else ():
            assert renderer.render(records, moment, openmetrics=False) == fresh(records, moment)


published = st.lists(
    st.tuples(st.sampled_from(Role), st.lists(st.tuples(st.sampled_from(Use), st.sampled_from((OLD, NEW, LATER))))),
    min_size=1,
    max_size=6,
)


@given(published, moments)
def test_a_certificate_is_there_once_for_a_use_with_all_its_roles_and_the_position_that_counts(
    descriptors: list[tuple[Role, list[tuple[Use, Certificate]]]], now: datetime
) -> None:
    entity = replace(idp(), roles=tuple(scrapes.role(role, "Descriptor", *keys) for role, keys in descriptors))
    record = scrapes.after(FARM, scrapes.good(document(entity), now))
    (verdict,) = record.judge(now)
    order, best = list(Role), list(Position)

    found = [dict(labels) for name, labels in scrapes.samples(fresh([record], now)) if name == INFO]

    assert len(found) == len({(use, each) for _, keys in descriptors for use, each in keys})
    for labels in found:
        use, fingerprint = Use(labels["use"]), labels["fingerprint"]
        places = {role: place for (role, *of), place in verdict.positions.items() if of == [use, fingerprint]}
        assert labels["roles"] == ",".join(sorted(places, key=order.index))
        assert labels["position"] == places.get(verdict.role, min(places.values(), key=best.index))


@settings(max_examples=30, deadline=None)
@given(words, words, words, words, labels)
def test_any_text_in_a_label_comes_back_as_it_was(
    name: str, url: str, subject: str, entity_id: str, own: dict[str, str]
) -> None:
    entity = idp(certificate("a", subject=subject), entity_id=entity_id)
    record = scrapes.after(watched(name, url, labels=own), scrapes.good(document(entity), NOW))

    openmetrics = Renderer(limit=LIMIT).render([record], NOW, openmetrics=True) + OPENMETRICS.end

    for scrape in (fresh([record], NOW), openmetrics):
        labels = {each: dict(found) for each, found in scrapes.samples(scrape)}
        assert labels["fedmeta_target_info"].items() >= {"target": name, "url": url, **own}.items()
        assert labels["fedmeta_certificate_info"].items() >= {"entity_id": entity_id, "subject": subject}.items()
