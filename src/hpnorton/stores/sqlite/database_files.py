"""Detects that another program has removed or replaced an open database's files.

SQLite goes on writing into files that no longer have a name, and what it writes is lost with the
last connection (https://www.sqlite.org/howtocorrupt.html#unlink). In WAL mode it does not notice.
"""

import os
from collections.abc import Callable
from pathlib import Path

from hpnorton.errors import StoreAccessError, StoreGoneError

# What SQLite adds to a database's name for its log, in WAL mode and otherwise, and for the locks
# of WAL mode.
WAL, JOURNAL, SHM = "-wal", "-journal", "-shm"

_Identity = tuple[int, int]


class DatabaseFiles:
    """The database file `path`, which was just opened, and the log beside it.

    `is_whole` checks the whole database, through a connection of its own. That takes long, and is
    only done if the file has become smaller.
    """

    def __init__(self, path: Path, is_whole: Callable[[], bool]) -> None:
        self._path = path
        self._wal = Path(f"{path}{WAL}")
        self._is_whole = is_whole
        self._opened = _identity(path)
        self._opened_wal: _Identity | None = None
        self._size = 0

    def check(self) -> None:
        """Check that the files are those that were opened, and remember the log and the size.

        The log exists from the first transaction until the last connection is closed. Raises
        StoreGoneError if the database was removed, replaced or cut short, StoreAccessError if the
        log was removed or replaced.
        """
        self._check_file()
        wal = _identity(self._wal)
        if self._opened_wal not in (None, wal):
            raise StoreAccessError(
                f"{self._wal}, a part of the database, was removed or replaced while it was in "
                "use; end all programs that use the database, then go on"
            )
        self._opened_wal = wal

    @property
    def wal_bytes(self) -> int:
        """The size of the log; 0 if there is none."""
        try:
            return os.stat(self._wal).st_size
        except FileNotFoundError:
            return 0

    def _check_file(self) -> None:
        if _identity(self._path) != self._opened:
            raise StoreGoneError(
                f"the database {self._path} was removed or replaced while it was in use, and what "
                "was written is gone; put it back from a backup, or remove what is there and "
                "import everything again"
            )
        size = os.stat(self._path).st_size
        # An empty file is not checked: SQLite deletes the log of an empty database on opening it.
        if size < self._size and (not size or not self._is_whole()):
            raise StoreGoneError(
                f"the database {self._path} was cut short while it was in use, and is damaged; put "
                "it back from a backup, or remove it and import everything again"
            )
        self._size = size


def _identity(path: Path) -> _Identity | None:
    """Return what tells a file from others of the same name; None if there is no such file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
