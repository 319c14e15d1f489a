"""Chunks: consecutive rows of a CSV file, and how they are read, in any process."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hpnorton.errors import FileError
from hpnorton.tabular import keys
from hpnorton.tabular.location import read_part, redact_location
from hpnorton.tabular.marks import may_start_cells
from hpnorton.tabular.record_ends import count_line_ends, split_records
from hpnorton.tabular.rows import (
    MAX_RECORD_BYTES,
    NO_MISQUOTED,
    MisquotedCell,
    Row,
    has_inner_bom,
    parse_lines,
    parse_rows,
    split_lines,
)

_SAMPLES = 200
_SUSPICIOUS_BYTES = MAX_RECORD_BYTES // 2


@dataclass(frozen=True)
class BlockSizes:
    """The sizes of a RowBlock, which fits into the processor's cache."""

    bytes: int = 10**5
    rows: int = 2000


BLOCK_SIZES = BlockSizes()


@dataclass(frozen=True, kw_only=True)
class Span:
    """The position of consecutive rows in a file: the first row, line and byte, and their numbers.

    `first_row` counts as a spreadsheet does (the header is row 1), `first_line` counts from 1,
    `offset` from 0. For a compressed file they refer to the decompressed content.
    """

    first_row: int
    rows: int
    first_line: int
    lines: int
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Chunk(Span):
    """Consecutive rows of the file at `location`: a value that any process can read and report.

    `is_row_a_line` says that no cell holds a line end. `data` holds the bytes if they cannot be
    read again from an offset, as those of stdin. `is_oversized` says that it is a single row which
    is too long to be read.
    """

    location: str = field(repr=False)  # a URL may hold a password
    is_row_a_line: bool
    data: bytes | None = field(default=None, repr=False)
    is_oversized: bool = False


class RowBlock(NamedTuple):
    """Rows of a chunk as lists of cells, and their `positions` in the chunk, from 0.

    `is_suspicious` says that a cell may hold NUL or bytes that are not UTF-8, or be very long;
    `has_marks`, that one may begin with a spreadsheet's mark (see marks.py). `misquoted` are the
    rows with wrong quotes, by their index in `cells`. Cells are in NFC: `recomposed` lists those
    that were not, as (index of row, index of column).
    """

    cells: list[Row]
    positions: Sequence[int]
    is_suspicious: bool
    misquoted: Mapping[int, MisquotedCell] = NO_MISQUOTED
    has_marks: bool = False
    recomposed: Sequence[tuple[int, int]] = ()


def read_blocks(
    chunk: Chunk, *, may_sort: bool = False, sizes: BlockSizes | None = None
) -> Iterator[RowBlock]:
    """Yield the rows of a chunk in blocks.

    With `may_sort`, rows whose first cells are in no order are sorted by these, and rows with equal
    first cells stay in the file's order: to sort lines takes less time than to sort values later.

    Bytes that are not UTF-8 become lone surrogates (PEP 383). Raises FileError if the file has
    changed since the chunk was made.
    """
    data, sizes = _bytes_of(chunk), sizes or BLOCK_SIZES
    lines = _lines_in_no_order(data) if may_sort and chunk.is_row_a_line else None
    if lines is None:
        blocks = _read_in_order(data, chunk.is_row_a_line, sizes)
    else:
        blocks = _sorted(*lines, sizes)
    count = 0
    for rows in blocks:
        if len(rows.cells) != len(rows.positions):
            break
        count += len(rows.cells)
        yield rows
    if count != chunk.rows:
        raise FileError(
            f"{redact_location(chunk.location)} has changed while it was read; start again"
        )


def read_raw_records(chunk: Chunk) -> list[tuple[bytes, int]]:
    """Return the bytes of each record of a chunk, with the line on which it begins.

    An oversized record is empty.
    """
    if chunk.is_oversized:
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
        data = read_part(chunk.location, chunk.offset, chunk.length)
    except OSError as error:
        reason = error.strerror or error
        raise FileError(
            f"{redact_location(chunk.location)} cannot be read any more: {reason}"
        ) from error
    if len(data) != chunk.length:
        raise FileError(
            f"{redact_location(chunk.location)} has become shorter while it was read; start again"
        )
    return data


def _line_blocks(data: bytes, size: int) -> Iterator[bytes]:
    """Yield `data` in blocks of whole lines, of about `size` bytes."""
    start = 0
    while end := data.find(b"\n", start + size) + 1:
        yield data[start:end]
        start = end
    if start < len(data):
        yield data[start:]


def _read_in_order(data: bytes, is_row_a_line: bool, sizes: BlockSizes) -> Iterator[RowBlock]:
    first = 0
    for block in _line_blocks(data, sizes.bytes) if is_row_a_line else [data]:
        try:
            text = block.decode()
            is_suspicious = "\0" in text or len(block) > _SUSPICIOUS_BYTES
        except UnicodeDecodeError:
            text = block.decode(errors="surrogateescape")
            is_suspicious = True
        has_marks = may_start_cells(text)
        is_nfc = keys.is_surely_nfc(block) or keys.is_nfc(text)
        for cells, misquoted in parse_rows(text, is_row_a_line, sizes.rows):
            changed = () if is_nfc else _recompose(cells)
            positions = range(first, first + len(cells))
            yield RowBlock(cells, positions, is_suspicious, misquoted, has_marks, changed)
            first += len(cells)


def _recompose(rows: list[Row]) -> list[tuple[int, int]]:
    """Bring cells into NFC; return (row, column) of those that it has changed.

    Each cell is normalized on its own, so that a combining mark is not joined to the text before
    its cell.
    """
    changed = []
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if not keys.is_nfc(cell):
                row[column] = keys.to_nfc(cell)
                changed.append((at, column))
    return changed


def _lines_in_no_order(data: bytes) -> tuple[list[str], list[str], bool] | None:
    """Return the lines of rows whose first cells are in no order, these cells, and has_marks.

    It is None if they are in order, if a first cell may not end at the first comma, or if it may
    not be a clean key, since rows with equal keys have to stay in order.
    """
    if not _is_scattered(data) or b"\0" in data or len(data) > _SUSPICIOUS_BYTES:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if text.startswith('"') or '\n"' in text or has_inner_bom(text):
        return None
    is_nfc = keys.is_surely_nfc(data) or keys.is_nfc(text)
    lines = split_lines(text) if is_nfc else None
    firsts = [line[: line.find(",")] for line in lines or ()]
    return (lines, firsts, may_start_cells(text)) if lines and keys.are_valid_keys(firsts) else None


def _is_scattered(data: bytes) -> bool:
    """Return whether the first cells of lines, by a sample, are not in ascending order."""
    found = []
    for at in range(0, len(data), len(data) // _SAMPLES + 1):
        start = data.find(b"\n", at) + 1
        if not 0 < start < len(data):
            break
        found.append(data[start : data.find(b",", start)])
    return found != sorted(found)


def _sorted(
    lines: Sequence[str], firsts: Sequence[str], has_marks: bool, sizes: BlockSizes
) -> Iterator[RowBlock]:
    order = sorted(range(len(lines)), key=firsts.__getitem__)
    for start in range(0, len(order), sizes.rows):
        positions = order[start : start + sizes.rows]
        cells, misquoted = parse_lines([lines[at] for at in positions])
        yield RowBlock(cells, positions, False, misquoted, has_marks)
