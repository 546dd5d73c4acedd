"""Page, ``check``, JSON and ``/metrics`` show the findings of the one judgement, and none contradicts another."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import DAY, HOUR, NOW, dated, looking, probed, watched, with_looks
from found import Example, known, records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from prometheus_client.parser import text_string_to_metric_families
from replay.lives import DAYS as DAYS_OF_A_LIFE
from replay.lives import LIVES, START, on
from scrapes import FARM, RUNS, adfs_entity, answer, document, failed, good, idp, signed_by, told, unanswered

from exporter.check import EXIT_CODES, FailOn
from exporter.config.settings import INTERNET, Entra, TrustSource
from exporter.demo.scenarios import SCENARIOS, Scenario
from exporter.exposition.render import Renderer, render_probe
from exporter.findings import UNKNOWN, Finding, Kind, Standing, standing
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.metadata import DocumentError
from exporter.model import Document, Fault, FaultKind, Reason, Signature, SignatureState
from exporter.page import Asked, overview, target
from exporter.policy import PolicySettings, Profile
from exporter.probe import read_document
from exporter.record import Record, bare
from exporter.report import report
from exporter.rollover import Severity
from exporter.statement import statement

WORLDS = 1000
LABELS = ("finding", "severity", "entity_id", "domain", "node", "vantage")
CODES_OF_A_PLUGIN = {"ok": 0, "info": 0, "warning": 1, "critical": 2, "unknown": 3}
Shown = tuple[str, ...]
"""What a surface says of a finding, in the order of the labels; empty where it is not about such a thing."""


def judged(findings: Sequence[Finding]) -> list[Shown]:
    return [shown({"finding": each.kind, "severity": each.severity.name.lower(), **each.about}) for each in findings]


def shown(labels: Mapping[str, str]) -> Shown:
    # Several spaces that a publisher wrote into a name are one on every surface for people.
    return tuple(" ".join(labels.get(name, "").split()) for name in LABELS)


def on_the_page(there: Standing, now: datetime) -> tuple[etree._Element, list[Shown]]:
    """The page of a target, with the findings in it, in their order."""
    tree = etree.fromstring(target(there, now, Asked(), version="1"), etree.HTMLParser())
    return tree, [
        shown({name: each.get(f"data-{name.replace('_', '-')}", "") for name in LABELS})
        for each in tree.iterfind(".//div[@data-finding]")
    ]


def on_the_first_page(there: Sequence[Standing], now: datetime) -> list[etree._Element]:
    """What the first page says of each target, in its order."""
    return list(etree.fromstring(overview(there, now, Asked(), status=RUNS), etree.HTMLParser()).iterfind(".//article"))


def in_the_text(text: str) -> list[Shown]:
    """The findings that ``check`` prints, in their order."""
    found: list[Shown] = []
    for paragraph in text.split("\n\n"):
        rows: dict[str, str] = {}
        label = ""
        for line in paragraph.splitlines():
            label = line[:12].strip() or f"{label} "
            rows[label] = f"{rows.get(label, '')} {line[12:]}".strip()
        severity = next(iter(rows), "")
        if severity in {"Critical", "Warning", "Info"}:
            kind = re.fullmatch(r".* \((\w+)\)", rows[severity])
            assert kind is not None
            about = {
                "entity_id": rows.get("Entity", ""),
                **{name: rows.get(name.capitalize(), "") for name in LABELS[3:]},
            }
            found.append(shown({"finding": kind[1], "severity": severity.lower(), **about}))
    return found


def in_a_word(there: Standing) -> str:
    """How bad a target stands: nothing is known where nothing bad was found, and nothing was there to judge."""
    return there.severity.name.lower() if there.rollovers or there.severity >= Severity.WARNING else "unknown"


def code_of(there: Standing) -> int:
    """The exit code of ``check --nagios``."""
    return EXIT_CODES[True, FailOn.WARNING].of([there])


def in_the_json(there: Standing, now: datetime) -> list[Shown]:
    """The findings of a target as JSON, in their order."""
    said = json.loads(json.dumps(statement(there, now)))
    assert said["severity"] == in_a_word(there)
    return [
        shown({"finding": each["finding"], "severity": each["severity"], **each["about"]}) for each in said["findings"]
    ]


def in_the_scrape(scrape: bytes) -> set[Shown]:
    return {
        shown(sample.labels)
        for family in text_string_to_metric_families(scrape.decode())
        for sample in family.samples
        if sample.name == "fedmeta_finding"
    }


def agree(record: Record, now: datetime) -> Standing:
    """How the target stands, if all surfaces say that, and none says more."""
    there = standing(record, now)
    expected, text, word = judged(there.findings), report(there, now), in_a_word(there)
    tree, found = on_the_page(there, now)
    (card,) = on_the_first_page([there], now)

    assert found == expected
    assert in_the_text(text) == expected
    assert in_the_json(there, now) == expected
    assert in_the_scrape(Renderer(limit=5).render([record], now, openmetrics=False)) == set(expected)
    once = standing(record, now, remembers=False)
    assert in_the_text(report(once, now)) == in_the_json(once, now) == judged(once.findings)
    assert in_the_scrape(render_probe(record, now, limit=5, openmetrics=False)) == set(judged(once.findings))
    assert [each.severity for each in there.findings] == sorted((e.severity for e in there.findings), reverse=True)
    assert [each.get("data-finding") for each in card.iterfind("p[@data-finding]")] == [
        each[0] for each in expected[:1]
    ]
    assert card.get("data-severity") == word
    for words in (text, "".join(tree.itertext()), "".join(card.itertext())):
        assert "othing to do" not in words or there.severity <= Severity.INFO
    for place in (tree, card):
        colours = {each.get("class", "").split()[-1] for each in place.xpath(".//p[contains(@class, 'state')]")}
        assert len(colours) == 1
        assert colours == {word}
    assert code_of(there) == CODES_OF_A_PLUGIN[word]
    assert EXIT_CODES[False, FailOn.CRITICAL].of([there]) or there.is_judged
    bars = tree.xpath("//svg/g[rect][not(contains(@class, 'mark'))]")
    certificates = tree.xpath("//article[@data-fingerprint]")
    assert [each.get("class") for each in bars] == [each.get("class") for each in certificates[: len(bars)]]
    valid = {
        each.fingerprint
        for entity in (record.document.metadata.entities if record.document else ())
        for signs in (True, False)
        for each in entity.certificates(signs=signs)
        if each.not_before <= now < each.not_after
    }
    assert {each.get("data-fingerprint") for each in certificates if each.get("class") == "ok"} <= valid
    others = [each for each in certificates if each.get("data-fingerprint") not in valid]
    assert not any(" left" in "".join(each.itertext()) for each in others)
    assert all(line.isprintable() for line in text.split("\n"))
    return there


# Random small worlds


DAYS = st.integers(-60, 420)


@st.composite
def published(draw: st.DrawFn) -> Document:
    """Up to three certificates of any dates, in a farm, another publisher or no role, signed or not, whole or not."""
    lives = draw(st.lists(st.tuples(st.integers(-400, 5), DAYS), max_size=3))
    signing = tuple(
        dated(NOW + begin * DAY, NOW + (begin + max(1, end - begin)) * DAY, nth=nth)
        for nth, (begin, end) in enumerate(lives, 1)
    )
    encryption = dated(NOW - 300 * DAY, NOW + draw(DAYS) * DAY, nth=9)
    publisher = idp(*signing)
    kinds = [adfs_entity(*signing, encryption=encryption), publisher, publisher, replace(publisher, roles=())]
    entity = draw(st.sampled_from(kinds))
    others = [idp(*signing[:1], entity_id=f"urn:{number}") for number in range(draw(st.integers(0, 7)))]
    aggregate = bool(others)
    state = draw(st.sampled_from(SignatureState))
    signature = signed_by(draw(st.sampled_from(signing)), state) if signing else Signature(state, None, "a detail")
    found = document(
        entity,
        *others,
        aggregate=aggregate,
        signature=signature,
        valid_until=draw(st.none() | st.builds(lambda days: NOW + days * DAY, st.integers(-3, 10))),
    )
    faults = [Fault(kind, None, "a detail") for kind in draw(st.lists(st.sampled_from(FaultKind), max_size=2))]
    return replace(found, metadata=replace(found.metadata, faults=tuple(faults)))


POLICIES = st.builds(
    PolicySettings,
    profile=st.none() | st.sampled_from(Profile),
    auto_certificate_rollover=st.none() | st.booleans(),
    expiry=st.sampled_from([True, True, True, False]),
    primary=st.sampled_from([None, None, f"{1:064x}", "f" * 64]),
)


@st.composite
def answers(draw: st.DrawFn) -> DomainTrust:
    known = [dated(NOW - 100 * DAY, NOW + 100 * DAY, nth=nth) for nth in (1, 2, 3, 77)]
    slots = {slot: draw(st.none() | st.sampled_from(known)) for slot in (Slot.SIGNING, Slot.NEXT)}
    return DomainTrust(
        draw(st.sampled_from([TrustSource.GRAPH, TrustSource.GRAPH, TrustSource.USER_REALM])),
        federated=draw(st.sampled_from([True, True, True, False])),
        certificates={slot: each for slot, each in slots.items() if each is not None},
        unreadable=draw(st.sampled_from([(), (), (Slot.NEXT,)])),
        service=draw(st.sampled_from([None, "fs.example", "elsewhere.example"])),
        update=draw(st.none() | st.sampled_from(UpdateResult)),
    )


@st.composite
def worlds(draw: st.DrawFn) -> Example:
    """A target with some looks and domains, and a moment after the last of them."""
    target = looking(replace(FARM, policy=draw(POLICIES)), vantage=draw(st.sampled_from(["default", INTERNET])))
    node = replace(target.look, node="wap1", address="10.0.0.11")
    others = draw(st.sampled_from([(), (node,), (replace(target.look, vantage="elsewhere"), node)]))
    target = replace(with_looks(target, *others), watch=draw(st.sampled_from([(), ("urn:*",)])))
    domains = draw(st.sampled_from([(), ("contoso.com",), ("contoso.com", "fabrikam.com")]))
    record = bare(replace(target, entra=Entra(domains) if domains else None))
    contents = draw(st.lists(published(), min_size=1, max_size=2))
    at = NOW
    for hours in draw(st.lists(st.sampled_from([0, 1, 30, 300]), max_size=4)):
        at += hours * HOUR
        look = draw(st.sampled_from(record.target.looks))
        refused = replace(failed(Reason.REFUSED, at, phases={}), detail="connection refused")
        seen = replace(good(draw(st.sampled_from(contents)), at), tls_not_after=NOW + draw(DAYS) * DAY)
        record = probed(record, draw(st.sampled_from([seen, seen, refused])), look=look)
        for domain in domains:
            said = draw(st.none() | st.sampled_from(TrustReason) | answers())
            if said is not None:
                inquiry = unanswered(said, at) if isinstance(said, TrustReason) else answer(said, at)
                record = told(record, domain, inquiry)
    return Example(record, at + draw(st.sampled_from([0, 1, 3, 30, 400])) * HOUR)


@settings(max_examples=WORLDS, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds())
def test_in_any_small_world_every_surface_shows_the_same_findings(world: Example) -> None:
    agree(*world)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(worlds(), max_size=4))
def test_the_worse_a_target_the_earlier_it_stands(several: Sequence[Example]) -> None:
    there = [standing(each.record, each.at) for each in several]

    words = [card.get("data-severity", "") for card in on_the_first_page(there, NOW)]

    assert sorted(words) == sorted(each.word for each in there)
    known = [Severity[each.upper()] for each in words if each != UNKNOWN]
    assert known == sorted(known, reverse=True)
    after = words[words.index(UNKNOWN) :] if UNKNOWN in words else []
    assert {"critical", "warning"}.isdisjoint(after)


# Examples, scenarios, documents, lives


def test_of_every_kind_every_surface_shows_the_same_under_every_policy() -> None:
    found = {finding.kind for each in records() for finding in agree(*each).findings}

    assert found == set(Kind)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_of_every_simulated_farm_every_surface_shows_the_same(scenario: Scenario) -> None:
    record = known(scenario, NOW)

    for later in (timedelta(), 3 * HOUR, 2 * DAY, 30 * DAY):
        agree(record, NOW + later)


def test_of_every_real_document_every_surface_shows_the_same(corpus: Path) -> None:
    paths = sorted((corpus / "documents").iterdir())
    for path in paths:
        record = bare(watched("real", path.as_uri()))
        try:
            found = good(read_document(path.read_bytes(), ()), NOW)
        except DocumentError as error:
            found = replace(failed(error.reason, NOW, phases={}), detail=error.detail)
        agree(probed(record, found), NOW)

    assert len(paths) > 100


@pytest.mark.parametrize("name", LIVES)
def test_on_every_day_of_a_life_on_which_something_changes_every_surface_shows_the_same(name: str) -> None:
    life, before, compared = LIVES[name], None, 0
    target = looking(replace(FARM, name=name), interval=DAY.total_seconds())
    others = (replace(target.look, node=node, vantage=vantage) for node, vantage in life.others)
    entra = Entra(tuple(life.domains), interval=DAY.total_seconds()) if life.domains else None
    record = bare(replace(with_looks(target, *others), entra=entra))
    for day in range(DAYS_OF_A_LIFE):
        at = START + day * DAY
        for look in record.target.looks:
            published = on(day, life.others.get(look.place, life.published))
            found = (
                failed(published, at, phases={}) if isinstance(published, Reason) else good(published.document(), at)
            )
            record = probed(record, found, look=look)
        for each in record.domains:
            said = on(day, life.domains[each.domain])
            record = told(
                record, each.domain, unanswered(said, at) if isinstance(said, TrustReason) else answer(said, at)
            )
        kinds = judged(standing(record, at).findings)
        if kinds != before:
            agree(record, at)
            before, compared = kinds, compared + 1

    assert compared > 0
