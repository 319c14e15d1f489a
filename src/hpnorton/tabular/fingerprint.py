"""Fingerprints, by which an import recognizes the content of a file."""

import os
import zlib
from dataclasses import dataclass

from hpnorton.errors import FileError
from hpnorton.tabular.location import is_url, open_binary, redact_location, size_of

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Fingerprint:
    """The identity of a file's content.

    `size` is in bytes, `modified` the file's time in nanoseconds (0 for a URL), `checksum` the
    CRC-32 of the bytes.
    """

    size: int
    modified: int
    checksum: str


def fingerprint(location: str) -> Fingerprint | None:
    """Return the fingerprint of a file; None if it can be read only once. Raises FileError."""
    try:
        with open_binary(location) as stream:
            size = size_of(stream)
            if size is None:
                return None
            # pylint: disable-next=no-member # a plain file has it
            modified = 0 if is_url(location) else os.fstat(stream.fileno()).st_mtime_ns
            checksum = 0
            while block := stream.read(_BLOCK_BYTES):
                checksum = zlib.crc32(block, checksum)
    except OSError as error:
        raise FileError(f"{redact_location(location)} cannot be read: {error}") from error
    return Fingerprint(size, modified, f"crc32:{checksum:08x}")
