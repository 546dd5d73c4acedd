"""SIGHUP from the very first moment: it asks for a reload, and never ends the process.

Imports nothing that takes time, so that :func:`hear` can run before everything else does. Windows has no SIGHUP: there
nothing here does anything.
"""

import signal
from collections.abc import Callable
from types import FrameType

_HANGUP: int | None = getattr(signal, "SIGHUP", None)
_before: object = None
"""What the process did at SIGHUP before; None: not known yet."""
_pending = False
_listener: Callable[[], object] | None = None


def hear() -> None:
    """Takes SIGHUP from now on; one that comes before :func:`tell` is not lost."""
    global _before  # noqa: PLW0603 -- a process has one SIGHUP
    before = _does(_came)
    _before = before if _before is None else _before


def tell(listener: Callable[[], object]) -> None:
    """Calls this at every SIGHUP from now on, and once for those that came before.

    It runs between two instructions of the main thread, so it must do no more than to pass the word on.
    """
    global _pending, _listener  # noqa: PLW0603 -- a process has one SIGHUP
    _listener = listener
    if _pending:
        _pending = False
        listener()


def ignore() -> None:
    """Lets SIGHUP pass from now on: nobody is there any more whom it could be told."""
    _does(signal.SIG_IGN)


def end() -> None:
    """Gives SIGHUP back: a terminal that closes ends its commands, but for those that ``nohup`` started."""
    _does(signal.SIG_IGN if _before is signal.SIG_IGN else signal.SIG_DFL)


def _does(action: Callable[[int, FrameType | None], object] | signal.Handlers) -> object:
    """What SIGHUP did until now; from now on it does this."""
    return None if _HANGUP is None else signal.signal(_HANGUP, action)


def _came(_number: int, _frame: FrameType | None) -> None:
    global _pending  # noqa: PLW0603 -- a process has one SIGHUP
    if _listener is None:
        _pending = True
    else:
        _listener()
