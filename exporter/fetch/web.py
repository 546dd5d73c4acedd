"""HTTP, each request over a connection of its own.

Documents come with redirects under our rules and conditional requests, the answers of services without.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from exporter import __version__
from exporter.config.settings import Module, Tls
from exporter.config.urls import is_ip_address
from exporter.fetch import body, clock, credentials
from exporter.fetch.addresses import barred, barred_name, written
from exporter.fetch.budget import Budget, anything
from exporter.fetch.failure import LINE_LIMIT, LINES_LIMIT, FetchError, status_line, translated, until
from exporter.fetch.hidden import hidden
from exporter.fetch.hosts import LONGEST_NAME, no_name, spelled
from exporter.fetch.names import CAres
from exporter.fetch.progress import Progress, Resolver, current, open_socket, peer_not_after, under_way
from exporter.fetch.tls import Contexts
from exporter.fetch.tokens import Tokens
from exporter.model import Phase, Reason, Validators, is_validator
from exporter.names import told

MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_ACCEPT = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
_SERVICE_LIMIT = 2**17
"""Bytes of what a service answers: twenty times a large answer. The event loop reads it, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Client:
    """What all fetches share: the session, TLS contexts, tokens, and room for documents.

    No connection and no cookie is kept.
    """

    session: aiohttp.ClientSession
    contexts: Contexts
    tokens: Tokens
    names: Resolver
    budget: Budget
    """Room for documents."""
    clock: Callable[[], float]
    """Seconds, for durations."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an HTTP endpoint, everything secret at hand."""

    module: Module
    own_headers: Mapping[str, str]
    """For the endpoint's own origin only."""
    token: str | None
    proxy: URL | None
    validators: Validators
    allow_host: Callable[[str], bool] | None
    """Which hosts a redirect may lead to; None: any."""
    address: str | None
    """Where to connect to, as ``host`` or ``host:port``; None: wherever the name leads."""
    secrets: Sequence[str] = field(repr=False)
    """What the endpoint, or the proxy, is sent and must not be shown, in whatever it says."""
    room: Callable[[int], None]
    """Makes room for so many bytes of the document, or raises."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The document that came back."""

    body: bytes | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class Response:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    """Found by their names in any case."""
    body: bytes = field(repr=False)
    """May hold a token."""

    @property
    def status_line(self) -> str:
        """``HTTP 503 Service Unavailable``, with the standard's words and not the peer's."""
        return status_line(self.status)


@asynccontextmanager
async def open_client(
    resolver: AbstractResolver | None, clock: Callable[[], float], budget: Budget
) -> AsyncIterator[Client]:
    """A client that closes with the block, and its resolver too."""
    names = Resolver(resolver or CAres())
    connector = aiohttp.TCPConnector(
        resolver=names,
        use_dns_cache=False,
        force_close=True,
        limit=0,
        socket_factory=open_socket,
    )
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_connected)
    try:
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
            max_headers=LINES_LIMIT,
            headers={"User-Agent": f"fedmeta-exporter/{__version__}", "Accept-Encoding": body.ACCEPTED},
            trace_configs=[trace],
            middlewares=[_once],
        ) as session:
            yield Client(session, Contexts(), Tokens(clock), names, budget, clock)
    finally:
        await names.close()


async def sought(address: str, module: Module, detour: str | None) -> tuple[str, int] | None:
    """The name and port that a fetch of an http or https address looks up first; None: it needs no look-up.

    Notes the host and the detour in the current progress. Raises :class:`FetchError`.
    """
    progress = current.get()
    url = _url(address)
    progress.go(_named(url))
    proxy = await _proxy(module)
    if proxy is not None:
        url = proxy
    elif detour is not None:
        progress.detours = _detours(url, detour)
    host = url.raw_host or ""
    return None if is_ip_address(host) else (host, url.port or 0)


async def prepare(
    url: str,
    client: Client,
    module: Module,
    *,
    validators: Validators,
    allow_host: Callable[[str], bool] | None,
    address: str | None,
    room: Callable[[int], None],
) -> Question:
    """Gathers what a module needs before the endpoint is asked. Raises :class:`FetchError` (CREDENTIALS)."""
    own_headers = await credentials.headers(module)
    proxy = await _proxy(module)
    token = None
    if module.oauth2 is not None:

        async def post(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, bytes]:
            # It is no phase of the fetch itself.
            with under_way(Progress.by(module, client.clock)):
                answer = await exchange(url, module, client, form=form, headers=headers)
            return answer.status, answer.body

        token = await credentials.token(module.oauth2, client.tokens, post)
        own_headers["Authorization"] = f"Bearer {token}"
    return Question(
        module=module,
        own_headers=own_headers,
        token=token,
        proxy=proxy,
        validators=validators,
        allow_host=allow_host,
        address=address,
        secrets=credentials.secrets(url, own_headers, proxy),
        room=room,
    )


async def get(address: str, question: Question, client: Client) -> Reply:
    """The document at an http or https address, or word that it has not changed. Raises :class:`FetchError`."""
    progress = current.get()
    url = _url(address)
    tls, own = question.module.tls, question.own_headers
    if question.address is not None and question.proxy is None:
        progress.detours = _detours(url, question.address)
    origin = url
    for _ in range(MAX_REDIRECTS + 1):
        # Where a redirect leads is the endpoint's own text.
        progress.go(_named(url) if url is origin else _foreign(_named(url), question))
        context = await client.contexts.get(tls) if url.scheme == "https" else True
        with translated(progress):
            async with client.session.get(
                url,
                headers={"Accept": _ACCEPT, **_conditions(question), **own},
                allow_redirects=False,
                ssl=context,
                server_hostname=tls.server_name,
                proxy=question.proxy,
            ) as response:
                progress.enter(Phase.TRANSFER)
                progress.host.http_status = response.status
                if not _is_proxys(response.status, question.proxy):
                    progress.host.shown = clock.shown(
                        response.headers.getall("Date", ()), response.headers.getall("Age", ())
                    )
                progress.note_certificate(peer_not_after(progress.host.tls))
                if response.status not in _REDIRECTS:
                    return await _reply(response, question, client)
                if progress.home is None:
                    progress.home = progress.host.peer
                following = _following(url, response, question)
                _check_place(following, origin, question, response.status)
        if _origin(following) != _origin(url):
            # The first origin's secrets are not for another, nor for itself once another has led back to it.
            tls, own = _plain(tls), {}
        url = following
    raise FetchError(Reason.REDIRECT, f"more than {MAX_REDIRECTS} redirects")


async def exchange(
    address: str,
    module: Module,
    client: Client,
    *,
    form: Mapping[str, str] | None,
    headers: Mapping[str, str],
    deadline: float | None = None,
) -> Response:
    """What a service answers to a GET, or to a form by POST, with any status. Raises :class:`FetchError`.

    It is always verified: by the module's own authorities, or else by the system's.
    """
    progress = current.get()
    url = _url(address)
    progress.go(_named(url))
    async with until(deadline, Reason.TIMEOUT, f"{progress.host.name} did not answer in time"):
        proxy = await _proxy(module)
        context = await client.contexts.get(Tls(ca_file=module.tls.ca_file))
        with translated(progress):
            async with client.session.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers={"Accept": "application/json", **headers},
                allow_redirects=False,
                ssl=context,
                proxy=proxy,
            ) as response:
                progress.enter(Phase.TRANSFER)
                _check_proxy(response.status, proxy)
                sent = [*headers.values(), *(form or {}).values()]
                content = await body.read(response, _SERVICE_LIMIT, room=anything, secrets=sent)
                return Response(response.status, response.headers, content)


def _url(address: str) -> URL:
    """An http or https address without a user. Raises :class:`FetchError` (DNS) where nothing can be looked up."""
    try:
        fault = no_name(urlsplit(address).hostname or "")
        if not fault:
            return URL(address).with_user(None)
    except ValueError:
        fault = "the address names no host that can be looked up"
    raise FetchError(Reason.DNS, fault)


def _named(url: URL) -> str:
    return spelled(url.raw_host or "")


async def _proxy(module: Module) -> URL | None:
    """A module's proxy, whose place the current progress notes. Raises :class:`FetchError` (CREDENTIALS)."""
    proxy = await credentials.proxy(module)
    if proxy is not None:
        current.get().proxy = f"{_named(proxy)} port {proxy.port}"
    return proxy


def _detours(url: URL, address: str) -> dict[tuple[str, int], tuple[str, int]]:
    """Leads from a URL's own host and port to an address, whose port is the URL's unless it has its own."""
    place = urlsplit(f"//{address}")
    port = url.port or 0
    return {(url.raw_host or "", port): (place.hostname or "", place.port or port)}


async def _reply(response: aiohttp.ClientResponse, question: Question, client: Client) -> Reply:
    etag = _validator(response.headers.get("ETag"))
    last_modified = _validator(response.headers.get("Last-Modified"))
    if response.status == HTTPStatus.NOT_MODIFIED and _conditions(question):
        asked = question.validators
        return Reply(None, Validators(etag or asked.etag, last_modified or asked.last_modified))
    if response.status == HTTPStatus.UNAUTHORIZED and question.token is not None:
        client.tokens.forget(question.token)
    _check_proxy(response.status, question.proxy)
    if response.status != HTTPStatus.OK:
        raise FetchError(Reason.HTTP_STATUS, status_line(response.status))
    return Reply(
        await body.read(
            response,
            question.module.body_size_limit,
            room=question.room,
            named="body_size_limit",
            secrets=question.secrets,
        ),
        Validators(etag, last_modified),
    )


def _is_proxys(status: int, proxy: URL | None) -> bool:
    """Whether an answer is the proxy's own, and not the endpoint's."""
    return status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and proxy is not None


def _check_proxy(status: int, proxy: URL | None) -> None:
    if _is_proxys(status, proxy):
        raise FetchError(Reason.PROXY, f"the proxy {current.get().proxy} refused: {status_line(status)}")


def _following(url: URL, response: aiohttp.ClientResponse, question: Question) -> URL:
    """Where a redirect leads, without the user and password that may stand in it."""
    status = status_line(response.status)
    if not question.module.follow_redirects:
        raise FetchError(Reason.REDIRECT, f"{status}, and the module follows no redirects")
    location = response.headers.get("Location", "")
    try:
        # To encode a name takes the longer the longer it is: half a second for as many letters as a line holds.
        if len(URL(location, encoded=True).raw_host or "") > LONGEST_NAME:
            raise FetchError(Reason.REDIRECT, f"{status} to a name of more than {LONGEST_NAME} characters")
        following = url.join(URL(location)).with_user(None)
        host = following.host
    except ValueError:
        host = None
    if not location or not host:
        raise FetchError(Reason.REDIRECT, f"{status} without a usable Location")
    if following.scheme not in {"http", "https"}:
        scheme = _foreign(following.scheme, question)
        raise FetchError(Reason.REDIRECT, f"{status} to {scheme}, which is neither http nor https")
    if url.scheme == "https" and following.scheme == "http":
        raise FetchError(Reason.REDIRECT, f"{status} from https to http ({_foreign(host, question)})")
    if question.allow_host is not None and not question.allow_host(host):
        raise FetchError(Reason.REDIRECT, f"{status} to a host that is not allowed: {_foreign(host, question)}")
    return following


def _check_place(following: URL, origin: URL, question: Question, status: int) -> None:
    """Raises :class:`FetchError` where a redirect may not lead, as far as the URL itself shows it.

    What a name leads to shows when it is connected to; a proxy looks it up itself, and its names alone are judged.
    """
    progress, host, own = current.get(), following.raw_host or "", origin.raw_host or ""
    address = written(host)
    if progress.proxied:
        home = written(own) or ""
        special = barred(address, home) if address is not None else barred_name(host, own)
    else:
        special = None if address is None else barred(address, progress.home or "")
    if special is not None:
        place = _foreign(address or host, question)
        raise FetchError(Reason.REDIRECT, f"{status_line(status)} to {place}, and that is {special}")


def _foreign(text: str, question: Question) -> str:
    """A text of the other side, fit for a sentence."""
    return told(hidden(text, question.secrets), LONGEST_NAME)


def _conditions(question: Question) -> dict[str, str]:
    asked = {
        "If-None-Match": question.validators.etag,
        "If-Modified-Since": question.validators.last_modified,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _validator(value: str | None) -> str | None:
    return value if value is not None and is_validator(value) else None


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port


def _plain(tls: Tls) -> Tls:
    return replace(tls, cert_file=None, key_file=None, server_name=None)


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    # aiohttp would ask once more after a reset: here the reset is what we want to know.
    with translated(current.get()):
        return await handler(request)


async def _connected(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: aiohttp.TraceConnectionCreateEndParams
) -> None:
    current.get().connected()
