"""Texts searched for in an SQLite table: no index helps with that, so all cores work at once."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from hpnorton.sanitize import caseless_parts
from hpnorton.stores.sqlite import sql
from hpnorton.stores.sqlite.connection import SqliteConnection
from hpnorton.workers import cores

_MIN_ROWS_PER_THREAD = 50_000
_LOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Search:
    """A text that is searched for in columns of a table, whatever its case.

    LIKE knows upper and lower case in ASCII only (https://www.sqlite.org/lang_expr.html#like), so
    characters whose case may differ elsewhere match anything.
    """

    connection: SqliteConnection
    table: str
    columns: Sequence[str]
    text: str

    def condition(self) -> tuple[str, str]:
        """Return an SQL condition that the matching rows meet, and its one parameter."""
        rowid = self.connection.rowid_name(self.table)
        if rowid is None:
            return self._like, self._pattern
        return f"{rowid} IN (SELECT value FROM json_each(?))", json.dumps(self._rowids(rowid))

    @property
    def _pattern(self) -> str:
        parts = [re.sub(r"[%_\\]", r"\\\g<0>", part) for part in caseless_parts(self.text)]
        return f"%{'%'.join(parts)}%"

    @property
    def _like(self) -> str:
        """A condition with the pattern as its first parameter; LIKE is faster without ESCAPE."""
        escape = " ESCAPE '\\'" if "\\" in self._pattern else ""
        return " OR ".join(f"{sql.quote(name)} LIKE ?1{escape}" for name in self.columns)

    def _rowids(self, rowid: str) -> list[int]:
        """Return the rowids of the matching rows.

        Each thread has a connection of its own, and SQLite searches without Python's lock.
        """
        table = sql.quote(self.table)
        bounds = f"SELECT (SELECT min({rowid}) FROM {table}), (SELECT max({rowid}) FROM {table})"
        low, high = self.connection.run(bounds).fetchone()
        if low is None:
            return []
        count = max(1, min(cores(), (high - low) // _MIN_ROWS_PER_THREAD))
        starts = [low + (high + 1 - low) * at // count for at in range(count + 1)]
        statement = (
            f"SELECT {rowid} FROM {table} WHERE {rowid} BETWEEN ?2 AND ?3 AND ({self._like})"
        )

        def search(start: int, end: int) -> list[int]:
            with closing(self.connection.connect(_LOCK_SECONDS)) as connection:
                rows = connection.execute(statement, (self._pattern, start, end - 1))
                return [number for (number,) in rows]

        with ThreadPoolExecutor(count) as threads:
            return [number for part in threads.map(search, starts, starts[1:]) for number in part]
