"""Names that others chose, in as many characters as are shown of one. Pure."""

from hashlib import sha256

LONGEST = 512
"""Characters of a name that are shown; it stands in a label of seven series, and in as many places of the page."""

_DIGITS = 8
"""Of the SHA-256: enough that two names of one farm never become one."""

LONGEST_SHORTENED = LONGEST + len("…") + _DIGITS


def shortened(name: str) -> str:
    """A name as it is shown: whole, or its beginning and a digest of the whole."""
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}…{sha256(name.encode(errors='surrogatepass')).hexdigest()[:_DIGITS]}"
