"""Ctrl+C and other signals: handled at once or when the work in progress is done."""

import signal
import threading

import pytest

from hpnorton.errors import FileError
from hpnorton.interrupts import catch_interrupts, handle_signals

SOON = 20.0


def test_ctrl_c_is_first_a_request() -> None:
    """The first Ctrl+C asks the work to stop, a second one ends it at once."""
    with catch_interrupts() as interrupts:
        assert not interrupts.is_requested
        signal.raise_signal(signal.SIGINT)
        assert interrupts.is_requested and not interrupts.is_repeated
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interrupts.is_repeated


def test_a_wait_ends_with_the_first_ctrl_c() -> None:
    """Inside `raised` the first Ctrl+C raises, also one that was pressed before."""
    with catch_interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.raised():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interrupts.raised():
            pytest.fail("it went on")


def test_ctrl_c_is_afterwards_what_it_was() -> None:
    """When the work is done, or has failed, Ctrl+C does again what it did before."""
    before = signal.getsignal(signal.SIGINT)
    with catch_interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(FileError), catch_interrupts():
        raise FileError("no such file")
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_other_threads_leave_ctrl_c_alone() -> None:
    """In a thread that gets no signals, Ctrl+C is never requested and nothing is changed."""
    before = signal.getsignal(signal.SIGINT)
    answers: list[object] = []

    def work() -> None:
        with catch_interrupts() as interrupts, interrupts.raised():
            answers.extend([interrupts.is_requested, signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(SOON)
    assert answers == [False, before]


def test_other_signals_are_handled_and_restored() -> None:
    """Each of the signals calls the handler, until the block ends."""
    seen: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    with handle_signals((signal.SIGTERM, signal.SIGHUP), lambda number, frame: seen.append(number)):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
    assert seen == [signal.SIGTERM, signal.SIGHUP]
    assert signal.getsignal(signal.SIGTERM) is before
