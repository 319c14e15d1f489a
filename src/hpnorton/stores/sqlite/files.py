"""The files of an SQLite database that is in use: somebody may take them away all the same.

SQLite goes on writing into files that no longer have a name, and what it writes is gone with the
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

    `is_whole` looks at all of the database, through a connection of its own. That takes long, and
    is only asked if the file has become smaller.
    """

    def __init__(self, path: Path, is_whole: Callable[[], bool]) -> None:
        self._path = path
        self._wal = Path(f"{path}{WAL}")
        self._is_whole = is_whole
        self._opened = _identity(path)
        self._opened_wal: _Identity | None = None
        self._size = 0

    def check(self) -> None:
        """Raises StoreGoneError unless the files are those that were opened; for use in a lock.

        The log is there from the first transaction on until the last connection is closed.
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
        """How long the log is; 0 if there is none."""
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
        # Whoever opens an empty file as a database removes its log.
        if size < self._size and (not size or not self._is_whole()):
            raise StoreGoneError(
                f"the database {self._path} was cut short while it was in use, and is damaged; put "
                "it back from a backup, or remove it and import everything again"
            )
        self._size = size


def _identity(path: Path) -> _Identity | None:
    """What tells a file from others that had, or will have, its name; None if it has none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
