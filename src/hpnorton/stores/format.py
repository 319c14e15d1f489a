"""The version of the format in which HPNorton keeps its own tables and fields in a database.

It is in a table of its own, in SQLite too: `PRAGMA user_version` may belong to another program that
uses the same file. A database without HPNorton's tables has no version, and any version opens it.
"""

from dataclasses import dataclass

from hpnorton.errors import StoreError
from hpnorton.schema.collection import OWN_PREFIX
from hpnorton.stores.base import Mode, Store
from hpnorton.stores.entries import EntryTable

FORMAT_VERSION = 1  # raise it when a database of before can no longer be used as it is
_FORMAT = "format"
_IMPORTS = OWN_PREFIX + "imports"  # which every database has that HPNorton imported into


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A number that HPNorton keeps about a database."""

    name: str
    value: int


SETTINGS = EntryTable("settings", Setting, "name")


def check_format(store: Store, shown: str) -> None:
    """Raise StoreError if HPNorton's own tables in a database have another format.

    `shown` is the database's URI, for the message.
    """
    found = SETTINGS.find(store, ("name", "=", _FORMAT))
    if not found and store.is_empty(_IMPORTS):
        return
    version = found[0].value if found else 0
    if version > FORMAT_VERSION:
        raise StoreError(
            f"the database {shown} was written by a newer HPNorton, in format {version}, and this "
            f"one knows format {FORMAT_VERSION}: install the newer one, or name another database "
            "with --uri"
        )
    if version < FORMAT_VERSION:
        raise StoreError(
            f"the database {shown} was written by an older HPNorton, in a format that this one "
            "cannot read: import the files into another database (--uri), or remove this one with "
            "--drop-database and import them again; the older HPNorton can --export what the "
            "counter has changed"
        )


def save_format(store: Store) -> None:
    """Save the version of the format, unless the database has one. Raises StoreError."""
    SETTINGS.write(store, [Setting(name=_FORMAT, value=FORMAT_VERSION)], Mode.INSERT)
