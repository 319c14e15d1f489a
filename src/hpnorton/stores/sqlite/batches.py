"""Batches of records in SQLite: what an import writes and looks up, thousands at once."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import cast

from hpnorton.errors import StoreError
from hpnorton.schema.field import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, Key, Mode, Written, in_line
from hpnorton.stores.diff import compare
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.connection import LOCK_SECONDS, SqliteConnection

# More rows gain nothing. Of keys alone five times as many take a quarter less time (both measured).
_ROWS_A_STATEMENT = 100
_KEYS_A_STATEMENT = 500
_LAST_ROWID = 2**63 - 1  # after it they no longer ascend


class SqliteBatches(SqliteConnection):
    """The writing and looking up of batches."""

    def __init__(self, path: str, *, create: bool, patience: float = LOCK_SECONDS) -> None:
        self._rowids: dict[str, str | None] = {}
        self._mostly_same: set[str] = set()
        super().__init__(path, create=create, patience=patience)

    def prepare(self, batch: Batch) -> None:
        """Puts the values in line, as statements take them."""
        _ = batch.in_line

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Inserts the records whose keys are not there yet; those that are there may be replaced.

        A statement that falls short does not say which of its rows it has left out. But rows get
        ascending rowids (https://www.sqlite.org/autoinc.html), so a second look at these tells
        what was there before. Where a table has no such rowids, the look comes first. Where most
        keys were taken the last time, as when a file is imported again, SQLite is asked first
        which records are there as they are.
        """
        name = batch.collection.name
        with self.transaction():
            if name in self._mostly_same and not batch.repeats_keys:
                rest = self._differing(batch)
                written = self._write(batch.only(rest), mode).among(rest, len(batch))
            else:
                written = self._write(batch, mode)
        if written.is_mostly_taken:
            self._mostly_same.add(name)
        else:
            self._mostly_same.discard(name)
        return written

    def _write(self, batch: Batch, mode: Mode) -> Written:
        if len(batch) == 0:
            return Written(0)
        rowid = self._rowid_of(batch.collection.name)
        doubtful: Sequence[int] = range(len(batch))
        last = self._last(batch.collection.name, rowid) if rowid else _LAST_ROWID
        if rowid and last < _LAST_ROWID:
            short = {batch.keys[at] for at in self._insert(batch)}
            if not short:
                return Written(len(batch))
            doubtful = [at for at, key in enumerate(batch.keys) if key in short]
            before = self._older(batch, doubtful, rowid, last)
            made = compare(batch, doubtful, before, mode)
        else:
            made = compare(batch, doubtful, self._by_key(batch, doubtful), mode)
            if made.new and self._insert(batch.only(made.new)):
                raise self._kept_out(batch, made.new)
        self._update(batch, made.changed)
        return made.written(doubtful, len(batch) - len(doubtful))

    def stored(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """What is stored under the keys at some positions: the values of the batch's columns."""
        with self._errors():
            present = self._column_types(batch.collection.name)
            if not positions or not present:
                return {}
            absent = [name for name in batch.columns if name not in present]
            return self._by_key(batch, positions, absent=absent)

    def absent(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """The keys that no record of the collection, whose key is `key`, has."""
        with self._errors():
            if not any(columns) or not self._column_types(collection):
                return set(zip(*columns))
            doubtful = self._run_in_parts(
                in_line(columns),
                len(key),
                lambda rows: sql.count_present(collection, tuple(key), rows),
                _number,
                _KEYS_A_STATEMENT,
            )
            some = list({tuple(column[at] for column in columns) for at in doubtful})
            return set(some).difference(self._by_keys(collection, key, key, some))

    def _rowid_of(self, table: str) -> str | None:
        """The name under which a table's rows have ascending rowids, if they have."""
        if table not in self._rowids:
            self._rowids[table] = self._find_rowid(table)
        return self._rowids[table]

    def _find_rowid(self, table: str) -> str | None:
        columns = self._column_types(table)
        rows = self._run("SELECT type FROM pragma_table_info(?) WHERE pk > 0", (table,)).fetchall()
        if [declared.upper() for (declared,) in rows] == ["INTEGER"]:
            return None  # the key itself is the rowid
        made = self._run("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        if made and "WITHOUT ROWID" in " ".join(made[0].upper().split()):
            return None
        taken = {name.lower() for name in columns}
        return next((name for name in sql.ROWID_NAMES if name not in taken), None)

    def _last(self, table: str, rowid: str) -> int:
        (last,) = self._run(f"SELECT max({rowid}) FROM {sql.quote(table)}").fetchone()
        return last or 0

    def _older(
        self, batch: Batch, positions: Sequence[int], rowid: str, last: int
    ) -> dict[Key, Record]:
        """What was stored under the keys at some positions up to the rowid `last`."""
        stored = self._by_key(batch, positions, rowid)
        if lost := [at for at in positions if batch.keys[at] not in stored]:
            raise self._kept_out(batch, lost)
        newer = {key for key, (number, *_) in stored.items() if cast(int, number) > last}
        return {key: row[1:] for key, row in stored.items() if key not in newer}

    def _insert(self, batch: Batch) -> list[int]:
        """Inserts what is not there; the positions of the rows of statements that fell short."""
        collection = batch.collection
        return self._run_in_parts(
            batch.in_line,
            len(batch.columns),
            lambda rows: sql.insert(collection.name, batch.columns, rows, collection.stock),
            lambda cursor: cursor.rowcount,
        )

    def _differing(self, batch: Batch) -> list[int]:
        """The positions of the rows of statements that found some not to be there as it is."""
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
        most: int = _ROWS_A_STATEMENT,
    ) -> list[int]:
        """The positions of the rows of all statements that count less than they have rows.

        `line` holds rows of `width` values, one after the other, of which a statement has `most`.
        """
        length = len(line) // width
        limit = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        size = max(1, min(most, limit // width))
        short: list[int] = []
        statement, rows = "", 0
        for start in range(0, length, size):
            if rows != (rows := min(size, length - start)):
                statement = statement_for(rows)
            part = line[start * width : (start + rows) * width]
            if count(self._run(statement, part)) < rows:
                short += range(start, start + rows)
        return short

    def _by_key(
        self, batch: Batch, positions: Sequence[int], *more: str, absent: Sequence[str] = ()
    ) -> dict[Key, Record]:
        """What is stored under the keys at some positions, after the values of more columns.

        Columns that the table lacks are null.
        """
        key = batch.collection.key
        keys = list(dict.fromkeys(batch.keys[at] for at in positions))
        columns = [None if name in absent else name for name in (*key, *more, *batch.columns)]
        rows = self._by_keys(batch.collection.name, key, columns, keys)
        return {row[: len(key)]: row[len(key) :] for row in rows}

    def _update(self, batch: Batch, changed: dict[Key, int]) -> None:
        if changed:
            table, key = batch.collection.name, batch.collection.key
            rows = ((*batch.record(at), *found) for found, at in changed.items())
            self._connection.executemany(sql.update(table, batch.columns, key), rows)

    def _kept_out(self, batch: Batch, positions: Sequence[int]) -> StoreError:
        key = ", ".join(map(str, batch.keys[positions[0]]))
        return StoreError(
            f"the table {batch.collection.name} in {self._path} has a rule of its own that keeps "
            f"out the record {key}; import into another database"
        )

    def _by_keys(
        self, table: str, key: Sequence[str], columns: Sequence[str | None], keys: Sequence[Key]
    ) -> sqlite3.Cursor:
        """The values of `columns` (None: null) for those of the keys that are stored: one query."""
        wanted = [value for (value,) in keys] if len(key) == 1 else keys
        statement = sql.select_by_keys(table, key, columns)
        return self._run(statement, (json.dumps(wanted, ensure_ascii=False),))


def _number(cursor: sqlite3.Cursor) -> int:
    """The only value of the only row."""
    (value,) = cursor.fetchone()
    return int(value)
