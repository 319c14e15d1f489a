"""What is particular to MongoDB."""

import inspect
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import bson
import bson.errors
import pymongo
import pytest
from pymongo import errors

from hpnorton.errors import StoreAccessError, StoreError, StoreLostError
from hpnorton.schema.stored import Value
from hpnorton.schema.validate import Record
from hpnorton.stores import open_store
from hpnorton.stores.base import Batch, Condition, Key, Mode
from hpnorton.stores.diff import Comparison, compare
from hpnorton.stores.mongo import batches as mongo_batches
from hpnorton.stores.mongo.connection import MongoConnection
from hpnorton.stores.mongo.store import MongoStore
from tests.helpers.commands import watched
from tests.helpers.stores import (
    ANNA,
    ANNE,
    BEN,
    BOTH,
    CUSTOMERS,
    INSERT,
    PRODUCTS,
    RENTALS,
    UPSERT,
    batch_of,
    put,
    records_of,
    summary,
    touched_by,
)


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


def test_every_document_has_every_field(store: MongoStore, mongo_uri: str) -> None:
    """A field that the file does not have is null, as in a table."""
    store.ensure(CUSTOMERS)
    store.write(batch_of(CUSTOMERS, ("C1", 5), columns=("user_id", "credit")), INSERT)
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        found = client.get_default_database()["customers"].find_one()
    assert found == {"_id": "C1", "user_id": "C1", "name": None, "credit": 5}


@BOTH
@pytest.mark.parametrize("min_sampled", [1, 100])
def test_where_keys_are_taken_the_look_comes_first(
    store: MongoStore, mode: Mode, min_sampled: int
) -> None:
    """In whatever order it is done, the outcome is the same."""
    store.ensure(CUSTOMERS)
    store.batches.min_sampled = min_sampled
    fresh = batch_of(CUSTOMERS, ANNA, BEN)
    for taken in ([], [0, 1], [0, 1]):
        assert list(store.write(fresh, mode).taken) == taken
    mixed = batch_of(CUSTOMERS, ANNE, ("C3", "Cleo", 0), BEN, ("C4", "Dora", 1), ("C3", "Cleo", 0))
    done = store.write(mixed, mode)
    assert (done.inserted, done.updated, len(done.conflicts)) == (
        (2, 1, 0) if mode is UPSERT else (2, 0, 1)
    )
    assert list(done.taken) == [0, 2, 4]
    assert store.write(batch_of(CUSTOMERS, ("C5", "Emil", 2)), mode).inserted == 1
    assert [record[0] for record in records_of(store, CUSTOMERS)] == ["C1", "C2", "C3", "C4", "C5"]


@BOTH
@pytest.mark.parametrize("taken", [0, 40, 60, 100])
def test_a_first_look_at_three_keys_tells_whether_all_are_taken(
    store: MongoStore, mongo_uri: str, mode: Mode, taken: int
) -> None:
    """Whether the look or the attempt comes first, the outcome is the same."""
    records = [(f"C{at:03}", "Anna", at) for at in range(100)]
    if taken:
        put(store, CUSTOMERS, *records[:taken])
    changed = [(key, "Anne", at) for key, _, at in records]
    with closing(MongoStore(mongo_uri)) as fresh:
        done = fresh.write(batch_of(CUSTOMERS, *changed), mode)
    is_upsert = mode is Mode.UPSERT
    assert (done.inserted, done.updated) == (100 - taken, taken if is_upsert else 0)
    assert (len(done.conflicts), list(done.taken)) == (0 if is_upsert else taken, [*range(taken)])
    kept = changed if is_upsert else records[:taken] + changed[taken:]
    assert records_of(store, CUSTOMERS) == kept


@BOTH
def test_what_is_stored_byte_for_byte_is_not_decoded(store: MongoStore, mode: Mode) -> None:
    """What a file holds that is imported again is unchanged; the first difference is seen."""
    records = [(f"C{at:03}", "Anna", at) for at in range(200)]
    batches = [batch_of(CUSTOMERS, *records[at : at + 50]) for at in range(0, 200, 50)]
    put(store, CUSTOMERS, *records)
    for batch in [*batches, *batches]:
        done = store.write(batch, mode)
        assert summary(done) == (0, 0, [], [*range(50)])
        assert not touched_by(done, 50)
    other, more = (*records[70][:2], 7), ("C999", "Anna", 1)
    done = store.write(batch_of(CUSTOMERS, *records[60:70], other, *records[71:80], more), mode)
    assert (done.inserted, done.updated) == (1, 1 if mode is Mode.UPSERT else 0)
    assert [(each.at, each.kept) for each in done.conflicts] == (
        [] if mode is Mode.UPSERT else [(10, 70)]
    )
    assert touched_by(done, 21) == ([10, 20] if mode is Mode.UPSERT else [20])
    assert summary(store.write(batches[0], mode)) == (0, 0, [], [*range(50)])


@BOTH
def test_what_is_stored_otherwise_but_with_the_same_values_is_the_same(
    store: MongoStore, mongo_uri: str, mode: Mode
) -> None:
    """Other programs order the fields of a document otherwise, and have wider integers."""
    store.ensure(CUSTOMERS)
    names = "credit", "name", "user_id"
    records = [(f"C{at}", "Anna", at) for at in range(4)]
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        client.get_default_database()["customers"].insert_many(
            dict(zip(names, (bson.Int64(at), name, key))) | {"_id": key}
            for key, name, at in reversed(records)
        )
    for _ in range(4):
        done = store.write(batch_of(CUSTOMERS, *records), mode)
        assert summary(done) == (0, 0, [], [0, 1, 2, 3])


@BOTH
def test_another_process_may_come_in_between(
    store: MongoStore, mongo_uri: str, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    """A key that another process inserts after the look at what is stored is taken, no error."""
    put(store, CUSTOMERS, ANNA)
    store.batches.min_sampled = 1  # so that the look comes first
    look = store.batches.stored_records

    def look_and_be_late(batch: Batch, positions: Sequence[int]) -> dict[Key, Record]:
        found = look(batch, positions)
        with closing(MongoStore(mongo_uri)) as other:
            other.write(batch_of(CUSTOMERS, BEN), INSERT)
        return found

    monkeypatch.setattr(store.batches, "stored_records", look_and_be_late)
    done = store.write(batch_of(CUSTOMERS, ANNA, ("C3", "Cleo", 0), ANNA, BEN, ANNA), mode)
    assert summary(done) == (1, 0, [], [0, 2, 3, 4])


def test_an_update_leaves_alone_what_it_does_not_change(
    store: MongoStore, mongo_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process has done meanwhile to other fields is not undone."""
    put(store, CUSTOMERS, ANNA)

    def meanwhile(*arguments: Any) -> Comparison:
        with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
            customers = client.get_default_database()["customers"]
            customers.update_one({"_id": ANNA[0]}, {"$set": {"credit": 7}})
        return compare(*arguments)

    monkeypatch.setattr(mongo_batches, "compare", meanwhile)
    done = store.write(batch_of(CUSTOMERS, (ANNA[0], "Anne", ANNA[2])), UPSERT)
    assert done.updated == 1
    assert records_of(store, CUSTOMERS) == [(ANNA[0], "Anne", 7)]


def test_a_record_that_is_changed_and_changed_back(store: MongoStore) -> None:
    """It counts twice, as if the rows were written one by one, and is what it was."""
    put(store, CUSTOMERS, ANNA)
    done = store.write(batch_of(CUSTOMERS, (ANNA[0], "Anne", 5), ANNA), UPSERT)
    assert (done.inserted, done.updated) == (0, 2)
    assert records_of(store, CUSTOMERS) == [ANNA]


@BOTH
@pytest.mark.parametrize("min_sampled", [1, 100])
def test_a_rule_of_the_server_that_keeps_a_record_out_is_told(
    store: MongoStore, mongo_uri: str, mode: Mode, min_sampled: int
) -> None:
    """A record that is silently left out would be lost: the error names it."""
    put(store, CUSTOMERS, ANNA)
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        client.get_default_database()["customers"].create_index("name", unique=True)
    store.batches.min_sampled = min_sampled
    with pytest.raises(StoreError, match="a rule of its own that keeps out the record C9;"):
        store.write(batch_of(CUSTOMERS, ANNA, BEN, ANNA, ("C9", "Anna", 1), ANNA), mode)
    assert ("C9", "Anna", 1) not in records_of(store, CUSTOMERS)


def test_a_rule_of_the_server_against_a_replacement_is_told(
    store: MongoStore, mongo_uri: str
) -> None:
    """A record that cannot replace what is stored is an error, in the server's words."""
    put(store, CUSTOMERS, ANNA, BEN)
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        client.get_default_database()["customers"].create_index("name", unique=True)
    with pytest.raises(StoreError, match="refused: .*"):
        store.write(batch_of(CUSTOMERS, (BEN[0], ANNA[1], 1)), UPSERT)
    assert BEN in records_of(store, CUSTOMERS)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (
            {
                "writeErrors": [
                    {"index": 0, "code": 11000, "errmsg": "E11000 duplicate key"},
                    {"index": 7, "code": 121, "errmsg": "Document failed validation"},
                ]
            },
            "Document failed validation",
        ),
        ({"writeConcernError": {"code": 64, "errmsg": "waiting for replication"}}, "waiting for"),
        ({"writeConcernError": {"code": 64}}, "write concern"),
    ],
)
def test_what_a_server_refuses_for_another_reason_is_told(
    store: MongoStore, reply: dict[str, object], reason: str
) -> None:
    """Only a taken key is no fault; whatever else a server answers to an insert is an error."""
    with pytest.raises(StoreError, match=f"MongoDB at mongodb://.* refused: {reason}"):
        store.batches.check_reply(reply, allowed=11000)


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


def test_a_server_that_is_not_there_is_told_soon() -> None:
    """The message names the address, and not the password."""
    start = time.monotonic()
    with pytest.raises(StoreLostError, match=r"no MongoDB answers at .*127\.0\.0\.1:1/") as caught:
        open_store("mongodb://user:secret@127.0.0.1:1/x")
    assert time.monotonic() - start < 15  # pymongo waits for 30 s
    assert "secret" not in str(caught.value)


def test_a_server_that_never_answers_is_told() -> None:
    """One that takes the call and is silent is as good as gone, when the URI's time is up."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        options = "serverSelectionTimeoutMS=200&connectTimeoutMS=200&socketTimeoutMS=200"
        start = time.monotonic()
        with pytest.raises(StoreLostError, match=f"no MongoDB answers at mongodb://{address}/x"):
            open_store(f"mongodb://{address}/x?{options}")
    assert time.monotonic() - start < 15


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


# What each class of pymongo.errors and bson.errors becomes; a new one has to be decided on.
DECIDED: dict[str, type[StoreError]] = {
    "AutoReconnect": StoreLostError,
    "BSONError": StoreError,
    "BulkWriteError": StoreError,
    "ClientBulkWriteException": StoreError,
    "CollectionInvalid": StoreError,
    "ConfigurationError": StoreAccessError,
    "ConnectionFailure": StoreLostError,
    "CursorNotFound": StoreLostError,  # a server that was started again knows no old cursors
    "DocumentTooLarge": StoreError,
    "DuplicateKeyError": StoreError,
    "EncryptedCollectionError": StoreError,
    "EncryptionError": StoreError,
    "ExecutionTimeout": StoreError,
    "InvalidBSON": StoreError,
    "InvalidDocument": StoreError,
    "InvalidId": StoreError,
    "InvalidName": StoreError,
    "InvalidOperation": StoreError,
    "InvalidStringData": StoreError,
    "InvalidURI": StoreAccessError,
    "NetworkTimeout": StoreLostError,
    "NotPrimaryError": StoreLostError,
    "OperationFailure": StoreError,
    "ProtocolError": StoreError,
    "PyMongoError": StoreError,
    "ServerSelectionTimeoutError": StoreLostError,
    "WTimeoutError": StoreError,
    "WaitQueueTimeoutError": StoreError,  # the pool of our own connections
    "WriteConcernError": StoreError,
    "WriteError": StoreError,
    "_OperationCancelled": StoreLostError,
}


def _error_classes() -> dict[str, type[Exception]]:
    return {
        name: kind
        for module in (errors, bson.errors)
        for name, kind in inspect.getmembers(module, inspect.isclass)
        # One is ssl's, which pymongo itself makes an AutoReconnect of.
        if issubclass(kind, Exception) and kind.__module__.startswith(("pymongo.", "bson."))
    }


def test_it_is_decided_what_every_error_of_pymongo_becomes() -> None:
    """The list names all classes there are, and no others."""
    assert _error_classes().keys() == DECIDED.keys()


def test_every_error_of_pymongo_becomes_one_of_ours(store: MongoStore) -> None:
    """Whatever pymongo raises, the user is told by a StoreError that names the server."""
    for name, kind in _error_classes().items():
        error: Exception = kind.__new__(kind)
        Exception.__init__(error, "what it says")
        if isinstance(error, errors.OperationFailure):
            errors.OperationFailure.__init__(error, "what it says")
        with (
            pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught,
            store.connection.translate_errors(),
        ):
            raise error
        assert caught.type is DECIDED[name], name


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (errors.AutoReconnect, "any more; see whether it still runs, and what its log says"),
        (errors.ServerSelectionTimeoutError, "; check that it runs and that the address is right"),
    ],
)
def test_a_server_that_has_ended_the_connection_is_not_one_that_is_absent(
    store: MongoStore, kind: type[errors.PyMongoError], advice: str
) -> None:
    """A command may be too much for it: its address is right, and its log has the reason."""
    with (
        pytest.raises(StoreLostError, match=f"no MongoDB answers at .*{advice}$"),
        store.connection.translate_errors(),
    ):
        raise kind("connection closed")


@pytest.mark.parametrize(
    ("value", "reason"),
    [(2**63, "8-byte ints"), ("\udcff", "surrogates")],
    ids=["integer", "text"],
)
def test_a_value_that_no_document_can_hold_is_told(
    store: MongoStore, value: Value, reason: str
) -> None:
    """An integer beyond 64 bits, half a sign: no traceback."""
    store.ensure(CUSTOMERS)
    with pytest.raises(StoreError, match=f"cannot hold a value: .*{reason}"):
        store.write(batch_of(CUSTOMERS, ("C1", value, 1)), INSERT)
    assert store.count("customers") == 0


def test_a_document_that_cannot_be_read_is_told(store: MongoStore, mongo_uri: str) -> None:
    """Other programs may have put into it what Python has no value for, such as the year 10000."""
    with pymongo.MongoClient[dict[str, object]](mongo_uri) as client:
        late = bson.datetime_ms.DatetimeMS(2**50)
        client.get_default_database()["customers"].insert_one({"_id": "C1", "since": late})
    with pytest.raises(StoreError, match="holds a document that cannot be read: .*out of range"):
        list(store.find("customers", ("user_id",)))


def test_records_come_in_the_order_of_an_index(mongo_uri: str) -> None:
    """By `_id` where the key is one field, and by the key's own index where it is several."""
    with watched(mongo_uri) as (store, commands):
        for collection in (CUSTOMERS, PRODUCTS, RENTALS):
            store.ensure(collection)
        put(store, PRODUCTS, ("P3", 5), ("P1", 0), ("P2", 1))
        found = [
            *store.find("product", ("product_id",)),
            *store.find("product", ("product_id",), (("stock", ">", 0),)),
            *store.search("product", ("product_id",), ("product_id",), "p"),
        ]
        assert [each["product_id"] for each in found] == [*"P1 P2 P3 P2 P3 P1 P2 P3".split()]
        stocks = [product_id for product_id, *_ in store.stocks("product", "product_id", "stock")]
        assert stocks == ["P1", "P2", "P3"]
        assert not list(store.find("rental", RENTALS.key))
    sorts = [dict(sent["sort"]) for sent in commands if "sort" in sent]
    assert sorts == [{"_id": 1}] * 4 + [dict.fromkeys(RENTALS.key, 1)]


@pytest.mark.parametrize(
    ("user", "code", "text", "kind", "advice"),
    [
        ("", 13, "Command find requires authentication", StoreAccessError, "asks for a login"),
        ("", 13, "not authorized on x", StoreAccessError, "asks for a login"),
        ("ann:secret@", 13, "Authentication failed", StoreAccessError, "check user name, password"),
        ("ann:secret@", 18, "Authentication failed", StoreAccessError, "check user name, password"),
        ("ann:secret@", 13, "not authorized on x", StoreAccessError, "the role readWrite"),
        ("", 1, "the database system is shutting down", StoreLostError, "whether it still runs"),
        ("", 1, "the database system is starting up", StoreLostError, "whether it still runs"),
        ("", 1, "the database is full", StoreError, "refused: the database is full"),
    ],
)
def test_what_a_server_refuses_is_told_with_what_helps(  # pylint: disable=too-many-arguments,too-many-positional-arguments # of a table
    monkeypatch: pytest.MonkeyPatch, user: str, code: int, text: str, kind: type, advice: str
) -> None:
    """A missing login, a wrong one, a missing role, and a server that is about to end."""
    monkeypatch.setattr(MongoConnection, "_log_in", lambda self: None)
    with closing(MongoStore(f"mongodb://{user}127.0.0.1:1/x")) as store:
        with pytest.raises(StoreError, match=advice) as told:
            with store.connection.translate_errors():
                raise errors.OperationFailure(text, code)
    assert told.type is kind and "secret" not in str(told.value)
