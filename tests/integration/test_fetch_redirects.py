"""Where redirects lead is asked of the address that is connected to, and not of the name."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from federation import Federation, free_port

from exporter import fetch
from exporter.config.settings import Authorization, BasicAuth, Module, Secret
from exporter.fetch.addresses import Special, barred_name
from exporter.fetch.names import System
from exporter.model import Reason

BODY = b"<EntityDescriptor/>"
OWN = "and that is the exporter's own machine"


@dataclass
class Host:
    """A server at an address of loopback, which notes who comes."""

    address: str
    port: int = 0
    location: str = ""
    """Where it sends everybody but those who want ``/document``; empty: nobody is sent anywhere."""
    came: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.came.append(str(request.rel_url))
        if self.location and request.path != "/document":
            return web.Response(status=302, headers={"Location": self.location})
        return web.Response(body=BODY)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/"


@asynccontextmanager
async def serving(*hosts: Host) -> AsyncIterator[None]:
    """All of them at the same port, for as long as the block lasts."""
    runners = [web.ServerRunner(web.Server(each.answer, access_log=None), shutdown_timeout=0.01) for each in hosts]
    port = 0
    for host, runner in zip(hosts, runners, strict=True):
        await runner.setup()
        await web.TCPSite(runner, host.address, port).start()
        port = host.port = runner.addresses[0][1]
    try:
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


class Rebinding(AbstractResolver):
    """Leads a name to other addresses at each look-up, and to the last ones for ever."""

    def __init__(self, *answers: Iterable[str]) -> None:
        self.answers = [list(each) for each in answers]

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        del family
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0)
            for each in found
        ]

    async def close(self) -> None:
        pass


async def refused(fetching: Awaitable[fetch.Answer]) -> fetch.FetchError:
    with pytest.raises(fetch.FetchError) as caught:
        await fetching
    return caught.value


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.2",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "0x7f000002",
        "0x7f.0.0.2",
        "2130706434",
        "017700000002",
        "127.2",
        "127.0.0.2.",
        "１２７.０.０.２",  # noqa: RUF001 -- digits that IDNA takes for others
        "%31%32%37.0.0.2",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "0.0.0.0",  # noqa: S104 -- where it leads, and nothing is bound there
        "[::]",
        "[::1]",
        "[fe80::1]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "224.0.0.1",
    ],
)
async def test_a_redirect_to_such_an_address_reaches_nobody_in_whatever_spelling(spelling: str) -> None:
    target, inside = Host("127.0.0.1"), Host("127.0.0.2")
    async with serving(target, inside), fetch.client(resolver=System()) as client:
        target.location = f"http://{spelling}:{inside.port}/internal"
        error = await refused(fetch.fetch(target.url, Module(), client=client, timeout=5))

    assert (error.reason, inside.came) == (Reason.REDIRECT, [])
    assert error.detail.startswith("HTTP 302 Found to ")
    assert ", and that is " in error.detail


ZONES = [
    *(
        "zN",
        "x",
        "lo",
        "0",
        "1",
        "99",
        "4294967295",
        "4294967296",
        "9" * 40,
        "z" * 70,
        "%2500",
        "%25c3%25a9",
        "é",
        "a.b",
    ),
    *("%20", "..", "x" * 3000, "%0a", "xn--zz", ""),
]


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone[:12])
@pytest.mark.parametrize("address", ["fe80::1", "2001:db8::1"])
async def test_an_address_with_any_zone_as_target_or_redirect_is_a_documented_failure(address: str, zone: str) -> None:
    target = Host("127.0.0.1")
    async with serving(target), fetch.client(resolver=System()) as client:
        target.location = url = f"http://[{address}%25{zone}]:9/"
        looked_at = await refused(fetch.fetch(url, Module(), client=client, timeout=0.5))
        redirected = await refused(fetch.fetch(target.url, Module(), client=client, timeout=0.5))

    documented = {Reason.UNREACHABLE, Reason.REFUSED, Reason.TIMEOUT, Reason.REDIRECT, Reason.DNS}
    assert {looked_at.reason, redirected.reason} <= documented
    assert len(redirected.detail) < 1000
    assert redirected.detail.isprintable()


@pytest.mark.parametrize("host", ["[fe80::1%25{}]", "[2001:db8::1%25{}]", "{}.localhost"])
async def test_what_was_sent_is_not_shown_where_a_redirect_has_it_in_its_host(host: str) -> None:
    module = Module(authorization=Authorization("Bearer", Secret("granted-hunter2")))
    target = Host("127.0.0.1")
    async with serving(target), fetch.client(resolver=System()) as client:
        target.location = f"http://{host.format('granted-hunter2')}:9/"
        error = await refused(fetch.fetch(target.url, module, client=client, timeout=5))

    assert error.reason in {Reason.REDIRECT, Reason.UNREACHABLE, Reason.DNS}
    assert "hunter2" not in error.detail


async def test_an_address_with_a_zone_that_is_none_cannot_be_reached() -> None:
    async with fetch.client(resolver=System()) as client:
        error = await refused(fetch.fetch("http://[fe80::1%25zN]/", Module(), client=client, timeout=5))

    why = "the zone of the address is none of this machine's"
    assert (error.reason, error.detail) == (
        Reason.UNREACHABLE,
        f"no way to fe80::1%zN (fe80::1%25zN) at fe80::1 port 80: {why}",
    )


async def test_a_name_that_leads_elsewhere_the_second_time_reaches_nobody() -> None:
    target, inside = Host("127.0.0.1"), Host("127.0.0.2")
    names = Rebinding(["127.0.0.1"], ["127.0.0.2"])
    async with serving(target, inside), fetch.client(resolver=names) as client:
        target.location = f"http://rebinding.test:{inside.port}/internal"
        error = await refused(fetch.fetch(f"http://rebinding.test:{target.port}/", Module(), client=client, timeout=5))

    assert (error.reason, target.came, inside.came) == (Reason.REDIRECT, ["/"], [])
    assert error.detail == f"a redirect leads to rebinding.test at 127.0.0.2, {OWN}"


async def test_what_was_looked_up_ahead_does_not_count_for_another_port() -> None:
    target, inside = Host("127.0.0.1"), Host("127.0.0.2")
    names = Rebinding(["127.0.0.1"], ["127.0.0.2"])
    async with serving(inside), serving(target), fetch.client(resolver=names) as client:
        url = f"http://rebinding.test:{target.port}/"
        target.location = f"http://rebinding.test:{inside.port}/internal"
        found = await fetch.find(url, Module(), client=client, timeout=5)
        error = await refused(fetch.fetch(url, Module(), client=client, timeout=5, found=found))

    assert (error.reason, inside.came) == (Reason.REDIRECT, [])


async def test_of_several_addresses_those_are_taken_to_which_a_redirect_may_lead() -> None:
    target, inside = Host("127.0.0.1"), Host("127.0.0.2")
    names = Rebinding(["127.0.0.1"], ["127.0.0.2", "169.254.169.254", "127.0.0.1"])
    async with serving(target, inside), fetch.client(resolver=names) as client:
        target.location = f"http://other.test:{target.port}/document"
        answer = await fetch.fetch(f"http://idp.test:{target.port}/", Module(), client=client, timeout=5)

    assert (answer.body, target.came, inside.came) == (BODY, ["/", "/document"], [])


async def test_the_address_that_answered_counts_and_not_another_of_the_same_name() -> None:
    """Whoever publishes a name may add addresses to it at which only the exporter's own machine answers."""
    target = Host("127.0.0.1")
    names = Rebinding(["127.0.0.2", "127.0.0.1"], ["127.0.0.2"])
    async with serving(target), fetch.client(resolver=names) as client:
        target.location = f"http://inside.test:{target.port}/internal"
        error = await refused(fetch.fetch(f"http://idp.test:{target.port}/", Module(), client=client, timeout=5))

    assert (error.reason, target.came) == (Reason.REDIRECT, ["/"])
    assert error.detail == f"a redirect leads to inside.test at 127.0.0.2, {OWN}"


@dataclass
class Guide(Host):
    """Sends each who comes further than the one before."""

    ways: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.location = self.ways.pop(0)
        return await super().answer(request)


async def test_an_address_that_was_barred_on_the_way_is_not_why_the_next_host_is_not_reached() -> None:
    target = Guide("127.0.0.1")
    async with serving(target), fetch.client(resolver=Rebinding(["127.0.0.2", "127.0.0.1"])) as client:
        target.ways = [f"http://inside.test:{target.port}/", f"http://127.0.0.1:{free_port()}/"]
        error = await refused(fetch.fetch(target.url, Module(), client=client, timeout=5))

    assert (error.reason, len(target.came)) == (Reason.REFUSED, 2)


async def test_a_target_that_is_there_itself_may_lead_to_where_it_is_also_on_a_way_round() -> None:
    target, other = Host("127.0.0.2"), Host("127.0.0.1")
    async with serving(target, other), fetch.client(resolver=System()) as client:
        for spelling in ("0x7f000002", "[::ffff:127.0.0.2]", "127.0.0.2"):
            target.location = f"http://{spelling}:{target.port}/document"
            answer = await fetch.fetch(target.url, Module(), client=client, timeout=5)
            assert answer.body == BODY

    assert (len(target.came), other.came) == (6, [])


class Proxy:
    """A proxy that answers itself, and notes what it is asked for."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.asked: list[str] = []

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split()[1])
        first = len(self.asked) == 1
        answer = f"302 Found\r\nLocation: {self.location}" if first else "200 OK"
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()


@pytest.fixture
def through(federation: Federation, client: fetch.Client) -> Callable[[str, str], Awaitable[tuple[str, list[str]]]]:
    async def told(url: str, location: str) -> tuple[str, list[str]]:
        proxy = Proxy(location)
        await federation.speak("proxy.test", proxy.speak)
        module = Module(proxy_url=Secret(text="http://proxy.test:3128"))
        try:
            await fetch.fetch(url, module, client=client, timeout=5)
        except fetch.FetchError as error:
            return error.detail, proxy.asked
        return "", proxy.asked

    return told


async def test_through_a_proxy_addresses_and_known_names_are_judged_as_they_are_written(
    through: Callable[[str, str], Awaitable[tuple[str, list[str]]]],
) -> None:
    asked = partial(through, "http://idp.test/")
    for location in ("http://0x7f000001/", "http://127.1/", "http://[::ffff:7f00:1]/", "http://%31%32%37.0.0.1/"):
        assert await asked(location) == (f"HTTP 302 Found to {_plain(location)}, {OWN}", ["http://idp.test/"])
    assert await asked("http://localhost/") == (f"HTTP 302 Found to localhost, {OWN}", ["http://idp.test/"])
    for location in ("http://other.test/", "http://10.0.0.1/"):
        assert await asked(location) == ("", ["http://idp.test/", location])
    assert await through("http://127.0.0.1/", "http://0x7f000001/a") == (
        "",
        ["http://127.0.0.1/", "http://0x7f000001/a"],
    )


def _plain(location: str) -> str:
    return str(ipaddress.ip_address("::ffff:7f00:1" if "ffff" in location else "127.0.0.1"))


async def test_what_an_endpoint_was_sent_and_sends_back_in_location_is_not_shown(
    client: fetch.Client,
) -> None:
    secret = "correct-horse-battery"  # noqa: S105 -- of this test
    module = Module(basic_auth=BasicAuth("jo", Secret(text=secret)), http_headers={"X-Key": Secret(text="abc")})
    details = []
    for location in (f"ftp-{secret}://x/", f"http://{secret}.test/", f"http://{'a.' * 300}test/", "ftp://x/"):
        host = Host("127.0.0.1", location=location)
        async with serving(host):
            error = await refused(fetch.fetch(f"{host.url}?key=another-secret", module, client=client, timeout=5))
        details.append(error.detail)

    assert details[0] == "HTTP 302 Found to …, which is neither http nor https"
    assert details[1] == "… does not resolve: Name or service not known"
    assert len(details[2]) < 400
    assert details[3] == "HTTP 302 Found to ftp, which is neither http nor https"


def test_a_name_may_lead_to_itself_whatever_it_is() -> None:
    assert barred_name("LocalHost.", "localhost") is None
    assert barred_name("localhost", "idp.example.org") is Special.OWN
