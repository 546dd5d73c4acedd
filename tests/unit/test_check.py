"""``check``: what is meant by its arguments, what it says in each form, and its exit codes, which are one table."""

import io
import os
import re
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from builders import DAY, NOW, beside, looking, probed, watched
from found import known
from hypothesis import given
from hypothesis import strategies as st
from scrapes import FARM, adfs_entity, after, aggregate, certificate, document, failed, good, idp, pair, signed_by

from exporter.advice import ADVICE, advice
from exporter.check import EXIT_CODES, FailOn, NotCheckedError, WrongFlagsError, targets, unknown
from exporter.config.settings import Look, Module, Target, Tls
from exporter.demo.scenarios import SCENARIOS
from exporter.findings import standing
from exporter.flags import parsed
from exporter.model import Certificate, Phase, Reason
from exporter.names import printable
from exporter.record import Record, bare
from exporter.report import LONGEST_LINE, coloured, report, reports, status_line
from exporter.rollover import Severity
from exporter.statement import statement

SIGNING, ENCRYPTION = pair("1", "2", not_before=NOW - 100 * DAY, not_after=NOW + 265 * DAY)
LOOK = good(document(adfs_entity(SIGNING, encryption=ENCRYPTION), signature=signed_by(SIGNING)), NOW)
STEADY = after(FARM, LOOK)
TROUBLE = replace(aggregate(), target=replace(aggregate().target, watch=("*",)))
LIMIT = Module().body_size_limit
CODES = re.compile(r"\x1b\[[0-9;]*m")
PERFORMANCE = re.compile(r"critical=\d+;;0;0 warning=\d+;0;;0 info=\d+;;;0 days_left=(-?\d+\.\d\d|U)")


def meant(
    *addresses: str, file: str | None = None, entity_id: str | None = None, ca_file: str | None = None
) -> list[Target]:
    with targets(addresses, file=file, entity_id=entity_id, ca_file=ca_file) as found:
        return list(found)


def refused(*addresses: str, file: str | None = None, entity_id: str | None = None, ca_file: str | None = None) -> str:
    with pytest.raises(NotCheckedError) as caught:
        meant(*addresses, file=file, entity_id=entity_id, ca_file=ca_file)
    return str(caught.value)


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: [{name: a, host: a.example}, {name: -x, host: x.example}, {name: c, host: c.example}]")
    return str(file)


# What is meant


def test_hosts_and_urls_are_looked_at_in_the_order_in_which_they_are_named_and_each_once() -> None:
    found = meant("b.example", "https://a.example/metadata", "b.example")
    assert [each.name for each in found] == ["b.example", "a.example"]
    assert found[1].url == "https://a.example/metadata"


def test_two_targets_of_one_name_are_two_and_each_is_called_as_it_was_typed() -> None:
    addresses = ("/a/metadata.xml", "b/metadata.xml", "https://fs.example/?key=hunter2", "fs.example", "c/other.xml")
    found = meant(*addresses)
    assert found[0].url == "file:///a/metadata.xml"
    assert [each.name for each in found] == [
        "/a/metadata.xml",
        "b/metadata.xml",
        f"https://fs.example/?key=*** {sha256(addresses[2].encode()).hexdigest()[:8]}",
        "fs.example",
        "other.xml",
    ]


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["/a/", "/b/", "c/"]), NAMES.map("{}.xml".format)), min_size=1, max_size=3))
def test_a_file_by_its_path_has_its_name_and_no_two_have_the_same(paths: list[tuple[str, str]]) -> None:
    addresses = list(dict.fromkeys(map("".join, paths)))
    found = [each.name for each in meant(*addresses)]
    names = [printable(address.rpartition("/")[2]) for address in addresses]
    assert found == [
        name if names.count(name) == 1 else address for name, address in zip(names, addresses, strict=True)
    ]


def test_a_file_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "document").touch()
    names = ("document", "not-there.xml", "NOT-THERE.XML", "folder/document", str(tmp_path / "a b"))
    assert [each.url for each in meant(*names)] == [
        (tmp_path / name).as_uri() for name in ("document", "not-there.xml", "NOT-THERE.XML", "folder/document", "a b")
    ]


def test_what_is_too_long_for_a_path_is_no_file() -> None:
    assert refused("a" * 300) == (
        "address 1: must name a host, of which no part between dots is longer than 63 characters"
    )


def test_all_wrong_addresses_are_told_at_once_by_their_numbers() -> None:
    assert refused("gopher://kim:hunter2@a.example/", "b.example", "c d") == (
        "address 1: must begin with https://, http:// or file:///, as in file:///srv/metadata.xml or"
        " file:///C:/fed/metadata.xml\naddress 3: must not contain white space or control characters"
    )


def test_a_document_on_standard_input_is_kept_while_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"<x/>")))
    with targets(["-"]) as found:
        (target,) = found
        file = Path(target.url.removeprefix("file://"))
        assert (target.name, file.read_bytes()) == ("stdin", b"<x/>")
    assert not file.exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), "stopped before the answer came"),
        (OSError(5, "Input/output error"), "standard input cannot be read, or not be kept: Input/output error"),
    ],
)
def test_standard_input_that_does_not_come_is_told(
    error: BaseException, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise error

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Failing()))
    assert refused("-") == told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "nothing came on standard input"),
        (b"x" * (LIMIT + 1), f"what comes on standard input is larger than {LIMIT} bytes"),
    ],
)
def test_standard_input_that_is_no_document_is_told_as_what_it_is(
    content: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert refused("-") == f"address 1: {told}"


def test_the_targets_of_a_configuration_are_named_or_all_meant(config: str) -> None:
    assert [each.name for each in meant("c", "-x", file=config)] == ["c", "-x"]
    with targets([], file=config, everything=True) as found:
        assert [each.name for each in found] == ["a", "-x", "c"]


def test_all_of_a_configuration_without_a_target_is_nothing_to_look_at(tmp_path: Path) -> None:
    file = tmp_path / "fedmeta.yml"
    file.touch()
    with ExitStack() as stack, pytest.raises(NotCheckedError, match="has no target"):
        stack.enter_context(targets([], file=str(file), everything=True))


@pytest.mark.parametrize(
    ("addresses", "file", "told"),
    [
        (["a.example"], None, "of a configuration file: give that as --config.file$"),
        ([], None, "of a configuration file: give that as --config.file$"),
        (["a", "b"], "fedmeta.yml", "of fedmeta.yml, so name none beside it: leave out a b, or --all$"),
    ],
)
def test_all_is_for_a_configuration_and_nothing_beside_it(addresses: list[str], file: str | None, told: str) -> None:
    with ExitStack() as stack, pytest.raises(WrongFlagsError, match=f"^--all means every target {told}"):
        stack.enter_context(targets(addresses, file=file, everything=True))


def test_who_names_nothing_is_told_what_can_be_named(config: str) -> None:
    assert refused().startswith("name what to look at")
    assert refused(file=config).startswith("name what to look at")


@pytest.mark.parametrize("name", ["17-ca.yml", "/etc/fedmeta.YAML"])
def test_a_configuration_file_without_its_flag_is_told_with_it(name: str) -> None:
    assert refused("a.example", name) == f"{name} is the name of a configuration file: give it as --config.file={name}"
    assert meant(f"https://a.example{Path('/', name)}")


def test_a_folder_is_told_and_not_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("metadata", "sts.example"):
        (tmp_path / name).mkdir()
    for each in ("metadata", "metadata/", "./sts.example", str(tmp_path), ".", ".."):
        assert refused("a.example", each) == f"{each} is a folder: name the file in it that is meant"
    assert meant("sts.example")[0].url.startswith("https://sts.example/")


def test_an_entity_is_one_of_one_target(config: str) -> None:
    (target,) = meant("a.example", entity_id="urn:a")
    assert target.entity_id == "urn:a"
    assert meant("a", file=config, entity_id="urn:a")[0].entity_id == "urn:a"
    assert "several are named" in refused("a.example", "b.example", entity_id="urn:a")


def test_authorities_are_for_addresses_and_must_be_there(config: str, tmp_path: Path) -> None:
    (target,) = meant("a.example", ca_file=config)
    assert target.look.module.tls == Tls(ca_file=config)
    assert "the modules of --config.file have tls_config.ca_file" in refused("a", file=config, ca_file=config)
    absent = str(tmp_path / "absent.pem")
    assert refused("a.example", ca_file=absent) == f"--ca-file: {absent} cannot be read: No such file or directory"
    os.mkfifo(pipe := str(tmp_path / "pipe"))
    assert refused("a.example", ca_file=pipe) == f"--ca-file: {pipe} cannot be read: it is a pipe"


# What is said


def test_there_is_advice_for_every_reason() -> None:
    assert ADVICE.keys() == set(Reason)


@pytest.mark.parametrize(
    "named", sorted(set(re.findall(r"--[a-z][a-z.-]*[a-z](?:=[a-z]+)?", " ".join(ADVICE.values()))))
)
def test_every_flag_that_advice_names_is_there(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("serve", "check"):
        with pytest.raises(SystemExit):
            parsed([command, "--help"])
    helps = capsys.readouterr().out
    flag, _, value = named.partition("=")
    said = re.search(rf"  {re.escape(flag)} (?:\{{(.+)\}}|[A-Z]+)?", helps)
    assert said is not None
    assert not value or value in said[1].split(",")


def test_every_key_that_advice_names_is_one_of_the_configuration() -> None:
    keys = {each for text in ADVICE.values() for each in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b(?! -)", text)}
    assert {"proxy_url", "body_size_limit", "server_name", "ca_file", "entity_id"} <= keys
    reference = Path(__file__).parents[2].joinpath("docs", "configuration.md").read_text(encoding="utf-8")
    assert keys <= set(re.findall(r"[a-z_]+", reference))


def test_every_cmdlet_that_advice_names_is_in_the_runbooks_with_its_parameters() -> None:
    known = Path(__file__).parents[2].joinpath("docs", "runbooks.md").read_text(encoding="utf-8")
    cmdlets = {each for text in ADVICE.values() for each in re.findall(r"\b[A-Z][a-z]+-[A-Z]\w+(?: -[A-Z]\w+)?", text)}
    assert cmdlets
    for each in cmdlets:
        assert each in known, each


@pytest.mark.parametrize(
    "reason",
    [
        Reason.FILE,
        Reason.TOO_LARGE,
        Reason.HTML,
        Reason.DOCTYPE,
        Reason.NOT_XML,
        Reason.NOT_METADATA,
        Reason.NO_ENTITY,
        Reason.ENTITY_MISMATCH,
        Reason.SIGNER_MISMATCH,
    ],
)
def test_what_can_be_so_of_a_local_file_is_advised_without_a_word_of_its_url(reason: Reason) -> None:
    file = looking(FARM, url="file:///tmp/metadata.xml")
    text = " ".join(report(standing(after(file, failed(reason, NOW, phases={})), NOW), NOW).split())
    assert "URL" not in text.partition("To do")[2]


@pytest.mark.parametrize("reason", [Reason.TLS_UNTRUSTED, Reason.CREDENTIALS])
def test_what_a_useless_ca_file_brings_about_is_advised_by_the_name_of_its_flag(reason: Reason) -> None:
    assert "--ca-file" in ADVICE[reason]


@pytest.mark.parametrize("reason", Reason)
def test_a_document_that_cannot_be_read_comes_with_advice(reason: Reason) -> None:
    text = " ".join(report(standing(after(FARM, failed(reason, NOW, phases={})), NOW), NOW).split())
    assert text.endswith(f"Try {reason}: {ADVICE[reason]}")


@pytest.mark.parametrize("phase", Phase)
def test_where_the_time_ran_out_says_what_to_try(phase: Phase) -> None:
    told = advice(replace(failed(Reason.TIMEOUT, NOW, phases={}), detail=f"no answer within 10 s{phase.stuck}"))
    assert (told == ADVICE[Reason.TIMEOUT]) is (phase is Phase.CONNECT)
    assert ("firewall" in told) is (phase is Phase.CONNECT)


def test_of_what_succeeded_there_is_no_advice() -> None:
    assert advice(LOOK) == ""


@pytest.mark.parametrize("url", ["file:///tmp/metadata.xml", "standard input"])
def test_nobody_else_reads_a_file_of_ones_own(url: str) -> None:
    record = after(looking(FARM, url=url), failed(Reason.NOT_XML, NOW, phases={}))
    text = report(standing(record, NOW, remembers=False), NOW)
    assert "Name the file that holds the metadata" in text
    assert "partners" not in text


def test_of_looks_that_fail_alike_the_advice_stands_once() -> None:
    places = [replace(FARM.look, node=node, address=node) for node in ("wap1", "wap2")]
    record = beside(after(FARM, failed(Reason.DNS, NOW, phases={})), *places)
    for place, reason in zip(places, (Reason.DNS, Reason.REFUSED), strict=True):
        record = probed(record, failed(reason, NOW, phases={}), look=place)
    assert re.findall(r"^Try +(\w+):", report(standing(record, NOW), NOW), re.MULTILINE) == ["dns", "refused"]


def test_several_targets_have_a_report_each_and_are_counted() -> None:
    found = [standing(each, NOW) for each in (TROUBLE, STEADY, bare(FARM))]
    text = reports(found, NOW)
    assert all(report(each, NOW) in text for each in found)
    assert text.endswith("\n\nChecked     3 targets: 1 critical, 1 ok, 1 unknown")


def test_colours_are_on_severities_and_change_no_word() -> None:
    for record in (TROUBLE, STEADY, *(known(each, NOW) for each in SCENARIOS)):
        there = standing(record, NOW)
        text = report(there, NOW)
        painted = coloured(text)
        assert CODES.sub("", painted) == text
        assert len(CODES.findall(painted)) == 2 * (len(there.findings) + bool(there.findings))


def test_no_word_that_others_chose_is_painted() -> None:
    hostile = "https://idp.example/\nCritical    (critical)"
    record = after(watched("idp", "https://idp.example/"), good(document(idp(SIGNING, entity_id=hostile)), NOW))
    assert "(critical)" in report(standing(record, NOW), NOW)
    assert coloured(report(standing(record, NOW), NOW)).count("\x1b[1;31m") == 0


UNJUDGED = after(FARM, good(document(replace(idp(SIGNING), roles=())), NOW))
UNREAD = after(FARM, failed(Reason.DNS, NOW, phases={}))
OTHER = after(
    replace(FARM, entity_id="urn:other"),
    good(document(idp(SIGNING), idp(SIGNING, entity_id="urn:b"), aggregate=True), NOW),
)
WARNED = after(FARM, replace(LOOK, tls_not_after=NOW + DAY))


@pytest.mark.parametrize("fail_on", FailOn)
@pytest.mark.parametrize("nagios", [False, True])
@pytest.mark.parametrize("beside", [(), (STEADY,), (WARNED,)])
@pytest.mark.parametrize("record", [UNJUDGED, UNREAD, OTHER, bare(FARM)])
def test_where_nothing_is_known_of_a_target_the_exit_code_is_never_0(
    record: Record, beside: tuple[Record, ...], fail_on: FailOn, *, nagios: bool
) -> None:
    codes = EXIT_CODES[nagios, fail_on]
    found = [standing(each, NOW, remembers=False) for each in (*beside, record)]
    by_findings = codes.found[max(each.severity for each in found)]

    assert codes.of(found) == (by_findings or 3)
    assert codes.of(found[:-1] or [standing(STEADY, NOW)]) != 3


def test_a_status_line_that_says_unknown_is_about_whom_nothing_is_known_of() -> None:
    there = [
        standing(replace(each, target=replace(FARM, name=name)), NOW, remembers=False)
        for each, name in ((WARNED, "a"), (UNREAD, "b"))
    ]
    assert status_line(there, "UNKNOWN", NOW).startswith(
        "FEDMETA UNKNOWN - 2 targets: 2 warning; b: Unreadable (warning): "
    )
    assert status_line(there, "WARNING", NOW).startswith("FEDMETA WARNING - 2 targets: 2 warning; a: ")


def data(line: str) -> dict[str, tuple[float, str, str]]:
    """Performance data as a monitoring system reads it: value, warning and critical range by label."""
    assert "\n" not in line
    (_, performance) = line.split("|")
    assert PERFORMANCE.fullmatch(performance.strip())
    fields = (each.split("=") for each in performance.split())
    values = ((label, (*rest.split(";"), "", "")) for label, rest in fields)
    return {label: (float("nan") if each[0] == "U" else float(each[0]), each[1], each[2]) for label, each in values}


def alerts(value: float, most: str) -> bool:
    """Whether a value is outside of a range from 0 to this (Monitoring Plugins Guidelines, "Threshold and Ranges")."""
    return bool(most) and not 0 <= value <= float(most)


@pytest.mark.parametrize("record", [aggregate(), TROUBLE, STEADY, *(known(each, NOW) for each in SCENARIOS)])
def test_the_performance_data_say_what_the_findings_say(record: Record) -> None:
    there = standing(record, NOW, remembers=False)
    found = data(status_line([there], "OK", NOW))
    for severity in (Severity.CRITICAL, Severity.WARNING, Severity.INFO):
        assert found[severity.name.lower()][0] == sum(each.severity is severity for each in there.findings)
    critical = any(alerts(value, most) for value, _, most in found.values())
    warning = any(alerts(value, most) for value, most, _ in found.values())
    assert critical is (there.severity is Severity.CRITICAL)
    assert (critical or warning) is (there.severity >= Severity.WARNING)


def test_a_status_line_names_the_worst_target_and_counts_all() -> None:
    line = status_line([standing(each, NOW) for each in (TROUBLE, STEADY)], "CRITICAL", NOW)
    assert line.startswith("FEDMETA CRITICAL - 2 targets: 1 critical, 1 ok; ")
    alone = status_line([standing(STEADY, NOW)], "OK", NOW)
    assert alone.startswith("FEDMETA OK - fs.example: Steady: Nothing to do: ")
    assert alone.endswith("days_left=265.00")
    assert status_line([standing(bare(FARM), NOW)], "OK", NOW).endswith("days_left=U")


@pytest.mark.parametrize("signing", [SIGNING, certificate("9", not_after=NOW + 2 * DAY)])
def test_one_look_that_gets_different_answers_says_so_in_every_form(signing: Certificate) -> None:
    node = replace(FARM.look, node="wap1", address="wap1")
    got = good(document(adfs_entity(signing, encryption=ENCRYPTION), signature=signed_by(signing)), NOW)
    lags = certificate("7")
    other = good(document(adfs_entity(lags, encryption=ENCRYPTION), signature=signed_by(lags)), NOW)
    found = standing(probed(beside(after(FARM, got), node), other, look=node), NOW, remembers=False)
    assert "Places differ now" in status_line([found], "OK", NOW)
    assert "\nDiffering   now: not all looks got the same keys and signer" in report(found, NOW)
    said = statement(found, NOW)
    assert (said["differing"], said["differing_since"]) == (True, None)
    assert "since" not in status_line([found], "OK", NOW)


def test_the_days_left_are_those_of_the_first_end_of_all_targets_and_of_the_entities_that_are_watched() -> None:
    sooner, latest = (certificate(digit, not_after=NOW + days * DAY) for digit, days in (("3", 200), ("4", 300)))
    several = document(
        idp(SIGNING, entity_id="urn:a"), idp(sooner, entity_id="urn:b"), idp(latest, entity_id="urn:c"), aggregate=True
    )

    def left(*watch: str) -> float:
        there = standing(after(replace(FARM, watch=watch), good(several, NOW)), NOW)
        beside = standing(after(FARM, good(document(idp(latest)), NOW)), NOW)
        (found,) = {data(status_line(each, "OK", NOW))["days_left"][0] for each in ([there, beside], [beside, there])}
        return found

    assert (left(), left("urn:a"), left("urn:a", "urn:c"), left("urn:*")) == (300, 265, 265, 200)


@given(st.text())
def test_whatever_a_target_is_called_the_status_is_one_line_with_one_beginning_of_the_data(name: str) -> None:
    target = Target(name, (Look("https://a.example/"),))
    line = status_line(
        [standing(after(target, replace(failed(Reason.DNS, NOW, phases={}), detail=name)), NOW)], "WARNING", NOW
    )
    assert line.isprintable()
    assert data(line)["warning"][0] == 1
    assert len(line) < LONGEST_LINE + 100
    assert unknown(name).isprintable()
    assert "|" not in unknown(name)
