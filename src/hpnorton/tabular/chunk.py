"""Chunks: some rows of a CSV file, by name, and how they are read, wherever that is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hpnorton.errors import FileError
from hpnorton.tabular import keys
from hpnorton.tabular.files import read_part, shown
from hpnorton.tabular.marks import may_start_cells
from hpnorton.tabular.record_ends import count_line_ends, split_records
from hpnorton.tabular.rows import (
    MAX_RECORD_BYTES,
    NONE_MISQUOTED,
    Misquoted,
    Row,
    has_inner_bom,
    parse,
    parse_lines,
    split_lines,
)

_PARSED_BYTES = 10**5
_PARSED_ROWS = 2000
_SAMPLES = 200
_SUSPICIOUS_BYTES = MAX_RECORD_BYTES // 2


@dataclass(frozen=True, kw_only=True)
class Span:
    """Where some rows of a file are: from which row, line and byte on, and how many of each.

    `first_row` counts as a spreadsheet does (the header is row 1), `first_line` counts from 1,
    `offset` from 0; those of a compressed file are those of its content.
    """

    first_row: int
    rows: int
    first_line: int
    lines: int
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Chunk(Span):
    """Some rows of a file, by name: it can be sent to a process, repeated and reported.

    `is_row_a_line` says that no cell holds a line end. `data` holds the bytes if they are at hand,
    or cannot be read again from an offset, as those of stdin. `is_too_long` says that it is a
    single row which nobody keeps: it is not to be read.
    """

    file: str = field(repr=False)  # a URL may hold a password
    is_row_a_line: bool
    data: bytes | None = field(default=None, repr=False)
    is_too_long: bool = False


class Rows(NamedTuple):
    """Some rows of a chunk, and at which `positions` they stand in it, from 0.

    `is_suspicious` says that a cell may hold what no text should, or too much; `has_marks`, that
    one may begin with a spreadsheet's mark (see marks.py). `misquoted` are those of the rows,
    counted from 0, whose quotes are at fault. Cells are in NFC: `recomposed` are the places, as row
    and column from 0, of those that were not.
    """

    cells: list[Row]
    positions: Sequence[int]
    is_suspicious: bool
    misquoted: Mapping[int, Misquoted] = NONE_MISQUOTED
    has_marks: bool = False
    recomposed: Sequence[tuple[int, int]] = ()


def read_blocks(chunk: Chunk, *, may_sort: bool = False) -> Iterator[Rows]:
    """The rows of a chunk in blocks.

    Blocks, because what fits into the processor's cache is checked a quarter faster (measured).
    Where first cells come in no order, with `may_sort` the rows come sorted by these, and those
    with the same in the file's order: to sort lines takes less time than to sort values later (an
    import in one process a tenth less, measured). Where lines do not tell the cell, they are left.

    Bytes that are not UTF-8 come as lone surrogates (PEP 383). Raises FileError if the file is
    not what it was when the chunk was cut from it.
    """
    data = _bytes_of(chunk)
    lines = _lines_in_no_order(data) if may_sort and chunk.is_row_a_line else None
    count = 0
    for rows in _in_file_order(data, chunk.is_row_a_line) if lines is None else _sorted(*lines):
        if len(rows.cells) != len(rows.positions):
            break
        count += len(rows.cells)
        yield rows
    if count != chunk.rows:
        raise FileError(f"{shown(chunk.file)} has changed while it was read; start again")


def raw_records(chunk: Chunk) -> list[tuple[bytes, int]]:
    """The records of a chunk as they stand in the file, each with the line on which it begins.

    That of one which is too long is empty.
    """
    if chunk.is_too_long:
        return [(b"", chunk.first_line)]
    records, line = [], chunk.first_line
    for raw in split_records(_bytes_of(chunk)):
        records.append((raw, line))
        line += 1 if chunk.is_row_a_line else count_line_ends(raw)
    return records


def _bytes_of(chunk: Chunk) -> bytes:
    return _read_bytes(chunk) if chunk.data is None else chunk.data


def _read_bytes(chunk: Chunk) -> bytes:
    try:
        data = read_part(chunk.file, chunk.offset, chunk.length)
    except OSError as error:
        reason = error.strerror or error
        raise FileError(f"{shown(chunk.file)} cannot be read any more: {reason}") from error
    if len(data) != chunk.length:
        raise FileError(f"{shown(chunk.file)} has become shorter while it was read; start again")
    return data


def _line_blocks(data: bytes) -> Iterator[bytes]:
    """The data, cut at line feeds."""
    start = 0
    while end := data.find(b"\n", start + _PARSED_BYTES) + 1:
        yield data[start:end]
        start = end
    if start < len(data):
        yield data[start:]


def _in_file_order(data: bytes, is_row_a_line: bool) -> Iterator[Rows]:
    first = 0
    for block in _line_blocks(data) if is_row_a_line else [data]:
        try:
            text = block.decode()
            is_suspicious = "\0" in text or len(block) > _SUSPICIOUS_BYTES
        except UnicodeDecodeError:
            text = block.decode(errors="surrogateescape")
            is_suspicious = True
        has_marks = may_start_cells(text)
        is_composed = keys.is_composed_utf8(block) or keys.is_composed(text)
        for cells, misquoted in parse(text, is_row_a_line, _PARSED_ROWS):
            changed = () if is_composed else _recompose(cells)
            positions = range(first, first + len(cells))
            yield Rows(cells, positions, is_suspicious, misquoted, has_marks, changed)
            first += len(cells)


def _recompose(rows: list[Row]) -> list[tuple[int, int]]:
    """Brings cells into NFC; where that has changed any.

    Cell by cell: a mark that combines must not be joined to what stands before its cell.
    """
    changed = []
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if not keys.is_composed(cell):
                row[column] = keys.composed(cell)
                changed.append((at, column))
    return changed


def _lines_in_no_order(data: bytes) -> tuple[list[str], list[str], bool] | None:
    """The lines of rows whose first cells come in no order, these cells, and Rows.has_marks.

    None if they do, if a first cell may not be what stands before the first comma, or if it may
    not be a key as it stands: of two rows with one key the first has to stay the first.
    """
    if not _is_scattered(data) or b"\0" in data or len(data) > _SUSPICIOUS_BYTES:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if text.startswith('"') or '\n"' in text or has_inner_bom(text):
        return None
    is_composed = keys.is_composed_utf8(data) or keys.is_composed(text)
    lines = split_lines(text) if is_composed else None
    firsts = [line[: line.find(",")] for line in lines or ()]
    return (lines, firsts, may_start_cells(text)) if lines and keys.are_clean(firsts) else None


def _is_scattered(data: bytes) -> bool:
    """Whether the first cells of lines, by a sample, do not ascend."""
    found = []
    for at in range(0, len(data), len(data) // _SAMPLES + 1):
        start = data.find(b"\n", at) + 1
        if not 0 < start < len(data):
            break
        found.append(data[start : data.find(b",", start)])
    return found != sorted(found)


def _sorted(lines: Sequence[str], firsts: Sequence[str], has_marks: bool) -> Iterator[Rows]:
    order = sorted(range(len(lines)), key=firsts.__getitem__)
    for start in range(0, len(order), _PARSED_ROWS):
        some = order[start : start + _PARSED_ROWS]
        cells, misquoted = parse_lines([lines[at] for at in some])
        yield Rows(cells, some, False, misquoted, has_marks)
