"""Bad input through the command line: the exit status, and a message a clerk understands."""

import gzip
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.helpers.commandline import CommandLine

HEADER = "user_id,Name,Last_name,Home_address,Phone_number,Email_address,Status,Credit_limit"
ANN = "C1,Ann,Lee,1 Road,555-0100,ann@example.org,Active,100"
BEN = "C2,Ben,Ray,2 Road,555-0101,ben@example.org,Inactive,0"
Write = Callable[..., Path]

# Lines below the header between two good rows, and what has to be said about them.
BAD_ROWS = {
    "too short": ("C3,Cleo", "row 3: the row has 2 cells, the header 8 [missing-cell]"),
    "too long": (f"{ANN},x", "row 3: the row has 9 cells, the header 8"),
    "not UTF-8": (
        b"C3,Zo\xeb,Lee,,,,Active,1",
        r'row 3, Name: "Zo\xeb" holds bytes that are not UTF-8',
    ),
    "NUL": (b"C3,Cl\0eo,Lee,,,,Active,1", 'Name: "Cl\\x00eo" holds a NUL character'),
    "no integer": (
        "C3,Cleo,Lee,,,,Active,lots",
        'row 3, Credit_limit: "lots" is not a whole number [type-error]',
    ),
    "too large an integer": (
        "C3,Cleo,Lee,,,,Active,9223372036854775808",
        'row 3, Credit_limit: "9223372036854775808" is not a whole number of at most 64 bits, '
        "which databases hold; describe the field as a string [type-error]",
    ),
    "below the minimum": (
        "C3,Cleo,Lee,,,,Active,-1",
        'row 3, Credit_limit: "-1" is below the minimum 0 [constraint-error]',
    ),
    "not in the list": (
        "C3,Cleo,Lee,,,,Asleep,1",
        'row 3, Status: "Asleep" is not one of Active, Inactive [constraint-error]',
    ),
    "required cell missing": (
        "C3,,Lee,,,,Active,1",
        "row 3, Name: is empty, but has to be filled in [constraint-error]",
    ),
    "key missing": (
        ",Cleo,Lee,,,,Active,1",
        "row 3, user_id: is empty, but has to be filled in [constraint-error]",
    ),
    "same key, other values": (
        ANN.replace("100", "7"),
        'row 3, user_id: "C1" is there already, with another Phone_number',
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_told_and_the_good_rows_are_in(
    hpnorton: CommandLine, csv_file: Write, uri: str, case: str
) -> None:
    """The exit status is 3, a message names file, row and field; all other rows are imported."""
    line, message = BAD_ROWS[case]
    path = csv_file("customers.csv", HEADER, ANN, line, BEN)
    done = hpnorton("--linear", path, "--quiet", uri=uri)
    (report,) = done.data
    assert done.status == 3
    assert f"{path}, row 3" in done.err and message in done.err
    assert report["customers"]["read"] == 3
    assert report["customers"]["inserted"] == report["customers"]["total_records"] == 2
    assert report["customers"]["rejected"] + report["customers"]["conflicts"] == 1
    assert list(hpnorton("--all-customers", uri=uri).data) == ["C1", "C2"]


GOOD_FILES = {
    "a UTF-8 BOM": (b"\xef\xbb\xbf" + HEADER.encode(), ANN.encode(), BEN.encode()),
    "CRLF": (HEADER.encode() + b"\r", ANN.encode() + b"\r", BEN.encode() + b"\r"),
    "the same row twice": (HEADER.encode(), ANN.encode(), ANN.encode(), BEN.encode()),
    "columns in another order": (
        b"Credit_limit,Status,Last_name,Name,user_id",
        b"100,Active,Lee,Ann,C1",
        b"0,Inactive,Ray,Ben,C2",
    ),
}


@pytest.mark.parametrize("case", GOOD_FILES)
def test_odd_but_good_files_are_imported_whole(
    hpnorton: CommandLine, csv_file: Write, uri: str, case: str
) -> None:
    """The exit status is 0, every record is imported, and there is no message."""
    path = csv_file("customers.csv", *GOOD_FILES[case])
    done = hpnorton("--linear", path, "--quiet", uri=uri)
    assert (done.status, done.err) == (0, "")
    assert done.data[0]["customers"]["total_records"] == 2
    people = hpnorton("--all-customers", uri=uri).data
    assert people["C1"]["Name"] == "Ann" and people["C2"]["Credit_limit"] == 0


BAD_FILES = {
    "no such file": (None, "there is no file"),
    "empty": ([], "is empty; its first line has to name the columns"),
    "blank first line": (["", ANN], "the first line is blank"),
    "no key column": (
        ["Name,Last_name,Status,Credit_limit", "A,B,Active,1"],
        "lacks column 'user_id'",
    ),
    "no required column": (["user_id,Name", "C1,Ann"], "lacks columns 'Last_name', 'Status'"),
    "doubled column": ([f"{HEADER},Name", f"{ANN},x"], "has column 'Name' twice"),
    "unknown column": ([f"{HEADER},Shoe_size", f"{ANN},42"], "'Shoe_size', which customers does"),
    "misspelt column": ([HEADER.replace("Status", "status"), ANN], "did you mean column 'Status'?"),
    "semicolons": ([HEADER.replace(",", ";")], "separated by ';'; save it with commas"),
    "header not UTF-8": ([b"user_id,N\xe4me", ANN], "save the file as CSV UTF-8"),
    "UTF-16": ([HEADER.encode("utf-16"), ANN], "is UTF-16 text"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_imported_is_refused_before_anything_is_written(
    hpnorton: CommandLine, csv_file: Write, uri: str, case: str
) -> None:
    """The exit status is 1, one line names the file, and a good file beside it is not imported."""
    lines, message = BAD_FILES[case]
    good = csv_file("product.csv", "product_id,description,product_type,quantity_available")
    path = good.parent / "customers.csv" if lines is None else csv_file("customers.csv", *lines)
    done = hpnorton("--parallel", good, path, "--quiet", uri=uri)
    assert (done.status, done.out) == (1, "")
    (told,) = done.err.splitlines()
    assert told.startswith("Error: ") and str(path) in told and message in told
    assert hpnorton("--drop-collections", "--yes", uri=uri).status in (0, 1)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("$x", "starts with $"),
        ("a.b", "has a dot"),
        ("", "column 2 has no name"),
        ("_id", "is reserved by MongoDB"),
        ("ID", "have the same name for a database"),
    ],
)
def test_names_that_one_database_cannot_hold_are_refused_on_both(
    hpnorton: CommandLine, csv_file: Write, uri: str, column: str, reason: str
) -> None:
    """The exit status is 1 on SQLite and on MongoDB, so that data can move between them."""
    path = csv_file("thing.csv", f"id,{column}", "1,2")
    done = hpnorton("--linear", path, uri=uri)
    assert done.status == 1
    assert reason in done.err and str(path) in done.err


@pytest.mark.parametrize("name", ["system.users", "sqlite_master", "../up", "a/b", "a$b", ""])
def test_names_that_no_collection_can_have_are_refused(
    hpnorton: CommandLine, csv_file: Write, uri: str, name: str
) -> None:
    """The exit status is 1, and the message says how to name the collection."""
    done = hpnorton("--linear", f"{name}={csv_file('x.csv', 'id', '1')}", uri=uri)
    if name:
        assert done.status == 1 and "COLLECTION=FILE" in done.err
    else:
        assert done.status == 0 and list(done.data[0]) == ["x"]


def test_a_name_in_other_capitals_is_asked_about(
    hpnorton: CommandLine, csv_file: Write, uri: str
) -> None:
    """SQLite cannot tell Customers from customers, but MongoDB can: it is an error on both."""
    described = hpnorton("--linear", csv_file("Customers.csv", HEADER, ANN), uri=uri)
    assert described.status == 1 and "Customers.csv: the collection is called" in described.err
    assert "say customers=" in described.err
    things = csv_file("thing.csv", "id", "1"), csv_file("THING.csv", "id", "2")
    together = hpnorton("--parallel", *things, uri=uri)
    assert together.status == 1 and "differs from 'thing' only in capitals" in together.err
    assert hpnorton("--linear", things[0], uri=uri).status == 0
    later = hpnorton("--linear", things[1], uri=uri)
    assert later.status == 1 and f"say thing={things[1]}" in later.err


def test_a_rule_of_another_tools_table_is_told(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path
) -> None:
    """A row that another program's table rejects is neither lost nor counted as stored."""
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as database:
        database.executescript(
            "CREATE TABLE one (k TEXT PRIMARY KEY, v TEXT UNIQUE);"
            "INSERT INTO one VALUES ('9', '2');"
            "CREATE TABLE two (k TEXT PRIMARY KEY COLLATE NOCASE, v TEXT);"
            "INSERT INTO two VALUES ('a', '1')"
        )
    for name, row in (("one", "1,2"), ("two", "A,1")):
        path = csv_file(f"{name}.csv", "k,v", row)
        done = hpnorton("--linear", path, uri=f"sqlite:///{tmp_path}/theirs.db")
        assert done.status == 1
        assert f"rule of its own that keeps out the record {row[0]};" in done.err
        assert "KeyError" not in done.err


def test_more_columns_than_a_table_can_have(
    hpnorton: CommandLine, csv_file: Write, uri: str
) -> None:
    """2,000 columns are SQLite's limit, so they are the limit of both."""
    wide = csv_file("wide.csv", ",".join(f"c{n}" for n in range(2001)))
    done = hpnorton("--linear", wide, uri=uri)
    assert done.status == 1 and "has 2,001 columns" in done.err


def test_the_line_that_excel_adds_is_told(hpnorton: CommandLine, csv_file: Write) -> None:
    """A first line `sep=,` is not a header."""
    done = hpnorton("--linear", csv_file("thing.csv", "sep=,", "id,a", "1,2"))
    assert done.status == 1 and "delete that line" in done.err


def test_odd_places_are_told_plainly(hpnorton: CommandLine, tmp_path: Path) -> None:
    """An impossible file name, a closed stdin and a full disk are reported as such."""
    assert hpnorton("--linear").status == 0
    long_name = hpnorton("--linear", "thing=" + "x" * 300 + ".csv")
    assert long_name.status == 1 and "cannot be opened" in long_name.err
    python, script, *rest = hpnorton.command(["--linear", "thing=-"])
    shell = f"exec {python} {script} {' '.join(rest)} <&-"
    closed = subprocess.run(
        ["sh", "-c", shell],
        capture_output=True,
        env=hpnorton.environment(),
        cwd=tmp_path,
        check=False,
    )
    assert closed.returncode == 1 and b"stdin is closed" in closed.stderr
    if Path("/dev/full").exists():
        with open("/dev/full", "wb") as full:
            process = subprocess.run(
                hpnorton.command(["--all-rentals"]),
                stdout=full,
                stderr=subprocess.PIPE,
                env=hpnorton.environment(),
                check=False,
            )
        assert process.returncode == 1
        assert process.stderr.startswith(b"Error: the result cannot be written")


def test_a_folder_is_no_file(hpnorton: CommandLine, tmp_path: Path) -> None:
    """The exit status is 1, and the message says what to name instead."""
    done = hpnorton("--linear", tmp_path)
    assert done.status == 1
    assert "is a folder; name the CSV files in it" in done.err


def test_a_header_alone_is_no_error(hpnorton: CommandLine, csv_file: Write, uri: str) -> None:
    """The exit status is 0, no rows are read, and a message says so."""
    done = hpnorton("--linear", csv_file("customers.csv", HEADER), uri=uri)
    assert done.status == 0
    assert done.data[0]["customers"]["read"] == 0
    assert done.err.count("no rows below the header") == 1
    assert done.data[0]["customers"]["warnings"] == ["there are no rows below the header"]


def test_everything_wrong_is_told_at_once(hpnorton: CommandLine, csv_file: Write) -> None:
    """Two bad files are reported in two lines."""
    empty = csv_file("empty.csv")
    done = hpnorton("--linear", empty, "nowhere.csv")
    assert done.status == 1
    assert [line.startswith("Error: ") for line in done.err.splitlines()] == [True, True]


def test_rentals_need_their_customer_and_their_product(
    hpnorton: CommandLine, csv_file: Write, uri: str
) -> None:
    """Rows whose parents are missing are rejected, with a fault each; good rows are imported."""
    files = [
        csv_file("rental.csv", "user_id,product_id", "C1,P1", "C9,P1", "C9,P9", "C1,P9"),
        csv_file("customers.csv", HEADER, ANN),
        csv_file(
            "product.csv", "product_id,description,product_type,quantity_available", "P1,Tent,X,1"
        ),
    ]
    done = hpnorton("--parallel", *files, "--quiet", uri=uri)
    assert done.status == 3
    assert done.data[0]["rental"]["inserted"] == 1
    assert done.data[0]["rental"]["rejected"] == 3
    assert done.err.count("[foreign-key]") == 4
    assert 'row 3, user_id: "C9" is not in customers; import it there first' in done.err
    assert len(hpnorton("--all-rentals", uri=uri).data) == 1


def test_only_the_first_ten_faults_are_printed(hpnorton: CommandLine, csv_file: Write) -> None:
    """A file full of faults does not flood the screen: the others are counted by kind."""
    path = csv_file("customers.csv", HEADER, *["C1"] * 30, *["C1" + "," * 8] * 5)
    done = hpnorton("--linear", path, "--quiet")
    assert done.status == 3
    assert len(done.err.splitlines()) == 12
    assert "35 rows rejected. Fix them in rejects/customers-" in done.err
    assert "and 25 more; in all: 30 missing-cell, 5 extra-cell" in done.err


def test_an_open_quote_in_the_last_column_is_told(hpnorton: CommandLine, csv_file: Write) -> None:
    """The rest of the file becomes one cell, and the row is rejected."""
    path = csv_file("thing.csv", "id,a", "1,x", '2,"y', "3,z")
    done = hpnorton("--linear", path)
    assert (done.status, done.data[0]["thing"]["rejected"]) == (3, 1)
    assert f'{path}, row 3, a: ""y\\n3,z" opens a quote that is never closed' in done.err
    assert f"{path}: row 3 opens a quote that is never closed: the rest of the file" in done.err
    closed = hpnorton("--linear", csv_file("other.csv", "id,a", '1,"x"'))
    assert "opens a quote" not in closed.err


def test_an_open_quote_is_suspected(hpnorton: CommandLine, csv_file: Write) -> None:
    """A quote that is never closed swallows rows; the message says where to look."""
    path = csv_file("customers.csv", HEADER, 'C0,"Zoe,Lee,,,,Active,1', ANN, BEN)
    done = hpnorton("--linear", path, "--quiet")
    assert done.status == 3
    assert "opens a quote that is never closed" in done.err
    path = csv_file("customers.csv", HEADER, 'C0,"Zoe,Lee,,,,Active,1', ANN, 'C3,"A",B,,,,Active,1')
    done = hpnorton("--linear", path, "--quiet")
    assert "row 2 (lines 2" not in done.err and "is a quote left open?" in done.err


ZIPPED = gzip.compress(b"id,a\n" + b"".join(b"%d,2\n" % n for n in range(99_999)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no gzip at all", "ends in .gz, but is not compressed"),
        (gzip.compress(b"id,a\n1,2\n")[:-3], "is cut short: "),
        (ZIPPED[:-20], "is cut short: "),
        (ZIPPED[:-8] + b"\0" * 8, "is damaged: CRC check failed"),
        (ZIPPED + b"more", "is damaged: "),
        (ZIPPED[:-5000] + b"\xff" * 5000, "is damaged: "),
    ],
    ids=["no gzip", "small", "cut", "checksum", "behind", "content"],
)
@pytest.mark.parametrize("action", ["--linear", "--analyze"])
def test_a_broken_gzip_file_is_told(
    run: Run, tmp_path: Path, sqlite_uri: str, action: str, content: bytes, reason: str
) -> None:
    """The exit status is 1; the message has the file's name and what to do."""
    path = tmp_path / "thing.csv.gz"
    path.write_bytes(content)
    done = run(f"{action} {path}", sqlite_uri)
    assert done.status == 1 and f"{path} {reason}" in done.err
    assert content.startswith(b"no") or "; copy it again" in done.err


def test_a_database_that_cannot_be_written_is_told(
    hpnorton: CommandLine, csv_file: Write, tmp_path: Path
) -> None:
    """The exit status is 1, and a message names the database; there is no traceback."""
    path = csv_file("thing.csv", "id", "1")
    done = hpnorton("--linear", path, "--quiet", uri=f"sqlite:///{tmp_path}/thing.csv/x.db")
    assert done.status == 1
    assert done.err.startswith("Error: ") and "cannot be" in done.err
    assert "Traceback" not in done.err


def test_a_mongodb_that_is_not_there_is_told(hpnorton: CommandLine, csv_file: Write) -> None:
    """The exit status is 1, and the message has the address, but not the password."""
    path = csv_file("thing.csv", "id", "1")
    uri = "mongodb://ann:secret@127.0.0.1:1/shop?serverSelectionTimeoutMS=300"
    done = hpnorton("--linear", path, uri=uri)
    assert done.status == 1
    assert "no MongoDB answers at mongodb://ann:***@127.0.0.1:1/shop" in done.err
    assert "secret" not in done.out + done.err


def test_wrong_credentials_are_told(hpnorton: CommandLine, csv_file: Write, mongo_uri: str) -> None:
    """The exit status is 1; no message shows the password, even with --log-level DEBUG."""
    path = csv_file("thing.csv", "id", "1")
    login = mongo_uri.replace("://", "://ann:secret@")
    done = hpnorton("--linear", path, "--log-level", "DEBUG", uri=login)
    assert done.status == 1
    assert "check user name, password" in done.err
    assert "secret" not in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to do"),
        (["--linear", "--parallel"], "--linear and --parallel are two actions"),
        (["--all-products", "--drop-database"], "two actions"),
        (["--linier"], "unrecognized arguments: --linier"),
        (["--all-products", "--format", "xml"], "invalid choice: 'xml'"),
        (["--all-products", "--dataset", "nowhere"], "there is no dataset 'nowhere'"),
        (["--all-products", "--uri", "postgres://u:secret@h/d"], "is no database URI"),
        (["--rentals-for-customer"], "expected one argument"),
        (["--linear", "-"], "stdin has no name"),
        (["--linear", "--uri", ""], "'' is no database URI"),
    ],
)
def test_wrong_usage_is_told(hpnorton: CommandLine, arguments: list[str], message: str) -> None:
    """The exit status is 2, one line starts with Error, and no password is shown."""
    done = hpnorton(*arguments)
    assert (done.status, done.out) == (2, "")
    (told,) = done.err.splitlines()
    assert told.startswith("Error: ") and message in told and "secret" not in told
