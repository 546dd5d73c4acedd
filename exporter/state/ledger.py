"""What the state file holds, and what waits to be written into it. Touches no file, and waits for none."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from exporter.state.marks import Marks, followed
from exporter.state.saved import Saved, joined, pruned


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written together."""

    targets: Mapping[str, tuple[Saved | None, Saved | None]]
    """What is held of each, and what is to be held."""
    waiting: Mapping[str, Saved]
    pruning: "_Pruning | None"
    marks: tuple[Marks, Marks]
    """Those in the file, and those that are to be."""


@dataclass(frozen=True, slots=True)
class _Pruning:
    before: datetime
    but: Container[str]


class Ledger:
    """What the state file holds, and what waits for it; for use from any thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._held: Mapping[str, Saved] = {}
        self._waiting: dict[str, Saved] = {}
        self._since: datetime | None = None
        self._known = set[str]()
        """The targets of which nothing is in the file that nobody knows: they may be written."""
        self._open = False
        self._pruning: _Pruning | None = None
        self._names: frozenset[str] | None = None
        """Who is watched; None: nobody has said."""
        self._marks: Marks = {}
        self._written: Marks = {}
        """The marks in the file."""

    def load(self, name: str, url: str) -> Saved | None:
        """What is known of the target at this address; None when nothing is. It may be written from now on.

        While no file is open, it must be asked for once more when there is one.

        What waited of a target is given up where the file turns out to hold something of it: whoever asked puts both
        together, and gives that to :meth:`keep`.
        """
        with self._lock:
            if self._open and name not in self._known:
                self._known.add(name)
                if name in self._held:
                    self._waiting.pop(name, None)
            found = joined(self._held.get(name), self._waiting.get(name))
        return found.at(url) if found else None

    def keep(self, name: str, saved: Saved) -> None:
        """Lets something wait to be written, in place of what waited of that target before."""
        with self._lock:
            self._since = self._since or self._clock()
            self._waiting[name] = saved

    def follow(self, names: Collection[str]) -> None:
        """Notes who is watched from now on; who was until now is removed, also who was in the process before."""
        with self._lock:
            self._names = frozenset(names)
            self._mark(followed(self._marks, self._names, self._clock()))

    def removed(self, now: datetime) -> Mapping[str, datetime]:
        """The targets that were removed, and when; what it puts right is written with what comes next."""
        with self._lock:
            gone = {name: mark for name, mark in self._marks.items() if not mark.watched}
            right = followed(gone, (), now)
            if right != gone:
                self._mark({**{name: mark for name, mark in self._marks.items() if mark.watched}, **right})
        return {name: mark.since for name, mark in right.items()}

    def prune(self, before: datetime, *, but: Container[str]) -> None:
        """Lets what was last seen or told before a moment be removed, except of some targets."""
        with self._lock:
            self._pruning = _Pruning(before, but)

    def read(self, held: Mapping[str, Saved], marks: Marks) -> None:
        """Notes what a file holds that cannot be written."""
        with self._lock:
            self._held = held
            self._resume(marks)

    def opened(self, held: Mapping[str, Saved], marks: Marks) -> bool:
        """Notes what a file holds that can be written from now on; whether it is the first.

        All that is known from an earlier one waits to be written into this one.
        """
        with self._lock:
            first, self._open = not self._open, True
            self._written = marks
            if first:
                self._resume(marks)
                # Of these the file holds nothing that could be lost, and nobody may ask for them any more.
                self._known |= self._waiting.keys() - held.keys()
            else:
                names = {*self._held, *self._waiting}
                known = {name: joined(self._held.get(name), self._waiting.get(name)) for name in names}
                self._waiting = {name: each for name, each in known.items() if each is not None}
                self._known |= self._held.keys()
                if self._waiting:
                    self._since = self._since or self._clock()
                self._mark(self._marks)
            self._held = held
            return first

    def batch(self) -> Batch | None:
        """What may be written now; None when nothing may."""
        with self._lock:
            waiting = {name: each for name, each in self._waiting.items() if name in self._known}
            held = {name: self._held.get(name) for name in waiting}
            targets = {name: (held[name], joined(held[name], each)) for name, each in waiting.items()}
            pruning = self._pruning
            if pruning is not None:
                old = {name: (each, pruned(each, pruning.before)) for name, each in self._held.items()}
                # A reload may have begun to watch more since, of which the file knew from long ago.
                wanted = self._waiting.keys()
                gone = {name: pair for name, pair in old.items() if name not in pruning.but and name not in wanted}
                targets = {**gone, **targets}
            marks = self._written, self._marks
        return Batch(targets, waiting, pruning, marks) if targets or pruning or marks[0] != marks[1] else None

    def written(self, batch: Batch, *, but: Container[str]) -> None:
        """Notes that a batch stands in the file, except of some targets, which are not tried again."""
        with self._lock:
            held = dict(self._held)
            for name, (_, after) in batch.targets.items():
                if name in but:
                    continue
                if after is None:
                    del held[name]
                else:
                    held[name] = after
            self._held = held
            self._waiting = {name: each for name, each in self._waiting.items() if each is not batch.waiting.get(name)}
            self._written = batch.marks[1]
            self._since = self._clock() if self._waiting or self._marks != self._written else None
            if self._pruning is batch.pruning:
                self._pruning = None

    @property
    def waiting(self) -> Sequence[str]:
        """The targets of which something is not in the file yet."""
        with self._lock:
            marked = self._marks.items() ^ self._written.items() if self._marks != self._written else ()
            return tuple(sorted({*self._waiting, *(name for name, _ in marked)}))

    @property
    def since(self) -> datetime | None:
        """Since when the oldest of it waits."""
        return self._since

    def _mark(self, marks: Marks) -> None:
        self._marks = marks
        if marks != self._written:
            self._since = self._since or self._clock()

    def _resume(self, marks: Marks) -> None:
        """Joins the marks of the process before to those of this one, which knows better."""
        if self._names is not None:
            gone = {name: mark for name, mark in self._marks.items() if not mark.watched}
            marks = followed({**marks, **gone}, self._names, self._clock())
        self._mark(marks)
