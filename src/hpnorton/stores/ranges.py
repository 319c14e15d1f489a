"""Ranges of a collection, and what a store tells of one: for looks at all of its records.

A range is a value: it can go to another process, which looks at it through a store of its own. The
ranges of a collection that stands still hold each of its records once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hpnorton.stores.base import CounterStore, Key
from hpnorton.stores.tallies import FieldTally

# As Store.absent.
Absent = Callable[[str, Sequence[str], Sequence[Sequence[Any]]], set[Key]]
# Is told how many more records were looked at.
Tell = Callable[[int], None]


@dataclass(frozen=True)
class Range:
    """A part of a collection; `number` counts the collection's ranges from 0.

    Its records have a rowid or `_id` from `low` on (None: from the first) and below `high` (None:
    to the last), and nothing that `outside` names: what is from one of these values on.
    """

    collection: str
    number: int = 0
    low: Any = None
    high: Any = None
    outside: tuple[Any, ...] = ()

    def as_document(self) -> dict[str, Any]:
        """The range as JSON can hold it."""
        return {"number": self.number, "from": _plain(self.low), "below": _plain(self.high)}


class Scan(Protocol):
    """A collection, to be looked at as a whole. All methods raise StoreError."""

    def count(self) -> int:
        """How many records there are, from what the database remembers where that is quicker."""

    def ranges(self, records: int) -> list[Range]:
        """Ranges that hold about so many records each, and together all."""

    def fields(self, part: Range, tell: Tell | None = None) -> FieldTally:
        """The fields of the records of a range.

        `tell` hears how many more were looked at; one worker of several has none.
        """

    def sample(self, size: int) -> FieldTally:
        """The fields of so many records, chosen at random."""

    def columns(self, part: Range, names: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
        """The values of some fields in a range, a block of records after the other.

        A block holds a column for each name; what a record lacks is None.
        """

    def is_unique(self, names: Sequence[str]) -> bool:
        """Whether the database itself keeps records from sharing the values of these fields."""

    def repeated(self, names: Sequence[str]) -> set[Key]:
        """The values of these fields that several records share; none that are null in part."""

    def absent(self, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> set[Key]:
        """The keys that no record has in the fields `names`, its key: see Store.absent."""


class Database(CounterStore, Protocol):
    """A store that is a database, and not only what a dry run makes of one."""

    def scan(self, collection: str) -> Scan:
        """A look at all records of a collection that is there."""


def lookup_key(values: Iterable[Any]) -> Key:
    """Values as a set can hold them: MongoDB's documents and arrays as text."""
    return tuple(value if value.__hash__ else repr(value) for value in values)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)
