"""Scans of all records of a collection, in ranges that processes can share.

A range is a value: another process can scan it through its own store. The ranges of a collection
that does not change hold each of its records once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hpnorton.stores.field_statistics import CollectionStatistics

# Takes how many more records were read.
OnRead = Callable[[int], None]


@dataclass(frozen=True)
class Range:
    """A part of a collection; `number` counts the collection's ranges from 0.

    Its records have a rowid or `_id` from `low` (None: the first) to below `high` (None: the end),
    except those from any of the values `outside` on.
    """

    collection: str
    number: int = 0
    low: Any = None
    high: Any = None
    outside: tuple[Any, ...] = ()

    def as_document(self) -> dict[str, Any]:
        """Return the range in JSON's types."""
        return {"number": self.number, "from": _plain(self.low), "below": _plain(self.high)}


class Scan(Protocol):
    """The records of a collection. All methods raise StoreError."""

    def count(self) -> int:
        """Return how many records there are, from the database's statistics if that is quicker."""

    def ranges(self, records: int) -> list[Range]:
        """Return ranges of about `records` records each, which together hold all."""

    def fields(self, part: Range, on_read: OnRead | None = None) -> CollectionStatistics:
        """Count the fields of the records of a range.

        `on_read` is called with numbers of records, for a progress bar. One of several workers has
        none.
        """

    def sample(self, size: int) -> CollectionStatistics:
        """Count the fields of `size` records, chosen at random."""

    def columns(self, part: Range, names: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the values of some fields in a range, in blocks of records.

        A block has a column for each name; the values that a record lacks are None.
        """

    def is_unique(self, names: Sequence[str]) -> bool:
        """Return whether the database keeps records from having the same values in these fields."""

    def repeated_keys(self, names: Sequence[str]) -> set[tuple[Any, ...]]:
        """Return the keys that occur in more than one record; keys with a null are ignored."""

    def absent_keys(
        self, names: Sequence[str], columns: Sequence[Sequence[Any]]
    ) -> set[tuple[Any, ...]]:
        """Return the keys that no record has in the fields `names`: see Store.absent_keys."""


def lookup_key(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return values as a set can hold them: MongoDB's documents and arrays as text."""
    return tuple(value if value.__hash__ else repr(value) for value in values)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)
