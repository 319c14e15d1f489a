"""A store for dry runs: it reads the database, and writes to a temporary one."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from hpnorton.schema.collection import Collection
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, Condition, Document, Key, Mode, Store, Written
from hpnorton.stores.diff import compare


class DryRunStore:
    """The database as it would be after the writes of a dry run.

    `present` is the database (None if it does not exist), `scratch` a store for what has been
    written since. A record in it hides that of the database.
    """

    def __init__(self, present: Store | None, scratch: Store) -> None:
        self._present = present
        self._scratch = scratch

    def close(self) -> None:
        """End both connections."""
        self._scratch.close()
        if self._present:
            self._present.close()

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Create the collection in the temporary database, and check that it fits the other one."""
        self.check_fit(collection)
        self._scratch.ensure(collection, with_indexes=with_indexes)

    def check_fit(self, collection: Collection) -> None:
        """Raise StoreError if the database cannot hold the records."""
        if self._present:
            self._present.check_fit(collection)

    def transaction(self) -> AbstractContextManager[None]:
        """Run what is inside as a transaction of the temporary database."""
        return self._scratch.transaction()

    def prepare(self, batch: Batch) -> None:
        """Do nothing: no other process waits."""

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Return what a write would do, and keep the records for later writes."""
        everything = range(len(batch))
        with self._scratch.transaction():
            comparison = compare(batch, everything, self.stored_records(batch, everything), mode)
            self._bring_over(batch.only(list(comparison.changed.values())))
            self._scratch.write(
                batch.only([*comparison.new, *comparison.changed.values()]), Mode.UPSERT
            )
        return comparison.written(everything)

    def _bring_over(self, batch: Batch) -> None:
        """Copy the stored records with the keys of a batch, whole, to the temporary database."""
        if self._present is None or len(batch) == 0:
            return
        fields, columns = batch.collection.columns, batch.columns
        nothing: list[Value] = [None] * len(batch)
        values = [batch.values[columns.index(n)] if n in columns else nothing for n in fields]
        whole = Batch(batch.collection, fields, values)
        if found := self._present.stored_records(whole, range(len(whole))):
            records = Batch(batch.collection, fields, list(zip(*found.values())))
            self._scratch.write(records, Mode.INSERT)

    def stored_records(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """Return the values that would be stored, by key, for the records at positions."""
        before = self._present.stored_records(batch, positions) if self._present else {}
        return before | self._scratch.stored_records(batch, positions)

    def absent_keys(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """Return the keys that no record has in either database."""
        missing = self._scratch.absent_keys(collection, key, columns)
        if not missing or self._present is None:
            return missing
        return self._present.absent_keys(collection, key, list(zip(*missing)))

    def get(self, collection: str, key: Sequence[str], value: Key) -> Document | None:
        """Return the record with a key from the unchanged database."""
        return self._present.get(collection, key, value) if self._present else None

    def find(
        self,
        collection: str,
        key: Sequence[str],
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[str] = (),
    ) -> Iterator[Document]:
        """Yield the records of the unchanged database."""
        return self._present.find(collection, key, where, sort=sort) if self._present else iter(())

    def find_joined(
        self,
        collection: str,
        where: Condition,
        target: str,
        key: str,
        reference: str | None = None,
    ) -> Iterator[Document]:
        """Yield the records of the unchanged database."""
        if self._present is None:
            return iter(())
        return self._present.find_joined(collection, where, target, key, reference)

    def key_columns(
        self, collection: str, key: Sequence[str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """Yield the keys of the records in both databases, so that a key may come twice."""
        yield from self._scratch.key_columns(collection, key)
        if self._present and not self._present.is_empty(collection):
            yield from self._present.key_columns(collection, key)

    def count(self, collection: str, expected: int | None = None) -> int:
        """Return how many records the collection has in the unchanged database."""
        del expected  # of a run that writes
        return self._present.count(collection) if self._present else 0

    def is_empty(self, collection: str) -> bool:
        """Return whether the collection would have no records."""
        is_empty = self._present is None or self._present.is_empty(collection)
        return is_empty and self._scratch.is_empty(collection)

    def collections(self) -> list[str]:
        """Return the collections of the unchanged database."""
        return self._present.collections() if self._present else []

    def delete(self, collection: str, *where: Condition) -> None:
        """Delete records of the temporary database only."""
        self._scratch.delete(collection, *where)

    def drop_collection(self, collection: str) -> None:
        """Delete a collection from the temporary database only."""
        self._scratch.drop_collection(collection)

    def drop_database(self) -> None:
        """Delete the temporary database."""
        self._scratch.drop_database()
        if self._present:
            self._present.close()
