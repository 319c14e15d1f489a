"""Processes of the command line, watched from outside: who they are, and where they are."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.helpers.commandline import Outcome

DEADLINE = 60.0
_PAUSE = 0.002

Process = subprocess.Popen[bytes]


def wait_for(condition: Callable[[], object], process: Process | None = None) -> None:
    """Returns when a condition holds; fails if that takes too long, or if the process ends."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(_PAUSE)


def end_of(process: Process) -> Outcome:
    """What a process says until it ends, which it does soon."""
    out, err = process.communicate(timeout=DEADLINE)
    return Outcome(process.returncode, out.decode(), err.decode())


def end_all_of(process: Process) -> None:
    """Kills a process and those that it has started, and forgets what they said."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def children_of(parent: int) -> dict[int, str]:
    """The processes that a process has started, with their command lines."""
    if Path("/proc/self/task").exists():
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        except FileNotFoundError:  # it has ended since
            return {}
        return {int(pid): _command_of(pid) for pid in children.split()}
    listing = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,command="], text=True)
    split = [line.split(maxsplit=2) for line in listing.splitlines()]
    return {int(row[0]): row[2] for row in split if int(row[1]) == parent}


def workers_of(parent: int) -> list[int]:
    """The processes that do the work of `parent`: they are forked from a server of its own."""
    return [pid for server in _forked_from(parent) for pid in _forked_from(server)]


def _forked_from(parent: int) -> list[int]:
    """The children of a process that are a fork server, or were forked from one."""
    return [pid for pid, command in children_of(parent).items() if "forkserver" in command]


def _command_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def owners_of(port: int, processes: Sequence[int]) -> list[int]:
    """Which of some processes have the client's end of a connection (Linux tells in /proc)."""
    return [pid for pid in processes if _sockets_at(port, pid) & _open_files(pid)]


def _sockets_at(port: int, pid: int) -> set[str]:
    listing = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii")
    lines = [line.split() for line in listing.splitlines()[1:]]
    return {f"socket:[{line[9]}]" for line in lines if int(line[1].split(":")[1], 16) == port}


def _open_files(pid: int) -> set[str]:
    found = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        with suppress(OSError):  # it has been closed since
            found.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(pid: int) -> None:
    """Ends a process as a lack of memory does."""
    os.kill(pid, signal.SIGKILL)
