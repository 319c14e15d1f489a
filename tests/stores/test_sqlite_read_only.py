"""An SQLite file that may only be read: what is read is right, and nothing is written beside it."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hpnorton.errors import StoreAccessError, StoreBusyError, StoreError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.stores import open_store
from hpnorton.stores.base import Mode
from tests.helpers.stores import batch_from_documents

THINGS = Collection("thing", (Field("id"), Field("name")), ("id",))
NOBODY = 65534
# The rights of the file and of its folder, and which of them is named.
RIGHTS = {"neither": (0o444, 0o555), "folder only": (0o444, 0o777), "file only": (0o666, 0o555)}


@pytest.fixture(name="path")
def place_for_a_database() -> Iterator[Path]:
    """The path of a database in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shop = Path(folder, "my shop #1?")
        shop.mkdir()
        yield shop / "50% off.db"
        shop.chmod(0o755)


@contextmanager
def only_reading(path: Path, rights: str) -> Iterator[None]:
    """Takes the right to write away, also from root: as another user."""
    file, folder = RIGHTS[rights]
    for each in path.parent.iterdir():
        each.chmod(file)
    path.parent.chmod(folder)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        path.parent.chmod(0o755)
        path.chmod(0o644)


def make(path: Path, *names: str) -> None:
    """Makes a database with a record for each name, or adds them, and closes it."""
    with closing(open_store(f"sqlite:///{path}", create=True)) as store:
        store.ensure(THINGS)
        add(path, *names)


def add(path: Path, *names: str) -> None:
    """Adds records."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.write(
            batch_from_documents(THINGS, [{"id": n, "name": f"a {n}"} for n in names]), Mode.INSERT
        )


def names_in(path: Path) -> list[object]:
    """What the database has, through a store of its own."""
    with closing(open_store(f"sqlite:///{path}")) as store:
        return [record["id"] for record in store.find("thing", ["id"])]


def leave_a_log(path: Path, log: str, mode: str) -> None:
    """Makes the database as a dead process has left it, with one record in it and one in its log.

    What is only in the log of WAL mode counts; what a journal takes back does not.
    """
    origin = path.with_name("origin.db")
    make(origin, "one")
    with closing(sqlite3.connect(origin, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        rows = ((f"two{n}", "x" * 1000) for n in range(200))
        connection.executemany("INSERT INTO thing (id, name) VALUES (?, ?)", rows)
        if mode == "WAL":
            connection.execute("COMMIT")
        for name in ("", log):
            shutil.copyfile(f"{origin}{name}", f"{path}{name}")
    for each in path.parent.glob("origin.db*"):
        each.unlink()


@pytest.mark.parametrize("rights", RIGHTS)
def test_a_database_that_nobody_has_open(path: Path, rights: str) -> None:
    """Everything can be asked, and nothing is left in the folder; to write is refused."""
    make(path, "one", "two")
    what = f"{path} may not be written" if "file" not in rights else f"in the folder {path.parent},"
    with only_reading(path, rights):
        with closing(open_store(f"sqlite:///{path}")) as store:
            with store.snapshot():
                assert [r["id"] for r in store.find("thing", ["id"])] == ["one", "two"]
                assert store.count("thing") == 2
            found = store.search("thing", ["id"], ["name"], "A TWO")
            assert [record["id"] for record in found] == ["two"]
            with pytest.raises(StoreAccessError, match="can only be read:") as caught:
                store.ensure(replace(THINGS, name="another"))
            assert what in str(caught.value)
            store.ensure(THINGS)  # it has everything
            with pytest.raises(StoreAccessError, match="can only be read:"):
                store.drop_collection("thing")
            with pytest.raises(StoreAccessError, match="can only be read:"):
                store.drop_database()
        with pytest.raises(StoreAccessError, match="can only be read:"):
            open_store(f"sqlite:///{path}", create=True)
        assert os.listdir(path.parent) == [path.name]
    add(path, "three")
    assert names_in(path) == ["one", "three", "two"]


@pytest.mark.parametrize("rights", ["neither", "folder only"])
def test_a_log_that_a_dead_process_has_left(
    path: Path, monkeypatch: pytest.MonkeyPatch, rights: str
) -> None:
    """What is only in the log is read too; the copy that this takes is gone afterwards."""
    leave_a_log(path, "-wal", "WAL")
    before = sorted(os.listdir(path.parent))
    temporary = path.parent.parent / "temporary"
    temporary.mkdir()
    temporary.chmod(0o777)  # also for whom only_reading() makes of us
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with only_reading(path, rights):
        assert len(names_in(path)) == 201
        assert sorted(os.listdir(path.parent)) == before
    assert not any(temporary.iterdir())
    assert len(names_in(path)) == 201


def test_a_log_with_its_locks(path: Path) -> None:
    """Where a dead process has left both files of WAL mode, as on a disk mounted to be read."""
    make(path, "one")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO thing (id) VALUES ('two')")
        other = path.with_name("copy.db")
        for name in ("", "-wal", "-shm"):
            shutil.copyfile(f"{path}{name}", f"{other}{name}")
    with only_reading(other, "neither"):
        before = sorted(os.listdir(path.parent))
        assert names_in(other) == ["one", "two"]
        assert sorted(os.listdir(path.parent)) == before


@pytest.mark.parametrize("rights", ["neither", "folder only"])
def test_a_journal_that_a_dead_process_has_left(path: Path, rights: str) -> None:
    """A transaction that did not come to its end is not read."""
    leave_a_log(path, "-journal", "DELETE")
    before = sorted(os.listdir(path.parent))
    with only_reading(path, rights):
        assert names_in(path) == ["one"]
        assert sorted(os.listdir(path.parent)) == before


def test_a_database_that_somebody_else_writes_to(path: Path) -> None:
    """While somebody with the right has it open, each question is answered as it is now."""
    make(path, "one")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("INSERT INTO thing (id) VALUES ('two')")
        with only_reading(path, "neither"):
            with closing(open_store(f"sqlite:///{path}")) as store:
                assert store.count("thing") == 2
                writer.execute("INSERT INTO thing (id) VALUES ('three')")
                assert store.count("thing") == 3
                with store.snapshot():
                    assert store.count("thing") == 3
                    writer.execute("INSERT INTO thing (id) VALUES ('four')")
                    assert store.count("thing") == 3


def test_a_database_that_is_written_to_while_it_is_read(path: Path) -> None:
    """Where nobody can be kept out, it is found out at the end, and told."""
    make(path, "one")
    with only_reading(path, "neither"):
        store = open_store(f"sqlite:///{path}")
        assert store.count("thing") == 1
    add(path, "two")
    with pytest.raises(StoreError, match="was written to while it was read.*do that again"):
        store.close()
    assert names_in(path) == ["one", "two"]


@pytest.mark.parametrize("mode", ["DELETE", "PERSIST"])
def test_a_database_of_another_program(path: Path, mode: str) -> None:
    """Without WAL mode it is read under SQLite's own locks: a lock that stays is told."""
    make(path, "one")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        with only_reading(path, "neither"):
            assert names_in(path) == ["one"]
        other.execute("BEGIN EXCLUSIVE")
        with only_reading(path, "neither"), pytest.raises(StoreBusyError, match="for 0.05 s"):
            open_store(f"sqlite:///{path}", patience=0.05).close()


def test_a_database_that_may_not_be_read(path: Path) -> None:
    """Neither its file nor its folder: the message names the path."""
    make(path, "one")
    with only_reading(path, "neither"):
        user = os.geteuid()
        os.seteuid(os.getuid())
        path.chmod(0)
        os.seteuid(user)
        with pytest.raises(StoreAccessError, match="cannot be opened or written .*who may"):
            open_store(f"sqlite:///{path}")


def test_a_folder_that_may_not_be_entered(path: Path) -> None:
    """A database in it may be there: the message does not say that there is none."""
    make(path, "one")
    with only_reading(path, "neither"):
        user = os.geteuid()
        os.seteuid(os.getuid())
        path.parent.chmod(0)
        os.seteuid(user)
        with pytest.raises(StoreAccessError, match="cannot be opened or written .Permission"):
            open_store(f"sqlite:///{path}")
