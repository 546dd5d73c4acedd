"""Hosts as a person writes them and as DNS has them, and which none can be. Pure."""

from yarl import URL

from exporter.config.urls import is_ip_address

LONGEST_NAME = 253
"""Characters of a name in DNS at most (RFC 1035 3.1)."""
_LABEL = 63
"""Characters that stand between two dots of a name at most."""
_NAMED = 80
"""Characters that are shown of what is no host."""


def spelled(host: str) -> str:
    """A host for a sentence: as a person writes it, and as DNS has it (RFC 5890 2.3.2.1) where that differs."""
    try:
        url = URL.build(scheme="http", host=host)
        name, written = url.host, url.raw_host
    except ValueError:
        return host
    return host if name == written else f"{name} ({written})"


def no_name(host: str) -> str:
    """Why a host is no name that DNS can hold (RFC 1035 2.3.4, RFC 3492), for a person; empty where it may be one."""
    if is_ip_address(host):
        return ""
    fault = f"it is longer than {LONGEST_NAME} characters"
    if len(host) <= LONGEST_NAME:
        fault = next(filter(None, map(_label_fault, host.split("."))), "")
    return fault and f"{host[:_NAMED]} is no name that DNS can hold: {fault}"


def _label_fault(label: str) -> str:
    if len(label) > _LABEL:
        # To encode one takes the longer the longer it is.
        return f"a part of it is longer than {_LABEL} characters"
    try:
        # Alone, one that ends with a digit might be an address.
        url = URL.build(scheme="http", host=f"{label}.test")
    except UnicodeError:
        return f"a part of it has no encoding (xn--) of at most {_LABEL} characters"
    except ValueError:
        # What may stand in a URL at all is asked elsewhere.
        return ""
    try:
        _ = url.host
    except UnicodeError:
        return f"{label} is broken punycode"
    return ""
