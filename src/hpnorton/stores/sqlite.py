"""The embedded store: one SQLite file, through the standard library's sqlite3.

Tables have real columns of declared types, the primary key as PRIMARY KEY and the foreign keys
declared, so that any SQLite tool reads them. References are checked by the import, chunk by chunk,
not by SQLite row by row.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from hpnorton.checks import Record
from hpnorton.errors import StoreAccessError, StoreBusyError, StoreError, StoreMissingError
from hpnorton.fields import Value
from hpnorton.schema import OWN_PREFIX, Collection
from hpnorton.stores import sql
from hpnorton.stores.compare import compare
from hpnorton.stores.protocol import Batch, Condition, Document, Key, Mode, Written
from hpnorton.stores.sqlite_scan import SqliteScan

_BUSY_SECONDS = 60.0
_BUSY_PAUSES = (0.0005, 0.02)  # seconds, the first and the longest
_BUSY_SHARE = 0.05  # of the time waited so far: so much may be lost
_CACHE_KIB = 32 * 1024
_CHECKPOINT_PAGES = 20_000
_ROWS_A_STATEMENT = 100
_LAST_ROWID = 2**63 - 1  # after it they no longer ascend
_HIDDEN = ("sqlite_", OWN_PREFIX)
_SIDE_FILES = ("-wal", "-shm", "-journal")
_ACCESS_CODES = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
)


class SqliteStore:
    """A store in the SQLite file `path`."""

    def __init__(self, path: str, *, create: bool) -> None:
        self._path = Path(path)
        self._rowids: dict[str, str | None] = {}
        self._mostly_same: set[str] = set()
        if not create and not self._path.exists():
            raise StoreMissingError(
                f"there is no database {path} yet; import the CSV files first, with --linear"
            )
        try:
            if create:
                self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreAccessError(
                f"the folder of the database {path} cannot be made: {error.strerror}"
            ) from error
        with self._errors():
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            with self._errors():
                self._set_up(create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection; the last one to close writes the log back into the file."""
        self._connection.close()

    def ensure(self, collection: Collection) -> None:
        """Makes the table with its indexes if it is not there, and adds new columns to it."""
        self._rowids.pop(collection.name, None)
        with self.transaction():
            columns = self._column_types(collection.name)
            if columns:
                self.check_fit(collection)
                for field in collection.fields:
                    if field.name not in columns:
                        definition = f"{sql.quote(field.name)} {sql.column_type(field)}"
                        self._run(
                            f"ALTER TABLE {sql.quote(collection.name)} ADD COLUMN {definition}"
                        )
            else:
                self._run(sql.create_table(collection))
            for fields in collection.indexes:
                self._run(sql.create_index(collection, fields))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A write transaction: all of it or nothing. One inside another is a part of it.

        IMMEDIATE, because a transaction that reads before it writes is refused at once when
        another one has written in between, whatever the time-out
        (https://www.sqlite.org/lang_transaction.html).
        """
        with self._errors():
            if self._connection.in_transaction:
                yield
                return
            self._run("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # SQLite has rolled back by itself after some errors, a full disk among them.
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise
            self._run("COMMIT")

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
            if name in self._mostly_same and len(set(batch.keys)) == len(batch):
                rest = self._differing(batch)
                written = self._write(batch.only(rest), mode).among(rest, len(batch))
            else:
                written = self._write(batch, mode)
        if len(written.taken) > len(batch) / 2:
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

    def absent(self, collection: str, key: Sequence[str], keys: Sequence[Key]) -> set[Key]:
        """Those of `keys` that no record of the collection, whose key is `key`, has."""
        with self._errors():
            if not keys or not self._column_types(collection):
                return set(keys)
            unique = list(set(keys))
            doubtful = self._run_in_parts(
                list(zip(*unique)), lambda rows: sql.count_present(collection, key, rows), _number
            )
            some = [unique[at] for at in doubtful]
            return set(some).difference(self._by_keys(collection, key, key, some))

    def find(
        self, collection: str, sort: Sequence[str], where: Sequence[Condition] = ()
    ) -> Iterator[Document]:
        """The records that meet all conditions, sorted; none if there is no such table."""
        with self._errors():
            if self._column_types(collection):
                statement = sql.select(collection, sort, where)
                yield from self._documents(collection, statement, [value for _, _, value in where])

    def find_joined(
        self, collection: str, where: Condition, target: str, field: str
    ) -> Iterator[Document]:
        """The records of `target` that the matching records of `collection` refer to: one JOIN."""
        with self._errors():
            if self._column_types(collection) and self._column_types(target):
                statement = sql.select_joined(collection, where, target, field)
                yield from self._documents(target, statement, [where[2]])

    def count(self, collection: str) -> int:
        """How many records the table has; 0 if there is none of that name."""
        with self._errors():
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

    def drop_collection(self, collection: str) -> None:
        """Removes a table and its rows."""
        with self.transaction():
            self._run(f"DROP TABLE IF EXISTS {sql.quote(collection)}")
        self._rowids.pop(collection, None)

    def drop_database(self) -> None:
        """Removes the file, and the files that SQLite keeps beside it."""
        self.close()
        try:
            for suffix in _SIDE_FILES:
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._path.unlink()
        except OSError as error:
            raise StoreAccessError(f"{self._path} cannot be removed: {error.strerror}") from error

    def _set_up(self, create: bool) -> None:
        run = self._run
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA cache_size = {-_CACHE_KIB}")
        run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if create and run("PRAGMA journal_mode").fetchone() != ("wal",):
            # Readers then never wait for the writer, nor it for them.
            run("PRAGMA journal_mode = WAL")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Says in our words what sqlite3 raises."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreBusyError(
                f"another program has kept the database {self._path} locked for "
                f"{_BUSY_SECONDS:.0f} s; end it and try again"
            )
        if code in _ACCESS_CODES:
            return StoreAccessError(
                f"the database {self._path} cannot be opened or written ({error}); "
                "check the path and who may write there"
            )
        if code == sqlite3.SQLITE_NOTADB:
            return StoreAccessError(
                f"{self._path} is not an SQLite database; name another file in the URI"
            )
        if code == sqlite3.SQLITE_FULL:
            return StoreError(f"the disk is full: {self._path} cannot grow; make room, try again")
        if code == sqlite3.SQLITE_CORRUPT:
            return StoreError(f"the database {self._path} is damaged; restore it from a backup")
        return StoreError(f"the database {self._path} refused: {error}")

    def _run(self, statement: str, parameters: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Runs a statement, and waits for the lock that it may need.

        SQLite's own time-out would not do: it sleeps ever longer while the lock is free, hears no
        Ctrl+C, and does not count for a change of the journal mode, which is refused at once.
        """
        start = time.monotonic()
        shortest, longest = _BUSY_PAUSES
        while True:
            try:
                return self._connection.execute(statement, parameters)
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - start
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or waited > _BUSY_SECONDS:
                    raise
            time.sleep(min(max(shortest, waited * _BUSY_SHARE), longest))

    def _column_types(self, table: str) -> dict[str, str]:
        """The declared type of each column; empty if there is no such table."""
        rows = self._run("SELECT name, type FROM pragma_table_info(?)", (table,))
        return dict(rows.fetchall())

    def check_fit(self, collection: Collection) -> None:
        """Raises StoreError if there is a table of that name that cannot hold the records."""
        with self._errors():
            columns = self._column_types(collection.name)
            if columns:
                self._check_columns(collection, columns)

    def _check_columns(self, collection: Collection, columns: dict[str, str]) -> None:
        place = f"the table {collection.name} in {self._path}"
        advice = "import into another database, or drop this one with --drop-database"
        rows = self._run(
            "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (collection.name,)
        )
        key = tuple(column for (column,) in rows)
        if key != collection.key:
            raise StoreError(
                f"{place} has the key {', '.join(key) or '(none)'}, the file's is "
                f"{', '.join(collection.key)}; {advice}"
            )
        needed = self._run(
            'SELECT name FROM pragma_table_info(?) WHERE "notnull" AND dflt_value IS NULL',
            (collection.name,),
        )
        if lost := [column for (column,) in needed if column not in collection.columns]:
            raise StoreError(
                f"{place} cannot do without {', '.join(lost)}, which the file's description lacks; "
                f"{advice}"
            )
        twins = {name.casefold(): name for name in columns}
        for field in collection.fields:
            twin = twins.get(field.name.casefold(), field.name)
            if twin != field.name:
                raise StoreError(
                    f"the column {twin} of {place} differs from the file's {field.name} only in "
                    f"capitals, which SQLite does not tell apart; {advice}"
                )
            wanted = sql.column_type(field)
            if columns.get(field.name, wanted).upper() != wanted:
                raise StoreError(
                    f"the column {field.name} of {place} has the type {columns[field.name]}, the "
                    f"file's is {wanted}; {advice}"
                )

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
        return self._run_in_parts(
            batch.values,
            lambda rows: sql.insert(batch.collection.name, batch.columns, rows),
            lambda cursor: cursor.rowcount,
        )

    def _differing(self, batch: Batch) -> list[int]:
        """The positions of the rows of statements that found some not to be there as it is."""
        collection = batch.collection
        return self._run_in_parts(
            batch.values,
            lambda rows: sql.count_same(collection.name, batch.columns, collection.key, rows),
            _number,
        )

    def _run_in_parts(
        self,
        columns: Sequence[Sequence[Value]],
        statement_for: Callable[[int], str],
        count: Callable[[sqlite3.Cursor], int],
    ) -> list[int]:
        """The positions of the rows of all statements that count less than they have rows.

        A hundred rows a statement: more gain nothing (measured).
        """
        width, length = len(columns), len(columns[0])
        values: list[Value] = [None] * (width * length)
        for at, column in enumerate(columns):
            values[at::width] = column
        limit = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        size = max(1, min(_ROWS_A_STATEMENT, limit // width))
        short: list[int] = []
        statement, rows = "", 0
        for start in range(0, length, size):
            if rows != (rows := min(size, length - start)):
                statement = statement_for(rows)
            part = values[start * width : (start + rows) * width]
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

    def _documents(
        self, table: str, statement: str, parameters: Sequence[Value]
    ) -> Iterator[Document]:
        types = self._column_types(table)
        booleans = [name for name, declared in types.items() if declared.upper() == sql.BOOLEAN]
        for row in self._run(statement, parameters):
            document = dict(zip(types, row))
            for name in booleans:
                if document[name] is not None:
                    document[name] = bool(document[name])
            yield document


def _number(cursor: sqlite3.Cursor) -> int:
    """The only value of the only row."""
    (value,) = cursor.fetchone()
    return int(value)
