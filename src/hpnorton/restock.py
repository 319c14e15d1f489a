"""Imports that replace products: a stock that changes by them goes through the history.

Clerks may rent out and take back while an import runs. What a file says of the stock is therefore
written as they write it, so that the books balance; everything else as in any other import.
"""

from collections.abc import Mapping
from typing import cast

from hpnorton.fields import Value
from hpnorton.stores.changes import HISTORY, Change, Kind, Place
from hpnorton.stores.compare import compare
from hpnorton.stores.protocol import Batch, CounterStore, Key, Mode, Written


def is_restock(batch: Batch, mode: Mode) -> bool:
    """Whether a write may change the stock of products that are there."""
    return mode is Mode.UPSERT and batch.collection.stock in batch.columns


def write(store: CounterStore, batch: Batch, run: str) -> Written:
    """Upserts products, as store.write does; `run` is the import that does it."""
    stock = batch.collection.stock
    assert stock is not None
    everything = range(len(batch))
    with store.transaction():
        made = compare(batch, everything, store.stored(batch, everything), Mode.UPSERT)
        changed = batch.only(list(made.changed.values()))
        if len(changed):
            at = changed.columns.index(stock)
            _restock(store, batch, dict(zip(changed.keys, changed.values[at])), run)
            store.write(changed.without(stock), Mode.UPSERT)
        late = store.write(batch.only(made.new), Mode.INSERT).conflicts if made.new else ()
        written = made.written(everything)
        if late:  # another import was quicker
            again = write(store, batch.only([made.new[conflict.at] for conflict in late]), run)
            inserted = written.inserted - len(late) + again.inserted
            return Written(inserted, written.updated + again.updated, taken=everything)
    return written


def correct(store: CounterStore, batch: Batch) -> None:
    """Puts products in the place of those that the same import has inserted under their keys.

    What was in stock at first is then another number; nothing has happened to it.
    """
    stock = batch.collection.stock
    if stock in batch.columns:
        store.correct_stock(batch)
        batch = batch.without(str(stock))
    store.write(batch, Mode.UPSERT)


def _restock(store: CounterStore, batch: Batch, wanted: Mapping[Key, Value], run: str) -> None:
    """Brings the stock of products to what is wanted, however often somebody is quicker."""
    collection, stock = batch.collection, str(batch.collection.stock)
    left = dict(wanted)
    store.ensure(HISTORY)
    while left:
        keys = list(left)
        columns = [*zip(*keys), [None] * len(keys)]
        asked = Batch(collection, (*collection.key, stock), columns)
        stored = store.stored(asked, range(len(asked)))
        present = {key: cast(int, record[-1]) for key, record in stored.items()}
        keys = [key for key in keys if present[key] != left[key]]
        places = [Place(collection, key) for key in keys]
        changes = [
            _change(place, number + 1, present[key], cast(int, left[key]), run)
            for place, key, number in zip(places, keys, store.last_numbers(places))
        ]
        lost = store.post(changes)
        left = {keys[at]: left[keys[at]] for at in lost}


def _change(place: Place, number: int, before: int, after: int, run: str) -> Change:
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
