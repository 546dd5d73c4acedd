"""Whatever is watched and whenever it is asked: what is kept between scrapes changes nothing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import scrapes
from builders import NOW, SECOND, watched
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapes import FARM, certificate, document, idp
from worlds import ANSWERS, DOCUMENTS, LATER, NEW, OLD, TARGETS, TURNS, Step, asked, lived, moments, steps

from exporter.config.settings import Target
from exporter.config.urls import shown
from exporter.exposition.own import Format
from exporter.exposition.render import Renderer
from exporter.model import Certificate, Document, Role, Use
from exporter.record import Record
from exporter.rollover import Position

LIMIT = 1

INFO = "fedmeta_certificate_info"

OPENMETRICS = Format.negotiate("application/openmetrics-text")

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
labels = st.dictionaries(st.from_regex(r"own_[a-z]{1,8}", fullmatch=True), words, max_size=3)


def fresh(records: Iterable[Record], now: datetime) -> bytes:
    return Renderer(limit=LIMIT).render(list(records), now, openmetrics=False)


@pytest.mark.parametrize("target", TARGETS, ids=["adfs", "patient", "saml", "labelled", "entra"])
@pytest.mark.parametrize("found", DOCUMENTS, ids=["alone", "published", "promoted", "no evidence", "saml", "aggregate"])
def test_what_is_kept_is_right_just_before_at_and_after_every_turning_point(found: Document, target: Target) -> None:
    record, renderer = scrapes.after(target, scrapes.good(found, NOW)), Renderer(limit=LIMIT)
    record = asked(record, scrapes.answer(ANSWERS[0], NOW))

    for now in sorted(turn + delta for turn in TURNS for delta in (-SECOND, timedelta(), SECOND)):
        assert renderer.render([record], now, openmetrics=False) == fresh([record], now), now


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(steps, st.booleans()), min_size=1, max_size=8), moments)
def test_a_renderer_that_kept_its_fragments_renders_as_a_fresh_one(
    life: list[tuple[Step, bool]], any_time: datetime
) -> None:
    renderer = Renderer(limit=LIMIT)
    neighbour = replace(scrapes.aggregate(), target=watched("beside", "https://x.example/"))
    record: Record | None = None

    for step, scraped in sorted(life, key=lambda each: each[0][0]):
        record, now = lived(record, step), step[0]
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
    best = list(Position)

    found = [dict(labels) for name, labels in scrapes.samples(fresh([record], now)) if name == INFO]

    assert len(found) == len({(use, each) for _, keys in descriptors for use, each in keys})
    for labels in found:
        use, fingerprint = Use(labels["use"]), labels["fingerprint"]
        places = {role: place for (role, *of), place in verdict.positions.items() if of == [use, fingerprint]}
        assert labels["roles"] == ",".join(role for role in Role if role in places)
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
        assert labels["fedmeta_target_info"].items() >= {"target": name, "url": shown(url), **own}.items()
        assert labels["fedmeta_certificate_info"].items() >= {"entity_id": entity_id, "subject": subject}.items()
