"""A text file that rows are appended to, by several processes at a time."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from hpnorton.errors import FileError
from hpnorton.importer.rejects import with_line_end
from hpnorton.schema.headers import listed
from hpnorton.tabular.location import is_gzipped
from hpnorton.tabular.reader import CsvFile
from hpnorton.tabular.record_ends import has_open_quote

_CHECKED_ROWS = 10_000


@contextmanager
def open_target(
    target: Path, file: CsvFile, on_warning: Callable[[str], None]
) -> Iterator[IO[bytes]]:
    """Open a text file to append lines to, each in one write, which several processes may do.

    A new file gets the header of `file`, others must have the same. The last row gets a line end if
    it lacks one. Raises FileError.
    """
    if is_gzipped(target.name):
        raise FileError(f"{target}: rows are appended as text; name a file without .gz with --to")
    try:
        if (
            target.exists()
            and os.path.exists(file.location)
            and os.path.samefile(target, file.location)
        ):
            raise FileError(f"{target} is the file that is streamed; name another one with --to")
        # pylint: disable-next=consider-using-with # that is below
        out = open(target, "ab", buffering=0)
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror}") from error
    with out:
        try:
            _prepare(out, target, file, on_warning)
        except OSError as error:
            raise FileError(f"{target} cannot be written: {error.strerror}") from error
        yield out


def _prepare(
    out: IO[bytes], target: Path, file: CsvFile, on_warning: Callable[[str], None]
) -> None:
    """Write the header to a new file; check the rows of others and complete the last one."""
    append(out, file.raw_header, only_if_empty=True)
    with _alone(out):
        last_row = _check_rows(target, file)
        if not _ends_a_line(target):
            out.write(b"\n")
            on_warning(
                f"{target}, row {last_row}, the last one, had no line end; it has one now: check "
                "whether the row is whole"
            )


def _check_rows(target: Path, file: CsvFile) -> int:
    """Return the number of rows of `target`. Raises FileError if rows of `file` do not fit it."""
    with closing(CsvFile(os.path.abspath(target), "")) as existing:
        _check_columns(target, file, existing.header)
        row = 1
        for chunk in existing.chunks(_CHECKED_ROWS, skips_long_rows=True, with_data=True):
            row += chunk.rows
            if has_open_quote(chunk.data or b""):  # of the last row only
                raise FileError(
                    f"{target}, row {row}, the last one, opens a quote that is never closed: what "
                    "is appended would be a part of it; close the quote, or name another file with "
                    "--to"
                )
    return row


def _check_columns(target: Path, file: CsvFile, header: Sequence[str]) -> None:
    """Raise FileError if rows of `file` do not belong below the `header` of `target`."""
    if header == file.header:
        return
    added = [name for name in file.header if name not in header]
    lacking = [name for name in header if name not in file.header]
    parts = [f"{file.path} has {listed(added)} besides"] if added else []
    parts += [f"{file.path} lacks {listed(lacking)}"] if lacking else []
    parts = parts or [f"{file.path} has the same columns in another order"]
    raise FileError(
        f"{target} has other columns: {', and '.join(parts)}; name another file with --to"
    )


def append(out: IO[bytes], record: bytes, *, only_if_empty: bool = False) -> None:
    """Append a line as a whole or not at all; several processes may do so at the same time.

    With `only_if_empty` nothing is appended to other lines. If the disk becomes full, the part that
    was written is removed. Raises OSError.
    """
    rest = with_line_end(record)
    with _alone(out):
        start = out.seek(0, os.SEEK_END)
        if only_if_empty and start:
            return
        try:
            while rest:
                rest = rest[out.write(rest) :]
        except OSError:
            if out.tell() > start:
                out.truncate(start)
            raise


@contextmanager
def _alone(out: IO[bytes]) -> Iterator[None]:
    """Keep other processes from appending to the file, where the file system has locks."""
    with suppress(OSError):  # without a lock a line is still appended in one write
        fcntl.flock(out, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(out, fcntl.LOCK_UN)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) in (b"\n", b"\r")  # others may append meanwhile
