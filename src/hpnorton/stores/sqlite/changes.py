"""Posts changes in SQLite: a change and its history entry are one transaction."""

import json
from collections.abc import Iterator, Mapping, Sequence

from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value
from hpnorton.stores.base import FIRST_STOCK, Batch
from hpnorton.stores.history import HISTORY, Change, RecordKey, StockRow
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.connection import SqliteConnection

_LAST_NUMBERS = (
    f"SELECT (SELECT coalesce(max(number), 0) FROM {HISTORY.name} "
    "WHERE record = json_extract(wanted.value, '$[0]') "
    "AND collection = json_extract(wanted.value, '$[1]')) "
    "FROM json_each(?) AS wanted ORDER BY wanted.key"
)


class SqliteChanges:
    """The history and the stocks, read and written through a connection."""

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[StockRow]:
        """Yield the stock of each record, by key.

        `last_entry` is None: stock and history are read in one snapshot.
        """
        with self._connection.translate_errors():
            types = self._connection.column_types(collection)
            if key in types and stock in types:
                first = FIRST_STOCK if FIRST_STOCK in types else None
                statement = sql.select_stocks(collection, key, first, stock, only is not None)
                rows = self._connection.run(statement, [] if only is None else [only])
                for record_key, first_stock, now in rows:
                    yield StockRow(record_key, first_stock, now, None)

    def set_stock(
        self, record: RecordKey, seen: Value, stock: Value, moved_total: int | None = None
    ) -> None:
        """Replace a stock that is still as it was `seen`."""
        collection, key = record
        statement = sql.replace_stock(collection.name, str(collection.stock), collection.key)
        with self._connection.transaction():
            self._connection.run(statement, (*key, seen, stock, moved_total))

    def correct_stock(self, batch: Batch) -> None:
        """Replace the first stock by that of the batch, and add the difference to the stock."""
        collection, stock = batch.collection, str(batch.collection.stock)
        statement = sql.correct(collection.name, stock, collection.key)
        first = batch.values[batch.columns.index(stock)]
        with self._connection.transaction():
            rows = ((number, *key) for number, key in zip(first, batch.keys))
            self._connection.run_many(statement, rows)

    def last_numbers(self, records: Sequence[RecordKey]) -> list[int]:
        """Return the number of the last entry in each record's history; 0 if it has none."""
        if not records:
            return []
        with self._connection.translate_errors():
            if not self._connection.column_types(HISTORY.name):
                return [0] * len(records)
            wanted = json.dumps([[record.text, record.collection.name] for record in records])
            return [number for (number,) in self._connection.run(_LAST_NUMBERS, (wanted,))]

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Write entries with their changes; return the positions of those not written."""
        if not changes:
            return []
        with self._connection.transaction():
            last = self.last_numbers([change.subject for change in changes])
            not_written = [at for at, number in enumerate(last) if changes[at].number <= number]
            written = [change for change, number in zip(changes, last) if change.number > number]
            self._insert(HISTORY, [change.entry for change in written])
            for change in written:
                self._carry_out(change)
        return not_written

    def _insert(self, collection: Collection, records: Sequence[Mapping[str, Value]]) -> None:
        """Insert records that all have the same fields, if their keys are new."""
        if records:
            statement = sql.insert(collection.name, tuple(records[0]), 1, collection.stock)
            rows = (tuple(record.values()) for record in records)
            self._connection.run_many(statement, rows)

    def _carry_out(self, change: Change) -> None:
        counted = change.subject.collection
        if change.delta and counted.stock:
            statement = sql.increase(counted.name, counted.stock, counted.key)
            self._connection.run(statement, (change.delta, *change.subject.key))
        target, key = change.target
        if change.after is None:
            self._connection.run(sql.delete(target.name, target.key), key)
        elif change.before is None:
            self._insert(target, [change.after])
        elif values := change.other_values:
            statement = sql.update(target.name, tuple(values), target.key)
            self._connection.run(statement, (*values.values(), *key))
