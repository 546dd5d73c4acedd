"""HTML out of elements, so that nothing which others wrote becomes markup. Pure."""

from html import escape

_EMPTY = frozenset({"circle", "input", "line", "link", "meta", "rect"})
"""Elements without content; written so that XML has them, too."""


class Html(str):
    """Text that is HTML already: every other text is escaped where it becomes content."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | None) -> Html:
    """An element. Attributes that are None are left out; ``_`` in their names is ``-``, and at the end nothing."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{said}/>" if name in _EMPTY else f"<{name}{said}>{together(*content)}</{name}>")


def together(*content: str) -> Html:
    """Several pieces of content, one after the other."""
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in content))


NOTHING = Html()
