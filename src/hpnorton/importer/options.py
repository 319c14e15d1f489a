"""How to import: the options of a whole import, and what they come to for one file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from hpnorton.importer import stock_updates
from hpnorton.importer.phases import Listener, Phase, phase
from hpnorton.schema.collection import Collection
from hpnorton.schema.layout import Layout
from hpnorton.stores import process_store
from hpnorton.stores.base import Batch, Mode, Store, Written
from hpnorton.tabular.open import ReadMode

_MIN_ROWS_FOR_PERCENT = 1000
# The workers of one import wait for each other too: making an index of many rows takes minutes.
LOCK_SECONDS = 600.0


@dataclass(frozen=True)
class Limit:
    """The largest number of rejected rows, or with `is_percent` their share of the rows read."""

    maximum: float
    is_percent: bool = False

    def is_exceeded(self, rejected: int, read: int, *, is_over: bool) -> bool:
        """Return whether there are too many rejected rows.

        The share of the first few rows says little: a percentage waits for a thousand rows, or for
        the end of all files (`is_over`).
        """
        if self.is_percent:
            is_known = is_over or read >= _MIN_ROWS_FOR_PERCENT
            return is_known and rejected > self.maximum * read / 100
        return rejected > self.maximum

    def __str__(self) -> str:
        return f"{self.maximum:g}{'%' if self.is_percent else ''}"


@dataclass(frozen=True)
class Options:  # pylint: disable=too-many-instance-attributes # one for each flag
    """How to import.

    With `is_parallel` each file has a process of its own, or `workers` processes share the chunks
    of all files (0: one for each core), or the Dask cluster at the address `scheduler` does. The
    rejected rows go to the folder `rejects` (None: nowhere). A server that is lost is tried again
    for `retry_seconds`, a database that another program keeps locked for `lock_seconds`.

    A file whose `reading` is not in bulk is a feed: each chunk is written at once, lets other
    processes write, and has no entry in the journal, since a feed is not resumed.

    `adapt` completes the description of each file's collection, with its stock for example.
    """

    mode: Mode = Mode.INSERT
    chunk_rows: int = 10_000
    is_parallel: bool = False
    workers: int | None = None
    scheduler: str | None = None
    max_errors: Limit | None = None
    is_dry_run: bool = False
    rejects: Path | None = None
    is_resuming: bool = False
    retry_seconds: float = 60.0
    lock_seconds: float = LOCK_SECONDS
    reading: ReadMode = ReadMode.BUFFERED
    log_level: str | None = None
    adapt: Callable[[Collection], Collection] = lambda described: described

    @property
    def is_feed(self) -> bool:
        """Whether each chunk is written as soon as it is read."""
        return self.reading is not ReadMode.BUFFERED

    @property
    def is_distributed(self) -> bool:
        """Whether other processes than this one load the chunks."""
        return self.is_parallel or self.scheduler is not None


class Commit(Enum):
    """How many chunks go into a transaction.

    GROUPED: many, and their rows are checked as they are written, since no other process waits.
    SHORT: few, and all of their rows are checked before the transaction begins, since others wait.
    SINGLE: one each; their rows are checked as they are written.
    """

    GROUPED = auto()
    SHORT = auto()
    SINGLE = auto()


class Indexes(Enum):
    """When a collection gets the indexes beside that of its key.

    NOW: before any row. LATE: after all rows, which takes less time for a collection that was
    empty, because foreign keys come in no order.
    """

    NOW = auto()
    LATE = auto()


class Resume(Enum):
    """What the journal remembers of each chunk, so that the import can be resumed.

    NONE: nothing, as of a feed. DONE: an entry when the
    chunk is done, in the transaction of its rows. STARTED: another one before its rows are written,
    with the keys that were there before; where a store has no transactions, only this tells rows
    of the chunk from others after a crash.
    """

    NONE = auto()
    DONE = auto()
    STARTED = auto()


@dataclass(frozen=True)
class ImportSpec:  # pylint: disable=too-many-instance-attributes # all that a worker has to know
    """What a worker has to know to import any chunk of one file.

    `import_id` and `number` are the import's (see stores/provenance.py). `scratch` is the path
    of a database to write to in place of `uri`'s, which is only read: a dry run. `is_ordered` says
    that a single process loads all chunks in the order of the file, `was_empty` that the collection
    had no records when the import began. `wants_hashes` asks for the hashes of all keys (see
    load.hash_keys). `lock_seconds` is how long to wait for another program that keeps the database
    locked. The phases of the import are reported to `listener`.
    """

    uri: str = field(repr=False)  # it may hold a password, and Dask logs what it cannot do
    layout: Layout
    mode: Mode = Mode.INSERT
    import_id: str = ""
    scratch: str | None = None
    number: int | None = None
    commit: Commit = Commit.SHORT
    indexes: Indexes = Indexes.NOW
    resume: Resume = Resume.DONE
    is_ordered: bool = False
    was_empty: bool = False
    wants_hashes: bool = False
    lock_seconds: float = LOCK_SECONDS
    listener: Listener | None = None

    @property
    def collection(self) -> Collection:
        """The collection that the rows go to."""
        return self.layout.collection

    def open_store(self) -> Store:
        """Return this process's own store. Raises StoreError, also if there is no database."""
        with phase(Phase.DATABASE):
            return process_store(self.uri, self.scratch, create=False, patience=self.lock_seconds)

    def write(self, store: Store, batch: Batch) -> Written:
        """Write records to the store."""
        if self.scratch is None and stock_updates.is_stock_update(batch, self.mode):
            return stock_updates.write(process_store(self.uri), batch, self.import_id)
        return store.write(batch, self.mode)

    def replace(self, store: Store, batch: Batch) -> None:
        """Replace records that other rows of the same file have stored."""
        if self.scratch is not None:
            store.write(batch, Mode.UPSERT)
        elif self.mode is Mode.INSERT:
            stock_updates.correct(process_store(self.uri), batch)
        else:
            self.write(store, batch)
