"""The command line from outside: imports, questions, formats, settings."""

import csv
import gzip
import io
import json
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton import __version__, cli
from tests.helpers.commandline import ROOT, CommandLine
from tests.helpers.reports import DOCUMENT_KEYS

Write = Callable[..., Path]
QUESTIONS = ["--all-products", "--all-customers", "--all-rentals", "--available-products"]


@pytest.fixture(name="shop")
def import_the_test_dataset(hpnorton: CommandLine) -> CommandLine:
    """Return the command line with the test dataset imported."""
    assert hpnorton("--linear").status == 0
    return hpnorton


@pytest.fixture(name="files", params=["test", "made", pytest.param("big", marks=pytest.mark.long)])
def name_the_files(request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
    """Return the files of a dataset: the test one, 300 rows of the production one, or all of it."""
    if request.param == "made":
        script = [sys.executable, str(ROOT / "scripts" / "generate.py")]
        subprocess.run([*script, "--rows", "300", "--out", str(tmp_path)], check=True)
        folder = tmp_path
    else:
        folder = ROOT / "data" / {"big": "production"}.get(request.param, "test")
    return sorted(folder.glob("*.csv"))


def test_linear_and_parallel_give_the_same_on_every_store(
    hpnorton: CommandLine, uri: str, tmp_path: Path, files: list[Path]
) -> None:
    """The same files give the same answers, byte for byte, whatever the way and the database."""
    linear = hpnorton("--linear", *files, uri=f"sqlite:///{tmp_path}/linear.db")
    parallel = hpnorton("--parallel", *files, uri=uri)
    assert (linear.status, parallel.status) == (0, 0), parallel.err
    for question in QUESTIONS:
        first = hpnorton(question, uri=f"sqlite:///{tmp_path}/linear.db")
        second = hpnorton(question, uri=uri)
        assert first.out == second.out
        assert len(first.data) >= 9


@pytest.mark.parametrize("way", ["--linear", "--parallel"])
def test_importing_twice_changes_nothing(hpnorton: CommandLine, uri: str, way: str) -> None:
    """The second import reports every row unchanged, exits 0 and leaves all answers the same."""
    first = hpnorton(way, uri=uri)
    before = [hpnorton(question, uri=uri).out for question in QUESTIONS]
    second = hpnorton(way, uri=uri)
    assert (first.status, second.status) == (0, 0)
    for report in second.data:
        ((_, counts),) = report.items()
        assert counts["unchanged"] == counts["read"] == counts["total_records"] > 0
        assert counts["success"] == counts["read"] and counts["fail"] == 0
    assert [hpnorton(question, uri=uri).out for question in QUESTIONS] == before


def test_the_report_has_the_shape_of_the_contract(hpnorton: CommandLine) -> None:
    """A list, one object a file in the order given, whose counts add up."""
    files = [ROOT / "data" / "test" / name for name in ("rental.csv", "product.csv")]
    done = hpnorton("--linear", *files, ROOT / "data/test/customers.csv")
    assert [list(report) for report in done.data] == [["rental"], ["product"], ["customers"]]
    for report in done.data:
        ((_, counts),) = report.items()
        assert list(counts) == DOCUMENT_KEYS
        assert counts["read"] == counts["inserted"] == counts["success"]
        assert counts["elapsed"] > 0 and counts["rows_per_second"] > 0


def test_questions_have_the_shape_of_the_contract(shop: CommandLine) -> None:
    """Products and customers by id, rentals as a list, joins as sorted lists."""
    products = shop("--all-products").data
    assert products["P000001"] == {
        "description": 'Screen 5" stand',
        "product_type": "Electronics",
        "quantity_available": 4,
    }
    available = shop("--available-products").data
    assert {i for i, p in products.items() if p["quantity_available"] > 0} == set(available)
    assert "user_id" not in shop("--all-customers").data["C000001"]
    rentals = shop("--all-rentals").data
    assert {rental["user_id"] for rental in rentals} <= set(shop("--all-customers").data)
    for rental in rentals:
        rented = shop("--rentals-for-customer", rental["user_id"]).data
        expected = [r["product_id"] for r in rentals if r["user_id"] == rental["user_id"]]
        assert [product["product_id"] for product in rented] == sorted(expected)
        assert rented[0]["description"] == products[rented[0]["product_id"]]["description"]


def test_who_rents_a_product(shop: CommandLine, uri: str) -> None:
    """The customers, sorted by id, with their fields; an empty list if nobody does."""
    assert shop("--parallel", uri=uri).status == 0
    rentals = shop("--all-rentals", uri=uri).data
    products = shop("--all-products", uri=uri).data
    for product in products:
        customers = shop("--customers-renting-product", product, uri=uri).data
        expected = sorted(r["user_id"] for r in rentals if r["product_id"] == product)
        assert [customer["user_id"] for customer in customers] == expected
        assert all("Last_name" in customer for customer in customers)


@pytest.mark.parametrize("flag", ["--rentals-for-customer", "--customers-renting-product"])
def test_an_unknown_id_is_an_error(shop: CommandLine, uri: str, flag: str) -> None:
    """Exit 1, and the message names the id and the flag that lists the known ones."""
    assert shop("--linear", uri=uri).status == 0
    done = shop(flag, "X999", uri=uri)
    assert (done.status, done.out) == (1, "")
    assert "'X999'; --all-" in done.err


def test_a_question_before_any_import_says_what_to_do(hpnorton: CommandLine) -> None:
    """Exit 1, and no database file is made by asking."""
    done = hpnorton("--all-products")
    assert done.status == 1
    assert "import the CSV files first, with --linear" in done.err
    assert not (hpnorton.folder / "var").exists()


def test_an_empty_answer_is_an_answer(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """Exit 0 with empty JSON, and a note on stderr."""
    path = csv_file("product.csv", "product_id,description,product_type,quantity_available")
    assert hpnorton("--linear", path, uri=uri).status == 0
    for question in QUESTIONS:
        done = hpnorton(question, uri=uri)
        assert (done.status, done.data) == (0, [] if question == "--all-rentals" else {})
        assert "There are none" in done.err
        assert hpnorton(question, "--quiet", uri=uri).err == ""


def test_all_formats_tell_the_same(shop: CommandLine) -> None:
    """Table, JSON, JSON lines and CSV hold the same records; JSON is the default in a pipe."""
    as_json = shop("--all-customers").data
    lines = shop("--all-customers", "--format", "jsonl").out.splitlines()
    rows = list(csv.DictReader(io.StringIO(shop("--all-customers", "--format", "csv").out)))
    table = shop("--all-customers", "--format", "table").out
    assert shop("--all-customers", "--format", "json").data == as_json
    records = [{"user_id": key, **fields} for key, fields in as_json.items()]
    assert [json.loads(line) for line in lines] == records
    assert [row["Home_address"] for row in rows] == [r["Home_address"] or "" for r in records]
    assert all(record["Last_name"] in table for record in records)
    assert len(table.splitlines()) == len(records) + 2


def test_sources_of_all_kinds(hpnorton: CommandLine, csv_file: Write, tmp_path: Path) -> None:
    """COLLECTION=path, stdin and .csv.gz; a stem names the collection, a twin is unchanged."""
    path = csv_file("thing.csv", "id,a", "1,x", "2,y")
    (tmp_path / "other.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    named = hpnorton("--linear", f"thing={path}", f"fourth={path}", tmp_path / "other.csv.gz")
    piped = hpnorton("--parallel", "thing=-", stdin=path.read_bytes() + b"3,z\n")
    assert [list(report) for report in named.data] == [["thing"], ["fourth"], ["other"]]
    assert [report[name]["inserted"] for report in named.data for name in report] == [2, 2, 2]
    assert piped.data[0]["thing"]["unchanged"] == 2
    assert piped.data[0]["thing"]["inserted"] == 1


def test_files_may_stand_behind_other_flags(hpnorton: CommandLine, csv_file: Write) -> None:
    """`--linear --quiet FILE` imports FILE; after an action that takes none, it is wrong usage."""
    path = csv_file("thing.csv", "id,a", "1,x")
    done = hpnorton("--linear", "--quiet", path, "--format", "json", f"other={path}")
    assert [list(report) for report in done.data] == [["thing"], ["other"]]
    refused = hpnorton("--all-products", path)
    assert refused.status == 2 and f"unrecognized arguments: {path}" in refused.err


def test_a_file_that_nothing_describes_is_text(hpnorton: CommandLine, csv_file: Write) -> None:
    """Imported under its own name, as text, keyed by its first column; an empty cell is null."""
    path = csv_file("Kunden März-1.csv", "Nr,Größe", "01,5", "02,")
    assert hpnorton("--linear", path).status == 0
    with closing(sqlite3.connect(hpnorton.folder / "var" / "hpnorton-test.db")) as database:
        assert database.execute('SELECT * FROM "Kunden März-1"').fetchall() == [
            ("01", "5"),
            ("02", None),
        ]


def test_a_data_package_beside_or_above_describes_a_file(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path
) -> None:
    """The one beside the file counts before the one above, and either before the dataset's."""
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "a"}], "primaryKey": "id"}
    resource = {"name": "thing", "path": "thing.csv", "schema": schema}
    package = json.dumps({"resources": [resource]})
    (tmp_path / "below").mkdir()
    above = csv_file("below/thing.csv", "id,a", "x,1")
    (tmp_path / "datapackage.json").write_text(package, encoding="utf-8")
    assert '"x" is not a whole number' in hpnorton("--linear", above).err
    beside = package.replace('"integer"', '"string"')
    (tmp_path / "below" / "datapackage.json").write_text(beside, encoding="utf-8")
    assert hpnorton("--linear", above, uri=f"sqlite:///{tmp_path}/other.db").status == 0


def test_dropping_collections_and_the_database(shop: CommandLine) -> None:
    """The result names what is dropped; afterwards queries find nothing, and the file is gone."""
    dropped = shop("--drop-collections").data
    assert [collection["collection"] for collection in dropped] == [
        "customers",
        "product",
        "rental",
    ]
    assert dropped[1]["records"] == 10
    assert shop("--all-products").data == {}
    assert shop("--drop-database").status == 0
    assert not list((shop.folder / "var").iterdir())


@pytest.mark.parametrize("way", ["--linear", "--parallel"])
def test_the_log_goes_to_stderr_unless_disabled(hpnorton: CommandLine, way: str) -> None:
    """At INFO each file is logged, with date and time; --disable-log and --quiet log nothing."""
    logged = hpnorton(way).err
    assert re.search(r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d INFO .*rental.csv: 11 rows$", logged)
    assert hpnorton(way, "--disable-log").err == ""
    assert hpnorton(way, "--quiet").err == ""
    assert hpnorton(way, "--log-level", "ERROR").err == ""


def test_debug_shows_where_an_error_comes_from(hpnorton: CommandLine) -> None:
    """A traceback appears only when it is asked for."""
    quiet = hpnorton("--all-products")
    loud = hpnorton("--all-products", "--log-level", "DEBUG")
    assert "Traceback" not in quiet.err and "Traceback" in loud.err
    assert quiet.status == loud.status == 1


def test_environment_variables_choose_dataset_and_database(
    hpnorton: CommandLine, tmp_path: Path
) -> None:
    """HPNORTON_DATASET and HPNORTON_URI work as the flags do."""
    environment = {"HPNORTON_URI": f"sqlite:///{tmp_path}/own.db"}
    assert hpnorton("--linear", environment=environment).status == 0
    assert (tmp_path / "own.db").exists()
    other = hpnorton("--available-products", environment={"HPNORTON_DATASET": "production"})
    assert "hpnorton-production.db" in other.err


def test_what_nobody_foresaw_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug ends with exit 1 and one line that asks to report it; Ctrl+C at any moment with 130."""

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(cli, "program", fail)
    failure: BaseException = ZeroDivisionError("by zero")
    assert cli.main([]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: unexpected ZeroDivisionError: by zero; please report it")
    failure = KeyboardInterrupt()
    assert cli.main([]) == 130
    assert capsys.readouterr().err == "Error: interrupted\n"


def test_help_and_version(hpnorton: CommandLine) -> None:
    """--help lists every flag and the exit statuses; --version names the version."""
    text = hpnorton("--help").out
    for flag in (*QUESTIONS, "--linear", "--parallel", "--drop-database", "--uri", "--yes"):
        assert flag in text
    assert "Exit status: 0 done; 1 failed; 2 wrong usage; 3 done, but rows" in text
    assert hpnorton("--version").out == f"HPNorton {__version__}\n"


def test_every_flag_is_described() -> None:
    """Each flag has a help text, and a command takes only flags that exist."""
    parser = cli.parser()
    assert [flag for flag, action in parser.flags.items() if not action.help] == []
    for command in parser.commands:
        assert set(command.takes) <= set(parser.flags), command.option_strings


def test_the_package_can_be_run(hpnorton: CommandLine) -> None:
    """`python -m hpnorton` is the same program, and names itself so in its messages."""
    module = f"{shlex.quote(sys.executable)} -m hpnorton"
    assert hpnorton.run(f"{module} --version").out == f"HPNorton {__version__}\n"
    assert hpnorton.run(f"{module} --help").out.startswith("usage: python -m hpnorton ACTION")
    stopped = hpnorton.run(f"{module} --linear {ROOT}/data/test/nothing.csv")
    assert (stopped.status, stopped.out) == (1, "")
    assert "'python -m hpnorton --help'" in hpnorton.run(f"{module} --no-such-flag").err


def test_a_reader_that_goes_away_is_no_error_message(hpnorton: CommandLine) -> None:
    """A pipe that is closed, as by `| head -1`, causes no traceback and no message."""
    assert hpnorton("--linear", "--dataset", "production").status == 0
    process = hpnorton.start("--all-customers", "--dataset", "production", "--format", "jsonl")
    assert process.stdout is not None and process.stderr is not None
    assert b"C000001" in process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


def test_csv_without_records_has_its_header(hpnorton: CommandLine) -> None:
    """A question without an answer has the columns that its records would have."""
    assert hpnorton("--linear").status == 0
    fields = ["Name=A", "Last_name=B", "Status=Active", "Credit_limit=1"]
    assert hpnorton("--add", "customers", "user_id=C9", *fields).status == 0
    fields = ["description=A", "product_type=B", "quantity_available=1"]
    assert hpnorton("--add", "product", "product_id=P9", *fields).status == 0
    customers = hpnorton("--all-customers", "--format", "csv").out.splitlines()[0]
    product = hpnorton("--all-products", "--format", "csv").out.splitlines()[0]
    rental = hpnorton("--all-rentals", "--format", "csv").out.splitlines()[0]
    for arguments, header in (
        (["--rentals-for-customer", "C9"], product),
        (["--customers-renting-product", "P9"], customers),
        (["--overdue"], f"{rental},days_overdue"),
        (["--find", "nothing like that"], f"collection,{product},{customers}"),
        (["--check"], "fault,product_id,user_id,message"),
    ):
        done = hpnorton(*arguments, "--format", "csv")
        assert (done.status, done.out) == (0, header + "\n")
