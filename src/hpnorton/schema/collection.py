"""Collections: what a customer, a product and a rental is, read from a datapackage.json.

The Data Package standard (https://datapackage.org) describes each file as a resource with fields,
a primaryKey and foreignKeys. A collection is named as its resource; its primaryKey is the identity
of its records in every database.
"""

import json
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from hpnorton.errors import SchemaError
from hpnorton.rental_names import PRODUCTS, QUANTITY
from hpnorton.sanitize import quoted
from hpnorton.schema.descriptors import field_from_descriptor
from hpnorton.schema.field import Field
from hpnorton.tabular.keys import composed

PACKAGE_NAME = "datapackage.json"
OWN_PREFIX = "hpnorton_"  # of the collections, and fields, that hold our own notes
MAX_COLUMNS = 2000  # SQLITE_MAX_COLUMN, https://www.sqlite.org/limits.html
_MOST_BYTES = 8 * 2**20  # of a description: forty times that of 2,000 columns
_MOST_COLLECTION_BYTES = 120  # a namespace of MongoDB, with the database's name, holds 255
_MOST_COLUMN_BYTES = 255


@dataclass(frozen=True)
class ForeignKey:
    """`fields` of a record hold the key, `parent_fields`, of a record of `parent`."""

    fields: tuple[str, ...]
    parent: str
    parent_fields: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """A named set of records with the same fields, told apart by the fields in `key`.

    `lookups` are more fields by which records are looked for, though many have no value there.
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    lookups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Mark the fields that tell records apart or refer to others: see keys.py."""
        names = {*self.key, *(name for foreign in self.foreign_keys for name in foreign.fields)}
        fields = tuple(replace(each, is_key=each.name in names) for each in self.fields)
        object.__setattr__(self, "fields", fields)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> "Collection":
        """The collection that dataclasses.asdict has made plain, and JSON has kept."""
        return Collection(
            plain["name"],
            tuple(map(Field.from_plain, plain["fields"])),
            tuple(plain["key"]),
            tuple(
                ForeignKey(tuple(f["fields"]), f["parent"], tuple(f["parent_fields"]))
                for f in plain["foreign_keys"]
            ),
            tuple(plain["lookups"]),
        )

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def indexes(self) -> tuple[tuple[str, ...], ...]:
        """The foreign keys that the primary key's own index does not already answer."""
        wanted = dict.fromkeys(foreign.fields for foreign in self.foreign_keys)
        return tuple(fields for fields in wanted if fields != self.key[: len(fields)])

    @cached_property
    def whole_numbers(self) -> tuple[str, ...]:
        """The fields whose values are whole numbers."""
        return tuple(field.name for field in self.fields if field.type in ("integer", "year"))

    @cached_property
    def stock(self) -> str | None:
        """The field that counts what is in stock, if this collection has it.

        Stores keep its first value beside it, so that the books can be proven.
        """
        counts = any((f.name, f.type) == (QUANTITY, "integer") for f in self.fields)
        return QUANTITY if self.name == PRODUCTS and counts else None


Package = Mapping[str, Collection]


def describe(name: str, folders: Iterable[Path]) -> Collection | None:
    """The collection `name` of the first data package that has it, or None.

    Looks for datapackage.json in each of `folders` and in the folder above it. Raises SchemaError
    if one of them cannot be used, or has the name in other letters: databases differ in whether
    that is the same name.
    """
    for folder in folders:
        for place in (folder, folder.absolute().parent):
            path = place / PACKAGE_NAME
            if not path.is_file():
                continue
            known = [r.get("name") for r in _resources(path) if isinstance(r, dict)]
            names = [each for each in known if isinstance(each, str)]
            if name in names:
                return load_package(path, name)[name]
            for twin in names:
                if twin.casefold() == name.casefold():
                    raise SchemaError(f"{path} calls the collection {twin!r}; say {twin}=FILE")
    return None


def described_in(folders: Iterable[Path]) -> list[Collection]:
    """Return all collections of the data packages in which describe looks for one.

    Those that cannot be used are left out: they matter to the files that are theirs only.
    """
    found: list[Collection] = []
    for folder in folders:
        for path in (folder / PACKAGE_NAME, folder.absolute().parent / PACKAGE_NAME):
            for name in map(_name, _resources(path) if path.is_file() else ()):
                if isinstance(name, str):
                    with suppress(SchemaError):
                        found.append(load_package(path, name)[name])
    return found


def undescribed(name: str, header: Sequence[str]) -> Collection:
    """The collection of a file that no data package describes: text, keyed by its first column."""
    collection = Collection(name, tuple(Field(column) for column in header), (header[0],))
    _check_names(collection)
    return collection


@lru_cache(maxsize=32)
def load_package(path: Path, name: str | None = None) -> Package:
    """The collections of a datapackage.json, by name. Raises SchemaError.

    With `name` only that one and those it refers to: what is wrong with others does not matter.
    """
    resources = _resources(path)
    collections = _collections([r for r in resources if name in (None, _name(r))], path)
    chosen = list(collections.values())
    if name is not None:
        parents = {foreign.parent for c in chosen for foreign in c.foreign_keys} - {name}
        collections |= _collections([r for r in resources if _name(r) in parents], path)
    for collection in chosen:
        _check_foreign_keys(collection, collections, path)
    return collections


@lru_cache(maxsize=32)
def _resources(path: Path) -> list[Any]:
    descriptor = _read_json(path)
    resources = descriptor.get("resources") if isinstance(descriptor, dict) else None
    if not isinstance(resources, list):
        raise SchemaError(f"{path} is not a data package: it has no list of resources")
    return resources


def _name(resource: Any) -> Any:
    return resource.get("name") if isinstance(resource, dict) else resource


def _shown_name(resource: Any) -> str:
    name = _name(resource)
    return quoted(name) if isinstance(name, str) else f"without a name ({type(name).__name__})"


def _collections(resources: Iterable[Any], path: Path) -> dict[str, Collection]:
    collections: dict[str, Collection] = {}
    for resource in resources:
        try:
            collection = _collection(resource, path)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise SchemaError(
                f"{path}: resource {_shown_name(resource)} is malformed near {str(error)[:100]}"
            ) from error
        if collection.name.casefold() in map(str.casefold, collections):
            raise SchemaError(f"{path} has two resources named {collection.name!r}; rename one")
        collections[collection.name] = collection
    return collections


def _read_json(path: Path) -> Any:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise SchemaError(f"{path} cannot be read: it is not a plain file")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise SchemaError(
                f"{path} is larger than the {_MOST_BYTES >> 20} MiB that a description may have"
            )
        return json.loads(composed(data.decode("utf-8-sig")))
    except OSError as error:
        raise SchemaError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SchemaError(f"{path} is not JSON: {error}") from error
    except RecursionError:
        raise SchemaError(f"{path} has too many brackets within brackets") from None


def _collection(resource: Mapping[str, Any], path: Path) -> Collection:
    name = resource["name"]
    if not isinstance(name, str):
        raise TypeError("its name, which is no text")
    where = f"{path}: resource {name}"
    _check_path(resource, where)
    schema = resource.get("schema")
    if isinstance(schema, str):
        schema = _read_json(_inside(path.parent, schema, where))
    if not isinstance(schema, dict) or not schema.get("fields"):
        raise SchemaError(f"{where} has no schema with fields")
    missing_values = schema.get("missingValues", [""])
    fields = tuple(field_from_descriptor(f, missing_values, where) for f in schema["fields"])
    key = _names(schema.get("primaryKey") or fields[0].name)
    foreign_keys = tuple(
        ForeignKey(
            _names(foreign["fields"]),
            _parent(foreign["reference"], name),
            _names(foreign["reference"]["fields"]),
        )
        for foreign in schema.get("foreignKeys", ())
    )
    collection = Collection(name, fields, key, foreign_keys)
    _check_names(collection, where)
    used = {*key, *(field for foreign in foreign_keys for field in foreign.fields)}
    if unknown := sorted(used.difference(collection.columns)):
        raise SchemaError(f"{where}: a key names fields that are not there: {', '.join(unknown)}")
    return collection


def _parent(reference: Mapping[str, Any], name: str) -> str:
    parent = reference.get("resource") or name
    if not isinstance(parent, str):
        raise TypeError("a reference to what is no name")
    return parent


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(each, str) for each in names):
        raise TypeError("a key whose fields are no texts")
    if len(set(names)) < len(names):
        raise ValueError(f"a key that has a field twice: {', '.join(names)}")
    return names


def _inside(folder: Path, name: str, where: str) -> Path:
    """The file `name` of `folder`; the standard forbids absolute and parent paths.

    What a URL names is not fetched: a description is not to decide whom we call.
    """
    if "://" in name:
        raise SchemaError(f"{where}: {name!r} is a URL; save the schema beside {PACKAGE_NAME}")
    try:
        path = (folder / name).resolve()
        is_inside = path.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise SchemaError(f"{where}: {name!r} is no name of a file: {error}") from error
    if not is_inside:
        raise SchemaError(f"{where}: {name!r} is outside the data package's folder")
    return path


def _check_path(resource: Mapping[str, Any], where: str) -> None:
    """Refuses a path that the standard forbids. Nothing is read from there: files are named."""
    paths = resource.get("path") or ()
    for path in [paths] if isinstance(paths, str) else paths:
        parts = PurePosixPath(path).parts
        if "://" not in path and (path.startswith("/") or ".." in parts):
            raise SchemaError(
                f"{where}: the path {path!r} leads out of the data package's folder, which the "
                "Data Package standard forbids; write it relative to the folder, without '..'"
            )


def _check_foreign_keys(collection: Collection, package: Package, path: Path) -> None:
    where = f"{path}: resource {collection.name}"
    for foreign in collection.foreign_keys:
        parent = package.get(foreign.parent)
        if parent is None:
            raise SchemaError(f"{where} refers to {foreign.parent!r}, which is no resource here")
        if parent is collection:
            raise SchemaError(f"{where} refers to itself; it can only refer to other resources")
        if foreign.parent_fields != parent.key or len(foreign.fields) != len(parent.key):
            raise SchemaError(
                f"{where} refers to {', '.join(foreign.parent_fields)} of {parent.name}; "
                f"it has to refer to its primary key, {', '.join(parent.key)}"
            )


def _check_names(collection: Collection, where: str | None = None) -> None:
    """Refuses names that SQLite or MongoDB cannot hold, so that data can move between them."""
    check_collection_name(collection.name)
    where = where or f"collection {collection.name}"
    if len(collection.columns) > MAX_COLUMNS:
        raise SchemaError(
            f"{where} has {len(collection.columns):,} columns; a table of SQLite can have "
            f"{MAX_COLUMNS:,}"
        )
    seen: dict[str, str] = {}
    for number, column in enumerate(collection.columns, start=1):
        if not column.strip():
            raise SchemaError(f"{where}: column {number} has no name; name it in the header")
        if reason := _unusable(column):
            raise SchemaError(
                f"{where}: the column name {quoted(column)} {reason}; rename the column"
            )
        if twin := seen.get(column.casefold()):
            raise SchemaError(
                f"{where}: the columns {twin!r} and {column!r} have the same name for a database; "
                "rename one of them"
            )
        seen[column.casefold()] = column


def _unusable(column: str) -> str | None:
    """Why a column cannot have its name, if it cannot."""
    length = len(column.encode(errors="surrogatepass"))
    reasons = {
        "starts with $, which MongoDB takes for an operator": column.startswith("$"),
        "has a dot, which MongoDB takes for a path": "." in column,
        "has a NUL character": "\0" in column,
        "has half a character": any("\ud800" <= char <= "\udfff" for char in column),
        "is the one that MongoDB keeps for itself": column == "_id",
        "starts like those that HPNorton keeps for its own notes": column.lower().startswith(
            OWN_PREFIX
        ),
        f"is longer than {_MOST_COLUMN_BYTES} bytes": length > _MOST_COLUMN_BYTES,
    }
    return next((reason for reason, is_so in reasons.items() if is_so), None)


def check_collection_name(name: str) -> None:
    """Raises SchemaError unless both SQLite and MongoDB take `name` for a collection."""
    if not re.fullmatch(r"\w([\w .-]*[\w-])?", name) or ".." in name:
        reason = "use letters, digits, '_', '-', and blanks or dots within"
    elif name.lower().startswith(("sqlite_", "system.")):
        reason = "databases keep names that start like that for themselves"
    elif name.lower().startswith(OWN_PREFIX):
        reason = "HPNorton keeps its own notes under names that start like that"
    elif len(name.encode()) > _MOST_COLLECTION_BYTES:
        reason = f"use at most {_MOST_COLLECTION_BYTES} bytes"
    else:
        return
    raise SchemaError(
        f"{quoted(name)} cannot be the name of a collection: {reason}. "
        "Name the collection yourself: COLLECTION=FILE"
    )
