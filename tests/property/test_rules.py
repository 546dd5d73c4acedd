"""Whatever ``rules`` takes for a job or an address, Prometheus takes what it writes, and nothing else has changed."""

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter import rules
from exporter.config.document import Mistake
from exporter.rules import Form, checked_job, checked_page, checked_root

SHIPPED = yaml.load(rules.rules(Form.RULES), yaml.CSafeLoader)
EXPRESSIONS = rules.rules(Form.RULES).count("job=~")
ASCII = [chr(code) for code in range(0x20, 0x7F)]
ODD = [
    "(?:",
    "(?i)",
    "(?P<a>",
    "(?=a)",
    "(?<!b)",
    r"[\b]",
    "[^",
    "[[:alpha:]]",
    "{2}",
    "{2,}",
    "{,3}",
    "{40}",
    "{1,1001}",
    "{0}",
    "*?",
    "++",
    "\n",
    "é",
]
COMMON = ["a", "b", "-", ".", "*", "+", "?", "|", r"\.", r"\d", "(a|b)", "(?:a|", ")", "[ab]", "[^", "b]", "{2}"]
NAMES = [
    "a",
    "b",
    "ab",
    "aa",
    "a-b",
    "1",
    "a.b",
    "B",
    "fedmeta",
    "prod/fedmeta-1",
    "\\",
    "x y",
    "{}",
    "{,3}",
    "[a]",
    "*",
]
ADDRESS_PARTS = [*ASCII, "{{", "}}", "{{ . }}", "%7B%7B", ": ", " #", "/d/", "é", "\n", "\u2028"]

PIECES = [*ASCII, *("\\" + sign for sign in ASCII), *(2 * ODD), *(18 * COMMON)]

jobs = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
addresses = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTPS://", "file://", ""]),
    st.sampled_from(["wiki.example", "[::1]:80", "10.0.0.1:8080", "kim:pw@wiki.example"]),
    st.lists(st.sampled_from(ADDRESS_PARTS), max_size=6).map("".join),
)


def taken(check: Callable[[str], str], texts: Iterable[str]) -> list[str]:
    """What the check gives for those that it takes."""
    given = []
    for text in texts:
        try:
            given.append(check(text))
        except Mistake:
            continue
    return given


def promtool_accepts(promtool: str, command: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rules.yml")
        file.write_text(text, encoding="utf-8")
        done = subprocess.run([promtool, command, "rules", file], capture_output=True, text=True, check=False)  # noqa: S603 -- promtool, by its fixture
    assert done.returncode == 0, done.stdout + done.stderr


def replaced(groups: object, *pairs: tuple[str, str]) -> Any:  # noqa: ANN401 -- YAML
    """The groups with texts replaced in every text."""
    match groups:
        case dict():
            return {key: replaced(value, *pairs) for key, value in groups.items()}
        case list():
            return [replaced(each, *pairs) for each in groups]
        case str():
            for old, new in pairs:
                groups = groups.replace(old, new)
    return groups


@pytest.mark.filterwarnings("ignore:Possible (nested set|set):FutureWarning")
@pytest.mark.parametrize("seed", range(3))
def test_prometheus_reads_every_expression_that_is_taken_and_means_the_same_names(promtool: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 -- a test's, which a seed repeats
    drawn = {"".join(random.choices(PIECES, k=random.randint(1, 9))) for _ in range(3000)}
    accepted = taken(checked_job, sorted(drawn))
    assert 200 < len(accepted) < len(drawn)
    meant = []
    for job in accepted:
        names = [{"labels": label(name), "value": 1} for name in NAMES if re.fullmatch(job, name)]
        meant.append({"expr": selector(job), "eval_time": "0m", "exp_samples": names})
    series = [{"series": label(name), "values": "1"} for name in NAMES]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": meant}
    promtool_accepts(promtool, "test", json.dumps({"tests": [test]}))


def selector(job: str) -> str:
    return f"up{{job=~{json.dumps(job)}}}"


def label(job: str) -> str:
    return f"up{{job={json.dumps(job)}}}"


@settings(max_examples=40)
@given(st.lists(jobs, min_size=5), st.lists(addresses, min_size=5), st.lists(addresses, min_size=5))
def test_prometheus_takes_what_is_written_and_it_is_the_shipped_file_but_for_the_flags(
    promtool: str, drawn: Sequence[str], pages: Sequence[str], roots: Sequence[str]
) -> None:
    job = next(iter(taken(checked_job, drawn)), rules.JOB)
    page = next(iter(taken(checked_page, pages)), rules.RUNBOOKS)
    root = next(iter(taken(checked_root, roots)), "")
    written = rules.rules(Form.RULES, job=job, runbooks=page, grafana=root)
    assert written.count(selector(job)) == EXPRESSIONS
    promtool_accepts(promtool, "check", written)
    expected = replaced(
        SHIPPED,
        (f'"{rules.JOB}"', json.dumps(job)),
        (rules.RUNBOOKS, page),
        ("/d/fedmeta-", f"{root}/d/fedmeta-"),
    )
    assert yaml.load(written, yaml.CSafeLoader) == expected

    manifest = yaml.load(rules.rules(Form.PROMETHEUSRULE, job=job, runbooks=page, grafana=root), yaml.CSafeLoader)
    assert manifest == {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "fedmeta-exporter"},
        "spec": expected,
    }
    promtool_accepts(promtool, "check", json.dumps(manifest["spec"]))
