"""The command line: which commands and flags there are, and what the arguments of the program mean by them."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import TypeVar
from urllib.parse import urlsplit

import shtab

from exporter import __version__, fetch, log, rules
from exporter.certificates import FORMS
from exporter.check import FailOn, exit_codes
from exporter.config import units
from exporter.config.document import Mistake, did_you_mean
from exporter.config.settings import Config
from exporter.server import Options

T = TypeVar("T")

COMMANDS = ("serve", "check", "rules", "demo", "completion")
SHELLS = ("bash", "zsh", "fish")
_POSITIONS = ("primary", "successor")
DEFAULT_LISTEN = ":10059"
DEMO_LISTEN = "127.0.0.1:10059"

Listen = tuple[str | None, int]
"""Host (None: every address) and port."""

_FLAGS = ("help", "version")
"""Those that other programs have as commands."""

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""What may be a command, mistyped: the names of most hosts have a dot."""

_FLAG = re.compile(r"--[a-z][a-z.-]*")

_SHORT_FLAG = re.compile(r"-[^-]")

_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
"""What an address may hold as it is, in a route, and no part that leads upwards."""


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What the arguments say; ends the program as argparse does where they say nothing."""
    parser, commands = command_line()
    for each in takewhile("--".__ne__, arguments):
        if _SHORT_FLAG.match(each) and each != "-h":
            commands.get(arguments[0], parser).error(
                f"{each} is no flag; a name that begins with - stands behind --, after all flags"
            )
    is_named = bool(arguments) and arguments[0] in {*COMMANDS, "-h", "--help", "--version"}
    flags, further = parser.parse_known_args(arguments if is_named else ["serve", *arguments])
    if not is_named:
        _refuse_commands(parser, [*flags.addresses, *further])
        _refuse_words(parser, arguments[:1])
    # argparse takes addresses in one place only, and gives back those that stand behind a flag.
    if "addresses" in flags and not any(each.startswith("-") for each in further):
        flags.addresses += further
    elif further:
        commands[flags.command].error(
            f"unrecognized arguments: {' '.join(further)}{_instead(further, flags.command, commands)}"
        )
    if not is_named:
        _refuse_words(parser, flags.addresses)
    return flags


def _instead(words: Sequence[str], command: str, commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """The end of a sentence about words that a command does not know: whose the first flag is, or which is meant."""
    known = {name: _FLAG.findall(parser.format_usage()) for name, parser in commands.items()}
    flag = next((each.partition("=")[0] for each in words if each.startswith("--")), "")
    owners = " and ".join(name for name, flags in known.items() if flag in flags)
    return f"; {flag} is a flag of {owners}" if owners else did_you_mean(flag, known[command])


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


def command_line() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser of the command line, and those of the commands by their names."""
    parser = argparse.ArgumentParser(
        prog="fedmeta-exporter",
        description="Watches federation metadata and says how a certificate rollover is going.",
        epilog="Without a command: serve. See 'fedmeta-exporter serve --help' for its flags.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fedmeta-exporter {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_serve(commands.add_parser("serve", allow_abbrev=False, help="watch targets and serve /metrics"))
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
    _set_log(completion)
    completion.add_argument("shell", choices=SHELLS, help="the shell that reads it")
    return parser, commands.choices


def _path(argument: argparse.Action) -> None:
    """Lets a shell complete an argument with the names of files."""
    argument.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it


def _add_serve(parser: argparse.ArgumentParser) -> None:
    _add_log(parser, "info")
    parser.add_argument(
        "addresses", nargs="*", metavar="HOST|URL|FILE", help="what to watch, instead of a configuration file"
    )
    _add_file(parser, "--config.file", "config_file", "configuration (YAML)")
    parser.add_argument(
        "--config.check", dest="config_check", action="store_true", help="check the configuration and exit"
    )
    _add_listen(parser, DEFAULT_LISTEN)
    parser.add_argument(
        "--web.enable-lifecycle",
        dest="lifecycle",
        action="store_true",
        help="open POST /-/reload to whoever can connect",
    )
    parser.add_argument(
        "--web.external-url",
        dest="external",
        type=_external,
        metavar="URL",
        help="where people reach the exporter, behind a proxy; its path stands before every route",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="prefix",
        type=_prefix,
        metavar="PATH",
        help="what stands before every route (default: the path of --web.external-url)",
    )
    parser.add_argument(
        "--storage.path",
        dest="storage",
        metavar="FILE",
        help="where all that must survive a restart is kept; empty: nowhere (default: the XDG state folder)",
    )
    parser.add_argument(
        "--limit.entities",
        dest="limit",
        type=_number("entities", least=0),
        default=Options(Config()).limit,
        metavar="N",
        help="entities of an aggregate that get series without being watched, the worst first (default: %(default)s)",
    )
    parser.add_argument(
        "--limit.documents",
        dest="documents",
        type=_by(units.size),
        default="32MB",
        metavar="SIZE",
        help="bytes of documents that are read and parsed at once, which takes up to forty times as much memory"
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--limit.probes",
        dest="probes",
        type=_number("requests", least=1),
        default=Options(Config()).probes,
        metavar="N",
        help="requests for /probe at once; 503 for those beyond (default: %(default)s)",
    )
    _add_resolver(parser)


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
    _add_file(parser, "--config.file", "config_file", "configuration (YAML) with the targets")
    parser.add_argument("--all", dest="everything", action="store_true", help="every target of --config.file")
    parser.add_argument(
        "--entity", metavar="ENTITYID", help="the entity that is meant, where the document is about several"
    )
    _add_file(
        parser,
        "--ca-file",
        "ca_file",
        "PEM of the authorities that TLS certificates may come from, instead of the system's",
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
        type=_position,
        choices=_POSITIONS,
        help="print this certificate of one target and nothing else (default: successor); stands after the target",
    )
    parser.add_argument(
        "--certificate-format",
        dest="certificate_format",
        choices=sorted(FORMS),
        help="with --print-certificate: base64 is DER on one line, as Update-MgDomainFederationConfiguration takes it"
        " (default: base64)",
    )
    _add_resolver(parser)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    _set_log(parser)
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


def _add_file(parser: argparse.ArgumentParser, flag: str, dest: str, what: str) -> None:
    _path(parser.add_argument(flag, dest=dest, metavar="FILE", help=what))


def _set_log(parser: argparse.ArgumentParser) -> None:
    """For a command that logs nothing: what :func:`_add_log` gives to others."""
    parser.set_defaults(log_level="warning", log_format=log.Form.LOGFMT)


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


def _position(text: str) -> str:
    if text not in _POSITIONS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither {' nor '.join(_POSITIONS)}; a target stands before this flag"
        )
    return text


def _prefix(text: str) -> str:
    path = text.rstrip("/")
    if not text.startswith("/") or not _PATH.fullmatch(path):
        raise argparse.ArgumentTypeError(f"{text!r} is not / and a path of letters, digits and . _ ~ - in its parts")
    return path


def _external(text: str) -> str:
    """The path of an address that people reach the exporter at."""
    if not {"#", "?"}.isdisjoint(text):
        raise argparse.ArgumentTypeError("must have neither ? nor #: of it only the path stands before every route")
    return _prefix(f"{urlsplit(_by(rules.checked_root)(text)).path}/")


def _by(check: Callable[[str], T]) -> Callable[[str], T]:
    """What gives a flag's value, or says by this check what is wrong with it."""

    def checked(text: str) -> T:
        try:
            return check(text)
        except (Mistake, ValueError) as mistake:
            raise argparse.ArgumentTypeError(str(mistake)) from None

    return checked


def _number(of: str, *, least: int) -> Callable[[str], int]:
    """What gives a flag's number, which is no lower than the least that has a meaning."""

    def checked(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of {of}, at least {least}")
        return int(text)

    return checked


def route_prefix(flags: argparse.Namespace) -> str:
    """What stands before every route: nothing, or a path that begins with / and does not end so."""
    return next((each for each in (flags.prefix, flags.external) if each is not None), "")
