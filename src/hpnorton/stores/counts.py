"""The counts of the rows of a chunk or a file, and the state of an import."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from hpnorton.errors import HPNortonError


@dataclass
class Counts:
    """The counts of the rows of a chunk or a file; those of its chunks add up to those of a file.

    `unchanged` rows were in the database with the same values, `conflicts` with others. `blank`
    rows are not among those `read`.
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
        """The number of rows that are not in the database as they are in the file."""
        return self.rejected + self.conflicts

    def check(self) -> None:
        """Raise HPNortonError unless each row that was read is counted exactly once."""
        known = (self.inserted, self.updated, self.unchanged, self.conflicts, self.rejected)
        if self.read != sum(known) or min(*known, self.blank) < 0:
            raise HPNortonError(f"the counts do not add up: {self}; please report this as a bug")

    def add(self, other: "Counts") -> None:
        """Add the counts of another chunk."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


class Ending(StrEnum):
    """The state of an import, or how it ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
