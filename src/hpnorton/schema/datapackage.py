"""Collections read from a datapackage.json.

The Data Package standard (https://datapackage.org) describes each file as a resource with fields,
a primaryKey and foreignKeys.
"""

import json
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from hpnorton.errors import SchemaError
from hpnorton.sanitize import quoted
from hpnorton.schema.collection import Collection, ForeignKey, check_names
from hpnorton.schema.descriptors import field_from_descriptor
from hpnorton.tabular.keys import to_nfc

PACKAGE_NAME = "datapackage.json"
_MAX_BYTES = 8 * 2**20  # forty times a description of 2,000 columns

Package = Mapping[str, Collection]


def find_collection(name: str, folders: Iterable[Path]) -> Collection | None:
    """Return the collection `name` of the first data package that has it, or None.

    Looks for datapackage.json in each of `folders` and in the folder above it. Raises SchemaError
    if one of them is invalid, or has the name in other capitals: databases differ in whether that
    is the same name.
    """
    for path in _packages_near(folders):
        names = [name for name in map(_name, _resources(path)) if isinstance(name, str)]
        if name in names:
            return load_package(path, name)[name]
        for twin in names:
            if twin.casefold() == name.casefold():
                raise SchemaError(f"{path} calls the collection {twin!r}; say {twin}=FILE")
    return None


def find_collections(folders: Iterable[Path]) -> list[Collection]:
    """Return all collections of the data packages that find_collection reads.

    Invalid ones are left out: they matter only to their own files.
    """
    found: list[Collection] = []
    for path in _packages_near(folders):
        for name in map(_name, _resources(path)):
            if isinstance(name, str):
                with suppress(SchemaError):
                    found.append(load_package(path, name)[name])
    return found


@lru_cache(maxsize=32)
def load_package(path: Path, name: str | None = None) -> Package:
    """Return the collections of a datapackage.json by name. Raises SchemaError.

    With `name`, only that collection and those it refers to are validated and returned.
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


def _packages_near(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        for parent in (folder, folder.absolute().parent):
            if (path := parent / PACKAGE_NAME).is_file():
                yield path


@lru_cache(maxsize=32)
def _resources(path: Path) -> list[Any]:
    descriptor = _read_json(path)
    resources = descriptor.get("resources") if isinstance(descriptor, dict) else None
    if not isinstance(resources, list):
        raise SchemaError(f"{path} is not a data package: it has no list of resources")
    return resources


def _read_json(path: Path) -> Any:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would block
            raise SchemaError(f"{path} cannot be read: it is not a plain file")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise SchemaError(
                f"{path} is larger than the {_MAX_BYTES >> 20} MiB that a description may have"
            )
        return json.loads(to_nfc(data.decode("utf-8-sig")))
    except OSError as error:
        raise SchemaError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SchemaError(f"{path} is not JSON: {error}") from error
    except RecursionError:
        raise SchemaError(f"{path} has too many brackets within brackets") from None


def _name(resource: Any) -> Any:
    return resource.get("name") if isinstance(resource, dict) else None


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


def _shown_name(resource: Any) -> str:
    name = resource.get("name") if isinstance(resource, dict) else resource
    return quoted(name) if isinstance(name, str) else f"without a name ({type(name).__name__})"


def _collection(resource: Mapping[str, Any], path: Path) -> Collection:
    name = resource["name"]
    if not isinstance(name, str):
        raise TypeError("its name, which is not text")
    location = f"{path}: resource {name}"
    _check_path(resource, location)
    schema = resource.get("schema")
    if isinstance(schema, str):
        schema = _read_json(_path_inside(path.parent, schema, location))
    if not isinstance(schema, dict) or not schema.get("fields"):
        raise SchemaError(f"{location} has no schema with fields")
    missing_values = schema.get("missingValues", [""])
    fields = tuple(field_from_descriptor(f, missing_values, location) for f in schema["fields"])
    key = _names(schema.get("primaryKey") or fields[0].name)
    foreign_keys = tuple(
        ForeignKey(
            _names(foreign["fields"]),
            _parent(foreign["reference"], name),
            _names(foreign["reference"]["fields"]),
        )
        for foreign in schema.get("foreignKeys", ())
    )
    collection = Collection(name, fields, key, foreign_keys, stock=schema.get("stock"))
    check_names(collection, location)
    if collection.stock is not None and not collection.can_count(collection.stock):
        raise SchemaError(
            f"{location}: stock names {quoted(str(collection.stock))}, which is no integer field "
            "outside the primary key; name such a field, or take the stock out"
        )
    used = {*key, *(field for foreign in foreign_keys for field in foreign.fields)}
    if unknown := sorted(used.difference(collection.columns)):
        raise SchemaError(f"{location}: a key names fields that do not exist: {', '.join(unknown)}")
    return collection


def _parent(reference: Mapping[str, Any], name: str) -> str:
    parent = reference.get("resource") or name
    if not isinstance(parent, str):
        raise TypeError("a reference whose resource is not text")
    return parent


def _names(value: str | Sequence[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(each, str) for each in names):
        raise TypeError("a key whose fields are not text")
    if len(set(names)) < len(names):
        raise ValueError(f"a key that has a field twice: {', '.join(names)}")
    return names


def _path_inside(folder: Path, name: str, location: str) -> Path:
    """Return the path of a file of `folder`. Raises SchemaError for one outside of it, or a URL.

    The standard forbids absolute and parent paths. A URL is not fetched, so that a data package
    cannot make HPNorton call any server.
    """
    if "://" in name:
        raise SchemaError(f"{location}: {name!r} is a URL; save the schema beside {PACKAGE_NAME}")
    try:
        path = (folder / name).resolve()
        is_inside = path.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise SchemaError(f"{location}: {name!r} is not a file name: {error}") from error
    if not is_inside:
        raise SchemaError(f"{location}: {name!r} is outside the data package's folder")
    return path


def _check_path(resource: Mapping[str, Any], location: str) -> None:
    """Raise SchemaError for a path that the standard forbids, though the file is never read."""
    paths = resource.get("path") or ()
    for path in [paths] if isinstance(paths, str) else paths:
        parts = PurePosixPath(path).parts
        if "://" not in path and (path.startswith("/") or ".." in parts):
            raise SchemaError(
                f"{location}: the path {path!r} leads out of the data package's folder, which the "
                "Data Package standard forbids; write it relative to the folder, without '..'"
            )


def _check_foreign_keys(collection: Collection, package: Package, path: Path) -> None:
    location = f"{path}: resource {collection.name}"
    for foreign in collection.foreign_keys:
        parent = package.get(foreign.parent)
        if parent is None:
            raise SchemaError(
                f"{location} refers to {foreign.parent!r}, but no resource here has that name"
            )
        if parent is collection:
            raise SchemaError(f"{location} refers to itself; it can only refer to other resources")
        if foreign.parent_fields != parent.key or len(foreign.fields) != len(parent.key):
            raise SchemaError(
                f"{location} refers to {', '.join(foreign.parent_fields)} of {parent.name}; "
                f"it has to refer to its primary key, {', '.join(parent.key)}"
            )
