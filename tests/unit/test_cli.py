"""Flags and paths: what a command line means, before anything runs."""

import asyncio
import gc
import logging
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from builders import NOW
from waiting import until

from exporter import __version__, hangup
from exporter.cli import (
    _run,
    _until_done,
    _url_of,
    default_storage,
    main,
)
from exporter.config.reader import load
from exporter.fetch import BUDGET
from exporter.flags import COMMANDS, Listen, command_line, parsed, route_prefix
from exporter.refused import RefusedError
from exporter.reload import Configuration
from exporter.server import Options
from exporter.state import Saved, State


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        (":10059", (None, 10059)),
        (":0", (None, 0)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:0", ("::1", 0)),
        ("[::]:10059", ("::", 10059)),
        ("fs.example:80", ("fs.example", 80)),
    ],
)
def test_an_address_to_listen_on_is_a_host_or_none_and_a_port(text: str, listen: Listen) -> None:
    assert parsed(["serve", f"--web.listen-address={text}"]).listen == (listen,)


def test_every_address_to_listen_on_that_is_given_is_meant() -> None:
    given = parsed(["serve", "--web.listen-address=127.0.0.1:1", "--web.listen-address=[::1]:2"])
    assert given.listen == (("127.0.0.1", 1), ("::1", 2))


@pytest.mark.parametrize(
    "text", ["", ":", "10059", "localhost", "localhost:", ":http", ":-1", ":65536", ":1.5", ": 80"]
)
def test_what_is_no_address_to_listen_on_is_said_to_be_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--web.listen-address={text}", "fs.example"]) == 2
    assert f"{text!r} is not [HOST]:PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (("127.0.0.1", 10059), "http://127.0.0.1:10059"),
        (("0.0.0.0", 10059), "http://localhost:10059"),  # noqa: S104 -- no socket is bound
        (("::", 10059), "http://localhost:10059"),
        (("::1", 10059), "http://[::1]:10059"),
    ],
)
def test_the_address_that_is_shown_is_one_that_a_person_can_open(address: tuple[str, int], url: str) -> None:
    assert _url_of(address) == url


@pytest.mark.parametrize(
    ("flags", "prefix"),
    [
        ([], ""),
        (["--web.external-url=https://m.example"], ""),
        (["--web.external-url=https://m.example/"], ""),
        (["--web.external-url=https://m.example:8443/a/fed-meta_1.x/"], "/a/fed-meta_1.x"),
        (["--web.route-prefix=/"], ""),
        (["--web.route-prefix=/fedmeta"], "/fedmeta"),
        (["--web.route-prefix=/fedmeta/"], "/fedmeta"),
        (["--web.external-url=https://m.example/a", "--web.route-prefix=/"], ""),
        (["--web.external-url=https://m.example/a", "--web.route-prefix=/b"], "/b"),
    ],
)
def test_routes_stand_below_the_prefix_or_else_the_path_of_the_external_address(flags: list[str], prefix: str) -> None:
    assert route_prefix(parsed(["serve", *flags])) == prefix


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--web.route-prefix=fedmeta", "is not / and a path"),
        ("--web.route-prefix=", "is not / and a path"),
        ("--web.route-prefix=/a/../b", "is not / and a path"),
        ("--web.route-prefix=/a//b", "is not / and a path"),
        ("--web.route-prefix=/{name}", "is not / and a path"),
        ("--web.external-url=https://m.example/%2F", "is not / and a path"),
        (
            "--web.external-url=https://m.example/?a",
            "must have neither ? nor #: of it only the path stands before every route",
        ),
        ("--web.external-url=m.example/fedmeta", "must begin with http:// or https://"),
    ],
)
def test_what_cannot_be_a_prefix_is_refused(flag: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag, "fs.example"]) == 2
    assert said in capsys.readouterr().err


HOME = Path("/home/kim")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, "/home/kim/.local/state"),
        ({"XDG_STATE_HOME": ""}, "/home/kim/.local/state"),
        ({"XDG_STATE_HOME": "relative/paths/are/invalid"}, "/home/kim/.local/state"),
        ({"XDG_STATE_HOME": "/var/lib/kim"}, "/var/lib/kim"),
        ({"LOCALAPPDATA": "/users/kim/local"}, "/users/kim/local"),
        ({"XDG_STATE_HOME": "/var/lib/kim", "LOCALAPPDATA": "/users/kim/local"}, "/var/lib/kim"),
        ({"XDG_STATE_HOME": "relative", "LOCALAPPDATA": r"C:\Users\kim\AppData\Local"}, "/home/kim/.local/state"),
    ],
)
def test_state_is_kept_where_xdg_says_or_windows(environment: dict[str, str], folder: str) -> None:
    assert default_storage(environment, lambda: HOME) == Path(folder, "fedmeta-exporter", "state.sqlite")


def test_a_user_without_a_home_is_told_which_flag_helps() -> None:
    def homeless() -> Path:
        raise RuntimeError("could not determine home directory")

    with pytest.raises(RefusedError, match=re.escape("--storage.path")):
        default_storage({}, homeless)
    given = default_storage({"XDG_STATE_HOME": "/var/lib"}, homeless)
    assert given == Path("/var/lib/fedmeta-exporter/state.sqlite"), "nobody asks for a home that is not needed"


def test_serve_has_defaults_for_everything() -> None:
    flags = parsed(["serve", "fs.example", "https://idp.example/metadata"])
    assert vars(flags) == {
        "command": "serve",
        "addresses": ["fs.example", "https://idp.example/metadata"],
        "config_file": None,
        "config_check": False,
        "listen": ((None, 10059),),
        "lifecycle": False,
        "external": None,
        "prefix": None,
        "storage": None,
        "limit": 200,
        "documents": BUDGET,
        "probes": 32,
        "resolver": "c-ares",
        "log_level": "info",
        "log_format": "logfmt",
    }


def test_a_limit_is_a_number_or_a_size() -> None:
    assert parsed(["serve", "--limit.entities=0"]).limit == 0
    assert parsed(["serve", "--limit.documents=1GB"]).documents == 2**30
    assert parsed(["serve", "--limit.probes=1"]).probes == 1


def test_check_has_defaults_for_everything_but_the_target_and_logs_trouble_only() -> None:
    assert vars(parsed(["check", "fs.example"])) == {
        "command": "check",
        "addresses": ["fs.example"],
        "config_file": None,
        "everything": False,
        "entity": None,
        "ca_file": None,
        "fail_on": "warning",
        "json": False,
        "nagios": False,
        "certificate": None,
        "certificate_format": None,
        "resolver": "c-ares",
        "log_level": "warning",
        "log_format": "logfmt",
    }


@pytest.mark.parametrize(
    ("flag", "position"),
    [
        ("--print-certificate", "successor"),
        ("--print-certificate=successor", "successor"),
        ("--print-certificate=primary", "primary"),
    ],
)
def test_the_certificate_that_is_printed_is_the_successor_unless_told_otherwise(flag: str, position: str) -> None:
    assert parsed(["check", "fs.example", flag]).certificate == position


def test_the_demo_listens_on_loopback_only_unless_told_otherwise() -> None:
    assert parsed(["demo"]).listen == (("127.0.0.1", 10059),)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--web.listen-adress=:1", "fs.example"], "--web.listen-adress=:1; did you mean --web.listen-address?"),
        (["--config=fedmeta.yml"], "unrecognized arguments: --config=fedmeta.yml; did you mean --config.file?"),
        (["--config-check"], "unrecognized arguments: --config-check; did you mean --config.check?"),
        (["--limit.entities=many", "fs.example"], "'many' is not a number of entities"),
        (["--limit.entities=-1", "fs.example"], "'-1' is not a number of entities"),
        (["--limit.documents=much", "fs.example"], "must be a size such as 512KB or 16MB"),
        (["--limit.probes=0", "fs.example"], "'0' is not a number of requests, at least 1"),
        (["--limit.probes=-1", "fs.example"], "'-1' is not a number of requests, at least 1"),
        (["--log.level=loud", "fs.example"], "--log.level"),
        (["--log.format=xml", "fs.example"], "--log.format"),
        (["--config.file"], "expected one argument"),
        (["completion"], "the following arguments are required: shell"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
        (["demo", "fs.example"], "unrecognized arguments: fs.example\n"),
        (["demo", "--storage.path="], "unrecognized arguments: --storage.path=; --storage.path is a flag of serve\n"),
        (
            ["check", "fs.example", "--josn", "idp.example"],
            "unrecognized arguments: --josn idp.example; did you mean --json?\n",
        ),
        (["check", "fs.example", "--xyz"], "unrecognized arguments: --xyz\n"),
        (
            ["check", "--print-certificate", "ok.xml"],
            "'ok.xml' is neither primary nor successor; a target stands before this flag",
        ),
        (["check", "fs.example", "--fail-on=info"], "--fail-on"),
        (["check", "fs.example", "--json", "--print-certificate"], "not allowed with argument"),
        (["check", "fs.example", "--print-certificate=secondary"], "--print-certificate"),
        (["check", "fs.example", "--certificate-format=der"], "--certificate-format"),
        (["check", "--print-certificate", "fs.example"], "--print-certificate"),
    ],
)
def test_a_wrong_flag_is_named_and_the_exit_code_is_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chekc", "fs.example"], "chekc is no command; did you mean check? A host of this name is watched by"),
        (["sreve"], "sreve is no command; did you mean serve?"),
        (["chekc", "fs.example", "--json"], "did you mean check?"),
        (["--log.level=debug", "Demo"], "Demo is no command; did you mean demo?"),
        (["fs.example", "adfs"], "adfs is no command. A host of this name is watched by: fedmeta-exporter serve adfs"),
        (["--nagios", "fs.example"], "unrecognized arguments: --nagios; --nagios is a flag of check"),
        (["--fail-on", "critical", "fs.example"], "unrecognized arguments: --fail-on"),
        (["help"], "help is no command; did you mean --help?"),
        (["version"], "version is no command; did you mean --version?"),
        (["check", "-x"], "-x is no flag; a name that begins with - stands behind --, after all flags"),
        (["check", "-hotel"], "-hotel is no flag"),
        (["check", "-hh"], "-hh is no flag"),
        (["-x"], "-x is no flag"),
    ],
)
def test_a_mistyped_command_is_no_target_and_a_name_no_flag(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err


VALUES = {"--format": "prometheusrule", "--web.route-prefix": "/a", "--web.external-url": "https://a.example/"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("end", [["steady"], ["sts.x.y"], []])
def test_a_command_behind_any_flag_is_told_to_come_first(
    command: str, end: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, commands = command_line()
    flags = {
        action.option_strings[-1]: []
        if action.nargs == 0
        else [VALUES.get(action.option_strings[-1], f"{action.default}")]
        for parser in commands.values()
        for action in parser._actions  # noqa: SLF001 -- argparse shows flags no other way
        if action.option_strings and "--help" not in action.option_strings
    }
    assert len(flags) > 20
    for flag, value in flags.items():
        main([flag, *value, command, *end])
        assert f"error: {command} is a command: it comes first, before the flags\n" in capsys.readouterr().err


def test_a_plugin_with_its_flag_before_the_command_says_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nagios", "check", "fs.example"]) == 3
    assert capsys.readouterr().out.startswith("FEDMETA UNKNOWN - ")


def test_a_word_is_a_host_where_the_command_says_so() -> None:
    assert parsed(["serve", "adfs"]).addresses == ["adfs"]
    assert parsed(["serve", "rules", "help"]).addresses == ["rules", "help"]
    assert parsed(["--", "-adfs"]).addresses == ["-adfs"]
    assert parsed(["check", "adfs"]).addresses == ["adfs"]
    assert parsed(["adfs:8443", "fs.example", "https://adfs/"]).addresses == [
        "adfs:8443",
        "fs.example",
        "https://adfs/",
    ]


@pytest.mark.parametrize("arguments", [["-h"], ["serve", "-h"], ["check", "-h"], ["--help"]])
def test_help_has_a_short_flag(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("usage: fedmeta-exporter")


def test_a_name_that_begins_with_a_hyphen_stands_behind_two() -> None:
    assert parsed(["check", "--config.file=fedmeta.yml", "--", "-x", "-hotel"]).addresses == ["-x", "-hotel"]


def test_to_a_plugin_a_wrong_flag_is_no_state_of_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "fs.example", "--nagios", "--josn"]) == 3
    printed = capsys.readouterr()
    assert printed.out == "FEDMETA UNKNOWN - wrong flags: standard error says which\n"
    assert "unrecognized arguments: --josn" in printed.err


@pytest.mark.parametrize("command", ["check", "serve"])
def test_addresses_may_stand_on_both_sides_of_a_flag(command: str) -> None:
    flags = parsed([command, "a.example", "--log.level=error", "b.example", "c.example"])
    assert flags.addresses == ["a.example", "b.example", "c.example"]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fedmeta-exporter {__version__}\n"


@pytest.mark.parametrize("command", [[], ["serve"], ["check"], ["demo"], ["completion"]])
def test_help_is_printed_for_every_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: fedmeta-exporter")
    assert ("--web.listen-address" in printed) is (command in (["serve"], ["demo"]))


def test_the_first_signal_ends_the_work_and_the_second_does_not_end_its_clean_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    cleaned = []

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
            cleaned.append(True)

    _until_done(work())
    assert cleaned == [True]
    assert caplog.messages == ["stopping"]


def test_work_that_ends_by_itself_gives_what_it_gives() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert _until_done(work()) == "done"


@pytest.fixture
def at_the_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SIGHUP as a process has it that has just begun; afterwards as it was."""
    monkeypatch.setattr(hangup, "_pending", False)
    monkeypatch.setattr(hangup, "_listener", None)
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("at_the_start")
async def test_a_hangup_while_it_starts_is_heeded_once_it_serves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: [{url: 'file:///nowhere/metadata.xml'}]\n")

    class Restoring(State):
        def load(self, name: str, url: str) -> Saved | None:
            os.kill(os.getpid(), signal.SIGHUP)
            return super().load(name, url)

    options = Options(load(str(file)), str(file))
    serving = asyncio.create_task(_run(options, Restoring(None, lambda: NOW), [("127.0.0.1", 0)], lambda _: None))
    await until(lambda: "configuration reloaded" in caplog.messages)
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


async def test_the_collector_does_not_look_again_at_what_was_there_before_anybody_is_served(tmp_path: Path) -> None:
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: []\n")
    announced: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    options, listen = Options(load(str(file)), str(file)), [("127.0.0.1", 0)]
    serving = asyncio.create_task(
        _run(options, State(None, lambda: NOW), listen, lambda _: announced.set_result(gc.get_freeze_count()))
    )
    async with asyncio.timeout(10):
        assert await announced > 10_000
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    assert gc.get_freeze_count() == 0


async def test_a_reload_that_fails_in_a_way_that_nobody_expected_does_not_end_the_program(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "fedmeta.yml"
    file.write_text("targets: []\n")
    known, errors = Configuration.reload, [MemoryError()]

    async def reload(self: Configuration) -> str | None:
        if errors:
            raise errors.pop()
        return await known(self)

    monkeypatch.setattr(Configuration, "reload", reload)
    options = Options(load(str(file)), str(file))
    announced = asyncio.Event()
    serving = asyncio.create_task(
        _run(options, State(None, lambda: NOW), [("127.0.0.1", 0)], lambda _: announced.set())
    )
    async with asyncio.timeout(10):
        await announced.wait()
        while "configuration reloaded" not in caplog.messages:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.01)
    assert "reload failed by a mistake of ours" in caplog.messages
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
