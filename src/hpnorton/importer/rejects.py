"""Rejected rows: kept while an import runs, and written to files that people can fix.

`COLLECTION-RUN.csv` holds the rows as they are in the imported file, under its header, so that it
can be imported when they are fixed. `COLLECTION-RUN.reasons.jsonl` has an object for each reason.
"""

import heapq
import json
import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO

from hpnorton.errors import FileError
from hpnorton.files import discard, replace_atomically
from hpnorton.importer.report import SHOWN_FAULTS, FileReport, RowFault
from hpnorton.sanitize import readable
from hpnorton.schema.stored import Value
from hpnorton.stores.journal import RejectedEntry

_MEMORY_BYTES = 2**20


@dataclass(frozen=True)
class Reason:
    """One fault of a row: a field (None for the row as a whole), a code, the cell, and why."""

    field: str | None
    code: str
    value: str | None
    message: str


@dataclass(frozen=True)
class RejectedRow:
    """A row that is not in the database, its bytes in the file (`raw`), and the reasons.

    `raw` is empty if the row was too long to be read. `key` is the record's key if it is in
    conflict with a stored record, and else None.
    """

    row: int
    line: int
    raw: bytes
    reasons: Sequence[Reason]
    key: tuple[Value, ...] | None = None

    def faults(self, file: str) -> Iterator[RowFault]:
        """Yield the reasons with their location in the file `file`."""
        for reason in self.reasons:
            yield RowFault(
                file, self.row, self.line, reason.field, reason.code, reason.value, reason.message
            )


def to_entry(run: str, rejected: RejectedRow) -> RejectedEntry:
    """Return the entry of a rejected row in the journal of the import `run`."""
    return RejectedEntry(
        run=run,
        row=rejected.row,
        line=rejected.line,
        raw=rejected.raw,
        reasons=json.dumps([vars(reason) for reason in rejected.reasons]),
        key=None if rejected.key is None else json.dumps(rejected.key),
    )


def from_entry(entry: RejectedEntry) -> RejectedRow:
    """Return the rejected row that the journal keeps."""
    reasons = [Reason(**reason) for reason in json.loads(entry.reasons)]
    key = None if entry.key is None else tuple(json.loads(entry.key))
    return RejectedRow(entry.row, entry.line, entry.raw, reasons, key)


class Rejects:
    """The rejected rows of a file, from chunks in any order; many are kept on disk."""

    def __init__(self) -> None:
        # pylint: disable-next=consider-using-with # close() closes it
        self._spool = SpooledTemporaryFile(max_size=_MEMORY_BYTES)
        self._parts: list[tuple[int, int, int]] = []
        self._amended: dict[int, RejectedRow | None] = {}
        self._is_whole = True

    def close(self) -> None:
        """Delete the rows."""
        discard(self._spool)

    def add(self, rows: Sequence[RejectedRow]) -> None:
        """Add the rejected rows of a chunk, in the order of the file. Raises OSError."""
        if not rows:
            return
        data = pickle.dumps(rows)  # which only this process reads
        start = self._spool.seek(0, 2)
        try:
            self._spool.write(data)
        except OSError:
            self._is_whole = False
            raise
        self._parts.append((rows[0].row, start, len(data)))

    def amend(self, row: int, rejected: RejectedRow | None) -> None:
        """Replace what is known of a row; None means that the row is not rejected."""
        self._amended[row] = rejected

    def __iter__(self) -> Iterator[RejectedRow]:
        """Yield the rows in the order of the file. Raises FileError if some could not be kept."""
        if not self._is_whole:
            raise FileError(
                "the rejected rows could not be kept; make room for temporary files in "
                + gettempdir()
            )
        amended = [rejected for _, rejected in sorted(self._amended.items()) if rejected]
        yield from heapq.merge(self._unamended(), amended, key=lambda rejected: rejected.row)

    def _unamended(self) -> Iterator[RejectedRow]:
        for _, offset, length in sorted(self._parts):
            self._spool.seek(offset)
            rows: Sequence[RejectedRow] = pickle.loads(self._spool.read(length))
            yield from (rejected for rejected in rows if rejected.row not in self._amended)


def check_folder(folder: Path, *, is_named: bool) -> None:
    """Raise FileError if rejected rows cannot be written to a folder; create nothing yet.

    Permissions are checked only if the user named the folder (`is_named`): an import without
    rejected rows does not need the default one, which may be read only.
    """
    parents = folder.absolute().parents
    present = next(each for each in (folder, *parents) if os.path.lexists(each))
    if not present.is_dir():
        raise FileError(f"{present} is a file, not a folder; name a folder with --rejects")
    if is_named and not os.access(present, os.W_OK | os.X_OK):
        raise FileError(
            f"the rejected rows cannot be written to {folder}: no permission to write in "
            f"{present}; name another folder with --rejects"
        )


def report_rejects(
    rejects: Rejects, report: FileReport, folder: Path | None, name: str, header: bytes
) -> None:
    """Add why rows are rejected to a report, and write the rows to `folder` if there are any.

    Raises FileError.
    """
    faults = (fault for row in rejects for fault in row.faults(report.file))
    report.faults = list(islice(faults, SHOWN_FAULTS))
    for row in rejects:
        report.codes.update(reason.code for reason in row.reasons)
    if report.codes and folder is not None:
        path = write_rejects(iter(rejects), folder, name, report.file, header)
        report.rejects_file = readable(str(path))


def write_rejects(
    rejects: Iterator[RejectedRow], folder: Path, name: str, file: str, header: bytes
) -> Path:
    """Write `name`.csv and `name`.reasons.jsonl to a folder, and return the path of the first.

    `header` and the rows are written as they are in the imported file. Existing files are replaced
    when the new ones are complete. Raises FileError.
    """
    rows, reasons = folder / f"{name}.csv", folder / f"{name}.reasons.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replace_atomically(rows) as csv, replace_atomically(reasons) as jsonl:
            csv.write(with_line_end(header))
            for rejected in rejects:
                # A row that was too long to be read is empty.
                csv.write(with_line_end(rejected.raw) if rejected.raw else b"")
                _write_reasons(jsonl, rejected, file)
    except OSError as error:
        raise FileError(
            f"the rejected rows of {file} cannot be written to {folder}: {error.strerror}; "
            "name another folder with --rejects"
        ) from error
    return rows


def _write_reasons(jsonl: IO[bytes], rejected: RejectedRow, file: str) -> None:
    for fault in rejected.faults(file):
        text = {"file": readable(file), "value": fault.value and readable(fault.value)}
        document = asdict(fault) | text
        jsonl.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")


def with_line_end(record: bytes) -> bytes:
    """Return a record with a line end, which the last one of a file may lack."""
    return record if record.endswith((b"\n", b"\r")) else record + b"\n"
