"""Executors: where work is done. In this process, or in others.

Everything above calls `submit` and waits for futures; it does not know which kind it has.
"""

import atexit
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from hpnorton import log
from hpnorton.errors import ClusterError

_CONNECT_SECONDS = 10
_PYTHONPATH = "PYTHONPATH"
_PACKAGES = str(Path(__file__).parents[1])

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keeps the collector from tracing a chunk's hundred thousand cells, over and over.

    They are in no cycles; looking for some took 18% of an import's time (measured).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def died(task: str) -> str:
    """Return the message for a worker process that has died; it says what the process did."""
    return f"a process that {task} died (killed, or out of memory?)"


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class SerialExecutor(Executor):
    """Does each piece of work at once, in this process, when it is submitted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """A finished future of fn(*args, **kwargs). Ctrl+C is raised here, not kept in it."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # pylint: disable=broad-exception-caught # kept in the future
            future.set_exception(error)
        return future


def call_aside(
    function: Callable[[T], R], items: Iterable[T], on_result: Callable[[R], None]
) -> None:
    """Calls a function for each item in a thread, while the next item is fetched here.

    The results go to `on_result`, here and in order; at most two items are in memory. What is
    raised by any of the three is raised here. The thread ends before this does, also after Ctrl+C:
    it computes, and what may wait long, the items, is waited for here.
    """
    # Only here, as most work is done without a thread.
    # pylint: disable-next=import-outside-toplevel
    from concurrent.futures import ThreadPoolExecutor

    before: Future[R] | None = None
    with ThreadPoolExecutor(1) as thread:
        for item in items:
            if before is not None:
                on_result(before.result())
            before = thread.submit(function, item)
        if before is not None:
            on_result(before.result())


def warm_up(*modules: str) -> None:
    """Starts the process that workers are forked from, which imports `modules` for all of them.

    Meanwhile this process goes on. Before it has imported much itself, that is the best time.
    """
    # Only here, because these take longer to import than a question takes to answer.
    # pylint: disable-next=import-outside-toplevel
    from multiprocessing import set_forkserver_preload

    set_forkserver_preload([__name__, *modules])
    _start_server()


@cache
def _start_server() -> None:
    # pylint: disable-next=import-outside-toplevel # as in warm_up
    from multiprocessing import forkserver, resource_tracker

    if _server_pid(forkserver) is None:  # a program that uses us may have one of its own
        atexit.register(_stop_server)
    resource_tracker.ensure_running()  # it unblocks what is blocked here
    # Ctrl+C reaches the whole process group, but the parent decides what becomes of the work. A
    # process inherits what is blocked, so workers never see it, not even while they start.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _found_by_others():
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop_server() -> None:
    """Ends the fork server, whose workers have ended.

    It would end by itself, but after us, and nobody could tell what its workers took. To let it
    take itself apart would take 0.04 s more.
    """
    # pylint: disable-next=import-outside-toplevel # as in warm_up
    from multiprocessing import forkserver

    if (pid := _server_pid(forkserver)) is not None:
        os.kill(pid, signal.SIGTERM)
        getattr(getattr(forkserver, "_forkserver"), "_stop")()  # it has no public name


def _server_pid(forkserver: ModuleType) -> int | None:
    """The fork server's process, if it runs: that has no public name either."""
    pid: int | None = getattr(getattr(forkserver, "_forkserver"), "_forkserver_pid")
    return pid


@contextmanager
def _found_by_others() -> Iterator[None]:
    """Lets processes that are started meanwhile find this package, wherever it was found."""
    before = os.environ.get(_PYTHONPATH)
    os.environ[_PYTHONPATH] = os.pathsep.join(filter(None, (_PACKAGES, before)))
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PYTHONPATH]
        else:
            os.environ[_PYTHONPATH] = before


def open_workers(processes: int, log_level: str | None) -> Executor:
    """An executor of this process (`processes` = 0) or of so many others, which log at `log_level`.

    Workers are forked from a process that has neither database connections nor locks, since these
    do not survive a fork; see warm_up. A worker that dies breaks its executor at once:
    concurrent.futures watches the processes.
    """
    if processes == 0:
        return SerialExecutor()
    # pylint: disable-next=import-outside-toplevel # as in warm_up
    from concurrent.futures import ProcessPoolExecutor

    # pylint: disable-next=import-outside-toplevel
    from multiprocessing import get_context

    _start_server()
    executor = ProcessPoolExecutor(
        processes, get_context("forkserver"), initializer=_start_worker, initargs=(log_level,)
    )
    for _ in range(processes):
        executor.submit(os.getpid)  # starts a process
    return executor


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask cluster: how many threads they have in all, and an executor."""

    threads: int
    executor: Executor


def open_cluster(address: str) -> Cluster:
    """The Dask cluster whose scheduler is at `address`. Raises ClusterError.

    A chunk on a machine that dies is given to another one by the scheduler: it can be repeated.
    """
    # Only here: most people have no cluster, and not the package.
    # pylint: disable=import-outside-toplevel
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError("--scheduler needs Dask; install hpnorton[dask]") from None
    try:
        connect: Any = Client  # it has no type hints
        client = connect(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # a time-out too; an address of no known form
        raise ClusterError(
            f"no Dask scheduler answers at {address}: {error}; start one with 'dask scheduler'"
        ) from error
    threads = sum(client.nthreads().values())
    if not threads:
        client.close()
        raise ClusterError(f"the Dask scheduler at {address} has no workers; start some there")
    return Cluster(threads, _ClusterExecutor(client))


class _ClusterExecutor(Executor):
    """A cluster's executor, which ends the connection too when it is shut down."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # Not pure: the same chunk twice is to be imported twice, not to be taken from a cache.
        self._executor = client.get_executor(pure=False)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Gives a piece of work to the cluster."""
        future: Future[T] = self._executor.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for the work in hand, which Dask may not cancel, and ends the connection."""
        self._executor.shutdown(wait=wait)
        self._client.close()


def _start_worker(log_level: str | None) -> None:
    log.start_log(log_level)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """Ends this worker when its parent is gone: nobody would ever give it work or an end again."""
    # pylint: disable-next=import-outside-toplevel
    from multiprocessing import connection, parent_process

    parent: Any = parent_process()
    connection.wait([parent.sentinel])
    os._exit(1)  # pylint: disable=protected-access # the only way out from a thread
