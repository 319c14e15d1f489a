"""The work that a file is: tasks, phase by phase, and what comes of them.

First its chunks are loaded. If they were done side by side, a second look at repeated keys follows.
Where the collection was empty its indexes come last.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

from hpnorton.errors import FileError
from hpnorton.files import discard
from hpnorton.importer.duplicates import (
    DuplicateResolution,
    KeyHashes,
    SkippedRows,
    conflicting_hashes,
    hash_batches,
)
from hpnorton.importer.load import (
    ChunkResult,
    FoundRow,
    ImportSpec,
    begun_chunks,
    build_indexes,
    find_rows,
    hash_keys,
    load_chunks,
)
from hpnorton.importer.phases import Phase, current_listener, steps
from hpnorton.importer.rejects import Rejects
from hpnorton.importer.report import FileReport
from hpnorton.schema.remarks import Remarks
from hpnorton.stores.base import Mode
from hpnorton.stores.journal import ChunkEntry, StartedChunk
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.reader import CsvFile

# Rows in a transaction: of keys in ascending order, and of others.
_ROWS_ALONE = (50_000, 200_000)
_ROWS_IN_A_POOL = (0, 50_000)
_MOST_BYTES = 32 * 2**20  # in a transaction, as chunks may hold their bytes


@dataclass(frozen=True)
class Task:
    """A piece of work that can be repeated, what to do with its result, and what it is about."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    take: Callable[[Any], None]
    chunks: Sequence[Chunk]


@dataclass(frozen=True)
class Cut:
    """How a file is cut: the rows in a chunk, and whether several may go into one transaction.

    `with_data` says that chunks are loaded in this process, so that nobody need read them again: 2
    to 4% of an import (measured).
    """

    chunk_rows: int
    can_group: bool
    with_data: bool = False


class Work:  # pylint: disable=too-many-instance-attributes # what came of each phase
    """The tasks of a file, and what came of those done: `report`, `rejects` and `remarks`.

    `is_ordered` says that chunks are done one after the other.
    """

    def __init__(self, spec: ImportSpec, file: CsvFile, cut: Cut, *, is_ordered: bool) -> None:
        self.spec = spec
        self.file = file
        self.report = FileReport(file.path, file.collection, warnings=file.warnings)
        self.rejects = Rejects()
        self.remarks = Remarks()
        self.bytes_done = file.offset  # the header's
        self.is_ordered = is_ordered
        self._cut = cut
        self._is_scattered = False
        self._done: Sequence[ChunkEntry] = ()
        self._taken = SkippedRows()
        self._last_row = self._last_filled = 1  # the header
        self._copy: IO[bytes] | None = None
        self._not_copied: list[Chunk] = []  # where rows are missing in it
        self._stack = ExitStack()
        self._stack.callback(self.rejects.close)

    def close(self) -> None:
        """Closes the file, and forgets the refused rows."""
        self.file.close()
        self._stack.close()

    def restore(self, notes: Sequence[ChunkEntry], *, is_ordered: bool) -> None:
        """Counts the chunks that an earlier run has done, which are not done again."""
        self._done = notes
        self.is_ordered = self.is_ordered and is_ordered
        for note in notes:
            self._count(note)
        self.report.rows = 0

    def phases(self) -> Iterator[Iterator[Task]]:
        """The tasks, phase by phase: each begins when the one before is done.

        Raises FileError in the end if the file has changed meanwhile.
        """
        yield from self._phases_of_rows()
        if self.spec.indexes_late:
            yield iter([Task(build_indexes, (self.spec,), _ignore, ())])
        between = self.report.counts.blank - (self._last_row - self._last_filled)
        if between:
            rows = "1 blank row" if between == 1 else f"{between:,} blank rows"
            self.report.warnings.append(f"{rows} between others left out")
        self.file.check_unchanged()

    def _phases_of_rows(self) -> Iterator[Iterator[Task]]:
        counts = self.report.counts
        hashes: KeyHashes | None = None
        if not self.is_ordered and self.spec.mode is Mode.UPSERT:
            hashes = KeyHashes()
            self._stack.callback(hashes.close)
        yield self._load(None if self._done else hashes)
        if hashes is not None:
            if self._done:
                yield self._look(hash_keys, hashes.add)
            doubtful = hashes.repeated()
        elif not self.is_ordered and counts.conflicts:
            begun: list[StartedChunk] = []
            if not self.spec.scratch:
                yield iter([Task(begun_chunks, (self.spec,), begun.extend, ())])
            if not self._may_be_wrong(begun):
                return
            doubtful = conflicting_hashes(self.rejects)
        else:
            return
        look = DuplicateResolution(self.spec, self._taken, self.rejects, counts)
        for some in hash_batches(doubtful):
            found: list[FoundRow] = []
            yield self._look(find_rows, found.extend, some)
            wrong = look.correction(found)
            if wrong is not None:
                yield iter([Task(wrong.work, wrong.arguments, wrong.take, ())])

    def _may_be_wrong(self, begun: Sequence[StartedChunk]) -> bool:
        """Whether any row that was inserted, maybe before it was repeated, keeps others out."""
        self._taken.limit(begun)
        return self._taken.has_repeated or self.report.counts.inserted > 0

    def _load(self, hashes: KeyHashes | None) -> Iterator[Task]:
        """All chunks that are not done yet."""
        spec = replace(self.spec, wants_hashes=hashes is not None, listener=current_listener())

        def take(results: Sequence[ChunkResult]) -> None:
            for result in results:
                self._count(result.note)
                self._is_scattered = result.is_scattered
                if hashes is not None:
                    hashes.add(result.hashes)

        found = self.file.chunks(
            self._cut.chunk_rows,
            self._done,
            skips_long_rows=True,
            with_data=self._cut.with_data,
        )
        chunks = map(self._kept, steps(Phase.READ, found))
        while True:
            some: list[Chunk] = []
            size = 0
            fault: FileError | None = None
            try:
                for chunk in islice(chunks, self._chunks_a_task()):
                    some.append(chunk)
                    size += chunk.length
                    if size > _MOST_BYTES:
                        break
            except FileError as error:  # what came before it is loaded first
                fault = error
            if some:
                yield Task(load_chunks, (spec, some), take, some)
            if fault:
                raise fault
            if not some:
                return

    def _chunks_a_task(self) -> int:
        """How many chunks go into one transaction.

        If keys are in no order each transaction changes most pages of an index: five chunks in one
        take a quarter less time than one (measured). Who writes alone holds no rows meanwhile, and
        lets nobody wait.
        """
        if not self._cut.can_group:
            return 1
        rows = (_ROWS_ALONE if self.spec.is_alone else _ROWS_IN_A_POOL)[self._is_scattered]
        return max(1, rows // self._cut.chunk_rows)

    def _look(
        self, work: Callable[..., Any], take: Callable[[Any], None], *more: Any
    ) -> Iterator[Task]:
        """A look at every chunk of the file once more."""
        path = self._copy.name if self._copy else self.file.location
        if self._copy:
            self._copy.flush()
        file = CsvFile(path, self.file.collection)
        try:
            for chunk in file.chunks(self._cut.chunk_rows, self._not_copied, skips_long_rows=True):
                yield Task(work, (self.spec, chunk, *more), take, [chunk])
        finally:
            file.close()

    def _kept(self, chunk: Chunk) -> Chunk:
        """The chunk; if it comes from stdin and may be needed again, a copy is kept on disk."""
        if self.is_ordered or self.file.is_repeatable or chunk.data is None:
            return chunk
        if self._copy is None:
            # pylint: disable-next=consider-using-with # the stack closes it
            self._copy = cast(IO[bytes], NamedTemporaryFile(suffix=".csv"))
            self._stack.callback(discard, self._copy)
            self._copy.write(self.file.raw_header)
        if chunk.is_oversized:
            self._not_copied.append(replace(chunk, offset=self._copy.tell(), length=0))
        self._copy.write(chunk.data)
        return chunk

    def _count(self, note: ChunkEntry) -> None:
        self.report.counts.add(note.counts)
        self.report.rows += note.rows
        self.bytes_done += note.length
        self.remarks.add_packed(note.remarks)
        last = note.first_row + note.rows - 1
        self._last_row = max(self._last_row, last)
        if note.blank_end < note.rows:
            self._last_filled = max(self._last_filled, last - note.blank_end)
        if not self.is_ordered:  # else nothing is put in order afterwards
            self._taken.add(note.first_row, note.taken, is_repeated=note.is_repeated)
        if note.refused:
            self.rejects.add(note.first_row, note.refused)


def _ignore(_result: None) -> None:
    """There is nothing to take up."""
