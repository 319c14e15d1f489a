"""Ctrl+C, and other signals that ask this process to end."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from hpnorton import log

_PATIENCE = 2.0  # seconds after Ctrl+C until a message says what is waited for


@contextmanager
def handle_signals(
    numbers: Iterable[int], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Call `handler` for some signals, and restore their handlers in the end.

    Outside the main thread, where Python handles no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


class Interrupts:
    """Counts how often Ctrl+C was pressed; `catch_interrupts` makes one.

    The first press is a request that the work in progress may finish for. Inside `raised` it raises
    KeyboardInterrupt at once. A second press always does.
    """

    def __init__(self) -> None:
        self._presses = 0
        self._is_raised = False

    @property
    def is_requested(self) -> bool:
        """Whether Ctrl+C was pressed."""
        return self._presses > 0

    @property
    def is_repeated(self) -> bool:
        """Whether Ctrl+C was pressed more than once."""
        return self._presses > 1

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at once if Ctrl+C was pressed or is pressed meanwhile."""
        self._is_raised = True
        try:
            if self.is_requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_raised = False

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle SIGINT and, some time after it, SIGALRM."""
        if number == signal.SIGALRM:
            with suppress(RuntimeError):  # this thread is logging something else at the moment
                log.warning("the rows in hand are finished first; Ctrl+C once more stops at once")
            return
        self._presses += 1
        if self._is_raised or self.is_repeated:
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE)


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Let the work in progress finish after Ctrl+C: the work asks whether to stop.

    A message is logged if that takes long. Outside the main thread Ctrl+C is never requested.
    """
    interrupts = Interrupts()
    with handle_signals((signal.SIGINT, signal.SIGALRM), interrupts.handle):
        try:
            yield interrupts
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.setitimer(signal.ITIMER_REAL, 0)
