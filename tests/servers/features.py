"""What HPNorton would like a server to do, and does otherwise, or without, where it does not.

Each is asked for as any client does. `suite` runs these beside the tests of the store: what a
server lacks is among its known limits, in its own words.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymongo
import pymongo.errors
import pytest
from pymongo.client_session import ClientSession
from pymongo.database import Database

Documents = Database[dict[str, Any]]
LARGE = "x" * 2**24  # as many characters as a document may have bytes


@pytest.fixture(name="database")
def connect(mongo_uri: str) -> Iterator[Documents]:
    """An empty database on the server."""
    with pymongo.MongoClient[dict[str, Any]](mongo_uri, serverSelectionTimeoutMS=5000) as client:
        yield client.get_default_database()


def test_hello(database: Documents) -> None:
    """It says what it is: a replica set and a mongos have transactions."""
    assert database.command("hello")["maxBsonObjectSize"] == 2**24


def test_a_join(database: Documents) -> None:
    """$lookup answers in one query what takes two without it."""
    database.product.insert_one({"_id": "P1", "description": "tv"})
    database.rental.insert_one({"_id": "C1|P1", "product_id": "P1"})
    join = {"from": "product", "localField": "product_id", "foreignField": "_id", "as": "product"}
    (found,) = database.rental.aggregate([{"$lookup": join}])
    assert found["product"] == [{"_id": "P1", "description": "tv"}]


def test_a_sample(database: Documents) -> None:
    """$sample finds the boundaries of ranges without a look at all documents."""
    database.thing.insert_many({"_id": number} for number in range(100))
    assert len(list(database.thing.aggregate([{"$sample": {"size": 10}}]))) == 10


def test_ranges_by_an_index(database: Documents) -> None:
    """The beginning of a range of `_id` is found without a look at what comes before it."""
    database.thing.insert_many({"_id": number} for number in range(100))
    question = {"find": "thing", "filter": {"_id": {"$gte": 50}}}
    plan = database.command("explain", question, verbosity="queryPlanner")
    assert "IXSCAN" in str(plan), str(plan["queryPlanner"])


def test_groups(database: Documents) -> None:
    """$group finds repeated keys, of several fields too, without sending all of them."""
    database.thing.insert_many({"_id": number, "a": number % 2, "b": 1} for number in range(3))
    keys = {"$group": {"_id": {"a": "$a", "b": "$b"}, "count": {"$sum": 1}}}
    found = sorted(database.thing.aggregate([keys]), key=lambda group: int(group["count"]))
    assert found == [{"_id": {"a": 1, "b": 1}, "count": 1}, {"_id": {"a": 0, "b": 1}, "count": 2}]


def test_transactions(database: Documents) -> None:
    """A line of the counter's history and its change are one."""

    def write(session: ClientSession) -> None:
        database.thing.insert_one({"_id": 1}, session=session)
        session.abort_transaction()

    database.create_collection("thing")
    with database.client.start_session() as session:
        session.with_transaction(write)
    assert database.thing.count_documents({}) == 0


def test_an_update_is_atomic(database: Documents) -> None:
    """What several clients add to a number at once is added."""
    database.thing.insert_one({"_id": 1, "number": 0})

    def add(times: int) -> None:
        for _ in range(times):
            database.thing.update_one({"_id": 1}, {"$inc": {"number": 1}})

    with ThreadPoolExecutor(8) as clerks:
        list(clerks.map(add, [50] * 8))
    found = database.thing.find_one({"_id": 1})
    assert found == {"_id": 1, "number": 400}


def test_a_boolean_stays_one(database: Documents) -> None:
    """What replaces another value keeps its type."""
    database.thing.insert_one({"_id": 1, "flag": None})
    database.thing.update_one({"_id": 1}, {"$set": {"flag": True}})
    (flag,) = (found["flag"] for found in database.thing.find())
    assert flag is True


def test_a_boolean_identifies(database: Documents) -> None:
    """A key may be a boolean."""
    database.thing.insert_one({"_id": True})
    assert database.thing.find_one({"_id": True}) == {"_id": True}


def test_databases_are_apart(database: Documents) -> None:
    """Collections of one name in two databases are two."""
    other = database.client[f"{database.name}_too"]
    database.thing.insert_one({"_id": 1})
    try:
        assert other.thing.find_one({"_id": 1}) is None
    finally:
        database.client.drop_database(other.name)


def test_letters_of_any_alphabet(database: Documents) -> None:
    """A search that is blind to case is so beyond ASCII too."""
    database.thing.insert_one({"_id": 1, "name": "José"})
    assert database.thing.find_one({"name": {"$regex": "JOSÉ", "$options": "i"}}) is not None


def test_a_document_that_is_too_large(database: Documents) -> None:
    """It is refused, and the connection stays."""
    reply = database.command("insert", "thing", documents=[{"_id": 1, "text": LARGE}])
    assert "writeErrors" in reply


def test_a_login(database: Documents) -> None:
    """A name and a password that nobody has are refused."""
    host, port = database.client.address or ("", 0)
    with pymongo.MongoClient[dict[str, Any]](
        host, port, username="nobody", password="secret"
    ) as client:
        with pytest.raises(pymongo.errors.OperationFailure) as caught:
            client.admin.command("ping")
    assert caught.value.code == 18, str(caught.value)
