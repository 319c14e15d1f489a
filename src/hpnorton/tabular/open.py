"""Where the bytes of a CSV file come from: a plain, compressed or growing file, a URL, or stdin."""

import errno
import gzip
import io
import sys
import time
import zlib
from enum import Enum, auto
from typing import IO, cast

from hpnorton.errors import FileError, OpenFilesError
from hpnorton.tabular.files import (
    Version,
    check_growth,
    check_unchanged,
    is_url,
    is_zipped,
    open_binary,
    read_part,
    shown,
    size_of,
    version_of,
)
from hpnorton.tabular.signatures import START_BYTES, not_csv

STDIN = "-"
_GZIP = b"\x1f\x8b"
_GROWTH_SECONDS = 0.1  # between two looks at a file that is followed


class Reading(Enum):
    """How to read a file: for speed, as soon as something is there, or on as long as it grows."""

    BULK = auto()
    LIVE = auto()
    FOLLOWED = auto()


class Input:
    """An open file, from its first byte on; that of a .gz file is that of its content.

    `path` is how it is called, `place` where it is, which may hold a password.
    `size` is the number of bytes of a plain file, None where nobody knows it beforehand or more
    may come. `is_repeatable` says that the file can be opened again and read from its beginning.
    Raises FileError.
    """

    def __init__(self, path: str, reading: Reading) -> None:
        self.place = "stdin" if path == STDIN else path
        self.path = shown(self.place)
        self.size: int | None = None
        self._position = 0
        self.is_repeatable = False
        self._version: Version | None = None
        self._reading = reading
        self._file: IO[bytes] | None = None
        self._resumes_at: int | None = None
        if reading is Reading.FOLLOWED and (path == STDIN or is_zipped(path) or is_url(path)):
            raise self._unfollowed()
        self._stream = self._stdin() if path == STDIN else self._open()

    def close(self) -> None:
        """Closes the file; stdin stays open."""
        if self._file is not None:
            self._stream.close()
            self._file.close()

    def rest(self, offset: int) -> bool:
        """Close the file, which goes on from an offset when it is read; False if it cannot.

        A file that can be read but once, and is no URL, stays open.
        """
        if self._file is None or not (self.is_repeatable or is_url(self.place)):
            return False
        self.close()
        self._resumes_at = offset
        return True

    def _wake(self, offset: int) -> None:
        """Opens the file again. Raises FileError, also for one that has changed meanwhile."""
        before, self._resumes_at = self._version, None
        self._stream = self._open()
        if self._version != before:
            raise FileError(f"{self.path} has changed since its header was read; start again")
        if self.is_repeatable:
            self.seek(offset)
        else:
            self._position = 0
            while self._position < offset and (
                passed := self._stream.read(offset - self._position)
            ):
                self._position += len(passed)

    def check_unchanged(self) -> str | None:
        """Raises FileError if a file that is no feed has changed; says so if nobody can tell."""
        return check_unchanged(self.place, self._version) if self._version else None

    def read(self, size: int) -> bytes:
        """Some bytes, none at the end. Of a file that is followed some more come always.

        Those of a live one come as soon as there are any. Raises FileError, also for a file that
        ends before its size.
        """
        try:
            if self._resumes_at is not None:
                self._wake(self._resumes_at)
            block = self._read(size)
            while not block and self._reading is Reading.FOLLOWED and self._file is not None:
                time.sleep(_GROWTH_SECONDS)
                check_growth(self.path, self._file)
                block = self._read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error
        self._position += len(block)
        if not block and self.size is not None and self._position < self.size:
            raise FileError(f"{self.path} has become shorter while it was read; start again")
        return block

    def seek(self, offset: int) -> None:
        """Goes on from another offset. Raises FileError."""
        self._position = offset
        try:
            if self._resumes_at is not None:
                self._wake(offset)
            self._stream.seek(offset)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error

    def _read(self, size: int) -> bytes:
        if self._reading is Reading.BULK or not isinstance(self._stream, io.BufferedReader):
            return self._stream.read(size)
        return self._stream.read1(size)

    def _unreadable(self, error: Exception) -> FileError:
        if isinstance(error, gzip.BadGzipFile) and not self._is_zipped(error):
            return FileError(f"{self.path} {self._zipped_by_name()}")
        if isinstance(error, EOFError):
            return FileError(
                f"{self.path} is cut short: the compressed file ends too early; copy it again"
            )
        if isinstance(error, gzip.BadGzipFile | zlib.error):
            return FileError(f"{self.path} is damaged: {error}; copy it again")
        return FileError(f"{self.path} cannot be read: {error}")

    def _is_zipped(self, error: gzip.BadGzipFile) -> bool:
        """Whether the file begins as a compressed one does, so that what is wrong comes later."""
        if self._position or not str(error).startswith("Not a gzipped file"):
            return True
        return self.is_repeatable and read_part(self.place, 0, 2) == _GZIP

    def _zipped_by_name(self) -> str:
        """What a file is that is not compressed, but is called so."""
        start = read_part(self.place, 0, START_BYTES) if self.is_repeatable else b""
        what = not_csv(start) or "not compressed with gzip; take .gz off its name"
        return f"ends in .gz, but is {what}"

    def _unfollowed(self) -> FileError:
        return FileError(f"{self.path} cannot be followed; name a plain file on this machine")

    def _stdin(self) -> IO[bytes]:
        if sys.stdin is None:
            raise FileError("stdin is closed; pipe a CSV file into it")
        if not hasattr(sys.stdin, "buffer"):  # a program has put a StringIO in its place
            return io.BytesIO(sys.stdin.read().encode())
        return sys.stdin.buffer

    def _open(self) -> IO[bytes]:
        try:
            self._file = open_binary(self.place)
            size = size_of(self._file)
            if size is not None and self._reading is Reading.BULK:
                self._version = version_of(self.place, self._file)
        except FileNotFoundError:
            raise FileError(f"there is no file {self.path}; check its name") from None
        except IsADirectoryError:
            raise FileError(f"{self.path} is a folder; name the CSV files in it") from None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise OpenFilesError(
                    "too many files are open; let this process open more of them, with "
                    "'ulimit -n 1024' say, and start again"
                ) from error
            reason = error.strerror or error
            raise FileError(f"{self.path} cannot be opened: {reason}") from error
        self.is_repeatable = size is not None
        if size is None and self._reading is Reading.FOLLOWED:
            self._file.close()
            raise self._unfollowed()
        if is_zipped(self.place):
            return cast(IO[bytes], gzip.open(self._file))
        self.size = size if self._reading is Reading.BULK else None
        return self._file
