"""How a fetch is let in, and that no secret goes where it does not belong."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import encode_basic_auth, web
from cryptography.hazmat.primitives import serialization
from federation import Federation, free_port, joined

from exporter import fetch
from exporter.config.settings import Authorization, BasicAuth, Module, OAuth2, Secret, Tls
from exporter.model import Reason

URL = "https://idp.example.org/metadata"
TOKEN_URL = "https://login.example.org/token"  # noqa: S105 -- an address
BODY = b"<EntityDescriptor/>"
SECRET = "hunter2 & co"  # noqa: S105 -- no real one


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def module(federation: Federation) -> Module:
    return Module(tls=Tls(ca_file=federation.ca_file))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(federation: Federation, clock: Clock) -> AsyncIterator[fetch.Client]:
    async with fetch.client(resolver=federation.names, clock=clock) as opened:
        yield opened


async def refused(fetching: Awaitable[fetch.Answer]) -> fetch.FetchError:
    with pytest.raises(fetch.FetchError) as caught:
        await fetching
    assert "hunter2" not in str(caught.value)
    return caught.value


async def sent(federation: Federation, client: fetch.Client, module: Module) -> dict[str, str]:
    """The headers that the endpoint got."""
    federation.serve(URL, BODY)
    assert (await fetch.fetch(URL, module, client=client, timeout=5)).body == BODY
    return dict(federation.requests[-1].headers)


async def test_basic_authentication_is_sent_in_utf_8(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    headers = await sent(federation, client, replace(module, basic_auth=BasicAuth("jo", Secret(text="pässword"))))

    assert headers["Authorization"] == encode_basic_auth("jo", "pässword", encoding="utf-8")


async def test_a_secret_in_a_file_is_read_anew_at_every_use_without_its_line_break(
    federation: Federation, client: fetch.Client, module: Module, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    module = replace(
        module,
        authorization=Authorization("Bearer", Secret(file=str(file))),
        http_headers={"X-Key": Secret(text="key")},
    )

    for token, encoding in (("first", "utf-8"), ("second", "utf-8-sig")):
        file.write_text(f"{token}\r\n", encoding=encoding)
        headers = await sent(federation, client, module)
        assert (headers["Authorization"], headers["X-Key"]) == (f"Bearer {token}", "key")


async def test_a_secret_in_the_environment_is_read_anew_at_every_use_without_its_line_break(
    federation: Federation, client: fetch.Client, module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = replace(module, http_headers={"X-Key": Secret(variable="FEDMETA_TEST_KEY")})

    for key in ("first", "second"):
        monkeypatch.setenv("FEDMETA_TEST_KEY", f"{key}\n")
        assert (await sent(federation, client, module))["X-Key"] == key


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "its environment variable is not set, or empty"),
        ("", "its environment variable is not set, or empty"),
        ("hunter2\udcff", "its environment variable is not UTF-8"),
        ("hunter2\nX-Injected: yes", "a line break or another control character in it"),
    ],
)
async def test_a_variable_that_holds_no_secret_is_named_and_its_value_is_not(
    value: str | None, complaint: str, client: fetch.Client, module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FEDMETA_TEST_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("FEDMETA_TEST_KEY", value)
    module = replace(module, http_headers={"X-Key": Secret(variable="FEDMETA_TEST_KEY")})

    error = await refused(fetch.fetch(URL, module, client=client, timeout=5))

    assert (error.reason, error.detail) == (Reason.CREDENTIALS, f"http_headers.X-Key: {complaint}")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"hunter2\r\nX-Injected: yes", "a line break or another control character in it"),
        (b"hunter2\xff", "{file} is not UTF-8"),
    ],
)
async def test_a_secret_that_no_header_can_hold_is_refused(
    *, content: bytes, complaint: str, federation: Federation, client: fetch.Client, module: Module, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    module = replace(module, http_headers={"X-Key": Secret(file=str(file))})

    error = await refused(fetch.fetch(URL, module, client=client, timeout=5))

    assert (error.reason, error.detail) == (Reason.CREDENTIALS, f"http_headers.X-Key: {complaint.format(file=file)}")
    assert federation.requests == []


async def test_another_origin_gets_no_secret_and_the_first_none_once_another_led_back_to_it(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def to_other(_: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound("https://other.example.org/")

    async def back(_: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound("https://idp.example.org/found")

    federation.at(URL, to_other)
    federation.at("https://other.example.org/", back)
    federation.serve("https://idp.example.org/found", BODY)
    module = replace(
        module, basic_auth=BasicAuth("jo", Secret(text=SECRET)), http_headers={"X-Key": Secret(text=SECRET)}
    )

    await fetch.fetch(URL, module, client=client, timeout=5)

    secrets = [{"Authorization", "X-Key"} & set(request.headers) for request in federation.requests]
    assert secrets == [{"Authorization", "X-Key"}, set(), set()]


async def test_a_redirect_within_the_origin_keeps_the_credentials(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def moved(_: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound("https://someone:else@idp.example.org:443/found")

    federation.at(URL, moved)
    federation.serve("https://idp.example.org/found", BODY)

    await fetch.fetch(URL, replace(module, basic_auth=BasicAuth("jo", Secret(text="x"))), client=client, timeout=5)

    assert [each.headers["Authorization"] for each in federation.requests] == [encode_basic_auth("jo", "x")] * 2


def grants(federation: Federation, *tokens: dict[str, Any], status: int = 200) -> list[dict[str, str]]:
    """Lets the token endpoint answer with these in turn; gives the forms it will have got."""
    forms: list[dict[str, str]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        forms.append({**{name: str(value) for name, value in (await request.post()).items()}, **request.headers})
        return web.json_response(tokens[len(forms) - 1], status=status)

    federation.at(TOKEN_URL, answer)
    return forms


OAUTH2 = OAuth2("me/us", Secret(text=SECRET), TOKEN_URL, ("a", "b"), {"resource": "urn:x"})


async def test_a_token_is_asked_for_once_and_kept_until_shortly_before_its_end(
    federation: Federation, client: fetch.Client, module: Module, clock: Clock
) -> None:
    module = replace(module, oauth2=OAUTH2)
    forms = grants(
        federation,
        {"access_token": "one", "token_type": "Bearer", "expires_in": "3600"},
        {"access_token": "two", "expires_in": 3600},
    )
    federation.serve(URL, BODY)

    await asyncio.gather(*(fetch.fetch(URL, module, client=client, timeout=5) for _ in range(5)))
    clock.now = 3539
    assert (await sent(federation, client, module))["Authorization"] == "Bearer one"
    assert len(forms) == 1
    clock.now = 3540
    assert (await sent(federation, client, module))["Authorization"] == "Bearer two"

    assert (forms[0]["grant_type"], forms[0]["scope"], forms[0]["resource"]) == ("client_credentials", "a b", "urn:x")
    assert forms[0]["Authorization"] == encode_basic_auth("me%2Fus", "hunter2+%26+co")


@pytest.mark.parametrize("life", [{}, "soon", float("nan"), float("inf"), pytest.param(10**400, id="10**400")])
async def test_a_token_without_a_life_is_used_once(
    life: object, federation: Federation, client: fetch.Client, module: Module
) -> None:
    grants(federation, {"access_token": "one"}, {"access_token": "two", "expires_in": life})
    module = replace(module, oauth2=replace(OAUTH2, scopes=()))

    assert (await sent(federation, client, module))["Authorization"] == "Bearer one"
    assert (await sent(federation, client, module))["Authorization"] == "Bearer two"
    with pytest.raises(fetch.FetchError):
        await sent(federation, client, module)


async def test_a_token_that_the_endpoint_refuses_is_not_shown_again(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    forms = grants(
        federation, *({"access_token": token, "expires_in": 3600} for token in ("others", "one", "two", "never"))
    )
    other = replace(module, oauth2=replace(OAUTH2, client_id="other"))
    module = replace(module, oauth2=OAUTH2)
    await sent(federation, client, other)

    async def refuse(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=401)

    federation.at(URL, refuse)
    assert (await refused(fetch.fetch(URL, module, client=client, timeout=5))).detail == "HTTP 401 Unauthorized"

    assert (await sent(federation, client, module))["Authorization"] == "Bearer two"
    assert (await sent(federation, client, other))["Authorization"] == "Bearer others"
    assert len(forms) == 3


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        ({"error": "invalid_client", "error_description": SECRET}, 401, "invalid_client (HTTP 401)"),
        ({"error": "invalid_client", "error_codes": [7000222]}, 401, "invalid_client, AADSTS7000222 (HTTP 401)"),
        ({"error": "invalid_client", "error_codes": [SECRET]}, 401, "invalid_client (HTTP 401)"),
        ({"error": SECRET}, 400, "an answer without a token (HTTP 400)"),
        ({"error": ["x"]}, 400, "an answer without a token (HTTP 400)"),
        ({"access_token": ""}, 200, "an answer without a token (HTTP 200)"),
        ({"access_token": "line\nbreak"}, 200, "an answer without a token (HTTP 200)"),
        ({"access_token": "x" * 8193}, 200, "the token has more than 8192 characters"),
        ({"access_token": "x", "token_type": "mac"}, 200, "it is no bearer token"),
        ([], 200, "HTTP 200 without JSON"),
    ],
)
async def test_a_token_that_is_not_granted_says_why_and_shows_no_secret(
    *,
    answer: dict[str, Any],
    status: int,
    detail: str,
    federation: Federation,
    client: fetch.Client,
    module: Module,
) -> None:
    grants(federation, answer, status=status)

    error = await refused(fetch.fetch(URL, replace(module, oauth2=OAUTH2), client=client, timeout=5))

    assert (error.reason, error.detail) == (Reason.CREDENTIALS, f"no token from login.example.org: {detail}")
    assert error.http_status is None


def test_a_token_may_have_as_many_characters_as_servers_take_in_a_line() -> None:
    token = "x" * 8192

    assert fetch.granted(200, json.dumps({"access_token": token}).encode()) == fetch.Grant(token, 0.0)


async def test_a_token_endpoint_that_speaks_html_or_not_at_all_is_told(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    module = replace(module, oauth2=OAUTH2)
    for body in (b"<html>", b"[" * 100_000):
        federation.serve(TOKEN_URL, body)
        error = await refused(fetch.fetch(URL, module, client=client, timeout=5))
        assert error.detail == "no token from login.example.org: HTTP 200 without JSON"

    federation.names.ports["login.example.org"] = port = free_port()
    error = await refused(fetch.fetch(URL, module, client=client, timeout=5))
    assert error.reason is Reason.CREDENTIALS
    assert error.detail == (
        f"no token from login.example.org: login.example.org refuses connections at 127.0.0.1 port {port}"
    )


async def test_a_token_endpoint_that_never_answers_is_not_the_endpoints_fault(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def wait(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise web.HTTPGone

    federation.at(TOKEN_URL, wait)

    error = await refused(fetch.fetch(URL, replace(module, oauth2=OAUTH2), client=client, timeout=0.1))

    assert (error.reason, error.detail) == (
        Reason.CREDENTIALS,
        "the module's credentials could not be had in time",
    )


async def mutual(federation: Federation, authority: trustme.CA) -> str:
    """A host that asks for a client certificate."""
    context = federation.context(authority.issue_cert("mutual.test"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    await federation.speak("mutual.test", speak, context)
    return "https://mutual.test/"


async def test_a_client_certificate_opens_the_door(
    federation: Federation, client: fetch.Client, module: Module, authority: trustme.CA, tmp_path: Path
) -> None:
    url = await mutual(federation, authority)
    pem = tmp_path / "client.pem"
    authority.issue_cert("exporter.test").private_key_and_cert_chain_pem.write_to_path(str(pem))
    module = replace(module, tls=replace(module.tls, cert_file=str(pem)))

    assert (await fetch.fetch(url, module, client=client, timeout=5)).body == b"ok"


async def test_without_a_client_certificate_the_endpoints_own_is_seen_all_the_same(
    federation: Federation, client: fetch.Client, module: Module, authority: trustme.CA
) -> None:
    error = await refused(fetch.fetch(await mutual(federation, authority), module, client=client, timeout=5))

    # TLS 1.3 servers refuse after the handshake, and asyncio does not always hand their alert on.
    assert error.reason in {Reason.TLS, Reason.RESET}
    assert error.tls_not_after is not None


async def test_another_origin_gets_no_client_certificate_and_is_asked_for_by_its_own_name(
    federation: Federation, client: fetch.Client, module: Module, authority: trustme.CA, tmp_path: Path
) -> None:
    came: list[tuple[str, bool]] = []

    async def serves(host: str, name: str, answer: bytes) -> None:
        context = federation.context(authority.issue_cert(name))
        context.verify_mode = ssl.CERT_OPTIONAL
        authority.configure_trust(context)
        asked: list[str] = []
        context.sni_callback = lambda _socket, name, _context: asked.append(name)

        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            came.append((asked.pop(), bool(writer.get_extra_info("peercert"))))
            writer.write(answer)
            await writer.drain()

        await federation.speak(host, speak, context)

    moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://%s/\r\n\r\n"
    await serves("first.test", "named.test", moved % b"other.test")
    await serves("other.test", "other.test", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    leaf = authority.issue_cert("exporter.test")
    leaf.cert_chain_pems[0].write_to_path(str(certificate))
    leaf.private_key_pem.write_to_path(str(key))
    tls = replace(module.tls, cert_file=str(certificate), key_file=str(key), server_name="named.test")

    answer = await fetch.fetch("https://first.test/", replace(module, tls=tls), client=client, timeout=5)

    assert (answer.body, came) == (b"ok", [("named.test", True), ("other.test", False)])


async def test_the_server_name_and_no_verification_are_as_the_module_says(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    port = federation.names.ports["*", 443]
    url = federation.serve(f"https://127.0.0.1:{port}/", BODY)
    named = replace(module, tls=replace(module.tls, server_name="idp.example.org"))
    unverified = replace(module, tls=Tls(insecure_skip_verify=True))
    from_nobody = replace(module, tls=Tls())

    assert (await fetch.fetch(url, named, client=client, timeout=5)).body == BODY
    answer = await fetch.fetch(url, unverified, client=client, timeout=5)
    assert (answer.body, answer.tls_not_after is None) == (BODY, False)
    assert (await refused(fetch.fetch(url, module, client=client, timeout=5))).reason is Reason.TLS_NAME
    assert (await refused(fetch.fetch(url, from_nobody, client=client, timeout=5))).reason is Reason.TLS_UNTRUSTED


async def test_a_changed_authority_file_is_read_again_and_an_unchanged_one_is_not(
    federation: Federation, client: fetch.Client, module: Module, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    stranger = trustme.CA(key_type=trustme.KeyType.ECDSA)
    stranger.cert_pem.write_to_path(str(file))
    tls = Tls(ca_file=str(file))
    module = replace(module, tls=tls)
    federation.serve(URL, BODY)
    assert (await refused(fetch.fetch(URL, module, client=client, timeout=5))).reason is Reason.TLS_UNTRUSTED
    first = await client.contexts.get(tls)
    assert await client.contexts.get(tls) is first

    federation.authority.cert_pem.write_to_path(str(file))
    os.utime(file, (1, 1))

    assert (await fetch.fetch(URL, module, client=client, timeout=5)).body == BODY
    assert await client.contexts.get(tls) is not first
    assert await client.contexts.get(Tls()) is await client.contexts.get(Tls())


@pytest.fixture
def rubbish_file(tmp_path: Path) -> Path:
    path = tmp_path / "rubbish.pem"
    path.write_text("rubbish")
    return path


@pytest.fixture
def locked_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """A certificate and its key, which wants a password."""
    leaf = authority.issue_cert("exporter.test")
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    path = tmp_path / "locked.pem"
    path.write_bytes(leaf.cert_chain_pems[0].bytes() + key)
    return path


async def test_tls_files_that_cannot_be_used_are_named(
    client: fetch.Client, rubbish_file: Path, locked_file: Path, tmp_path: Path
) -> None:
    missing, rubbish, locked = str(tmp_path / "missing"), str(rubbish_file), str(locked_file)
    complaints = {
        Tls(ca_file=missing): f"cannot read {missing}: No such file or directory",
        Tls(ca_file=rubbish): f"no certification authority in {rubbish}",
        Tls(cert_file=rubbish): f"no usable client certificate and key in {rubbish}",
        Tls(cert_file=locked): f"no usable client certificate and key in {locked}",
        Tls(cert_file=locked, key_file=rubbish): f"no usable client certificate and key in {locked} and {rubbish}",
    }

    for tls, complaint in complaints.items():
        error = await refused(fetch.fetch(URL, Module(tls=tls), client=client, timeout=5))
        assert (error.reason, error.detail) == (Reason.CREDENTIALS, complaint)


class Proxy:
    """An HTTP proxy: tunnels for https, and for http an answer of its own."""

    def __init__(self, federation: Federation, *, status: str = "200 OK") -> None:
        self._federation = federation
        self._status = status
        self.requests: list[str] = []

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        if not request.startswith("CONNECT"):
            writer.write(f"HTTP/1.1 {self._status}\r\nContent-Length: 2\r\n\r\nok".encode())
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await joined(reader, writer, self._federation.names.ports["*", 443])


PROXY = Secret(text="http://jo:hunter2@proxy.test:3128/")


async def test_https_goes_through_the_proxys_tunnel_and_the_proxy_gets_its_password_alone(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    proxy = Proxy(federation)
    await federation.speak("proxy.test", proxy.speak)

    headers = await sent(federation, client, replace(module, proxy_url=PROXY))

    assert proxy.requests[0].startswith("CONNECT idp.example.org:443 ")
    assert f"Proxy-Authorization: {encode_basic_auth('jo', 'hunter2')}" in proxy.requests[0]
    assert not any("hunter2" in value or name.startswith("Proxy") for name, value in headers.items())
    assert federation.names.asked == ["proxy.test"]


async def test_plain_http_is_asked_of_the_proxy(federation: Federation, client: fetch.Client) -> None:
    proxy = Proxy(federation)
    await federation.speak("proxy.test", proxy.speak)

    answer = await fetch.fetch("http://idp.test/x", Module(proxy_url=PROXY), client=client, timeout=5)

    assert answer.body == b"ok"
    assert proxy.requests[0].startswith("GET http://idp.test/x ")
    assert f"Proxy-Authorization: {encode_basic_auth('jo', 'hunter2')}" in proxy.requests[0]


async def test_a_certificate_that_fails_behind_a_proxy_is_told_without_its_date(
    federation: Federation, client: fetch.Client
) -> None:
    await federation.speak("proxy.test", Proxy(federation).speak)

    error = await refused(fetch.fetch(URL, Module(proxy_url=PROXY), client=client, timeout=5))

    assert (error.reason, error.tls_not_after) == (Reason.TLS_UNTRUSTED, None)


async def test_a_proxy_that_wants_another_password_is_a_failed_proxy(
    federation: Federation, client: fetch.Client
) -> None:
    await federation.speak("proxy.test", Proxy(federation, status="407 No").speak)

    error = await refused(fetch.fetch("http://idp.test/", Module(proxy_url=PROXY), client=client, timeout=5))

    assert (error.reason, error.detail) == (
        Reason.PROXY,
        "the proxy proxy.test port 3128 refused: HTTP 407 Proxy Authentication Required",
    )


PAGE = b"<html>Sign in to the guest network first</html>"
HTML = b"Content-Type: text/html\r\n"


async def proxied(federation: Federation, client: fetch.Client, module: Module, *says: bytes, ends: bool = True) -> str:
    """What is told where a proxy answers CONNECT with these bytes, a pause between them, and then ends or waits."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"CONNECT ")
        for number, each in enumerate(says):
            if number:
                # What follows the head comes after our part of the handshake.
                await reader.read(1)
            writer.write(each)
            await writer.drain()
        if ends:
            writer.close()
        else:
            await reader.read()

    await federation.speak("proxy.test", speak)
    error = await refused(fetch.fetch(URL, replace(module, proxy_url=PROXY), client=client, timeout=5 if ends else 2))
    assert (error.http_status, error.clock, error.tls_not_after) == (None, None, None)
    assert "hunter2" not in error.detail
    assert not federation.requests
    return f"{error.reason}: {error.detail}"


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        (True, [b"HTTP/1.1 200 OK\r\n" + HTML + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE]),
        (True, [b"HTTP/1.1 200 OK\r\n" + HTML + b"\r\n", PAGE]),
        (True, [b"HTTP/1.0 200 OK\r\n\r\n", b"\r\n" + PAGE]),
        (True, [b"HTTP/1.0 200 OK\r\nDate: Mon, 01 Jun 2026 00:00:00 GMT\r\n\r\n" + PAGE]),
        (True, [b"HTTP/1.1 200 OK\r\n" + HTML + b"Content-Length: 0\r\n\r\n"]),
        # It waits for more, and so do we.
        (False, [b"HTTP/1.1 200 OK\r\n" + HTML + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE]),
    ],
)
async def test_a_proxy_that_answers_with_a_page_in_place_of_a_tunnel_is_named(
    *, says: list[bytes], ends: bool, federation: Federation, client: fetch.Client, module: Module
) -> None:
    told = await proxied(federation, client, module, *says, ends=ends)

    assert told == "proxy: the proxy proxy.test port 3128 answers HTTP 200 OK with a page in place of a tunnel"


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://login.test/\r\n\r\n" + PAGE, "refused: HTTP 302 Found"),
        (
            b"HTTP/1.1 403 No\r\n" + HTML + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE,
            "refused: HTTP 403 Forbidden",
        ),
        (b"HTTP/1.1 502 hunter2\r\n\r\n", "refused: HTTP 502 Bad Gateway"),
        (b"HTTP/1.1 204 None\r\n\r\n", "refused: HTTP 204 No Content"),
        (b"", "closed the connection without an answer"),
    ],
)
async def test_a_proxy_that_refuses_a_tunnel_is_named_with_its_status(
    says: bytes, told: str, federation: Federation, client: fetch.Client, module: Module
) -> None:
    assert await proxied(federation, client, module, says) == f"proxy: the proxy proxy.test port 3128 {told}"


async def test_a_proxy_that_speaks_something_else_is_named(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    told = await proxied(federation, client, module, b"SSH-2.0-hunter2\r\n\r\n")

    assert told == "proxy: the answer of the proxy proxy.test port 3128 is not HTTP"


@pytest.mark.parametrize("says", [b"220 mail.test ESMTP\r\n", b"\x15\x03\x03\x00\x02\x02\x28"])
async def test_what_comes_through_a_tunnel_and_is_no_page_is_the_endpoints(
    says: bytes, federation: Federation, client: fetch.Client, module: Module
) -> None:
    told = await proxied(federation, client, module, b"HTTP/1.1 200 Connection established\r\n\r\n", says)

    assert told.startswith("tls: no TLS with idp.example.org: ")


async def test_a_proxy_that_wants_another_password_is_a_failed_proxy_also_in_an_internationalised_domain(
    federation: Federation, client: fetch.Client
) -> None:
    await federation.speak("xn--bcher-kva.test", Proxy(federation, status="407 No").speak)
    module = Module(proxy_url=Secret(text="http://jo:hunter2@bücher.test"))

    error = await refused(fetch.fetch("http://idp.test/", module, client=client, timeout=5))

    assert (error.reason, error.clock) == (Reason.PROXY, None)
    assert error.detail == (
        "the proxy bücher.test (xn--bcher-kva.test) port 80 refused: HTTP 407 Proxy Authentication Required"
    )


async def test_a_proxy_that_is_not_there_is_not_the_endpoints_fault(
    federation: Federation, client: fetch.Client
) -> None:
    unknown = await refused(fetch.fetch(URL, Module(proxy_url=PROXY), client=client, timeout=5))
    federation.names.ports["proxy.test"] = free_port()
    closed = await refused(fetch.fetch(URL, Module(proxy_url=PROXY), client=client, timeout=5))

    assert (unknown.reason, unknown.detail) == (
        Reason.PROXY,
        "the proxy proxy.test port 3128 cannot be used: Name or service not known",
    )
    assert closed.reason is Reason.PROXY
    assert "Connect call failed" in closed.detail


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", "https://hunter2/", "http://[hunter2", "http://jo:hunter2€@proxy.test", "http://jo:hunter2@xn--a/"],
)
async def test_a_proxy_url_that_is_none_is_not_shown(text: str, client: fetch.Client) -> None:
    error = await refused(fetch.fetch(URL, Module(proxy_url=Secret(text=text)), client=client, timeout=5))

    assert (error.reason, error.detail) == (Reason.CREDENTIALS, "proxy_url: not the http URL of a proxy")
