"""Keys that differ in case alone, found among all keys of a collection, whichever store has it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from hpnorton.fields import Value
from hpnorton.keys import folded
from hpnorton.remarks import Case, own_text_key
from hpnorton.schema import Collection
from hpnorton.stores.protocol import Store

_BETWEEN = ","
_SHOWN = 3


@dataclass(frozen=True)
class Twins:
    """How many keys of a collection are there twice but for case, and the first of these."""

    collection: str
    count: int = 0
    examples: Sequence[Sequence[str]] = ()

    def sentence(self) -> str | None:
        """What there is to say about them, if anything."""
        if not self.count:
            return None
        keys = (
            f"1 key of {self.collection} exists"
            if self.count == 1
            else f"{self.count:,} keys of {self.collection} exist"
        )
        listed = "; ".join(" and ".join(map(repr, some)) for some in self.examples)
        more = "; ..." if self.count > len(self.examples) else ""
        return (
            f"{keys} in several spellings that differ in case only: {listed}"
            f"{more}; each is a record of its own, so at the counter type them exactly"
        )


def find_twins(store: Store, collection: Collection) -> Twins:
    """The keys of a collection that differ in case alone. Raises StoreError."""
    own = [collection.key.index(field.name) for field in own_text_key(collection)]
    cases = Case.NONE
    for columns in store.key_columns(collection.name, collection.key):
        for at in own:
            cases |= Case.of([value for value in columns[at] if isinstance(value, str)])
    if not cases.may_be_twins:
        return Twins(collection.name)
    with closing(sqlite3.connect("")) as scratch:  # a file of its own where memory is short
        scratch.execute(
            "CREATE TABLE spelled (folded TEXT, key TEXT, PRIMARY KEY (folded, key)) WITHOUT ROWID"
        )
        for columns in store.key_columns(collection.name, collection.key):
            scratch.executemany("INSERT OR IGNORE INTO spelled VALUES (?, ?)", _spelled(columns))
        several = "SELECT folded FROM spelled GROUP BY folded HAVING count(*) > 1"
        ((count,),) = scratch.execute(f"SELECT count(*) FROM ({several})")
        found = scratch.execute(f"{several} ORDER BY folded LIMIT {_SHOWN}").fetchall()
        spellings = "SELECT key FROM spelled WHERE folded = ? ORDER BY key"
        examples = [[key for (key,) in scratch.execute(spellings, row)] for row in found]
        return Twins(collection.name, count, examples)


def _spelled(columns: Sequence[Sequence[Value]]) -> Iterator[tuple[str, str]]:
    for key in zip(*columns):
        text = _BETWEEN.join(map(str, key))
        yield folded(text), text
