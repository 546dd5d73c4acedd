"""Flags and routes: what the documents say and what the program has are the same, both ways."""

import argparse
import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from exporter.check import EXIT_CODES, FailOn, exit_codes
from exporter.config.settings import Config
from exporter.flags import COMMANDS, command_line
from exporter.rollover import Severity
from exporter.server import Options, application
from exporter.state import open_state

CHECKOUT = Path(__file__).parents[2]
CODE = re.compile(r"^`([^`]*)`$")

COMPUTED = {("--storage.path", "serve"): "$XDG_STATE_HOME/fedmeta-exporter/state.sqlite"}
"""Defaults that depend on the environment: the parser does not know them."""


def table(document: str, heading: str) -> Iterator[Mapping[str, str]]:
    """The rows of the first table under a heading, by column; a cell that is all code without its backquotes."""
    text = (CHECKOUT / document).read_text("utf-8")
    (section,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in section.splitlines() if line.startswith("|")]
    columns, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    for row in rows:
        yield dict(zip(columns, (CODE.sub(r"\1", cell) for cell in row), strict=True))


def actions() -> Iterator[tuple[str, argparse.Action]]:
    """Every flag but those for help, each with the command it belongs to."""
    parser, commands = command_line()
    for command, each in {"": parser, **commands}.items():
        for action in each._actions:  # noqa: SLF001 -- argparse has no other way to list them
            if action.option_strings and "--help" not in action.option_strings:
                yield command, action


def options() -> Iterator[tuple[tuple[str, str], str]]:
    """Every flag with the command it belongs to, and its default as a person writes it."""
    for command, action in actions():
        (flag,) = action.option_strings
        default = action.default if action.default not in {None, False, argparse.SUPPRESS} else ""
        yield (flag, command), COMPUTED.get((flag, command), str(default))


def documented_flags() -> Iterator[tuple[tuple[str, str], str]]:
    for row in table("docs/configuration.md", "Flags"):
        for command in row["Command"].split(", "):
            yield (row["Flag"], command), row["Default"]


def test_every_flag_is_documented_with_its_commands_and_default_and_no_other() -> None:
    assert len(dict(documented_flags())) == len(list(documented_flags())), "each once"
    assert dict(documented_flags()) == dict(options())


def test_a_flag_with_a_closed_list_of_values_has_them_in_the_document() -> None:
    meanings = {
        (row["Flag"], command): row["Meaning"]
        for row in table("docs/configuration.md", "Flags")
        for command in row["Command"].split(", ")
    }
    for command, action in actions():
        if action.choices:
            words = re.findall("`([a-z0-9][a-z0-9-]*)`", meanings[action.option_strings[0], command])
            assert set(words) == set(action.choices)


OUTCOMES = {Severity.OK: 0, Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
"""The row of the table of exit codes that is about a severity of the worst finding."""


def test_the_exit_codes_of_check_are_those_of_the_table_in_the_document_and_in_its_help() -> None:
    rows = [list(row.values()) for row in table("docs/configuration.md", "Check")]
    assert [outcome for outcome, *_ in rows] == [
        "nothing, or info",
        "warning",
        "critical",
        "unknown, in place of 0",
        "nothing was looked at",
        "wrong flags",
    ]
    for column, flags in enumerate(itertools.product((False, True), FailOn), 1):
        codes = EXIT_CODES[flags]
        assert codes.found == {severity: int(rows[row][column]) for severity, row in OUTCOMES.items()}
        assert [codes.not_checked, codes.not_checked, codes.wrong_flags] == [int(row[column]) for row in rows[3:]]
    assert [re.split(" {2,}", line.strip()) for line in exit_codes().splitlines()[1:-2]] == rows


def test_every_command_comes_first_and_is_in_readme() -> None:
    assert list(command_line()[1]) == list(COMMANDS)
    assert [row["Command"] for row in table("README.md", "Commands")] == list(COMMANDS)


@pytest.fixture
def routes() -> Mapping[str, set[str]]:
    """The methods of every route."""
    now = partial(datetime.now, UTC)
    app = application(Options(Config()), state=open_state(None, now), clock=now)
    return {resource.canonical: {route.method for route in resource} for resource in app.router.resources()}


def test_every_route_is_documented_and_no_other(routes: Mapping[str, set[str]]) -> None:
    documented = [row["Route"] for row in table("README.md", "Routes")]
    assert sorted(documented) == sorted(routes)


def test_a_route_that_is_not_there_to_get_says_which_methods_it_takes(routes: Mapping[str, set[str]]) -> None:
    for row in table("README.md", "Routes"):
        named = set(re.findall(r"\b(?:GET|POST|PUT|DELETE|PATCH)\b", row["Answers"])) or {"GET", "HEAD"}
        assert routes[row["Route"]] == named, row["Route"]
