"""A file replayed as a live feed: pauses, Ctrl+C, and what is written one row at a time."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hpnorton.errors import FileError
from hpnorton.importer.options import Options
from hpnorton.importer.rejects import RejectedRow
from hpnorton.importer.sources import Source
from hpnorton.importer.stream import Interval, stream_into_file, stream_into_store
from hpnorton.stores.counts import Counts, Ending
from hpnorton.tabular.open import ReadMode
from hpnorton.tabular.reader import CsvFile
from tests.conftest import Run

Write = Callable[..., Path]
AT_ONCE = Interval(0, 0)


def press_ctrl_c(*_: object) -> None:
    """The user presses Ctrl+C."""
    signal.raise_signal(signal.SIGINT)


def test_pauses_are_between_rows(csv_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row but the first waits for a time between the shortest and the longest one."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    path = csv_file("x.csv", "id", *map(str, range(50)))
    copied = stream_into_file(str(path), path.with_name("to"), Interval(1000, 3000))
    assert (copied.rows, copied.ending) == (50, Ending.DONE)
    assert pauses[0] == 0 and len(pauses) == 50
    assert all(900 < pause <= 3000 for pause in pauses[1:]) and len(set(pauses)) == 50


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_copy_is_the_file_itself(tmp_path: Path, ending: bytes) -> None:
    """Header and rows stand in the text file as they do in the CSV file."""
    path, to = tmp_path / "x.csv", tmp_path / "to.txt"
    data = b'\xef\xbb\xbfid,note\r\n1,"two\nlines"\n2,\xff\n\n3,x,too many\r\n4,last'
    path.write_bytes(data + ending)
    stream_into_file(str(path), to, AT_ONCE)
    assert to.read_bytes() == data + (ending or b"\n")


@pytest.mark.parametrize("before", [b"id\nold\n", b"id\nold"])
def test_rows_are_appended(csv_file: Write, before: bytes) -> None:
    """A text file that is there keeps its lines, and gets no second header."""
    path = csv_file("x.csv", "id", "1", "2")
    to = path.with_name("to")
    to.write_bytes(before)
    stream_into_file(str(path), to, AT_ONCE)
    assert to.read_bytes() == b"id\nold\n1\n2\n"


def test_targets_that_are_none(csv_file: Write, tmp_path: Path) -> None:
    """A folder, a folder that is not there, and the file itself, also by another name."""
    path = csv_file("x.csv", "id", "1")
    (tmp_path / "link").symlink_to(path)
    for target, message in (
        (tmp_path, "cannot be written: Is a directory"),
        (tmp_path / "no" / "to", "cannot be written: No such file"),
        (path, "is the file that is streamed"),
        (tmp_path / "link", "is the file that is streamed"),
    ):
        with pytest.raises(FileError, match=message):
            stream_into_file(str(path), target, AT_ONCE)
    assert path.read_bytes() == b"id\n1\n"


def test_a_full_disk_is_told(csv_file: Write) -> None:
    """A row that cannot be written ends the stream with a message."""
    full = Path("/dev/full")
    if not full.exists():
        return  # only Linux has it
    with pytest.raises(FileError, match="/dev/full cannot be written: No space left"):
        stream_into_file(str(csv_file("x.csv", "id", "1")), full, AT_ONCE)


def test_ctrl_c_ends_a_pause(csv_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the next row stops waiting."""
    monkeypatch.setattr(time, "sleep", lambda seconds: press_ctrl_c() if seconds else None)
    before = signal.getsignal(signal.SIGINT)
    path = csv_file("x.csv", "id", "1", "2")
    copied = stream_into_file(str(path), path.with_name("to"), Interval(9, 9))
    assert (copied.rows, copied.ending) == (1, Ending.INTERRUPTED)
    assert path.with_name("to").read_bytes() == b"id\n1\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_lets_a_row_be_written(csv_file: Write, uri: str) -> None:
    """A row that is being written comes to its end, and is counted."""
    path = csv_file("thing.csv", "id", "1", "2,x", "2")
    seen: list[int] = []

    def refuse(refused: RejectedRow) -> None:
        seen.append(refused.row)
        press_ctrl_c()

    options = Options(chunk_rows=1, reading=ReadMode.STREAMING)
    source = Source(str(path), "thing")
    report = stream_into_store(uri, source, AT_ONCE, options, on_rejected=refuse)
    assert seen == [3]
    assert report.counts == Counts(read=2, inserted=1, rejected=1)
    assert (report.ending, report.total_records) == (Ending.INTERRUPTED, 1)
    assert report.failure == "it was interrupted"


def test_a_second_ctrl_c_does_not_wait(csv_file: Write, sqlite_uri: str) -> None:
    """Pressed twice, it also ends what does not come to its end."""
    path = csv_file("thing.csv", "id", "1,x", "2")
    reached: list[str] = []

    def refuse(_: RejectedRow) -> None:
        press_ctrl_c()
        reached.append("first")
        press_ctrl_c()
        reached.append("second")

    options = Options(chunk_rows=1, reading=ReadMode.STREAMING)
    source = Source(str(path), "thing")
    report = stream_into_store(sqlite_uri, source, AT_ONCE, options, on_rejected=refuse)
    assert reached == ["first"] and report.ending is Ending.INTERRUPTED


def test_other_threads_can_stream(csv_file: Write) -> None:
    """Where there are no signals a file is streamed to its end all the same."""
    path = csv_file("x.csv", "id", "1", "2")
    to = path.with_name("to")
    thread = threading.Thread(target=stream_into_file, args=(str(path), to, AT_ONCE))
    thread.start()
    thread.join(20)
    assert to.read_bytes() == path.read_bytes()


def test_rows_are_read_as_they_are_written(csv_file: Write) -> None:
    """What one stream writes to a text file, another one can read as a CSV file."""
    path = csv_file("x.csv", "id,note", '1,"a ""b"""', '2,"c\nd"', "3,e")
    to = path.with_name("to.csv")
    stream_into_file(str(path), to, AT_ONCE)
    file = CsvFile(str(to), "x")
    assert (file.header, sum(chunk.rows for chunk in file.chunks(10))) == (["id", "note"], 3)
    file.close()


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ("id,x,z\n1,2,3\n", "x.csv has column 'y' besides, and .*x.csv lacks column 'z'; name"),
        ("id,x\n", "x.csv has column 'y' besides; name"),
        ("id,x,y,a,b\n", "x.csv lacks columns 'a', 'b'; name"),
        ("id,y,x\n1,2,3", "x.csv has the same columns in another order; name"),
        ("id;x;y\n", "x.csv has columns 'id', 'x', 'y' besides"),
        ("\n\n", "the first line is blank"),
        ("<html>", "is an HTML page"),
    ],
)
def test_rows_are_appended_below_their_own_columns_only(
    csv_file: Write, tmp_path: Path, there: str, reason: str
) -> None:
    """A text file with other columns, or none, stays as it is; the message names the difference."""
    path, to = csv_file("x.csv", "id,x,y", "1,2,3"), tmp_path / "to.csv"
    to.write_text(there, "utf-8")
    with pytest.raises(FileError, match=reason):
        stream_into_file(str(path), to, AT_ONCE)
    assert to.read_text("utf-8") == there


def test_rows_are_not_appended_to_a_compressed_file(csv_file: Write, tmp_path: Path) -> None:
    """They would not be read again."""
    with pytest.raises(FileError, match="name a file without .gz with --to"):
        stream_into_file(str(csv_file("x.csv", "id", "1")), tmp_path / "to.csv.gz", AT_ONCE)
    assert not (tmp_path / "to.csv.gz").exists()


def test_a_bom_and_quotes_do_not_make_other_columns(csv_file: Write, tmp_path: Path) -> None:
    """Columns are compared by their names."""
    to = tmp_path / "to.csv"
    to.write_bytes(b'\xef\xbb\xbf"id",x\r\n1,2')
    stream_into_file(str(csv_file("x.csv", "id,x", "3,4")), to, AT_ONCE)
    assert to.read_bytes() == b'\xef\xbb\xbf"id",x\r\n1,2\n3,4\n'


def test_a_row_with_an_open_quote_is_not_appended(
    run: Run, tmp_path: Path, sqlite_uri: str
) -> None:
    """It is rejected with its number: what is appended later would be a part of it."""
    path, to = tmp_path / "x.csv", tmp_path / "to.csv"
    path.write_bytes(b'id,x\n1,a\n2,"P0')
    done = run(f"--stream {path} --every 0 0 --to {to}", sqlite_uri)
    assert (done.status, done.data[0]["rows"], done.data[0]["rejected"]) == (3, 1, 1)
    assert f"{path}, row 3 opens a quote that is never closed" in done.err
    path.write_bytes(b"id,x\n3,c\n")
    assert run(f"--stream {path} --every 0 0 --to {to}", sqlite_uri).status == 0
    assert to.read_bytes() == b"id,x\n1,a\n3,c\n"


def test_a_row_without_a_line_end_is_told(run: Run, tmp_path: Path, sqlite_uri: str) -> None:
    """It is written, but may be half a row: so in a text file, so in the database."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,x\n1,a\n2,b")
    done = run(f"--stream {path} --every 0 0 --to {tmp_path}/to.csv", sqlite_uri)
    told = "row 3, the last one, has no line end; was the file copied whole?"
    assert done.status == 0 and told in done.err
    done = run(f"--stream {path} --every 0 0", sqlite_uri)
    assert done.status == 0 and told in done.err


@pytest.mark.parametrize("rest", [b"", b"\n", b"\n3,c\n"])
def test_nothing_is_appended_below_an_open_quote(
    csv_file: Write, tmp_path: Path, rest: bytes
) -> None:
    """A text file whose last row has one stays as it is."""
    to = tmp_path / "to.csv"
    before = b'id,x\n1,a\n2,"P0' + rest
    to.write_bytes(before)
    with pytest.raises(FileError, match="to.csv, row 3, the last one, opens a quote"):
        stream_into_file(str(csv_file("x.csv", "id,x", "4,d")), to, AT_ONCE)
    assert to.read_bytes() == before


def test_a_line_end_that_is_added_is_told(csv_file: Write, tmp_path: Path) -> None:
    """The last row of a text file that lacks it may be half a row."""
    to, told = tmp_path / "to.csv", list[str]()
    to.write_bytes(b"id,x\n1,a\n2,b")
    path = csv_file("x.csv", "id,x", "3,c")
    stream_into_file(str(path), to, AT_ONCE, on_warning=told.append)
    assert to.read_bytes() == b"id,x\n1,a\n2,b\n3,c\n"
    (warning,) = told
    assert warning.startswith(f"{to}, row 3, the last one, had no line end; it has one now")
