"""What to find out about a CSV file besides its columns, as flags of --analyze ask for it."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from hpnorton.errors import UsageError
from hpnorton.schema.layout import check_delimiter, clean_header
from hpnorton.tabular.keys import to_nfc
from hpnorton.tabular.reader import CsvFile


@dataclass(frozen=True)
class Questions:
    """What to find out about a file of `width` columns, which are counted from 0.

    `year_of` is the date column whose rows per year are wanted. `counts` has pairs of a column and
    a text: the number of rows whose cell holds the text. Rows equal to `header` are ignored.
    """

    width: int
    year_of: int | None = None
    counts: tuple[tuple[int, str], ...] = ()
    header: tuple[str, ...] = ()


def make_questions(file: CsvFile, year_of: str | None, counts: Sequence[str]) -> Questions:
    """Return the questions about an open file; `counts` has texts COLUMN=TEXT.

    Raises UsageError for a column that the file does not have, FileError if it is not CSV.
    """
    check_delimiter(file.header, file.path)
    raw = tuple(file.header)
    file.header = clean_header(raw, (), file.path, file.warnings)
    pairs = []
    for text in counts:
        column, sign, wanted = to_nfc(text).partition("=")
        if not sign or not wanted:
            raise UsageError(f"--count {text}: say COLUMN=TEXT, the rows whose column holds a text")
        pairs.append((find_column(file, column), wanted))
    year_column = None if year_of is None else find_column(file, year_of)
    return Questions(len(raw), year_column, tuple(pairs), raw)


def find_column(file: CsvFile, text: str) -> int:
    """Return the index of a column, given by its name or its number from 1 on.

    Raises UsageError.
    """
    numbers = [number for number, name in enumerate(file.header, 1) if name == text]
    if len(numbers) == 1:
        return numbers[0] - 1
    if numbers:
        listed = ", ".join(map(str, numbers))
        raise UsageError(
            f"{file.path} has {len(numbers)} columns {text!r}; say which one by number: {listed}"
        )
    if text.isascii() and text.isdigit():
        if 1 <= int(text) <= len(file.header):
            return int(text) - 1
        raise UsageError(
            f"{file.path} has no column {text}; its columns are 1 to {len(file.header)}"
        )
    close = difflib.get_close_matches(text, file.header, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(file.header)}"
    raise UsageError(f"{file.path} has no column {text!r}; {hint}")
