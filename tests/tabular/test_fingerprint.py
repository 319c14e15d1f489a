"""Fingerprints: what identifies the content of a file."""

import gzip
import os
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.tabular import fingerprint as fingerprint_module
from hpnorton.tabular.fingerprint import Fingerprint, fingerprint


def test_a_fingerprint_has_size_time_and_checksum(tmp_path: Path) -> None:
    """It has the file's size and checksum, whatever the size of the blocks it is read in."""
    path = tmp_path / "things.csv"
    data = os.urandom(3 * 2**20 + 7)
    path.write_bytes(data)
    assert fingerprint(str(path)) == Fingerprint(len(data), f"crc32:{zlib.crc32(data):08x}")


@given(data=st.binary(min_size=1, max_size=40), at=st.integers(0, 39), flip=st.integers(1, 255))
def test_any_other_byte_is_another_content(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, flip: int
) -> None:
    """Whichever byte changes, and wherever a block ends, the checksum does too."""
    path = tmp_path_factory.mktemp("files") / "things.csv"
    other = bytearray(data)
    other[at % len(data)] ^= flip
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint_module, "_BLOCK_BYTES", 7)
        for content in (data, bytes(other), data):
            path.write_bytes(content)
            made.append(fingerprint(str(path)))
    first, second, third = (each and (each.size, each.checksum) for each in made)
    assert first == third != second


def test_the_fingerprint_of_a_compressed_file_is_that_of_its_own_bytes(tmp_path: Path) -> None:
    """A compressed file is not decompressed for its fingerprint."""
    path = tmp_path / "things.csv.gz"
    data = gzip.compress(b"id\n1\n")
    path.write_bytes(data)
    made = fingerprint(str(path))
    assert made is not None
    assert (made.size, made.checksum) == (len(data), f"crc32:{zlib.crc32(data):08x}")


def test_what_can_be_read_only_once_has_no_fingerprint(tmp_path: Path) -> None:
    """A named pipe would be empty afterwards, so it is left as it is."""
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    gone: list[BaseException] = []

    def write() -> None:
        try:
            path.write_bytes(b"id\n" * 100_000)  # more than a pipe holds
        except BrokenPipeError as error:
            gone.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert fingerprint(str(path)) is None
    finally:
        writer.join()
    assert len(gone) == 1


def test_a_file_that_is_not_there_has_no_fingerprint(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(FileError, match="nothing.csv cannot be read: .*No such file"):
        fingerprint(str(tmp_path / "nothing.csv"))
