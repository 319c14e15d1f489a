"""The embedded store: one SQLite file, through the standard library's sqlite3.

Tables have real columns of declared types, the primary key as PRIMARY KEY and the foreign keys
declared, so that any SQLite tool reads them. References are checked by the import, chunk by chunk,
not by SQLite row by row.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from hpnorton.errors import MisfitError, StoreAccessError
from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.field import Value
from hpnorton.stores.base import Batch, Condition, Document, Key, Mode, batch_of
from hpnorton.stores.history import HISTORY, Change, RecordKey
from hpnorton.stores.ranges import Range
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.batches import SqliteBatches
from hpnorton.stores.sqlite.files import JOURNAL, SHM, WAL
from hpnorton.stores.sqlite.scan import SqliteScan
from hpnorton.stores.sqlite.search import Search

_SEARCH_SECONDS = 5.0  # to wait for a lock
_HIDDEN = ("sqlite_", OWN_PREFIX)
_ADVICE = "describe it in datapackage.json as it was, or import into another database (--uri)"
_LAST_NUMBERS = (
    f"SELECT (SELECT coalesce(max(number), 0) FROM {HISTORY.name} "
    "WHERE record = json_extract(wanted.value, '$[0]') "
    "AND collection = json_extract(wanted.value, '$[1]')) "
    "FROM json_each(?) AS wanted ORDER BY wanted.key"
)


class SqliteStore(SqliteBatches):  # pylint: disable=too-many-public-methods # as the protocol
    """A store in the SQLite file `path`."""

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Makes the table and its indexes if they are not there, and adds new columns to it."""
        self._rowids.pop(collection.name, None)
        with self.transaction():
            columns = self._column_types(collection.name)
            if columns:
                self.check_fit(collection)
                for field in collection.fields:
                    if field.name not in columns:
                        definition = f"{sql.quote(field.name)} {sql.column_type(field)}"
                        self._add_column(collection.name, definition)
                if collection.stock and sql.FIRST_STOCK not in columns:
                    self._add_column(collection.name, f"{sql.FIRST_STOCK} INTEGER")
            else:
                self._run(sql.create_table(collection))
            if with_indexes:
                self._ensure_indexes(collection)

    def _ensure_indexes(self, collection: Collection) -> None:
        with self._sorting():
            for fields in collection.indexes:
                self._run(sql.create_index(collection, fields))
            for name in collection.lookups:
                self._run(sql.create_lookup(collection, name))

    def _add_column(self, table: str, definition: str) -> None:
        self._run(f"ALTER TABLE {sql.quote(table)} ADD COLUMN {definition}")

    def check_fit(self, collection: Collection) -> None:
        """Raises MisfitError if there is a table of that name that cannot hold the records."""
        with self._errors():
            columns = self._column_types(collection.name)
            if columns:
                self._check_columns(collection, columns)

    def _check_columns(self, collection: Collection, columns: dict[str, str]) -> None:
        place = f"the table {collection.name} in {self._path}"
        rows = self._run(
            "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (collection.name,)
        )
        key = tuple(column for (column,) in rows)
        if not key:
            raise MisfitError(
                f"HPNorton has not made {place}: it has no primary key; save it as a CSV file, and "
                "import that into another database (--uri)"
            )
        if key != collection.key:
            raise MisfitError(
                f"{place} has the key {', '.join(key)}, not {', '.join(collection.key)}, as it is "
                f"described now; {_ADVICE}"
            )
        needed = self._run(
            'SELECT name FROM pragma_table_info(?) WHERE "notnull" AND dflt_value IS NULL',
            (collection.name,),
        )
        if lost := [column for (column,) in needed if column not in collection.columns]:
            raise MisfitError(
                f"{place} needs a value for {', '.join(lost)}, which its description lacks now; "
                f"{_ADVICE}"
            )
        twins = {name.casefold(): name for name in columns}
        for field in collection.fields:
            twin = twins.get(field.name.casefold(), field.name)
            if twin != field.name:
                raise MisfitError(
                    f"the column {twin} of {place} differs from {field.name}, as it is described "
                    f"now, only in capitals, which SQLite does not tell apart; {_ADVICE}"
                )
            wanted = sql.column_type(field)
            if columns.get(field.name, wanted).upper() != wanted:
                raise MisfitError(
                    f"the column {field.name} of {place} has the type {columns[field.name]}, not "
                    f"{wanted}, as it is described now; {_ADVICE}"
                )

    def get(self, collection: str, key: Sequence[str], value: Key) -> Document | None:
        """The record of the collection, whose key is `key`, that has this one; None if none has."""
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
        """The records that meet all conditions, sorted by the fields `sort`, or else by the key."""
        with self._errors():
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
        """The records of `target` that the matching records of `collection` refer to: one JOIN."""
        with self._errors():
            types = self._shown(target)
            if types and self._column_types(collection):
                statement = sql.select_joined(
                    collection, where, target, list(types), key, reference or key
                )
                yield from self._documents(types, statement, [where[2]])

    def search(
        self, collection: str, key: Sequence[str], fields: Sequence[str], text: str
    ) -> Iterator[Document]:
        """The records that may hold the text in one of the fields, whatever its case, by key."""
        with self._errors():
            types = self._shown(collection)
            present = [name for name in fields if name in types]
            if not present:
                return
            search = Search(partial(self._connect, _SEARCH_SECONDS), collection, present, text)
            rowid = self._rowid_of(collection)
            if rowid is None:
                condition, parameter = search.condition, search.pattern
            else:
                condition = f"{rowid} IN (SELECT value FROM json_each(?))"
                parameter = search.rows(rowid, self._last(collection, rowid))
            statement = sql.select_where(collection, list(types), condition, key)
            yield from self._documents(types, statement, [parameter])

    def count(self, collection: str, expected: int | None = None) -> int:
        """How many records the table has, counted; 0 if there is none of that name."""
        del expected  # counting takes no longer than comparing would
        with self._errors():
            self._files.check()  # an import says by this what it leaves
            if not self._column_types(collection):
                return 0
            rows = self._run(f"SELECT count(*) FROM {sql.quote(collection)}")
            return int(rows.fetchone()[0])

    def is_empty(self, collection: str) -> bool:
        """Whether the table has no rows, or is not there."""
        with self._errors():
            if not self._column_types(collection):
                return True
            return not self._run(f"SELECT 1 FROM {sql.quote(collection)} LIMIT 1").fetchall()

    def collections(self) -> list[str]:
        """The names of all tables, sorted, but for SQLite's and our own."""
        with self._errors():
            rows = self._run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            return [name for (name,) in rows if not name.lower().startswith(_HIDDEN)]

    def scan(self, collection: str) -> SqliteScan:
        """A look at all rows of a table that is there."""
        return SqliteScan(collection, self._run, self._errors, self.absent)

    def key_columns(
        self, collection: str, key: Sequence[str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """The keys of all records, in blocks: a column for each of the fields `key`."""
        return self.scan(collection).columns(Range(collection), key)

    def drop_collection(self, collection: str) -> None:
        """Removes a table and its rows."""
        with self.transaction():
            self._run(f"DROP TABLE IF EXISTS {sql.quote(collection)}")
        self._rowids.pop(collection, None)

    def delete(self, collection: str, where: Condition) -> None:
        """Removes the rows that meet a condition; none if there is no such table."""
        name, sign, value = where
        with self.transaction():
            if name in self._column_types(collection):
                statement = f"DELETE FROM {sql.quote(collection)} WHERE {sql.quote(name)} {sign} ?"
                self._run(statement, (value,))

    def drop_database(self) -> None:
        """Removes the file, and the files that SQLite keeps beside it."""
        self._check_writable()
        self.close()
        try:
            for suffix in (WAL, SHM, JOURNAL):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._path.unlink()
        except OSError as error:
            raise StoreAccessError(f"{self._path} cannot be removed: {error.strerror}") from error

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[tuple[Value, Value, Value, int | None]]:
        """For each record its key, the value of the field `stock`, first and now, and a number.

        All lines are in the stock: it is read in a snapshot.
        """
        with self._errors():
            types = self._column_types(collection)
            if key in types and stock in types:
                first = sql.FIRST_STOCK if sql.FIRST_STOCK in types else None
                statement = sql.select_stocks(collection, key, first, stock, only is not None)
                for found in self._run(statement, [] if only is None else [only]):
                    yield *found, None

    def set_stock(
        self, place: RecordKey, seen: Value, stock: Value, moved: int | None = None
    ) -> None:
        """Puts a stock in the place of one that is still as it was `seen`."""
        collection, key = place
        statement = sql.replace_stock(collection.name, str(collection.stock), collection.key)
        with self.transaction():
            self._run(statement, (*key, seen, stock, moved))

    def correct_stock(self, batch: Batch) -> None:
        """Takes the batch's stock for what was there at first; it is so much more or less now."""
        collection, stock = batch.collection, str(batch.collection.stock)
        statement = sql.correct(collection.name, stock, collection.key)
        first = batch.values[batch.columns.index(stock)]
        with self.transaction():
            rows = ((number, *key) for number, key in zip(first, batch.keys))
            self._connection.executemany(statement, rows)

    def last_numbers(self, places: Sequence[RecordKey]) -> list[int]:
        """The number of the last line in each record's history; 0 if it has none."""
        if not places:
            return []
        with self._errors():
            if not self._column_types(HISTORY.name):
                return [0] * len(places)
            wanted = json.dumps([[place.text, place.collection.name] for place in places])
            return [number for (number,) in self._run(_LAST_NUMBERS, (wanted,))]

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Writes lines of the history, each with its change; the positions of those not written."""
        if not changes:
            return []
        with self.transaction():
            lines = batch_of(HISTORY, [change.entry for change in changes])
            taken = set(self.write(lines, Mode.INSERT).taken)
            for at, change in enumerate(changes):
                if at not in taken:
                    self._carry_out(change)
        return sorted(taken)

    def unfinished(self) -> list[str]:
        """None: lines and changes are one transaction."""
        return []

    def finish(self, lines: Sequence[str]) -> None:
        """Nothing is left to be done."""

    def _carry_out(self, change: Change) -> None:
        (subject, subject_key), (target, key) = change.subject, change.target
        if change.delta and subject.stock:
            statement = sql.increase(subject.name, subject.stock, subject.key)
            self._run(statement, (change.delta, *subject_key))
        if change.after is None:
            self._run(sql.delete(target.name, target.key), key)
        elif change.before is None:
            self.write(batch_of(target, [change.after]), Mode.INSERT)
        elif values := change.other_values:
            statement = sql.update(target.name, tuple(values), target.key)
            self._run(statement, (*values.values(), *key))

    def _shown(self, table: str) -> dict[str, str]:
        """The declared types of a table's columns, but for our own notes."""
        types = self._column_types(table)
        return {name: types[name] for name in types if not name.lower().startswith(OWN_PREFIX)}

    def _documents(
        self, types: Mapping[str, str], statement: str, parameters: Sequence[Value]
    ) -> Iterator[Document]:
        booleans = [name for name, declared in types.items() if declared.upper() == sql.BOOLEAN]
        for row in self._run(statement, parameters):
            document = dict(zip(types, row))
            for name in booleans:
                if document[name] is not None:
                    document[name] = bool(document[name])
            yield document
