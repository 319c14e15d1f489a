"""Keys that differ in case only, found among all keys of a collection, in any store."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from hpnorton.schema.collection import Collection
from hpnorton.schema.remarks import Case, own_text_key
from hpnorton.stores.base import Store
from hpnorton.tabular.keys import fold_case

_BETWEEN = ","
_SHOWN = 3


@dataclass(frozen=True)
class CaseVariants:
    """The number of keys that a collection has in several spellings, and the first of these."""

    collection: str
    count: int = 0
    examples: Sequence[Sequence[str]] = ()

    def sentence(self) -> str | None:
        """Return a warning about these keys, or None if there are none."""
        if not self.count:
            return None
        keys = (
            f"1 key of {self.collection} exists"
            if self.count == 1
            else f"{self.count:,} keys of {self.collection} exist"
        )
        listed = "; ".join(" and ".join(map(repr, spellings)) for spellings in self.examples)
        more = "; ..." if self.count > len(self.examples) else ""
        return (
            f"{keys} in several spellings that differ in case only: {listed}"
            f"{more}; each is a record of its own, so at the counter type them exactly"
        )


def find_case_variants(store: Store, collection: Collection) -> CaseVariants:
    """Find the keys of a collection that differ in case only. Raises StoreError."""
    with _several(store, collection) as scratch:
        ((count,),) = scratch.execute("SELECT count(*) FROM several")
        found = scratch.execute(f"SELECT folded FROM several LIMIT {_SHOWN}").fetchall()
        spellings = "SELECT key FROM spelled WHERE folded = ? ORDER BY key"
        examples = [[key for (key,) in scratch.execute(spellings, row)] for row in found]
        return CaseVariants(collection.name, count, examples)


def folded_case_variants(store: Store, collection: Collection) -> set[str]:
    """Return such keys with their case folded: see folded_keys. Raises StoreError."""
    with _several(store, collection) as scratch:
        return {key for (key,) in scratch.execute("SELECT folded FROM several")}


def folded_keys(columns: Sequence[Sequence[Any]]) -> list[str]:
    """Return the keys with their case folded, given as one column per field."""
    return [fold_case(text) for text in _texts(columns)]


@contextmanager
def _several(store: Store, collection: Collection) -> Iterator[sqlite3.Connection]:
    """Open a database with a view `several`: the folded keys that have more than one spelling."""
    own = [collection.key.index(field.name) for field in own_text_key(collection)]
    cases = Case.NONE
    for columns in store.key_columns(collection.name, collection.key) if own else ():
        for at in own:
            cases |= Case.of([value for value in columns[at] if isinstance(value, str)])
    with closing(sqlite3.connect("")) as scratch:  # a file of its own where memory is short
        scratch.execute(
            "CREATE TABLE spelled (folded TEXT, key TEXT, PRIMARY KEY (folded, key)) WITHOUT ROWID"
        )
        scratch.execute(
            "CREATE VIEW several AS "
            "SELECT folded FROM spelled GROUP BY folded HAVING count(*) > 1 ORDER BY folded"
        )
        if cases.may_be_twins:
            for columns in store.key_columns(collection.name, collection.key):
                rows = ((fold_case(text), text) for text in _texts(columns))
                scratch.executemany("INSERT OR IGNORE INTO spelled VALUES (?, ?)", rows)
        yield scratch


def _texts(columns: Sequence[Sequence[Any]]) -> Iterator[str]:
    return (_BETWEEN.join(map(str, key)) for key in zip(*columns))
