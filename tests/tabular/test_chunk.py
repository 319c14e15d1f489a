"""Chunks are read again wherever they are, in the file's order or by their first cells."""

import csv
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.tabular import chunk as chunks
from hpnorton.tabular.chunk import BlockSizes, Chunk, RowBlock, read_blocks
from hpnorton.tabular.reader import CsvFile

LINES = b'a,1|b,2|c,3|b,4|ab,5||b|"a",6|a"b,7|,8|b,"x,y"|\xc3\xa9,9|\xff,10|d,\0|c,"\n"'.split(b"|")
BODIES = st.lists(st.sampled_from(LINES[:6]) | st.sampled_from(LINES), min_size=1, max_size=30)


@pytest.fixture(name="folder", scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files of all examples in turn."""
    return tmp_path_factory.mktemp("chunks")


def only_chunk(path: Path, data: bytes) -> Chunk:
    """The only chunk of a new file."""
    path.write_bytes(data)
    with closing(CsvFile(str(path), "things")) as file:
        (chunk,) = file.chunks(100_000)
    return chunk


def by_position(blocks: Sequence[RowBlock]) -> list[tuple[int, list[str]]]:
    """All rows with their positions, in the order of the file."""
    return sorted(pair for rows in blocks for pair in zip(rows.positions, rows.cells, strict=True))


@settings(max_examples=400)
@given(lines=BODIES, end=st.sampled_from([b"\n", b"\r\n", b"\r"]), parsed=st.integers(1, 40))
def test_sorted_rows_are_the_same_rows(
    folder: Path, lines: list[bytes], end: bytes, parsed: int
) -> None:
    """Each is where it says that it is; those with one first cell are in the file's order."""
    chunk = only_chunk(folder / "things.csv", b"id,x" + end + end.join(lines) + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "BLOCK_SIZES", BlockSizes(parsed, parsed))
        plain, found = list(read_blocks(chunk)), list(read_blocks(chunk, may_sort=True))
    assert by_position(found) == by_position(plain)
    assert any(rows.is_suspicious for rows in found) == any(rows.is_suspicious for rows in plain)
    positions = [at for rows in found for at in rows.positions]
    if positions != sorted(positions):
        firsts = [row[0] if len(row) > 1 else "" for rows in found for row in rows.cells]
        pairs = [pair for pair in zip(firsts, positions) if pair[0]]
        assert pairs == sorted(pairs)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_rows_in_no_order_are_sorted(folder: Path, end: bytes) -> None:
    """By the first cell as a text; blank and short rows have their place as well."""
    body = b"b,1|a,2|b,0|,3|a,|bb,4|aa,5|".replace(b"|", end)
    (rows,) = read_blocks(only_chunk(folder / "things.csv", b"id,x" + end + body), may_sort=True)
    assert rows.positions == [3, 1, 4, 6, 0, 2, 5]
    assert rows.cells[:3] == [["", "3"], ["a", "2"], ["a", ""]]


@pytest.mark.parametrize("row", ['b,"%s"\n', 'd,"%s"\n', 'b,"\n%s"\n'])
def test_cells_of_any_length(folder: Path, row: str) -> None:
    """The csv module's own limit is not ours, in whatever order rows are read, nor as a worker."""
    data = f"id,x\nc,1\n{row % ('long' * 100_000)}{'a' if row[0] == 'b' else 'e'},2\n"
    chunk = only_chunk(folder / "long.csv", data.encode())
    before = csv.field_size_limit(131_072)
    blocks = list(read_blocks(chunk, may_sort=True))
    csv.field_size_limit(before)
    assert max(len(cell) for rows in blocks for row in rows.cells for cell in row) >= 400_000


@pytest.mark.parametrize(
    "body",
    [
        b"a,1\nb,3\nb,2\nc,0\n",  # in order
        b'c,1\n"b",2\na,3\n',  # a quote may hide what the cell is
        b'"c",1\nb,2\na,3\n',
        b"c,1\nb,\0\na,3\n",
        b"c,1\nb,\xff\na,3\n",
        b'c,1\nb,"\n"\na,3\n',
        b"c,1\rb,2\ra,3\r",
    ],
)
def test_rows_that_stay_where_they_are(folder: Path, body: bytes) -> None:
    """Rows in order stay so, and rows whose first cell the lines do not show, or odd ones."""
    blocks = list(read_blocks(only_chunk(folder / "things.csv", b"id,x\n" + body), may_sort=True))
    positions = [at for rows in blocks for at in rows.positions]
    assert positions == list(range(body.count(b",")))


@pytest.mark.parametrize("may_sort", [True, False])
@pytest.mark.parametrize("is_row_a_line", [True, False])
def test_large_chunks_come_in_blocks(folder: Path, is_row_a_line: bool, may_sort: bool) -> None:
    """The rows of a chunk come in blocks that fit into a cache, and only some may be odd."""
    last = b"99,a\0\n" if is_row_a_line else b'99,"\n\0"\n'
    data = b"id,x\n" + b"2,some text\n1,some text\n" * 25_000 + last
    chunk = only_chunk(folder / "large.csv", data)
    blocks = list(read_blocks(chunk, may_sort=may_sort))
    assert chunk.is_row_a_line is is_row_a_line
    assert len(blocks) > 2
    assert max(len(rows.cells) for rows in blocks) <= 20_000
    assert sum(len(rows.cells) for rows in blocks) == 50_001
    assert blocks[-1].is_suspicious
    assert blocks[0].is_suspicious is not is_row_a_line


def test_sorted_chunks_come_in_blocks(folder: Path) -> None:
    """So that a large one is checked while its rows are in the processor's cache."""
    data = b"id,x\n" + b"".join(b"%05d,some text\n" % (-n % 50_000) for n in range(50_000))
    blocks = list(read_blocks(only_chunk(folder / "large.csv", data), may_sort=True))
    assert len(blocks) > 10
    ids = [int(row[0]) for rows in blocks for row in rows.cells]
    assert ids == list(range(50_000))
    assert [at for rows in blocks for at in rows.positions] == [0, *range(49_999, 0, -1)]


@pytest.mark.parametrize("may_sort", [True, False])
@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (b"id,x\nc,1\nb,2\na,3", "has become shorter"),
        (b"id,x\nc,1\nb,2,a,3\n", "has changed"),
        (b'id,x\n"c,\nb,2\n",3\n', "has changed"),
        (b'id,x\nc,"\nb,2\na,"\n', "has changed"),
        (None, "cannot be read any more"),
    ],
)
def test_a_file_that_changes(
    folder: Path, later: bytes | None, reason: str, may_sort: bool
) -> None:
    """A file that is another one when its chunks are read is not imported half and half."""
    path = folder / "changing.csv"
    chunk = only_chunk(path, b"id,x\nc,1\nb,2\na,3\n")
    if later is None:
        path.unlink()
    else:
        path.write_bytes(later)
    with pytest.raises(FileError, match=f"changing.csv {reason}"):
        list(read_blocks(chunk, may_sort=may_sort))
