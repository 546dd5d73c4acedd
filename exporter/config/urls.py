"""What of a configured URL may be shown, and whom its host is in DNS. Pure."""

import hashlib
import ipaddress
import re
from urllib.parse import unquote_plus

from yarl import URL

MASK = "***"
"""What stands for what is not shown."""

_USER = re.compile(r"(?<=//)[^/?#]*@")


def shown(url: str) -> str:
    """A URL without what may be secret in it: the values of its query, its user and its fragment are ``***``.

    Nobody can know which values are secrets, so none is shown. A part of the query without a value is one itself.
    """
    place, query, fragment = _parts(url)
    masked = re.sub(r"[^&]+", lambda part: _masked(part.group()), query)
    return _USER.sub(f"{MASK}@", place) + (query and f"?{masked}") + (fragment and f"#{MASK}")


def secrets(url: str) -> tuple[str, ...]:
    """What :func:`shown` masks of a URL's query, decoded."""
    return tuple(unquote_plus(_value(part)) for part in _parts(url)[1].split("&") if part)


def told_apart(url: str) -> str:
    """What is shown of a URL; where that is not all, 8 hex digits of the whole's SHA-256 tell it from others."""
    masked = shown(url)
    return url if masked == url else f"{masked} {hashlib.sha256(url.encode()).hexdigest()[:8]}"


def is_ip_address(host: str) -> bool:
    """Whether a host is named by its address, which may have a zone (RFC 4007)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def dns_name(host: str) -> str:
    """A host as DNS has it, by the very rules by which a fetch looks it up (UTS 46). Raises ValueError.

    By the older rules of Python's own codec (RFC 3490) ``ß`` is ``ss``, and that is another's name.
    """
    # An IPv6 address is no name, and its zone may be anything (RFC 6874).
    return host if ":" in host else URL.build(scheme="http", host=host).raw_host or ""


def _parts(url: str) -> tuple[str, str, str]:
    """Everything before the query, the query, and the fragment."""
    whole, _, fragment = url.partition("#")
    place, _, query = whole.partition("?")
    return place, query, fragment


def _value(part: str) -> str:
    """The value in a part of a query; the part itself where it has none, as base64 has that ends with ``=``."""
    value = part.partition("=")[2]
    return value if value.strip("=") else part


def _masked(part: str) -> str:
    return part.removesuffix(_value(part)) + MASK
