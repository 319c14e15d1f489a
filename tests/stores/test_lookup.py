"""Keys as people type them: which record they mean, by one rule for all commands."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.errors import UnknownIdError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore, Mode
from hpnorton.stores.lookup import find_key, find_other_spellings, find_same_but_case, key_from_text
from tests.conftest import Run
from tests.helpers.stores import batch_from_documents

Write = Callable[..., Path]
IDS = ("C1", "AbC", "aBC", "Åsa-1", "longer-than-anybody", "LONGER-THAN-ANYTHING")
THING = Collection("thing", (Field("id"), Field("n", "integer")), ("id",))
CUSTOMERS = "user_id,Name,Last_name,Home_address,Phone_number,Email_address,Status,Credit_limit"
PRODUCTS = "product_id,description,product_type,quantity_available"


@pytest.fixture(name="store")
def open_store_with_ids(uri: str) -> Iterator[ChangeStore]:
    """A store of each kind with some ids."""
    with closing(open_store(uri, create=True)) as store:
        store.ensure(THING)
        store.write(
            batch_from_documents(THING, [{"id": each, "n": 1} for each in IDS]), Mode.INSERT
        )
        yield store


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("C1", "C1"),
        ("c1", "C1"),
        ("\ufeffc1\u00a0\u200b", "C1"),
        ("AbC", "AbC"),
        ("A\u030asa-1", "Åsa-1"),
        ("åSA-1", "Åsa-1"),
        ("Longer-Than-Anybody", "longer-than-anybody"),
        ("longer-than-anything", "LONGER-THAN-ANYTHING"),
        ("C2", None),
        ("C%", None),
        ("Longer-Than-%", None),
    ],
)
def test_who_is_meant(store: ChangeStore, text: str, key: str | None) -> None:
    """The key as it stands, else the only one that differs in case."""
    found = find_key(store, "thing", ("id",), (key_from_text(text),))
    assert found == (None if key is None else (key,))


def test_several_that_differ_in_case_are_listed(store: ChangeStore) -> None:
    """Nobody else's record is taken for the one that is meant."""
    assert find_same_but_case(store, "thing", ("id",), ("AbC",)) == [("aBC",)]
    with pytest.raises(UnknownIdError) as raised:
        find_key(store, "thing", ("id",), ("abc",))
    assert str(raised.value) == (
        "thing has no id 'abc', but 'AbC' and 'aBC', which differ from it in case only; type one "
        "of them exactly"
    )


@pytest.fixture(name="shop")
def shop_with_twins(run: Run, csv_file: Write, uri: str) -> str:
    """A shop with a customer whose id another one has in small letters, and one from a Mac."""
    customers = ("Ca1,Ida,Holm", "cA1,Zoë,Berg", "C2,Una,Holm", "A\u030aSA-2,A\u030asa,O\u0308berg")
    rows = [f"{each},,,,Active,1" for each in customers]
    files = (
        csv_file("customers.csv", CUSTOMERS, *rows),
        csv_file("product.csv", PRODUCTS, "P1,Drill,Tools,5"),
        csv_file("rental.csv", "user_id,product_id", "\u00c5SA-2,P1"),
    )
    assert run(f"--linear {' '.join(map(str, files))} --quiet", uri).status == 0
    return uri


def test_the_counter_takes_the_exact_id(run: Run, shop: str) -> None:
    """Which gets the rental; an id that is neither is refused with both."""
    assert run("--rent cA1 p1", shop).data[0]["name"] == "Zoë Berg"
    for command in ("--rent ca1 P1", "--return CA1 P1", "--rentals-for-customer ca1",
                    "--edit customers ca1 Name=x", "--history ca1"):  # fmt: skip
        done = run(command, shop)
        assert done.status == 1 and "'Ca1' and 'cA1'" in done.err, command
    assert run("--rent c2 '\ufeffP1 '", shop).data[0]["user_id"] == "C2"
    assert [found["user_id"] for found in run("--find ca1", shop).data] == ["Ca1", "cA1"]
    assert [found["user_id"] for found in run("--find cA1", shop).data] == ["cA1"]


def test_letters_are_composed_wherever_they_are_typed(run: Run, shop: str) -> None:
    """Ids and names of a Mac are found, rented to, and referred to, however they are typed."""
    for text in ("Öberg", "O\u0308berg", "\u00e5sa", "a\u030asa", "ÅSA-2"):
        assert [found["user_id"] for found in run(f"--find {text}", shop).data] == ["ÅSA-2"], text
    assert run("--rentals-for-customer A\u030asa-2", shop).data[0]["product_id"] == "P1"
    assert run("--return åsa-2 P1", shop).status == 0
    assert run("--edit customers A\u030aSA-2 Name=A\u030a", shop).data[0]["Name"] == "Å"


def test_a_key_that_differs_in_case_only_is_not_added(run: Run, shop: str) -> None:
    """Since the counter takes small letters for capitals."""
    more = "Name=x Last_name=y Status=Active Credit_limit=1"
    done = run(f"--add customers user_id=c2 {more}", shop)
    assert done.status == 1
    assert "customers has 'C2', from which 'c2' differs in case only" in done.err
    done = run(f"--add customers user_id=C\u200b3 {more}", shop)
    assert done.status == 1 and "holds the invisible character U+200B ZERO WIDTH SPACE" in done.err
    assert run(f"--add customers user_id=' C3\u00a0' {more}", shop).data[0]["user_id"] == "C3"


@pytest.mark.parametrize(
    "way", ["--linear", "--parallel --workers 2", "--stream", "--linear --dry-run"]
)
def test_a_reference_that_differs_in_case_only_is_rejected_with_the_parent(
    run: Run, csv_file: Write, shop: str, way: str
) -> None:
    """The reason names the parent that is there, and gives no advice that would make a twin."""
    path = csv_file("more.csv", "user_id,product_id", "c2,P1", "ca1,P1", "C9,p1", "åsa-2,P1")
    flag, *more = way.split()
    rest = "--every 0 0" if flag == "--stream" else " ".join(more)
    done = run(f"{flag} rental={path} {rest} --rejects {path.parent / 'rejects'}", shop)
    assert (done.status, done.data[0]["rental"]["rejected"]) == (3, 4)
    for reason in (
        "\"c2\" is not in customers: customers has 'C2', which differs in case only; correct it in",
        "\"ca1\" is not in customers: customers has 'Ca1' and 'cA1', which differ in case only",
        '"C9" is not in customers; import it there first',
        "\"p1\" is not in product: product has 'P1', which differs in case only",
        "\"åsa-2\" is not in customers: customers has 'ÅSA-2'",
    ):
        assert reason in done.err


def test_several_keys_are_looked_up_at_once(store: ChangeStore) -> None:
    """Each has those that are there; of a long key only one case throughout is tried."""
    wanted = ["abc", "c1", "C2", "longer-Than-anybody", "longer-than-anything", "Longer-Than-Many"]
    assert find_other_spellings(store, "thing", ("id",), [(each,) for each in wanted]) == {
        ("abc",): [("AbC",), ("aBC",)],
        ("c1",): [("C1",)],
        ("longer-Than-anybody",): [("longer-than-anybody",)],
        ("longer-than-anything",): [("LONGER-THAN-ANYTHING",)],
    }
    many = [(f"x{number}",) for number in range(30_000)]
    assert not find_other_spellings(store, "thing", ("id",), [*many, ("c1",)])
