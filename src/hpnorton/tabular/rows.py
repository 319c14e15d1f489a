"""The text of whole records becomes rows, as csv.reader reads them.

A row whose quotes csv.reader cannot make sense of is told apart: csv.reader would go on and change
its text without a word. A quote in a cell without quotes, as in `5" pipe`, is a character like
others. A byte order mark at the start of a row is left out: there the next of several files began
that somebody has joined.
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

_NO_LIMIT = 2**31 - 1  # of the csv module's: that of a record comes first
_BOM = "\ufeff"
_BOM_AT_START = re.compile(f"(?<![^\r\n]){_BOM}")
_QUOTED_CELL = re.compile('"(?<![^,\r\n]")(?:[^"]++|"")*+("?)')
_HIDDEN_QUOTE = "has quotes behind a byte order mark, where files were joined; take the mark out"
_CELL_END = ("", ",", "\r", "\n")


class Misquoted(NamedTuple):
    """The cell of a row whose quotes are at fault: its column from 0 on, its start, and why."""

    column: int
    text: str
    reason: str


NONE_MISQUOTED: Mapping[int, Misquoted] = MappingProxyType({})


class Parsed(NamedTuple):
    """Some rows, and which of them, from 0 on, are misquoted."""

    cells: list[Row]
    misquoted: Mapping[int, Misquoted] = NONE_MISQUOTED


def parse(text: str, is_row_a_line: bool, max_rows: int) -> Iterator[Parsed]:
    """The rows of whole records, in blocks, of up to `max_rows` rows where a cell has line ends.

    Where a row is a line, only lines with a quote need csv.reader: the others are split at their
    commas, which takes half the time.
    """
    if has_inner_bom(text):
        yield from _parse_one_by_one(_records(text), max_rows)
    elif is_row_a_line and (lines := split_lines(text)) is not None:
        yield parse_lines(lines)
    else:
        yield from _parse_records(text, max_rows)


def has_inner_bom(text: str) -> bool:
    """Whether a line of the text begins with a byte order mark."""
    return not text.isascii() and _BOM in text and _BOM_AT_START.search(text) is not None


def split_lines(text: str) -> list[str] | None:
    """The lines of a text; None if it holds line ends that are neither LF nor CRLF."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            return None
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def parse_lines(lines: Sequence[str]) -> Parsed:
    """The rows of lines that are a row each."""
    quoted = [line for line in lines if '"' in line]
    misquoted: dict[int, Misquoted] = {}
    try:
        parsed = list(_reader(quoted, is_strict=True))
    except csv.Error:
        parsed = list(_reader(quoted))
        found = ((at, _misquoted(line)) for at, line in enumerate(lines) if '"' in line)
        misquoted = {at: fault for at, fault in found if fault}
    if len(parsed) != len(quoted):  # the file is no longer what it was
        return Parsed(list(_reader(lines)))
    rows = iter(parsed)
    cells = [next(rows) if '"' in line else line.split(",") if line else [] for line in lines]
    return Parsed(cells, misquoted)


def _parse_records(text: str, max_rows: int) -> Iterator[Parsed]:
    """The rows of records that may have line ends in their cells."""
    reader = _reader(io.StringIO(text, newline=""), is_strict=True)
    count = 0
    rows: list[Row] = []
    try:
        while True:
            rows = []
            rows.extend(islice(reader, max_rows))
            if not rows:
                return
            yield Parsed(rows)
            count += len(rows)
    except csv.Error:  # `rows` holds those before it
        yield Parsed(rows)
        yield from _parse_one_by_one(_records(text)[count + len(rows) :], max_rows)


def _records(text: str) -> list[str]:
    pieces = split_records(text.encode(errors="surrogateescape"))
    return [piece.decode(errors="surrogateescape") for piece in pieces]


def _parse_one_by_one(records: Sequence[str], max_rows: int) -> Iterator[Parsed]:
    for start in range(0, len(records), max_rows):
        cells: list[Row] = []
        misquoted: dict[int, Misquoted] = {}
        for at, record in enumerate(records[start : start + max_rows]):
            record = record.removeprefix(_BOM)
            rows = list(_reader(io.StringIO(record, newline="")))
            cells.append(rows[0] if rows else [])
            if len(rows) > 1:
                misquoted[at] = Misquoted(0, rows[0][0], _HIDDEN_QUOTE)
            elif '"' in record and (fault := _misquoted(record)):
                misquoted[at] = fault
        yield Parsed(cells, misquoted)


def _misquoted(record: str) -> Misquoted | None:
    """What is wrong with the quotes of a record; None if nothing is."""
    for cell in _QUOTED_CELL.finditer(record):
        start, end = cell.span()
        if not cell[1]:
            reason = "opens a quote that nothing closes; add the quote, or take the first one out"
        elif record[end : end + 1] not in _CELL_END:
            reason = _stray(record[start:end])
        else:
            continue
        column = len(next(_reader([record[:start]]))) - 1 if start else 0
        text = record[start:end] + record[end:].partition(",")[0]
        return Misquoted(column, text.rstrip("\r\n"), reason)
    return None


def _stray(cell: str) -> str:
    """Why a quoted cell cannot end where it does."""
    if "\n" in cell or "\r" in cell:
        return "runs over several lines and goes on behind its closing quote; is a quote left open?"
    if cell.endswith('\\"'):
        return 'has quotes behind a backslash; write each quote in a cell twice, as in "5"" pipe"'
    return (
        "goes on behind its closing quote; write each quote in a cell twice, as in "
        '"5"" pipe", or add the missing comma'
    )


def _reader(lines: Iterable[str], *, is_strict: bool = False) -> Iterator[Row]:
    """csv.reader, for cells of any length; a strict one raises csv.Error for wrong quotes."""
    csv.field_size_limit(_NO_LIMIT)
    return csv.reader(lines, strict=is_strict)
