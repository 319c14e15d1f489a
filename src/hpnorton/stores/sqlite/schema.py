"""The schema of an SQLite database: which tables and indexes there are, and their columns."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Of virtual tables no columns are read: their module may be missing here.
_EVERYTHING = """
    SELECT m.type, m.name, c.name, c.type, c.pk, c."notnull" AND c.dflt_value IS NULL
    FROM sqlite_master AS m LEFT JOIN pragma_table_info(
        iif(m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL %', m.name, NULL)
    ) AS c
    WHERE m.type IN ('table', 'index') ORDER BY m.name, c.cid
"""
_TABLE = 'SELECT name, type, pk, "notnull" AND dflt_value IS NULL FROM pragma_table_info(?)'

Run = Callable[..., sqlite3.Cursor]


@dataclass(frozen=True)
class Column:
    """A column with its declared type.

    `key_position` is its place in the primary key, from 1 on, or 0. `is_required` says that every
    row needs a value for it.
    """

    name: str
    type: str
    key_position: int
    is_required: bool


@dataclass(frozen=True)
class Table:
    """The columns of a table; none if there is no such table."""

    columns: tuple[Column, ...] = ()

    @cached_property
    def types(self) -> Mapping[str, str]:
        """Return the declared type of each column, by name."""
        return {column.name: column.type for column in self.columns}

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Return the columns of the primary key, in its order."""
        parts = (column for column in self.columns if column.key_position)
        return tuple(part.name for part in sorted(parts, key=lambda part: part.key_position))


@dataclass(frozen=True)
class Schema:
    """The tables of a database, by name, and the names of its indexes.

    A virtual table has no columns here.
    """

    tables: Mapping[str, Table] = field(default_factory=dict)
    indexes: frozenset[str] = frozenset()


class SchemaReader:
    """The schema as it is now, read with the function `run`, which runs a statement."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._is_cached = False
        self._cache: Schema | None = None

    @contextmanager
    def cached(self) -> Iterator[None]:
        """Read the schema at most once inside, unless this process changes it.

        For a command that takes moments: what other processes change meanwhile is not seen.
        """
        was_cached, self._is_cached = self._is_cached, True
        try:
            yield
        finally:
            self._is_cached = was_cached
            if not was_cached:
                self.forget()

    def forget(self) -> None:
        """Read the schema again when it is needed next: it has changed, or may have."""
        self._cache = None

    def table(self, name: str) -> Table:
        """Return a table or view; it has no columns if it does not exist."""
        cached = self.read().tables.get(name) if self._is_cached else None
        return cached if cached and cached.columns else _table(self._run(_TABLE, (name,)))

    def read(self) -> Schema:
        """Return the schema, which takes one statement unless it is cached."""
        schema = self._cache or _schema(self._run(_EVERYTHING))
        if self._is_cached:
            self._cache = schema
        return schema


def _schema(rows: Iterable[tuple[Any, ...]]) -> Schema:
    columns: dict[str, list[tuple[Any, ...]]] = {}
    indexes: set[str] = set()
    for kind, name, *column in rows:
        if kind == "index":
            indexes.add(name)
        else:
            columns.setdefault(name, [])
            if column[0] is not None:
                columns[name].append(tuple(column))
    return Schema({name: _table(each) for name, each in columns.items()}, frozenset(indexes))


def _table(rows: Iterable[tuple[Any, ...]]) -> Table:
    return Table(tuple(Column(name, kind, pk, bool(needs)) for name, kind, pk, needs in rows))
