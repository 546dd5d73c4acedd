"""To which addresses a redirect may lead. Pure.

An endpoint that is looked at must not have the exporter ask, in its place, what only the exporter can reach.
"""

import ipaddress
import socket
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import unquote

_Address = IPv4Address | IPv6Address


class Special(StrEnum):
    """What an address is that not everybody means the same host by; the value is for a sentence."""

    METADATA = "a cloud's own service for its machines"
    OWN = "the exporter's own machine"
    LINK_LOCAL = "on the exporter's own link (link-local)"
    MULTICAST = "no single host's (multicast)"
    PRIVATE = "private, while the target's is public"


_NETWORKS: Mapping[Special, tuple[str, ...]] = {
    # AWS, Azure, Google, Oracle, OpenStack and most others; ECS and EKS; Alibaba; Azure's wire server; Oracle, once;
    # and by IPv6 AWS, Google, Oracle and Scaleway.
    Special.METADATA: (
        "169.254.169.254/32",
        "169.254.170.0/24",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
        "fd00:c1::a9fe:a9fe/128",
        "fd00:42::42/128",
        "fe80::a9fe:a9fe/128",
    ),
    # What is unspecified is connected to as loopback.
    Special.OWN: ("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"),
    Special.LINK_LOCAL: ("169.254.0.0/16", "fe80::/10"),
    Special.MULTICAST: ("224.0.0.0/4", "ff00::/8"),
    # Of RFC 1918, RFC 6598, RFC 6890, RFC 2544, RFC 1112, RFC 4193 and RFC 3879.
    Special.PRIVATE: (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "fc00::/7",
        "fec0::/10",
    ),
}
"""The first that holds an address says what it is."""

_KINDS = [(ipaddress.ip_network(network), kind) for kind, networks in _NETWORKS.items() for network in networks]

_ENDS = ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/96")
"""Where the last 32 bits are an IPv4 address: compatible (RFC 4291 2.5.5.1), translated (RFC 2765 2.1), and by NAT64
(RFC 6052 2.1, RFC 8215)."""
_EMBEDDING = [ipaddress.IPv6Network(network) for network in _ENDS]
_ISATAP = {0x00005EFE, 0x02005EFE}
"""The 32 bits that stand before an IPv4 address in an interface identifier (RFC 5214 6.1)."""
_LOW = 2**32 - 1

_OWN_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}
_METADATA_NAMES = {"metadata", "metadata.google.internal", "metadata.goog", "instance-data"}


def written(host: str) -> str | None:
    """The address that a host is written as, in any spelling that a resolver takes for one; None where it is a name.

    Beside the usual ones these are the octal, hexadecimal and short ones of ``inet_aton``.
    """
    plain = unquote(host).removesuffix(".")
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(plain))
    except (OSError, UnicodeError, ValueError):
        return None


def barred(address: str, home: str) -> Special | None:
    """Why a redirect may not lead to an address; None where it may.

    ``home`` is the address at which the target itself answered, where alone it may be the exporter's own machine, its
    link or a cloud's metadata; empty: not known. A private one is barred only where home is known to be public.
    """
    at_home = _meant(home) if home else set()
    elsewhere = _meant(address) - at_home
    found = next((kind for network, kind in _KINDS for each in elsewhere if each in network), None)
    if found is Special.PRIVATE and (not home or any(each in network for network, _ in _KINDS for each in at_home)):
        return None
    return found


def barred_name(host: str, home: str) -> Special | None:
    """Why a redirect may not lead to a name, without looking it up, from a target whose own host is ``home``."""
    name = host.lower().removesuffix(".")
    if name == home.lower().removesuffix("."):
        return None
    if name in _OWN_NAMES or name.endswith(".localhost"):
        return Special.OWN
    return Special.METADATA if name in _METADATA_NAMES else None


def _meant(address: str) -> set[_Address]:
    """An address without its zone, and the IPv4 address in it that a gateway or the system would go to."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(plain, IPv4Address):
        return {plain}
    number = int(plain)
    found: list[IPv4Address | None] = [plain.ipv4_mapped, plain.sixtofour, plain.teredo[1] if plain.teredo else None]
    # ::1 is no IPv4 address, and neither is ::.
    if number > 1 and (any(plain in each for each in _EMBEDDING) or number >> 32 & _LOW in _ISATAP):
        found.append(IPv4Address(number & _LOW))
    return {plain, *filter(None, found)}
