"""Files that hang, as on a server of files that is gone: whoever opens one waits for as long as a pipe is beside it.

``python tests/hanging.py serve …`` runs the command where files may do so.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def hang(file: Path) -> Path:
    """Makes a file hang; gives the pipe beside it."""
    os.mkfifo(pipe := _beside(file))
    return pipe


def let_go(file: Path) -> None:
    """Lets whoever waits have the file, and all who come later."""
    writer = os.open(pipe := _beside(file), os.O_RDWR)
    pipe.unlink()
    os.close(writer)


def opening(really: Callable[..., int] = os.open) -> Callable[..., int]:
    """An ``os.open`` that waits for files that hang."""

    def opened(path: "str | os.PathLike[str]", *more: Any, **named: Any) -> int:  # noqa: ANN401 -- whatever os.open takes
        if (pipe := _beside(Path(path))).exists():
            waiting = really(pipe, os.O_RDONLY)
            os.read(waiting, 1)
            os.close(waiting)
        return really(path, *more, **named)

    return opened


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.hangs")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    vars(os)["open"] = opening()
    importlib.import_module("exporter.__main__").run()
