"""How records fit a width: what people copy stays whole, long texts are cut.

If even cut texts leave no room, a record becomes a block of `field: value` lines.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from hpnorton.cli.widths import cut, padded, width_of, wrapped
from hpnorton.sanitize import printable

_GAP = "  "
_MIN_TEXT_WIDTH = 10
_MIN_PROSE_WIDTH = 20
_MAX_HEAD_WORD = 16
_MAX_BLOCK_NAME = 24
_MAX_BLOCK_LINES = 4
# Numbers, dates, times, phone numbers: digits, and what is around and between them.
_DIGITS = re.compile(r"\W{0,3}\d(?:[-+\d ()./,:'eExT]*[\d)Z])?(?: ?\W)?")
_MAX_DIGITS = 64
_MAX_CODE = 64
_MAX_WORD = 20  # languages without blanks: what is longer is a sentence

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column: the width of its widest cell, and how far its cells can be cut."""

    name: str
    head: str
    width: int
    min_width: int
    is_key: bool
    is_code: bool
    is_number: bool
    is_prose: bool

    def must_stay_whole(self, value: object, cell: str) -> bool:
        """Return whether a cell of this column is never cut, however wide it is."""
        return self.is_key or _is_solid(value, cell) or (self.is_code and _is_code(cell))


class Layout:
    """The widths of columns, which together fit `room`; None if they do not, for blocks."""

    def __init__(self, columns: Sequence[Column], room: int) -> None:
        self.columns = columns
        self._room = room
        self.widths = _fit(columns, room - len(_GAP) * (len(columns) - 1))
        self._template = ""
        self._total = 0
        if self.widths is not None:
            self._total = sum(self.widths) + len(_GAP) * (len(columns) - 1)
            self._template = _GAP.join(
                f"%{'' if column.is_number else '-'}{width}s"
                for column, width in zip(columns, self.widths)
            )

    def header(self) -> list[str]:
        """Return the lines with the names of the columns, wrapped if need be, and a rule."""
        if self.widths is None or not self.columns:
            return []
        heads = [
            wrapped(_head_words(column.head), width)
            for column, width in zip(self.columns, self.widths)
        ]
        height = max(map(len, heads))
        lines = zip(*([""] * (height - len(head)) + head for head in heads))
        rule = ["-" * width for width in self.widths]
        return [self._joined(line, self.widths) for line in (*lines, rule)]

    def lines(self, record: Record) -> tuple[bool, list[str]]:
        """Return the lines of a record, and whether they are a block."""
        values = [record.get(column.name) for column in self.columns]
        cells = [cell_of(value) for value in values]
        if self.widths is None:
            return True, self._block(values, cells)
        line = self._template % tuple(cells)
        if len(line) == self._total and line.isascii():
            return False, [line.rstrip()]
        widths = self._widths_for(values, cells, self.widths)
        if widths is None:
            return True, self._block(values, cells)
        parts = [
            wrapped(_words(cell), width) if column.is_prose else [cell]
            for cell, width, column in zip(cells, widths, self.columns)
        ]
        return False, [self._joined(row, widths) for row in zip_longest(*parts, fillvalue="")]

    def _widths_for(
        self, values: Sequence[object], cells: Sequence[str], widths: Sequence[int]
    ) -> list[int] | None:
        """Return widths for a record with wider cells than the measured ones; None for no room."""
        own = list(widths)
        spare = self._room - self._total
        needs = [width_of(cell) - width for cell, width in zip(cells, own)]
        if max(needs) <= 0:
            return own
        solid = [
            need > 0 and column.must_stay_whole(value, cell)
            for need, column, value, cell in zip(needs, self.columns, values, cells)
        ]
        for is_needed in (
            solid,
            [need > 0 and not is_solid for need, is_solid in zip(needs, solid)],
        ):
            for at, need in enumerate(needs):
                if is_needed[at] and need <= spare:
                    own[at] += need
                    spare -= need
                elif is_needed[at] and solid[at]:
                    return None
        return own

    def _joined(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        line = ""
        for is_safe in (False, True):
            line = _GAP.join(
                padded(cell, width, is_right=column.is_number, is_safe=is_safe)
                for cell, width, column in zip(cells, widths, self.columns)
            ).rstrip()
            if width_of(line) <= self._room:
                break
        return line

    def _block(self, values: Sequence[object], cells: Sequence[str]) -> list[str]:
        """Return a record as lines of field and value; texts are wrapped, numbers stay whole."""
        names = [cut(column.head, min(_MAX_BLOCK_NAME, self._room // 2)) for column in self.columns]
        indent = max(map(width_of, names)) + 2
        lines: list[str] = []
        for name, column, value, cell in zip(names, self.columns, values, cells):
            start = f"{name}:{' ' * (indent - width_of(name) - 1)}"
            room = max(self._room - indent, 1)
            if column.must_stay_whole(value, cell) or _is_code(cell):
                lines += [start + cell] if width_of(cell) <= room else self._own_lines(start, cell)
                continue
            first, *others = wrapped(_words(cell), room)
            more = others if column.is_prose else others[: _MAX_BLOCK_LINES - 1]
            if len(others) > len(more):
                more[-1] = cut(f"{more[-1]} …", room)
            lines += [start + first, *(" " * indent + line for line in more)]
        return [line.rstrip() for line in lines]

    def _own_lines(self, start: str, cell: str) -> list[str]:
        """Return the lines of a value that stays whole, below its name, broken only at blanks."""
        room = self._room - len(_GAP)
        words = [cell] if width_of(cell) <= room else _words(cell)
        widest = max(room, *map(width_of, words))
        return [start.rstrip(), *(_GAP + line for line in wrapped(words, widest))]


def measured(
    name: str, values: Sequence[object], *, is_key: bool = False, is_prose: bool = False
) -> Column:
    """Return a column of these values."""
    pairs = [(value, cell_of(value)) for value in values if value is not None]
    width = max((width_of(cell) for _, cell in pairs), default=0)
    solid = [width_of(cell) for value, cell in pairs if _is_solid(value, cell)]
    is_code = all(_is_code(cell) or _is_solid(value, cell) for value, cell in pairs)
    min_width = max(min(width, _MIN_TEXT_WIDTH), *solid, 0)
    if is_prose:
        min_width = min(width, _MIN_PROSE_WIDTH)
    elif is_key or is_code:
        min_width = width
    return Column(
        name=name,
        head=cell_of(name),
        width=width,
        min_width=min_width,
        is_key=is_key,
        is_code=is_code,
        is_number=all(isinstance(value, int | float) for value, _ in pairs),
        is_prose=is_prose,
    )


def _fit(columns: Sequence[Column], room: int) -> list[int] | None:
    """Return the widths of columns that fit `room`: names are wrapped, then the widest texts cut.

    Return None if there is still no room.
    """
    full = [max(column.width, width_of(column.head)) for column in columns]
    if sum(full) <= room:
        return full
    heads = [min(max(map(width_of, _head_words(c.head))), _MAX_HEAD_WORD) for c in columns]
    minimum = [max(column.min_width, head) for column, head in zip(columns, heads)]
    spare = room - sum(minimum)
    if spare < 0:
        return None
    widths = minimum
    for limit in range(min(room, max(full)), 0, -1):
        widths = [max(low, min(column.width, limit)) for low, column in zip(minimum, columns)]
        if sum(widths) <= room:
            break
    else:
        widths = minimum
    spare = room - sum(widths)
    for at, column in enumerate(columns):
        grown = min(spare, max(column.width - widths[at], 0))
        widths[at] += grown
        spare -= grown
    for at, width in enumerate(full):
        if width - widths[at] <= spare:
            spare -= width - widths[at]
            widths[at] = width
    return widths


def _is_solid(value: object, cell: str) -> bool:
    """Return whether a cell is a number, a date, a time or a phone number."""
    if isinstance(value, int | float):
        return True
    return len(cell) <= _MAX_DIGITS and _DIGITS.fullmatch(cell) is not None


def _is_code(cell: str) -> bool:
    """Return whether a cell is one word that people copy: an id, an e-mail address, a name."""
    if len(cell) > (_MAX_CODE if cell.isascii() else _MAX_WORD):
        return False
    return not any(map(str.isspace, cell))


def cell_of(value: object) -> str:
    """Return a value as a text on one line."""
    return "" if value is None else printable(str(value))


def _words(text: str) -> list[str]:
    return re.split(r"(?<=\s)", text)


def _head_words(head: str) -> list[str]:
    """Split the name of a column after blanks and signs, where it may be wrapped."""
    return re.split(r"(?<=[\s_.-])(?=[^\s_.-])", head)
