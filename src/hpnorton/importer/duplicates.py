"""The order of the file decides: a second look at keys that a file holds more than once.

Chunks that are done side by side end in any order, so of two rows with one key the later one may
have come first. Such keys are rare. Workers tell which ones may be concerned, as 32-bit hashes;
only rows whose keys have these hashes are read again, when all chunks are done, and what came out
wrong is put right. It can be repeated: an import that is killed here is resumed here.
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

_MAX_HASHES = 100_000  # some 10 MB in each process
_PARTS = 64
_HASH_BITS = 32
_MEMORY_BYTES = 2**18


class KeyHashes:
    """The hashes of all keys of a file, on disk in parts that fit into memory one by one."""

    def __init__(self) -> None:
        self._parts = [
            # pylint: disable-next=consider-using-with # close() closes it
            tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)
            for _ in range(_PARTS)
        ]

    def close(self) -> None:
        """Forgets the hashes."""
        for spool in self._parts:
            discard(spool)

    def add(self, packed: bytes) -> None:
        """Adds the sorted hashes of a chunk's keys."""
        hashes = array("I", packed)
        step = (1 << _HASH_BITS) // _PARTS
        ends = [bisect_left(hashes, step * part) for part in range(_PARTS)] + [len(hashes)]
        for spool, (start, end) in zip(self._parts, pairwise(ends)):
            if start < end:
                spool.write(hashes[start:end].tobytes())

    def repeated(self) -> Iterator[int]:
        """The hashes that were added more than once."""
        for spool in self._parts:
            spool.seek(0)
            hashes = sorted(array("I", spool.read()))
            yield from {one for one, other in pairwise(hashes) if one == other}


def hash_batches(hashes: Iterable[int]) -> Iterator[frozenset[int]]:
    """The hashes in sets that are small enough to be sent around."""
    some: set[int] = set()
    for number in hashes:
        some.add(number)
        if len(some) == _MAX_HASHES:
            yield frozenset(some)
            some.clear()
    if some:
        yield frozenset(some)


class SkippedRows:
    """Which rows of a file were not inserted because their keys were taken, chunk by chunk.

    A row whose chunk was repeated may have been inserted the first time: its key seems to be taken
    then. What was noted when its chunk began says whether it can have been.
    """

    def __init__(self) -> None:
        self._bits: dict[int, bytes | None] = {}
        self._starts: list[int] | None = None
        self._repeated: set[int] = set()
        self._begun: list[tuple[int, int, bytes | None]] = []
        self._most_rows = 0

    def add(self, first_row: int, taken: bytes | None, *, is_repeated: bool = False) -> None:
        """Adds what the note of a chunk says."""
        self._bits[first_row] = taken
        self._starts = None
        if is_repeated:
            self._repeated.add(first_row)

    def limit(self, notes: Iterable[StartedChunk]) -> None:
        """Believes of rows whose chunk was repeated what was noted when it began."""
        made = [(note.first_row, note.rows, note.taken) for note in notes]
        self._begun = sorted(made)
        self._most_rows = max((rows for _, rows, _ in made), default=0)

    @property
    def has_repeated(self) -> bool:
        """Whether any chunk was done more than once, as it is or cut in another way."""
        ends = ((start, start + rows) for start, rows, _ in self._begun)
        return bool(self._repeated) or any(one[1] > other[0] for one, other in pairwise(ends))

    def __contains__(self, row: int) -> bool:
        return self._seems_taken(row) and not self.may_be_own(row)

    def may_be_own(self, row: int) -> bool:
        """Whether a row that seems taken may have been inserted before its chunk was repeated."""
        begun = list(self._begun_with(row))
        is_repeated = self._first(row) in self._repeated or len(begun) > 1
        was_taken = bool(begun) and all(has_bit(bits, row - start) for start, bits in begun)
        return self._seems_taken(row) and is_repeated and not was_taken

    def _seems_taken(self, row: int) -> bool:
        first = self._first(row)
        return has_bit(self._bits[first], row - first)

    def _first(self, row: int) -> int:
        """The first row of a row's chunk."""
        starts = self._starts = self._starts or sorted(self._bits)
        return starts[bisect_left(starts, row + 1) - 1]

    def _begun_with(self, row: int) -> Iterator[tuple[int, bytes | None]]:
        """Where the chunks with a row began, and what was noted then."""
        low = bisect_left(self._begun, (row - self._most_rows + 1,))
        high = bisect_left(self._begun, (row + 1,))
        for start, rows, bits in self._begun[low:high]:
            if row < start + rows:
                yield start, bits


def conflicting_hashes(rejects: Rejects) -> Iterator[int]:
    """The hashes of the keys that are in conflict."""
    return (hash_of(rejected.key) for rejected in rejects if rejected.key is not None)


@dataclass
class DuplicateResolution:
    """What has to be known to put an import in order."""

    spec: ImportSpec
    skipped: SkippedRows
    rejects: Rejects
    counts: Counts

    def correction(self, found: Iterable[FoundRow]) -> Task | None:
        """What is not as it should be: the first row of each key is stored; of upserts the last."""
        by_key: dict[Key, list[FoundRow]] = {}
        for row in sorted(found, key=lambda row: row.row):
            by_key.setdefault(row.key, []).append(row)
        several = [rows for rows in by_key.values() if len(rows) > 1]
        if self.spec.mode is Mode.UPSERT:
            last = [rows[-1].record for rows in several]
            return Task(put_records, (self.spec, last)) if last else None
        conflicts = {rejected.row for rejected in self.rejects if rejected.key in by_key}
        wrong = [rows for rows in several if self._may_be_wrong(rows, conflicts)]

        def recount(exchanged: Sequence[int]) -> None:
            for at in exchanged:
                self._recount(wrong[at], conflicts)

        exchanges = [self._exchange(rows) for rows in wrong]
        return Task(exchange_records, (self.spec, exchanges), recount) if wrong else None

    def _may_be_wrong(self, rows: list[FoundRow], conflicts: set[int]) -> bool:
        """Whether a later row of this very file may keep out the first one."""
        return rows[0].row in conflicts and any(found.row not in self.skipped for found in rows)

    def _exchange(self, rows: list[FoundRow]) -> Exchange:
        is_sure = any(
            found.row not in self.skipped and not self.skipped.may_be_own(found.row)
            for found in rows
        )
        return Exchange(rows[0].record, [found.record for found in rows], is_sure)

    def _recount(self, rows: list[FoundRow], conflicts: set[int]) -> None:
        """Counts the rows of one key as if they had come in their order."""
        first, *others = rows
        conflicting = sum(found.row in conflicts for found in rows)
        self.counts.conflicts -= conflicting
        # One of the rows was inserted, or none if the chunk that did so was repeated.
        inserted = self._exchange(rows).is_sure
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
