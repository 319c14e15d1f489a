"""Texts looked for in an SQLite table: no index answers that, so all cores look at once."""

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

from hpnorton.sanitize import alike_parts
from hpnorton.stores.sqlite import sql
from hpnorton.workers import cores

_ROWS_WORTH_A_THREAD = 50_000


@dataclass(frozen=True)
class Search:
    """A text that is looked for in some fields of a table, whatever its case.

    LIKE knows only the cases of ASCII (https://www.sqlite.org/lang_expr.html#like), so what may be
    written otherwise may be anything. `connect` makes a connection.
    """

    connect: Callable[[], sqlite3.Connection]
    table: str
    fields: Sequence[str]
    text: str

    @property
    def pattern(self) -> str:
        """The text as LIKE takes it."""
        parts = [re.sub(r"[%_\\]", r"\\\g<0>", part) for part in alike_parts(self.text)]
        return f"%{'%'.join(parts)}%"

    @property
    def condition(self) -> str:
        """An SQL condition with one parameter, the pattern; without ESCAPE it is 13% quicker."""
        escape = " ESCAPE '\\'" if "\\" in self.pattern else ""
        return " OR ".join(f"{sql.quote(name)} LIKE ?1{escape}" for name in self.fields)

    def rows(self, rowid: str, last: int) -> str:
        """The rowids of the rows that hold the text, up to the `last` one, as a JSON list.

        SQLite leaves Python to other threads while it looks, and each has its own connection.
        """
        count = max(1, min(cores(), last // _ROWS_WORTH_A_THREAD))
        bounds = [last * at // count for at in range(count + 1)]
        statement = (
            f"SELECT {rowid} FROM {sql.quote(self.table)} "
            f"WHERE {rowid} > ?2 AND {rowid} <= ?3 AND ({self.condition})"
        )

        def look(bounds: tuple[int, int]) -> list[int]:
            with closing(self.connect()) as connection:
                found = connection.execute(statement, (self.pattern, *bounds))
                return [number for (number,) in found]

        with ThreadPoolExecutor(count) as threads:
            return json.dumps(
                [number for part in threads.map(look, pairwise(bounds)) for number in part]
            )
