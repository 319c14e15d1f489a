"""A connection to an SQLite file: how it is opened, waits for its turn, and words its errors."""

import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from hpnorton import log
from hpnorton.errors import StoreAccessError, StoreBusyError, StoreError, StoreMissingError
from hpnorton.schema.field import Value
from hpnorton.stores.sqlite.files import JOURNAL, WAL, DatabaseFiles
from hpnorton.stores.sqlite.read_only import ReadOnlyFile, why_read_only

LOCK_SECONDS = 60.0  # a person waits for it
# A look takes 2 microseconds (measured). All look equally often, so that nobody starves.
_BUSY_PAUSES = (0.0005, 0.002)
WAIT_TOLD_SECONDS = 2.0
# Who has held the lock lets the others go first: for a share of that time, in which all of them
# look once. Otherwise who takes the lock again at once would keep it for ever.
_COURTESY_SHARE = 0.1
_COURTESY_SECONDS = 0.005
_LEAST_COURTESY = 0.001
_CACHE_KIB = 32 * 1024
_SORTING_KIB = 4 * 1024
# Of a new database: a million rows take 6% less time than with 4096, in no order 10% (measured).
_PAGE_BYTES = 16_384
_CHECKPOINT_BYTES = 80 * 2**20
_LONGEST_WAL = 4 * _CHECKPOINT_BYTES
_CHECKPOINT_SECONDS = 1.0  # to wait for others, while nobody writes
# What is wrong and what to do next, by SQLite's code: https://www.sqlite.org/rescode.html
_NO_ACCESS = (
    "the database {path} cannot be opened or written ({error}); check the path and who may write "
    "there"
)
_READ_ONLY = (
    "the database {path} can only be read: {reason} by this user (or at all); questions work, but "
    "to change something ask its owner for that right, or name another database with --uri"
)
_WAITING = (
    "Waiting: another program keeps the database {} locked. Look for one with unsaved changes, "
    "such as DB Browser, another HPNorton, or a backup. Ctrl+C ends the wait; it ends by itself "
    "after {:g} s."
)
_MESSAGES: dict[int, tuple[type[StoreError], str]] = {
    **dict.fromkeys(
        (
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_AUTH,
        ),
        (StoreAccessError, _NO_ACCESS),
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


class SqliteConnection:
    """A connection to the SQLite file `path`, which waits for a lock for up to `patience` s.

    Without `create` a file that may not be written is opened to be read.
    """

    def __init__(self, path: str, *, create: bool, patience: float = LOCK_SECONDS) -> None:
        self._path = Path(path)
        self._patience = patience
        self._read_only: ReadOnlyFile | None = None
        self._others_until = 0.0  # time.monotonic() from when on it may be our turn again
        self._told_until = 0.0  # time.monotonic() until when whoever waits knows why
        self._longest_wal = _LONGEST_WAL
        if create:
            self._make_folder()
        else:
            self._check_present()
        self._why_read_only = why_read_only(self._path) if self._path.is_file() else None
        if create:
            self._check_writable()
        with self._errors():
            if self._why_read_only:
                self._read_only = self._open_to_read()
            self._connection = self._connect()
        self._files = DatabaseFiles(self._path, self._is_whole)
        try:
            with self._errors():
                self._set_up(create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection; the last one to close writes the log back into the file.

        Raises StoreError if a database that may only be read has changed while it was open.
        """
        self._connection.close()
        if self._read_only:
            self._read_only.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A write transaction: all of it or nothing. One inside another is a part of it.

        IMMEDIATE, because a transaction that reads before it writes is refused at once when
        another one has written in between, whatever the time-out
        (https://www.sqlite.org/lang_transaction.html).
        """
        self._check_writable()
        with self._errors():
            if self._connection.in_transaction:
                yield
                return
            if (courtesy := self._others_until - time.monotonic()) > _LEAST_COURTESY:
                time.sleep(courtesy)
            self._run("BEGIN IMMEDIATE")
            begun = time.monotonic()
            try:
                self._files.check()
                yield
            except BaseException:
                # SQLite has rolled back by itself after some errors, a full disk among them.
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise
            self._run("COMMIT")
            self._files.check()
            now = time.monotonic()
            self._others_until = now + min((now - begun) * _COURTESY_SHARE, _COURTESY_SECONDS)
            if self._files.wal_bytes > self._longest_wal:
                self._shorten_wal()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Lets what is read inside be the database of one moment, whatever others write."""
        with self._errors():
            self._run("BEGIN")
            try:
                yield
            finally:
                self._run("COMMIT")

    @contextmanager
    def _sorting(self) -> Iterator[None]:
        """Lets SQLite sort what it makes an index of in pieces that fit the processor's cache.

        It sorts as much at once as its own cache may hold, and merges the pieces: an index of a
        million texts takes half the time so, one of ten millions four fifths (measured).
        """
        self._run(f"PRAGMA cache_size = {-_SORTING_KIB}")
        try:
            yield
        finally:
            self._run(f"PRAGMA cache_size = {-_CACHE_KIB}")

    def _shorten_wal(self) -> None:
        """Brings all of the log into the file while nobody writes, and empties it.

        SQLite does the first by itself, but lets others write meanwhile. Where they never pause, it
        never comes to the end, and the log only grows: to 8 GB in an import of ten million rows in
        no order (https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files). Who reads
        an old state for long keeps the log, too; it then may grow on before this is tried again.
        """
        self._run(f"PRAGMA busy_timeout = {_CHECKPOINT_SECONDS * 1000:.0f}")
        try:
            is_busy, *_ = self._run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:  # what was to be written is written all the same
            log.debug("{} stays as long as it is", f"{self._path}{WAL}", error=error)
            is_busy = True
        finally:
            self._run("PRAGMA busy_timeout = 0")
        self._longest_wal = _LONGEST_WAL + (self._files.wal_bytes if is_busy else 0)

    def _connect(self, seconds: float = 0) -> sqlite3.Connection:
        """A connection of its own to the same database; SQLite itself waits so long for locks."""
        if self._read_only:
            return self._read_only.connect(seconds)
        return sqlite3.connect(self._path, timeout=seconds, isolation_level=None)

    def _open_to_read(self) -> ReadOnlyFile:
        try:
            return ReadOnlyFile(self._path)
        except OSError as error:  # it may not even be read, or there is no room for a copy
            message = _NO_ACCESS.format(path=self._path, error=error.strerror)
            raise StoreAccessError(message) from error

    def _make_folder(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreAccessError(
                f"the folder of the database {self._path} cannot be made: {error.strerror}"
            ) from error

    def _check_writable(self) -> None:
        """Raises StoreAccessError if the database may only be read."""
        if self._why_read_only:
            message = _READ_ONLY.format(path=self._path, reason=self._why_read_only)
            raise StoreAccessError(message)

    def _check_present(self) -> None:
        """Raises StoreMissingError where nothing was ever written, or nothing is left of it."""
        again = "import the CSV files first, with --linear"
        try:
            size = self._path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise StoreMissingError(f"there is no database {self._path} yet; {again}") from None
        except OSError as error:
            message = _NO_ACCESS.format(path=self._path, error=error.strerror)
            raise StoreAccessError(message) from error
        beside = [Path(f"{self._path}{suffix}") for suffix in (WAL, JOURNAL)]
        if not size and not any(path.exists() for path in beside):
            raise StoreMissingError(
                f"the database {self._path} is an empty file; put it back from a backup, or {again}"
            )

    def _is_whole(self) -> bool:
        """Whether all of the database is as it should be: as the file has it, not our memory."""
        try:
            with closing(sqlite3.connect(self._path)) as other:
                return bool(other.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError:
            return False

    def _set_up(self, create: bool) -> None:
        run = self._run
        if create:
            run(f"PRAGMA page_size = {_PAGE_BYTES}")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA cache_size = {-_CACHE_KIB}")
        (page_bytes,) = run("PRAGMA page_size").fetchone()
        run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_BYTES // page_bytes}")
        if create and run("PRAGMA journal_mode").fetchone() != ("wal",):
            # Readers then never wait for the writer, nor it for them.
            run("PRAGMA journal_mode = WAL")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Says in our words what sqlite3 raises."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        kind, text = _MESSAGES.get(code, _OTHER)
        return kind(text.format(path=self._path, error=error, seconds=self._patience))

    def _run(self, statement: str, parameters: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Runs a statement, and waits for the lock that it may need.

        SQLite's own time-out would not do: it sleeps ever longer while the lock is free, hears no
        Ctrl+C, and does not count for a change of the journal mode, which is refused at once.
        """
        start = time.monotonic()
        while True:
            try:
                return self._connection.execute(statement, parameters)
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - start
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or waited > self._patience:
                    raise
            if waited > WAIT_TOLD_SECONDS and start > self._told_until:
                log.say(_WAITING, self._path, self._patience)
                self._told_until = start + self._patience
            time.sleep(random.uniform(*_BUSY_PAUSES))

    def _column_types(self, table: str) -> dict[str, str]:
        """The declared type of each column; empty if there is no such table."""
        rows = self._run("SELECT name, type FROM pragma_table_info(?)", (table,))
        return dict(rows.fetchall())
