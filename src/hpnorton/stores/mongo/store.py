"""The MongoDB store, through pymongo.

A document holds every field of its record under the field's own name, and its key once more as
`_id`: the value itself, or the values joined with `|` where the key has several fields. `_id` is
what makes an insert repeatable; text, not a sub-document, because every server can look it up.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pymongo import errors
from pymongo.cursor import Cursor

from hpnorton.sanitize import caseless_parts
from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores.base import Batch, Condition, Document, Key, Mode, Written
from hpnorton.stores.history import Change, RecordKey, StockRow, key_texts
from hpnorton.stores.mongo.batches import MongoBatches
from hpnorton.stores.mongo.changes import MongoChanges
from hpnorton.stores.mongo.collections import MongoCollections
from hpnorton.stores.mongo.connection import MongoConnection, RawDocument
from hpnorton.stores.mongo.scan import MongoScan
from hpnorton.stores.mongo.steps import OWN_FIELDS
from hpnorton.stores.scan import Range

_NO_SUCH_STAGE = (40324, 238)  # MongoDB's own code for an unknown stage, and FerretDB's
_OPERATORS = {"=": "$eq", ">": "$gt", "<": "$lt"}
_HIDDEN = ("system.", OWN_PREFIX)
_NOT_OWN = dict.fromkeys(OWN_FIELDS, 0)


class MongoStore:  # pylint: disable=too-many-public-methods # as the protocol
    """A store in the database that a MongoDB URI names; `options` are pymongo's."""

    def __init__(self, uri: str, **options: Any) -> None:
        self.connection = MongoConnection(uri, **options)
        self.batches = MongoBatches(self.connection)
        self.changes = MongoChanges(self.connection, self.batches)
        self._collections = MongoCollections(self.connection)

    def close(self) -> None:
        """End the connections, without waiting for a server that does not answer."""
        self.connection.close()

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Create the collection and its indexes unless they exist."""
        self._collections.ensure(collection, with_indexes=with_indexes)

    def check_fit(self, collection: Collection) -> None:
        """Raise MisfitError if the documents there have another key or other types."""
        self._collections.check_fit(collection)

    def prepare(self, batch: Batch) -> None:
        """Do nothing: there are no transactions that other processes would wait for."""

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Insert the records whose keys are new; with Mode.UPSERT, replace what else differs."""
        return self.batches.write(batch, mode)

    def stored_records(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """Return the stored values of the batch's columns, by key, for the records at positions."""
        return self.batches.stored_records(batch, positions)

    def absent_keys(
        self, collection: str, key: Sequence[str], columns: Sequence[Sequence[Value]]
    ) -> set[Key]:
        """Return the keys, given as one column per field of `key`, that no record has."""
        return self.batches.absent_keys(collection, key, columns)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do nothing: every write counts at once, and can be repeated."""
        yield

    @contextmanager
    def cached_schema(self) -> Iterator[None]:
        """Do nothing: a server is only asked for what is missing."""
        yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Do nothing: what is read later may be newer."""
        yield

    def get(self, collection: str, key: Sequence[str], value: Key) -> Document | None:
        """Return the record with the key `value`, or None."""
        del key  # `_id` holds it
        identity = key_texts([[part] for part in value])[0]
        with self.connection.translate_errors():
            return self.connection.collection(collection).find_one({"_id": identity}, _NOT_OWN)

    def find(
        self,
        collection: str,
        key: Sequence[str],
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[str] = (),
    ) -> Iterator[Document]:
        """Yield the records that meet all conditions, sorted by `sort`, or else by the key."""
        with self.connection.translate_errors():
            cursor = self.connection.collection(collection).find(_filter(where), _NOT_OWN)
            yield from _sorted(cursor, sort or _indexed(key))

    def search(
        self, collection: str, key: Sequence[str], fields: Sequence[str], text: str
    ) -> Iterator[Document]:
        """Yield all records that may hold the text in one of the fields, in any case, by key.

        Servers differ in which letters beyond ASCII are the same in another case.
        """
        pattern = ".*".join(map(re.escape, caseless_parts(text)))
        alike = {"$regex": pattern, "$options": "is"}
        with self.connection.translate_errors():
            cursor = self.connection.collection(collection).find(
                {"$or": [{n: alike} for n in fields]}, _NOT_OWN
            )
            yield from _sorted(cursor, _indexed(key))

    def find_joined(
        self,
        collection: str,
        where: Condition,
        target: str,
        key: str,
        reference: str | None = None,
    ) -> Iterator[Document]:
        """Yield the records of `target` that the matching records of `collection` refer to.

        That is one $lookup, or two queries if the server has no $lookup.
        """
        name, sign, value = where
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {name: {_OPERATORS[sign]: value}}},
            {
                "$lookup": {
                    "from": target,
                    "localField": reference or key,
                    "foreignField": "_id",
                    "as": "target",
                }
            },
            {"$unwind": "$target"},
            {"$replaceRoot": {"newRoot": "$target"}},
            {"$sort": {"_id": 1}},
        ]
        with self.connection.translate_errors():
            try:
                found = list(self.connection.collection(collection).aggregate(pipeline))
            except errors.OperationFailure as error:
                if error.code not in _NO_SUCH_STAGE:
                    raise
                found = self._joined_in_two(collection, where, target, reference or key)
        yield from map(_without_own, found)

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[StockRow]:
        """Yield the stock of each record, by key."""
        return self.changes.stocks(collection, key, stock, only)

    def set_stock(
        self, record: RecordKey, seen: Value, stock: Value, moved_total: int | None = None
    ) -> None:
        """Replace a stock that is still as it was `seen`."""
        self.changes.set_stock(record, seen, stock, moved_total)

    def correct_stock(self, batch: Batch) -> None:
        """Replace the first stock by that of the batch, and add the difference to the stock."""
        self.changes.correct_stock(batch)

    def last_numbers(self, records: Sequence[RecordKey]) -> list[int]:
        """Return the number of the last entry in each record's history; 0 if it has none."""
        return self.changes.last_numbers(records)

    def post(self, changes: Sequence[Change]) -> list[int]:
        """Write entries with their changes; return the positions of those not written."""
        return self.changes.post(changes)

    def unfinished(self) -> list[str]:
        """Return the ids of the entries whose changes are not, or not yet, carried out."""
        return self.changes.unfinished()

    def finish(self, entries: Sequence[str]) -> None:
        """Wait until the entries with these ids are carried out; do it for dead processes."""
        self.changes.finish(entries)

    def count(self, collection: str, expected: int | None = None) -> int:
        """Return how many records the collection has; 0 if it does not exist.

        An aggregation counts them, because some servers read each document for count_documents({}).
        FerretDB reads them all for the aggregation too. Its statistics are quick, but may be
        estimates, so they are used only if they equal `expected`.
        """
        with self.connection.translate_errors():
            if expected is not None and self.connection.is_ferretdb:
                if self.connection.database.command("collStats", collection)["count"] == expected:
                    return expected
            total = self.connection.collection(collection).aggregate(
                [{"$group": {"_id": None, "n": {"$sum": 1}}}]
            )
            return sum(found["n"] for found in total)

    def is_empty(self, collection: str) -> bool:
        """Return whether the collection has no documents, or does not exist."""
        with self.connection.translate_errors():
            return self.connection.collection(collection).find_one({}, {"_id": 1}) is None

    def collections(self) -> list[str]:
        """Return the names of all collections, sorted, except those for internal use."""
        with self.connection.translate_errors():
            names = self.connection.database.list_collection_names()
        return sorted(name for name in names if not name.lower().startswith(_HIDDEN))

    def scan(self, collection: str) -> MongoScan:
        """Return a scan of all documents of a collection."""
        return MongoScan(self.connection, self.batches, collection)

    def key_columns(
        self, collection: str, key: Sequence[str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """Yield the keys of all records in blocks: a column for each of the fields `key`."""
        return self.scan(collection).columns(Range(collection), key)

    def drop_collection(self, collection: str) -> None:
        """Delete a collection with its documents."""
        with self.connection.translate_errors():
            self.connection.database.drop_collection(collection)

    def delete(self, collection: str, *where: Condition) -> None:
        """Delete the documents that meet all conditions."""
        with self.connection.translate_errors():
            # nx-27017 makes the collection that it deletes from.
            if collection in self.connection.database.list_collection_names():
                self.connection.collection(collection).delete_many(_filter(where))

    def drop_database(self) -> None:
        """Delete the database from the server, and close the store."""
        with self.connection.translate_errors():
            self.connection.client.drop_database(self.connection.database.name)
        self.close()

    def _joined_in_two(
        self, collection: str, where: Condition, target: str, reference: str
    ) -> list[RawDocument]:
        """Return what find_joined yields: first query the references, then their targets."""
        references = [f[reference] for f in self.find(collection, (), (where,), sort=(reference,))]
        found = self.batches.by_ids(target, references, None)
        return sorted(found, key=lambda document: document["_id"])


def _filter(where: Sequence[Condition]) -> dict[str, dict[str, Value]]:
    """Return the filter for documents that meet all conditions."""
    found: dict[str, dict[str, Value]] = {}
    for name, sign, value in where:
        found.setdefault(name, {})[_OPERATORS[sign]] = value
    return found


def _indexed(key: Sequence[str]) -> Sequence[str]:
    """Return the fields of the index that has the records in the order of their key.

    A key of one field has no index of its own: `_id` holds the same values.
    """
    return ("_id",) if len(key) == 1 else key


def _sorted(cursor: Cursor[RawDocument], fields: Sequence[str]) -> Cursor[RawDocument]:
    return cursor.sort([(name, 1) for name in fields]) if fields else cursor


def _without_own(document: RawDocument) -> Document:
    for name in OWN_FIELDS:
        document.pop(name, None)
    return document
