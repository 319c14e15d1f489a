"""The MongoDB store, through pymongo.

A document holds every field of its record under the field's own name, and its key once more as
`_id`: the value itself, or the values joined with `|` where the key has several fields. `_id` is
what makes an insert repeatable; text, not a sub-document, because every server can look it up.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo import errors
from pymongo.collection import Collection as MongoCollection

from hpnorton.checks import Record
from hpnorton.errors import StoreAccessError, StoreError
from hpnorton.fields import Field, Value
from hpnorton.schema import Collection
from hpnorton.settings import redact
from hpnorton.stores.protocol import Condition, Conflict, Document, Inserted, Key, first_difference

_DEFAULT_DATABASE = "hpnorton"
_TIMEOUT_OPTION = "serverSelectionTimeoutMS"
_TIMEOUT_MS = 3000
_SOCKET_OPTION = "socketTimeoutMS"
_SOCKET_MS = 60_000
_DUPLICATE_KEY = 11000
_AUTHENTICATION_FAILED = (18, 8000)  # the second is Atlas's
_UNAUTHORIZED = (13,)
_NAMESPACE_EXISTS = 48
_COMMAND_NOT_FOUND = 59
_NO_SUCH_STAGE = (40324, 238)  # MongoDB's own code for an unknown stage, and FerretDB's
_OPERATORS = {"=": "$eq", ">": "$gt"}
_KEYS_A_QUERY = 5000

_RawDocument = dict[str, Any]


class MongoStore:
    """A store in the database that a MongoDB URI names."""

    def __init__(self, uri: str) -> None:
        self._shown = redact(uri)
        with self._errors():
            self._client = self._connect(uri)
            self._database = self._client.get_default_database(_DEFAULT_DATABASE)
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def ensure(self, collection: Collection) -> None:
        """Makes the indexes of the collection, and with them the collection."""
        with self._errors():
            try:
                self._database.create_collection(collection.name)
            except errors.CollectionInvalid:
                pass  # it is there
            except errors.OperationFailure as error:
                if error.code != _NAMESPACE_EXISTS:  # another import has just made it
                    raise
            self._check_fit(collection)
            wanted = list(collection.indexes)
            if len(collection.key) > 1:
                wanted.insert(0, collection.key)
            wanted = [f for f in wanted if not any(f == o[: len(f)] for o in wanted if o != f)]
            for fields in wanted:
                self._of(collection.name).create_index([(name, 1) for name in fields])

    def insert(
        self, collection: Collection, columns: Sequence[str], records: Sequence[Record]
    ) -> Inserted:
        """Inserts the records whose keys are not there yet, in no particular order."""
        if not records:
            return Inserted(0, [])
        key = [columns.index(name) for name in collection.key]
        ids = _ids([[record[at] for record in records] for at in key])
        # Every document of a collection has all its fields, as every row of a table has.
        absent = dict.fromkeys(name for name in collection.columns if name not in columns)
        names = ("_id", *columns)
        documents: list[_RawDocument] = [
            dict(zip(names, (identity, *record)), **absent)
            for identity, record in zip(ids, records)
        ]
        with self._errors():
            try:
                self._of(collection.name).insert_many(documents, ordered=False)
                return Inserted(len(records), [])
            except errors.BulkWriteError as error:
                taken = self._taken(error)
            conflicts = list(self._conflicts(collection.name, columns, records, ids, taken))
            return Inserted(len(records) - len(taken), conflicts)

    def absent(self, collection: str, key: Sequence[str], keys: Sequence[Key]) -> set[Key]:
        """Those of `keys` that no record of the collection, whose key is `key`, has."""
        unique = list(dict.fromkeys(keys))
        ids = _ids(list(zip(*unique))) if unique else []
        with self._errors():
            stored = {found["_id"] for found in self._by_ids(collection, ids, ("_id",))}
        return {key for key, identity in zip(unique, ids) if identity not in stored}

    def find(
        self, collection: str, sort: Sequence[str], where: Sequence[Condition] = ()
    ) -> Iterator[Document]:
        """The records that meet all conditions, sorted; none if there is no such collection."""
        condition = {name: {_OPERATORS[sign]: value} for name, sign, value in where}
        with self._errors():
            cursor = self._of(collection).find(condition, {"_id": 0})
            yield from cursor.sort([(name, 1) for name in sort])

    def find_joined(
        self, collection: str, where: Condition, target: str, field: str
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
                    "localField": field,
                    "foreignField": "_id",
                    "as": "target",
                }
            },
            {"$unwind": "$target"},
            {"$replaceRoot": {"newRoot": "$target"}},
            {"$sort": {field: 1}},
        ]
        with self._errors():
            try:
                found = list(self._of(collection).aggregate(pipeline))
            except errors.OperationFailure as error:
                if error.code not in _NO_SUCH_STAGE:
                    raise
                found = self._joined_in_two(collection, where, target, field)
        yield from map(_without_id, found)

    def count(self, collection: str) -> int:
        """How many records the collection has; 0 if there is none of that name."""
        with self._errors():
            return self._of(collection).count_documents({})

    def collections(self) -> list[str]:
        """The names of all collections, sorted."""
        with self._errors():
            names = self._database.list_collection_names()
        return sorted(name for name in names if not name.startswith("system."))

    def drop_collection(self, collection: str) -> None:
        """Removes a collection and its documents."""
        with self._errors():
            self._database.drop_collection(collection)

    def drop_database(self) -> None:
        """Removes the database from the server, and closes the store."""
        with self._errors():
            self._client.drop_database(self._database.name)
        self.close()

    def _check_fit(self, collection: Collection) -> None:
        """Refuses a collection whose documents have another key or other types.

        One document tells for all: every one came through here.
        """
        stored = self._of(collection.name).find_one()
        if stored is None:
            return
        advice = "import into another database, or drop this one with --drop-database"
        place = f"the collection {collection.name} at {self._shown}"
        key = [[stored.get(name)] for name in collection.key]
        if stored["_id"] != _ids(key)[0]:
            raise StoreError(
                f"{place} has another key than the file, whose is {', '.join(collection.key)}; "
                f"{advice}"
            )
        for field in collection.fields:
            value = stored.get(field.name)
            if value is not None and not _has_type(value, field):
                raise StoreError(
                    f"{place} has a field {field.name} with values such as {value!r}, the file's "
                    f"is {field.type}; {advice}"
                )

    def _connect(self, uri: str) -> pymongo.MongoClient[_RawDocument]:
        options: dict[str, Any] = {"appname": "hpnorton"}
        if _TIMEOUT_OPTION not in uri:
            options[_TIMEOUT_OPTION] = _TIMEOUT_MS
        if _SOCKET_OPTION not in uri:
            options[_SOCKET_OPTION] = _SOCKET_MS
        try:
            with warnings.catch_warnings():
                # pymongo warns of a wrong option and goes on without it, a login or TLS included.
                warnings.simplefilter("error", UserWarning)
                return pymongo.MongoClient(uri, **options)
        except (errors.InvalidURI, ValueError):
            # pymongo's text may quote a piece of the password, so it is not kept as the cause.
            raise StoreAccessError(
                f"{self._shown} is no valid MongoDB URI; escape characters such as @ : / in user "
                "name and password as %40 %3A %2F"
            ) from None
        except UserWarning as warning:
            raise StoreAccessError(f"{self._shown} has a wrong option: {warning}") from None

    def _of(self, collection: str) -> MongoCollection[_RawDocument]:
        return self._database[collection]

    def _log_in(self) -> None:
        with self._errors():
            try:
                self._database.command("ping")
            except (KeyError, errors.OperationFailure) as error:
                # A server that knows no login answers without what pymongo looks for, or refuses.
                if isinstance(error, errors.OperationFailure) and error.code != _COMMAND_NOT_FOUND:
                    raise
                raise StoreAccessError(
                    f"{self._shown} did not understand the login; check user name, password and "
                    "authMechanism in the URI"
                ) from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Says in our words what pymongo raises."""
        try:
            yield
        except errors.PyMongoError as error:
            raise self._explained(error) from error

    def _explained(self, error: errors.PyMongoError) -> StoreError:
        code = error.code if isinstance(error, errors.OperationFailure) else None
        if isinstance(error, errors.ConnectionFailure) and not isinstance(
            error, errors.WaitQueueTimeoutError
        ):
            return StoreAccessError(
                f"no MongoDB answers at {self._shown}; check that it runs and that the address is "
                "right"
            )
        if code in _AUTHENTICATION_FAILED:
            return StoreAccessError(
                f"{self._shown} refused the login; check user name, password and authSource"
            )
        if code in _UNAUTHORIZED:
            return StoreAccessError(
                f"{self._shown} does not let this user do that; ask for the role readWrite"
            )
        if isinstance(error, errors.ConfigurationError):
            return StoreAccessError(f"{self._shown} cannot be used: {_brief(error)}")
        return StoreError(f"MongoDB at {self._shown} refused: {_brief(error)}")

    def _joined_in_two(
        self, collection: str, where: Condition, target: str, field: str
    ) -> list[_RawDocument]:
        """The same without $lookup: the references first, then what they refer to."""
        references = [found[field] for found in self.find(collection, (field,), (where,))]
        found = self._by_ids(target, references, None)
        return sorted(found, key=lambda document: document[field])

    def _taken(self, error: errors.BulkWriteError) -> list[int]:
        """The positions of the documents whose keys were there; raises any other fault."""
        faults = error.details["writeErrors"]
        others = [fault for fault in faults if fault["code"] != _DUPLICATE_KEY]
        if others:
            raise StoreError(f"MongoDB at {self._shown} refused: {others[0]['errmsg'][:300]}")
        if error.details.get("writeConcernErrors"):
            raise error
        return sorted(fault["index"] for fault in faults)

    def _conflicts(
        self,
        collection: str,
        columns: Sequence[str],
        records: Sequence[Record],
        ids: Sequence[Value],
        taken: Sequence[int],
    ) -> Iterator[Conflict]:
        wanted = list(dict.fromkeys(ids[at] for at in taken))
        stored = {found["_id"]: found for found in self._by_ids(collection, wanted, columns)}
        for at in taken:
            if ids[at] not in stored:
                raise StoreError(
                    f"the collection {collection} at {self._shown} has a rule of its own that "
                    f"keeps out the record {ids[at]}; import into another database"
                )
            conflict = first_difference(columns, records[at], stored[ids[at]], at)
            if conflict:
                yield conflict

    def _by_ids(
        self, collection: str, ids: Sequence[Value], columns: Sequence[str] | None
    ) -> Iterator[_RawDocument]:
        projection = None if columns is None else list(columns)
        for start in range(0, len(ids), _KEYS_A_QUERY):
            some = {"_id": {"$in": ids[start : start + _KEYS_A_QUERY]}}
            yield from self._of(collection).find(some, projection)


def _ids(columns: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """The `_id` of each record, from the columns of its key."""
    if len(columns) == 1:
        return columns[0]
    texts = [[str(value) for value in column] for column in columns]
    if any("|" in text or "\\" in text for column in texts for text in column):
        texts = [[re.sub(r"[|\\]", r"\\\g<0>", text) for text in column] for column in texts]
    return ["|".join(parts) for parts in zip(*texts)]


def _has_type(value: Any, field: Field) -> bool:
    kinds: dict[str, type] = {"integer": int, "year": int, "number": float, "boolean": bool}
    wanted = kinds.get(field.type, str)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def _without_id(document: _RawDocument) -> Document:
    del document["_id"]
    return document


def _brief(error: Exception) -> str:
    return str(error).split(", full error:", maxsplit=1)[0].partition("\n")[0][:300]
