"""Databases of our own: beside the real one, empty, and gone in the end."""

from contextlib import closing
from pathlib import Path

import pytest

from hpnorton.compare.scratch import open_scratch, other_database
from hpnorton.errors import ComparisonError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.validate import Record
from hpnorton.stores import open_store
from hpnorton.stores.base import Batch, Mode
from hpnorton.stores.journal import OWN_COLLECTIONS

THING = Collection("thing", (Field("id"),), ("id",))
OTHER = Collection("other", (Field("id"),), ("id",))


def fill(uri: str, collection: Collection, *ids: str) -> None:
    """Makes a collection with some records."""
    with closing(open_store(uri, create=True)) as store:
        store.ensure(collection)
        if ids:
            store.write(Batch(collection, ("id",), [ids]), Mode.INSERT)


def records(uri: str, collection: str) -> list[Record]:
    """What a collection holds."""
    with closing(open_store(uri)) as store:
        return [tuple(found.values()) for found in store.find(collection, ("id",))]


def test_the_real_database_is_left_alone(uri: str) -> None:
    """Every database is empty, whatever is made in others, and none is left."""
    fill(uri, OTHER, "mine")
    with open_scratch(uri, ["thing"]) as scratch:
        for _ in range(2):
            own = scratch.new_uri()
            fill(own, THING, "scratch")
            assert records(own, "thing") == [("scratch",)]
            scratch.drop(own)
        forgotten = scratch.new_uri()
        fill(forgotten, THING, "scratch")
    with closing(open_store(uri)) as store:
        assert store.collections() == ["other"]
    assert records(uri, "other") == [("mine",)]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ComparisonError])
def test_nothing_is_left_after_a_failure(uri: str, failure: type[BaseException]) -> None:
    """Files and collections are gone, also when something goes wrong."""
    with pytest.raises(failure), open_scratch(uri, ["thing"]) as scratch:
        fill(scratch.new_uri(), THING, "scratch")
        (scratch.folder / "rows.csv").write_text("id\n")
        folder = scratch.folder
        raise failure
    assert not folder.exists()
    with closing(open_store(uri, create=True)) as store:
        assert store.collections() == []


def test_an_sqlite_file_is_made_on_the_same_disk(tmp_path: Path) -> None:
    """In a folder beside the real file, or in the nearest one that is there."""
    with open_scratch(f"sqlite:///{tmp_path}/not/there/yet/store.db", ["thing"]) as scratch:
        assert scratch.folder.parent == tmp_path
        fill(scratch.new_uri(), THING, "scratch")
    assert not list(tmp_path.iterdir())


def test_a_server_with_one_database_must_not_hold_what_we_make(nx_server: str) -> None:
    """nx-27017 shows every collection in every database: what is there is named, and kept."""
    uri = f"{nx_server}/shop"
    fill(uri, THING, "mine")
    try:
        with pytest.raises(ComparisonError, match=r"keeps all its databases in one.*\(thing\)"):
            with open_scratch(uri, ["thing", "other"]):
                pytest.fail("it was opened")
        assert records(uri, "thing") == [("mine",)]
        fill(uri, OWN_COLLECTIONS[0])
        with open_scratch(uri, ["other"]) as scratch:  # the notes are empty
            assert scratch.new_uri() == uri
        assert records(uri, "thing") == [("mine",)]
    finally:
        with closing(open_store(uri)) as store:
            store.drop_database()


@pytest.mark.parametrize(
    ("uri", "other"),
    [
        ("mongodb://host", "mongodb://host/x"),
        ("mongodb://host/shop", "mongodb://host/x"),
        ("mongodb://a:1,b:2/shop?w=1", "mongodb://a:1,b:2/x?w=1"),
        ("mongodb://host/?w=1", "mongodb://host/x?w=1"),
        ("mongodb://u:p@host/shop", "mongodb://u:p@host/x?authSource=shop"),
        ("mongodb://u:p@host/shop?w=1", "mongodb://u:p@host/x?w=1&authSource=shop"),
        ("mongodb://u:p@host", "mongodb://u:p@host/x"),
        ("mongodb://u:p@host/shop?authSource=admin", "mongodb://u:p@host/x?authSource=admin"),
        (
            "mongodb://u:p@host/shop?authMechanism=SCRAM-SHA-256",
            "mongodb://u:p@host/x?authMechanism=SCRAM-SHA-256&authSource=shop",
        ),
        (
            "mongodb://u@host/shop?authMechanism=MONGODB-X509",
            "mongodb://u@host/x?authMechanism=MONGODB-X509",
        ),
    ],
)
def test_another_database_takes_the_same_login(uri: str, other: str) -> None:
    """The login of the database that the URI names counts for the other one as well."""
    assert other_database(uri, "x") == other
