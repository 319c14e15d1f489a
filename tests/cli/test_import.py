"""The flags that say how to import, from outside, on every store."""

import gzip
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.commandline import CommandLine, Outcome

Write = Callable[..., Path]
HEADER = "user_id,Name,Last_name,Home_address,Phone_number,Email_address,Status,Credit_limit"
ANN = "C1,Ann,Lee,1 High Street,555-0100,ann@example.com,Active,100"
BEN = "C2,Ben,Roe,2 High Street,555-0101,ben@example.com,Inactive,0"
WAYS = ("--linear", "--parallel", "--parallel --workers 2", "--parallel --workers 0")


def report_of(done: Outcome) -> dict[str, Any]:
    """Return the report of the only file."""
    ((report,),) = (entry.values() for entry in done.data)
    return dict(report)


def rejected(hpnorton: CommandLine, report: dict[str, Any]) -> tuple[bytes, list[dict[str, Any]]]:
    """Return the rejected rows as bytes, and their reasons."""
    path = hpnorton.folder / report["rejects_file"]
    reasons = path.with_suffix(".reasons.jsonl").read_text("utf-8")
    return path.read_bytes(), [json.loads(line) for line in reasons.splitlines()]


def customers(hpnorton: CommandLine, uri: str) -> dict[str, dict[str, Any]]:
    """Return all customers by id."""
    found: dict[str, dict[str, Any]] = hpnorton("--all-customers", uri=uri).data
    return found


@pytest.mark.parametrize("way", WAYS)
def test_rejected_rows_are_kept_as_they_stood(
    hpnorton: CommandLine, csv_file: Write, uri: str, way: str
) -> None:
    """They are kept byte for byte under the file's header; once fixed, they can be imported."""
    bad = [
        b'C3,"Zo\xeb","A ""B"" C",,,zoe@example.com,Active,5',
        b"C4,Dan,Poe,,,dan@example.com,Maybe,-1",
        b"C5,too,short",
        b"C6,,,,,,,",
        b"C1,Ann,Other,1 High Street,555-0100,ann@example.com,Active,100",
    ]
    path = csv_file("customers.csv", HEADER, ANN, bad[0], bad[1], BEN, *bad[2:])
    done = hpnorton(*way.split(), path, "--chunk-rows", "2", "--quiet", uri=uri)
    assert done.status == 3
    report = report_of(done)
    raw, reasons = rejected(hpnorton, report)
    assert raw == b"\n".join([HEADER.encode(), *bad, b""])
    assert [(r["row"], r["line"], r["field"], r["code"]) for r in reasons] == [
        (3, 3, "Name", "encoding-error"),
        (4, 4, "Status", "constraint-error"),
        (4, 4, "Credit_limit", "constraint-error"),
        (6, 6, None, "missing-cell"),
        (7, 7, "Name", "constraint-error"),
        (7, 7, "Last_name", "constraint-error"),
        (7, 7, "Status", "constraint-error"),
        (7, 7, "Credit_limit", "constraint-error"),
        (8, 8, "user_id", "primary-key"),
    ]
    assert reasons[0]["value"] == r"Zo\xeb" and reasons[2]["value"] == "-1"
    assert all(r["file"] == str(path) and r["message"] for r in reasons)
    assert "4 rows rejected. Fix them in" in done.err and "1 row in conflict: " in done.err
    assert f"Fix them in {report['rejects_file']} and import that file." in done.err
    mended = hpnorton.folder / report["rejects_file"]
    mended.write_text(f"{HEADER}\nC3,Zoë,X,,,zoe@example.com,Active,5\n", "utf-8")
    again = hpnorton("--linear", mended, "--quiet", uri=uri)
    assert again.status == 0, again.err
    assert report_of(again)["total_records"] == 3
    assert customers(hpnorton, uri)["C3"]["Name"] == "Zoë"


def test_the_description_of_rejected_rows_is_found_again(
    hpnorton: CommandLine, csv_file: Write, sqlite_uri: str, tmp_path: Path
) -> None:
    """A fixed file is validated as the original was, wherever its data package is."""
    fields = [{"name": "id", "type": "integer"}, {"name": "n", "type": "integer"}]
    schema = {"fields": fields, "primaryKey": "id"}
    resource = {"name": "part", "path": "part.csv", "schema": schema}
    (tmp_path / "datapackage.json").write_text(json.dumps({"resources": [resource]}), "utf-8")
    elsewhere = tmp_path / "home" / "a" / "b"
    done = hpnorton(
        "--linear", csv_file("part.csv", "id,n", "1,x"), "--rejects", elsewhere, uri=sqlite_uri
    )
    path = Path(report_of(done)["rejects_file"])
    path.write_text("id,n\n1,7\n", "utf-8")
    assert hpnorton("--linear", path, uri=sqlite_uri).status == 0
    with closing(sqlite3.connect(sqlite_uri.removeprefix("sqlite:///"))) as database:
        assert database.execute("SELECT * FROM part").fetchall() == [(1, 7)]


def test_rejects_that_cannot_be_written(hpnorton: CommandLine, csv_file: Write) -> None:
    """The message names the flag, and the command that continues can write them elsewhere."""
    path = csv_file("customers.csv", HEADER, ANN, "C9")
    done = hpnorton("--linear", path, "--rejects", "x" * 300, "--quiet")
    assert done.status == 1
    assert "cannot be written to xxx" in done.err and "--rejects" in done.err
    again = hpnorton("--linear", path, "--rejects", "free", "--resume", "--quiet")
    assert again.status == 3
    assert rejected(hpnorton, report_of(again))[0].endswith(b"\nC9\n")


@pytest.mark.parametrize("way", WAYS)
def test_upsert_replaces_what_is_there(
    hpnorton: CommandLine, csv_file: Write, uri: str, way: str
) -> None:
    """The last row of a key wins; unchanged rows are not counted as updated."""
    hpnorton("--linear", csv_file("customers.csv", HEADER, ANN, BEN), uri=uri)
    path = csv_file(
        "customers.csv",
        "user_id,Credit_limit,Name,Last_name,Email_address,Status",
        "C1,100,Ann,Lee,ann@example.com,Active",
        "C2,7,Ben,Roe,ben@example.com,Active",
        "C3,1,Cy,Poe,cy@example.com,Active",
        "C2,8,Ben,Roe,ben@example.com,Active",
    )
    done = hpnorton(*way.split(), path, "--mode", "upsert", "--chunk-rows", "1", "--quiet", uri=uri)
    report = report_of(done)
    assert done.status == 0
    assert (report["inserted"], report["unchanged"], report["total_records"]) == (1, 1, 3)
    assert report["updated"] == 2 and report["success"] == 4
    found = customers(hpnorton, uri)
    assert (found["C2"]["Credit_limit"], found["C2"]["Status"]) == (8, "Active")
    assert found["C2"]["Home_address"] == "2 High Street"
    assert found["C3"]["Home_address"] is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("0", (4, 2, "more than 0 rows were rejected")),
        ("1", (4, 4, "more than 1 row was rejected")),
        ("2", (3, 6, "")),
        ("29%", (3, 6, "")),
        ("28%", (4, 6, "more than 28% of the rows were rejected")),
    ],
)
def test_too_many_rejected_rows_stop_the_import(
    hpnorton: CommandLine,
    csv_file: Write,
    uri: str,
    limit: str,
    expected: tuple[int, int, str],
) -> None:
    """The exit status is 4 if all files together have more faults; what was done before is kept."""
    lines = ["id,a", "1,1", "2", "3,1", "4", "5,1", "6,1"]
    first, second = csv_file("first.csv", *lines), csv_file("second.csv", "id", "1")
    done = hpnorton(
        "--parallel", "--workers", "1", first, second, "--chunk-rows", "2", "--quiet",
        "--max-errors", limit, uri=uri,
    )  # fmt: skip
    status, read, message = expected
    assert done.status == status
    report = done.data[0]["first"]
    assert report["read"] >= read and report["rejected"] == 2
    assert rejected(hpnorton, report)[0] == b"id,a\n2\n4\n"
    assert message in done.err and ("it was stopped" in done.err) == (status == 4)


@pytest.mark.parametrize("way", WAYS)
def test_a_dry_run_tells_and_writes_nothing(
    hpnorton: CommandLine, csv_file: Write, uri: str, way: str
) -> None:
    """References to other files and to the database are checked; nothing is written."""
    files = [
        csv_file("rental.csv", "user_id,product_id", "C1,P1", "C1,P2", "C3,P1", "C2,P9"),
        csv_file("customers.csv", HEADER, ANN.replace("Lee", "Low"), BEN, BEN),
        csv_file(
            "product.csv",
            "product_id,description,product_type,quantity_available",
            "P1,Tent,Camping,1",
        ),
    ]
    before = csv_file("before.csv", HEADER, ANN)
    hpnorton("--linear", f"customers={before}", uri=uri)
    how: tuple[str | Path, ...] = (
        *way.split(),
        *files,
        "--dry-run",
        "--quiet",
        "--chunk-rows",
        "2",
    )
    done = hpnorton(*how, uri=uri)
    assert done.status == 3, done.err
    rental, people, products = (next(iter(entry.values())) for entry in done.data)
    assert (rental["inserted"], rental["rejected"], rental["total_records"]) == (1, 3, 0)
    assert (people["inserted"], people["unchanged"], people["conflicts"]) == (1, 1, 1)
    assert (products["inserted"], products["total_records"]) == (1, 0)
    assert rental["rejects_file"] is None and not (hpnorton.folder / "rejects").exists()
    assert list(customers(hpnorton, uri)) == ["C1"]
    assert hpnorton("--all-rentals", uri=uri).data == []
    real = hpnorton(*(word for word in how if word != "--dry-run"), uri=uri)
    for mine, theirs in zip(done.data, real.data, strict=True):
        for name, report in mine.items():
            for count in ("read", "inserted", "unchanged", "conflicts", "rejected"):
                assert report[count] == theirs[name][count]


def test_a_dry_run_makes_no_database(hpnorton: CommandLine, csv_file: Write) -> None:
    """Not even an empty one is made; rejects are written if --rejects is given."""
    path = csv_file("customers.csv", HEADER, ANN, "C9")
    done = hpnorton("--linear", path, "--dry-run", "--rejects", "here")
    assert done.status == 3
    assert rejected(hpnorton, report_of(done))[0].endswith(b"\nC9\n")
    assert sorted(each.name for each in hpnorton.folder.iterdir()) == ["here", "settings.ini"]


@pytest.mark.parametrize("way", ["--linear", "--parallel --workers 2"])
def test_a_finished_import_is_not_done_again(
    hpnorton: CommandLine, csv_file: Write, uri: str, way: str
) -> None:
    """--resume reports it as done and counts nothing; a changed file is a new import."""
    path = csv_file("customers.csv", HEADER, ANN, "C9")
    first = report_of(hpnorton(*way.split(), path, "--quiet", uri=uri))
    again = hpnorton(*way.split(), path, "--quiet", "--resume", uri=uri)
    assert again.status == 0
    second = report_of(again)
    assert (second["status"], second["read"]) == ("done before", 0)
    assert second["rejects_file"] == first["rejects_file"]
    csv_file("customers.csv", HEADER, ANN, BEN)
    third = report_of(hpnorton(*way.split(), path, "--quiet", "--resume", uri=uri))
    assert (third["inserted"], third["unchanged"]) == (1, 1)


def test_stdin_and_gzip_are_read_once_for_all_workers(
    hpnorton: CommandLine, tmp_path: Path, uri: str
) -> None:
    """One reader feeds the workers; the first row of a key wins there as well."""
    rows = [f"k{n},{n}" for n in range(200)] + ["k0,other", "k199,199"]
    text = "\n".join(["id,a", *rows]).encode()
    (tmp_path / "zipped.csv.gz").write_bytes(gzip.compress(text))
    done = hpnorton(
        "--parallel", "piped=-", tmp_path / "zipped.csv.gz", "--workers", "3", "--quiet",
        "--chunk-rows", "7", uri=uri, stdin=text,
    )  # fmt: skip
    assert done.status == 3, done.err
    for entry in done.data:
        ((name, report),) = entry.items()
        assert (report["inserted"], report["unchanged"], report["conflicts"]) == (200, 1, 1), name
        assert rejected(hpnorton, report)[0] == b"id,a\nk0,other\n"


def test_stdin_cannot_be_resumed(hpnorton: CommandLine) -> None:
    """stdin cannot be read again; the message says what to do instead."""
    done = hpnorton("--linear", "thing=-", "--resume", stdin=b"id\n1\n")
    assert done.status == 1
    assert "stdin cannot be resumed" in done.err and "without --resume" in done.err


def test_imports_are_listed(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """--history lists the oldest first, with the results of the rows."""
    path = csv_file("customers.csv", HEADER, ANN, "C9")
    for mode in ("insert", "upsert"):
        hpnorton("--linear", path, "--mode", mode, uri=uri)
    mine = [note for note in hpnorton("--history", uri=uri).data if note["file"] == str(path)]
    assert [(n["mode"], n["status"], n["read"], n["rejected"]) for n in mine] == [
        ("insert", "done", 2, 1),
        ("upsert", "done", 2, 1),
    ]
    assert mine[0]["checksum"].startswith("crc32:") and mine[0]["size"] == path.stat().st_size
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{21}", mine[0]["id"])
    if uri.startswith("sqlite"):  # all databases of nx-27017 share one list
        table = hpnorton("--history", "--format", "table", uri=uri).out
        assert str(path) in table and "unchanged" in table.splitlines()[0]


def test_notes_are_no_collections(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """HPNorton's own collections are dropped with the rest: no import is resumed wrongly."""
    path = csv_file("thing.csv", "id", "1")
    hpnorton("--linear", path, uri=uri)
    dropped = hpnorton("--drop-collections", "--yes", uri=uri).data
    assert [entry["collection"] for entry in dropped] == ["thing"]
    again = report_of(hpnorton("--linear", path, "--resume", uri=uri))
    assert (again["inserted"], again["total_records"]) == (1, 1)


def test_two_files_of_one_collection(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """The file that is named first wins, in parallel too."""
    one = csv_file("one.csv", "id,a", *[f"{n},one" for n in range(50)])
    two = csv_file("two.csv", "id,a", *[f"{n},two" for n in range(60)])
    for way in WAYS[1:3]:
        hpnorton("--drop-collections", "--yes", uri=uri)
        done = hpnorton(
            *way.split(), f"t={one}", f"t={two}", "--chunk-rows", "10", "--quiet", uri=uri
        )
        assert [entry["t"]["inserted"] for entry in done.data] == [50, 10]
        assert done.data[1]["t"]["conflicts"] == 50


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--linear", "--workers", "2"],
            "--workers goes with --parallel, --compare, --analyze, ",
        ),
        (["--linear", "--scheduler", "x"], "--scheduler goes with --parallel"),
        (["--parallel", "--workers", "-1"], "'-1'"),
        (["--parallel", "--workers", "two"], "'two' is not a whole number from 0 to 9999999"),
        (["--linear", "--chunk-rows", "0"], "'0' is not a whole number from 1 to 9999999"),
        (["--linear", "--max-errors", "x%"], "'x%' is neither a number of rows nor one with %"),
        (["--linear", "--mode", "replace"], "invalid choice: 'replace'"),
        (["--linear", "--retry-timeout", "soon"], "'soon' is not a number of seconds"),
        (["--linear", "--dry-run", "--resume"], "--dry-run and --resume do not go together"),
        (["--all-products", "--resume"], "--resume goes with --linear or --parallel, not with"),
        (["--parallel", "--workers", "2", "--scheduler", "x"], "do not go together; leave one out"),
    ],
)
def test_wrong_usage(hpnorton: CommandLine, arguments: list[str], message: str) -> None:
    """The exit status is 2, and the message names the flag."""
    done = hpnorton(*arguments)
    assert done.status == 2
    assert message in done.err and done.out == ""


def test_own_names_are_refused(hpnorton: CommandLine, csv_file: Write) -> None:
    """A file cannot be imported into one of HPNorton's own collections."""
    done = hpnorton("--linear", csv_file("hpnorton_chunks.csv", "id", "1"))
    assert done.status == 1 and "reserved for HPNorton's own collections" in done.err


def test_a_password_is_not_part_of_the_resume_command(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path
) -> None:
    """The command then takes the URI from the environment, where the user has to put it."""
    path = csv_file("thing.csv", "id", '"' + "x" * 17_000_000)
    secret = f"sqlite:///{tmp_path}/a.db?password=hunter2"
    done = hpnorton("--linear", path, "--rejects", tmp_path / "thing.csv", uri=secret)
    assert done.status == 1
    assert "hunter2" not in done.err + done.out
