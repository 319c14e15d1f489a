"""Imports at the same time as other imports, and as clerks: nobody's work is lost or done twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.faults.processes import end_of
from tests.helpers.commandline import CommandLine
from tests.helpers.shop import write_csv, write_customers, write_products

Write = Callable[..., Path]
ROWS = {"sqlite": 20_000, "mongodb": 4_000}  # so that both take about a second
WAYS = ("--linear", "--parallel --workers 2")
CLERKS = 8
EACH = 3  # customers of a clerk
PEOPLE = [f"U{clerk}-{number}" for clerk in range(CLERKS) for number in range(EACH)]
STOCK = CLERKS * EACH - 4  # too few for all
MORE = 2000  # customers that come while the clerks work


def rows_for(uri: str) -> int:
    """How many rows a file has."""
    return ROWS[uri.partition(":")[0]]


def lines(rows: int, word: str) -> Iterator[str]:
    """The lines of a file whose records all hold a word."""
    yield "id,a,b"
    yield from (f"k{number:05},{number},{word}" for number in range(rows))


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_the_same_file_twice_at_once(
    hpnorton: CommandLine, start: Start, csv_file: Write, uri: str, mode: str
) -> None:
    """Both end well, and together they insert every row once."""
    rows = rows_for(uri)
    path = csv_file("thing.csv", *lines(rows, "same"))
    more = ("--mode", mode, "--chunk-rows", "500", "--quiet")
    started = [start(*way.split(), path, *more, uri=uri) for way in WAYS]
    outcomes = list(map(end_of, started))
    assert [outcome.status for outcome in outcomes] == [0, 0], outcomes
    reports = [outcome.data[0]["thing"] for outcome in outcomes]
    assert sum(report["inserted"] for report in reports) == rows
    assert sum(report["unchanged"] for report in reports) == rows
    again = hpnorton("--linear", path, "--quiet", uri=uri).data[0]["thing"]
    assert (again["unchanged"], again["total_records"]) == (rows, rows)


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_two_files_with_the_same_keys_at_once(
    hpnorton: CommandLine, start: Start, csv_file: Write, uri: str, mode: str
) -> None:
    """Of each key one record is there, whole; an insert tells what it has kept out, and why."""
    (csv_file("x").parent / "other").mkdir()
    rows = rows_for(uri)
    paths = [
        csv_file(name, *lines(rows, word))
        for name, word in (("thing.csv", "one"), ("other/thing.csv", "two"))
    ]
    more = ("--mode", mode, "--chunk-rows", "500", "--quiet")
    started = [start("--linear", path, *more, uri=uri) for path in paths]
    outcomes = list(map(end_of, started))
    reports = [outcome.data[0]["thing"] for outcome in outcomes]
    assert sum(report["inserted"] for report in reports) == rows
    lost = "conflicts" if mode == "insert" else "updated"
    assert sum(report[lost] for report in reports) == rows
    for outcome, report in zip(outcomes, reports):
        assert outcome.status == (3 if report["conflicts"] else 0), outcome.err
    # Each file again: its own records are unchanged, the other's are not.
    same = [
        hpnorton("--linear", path, "--quiet", uri=uri).data[0]["thing"]["unchanged"]
        for path in paths
    ]
    assert sum(same) == rows
    if mode == "insert":
        assert same == [report["inserted"] for report in reports]


def test_an_import_and_eight_clerks_at_once(
    hpnorton: CommandLine, start: Start, uri: str, tmp_path: Path
) -> None:
    """The import ends well, so many are rented as there were, and the books balance."""
    files = write_customers(tmp_path, PEOPLE), write_products(tmp_path, {"P1": STOCK})
    assert hpnorton("--linear", *files, "--quiet", uri=uri).status == 0
    new = [(f"N{n}", "Ann", "New", "1 Road", "555", "", "Active", 10) for n in range(MORE)]
    more = write_csv(tmp_path / "more", "customers", new)
    process = start("--parallel", more, "--chunk-rows", "100", "--quiet", uri=uri)

    def serve(clerk: int) -> list[str]:
        """A clerk with customers who all want the same, and a new one every time."""
        said = []
        for number in range(EACH):
            done = hpnorton("--rent", f"U{clerk}-{number}", "P1", "--quiet", uri=uri)
            said.append("" if done.status == 0 else done.err.split(":")[1].strip())
        return said

    with ThreadPoolExecutor(CLERKS) as clerks:
        said = Counter(answer for each in clerks.map(serve, range(CLERKS)) for answer in each)
    imported = end_of(process)
    assert imported.status == 0, imported.err
    report = imported.data[0]["customers"]
    assert report["inserted"] == report["read"] == MORE
    assert said == {"": STOCK, "P1 is out of stock": len(PEOPLE) - STOCK}
    assert len(hpnorton("--all-rentals", "--quiet", uri=uri).data) == STOCK
    assert len(hpnorton("--all-customers", "--quiet", uri=uri).data) == MORE + len(PEOPLE)
    checked = hpnorton("--check", uri=uri)
    assert checked.status == 0, checked.err
