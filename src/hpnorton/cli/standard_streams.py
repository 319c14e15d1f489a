"""stdin, stdout and stderr as the caller leaves them: open, closed, replaced, full or unread."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from hpnorton.log import discard_rest, is_closed


class Output(Protocol):
    """Where a result is written: stdout, or a pager."""

    def write(self, text: str, /) -> object:
        """Write a text."""

    def isatty(self) -> bool:
        """Return whether a terminal shows it."""


@contextmanager
def usable_streams() -> Iterator[None]:
    """Let print() work in this block, whatever the caller's standard streams are.

    A closed stream is replaced by the null device (stdin: by None), and an object that has only
    write() by a stream that writes to it. Text is encoded as UTF-8, except for a terminal, which
    shows what it can. At the end the caller's objects are restored and all buffers are flushed.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    _open_descriptors()
    with ExitStack() as stack:
        if is_closed(sys.stdin):
            sys.stdin = None  # as Python itself does
        sys.stdout = _usable(sys.stdout, stack)
        sys.stderr = _usable(sys.stderr, stack)
        _use_utf8()
        try:
            yield
        finally:
            try:
                sys.stdout.flush()
            except OSError:  # after an error or --help, which have been reported already
                discard_rest(sys.stdout)
            sys.stdin, sys.stdout, sys.stderr = before


@contextmanager
def ignore_closed_stdout() -> Iterator[None]:
    """Leave the block without an error when the reader of stdout closes it, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        discard_rest(sys.stdout)


class _Writer(io.TextIOBase):
    """A text stream that writes to an object that has only write()."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        isatty = getattr(self._target, "isatty", None)
        return bool(isatty and isatty())

    def write(self, text: str, /) -> int:
        self._target.write(text)
        return len(text)

    def flush(self) -> None:
        flush = getattr(self._target, "flush", None)
        if flush:
            flush()


def _open_descriptors() -> None:
    """Open the null device as each of 0, 1 and 2 that is closed, so that no database gets it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            os.set_inheritable(number, True)


def _usable(stream: Any, stack: ExitStack) -> Any:
    if is_closed(stream):
        return stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
    return stream if isinstance(stream, io.IOBase) else _Writer(stream)


def _use_utf8() -> None:
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            if output.isatty():
                output.reconfigure(errors="replace")
            else:
                output.reconfigure(encoding="utf-8", errors="backslashreplace")
