"""Flags, signals, exit codes. Commands: ``serve`` (the default), ``check``, ``rules``, ``demo`` and ``completion``."""

import argparse
import asyncio
import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from shlex import quote
from typing import TextIO, TypeVar
from urllib.parse import urlsplit

import shtab
from aiohttp import web

from exporter import __version__, ending, fetch, hangup, log, memory, rules
from exporter.check import (
    EXIT_CODES,
    NAGIOS_WORDS,
    STOPPED,
    FailOn,
    NotCheckedError,
    configuration_among,
    exit_codes,
    looked_at,
    targets,
    unknown,
)
from exporter.config import units
from exporter.config.document import Mistake, did_you_mean
from exporter.config.reader import ConfigError, from_addresses, load
from exporter.config.settings import Config
from exporter.config.surroundings import doubtful, lacking
from exporter.connections import Runner, connections
from exporter.demo.configuration import configuration
from exporter.demo.scenarios import SCENARIOS
from exporter.demo.simulator import Simulation, serving
from exporter.findings import Standing, standing
from exporter.history import MEMORY
from exporter.model import Certificate
from exporter.names import counted, printable
from exporter.page import FORMS
from exporter.policy import PolicySettings
from exporter.refused import RefusedError
from exporter.report import coloured, report, reports, status_line
from exporter.rollover import State as RolloverState
from exporter.rounds import PROBES, Raised, attempt, log_mistake
from exporter.server import CONFIGURATION, Options, application
from exporter.state import State, open_state
from exporter.statement import statement

T = TypeVar("T")

COMMANDS = ("serve", "check", "rules", "demo", "completion")
SHELLS = ("bash", "zsh", "fish")
DEFAULT_LISTEN = ":10059"
DEMO_LISTEN = "127.0.0.1:10059"
SHUTDOWN = 0.25
"""Seconds that a running scrape has to end in when the program stops; aiohttp waits for so long twice."""

SAVING = 1.5
"""Seconds that the state file gets at the end."""

FLUSHING = 0.25
"""Seconds that the last log lines get: whoever should read them may have stopped."""

THREADS = 2 * PROBES
"""For reading files and documents; twice as many as looks, because one that gave up may leave a thread behind."""

_FLAGS = ("help", "version")
"""Those that other programs have as commands."""

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""What may be a command, mistyped: the names of most hosts have a dot."""

_SHORT_FLAG = re.compile(r"-[^-]")

Command = Callable[[argparse.Namespace], int | None]
"""Gives an exit code; None is 0."""

Listen = tuple[str | None, int]
"""Host (None: every address) and port."""

Announce = Callable[[Sequence[str]], None]
"""Takes the URLs that are served, in the order in which they were asked for."""

_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
"""What an address may hold as it is, in a route, and no part that leads upwards."""

_log = logging.getLogger(__name__)


def run() -> None:
    """The console command."""
    for stream in (sys.stdout, sys.stderr):
        # What its encoding has no sign for, cp1252 on Windows, is written as \uXXXX, and does not end the program.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = main(sys.argv[1:])
    log.finish(FLUSHING)
    # Everything is saved by now. A name look-up that hangs cannot be cancelled, and Python would wait for its thread.
    os._exit(code)


def main(arguments: Sequence[str]) -> int:
    """The exit code of the program: 0, or 1 when it could not do what it was asked; argparse's 2 for wrong flags.

    That of ``check`` is in :data:`exporter.check.EXIT_CODES`.
    """
    try:
        flags = _parsed(arguments)
    except SystemExit as stop:
        if stop.code and {"check", "--nagios"}.issubset(arguments):
            _print(f"{unknown('wrong flags: standard error says which')}\n")
            return EXIT_CODES[True, FailOn.WARNING].wrong_flags
        return int(stop.code or 0)
    log.set_up(flags.log_level, log.Form(flags.log_format))
    commands: Mapping[str, Command] = {
        "serve": _serve,
        "check": _check,
        "rules": _rules,
        "demo": _demo,
        "completion": _completion,
    }
    try:
        return commands[flags.command](flags) or 0
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What the arguments say; ends the program as argparse does where they say nothing."""
    parser = _parser()
    for each in takewhile("--".__ne__, arguments):
        if _SHORT_FLAG.match(each) and each != "-h":
            parser.error(f"{each} is no flag; a name that begins with - stands behind --, after all flags")
    is_named = bool(arguments) and arguments[0] in {*COMMANDS, "-h", "--help", "--version"}
    flags, further = parser.parse_known_args(arguments if is_named else ["serve", *arguments])
    if not is_named:
        _refuse_commands(parser, [*flags.addresses, *further])
        _refuse_words(parser, arguments[:1])
    # argparse takes addresses in one place only, and gives back those that stand behind a flag.
    if "addresses" in flags and not any(each.startswith("-") for each in further):
        flags.addresses += further
    elif further:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    if not is_named:
        _refuse_words(parser, flags.addresses)
    return flags


def _refuse_commands(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Ends the program where no command comes first, and one of the words is one."""
    for each in words:
        if each in COMMANDS:
            parser.error(f"{each} is a command: it comes first, before the flags")


def _refuse_words(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Ends the program where no command is named, and one of the words may be meant as one."""
    for each in filter(_WORD.fullmatch, words):
        end = f"; did you mean --{each}?" if each in _FLAGS else did_you_mean(each, COMMANDS) or "."
        parser.error(f"{each} is no command{end} A host of this name is watched by: fedmeta-exporter serve {each}")


def default_storage(environment: Mapping[str, str], home: Callable[[], Path] = Path.home) -> Path:
    """Where state is kept unless the flag says otherwise (XDG Base Directory Specification, ``$XDG_STATE_HOME``).

    Windows has ``%LOCALAPPDATA%``. Raises :class:`RefusedError` where the user has no home and the environment names
    no folder.
    """
    given = (Path(environment.get(name, "")) for name in ("XDG_STATE_HOME", "LOCALAPPDATA"))
    try:
        folder = next((each for each in given if each.is_absolute()), None) or home() / ".local" / "state"
    except RuntimeError as error:
        raise RefusedError("no home folder to keep state in; name a file with --storage.path") from error
    return folder / "fedmeta-exporter" / "state.sqlite"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fedmeta-exporter",
        description="Watches federation metadata and says how a certificate rollover is going.",
        epilog="Without a command: serve. See 'fedmeta-exporter serve --help' for its flags.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fedmeta-exporter {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    serve = commands.add_parser("serve", allow_abbrev=False, help="watch targets and serve /metrics")
    _add_log(serve, "info")
    serve.add_argument(
        "addresses", nargs="*", metavar="HOST|URL", help="what to watch, instead of a configuration file"
    )
    _path(serve.add_argument("--config.file", dest="config_file", metavar="FILE", help="configuration (YAML)"))
    serve.add_argument(
        "--config.check", dest="config_check", action="store_true", help="check the configuration and exit"
    )
    _add_listen(serve, DEFAULT_LISTEN)
    serve.add_argument(
        "--web.enable-lifecycle",
        dest="lifecycle",
        action="store_true",
        help="open POST /-/reload to whoever can connect",
    )
    serve.add_argument(
        "--web.external-url",
        dest="external",
        type=_external,
        metavar="URL",
        help="where people reach the exporter, behind a proxy; its path stands before every route",
    )
    serve.add_argument(
        "--web.route-prefix",
        dest="prefix",
        type=_prefix,
        metavar="PATH",
        help="what stands before every route (default: the path of --web.external-url)",
    )
    serve.add_argument(
        "--storage.path",
        dest="storage",
        metavar="FILE",
        help="where all that must survive a restart is kept; empty: nowhere (default: the XDG state folder)",
    )
    serve.add_argument(
        "--limit.entities",
        dest="limit",
        type=_count,
        default=Options(Config()).limit,
        metavar="N",
        help="entities of an aggregate that get series without being watched, the worst first (default: %(default)s)",
    )
    serve.add_argument(
        "--limit.documents",
        dest="documents",
        type=_size,
        default="32MB",
        metavar="SIZE",
        help="bytes of documents that are read and parsed at once, which takes up to forty times as much memory"
        " (default: %(default)s)",
    )
    serve.add_argument(
        "--limit.probes",
        dest="probes",
        type=_some,
        default=Options(Config()).probes,
        metavar="N",
        help="requests for /probe at once; 503 for those beyond (default: %(default)s)",
    )
    _add_resolver(serve)
    _add_check(
        commands.add_parser(
            "check",
            allow_abbrev=False,
            help="look at targets once and say how they stand",
            epilog=exit_codes(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_rules(commands.add_parser("rules", allow_abbrev=False, help="print the alert rules for Prometheus"))
    demo = commands.add_parser("demo", allow_abbrev=False, help="simulate farms on loopback and watch them")
    _add_log(demo, "info")
    _add_listen(demo, DEMO_LISTEN)
    completion = commands.add_parser(
        "completion", allow_abbrev=False, help="print what a shell needs to complete commands and flags"
    )
    # It logs nothing.
    completion.set_defaults(log_level="warning", log_format=log.Form.LOGFMT)
    completion.add_argument("shell", choices=SHELLS, help="the shell that reads it")
    return parser


def _path(argument: argparse.Action) -> None:
    """Lets a shell complete an argument with the names of files."""
    argument.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it


def _add_check(parser: argparse.ArgumentParser) -> None:
    # On its standard output stands what was asked for; nothing else is worth a line but trouble.
    _add_log(parser, "warning")
    _path(
        parser.add_argument(
            "addresses",
            nargs="*",
            metavar="HOST|URL|FILE|-|TARGET",
            help="what to look at; - is a document on standard input; with --config.file names of its targets",
        )
    )
    _path(
        parser.add_argument(
            "--config.file", dest="config_file", metavar="FILE", help="configuration (YAML) with the targets"
        )
    )
    parser.add_argument("--all", dest="everything", action="store_true", help="every target of --config.file")
    parser.add_argument(
        "--entity", metavar="ENTITYID", help="the entity that is meant, where the document is about several"
    )
    _path(
        parser.add_argument(
            "--ca-file",
            dest="ca_file",
            metavar="FILE",
            help="PEM of the authorities that TLS certificates may come from, instead of the system's",
        )
    )
    parser.add_argument(
        "--fail-on",
        dest="fail_on",
        default=FailOn.WARNING.value,
        choices=[each.value for each in FailOn],
        help="the severity from which on the exit code is not 0 (default: %(default)s)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object a line, for each target")
    form.add_argument(
        "--nagios",
        action="store_true",
        help="one line, exit code and performance data as for Nagios, Icinga and Checkmk",
    )
    form.add_argument(
        "--print-certificate",
        dest="certificate",
        nargs="?",
        const="successor",
        choices=["primary", "successor"],
        help="print this certificate of one target and nothing else (default: successor); stands after the target",
    )
    parser.add_argument(
        "--certificate-format",
        dest="certificate_format",
        choices=["base64", "pem"],
        help="with --print-certificate: base64 is DER on one line, as Update-MgDomainFederationConfiguration takes it"
        " (default: base64)",
    )
    _add_resolver(parser)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    # It logs nothing.
    parser.set_defaults(log_level="warning", log_format=log.Form.LOGFMT)
    parser.add_argument(
        "--format",
        dest="form",
        default=rules.Form.RULES.value,
        choices=[each.value for each in rules.Form],
        help="rules is a file for Prometheus, prometheusrule a manifest for its operator in Kubernetes"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--job",
        type=_by(rules.checked_job),
        default=rules.JOB,
        metavar="REGEX",
        help="how a job is known of which no exporter ever answered; matches its whole name (default: %(default)s)",
    )
    parser.add_argument(
        "--runbook-base",
        dest="runbooks",
        type=_by(rules.checked_page),
        default=rules.RUNBOOKS,
        metavar="URL",
        help="the page that has the runbooks; each alert's section is put behind it (default: %(default)s)",
    )
    parser.add_argument(
        "--grafana-base",
        dest="grafana",
        type=_by(rules.checked_root),
        metavar="URL",
        help="where Grafana is; without it links to dashboards begin at its root, /d/",
    )


def _add_log(parser: argparse.ArgumentParser, level: str) -> None:
    parser.add_argument("--log.level", dest="log_level", default=level, choices=["debug", "info", "warning", "error"])
    parser.add_argument("--log.format", dest="log_format", default="logfmt", choices=[each.value for each in log.Form])


def _add_resolver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dns.resolver",
        dest="resolver",
        default="c-ares",
        choices=list(fetch.RESOLVERS),
        help="what looks names up: c-ares, or the system, which knows all of nsswitch.conf and needs a thread for each"
        " name (default: %(default)s)",
    )


def _add_listen(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action=_Further,
        type=_address,
        default=default,
        metavar="[HOST]:PORT",
        help="where to serve; may be given several times (default: %(default)s)",
    )


class _Further(argparse.Action):
    """Adds what is given to what was given before; the default is for where nothing is."""

    def __call__(
        self,
        _: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,  # noqa: ARG002 -- argparse names it
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, values if before is self.default else before + values)


def _address(text: str) -> tuple[Listen, ...]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 -- the last TCP port
        raise argparse.ArgumentTypeError(f"{text!r} is not [HOST]:PORT")
    return ((host.removeprefix("[").removesuffix("]") or None, int(port)),)


def _prefix(text: str) -> str:
    path = text.rstrip("/")
    if not text.startswith("/") or not _PATH.fullmatch(path):
        raise argparse.ArgumentTypeError(f"{text!r} is not / and a path of letters, digits and . _ ~ - in its parts")
    return path


def _external(text: str) -> str:
    """The path of an address that people reach the exporter at."""
    return _prefix(f"{urlsplit(_by(rules.checked_root)(text)).path}/")


def _by(check: Callable[[str], str]) -> Callable[[str], str]:
    """What gives a flag's value, or says by this check what is wrong with it, which it does not repeat."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except Mistake as mistake:
            raise argparse.ArgumentTypeError(str(mistake)) from None

    return checked


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of entities")
    return int(text)


def _some(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of requests, at least 1")
    return int(text)


def _size(text: str) -> int:
    try:
        return units.size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _now() -> datetime:
    return datetime.now(UTC)


def _serve(flags: argparse.Namespace) -> None:
    config = _config(flags)
    if flags.config_check:
        _check_surroundings(config)
        return
    options = Options(
        config,
        flags.config_file,
        lifecycle=flags.lifecycle,
        limit=flags.limit,
        probes=flags.probes,
        documents=flags.documents,
        prefix=_route_prefix(flags),
        resolver=flags.resolver,
    )
    with log.beside(FLUSHING), _state(flags.storage, config) as state:
        _until_done(_run(options, state, flags.listen, _log_listening))


def _check_surroundings(config: Config) -> None:
    """Says what is doubtful; raises :class:`RefusedError` where something is lacking."""
    doubts = sorted(doubtful(config))
    for each in doubts:
        print(f"warning: {each}", file=sys.stderr)
    lacks = list(lacking(config, read_file=lambda file: Path(file).read_bytes(), environment=os.environ))
    if lacks:
        raise RefusedError("\n".join(lacks))
    print(f"{counted(len(config.targets), 'target')}, {counted(len(doubts), 'warning') if doubts else 'no problems'}")


def _route_prefix(flags: argparse.Namespace) -> str:
    return next((each for each in (flags.prefix, flags.external) if each is not None), "")


def _log_listening(urls: Sequence[str]) -> None:
    for url in urls:
        _log.info("listening", extra={"url": url})


def _config(flags: argparse.Namespace) -> Config:
    if misplaced := configuration_among(flags.addresses):
        raise RefusedError(misplaced)
    if bool(flags.config_file) == bool(flags.addresses):
        raise RefusedError("name what to watch: either hosts and URLs, or --config.file")
    return _read(flags.config_file, flags.addresses)


def _read(file: str | None, addresses: Sequence[str]) -> Config:
    try:
        return load(file) if file else from_addresses(addresses)
    except ConfigError as error:
        raise RefusedError(str(error)) from error


@contextmanager
def _state(given: str | None, config: Config) -> Iterator[State]:
    """What survives a restart; at the end of the block what waits is saved, as far as a moment allows."""
    path = None if given == "" else Path(given) if given else default_storage(os.environ)
    state = open_state(path, _now)
    state.prune(_now() - MEMORY, but={target.name for target in config.targets})
    try:
        yield state
    finally:
        state.close(SAVING)


def _check(flags: argparse.Namespace) -> int:
    hangup.end()
    try:
        return _looked_at(flags)
    except NotCheckedError as refusal:
        if flags.nagios:
            _print(f"{unknown(str(refusal))}\n")
        raise


def _looked_at(flags: argparse.Namespace) -> int:
    """The exit code of ``check``, after it has printed what was asked for."""
    if flags.certificate is not None and (flags.everything or len(flags.addresses) > 1):
        raise NotCheckedError("--print-certificate prints a certificate of one target")
    if flags.certificate is None and flags.certificate_format is not None:
        raise NotCheckedError("--certificate-format is for --print-certificate")
    with targets(
        flags.addresses,
        file=flags.config_file,
        everything=flags.everything,
        entity_id=flags.entity,
        ca_file=flags.ca_file,
    ) as named:
        # One document is all that a certificate takes.
        meant = (
            named if flags.certificate is None else [replace(each, looks=each.looks[:1], entra=None) for each in named]
        )
        with _progress([each.name for each in meant]) as done:
            records = _until_done(looked_at(meant, resolver=flags.resolver, clock=_now, done=done))
    if records is None:
        raise NotCheckedError(STOPPED)
    now = _now()
    found = sorted((standing(each, now, remembers=False) for each in records), key=attrgetter("urgency"))
    if flags.certificate is not None:
        _print_certificate(found[0], flags.certificate, flags.certificate_format or "base64", now)
        return 0
    code = EXIT_CODES[flags.nagios, FailOn(flags.fail_on)].of(found)
    if flags.nagios:
        _print(f"{status_line(found, NAGIOS_WORDS[code], now)}\n")
    elif flags.json:
        _print("".join(f"{json.dumps(statement(each, now))}\n" for each in found))
    else:
        text = report(found[0], now) if len(found) == 1 else reports(found, now)
        _print(f"{coloured(text) if _is_terminal(sys.stdout) and not os.environ.get('NO_COLOR') else text}\n")
    return code


@contextmanager
def _progress(names: Sequence[str]) -> Iterator[Callable[[int], None]]:
    """Takes how many targets are through, and says so on a terminal, on a line that is gone afterwards."""
    if not _is_terminal(sys.stderr):
        yield lambda _: None
        return

    def show(through: int) -> None:
        what = (
            f"looking at {printable(names[0])}" if len(names) == 1 else f"{through} of {len(names)} targets looked at"
        )
        print(f"\r\x1b[K{what} …", end="", file=sys.stderr, flush=True)

    show(0)
    try:
        yield show
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a person reads it, on what knows colours and can erase a line."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _print_certificate(standing: Standing, position: str, form: str, now: datetime) -> None:
    """Prints the certificate in this position. Raises :class:`RefusedError` when there is none."""
    if standing.record.document is None:
        raise RefusedError(report(standing, now))
    _print(FORMS[form](_certificate(standing, position).der))


def _print(text: str) -> None:
    """Prints what was asked for, all of it: whoever reads it may need longer than the end of the program takes.

    Raises :class:`RefusedError` where it cannot be written.
    """
    try:
        print(text, end="", flush=True)
    except OSError as error:
        raise RefusedError(f"cannot write: {error.strerror}") from error


def _certificate(standing: Standing, position: str) -> Certificate:
    """The certificate in this position. Raises :class:`RefusedError` when there is none."""
    name, rollover = standing.record.target.name, standing.rollover
    if rollover is None:
        raise RefusedError(
            f"{name}: no certificate: the entity has no role, or it is one of an aggregate and neither --entity nor"
            " entity_id in the configuration names it"
        )
    found = {"primary": rollover.primary, "successor": rollover.successor}[position]
    if found is None:
        hint = "; --print-certificate=primary prints the one in use" if rollover.primary else ""
        if rollover.state is RolloverState.NONE:
            hint = ": the document has no signing key"
        raise RefusedError(f"{name}: no {position} is published{hint}")
    return found


def _rules(flags: argparse.Namespace) -> None:
    form = rules.Form(flags.form)
    _print(rules.rules(form, job=flags.job, runbooks=flags.runbooks, grafana=flags.grafana or ""))


def _completion(flags: argparse.Namespace) -> None:
    _print(f"{shtab.complete(_parser(), flags.shell).rstrip()}\n")


def _demo(flags: argparse.Namespace) -> None:
    with log.beside(FLUSHING):
        _until_done(_run_demo(flags.listen, open_state(None, _now)))


async def _run(options: Options, state: State, listen: Sequence[Listen], announce: Announce) -> None:
    """Serves for ever; SIGHUP reloads. Raises :class:`RefusedError` when an address cannot be had."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    hangup.hear()
    hangup.tell(partial(loop.call_soon_threadsafe, asked.set))
    memory.keep_little()
    app = application(options, state=state, clock=_now)
    runner = Runner(app, limit=connections(), shutdown_timeout=SHUTDOWN)
    try:
        await runner.setup()
        with memory.known_to_stay():
            announce([await _listen(runner, *address) for address in listen])
            while True:
                await asked.wait()
                asked.clear()
                outcome = await attempt(app[CONFIGURATION].reload())
                if isinstance(outcome, Raised):
                    log_mistake("reload", outcome.error)
    finally:
        hangup.ignore()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str | None, port: int) -> str:
    """The URL of one more address that is served. Raises :class:`RefusedError` when it cannot be had."""
    before = len(runner.addresses)
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or error
        raise RefusedError(f"cannot listen on {host or ''}:{port}: {words}") from error
    # With port 0 and no host every family has a port of its own: the IPv4 address is the shorter one.
    return _url_of(min(runner.addresses[before:], key=len))


async def _run_demo(listen: Sequence[Listen], state: State) -> None:
    with tempfile.TemporaryDirectory(prefix="fedmeta-demo-") as folder:
        async with serving(SCENARIOS, now=_now().replace(microsecond=0), folder=Path(folder)) as simulation:
            file = Path(folder, "fedmeta.yml")
            await asyncio.to_thread(file.write_text, configuration(simulation.targets), encoding="utf-8")
            module = simulation.targets[0].look.module
            modules = {"default": module, module.name: module}
            config = Config(simulation.targets, modules, {"default": PolicySettings()}, probe_allow=("localhost",))
            await _run(Options(config), state, listen, partial(_introduce, simulation, file))


def _introduce(simulation: Simulation, file: Path, urls: Sequence[str]) -> None:
    url, check = urls[0], f"{_own_name()} check --config.file={quote(str(file))}"
    width = max(len(scenario.name) for scenario in SCENARIOS)
    print(f"{len(SCENARIOS)} simulated farms publish federation metadata at {simulation.base_url}, and a stand-in for")
    print("Entra ID says there what it trusts, all on loopback only:\n")
    for scenario in SCENARIOS:
        print(f"  {scenario.name:<{width}}  {scenario.sentence}")
    print(f"\nOpen {url}/ to see what the exporter says of them, {url}/metrics for what Prometheus sees.")
    print("Look at one of them, or at all, from another terminal:\n")
    print(f"  {check} {SCENARIOS[0].name}\n  {check} --all\n")
    print("Stop with Ctrl-C.", flush=True)


def _own_name() -> str:
    """The command that runs this program, for a shell in the same folder."""
    name = sys.argv[0]
    return quote(name) if Path(name).stem == "fedmeta-exporter" else f"{quote(sys.executable)} -m exporter"


def _url_of(address: tuple[str, int]) -> str:
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(address[0], address[0])  # noqa: S104 -- compared, not bound
    return f"http://[{host}]:{address[1]}" if ":" in host else f"http://{host}:{address[1]}"


def _until_done(work: Coroutine[None, None, T]) -> T | None:
    """What a coroutine gives; None when a signal ended it.

    Unlike :func:`asyncio.run` it does not wait for threads that hang.
    """
    # Not Windows' default: that one reads past the methods of fetch's own sockets, and c-ares may want this one.
    loop = asyncio.SelectorEventLoop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    task = loop.create_task(work)

    def stop() -> None:
        # The first signal cancels the work, the next ones not its clean-up.
        if not task.cancelling():
            _log.info("stopping")
            task.cancel()

    with closing(loop), ending.heard(loop, stop):
        try:
            with suppress(asyncio.CancelledError):
                return loop.run_until_complete(task)
        finally:
            if task.cancelling():
                # What follows saves, within a bound, and no further signal may cut it off.
                ending.ignore()
    return None
