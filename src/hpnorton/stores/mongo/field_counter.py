"""The fields of BSON documents, counted by path and type.

Most documents of a collection have one of a few shapes: the same names with values of the same
types. So shapes are counted, and each is taken apart only once.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import bson
from bson import (
    Binary,
    Code,
    CodecOptions,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.codec_options import DatetimeConversion

from hpnorton.schema.collection import OWN_PREFIX
from hpnorton.stores.field_statistics import CollectionStatistics, Example, FieldStatistics

# Reads dates that Python does not have, and texts that are not UTF-8.
LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
_MAX_SHAPES = 10_000
# The names are those of MongoDB's operator $type.
_NAMES: dict[type, str] = {
    float: "double",
    str: "string",
    dict: "object",
    DBRef: "object",
    list: "array",
    bytes: "binData",
    Binary: "binData",
    ObjectId: "objectId",
    bool: "bool",
    datetime: "date",
    DatetimeMS: "date",
    type(None): "null",
    Regex: "regex",
    Code: "javascript",
    int: "int",
    Timestamp: "timestamp",
    Int64: "long",
    Decimal128: "decimal",
    MinKey: "minKey",
    MaxKey: "maxKey",
}
_WITH_SCOPE = "javascriptWithScope"
# A type that is added to _NAMES may belong here too: to _NESTED if the type alone does not say what
# its values hold, to _WITHOUT_EXAMPLE if a value would be no example.
_NESTED = frozenset((dict, DBRef, list, Code))
_WITHOUT_EXAMPLE = frozenset((dict, DBRef, list, type(None), MinKey, MaxKey))

# (field names, or None for an array; value types; for each nested value its shape, and for Code
# whether it has a scope)
_Shape = tuple[tuple[str, ...] | None, tuple[type, ...], tuple[Any, ...]]


class FieldCounter:
    """Counts the fields of documents; examples carry `range_number`."""

    def __init__(self, range_number: int = 0) -> None:
        self._range_number = range_number
        self._statistics = CollectionStatistics()
        self._counts: Counter[_Shape] = Counter()

    def add(self, batch: bytes) -> int:
        """Count the documents that follow each other in a batch, and return how many they are.

        Raises bson.errors.InvalidBSON if a document cannot be read.
        """
        documents = bson.decode_all(batch, LENIENT)
        for document in documents:
            shape = _shape(document)
            if shape not in self._counts:
                self._add_examples("", document)
            self._counts[shape] += 1
        if len(self._counts) > _MAX_SHAPES:
            self._add_shapes_to_statistics()
        return len(documents)

    def statistics(self) -> CollectionStatistics:
        """Return the fields of all documents so far."""
        self._add_shapes_to_statistics()
        return self._statistics

    def _add_shapes_to_statistics(self) -> None:
        """Add up the fields of all shapes, and forget the shapes."""
        for shape, count in self._counts.items():
            self._statistics.add(list(_fields("", shape)), count)
        self._counts.clear()

    def _add_examples(self, path: str, value: Any) -> None:
        """Keep the values within a document or an array as examples where there are none yet."""
        for inner_path, inner in _inner_values(path, value):
            if type(inner) not in _WITHOUT_EXAMPLE:
                seen = self._statistics.fields.setdefault(inner_path, FieldStatistics())
                if seen.example is None:
                    seen.example = Example.of(self._range_number, inner)
            self._add_examples(inner_path, inner)


def _shape(value: dict[str, Any] | list[Any]) -> _Shape:
    """Return the shape of a document or array: equal for all with the same fields and types."""
    names, values = (None, value) if isinstance(value, list) else (tuple(value), value.values())
    types = tuple(map(type, values))
    if _NESTED.isdisjoint(types):
        return names, types, ()
    nested: list[Any] = []
    for kind, inner in zip(types, values):
        if kind is dict or kind is list:
            nested.append(_shape(inner))
        elif kind is DBRef:
            nested.append(_shape(inner.as_doc()))
        elif kind is Code:
            nested.append(inner.scope is not None)
    return names, types, tuple(nested)


def _fields(path: str, shape: _Shape) -> Iterator[tuple[str, str]]:
    """Yield the path and the name of the type of each field, and of each element, of a shape."""
    names, types, nested_shapes = shape
    nested = iter(nested_shapes)
    for index, kind in enumerate(types):
        inner = next(nested, None) if kind in _NESTED else None
        inner_path = _path(path, names[index] if names is not None else None)
        if inner_path is None:
            continue
        yield inner_path, _WITH_SCOPE if inner is True else _NAMES[kind]
        if isinstance(inner, tuple):
            yield from _fields(inner_path, inner)


def _inner_values(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each field of a document, or of each element of an array."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        paths = ((_path(path, name), inner) for name, inner in value.items())
        yield from ((inner_path, inner) for inner_path, inner in paths if inner_path is not None)
    elif isinstance(value, list):
        yield from ((f"{path}[]", inner) for inner in value)


def _path(prefix: str, name: str | None) -> str | None:
    """Return the path of a field, or of an element (no name); None for HPNorton's own fields."""
    if name is None:
        return f"{prefix}[]"
    if not prefix:
        return None if name.startswith(OWN_PREFIX) else name
    return f"{prefix}.{name}"
