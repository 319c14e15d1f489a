"""Each command on MongoDB does what it does on SQLite; `make test-all` runs all tests on both."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpnorton import cli
from tests.conftest import Run
from tests.helpers.commandline import ROOT, Outcome
from tests.helpers.shop import DATASET, import_files, open_counter
from tests.servers import NxServer, running

RENTAL = ROOT / "data" / "test" / "rental.csv"
QUESTIONS = (
    "--all-products",
    "--available-products",
    "--all-customers",
    "--all-rentals",
    "--rentals-for-customer C000001",
    "--customers-renting-product P000001",
    "--find tent",
    "--overdue",
    "--history P000001",
    "--quality",
    "--check",
)
# They change the database, one after the other.
CHANGES = (
    f"--linear {RENTAL}",
    f"--parallel {RENTAL} --mode upsert",
    f"--stream {RENTAL} --every 0 0",
    "--rent C000001 P000001",
    "--return C000001 P000001",
    "--adjust-stock P000001 3 --reason found",
    "--add product product_id=P9 description=Tent product_type=Camping quantity_available=1",
    "--edit customers C000001 Credit_limit=7",
    "--check",
    "--export {folder}",
    "--drop-collections --yes",
    "--drop-database --yes",
)
# The one has no database, the other is run on MongoDB by test_cli_compare.py in any case.
ELSEWHERE = {"--analyze", "--compare"}
ALL = (*QUESTIONS, *CHANGES, "--fields")
# Times, ids that were made from them, and what names the database.
DIFFERENT = re.compile(
    r'"(elapsed|seconds|rows_per_second|at|started|import_id|database|dropped|uri)": [^\n]*'
)
TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")


@pytest.fixture(name="shops", scope="module")
def databases_of_both_kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URIs of the test dataset in SQLite and in MongoDB, for commands that only ask."""
    folder = tmp_path_factory.mktemp("smoke")
    with running(NxServer, folder / "nx") as server:
        uris = (f"sqlite:///{folder}/shop.db", f"{server.uri}/shop")
        for uri in uris:
            fill(uri)
        yield uris


def fill(uri: str) -> None:
    """Imports the test dataset, and adds what the counter needs."""
    import_files(uri, *DATASET)
    with open_counter(uri):
        pass


def told_by(run: Run, command: str, uri: str) -> Outcome:
    """What a command says, but for what differs from run to run."""
    done = run(f"{command} --format json --quiet", uri)
    return Outcome(done.status, TIMES.sub("", DIFFERENT.sub("", done.out)), done.err)


@pytest.mark.parametrize("command", QUESTIONS)
def test_questions_have_the_same_answers(run: Run, shops: tuple[str, str], command: str) -> None:
    """The answer from MongoDB is that from SQLite."""
    sqlite, mongo = (told_by(run, command, uri) for uri in shops)
    assert mongo == sqlite
    assert mongo.status == 0 and mongo.out


def test_fields_are_found_beside_the_key(run: Run, shops: tuple[str, str]) -> None:
    """--fields shows the same fields, and MongoDB's own key before them."""
    sqlite, mongo = (
        [field["field"] for field in run("--fields product", uri).data[0]["fields"]]
        for uri in shops
    )
    assert mongo == ["_id", *sorted(sqlite)]


def test_changes_have_the_same_results(
    run: Run, sqlite_uri: str, mongo_uri: str, tmp_path: Path
) -> None:
    """A day at the store, on MongoDB as on SQLite."""
    for uri in (sqlite_uri, mongo_uri):
        fill(uri)
    for command in CHANGES:
        sqlite, mongo = (
            told_by(run, command.format(folder=tmp_path / "exported"), uri)
            for uri in (sqlite_uri, mongo_uri)
        )
        assert mongo == sqlite, command
        assert mongo.status == 0, command


def test_every_command_is_run() -> None:
    """A new command is added to the lists above."""
    flags = {flag for command in cli.parser().commands for flag in command.option_strings}
    assert flags - ELSEWHERE == {text.split()[0] for text in ALL}
