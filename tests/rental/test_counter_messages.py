"""What the counter and its questions say of ids in the wrong place, and of nothing to show."""

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.helpers.shop import DATASET, import_files

NOT_A_CUSTOMER = "P000003 is a product, not a customer"
MESSAGES = (
    ("--rent P000003 C000001", 1, f"{NOT_A_CUSTOMER}; the customer comes first"),
    ("--return P000003 C000001", 1, f"{NOT_A_CUSTOMER}; the customer comes first"),
    ("--rent C000001 C000002", 1, "C000002 is a customer, not a product"),
    ("--adjust-stock C000001 1 --reason x", 1, "C000001 is a customer, not a product"),
    (
        "--rentals-for-customer P000003",
        1,
        f"{NOT_A_CUSTOMER}; ask with --customers-renting-product P000003",
    ),
    (
        "--customers-renting-product C000001",
        1,
        "C000001 is a customer, not a product; ask with --rentals-for-customer C000001",
    ),
    ("--overdue", 0, "Nothing is overdue in "),
    ("--rentals-for-customer NEW", 0, "NEW has nothing rented in "),
    ("--customers-renting-product SHELF", 0, "Nobody has rented SHELF in "),
    (
        "--adjust-stock P000001 9223372036854775800 --reason x",
        2,
        "the DELTA 9223372036854775800 is beyond 999,999,999, the limit",
    ),
    ("--edit rental A,B,P000001 due=2030-01-01", 2, """in double quotes, as in '"A,B",C'"""),
    ("--find ''", 2, "an e-mail address or a phone number"),
)


@pytest.mark.parametrize(("command", "status", "message"), MESSAGES)
def test_messages_name_what_is_meant(
    run: Run, uri: str, command: str, status: int, message: str
) -> None:
    """Each says what is wrong, or what there is none of."""
    import_files(uri, *DATASET)
    fields = "description=x product_type=x quantity_available=1"
    assert run(f"--add product product_id=SHELF {fields}", uri).status == 0
    fields = "Name=A Last_name=B Home_address=x Email_address=a@b.org Phone_number=1"
    added = run(f"--add customers user_id=NEW {fields} Status=Active Credit_limit=1", uri)
    assert added.status == 0, added.err
    outcome = run(command, uri)
    assert (outcome.status, message in outcome.err) == (status, True), outcome.err


def test_no_database_is_no_reason_to_import(run: Run, tmp_path: Path) -> None:
    """Whoever drops a database that is not there is told just that."""
    refused = run("--drop-database --yes", f"sqlite:///{tmp_path}/none.db")
    assert refused.status == 1
    assert "nothing was removed: there is no database at" in refused.err
    assert "import" not in refused.err


@pytest.mark.parametrize(("rows", "told"), [(1, "1 record)"), (2, "2 records)")])
def test_one_is_singular(run: Run, sqlite_uri: str, tmp_path: Path, rows: int, told: str) -> None:
    """Counts agree with their nouns, as where --drop-collections says what it would remove."""
    path = tmp_path / "thing.csv"
    path.write_text("id\n" + "".join(f"{n}\n" for n in range(rows)), encoding="utf-8")
    assert run(f"--linear {path}", sqlite_uri).status == 0
    refused = run("--drop-collections thing", sqlite_uri)
    assert f"thing ({told} from" in refused.err
