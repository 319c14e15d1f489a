"""Rows in which nobody sees anything are left out and counted, and are no error."""

import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton.importer.options import Options
from hpnorton.importer.report import FileReport
from hpnorton.importer.runner import run_import
from hpnorton.importer.sources import Source
from hpnorton.stores.counts import Ending
from tests.conftest import Run

WAYS = [
    "--linear",
    "--linear --chunk-rows 2",
    "--parallel --workers 2 --chunk-rows 1",
    "--stream --every 0 0",
]
PACKAGE = """{"resources": [{"name": "list", "path": "list.csv", "schema": {"primaryKey": "sku",
    "fields": [{"name": "sku"}, {"name": "stock", "type": "integer",
    "constraints": {"required": true}}]}}]}"""
AT_THE_END = "sku,stock\n1,5\n2,6\n,\n,\n\n"
WITHIN = 'sku,stock\n\n1,5\n,\n   \n2,6\n"",""\n'


def write(folder: Path, text: str, *, is_described: bool) -> Path:
    """A file, with a data package beside it or without."""
    path = folder / "list.csv"
    path.write_text(text, "utf-8")
    if is_described:
        (folder / "datapackage.json").write_text(PACKAGE, "utf-8")
    return path


def report_of(out: Any) -> dict[str, Any]:
    """The only report, of which the numbers add up."""
    report: dict[str, Any] = out[0]["list"]
    assert report["success"] + report["fail"] == report["read"]
    return report


def told_of_rows(err: str) -> list[str]:
    """The messages, but for the one that nothing describes the file."""
    return [line for line in err.splitlines() if "no datapackage.json describes" not in line]


@pytest.mark.parametrize("is_described", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_blank_rows_at_the_end(
    run: Run, tmp_path: Path, sqlite_uri: str, way: str, is_described: bool
) -> None:
    """Exit 0, they are counted as blank, and nothing is said: spreadsheets write them."""
    path = write(tmp_path, AT_THE_END, is_described=is_described)
    flag, _, more = way.partition(" ")
    done = run(f"{flag} {path} {more} --quiet", sqlite_uri)
    report = report_of(done.data)
    assert (done.status, told_of_rows(done.err)) == (0, [])
    assert (report["read"], report["inserted"], report["blank"]) == (2, 2, 3)
    assert report["total_records"] == 2


@pytest.mark.parametrize("is_described", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_blank_rows_between_others(
    run: Run, tmp_path: Path, sqlite_uri: str, way: str, is_described: bool
) -> None:
    """Exit 0; a warning says how many there are, since something may be lost."""
    path = write(tmp_path, WITHIN, is_described=is_described)
    flag, _, more = way.partition(" ")
    done = run(f"{flag} {path} {more} --quiet", sqlite_uri)
    report = report_of(done.data)
    assert (done.status, report["read"], report["inserted"], report["blank"]) == (0, 2, 2, 4)
    assert told_of_rows(done.err) == [f"{path}: 3 blank rows between others left out"]


def test_nothing_but_blank_rows(run: Run, tmp_path: Path, sqlite_uri: str) -> None:
    """Exit 0, and a note that there are no rows."""
    path = write(tmp_path, "sku,stock\n,\n\n", is_described=True)
    done = run(f"--linear {path} --dry-run --max-errors 0% --quiet", sqlite_uri)
    assert (done.status, report_of(done.data)["blank"]) == (0, 2)
    assert done.err == f"{path}: there are no rows below the header\n"
    assert report_of(done.data)["warnings"] == ["there are no rows below the header"]


ROWS = st.lists(st.sampled_from(["", ",", "K,5", "K,x"]), max_size=12)


@settings(max_examples=40)
@given(rows=ROWS, chunk_rows=st.integers(1, 4))
def test_blank_rows_are_counted_whatever_the_chunks(
    tmp_path_factory: pytest.TempPathFactory, rows: Sequence[str], chunk_rows: int
) -> None:
    """The warning counts those that another row follows."""
    folder = tmp_path_factory.mktemp("blank")
    lines = [row.replace("K", f"k{at}") for at, row in enumerate(rows)]
    path = write(folder, "\n".join(["sku,stock", *lines, ""]), is_described=True)
    report = imported(folder, path, Options(chunk_rows=chunk_rows))
    filled = [row for row in rows if row.strip(",")]
    tail = next((n for n, row in enumerate(reversed(rows)) if row.strip(",")), len(rows))
    assert report.counts.read == len(filled)
    assert report.counts.blank == len(rows) - len(filled)
    between = report.counts.blank - tail
    told = [warning.split()[0] for warning in report.warnings]
    assert told == ([str(between)] if between else [] if filled else ["there"])


def imported(folder: Path, path: Path, options: Options) -> FileReport:
    """The report of an import into the folder's database."""
    uri = f"sqlite:///{folder}/store.db"
    (report,) = run_import(uri, [Source(str(path), "list")], options)
    assert report.ending is Ending.DONE
    return report


def test_a_resumed_import_counts_all_blank_rows(tmp_path: Path) -> None:
    """Those of the run before as well, and knows which of them stand between others."""
    lines = ["sku,stock", *(f"k{n},{n}\n," for n in range(20)), ",", ""]
    path = write(tmp_path, "\n".join(lines), is_described=True)
    uri, sources = f"sqlite:///{tmp_path}/store.db", [Source(str(path), "list")]
    options = Options(chunk_rows=3, is_parallel=True, workers=1)

    def interrupt(report: FileReport, *_: object) -> None:
        if report.counts.read in (7, 8):
            signal.raise_signal(signal.SIGINT)

    (first,) = run_import(uri, sources, options, on_progress=interrupt)
    assert first.ending is Ending.INTERRUPTED and 0 < first.counts.blank < 21
    (resumed,) = run_import(uri, sources, replace(options, is_resuming=True))
    assert resumed.ending is Ending.DONE
    assert (resumed.counts.read, resumed.counts.blank) == (20, 21)
    assert resumed.warnings == ["19 blank rows between others left out"]
