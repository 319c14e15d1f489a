"""The embedded store: one SQLite file, through the standard library's sqlite3.

Tables have real columns of declared types, the primary key as PRIMARY KEY and the foreign keys
declared, so that any SQLite tool reads them. References are checked by the import, chunk by chunk,
not by SQLite row by row.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from hpnorton.errors import StoreAccessError
from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.base import (
    Batch,
    Condition,
    Document,
    Key,
    Mode,
    Written,
)
from hpnorton.stores.history import Change, RecordKey, StockRow
from hpnorton.stores.scan import Range
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.batches import SqliteBatches
from hpnorton.stores.sqlite.changes import SqliteChanges
from hpnorton.stores.sqlite.connection import LOCK_SECONDS, SqliteConnection
from hpnorton.stores.sqlite.database_files import JOURNAL, SHM, WAL
from hpnorton.stores.sqlite.scan import SqliteScan
from hpnorton.stores.sqlite.search import Search
from hpnorton.stores.sqlite.tables import SqliteTables

_HIDDEN = ("sqlite_", OWN_PREFIX)


class SqliteStore:  # pylint: disable=too-many-public-methods # as the protocol
    """A store in the SQLite file `path`, which waits for a lock for up to `patience` s."""

    def __init__(self, path: str, *, create: bool, patience: float = LOCK_SECONDS) -> None:
        self.connection = SqliteConnection(path, create=create, patience=patience)
        self.batches = SqliteBatches(self.connection)
        self.changes = SqliteChanges(self.connection)
        self._tables = SqliteTables(self.connection)

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Run what is inside as one write transaction."""
        return self.connection.transaction()

    def snapshot(self) -> AbstractContextManager[None]:
        """Read what is inside from the database as it is at one moment."""
        return self.connection.snapshot()

    def prepare(self, batch: Batch) -> None:
        """Put the batch's values in the order that statements take them in."""
        _ = batch.in_line

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Insert the records whose keys are new; with Mode.UPSERT, replace what else differs."""
        return self.batches.write(batch, mode)

    def stored_records(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """Return the stored values of the batch's columns, by key, for the records at positions."""
        return self.batches.stored_records(batch, positions)

    def absent_keys(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """Return the keys, given as one column per field of `key`, that no record has."""
        return self.batches.absent_keys(collection, key, columns)

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Create the table and its indexes, or add what it lacks; write nothing otherwise."""
        self._tables.ensure(collection, with_indexes=with_indexes)
        self.batches.forget(collection.name)

    def check_fit(self, collection: Collection) -> None:
        """Raise MisfitError if there is a table of that name that cannot hold the records."""
        self._tables.check_fit(collection)

    def cached_schema(self) -> AbstractContextManager[None]:
        """Read what tables there are only once inside."""
        return self.connection.schema.cached()

    def get(self, collection: str, key: Sequence[str], value: Key) -> Document | None:
        """Return the record with the key `value`, or None."""
        where: list[Condition] = [(name, "=", part) for name, part in zip(key, value)]
        return next(self.find(collection, key, where), None)

    def find(
        self,
        collection: str,
        key: Sequence[str],
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[str] = (),
    ) -> Iterator[Document]:
        """Yield the records that meet all conditions, sorted by `sort`, or else by the key."""
        with self.connection.translate_errors():
            types = self._shown(collection)
            # SQLite would take the name of a column that is not there for a text.
            if types and all(name in types for name, _, _ in where):
                sort = [name for name in sort or key if name in types]
                statement = sql.select(collection, list(types), sort, where)
                yield from self._documents(types, statement, [value for _, _, value in where])

    def find_joined(
        self,
        collection: str,
        where: Condition,
        target: str,
        key: str,
        reference: str | None = None,
    ) -> Iterator[Document]:
        """Yield the records of `target` that the matching records of `collection` refer to."""
        with self.connection.translate_errors():
            types = self._shown(target)
            if types and self.connection.column_types(collection):
                statement = sql.select_joined(
                    collection, where, target, list(types), key, reference or key
                )
                yield from self._documents(types, statement, [where[2]])

    def search(
        self, collection: str, key: Sequence[str], fields: Sequence[str], text: str
    ) -> Iterator[Document]:
        """Yield all records that may hold the text in one of the fields, in any case, by key."""
        with self.connection.translate_errors():
            types = self._shown(collection)
            present = [name for name in fields if name in types]
            if not present:
                return
            search = Search(self.connection, collection, present, text)
            condition, parameter = search.condition()
            statement = sql.select_where(collection, list(types), condition, key)
            yield from self._documents(types, statement, [parameter])

    def count(self, collection: str, expected: int | None = None) -> int:
        """Return how many records the table has; 0 if it does not exist."""
        del expected  # counting takes no longer than comparing would
        with self.connection.translate_errors():
            self.connection.check_files()  # an import says by this what it leaves
            if not self.connection.column_types(collection):
                return 0
            rows = self.connection.run(f"SELECT count(*) FROM {sql.quote(collection)}")
            return int(rows.fetchone()[0])

    def is_empty(self, collection: str) -> bool:
        """Return whether the table has no rows, or does not exist."""
        with self.connection.translate_errors():
            if not self.connection.column_types(collection):
                return True
            return not self.connection.run(
                f"SELECT 1 FROM {sql.quote(collection)} LIMIT 1"
            ).fetchall()

    def collections(self) -> list[str]:
        """Return the names of all tables, sorted, except SQLite's and those for internal use."""
        with self.connection.translate_errors():
            names = sorted(self.connection.schema.read().tables)
            return [name for name in names if not name.lower().startswith(_HIDDEN)]

    def scan(self, collection: str) -> SqliteScan:
        """Return a scan of all rows of a table that exists."""
        return SqliteScan(self.connection, self.batches, collection)

    def key_columns(
        self, collection: str, key: Sequence[str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """Yield the keys of all records in blocks: a column for each of the fields `key`."""
        return self.scan(collection).columns(Range(collection), key)

    def drop_collection(self, collection: str) -> None:
        """Delete a table with its rows."""
        with self.connection.transaction():
            self.connection.run(f"DROP TABLE IF EXISTS {sql.quote(collection)}")
            self.connection.schema.forget()
            self.batches.forget(collection)

    def delete(self, collection: str, *where: Condition) -> None:
        """Delete the rows that meet all conditions; none if there is no such table."""
        with self.connection.transaction():
            if {name for name, _, _ in where} <= self.connection.column_types(collection).keys():
                condition = " AND ".join(f"{sql.quote(name)} {sign} ?" for name, sign, _ in where)
                statement = f"DELETE FROM {sql.quote(collection)} WHERE {condition}"
                self.connection.run(statement, [value for _, _, value in where])

    def drop_database(self) -> None:
        """Delete the file, and the files that SQLite keeps beside it."""
        self.connection.check_writable()
        self.close()
        try:
            for suffix in (WAL, SHM, JOURNAL):
                Path(f"{self.connection.path}{suffix}").unlink(missing_ok=True)
            self.connection.path.unlink()
        except OSError as error:
            raise StoreAccessError(
                f"{self.connection.path} cannot be removed: {error.strerror}"
            ) from error

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[StockRow]:
        """Yield the stock of each record, by key; `last_entry` is None."""
        return self.changes.stocks(collection, key, stock, only)

    def set_stock(
        self, record: RecordKey, seen: Value, stock: Value, moved_total: int | None = None
    ) -> None:
        """Replace a stock that is still as it was `seen`."""
        self.changes.set_stock(record, seen, stock, moved_total)

    def correct_stock(self, batch: Batch) -> None:
        """Replace the first stock by that of the batch, and add the difference to the stock."""
        self.changes.correct_stock(batch)

    def last_numbers(self, records: Sequence[RecordKey]) -> list[int]:
        """Return the number of the last entry in each record's history; 0 if it has none."""
        return self.changes.last_numbers(records)

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Write entries with their changes; return the positions of those not written."""
        return self.changes.post(changes)

    def unfinished(self) -> list[str]:
        """Return nothing: entry and change are one transaction."""
        return []

    def finish(self, entries: Sequence[str]) -> None:
        """Do nothing: no entry is ever unfinished."""

    def _shown(self, table: str) -> dict[str, str]:
        """Return the declared types of a table's columns, except those for internal use."""
        types = self.connection.column_types(table)
        return {name: types[name] for name in types if not name.lower().startswith(OWN_PREFIX)}

    def _documents(
        self, types: Mapping[str, str], statement: str, parameters: Sequence[Value]
    ) -> Iterator[Document]:
        booleans = [name for name, declared in types.items() if declared.upper() == sql.BOOLEAN]
        for row in self.connection.run(statement, parameters):
            document = dict(zip(types, row))
            for name in booleans:
                if document[name] is not None:
                    document[name] = bool(document[name])
            yield document
