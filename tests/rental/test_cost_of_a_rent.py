"""The cost of a command of the counter: what it asks the database, and how often it writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pymongo
import pytest
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from hpnorton.stores import open_store
from hpnorton.stores.mongo.connection import RawDocument
from tests.conftest import Run
from tests.helpers.shop import DATASET, import_files

COMMANDS = (
    "--rent C000001 P000001",
    "--return C000001 P000001",
    "--adjust-stock P000001 3 --reason found",
    "--add product product_id=P9 description=Tent product_type=Camping quantity_available=1",
    "--edit customers C000001 Credit_limit=7",
)
MAX_STATEMENTS = 20
MAX_COMMANDS = 12
# The first thing that is said to a server, to see whether it answers, and pymongo's last one.
GREETINGS = ("hello", "endSessions")


@pytest.fixture(name="statements")
def trace_statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """All that is run on any connection to SQLite: questions, PRAGMAs, BEGIN and COMMIT.

    SQLite reports what it runs itself within a statement as a comment, which does not count.
    """
    statements: list[str] = []
    connect = sqlite3.connect

    def note(statement: str) -> None:
        if not statement.startswith("--"):
            statements.append(statement)

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(note)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    yield statements


class Listener(CommandListener):
    """Notes the commands to MongoDB, but for greetings; pymongo's own monitoring is no command."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        """Note a command that is sent."""
        if event.command_name not in GREETINGS:
            self.commands.append(f"{event.command_name} {event.command}"[:200])

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Note nothing more."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Note nothing more."""


@pytest.fixture(name="commands")
def listen_to_commands(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """All that is asked of any MongoDB server."""
    listener = Listener()

    class Traced(pymongo.MongoClient[RawDocument]):
        """A client whose commands are noted."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, event_listeners=[listener], **options)

    monkeypatch.setattr(pymongo, "MongoClient", Traced)
    yield listener.commands


def test_a_command_is_one_transaction_of_sqlite(
    run: Run, sqlite_uri: str, statements: list[str]
) -> None:
    """A shop that has all that the counter needs is read with few statements, and written once."""
    import_files(sqlite_uri, *DATASET)
    assert run("--rent C000002 P000003", sqlite_uri).status == 0  # the first adds what is missing
    for command in COMMANDS:
        statements.clear()
        assert run(command, sqlite_uri).status == 0
        begun = [each for each in statements if each.startswith("BEGIN")]
        assert begun == ["BEGIN IMMEDIATE"], command
        assert len(statements) <= MAX_STATEMENTS, (command, statements)


def test_a_refused_rent_writes_nothing(run: Run, sqlite_uri: str, statements: list[str]) -> None:
    """It takes the lock to decide, as others may rent the last one meanwhile, and rolls back."""
    import_files(sqlite_uri, *DATASET)
    assert run(COMMANDS[0], sqlite_uri).status == 0
    statements.clear()
    assert run(COMMANDS[0], sqlite_uri).status == 1
    assert [each for each in statements if each in ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")] == [
        "BEGIN IMMEDIATE",
        "ROLLBACK",
    ]
    assert not [each for each in statements if each.startswith(("INSERT", "UPDATE", "CREATE"))]


@pytest.fixture(name="nx_uri")
def database_without_transactions(nx_server: str) -> Iterator[str]:
    """The URI of an empty database on a server that has no transactions."""
    uri = f"{nx_server}/cost_of_a_rent"
    yield uri
    with closing(open_store(uri)) as store:
        store.drop_database()


def test_a_command_asks_mongodb_little(run: Run, nx_uri: str, commands: list[str]) -> None:
    """A server without transactions needs four writes; whatever is read before decides on them."""
    import_files(nx_uri, *DATASET)
    assert run("--rent C000002 P000003", nx_uri).status == 0  # the first one adds what is missing
    for command in COMMANDS:
        commands.clear()
        assert run(command, nx_uri).status == 0
        assert 0 < len(commands) <= MAX_COMMANDS, (command, commands)
