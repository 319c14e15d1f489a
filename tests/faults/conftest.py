"""What the tests of faults share: a file that takes its time, and databases that can be held."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.processes import Process, end_all_of, wait_for
from tests.faults.proxy import Fate, Proxy
from tests.helpers.commandline import CommandLine
from tests.servers import Server

ROWS = 300_000
_CHUNKS = "SELECT count(*) FROM hpnorton_chunks"

Start = Callable[..., Process]
Hold = Callable[[Process], AbstractContextManager[None]]


@pytest.fixture(name="model", scope="session")
def write_a_big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that each test has its own copy of."""
    path = tmp_path_factory.mktemp("big") / "thing.csv"
    lines = (f"k{n:07},{n},some more text\n" for n in range(ROWS))
    path.write_text("id,a,b\n" + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture(name="big")
def copy_the_big_file(model: Path, tmp_path: Path) -> Path:
    """A file that takes long enough to be interrupted."""
    return shutil.copyfile(model, tmp_path / model.name)


@pytest.fixture(name="start")
def start_processes(hpnorton: CommandLine) -> Iterator[Start]:
    """Starts commands as CommandLine.start does; what is left of them is killed in the end."""
    started: list[Process] = []

    def start(*arguments: str | Path, uri: str | None = None) -> Process:
        started.append(hpnorton.start(*arguments, uri=uri))
        return started[-1]

    yield start
    for process in started:
        end_all_of(process)


@pytest.fixture(name="database")
def place_of_a_database(tmp_path: Path) -> Path:
    """Where an SQLite database is going to be, with nothing else beside it."""
    (tmp_path / "shop").mkdir()
    return tmp_path / "shop" / "shop.db"


@pytest.fixture(name="hold")
def hold_an_import(database: Path) -> Hold:
    """Holds an import into the database: some of its chunks are written, and others will be.

    Nobody else can write as long as we hold the lock.
    """

    @contextmanager
    def held(process: Process) -> Iterator[None]:
        before = chunks_in(database)
        wait_for(lambda: chunks_in(database) > before, process)
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
            wait_for(lambda: _has_lock(connection), process)
            assert process.poll() is None, "it has ended too early"
            yield
            connection.execute("ROLLBACK")

    return held


def _has_lock(connection: sqlite3.Connection) -> bool:
    """Takes the lock of a database if it is free."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


def chunks_in(database: Path) -> int:
    """How many chunks are done, in all imports."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute(_CHUNKS).fetchone()
    except sqlite3.OperationalError:  # there is no database yet, or no such table
        return 0
    return int(count)


@pytest.fixture(name="proxy")
def start_a_proxy(server: Server) -> Iterator[Proxy]:
    """A proxy before a server that may be killed, which does no harm until it is told to."""
    proxy = Proxy(server.port, lambda command: Fate.PASS)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
