"""What Microsoft says of a failure in its own words, made fit to be shown: short, printable, without our secrets."""

import re
from collections.abc import Iterable

from exporter import fetch
from exporter.names import told

LONGEST = 300
"""Characters of what is shown."""
_NUMBERS = re.compile(r"(?:Trace ID|Correlation ID|Timestamp): ")
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
    return told(fetch.hidden(_NUMBERS.split(text, maxsplit=1)[0], secrets), LONGEST)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
