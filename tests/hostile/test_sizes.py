"""Files that are small and become huge: memory is bounded, and what is too long is told by its row.

An import passes over such a row; what has nobody to tell of it, or would wait for its end, ends.
With few bytes for a row test_ingest_long_rows.py does the same in moments.

`benchmarks/bombs.py` does the same with a gigabyte.
"""

import gzip
import signal
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.helpers.commandline import CommandLine
from tests.hostile.conftest import Ask
from tests.hostile.measured import Measured, gzip_bomb, run_measured

Write = Callable[..., Path]
MIB = 2**20
GIB = 2**30
MOST = 300 * MIB  # with what Python and pymongo take, and coverage


def _measure(hpnorton: CommandLine, *arguments: str | Path, feed: Iterable[bytes] = ()) -> Measured:
    command = hpnorton.command(arguments)
    return run_measured(command, hpnorton.folder, hpnorton.environment(), feed)


def _check_refused(done: Measured) -> None:
    assert done.status == 1
    assert "row 3 (line 3) does not end within 16 MiB" in done.err
    assert "unexpected" not in done.err
    assert done.peak < MOST, done.peak


def _check_rejected(done: Measured, size: int) -> None:
    """Row 3 of four was passed over."""
    assert done.status == 3, done.err
    assert f"row 3: the row has {size:,} bytes, from byte 9 of the file on" in done.err
    assert "[too-long]" in done.err and "unexpected" not in done.err
    assert '"read": 3' in done.out and '"inserted": 2' in done.out and '"rejected": 1' in done.out
    assert done.peak < MOST, done.peak


@pytest.mark.long
@pytest.mark.parametrize("action", ["--linear", "--parallel --workers 2", "--stream --every 0 0"])
def test_a_gigabyte_without_a_line_end_in_a_megabyte(
    hpnorton: CommandLine, tmp_path: Path, action: str
) -> None:
    """It is rejected with its row, and what stands before and behind it is in the database."""
    path = gzip_bomb(
        tmp_path / "thing.csv.gz", b"id,a\n1,2\n", b"0" * (16 * MIB), GIB // (16 * MIB)
    )
    assert path.stat().st_size < 2 * MIB
    with path.open("ab") as out:
        out.write(gzip.compress(b"\n3,4\n"))
    flag, *more = action.split()
    _check_rejected(_measure(hpnorton, flag, path, *more, "--quiet"), GIB + 1)


@pytest.mark.long
def test_a_gigabyte_without_a_line_end_from_a_pipe(hpnorton: CommandLine) -> None:
    """It is rejected as well; in quotes, over many lines."""
    lines = repeat(b"0\n" * (MIB // 2), GIB // MIB)
    feed = [b"id,a\n1,2\n", b'2,"', *lines, b'"\n3,4\n']
    done = _measure(hpnorton, "--linear", "thing=-", "--quiet", feed=feed)
    _check_rejected(done, GIB + len(b'2,""\n'))


@pytest.mark.parametrize("cell", [b"0", b'"'])
@pytest.mark.parametrize("action", ["--analyze -", "--stream - --every 0 0 --to copy.csv"])
def test_a_gigabyte_where_no_row_can_be_left_out(
    hpnorton: CommandLine, action: str, cell: bytes
) -> None:
    """What tells of all rows, or copies them, ends there: it reads no further than the limit."""
    feed = [b"id,a\n1,2\n", cell, *repeat(b"0" * MIB, GIB // MIB)]
    done = _measure(hpnorton, *action.split(), "--quiet", feed=feed)
    _check_refused(done)
    assert done.fed < 40 * MIB


def test_a_file_that_is_followed_and_has_a_long_line(hpnorton: CommandLine, tmp_path: Path) -> None:
    """A feed passes over it once it has ended."""
    path = tmp_path / "thing.csv"
    path.write_bytes(b"id,a\n1,2\n" + b"0" * (21 * MIB) + b"\n3,4\n")
    process = hpnorton.start("--stream", path, "--follow", "--every", "0", "0")
    assert process.stderr is not None
    told = b""
    while b"row 4: inserted" not in told:
        told += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert b"row 3: the row has 22,020,097 bytes, from byte 9 of the file on" in told
    assert b'"read": 3' in out and b'"inserted": 2' in out


@pytest.mark.parametrize("header", [b"0" * MIB, b"a," * (MIB // 2), b'"' * MIB])
def test_a_header_without_an_end(hpnorton: CommandLine, header: bytes) -> None:
    """It is row 1 that is too long."""
    done = _measure(hpnorton, "--linear", "thing=-", feed=repeat(header, 1024))
    assert done.status == 1 and "row 1 (line 1) does not end within 16 MiB" in done.err
    assert done.peak < MOST


@pytest.mark.parametrize("name", ["thing", "customers"])
def test_a_header_of_a_million_columns(hpnorton: CommandLine, name: str) -> None:
    """It is refused at once, whether the collection is described or not."""
    feed = [b",".join(b"c%d" % n for n in range(10**6)), b"\n1\n"]
    done = _measure(hpnorton, "--linear", f"{name}=-", "--quiet", feed=feed)
    assert done.status == 1 and "1,000,000 columns" in done.err
    assert done.peak < 2 * MOST
    assert len(done.err) < 1000
    twice = _measure(hpnorton, "--linear", f"{name}=-", "--quiet", feed=[b"a," * 10**6 + b"a\n"])
    assert twice.status == 1 and len(twice.err) < 1000


@pytest.mark.long
def test_short_rows_in_a_bomb(hpnorton: CommandLine, tmp_path: Path) -> None:
    """Rows without number in a few kilobytes take time, not memory: 32 times as many take the same.

    Of a part that is imported all are told about, since all but the first are there already.
    """
    rows = b"1,2\n" * (MIB // 4)
    peaks = []
    for times in (1, 32):
        path = gzip_bomb(tmp_path / "thing.csv.gz", b"id,a\n", rows, times)
        done = _measure(hpnorton, "--analyze", path, "--quiet")
        assert done.status == 0 and f'"rows": {times * MIB // 4}' in done.out
        peaks.append(done.peak)
    assert peaks[1] < peaks[0] + 30 * MIB
    path = gzip_bomb(tmp_path / "thing.csv.gz", b"id,a\n", rows, 2)
    done = _measure(hpnorton, "--linear", path, "--quiet")
    assert done.status == 0 and f'"unchanged": {2 * MIB // 4 - 1}' in done.out
    assert done.peak < MOST


def _long_rows() -> Iterator[tuple[str, bytes, bool]]:
    limit = 15 * MIB
    yield "as long as may be", b"2," + b"x" * (limit - 2), True
    yield "a byte too long", b"2," + b"x" * (limit - 1), False
    yield "too long in bytes alone", b"2," + "é".encode() * (limit // 2), False
    yield "too long in quotes", b'2,"' + b"x\n" * (limit // 2) + b'"', False
    yield "not UTF-8 either", b"2," + b"\xff" * limit, False
    yield "too long by its key, which counts twice", b"y" * (limit // 2) + b",x", False


LONG_ROWS = list(_long_rows())


@pytest.mark.parametrize(
    ("line", "is_good"), [row[1:] for row in LONG_ROWS], ids=[r[0] for r in LONG_ROWS]
)
def test_a_row_that_no_document_can_hold(
    ask: Ask, uri: str, csv_file: Write, line: bytes, is_good: bool
) -> None:
    """It is rejected with its number on every database, and the rows around it are in."""
    path = csv_file("thing.csv", "id,a", "1,x", line, "3,z")
    done = ask("--linear", path, uri=uri)
    report = done.data[0]["thing"]
    assert done.status == (0 if is_good else 3), done.err
    assert report["inserted"] == report["total_records"] == (3 if is_good else 2)
    if not is_good:
        assert f"{path}, row 3: the row has 15.0 MiB, its key counted twice" in done.err
