"""A live feed may come in any pieces: what it is does not depend on them."""

import io
import sys
from types import SimpleNamespace
from typing import cast

import pytest

from hpnorton.errors import FileError
from hpnorton.tabular.chunk import read_blocks
from hpnorton.tabular.open import STDIN, ReadMode
from hpnorton.tabular.reader import CsvFile

BOM = b"\xef\xbb\xbf"


class Pieces(io.RawIOBase):
    """A pipe into which another program writes some bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self._left = [data[at : at + size] for at in range(0, len(data), size)]

    @classmethod
    def as_stdin(cls, data: bytes, size: int) -> SimpleNamespace:
        """Such a pipe in the place of sys.stdin."""
        return SimpleNamespace(buffer=io.BufferedReader(cast(io.RawIOBase, cls(data, size))))

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Gives the next piece."""
        piece = self._left.pop(0) if self._left else b""
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.fixture(name="feed")
def make_feed(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> CsvFile:
    """What comes through stdin in pieces of one to four bytes."""
    monkeypatch.setattr(sys, "stdin", Pieces.as_stdin(*request.param))
    return CsvFile(STDIN, "thing", ReadMode.STREAMING)


def samples(*datas: bytes) -> list[tuple[bytes, int]]:
    """Bytes with the size of their pieces."""
    return [(data, size) for data in datas for size in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "feed",
    samples(
        BOM + b"id,x\n1,\xc3\xa9\n",
        BOM + b"id,x\r\n1,\xc3\xa9\r\n",
        BOM + b'"id","x"\n"1","\xc3\xa9"\n',
        BOM + b"id,x\r1,\xc3\xa9\r",
        b"id,x\n1,\xc3\xa9",
    ),
    indirect=True,
)
def test_any_bytes_may_be_split(feed: CsvFile) -> None:
    """A BOM, a character of several bytes, a line end of two, a quoted cell."""
    assert feed.header == ["id", "x"]
    rows = [r for c in feed.chunks(1) for rows in read_blocks(c) for r in rows.cells]
    assert rows == [["1", "é"]]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "data", [b"\n\n<html><body>\n", b"\xff\xfei\0d\0", BOM + b'{"error": 1}\n', b"PAR1\x15"]
)
def test_what_is_no_csv_is_named_whatever_the_pieces(
    monkeypatch: pytest.MonkeyPatch, data: bytes, size: int
) -> None:
    """The first bytes tell once they are there."""
    monkeypatch.setattr(sys, "stdin", Pieces.as_stdin(data, size))
    with pytest.raises(FileError, match="stdin is (an HTML page|UTF-16 text|JSON|a Parquet file)"):
        CsvFile(STDIN, "thing", ReadMode.STREAMING)
