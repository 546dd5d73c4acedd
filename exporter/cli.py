"""Flags, signals, exit codes. Commands: ``serve`` (the default) and ``demo``."""

import argparse
import asyncio
import logging
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiohttp import web

from exporter import __version__, log, state
from exporter.config.reader import ConfigError, from_addresses, load
from exporter.config.settings import Config
from exporter.demo.scenarios import SCENARIOS
from exporter.demo.simulator import Simulation, serving
from exporter.history import MEMORY
from exporter.policy import PolicySettings
from exporter.server import CONFIGURATION, Options, application
from exporter.watch import CONCURRENCY

COMMANDS = ("serve", "demo")
DEFAULT_LISTEN = ":10059"
DEMO_LISTEN = "127.0.0.1:10059"
SHUTDOWN = 0.5
"""Seconds that a running scrape has to end in when the program stops."""

THREADS = 2 * CONCURRENCY

Listen = tuple[str | None, int]
"""Host (None: every address) and port."""

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """What keeps the program from doing what it was asked, as text for who asked."""


def run() -> None:
    """The console command."""
    code = main(sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
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
    command = {"serve": _serve, "demo": _demo}[flags.command]
    try:
        return command(flags)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return 1


def default_storage(environment: Mapping[str, str], home: Callable[[], Path] = Path.home) -> Path:
    """Where state is kept unless the flag says otherwise (XDG Base Directory Specification, ``$XDG_STATE_HOME``).

    Raises :class:`RefusedError` where the user has no home and the environment names no folder.
    """
    given = environment.get("XDG_STATE_HOME", "")
    try:
        folder = Path(given) if given.startswith("/") else home() / ".local" / "state"
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
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--log.level", dest="log_level", default="info", choices=["debug", "info", "warning", "error"])
    common.add_argument("--log.format", dest="log_format", default="logfmt", choices=[each.value for each in log.Form])

    serve = commands.add_parser("serve", parents=[common], allow_abbrev=False, help="watch targets and serve /metrics")
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
        help="where last good documents and first-seen times are kept; empty: nowhere (default: the XDG state folder)",
    )
    serve.add_argument(
        "--limit.entities",
        dest="limit",
        type=_count,
        default=Options(Config()).limit,
        metavar="N",
        help="entities of an aggregate that get series without being watched, the worst first (default: %(default)s)",
    )
    demo = commands.add_parser(
        "demo", parents=[common], allow_abbrev=False, help="simulate farms on loopback and watch them"
    )
    _add_listen(demo, DEMO_LISTEN)
    return parser


def _add_listen(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        type=_address,
        default=default,
        metavar="[HOST]:PORT",
        help="where to serve (default: %(default)s)",
    )


def _address(text: str) -> Listen:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 -- the last TCP port
        raise argparse.ArgumentTypeError(f"{text!r} is not [HOST]:PORT")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of entities")
    return int(text)


def _now() -> datetime:
    return datetime.now(UTC)


def _serve(flags: argparse.Namespace) -> int:
    config = _config(flags)
    if flags.config_check:
        print(f"{len(config.targets)} targets, no problems")
        return 0
    options = Options(config, flags.config_file, lifecycle=flags.lifecycle, limit=flags.limit)
    with closing(_store(flags.storage, config)) as store:
        return _until_done(_run(options, store, flags.listen, lambda url: _log.info("listening", extra={"url": url})))


def _config(flags: argparse.Namespace) -> Config:
    if bool(flags.config_file) == bool(flags.addresses):
        raise RefusedError("name what to watch: either hosts and URLs, or --config.file")
    if misplaced := set(COMMANDS).intersection(flags.addresses):
        raise RefusedError(f"{misplaced.pop()} is a command: it comes first, before the flags")
    try:
        return load(flags.config_file) if flags.config_file else from_addresses(flags.addresses)
    except ConfigError as error:
        raise RefusedError(str(error)) from error


def _store(given: str | None, config: Config) -> state.Store:
    if given == "":
        return state.memory()
    path = Path(given) if given else default_storage(os.environ)
    try:
        store = state.open_file(path, _now())
    except state.StateError as error:
        raise RefusedError(str(error)) from error
    try:
        store.prune(_now() - MEMORY, but={target.name for target in config.targets})
    except sqlite3.Error as error:
        _log.error("state not pruned", extra={"error": str(error)})
    return store


def _demo(flags: argparse.Namespace) -> int:
    with closing(state.memory()) as store:
        return _until_done(_run_demo(flags.listen, store))


async def _run(options: Options, store: state.Store, listen: Listen, announce: Callable[[str], None]) -> None:
    """Serves for ever; SIGHUP reloads. Raises :class:`RefusedError` when the address cannot be had."""
    hangup = asyncio.Event()
    # Before anything that takes time: unhandled, a SIGHUP ends the process.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    app = application(options, store=store, clock=_now)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN)
    try:
        await runner.setup()
        site = web.TCPSite(runner, *listen)
        try:
            await site.start()
        except (OSError, UnicodeError) as error:
            words = getattr(error, "strerror", None) or error
            raise RefusedError(f"cannot listen on {listen[0] or ''}:{listen[1]}: {words}") from error
        # With port 0 and no host every family has a port of its own: the IPv4 address is the shorter one.
        announce(_url_of(min(runner.addresses, key=len)))
        while True:
            await hangup.wait()
            hangup.clear()
            await app[CONFIGURATION].reload()
    finally:
        await runner.cleanup()


async def _run_demo(listen: Listen, store: state.Store) -> None:
    with tempfile.TemporaryDirectory(prefix="fedmeta-demo-") as folder:
        async with serving(SCENARIOS, now=_now().replace(microsecond=0), folder=Path(folder)) as simulation:
            modules = {"default": simulation.targets[0].module}
            config = Config(simulation.targets, modules, {"default": PolicySettings()}, probe_allow=("localhost",))
            await _run(Options(config), store, listen, partial(_introduce, simulation))


def _introduce(simulation: Simulation, url: str) -> None:
    width = max(len(scenario.name) for scenario in SCENARIOS)
    print(f"{len(SCENARIOS)} simulated farms publish federation metadata at {simulation.base_url}, on loopback only:\n")
    for scenario in SCENARIOS:
        print(f"  {scenario.name:<{width}}  {scenario.sentence}")
    print(f"\nOpen {url}/ to see what the exporter says of them, {url}/metrics for what Prometheus sees.")
    print("Stop with Ctrl-C.", flush=True)


def _url_of(address: tuple[str, int]) -> str:
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(address[0], address[0])  # noqa: S104 -- compared, not bound
    return f"http://[{host}]:{address[1]}" if ":" in host else f"http://{host}:{address[1]}"


def _until_done(work: Coroutine[None, None, None]) -> int:
    """The exit code of a coroutine that runs until SIGTERM or SIGINT.

    Unlike :func:`asyncio.run` it does not wait for threads that hang.
    """
    loop = asyncio.new_event_loop()
    # Each look may hold a thread while a name server is silent, and a scrape must not queue behind them.
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    task = loop.create_task(work)

    def stop() -> None:
        # The first signal cancels the work, the next ones not its clean-up.
        if not task.cancelling():
            _log.info("stopping")
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
    finally:
        loop.close()
    return 0
