"""Fingerprints, by which an import recognizes the content of a file."""

import zlib
from dataclasses import dataclass

from hpnorton.errors import FileError
from hpnorton.tabular.location import open_binary, redact_location, size_of

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Fingerprint:
    """The identity of a file's content.

    `size` is in bytes, `checksum` the CRC-32 of the bytes.
    """

    size: int
    checksum: str


def checksum_text(crc: int) -> str:
    """Return a CRC-32 as the text of a checksum: 'crc32:00c0ffee'."""
    return f"crc32:{crc:08x}"


def fingerprint(location: str) -> Fingerprint | None:
    """Return the fingerprint of a file; None if it can be read only once. Raises FileError."""
    try:
        with open_binary(location) as stream:
            size = size_of(stream)
            if size is None:
                return None
            crc = 0
            while block := stream.read(_BLOCK_BYTES):
                crc = zlib.crc32(block, crc)
    except OSError as error:
        raise FileError(f"{redact_location(location)} cannot be read: {error}") from error
    return Fingerprint(size, checksum_text(crc))
