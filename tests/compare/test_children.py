"""Commands as children: measured, and stopped when this process is."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hpnorton.compare import stopwatch
from hpnorton.compare.children import Children, open_children
from hpnorton.errors import ComparisonError

DEADLINE = 30.0
# Says in a file that it has begun, then waits for a signal.
WAITING = """
import pathlib, signal, sys
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text("begun")
while True:
    signal.pause()
"""


def python(code: str, *arguments: str) -> list[str]:
    """A command that runs Python code."""
    return [sys.executable, "-c", code, *arguments]


def when(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Does something in another thread as soon as a condition holds."""

    def work() -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_command_is_measured() -> None:
    """Its status, output, time, processor time and memory are those of the command."""
    code = "import sys; held = 'x' * 60_000_000; print(len(held)); sys.exit('told')"
    with open_children() as children:
        start = time.monotonic()
        ended = children.run(python(code), os.environ)
        elapsed = time.monotonic() - start
    assert (ended.status, ended.out, ended.err) == (1, b"60000000\n", "told\n")
    assert 0 < ended.seconds < elapsed
    assert 0 < ended.cpu
    assert 60_000_000 < ended.peak < 200_000_000


def test_what_the_parent_holds_is_not_counted() -> None:
    """The memory of a command does not include that of this process."""
    held = b"x" * 200_000_000
    with open_children() as children:
        ended = children.run(python("pass"), os.environ)
    assert ended.peak < len(held)


def test_the_environment_is_the_one_given() -> None:
    """Nothing of the parent's own gets through."""
    with open_children() as children:
        ended = children.run(python("import os; print(os.environ['A'])"), {"A": "ä"})
    assert ended.out.decode().strip() == "ä"


def test_a_missing_command_is_an_error() -> None:
    """With what the system says of it."""
    with open_children() as children, pytest.raises(ComparisonError, match="/no/such/thing could"):
        children.run(["/no/such/thing"], os.environ)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_and_us(tmp_path: Path, number: signal.Signals) -> None:
    """The command gets Ctrl+C; KeyboardInterrupt comes when it has ended, and at each check."""
    begun = tmp_path / "begun"
    before = signal.signal(number, signal.default_int_handler)  # whatever started these tests
    with open_children() as children:
        thread = when(begun.exists, lambda: os.kill(os.getpid(), number))
        with pytest.raises(KeyboardInterrupt):
            children.run(python(WAITING, str(begun), "polite"), os.environ)
        thread.join()
        with pytest.raises(KeyboardInterrupt):
            children.check()
        with pytest.raises(KeyboardInterrupt):
            children.run(python("print('not run')"), os.environ)
    assert signal.signal(number, before) is signal.default_int_handler


def test_nohup_is_respected() -> None:
    """Where SIGHUP is ignored it stays so: the terminal may go away."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with open_children() as children:
            os.kill(os.getpid(), signal.SIGHUP)
            children.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_signal_kills_a_stubborn_command(tmp_path: Path) -> None:
    """A command that does not listen is gone all the same."""
    begun = tmp_path / "begun"

    def press_twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    with open_children() as children:
        thread = when(begun.exists, press_twice)
        with pytest.raises(KeyboardInterrupt):
            children.run(python(WAITING, str(begun), "stubborn"), os.environ)
        thread.join()


def test_a_killed_command_takes_its_processes_with_it(tmp_path: Path) -> None:
    """What a command leaves running when it dies is killed."""
    begun = tmp_path / "begun"
    code = (
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "pathlib.Path(sys.argv[1]).write_text(str(child.pid))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    with open_children() as children:
        ended = children.run(python(code, str(begun)), os.environ)
    assert ended.status == -signal.SIGKILL
    state = Path(f"/proc/{begun.read_text('utf-8')}/stat")
    assert not state.exists() or state.read_text("utf-8").split()[2] == "Z"


def test_check_without_a_signal_does_nothing() -> None:
    """Without a signal a check passes."""
    Children().check()


def test_the_stopwatch_writes_measurements() -> None:
    """Status, seconds, processor seconds and memory, to the file descriptor that it is given."""
    reading, writing = os.pipe()
    command = [sys.executable, str(stopwatch.__file__), str(writing)]
    subprocess.run([*command, sys.executable, "-c", "exit(7)"], pass_fds=[writing], check=True)
    os.close(writing)
    with os.fdopen(reading) as told:
        status, seconds, cpu, peak = told.read().split()
    assert status == "7"
    assert float(seconds) > 0 and float(cpu) > 0 and int(peak) > 0
