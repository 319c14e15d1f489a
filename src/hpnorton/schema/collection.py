"""Collections: the fields and keys of customers, products, rentals and whatever else is imported.

A collection is named as its resource in the data package (see datapackage.py). Its primary key is
the identity of its records in every database.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from hpnorton.errors import SchemaError
from hpnorton.sanitize import quoted
from hpnorton.schema.field import Field

OWN_PREFIX = "hpnorton_"  # of HPNorton's own collections and fields
MAX_COLUMNS = 2000  # SQLITE_MAX_COLUMN, https://www.sqlite.org/limits.html
_MAX_NAME_BYTES = 120  # a namespace of MongoDB, with the database's name, holds 255
_MAX_COLUMN_BYTES = 255


@dataclass(frozen=True)
class ForeignKey:
    """A reference: `fields` of a record hold `parent_fields` of a record of `parent`."""

    fields: tuple[str, ...]
    parent: str
    parent_fields: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """A named set of records with the same fields, identified by the fields in `key`.

    `lookups` are other fields by which records are often searched.
    `stock` is the integer field that counts what is in stock, if there is one: its changes go into
    the history, and stores keep its first value beside it, so that both can be audited. If
    `is_tracked`, the journal keeps which records each import inserted or replaced.
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    lookups: tuple[str, ...] = ()
    stock: str | None = None
    is_tracked: bool = False

    def __post_init__(self) -> None:
        """Mark the fields of the key and of the foreign keys with `is_key`."""
        names = {*self.key, *(name for foreign in self.foreign_keys for name in foreign.fields)}
        fields = tuple(replace(each, is_key=each.name in names) for each in self.fields)
        object.__setattr__(self, "fields", fields)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> "Collection":
        """Return the collection that dataclasses.asdict turned into plain values."""
        return Collection(
            plain["name"],
            tuple(map(Field.from_plain, plain["fields"])),
            tuple(plain["key"]),
            tuple(
                ForeignKey(tuple(f["fields"]), f["parent"], tuple(f["parent_fields"]))
                for f in plain["foreign_keys"]
            ),
            tuple(plain["lookups"]),
            plain["stock"],
            plain["is_tracked"],
        )

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the fields, in order."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def indexes(self) -> tuple[tuple[str, ...], ...]:
        """Return the foreign keys that need an index besides that of the primary key."""
        wanted = dict.fromkeys(foreign.fields for foreign in self.foreign_keys)
        return tuple(fields for fields in wanted if fields != self.key[: len(fields)])

    @cached_property
    def whole_numbers(self) -> tuple[str, ...]:
        """Return the names of the fields whose values are whole numbers."""
        return tuple(field.name for field in self.fields if field.type in ("integer", "year"))

    def can_count(self, name: str) -> bool:
        """Return whether `name` is an integer field that a stock can be counted in."""
        return name not in self.key and any(
            (field.name, field.type) == (name, "integer") for field in self.fields
        )


def undescribed_collection(name: str, header: Sequence[str]) -> Collection:
    """Return the collection of a file without a data package: text, keyed by its first column."""
    collection = Collection(name, tuple(Field(column) for column in header), (header[0],))
    check_names(collection)
    return collection


def check_names(collection: Collection, location: str | None = None) -> None:
    """Check that SQLite and MongoDB can both hold the names, so that data can move between them.

    `location` says in messages where the collection is described. Raises SchemaError.
    """
    check_collection_name(collection.name)
    location = location or f"collection {collection.name}"
    if len(collection.columns) > MAX_COLUMNS:
        raise SchemaError(
            f"{location} has {len(collection.columns):,} columns; a table of SQLite can have "
            f"{MAX_COLUMNS:,}"
        )
    seen: dict[str, str] = {}
    for number, column in enumerate(collection.columns, start=1):
        if not column.strip():
            raise SchemaError(f"{location}: column {number} has no name; name it in the header")
        if reason := _unusable(column):
            raise SchemaError(
                f"{location}: the column name {quoted(column)} {reason}; rename the column"
            )
        if twin := seen.get(column.casefold()):
            raise SchemaError(
                f"{location}: the columns {twin!r} and {column!r} have the same name for a "
                "database; rename one of them"
            )
        seen[column.casefold()] = column


def _unusable(column: str) -> str | None:
    """Return why a database cannot have a column of this name, or None."""
    length = len(column.encode(errors="surrogatepass"))
    reasons = {
        "starts with $, which MongoDB reads as an operator": column.startswith("$"),
        "has a dot, which MongoDB reads as a path": "." in column,
        "has a NUL character": "\0" in column,
        "has half a character": any("\ud800" <= char <= "\udfff" for char in column),
        "is reserved by MongoDB": column == "_id",
        "starts with the prefix of HPNorton's own fields": column.lower().startswith(OWN_PREFIX),
        f"is longer than {_MAX_COLUMN_BYTES} bytes": length > _MAX_COLUMN_BYTES,
    }
    return next((reason for reason, is_so in reasons.items() if is_so), None)


def check_collection_name(name: str) -> None:
    """Check that SQLite and MongoDB both take a name for a collection. Raises SchemaError."""
    if not re.fullmatch(r"\w([\w .-]*[\w-])?", name) or ".." in name:
        reason = "use letters, digits, '_', '-', and blanks or dots within"
    elif name.lower().startswith(("sqlite_", "system.")):
        reason = "databases keep names that start like that for themselves"
    elif name.lower().startswith(OWN_PREFIX):
        reason = "names that start like that are reserved for HPNorton's own collections"
    elif len(name.encode()) > _MAX_NAME_BYTES:
        reason = f"use at most {_MAX_NAME_BYTES} bytes"
    else:
        return
    raise SchemaError(
        f"{quoted(name)} cannot be the name of a collection: {reason}. "
        "Name the collection yourself: COLLECTION=FILE"
    )
