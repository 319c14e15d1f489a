"""Duplicate resolution: rows with equal keys are read again, so that the file's order decides.

Chunks that run at the same time end in any order, so of two rows with one key the later one may be
written first. Such keys are rare. Workers report those that may be concerned as 32-bit hashes. When
all chunks are done, only the rows whose keys have these hashes are read again, and the records that
should be others are replaced. This can be repeated: an import that is killed here is resumed here.
"""

import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hpnorton.files import discard
from hpnorton.importer.bitmap import has_bit
from hpnorton.importer.chunk_result import conflict_reason, hash_of
from hpnorton.importer.executors import Task
from hpnorton.importer.load import Exchange, FoundRow, exchange_records, put_records
from hpnorton.importer.options import ImportSpec
from hpnorton.importer.rejects import RejectedRow, Rejects
from hpnorton.stores.base import Key, Mode
from hpnorton.stores.counts import Counts
from hpnorton.stores.diff import first_difference
from hpnorton.stores.journal import StartedChunk

_MAX_HASHES = 100_000  # in a batch: about 10 MB in each process
_PARTS = 64
_HASH_BITS = 32
_MEMORY_BYTES = 2**18


class KeyHashes:
    """The hashes of all keys of a file, on disk in parts of which each fits into memory."""

    def __init__(self) -> None:
        self._parts = [
            # pylint: disable-next=consider-using-with # close() closes it
            tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)
            for _ in range(_PARTS)
        ]

    def close(self) -> None:
        """Discard the hashes."""
        for spool in self._parts:
            discard(spool)

    def add(self, packed: bytes) -> None:
        """Add the sorted hashes of a chunk's keys, four bytes each."""
        hashes = array("I", packed)
        step = (1 << _HASH_BITS) // _PARTS
        ends = [bisect_left(hashes, step * part) for part in range(_PARTS)] + [len(hashes)]
        for spool, (start, end) in zip(self._parts, pairwise(ends)):
            if start < end:
                spool.write(hashes[start:end].tobytes())

    def repeated(self) -> Iterator[int]:
        """Yield the hashes that were added more than once."""
        for spool in self._parts:
            spool.seek(0)
            hashes = sorted(array("I", spool.read()))
            yield from {one for one, other in pairwise(hashes) if one == other}


def hash_batches(hashes: Iterable[int]) -> Iterator[frozenset[int]]:
    """Yield the hashes in sets that are small enough to be sent to workers."""
    batch: set[int] = set()
    for number in hashes:
        batch.add(number)
        if len(batch) == _MAX_HASHES:
            yield frozenset(batch)
            batch.clear()
    if batch:
        yield frozenset(batch)


class SkippedRows:
    """The rows of a file that were not inserted because their keys were taken, by chunk.

    If a chunk was loaded twice, because the first time was interrupted, its own rows are there the
    second time: their keys seem to be taken. The entry of the started chunk says which keys were
    taken before.
    """

    def __init__(self) -> None:
        self._bits: dict[int, bytes | None] = {}
        self._starts: list[int] | None = None
        self._repeated: set[int] = set()
        self._started: list[tuple[int, int, bytes | None]] = []
        self._max_rows = 0

    def add(self, first_row: int, taken: bytes | None, *, is_repeated: bool = False) -> None:
        """Add the bitmap of the taken rows of a chunk that is done: see bitmap.py."""
        self._bits[first_row] = taken
        self._starts = None
        if is_repeated:
            self._repeated.add(first_row)

    def use_started(self, entries: Iterable[StartedChunk]) -> None:
        """Use the entries of started chunks, which say which keys were taken before."""
        started = [(entry.first_row, entry.rows, entry.taken) for entry in entries]
        self._started = sorted(started)
        self._max_rows = max((rows for _, rows, _ in started), default=0)

    @property
    def has_repeated(self) -> bool:
        """Whether any row was loaded more than once, in the same chunk or in another one."""
        ends = ((start, start + rows) for start, rows, _ in self._started)
        return bool(self._repeated) or any(one[1] > other[0] for one, other in pairwise(ends))

    def __contains__(self, row: int) -> bool:
        return self._seems_taken(row) and not self.may_be_own(row)

    def may_be_own(self, row: int) -> bool:
        """Return whether a row that seems taken may have been inserted by this import itself."""
        started = list(self._started_with(row))
        is_repeated = self._first(row) in self._repeated or len(started) > 1
        was_taken = bool(started) and all(has_bit(bits, row - first) for first, bits in started)
        return self._seems_taken(row) and is_repeated and not was_taken

    def _seems_taken(self, row: int) -> bool:
        first = self._first(row)
        return has_bit(self._bits[first], row - first)

    def _first(self, row: int) -> int:
        """Return the first row of a row's chunk."""
        starts = self._starts = self._starts or sorted(self._bits)
        return starts[bisect_left(starts, row + 1) - 1]

    def _started_with(self, row: int) -> Iterator[tuple[int, bytes | None]]:
        """Yield the first row and the taken rows of each started chunk that has a row."""
        low = bisect_left(self._started, (row - self._max_rows + 1,))
        high = bisect_left(self._started, (row + 1,))
        for start, rows, bits in self._started[low:high]:
            if row < start + rows:
                yield start, bits


def conflicting_hashes(rejects: Rejects) -> Iterator[int]:
    """Return the hashes of the keys that are in conflict."""
    return (hash_of(rejected.key) for rejected in rejects if rejected.key is not None)


@dataclass
class DuplicateResolution:
    """The resolution of duplicate keys, and the counts and rejects that change by it."""

    spec: ImportSpec
    skipped: SkippedRows
    rejects: Rejects
    counts: Counts

    def correction(self, found: Iterable[FoundRow]) -> Task | None:
        """Return the task that corrects what is stored, or None if nothing has to change.

        The first row of each key is to be stored, in an upsert the last one. `found` are all rows
        of some keys.
        """
        by_key: dict[Key, list[FoundRow]] = {}
        for row in sorted(found, key=lambda row: row.row):
            by_key.setdefault(row.key, []).append(row)
        several = [rows for rows in by_key.values() if len(rows) > 1]
        if self.spec.mode is Mode.UPSERT:
            last = [rows[-1].record for rows in several]
            return Task(put_records, (self.spec, last)) if last else None
        conflicts = {rejected.row for rejected in self.rejects if rejected.key in by_key}
        wrong = [rows for rows in several if self._may_be_kept_out(rows, conflicts)]

        def recount(exchanged: Sequence[int]) -> None:
            for at in exchanged:
                self._recount(wrong[at], conflicts)

        exchanges = [self._exchange(rows) for rows in wrong]
        return Task(exchange_records, (self.spec, exchanges), recount) if wrong else None

    def _may_be_kept_out(self, rows: list[FoundRow], conflicts: set[int]) -> bool:
        """Return whether another row of this file may keep out the first one of its key."""
        return rows[0].row in conflicts and any(found.row not in self.skipped for found in rows)

    def _exchange(self, rows: list[FoundRow]) -> Exchange:
        was_inserted = any(
            found.row not in self.skipped and not self.skipped.may_be_own(found.row)
            for found in rows
        )
        return Exchange(rows[0].record, [found.record for found in rows], was_inserted)

    def _recount(self, rows: list[FoundRow], conflicts: set[int]) -> None:
        """Count the rows of one key as if they had been loaded in their order."""
        first, *others = rows
        conflicting = sum(found.row in conflicts for found in rows)
        self.counts.conflicts -= conflicting
        # One of the rows was inserted, or none if the chunk that did so was repeated.
        inserted = self._exchange(rows).was_inserted
        self.counts.inserted += 0 if inserted else 1
        self.counts.unchanged -= len(rows) - conflicting - inserted
        self.rejects.amend(first.row, None)
        for found in others:
            at = first_difference(found.record, first.record)
            if at is None:
                self.counts.unchanged += 1
                self.rejects.amend(found.row, None)
                continue
            self.counts.conflicts += 1
            field = self.spec.layout.columns[at]
            reason = conflict_reason(self.spec.layout, found.record, field, first.record[at])
            rejected = RejectedRow(found.row, found.line, found.raw, [reason], found.key)
            self.rejects.amend(found.row, rejected)
