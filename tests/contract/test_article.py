"""docs/article.md: every paragraph of Microsoft's article has a place here, and every link leads to it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from exporter.exposition.families import FAMILIES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "article.md").read_text(encoding="utf-8")
ROWS: Sequence[Sequence[str]] = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith(("|--", "| The article says", "| It happens that"))
]
LINKS: Sequence[tuple[str, str, str]] = re.findall(r"\[([^\]]+)\]\(([\w.]+)#([^)]+)\)", PAGE)
ALERTS = {
    rule["alert"]
    for group in yaml.safe_load((ROOT / "alerts" / "fedmeta.rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}

PARAGRAPHS = (
    "whether `AutoCertificateRollover` is True",
    "e-mail or a notification in the portal",
    "35 days (2015: 30)",
    "KB2955164 and KB3094446",
    "`Add-PSSnapin Microsoft.Adfs.PowerShell`",
    "`Microsoft.Entra`",
    "A table of three rows",
    "readable from the public internet",
    "Certificates of a company's own CA",
    "two certificates must be listed",
    "ends within 5 days: `Update-AdfsCertificate -CertificateType Token-Signing`",
    "`Set-MSOLAdfscontext`",
    "`Update-MSOLFederatedDomain`",
    "`-SupportMultipleDomain`",
    "Entra Connect",
    "In an emergency",
    "Other identity providers",
    "events 335, 385, 387",
    "`entity_mismatch`",
    "the commonest *foreign* one",
)
"""What the article says, or what those who follow it meet; each in a row of its own."""

HOMES: Mapping[str, Sequence[str]] = {
    "A message from Microsoft 365 about a certificate": ("e-mail", "admin center", "35"),
    "Old versions of AD FS and its proxies": (
        "Add-PSSnapin Microsoft.Adfs.PowerShell",
        "AD FS 2.0/Admin",
        "KB2955164",
        "KB3094446",
    ),
    "Update Entra ID, domain by domain": ("Set-MsolADFSContext", "-SupportMultipleDomain"),
    "Where to run commands": ("Microsoft.Entra", "Get-EntraFederationProperty", "Microsoft.Graph"),
    "Events of AD FS": ("AD FS/Admin", "335", "381", "385", "387", "389", "249", "143"),
    "FedmetaMetadataOfAnotherEntity": ("entity_mismatch", "IssuerUri", "`entity_id`"),
    "FedmetaTrustForeignCertificate": ("the old certificate after a renewal by hand",),
}
"""Where in docs/runbooks.md each thing that nobody had written down is, and words that it must have there."""


def anchors(page: str) -> Mapping[str, str]:
    """The anchors of a page's headings, as GitHub makes them, and the headings."""
    headings = re.findall(r"^#+ (.*)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-").lower(): heading for heading in headings}


def test_a_row_says_something_in_its_first_and_links_to_what_to_do_in_its_last_cell() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row) == 3, row
        assert row[0].endswith("."), row
        assert "](runbooks.md#" in row[2], row


@pytest.mark.parametrize("paragraph", PARAGRAPHS)
def test_every_paragraph_has_exactly_one_row(paragraph: str) -> None:
    assert sum(paragraph in row[0] for row in ROWS) == 1


@pytest.mark.parametrize(("text", "page", "anchor"), LINKS)
def test_a_link_leads_to_a_heading(text: str, page: str, anchor: str) -> None:
    heading = anchors(page).get(anchor)

    assert heading
    if page == "runbooks.md":
        assert text == heading


def test_there_are_no_other_links() -> None:
    assert len(LINKS) == PAGE.count("](")


def test_what_watches_a_paragraph_exists() -> None:
    assert set(re.findall(r"\bFedmeta\w+", PAGE)) <= ALERTS
    assert set(re.findall(r"\bfedmeta_\w+", PAGE)) <= {family.name for family in FAMILIES}


@pytest.mark.parametrize("heading", HOMES)
def test_what_nobody_had_written_down_stands_in_its_section(heading: str) -> None:
    text = (DOCS / "runbooks.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}\n((?:(?!## ).*\n)*)", text, re.MULTILINE)

    assert section
    assert [each for each in HOMES[heading] if each not in section[1]] == []
    assert heading in {found for found, page, _ in LINKS if page == "runbooks.md"}


def test_the_readme_and_the_runbooks_link_to_the_page() -> None:
    assert "](docs/article.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](article.md#" in (DOCS / "runbooks.md").read_text(encoding="utf-8")
