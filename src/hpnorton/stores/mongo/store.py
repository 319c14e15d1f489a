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

from hpnorton.errors import MisfitError
from hpnorton.sanitize import caseless_parts
from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.types import NOUNS
from hpnorton.stores.base import FIRST_STOCK, Condition, Document, Key
from hpnorton.stores.history import HISTORY, key_texts
from hpnorton.stores.mongo.connection import RawDocument
from hpnorton.stores.mongo.counter import LAST, OWN_FIELDS, PENDING, MongoCounter
from hpnorton.stores.mongo.documents import index_name
from hpnorton.stores.mongo.scan import MongoScan
from hpnorton.stores.ranges import Range

_NAMESPACE_EXISTS = 48
_SAME_INDEX = (85, 86)  # IndexOptionsConflict, IndexKeySpecsConflict
_NO_SUCH_STAGE = (40324, 238)  # MongoDB's own code for an unknown stage, and FerretDB's
_TELLING_DOCUMENTS = 20
_ADVICE = "describe it in datapackage.json as it was, or import into another database (--uri)"
_PLAIN_TYPES = {"boolean": int, "binary": bytes}  # all others are text
_OPERATORS = {"=": "$eq", ">": "$gt", "<": "$lt"}
_HIDDEN = ("system.", OWN_PREFIX)
_NOT_OWN = dict.fromkeys(OWN_FIELDS, 0)


class MongoStore(MongoCounter):
    """A store in the database that a MongoDB URI names."""

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Makes the collection and its indexes if they are not there."""
        with self._errors():
            try:
                self._database.create_collection(collection.name)
            except errors.CollectionInvalid:
                pass  # it is there
            except errors.OperationFailure as error:
                if error.code != _NAMESPACE_EXISTS:  # another import has just made it
                    raise
            self.check_fit(collection)
            if with_indexes:
                self._ensure_indexes(collection)

    def _ensure_indexes(self, collection: Collection) -> None:
        wanted = list(collection.indexes)
        if len(collection.key) > 1:
            wanted.insert(0, collection.key)
        wanted = [f for f in wanted if not any(f == o[: len(f)] for o in wanted if o != f)]
        for fields in wanted:
            self._ensure_index(collection.name, fields)
        hidden = (PENDING,) if collection.name == HISTORY.name else ()
        for name in (*collection.lookups, *hidden):
            self._ensure_index(collection.name, (name,), sparse=True)

    def _ensure_index(self, collection: str, fields: Sequence[str], **options: Any) -> None:
        """Makes an index if none of these fields is there."""
        keys, name = [(field, 1) for field in fields], index_name(fields)
        try:
            self._of(collection).create_index(keys, name=name, **options)
        except errors.OperationFailure as error:
            if error.code not in _SAME_INDEX:  # somebody has made one under another name
                raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """No transaction: every write counts at once, and can be repeated."""
        yield

    @contextmanager
    def cached_schema(self) -> Iterator[None]:
        """Do nothing: a server is only asked for what is missing."""
        yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """No snapshot: what is read later may be newer."""
        yield

    def get(self, collection: str, key: Sequence[str], value: Key) -> Document | None:
        """The document of the collection, whose key is `key`, that has this one: by its `_id`."""
        del key  # `_id` holds it
        identity = key_texts([[part] for part in value])[0]
        with self._errors():
            return self._of(collection).find_one({"_id": identity}, _NOT_OWN)

    def find(
        self,
        collection: str,
        key: Sequence[str],
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[str] = (),
    ) -> Iterator[Document]:
        """The records that meet all conditions, sorted by the fields `sort`, or else by the key."""
        with self._errors():
            cursor = self._of(collection).find(_filter(where), _NOT_OWN)
            yield from _sorted(cursor, sort or _indexed(key))

    def search(
        self, collection: str, key: Sequence[str], fields: Sequence[str], text: str
    ) -> Iterator[Document]:
        """The records that may hold the text in one of the fields, whatever its case, by key.

        Servers differ in what they take for a letter's other case beyond ASCII.
        """
        pattern = ".*".join(map(re.escape, caseless_parts(text)))
        alike = {"$regex": pattern, "$options": "is"}
        with self._errors():
            cursor = self._of(collection).find({"$or": [{n: alike} for n in fields]}, _NOT_OWN)
            yield from _sorted(cursor, _indexed(key))

    def find_joined(
        self,
        collection: str,
        where: Condition,
        target: str,
        key: str,
        reference: str | None = None,
    ) -> Iterator[Document]:
        """The records of `target` that the matching records of `collection` refer to: one $lookup.

        Two queries where the server has no $lookup.
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
        with self._errors():
            try:
                found = list(self._of(collection).aggregate(pipeline))
            except errors.OperationFailure as error:
                if error.code not in _NO_SUCH_STAGE:
                    raise
                found = self._joined_in_two(collection, where, target, reference or key)
        yield from map(_without_own, found)

    def stocks(
        self, collection: str, key: str, stock: str, only: Value = None
    ) -> Iterator[tuple[Value, Value, Value, int | None]]:
        """For each record its key, the value of the field `stock`, first and now, and a number.

        It is that of the last line that has changed the record, 0 if none has.
        """
        with self._errors():
            which = {} if only is None else {"_id": only}
            cursor = self._of(collection).find(which, [key, FIRST_STOCK, stock, LAST])
            for found in _sorted(cursor, _indexed((key,))):
                last = found.get(LAST) or 0
                yield found.get(key), found.get(FIRST_STOCK), found.get(stock), last

    def count(self, collection: str, expected: int | None = None) -> int:
        """How many records the collection has; 0 if there is none of that name.

        Not by count_documents({}): its condition, though empty, makes some servers look at each
        document, as long as a third of an import takes (measured). FerretDB does so whatever is
        asked, and takes longer than an import; its statistics are quick, but may be estimates, so
        they are taken only for what is `expected`.
        """
        with self._errors():
            if expected is not None and self._is_ferretdb:
                if self._database.command("collStats", collection)["count"] == expected:
                    return expected
            total = self._of(collection).aggregate([{"$group": {"_id": None, "n": {"$sum": 1}}}])
            return sum(found["n"] for found in total)

    def is_empty(self, collection: str) -> bool:
        """Whether the collection has no documents, or is not there."""
        with self._errors():
            return self._of(collection).find_one({}, {"_id": 1}) is None

    def collections(self) -> list[str]:
        """The names of all collections, sorted, but for the server's and our own."""
        with self._errors():
            names = self._database.list_collection_names()
        return sorted(name for name in names if not name.lower().startswith(_HIDDEN))

    def scan(self, collection: str) -> MongoScan:
        """A look at all documents of a collection."""
        return MongoScan(self._of(collection), self._errors, self.absent)

    def key_columns(
        self, collection: str, key: Sequence[str]
    ) -> Iterator[Sequence[Sequence[Value]]]:
        """The keys of all records, in blocks: a column for each of the fields `key`."""
        return self.scan(collection).columns(Range(collection), key)

    def drop_collection(self, collection: str) -> None:
        """Removes a collection and its documents."""
        with self._errors():
            self._database.drop_collection(collection)

    def delete(self, collection: str, *where: Condition) -> None:
        """Delete the documents that meet all conditions."""
        with self._errors():
            # nx-27017 makes the collection that it deletes from.
            if collection in self._database.list_collection_names():
                self._of(collection).delete_many(_filter(where))

    def drop_database(self) -> None:
        """Removes the database from the server, and closes the store."""
        with self._errors():
            self._client.drop_database(self._database.name)
        self.close()

    def check_fit(self, collection: Collection) -> None:
        """Raises MisfitError if the documents there have another key or other types.

        Some documents tell for all. If any of them is as described, so are the others: what is not
        was written by another program, and is told where it is in the way.
        """
        with self._errors():
            stored = list(self._of(collection.name).find().limit(_TELLING_DOCUMENTS))
        if not stored:
            return
        place = f"the collection {collection.name} at {self._shown}"
        if not any(document["_id"] == _key_of(document, collection) for document in stored):
            self._check_origin(place, collection, stored[0])
            raise MisfitError(
                f"{place} has another key than {', '.join(collection.key)}, as it is described now;"
                f" {_ADVICE}"
            )
        for field in collection.fields:
            values = [v for each in stored if (v := each.get(field.name)) is not None]
            if values and not any(_has_type(value, field) for value in values):
                identity = next(d["_id"] for d in stored if d.get(field.name) is not None)
                raise MisfitError(
                    f"{place} has {values[0]!r} as the {field.name} of {identity}, which is not "
                    f"{NOUNS[field.type]}, as it is described now; {_ADVICE}, or correct the "
                    "values with the program that wrote them"
                )

    def _check_origin(self, place: str, collection: Collection, document: RawDocument) -> None:
        """Raises MisfitError if no import can have written a document."""
        if not isinstance(document["_id"], str | int | float):
            raise MisfitError(
                f"HPNorton has not made {place}: its documents have an _id of the type "
                f"{type(document['_id']).__name__} in place of {', '.join(collection.key)}; save "
                "them as a CSV file, for example with mongoexport, and import that into another "
                "database (--uri)"
            )

    def _joined_in_two(
        self, collection: str, where: Condition, target: str, reference: str
    ) -> list[RawDocument]:
        """The same without $lookup: the references first, then what they refer to."""
        references = [f[reference] for f in self.find(collection, (), (where,), sort=(reference,))]
        found = self._by_ids(target, references, None)
        return sorted(found, key=lambda document: document["_id"])


def _key_of(document: RawDocument, collection: Collection) -> Value:
    return key_texts([[document.get(name)] for name in collection.key])[0]


def _has_type(value: Any, field: Field) -> bool:
    """Whether a stored value may be one of the field's; nx-27017 makes true and 1.0 a 1."""
    if field.type in ("integer", "year"):
        return whole_number(value) is not None
    if field.type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, _PLAIN_TYPES.get(field.type, str))


def _filter(where: Sequence[Condition]) -> dict[str, dict[str, Value]]:
    """Return the filter for documents that meet all conditions."""
    found: dict[str, dict[str, Value]] = {}
    for name, sign, value in where:
        found.setdefault(name, {})[_OPERATORS[sign]] = value
    return found


def _indexed(key: Sequence[str]) -> Sequence[str]:
    """The fields that lead an index, and by which records come in the order of their key.

    A single field has no index but that of `_id`, which holds the key once more.
    """
    return ("_id",) if len(key) == 1 else key


def _sorted(cursor: Cursor[RawDocument], fields: Sequence[str]) -> Cursor[RawDocument]:
    return cursor.sort([(name, 1) for name in fields]) if fields else cursor


def _without_own(document: RawDocument) -> Document:
    for name in OWN_FIELDS:
        document.pop(name, None)
    return document
