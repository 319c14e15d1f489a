"""A lane: one file on its way into the database, whichever executor does the work."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any

from hpnorton import log
from hpnorton.errors import FileError, HPNortonError, StoreGoneError, StoreLostError
from hpnorton.files import out_of_resources
from hpnorton.importer.report import FileReport
from hpnorton.importer.work import Task, Work
from hpnorton.sanitize import counted
from hpnorton.stores.counts import Ending
from hpnorton.tabular.chunk import Chunk
from hpnorton.workers import died

_MAX_NAMED = 10  # files in a message


@dataclass
class Desk:
    """An executor, opened when it is first needed, that takes `most` pieces of work at a time.

    `is_ordered` says that it does them one after the other, `is_shared` that it is for several
    files at a time.
    """

    open: Callable[[], Executor]
    most: int
    is_ordered: bool
    is_shared: bool = False
    executor: Executor | None = None
    in_hand: int = 0

    @property
    def has_room(self) -> bool:
        """Whether it takes more work now."""
        return self.in_hand < self.most

    def submit(self, task: "Task") -> "Future[Any]":
        """Gives it a piece of work. Raises BrokenExecutor if one of its processes has died."""
        self.warm_up()
        assert self.executor is not None
        future = self.executor.submit(task.work, *task.arguments)
        self.in_hand += 1
        return future

    def warm_up(self) -> None:
        """Opens the executor: its processes start while other things are prepared."""
        if self.executor is None:
            self.executor = self.open()

    def close(self, *, cancel: bool = False) -> None:
        """Waits for the work in hand, or only for what has begun, and ends the processes."""
        if self.executor is not None:
            self.executor.shutdown(cancel_futures=cancel)
            self.executor = None


class Lane:
    """A file, from its first chunk to its report: its tasks go to the desk, a few at a time."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.desk: Desk | None = None
        self.in_flight: dict[Future[Any], Task] = {}
        self._again: deque[Task] = deque()
        self._tasks: Iterator[Task] = iter(())
        self._phases: Iterator[Iterator[Task]] | None = work.phases()
        self._started = 0.0

    @property
    def report(self) -> FileReport:
        """What has become of the file so far."""
        return self.work.report

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to submit or to wait for."""
        return self._phases is None and not self.in_flight

    def finish(self) -> None:
        """Leave it at what has been counted: everything is done."""
        self._phases = None
        self.report.ending = Ending.DONE

    def begin(self, desk: Desk, stuck: Sequence[FileReport]) -> None:
        """Take a desk; fail at once if files of parents are `stuck`, as no row could be checked."""
        self.desk = desk
        self._started = time.perf_counter()
        if stuck:
            files = ", ".join(report.file for report in stuck[:_MAX_NAMED])
            if len(stuck) > _MAX_NAMED:
                files += f" and {len(stuck) - _MAX_NAMED:,} more"
            reason = f"it was not imported, because {files} was not imported to its end"
            self.stop(Ending.FAILED, reason, can_resume=all(r.can_resume for r in stuck))

    def feed(self) -> None:
        """Submits work as long as the executor takes some and there is any."""
        assert self.desk is not None
        while self._phases is not None and self.desk.has_room:
            try:
                task = self._next_task()
                if task is None:
                    return
                self.in_flight[self.desk.submit(task)] = task
            except (HPNortonError, BrokenExecutor, OSError) as error:
                self._fail(error)

    def take(self, future: "Future[Any]") -> None:
        """Takes up the result of work that is done.

        Raises StoreLostError where the database did not answer; the work is then done again.
        """
        task = self._off_the_desk(future)
        try:
            task.take(future.result())
        except StoreLostError:
            self._again.append(task)
            raise
        except Exception as error:  # pylint: disable=broad-exception-caught # told in the report
            log.debug("work on {} failed", self.work.file.path, error=error)
            self._fail(error, task.chunks)
        self.report.elapsed = time.perf_counter() - self._started

    def stop(self, ending: Ending, reason: str, *, can_resume: bool) -> None:
        """Submits no more; the first reason is the one that counts."""
        self._phases = None
        if self.report.failure is None:
            self.report.ending = ending
            self.report.failure = reason
            self.report.can_resume = can_resume

    def drop(self, future: "Future[Any]") -> None:
        """Forgets work that was never begun."""
        self._off_the_desk(future)

    def _off_the_desk(self, future: "Future[Any]") -> Task:
        assert self.desk is not None
        self.desk.in_hand -= 1
        return self.in_flight.pop(future)

    def _next_task(self) -> Task | None:
        """The next piece of work; None if there is none now, or none at all."""
        while self._phases is not None:
            task = self._again.popleft() if self._again else next(self._tasks, None)
            if task is not None:
                return task
            if self.in_flight:
                return None
            tasks = next(self._phases, None)
            if tasks is None:
                self._phases = None
                self.report.ending = Ending.DONE
                log.info("{}: {}", self.report.file, counted(self.report.counts.read, "row"))
            else:
                self._tasks = tasks
        return None

    def _fail(self, error: Exception, chunks: Sequence[Chunk] = ()) -> None:
        can_resume = not isinstance(error, FileError) and self.work.file.is_repeatable
        if isinstance(error, StoreGoneError):
            self.report.forget()
        if isinstance(error, BrokenExecutor):
            reason = died("imported it")
        elif isinstance(error, OSError) and error.errno:
            reason = out_of_resources(error)
        elif isinstance(error, HPNortonError) or not chunks:
            reason = str(error)
        else:
            first, last = chunks[0].first_row, chunks[-1].first_row + chunks[-1].rows - 1
            reason = f"rows {first} to {last}: {type(error).__name__}: {error}"
        self.stop(Ending.FAILED, reason, can_resume=can_resume)
