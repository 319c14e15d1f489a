"""Where the time of an import goes: the command line once more, with a clock in every process.

The import itself knows nothing of it. `main` puts a clock around some of its functions and runs
the program; a worker does the same when its first chunk comes. Clocks cost a few percent, so these
runs are no timing runs.
"""

import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial, wraps
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from hpnorton.importer import blocks, load, work
from hpnorton.stores.base import Store
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.reader import CsvFile

READ, CHECK, WAIT, DATABASE = PHASES = ("read", "check", "wait", "database")
_STORE_METHODS = ("write", "absent", "stored")


@dataclass
class Spent:
    """Seconds by the clock on the wall, and those of the processor."""

    wall: float = 0.0
    cpu: float = 0.0


class Clock:
    """Adds up what is spent in each phase of a process.

    A phase inside another one does not count for both. READ is bytes to rows, CHECK cells to
    checked values of their types, WAIT the wait for another process's write transaction, DATABASE
    all that the database does: lookups, writes, notes and commits.
    """

    def __init__(self) -> None:
        self.spent = {phase: Spent() for phase in PHASES}
        self._running: list[str] = []
        self._since = Spent()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is done inside counts for a phase."""
        self._turn()
        self._running.append(name)
        try:
            yield
        finally:
            self._turn()
            self._running.pop()

    def _turn(self) -> None:
        now = Spent(perf_counter(), process_time())
        if self._running:
            spent = self.spent[self._running[-1]]
            spent.wall += now.wall - self._since.wall
            spent.cpu += now.cpu - self._since.cpu
        self._since = now

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which counts for a phase."""

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return function(*args, **kwargs)

        return run

    def timed_steps(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that gives an iterator, whose every step counts for a phase."""

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Iterator[Any]:
            steps = function(*args, **kwargs)
            while True:
                with self.phase(name):
                    step = next(steps, _END)
                if step is _END:
                    return
                yield step

        return run


_END = object()
_CLOCKS: dict[str, Clock] = {}


def watch(folder: str) -> Clock:
    """Puts this process's clock around what an import does, once; `save` writes what it showed."""
    clock = _CLOCKS.get(folder)
    if clock is None:
        clock = _CLOCKS[folder] = Clock()
        _replace(blocks, "read_blocks", partial(clock.timed_steps, READ))
        _replace(blocks, "check_rows", partial(clock.timed, CHECK))
        _watch_stores(clock)
    return clock


def _replace(owner: object, name: str, make: Callable[[Any], Any]) -> None:
    """Puts something else, made of what is there, under a name."""
    setattr(owner, name, make(getattr(owner, name)))


def _watch_stores(clock: Clock) -> None:
    """Every store that a spec opens gets the clock, whichever kind it is."""
    open_store = load.ImportSpec.open_store
    watched: set[int] = set()

    def run(spec: load.ImportSpec) -> Store:
        with clock.phase(DATABASE):
            store = open_store(spec)
        if id(store) not in watched:
            watched.add(id(store))
            for name in _STORE_METHODS:
                _replace(store, name, partial(clock.timed, DATABASE))
            _replace(store, "transaction", partial(_timed_transaction, clock))
        return store

    setattr(load.ImportSpec, "open_store", run)


def _timed_transaction(clock: Clock, transaction: Callable[[], Any]) -> Callable[[], Any]:
    @contextmanager
    def run() -> Iterator[None]:
        with ExitStack() as stack:
            with clock.phase(WAIT):
                stack.enter_context(transaction())
            yield
            with clock.phase(DATABASE):
                stack.close()

    return run


def _load_and_save(folder: str, spec: load.ImportSpec, chunks: Sequence[Chunk]) -> Any:
    """loading.load_chunks in whichever process, with its clock."""
    clock = watch(folder)
    results = load.load_chunks(spec, chunks)
    _save(clock, folder)
    return results


def _save(clock: Clock, folder: str) -> None:
    text = json.dumps({phase: asdict(spent) for phase, spent in clock.spent.items()})
    Path(folder, f"{os.getpid()}.json").write_text(text, encoding="utf-8")


def read_clocks(folder: Path) -> Mapping[str, Spent]:
    """What all processes of a run have spent together, by phase."""
    total = Clock().spent
    for path in folder.glob("*.json"):
        for phase, spent in json.loads(path.read_text("utf-8")).items():
            total[phase].wall += spent["wall"]
            total[phase].cpu += spent["cpu"]
    return total


def main() -> None:
    """Runs a program with a clock: the arguments are a folder, the program, and its arguments."""
    folder, *sys.argv = sys.argv[1:]
    clock = watch(folder)
    _replace(CsvFile, "chunks", partial(clock.timed_steps, READ))
    _replace(work, "load_chunks", lambda _: partial(_load_and_save, folder))
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        _save(clock, folder)
