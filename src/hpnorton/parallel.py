"""A function called for many parts of a database, in processes with a store each."""

import atexit
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing, contextmanager
from functools import cache
from itertools import islice
from typing import TypeVar

from hpnorton.errors import HPNortonError
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore
from hpnorton.workers import cores, died, open_workers

_TASKS_PER_WORKER = 2  # one runs, one waits

R = TypeVar("R")
T = TypeVar("T")


def parallel_map(
    uri: str, function: Callable[[ChangeStore, R], T], ranges: Iterable[R], workers: int = 0
) -> Iterator[T]:
    """Call `function(store, range)` for each range, and yield the results as they come.

    `workers` processes do the work, each with its own store of the database at `uri` (as
    settings.absolute_uri returns it); 0 starts one for each core, and 1 works in this process.
    `ranges` are whatever the function understands, such as those of store.scan(...).ranges(...).
    The function, the ranges and the results are sent to other processes, so they must be
    picklable: the function has to be one of a module, and a script has to call this below
    `if __name__ == "__main__":`.

    Raises what the function raises, StoreMissingError if there is no database, and HPNortonError
    if a process dies; each of them ends the work.
    """
    with closing(open_store(uri)) as store, open_pool(uri, store, workers) as pool:
        yield from pool.map(function, ranges)


class Pool:
    """Workers of a database, for several calls of map() one after the other; see open_pool()."""

    def __init__(
        self, uri: str, store: ChangeStore, executor: Executor | None, max_tasks: int
    ) -> None:
        self._uri = uri
        self._store = store
        self._executor = executor
        self._max_tasks = max_tasks

    def map(self, function: Callable[[ChangeStore, R], T], ranges: Iterable[R]) -> Iterator[T]:
        """Yield the function's result for each range as it comes; see parallel_map()."""
        if self._executor is None:
            yield from (function(self._store, part) for part in ranges)
            return
        left = iter(ranges)
        working: set[Future[T]] = set()
        try:
            while True:
                for part in islice(left, self._max_tasks - len(working)):
                    working.add(self._executor.submit(_call, self._uri, function, part))
                if not working:
                    return
                done, working = wait(working, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenExecutor as error:
            raise HPNortonError(
                f"{died('did a part of the work')}; try again with fewer --workers"
            ) from error


@contextmanager
def open_pool(uri: str, store: ChangeStore, workers: int) -> Iterator[Pool]:
    """Yield a pool of workers, as in parallel_map(), which end with the block.

    A single worker is this process and uses `store`, that of the database at `uri`.
    """
    count = workers or cores()
    executor = open_workers(count, None) if count > 1 else None
    try:
        yield Pool(uri, store, executor, count * _TASKS_PER_WORKER)
    finally:
        if executor is not None:
            executor.shutdown(cancel_futures=True)


def _call(uri: str, function: Callable[[ChangeStore, R], T], part: R) -> T:
    return function(_own_store(uri), part)


@cache
def _own_store(uri: str) -> ChangeStore:
    """Return this process's own store, which stays open until the process ends."""
    store = open_store(uri)
    atexit.register(store.close)
    return store
