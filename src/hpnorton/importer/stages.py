"""The stages of a file's import: each is a series of tasks that may run at the same time.

The chunks are loaded first. If chunks may have finished out of file order, duplicate keys are
resolved next. Late indexes come last.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

from hpnorton.errors import FileError
from hpnorton.files import discard
from hpnorton.importer.chunk_result import ChunkResult
from hpnorton.importer.duplicates import (
    DuplicateResolution,
    KeyHashes,
    conflicting_hashes,
    hash_batches,
)
from hpnorton.importer.executors import Task
from hpnorton.importer.file_import import FileImport, Tasks
from hpnorton.importer.load import (
    FoundRow,
    build_indexes,
    find_rows,
    hash_keys,
    load_chunks,
    started_chunks,
)
from hpnorton.importer.options import Commit, ImportSpec, Indexes
from hpnorton.importer.phases import current_listener
from hpnorton.stores.base import Mode
from hpnorton.tabular.chunk import Chunk
from hpnorton.tabular.reader import CsvFile

# Rows in a transaction: of keys in ascending order, and of others. If keys are in no order each
# transaction changes most pages of an index, so that fewer transactions take less time.
_ROWS_IN_TRANSACTION = {
    Commit.GROUPED: (50_000, 200_000),
    Commit.SHORT: (0, 50_000),
    Commit.SINGLE: (0, 0),
}
_MAX_BYTES = 32 * 2**20  # in a transaction, as chunks may hold their bytes


class Stages:
    """The stages of a file's import, and the copy of stdin that they may need."""

    def __init__(self, file_import: FileImport) -> None:
        self._import = file_import
        self._copy: _Copy | None = None

    @property
    def _spec(self) -> ImportSpec:
        return self._import.spec  # which gets its import's id when the import begins

    def all(self) -> Iterator[Tasks]:
        """Yield the tasks of each stage.

        The caller asks for the next stage when all tasks of the one before have ended. Until then
        the generator is suspended, so that its conditions see their results. Raises FileError in
        the end if the file has changed meanwhile.
        """
        yield from self._rows()
        if self._spec.indexes is Indexes.LATE:
            yield iter([Task(build_indexes, (self._spec,))])
        if between := self._import.blank_rows_between:
            rows = "1 blank row" if between == 1 else f"{between:,} blank rows"
            self._import.report.warnings.append(f"{rows} between others left out")
        self._import.file.check_unchanged()

    def _rows(self) -> Iterator[Tasks]:
        """Load the chunks, and let the order of the file decide between rows with equal keys."""
        if self._spec.is_ordered:
            yield self._load(None)
        elif self._spec.mode is Mode.UPSERT:
            hashes = KeyHashes()
            self._import.resources.callback(hashes.close)
            if self._import.earlier_chunks:
                yield self._load(None)
                yield self._read_again(hash_keys, hashes.add)
            else:
                yield self._load(hashes)
            yield from self._resolve(hashes.repeated())
        else:
            yield self._load(None)
            if self._import.report.counts.conflicts:
                yield from self._resolve_conflicts()

    def _resolve_conflicts(self) -> Iterator[Tasks]:
        """Let the first of the rows with equal keys be stored, if another one was."""
        skipped = self._import.skipped
        if not self._spec.scratch:
            yield iter([Task(started_chunks, (self._spec,), skipped.use_started)])
        if skipped.has_repeated or self._import.report.counts.inserted:
            yield from self._resolve(conflicting_hashes(self._import.rejects))

    def _resolve(self, hashes: Iterator[int]) -> Iterator[Tasks]:
        """Read the rows again whose keys have one of the hashes, and correct what is stored."""
        state = self._import
        resolution = DuplicateResolution(
            self._spec, state.skipped, state.rejects, state.report.counts
        )
        for batch in hash_batches(hashes):
            found: list[FoundRow] = []
            yield self._read_again(find_rows, found.extend, batch)
            correction = resolution.correction(found)
            if correction is not None:
                yield iter([correction])

    def _load(self, hashes: KeyHashes | None) -> Tasks:
        """Load all chunks that are not done yet, and add the hashes of their keys to `hashes`."""
        spec = replace(self._spec, wants_hashes=hashes is not None, listener=current_listener())

        def count(results: Sequence[ChunkResult]) -> None:
            for result in results:
                self._import.count(result)
                if hashes is not None:
                    hashes.add(result.hashes)

        chunks = map(self._keep, self._import.chunks)
        while True:
            group, error = _next_group(chunks, self._chunks_in_transaction())
            if group:
                yield Task(load_chunks, (spec, group), count, group)
            if error:
                raise error
            if not group:
                return

    def _chunks_in_transaction(self) -> int:
        ascending, scattered = _ROWS_IN_TRANSACTION[self._spec.commit]
        rows = scattered if self._import.is_scattered else ascending
        return max(1, rows // self._import.options.chunk_rows)

    def _read_again(
        self, function: Callable[..., Any], on_result: Callable[[Any], None], *more: Any
    ) -> Tasks:
        """Call a function for each chunk of the file once more."""
        original, copy = self._import.file, self._copy
        file = CsvFile(copy.path if copy else original.location, original.collection)
        left_out = copy.left_out if copy else ()
        try:
            for chunk in file.chunks(
                self._import.options.chunk_rows, left_out, skips_long_rows=True
            ):
                yield Task(function, (self._spec, chunk, *more), on_result, [chunk])
        finally:
            file.close()

    def _keep(self, chunk: Chunk) -> Chunk:
        """Return the chunk, once it is on disk if it comes from stdin and may be needed again."""
        if self._spec.is_ordered or self._import.file.is_repeatable or chunk.data is None:
            return chunk
        if self._copy is None:
            self._copy = _Copy(self._import.file.raw_header)
            self._import.resources.callback(self._copy.close)
        self._copy.add(chunk)
        return chunk


def _next_group(chunks: Iterator[Chunk], count: int) -> tuple[list[Chunk], FileError | None]:
    """Return the next chunks, at most `count`, and the error that ended them, if one did."""
    group: list[Chunk] = []
    size = 0
    try:
        for chunk in islice(chunks, count):
            group.append(chunk)
            size += chunk.length
            if size > _MAX_BYTES:
                break
    except FileError as error:
        return group, error
    return group, None


class _Copy:
    """A copy on disk of what comes from stdin; `left_out` are the rows that it lacks."""

    def __init__(self, header: bytes) -> None:
        # pylint: disable-next=consider-using-with # close() closes it
        self._file = cast(IO[bytes], NamedTemporaryFile(suffix=".csv"))
        self._file.write(header)
        self.left_out: list[Chunk] = []

    @property
    def path(self) -> str:
        """The path of the copy, all of which is on disk."""
        self._file.flush()
        return self._file.name

    def add(self, chunk: Chunk) -> None:
        """Add a chunk that holds its bytes."""
        if chunk.is_oversized:
            self.left_out.append(replace(chunk, offset=self._file.tell(), length=0))
        self._file.write(chunk.data or b"")

    def close(self) -> None:
        """Remove the copy."""
        discard(self._file)
