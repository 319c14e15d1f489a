"""The bytes of a CSV file: of a plain, compressed or growing file, a URL, or stdin."""

import errno
import gzip
import io
import os
import sys
import time
import zlib
from enum import Enum, auto
from typing import IO, cast

from hpnorton.errors import FileError, OpenFilesError
from hpnorton.tabular.location import (
    FileVersion,
    is_gzipped,
    is_url,
    open_binary,
    read_part,
    redact_location,
    size_of,
    version_of,
)
from hpnorton.tabular.signatures import START_BYTES, find_other_format

STDIN = "-"
_GZIP = b"\x1f\x8b"
_POLL_SECONDS = 0.1  # of a file that may grow


class ReadMode(Enum):
    """How to read a file: in large blocks, as soon as bytes arrive, or for as long as it grows."""

    BUFFERED = auto()
    STREAMING = auto()
    TAIL = auto()


class Input:
    """An open file, read from its first byte on; a .gz file is decompressed.

    `location` is where the file is, which may hold a password; `path` is the same without it.
    `size` is the number of bytes of a plain file, None if it is unknown or more bytes may come.
    `is_repeatable` says that the file can be opened again and read from its beginning.
    Raises FileError.
    """

    def __init__(self, path: str, mode: ReadMode) -> None:
        self.location = "stdin" if path == STDIN else path
        self.path = redact_location(self.location)
        self.size: int | None = None
        self._position = 0
        self.is_repeatable = False
        self._version: FileVersion | None = None
        self._mode = mode
        self._file: IO[bytes] | None = None
        self._resume_offset: int | None = None
        if mode is ReadMode.TAIL and (path == STDIN or is_gzipped(path) or is_url(path)):
            raise self._cannot_follow()
        self._stream = self._stdin() if path == STDIN else self._open()

    def close(self) -> None:
        """Close the file; stdin stays open."""
        if self._file is not None:
            self._stream.close()
            self._file.close()

    def suspend(self, offset: int) -> bool:
        """Close the file until it is read again, then from `offset` on. Return whether it can be.

        A file that can be read only once stays open, unless it is a URL.
        """
        if self._file is None or not (self.is_repeatable or is_url(self.location)):
            return False
        self.close()
        self._resume_offset = offset
        return True

    @property
    def is_suspended(self) -> bool:
        """Return whether the file is closed until it is read again."""
        return self._resume_offset is not None

    def _reopen(self, offset: int) -> None:
        """Open the file again. Raises FileError, also if the file has changed meanwhile."""
        before, self._resume_offset = self._version, None
        self._stream = self._open()
        if self._version != before:
            raise FileError(f"{self.path} has changed since its header was read; start again")
        if self.is_repeatable:
            self.seek(offset)
        else:
            self._position = 0
            while self._position < offset and (
                skipped := self._stream.read(offset - self._position)
            ):
                self._position += len(skipped)

    def check_unchanged(self) -> str | None:
        """Raise FileError if a buffered file has changed; return a warning if that is unknown."""
        if self._version is None:
            return None
        before = self._version
        again = "wait until it is complete; --mode upsert then replaces rows that were incomplete"
        try:
            now = version_of(self.location)
        except FileNotFoundError:
            raise FileError(f"{self.path} was removed while it was read; {again}") from None
        except OSError as error:
            return f"it is unknown whether the file has changed while it was read: {error}"
        if now == before:
            return None
        if now.size == before.size or now.size is None or before.size is None:
            how = "was changed or replaced"
        else:
            verb = "grew" if now.size > before.size else "shrank"
            how = f"{verb} from {before.size:,} to {now.size:,} bytes"
        raise FileError(f"{self.path} {how} while it was read; {again}")

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end.

        In mode TAIL it waits for more, in mode STREAMING it returns what has arrived.
        Raises FileError, also for a file that ends before its size.
        """
        try:
            if self._resume_offset is not None:
                self._reopen(self._resume_offset)
            block = self._read(size)
            while not block and self._mode is ReadMode.TAIL and self._file is not None:
                time.sleep(_POLL_SECONDS)
                self._check_growth(self._file)
                block = self._read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error
        self._position += len(block)
        if not block and self.size is not None and self._position < self.size:
            raise FileError(f"{self.path} has become shorter while it was read; start again")
        return block

    def seek(self, offset: int) -> None:
        """Continue from another offset. Raises FileError."""
        self._position = offset
        try:
            if self._resume_offset is not None:
                self._reopen(offset)
            self._stream.seek(offset)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error

    def _read(self, size: int) -> bytes:
        if self._mode is ReadMode.BUFFERED or not isinstance(self._stream, io.BufferedReader):
            return self._stream.read(size)
        return self._stream.read1(size)

    def _check_growth(self, stream: IO[bytes]) -> None:
        """Raise FileError if the file was replaced or truncated since it was opened."""
        again = "start again with what is there now"
        try:
            named = os.stat(self.path)
        except FileNotFoundError:
            raise FileError(f"{self.path} was removed while it was followed") from None
        ours = os.fstat(stream.fileno())
        if not os.path.samestat(named, ours):
            raise FileError(f"{self.path} was replaced while it was followed; {again}")
        if ours.st_size < stream.tell():
            raise FileError(f"{self.path} has become shorter while it was followed; {again}")

    def _unreadable(self, error: Exception) -> FileError:
        if isinstance(error, gzip.BadGzipFile) and not self._is_gzip(error):
            return FileError(f"{self.path} {self._wrong_gz_name()}")
        if isinstance(error, EOFError):
            return FileError(
                f"{self.path} is cut short: the compressed file ends too early; copy it again"
            )
        if isinstance(error, gzip.BadGzipFile | zlib.error):
            return FileError(f"{self.path} is damaged: {error}; copy it again")
        return FileError(f"{self.path} cannot be read: {error}")

    def _is_gzip(self, error: gzip.BadGzipFile) -> bool:
        """Return whether the file begins as gzip files do, so that the error is further inside."""
        if self._position or not str(error).startswith("Not a gzipped file"):
            return True
        return self.is_repeatable and read_part(self.location, 0, 2) == _GZIP

    def _wrong_gz_name(self) -> str:
        """Return what a file that ends in .gz is, if it is not compressed with gzip."""
        start = read_part(self.location, 0, START_BYTES) if self.is_repeatable else b""
        what = find_other_format(start) or "not compressed with gzip; take .gz off its name"
        return f"ends in .gz, but is {what}"

    def _cannot_follow(self) -> FileError:
        return FileError(f"{self.path} cannot be followed; name a plain file on this machine")

    def _stdin(self) -> IO[bytes]:
        if sys.stdin is None:
            raise FileError("stdin is closed; pipe a CSV file into it")
        if not hasattr(sys.stdin, "buffer"):  # a program may have replaced it with a StringIO
            return io.BytesIO(sys.stdin.read().encode())
        return sys.stdin.buffer

    def _open(self) -> IO[bytes]:
        try:
            self._file = open_binary(self.location)
            size = size_of(self._file)
            if size is not None and self._mode is ReadMode.BUFFERED:
                self._version = version_of(self.location, self._file)
        except FileNotFoundError:
            raise FileError(f"there is no file {self.path}; check its name") from None
        except IsADirectoryError:
            raise FileError(f"{self.path} is a folder; name the CSV files in it") from None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise OpenFilesError(
                    "too many files are open; raise the limit of this process, for example with "
                    "'ulimit -n 1024', and start again"
                ) from error
            reason = error.strerror or error
            raise FileError(f"{self.path} cannot be opened: {reason}") from error
        self.is_repeatable = size is not None
        if size is None and self._mode is ReadMode.TAIL:
            self._file.close()
            raise self._cannot_follow()
        if is_gzipped(self.location):
            return cast(IO[bytes], gzip.open(self._file))
        self.size = size if self._mode is ReadMode.BUFFERED else None
        return self._file
