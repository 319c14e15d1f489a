"""Rows from the text of whole records, parsed as csv.reader does.

A row with wrong quotes is reported, since csv.reader would change its text silently. A quote in an
unquoted cell, as in `5" pipe`, is an ordinary character. A byte order mark at the start of a row,
where files were joined, is left out.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from hpnorton.tabular.record_ends import split_records

Row = list[str]

MAX_RECORD_BYTES = 15 * 2**20  # a document of MongoDB has 16 MiB, with the names of the fields

_NO_LIMIT = 2**31 - 1  # of the csv module: records have a limit of their own
_BOM = "\ufeff"
_BOM_AT_START = re.compile(f"(?<![^\r\n]){_BOM}")
_QUOTED_CELL = re.compile('"(?<![^,\r\n]")(?:[^"]++|"")*+("?)')
_HIDDEN_QUOTE = "has quotes after a byte order mark, where files were joined; remove the mark"
_CELL_END = ("", ",", "\r", "\n")


class MisquotedCell(NamedTuple):
    """A cell with wrong quotes: the index of its column, the start of its text, and the reason."""

    column: int
    text: str
    reason: str


NO_MISQUOTED: Mapping[int, MisquotedCell] = MappingProxyType({})


class ParsedRows(NamedTuple):
    """Rows as lists of cells, and the misquoted ones by their index."""

    cells: list[Row]
    misquoted: Mapping[int, MisquotedCell] = NO_MISQUOTED


def parse_rows(text: str, is_row_a_line: bool, max_rows: int) -> Iterator[ParsedRows]:
    """Yield the rows of whole records in blocks: of up to `max_rows` rows if a cell has line ends.

    If every row is a line, only lines with a quote need csv.reader: to split the others at their
    commas takes half the time.
    """
    if has_inner_bom(text):
        yield from _parse_one_by_one(_records(text), max_rows)
    elif is_row_a_line and (lines := split_lines(text)) is not None:
        yield parse_lines(lines)
    else:
        yield from _parse_records(text, max_rows)


def has_inner_bom(text: str) -> bool:
    """Return whether a line of the text begins with a byte order mark."""
    return not text.isascii() and _BOM in text and _BOM_AT_START.search(text) is not None


def split_lines(text: str) -> list[str] | None:
    """Return the lines of a text; None if it holds line ends that are neither LF nor CRLF."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            return None
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def parse_lines(lines: Sequence[str]) -> ParsedRows:
    """Return the rows of lines that are a row each."""
    quoted = [line for line in lines if '"' in line]
    misquoted: dict[int, MisquotedCell] = {}
    try:
        parsed = list(_reader(quoted, is_strict=True))
    except csv.Error:
        parsed = list(_reader(quoted))
        found = ((at, _misquoted(line)) for at, line in enumerate(lines) if '"' in line)
        misquoted = {at: fault for at, fault in found if fault}
    if len(parsed) != len(quoted):  # the file has changed since the chunk was made
        return ParsedRows(list(_reader(lines)))
    rows = iter(parsed)
    cells = [next(rows) if '"' in line else line.split(",") if line else [] for line in lines]
    return ParsedRows(cells, misquoted)


def _parse_records(text: str, max_rows: int) -> Iterator[ParsedRows]:
    """Yield the rows of records that may have line ends in their cells."""
    reader = _reader(io.StringIO(text, newline=""), is_strict=True)
    count = 0
    rows: list[Row] = []
    try:
        while True:
            rows = []
            rows.extend(islice(reader, max_rows))
            if not rows:
                return
            yield ParsedRows(rows)
            count += len(rows)
    except csv.Error:  # `rows` holds those before it
        if rows:
            yield ParsedRows(rows)
        yield from _parse_one_by_one(_records(text)[count + len(rows) :], max_rows)


def _records(text: str) -> list[str]:
    pieces = split_records(text.encode(errors="surrogateescape"))
    return [piece.decode(errors="surrogateescape") for piece in pieces]


def _parse_one_by_one(records: Sequence[str], max_rows: int) -> Iterator[ParsedRows]:
    for start in range(0, len(records), max_rows):
        cells: list[Row] = []
        misquoted: dict[int, MisquotedCell] = {}
        for at, record in enumerate(records[start : start + max_rows]):
            record = record.removeprefix(_BOM)
            rows = list(_reader(io.StringIO(record, newline="")))
            cells.append(rows[0] if rows else [])
            if len(rows) > 1:
                misquoted[at] = MisquotedCell(0, rows[0][0], _HIDDEN_QUOTE)
            elif '"' in record and (fault := _misquoted(record)):
                misquoted[at] = fault
        yield ParsedRows(cells, misquoted)


def _misquoted(record: str) -> MisquotedCell | None:
    """Return the first cell of a record with wrong quotes, or None."""
    for cell in _QUOTED_CELL.finditer(record):
        start, end = cell.span()
        if not cell[1]:
            reason = "opens a quote that is never closed; add the closing quote, or remove this one"
        elif record[end : end + 1] not in _CELL_END:
            reason = _stray_quote(record[start:end])
        else:
            continue
        column = len(next(_reader([record[:start]]))) - 1 if start else 0
        text = record[start:end] + record[end:].partition(",")[0]
        return MisquotedCell(column, text.rstrip("\r\n"), reason)
    return None


def _stray_quote(cell: str) -> str:
    """Return why a quoted cell cannot end at its closing quote."""
    if "\n" in cell or "\r" in cell:
        return "spans several lines and continues after its closing quote; is a quote left open?"
    if cell.endswith('\\"'):
        return 'has quotes after a backslash; write each quote in a cell twice, as in "5"" pipe"'
    return (
        "continues after its closing quote; write each quote in a cell twice, as in "
        '"5"" pipe", or add the missing comma'
    )


def _reader(lines: Iterable[str], *, is_strict: bool = False) -> Iterator[Row]:
    """Return a csv.reader without a limit for cells; a strict one rejects wrong quotes."""
    csv.field_size_limit(_NO_LIMIT)
    return csv.reader(lines, strict=is_strict)
