"""What every store can do, and the values that it takes and gives."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal, Protocol

from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.history import Change, RecordKey

FIRST_STOCK = OWN_PREFIX + "stock"  # the column or field for the stock that was imported
MIN_SAMPLED = 100  # records of a batch; smaller ones are not worth a sample

Document = dict[str, Value]
Key = tuple[Value, ...]
Condition = tuple[str, Literal["=", ">", "<"], Value]

IMPORT_FIELD = OWN_PREFIX + "import"  # of a tracked record: the import that inserted it


class Mode(StrEnum):
    """What becomes of a record whose key is taken: it is kept out, or replaces the stored one."""

    INSERT = "insert"
    UPSERT = "upsert"


@dataclass(frozen=True)
class Batch:
    """Records of a collection, by column: `values` hold one for each of the fields `columns`.

    With columns ("id", "price"), [["P1", "P2"], [10, 20]] are two records. `import_number` is that
    of the import that writes them, if the collection is tracked: see journal.py.
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
        """All values, record by record: the parameters of statements of many rows."""
        return in_line(self.values)

    def sample(self) -> "Batch":
        """Return the first, middle and last record, which stand for all others.

        If all three are stored, the same file was probably imported before.
        """
        return self.only([0, len(self) // 2, len(self) - 1])

    def columns_of(self, fields: Sequence[str]) -> list[Sequence[Value]]:
        """The values of all records, for each of some fields."""
        return [self.values[self.columns.index(name)] for name in fields]

    def keys_of(self, fields: Sequence[str]) -> Iterator[Key]:
        """The values of some of the fields, for each record."""
        return zip(*self.columns_of(fields))

    def record(self, at: int) -> Record:
        """The record at a position."""
        return tuple(column[at] for column in self.values)

    def without(self, name: str) -> "Batch":
        """The same without one column."""
        columns = tuple(column for column in self.columns if column != name)
        values = [self.values[self.columns.index(c)] for c in columns]
        return Batch(self.collection, columns, values, self.import_number)

    def only(self, positions: Sequence[int]) -> "Batch":
        """The records at some positions."""
        if list(positions) == list(range(len(self))):
            return self
        values = [[column[at] for at in positions] for column in self.values]
        return Batch(self.collection, self.columns, values, self.import_number)


@dataclass(frozen=True)
class Conflict:
    """A record whose key is taken by another one with other values.

    `at` is its position in the batch, `field` the first field that differs, `kept` the value there
    of the record that is kept.
    """

    at: int
    field: str
    kept: Value


@dataclass(frozen=True)
class Written:
    """What became of the records of a batch: those of which nothing is said were there already.

    `taken` are the positions of the records that were not inserted, because their keys were taken,
    `replacing` those of them that replaced what was stored.
    """

    inserted: int
    updated: int = 0
    conflicts: Sequence[Conflict] = ()
    taken: Sequence[int] = ()
    replacing: Sequence[int] = ()


def in_line(columns: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """All values of some columns of the same length, row by row."""
    width = len(columns)
    if width == 1:
        return columns[0]
    line: list[Value] = [None] * (width * len(columns[0]))
    for at, column in enumerate(columns):
        line[at::width] = column
    return line


def batch_of(collection: Collection, documents: Sequence[Mapping[str, Value]]) -> Batch:
    """Records as a batch: the columns are the fields of the first."""
    columns = tuple(documents[0])
    return Batch(collection, columns, [[d[name] for d in documents] for name in columns])


class Store(Protocol):
    """A database of collections. All methods raise StoreError."""

    def close(self) -> None:
        """Ends the connection."""

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Makes the collection and its indexes if they are not there, and adds new fields to it.

        `with_indexes` says whether those beside its key's are made, too.
        """

    def check_fit(self, collection: Collection) -> None:
        """Raises StoreError if records of another kind are stored under the collection's name."""

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside is in the database together or, after an error, not at all.

        In SQLite, that is. Elsewhere a chunk can be repeated, which comes to the same in the end.
        """

    def prepare(self, batch: Batch) -> None:
        """Does what can be done for write() before the transaction, in which others wait."""

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Inserts the records whose keys are not there yet, in order: the first of a key wins.

        With Mode.UPSERT the records whose keys are there replace what is stored, as far as it
        differs: the last of a key wins. Only the batch's columns are compared and replaced.
        Repeating a write changes nothing.
        """

    def stored(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """What is stored under the keys at some positions: the values of the batch's columns."""

    def is_empty(self, collection: str) -> bool:
        """Whether the collection has no records, or is not there."""

    def absent(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """The keys that no record of the collection, whose key is `key`, has.

        Those that are asked for come as `columns`, one for each part of the key.
        """

    def get(self, collection: str, key: Sequence[str], value: Key) -> Document | None:
        """The record of the collection, whose key is `key`, that has this one; None if none has."""

    def find(
        self,
        collection: str,
        key: Sequence[str],
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[str] = (),
    ) -> Iterator[Document]:
        """The records that meet all conditions, sorted by the fields `sort`, or else by the key.

        `key` is the collection's. None if there is no such collection.
        """

    def find_joined(
        self,
        collection: str,
        where: Condition,
        target: str,
        key: str,
        reference: str | None = None,
    ) -> Iterator[Document]:
        """The records of `target` that the matching records of `collection` refer to.

        `key` is the target's, by which they are sorted, and `reference` the field that refers to
        it: the one of the same name if it is not given.
        """

    def key_columns(
        self, collection: str, key: Sequence[str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """The keys of all records, in blocks: a column for each of the fields `key`."""

    def count(self, collection: str, expected: int | None = None) -> int:
        """How many records the collection has; 0 if there is none of that name.

        A server that counts slowly may say how many it has noted, if these are the `expected`.
        """

    def collections(self) -> list[str]:
        """The names of all collections, sorted, but for those that hold our own notes."""

    def delete(self, collection: str, *where: Condition) -> None:
        """Delete the records that meet all conditions; none if there is no such collection."""

    def drop_collection(self, collection: str) -> None:
        """Removes a collection and its records."""

    def drop_database(self) -> None:
        """Removes the whole database; for SQLite, its file. The store is closed then."""


class CounterStore(Store, Protocol):
    """A store whose records can be changed one by one, by many at once."""

    def search(
        self, collection: str, key: Sequence[str], fields: Sequence[str], text: str
    ) -> Iterator[Document]:
        """The records that may hold the text in one of the fields, whatever its case, by key.

        None that does is left out; letters beyond ASCII are for the caller to compare.
        """

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[tuple[Value, Value, Value, int | None]]:
        """For each record its key, the value of the field `stock`, first and now, and a number.

        It is that of the last line of the history that is in the stock: 0 if the record has none,
        None where a snapshot holds both. `only` is the key of a single record to read.
        """

    def correct_stock(self, batch: Batch) -> None:
        """Takes the batch's stock for what was there at first; it is so much more or less now."""

    def set_stock(
        self, place: RecordKey, seen: Value, stock: Value, moved: int | None = None
    ) -> None:
        """Puts a stock in the place of one that is still as it was `seen`.

        With `moved`, what the history has added to it, the first stock becomes what goes with it.
        """

    def cached_schema(self) -> AbstractContextManager[None]:
        """Read at most once inside which collections there are, and what they are made of.

        For a command that takes moments: what others create or drop meanwhile is not seen.
        """

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read inside belongs together: in SQLite it is the database of one moment."""

    def last_numbers(self, places: Sequence[RecordKey]) -> list[int]:
        """The number of the last line in each record's history; 0 if it has none.

        That line's change has been carried out: where somebody has died over it, it is done here.
        """

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Writes lines of the history, each with its change; the positions of those not written.

        A line is not written if its number is taken: somebody else was quicker, so what was read
        before has to be read again. Otherwise line and change are there together. SQLite and
        MongoDB's replica sets have transactions for that. On other servers the line is what
        counts: who finds one whose change is not carried out, carries it out.
        """

    def unfinished(self) -> list[str]:
        """The lines, by their ids, whose changes are not carried out, now or for ever."""

    def finish(self, lines: Sequence[str]) -> None:
        """Waits for these lines' changes, and carries out those of somebody who has died."""
