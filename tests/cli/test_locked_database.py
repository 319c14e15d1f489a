"""A database that another program keeps locked: how long a command waits, and what it says."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from hpnorton.cli import import_
from hpnorton.errors import StoreBusyError
from hpnorton.importer.options import ImportSpec, Options
from hpnorton.schema.layout import make_layout
from hpnorton.stores import close_process_stores
from hpnorton.stores.history import HISTORY
from hpnorton.stores.sqlite import connection
from tests.conftest import ROOT, Run

PRODUCTS = ROOT / "data" / "test" / "product.csv"
FILES = " ".join(str(ROOT / "data/test" / f"{n}.csv") for n in ("customers", "product", "rental"))
LOOK_FOR = "look for one with unsaved changes, such as DB Browser, another HPNorton, or a backup"


@pytest.fixture(name="locked")
def lock_a_database(run: Run, sqlite_uri: str) -> Iterator[str]:
    """Return the URI of a filled database in which another program has unsaved changes."""
    assert run(f"--linear {FILES} --quiet", sqlite_uri).status == 0
    path = sqlite_uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield sqlite_uri


@pytest.mark.parametrize(
    "command",
    [f"--linear {PRODUCTS}", f"--parallel {PRODUCTS}", f"--parallel {PRODUCTS} --workers 2",
     f"--stream {PRODUCTS} --every 0 0"],
)  # fmt: skip
def test_an_import_waits_for_retry_timeout(run: Run, locked: str, command: str) -> None:
    """After the wait it fails, says what to look for, and has written nothing."""
    failed = run(f"{command} --retry-timeout 0.1 --quiet", locked)
    assert failed.status == 1
    assert f"locked for 0.1 s; {LOOK_FOR}: save or end it, then try again" in failed.err
    assert len(run("--history", locked).data) == 3


@pytest.mark.parametrize(
    "command",
    ["--rent C000002 P000006", "--return C000001 P000005", "--adjust-stock P000006 1 --reason x",
     "--add customers user_id=C9", "--edit customers C000001 Name=Zoe",
     "--drop-collections --yes"],
)  # fmt: skip
def test_a_clerk_waits_for_a_while(
    run: Run, locked: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait ends with exit status 1; queries do not wait at all."""
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.1)
    failed = run(f"{command} --quiet", locked)
    assert (failed.status, failed.out) == (1, "")
    assert f"locked for 0.1 s; {LOOK_FOR}" in failed.err
    assert len(run("--all-products", locked).data) == 10
    assert run("--check", locked).status == 0


def test_a_worker_waits_as_long_as_the_import(locked: str) -> None:
    """A worker's spec says how long; the default is that of the flags."""
    layout = make_layout(HISTORY, HISTORY.columns, "x.csv")
    try:
        with (
            pytest.raises(StoreBusyError, match="for 0.05 s"),
            ImportSpec(locked, layout, lock_seconds=0.05).open_store().transaction(),
        ):
            pass
    finally:
        close_process_stores()
    assert Options().lock_seconds == import_.LOCK_SECONDS


def test_the_wait_is_told_once_whatever_is_logged(
    run: Run, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message comes also with --quiet and --disable-log, because a person waits."""
    monkeypatch.setattr(connection, "WAIT_TOLD_SECONDS", 0.05)
    failed = run(f"--linear {PRODUCTS} --retry-timeout 0.3 --quiet --disable-log", locked)
    told, error = failed.err.splitlines()
    assert told.startswith("Waiting: another program keeps the database /")
    assert "Ctrl+C ends the wait; it ends by itself after 0.3 s." in told
    assert error.startswith("Error: another program has kept")
