"""Another configuration while it runs: what holds is followed, what does not changes nothing and is told."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

import hanging
import pytest
from builders import HOUR, NOW
from clockwork import Clockwork, run
from strange import StrangeError
from waiting import until

from exporter.config.reader import load, matching_files, read_file
from exporter.config.settings import Config, Target
from exporter.reload import LOOK_EVERY, Configuration, _digests
from exporter.watch import Watch

SECRET = "correct.horse.battery"  # noqa: S105 -- no real one


@dataclass
class Follower:
    """Notes what it is to watch, and raises what it is told to."""

    followed: list[list[str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most: int = 0
    begun: bool = False

    async def follow(self, targets: Iterable[Target]) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
            if self.errors:
                raise self.errors.pop(0)
            self.followed.append([target.name for target in targets])
            self.begun = True
        finally:
            self.under_way -= 1


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def follower() -> Follower:
    follower = Follower()
    follower.gate.set()
    return follower


@pytest.fixture(autouse=True)
def every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "exporter")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "fedmeta.yml", "one")


def written(file: Path, *names: str, more: str = "") -> Path:
    """A configuration with these targets, written whole or not at all."""
    aside = file.with_name("aside")
    targets = "".join(f"\n  - {{name: {name}, url: 'https://{name}.example/'}}" for name in names) or " []"
    aside.write_text(f"targets:{targets}\n{more}", encoding="utf-8")
    return aside.rename(file)


def configuration(file: Path, follower: Follower, clock: Callable[[], datetime] | None = None) -> Configuration:
    watch = cast("Watch", follower)
    return Configuration(load(str(file)), file=str(file), watch=watch, clock=clock or Clock())


def names(config: Config) -> Sequence[str]:
    return [target.name for target in config.targets]


async def test_a_configuration_that_holds_is_followed(
    file: Path, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    in_force = configuration(file, follower, clock)
    assert (in_force.succeeded, in_force.succeeded_at) == (True, NOW)
    written(file, "one", "two")
    clock.now += HOUR

    assert await in_force.reload() is None

    assert follower.followed == [["one", "two"]]
    assert names(in_force.config) == ["one", "two"]
    assert (in_force.succeeded, in_force.succeeded_at) == (True, NOW + HOUR)
    ((line, targets),) = [(record.getMessage(), vars(record)["targets"]) for record in caplog.records]
    assert (line, targets) == ("configuration reloaded", 2)


def test_a_configuration_that_does_not_hold_changes_nothing_and_is_told(
    file: Path, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    in_force = configuration(file, follower, clock)
    before = in_force.config
    clock.now += HOUR

    written(file, "two", more="targetz: []\n")
    # Without a thread: where one raises, Python 3.11 does not tell coverage which lines come next.
    problems = run(Clockwork(), in_force.reload())

    assert problems is not None
    assert "targetz" in problems
    assert in_force.config is before
    assert follower.followed == []
    assert (in_force.succeeded, in_force.succeeded_at) == (False, NOW)
    ((line, told),) = [(record.getMessage(), vars(record)["problems"]) for record in caplog.records]
    assert (line, told) == ("configuration not reloaded", problems)
    written(file, "two")
    assert run(Clockwork(), in_force.reload()) is None
    assert (in_force.succeeded, in_force.succeeded_at) == (True, NOW + HOUR)


@pytest.mark.parametrize(
    "kind", [ValueError, MemoryError, RecursionError, StrangeError, SystemExit, asyncio.CancelledError]
)
async def test_what_fails_by_a_mistake_of_ours_is_told_without_a_word_of_the_error_and_can_be_tried_again(
    file: Path, follower: Follower, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    in_force = configuration(file, follower)
    before = in_force.config
    follower.errors.append(kind(SECRET))

    problems = await in_force.reload()

    assert problems == f"a mistake of ours ({kind.__name__}): the log has the traceback"
    assert (in_force.config, in_force.succeeded) == (before, False)
    assert caplog.messages == ["reload failed by a mistake of ours", "configuration not reloaded"]
    assert "in follow" in vars(caplog.records[0])["traceback"]
    assert not any(SECRET in str(vars(record)) for record in caplog.records)
    assert await in_force.reload() is None
    assert in_force.succeeded
    assert follower.followed == [["one"]]


async def test_without_a_file_there_is_nothing_to_read(follower: Follower, caplog: pytest.LogCaptureFixture) -> None:
    in_force = Configuration(config := Config(), file=None, watch=cast("Watch", follower), clock=Clock())
    assert await in_force.reload() is None
    assert in_force.config is config
    assert (follower.followed, caplog.records) == ([], [])


async def test_a_reload_waits_for_another_that_is_under_way(file: Path, follower: Follower) -> None:
    in_force = configuration(file, follower)
    follower.gate.clear()
    first = asyncio.create_task(in_force.reload())
    await until(lambda: follower.under_way)
    written(file, "two")
    second = asyncio.create_task(in_force.reload())
    for _ in range(10):
        await asyncio.sleep(0)
    follower.gate.set()
    assert [await first, await second] == [None, None]
    assert (follower.most, follower.followed) == (1, [["one"], ["two"]])
    assert names(in_force.config) == ["two"]


async def test_all_who_ask_while_a_reload_is_under_way_share_the_next_one(
    file: Path, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    in_force = configuration(file, follower)
    follower.gate.clear()
    first = asyncio.create_task(in_force.reload())
    await until(lambda: follower.under_way)
    later = [asyncio.create_task(in_force.reload()) for _ in range(50)]
    await asyncio.sleep(0)
    written(file, "one", more="unknown: 1\n")
    for each in later[:25]:
        each.cancel()
    follower.gate.set()
    assert await first is None
    problems = set(await asyncio.gather(*later[25:]))
    assert len(problems) == 1, "what was written before they asked is read after it"
    assert None not in problems
    assert caplog.messages == ["configuration reloaded", "configuration not reloaded"]
    assert names(in_force.config) == ["one"]


async def one_under_way_and_one_waiting(in_force: Configuration, follower: Follower) -> list[asyncio.Task[str | None]]:
    """Two who asked for a reload, of which the first is held up by the follower's gate."""
    follower.gate.clear()
    asked = [asyncio.create_task(in_force.reload())]
    await until(lambda: follower.under_way)
    asked.append(asyncio.create_task(in_force.reload()))
    await asyncio.sleep(0)
    return asked


async def test_whoever_asks_for_a_reload_and_leaves_breaks_nothing_off(file: Path, follower: Follower) -> None:
    in_force = configuration(file, follower)
    for each in await one_under_way_and_one_waiting(in_force, follower):
        each.cancel()
        with pytest.raises(asyncio.CancelledError):
            await each
    written(file, "two")
    follower.gate.set()
    await until(lambda: follower.followed == [["one"], ["two"]])


async def test_at_the_end_a_reload_is_broken_off_and_none_begins(
    file: Path, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    in_force = configuration(file, follower)
    asked = await one_under_way_and_one_waiting(in_force, follower)
    async with asyncio.timeout(10):
        await in_force.end()
    assert follower.under_way == 0
    for each in asked:
        with pytest.raises(asyncio.CancelledError):
            await each
    assert (in_force.succeeded, follower.followed, caplog.records) == (True, [], [])
    await in_force.end()


# Target files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "targets"
    folder.mkdir()
    written(tmp_path / "fedmeta.yml", "one", more="target_files: [targets/*.yml]\n")
    return folder


def targets_in(file: Path, name: str) -> None:
    aside = file.with_name("aside")
    aside.write_text(f"[{{name: {name}, url: 'https://{name}.example/'}}]\n", encoding="utf-8")
    aside.rename(file)


@asynccontextmanager
async def following(in_force: Configuration) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(in_force.follow_target_files(every=0.005))
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@dataclass
class Looks:
    """Counts the looks at the target files, and raises what it is told to."""

    times: int = 0
    error: BaseException | None = None

    def __call__(self, pattern: str) -> Iterable[str]:
        self.times += 1
        if self.error is not None:
            raise self.error
        return matching_files(pattern)

    async def again(self) -> None:
        """Waits for a look that began after now."""
        times = self.times
        await until(lambda: self.times > times + 1)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks()
    monkeypatch.setattr("exporter.reload.matching_files", looks)
    return looks


async def test_a_target_file_that_comes_changes_or_goes_is_reason_to_reload(
    folder: Path, follower: Follower, looks: Looks
) -> None:
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    async with following(in_force):
        await looks.again()
        assert follower.followed == [], "nothing has changed"
        targets_in(folder / "team.yml", "two")
        await until(lambda: follower.followed == [["one", "two"]])
        await looks.again()
        targets_in(folder / "team.yml", "three")
        await until(lambda: follower.followed[1:] == [["one", "three"]])
        await looks.again()
        (folder / "team.yml").unlink()
        await until(lambda: follower.followed[2:] == [["one"]])
        await looks.again()
        assert len(follower.followed) == 3


async def test_a_target_file_that_cannot_be_read_is_told_once_and_what_it_said_stays(
    folder: Path, follower: Follower, looks: Looks, caplog: pytest.LogCaptureFixture
) -> None:
    targets_in(folder / "team.yml", "two")
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    async with following(in_force):
        await looks.again()
        (folder / "team.yml").unlink()
        (folder / "team.yml").mkdir()
        await until(lambda: not in_force.succeeded)
        await looks.again()
        assert names(in_force.config) == ["one", "two"]
        assert caplog.messages.count("configuration not reloaded") == 1


@pytest.mark.parametrize("kind", [ValueError, MemoryError, StrangeError, asyncio.CancelledError])
async def test_a_look_at_the_target_files_that_fails_is_told_and_made_again(
    folder: Path, follower: Follower, looks: Looks, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    async with following(in_force):
        await looks.again()
        looks.error = kind(SECRET)
        await looks.again()
        looks.error = None
        targets_in(folder / "team.yml", "two")
        await until(lambda: follower.followed == [["one", "two"]])
    assert caplog.messages[0] == "a look at the target files failed by a mistake of ours"
    assert not any(SECRET in str(vars(record)) for record in caplog.records)


async def test_to_follow_the_target_files_ends_when_it_is_cancelled(
    folder: Path, follower: Follower, looks: Looks
) -> None:
    async with following(configuration(folder.parent / "fedmeta.yml", follower)) as task:
        await looks.again()
    assert task.cancelled()


@pytest.mark.parametrize("kind", [ValueError, TimeoutError, StrangeError, asyncio.CancelledError])
def test_a_start_that_fails_is_told_and_tried_again_and_a_reload_waits_for_its_turn(
    file: Path, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    loop, follower = Clockwork(), Follower(errors=[kind(SECRET), kind(SECRET)])
    in_force = configuration(file, follower, loop.now)

    async def start() -> float:
        beginning = asyncio.create_task(in_force.begin())
        await asyncio.sleep(0)
        reloading = asyncio.create_task(in_force.reload())
        await asyncio.sleep(0)
        follower.gate.set()
        assert await reloading
        await beginning
        return loop.time()

    assert run(loop, start()) == LOOK_EVERY
    assert (follower.followed, follower.most) == ([["one"]], 1)
    assert caplog.messages[0] == "the start of the watch failed by a mistake of ours"
    assert not any(SECRET in str(vars(record)) for record in caplog.records)


async def test_a_configuration_that_was_not_read_in_time_is_read_again_though_no_file_changes(
    folder: Path, follower: Follower, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    late = [True, True]

    def slow(file: str) -> Config:
        if late:
            late.pop()
            raise TimeoutError
        return load(file)

    monkeypatch.setattr("exporter.reload.load", slow)
    async with following(in_force):
        await looks.again()
        targets_in(folder / "team.yml", "two")
        await until(lambda: follower.followed == [["one", "two"]])
    assert not late


@pytest.mark.parametrize("name", ["fedmeta.yml", "targets/team.yml"])
async def test_a_file_that_hangs_is_told_and_holds_one_thread_however_often_it_is_wanted_and_is_read_when_it_ends(
    name: str, folder: Path, follower: Follower, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", hanging.opening())
    monkeypatch.setattr("exporter.reload.PATIENCE", 0.02)
    targets_in(folder / "team.yml", "two")
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    hanging.hang(hung := folder.parent / name)
    before = threading.active_count()
    async with following(in_force):
        for _ in range(40):
            assert "was not read within" in str(await in_force.reload())
        assert not in_force.succeeded
        await until(lambda: name == "fedmeta.yml" or "target files not looked at" in caplog.messages)
        assert threading.active_count() <= before + 1
        monkeypatch.setattr("exporter.reload.PATIENCE", 20)
        targets_in(folder / "team.yml", "three")
        hanging.let_go(hung)
        await until(lambda: in_force.succeeded)
    assert names(in_force.config) == ["one", "three"]
    assert not [each for each in caplog.messages if "mistake of ours" in each]


async def test_a_look_at_the_target_files_that_takes_too_long_is_told_by_a_sentence_and_the_next_good_one_reloads(
    folder: Path, follower: Follower, looks: Looks, caplog: pytest.LogCaptureFixture
) -> None:
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    async with following(in_force):
        await looks.again()
        looks.error = TimeoutError()
        await until(lambda: not in_force.succeeded)
        looks.error = None
        await until(lambda: in_force.succeeded)
    told = [(record.getMessage(), vars(record).get("problems")) for record in caplog.records]
    sentence = f"{folder.parent / 'fedmeta.yml'}, or a file that it names, was not read within 10 s"
    assert told[0] == ("target files not looked at", sentence)
    assert told[-1] == ("configuration reloaded", None)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
async def test_a_target_file_that_is_no_regular_file_is_told_once_and_what_was_read_before_stays(
    make: Callable[[Path], None],
    folder: Path,
    follower: Follower,
    looks: Looks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    async with following(in_force):
        await looks.again()
        make(folder / "team.yml")
        await until(lambda: not in_force.succeeded)
        await looks.again()
        assert names(in_force.config) == ["one"]
    (problems,) = [vars(each)["problems"] for each in caplog.records]
    assert problems.startswith(f"{folder / 'team.yml'}: cannot be read: it is a ")


async def test_where_too_much_would_have_to_be_looked_at_that_is_told_once(
    folder: Path,
    follower: Follower,
    looks: Looks,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_force = configuration(folder.parent / "fedmeta.yml", follower)
    async with following(in_force):
        await looks.again()
        monkeypatch.setattr("exporter.config.patterns.MOST_ENTRIES", 1)
        for name in ("a.txt", "b.txt"):
            (folder / name).touch()
        await until(lambda: not in_force.succeeded)
        await looks.again()
        (problems,) = [vars(each)["problems"] for each in caplog.records]
        assert "more than 1 files and folders to look at" in problems
        (folder / "a.txt").unlink()
        await until(lambda: in_force.succeeded)


def test_a_configuration_that_is_not_read_in_time_is_told(
    file: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force = configuration(file, follower, Clock())

    def late(_: str) -> Config:
        raise TimeoutError

    monkeypatch.setattr("exporter.reload.load", late)
    # Without a thread: see above.
    problems = run(Clockwork(), in_force.reload())
    assert problems == f"{file}, or a file that it names, was not read within 10 s"


def test_of_target_files_only_those_that_can_be_read_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = tmp_path / "a.yml", tmp_path / "b.yml"
    for file in (good, bad):
        file.write_text("targets: []")
    os.mkfifo(tmp_path / "c.yml")

    def sometimes(name: str) -> bytes:
        if name == str(bad):
            raise OSError(5, "Input/output error")
        return read_file(name)

    monkeypatch.setattr("exporter.reload.read_file", sometimes)
    digests = _digests(Config(target_files=(str(tmp_path / "*.yml"),)))
    assert digests.keys() == {str(tmp_path / name) for name in ("a.yml", "b.yml", "c.yml")}
    assert digests[str(bad)] == b"" != digests[str(good)]
