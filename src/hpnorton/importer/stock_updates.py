"""Upserts of records with a stock: a change of the stock is an entry of the history.

Clerks may rent out and take back while an import runs. An import therefore changes a stock as they
do, so that stocks and history agree; it writes everything else like any other import.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, ChangeStore, Condition, Key, Mode, Written
from hpnorton.stores.diff import compare
from hpnorton.stores.history import HISTORY, Change, Kind, RecordKey


def is_stock_update(batch: Batch, mode: Mode) -> bool:
    """Return whether a write may change the stock of stored records."""
    return mode is Mode.UPSERT and batch.collection.stock in batch.columns


def write(store: ChangeStore, batch: Batch, run: str) -> Written:
    """Upsert records as store.write does; `run` is the id of the import."""
    everything = range(len(batch))
    with store.transaction():
        stored = store.stored_records(batch, everything)
        comparison = compare(batch, everything, stored, Mode.UPSERT)
        _restore_integers(store, batch, stored)
        new = comparison.new
        late = store.write(batch.only(new), Mode.INSERT).conflicts if new else ()
        if comparison.changed:
            _replace(store, batch.only(list(comparison.changed.values())), run)
        written = comparison.written(everything)
        if late:  # another import has inserted these keys meanwhile
            again = write(store, batch.only([new[conflict.at] for conflict in late]), run)
            inserted = written.inserted - len(late) + again.inserted
            # All but the inserted ones count as replacing: some may have been the same before.
            return Written(inserted, written.updated + again.updated, (), everything, everything)
    return written


def correct(store: ChangeStore, batch: Batch) -> None:
    """Replace records that the same import has inserted under these keys.

    Their first stock becomes another number; that is no change of the stock.
    """
    if batch.collection.stock in batch.columns:
        store.correct_stock(batch)
        batch = batch.without(str(batch.collection.stock))
    store.write(batch, Mode.UPSERT)


def _restore_integers(store: ChangeStore, batch: Batch, stored: Mapping[Key, Record]) -> None:
    """Store integers where another program has stored stocks such as 6.0."""
    at = batch.columns.index(str(batch.collection.stock))
    for key, record in stored.items():
        if isinstance(record[at], float) and (number := whole_number(record[at])) is not None:
            store.set_stock(RecordKey(batch.collection, key), record[at], number)


def _replace(store: ChangeStore, batch: Batch, run: str) -> None:
    """Replace records by key; where the stock is a number before and after, post the difference.

    What happened to any other stock is unknown, so the new value becomes the first one.
    """
    stock = str(batch.collection.stock)
    wanted = dict(zip(batch.keys, batch.values[batch.columns.index(stock)]))
    stored = _stocks(store, batch.collection, list(wanted))
    counted: dict[Key, Value] = {}
    for key, number in wanted.items():
        if None not in (number, whole_number(stored[key])):
            counted[key] = number
        elif stored[key] is not number:
            record_key = RecordKey(batch.collection, key)
            store.set_stock(record_key, stored[key], number, _posted(store, record_key))
    _update_stocks(store, batch.collection, counted, run)
    store.write(batch.without(stock), Mode.UPSERT)


def _posted(store: ChangeStore, record_key: RecordKey) -> int:
    """Return how much the entries of a record's history have added to its stock."""
    where: list[Condition] = [
        ("record", "=", record_key.text),
        ("collection", "=", record_key.collection.name),
    ]
    entries = store.find(HISTORY.name, HISTORY.key, where)
    return sum(whole_number(entry["delta"]) or 0 for entry in entries)


def _update_stocks(
    store: ChangeStore, collection: Collection, wanted: Mapping[Key, Value], run: str
) -> None:
    """Post changes until the stocks are what is wanted, whatever clerks post meanwhile."""
    left = dict(wanted)
    store.ensure(HISTORY)
    while left:
        stored = {k: whole_number(v) for k, v in _stocks(store, collection, list(left)).items()}
        keys = [key for key in left if stored[key] != left[key]]
        record_keys = [RecordKey(collection, key) for key in keys]
        changes = [
            _change(record_key, number + 1, cast(int, stored[key]), cast(int, left[key]), run)
            for record_key, key, number in zip(record_keys, keys, store.last_numbers(record_keys))
        ]
        left = {keys[at]: left[keys[at]] for at in store.post(changes)}


def _stocks(store: ChangeStore, collection: Collection, keys: Sequence[Key]) -> dict[Key, Value]:
    columns = (*collection.key, str(collection.stock))
    wanted = Batch(collection, columns, [*zip(*keys), [None] * len(keys)])
    stored = store.stored_records(wanted, range(len(keys)))
    return {key: record[-1] for key, record in stored.items()}


def _change(record_key: RecordKey, number: int, before: int, after: int, run: str) -> Change:
    stock = str(record_key.collection.stock)
    return Change(
        kind=Kind.IMPORT,
        subject=record_key,
        number=number,
        target=record_key,
        before={stock: before},
        after={stock: after},
        delta=after - before,
        stock=after,
        reason=run,
    )
