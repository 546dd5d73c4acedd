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

PARAGRAPHS: Mapping[str, Sequence[str]] = {
    "must be the same": ("Compare the thumbprints with AD FS's own",),
    "With the defaults AD FS renews": ("AD FS generates and promotes by itself",),
    "e-mail or a notification in the portal": ("shows in its admin center",),
    "35 days (2015: 30)": ("begins to read the metadata daily", "this is when Entra ID reads it daily"),
    "KB2955164 and KB3094446": ("KB2955164", "Every WAP must be able to take the new certificate"),
    "whether `AutoCertificateRollover` is True": ("Any federation server says which one is primary",),
    "`Add-PSSnapin Microsoft.Adfs.PowerShell`": ("Add-PSSnapin Microsoft.Adfs.PowerShell",),
    "`Microsoft.Entra`": ("Get-EntraFederationProperty -DomainName",),
    "Step 3: act": ("**days left** of the primary",),
    "A table of three rows": ("Microsoft's own table has three rows",),
    "readable from the public internet": ("Fetch the document.", "Let the internet read this one path"),
    "Certificates of a company's own CA": ("Ask the CA for a certificate",),
    "two certificates must be listed": (
        "Two token-signing certificates must be listed now",
        "Repeat from `$domain` in step 3 for the next domain",
    ),
    "ends within 5 days: `Update-AdfsCertificate -CertificateType Token-Signing`": (
        "Two token-signing certificates must be listed now",
    ),
    "`Set-MSOLAdfscontext`": ("`Set-MsolADFSContext` → nothing",),
    "`-SupportMultipleDomain`": ("`-SupportMultipleDomain` → one call for each domain",),
    "Entra Connect": ('Do not use "reset trust"',),
    "In an emergency": ("Update-AdfsCertificate -CertificateType Token-Signing -Urgent",),
    "Other identity providers": ("**Another identity provider than AD FS**",),
    "AD FS promotes 5 days after": ("From this moment AD FS signs with the successor",),
    "Entra ID's two slots": ("writes the slot that does **not** hold it",),
    "the commonest *foreign* one": ("It is left over from an earlier rollover",),
    "events 335, 385, 387": ("| 385 |",),
    "`entity_mismatch`": ("about another entity than this target's",),
    "given the certificate by hand": ("AD FS does not know which of them read its metadata",),
    "token-decrypting certificate ends": ("The token-decrypting certificate is renewed in the same way",),
    "TLS certificate of the address": ("Get a certificate from a public CA",),
}
"""What the article says, or what those who follow it meet, each in a row of its own. For each link that says what to
do the words that make its section the right one: no other section has them."""

HOMES: Mapping[str, Sequence[str]] = {
    "A message from Microsoft 365 about a certificate": ("e-mail", "admin center", "35"),
    "Old versions of AD FS and its proxies": (
        "Add-PSSnapin Microsoft.Adfs.PowerShell",
        "AD FS 2.0/Admin",
        "KB2955164",
        "KB3094446",
    ),
    "Update Entra ID, domain by domain": (
        "Set-MsolADFSContext",
        "-SupportMultipleDomain",
        "April and May 2025",
        "Another identity provider than AD FS",
    ),
    "Where to run commands": (
        "Microsoft.Entra",
        "Get-EntraFederationProperty",
        "Microsoft.Graph",
        "days only where `CertificateThresholdMultiplier` is 1440",
        "`CertificateRolloverInterval` is how many minutes",
    ),
    "Events of AD FS": ("AD FS/Admin", "335", "381", "385", "387", "389", "249", "143"),
    "FedmetaMetadataOfAnotherEntity": ("entity_mismatch", "IssuerUri", "`entity_id`"),
    "FedmetaTrustForeignCertificate": ("the old certificate after a renewal by hand",),
}
"""Where in docs/runbooks.md each thing that nobody had written down is, and words that it must have there."""


SECTIONS: Mapping[str, str] = dict(
    re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", (DOCS / "runbooks.md").read_text(encoding="utf-8"), re.MULTILINE)
)


def linked(cell: str) -> Sequence[str]:
    """The headings of docs/runbooks.md that a cell links to, in their order."""
    return [anchors("runbooks.md")[each] for each in re.findall(r"\]\(runbooks\.md#([^)]+)\)", cell)]


def holding(words: str) -> Sequence[str]:
    """The sections of docs/runbooks.md that have these words."""
    return [heading for heading, text in SECTIONS.items() if words in " ".join(text.split())]


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


def test_a_row_leads_to_the_one_section_that_speaks_of_it() -> None:
    assert len(ROWS) == len(PARAGRAPHS)
    for row in ROWS:
        (words,) = (words for paragraph, words in PARAGRAPHS.items() if paragraph in row[0])
        assert [holding(each) for each in words] == [[each] for each in linked(row[2])], row[0]


def test_an_alert_that_watches_a_paragraph_and_what_to_do_lead_to_each_other() -> None:
    def leads(one: str, other: str) -> bool:
        return one == other or f"(#{anchor_of(other)})" in SECTIONS[one]

    for row in ROWS:
        for alert in linked(row[1]):
            assert any(leads(alert, do) or leads(do, alert) for do in linked(row[2])), f"{row[0]} {alert}"


def anchor_of(heading: str) -> str:
    return next(anchor for anchor, found in anchors("runbooks.md").items() if found == heading)


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
    section = " ".join(SECTIONS[heading].split())

    assert [each for each in HOMES[heading] if each not in section] == []
    assert heading in {found for found, page, _ in LINKS if page == "runbooks.md"}


def test_the_readme_and_the_runbooks_link_to_the_page() -> None:
    assert "](docs/article.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](article.md#" in (DOCS / "runbooks.md").read_text(encoding="utf-8")
