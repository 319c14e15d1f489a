"""The report of a file's import: counts that add up, and why rows were rejected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hpnorton.errors import ExitStatus
from hpnorton.sanitize import quoted, readable
from hpnorton.stores.counts import Counts, Ending

SHOWN_FAULTS = 10
_DONE_BEFORE = "done before"
_WORST_FIRST = (
    ExitStatus.INTERRUPTED,
    ExitStatus.FAILED,
    ExitStatus.TOO_MANY_REJECTED,
    ExitStatus.ROWS_REJECTED,
)


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
        location = f"{self.file}, row {self.row}"
        if self.line != self.row:
            location += f" (line {self.line})"
        if self.field is None:
            return f"{location}: {self.message} [{self.code}]"
        value = "" if not self.value else f"{quoted(self.value)} "
        return f"{location}, {self.field}: {value}{self.message} [{self.code}]"


_STATUSES = {
    Ending.INTERRUPTED: ExitStatus.INTERRUPTED,
    Ending.FAILED: ExitStatus.FAILED,
    Ending.STOPPED: ExitStatus.TOO_MANY_REJECTED,
}


@dataclass
class FileReport:
    """The report of one file's import.

    `elapsed` is in seconds, from the start of its first chunk to the end of its last one, `rows`
    were read in that time; after --resume, `counts` include those of the run before. `codes` counts
    the reasons of the rejected rows by code, `faults` holds the first few reasons. `failure` says
    why the file could not be imported to its end, `total_records` are the records of the collection
    afterwards. `warnings` are sentences about rows that were imported, but may be wrong.
    `import_id` is the import's id in the journal (None for a dry run), `started` its start, ISO
    8601 in UTC. `was_done` says that the import was done before this run, so that the file was not
    read.
    """

    file: str
    collection: str
    counts: Counts = field(default_factory=Counts)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[RowFault] = field(default_factory=list)
    ending: Ending = Ending.RUNNING
    warnings: list[str] = field(default_factory=list)
    import_id: str | None = None
    started: str | None = None
    failure: str | None = None
    can_resume: bool = False
    was_done: bool = False
    rejects_file: str | None = None
    elapsed: float = 0.0
    rows: int = 0
    total_records: int = 0

    @property
    def rows_per_second(self) -> int:
        """The speed at which rows were read."""
        return round(self.rows / self.elapsed) if self.elapsed else 0

    @property
    def status(self) -> ExitStatus:
        """The exit status of an import of this file alone."""
        if self.ending in _STATUSES:
            return _STATUSES[self.ending]
        return ExitStatus.ROWS_REJECTED if self.counts.failed else ExitStatus.OK

    def forget(self) -> None:
        """Reset the counts, because what was written is gone."""
        self.counts, self.rows, self.rejects_file = Counts(), 0, None

    def as_document(self) -> dict[str, int | float | str | list[str] | None]:
        """Return the report under the names of the command line's contract."""
        counts = self.counts
        counts.check()
        return {
            "success": counts.read - counts.failed,
            "fail": counts.failed,
            "total_records": self.total_records,
            "elapsed": round(self.elapsed, 6),
            "read": counts.read,
            "inserted": counts.inserted,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "conflicts": counts.conflicts,
            "rejected": counts.rejected,
            "blank": counts.blank,
            "rejects_file": self.rejects_file,
            "rows_per_second": self.rows_per_second,
            "file": readable(self.file),
            "import_id": self.import_id,
            "started": self.started,
            "status": _DONE_BEFORE if self.was_done else str(self.ending),
            "warnings": list(self.warnings),
        }


def exit_status(reports: Sequence[FileReport]) -> ExitStatus:
    """Return the exit status of an import of several files: that of the worst of them."""
    statuses = {report.status for report in reports}
    return next((status for status in _WORST_FIRST if status in statuses), ExitStatus.OK)
