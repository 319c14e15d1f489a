"""Comparisons: all variants in turn leave the same records, or there is an error."""

import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hpnorton.compare import comparison as timing
from hpnorton.compare.results import Comparison
from hpnorton.compare.variants import Matrix, Variant, default_workers
from hpnorton.errors import ComparisonError, UsageError
from hpnorton.importer.sources import dataset_sources, parse_source
from tests.helpers.commandline import ROOT

PROGRAM = str(ROOT / "HPNorton.py")
TEST = ROOT / "data" / "test"
GRID = Matrix([2], [5, 100], 2)
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
    uri: str, *files: str, matrix: Matrix = GRID, program: Sequence[str] = (PROGRAM,)
) -> Comparison:
    """The comparison of some files, by default those of the test dataset."""
    return timing.compare(
        uri,
        [parse_source(file) for file in files] or dataset_sources(TEST),
        matrix,
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


def test_every_variant_is_measured(sqlite_uri: str) -> None:
    """Each chunk size with each variant, so often as asked, and fewer rows, shared by all workers.

    The real database stays as it is, byte for byte.
    """
    real = Path(sqlite_uri.removeprefix("sqlite:///"))
    with sqlite3.connect(real) as connection:
        connection.execute("CREATE TABLE customers (mine)")
    before = real.read_bytes()
    made = compare(sqlite_uri)
    assert real.read_bytes() == before
    assert not list(real.parent.glob(".hpnorton*"))
    variants = [Variant(), Variant(True), Variant(True, 2)]
    assert (made.rows, made.rejected) == (31, 0)
    assert [(t.chunk_rows, t.variant) for t in made.measurements] == [
        (n, w) for n in (5, 100) for w in variants
    ]
    assert {measurement.sample.rows for measurement in made.sample_measurements} == {3, 7, 16, 31}
    assert {t.chunk_rows for t in made.sample_measurements if t.variant.workers is None} == {100}
    pool = [t for t in made.sample_measurements if t.variant.workers == 2]
    assert [(t.sample.longest, t.chunk_rows) for t in pool] == [(1, 100), (3, 100), (6, 2), (11, 3)]
    for measurement in (*made.measurements, *made.sample_measurements):
        assert len(measurement.runs) == 2
        assert 0 < measurement.seconds.low <= measurement.seconds.median <= measurement.seconds.high
        slowest, fastest = (
            measurement.sample.rows / measurement.seconds.high,
            measurement.sample.rows / measurement.seconds.low,
        )
        assert measurement.rows_per_second.low == pytest.approx(slowest)
        assert measurement.rows_per_second.high == pytest.approx(fastest)
        assert measurement.peak > 10_000_000
    assert [parts.variant for parts in made.phase_times] == variants
    assert all(0 < min(parts.phases.values()) and 0 < parts.rest for parts in made.phase_times)
    assert set(made.lines) == {variant.flags for variant in variants}
    assert made.advice.flags.split()[0] in ("--linear", "--parallel")
    linear = [t.seconds.median for t in made.measurements if t.variant == Variant()]
    assert made.linear_seconds == min(linear)


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
    """What differs is named, and the variants between which; nothing is left behind."""
    program = tampering(tmp_path, flag, statement)
    pattern = rf"the records of product are not the same after {'--parallel'}.* and after --linear"
    with pytest.raises(ComparisonError, match=pattern):
        compare(sqlite_uri, program=[program])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tampering.py"]


def test_a_run_that_fails_is_an_error(sqlite_uri: str, tmp_path: Path) -> None:
    """With its flags, its exit status and what it said."""
    program = tmp_path / "failing.py"
    program.write_text("import sys; sys.exit('Error: no luck')", encoding="utf-8")
    with pytest.raises(ComparisonError, match="with --linear ended with 1: Error: no luck"):
        compare(sqlite_uri, program=[str(program)])


def test_rejected_rows_are_counted(sqlite_uri: str, tmp_path: Path) -> None:
    """They are no failure: every run rejects the same."""
    path = tmp_path / "thing.csv"
    path.write_text("id,a\n1,x\n2\n1,y\n", encoding="utf-8")
    made = compare(sqlite_uri, str(path), matrix=Matrix([2], [10], 1))
    assert (made.rows, made.rejected) == (3, 2)


def test_parents_have_to_be_there(sqlite_uri: str) -> None:
    """Rentals alone would all be rejected: that would be no comparison."""
    with pytest.raises(UsageError, match="rental.csv refer to customers.*name that file as well"):
        compare(sqlite_uri, str(TEST / "rental.csv"))


def test_stdin_cannot_be_read_twice(sqlite_uri: str) -> None:
    """It has to be a file."""
    with pytest.raises(UsageError, match="save it to a file"):
        compare(sqlite_uri, "customers=-")


def test_there_have_to_be_rows(sqlite_uri: str, tmp_path: Path) -> None:
    """Without rows there is nothing to compare."""
    path = tmp_path / "thing.csv"
    path.write_text("id,a\n", encoding="utf-8")
    with pytest.raises(ComparisonError, match="there are no rows in the files"):
        compare(sqlite_uri, str(path), matrix=Matrix([2], [10], 1))


def test_the_default_workers_span_the_cores() -> None:
    """From one on, always two as well, up to the number of cores."""
    found = default_workers()
    assert found[:2] == [1, 2]
    assert found == sorted(set(found))
