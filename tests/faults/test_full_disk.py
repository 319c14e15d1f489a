"""No room for the database, or for what an import or a clerk writes beside it.

A file that may not become larger (a limit, a quota) and a file system that is full are different
errors of the system, so both are tried; the second where a file system can be made without root.
"""

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.faults.conftest import ROWS
from tests.faults.limits import limited
from tests.helpers.commandline import CommandLine, Outcome

Write = Callable[..., Path]
WAYS = pytest.mark.parametrize("way", ["--linear", "--parallel", "--parallel --workers 2"])
MEGABYTE = 2**20


@cache
def can_mount() -> bool:
    """Whether a file system can be made here, in a name space of our own."""
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "x",
        "/mnt",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def check_complete(done: Outcome, rows: int) -> None:
    """Every row is in, once, as an undisturbed import says."""
    assert done.status == 0, done.err
    report = done.data[0]["thing"]
    assert report["inserted"] == report["read"] == report["total_records"] == rows


@WAYS
def test_a_database_that_may_not_grow(
    hpnorton: CommandLine, big: Path, database: Path, way: str
) -> None:
    """Exit 1 in the middle of a chunk, advice, whole chunks; with more room --resume ends it."""
    command = hpnorton.command([*way.split(), big, "--quiet"], f"sqlite:///{database}")
    failed = hpnorton.run(limited(8 * MEGABYTE, command))
    assert failed.status == 1
    assert f"could not read or write the database {database}" in failed.err
    assert "see whether the disk is full, a quota is used up" in failed.err
    report = failed.data[0]["thing"]
    assert report["read"] == report["total_records"] < ROWS
    assert report["read"] % 10_000 == 0
    check_complete(hpnorton.resume(failed.err.encode()), ROWS)


SMALL_DISK = """
set -e
mount -t tmpfs -o size=24m none "$DISK"
head -c 8m /dev/zero > "$DISK/ballast"
set +e
$COMMAND > out 2> err
echo $? > status
rm "$DISK/ballast"
mount -o remount,size=200m "$DISK"
sh -c "$(tail -n 1 err)" > again.out 2> again.err
echo $? > again.status
"""


@pytest.mark.skipif(not can_mount(), reason="no file system can be made here without root")
@WAYS
def test_a_file_system_that_is_full(
    hpnorton: CommandLine, big: Path, tmp_path: Path, way: str
) -> None:
    """The same with a small disk, and the message that says so."""
    disk = tmp_path / "disk"
    disk.mkdir()
    database = disk / "shop.db"
    command = hpnorton.command([*way.split(), big, "--quiet"], f"sqlite:///{database}")
    assert not any(" " in word for word in command)
    shell = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK]
    done = hpnorton.run(shell, environment={"DISK": str(disk), "COMMAND": " ".join(command)})
    assert done.status == 0, done.err
    failed, again = (_outcome(hpnorton.folder, name) for name in ("", "again."))
    assert failed.status == 1
    assert f"the disk is full: {database} cannot grow, or a temporary file; make room" in failed.err
    assert 0 < failed.data[0]["thing"]["read"] < ROWS
    check_complete(again, ROWS)


def _outcome(folder: Path, name: str) -> Outcome:
    status, out, err = (
        (folder / f"{name}{what}").read_text(encoding="utf-8") for what in ("status", "out", "err")
    )
    return Outcome(int(status), out, err)


def test_no_room_for_a_rental(hpnorton: CommandLine, database: Path) -> None:
    """The clerk is told, nothing has happened, and it is done when there is room."""
    uri = f"sqlite:///{database}"
    assert hpnorton("--linear", "--quiet", uri=uri).status == 0
    before = hpnorton("--rentals-for-customer", "C000002", "--quiet", uri=uri).data
    command = hpnorton.command(["--rent", "C000002", "P000001", "--quiet"], uri)
    failed = hpnorton.run(limited(4096, command))
    assert (failed.status, failed.out) == (1, "")
    assert "see whether the disk is full" in failed.err
    assert hpnorton("--rentals-for-customer", "C000002", "--quiet", uri=uri).data == before
    assert hpnorton("--rent", "C000002", "P000001", "--quiet", uri=uri).status == 0
    assert hpnorton("--check", "--quiet", uri=uri).status == 0


def test_no_room_for_the_rejects(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path, mongo_uri: str
) -> None:
    """Exit 1; no half of a file stays, and --resume writes them to a folder that is named."""
    rows = 5_000  # few enough to be kept in memory, so that they need no temporary file
    faulty = csv_file("thing.csv", "id,a,b", "good,1,2", *[f"k{n},1" for n in range(rows)])
    small = tmp_path / "small"
    command = hpnorton.command(["--linear", faulty, "--rejects", small, "--quiet"], mongo_uri)
    failed = hpnorton.run(limited(200_000, command))
    assert failed.status == 1
    assert (
        f"the rejected rows of {faulty} cannot be written to {small}: File too large" in failed.err
    )
    assert "; name another folder with --rejects" in failed.err
    assert not any(small.iterdir())
    report = failed.data[0]["thing"]
    assert (report["rejected"], report["total_records"]) == (rows, 1)
    other = tmp_path / "other"
    again = hpnorton.resume(f"{failed.err.rstrip()} --rejects {other}".encode())
    assert again.status == 3, again.err
    (written,) = other.glob("*.csv")
    assert len(written.read_bytes().splitlines()) == rows + 1
    assert again.data[0]["thing"]["rejected"] == rows


def test_no_room_for_temporary_files(
    hpnorton: CommandLine, csv_file: Write, mongo_uri: str
) -> None:
    """What is refused is kept in a temporary file while an import runs: the folder is named."""
    wide = [f"k{n},{os.urandom(200).hex()}" for n in range(20_000)]
    path = csv_file("thing.csv", "id,a,b", "good,1,2", *wide)
    command = hpnorton.command(["--linear", path, "--chunk-rows", "1000", "--quiet"], mongo_uri)
    failed = hpnorton.run(limited(500_000, command))
    assert failed.status == 1
    assert "the system reported: [Errno 27] File too large; check whether /" in failed.err
    assert "has room for temporary files" in failed.err and "unexpected" not in failed.err
    again = hpnorton.resume(failed.err.encode())
    assert again.status == 3, again.err
    assert again.data[0]["thing"]["rejected"] == 20_000
    assert again.data[0]["thing"]["total_records"] == 1


def test_no_room_for_an_export(hpnorton: CommandLine, tmp_path: Path) -> None:
    """Exit 1; what an earlier export wrote is left as it was, with no half of a file beside."""
    assert hpnorton("--linear", "--quiet").status == 0
    before = tmp_path / "backup"
    assert hpnorton("--export", before, "--quiet").status == 0
    kept = {path.name: path.read_bytes() for path in before.iterdir()}
    more = b"id,a\n" + b"".join(b"%d,x\n" % n for n in range(20_000))
    assert hpnorton("--linear", "cushions=-", "--quiet", stdin=more).status == 0
    failed = hpnorton.run(limited(50_000, hpnorton.command(["--export", before, "--quiet"])))
    assert failed.status == 1
    assert failed.err == (
        f"Error: {before} cannot be written: File too large; name another folder\n"
    )
    assert {p.name: p.read_bytes() for p in before.iterdir() if p.name in kept} == kept
    assert not list(before.glob("*.part"))
    assert hpnorton("--export", tmp_path / "other", "--quiet").status == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("flags", ["--linear", "--parallel --workers 2", "--all-products"])
def test_no_room_for_the_log(hpnorton: CommandLine, flags: str) -> None:
    """What cannot be told on stderr is no reason to fail: result and exit status are the same."""
    assert hpnorton("--linear", "--quiet").status == 0
    line = " ".join(hpnorton.command([*flags.split(), "--format", "json"]))
    quiet = hpnorton.run(f"{line} --quiet")
    again = hpnorton.run(f"{line} 2>/dev/full")
    assert again.status == quiet.status == 0
    assert len(again.data) == len(quiet.data)
