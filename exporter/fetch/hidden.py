"""Texts of the other side without the secrets that it was sent. Pure."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

_PIECE = 8
"""So many characters in a row of a secret are taken for it: who quotes may cut."""


def hidden(text: str, secrets: Iterable[str]) -> str:
    """A text on one line, its words apart by one space; a word that may be of a secret is ``…``."""
    places = _places(_folded(text), {_folded(form) for secret in secrets for form in _forms(secret)})
    words = ("…" if places.intersection(range(*word.span())) else word.group() for word in re.finditer(r"\S+", text))
    return " ".join(words)


def _folded(text: str) -> str:
    """A text in small letters, each where its large one was: a few have two small ones in their place."""
    return "".join(small if len(small := each.lower()) == 1 else each for each in text)


def _places(text: str, forms: Iterable[str]) -> set[int]:
    """Where the characters are that stand in one of these forms in the same order, some in a row."""
    pieces = {form[at : at + _PIECE] for form in forms for at in range(max(1, len(form) - _PIECE + 1))} - {""}
    lengths = {len(piece) for piece in pieces}
    return {
        place
        for length in lengths
        for at in range(len(text) - length + 1)
        if text[at : at + length] in pieces
        for place in range(at, at + length)
    }


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
