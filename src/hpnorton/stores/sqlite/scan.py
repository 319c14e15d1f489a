"""A scan of all rows of an SQLite table, range by range of rowids, mostly in SQL."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from hpnorton.schema.collection import OWN_PREFIX
from hpnorton.stores.base import Key
from hpnorton.stores.field_statistics import CollectionStatistics, Example, FieldStatistics
from hpnorton.stores.scan import OnRead, Range
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.batches import SqliteBatches
from hpnorton.stores.sqlite.connection import SqliteConnection

_ROWS_PER_BLOCK = 10_000
_NULL = "null"
_COLUMNS_PER_STATEMENT = 500  # a result has at most 2000, and there are two for each


class SqliteScan:
    """All rows of a table, without the columns that are HPNorton's own.

    A table without rowids is a single range.
    """

    def __init__(self, connection: SqliteConnection, batches: SqliteBatches, table: str) -> None:
        self._connection = connection
        self._batches = batches
        self._table = table
        self._quoted = sql.quote(table)
        with connection.translate_errors():
            columns = connection.run("SELECT name, type, pk FROM pragma_table_info(?)", (table,))
            rows = columns.fetchall()
            self._rowid = connection.rowid_name(table)
        self._types = {
            name: declared for name, declared, _ in rows if not name.lower().startswith(OWN_PREFIX)
        }
        self._key = {name for name, _, key_position in rows if key_position}

    def count(self) -> int:
        """Return the number of rows."""
        with self._connection.translate_errors():
            return int(self._connection.run(f"SELECT count(*) FROM {self._quoted}").fetchone()[0])

    def ranges(self, records: int) -> list[Range]:
        """Return ranges of `records` rows each, the last one of fewer."""
        if self._rowid is None:
            return [Range(self._table)]
        with self._connection.translate_errors():
            bounds = self._bounds(self._rowid, records)
        pairs = pairwise([None, *bounds, None])
        return [Range(self._table, number, low, high) for number, (low, high) in enumerate(pairs)]

    def fields(self, part: Range, on_read: OnRead | None = None) -> CollectionStatistics:
        """Count the values of the columns in the rows of a range."""
        source, bounds = self._source(part)
        with self._connection.translate_errors():
            statistics = self._statistics(source, bounds, part.number)
        if on_read is not None:
            on_read(statistics.records)
        return statistics

    def sample(self, size: int) -> CollectionStatistics:
        """Count the values of the columns in `size` rows, chosen at random."""
        chosen = f"(SELECT * FROM {self._quoted} ORDER BY random() LIMIT ?) WHERE 1"
        if self._rowid is not None:  # rows need not be carried through the sorting
            rowids = f"SELECT {self._rowid} FROM {self._quoted} ORDER BY random() LIMIT ?"
            chosen = f"{self._quoted} WHERE {self._rowid} IN ({rowids})"
        name = sql.quote(f"{self._table}, sampled")  # the statements have to see the same rows
        with self._connection.translate_errors():
            self._connection.run(f"CREATE TEMP TABLE {name} AS SELECT * FROM {chosen}", (size,))
            try:
                return self._statistics(f"{name} WHERE 1", (), 0)
            finally:
                self._connection.run(f"DROP TABLE temp.{name}")

    def columns(self, part: Range, names: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the values of columns in a range, in blocks; NULL for a column that is missing."""
        source, bounds = self._source(part)
        chosen = [sql.quote(name) if name in self._types else "NULL" for name in names]
        with self._connection.translate_errors():
            cursor = self._connection.run(f"SELECT {', '.join(chosen)} FROM {source}", bounds)
            while rows := cursor.fetchmany(_ROWS_PER_BLOCK):
                yield list(zip(*rows))

    def is_unique(self, names: Sequence[str]) -> bool:
        """Return whether a key or a unique index keeps rows from having the same values there."""
        with self._connection.translate_errors():
            indexes = self._connection.run(
                'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial',
                (self._table,),
            ).fetchall()
            keys = [
                {
                    name
                    for (name,) in self._connection.run(
                        "SELECT name FROM pragma_index_info(?)", index
                    )
                }
                for index in indexes
            ]
        return any(key and key <= set(names) for key in (self._key, *keys))

    def repeated_keys(self, names: Sequence[str]) -> set[Key]:
        """Return the keys that occur in more than one row; keys with a null are ignored."""
        if not set(names) <= set(self._types):
            return set()
        whole = " AND ".join(f"{sql.quote(name)} IS NOT NULL" for name in names)
        listed = sql.listed(names)
        with self._connection.translate_errors():
            rows = self._connection.run(
                f"SELECT {listed} FROM {self._quoted} WHERE {whole} "
                f"GROUP BY {listed} HAVING count(*) > 1"
            )
            return set(rows)

    def absent_keys(self, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> set[Key]:
        """Return the keys that no row has in the columns `names`."""
        return self._batches.absent_keys(self._table, names, columns)

    def _bounds(self, rowid: str, records: int) -> list[int]:
        """Return the first rowid of each range but the first."""
        lowest, highest, count = self._connection.run(
            f"SELECT (SELECT min({rowid}) FROM {self._quoted}), "
            f"(SELECT max({rowid}) FROM {self._quoted}), (SELECT count(*) FROM {self._quoted})"
        ).fetchone()
        if not count:
            return []
        if highest - lowest + 1 == count:
            return list(range(lowest + records, highest + 1, records))
        bounds: list[int] = []
        step = f"SELECT {rowid} FROM {self._quoted} WHERE {rowid} >= ? ORDER BY {rowid} LIMIT 1"
        last = (lowest,)
        while last := self._connection.run(f"{step} OFFSET ?", (last[0], records)).fetchone():
            bounds += last
        return bounds

    def _source(self, part: Range) -> tuple[str, list[int]]:
        """Return `table WHERE condition`, and its parameters; callers may append ` AND ...`."""
        limits = [(">=", part.low), ("<", part.high)]
        given = [(sign, bound) for sign, bound in limits if bound is not None]
        conditions = [f"{self._rowid} {sign} ?" for sign, _ in given]
        where = " AND ".join(conditions) or "1"
        return f"{self._quoted} WHERE {where}", [bound for _, bound in given]

    def _statistics(self, source: str, bounds: Sequence[int], number: int) -> CollectionStatistics:
        (records,) = self._connection.run(f"SELECT count(*) FROM {source}", bounds).fetchone()
        statistics = CollectionStatistics(records)
        names = list(self._types)
        for start in range(0, len(names), _COLUMNS_PER_STATEMENT):
            chosen_names = names[start : start + _COLUMNS_PER_STATEMENT]
            for index, (name, types) in enumerate(
                self._types_of(chosen_names, source, bounds, records), start
            ):
                seen = FieldStatistics(types, records, column=index)
                if types.total() > types[_NULL]:
                    column = sql.quote(name)
                    (value,) = self._connection.run(
                        f"SELECT {column} FROM {source} AND {column} IS NOT NULL LIMIT 1", bounds
                    ).fetchone()
                    seen.example = Example.of(number, value)
                statistics.fields[name] = seen
        return statistics

    def _types_of(
        self, names: Sequence[str], source: str, bounds: Sequence[int], records: int
    ) -> Iterator[tuple[str, Counter[str]]]:
        """Yield how many values of each type the columns have.

        One statement counts the values of the declared types. Other types are counted only for
        columns where these are not all.
        """
        usual = [_usual_type(self._types[name]) for name in names]
        counts = [
            f"count({column}), count(*) FILTER (WHERE typeof({column}) = '{kind}')"
            for column, kind in zip(map(sql.quote, names), usual)
        ]
        row = self._connection.run(f"SELECT {', '.join(counts)} FROM {source}", bounds).fetchone()
        for name, kind, filled, same in zip(names, usual, row[::2], row[1::2]):
            types = Counter({_NULL: records - filled, kind: same})
            if same < filled:
                types.update(self._other_types(name, kind, source, bounds))
            yield name, +types

    def _other_types(
        self, name: str, kind: str, source: str, bounds: Sequence[int]
    ) -> dict[str, int]:
        column = sql.quote(name)
        rows = self._connection.run(
            f"SELECT typeof({column}), count(*) FROM {source} AND {column} IS NOT NULL "
            f"AND typeof({column}) <> '{kind}' GROUP BY 1",
            bounds,
        )
        return dict(rows.fetchall())


def _usual_type(declared: str) -> str:
    """Return what typeof gives for most values of a column.

    https://www.sqlite.org/datatype3.html
    """
    upper = declared.upper()
    if "INT" in upper or "BOOL" in upper:
        return "integer"
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")):
        return "real"
    return "text"
