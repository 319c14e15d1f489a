"""Counts that add up: what became of every row that was read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hpnorton.errors import ExitStatus, HPNortonError

SHOWN_FAULTS = 10


@dataclass(frozen=True)
class RowFault:
    """Why a row of a file is not in the database; `row` and `line` count the header as 1."""

    file: str
    row: int
    line: int
    field: str | None
    code: str
    value: str | None
    message: str

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}"
        if self.line != self.row:
            place += f" (line {self.line})"
        if self.field is None:
            return f"{place}: {self.message} [{self.code}]"
        value = "" if not self.value else f"{_shown(self.value)} "
        return f"{place}, {self.field}: {value}{self.message} [{self.code}]"


def printable(text: str) -> str:
    """A text on one line, without characters that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shown(cell: str) -> str:
    """A cell as it can be printed: on one line, and not for ever."""
    # Bytes that are not UTF-8 show as \xNN.
    text = cell.encode(errors="surrogateescape").decode(errors="backslashreplace")
    text = printable(text)
    return f'"{text[:60]}{"..." if len(text) > 60 else ""}"'


@dataclass
class Counts:
    """What became of the rows of a chunk or a file; counts of chunks add up to those of a file.

    `unchanged` rows were in the database with the same values, `conflicts` with others. `codes`
    counts faults by code, `faults` holds the first few of them.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    conflicts: int = 0
    rejected: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[RowFault] = field(default_factory=list)

    def check(self) -> None:
        """Raises HPNortonError unless every row that was read is accounted for, once."""
        known = (self.inserted, self.updated, self.unchanged, self.conflicts, self.rejected)
        if self.read != sum(known) or min(known) < 0:
            raise HPNortonError(f"the counts do not add up: {self}; please report this as a bug")

    def add(self, other: "Counts") -> None:
        """Adds the counts of another chunk, whose faults may come from earlier rows."""
        self.read += other.read
        self.inserted += other.inserted
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.conflicts += other.conflicts
        self.rejected += other.rejected
        self.codes += other.codes
        faults = sorted(self.faults + other.faults, key=lambda fault: fault.row)
        self.faults = faults[:SHOWN_FAULTS]


@dataclass
class FileReport:
    """What became of one file.

    `elapsed` is in seconds, from its first chunk's start to its last one's end; `total_records`
    are the collection's afterwards; `failure` says why the file could not be imported to its end.
    """

    file: str
    collection: str
    counts: Counts = field(default_factory=Counts)
    elapsed: float = 0.0
    total_records: int = 0
    failure: str | None = None

    @property
    def status(self) -> ExitStatus:
        """The exit status of an import of this file alone."""
        if self.failure is not None:
            return ExitStatus.FAILED
        if self.counts.rejected or self.counts.conflicts:
            return ExitStatus.ROWS_REFUSED
        return ExitStatus.OK

    def as_document(self) -> dict[str, int | float | None]:
        """The report under the names of the command line's contract."""
        counts = self.counts
        counts.check()
        success = counts.inserted + counts.updated
        return {
            "success": success,
            "fail": counts.read - success,
            "total_records": self.total_records,
            "elapsed": round(self.elapsed, 6),
            "read": counts.read,
            "inserted": counts.inserted,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "conflicts": counts.conflicts,
            "rejected": counts.rejected,
            "rejects_file": None,
            "rows_per_second": round(counts.read / self.elapsed) if self.elapsed else 0,
        }


def exit_status(reports: Sequence[FileReport]) -> ExitStatus:
    """The exit status of an import of several files: failed before refused before done."""
    statuses = {report.status for report in reports}
    for status in (ExitStatus.FAILED, ExitStatus.ROWS_REFUSED):
        if status in statuses:
            return status
    return ExitStatus.OK
