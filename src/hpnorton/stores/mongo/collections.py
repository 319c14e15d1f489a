"""The collections of MongoDB: how they are created, and compared with a description."""

from collections.abc import Sequence
from typing import Any

from pymongo import errors

from hpnorton.errors import MisfitError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value, whole_number
from hpnorton.schema.types import NOUNS
from hpnorton.stores.history import HISTORY, key_texts
from hpnorton.stores.messages import ADVICE
from hpnorton.stores.mongo.connection import MongoConnection, RawDocument
from hpnorton.stores.mongo.documents import index_name
from hpnorton.stores.mongo.steps import PENDING

_NAMESPACE_EXISTS = 48
_SAME_INDEX = (85, 86)  # IndexOptionsConflict, IndexKeySpecsConflict
_SAMPLE_SIZE = 20
_PLAIN_TYPES = {"boolean": int, "binary": bytes}  # all others are text


class MongoCollections:
    """The collections of a database, made through a connection."""

    def __init__(self, connection: MongoConnection) -> None:
        self._connection = connection

    def ensure(self, collection: Collection, *, with_indexes: bool = True) -> None:
        """Create the collection and its indexes unless they exist."""
        with self._connection.translate_errors():
            try:
                self._connection.database.create_collection(collection.name)
            except errors.CollectionInvalid:
                pass  # it exists
            except errors.OperationFailure as error:
                if error.code != _NAMESPACE_EXISTS:  # another import has just created it
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
        """Create an index unless there is one of these fields."""
        keys, name = [(field, 1) for field in fields], index_name(fields)
        try:
            self._connection.collection(collection).create_index(keys, name=name, **options)
        except errors.OperationFailure as error:
            if error.code not in _SAME_INDEX:  # it exists under another name
                raise

    def check_fit(self, collection: Collection) -> None:
        """Raise MisfitError if the documents there have another key or other types.

        A few documents are checked. If one of them is as described, so are the others: what is not
        was written by another program, and is reported where it is in the way.
        """
        with self._connection.translate_errors():
            stored = list(self._connection.collection(collection.name).find().limit(_SAMPLE_SIZE))
        if not stored:
            return
        name = f"the collection {collection.name} at {self._connection.shown}"
        if not any(document["_id"] == _key_of(document, collection) for document in stored):
            self._check_origin(name, collection, stored[0])
            raise MisfitError(
                f"{name} has another key than {', '.join(collection.key)}, as it is described now;"
                f" {ADVICE}"
            )
        for field in collection.fields:
            values = [v for each in stored if (v := each.get(field.name)) is not None]
            if values and not any(_has_type(value, field) for value in values):
                identity = next(d["_id"] for d in stored if d.get(field.name) is not None)
                raise MisfitError(
                    f"{name} has {values[0]!r} as the {field.name} of {identity}, which is not "
                    f"{NOUNS[field.type]}, as it is described now; {ADVICE}, or correct the "
                    "values with the program that wrote them"
                )

    def _check_origin(self, name: str, collection: Collection, document: RawDocument) -> None:
        """Raise MisfitError if no import can have written a document."""
        if not isinstance(document["_id"], str | int | float):
            raise MisfitError(
                f"HPNorton has not made {name}: its documents have an _id of the type "
                f"{type(document['_id']).__name__} in place of {', '.join(collection.key)}; save "
                "them as a CSV file, for example with mongoexport, and import that into another "
                "database (--uri)"
            )


def _key_of(document: RawDocument, collection: Collection) -> Value:
    return key_texts([[document.get(name)] for name in collection.key])[0]


def _has_type(value: Any, field: Field) -> bool:
    """Return whether a value may be one of the field's; nx-27017 stores true and 1.0 as 1."""
    if field.type in ("integer", "year"):
        return whole_number(value) is not None
    if field.type == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, _PLAIN_TYPES.get(field.type, str))
