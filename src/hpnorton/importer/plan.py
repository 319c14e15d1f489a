"""The plan of an import: each file with its lane and its note in the journal, new or resumed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from hpnorton import log
from hpnorton.errors import FileError, HPNortonError, StoreGoneError
from hpnorton.importer.lanes import Lane
from hpnorton.importer.load import LOCK_SECONDS, ImportSpec
from hpnorton.importer.rejects import write_rejects
from hpnorton.importer.report import SHOWN_FAULTS
from hpnorton.importer.retry import until_answered
from hpnorton.importer.targets import check_history, check_same
from hpnorton.importer.work import Cut, Work
from hpnorton.sanitize import readable
from hpnorton.schema.collection import Collection
from hpnorton.schema.layout import Layout
from hpnorton.settings import SQLITE_PREFIX
from hpnorton.stores import journal
from hpnorton.stores.base import Mode, Store
from hpnorton.stores.counts import Ending
from hpnorton.stores.journal import ImportEntry
from hpnorton.stores.provenance import number_of
from hpnorton.tabular.fingerprint import Fingerprint, fingerprint
from hpnorton.tabular.location import is_url
from hpnorton.tabular.open import ReadMode
from hpnorton.tabular.reader import CsvFile

T = TypeVar("T")

_TELLING_ROWS = 1000


@dataclass(frozen=True)
class Limit:
    """How many refused rows are too many: more than `most`, or more percent of those read."""

    most: float
    is_percent: bool = False

    def is_exceeded(self, refused: int, read: int, *, is_over: bool) -> bool:
        """Whether so many refused rows are too many.

        A percentage tells little of the first few rows: it waits for a thousand, or for the end.
        """
        if self.is_percent:
            return refused > self.most * read / 100 and (is_over or read >= _TELLING_ROWS)
        return refused > self.most

    def __str__(self) -> str:
        return f"{self.most:g}{'%' if self.is_percent else ''}"


@dataclass(frozen=True)
class Options:  # pylint: disable=too-many-instance-attributes # one for each flag
    """How to import.

    With `is_parallel` each file has a process of its own, or `workers` processes share the chunks
    of all (0: one for each core); or those of the Dask cluster at the address `scheduler` do. The
    refused rows go to the folder `rejects` (None: nowhere). A server that is lost is tried again
    for `retry_seconds`, a database that another program keeps locked for `lock_seconds`.

    A file whose `reading` is not in bulk is a feed: each chunk is written as soon as it is there,
    lets other processes write, and is not noted, since nobody resumes a feed.

    `adapt` completes the description of each file's collection, with its stock for example.
    """

    mode: Mode = Mode.INSERT
    chunk_rows: int = 10_000
    is_parallel: bool = False
    workers: int | None = None
    scheduler: str | None = None
    max_errors: Limit | None = None
    is_dry_run: bool = False
    rejects: Path | None = None
    is_resuming: bool = False
    retry_seconds: float = 60.0
    lock_seconds: float = LOCK_SECONDS
    reading: ReadMode = ReadMode.BUFFERED
    log_level: str | None = None
    adapt: Callable[[Collection], Collection] = lambda described: described

    @property
    def is_feed(self) -> bool:
        """Whether chunks are written as soon as they are there."""
        return self.reading is not ReadMode.BUFFERED


@dataclass
class Planned:
    """A file to import: its lane, the note of its import, and what was known of it before.

    A file that never begins leaves no note, as there is nothing to resume.
    """

    lane: Lane
    note: ImportEntry
    options: Options
    elapsed_before: float = 0.0
    is_resumed: bool = False
    is_finished: bool = False
    has_begun: bool = False
    has_ended: bool = False

    def begin(self, store: Store) -> None:
        """Note that the import begins, if the file is not done already. Raises StoreError."""
        report = self.lane.report
        self.has_begun = True
        if self.is_finished:
            log.info(
                "{}: already imported on {}, import {}; nothing to do",
                report.file,
                f"{self.note.started[:16].replace('T', ' ')} UTC",
                self.note.id,
            )
        elif not self.options.is_feed:
            log.info("{} -> {}", report.file, report.collection)
        if not self.is_resumed:
            now = datetime.now(UTC)
            self.note.id, self.note.started = journal.new_import_id(now), now.isoformat()
        report.started = self.note.started
        if self.options.is_dry_run:
            return
        report.import_id = self.note.id
        if self.is_finished:
            return
        self.note.status, self.note.is_ordered = Ending.RUNNING, self.lane.work.is_ordered
        if self.is_resumed:
            journal.save_import(store, self.note)
        else:
            journal.begin_import(store, self.note)
        work, number = self.lane.work, number_of(store, self.note.id)
        work.spec = replace(work.spec, run=self.note.id, number=number)
        report.import_id = self.note.id

    def finish(self, store: Store) -> None:
        """Write the rejected rows and the note, unless that was done, and let go of the file.

        If the server is lost after all rows were done, it is waited for as before.
        """
        if self.has_ended:
            return
        self.has_ended = True
        with self.failing():
            if self.is_finished:
                self.lane.report.rejects_file = self.note.rejects_file
            elif self.has_begun:
                self._tell_refused()
                self.lane.report.warnings += self.lane.work.remarks.sentences()
                if not (self.lane.report.counts.read or self.lane.report.failure):
                    self.lane.report.warnings.append("there are no rows below the header")
                if not self.options.is_dry_run:
                    self.ask(lambda: self._note_end(store))
        self.lane.work.close()

    def ask(self, work: Callable[[], T]) -> T:
        """What some work with the store gives, which a file that has failed does not wait for."""
        if self.lane.report.failure:
            return work()
        return until_answered(work, self.options.retry_seconds)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Tells in the report of what goes wrong."""
        try:
            yield
        except HPNortonError as error:
            self.fail(error)

    def fail(self, error: HPNortonError) -> None:
        """Tells in the report why the import has failed."""
        if isinstance(error, StoreGoneError):
            self.lane.report.forget()
        self.lane.stop(Ending.FAILED, str(error), can_resume=self.lane.work.file.is_repeatable)

    def _tell_refused(self) -> None:
        report, rejects = self.lane.report, self.lane.work.rejects
        faults = (fault for refused in rejects for fault in refused.faults(report.file))
        report.faults = list(islice(faults, SHOWN_FAULTS))
        for refused in rejects:
            report.codes.update(reason.code for reason in refused.reasons)
        if report.codes and self.options.rejects is not None:
            name = f"{report.collection}-{self.note.id}"
            header = self.lane.work.file.raw_header
            path = write_rejects(iter(rejects), self.options.rejects, name, report.file, header)
            report.rejects_file = readable(str(path))

    def _note_end(self, store: Store) -> None:
        report, note = self.lane.report, self.note
        note.status, note.ended = report.ending, journal.utc_now()
        note.is_ordered = self.lane.work.is_ordered
        note.rejects_file = report.rejects_file
        for name, count in asdict(report.counts).items():
            setattr(note, name, count)
        note.elapsed = self.elapsed_before + report.elapsed
        journal.save_import(store, note)
        if report.ending is Ending.DONE:
            journal.forget_rows(store, note.id)


def plan(
    uri: str,
    opened: Sequence[tuple[CsvFile, Layout]],
    store: Store,
    options: Options,
    scratch: str | None,
    *,
    is_ordered: bool,
) -> list[Planned]:
    """The files as lanes, new or resumed; nothing is written yet.

    `is_ordered` says that a single process does the chunks of a file. Raises StoreError if the
    database cannot hold a file's records, and FileError for a file that is to be resumed but has
    changed since.
    """
    is_sqlite = uri.startswith(SQLITE_PREFIX)
    cut = Cut(
        options.chunk_rows,
        can_group=is_sqlite and not options.is_feed,
        with_data=not (options.is_parallel or options.scheduler),
    )
    planned: list[Planned] = []
    seen: dict[str, Collection] = {}
    present = set(store.collections())
    for file, layout in opened:
        check_history(layout.collection, file.path)
        if seen.get(file.collection) != layout.collection:
            if file.collection in present:
                check_same(journal.known_collection(store, file.collection), layout.collection)
            store.check_fit(layout.collection)
        made = fingerprint(file.location) if file.is_repeatable and not options.is_feed else None
        before = _earlier(store, file, made, options)
        note = before or _new_note(file, made, options, is_ordered=is_ordered)
        if before is None:
            note.was_empty = file.collection not in seen and store.is_empty(file.collection)
        seen[file.collection] = layout.collection
        spec = ImportSpec(
            uri,
            layout,
            options.mode,
            note.id,
            scratch,
            # To MongoDB all may write at once; of a dry run everything but the reads is SQLite.
            is_alone=not (options.is_parallel or options.is_feed)
            or not (is_sqlite or options.is_dry_run),
            is_noted=not options.is_feed,
            is_begun=True,
            lock_seconds=options.lock_seconds,
            is_ordered=is_ordered,
            # SQLite writes rows and note in one transaction.
            notes_begin=not (is_sqlite or is_ordered or options.mode is Mode.UPSERT)
            and not options.is_dry_run,
            was_empty=note.was_empty,
            indexes_late=note.was_empty
            and bool(layout.collection.indexes)
            and not (options.is_dry_run or options.is_feed),
        )
        work = Work(spec, file, cut, is_ordered=is_ordered)
        planned.append(Planned(Lane(work), note, options))
        if before is not None:
            _take_up(planned[-1], store)
    return planned


def _earlier(
    store: Store, file: CsvFile, made: Fingerprint | None, options: Options
) -> ImportEntry | None:
    """The import of this very file that is to be resumed, if there is one."""
    if not options.is_resuming or options.is_dry_run:
        return None
    if made is None:
        raise FileError(
            f"{file.path} cannot be resumed, since it cannot be read again from its beginning; "
            "import it again without --resume: rows that are in the database are left as they are"
        )
    note = journal.latest_import(store, _place(file), file.collection)
    if note is None:
        return None
    is_same = (note.size, note.checksum) == (made.size, made.checksum)
    if note.status == Ending.DONE:
        is_enough = note.mode in (options.mode, Mode.UPSERT)  # which has inserted as well
        is_there = not note.read or not store.is_empty(file.collection)  # or was it dropped?
        return note if is_same and is_enough and is_there else None
    if not is_same:
        raise FileError(
            f"{file.path} has changed since its import began ({_to_the_minute(note.started)}): "
            f"{_how_it_differs(note.size or 0, made.size)}; import it without --resume"
        )
    if note.mode != options.mode:
        raise FileError(
            f"the import of {file.path} began with --mode {note.mode}; resume it in the same way"
        )
    return note


def _how_it_differs(size_then: int, size_now: int) -> str:
    if size_now == size_then:
        return f"its content has changed ({size_now:,} bytes then and now)"
    return f"it had {size_then:,} bytes, it has {size_now:,}"


def _to_the_minute(moment: str) -> str:
    """A moment, ISO 8601, as a person reads it."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _take_up(planned: Planned, store: Store) -> None:
    """Counts what an earlier run of the import has done."""
    lane, note = planned.lane, planned.note
    planned.elapsed_before = note.elapsed
    planned.is_resumed = True
    planned.is_finished = lane.report.was_done = note.status == Ending.DONE
    if planned.is_finished:
        lane.work.bytes_done = note.size or lane.work.bytes_done
        lane.finish()
    else:
        lane.work.restore(journal.chunks(store, note.id), is_ordered=note.is_ordered)


def _new_note(
    file: CsvFile, made: Fingerprint | None, options: Options, *, is_ordered: bool
) -> ImportEntry:
    return ImportEntry(
        id="",  # it has these when it begins
        started="",
        collection=file.collection,
        file=_place(file),
        mode=options.mode,
        size=made.size if made else None,
        modified=made.modified if made else None,
        checksum=made.checksum if made else None,
        is_ordered=is_ordered,
        was_empty=False,
    )


def _place(file: CsvFile) -> str:
    """What a file is called, wherever the program is started."""
    if is_url(file.path) or not file.is_repeatable:
        return readable(file.path)
    return readable(str(Path(file.path).resolve()))
