"""Files that are small and become huge: memory is bounded, and what is too long is told by its row.

`benchmarks/bombs.py` does the same with a gigabyte.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.conftest import CommandLine
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


@pytest.mark.parametrize("action", ["--linear", "--parallel", "--analyze", "--stream"])
def test_a_gigabyte_without_a_line_end_in_a_megabyte(
    hpnorton: CommandLine, tmp_path: Path, action: str
) -> None:
    """It is refused with its row, and what stands before it is in the database."""
    path = gzip_bomb(
        tmp_path / "thing.csv.gz", b"id,a\n1,2\n", b"0" * (16 * MIB), GIB // (16 * MIB)
    )
    assert path.stat().st_size < 2 * MIB
    every = ["--every", "0", "0"] if action == "--stream" else []
    done = _measure(hpnorton, action, path, *every, "--quiet")
    _check_refused(done)
    if action != "--analyze":
        assert '"read": 1' in done.out and '"inserted": 1' in done.out


@pytest.mark.parametrize("cell", [b"0", b'"'])
def test_a_gigabyte_without_a_line_end_from_a_pipe(hpnorton: CommandLine, cell: bytes) -> None:
    """It is read no further than the limit, in quotes or without."""
    feed = [b"id,a\n1,2\n", cell, *repeat(b"0" * MIB, GIB // MIB)]
    for arguments in (["--linear", "thing=-"], ["--analyze", "-"]):
        done = _measure(hpnorton, *arguments, "--quiet", feed=feed)
        _check_refused(done)
        assert done.fed < 40 * MIB


def test_a_file_that_is_followed_and_whose_line_never_ends(
    hpnorton: CommandLine, tmp_path: Path
) -> None:
    """A feed ends there too."""
    path = tmp_path / "thing.csv"
    path.write_bytes(b"id,a\n1,2\n" + b"0" * (21 * MIB))
    _check_refused(_measure(hpnorton, "--stream", path, "--follow", "--every", "0", "0"))


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
