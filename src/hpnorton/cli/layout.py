"""How records fit a width: what people copy stays whole, long texts are cut.

If even cut texts leave no room, a record becomes a block of `field: value` lines.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from hpnorton.cli.columns import Column, cell_of, heading_words, is_code
from hpnorton.cli.widths import cut, pad, width_of, wrap

_GAP = "  "
_MAX_BLOCK_NAME = 24
_MAX_BLOCK_LINES = 4

Record = Mapping[str, Any]


class Layout:
    """Columns fitted to `room`, the width of the terminal, and the lines of records in them.

    `widths` are those of the columns; None if the columns do not fit, and all records are blocks.
    """

    def __init__(self, columns: Sequence[Column], room: int) -> None:
        self.columns = columns
        self._room = room
        gaps = len(_GAP) * (len(columns) - 1)
        self.widths = _fit(columns, room - gaps)
        self._total = sum(self.widths or ()) + gaps
        self._template = _GAP.join(
            f"%{'' if column.is_number else '-'}{width}s"
            for column, width in zip(columns, self.widths or ())
        )

    def header(self) -> list[str]:
        """Return the lines with the headings, wrapped if need be, and a rule."""
        if self.widths is None or not self.columns:
            return []
        headings = [
            wrap(heading_words(column.heading), width)
            for column, width in zip(self.columns, self.widths)
        ]
        height = max(map(len, headings))
        lines = zip(*([""] * (height - len(heading)) + heading for heading in headings))
        rule = ["-" * width for width in self.widths]
        return [self._joined(line, self.widths) for line in (*lines, rule)]

    def lines(self, record: Record) -> tuple[bool, list[str]]:
        """Return whether a record is a block, and its lines."""
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
            wrap(_words(cell), width) if column.is_prose else [cell]
            for cell, width, column in zip(cells, widths, self.columns)
        ]
        return False, [self._joined(row, widths) for row in zip_longest(*parts, fillvalue="")]

    def _widths_for(
        self, values: Sequence[object], cells: Sequence[str], widths: Sequence[int]
    ) -> list[int] | None:
        """Return widths for a record that may have wider cells than the measured records.

        What room the table leaves goes first to cells that must stay whole. Return None if they
        need more, and the record has to be a block.
        """
        own = list(widths)
        spare = self._room - self._total
        missing = [width_of(cell) - width for cell, width in zip(cells, own)]
        is_wider = [index for index, count in enumerate(missing) if count > 0]
        is_whole = {i for i in is_wider if self.columns[i].keeps_whole(values[i], cells[i])}
        for index in sorted(is_wider, key=lambda index: index not in is_whole):
            if missing[index] <= spare:
                own[index] += missing[index]
                spare -= missing[index]
            elif index in is_whole:
                return None
        return own

    def _joined(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        """Return a line of cells; one that might be too wide on some terminals is padded less."""
        line = ""
        for is_safe in (False, True):
            line = _GAP.join(
                pad(cell, width, is_right=column.is_number, is_safe=is_safe)
                for cell, width, column in zip(cells, widths, self.columns)
            ).rstrip()
            if width_of(line) <= self._room:
                break
        return line

    def _block(self, values: Sequence[object], cells: Sequence[str]) -> list[str]:
        """Return a record as lines of field and value; texts are wrapped, numbers stay whole."""
        max_name = min(_MAX_BLOCK_NAME, self._room // 2)
        names = [cut(column.heading, max_name) for column in self.columns]
        indent = max(map(width_of, names)) + 2
        room = max(self._room - indent, 1)
        lines: list[str] = []
        for name, column, value, cell in zip(names, self.columns, values, cells):
            start = f"{name}:{' ' * (indent - width_of(name) - 1)}"
            if not column.keeps_whole(value, cell) and not is_code(cell):
                first, *others = _block_text(cell, room, column.is_prose)
                lines += [start + first, *(" " * indent + line for line in others)]
            elif width_of(cell) <= room:
                lines.append(start + cell)
            else:
                lines += [start, *self._own_lines(cell)]
        return [line.rstrip() for line in lines]

    def _own_lines(self, cell: str) -> list[str]:
        """Return a cell that stays whole on lines of its own, broken only at blanks."""
        room = self._room - len(_GAP)
        words = [cell] if width_of(cell) <= room else _words(cell)
        widest = max(room, *map(width_of, words))
        return [_GAP + line for line in wrap(words, widest)]


def _block_text(text: str, room: int, is_prose: bool) -> list[str]:
    """Return the lines of a text in a block; one that is not prose has at most a few."""
    lines = wrap(_words(text), room)
    if is_prose or len(lines) <= _MAX_BLOCK_LINES:
        return lines
    *shown, last = lines[:_MAX_BLOCK_LINES]
    return [*shown, cut(f"{last} …", room)]


def _fit(columns: Sequence[Column], room: int) -> list[int] | None:
    """Return widths of columns that fit `room`: headings are wrapped, then the widest texts cut.

    Return None if there is still no room.
    """
    full = [column.full_width for column in columns]
    if sum(full) <= room:
        return full
    least = [column.least_width for column in columns]
    if sum(least) > room:
        return None
    limits = range(min(room, max(full)), -1, -1)
    limited = (
        [max(low, min(column.width, limit)) for low, column in zip(least, columns)]
        for limit in limits
    )
    widths = next(candidate for candidate in limited if sum(candidate) <= room)
    spare = room - sum(widths)
    for index, column in enumerate(columns):  # the first of equally wide texts lose less
        more = min(spare, max(column.width - widths[index], 0))
        widths[index] += more
        spare -= more
    for index, width in enumerate(full):  # headings that need not be wrapped after all
        if width - widths[index] <= spare:
            spare -= width - widths[index]
            widths[index] = width
    return widths


def _words(text: str) -> list[str]:
    return re.split(r"(?<=\s)", text)
