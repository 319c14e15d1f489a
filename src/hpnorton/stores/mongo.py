"""The MongoDB store, through pymongo.

A document holds every field of its record under the field's own name, and its key once more as
`_id`: the value itself, or the values joined with `|` where the key has several fields. `_id` is
what makes an insert repeatable; text, not a sub-document, because every server can look it up.
"""

import atexit
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import pymongo
from pymongo import UpdateOne, errors
from pymongo.collection import Collection as MongoCollection
from pymongo.synchronous import monitor

from hpnorton.checks import Record
from hpnorton.errors import StoreAccessError, StoreError, StoreLostError
from hpnorton.fields import Field, Value
from hpnorton.schema import OWN_PREFIX, Collection
from hpnorton.settings import redact
from hpnorton.stores.compare import compare
from hpnorton.stores.mongo_scan import MongoScan
from hpnorton.stores.protocol import Batch, Condition, Document, Key, Mode, Written

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
_MOST_DOCUMENTS = 100_000  # maxWriteBatchSize of all servers since 3.6
_MOST_BYTES = 8 * 2**20  # for names: with twice the 16 MiB of a chunk it stays below 48 MB
_BYTES_A_CELL = 16
_HIDDEN = ("system.", OWN_PREFIX)

_RawDocument = dict[str, Any]


# At exit pymongo waits, for half a second, for threads that end by themselves. What waits has no
# public name; where it has another one, some function is unregistered that never was registered.
atexit.unregister(getattr(monitor, "_shutdown_resources", redact))


class MongoStore:
    """A store in the database that a MongoDB URI names."""

    def __init__(self, uri: str) -> None:
        self._shown = redact(uri)
        self._mostly_taken: set[str] = set()
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
            self.check_fit(collection)
            wanted = list(collection.indexes)
            if len(collection.key) > 1:
                wanted.insert(0, collection.key)
            wanted = [f for f in wanted if not any(f == o[: len(f)] for o in wanted if o != f)]
            for fields in wanted:
                self._of(collection.name).create_index([(name, 1) for name in fields])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """No transaction: every write counts at once, and can be repeated."""
        yield

    def write(self, batch: Batch, mode: Mode) -> Written:
        """Inserts the records whose keys are not there yet; those that are there may be replaced.

        Where nearly all keys were taken the last time, as when a file is imported again, the look
        at what is stored comes before the attempt.
        """
        if len(batch) == 0:
            return Written(0)
        name = batch.collection.name
        with self._errors():
            if name in self._mostly_taken:
                taken: Sequence[int] = range(len(batch))
                stored = self.stored(batch, taken)
                made = compare(batch, taken, stored, mode)
                if lost := self._insert(batch.only(made.new)):  # somebody else was quicker
                    stored |= self._kept(batch, [made.new[at] for at in lost])
                    made = compare(batch, taken, stored, mode)
            else:
                taken = self._insert(batch)
                made = compare(batch, taken, self._kept(batch, taken), mode)
            self._update(batch, made.changed)
        written = made.written(taken, len(batch) - len(taken))
        if len(written.taken) > len(batch) / 2:
            self._mostly_taken.add(name)
        else:
            self._mostly_taken.discard(name)
        return written

    def stored(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """What is stored under the keys at some positions: the values of the batch's columns."""
        if not positions:
            return {}
        ids = _ids_of(batch)
        keys = {ids[at]: batch.keys[at] for at in positions}
        with self._errors():
            found = self._by_ids(batch.collection.name, list(keys), batch.columns)
            return {keys[d["_id"]]: tuple(map(d.get, batch.columns)) for d in found}

    def absent(self, collection: str, key: Sequence[str], keys: Sequence[Key]) -> set[Key]:
        """Those of `keys` that no record of the collection, whose key is `key`, has."""
        del key  # `_id` holds it
        # What is null in part matches nothing.
        whole = [found for found in dict.fromkeys(keys) if None not in found]
        ids = _ids(list(zip(*whole))) if whole else []
        with self._errors():
            stored = {found["_id"] for found in self._by_ids(collection, ids, ("_id",))}
        present = {found for found, identity in zip(whole, ids) if identity in stored}
        return set(keys) - present

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

    def drop_collection(self, collection: str) -> None:
        """Removes a collection and its documents."""
        with self._errors():
            self._database.drop_collection(collection)

    def drop_database(self) -> None:
        """Removes the database from the server, and closes the store."""
        with self._errors():
            self._client.drop_database(self._database.name)
        self.close()

    def check_fit(self, collection: Collection) -> None:
        """Raises StoreError if the documents there have another key or other types.

        One document tells for all: every one came through here.
        """
        with self._errors():
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
            return StoreLostError(
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

    def _insert(self, batch: Batch) -> list[int]:
        """Inserts the documents, in no particular order; the positions of those left out.

        The command itself: insert_many looks at every document once more, in Python, which takes
        as long as making it (measured). Its retries are no loss: a chunk is repeated as a whole.
        """
        make = _documents_of(batch.columns, batch.collection.columns)
        documents = make(_ids_of(batch), *batch.values)
        width = sum(len(name) + _BYTES_A_CELL for name in batch.collection.columns)
        size = max(1, min(_MOST_DOCUMENTS, _MOST_BYTES // width))
        concern = self._database.write_concern.document
        taken: list[int] = []
        for start in range(0, len(documents), size):
            command = {
                "insert": batch.collection.name,
                "ordered": False,
                "documents": documents[start : start + size],
            }
            reply = self._database.command(command | ({"writeConcern": concern} if concern else {}))
            taken += [start + at for at in self._left_out(reply)]
        return taken

    def _left_out(self, reply: Mapping[str, Any]) -> list[int]:
        """The positions of the documents whose keys were there; raises any other fault."""
        faults = reply.get("writeErrors", [])
        others = [fault["errmsg"] for fault in faults if fault["code"] != _DUPLICATE_KEY]
        if "writeConcernError" in reply:
            others.append(reply["writeConcernError"].get("errmsg", "write concern"))
        if others:
            raise StoreError(f"MongoDB at {self._shown} refused: {others[0][:300]}")
        return sorted(fault["index"] for fault in faults)

    def _update(self, batch: Batch, changed: Mapping[Key, int]) -> None:
        if changed:
            ids = _ids_of(batch)
            self._of(batch.collection.name).bulk_write(
                [
                    UpdateOne(
                        {"_id": ids[at]}, {"$set": dict(zip(batch.columns, batch.record(at)))}
                    )
                    for at in changed.values()
                ],
                ordered=False,
            )

    def _kept(self, batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        """What is stored under the keys at some positions, which the server says are taken."""
        stored = self.stored(batch, positions)
        for at in positions:
            if batch.keys[at] not in stored:
                raise StoreError(
                    f"the collection {batch.collection.name} at {self._shown} has a rule of its "
                    f"own that keeps out the record {', '.join(map(str, batch.keys[at]))}; import "
                    "into another database"
                )
        return stored

    def _by_ids(
        self, collection: str, ids: Sequence[Value], columns: Sequence[str] | None
    ) -> Iterator[_RawDocument]:
        projection = None if columns is None else list(columns)
        for start in range(0, len(ids), _KEYS_A_QUERY):
            some = {"_id": {"$in": ids[start : start + _KEYS_A_QUERY]}}
            yield from self._of(collection).find(some, projection)


@cache
def _documents_of(
    columns: tuple[str, ...], fields: tuple[str, ...]
) -> Callable[..., list[_RawDocument]]:
    """A function that makes documents of ids and columns; fields that are no column are null.

    Every document of a collection has all its fields, as every row of a table has. The function is
    generated, because a display with the names in it is twice as fast as dict(zip(...)) (measured).
    """
    every = ", ".join(f"v{at}" for at in range(len(columns)))
    pairs = [f"{name!r}: v{at}" for at, name in enumerate(columns)]
    pairs += [f"{name!r}: None" for name in fields if name not in columns]
    display = f"{{'_id': i, {', '.join(pairs)}}}"
    source = f"lambda ids, {every}: [{display} for i, {every} in zip(ids, {every})]"
    made: Callable[..., list[_RawDocument]] = eval(  # pylint: disable=eval-used # names are quoted
        source, {"zip": zip}
    )
    return made


def _ids_of(batch: Batch) -> Sequence[Value]:
    """The `_id` of each record of a batch."""
    return _ids([batch.values[batch.columns.index(name)] for name in batch.collection.key])


def _ids(columns: Sequence[Sequence[Value]]) -> Sequence[Value]:
    """The `_id` of each record, from the columns of its key."""
    if len(columns) == 1:
        return columns[0]
    texts = [[str(value) for value in column] for column in columns]
    if any("|" in text or "\\" in text for column in texts for text in column):
        texts = [[re.sub(r"[|\\]", r"\\\g<0>", text) for text in column] for column in texts]
    return ["|".join(parts) for parts in zip(*texts)]


def _has_type(value: Any, field: Field) -> bool:
    """Whether a stored value may be one of the field's; nx-27017 makes true and 1.0 a 1."""
    if field.type in ("integer", "year"):
        return isinstance(value, int) and not isinstance(value, bool)
    if field.type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, int if field.type == "boolean" else str)


def _without_id(document: _RawDocument) -> Document:
    del document["_id"]
    return document


def _brief(error: Exception) -> str:
    return str(error).split(", full error:", maxsplit=1)[0].partition("\n")[0][:300]
