"""What is particular to MongoDB."""

import time
from collections.abc import Iterator
from contextlib import closing

import pymongo
import pytest
from pymongo import errors

from hpnorton.errors import StoreAccessError, StoreError
from hpnorton.stores import open_store
from hpnorton.stores.mongo import MongoStore
from hpnorton.stores.protocol import Condition
from tests.test_stores import ANNA, BEN, CUSTOMERS, PRODUCTS, RENTALS, put


@pytest.fixture(name="store")
def open_empty_store(mongo_uri: str) -> Iterator[MongoStore]:
    """An empty store on each server."""
    with closing(MongoStore(mongo_uri)) as store:
        yield store


def test_the_key_is_the_id(store: MongoStore, mongo_uri: str) -> None:
    """A document's _id is its key, joined where it has several fields, and its fields stay."""
    put(store, CUSTOMERS, ANNA)
    put(store, RENTALS, ("C1", None, "P|1"))
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        database = client.get_default_database()
        customer = database["customers"].find_one({"_id": "C1"})
        rental = database["rental"].find_one({"_id": "C1|P\\|1"})
    assert customer == {"_id": "C1", "user_id": "C1", "name": "Anna", "credit": 100}
    assert rental == {"_id": "C1|P\\|1", "user_id": "C1", "note": None, "product_id": "P|1"}


def test_both_references_are_indexed(store: MongoStore, mongo_uri: str) -> None:
    """Rentals are found by customer and by product without a scan; both lead an index."""
    store.ensure(RENTALS)
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        indexes = client.get_default_database()["rental"].index_information().values()
    first_fields = {index["key"][0][0] for index in indexes}
    assert first_fields == {"_id", "user_id", "product_id"}


def test_two_queries_give_what_lookup_gives(store: MongoStore) -> None:
    """What stands in for $lookup, where a server has none, answers the same."""
    put(store, CUSTOMERS, ANNA, BEN)
    put(store, PRODUCTS, ("P1", 0), ("P2", 1), ("P3", 2))
    put(store, RENTALS, ("C1", None, "P2"), ("C2", None, "P1"), ("C1", None, "P1"))
    questions: list[tuple[Condition, str, str]] = [
        (("user_id", "=", "C1"), "product", "product_id"),
        (("product_id", "=", "P1"), "customers", "user_id"),
        (("product_id", "=", "P3"), "customers", "user_id"),
    ]
    for where, target, field in questions:
        joined = list(store.find_joined("rental", where, target, field))
        # pylint: disable-next=protected-access # the other way to answer the same question
        in_two = store._joined_in_two("rental", where, target, field)
        assert [document | {"_id": document[field]} for document in joined] == in_two


def test_a_server_that_is_not_there_is_told_within_five_seconds() -> None:
    """The message names the address, and not the password."""
    start = time.monotonic()
    with pytest.raises(
        StoreAccessError, match=r"no MongoDB answers at .*127\.0\.0\.1:1/"
    ) as caught:
        open_store("mongodb://user:secret@127.0.0.1:1/x")
    assert time.monotonic() - start < 5
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://user:se/cret@127.0.0.1/x",
        "mongodb://user:se@cret@127.0.0.1/x",
        "mongodb://user:secret@127.0.0.1:port/x",
        "mongodb://user:secret@/x",
        "mongodb://",
        "mongodb://127.0.0.1/a b",
        "mongodb://127.0.0.1/?authMechanism=NONE",
    ],
)
def test_a_uri_that_makes_no_sense_is_told(uri: str) -> None:
    """The message says what a URI looks like; the error and its causes never show the password."""
    with pytest.raises(StoreAccessError) as caught:
        open_store(uri)
    error: BaseException | None = caught.value
    while error is not None:
        assert "cret" not in str(error)
        error = error.__cause__


def test_a_login_that_the_server_does_not_take_is_told(mongo_uri: str) -> None:
    """Wrong credentials end with advice, not with a traceback, and the password stays hidden."""
    with pytest.raises(StoreAccessError, match="user name, password") as caught:
        open_store(mongo_uri.replace("://", "://nobody:secret@"))
    assert "secret" not in str(caught.value)


def _all_subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _all_subclasses(subclass)


def test_every_error_of_pymongo_becomes_one_of_ours(store: MongoStore) -> None:
    """Whatever pymongo raises, the user is told by a StoreError that names the server."""
    kinds: list[type[Exception]] = [errors.PyMongoError, *_all_subclasses(errors.PyMongoError)]
    assert len(kinds) > 20
    for kind in kinds:
        error: Exception = kind.__new__(kind)
        Exception.__init__(error, "what it says")
        if isinstance(error, errors.OperationFailure):
            errors.OperationFailure.__init__(error, "what it says")
        with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
            with store._errors():  # pylint: disable=protected-access # the one place that maps
                raise error
