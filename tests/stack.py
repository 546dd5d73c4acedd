"""Real Prometheus and Alertmanager on loopback, for as long as somebody looks; nothing stays behind.

Configurations are given as data. Every program keeps its files and its log in a folder of its own.
"""

import asyncio
import json
import os
import random
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import yaml

TOOLS = Path(__file__).parents[1] / ".tools" / "usr" / "bin"
"""Where ``make prometheus`` puts what it fetches."""

STARTS_WITHIN = 60
"""Seconds, on a busy machine."""
STOPS_WITHIN = 10

_DURATION = re.compile(
    r"(?P<before>\[|\boffset |\b(?:for|keep_firing_for|group_wait|group_interval|repeat_interval): )"
    r"(?P<duration>(?:\d+(?:ms|[smhdwy]))+)\b"
)
_MILLISECONDS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}

Configuration = Mapping[str, Any]


class NotStartedError(Exception):
    """What keeps a program from running, with the end of its log."""


def found(*names: str) -> str:
    """Where the first of these programs is: on PATH, or where ``make prometheus`` puts it.

    Raises :class:`FileNotFoundError`.
    """
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), str(TOOLS)))
    for name in names:
        if path := shutil.which(name, path=folders):
            return path
    raise FileNotFoundError(
        f"{' or '.join(names)} is not here: 'make prometheus xmlsec1 chromium' gets it or says how to"
    )


def shortened(text: str, times: int) -> str:
    """Rules or an Alertmanager configuration in which every wait and every range is so many times shorter.

    What is compared in an expression (ages, days) stays as it is.
    """

    def shorter(match: re.Match[str]) -> str:
        parts = re.findall(r"(\d+)(ms|[smhdwy])", match["duration"])
        whole = sum(int(number) * _MILLISECONDS[unit] for number, unit in parts)
        return f"{match['before']}{max(1, whole // times)}ms"

    return _DURATION.sub(shorter, text)


def write(file: Path, configuration: Configuration) -> None:
    """Writes a configuration, and the folders above it; JSON is YAML."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(configuration, indent=2), encoding="utf-8")


def free_port(preferred: int = 0) -> int:
    """The preferred port of loopback if nobody has it, else one that nobody has.

    That one is none of those which systems give to whoever asks for any: until the program that it is for listens on
    it, nobody else gets it by chance.
    """
    for port in filter(None, (preferred, *random.sample(range(20000, 32000), 100))):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise NotStartedError("no free port on loopback")


def watching(
    exporters: Sequence[str], alertmanager: str, rules: Path, *, scrapes: str, evaluates: str | None = None
) -> Configuration:
    """A Prometheus that scrapes the exporters of a job, evaluates these rules and tells an Alertmanager.

    All of them as ``host:port``. Rules that say no interval are evaluated as often as is scraped, or as ``evaluates``.
    """
    return {
        "global": {"scrape_interval": scrapes, "evaluation_interval": evaluates or scrapes},
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": "fedmeta", "honor_labels": True, "static_configs": [{"targets": list(exporters)}]},
        ],
    }


def telling(sample: str, url: str) -> Configuration:
    """An Alertmanager configuration whose receivers all post to ``<url>/<receiver>`` instead."""
    configuration: dict[str, Any] = yaml.safe_load(sample)
    for receiver in configuration["receivers"]:
        address = f"{url}/{quote(receiver['name'])}"
        for integration in [key for key in receiver if key.endswith("_configs")]:
            del receiver[integration]
        receiver["webhook_configs"] = [{"url": address, "send_resolved": True}]
    return configuration


@asynccontextmanager
async def prometheus(program: str, configuration: Configuration, folder: Path, *, port: int = 0) -> AsyncIterator[str]:
    """The URL of a Prometheus that is ready."""
    arguments = [f"--config.file={folder}/configuration.json", f"--storage.tsdb.path={folder}/data", "--log.level=warn"]
    async with _daemon(program, arguments, configuration, folder, free_port(port)) as url:
        yield url


@asynccontextmanager
async def alertmanager(
    program: str, configuration: Configuration, folder: Path, *, port: int = 0
) -> AsyncIterator[str]:
    """The URL of an Alertmanager that is ready, and looks for no peers."""
    arguments = [f"--config.file={folder}/configuration.json", f"--storage.path={folder}/data", "--log.level=warn"]
    async with _daemon(
        program, [*arguments, "--cluster.listen-address="], configuration, folder, free_port(port)
    ) as url:
        yield url


@asynccontextmanager
async def running(
    command: Sequence[str],
    *,
    log: Path,
    ready: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> AsyncIterator[None]:
    """A program that answers 200 at the address ``ready``; it is stopped in the end, whatever happens.

    Raises :class:`NotStartedError`.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=cwd,
        )
    try:
        await _until_ready(process, command[0], log, ready)
        yield
    finally:
        await _stopped(process)


@asynccontextmanager
async def _daemon(
    program: str, arguments: Sequence[str], configuration: Configuration, folder: Path, port: int
) -> AsyncIterator[str]:
    write(folder / "configuration.json", configuration)
    url = f"http://127.0.0.1:{port}"
    command = [program, *arguments, f"--web.listen-address=127.0.0.1:{port}"]
    # What is unpacked there looks for its pages and templates below the folder that it is started in.
    cwd = TOOLS.parents[1] if TOOLS.is_dir() else None
    async with running(command, log=folder / "log.txt", ready=f"{url}/-/ready", cwd=cwd):
        yield url


async def _until_ready(process: asyncio.subprocess.Process, name: str, log: Path, address: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as client:
        while process.returncode is None and time.monotonic() < deadline:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with client.get(address) as answer:
                    if answer.ok:
                        return
            await asyncio.sleep(0.05)
    why = f"did not answer at {address}" if process.returncode is None else f"ended with {process.returncode}"
    raise NotStartedError(f"{name} {why}:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


async def _stopped(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOPS_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
