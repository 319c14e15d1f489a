"""The same work on many parts of a database, shared among processes with stores of their own."""

import atexit
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing, contextmanager
from functools import cache
from itertools import islice
from typing import TypeVar

from hpnorton.errors import HPNortonError
from hpnorton.stores import open_store
from hpnorton.stores.ranges import Database
from hpnorton.workers import cores, died, open_workers

_IN_HAND = 2  # pieces of work for each worker

R = TypeVar("R")
T = TypeVar("T")


def parallel_map(
    uri: str, function: Callable[[Database, R], T], ranges: Iterable[R], workers: int = 0
) -> Iterator[T]:
    """Calls `function(store, range)` for each range, and gives the results as they come.

    `workers` processes do the work, each with its own open store of the database at `uri` (as
    settings.absolute_uri gives it); 0 is one for each core, and with 1 it is done here. `ranges`
    are whatever the function understands, such as those of store.scan(...).ranges(...). The
    function, the ranges and the results go to other processes, so they have to be picklable: a
    function of a module, and a script has to call this below `if __name__ == "__main__":`.

    What the function raises is raised here, and ends the work; so does StoreMissingError if there
    is no database, and HPNortonError if a process dies.
    """
    with closing(open_store(uri)) as store, open_pool(uri, store, workers) as pool:
        yield from pool.map(function, ranges)


class Pool:
    """Workers of a database, for several things one after the other; see open_pool."""

    def __init__(self, uri: str, store: Database, executor: Executor | None, most: int) -> None:
        self._uri = uri
        self._store = store
        self._executor = executor
        self._most = most

    def map(self, function: Callable[[Database, R], T], ranges: Iterable[R]) -> Iterator[T]:
        """What the function makes of each range, as it comes: see parallel_map."""
        if self._executor is None:
            yield from (function(self._store, part) for part in ranges)
            return
        left = iter(ranges)
        working: set[Future[T]] = set()
        try:
            while True:
                for part in islice(left, self._most - len(working)):
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
def open_pool(uri: str, store: Database, workers: int) -> Iterator[Pool]:
    """So many workers, as in parallel_map, which end with the block, with or without results.

    A single one works with `store`, which is that of the database at `uri`.
    """
    count = workers or cores()
    executor = open_workers(count, None) if count > 1 else None
    try:
        yield Pool(uri, store, executor, count * _IN_HAND)
    finally:
        if executor is not None:
            executor.shutdown(cancel_futures=True)


def _call(uri: str, function: Callable[[Database, R], T], part: R) -> T:
    return function(_own_store(uri), part)


@cache
def _own_store(uri: str) -> Database:
    """This process's own store, kept until the process ends."""
    store = open_store(uri)
    atexit.register(store.close)
    return store
