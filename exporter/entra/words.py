"""What Microsoft says of a failure in its own words, made fit to be shown: short, printable, without our secrets."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

LONGEST = 300
"""Characters of what is shown."""
_READ = 4096
"""Characters of which that is made."""
_PIECE = 8
"""So many characters in a row of a secret are taken for it: who quotes may cut."""
_NUMBERS = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp): ")
"""Where the description of a token endpoint goes over to what is another with each answer."""


def error_of(content: object) -> tuple[str, str]:
    """Code and message of an error, each of them empty where there is none.

    Graph has both in an object ("Microsoft Graph error responses"), a token endpoint beside each other (RFC 6749
    section 5.2).
    """
    match content:
        case {"error": {"code": code, **others}}:
            return _text(code), _text(others.get("message"))
        case {"error": {"message": message}}:
            return "", _text(message)
        case {"error": code, **others}:
            return _text(code), _text(others.get("error_description"))
    return "", ""


def fit(text: str, secrets: Iterable[str]) -> str:
    """A text of the other side on one line of at most 300 characters; a word that may be of a secret is ``…``."""
    text = _NUMBERS.split(text[:_READ])[0]
    hidden = _places(text.lower(), {form.lower() for secret in secrets for form in _forms(secret)})
    words = ("…" if hidden.intersection(range(*word.span())) else word.group() for word in re.finditer(r"\S+", text))
    line = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in " ".join(words))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


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
