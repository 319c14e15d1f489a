"""The database file deleted, cut, replaced or locked away, in the middle of things and between."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import ROWS, Hold, Start, chunks_in
from tests.faults.processes import end_all_of, end_of, wait_for
from tests.helpers.commandline import CommandLine, Outcome

Harm = Callable[[Path], object]
POOL = "--parallel --workers 2"
WAYS = pytest.mark.parametrize("way", ["--linear", "--parallel", POOL])
NOBODY_WRITES = (  # not even root, who has to lose the right to overrule permissions for that
    "import ctypes, os, sys\n"
    "if os.getuid() == 0: assert ctypes.CDLL(None).prctl(24, 1) == 0  # CAP_DAC_OVERRIDE\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)

QUESTIONS = ("--all-products --format csv", "--rentals-for-customer C000001", "--find C000001",
             "--overdue", "--history", "--history C000001", "--check", "--export out",
             "--fields --workers 2", "--quality --workers 2", "--linear --dry-run")  # fmt: skip


def replace_by_a_text(path: Path) -> None:
    """Another file takes its name."""
    other = path.with_name("notes.txt")
    other.write_text("Not a database.\n" * 100, encoding="utf-8")
    other.replace(path)


def replace_by_a_copy(path: Path) -> None:
    """As some programs do that synchronize folders."""
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    copy.replace(path)


def overwrite_with_a_text(path: Path) -> None:
    """The same file holds something else."""
    path.write_text("Not a database.\n" * 100, encoding="utf-8")


def halve(path: Path) -> None:
    """A copy that was cut short."""
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    """Nothing is left of it."""
    os.truncate(path, 0)


def uri_of(database: Path) -> str:
    """The URI of an SQLite file."""
    return f"sqlite:///{database}"


def remove(database: Path) -> None:
    """Removes a database with all that belongs to it, as one does who starts again."""
    for path in database.parent.iterdir():
        path.unlink()


def check_complete(done: Outcome, rows: int = ROWS) -> None:
    """Every row is in, once."""
    assert done.status == 0, done.err
    report = done.data[0]["thing"]
    assert report["read"] == report["total_records"] == rows
    assert report["inserted"] + report["unchanged"] == rows


@pytest.mark.parametrize(
    ("way", "harm"),
    [
        ("--linear", Path.unlink),
        ("--parallel", Path.unlink),
        (POOL, Path.unlink),
        ("--linear", replace_by_a_text),
        (POOL, replace_by_a_copy),
    ],
)
def test_a_database_that_is_taken_away_during_an_import(
    *,
    hpnorton: CommandLine,
    start: Start,
    big: Path,
    database: Path,
    hold: Hold,
    way: str,
    harm: Harm,
) -> None:
    """Exit 1, nothing is said to be stored, and the import that is told makes all of it anew."""
    process = start(*way.split(), big, uri=uri_of(database))
    with hold(process):
        harm(database)
    failed = end_of(process)
    assert failed.status == 1
    told = [f"the database {database} was removed or replaced while it was in use"]
    if way == POOL:  # a worker that has not opened it before finds none
        told.append(f"there is no database {database}")
    assert any(text in failed.err for text in told), failed.err
    report = failed.data[0]["thing"]
    assert report["read"] == report["inserted"] == report["total_records"] == 0
    remove(database)
    check_complete(hpnorton.resume(failed.err.encode()))


@pytest.mark.parametrize(
    ("way", "harm"),
    [
        ("--linear", halve),
        ("--parallel", halve),
        (POOL, halve),
        ("--linear", overwrite_with_a_text),
        (POOL, empty),
    ],
)
def test_a_database_that_is_cut_during_an_import(
    *,
    hpnorton: CommandLine,
    start: Start,
    big: Path,
    csv_file: Callable[..., Path],
    database: Path,
    hold: Hold,
    way: str,
    harm: Harm,
) -> None:
    """What was there before is damaged: exit 1, and the backup that is asked for makes it whole."""
    before = csv_file("before.csv", "id", *map(str, range(50_000)))
    assert hpnorton("--linear", before, "--quiet", uri=uri_of(database)).status == 0
    backup = shutil.copyfile(database, database.parent.parent / "backup.db")
    process = start(*way.split(), big, uri=uri_of(database))
    with hold(process):
        harm(database)
    failed = end_of(process)
    assert failed.status == 1
    assert f"the database {database} " in failed.err and "from a backup" in failed.err
    remove(database)
    shutil.copyfile(backup, database)
    check_complete(hpnorton.resume(failed.err.encode()))
    again = hpnorton("--linear", before, "--quiet", uri=uri_of(database))
    assert again.data[0]["before"]["unchanged"] == 50_000


@WAYS
def test_a_log_that_is_removed_during_an_import(
    hpnorton: CommandLine, start: Start, big: Path, database: Path, hold: Hold, way: str
) -> None:
    """Exit 1 and what to do; what was written is written by whoever closes last, and counts."""
    process = start(*way.split(), big, uri=uri_of(database))
    wait_for(lambda: chunks_in(database) > 5, process)  # by now each worker has opened the log
    with hold(process):
        Path(f"{database}-wal").unlink()
    failed = end_of(process)
    assert failed.status == 1
    assert f"{database}-wal, a part of the database, was removed" in failed.err
    check_complete(hpnorton.resume(failed.err.encode()))


@pytest.mark.parametrize("harm", [Path.unlink, replace_by_a_copy])
def test_a_database_that_is_taken_away_from_a_clerk(
    hpnorton: CommandLine, start: Start, database: Path, harm: Harm
) -> None:
    """Exit 1, nothing was done; with the backup in its place it is done, once."""
    uri = uri_of(database)
    assert hpnorton("--linear", "--quiet", uri=uri).status == 0
    backup = shutil.copyfile(database, database.parent.parent / "backup.db")
    rent = ("--rent", "C000002", "P000001")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        process = start(*rent, "--quiet", "--disable-log", uri=uri)
        assert process.stderr is not None
        waiting = process.stderr.readline()
        assert b"Waiting: another program keeps" in waiting and b"Ctrl+C ends the wait" in waiting
        harm(database)
        other.execute("ROLLBACK")
        failed = end_of(process)
    assert (failed.status, failed.out) == (1, "")
    assert f"the database {database} was removed or replaced while it was in use" in failed.err
    assert "put it back from a backup, or remove what is there" in failed.err
    remove(database)
    shutil.copyfile(backup, database)
    assert hpnorton(*rent, "--quiet", uri=uri).status == 0
    told = hpnorton("--history", "P000001", "--quiet", uri=uri).data
    assert [line["kind"] for line in told].count("rent") == 1
    again = hpnorton(*rent, "--quiet", uri=uri)
    assert again.status == 1 and "C000002 has P000001 already" in again.err
    assert hpnorton("--check", "--quiet", uri=uri).status == 0


@pytest.mark.parametrize("lost", ["-wal", "-shm"])
def test_a_log_that_is_removed_after_a_crash(
    hpnorton: CommandLine, start: Start, big: Path, database: Path, lost: str
) -> None:
    """What was only in the log is lost with its notes, so --resume does it again."""
    process = start("--parallel", "--workers", "2", big, uri=uri_of(database))
    wait_for(lambda: chunks_in(database) > 3, process)
    end_all_of(process)
    Path(f"{database}{lost}").unlink()
    check_complete(hpnorton("--parallel", big, "--resume", "--quiet", uri=uri_of(database)))


# What was done to the database, and what every command says of it then.
BETWEEN: list[tuple[Harm, str]] = [
    (Path.unlink, "there is no database {} yet; import the CSV files first, with --linear"),
    (empty, "the database {} is an empty file; put it back from a backup, or import the CSV files "
            "first, with --linear"),
    (halve, "the database {} is damaged; put it back from a backup, or remove it and import "
            "everything again"),
    (replace_by_a_text, "{} is not an SQLite database; put it back from a backup, or name another "
                        "file in the URI"),
]  # fmt: skip


@pytest.mark.parametrize(("harm", "message"), BETWEEN)
def test_a_database_that_is_damaged_between_commands(
    hpnorton: CommandLine, database: Path, harm: Harm, message: str
) -> None:
    """Exit 1 and what to do, whatever is asked; after an import of everything all is well."""
    uri = uri_of(database)
    assert hpnorton("--linear", "--quiet", uri=uri).status == 0
    harm(database)
    told = f"Error: {message.format(database)}\n"
    for command in ("--all-products", "--rent C000002 P000001", "--check", "--fields",
                    "--quality product", "--export out"):  # fmt: skip
        failed = hpnorton(*command.split(), "--quiet", uri=uri)
        assert (failed.status, failed.out, failed.err) == (1, "", told), command
    remove(database)
    assert hpnorton("--linear", "--quiet", uri=uri).status == 0
    assert hpnorton("--rent", "C000002", "P000001", "--quiet", uri=uri).status == 0


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_database_that_may_only_be_read(hpnorton: CommandLine, database: Path, what: str) -> None:
    """All questions are answered; what has to write says what is missing, with exit 1."""
    uri = uri_of(database)
    assert hpnorton("--linear", "--quiet", uri=uri).status == 0
    before = database.read_bytes()
    locked = database if what == "file" else database.parent
    mode = locked.stat().st_mode
    locked.chmod(mode & ~0o222)
    try:
        for flags in ("--linear", "--rent C000002 P000001"):
            failed = _without_rights(hpnorton, *flags.split(), "--quiet", "--uri", uri)
            assert failed.status == 1
            assert f"the database {database} can only be read: " in failed.err
            assert "questions work, but to change something ask its owner" in failed.err
        for flags in QUESTIONS:
            assert _without_rights(hpnorton, *flags.split(), "--quiet", "--uri", uri).status == 0
        assert [each.name for each in database.parent.iterdir()] == [database.name]
    finally:
        locked.chmod(mode)
    assert database.read_bytes() == before
    assert hpnorton("--rent", "C000002", "P000001", "--quiet", uri=uri).status == 0


def _without_rights(hpnorton: CommandLine, *arguments: str) -> Outcome:
    """Runs the command line as somebody whom permissions keep out."""
    command = hpnorton.command(arguments)
    return hpnorton.run([sys.executable, "-c", NOBODY_WRITES, *command])


def test_a_database_of_another_program(
    hpnorton: CommandLine, database: Path, tmp_path: Path
) -> None:
    """Its tables are left as they are; where one is in the way the import says so, with exit 1."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine');"
            "CREATE TABLE customers (number INTEGER PRIMARY KEY); INSERT INTO customers VALUES (7)"
        )
    failed = hpnorton("--linear", "--quiet", uri=uri_of(database))
    assert failed.status == 1
    assert (
        f"the table customers in {database} has the key number, not user_id, as it is" in failed.err
    )
    assert "import into another database" in failed.err
    assert _tables(database) == {"customers": [(7,)], "notes": [("mine",)]}
    assert hpnorton("--linear", "--quiet", uri=uri_of(tmp_path / "other.db")).status == 0


def _tables(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """All there is in a database."""
    with closing(sqlite3.connect(database)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        return {
            name: connection.execute(f'SELECT * FROM "{name}"').fetchall()
            for (name,) in names.fetchall()
        }
