"""``completion`` as a shell meets it: what bash offers for the beginning of a command, and all flags for the others."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from shlex import join

import pytest

from exporter.cli import main
from exporter.flags import COMMANDS, SHELLS, command_line

PATIENCE = 30


@cache
def printed(shell: str) -> str:
    command = [sys.executable, "-m", "exporter", "completion", shell]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)  # noqa: S603 -- ours
    assert ran.stderr == ""
    return ran.stdout


def offered(*words: str, folder: Path) -> set[str]:
    """What bash offers for the last of these words."""
    line = f"COMP_WORDS=(fedmeta-exporter {join(words)}); COMP_CWORD={len(words)}"
    script = f"{printed('bash')}\n{line}\n$(complete -p fedmeta-exporter | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
    script += "printf '%s\\n' \"${COMPREPLY[@]}\""
    ran = subprocess.run(  # noqa: S603 -- bash, with what we printed
        ["/bin/bash", "--norc", "-c", script], cwd=folder, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert ran.stderr == ""
    return {word.strip() for word in ran.stdout.split("\n")} - {""}


def test_bash_offers_commands_flags_words_and_files(tmp_path: Path) -> None:
    (tmp_path / "fedmeta.yml").touch()
    assert offered("", folder=tmp_path) >= {*COMMANDS}
    assert offered("ch", folder=tmp_path) == {"check"}
    assert offered("check", "--n", folder=tmp_path) == {"--nagios"}
    assert offered("check", "--fail-on", "", folder=tmp_path) >= {"warning", "critical"}
    assert offered("check", "--config.file", "fed", folder=tmp_path) == {"fedmeta.yml"}
    assert offered("completion", "z", folder=tmp_path) == {"zsh"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_flag_is_in_the_script_of_every_shell(shell: str) -> None:
    script = printed(shell)
    flags = {flag.lstrip("-") for flag in re.findall(r"--[a-z][a-z.-]*[a-z]", every_help())}
    assert {name for name in (*COMMANDS, *flags) if name not in script} == set()


def every_help() -> str:
    parser, commands = command_line()
    return "".join(each.format_usage() for each in (parser, *commands.values()))


def test_a_shell_that_is_not_known_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err
