"""Remarks: cells that are imported, but may be wrong, and the sentences that say so."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag, StrEnum

from hpnorton.sanitize import quoted
from hpnorton.schema import lexical
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value
from hpnorton.tabular import keys, marks


class Oddity(StrEnum):
    """What may be wrong in a cell."""

    TRIMMED = "trimmed"
    COMPOSED = "composed"
    MARK = "mark"
    ROUNDED = "rounded"


class Case(IntFlag):
    """The letters that keys have: only capitals, only small ones, or both in one key.

    Keys that all have only capitals, or all only small letters, cannot differ in case alone.
    """

    NONE = 0
    UPPER = 1
    LOWER = 2
    MIXED = 4

    @staticmethod
    def of(texts: Sequence[str]) -> "Case":
        """Return the case of the letters of all the texts together."""
        joined = "".join(texts)
        if joined.isupper():
            return Case.UPPER
        if joined.islower():
            return Case.LOWER
        return Case.NONE if joined == joined.upper() == joined.lower() else Case.MIXED

    @property
    def may_be_twins(self) -> bool:
        """Return whether two of the keys may differ in case alone."""
        return self not in (Case.NONE, Case.UPPER, Case.LOWER)


_SENTENCES: Mapping[str, tuple[str, str]] = {
    Oddity.TRIMMED: (
        "1 key in {field} is stored without the blanks or invisible characters that it had",
        "{count:,} keys in {field} are stored without the blanks or invisible characters that "
        "they had",
    ),
    Oddity.COMPOSED: (
        "1 cell had letters and marks apart; it is stored with composed letters (NFC)",
        "{count:,} cells had letters and marks apart; they are stored with composed letters (NFC)",
    ),
    Oddity.MARK: (
        "1 cell in {field} holds what a spreadsheet or a database export left there; it is stored "
        "as it is",
        "{count:,} cells in {field} hold what a spreadsheet or a database export left there; they "
        "are stored as they are",
    ),
    Oddity.ROUNDED: (
        "1 number in {field} has more digits than a database holds and is rounded; describe codes "
        "as strings",
        "{count:,} numbers in {field} have more digits than a database holds and are rounded; "
        "describe codes as strings",
    ),
}


@dataclass(frozen=True)
class Remark:
    """A cell that may be wrong; `position` is the index of its row in the chunk."""

    position: int
    code: str
    field: str
    cell: str


@dataclass(frozen=True)
class RemarkSummary:
    """The number of remarks of one kind on one field, and the first of them in the file."""

    count: int
    first_row: int
    cell: str

    def merge(self, other: "RemarkSummary | None") -> "RemarkSummary":
        """Return the summary of both."""
        if other is None:
            return self
        first = min(other, self, key=lambda each: each.first_row)
        return RemarkSummary(self.count + other.count, first.first_row, first.cell)


class Remarks:
    """The remarks on rows, summarized by code and field, and the `cases` of their keys.

    Those of parts of a file can be added, in any order.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], RemarkSummary] = {}
        self.cases = Case.NONE

    def add(self, code: str, field: str, remarked: RemarkSummary) -> None:
        """Add remarks of one kind."""
        self.found[code, field] = remarked.merge(self.found.get((code, field)))

    def pack(self) -> str | None:
        """Return the remarks as a short text, for the journal; None if there are none."""
        if not self.found and not self.cases:
            return None
        cells = [[*kind, *vars(each).values()] for kind, each in self.found.items()]
        return json.dumps([int(self.cases), cells])

    def add_packed(self, text: str | None) -> None:
        """Add those of other rows."""
        cases, cells = json.loads(text) if text else (0, ())
        self.cases |= Case(cases)
        for code, field, *rest in cells:
            self.add(code, field, RemarkSummary(*rest))

    def sentences(self) -> list[str]:
        """Return the remarks as sentences."""
        return [_sentence(*kind, each) for kind, each in sorted(self.found.items())]


def _sentence(code: str, field: str, each: RemarkSummary) -> str:
    one, several = _SENTENCES[code]
    sentence = (one if each.count == 1 else several).format(field=field, count=each.count)
    return f"{sentence} (first: row {each.first_row:,}, {_describe_cell(code, each.cell)})"


def _describe_cell(code: str, cell: str) -> str:
    unseen = keys.first_invisible(cell) if code == Oddity.TRIMMED else None
    return f"{quoted(cell)} with {unseen}" if unseen else quoted(cell)


def own_text_key(collection: Collection) -> list[Field]:
    """Return the text fields of a collection's key that do not refer to other collections."""
    referring = {name for foreign in collection.foreign_keys for name in foreign.fields}
    fields = {field.name: field for field in collection.fields if field.is_text}
    return [fields[n] for n in collection.key if n in fields and n not in referring]


def find_odd_cells(
    field: Field, cells: Sequence[str], values: Sequence[Value], *, has_marks: bool
) -> Iterator[tuple[int, str]]:
    """Yield the index of each cell of a column that may be wrong, with its Oddity.

    `values` are the parsed values of the cells; `has_marks` is that of chunk.RowBlock.
    """
    if field.is_text and field.is_key:
        if values is not cells and list(cells) != values:
            for at, (cell, value) in enumerate(zip(cells, values)):
                if value not in (None, cell):
                    yield at, Oddity.TRIMMED
    elif field.is_text:
        if has_marks:
            yield from (
                (at, Oddity.MARK) for at in marks.find_marks(cells) if values[at] is not None
            )
    elif field.type == "number" and max(map(len, cells), default=0) > lexical.SURELY_EXACT:
        for at, cell in enumerate(cells):
            if values[at] is not None and lexical.is_rounded(cell):
                yield at, Oddity.ROUNDED
