"""``check`` as its user meets it: one look, text, an exit code, and nothing left behind."""

import asyncio
import base64
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import builders
import pytest
from builders import DAY, pair, probed, watched
from federation import listening
from live import Scrape
from lxml import etree
from scrapes import failed, good

from exporter.check import EXIT_CODES, FailOn
from exporter.cli import main
from exporter.config.reader import load
from exporter.demo import scenarios
from exporter.demo.configuration import configuration
from exporter.demo.documents import KeyPair
from exporter.demo.scenarios import SCENARIOS
from exporter.demo.simulator import Simulation, serving
from exporter.exposition.render import render_probe
from exporter.metadata import DocumentError
from exporter.model import Role, Use
from exporter.probe import read_document
from exporter.record import bare
from exporter.rollover import Severity

pytestmark = pytest.mark.usefixtures("root_logger")

PATIENCE = 30.0
NOW = datetime.now(UTC).replace(microsecond=0)
OLD = pair(not_before=NOW - 347 * DAY, not_after=NOW + 18 * DAY)
NEW = pair(not_before=NOW - 2 * DAY, not_after=NOW + 363 * DAY)
ABOUT = ("entity_id", "domain", "node", "vantage")
WATCHED = ("half-updated", "not-public", "promoted-early", "stale-proxy")


class Run(NamedTuple):
    """How a run of the program went."""

    code: int
    out: str
    err: str


Check = Callable[..., Run]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs ``fedmeta-exporter check`` with some arguments."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*arguments: str) -> Run:
        code = main(["check", *arguments])
        return Run(code, *capsys.readouterr())

    return run


def document(folder: Path, content: bytes) -> str:
    """The URL of a document."""
    file = folder / "metadata.xml"
    file.write_bytes(content)
    return file.as_uri()


@pytest.fixture
def rolling(tmp_path: Path) -> str:
    """The URL of a farm's document in the middle of its rollover."""
    return document(tmp_path, builders.adfs(OLD, NEW, signer=OLD))


@pytest.fixture
def steady(tmp_path: Path) -> str:
    """The URL of a farm's document with one signing certificate."""
    return document(tmp_path, builders.adfs(NEW, signer=NEW))


def test_a_document_without_a_finding_above_info_is_reported_with_code_0_and_nothing_is_kept(
    check: Check, rolling: str, tmp_path: Path
) -> None:
    ran = check(rolling)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Target      metadata.xml\n")
    assert "\nState       Successor published (info)\n" in ran.out
    assert "\n\nInfo        Successor published (successor_published)\n" in ran.out
    assert f"\nSuccessor   {NEW.certificate.thumbprint}, " in ran.out
    assert ran.out.endswith("\n")
    assert not (tmp_path / "state").exists()


def test_a_document_that_is_not_read_is_reported_with_code_1(check: Check) -> None:
    ran = check("file:///nowhere/metadata.xml")
    assert (ran.code, ran.err) == (1, "")
    assert "\nState       Unreadable (warning)\n" in ran.out
    assert "not readable, file: " in ran.out


def test_a_document_that_is_outdated_and_does_not_verify_says_both_and_what_to_do_worst_first(
    check: Check, tmp_path: Path
) -> None:
    (scenario,) = (each for each in SCENARIOS if each.name == "steady")
    root = etree.fromstring(scenarios.document(scenario, NOW, key="ec"))
    root.set("validUntil", f"{NOW - DAY:%Y-%m-%dT%H:%M:%SZ}")
    ran = check(document(tmp_path, etree.tostring(root)))
    assert (ran.code, ran.err) == (1, "")
    assert "\nState       Metadata outdated (critical)\n" in ran.out
    found = re.findall(r"^(Critical|Warning|Info) .*\((\w+)\)$", ran.out, re.MULTILINE)
    assert found == [("Critical", "metadata_outdated"), ("Warning", "signature_invalid")]
    assert ran.out.count("\nTo do       ") == 2
    assert "othing to do" not in ran.out


def test_of_two_broken_certificates_it_says_which_and_why(check: Check, tmp_path: Path) -> None:
    ran = check(document(tmp_path, builders.adfs(NEW, builders.NOT_BASE64, builders.NOT_DER)))
    text = " ".join(ran.out.split())
    assert (ran.code, ran.err) == (1, "")
    assert "State Certificate unreadable (warning)" in text
    assert "2 published certificates cannot be read" in text
    assert "the one that begins 'no base64 at all!': not base64" in text
    assert "the one that begins 'bm8gY2VydGlmaWNhdGU=': no certificate: " in text


def test_two_certificates_that_were_cut_off_are_told_apart_though_they_begin_alike(
    check: Check, tmp_path: Path
) -> None:
    cut = [base64.b64encode(builders.pair().der[:-missing]) for missing in (60, 63)]
    text = " ".join(check(document(tmp_path, builders.adfs(NEW, *cut))).out.split())
    named = re.findall(r"the one that begins '(.*?)' and ends '(.*?)': no certificate", text)
    assert [end for _, end in named] == [each.decode()[-20:] for each in cut]
    assert len({beginning for beginning, _ in named}) == 1


@pytest.mark.parametrize(
    ("flag", "printed"),
    [
        ("--print-certificate", NEW),
        ("--print-certificate=successor", NEW),
        ("--print-certificate=primary", OLD),
    ],
)
def test_a_certificate_is_printed_alone_in_base64_on_one_line(
    flag: str, printed: KeyPair, check: Check, rolling: str
) -> None:
    ran = check(rolling, flag)
    assert ran == Run(0, f"{base64.b64encode(printed.certificate.der).decode()}\n", "")


def test_a_certificate_is_printed_as_pem_where_that_is_asked_for(check: Check, rolling: str) -> None:
    ran = check(rolling, "--print-certificate", "--certificate-format=pem")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("-----BEGIN CERTIFICATE-----\n")
    assert ran.out.endswith("\n-----END CERTIFICATE-----\n")
    assert ssl.PEM_cert_to_DER_cert(ran.out) == NEW.certificate.der


def test_of_a_chain_the_certificate_of_the_key_is_printed(check: Check, tmp_path: Path) -> None:
    leaf = pair(subject="CN=leaf", issuer=builders.authority())
    descriptor = builders.descriptor_of(Role.IDP, builders.key(builders.authority(), leaf))
    document = tmp_path / "metadata.xml"
    document.write_bytes(builders.entity(descriptor))
    ran = check(document.as_uri(), "--print-certificate=primary")
    assert ran == Run(0, f"{base64.b64encode(leaf.der).decode()}\n", "")


def test_without_a_successor_nothing_is_printed_and_the_way_to_the_primary_is_named(check: Check, steady: str) -> None:
    ran = check(steady, "--print-certificate")
    assert ran == Run(
        1, "", "metadata.xml: no successor is published; --print-certificate=primary prints the one in use\n"
    )


def test_without_any_certificate_no_way_is_named(check: Check, tmp_path: Path) -> None:
    empty = document(tmp_path, builders.saml_metadata(keys=[]))
    for position in ("primary", "successor"):
        told = f"metadata.xml: no {position} is published: the document has no signing key\n"
        assert check(empty, f"--print-certificate={position}") == Run(1, "", told)


def test_one_entity_in_a_group_is_checked_like_one_alone(check: Check, tmp_path: Path) -> None:
    ending = pair(not_before=NOW - 362 * DAY, not_after=NOW + 3 * DAY)
    alone = builders.saml_metadata(keys=[(Use.SIGNING, ending)])
    grouped = document(tmp_path, builders.aggregate([builders.aggregate([alone])]))
    ran = check(grouped, "--print-certificate=primary")
    assert ran == Run(0, f"{base64.b64encode(ending.der).decode()}\n", "")
    found = check(grouped)
    assert found.code == 1
    assert found.out == check(document(tmp_path, alone)).out


def test_of_an_aggregate_the_configuration_says_whose_certificate_is_meant(check: Check, tmp_path: Path) -> None:
    entities = [builders.saml_metadata(f"https://idp-{number}.example/") for number in range(3)]
    aggregate = document(tmp_path, builders.aggregate(entities))
    assert check(aggregate).code == 0
    ran = check(aggregate, "--print-certificate=primary")
    assert (ran.code, ran.out) == (1, "")
    assert "neither --entity nor entity_id in the configuration" in ran.err
    named = check(aggregate, "--entity=https://idp-1.example/", "--print-certificate=primary")
    assert named == Run(0, f"{base64.b64encode(pair().certificate.der).decode()}\n", "")
    target = {"name": "federation", "url": aggregate, "entity_id": "https://idp-1.example/"}
    file = configured(tmp_path, targets=[target])
    named = check("federation", f"--config.file={file}", "--print-certificate=primary")
    assert named == Run(0, f"{base64.b64encode(pair().certificate.der).decode()}\n", "")


def test_for_a_certificate_one_document_is_asked_for_and_nobody_else(check: Check, tmp_path: Path) -> None:
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(builders.adfs())

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        entra = {"source": "user_realm", "domains": ["contoso.com"], "login_url": f"{url}/entra"}
        target = {"name": "a", "url": f"{url}/m.xml", "vantages": {"internet": None, "intranet": None}, "entra": entra}
        file = configured(tmp_path, targets=[target])
        ran = check("a", f"--config.file={file}", "--print-certificate=primary")
        server.shutdown()
    assert ran.code == 0
    assert asked == ["/m.xml"]


def test_a_certificate_of_a_document_that_is_not_read_is_an_error_that_says_why(check: Check) -> None:
    ran = check("file:///nowhere/metadata.xml", "--print-certificate")
    assert (ran.code, ran.out) == (1, "")
    assert "not readable, file: " in ran.err


def test_a_bad_address_is_named(check: Check) -> None:
    assert check("gopher://idp.example/") == Run(
        3,
        "",
        "address 1: must begin with https://, http:// or file:///, as in file:///srv/metadata.xml or"
        " file:///C:/fed/metadata.xml\n",
    )


def configured(folder: Path, **config: object) -> Path:
    file = folder / "fedmeta.yml"
    file.write_text(json.dumps(config))
    return file


def test_a_target_of_a_configuration_goes_by_its_name(check: Check, rolling: str, tmp_path: Path) -> None:
    file = configured(tmp_path, targets=[{"name": "contoso", "url": rolling}, {"name": "other", "url": "file:///no"}])
    ran = check("contoso", f"--config.file={file}")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Target      contoso\n")


@pytest.mark.parametrize(
    ("name", "suggestion"), [("contosso", "; did you mean contoso?"), ("https://sts.example.org/", "")]
)
def test_a_target_that_is_not_known_is_named_with_the_nearest_that_is(
    name: str, suggestion: str, check: Check, rolling: str, tmp_path: Path
) -> None:
    file = configured(tmp_path, targets=[{"name": "contoso", "url": rolling}])
    assert check(name, f"--config.file={file}") == Run(3, "", f"{file} has no target {name}{suggestion}\n")


def test_a_configuration_with_problems_is_not_used(check: Check, tmp_path: Path) -> None:
    file = configured(tmp_path, tagrets=[])
    ran = check("contoso", f"--config.file={file}")
    assert (ran.code, ran.out) == (3, "")
    assert "did you mean targets?" in ran.err


def test_a_signal_ends_it_before_the_answer_comes(check: Check) -> None:
    with closing(listening()) as silent, ThreadPoolExecutor(1) as pool:
        silent.settimeout(PATIENCE)

        def interrupt() -> None:
            connection, _ = silent.accept()
            os.kill(os.getpid(), signal.SIGINT)
            connection.close()

        interrupting = pool.submit(interrupt)
        ran = check(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        interrupting.result()
    assert ran == Run(3, "", "stopped before the answer came\n")


def test_several_targets_are_told_the_worst_first_and_counted(check: Check, rolling: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_bytes(builders.saml_metadata(keys=[]))
    ran = check(rolling, str(broken), "file:///nowhere/other.xml")
    assert ran.code == 1
    assert re.findall("^Target +(.*)$", ran.out, re.MULTILINE) == ["broken.xml", "other.xml", "metadata.xml"]
    assert ran.out.endswith("\nChecked     3 targets: 1 critical, 1 warning, 1 info\n")
    lines = check(rolling, "--json", str(broken)).out.splitlines()
    assert [json.loads(line)["severity"] for line in lines] == ["critical", "info"]


def of_severity(folder: Path, severity: Severity) -> str:
    """The path of a document whose worst finding is of this severity."""
    content = {
        Severity.OK: builders.saml_metadata(keys=[(Use.SIGNING, NEW)]),
        Severity.INFO: builders.adfs(OLD, NEW, signer=OLD),
        Severity.WARNING: builders.saml_metadata(keys=[(Use.SIGNING, OLD)]),
        Severity.CRITICAL: builders.saml_metadata(keys=[]),
    }
    file = folder / f"{severity.name}.xml"
    file.write_bytes(content[severity])
    return str(file)


@pytest.mark.parametrize("form", [(), ("--json",)])
@pytest.mark.parametrize("fail_on", FailOn)
@pytest.mark.parametrize("severity", Severity)
def test_the_exit_code_is_that_of_the_table(
    severity: Severity, fail_on: FailOn, form: Sequence[str], check: Check, tmp_path: Path
) -> None:
    documents = [of_severity(tmp_path, each) for each in Severity if each <= severity]
    for named in (documents[-1:], documents):
        ran = check(*named, f"--fail-on={fail_on}", *form)
        assert ran.code == EXIT_CODES[False, fail_on].found[severity]
    ran = check(*documents, f"--fail-on={fail_on}", "--nagios")
    assert ran.code == EXIT_CODES[True, fail_on].found[severity]
    assert ran.out.startswith(f"FEDMETA {('OK', 'WARNING', 'CRITICAL')[ran.code]} - ")
    assert ran.out.count("\n") == 1


@pytest.mark.parametrize("fail_on", FailOn)
@pytest.mark.parametrize("content", [builders.entity(), b"no metadata", None])
def test_of_what_nothing_is_known_it_is_never_said_that_all_is_well(
    content: bytes | None, fail_on: FailOn, check: Check, tmp_path: Path, steady: str
) -> None:
    file = tmp_path / "unknown.xml"
    if content is not None:
        file.write_bytes(content)
    hidden = content == builders.entity() or fail_on is FailOn.CRITICAL
    code, word = (3, "UNKNOWN") if hidden else (1, "WARNING")
    for named in ([str(file)], [str(file), steady]):
        assert check(*named, f"--fail-on={fail_on}").code == code
        ran = check(*named, f"--fail-on={fail_on}", "--nagios")
        assert (ran.code, ran.err) == (code, "")
        assert re.match(rf"FEDMETA {word} - (2 targets: .*; )?unknown\.xml: ", ran.out)


def test_a_plugin_that_could_not_look_says_unknown(check: Check) -> None:
    ran = check("fedmeta.yml", "--nagios")
    why = "fedmeta.yml is the name of a configuration file: give it as --config.file=fedmeta.yml"
    assert ran == Run(3, f"FEDMETA UNKNOWN - {why}\n", f"{why}\n")
    assert check("fedmeta.yml") == Run(3, "", f"{why}\n")


def test_a_certificate_is_that_of_one_target(check: Check, rolling: str, steady: str) -> None:
    assert check(rolling, f"{steady}?", "--print-certificate").code == 2
    assert check("--config.file=fedmeta.yml", "--all", "--print-certificate").code == 2
    for form in ("base64", "pem"):
        ran = check(steady, f"--certificate-format={form}")
        assert ran == Run(2, "", "--certificate-format is for --print-certificate\n")
        assert check(steady, f"--certificate-format={form}", "--nagios").code == 3


def command(*arguments: str) -> Sequence[str]:
    return sys.executable, "-m", "exporter", "check", *arguments


def test_a_document_comes_through_a_pipe(tmp_path: Path) -> None:
    content = Path(of_severity(tmp_path, Severity.CRITICAL)).read_bytes()
    piped = subprocess.run(command("-", "--json"), input=content, capture_output=True, check=False, timeout=PATIENCE)  # noqa: S603 -- ours
    assert piped.returncode == 1
    assert json.loads(piped.stdout)["target"] == "stdin"
    assert json.loads(piped.stdout)["url"] == "standard input"
    assert json.loads(piped.stdout)["findings"][0]["finding"] == "no_signing_key"


@pytest.mark.parametrize(
    ("environment", "colours", "progress"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_a_terminal_gets_colours_and_a_line_of_progress_that_is_gone_at_the_end(
    environment: dict[str, str], *, colours: bool, progress: bool, tmp_path: Path
) -> None:
    names = [of_severity(tmp_path, each) for each in (Severity.CRITICAL, Severity.WARNING)]
    for documents, line in ((names[:1], "looking at CRITICAL.xml"), (names, "1 of 2 targets looked at")):
        inherited = {name: each for name, each in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
        out, err = on_a_terminal(documents, {**inherited, **environment})
        assert ("\x1b[1;31mCritical\x1b[0m" in out) is colours
        assert ("\x1b" in out) is colours
        assert (line in err) is progress
        assert err.endswith("\r\x1b[K" if progress else "")
        assert progress or err == ""


def on_a_terminal(documents: Sequence[str], environment: dict[str, str]) -> tuple[str, str]:
    """What ``check`` writes to standard output and standard error, each a terminal of its own."""
    terminals = [os.openpty() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(all_of, ours) for ours, _ in terminals]
        (_, out), (_, err) = terminals
        subprocess.run(command(*documents), stdout=out, stderr=err, env=environment, check=False, timeout=PATIENCE)  # noqa: S603 -- ours
        for _, theirs in terminals:
            os.close(theirs)
        return reading[0].result(), reading[1].result()


@pytest.mark.parametrize(("columns", "widest"), [(60, 60), (200, 100), (10, 40)])
def test_a_report_is_as_wide_as_the_terminal_and_no_wider_than_is_easily_read(
    columns: int, widest: int, tmp_path: Path
) -> None:
    files = [of_severity(tmp_path, each) for each in (Severity.CRITICAL, Severity.WARNING)]
    out, _ = on_a_terminal(files, {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"})
    assert f"\r\n{'-' * widest}\r\n" in out
    prose = [line for line in out.splitlines() if " -" not in line and max(map(len, line.split()), default=0) < 28]
    assert widest - 15 < max(map(len, prose)) <= widest


def all_of(terminal: int) -> str:
    found = b""
    # Linux says "input/output error" where the other end of a terminal is closed.
    with suppress(OSError), open(terminal, "rb", buffering=0) as stream:
        while part := stream.read(4096):
            found += part
    return found.decode()


def test_of_every_real_document_it_says_what_the_metrics_of_one_look_say(check: Check, corpus: Path) -> None:
    paths = sorted((corpus / "documents").iterdir())
    said = [json.loads(line) for line in check(*map(str, paths), "--json").out.splitlines()]
    found = {
        each["url"]: {(one["finding"], *sorted(one["about"].items())) for one in each["findings"]} for each in said
    }
    expected = {}
    for path in paths:
        record = bare(watched("real", path.as_uri()))
        try:
            seen = replace(good(read_document(path.read_bytes(), ()), NOW), tls_not_after=None)
        except DocumentError as error:
            seen = failed(error.reason, NOW, phases={})
        scrape = render_probe(probed(record, seen), datetime.now(UTC), limit=5, openmetrics=False)
        labels = (each for each, _ in Scrape(scrape.decode()).samples("fedmeta_finding"))
        expected[path.as_uri()] = {
            (each["finding"], *((name, each[name]) for name in sorted(ABOUT) if each.get(name))) for each in labels
        }
    assert found == expected
    assert len(paths) > 100


# --- looks from other places, and Entra ID


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    """Farms and a stand-in for Entra ID on loopback, in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    served = serving((each for each in SCENARIOS if each.name in WATCHED), now=NOW, folder=tmp_path, key="ec")
    try:
        yield asyncio.run_coroutine_threadsafe(served.__aenter__(), loop).result(PATIENCE)
        asyncio.run_coroutine_threadsafe(served.__aexit__(None, None, None), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def of(simulation: Simulation, tmp_path: Path) -> Check:
    """Checks the farm of a scenario, as a configuration file describes it, in a process of its own."""

    def run(name: str, *arguments: str) -> Run:
        file = tmp_path / "fedmeta.yml"
        file.write_text(configuration(simulation.targets))
        ran = subprocess.run(  # noqa: S603 -- ours
            command(name, f"--config.file={file}", *arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        return Run(ran.returncode, ran.stdout, ran.stderr)

    return run


def test_the_file_of_the_simulation_describes_its_targets(simulation: Simulation, tmp_path: Path) -> None:
    file = tmp_path / "fedmeta.yml"
    file.write_text(configuration(simulation.targets))
    described = {each.name: each for each in load(str(file)).targets}
    assert list(described) == [each.name for each in simulation.targets]
    for each in simulation.targets:
        assert described[each.name] == each


def test_every_node_is_looked_at_and_the_one_that_lags_is_seen(of: Check) -> None:
    ran = of("stale-proxy")
    assert (ran.code, ran.err) == (0, "")
    service, wap1, wap2 = (line[12:] for line in ran.out.splitlines() if ", from default: readable, keys " in line)
    assert service.startswith("service, ")
    assert wap1.startswith("wap1 at 127.0.0.1:")
    assert wap2.startswith("wap2 at 127.0.0.1:")
    assert service.count(", ") == wap1.count(", ") == 3
    assert wap2.count(", ") == 2
    assert "Differing   now: " in ran.out


def test_every_domain_is_asked_for_and_judged(of: Check) -> None:
    ran = of("half-updated")
    assert (ran.code, ran.err) == (0, "")
    assert "Domain      updated.example\nAnswer      graph, " in ran.out
    assert "(trust_pending)\nDomain      forgotten.example\n" in ran.out


def test_a_primary_that_is_not_trusted_is_told_with_the_way_out(of: Check) -> None:
    ran = of("promoted-early")
    assert ran.code == 1
    assert "State       Locked out of Microsoft 365 (critical)\n" in ran.out
    assert "check promoted-early --config.file='<configuration file>' --print-certificate=primary\n" in ran.out


def test_a_vantage_from_where_nothing_is_read_says_why(of: Check) -> None:
    ran = of("not-public")
    assert ran.code == 1
    assert "from intranet: readable, keys " in ran.out
    assert "from internet: not readable, reset: " in ran.out
    assert "State       Entra ID lacks the successor (critical)\n" in ran.out
    assert ": couldNotAccessRemoteHost\n" in ran.out
    assert "\nTry         reset: " in ran.out


def test_after_a_domain_that_is_throttled_the_others_are_not_asked_for(of: Check, simulation: Simulation) -> None:
    simulation.directory.fail("updated.example", 429, retry_after="60")
    ran = of("half-updated")
    assert ran.code == 1
    assert "Answer      no answer yet; the last inquiry failed (throttled): " in ran.out
    assert "Domain      forgotten.example\nAnswer      no answer yet\n" in ran.out


def test_a_refused_secret_is_a_reason_and_is_not_shown(of: Check, simulation: Simulation) -> None:
    simulation.directory.revoke()
    ran = of("promoted-early")
    assert (ran.code, ran.err) == (1, "")
    assert "the last inquiry failed (refused): " in ran.out
    assert Path(secret_file(simulation)).read_text() not in ran.out


def secret_file(simulation: Simulation) -> str:
    entra = simulation.targets[0].entra
    assert entra is not None
    assert entra.client_secret is not None
    assert entra.client_secret.file is not None
    return entra.client_secret.file


def test_a_certificate_is_printed_without_asking_anybody_else(of: Check, simulation: Simulation) -> None:
    simulation.take_down("stale-proxy", node="wap2")
    simulation.directory.revoke()
    ran = of("stale-proxy", "--print-certificate")
    assert (ran.code, ran.err) == (0, "")
    (line,) = ran.out.splitlines()
    assert base64.b64decode(line, validate=True)
