"""Which imports wrote a record of a tracked collection: see Collection.is_tracked.

Each import has a number. A record carries that of the import that inserted it in the hidden field
IMPORT_FIELD; an import that replaces a record leaves an entry of its own. Both are found through
the key of the record and its index, however many imports there were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value
from hpnorton.stores.base import IMPORT_FIELD, Batch, Key, Mode, Store
from hpnorton.stores.entries import EntryTable
from hpnorton.stores.history import RecordKey, key_texts


@dataclass(frozen=True, kw_only=True)
class ImportNumber:
    """The number of the import with the id `run`; numbers begin with 1."""

    number: int
    run: str


@dataclass(frozen=True, kw_only=True)
class ReplacedRecord:
    """A record that the import with a number replaced; `record` is its key as in the history."""

    record: str
    collection: str
    number: int


NUMBERS = EntryTable("numbers", ImportNumber, "number")
REPLACED = EntryTable("replaced", ReplacedRecord, "record", "collection", "number")


def number_of(store: Store, run: str) -> int:
    """Return the number of an import; a new import gets one that no other has or had.

    Raises StoreError.
    """
    with store.transaction():
        if found := NUMBERS.find(store, ("run", "=", run)):
            return found[0].number
        number = store.count(NUMBERS.name) + 1
        while NUMBERS.write(store, [ImportNumber(number=number, run=run)], Mode.INSERT).taken:
            number += 1
    return number


def save_replaced(store: Store, batches: Sequence[Batch]) -> None:
    """Save that the records of batches were replaced by their import; this can be repeated."""
    for batch in batches:
        size, texts = len(batch), map(str, key_texts(batch.columns_of(batch.collection.key)))
        columns: list[list[Value]] = [
            [*texts],
            [batch.collection.name] * size,
            [batch.import_number] * size,
        ]
        REPLACED.write_columns(store, columns, Mode.INSERT)


def imports_that_wrote(store: Store, record: RecordKey) -> set[str]:
    """Return the ids of the imports that inserted or replaced a record. Raises StoreError."""
    inserted = _inserting(store, record.collection, [record.key]).values()
    return {_run_of(store, number) for number in {*inserted, *_replacing(store, record)}}


def first_writers(store: Store, collection: Collection, keys: Sequence[Key]) -> dict[Key, str]:
    """Return for each key the id of the first import that wrote its record, if any did.

    Raises StoreError.
    """
    first = _inserting(store, collection, keys)
    for key in keys:
        if key not in first and (numbers := _replacing(store, RecordKey(collection, key))):
            first[key] = min(numbers)
    runs = {number: _run_of(store, number) for number in set(first.values())}
    return {key: runs[number] for key, number in first.items()}


def _inserting(store: Store, collection: Collection, keys: Sequence[Key]) -> dict[Key, int]:
    """Return the number of the import that inserted each record, if one did."""
    if not keys:
        return {}
    columns = (*collection.key, IMPORT_FIELD)
    asked = Batch(collection, columns, [*zip(*keys), [None] * len(keys)])
    stored = store.stored_records(asked, range(len(keys)))
    return {key: int(number) for key, (*_, number) in stored.items() if number is not None}


def _replacing(store: Store, record: RecordKey) -> list[int]:
    """Return the numbers of the imports that replaced a record."""
    found = REPLACED.find(
        store, ("record", "=", record.text), ("collection", "=", record.collection.name)
    )
    return [each.number for each in found]


def _run_of(store: Store, number: int) -> str:
    (found,) = NUMBERS.find(store, ("number", "=", number))
    return found.run
