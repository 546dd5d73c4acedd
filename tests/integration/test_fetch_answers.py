"""What an answer may look like on the wire: phases, redirects, conditions, encodings, limits."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import ResolveResult
from cost import quickest
from federation import Federation, Speaks, free_port, joined

from exporter import __version__, fetch
from exporter.config.settings import IpProtocol, Module, Tls
from exporter.fetch.body import _Inflater
from exporter.fetch.failure import LINE_LIMIT, LINES_LIMIT
from exporter.fetch.progress import WRAPPING
from exporter.model import NO_VALIDATORS, Phase, Reason, Validators

URL = "https://idp.example.org/metadata"
BODY = b"<EntityDescriptor/>"
OVER_HTTPS = {Phase.RESOLVE, Phase.CONNECT, Phase.TLS, Phase.PROCESSING, Phase.TRANSFER}


@pytest.fixture
def module(federation: Federation) -> Module:
    return Module(tls=Tls(ca_file=federation.ca_file))


def to(location: str, status: int = 302) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": location} if location else {})

    return answer


def says(answer: bytes, *, pause: float = 0, reset: bool = False) -> Speaks:
    """Speaks these bytes after the request, waits and closes the connection."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(pause)
            if reset:
                peer: socket.socket = writer.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    return speak


async def refused(fetching: Awaitable[fetch.Answer]) -> fetch.FetchError:
    with pytest.raises(fetch.FetchError) as caught:
        await fetching
    return caught.value


async def test_an_answer_has_its_body_status_phases_and_the_end_of_the_endpoints_certificate(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    url = federation.serve(URL, BODY, ETag='"1"', **{"Last-Modified": "Mon, 01 Jun 2026 00:00:00 GMT"})
    began = time.monotonic()

    answer = await fetch.fetch(url, module, client=client, timeout=5)

    assert (answer.body, answer.http_status) == (BODY, 200)
    assert answer.validators == Validators('"1"', "Mon, 01 Jun 2026 00:00:00 GMT")
    assert set(answer.phases) == OVER_HTTPS
    assert all(seconds >= 0 for seconds in answer.phases.values())
    assert sum(answer.phases.values()) <= time.monotonic() - began
    assert answer.tls_not_after is not None
    assert answer.tls_not_after.year == 3000


async def test_an_address_over_plain_http_has_neither_a_name_to_resolve_nor_tls(
    federation: Federation, client: fetch.Client
) -> None:
    port = federation.names.ports["*", 80]
    url = federation.serve(f"http://127.0.0.1:{port}/", BODY)

    answer = await fetch.fetch(url, Module(), client=client, timeout=5)

    assert set(answer.phases) == {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER}
    assert answer.tls_not_after is None


async def test_every_fetch_looks_anew_and_says_who_asks(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    url = federation.serve(URL, BODY, **{"Set-Cookie": "session=1"})

    for _ in range(2):
        assert set((await fetch.fetch(url, module, client=client, timeout=5)).phases) == OVER_HTTPS

    assert federation.names.asked == ["idp.example.org"] * 2
    first, second = federation.requests
    assert first.headers["User-Agent"] == f"fedmeta-exporter/{__version__}"
    assert first.headers["Accept"].startswith("application/samlmetadata+xml")
    assert "Cookie" not in second.headers


async def slow_names(federation: Federation, module: Module) -> str:
    async def resolve(host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        await asyncio.sleep(60)
        raise OSError(host, port, family)

    federation.names.resolve = resolve  # type: ignore[method-assign]  # a resolver that hangs
    del module
    return URL


async def slow_tls(federation: Federation, module: Module) -> str:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    await federation.speak("slow.test", speak)
    del module
    return "https://slow.test/"


async def slow_head(federation: Federation, module: Module) -> str:
    await federation.speak("slow.test", says(b"", pause=60))
    del module
    return "http://slow.test/"


async def slow_drip(federation: Federation, module: Module) -> str:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await asyncio.sleep(0.01)

    await federation.speak("slow.test", speak)
    del module
    return "http://slow.test/"


@pytest.mark.parametrize(
    ("slow", "phase"),
    [
        (slow_names, Phase.RESOLVE),
        (slow_tls, Phase.TLS),
        (slow_head, Phase.PROCESSING),
        (slow_drip, Phase.TRANSFER),
    ],
)
async def test_the_deadline_names_the_phase_that_was_running_and_its_time_counts(
    slow: Callable[[Federation, Module], Awaitable[str]],
    phase: Phase,
    federation: Federation,
    client: fetch.Client,
    module: Module,
) -> None:
    url = await slow(federation, module)

    error = await refused(fetch.fetch(url, module, client=client, timeout=0.3))

    assert (error.reason, error.detail) == (Reason.TIMEOUT, f"no answer within 0.3 s; stuck in {phase}")
    assert error.phases[phase] >= 0.1


async def test_the_deadline_covers_the_second_look_at_a_certificate_that_does_not_verify(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    strange = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("sts.test")
    await federation.speak("behind.test", says(b""), federation.context(strange))
    connections = 0

    async def only_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await joined(reader, writer, federation.names.ports["behind.test"])
        await reader.read()

    await federation.speak("sts.test", only_once)

    error = await refused(fetch.fetch("https://sts.test/", module, client=client, timeout=0.3))

    assert connections == 2
    assert (error.reason, error.tls_not_after) == (Reason.TLS_UNTRUSTED, None)


async def redirected(federation: Federation, times: int) -> str:
    federation.serve("https://idp.example.org/0", BODY)
    for hop in range(1, times + 1):
        federation.at(f"https://idp.example.org/{hop}", to(f"/{hop - 1}"))
    return f"https://idp.example.org/{times}"


async def test_five_redirects_are_followed_and_their_phases_summed_up(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    answer = await fetch.fetch(await redirected(federation, 5), module, client=client, timeout=5)

    assert (answer.body, answer.http_status) == (BODY, 200)
    assert set(answer.phases) == OVER_HTTPS
    assert len(federation.requests) == 6


async def test_the_sixth_redirect_is_one_too_many(federation: Federation, client: fetch.Client, module: Module) -> None:
    error = await refused(fetch.fetch(await redirected(federation, 6), module, client=client, timeout=5))

    assert (error.reason, error.detail, error.http_status) == (Reason.REDIRECT, "more than 5 redirects", 302)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_http_may_redirect_to_https(
    status: int, federation: Federation, client: fetch.Client, module: Module
) -> None:
    federation.at("http://idp.example.org/metadata", to(URL, status))
    federation.serve(URL, BODY)

    answer = await fetch.fetch("http://idp.example.org/metadata", module, client=client, timeout=5)

    assert answer.body == BODY


@pytest.mark.parametrize(
    ("location", "detail"),
    [
        ("http://idp.example.org/", "HTTP 302 Found from https to http (idp.example.org)"),
        ("ftp://user:hunter2@idp.example.org/", "HTTP 302 Found to ftp, which is neither http nor https"),
        ("https://user:hunter2@evil.test/", "HTTP 302 Found to a host that is not allowed: evil.test"),
        ("", "HTTP 302 Found without a usable Location"),
        ("https://[::1", "HTTP 302 Found without a usable Location"),
        ("file:///etc/passwd", "HTTP 302 Found without a usable Location"),
        (f"https://jo@{'a' * 254}:443/", "HTTP 302 Found to a name of more than 253 characters"),
        (f"//{'é' * 9000}/", "HTTP 302 Found to a name of more than 253 characters"),
        (f"https://{'a' * 253}/", f"HTTP 302 Found to a host that is not allowed: {'a' * 253}"),
    ],
)
async def test_a_redirect_that_is_not_followed_says_why_and_shows_no_secret(
    location: str, detail: str, federation: Federation, client: fetch.Client, module: Module
) -> None:
    url = federation.at(URL, to(location))

    error = await refused(
        fetch.fetch(url, module, client=client, timeout=5, allow_host=lambda host: host.endswith(".example.org"))
    )

    assert (error.reason, error.detail) == (Reason.REDIRECT, detail)


async def test_a_module_may_follow_no_redirects(federation: Federation, client: fetch.Client) -> None:
    module = Module(tls=Tls(ca_file=federation.ca_file), follow_redirects=False)

    error = await refused(fetch.fetch(await redirected(federation, 1), module, client=client, timeout=5))

    assert error.detail == "HTTP 302 Found, and the module follows no redirects"


async def test_an_unchanged_document_is_not_sent_again(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        unchanged = request.headers["If-None-Match"] == '"1"' and request.headers["If-Modified-Since"] == "yesterday"
        return web.Response(status=304 if unchanged else 200)

    url = federation.at(URL, answer)

    asked = Validators('"1"', "yesterday")
    reply = await fetch.fetch(url, module, client=client, timeout=5, validators=asked)

    assert (reply.body, reply.http_status) == (None, 304)
    assert reply.validators == asked
    assert set(reply.phases) == OVER_HTTPS
    assert reply.tls_not_after is not None


async def test_not_modified_without_having_asked_for_it_is_no_answer(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=304)

    error = await refused(fetch.fetch(federation.at(URL, answer), module, client=client, timeout=5))

    assert (error.reason, error.detail, error.http_status) == (Reason.HTTP_STATUS, "HTTP 304 Not Modified", 304)


async def test_a_status_that_no_standard_knows_is_told_by_its_number(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=599, reason="Odd")

    error = await refused(fetch.fetch(federation.at(URL, answer), module, client=client, timeout=5))

    assert error.detail == "HTTP 599"


@pytest.mark.parametrize(("etag", "last_modified"), [(b'"\xff"', b"\xc3\xa9"), (b"e" * 1025, b"l" * 8000)])
async def test_validators_that_could_not_stand_in_a_request_are_dropped(
    federation: Federation, client: fetch.Client, etag: bytes, last_modified: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\nETag: %b\r\nLast-Modified: %b\r\nContent-Length: 0\r\n\r\n"
    await federation.speak("odd.test", says(head % (etag, last_modified)))

    answer = await fetch.fetch("http://odd.test/", Module(), client=client, timeout=5)

    assert (answer.body, answer.validators) == (b"", NO_VALIDATORS)


TEXT = bytes(range(256)) * 40


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
    ],
)
@pytest.mark.parametrize("step", [1, 1000000])
async def test_a_compressed_body_is_read_however_it_is_cut(
    encoding: str, sent: bytes, step: int, federation: Federation, client: fetch.Client
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": encoding})
        await response.prepare(request)
        for start in range(0, len(sent), step):
            await response.write(sent[start : start + step])
        return response

    url = federation.at("http://idp.example.org/", answer)

    assert (await fetch.fetch(url, Module(), client=client, timeout=5)).body == TEXT
    assert federation.requests[0].headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "identity"}])
@pytest.mark.parametrize("step", [1, 1000000])
@pytest.mark.parametrize("text", [TEXT, b"", b"\x1f", b"<", BODY])
async def test_gzip_that_nobody_announced_is_known_by_how_it_begins(
    *, text: bytes, step: int, encoding: dict[str, str], federation: Federation, client: fetch.Client
) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers=encoding)
        await response.prepare(request)
        for start in range(0, len(sent), step):
            await response.write(sent[start : start + step])
        return response

    url = federation.at("http://idp.example.org/", answer)

    for sent in (gzip.compress(text), text):  # noqa: B007 -- what answers reads it
        assert (await fetch.fetch(url, Module(), client=client, timeout=5)).body == text


async def test_zlib_that_nobody_announced_is_left_as_it_is(federation: Federation, client: fetch.Client) -> None:
    url = federation.serve("http://idp.example.org/", zlib.compress(TEXT))

    assert (await fetch.fetch(url, Module(), client=client, timeout=5)).body == zlib.compress(TEXT)


async def test_pieces_of_a_large_body_are_put_together(federation: Federation, client: fetch.Client) -> None:
    text = b"0123456789abcdef" * (3 * 2**16) + b"."
    url = federation.serve("http://idp.example.org/", gzip.compress(text), **{"Content-Encoding": "gzip"})

    assert (await fetch.fetch(url, Module(), client=client, timeout=5)).body == text


@pytest.mark.parametrize(
    ("encoding", "sent", "reason", "detail"),
    [
        ("gzip", gzip.compress(TEXT)[:-1], Reason.TRUNCATED, "the compressed body ends before its end"),
        ("identity", gzip.compress(TEXT)[:-1], Reason.TRUNCATED, "the compressed body ends before its end"),
        ("identity", b"\x1f\x8b<EntityDescriptor/>", Reason.ENCODING, "the compressed body is broken"),
        ("deflate", zlib.compress(TEXT)[:1], Reason.TRUNCATED, "the compressed body ends before its end"),
        ("gzip", b"<EntityDescriptor/>", Reason.ENCODING, "the compressed body is broken"),
        ("gzip", gzip.compress(TEXT) + b"rubbish", Reason.ENCODING, "the compressed body is broken"),
        ("gzip, gzip", b"", Reason.ENCODING, "the content encoding 'gzip, gzip' is not one of gzip, deflate"),
    ],
)
async def test_a_broken_encoding_is_told(
    *, encoding: str, sent: bytes, reason: Reason, detail: str, federation: Federation, client: fetch.Client
) -> None:
    url = federation.serve("http://idp.example.org/", sent, **{"Content-Encoding": encoding})

    error = await refused(fetch.fetch(url, Module(), client=client, timeout=5))

    assert error.reason is reason
    assert error.detail.startswith(detail)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]
)
@pytest.mark.parametrize("text", [b"", b"x"])
async def test_a_body_of_very_many_members_is_refused(
    encoding: str, pack: Callable[[bytes], bytes], text: bytes, federation: Federation, client: fetch.Client
) -> None:
    headers = {"Content-Encoding": encoding}
    url = federation.serve("http://idp.example.org/", pack(text) * 999 + pack(BODY), **headers)
    assert (await fetch.fetch(url, Module(), client=client, timeout=20)).body == text * 999 + BODY

    federation.serve(url, pack(text) * 1001, **headers)
    error = await refused(fetch.fetch(url, Module(), client=client, timeout=20))
    assert (error.reason, error.detail) == (Reason.ENCODING, "the compressed body has more than 1000 members")


def unpacked(body: bytes) -> list[bytes]:
    return [*_Inflater(gzip=True).feed(body)]


def test_what_comes_behind_a_member_is_not_copied_for_each_of_them() -> None:
    members = gzip.compress(b"") * 900
    dense = gzip.compress(Random(1).randbytes(2**22))  # noqa: S311 -- repeatable, nothing secret
    alone, followed = (quickest(partial(unpacked, members + rest)) for rest in (b"", dense))
    # With a copy for each it is hundreds of times as long.
    assert followed < 20 * alone


@pytest.mark.parametrize("encoding", [{}, {"Content-Encoding": "gzip"}])
async def test_a_bomb_stops_at_the_limit(
    encoding: dict[str, str], federation: Federation, client: fetch.Client
) -> None:
    bomb = gzip.compress(b"\0" * (64 * 2**20))
    limit = 2**20
    url = federation.serve("http://idp.example.org/", bomb, **encoding)
    module = Module(body_size_limit=limit)
    tracemalloc.start()

    error = await refused(fetch.fetch(url, module, client=client, timeout=5))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(bomb) < limit
    assert error.reason is Reason.TOO_LARGE
    assert peak < 8 * limit


async def test_an_announcement_above_the_limit_is_enough(federation: Federation, client: fetch.Client) -> None:
    await federation.speak("huge.test", says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", pause=60))

    error = await refused(fetch.fetch("http://huge.test/", Module(), client=client, timeout=5))

    assert error.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(("size", "fits"), [(99, True), (100, True), (101, False)])
async def test_the_limit_itself_still_fits(
    *, size: int, fits: bool, federation: Federation, client: fetch.Client
) -> None:
    await federation.speak("sized.test", says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size))

    fetching = fetch.fetch("http://sized.test/", Module(body_size_limit=100), client=client, timeout=5)

    if fits:
        assert (await fetching).body == b"x" * size
    else:
        assert (await refused(fetching)).reason is Reason.TOO_LARGE


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("speaks", "reason"),
    [
        (says(HEAD + b"Content-Length: 99\r\n\r\nabc"), Reason.TRUNCATED),
        (says(HEAD + b"Content-Length: 99\r\n\r\nabc", pause=0.05, reset=True), Reason.TRUNCATED),
        (says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"), Reason.TRUNCATED),
        (says(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", pause=0.05), Reason.PROTOCOL),
        (says(HEAD + b"Content-Length: many\r\n\r\n"), Reason.PROTOCOL),
        (says(HEAD + b"X: " + b"x" * 40000 + b"\r\n\r\n"), Reason.PROTOCOL),
        (says(b""), Reason.RESET),
        (says(HEAD), Reason.RESET),
    ],
)
async def test_a_broken_answer_has_its_reason(
    speaks: Speaks, reason: Reason, federation: Federation, client: fetch.Client
) -> None:
    await federation.speak("broken.test", speaks)

    assert (await refused(fetch.fetch("http://broken.test/", Module(), client=client, timeout=5))).reason is reason


def head(*lines: bytes) -> bytes:
    """An answer with these headers and a body of two bytes."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: 2", *lines, b"", b"ok"])


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Security-Policy: " + b"a" * 9000],
        [b"X-%d: 1" % number for number in range(200)],
        [b"X: " + b"a" * LINE_LIMIT],
        [b"X-%d: 1" % number for number in range(LINES_LIMIT - 1)],
        [b"Server: a", b"Server: a", b"Content-Type: text/xml", b"Content-Type: text/xml"],
    ],
)
async def test_a_head_of_some_size_is_read(lines: list[bytes], federation: Federation, client: fetch.Client) -> None:
    await federation.speak("head.test", says(head(*lines)))

    assert (await fetch.fetch("http://head.test/", Module(), client=client, timeout=5)).body == b"ok"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (head(b"X: " + b"a" * (LINE_LIMIT + 1)), f"has a header line longer than {LINE_LIMIT} bytes"),
        (head(b"a" * (LINE_LIMIT + 1) + b": b"), f"has a header line longer than {LINE_LIMIT} bytes"),
        (b"HTTP/1.1 200 " + b"O" * (LINE_LIMIT + 1) + b"\r\n\r\n", f"has a header line longer than {LINE_LIMIT} bytes"),
        (head(*(b"X-%d: 1" % number for number in range(LINES_LIMIT))), f"has more than {LINES_LIMIT} header lines"),
        (head(b"Content-Length: 2"), "has a Content-Length twice"),
        (head(b"Content-Length: 3"), "has a Content-Length twice"),
        (head(b"Content-Length"), "is not HTTP"),
    ],
)
async def test_a_head_that_is_not_read_says_which_limit_it_exceeds(
    answer: bytes, detail: str, federation: Federation, client: fetch.Client
) -> None:
    await federation.speak("head.test", says(answer))

    error = await refused(fetch.fetch("http://head.test/", Module(), client=client, timeout=5))

    assert (error.reason, error.detail) == (Reason.PROTOCOL, f"the answer of head.test {detail}")


def for_ever(beginning: bytes, again: bytes) -> Speaks:
    """Says the second again and again, until nobody listens."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(beginning)
            while True:
                writer.write(again * (2**16 // len(again)))
                await writer.drain()

    return speak


def tls_of(federation: Federation, scheme: str) -> ssl.SSLContext | None:
    """What a server of this scheme speaks by."""
    return federation.context(federation.authority.issue_cert("around.test")) if scheme == "https" else None


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("beginning", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n" + b"X: 1\r\n" * 60 + b"\r\n"),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED + b"1;", b"x"),
        (CHUNKED, b"0"),
    ],
    ids=["100 Continue", "103 with headers", "chunks of one byte", "a chunk extension", "the size of a chunk"],
)
async def test_what_is_around_a_body_has_a_bound(
    scheme: str, beginning: bytes, again: bytes, federation: Federation, client: fetch.Client
) -> None:
    module = Module(tls=Tls(ca_file=federation.ca_file))
    await federation.speak("around.test", for_ever(beginning, again), tls_of(federation, scheme))

    error = await refused(fetch.fetch(f"{scheme}://around.test/", module, client=client, timeout=30))

    sentence = f"the answer of around.test has more than {WRAPPING} bytes around its body"
    assert (error.reason, error.detail) == (Reason.PROTOCOL, sentence)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("size", [64, 2**20])
async def test_a_body_in_chunks_of_any_usual_size_is_read(
    scheme: str, size: int, federation: Federation, client: fetch.Client, module: Module
) -> None:
    chunks = b"%x\r\n%b\r\n" % (size, b"x" * size) * (2**23 // size)
    await federation.speak("around.test", says(CHUNKED + chunks + b"0\r\n\r\n"), tls_of(federation, scheme))

    answer = await fetch.fetch(f"{scheme}://around.test/", module, client=client, timeout=30)

    assert answer.body == b"x" * 2**23


async def test_a_reset_is_a_finding_and_no_cause_to_ask_again(federation: Federation, client: fetch.Client) -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    await federation.speak("reset.test", hang_up)
    error = await refused(fetch.fetch("http://reset.test/", Module(), client=client, timeout=5))

    assert (error.reason, asked) == (Reason.RESET, 1)
    assert error.detail == "reset.test closed the connection without an answer"


DATE = "Mon, 01 Jun 2026 00:00:00 GMT"
SHOWN = datetime(2026, 6, 1, tzinfo=UTC)


def dated(status: int, date: str, **headers: str) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Date": date, **headers})

    return answer


async def clock_of(fetching: Awaitable[fetch.Answer]) -> datetime | None:
    """The clock that a fetch saw, whatever else it came to."""
    try:
        return (await fetching).clock
    except fetch.FetchError as error:
        return error.clock


@pytest.mark.parametrize("status", [200, 204, 304, 401, 404, 500, 503])
async def test_every_answer_of_the_endpoint_shows_its_clock(
    status: int, federation: Federation, client: fetch.Client, module: Module
) -> None:
    url = federation.at(URL, dated(status, DATE, Age="3600"))

    seen = await clock_of(fetch.fetch(url, module, client=client, timeout=5, validators=Validators('"1"')))

    assert seen == SHOWN + timedelta(hours=1)


async def test_an_answer_that_cannot_be_used_shows_a_clock_too(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    url = federation.serve(URL, BODY, Date=DATE, **{"Content-Encoding": "br"})
    assert await clock_of(fetch.fetch(url, module, client=client, timeout=5)) == SHOWN

    await federation.speak("short.test", says(f"HTTP/1.1 200 OK\r\nDate: {DATE}\r\nContent-Length: 9\r\n\r\n".encode()))
    assert await clock_of(fetch.fetch("http://short.test/", module, client=client, timeout=5)) == SHOWN


async def test_of_redirects_the_last_answer_shows_the_clock(
    federation: Federation, client: fetch.Client, module: Module
) -> None:
    federation.names.ports["closed.test"] = free_port()
    federation.serve("https://idp.example.org/last", BODY, Date=DATE)
    for location, clock in (("/last", SHOWN), ("https://closed.test/", None), ("ftp://idp.example.org/", SHOWN)):
        date = DATE if location.startswith("ftp") else "Tue, 02 Jun 2026 00:00:00 GMT"
        federation.at(URL, dated(302, date, Location=location))

        assert await clock_of(fetch.fetch(URL, module, client=client, timeout=5)) == clock


async def test_where_nobody_says_what_time_it_is_there_is_no_clock(
    federation: Federation, client: fetch.Client, tmp_path: Path
) -> None:
    path = tmp_path / "metadata.xml"
    path.write_bytes(BODY)
    await federation.speak("bare.test", says(b"HTTP/1.1 200 OK\r\n\r\n"))
    await federation.speak("reset.test", says(b""))

    for url in (path.as_uri(), "http://bare.test/", "http://reset.test/", "file:///nowhere"):
        assert await clock_of(fetch.fetch(url, Module(), client=client, timeout=5)) is None


@pytest.mark.parametrize("url", ["http://2130706433/", "http://", "http://[::1", f"http://{'a' * 64}.test/"])
async def test_a_host_that_is_none_does_not_resolve(url: str) -> None:
    async with fetch.client() as client:
        error = await refused(fetch.fetch(url, Module(), client=client, timeout=5))

    assert error.reason is Reason.DNS


@pytest.mark.parametrize(
    ("prefer", "fallback", "has", "tried"),
    [
        (IpProtocol.ANY, True, (socket.AF_INET,), ["127.0.0.1"]),
        (IpProtocol.IP4, False, (socket.AF_INET6, socket.AF_INET), ["127.0.0.1"]),
        (IpProtocol.IP6, False, (socket.AF_INET6, socket.AF_INET), ["::1"]),
        (IpProtocol.IP4, True, (socket.AF_INET6,), ["::1"]),
        (IpProtocol.IP4, True, (socket.AF_INET6, socket.AF_INET), ["127.0.0.1", "::1"]),
        (IpProtocol.IP6, True, (socket.AF_INET, socket.AF_INET6), ["::1", "127.0.0.1"]),
    ],
)
async def test_addresses_are_tried_in_the_order_that_the_module_prefers(
    *,
    prefer: IpProtocol,
    fallback: bool,
    has: tuple[socket.AddressFamily, ...],
    tried: list[str],
    federation: Federation,
    client: fetch.Client,
) -> None:
    federation.names.ports["dual.test"] = free_port()
    federation.names.families["dual.test"] = has
    module = Module(preferred_ip_protocol=prefer, ip_protocol_fallback=fallback)

    error = await refused(fetch.fetch("http://dual.test/", module, client=client, timeout=5))

    assert error.reason in {Reason.REFUSED, Reason.UNREACHABLE}
    assert tried[-1] in error.detail


async def test_without_fallback_a_host_of_the_other_kind_has_no_address(
    federation: Federation, client: fetch.Client
) -> None:
    module = Module(preferred_ip_protocol=IpProtocol.IP6, ip_protocol_fallback=False)
    federation.names.ports["four.test"] = 1

    error = await refused(fetch.fetch("http://four.test/", module, client=client, timeout=5))

    assert error.detail == "four.test does not resolve: no address of the kind ip6"


async def test_the_systems_own_resolver_serves_where_none_is_given(federation: Federation) -> None:
    port = federation.names.ports["*", 80]
    url = federation.serve(f"http://localhost:{port}/", BODY)

    async with fetch.client() as client:
        answer = await fetch.fetch(url, Module(), client=client, timeout=5)

    assert answer.body == BODY
    assert Phase.RESOLVE in answer.phases


async def test_a_file_is_read_with_its_limit(client: fetch.Client, tmp_path: Path) -> None:
    path = tmp_path / "a document.xml"
    path.write_bytes(BODY)

    answer = await fetch.fetch(path.as_uri(), Module(body_size_limit=len(BODY)), client=client, timeout=5)
    error = await refused(fetch.fetch(path.as_uri(), Module(body_size_limit=5), client=client, timeout=5))

    assert (answer.body, answer.http_status, set(answer.phases)) == (BODY, None, {Phase.TRANSFER})
    assert (error.reason, error.detail) == (Reason.TOO_LARGE, f"{path} is larger than 5 bytes (body_size_limit)")


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("file:///", "cannot read '/': it is a folder"),
        ("file:///dev/zero", "cannot read '/dev/zero': it is a device"),
        ("file://server/share", "a file URL names no host, this one names server"),
        ("file:///a%00b", r"cannot read '/a\x00b': not a path"),
    ],
)
async def test_what_is_no_file_is_not_read(url: str, detail: str, client: fetch.Client) -> None:
    error = await refused(fetch.fetch(url, Module(), client=client, timeout=5))

    assert (error.reason, error.detail) == (Reason.FILE, detail)
