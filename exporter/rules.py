"""The alert rules that come along, with the names and addresses of where they are loaded.

They are text from end to end, so that their comments stay.
"""

import math
import re
import warnings
from enum import StrEnum
from functools import cache
from importlib.resources import files
from textwrap import indent

from exporter.config.document import Mistake
from exporter.config.fields import checked_service_url

JOB = ".*fedmeta.*"
"""What the rules know a job by of which no exporter ever answered."""

RUNBOOKS = "https://github.com/fedmeta-exporter/fedmeta-exporter/blob/main/docs/runbooks.md"
"""The page whose sections the rules link to."""

_QUOTES = frozenset("\"'`")
_LARGEST = 1000
"""Of a count in an expression; RE2 multiplies those of groups in each other."""

_COUNT = re.compile(r"\{(\d{1,4})(?:,(\d{0,4}))?\}")
_ESCAPE = r"\\[dDsSwW!-/:-@\[-`{-~ ]"
_PLAIN = re.compile(
    rf"""(?:
        {_ESCAPE}
        | \[ \^? \]? (?: {_ESCAPE} | \[(?!:) | [^\\\[\]] )* \]
        | \( (?: \?: | \?i\) | (?!\?) )
        | (?: [*+?] | {_COUNT.pattern} ) (?!\+)
        | (?! \{{ (?: \d+ | \d*,\d* ) \}} ) [^\\\[(*+?]
    )*""",
    re.VERBOSE,
)
"""What Python and RE2 read alike."""

# RFC 3986 2 without #. It has no braces, which begin a template in an annotation.
_ADDRESS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*")


class Form(StrEnum):
    """What the rules are loaded by."""

    RULES = "rules"
    """Prometheus: a file under ``rule_files``."""
    PROMETHEUSRULE = "prometheusrule"
    """The Prometheus operator: a manifest for Kubernetes (``monitoring.coreos.com/v1``)."""


def rules(form: Form, *, job: str = JOB, runbooks: str = RUNBOOKS, grafana: str = "") -> str:
    """The rules as YAML; with nothing else given, Prometheus's form is the shipped file to the byte.

    Job and addresses are what :func:`checked_job`, :func:`checked_page` and :func:`checked_root` give. Without an
    address of Grafana the links to it begin with ``/d/``.
    """
    text = _shipped()
    # The job last: neither address can hold quotes, but the job's expression may hold what the others look for.
    text = text.replace(f"runbook_url: {RUNBOOKS}#", f"runbook_url: {runbooks}#")
    text = text.replace('dashboard_url: "/d/', f'dashboard_url: "{grafana}/d/')
    escaped = job.replace("\\", "\\\\")
    text = text.replace(f'job=~"{JOB}"', f'job=~"{escaped}"')
    return _manifest(text) if form is Form.PROMETHEUSRULE else text


@cache
def runbook(finding: str) -> str:
    """The section of the runbooks about a kind of finding; empty where no alert is about it."""
    section = f"fedmeta{finding.replace('_', '')}"
    return section if f"runbook_url: {RUNBOOKS}#{section}\n" in _shipped() else ""


@cache
def _shipped() -> str:
    return (files("exporter") / "fedmeta.rules.yml").read_text("utf-8")


def checked_job(expression: str) -> str:
    """The expression itself when RE2, which Prometheus reads it with, takes it.

    Python has no RE2. So the expression must be one for both: some that RE2 takes are refused, and none passes that it
    does not take (https://github.com/google/re2/wiki/Syntax). Raises :class:`Mistake`.
    """
    if not expression:
        raise Mistake("must not be empty")
    if not (expression.isascii() and expression.isprintable()) or not _QUOTES.isdisjoint(expression):
        raise Mistake("must be one line of ASCII without quotes; a dot stands for any character")
    counts = (max(int(least), int(most or 0), 1) for least, most in _COUNT.findall(expression))
    if not _PLAIN.fullmatch(expression) or math.prod(counts) > _LARGEST:
        raise Mistake(
            "must be a plain regular expression: groups ( ) and (?: ), classes [ ], * + ? and {n,m}, counts multiplied"
            r" at most 1000, (?i) at the start, and after a \ a sign or one of dDsSwW"
        )
    try:
        with warnings.catch_warnings():
            # Of sets within sets, which Python may have one day.
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(expression)
    except re.error as error:
        raise Mistake(f"must be a regular expression: {error}") from None
    except RecursionError:
        raise Mistake("must be a regular expression with fewer groups in each other") from None
    return expression


def checked_page(url: str) -> str:
    """The address itself when it can be that of the page that has the runbooks. Raises :class:`Mistake`."""
    if "#" in url:
        raise Mistake("must have no #: the name of the alert is put behind it")
    return _checked_address(url)


def checked_root(url: str) -> str:
    """The address of Grafana, without a slash at its end. Raises :class:`Mistake`."""
    if not {"#", "?"}.isdisjoint(url):
        raise Mistake("must have neither ? nor #: the path of a dashboard is put behind it")
    return _checked_address(url).rstrip("/")


def _checked_address(url: str) -> str:
    checked_service_url(url)
    if not _ADDRESS.fullmatch(url):
        raise Mistake("must hold only what an address may hold as it is; all else is written as %XX, or a host as xn--")
    return url


def _manifest(text: str) -> str:
    """The rules as a PrometheusRule. Labels that an operator selects by are added by who knows them."""
    comment, _, groups = text.partition("\ngroups:\n")
    return (
        f"{comment}\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: fedmeta-exporter\n"
        f"spec:\n  groups:\n{indent(groups, '  ')}"
    )
