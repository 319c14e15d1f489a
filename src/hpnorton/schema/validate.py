"""Rows become records, or faults: what the schema says of a file's rows.

Columns are checked whole, since that is several times faster than cell by cell; the outcome is the
same. Codes are those of the Data Package world.
"""

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress

from hpnorton.errors import FileError
from hpnorton.sanitize import counted
from hpnorton.schema.collection import MAX_COLUMNS, Collection
from hpnorton.schema.field import Field, Value
from hpnorton.schema.headers import listed, nameless_column, unknown_columns
from hpnorton.schema.remarks import Oddity, Remark, odd_cells
from hpnorton.tabular.keys import trim
from hpnorton.tabular.rows import MAX_RECORD_BYTES, NO_MISQUOTED, MisquotedCell, Row
from hpnorton.tabular.signatures import is_cp1252

Record = tuple[Value, ...]

_OTHER_DELIMITERS = ";\t|"
_JOINED = re.compile(r"\w,\w")  # names of columns, not words of one name
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_EMPTY_KEY = "is empty, but is part of the key"


@dataclass(frozen=True)
class Fault:
    """Why a row is not in the database: `at` is its position in the chunk, from 0.

    `field` is the column's name or None for the row as a whole; `value` the cell as it stood.
    """

    at: int
    code: str
    message: str
    field: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Layout:
    """Which columns of a file hold which fields of a collection.

    `fields` are those the file has, in the collection's order, `positions` where each stands in a
    row, `width` how many cells a row has to have. `header` are the names as they stand in the file.
    """

    collection: Collection
    fields: tuple[Field, ...]
    positions: tuple[int, ...]
    width: int
    header: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the fields that the file has."""
        return tuple(field.name for field in self.fields)

    @cached_property
    def accepts_header(self) -> bool:
        """Whether a row that repeats the header would be a good one."""
        cells = (self.header[position] for position in self.positions)
        return not any(field.parse_column([c])[1] for field, c in zip(self.fields, cells))


@dataclass(frozen=True)
class Checked:
    """The values of a chunk's good rows, remarks on them, and the faults of the others.

    `values` hold a column for each field of the layout, `positions` where each good row stood in
    the chunk, `blanks` where those stood that are left out because all their cells are empty.
    """

    values: Sequence[Sequence[Value]]
    positions: Sequence[int]
    faults: Sequence[Fault]
    blanks: Sequence[int] = ()
    remarks: Sequence[Remark] = ()

    def without(self, faults: Sequence[Fault], blanks: Sequence[int] = ()) -> "Checked":
        """The same with more faults and blank rows, and without the rows that these are."""
        if not faults and not blanks:
            return self
        bad = {fault.at for fault in faults}.union(blanks)
        kept = [at not in bad for at in self.positions]
        return Checked(
            [list(compress(column, kept)) for column in self.values],
            list(compress(self.positions, kept)),
            sorted([*self.faults, *faults], key=lambda fault: fault.at),
            [*self.blanks, *blanks],
            [remark for remark in self.remarks if remark.at not in bad],
        )


def lay_out(collection: Collection, header: Sequence[str], file: str) -> Layout:
    """How `file` with this header holds records of `collection`.

    Columns may come in any order and those that are not required may be absent. Raises FileError.
    """
    known = {field.name: field for field in collection.fields}
    if "" in header and "" not in known:
        raise FileError(f"{file}: {nameless_column(header)}")
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
    """The names of a header without what nobody sees around them, of which `warnings` then tell.

    Names that are `known` stay as they are. Raises FileError for a blank before a quote, as in
    `id, "title"`, which would make the quotes a part of the name.
    """
    names = [name if name in known else trim(name) for name in header]
    if quoted := [old for old, new in zip(header, names) if old != new and new.startswith('"')]:
        raise FileError(
            f"{file}: the header has {listed(quoted)}, with a blank before the quote; quotes go "
            "around a whole cell: take the blank out"
        )
    if changed := [name for name, clean in zip(header, names) if name != clean]:
        warnings.append(f"the header has {listed(changed)}; blanks around a name are left out")
    return names


def check_width(header: Sequence[str], file: str) -> None:
    """Raises FileError for more columns than any collection can have."""
    if len(header) > MAX_COLUMNS:
        raise FileError(
            f"{file}: the header has {len(header):,} columns; a table of SQLite can have "
            f"{MAX_COLUMNS:,}"
        )


def check_delimiter(header: Sequence[str], file: str) -> None:
    """Raises FileError for a header whose columns something else than a comma separates."""
    if len(header) == 1 and _JOINED.search(header[0]):
        raise FileError(
            f"{file}: the header is a single cell in quotes, with commas in it; take the quotes "
            "around whole lines out"
        )
    used = [mark for mark in _OTHER_DELIMITERS if len(header) == 1 and mark in header[0]]
    if header[0].lower().startswith("sep="):
        raise FileError(f"{file}: the first line is Excel's 'sep='; delete that line")
    if used:
        raise FileError(
            f"{file}: the columns seem to be separated by {used[0]!r}; save it with commas"
        )


def check_rows(
    layout: Layout,
    rows: Sequence[Row],
    positions: Sequence[int] | None = None,
    *,
    is_suspicious: bool,
    misquoted: Mapping[int, MisquotedCell] = NO_MISQUOTED,
    has_marks: bool = True,
    recomposed: Sequence[tuple[int, int]] = (),
) -> Checked:
    """Checks rows of a chunk, which stand in it at `positions`, or from its beginning on.

    `is_suspicious` says that cells may hold what no text should, or be very long, `misquoted` which
    rows have wrong quotes, `has_marks` that cells may begin with a mark, `recomposed` which cells
    were not in NFC (see chunk.Rows).
    """
    faults = _row_faults(layout, rows, misquoted)
    if is_suspicious:
        faults += _length_faults(layout, rows)
        faults += _text_faults(layout, rows)
    kept = _without(faults, range(len(rows)))
    columns = list(zip(*(rows[at] for at in kept))) if faults else list(zip(*rows))
    values, cell_faults, remarks = _check_columns(layout, columns, kept, has_marks=has_marks)
    faults += cell_faults
    remarks = [*_recomposed(layout, rows, recomposed), *remarks]
    suspects = {fault.at for fault in faults}
    if columns and layout.accepts_header and layout.header[0] in columns[0]:
        suspects.update(at for at in kept if rows[at][0] == layout.header[0])
    named, blanks = _name_whole_rows(layout, faults, suspects, rows)
    checked = Checked(values, kept, [], remarks=remarks).without(named, blanks)
    return checked if positions is None else _placed(checked, positions)


def _check_columns(
    layout: Layout, columns: Sequence[Sequence[str]], kept: Sequence[int], *, has_marks: bool
) -> tuple[list[Sequence[Value]], list[Fault], list[Remark]]:
    """The values of the rows that are `kept`, column by column, with what their cells have."""
    values: list[Sequence[Value]] = []
    faults: list[Fault] = []
    remarks: list[Remark] = []
    for field, position in zip(layout.fields, layout.positions):
        cells = columns[position] if columns else ()
        column, errors = field.parse_column(cells)
        values.append(column)
        odd = odd_cells(field, cells, column, has_marks=has_marks)
        remarks += [Remark(kept[at], code, field.name, cells[at]) for at, code in odd]
        faults += [
            Fault(kept[at], error.code, error.message, field.name, cells[at])
            for at, error in errors.items()
        ]
        if field.name in layout.collection.key and None in column:
            empty = [kept[at] for at, v in enumerate(column) if v is None and at not in errors]
            faults += [Fault(at, "primary-key", _EMPTY_KEY, field.name, "") for at in empty]
    return values, faults, remarks


def _row_faults(
    layout: Layout, rows: Sequence[Row], misquoted: Mapping[int, MisquotedCell]
) -> list[Fault]:
    """The faults of rows with wrong quotes, or more or fewer cells than the header."""
    faults = [_quote_fault(layout, at, cell) for at, cell in misquoted.items()]
    if set(map(len, rows)) - {layout.width}:
        faults += [
            _shape_fault(layout, at, row)
            for at, row in enumerate(rows)
            if len(row) != layout.width and at not in misquoted
        ]
    return faults


def _recomposed(
    layout: Layout, rows: Sequence[Row], places: Sequence[tuple[int, int]]
) -> list[Remark]:
    """The remarks on cells that were brought into NFC, whichever fields they are in."""
    held = [place for place in places if place[1] in layout.positions]
    return [Remark(at, Oddity.COMPOSED, "", rows[at][column]) for at, column in held]


def _placed(checked: Checked, positions: Sequence[int]) -> Checked:
    """The same for rows that stand elsewhere: the first at the first of `positions`, and so on."""
    are_all = len(checked.positions) == len(positions)
    faults = [replace(fault, at=positions[fault.at]) for fault in checked.faults]
    remarks = [replace(remark, at=positions[remark.at]) for remark in checked.remarks]
    kept = positions if are_all else [positions[at] for at in checked.positions]
    blanks = [positions[at] for at in checked.blanks]
    return Checked(checked.values, kept, faults, blanks, remarks)


def _without(faults: Sequence[Fault], positions: Sequence[int]) -> Sequence[int]:
    """The positions that have no fault; `positions` itself if there are no faults."""
    bad = {fault.at for fault in faults}
    return [at for at in positions if at not in bad] if bad else positions


def _shape_fault(layout: Layout, at: int, row: Row) -> Fault:
    expected = f"the row has {counted(len(row), 'cell')}, the header {layout.width}"
    if len(row) > layout.width:
        return Fault(at, "extra-cell", f"{expected}; does a cell with a comma lack its quotes?")
    if any("\n" in cell or "\r" in cell for cell in row):
        return Fault(
            at, "missing-cell", f"{expected}, and spans several lines; is a quote left open?"
        )
    return Fault(at, "missing-cell", expected)


def _quote_fault(layout: Layout, at: int, cell: MisquotedCell) -> Fault:
    names = layout.header
    name = names[cell.column] if cell.column < len(names) else None
    return Fault(at, "quote-error", cell.reason, name, cell.text)


def _length_faults(layout: Layout, rows: Sequence[Row]) -> list[Fault]:
    """The rows that no document of MongoDB can hold; it has the key twice."""
    key = [p for p, f in zip(layout.positions, layout.fields) if f.name in layout.collection.key]
    faults = []
    for at, row in enumerate(rows):
        cells = [*row, *(row[position] for position in key if position < len(row))]
        if 4 * sum(map(len, cells)) <= MAX_RECORD_BYTES:  # a character has at most four bytes
            continue
        size = sum(len(cell.encode(errors="surrogateescape")) for cell in cells)
        if size > MAX_RECORD_BYTES:
            message = (
                f"the row has {size / 2**20:.1f} MiB, its key counted twice; a record can have "
                f"{MAX_RECORD_BYTES >> 20}: take a part of it out"
            )
            faults.append(Fault(at, "too-long", message))
    return faults


def too_long(layout: Layout, offset: int, length: int) -> Checked:
    """What the check of a row is that was not even read: its place and length tell of it."""
    message = (
        f"the row has {length:,} bytes, from byte {offset:,} of the file on; a record can have "
        f"{MAX_RECORD_BYTES >> 20} MiB, so it is not kept among the rejected rows: take a part of "
        "it out; or does it lack a closing quote?"
    )
    return Checked([() for _ in layout.fields], [], [Fault(0, "too-long", message)])


def _text_faults(layout: Layout, rows: Sequence[Row]) -> list[Fault]:
    """The cells that hold a NUL character, or a surrogate in place of a byte that is not UTF-8."""
    names = {position: field.name for position, field in zip(layout.positions, layout.fields)}
    return [
        Fault(at, "encoding-error", message, names.get(position), cell)
        for at, row in enumerate(rows)
        for position, cell in enumerate(row)
        if (message := text_fault(cell))
    ]


def text_fault(cell: str) -> str | None:
    """What is wrong with a text as such, or None."""
    if "\0" in cell:
        return "holds a NUL character, which no text should"
    if not cell.isascii() and any("\ud800" <= char <= "\udfff" for char in cell):
        # Bytes come as U+DC80 to U+DCFF (PEP 383); the other surrogates stand for no byte.
        is_windows = is_cp1252(_NO_BYTE.sub("", cell).encode(errors="surrogateescape"))
        looks = "they look like Windows-1252 (cp1252): " if is_windows else ""
        return f"holds bytes that are not UTF-8; {looks}save the file as CSV UTF-8"
    return None


def _name_whole_rows(
    layout: Layout, faults: Sequence[Fault], suspects: AbstractSet[int], rows: Sequence[Row]
) -> tuple[list[Fault], list[int]]:
    """The faults of suspect rows, but only one if it has no value at all or repeats the header.

    And which of them are blank, which is no fault.
    """
    missing = {at: field.missing_values for at, field in zip(layout.positions, layout.fields)}
    header = list(layout.header)
    named: list[Fault] = []
    blanks: list[int] = []
    for at in sorted(suspects):
        if is_blank(rows[at]):
            blanks.append(at)
        elif rows[at] == header:
            message = "the row repeats the header; were files joined?"
            named.append(Fault(at, "repeated-header", message))
        elif all(cell in missing.get(position, ("",)) for position, cell in enumerate(rows[at])):
            message = "the row has nothing but missing values"
            named.append(Fault(at, "blank-row", message))
    left = suspects - {fault.at for fault in named} - set(blanks)
    return [fault for fault in faults if fault.at in left] + named, blanks


def is_blank(row: Row) -> bool:
    """Whether nobody sees anything in a row, as in those that spreadsheets add at the end."""
    return not trim("".join(row))
