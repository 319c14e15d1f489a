"""The journal of a database: its imports, which of their chunks are done, and its collections.

Entries are stored like records, in collections of HPNorton's own, so that every store keeps them
the same way. The entry of a chunk is written in the transaction of its rows.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime

from hpnorton.schema.collection import Collection
from hpnorton.stores.base import Condition, Key, Mode, Store
from hpnorton.stores.counts import Counts, Ending
from hpnorton.stores.entries import EntryTable
from hpnorton.stores.format import SETTINGS, save_format
from hpnorton.stores.history import RecordKey
from hpnorton.stores.provenance import NUMBERS, REPLACED, first_writers, imports_that_wrote
from hpnorton.tabular.chunk import Span

_MAX_BYTES = 8 * 2**20  # of a rejected row: a document of MongoDB holds 16 MiB


@dataclass(kw_only=True)
class ImportEntry(Counts):
    """The import of one file, and the counts of its rows.

    `started` and `ended` are ISO 8601 in UTC, `elapsed` is in seconds, `size` in bytes. `file` is
    the absolute path of the file, or its URL. `is_ordered` means that its chunks were loaded one
    after the other, `was_empty` that the collection had no records when the import began.
    """

    id: str
    started: str
    ended: str | None = None
    status: str = Ending.RUNNING
    collection: str
    file: str
    mode: str
    size: int | None = None
    checksum: str | None = None
    is_ordered: bool
    was_empty: bool
    elapsed: float = 0.0
    rejects_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChunkEntry(Span):
    """A chunk that is done; `run` is the id of its import.

    `blank` rows were left out, `blank_end` of them at the end of the chunk. `taken` is a bitmap of
    the rows that were not inserted because their keys were stored already: bit 0 of the first byte
    is the first row. `remarks` are those on its valid rows (see remarks.py). `is_repeated` means
    that the chunk was started before, so that a row may have found its own key stored.
    """

    run: str
    inserted: int
    updated: int
    unchanged: int
    conflicts: int
    rejected: int
    blank: int = 0
    blank_end: int = 0
    taken: bytes | None = None
    remarks: str | None = None
    is_repeated: bool = False

    @property
    def counts(self) -> Counts:
        """The counts of its rows."""
        read = self.rows - self.blank
        return Counts(**{field.name: getattr(self, field.name, read) for field in fields(Counts)})


@dataclass(frozen=True, kw_only=True)
class StartedChunk:
    """A chunk that was started, where its rows and its entry are not written in one transaction.

    `taken` is a bitmap of the rows whose keys were stored before the chunk wrote any, or None where
    they were not looked up. When the chunk is repeated, this tells them from the chunk's own keys.
    """

    run: str
    first_row: int
    rows: int
    taken: bytes | None


@dataclass(frozen=True, kw_only=True)
class RejectedEntry:
    """A rejected row of an import that is not done yet: see rejects.RejectedRow.

    `raw` holds the bytes of the row in the file. `reasons` is a JSON list of objects, `key` a JSON
    list of the values of the record's key.
    """

    run: str
    row: int
    line: int
    raw: bytes
    reasons: str
    key: str | None = None

    @property
    def size(self) -> int:
        """The bytes that the row and the reasons take in a database."""
        return len(self.raw) + len(self.reasons)


@dataclass(frozen=True, kw_only=True)
class CollectionEntry:
    """A collection as it was described when it was imported last; `definition` is JSON."""

    name: str
    definition: str


IMPORTS = EntryTable("imports", ImportEntry, "id")
CHUNKS = EntryTable("chunks", ChunkEntry, "run", "first_row")
REJECTED = EntryTable("rejected", RejectedEntry, "run", "row")
STARTED = EntryTable("started", StartedChunk, "run", "first_row", "rows")
COLLECTIONS = EntryTable("collections", CollectionEntry, "name")
_TABLES = (SETTINGS, IMPORTS, NUMBERS, CHUNKS, REJECTED, STARTED, REPLACED, COLLECTIONS)
OWN_COLLECTIONS = tuple(table.collection for table in _TABLES)


def new_import_id(now: datetime) -> str:
    """Return an id for an import: the time to the microsecond, and 64 random bits.

    Ids sort by time. begin_import makes sure that no two imports have the same.
    """
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{os.urandom(8).hex()}"


def utc_now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat()


def prepare(store: Store) -> None:
    """Make the journal's collections, unless they are there. Raises StoreError."""
    with store.transaction():
        for collection in OWN_COLLECTIONS:
            store.ensure(collection)
        save_format(store)


def begin_import(store: Store, entry: ImportEntry) -> None:
    """Save the entry of a new import.

    If the id is another import's, the entry gets a new one first: the entries of its chunks and the
    file of its rejected rows are named by it. This can be repeated. Raises StoreError.
    """
    while IMPORTS.write(store, [entry], Mode.INSERT).conflicts:
        entry.id = new_import_id(datetime.now(UTC))


def save_import(store: Store, entry: ImportEntry) -> None:
    """Save what is known of an import now. Raises StoreError."""
    IMPORTS.write(store, [entry])


def save_chunk(store: Store, chunk: ChunkEntry, rejected: Sequence[RejectedEntry]) -> None:
    """Save that a chunk is done, with its rejected rows, in place of what was saved of it before.

    A chunk with a rejected row that no document can hold is left out, and repeated instead. Raises
    StoreError.
    """
    if any(entry.size > _MAX_BYTES for entry in rejected):
        return
    with store.transaction():
        store.delete(REJECTED.name, *_rows_of(chunk))
        for entries in _portions(rejected):
            REJECTED.write(store, entries)
        CHUNKS.write(store, [chunk])


def save_started(store: Store, started: Sequence[StartedChunk]) -> Sequence[int]:
    """Save that chunks are started, and return the positions of those that were started before.

    What was saved when they were started for the first time stays. Raises StoreError.
    """
    return STARTED.write(store, started, Mode.INSERT).taken


def started_chunks(store: Store, run: str) -> list[StartedChunk]:
    """Return the chunks of an import that have begun, as far as that was saved."""
    return STARTED.find(store, ("run", "=", run))


def imports(store: Store) -> list[ImportEntry]:
    """Return all imports, the oldest first. Raises StoreError."""
    return sorted(IMPORTS.find(store), key=_start)


def latest_import(store: Store, file: str, collection: str) -> ImportEntry | None:
    """Return the latest import of a file into a collection, if there is one."""
    found = IMPORTS.find(store, ("file", "=", file))
    return max((e for e in found if e.collection == collection), key=_start, default=None)


def chunks(store: Store, run: str) -> list[ChunkEntry]:
    """Return the chunks of an import that are done, in the order of the file."""
    return CHUNKS.find(store, ("run", "=", run))


def rejected_rows(store: Store, chunk: ChunkEntry) -> list[RejectedEntry]:
    """Return the rejected rows of a chunk that is done, in the order of the file."""
    if not chunk.conflicts + chunk.rejected:
        return []
    return REJECTED.find(store, *_rows_of(chunk))


def forget_rows(store: Store, run: str) -> None:
    """Delete what only an unfinished import needs: rejected rows, and which keys were taken."""
    store.delete(REJECTED.name, ("run", "=", run))
    done = (entry for entry in chunks(store, run) if entry.taken)
    CHUNKS.write(store, (replace(entry, taken=None) for entry in done))
    started = (entry for entry in started_chunks(store, run) if entry.taken)
    STARTED.write(store, (replace(entry, taken=None) for entry in started))


def _rows_of(chunk: ChunkEntry) -> tuple[Condition, ...]:
    """Return the conditions for the rejected rows of a chunk."""
    end = chunk.first_row + chunk.rows
    return ("run", "=", chunk.run), ("row", ">", chunk.first_row - 1), ("row", "<", end)


def _portions(rejected: Sequence[RejectedEntry]) -> Iterator[list[RejectedEntry]]:
    """Yield rejected rows, as many at a time as go into one message to a server."""
    portion: list[RejectedEntry] = []
    size = 0
    for entry in rejected:
        if portion and size + entry.size > _MAX_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(entry)
        size += entry.size
    if portion:
        yield portion


def save_collection(store: Store, collection: Collection) -> None:
    """Save what a collection is; fields that only an earlier description has are kept."""
    earlier = known_collection(store, collection.name)
    if earlier is not None:
        more = tuple(field for field in earlier.fields if field.name not in collection.columns)
        collection = replace(collection, fields=(*collection.fields, *more))
    if collection != earlier:
        definition = json.dumps(asdict(collection), ensure_ascii=False)
        COLLECTIONS.write(store, [CollectionEntry(name=collection.name, definition=definition)])


def known_collections(store: Store) -> dict[str, Collection]:
    """Return the saved collections that are in the database, by name. Raises StoreError."""
    present = set(store.collections())
    return {name: each for name, each in saved_collections(store).items() if name in present}


def saved_collections(store: Store) -> dict[str, Collection]:
    """Return all saved collections, by name, also if one was dropped. Raises StoreError."""
    entries = COLLECTIONS.find(store)
    return {each.name: Collection.from_plain(json.loads(each.definition)) for each in entries}


def known_collection(store: Store, name: str) -> Collection | None:
    """Return what a collection is, if that was saved. Raises StoreError."""
    found = COLLECTIONS.find(store, ("name", "=", name))
    return Collection.from_plain(json.loads(found[0].definition)) if found else None


def imports_of(store: Store, text: str) -> list[ImportEntry]:
    """Return the imports that wrote a record of a tracked collection, the oldest first.

    `text` is the record's key as the history has it. Raises StoreError.
    """
    runs: set[str] = set()
    for collection in known_collections(store).values():
        if collection.is_tracked and (record := RecordKey.from_text(collection, text)):
            runs |= imports_that_wrote(store, record)
    return [entry for entry in imports(store) if entry.id in runs] if runs else []


def first_imports(store: Store, collection: Collection, keys: Sequence[Key]) -> dict[Key, str]:
    """Return when the first import that wrote a record began, for each key that one wrote.

    Raises StoreError.
    """
    writers = first_writers(store, collection, keys)
    started = {entry.id: entry.started for entry in imports(store)} if writers else {}
    return {key: started[run] for key, run in writers.items() if run in started}


def _start(entry: ImportEntry) -> str:
    return entry.started
