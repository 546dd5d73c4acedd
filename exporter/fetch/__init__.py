"""One document from where it is published, or one answer of a service, within a deadline and limits."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.config.settings import Module, Secret
from exporter.fetch import credentials, files, web
from exporter.fetch.budget import BUDGET, FREE, IN_THE_LOOP, Budget, CrowdedError, Share, Threads, anything
from exporter.fetch.failure import FetchError, chain, translated, until
from exporter.fetch.hidden import hidden
from exporter.fetch.names import RESOLVERS
from exporter.fetch.progress import Found, Progress, peer_not_after, under_way
from exporter.fetch.tls import glance
from exporter.fetch.tokens import Grant, NotGranted, granted
from exporter.fetch.web import Client, Response
from exporter.model import NO_VALIDATORS, Phase, Reason, Validators

__all__ = [
    "BUDGET",
    "FREE",
    "IN_THE_LOOP",
    "RESOLVERS",
    "Answer",
    "Budget",
    "Client",
    "CrowdedError",
    "FetchError",
    "Found",
    "Grant",
    "NotGranted",
    "Response",
    "Share",
    "Threads",
    "chain",
    "client",
    "exchange",
    "fetch",
    "find",
    "granted",
    "hidden",
    "reveal",
]

_NO_CREDENTIALS = "the module's credentials could not be had in time"
_HANDSHAKE_FAILED = {Reason.TLS_EXPIRED, Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.TLS}


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, or word that it has not changed."""

    body: bytes | None
    """None: not modified since the validators that were sent."""
    http_status: int | None
    """None: not over HTTP."""
    validators: Validators
    phases: Mapping[Phase, float]
    """Seconds spent in each phase that was reached, over all redirects."""
    tls_not_after: datetime | None
    """Of the endpoint's own TLS certificate; the earliest where redirects lead over several."""
    clock: datetime | None
    """What the endpoint's clock showed when it answered; None: it did not say."""
    secrets: Sequence[str] = field(repr=False)
    """What was sent and must not be shown, in whatever came back."""


@asynccontextmanager
async def client(
    *,
    resolver: AbstractResolver | None = None,
    clock: Callable[[], float] = time.monotonic,
    budget: Budget | None = None,
) -> AsyncIterator[Client]:
    """What fetches share, for as long as the block lasts; without a resolver of their own c-ares looks names up."""
    async with web.open_client(resolver, clock, budget or Budget()) as opened:
        yield opened


async def find(
    url: str,
    module: Module,
    *,
    client: Client,
    timeout: float,  # noqa: ASYNC109 -- the deadline is one for all that happens here, and its error ours
    address: str | None = None,
) -> Found:
    """Where a fetch of the same URL, module and address will connect to, within ``timeout`` seconds.

    So a name that hangs keeps nobody from a place among those who fetch. Raises nothing that a fetch would tell: the
    fetch that gets it tells it.
    """
    if _is_file(url):
        return Found()
    progress = Progress.by(module, client.clock)
    began = client.clock()
    deadline = asyncio.get_running_loop().time() + timeout
    place: tuple[str, int] | None = None
    addresses: Sequence[ResolveResult] = ()
    failure: tuple[Reason, str] | None = None
    with under_way(progress):
        try:
            async with until(deadline, Reason.CREDENTIALS, _NO_CREDENTIALS):
                place = await web.sought(url, module, address)
            if place is not None:
                async with until(deadline, Reason.TIMEOUT, _no_answer(timeout)):
                    with translated(progress):
                        addresses = await client.names.resolve(*place)
        except FetchError as error:
            failure = error.reason, error.detail
    return Found(client.clock() - began, place, tuple(addresses), progress.host.left_out, failure)


async def fetch(
    url: str,
    module: Module,
    *,
    client: Client,
    timeout: float,  # noqa: ASYNC109 -- the deadline is one for all that happens here, and its error ours
    validators: Validators = NO_VALIDATORS,
    allow_host: Callable[[str], bool] | None = None,
    address: str | None = None,
    found: Found | None = None,
    room: Callable[[int], None] = anything,
) -> Answer:
    """The document at an http, https or file URL, within ``timeout`` seconds.

    ``validators`` make the request conditional (RFC 9110 13.1); ``allow_host`` says to which hosts redirects may lead,
    None to any. ``address``, a ``host`` or ``host:port``, is connected to in place of the URL's own
    host and port, which must be a name; nothing else changes, so TLS is verified against that name. Through a proxy it
    does not count. ``found`` is what :func:`find` gave, and the seconds that it took are some of the ``timeout``; None:
    the name is looked up here. ``room`` makes room for so many bytes of the document as have come, or raises. Raises
    :class:`FetchError`, and what ``room`` raises.
    """
    found = found or Found()
    progress = Progress.by(module, client.clock)
    progress.take(found)
    if found.failure is not None:
        error = FetchError(*found.failure)
        error.phases = progress.phases
        raise error
    deadline = asyncio.get_running_loop().time() + timeout - found.seconds
    secrets: Sequence[str] = ()
    with under_way(progress):
        try:
            if _is_file(url):
                progress.enter(Phase.TRANSFER)
                async with until(deadline, Reason.TIMEOUT, "the file was not read in time"):
                    reply = web.Reply(await files.read(url, module.body_size_limit, room), NO_VALIDATORS)
            else:
                async with until(deadline, Reason.CREDENTIALS, _NO_CREDENTIALS):
                    question = await web.prepare(
                        url,
                        client,
                        module,
                        validators=validators,
                        allow_host=allow_host,
                        address=address,
                        room=room,
                    )
                async with until(deadline, Reason.TIMEOUT, _no_answer(timeout)):
                    secrets = question.secrets
                    reply = await web.get(url, question, client)
        except FetchError as error:
            await _complete(error, progress, deadline)
            raise
    progress.leave()
    return Answer(
        body=reply.body,
        http_status=progress.host.http_status,
        validators=reply.validators,
        phases=progress.phases,
        tls_not_after=progress.tls_not_after,
        clock=progress.host.shown,
        secrets=secrets,
    )


async def exchange(
    url: str,
    module: Module,
    *,
    client: Client,
    deadline: float,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """What a service answers to a GET, or to a ``form`` by POST: any status, no redirect followed, at most 128 KiB.

    ``deadline`` is a moment of the running loop's clock. Of the module only proxy, authorities and choice of addresses
    count. Raises :class:`FetchError`.
    """
    with under_way(Progress.by(module, client.clock)):
        return await web.exchange(url, module, client, form=form, headers=headers or {}, deadline=deadline)


async def reveal(secret: Secret, name: str, *, deadline: float, lines: bool = False) -> str:
    """The text of a secret for an exchange, of one line unless it may have several.

    ``deadline`` is a moment of the running loop's clock. Raises :class:`FetchError` (CREDENTIALS), which calls the
    secret by its ``name``.
    """
    async with until(deadline, Reason.CREDENTIALS, f"{name}: it could not be had in time"):
        return await (credentials.content if lines else credentials.reveal)(secret, name)


def _is_file(url: str) -> bool:
    return url.lower().startswith("file:")


def _no_answer(timeout: float) -> str:
    return f"no answer within {timeout:g} s"


async def _complete(error: FetchError, progress: Progress, deadline: float) -> None:
    """Adds to an error what was seen all the same."""
    progress.leave()
    progress.note_certificate(peer_not_after(progress.host.tls))
    if error.reason in _HANDSHAKE_FAILED:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                progress.note_certificate(await glance(progress))
    error.phases = progress.phases
    error.http_status = progress.host.http_status
    error.tls_not_after = progress.tls_not_after
    error.clock = progress.host.shown
