"""Commands in processes of their own, which are measured, and stopped when this process is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic, sleep

from hpnorton.errors import ComparisonError
from hpnorton.interrupts import handle_signals

MAX_STOP_SECONDS = 20  # until a command that was asked to end is killed
_KILL_SECONDS = 2
_STEP = 0.01
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
# Isolated and without site-packages: it starts in 10 ms.
_STOPWATCH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("stopwatch.py")))
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


@dataclass(frozen=True)
class CommandResult:
    """The exit status, the resources and the output of a command.

    `seconds` is the elapsed time, `cpu` are the user and system seconds of the process and its
    children, `peak` the bytes that the largest of these processes had at most. A negative `status`
    is the number of a signal.
    """

    status: int
    seconds: float
    cpu: float
    peak: int
    out: bytes
    err: str


class Children:
    """Runs commands, one at a time; made by `open_children`."""

    def __init__(self) -> None:
        self._is_ending = False
        self._group: int | None = None

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has asked this process to end."""
        if self._is_ending:
            raise KeyboardInterrupt

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> CommandResult:
        """Run a command. Raises KeyboardInterrupt if a signal asks this process to end."""
        self.check()
        with TemporaryFile() as out, TemporaryFile() as err, TemporaryFile() as result:
            # pylint: disable-next=consider-using-with # it is waited for below
            process = subprocess.Popen(
                [*_STOPWATCH, str(result.fileno()), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                pass_fds=[result.fileno()],
                start_new_session=True,  # Ctrl+C is passed on by `end`
            )
            self._group = process.pid
            if self._is_ending:  # between the check above and now
                self._send(signal.SIGINT)
            while process.poll() is None:  # a signal just before wait() would be missed
                sleep(_STEP)
            result.seek(0)
            figures = [float(figure) for figure in result.read().split()]
            if self._is_ending or process.returncode or figures[0] < 0:
                self._kill_the_rest()
            self._group = None
            self.check()
            out.seek(0)
            err.seek(0)
            message = err.read().decode(errors="replace")
            if process.returncode:
                raise ComparisonError(f"{command[0]} could not be run: {message.strip()}")
            status, seconds, cpu, peak = figures
            return CommandResult(
                int(status), seconds, cpu, int(peak) * _MAXRSS_BYTES, out.read(), message
            )

    def end(self, _number: int, _frame: object) -> None:
        """Handle a signal: ask the command to end, or kill it at the second signal."""
        self._send(signal.SIGKILL if self._is_ending else signal.SIGINT)
        self._is_ending = True
        signal.alarm(MAX_STOP_SECONDS)

    def _kill_the_rest(self) -> None:
        """Kill the processes that a command has left, and wait until they have ended."""
        deadline = monotonic() + _KILL_SECONDS
        while self._send(signal.SIGKILL) and monotonic() < deadline:
            sleep(_STEP)

    def _send(self, number: int) -> bool:
        """Send a signal to the command and its processes; return whether there are any."""
        if self._group is None:
            return False
        try:
            os.killpg(self._group, number)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def open_children() -> Iterator[Children]:
    """Yield an object that runs commands, and handle Ctrl+C, SIGTERM and SIGHUP meanwhile.

    A signal is recorded and passed on to the running command, so that it never interrupts the
    cleaning up. SIGHUP stays ignored if it was, as with nohup.
    """
    children = Children()
    numbers = [n for n in _ENDINGS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    with handle_signals(numbers, children.end):
        try:
            yield children
        finally:
            signal.alarm(0)
