"""Where redirects may not lead, in every spelling of an address, compared with what ``ipaddress`` says of it."""

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.fetch.addresses import Special, barred, barred_name, written

PUBLIC = "93.184.216.34"
METADATA = ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "169.254.170.2")
METADATA_6 = ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fe80::a9fe:a9fe")
IETF = ipaddress.ip_network("192.0.0.0/24")
"""Of these the versions of Python do not say the same."""
NEVER = (*(f"{network}/{length}" for network, length in (("127.0.0.0", 8), ("169.254.0.0", 16), ("224.0.0.0", 4))),)

fours = st.one_of(
    st.ip_addresses(v=4),
    *(st.ip_addresses(network=network) for network in NEVER),
    st.sampled_from([IPv4Address(each) for each in (*METADATA, "0.0.0.0", "10.0.0.1", "192.168.1.1")]),  # noqa: S104 -- compared, not bound
)
numbers = st.sampled_from(("{:d}", "0x{:x}", "0X{:X}", "0{:o}", "000{:o}"))


def is_never(address: IPv4Address | IPv6Address) -> bool:
    """Whether ``ipaddress`` says that an address is nobody's but the exporter's own surroundings."""
    return address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified


def parts(address: IPv4Address) -> Iterator[list[int]]:
    """The numbers that an address may be written as, from four down to one (inet_aton)."""
    first, second, third, fourth = address.packed
    yield [first, second, third, fourth]
    yield [first, second, third << 8 | fourth]
    yield [first, second << 16 | third << 8 | fourth]
    yield [int(address)]


def within(address: IPv4Address) -> Iterator[IPv6Address]:
    """The IPv6 addresses that lead to an IPv4 address."""
    number = int(address)
    for base in ("::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::"):
        yield IPv6Address(int(IPv6Address(base)) + number)
    yield IPv6Address(0x2002 << 112 | number << 80 | 1)
    yield IPv6Address(0x20010000 << 96 | 0x41000000 << 64 | ~number & 2**32 - 1)
    for kind in (0x5EFE, 0x02005EFE):
        yield IPv6Address(0x20010DB9 << 96 | kind << 32 | number)
    if number > 1:
        yield IPv6Address(number)


def judged(address: IPv4Address, spelling: str) -> None:
    found = written(spelling)
    assert found is not None, spelling
    special = barred(found, PUBLIC)
    if is_never(address) or str(address) in METADATA:
        assert special not in {None, Special.PRIVATE}, (spelling, found)
    elif not address.is_global:
        assert special in {None, Special.PRIVATE, Special.OWN}, (spelling, found)
    elif address not in IETF:
        assert special is None, (spelling, found)


@settings(max_examples=300)
@given(fours, st.lists(numbers, min_size=4, max_size=4), st.sampled_from(("", ".")))
def test_an_ipv4_address_is_judged_alike_in_every_spelling(address: IPv4Address, bases: list[str], dot: str) -> None:
    for each in parts(address):
        spelling = ".".join(base.format(number) for base, number in zip(bases, each, strict=False)) + dot
        judged(address, spelling)
        judged(address, "".join(f"%{ord(character):02x}" for character in spelling))
    for six in within(address):
        for spelling in (str(six), six.exploded, str(six).upper(), f"{six}%eth0"):
            judged(address, spelling)
    judged(address, f"::ffff:{address}")


@settings(max_examples=1000)
@given(
    st.one_of(
        st.ip_addresses(v=6),
        *(st.ip_addresses(network=network) for network in ("fe80::/10", "ff00::/8")),
        st.sampled_from([IPv6Address("::"), IPv6Address("::1"), IPv6Address("2606:2800:220:1::1")]),
    )
)
def test_an_ipv6_address_is_judged_as_ipaddress_knows_it(address: IPv6Address) -> None:
    special = barred(f"{address}%2", PUBLIC)

    if is_never(address):
        assert special is not None
        assert special is not Special.PRIVATE
    elif special is None:
        assert not address.is_site_local
        assert address not in ipaddress.ip_network("fc00::/7")


@given(fours, fours)
@example(IPv4Address("127.0.0.1"), IPv4Address("127.0.0.2"))
def test_a_target_may_lead_to_where_it_is_itself_and_to_no_other_such_place(
    home: IPv4Address, other: IPv4Address
) -> None:
    assert barred(str(home), str(home)) is None
    assert barred(f"::ffff:{home}", str(home)) is None
    assert barred(str(home), f"64:ff9b::{home}") is None
    if home != other and is_never(other):
        assert barred(str(other), str(home)) is not None


def test_an_address_in_which_two_are_is_barred_where_the_target_is_at_one_of_them_alone() -> None:
    """6to4 of a public address, and ISATAP of the machine's own."""
    both = IPv6Address(0x2002 << 112 | int(IPv4Address(PUBLIC)) << 80 | 0x5EFE << 32 | 0x7F000001)
    assert barred(str(both), PUBLIC) is Special.OWN
    assert barred(str(both), "127.0.0.1") is None


@pytest.mark.parametrize("address", [*METADATA, *METADATA_6])
def test_the_metadata_of_clouds_are_told_as_such_from_anywhere_else(address: str) -> None:
    for home in ("", PUBLIC, "10.1.2.3", "127.0.0.1", "fd00::1", "169.254.1.1"):
        assert barred(address, home) is Special.METADATA
    assert barred(address, address) is None


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "fd12::1", "64:ff9b::a00:1"]
)
def test_a_private_address_is_barred_for_a_public_target_alone(address: str) -> None:
    assert barred(address, PUBLIC) is Special.PRIVATE
    assert barred(address, "2606:2800:220:1::1") is Special.PRIVATE
    assert barred(address, "10.9.9.9") is None
    assert barred(address, "fd13::1") is None
    assert barred(address, "") is None, "not known is not public"


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "0x7f.org", "1.2.3.4.5", "256.1.1.1", "٣"])
def test_a_name_is_no_address(host: str) -> None:
    assert written(host) is None


def test_names_of_the_machine_itself_and_of_metadata_are_known_without_a_look_up() -> None:
    for host in ("localhost", "LOCALHOST.", "a.localhost", "ip6-localhost"):
        assert barred_name(host, "idp.example.org") is Special.OWN
        assert barred_name(host, f"{host.lower()}") is None
    assert barred_name("metadata.google.internal", "idp.example.org") is Special.METADATA
    assert barred_name("localhost.example.org", "idp.example.org") is None
