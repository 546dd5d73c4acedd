"""The page of the runbooks, out of docs/runbooks.md, for where the internet is out of reach."""

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from urllib.parse import urljoin

from markdown_it import MarkdownIt
from markdown_it.token import Token

from exporter.rules import RUNBOOKS

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
body * { overflow-wrap: anywhere; }
h1, h2 { line-height: 1.25; } h2 { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1rem; }
h2:target { border-left: .4rem solid #3b82c4; padding-left: .5rem; }
p, li, pre { max-width: 60rem; } li { margin: .25rem 0; }
code { background: #8882; font-size: .9em; }
pre { background: #8882; padding: .5rem; white-space: pre-wrap; } pre code { background: none; }
.language-powershell::before { content: "PowerShell:"; display: block; opacity: .8; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; }
td, td * { overflow-wrap: break-word; } th { overflow-wrap: normal; }
@media (max-width: 60rem) {
thead { display: none; } table, tbody, tr, td { display: block; }
tr { border-top: .2rem solid var(--line); margin: .5rem 0; }
td::before { content: attr(data-column) ": "; opacity: .8; }
}
"""

POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: its own style, by its hash, and nothing else."""


@cache
def runbooks() -> bytes:
    """The HTML of docs/runbooks.md, the same at every call; the first takes a tenth of a second."""
    return rendered((files("exporter") / "runbooks.md").read_text("utf-8")).encode()


def rendered(text: str) -> str:
    """The HTML of a page of docs/ in Markdown (CommonMark, with the tables of GitHub Flavored Markdown 4.10).

    Headings have the anchors that GitHub gives them, and links to other pages lead into the repository. A tag in it is
    text.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    _name_headings(tokens)
    _name_cells(tokens)
    _complete_links(tokens)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Runbooks of fedmeta-exporter</title><style>{_STYLE}</style></head><body>\n"
        f'<p><a href="./">All targets</a> · <a href="{RUNBOOKS}">This page on the internet</a></p>\n'
        f"{markdown.renderer.render(tokens, markdown.options, {})}</body></html>\n"
    )


def _name_headings(tokens: Sequence[Token]) -> None:
    """Gives each heading its anchor: small letters, hyphens in place of spaces, and no other signs."""
    for opening, text in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrs["id"] = re.sub(r"[^\w -]", "", _shown(text)).replace(" ", "-").lower()


def _name_cells(tokens: Sequence[Token]) -> None:
    """Gives each cell the name of its column, which stands before it where a screen has no room for columns."""
    columns: list[str] = []
    row = iter(columns)
    for opening, text in pairwise(tokens):
        if opening.type == "thead_open":
            columns = []
        elif opening.type == "tr_open":
            row = iter(columns)
        elif opening.type == "th_open":
            columns.append(_shown(text))
        elif opening.type == "td_open":
            opening.attrs["data-column"] = next(row)


def _complete_links(tokens: Sequence[Token]) -> None:
    """Completes the links that lead to other pages: those are not served here."""
    for link in (each for token in tokens for each in token.children or () if each.type == "link_open"):
        address = f"{link.attrs['href']}"
        if not address.startswith("#"):
            link.attrs["href"] = urljoin(RUNBOOKS, address)


def _shown(text: Token) -> str:
    """What a reader sees of a line."""
    return "".join(each.content for each in text.children or ())
