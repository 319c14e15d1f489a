"""An SQLite file that this user may only read, opened without writing anything beside it.

In WAL mode even a reader writes: it keeps its locks in a file beside the database
(https://www.sqlite.org/wal.html#read_only_databases).
"""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from hpnorton.errors import StoreAccessError, StoreError
from hpnorton.stores.sqlite.database_files import JOURNAL, SHM, WAL

_HEADER_BYTES = 20
_WAL_MODE = b"\x02\x02"  # bytes 18 and 19: https://www.sqlite.org/fileformat2.html
_MAX_COPIES = 5

_State = tuple[int, int, int] | None


def why_read_only(path: Path) -> str | None:
    """Return what keeps this user from writing an existing database; None if nothing does."""
    if not _may_write(path):
        return f"{path} may not be written"
    if not _may_write(path.parent) and not all(_may_write(f"{path}{s}") for s in (WAL, SHM)):
        return f"nothing may be written in the folder {path.parent}, where SQLite keeps its log"
    return None


class ReadOnlyFile:
    """The database file `path`, which is only read.

    While a process that may write has it open, SQLite's locks keep what is read consistent.
    Otherwise it is read without locks, and close() checks whether it was written to meanwhile. If a
    dead process has left a log, database and log are copied into a temporary folder. Raises
    sqlite3.Error, OSError and StoreError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._state: _State = None
        self._uri = _uri(path, "mode=ro")
        if not _is_in_wal_mode(path):
            if not self._is_readable():  # there is a journal to be rolled back
                self._copy(JOURNAL)
        elif not _state(f"{path}{WAL}"):
            self._state = _state(path)
            self._uri = _uri(path, "mode=ro&immutable=1")
        elif not (os.path.exists(f"{path}{SHM}") and self._is_readable()):
            self._copy(WAL)

    def connect(self, seconds: float = 0) -> sqlite3.Connection:
        """Return a new connection, which waits so many seconds for locks."""
        return sqlite3.connect(self._uri, uri=True, timeout=seconds, isolation_level=None)

    def close(self) -> None:
        """Remove the copy. Raises StoreError if the file was written to while it was read."""
        if self._folder is not None:
            self._folder.cleanup()
        if self._state is not None and self._state != _state(self._path):
            raise StoreError(
                f"the database {self._path} was written to while it was read, and may not be "
                "locked without the right to write in its folder; do that again"
            )

    def _is_readable(self) -> bool:
        try:
            with closing(self.connect()) as connection:
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        except sqlite3.OperationalError as error:
            return error.sqlite_errorcode & 0xFF not in (
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_READONLY,
            )
        return True

    def _copy(self, log: str) -> None:
        """Copy the database and its log, as they are at one moment."""
        # close() removes it.
        # pylint: disable-next=consider-using-with
        self._folder = tempfile.TemporaryDirectory(prefix="hpnorton-")
        copy = Path(self._folder.name, "copy.db")
        names = ("", log)
        for _ in range(_MAX_COPIES):
            before = [_state(f"{self._path}{name}") for name in names]
            for name in names:
                shutil.copyfile(f"{self._path}{name}", f"{copy}{name}")
            if before == [_state(f"{self._path}{name}") for name in names]:
                self._uri = _uri(copy, "mode=rw")
                return
        self._folder.cleanup()
        raise StoreAccessError(
            f"the database {self._path} is written to without end, and may not be locked without "
            "the right to write in its folder; try again"
        )


def _may_write(path: str | Path) -> bool:
    is_effective = os.access in os.supports_effective_ids
    return os.access(path, os.W_OK, effective_ids=is_effective)


def _is_in_wal_mode(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_HEADER_BYTES)[-2:] == _WAL_MODE


def _state(path: str | Path) -> _State:
    """Return what changes with the content of a file; None if it is empty, or does not exist."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found.st_size else None


def _uri(path: Path, how: str) -> str:
    return f"{path.absolute().as_uri()}?{how}"
