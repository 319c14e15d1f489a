"""The phases of an import, reported to a listener that wants to know where the time goes.

`listen` sets the listener of this process; an import sends it along to its workers, where it
listens too. Without a listener a phase costs a fraction of a microsecond.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from enum import StrEnum
from typing import Protocol, TypeVar

from hpnorton.stores.base import Store

T = TypeVar("T")


class Phase(StrEnum):
    """A part of the work on a chunk.

    READ turns bytes into rows, CHECK cells into values of their types. WAIT waits for the write
    transaction of another process. DATABASE is all that the database does: lookups, writes, entries
    of the journal and commits.
    """

    READ = "read"
    CHECK = "check"
    WAIT = "wait"
    DATABASE = "database"


class Listener(Protocol):
    """Receives the phases of an import, in each of its processes.

    Phases nest: `leave` ends the one that was entered last. A listener is pickled with each task,
    so it should find its state in the process it is called in.
    """

    def enter(self, which: Phase, /) -> None:
        """Note that a phase begins."""

    def leave(self) -> None:
        """Note that the phase entered last has ended."""

    def end_task(self) -> None:
        """Note that a task has ended; the process may never get another one."""


class _Listening:
    """The listener of this process, or None."""

    listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Report the phases of this process to a listener from now on; to none with None."""
    _Listening.listener = listener


def current_listener() -> Listener | None:
    """Return the listener of this process."""
    return _Listening.listener


@contextmanager
def task_of(listener: Listener | None) -> Iterator[None]:
    """Report what a task does to the listener that came with it, and that the task has ended."""
    listen(listener)
    try:
        yield
    finally:
        if listener is not None:
            listener.end_task()


def phase(which: Phase) -> AbstractContextManager[None]:
    """Report what is done inside as a phase."""
    listener = _Listening.listener
    return _SILENT if listener is None else _report(listener, which)


def steps(which: Phase, items: Iterable[T]) -> Iterator[T]:
    """Report each step of an iterator as a phase, but not what is done between the steps."""
    return iter(items) if _Listening.listener is None else _reported(which, items)


@contextmanager
def transaction(store: Store) -> Iterator[None]:
    """Open a transaction of a store, and report the wait for it and its commit.

    Raises StoreError.
    """
    with ExitStack() as stack:
        with phase(Phase.WAIT):
            stack.enter_context(store.transaction())
        yield
        with phase(Phase.DATABASE):
            stack.close()


_SILENT = nullcontext()


@contextmanager
def _report(listener: Listener, which: Phase) -> Iterator[None]:
    listener.enter(which)
    try:
        yield
    finally:
        listener.leave()


def _reported(which: Phase, items: Iterable[T]) -> Iterator[T]:
    iterator = iter(items)
    while True:
        with phase(which):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
