"""The files that a pattern names."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from exporter.config.document import Mistake

MOST_ENTRIES = 20_000
"""Files and folders that are looked at for each part of a pattern, which is done again every few seconds."""


def matching_files(pattern: str) -> Sequence[str]:
    """The files of a pattern of ``target_files``, in order, as :func:`glob.glob` gives them.

    But ``**`` follows no link to a folder: two that lead back would have no end. Raises
    :class:`~exporter.config.document.Mistake` where too much would have to be looked at.
    """
    return _Search().files(Path(pattern))


class _Search:
    """The search for one pattern, which counts what it looks at."""

    def __init__(self) -> None:
        self._looked = 0

    def files(self, pattern: Path) -> Sequence[str]:
        *folders, last = pattern.relative_to(pattern.anchor).parts or ("",)
        found: Iterable[Path] = [Path(pattern.anchor)]
        for part in folders:
            # Each once: two ** find the same on many ways. The next part looks at them anew.
            self._looked = 0
            found = dict.fromkeys(each for folder in found for each in self._folders(folder, part))
        self._looked = 0
        return sorted({str(each) for folder in found for each in self._all(folder, last)})

    def _folders(self, folder: Path, part: str) -> Iterator[Path]:
        """The folders in a folder that fit to a part of the pattern."""
        if part == "**":
            yield from self._below(folder)
        elif glob.escape(part) == part:
            yield folder / part
        else:
            yield from (folder / entry.name for entry in self._entries(folder, part) if _is_folder(entry))

    def _all(self, folder: Path, part: str) -> Iterator[Path]:
        """All that is in a folder and fits to the last part of the pattern."""
        if part == "**":
            yield from (each / entry.name for each in self._below(folder) for entry in self._entries(each))
        elif glob.escape(part) != part:
            yield from (folder / entry.name for entry in self._entries(folder, part))
        elif os.path.lexists(folder / part):
            yield folder / part

    def _below(self, folder: Path) -> Iterator[Path]:
        """A folder, and the folders below it."""
        waiting = [folder]
        while waiting:
            yield (each := waiting.pop())
            waiting += (each / entry.name for entry in self._entries(each) if _is_folder(entry, follow_links=False))

    def _entries(self, folder: Path, part: str = "*") -> Iterator["os.DirEntry[str]"]:
        """What is in a folder and fits; a hidden one only to a part that begins with a dot too.

        Nothing where it cannot be read, as for :mod:`glob`.
        """
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                self._looked += 1
                if self._looked > MOST_ENTRIES:
                    raise Mistake(f"more than {MOST_ENTRIES} files and folders to look at: name their folder")
                if fnmatch(entry.name, part) and (part.startswith(".") or not entry.name.startswith(".")):
                    yield entry


def _is_folder(entry: "os.DirEntry[str]", *, follow_links: bool = True) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow_links)
    except OSError:
        # A link that leads to itself, for one.
        return False
