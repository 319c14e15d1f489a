"""What a person sees on a terminal: the tests use a pseudo-terminal."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.commandline import CommandLine
from tests.helpers.terminal import on_terminal

Write = Callable[..., Path]


def test_an_import_shows_its_progress_and_a_table(hpnorton: CommandLine, csv_file: Write) -> None:
    """There is a bar for each file, which ends at 100%, and then a table that fits the screen."""
    path = csv_file("thing.csv", "id,a", *[f"k{n},{n}" for n in range(30_000)])
    for way in ("--linear", "--parallel"):
        shown = on_terminal(hpnorton, way, path, "--disable-log")
        assert re.search(r"thing .*100%.*30,000 rows .* rows/s", shown)
        table = shown[shown.index("collection") :].splitlines()
        assert re.fullmatch("collection +read +inserted .* seconds", table[0])
        assert table[2].startswith("thing ") and " 30000 " in table[2]
        assert all(len(line) <= 80 for line in table[:3])


def test_an_analysis_shows_its_progress(hpnorton: CommandLine, csv_file: Write) -> None:
    """There is a bar that ends at 100% before the table, in one process and in two."""
    path = csv_file("thing.csv", "id,a", *[f"k{n},{n}" for n in range(30_000)])
    for workers in ("1", "2"):
        shown = on_terminal(hpnorton, "--analyze", path, "--workers", workers)
        progress, _, table = shown.partition("#  column")
        assert re.search(r"thing\.csv .*100%.*30,000 rows .* rows/s", progress)
        assert table.endswith("\n30,000 rows\n")
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    shown = on_terminal(hpnorton, "--analyze", packed)
    assert re.search(r"thing\.csv\.gz .* 30,000 rows .* rows/s", shown)
    assert "rows/s" not in on_terminal(hpnorton, "--analyze", path, "--quiet")


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_a_resumed_import_shows_what_is_done(
    hpnorton: CommandLine, csv_file: Write, columns: int
) -> None:
    """The bar of a file that was finished before ends at 100%; all lines fit the screen."""
    done = csv_file(
        "a_collection_with_a_long_name.csv", "id,a", *[f"k{n},{n}" for n in range(3000)]
    )
    other = csv_file("other.csv", "id,a", "1,2")
    assert hpnorton("--linear", done).status == 0
    shown = on_terminal(
        hpnorton, "--linear", done, other, "--resume", "--disable-log", columns=columns
    )
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n").splitlines()
    bars = [line for line in lines if "% " in line]
    assert re.match("a_col.* 100% +0 rows", bars[-2])  # none of them now
    assert re.match("other .*100% +1 row( |$)", bars[-1])
    assert max(len(line) for line in lines if "no datapackage.json" not in line) <= columns


def test_quiet_shows_only_the_result(hpnorton: CommandLine) -> None:
    """There is no bar and no log with --quiet."""
    shown = on_terminal(hpnorton, "--linear", "--quiet")
    assert shown.startswith("collection ")
    assert "%" not in shown


def test_a_question_is_answered_by_a_table_that_fits(hpnorton: CommandLine) -> None:
    """Addresses are cut, but not ids, phones, e-mails and numbers; the count is below."""
    assert hpnorton("--linear").status == 0
    lines = on_terminal(hpnorton, "--all-customers", columns=120).splitlines()
    assert lines[-1] == "10 records"
    assert max(map(len, lines)) <= 120
    first = next(line for line in lines if line.startswith("C000001"))
    assert "…" in first
    assert "206-555-0101" in first and "zoe.almqvist@example.org" in first


def test_without_room_for_a_table_each_record_is_a_block(hpnorton: CommandLine) -> None:
    """On 80 columns a customer has a line for each field, with the whole address."""
    assert hpnorton("--linear").status == 0
    lines = on_terminal(hpnorton, "--all-customers").splitlines()
    assert lines[:2] == ["user_id:       C000001", "Name:          Zoë"]
    assert "Home_address:  14 Lantern Street, Apt 3" in lines
    assert lines[8:10] == ["", "user_id:       C000002"]
    assert lines[-1] == "10 records"


def test_colours_are_for_terminals(hpnorton: CommandLine) -> None:
    """The log is coloured on a terminal, and plain in a file."""
    assert "\x1b[" in on_terminal(hpnorton, "--linear")
    assert "\x1b[" not in hpnorton("--linear").err
