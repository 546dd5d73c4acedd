"""Flags, signals, exit codes. Commands: ``serve`` (the default), ``check``, ``rules`` and ``demo``."""

import argparse
import asyncio
import logging
import os
import ssl
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from exporter import __version__, ending, fetch, hangup, log, memory, rules
from exporter.config import units
from exporter.config.document import Mistake, did_you_mean
from exporter.config.reader import ConfigError, from_addresses, load
from exporter.config.settings import Config, Target
from exporter.connections import Runner, connections
from exporter.demo.scenarios import SCENARIOS
from exporter.demo.simulator import Simulation, serving
from exporter.findings import Standing, standing
from exporter.history import MEMORY
from exporter.model import Certificate
from exporter.policy import PolicySettings
from exporter.record import Record
from exporter.report import report
from exporter.rollover import Severity
from exporter.rollover import State as RolloverState
from exporter.rounds import PROBES, Raised, Rounds, attempt, log_mistake
from exporter.server import CONFIGURATION, Options, application
from exporter.state import State, open_state

T = TypeVar("T")

COMMANDS = ("serve", "check", "rules", "demo")
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

Command = Callable[[argparse.Namespace], int | None]
"""Gives an exit code; None is 0."""

Listen = tuple[str | None, int]
"""Host (None: every address) and port."""

Announce = Callable[[Sequence[str]], None]
"""Takes the URLs that are served, in the order in which they were asked for."""

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """What keeps the program from doing what it was asked, as text for who asked."""


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
    """The exit code of the program: 0, or 1 when it could not do what it was asked; argparse's 2 for wrong flags."""
    first = arguments[0] if arguments else ""
    if first not in {*COMMANDS, "-h", "--help", "--version"}:
        arguments = ["serve", *arguments]
    try:
        flags = _parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    log.set_up(flags.log_level, log.Form(flags.log_format))
    commands: Mapping[str, Command] = {"serve": _serve, "check": _check, "rules": _rules, "demo": _demo}
    try:
        return commands[flags.command](flags) or 0
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return 1


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
    serve.add_argument("--config.file", dest="config_file", metavar="FILE", help="configuration (YAML)")
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
    check = commands.add_parser("check", allow_abbrev=False, help="look at one target once and say how it stands")
    # On its standard output stands what was asked for; nothing else is worth a line but trouble.
    _add_log(check, "warning")
    check.add_argument("address", metavar="HOST|URL|TARGET", help="what to look at; with --config.file a target's name")
    check.add_argument("--config.file", dest="config_file", metavar="FILE", help="configuration (YAML) with the target")
    check.add_argument(
        "--print-certificate",
        dest="certificate",
        nargs="?",
        const="successor",
        choices=["primary", "successor"],
        help="print this certificate and nothing else (default: successor); stands after the target",
    )
    check.add_argument(
        "--certificate-format",
        dest="certificate_format",
        default="base64",
        choices=["base64", "pem"],
        help="base64 is DER on one line, as Update-MgDomainFederationConfiguration takes it (default: %(default)s)",
    )
    _add_resolver(check)
    _add_rules(commands.add_parser("rules", allow_abbrev=False, help="print the alert rules for Prometheus"))
    demo = commands.add_parser("demo", allow_abbrev=False, help="simulate farms on loopback and watch them")
    _add_log(demo, "info")
    _add_listen(demo, DEMO_LISTEN)
    return parser


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
        print(f"{len(config.targets)} targets, no problems")
        return
    options = Options(
        config,
        flags.config_file,
        lifecycle=flags.lifecycle,
        limit=flags.limit,
        probes=flags.probes,
        documents=flags.documents,
        resolver=flags.resolver,
    )
    with log.beside(FLUSHING), _state(flags.storage, config) as state:
        _until_done(_run(options, state, flags.listen, _log_listening))


def _log_listening(urls: Sequence[str]) -> None:
    for url in urls:
        _log.info("listening", extra={"url": url})


def _config(flags: argparse.Namespace) -> Config:
    if bool(flags.config_file) == bool(flags.addresses):
        raise RefusedError("name what to watch: either hosts and URLs, or --config.file")
    if misplaced := set(COMMANDS).intersection(flags.addresses):
        raise RefusedError(f"{misplaced.pop()} is a command: it comes first, before the flags")
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
    target = _target(flags.config_file, flags.address)
    if flags.certificate is not None:
        # One document is all that this takes.
        target = replace(target, looks=target.looks[:1], entra=None)
    record = _until_done(_checked(target, flags.resolver))
    if record is None:
        # A signal came first.
        return 1
    now, read = _now(), record.document is not None
    found = standing(record, now, remembers=False)
    if flags.certificate is None:
        _print(f"{report(found, now)}\n")
        return 0 if read and found.severity <= Severity.INFO else 1
    if not read:
        raise RefusedError(report(found, now))
    _print(f"{_WRITTEN[flags.certificate_format](_certificate(found, flags.certificate).der)}\n")
    return 0


def _print(text: str) -> None:
    """Prints what was asked for, all of it: whoever reads it may need longer than the end of the program takes.

    Raises :class:`RefusedError` where it cannot be written.
    """
    try:
        print(text, end="", flush=True)
    except OSError as error:
        raise RefusedError(f"cannot write: {error.strerror}") from error


def _target(file: str | None, address: str) -> Target:
    known = {target.name: target for target in _read(file, [address]).targets}
    if file is None:
        return next(iter(known.values()))
    if address not in known:
        raise RefusedError(f"{file} has no target {address}{did_you_mean(address, known)}")
    return known[address]


async def _checked(target: Target, resolver: str) -> Record:
    async with fetch.client(resolver=fetch.RESOLVERS[resolver]()) as client:
        return await Rounds(client, _now).everything(target)


def _certificate(standing: Standing, position: str) -> Certificate:
    """The certificate in this position. Raises :class:`RefusedError` when there is none."""
    name, rollover = standing.record.target.name, standing.rollover
    if rollover is None:
        raise RefusedError(
            f"{name}: no certificate: the entity has no role, or it is one of an aggregate and entity_id"
            " in the configuration does not name it"
        )
    found = {"primary": rollover.primary, "successor": rollover.successor}[position]
    if found is None:
        hint = "; --print-certificate=primary prints the one in use" if rollover.primary else ""
        if rollover.state is RolloverState.NONE:
            hint = ": the document has no signing key"
        raise RefusedError(f"{name}: no {position} is published{hint}")
    return found


_WRITTEN: Mapping[str, Callable[[bytes], str]] = {
    "base64": lambda der: b64encode(der).decode(),
    "pem": lambda der: ssl.DER_cert_to_PEM_cert(der).rstrip(),
}


def _rules(flags: argparse.Namespace) -> None:
    form = rules.Form(flags.form)
    _print(rules.rules(form, job=flags.job, runbooks=flags.runbooks, grafana=flags.grafana or ""))


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
            modules = {"default": simulation.targets[0].look.module}
            config = Config(simulation.targets, modules, {"default": PolicySettings()}, probe_allow=("localhost",))
            await _run(Options(config), state, listen, partial(_introduce, simulation))


def _introduce(simulation: Simulation, urls: Sequence[str]) -> None:
    url = urls[0]
    width = max(len(scenario.name) for scenario in SCENARIOS)
    print(f"{len(SCENARIOS)} simulated farms publish federation metadata at {simulation.base_url}, and a stand-in for")
    print("Entra ID says there what it trusts, all on loopback only:\n")
    for scenario in SCENARIOS:
        print(f"  {scenario.name:<{width}}  {scenario.sentence}")
    print(f"\nOpen {url}/ to see what the exporter says of them, {url}/metrics for what Prometheus sees.")
    print("Stop with Ctrl-C.", flush=True)


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
