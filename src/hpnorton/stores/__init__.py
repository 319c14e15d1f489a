"""Databases behind one protocol: `open_store(uri)` gives the adapter for a URI.

An adapter opens no connection at import time, and a store never crosses a process border.
"""

import atexit

from hpnorton.settings import SQLITE_PREFIX
from hpnorton.stores.protocol import Store


def open_store(uri: str, *, create: bool = False) -> Store:
    """The store at a URI as settings.absolute_uri gives it.

    Where there is no database yet, `create` makes one; otherwise StoreMissingError is raised
    (MongoDB makes databases by itself). Also raises StoreAccessError.
    """
    # Each adapter is imported when it is used: pymongo alone takes 0.1 s.
    # pylint: disable=import-outside-toplevel
    if uri.startswith(SQLITE_PREFIX):
        from hpnorton.stores.sqlite import SqliteStore

        return SqliteStore(uri.removeprefix(SQLITE_PREFIX), create=create)
    from hpnorton.stores.mongo import MongoStore

    return MongoStore(uri)


_KEPT: dict[str, Store] = {}


def process_store(uri: str) -> Store:
    """This process's own store for a URI, opened at its first use and kept until the end."""
    if uri not in _KEPT:
        if not _KEPT:
            atexit.register(close_process_stores)
        _KEPT[uri] = open_store(uri, create=True)
    return _KEPT[uri]


def close_process_stores() -> None:
    """Closes what process_store has opened."""
    while _KEPT:
        _KEPT.popitem()[1].close()
