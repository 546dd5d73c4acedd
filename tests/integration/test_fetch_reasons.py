"""One case for every reason: what goes wrong, and the words that a person sees."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import builders
import pytest
import trustme
from aiohttp import web
from aiohttp.abc import ResolveResult
from builders import watched
from federation import Federation, Names, Speaks, free_port

from exporter import fetch
from exporter.config.settings import Authorization, Module, Secret, Target, Tls
from exporter.model import Reason
from exporter.policy import PolicySettings
from exporter.record import bare
from exporter.rounds import probe_first

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
URL = "https://idp.example.org/metadata"


@dataclass(frozen=True)
class Seen:
    """What a case looks at, and what there is to see."""

    target: Target
    detail: str
    not_after: datetime | None = None


Case = Callable[[Federation, Path], Awaitable[Seen]]
CASES: dict[Reason, Case] = {}


def case(reason: Reason) -> Callable[[Case], Case]:
    def add(written: Case) -> Case:
        CASES[reason] = written
        return written

    return add


def looks_at(federation: Federation, url: str = URL, **module: object) -> Target:
    tls = Tls(ca_file=federation.ca_file)
    settings = Module(**{"tls": tls, "timeout": 5.0, **module})  # type: ignore[arg-type]  # any field
    return watched("target", url, module=settings)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.transport.abort()


def says(answer: bytes) -> Speaks:
    """Speaks these bytes after the request, and hangs up."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    return speak


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@case(Reason.DNS)
async def unknown_name(federation: Federation, _: Path) -> Seen:
    return Seen(
        looks_at(federation, "https://nowhere.test/"), "nowhere.test does not resolve: Name or service not known"
    )


@case(Reason.REFUSED)
async def nobody_listens(federation: Federation, _: Path) -> Seen:
    federation.names.ports["closed.test"] = port = free_port()
    return Seen(
        looks_at(federation, "https://closed.test/"), f"closed.test refuses connections at 127.0.0.1 port {port}"
    )


@case(Reason.UNREACHABLE)
async def no_route(federation: Federation, _: Path) -> Seen:
    # A link-local address without its interface has no route anywhere.
    return Seen(looks_at(federation, "https://[fe80::1]/"), "no way to fe80::1 at fe80::1 port 443: ")


@case(Reason.RESET)
async def closed_before_the_answer(federation: Federation, _: Path) -> Seen:
    await federation.speak("reset.test", hang_up)
    return Seen(looks_at(federation, "http://reset.test/"), "reset.test closed")


@case(Reason.TIMEOUT)
async def silence(federation: Federation, _: Path) -> Seen:
    await federation.speak("silent.test", says_nothing)
    return Seen(looks_at(federation, "https://silent.test/", timeout=0.4), "no answer within 0.4 s; stuck in tls")


@case(Reason.TLS_EXPIRED)
async def expired(federation: Federation, _: Path) -> Seen:
    not_after = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    certificate = federation.authority.issue_cert("old.test", not_after=not_after)
    await federation.speak("old.test", says_nothing, federation.context(certificate))
    return Seen(looks_at(federation, "https://old.test/"), "the TLS certificate of old.test is expired", not_after)


@case(Reason.TLS_NAME)
async def another_name(federation: Federation, _: Path) -> Seen:
    not_after = datetime(2038, 1, 1, tzinfo=UTC)
    certificate = federation.authority.issue_cert("other.test", not_after=not_after)
    await federation.speak("sts.test", says_nothing, federation.context(certificate))
    detail = "the TLS certificate of sts.test is for another name than sts.test"
    return Seen(looks_at(federation, "https://sts.test/"), detail, not_after)


@case(Reason.TLS_UNTRUSTED)
async def strangers_authority(federation: Federation, _: Path) -> Seen:
    not_after = datetime(2038, 1, 1, tzinfo=UTC)
    certificate = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("sts.test", not_after=not_after)
    await federation.speak("sts.test", says_nothing, federation.context(certificate))
    detail = "the TLS certificate of sts.test does not verify: unable to get local issuer certificate"
    return Seen(looks_at(federation, "https://sts.test/"), detail, not_after)


@case(Reason.TLS)
async def no_tls_at_all(federation: Federation, _: Path) -> Seen:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        writer.close()

    await federation.speak("mail.test", greet)
    return Seen(looks_at(federation, "https://mail.test/"), "no TLS with mail.test: wrong version number")


@case(Reason.PROXY)
async def proxy_refuses(federation: Federation, _: Path) -> Seen:
    await federation.speak("proxy.test", says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
    proxy = Secret(text="http://user:hunter2@proxy.test:3128")
    return Seen(looks_at(federation, proxy_url=proxy), "the proxy proxy.test port 3128 refused: HTTP 403 Forbidden")


@case(Reason.CREDENTIALS)
async def secret_is_not_there(federation: Federation, folder: Path) -> Seen:
    missing = str(folder / "token")
    authorization = Authorization("Bearer", Secret(file=missing))
    detail = f"authorization.credentials: cannot read {missing}: No such file or directory"
    return Seen(looks_at(federation, authorization=authorization), detail)


@case(Reason.HTTP_STATUS)
async def unavailable(federation: Federation, _: Path) -> Seen:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=503, reason="Gone fishing")

    return Seen(looks_at(federation, federation.at(URL, answer)), "HTTP 503 Service Unavailable")


@case(Reason.REDIRECT)
async def to_plain_http(federation: Federation, _: Path) -> Seen:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound("http://idp.example.org/metadata")

    detail = "HTTP 302 Found from https to http (idp.example.org)"
    return Seen(looks_at(federation, federation.at(URL, answer)), detail)


@case(Reason.PROTOCOL)
async def not_http(federation: Federation, _: Path) -> Seen:
    await federation.speak("ssh.test", says(b"SSH-2.0-OpenSSH_9.6\r\n"))
    return Seen(looks_at(federation, "http://ssh.test/"), "the answer of ssh.test is not HTTP")


@case(Reason.ENCODING)
async def unknown_encoding(federation: Federation, _: Path) -> Seen:
    url = federation.serve(URL, b"whatever", **{"Content-Encoding": "br"})
    return Seen(looks_at(federation, url), "the content encoding 'br' is not one of gzip, deflate")


@case(Reason.TRUNCATED)
async def shorter_than_announced(federation: Federation, _: Path) -> Seen:
    await federation.speak("short.test", says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<Entity"))
    detail = "short.test closed the connection before the end of the body"
    return Seen(looks_at(federation, "http://short.test/"), detail)


@case(Reason.TOO_LARGE)
async def larger_than_allowed(federation: Federation, _: Path) -> Seen:
    url = federation.serve(URL, b"x" * 1001)
    detail = "the body is larger than 1000 bytes (body_size_limit)"
    return Seen(looks_at(federation, url, body_size_limit=1000), detail)


@case(Reason.FILE)
async def no_such_file(federation: Federation, folder: Path) -> Seen:
    missing = folder / "metadata.xml"
    return Seen(looks_at(federation, missing.as_uri()), f"cannot read '{missing}': No such file or directory")


@case(Reason.HTML)
async def login_page(federation: Federation, _: Path) -> Seen:
    url = federation.serve(URL, b"<!DOCTYPE html><html><body>Sign in</body></html>")
    return Seen(looks_at(federation, url), "")


@case(Reason.DOCTYPE)
async def doctype(federation: Federation, _: Path) -> Seen:
    url = federation.serve(URL, builders.with_doctype(builders.saml_metadata()))
    return Seen(looks_at(federation, url), "has a DOCTYPE")


@case(Reason.NOT_XML)
async def text(federation: Federation, _: Path) -> Seen:
    return Seen(looks_at(federation, federation.serve(URL, b"hello")), "")


@case(Reason.NOT_METADATA)
async def other_xml(federation: Federation, _: Path) -> Seen:
    return Seen(looks_at(federation, federation.serve(URL, b"<rss/>")), "the root is rss")


@case(Reason.NO_ENTITY)
async def no_entity(federation: Federation, _: Path) -> Seen:
    return Seen(looks_at(federation, federation.serve(URL, builders.aggregate([]))), "")


@case(Reason.ENTITY_MISMATCH)
async def another_entity(federation: Federation, _: Path) -> Seen:
    url = federation.serve(URL, builders.saml_metadata("https://evil.test/"))
    target = replace(looks_at(federation, url), entity_id="https://idp.example.org/")
    return Seen(target, "the document of https://evil.test/, not of https://idp.example.org/")


@case(Reason.SIGNER_MISMATCH)
async def not_signed(federation: Federation, _: Path) -> Seen:
    url = federation.serve(URL, builders.saml_metadata())
    target = replace(looks_at(federation, url), policy=PolicySettings(signers=(builders.certificate().der,)))
    return Seen(target, "not signed by a configured signer: unsigned")


class BrokenNames(Names):
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        raise KeyError(host, port, family)


@case(Reason.INTERNAL)
async def mistake_of_ours(federation: Federation, _: Path) -> Seen:
    federation.names.resolve = BrokenNames().resolve  # type: ignore[method-assign]  # a resolver with a mistake in it
    return Seen(looks_at(federation), "a mistake of ours (KeyError): the log has the traceback")


@pytest.mark.parametrize("reason", Reason)
async def test_each_reason_is_told_in_words(
    reason: Reason, federation: Federation, client: fetch.Client, tmp_path: Path
) -> None:
    seen = await CASES[reason](federation, tmp_path)

    observation = (await probe_first(bare(seen.target), client=client, now=NOW)).observation

    assert observation is not None

    assert (observation.reason, observation.document) == (reason, None)
    assert observation.detail.startswith(seen.detail)
    assert observation.detail
    assert "hunter2" not in observation.detail
    assert observation.at == NOW
    if seen.not_after is not None:
        assert observation.tls_not_after == seen.not_after


def test_every_reason_has_its_case() -> None:
    assert set(CASES) == set(Reason)
