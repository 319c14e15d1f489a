"""What the database remembers of imports: which there were, and which chunks of them are done.

The notes are records like others, in collections of our own, so that every store keeps them
the same way. A chunk's note is written together with its rows.
"""

import base64
import json
import os
import zlib
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, get_args

from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.field import Field
from hpnorton.stores.base import Batch, Mode, Store, Written
from hpnorton.stores.counts import Counts, Ending
from hpnorton.stores.history import key_texts
from hpnorton.tabular.chunk import Span

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_MOST_CHARACTERS = 8 * 2**20  # a document of MongoDB holds 16 MiB


@dataclass(kw_only=True)
class ImportEntry(Counts):
    """The import of one file, and what has become of its rows.

    `started` and `ended` are ISO 8601 in UTC, `modified` the file's time in nanoseconds. `file` is
    its absolute path. `is_ordered` says that the chunks were done one after the other, `was_empty`
    that the collection had no records when it began.
    """

    id: str
    started: str
    ended: str | None = None
    status: str = Ending.RUNNING
    collection: str
    file: str
    mode: str
    size: int | None = None
    modified: int | None = None
    checksum: str | None = None
    is_ordered: bool
    was_empty: bool
    elapsed: float = 0.0
    rejects_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChunkEntry(Span):
    """A chunk that is done; `run` is the id of its import.

    `blank` rows were left out, `blank_end` of them at its end. `taken` says which of its rows were
    not inserted because their keys were taken (see pack_bits), `refused` holds its refused rows
    (see rejects.pack), `touched` the keys of the records of a tracked collection that it
    inserted or replaced (see pack_keys), `remarks` what deserves a look in its good rows (see
    remarks.py). `is_repeated` says that it had begun before: rows that were inserted then seem to
    be taken now.
    """

    run: str
    inserted: int
    updated: int
    unchanged: int
    conflicts: int
    rejected: int
    blank: int = 0
    blank_end: int = 0
    taken: str | None = None
    refused: str | None = None
    touched: str | None = None
    remarks: str | None = None
    is_repeated: bool = False

    @property
    def counts(self) -> Counts:
        """What became of its rows."""
        read = self.rows - self.blank
        return Counts(**{field.name: getattr(self, field.name, read) for field in fields(Counts)})


@dataclass(frozen=True, kw_only=True)
class StartedChunk:
    """A chunk that has begun, where its rows and its note are not written at once.

    `taken` says which of its keys were taken before, as far as that was looked up. If the chunk has
    to be repeated, those of its own rows seem to be taken as well.
    """

    run: str
    first_row: int
    rows: int
    taken: str | None


@dataclass(frozen=True, kw_only=True)
class CollectionEntry:
    """What a collection is, as it was described when it was imported last: see Collection."""

    name: str
    definition: str


Note = TypeVar("Note", ImportEntry, ChunkEntry, StartedChunk, CollectionEntry)


def _collection(name: str, note: type[Note], *key: str) -> Collection:
    described = []
    for field in fields(note):
        kinds = get_args(field.type) or (field.type,)  # of `str | None` the first
        described.append(Field(field.name, _TYPES[kinds[0]]))
    return Collection(OWN_PREFIX + name, tuple(described), key)


IMPORTS = _collection("imports", ImportEntry, "id")
CHUNKS = _collection("chunks", ChunkEntry, "run", "first_row")
BEGUN = _collection("begun", StartedChunk, "run", "first_row", "rows")
COLLECTIONS = _collection("collections", CollectionEntry, "name")
OWN_COLLECTIONS = (IMPORTS, CHUNKS, BEGUN, COLLECTIONS)

_RECORDS = "\x1e"  # ASCII's own separator of records


def new_import_id(now: datetime) -> str:
    """Return an id for an import: the time to the microsecond, and 64 random bits.

    Ids sort by time. That none is there twice is for begin_import to prove.
    """
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{os.urandom(8).hex()}"


def utc_now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat()


def prepare(store: Store) -> None:
    """Makes the collections of the notes if they are not there."""
    for collection in OWN_COLLECTIONS:
        store.ensure(collection)


def begin_import(store: Store, note: ImportEntry) -> None:
    """Write the note of a new import; if its id is taken, the note gets another one first.

    The notes of its chunks, and the file of its rejected rows, are known by this id.
    """
    while _write(store, IMPORTS, [asdict(note)], Mode.INSERT).taken:
        note.id = new_import_id(datetime.now(UTC))


def save_import(store: Store, note: ImportEntry) -> None:
    """Writes what is known of an import now."""
    _write(store, IMPORTS, [asdict(note)])


def save_chunks(store: Store, notes: Sequence[ChunkEntry]) -> None:
    """Writes that chunks are done.

    But for those with more refused rows than a document can hold: they are repeated instead.
    """
    short = [asdict(n) for n in notes if len(n.refused or "") <= _MOST_CHARACTERS]
    _write(store, CHUNKS, short)


def save_started(store: Store, notes: Sequence[StartedChunk]) -> Sequence[int]:
    """Write that chunks begin, and return the positions of those that had begun before.

    What was written when they began for the first time stays.
    """
    return _write(store, BEGUN, map(asdict, notes), Mode.INSERT).taken


def started_chunks(store: Store, run: str) -> list[StartedChunk]:
    """The chunks of an import that have begun, as far as that was written."""
    found = store.find(BEGUN.name, BEGUN.key, (("run", "=", run),))
    return [_note(StartedChunk, document) for document in found]


def imports(store: Store) -> Iterator[ImportEntry]:
    """All imports, the oldest first."""
    notes = [_note(ImportEntry, found) for found in store.find(IMPORTS.name, IMPORTS.key)]
    return iter(sorted(notes, key=_start))


def latest_import(store: Store, file: str, collection: str) -> ImportEntry | None:
    """The latest import of a file into a collection."""
    found = store.find(IMPORTS.name, IMPORTS.key, (("file", "=", file),))
    notes = [_note(ImportEntry, document) for document in found]
    return max((n for n in notes if n.collection == collection), key=_start, default=None)


def chunks(store: Store, run: str) -> list[ChunkEntry]:
    """The chunks of an import that are done, in the order of the file."""
    found = store.find(CHUNKS.name, CHUNKS.key, (("run", "=", run),))
    return [_note(ChunkEntry, document) for document in found]


def forget_rows(store: Store, run: str) -> None:
    """Drops what only an unfinished import needs: the refused rows, and which keys were taken."""
    done = (note for note in chunks(store, run) if note.refused or note.taken)
    _write(store, CHUNKS, (asdict(note) | {"refused": None, "taken": None} for note in done))
    early = (note for note in started_chunks(store, run) if note.taken)
    _write(store, BEGUN, (asdict(note) | {"taken": None} for note in early))


def save_collection(store: Store, collection: Collection) -> None:
    """Writes what a collection is; fields that only an earlier description has are kept."""
    earlier = known_collection(store, collection.name)
    if earlier is not None:
        more = tuple(field for field in earlier.fields if field.name not in collection.columns)
        collection = replace(collection, fields=(*collection.fields, *more))
    if collection != earlier:
        definition = json.dumps(asdict(collection), ensure_ascii=False)
        note = CollectionEntry(name=collection.name, definition=definition)
        _write(store, COLLECTIONS, [asdict(note)])


def known_collections(store: Store) -> dict[str, Collection]:
    """Return what the collections are that were noted, and are there, by name."""
    present = set(store.collections())
    found = store.find(COLLECTIONS.name, COLLECTIONS.key)
    return {
        str(each["name"]): Collection.from_plain(json.loads(str(each["definition"])))
        for each in found
        if each["name"] in present
    }


def known_collection(store: Store, name: str) -> Collection | None:
    """What a collection is, if that was noted."""
    found = list(store.find(COLLECTIONS.name, COLLECTIONS.key, (("name", "=", name),)))
    return Collection.from_plain(json.loads(str(found[0]["definition"]))) if found else None


def imports_of(store: Store, key: str) -> Iterator[ImportEntry]:
    """The imports that have inserted or replaced a record of a tracked collection, oldest first."""
    for note in imports(store):
        if note.inserted + note.updated:
            if any(_has_key(chunk, key) for chunk in chunks(store, note.id)):
                yield note


def first_imports(store: Store, keys: Container[str], collection: str) -> dict[str, str]:
    """When the import began that has first inserted or replaced a record, for some of the keys."""
    first: dict[str, str] = {}
    for note in imports(store):
        for chunk in chunks(store, note.id) if note.collection == collection else ():
            for key in _unpack_keys(chunk).split(_RECORDS):
                if key and key in keys:
                    first.setdefault(key, note.started)
    return first


def _has_key(chunk: ChunkEntry, key: str) -> bool:
    return f"{_RECORDS}{key}{_RECORDS}" in _unpack_keys(chunk)


def _unpack_keys(chunk: ChunkEntry) -> str:
    return zlib.decompress(base64.b64decode(chunk.touched)).decode() if chunk.touched else ""


def pack_keys(keys: Iterable[str]) -> str | None:
    """The keys of a chunk's records, joined as join_keys does, as a short text; None if none."""
    text = _RECORDS.join(keys)
    # The quickest level: it takes 1 to 3% of an import's time (measured).
    whole = f"{_RECORDS}{text}{_RECORDS}".encode()
    return base64.b64encode(zlib.compress(whole, 1)).decode() if text else None


def join_keys(batch: Batch) -> str:
    """The keys of records, for pack_keys."""
    keys = key_texts(batch.columns_of(batch.collection.key))
    try:
        return _RECORDS.join(cast(Sequence[str], keys))  # nearly all keys are texts
    except TypeError:
        return _RECORDS.join(map(str, keys))


def pack_bits(positions: Sequence[int], size: int) -> str | None:
    """Some of `size` positions as a short text; None if there are none."""
    if not positions:
        return None
    bits = bytearray(size // 8 + 1)
    if len(positions) == size:  # all of them, as when a file is imported again
        bits[:] = ((1 << size) - 1).to_bytes(len(bits), "little")
    else:
        for at in positions:
            bits[at >> 3] |= 1 << (at & 7)
    return base64.b64encode(zlib.compress(bits)).decode()


def unpack_bits(text: str | None) -> bytes:
    """The bits that were packed: see has_bit."""
    return zlib.decompress(base64.b64decode(text)) if text else b""


def has_bit(bits: bytes, at: int) -> bool:
    """Whether a position is among those packed."""
    return at >> 3 < len(bits) and bool(bits[at >> 3] >> (at & 7) & 1)


def _start(note: ImportEntry) -> str:
    return note.started


def _note(kind: type[Note], document: dict[str, Any]) -> Note:
    values: dict[str, Any] = {field.name: document.get(field.name) for field in fields(kind)}
    for field in fields(kind):
        if field.type is bool:  # SQLite has none, and some servers make numbers of them
            values[field.name] = bool(values[field.name])
    return kind(**values)


def _write(
    store: Store,
    collection: Collection,
    documents: Iterable[dict[str, Any]],
    mode: Mode = Mode.UPSERT,
) -> Written:
    rows = [tuple(document.values()) for document in documents]
    if not rows:
        return Written(0)
    with store.transaction():
        return store.write(Batch(collection, collection.columns, list(zip(*rows))), mode)
