"""Executors: this process or others. Callers use `submit` and wait for futures in either case."""

import atexit
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
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
    """Disable the garbage collector, which would trace the cells of a chunk again and again.

    They are in no cycles.
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
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class SerialExecutor(Executor):
    """An executor that does each task in this process, when it is submitted."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Return a finished future of fn(*args, **kwargs). Raises KeyboardInterrupt on Ctrl+C."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # pylint: disable=broad-exception-caught # kept in the future
            future.set_exception(error)
        return future


def call_aside(
    function: Callable[[T], R], items: Iterable[T], on_result: Callable[[R], None]
) -> None:
    """Call a function for each item in a thread, while the next item is fetched in this one.

    `on_result` is called in this thread with the results in their order; at most two items are in
    memory. Errors of all three are raised here. The thread ends before this function returns, also
    after Ctrl+C.
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
    """Start the process that workers are forked from, which imports `modules` for all of them.

    It does so while this process goes on, best before this one has imported much itself.
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

    resource_tracker.ensure_running()  # it unblocks what is blocked here
    # Ctrl+C reaches the whole process group, but the parent decides when workers stop. Processes
    # inherit blocked signals, so workers never see it, not even while they start.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _found_by_others():
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_server_at_exit(parent: "Future[int]") -> None:
    """Have the fork server, the parent of a worker that has started, end when this process does."""
    if not parent.cancelled() and parent.exception() is None:
        _register_end(parent.result())


@cache
def _register_end(server: int) -> None:
    atexit.register(_end_server, server)


def _end_server(server: int) -> None:
    """End the fork server and wait for it, so that the CPU time of workers counts as ours.

    Otherwise it would end by itself, but after this process.
    """
    with suppress(ProcessLookupError, ChildProcessError):  # it has ended already
        os.kill(server, signal.SIGTERM)
        os.waitpid(server, 0)


@contextmanager
def _found_by_others() -> Iterator[None]:
    """Let processes that are started inside find this package, wherever it is."""
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
    """Return an executor of this process (0 `processes`) or of others, which log at `log_level`.

    Workers are forked from a process that has neither database connections nor locks, since these
    do not survive a fork: see warm_up. A worker that dies breaks its executor at once.
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
        executor.submit(os.getppid).add_done_callback(_end_server_at_exit)  # starts a process
    return executor


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask cluster: the number of their threads, and an executor."""

    threads: int
    executor: Executor


def open_cluster(address: str) -> Cluster:
    """Return the Dask cluster whose scheduler is at `address`. Raises ClusterError.

    The scheduler repeats the tasks of a machine that dies on another one.
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
    """A cluster's executor, which closes the connection when it is shut down."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # Not pure: the same chunk twice is to be imported twice, not to be taken from a cache.
        self._executor = client.get_executor(pure=False)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Submit a task to the cluster."""
        future: Future[T] = self._executor.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the tasks in progress, which Dask cannot cancel, and close the connection."""
        self._executor.shutdown(wait=wait)
        self._client.close()


def _start_worker(log_level: str | None) -> None:
    log.start_log(log_level)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """End this worker when its parent is gone, since it would wait for tasks for ever."""
    # pylint: disable-next=import-outside-toplevel
    from multiprocessing import connection, parent_process

    parent: Any = parent_process()
    connection.wait([parent.sentinel])
    os._exit(1)  # pylint: disable=protected-access # the only way out from a thread
