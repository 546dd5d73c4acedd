"""Whatever a reader asks of the pages, and whatever others wrote, they are whole, and hold no markup of theirs."""

from dataclasses import fields, replace
from urllib.parse import parse_qsl

from builders import NOW
from found import STEADY, seen
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from scrapes import RUNS, aggregate

from exporter.findings import standing
from exporter.page import Asked, overview, target

MARKUP = """"'><script>alert(1)</script>&amp;<b style="x">"""

QUERIES = st.dictionaries(
    st.sampled_from([each.name for each in fields(Asked)]),
    st.text() | st.just(MARKUP) | st.sampled_from(["critical", "Steady", "ends", "3", "urn"]),
)
STANDINGS = [standing(each, NOW) for each in (aggregate(), seen(STEADY))]


@given(QUERIES)
def test_whatever_is_asked_the_pages_are_whole_and_hold_no_markup_of_the_reader(query: dict[str, str]) -> None:
    asked = Asked.by(query)
    pages = [
        overview(STANDINGS, NOW, asked, status=RUNS),
        *(target(each, NOW, asked, version="1") for each in STANDINGS),
    ]
    for page in pages:
        tree = etree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
        assert tree.xpath("//script | //b | //@style") == []


@given(QUERIES, st.integers(0, 999_999))
def test_a_link_asks_for_what_was_asked_but_for_what_it_changes(query: dict[str, str], start: int) -> None:
    asked = Asked.by(query)
    link = asked.but(start=start)

    assert link.startswith("?")
    assert Asked.by(dict(parse_qsl(link[1:]))) == replace(asked, start=start)
