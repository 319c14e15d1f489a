"""What the tests share: real databases of every kind, and the command line from outside."""

import os
import shlex
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from hpnorton import cli
from hpnorton.log import start_log
from hpnorton.stores import open_store
from tests.helpers import properties
from tests.helpers.commandline import ROOT, CommandLine, Outcome, command_line
from tests.servers import NxServer, Server, plugin, running
from tests.servers.limits import limits_of

__all__ = ["ROOT", "CommandLine", "Outcome", "command_line"]

NX = NxServer.name
# HPNORTON_TEST_MONGO names more servers: mongodb:// URIs without a database, comma-separated.
OTHER_SERVERS = [uri for uri in os.environ.get("HPNORTON_TEST_MONGO", "").split(",") if uri]
MONGO_SERVERS = [NX, *OTHER_SERVERS]
SQLITE = "sqlite"
# Fixtures that give a database of each kind.
OF_EACH_KIND = ("uri", "shop")
# What is tested with each kind of database, also without --whole: the stores, and what differs
# with them. All other tests use SQLite then, and test_smoke.py runs each command on MongoDB.
STORE_TESTS = (
    "stores/test_*contract.py",
    "stores/test_m*.py",
    "stores/test_sq*.py",
    "stores/test_d*.py",
    "stores/test_names.py",
    "stores/test_journal.py",
    "stores/test_provenance.py",
    "rental/test_counter*.py",
    "rental/test_record_history.py",
    "importer/test_runner.py",
    "test_format.py",
    "test_smoke.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that `make test-all` uses."""
    parser.addoption(
        "--whole",
        action="store_true",
        help="also run long tests, properties with all their examples, and all tests of a database "
        "with each kind of database",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Chooses the examples, and sees to the known limits of the server that tests run against."""
    hypothesis_settings.load_profile(properties.WHOLE if config.getoption("--whole") else "dev")
    # What a shell starts in the background ignores Ctrl+C, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A table that is no terminal's is as wide as it needs; pytest-xdist has 80 columns everywhere.
    os.environ.pop("COLUMNS", None)
    if not config.pluginmanager.has_plugin(plugin.__name__):
        config.pluginmanager.register(plugin.KnownLimits(NX, limits_of(NX)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what only --whole runs."""
    if config.getoption("--whole"):
        return
    left_out = [item for item in items if _is_long(item) or _is_repeated(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_long(item: pytest.Item) -> bool:
    return item.get_closest_marker("long") is not None


def _is_repeated(item: pytest.Item) -> bool:
    """Whether a test that does not depend on the kind of database repeats itself on another."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    kinds = {parameters[name] for name in OF_EACH_KIND if name in parameters}
    return not kinds.isdisjoint(MONGO_SERVERS) and not any(map(item.path.match, STORE_TESTS))


# Tests assert what the program does, never how fast: machines are shared. `make test` tries the
# same examples in each run, `make test-all` others each time.
hypothesis_settings.register_profile("dev", deadline=None, derandomize=True)
hypothesis_settings.register_profile(properties.WHOLE, deadline=None, print_blob=True)


@pytest.fixture(scope="session", autouse=True)
def silent_log() -> None:
    """loguru, before anybody sets it up, logs everything."""
    start_log(None)


@pytest.fixture(name="server")
def start_a_server(tmp_path: Path) -> Iterator[Server]:
    """A server that the test may kill."""
    with running(NxServer, tmp_path / "nx") as server:
        yield server


@pytest.fixture(scope="session")
def nx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an nx-27017 server of our own."""
    with running(NxServer, tmp_path_factory.mktemp("nx")) as server:
        yield server.uri


@pytest.fixture(name="uri", params=[SQLITE, *MONGO_SERVERS])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URI of an empty database, of each kind in turn."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path}/store.db"
    else:
        yield from _mongo_database(request, request.param)


@pytest.fixture(params=MONGO_SERVERS)
def mongo_uri(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URI of an empty database on each MongoDB server in turn."""
    yield from _mongo_database(request, request.param)


@pytest.fixture(name="is_cut")
def cut_into_many_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records are worth a worker and many ranges, also on a server without an index of `_id`.

    None of the servers that can be had here has one.
    """
    monkeypatch.setattr("hpnorton.profile.fields.MIN_RECORDS", 25)
    monkeypatch.setattr("hpnorton.stores.mongo.ranges.are_quick", lambda collection: True)


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    """The URI of an SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path}/store.db"


def _mongo_database(request: pytest.FixtureRequest, name: str) -> Iterator[str]:
    server: str = request.getfixturevalue("nx_server") if name == NX else name
    made = f"{server}/hpnorton_test_{uuid.uuid4().hex[:12]}"
    yield made
    with closing(open_store(made, any_format=True)) as store:
        store.drop_database()


Run = Callable[[str, str], Outcome]


@pytest.fixture(name="run")
def run_in_this_process(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a command on a database as main() does, which is quicker than a process for each."""

    def call(command: str, uri: str) -> Outcome:
        status = cli.main([*shlex.split(command), "--disable-log", "--uri", uri], ROOT)
        out, err = capsys.readouterr()
        return Outcome(status, out, err)

    yield call
    start_log(None)


@pytest.fixture
def hpnorton(tmp_path: Path) -> CommandLine:
    """The command line; its settings are the project's, with databases below tmp_path."""
    return command_line(tmp_path / "home")


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a CSV file from its name and its lines (text, or bytes as they are)."""

    def write(name: str, *lines: str | bytes) -> Path:
        path = tmp_path / name
        whole = [line.encode() if isinstance(line, str) else line for line in lines]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in whole))
        return path

    return write
