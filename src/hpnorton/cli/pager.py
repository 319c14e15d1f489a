"""A pager, such as less, between a long result and the terminal."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from hpnorton.cli.standard_streams import Output, ignore_closed_stdout
from hpnorton.log import write_message
from hpnorton.sanitize import sanitize_message

# Quit if all fits one screen, do not wrap long lines, leave the text on the screen.
_LESS_OPTIONS = "FRSX"
_LESS_WITH_HEADER = 668  # earlier ones lack --header, or crash with it
_PIPE_BYTES = 1 << 20


class _Left(Exception):
    """The reader has left the pager."""


@contextmanager
def paged(is_wanted: bool, header: int = 0) -> Iterator[Output]:
    """Yield what a result is written to: stdout, or a pager if it is wanted and on a terminal.

    The pager starts when the text has filled the screen; shorter texts need none. The first
    `header` lines stay in sight if the pager can do that. If the reader leaves early, the rest of
    the block is skipped.
    """
    command = pager_command(os.environ) if is_wanted and sys.stdout.isatty() else []
    if not command:
        with ignore_closed_stdout():
            yield sys.stdout
            sys.stdout.flush()
        return
    pager = _Pager(command, header)
    try:
        with suppress(_Left):
            yield pager
    finally:
        pager.close()


def pager_command(environment: Mapping[str, str]) -> list[str]:
    """Return the words of the pager's command: PAGER, or less; [] if PAGER is empty or cat."""
    if "PAGER" not in environment:
        is_screen = environment.get("TERM", "dumb") != "dumb"
        return ["less"] if is_screen and shutil.which("less") else []
    try:
        words = shlex.split(environment["PAGER"])
    except ValueError as error:
        _warn(f"PAGER cannot be understood ({error}); the result is shown without it")
        return []
    return [] if words == ["cat"] else words


class _Pager:
    """A pager that a result is written to, as to a terminal."""

    def __init__(self, command: list[str], header: int) -> None:
        self._command = command
        self._header = header
        self._screen = shutil.get_terminal_size()
        self._kept: list[str] = []  # until the screen is full
        self._rows = 0
        self._process: subprocess.Popen[str] | None = None
        self._is_missing = False
        self._interrupt: object = None

    def isatty(self) -> bool:
        """Return True: the pager shows the text on a terminal."""
        return True

    def write(self, text: str) -> int:
        """Write a text; start the pager when the screen is full."""
        if self._process is None and not self._is_missing:
            self._kept.append(text)
            self._rows += (
                sum(1 + len(line) // self._screen.columns for line in text.split("\n")) - 1
            )
            if self._rows < self._screen.lines:
                return len(text)
            self._start()
            text = "".join(self._kept)
            self._kept = []
        if self._process is None:
            return sys.stdout.write(text)
        assert self._process.stdin is not None
        try:
            return self._process.stdin.write(text)
        except BrokenPipeError:
            raise _Left from None

    def _start(self) -> None:
        sys.stdout.flush()
        environment = {"LESSCHARSET": "utf-8", **os.environ}
        command = self._command
        if os.path.basename(command[0]) == "less" and not os.environ.get("LESS"):
            environment["LESS"] = _LESS_OPTIONS
            if self._header and _less_version(command[0]) >= _LESS_WITH_HEADER:
                command = [*command, f"--header={self._header}"]
        try:
            # pylint: disable-next=consider-using-with # close() waits for it
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                encoding=sys.stdout.encoding,
                errors="replace",
                env=environment,
                pipesize=_PIPE_BYTES,
            )
        except (OSError, ValueError) as error:
            self._is_missing = True
            _warn(f"the pager {command[0]} cannot be started ({error}); see PAGER, --no-pager")
            return
        # Ctrl+C is for the pager; when the reader leaves it, this program ends too.
        if threading.current_thread() is threading.main_thread():
            self._interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def close(self) -> None:
        """Write a text that fits the screen, or wait until the reader has left the pager."""
        if self._process is None:
            sys.stdout.write("".join(self._kept))
            return
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        if self._interrupt is not None:
            signal.signal(signal.SIGINT, self._interrupt)  # type: ignore[arg-type] # as it was


def _less_version(less: str) -> int:
    """Return the version of a less, or 0 if it does not say."""
    try:
        version = subprocess.run([less, "--version"], capture_output=True, check=False).stdout
    except OSError:
        return 0
    found = re.match(rb"less (\d+)", version)
    return int(found[1]) if found else 0


def _warn(message: str) -> None:
    write_message(sanitize_message(message) + "\n")
