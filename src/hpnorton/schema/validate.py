"""Validation: the rows of a file become the values of records, or are rejected with a reason.

Whole columns are validated at once, which is several times faster than cell by cell; the result is
the same. Codes of errors are those of the Data Package world.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import compress

from hpnorton.sanitize import counted
from hpnorton.schema.layout import Layout
from hpnorton.schema.remarks import Oddity, Remark, find_odd_cells
from hpnorton.schema.stored import Value
from hpnorton.tabular.keys import trim
from hpnorton.tabular.rows import MAX_RECORD_BYTES, NO_MISQUOTED, MisquotedCell, Row
from hpnorton.tabular.signatures import is_cp1252

Record = tuple[Value, ...]

_NOT_A_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_EMPTY_KEY = "is empty, but is part of the key"


@dataclass(frozen=True)
class RowError:
    """A reason why a row is rejected; `position` is the row's index in its chunk.

    `field` is the name of the column, or None for the row as a whole; `value` is the cell's text.
    """

    position: int
    code: str
    message: str
    field: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class ValidatedRows:
    """The values of a chunk's valid rows, remarks on them, and the errors of the rejected ones.

    `values` has a column for each field of the layout: [["C1", "C2"], [10, 20]]. `positions` are
    the indexes of the valid rows in the chunk, `blanks` those of the rows that are left out because
    all their cells are empty.
    """

    values: Sequence[Sequence[Value]]
    positions: Sequence[int]
    errors: Sequence[RowError]
    blanks: Sequence[int] = ()
    remarks: Sequence[Remark] = ()

    def reject(self, errors: Sequence[RowError], blanks: Sequence[int] = ()) -> "ValidatedRows":
        """Return the rows without those that have one of `errors` or are `blanks`."""
        if not errors and not blanks:
            return self
        bad = {error.position for error in errors}.union(blanks)
        kept = [position not in bad for position in self.positions]
        return ValidatedRows(
            [list(compress(column, kept)) for column in self.values],
            list(compress(self.positions, kept)),
            sorted([*self.errors, *errors], key=lambda error: error.position),
            [*self.blanks, *blanks],
            [remark for remark in self.remarks if remark.position not in bad],
        )


def validate_rows(
    layout: Layout,
    rows: Sequence[Row],
    positions: Sequence[int] | None = None,
    *,
    is_suspicious: bool,
    misquoted: Mapping[int, MisquotedCell] = NO_MISQUOTED,
    has_marks: bool = True,
    recomposed: Sequence[tuple[int, int]] = (),
) -> ValidatedRows:
    """Validate rows of a chunk; `positions` are their indexes in it (default: 0, 1, 2, ...).

    The other parameters are those of chunk.RowBlock.
    """
    errors = _shape_errors(layout, rows, misquoted)
    if is_suspicious:
        errors += _length_errors(layout, rows)
        errors += _text_errors(layout, rows)
    kept = _without(errors, range(len(rows)))
    columns = list(zip(*(rows[at] for at in kept))) if errors else list(zip(*rows))
    values, cell_errors, remarks = _validate_columns(layout, columns, kept, has_marks=has_marks)
    errors += cell_errors
    remarks = [*_recomposed(layout, rows, recomposed), *remarks]
    suspects = {error.position for error in errors}
    if columns and layout.accepts_header and layout.header[0] in columns[0]:
        suspects.update(at for at in kept if rows[at][0] == layout.header[0])
    errors, blanks = _describe_whole_rows(layout, errors, suspects, rows)
    validated = ValidatedRows(values, kept, [], remarks=remarks).reject(errors, blanks)
    return validated if positions is None else _moved(validated, positions)


def reject_oversized(layout: Layout, offset: int, length: int) -> ValidatedRows:
    """Return the result for a row that is too long to be read; offset and length are in bytes."""
    message = (
        f"the row has {length:,} bytes, from byte {offset:,} of the file on; a record can have "
        f"{MAX_RECORD_BYTES >> 20} MiB, so it is not kept among the rejected rows: shorten it; or "
        "does it lack a closing quote?"
    )
    return ValidatedRows([() for _ in layout.fields], [], [RowError(0, "too-long", message)])


def find_text_error(cell: str) -> str | None:
    """Return why a text cannot be stored in any field, or None."""
    if "\0" in cell:
        return "holds a NUL character, which is not allowed in text"
    if not cell.isascii() and any("\ud800" <= char <= "\udfff" for char in cell):
        # Bytes come as U+DC80 to U+DCFF (PEP 383); the other surrogates stand for no byte.
        is_windows = is_cp1252(_NOT_A_BYTE.sub("", cell).encode(errors="surrogateescape"))
        looks = "they look like Windows-1252 (cp1252): " if is_windows else ""
        return f"holds bytes that are not UTF-8; {looks}save the file as CSV UTF-8"
    return None


def is_blank(row: Row) -> bool:
    """Return whether a row has only invisible characters, as those at the end of spreadsheets."""
    return not trim("".join(row))


def _validate_columns(
    layout: Layout, columns: Sequence[Sequence[str]], kept: Sequence[int], *, has_marks: bool
) -> tuple[list[Sequence[Value]], list[RowError], list[Remark]]:
    """Validate the cells of the rows at the positions `kept`, column by column."""
    values: list[Sequence[Value]] = []
    errors: list[RowError] = []
    remarks: list[Remark] = []
    for field, index in zip(layout.fields, layout.positions):
        cells = columns[index] if columns else ()
        column, cell_errors = field.parse_column(cells)
        values.append(column)
        odd = find_odd_cells(field, cells, column, has_marks=has_marks)
        remarks += [Remark(kept[at], code, field.name, cells[at]) for at, code in odd]
        errors += [
            RowError(kept[at], error.code, error.message, field.name, cells[at])
            for at, error in cell_errors.items()
        ]
        if field.name in layout.collection.key and None in column:
            empty = [kept[at] for at, v in enumerate(column) if v is None and at not in cell_errors]
            errors += [RowError(at, "primary-key", _EMPTY_KEY, field.name, "") for at in empty]
    return values, errors, remarks


def _shape_errors(
    layout: Layout, rows: Sequence[Row], misquoted: Mapping[int, MisquotedCell]
) -> list[RowError]:
    """Return the errors of rows with wrong quotes, or with more or fewer cells than the header."""
    errors = [_quote_error(layout, at, cell) for at, cell in misquoted.items()]
    if set(map(len, rows)) - {layout.width}:
        errors += [
            _width_error(layout, at, row)
            for at, row in enumerate(rows)
            if len(row) != layout.width and at not in misquoted
        ]
    return errors


def _width_error(layout: Layout, at: int, row: Row) -> RowError:
    expected = f"the row has {counted(len(row), 'cell')}, the header {layout.width}"
    if len(row) > layout.width:
        return RowError(at, "extra-cell", f"{expected}; does a cell with a comma lack its quotes?")
    if any("\n" in cell or "\r" in cell for cell in row):
        return RowError(
            at, "missing-cell", f"{expected}, and spans several lines; is a quote left open?"
        )
    return RowError(at, "missing-cell", expected)


def _quote_error(layout: Layout, at: int, cell: MisquotedCell) -> RowError:
    names = layout.header
    name = names[cell.column] if cell.column < len(names) else None
    return RowError(at, "quote-error", cell.reason, name, cell.text)


def _length_errors(layout: Layout, rows: Sequence[Row]) -> list[RowError]:
    """Return the errors of rows too long for a document of MongoDB, which has the key twice."""
    key = [p for p, f in zip(layout.positions, layout.fields) if f.name in layout.collection.key]
    errors = []
    for at, row in enumerate(rows):
        cells = [*row, *(row[index] for index in key if index < len(row))]
        if 4 * sum(map(len, cells)) <= MAX_RECORD_BYTES:  # a character has at most four bytes
            continue
        size = sum(len(cell.encode(errors="surrogateescape")) for cell in cells)
        if size > MAX_RECORD_BYTES:
            message = (
                f"the row has {size / 2**20:.1f} MiB, its key counted twice; a record can have "
                f"{MAX_RECORD_BYTES >> 20}: shorten it"
            )
            errors.append(RowError(at, "too-long", message))
    return errors


def _text_errors(layout: Layout, rows: Sequence[Row]) -> list[RowError]:
    """Return the errors of cells with NUL, or surrogates for bytes that are not UTF-8."""
    names = {index: field.name for index, field in zip(layout.positions, layout.fields)}
    return [
        RowError(at, "encoding-error", message, names.get(index), cell)
        for at, row in enumerate(rows)
        for index, cell in enumerate(row)
        if (message := find_text_error(cell))
    ]


def _recomposed(
    layout: Layout, rows: Sequence[Row], cells: Sequence[tuple[int, int]]
) -> list[Remark]:
    """Return the remarks on cells, given as (row, column), that were brought into NFC."""
    held = [cell for cell in cells if cell[1] in layout.positions]
    return [Remark(at, Oddity.COMPOSED, "", rows[at][column]) for at, column in held]


def _describe_whole_rows(
    layout: Layout, errors: Sequence[RowError], suspects: AbstractSet[int], rows: Sequence[Row]
) -> tuple[list[RowError], list[int]]:
    """Return the errors and the positions of blank rows.

    A row that repeats the header, or has only missing values, gets one error in place of those of
    its cells; a blank row gets none.
    """
    missing = {at: field.missing_values for at, field in zip(layout.positions, layout.fields)}
    header = list(layout.header)
    whole: list[RowError] = []
    blanks: list[int] = []
    for at in sorted(suspects):
        if is_blank(rows[at]):
            blanks.append(at)
        elif rows[at] == header:
            message = "the row repeats the header; were files joined?"
            whole.append(RowError(at, "repeated-header", message))
        elif all(cell in missing.get(index, ("",)) for index, cell in enumerate(rows[at])):
            message = "the row has nothing but missing values"
            whole.append(RowError(at, "blank-row", message))
    left = suspects - {error.position for error in whole} - set(blanks)
    return [error for error in errors if error.position in left] + whole, blanks


def _moved(validated: ValidatedRows, positions: Sequence[int]) -> ValidatedRows:
    """Return the result with the index i of each row replaced by `positions[i]`."""
    are_all = len(validated.positions) == len(positions)
    errors = [replace(e, position=positions[e.position]) for e in validated.errors]
    remarks = [replace(r, position=positions[r.position]) for r in validated.remarks]
    kept = positions if are_all else [positions[at] for at in validated.positions]
    blanks = [positions[at] for at in validated.blanks]
    return ValidatedRows(validated.values, kept, errors, blanks, remarks)


def _without(errors: Sequence[RowError], positions: Sequence[int]) -> Sequence[int]:
    """Return the positions without errors; `positions` itself if there are no errors."""
    bad = {error.position for error in errors}
    return [at for at in positions if at not in bad] if bad else positions
