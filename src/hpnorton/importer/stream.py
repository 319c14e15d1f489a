"""A CSV file replayed as a live feed: one row at a time, into a text file or the database."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from hpnorton import log
from hpnorton.errors import FileError
from hpnorton.importer.chunk_result import ChunkResult
from hpnorton.importer.feed import append, open_target
from hpnorton.importer.options import Options
from hpnorton.importer.plan import open_plan
from hpnorton.importer.rejects import RejectedRow, with_line_end
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import Runner
from hpnorton.importer.sources import Source
from hpnorton.interrupts import Interrupts, catch_interrupts
from hpnorton.sanitize import counted
from hpnorton.stores.counts import Ending
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.open import ReadMode
from hpnorton.tabular.reader import CsvFile
from hpnorton.tabular.record_ends import has_open_quote

_RESULTS = {
    "inserted": "inserted",
    "updated": "updated",
    "unchanged": "unchanged",
    "conflicts": "in conflict",
    "rejected": "rejected",
    "blank": "blank, left out",
}

T = TypeVar("T")
Warn = Callable[[str], None]


@dataclass(frozen=True)
class Interval:
    """The time between two rows: at random between `min_seconds` and `max_seconds`."""

    min_seconds: float
    max_seconds: float

    def draw(self) -> float:
        """Return a number of seconds."""
        return random.uniform(self.min_seconds, self.max_seconds)


@dataclass
class CopyReport:
    """The report of a file that was appended to another one; `elapsed` is in seconds.

    `rows` were written; `rejected` is 1 if the last row has an open quote.
    """

    rows: int = 0
    rejected: int = 0
    elapsed: float = 0.0
    ending: Ending = Ending.RUNNING


def stream_into_file(
    path: str,
    target: Path,
    interval: Interval,
    *,
    reading: ReadMode = ReadMode.STREAMING,
    on_warning: Warn = lambda warning: None,
) -> CopyReport:
    """Append the rows of a CSV file, byte by byte, to a text file that has its header.

    A row that ends in an open quote is left out: the rows of the next feed would become a part of
    it. Ctrl+C stops it. Raises FileError, also if the text file has other columns or ends in an
    open quote itself.
    """
    report = CopyReport()
    started = time.perf_counter()
    with (
        closing(CsvFile(path, "", reading)) as file,
        open_target(target, file, on_warning) as out,
        catch_interrupts() as interrupts,
    ):
        try:
            for chunk in paced(interval, file.chunks(1), interrupts):
                _append_row(chunk, f"{file.path}, row {chunk.first_row}", out, report, on_warning)
            report.ending = Ending.DONE
        except KeyboardInterrupt:
            report.ending = Ending.INTERRUPTED
        except OSError as error:
            raise FileError(
                f"{target} cannot be written: {error.strerror}; {counted(report.rows, 'row')} of "
                f"{file.path} are there, all of them whole: make room and start again, with "
                "another --to FILE"
            ) from error
    report.elapsed = time.perf_counter() - started
    return report


def _append_row(
    chunk: Chunk, location: str, out: IO[bytes], report: CopyReport, on_warning: Warn
) -> None:
    data = chunk.data or b""
    if has_open_quote(data):
        report.rejected += 1
        on_warning(
            f"{location} opens a quote that is never closed: the rest of the file is one cell; the "
            "row was rejected"
        )
        return
    append(out, data)
    report.rows += 1
    log.info("{}: written", location)
    if data != with_line_end(data):
        on_warning(f"{location}, the last one, has no line end; was the file copied whole?")


def stream_into_store(
    uri: str,
    source: Source,
    interval: Interval,
    options: Options,
    *,
    folders: Sequence[Path] = (),
    on_rejected: Callable[[RejectedRow], None] = lambda row: None,
) -> FileReport:
    """Write the rows of a CSV file to the database one by one, each as an import does.

    Ctrl+C stops it. `on_rejected` is called with each rejected row at once. Raises HPNortonError
    before anything is written if the file cannot be imported at all; later errors go to the report.
    """
    with open_plan(uri, [source], options, folders) as plan:
        (file_import,) = plan.files
        report = file_import.report

        def report_row(result: ChunkResult) -> None:
            log.info("{}, row {}: {}", report.file, result.entry.first_row, _outcome(result))
            for rejected in result.rejected:
                on_rejected(rejected)

        file_import.on_result = report_row
        Runner(plan, options, lambda *_: None, pace=partial(paced, interval)).run()
    return report


def _outcome(result: ChunkResult) -> str:
    """Return what happened to the row of a chunk."""
    return next(text for name, text in _RESULTS.items() if getattr(result.entry, name))


def paced(interval: Interval, items: Iterator[T], interrupts: Interrupts) -> Iterator[T]:
    """Return items with pauses between them.

    Ctrl+C raises KeyboardInterrupt while the next item is waited for, but not while it is used.
    """
    due = time.monotonic()
    while True:
        with interrupts.raised():
            try:
                item = next(items)
            except StopIteration:
                return
            time.sleep(max(0.0, due - time.monotonic()))
        yield item
        due = time.monotonic() + interval.draw()
