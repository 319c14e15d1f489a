"""What every store can do, and the values that it takes and returns."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal, Protocol

from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.history import Change, RecordKey, StockRow
from hpnorton.stores.scan import Scan

Document = dict[str, Value]
Key = tuple[Value, ...]
Condition = tuple[str, Literal["=", ">", "<"], Value]

FIRST_STOCK = OWN_PREFIX + "stock"  # the column or field for the stock that was imported
IMPORT_FIELD = OWN_PREFIX + "import"  # of a tracked record: the import that inserted it
MIN_SAMPLED = 100  # records of a batch; smaller ones are not worth a sample


class Mode(StrEnum):
    """What happens to a record whose key is stored: it is rejected, or replaces the stored one."""

    INSERT = "insert"
    UPSERT = "upsert"


@dataclass(frozen=True)
class Batch:
    """Records of a collection, by column: `values` hold one for each of the fields `columns`.

    With columns ("id", "price"), [["P1", "P2"], [10, 20]] are two records. `import_number` is that
    of the import that writes them, if the collection is tracked: see provenance.py.
    """

    collection: Collection
    columns: tuple[str, ...]
    values: Sequence[Sequence[Value]]
    import_number: int | None = None

    def __len__(self) -> int:
        return len(self.values[0])

    @cached_property
    def keys(self) -> Sequence[Key]:
        """The key of each record."""
        return list(self.keys_of(self.collection.key))

    @property
    def repeats_keys(self) -> bool:
        """Whether several records have the same key."""
        columns = self.columns_of(self.collection.key)
        return len(set(columns[0] if len(columns) == 1 else zip(*columns))) < len(self)

    @cached_property
    def in_line(self) -> Sequence[Value]:
        """All values, record by record, as parameters of a statement of many rows."""
        return in_line(self.values)

    def sample(self) -> "Batch":
        """Return the first, middle and last record, which stand for all others.

        If all three are stored, the same file was probably imported before.
        """
        return self.only([0, len(self) // 2, len(self) - 1])

    def columns_of(self, fields: Sequence[str]) -> list[Sequence[Value]]:
        """Return the columns of these fields."""
        return [self.values[self.columns.index(name)] for name in fields]

    def keys_of(self, fields: Sequence[str]) -> Iterator[Key]:
        """Return the values of these fields for each record."""
        return zip(*self.columns_of(fields))

    def record(self, at: int) -> Record:
        """Return the record at a position."""
        return tuple(column[at] for column in self.values)

    def without(self, name: str) -> "Batch":
        """Return the batch without one column."""
        columns = tuple(column for column in self.columns if column != name)
        values = [self.values[self.columns.index(c)] for c in columns]
        return Batch(self.collection, columns, values, self.import_number)

    def only(self, positions: Sequence[int]) -> "Batch":
        """Return a batch of the records at these positions."""
        if list(positions) == list(range(len(self))):
            return self
        values = [[column[at] for at in positions] for column in self.values]
        return Batch(self.collection, self.columns, values, self.import_number)


@dataclass(frozen=True)
class Conflict:
    """A record whose key is stored with other values.

    `at` is its position in the batch, `field` the first field that differs, and `kept` the stored
    value of that field.
    """

    at: int
    field: str
    kept: Value


@dataclass(frozen=True)
class Written:
    """The result of writing a batch.

    `inserted` and `updated` are numbers of records. `taken` are the positions of the records that
    were not inserted because their keys were stored; of these, `replacing` have replaced the stored
    record and `conflicts` differ from it. All others are stored as they are in the batch.
    """

    inserted: int
    updated: int = 0
    conflicts: Sequence[Conflict] = ()
    taken: Sequence[int] = ()
    replacing: Sequence[int] = ()


def in_line(columns: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """Return the values of columns row by row: [["a", "b"], [1, 2]] gives ["a", 1, "b", 2]."""
    width = len(columns)
    if width == 1:
        return columns[0]
    line: list[Value] = [None] * (width * len(columns[0]))
    for at, column in enumerate(columns):
        line[at::width] = column
    return line


class Store(Protocol):
    """A database of collections. All methods raise StoreError."""

    def close(self) -> None:
        """End the connection."""

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Create the collection and its indexes, or add the fields that it lacks.

        Without `with_indexes`, only the index of its key is created.
        """

    def check_fit(self, collection: Collection) -> None:
        """Raise MisfitError if records of another kind are stored under the collection's name."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit everything written inside, or roll all of it back after an error.

        On MongoDB it does nothing: an import repeats its chunk, which has the same result.
        """

    def prepare(self, batch: Batch) -> None:
        """Do what write() can do before the transaction, for which other processes wait."""

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Insert the records whose keys are not stored, in order: the first of a key wins.

        With Mode.UPSERT, the other records replace what is stored, where it differs: the last of a
        key wins. Only the batch's columns are compared and replaced. Repeating a write changes
        nothing.
        """

    def stored_records(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """Return the stored values of the batch's columns, by key, for the records at positions."""

    def is_empty(self, collection: str) -> bool:
        """Return whether the collection has no records, or does not exist."""

    def absent_keys(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """Return the keys, given as one column per field of `key`, that no record has.

        With the key ("id",), [["C1", "C2"]] asks for two keys.
        """

    def get(self, collection: str, key: Sequence[str], value: Key) -> Document | None:
        """Return the record with the key `value`, or None; `key` has the names of its fields."""

    def find(
        self,
        collection: str,
        key: Sequence[str],
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[str] = (),
    ) -> Iterator[Document]:
        """Yield the records that meet all conditions, sorted by `sort`, or else by the key.

        `key` has the names of the key's fields. Yields nothing if there is no such collection.
        """

    def find_joined(
        self,
        collection: str,
        where: Condition,
        target: str,
        key: str,
        reference: str | None = None,
    ) -> Iterator[Document]:
        """Yield the records of `target` that the matching records of `collection` refer to.

        They are sorted by the target's `key`. The field `reference` refers to it; by default it is
        the field of the same name. ("rental", ("user_id", "=", "C1"), "product", "product_id") asks
        for the products that C1 rents.
        """

    def key_columns(
        self, collection: str, key: Sequence[str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """Yield the keys of all records in blocks: a column for each of the fields `key`."""

    def count(self, collection: str, expected: int | None = None) -> int:
        """Return how many records the collection has; 0 if it does not exist.

        A server that is slow at counting may compare its own statistics with `expected` instead.
        """

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted, except those for internal use."""

    def delete(self, collection: str, *where: Condition) -> None:
        """Delete the records that meet all conditions; none if there is no such collection."""

    def drop_collection(self, collection: str) -> None:
        """Delete a collection with its records."""

    def drop_database(self) -> None:
        """Delete the whole database (in SQLite, its file), and close the store."""


class ChangeStore(Store, Protocol):  # pylint: disable=too-many-public-methods # with Store's
    """A store that many clerks change at once, one record at a time."""

    def scan(self, collection: str) -> Scan:
        """Return a scan of all records of a collection that exists."""

    def search(
        self, collection: str, key: Sequence[str], fields: Sequence[str], text: str
    ) -> Iterator[Document]:
        """Yield all records that may hold the text in one of the fields, in any case, by key."""

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[StockRow]:
        """Yield the stock of each record, by key, or that of the record with the key `only`."""

    def correct_stock(self, batch: Batch) -> None:
        """Replace the first stock by that of the batch, and add the difference to the stock."""

    def set_stock(
        self, record: RecordKey, seen: Value, stock: Value, moved_total: int | None = None
    ) -> None:
        """Replace a stock that is still as it was `seen`.

        With `moved_total`, the sum of its changes in the history, the first stock becomes
        stock - moved_total.
        """

    def cached_schema(self) -> AbstractContextManager[None]:
        """Read which collections and fields exist at most once inside.

        For a command that takes moments: changes of other processes to them are not seen.
        """

    def snapshot(self) -> AbstractContextManager[None]:
        """Read what is inside from the database as it is at one moment, in SQLite."""

    def last_numbers(self, records: Sequence[RecordKey]) -> list[int]:
        """Return the number of the last entry in each record's history; 0 if it has none.

        The change of that entry is carried out: this waits for it, and does it for a dead process.
        """

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Write history entries with their changes; return the positions of those not written.

        An entry is not written if its number is taken: another clerk was quicker, so the caller has
        to read and decide again. Otherwise entry and change are stored together.
        """

    def unfinished(self) -> list[str]:
        """Return the ids of the entries whose changes are not, or not yet, carried out."""

    def finish(self, entries: Sequence[str]) -> None:
        """Wait until the entries with these ids are carried out; do it for dead processes."""
