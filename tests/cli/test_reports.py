"""The reports of an import on stdout: their fields in JSON, also of streams, dry runs, failures."""

import csv
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Outcome, Run
from tests.helpers.reports import DOCUMENT_KEYS

Write = Callable[..., Path]
WAYS = ("--linear", "--parallel --workers 2", "--stream --every 0 0")


def command(way: str, path: Path) -> str:
    """Return the arguments of an import of one file."""
    flag, *more = way.split()
    return f"{flag} {path} {' '.join(more)} --quiet"


def report_of(done: Outcome) -> dict[str, Any]:
    """Return the report of the only file."""
    (entry,) = done.data
    (report,) = entry.values()
    assert list(report) == DOCUMENT_KEYS
    return dict(report)


@pytest.mark.parametrize("way", WAYS)
def test_the_report_names_the_import(
    run: Run, csv_file: Write, sqlite_uri: str, tmp_path: Path, way: str
) -> None:
    """It has file, import id, start and status; rows that are in the database are a success."""
    path = csv_file("thing.csv", "id,a", "1,x", "2,y", "2,z", "3")
    rejects = f"--rejects {tmp_path}/rejects"
    first = run(f"{command(way, path)} {rejects}", sqlite_uri)
    again = run(f"{command(way, path)} {rejects}", sqlite_uri)
    assert (first.status, again.status) == (3, 3)
    ids = set()
    for done in (first, again):
        report = report_of(done)
        assert (report["read"], report["success"], report["fail"]) == (4, 2, 2)
        assert (report["conflicts"], report["rejected"]) == (1, 1)
        assert (report["file"], report["status"]) == (str(path), "done")
        assert datetime.fromisoformat(report["started"]).utcoffset() is not None
        assert report["import_id"] in report["rejects_file"]
        ids.add(report["import_id"])
    noted = run("--history --format json", sqlite_uri).data
    assert {note["id"] for note in noted} == ids and len(ids) == 2


def test_a_dry_run_has_no_id(run: Run, csv_file: Write, sqlite_uri: str) -> None:
    """The database has no entry of a dry run, so an id would lead nowhere."""
    path = csv_file("thing.csv", "id,a", "1,x")
    report = report_of(run(f"--linear {path} --dry-run --quiet", sqlite_uri))
    assert (report["import_id"], report["status"], report["file"]) == (None, "done", str(path))
    assert report["success"] == report["inserted"] == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_failed_import_has_a_report(run: Run, csv_file: Write, sqlite_uri: str, way: str) -> None:
    """stdout has JSON also for a file that cannot be read to its end."""
    path = csv_file("thing.csv", "id,a", "1,x", "2,y", '3,"' + "x" * 17_000_000)
    done = run(command(way, path), sqlite_uri)
    report = report_of(done)
    assert (done.status, report["status"]) == (1, "failed")
    assert report["read"] == report["success"] == report["total_records"] == 2
    assert "is a closing quote missing?" in done.err


def test_warnings_in_csv(run: Run, csv_file: Write, sqlite_uri: str) -> None:
    """A cell has the sentences one after the other, and not a Python list."""
    path = csv_file("thing.csv", "id,a", "1,x")
    done = run(f"--linear {path} --quiet --format csv", sqlite_uri)
    header, row = csv.reader(done.out.splitlines())
    assert header == ["collection", *DOCUMENT_KEYS]
    assert "all columns are text, the key is id" in dict(zip(header, row))["warnings"]
    lines = run(f"--linear {path} --quiet --format jsonl", sqlite_uri).out.splitlines()
    assert json.loads(lines[0])["warnings"] == []  # now it is known what it is


def test_a_table_tells_files_apart(
    run: Run, csv_file: Write, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table has the names of files if their collections do not tell them apart."""
    monkeypatch.setenv("COLUMNS", "80")
    first = csv_file("a/things.csv", "id", "1")
    second = csv_file("b/things.csv", "id", "2", "3", ",", "4")
    shown = run(f"--linear {first} {second} --format table", sqlite_uri).out.splitlines()
    assert shown[0].split() == "collection file read inserted blank seconds".split()
    assert [line.split()[:4] for line in shown[2:]] == [
        ["things", "a/things.csv", "1", "1"],
        ["things", "b/things.csv", "3", "3"],
    ]
    long = csv_file("a_delivery_with_a_long_name_of_march.csv", "id", "1")
    shown = run(f"--linear things={long} --format table", sqlite_uri).out.splitlines()
    assert "name_of_" not in shown[2] and shown[2].split()[1].endswith("_march.csv")
    shown = run(f"--linear {first} --format table", sqlite_uri).out.splitlines()
    assert "file" not in shown[0] and "blank" not in shown[0] and "conflicts" in shown[0]


def test_a_table_says_what_was_done_before(
    run: Run, csv_file: Write, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table names the status of a file that was imported before."""
    monkeypatch.setenv("COLUMNS", "80")
    path = csv_file("things.csv", "id", "1")
    run(f"--linear {path}", sqlite_uri)
    shown = run(f"--linear {path} --resume --format table", sqlite_uri).out.splitlines()
    assert "status" in shown[0] and "done before" in shown[2]
