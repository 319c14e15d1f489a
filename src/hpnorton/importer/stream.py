"""A CSV file replayed as a live feed: one row at a time, into a text file or the database."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from hpnorton import log
from hpnorton.errors import FileError, HPNortonError
from hpnorton.importer.feed import append, open_target
from hpnorton.importer.lanes import Lane
from hpnorton.importer.load import ChunkResult
from hpnorton.importer.plan import Options
from hpnorton.importer.rejects import RejectedRow, ended, unpack
from hpnorton.importer.report import FileReport
from hpnorton.importer.retry import until_answered
from hpnorton.importer.runner import planned_files
from hpnorton.importer.sources import Source
from hpnorton.importer.work import Task
from hpnorton.sanitize import counted
from hpnorton.stores.counts import Ending
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.open import ReadMode
from hpnorton.tabular.reader import CsvFile
from hpnorton.tabular.record_ends import has_open_quote

_FATES = {
    "inserted": "inserted",
    "updated": "updated",
    "unchanged": "unchanged",
    "conflicts": "in conflict",
    "rejected": "rejected",
    "blank": "blank, left out",
}

T = TypeVar("T")
Hold = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Every:
    """The seconds between two rows: at random, but so many at least and at most."""

    least: float
    most: float

    def draw(self) -> float:
        """Some seconds."""
        return random.uniform(self.least, self.most)


@dataclass
class Copied:
    """The result of a file that was replayed into another one; `elapsed` is in seconds.

    `rows` were written; `rejected` is 1 where the last row has an open quote.
    """

    rows: int = 0
    rejected: int = 0
    elapsed: float = 0.0
    ending: Ending = Ending.RUNNING


def stream_into_file(
    path: str,
    target: Path,
    every: Every,
    *,
    reading: ReadMode = ReadMode.STREAMING,
    on_warning: Callable[[str], None] = lambda warning: None,
) -> Copied:
    """Appends the rows of a CSV file, as they stand, to a text file; before the first, the header.

    A row that ends in an open quote is left out: the rows of the next feed would become a part of
    it. Ctrl+C ends it. Raises FileError, also if the text file has other columns or ends in an open
    quote itself.
    """
    copied = Copied()
    started = time.perf_counter()
    with (
        closing(CsvFile(path, "", reading)) as file,
        open_target(target, file, on_warning) as out,
    ):

        def put(chunk: Chunk, hold: Hold) -> None:
            data, place = chunk.data or b"", f"{file.path}, row {chunk.first_row}"
            if has_open_quote(data):
                copied.rejected += 1
                on_warning(
                    f"{place} opens a quote that is never closed: the rest of the file is a cell; "
                    "the row was rejected"
                )
                return
            with hold():
                append(out, data)
                copied.rows += 1
                log.info("{}: written", place)
            if data != ended(data):
                on_warning(f"{place}, the last one, has no line end; was the file copied whole?")

        try:
            copied.ending = _replay(file.chunks(1), every, put)
        except OSError as error:
            raise FileError(
                f"{target} cannot be written: {error.strerror}; {counted(copied.rows, 'row')} of "
                f"{file.path} are there, all of them whole: make room and start again, with "
                "another --to FILE"
            ) from error
    copied.elapsed = time.perf_counter() - started
    return copied


def stream_into_store(
    uri: str,
    source: Source,
    every: Every,
    options: Options,
    *,
    folders: Sequence[Path] = (),
    on_rejected: Callable[[RejectedRow], None] = lambda refused: None,
) -> FileReport:
    """Writes the rows of a CSV file into the database, each as an import does (see run_import).

    Ctrl+C ends it. Every row that is refused is told at once. Raises HPNortonError before anything
    is written if the file cannot be imported at all; what goes wrong later is told in the report.
    """
    with planned_files(uri, [source], options, folders) as plans:
        (planned,) = plans.files
        planned.begin(plans.store)
        lane = planned.lane
        report = lane.report
        started = time.perf_counter()

        def put(task: Task, hold: Hold) -> None:
            take = _taking(task, report, on_rejected)
            try:
                _load(task, hold, options.retry_seconds, take)
            finally:
                report.elapsed = time.perf_counter() - started

        _run(lane, every, put)
    return report


def _run(lane: Lane, every: Every, put: Callable[[Task, Hold], None]) -> None:
    try:
        ending = _replay(chain.from_iterable(lane.work.phases()), every, put)
    except HPNortonError as error:
        lane.stop(Ending.FAILED, str(error), can_resume=False)
        return
    if ending is Ending.DONE:
        lane.finish()
    else:
        lane.stop(ending, "it was interrupted", can_resume=False)


def _taking(
    task: Task, report: FileReport, on_rejected: Callable[[RejectedRow], None]
) -> Callable[[Sequence[ChunkResult]], None]:
    """What counts the result of a row and tells it, which Ctrl+C must not come between."""

    def take(results: Sequence[ChunkResult]) -> None:
        task.take(results)
        for result in results:
            log.info("{}, row {}: {}", report.file, result.note.first_row, _fate(result))
            for refused in unpack(result.note.refused) if result.note.refused else ():
                on_rejected(refused)

    return take


def _load(
    task: Task,
    hold: Hold,
    patience: float,
    take: Callable[[Sequence[ChunkResult]], None],
) -> None:
    """Does a task, again and again while the server is lost; Ctrl+C is heard in between."""

    def load() -> None:
        with hold():
            take(task.work(*task.arguments))

    until_answered(load, patience)


def _fate(result: ChunkResult) -> str:
    """What became of a row."""
    return next(told for name, told in _FATES.items() if getattr(result.note, name))


def _replay(items: Iterable[T], every: Every, put: Callable[[T, Hold], None]) -> Ending:
    """Puts items one at a time, with pauses; says whether they came to their end or Ctrl+C."""
    with _ctrl_c() as hold:
        due = time.monotonic()
        try:
            for item in items:
                time.sleep(max(0.0, due - time.monotonic()))
                put(item, hold)
                due = time.monotonic() + every.draw()
        except KeyboardInterrupt:
            return Ending.INTERRUPTED
    return Ending.DONE


@contextmanager
def _ctrl_c() -> Iterator[Hold]:
    """Gives a context in which Ctrl+C is heard only at the end; elsewhere it is heard at once.

    So a wait ends at once, and a row that is being written is written. A second Ctrl+C does not
    wait. Outside the main thread, where Python handles no signals, nothing changes.
    """
    presses: list[int] = []
    is_held = False

    def note(number: int, _frame: object) -> None:
        presses.append(number)
        if not is_held or len(presses) > 1:
            raise KeyboardInterrupt

    @contextmanager
    def hold() -> Iterator[None]:
        nonlocal is_held
        is_held = True
        try:
            yield
        finally:
            is_held = False
        if presses:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield hold
        return
    previous = signal.signal(signal.SIGINT, note)
    try:
        yield hold
    finally:
        signal.signal(signal.SIGINT, previous)
