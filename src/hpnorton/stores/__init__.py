"""Databases behind one protocol: `open_store(uri)` gives the adapter for a URI.

An adapter opens no connection at import time, and a store never crosses a process border.

HPNorton's own collections in a database: `entries` stores dataclasses as records, `history` has the
changes of records, `journal` the imports and their chunks, `provenance` which imports wrote a
record, and `format` the version of all these.
"""

import atexit
from threading import Lock
from typing import overload

from hpnorton.errors import StoreMissingError
from hpnorton.settings import SQLITE_PREFIX, redact
from hpnorton.stores.base import ChangeStore, Store
from hpnorton.stores.format import check_format
from hpnorton.workers import warm_up


def open_store(
    uri: str, *, create: bool = False, patience: float | None = None, any_format: bool = False
) -> ChangeStore:
    """Return the store at a URI as settings.absolute_uri gives it.

    With `create`, a database that does not exist is created; without it, StoreMissingError is
    raised (MongoDB creates databases by itself). `patience` is how many seconds to wait for a lock
    on an SQLite file. Without `create`, an SQLite file that this user may not write is opened
    read-only. Raises StoreError if the database has a format of another version (see format.py),
    unless `any_format`, and StoreAccessError.
    """
    store = _open_adapter(uri, create=create, patience=patience)
    if not any_format:
        try:
            check_format(store, redact(uri))
        except BaseException:
            store.close()
            raise
    return store


def _open_adapter(uri: str, *, create: bool, patience: float | None) -> ChangeStore:
    # Each adapter is imported when it is used: pymongo alone takes 0.1 s.
    # pylint: disable=import-outside-toplevel
    if uri.startswith(SQLITE_PREFIX):
        from hpnorton.stores.sqlite.connection import LOCK_SECONDS
        from hpnorton.stores.sqlite.store import SqliteStore

        path = uri.removeprefix(SQLITE_PREFIX)
        seconds = LOCK_SECONDS if patience is None else patience
        return SqliteStore(path, create=create, patience=seconds)
    from hpnorton.stores.mongo.store import MongoStore

    return MongoStore(uri)


def warm_up_workers(uri: str, module: str) -> None:
    """Start the process that workers are forked from, which imports `module` and the adapter."""
    is_sqlite = uri.startswith(SQLITE_PREFIX)
    warm_up(module, "hpnorton.stores.sqlite.store" if is_sqlite else "hpnorton.stores.mongo.store")


_KEPT: dict[tuple[str, str | None], Store] = {}
_LOCK = Lock()


@overload
def process_store(
    uri: str, *, create: bool = True, patience: float | None = None
) -> ChangeStore: ...


@overload
def process_store(
    uri: str, scratch: str | None, *, create: bool = True, patience: float | None = None
) -> Store: ...


def process_store(
    uri: str, scratch: str | None = None, *, create: bool = True, patience: float | None = None
) -> Store:
    """Return this process's own store for a URI, which is opened at its first use and kept.

    `create` and `patience` are as in open_store. With `scratch`, the path of a temporary file, the
    store leaves the database unchanged: see dry_run.py.
    """
    with _LOCK:
        if (uri, scratch) not in _KEPT:
            if not _KEPT:
                atexit.register(close_process_stores)
            _KEPT[uri, scratch] = _open(uri, scratch, create, patience)
        return _KEPT[uri, scratch]


def close_process_stores() -> None:
    """Close the stores that process_store has opened."""
    with _LOCK:
        while _KEPT:
            _KEPT.popitem()[1].close()


def _open(uri: str, scratch: str | None, create: bool, patience: float | None) -> Store:
    if scratch is None:
        return open_store(uri, create=create, patience=patience)
    # pylint: disable-next=import-outside-toplevel # as above
    from hpnorton.stores.dry_run import DryRunStore

    try:
        present = open_store(uri, patience=patience)
    except StoreMissingError:
        present = None
    return DryRunStore(present, open_store(SQLITE_PREFIX + scratch, create=True))
