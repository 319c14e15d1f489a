"""Counts of rows that add up, and how an import ended: what the journal keeps of a file."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from hpnorton.errors import HPNortonError


@dataclass
class Counts:
    """What became of the rows of a chunk or a file; counts of chunks add up to those of a file.

    `unchanged` rows were in the database with the same values, `conflicts` with others. `blank`
    rows are none of those `read`: nobody sees anything in them.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: int = 0
    rejected: int = 0
    blank: int = 0

    @property
    def failed(self) -> int:
        """The rows that are not in the database as they stand in the file."""
        return self.rejected + self.conflicts

    def check(self) -> None:
        """Raises HPNortonError unless every row that was read is accounted for, once."""
        known = (self.inserted, self.updated, self.unchanged, self.conflicts, self.rejected)
        if self.read != sum(known) or min(*known, self.blank) < 0:
            raise HPNortonError(f"the counts do not add up: {self}; please report this as a bug")

    def add(self, other: "Counts") -> None:
        """Adds the counts of another chunk."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


class Ending(StrEnum):
    """How the import of a file came to its end."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
