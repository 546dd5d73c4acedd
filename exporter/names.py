"""Names and words that others chose, as they are shown: printable, and not too many characters. Pure."""

from hashlib import sha256

LONGEST = 512
"""Characters of a name that are shown; it stands in a label of seven series, and in as many places of the page."""

_DIGITS = 8
"""Of the SHA-256: enough that two names of one farm never become one."""

LONGEST_SHORTENED = LONGEST + len("…") + _DIGITS


def printable(text: str) -> str:
    r"""A text with an escape as in ``\u202e`` for each character that none can print, or that turns the text around.

    What is printable already stays as it is. White space is printable where it is a space.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def told(text: str, longest: int) -> str:
    """A text on one line of at most so many printable characters, with ``…`` for what is left out."""
    line = printable(text[: longest + 1])
    return line if len(line) <= longest else line[: longest - 1] + "…"


def shortened(name: str) -> str:
    """A name as it is shown: whole, or its beginning and a digest of the whole."""
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}…{sha256(name.encode(errors='surrogatepass')).hexdigest()[:_DIGITS]}"


def counted(count: int, thing: str) -> str:
    """A number and its noun, whose plural ends in ``s``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
