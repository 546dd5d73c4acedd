"""What every page has: its style, its head and its foot."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files

from exporter.page.asked import Asked
from exporter.page.html import NOTHING, Html, element, together

_STYLE = (files("exporter.page") / "style.css").read_text("utf-8")

POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; img-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The pages' Content-Security-Policy: their own style, by its hash, their icon and their form, and nothing else."""

ICON = (files("exporter.page") / "icon.svg").read_text("utf-8")
"""What a browser shows in the page's tab (SVG)."""


_LINKS = (
    ("Targets", ""),
    ("Runbooks", "runbooks"),
    ("Metrics", "metrics"),
    ("Configuration", "config"),
    ("Health", "-/healthy"),
    ("Readiness", "-/ready"),
)


def framed(title: str, *body: Html, root: str, version: str) -> str:
    """A whole page. ``root`` leads from it to the first page, and ends with a slash."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("link", rel="icon", type="image/svg+xml", href=f"{root}favicon.svg"),
        # As it is: escaped, it would be another than the one whose hash is allowed.
        Html(f"<style>{_STYLE}</style>"),
    )
    nav = element(
        "nav",
        *(together(element("a", text, href=f"{root}{place}"), Html("\n")) for text, place in _LINKS),
        element("a", "Refresh", href=""),
        aria_label="Exporter",
    )
    foot = f"fedmeta-exporter {version}. Primary and promotion are inferred: metadata has no marker for them."
    whole = element("html", head, element("body", nav, element("main", *body), element("footer", foot)), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"


def paragraph(text: str, css: str | None = None) -> Html:
    """A paragraph, or nothing where there is no text."""
    return element("p", text, class_=css) if text else NOTHING


def table(rows: Iterable[tuple[str, str]]) -> Html:
    """A table of labels, and what stands beside each."""
    return element("table", *(element("tr", _label(label), element("td", text)) for label, text in rows))


def _label(text: str) -> Html:
    return element("th", text, scope="row") if text else element("td")


def field(title: str, control: Html) -> Html:
    """A field of a form with its title."""
    return element("label", title, control)


def summary(title: str, name: str, counts: Mapping[str, tuple[str, int]], asked: Asked, *, at: str = "") -> Html:
    """How many there are of each kind, each a link to those alone; ``at`` is where on the page they stand (``#id``)."""
    chosen = getattr(asked, name)
    if chosen and chosen not in counts:
        # It can be taken back, also where there is none.
        counts = {**counts, chosen: ("", 0)}
    if not counts:
        return NOTHING
    links = (
        element(
            "li",
            element(
                "a",
                f"{words} {count}",
                href=asked.but(**{name: "" if words == chosen else words}, start=0, entity="") + at,
                class_=css or None,
                aria_current="true" if words == chosen else None,
            ),
        )
        for words, (css, count) in counts.items()
    )
    return element("ul", *links, class_="chips", aria_label=title)
