"""What Entra ID says of a domain, asked over real HTTPS: every shape of an answer, every failure and its reason."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import builders
import hanging
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from federation import Federation, free_port

from exporter import entra as entra_id
from exporter import fetch
from exporter.config.settings import Cloud, Entra, Module, Secret, Tls, TrustSource
from exporter.demo.graph import Directory
from exporter.entra import EntraError
from exporter.inquiry import DomainTrust, Slot, TrustReason, UpdateResult
from exporter.model import Certificate

TENANT = "contoso.onmicrosoft.com"
DOMAIN = "contoso.com"
SERVICE = "sts.contoso.com"
SECRET = "hunter2 & co"  # noqa: S105 -- no real one
TOKEN = "granted-hunter2"  # noqa: S105 -- no real one
TOKEN_URL = f"https://login.example.org/{TENANT}/oauth2/v2.0/token"
GRAPH_URL = f"https://graph.example.org/v1.0/domains/{DOMAIN}/federationConfiguration"
REALM_URL = "https://login.example.org/getuserrealm.srf"
UPDATED = datetime(2026, 5, 30, 3, 11, 7, 123456, tzinfo=UTC)

CURRENT = builders.certificate()
NEXT = builders.certificate(nth=1)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(federation: Federation, clock: Clock) -> AsyncIterator[fetch.Client]:
    async with fetch.client(resolver=federation.names, clock=clock) as opened:
        yield opened


@pytest.fixture
def entra(federation: Federation) -> Entra:
    return Entra(
        domains=(DOMAIN,),
        tenant=TENANT,
        client_id="client",
        client_secret=Secret(text=SECRET),
        module=Module(tls=Tls(ca_file=federation.ca_file), timeout=5),
        login_url="https://login.example.org",
        graph_url="https://graph.example.org/",
    )


@pytest.fixture
def realm(entra: Entra) -> Entra:
    return replace(entra, source=TrustSource.USER_REALM, tenant="", client_id="", client_secret=None)


@dataclass
class Tenant:
    """A directory behind the login and Graph hosts, and the paths that were asked of it."""

    directory: Directory
    asked: list[str] = field(default_factory=list)

    @property
    def grants(self) -> int:
        return sum(path.endswith("/token") for path in self.asked)


@pytest.fixture
async def tenant(federation: Federation) -> Tenant:
    opened = Tenant(Directory(tenant=TENANT, client_id="client", client_secret=SECRET))

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        opened.asked.append(request.path)
        return await handler(request)

    app = web.Application(middlewares=[note])
    opened.directory.add_to(app)
    await federation.host(app, "login.example.org", "graph.example.org")
    opened.directory.federate(DOMAIN, signing=CURRENT.der, service=SERVICE)
    return opened


async def refused(asking: Awaitable[DomainTrust]) -> EntraError:
    """The error, which shows no secret, nor do those behind it."""
    with pytest.raises(EntraError) as caught:
        await asking
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in repr(error)
        error = error.__cause__
    return caught.value


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Callable[[Any], Awaitable[web.StreamResponse]]:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(
            status=status, body=body, headers={name.replace("_", "-"): headers[name] for name in headers}
        )

    return answer


async def wait(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise web.HTTPGone


def granting(federation: Federation, *tokens: str, life: object = 3600) -> list[dict[str, str]]:
    """Lets the token endpoint grant these tokens in turn; gives the forms that it will have got."""
    forms: list[dict[str, str]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        forms.append({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response(
            {"token_type": "Bearer", "access_token": (tokens or [TOKEN])[len(forms) - 1], "expires_in": life}
        )

    federation.at(TOKEN_URL, answer)
    return forms


def of_graph(certificates: dict[Slot, Certificate]) -> DomainTrust:
    return DomainTrust(TrustSource.GRAPH, federated=True, certificates=certificates)


NO_WORDS = "; its body is no JSON object"
FORBIDDEN = (
    "graph.example.org does not allow it (HTTP 403): the application needs the permission "
    "Domain-InternalFederation.Read.All, and admin consent to it"
)
THROTTLED = "graph.example.org answers HTTP 429 Too Many Requests"
NOT_FEDERATED = DomainTrust(TrustSource.GRAPH, federated=False)


async def test_graph_tells_both_slots_the_service_and_how_its_own_reading_went(
    tenant: Tenant, entra: Entra, client: fetch.Client
) -> None:
    tenant.directory.federate(
        DOMAIN,
        signing=CURRENT.der,
        next_signing=NEXT.der,
        service=SERVICE,
        result=UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST,
        updated=UPDATED,
    )

    assert await entra_id.ask(entra, DOMAIN, client=client) == replace(
        of_graph({Slot.SIGNING: CURRENT, Slot.NEXT: NEXT}),
        service=SERVICE,
        update=UpdateResult.COULD_NOT_ACCESS_REMOTE_HOST,
        updated=UPDATED,
    )


async def test_a_domain_that_is_managed_or_not_the_tenants_is_not_federated(
    tenant: Tenant, entra: Entra, client: fetch.Client
) -> None:
    tenant.directory.manage(DOMAIN)

    assert await entra_id.ask(entra, DOMAIN, client=client) == NOT_FEDERATED
    assert await entra_id.ask(entra, "fabrikam.com", client=client) == NOT_FEDERATED


async def test_a_token_serves_all_domains_until_shortly_before_its_end(
    tenant: Tenant, entra: Entra, client: fetch.Client, clock: Clock
) -> None:
    await asyncio.gather(*(entra_id.ask(entra, domain, client=client) for domain in (DOMAIN, "a.test", "b.test")))
    clock.now = 3538
    await entra_id.ask(entra, DOMAIN, client=client)
    assert (tenant.grants, len(tenant.asked)) == (1, 5)

    clock.now = 3539
    await entra_id.ask(entra, DOMAIN, client=client)
    assert tenant.grants == 2


async def test_another_client_gets_another_token(tenant: Tenant, entra: Entra, client: fetch.Client) -> None:
    await entra_id.ask(entra, DOMAIN, client=client)

    error = await refused(entra_id.ask(replace(entra, client_id="another"), DOMAIN, client=client))

    assert error.detail == (
        "no token from login.example.org: unauthorized_client, AADSTS700016 (HTTP 400);"
        " it says: AADSTS700016: No token."
    )
    assert tenant.grants == 2


@pytest.mark.parametrize(
    ("change", "code", "number", "status"),
    [
        ({"tenant": "fabrikam.onmicrosoft.com"}, "invalid_request", "AADSTS90002", 400),
        ({"client_secret": Secret(text="wrong hunter2")}, "invalid_client", "AADSTS7000215", 401),
        ({"cloud": Cloud.USGOV}, "invalid_scope", "AADSTS70011", 400),
    ],
)
async def test_who_is_refused_a_token_gets_the_codes_and_the_words_without_their_numbers(
    *,
    change: dict[str, Any],
    code: str,
    number: str,
    status: int,
    tenant: Tenant,
    entra: Entra,
    client: fetch.Client,
) -> None:
    error = await refused(entra_id.ask(replace(entra, **change), DOMAIN, client=client))

    assert (error.reason, error.detail) == (
        TrustReason.REFUSED,
        f"no token from login.example.org: {code}, {number} (HTTP {status}); it says: {number}: No token.",
    )
    assert tenant.grants == len(tenant.asked) == 1


async def test_a_revoked_secret_ends_the_token_in_use_and_gets_no_other(
    tenant: Tenant, entra: Entra, client: fetch.Client
) -> None:
    await entra_id.ask(entra, DOMAIN, client=client)
    tenant.directory.revoke()
    number = "AADSTS7000222"

    for _ in range(2):
        error = await refused(entra_id.ask(entra, DOMAIN, client=client))
        assert (error.reason, error.detail) == (
            TrustReason.REFUSED,
            f"no token from login.example.org: invalid_client, {number} (HTTP 401); it says: {number}: No token.",
        )

    assert [path.rpartition("/")[2] for path in tenant.asked] == [
        "token",
        "federationConfiguration",
        "federationConfiguration",
        "token",
        "token",
    ]


async def test_the_stand_in_knows_the_client_credentials_grant_alone(
    tenant: Tenant, entra: Entra, client: fetch.Client
) -> None:
    deadline = asyncio.get_running_loop().time() + 5

    answer = await fetch.exchange(
        TOKEN_URL, entra.module, client=client, deadline=deadline, form={"grant_type": "password"}
    )

    assert tenant.grants == 1
    assert (answer.status, json.loads(answer.body)["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    ("status", "retry_after", "reason", "waits", "detail", "code"),
    [
        (400, None, TrustReason.HTTP_STATUS, None, "graph.example.org answers HTTP 400 Bad Request", "UnknownError"),
        (
            401,
            None,
            TrustReason.UNAUTHORIZED,
            None,
            "graph.example.org does not accept the token (HTTP 401)",
            "InvalidAuthenticationToken",
        ),
        (403, None, TrustReason.PERMISSION, None, FORBIDDEN, "Authorization_RequestDenied"),
        (429, "120", TrustReason.THROTTLED, 120, THROTTLED, "TooManyRequests"),
        (429, "tomorrow", TrustReason.THROTTLED, None, THROTTLED, "TooManyRequests"),
        (429, None, TrustReason.THROTTLED, None, THROTTLED, "TooManyRequests"),
        (
            503,
            "7",
            TrustReason.SERVER,
            7,
            "graph.example.org answers HTTP 503 Service Unavailable",
            "ServiceUnavailable",
        ),
        (
            500,
            None,
            TrustReason.SERVER,
            None,
            "graph.example.org answers HTTP 500 Internal Server Error",
            "UnknownError",
        ),
    ],
)
async def test_each_status_of_graph_has_its_reason(
    *,
    status: int,
    retry_after: str | None,
    reason: TrustReason,
    waits: float | None,
    detail: str,
    code: str,
    tenant: Tenant,
    entra: Entra,
    client: fetch.Client,
) -> None:
    tenant.directory.fail(DOMAIN, status, retry_after=retry_after)

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    told = f"{detail}; it says: {code}: Status {status}."
    assert (error.reason, error.retry_after, error.detail) == (reason, waits, told)
    assert tenant.grants == (2 if status == 401 else 1)

    tenant.directory.federate(DOMAIN, signing=CURRENT.der, service=SERVICE)
    assert (await entra_id.ask(entra, DOMAIN, client=client)).federated


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    """Quotes all that it was sent, in several ways."""
    form = (await request.read()).decode()
    said = [form, unquote_plus(form), *request.headers.values()]
    text = " | ".join(
        [*said, *(base64.b64encode(f"{pad}{each}".encode()).decode() for each in said for pad in ("", " "))]
    )
    if request.method == "POST":
        return web.json_response({"error": "invalid_client", "error_description": f"No: {text}"}, status=401)
    return web.json_response({"error": {"code": "No", "message": f"No: {text}"}}, status=403)


async def test_whatever_the_other_side_quotes_no_secret_is_shown(
    federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    federation.at(TOKEN_URL, echo)
    at_login = await refused(entra_id.ask(entra, DOMAIN, client=client))
    granting(federation, TOKEN)
    federation.at(GRAPH_URL, echo)
    at_graph = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert at_login.detail.startswith("no token from login.example.org: invalid_client (HTTP 401); it says: No: … | ")
    assert at_graph.detail.startswith(f"{FORBIDDEN}; it says: No: No: ")
    for error in (at_login, at_graph):
        assert "…" in error.detail
        assert len(error.detail.partition("it says: ")[2]) <= 300


async def test_a_wait_until_a_date_is_told_in_seconds(tenant: Tenant, entra: Entra, client: fetch.Client) -> None:
    later = datetime.now(UTC) + timedelta(minutes=10)
    tenant.directory.fail(DOMAIN, 429, retry_after=f"{later:%a, %d %b %Y %H:%M:%S} GMT")

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert error.retry_after is not None
    assert 540 < error.retry_after <= 600


async def test_a_token_that_graph_withdrew_is_replaced_at_once(
    federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    shown = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        shown.append(request.headers["Authorization"])
        return web.Response(status=401) if shown[-1] == "Bearer old" else web.json_response({"value": []})

    forms = granting(federation, "old", "new")
    federation.at(GRAPH_URL, answer)

    assert await entra_id.ask(entra, DOMAIN, client=client) == NOT_FEDERATED
    assert await entra_id.ask(entra, DOMAIN, client=client) == NOT_FEDERATED

    assert shown == ["Bearer old", "Bearer new", "Bearer new"]
    assert len(forms) == 2


@pytest.mark.parametrize(
    ("answer", "reason", "waits", "detail"),
    [
        (answering(429, Retry_After="30"), TrustReason.THROTTLED, 30, "answers HTTP 429 Too Many Requests"),
        (answering(502, b"<html>"), TrustReason.SERVER, None, f"answers HTTP 502 Bad Gateway{NO_WORDS}"),
        (answering(404, b"<html>"), TrustReason.HTTP_STATUS, None, f"answers HTTP 404 Not Found{NO_WORDS}"),
        (answering(500, b"null"), TrustReason.SERVER, None, f"answers HTTP 500 Internal Server Error{NO_WORDS}"),
        (answering(404, b"{}"), TrustReason.HTTP_STATUS, None, "answers HTTP 404 Not Found"),
        (
            answering(400, b'{"error": "Not a code", "error_description": "AADSTS1: No. Trace ID: 7"}'),
            TrustReason.HTTP_STATUS,
            None,
            "answers HTTP 400 Bad Request; it says: Not a code: AADSTS1: No.",
        ),
        (
            answering(200, b'{"error": {"message": "In Graph\'s way."}}'),
            TrustReason.MALFORMED,
            None,
            "an answer without a token (HTTP 200); it says: In Graph's way.",
        ),
        (answering(302, Location=REALM_URL), TrustReason.HTTP_STATUS, None, "answers HTTP 302 Found"),
        (answering(200, b"<html>"), TrustReason.MALFORMED, None, "HTTP 200 without JSON"),
        (answering(200, b"{}"), TrustReason.MALFORMED, None, "an answer without a token (HTTP 200)"),
        (wait, TrustReason.TIMEOUT, None, "login.example.org did not answer in time; stuck in processing"),
    ],
)
async def test_each_failure_of_the_token_endpoint_has_its_reason(
    *,
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    reason: TrustReason,
    waits: float | None,
    detail: str,
    federation: Federation,
    entra: Entra,
    client: fetch.Client,
) -> None:
    federation.at(TOKEN_URL, answer)
    entra = replace(entra, module=replace(entra.module, timeout=0.5))

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert (error.reason, error.retry_after) == (reason, waits)
    assert error.detail.endswith(detail)
    assert "login.example.org" in error.detail


async def test_what_the_network_does_is_told_in_its_own_words(
    federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    granting(federation, TOKEN)
    nowhere = replace(entra, graph_url="https://nowhere.test")
    federation.names.ports["closed.test"] = port = free_port()
    closed = replace(entra, login_url="https://closed.test")
    untrusted = replace(entra, module=Module())
    proxied = replace(entra, module=replace(entra.module, proxy_url=Secret(text="http://jo:hunter2@proxy.test")))

    for asked, detail in (
        (nowhere, "nowhere.test does not resolve: Name or service not known"),
        (closed, f"closed.test refuses connections at 127.0.0.1 port {port}"),
        (untrusted, "the TLS certificate of graph.example.org does not verify: "),
        (proxied, "the proxy proxy.test port 80 cannot be used: Name or service not known"),
    ):
        error = await refused(entra_id.ask(asked, DOMAIN, client=client))
        assert error.reason is TrustReason.CONNECTION
        assert error.detail.startswith(detail)


async def test_one_deadline_holds_for_all_that_an_inquiry_needs(
    federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    granting(federation, TOKEN)
    federation.at(GRAPH_URL, wait)

    error = await refused(
        entra_id.ask(replace(entra, module=replace(entra.module, timeout=0.5)), DOMAIN, client=client)
    )

    assert (error.reason, error.detail) == (
        TrustReason.TIMEOUT,
        "graph.example.org did not answer in time; stuck in processing",
    )


async def test_who_waits_for_a_token_that_another_inquiry_asks_for_has_its_own_deadline(
    federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    asked = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        return await wait(request)

    federation.at(TOKEN_URL, hang)
    patient, hasty = (replace(entra, module=replace(entra.module, timeout=timeout)) for timeout in (30, 0.3))
    first = asyncio.create_task(entra_id.ask(patient, DOMAIN, client=client))
    await asked.wait()

    async with asyncio.timeout(10):
        error = await refused(entra_id.ask(hasty, DOMAIN, client=client))

    assert (error.reason, error.detail) == (
        TrustReason.TIMEOUT,
        "no token in time: another inquiry still asks login.example.org for it",
    )
    assert not first.done()
    first.cancel()
    federation.at(TOKEN_URL, answering(400, b'{"error": "invalid_client"}'))
    assert (await refused(entra_id.ask(hasty, DOMAIN, client=client))).reason is TrustReason.REFUSED


async def test_inquiries_that_wait_for_one_token_in_vain_do_not_blame_their_credentials(
    federation: Federation, entra: Entra, client: fetch.Client, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    federation.at(TOKEN_URL, wait)
    entra = replace(entra, client_secret=Secret(file=str(file)), module=replace(entra.module, timeout=0.3))

    errors = await asyncio.gather(*(refused(entra_id.ask(entra, DOMAIN, client=client)) for _ in range(20)))

    assert {error.reason for error in errors} == {TrustReason.TIMEOUT}


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that hangs."""
    monkeypatch.setattr(os, "open", hanging.opening())
    (path := tmp_path / "secret").write_text("secret")
    hanging.hang(path)
    return path


async def test_the_deadline_holds_for_reading_a_secret_too(stuck: Path, entra: Entra, client: fetch.Client) -> None:
    entra = replace(entra, client_secret=Secret(file=str(stuck)), module=replace(entra.module, timeout=0.1))

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    hanging.let_go(stuck)
    assert (error.reason, error.detail) == (
        TrustReason.CREDENTIALS,
        "client_secret: it could not be had in time",
    )


@pytest.mark.parametrize(
    ("credentials", "detail"),
    [
        ({"client_secret": Secret(file="/no/secret")}, "client_secret: cannot read /no/secret: "),
        (
            {"client_secret": Secret(variable="FEDMETA_TEST_UNSET")},
            "client_secret: its environment variable is not set, or empty",
        ),
        ({"client_certificate": Secret(file="/no/pem")}, "client_certificate: cannot read /no/pem: "),
        (
            {"client_certificate": Secret(text=SECRET)},
            "client_certificate: no PEM of a certificate and its private key",
        ),
        ({"federated_token": Secret(file="/no/token")}, "federated_token: cannot read /no/token: "),
        ({}, "no credentials are configured"),
    ],
)
async def test_credentials_that_cannot_be_used_are_named_and_nobody_is_asked(
    credentials: dict[str, Secret], detail: str, tenant: Tenant, entra: Entra, client: fetch.Client
) -> None:
    entra = replace(entra, **{"client_secret": None, **credentials})  # type: ignore[arg-type]  # fields of one type

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert error.reason is TrustReason.CREDENTIALS
    assert error.detail.startswith(detail)
    assert tenant.asked == []


async def test_a_secret_is_sent_in_the_form(federation: Federation, entra: Entra, client: fetch.Client) -> None:
    forms = granting(federation, TOKEN)
    federation.serve(GRAPH_URL, b'{"value": []}')

    await entra_id.ask(entra, DOMAIN, client=client)

    assert forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "client",
            "client_secret": SECRET,
            "scope": "https://graph.microsoft.com/.default",
        }
    ]
    asked, answered = federation.requests
    assert "Authorization" not in asked.headers
    assert answered.headers["Authorization"] == f"Bearer {TOKEN}"


async def test_a_certificate_sends_an_assertion_for_the_token_endpoint(
    federation: Federation, entra: Entra, client: fetch.Client, tmp_path: Path
) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(builders.pair(key="rsa", subject="CN=fedmeta-exporter").pem())
    forms = granting(federation, TOKEN)
    federation.serve(GRAPH_URL, b'{"value": []}')

    await entra_id.ask(
        replace(entra, client_secret=None, client_certificate=Secret(file=str(file))), DOMAIN, client=client
    )

    claims = forms[0]["client_assertion"].split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert forms[0]["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in forms[0]
    assert (said["aud"], said["iss"]) == (TOKEN_URL, "client")
    assert abs(said["nbf"] - datetime.now(UTC).timestamp()) < 60


async def test_a_federated_token_is_read_anew_for_every_token(
    federation: Federation, entra: Entra, client: fetch.Client, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "token"
    entra = replace(entra, client_secret=None, federated_token=Secret(file=str(file)))
    forms = granting(federation, "one", "two")
    federation.serve(GRAPH_URL, b'{"value": []}')

    for word in ("first", "second"):
        file.write_text(f"{word}\n")
        await entra_id.ask(entra, DOMAIN, client=client)
        clock.now += 3600

    assert [form["client_assertion"] for form in forms] == ["first", "second"]
    assert {form["client_assertion_type"] for form in forms} == {
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    }


@pytest.mark.parametrize(
    ("cloud", "login", "graph"),
    [
        (Cloud.GLOBAL, "login.microsoftonline.com", "graph.microsoft.com"),
        (Cloud.USGOV, "login.microsoftonline.us", "graph.microsoft.us"),
        (Cloud.DOD, "login.microsoftonline.us", "dod-graph.microsoft.us"),
        (Cloud.CHINA, "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
    ],
)
async def test_each_cloud_is_asked_at_its_own_hosts(
    *, cloud: Cloud, login: str, graph: str, federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    asked: list[str] = []

    async def grant(request: web.Request) -> web.Response:
        asked.append(f"{request.url} {(await request.post())['scope']!s}")
        return web.json_response({"access_token": TOKEN, "expires_in": 3600})

    async def configuration(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.json_response({"value": []})

    app = web.Application()
    app.router.add_post("/{path:.*}", grant)
    app.router.add_get("/{path:.*}", configuration)
    await federation.host(app, login, graph)

    await entra_id.ask(replace(entra, cloud=cloud, login_url=None, graph_url=None), DOMAIN, client=client)

    assert asked == [
        f"https://{login}/{TENANT}/oauth2/v2.0/token https://{graph}/.default",
        f"https://{graph}/v1.0/domains/{DOMAIN}/federationConfiguration",
    ]


def b64(der: bytes) -> str:
    return base64.b64encode(der).decode()


def wrapped(der: bytes) -> str:
    text = b64(der)
    return "\r\n".join(text[at : at + 64] for at in range(0, len(text), 64)) + " \n"


CERTIFIED = {"signingCertificate": b64(CURRENT.der)}
TRUSTED = of_graph({Slot.SIGNING: CURRENT})


@pytest.mark.parametrize(
    ("content", "trust"),
    [
        ({"value": [CERTIFIED]}, TRUSTED),
        ({"value": CERTIFIED}, TRUSTED),
        (CERTIFIED, TRUSTED),
        ({"value": []}, NOT_FEDERATED),
        ({**CERTIFIED, "later": {"than": ["us"]}, "nextSigningCertificate": None}, TRUSTED),
        ({**CERTIFIED, "nextSigningCertificate": " "}, TRUSTED),
        ({"signingCertificate": wrapped(CURRENT.der)}, TRUSTED),
        (
            {"signingCertificate": "", "nextSigningCertificate": b64(NEXT.der)},
            of_graph({Slot.NEXT: NEXT}),
        ),
        ({"issuerUri": f"http://{DOMAIN}/adfs/services/trust/"}, of_graph({})),
        (
            {"signingCertificate": "no base64!", "nextSigningCertificate": b64(b"no certificate")},
            replace(of_graph({}), unreadable=(Slot.SIGNING, Slot.NEXT)),
        ),
        ({**CERTIFIED, "nextSigningCertificate": 7}, replace(TRUSTED, unreadable=(Slot.NEXT,))),
    ],
)
async def test_every_form_of_an_answer_is_understood(
    content: object, trust: DomainTrust, federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    granting(federation, TOKEN)
    federation.serve(GRAPH_URL, json.dumps(content).encode())

    assert await entra_id.ask(entra, DOMAIN, client=client) == trust


async def test_an_answer_is_read_once_whatever_is_told_of_it(
    federation: Federation, entra: Entra, client: fetch.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    loads = json.loads

    def noted(body: bytes) -> object:
        read.append(body)
        return loads(body)

    granting(federation, TOKEN)
    federation.at(GRAPH_URL, refusing)
    monkeypatch.setattr("exporter.entra.api.json.loads", noted)

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert (error.reason, [b"Never" in each for each in read].count(True)) == (TrustReason.PERMISSION, 1)


async def refusing(_: web.BaseRequest) -> web.StreamResponse:
    return web.json_response({"error": {"code": "No", "message": "Never."}}, status=403)


@pytest.mark.parametrize(
    ("addresses", "service"),
    [
        ({"passiveSignInUri": "https://STS.contoso.com/adfs/ls", "activeSignInUri": "https://a.test/"}, SERVICE),
        ({"passiveSignInUri": None, "activeSignInUri": f"https://{SERVICE}:444/adfs/"}, SERVICE),
        ({"passiveSignInUri": "", "metadataExchangeUri": f"https://{SERVICE}/adfs/"}, SERVICE),
        ({"passiveSignInUri": "https://[sts", "activeSignInUri": 7}, None),
        ({"issuerUri": f"http://{DOMAIN}/adfs/services/trust/"}, None),
    ],
)
async def test_the_service_is_the_host_where_people_sign_in(
    addresses: dict[str, Any], service: str | None, federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    granting(federation, TOKEN)
    federation.serve(GRAPH_URL, json.dumps({**CERTIFIED, **addresses}).encode())

    assert (await entra_id.ask(entra, DOMAIN, client=client)).service == service


async def status_of(status: object, federation: Federation, entra: Entra, client: fetch.Client) -> DomainTrust:
    granting(federation, TOKEN)
    federation.serve(GRAPH_URL, json.dumps({**CERTIFIED, "signingCertificateUpdateStatus": status}).encode())
    return await entra_id.ask(entra, DOMAIN, client=client)


@pytest.mark.parametrize("result", UpdateResult)
async def test_every_result_of_entras_own_reading_is_known_in_any_case(
    result: UpdateResult, federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    trust = await status_of({"certificateUpdateResult": result.upper()}, federation, entra, client)

    assert (trust.update, trust.updated) == (result, None)


@pytest.mark.parametrize(
    ("status", "update", "updated"),
    [
        (None, None, None),
        ("success", None, None),
        ({}, None, None),
        ({"certificateUpdateResult": None, "lastRunDateTime": None}, None, None),
        ({"certificateUpdateResult": "", "lastRunDateTime": "0001-01-01T00:00:00Z"}, None, None),
        ({"certificateUpdateResult": "unknownFutureValue", "lastRunDateTime": "yesterday"}, UpdateResult.OTHER, None),
        ({"certificateUpdateResult": 7, "lastRunDateTime": 7}, UpdateResult.OTHER, None),
        (
            {"certificateUpdateResult": "Success", "lastRunDateTime": "2026-05-30T03:11:07.1234567Z"},
            UpdateResult.SUCCESS,
            UPDATED,
        ),
        (
            {"certificateUpdateResult": "success", "lastRunDateTime": "2026-05-30T05:11:07.1234567+02:00"},
            UpdateResult.SUCCESS,
            UPDATED,
        ),
        ({"lastRunDateTime": "0001-01-01T00:00:00+14:00"}, None, None),
    ],
)
async def test_what_entra_does_not_say_of_its_reading_is_not_made_up(
    *,
    status: object,
    update: UpdateResult | None,
    updated: datetime | None,
    federation: Federation,
    entra: Entra,
    client: fetch.Client,
) -> None:
    trust = await status_of(status, federation, entra, client)

    assert (trust.update, trust.updated) == (update, updated)


NO_OBJECT = "graph.example.org does not answer with a JSON object (HTTP 200)"
NO_FEDERATION = "graph.example.org does not answer with one internalDomainFederation"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", NO_OBJECT),
        (b"<html>", NO_OBJECT),
        (b"[]", NO_OBJECT),
        (b"\xff", NO_OBJECT),
        (b'{"value":' * 10_000, NO_OBJECT),
        (b"{}", NO_FEDERATION),
        (b'{"value": null}', NO_FEDERATION),
        (b'{"value": "x"}', NO_FEDERATION),
        (b'{"value": [[]]}', NO_FEDERATION),
        (b'{"error": {"code": "x"}}', f"{NO_FEDERATION}; it says: x"),
        (b'{"error": {"message": "y"}}', f"{NO_FEDERATION}; it says: y"),
        (b'{"error": {}}', NO_FEDERATION),
        (b'{"error": [], "error_description": 7}', NO_FEDERATION),
        (json.dumps({"value": [CERTIFIED, CERTIFIED]}).encode(), NO_FEDERATION),
    ],
)
async def test_an_answer_of_another_shape_is_malformed(
    body: bytes, detail: str, federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    granting(federation, TOKEN)
    federation.serve(GRAPH_URL, body)

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert (error.reason, error.detail) == (TrustReason.MALFORMED, detail)


@pytest.mark.parametrize(("status", "words"), [(403, "HTTP 403 Forbidden"), (404, "HTTP 404 Not Found")])
async def test_a_refusal_that_is_not_graphs_own_says_nothing_about_the_domain(
    status: int, words: str, federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    granting(federation, TOKEN)
    federation.at(GRAPH_URL, answering(status, b"<html>somebody in between</html>"))

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert (error.reason, error.detail) == (TrustReason.MALFORMED, NO_OBJECT.replace("200", str(status)))

    federation.at(GRAPH_URL, answering(status, b'{"detail": "no route"}'))

    error = await refused(entra_id.ask(entra, DOMAIN, client=client))

    assert (error.reason, error.detail) == (TrustReason.HTTP_STATUS, f"graph.example.org answers {words}")


async def test_an_answer_that_is_too_large_or_packed_strangely_is_malformed(
    federation: Federation, entra: Entra, client: fetch.Client
) -> None:
    granting(federation, TOKEN)

    for body, headers in ((b"x" * (2**17 + 1), {}), (b"", {"Content-Encoding": "br"})):
        federation.serve(GRAPH_URL, body, **headers)
        assert (await refused(entra_id.ask(entra, DOMAIN, client=client))).reason is TrustReason.MALFORMED


async def test_the_user_realm_tells_the_service_and_one_certificate_without_any_credentials(
    tenant: Tenant, realm: Entra, client: fetch.Client
) -> None:
    tenant.directory.federate(DOMAIN, signing=CURRENT.der, next_signing=NEXT.der, service=SERVICE)
    tenant.directory.federate("fabrikam.com", signing=None, service=SERVICE)

    assert await entra_id.ask(realm, DOMAIN, client=client) == DomainTrust(
        TrustSource.USER_REALM, federated=True, certificates={Slot.UNNAMED: CURRENT}, service=SERVICE
    )
    assert await entra_id.ask(realm, "fabrikam.com", client=client) == DomainTrust(
        TrustSource.USER_REALM, federated=True, service=SERVICE
    )
    assert await entra_id.ask(realm, "managed.test", client=client) == DomainTrust(
        TrustSource.USER_REALM, federated=False
    )
    assert set(tenant.asked) == {"/getuserrealm.srf"}


@pytest.mark.parametrize(
    ("status", "reason", "waits"),
    [
        (404, TrustReason.HTTP_STATUS, None),
        (429, TrustReason.THROTTLED, 60),
        (500, TrustReason.SERVER, 60),
    ],
)
async def test_each_status_of_the_user_realm_has_its_reason(
    *, status: int, reason: TrustReason, waits: float | None, tenant: Tenant, realm: Entra, client: fetch.Client
) -> None:
    tenant.directory.fail(DOMAIN, status, retry_after="60")

    error = await refused(entra_id.ask(realm, DOMAIN, client=client))

    assert (error.reason, error.retry_after) == (reason, waits)
    assert error.detail.startswith(f"login.example.org answers HTTP {status} ")


async def test_the_user_realm_is_asked_for_nobody_in_the_domain(
    federation: Federation, realm: Entra, client: fetch.Client
) -> None:
    federation.serve(REALM_URL, b'<RealmInfo Success="true"><NameSpaceType>Unknown</NameSpaceType></RealmInfo>')

    trust = await entra_id.ask(realm, DOMAIN, client=client)

    assert trust == DomainTrust(TrustSource.USER_REALM, federated=False)
    (request,) = federation.requests
    assert dict(request.query) == {"login": f"fedmeta-exporter@{DOMAIN}", "xml": "1"}
    assert "Authorization" not in request.headers


def realm_info(*, success: str = "true", **fields: str) -> bytes:
    return (
        f'<?xml version="1.0"?><RealmInfo Success="{success}">'
        + "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())
        + "</RealmInfo>"
    ).encode()


async def test_what_the_user_realm_leaves_out_or_adds_is_no_matter(
    federation: Federation, realm: Entra, client: fetch.Client
) -> None:
    split = b64(CURRENT.der)[:40] + "\n<!-- a comment -->" + b64(CURRENT.der)[40:]
    federation.serve(
        REALM_URL,
        realm_info(
            NameSpaceType="federated",
            DomainName="Contoso.COM",
            Later="than us",
            STSAuthURL=f"https://{SERVICE}/adfs/",
            Certificate=split,
        ),
    )
    assert await entra_id.ask(realm, DOMAIN, client=client) == DomainTrust(
        TrustSource.USER_REALM, federated=True, certificates={Slot.UNNAMED: CURRENT}, service=SERVICE
    )

    federation.serve(REALM_URL, realm_info(NameSpaceType=" Federated ", Certificate="none"))
    assert await entra_id.ask(realm, DOMAIN, client=client) == DomainTrust(
        TrustSource.USER_REALM, federated=True, unreadable=(Slot.UNNAMED,)
    )


NO_XML = "login.example.org does not answer with XML: "
NO_REALM = "login.example.org answers without a RealmInfo that is a success"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", NO_XML),
        (b'{"NameSpaceType": "Federated"}', NO_XML),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", f"{NO_XML}an HTML page"),
        (
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><RealmInfo Success="true">&x;</RealmInfo>',
            f"{NO_XML}has a DOCTYPE",
        ),
        (builders.bomb(), NO_XML),
        (b"<rss/>", NO_REALM),
        (b"<RealmInfo/>", NO_REALM),
        (realm_info(success="false", NameSpaceType="Managed"), NO_REALM),
        (realm_info(), "login.example.org answers without a NameSpaceType that is known"),
        (realm_info(NameSpaceType="Later"), "login.example.org answers without a NameSpaceType that is known"),
        (
            realm_info(NameSpaceType="Managed", DomainName="other.test"),
            f"login.example.org answers for another domain than {DOMAIN}",
        ),
    ],
)
async def test_a_user_realm_of_another_shape_is_malformed(
    body: bytes, detail: str, federation: Federation, realm: Entra, client: fetch.Client
) -> None:
    federation.serve(REALM_URL, body)

    error = await refused(entra_id.ask(realm, DOMAIN, client=client))

    assert error.reason is TrustReason.MALFORMED
    assert error.detail.startswith(detail)
