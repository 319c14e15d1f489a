"""Workers that finish in any order."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from typing import Any

import pytest

from hpnorton.importer import executors, runner


class AnyOrder(Executor):
    """Does what it is given in any order, one piece at a time, when somebody waits.

    `choose` says, of so many that wait, which one is next.
    """

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """A future that is done by and by."""
        future: Future[Any] = Future()

        self._waiting.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future

    def work(self, *arguments: Any) -> Any:
        """Does something that waits, and then what concurrent.futures.wait does."""
        if self._waiting:
            self._waiting.pop(self._choose(len(self._waiting)))()
        return wait(*arguments)


@contextmanager
def in_any_order(choose: Callable[[int], int]) -> Iterator[None]:
    """Lets workers finish in any order: see AnyOrder."""
    executor = AnyOrder(choose)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executors, "open_workers", lambda count, level: executor)
        patch.setattr(runner, "wait", executor.work)
        yield
