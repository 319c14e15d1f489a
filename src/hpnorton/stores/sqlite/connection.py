"""A connection to an SQLite file: how it is opened, and how it waits for a lock."""

import random
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from hpnorton import log
from hpnorton.errors import StoreAccessError, StoreMissingError
from hpnorton.schema.stored import Value
from hpnorton.stores.sqlite import errors, sql
from hpnorton.stores.sqlite.database_files import JOURNAL, WAL, DatabaseFiles
from hpnorton.stores.sqlite.read_only import ReadOnlyFile, why_read_only
from hpnorton.stores.sqlite.schema import SchemaReader

LOCK_SECONDS = 60.0  # a person waits for it
# All processes try equally often, so that none of them starves.
_BUSY_PAUSES = (0.0005, 0.002)
WAIT_TOLD_SECONDS = 2.0
# A process that has held the lock lets the others go first, for a share of the time it held it.
# Otherwise one that takes the lock again at once would keep it for ever.
_COURTESY_SHARE = 0.1
_MAX_COURTESY_SECONDS = 0.005
_MIN_COURTESY_SECONDS = 0.001
_CACHE_KIB = 32 * 1024
_SORTING_KIB = 4 * 1024
_PAGE_BYTES = 16_384  # of a new database: larger than SQLite's default, for fewer and fuller pages
_CHECKPOINT_BYTES = 80 * 2**20
_MAX_WAL_BYTES = 4 * _CHECKPOINT_BYTES
_CHECKPOINT_SECONDS = 1.0
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_READ_ONLY = (
    "the database {path} can only be read: {reason} by this user (or at all); questions work, but "
    "to change something ask its owner for that right, or name another database with --uri"
)
_WAITING = (
    "Waiting: another program keeps the database {} locked. Look for one with unsaved changes, "
    "such as DB Browser, another HPNorton, or a backup. Ctrl+C ends the wait; it ends by itself "
    "after {:g} s."
)


class SqliteConnection:
    """A connection to the SQLite file `path`, which waits for a lock for up to `patience` s.

    Without `create`, a file that this user may not write is opened read-only. `max_wal_bytes` is
    the size of the log above which it is emptied, and `checkpoint_seconds` how long that waits for
    other processes, while none of them can write.
    """

    def __init__(self, path: str, *, create: bool, patience: float = LOCK_SECONDS) -> None:
        self.path = Path(path)
        self.max_wal_bytes = _MAX_WAL_BYTES
        self.checkpoint_seconds = _CHECKPOINT_SECONDS
        self._patience = patience
        self._read_only: ReadOnlyFile | None = None
        self._courtesy_until = 0.0  # a time.monotonic(), until which other processes go first
        self._told_until = 0.0  # a time.monotonic(), until which the user knows why we wait
        self._busy_wal_bytes = 0  # the size of the log when it could last not be emptied
        self.schema = SchemaReader(self.run)
        if create:
            self._make_folder()
        else:
            self._check_present()
        self._why_read_only = why_read_only(self.path) if self.path.is_file() else None
        if create:
            self.check_writable()
        with self.translate_errors():
            if self._why_read_only:
                self._read_only = self._open_read_only()
            self._connection = self.connect()
        self._files = DatabaseFiles(self.path, self._is_whole)
        try:
            with self.translate_errors():
                self._set_up(create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; the last one to close writes the log back into the file.

        Raises StoreError if a read-only database has changed while it was open.
        """
        self._connection.close()
        if self._read_only:
            self._read_only.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run what is inside as one write transaction; a nested one is a part of the outer one.

        It is IMMEDIATE, because SQLite refuses a transaction that reads before it writes if another
        one has written in between, whatever the time-out
        (https://www.sqlite.org/lang_transaction.html).
        """
        self.check_writable()
        with self.translate_errors():
            if self._connection.in_transaction:
                yield
                return
            if (courtesy := self._courtesy_until - time.monotonic()) > _MIN_COURTESY_SECONDS:
                time.sleep(courtesy)
            self.run("BEGIN IMMEDIATE")
            begun = time.monotonic()
            try:
                self._files.check()
                yield
            except BaseException:
                # SQLite has already rolled back after some errors, such as a full disk.
                if self._connection.in_transaction:
                    self.run("ROLLBACK")
                raise
            self.run("COMMIT")
            self._files.check()
            now = time.monotonic()
            courtesy = min((now - begun) * _COURTESY_SHARE, _MAX_COURTESY_SECONDS)
            self._courtesy_until = now + courtesy
            if self._files.wal_bytes > self.max_wal_bytes + self._busy_wal_bytes:
                self._shorten_wal()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read what is inside from the database as it is at one moment, whatever others write."""
        with self.translate_errors():
            self.run("BEGIN")
            try:
                yield
            finally:
                self.run("COMMIT")

    @contextmanager
    def sorting(self) -> Iterator[None]:
        """Make SQLite sort the rows of a new index in pieces that fit the processor's cache.

        SQLite sorts as much at once as its own cache may hold, and merges these pieces.
        """
        self.run(f"PRAGMA cache_size = {-_SORTING_KIB}")
        try:
            yield
        finally:
            self.run(f"PRAGMA cache_size = {-_CACHE_KIB}")

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raise StoreError, with advice, for what sqlite3 raises inside."""
        try:
            yield
        except sqlite3.Error as error:
            raise errors.explain(error, self.path, self._patience) from error

    def run(self, statement: str, parameters: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run a statement, and wait for the lock that it may need.

        SQLite's own time-out is not used: it sleeps ever longer while the lock is free, does not
        react to Ctrl+C, and does not apply to a change of the journal mode.
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
                log.say(_WAITING, self.path, self._patience)
                self._told_until = start + self._patience
            time.sleep(random.uniform(*_BUSY_PAUSES))

    def run_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of parameters, in a transaction."""
        self._connection.executemany(statement, rows)

    def connect(self, seconds: float = 0) -> sqlite3.Connection:
        """Return a new connection to the database; SQLite waits so many seconds for its locks."""
        if self._read_only:
            return self._read_only.connect(seconds)
        return sqlite3.connect(self.path, timeout=seconds, isolation_level=None)

    def column_types(self, table: str) -> Mapping[str, str]:
        """Return the declared type of each column; an empty dictionary without such a table."""
        return self.schema.table(table).types

    def rowid_name(self, table: str) -> str | None:
        """Return a name of a table's rowid that no column has; None for a WITHOUT ROWID table."""
        taken = {name.lower() for name in self.column_types(table)}
        for name in _ROWID_NAMES:
            if name not in taken:
                try:
                    self.run(f"SELECT {name} FROM {sql.quote(table)} LIMIT 0")
                except sqlite3.OperationalError:
                    return None
                return name
        return None

    @property
    def max_parameters(self) -> int:
        """The largest number of parameters of a statement."""
        return self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)

    @max_parameters.setter
    def max_parameters(self, number: int) -> None:
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, number)

    def check_writable(self) -> None:
        """Raise StoreAccessError if the database is read-only."""
        if self._why_read_only:
            message = _READ_ONLY.format(path=self.path, reason=self._why_read_only)
            raise StoreAccessError(message)

    def check_files(self) -> None:
        """Raise StoreGoneError unless the database's files are still those that were opened."""
        self._files.check()

    def _shorten_wal(self) -> None:
        """Write all of the log into the file while no process writes, and empty the log.

        SQLite does the first by itself, but lets other processes write meanwhile. If they never
        pause, it never comes to the end, and the log only grows
        (https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files). A process that reads
        an old state for long keeps the log, too; it then may grow further before the next attempt.
        """
        self.run(f"PRAGMA busy_timeout = {self.checkpoint_seconds * 1000:.0f}")
        try:
            is_busy, *_ = self.run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:  # the transaction itself is written
            log.debug("{} stays as long as it is", f"{self.path}{WAL}", error=error)
            is_busy = True
        finally:
            self.run("PRAGMA busy_timeout = 0")
        self._busy_wal_bytes = self._files.wal_bytes if is_busy else 0

    def _open_read_only(self) -> ReadOnlyFile:
        try:
            return ReadOnlyFile(self.path)
        except OSError as error:  # this user may not read it, or there is no room for a copy
            message = errors.NO_ACCESS.format(path=self.path, error=error.strerror)
            raise StoreAccessError(message) from error

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreAccessError(
                f"the folder of the database {self.path} cannot be made: {error.strerror}"
            ) from error

    def _check_present(self) -> None:
        """Raise StoreMissingError if nothing was ever written, or nothing is left of it."""
        again = "import the CSV files first, with --linear"
        try:
            size = self.path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise StoreMissingError(f"there is no database {self.path} yet; {again}") from None
        except OSError as error:
            message = errors.NO_ACCESS.format(path=self.path, error=error.strerror)
            raise StoreAccessError(message) from error
        logs = [Path(f"{self.path}{suffix}") for suffix in (WAL, JOURNAL)]
        if not size and not any(path.exists() for path in logs):
            raise StoreMissingError(
                f"the database {self.path} is an empty file; put it back from a backup, or {again}"
            )

    def _is_whole(self) -> bool:
        """Return whether the file holds a sound database, whatever this connection has cached."""
        try:
            with closing(sqlite3.connect(self.path)) as other:
                return bool(other.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError:
            return False

    def _set_up(self, create: bool) -> None:
        run = self.run
        if create:
            run(f"PRAGMA page_size = {_PAGE_BYTES}")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA cache_size = {-_CACHE_KIB}")
        (page_bytes,) = run("PRAGMA page_size").fetchone()
        run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_BYTES // page_bytes}")
        if create and run("PRAGMA journal_mode").fetchone() != ("wal",):
            # Readers then never wait for the writer, nor the writer for them.
            run("PRAGMA journal_mode = WAL")
