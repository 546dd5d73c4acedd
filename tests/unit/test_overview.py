"""The first page: how all targets stand, the worst first, and what a reader finds by its address alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from time import process_time
from urllib.parse import parse_qsl

import pytest
from builders import DAY, NOW, SECOND, watched
from found import EXAMPLES, HEADLINES, OLD, STEADY, Example, ending, seen, trusting
from lxml import etree
from pages import LINKS
from scrapes import FARM, RUNS, after, aggregate, certificate, document, federated, good, idp

from exporter import rollover
from exporter.findings import Kind, outlook, sentence, standing
from exporter.model import Entity
from exporter.page import Asked, overview, target
from exporter.record import Record, bare
from exporter.standings import Standings

HOSTILE = """"'><script>alert(1)</script>&amp;<b>"""

ROUGHLY = 0.05
"""Seconds of CPU that a page may take: a person does not notice them, and scrapes that wait for it neither."""


def text_of_page(*records: Record, now: datetime = NOW, **asked: str) -> str:
    return overview([standing(each, now) for each in records], now, Asked.by(asked), status=RUNS)


def shown(*records: Record, now: datetime = NOW, **asked: str) -> etree._Element:
    """The page as a browser reads it."""
    return etree.fromstring(text_of_page(*records, now=now, **asked), etree.HTMLParser())


def text_of(element: etree._Element) -> str:
    return "".join(element.itertext())


def names(*records: Record, **asked: str) -> list[str]:
    """The targets in the order in which they stand there."""
    return [text_of(name) for name in shown(*records, **asked).findall(".//article/h2")]  # type: ignore[arg-type]  # none of them is now


def counts(tree: etree._Element) -> list[dict[str, str]]:
    """The words of each summary with their links."""
    return [
        {text_of(each): each.get("href", "") for each in summary.iterfind(".//a")}
        for summary in tree.iterfind(".//ul[@class='chips']")
    ]


def named(record: Record, name: str) -> Record:
    return replace(record, target=replace(record.target, name=name))


def farms() -> tuple[Record, ...]:
    """A target of each severity, and one of which nothing is known."""
    return (
        named(seen(STEADY), "steady"),
        named(bare(FARM), "new"),
        named(seen(ending(12)), "overdue"),
        named(seen(ending(2)), "missing"),
        named(EXAMPLES[Kind.SUCCESSOR_PUBLISHED].record, "Published"),
    )


@pytest.mark.parametrize(("example", "state", "css"), HEADLINES)
def test_the_worst_finding_is_the_headline_and_gives_the_colour(example: Example, state: str, css: str) -> None:
    tree = shown(example.record, now=example.at)

    (headline,) = tree.xpath(".//article/p[contains(@class, 'state')]")
    assert (headline.text, headline.get("class")) == (state, f"state {css}")
    assert tree.xpath(".//article")[0].get("class") == css


def test_a_target_says_what_is_worst_how_much_more_there_is_and_when_its_primary_ends() -> None:
    record = trusting(seen(ending(2)), federated(signing=STEADY.metadata.entities[0].certificates(signs=True)[0]))
    there = standing(record, NOW)

    (card,) = shown(record).iterfind(".//article")
    texts = [text_of(each) for each in card.iterfind("p")]

    assert sentence(there.findings[0], NOW) in texts
    assert f"And {len(there.findings) - 1} more findings." in texts
    assert texts[-1] == "The primary ends on 2026-06-03 12:00 UTC."


def test_where_nothing_was_found_the_page_says_what_comes_next() -> None:
    there = standing(seen(STEADY), NOW)

    assert outlook(there) in [text_of(each) for each in shown(seen(STEADY)).findall(".//article/p")]
    assert "othing to do" not in text_of(shown(seen(ending(3))))


def test_of_several_watched_entities_the_first_end_is_told() -> None:
    record = after(replace(aggregate().target, watch=("*",)), aggregate().observation)  # type: ignore[arg-type]  # there is one

    assert "The first primary ended on " in text_of(shown(record))
    two = replace(record, target=replace(record.target, watch=("https://due*", "https://missing*")))
    assert "The first primary ends on " in text_of(shown(two))
    one = replace(record, target=replace(record.target, watch=("https://due*",)))
    assert "The primary ends on " in text_of(shown(one))


def test_a_card_says_the_beginning_of_a_long_address() -> None:
    record = bare(watched("long", f"https://fs.example/{'a' * 2000}"))

    assert len(text_of(shown(record).findall(".//article/p")[0])) < 700


def test_of_a_long_search_the_beginning_counts() -> None:
    assert len(Asked.by({"q": "a" * 2000}).q) == 200


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


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ({}, ["missing", "overdue", "Published", "new", "steady"]),
        ({"sort": "worst"}, ["missing", "overdue", "Published", "new", "steady"]),
        ({"sort": "name"}, ["missing", "new", "overdue", "Published", "steady"]),
        ({"sort": "ends"}, ["missing", "overdue", "Published", "steady", "new"]),
        ({"sort": "sideways"}, ["missing", "overdue", "Published", "new", "steady"]),
        ({"severity": "critical"}, ["missing"]),
        ({"severity": "unknown"}, ["new"]),
        ({"severity": "ok"}, ["steady"]),
        ({"state": "Successor overdue"}, ["overdue"]),
        ({"state": "successor OVERDUE", "severity": "Warning"}, ["overdue"]),
        ({"state": "Steady", "severity": "warning"}, []),
        ({"q": "PUB"}, ["Published"]),
        ({"q": "adfs/services"}, ["missing", "overdue", "Published", "steady"]),
        ({"q": "nowhere"}, []),
        ({"start": "3"}, ["new", "steady"]),
        ({"start": "99"}, ["missing", "overdue", "Published", "new", "steady"]),
    ],
)
def test_the_address_says_which_targets_are_shown_and_in_which_order(
    asked: Mapping[str, str], order: list[str]
) -> None:
    assert names(*farms(), **asked) == order


def test_a_target_is_found_by_its_domain_and_never_by_a_secret() -> None:
    record = named(trusting(seen(STEADY), federated(signing=OLD)), "farm")
    secret = bare(watched("secret", "https://fs.example/?key=a-secret"))

    assert names(record, secret, q="Contoso") == ["farm"]
    assert names(record, secret, q="a-secret") == []


def test_a_name_that_cannot_be_printed_is_shown_by_its_numbers_and_found_by_itself() -> None:
    name = "fs\u200b\u202e"
    tree = shown(named(seen(STEADY), name), named(seen(STEADY), "fs"), q=name)

    (link,) = tree.iterfind(".//article/h2/a")
    assert (text_of(link), link.get("href")) == (r"fs\u200b\u202e", "targets/fs%E2%80%8B%E2%80%AE")
    assert [each.get("value") for each in tree.iterfind(".//input")] == [name]


def test_the_summary_counts_all_targets_and_leads_to_those_alone() -> None:
    severities, states = counts(shown(*farms(), sort="name"))

    assert severities == {
        "critical 1": "?severity=critical&sort=name",
        "warning 1": "?severity=warning&sort=name",
        "info 1": "?severity=info&sort=name",
        "ok 1": "?severity=ok&sort=name",
        "unknown 1": "?severity=unknown&sort=name",
    }
    # What is chosen is taken back.
    assert counts(shown(*farms(), state="Steady", sort="name"))[1]["Steady 1"] == "?sort=name"
    assert list(states) == [
        "Successor missing 1",
        "Successor overdue 1",
        "Successor published 1",
        "Not looked at yet 1",
        "Steady 1",
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"severity": "ok"},
        {"state": "Steady"},
        {"q": "s"},
        {"q": "ST", "severity": "OK", "state": "steady"},
        {"q": "no"},
    ],
)
def test_a_chip_counts_what_is_shown_once_it_is_followed(asked: Mapping[str, str]) -> None:
    tree = shown(*farms(), **asked)  # type: ignore[arg-type]  # none of them is now
    chips = {words: link for each in counts(tree) for words, link in each.items()}

    assert chips or asked["q"] == "no"
    for words, link in chips.items():
        word, _, count = words.rpartition(" ")
        kind = "severity" if word.islower() else "state"
        followed = {**dict(parse_qsl(link.removeprefix("?"))), kind: word}
        assert len(names(*farms(), **followed)) == int(count)


def test_what_is_chosen_can_be_taken_back_also_where_there_is_none_of_it() -> None:
    severities, states = counts(shown(*farms(), severity="ok", state="Successor missing"))

    assert severities == {
        "critical 1": "?severity=critical&state=Successor+missing",
        "ok 0": "?state=Successor+missing",
    }
    assert states == {"Steady 1": "?severity=ok&state=Steady", "Successor missing 0": "?severity=ok"}


def test_the_form_shows_what_was_asked_and_needs_no_script() -> None:
    tree = shown(*farms(), q="""a "word" """, severity="ok", state="Steady", sort="ends")

    (form,) = tree.iterfind(".//form")
    assert form.get("method") is form.get("action") is None
    assert [each.get("value") for each in form.iterfind(".//input")] == ['a "word"']
    assert [each.get("value") for each in form.iterfind(".//option[@selected]")] == ["ok", "Steady", "ends"]
    assert tree.xpath(".//script") == []


def test_the_form_shows_what_was_asked_also_where_there_is_none_of_it() -> None:
    tree = shown(*farms(), state="Expired", severity="awful")

    assert [each.get("value") for each in tree.iterfind(".//option[@selected]")] == ["awful", "Expired", "worst"]


def test_where_no_target_is_like_that_the_page_says_so() -> None:
    tree = shown(*farms(), q="nowhere")

    assert {"0 of them shown.", "No target is like that."} <= {text_of(each) for each in tree.iterfind(".//main/p")}


def test_without_targets_the_page_says_so() -> None:
    assert shown().findall(".//article") == []
    assert "No target is configured: only /probe answers." in text_of(shown())


def test_of_many_targets_a_part_is_shown_and_links_lead_to_the_others() -> None:
    records = [named(seen(STEADY), f"fs{nth:03}") for nth in range(130)]

    tree = shown(*records, sort="name", start="60", q="fs")

    assert [text_of(each) for each in tree.iterfind(".//article/h2")] == [f"fs{nth:03}" for nth in range(60, 120)]
    links = {text_of(each): each.get("href") for each in tree.xpath(".//p[@class='pages']/a")}
    assert links == {"Earlier": "?q=fs&sort=name", "Further": "?q=fs&sort=name&start=120"}


def test_whoever_asks_for_what_lies_beyond_the_end_gets_the_end() -> None:
    records = [named(seen(STEADY), f"fs{nth:03}") for nth in range(130)]

    for start in ("130", "999999", "9" * 40):
        assert names(*records, sort="name", start=start) == [f"fs{nth:03}" for nth in range(120, 130)]


def test_a_target_that_is_found_by_what_is_inside_says_so() -> None:
    farm = named(trusting(seen(STEADY), federated(signing=OLD)), "farm")

    def told(q: str) -> list[str]:
        found = shown(named(aggregate(), "all"), farm, q=q).iterfind(".//article/p")
        return [text_of(each).strip() for each in found if text_of(each).startswith("Found inside")]

    assert told("due") == ["Found inside: https://due.example/."]
    assert told("d.example") == ["Found inside: https://expired.example/ and 1 more."]
    assert told("contoso") == ["Found inside: contoso.com."]
    assert told("") == told("all") == []


def test_the_end_of_a_primary_is_told_as_past_once_it_is() -> None:
    assert "The primary ended on 2026-05-29 12:00 UTC." in text_of(shown(seen(ending(-3))))
    assert "The primary ended on 2026-06-01 12:00 UTC." in text_of(shown(seen(ending(0))))


def test_whoever_searched_for_an_entity_finds_it_on_the_page_of_its_aggregate() -> None:
    records = (named(aggregate(), "all"), named(seen(STEADY), "one"))

    def there(q: str = "") -> list[str]:
        return [each.get("href", "") for each in shown(*records, q=q).iterfind(".//article/h2/a")]

    assert there(q="DUE.example") == ["targets/all?q=DUE.example"]
    assert there(q="all") == ["targets/all"]
    assert there(q=STEADY.metadata.entities[0].entity_id) == ["targets/one"]
    assert there(q="e") == ["targets/all?q=e", "targets/one"]
    assert there() == ["targets/all", "targets/one"]


def test_a_name_of_any_signs_leads_to_its_page() -> None:
    record = bare(watched(f"https://fs.example/a?b#c {HOSTILE}", "https://fs.example/"))

    (link,) = shown(record).iterfind(".//article/h2/a")

    assert link.get("href", "").startswith("targets/https%3A%2F%2Ffs.example%2Fa%3Fb%23c%20%22%27%3E%3Cscript")
    assert shown(record).findall(".//script") == []


def test_what_no_page_can_hold_is_shown_by_its_number_in_a_field_too() -> None:
    (field,) = shown(seen(STEADY), q="a\x00\u202e").iterfind(".//input[@name='q']")
    assert field.get("value") == "a\\x00\u202e"


def test_the_page_says_when_it_was_made_and_by_which_version_and_leads_to_the_rest() -> None:
    tree = shown(seen(STEADY), now=NOW + 59 * SECOND)

    assert "1 target as of 2026-06-01 12:00 UTC." in text_of(tree)
    assert "fedmeta-exporter 1.2.3." in text_of(tree)
    assert [each.get("href") for each in tree.iterfind(".//nav/a")] == [*(f"./{each}" for each in LINKS), ""]
    assert [each.get("href") for each in tree.iterfind(".//link")] == ["./favicon.svg"]


def test_the_page_is_one_whole_document_that_follows_the_readers_colours() -> None:
    text = text_of_page(*(each.record for each in EXAMPLES.values()))

    assert "color-scheme: light dark" in text
    assert "prefers-color-scheme: dark" in text
    # Every element is closed where it should be: XML's parser is not as lenient as HTML's.
    tree = etree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    assert tree.xpath("//script | //@style | //@onclick") == []


# What it costs


def large() -> Record:
    """An aggregate of 5,000 entities, some of them watched."""
    entities = [
        idp(
            certificate("a", not_after=NOW + (nth % 400) * DAY),
            entity_id=f"https://idp{nth}.example.org/idp/shibboleth",
        )
        for nth in range(5000)
    ]
    return after(
        watched("federation", "https://f.example/", watch=("https://idp7*",)),
        good(document(*entities, aggregate=True, valid_until=NOW + 7 * DAY), NOW),
    )


def cpu(page: str, standings: Standings, records: list[Record], name: str, **asked: str) -> tuple[float, int]:
    """Seconds, the least of three, and characters of a page, once its targets are judged."""
    took, text = [], ""
    for _ in range(3):
        began = process_time()
        judged = standings.of(records, NOW)
        if page == "overview":
            text = overview(judged, NOW, Asked.by(asked), status=RUNS)
        else:
            text = target(
                next(each for each in judged if each.record.target.name == name), NOW, Asked.by(asked), version="1"
            )
        took.append(process_time() - began)
    return min(took), len(text)


@pytest.fixture(scope="module")
def crowd() -> tuple[list[Record], Standings]:
    """An aggregate of 5,000 entities and 499 farms, judged already."""
    records = [large(), *(named(seen(ending(nth)), f"fs{nth}") for nth in range(499))]
    standings = Standings()
    standings.of(records, NOW)
    return records, standings


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ("overview", {}),
        ("overview", {"q": "idp4999"}),
        ("overview", {"sort": "name", "start": "440"}),
        ("target", {}),
        ("target", {"q": "idp49", "state": "Steady"}),
        ("target", {"start": "4900", "finding": "40"}),
        ("target", {"entity": "https://idp42.example.org/idp/shibboleth"}),
    ],
)
def test_a_page_of_500_targets_and_5000_entities_is_small_and_little_work(
    page: str, asked: Mapping[str, str], crowd: tuple[list[Record], Standings]
) -> None:
    records, standings = crowd

    seconds, size = cpu(page, standings, records, "federation", **asked)

    assert size < 300_000
    assert seconds < ROUGHLY * 3, "three times as long on a machine that does other things, too"


def test_500_targets_that_were_looked_at_again_are_judged_in_little_time(crowd: tuple[list[Record], Standings]) -> None:
    records, _ = crowd
    first, later = [], []
    for _ in range(3):
        standings, began = Standings(), process_time()
        standings.of(records, NOW)
        first.append(process_time() - began)
        again, began = [replace(each, looks=each.looks[:1] + each.looks[1:]) for each in records], process_time()
        standings.of(again, NOW + SECOND)
        later.append(process_time() - began)
    assert min(later) < min(first) / 2


def test_a_page_of_a_target_judges_no_other(crowd: tuple[list[Record], Standings]) -> None:
    records, _ = crowd
    standings = Standings()
    found = standings.one(records[1], NOW)
    assert found == standing(records[1], NOW)
    assert standings.one(records[1], NOW) is found is standings.of(records[:2], NOW)[1]


def test_twenty_times_as_many_targets_make_no_page_twice_as_large() -> None:
    farm = seen(ending(2))
    records = [named(farm, f"fs{nth}") for nth in range(2000)]
    few, many = Standings(), Standings()
    few.of(records[:100], NOW)
    many.of(records, NOW)

    (_, small), (_, large) = (cpu("overview", *each, "") for each in ((few, records[:100]), (many, records)))

    assert large < 1.2 * small


@pytest.mark.parametrize(("later", "often"), [(SECOND, 1), (DAY, 2)])
def test_an_aggregate_of_500_entities_is_judged_once_for_all_pages(
    later: timedelta, often: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    entities = [idp(certificate("a"), entity_id=f"urn:{number}") for number in range(500)]
    record = after(
        watched("all", "https://a.example/", watch=("urn:1*",)), good(document(*entities, aggregate=True), NOW)
    )
    judged, judge = [], rollover.judge_entity

    def noted(entity: Entity, *args: object, **settings: object) -> object:
        judged.append(entity.entity_id)
        return judge(entity, *args, **settings)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(rollover, "judge_entity", noted)
    standings = Standings()
    # An old document is judged as of two moments.
    at = NOW + later
    overview(standings.of([record], at), at, Asked(), status=RUNS)
    target(standings.one(record, at + SECOND), at + SECOND, Asked(), version="1")

    assert len(judged) == 500 * often
    assert len(set(judged)) == 500
    target(standings.one(record, at + SECOND), at + SECOND, Asked(entity="urn:42"), version="1")
    assert judged[500 * often :] == ["urn:42"] * often
