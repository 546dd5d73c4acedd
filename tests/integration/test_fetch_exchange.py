"""One answer of a service: whatever its status, and only what a service needs to see."""

import asyncio
import ssl
from collections.abc import Awaitable
from dataclasses import replace

import pytest
import trustme
from aiohttp import web
from federation import Federation, free_port

from exporter import fetch
from exporter.config.settings import BasicAuth, IpProtocol, Module, Secret, Tls
from exporter.model import Reason

URL = "https://graph.example.org/v1.0/things"


@pytest.fixture
def module(federation: Federation) -> Module:
    return Module(tls=Tls(ca_file=federation.ca_file))


def soon(seconds: float = 5) -> float:
    return asyncio.get_running_loop().time() + seconds


async def refused(asking: Awaitable[fetch.Response]) -> fetch.FetchError:
    with pytest.raises(fetch.FetchError) as caught:
        await asking
    return caught.value


@pytest.mark.parametrize("status", [200, 302, 404, 429, 503])
async def test_every_status_is_an_answer_with_headers_and_a_body(
    status: int, federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        headers = {"Retry-After": "7", "Location": "https://graph.example.org/"}
        return web.Response(status=status, body=b"token", headers=headers)

    federation.at(URL, answer)

    found = await fetch.exchange(URL, module, client=client, deadline=soon())

    assert (found.status, found.headers["retry-after"], found.body) == (status, "7", b"token")
    assert [request.path for request in federation.requests] == ["/v1.0/things"]
    assert "token" not in repr(found)


async def test_without_a_form_it_is_a_get_with_the_callers_headers_and_no_secret_of_the_module(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    federation.serve(URL, b"")
    module = replace(
        module,
        basic_auth=BasicAuth("jo", Secret(text="hunter2")),
        http_headers={"X-Key": Secret(text="hunter2")},
        tls=replace(module.tls, server_name="other.test", insecure_skip_verify=True, cert_file="/nowhere"),
    )

    await fetch.exchange(URL, module, client=client, deadline=soon(), headers={"accept": "text/xml", "X-Mine": "1"})
    await fetch.exchange(URL, module, client=client, deadline=soon())

    first, second = federation.requests
    assert (first.method, first.headers["X-Mine"]) == ("GET", "1")
    assert not {"Authorization", "X-Key"} & set(first.headers)
    assert second.headers["Accept"] == "application/json"


async def test_a_form_is_posted(federation: Federation, client: fetch.Client, module: Module) -> None:
    forms = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        forms.append((request.method, request.content_type, dict(await request.post())))
        return web.Response()

    federation.at(URL, answer)

    await fetch.exchange(URL, module, client=client, deadline=soon(), form={"scope": "a b", "client_id": "x&y"})

    assert forms == [("POST", "application/x-www-form-urlencoded", {"scope": "a b", "client_id": "x&y"})]


async def test_a_service_is_verified_whatever_the_module_says_of_its_endpoint(
    federation: Federation, client: fetch.Client
) -> None:
    strange = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("sts.test")

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    await federation.speak("sts.test", speak, federation.context(strange))
    module = Module(tls=Tls(insecure_skip_verify=True))

    error = await refused(fetch.exchange("https://sts.test/", module, client=client, deadline=soon()))

    assert error.reason is Reason.TLS_UNTRUSTED


async def test_a_body_above_128_kib_is_not_read(federation: Federation, client: fetch.Client, module: Module) -> None:
    federation.serve(URL, b"x" * 2**17)
    assert len((await fetch.exchange(URL, module, client=client, deadline=soon())).body) == 2**17

    federation.serve(URL, b"x" * (2**17 + 1))
    error = await refused(fetch.exchange(URL, module, client=client, deadline=soon()))
    assert (error.reason, error.detail) == (Reason.TOO_LARGE, "the body is larger than 131072 bytes")


async def test_the_deadline_names_the_service_and_the_phase(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise web.HTTPGone

    federation.at(URL, wait)

    late = await refused(fetch.exchange(URL, module, client=client, deadline=soon(0.3)))
    too_late = await refused(fetch.exchange(URL, module, client=client, deadline=soon(-1)))

    assert (late.reason, late.detail) == (
        Reason.TIMEOUT,
        "graph.example.org did not answer in time; stuck in processing",
    )
    assert too_late.reason is Reason.TIMEOUT
    assert len(federation.requests) == 1


async def test_a_service_that_is_not_there_is_a_failure_of_the_network(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    federation.names.ports["closed.test"] = port = free_port()
    only_six = replace(module, preferred_ip_protocol=IpProtocol.IP6, ip_protocol_fallback=False)

    closed = await refused(fetch.exchange("https://closed.test/", module, client=client, deadline=soon()))
    unknown = await refused(fetch.exchange("https://nowhere.test/", module, client=client, deadline=soon()))
    four = await refused(fetch.exchange(URL, only_six, client=client, deadline=soon()))

    assert (closed.reason, closed.detail) == (
        Reason.REFUSED,
        f"closed.test refuses connections at 127.0.0.1 port {port}",
    )
    assert (unknown.reason, unknown.detail) == (
        Reason.DNS,
        "nowhere.test does not resolve: Name or service not known",
    )
    assert four.detail == "graph.example.org does not resolve: no address of the kind ip6"


async def test_the_way_leads_through_the_modules_proxy(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def want_another_password(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    await federation.speak("proxy.test", want_another_password)
    module = replace(module, proxy_url=Secret(text="http://jo:hunter2@proxy.test:3128"))

    for url in ("https://graph.test/", "http://graph.test/"):
        error = await refused(fetch.exchange(url, module, client=client, deadline=soon()))
        assert (error.reason, error.detail) == (
            Reason.PROXY,
            "the proxy proxy.test port 3128 refused: HTTP 407 Proxy Authentication Required",
        )


async def test_a_client_certificate_is_not_shown_to_a_service(
    federation: Federation, client: fetch.Client, module: Module, authority: trustme.CA
) -> None:
    shown = []
    context = federation.context(authority.issue_cert("asks.test"))
    context.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(context)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        shown.append(writer.get_extra_info("ssl_object").getpeercert())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    await federation.speak("asks.test", speak, context)
    module = replace(module, tls=replace(module.tls, cert_file="/nowhere/client.pem"))

    assert (await fetch.exchange("https://asks.test/", module, client=client, deadline=soon())).status == 200
    assert shown == [None]
