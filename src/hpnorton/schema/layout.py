"""The header of a file, checked and matched with the fields of a collection."""

import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property

from hpnorton.errors import FileError
from hpnorton.schema.collection import MAX_COLUMNS, Collection
from hpnorton.schema.field import Field
from hpnorton.schema.headers import listed, nameless_columns, unknown_columns
from hpnorton.tabular.keys import trim

_OTHER_DELIMITERS = ";\t|"
_JOINED = re.compile(r"\w,\w")  # several names, not words of one name


@dataclass(frozen=True)
class Layout:
    """Which columns of a file hold which fields of a collection.

    `fields` are those that the file has, in the collection's order, and `positions` the indexes of
    their columns. `width` is the number of cells that a row has to have, `header` the names in the
    file's order.
    """

    collection: Collection
    fields: tuple[Field, ...]
    positions: tuple[int, ...]
    width: int
    header: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the fields that the file has."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def accepts_header(self) -> bool:
        """Return whether a row that repeats the header would be valid."""
        cells = (self.header[position] for position in self.positions)
        return not any(field.parse_column([c])[1] for field, c in zip(self.fields, cells))


def make_layout(collection: Collection, header: Sequence[str], file: str) -> Layout:
    """Match the header of `file` with the fields of a collection.

    Columns may come in any order, and those that are not required may be absent. Raises FileError.
    """
    known = {field.name: field for field in collection.fields}
    if "" in header and "" not in known:
        raise FileError(f"{file}: {nameless_columns(header)}")
    if repeated := sorted(name for name, count in Counter(header).items() if count > 1):
        raise FileError(f"{file}: the header has {listed(repeated)} twice; rename one of them")
    if not known.keys() >= set(header):
        raise FileError(f"{file}: {unknown_columns(header, collection)}")
    needed = [f.name for f in collection.fields if f.required or f.name in collection.key]
    if absent := [name for name in needed if name not in header]:
        raise FileError(
            f"{file}: the header lacks {listed(absent)}, which {collection.name} needs; "
            f"add {'the column' if len(absent) == 1 else 'them'}"
        )
    fields = tuple(field for field in collection.fields if field.name in header)
    positions = tuple(header.index(field.name) for field in fields)
    return Layout(collection, fields, positions, len(header), tuple(header))


def clean_header(
    header: Sequence[str], known: Container[str], file: str, warnings: list[str]
) -> list[str]:
    """Return the names of a header without invisible characters around them.

    Names that are `known` stay unchanged; a sentence about the others is added to `warnings`.
    Raises FileError for a blank before a quote, as in `id, "title"`, which would make the quotes a
    part of the name.
    """
    names = [name if name in known else trim(name) for name in header]
    if quoted := [old for old, new in zip(header, names) if old != new and new.startswith('"')]:
        raise FileError(
            f"{file}: the header has {listed(quoted)}, with a blank before the quote; quotes go "
            "around a whole cell: remove the blank"
        )
    if changed := [name for name, clean in zip(header, names) if name != clean]:
        warnings.append(f"the header has {listed(changed)}; blanks around a name are left out")
    return names


def check_width(header: Sequence[str], file: str) -> None:
    """Raise FileError for more columns than any collection can have."""
    if len(header) > MAX_COLUMNS:
        raise FileError(
            f"{file}: the header has {len(header):,} columns; a table of SQLite can have "
            f"{MAX_COLUMNS:,}"
        )


def check_delimiter(header: Sequence[str], file: str) -> None:
    """Raise FileError for a header whose columns are not separated by commas."""
    if len(header) == 1 and _JOINED.search(header[0]):
        raise FileError(
            f"{file}: the header is a single cell in quotes, with commas in it; remove the quotes "
            "around whole lines"
        )
    used = [mark for mark in _OTHER_DELIMITERS if len(header) == 1 and mark in header[0]]
    if header[0].lower().startswith("sep="):
        raise FileError(f"{file}: the first line is Excel's 'sep='; delete that line")
    if used:
        raise FileError(
            f"{file}: the columns seem to be separated by {used[0]!r}; save it with commas"
        )
