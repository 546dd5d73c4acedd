"""The command in a process that has of Python only what there is on Windows, as far as Linux can imitate it.

``python tests/windows.py check …``. What is taken away is what Python's documentation calls available on Unix alone.
``tests/integration/test_windows.py`` says what must work all the same.
"""

import asyncio
import ctypes
import errno
import fcntl
import importlib
import os
import selectors
import signal
import stat
import sys
import threading
import types
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

SIGNALS = {"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"}
"""What ``signal`` has on Windows, but for SIGBREAK, for which SIGUSR1 stands here."""

OF_UNIX = {
    "os": "O_CLOEXEC O_NONBLOCK chown environb fchmod fchown fork geteuid getgid getuid getenvb lchown mkfifo mknod"
    " pipe2 pread pwrite sched_getaffinity sendfile statvfs sysconf uname waitid",
    "signal": "alarm pause pthread_kill pthread_sigmask setitimer sigpending sigwait siginterrupt",
}


class _SelectSelector(selectors.SelectSelector):
    """Waits for sockets and nothing else."""

    def register(self, fileobj: Any, events: int, data: object = None) -> selectors.SelectorKey:  # noqa: ANN401 -- as in typeshed
        key = super().register(fileobj, events, data)
        if not stat.S_ISSOCK(os.fstat(key.fd).st_mode):
            raise OSError(10038, "An operation was attempted on something that is not a socket")
        return key


def _not_there(*_: object) -> NoReturn:
    raise NotImplementedError


def _locking(descriptor: int, _mode: int, _count: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, "Permission denied") from error


class _Library(ctypes.CDLL):
    """One that has a name."""

    def __init__(self, name: str | None, *more: Any, **named: Any) -> None:  # noqa: ANN401 -- whatever ctypes takes
        if name is None:
            raise TypeError("LoadLibrary() argument 1 must be str, not None")
        super().__init__(name, *more, **named)


def _for_closed_files(call: Callable[..., None]) -> Callable[..., None]:
    """A call that refuses a file which this process has open, and to rename onto one that is there."""

    def refusing(path: "str | os.PathLike[str]", *to: "str | os.PathLike[str]", **more: object) -> None:
        links = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]  # noqa: PTH208 -- pathlib is what calls this
        opened = {os.readlink(link) for link in links if os.path.lexists(link)}  # noqa: PTH115 -- pathlib is what calls this
        if os.path.realpath(path) in opened:
            raise PermissionError(errno.EACCES, "another process uses the file", os.fspath(path))
        if any(os.path.lexists(each) for each in to):
            raise FileExistsError(errno.EEXIST, "the file exists", os.fspath(path))
        call(path, *to, **more)

    return refusing


def _replace() -> None:
    """Takes away what Windows has not, and puts there what it has in its place."""
    # What imports fcntl on Linux has done so by now; it is none of ours.
    for name in ("fcntl", "resource", "pwd", "grp", "termios"):
        vars(sys)["modules"][name] = None
    msvcrt = types.ModuleType("msvcrt")
    vars(msvcrt).update(LK_NBLCK=2, locking=_locking)
    sys.modules["msvcrt"] = msvcrt
    for module, names in ((os, OF_UNIX["os"]), (signal, OF_UNIX["signal"])):
        for name in names.split():
            delattr(module, name)
    for name in [each for each in vars(signal) if each.startswith("SIG") and each not in SIGNALS]:
        delattr(signal, name)
    vars(ctypes)["CDLL"] = _Library
    vars(selectors)["DefaultSelector"] = _SelectSelector
    asyncio.SelectorEventLoop.add_signal_handler = _not_there  # type: ignore[assignment]  # it is not there
    # The other loop.
    vars(asyncio)["new_event_loop"] = _not_there
    for name in ("rename", "unlink"):
        vars(os)[name] = _for_closed_files(vars(os)[name])
    with warnings.catch_warnings():
        # Later Pythons have it at another place.
        warnings.simplefilter("ignore", DeprecationWarning)
        vars(urllib.request)["url2pathname"] = importlib.import_module("nturl2path").url2pathname


def main() -> None:
    """Runs the command there."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    block, how, every, ctrl_break = (
        signal.pthread_sigmask,
        signal.SIG_BLOCK,
        signal.valid_signals(),
        signal.SIGUSR1,
    )
    # Windows delivers signals in a thread of its own, and they wake nobody who waits.
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    block(how, every)
    _replace()
    vars(signal)["SIGBREAK"] = ctrl_break
    importlib.import_module("exporter.__main__").run()


if __name__ == "__main__":
    main()
