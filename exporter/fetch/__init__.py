"""One document from where it is published, or one answer of a service, within a deadline and limits."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from aiohttp.abc import AbstractResolver

from exporter.config.settings import Module
from exporter.fetch import files, web
from exporter.fetch.failure import FetchError, until
from exporter.fetch.look import Look, looking, peer_not_after
from exporter.fetch.tls import glance
from exporter.fetch.web import Client, Response
from exporter.model import NO_VALIDATORS, Phase, Reason, Validators

__all__ = ["Answer", "Client", "FetchError", "Response", "client", "exchange", "fetch"]

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


@asynccontextmanager
async def client(
    *, resolver: AbstractResolver | None = None, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[Client]:
    """What fetches share, for as long as the block lasts."""
    async with web.open_client(resolver, clock) as opened:
        yield opened


async def fetch(
    url: str,
    module: Module,
    *,
    client: Client,
    timeout: float,  # noqa: ASYNC109 -- the deadline is one for all that happens here, and its error ours
    validators: Validators = NO_VALIDATORS,
    allow_host: Callable[[str], bool] | None = None,
    address: str | None = None,
) -> Answer:
    """The document at an http, https or file URL, within ``timeout`` seconds.

    ``validators`` make the request conditional (RFC 9110 13.1); ``allow_host`` says to which hosts redirects may lead,
    None to any. ``address``, a ``host`` or ``host:port``, is connected to in place of the URL's own
    host and port, which must be a name; nothing else changes, so TLS is verified against that name. Through a proxy it
    does not count. Raises :class:`FetchError`.
    """
    look = Look.by(module, client.clock)
    deadline = asyncio.get_running_loop().time() + timeout
    with looking(look):
        try:
            if url.lower().startswith("file:"):
                look.enter(Phase.TRANSFER)
                async with until(deadline, Reason.TIMEOUT, "the file was not read in time"):
                    reply = web.Reply(await files.read(url, module.body_size_limit), NO_VALIDATORS)
            else:
                async with until(deadline, Reason.CREDENTIALS, "the module's credentials could not be had in time"):
                    question = await web.prepare(
                        client,
                        module,
                        validators=validators,
                        allow_host=allow_host,
                        address=address,
                    )
                async with until(deadline, Reason.TIMEOUT, f"no answer within {timeout:g} s"):
                    reply = await web.get(url, question, client)
        except FetchError as error:
            await _complete(error, look, deadline)
            raise
    look.leave()
    return Answer(
        body=reply.body,
        http_status=look.http_status,
        validators=reply.validators,
        phases=look.phases,
        tls_not_after=look.tls_not_after,
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
    """What a service answers to a GET, or to a ``form`` by POST: any status, no redirect followed, at most 1 MiB.

    ``deadline`` is a moment of the running loop's clock. Of the module only proxy, authorities and choice of addresses
    count. Raises :class:`FetchError`.
    """
    with looking(Look.by(module, client.clock)):
        return await web.exchange(url, module, client, form=form, headers=headers or {}, deadline=deadline)


async def _complete(error: FetchError, look: Look, deadline: float) -> None:
    """Adds to an error what was seen all the same."""
    look.leave()
    look.note_certificate(peer_not_after(look.tls))
    if error.reason in _HANDSHAKE_FAILED:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                look.note_certificate(await glance(look))
    error.phases = look.phases
    error.http_status = look.http_status
    error.tls_not_after = look.tls_not_after
