"""Timing runs: every way by turns, the same records in all databases, or an error that says so."""

import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hpnorton.compare import comparison as timing
from hpnorton.compare.trials import Comparison, Grid, Way, default_workers
from hpnorton.errors import ComparisonError, UsageError
from hpnorton.importer.sources import dataset_sources, parse_source
from tests.helpers.commandline import ROOT

PROGRAM = str(ROOT / "HPNorton.py")
TEST = ROOT / "data" / "test"
GRID = Grid([2], [5, 100], 2)
# The program, and afterwards something that is done to the database of a run.
TAMPERING = """
import os, sqlite3, subprocess, sys
status = subprocess.run([sys.executable, {program!r}, *sys.argv[1:]]).returncode
if {flag!r} in sys.argv:
    with sqlite3.connect(os.environ["HPNORTON_URI"].removeprefix("sqlite:///")) as connection:
        connection.execute({statement!r})
sys.exit(status)
"""


def compare(
    uri: str, *files: str, grid: Grid = GRID, program: Sequence[str] = (PROGRAM,)
) -> Comparison:
    """The comparison of some files, by default those of the test dataset."""
    return timing.compare(
        uri,
        [parse_source(file) for file in files] or dataset_sources(TEST),
        grid,
        folders=[TEST],
        program=[sys.executable, *program],
        environment={k: v for k, v in os.environ.items() if not k.startswith("HPNORTON_")},
        default_rows=100,
    )


def tampering(folder: Path, flag: str, statement: str) -> str:
    """A program that changes what runs with a flag have imported."""
    path = folder / "tampering.py"
    text = TAMPERING.format(program=PROGRAM, flag=flag, statement=statement)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_way_is_timed(sqlite_uri: str) -> None:
    """Each chunk size with each way, so often as asked, and fewer rows, shared by all workers.

    The real database stays as it is, byte for byte.
    """
    real = Path(sqlite_uri.removeprefix("sqlite:///"))
    with sqlite3.connect(real) as connection:
        connection.execute("CREATE TABLE customers (mine)")
    before = real.read_bytes()
    made = compare(sqlite_uri)
    assert real.read_bytes() == before
    assert not list(real.parent.glob(".hpnorton*"))
    ways = [Way(), Way(True), Way(True, 2)]
    assert (made.rows, made.refused) == (31, 0)
    assert [(t.chunk_rows, t.way) for t in made.grid] == [(n, w) for n in (5, 100) for w in ways]
    assert {timed.length.rows for timed in made.lengths} == {3, 7, 16, 31}
    assert {t.chunk_rows for t in made.lengths if t.way.workers == 0} == {100}
    pool = [t for t in made.lengths if t.way.workers == 2]
    assert [(t.length.longest, t.chunk_rows) for t in pool] == [(1, 100), (3, 100), (6, 2), (11, 3)]
    for timed in (*made.grid, *made.lengths):
        assert len(timed.runs) == 2
        assert 0 < timed.seconds.low <= timed.seconds.median <= timed.seconds.high
        slowest, fastest = (
            timed.length.rows / timed.seconds.high,
            timed.length.rows / timed.seconds.low,
        )
        assert timed.rows_per_second.low == pytest.approx(slowest)
        assert timed.rows_per_second.high == pytest.approx(fastest)
        assert timed.peak > 10_000_000
    assert [parts.way for parts in made.parts] == ways
    assert all(0 < min(parts.phases.values()) and 0 < parts.rest for parts in made.parts)
    assert set(made.lines) == {way.flags for way in ways}
    assert made.advice.flags.split()[0] in ("--linear", "--parallel")
    assert made.linear == min(t.seconds.median for t in made.grid if t.way == Way())


@pytest.mark.parametrize(
    ("flag", "statement"),
    [
        ("--parallel", "DELETE FROM product WHERE product_id = 'P000003'"),
        ("--workers", "UPDATE product SET description = 'Other' WHERE product_id = 'P000003'"),
    ],
)
def test_other_records_are_an_error(
    sqlite_uri: str, tmp_path: Path, flag: str, statement: str
) -> None:
    """What differs is named, and the ways between which; nothing is left behind."""
    program = tampering(tmp_path, flag, statement)
    pattern = rf"the records of product are not the same after {'--parallel'}.* and after --linear"
    with pytest.raises(ComparisonError, match=pattern):
        compare(sqlite_uri, program=[program])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tampering.py"]


def test_a_run_that_fails_is_told(sqlite_uri: str, tmp_path: Path) -> None:
    """With its flags, its exit status and what it said."""
    program = tmp_path / "failing.py"
    program.write_text("import sys; sys.exit('Error: no luck')", encoding="utf-8")
    with pytest.raises(ComparisonError, match="with --linear ended with 1: Error: no luck"):
        compare(sqlite_uri, program=[str(program)])


def test_refused_rows_are_counted(sqlite_uri: str, tmp_path: Path) -> None:
    """They are no failure: every run refuses the same."""
    path = tmp_path / "thing.csv"
    path.write_text("id,a\n1,x\n2\n1,y\n", encoding="utf-8")
    made = compare(sqlite_uri, str(path), grid=Grid([2], [10], 1))
    assert (made.rows, made.refused) == (3, 2)


def test_parents_have_to_be_there(sqlite_uri: str) -> None:
    """Rentals alone would all be refused: that would be no comparison."""
    with pytest.raises(UsageError, match="rental.csv refer to customers.*name that file as well"):
        compare(sqlite_uri, str(TEST / "rental.csv"))


def test_stdin_cannot_be_read_twice(sqlite_uri: str) -> None:
    """It has to be a file."""
    with pytest.raises(UsageError, match="save it to a file"):
        compare(sqlite_uri, "customers=-")


def test_there_have_to_be_rows(sqlite_uri: str, tmp_path: Path) -> None:
    """A header alone tells nothing."""
    path = tmp_path / "thing.csv"
    path.write_text("id,a\n", encoding="utf-8")
    with pytest.raises(ComparisonError, match="there are no rows in the files"):
        compare(sqlite_uri, str(path), grid=Grid([2], [10], 1))


def test_the_default_workers_span_the_cores() -> None:
    """From one on, always two as well, up to the number of cores."""
    found = default_workers()
    assert found[:2] == [1, 2]
    assert found == sorted(set(found))
