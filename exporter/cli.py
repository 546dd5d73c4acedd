"""What each command does, the signals that end it, and its exit code."""

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from operator import attrgetter
from pathlib import Path
from shlex import quote
from typing import TextIO, TypeVar

import shtab
from aiohttp import web

from exporter import ending, hangup, log, memory, regular, rules
from exporter.certificates import FORMS
from exporter.check import (
    EXIT_CODES,
    NAGIOS_WORDS,
    STOPPED,
    FailOn,
    NotCheckedError,
    WrongFlagsError,
    as_url,
    is_file,
    looked_at,
    misplaced_among,
    targets,
    unknown,
)
from exporter.config.reader import ConfigError, Lines, Problem, from_addresses, load_with_lines, matching_files
from exporter.config.settings import Config
from exporter.config.surroundings import doubtful, lacking
from exporter.connections import Runner, connections
from exporter.demo.configuration import configuration
from exporter.demo.scenarios import SCENARIOS
from exporter.demo.simulator import Simulation, remembered, serving
from exporter.findings import Standing, standing
from exporter.flags import Listen, command_line, parsed, route_prefix
from exporter.history import MEMORY
from exporter.mistakes import Raised, attempt, log_mistake
from exporter.model import Certificate
from exporter.names import counted, printable
from exporter.policy import PolicySettings
from exporter.refused import RefusedError
from exporter.report import NARROWEST, WIDTH, coloured, report, reports, status_line
from exporter.rollover import State as RolloverState
from exporter.rounds import PROBES
from exporter.server import CONFIGURATION, Options, application
from exporter.state import State, open_state
from exporter.statement import statement

T = TypeVar("T")

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

Announce = Callable[[Sequence[str]], None]
"""Takes the URLs that are served, in the order in which they were asked for."""

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
        flags = parsed(arguments)
    except SystemExit as stop:
        if stop.code and {"check", "--nagios"}.issubset(arguments):
            _print_unknown("wrong flags: standard error says which")
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


def _now() -> datetime:
    return datetime.now(UTC)


def _serve(flags: argparse.Namespace) -> None:
    config, lines = _config(flags)
    if flags.config_check:
        _check_surroundings(config, lines)
        return
    # They hold all that is written, which is several times what is meant.
    del lines
    options = Options(
        config,
        flags.config_file,
        lifecycle=flags.lifecycle,
        limit=flags.limit,
        probes=flags.probes,
        documents=flags.documents,
        prefix=route_prefix(flags),
        resolver=flags.resolver,
    )
    with log.beside(FLUSHING), _state(flags.storage, config) as state:
        _until_done(_run(options, state, flags.listen, _log_listening))


def _check_surroundings(config: Config, lines: Lines) -> None:
    """Says what is doubtful; raises :class:`RefusedError` where something is lacking."""
    doubts = sorted(doubtful(config, lines, list_files=matching_files), key=_in_file)
    for each in doubts:
        print(f"warning: {each}", file=sys.stderr)
    lacks = sorted(lacking(config, lines, read_file=regular.content, environment=os.environ), key=_in_file)
    if lacks:
        raise RefusedError("\n".join(map(str, lacks)))
    problems = counted(len(doubts), "warning") if doubts else "no problems"
    _print(f"{counted(len(config.targets), 'target')}, {problems}\n")


def _in_file(problem: Problem) -> tuple[str, int, str]:
    """The order in which a person mends problems."""
    return problem.file, problem.line or 0, str(problem)


def _log_listening(urls: Sequence[str]) -> None:
    for url in urls:
        _log.info("listening", extra={"url": url})


def _config(flags: argparse.Namespace) -> tuple[Config, Lines]:
    if misplaced := misplaced_among(flags.addresses):
        raise RefusedError(misplaced)
    if bool(flags.config_file) == bool(flags.addresses):
        raise RefusedError("name what to watch: either hosts, URLs and files, or --config.file")
    # What is no file may be a host, or an address whose https:// was left out.
    return _read(flags.config_file, [as_url(each) if is_file(each) else each for each in flags.addresses])


def _read(file: str | None, addresses: Sequence[str]) -> tuple[Config, Lines]:
    try:
        return load_with_lines(file) if file else (from_addresses(addresses), Lines())
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
    except RefusedError as refusal:
        if not flags.nagios:
            raise
        # For a plugin everything that is no answer has one code, and it is not that of a warning.
        _print_unknown(str(refusal))
        raise NotCheckedError(str(refusal)) from refusal


def _looked_at(flags: argparse.Namespace) -> int:
    """The exit code of ``check``, after it has printed what was asked for."""
    if flags.certificate is not None and (flags.everything or len(flags.addresses) > 1):
        raise WrongFlagsError("--print-certificate prints a certificate of one target")
    if flags.certificate is None and flags.certificate_format is not None:
        raise WrongFlagsError("--certificate-format is for --print-certificate")
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
        width = _columns()
        text = report(found[0], now, width) if len(found) == 1 else reports(found, now, width)
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


def _columns() -> int:
    """How wide a report is: as a terminal is, where that is narrower than what is easily read."""
    if sys.stdout is None or not sys.stdout.isatty():
        return WIDTH
    return max(NARROWEST, min(WIDTH, shutil.get_terminal_size().columns))


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


def _print_unknown(why: str) -> None:
    """Prints the line of a plugin that could not look; where even that cannot be written, its exit code says so."""
    with suppress(RefusedError):
        _print(f"{unknown(why)}\n")


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
    _print(f"{shtab.complete(command_line()[0], flags.shell).rstrip()}\n")


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
        now = _now().replace(microsecond=0)
        async with serving(SCENARIOS, now=now, folder=Path(folder)) as simulation:
            for record in remembered(simulation.targets, SCENARIOS, now):
                state.keep(record)
            file = Path(folder, "fedmeta.yml")
            await asyncio.to_thread(file.write_text, configuration(simulation.targets), encoding="utf-8")
            named = {look.module.name: look.module for each in simulation.targets for look in each.looks}
            modules = {"default": simulation.targets[0].look.module, **named}
            config = Config(simulation.targets, modules, {"default": PolicySettings()}, probe_allow=("localhost",))
            await _run(Options(config), state, listen, partial(_introduce, simulation, file))


def _introduce(simulation: Simulation, file: Path, urls: Sequence[str]) -> None:
    url, check = urls[0], f"{_own_name()} check --config.file={quote(str(file))}"
    width = max(len(scenario.name) for scenario in SCENARIOS)
    farms = "\n".join(f"  {scenario.name:<{width}}  {scenario.sentence}" for scenario in SCENARIOS)
    _print(f"""\
{len(SCENARIOS)} simulated farms publish federation metadata at {simulation.base_url}, and a stand-in for
Entra ID says there what it trusts, all on loopback only:

{farms}

Open {url}/ to see what the exporter says of them, {url}/metrics for what Prometheus sees.
Look at one of them, or at all, from another terminal:

  {check} {SCENARIOS[0].name}
  {check} --all

Stop with Ctrl-C.
""")


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
