"""What ``rules`` writes for which flags, and which it refuses."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import rules
from exporter.cli import main

SHIPPED = (Path(__file__).parents[2] / "alerts" / "fedmeta.rules.yml").read_text(encoding="utf-8")
MANIFEST = """
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: fedmeta-exporter
spec:
  groups:
"""

pytestmark = pytest.mark.usefixtures("root_logger")

Written = Callable[..., str]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Written:
    """What ``rules`` writes with these flags."""

    def written(*flags: str) -> str:
        code = main(["rules", *flags])
        printed = capsys.readouterr()
        assert (code, printed.err) == (0, "")
        return printed.out

    return written


def test_without_flags_it_writes_the_shipped_file_to_the_byte(written: Written) -> None:
    assert written().encode() == SHIPPED.encode()
    assert SHIPPED.endswith("\n")


def test_the_shipped_file_has_one_way_to_write_each_place_that_a_flag_changes() -> None:
    # Whatever is written in another way would stay as it is when a flag is given.
    assert SHIPPED.count("fedmeta.*") == SHIPPED.count(f'job=~"{rules.JOB}"') > 1
    assert SHIPPED.count("://") == SHIPPED.count("_url: ") / 2 == SHIPPED.count(f"runbook_url: {rules.RUNBOOKS}#") > 50
    assert SHIPPED.count("dashboard_url") == SHIPPED.count("/d/") == SHIPPED.count('dashboard_url: "/d/')
    assert SHIPPED.isascii(), "every terminal and every pipe takes it"


def test_every_job_that_never_answered_is_known_by_the_expression_of_the_flag(written: Written) -> None:
    assert written(r"--job=adfs-(a|b)\.x") == SHIPPED.replace(f'"{rules.JOB}"', r'"adfs-(a|b)\\.x"')


@pytest.mark.parametrize(
    "page", ["https://wiki.example/fedmeta/runbooks", "http://10.0.0.1:8080/?page=7", "https://w/"]
)
def test_every_runbook_is_a_section_of_the_page_of_the_flag(page: str, written: Written) -> None:
    assert written(f"--runbook-base={page}") == SHIPPED.replace(rules.RUNBOOKS, page)


@pytest.mark.parametrize("end", ["", "/", "//"])
@pytest.mark.parametrize("root", ["https://grafana.example", "http://[::1]:3000", "https://example.org/tools/grafana"])
def test_every_dashboard_is_below_the_grafana_of_the_flag(root: str, end: str, written: Written) -> None:
    assert written(f"--grafana-base={root}{end}") == SHIPPED.replace('"/d/', f'"{root}/d/')


def test_a_manifest_holds_the_same_lines_further_in(written: Written) -> None:
    head, body = written("--format=prometheusrule").split(MANIFEST)
    shipped_head, shipped_body = SHIPPED.split("\ngroups:\n")
    assert head == shipped_head
    assert re.sub(r"^  ", "", body, flags=re.MULTILINE) == shipped_body


def test_flags_hold_for_a_manifest_too(written: Written) -> None:
    flags = ("--job=adfs", "--runbook-base=https://w/r", "--grafana-base=https://g")
    head, body = written("--format=prometheusrule", *flags).split(MANIFEST)
    assert f"{head}\ngroups:\n{re.sub(r'^  ', '', body, flags=re.MULTILINE)}" == written(*flags)


def test_an_expression_that_reads_like_another_place_is_not_taken_for_it(written: Written) -> None:
    job = f"runbook_url: {rules.RUNBOOKS}#"
    out = written(f"--job={job}", "--runbook-base=https://w/r")
    assert out.count(f'job=~"{job}"') == SHIPPED.count(rules.JOB)


SIGNS = "must be one line of ASCII without quotes; a dot stands for any character"
PLAIN = "must be a plain regular expression: groups"
BROKEN = "must be a regular expression: "


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ("", "must not be empty"),
        ('a"b', SIGNS),
        ("a'b", SIGNS),
        ("a`b", SIGNS),
        ("a\nb", SIGNS),
        ("a\rb", SIGNS),
        ("a\tb", SIGNS),
        ("föderation", SIGNS),
        ("a\u2028b", SIGNS),
        ("a\udcffb", SIGNS),
        ("(fedmeta", BROKEN),
        ("fedmeta)", BROKEN),
        ("*", BROKEN),
        ("a**", BROKEN),
        ("a{2}{3}", BROKEN),
        ("a{3,2}", BROKEN),
        ("[z-a]", BROKEN),
        ("[]", BROKEN),
        ("a(?i)", BROKEN),
        ("[a", PLAIN),
        ("a\\", PLAIN),
        (r"\bfedmeta", PLAIN),
        (r"fedmeta\Z", PLAIN),
        (r"\pL", PLAIN),
        (r"(a)\1", PLAIN),
        ("(?=a)", PLAIN),
        ("(?<!a)b", PLAIN),
        ("(?>a)", PLAIN),
        ("(?P<a>b)", PLAIN),
        ("a*+", PLAIN),
        ("a{2}+", PLAIN),
        ("[[:alpha:]]", PLAIN),
        ("[a[:b:]]", PLAIN),
        ("a{,5}", PLAIN),
        ("a{1001}", PLAIN),
        ("a{1,1001}", PLAIN),
        ("((a{40}){40})", PLAIN),
        ("a{" + "9" * 5000 + "}", PLAIN),
        ("(" * 2000 + ")" * 2000, "must be a regular expression with fewer groups in each other"),
    ],
)
def test_an_expression_that_prometheus_may_refuse_is_refused(
    job: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(f"--job={job}", capsys).startswith(f"argument --job: {why}")


@pytest.mark.parametrize(
    "job",
    [
        rules.JOB,
        "fedmeta",
        "prod/fedmeta.*|adfs-exporter",
        "^fedmeta-(?:a|b)$",
        "(?i)fedmeta-[0-9]{2,3}",
        r"a\.b\-c\_d\ e\/f",
        r"[\d\]a-][^]\\]",
        "[[a][a[b]",
        "[a||b&&c]",
        "a{2}?b{c{x}d{0}e{10,}",
        "((a{10}){10}){10}",
        "a b: c # d",
        "{{ $labels }}",
    ],
)
def test_an_expression_that_prometheus_reads_alike_is_taken(job: str, written: Written) -> None:
    assert written(f"--job={job}").count('job=~"' + job.replace("\\", "\\\\") + '"') == SHIPPED.count(rules.JOB)


CREDENTIALS = "must not hold a user name or a password"
ADDRESS = "must hold only what an address may hold as it is"
BEHIND = {"--runbook-base": "must have no #", "--grafana-base": "must have neither ? nor #"}


@pytest.mark.parametrize("flag", BEHIND)
@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with http:// or https://"),
        ("wiki.example/runbooks", "must begin with http:// or https://"),
        ("/runbooks", "must begin with http:// or https://"),
        ("ftp://wiki.example/", "must begin with http:// or https://"),
        ("javascript:alert(1)", "must begin with http:// or https://"),
        ("https:///runbooks", "must name a host"),
        ("https://wiki.example:0/", "must have a port from 1 to 65535"),
        ("https://kim:secret@wiki.example/", CREDENTIALS),
        ("https://secret@wiki.example/", CREDENTIALS),
        ("https://wiki.example/a b", "must not contain white space"),
        ("https://wiki.example/a\nb", "must not contain white space"),
        ("https://wiki.example/{{ $externalURL }}", "must not contain white space"),
        ("https://wiki.example/{{$externalURL}}", ADDRESS),
        ('https://wiki.example/"', ADDRESS),
        ("https://wiki.example/\\", ADDRESS),
        ("https://wiki.example/föderation", ADDRESS),
        ("https://bücher.example/", ADDRESS),
    ],
)
def test_what_is_no_address_to_link_to_is_refused_and_not_repeated(
    flag: str, url: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(f"{flag}={url}", capsys)
    assert said.startswith(f"argument {flag}: {why}")
    assert "secret" not in said


@pytest.mark.parametrize(
    ("flag", "url"), [(flag, f"https://w/{end}") for flag in BEHIND for end in ("#", "#a", "?a#b")]
)
def test_an_address_that_leaves_no_room_for_what_comes_behind_it_is_refused(
    flag: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(f"{flag}={url}", capsys).startswith(f"argument {flag}: {BEHIND[flag]}")


def test_grafana_is_no_query(capsys: pytest.CaptureFixture[str]) -> None:
    assert BEHIND["--grafana-base"] in refusal("--grafana-base=https://g/?orgId=1", capsys)


@pytest.mark.parametrize("flag", ["--format=json", "--config.file=fedmeta.yml", "sts.contoso.com"])
def test_what_it_has_no_use_for_is_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert flag.partition("=")[0] in refusal(flag, capsys)


def refusal(flag: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence that keeps ``rules`` from writing anything."""
    code = main(["rules", flag])
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    last = printed.err.splitlines()[-1]
    _, _, said = last.partition("error: ")
    return said
