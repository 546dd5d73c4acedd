"""The page of the runbooks, out of docs/runbooks.md, for where the internet is out of reach."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from urllib.parse import urljoin

from markdown_it import MarkdownIt
from markdown_it.token import Token

from exporter.page.commands import unbroken
from exporter.page.frame import framed, paragraph
from exporter.page.html import Html, element, together
from exporter.rules import RUNBOOKS


@cache
def runbooks(version: str) -> str:
    """The HTML of docs/runbooks.md, the same at every call; the first takes a tenth of a second."""
    return rendered((files("exporter") / "runbooks.md").read_text("utf-8"), version=version)


def rendered(text: str, *, version: str) -> str:
    """The HTML of a page of docs/ in Markdown (CommonMark, with the tables of GitHub Flavored Markdown 4.10).

    Headings have the anchors that GitHub gives them, and links to other pages lead into the repository. A tag in it is
    text.
    """
    markdown = MarkdownIt("commonmark", {"html": False, "highlight": _block}).enable("table")
    tokens = markdown.parse(text)
    _name_headings(tokens)
    _name_cells(tokens)
    _complete_links(tokens)
    return framed(
        "Runbooks",
        paragraph(together("The same page ", element("a", "on the internet", href=RUNBOOKS), ".")),
        element("div", Html(markdown.renderer.render(tokens, markdown.options, {})), class_="prose"),
        root="./",
        version=version,
    )


def _block(text: str, _language: str, _rest: str) -> str:
    """The commands of a block."""
    return "".join(f"{unbroken(each)}\n" for each in text.splitlines())


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
