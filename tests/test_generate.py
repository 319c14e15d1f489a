"""The data sets: scripts/generate.py, and what lies in data/."""

import csv
import json
import os
import re
import subprocess
import sys
import uuid
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from frictionless import Package

from tests.helpers.commandline import CommandLine
from tests.helpers.scripts import SCRIPTS, load_script

PROJECT = Path(__file__).resolve().parent.parent
SCRIPT = SCRIPTS / "generate.py"
DATA = PROJECT / "data"
CSV_NAMES = ["customers.csv", "product.csv", "rental.csv"]
FILE_NAMES = [*CSV_NAMES, "datapackage.json"]
SOCIAL = ["--shape", "social"]
PAYMENTS = ["--shape", "payments"]
ORDERS = [[], ["--shuffled"], ["--seed", "-3", "--shuffled"]]


generate = load_script("generate")
people = sys.modules["datasets.people"]


def run_main(out: Path, rows: int, *options: str) -> Path:
    """Generates into `out`, in this process, and returns `out`."""
    assert generate.main(["--rows", str(rows), "--out", str(out), *options]) == 0
    return out


def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script as a user does."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def column(folder: Path, name: str, field: str) -> list[str]:
    """The cells of one column."""
    return [row[field] for row in read(folder / name)]


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of each file by its name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(name="thousand", scope="module")
def fixture_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a thousand rows in each file."""
    return run_main(tmp_path_factory.mktemp("thousand"), 1000)


@pytest.fixture(name="social", scope="module")
def fixture_social(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a thousand status updates and their accounts."""
    return run_main(tmp_path_factory.mktemp("social"), 1000, *SOCIAL)


def test_same_arguments_give_the_same_bytes(thousand: Path, tmp_path: Path) -> None:
    """Two runs with the same arguments write files that are equal byte for byte."""
    again = run_main(tmp_path, 1000)
    assert sorted(contents(again)) == sorted(FILE_NAMES)
    assert contents(again) == contents(thousand)


def test_the_store_is_the_default_shape(thousand: Path, tmp_path: Path) -> None:
    """Without --shape the script makes what --shape store makes."""
    assert contents(run_main(tmp_path, 1000, "--shape", "store")) == contents(thousand)


@pytest.mark.parametrize("shape", generate.SHAPES)
def test_bytes_do_not_depend_on_the_process(tmp_path: Path, shape: str) -> None:
    """A process with another hash seed and another locale writes the same bytes."""
    ours = run_main(tmp_path / "ours", 1000, "--shape", shape)
    theirs = tmp_path / "theirs"
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONUTF8": "0"}
    options = ["--rows", "1000", "--out", str(theirs), "--shape", shape]
    command = [sys.executable, str(SCRIPT), *options]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert contents(theirs) == contents(ours)


def test_another_seed_gives_other_data(thousand: Path, tmp_path: Path) -> None:
    """--seed changes every CSV file, and leaves the ids as they are."""
    other = run_main(tmp_path, 1000, "--seed", "2")
    for name in CSV_NAMES:
        assert (other / name).read_bytes() != (thousand / name).read_bytes()
    for name, field in [("customers.csv", "user_id"), ("product.csv", "product_id")]:
        assert column(other, name, field) == column(thousand, name, field)


def test_production_is_what_the_script_makes(tmp_path: Path) -> None:
    """data/production holds 10,000 rows from the default seed, and nothing else."""
    assert contents(DATA / "production") == contents(run_main(tmp_path, 10_000))


@pytest.mark.parametrize("options", ORDERS)
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 100, 1000])
def test_rentals_belong_to_their_customers(tmp_path: Path, rows: int, options: list[str]) -> None:
    """Every file has N rows; no rental comes twice, and each repeats a customer that exists."""
    folder = run_main(tmp_path, rows, *options)
    customers = {row["user_id"]: row for row in read(folder / "customers.csv")}
    products = set(column(folder, "product.csv", "product_id"))
    rentals = read(folder / "rental.csv")
    assert len(customers) == len(products) == len(rentals) == rows

    pairs = [(rental["user_id"], rental["product_id"]) for rental in rentals]
    assert pairs == sorted(set(pairs))
    assert {product for _, product in pairs} <= products
    for rental in rentals:
        customer = customers[rental["user_id"]]
        assert rental == {
            "user_id": customer["user_id"],
            "name": f"{customer['Name']} {customer['Last_name']}",
            "address": customer["Home_address"],
            "phone_number": customer["Phone_number"],
            "email": customer["Email_address"],
            "product_id": rental["product_id"],
        }


def test_customers_have_up_to_four_rentals(thousand: Path) -> None:
    """Some customers rent nothing, nobody rents more than four, most products are rented."""
    rentals = Counter(column(thousand, "rental.csv", "user_id"))
    counts = {rentals[user] for user in column(thousand, "customers.csv", "user_id")}
    assert counts == {0, 1, 2, 3, 4}
    assert len(set(column(thousand, "rental.csv", "product_id"))) > 500


@pytest.mark.parametrize("rows", [1, 2, 10, 1000])
def test_shuffled_has_the_same_rows(tmp_path: Path, rows: int) -> None:
    """--shuffled changes the order of customers and products alone."""
    plain = run_main(tmp_path / "plain", rows)
    shuffled = run_main(tmp_path / "shuffled", rows, "--shuffled")
    for name in ["customers.csv", "product.csv"]:
        assert sorted(map(str, read(shuffled / name))) == sorted(map(str, read(plain / name)))
    assert (shuffled / "rental.csv").read_bytes() == (plain / "rental.csv").read_bytes()


def test_shuffled_ids_look_unordered(tmp_path: Path) -> None:
    """--shuffled leaves no id near to where it stands when sorted, nor near to the one before."""
    ids = column(run_main(tmp_path, 1000, "--shuffled"), "customers.csv", "user_id")
    numbers = [int(text[1:]) for text in ids]
    assert sorted(ids)[:10] != ids[:10]
    assert all(abs(one - next_one) > 100 for one, next_one in pairwise(numbers))


def test_ids_sort_as_text(thousand: Path) -> None:
    """Ids are sorted by default, and have six digits, or more if N needs them."""
    ids = column(thousand, "customers.csv", "user_id")
    assert ids == sorted(ids)
    assert (ids[0], ids[-1]) == ("C000001", "C001000")
    assert generate.Request(rows=999_999).id("P", 1) == "P000001"
    assert generate.Request(rows=1_000_000).id("P", 1) == "P0000001"


def test_rows_resemble_a_store(thousand: Path) -> None:
    """Quotes, zero quantities, inactive customers and round credit limits have their shares."""
    customers = read(thousand / "customers.csv")
    products = read(thousand / "product.csv")
    assert 50 < sum("," in row["Home_address"] for row in customers) < 150
    assert 50 < sum('"' in row["description"] for row in products) < 150
    assert 40 < sum(row["quantity_available"] == "0" for row in products) < 120
    assert 50 < sum(row["Status"] == "Inactive" for row in customers) < 150
    assert all(int(row["Credit_limit"]) % 50 == 0 for row in customers)
    assert any(not row["Name"].isascii() for row in customers)


def test_nobody_can_be_reached(thousand: Path) -> None:
    """E-mail addresses are plain ASCII in example domains, and telephone numbers are fictional."""
    customers = read(thousand / "customers.csv")
    for row in customers:
        assert row["Email_address"].isascii() and " " not in row["Email_address"]
        assert row["Email_address"].endswith(("@example.com", "@example.org"))
        assert "-555-01" in row["Phone_number"]
    assert len({row["Email_address"] for row in customers}) == len(customers)


def test_every_name_can_be_an_email_address() -> None:
    """Each letter of each name has an ASCII spelling."""
    for name in people.FIRST_NAMES + people.LAST_NAMES:
        assert people.mailbox(name, name).isascii(), name


@pytest.mark.parametrize("options", ORDERS)
@pytest.mark.parametrize(
    ("rows", "accounts"), [(1, 1), (2, 1), (99, 1), (100, 1), (199, 1), (200, 2), (1000, 10)]
)
def test_status_updates_belong_to_accounts(
    tmp_path: Path, rows: int, accounts: int, options: list[str]
) -> None:
    """There are N updates by N/100 accounts, at least one; ids are unique, and users known."""
    folder = run_main(tmp_path, rows, *SOCIAL, *options)
    users = column(folder, "accounts.csv", "USER_ID")
    updates = column(folder, "status_updates.csv", "STATUS_ID")
    assert (len(users), len(updates)) == (accounts, rows)
    assert (len(set(users)), len(set(updates))) == (accounts, rows)
    assert set(column(folder, "status_updates.csv", "USER_ID")) <= set(users)


def test_everybody_writes_status_updates(social: Path) -> None:
    """In the order of their ids, updates are by anybody; among a thousand, everybody has some."""
    updates = column(social, "status_updates.csv", "STATUS_ID")
    users = column(social, "accounts.csv", "USER_ID")
    assert (updates, users) == (sorted(updates), sorted(users))
    assert (updates[0], updates[-1], users[-1]) == ("S000001", "S001000", "U000010")

    authors = Counter(column(social, "status_updates.csv", "USER_ID"))
    assert sorted(authors) == users
    assert all(50 < count < 150 for count in authors.values())


@pytest.mark.parametrize(
    ("name", "field"), [("accounts", "USER_ID"), ("status_updates", "STATUS_ID")]
)
def test_order_and_seed_of_a_social_network(
    social: Path, tmp_path: Path, name: str, field: str
) -> None:
    """--shuffled changes the order of both files alone, --seed everything but the ids."""
    rows = read(social / f"{name}.csv")
    shuffled = read(run_main(tmp_path, 1000, *SOCIAL, "--shuffled") / f"{name}.csv")
    assert shuffled != rows
    assert sorted(map(str, shuffled)) == sorted(map(str, rows))

    seeded = read(run_main(tmp_path, 1000, *SOCIAL, "--seed", "2") / f"{name}.csv")
    assert seeded != rows
    assert [row[field] for row in seeded] == [row[field] for row in rows]


def test_status_texts_resemble_what_people_write(social: Path) -> None:
    """They are short; commas, quotes, newlines and letters beyond ASCII have their shares."""
    texts = column(social, "status_updates.csv", "STATUS_TEXT")
    assert all(10 < len(text) < 150 for text in texts)
    assert 200 < sum("," in text for text in texts) < 300
    assert 50 < sum('"' in text for text in texts) < 150
    assert 25 < sum("\n" in text for text in texts) < 75
    assert any(letter.isalpha() and not letter.isascii() for text in texts for letter in text)


def test_accounts_cannot_be_reached(social: Path) -> None:
    """Each account has a name, and an e-mail address of its own in an example domain."""
    accounts = read(social / "accounts.csv")
    assert all(row["NAME"] and row["LASTNAME"] for row in accounts)
    assert len({row["EMAIL"] for row in accounts}) == len(accounts)
    for row in accounts:
        assert row["EMAIL"].isascii() and " " not in row["EMAIL"]
        assert row["EMAIL"].endswith(("@example.com", "@example.org"))


def test_a_social_network_is_imported_without_code(
    hpnorton: CommandLine, uri: str, tmp_path: Path
) -> None:
    """Users go in before their updates, whatever the files' order; unknown users are refused."""
    folder = run_main(tmp_path / "social", 1000, *SOCIAL)
    updates = folder / "status_updates.csv"
    done = hpnorton("--linear", updates, folder / "accounts.csv", uri=uri)
    inserted = {name: each["inserted"] for report in done.data for name, each in report.items()}
    assert (done.status, inserted) == (0, {"status_updates": 1000, "accounts": 10})

    text = "STATUS_ID,USER_ID,STATUS_TEXT\nS1,U000001,Here\nS2,U9,Gone\n"
    updates.write_text(text, encoding="utf-8")
    done = hpnorton("--linear", updates, "--quiet", uri=uri)
    assert (done.status, done.err.count("[foreign-key]")) == (3, 1)
    assert 'row 3, USER_ID: "U9" is not in accounts' in done.err


@pytest.fixture(name="payments", scope="module")
def fixture_payments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a thousand card payments."""
    return run_main(tmp_path_factory.mktemp("payments"), 1000, *PAYMENTS)


def rows_of_payments(folder: Path) -> list[list[str]]:
    """The rows of payments.csv, whose columns share names."""
    with (folder / "payments.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def test_payments_are_one_file_that_nothing_describes(payments: Path) -> None:
    """Three of the seven columns are called seq, and hold the row's number."""
    assert [path.name for path in payments.iterdir()] == ["payments.csv"]
    header, *rows = rows_of_payments(payments)
    assert header == ["seq", "guid", "seq", "seq", "ccnumber", "date", "sentence"]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 1001)]
    assert all(row[0] == row[2] == row[3] and len(row) == 7 for row in rows)


def test_payments_have_what_there_is_to_look_for(payments: Path) -> None:
    """GUIDs are unique, cards are nobody's, dates are American, some sentences hold "ao"."""
    _, *rows = rows_of_payments(payments)
    guids = [uuid.UUID(row[1]) for row in rows]
    assert len(set(guids)) == 1000 and {guid.version for guid in guids} == {4}
    assert all(re.fullmatch("9999[0-9]{12}", row[4]) for row in rows)
    years = Counter(datetime.strptime(row[5], "%m/%d/%Y").year for row in rows)
    assert sorted(years) == list(range(2010, 2020)) and min(years.values()) > 50
    assert {len(row[5]) for row in rows} == {10}
    sentences = [row[6] for row in rows]
    assert all(40 < len(text) < 160 and text.endswith(".") for text in sentences)
    assert 100 < sum("ao" in text for text in sentences) < 250
    assert 130 < sum("," in text for text in sentences) < 280
    assert 20 < sum('"' in text for text in sentences) < 90


def test_shuffled_and_seeded_payments(payments: Path, tmp_path: Path) -> None:
    """--shuffled changes the order alone, --seed everything but the numbers."""
    rows = rows_of_payments(payments)
    shuffled = rows_of_payments(run_main(tmp_path / "a", 1000, *PAYMENTS, "--shuffled"))
    assert shuffled != rows and sorted(shuffled) == sorted(rows)
    seeded = rows_of_payments(run_main(tmp_path / "b", 1000, *PAYMENTS, "--seed", "2"))
    assert [row[0] for row in seeded] == [row[0] for row in rows]
    assert all(one[1] != other[1] for one, other in zip(rows[1:], seeded[1:]))


@pytest.mark.parametrize("folder", ["thousand", "social", "payments"])
def test_lines_end_with_newlines(request: pytest.FixtureRequest, folder: str) -> None:
    """Generated files have \\n at the end of each line, and no \\r at all."""
    for content in contents(request.getfixturevalue(folder)).values():
        assert content.endswith(b"\n") and b"\r" not in content


@pytest.mark.parametrize("shape", [generate.SHAPES[name] for name in ("store", "social")])
def test_headers_are_the_fields_of_the_data_package(shape: Any) -> None:
    """The columns of each file are the fields that the shape's data package gives it."""
    package = json.loads(shape.template.read_text(encoding="utf-8"))
    fields = {
        Path(resource["path"]).name: [field["name"] for field in resource["schema"]["fields"]]
        for resource in package["resources"]
    }
    tables = shape.tables(generate.Request(rows=1))
    assert {name: list(table.header) for name, table in tables.items()} == fields


@pytest.mark.parametrize(
    ("folder", "template"), [("thousand", "data"), ("social", "examples/social")]
)
def test_the_folder_describes_itself(
    request: pytest.FixtureRequest, folder: str, template: str
) -> None:
    """The generated package differs from the project's in nothing but where the files are."""
    committed = (PROJECT / template / "datapackage.json").read_text(encoding="utf-8")
    generated = contents(request.getfixturevalue(folder))["datapackage.json"]
    assert json.loads(generated) == json.loads(committed.replace('"test/', '"'))


def test_out_is_made_and_its_files_replaced(tmp_path: Path) -> None:
    """DIR may be missing with all its parents, and may hold files from a run before."""
    out = run_main(tmp_path / "new" / "folder", 10)
    run_main(out, 2)
    assert column(out, "customers.csv", "user_id") == ["C000001", "C000002"]


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ([], "rows for each file"),
        (SOCIAL, "status updates and an account per hundred"),
        (PAYMENTS, "card payments"),
    ],
)
def test_a_run_says_what_it_made(tmp_path: Path, options: list[str], made: str) -> None:
    """The script ends with status 0 and one line on stdout."""
    run = run_script("--rows", "2000", "--out", str(tmp_path), *options)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"Generated 2,000 {made} in {tmp_path}.\n"


def test_help_names_every_option() -> None:
    """--help explains each option and ends with status 0."""
    run = run_script("--help")
    assert run.returncode == 0
    for option in [
        "--shape {store,social,payments}",
        "--rows N",
        "--out DIR",
        "--seed S",
        "--shuffled",
    ]:
        assert option in run.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "0", "--out", "x"], "expected a whole number from 1 up, not '0'"),
        (["--rows", "-5", "--out", "x"], "expected a whole number from 1 up, not '-5'"),
        (["--rows", "many", "--out", "x"], "expected a whole number from 1 up, not 'many'"),
        (["--rows", "1", "--out", "x", "--seed", "y"], "--seed"),
        (["--rows", "1", "--out", "x", "--shape", "round"], "--shape"),
        (["--rows", "1"], "--out"),
        (["--out", "x"], "--rows"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    """Wrong usage ends with status 2 and one plain line on stderr."""
    run = run_script(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("Error: ") and run.stderr.count("\n") == 1
    assert message in run.stderr


def test_out_that_cannot_be_written(tmp_path: Path) -> None:
    """A DIR that cannot be written ends with status 1 and a message that names it."""
    obstacle = tmp_path / "file"
    obstacle.touch()
    run = run_script("--rows", "1", "--out", str(obstacle / "folder"))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith(f"Error: {obstacle}") and run.stderr.count("\n") == 1


@pytest.mark.parametrize("path", ["datapackage.json", "production/datapackage.json"])
def test_data_sets_are_valid(path: str) -> None:
    """Frictionless finds no fault with either data set, its keys and references included."""
    report = Package(str(DATA / path)).validate()
    assert report.valid, report.to_summary()
    assert [task.name for task in report.tasks] == ["customers", "product", "rental"]


@pytest.mark.parametrize("options", ORDERS)
def test_generated_social_networks_are_valid(tmp_path: Path, options: list[str]) -> None:
    """Frictionless finds no fault with them, their keys and references included."""
    folder = run_main(tmp_path, 1000, *SOCIAL, *options)
    report = Package(str(folder / "datapackage.json")).validate()
    assert report.valid, report.to_summary()
    assert [task.name for task in report.tasks] == ["accounts", "status_updates"]


def test_the_test_data_have_quirks() -> None:
    """The bytes of data/test hold what real files hold."""
    customers, product, rental = ((DATA / "test" / name).read_bytes() for name in CSV_NAMES)
    assert b'P000001,Screen 5" stand,Electronics,4\r\n' in product, "a bare inch mark"
    assert b'"Dorothea ""Dot""",Quill' in customers, "doubled quotes"
    assert b'"14 Lantern Street, Apt 3"' in customers, "a comma within quotes"
    assert b'"The Old Mill\n2 River Road",,' in customers, "a newline in quotes, an empty cell"
    assert product.count(b"\n") == product.count(b"\r\n") > 1, "CRLF"
    assert "Zoë".encode() in customers and "林".encode() in rental, "not only ASCII"


def test_the_test_data_have_all_kinds_of_customers() -> None:
    """In data/test somebody rents a lot, somebody nothing, and somebody the last of a thing."""
    folder = DATA / "test"
    rentals = Counter(column(folder, "rental.csv", "user_id"))
    users = set(column(folder, "customers.csv", "user_id"))
    assert max(rentals.values()) > 2
    assert users - set(rentals)

    sold_out = {
        row["product_id"]
        for row in read(folder / "product.csv")
        if row["quantity_available"] == "0"
    }
    assert sold_out & set(column(folder, "rental.csv", "product_id"))


def test_the_test_rentals_repeat_their_customers() -> None:
    """Each rental of data/test has its customer's name, address, telephone number and e-mail."""
    customers = {row["user_id"]: row for row in read(DATA / "test" / "customers.csv")}
    for rental in read(DATA / "test" / "rental.csv"):
        customer = customers[rental["user_id"]]
        assert rental["name"] == f"{customer['Name']} {customer['Last_name']}"
        assert rental["address"] == customer["Home_address"]
        assert rental["phone_number"] == customer["Phone_number"]
        assert rental["email"] == customer["Email_address"]
