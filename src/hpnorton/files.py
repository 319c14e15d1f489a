"""Files by name: on this machine, or wherever a URL such as s3://bucket/file.csv points.

URLs need the package fsspec (https://filesystem-spec.readthedocs.io), which comes with
`hpnorton[dask]`, and for each kind of place the package that fsspec names.
"""

import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import IO, Any, cast

from hpnorton.errors import FileError, HPNortonError
from hpnorton.texts import tellable, without_secrets

_BLOCK_BYTES = 2**20
_URL_SIGN = "://"
_CACHE = "readahead"  # a file is read from some offset on


def is_url(path: str) -> bool:
    """Whether a path is a URL, as fsspec understands them."""
    return _URL_SIGN in path


def shown(path: str) -> str:
    """A path as it may be shown and kept: a URL without what gives access."""
    return without_secrets(path) if is_url(path) else path


def open_binary(path: str) -> IO[bytes]:
    """The file, open for reading bytes. Raises OSError, and FileError where fsspec is needed."""
    if not is_url(path):
        return open(path, "rb")
    # Only here: most people have no URLs, and not the package.
    # pylint: disable=import-outside-toplevel
    try:
        import fsspec
    except ImportError:
        raise FileError(f"{shown(path)} is a URL; install what reads it: hpnorton[dask]") from None
    try:
        system, place = fsspec.url_to_fs(path)
        return cast(IO[bytes], _Remote(system.open(place, "rb", cache_type=_CACHE)))
    except Exception as error:  # pylint: disable=broad-exception-caught # each kind has its own
        reason = tellable(str(error)) or type(error).__name__
        raise FileError(f"{shown(path)} cannot be opened: {reason}") from error


class _Remote:
    """A stream of fsspec's: whatever its kind of place raises when it is read becomes OSError."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.size = getattr(stream, "size", None)

    def __enter__(self) -> "_Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        """Some bytes."""
        return bytes(self._try(self._stream.read, size))

    def seek(self, offset: int) -> int:
        """Goes to an offset."""
        return int(self._try(self._stream.seek, offset))

    def close(self) -> None:
        """Closes it."""
        self._stream.close()

    def _try(self, work: Callable[[int], Any], value: int) -> Any:
        try:
            return work(value)
        except OSError:
            raise
        except Exception as error:  # pylint: disable=broad-exception-caught # as above
            raise OSError(tellable(str(error)) or type(error).__name__) from error


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
    if isinstance(stream, _Remote):
        return stream.size
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


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
            modified = 0 if is_url(path) else os.fstat(stream.fileno()).st_mtime_ns
            checksum = 0
            while block := stream.read(_BLOCK_BYTES):
                checksum = zlib.crc32(block, checksum)
    except OSError as error:
        raise FileError(f"{shown(path)} cannot be read: {error}") from error
    return Fingerprint(size, modified, f"crc32:{checksum:08x}")
