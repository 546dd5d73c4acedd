"""One node behind a service name: connected to by its address, asked for and verified by the service's name."""

import asyncio
import ssl
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from federation import Federation, free_port

from exporter import fetch
from exporter.config.settings import Module, Secret, Tls
from exporter.model import Phase, Reason

URL = "https://sts.example.org/metadata"
OWN = b"what the service name leads to"


class Node:
    """A server of its own with a certificate for some name, and what it was asked for."""

    def __init__(self, body: bytes, *, status: str = "200 OK", location: str = "") -> None:
        moved = f"Location: {location}\r\n" if location else ""
        self._answer = f"HTTP/1.1 {status}\r\n{moved}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self.heads: list[list[str]] = []
        self.names: list[str] = []

    async def open(self, federation: Federation, host: str, *, certified: str | None = "sts.example.org") -> int:
        """Opens the node under a name of its own; gives its port."""
        await federation.speak(host, self._speak, self._context(federation, certified) if certified else None)
        return federation.names.ports[host]

    def _context(self, federation: Federation, certified: str) -> ssl.SSLContext:
        not_after = datetime(2038, 1, 1, tzinfo=UTC)
        context = federation.context(federation.authority.issue_cert(certified, not_after=not_after))

        def note(_connection: ssl.SSLSocket | ssl.SSLObject, name: str, _context: ssl.SSLContext) -> None:
            self.names.append(name)

        context.sni_callback = note
        return context

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines())
        writer.write(self._answer)
        await writer.drain()


@pytest.fixture
def module(federation: Federation) -> Module:
    federation.serve(URL, OWN)
    return Module(tls=Tls(ca_file=federation.ca_file))


async def refused(fetching: Awaitable[fetch.Answer]) -> fetch.FetchError:
    with pytest.raises(fetch.FetchError) as caught:
        await fetching
    return caught.value


async def test_each_node_is_asked_by_the_name_of_the_service_and_serves_its_own_document(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    first, second = Node(b"first"), Node(b"second")
    addresses = [f"127.0.0.1:{await node.open(federation, 'node.test')}" for node in (first, second)]

    answers = [await fetch.fetch(URL, module, client=client, timeout=5, address=each) for each in (*addresses, None)]

    assert [each.body for each in answers] == [b"first", b"second", OWN]
    assert first.names == second.names == ["sts.example.org"]
    assert all("Host: sts.example.org" in node.heads[0] for node in (first, second))
    assert "GET /metadata HTTP/1.1" in first.heads[0]
    assert federation.names.asked == ["sts.example.org"]
    assert answers[0].tls_not_after == datetime(2038, 1, 1, tzinfo=UTC)
    assert Phase.TLS in answers[0].phases


async def test_a_node_may_have_a_name_and_has_the_port_of_the_url_unless_it_has_its_own(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    plain, other = Node(b"port of the url"), Node(b"own port")
    federation.names.ports["wap1.test", 443] = await plain.open(federation, "plain.test")
    federation.names.ports["wap1.test", 8443] = await other.open(federation, "other.test")

    for address, body in (("wap1.test", b"port of the url"), ("wap1.test:8443", b"own port")):
        assert (await fetch.fetch(URL, module, client=client, timeout=5, address=address)).body == body

    assert plain.names == other.names == ["sts.example.org"]


async def test_the_port_of_the_url_stays_in_what_the_node_is_asked_for(
    federation: Federation, client: fetch.Client
) -> None:
    node = Node(b"plain")
    port = await node.open(federation, "node.test", certified=None)

    answer = await fetch.fetch(
        "http://sts.example.org:8080/", Module(), client=client, timeout=5, address=f"127.0.0.1:{port}"
    )

    assert answer.body == b"plain"
    assert "Host: sts.example.org:8080" in node.heads[0]


async def test_a_node_with_a_certificate_for_another_name_does_not_pass(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    node = Node(b"secret")
    port = await node.open(federation, "wap1.test", certified="wap1.test")

    error = await refused(fetch.fetch(URL, module, client=client, timeout=5, address=f"127.0.0.1:{port}"))

    assert error.reason is Reason.TLS_NAME
    assert error.detail == (
        f"the TLS certificate of sts.example.org at 127.0.0.1 port {port} is for another name than sts.example.org"
    )
    assert error.tls_not_after == datetime(2038, 1, 1, tzinfo=UTC)
    assert node.heads == []


async def test_a_redirect_to_the_service_stays_at_the_node_and_any_other_leaves_it(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    port = await Node(b"", status="302 Found", location="https://sts.example.org/metadata/").open(federation, "a.test")
    error = await refused(fetch.fetch(URL, module, client=client, timeout=5, address=f"127.0.0.1:{port}"))
    assert (error.reason, error.detail) == (Reason.REDIRECT, "more than 5 redirects")

    federation.serve("https://other.example.org/", b"elsewhere")
    port = await Node(b"", status="302 Found", location="https://other.example.org/").open(federation, "b.test")
    answer = await fetch.fetch(URL, module, client=client, timeout=5, address=f"127.0.0.1:{port}")
    assert answer.body == b"elsewhere"

    federation.names.ports["sts.example.org", 444] = federation.names.ports["*", 443]
    federation.serve("https://sts.example.org:444/", b"another port")
    port = await Node(b"", status="302 Found", location="https://sts.example.org:444/").open(federation, "c.test")
    answer = await fetch.fetch(URL, module, client=client, timeout=5, address=f"127.0.0.1:{port}")
    assert answer.body == b"another port"


async def test_what_goes_wrong_after_a_redirect_elsewhere_is_not_laid_to_the_node(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    node = Node(b"", status="302 Found", location="https://gone.test/")
    port = await node.open(federation, "node.test")

    error = await refused(fetch.fetch(URL, module, client=client, timeout=5, address=f"127.0.0.1:{port}"))

    assert (error.reason, error.detail) == (Reason.DNS, "gone.test does not resolve: Name or service not known")


async def test_a_node_that_is_not_there_is_told_with_the_service_and_the_place(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    port = free_port()
    closed = await refused(fetch.fetch(URL, module, client=client, timeout=5, address=f"127.0.0.1:{port}"))
    unknown = await refused(fetch.fetch(URL, module, client=client, timeout=5, address="wap9.test"))
    sixth = await refused(fetch.fetch(URL, module, client=client, timeout=5, address=f"[::1]:{port}"))
    without_port = await refused(fetch.fetch(URL, module, client=client, timeout=5, address="[fe80::1]"))

    assert (closed.reason, closed.detail) == (
        Reason.REFUSED,
        f"sts.example.org refuses connections at 127.0.0.1 port {port}",
    )
    assert (unknown.reason, unknown.detail) == (
        Reason.DNS,
        "sts.example.org at wap9.test port 443 does not resolve: Name or service not known",
    )
    assert sixth.reason in {Reason.REFUSED, Reason.UNREACHABLE}
    assert f"at ::1 port {port}" in sixth.detail
    assert without_port.reason is Reason.UNREACHABLE
    assert without_port.detail.startswith("no way to sts.example.org at fe80::1 port 443: ")
    assert federation.requests == []


async def test_through_a_proxy_the_address_does_not_count(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    proxied = replace(module, proxy_url=Secret(text="http://proxy.test:3128/"))

    error = await refused(fetch.fetch(URL, proxied, client=client, timeout=5, address="127.0.0.1"))

    assert error.reason is Reason.PROXY
    assert federation.names.asked == ["proxy.test"]
