"""Executors: this process or others, and what becomes of them when somebody dies."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor
from functools import partial
from pathlib import Path

import pytest

from hpnorton.errors import FileError
from hpnorton.workers import SerialExecutor, call_aside, cores, open_workers

SOURCE = Path(__file__).parent.parent / "src"
SOON = 20.0  # seconds; far more than a new process takes to start, far less than for ever

# It tells the process id of its worker, and lives until it is killed.
PARENT = """
import os, signal
from hpnorton.workers import open_workers

if __name__ == "__main__":
    executor = open_workers(1, None)
    print(executor.submit(os.getpid).result(), flush=True)
    signal.pause()
"""

# Its worker computes for a second.
SPINNING = """
import time
from hpnorton.workers import open_workers

def spin():
    end = time.process_time() + 1
    while time.process_time() < end:
        pass

if __name__ == "__main__":
    with open_workers(1, None) as executor:
        executor.submit(spin).result()
"""


def fail(message: str) -> None:
    """Work that ends with one of our errors."""
    raise FileError(message)


def press_ctrl_c() -> None:
    """Work during which the user presses Ctrl+C."""
    raise KeyboardInterrupt


@pytest.fixture(name="executor")
def open_one_worker() -> Iterator[Executor]:
    """An executor of one other process."""
    with open_workers(1, None) as executor:
        yield executor


def test_no_processes_means_this_one() -> None:
    """An executor of no processes does its work in this one."""
    with open_workers(0, None) as executor:
        assert isinstance(executor, SerialExecutor)
        assert executor.submit(os.getpid).result(0) == os.getpid()


def test_serial_work_is_done_when_it_is_submitted() -> None:
    """Work submitted to the serial executor is done in order, and its future holds the result."""
    done: list[str] = []
    executor = SerialExecutor()
    futures = [executor.submit(done.append, name) for name in ("first", "second")]
    assert done == ["first", "second"]
    assert all(future.done() for future in futures)
    assert executor.submit(int, "ff", base=16).result(0) == 255


def test_serial_errors_are_kept_in_the_future() -> None:
    """An error of the work is raised where the result is asked for, not where it is submitted."""
    future = SerialExecutor().submit(fail, "no such file")
    with pytest.raises(FileError, match="^no such file$"):
        future.result(0)


def test_serial_ctrl_c_is_raised_at_once() -> None:
    """Ctrl+C ends the program where it hits, even if nobody asks for the work's result."""
    with pytest.raises(KeyboardInterrupt):
        SerialExecutor().submit(press_ctrl_c)


def test_a_process_works_elsewhere(executor: Executor) -> None:
    """Work of a process executor is done in another process, the same one each time."""
    pids = {executor.submit(os.getpid).result(SOON) for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_a_process_sends_errors_back(executor: Executor) -> None:
    """An error of the work comes back from its process, and the process goes on working."""
    with pytest.raises(FileError, match="^no such file$"):
        executor.submit(fail, "no such file").result(SOON)
    assert executor.submit(abs, -1).result(SOON) == 1


def test_a_killed_worker_breaks_its_executor(executor: Executor) -> None:
    """Whoever waits for a worker that is killed learns of it, instead of waiting for ever."""
    pid = executor.submit(os.getpid).result(SOON)
    endless = executor.submit(signal.pause)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(BrokenExecutor):
        endless.result(SOON)


def test_only_the_cores_that_a_process_may_use_count(executor: Executor) -> None:
    """A process that is bound to one core, as a container may be, counts this one alone."""
    assert 1 <= cores() <= (os.cpu_count() or 1)
    if not hasattr(os, "sched_setaffinity"):
        return  # macOS has no such bounds
    (*_, core) = os.sched_getaffinity(0)
    executor.submit(os.sched_setaffinity, 0, [core]).result(SOON)
    assert executor.submit(cores).result(SOON) == 1


def test_workers_ignore_ctrl_c(executor: Executor) -> None:
    """Ctrl+C, which reaches all processes of a terminal, does not end a worker."""
    pid = executor.submit(os.getpid).result(SOON)
    os.kill(pid, signal.SIGINT)
    assert executor.submit(os.getpid).result(SOON) == pid
    blocked = executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []).result(SOON)
    assert signal.SIGINT in blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """A worker ends by itself when its parent is killed and cannot tell it to."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)  # it is there
        parent.kill()
        try:
            # The worker has inherited the pipe: it closes when the last process has ended.
            assert parent.communicate(timeout=SOON)[0] == ""
        except subprocess.TimeoutExpired:
            os.kill(worker, signal.SIGKILL)
            raise


def test_the_time_of_workers_is_their_parents(tmp_path: Path) -> None:
    """Who waits for a program learns what its workers took, since the fork server ends with it."""
    script = tmp_path / "parent.py"
    script.write_text(SPINNING, encoding="utf-8")
    before = _cpu_of_children()
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    subprocess.run([sys.executable, str(script)], env=environment, check=True, timeout=60)
    assert _cpu_of_children() - before >= 1


def test_work_aside_is_done_while_the_next_item_comes() -> None:
    """One item is worked on, and one is fetched: no more are in memory. Results are in order."""
    is_next_there = threading.Event()
    fetched: list[int] = []
    results: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            assert number - len(results) <= 2
            fetched.append(number)
            if number == 1:
                is_next_there.set()
            yield number

    def work(number: int) -> int:
        assert threading.current_thread() is not threading.main_thread()
        assert is_next_there.wait(SOON), "nothing was fetched meanwhile"
        return number * number

    call_aside(work, items(), results.append)
    assert fetched == [0, 1, 2, 3, 4]
    assert results == [0, 1, 4, 9, 16]


def test_there_may_be_no_work_aside() -> None:
    """Nothing is called then."""
    done: list[int] = []
    call_aside(int, [], done.append)
    assert not done


@pytest.mark.parametrize("where", ["items", "work", "result"])
def test_no_thread_outlives_what_went_wrong(where: str) -> None:
    """An error, or Ctrl+C, in the items, the work or what takes the results is raised here."""
    before = set(pool_threads())

    def at(place: str, number: int) -> int:
        if place == where and number == 1:
            press_ctrl_c()
        return number

    def take(number: int) -> None:
        at("result", number)

    with pytest.raises(KeyboardInterrupt):
        call_aside(partial(at, "work"), map(partial(at, "items"), range(3)), take)
    assert before.issuperset(pool_threads())


def _cpu_of_children() -> float:
    """Return the seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def pool_threads() -> list[threading.Thread]:
    """The threads of pools; others, such as those of earlier tests' connections, may end."""
    return [each for each in threading.enumerate() if each.name.startswith("ThreadPoolExecutor")]
