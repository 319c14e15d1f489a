"""What can go wrong, and the exit status each kind ends with.

    HPNortonError               1  anything a user can be told and can act on
    ├── UsageError              2  the command line asks for something that is not there
    ├── SettingsError           1  settings.ini
    ├── SchemaError             1  a datapackage.json, or names that a database cannot take
    ├── FileError               1  a CSV file as a whole
    │   └── OpenFilesError      1  this process may open no more files
    ├── UnknownIdError          1  an id that nobody has
    ├── RefusedError            1  the counter cannot do that now
    ├── UnknownCollectionError  1  a look at a collection that is not there, or not described
    ├── ClusterError            1  the Dask cluster
    ├── ComparisonError         1  timing runs that fail, or that do not lead to the same
    └── StoreError              1  the database
        ├── StoreMissingError   1  there is no database yet
        ├── MisfitError         1  its records are not as they are described
        ├── StoreGoneError      1  it was taken away while it was in use
        ├── StoreAccessError    1  it is there, but does not let us in
        │   └── StoreLostError  1  it does not answer, or no longer
        └── StoreBusyError      1  somebody else keeps it locked

A message says what is wrong, where, and what to do next; it never holds a password.
"""

from collections.abc import Iterable
from enum import IntEnum

from hpnorton.lazy import lazy_imports

with lazy_imports():
    import difflib

_MAX_SUGGESTIONS = 3
_MIN_PART = 3


class ExitStatus(IntEnum):
    """What the process tells its caller when it ends."""

    OK = 0
    FAILED = 1
    USAGE = 2
    ROWS_REJECTED = 3
    TOO_MANY_REJECTED = 4
    INTERRUPTED = 130


class HPNortonError(Exception):
    """The base of all errors that are meant for the user."""

    status = ExitStatus.FAILED


class UsageError(HPNortonError):
    """The command line asks for something that is not there."""

    status = ExitStatus.USAGE


class SettingsError(HPNortonError):
    """settings.ini cannot be read, or says something that makes no sense."""


class SchemaError(HPNortonError):
    """A datapackage.json is wrong, or a name in it cannot be stored."""


class FileError(HPNortonError):
    """A CSV file cannot be imported at all."""


class OpenFilesError(FileError):
    """The system lets this process open no more files."""


class UnknownIdError(HPNortonError):
    """A question, or a clerk, names an id that no record has."""


class RefusedError(HPNortonError):
    """What a clerk asks for is not possible as things are."""


class UnknownCollectionError(HPNortonError):
    """A look at a collection that is not there, or that no data package describes."""


class ClusterError(HPNortonError):
    """The Dask cluster cannot be used."""


class ComparisonError(HPNortonError):
    """Linear and parallel cannot be compared, or what came out cannot be drawn."""


class StoreError(HPNortonError):
    """The database refused or failed."""


class StoreMissingError(StoreError):
    """There is no database at that place yet."""


class MisfitError(StoreError):
    """A collection's records are not as a description says: another key, other types."""


class StoreGoneError(StoreError):
    """The database was taken away while it was in use, with all that was written."""


class StoreAccessError(StoreError):
    """The database is there but cannot be reached, read, written or logged in to."""


class StoreLostError(StoreAccessError):
    """The database does not answer; it may do so again in a while."""


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
