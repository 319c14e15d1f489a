"""The import of one file: what it is to do, and the result so far."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from hpnorton import log
from hpnorton.errors import FileError, HPNortonError, StoreGoneError, StoreLostError
from hpnorton.importer.chunk_result import ChunkResult
from hpnorton.importer.duplicates import SkippedRows
from hpnorton.importer.executors import BoundedExecutor, Task, describe_failure
from hpnorton.importer.options import ImportSpec, Options
from hpnorton.importer.rejects import RejectedRow, Rejects, from_entry, report_rejects
from hpnorton.importer.report import FileReport
from hpnorton.importer.retry import until_answered
from hpnorton.sanitize import counted
from hpnorton.schema.remarks import Remarks
from hpnorton.stores import journal
from hpnorton.stores.base import Store
from hpnorton.stores.counts import Ending
from hpnorton.stores.journal import ChunkEntry, ImportEntry
from hpnorton.stores.provenance import number_of
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.reader import CsvFile

T = TypeVar("T")
Tasks = Iterator[Task]


class FileImport:  # pylint: disable=too-many-instance-attributes # the state of a file's import
    """The state of one file's import, from the plan to the report.

    It *has ended* if it has no task left, is *finished* when that is in the report and the journal,
    and is *done* (Ending.DONE) if all of the file was loaded.

    `spec` is what workers have to know, `chunks` are those to load, `entry` is the import's entry
    in the journal; a file that never begins leaves none, as there is nothing to resume. `report`,
    `rejects`, `remarks` and `skipped` are the result so far, `bytes_done` the bytes of the file
    that it covers. With `is_resumed` an earlier run began the import, and loaded `earlier_chunks`.
    `resources` are closed in the end. `on_result` is called with the result of each chunk that was
    counted.
    """

    def __init__(
        self,
        file: CsvFile,
        spec: ImportSpec,
        entry: ImportEntry,
        options: Options,
        chunks: Iterator[Chunk],
    ) -> None:
        self.file = file
        self.spec = spec
        self.entry = entry
        self.options = options
        self.chunks = chunks
        self.report = FileReport(file.path, file.collection, warnings=file.warnings)
        self.rejects = Rejects()
        self.remarks = Remarks()
        self.skipped = SkippedRows()
        self.bytes_done = len(file.raw_header)
        self.is_scattered = False  # whether keys come in no order: see chunk_result.ChunkResult
        self.is_resumed = False
        self.earlier_chunks: Sequence[ChunkEntry] = ()
        self.on_result: Callable[[ChunkResult], None] = lambda result: None
        self.in_flight: dict[Future[Any], Task] = {}
        self.executor: BoundedExecutor | None = None
        self.resources = ExitStack()
        self.resources.callback(self.rejects.close)
        self._stages: Iterator[Tasks] | None = iter(())
        self._tasks: Tasks = iter(())
        self._lost: deque[Task] = deque()  # to be submitted again
        self._started = 0.0
        self._has_begun = False
        self.is_finished = False
        self._elapsed_before = entry.elapsed
        self._last_row = self._last_filled_row = 1  # the header

    @property
    def has_ended(self) -> bool:
        """Whether there is no task to submit or to wait for."""
        return self._stages is None and not self.in_flight

    @property
    def can_resume(self) -> bool:
        """Whether --resume can go on with the file, when it has not changed."""
        return self.file.is_repeatable and not self.options.is_feed

    @property
    def blank_rows_between(self) -> int:
        """How many blank rows stand between other rows, not at the end of the file."""
        return self.report.counts.blank - (self._last_row - self._last_filled_row)

    def count_earlier_run(self, chunks: Sequence[ChunkEntry], store: Store) -> None:
        """Count what an earlier run has loaded: all, or `chunks` of the file. Raises StoreError."""
        self.is_resumed, self.earlier_chunks = True, chunks
        if self.entry.status == Ending.DONE:
            self.report.was_done = True
            self.report.ending = Ending.DONE
            self.bytes_done = self.entry.size or self.bytes_done
            self._stages = None
            return
        for entry in chunks:
            self._count(entry, [from_entry(row) for row in journal.rejected_rows(store, entry)])
        self.report.rows = 0  # they were not read in this run

    def start(self, executor: BoundedExecutor, stages: Iterator[Tasks]) -> None:
        """Use an executor from now on, for the tasks of each stage when the one before ends."""
        self.executor = executor
        self._started = time.perf_counter()
        if self._stages is not None:
            self._stages = stages

    def save_start(self, store: Store) -> None:
        """Write to the journal that the import begins, unless it is done already.

        This can be repeated if the server was lost meanwhile. Raises StoreError.
        """
        if not self._has_begun:
            self._begin()
        report, entry = self.report, self.entry
        if self.options.is_dry_run:
            return
        report.import_id = entry.id
        if report.was_done:
            return
        entry.status = Ending.RUNNING
        if self.is_resumed:
            journal.save_import(store, entry)
        else:
            journal.begin_import(store, entry)
            report.import_id = entry.id  # another one if the first was taken
        self.spec = replace(self.spec, import_id=entry.id, number=number_of(store, entry.id))

    def _begin(self) -> None:
        """Log the start, and give a new import its id."""
        report, entry = self.report, self.entry
        self._has_begun = True
        if report.was_done:
            text = "{}: already imported on {} UTC, import {}; nothing to do"
            log.info(text, report.file, entry.started[:16].replace("T", " "), entry.id)
        elif not self.options.is_feed:
            log.info("{} -> {}", report.file, report.collection)
        if not self.is_resumed:
            now = datetime.now(UTC)
            entry.id, entry.started = journal.new_import_id(now), now.isoformat()
        report.started = entry.started

    def submit_tasks(self) -> None:
        """Submit tasks while there are any and the executor takes more."""
        assert self.executor is not None
        while self._stages is not None and self.executor.has_room:
            try:
                task = self._next_task()
                if task is None:
                    return
                self.in_flight[self.executor.submit(task)] = task
            except (HPNortonError, BrokenExecutor, OSError) as error:
                self.fail(error)

    def take_result(self, future: "Future[Any]") -> None:
        """Take the result of a task that has ended.

        Raises StoreLostError if the database did not answer; the task is then submitted again.
        """
        task = self.forget_task(future)
        try:
            task.on_result(future.result())
        except StoreLostError:
            self._lost.append(task)
            raise
        except Exception as error:  # pylint: disable=broad-exception-caught # goes to the report
            log.debug("a task of {} failed", self.file.path, error=error)
            self.fail(error, task.chunks)
        self.report.elapsed = time.perf_counter() - self._started

    def forget_task(self, future: "Future[Any]") -> Task:
        """Remove a task from those in flight, and return it."""
        assert self.executor is not None
        self.executor.release()
        return self.in_flight.pop(future)

    def count(self, result: ChunkResult) -> None:
        """Count the result of a chunk."""
        self._count(result.entry, result.rejected)
        self.is_scattered = result.is_scattered
        self.on_result(result)

    def stop(self, ending: Ending, reason: str, *, can_resume: bool) -> None:
        """Submit no more tasks; only the first reason goes to the report."""
        self._stages = None
        if self.report.failure is None:
            self.report.ending = ending
            self.report.failure = reason
            self.report.can_resume = can_resume

    def fail(
        self, error: Exception, chunks: Sequence[Chunk] = (), *, is_content: bool = True
    ) -> None:
        """Stop because of an error of the chunks, or of none in particular.

        A FileError is one of the file's content unless `is_content` is False: then --resume does
        not help.
        """
        if isinstance(error, StoreGoneError):
            self.report.forget()
        can_resume = self.can_resume and not (is_content and isinstance(error, FileError))
        self.stop(Ending.FAILED, describe_failure(error, chunks), can_resume=can_resume)

    @contextmanager
    def fail_on_error(self) -> Iterator[None]:
        """Stop because of an error of the database, or of another file, that is raised inside."""
        try:
            yield
        except HPNortonError as error:
            self.fail(error, is_content=False)

    def retry_while_lost(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; repeat it while the server is lost.

        A file that has failed does not wait for a server. Raises StoreError.
        """
        if self.report.failure:
            return work()
        return until_answered(work, self.options.retry_seconds)

    def finish(self, store: Store) -> None:
        """Write the rejected rows and the journal's entry once, and close the file."""
        if self.is_finished:
            return
        self.is_finished = True
        with self.fail_on_error():
            self._report_end(store)
        self.close()

    def _report_end(self, store: Store) -> None:
        if self.report.was_done:
            self.report.rejects_file = self.entry.rejects_file
        elif self._has_begun:
            name = f"{self.report.collection}-{self.entry.id}"
            folder = self.options.rejects
            report_rejects(self.rejects, self.report, folder, name, self.file.raw_header)
            self.report.warnings += self.remarks.sentences()
            if not (self.report.counts.read or self.report.failure):
                self.report.warnings.append("there are no rows below the header")
            if not self.options.is_dry_run:
                self.retry_while_lost(lambda: self._save_end(store))

    def close(self) -> None:
        """Close the file, and discard the rejected rows."""
        self.file.close()
        self.resources.close()

    def _next_task(self) -> Task | None:
        """Return the next task, or None if there is none now or none at all."""
        while self._stages is not None:
            task = self._lost.popleft() if self._lost else next(self._tasks, None)
            if task is not None:
                return task
            if self.in_flight:
                return None
            tasks = next(self._stages, None)
            if tasks is None:
                self._stages = None
                self.report.ending = Ending.DONE
                log.info("{}: {}", self.report.file, counted(self.report.counts.read, "row"))
            else:
                self._tasks = tasks
        return None

    def _count(self, entry: ChunkEntry, rejected: Sequence[RejectedRow]) -> None:
        self.report.counts.add(entry.counts)
        self.report.rows += entry.rows
        self.bytes_done += entry.length
        self.remarks.add_packed(entry.remarks)
        last = entry.first_row + entry.rows - 1
        self._last_row = max(self._last_row, last)
        if entry.blank_end < entry.rows:
            self._last_filled_row = max(self._last_filled_row, last - entry.blank_end)
        if not self.spec.is_ordered:  # else there are no duplicates to resolve
            self.skipped.add(entry.first_row, entry.taken, is_repeated=entry.is_repeated)
        self.rejects.add(rejected)

    def _save_end(self, store: Store) -> None:
        report, entry = self.report, self.entry
        entry.status, entry.ended = report.ending, journal.utc_now()
        entry.rejects_file = report.rejects_file
        for name, count in asdict(report.counts).items():
            setattr(entry, name, count)
        entry.elapsed = self._elapsed_before + report.elapsed
        journal.save_import(store, entry)
        if report.ending is Ending.DONE:
            journal.forget_rows(store, entry.id)
