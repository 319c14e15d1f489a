"""Tables of HPNorton's own: dataclasses stored like records, so that every store keeps them."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar, get_args

from hpnorton.schema.collection import OWN_PREFIX, Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.stores.base import Batch, Condition, Mode, Store, Written

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", bytes: "binary"}

Entry = TypeVar("Entry")


class EntryTable(Generic[Entry]):
    """A collection of entries: instances of the dataclass `kind`, told apart by its fields `key`.

    A field is of one of the types str, int, float, bool and bytes, or of one of them `| None`.
    """

    def __init__(self, name: str, kind: type[Entry], *key: str) -> None:
        self._kind = kind
        self._types = {field.name: _type_of(field.type) for field in fields(kind)}  # type: ignore[arg-type]
        described = tuple(Field(name, _TYPES[type_]) for name, type_ in self._types.items())
        self.collection = Collection(OWN_PREFIX + name, described, key)

    @property
    def name(self) -> str:
        """The name of the collection in a database."""
        return self.collection.name

    def find(self, store: Store, *where: Condition) -> list[Entry]:
        """Return the entries that meet all conditions, by key. Raises StoreError."""
        documents = store.find(self.name, self.collection.key, where)
        return [self._entry(document) for document in documents]

    def write(self, store: Store, entries: Iterable[Entry], mode: Mode = Mode.UPSERT) -> Written:
        """Write entries in one transaction. Raises StoreError."""
        names = self.collection.columns
        rows = [tuple(getattr(entry, name) for name in names) for entry in entries]
        return self.write_columns(store, list(zip(*rows)), mode) if rows else Written(0)

    def write_columns(
        self, store: Store, columns: Sequence[Sequence[Value]], mode: Mode = Mode.UPSERT
    ) -> Written:
        """Write entries that come as columns, one for each field. Raises StoreError."""
        with store.transaction():
            return store.write(Batch(self.collection, self.collection.columns, columns), mode)

    def _entry(self, document: dict[str, Any]) -> Entry:
        values = {name: document.get(name) for name in self._types}
        for name, type_ in self._types.items():
            if type_ is bool:  # SQLite has none, and some servers store numbers
                values[name] = bool(values[name])
        return self._kind(**values)


def _type_of(annotation: Any) -> type:
    """Return the type of a field; of `str | None` the first."""
    found: type = (get_args(annotation) or (annotation,))[0]
    return found
