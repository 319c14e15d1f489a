"""stdin, stdout and stderr as the caller left them: open, closed, replaced, full or unread."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO


@contextmanager
def usable_streams() -> Iterator[None]:
    """Let print() work inside, whatever the caller has made of the standard streams.

    What is closed is replaced by the null device (stdin: by None), and an object with nothing but
    write() by a stream that writes to it. Text goes out as UTF-8, except to a terminal, which
    shows what it can. Afterwards the caller's objects are back, and nothing is left in a buffer.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    _open_descriptors()
    with ExitStack() as stack:
        if _is_gone(sys.stdin):
            sys.stdin = None  # as Python itself has it
        sys.stdout = _usable(sys.stdout, stack)
        sys.stderr = _usable(sys.stderr, stack)
        _use_utf8()
        try:
            yield
        finally:
            try:
                sys.stdout.flush()
            except OSError:  # on the way out of an error or after --help: that has been told
                discard_rest(sys.stdout)
            sys.stdin, sys.stdout, sys.stderr = before


def discard_rest(stream: TextIO) -> None:
    """Send what a stream still holds to the null device: at exit Python would try again."""
    try:
        number = stream.fileno()
    except OSError:  # it is no file, and has no buffer of its own
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


@contextmanager
def until_closed() -> Iterator[None]:
    """Let the reader of stdout close it while it is written, as `head` does: the rest is left."""
    try:
        yield
    except BrokenPipeError:
        discard_rest(sys.stdout)


def write_message(text: str) -> None:
    """Write a text to stderr; if nobody can read it, the exit status has to do."""
    if _is_gone(sys.stderr):  # in a program that uses the package as a library
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        discard_rest(sys.stderr)


class _Writer(io.TextIOBase):
    """A text stream that writes to an object which has only write()."""

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
    """Open the null device as each of 0, 1 and 2 that is closed: a database must not get one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            os.set_inheritable(number, True)


def _is_gone(stream: Any) -> bool:
    return stream is None or getattr(stream, "closed", False)


def _usable(stream: Any, stack: ExitStack) -> Any:
    if _is_gone(stream):
        return stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
    return stream if isinstance(stream, io.IOBase) else _Writer(stream)


def _use_utf8() -> None:
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            if output.isatty():
                output.reconfigure(errors="replace")
            else:
                output.reconfigure(encoding="utf-8", errors="backslashreplace")
