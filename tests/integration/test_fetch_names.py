"""Names: looked up by c-ares at a real name server, by the system, and ahead of the fetch."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pycares
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from federation import Federation, free_port
from nameserver import Code, Late, NameServer, Says, nameserver

from exporter import fetch
from exporter.config.settings import IpProtocol, Module, Secret, Tls
from exporter.fetch import names
from exporter.fetch.names import CAres, System
from exporter.fetch.progress import open_socket
from exporter.model import Phase, Reason

BODY = b"<EntityDescriptor/>"
LONG = "x" * 64
NO_NAME = "is no name that DNS can hold"

SAYS: dict[str, Says] = {
    "good.test": ["127.0.0.1"],
    "both.test": ["::1", "127.0.0.1"],
    "four.test": ["127.0.0.1"],
    "short.corp.test": ["127.0.0.1"],
    "empty.test": [],
    "broken.test": Code.SERVFAIL,
    "closed.test": Code.REFUSED,
}


def says(name: str) -> Says:
    return None if name.endswith(".hang") else SAYS.get(name, Code.NXDOMAIN)


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    async with nameserver(says) as opened:
        yield opened


@pytest.fixture
async def asking(server: NameServer) -> AsyncIterator[fetch.Client]:
    """A client that asks the name server."""
    async with fetch.client(resolver=CAres([server.place])) as opened:
        yield opened


Outcome = bytes | tuple[Reason, str, set[Phase]] | None


async def outcome(
    url: str, module: Module, client: fetch.Client, *, ahead: bool, within: float = 5, address: str | None = None
) -> Outcome:
    """What a fetch comes to, with the name looked up ahead of it or not."""
    try:
        found = await fetch.find(url, module, client=client, timeout=within, address=address) if ahead else None
        answer = await fetch.fetch(url, module, client=client, timeout=within, address=address, found=found)
    except fetch.FetchError as error:
        return error.reason, error.detail, set(error.phases)
    return answer.body


def threads() -> int:
    """All threads of this process, those that Python does not know too."""
    return len(list(Path("/proc/self/task").iterdir()))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def happens(condition: Callable[[], bool]) -> None:
    """Waits for what another thread or process brings about."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 -- no event of ours tells
            await asyncio.sleep(0.01)


both = pytest.mark.parametrize("ahead", [False, True], ids=["by the fetch", "ahead of it"])


@both
async def test_a_name_leads_to_the_address_that_the_server_says(
    federation: Federation, asking: fetch.Client, server: NameServer, *, ahead: bool
) -> None:
    url = federation.serve(f"http://good.test:{federation.names.ports['*', 80]}/", BODY)

    assert await outcome(url, Module(), asking, ahead=ahead) == BODY
    assert sorted(server.asked) == [("good.test", 1), ("good.test", 28)]


@both
@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("http://nowhere.test/", "nowhere.test does not resolve: Domain name not found"),
        ("http://empty.test/", "empty.test does not resolve: DNS server returned answer with no data"),
        ("http://broken.test/", "broken.test does not resolve: DNS server returned general failure"),
        ("http://closed.test/", "closed.test does not resolve: DNS server refused query"),
        ("http://a..b/", "a..b does not resolve: Misformatted domain name"),
        ("http://bücher.test/", "bücher.test (xn--bcher-kva.test) does not resolve: Domain name not found"),
        ("http://xn--bcher-kva.test/", "bücher.test (xn--bcher-kva.test) does not resolve: Domain name not found"),
        ("http://good.test\0.test/", "good.test\0.test does not resolve: no name that DNS can hold (a NUL in it)"),
    ],
)
async def test_a_name_that_does_not_resolve_is_told_in_the_same_words_by_both_ways(
    asking: fetch.Client, url: str, detail: str, *, ahead: bool
) -> None:
    assert await outcome(url, Module(), asking, ahead=ahead) == (Reason.DNS, detail, {Phase.RESOLVE})


@both
@pytest.mark.parametrize(
    ("host", "detail"),
    [
        ("", "the address names no host that can be looked up"),
        ("a." * 127, f"{'a.' * 40} {NO_NAME}: it is longer than 253 characters"),
        (f"{LONG}.test", f"{LONG}.test {NO_NAME}: a part of it is longer than 63 characters"),
        (
            f"{'ü' * 60}.test",
            f"{'ü' * 60}.test {NO_NAME}: a part of it has no encoding (xn--) of at most 63 characters",
        ),
        ("xn--a.test", f"xn--a.test {NO_NAME}: xn--a is broken punycode"),
        ("sts.xn--zz99999", f"sts.xn--zz99999 {NO_NAME}: xn--zz99999 is broken punycode"),
        ("xn--.test", f"xn--.test {NO_NAME}: xn-- is broken punycode"),
    ],
)
async def test_a_url_that_names_nothing_is_told_in_the_same_words_by_both_ways(
    asking: fetch.Client, server: NameServer, host: str, detail: str, *, ahead: bool
) -> None:
    assert await outcome(f"http://{host}/", Module(), asking, ahead=ahead) == (Reason.DNS, detail, set())
    assert server.asked == []


@both
async def test_the_deadline_ends_the_wait_for_a_silent_server(asking: fetch.Client, *, ahead: bool) -> None:
    told = await outcome("http://a.hang/", Module(), asking, ahead=ahead, within=0.2)

    assert told == (Reason.TIMEOUT, "no answer within 0.2 s; stuck in resolve", {Phase.RESOLVE})


@both
async def test_a_server_that_stays_silent_is_given_up_in_the_end(
    asking: fetch.Client, monkeypatch: pytest.MonkeyPatch, *, ahead: bool
) -> None:
    monkeypatch.setattr(names, "_TRIES", 1)  # the exporter waits longer than a test should
    monkeypatch.setattr(names, "_FIRST_WAIT", 0.1)

    told = await outcome("http://a.hang/", Module(), asking, ahead=ahead, within=10)

    assert told == (Reason.DNS, "a.hang does not resolve: Timeout while contacting DNS servers", {Phase.RESOLVE})


async def test_a_name_that_takes_a_quick_server_long_resolves_all_the_same() -> None:
    def late(name: str) -> Says:
        return Late(["127.0.0.1"], 1.2) if name == "late.test" else ["127.0.0.1"]

    async with nameserver(late) as server:
        resolver = CAres([server.place])
        for number in range(5):
            await resolver.resolve(f"quick{number}.test")

        found = await resolver.resolve("late.test")
        await resolver.close()

    assert [each["host"] for each in found] == ["127.0.0.1"]


async def test_a_short_name_is_completed_by_the_search_domains(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALDOMAIN", "corp.test")  # stands for the line "search" of resolv.conf (resolv.conf(5))
    resolver = CAres([server.place])

    found = await resolver.resolve("short")
    await resolver.close()

    assert [each["host"] for each in found] == ["127.0.0.1"]
    assert ("short.corp.test", 1) in server.asked


@pytest.mark.parametrize(
    "resolver",
    [lambda: CAres([f"127.0.0.1:{free_port()}"]), *fetch.RESOLVERS.values()],
    ids=["no server", *fetch.RESOLVERS],
)
async def test_localhost_needs_no_name_server(federation: Federation, resolver: Callable[[], AbstractResolver]) -> None:
    url = federation.serve(f"http://localhost:{federation.names.ports['*', 80]}/", BODY)

    async with fetch.client(resolver=resolver()) as client:
        for ahead in (False, True):
            assert await outcome(url, Module(), client, ahead=ahead) == BODY


@both
@pytest.mark.parametrize(
    ("module", "host", "tried"),
    [
        (Module(preferred_ip_protocol=IpProtocol.IP4), "both.test", "127.0.0.1"),
        (Module(preferred_ip_protocol=IpProtocol.IP4, ip_protocol_fallback=False), "both.test", "127.0.0.1"),
        (Module(preferred_ip_protocol=IpProtocol.IP6, ip_protocol_fallback=False), "both.test", "::1"),
        (Module(preferred_ip_protocol=IpProtocol.IP6), "four.test", "127.0.0.1"),
    ],
)
async def test_the_preferred_kind_of_address_comes_first(
    federation: Federation,
    asking: fetch.Client,
    module: Module,
    host: str,
    tried: str,
    *,
    ahead: bool,
) -> None:
    url = federation.serve(f"http://{host}:{federation.names.ports['*', 80]}/", BODY)

    told = await outcome(url, module, asking, ahead=ahead)

    # Nothing listens at ::1, so what was tried there alone tells itself by its failure.
    assert told == BODY if tried == "127.0.0.1" else isinstance(told, tuple) and "at ::1 port" in told[1]


class Many(AbstractResolver):
    """Leads each name to thousands of addresses of loopback, of both kinds."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(hostname=host, host=each, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, pattern in ((socket.AF_INET, "127.0.{}.{}"), (socket.AF_INET6, "::ffff:127.1.{}.{}"))
            for each in (pattern.format(number // 250, 1 + number % 250) for number in range(3000))
        ]

    async def close(self) -> None:
        pass


@both
@pytest.mark.parametrize(
    ("preferred", "last", "left_out"),
    [
        (IpProtocol.ANY, "::ffff:127.1.0.8", 5984),
        (IpProtocol.IP4, "::ffff:127.1.0.8", 5984),
        (IpProtocol.IP6, "127.0.0.8", 5984),
    ],
)
async def test_of_very_many_addresses_of_a_name_the_first_of_each_kind_are_tried(
    preferred: IpProtocol, last: str, left_out: int, monkeypatch: pytest.MonkeyPatch, *, ahead: bool
) -> None:
    tried: list[str] = []

    def noted(address: tuple[Any, ...]) -> socket.socket:
        tried.append(address[4][0])
        return open_socket(address)

    monkeypatch.setattr("exporter.fetch.web.open_socket", noted)
    port = free_port()
    async with fetch.client(resolver=Many()) as client:
        module = Module(preferred_ip_protocol=preferred)
        told = await outcome(f"http://many.test:{port}/", module, client, ahead=ahead)

    assert isinstance(told, tuple)
    place = f"{tried[-1]} port {port} (further addresses of its name, not tried: {left_out})"
    assert told[:2] == (Reason.REFUSED, f"many.test refuses connections at {place}")
    assert tried[-1] == last
    assert {*tried} == {f"{kind}{number}" for kind in ("127.0.0.", "::ffff:127.1.0.") for number in range(1, 9)}
    # aiohttp begins anew without the first of each kind, and so on.
    assert len(tried) <= sum(range(2, 17, 2))


@both
async def test_no_address_of_the_wanted_kind_is_no_address(asking: fetch.Client, *, ahead: bool) -> None:
    module = Module(preferred_ip_protocol=IpProtocol.IP6, ip_protocol_fallback=False)

    told = await outcome("http://four.test/", module, asking, ahead=ahead)

    assert told == (Reason.DNS, "four.test does not resolve: no address of the kind ip6", {Phase.RESOLVE})


async def test_five_hundred_silent_names_take_no_thread_no_descriptor_and_no_time_from_another(
    federation: Federation, asking: fetch.Client, server: NameServer
) -> None:
    url = federation.serve(f"http://good.test:{federation.names.ports['*', 80]}/", BODY)
    await outcome("http://nowhere.test/", Module(), asking, ahead=True)
    threads_before, descriptors_before = threads(), descriptors()

    waiting = [
        asyncio.ensure_future(fetch.find(f"http://{number}.hang/", Module(), client=asking, timeout=30))
        for number in range(500)
    ]
    await happens(lambda: len({name for name, _ in server.asked if name.endswith(".hang")}) == 500)
    began = time.monotonic()
    told = await outcome(url, Module(), asking, ahead=True)

    assert told == BODY
    assert time.monotonic() - began < 3
    assert threads() <= threads_before
    assert descriptors() - descriptors_before < 10
    assert not any(each.done() for each in waiting)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_who_asks_for_a_name_that_is_being_asked_for_waits_with_the_others(
    asking: fetch.Client, server: NameServer
) -> None:
    for _ in range(20):
        found = await fetch.find("http://a.hang/", Module(), client=asking, timeout=0.01)
        assert found.failure == (Reason.TIMEOUT, "no answer within 0.01 s; stuck in resolve")

    # Of each kind one, and what is repeated meanwhile.
    assert len(server.asked) < 20


async def test_a_name_that_was_found_is_asked_for_again_by_the_next_look(
    asking: fetch.Client, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await fetch.find("http://nowhere.test/", Module(), client=asking, timeout=5)).failure is not None
    monkeypatch.setitem(SAYS, "nowhere.test", ["127.0.0.1"])

    found = await fetch.find("http://nowhere.test/", Module(), client=asking, timeout=5)

    assert found.failure is None
    assert server.asked.count(("nowhere.test", 1)) == 2


async def test_what_other_sides_say_is_not_kept_for_longer_than_for_a_few_names(server: NameServer) -> None:
    resolver = CAres([server.place])

    async def asked() -> int:
        await resolver.resolve("good.test", 443)
        return server.asked.count(("good.test", 1))

    assert [await asked() for _ in range(names.KEPT - 1)] == [1] * (names.KEPT - 1)
    async with asyncio.timeout(10):
        while await asked() == 1:
            pass
    await resolver.close()


@pytest.mark.parametrize("answers", [0, 1, 20])
async def test_closing_at_any_moment_ends_every_look_up(server: NameServer, answers: int) -> None:
    resolver = CAres([server.place])
    waiting = [
        asyncio.ensure_future(resolver.resolve("good.test" if number % 2 else f"{number}.hang")) for number in range(40)
    ]
    await asyncio.sleep(0)
    await happens(lambda: len(server.asked) >= answers)
    for each in waiting[::3]:
        each.cancel()

    await resolver.close()

    async with asyncio.timeout(2):
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in ended} <= {list, OSError, asyncio.CancelledError}
    assert any(isinstance(each, OSError) for each in ended)
    with pytest.raises(OSError, match="the exporter ends"):
        await resolver.resolve("good.test")


NO_THREAD = """
import asyncio, os, resource, sys
from exporter import fetch
from exporter.config.settings import Module

async def look(kind):
    async with fetch.client(resolver=fetch.RESOLVERS[kind]()) as client:
        for _ in range(2):
            try:
                await fetch.fetch(sys.argv[1], Module(), client=client, timeout=5)
            except fetch.FetchError as error:
                print(error.reason, error.detail)

if os.getuid() == 0:
    os.setuid(65534)  # no limit holds for root
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
for kind in fetch.RESOLVERS:
    asyncio.run(look(kind))
sys.stdout.flush()
os._exit(0)
"""


def test_where_no_thread_can_begin_c_ares_works_without_and_the_system_says_so() -> None:
    port = free_port()

    done = subprocess.run(  # noqa: S603 -- the program is written above
        [sys.executable, "-c", NO_THREAD, f"http://localhost:{port}/"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    no_start, refused, *by_system = done.stdout.splitlines()
    assert no_start == "dns localhost does not resolve: c-ares does not start (can't start new thread)"
    assert refused.startswith("refused localhost refuses connections at ")
    assert (
        by_system
        == ["dns localhost does not resolve: there is no thread to ask the system in (can't start new thread)"] * 2
    )


async def test_where_no_thread_could_begin_the_next_look_up_tries_anew(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolvers = {"good.test": CAres([server.place]), "localhost": System()}
    monkeypatch.setattr(pycares._shutdown_manager, "_thread", None)  # noqa: SLF001 -- as in a process that has just begun
    with monkeypatch.context() as starved:
        starved.setattr(threading.Thread, "start", refuse)
        for name, resolver in resolvers.items():
            with pytest.raises(OSError, match=r"\(can't start new thread\)"):
                await resolver.resolve(name)

    for name, resolver in resolvers.items():
        assert "127.0.0.1" in {each["host"] for each in await resolver.resolve(name)}
        await resolver.close()


class Hanging:
    """``socket.getaddrinfo``, in which names that end in ``.hang`` wait until the test lets them go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self._inner = socket.getaddrinfo

    def __call__(self, host: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 -- as the function itself
        self.asked.append(host)
        if not host.endswith(".hang"):
            return self._inner(host, *args, **kwargs)
        self.go.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    wrapped = Hanging()
    monkeypatch.setattr(socket, "getaddrinfo", wrapped)
    yield wrapped
    wrapped.go.set()


@asynccontextmanager
async def by_system() -> AsyncIterator[fetch.Client]:
    async with fetch.client(resolver=System()) as client:
        yield client


def own_threads() -> int:
    return sum(each.name.startswith("names") for each in threading.enumerate())


async def test_names_that_hang_in_the_system_take_no_thread_from_others(
    federation: Federation, hanging: Hanging
) -> None:
    url = federation.serve(f"http://127.0.0.1:{federation.names.ports['*', 80]}/", BODY)
    async with by_system() as client:
        waiting = [
            asyncio.ensure_future(fetch.find(f"http://{number}.hang/", Module(), client=client, timeout=30))
            for number in range(200)
        ]
        await happens(lambda: len(hanging.asked) == names.THREADS)
        began = time.monotonic()

        told = await outcome(url, Module(), client, ahead=True)
        await asyncio.gather(*(asyncio.to_thread(bool) for _ in range(200)))

        assert told == BODY
        assert time.monotonic() - began < 3
        assert own_threads() == names.THREADS == len(hanging.asked)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        hanging.go.set()
        url = federation.serve(f"http://localhost:{federation.names.ports['*', 80]}/", BODY)
        assert await outcome(url, Module(), client, ahead=True) == BODY

    # Those that nobody waited for any more were never begun.
    assert len(hanging.asked) == names.THREADS + 1


async def test_a_name_that_hangs_in_the_system_takes_one_thread_however_often_it_is_looked_up(hanging: Hanging) -> None:
    async with by_system() as client:
        first = asyncio.ensure_future(fetch.find("http://a.hang/", Module(), client=client, timeout=30))
        await happens(lambda: bool(hanging.asked))
        first.cancel()
        for _ in range(10):
            told = await outcome("http://a.hang/", Module(), client, ahead=True, within=0.02)
            assert told == (Reason.TIMEOUT, "no answer within 0.02 s; stuck in resolve", {Phase.RESOLVE})
        assert hanging.asked == ["a.hang"]
        hanging.go.set()
        told = await outcome("http://a.hang/", Module(), client, ahead=True)

    assert told == (
        Reason.DNS,
        "a.hang does not resolve: Temporary failure in name resolution",
        {Phase.RESOLVE},
    )


@pytest.mark.parametrize("resolver", [System, CAres])
async def test_many_who_want_one_name_at_any_moment_all_get_it(resolver: Callable[[], AbstractResolver]) -> None:
    opened = resolver()

    async def often() -> None:
        for number in range(100):
            found = await opened.resolve("localhost")
            assert "127.0.0.1" in {each["host"] for each in found}
            if number % 3:
                await asyncio.sleep(0)

    await asyncio.gather(*(often() for _ in range(8)))
    await opened.close()


async def test_what_the_system_says_of_a_name_is_told(hanging: Hanging) -> None:
    hanging.go.set()
    async with by_system() as client:
        for ahead in (False, True):
            no_such = await outcome("http://a.hang/", Module(), client, ahead=ahead)
            empty_label = await outcome("http://a..b/", Module(), client, ahead=ahead)

            assert no_such == (
                Reason.DNS,
                "a.hang does not resolve: Temporary failure in name resolution",
                {Phase.RESOLVE},
            )
            assert isinstance(empty_label, tuple)
            assert empty_label[0] is Reason.DNS


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_name_behind_an_address_is_asked_of_nobody(
    federation: Federation, client: fetch.Client, address: str
) -> None:
    port = federation.names.ports["*", 80]
    host = f"[{address}]" if ":" in address else address

    found = [
        await fetch.find(f"http://{host}:{port}/", Module(), client=client, timeout=5),
        await fetch.find("file:///etc/passwd", Module(), client=client, timeout=5),
    ]
    detour = await fetch.find("http://idp.example.org/", Module(), client=client, timeout=5, address=f"{host}:{port}")

    assert [(each.place, each.failure) for each in found] == [(None, None)] * 2
    assert [each["host"] for each in detour.addresses] == [address]
    assert federation.names.asked == []


async def test_what_was_looked_up_ahead_is_not_looked_up_again_but_another_host_is(
    federation: Federation, client: fetch.Client
) -> None:
    async def moved(_: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound("https://other.example.org/")

    url = federation.at("https://idp.example.org/", moved)
    federation.serve("https://other.example.org/", BODY)
    module = Module(tls=Tls(ca_file=federation.ca_file))

    assert await outcome(url, module, client, ahead=True) == BODY
    assert federation.names.asked == ["idp.example.org", "other.example.org"]


@both
async def test_a_node_by_name_is_looked_up_in_place_of_the_service(
    federation: Federation, client: fetch.Client, *, ahead: bool
) -> None:
    url = federation.serve("https://idp.example.org/", BODY)
    module = Module(tls=Tls(ca_file=federation.ca_file))
    federation.names.ports["wap1.test", 443] = federation.names.ports["*", 443]

    answer = await outcome(url, module, client, ahead=ahead, address="wap1.test")
    unknown = await outcome(url, module, client, ahead=ahead, address="wap9.test")

    assert answer == BODY
    assert unknown == (
        Reason.DNS,
        "idp.example.org at wap9.test port 443 does not resolve: Name or service not known",
        {Phase.RESOLVE},
    )
    assert federation.names.asked == ["wap1.test", "wap9.test"]


@both
async def test_through_a_proxy_the_proxys_name_is_looked_up(
    federation: Federation, client: fetch.Client, *, ahead: bool
) -> None:
    federation.serve("https://idp.example.org/", BODY)
    module = Module(proxy_url=Secret(text="http://proxy.test:3128/"))

    told = await outcome("https://idp.example.org/", module, client, ahead=ahead, address="127.0.0.1")

    assert told == (
        Reason.PROXY,
        "the proxy proxy.test port 3128 cannot be used: Name or service not known",
        {Phase.RESOLVE},
    )
    assert federation.names.asked == ["proxy.test"]


@both
async def test_a_proxy_that_cannot_be_read_is_told_as_such(
    federation: Federation, client: fetch.Client, tmp_path: Path, *, ahead: bool
) -> None:
    module = Module(proxy_url=Secret(file=str(tmp_path / "missing")))

    told = await outcome("https://idp.example.org/", module, client, ahead=ahead)

    assert told == (
        Reason.CREDENTIALS,
        f"proxy_url: cannot read {tmp_path / 'missing'}: No such file or directory",
        set(),
    )
    assert federation.names.asked == []


async def test_the_time_that_the_name_took_is_part_of_the_timeout_and_of_the_phases(
    federation: Federation, client: fetch.Client
) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    await federation.speak("silent.test", silent)
    found = replace(await fetch.find("http://silent.test/", Module(), client=client, timeout=60), seconds=59.9)
    began = time.monotonic()

    with pytest.raises(fetch.FetchError) as caught:
        await fetch.fetch("http://silent.test/", Module(), client=client, timeout=60, found=found)

    assert time.monotonic() - began < 5
    assert caught.value.detail == "no answer within 60 s; stuck in processing"
    assert caught.value.phases[Phase.RESOLVE] == pytest.approx(59.9, abs=0.05)
