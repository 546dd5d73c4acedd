"""Texts of the other side without the secrets that it was sent. Pure."""

import base64
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote, quote_plus

_PIECE = 8
"""So many characters in a row of a secret are taken for it: who quotes may cut."""
_STEP = 4
_BLOCK = _PIECE - _STEP + 1
"""In each piece stands a block of so many characters that begins at a multiple of the step in the secret."""
_READ = 4096
"""Characters of a text that are looked at: many times what is shown of one."""


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A text on one line, its words apart by one space; a word that may be of a secret is ``…``.

    Of a long text only the beginning is there, and the word in which that ends is ``…``. The event loop waits for this:
    text and secrets may both be the other side's choice, and a token is the longest of them.
    """
    text, cut = text[:_READ], len(text) > _READ
    places = _places(_folded(text), {_folded(form) for secret in secrets for form in _forms(secret)})
    if cut:
        # What more of it there is may be what makes it a secret.
        places.add(_READ - 1)
    words = ("…" if places.intersection(range(*word.span())) else word.group() for word in re.finditer(r"\S+", text))
    return " ".join(words)


def _folded(text: str) -> str:
    """A text in small letters, each where its large one was: a few have two small ones in their place."""
    if text.isascii():
        return text.lower()
    return "".join(small if len(small := each.lower()) == 1 else each for each in text)


def _places(text: str, forms: Collection[str]) -> set[int]:
    """Where the characters are that stand in one of these forms in the same order, some in a row."""
    pieces = _pieces(text, forms)
    lengths = {len(piece) for piece in pieces}
    return {
        place
        for length in lengths
        for at in range(len(text) - length + 1)
        if text[at : at + length] in pieces
        for place in range(at, at + length)
    }


def _pieces(text: str, forms: Collection[str]) -> set[str]:
    """The pieces of these forms that may stand in a text: all that do, and few that do not.

    Forms are long, and most have nothing of the text in them. So of the pieces around a block this one is looked for,
    and they are made where it is found.
    """
    blocks = {text[at : at + _BLOCK] for at in range(len(text))}
    around = {
        form[max(0, at - _STEP + 1) : at + _PIECE]
        for form in forms
        for at in range(0, len(form), _STEP)
        if form[at : at + _BLOCK] in blocks
    }
    short = {form for form in forms if 0 < len(form) < _PIECE}
    return short | {each[at : at + _PIECE] for each in around for at in range(len(each) - _PIECE + 1)}


def _forms(secret: str) -> Iterator[str]:
    """How a secret may be written by whoever quotes it, or what it stood in."""
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield html.escape(secret)
    yield json.dumps(secret)[1:-1]
    content = secret.encode()
    for first in range(3):
        # What base64 makes of it depends on how many bytes stand before it.
        yield base64.b64encode(content[first : first + (len(content) - first) // 3 * 3]).decode()
