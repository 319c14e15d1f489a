"""Executors of an import's tasks, which take a limited number of tasks at a time."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
from typing import Any

from hpnorton.errors import HPNortonError
from hpnorton.files import out_of_resources
from hpnorton.importer.options import Options
from hpnorton.tabular.chunk import Chunk
from hpnorton.workers import cores, died, open_cluster, open_workers

_FILES_PER_CORE = 4
_DESCRIPTORS_PER_PROCESS, _OTHER_DESCRIPTORS = 12, 64


def _ignore(_result: Any) -> None:
    """Do nothing with the result of a task."""


@dataclass(frozen=True)
class Task:
    """A call that can be repeated, what takes its result, and the chunks it is about."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    on_result: Callable[[Any], None] = _ignore
    chunks: Sequence[Chunk] = ()


@dataclass
class BoundedExecutor:
    """An executor with at most `max_in_flight` tasks, which `open` opens when it is needed.

    `is_ordered` says that it does one task after the other, `is_shared` that several files use it
    at the same time.
    """

    open: Callable[[], Executor]
    max_in_flight: int
    is_ordered: bool
    is_shared: bool = False
    in_flight: int = 0
    _executor: Executor | None = None

    @property
    def has_room(self) -> bool:
        """Whether it takes another task now."""
        return self.in_flight < self.max_in_flight

    def submit(self, task: Task) -> "Future[Any]":
        """Submit a task. Raises BrokenExecutor if one of its processes has died."""
        future = self.warm_up().submit(task.function, *task.arguments)
        self.in_flight += 1
        return future

    def release(self) -> None:
        """Make room for another task, because the result of one was taken, or it was cancelled."""
        self.in_flight -= 1

    def warm_up(self) -> Executor:
        """Open the executor, so that its processes start while other things are prepared."""
        if self._executor is None:
            self._executor = self.open()
        return self._executor

    def close(self, *, cancel: bool = False) -> None:
        """Wait for its tasks, with `cancel` only for those that have begun; end its processes."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=cancel)
            self._executor = None


def executors_for(files: int, options: Options) -> list[BoundedExecutor]:
    """Return an executor for each file that is imported at the same time; they may be the same.

    Raises ClusterError if no Dask cluster answers.
    """
    level = options.log_level
    if not options.is_distributed:
        return [BoundedExecutor(lambda: open_workers(0, level), 1, is_ordered=True)]
    at_once = max(1, min(files, _FILES_PER_CORE * cores()))
    if options.scheduler:
        cluster = open_cluster(options.scheduler)
        shared = BoundedExecutor(
            lambda: cluster.executor, 2 * cluster.threads, is_ordered=False, is_shared=True
        )
        return [shared] * at_once
    if options.workers is None:
        at_once = min(at_once, _max_processes(_max_descriptors()))
        return [
            BoundedExecutor(lambda: open_workers(1, level), 2, is_ordered=True)
            for _ in range(at_once)
        ]
    count = options.workers or cores()
    pool = BoundedExecutor(
        lambda: open_workers(count, level), 2 * count, is_ordered=count == 1, is_shared=True
    )
    return [pool] * at_once


def describe_failure(error: Exception, chunks: Sequence[Chunk]) -> str:
    """Return why a task has failed, with the rows of its chunks if the error is unexpected."""
    if isinstance(error, BrokenExecutor):
        return died("imported it")
    if isinstance(error, OSError) and error.errno:
        return out_of_resources(error)
    if isinstance(error, HPNortonError) or not chunks:
        return str(error)
    first, last = chunks[0].first_row, chunks[-1].first_row + chunks[-1].rows - 1
    return f"rows {first} to {last}: {type(error).__name__}: {error}"


def _max_descriptors() -> int:
    """Return how many files this process may have open."""
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return sys.maxsize if soft == RLIM_INFINITY else soft


def _max_processes(descriptors: int) -> int:
    """Return how many processes with one file each that many descriptors suffice for."""
    return max(1, (descriptors - _OTHER_DESCRIPTORS) // _DESCRIPTORS_PER_PROCESS)
