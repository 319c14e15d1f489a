"""Commands as processes of their own: measured, and ended when we are told to end."""

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

PATIENCE_SECONDS = 20  # for a command that was asked to end
_KILL_SECONDS = 2
_STEP = 0.01
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
# Isolated and without site-packages: it starts in 10 ms.
_STOPWATCH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("stopwatch.py")))
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


@dataclass(frozen=True)
class Ended:
    """What a command took, and what it said.

    `seconds` count from before its process is made until it has ended: what a person waits for.
    `cpu` are the user and system seconds of the process and of all that it has waited for, `peak`
    the most bytes that the largest of these processes held. A negative `status` is a signal's.
    """

    status: int
    seconds: float
    cpu: float
    peak: int
    out: bytes
    err: str


class Children:
    """Runs commands, one at a time; `open_children` makes one."""

    def __init__(self) -> None:
        self._is_ending = False
        self._group: int | None = None

    def check(self) -> None:
        """Raises KeyboardInterrupt if we were told to end: where it does no harm."""
        if self._is_ending:
            raise KeyboardInterrupt

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> Ended:
        """Runs a command to its end. Raises KeyboardInterrupt if we were told to end meanwhile."""
        self.check()
        with TemporaryFile() as out, TemporaryFile() as err, TemporaryFile() as result:
            # pylint: disable-next=consider-using-with # it is waited for, whatever signals come
            process = subprocess.Popen(
                [*_STOPWATCH, str(result.fileno()), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                pass_fds=[result.fileno()],
                start_new_session=True,  # Ctrl+C is for us to pass on
            )
            self._group = process.pid
            if self._is_ending:  # between the check above and now
                self._send(signal.SIGINT)
            while process.poll() is None:  # a signal just before wait() would not be heard
                sleep(_STEP)
            result.seek(0)
            figures = [float(figure) for figure in result.read().split()]
            if self._is_ending or process.returncode or figures[0] < 0:
                self._kill_the_rest()
            self._group = None
            self.check()
            out.seek(0)
            err.seek(0)
            told = err.read().decode(errors="replace")
            if process.returncode:
                raise ComparisonError(f"{command[0]} could not be run: {told.strip()}")
            status, seconds, cpu, peak = figures
            return Ended(int(status), seconds, cpu, int(peak) * _MAXRSS_BYTES, out.read(), told)

    def end(self, _number: int, _frame: object) -> None:
        """Handles a signal: asks the command to end. At the second one, or late, it is killed."""
        self._send(signal.SIGKILL if self._is_ending else signal.SIGINT)
        self._is_ending = True
        signal.alarm(PATIENCE_SECONDS)

    def _kill_the_rest(self) -> None:
        """Kills what a command has left behind, and sees it end, so that it writes no more."""
        deadline = monotonic() + _KILL_SECONDS
        while self._send(signal.SIGKILL) and monotonic() < deadline:
            sleep(_STEP)

    def _send(self, number: int) -> bool:
        """Sends a signal to the command and its processes; False if there are none."""
        if self._group is None:
            return False
        try:
            os.killpg(self._group, number)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def open_children() -> Iterator[Children]:
    """Gives what runs commands, and takes Ctrl+C, SIGTERM and SIGHUP while it is open.

    A signal is only noted, and passed on to the command that runs; so cleaning up is never
    interrupted. SIGHUP is left alone where it is ignored, as nohup asks. Only in the main thread,
    where Python handles signals.
    """
    children = Children()
    numbers = [n for n in _ENDINGS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    with handle_signals(numbers, children.end):
        try:
            yield children
        finally:
            signal.alarm(0)
