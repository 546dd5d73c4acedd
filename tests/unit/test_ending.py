"""Signals that ask the program to end: the loop is told of each, and afterwards all is as it was."""

import asyncio
import os
import signal
import threading
import time

import pytest

from exporter import ending

PATIENCE = 10.0


@pytest.mark.parametrize("number", ending.SIGNALS)
def test_the_loop_is_told_of_each_in_its_turn(number: int) -> None:
    told = asyncio.Event()

    async def work() -> None:
        os.kill(os.getpid(), number)
        assert not told.is_set(), "not in the middle of something"
        async with asyncio.timeout(PATIENCE):
            await told.wait()

    with asyncio.Runner() as runner, ending.heard(runner.get_loop(), told.set):
        runner.run(work())


def test_a_loop_that_waits_is_told_though_the_signal_comes_to_another_thread_as_on_windows() -> None:
    told, waiting = asyncio.Event(), threading.Event()

    def hit() -> None:
        waiting.wait(PATIENCE)
        # Nothing tells that the loop waits; where it does not yet, this test proves nothing, and does not fail.
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    async def work() -> None:
        waiting.set()
        async with asyncio.timeout(PATIENCE):
            await told.wait()

    thread = threading.Thread(target=hit)
    thread.start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending.SIGNALS)
    try:
        with asyncio.Runner() as runner, ending.heard(runner.get_loop(), told.set):
            runner.run(work())
        thread.join()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize("ignored", [False, True])
def test_afterwards_signals_do_what_they_did_unless_they_are_to_pass(*, ignored: bool) -> None:
    before = {number: signal.getsignal(number) for number in ending.SIGNALS}
    loop = asyncio.SelectorEventLoop()
    try:
        with ending.heard(loop, lambda: None):
            assert all(signal.getsignal(number) is not action for number, action in before.items())
            if ignored:
                ending.ignore()
        after = {number: signal.getsignal(number) for number in before}
        assert after == (dict.fromkeys(before, signal.SIG_IGN) if ignored else before)
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        loop.close()
        for number, action in before.items():
            signal.signal(number, action)
