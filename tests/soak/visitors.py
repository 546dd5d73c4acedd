"""Connections to an exporter over which little or nothing is said."""

import socket
from urllib.parse import urlsplit


def address(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


def opened(url: str, said: bytes = b"") -> socket.socket:
    """A connection on which so much was said."""
    connection = socket.create_connection(address(url), timeout=30)
    try:
        # Who has one connection too many may be cut off before it has said a word.
        connection.sendall(said)
    except OSError:
        connection.close()
    return connection
