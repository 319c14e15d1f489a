"""Values that another program has stored in the shop's collections: their types may differ."""

from collections.abc import Iterator, Mapping

from hpnorton.sanitize import quoted
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.stores.base import Condition, Document, Store
from hpnorton.stores.history import RecordKey

_NUMERIC = ("integer", "number", "year")
_TYPE_NAMES: Mapping[type, str] = {str: "text", float: "number with a point", bool: "boolean"}
REPAIR_STOCK = (
    "import the product with --mode upsert and its stock, or correct it with the program that "
    "wrote it"
)


def restore_integers(collection: Collection, record: Document) -> Document:
    """Replace floats such as 6.0 in the integer fields of a record, and return the record."""
    for name in collection.whole_numbers:
        if isinstance(value := record.get(name), float) and value.is_integer():
            record[name] = int(value)
    return record


def describe_value(value: object) -> str:
    """Return a value that has not the type of its field, and its own type, for a message."""
    if value is None:
        return "empty"
    return f"{str(value)!r}, a {_TYPE_NAMES.get(type(value), type(value).__name__)}"


def find_texts(store: Store, collection: Collection) -> Iterator[tuple[RecordKey, Field, Value]]:
    """Yield each text in a numeric field: the record's key, the field and the text."""
    for field in collection.fields:
        for sign in ("=", ">") if field.type in _NUMERIC else ():
            where: Condition = (field.name, sign, "")
            for record in store.find(collection.name, collection.key, (where,)):
                if isinstance(value := record[field.name], str):
                    key = tuple(record.get(name) for name in collection.key)
                    yield RecordKey(collection, key), field, value


def describe_text(record_key: RecordKey, field: Field, value: Value) -> str:
    """Return a message for a text in a numeric field."""
    name, text = record_key.collection.name, quoted(str(value))
    return f"the {field.name} of {name} {record_key.text} is {text}, not {field.noun}"
