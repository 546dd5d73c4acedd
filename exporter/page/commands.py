"""Commands as they are copied: each on a line of its own, also where no style is read."""

import re
from collections.abc import Iterable

from exporter.page.html import Html, element, together

_HYPHENED = re.compile(r"(\S*-\S*)")


def commands(lines: Iterable[str]) -> Html:
    """A block of commands."""
    # With the style a line is a block, and what stands between blocks is not seen.
    return element("pre", *(piece for each in lines for piece in (element("code", unbroken(each)), Html("\n"))))


def unbroken(text: str) -> Html:
    """A text whose words have no line's end at a hyphen: a hyphen alone is a word of its own in a command."""
    pieces = _HYPHENED.split(text)
    return together(*(element("span", each) if nth % 2 else each for nth, each in enumerate(pieces)))
