"""The version of a database's format: what another version wrote is refused, with a way out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pymongo
import pytest

from hpnorton.stores import open_store
from hpnorton.stores.base import Document
from hpnorton.stores.format import FORMAT_VERSION, SETTINGS, Setting
from tests.conftest import Run
from tests.helpers.shop import DATASET, import_files

COMMANDS = (
    "--all-products",
    "--rent C000001 P000001",
    "--history",
    "--linear product=data/test/product.csv",
    "--linear product=data/test/product.csv --dry-run",
)
NEWER = f"in format {FORMAT_VERSION + 1}, and this one knows format {FORMAT_VERSION}: install"
OLDER = "written by an older HPNorton, in a format that this one cannot read: import the files into"


@pytest.fixture(name="shop")
def database_of_a_shop(uri: str) -> str:
    """The URI of a database with the test dataset."""
    import_files(uri, *DATASET)
    return uri


@contextmanager
def sqlite_file(uri: str) -> Iterator[sqlite3.Connection]:
    """A connection to an SQLite database as another program has it."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
        with connection:
            yield connection


def set_version(uri: str, version: int | None) -> None:
    """Make a database one of another version; None is from before there were versions."""
    with closing(open_store(uri)) as store:
        store.delete(SETTINGS.name, ("name", "=", "format"))
        if version is not None:
            SETTINGS.write(store, [Setting(name="format", value=version)])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("version", "message"),
    [(FORMAT_VERSION + 1, NEWER), (FORMAT_VERSION - 1, OLDER), (None, OLDER)],
    ids=["newer", "older", "without a version"],
)
def test_another_version_is_refused(
    run: Run, shop: str, command: str, version: int | None, message: str
) -> None:
    """Before anything is read or written, and the message says what to do."""
    set_version(shop, version)
    refused = run(command, shop)
    assert (refused.status, refused.out) == (1, "")
    assert message in refused.err and "(--uri)" in refused.err.replace("with --uri", "(--uri)")
    with closing(open_store(shop, any_format=True)) as store:
        found = [each.value for each in SETTINGS.find(store)]
        assert found == ([] if version is None else [version])
        assert store.count("rental") == 11


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, None])
def test_a_database_of_any_version_can_be_dropped(run: Run, shop: str, version: int | None) -> None:
    """And what is imported then has the version of this HPNorton."""
    set_version(shop, version)
    assert run("--drop-database --yes", shop).status == 0
    import_files(shop, *DATASET)
    with closing(open_store(shop)) as store:
        assert [each.value for each in SETTINGS.find(store)] == [FORMAT_VERSION]


def test_a_database_of_another_program_stays_as_it_is(run: Run, sqlite_uri: str) -> None:
    """Whatever version it says: questions change nothing, and an import leaves what is its own."""
    with sqlite_file(sqlite_uri) as connection:
        connection.execute("CREATE TABLE thing (id TEXT PRIMARY KEY)")
        connection.execute("PRAGMA user_version = 7")
        connection.execute("PRAGMA application_id = 77")
    path = Path(sqlite_uri.removeprefix("sqlite:///"))
    before = path.read_bytes()
    assert run("--fields", sqlite_uri).status == 0
    assert path.read_bytes() == before
    import_files(sqlite_uri, *DATASET)
    assert run("--rent C000001 P000001", sqlite_uri).status == 0
    with sqlite_file(sqlite_uri) as connection:
        values = [
            connection.execute(f"PRAGMA {n}").fetchone() for n in ("user_version", "application_id")
        ]
    assert values == [(7,), (77,)]


def test_documents_of_another_program_stay_as_they_are(run: Run, mongo_uri: str) -> None:
    """A question makes no collection of HPNorton's own."""
    with pymongo.MongoClient[Document](mongo_uri) as client:
        database = client.get_default_database()
        database["thing"].insert_one({"_id": "x"})
        assert run("--fields", mongo_uri).status == 0
        assert database.list_collection_names() == ["thing"]


def test_the_version_is_written_with_the_journal(shop: str) -> None:
    """Another import leaves it as it is."""
    import_files(shop, *DATASET)
    with closing(open_store(shop)) as store:
        assert SETTINGS.find(store) == [Setting(name="format", value=FORMAT_VERSION)]
