"""Chunks, read, checked and written: what an import does in whichever process it runs."""

import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import cast

from hpnorton.errors import StoreLostError
from hpnorton.importer import stock_updates
from hpnorton.importer.blocks import Block, batch_of, read_checked, read_to_write
from hpnorton.importer.phases import Listener, Phase, phase, task_of, transaction
from hpnorton.importer.rejects import Reason, RejectedRow, pack
from hpnorton.sanitize import quoted
from hpnorton.schema.field import Field
from hpnorton.schema.layout import Layout
from hpnorton.schema.remarks import Case, Remarks, RemarkSummary, own_text_key
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.validate import Record
from hpnorton.stores import journal, process_store
from hpnorton.stores.base import Batch, Key, Mode, Store, Written
from hpnorton.stores.journal import ChunkEntry, StartedChunk
from hpnorton.stores.provenance import save_replaced
from hpnorton.tabular.chunk import Chunk, Span, read_raw_records
from hpnorton.workers import no_garbage_collection

_SHOWN_CHARACTERS = 100  # of a cell in a remark
_MOST_CHARACTERS = 10_000  # of a cell that is told about; the row itself is kept whole

# The workers of one import wait for each other too: making an index of many rows takes minutes.
LOCK_SECONDS = 600.0


@dataclass(frozen=True)
class ImportSpec:
    """What a worker has to know to import any chunk of one file.

    `run` is the import's id, `number` its number (see provenance.py). `scratch` is the path of a
    database to write to in place of `uri`'s, which is only read: a dry run. `is_noted` says that
    the journal keeps a note of each chunk, so that the import can be resumed, `is_alone` that no
    other process waits for its transactions. `wants_hashes` asks for the hashes of all keys (see
    hash_keys), `notes_begin` for a note of each chunk before anything is written, with the keys
    that are taken, which are not looked up if the collection `was_empty` when the import began.
    `indexes_late` says that only the key has an index until all chunks are loaded: see
    build_indexes. `is_begun` says that the database was made before: a worker makes no new one,
    `is_ordered` that a single process loads all chunks, in the order of the file. `lock_seconds` is
    how long to wait for another program that keeps the database locked. `listener` is where to
    report the phases of the import.
    """

    uri: str = field(repr=False)  # it may hold a password, and Dask logs what it cannot do
    layout: Layout
    mode: Mode = Mode.INSERT
    run: str = ""
    scratch: str | None = None
    number: int | None = None
    is_noted: bool = True
    is_alone: bool = False
    wants_hashes: bool = False
    notes_begin: bool = False
    was_empty: bool = False
    indexes_late: bool = False
    is_begun: bool = False
    is_ordered: bool = False
    lock_seconds: float = LOCK_SECONDS
    listener: Listener | None = None

    def open_store(self) -> Store:
        """This process's own store. Raises StoreError, also if a database is there no longer."""
        with phase(Phase.DATABASE):
            return process_store(
                self.uri, self.scratch, create=not self.is_begun, patience=self.lock_seconds
            )

    def write(self, store: Store, batch: Batch) -> Written:
        """Writes records to the store."""
        if self.scratch is None and stock_updates.is_restock(batch, self.mode):
            return stock_updates.write(process_store(self.uri), batch, self.run)
        return store.write(batch, self.mode)

    def replace(self, store: Store, batch: Batch) -> None:
        """Puts records in the place of others of the same file."""
        if self.scratch is not None:
            store.write(batch, Mode.UPSERT)
        elif self.mode is Mode.INSERT:
            stock_updates.correct(process_store(self.uri), batch)
        else:
            self.write(store, batch)


@dataclass(frozen=True)
class ChunkResult:
    """What became of a chunk: the note in the journal, and the hashes of its keys if wanted.

    `is_scattered` says that its rows belong all over an index, because keys come in no order.
    """

    note: ChunkEntry
    is_scattered: bool
    hashes: bytes = b""


@dataclass(frozen=True)
class Exchange:
    """A record to put in the place of what another row of the same file has stored there.

    `instead_of` are the records that may be there: another one is not of this import. `is_sure`
    says that a row of the import has inserted it, which the counter may have sold from meanwhile.
    """

    record: Record
    instead_of: Sequence[Record]
    is_sure: bool


@dataclass(frozen=True)
class FoundRow:
    """A good row that was looked for: its key, its place, how it stands there, and its record."""

    key: Key
    row: int
    line: int
    raw: bytes
    record: Record


# The first row that each import in order has not loaded, because the server was lost, and why.
_LOST: dict[str, tuple[int, str]] = {}


def load_chunks(spec: ImportSpec, chunks: Sequence[Chunk]) -> list[ChunkResult]:
    """Loads chunks of a file in one transaction, and says what became of each.

    Raises StoreLostError, too, for chunks in order that were on their way here when those before
    them were lost: of two rows with one key the later one would come first.
    """
    first = min((chunk.first_row for chunk in chunks), default=0)
    lost, why = _LOST.get(spec.run, (first, ""))
    if lost < first:
        raise StoreLostError(why)
    try:
        with task_of(spec.listener):
            results = _load(spec, chunks)
    except StoreLostError as error:
        if spec.is_ordered:
            _LOST[spec.run] = first, str(error)
        raise
    _LOST.pop(spec.run, None)
    return results


@no_garbage_collection()
def _load(spec: ImportSpec, chunks: Sequence[Chunk]) -> list[ChunkResult]:
    """Loads chunks in one transaction.

    Where nobody waits for it the rows are checked inside it, block by block, while they are in the
    processor's cache: a tenth less time (measured); where they refer to others, chunk by chunk.
    Otherwise all that can be is done before it.
    """
    store = spec.open_store()
    tallies = [_Tally(spec, chunk) for chunk in chunks]
    blocks: list[Iterable[Block]] = [
        read_to_write(
            spec.layout, chunk, store, has_indexes=not spec.indexes_late, number=spec.number
        )
        for chunk in chunks
    ]
    if not spec.is_alone or (spec.notes_begin and not spec.was_empty):
        blocks = [tally.prepared(each, store) for tally, each in zip(tallies, blocks)]
    repeated: Sequence[int] = ()
    if spec.notes_begin:
        begun = [_begun(spec, *each, store) for each in zip(chunks, blocks)]
        with phase(Phase.DATABASE):
            repeated = journal.save_started(store, begun)
    with transaction(store):
        for tally, some in zip(tallies, blocks):
            for block in some:
                tally.write(block, store)
        results = [tally.result(is_repeated=n in repeated) for n, tally in enumerate(tallies)]
        if spec.scratch is None:
            notes = [result.note for result in results]
            with phase(Phase.DATABASE):
                save_replaced(store, [each for tally in tallies for each in tally.replaced])
                if spec.is_noted:
                    journal.save_chunks(store, notes)
    return results


def build_indexes(spec: ImportSpec) -> None:
    """Makes the indexes of a collection that was empty before, now that all of it is there.

    Foreign keys come in no order; an index that grows with each row took a third of the time of a
    million rentals (measured).
    """
    spec.open_store().ensure(spec.layout.collection)


@no_garbage_collection()
def hash_keys(spec: ImportSpec, chunk: Chunk) -> bytes:
    """The hashes of the keys of a chunk's good rows, sorted: 32 bits each.

    Of two rows with one key both have the same hash, whichever process they are read in.
    """
    blocks = read_checked(spec.layout, chunk, spec.open_store())
    hashes = (hash_of(key) for checked in blocks for key in batch_of(spec.layout, checked).keys)
    return array("I", sorted(hashes)).tobytes()


@no_garbage_collection()
def find_rows(spec: ImportSpec, chunk: Chunk, hashes: frozenset[int]) -> list[FoundRow]:
    """The good rows of a chunk whose keys have one of the hashes."""
    found: list[tuple[int, Key, Record]] = []
    for checked in read_checked(spec.layout, chunk, spec.open_store()):
        batch = batch_of(spec.layout, checked)
        for at, key in enumerate(batch.keys):
            if hash_of(key) in hashes:
                found.append((checked.positions[at], key, batch.record(at)))
    raw = read_raw_records(chunk) if found else []
    return [
        FoundRow(key, chunk.first_row + at, raw[at][1], raw[at][0], record)
        for at, key, record in found
    ]


def begun_chunks(spec: ImportSpec) -> list[StartedChunk]:
    """The chunks that have begun, as far as that was noted."""
    return journal.started_chunks(spec.open_store(), spec.run)


def put_records(spec: ImportSpec, records: Sequence[Record]) -> None:
    """Put records in the place of what is stored; this can be repeated."""
    store = spec.open_store()
    with store.transaction():
        spec.replace(store, Batch(spec.layout.collection, spec.layout.columns, list(zip(*records))))


def exchange_records(spec: ImportSpec, exchanges: Sequence[Exchange]) -> list[int]:
    """Put records in the place of others of the same import; return the positions of those put.

    A record that another program or the counter has put there meanwhile stays. This can be
    repeated.
    """
    store, columns = spec.open_store(), spec.layout.columns
    uncounted = [at for at, name in enumerate(columns) if name != spec.layout.collection.stock]
    records = [exchange.record for exchange in exchanges]
    batch = Batch(spec.layout.collection, columns, list(zip(*records)))

    def is_own(exchange: Exchange, kept: Record | None) -> bool:
        compared = uncounted if exchange.is_sure else range(len(columns))
        return kept is not None and any(
            all(kept[at] == record[at] for at in compared) for record in exchange.instead_of
        )

    with store.transaction():
        stored = store.stored(batch, range(len(batch)))
        kept_ones = map(stored.get, batch.keys)
        own = [at for at, each in enumerate(zip(exchanges, kept_ones)) if is_own(*each)]
        if own:
            spec.replace(store, batch.only(own))
    return own


def conflict_reason(layout: Layout, record: Record, differing: str, kept: Value) -> Reason:
    """Why a record is not in the database, if another one with its key is kept."""
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


def _begun(spec: ImportSpec, chunk: Chunk, blocks: Iterable[Block], store: Store) -> StartedChunk:
    taken: list[int] = []
    for block in () if spec.was_empty else blocks:
        with phase(Phase.DATABASE):
            stored = store.stored(block.batch, range(len(block.batch)))
        places = zip(block.checked.positions, block.batch.keys)
        taken += [at for at, key in places if key in stored]
    bits = journal.pack_bits(taken, chunk.rows)
    return StartedChunk(run=spec.run, first_row=chunk.first_row, rows=chunk.rows, taken=bits)


class _Tally:
    """What became of a chunk, block by block."""

    def __init__(self, spec: ImportSpec, chunk: Chunk) -> None:
        self._spec = spec
        self._chunk = chunk
        self._good = self._inserted = self._updated = self._conflicts = 0
        self._taken: list[int] = []
        self._blanks: set[int] = set()
        self.replaced: list[Batch] = []
        self._flaws: dict[int, list[Reason]] = {}
        self._keys: dict[int, Key] = {}
        self._hashes: list[int] = []
        self._is_scattered = False
        self._remarks = Remarks()

    def prepared(self, blocks: Iterable[Block], store: Store) -> list[Block]:
        """The blocks, with what write and result would need made, if all rows are written."""
        ready: list[Block] = []
        for block in blocks:
            store.prepare(block.batch)
            ready.append(block)
        return ready

    def write(self, block: Block, store: Store) -> None:
        """Writes the good rows of a block."""
        checked, batch = block.checked, block.batch
        with phase(Phase.DATABASE):
            written = self._spec.write(store, batch)
        self._good += len(batch)
        self._is_scattered = self._is_scattered or block.is_scattered
        self._inserted += written.inserted
        self._updated += written.updated
        self._conflicts += len(written.conflicts)
        are_all = len(written.taken) == len(batch)
        places = checked.positions
        self._taken += places if are_all else [places[at] for at in written.taken]
        if written.replacing and batch.import_number is not None:
            self.replaced.append(batch.only(written.replacing))
        self._blanks.update(checked.blanks)
        for fault in checked.errors:
            value = fault.value and fault.value[:_MOST_CHARACTERS]
            reason = Reason(fault.field, fault.code, value, fault.message)
            self._flaws.setdefault(fault.position, []).append(reason)
        for conflict in written.conflicts:
            at, record = checked.positions[conflict.at], batch.record(conflict.at)
            reason = conflict_reason(self._spec.layout, record, conflict.field, conflict.kept)
            self._flaws[at], self._keys[at] = [reason], batch.keys[conflict.at]
        for remark in checked.remarks:
            row, cell = self._chunk.first_row + remark.position, remark.cell[:_SHOWN_CHARACTERS]
            self._remarks.add(remark.code, remark.field, RemarkSummary(1, row, cell))
        named = [each.name for each in own_text_key(self._spec.layout.collection)]
        for column in batch.columns_of(named):
            self._remarks.cases |= Case.of(cast(Sequence[str], column))
        if self._spec.wants_hashes:
            self._hashes += map(hash_of, batch.keys)

    def result(self, *, is_repeated: bool) -> ChunkResult:
        """All of it. Raises HPNortonError unless the counts add up."""
        chunk, refused = self._chunk, self._refused()
        note = ChunkEntry(
            run=self._spec.run,
            **{each.name: getattr(chunk, each.name) for each in fields(Span)},
            inserted=self._inserted,
            updated=self._updated,
            unchanged=self._good - self._inserted - self._updated - self._conflicts,
            conflicts=self._conflicts,
            rejected=len(refused) - self._conflicts,
            blank=len(self._blanks),
            blank_end=self._count_blank_end(),
            taken=journal.pack_bits(self._taken, chunk.rows),
            refused=pack(refused) if refused else None,
            remarks=self._remarks.pack(),
            is_repeated=is_repeated,
        )
        note.counts.check()
        return ChunkResult(note, self._is_scattered, array("I", sorted(self._hashes)).tobytes())

    def _count_blank_end(self) -> int:
        """How many blank rows there are at the end."""
        last = self._chunk.rows - 1
        return next(n for n in range(last + 2) if last - n not in self._blanks)

    def _refused(self) -> list[RejectedRow]:
        """The rows that are not in the database, as they stand in the file."""
        raw = read_raw_records(self._chunk) if self._flaws else []
        return [
            RejectedRow(
                self._chunk.first_row + at, raw[at][1], raw[at][0], reasons, self._keys.get(at)
            )
            for at, reasons in sorted(self._flaws.items())
        ]


def hash_of(key: Key) -> int:
    """The hash of a key: 32 bits, the same in every process."""
    return zlib.crc32("\x1f".join(map(str, key)).encode())


def _shown(value: Value, of: Field) -> str:
    """A value as a clerk would write it, in the field's own form."""
    if value is None:
        return "empty"
    written = of.written(value)
    return quoted(written) if isinstance(value, str) else written
