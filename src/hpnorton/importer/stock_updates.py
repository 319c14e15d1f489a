"""Imports that replace products: a stock that changes by them goes through the history.

Clerks may rent out and take back while an import runs. What a file says of the stock is therefore
written as they write it, so that the books balance; everything else as in any other import.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, Condition, CounterStore, Key, Mode, Written
from hpnorton.stores.diff import compare
from hpnorton.stores.history import HISTORY, Change, Kind, RecordKey


def is_restock(batch: Batch, mode: Mode) -> bool:
    """Whether a write may change the stock of products that are there."""
    return mode is Mode.UPSERT and batch.collection.stock in batch.columns


def write(store: CounterStore, batch: Batch, run: str) -> Written:
    """Upserts products, as store.write does; `run` is the import that does it."""
    everything = range(len(batch))
    with store.transaction():
        stored = store.stored(batch, everything)
        made = compare(batch, everything, stored, Mode.UPSERT)
        _mend(store, batch, stored)
        late = store.write(batch.only(made.new), Mode.INSERT).conflicts if made.new else ()
        if made.changed:
            _replace(store, batch.only(list(made.changed.values())), run)
        written = made.written(everything)
        if late:  # another import was quicker
            again = write(store, batch.only([made.new[conflict.at] for conflict in late]), run)
            inserted = written.inserted - len(late) + again.inserted
            # All but the inserted ones count as replacing: some may have been the same before.
            return Written(inserted, written.updated + again.updated, (), everything, everything)
    return written


def correct(store: CounterStore, batch: Batch) -> None:
    """Puts products in the place of those that the same import has inserted under their keys.

    What was in stock at first is then another number; nothing has happened to it.
    """
    if batch.collection.stock in batch.columns:
        store.correct_stock(batch)
        batch = batch.without(str(batch.collection.stock))
    store.write(batch, Mode.UPSERT)


def _mend(store: CounterStore, batch: Batch, stored: Mapping[Key, Record]) -> None:
    """Makes whole numbers of stocks that another program has stored as doubles: 6.0 is 6."""
    at = batch.columns.index(str(batch.collection.stock))
    for key, record in stored.items():
        if isinstance(record[at], float) and (number := whole_number(record[at])) is not None:
            store.set_stock(RecordKey(batch.collection, key), record[at], number)


def _moved(store: CounterStore, place: RecordKey) -> int:
    """How much the lines of a product's history have added to its stock."""
    where: list[Condition] = [
        ("record", "=", place.text),
        ("collection", "=", place.collection.name),
    ]
    lines = store.find(HISTORY.name, HISTORY.key, where)
    return sum(whole_number(line["delta"]) or 0 for line in lines)


def _replace(store: CounterStore, batch: Batch, run: str) -> None:
    """Replaces products by key; a stock that is a number before and after is counted over.

    Of any other nobody knows what has happened to it, so it counts as the first one.
    """
    stock = str(batch.collection.stock)
    wanted = dict(zip(batch.keys, batch.values[batch.columns.index(stock)]))
    stored = _stocks(store, batch.collection, list(wanted))
    counted: dict[Key, Value] = {}
    for key, number in wanted.items():
        if None not in (number, whole_number(stored[key])):
            counted[key] = number
        elif stored[key] is not number:
            place = RecordKey(batch.collection, key)
            store.set_stock(place, stored[key], number, _moved(store, place))
    _restock(store, batch.collection, counted, run)
    store.write(batch.without(stock), Mode.UPSERT)


def _restock(
    store: CounterStore, collection: Collection, wanted: Mapping[Key, Value], run: str
) -> None:
    """Brings the stock of products to what is wanted, however often somebody is quicker."""
    left = dict(wanted)
    store.ensure(HISTORY)
    while left:
        stored = {k: whole_number(v) for k, v in _stocks(store, collection, list(left)).items()}
        keys = [key for key in left if stored[key] != left[key]]
        places = [RecordKey(collection, key) for key in keys]
        changes = [
            _change(place, number + 1, cast(int, stored[key]), cast(int, left[key]), run)
            for place, key, number in zip(places, keys, store.last_numbers(places))
        ]
        left = {keys[at]: left[keys[at]] for at in store.post(changes)}


def _stocks(store: CounterStore, collection: Collection, keys: Sequence[Key]) -> dict[Key, Value]:
    columns = (*collection.key, str(collection.stock))
    asked = Batch(collection, columns, [*zip(*keys), [None] * len(keys)])
    stored = store.stored(asked, range(len(keys)))
    return {key: record[-1] for key, record in stored.items()}


def _change(place: RecordKey, number: int, before: int, after: int, run: str) -> Change:
    stock = str(place.collection.stock)
    return Change(
        kind=Kind.IMPORT,
        subject=place,
        number=number,
        target=place,
        before={stock: before},
        after={stock: after},
        delta=after - before,
        stock=after,
        reason=run,
    )
