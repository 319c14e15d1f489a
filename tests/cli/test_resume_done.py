"""Files that were imported before: --resume skips them, and `make run` can be repeated."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commandline import ROOT, CommandLine, Outcome

Write = Callable[..., Path]
WAYS = ("--linear", "--parallel --workers 2")


def report_of(done: Outcome) -> dict[str, Any]:
    """Return the report of the only file."""
    ((report,),) = (entry.values() for entry in done.data)
    return dict(report)


@pytest.mark.parametrize("way", WAYS)
def test_a_finished_file_is_not_counted_again(
    hpnorton: CommandLine, csv_file: Write, uri: str, way: str
) -> None:
    """The report says that it was done before, and the log says when and by which import."""
    path = csv_file("thing.csv", "id,a", "1,x", "2,y", "bad")
    first = hpnorton(*way.split(), path, "--resume", uri=uri)
    again = hpnorton(*way.split(), path, "--resume", uri=uri)
    before, report = report_of(first), report_of(again)
    assert (first.status, before["status"], before["read"]) == (3, "done", 3)
    assert (again.status, report["status"], report["read"]) == (0, "done before", 0)
    assert (report["import_id"], report["started"]) == (before["import_id"], before["started"])
    assert (report["rejects_file"], report["total_records"]) == (before["rejects_file"], 2)
    day, time = before["started"][:10], before["started"][11:16]
    told = f"already imported on {day} {time} UTC, import {before['import_id']}; nothing to do"
    assert told in again.err
    assert "Fix it" in first.err and "Fix it" not in again.err and "no rows below" not in again.err


def test_an_upsert_has_done_what_an_insert_would(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str
) -> None:
    """An insert has not done what an upsert would, as it keeps records that an upsert replaces."""
    path = csv_file("thing.csv", "id,a", "1,x")
    other = csv_file("other.csv", "id,a", "1,y")
    hpnorton("--linear", f"thing={path}", uri=sqlite_uri)
    assert hpnorton("--linear", f"thing={other}", uri=sqlite_uri).status == 3
    upsert = ("--linear", f"thing={other}", "--mode", "upsert", "--resume")
    assert report_of(hpnorton(*upsert, uri=sqlite_uri))["updated"] == 1
    again = hpnorton("--linear", f"thing={other}", "--resume", uri=sqlite_uri)
    assert report_of(again)["status"] == "done before"


def test_a_dropped_collection_is_imported_again(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str
) -> None:
    """The records of the earlier import are gone, so --resume does not skip the file."""
    files = [csv_file("thing.csv", "id", "1"), csv_file("part.csv", "id", "1")]
    hpnorton("--linear", *files, uri=sqlite_uri)
    hpnorton("--drop-collections", "thing", "--yes", uri=sqlite_uri)
    done = hpnorton("--linear", *files, "--resume", uri=sqlite_uri)
    assert [
        (name, report["status"], report["total_records"])
        for entry in done.data
        for name, report in entry.items()
    ] == [("thing", "done", 1), ("part", "done before", 1)]


def test_a_stop_by_max_errors_says_what_to_change(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str
) -> None:
    """The same import of the same file would stop again."""
    path = csv_file("thing.csv", "id,a", "1,x", "bad", "2,y")
    done = hpnorton("--linear", path, "--max-errors", "0", uri=sqlite_uri)
    assert (done.status, report_of(done)["status"]) == (4, "stopped")
    assert "Fix the rows that have reasons above in the file, or allow more" in done.err


def test_conflicts_are_not_faults(hpnorton: CommandLine, csv_file: Write, sqlite_uri: str) -> None:
    """Such a row needs no fix; the message names the flag that decides."""
    hpnorton("--linear", csv_file("thing.csv", "id,a", "1,x"), uri=sqlite_uri)
    path = csv_file("thing.csv", "id,a", "1,y")
    done = hpnorton("--linear", path, "--quiet", uri=sqlite_uri)
    rejects = report_of(done)["rejects_file"]
    assert f"1 row in conflict (see {rejects}): the records that were there are kept" in done.err
    assert "--mode upsert" in done.err and "Fix" not in done.err


def test_rejected_rows_of_an_upsert_are_upserted(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str
) -> None:
    """The file of rejected rows is imported in the same mode."""
    path = csv_file("thing.csv", "id,a", "1,x", "bad")
    done = hpnorton("--linear", path, "--mode", "upsert", "--quiet", uri=sqlite_uri)
    rejects = report_of(done)["rejects_file"]
    assert (
        f"1 row rejected. Fix it in {rejects} and import that file with --mode upsert." in done.err
    )
    assert f"Reasons: {rejects.removesuffix('.csv')}.reasons.jsonl" in done.err


def test_make_run_can_be_repeated(hpnorton: CommandLine, sqlite_uri: str) -> None:
    """It shows the products in stock, also after a rental, a count and an edit at the counter."""

    def make_run() -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            ["make", "--old-file=install", "run"],
            cwd=ROOT,
            env=hpnorton.environment({"HPNORTON_URI": sqlite_uri, "PATH": os.environ["PATH"]}),
            capture_output=True,
            check=False,
        )

    first = make_run()
    assert first.returncode == 0 and b"P000002" in first.stdout
    for command in (
        ("--rent", "C000001", "P000002"),
        ("--adjust-stock", "P000003", "1", "--reason", "found one"),
        ("--edit", "product", "P000004", "description=Another one"),
    ):
        assert hpnorton(*command, uri=sqlite_uri).status == 0, command
    again = make_run()
    assert again.returncode == 0, again.stderr
    assert b"Another one" in again.stdout and b"done before" in again.stdout
