"""The counter on the command line: every flag, and every error with its exit status and message."""

import csv
import io
import json
import re
import shlex
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hpnorton.stores import open_store
from hpnorton.stores.base import Mode
from hpnorton.stores.mongo import changes
from hpnorton.stores.mongo.store import MongoStore
from tests.conftest import Run
from tests.helpers.changes import rent
from tests.helpers.commandline import CommandLine, Outcome
from tests.helpers.dead_clerks import die_over
from tests.helpers.shop import (
    DATASET,
    everything,
    faults,
    history_entries,
    import_files,
    open_counter,
    redescribe,
    rentals,
    stocks,
    write_customers,
    write_products,
)

TODAY = datetime.now(UTC).date()
DUE = TODAY + timedelta(30)


def fill(uri: str) -> None:
    """Fill a database with the test dataset and two rentals, the last by C000003."""
    import_files(uri, *DATASET)
    with open_counter(uri) as clerk:
        clerk.rent("C000002", "P000001", DUE)
        clerk.rent("C000003", "P000007", DUE)


@pytest.fixture(name="shop", scope="module")
def database_that_stays_as_it_is(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URI of a shop for commands that change nothing."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('shop')}/shop.db"
    fill(uri)
    return uri


@pytest.fixture(name="filled")
def database_to_change(uri: str) -> str:
    """Return the URI of a shop on each kind of database."""
    fill(uri)
    return uri


# Command, exit status, message without "Error: " and what is told after it.
REFUSED = [
    ("--rent C000099 P000001", 1, "customers has no user_id 'C000099'; --all-customers lists them"),
    ("--rent C000001 P000099", 1, "product has no product_id 'P000099'; --all-products lists them"),
    ("--rent '' P000001", 1, "customers has no user_id ''; --all-customers lists them"),
    (
        "--rent C000005 P000001",
        1,
        "C000005 is Inactive, and only an active customer may rent; to change that: "
        "--edit customers C000005 Status=Active",
    ),
    ("--rent C000001 P000008", 1, "C000001 has P000008 already; when it is back: "
                                  "--return C000001 P000008"),
    ("--rent C000002 P000001", 1, f"C000002 has P000001 already since {TODAY}; when it is back: "
                                  "--return C000002 P000001"),
    ("--rent C000002 P000007", 1, f"P000007 is out of stock: 2 rented, the next is due {DUE}"),
    ("--rent C000002 P000005", 1, "P000005 is out of stock: 3 rented, none with a due day"),
    ("--rent C000001 P000001 --due 2020-02-29", 2,
     f"--due 2020-02-29 is in the past; today is {TODAY} (UTC)"),
    ("--rent C000001 P000001 --due tomorrow", 2,
     "argument --due: 'tomorrow' is not a day such as "),
    ("--rent C000001 P000001 --due 2030-02-29", 2,
     "argument --due: '2030-02-29' is not a day such as "),
    ("--rent C000001 P000001 --due ''", 2, "argument --due: '' is not a day such as "),
    ("--rent C000001", 2, "argument --rent: expected 2 arguments"),
    ("--rent", 2, "argument --rent: expected 2 arguments"),
    ("--rent C000001 P000001 P000002", 2, "unrecognized arguments: P000002"),
    ("--rent C000001 P000001 --return C000001 P000001", 2, "--rent and --return are two actions"),
    ("--overdue --due 2030-01-01", 2, "--due goes with --rent"),
    ("--return C000001 P000001 --due 2030-01-01", 2, "--due goes with --rent"),
    ("--due 2030-01-01", 2, "--due goes with --rent"),
    (
        "--return C000001 P000001",
        1,
        "C000001 has not rented P000001; --rentals-for-customer C000001 lists what is rented, "
        "--history C000001 what was",
    ),
    ("--return C000099 P000001", 1, "customers has no user_id 'C000099'"),
    ("--return C000001 P000099", 1, "product has no product_id 'P000099'"),
    ("--return C000001", 2, "argument --return: expected 2 arguments"),
    ("--adjust-stock P000001 1", 2,
     "--adjust-stock needs a reason, for the history: --reason TEXT"),
    ("--adjust-stock P000001 1 --reason ' '", 2, "--adjust-stock needs a reason"),
    ("--adjust-stock P000001 1 --reason", 2, "argument --reason: expected one argument"),
    ("--adjust-stock P000001 two --reason x", 2,
     "the DELTA 'two' is not a whole number such as 3 or -1"),
    ("--adjust-stock P000001 1.5 --reason x", 2, "the DELTA '1.5' is not a whole number"),
    ("--adjust-stock P000001 '' --reason x", 2, "the DELTA '' is not a whole number"),
    ("--adjust-stock P000001 ٣ --reason x", 2, "the DELTA '٣' is not a whole number"),
    ("--adjust-stock P000001 1_0 --reason x", 2, "the DELTA '1_0' is not a whole number"),
    ("--adjust-stock P000001 1234567890 --reason x", 2, "the DELTA 1234567890 is beyond"),
    ("--adjust-stock P000001 0 --reason x", 2, "a DELTA of 0 changes nothing; give another number"),
    ("--adjust-stock P000001 --reason x", 2, "argument --adjust-stock: expected 2 arguments"),
    ("--adjust-stock P000099 1 --reason x", 1, "product has no product_id 'P000099'"),
    ("--adjust-stock P000001 -4 --reason x", 1,
     f"P000001 has 3 in stock, so 4 cannot be taken out: 2 rented, the next is due {DUE}"),
    ("--rent C000001 P000001 --reason x", 2, "--reason goes with --adjust-stock"),
    ("--check --reason x", 2, "--reason goes with --adjust-stock"),
    ("--add", 2, "argument --add: expected at least one argument"),
    ("--add shelf a=b", 2, "there is no collection 'shelf'; the database has: customers, history, "
                           "product, rental"),
    ("--add customers", 2,
     "customers needs user_id, Name, Last_name, Status, Credit_limit as well: FIELD=VALUE"),
    ("--add customers user_id=C9 Name=A Last_name=B Status=Active", 2,
     "customers needs Credit_limit as well"),
    ("--add customers user_id", 2, "'user_id' is not FIELD=VALUE; quote a VALUE that has blanks"),
    ("--add customers shoe=43", 2, "customers has no field 'shoe'; it has: user_id, Name, "),
    ("--add customers Name=A Name=B", 2, "Name is given twice; leave one out"),
    ("--add customers user_id=C9 Name=A Last_name=B Status=active Credit_limit=1", 1,
     "Status: 'active' is not one of Active, Inactive"),
    ("--add customers user_id= Name=A Last_name=B Status=Active Credit_limit=1", 1,
     "user_id: '' is empty, but has to be filled in"),
    ("--add product product_id=P000001 description=x product_type=y quantity_available=1", 1,
     "product has P000001 already; --edit changes it"),
    ("--add product product_id=P9 description=x product_type=y quantity_available=-1", 1,
     "quantity_available: '-1' is below the minimum 0"),
    ("--add rental user_id=C000001 product_id=P000001", 2,
     "a rental takes something from stock: add it with --rent"),
    ("--add Product product_id=P77", 2,
     "there is no collection 'Product'; the database has: customers, history, product, rental; "
     "did you mean 'product'?\n"),
    ("--add history record=P000001 collection=product number=9 at=2030-01-01T00:00:00 kind=rent "
     "changed=product delta=5", 2,
     "the history is a record of what happened; it cannot be added to or edited\n"),
    ("--edit history P000001,product,1 delta=5", 2,
     "the history is a record of what happened; it cannot be added to or edited\n"),
    ("--edit", 2, "argument --edit: expected at least one argument"),
    ("--edit customers", 2, "--edit needs COLLECTION KEY FIELD=VALUE"),
    ("--edit customers C000001", 2, "--edit needs COLLECTION KEY FIELD=VALUE"),
    ("--edit shelf S1 a=b", 2, "there is no collection 'shelf'"),
    ("--edit customers C000001 Status", 2, "'Status' is not FIELD=VALUE"),
    ("--edit customers C000001 shoe=43", 2, "customers has no field 'shoe'"),
    ("--edit customers C000001 Credit_limit=much", 1,
     "Credit_limit: 'much' is not a whole number"),
    ("--edit customers C000001 Name=", 1, "Name: '' is empty, but has to be filled in"),
    ("--edit customers C000001 user_id=C1", 2,
     "user_id is the key of customers, by which others refer to it; it cannot be changed: add "
     "another record"),
    ("--edit product P000001 quantity_available=9", 2,
     "the stock is counted, not edited: --adjust-stock PRODUCT_ID DELTA --reason TEXT"),
    ("--edit customers C000099 Name=A", 1, "customers has no user_id 'C000099'"),
    ("--edit rental C000001 name=A", 2,
     "the key of rental is user_id,product_id; 'C000001' is not that"),
    ("--edit rental 'C000001\n,P000001' name=A", 2,
     "the key of rental is user_id,product_id; 'C000001\\n,P000001' is not that\n"),
    ("--edit rental C000001,P000001 name=A", 1,
     "rental has no user_id, product_id 'C000001|P000001'; --all-rentals lists them"),
    ("--edit rental C000001,P000099 name=A", 1, "rental has no user_id, product_id"),
    ("--find ''", 2, "say what to find: a part of an id, a name, an e-mail address or a phone"),
    ("--find ' '", 2, "say what to find"),
    ("--find", 2, "argument --find: expected one argument"),
    ("--history C000099", 1,
     "nothing is known of 'C000099'; --all-products and --all-customers list the ids"),
    ("--history ''", 1, "nothing is known of ''"),
    ("--export", 2, "argument --export: expected one argument"),
    ("--overdue C000001", 2, "unrecognized arguments: C000001"),
    ("--check C000001", 2, "unrecognized arguments: C000001"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "status", "message"), REFUSED, ids=[c for c, _, _ in REFUSED])
def test_a_refusal_says_why(run: Run, shop: str, command: str, status: int, message: str) -> None:
    """The reason is on stderr, stdout is empty, and nothing has changed."""
    with closing(open_store(shop)) as store:
        before = everything(store)
        refused = run(command, shop)
        assert everything(store) == before
    assert refused.err.startswith(f"Error: {message}")
    assert (refused.status, refused.out) == (status, "")


def test_every_bad_value_has_a_line(run: Run, shop: str) -> None:
    """Each of several errors has a line that starts with Error."""
    refused = run("--edit customers C000001 Status=x Credit_limit=-1 Name=A", shop)
    assert (refused.status, refused.err.splitlines()) == (
        1,
        [
            "Error: Status: 'x' is not one of Active, Inactive",
            "Error: Credit_limit: '-1' is below the minimum 0",
        ],
    )


@pytest.mark.parametrize(
    "command",
    [
        "--rent C000001 P000001",
        "--return C000001 P000001",
        "--adjust-stock P000001 1 --reason x",
        "--add customers user_id=C1 Name=A Last_name=B Status=Active Credit_limit=1",
        "--edit customers C000001 Name=A",
        "--find x",
        "--overdue",
        "--history C000001",
        "--check",
        "--export out",
    ],
)
def test_without_a_database_nothing_is_made(run: Run, tmp_path: Path, command: str) -> None:
    """The message says how to make a database."""
    refused = run(command, f"sqlite:///{tmp_path}/none.db")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == (
        f"Error: there is no database {tmp_path}/none.db yet; import the CSV files first, "
        "with --linear\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_day_at_the_counter(hpnorton: CommandLine, filled: str) -> None:
    """Each command runs as a clerk types it, in a process of its own, and writes its result."""

    def done(*command: str) -> Outcome:
        outcome = hpnorton(*command, "--disable-log", uri=filled)
        assert outcome.status == 0, outcome.err
        return outcome

    (rental,) = done("--rent", " C000001", "P000001 ", "--due", "9999-12-31").data
    assert (rental["name"], rental["due"]) == ("Zoë Almqvist", "9999-12-31")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", rental["rented_at"])
    (product,) = done("--adjust-stock", "P000001", "-1", "--reason", " stolen ").data
    assert product["quantity_available"] == 1
    (edited,) = done("--edit", "rental", "C000001,P000001", "due=2020-01-01").data
    assert edited == rental | {"due": "2020-01-01"}
    (late,) = done("--overdue").data
    days = (TODAY - datetime(2020, 1, 1, tzinfo=UTC).date()).days
    assert late == edited | {"days_overdue": days}
    (returned,) = done("--return", "C000001", "P000001").data
    assert {**returned, "returned_at": None} == edited | {"returned_at": None}
    fields = ("user_id=C9", "Name=É", "Last_name=B C", "Status=Active", "Credit_limit=1")
    assert done("--add", "customers", *fields).data[0]["Last_name"] == "B C"
    (rental,) = done("--rent", "C9", "P000001").data
    assert rental["due"] == (TODAY + timedelta(14)).isoformat()
    told = [
        (e["kind"], e["delta"], e["stock"], e["reason"]) for e in done("--history", "P000001").data
    ]
    assert [event for event in told if event[0] != "import"] == [
        ("rent", -1, 3, None),
        ("rent", -1, 2, None),
        ("adjust", -1, 1, "stolen"),
        ("edit", None, None, None),
        ("return", 1, 2, None),
        ("rent", -1, 1, None),
    ]
    clean = done("--check")
    assert (clean.out, clean.err) == (
        "[]\n",
        "The books balance: 10 products and 14 rentals were checked.\n",
    )


def test_ids_may_be_typed_in_small_letters(run: Run, filled: str) -> None:
    """This holds at the counter and in queries; the records keep the ids as they are stored."""
    (rental,) = run("--rent c000001 p000001", filled).data
    assert (rental["user_id"], rental["product_id"]) == ("C000001", "P000001")
    assert run("--rent c000001 P000001", filled).err == (
        f"Error: C000001 has P000001 already since {TODAY}; when it is back: "
        "--return C000001 P000001\n"
    )
    (product,) = run("--adjust-stock p000001 2 --reason found", filled).data
    assert (product["product_id"], product["quantity_available"]) == ("P000001", 4)
    assert run("--return c000001 p000001", filled).status == 0
    assert run("--edit customers c000001 Name=Zoe", filled).data[0]["user_id"] == "C000001"
    assert run("--rentals-for-customer c000001", filled).data
    history = run("--history p000001", filled)
    assert {event["record"] for event in history.data} == {"P000001"}
    assert history.data == run("--history P000001", filled).data
    assert run("--rent c000099 p000001", filled).err == (
        "Error: customers has no user_id 'c000099'; --all-customers lists them\n"
    )


def test_how_long_a_rental_is_stands_in_the_settings(hpnorton: CommandLine) -> None:
    """The day is that of rental_days unless the clerk names one."""
    settings = hpnorton.folder / "settings.ini"
    text = settings.read_text(encoding="utf-8").replace("rental_days = 14", "rental_days = 3")
    settings.write_text(text, encoding="utf-8")
    assert hpnorton("--linear").status == 0
    (rental,) = hpnorton("--rent", "C000001", "P000001").data
    assert rental["due"] == (TODAY + timedelta(3)).isoformat()


FOUND = [
    ("P000003", ["P000003"]),
    ("  p000003\t", ["P000003"]),
    ("c000004", ["C000004"]),
    ("P00001", ["P000010"]),
    ("müller", ["C000002"]),
    ("MÜLLER jürgen", ["C000002"]),
    ("łukasz", ["C000003"]),
    ("ÁSTA", ["C000010"]),
    ("秀英", ["C000004"]),
    ("crème TORCH", ["P000006"]),
    ("archie.pemberton@EXAMPLE", ["C000009"]),
    ("555-0107", ["C000007"]),
    ('"dot"', ["C000007"]),
    ("o'brien", ["C000005"]),
    ("(slightly", ["P000002"]),
    ('72"', ["P000009"]),
    ("heart-shaped iron", ["P000010"]),
    ("206-555 okafor", ["C000006"]),
    ("P00000", [f"P00000{n}" for n in range(1, 10)]),
    ("%", []),
    ("_", []),
    ("Lantern", []),
    ("tent ladder", []),
]


def test_what_is_found(run: Run, filled: str) -> None:
    """Ids are found as scanners type them, and words in any order and case, but not addresses."""
    for text, ids in FOUND:
        found = run(f"--find {shlex.quote(text)}", filled)
        keys = [r.get("product_id") or r["user_id"] for r in found.data]
        assert (text, keys, found.status) == (text, ids, 0)
        assert found.err == ("" if ids else f"Nothing matches {text!r} in {filled}.\n")
        for record in found.data:
            assert record["collection"] == ("product" if "product_id" in record else "customers")
            assert not [name for name in record if name.startswith(("hpnorton_", "_"))]


def test_letters_that_have_another_case_of_two_are_found(run: Run, filled: str) -> None:
    """A German street is found in both spellings, and by its beginning."""
    run("--edit product P000010 description='Große Straße'", filled)
    run("--edit product P000009 description='GROSSE STRASSE'", filled)
    for text in ("straße", "STRASSE", "Strasse", "stras", "sse große", "ßE"):
        found = run(f"--find {shlex.quote(text)}", filled).data
        assert [record["product_id"] for record in found] == ["P000009", "P000010"], text
    assert not run("--find strase", filled).data


def test_an_id_finds_its_record_alone(run: Run, filled: str) -> None:
    """An id in any case finds its record, and not those that mention it."""
    run("--edit product P000010 description='a part of P000003'", filled)
    for text in ("P000003", "p000003"):
        assert [r["product_id"] for r in run(f"--find {text}", filled).data] == ["P000003"]
    assert [r["product_id"] for r in run("--find 'part p000003'", filled).data] == ["P000010"]


def test_products_come_before_customers(run: Run, shop: str) -> None:
    """Both are sorted by their ids."""
    found = run("--find th", shop)
    keys = [(r["collection"], r.get("product_id") or r["user_id"]) for r in found.data]
    assert keys == [
        ("product", "P000004"),
        ("product", "P000007"),
        ("customers", "C000007"),
        ("customers", "C000009"),
    ]


def test_overdue_has_the_longest_first(run: Run, filled: str) -> None:
    """What is due today is not overdue, nor is what has no due day."""
    days = {
        "C000001,P000005": 1,
        "C000008,P000010": 400,
        "C000004,P000005": 1,
        "C000002,P000001": 0,
    }
    for key, ago in days.items():
        run(f"--edit rental {key} due={TODAY - timedelta(ago)}", filled)
    late = run("--overdue", filled).data
    assert [(r["user_id"], r["days_overdue"]) for r in late] == [
        ("C000008", 400),
        ("C000001", 1),
        ("C000004", 1),
    ]


def test_nothing_is_overdue_where_nothing_has_a_due_day(run: Run, uri: str) -> None:
    """This is so where the counter has not been used yet."""
    import_files(uri, *DATASET)
    none = run("--overdue", uri)
    assert (none.status, none.data) == (0, [])
    assert none.err == f"Nothing is overdue in {uri}.\n"


QUESTIONS = {
    "--find waffle": ("product_id", "P000010"),
    "--history P000007": ("kind", "import"),
    "--overdue": ("user_id", "C000001"),
    "--edit product P000001 description=x": ("product_id", "P000001"),
}


@pytest.mark.parametrize("command", QUESTIONS)
def test_answers_come_in_every_format(run: Run, tmp_path: Path, command: str) -> None:
    """JSON, JSON lines, CSV and a table have the same records."""
    uri = f"sqlite:///{tmp_path}/shop.db"
    fill(uri)
    run("--edit rental C000001,P000005 due=2020-01-01", uri)
    field, value = QUESTIONS[command]
    as_json, lined, as_csv, table = (
        run(f"{command} --format {form}", uri) for form in ("json", "jsonl", "csv", "table")
    )
    assert as_json.data[0][field] == value
    assert [json.loads(line) for line in lined.out.splitlines()] == as_json.data
    rows = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert len(rows) == len(as_json.data)
    assert rows[0][field] == value
    # What is found in several collections has a table for each, with a title.
    head, rule, first, *_ = table.out.removeprefix("product\n").splitlines()
    assert field in head.split() and value in first and set(rule) == {"-", " "}


def test_the_table_of_a_history_says_it_in_words(run: Run, filled: str) -> None:
    """It has when, what, who, how many and why, but not the id that was asked for."""
    run("--adjust-stock P000007 2 --reason 'found two'", filled)
    run("--edit rental C000003,P000007 due=", filled)
    head, _, *rows = run("--history P000007 --format table", filled).out.splitlines()
    assert head.split() == ["at", "kind", "user_id", "delta", "stock", "what"]
    told = [re.sub(r"^[-\d]{10} [:\d]{5} +", "", row) for row in rows]
    assert [" ".join(row.split()) for row in told] == [
        f"import product from {DATASET[1]}",
        f"rent C000003 -1 0 due {DUE}",
        "adjust 2 2 found two",
        f"edit C000003 due: {DUE} -> empty",
    ]
    head = run("--history c000003 --format table", filled).out.splitlines()[0]
    assert head.split() == ["at", "kind", "record", "delta", "stock", "what"]


def test_rentals_have_the_same_columns(run: Run, filled: str) -> None:
    """Imported rentals have no days; a CSV file has the columns all the same."""
    answer = run("--all-rentals --format csv", filled)
    assert (answer.status, answer.err) == (0, "")
    rows = {(r["user_id"], r["product_id"]): r for r in csv.DictReader(io.StringIO(answer.out))}
    rented, imported = rows["C000002", "P000001"], rows["C000001", "P000005"]
    assert list(rented) == list(imported)
    assert (rented["due"], rented["rented_at"][:10]) == (str(DUE), str(TODAY))
    assert (imported["due"], imported["rented_at"]) == ("", "")


def test_products_and_customers_are_one_csv_file(run: Run, shop: str) -> None:
    """The file has the columns of both, and each record fills its own."""
    answer = run("--find th --format csv", shop)
    assert (answer.status, answer.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [(r["product_id"], r["user_id"]) for r in rows] == [
        ("P000004", ""),
        ("P000007", ""),
        ("", "C000007"),
        ("", "C000009"),
    ]
    assert rows[0].keys() == rows[-1].keys() >= {"collection", "description", "Status"}
    header = answer.out.splitlines()[0]
    assert run("--find zither --format csv", shop).out == header + "\n"


def test_the_records_of_a_history_are_json_in_csv(run: Run, shop: str) -> None:
    """They are the same as in the answer in JSON."""
    rows = list(csv.DictReader(io.StringIO(run("--history P000001 --format csv", shop).out)))
    events = run("--history P000001", shop).data
    assert [row["before"] for row in rows] == ["", ""]
    assert [row["after"] and json.loads(row["after"]) for row in rows] == ["", events[1]["after"]]
    assert events[1]["after"]["user_id"] == "C000002"


def test_an_import_that_changes_a_stock_is_told_once(run: Run, filled: str, tmp_path: Path) -> None:
    """The entry has the file, and the change of the stock."""
    path = write_products(tmp_path / "newer", {"P000001": 10})
    import_files(filled, path, mode=Mode.UPSERT)
    first, rented, newer = run("--history P000001", filled).data
    assert (first["kind"], first["file"], first["delta"]) == ("import", str(DATASET[1]), None)
    assert (rented["kind"], rented["file"]) == ("rent", None)
    assert (newer["kind"], newer["file"]) == ("import", str(path))
    assert (newer["delta"], newer["stock"]) == (7, 10)
    *_, last = run("--history P000001 --format table", filled).out.splitlines()
    assert last.split()[2:] == ["import", "7", "10", "product", "from", str(path)]


def test_a_due_that_is_no_day_is_told(run: Run, uri: str, tmp_path: Path) -> None:
    """The files of an owner may have a field of that name with another meaning."""
    files = [write_customers(tmp_path, ["C1"]), write_products(tmp_path, {"P1": 1})]
    redescribe(tmp_path, "rental", {"name": "due", "type": "datetime"})
    path = tmp_path / "rental.csv"
    path.write_text("user_id,product_id,due\nC1,P1,2020-01-01T10:00:00\n", encoding="utf-8")
    import_files(uri, *files, path)
    told = "'2020-01-01T10:00:00', which is no day"
    assert run("--overdue", uri) == Outcome(
        2,
        "",
        f"Error: the field due of rental holds {told}: rename it in the file and in "
        "datapackage.json\n",
    )


def test_faults_in_the_books_are_listed(run: Run, tmp_path: Path) -> None:
    """Faults are on stdout in every format and counted on stderr; the exit status is 1."""
    uri = f"sqlite:///{tmp_path}/shop.db"
    fill(uri)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute(
            "UPDATE product SET quantity_available = -1 WHERE product_id = 'P000001'"
        )
        connection.execute("DELETE FROM customers WHERE user_id = 'C000008'")
        connection.commit()
    found = [run(f"--check --format {form}", uri) for form in ("json", "jsonl", "csv", "table")]
    for outcome in found:
        assert outcome.status == 1
        assert outcome.err == (
            "Error: the books do not balance: 3 faults in 10 products and 13 rentals; "
            "--history ID tells what happened to a product\n"
        )
        for fault in ("stock", "negative", "orphan"):
            assert fault in outcome.out
    assert [(f["fault"], f["product_id"], f["user_id"]) for f in found[0].data] == [
        ("negative", "P000001", None),
        ("stock", "P000001", None),
        ("orphan", "P000010", "C000008"),
    ]
    quiet = run("--check --quiet", uri)
    assert (quiet.status, quiet.out) == (1, found[0].out)


def test_quiet_books_say_nothing_when_they_balance(run: Run, shop: str) -> None:
    """JSON is an empty list, a table is empty, and CSV has its header."""
    assert run("--check --quiet", shop) == Outcome(0, "[]\n", "")
    assert run("--check --quiet --format table", shop) == Outcome(0, "", "")
    header = "fault,product_id,user_id,message\n"
    assert run("--check --quiet --format csv", shop) == Outcome(0, header, "")


def test_an_export_tells_its_files_and_formulas(
    hpnorton: CommandLine, filled: str, tmp_path: Path
) -> None:
    """The result is the list of files; formulas are named on stderr; the exit status is 0."""
    name = "Name==HYPERLINK(1)"
    hpnorton("--edit", "customers", "C000003", name, "Phone_number=+1 5", uri=filled)
    exported = hpnorton("--export", "out", "--disable-log", uri=filled)
    out = Path("out")
    assert exported.status == 0
    assert exported.data == [
        {"collection": "customers", "records": 10, "file": str(out / "customers.csv")},
        {"collection": "history", "records": 3, "file": str(out / "history.csv")},
        {"collection": "product", "records": 10, "file": str(out / "product.csv")},
        {"collection": "rental", "records": 13, "file": str(out / "rental.csv")},
    ]
    told = "a spreadsheet would take this for a formula; it was written as it is"
    assert exported.err.splitlines() == [
        f"out/customers.csv, row 4, Name: {told}",
        f"out/customers.csv, row 4, Phone_number: {told}",
    ]
    restored = f"sqlite:///{tmp_path}/restored.db"
    files = [str(path) for path in sorted((hpnorton.folder / "out").glob("*.csv"))]
    assert hpnorton("--linear", *files, uri=restored).status == 0
    with closing(open_store(filled)) as store, closing(open_store(restored)) as copy:
        assert rentals(copy) == rentals(store)
        assert stocks(copy) == stocks(store)
        assert history_entries(copy) == history_entries(store)
        assert faults(copy) == []


def test_many_formulas_are_counted(run: Run, tmp_path: Path) -> None:
    """The first ten are named, and the others counted."""
    path = tmp_path / "note.csv"
    path.write_text("id,text\n" + "".join(f"{n},=1\n" for n in range(1234)), encoding="utf-8")
    uri = f"sqlite:///{tmp_path}/notes.db"
    import_files(uri, path)
    told = run(f"--export {tmp_path}/out", uri).err.splitlines()
    assert len(told) == 11
    assert told[-1] == f"{tmp_path}/out/note.csv: and 1,224 more cells like that"


def test_what_cannot_be_exported_is_named(run: Run, tmp_path: Path) -> None:
    """The rest is exported, and the exit status 1 says that something is missing."""
    uri = f"sqlite:///{tmp_path}/shop.db"
    fill(uri)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    exported = run(f"--export {tmp_path}/out", uri)
    assert exported.status == 1
    assert len(exported.data) == 4
    assert exported.err == (
        "Error: theirs was left out: HPNorton has not imported it and does not know its fields; "
        "describe it in a datapackage.json\n"
    )
    failed = run(f"--export {tmp_path}/shop.db", uri)
    assert (failed.status, failed.out) == (1, "")
    assert failed.err == (
        f"Error: {tmp_path}/shop.db cannot be written: File exists; name another folder\n"
    )


@pytest.mark.parametrize(
    "command",
    ["--check", "--history P1", "--rent C000001 P000002", "--export out", "--rent C2 P1"],
)
def test_the_next_command_finishes_what_a_dead_clerk_has_begun(
    run: Run, mongo_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Any next command does, whatever it is about: afterwards the books balance."""
    monkeypatch.setattr(changes, "PATIENCE_SECONDS", 0.0)
    import_files(mongo_uri, *DATASET)
    add = "quantity_available=2 description=x product_type=x"
    run(f"--add product product_id=P1 {add}", mongo_uri)
    for user_id in ("C1", "C2"):
        run(f"--add customers user_id={user_id} Name=A Last_name=B Status=Active Credit_limit=0",
            mongo_uri)  # fmt: skip
    with closing(MongoStore(mongo_uri)) as store:
        die_over(store, rent(2), 1)
        assert run(command.replace("out", f"{tmp_path}/out"), mongo_uri).status == 0
        assert store.unfinished() == []
        taken = 2 if "P1" in command and "--rent" in command else 1
        assert stocks(store)["P1"] == 2 - taken
        assert ("C1", "P1") in rentals(store)
        assert faults(store) == []


def test_a_refused_command_finishes_it_as_well(
    run: Run, mongo_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a dead clerk began is finished even if the next command is not possible."""
    monkeypatch.setattr(changes, "PATIENCE_SECONDS", 0.0)
    import_files(mongo_uri, *DATASET)
    run("--add product product_id=P1 description=x product_type=x quantity_available=2", mongo_uri)
    with closing(MongoStore(mongo_uri)) as store:
        die_over(store, rent(2), 1)
        assert run("--rent C000099 P000001", mongo_uri).status == 1
        assert store.unfinished() == []
        assert stocks(store)["P1"] == 1
