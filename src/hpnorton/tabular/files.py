"""Files by name: on this machine, or wherever a URL such as s3://bucket/file.csv points.

`remotes` reads URLs.
"""

import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Any, cast

from hpnorton.errors import FileError, HPNortonError
from hpnorton.sanitize import without_secrets
from hpnorton.tabular.urls import Remote, open_remote, read_range, remote_version

_BLOCK_BYTES = 2**20
_URL_SIGN = "://"


def is_url(path: str) -> bool:
    """Whether a path is a URL, as fsspec understands them."""
    return _URL_SIGN in path


def shown(path: str) -> str:
    """A path as it may be shown and kept: a URL without what gives access."""
    return without_secrets(path) if is_url(path) else path


def is_zipped(path: str) -> bool:
    """Whether a name ends in .gz; the query of a URL is no part of it."""
    return name_of(path).lower().endswith(".gz")


def name_of(path: str) -> str:
    """A path without the query of a URL."""
    return re.split("[?#]", path, maxsplit=1)[0] if is_url(path) else path


def open_binary(path: str) -> IO[bytes]:
    """The file, open for reading bytes. Raises OSError, and FileError for a URL."""
    return cast(IO[bytes], open_remote(path)) if is_url(path) else open(path, "rb")


def read_part(path: str, offset: int, length: int) -> bytes:
    """Some bytes of a file, fewer at its end. Raises OSError, and FileError as open_binary."""
    if is_url(path):
        return read_range(path, offset, length)
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path` when it is complete; else `path` is left as it is.

    A link that somebody has put there is replaced, not followed. What could not be completed is
    removed: on a full disk it would only take up room. Raises OSError.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as out:
            yield out
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def refused(error: OSError, *folders: Path) -> str:
    """What to tell if the system refuses something that nobody has named.

    That may be temporary files, in their own folder and the other `folders`, or processes.
    """
    places = list(dict.fromkeys([*map(str, folders), gettempdir()]))
    return (
        f"the system refused: {error}; see whether {' and '.join(places)} "
        f"{'have' if len(places) > 1 else 'has'} room for temporary files, and the system for more "
        "processes"
    )


@contextmanager
def temporary_files(*folders: Path) -> Iterator[None]:
    """For work with temporary files, in their own folder or others.

    Raises HPNortonError if the system refuses them.
    """
    try:
        yield
    except OSError as error:
        raise HPNortonError(refused(error, *folders)) from error


def forget(file: Any) -> None:
    """Closes a temporary file that nobody needs any more, and so no room for the rest of it."""
    with suppress(OSError):
        file.close()


def size_of(stream: IO[bytes]) -> int | None:
    """The bytes of an open file that can be read from any offset; None for a pipe and the like."""
    if isinstance(stream, Remote):
        return stream.size
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


@dataclass(frozen=True)
class Version:
    """What changes when somebody writes to a file or replaces it: its size, and `more`."""

    size: int | None
    more: tuple[str | int, ...]


def version_of(path: str, stream: IO[bytes] | None = None) -> Version:
    """The version of a file, by its path, or of what is open as `stream`.

    Raises OSError, and FileError as open_binary.
    """
    if is_url(path):
        return Version(*remote_version(path))
    status = os.stat(path) if stream is None else os.fstat(stream.fileno())
    return Version(status.st_size, (status.st_dev, status.st_ino, status.st_mtime_ns))


def check_unchanged(path: str, before: Version) -> str | None:
    """Raises FileError if a file has changed since it was opened; says so if nobody can tell."""
    again = "wait until it is complete; --mode upsert then replaces a row that was read half"
    try:
        now = version_of(path)
    except FileNotFoundError:
        raise FileError(f"{shown(path)} was removed while it was read; {again}") from None
    except OSError as error:
        return f"nobody can tell whether it has changed while it was read: {error}"
    if now == before:
        return None
    if now.size == before.size or now.size is None or before.size is None:
        how = "was changed or replaced"
    else:
        verb = "grew" if now.size > before.size else "shrank"
        how = f"{verb} from {before.size:,} to {now.size:,} bytes"
    raise FileError(f"{shown(path)} {how} while it was read; {again}")


def check_growth(path: str, stream: IO[bytes]) -> None:
    """Raises FileError unless a file has only grown since it was opened and read so far."""
    again = "start again with what is there now"
    try:
        named = os.stat(path)
    except FileNotFoundError:
        raise FileError(f"{path} was removed while it was followed") from None
    ours = os.fstat(stream.fileno())
    if not os.path.samestat(named, ours):
        raise FileError(f"{path} was replaced while it was followed; {again}")
    if ours.st_size < stream.tell():
        raise FileError(f"{path} has become shorter while it was followed; {again}")


@dataclass(frozen=True)
class Fingerprint:
    """What tells one content of a file from another.

    `modified` is its time in nanoseconds (0 for a URL), `checksum` the CRC-32 of its bytes, which
    is told at 2 GB/s: 2% of an import's time (measured).
    """

    size: int
    modified: int
    checksum: str


def fingerprint(path: str) -> Fingerprint | None:
    """The fingerprint of a file; None if it can be read but once. Raises FileError."""
    try:
        with open_binary(path) as stream:
            size = size_of(stream)
            if size is None:
                return None
            # pylint: disable-next=no-member # a plain file has it
            modified = 0 if is_url(path) else os.fstat(stream.fileno()).st_mtime_ns
            checksum = 0
            while block := stream.read(_BLOCK_BYTES):
                checksum = zlib.crc32(block, checksum)
    except OSError as error:
        raise FileError(f"{shown(path)} cannot be read: {error}") from error
    return Fingerprint(size, modified, f"crc32:{checksum:08x}")
