"""--fields and --quality from outside."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pymongo
import pytest

from tests.conftest import Run
from tests.helpers.commandline import CommandLine
from tests.helpers.terminal import on_terminal

Write = Callable[..., Path]
HEADER = "user_id,Name,Last_name,Home_address,Phone_number,Email_address,Status,Credit_limit"


@pytest.fixture(name="filled")
def imported_database(hpnorton: CommandLine, uri: str) -> str:
    """Return the URI of a database with the test dataset."""
    assert hpnorton("--linear", uri=uri).status == 0
    return uri


def test_fields_of_all_collections(hpnorton: CommandLine, filled: str) -> None:
    """JSON has an object for each collection, other formats a line for each field."""
    done = hpnorton("--fields", uri=filled)
    assert done.status == 0, done.err
    assert [each["collection"] for each in done.data] == ["customers", "product", "rental"]
    customers = done.data[0]
    assert (customers["looked_at"], customers["of"], customers["sampled"]) == (10, 10, False)
    credit = next(field for field in customers["fields"] if field["field"] == "Credit_limit")
    assert credit["count"] == credit["documents"] == 10
    assert sum(credit["types"].values()) == 10
    assert "customers: 10 of 10 documents\n" in done.err
    lines = hpnorton("--fields", "customers", "--format", "jsonl", "--quiet", uri=filled)
    first = json.loads(lines.out.splitlines()[0])
    assert (first["collection"], first["looked_at"], first["of"]) == ("customers", 10, 10)
    assert isinstance(first["types"], dict)
    assert lines.err == ""
    sheet = hpnorton("--fields", "customers", "--format", "csv", "--quiet", uri=filled).out
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert [row["field"] for row in rows] == [field["field"] for field in customers["fields"]]


def test_the_counters_notes_are_left_out(hpnorton: CommandLine, filled: str) -> None:
    """Only the own fields of a product are shown, after it was rented, counted and returned."""
    for act in (
        ("--rent", "C000001", "P000002"),
        ("--adjust-stock", "P000002", "1", "--reason", "found"),
        ("--return", "C000001", "P000002"),
    ):
        assert hpnorton(*act, uri=filled).status == 0
    product = {"product_id", "description", "product_type", "quantity_available"}
    for how in ((), ("--sample", "10")):
        done = hpnorton("--fields", *how, uri=filled)
        assert "hpnorton_" not in done.out
        names = {each["collection"]: each["fields"] for each in done.data}
        assert sorted(names) == ["customers", "history", "product", "rental"]
        assert {field["field"] for field in names["product"]} - {"_id"} == product
    (quality,) = hpnorton("--quality", "product", uri=filled).data
    assert {field["field"] for field in quality["fields"]} == product
    assert (quality["records"], quality["score"]) == (10, 100.0)


def test_a_sample_of_fields(hpnorton: CommandLine, filled: str) -> None:
    """The report says that it is a sample, and of how many records."""
    done = hpnorton("--fields", "--sample", "3", "customers", uri=filled)
    assert done.status == 0, done.err
    assert (done.data[0]["looked_at"], done.data[0]["of"], done.data[0]["sampled"]) == (3, 10, True)
    assert "customers: 3 of 10 documents, sampled\n" in done.err


def test_quality_of_the_dataset(hpnorton: CommandLine, filled: str) -> None:
    """Imported records have no invalid values; empty optional cells lower the score a little."""
    done = hpnorton("--quality", "--workers", "2", "--min-score", "90", uri=filled)
    assert done.status == 0, done.err
    assert [each["collection"] for each in done.data] == ["customers", "product", "rental"]
    for each in done.data:
        for field in each["fields"]:
            kinds = ("type_errors", "constraint_errors", "duplicates", "orphans")
            assert [field[kind] for kind in kinds] == [0, 0, 0, 0]
        assert 90 <= each["score"] <= 100
        assert f"{each['collection']}: {each['records']} records, score {each['score']}" in done.err


def test_chunks_as_json_lines(hpnorton: CommandLine, filled: str) -> None:
    """JSON lines have an object for each chunk, and their counts add up to the collection's."""
    way = ("--quality", "customers", "--quiet", "--chunk-rows", "4")
    whole = hpnorton(*way, uri=filled).data[0]
    done = hpnorton(*way, "--format", "jsonl", "--workers", "2", uri=filled)
    parts = [json.loads(line) for line in done.out.splitlines()]
    if filled.startswith("sqlite"):  # a MongoDB server may have no index for ranges
        assert len(parts) == 3
    assert sorted(part["range"]["number"] for part in parts) == list(range(len(parts)))
    assert sum(part["records"] for part in parts) == whole["records"] == 10
    for at, field in enumerate(whole["fields"]):
        assert sum(part["fields"][at]["missing"] for part in parts) == field["missing"]
        assert all(part["fields"][at]["field"] == field["field"] for part in parts)


def test_a_score_below_the_least_is_exit_status_3(
    hpnorton: CommandLine, filled: str, csv_file: Write
) -> None:
    """The result is shown in any case."""
    rows = [f"D{n}, Ann,Lee,,,,Active,5" for n in range(40)]
    assert hpnorton("--linear", csv_file("customers.csv", HEADER, *rows), uri=filled).status == 0
    done = hpnorton("--quality", "customers", "--min-score", "99.5", uri=filled)
    assert done.status == 3
    (customers,) = done.data
    assert customers["score"] < 99.5
    assert hpnorton("--quality", "customers", "--min-score", "50", uri=filled).status == 0
    assert hpnorton("--quality", "product", "--min-score", "99.5", uri=filled).status == 0
    sheet = hpnorton("--quality", "customers", "--format", "csv", "--quiet", uri=filled).out
    by_field = {row["field"]: row for row in csv.DictReader(io.StringIO(sheet))}
    assert by_field["Name"]["untrimmed"] == "40"
    assert by_field["(all)"]["score"] == str(customers["score"])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--fields", "custmers"], 1, "no collection 'custmers'; the database has: customers, "),
        (["--quality", "x"], 1, "no collection 'x'; the database has: customers, product, rental"),
        (["--fields", "--sample", "0"], 2, "'0' is not a whole number from 1"),
        (["--fields", "--min-score", "5"], 2, "--min-score goes with --quality"),
        (["--quality", "--sample", "5"], 2, "--sample goes with --fields"),
        (["--quality", "--min-score", "101"], 2, "'101' is not a score from 0 to 100"),
        (["--quality", "--min-score", "much"], 2, "'much' is not a score from 0 to 100"),
        (["--quality", "--chunk-rows", "0"], 2, "'0' is not a whole number from 1"),
        (
            ["--fields", "--chunk-rows", "5"],
            2,
            "--chunk-rows goes with --linear, --parallel, --compare or",
        ),
        (["--fields", "--resume"], 2, "--resume goes with --linear or --parallel, not with"),
        (["--all-products", "--workers", "2"], 2, "--workers goes with --parallel, --compare, "),
        (["--fields", "--quality"], 2, "--fields and --quality are two actions"),
        (["--fields", "--quiet", "--nonsense"], 2, "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_input_is_told(
    hpnorton: CommandLine, arguments: list[str], status: int, message: str
) -> None:
    """One sentence says what is wrong, with the exit status, and stdout is empty."""
    if status == 1:
        assert hpnorton("--linear").status == 0
    done = hpnorton(*arguments)
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("Error: ") and message in done.err


@pytest.mark.parametrize("flag", ["--fields", "--quality"])
def test_a_database_that_is_not_there_is_told(hpnorton: CommandLine, flag: str) -> None:
    """The message says what to do."""
    done = hpnorton(flag)
    assert done.status == 1
    assert "there is no database" in done.err and "--linear" in done.err


def test_empty_collections_are_told(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """They have no fields in MongoDB, and no score in any database."""
    hpnorton("--linear", csv_file("customers.csv", HEADER), uri=uri)
    done = hpnorton("--quality", "--min-score", "100", uri=uri)
    assert (done.status, done.data[0]["records"], done.data[0]["score"]) == (1, 0, None)
    assert "customers: 0 records, no score" in done.err
    assert "Error: nothing was checked: there are no records" in done.err
    done = hpnorton("--fields", uri=uri)
    assert done.status == 0
    assert "customers: 0 of 0 documents\n" in done.err


def test_a_database_without_collections(hpnorton: CommandLine, mongo_uri: str) -> None:
    """It is an error: there is nothing to read, perhaps because the URI is wrong."""
    for flag in ("--fields", "--quality"):
        done = hpnorton(flag, uri=mongo_uri)
        assert (done.status, done.out) == (1, "")
        assert "Error: the database has no collections" in done.err


def test_a_collection_that_nobody_describes(hpnorton: CommandLine, mongo_uri: str) -> None:
    """Its fields are found; its quality cannot be assessed, which is an error if it is named."""
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        client.get_default_database()["notes"].insert_one({"text": "x"})
        done = hpnorton("--fields", uri=mongo_uri)
        assert [field["field"] for field in done.data[0]["fields"]] == ["_id", "text"]
        done = hpnorton("--quality", "notes", uri=mongo_uri)
        assert done.status == 1
        assert "no datapackage.json describes 'notes'" in done.err
        client.get_default_database().drop_collection("notes")


def test_a_person_sees_progress_and_a_table(hpnorton: CommandLine) -> None:
    """A bar shows documents a second, and then there is a table that fits the screen."""
    assert hpnorton("--linear").status == 0
    for flag in ("--fields", "--quality"):
        shown = on_terminal(hpnorton, flag, "customers", "--disable-log")
        assert "100%" in shown and "10 documents" in shown and "documents/s" in shown
        table = shown[shown.index("\nfield ") + 1 :].splitlines()
        assert all(len(line) <= 80 for line in table)
        assert any("Credit_limit" in line for line in table)


def write_package(folder: Path, **constraints: object) -> None:
    """Write a data package that describes things: a text key and a number."""
    fields = [{"name": "id"}, {"name": "n", "type": "integer", "constraints": constraints}]
    resource = {"name": "thing", "path": "thing.csv", "schema": {"fields": fields}}
    text = json.dumps({"resources": [resource]})
    (folder / "datapackage.json").write_text(text, encoding="utf-8")


def test_quality_finds_the_description_where_the_import_did(
    hpnorton: CommandLine, uri: str, tmp_path: Path
) -> None:
    """It is the one beside the file as it is now, or that in the database if the file is gone."""
    write_package(tmp_path)
    path = tmp_path / "thing.csv"
    path.write_text("id,n\na,1\nb,20\n", encoding="utf-8")
    assert hpnorton("--linear", path, uri=uri).status == 0
    (quality,) = hpnorton("--quality", "--min-score", "100", uri=uri).data
    assert (quality["collection"], quality["score"]) == ("thing", 100.0)
    write_package(tmp_path, maximum=10)
    # A process of its own: descriptions are read once in each.
    below = hpnorton.run(hpnorton.command(["--quality", "--min-score", "100"], uri))
    assert (below.status, below.data[0]["score"]) == (3, 75.0)
    path.unlink()
    (tmp_path / "datapackage.json").unlink()
    noted = hpnorton.run(hpnorton.command(["--quality", "thing", "--min-score", "100"], uri))
    assert (noted.status, noted.data[0]["fields"][1]["type_errors"]) == (0, 0)


def test_a_gate_that_checks_nothing_is_shut(run: Run, uri: str, tmp_path: Path) -> None:
    """What was imported without a description has no score, whatever --min-score is."""
    path = tmp_path / "thing.csv"
    path.write_text("id,n\na,1\n", encoding="utf-8")
    assert run(f"--linear {path} --quiet", uri).status == 0
    done = run("--quality --min-score 99", uri)
    assert (done.status, done.out) == (1, "")
    assert "nothing was checked: no datapackage.json describes thing" in done.err
