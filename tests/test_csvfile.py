"""CSV files: chunks are exact, rows know their place, and a file that is none is refused."""

import csv
import gzip
import io
import os
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton import csvfile
from hpnorton.csvfile import Chunk, CsvFile, line_of, read_rows
from hpnorton.errors import FileError

BOM = b"\xef\xbb\xbf"
SCRAPS = b'a|,|"|""|"""|\n|\r|\r\n|,"|",|"\n|\n"|\r"| |\xc3\xa9|\xff|\xe2\x80\xa8|\0|\xef\xbb\xbf'
BODIES = st.lists(st.sampled_from(SCRAPS.split(b"|")), max_size=40).map(b"".join)
HEADERS = st.sampled_from([b"id,x\n", b"id,x\r\n", b"id\r", b'"i\nd","x,""\r\n"\n', b"  id\r\r"])


@pytest.fixture(name="folder", scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files of all examples in turn."""
    return tmp_path_factory.mktemp("csv")


def rows_with_lines(data: bytes) -> list[tuple[list[str], int]]:
    """All rows of a file, as one csv.reader reads them, each with the line it begins on."""
    text = data.removeprefix(BOM).decode(errors="surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""))
    lines = [1]
    rows = []
    for row in reader:
        rows.append(row)
        lines.append(reader.line_num + 1)
    return list(zip(rows, lines))


def chunks_of(path: Path, rows: int) -> tuple[list[str], list[Chunk]]:
    """The header and the chunks of a file."""
    with closing(CsvFile(str(path), "things")) as file:
        return file.header, list(file.chunks(rows))


def all_rows(path: Path, rows: int = 100) -> list[list[str]]:
    """The rows of all chunks of a file."""
    return [row for chunk in chunks_of(path, rows)[1] for row in read_rows(chunk)[0]]


def is_odd(piece: bytes) -> bool:
    """Whether bytes hold what no text should."""
    try:
        return "\0" in piece.decode()
    except UnicodeDecodeError:
        return True


@settings(max_examples=400)
@given(
    parts=st.tuples(st.sampled_from([b"", BOM]), HEADERS, BODIES),
    rows=st.integers(1, 5),
    block=st.integers(len(BOM), 9) | st.just(2**20),
    is_zipped=st.booleans(),
)
def test_chunks_are_exact(
    folder: Path, parts: tuple[bytes, ...], rows: int, block: int, is_zipped: bool
) -> None:
    """The rows of all chunks, and their places, are those of one csv.reader over the file."""
    data = b"".join(parts)
    path = folder / ("things.csv.gz" if is_zipped else "things.csv")
    path.write_bytes(gzip.compress(data, 1) if is_zipped else data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvfile, "_BLOCK_BYTES", block)
        header, chunks = chunks_of(path, rows)
    found = [(header, 1, 1)]
    offset = len(data) - sum(chunk.length for chunk in chunks)
    for chunk in chunks:
        got, is_suspicious = read_rows(chunk)
        assert len(got) == chunk.rows <= rows
        found += [
            (row, chunk.first_row + at, line_of(chunk, got, at)) for at, row in enumerate(got)
        ]
        piece = data[offset : offset + chunk.length]
        assert (chunk.offset, chunk.data) == (offset, piece if is_zipped else None)
        assert is_suspicious is is_odd(piece)
        offset += chunk.length
    expected = [(row, at, line) for at, (row, line) in enumerate(rows_with_lines(data), 1)]
    assert found == expected
    assert len(chunks) == -(-(len(expected) - 1) // rows)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b'5" tv,a\n"x ""y""",b\n', [['5" tv', "a"], ['x "y"', "b"]]),
        (b'"a\nb",1\r\nc,"2\r\n"', [["a\nb", "1"], ["c", "2\r\n"]]),
        (b'a,"open\nend\n', [["a", "open\nend\n"]]),
        (b"a\rb\r\nc\n\nd", [["a"], ["b"], ["c"], [], ["d"]]),
        (b'a,b"c\n",d\n', [["a", 'b"c'], [",d\n"]]),
        (b"a long row\nb\nc\nd\n", [["a long row"], ["b"], ["c"], ["d"]]),
        (b"", []),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_named_oddities(folder: Path, size: int, body: bytes, rows: list[list[str]]) -> None:
    """Bare quotes, line ends in quotes and open quotes are read as the csv module reads them."""
    path = folder / "oddity.csv"
    path.write_bytes(b"id,x\n" + body)
    assert all_rows(path, size) == rows


def test_a_chunk_is_named(folder: Path) -> None:
    """A chunk says of which file and collection it is, which rows it has, and which bytes."""
    path = folder / "named.csv"
    path.write_bytes(b'id,"x\ny"\n1,a\n2,b\n3,c\n')
    with closing(CsvFile(str(path), "things")) as file:
        assert (file.header, file.size) == (["id", "x\ny"], 21)
        chunks = list(file.chunks(2))
    assert [(chunk.file, chunk.collection) for chunk in chunks] == [(str(path), "things")] * 2
    assert [(chunk.first_row, chunk.first_line, chunk.rows) for chunk in chunks] == [
        (2, 3, 2),
        (4, 5, 1),
    ]
    assert [(chunk.offset, chunk.length) for chunk in chunks] == [(9, 8), (17, 4)]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.csv", b"", "is empty"),
        ("bom.csv", BOM, "is empty"),
        ("blank.csv", b"\nid\n1\n", "the first line is blank"),
        ("commas.csv", b" , ,\n1,2,3\n", "the first line is blank"),
        ("latin.csv", b"stra\xdfe,x\n1,2\n", "the header is not UTF-8 text"),
        ("utf16.csv", "id,x\n1,2\n".encode("utf-16"), "the header is not UTF-8 text"),
        ("text.csv.gz", b"id,x\n1,2\n", "cannot be read: Not a gzipped file"),
        (
            "short.csv.gz",
            gzip.compress(b"id,x\n" * 9, mtime=0)[:-9],
            "cannot be read: .* ended before",
        ),
        (
            "bits.csv.gz",
            gzip.compress(b"id,x\n" * 9, mtime=0)[:12] + b"\xff" * 20,
            "cannot be read: ",
        ),
        ("nothing.csv.gz", b"", "is empty"),
        ("missing.csv", None, "there is no file .*; check its name"),
        ("missing/file.csv", None, "there is no file"),
        ("x" * 300 + ".csv", None, "cannot be opened: File name too long"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    """A file that cannot be read, or has no header, is refused by its name, and let go."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    before = open_descriptors()
    with pytest.raises(FileError, match=reason) as caught:
        CsvFile(str(path), "things")
    assert str(path) in str(caught.value)
    assert open_descriptors() == before


def open_descriptors() -> set[str]:
    """The numbers of the files that this process has open."""
    return set(os.listdir("/dev/fd"))


@pytest.mark.parametrize("name", ["folder.csv", "folder.csv.gz"])
def test_a_folder(tmp_path: Path, name: str) -> None:
    """A folder is refused as what it is."""
    (tmp_path / name).mkdir()
    with pytest.raises(FileError, match="is a folder"):
        CsvFile(str(tmp_path / name), "things")


@pytest.mark.parametrize("name", ["things.csv", "things.csv.gz"])
def test_a_closed_file_is_let_go(tmp_path: Path, name: str) -> None:
    """After close() nothing of the file is open any more."""
    data = b"id\n1\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    before = open_descriptors()
    file = CsvFile(str(tmp_path / name), "things")
    assert open_descriptors() > before
    file.close()
    assert open_descriptors() == before


def test_a_gzip_file_that_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that breaks off after its header gives its rows so far, then an error."""
    monkeypatch.setattr(csvfile, "_BLOCK_BYTES", 10)
    path = tmp_path / "short.csv.gz"
    path.write_bytes(gzip.compress(b"id\n" + b"1\n" * 99)[:-4])
    with closing(CsvFile(str(path), "things")) as file:
        chunks = file.chunks(10)
        assert read_rows(next(chunks))[0] == [["1"]] * 10
        with pytest.raises(FileError, match="cannot be read: "):
            list(chunks)


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (b"id\n1\n2", "has become shorter"),
        (b"id\n1\n2,3\n", "has changed"),
        (b'id\n1\n"2\n"', "has changed"),
        (None, "cannot be read any more"),
    ],
)
def test_a_file_that_changes(folder: Path, later: bytes | None, reason: str) -> None:
    """A file that is another one when its chunks are read is not imported half and half."""
    path = folder / "changing.csv"
    path.write_bytes(b"id\n1\n2\n3\n")
    _, [chunk] = chunks_of(path, 10)
    if later is None:
        path.unlink()
    else:
        path.write_bytes(later)
    with pytest.raises(FileError, match=f"changing.csv {reason}"):
        read_rows(chunk)


class TestLongRecords:
    """What may be in one record, with a limit of 40 bytes."""

    @pytest.fixture(autouse=True)
    def set_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A small limit, and smaller blocks."""
        monkeypatch.setattr(csvfile, "MAX_RECORD_BYTES", 40)
        monkeypatch.setattr(csvfile, "_BLOCK_BYTES", 8)

    def test_an_endless_record(self, folder: Path) -> None:
        """A record beyond the limit is an error that says where it begins."""
        path = folder / "long.csv"
        path.write_bytes(b'id,x\n1,"a\nb"\n2,"' + b"never closed\n" * 9)
        with closing(CsvFile(str(path), "things")) as file:
            chunks = file.chunks(1)
            assert next(chunks).rows == 1
            with pytest.raises(FileError, match=r"long.csv: row 3 \(line 4\) does not end within"):
                next(chunks)

    def test_an_endless_header(self, folder: Path) -> None:
        """A header beyond the limit is such an error too."""
        path = folder / "header.csv"
        path.write_bytes(b'"id' + b"d" * 99)
        with pytest.raises(FileError, match=r"row 1 \(line 1\) does not end within"):
            CsvFile(str(path), "things")

    @pytest.mark.parametrize("rows", [1000, sys.maxsize])
    def test_long_rows_make_short_chunks(self, folder: Path, rows: int) -> None:
        """A chunk has no more bytes than one record may have, or a block; no row is lost."""
        path = folder / "wide.csv"
        path.write_bytes(b"id\n" + b"a long row of text\n" * 50)
        _, chunks = chunks_of(path, rows)
        assert max(chunk.length for chunk in chunks) <= 40 + 10
        assert [chunk.first_row for chunk in chunks[1:]] == [
            chunk.first_row + chunk.rows for chunk in chunks[:-1]
        ]
        assert all_rows(path, rows) == [["a long row of text"]] * 50


def test_a_pipe_gives_its_data_with_the_chunks(tmp_path: Path) -> None:
    """What cannot be read twice, as a pipe, sends its bytes with its chunks."""
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[b"id,x\n1,a\n2,b\n3,c\n"])
    writer.start()
    with closing(CsvFile(str(path), "things")) as file:
        chunks = list(file.chunks(2))
    writer.join()
    assert (file.header, file.size) == (["id", "x"], None)
    assert [chunk.data for chunk in chunks] == [b"1,a\n2,b\n", b"3,c\n"]
    assert [read_rows(chunk) for chunk in chunks] == [
        ([["1", "a"], ["2", "b"]], False),
        ([["3", "c"]], False),
    ]


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name - is stdin, which stays open."""
    stdin = io.TextIOWrapper(io.BytesIO(b"id\n1\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    with closing(CsvFile("-", "things")) as file:
        assert [chunk.data for chunk in file.chunks(5)] == [b"1\n"]
    assert not stdin.buffer.closed
