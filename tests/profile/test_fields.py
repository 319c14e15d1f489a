"""Which fields there are: the same in any number of ranges and processes, on every store."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import Binary, Int64, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import StoreMissingError, UnknownCollectionError
from hpnorton.log import start_log
from hpnorton.profile.fields import profile_fields
from hpnorton.stores import open_store
from hpnorton.stores.base import ChangeStore
from hpnorton.stores.mongo import ranges
from hpnorton.stores.scan import Range
from hpnorton.stores.sqlite.store import SqliteStore
from tests.helpers.stores import ANNA, BEN, CUSTOMERS, put

RARE = (7, 500, 999)


def document(number: int) -> dict[str, Any]:
    """Nested, of mixed types, and now and then with a field that hardly any other has."""
    made: dict[str, Any] = {
        "_id": number if number % 5 == 0 else f"k{number:04d}",
        "user": {"name": f"n{number}", "address": {"zip": number if number % 3 else "none"}},
        "tags": ["a", "b", "c"][: number % 4],
    }
    if number in RARE:
        made["rare"] = True
    return made


EXPECTED = {
    "_id": ({"string": 800, "int": 200}, 1000),
    "rare": ({"bool": 3}, 3),
    "tags": ({"array": 1000}, 1000),
    "tags[]": ({"string": 1500}, 750),
    "user": ({"object": 1000}, 1000),
    "user.address": ({"object": 1000}, 1000),
    "user.address.zip": ({"int": 666, "string": 334}, 1000),
    "user.name": ({"string": 1000}, 1000),
}


@pytest.fixture(name="filled")
def collection_of_documents(mongo_uri: str) -> Iterator[str]:
    """A database with a collection of 1,000 documents."""
    with pymongo.MongoClient[dict[str, Any]](mongo_uri) as client:
        database = client.get_default_database()
        database["mixed"].insert_many(map(document, range(1000)))
        database["empty"].insert_one({})
        database["empty"].delete_many({})
        yield mongo_uri
        database.drop_collection("mixed")
        database.drop_collection("empty")


@pytest.mark.usefixtures("is_cut")
def test_every_field_is_found(filled: str) -> None:
    """With types and counts, in one process and in two, and the same examples each time."""
    (alone,) = profile_fields(filled, ["mixed"], workers=1)
    (shared,) = profile_fields(filled, ["mixed"], workers=2)
    assert alone.scope == shared.scope == "1,000 of 1,000 documents"
    for found in (alone, shared):
        fields = {field["field"]: field for field in found.fields()}
        assert {
            name: (field["types"], field["documents"]) for name, field in fields.items()
        } == EXPECTED
        assert fields["rare"]["percentage"] == 0.3
        assert fields["tags[]"]["count"] == 1500
        assert fields["rare"]["example"] is not None
        assert fields["user"]["example"] is None


def test_a_sample_says_that_it_is_one(filled: str) -> None:
    """A sample reads as many documents as asked for."""
    (found,) = profile_fields(filled, ["mixed"], sample=10)
    assert found.scope == "10 of 1,000 documents, sampled"
    assert found.statistics.fields["_id"].records == 10
    (found,) = profile_fields(filled, ["mixed"], sample=5000)
    assert found.statistics.records == 1000


def test_an_empty_collection_has_no_fields(filled: str) -> None:
    """0 of 0 documents."""
    (found,) = profile_fields(filled, ["empty"])
    assert (found.scope, found.fields()) == ("0 of 0 documents", [])


def test_an_unknown_collection_is_an_error_that_lists_the_known_ones(uri: str) -> None:
    """The message names what there is to look at."""
    with closing(open_store(uri, create=True)) as store:
        put(store, CUSTOMERS, ANNA)
    with pytest.raises(UnknownCollectionError, match="no collection 'custmers'.*customers"):
        profile_fields(uri, ["custmers"])


def test_a_missing_file_is_an_error(sqlite_uri: str) -> None:
    """A profile creates no database."""
    with pytest.raises(StoreMissingError, match="import the CSV files first"):
        profile_fields(sqlite_uri, [])


@pytest.mark.usefixtures("is_cut")
@pytest.mark.parametrize("workers", [1, 2])
def test_progress_is_reported(filled: str, workers: int) -> None:
    """Documents so far, and at the end all of them, whoever does the work."""
    reported: list[tuple[str, int, int]] = []
    profile_fields(
        filled, ["mixed"], workers=workers, on_progress=lambda *step: reported.append(step)
    )
    assert reported[0] == ("mixed", 0, 1000)
    assert reported[-1] == ("mixed", 1000, 1000)
    assert [done for _, done, _ in reported] == sorted(done for _, done, _ in reported)


IDS: dict[str, Callable[[random.Random], Any]] = {
    "text": lambda source: f"k{source.randrange(10**9)}{source.choice(['', 'é', 'A', '😀'])}",
    "int": lambda source: source.randrange(-(10**6), 10**6),
    "long": lambda source: Int64(source.randrange(2**60)),
    "double": lambda source: source.uniform(-1e6, 1e6),
    "objectId": lambda source: ObjectId(source.randbytes(12)),
    "date": lambda source: datetime(2000, 1, 1) + timedelta(seconds=source.randrange(10**9)),
    "uuid": lambda source: Binary(source.randbytes(16), 4),
    "object": lambda source: {"a": source.randrange(10**6)},
}


KINDS = [
    ["text"],
    ["int", "double"],
    ["long"],
    ["objectId"],
    ["date"],
    ["uuid"],
    ["object"],
    ["int", "text"],
    ["objectId", "text"],
    ["date", "int", "text"],
]


@contextmanager
def things(uri: str, kinds: Sequence[str]) -> Iterator[ChangeStore]:
    """A store whose documents have `_id`s of all these types, 120 of each."""
    source = random.Random(1)
    made = {repr(one): one for _ in range(120) for one in (IDS[kind](source) for kind in kinds)}
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        collection = client.get_default_database()["things"]
        collection.insert_many({"_id": one, "n": n} for n, one in enumerate(made.values()))
        assert len(made) == 120 * len(kinds)
        with closing(open_store(uri)) as store:
            yield store
        collection.drop()


def check_ranges(uri: str, kinds: Sequence[str]) -> None:
    """Ranges of any size hold each document once."""
    with things(uri, kinds) as store:
        scan = store.scan("things")
        for size in (10, 50, 1000):
            seen = Counter(
                n
                for part in scan.ranges(size)
                for (numbers,) in scan.columns(part, ["n"])
                for n in numbers
            )
            assert seen == Counter(range(120 * len(kinds)))


@pytest.mark.usefixtures("is_cut")
@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_ranges_hold_each_document_once(mongo_uri: str, kinds: Sequence[str]) -> None:
    """Whatever the types of `_id` are, where a collection is cut."""
    check_ranges(mongo_uri, kinds)


def test_ranges_of_any_mix_hold_each_document_once(mongo_uri: str) -> None:
    """Of many types at a time too, where servers without an index differ in what they compare."""
    check_ranges(mongo_uri, list(IDS))
    with things(mongo_uri, list(IDS)):
        (found,) = profile_fields(mongo_uri, ["things"], workers=2)
    assert found.scope == "960 of 960 documents"


# What servers say to `explain` of a question for a range of `_id`, but for what is of no interest.
MONGODB = {"stage": "FETCH", "inputStage": {"stage": "IXSCAN", "keyPattern": {"_id": 1}}}
PLANS: Sequence[tuple[str, dict[str, Any], bool]] = (
    ("MongoDB", {"queryPlanner": {"winningPlan": MONGODB}}, True),
    ("clustered", {"queryPlanner": {"winningPlan": {"stage": "CLUSTERED_IXSCAN"}}}, True),
    (
        "sharded",
        {"queryPlanner": {"winningPlan": {"shards": [{"winningPlan": MONGODB}]}}},
        True,
    ),
    ("a view", {"stages": [{"$cursor": {"queryPlanner": {"winningPlan": MONGODB}}}]}, True),
    ("no index", {"queryPlanner": {"winningPlan": {"stage": "COLLSCAN"}}}, False),
    ("nx-27017", {"queryPlanner": {"winningPlan": [{"detail": "SCAN orders"}]}}, False),
    (
        "FerretDB 1",
        {"queryPlanner": {"Plan": ["id=2 parent=0 notused=0 detail=SCAN orders_325e96ec"]}},
        False,
    ),
)


@pytest.mark.parametrize(
    ("plan", "is_by_index"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS]
)
def test_a_plan_shows_an_index(plan: dict[str, Any], is_by_index: bool) -> None:
    """Only a server that looks for a range in an index is asked for ranges."""
    assert ranges.is_by_index(plan) == is_by_index


def test_a_server_that_scans_all_for_a_range_is_asked_once(
    nx_server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By one cursor, in this process, however many workers are asked for; the log says so."""
    monkeypatch.setattr("hpnorton.profile.fields.MIN_RECORDS", 25)
    monkeypatch.setattr("hpnorton.parallel.open_workers", pytest.fail)
    start_log("DEBUG")
    try:
        with things(f"{nx_server}/test_one_cursor", ["int"]) as store:
            assert store.scan("things").ranges(10) == [Range("things")]
            for workers in (None, 2):
                (found,) = profile_fields(
                    f"{nx_server}/test_one_cursor", ["things"], workers=workers
                )
                assert found.scope == "120 of 120 documents"
    finally:
        start_log(None)
    assert capsys.readouterr().err.count("things: the server has no index for ranges of _id") == 3


@pytest.mark.usefixtures("is_cut")
def test_some_workers_share_what_there_is(filled: str) -> None:
    """Several collections are profiled in parallel, each as a whole."""
    found = profile_fields(filled, ["mixed", "empty"], workers=2)
    assert [each.scope for each in found] == ["1,000 of 1,000 documents", "0 of 0 documents"]


def table(path: Path, definition: str, rows: Sequence[Sequence[Any]]) -> str:
    """The URI of an SQLite file with somebody else's table `t`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE t {definition}")
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        connection.commit()
    return f"sqlite:///{path}"


ROWS: list[list[Any]] = [[n, f"t{n}" if n % 3 else None, n / 2 if n % 2 else n] for n in range(100)]


@pytest.mark.usefixtures("is_cut")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "definition",
    [
        "(a INTEGER PRIMARY KEY, b TEXT, c)",
        "(a INTEGER PRIMARY KEY, b TEXT, c) WITHOUT ROWID",
        "(rowid TEXT, b TEXT, c)",
        "(rowid, _rowid_, oid)",
        "(a TEXT, b BLOB, c REAL)",
    ],
)
def test_columns_of_any_table_are_found(tmp_path: Path, definition: str, workers: int) -> None:
    """The types are what SQLite's typeof says of each value, in the order of the columns."""
    uri = table(tmp_path / "x.db", definition, ROWS)
    (found,) = profile_fields(uri, [], workers=workers)
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info('t')")]
        expected = {
            name: dict(
                connection.execute(
                    f'SELECT typeof("{name}"), count(*) FROM t GROUP BY 1'
                ).fetchall()
            )
            for name in names
        }
    assert found.scope == "100 of 100 documents"
    assert [field["field"] for field in found.fields()] == names
    assert {field["field"]: field["types"] for field in found.fields()} == expected


def test_a_sample_of_a_table(tmp_path: Path) -> None:
    """So many rows, whether or not they have rowids."""
    for at, definition in enumerate(["(a, b, c)", "(a PRIMARY KEY, b, c) WITHOUT ROWID"]):
        uri = table(tmp_path / f"{at}.db", definition, ROWS)
        (found,) = profile_fields(uri, ["t"], sample=7)
        assert found.scope == "7 of 100 documents, sampled"
        assert found.statistics.fields["a"].types.total() == 7


@given(st.sets(st.integers(-50, 50)), st.integers(1, 60))
def test_ranges_hold_each_row_once(rowids: set[int], size: int) -> None:
    """In ranges of so many rows, whatever gaps there are between rowids."""
    with closing(SqliteStore(":memory:", create=True)) as store:
        run = store.connection.run
        run("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        for rowid in rowids:
            run("INSERT INTO t VALUES (?)", (rowid,))
        scan = store.scan("t")
        parts = [
            [n for (column,) in scan.columns(part, ["n"]) for n in column]
            for part in scan.ranges(size)
        ]
    assert [n for part in parts for n in part] == sorted(rowids)
    assert all(len(part) == size for part in parts[:-1])


def test_ranges_can_be_shown() -> None:
    """As JSON: numbers and texts as they are, other values as text."""
    mine = ObjectId()
    assert Range("c", 3, 5, None).as_document() == {"number": 3, "from": 5, "below": None}
    assert Range("c", 1, mine).as_document()["from"] == str(mine)


def test_all_collections_are_profiled(uri: str) -> None:
    """Without names all are profiled, in order; a name given twice counts once."""
    with closing(open_store(uri, create=True)) as store:
        put(store, CUSTOMERS, ANNA, BEN)
        present = store.collections()
    assert [each.collection for each in profile_fields(uri, [])] == present
    assert len(profile_fields(uri, ["customers", "customers"])) == 1
