"""Rows of a file that a profile ignores: an import leaves them out or rejects them as a whole."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from hpnorton.schema.validate import is_blank
from hpnorton.tabular.rows import Row


def may_be_ignored(rows: Sequence[Row], header: Sequence[str]) -> bool:
    """Return whether any row may be blank or repeat the header, by its first cell."""
    first_cells = [row[0] if row else "" for row in rows]
    if "" in first_cells or any(map(str.isspace, first_cells)):
        return True
    return bool(header) and header[0] in first_cells


@dataclass
class IgnoredRows:
    """The numbers of ignored rows, by reason."""

    blank: int = 0
    repeated_headers: int = 0
    misquoted: int = 0

    def filter(
        self, rows: Sequence[Row], misquoted: Container[int], header: Sequence[str]
    ) -> list[Row]:
        """Count the ignored rows and return the others; `misquoted` has indexes of rows."""
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

    def merge(self, other: "IgnoredRows") -> None:
        """Add the rows of another part of the file."""
        self.blank += other.blank
        self.repeated_headers += other.repeated_headers
        self.misquoted += other.misquoted
