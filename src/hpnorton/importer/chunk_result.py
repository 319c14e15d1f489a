"""The result of a chunk: counts that add up, rejected rows, and what the journal remembers."""

import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import cast

from hpnorton.importer.bitmap import bitmap
from hpnorton.importer.blocks import Block
from hpnorton.importer.options import ImportSpec
from hpnorton.importer.phases import Phase, phase
from hpnorton.importer.rejects import Reason, RejectedRow
from hpnorton.sanitize import quoted
from hpnorton.schema.field import Field
from hpnorton.schema.layout import Layout
from hpnorton.schema.remarks import Case, Remarks, RemarkSummary, own_text_key
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.validate import Record, ValidatedRows
from hpnorton.stores.base import Batch, Conflict, Key, Store
from hpnorton.stores.journal import ChunkEntry
from hpnorton.tabular.chunk import Chunk, Span, read_raw_records

_MAX_CELL_CHARACTERS = 100  # in a remark
_MAX_VALUE_CHARACTERS = 10_000  # in a reason; the row itself is kept whole


@dataclass(frozen=True)
class ChunkResult:
    """The result of a chunk: its entry in the journal, and its rejected rows.

    `hashes` are those of its keys if they are wanted, sorted, four bytes each. `is_scattered` says
    that the rows belong all over an index, because keys come in no order.
    """

    entry: ChunkEntry
    rejected: Sequence[RejectedRow]
    is_scattered: bool
    hashes: bytes = b""


class ResultBuilder:  # pylint: disable=too-many-instance-attributes # counts, rows, keys
    """The result of a chunk, added up block by block.

    `replaced` are the records of tracked collections that have replaced others.
    """

    def __init__(self, spec: ImportSpec, chunk: Chunk) -> None:
        self._spec = spec
        self._chunk = chunk
        self._valid = self._inserted = self._updated = self._conflicts = 0
        self._taken: list[int] = []
        self._blanks: set[int] = set()
        self.replaced: list[Batch] = []
        self._reasons: dict[int, list[Reason]] = {}
        self._keys: dict[int, Key] = {}
        self._hashes: list[int] = []
        self._is_scattered = False
        self._remarks = Remarks()

    def prepared(self, blocks: Iterable[Block], store: Store) -> list[Block]:
        """Check all blocks of the chunk and return them, prepared to be written."""
        ready: list[Block] = []
        for block in blocks:
            store.prepare(block.batch)
            ready.append(block)
        return ready

    def write(self, blocks: Iterable[Block], store: Store) -> None:
        """Write the valid rows of blocks to the store, and add the results. Raises StoreError."""
        for block in blocks:
            self._write(block, store)

    def _write(self, block: Block, store: Store) -> None:
        checked, batch = block.checked, block.batch
        with phase(Phase.DATABASE):
            written = self._spec.write(store, batch)
        self._valid += len(batch)
        self._is_scattered = self._is_scattered or block.is_scattered
        self._inserted += written.inserted
        self._updated += written.updated
        self._conflicts += len(written.conflicts)
        are_all = len(written.taken) == len(batch)
        positions = checked.positions
        self._taken += positions if are_all else [positions[at] for at in written.taken]
        if written.replacing and batch.import_number is not None:
            self.replaced.append(batch.only(written.replacing))
        self._blanks.update(checked.blanks)
        self._add_reasons(checked, batch, written.conflicts)
        self._add_remarks(checked, batch)
        if self._spec.wants_hashes:
            self._hashes += map(hash_of, batch.keys)

    def _add_reasons(
        self, checked: ValidatedRows, batch: Batch, conflicts: Sequence[Conflict]
    ) -> None:
        """Add why rows are not in the database."""
        for error in checked.errors:
            value = error.value and error.value[:_MAX_VALUE_CHARACTERS]
            reason = Reason(error.field, error.code, value, error.message)
            self._reasons.setdefault(error.position, []).append(reason)
        for conflict in conflicts:
            at, record = checked.positions[conflict.at], batch.record(conflict.at)
            reason = conflict_reason(self._spec.layout, record, conflict.field, conflict.kept)
            self._reasons[at], self._keys[at] = [reason], batch.keys[conflict.at]

    def _add_remarks(self, checked: ValidatedRows, batch: Batch) -> None:
        """Add the remarks on valid rows."""
        for remark in checked.remarks:
            row, cell = self._chunk.first_row + remark.position, remark.cell[:_MAX_CELL_CHARACTERS]
            self._remarks.add(remark.code, remark.field, RemarkSummary(1, row, cell))
        names = [each.name for each in own_text_key(self._spec.collection)]
        for column in batch.columns_of(names):
            self._remarks.cases |= Case.of(cast(Sequence[str], column))

    def result(self, *, is_repeated: bool) -> ChunkResult:
        """Return the result of the chunk. Raises HPNortonError unless the counts add up."""
        chunk, rejected = self._chunk, self._rejected()
        entry = ChunkEntry(
            run=self._spec.import_id,
            **{each.name: getattr(chunk, each.name) for each in fields(Span)},
            inserted=self._inserted,
            updated=self._updated,
            unchanged=self._valid - self._inserted - self._updated - self._conflicts,
            conflicts=self._conflicts,
            rejected=len(rejected) - self._conflicts,
            blank=len(self._blanks),
            blank_end=self._count_blank_end(),
            taken=bitmap(self._taken, chunk.rows),
            remarks=self._remarks.pack(),
            is_repeated=is_repeated,
        )
        entry.counts.check()
        hashes = array("I", sorted(self._hashes)).tobytes()
        return ChunkResult(entry, rejected, self._is_scattered, hashes)

    def _count_blank_end(self) -> int:
        """Return the number of blank rows at the end."""
        last = self._chunk.rows - 1
        return next(n for n in range(last + 2) if last - n not in self._blanks)

    def _rejected(self) -> list[RejectedRow]:
        """Return the rows that are not in the database, with their bytes in the file."""
        raw = read_raw_records(self._chunk) if self._reasons else []
        return [
            RejectedRow(
                self._chunk.first_row + at, raw[at][1], raw[at][0], reasons, self._keys.get(at)
            )
            for at, reasons in sorted(self._reasons.items())
        ]


def conflict_reason(layout: Layout, record: Record, differing: str, kept: Value) -> Reason:
    """Return why a record is not in the database if another one with its key is kept."""
    columns, key = layout.columns, layout.collection.key
    at = columns.index(differing)
    mine = record[at]
    if layout.fields[at].type == "boolean" and kept is not None:
        kept = bool(kept)  # SQLite has none
    if columns[at] in layout.collection.whole_numbers and isinstance(kept, float):
        kept = whole_number(kept) or kept  # another program may store 6 as 6.0
    kept_text, mine_text = (_shown(value, layout.fields[at]) for value in (kept, mine))
    return Reason(
        ", ".join(key),
        "primary-key",
        ", ".join(str(record[columns.index(name)]) for name in key),
        f"is there already, with another {differing}: {kept_text} is kept, not {mine_text}",
    )


def hash_of(key: Key) -> int:
    """Return the hash of a key: 32 bits, the same in every process."""
    return zlib.crc32("\x1f".join(map(str, key)).encode())


def _shown(value: Value, of: Field) -> str:
    """Return a value as a clerk would write it, in the field's own form."""
    if value is None:
        return "empty"
    written = of.written(value)
    return quoted(written) if isinstance(value, str) else written
