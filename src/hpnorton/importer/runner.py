"""The import: files -> chunks -> counts that add up.

Linear and parallel imports share this loop. They differ in how many files run at the same time and
in the executor that loads their chunks; from that follow the order of the chunks, the size of a
transaction and the entries in the journal (see plan._spec).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from pathlib import Path
from typing import Any

from hpnorton import log
from hpnorton.errors import StoreLostError
from hpnorton.importer.file_import import FileImport, Tasks
from hpnorton.importer.options import Options
from hpnorton.importer.plan import Plan, open_plan
from hpnorton.importer.report import FileReport
from hpnorton.importer.retry import Outage
from hpnorton.importer.sources import Source
from hpnorton.importer.stages import Stages
from hpnorton.interrupts import Interrupts, catch_interrupts
from hpnorton.stores.counts import Counts, Ending

_MAX_NAMED = 10  # files in a message
_STEP = 0.1  # seconds; Ctrl+C is handled after it

# A file's report, the bytes of it that are done, and all its bytes (None if unknown).
OnProgress = Callable[[FileReport, int, int | None], None]
# Returns the tasks of a file, perhaps with pauses, which Ctrl+C ends.
Pace = Callable[[Tasks, Interrupts], Tasks]


def run_import(
    uri: str,
    sources: Sequence[Source],
    options: Options,
    *,
    folders: Sequence[Path] = (),
    on_progress: OnProgress = lambda report, done, size: None,
) -> list[FileReport]:
    """Import files one after the other, or at once, and return a report for each, in their order.

    `folders` are searched for a datapackage.json besides each file's own folder (see
    open_sources). A file whose collection has foreign keys starts when its parents' files are done.
    Raises HPNortonError before anything is written if a file cannot be imported at all, or the
    database cannot be used; later errors go to the reports.
    """
    with open_plan(uri, sources, options, folders) as plan:
        Runner(plan, options, on_progress).run()
    return [each.report for each in plan.files]


class Runner:
    """The loop of an import: submits the tasks of files in their order, and takes the results."""

    def __init__(
        self, plan: Plan, options: Options, on_progress: OnProgress, pace: Pace | None = None
    ) -> None:
        self._files = plan.files
        self._order = plan.order
        self._store = plan.store
        self._options = options
        self._on_progress = on_progress
        self._pace = pace
        self._outage = Outage(options.retry_seconds)
        self._running: dict[int, FileImport] = {}
        self._free = list(plan.executors)
        self._ended = Counts()

    def run(self) -> None:
        """Import all files, until Ctrl+C or too many rejected rows stop it.

        Raises KeyboardInterrupt if Ctrl+C is pressed twice, unless the tasks are paced: then they
        are so short that this stops them as well.
        """
        with catch_interrupts() as interrupts:
            try:
                while (self._running or self._order.waiting) and not interrupts.is_requested:
                    self._step(interrupts)
            except KeyboardInterrupt:
                if self._pace is None:
                    raise
            if interrupts.is_requested:
                self._interrupt()

    def _step(self, interrupts: Interrupts) -> None:
        if self._outage.left is None:
            self._start_files(interrupts)
            for each in self._running.values():
                each.submit_tasks()
        self._take_results()
        self._check_limit()
        self._end_files()

    def _start_files(self, interrupts: Interrupts) -> None:
        while self._free and self._free[-1].has_room:
            number = self._order.next()
            if number is None:
                return
            each = self._running[number] = self._files[number]
            task_series = Stages(each).all()
            if self._pace is not None:
                task_series = (self._pace(tasks, interrupts) for tasks in task_series)
            each.start(self._free.pop(), task_series)
            if failed := self._order.stuck(each):
                _stop_for_parents(each, failed)
            else:
                with each.fail_on_error():
                    each.retry_while_lost(partial(each.save_start, self._store))
            self._report_progress(each)

    def _take_results(self) -> None:
        """Take the results that are there, or wait for the first one."""
        futures: dict[Future[Any], FileImport] = {
            future: each for each in self._running.values() for future in each.in_flight
        }
        if not futures and (left := self._outage.left):
            time.sleep(min(_STEP, left))
        timeout = None if self._outage.left is None else _STEP
        done = wait(futures, timeout, FIRST_COMPLETED).done
        for future, each in futures.items():  # in the order of the rows; `done` has none
            if future in done:
                self._take_result(each, future)

    def _take_result(self, file_import: FileImport, future: "Future[Any]") -> None:
        try:
            file_import.take_result(future)
            self._outage.end()
        except StoreLostError as error:
            self._wait_or_give_up(error)
        self._report_progress(file_import)

    def _end_files(self) -> None:
        """Finish the files that have ended, so that others can start."""
        for number, each in list(self._running.items()):
            if not each.has_ended:
                continue
            del self._running[number]
            self._ended.add(each.report.counts)
            each.file.close()  # finish() may come after all files, and descriptors are limited
            if self._can_finish_early:
                each.finish(self._store)
            self._order.end(number)
            self._free_executor(each)

    def _free_executor(self, file_import: FileImport) -> None:
        """Free a file's executor; close it if it may be broken, or if no file waits for it."""
        executor = file_import.executor
        assert executor is not None
        if file_import.report.ending is not Ending.DONE and not executor.is_shared:
            executor.close()
        self._free.append(executor)
        for each in self._free if not self._order.waiting else ():
            if not each.is_shared:
                each.close()

    @property
    def _can_finish_early(self) -> bool:
        """Whether a file can be finished when it ends, before the others.

        False with a percentage limit: it can still stop files that have ended.
        """
        limit = self._options.max_errors
        return limit is None or not limit.is_percent

    def _report_progress(self, file_import: FileImport) -> None:
        self._on_progress(file_import.report, file_import.bytes_done, file_import.file.size)

    def _remaining(self) -> Iterator[FileImport]:
        """Return the files that have not ended yet."""
        return (each for each in self._files if not each.has_ended)

    def _wait_or_give_up(self, error: StoreLostError) -> None:
        if self._outage.begin():
            log.warning("{}; trying again", error)
            return
        reason = f"{error}; it was tried again for {self._options.retry_seconds:g} s"
        for each in self._remaining():
            each.stop(Ending.FAILED, reason, can_resume=each.can_resume)

    def _check_limit(self) -> None:
        """Stop all files that are not finished if more rows were rejected than --max-errors."""
        limit = self._options.max_errors
        if limit is None:
            return
        counts = [self._ended, *(each.report.counts for each in self._running.values())]
        rejected, read = sum(each.failed for each in counts), sum(each.read for each in counts)
        have_ended = all(each.has_ended for each in self._running.values())
        is_over = have_ended and not self._order.waiting
        if limit.is_exceeded(rejected, read, is_over=is_over):
            if limit.is_percent:
                rows = "of the rows were"
            else:
                rows = "row was" if limit.maximum == 1 else "rows were"
            reason = f"it was stopped, because more than {limit} {rows} rejected (--max-errors)"
            for each in self._files:
                if not each.is_finished:
                    each.stop(Ending.STOPPED, reason, can_resume=False)

    def _interrupt(self) -> None:
        """Let the tasks that have begun end, and drop the others."""
        for each in self._remaining():
            each.stop(Ending.INTERRUPTED, "it was interrupted", can_resume=each.can_resume)
        for each in self._running.values():
            if each.executor is not None:
                each.executor.close(cancel=True)
        for each in self._running.values():
            for future in list(each.in_flight):
                self._take_or_forget(each, future)

    @staticmethod
    def _take_or_forget(file_import: FileImport, future: "Future[Any]") -> None:
        if future.cancelled():
            file_import.forget_task(future)
            return
        try:
            file_import.take_result(future)
        except StoreLostError as error:  # the report says that the chunk is not done
            log.debug("a chunk of {} was lost", file_import.report.file, error=error)


def _stop_for_parents(file_import: FileImport, failed: Sequence[FileReport]) -> None:
    """Stop a file before its start: without its parents every row would be rejected."""
    files = ", ".join(report.file for report in failed[:_MAX_NAMED])
    if len(failed) > _MAX_NAMED:
        files += f" and {len(failed) - _MAX_NAMED:,} more"
    verb = "was" if len(failed) == 1 else "were"
    reason = f"it was not imported, because {files} {verb} not imported completely"
    can_resume = all(report.can_resume for report in failed)
    file_import.stop(Ending.FAILED, reason, can_resume=can_resume)
