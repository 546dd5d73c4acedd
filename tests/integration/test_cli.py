"""The command line as its user meets it: what it prints, how it ends, what it leaves behind."""

import http.client
import io
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar
from urllib.parse import urlsplit

import builders
import hanging
import pytest
from builders import DAY, probed, watched
from federation import listening
from kept import kept_in
from live import Scrape
from stack import free_port

from exporter import __version__
from exporter.cli import main
from exporter.config.fields import DOCUMENT_SCHEMES
from exporter.config.reader import load
from exporter.config.settings import SERVICE
from exporter.demo.scenarios import SCENARIOS
from exporter.model import Observation, Use
from exporter.probe import read_document
from exporter.record import bare

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which a test gives up; on a busy machine a start may take a few."""
SOON = 2.0
"""Seconds to stop in: the one that is promised, and one for a busy machine."""
CHECKOUT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("root_logger")

DOCUMENT = builders.saml_metadata(keys=[(Use.SIGNING, builders.pair(not_after=datetime(2090, 1, 1, tzinfo=UTC)))])


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where state is kept unless a test says otherwise."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def metadata(tmp_path: Path) -> str:
    """The URL of a document."""
    file = tmp_path / "idp.xml"
    file.write_bytes(DOCUMENT)
    return file.as_uri()


def until(holds: Callable[[], T | None]) -> T:
    """What a function gives once it gives something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.01)
    raise TimeoutError


def get(url: str, route: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)) as connection:
        connection.request("GET", route)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def scraped(url: str) -> Scrape:
    status, text = get(url, "/metrics")
    assert status == 200
    return Scrape(text)


def when_ready(url: str) -> Scrape:
    until(lambda: get(url, "/-/ready")[0] == 200)
    return scraped(url)


def url_in(text: str) -> str | None:
    """The address that the program says it serves at."""
    said = re.search(r"""(?:msg=listening url=|"msg": "listening", "url": |\nOpen )"?(http://[^\s"/]+)""", text)
    return said[1] if said else None


# --- in this process


@dataclass(frozen=True)
class Run:
    """How a run of the program went."""

    code: int
    out: str
    err: str


def run(*arguments: str, do: Callable[[str], object] | None = None, stop: int = signal.SIGTERM) -> Run:
    """Runs the program. Once it serves, does something with its address, and sends it a signal."""
    out, err, ended = io.StringIO(), io.StringIO(), Event()

    def act() -> None:
        url = until(lambda: url_in(out.getvalue() + err.getvalue()) or ("nowhere" if ended.is_set() else None))
        if url == "nowhere":
            return
        try:
            if do is not None:
                do(url)
        finally:
            os.kill(os.getpid(), stop)

    with ThreadPoolExecutor(1) as pool, redirect_stdout(out), redirect_stderr(err):
        acting = pool.submit(act)
        code = main(arguments)
        ended.set()
        acting.result()
    return Run(code, out.getvalue(), err.getvalue())


LOOPBACK = "--web.listen-address=127.0.0.1:0"


def test_an_address_is_all_it_takes(metadata: str, state_home: Path) -> None:
    scrapes = []
    ran = run(metadata, LOOPBACK, do=lambda url: scrapes.append(when_ready(url)))
    assert ran.code == 0
    assert scrapes[0].state("idp.xml") == "steady"
    assert "msg=stopping" in ran.err
    assert (state_home / "fedmeta-exporter" / "state.sqlite").is_file()


@pytest.mark.parametrize(
    ("listen", "url"), [(":0", r"http://localhost:\d+"), ("[::1]:0", r"http://\[::1\]:\d+")], ids=["every", "ipv6"]
)
def test_it_says_where_it_serves_in_a_form_that_opens(listen: str, url: str, metadata: str) -> None:
    if "[" in listen and not has_ipv6():
        pytest.skip("this machine has no IPv6")

    def check(said: str) -> None:
        assert re.fullmatch(url, said)
        assert get(said, "/-/healthy") == (200, "fedmeta-exporter is healthy.\n")

    assert run(metadata, f"--web.listen-address={listen}", do=check).code == 0


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0(stop: signal.Signals, metadata: str) -> None:
    ran = run(metadata, LOOPBACK, "--log.format=json", stop=stop)
    assert ran.code == 0
    logged = [json.loads(line) for line in ran.err.splitlines()]
    assert [line["msg"] for line in logged if line["source"] == "exporter.cli"] == ["listening", "stopping"]


def test_the_level_of_the_log_is_that_of_the_flag(metadata: str) -> None:
    ran = run(metadata, LOOPBACK, "--log.level=debug", do=when_ready)
    assert "level=debug source=asyncio" in ran.err
    assert "msg=up target=idp.xml" in ran.err


@pytest.mark.parametrize(
    "arguments", [[], ["serve"], ["--config.check"], ["--config.file=fedmeta.yml", "sts.contoso.com"]]
)
def test_what_to_watch_comes_from_a_file_or_from_addresses(arguments: list[str]) -> None:
    assert run(*arguments) == Run(1, "", "name what to watch: either hosts, URLs and files, or --config.file\n")


@pytest.mark.parametrize("command", ["serve", "check", "rules", "demo"])
def test_a_command_after_the_flags_is_not_taken_for_a_host(command: str) -> None:
    ran = run("--log.level=debug", command, "sts.contoso.com")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith(f"error: {command} is a command: it comes first, before the flags\n")


@pytest.mark.parametrize("command", [[], ["serve"], ["check"]])
def test_a_configuration_file_without_its_flag_is_told_with_it(command: list[str]) -> None:
    ran = run(*command, "17-ca.yml")
    told = "17-ca.yml is the name of a configuration file: give it as --config.file=17-ca.yml\n"
    assert ran == Run(3 if command == ["check"] else 1, "", told)


@pytest.mark.parametrize("path", ["metadata", "./metadata", "folder/ok.xml"])
def test_a_file_is_watched_by_its_path(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(builders.adfs())
    shown: list[str] = []

    def look(url: str) -> None:
        until(lambda: get(url, "/-/ready")[0] == 200)
        shown.append(get(url, "/config")[1])

    assert run("serve", path, LOOPBACK, "--storage.path=", do=look).code == 0
    assert f"url: {file.as_uri()}\n" in shown[0]


@pytest.mark.parametrize("check", [[], ["--config.check"]], ids=["serve", "check"])
def test_every_bad_address_is_named(check: list[str]) -> None:
    ran = run(*check, "gopher://idp.example/", "sts.contoso.com", "https://:443/")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        f"address 1: must {DOCUMENT_SCHEMES}",
        "address 3: must name a host",
    ]


@pytest.mark.parametrize("check", [[], ["--config.check"]], ids=["serve", "check"])
def test_every_problem_of_a_configuration_is_named_with_its_line_and_path(check: list[str], tmp_path: Path) -> None:
    file = tmp_path / "fedmeta.yml"
    file.write_text(
        "targets:\n  - url: gopher://idp.example/\n  - host: sts.contoso.com\n    intervall: 5m\nmodule: {}\n"
    )
    ran = run(*check, f"--config.file={file}")
    assert (ran.code, ran.out) == (1, "")
    places = [line.removeprefix(f"{file}:").partition(": ")[::2] for line in ran.err.splitlines()]
    assert [(place.split(":")[0], place) for place, _ in places] == [
        ("2", "2"),
        ("4", "4"),
        ("5", "5"),
    ]
    assert [sentence.partition(": ")[0] for _, sentence in places] == [
        "targets[0].url",
        "targets[1].intervall",
        "module",
    ]


def test_what_a_configuration_names_is_read_when_it_is_checked_and_what_has_no_use_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THE_SECRET", raising=False)
    file = tmp_path / "fedmeta.yml"
    entra = "entra: {tenant: t, client_id: c, domains: [a.com], client_secret_env: THE_SECRET}"
    text = f"modules: {{a: {{}}}}\ntargets: [{{host: a.example, vantage: Internet, {entra}}}]\n"
    file.write_text(f"{text}policies: {{a: {{}}}}\n")
    warnings = (
        f"warning: {file}:1: modules.a: has no use: no target names it, and /probe may not use it\n"
        f"warning: {file}:2: targets[0].vantage: Internet is not the vantage internet, in small letters, which sees"
        " what Entra ID sees\n"
        f"warning: {file}:3: policies.a: has no use: no target names it, and /probe may look at nothing\n"
    )
    lacking = (
        f"{file}:2: targets[0].entra.client_secret_env: the environment variable of this name is not set, or empty\n"
    )
    check = (f"--config.file={file}", "--config.check")
    assert run(*check) == Run(1, "", warnings + lacking)
    monkeypatch.setenv("THE_SECRET", "hunter2")
    assert run(*check) == Run(0, "1 target, 3 warnings\n", warnings)
    file.write_text("modules: {a: {tls_config: {ca_file: ca.pem}}}\ntargets: [{host: a.example, module: a}]\n")
    absent = f"{tmp_path / 'ca.pem'} cannot be read: No such file or directory\n"
    assert run(*check) == Run(1, "", f"{file}:1: modules.a.tls_config.ca_file: {absent}")


def test_a_configuration_that_holds_is_checked_without_a_trace(tmp_path: Path, state_home: Path) -> None:
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: [{host: sts.contoso.com}, {host: sts.fabrikam.com}]\n")
    assert run(f"--config.file={file}", "--config.check") == Run(0, "2 targets, no problems\n", "")
    assert not state_home.exists()


def test_a_configuration_that_is_not_there_is_a_problem_of_it(tmp_path: Path) -> None:
    ran = run(f"--config.file={tmp_path / 'fedmeta.yml'}")
    assert ran.code == 1
    assert "No such file" in ran.err


def test_a_port_in_use_is_said_to_be(metadata: str) -> None:
    with closing(listening()) as taken:
        port = taken.getsockname()[1]
        ran = run(metadata, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    assert ran.code == 1
    assert ran.err.startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert "address already in use" in ran.err
    assert ran.err.count("\n") == 1


def test_every_address_that_is_given_is_served_and_told(metadata: str) -> None:
    with closing(listening()) as first, closing(listening()) as second:
        ports = [each.getsockname()[1] for each in (first, second)]
    flags = [f"--web.listen-address=127.0.0.1:{port}" for port in ports]
    answers: list[int] = []

    def ask(_: str) -> None:
        answers.extend(get(f"http://127.0.0.1:{port}", "/-/healthy")[0] for port in ports)

    ran = run(metadata, *flags, do=ask)
    assert (ran.code, answers) == (0, [200, 200])
    assert re.findall(r"msg=listening url=http://127.0.0.1:(\d+)", ran.err) == [str(port) for port in ports]


def test_where_one_of_several_addresses_is_taken_none_is_served(metadata: str) -> None:
    with closing(listening()) as taken:
        port = taken.getsockname()[1]
        ran = run(metadata, LOOPBACK, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    assert ran.code == 1
    assert ran.err.startswith(f"cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize("host", ["no..host", "x" * 64])
def test_a_host_that_is_none_cannot_be_listened_on(host: str, metadata: str) -> None:
    ran = run(metadata, f"--web.listen-address={host}:80", "--log.level=error")
    assert ran.code == 1
    assert ran.err.startswith(f"cannot listen on {host}:80: ")
    assert ran.err.count("\n") == 1


def test_where_no_state_can_be_kept_it_starts_and_says_so_with_the_flag_that_helps(
    metadata: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    writable = []
    for path in (tmp_path / "file" / "state.sqlite", tmp_path):

        def check(url: str) -> None:
            writable.append(when_ready(url).value("fedmeta_exporter_storage_writable"))

        ran = run(metadata, LOOPBACK, f"--storage.path={path}", do=check)
        assert ran.code == 0
        (line,) = [line for line in ran.err.splitlines() if 'msg="state not kept"' in line]
        assert str(path) in line
        assert "--storage.path" in line
    assert writable == [0, 0]


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_not_ours_is_left_as_it_is(content: bytes, metadata: str, tmp_path: Path) -> None:
    file = tmp_path / "kept" / "state.sqlite"
    file.parent.mkdir()
    file.write_bytes(content)
    ran = run(metadata, LOOPBACK, f"--storage.path={file}", do=when_ready)
    assert ran.code == 0
    assert "is not ours" in ran.err
    assert file.read_bytes() == content


def test_an_empty_storage_path_keeps_nothing(metadata: str, state_home: Path) -> None:
    assert run(metadata, LOOPBACK, "--storage.path=", do=when_ready).code == 0
    assert not state_home.exists()


@pytest.fixture
def forgotten(tmp_path: Path) -> Path:
    """A state file with a target that nobody has looked at for years."""
    file = tmp_path / "state.sqlite"
    long_ago = datetime.now(UTC) - 3 * 365 * DAY
    before = bare(watched("forgotten", "https://forgotten.example/"))
    seen = Observation(long_ago, None, "", {}, 200, None, read_document(DOCUMENT, ()))
    with kept_in(file, long_ago) as state:
        state.load("forgotten", before.target.url)
        state.keep(probed(before, seen))
    return file


def names(file: Path) -> list[str]:
    """The targets in a state file."""
    with closing(sqlite3.connect(file)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM target ORDER BY name")]


def test_what_nobody_has_watched_for_years_is_forgotten(forgotten: Path, metadata: str) -> None:
    assert run(metadata, LOOPBACK, f"--storage.path={forgotten}", do=when_ready).code == 0
    assert names(forgotten) == ["idp.xml"]


def test_a_state_file_that_does_not_let_go_of_it_is_used_all_the_same(forgotten: Path, metadata: str) -> None:
    with closing(sqlite3.connect(forgotten)) as connection:
        connection.execute("CREATE TRIGGER keep BEFORE DELETE ON target BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    ran = run(metadata, LOOPBACK, f"--storage.path={forgotten}", do=when_ready)
    assert ran.code == 0
    assert "state of forgotten not kept" in ran.err
    assert names(forgotten) == ["forgotten", "idp.xml"]


def test_the_demo_shows_every_scenario_in_its_state_and_says_what_to_open() -> None:
    scrapes = []

    def look(url: str) -> None:
        scrape = when_ready(url)
        pages = {scenario.name: get(url, f"/targets/{scenario.name}")[1] for scenario in SCENARIOS}
        scrapes.append((url, scrape, get(url, "/")[1], pages))

    ran = run("demo", LOOPBACK, do=look)
    assert ran.code == 0
    ((url, scrape, page, pages),) = scrapes
    assert f"Open {url}/ to see what the exporter says of them, {url}/metrics for what Prometheus sees." in ran.out
    for scenario in SCENARIOS:
        assert re.search(rf"^  {scenario.name} +{re.escape(scenario.sentence)}$", ran.out, re.MULTILINE)
        assert scrape.state(scenario.name) == scenario.state, scenario.name
        own = {"target": scenario.name, "node": SERVICE, "vantage": scenario.vantage}
        assert scrape.value("fedmeta_metadata_reachable", **own) == scenario.reachable
        assert f'data-target="{scenario.name}"' in page
        assert ('data-finding="nodes_differ"' in pages[scenario.name]) == (scenario.nodes_agree is False)
        for domain in scenario.domains:
            assert f"<td>{domain.name}</td>" in pages[scenario.name]


def test_what_the_demo_shows_as_its_configuration_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "again.yml"

    def keep(url: str) -> None:
        file.write_text(get(url, "/config")[1], encoding="utf-8")

    assert run("demo", LOOPBACK, do=keep).code == 0
    assert [each.name for each in load(str(file)).targets] == [each.name for each in SCENARIOS]


def test_below_the_path_of_its_external_address_the_exporter_answers(tmp_path: Path) -> None:
    (metadata := tmp_path / "idp.xml").write_bytes(builders.adfs())
    shown: list[tuple[int, str]] = []

    def look(url: str) -> None:
        until(lambda: get(url, "/fedmeta/-/ready")[0] == 200)
        shown.append(get(url, "/fedmeta/"))

    ran = run(metadata.as_uri(), LOOPBACK, "--storage.path=", "--web.external-url=https://m.example/fedmeta/", do=look)
    assert ran.code == 0
    ((status, page),) = shown
    assert status == 200
    assert 'href="./metrics"' in page


def test_the_farms_of_the_demo_can_be_checked_as_printed_and_that_says_what_the_metrics_say() -> None:
    demo = subprocess.Popen([sys.executable, "-m", "exporter", "demo", LOOPBACK], cwd=CHECKOUT, stdout=subprocess.PIPE)  # noqa: S603 -- ours
    with demo:
        try:
            assert demo.stdout is not None
            printed = b"".join(iter(demo.stdout.readline, b"Stop with Ctrl-C.\n")).decode()
            one, every = re.findall(r"^  (.* check .*)$", printed, re.MULTILINE)
            assert as_printed(one).stdout.startswith(f"Target      {SCENARIOS[0].name}\n")
            ran = as_printed(f"{every} --json")
            said = [json.loads(line) for line in ran.stdout.splitlines()]
            found = {
                Shown(each["target"], seen_once(every["finding"]), every["severity"], **every["about"])
                for each in said
                for every in each["findings"]
            }
            url = until(lambda: url_in(printed))
            # Both ask Entra ID, each in its own time.
            until(lambda: found == set(shown(scraped(url))))
        finally:
            demo.send_signal(signal.SIGINT)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert {each["target"] for each in said} == {each.name for each in SCENARIOS}


SEEN_ONCE = {"metadata_never_read": "metadata_unreachable"}
"""What only memory tells apart, by what one look can tell of it."""

REMEMBERED = frozenset({("stale-proxy", "nodes_differ")})
"""What only memory finds."""


@dataclass(frozen=True)
class Shown:
    """A finding as a surface shows it."""

    target: str
    finding: str
    severity: str
    entity_id: str = ""
    domain: str = ""
    node: str = ""
    vantage: str = ""


def shown(scrape: Scrape) -> Iterator[Shown]:
    names = {each.name for each in fields(Shown)}
    for labels, _ in scrape.samples("fedmeta_finding"):
        found = {name: value for name, value in labels.items() if name in names}
        if (found["target"], found["finding"]) not in REMEMBERED:
            yield Shown(**{**found, "finding": seen_once(found["finding"])})


def seen_once(finding: str) -> str:
    return SEEN_ONCE.get(finding, finding)


def as_printed(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- the program printed it
        shlex.split(command), cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def test_the_demo_too_names_a_port_in_use() -> None:
    with closing(listening()) as taken:
        port = taken.getsockname()[1]
        ran = run("demo", f"--web.listen-address=127.0.0.1:{port}")
    assert (ran.code, ran.out) == (1, "")
    assert "address already in use" in ran.err


# --- in a process of its own


@dataclass(frozen=True)
class Process:
    """The program, started as a user starts it."""

    popen: subprocess.Popen[bytes]
    log: Path
    url: str = field(default="")

    @property
    def err(self) -> str:
        return self.log.read_text()

    def stopped(self, by: signal.Signals) -> tuple[int, float]:
        """Its exit code after a signal, and the seconds that it took."""
        began = time.monotonic()
        self.popen.send_signal(by)
        return self.popen.wait(PATIENCE), time.monotonic() - began


FILES_MAY_HANG = (hanging.__file__,)


@contextmanager
def started(folder: Path, *arguments: str, command: Sequence[str] = ("-m", "exporter")) -> Iterator[Process]:
    """The program while it serves."""
    log = folder / "stderr.log"
    whole = [sys.executable, *command, *arguments, LOOPBACK, f"--storage.path={folder / 'state.sqlite'}"]
    with (
        log.open("wb") as err,
        subprocess.Popen(whole, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=err) as popen,  # noqa: S603 -- ours
    ):
        try:
            yield Process(popen, log, until(lambda: url_in(log.read_text())))
        finally:
            popen.kill()


def written_to(pipe: Path) -> int:
    """A pipe opened for writing, once somebody reads from it: who reads hangs until it is closed."""

    def opened() -> int | None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None

    return until(opened)


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "exporter", "--version"]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=PATIENCE)  # noqa: S603 -- ours
    assert ran.stdout == f"fedmeta-exporter {__version__}\n"


def test_it_stops_within_a_second_though_looks_probes_and_threads_hang(tmp_path: Path) -> None:
    with closing(listening()) as silent:
        silent.settimeout(PATIENCE)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        (password := tmp_path / "password").write_text("secret")
        pipe = hanging.hang(password)
        config = {
            "modules": {
                "default": {"timeout": "4m"},
                "pipe": {"timeout": "4m", "basic_auth": {"username": "kim", "password_file": str(password)}},
            },
            "targets": [
                {"name": "silent", "url": address},
                {"name": "pipe", "url": address, "module": "pipe"},
            ],
            "probe": {"allow": ["127.0.0.1"]},
        }
        (file := tmp_path / "fedmeta.yml").write_text(json.dumps(config))
        with started(tmp_path, f"--config.file={file}", command=FILES_MAY_HANG) as process:
            # A name server that does not answer holds a thread in the same way.
            writer = written_to(pipe)
            look, _ = silent.accept()
            with socket.create_connection((urlsplit(process.url).hostname, urlsplit(process.url).port)) as scraper:
                scraper.sendall(f"GET /probe?target={address} HTTP/1.1\r\nHost: exporter\r\n\r\n".encode())
                probe, _ = silent.accept()
                code, seconds = process.stopped(signal.SIGTERM)
            os.close(writer)
            look.close()
            probe.close()
    assert code == 0
    assert seconds < SOON
    assert "msg=stopping" in process.err
    assert "Traceback" not in process.err


@pytest.mark.parametrize("command", ["check", "rules"])
def test_what_was_asked_for_is_written_whole_before_the_end(
    command: str, metadata: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At the end a moment is left for it, and whoever reads may take longer.
    with (tmp_path / "out").open("w", encoding="utf-8") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        assert main([command, *([metadata] if command == "check" else [])]) == 0
        written = (tmp_path / "out").read_text(encoding="utf-8")
    assert written
    assert written == (tmp_path / "out").read_text(encoding="utf-8")


@pytest.mark.parametrize("why", ["No space left on device", "Broken pipe"])
@pytest.mark.parametrize("command", ["check", "rules"])
def test_what_cannot_be_written_is_said_in_one_line(command: str, why: str, metadata: str) -> None:
    unread, pipe = os.pipe()
    os.close(unread)
    out = os.open("/dev/full", os.O_WRONLY) if "space" in why else os.dup(pipe)
    flags = [command, *([metadata] if command == "check" else [])]
    ran = subprocess.run(  # noqa: S603 -- ours
        [sys.executable, "-m", "exporter", *flags], stdout=out, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(out)
    os.close(pipe)
    assert (ran.returncode, ran.stderr) == (1, f"cannot write: {why}\n")


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["check", "METADATA"], 1),
        (["check", "--nagios", "METADATA"], 3),
        (["check", "--nagios", "--fail-on=critical", "METADATA"], 3),
        (["check", "--nagios", "--bogus"], 3),
        (["check", "--nagios", "--config.file=/nowhere.yml", "--all"], 3),
        (["--config.check", "METADATA"], 1),
        (["completion", "bash"], 1),
        (["demo", "--web.listen-address=127.0.0.1:0"], 1),
    ],
)
def test_what_cannot_be_written_ends_every_command_with_a_sentence_and_a_plugin_knows_nothing(
    flags: Sequence[str], code: int, metadata: str
) -> None:
    command = [sys.executable, "-m", "exporter", *(each.replace("METADATA", metadata) for each in flags)]
    with Path("/dev/full").open("w") as out:
        ran = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)  # noqa: S603 -- ours
    assert ran.returncode == code
    assert ran.stderr
    assert "Traceback" not in ran.stderr


def test_what_was_closed_before_the_start_is_said_to_be() -> None:
    command = [sys.executable, "-m", "exporter", "check", "-"]
    ran = subprocess.run(  # noqa: S603 -- ours
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (ran.returncode, ran.stderr) == (3, "address 1: standard input is closed\n")


def test_a_pipe_in_place_of_a_file_is_lacking_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "password")
    module = {
        "basic_auth": {"username": "kim", "password_file": str(pipe)},
        "tls_config": {"ca_file": str(pipe)},
    }
    targets = [{"name": "a", "url": "https://a.example/", "module": "own"}]
    (file := tmp_path / "fedmeta.yml").write_text(json.dumps({"modules": {"own": module}, "targets": targets}))
    command = [sys.executable, "-m", "exporter", "--config.check", f"--config.file={file}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603 -- ours
    assert ran.returncode == 1
    assert ran.stderr.count(f"{pipe} cannot be read: it is a pipe") == 2


def test_a_log_that_nobody_reads_holds_up_neither_the_watch_nor_the_end(tmp_path: Path, metadata: str) -> None:
    unread, pipe = os.pipe()
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x" * 4096)
    os.set_blocking(pipe, True)
    port = free_port()
    flags = [metadata, f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={tmp_path / 'state.sqlite'}"]
    with subprocess.Popen([sys.executable, "-m", "exporter", *flags], stderr=pipe) as process:  # noqa: S603 -- ours
        try:
            url = f"http://127.0.0.1:{port}"

            def ready() -> bool:
                with suppress(OSError):
                    return get(url, "/-/ready")[0] == 200
                return False

            until(ready)
            assert get(url, "/-/healthy")[0] == 200
            began = time.monotonic()
            process.terminate()
            assert process.wait(PATIENCE) == 0
            assert time.monotonic() - began < 3
        finally:
            process.kill()
    os.close(unread)
    os.close(pipe)
    assert names(tmp_path / "state.sqlite") == ["idp.xml"]


def test_a_hangup_reads_the_configuration_again_and_one_that_hangs_keeps_nobody(tmp_path: Path, metadata: str) -> None:
    file = tmp_path / "fedmeta.yml"

    def configure(name: str) -> None:
        file.write_text(json.dumps({"targets": [{"name": name, "url": metadata}]}))

    def watched() -> Sequence[str]:
        return [labels["target"] for labels, _ in scraped(process.url).samples("fedmeta_metadata_reachable")]

    configure("before")
    with started(tmp_path, f"--config.file={file}", command=FILES_MAY_HANG) as process:
        until(lambda: watched() == ["before"])
        configure("after")
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: watched() == ["after"])
        pipe = hanging.hang(file)
        process.popen.send_signal(signal.SIGHUP)
        writer = written_to(pipe)
        assert watched() == ["after"]
        code, seconds = process.stopped(signal.SIGINT)
        os.close(writer)
    assert code == 0
    assert seconds < SOON
    assert process.err.count('msg="configuration reloaded"') == 1


def test_who_was_removed_by_a_hangup_or_a_start_is_told_also_after_a_kill(tmp_path: Path, metadata: str) -> None:
    file, state = tmp_path / "fedmeta.yml", tmp_path / "state.sqlite"

    def configure(*names: str) -> None:
        file.write_text(json.dumps({"targets": [{"name": name, "url": metadata} for name in names]}))

    def removed(process: Process) -> dict[str, float]:
        told = scraped(process.url).samples("fedmeta_target_removed_timestamp_seconds")
        return {labels["target"]: at for labels, at in told}

    def in_file() -> set[str]:
        with closing(sqlite3.connect(state)) as connection:
            return {name for (name,) in connection.execute("SELECT target FROM watch WHERE watched = 0")}

    began = time.time()
    configure("one", "other", "third")
    with started(tmp_path, f"--config.file={file}") as process:
        assert removed(process) == {}
        file.write_text("targets: [{name: one}]")
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: 'msg="configuration not reloaded"' in process.err)
        assert removed(process) == {}, "what cannot be read removes nobody"
        configure("other", "third")
        process.popen.send_signal(signal.SIGHUP)
        first = until(lambda: removed(process))
        assert first.keys() == {"one"}
        assert began <= first["one"] <= time.time()
        until(lambda: in_file() == {"one"})
        assert process.stopped(signal.SIGKILL)[0] == -signal.SIGKILL
    configure("third")
    with started(tmp_path, f"--config.file={file}") as process:
        second = removed(process)
        assert second == {"one": first["one"], "other": second["other"]}
        assert first["one"] < second["other"] <= time.time()
        configure("one", "third")
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: removed(process) == {"other": second["other"]})
        assert process.stopped(signal.SIGTERM)[0] == 0
    with started(tmp_path, f"--config.file={file}") as process:
        assert removed(process) == {"other": second["other"]}, "a removal is told once, with its own time"


class Publisher(ThreadingHTTPServer):
    """Publishes the document, until it falls silent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.silent = Event()
        self.asked = Event()
        """Somebody asks, and gets no answer."""
        self.over = Event()
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def close(self) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        if self.server.silent.is_set():
            self.server.asked.set()
            self.server.over.wait()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(DOCUMENT)))
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the standard library
        pass


def test_after_a_kill_the_last_good_document_is_there_before_the_first_look_ends(tmp_path: Path) -> None:
    with closing(Publisher()) as publisher:
        with started(tmp_path, publisher.url) as process:
            until(lambda: names(tmp_path / "state.sqlite") == ["127.0.0.1"])
            before = scraped(process.url)
            assert process.stopped(signal.SIGKILL)[0] == -signal.SIGKILL
        publisher.silent.set()
        with started(tmp_path, publisher.url) as process:
            assert publisher.asked.wait(PATIENCE)
            after = scraped(process.url)
            assert get(process.url, "/-/ready")[0] == 503
    assert list(after.samples("fedmeta_metadata_reachable")) == [], "no look has ended"
    assert after.state("127.0.0.1") == "steady"
    for family in ("not_after", "first_seen"):
        metric = f"fedmeta_certificate_{family}_timestamp_seconds"
        assert list(after.samples(metric)) == list(before.samples(metric)) != []
    assert "set aside" not in process.err
