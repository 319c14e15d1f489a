"""Chunks, read, checked and written: what an import does in whichever process it runs."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hpnorton.errors import StoreLostError
from hpnorton.importer.bitmap import bitmap
from hpnorton.importer.blocks import Block, batch_from_rows, read_checked, read_to_write
from hpnorton.importer.chunk_result import ChunkResult, ResultBuilder, hash_of
from hpnorton.importer.options import Commit, ImportSpec, Indexes, Resume
from hpnorton.importer.phases import Phase, phase, task_of, transaction
from hpnorton.importer.rejects import to_entry
from hpnorton.schema.validate import Record
from hpnorton.stores import journal
from hpnorton.stores.base import Batch, Key, Store
from hpnorton.stores.journal import StartedChunk
from hpnorton.stores.provenance import save_replaced
from hpnorton.tabular.chunk import Chunk, read_raw_records
from hpnorton.workers import no_garbage_collection


@dataclass(frozen=True)
class Exchange:
    """A record to store in place of one that another row of the same file has stored.

    `instead_of` are the records that may be stored: any other is not of this import. `was_inserted`
    says that a row of the import is sure to have inserted one of them, so that the counter may have
    changed its stock since.
    """

    record: Record
    instead_of: Sequence[Record]
    was_inserted: bool


@dataclass(frozen=True)
class FoundRow:
    """A valid row that was searched for: `raw` are its bytes in the file, from `line` on."""

    key: Key
    row: int
    line: int
    raw: bytes
    record: Record


# The first row that each ordered import has not loaded, because the server was lost, and why.
_LOST: dict[str, tuple[int, str]] = {}


def load_chunks(spec: ImportSpec, chunks: Sequence[Chunk]) -> list[ChunkResult]:
    """Load chunks of a file in one transaction, and return the result of each.

    Raises StoreLostError if the server is lost. In an ordered import the chunks behind them, which
    may have been submitted already, then fail as well until these are repeated: otherwise, of two
    rows with one key, the later one would be stored first.
    """
    first = min((chunk.first_row for chunk in chunks), default=0)
    if spec.import_id in _LOST:
        lost, why = _LOST[spec.import_id]
        if lost < first:
            raise StoreLostError(why)
    try:
        with task_of(spec.listener):
            results = _load(spec, chunks)
    except StoreLostError as error:
        if spec.is_ordered:
            _LOST[spec.import_id] = first, str(error)
        raise
    _LOST.pop(spec.import_id, None)
    return results


@no_garbage_collection()
def _load(spec: ImportSpec, chunks: Sequence[Chunk]) -> list[ChunkResult]:
    """Load chunks in one transaction.

    Where no other process waits for it, the rows of each block are checked inside it, just before
    they are written, while they are in the processor's cache. See options.Commit.
    """
    store = spec.open_store()
    builders = [ResultBuilder(spec, chunk) for chunk in chunks]
    has_indexes = spec.indexes is Indexes.NOW
    blocks: Sequence[Iterable[Block]] = [
        read_to_write(spec.layout, chunk, store, has_indexes=has_indexes, number=spec.number)
        for chunk in chunks
    ]
    taken: list[list[int]] = [[] for _ in chunks]
    looks_up = spec.resume is Resume.STARTED and not spec.was_empty
    if spec.commit is Commit.SHORT or looks_up:
        blocks = lists = [b.prepared(each, store) for b, each in zip(builders, blocks)]
        if looks_up:
            taken = [_look_up_taken(each, store) for each in lists]
    repeated: Sequence[int] = ()
    if spec.resume is Resume.STARTED:
        repeated = _save_started(spec, chunks, taken, store)
    with transaction(store):
        for builder, of_chunk in zip(builders, blocks):
            builder.write(of_chunk, store)
        results = [each.result(is_repeated=at in repeated) for at, each in enumerate(builders)]
        with phase(Phase.DATABASE):
            if spec.scratch is None:
                save_replaced(store, [batch for each in builders for batch in each.replaced])
            if spec.scratch is None and spec.resume is not Resume.NONE:
                for result in results:
                    rejected = [to_entry(spec.import_id, row) for row in result.rejected]
                    journal.save_chunk(store, result.entry, rejected)
    return results


def build_indexes(spec: ImportSpec) -> None:
    """Build the indexes of a collection that was empty before."""
    spec.open_store().ensure(spec.collection)


@no_garbage_collection()
def hash_keys(spec: ImportSpec, chunk: Chunk) -> bytes:
    """Return the sorted hashes of the keys of a chunk's valid rows, four bytes each.

    Equal keys have the same hash in every process.
    """
    blocks = read_checked(spec.layout, chunk, spec.open_store())
    hashes = (
        hash_of(key) for checked in blocks for key in batch_from_rows(spec.layout, checked).keys
    )
    return array("I", sorted(hashes)).tobytes()


@no_garbage_collection()
def find_rows(spec: ImportSpec, chunk: Chunk, hashes: frozenset[int]) -> list[FoundRow]:
    """Return the valid rows of a chunk whose keys have one of the hashes."""
    found: list[tuple[int, Key, Record]] = []
    for checked in read_checked(spec.layout, chunk, spec.open_store()):
        batch = batch_from_rows(spec.layout, checked)
        found += [
            (checked.positions[at], key, batch.record(at))
            for at, key in enumerate(batch.keys)
            if hash_of(key) in hashes
        ]
    raw = read_raw_records(chunk) if found else []
    return [
        FoundRow(key, chunk.first_row + at, raw[at][1], raw[at][0], record)
        for at, key, record in found
    ]


def started_chunks(spec: ImportSpec) -> list[StartedChunk]:
    """Return the chunks that have been started, as far as the journal knows them."""
    return journal.started_chunks(spec.open_store(), spec.import_id)


def put_records(spec: ImportSpec, records: Sequence[Record]) -> None:
    """Replace what is stored under the keys of records; this can be repeated."""
    store = spec.open_store()
    with store.transaction():
        spec.replace(store, Batch(spec.collection, spec.layout.columns, list(zip(*records))))


def exchange_records(spec: ImportSpec, exchanges: Sequence[Exchange]) -> list[int]:
    """Replace records that this import has stored, and return the positions of these exchanges.

    A record that another program or the counter has stored meanwhile stays. This can be repeated.
    """
    store, columns = spec.open_store(), spec.layout.columns
    without_stock = [at for at, name in enumerate(columns) if name != spec.collection.stock]
    records = [exchange.record for exchange in exchanges]
    batch = Batch(spec.collection, columns, list(zip(*records)))

    def is_own(exchange: Exchange, kept: Record | None) -> bool:
        compared = without_stock if exchange.was_inserted else range(len(columns))
        return kept is not None and any(
            all(kept[at] == record[at] for at in compared) for record in exchange.instead_of
        )

    with store.transaction():
        stored = store.stored_records(batch, range(len(batch)))
        kept_ones = map(stored.get, batch.keys)
        own = [at for at, each in enumerate(zip(exchanges, kept_ones)) if is_own(*each)]
        if own:
            spec.replace(store, batch.only(own))
    return own


def _look_up_taken(blocks: Sequence[Block], store: Store) -> list[int]:
    """Return the positions of a chunk's valid rows whose keys are stored already."""
    taken: list[int] = []
    for block in blocks:
        with phase(Phase.DATABASE):
            stored = store.stored_records(block.batch, range(len(block.batch)))
        rows = zip(block.checked.positions, block.batch.keys)
        taken += [at for at, key in rows if key in stored]
    return taken


def _save_started(
    spec: ImportSpec, chunks: Sequence[Chunk], taken: Sequence[Sequence[int]], store: Store
) -> Sequence[int]:
    """Save that chunks are started, and return the positions of those that were started before.

    `taken` are the positions in each chunk of the rows whose keys were stored already.
    """
    started = [
        StartedChunk(
            run=spec.import_id,
            first_row=chunk.first_row,
            rows=chunk.rows,
            taken=bitmap(positions, chunk.rows),
        )
        for chunk, positions in zip(chunks, taken)
    ]
    with phase(Phase.DATABASE):
        return journal.save_started(store, started)
