"""A name server on loopback (RFC 1035, over UDP) that says what a test wants, or nothing at all."""

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

A, AAAA = 1, 28


class Code(IntEnum):
    """What a server answers when it has no addresses (RFC 1035 4.1.1)."""

    SERVFAIL = 2
    NXDOMAIN = 3
    REFUSED = 5


@dataclass(frozen=True)
class Late:
    """Addresses that come when so many seconds are over."""

    addresses: Sequence[str]
    seconds: float


Says = Sequence[str] | Code | Late | None
"""Addresses, none of the kind that is wanted being no data; a code; or None: silence."""


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Knows names by a function, and keeps what it was asked."""

    says: Callable[[str], Says]
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Names and types, each as often as it was asked for."""
    peers: set[Any] = field(default_factory=set)
    """Sockets that asked."""
    transport: asyncio.DatagramTransport = field(init=False)

    @property
    def place(self) -> str:
        """Where the server listens, as ``host:port``."""
        return "{}:{}".format(*self.transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        name, kind, question = _question(data)
        self.asked.append((name, kind))
        self.peers.add(addr)
        said = self.says(name)
        if isinstance(said, Late):
            answer = _answer(data, question, kind, said.addresses)
            asyncio.get_running_loop().call_later(said.seconds, self._send, answer, addr)
        elif said is not None:
            self._send(_answer(data, question, kind, said), addr)

    def _send(self, answer: bytes, to: tuple[str | Any, int]) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(answer, to)


@asynccontextmanager
async def nameserver(says: Callable[[str], Says]) -> AsyncIterator[NameServer]:
    """A name server that lasts as long as the block."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(says), ("127.0.0.1", 0))
    server.transport = transport
    yield server
    transport.close()
    # It closes with the next turn of the loop.
    await asyncio.sleep(0)


def _question(message: bytes) -> tuple[str, int, bytes]:
    """The name and type that are asked for, and the question's own bytes."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    (kind,) = struct.unpack_from("!H", message, at + 1)
    return ".".join(labels).lower(), kind, message[12 : at + 5]


def _answer(message: bytes, question: bytes, kind: int, said: Sequence[str] | Code) -> bytes:
    found = [] if isinstance(said, Code) else [ipaddress.ip_address(each).packed for each in said]
    records = [
        struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(packed)) + packed
        for packed in found
        if len(packed) == {A: 4, AAAA: 16}.get(kind)
    ]
    # An answer, recursion desired and available.
    flags = 0x8180 | (said if isinstance(said, Code) else 0)
    return message[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)
