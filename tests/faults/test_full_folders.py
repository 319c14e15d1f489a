"""No room for what is written beside a database: reports, feeds, rejects and temporary files.

The databases are on a server, so that a limit keeps out what is meant and nothing else.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import pytest

from hpnorton.importer import duplicates
from hpnorton.importer.duplicates import KeyHashes
from tests.faults.limits import limited
from tests.helpers.commandline import CommandLine

Write = Callable[..., Path]
COMPARE = ("--compare", "--repeat", "1", "--workers", "2", "--chunk-rows", "1000", "--quiet")
TEMPORARY = "has room for temporary files"


@pytest.fixture(name="path")
def write_a_file(csv_file: Write) -> Path:
    """Some rows."""
    return csv_file("thing.csv", "id,a,b", *[f"k{n:05},{n},some more text" for n in range(5000)])


def test_no_room_for_a_report(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path, mongo_uri: str
) -> None:
    """The figures are shown, no half of a page stays, and another folder is asked for."""
    folder, path = tmp_path / "report", csv_file("thing.csv", "id", "1", "2", "3")
    command = hpnorton.command([*COMPARE, path, "--report", folder], mongo_uri)
    failed = hpnorton.run(limited(8000, command))  # a plot has more
    assert failed.status == 1
    # matplotlib may complain, too, that its list of fonts finds no room.
    assert failed.err.endswith(
        f"Error: the report cannot be written to {folder}: File too large; name another folder "
        "with --report\n"
    )
    assert failed.data[0]["rows"] == 3
    assert not list(folder.glob("*.part")) and not list(folder.glob("*.html"))


def test_no_room_for_a_comparison(hpnorton: CommandLine, path: Path, mongo_uri: str) -> None:
    """Exit 1, no result; the folder of temporary files is named, and nothing is left there."""
    failed = hpnorton.run(limited(2000, hpnorton.command([*COMPARE, path], mongo_uri)))
    assert (failed.status, failed.out) == (1, "")
    assert "Error: the system reported: [Errno 27] File too large; check whether /" in failed.err
    assert TEMPORARY in failed.err


def test_no_room_for_what_a_look_at_the_quality_knows(
    hpnorton: CommandLine, mongo_uri: str
) -> None:
    """Exit 1, no half of a result; with more room the same command gives all of it."""
    assert hpnorton("--linear", "--quiet", uri=mongo_uri).status == 0
    command = hpnorton.command(["--quality", "--workers", "2", "--quiet"], mongo_uri)
    failed = hpnorton.run(limited(1000, command))
    assert (failed.status, failed.out) == (1, "")
    assert "Error: the system reported: [Errno 27] File too large; check whether /" in failed.err
    assert TEMPORARY in failed.err
    assert len(hpnorton.run(command).data) == 3


@pytest.mark.parametrize("more", ["", "--mode upsert"])
def test_no_room_for_a_copy_of_stdin(
    hpnorton: CommandLine, path: Path, mongo_uri: str, more: str
) -> None:
    """Exit 1, whole chunks; what is piped again is imported, and what was there is unchanged."""
    flags = ["--parallel", "thing=-", "--workers", "2", "--chunk-rows", "100", *more.split()]
    command = hpnorton.command([*flags, "--quiet"], mongo_uri)
    failed = hpnorton.run(limited(50_000, command), stdin=path.read_bytes())
    assert failed.status == 1
    assert TEMPORARY in failed.err and "Import it again" in failed.err
    report = failed.data[0]["thing"]
    assert 0 < report["read"] == report["total_records"] < 5000
    again = hpnorton.run(command, stdin=path.read_bytes())
    assert again.status == 0, again.err
    counts = again.data[0]["thing"]
    assert counts["read"] == counts["total_records"] == 5000
    assert counts["inserted"] + counts["unchanged"] == 5000
    assert counts["unchanged"] >= report["read"]


def test_no_room_for_a_dry_run(hpnorton: CommandLine, path: Path, mongo_uri: str) -> None:
    """The database in which it tries things out is a temporary file as well."""
    command = hpnorton.command(["--linear", path, "--dry-run", "--quiet"], mongo_uri)
    failed = hpnorton.run(limited(100_000, command))
    assert failed.status == 1
    assert "see whether the disk is full" in failed.err and "hpnorton-" in failed.err
    again = hpnorton.run(command)
    assert (again.status, again.data[0]["thing"]["inserted"]) == (0, 5000)


def test_no_room_for_a_feed_into_a_file(hpnorton: CommandLine, path: Path, tmp_path: Path) -> None:
    """What is there are whole rows, and how many is told; another file gets all of them."""
    small, other = tmp_path / "small.csv", tmp_path / "other.csv"
    small.write_bytes(b"id,a,b\n")
    feed: list[str | Path] = ["--stream", path, "--every", "0", "0", "--quiet", "--to"]
    failed = hpnorton.run(limited(2000, hpnorton.command([*feed, small])))
    assert (failed.status, failed.out) == (1, "")
    rows = path.read_bytes().splitlines(keepends=True)
    sizes = accumulate(map(len, rows))
    written = sum(size <= 2000 for size in sizes) - 1  # the header is no row
    assert failed.err == (
        f"Error: {small} cannot be written: File too large; {written} rows of {path} are there, "
        "all of them whole: make room and start again, with another --to FILE\n"
    )
    assert small.read_bytes() == b"".join(rows[: written + 1])
    assert hpnorton(*feed, other).status == 0
    assert other.read_bytes() == path.read_bytes()


def test_no_room_for_the_rejects_of_a_feed(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path, mongo_uri: str
) -> None:
    """All was told as it came; no half of a file stays, and the same feed writes them elsewhere."""
    faulty = csv_file("thing.csv", "id,a,b", "good,1,2", *[f"k{n},1" for n in range(50)])
    feed: list[str | Path] = ["--stream", faulty, "--every", "0", "0", "--quiet", "--rejects"]
    command = hpnorton.command([*feed, tmp_path / "small"], mongo_uri)
    failed = hpnorton.run(limited(200, command))
    assert failed.status == 1
    assert "cannot be written to" in failed.err and "another folder with --rejects" in failed.err
    assert failed.err.count("[missing-cell]") == 50
    assert not list((tmp_path / "small").iterdir())
    again = hpnorton(*feed, tmp_path / "other", uri=mongo_uri)
    assert again.status == 3
    assert again.data[0]["thing"] | {"rejected": 50, "unchanged": 1} == again.data[0]["thing"]
    (rows,) = (tmp_path / "other").glob("*.csv")
    assert len(rows.read_bytes().splitlines()) == 51


def test_no_room_for_the_hashes_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's error is told where they are added, and not again when they are forgotten."""
    monkeypatch.setattr(duplicates, "_MEMORY_BYTES", 4)
    with _little_room(100):
        hashes = KeyHashes()
        with pytest.raises(OSError, match="File too large"):
            for _ in range(10_000):
                hashes.add(bytes(64))
        hashes.close()


@contextmanager
def _little_room(size: int) -> Iterator[None]:
    """Lets no file of this process have more bytes."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
