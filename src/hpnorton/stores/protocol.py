"""What every store can do, and the values that it takes and gives."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from hpnorton.checks import Record
from hpnorton.fields import Value
from hpnorton.schema import Collection

Document = dict[str, Value]
Key = tuple[Value, ...]
Condition = tuple[str, Literal["=", ">"], Value]


@dataclass(frozen=True)
class Conflict:
    """A record whose key is taken by a stored one with other values.

    `at` is its position among the records, `field` the first field that differs, `stored` the
    value in the database.
    """

    at: int
    field: str
    stored: Value


@dataclass(frozen=True)
class Inserted:
    """What became of the records of one insert; the rest had been there with the same values."""

    inserted: int
    conflicts: Sequence[Conflict]


class Store(Protocol):
    """A database of collections. All methods raise StoreError."""

    def close(self) -> None:
        """Ends the connection."""

    def ensure(self, collection: Collection) -> None:
        """Makes the collection with its indexes if it is not there, and adds new fields to it."""

    def insert(
        self, collection: Collection, columns: Sequence[str], records: Sequence[Record]
    ) -> Inserted:
        """Inserts the records whose keys are not there yet; the first of a key wins.

        `columns` name the records' values; only they are compared with what is stored. Repeating
        an insert changes nothing. In SQLite it is one transaction.
        """

    def absent(self, collection: str, key: Sequence[str], keys: Sequence[Key]) -> set[Key]:
        """Those of `keys` that no record of the collection, whose key is `key`, has."""

    def find(
        self, collection: str, sort: Sequence[str], where: Sequence[Condition] = ()
    ) -> Iterator[Document]:
        """The records that meet all conditions, sorted; none if there is no such collection."""

    def find_joined(
        self, collection: str, where: Condition, target: str, field: str
    ) -> Iterator[Document]:
        """The records of `target` that the matching records of `collection` refer to.

        `field` has the same name on both sides and is the target's key, by which they are sorted.
        """

    def count(self, collection: str) -> int:
        """How many records the collection has; 0 if there is none of that name."""

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""

    def drop_collection(self, collection: str) -> None:
        """Removes a collection and its records."""

    def drop_database(self) -> None:
        """Removes the whole database; for SQLite, its file. The store is closed then."""


def first_difference(
    columns: Sequence[str], record: Record, stored: Mapping[str, Value], at: int
) -> Conflict | None:
    """The first of the columns in which a record differs from the stored one, if any."""
    for column, value in zip(columns, record):
        other = stored.get(column)
        if other != value:
            return Conflict(at, column, other)
    return None
