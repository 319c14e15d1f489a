"""SQLite's errors in our words: what is wrong, and what to do next."""

import sqlite3

from hpnorton.errors import StoreAccessError, StoreBusyError, StoreError

NO_ACCESS = (
    "the database {path} cannot be opened or written ({error}); check the path and who may write "
    "there"
)
# By SQLite's code: https://www.sqlite.org/rescode.html
_MESSAGES: dict[int, tuple[type[StoreError], str]] = {
    **dict.fromkeys(
        (
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_AUTH,
        ),
        (StoreAccessError, NO_ACCESS),
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
        (
            StoreBusyError,
            "another program has kept the database {path} locked for {seconds:g} s; look for one "
            "with unsaved changes, such as DB Browser, another HPNorton, or a backup: save or end "
            "it, then try again",
        ),
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreAccessError,
        "{path} is not an SQLite database; put it back from a backup, or name another file in the "
        "URI",
    ),
    sqlite3.SQLITE_FULL: (
        StoreError,
        "the disk is full: {path} cannot grow, or a temporary file; make room, then try again",
    ),
    sqlite3.SQLITE_IOERR: (
        StoreError,
        "the system could not read or write the database {path} ({error}); see whether the disk is "
        "full, a quota is used up or the disk fails, then try again",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreError,
        "the database {path} is damaged; put it back from a backup, or remove it and import "
        "everything again",
    ),
}
_OTHER = (StoreError, "the database {path} refused: {error}")


def explain(error: sqlite3.Error, path: object, patience: float) -> StoreError:
    """Return the StoreError for an error of sqlite3; `patience` s were waited for a lock."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    kind, text = _MESSAGES.get(code, _OTHER)
    return kind(text.format(path=path, error=error, seconds=patience))
