"""What each route answers."""

import asyncio
import gc
import gzip
import re
import ssl
import threading
import weakref
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from html import unescape
from pathlib import Path
from urllib.parse import quote

import builders
import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from builders import HOUR, NOW, watched
from federation import Answers, Federation
from live import Scrape
from lxml import etree
from pages import LINKS
from yarl import URL

from exporter import __version__, memory, page
from exporter.config.reader import load
from exporter.config.settings import Authorization, Config, Module, Origin, Secret, Tls
from exporter.exposition.render import Renderer
from exporter.fetch import BUDGET, FREE
from exporter.findings import moment
from exporter.policy import PolicySettings, Profile
from exporter.server import (
    _CLIENT,
    PROBE_REQUESTS,
    Options,
    accepts_gzip,
    application,
    is_foreign,
)
from exporter.sharing import KINDS
from exporter.state import open_state
from exporter.watch import Watch

Client = TestClient[web.Request, web.Application]

CONFIG = Config(
    modules={"default": Module()}, policies={"default": PolicySettings()}, probe_allow=("*.example.org", "localhost")
)


TODAY = partial(datetime.now, UTC)


@asynccontextmanager
async def serving(
    config: Config = CONFIG,
    federation: Federation | None = None,
    *,
    probes: int = PROBE_REQUESTS,
    documents: int = BUDGET,
    lifecycle: bool = False,
    prefix: str = "",
    now: Callable[[], datetime] = TODAY,
) -> AsyncIterator[Client]:
    names = federation.names if federation else None
    options = Options(config, probes=probes, documents=documents, lifecycle=lifecycle, prefix=prefix)
    app = application(options, state=open_state(None, now), clock=now, resolver=names)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip; q=0.001", True),
        ("gzip;q=1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, identity", False),
        ("identity", False),
        ("br, zstd", False),
        ("", False),
    ],
)
def test_gzip_is_for_those_who_accept_it(accept_encoding: str, *, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepted


async def test_who_refuses_gzip_gets_the_plain_text() -> None:
    async with serving() as client, ClientSession(auto_decompress=False) as raw:
        for accept, packed in (("gzip;q=0.1", True), ("gzip;q=0", False)):
            async with raw.get(client.make_url("/metrics"), headers={"Accept-Encoding": accept}) as answer:
                body = await answer.read()
                assert answer.headers["Vary"] == "Accept, Accept-Encoding"
            assert b"fedmeta_exporter_build_info" in (gzip.decompress(body) if packed else body)


@pytest.mark.parametrize("route", ["/", "/runbooks", "/config", "/metrics", "/favicon.svg", "/-/healthy", "/-/ready"])
async def test_a_head_request_gets_the_headers_alone(route: str) -> None:
    async with serving() as client:
        answer = await client.head(route)
        assert answer.status == 200
        assert await answer.read() == b""


@pytest.mark.parametrize(
    ("method", "route", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/metrics", 405),
        ("POST", "/", 405),
        ("POST", "/probe", 405),
        ("DELETE", "/-/healthy", 405),
        ("GET", "/-/reload", 405),
        ("POST", "/-/reload", 403),
        ("PUT", "/-/reload", 403),
    ],
)
async def test_what_is_no_route_is_refused(method: str, route: str, status: int) -> None:
    async with serving() as client:
        assert (await client.request(method, route)).status == status


@pytest.mark.parametrize("accept", ["", "*/*", "application/openmetrics-text;version=9", "\xff", ";;;", "q=x" * 1000])
async def test_a_scrape_is_answered_whatever_is_accepted(accept: str) -> None:
    async with serving() as client:
        answer = await client.get("/metrics", headers={"Accept": accept})
        assert answer.status == 200
        assert "fedmeta_exporter_build_info" in await answer.text()


async def test_the_page_is_html() -> None:
    async with serving() as client:
        answer = await client.get("/")
        assert (answer.content_type, answer.charset) == ("text/html", "utf-8")


async def test_the_runbooks_are_a_page_of_html_for_whoever_has_no_internet() -> None:
    async with serving() as client:
        answer = await client.get("/runbooks")
        assert (answer.content_type, answer.charset) == ("text/html", "utf-8")
        assert answer.headers["Content-Security-Policy"] == page.POLICY
        assert await answer.text() == page.runbooks(__version__)


async def test_the_configuration_in_force_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "again.yml"
    async with serving(replace(CONFIG, targets=(watched("fs", "https://fs.example/"),))) as client:
        answer = await client.get("/config")
        assert (answer.content_type, answer.charset) == ("text/plain", "utf-8")
        file.write_text(await answer.text(), encoding="utf-8")
    assert [(each.name, each.url) for each in load(str(file)).targets] == [("fs", "https://fs.example/")]


ANSWERS = [
    ("GET", "/", 200),
    ("GET", "/?q=anything&sort=name&start=5", 200),
    ("GET", "/targets/fs", 200),
    ("GET", "/targets/fs?entity=none", 200),
    ("GET", "/targets/nobody", 404),
    ("GET", "/targets/fs/certificates/00.pem", 404),
    ("GET", "/targets/nobody/certificates/00.pem", 404),
    ("GET", "/favicon.svg", 200),
    ("GET", "/api/v1/targets", 200),
    ("GET", "/api/v1/targets/fs", 200),
    ("GET", "/api/v1/targets/nobody", 404),
    ("GET", "/runbooks", 200),
    ("GET", "/config", 200),
    ("GET", "/metrics", 200),
    ("GET", "/-/healthy", 200),
    ("GET", "/-/ready", 200),
    ("GET", "/probe?target=fs.example", 403),
    ("POST", "/-/reload", 403),
    ("POST", "/metrics", 405),
    ("GET", "/nowhere", 404),
]


@pytest.mark.parametrize(("method", "route", "status"), ANSWERS)
async def test_every_answer_is_kept_by_nobody_framed_by_nobody_and_names_no_version(
    method: str, route: str, status: int
) -> None:
    targets = (watched("fs", "file:///nowhere"),) if "/targets/fs" in route else ()
    async with serving(replace(CONFIG, targets=targets)) as client:
        answer = await client.request(method, route)
    said = answer.headers
    assert answer.status == status
    assert said.getall("Server") == ["fedmeta-exporter"]
    assert said["X-Content-Type-Options"] == "nosniff"
    assert said["Referrer-Policy"] == "no-referrer"
    assert said["Cache-Control"] == "no-store"
    assert re.search(r"default-src 'none';.* frame-ancestors 'none'", said["Content-Security-Policy"])
    assert ("style-src" in said["Content-Security-Policy"]) is (answer.content_type == "text/html")


async def test_the_page_allows_its_own_style_by_its_hash_and_nothing_else() -> None:
    async with serving() as client:
        answer = await client.get("/")
        (style,) = re.findall(r"<style>(.*?)</style>", await answer.text(), re.DOTALL)
    allowed = dict(each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; "))
    assert allowed == {
        "default-src": "'none'",
        "style-src": f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'",
        "base-uri": "'none'",
        "img-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


async def test_below_a_prefix_every_route_and_every_link_of_the_pages_is_there() -> None:
    target = watched("https://fs/a?b", "file:///nowhere")
    async with serving(replace(CONFIG, targets=(target,)), prefix="/a/fedmeta", lifecycle=True) as client:
        assert (await client.get("/metrics")).status == 404
        assert (await client.post("/a/fedmeta/-/reload")).status == 200
        for start in ("/", "/a/fedmeta"):
            answer = await client.get(start)
            assert (answer.status, answer.url.path) == (200, "/a/fedmeta/")
        seen: set[URL] = set()
        waiting = {answer.url}
        while waiting:
            url = waiting.pop()
            seen.add(url)
            answer = await client.get(url.relative())
            assert answer.status == 200 or url.path.endswith("/-/ready"), url
            if answer.content_type == "text/html":
                links = re.findall(r'href="([^"#]*)"', await answer.text())
                found = {url.join(URL(unescape(each), encoded=True)) for each in links}
                waiting |= {each for each in found if each.host == url.host} - seen
    assert {each.raw_path for each in seen} == {
        f"/a/fedmeta{path}"
        for path in (
            *(f"/{each}" for each in (*LINKS, "favicon.svg")),
            "/targets/https%3A%2F%2Ffs%2Fa%3Fb",
        )
    }


@pytest.mark.parametrize("route", ["/targets/nobody", "/api/v1/targets/nobody"])
async def test_all_who_ask_at_once_for_what_is_not_there_are_told_so(route: str) -> None:
    async with serving() as client:
        answers = await asyncio.gather(*(client.get(route) for _ in range(20)))
        assert [each.status for each in answers] == [404] * 20
        assert ["No such target" in await each.text() for each in answers] == [True] * 20


@pytest.mark.parametrize("route", ["/targets/{}", "/targets/nobody/certificates/{:x}.pem"])
async def test_pages_that_too_many_others_wait_before_are_refused_and_no_scrape_is(
    monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> str:
        begun.set()
        goes_on.wait(30)
        return "a page"

    monkeypatch.setattr("exporter.server.overview", slow)
    async with serving() as client, asyncio.timeout(30):
        try:
            first = asyncio.create_task(client.get("/"))
            await asyncio.to_thread(begun.wait, 10)
            asked = {asyncio.create_task(client.get(route.format(nth))) for nth in range(KINDS + 5)}
            refused: set[asyncio.Task[ClientResponse]] = set()
            while len(refused) < 5:
                refused |= (await asyncio.wait(asked - refused, return_when=asyncio.FIRST_COMPLETED))[0]
            answers = [await each for each in refused]
            assert [(each.status, each.headers["Retry-After"]) for each in answers] == [(503, "5")] * 5
            assert await answers[0].text() == "Too many other pages are waited for\n"
            for path in ("/metrics", "/-/healthy", "/-/ready"):
                assert (await client.get(path)).status == 200
        finally:
            goes_on.set()
        assert (await first).status == 200
        assert {(await each).status for each in asked - refused} == {404}


async def test_certificates_that_take_long_hold_up_no_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()

    def slow(*_: object) -> None:
        goes_on.wait(30)

    monkeypatch.setattr("exporter.server.certificate", slow)
    config = replace(CONFIG, targets=(watched("fs", "file:///nowhere.xml"),))
    async with serving(config) as client, asyncio.timeout(20):
        try:
            asked = [asyncio.create_task(client.get(f"/targets/fs/certificates/{nth}.pem")) for nth in range(5)]
            await asyncio.wait(asked, timeout=0.2)
            assert (await client.get("/metrics")).status == 200
        finally:
            goes_on.set()
        assert {(await each).status for each in asked} == {404}


async def test_a_page_of_no_target_leads_back_to_all() -> None:
    async with serving() as client:
        answer = await client.get("/targets/nobody")
        assert answer.content_type == "text/html"
        assert '<a href="../">all targets</a>' in await answer.text()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nowhere", "No such page"),
        ("/nowhere/at%2Fall/", "No such page"),
        ("/metrics/", "No such page"),
        ("/targets/fs/certificates/00.txt", "No such certificate"),
        ("/targets/fs/certificates/00.pem", "No such certificate"),
        ("/targets/nobody/certificates/00.pem", "No such target"),
        ("/targets/no%2Fbody", "No such target"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/a/fedmeta"])
async def test_where_there_is_no_page_one_leads_back_to_the_targets(path: str, said: str, prefix: str) -> None:
    async with serving(replace(CONFIG, targets=(watched("fs", "file:///nowhere"),)), prefix=prefix) as client:
        answer = await client.get(URL(f"{prefix}{path}", encoded=True))
        text = await answer.text()
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert said in text
        for link in re.findall(r'href="([^"]*)">(?:all targets|Targets)</a>', text):
            back = answer.url.join(URL(link, encoded=True))
            assert back.path == f"{prefix}/"
            assert (await client.get(back.relative())).status == 200


async def test_what_is_not_below_the_prefix_leads_there() -> None:
    async with serving(prefix="/a/fedmeta") as client:
        answer = await client.get("/b/nowhere")
        assert answer.status == 404
        assert '<a href="../a/fedmeta/">all targets</a>' in await answer.text()


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/api/v1/targets/nobody"])
async def test_a_program_is_told_in_text_that_there_is_nothing(path: str) -> None:
    async with serving() as client:
        answer = await client.get(path)
        assert (answer.status, answer.content_type) == (404, "text/plain")


async def test_the_runbooks_are_found_with_a_slash_at_the_end() -> None:
    async with serving() as client:
        answer = await client.get("/runbooks/", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (301, "/runbooks")


async def test_cycles_are_collected_while_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "COLLECTED_EVERY", 0.01)
    collected = asyncio.Event()
    before = gc.get_threshold()
    async with serving():
        assert gc.get_threshold()[2] != before[2]
        weakref.finalize(held := Cyclic(), collected.set)
        held.itself = held
        del held
        await asyncio.wait_for(collected.wait(), 10)
    assert gc.get_threshold() == before


class Cyclic:
    """What nobody holds but itself, some day."""

    itself: object = None


async def test_the_first_page_says_since_when_it_serves() -> None:
    now = [NOW]
    async with serving(now=lambda: now[0]) as client:
        now[0] += HOUR
        assert f"Serves since</th>\n<td>{moment(NOW)}" in await (await client.get("/")).text()


async def test_the_icon_is_a_picture_that_needs_nothing_else() -> None:
    async with serving() as client:
        answer = await client.get("/favicon.svg")
        assert answer.content_type == "image/svg+xml"
        assert etree.fromstring(await answer.read()).tag == "{http://www.w3.org/2000/svg}svg"


async def test_a_published_certificate_can_be_had_as_pem_and_as_base64_in_a_file(tmp_path: Path) -> None:
    published = builders.pair()
    (tmp_path / "a b.xml").write_bytes(builders.adfs(published))
    name, der = "https://fs/a?b %2F", published.certificate.der
    address = f"/targets/{quote(name, safe='')}"
    async with serving(replace(CONFIG, targets=(watched(name, (tmp_path / "a b.xml").as_uri()),))) as client:
        async with asyncio.timeout(30):
            while True:
                if (await client.get("/-/ready")).status == 200:
                    break
                await asyncio.sleep(0.01)
        page = await (await client.get(URL(address, encoded=True))).text()
        files = set(re.findall(r'href="([^"]*/certificates/[^"]*)"', page))
        texts = {}
        for each in files:
            answer = await client.get(URL(f"/targets/{each}", encoded=True))
            assert answer.status == 200
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{each.rpartition("/")[2]}"'
            texts[each.rpartition("/")[2]] = await answer.text()
        other = await client.get(URL(f"{address}/certificates/{published.certificate.fingerprint}.p12", encoded=True))
    assert other.status == 404
    assert len(texts) == 4, "two forms of the signing and of the encryption certificate"
    assert ssl.PEM_cert_to_DER_cert(texts[f"{published.certificate.fingerprint}.pem"]) == der
    assert b64decode(texts[f"{published.certificate.fingerprint}.base64"], validate=False) == der
    assert texts[f"{published.certificate.fingerprint}.base64"].count("\n") == 1


@pytest.mark.parametrize(
    ("origin", "host", "foreign"),
    [
        ("", "fs:10059", False),
        ("http://fs:10059", "fs:10059", False),
        ("https://FS", "fs", False),
        ("http://fs", "fs:10059", True),
        ("http://fs:10059.evil.example", "fs:10059", True),
        ("http://evil.example", "fs:10059", True),
        ("http://evil.example/fs:10059", "fs:10059", True),
        ("null", "fs:10059", True),
        ("fs:10059", "fs:10059", True),
        ("http://[", "fs:10059", True),
    ],
)
def test_an_origin_is_foreign_that_is_not_the_host_which_was_asked(origin: str, host: str, *, foreign: bool) -> None:
    assert is_foreign(origin, host) is foreign


async def test_no_page_of_another_origin_can_have_the_configuration_read_again() -> None:
    async with serving(lifecycle=True) as client:
        for method in ("POST", "PUT"):
            answer = await client.request(method, "/-/reload", headers={"Origin": "https://evil.example"})
            assert answer.status == 403
        own = str(client.make_url("/")).rstrip("/")
        assert (await client.post("/-/reload", headers={"Origin": own})).status == 200
        assert (await client.post("/-/reload")).status == 200


async def test_scrapes_at_once_share_what_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered, known = 0, Renderer.render

    def render(self: Renderer, *records: object, **how: object) -> bytes:
        nonlocal rendered
        rendered += 1
        return known(self, *records, **how)  # type: ignore[arg-type]  # whatever it takes

    monkeypatch.setattr(Renderer, "render", render)
    async with serving() as client:
        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(50)))
        texts = {await answer.text() for answer in answers}
        assert {answer.status for answer in answers} == {200}
        count = Scrape(await (await client.get("/metrics")).text()).value(
            "fedmeta_exporter_scrape_duration_seconds_count"
        )
    assert len(texts) <= rendered - 1 < 25
    assert count == rendered - 1, "each is counted once, and tells of those before it"


def module_of(federation: Federation) -> Module:
    return Module(tls=Tls(ca_file=federation.ca_file))


async def test_a_probe_follows_redirects_to_allowed_hosts_only(federation: Federation) -> None:
    config = Config((), {"default": module_of(federation)}, {"default": PolicySettings()}, ("fs*.example.org",))
    federation.serve("https://fs2.example.org/m", builders.saml_metadata())
    federation.serve("https://other.example.org/m", builders.saml_metadata())
    for name in ("fs2", "other"):
        federation.at(f"https://fs1.example.org/{name}", redirect_to(f"https://{name}.example.org/m"))
    async with serving(config, federation) as client:
        followed = await probed(client, "https://fs1.example.org/fs2")
        refused = await probed(client, "https://fs1.example.org/other")
    assert followed.value("fedmeta_metadata_reachable", target="fs1.example.org") == 1
    assert refused.value("fedmeta_metadata_reachable", target="fs1.example.org") == 0
    assert refused.value("fedmeta_probe_last_failure_info", reason="redirect") == 1
    assert "other.example.org" not in {request.host for request in federation.requests}


@pytest.mark.parametrize("host", ["127.0.0.2", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[::1]"])
async def test_a_probe_of_any_host_is_not_led_to_where_only_the_exporter_comes(
    federation: Federation, host: str
) -> None:
    config = Config((), {"default": module_of(federation)}, {"default": PolicySettings()}, ("*",))
    federation.at("https://fs1.example.org/m", redirect_to(f"https://{host}/internal"))
    async with serving(config, federation) as client:
        refused = await probed(client, "https://fs1.example.org/m")
    assert refused.value("fedmeta_probe_last_failure_info", reason="redirect") == 1


def redirect_to(location: str) -> Answers:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": location})

    return answer


async def probed(client: Client, target: str) -> Scrape:
    answer = await client.get("/probe", params={"target": target})
    assert answer.status == 200
    return Scrape(await answer.text())


async def test_a_probe_tells_a_person_who_asks_for_it_what_it_found_and_what_prometheus_gets(
    federation: Federation,
) -> None:
    federation.serve("https://fs.example.org/m", builders.saml_metadata())
    config = Config((), {"default": module_of(federation)}, {"default": PolicySettings()}, ("*",))
    async with serving(config, federation) as client:
        answer = await client.get("/probe", params={"target": "https://fs.example.org/m", "debug": "true"})
        said, _, series = (await answer.text()).partition("What Prometheus gets of it:\n\n")
    assert (answer.status, answer.content_type, answer.charset) == (200, "text/plain", "utf-8")
    assert [line.split() for line in said.splitlines()[:2]] == [
        ["Target", "fs.example.org"],
        ["URL", "https://fs.example.org/m"],
    ]
    assert Scrape(series).value("fedmeta_metadata_reachable") == 1


async def test_a_probe_looks_with_the_module_and_judges_by_the_policy_that_are_named(federation: Federation) -> None:
    signed = builders.saml_metadata()
    federation.serve("https://fs.example.org/m", signed)
    config = Config(
        (),
        {"default": Module(), "ours": module_of(federation)},
        {"default": PolicySettings(), "farms": PolicySettings(profile=Profile.ADFS_MANUAL)},
        ("*.example.org",),
    )
    params = {"target": "https://fs.example.org/m"}
    async with serving(config, federation) as client:
        untrusted = Scrape(await (await client.get("/probe", params=params)).text())
        answer = await client.get("/probe", params={**params, "module": "ours", "policy": "farms"})
        trusted = Scrape(await answer.text())
    assert untrusted.value("fedmeta_probe_last_failure_info", reason="tls_untrusted") == 1
    assert trusted.value("fedmeta_metadata_reachable") == 1
    (labels, _) = next(trusted.samples("fedmeta_target_info"))
    assert (labels["profile"], labels["profile_evidence"]) == ("adfs-manual", "configured")


async def test_probes_run_side_by_side(federation: Federation) -> None:
    arrived, everyone = 0, asyncio.Event()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal arrived
        arrived += 1
        if arrived == 3:
            everyone.set()
        await everyone.wait()
        return web.Response(body=builders.saml_metadata())

    federation.at("https://fs.example.org/m", answer)
    config = Config((), {"default": module_of(federation)}, {"default": PolicySettings()}, ("*.example.org",))
    async with serving(config, federation) as client, asyncio.timeout(10):
        scrapes = await asyncio.gather(*(probed(client, "https://fs.example.org/m") for _ in range(3)))
    assert [scrape.value("fedmeta_metadata_reachable") for scrape in scrapes] == [1, 1, 1]


PARTNER = Module(
    "partner",
    authorization=Authorization("Bearer", Secret("hunter2")),
    probe=True,
    hosts=(Origin("https", "fs.example.org", 443),),
)


@pytest.mark.parametrize(
    ("module", "target", "refused"),
    [
        (PARTNER, "https://fs.example.org/m", ""),
        (PARTNER, "http://fs.example.org/m", "the credentials of module asked are not for this host"),
        (PARTNER, "https://fs.example.org:8443/m", "the credentials of module asked are not for this host"),
        (PARTNER, "https://other.example.org/m", "the credentials of module asked are not for this host"),
        (replace(PARTNER, hosts=()), "https://fs.example.org/m", "the credentials of module asked are not for this"),
        (
            replace(PARTNER, probe=None),
            "https://fs.example.org/m",
            "not for /probe: it has credentials, and probe: true",
        ),
        (replace(PARTNER, probe=False), "https://fs.example.org/m", "not for /probe: probe is false"),
        (Module(probe=False), "https://fs.example.org/m", "not for /probe: probe is false"),
        (Module(probe=True), "https://fs.example.org/m", ""),
        (
            Module(proxy_url=Secret("http://kim:hunter2@127.0.0.1:1")),
            "https://fs.example.org/m",
            "not for /probe: it has credentials, and probe: true",
        ),
    ],
)
async def test_a_probe_shows_credentials_only_to_whom_they_are_for_though_it_may_look_anywhere(
    federation: Federation, module: Module, target: str, refused: str
) -> None:
    for url in ("http://fs.example.org/m", "https://fs.example.org/m", "https://other.example.org/m"):
        federation.serve(url, builders.saml_metadata())
    asked = replace(module, tls=Tls(ca_file=federation.ca_file))
    config = Config((), {"default": Module(), "asked": asked}, {"default": PolicySettings()}, ("*",))
    async with serving(config, federation) as client:
        answer = await client.get("/probe", params={"target": target, "module": "asked"})
        said = await answer.text()
    assert answer.status == (403 if refused else 200)
    assert refused in said
    shown = [request.headers.get("Authorization") for request in federation.requests]
    assert shown == ([] if refused else ["Bearer hunter2" if module.has_credentials else None])


async def test_more_probes_at_once_than_there_may_be_are_told_to_come_back(federation: Federation) -> None:
    arrived, goes_on = asyncio.Semaphore(0), asyncio.Event()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        arrived.release()
        await goes_on.wait()
        return web.Response(body=builders.saml_metadata())

    url = federation.at("https://fs.example.org/m", answer)
    config = Config((), {"default": module_of(federation)}, {"default": PolicySettings()}, ("*.example.org",))
    async with serving(config, federation, probes=2) as client, asyncio.timeout(10):
        under_way = [asyncio.create_task(probed(client, url)) for _ in range(2)]
        for _ in under_way:
            await arrived.acquire()
        refused = await client.get("/probe", params={"target": url})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert await refused.text() == "2 requests for /probe are under way, and no more may be at once\n"
        assert (await client.get("/-/healthy")).status == 200
        goes_on.set()
        assert [each.value("fedmeta_metadata_reachable") for each in await asyncio.gather(*under_way)] == [1, 1]
        assert (await probed(client, url)).value("fedmeta_metadata_reachable") == 1


async def test_a_probe_for_whose_document_there_is_no_room_is_told_to_come_back(federation: Federation) -> None:
    url = federation.serve("https://fs.example.org/m", builders.saml_metadata() + b"<!--" + b" " * FREE + b"-->")
    small = federation.serve("https://fs.example.org/small", builders.saml_metadata())
    config = Config((), {"default": module_of(federation)}, {"default": PolicySettings()}, ("*.example.org",))
    async with serving(config, federation, documents=2 * FREE) as client:
        with client.app[_CLIENT].budget.share() as taken:
            taken.grow(2 * FREE)
            refused = await client.get("/probe", params={"target": url})
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            assert "others take all of the 524288 bytes" in await refused.text()
            assert (await probed(client, small)).value("fedmeta_metadata_reachable") == 1
        assert (await probed(client, url)).value("fedmeta_metadata_reachable") == 1


@pytest.mark.parametrize(
    ("late", "said"), [(1, "watch fs0"), (7, "watch fs0, watch fs1, watch fs2, watch fs3, watch fs4 and 2 more")]
)
async def test_what_is_late_is_named_and_not_healthy(monkeypatch: pytest.MonkeyPatch, late: int, said: str) -> None:
    monkeypatch.setattr(Watch, "late", [f"watch fs{nth}" for nth in range(late)])
    async with serving() as client:
        answer = await client.get("/-/healthy")
        assert answer.status == 503
        assert await answer.text() == f"Late by more than 3 intervals: {said}.\n"
