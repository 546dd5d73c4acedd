"""``check``: which targets are meant, one look at each, and the exit code."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter import fetch, regular
from exporter.config.document import Mistake, did_you_mean
from exporter.config.reader import ConfigError, load, target_at
from exporter.config.settings import Look, Module, Target, Tls
from exporter.config.urls import shown, told_apart
from exporter.findings import Standing
from exporter.record import Record
from exporter.refused import RefusedError
from exporter.report import plugin_line
from exporter.rollover import Severity
from exporter.rounds import Rounds

STANDARD_INPUT = "-"

_CONFIGURATION = (".yml", ".yaml")
_KEPT, _RECEIVED = "fedmeta-check-", "stdin"
"""How the folder begins in which standard input is kept while it is looked at, and the file in it."""
STOPPED = "stopped before the answer came"
"""What a signal is told as."""


class NotCheckedError(RefusedError):
    """Nothing was looked at, so nothing is known."""

    code = 3


class WrongFlagsError(NotCheckedError):
    """The flags contradict each other, or what is there does not fit them."""

    code = 2


class FailOn(StrEnum):
    """From which severity on the exit code is not 0."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Codes:
    """The exit code for each outcome."""

    found: Mapping[Severity, int]
    """By the severity of the worst finding."""
    wrong_flags: int
    not_checked: int = NotCheckedError.code

    def of(self, standings: Collection[Standing]) -> int:
        """The code for how targets stand; 0 only where something is known of each."""
        code = self.found[max(each.severity for each in standings)]
        return code if code or all(each.is_judged for each in standings) else self.not_checked


_FOUND_NOTHING = {Severity.OK: 0, Severity.INFO: 0}

EXIT_CODES: Mapping[tuple[bool, FailOn], Codes] = {
    (False, FailOn.WARNING): Codes({**_FOUND_NOTHING, Severity.WARNING: 1, Severity.CRITICAL: 1}, 2),
    (False, FailOn.CRITICAL): Codes({**_FOUND_NOTHING, Severity.WARNING: 0, Severity.CRITICAL: 1}, 2),
    (True, FailOn.WARNING): Codes({**_FOUND_NOTHING, Severity.WARNING: 1, Severity.CRITICAL: 2}, 3),
    (True, FailOn.CRITICAL): Codes({**_FOUND_NOTHING, Severity.WARNING: 0, Severity.CRITICAL: 2}, 3),
}
"""Without and with ``--nagios``, by ``--fail-on``. With it they are those of a plugin (Monitoring Plugins Development
Guidelines, "Plugin Return Codes"), where a wrong flag is no critical state."""

NAGIOS_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""What a plugin's exit code means."""


def exit_codes() -> str:
    """The table of exit codes, for a person at a terminal."""
    columns = {
        "no flag": EXIT_CODES[False, FailOn.WARNING],
        "--fail-on=critical": EXIT_CODES[False, FailOn.CRITICAL],
        "--nagios": EXIT_CODES[True, FailOn.WARNING],
        "both": EXIT_CODES[True, FailOn.CRITICAL],
    }
    rows: Mapping[str, Sequence[int]] = {
        "nothing, or info": [each.found[Severity.INFO] for each in columns.values()],
        "warning": [each.found[Severity.WARNING] for each in columns.values()],
        "critical": [each.found[Severity.CRITICAL] for each in columns.values()],
        "unknown, in place of 0": [each.not_checked for each in columns.values()],
        "nothing was looked at": [each.not_checked for each in columns.values()],
        "wrong flags": [each.wrong_flags for each in columns.values()],
    }
    lines = [_row("exit codes, by the worst that was found", columns, columns)]
    lines += [_row(f"  {outcome}", map(str, codes), columns) for outcome, codes in rows.items()]
    lines += ["", "unknown: the document of a target was not read, or has nothing to judge"]
    return "\n".join(lines)


def _row(head: str, cells: Iterable[str], columns: Iterable[str]) -> str:
    padded = (f"{cell:<{len(name)}}" for cell, name in zip(cells, columns, strict=True))
    return f"{head:<40} {'  '.join(padded)}".rstrip()


def unknown(why: str) -> str:
    """The status line of a plugin that could not look."""
    return plugin_line(NAGIOS_WORDS[NotCheckedError.code], why)


@contextmanager
def targets(
    addresses: Sequence[str],
    *,
    file: str | None = None,
    everything: bool = False,
    entity_id: str | None = None,
    ca_file: str | None = None,
) -> Iterator[Sequence[Target]]:
    """What is to be looked at, each once, in the order in which it was named; standard input is kept for the block.

    With a configuration file the addresses are names of its targets. Raises :class:`NotCheckedError`.
    """
    addresses = tuple(dict.fromkeys(addresses))
    if everything and file is None:
        raise WrongFlagsError("--all means every target of a configuration file: give that as --config.file")
    if everything and addresses:
        raise WrongFlagsError(
            f"--all means every target of {file}, so name none beside it: leave out {' '.join(addresses)}, or --all"
        )
    if not everything and not addresses:
        raise WrongFlagsError(
            "name what to look at: hosts, URLs or files, or - for standard input; with --config.file names of its"
            " targets, or --all"
        )
    if file is not None and ca_file is not None:
        raise WrongFlagsError("--ca-file is for addresses; the modules of --config.file have tls_config.ca_file")
    with ExitStack() as kept:
        if file is None:
            found = _at(addresses, Module() if ca_file is None else _trusting(ca_file), kept)
        else:
            found = _of_configuration(file, addresses)
        if entity_id is not None:
            if len(found) > 1:
                raise WrongFlagsError("--entity names an entity of one target, and several are named")
            found = [replace(each, entity_id=entity_id) for each in found]
        yield found


async def looked_at(
    targets: Collection[Target], *, resolver: str, clock: Callable[[], datetime], done: Callable[[int], None]
) -> Sequence[Record]:
    """What one look from every place, and one inquiry about every domain, tell of each target, in their order.

    ``resolver`` is one of :data:`exporter.fetch.RESOLVERS`; ``done`` is told how many targets are through, whenever one
    is.
    """
    through = 0
    async with fetch.client(resolver=fetch.RESOLVERS[resolver]()) as client:
        rounds = Rounds(client, clock)

        async def one(target: Target) -> Record:
            nonlocal through
            record = await rounds.everything(target)
            through += 1
            done(through)
            return _as_named(record)

        return await asyncio.gather(*map(one, targets))


def misplaced_among(addresses: Sequence[str]) -> str:
    """What is wrong with addresses of which one is the name of a configuration file, or a folder; empty: none is."""
    for each in addresses:
        if "://" not in each and each.lower().endswith(_CONFIGURATION):
            return f"{each} is the name of a configuration file: give it as --config.file={each}"
        if "://" not in each and _is_folder(each):
            return f"{each} is a folder: name the file in it that is meant"
    return ""


def _is_folder(address: str) -> bool:
    """Whether a folder is meant, and no host: with a dot in it a name may be that of both."""
    may_be_host = "." in address.strip(".") and set(address).isdisjoint("/\\")
    return os.path.isdir(address) and not may_be_host  # noqa: PTH112 -- until Python 3.13 pathlib raises where it is too long


def _of_configuration(file: str, names: Sequence[str]) -> Sequence[Target]:
    """The targets of a configuration file with these names; without any all of them."""
    try:
        known = {target.name: target for target in load(file).targets}
    except ConfigError as error:
        raise NotCheckedError(str(error)) from error
    for name in names:
        if name not in known:
            raise NotCheckedError(f"{file} has no target {name}{did_you_mean(name, known)}")
    if not known:
        raise NotCheckedError(f"{file} has no target")
    return [known[name] for name in names or known]


def _at(addresses: Sequence[str], module: Module, kept: ExitStack) -> Sequence[Target]:
    if misplaced := misplaced_among(addresses):
        raise NotCheckedError(misplaced)
    found: list[Target] = []
    wrong: list[str] = []
    for number, address in enumerate(addresses, 1):
        try:
            target = _received(kept) if address == STANDARD_INPUT else target_at(as_url(address))
        except Mistake as mistake:
            wrong.append(f"address {number}: {mistake}")
        else:
            found.append(replace(target, looks=(replace(target.look, module=module),)))
    if wrong:
        raise NotCheckedError("\n".join(wrong))
    names = Counter(each.name for each in found)
    return [
        each if names[each.name] == 1 else replace(each, name=told_apart(address) if "://" in address else address)
        for each, address in zip(found, addresses, strict=True)
    ]


def as_url(address: str) -> str:
    """The URL of a file that is named by its path; any other address as it is."""
    is_path = not set(address).isdisjoint("/\\") or address.lower().endswith(".xml") or is_file(address)
    return Path(address).absolute().as_uri() if is_path and "://" not in address else address


def is_file(path: str) -> bool:
    """Whether there is a file at a path; none is where it is too long for one."""
    return os.path.isfile(path)  # noqa: PTH113 -- until Python 3.13 pathlib raises where it is too long


def _received(kept: ExitStack) -> Target:
    """The target whose document comes on standard input."""
    try:
        file = Path(kept.enter_context(TemporaryDirectory(prefix=_KEPT)), _RECEIVED)
        if sys.stdin is None:
            raise Mistake("standard input is closed")
        limit = Module().body_size_limit
        size = file.write_bytes(sys.stdin.buffer.read(limit + 1))
        if not size:
            raise Mistake("nothing came on standard input")
        if size > limit:
            raise Mistake(f"what comes on standard input is larger than {limit} bytes")
    except KeyboardInterrupt:
        raise NotCheckedError(STOPPED) from None
    except OSError as error:
        raise NotCheckedError(f"standard input cannot be read, or not be kept: {error.strerror}") from error
    return Target(_RECEIVED, (Look(file.as_uri()),))


def _as_named(record: Record) -> Record:
    """The record as it is shown: a document that came on standard input is nowhere else."""
    target, url = record.target, shown(record.target.url)
    if not (_KEPT in url and url.endswith(f"/{_RECEIVED}")):
        return record
    looks = (replace(target.look, url="standard input"),)
    known = tuple(replace(each, look=look) for each, look in zip(record.looks, looks, strict=True))
    return replace(record, target=replace(target, looks=looks), looks=known)


def _trusting(ca_file: str) -> Module:
    """The module that knows these authorities."""
    try:
        regular.content(ca_file, 0)
    except OSError as error:
        raise NotCheckedError(f"--ca-file: {ca_file} cannot be read: {error.strerror}") from error
    return Module(tls=Tls(ca_file=ca_file))
