"""CSV files: chunks are exact, rows know their position, and other files are errors."""

import csv
import gzip
import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.tabular import chunk as chunks_module
from hpnorton.tabular import reader as csvfile
from hpnorton.tabular.chunk import BlockSizes, Chunk, RowBlock, Span, read_blocks, read_raw_records
from hpnorton.tabular.reader import CsvFile, ReadSizes
from hpnorton.tabular.record_ends import RecordSlice, has_open_quote, slice_records

BOM = b"\xef\xbb\xbf"
SCRAPS = b'a|,|"|""|"""|\n|\r|\r\n|,"|",|"\n|\n"|\r"| |\xc3\xa9|\xff|\xe2\x80\xa8|\0|\xef\xbb\xbf'
BODIES = st.lists(st.sampled_from(SCRAPS.split(b"|")), max_size=40).map(b"".join)
HEADERS = st.sampled_from([b"id,x\n", b"id,x\r\n", b"id\r", b'"i\nd","x,""\r\n"\n', b"  id\r\r"])


@pytest.fixture(name="folder", scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files of all examples in turn."""
    return tmp_path_factory.mktemp("csv")


def row_of(record: str) -> list[str]:
    """A record alone as csv.reader reads it, without a BOM at its start."""
    return next(csv.reader(io.StringIO(record.removeprefix("\ufeff"), newline="")), [])


def rows_with_lines(data: bytes) -> list[tuple[list[str], int]]:
    """All rows of a file, as one csv.reader reads them, each with the line it begins on.

    But for a BOM at the start of a row, which is left out before the row is read.
    """
    text = data.removeprefix(BOM).decode(errors="surrogateescape")
    source = io.StringIO(text, newline="").readlines()
    reader = csv.reader(source)
    lines = [1]
    rows = []
    for row in reader:
        record = "".join(source[lines[-1] - 1 : reader.line_num])
        rows.append(row_of(record) if record.startswith("\ufeff") else row)
        lines.append(reader.line_num + 1)
    return list(zip(rows, lines))


SMALL = ReadSizes(block=10)


def chunks_of(
    path: str | Path, rows: int, done: Iterable[Span] = (), sizes: ReadSizes | None = None
) -> tuple[list[str], list[Chunk]]:
    """The header and the chunks of a file."""
    with closing(CsvFile(str(path), "things", sizes=sizes)) as file:
        return file.header, list(file.chunks(rows, done))


def rows_of(chunk: Chunk) -> list[list[str]]:
    """The rows of a chunk."""
    return [row for rows in read_blocks(chunk) for row in rows.cells]


def all_rows(path: str | Path, rows: int = 100) -> list[list[str]]:
    """The rows of all chunks of a file."""
    return [row for chunk in chunks_of(path, rows)[1] for row in rows_of(chunk)]


def is_odd(piece: bytes) -> bool:
    """Whether bytes hold what no text should."""
    try:
        return "\0" in piece.decode()
    except UnicodeDecodeError:
        return True


@dataclass(frozen=True)
class Sample:
    """A file of some bytes, which is read in blocks of `block` bytes and parsed in small ones."""

    data: bytes
    block: int
    parsed: int
    is_zipped: bool

    @contextmanager
    def written(self, folder: Path) -> Iterator[Path]:
        """The file, as long as blocks are that small."""
        path = folder / ("things.csv.gz" if self.is_zipped else "things.csv")
        path.write_bytes(gzip.compress(self.data, 1) if self.is_zipped else self.data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csvfile, "READ_SIZES", ReadSizes(block=self.block))
            sizes = BlockSizes(self.parsed, self.parsed)
            patch.setattr(chunks_module, "BLOCK_SIZES", sizes)
            yield path


SAMPLES = st.builds(
    Sample,
    data=st.tuples(st.sampled_from([b"", BOM]), HEADERS, BODIES).map(b"".join),
    block=st.integers(len(BOM), 9) | st.just(2**20),
    parsed=st.integers(1, 9) | st.just(2000),
    is_zipped=st.booleans(),
)


@settings(max_examples=400)
@given(sample=SAMPLES, rows=st.integers(1, 5))
def test_chunks_are_exact(folder: Path, sample: Sample, rows: int) -> None:
    """The rows of all chunks, and their places, are those of one csv.reader over the file."""
    with sample.written(folder) as path:
        header, chunks = chunks_of(path, rows)
        found = [(header, 1, 1)]
        offset = len(sample.data) - sum(chunk.length for chunk in chunks)
        for chunk in chunks:
            blocks = list(read_blocks(chunk))
            got = [row for block in blocks for row in block.cells]
            lines = [line for _, line in read_raw_records(chunk)]
            assert len(got) == len(lines) == chunk.rows <= rows
            found += zip(got, range(chunk.first_row, chunk.first_row + chunk.rows), lines)
            piece = sample.data[offset : offset + chunk.length]
            assert (chunk.offset, chunk.data) == (offset, piece if sample.is_zipped else None)
            assert any(block.is_suspicious for block in blocks) is is_odd(piece)
            offset += chunk.length
    expected = [(row, at, line) for at, (row, line) in enumerate(rows_with_lines(sample.data), 1)]
    assert found == expected
    assert len(chunks) == -(-(len(expected) - 1) // rows)
    for chunk, after in pairwise(chunks):
        assert chunk.first_line + chunk.lines == after.first_line


@settings(max_examples=200)
@given(sample=SAMPLES, rows=st.integers(1, 20))
def test_every_row_can_be_given_back(folder: Path, sample: Sample, rows: int) -> None:
    """A chunk's raw records are its bytes, and each one alone reads as the row at its place."""
    with sample.written(folder) as path, closing(CsvFile(str(path), "things")) as file:
        whole = file.raw_header
        for chunk in file.chunks(rows):
            raw = [record for record, _ in read_raw_records(chunk)]
            again = [row_of(each.decode(errors="surrogateescape")) for each in raw]
            assert again == rows_of(chunk)
            whole += b"".join(raw)
    assert whole == sample.data


@settings(max_examples=300)
@given(sample=SAMPLES, sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)), data=st.data())
def test_what_is_done_is_passed_over(
    folder: Path, sample: Sample, sizes: tuple[int, int], data: st.DataObject
) -> None:
    """Of a file whose chunks were done in part, the rest comes, whatever the chunks are now."""
    with sample.written(folder) as path:
        _, before = chunks_of(path, sizes[0])
        is_done = data.draw(st.lists(st.booleans(), min_size=len(before), max_size=len(before)))
        done = [chunk for chunk, yes in zip(before, is_done) if yes]
        _, rest = chunks_of(path, sizes[1], data.draw(st.permutations(done)))
        assert all(chunk.rows <= sizes[1] for chunk in rest)
        both = sorted([*done, *rest], key=lambda chunk: chunk.first_row)
        found = [
            (row, chunk.first_row + at, line)
            for chunk in both
            for at, (row, (_, line)) in enumerate(zip(rows_of(chunk), read_raw_records(chunk)))
        ]
    expected = [(row, at, line) for at, (row, line) in enumerate(rows_with_lines(sample.data), 1)]
    assert found == expected[1:]
    for chunk, after in pairwise(both):
        assert chunk.offset + chunk.length == after.offset


def test_what_is_done_is_not_read(folder: Path) -> None:
    """Rows that are done are skipped without a search: a file may have very many."""
    path = folder / "half.csv"
    path.write_bytes(b"id\n" + b"1\n" * 50 + b"2\n" * 50)
    _, (first, second) = chunks_of(path, 50)
    path.write_bytes(b"id\n" + b'"' * 100 + b"2\n" * 50)  # nothing ends there any more
    _, rest = chunks_of(path, 100, [first], SMALL)
    assert rest == [second]


def test_small_chunks_do_not_search_the_whole_buffer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte of the file is searched about once, even if chunks are small."""
    path = folder / "many.csv"
    path.write_bytes(b"id,text\n" + b"".join(b'%d,"%d"\n' % (n, n % 7) for n in range(20_000)))
    scanned = 0

    def cut(data: bytes, rows: int, at_end: bool) -> RecordSlice:
        nonlocal scanned
        scanned += len(data)
        return slice_records(data, rows, at_end)

    monkeypatch.setattr(csvfile, "slice_records", cut)
    _, chunks = chunks_of(path, 10)
    assert len(chunks) == 2000
    assert scanned < 4 * path.stat().st_size


def test_what_is_done_is_not_there_any_more(folder: Path) -> None:
    """A compressed file that breaks off within what is done cannot be resumed, and says so."""
    path = folder / "half.csv.gz"
    data = gzip.compress(b"id\n" + b"".join(b"%d\n" % n for n in range(999)))
    path.write_bytes(data)
    _, (first, *_) = chunks_of(path, 900, sizes=SMALL)
    path.write_bytes(data[: len(data) // 2])
    with (
        closing(CsvFile(str(path), "things", sizes=SMALL)) as file,
        pytest.raises(FileError, match="half.csv.gz is cut short: .*; copy it again"),
    ):
        list(file.chunks(900, [first]))


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
    """A chunk says of which file it is, which rows and lines it has, and which bytes."""
    path = folder / "named.csv"
    path.write_bytes(b'id,"x\ny"\n1,"\n"\n2,b\n3,c\n')
    with closing(CsvFile(str(path), "things")) as file:
        assert (file.header, file.raw_header) == (["id", "x\ny"], b'id,"x\ny"\n')
        assert (file.size, file.is_repeatable, file.offset) == (23, True, 9)
        chunks = list(file.chunks(2))
    assert [chunk.location for chunk in chunks] == [str(path)] * 2
    assert [chunk.is_row_a_line for chunk in chunks] == [False, True]
    spans = [
        Span(**{each.name: getattr(chunk, each.name) for each in fields(Span)}) for chunk in chunks
    ]
    assert spans == [
        Span(first_row=2, rows=2, first_line=3, lines=3, offset=9, length=10),
        Span(first_row=4, rows=1, first_line=6, lines=1, offset=19, length=4),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_header_is_kept_as_it_stands(folder: Path, end: bytes) -> None:
    """The bytes of the header, its mark and its line end included, are there to be written."""
    path = folder / "header.csv"
    header = BOM + 'id,"é"'.encode() + end
    path.write_bytes(header + b"1,2" + end)
    with closing(CsvFile(str(path), "things")) as file:
        assert (file.header, file.raw_header) == (["id", "é"], header)
        assert file.offset == len(header)


def test_windows_line_ends_are_no_reason_to_be_slow(folder: Path) -> None:
    """With \\r\\n a row is still a line, quotes or not, as long as no cell has a line end."""
    path = folder / "windows.csv"
    path.write_bytes(b'id,x\r\n1,"a,b"\r\n2,5" tv\r\n\r\n3,c\r\n')
    _, [chunk] = chunks_of(path, 10)
    assert (chunk.is_row_a_line, chunk.lines) == (True, 4)
    assert rows_of(chunk) == [["1", "a,b"], ["2", '5" tv'], [], ["3", "c"]]
    assert read_raw_records(chunk) == [
        (b'1,"a,b"\r\n', 2),
        (b'2,5" tv\r\n', 3),
        (b"\r\n", 4),
        (b"3,c\r\n", 5),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.csv", b"", "is empty"),
        ("bom.csv", BOM, "is empty"),
        ("blank.csv", b"\nid\n1\n", "the first line is blank"),
        ("commas.csv", b" , ,\n1,2,3\n", "the first line is blank"),
        ("latin.csv", b"stra\xdfe,x\n1,2\n", "the header is not UTF-8 text"),
        ("utf16.csv", "id,x\n1,2\n".encode("utf-16"), "is UTF-16 text"),
        ("text.csv.gz", b"id,x\n1,2\n", "is not compressed with gzip"),
        (
            "short.csv.gz",
            gzip.compress(b"id,x\n" * 9, mtime=0)[:-9],
            "is cut short: .*; copy it again",
        ),
        (
            "bits.csv.gz",
            gzip.compress(b"id,x\n" * 9, mtime=0)[:10] + b"\xff" * 20,
            "is damaged: .*; copy it again",
        ),
        ("nothing.csv.gz", b"", "is empty"),
        ("missing.csv", None, "there is no file .*; check its name"),
        ("missing/file.csv", None, "there is no file"),
        ("x" * 300 + ".csv", None, "cannot be opened: File name too long"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    """A file that cannot be read, or has no header, is an error with its name, and is closed."""
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
    """The error for a folder says that it is one."""
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


def test_a_gzip_file_that_breaks_off(tmp_path: Path) -> None:
    """A file that breaks off after its header gives its rows so far, then an error."""
    path = tmp_path / "short.csv.gz"
    path.write_bytes(gzip.compress(b"id\n" + b"1\n" * 99)[:-4])
    with closing(CsvFile(str(path), "things", sizes=SMALL)) as file:
        chunks = file.chunks(10)
        assert rows_of(next(chunks)) == [["1"]] * 10
        with pytest.raises(FileError, match="is cut short: "):
            list(chunks)


class TestLongRecords:
    """What may be in one record, with a limit of few bytes, and blocks of fewer."""

    SIZES = ReadSizes(max_record=40, block=8)

    def test_an_endless_record(self, folder: Path) -> None:
        """A record beyond the limit is an error that says where it begins."""
        path = folder / "long.csv"
        path.write_bytes(b'id,x\n1,"a\nb"\n2,"' + b"never closed\n" * 9)
        with closing(CsvFile(str(path), "things", sizes=self.SIZES)) as file:
            chunks = file.chunks(1)
            assert next(chunks).rows == 1
            with pytest.raises(FileError, match=r"long.csv: row 3 \(line 4\) does not end within"):
                next(chunks)

    @settings(max_examples=300)
    @given(sample=SAMPLES, rows=st.integers(1, 5))
    def test_long_records_are_passed_over(self, folder: Path, sample: Sample, rows: int) -> None:
        """The rows are those of one csv.reader but for the long ones, which are in their places."""
        with sample.written(folder) as path:
            chunks: list[Chunk] = []
            with closing(
                CsvFile(str(path), "things", sizes=ReadSizes(max_record=16, block=8))
            ) as file:
                try:
                    chunks += file.chunks(rows, skips_long_rows=True)
                except FileError:
                    assert has_open_quote(sample.data[file.offset :])
                    assert len(rows_with_lines(sample.data[file.offset :])) == 1
                    sample = replace(sample, data=sample.data[: file.offset])
                assert file.offset == len(sample.data)
            expected = iter(rows_with_lines(sample.data)[1:])
            for chunk, after in pairwise(chunks):
                assert chunk.offset + chunk.length == after.offset
                assert chunk.first_row + chunk.rows == after.first_row
            for chunk in chunks:
                raw = sample.data[chunk.offset : chunk.offset + chunk.length]
                if chunk.is_oversized:
                    assert len(raw) >= 16 and read_raw_records(chunk) == [(b"", chunk.first_line)]
                    found = [([""], chunk.first_line)]
                else:
                    assert all(len(each) <= 16 for each, _ in read_raw_records(chunk))
                    found = list(zip(rows_of(chunk), [line for _, line in read_raw_records(chunk)]))
                assert len(found) == chunk.rows
                for row, line in found:
                    wanted, wanted_line = next(expected)
                    assert line == wanted_line
                    assert chunk.is_oversized or row == wanted
            assert not list(expected)

    def test_an_endless_header(self, folder: Path) -> None:
        """A header beyond the limit is such an error too."""
        path = folder / "header.csv"
        path.write_bytes(b'"id' + b"d" * 99)
        with pytest.raises(FileError, match=r"row 1 \(line 1\) does not end within"):
            CsvFile(str(path), "things", sizes=self.SIZES)

    @pytest.mark.parametrize("rows", [1000, sys.maxsize])
    def test_long_rows_make_short_chunks(self, folder: Path, rows: int) -> None:
        """A chunk has no more bytes than one record may have, or a block; no row is lost."""
        path = folder / "wide.csv"
        path.write_bytes(b"id\n" + b"a long row of text\n" * 50)
        _, chunks = chunks_of(path, rows, sizes=self.SIZES)
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
    assert (file.header, file.size, file.is_repeatable) == (["id", "x"], None, False)
    assert [chunk.data for chunk in chunks] == [b"1,a\n2,b\n", b"3,c\n"]
    assert [list(read_blocks(chunk)) for chunk in chunks] == [
        [RowBlock([["1", "a"], ["2", "b"]], range(2), False)],
        [RowBlock([["3", "c"]], range(1), False)],
    ]
    assert read_raw_records(chunks[1]) == [(b"3,c\n", 4)]


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name - is stdin, which stays open."""
    stdin = io.TextIOWrapper(io.BytesIO(b"id\n1\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    with closing(CsvFile("-", "things")) as file:
        assert (file.path, file.is_repeatable) == ("stdin", False)
        assert [chunk.data for chunk in file.chunks(5)] == [b"1\n"]
    assert not stdin.buffer.closed


def test_a_closed_stdin_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that was started without a stdin cannot read it."""
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(FileError, match="stdin is closed"):
        CsvFile("-", "things")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_file_behind_a_url(folder: Path, ending: str) -> None:
    """A URL is read like a path; its chunks are read again from there, wherever they go."""
    pytest.importorskip("fsspec")
    data = b"id,x\n" + b"".join(b"%d,a\n" % n for n in range(100))
    path = folder / f"far.csv{ending}"
    path.write_bytes(gzip.compress(data) if ending else data)
    with closing(CsvFile(f"file://{path}", "things")) as file:
        assert (file.size, file.is_repeatable) == (None if ending else len(data), True)
        chunks = list(file.chunks(30))
    assert [rows for chunk in chunks for rows in rows_of(chunk)] == [
        [str(n), "a"] for n in range(100)
    ]
    assert [chunk.data is None for chunk in chunks] == [not ending] * 4
    assert all_rows(f"file://{path}") == all_rows(path)
    path.unlink()
    with pytest.raises(FileError, match=r"^file://.* cannot be opened: .*No such file"):
        CsvFile(f"file://{path}", "things")
