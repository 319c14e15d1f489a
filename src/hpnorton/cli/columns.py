"""The columns of a table: how wide they are, and which of their cells are never cut."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hpnorton.cli.widths import width_of
from hpnorton.sanitize import printable

_MIN_TEXT_WIDTH = 10
_MIN_PROSE_WIDTH = 20
_MAX_HEADING_WORD = 16
# Numbers, dates, times, phone numbers: digits, and what is around and between them.
_DIGITS = re.compile(r"\W{0,3}\d(?:[-+\d ()./,:'eExT]*[\d)Z])?(?: ?\W)?")
_MAX_DIGITS = 64
_MAX_CODE = 64
_MAX_WORD = 20  # in languages without blanks; a longer one is a sentence


@dataclass(frozen=True)
class Column:
    """A column, as far as it was measured; widths are in columns of a terminal.

    `width` is that of the widest cell, and `min_width` that to which cells may be cut. Keys, and
    the cells of columns that have only codes, are never cut. Prose is wrapped. A column of numbers
    is right-aligned.
    """

    name: str
    heading: str
    width: int
    min_width: int
    is_key: bool
    is_code: bool
    is_number: bool
    is_prose: bool

    @property
    def full_width(self) -> int:
        """The width without anything cut or wrapped."""
        return max(self.width, width_of(self.heading))

    @property
    def least_width(self) -> int:
        """The width with everything cut and wrapped."""
        widest_word = max(map(width_of, heading_words(self.heading)))
        return max(self.min_width, min(widest_word, _MAX_HEADING_WORD))

    def keeps_whole(self, value: object, cell: str) -> bool:
        """Return whether a cell with this value is never cut."""
        return self.is_key or _is_numeric(value, cell) or (self.is_code and is_code(cell))


def measure_column(
    name: str, values: Sequence[object], *, is_key: bool = False, is_prose: bool = False
) -> Column:
    """Return the column that these values need."""
    pairs = [(value, cell_of(value)) for value in values if value is not None]
    width = max((width_of(cell) for _, cell in pairs), default=0)
    numeric = [width_of(cell) for value, cell in pairs if _is_numeric(value, cell)]
    has_codes = all(is_code(cell) or _is_numeric(value, cell) for value, cell in pairs)
    min_width = max(min(width, _MIN_TEXT_WIDTH), *numeric, 0)
    if is_prose:
        min_width = min(width, _MIN_PROSE_WIDTH)
    elif is_key or has_codes:
        min_width = width
    return Column(
        name=name,
        heading=cell_of(name),
        width=width,
        min_width=min_width,
        is_key=is_key,
        is_code=has_codes,
        is_number=all(isinstance(value, int | float) for value, _ in pairs),
        is_prose=is_prose,
    )


def cell_of(value: object) -> str:
    """Return a value as a text on one line."""
    return "" if value is None else printable(str(value))


def is_code(cell: str) -> bool:
    """Return whether a cell is one word that people copy: an id, an e-mail address, a name."""
    if len(cell) > (_MAX_CODE if cell.isascii() else _MAX_WORD):
        return False
    return not any(map(str.isspace, cell))


def _is_numeric(value: object, cell: str) -> bool:
    """Return whether a cell is a number, a date, a time or a phone number."""
    if isinstance(value, int | float):
        return True
    return len(cell) <= _MAX_DIGITS and _DIGITS.fullmatch(cell) is not None


def heading_words(heading: str) -> list[str]:
    """Split a heading where it may be wrapped: after blanks, underscores, dots and hyphens."""
    return re.split(r"(?<=[\s_.-])(?=[^\s_.-])", heading)
