"""What the tests of hostile input share: a rental store on each database, and its command line."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hpnorton import cli
from hpnorton.log import start_log
from hpnorton.stores import open_store
from tests.conftest import MONGO_SERVERS, NX
from tests.helpers.commandline import ROOT, Outcome
from tests.helpers.shop import DATASET, import_files, open_counter
from tests.servers import NxServer, running

Ask = Callable[..., Outcome]
TAKE_REJECTS = ("--linear", "--parallel", "--stream")


@pytest.fixture(scope="module", params=["sqlite", *MONGO_SERVERS])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a database with the test dataset, of each kind, for tests that only ask."""
    folder = tmp_path_factory.mktemp("shop")
    if request.param == "sqlite":
        yield from _filled(f"sqlite:///{folder}/shop.db")
    elif request.param == NX:
        with running(NxServer, folder / "nx") as server:  # which has one namespace for all tests
            yield from _filled(f"{server.uri}/shop")
    else:
        yield from _filled(f"{request.param}/hpnorton_hostile_{uuid.uuid4().hex[:12]}")


def _filled(uri: str) -> Iterator[str]:
    import_files(uri, *DATASET)
    with open_counter(uri):  # adds to the database what the counter needs
        pass
    yield uri
    with closing(open_store(uri)) as store:
        store.drop_database()


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Ask]:
    """Runs the command line as main() does. Whatever it is given, its errors are meant for people.

    On stderr is no traceback, nothing that a terminal would obey, and no line without end.
    """

    def call(*arguments: str | Path, uri: str) -> Outcome:
        has_rejects = arguments[0] in TAKE_REJECTS and "--to" not in arguments
        rejects = ["--rejects", str(tmp_path / "rejects")] if has_rejects else []
        words = [*map(str, arguments), *rejects, "--uri", uri, "--disable-log"]
        status = cli.main(words, ROOT)
        out, err = capsys.readouterr()
        assert "unexpected" not in err and "Traceback" not in err
        assert all(line.isprintable() and len(line) < 5000 for line in err.split("\n"))
        return Outcome(status, out, err)

    yield call
    start_log(None)
