"""Whatever a reader asks of the pages, and whatever others wrote, they are whole, and hold no markup of theirs."""

from dataclasses import fields, replace
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from builders import DAY, NOW, looking, watched
from found import STEADY, refused, seen, trusting
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree
from scrapes import RUNS, after, aggregate, certificate, document, federated, good, idp

from exporter.findings import standing
from exporter.inquiry import TrustReason
from exporter.model import Fault, FaultKind, Signature, SignatureState
from exporter.names import printable
from exporter.page import Asked, overview, target
from exporter.record import Record
from exporter.report import report, status_line

MARKUP = """"'><script>alert(1)</script>&amp;<b style="x">"""

QUERIES = st.dictionaries(
    st.sampled_from([each.name for each in fields(Asked)]),
    st.text() | st.just(MARKUP) | st.sampled_from(["critical", "Steady", "ends", "3", "urn"]),
)
ODD = st.text(st.characters(categories=["Cc", "Cf", "Co", "Zl", "Zp", "Zs", "Lo", "Lu"]), min_size=1)
"""Names of which each may turn the line around, or be seen by nobody."""
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


def named(text: str) -> list[Record]:
    """Targets of which all that others chose is a text: one that is read, one that is refused, and one of Entra ID."""
    farm = looking(watched(text, "https://idp.example/", watch=("*",)), node=text, vantage=text)
    ended = certificate("1", not_after=NOW - DAY, subject=text, issuer=text)
    found = document(
        idp(ended, entity_id=text),
        idp(ended, entity_id=f"{text}2"),
        aggregate=True,
        signature=Signature(SignatureState.INVALID, None, text),
    )
    faults = tuple(Fault(kind, text, text) for kind in FaultKind)
    found = replace(found, metadata=replace(found.metadata, faults=faults))
    asked = trusting(seen(STEADY), replace(federated(signing=ended), service=text), TrustReason.TIMEOUT)
    domains = tuple(replace(each, domain=text) for each in asked.domains)
    entra = replace(asked.target.entra, domains=(text, text)) if asked.target.entra else None
    return [
        after(farm, good(found, NOW)),
        after(farm, replace(refused(), detail=text)),
        replace(asked, target=replace(asked.target, entra=entra), domains=domains),
    ]


@given(ODD)
def test_nothing_that_others_wrote_is_seen_but_what_can_be_printed(text: str) -> None:
    asked = Asked(severity=text, state=text, q=text, entity=text)
    standings = [standing(each, NOW) for each in named(text)]
    pages = [
        overview(standings, NOW, replace(asked, q=""), status=RUNS),
        *(overview(standings, NOW, Asked(q=each), status=RUNS) for each in ("", text)),
        *(target(each, NOW, Asked(entity=whom), version="1") for each in standings for whom in ("", text, f"{text}3")),
        *(target(each, NOW, asked, version="1") for each in standings),
    ]
    for page in pages:
        tree = etree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
        # Lines end only between elements.
        assert "".join(each for each in tree.xpath("//text()[not(parent::style)]") if each != "\n").isprintable()
    for each in standings:
        assert all(line.isprintable() for line in report(each, NOW).split("\n"))
    assert status_line(standings, "CRITICAL", NOW).isprintable()


@given(st.text(st.sampled_from("./%2eE\\?#:é"), min_size=1, max_size=4))
@example(".")
@example("..")
@example("%2e")
def test_a_name_leads_to_its_page_or_nowhere(name: str) -> None:
    record = seen(STEADY)
    page = overview(
        [standing(replace(record, target=replace(record.target, name=name)), NOW)], NOW, Asked(), status=RUNS
    )
    (heading,) = etree.fromstring(page.removeprefix("<!DOCTYPE html>\n")).iterfind(".//article/h2")

    assert "".join(heading.itertext()) == name
    links = [urljoin("http://exporter.test/fed/", each.get("href", "")) for each in heading]
    # A browser takes an address apart as the URL standard says: there "." may be written "%2e", too.
    resolved = [PurePosixPath(urlsplit(each).path) for each in links]
    assert [unquote(each.name) for each in resolved] == ([] if name in {".", ".."} else [name])
    assert all(each.parent == PurePosixPath("/fed/targets") for each in resolved)
    assert not any(unquote(each.name) in {".", ".."} for each in resolved)


@given(ODD, ODD)
def test_two_names_that_differ_are_seen_to_differ(one: str, other: str) -> None:
    assert (printable(one) == printable(other)) == (one == other)
    assert printable(printable(one)) == printable(one)
