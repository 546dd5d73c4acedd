"""The page of the runbooks that the exporter serves: all of docs/runbooks.md, and where the alerts lead."""

import re
from pathlib import Path
from textwrap import dedent
from urllib.parse import urldefrag, urljoin

import pytest
import yaml
from lxml import html
from pages import LINKS

from exporter.page.runbooks import rendered, runbooks
from exporter.rules import RUNBOOKS, Form, rules

SOURCE = (Path(__file__).parents[2] / "docs" / "runbooks.md").read_text(encoding="utf-8")
PAGE = html.document_fromstring(runbooks("1.2.3"))
HERE = "http://exporter:10059/runbooks"


def of(text: str) -> html.HtmlElement:
    return html.document_fromstring(rendered(text, version="1.2.3"))


def test_the_section_of_every_alert_is_where_its_link_leads_when_that_is_the_exporter_itself() -> None:
    groups = yaml.safe_load(rules(Form.RULES, runbooks=HERE))["groups"]
    links = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert len(links) > 40
    for link in links:
        page, anchor = urldefrag(link)
        assert page == HERE
        assert PAGE.get_element_by_id(anchor).text_content().lower() == anchor


def test_every_heading_is_there_in_its_order_with_an_anchor_of_its_own() -> None:
    headings = PAGE.xpath("//h1 | //h2 | //h3 | //h4")
    told = re.findall(
        r"^#+ (.*)$", re.sub(r"^ *```.*?^ *```$", "", SOURCE, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    assert [each.text_content() for each in headings] == told
    assert len({each.get("id") for each in headings}) == len(told)


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Promote", "promote"),
        ("Renew by hand (enterprise CA)", "renew-by-hand-enterprise-ca"),
        ("Roll back / emergency", "roll-back--emergency"),
        ("Update Entra ID, domain by domain", "update-entra-id-domain-by-domain"),
        ("What `ca_file` is [for](#for)", "what-ca_file-is-for"),
    ],
)
def test_an_anchor_is_the_one_that_github_makes(heading: str, anchor: str) -> None:
    assert of(f"## {heading}\n").xpath("string(//h2/@id)") == anchor


def test_every_command_is_there_as_it_is_to_be_copied() -> None:
    blocks = re.findall(r"^ *```\w+\n(.*?)^ *```$", SOURCE, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 40
    assert [each.text_content() for each in PAGE.iter("pre")] == [dedent(block) for block in blocks]


def test_every_link_leads_into_the_page_to_the_targets_or_into_the_repository() -> None:
    links = [link for _, _, link, _ in PAGE.iterlinks()]
    within = {link for link in links if link.startswith("#")}
    assert {link[1:] for link in within} <= set(PAGE.xpath("//@id"))
    beside = {urljoin(RUNBOOKS, link) for link in re.findall(r"\]\(([^#)][^)]*)\)", SOURCE)}
    assert set(links) - within == beside | {f"./{each}" for each in (*LINKS, "favicon.svg")} | {"", RUNBOOKS}
    assert {
        link.partition("docs/")[2].partition("#")[0] for link in beside if link.startswith(urljoin(RUNBOOKS, "./"))
    } <= {path.name for path in (Path(__file__).parents[2] / "docs").iterdir()}


def test_every_cell_says_of_which_column_it_is() -> None:
    for table in PAGE.iter("table"):
        columns = [each.text_content() for each in table.iter("th")]
        assert columns
        for row in table.xpath("tbody/tr"):
            assert [cell.get("data-column") for cell in row] == columns


def test_a_tag_and_an_address_that_runs_something_are_text() -> None:
    text = '<script>alert(1)</script>\n\n<b onclick="x()">bold</b> [here](javascript:alert(1))\n'
    page = of(text)
    assert not page.xpath("//script | //b | //@onclick | //a[contains(@href, 'javascript')]")
    assert "<script>alert(1)</script>" in page.text_content()


def test_the_page_needs_nothing_but_its_style_and_its_icon() -> None:
    assert not PAGE.xpath("//@style | //@src | //script | //link[@rel!='icon'] | //img | //iframe | //form")
