"""Batches of records in SQLite: what an import writes and looks up, thousands at once."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import cast

from hpnorton.errors import StoreError
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.base import MIN_SAMPLED, Batch, Key, Mode, Written, in_line
from hpnorton.stores.diff import compare
from hpnorton.stores.messages import kept_out
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.connection import SqliteConnection

_ROWS_PER_STATEMENT = 100
_KEYS_PER_STATEMENT = 500
_MAX_ROWID = 2**63 - 1  # SQLite chooses the rowids after it at random


class SqliteBatches:
    """The batches that are written and looked up through a connection.

    `rows_per_statement` are inserted at a time. Of a batch of at least `min_sampled` records a
    sample is looked up, which decides how it is written.
    """

    def __init__(self, connection: SqliteConnection) -> None:
        self.rows_per_statement = _ROWS_PER_STATEMENT
        self.min_sampled = MIN_SAMPLED
        self._connection = connection
        self._rowids: dict[str, str | None] = {}  # by table, for all batches of an import

    def forget(self, table: str) -> None:
        """Forget what is known of a table, which is made or dropped now."""
        self._rowids.pop(table, None)

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Insert the records whose keys are new; with Mode.UPSERT, replace what else differs.

        Large batches whose keys seem to be new are inserted at once. For others, the stored
        records are looked up first.
        """
        if len(batch) == 0:
            return Written(0)
        with self._connection.transaction():
            if len(batch) >= self.min_sampled and not self._are_stored(batch.sample()):
                rowid = self._ascending_rowid(batch.collection.name)
                last = self._last(batch.collection.name, rowid) if rowid else _MAX_ROWID
                if rowid and last < _MAX_ROWID:
                    return self._insert_first(batch, mode, rowid, last)
            return self._look_first(batch, mode)

    def stored_records(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """Return the stored values of the batch's columns, by key, for the records at positions."""
        with self._connection.translate_errors():
            present = self._connection.column_types(batch.collection.name)
            if not positions or not present:
                return {}
            absent = [name for name in batch.columns if name not in present]
            return self._by_key(batch, positions, absent=absent)

    def absent_keys(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """Return the keys, given as one column per field of `key`, that no record has."""
        with self._connection.translate_errors():
            if not any(columns) or not self._connection.column_types(collection):
                return set(zip(*columns))
            doubtful = self._run_in_parts(
                in_line(columns),
                len(key),
                lambda rows: sql.count_present(collection, tuple(key), rows),
                _number,
                _KEYS_PER_STATEMENT,
            )
            keys = list({tuple(column[at] for column in columns) for at in doubtful})
            return set(keys).difference(self._by_keys(collection, key, key, keys))

    def _insert_first(self, batch: Batch, mode: Mode, rowid: str, last: int) -> Written:
        """Insert all records, then look at those of statements that inserted too few.

        Such a statement does not say which of its rows it has ignored. But new rows get ascending
        rowids (https://www.sqlite.org/autoinc.html), so those up to `last` were there before.
        """
        short = {batch.keys[at] for at in self._insert(batch)}
        if not short:
            return Written(len(batch))
        doubtful = [at for at, key in enumerate(batch.keys) if key in short]
        comparison = compare(batch, doubtful, self._older(batch, doubtful, rowid, last), mode)
        self._update(batch, comparison.changed)
        return comparison.written(doubtful, len(batch) - len(doubtful))

    def _look_first(self, batch: Batch, mode: Mode) -> Written:
        """Compare the records with those that are stored, then write those that differ."""
        positions = self._differing(batch)
        comparison = compare(batch, positions, self._by_key(batch, positions), mode)
        if comparison.new and self._insert(batch.only(comparison.new)):
            raise self._kept_out(batch, comparison.new)
        self._update(batch, comparison.changed)
        return comparison.written(range(len(batch)))

    def _are_stored(self, batch: Batch) -> bool:
        """Return whether the keys of all records are stored."""
        key, keys = batch.collection.key, list(set(batch.keys))
        return len(self._by_keys(batch.collection.name, key, key, keys).fetchall()) == len(keys)

    def _ascending_rowid(self, table: str) -> str | None:
        """Return the name of a table's rowid, if that ascends from one new row to the next."""
        if table not in self._rowids:
            self._rowids[table] = self._find_ascending_rowid(table)
        return self._rowids[table]

    def _find_ascending_rowid(self, table: str) -> str | None:
        types = self._connection.run(
            "SELECT type FROM pragma_table_info(?) WHERE pk > 0", (table,)
        ).fetchall()
        if [declared.upper() for (declared,) in types] == ["INTEGER"]:
            return None  # the key itself is the rowid
        return self._connection.rowid_name(table)

    def _last(self, table: str, rowid: str) -> int:
        (last,) = self._connection.run(f"SELECT max({rowid}) FROM {sql.quote(table)}").fetchone()
        return last or 0

    def _older(
        self, batch: Batch, positions: Sequence[int], rowid: str, last: int
    ) -> dict[Key, Record]:
        """Return the records, by key, that were stored up to the rowid `last`.

        Raises StoreError if a record is not stored at all.
        """
        stored = self._by_key(batch, positions, rowid)
        if any(batch.keys[at] not in stored for at in positions):
            raise self._kept_out(batch, positions)
        newer = {key for key, (number, *_) in stored.items() if cast(int, number) > last}
        return {key: row[1:] for key, row in stored.items() if key not in newer}

    def _insert(self, batch: Batch) -> list[int]:
        """Insert the records with new keys; return the positions of statements that fell short."""
        collection = batch.collection
        return self._run_in_parts(
            batch.in_line,
            len(batch.columns),
            lambda rows: sql.insert(
                collection.name, batch.columns, rows, collection.stock, batch.import_number
            ),
            lambda cursor: cursor.rowcount,
        )

    def _differing(self, batch: Batch) -> Sequence[int]:
        """Return the positions of all records that may differ from what is stored.

        In a large batch, SQLite compares the records: when a file is imported again, hardly any
        record then has to be read. It cannot do so if an earlier record of the batch has the key.
        """
        if len(batch) < self.min_sampled or batch.repeats_keys:
            return range(len(batch))
        collection = batch.collection
        return self._run_in_parts(
            batch.in_line,
            len(batch.columns),
            lambda rows: sql.count_same(collection.name, batch.columns, collection.key, rows),
            _number,
        )

    def _run_in_parts(
        self,
        line: Sequence[Value],
        width: int,
        statement_for: Callable[[int], str],
        count: Callable[[sqlite3.Cursor], int],
        max_rows: int | None = None,
    ) -> list[int]:
        """Run statements of many rows; return the positions of the rows of those that fell short.

        `line` holds rows of `width` values, one after the other, `statement_for` returns the
        statement for a number of rows, and `count` reads its result. A statement falls short if
        its count is less than its number of rows.
        """
        length = len(line) // width
        max_rows = max_rows or self.rows_per_statement
        size = max(1, min(max_rows, self._connection.max_parameters // width))
        short: list[int] = []
        statement, rows = "", 0
        for start in range(0, length, size):
            if rows != (rows := min(size, length - start)):
                statement = statement_for(rows)
            part = line[start * width : (start + rows) * width]
            if count(self._connection.run(statement, part)) < rows:
                short += range(start, start + rows)
        return short

    def _by_key(
        self, batch: Batch, positions: Sequence[int], *more: str, absent: Sequence[str] = ()
    ) -> dict[Key, Record]:
        """Return the stored values of `more` and the batch's columns, by key.

        Columns that are `absent` from the table are None.
        """
        key = batch.collection.key
        keys = list(dict.fromkeys(batch.keys[at] for at in positions))
        columns = [None if name in absent else name for name in (*key, *more, *batch.columns)]
        rows = self._by_keys(batch.collection.name, key, columns, keys)
        return {row[: len(key)]: row[len(key) :] for row in rows}

    def _update(self, batch: Batch, changed: dict[Key, int]) -> None:
        if changed:
            table, key = batch.collection.name, batch.collection.key
            rows = ((*batch.record(at), *stored) for stored, at in changed.items())
            self._connection.run_many(sql.update(table, batch.columns, key), rows)

    def _kept_out(self, batch: Batch, positions: Sequence[int]) -> StoreError:
        """Return the error for the first of these records that is not stored."""
        stored = self._by_key(batch, positions)
        lost = next(batch.keys[at] for at in positions if batch.keys[at] not in stored)
        return kept_out(f"the table {batch.collection.name} in {self._connection.path}", lost)

    def _by_keys(
        self, table: str, key: Sequence[str], columns: Sequence[str | None], keys: Sequence[Key]
    ) -> sqlite3.Cursor:
        """Select `columns` (None: null) of the rows with these keys, in one statement."""
        wanted = [value for (value,) in keys] if len(key) == 1 else keys
        statement = sql.select_by_keys(table, key, columns)
        return self._connection.run(statement, (json.dumps(wanted, ensure_ascii=False),))


def _number(cursor: sqlite3.Cursor) -> int:
    """Return the only value of the only row."""
    (value,) = cursor.fetchone()
    return int(value)
