"""Names and words that others chose, as they are shown: printable, and not too many characters. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches
from hashlib import sha256
from heapq import nlargest
from itertools import islice, pairwise

LONGEST = 512
"""Characters of a name that are shown; it stands in a label of seven series, and in as many places of the page."""

_DIGITS = 8
"""Of the SHA-256: enough that two names of one farm never become one."""

MOST_NEAR = 5000
"""Names among which a near one is looked for."""

LONGEST_NEAR = 200
"""Characters of a name that may be near another."""

_COMPARED, _NEAR, _SLIP = 10, 0.8, 3
"""Names that are compared letter by letter; how much of two names is the same where they are near, and by how many
letters one may be longer."""

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


def nearest(name: str, known: Iterable[str]) -> str:
    """The name among thousands that somebody who wrote another one most likely meant; empty: none is near."""
    if len(name) > LONGEST_NEAR:
        return ""
    meant = _essence(name)
    pairs = _pairs(meant)
    essences = {_essence(each): each for each in islice(known, MOST_NEAR) if len(each) <= LONGEST_NEAR}
    near = {each: whole for each, whole in essences.items() if abs(len(each) - len(meant)) <= _SLIP}
    # To compare letter by letter takes long: so those few that have the most pairs of letters in common.
    few = nlargest(_COMPARED, near, key=lambda each: len(pairs & _pairs(each)) - len(pairs ^ _pairs(each)))
    return next((near[each] for each in get_close_matches(meant, few, n=1, cutoff=_NEAR)), "")


def _pairs(text: str) -> set[tuple[str, str]]:
    return set(pairwise(text))


def _essence(name: str) -> str:
    """A name without what people get wrong in addresses: capitals, http:// or https://, the slash at the end."""
    return name.lower().removeprefix("http://").removeprefix("https://").rstrip("/")


def counted(count: int, thing: str) -> str:
    """A number and its noun, whose plural ends in ``s``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
