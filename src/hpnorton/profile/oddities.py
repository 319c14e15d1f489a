"""Rows without values to tell of: an import leaves them out, or rejects them for what they are."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from hpnorton.schema.validate import is_blank
from hpnorton.tabular.rows import Row


def may_have_odd(rows: Sequence[Row], header: Sequence[str]) -> bool:
    """Whether any row may be blank or repeat the header, by its first cell."""
    firsts = [row[0] if row else "" for row in rows]
    if "" in firsts or any(map(str.isspace, firsts)):
        return True
    return bool(header) and header[0] in firsts


@dataclass
class LeftOut:
    """How many rows have no values to tell of: an import rejects them, or leaves them out."""

    blank: int = 0
    repeated_headers: int = 0
    misquoted: int = 0

    def take(
        self, rows: Sequence[Row], misquoted: Container[int], header: Sequence[str]
    ) -> list[Row]:
        """Counts such rows, and gives the others."""
        kept = []
        for at, row in enumerate(rows):
            if is_blank(row):
                self.blank += 1
            elif at in misquoted:
                self.misquoted += 1
            elif row == header:
                self.repeated_headers += 1
            else:
                kept.append(row)
        return kept

    def merge(self, other: "LeftOut") -> None:
        """Adds the rows of another part of the file."""
        self.blank += other.blank
        self.repeated_headers += other.repeated_headers
        self.misquoted += other.misquoted
