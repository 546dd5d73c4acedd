"""No secret leaves the exporter but to whom it is for: not in logs, scrapes, pages, answers or the state file."""

import asyncio
import base64
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, redirect_stderr
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import builders
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestClient, TestServer
from federation import Answers, Federation
from kept import kept_in

from exporter import log
from exporter.config.reader import load
from exporter.inquiry import TrustReason
from exporter.model import Reason
from exporter.server import Options, application

pytestmark = pytest.mark.usefixtures("root_logger")

Client = TestClient[web.Request, web.Application]

STEM = "correct.horse.battery"
"""Every secret of these tests holds it."""
TOKEN = f"{STEM}-token-that-was-issued"
QUERY = f"?entity=a&api_key={STEM}-query&{STEM}"
"""That of every target."""


def in_base64(text: str) -> list[str]:
    """What of a text stands in the base64 of all that holds it, however its bytes fall into groups of three."""
    content = text.encode()
    whole = (content[first : first + (len(content) - first) // 3 * 3] for first in range(3))
    return [base64.b64encode(groups).decode() for groups in whole]


HIDDEN = re.compile("|".join([STEM, *in_base64(STEM)]), re.IGNORECASE)


def test_the_pattern_finds_a_secret_in_all_its_forms() -> None:
    for text in (f"a{STEM}b", quote_plus(f"&{STEM}/"), STEM.upper()):
        assert HIDDEN.search(text)
    for user in ("", "k", "ki", "kim"):
        assert HIDDEN.search(base64.b64encode(f"{user}:{STEM}-of-kim".encode()).decode())
    assert not HIDDEN.search("a horse of another colour")


class Failing(AbstractResolver):
    """The federation's names, and one at which the resolver itself breaks."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        del family
        if host == "mistake.example.org":
            raise LookupError("a mistake of ours")
        return await self._federation.names.resolve(host, port)

    async def close(self) -> None:
        pass


def modules(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A module for every place where a secret can be, in the file and, where that can be, beside it."""

    def kept(name: str, content: bytes | None = None) -> str:
        (folder / name).write_bytes(f"{STEM}-{name}\n".encode() if content is None else content)
        return str(folder / name)

    def oauth2(**secret: str) -> dict[str, Any]:
        return {"oauth2": {"client_id": "kim", "token_url": "https://login.example.org/token", **secret}}

    yield "basic", {"basic_auth": {"username": "kim", "password": f"{STEM}&basic"}}
    yield "basic-file", {"basic_auth": {"username": "kim", "password_file": kept("basic.secret")}}
    yield "bearer", {"authorization": {"credentials": f"{STEM}-bearer"}}
    yield "bearer-file", {"authorization": {"type": "Custom", "credentials_file": kept("bearer.secret")}}
    yield "oauth2", oauth2(client_secret=f"{STEM}/oauth2?")
    yield "oauth2-file", oauth2(client_secret_file=kept("oauth2.secret"))
    for kind in ("refused", "echoed", "no-json", "no-bearer", "not-a-token"):
        asked = oauth2(client_secret=f"{STEM}-{kind}")
        asked["oauth2"]["token_url"] = f"https://login.example.org/{kind}"
        yield f"oauth2-{kind}", asked
    yield "headers", {"http_headers": {"X-Api-Key": f"{STEM}-header", "X-Other": {"file": kept("header.secret")}}}
    for name, content in (
        ("broken", f"{STEM}\r\nX-More: {STEM}"),
        ("not-latin", f"{STEM}-ключ"),
        ("null", f"{STEM}\0"),
    ):
        yield f"headers-{name}", {"http_headers": {"X-Api-Key": {"file": kept(f"{name}.secret", content.encode())}}}
    yield "not-utf-8", {"authorization": {"credentials_file": kept("bytes.secret", STEM.encode() + b"\xff")}}
    yield "proxy", {"proxy_url": f"http://kim:{STEM}-proxy@proxy.example.org:80"}
    yield "proxy-dead", {"proxy_url": f"http://kim:{STEM}-proxy@dead.example:3128"}
    yield "proxy-user", {"proxy_url": f"http://{STEM}-user@proxy.example.org:80"}
    yield "proxy-odd", {"proxy_url": f"http://kim:{STEM}%FF%00@proxy.example.org:80"}


ENDPOINTS = (
    *("ok", "unauthorized", "echo", "redirect", "downgrade", "round", "reset", "not-gzip", "mistake"),
    *("root", "broken-root", "host", "scheme", "encoding"),
)
"""How the endpoint behind a target answers; the names of hosts."""


def echo(status: int, **headers: str) -> Answers:
    """An endpoint that shows whoever asks what it was sent, as the debug page of a framework does."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        sent = "".join(f"<p>{name}: {value}</p>" for name, value in request.headers.items())
        return web.Response(status=status, text=f"<html>{sent}</html>", content_type="text/html", headers=headers)

    return answer


def quoting(before: str, after: str, *, header: str = "") -> Answers:
    """An endpoint that says what it was sent where only a name can stand."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        sent = [
            each.split(" ")[-1]
            for each in (request.headers.get("Authorization", ""), request.headers.get("X-Api-Key", ""))
        ]
        said = next(filter(None, [*sent, request.rel_url.query.get("api_key", "")]), "nothing")
        name = before + re.sub(r"[^A-Za-z0-9.-]", "-", said) + after
        if header:
            return web.Response(status=302 if header == "Location" else 200, headers={header: name})
        return web.Response(text=name)

    return answer


async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def tell(status: int, **fields: Any) -> Answers:  # noqa: ANN401 -- whatever JSON holds
    """A token endpoint that answers with JSON."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(fields, status=status)

    return answer


@pytest.fixture
def endpoints(federation: Federation) -> Federation:
    """The federation, with an endpoint for every way to fail and some token endpoints."""
    at = {name: f"https://{name}.example.org/" for name in ENDPOINTS}
    federation.serve(at["ok"], builders.saml_metadata())
    federation.at(at["unauthorized"], echo(401, **{"WWW-Authenticate": f'Basic realm="{STEM}-realm"'}))
    federation.at(at["echo"], echo(200))
    federation.at(at["redirect"], echo(302, Location=f"https://kim:{STEM}-location@unauthorized.example.org/"))
    federation.at(at["downgrade"], echo(302, Location=f"http://kim:{STEM}-location@ok.example.org/?{STEM}-query"))
    federation.at(at["round"], echo(302, Location=f"/?{STEM}-query"))
    federation.at(at["reset"], hang_up)
    federation.at(at["not-gzip"], echo(200, **{"Content-Encoding": "gzip"}))
    federation.at(at["root"], quoting("<a", "/>"))
    federation.at(at["broken-root"], quoting("<a", "></b>"))
    federation.at(at["host"], quoting("https://", ".test/", header="Location"))
    federation.at(at["scheme"], quoting("s", "://x/", header="Location"))
    federation.at(at["encoding"], quoting("x", "", header="Content-Encoding"))
    login = "https://login.example.org"
    federation.at(f"{login}/token", tell(200, access_token=TOKEN, expires_in=3600))
    federation.at(f"{login}/refused", tell(401, error="invalid_client", error_description=f"{STEM} is wrong"))
    federation.at(f"{login}/echoed", tell(400, error=f"{STEM}-echoed is wrong"))
    federation.at(f"{login}/no-json", echo(200))
    federation.at(f"{login}/no-bearer", tell(200, access_token=TOKEN, token_type=f"mac {STEM}"))
    federation.at(f"{login}/not-a-token", tell(200, access_token=f"{STEM} with spaces"))
    federation.at("http://proxy.example.org/", echo(407))
    return federation


@pytest.fixture
def file(endpoints: Federation, tmp_path: Path) -> Path:
    """A configuration with secrets everywhere: every module looks at every endpoint."""
    blocks = {
        name: {
            **block,
            "timeout": "20s",
            "tls_config": {"ca_file": endpoints.ca_file},
            # A proxy's password is for the proxy alone, whoever is looked at.
            **({} if "proxy_url" in block else {"probe": True, "hosts": ["*.example.org"]}),
        }
        for name, block in modules(tmp_path)
    }
    config = {
        "modules": blocks,
        "targets": [
            {"name": f"{name}/{endpoint}", "url": f"https://{endpoint}.example.org/{QUERY}", "module": name}
            for name in blocks
            for endpoint in ENDPOINTS
        ],
        "probe": {"allow": ["*.example.org"]},
    }
    path = tmp_path / "fedmeta.yml"
    path.write_text(json.dumps(config))
    return path


@asynccontextmanager
async def running(file: Path, federation: Federation, logged: io.StringIO) -> AsyncIterator[Client]:
    """The exporter with this configuration, logging all it can."""
    with redirect_stderr(logged):
        log.set_up("debug", log.Form.LOGFMT)
        options = Options(load(str(file)), str(file), lifecycle=True)
        with kept_in(file.parent / "state.sqlite", datetime.now(UTC)) as state:
            app = application(options, state=state, clock=lambda: datetime.now(UTC), resolver=Failing(federation))
            async with TestClient(TestServer(app)) as client:
                yield client


async def text(client: Client, route: str, **params: str) -> str:
    answer = await client.get(route, params=params)
    return f"{answer.headers}\n{await answer.text()}"


async def pages(client: Client) -> str:
    """The first page and that of every target."""
    found = [await text(client, f"/?start={start}") for start in range(0, 300, 10)]
    links = {link for each in found for link in re.findall(r'href="(targets/[^"/]*)"', each)}
    assert links
    return "".join([*found, *[await text(client, f"/{each}") for each in sorted(links)]])


async def ready(client: Client) -> None:
    async with asyncio.timeout(30):
        while True:
            if (await client.get("/-/ready")).status == 200:
                return
            await asyncio.sleep(0.02)


async def when_asked(client: Client, inquiries: int) -> str:
    """The first scrape after so many inquiries."""
    while True:
        metrics = await text(client, "/metrics")
        if metrics.count("\nfedmeta_trust_last_attempt_") == inquiries:
            return metrics
        await asyncio.sleep(0.05)


def state_in(folder: Path) -> str:
    """All bytes of the state file, each as one character."""
    return b"".join(each.read_bytes() for each in folder.glob("state.sqlite*")).decode("latin-1")


async def test_no_secret_is_shown_whatever_fails(file: Path, endpoints: Federation) -> None:
    shown: dict[str, str] = {}
    logged = io.StringIO()
    async with running(file, endpoints, logged) as client:
        await ready(client)
        shown["/metrics"] = await text(client, "/metrics")
        shown["/"] = await pages(client)
        shown["/config"] = await text(client, "/config")
        for name, _ in modules(file.parent):
            for endpoint in ENDPOINTS:
                probed = await text(client, "/probe", target=f"https://{endpoint}.example.org/{QUERY}", module=name)
                shown[f"/probe of {endpoint} with {name}"] = probed
    # The exporter itself logs no requests.
    lines = [line for line in logged.getvalue().splitlines() if "source=aiohttp.access" not in line]
    shown["the log"] = "\n".join(lines)
    for place, content in shown.items():
        assert not (found := HIDDEN.search(content)), f"{place}: …{content[max(0, found.start() - 200) : found.end()]}"
    assert not HIDDEN.search(state_in(file.parent))
    # That nothing was found means something only because all this did happen.
    assert set(re.findall(r'fedmeta_probe_last_failure_info{.*?reason="(\w+)"', shown["/metrics"])) == {
        Reason.CREDENTIALS,
        Reason.DNS,
        Reason.ENCODING,
        Reason.HTML,
        Reason.HTTP_STATUS,
        Reason.INTERNAL,
        Reason.NOT_METADATA,
        Reason.NOT_XML,
        Reason.PROXY,
        Reason.REDIRECT,
        Reason.RESET,
    }
    assert "a mistake of ours" in shown["the log"]
    sent = "\n".join(f"{request.url} {dict(request.headers)}" for request in endpoints.requests)
    for secret in (
        base64.b64encode(f"kim:{STEM}&basic".encode()).decode(),
        base64.b64encode(f"kim:{STEM}-basic.secret".encode()).decode(),
        f"Bearer {STEM}-bearer",
        f"Custom {STEM}-bearer.secret",
        f"Bearer {TOKEN}",
        base64.b64encode(f"kim:{quote_plus(f'{STEM}/oauth2?')}".encode()).decode(),
        f"{STEM}-header",
        f"{STEM}-header.secret",
        base64.b64encode(f"kim:{STEM}-proxy".encode()).decode(),
    ):
        assert secret in sent, f"{secret} never went out"


async def test_an_entity_that_is_named_by_what_its_endpoint_was_sent_is_another_and_is_not_named(
    endpoints: Federation, tmp_path: Path
) -> None:
    before, _, after = builders.saml_metadata().decode().partition(builders.ENTITY_ID)
    endpoints.at("https://named.example.org/", quoting(f"{before}urn:", after))
    blocks = dict(modules(tmp_path))
    config = {
        "modules": {
            name: {**blocks[name], "tls_config": {"ca_file": endpoints.ca_file}}
            for name in ("basic", "bearer", "headers")
        },
        "targets": [
            {"name": name, "url": "https://named.example.org/", "module": name, "entity_id": builders.ENTITY_ID}
            for name in ("basic", "bearer", "headers")
        ],
    }
    (file := tmp_path / "fedmeta.yml").write_text(json.dumps(config))
    logged = io.StringIO()
    async with running(file, endpoints, logged) as client:
        await ready(client)
        metrics = await text(client, "/metrics")
        targets = [await text(client, f"/targets/{name}") for name in ("basic", "bearer", "headers")]
    shown = "\n".join([metrics, *targets, logged.getvalue(), state_in(tmp_path)])
    assert metrics.count('reason="entity_mismatch"} 1') == 3
    assert not (found := HIDDEN.search(shown)), shown[max(0, found.start() - 200) : found.end()]


# Entra ID


TENANT = "contoso.onmicrosoft.com"
CLIENT = builders.pair(subject="CN=exporter", key="rsa").pem().decode()
KEY_LINES = CLIENT.partition("-----END PRIVATE KEY-----")[0].splitlines()[1:]


def credentials(folder: Path, environment: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, str]]]:
    """Everything that can show to Entra ID who we are, good and not."""
    for name, key, content in (
        ("secret", "client_secret", f"{STEM}-entra"),
        ("certificate", "client_certificate", CLIENT),
        ("secret-broken", "client_secret", f"{STEM}\r\nX-More: {STEM}"),
        ("certificate-alone", "client_certificate", CLIENT.partition("-----END PRIVATE KEY-----\n")[2] + STEM),
        ("certificate-of-another", "client_certificate", CLIENT.replace("CERTIFICATE", STEM)),
    ):
        (folder / f"{name}.entra").write_text(f"{content}\n")
        yield f"{name}-file", {f"{key}_file": f"{name}.entra"}
        variable = f"ENTRA_{name.upper().replace('-', '_')}"
        environment.setenv(variable, content)
        yield f"{name}-env", {f"{key}_env": variable}
    (folder / "token.entra").write_text(f"{STEM}.federated.token\n")
    yield "token-file", {"federated_token_file": "token.entra"}
    (folder / "bytes.entra").write_bytes(STEM.encode() + b"\xff")
    yield "not-utf-8", {"client_secret_file": "bytes.entra"}


TENANTS = (
    "ok",
    "refused",
    "echoed",
    "page",
    "no-bearer",
    "not-a-token",
    "unauthorized",
    "forbidden",
    "gone",
    "throttled",
    "broken",
    "html",
    "quoting",
    "redirect",
    "reset",
    "mistake",
)
"""How login or Graph answers; the first part of their paths."""


@pytest.fixture
def tenants(federation: Federation) -> list[dict[str, str]]:
    """The forms that all the token endpoints have got."""
    forms: list[dict[str, str]] = []

    async def grant(request: web.BaseRequest) -> web.StreamResponse:
        forms.append({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    def echoing(status: int, *, error: bool = False) -> Answers:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            text = (await request.read()).decode()
            if error:
                return web.json_response(
                    {"error": text, "error_description": text, "error_codes": [text]}, status=status
                )
            return web.Response(status=status, text=text, content_type="text/html")

        return answer

    async def refuse(request: web.BaseRequest) -> web.StreamResponse:
        form = await request.post()
        proof = str(form.get("client_secret") or form["client_assertion"])
        text = f"AADSTS7000215: {proof[:30]} is wrong, and so is {proof} or {quote_plus(proof)}. Trace ID: {proof}"
        fields = {"error": "invalid_client", "error_description": text, "error_codes": [7000215]}
        return web.json_response(fields, status=401)

    async def forbid(request: web.BaseRequest) -> web.StreamResponse:
        sent = request.headers["Authorization"]
        text = f"{sent} may not, {sent.upper()} neither, nor may {base64.b64encode(sent.encode()).decode()}"
        return web.json_response({"error": {"code": "Authorization_RequestDenied", "message": text}}, status=403)

    async def quote(request: web.BaseRequest) -> web.StreamResponse:
        token = request.headers["Authorization"]
        status = {"certificateUpdateResult": token, "lastRunDateTime": token}
        return web.json_response({"signingCertificate": token, "signingCertificateUpdateStatus": status, token: token})

    der = base64.b64encode(builders.certificate().der).decode()
    login: dict[str, Answers] = {
        "refused": refuse,
        "echoed": echoing(400, error=True),
        "page": echoing(200),
        "no-bearer": tell(200, access_token=TOKEN, token_type=f"mac {STEM}"),
        "not-a-token": tell(200, access_token=f"{STEM} with spaces"),
    }
    graph: dict[str, Answers] = {
        "ok": tell(200, value=[{"signingCertificate": der}]),
        "unauthorized": echo(401, **{"WWW-Authenticate": f'Bearer error="{TOKEN}"'}),
        "forbidden": forbid,
        "gone": echo(410),
        "throttled": echo(429, **{"Retry-After": TOKEN}),
        "broken": echo(500),
        "html": echo(200),
        "quoting": quote,
        "redirect": echo(302, Location=f"https://kim:{STEM}-location@ok.example.org/?{STEM}-query"),
        "reset": hang_up,
    }
    for name in TENANTS:
        base = f"https://login.example.org/{name}"
        federation.at(f"{base}/{TENANT}/oauth2/v2.0/token", login.get(name, grant))
        federation.at(f"{base}/v1.0/domains/contoso.com/federationConfiguration", graph.get(name, echo(404)))
    return forms


async def test_no_credential_of_entra_id_is_shown_whatever_fails(
    federation: Federation, tenants: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metadata.xml").write_bytes(builders.adfs())
    targets = [
        {
            "name": f"{kind}/{name}",
            "url": (tmp_path / "metadata.xml").as_uri(),
            "entra": {
                "tenant": TENANT,
                "domains": ["contoso.com"],
                "client_id": "exporter",
                "module": "direct",
                "login_url": f"https://login.example.org/{name}",
                "graph_url": f"https://{'mistake' if name == 'mistake' else 'login'}.example.org/{name}",
                **secret,
            },
        }
        for kind, secret in credentials(tmp_path, monkeypatch)
        for name in TENANTS
    ]
    file = tmp_path / "fedmeta.yml"
    module = {"timeout": "20s", "tls_config": {"ca_file": federation.ca_file}}
    file.write_text(json.dumps({"modules": {"direct": module}, "targets": targets}))
    logged = io.StringIO()
    async with running(file, federation, logged) as client, asyncio.timeout(60):
        metrics = await when_asked(client, len(targets))
        page = await pages(client)
        config = await text(client, "/config")
        file.write_text(file.read_text().replace('"direct", "login_url"', '"dircet", "login_url"'))
        answer = await client.post("/-/reload")
        assert answer.status == 500
        reloaded = await answer.text()
        metrics += await text(client, "/metrics")
    assertions = {form["client_assertion"] for form in tenants if "client_assertion" in form}
    signed = [each for each in assertions if STEM not in each]
    hidden = [*KEY_LINES, *(part for each in signed for part in each.split(".")[1:])]
    kept = state_in(tmp_path)
    shown = {"/metrics": metrics, "/": page, "/config": config, "reload": reloaded}
    shown |= {"the log": logged.getvalue(), "the state file": kept}
    for place, content in shown.items():
        assert not (found := HIDDEN.search(content)), f"{place}: …{content[max(0, found.start() - 200) : found.end()]}"
        assert not [each for each in hidden if each in content], place
    # That nothing was found means something only because all this did happen.
    assert set(re.findall(r'fedmeta_trust_inquiry_last_failure_info{.*?reason="(\w+)"', metrics)) == {*TrustReason} - {
        TrustReason.TIMEOUT
    }
    assert "a mistake of ours" in logged.getvalue()
    assert "it says: AADSTS7000215: … is wrong, and so is … or …" in logged.getvalue()
    assert "it says: Authorization_RequestDenied: Bearer … may not, BEARER … neither, nor may …" in logged.getvalue()
    assert base64.b64encode(builders.certificate().der).decode() in kept
    assert {form.get("client_secret") for form in tenants} >= {f"{STEM}-entra"}
    assert f"{STEM}.federated.token" in assertions
    assert len(signed) > 10
    assert any(request.headers.get("Authorization") == f"Bearer {TOKEN}" for request in federation.requests)


ENTRA = "targets: [{host: idp.example, entra: {tenant: t, domains: [contoso.com], client_id: c, ENTRY}}]"


@pytest.mark.parametrize(
    "content",
    [
        ENTRA.replace("ENTRY", "client_secret: SECRET"),
        ENTRA.replace("ENTRY", "client_secret_file: {text: SECRET}"),
        ENTRA.replace("ENTRY", "client_secret_env: SECRET"),
        ENTRA.replace("ENTRY", "client_secret_env: SECRET, client_certificate_file: SECRET"),
        ENTRA.replace("ENTRY", "client_secret_file: x, login_url: 'https://kim:SECRET@login.example/'"),
        ENTRA.replace("ENTRY", "client_secret_file: x, graph_url: 'SECRET'"),
        "targets: [{host: idp.example, entra: SECRET}]",
        "modules: {m: {basic_auth: {username: kim, passwrd: SECRET}}}",
        "modules: {m: {basic_auth: {username: kim, password: [SECRET]}}}",
        "modules: {m: {basic_auth: {username: kim, password: SECRET, password_file: SECRET}}}",
        "modules: {m: {basic_auth: SECRET}}",
        "modules: {m: {basic_auth: {username: kim, password: *SECRET}}}",
        "modules: {m: {basic_auth: {username: kim, password: !SECRET x}}}",
        'modules: {m: {basic_auth: {username: kim, password: "SECRET}}}',
        "modules: {m: {authorization: {type: Basic, credentials: SECRET}}}",
        "modules: {m: {authorization: {type: Bearer SECRET, credentials: x}}}",
        "modules: {m: {oauth2: {client_id: kim, client_secret: SECRET}}}",
        "modules: {m: {oauth2: {client_id: kim, client_secret: x, token_url: 'https://kim:SECRET@login.example/'}}}",
        "modules: {m: {http_headers: {Authorization: SECRET}}}",
        "modules: {m: {http_headers: {X-Api-Key: {fiel: SECRET}}}}",
        'modules: {m: {http_headers: {X-Api-Key: "a\\nSECRET"}}}',
        "modules: {m: {proxy_url: 'ftp://kim:SECRET@proxy.example'}}",
        "modules: {m: {proxy_url: 'http://kim:SECRET@proxy.example:port'}}",
        "targets: [{url: 'https://kim:SECRET@idp.example/'}]",
        "targets: [{host: 'kim:SECRET@idp.example'}]",
    ],
)
async def test_a_configuration_that_does_not_hold_is_refused_without_its_secrets(
    content: str, endpoints: Federation, tmp_path: Path
) -> None:
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: []\n")
    logged = io.StringIO()
    async with running(file, endpoints, logged) as client:
        file.write_text(content.replace("SECRET", f"{STEM}-config"))
        answer = await client.post("/-/reload")
        said = await answer.text()
        scrape = await text(client, "/metrics")
    assert answer.status == 500
    assert str(file) in said
    assert "fedmeta_exporter_config_last_reload_successful 0.0" in scrape
    assert "configuration not reloaded" in logged.getvalue()
    for shown in (said, scrape, logged.getvalue()):
        assert not HIDDEN.search(shown), shown
