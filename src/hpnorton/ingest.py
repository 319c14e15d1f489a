"""The import: files -> chunks -> counts that add up.

Every file is a lane of chunks. Linear and parallel differ in two things only: which lanes a lane
waits for, and which executor its chunks go to.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from hpnorton.csvfile import Chunk, CsvFile
from hpnorton.errors import FileError, HPNortonError, SchemaError, StoreError
from hpnorton.loading import Job, load_chunk
from hpnorton.reports import Counts, FileReport
from hpnorton.sources import Source, open_sources
from hpnorton.stores import close_process_stores, process_store
from hpnorton.stores.protocol import Store
from hpnorton.workers import open_workers, stop_requests

_CHUNKS_IN_FLIGHT = 2  # one being imported and one waiting: the worker never idles
_PROCESSES_A_CORE = 4

# A file's report, the bytes of it that are done, and all its bytes (None if nobody knows).
OnProgress = Callable[[FileReport, int, int | None], None]


@dataclass(frozen=True)
class ImportResult:
    """The reports of an import, in the order the files were given, and whether Ctrl+C ended it."""

    reports: Sequence[FileReport]
    is_interrupted: bool


def run_import(
    uri: str,
    sources: Sequence[Source],
    *,
    folders: Sequence[Path],
    chunk_rows: int,
    is_parallel: bool,
    log_level: str | None = None,
    on_progress: OnProgress = lambda report, done, size: None,
) -> ImportResult:
    """Imports files one after the other, or all at once with a process and a connection each.

    `folders` are where to look for a datapackage.json besides each file's own folder (see
    open_sources). A file whose collection has foreign keys starts when its parents' files are done.
    Raises HPNortonError before anything is written if a file cannot be imported at all, or the
    database not be used; what goes wrong later is told in the reports.
    """
    with ExitStack() as stack:
        opened = open_sources(sources, folders, stack)
        lanes = [_Lane(Job(uri, layout), file, chunk_rows) for file, layout in opened]
        ordered = _parents_first(lanes)
        stack.callback(close_process_stores)
        store = process_store(uri)
        _check_twins([*store.collections(), *(lane.report.collection for lane in lanes)])
        for lane in ordered:
            store.ensure(lane.job.layout.collection)
        serial = stack.enter_context(open_workers(0, log_level))
        for at, lane in enumerate(ordered):
            stack.callback(lane.close)
            if is_parallel:
                lane.open_executor = lambda: open_workers(1, log_level)
            else:
                lane.open_executor = lambda: serial
                lane.waits_for = ordered[:at]
        is_interrupted = _work(ordered, on_progress)
        for lane in lanes:
            lane.count_records(store)
        return ImportResult([lane.report for lane in lanes], is_interrupted)


def _check_twins(names: Sequence[str]) -> None:
    """Refuses names that are one to SQLite and two to MongoDB."""
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            raise SchemaError(
                f"the collection {name!r} differs from {twin!r} only in capitals; say {twin}=FILE"
            )


def _work(lanes: Sequence["_Lane"], on_progress: OnProgress) -> bool:
    """Imports all lanes; True if Ctrl+C ended it before they were done."""
    for lane in lanes:
        on_progress(lane.report, 0, lane.file.size)
    with stop_requests() as is_stopped:
        while working := [lane for lane in lanes if not lane.is_done]:
            if is_stopped():
                for lane in working:
                    lane.interrupt()
                return True
            for lane in _startable(working):
                lane.feed()
            futures = {future: lane for lane in working for future in lane.in_flight}
            done = wait(futures, return_when=FIRST_COMPLETED).done
            for future, lane in futures.items():  # in the order of the rows; `done` has none
                if future in done:
                    lane.take(future)
                    on_progress(lane.report, lane.bytes_done, lane.file.size)
    return False


def _startable(working: Sequence["_Lane"]) -> Sequence["_Lane"]:
    """The lanes that may go on now: with very many files, not all of them at once."""
    started = [lane for lane in working if lane.executor is not None]
    ready = [
        lane
        for lane in working
        if lane.executor is None and all(other.is_done for other in lane.waits_for)
    ]
    most = _PROCESSES_A_CORE * (os.cpu_count() or 1)
    return started + ready[: max(0, most - len(started))]


def _parents_first(lanes: Sequence["_Lane"]) -> list["_Lane"]:
    """The lanes in the order given, but none before its parents, for which it waits."""
    for lane in lanes:
        names = {foreign.parent for foreign in lane.job.layout.collection.foreign_keys}
        lane.parents = [other for other in lanes if other.report.collection in names]
        lane.waits_for = lane.parents
    ordered: list[_Lane] = []
    while len(ordered) < len(lanes):
        left = [lane for lane in lanes if lane not in ordered]
        free = [lane for lane in left if all(parent in ordered for parent in lane.parents)]
        if not free:
            stuck = ", ".join(lane.report.collection for lane in left)
            raise SchemaError(
                f"the foreign keys of {stuck} form a circle, so none can be imported first; "
                "take one of them out of datapackage.json"
            )
        ordered.append(free[0])
    return ordered


class _Lane:
    """A file on its way: its chunks go to its executor in order, a few at a time."""

    def __init__(self, job: Job, file: CsvFile, chunk_rows: int) -> None:
        self.job = job
        self.file = file
        self.report = FileReport(file.path, file.collection)
        self.parents: Sequence[_Lane] = ()
        self.waits_for: Sequence[_Lane] = ()
        self.open_executor: Callable[[], Executor] = lambda: open_workers(0, None)
        self.executor: Executor | None = None
        self.in_flight: dict[Future[Counts], Chunk] = {}
        self.bytes_done = file.offset  # the header's
        self._chunks: Iterator[Chunk] | None = file.chunks(chunk_rows)
        self._started = 0.0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to submit or to wait for."""
        return self._chunks is None and not self.in_flight

    def feed(self) -> None:
        """Submits chunks until enough are in flight or none is left."""
        if self.executor is None:
            self._start()
        while self._chunks is not None and len(self.in_flight) < _CHUNKS_IN_FLIGHT:
            try:
                chunk = next(self._chunks, None)
                if chunk is None or self.executor is None:
                    self._chunks = None
                    break
                self.in_flight[self.executor.submit(load_chunk, self.job, chunk)] = chunk
            except (FileError, BrokenExecutor) as error:
                self._fail(error)
        self._close_if_done()

    def take(self, future: Future[Counts]) -> None:
        """Adds what became of a chunk that is done."""
        chunk = self.in_flight.pop(future)
        try:
            self.report.counts.add(future.result())
            self.bytes_done += chunk.length
        except Exception as error:  # pylint: disable=broad-exception-caught # told in the report
            logger.opt(exception=error).debug("a chunk of {} failed", chunk.file)
            self._fail(error, chunk)
        self.report.elapsed = time.perf_counter() - self._started
        self._close_if_done()

    def interrupt(self) -> None:
        """Lets the chunks that are being imported end, and drops the others."""
        self._stop("it was interrupted")
        if self.executor is not None:
            self.executor.shutdown(cancel_futures=True)
        for future in list(self.in_flight):
            if future.cancelled():
                del self.in_flight[future]
            else:
                self.take(future)

    def close(self) -> None:
        """Ends the lane's process and closes its file."""
        self.file.close()
        if self.executor is not None:
            self.executor.shutdown()

    def count_records(self, store: Store) -> None:
        """Notes how many records the collection has now."""
        try:
            self.report.total_records = store.count(self.report.collection)
        except StoreError as error:
            self._stop(str(error))

    def _start(self) -> None:
        self._started = time.perf_counter()
        failed = [lane.report.file for lane in self.parents if lane.report.failure]
        if failed:
            self._stop(f"it was not imported, because {', '.join(failed)} failed")
            return
        logger.info("{} -> {}", self.report.file, self.report.collection)
        self.executor = self.open_executor()

    def _stop(self, failure: str) -> None:
        """Takes no more chunks; the first reason is the one that counts."""
        self._chunks = None
        self.report.failure = self.report.failure or failure

    def _fail(self, error: Exception, chunk: Chunk | None = None) -> None:
        if isinstance(error, BrokenExecutor):
            self._stop("the process that imported it died (killed, or out of memory?)")
        elif isinstance(error, HPNortonError) or chunk is None:
            self._stop(str(error))
        else:
            last = chunk.first_row + chunk.rows - 1
            self._stop(f"rows {chunk.first_row} to {last}: {type(error).__name__}: {error}")

    def _close_if_done(self) -> None:
        if not self.is_done:
            return
        self.close()
        if self.report.failure is None:
            counts, elapsed = self.report.counts, self.report.elapsed
            logger.info("{}: {:,} rows in {:.2f} s", self.report.file, counts.read, elapsed)
