"""The errors that are reported to the user, and their exit statuses.

    HPNortonError                1
    ├── UsageError               2
    ├── SettingsError            1
    ├── SchemaError              1
    ├── FileError                1
    │   └── OpenFilesError       1
    ├── UnknownIdError           1
    ├── RefusedError             1
    ├── UnknownCollectionError   1
    ├── ClusterError             1
    ├── ComparisonError          1
    └── StoreError               1
        ├── StoreMissingError    1
        ├── MisfitError          1
        ├── StoreGoneError       1
        ├── StoreAccessError     1
        │   └── StoreLostError   1
        └── StoreBusyError       1

A message says what is wrong, where, and what to do next; it never contains a password.
"""

from collections.abc import Iterable
from enum import IntEnum

from hpnorton.lazy import lazy_imports

with lazy_imports():
    import difflib

_MAX_SUGGESTIONS = 3
_MIN_PART = 3


class ExitStatus(IntEnum):
    """The exit statuses of the command line."""

    OK = 0
    FAILED = 1
    USAGE = 2
    ROWS_REJECTED = 3
    TOO_MANY_REJECTED = 4
    INTERRUPTED = 130


class HPNortonError(Exception):
    """The base class of all errors that are meant for the user."""

    status = ExitStatus.FAILED


class UsageError(HPNortonError):
    """The command line is wrong, or asks for what makes no sense."""

    status = ExitStatus.USAGE


class SettingsError(HPNortonError):
    """settings.ini cannot be read, or has a value that makes no sense."""


class SchemaError(HPNortonError):
    """A datapackage.json is wrong, or a name in it cannot be stored."""


class FileError(HPNortonError):
    """A CSV file cannot be imported at all."""


class OpenFilesError(FileError):
    """The system does not let this process open more files."""


class UnknownIdError(HPNortonError):
    """A query or a clerk names an id that no record has."""


class RefusedError(HPNortonError):
    """The counter refuses: a product is sold out, not rented, the customer is not active, ..."""


class UnknownCollectionError(HPNortonError):
    """A collection does not exist, or no data package describes it."""


class ClusterError(HPNortonError):
    """The Dask cluster cannot be used."""


class ComparisonError(HPNortonError):
    """A measured import failed or left other records, or the report cannot be drawn."""


class StoreError(HPNortonError):
    """The database refused or failed."""


class StoreMissingError(StoreError):
    """There is no database at this location yet."""


class MisfitError(StoreError):
    """A collection's records differ from their description: another key, other types."""


class StoreGoneError(StoreError):
    """The database was removed while it was in use, with all that was written."""


class StoreAccessError(StoreError):
    """The database exists but cannot be reached, read, written or logged in to."""


class StoreLostError(StoreAccessError):
    """The database does not answer; it may do so again later."""


class StoreBusyError(StoreError):
    """Another program kept the database locked for longer than we wait."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message, `; did you mean 'x'?`, or "" if no known word is similar.

    A known word that contains `word` is similar to it. Case and leading dashes do not matter.
    """
    spelling = {each.casefold(): each for each in known}
    typed = word.casefold()
    part = typed.lstrip("-")
    similar = [each for each in spelling if each == typed]
    if not similar and len(part) >= _MIN_PART:
        similar = [each for each in spelling if part in each]
    if not 0 < len(similar) <= _MAX_SUGGESTIONS:
        similar = difflib.get_close_matches(typed, spelling, n=1)
    names = [spelling[each] for each in similar]
    listed = " or ".join(name if name.startswith("--") else repr(name) for name in names)
    return f"; did you mean {listed}?" if listed else ""
