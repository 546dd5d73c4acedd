"""A YAML document as places: nodes that know their file, line and path, and collect what is wrong with them.

A message holds no value but names and numbers that are known to be such, because any other may be a secret written
in the wrong place. Keys are shown when they look like keys.
"""

import difflib
import re
import unicodedata
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")

_SHOWN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_DEEPEST = 20

LARGEST = 16 * 2**20
"""Bytes of a file."""

MOST_VALUES = 200_000
"""Values of a file, keys among them: 25,000 targets with three keys each, which take six seconds."""

MOST_TOLD = 100
"""Mistakes that are told one by one."""

MOST_COPIES = 100_000
"""Values that anchors may add to those that are written: as many as ten thousand targets with ten keys in common."""

_MISTAKEN = {
    **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", "a space"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
}
"""Signs that word processors and web pages write, by what is meant."""
_SIGN_FIRST = re.compile(f"[ -]*([{''.join(_MISTAKEN)}])")
_QUOTES = tuple(sign for sign, meant in _MISTAKEN.items() if meant in {'"', "'"})

_FOR_THE_INDENT = "lines that belong together begin in the same column, and a value in quotes ends with its quote"
_FOR_THE_EMPTY = "; if it belongs to {} above, put more spaces before it"
_TOO_DEEP = f"nested too deeply: at most {_DEEPEST} levels"
_COLON = (
    "a colon in the wrong place: this line stands too far in, the line before it has no colon, or text with a colon"
    " and a space in it has no quotes"
)
_MENDING = (
    (re.compile(r"but found '[]}]'"), "a bracket is closed, and was not opened"),
    (re.compile(r"found character '\\t'"), "a tab: indent with spaces alone"),
    (re.compile("found character"), "text that begins with @, ` or % needs quotes"),
    (re.compile("expected <block end>"), f"this line does not fit to those before it: {_FOR_THE_INDENT}"),
    (re.compile("mapping values are not allowed"), _COLON),
    (
        re.compile("sequence entries are not allowed"),
        "a list begins on a line of its own: write its first - below the key, with spaces before it",
    ),
    (re.compile("could not find expected ':'"), "the line before this one has no colon after its key"),
    (re.compile("found unexpected end of stream"), "a quote is opened, and not closed"),
    (
        re.compile("unknown escape|expected escape"),
        "in double quotes \\ begins an escape: write \\\\, or use single quotes",
    ),
    (
        re.compile("found undefined alias"),
        "no anchor (&) of this name stands before; text that begins with * needs quotes",
    ),
    (re.compile("second occurrence"), "an anchor (&) of this name stands before; text that begins with & needs quotes"),
    (
        re.compile("expected alphabetic or numeric character"),
        "an anchor (&) or alias (*) without a name; text that begins so needs quotes",
    ),
    (re.compile("expected chomping or indentation"), "text that begins with | or > needs quotes"),
    (re.compile("but found another document"), "a second document begins: write one, with no line --- in it"),
)
"""What a person does about what PyYAML found, by its words; the first that fits holds."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration, and where it is."""

    file: str
    """Empty when the mistake is in no file."""
    line: int | None
    """From 1; None when the whole file is meant."""
    path: str
    """Such as ``targets[2].url``; empty at the top."""
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.path, self.message) if part)


class ConfigError(Exception):
    """Everything that is wrong with a configuration; its text has one line for each problem, a hundred at most."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        told = [str(each) for each in problems[:MOST_TOLD]]
        more = [f"and {len(problems) - MOST_TOLD} more"] if len(problems) > MOST_TOLD else []
        super().__init__("\n".join(told + more))
        self.problems = tuple(problems)


class Mistake(Exception):  # noqa: N818 -- what an operator makes, not an error of the program
    """What is wrong with one place, as a sentence that follows its path."""


class Reported(Exception):  # noqa: N818 -- it says that a mistake was told, and is none of the program
    """A place has no value, and why was collected already."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the configuration while it is read."""

    file: str
    folder: Path
    """Where relative paths start: the folder of the configuration file, also for target files."""
    read_file: Callable[[str], bytes]
    problems: list[Problem]
    homes: Mapping[str, str] = field(default_factory=dict)
    """By key where it may stand, as the end of a sentence, for whoever wrote it elsewhere."""

    def wrong(self, message: str, *, line: int | None = None, path: str = "") -> None:
        """Collect a problem."""
        self.problems.append(Problem(self.file, line, path, message))


Key = str | int | tuple[str, ...]
"""A key of a mapping, or several of which one is written; or the index of an item."""


@dataclass(frozen=True, slots=True)
class Place:
    """A YAML node and where it stands."""

    source: Source
    node: yaml.Node
    line: int
    path: str

    def wrong(self, message: str) -> None:
        """Collect a problem of this place."""
        self.source.wrong(message, line=self.line, path=self.path)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written here."""
        return bool(self.node.tag == _NULL)

    def text(self) -> str:
        """The scalar as it is written, so that ``12345`` may be a password and ``on`` a name."""
        return _text(self.node)

    def items(self) -> list["Place"]:
        """The items of a list; an empty value is an empty list."""
        if self.is_empty:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self._refuse_sign()
            raise Mistake("must be a list: each item on a line of its own that begins with - and a space")
        return [
            Place(self.source, node, node.start_mark.line + 1, f"{self.path}[{index}]")
            for index, node in enumerate(self.node.value)
        ]

    def entries(self) -> Iterator[tuple[str, "Place"]]:
        """The keys of a mapping and their values, also those written twice; an empty value is an empty mapping.

        Those that ``<<`` brings from other mappings come last, and none that is written here or came before (YAML,
        "Merge Key Language-Independent Type").
        """
        if self.is_empty:
            return
        if not isinstance(self.node, yaml.MappingNode):
            self._refuse_sign()
            raise Mistake("must be a mapping: keys, each with a colon and a space after it")
        taken: set[str] = set()
        for name, child in self._written():
            taken.add(name)
            yield name, child
        for merged in self._merged():
            for name, child in merged.entries():
                if name not in taken:
                    taken.add(name)
                    yield name, replace(child, path=self._below(name))

    def below(self, *keys: Key) -> "Place":
        """Where these keys lead, one below the other; or the place as far down that way as anything is written."""
        place = self
        for key in keys:
            if isinstance(key, int):
                found = place.items()[key : key + 1] if isinstance(place.node, yaml.SequenceNode) else []
            else:
                entries = place.entries() if isinstance(place.node, yaml.MappingNode) else ()
                keys_here = key if isinstance(key, tuple) else (key,)
                found = [child for name, child in entries if name in keys_here]
            if not found:
                break
            place = found[0]
        return place

    def _refuse_sign(self) -> None:
        """Raises :class:`Reported` where the first thing in a line looks like a hyphen, space or quote, and is none."""
        keys = [key for key, _ in self.node.value] if isinstance(self.node, yaml.MappingNode) else [self.node]
        for node in keys:
            if isinstance(node, yaml.ScalarNode) and _SIGN_FIRST.match(node.value):
                line = node.start_mark.line + 1
                self.source.wrong(mistaken_sign(node.value), line=line, path=self.path)
                raise Reported

    def _merged(self) -> Iterator["Place"]:
        """The mappings that ``<<`` names, the one that counts most first."""
        first = 0
        for key, value in self.node.value:
            if key.tag == _MERGE:
                line = key.start_mark.line + 1
                if first:
                    told = f"<< is written twice, first in line {first}: it takes a list, as in <<: [*one, *other]"
                    self.source.wrong(told, line=line, path=self.path)
                first = first or line
                for node in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(node, yaml.MappingNode):
                        yield replace(self, node=node)
                    else:
                        self.source.wrong(
                            "<< takes a mapping, or a list of them, as in <<: *name", line=line, path=self.path
                        )

    def _written(self) -> Iterator[tuple[str, "Place"]]:
        for key, value in self.node.value:
            if key.tag == _MERGE:
                continue
            line = key.start_mark.line + 1
            try:
                name = _text(key)
            except Mistake as mistake:
                self.source.wrong(f"a key {mistake}", line=line, path=self.path)
            else:
                yield name, Place(self.source, value, line, self._below(name))

    def _below(self, key: str) -> str:
        if not _SHOWN_KEY.fullmatch(key):
            return self.path
        return f"{self.path}.{key}" if self.path else key


@dataclass(frozen=True, slots=True)
class Block:
    """What was read from a mapping."""

    place: Place
    values: dict[str, Any] = field(default_factory=dict)
    """By key; a value that could not be read is not here."""
    places: dict[str, Place] = field(default_factory=dict)
    """By key, whether or not the value could be read."""
    faulty: set[str] = field(default_factory=set)
    """The keys with a mistake in or below them."""

    def at(self, key: str) -> Place:
        """Where a key is, or else where it is missing."""
        return self.places.get(key, self.place)

    def at_most_one(self, keys: tuple[str, ...]) -> None:
        """Collect a problem for every key beyond the first that is written."""
        first, *others = [key for key in self.places if key in keys] or [""]
        for other in others:
            self.places[other].wrong(f"cannot stand together with {first}")

    def require(self, *wanted: tuple[str, ...]) -> None:
        """Make sure that of each group exactly one key is written; raises Reported when a group has no value."""
        for keys in wanted:
            self.at_most_one(keys)
            if self.places.keys().isdisjoint(keys):
                self.place.wrong(f"needs {' or '.join(keys)}")
        if any(self.values.keys().isdisjoint(keys) for keys in wanted):
            raise Reported


Reader = Callable[[Place], Any]
"""Gives the value of a place, or raises Mistake or Reported."""

Readers = Mapping[str, Reader]
"""The keys that a block may have."""


def block(place: Place, readers: Readers, *, shy: bool = False) -> Block:
    """A mapping with known keys; ``shy`` shows no unknown key, where one may well be a secret without its colon."""
    found, empty = Block(place), ""
    for key, child in place.entries():
        if key in readers:
            _read_into(found, key, child, readers[key])
            empty = key if child.is_empty and key not in found.faulty else ""
        else:
            is_hidden = shy and key not in _elsewhere(readers)
            at = replace(child, path=place.path) if is_hidden else child
            home = "" if shy else place.source.homes.get(key, "")
            end = _FOR_THE_EMPTY.format(empty) if empty else ""
            at.wrong(f"unknown key{_instead(key, readers, home, shy=shy)}{end}")
    return found


def _instead(key: str, readers: Readers, home: str, *, shy: bool) -> str:
    """The end of a sentence about an unknown key: where it stands, how it is written, or which other is meant."""
    if not shy and (sign := mistaken_sign(key)):
        return f"; {sign}"
    if home:
        return f" here; one of this name stands {home}"
    if key.startswith("-"):
        return "; put a space behind -"
    if f"{key}_file" in readers:
        return f"; did you mean {key}_file, which names a file that holds it?"
    # Who did not ask for a variable writes the secret itself where its name is wanted.
    return did_you_mean(key, [each for each in readers if not each.endswith("_env") or "env" in key.lower()])


def _elsewhere(readers: Readers) -> Collection[str]:
    """Keys by which another block, or another program, has what these keys hold: they are no secrets."""
    stems = [each.removesuffix("_file").removesuffix("_env") for each in readers]
    return {f"{stem}{end}" for stem in stems for end in ("", "_env", "_file")}


def each(place: Place, reader: Reader) -> Block:
    """A mapping with keys of the operator's choice, every value read alike."""
    found = Block(place)
    for key, child in place.entries():
        _read_into(found, key, child, reader)
    return found


def items(place: Place, reader: Callable[[Place], T]) -> tuple[T, ...]:
    """The values of a list that can be read; the mistakes of the others are collected."""
    return tuple(value for item in place.items() for value in attempt(item, reader))


def attempt(place: Place, reader: Callable[[Place], T]) -> Iterator[T]:
    """The value of a place; nothing when it has none, and why is collected."""
    try:
        yield reader(place)
    except Mistake as mistake:
        place.wrong(str(mistake))
    except Reported:
        pass


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, if any is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def mistaken_sign(text: str) -> str:
    """A sentence about the first sign that looks like a hyphen, space or quote and is none; empty: there is no such."""
    for sign in text:
        if sign in _MISTAKEN:
            return f"U+{ord(sign):04X} ({unicodedata.name(sign).lower()}) only looks like {_MISTAKEN[sign]}: write that"
    return ""


def compose(source: Source) -> Place:
    """The root of a file; that of an empty file is empty, and so is that of one that is no YAML, which is collected."""
    node = None
    try:
        node = _composed(source.read_file(source.file))
    except OSError as error:
        source.wrong(f"cannot be read: {reason(error)}")
    except UnicodeDecodeError as error:
        source.wrong("not UTF-8: save the file as UTF-8", line=error.object.count(b"\n", 0, error.start) + 1)
    except _YamlError as error:
        source.wrong(error.problem, line=error.line)
    return Place(source, node or yaml.ScalarNode(_NULL, ""), 1, "")


def _composed(text: bytes) -> yaml.Node | None:
    if len(text) > LARGEST:
        raise _YamlError(f"larger than {LARGEST} bytes", 1)
    if text.startswith((BOM_UTF16_BE, BOM_UTF16_LE)) or b"\0" in text[:2]:
        raise _YamlError("not UTF-8 but UTF-16, as > in Windows PowerShell writes it: save the file as UTF-8", 1)
    node = _Loader(text.decode("utf-8-sig")).get_single_node()
    _check_copies(node)
    return node


def reason(error: OSError) -> str:
    """Why a file cannot be read, without its name."""
    return error.strerror or type(error).__name__


class _YamlError(Exception):
    """A sentence without any part of the file, and the line."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


class _Loader(yaml.SafeLoader):
    """Composes trees without tags; an alias is the node of its anchor itself."""

    def __init__(self, text: str) -> None:
        self._depth = self._values = 0
        try:
            super().__init__(text)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise _YamlError(
                f"not YAML: the control character U+{ord(text[error.position]):04X}: delete it", line
            ) from None

    def get_single_node(self) -> yaml.Node | None:
        try:
            return super().get_single_node()
        except yaml.MarkedYAMLError as error:
            line = self.line if error.problem_mark is None else error.problem_mark.line
            _check_first_signs(self.buffer, line)
            problem = error.problem or ""
            if "flow" in (error.context or ""):
                raise _in_brackets(problem, line + 1, self.marks[-1].line + 1) from None
            if "quoted scalar" in (error.context or "") and "end of stream" in problem and error.context_mark:
                line = error.context_mark.line
            raise _YamlError(_mending(problem), line + 1) from None
        except (ValueError, OverflowError):
            # SafeLoader gives the number of an escape such as \UFFFFFFFF to chr() unchecked.
            raise _YamlError(_mending("found unknown escape character"), self.line + 1) from None

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth == _DEEPEST:
            raise _YamlError(_TOO_DEEP, self.line + 1)
        self._values += 1
        if self._values > MOST_VALUES:
            raise _YamlError(f"more than {MOST_VALUES} values: share them out among several files", self.line + 1)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def fetch_tag(self) -> None:
        raise _YamlError("not YAML: tags (!) are not accepted; text that begins so needs quotes", self.line + 1)


def _in_brackets(problem: str, line: int, opened: int) -> _YamlError:
    """What PyYAML found in a line, as what to do about the bracket that was opened last, in the same or another."""
    if "<stream end>" in problem:
        return _YamlError("not YAML: a bracket is opened, and not closed", opened)
    if problem.endswith("content, but found ','"):
        return _YamlError("not YAML: a comma with nothing before it", line)
    which = "a bracket" if opened == line else f"the bracket that is opened in line {opened}"
    if problem.endswith(("']'", "'}'")):
        return _YamlError(f"not YAML: {which} is closed by one of another kind", line)
    return _YamlError(f"not YAML: {which} is not closed, or a comma is missing", line)


def _check_copies(root: yaml.Node | None) -> None:
    """Raises :class:`_YamlError` where anchors make a tree that is too large or too deep, or has no end."""
    measured: dict[int, tuple[int, int]] = {}
    written = 0

    def measure(node: yaml.Node, above: frozenset[int]) -> tuple[int, int]:
        """How many values a node stands for, and how deep they go."""
        nonlocal written
        if id(node) in above:
            raise _YamlError("an alias (*) stands within its own anchor (&)", node.start_mark.line + 1)
        if id(node) not in measured:
            written += 1
            below = [measure(each, above | {id(node)}) for each in _children(node)]
            measured[id(node)] = 1 + sum(size for size, _ in below), 1 + max((depth for _, depth in below), default=0)
        return measured[id(node)]

    if root is None:
        return
    size, depth = measure(root, frozenset())
    if size - written > MOST_COPIES:
        raise _YamlError(f"aliases (*) add more than {MOST_COPIES} values to those that are written", 1)
    if depth > _DEEPEST:
        raise _YamlError(_TOO_DEEP, 1)


def _check_first_signs(text: str, last: int) -> None:
    """Raises :class:`_YamlError` where this line or the one before begins with a sign that only looks like another."""
    for number, line in [*enumerate(text.split("\n"), 1)][max(last - 1, 0) : last + 1]:
        if first := _SIGN_FIRST.match(line):
            raise _YamlError(f"not YAML: {mistaken_sign(first.group())}", number) from None


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from chain.from_iterable(node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise Mistake("must be text")
    if node.tag == _NULL or not node.value:
        raise Mistake("must not be empty")
    if node.style is None and node.value.startswith(_QUOTES):
        raise Mistake(f"begins with a sign that is no quote: {mistaken_sign(node.value)}, or put the whole in quotes")
    if _CONTROL.search(node.value):
        raise Mistake("must be one line without control characters")
    return str(node.value)


def _read_into(found: Block, key: str, child: Place, reader: Reader) -> None:
    before = len(child.source.problems)
    if key in found.places:
        child.wrong(f"written twice, first in line {found.places[key].line}")
    else:
        found.places[key] = child
        found.values.update((key, value) for value in attempt(child, reader))
    if len(child.source.problems) > before:
        found.faulty.add(key)


def _mending(problem: str) -> str:
    """What PyYAML found, as what to do about it; nothing of the file is in it."""
    for words, told in _MENDING:
        if words.search(problem):
            return f"not YAML: {told}"
    # PyYAML quotes what it found at the end of the sentence, or after these two words.
    problem = re.sub(r", but (found|got) .*", "", problem).removeprefix("but ")
    return "not YAML: " + re.sub(r"(character|handle) (['\"]).*?\2", r"\1", problem)
