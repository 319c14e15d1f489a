"""Files that grow while they are read, and streams of which little is there at a time."""

import gzip
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.tabular.chunk import read_blocks
from hpnorton.tabular.open import Input, ReadMode
from hpnorton.tabular.reader import CsvFile, ReadSizes

Step = Callable[[], object]


class Waiting:
    """What somebody else does to a file, a step each time that its reader waits for more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *steps: Step) -> None:
        self._steps = list(steps)
        monkeypatch.setattr(time, "sleep", self._wait)

    def _wait(self, seconds: float) -> None:
        assert 0 < seconds < 1
        if not self._steps:
            raise KeyboardInterrupt
        self._steps.pop(0)()


def appending(path: Path, data: bytes) -> Step:
    """A step that appends to a file."""

    def append() -> None:
        with path.open("ab") as file:
            file.write(data)

    return append


def rows_until_stopped(file: CsvFile) -> Iterator[list[str]]:
    """Return the rows of a file in mode TAIL, until nothing is appended any more."""
    with closing(file), pytest.raises(KeyboardInterrupt):
        for chunk in file.chunks(1):
            assert chunk.rows == 1 and chunk.data is not None
            yield from [row for rows in read_blocks(chunk) for row in rows.cells]


def follow(path: Path, sizes: ReadSizes | None = None) -> list[list[str]]:
    """The header and the rows of a file that grows."""
    file = CsvFile(str(path), "x", ReadMode.TAIL, sizes=sizes)
    return [file.header, *rows_until_stopped(file)]


def test_only_complete_records_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a header, half a row and a row with an open quote wait until they are whole."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,no")
    pieces = [b"te\n", b"1,a\n2,", b"b", b'\n3,"c', b"\nd", b'""', b'e"\n4,', b"half"]
    Waiting(monkeypatch, *[appending(path, piece) for piece in pieces])
    assert follow(path) == [["id", "note"], ["1", "a"], ["2", "b"], ["3", 'c\nd"e']]


def test_a_row_is_taken_as_soon_as_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short row does not wait for as many bytes as the long one before it had."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"id\n")
    seen: list[list[str]] = []
    Waiting(
        monkeypatch,
        appending(path, b"a long row, or rather a long cell in it\n".replace(b",", b";")),
        appending(path, b"b\nc\n"),
        lambda: seen.append(["everything was taken before this"]),
    )
    file = CsvFile(str(path), "x", ReadMode.TAIL)
    for row in rows_until_stopped(file):
        seen.append(row)
    assert [row[0][:10] for row in seen] == ["a long row", "b", "c", "everything"]


@given(
    cells=st.lists(st.text(st.sampled_from('ab,"\n'), max_size=6), max_size=12),
    cuts=st.lists(st.integers(0, 80), max_size=8),
)
def test_however_a_file_grows_its_rows_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], cuts: list[int]
) -> None:
    """The pieces in which a file is written are not seen in its rows."""
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    data = "\n".join(["id", *quoted, ""]).encode()
    path = tmp_path_factory.getbasetemp() / "grows.csv"
    edges = sorted([0, *cuts, len(data)])
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    path.write_bytes(b"")
    with pytest.MonkeyPatch.context() as patch:
        Waiting(patch, *[appending(path, piece) for piece in pieces])
        assert follow(path, ReadSizes(stream_block=5)) == [["id"], *[[cell] for cell in cells]]


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: os.truncate(path, 3), "has become shorter while it was followed"),
        (Path.unlink, "was removed while it was followed"),
        (
            lambda path: path.with_suffix(".new").replace(path),
            "was replaced while it was followed; start again",
        ),
    ],
)
def test_a_file_that_does_not_only_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], object], message: str
) -> None:
    """The rest of a shortened file is unknown, so this is an error."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"id\n1\n2\n")
    path.with_suffix(".new").write_bytes(b"id\n1\n2\n3\n")
    Waiting(monkeypatch, appending(path, b"3\n"), lambda: harm(path))
    with closing(CsvFile(str(path), "x", ReadMode.TAIL)) as file:
        chunks = file.chunks(1)
        assert [next(chunks).data for _ in range(3)] == [b"1\n", b"2\n", b"3\n"]
        with pytest.raises(FileError, match=f"x.csv {message}"):
            next(chunks)


def test_a_file_that_ends_before_its_size(tmp_path: Path) -> None:
    """Rows that disappear after the import began are reported; half a row is none."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"id\n" + b"some text\n" * 300_000)
    with closing(CsvFile(str(path), "x")) as file:
        chunks = file.chunks(1000, with_data=True)
        assert next(chunks).data == b"some text\n" * 1000
        os.truncate(path, 2_000_005)
        with pytest.raises(FileError, match="x.csv has become shorter while it was read"):
            list(chunks)


def test_what_cannot_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """stdin, compressed files, URLs and pipes end when they end."""
    zipped = tmp_path / "x.csv.gz"
    zipped.write_bytes(gzip.compress(b"id\n1\n"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(sys, "stdin", None)
    keeper = os.open(pipe, os.O_RDWR)
    for path in ("-", str(zipped), "https://127.0.0.1/x.csv", str(pipe)):
        with pytest.raises(FileError, match="cannot be followed; name a plain file"):
            Input(path, ReadMode.TAIL)
    os.close(keeper)


def test_a_live_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Of a pipe what is there is read at once; in bulk, a whole block is waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)
    os.write(writer, b"id\n1\n")
    with closing(CsvFile(str(pipe), "x", ReadMode.STREAMING)) as file:
        chunks = file.chunks(1)
        assert next(chunks).data == b"1\n"
        os.write(writer, b"2\n3\n")
        assert [next(chunks).data, next(chunks).data] == [b"2\n", b"3\n"]
        assert file.size is None
        os.close(writer)
        assert not list(chunks)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_live_chunks_hold_their_bytes(tmp_path: Path, name: str) -> None:
    """A live file is not opened again for its rows; the last one may lack its line end."""
    data = b"id,note\n" + b"".join(b"%d,some text\r\n" % n for n in range(3000)) + b'x,"\n"'
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with closing(CsvFile(str(path), "x", ReadMode.STREAMING)) as file:
        path.unlink()
        raw = [chunk.data or b"" for chunk in file.chunks(1)]
    assert len(raw) == 3001 and raw[-1] == b'x,"\n"'
    assert file.raw_header + b"".join(raw) == data
