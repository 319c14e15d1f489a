"""Collections, records, and the model of a store: what every store is tested with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st

from hpnorton.schema.collection import Collection, ForeignKey
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, Conflict, Document, Key, Mode, Store, Written

CUSTOMERS = Collection(
    "customers",
    (Field("user_id"), Field("name"), Field("credit", "integer")),
    ("user_id",),
)

PRODUCTS = Collection("product", (Field("product_id"), Field("stock", "integer")), ("product_id",))

RENTALS = Collection(
    "rental",
    (Field("user_id"), Field("note"), Field("product_id")),
    ("user_id", "product_id"),
    (
        ForeignKey(("user_id",), "customers", ("user_id",)),
        ForeignKey(("product_id",), "product", ("product_id",)),
    ),
)

EVERY_TYPE = Collection(
    "every_type",
    (
        Field("id", "integer"),
        Field("text"),
        Field("whole", "integer"),
        Field("number", "number"),
        Field("flag", "boolean"),
        Field("day", "date"),
    ),
    ("id",),
)

ANNA: Record = ("C1", "Anna", 100)

BEN: Record = ("C2", "Ben", 50)

ANNE: Record = ("C1", "Anne", 7)

INSERT, UPSERT = Mode.INSERT, Mode.UPSERT

BOTH = pytest.mark.parametrize("mode", list(Mode))


def batch_of(
    collection: Collection, *records: Record, columns: tuple[str, ...] | None = None
) -> Batch:
    """Records as stores take them; whole ones unless `columns` says which values they have."""
    names = columns or collection.columns
    return Batch(collection, names, list(zip(*records, strict=True)) or [()] * len(names))


def batch_from_documents(collection: Collection, documents: Sequence[Mapping[str, Value]]) -> Batch:
    """Records by field name as stores take them, with the fields of the first."""
    columns = tuple(documents[0])
    return Batch(collection, columns, [[d[name] for d in documents] for name in columns])


def put(store: Store, collection: Collection, *records: Record) -> None:
    """Inserts whole records, which have to be new."""
    store.ensure(collection)
    assert summary(store.write(batch_of(collection, *records), INSERT)) == (len(records), 0, [], [])


def summary(written: Written) -> tuple[int, int, list[Conflict], list[int]]:
    """What became of a batch: inserted, updated, conflicts, taken."""
    return written.inserted, written.updated, list(written.conflicts), list(written.taken)


def records_of(store: Store, collection: Collection) -> list[Record]:
    """All records of a collection, by key."""
    found = store.find(collection.name, collection.key)
    return [tuple(document[name] for name in collection.columns) for document in found]


@dataclass
class Model:
    """What a store has to be: records by key, written one by one."""

    collection: Collection
    stored: dict[Key, Document] = field(default_factory=dict)

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Writes each record as if it were alone."""
        inserted = updated = 0
        conflicts: list[Conflict] = []
        taken: list[int] = []
        for at, key in enumerate(batch.keys):
            record = dict(zip(batch.columns, batch.record(at), strict=True))
            before = self.stored.get(key)
            if before is None:
                self.stored[key] = dict.fromkeys(self.collection.columns) | record
                inserted += 1
                continue
            taken.append(at)
            differing = [name for name in batch.columns if record[name] != before[name]]
            if differing and mode is INSERT:
                conflicts.append(Conflict(at, differing[0], before[differing[0]]))
            elif differing:
                before.update(record)
                updated += 1
        return Written(inserted, updated, conflicts, taken)

    @property
    def records(self) -> list[Record]:
        """All records, by key."""
        return [tuple(self.stored[key].values()) for key in sorted(self.stored, key=repr)]


@dataclass(frozen=True)
class Kind:
    """A kind of key: its fields, and a few such keys."""

    fields: tuple[Field, ...]
    keys: Sequence[Key]

    def collection(self, name: str) -> Collection:
        """A collection with such a key, and two more fields."""
        key = tuple(each.name for each in self.fields)
        return Collection(name, (*self.fields, Field("a"), Field("rowid", "integer")), key)

    def batches(self, collection: Collection) -> st.SearchStrategy[Batch]:
        """Batches of records that have few keys and few values, with all columns or without one."""
        keys = st.sampled_from(self.keys)
        values = st.sampled_from(["", "x", "y"]) | st.none(), st.integers(0, 2) | st.none()
        width = len(self.fields)

        def build(records: list[Record], left_out: int) -> Batch:
            names = collection.columns
            if left_out:
                names = (*names[:width], names[width + left_out - 1])
                records = [(*record[:width], record[width + left_out - 1]) for record in records]
            return batch_of(collection, *records, columns=names)

        record = st.tuples(keys, *values).map(lambda parts: (*parts[0], *parts[1:]))
        return st.builds(build, st.lists(record, max_size=12), st.integers(0, 2))


KINDS = {
    "text": Kind((Field("k"),), [("1",), ("01",), ("é",), ("A",), ("a",), ("",)]),
    "integer": Kind((Field("k", "integer"),), [(0,), (-1,), (7,), (2**63 - 1,), (-(2**63),)]),
    "number": Kind((Field("k", "number"),), [(0.0,), (-1.5,), (0.1,), (2.5,)]),
    "boolean": Kind((Field("k", "boolean"),), [(True,), (False,)]),
    "two": Kind(
        (Field("k"), Field("l", "integer")), [(k, n) for k in ("a", "a|1", "b") for n in (1, 2)]
    ),
    "three": Kind(
        (Field("k"), Field("day", "date"), Field("x", "number")),
        [(k, day, 0.5) for k in ("|", "\\") for day in ("2026-12-01", "2026-12-02")],
    ),
}


def check_against_model(
    store: Store, collection: Collection, kind: Kind, data: st.DataObject
) -> None:
    """Writes batches, one after the other, to a store and to the model, and compares them."""
    model = Model(collection)
    for _ in range(data.draw(st.integers(1, 5))):
        batch, mode = data.draw(kind.batches(collection)), data.draw(st.sampled_from(Mode))
        wanted = model.write(batch, mode)
        assert summary(store.write(batch, mode)) == summary(wanted)
        everything = range(len(batch))
        columns = [collection.columns.index(name) for name in batch.columns]
        assert store.stored_records(batch, everything) == {
            key: tuple(list(model.stored[key].values())[at] for at in columns) for key in batch.keys
        }
    assert sorted(records_of(store, collection), key=_key_order(kind)) == model.records
    assert store.count(collection.name) == len(model.stored)
    assert store.is_empty(collection.name) is not bool(model.stored)


def touched_by(written: Written, size: int) -> list[int]:
    """The positions of the records of a batch that were inserted or replaced others."""
    return sorted(set(range(size)).difference(written.taken).union(written.replacing))


def _key_order(kind: Kind) -> Callable[[Record], str]:
    return lambda record: repr(record[: len(kind.fields)])
