"""HTML out of elements, so that nothing which others wrote becomes markup. Pure."""

import re
from html import escape

from exporter.names import printable

_EMPTY = frozenset({"circle", "input", "line", "link", "meta", "rect"})
"""Elements without content; written so that XML has them, too."""

_LINES = frozenset({"article", "div", "h1", "h2", "h3", "h4", "li", "p", "pre", "table", "td", "th", "tr", "ul"})
"""Elements after which a line ends, for whoever reads the page without its style."""

_IN_NO_ATTRIBUTE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0, section 2.2, has no character for, and HTML none in an attribute."""


class Html(str):
    """Text that is HTML already: every other text is escaped, and made printable, where it becomes content."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | None) -> Html:
    """An element. Attributes that are None are left out; ``_`` in their names is ``-``, and at the end nothing.

    Their values are those of others to the letter, so that links and searches find what they are about.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_IN_NO_ATTRIBUTE.sub(_printed, value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "\n" if name in _LINES else ""
    return Html(f"<{name}{said}/>" if name in _EMPTY else f"<{name}{said}>{together(*content)}</{name}>{end}")


def together(*content: str) -> Html:
    """Several pieces of content, one after the other."""
    return Html("".join(each if isinstance(each, Html) else escape(printable(each)) for each in content))


def _printed(found: re.Match[str]) -> str:
    return printable(found[0])


NOTHING = Html()
