"""Rejected rows: kept while an import runs, and written so that people can mend them.

`COLLECTION-RUN.csv` holds the rows as they stood, under the file's header, so that the mended file
can be imported; `COLLECTION-RUN.reasons.jsonl` one object a fault.
"""

import heapq
import json
import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO

from hpnorton.errors import FileError
from hpnorton.files import discard, replace_atomically
from hpnorton.importer.report import RowFault
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
    """A row that is not in the database, `raw` as it stands in the file, and its reasons.

    Of a row that was too long to be read `raw` is empty.
    `key` is the record's where another one with the same key was kept: a conflict.
    """

    row: int
    line: int
    raw: bytes
    reasons: Sequence[Reason]
    key: tuple[Value, ...] | None = None

    def faults(self, file: str) -> Iterator[RowFault]:
        """The reasons with the place they are at."""
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
    """The refused rows of a file, from chunks that come in any order, on disk if they are many."""

    def __init__(self) -> None:
        # pylint: disable-next=consider-using-with # close() closes it
        self._spool = SpooledTemporaryFile(max_size=_MEMORY_BYTES)
        self._parts: list[tuple[int, int, int]] = []
        self._amended: dict[int, RejectedRow | None] = {}
        self._is_whole = True

    def close(self) -> None:
        """Forgets the rows."""
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

    def amend(self, row: int, refused: RejectedRow | None) -> None:
        """Puts something else in place of what is known of a row; None if it is not refused."""
        self._amended[row] = refused

    def __iter__(self) -> Iterator[RejectedRow]:
        """The rows in the order of the file. Raises FileError if some could not be kept."""
        if not self._is_whole:
            raise FileError(
                "the rejected rows could not be kept; make room for temporary files in "
                + gettempdir()
            )
        amended = [refused for _, refused in sorted(self._amended.items()) if refused]
        yield from heapq.merge(self._unamended(), amended, key=lambda refused: refused.row)

    def _unamended(self) -> Iterator[RejectedRow]:
        for _, offset, length in sorted(self._parts):
            self._spool.seek(offset)
            rows: Sequence[RejectedRow] = pickle.loads(self._spool.read(length))
            for refused in rows:
                if refused.row not in self._amended:
                    yield refused


def check_folder(folder: Path, *, is_named: bool) -> None:
    """Raise FileError if rejected rows can surely not be written to a folder; make nothing yet.

    Where nobody has named it (`is_named`), an import without rejected rows may do without it, as in
    a folder that is read only.
    """
    place = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
    if not place.is_dir():
        raise FileError(f"{place} is a file, not a folder; name a folder with --rejects")
    if is_named and not os.access(place, os.W_OK | os.X_OK):
        raise FileError(
            f"the rejected rows cannot be written to {folder}: no permission to write in {place}; "
            "name another folder with --rejects"
        )


def write_rejects(
    rejects: Iterator[RejectedRow], folder: Path, name: str, file: str, header: bytes
) -> Path:
    """Writes `name`.csv and `name`.reasons.jsonl, and returns the path of the first.

    Raises FileError. A file that is there under one of the names is replaced when it is written.
    """
    rows, reasons = folder / f"{name}.csv", folder / f"{name}.reasons.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replace_atomically(rows) as csv, replace_atomically(reasons) as jsonl:
            csv.write(ended(header))
            for refused in rejects:
                if refused.raw:  # else it was too long to be kept
                    csv.write(ended(refused.raw))
                _write_reasons(jsonl, refused, file)
    except OSError as error:
        raise FileError(
            f"the rejected rows of {file} cannot be written to {folder}: {error.strerror}; "
            "name another folder with --rejects"
        ) from error
    return rows


def _write_reasons(jsonl: IO[bytes], refused: RejectedRow, file: str) -> None:
    for fault in refused.faults(file):
        text = {"file": readable(file), "value": fault.value and readable(fault.value)}
        document = asdict(fault) | text
        jsonl.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")


def ended(record: bytes) -> bytes:
    """A record with a line end, which the last one of a file may lack."""
    return record if record.endswith((b"\n", b"\r")) else record + b"\n"
