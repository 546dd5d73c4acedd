"""The page for people: every target, its findings, what to do, and nothing that a document could smuggle in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import builders
import pytest
import scrapes
from builders import DAY, ENTITY_ID, HOST, NOW, SECOND, beside, pair, probed, watched
from found import EXAMPLES, OLD, STEADY, Example, ending, refused, seen, trusting
from lxml import etree
from scrapes import FARM, aggregate, federated

from exporter import rollover
from exporter.config.settings import INTERNET, Entra
from exporter.findings import Kind, outlook, sentence, standing, step, title
from exporter.model import Entity, Observation, Reason, Use
from exporter.page import page
from exporter.probe import read_document
from exporter.record import Record, bare
from exporter.report import report

HOSTILE = """"'><script>alert(1)</script>&amp;<b>"""


def shown(*records: Record, now: datetime = NOW) -> etree._Element:
    """The page as a browser reads it."""
    return etree.fromstring(text_of_page(*records, now=now), etree.HTMLParser())


def text_of_page(*records: Record, now: datetime = NOW) -> str:
    return page([standing(each, now) for each in records], now, version="1.2.3")


def text_of(element: etree._Element) -> str:
    return "".join(element.itertext())


def named(record: Record, name: str) -> Record:
    return replace(record, target=replace(record.target, name=name))


def names(*records: Record) -> list[str]:
    """The targets in the order in which they stand there."""
    return [text_of(name) for name in shown(*records).findall(".//h2")]


def known(*records: Record) -> list[list[str]]:
    """The text of every cell, row by row, of what is known."""
    return [[text_of(cell) for cell in row] for row in shown(*records).findall(".//details//tr")]


@pytest.mark.parametrize("kind", Kind)
def test_a_finding_has_its_title_severity_sentence_step_and_whole_commands(kind: Kind) -> None:
    record, at = EXAMPLES[kind]
    finding = next(each for each in standing(record, at).findings if each.kind is kind)
    tree = shown(record, now=at)

    shown_finding = tree.xpath(f".//div[@data-finding='{kind}']")[0]

    severity, next_step = kind.severity.name.lower(), step(finding, at)
    assert shown_finding.get("class") == f"finding {severity}"
    assert text_of(shown_finding.find("h3")) == f"{title(kind)} ({severity})"
    *_, told, todo = (text_of(each) for each in shown_finding.findall("p"))
    assert (told, todo) == (sentence(finding, at), f"To do: {next_step.text}")
    assert tuple(text_of(each) for each in shown_finding.findall("pre/code")) == next_step.commands
    assert len(shown_finding.findall("pre")) == bool(next_step.commands)


@pytest.mark.parametrize(
    ("kind", "whom"),
    [
        (Kind.TRUST_BROKEN, "domain contoso.com"),
        (Kind.NODES_DIFFER, None),
        (Kind.METADATA_UNREACHABLE, "node service, vantage default"),
        (Kind.ENTITY_VANISHED, "entity https://watched.example/"),
    ],
)
def test_a_finding_names_whom_it_is_about(kind: Kind, whom: str | None) -> None:
    record, at = EXAMPLES[kind]

    paragraphs = shown(record, now=at).xpath(f".//div[@data-finding='{kind}']/p[@class='small']")

    assert [text_of(each) for each in paragraphs] == ([] if whom is None else [whom])


@pytest.mark.parametrize(
    ("example", "state", "css"),
    [
        (EXAMPLES[Kind.ROLLOVER_MISSING], "Successor missing (critical)", "critical"),
        (EXAMPLES[Kind.METADATA_UNREACHABLE], "Unreadable (warning)", "warning"),
        (EXAMPLES[Kind.SUCCESSOR_PUBLISHED], "Successor published (info)", "info"),
        (Example(seen(STEADY)), "Steady", "ok"),
        (Example(bare(FARM)), "Not looked at yet", "unknown"),
    ],
)
def test_the_worst_finding_is_the_headline_and_gives_the_colour(example: Example, state: str, css: str) -> None:
    (headline,) = shown(example.record, now=example.at).xpath(".//p[contains(@class, 'state')]")

    assert (headline.text, headline.get("class")) == (state, f"state {css}")


def test_where_nothing_was_found_the_page_says_what_comes_next() -> None:
    there = standing(seen(STEADY), NOW)

    assert outlook(there) in [text_of(each) for each in shown(seen(STEADY)).findall(".//section/p")]
    assert "othing to do" not in text_of(shown(seen(ending(3))))


def test_the_worst_target_stands_first() -> None:
    records = (
        seen(ending(200)),
        bare(FARM),
        seen(ending(12)),
        seen(ending(2)),
        EXAMPLES[Kind.METADATA_UNREACHABLE].record,
        seen(ending(-1)),
        seen(ending(90)),
        trusting(seen(STEADY), federated(signing=OLD)),
    )
    order = ("steady", "new", "overdue", "missing", "stale", "expired", "steady, and ends first", "broken")

    assert names(*map(named, records, order)) == [
        "expired",
        "broken",
        "missing",
        "overdue",
        "stale",
        "new",
        "steady, and ends first",
        "steady",
    ]


def test_what_is_known_stands_below_the_findings_and_judges_nothing() -> None:
    record = beside(seen(STEADY), replace(FARM.look, node="wap1", address="10.0.0.11", vantage=INTERNET))

    rows = known(trusting(record, federated(signing=OLD)))

    assert ["Look", "service, from default: readable, keys 44444444 (signs)"] in rows
    assert ["Look", "wap1 at 10.0.0.11, from internet: not looked at yet"] in rows
    assert ["Domain", "contoso.com"] in rows
    assert not {"critical", "warning", "info", "ok"} & {word for row in rows for word in " ".join(row).split()}


def test_of_an_aggregate_a_few_entities_are_shown_and_the_others_counted() -> None:
    rows = known(aggregate())

    assert [label for label, _ in rows].count("Entity") == 5
    assert ["Entities", "and 1 more"] in rows


def test_nothing_that_others_wrote_becomes_markup() -> None:
    target = watched(HOSTILE, f"https://{HOST}/{HOSTILE}")
    expired = pair(not_after=NOW - DAY)
    document = read_document(builders.saml_metadata(HOSTILE, keys=[(Use.SIGNING, expired)]), ())
    record = probed(bare(target), Observation(NOW, None, "", {}, 200, None, document))
    record = probed(record, Observation(NOW, Reason.HTTP_STATUS, HOSTILE, {}, 503, None, None))
    record = beside(record, replace(target.look, vantage=HOSTILE))
    record = probed(record, replace(refused(), detail=HOSTILE), look=record.target.looks[1])

    tree = shown(record)

    assert tree.findall(".//script") == tree.findall(".//b") == []
    assert text_of(tree.findall(".//h2")[0]) == HOSTILE
    (link,) = tree.findall(".//section//a")
    assert link.get("href") == text_of(link) == record.target.url
    masked = shown(bare(watched("fs", "https://fs.example/?key=a-secret")))
    assert masked.findall(".//section//a") == []
    assert "https://fs.example/?key=***" in text_of(masked)
    findings: Sequence[etree._Element] = tree.findall(".//div[@data-finding]")
    assert HOSTILE in {each.get("data-entity-id") for each in findings}
    assert HOSTILE in {each.get("data-vantage") for each in findings}
    assert sum(HOSTILE in text_of(each) for each in findings) == 3


def test_an_address_that_is_no_page_is_no_link() -> None:
    tree = shown(bare(watched("fs", "file:///srv/metadata.xml")))

    assert tree.findall(".//section//a") == []
    assert "file:///srv/metadata.xml" in text_of(tree)


def test_without_targets_the_page_says_so() -> None:
    assert shown().findall(".//section") == []
    assert "No target is configured: only /probe answers." in text_of(shown())


def test_the_page_says_when_it_was_made_and_by_which_version_and_leads_to_the_rest() -> None:
    tree = shown(seen(STEADY), now=NOW + 59 * SECOND)
    text = text_of(tree)
    assert "1 target(s) as of 2026-06-01 12:00 UTC." in text
    assert "fedmeta-exporter 1.2.3." in text
    assert {link.get("href") for link in tree.findall(".//body/p/a")} == {"/metrics", "/-/healthy", "/-/ready"}


def test_the_page_is_one_whole_document_that_follows_the_readers_colours() -> None:
    text = text_of_page(*(each.record for each in EXAMPLES.values()))
    assert text.startswith("<!DOCTYPE html>\n")
    assert "color-scheme: light dark" in text
    assert '<html lang="en">' in text
    # Every element is closed where it should be: XML's parser is not as lenient as HTML's.
    body = text[text.index("<body>") : text.index("</html>")]
    etree.fromstring(body)


def test_an_entity_is_named_by_its_id() -> None:
    document = read_document(builders.saml_metadata(), ())
    record = probed(bare(FARM), Observation(NOW, None, "", {}, 200, None, document))

    assert ["Entity", ENTITY_ID] in known(record)


def test_an_aggregate_of_500_entities_is_judged_once_for_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    entities = [scrapes.idp(scrapes.certificate("a"), entity_id=f"urn:{number}") for number in range(500)]
    target = watched("all", "https://a.example/", entity_id="urn:7", watch=("urn:1*",), entra=Entra(("contoso.com",)))
    record = scrapes.after(target, scrapes.good(scrapes.document(*entities, aggregate=True), NOW))
    record = scrapes.told(record, "contoso.com", scrapes.answer(scrapes.realm(scrapes.certificate("a")), NOW))
    judged, judge = [], rollover.judge_entity

    def noted(entity: Entity, *args: object, **settings: object) -> object:
        judged.append(entity.entity_id)
        return judge(entity, *args, **settings)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(rollover, "judge_entity", noted)
    page([standing(record, NOW)], NOW, version="1")

    assert len(judged) == len(set(judged)) == 500


def test_of_very_many_findings_the_worst_are_shown_and_the_others_counted() -> None:
    entities = [scrapes.idp(scrapes.certificate("a", not_after=NOW), entity_id=f"urn:{nth}") for nth in range(250)]
    target = watched("all", "https://a.example/", watch=("*",))
    record = scrapes.after(target, scrapes.good(scrapes.document(*entities, aggregate=True), NOW))
    text = text_of_page(record)
    assert text.count('<div class="finding critical"') == 200
    assert "And 50 more finding(s), none of them worse." in text
    assert "And 50 more finding(s), none of them worse." in report(standing(record, NOW), NOW)
