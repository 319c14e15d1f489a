"""The collection that a file is probably meant for, if its name says another one.

A file called products.csv, or customers-2026-11-27.csv, would become a collection of its own, which
neither queries nor the counter use.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from pathlib import Path

from hpnorton.errors import SchemaError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores.history import HISTORY

_MIN_SIMILARITY = 0.85  # of two names, by difflib
_WORD = re.compile(r"[^\W\d_]+")
# How databases store the values of types other than text.
_STORED_AS = {"integer": "integer", "year": "integer", "number": "number", "boolean": "boolean"}
_TEXT = "string"
_MIN_COLUMNS = 2  # in common
_SUFFICIENT_COLUMNS = 3  # in common, if the key is a single column


@dataclass(frozen=True)
class Known:
    """What a database knows of earlier imports.

    `origins` are the folders that the files of imports came from, `definitions` the collections as
    they were described, `names` those of all collections.
    """

    origins: Mapping[str, Path] = field(default_factory=dict)
    definitions: Mapping[str, Collection] = field(default_factory=dict)
    names: Sequence[str] = ()


def likely_target(
    name: str, header: Sequence[str], described: Sequence[Collection], names: Sequence[str]
) -> tuple[str, str] | None:
    """Return the collection that a file is probably meant for, and why, or None.

    `described` are the collections with a description, `names` those of all others.
    """
    whole = {each.name: each for each in described if not is_plain(each)}
    likely = [(_likeness(name, each), each) for each in dict.fromkeys([*whole, *names])]
    best, target = max(likely, default=(0.0, ""))
    if target.casefold() == name.casefold():
        return None  # names that differ only in capitals are refused, by sources.py
    if best >= _MIN_SIMILARITY:
        return target, f"its name is close to {target!r}"
    mine = _folded(header)
    alike = [
        each for each in whole.values() if each.name != name and _has_columns(name, mine, each)
    ]
    if not alike:
        return None
    nearest = max(alike, key=lambda each: len(mine & _folded(each.columns)))
    nearly = "" if mine == _folded(nearest.columns) else "nearly "
    return nearest.name, f"its columns are {nearly}those of {nearest.name!r}"


def check_same(earlier: Collection | None, collection: Collection) -> None:
    """Raise SchemaError if a collection is described with another key, or with other types.

    `earlier` is its description in the journal, since not every database keeps all of it. New
    fields are allowed, and fields may be missing.
    """
    if earlier is None:
        return
    name = collection.name
    advice = "describe it as it was, or import the file into another collection: COLLECTION=FILE"
    if earlier.key != collection.key:
        raise SchemaError(
            f"the collection {name} has the key {', '.join(earlier.key)}, the file's is "
            f"{', '.join(collection.key)}; {advice}"
        )
    types = {each.name: each.type for each in earlier.fields}
    twins = {each.casefold(): each for each in types}
    for each in collection.fields:
        twin = twins.get(each.name.casefold(), each.name)
        if twin != each.name:
            raise SchemaError(
                f"the field {twin} of the collection {name} differs from the file's {each.name} "
                f"only in capitals; {advice}"
            )
        was = types.get(each.name, each.type)
        if _STORED_AS.get(was, _TEXT) != _STORED_AS.get(each.type, _TEXT):
            raise SchemaError(
                f"the field {each.name} of the collection {name} is of the type {was}, the file's "
                f"is {each.type}; {advice}"
            )


def check_history(collection: Collection, file: str) -> None:
    """Raise SchemaError for records that would replace the counter's history."""
    if collection.name.casefold() != HISTORY.name.casefold():
        return
    types = {each.name: each.type for each in collection.fields}
    expected = {each.name: each.type for each in HISTORY.fields}
    if (collection.name, collection.key, types) != (HISTORY.name, HISTORY.key, expected):
        raise SchemaError(
            f"the counter keeps its history in a collection named {HISTORY.name}, and {file} is "
            "not one that --export has written, with its datapackage.json; import it under another "
            f"name: NAME={file}"
        )


def is_plain(collection: Collection) -> bool:
    """Return whether a collection has no description but the header of its first file."""
    are_text = all(each == Field(each.name) for each in collection.fields)
    return are_text and len(collection.key) == 1 and not collection.foreign_keys


def widened(collection: Collection, header: Sequence[str], warnings: list[str]) -> Collection:
    """Return a collection without a description with the additional columns of a file.

    They are added to `warnings`. Columns that differ from others only in capitals are left out.
    """
    twins = set(map(str.casefold, collection.columns))
    more = [name for name in header if name.casefold() not in twins]
    if not (more and is_plain(collection) and set(collection.key) <= set(header)):
        return collection
    warnings.append(f"{', '.join(more)}: new in {collection.name}, empty in the records there")
    return replace(collection, fields=(*collection.fields, *map(Field, more)))


def _likeness(name: str, other: str) -> float:
    """Return how similar two names are, 0.0 to 1.0, without dates, punctuation and a plural's s.

    If the other name has digits, they count: sales-2025 is not sales-2026.
    """
    if re.search(r"\d", other):
        return float(_plain(name) == _plain(other))
    mine, its = ("".join(_words(each)) for each in (name, other))
    return SequenceMatcher(None, mine, its).ratio() if mine and its else 0.0


def _has_columns(name: str, mine: AbstractSet[str], collection: Collection) -> bool:
    """Return whether a folded header may be that of a file of a collection.

    A key alone does not suffice, since files of other collections refer to it.
    """
    columns, key = _folded(collection.columns), _folded(collection.key)
    needed = key | _folded(each.name for each in collection.fields if each.required)
    common = columns & mine
    if len(common) < _MIN_COLUMNS:
        return False
    if needed <= mine and (mine <= columns or columns <= mine):
        return len(needed) >= _MIN_COLUMNS or len(common) >= _SUFFICIENT_COLUMNS
    is_called_so = set(_words(collection.name)) <= set(_words(name))
    return (is_called_so or key < common) and 2 * len(common) >= len(mine)


def _folded(names: Iterable[str]) -> set[str]:
    """Return names of columns without case, blanks and punctuation."""
    return set(map(_plain, names)) - {""}


def _words(text: str) -> list[str]:
    """Return the words of a name, without accents, capitals and a plural's s."""
    words = _WORD.findall(_plain(text, keeps_words=True))
    return [word.removesuffix("s") or word for word in words]


def _plain(text: str, *, keeps_words: bool = False) -> str:
    """Return a name without accents and capitals, and only its letters and digits."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in folded if not unicodedata.combining(char))
    return letters if keeps_words else "".join(filter(str.isalnum, letters))
