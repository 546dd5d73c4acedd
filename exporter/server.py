"""Routes and lifecycle. A handler reads the question, calls a function and returns the answer."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from aiohttp import Payload, web
from aiohttp.abc import AbstractResolver

from exporter import __version__, fetch, memory, statement
from exporter.allowed import NotAllowedError, asked_target, deadline, is_allowed
from exporter.certificates import FORMS
from exporter.config.settings import Config
from exporter.config.written import written
from exporter.connections import HEADERS
from exporter.exposition.own import Format, Status, render_own
from exporter.exposition.render import Renderer, render_probe
from exporter.findings import Standing, standing
from exporter.model import Tally
from exporter.page import ICON, POLICY, Asked, certificate, nowhere, overview, runbooks, target
from exporter.record import Record, bare
from exporter.reload import Configuration
from exporter.report import report
from exporter.rounds import probe_first
from exporter.sharing import CrowdedError, Sharing
from exporter.standings import Standings
from exporter.state import State
from exporter.watch import LATE, Watch

T = TypeVar("T")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BEGINNING = 2.0
"""Seconds that the start waits for what was saved to be read, before it serves: mostly it is by then."""

RENDERERS = 2
"""Threads that render answers, one for scrapes and one for pages: :class:`~exporter.sharing.Sharing` makes one at a
time. They do nothing else: a scrape must not queue behind looks that hang.
"""

PROBE_REQUESTS = 32
"""Requests for ``/probe`` under way at once."""

RETRY_AFTER = 5
"""Seconds after which whoever was refused for now may try again: half of what a probe may take by default."""

_NO_TARGET = "No target has this name"

_LATER = {"Retry-After": f"{RETRY_AFTER}"}

SHOWN = 5
"""Loops that ``/-/healthy`` names."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the exporter serves."""

    config: Config
    config_file: str | None = None
    """Read again at a reload; None: there is none."""
    lifecycle: bool = False
    """Whether ``/-/reload`` is open."""
    limit: int = 200
    """Entities of an aggregate that get series without being watched."""
    probes: int = PROBE_REQUESTS
    """Requests for ``/probe`` under way at once."""
    documents: int = fetch.BUDGET
    """Bytes of documents that are read and parsed at once, by looks and by ``/probe``."""
    prefix: str = ""
    """What stands before every route; ``/`` and a path, or nothing."""
    resolver: str = "c-ares"
    """What looks names up, by its name in :data:`~exporter.fetch.RESOLVERS`."""


class _NoTargetError(Exception):
    """No target has the name that is asked for."""


class _NoCertificateError(Exception):
    """The target has no such certificate, or it is asked for in a form that there is not."""


@dataclass
class _Scrapes:
    """The answers on ``/metrics`` that were rendered so far; several scrapes may share one."""

    tally: Tally = field(default_factory=Tally)
    size: int = 0


_OPTIONS = web.AppKey("_OPTIONS", Options)
_CLOCK: web.AppKey[Callable[[], datetime]] = web.AppKey("_CLOCK")
_SINCE: web.AppKey[datetime] = web.AppKey("_SINCE")
_STATE = web.AppKey("_STATE", State)
_RENDERERS = web.AppKey("_RENDERERS", ThreadPoolExecutor)
_RESOLVER = web.AppKey("_RESOLVER", AbstractResolver)
_CLIENT = web.AppKey("_CLIENT", fetch.Client)
_WATCH = web.AppKey("_WATCH", Watch)
_RENDERER = web.AppKey("_RENDERER", Renderer)
_SCRAPES = web.AppKey("_SCRAPES", _Scrapes)
_STANDINGS = web.AppKey("_STANDINGS", Standings)
"""What scrapes and pages show alike."""
_PROBERS: web.AppKey[fetch.Threads] = web.AppKey("_PROBERS")
_SLOTS = web.AppKey("_SLOTS", asyncio.Semaphore)
_SHARED_SCRAPES = web.AppKey("_SHARED_SCRAPES", Sharing)
_SHARED_PAGES = web.AppKey("_SHARED_PAGES", Sharing)
"""Apart from the scrapes, which must not wait for a page."""
CONFIGURATION = web.AppKey("CONFIGURATION", Configuration)
"""The configuration in force, once the application has started."""


def application(
    options: Options, *, state: State, clock: Callable[[], datetime], resolver: AbstractResolver | None = None
) -> web.Application:
    """The exporter as an aiohttp application. Who opened the state closes it, after the application."""
    app = web.Application(middlewares=[_nowhere])
    app[_OPTIONS], app[_CLOCK], app[_SINCE], app[_STATE] = options, clock, clock(), state
    app[_STANDINGS], app[_SCRAPES] = Standings(), _Scrapes()
    app[_RENDERER] = Renderer(limit=options.limit, standings=app[_STANDINGS])
    app[_SLOTS] = asyncio.Semaphore(options.probes)
    app[_SHARED_SCRAPES], app[_SHARED_PAGES] = Sharing(), Sharing()
    if resolver is not None:
        app[_RESOLVER] = resolver
    app.cleanup_ctx.extend([_renderers, _probers, _client, _collector, _watch, _configuration])
    app.on_response_prepare.append(_guard)
    routes = (
        ("GET", "/", _once_begun(_overview)),
        ("GET", "/targets/{name:[^/]+}", _once_begun(_target)),
        (
            "GET",
            "/targets/{name:[^/]+}/certificates/{fingerprint:[0-9a-f]+}.{form:[a-z0-9]+}",
            _once_begun(_certificate),
        ),
        ("GET", "/favicon.svg", _icon),
        ("GET", "/runbooks", _runbooks),
        ("GET", "/runbooks/", _runbooks_without_slash),
        ("GET", "/api/v1/targets", _once_begun(_api_targets)),
        ("GET", "/api/v1/targets/{name:[^/]+}", _once_begun(_api_target)),
        ("GET", "/config", _config),
        ("GET", "/metrics", _once_begun(_metrics)),
        ("GET", "/probe", _probe),
        ("GET", "/-/healthy", _healthy),
        ("GET", "/-/ready", _ready),
        ("POST", "/-/reload", _reload),
        ("PUT", "/-/reload", _reload),
    )
    for method, path, handler in routes:
        # What can be got has headers by themselves, too.
        add = app.router.add_get if method == "GET" else partial(app.router.add_route, method)
        add(f"{options.prefix}{path}", handler)
    if options.prefix:
        app.router.add_get("/", _home)
        app.router.add_get(options.prefix, _home)
    return app


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header names gzip, and not with a weight of zero (RFC 9110 12.5.3)."""
    codings = (each.lower().replace(" ", "").partition(";q=") for each in accept_encoding.split(","))
    return any(name == "gzip" and (not weighted or weight.strip("0.") != "") for name, weighted, weight in codings)


def is_foreign(origin: str, host: str) -> bool:
    """Whether an Origin header names another place than the Host header (RFC 6454 7); none at all does not."""
    return bool(origin) and origin.partition("://")[2].lower() != host.lower()


async def _guard(_: web.Request, response: web.StreamResponse) -> None:
    policy = response.headers.get("Content-Security-Policy", HEADERS["Content-Security-Policy"])
    response.headers.update({**HEADERS, "Content-Security-Policy": policy})


@web.middleware
async def _nowhere(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page for whoever asks for a page that there is not, with the way to those there are."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        # The API's other errors are text, and what is no route of ours has no other words.
        if request.path.startswith(f"{request.app[_OPTIONS].prefix}/api/"):
            raise
    return _no_page(request, "No such page", "There is nothing at this address")


def _no_page(request: web.Request, what: str, why: str) -> web.Response:
    prefix, path = request.app[_OPTIONS].prefix, request.rel_url.raw_path
    # A proxy may have another prefix: below ours the way back does not name it.
    below, home = (path.removeprefix(prefix), "") if path.startswith(f"{prefix}/") else (path, f"{prefix[1:]}/")
    root = "../" * (below.count("/") - 1) + home
    return _html(nowhere(what, why, root=root or "./", version=__version__), status=404)


async def _renderers(app: web.Application) -> AsyncIterator[None]:
    app[_RENDERERS] = pool = ThreadPoolExecutor(RENDERERS, thread_name_prefix="render")
    # Its threads start now, and wait for each other: later the looks may have taken all that the system gives.
    together = threading.Barrier(RENDERERS, timeout=1)
    with suppress(RuntimeError):
        await asyncio.gather(*(_rendered(app, together.wait) for _ in range(RENDERERS)))
    yield
    pool.shutdown(wait=False)


async def _probers(app: web.Application) -> AsyncIterator[None]:
    # One of each: the event loop, and so everybody else, has to wait for every thread that runs Python.
    large, small = (ThreadPoolExecutor(1, thread_name_prefix="probe") for _ in range(2))
    app[_PROBERS] = fetch.Threads(large, small)
    yield
    for pool in (large, small):
        pool.shutdown(wait=False)


async def _client(app: web.Application) -> AsyncIterator[None]:
    options = app[_OPTIONS]
    resolver = app.get(_RESOLVER) or fetch.RESOLVERS[options.resolver]()
    async with fetch.client(resolver=resolver, budget=fetch.Budget(options.documents)) as client:
        app[_CLIENT] = client
        yield


async def _collector(app: web.Application) -> AsyncIterator[None]:
    with memory.collected_when_told():
        # What is parsed would take its part of the processor from it, and everybody waits for it.
        collecting = asyncio.create_task(memory.collecting(app[_CLIENT].budget.unused))
        yield
        await _cancelled(collecting)


async def _watch(app: web.Application) -> AsyncIterator[None]:
    app[_WATCH] = watch = Watch(client=app[_CLIENT], state=app[_STATE], clock=app[_CLOCK])
    yield
    await watch.stop()


async def _configuration(app: web.Application) -> AsyncIterator[None]:
    options = app[_OPTIONS]
    configuration = Configuration(options.config, file=options.config_file, watch=app[_WATCH], clock=app[_CLOCK])
    app[CONFIGURATION] = configuration
    beginning, following = map(asyncio.create_task, (configuration.begin(), configuration.follow_target_files()))
    try:
        # Who asks whether it lives must get an answer, however much was saved.
        await asyncio.wait({beginning}, timeout=BEGINNING)
        yield
    finally:
        await _cancelled(following, beginning)
        await configuration.end()


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks)


def _once_begun(answer: Handler) -> Handler:
    """The handler, or 503 while what was saved is read: half of the answer would be taken for all of it."""

    async def answered(request: web.Request) -> web.StreamResponse:
        if not request.app[_WATCH].begun:
            return _busy("What was saved before the start is still being read")
        return await answer(request)

    return answered


async def _home(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"{request.app[_OPTIONS].prefix}/")


async def _overview(request: web.Request) -> web.Response:
    app, asked = request.app, Asked.by(request.query)

    async def make() -> bytes:
        records, now, standings, status = app[_WATCH].records, app[_CLOCK](), app[_STANDINGS], _status(app)
        return await _rendered(app, lambda: overview(standings.of(records, now), now, asked, status=status).encode())

    return _html(await _shared_page(app, asked, make))


async def _target(request: web.Request) -> web.Response:
    app, name, asked = request.app, request.match_info["name"], Asked.by(request.query)

    def page(found: Standing, now: datetime) -> bytes:
        return target(found, now, asked, version=__version__).encode()

    try:
        return _html(await _shared_of(app, name, asked, page))
    except web.HTTPNotFound:
        return _no_page(request, "No such target", _NO_TARGET)


async def _api_targets(request: web.Request) -> web.Response:
    app = request.app

    async def make() -> bytes:
        records, now, standings = app[_WATCH].records, app[_CLOCK](), app[_STANDINGS]
        return await _rendered(app, lambda: _json(statement.overview(standings.of(records, now), now)))

    return web.Response(body=await _shared_page(app, _api_targets, make), content_type="application/json")


async def _api_target(request: web.Request) -> web.Response:
    def made(found: Standing, now: datetime) -> bytes:
        return _json(statement.statement(found, now))

    body = await _shared_of(request.app, request.match_info["name"], _api_target, made)
    return web.Response(body=body, content_type="application/json")


def _json(value: statement.Json) -> bytes:
    return f"{json.dumps(value)}\n".encode()


async def _shared_of(
    app: web.Application, name: str, asked: Hashable, made: Callable[[Standing, datetime], bytes]
) -> Payload:
    """What is made of how one target stands, for all who ask the same at once. Raises 404 where there is none."""

    async def make() -> bytes:
        record, now, standings = _named(app, name), app[_CLOCK](), app[_STANDINGS]
        return await _rendered(app, lambda: made(standings.one(record, now), now))

    try:
        return await _shared_page(app, (name, asked), make)
    except _NoTargetError:
        # One for each who asks: what aiohttp raises is an answer, and is sent once.
        raise _not_found() from None


async def _shared_page(app: web.Application, kind: Hashable, make: Callable[[], Awaitable[bytes]]) -> Payload:
    """What a person asks for, made once for all who ask the same at once. Raises 503 where too many wait."""
    try:
        return await app[_SHARED_PAGES].get(kind, make)
    except CrowdedError:
        text = "Too many other pages are waited for\n"
        raise web.HTTPServiceUnavailable(text=text, headers=_LATER) from None


async def _certificate(request: web.Request) -> web.Response:
    app, name, asked = request.app, request.match_info["name"], request.match_info["fingerprint"]
    form = request.match_info["form"]

    async def make() -> bytes:
        record = _named(app, name)
        found = await _rendered(app, lambda: certificate(record, asked)) if form in FORMS else None
        if found is None:
            raise _NoCertificateError
        return FORMS[form](found.der).encode()

    try:
        body = await _shared_page(app, (_certificate, name, asked, form), make)
    except _NoTargetError:
        return _no_page(request, "No such target", _NO_TARGET)
    except _NoCertificateError:
        return _no_page(request, "No such certificate", "The target has no certificate of this fingerprint and form")
    headers = {"Content-Disposition": f'attachment; filename="{asked}.{form}"'}
    return web.Response(body=body, content_type="text/plain", charset="utf-8", headers=headers)


async def _icon(_: web.Request) -> web.Response:
    return web.Response(text=ICON, content_type="image/svg+xml")


def _named(app: web.Application, name: str) -> Record:
    """What is known of the target with this name. Raises :class:`_NoTargetError` where there is none."""
    found = next((each for each in app[_WATCH].records if each.target.name == name), None)
    if found is None:
        raise _NoTargetError
    return found


def _not_found() -> web.HTTPNotFound:
    return web.HTTPNotFound(text="No such target.\n")


def _html(body: Payload | str, status: int = 200) -> web.Response:
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
    return web.Response(body=body, headers=headers, status=status)


async def _runbooks_without_slash(request: web.Request) -> web.Response:
    # Links on the page lead elsewhere below an address with a slash.
    raise web.HTTPMovedPermanently(f"{request.app[_OPTIONS].prefix}/runbooks")


async def _runbooks(request: web.Request) -> web.Response:
    app = request.app

    async def make() -> bytes:
        return await _rendered(app, lambda: runbooks(__version__).encode())

    return _html(await _shared_page(app, _runbooks, make))


async def _config(request: web.Request) -> web.Response:
    app = request.app

    async def make() -> bytes:
        config = app[CONFIGURATION].config
        return await _rendered(app, lambda: written(config).encode())

    body = await _shared_page(app, _config, make)
    return web.Response(body=body, content_type="text/plain", charset="utf-8")


async def _metrics(request: web.Request) -> web.Response:
    app, form, packed = request.app, _format(request), _packed(request)

    async def make() -> bytes:
        records, now, scrapes, status = app[_WATCH].records, app[_CLOCK](), app[_SCRAPES], _status(app)
        removed = app[_STATE].removed(now)

        def scrape() -> bytes:
            began = time.perf_counter()
            text = app[_RENDERER].render(records, now, removed=removed, openmetrics=form.openmetrics)
            text += render_own(status, form)
            scrapes.tally, scrapes.size = scrapes.tally.plus(time.perf_counter() - began), len(text)
            return gzip.compress(text, 1) if packed else text

        return await _rendered(app, scrape)

    body = await app[_SHARED_SCRAPES].get((form.content_type, packed), make)
    return web.Response(body=body, headers=_headers(form, packed=packed))


async def _probe(request: web.Request) -> web.Response:
    app, query = request.app, request.query
    config = app[CONFIGURATION].config
    try:
        target = asked_target(
            config, query.get("target", ""), query.get("module", "default"), query.get("policy", "default")
        )
    except NotAllowedError as error:
        return web.Response(text=f"{error}\n", status=error.status)
    now, form, packed = app[_CLOCK](), _format(request), _packed(request)
    if app[_SLOTS].locked():
        return _busy(f"{app[_OPTIONS].probes} requests for /probe are under way, and no more may be at once")
    async with app[_SLOTS]:
        try:
            record = await probe_first(
                bare(target),
                client=app[_CLIENT],
                now=now,
                timeout=deadline(
                    request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"), target.look.module.timeout
                ),
                allow_host=lambda host: is_allowed(host, config.probe_allow),
                threads=app[_PROBERS],
            )
        except fetch.CrowdedError as error:
            return _busy(f"no room for the document: {error}")

        def scrape() -> bytes:
            text = render_probe(record, now, limit=app[_OPTIONS].limit, openmetrics=form.openmetrics) + form.end
            return gzip.compress(text, 1) if packed else text

        def debug() -> bytes:
            text = report(standing(record, now, remembers=False), now)
            series = render_probe(record, now, limit=app[_OPTIONS].limit, openmetrics=False)
            return f"{text}\n\nWhat Prometheus gets of it:\n\n".encode() + series

        if query.get("debug") == "true":
            text = await asyncio.get_running_loop().run_in_executor(app[_PROBERS].small, debug)
            return web.Response(body=text, content_type="text/plain", charset="utf-8")
        body = await asyncio.get_running_loop().run_in_executor(app[_PROBERS].small, scrape)
        return web.Response(body=body, headers=_headers(form, packed=packed))


def _busy(why: str) -> web.Response:
    return web.Response(text=f"{why}\n", status=503, headers=_LATER)


async def _healthy(request: web.Request) -> web.Response:
    late = request.app[_WATCH].late
    if not late:
        return web.Response(text="fedmeta-exporter is healthy.\n")
    more = f" and {len(late) - SHOWN} more" if len(late) > SHOWN else ""
    names = ", ".join(late[:SHOWN])
    return web.Response(text=f"Late by more than {LATE} intervals: {names}{more}.\n", status=503)


async def _ready(request: web.Request) -> web.Response:
    if request.app[_WATCH].ready:
        return web.Response(text="fedmeta-exporter is ready.\n")
    return web.Response(text="Not every target was looked at yet.\n", status=503)


async def _reload(request: web.Request) -> web.Response:
    if not request.app[_OPTIONS].lifecycle:
        return web.Response(text="The lifecycle API is off; --web.enable-lifecycle opens it.\n", status=403)
    if is_foreign(request.headers.get("Origin", ""), request.host):
        return web.Response(text="A page of another origin may not reload the configuration.\n", status=403)
    return _reloaded(await request.app[CONFIGURATION].reload())


def _reloaded(problems: str | None) -> web.Response:
    if problems is None:
        return web.Response(text="")
    return web.Response(text=f"The configuration was not reloaded:\n{problems}\n", status=500)


def _status(app: web.Application) -> Status:
    watch, configuration = app[_WATCH], app[CONFIGURATION]
    return Status(
        version=__version__,
        since=app[_SINCE],
        targets=len(watch.records),
        failures=dict(watch.failures),
        inquiry_failures=dict(watch.inquiry_failures),
        reloaded=configuration.succeeded,
        reloaded_at=configuration.succeeded_at,
        storage=app[_STATE].status,
        restarts=dict(watch.restarts),
        lag=watch.lag,
        scrapes=app[_SCRAPES].tally,
        scrape_size=app[_SCRAPES].size,
    )


def _format(request: web.Request) -> Format:
    return Format.negotiate(request.headers.get("Accept", ""))


def _packed(request: web.Request) -> bool:
    return accepts_gzip(request.headers.get("Accept-Encoding", ""))


def _headers(form: Format, *, packed: bool) -> Mapping[str, str]:
    headers = {"Content-Type": form.content_type, "Vary": "Accept, Accept-Encoding"}
    return {**headers, "Content-Encoding": "gzip"} if packed else headers


async def _rendered(app: web.Application, work: Callable[[], T]) -> T:
    """What some work gives that a person or a scraper waits for, done beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(app[_RENDERERS], work)
