"""Locations of files: paths on this machine, and URLs such as s3://bucket/file.csv."""

import os
import re
import stat
from dataclasses import dataclass
from typing import IO, cast

from hpnorton.sanitize import redact_url
from hpnorton.tabular.urls import RemoteFile, open_remote, read_range, remote_version

_URL_SIGN = "://"


def is_url(location: str) -> bool:
    """Return whether a location is a URL, as fsspec understands them."""
    return _URL_SIGN in location


def redact_location(location: str) -> str:
    """Return a location that may be shown and stored: a URL without passwords and signatures."""
    return redact_url(location) if is_url(location) else location


def without_query(location: str) -> str:
    """Return a location without the query of a URL."""
    return re.split("[?#]", location, maxsplit=1)[0] if is_url(location) else location


def is_gzipped(location: str) -> bool:
    """Return whether the name of a file ends in .gz."""
    return without_query(location).lower().endswith(".gz")


def open_binary(location: str) -> IO[bytes]:
    """Open a file for reading bytes. Raises OSError, and FileError for a URL."""
    return cast(IO[bytes], open_remote(location)) if is_url(location) else open(location, "rb")


def read_part(location: str, offset: int, length: int) -> bytes:
    """Return `length` bytes of a file from `offset` on, fewer at its end.

    Raises OSError, and FileError for a URL.
    """
    if is_url(location):
        return read_range(location, offset, length)
    with open(location, "rb") as file:
        file.seek(offset)
        return file.read(length)


def size_of(stream: IO[bytes]) -> int | None:
    """Return the bytes of an open file; None for a pipe and the like, which cannot be reopened."""
    if isinstance(stream, RemoteFile):
        return stream.size
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


@dataclass(frozen=True)
class FileVersion:
    """What changes when somebody writes to a file or replaces it.

    `details` are device, inode and time of modification, or what the server says, such as an ETag.
    """

    size: int | None
    details: tuple[str | int, ...]


def version_of(location: str, stream: IO[bytes] | None = None) -> FileVersion:
    """Return the version of the file at a location, or of the one that `stream` has open.

    Raises OSError, and FileError for a URL.
    """
    if is_url(location):
        return FileVersion(*remote_version(location))
    status = os.stat(location) if stream is None else os.fstat(stream.fileno())
    return FileVersion(status.st_size, (status.st_dev, status.st_ino, status.st_mtime_ns))
