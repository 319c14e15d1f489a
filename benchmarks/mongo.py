"""Imports customers into MongoDB with HPNorton: a server that only acknowledges, and real ones."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pymongo
from measure import (
    BenchmarkError,
    Contender,
    Run,
    alternate,
    exit_status,
    machine,
    markdown_table,
    spread,
)
from pymongo.errors import PyMongoError
from shell import (
    COLLECTION,
    LINEAR,
    MODES,
    SHELL,
    Target,
    generate,
    hpnorton_import,
    positive,
    schema,
    shell_import,
)

from tests import servers

NULL = "null server"
NULL_SERVER = "null_server.py"
HERE = Path(__file__).resolve().parent
NX = servers.NxServer.name
START_MS = 30_000
HEADER = (
    "server",
    "mode",
    "rounds",
    "docs/s (min - max)",
    f"of {SHELL}",
    f"times {LINEAR}",
    "client CPU s",
    "client CPU / wall",
)


@dataclass(frozen=True)
class Server:
    """A MongoDB, and how many documents are imported into it."""

    name: str
    uri: str
    rows: int

    def database(self, mode: str) -> "Database":
        """The database that HPNorton fills in this mode."""
        name = f"hpnorton_benchmark_{os.getpid()}_{list(MODES).index(mode)}"
        return Database(urlsplit(self.uri)._replace(path=f"/{name}").geturl(), name, self.rows)


@dataclass(frozen=True)
class Database:
    """What one mode fills, each time anew; `rows` is what it has to hold then."""

    uri: str
    name: str
    rows: int

    def remove(self) -> None:
        """Removes the database."""
        with connected(self.uri) as client:
            client.drop_database(self.name)

    def check(self) -> None:
        """Raises BenchmarkError unless all documents are there; removes them, so none pile up."""
        with connected(self.uri) as client:
            found = client[self.name][COLLECTION].count_documents({})
        if found != self.rows:
            raise BenchmarkError(f"{found} documents were imported, not {self.rows}")
        self.remove()


@contextmanager
def connected(uri: str) -> Iterator[pymongo.MongoClient[dict[str, object]]]:
    """A client of a server, which may still be starting. Raises BenchmarkError."""
    client: pymongo.MongoClient[dict[str, object]]
    try:
        with pymongo.MongoClient(uri, serverSelectionTimeoutMS=START_MS) as client:
            yield client
    except PyMongoError as error:
        raise BenchmarkError(str(error)) from error


@contextmanager
def script_server(name: str, *options: str) -> Iterator[str]:
    """The URI of one of the servers beside this file, which ends with the block.

    Ctrl+C does not reach it before.
    """
    with subprocess.Popen(
        [sys.executable, str(HERE / name), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    ) as process:
        try:
            assert process.stdout is not None
            uri = process.stdout.readline().strip()
            if not uri:
                raise BenchmarkError(f"{name} does not start")
            yield uri
        finally:
            process.kill()


@contextmanager
def real_server(kind: type[servers.Server], folder: Path) -> Iterator[str]:
    """The URI of a server that stores its documents in `folder`. Raises BenchmarkError."""
    if reason := kind.missing():
        raise BenchmarkError(f"{kind.name} is not there: {reason}")
    with servers.running(kind, folder) as server:
        yield server.uri


def contenders(server: Server, file: Path, rounds: int) -> list[Contender]:
    """HPNorton in each mode."""
    entrants = []
    for mode, flags in MODES.items():
        database = server.database(mode)
        command = hpnorton_import(database.uri, file, *flags)
        entrants.append(
            Contender(mode, command, rounds, before=database.remove, after=database.check)
        )
    return entrants


def measured(
    server: Server, folder: Path, rounds: int, others: Sequence[Contender]
) -> Mapping[str, Sequence[Run]]:
    """What the imports into a server took, and the others that take turns with them, by mode."""
    file = generate(folder / str(server.rows), server.rows)
    with connected(server.uri) as client:
        client.admin.command("ping")
    try:
        return alternate([*contenders(server, file, rounds), *others], rounds)
    finally:
        with suppress(BenchmarkError):  # the server has gone
            for mode in MODES:
                server.database(mode).remove()


def table_rows(server: Server, runs: Mapping[str, Sequence[Run]]) -> Iterator[Sequence[str]]:
    """A row of figures a mode; ratios are those within a round."""
    for mode, mine in runs.items():
        speeds = {
            other: spread(run.wall / own.wall for own, run in zip(mine, runs[other])).show(".2f")
            for other in (SHELL, LINEAR)
            if other in runs
        }
        yield (
            "SQLite" if mode == SHELL else server.name,
            mode,
            str(len(mine)),
            spread(server.rows / run.wall for run in mine).show(),
            speeds.get(SHELL, ""),
            speeds[LINEAR],
            f"{spread(run.cpu for run in mine).median:.2f}",
            spread(run.cpu / run.wall for run in mine).show(".2f"),
        )


def benchmark(rows: int, slow_rows: int, rounds: int, uris: Sequence[str]) -> None:
    """Measures, and prints what came out."""
    table: list[Sequence[str]] = []
    about = machine()
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        folder = Path(name)
        target = Target(folder / "fresh.db", schema(folder), rows)
        yardstick = shell_import(target, folder / str(rows) / f"{COLLECTION}.csv", rounds)
        with script_server(NULL_SERVER) as uri:
            server = Server(NULL, uri, rows)
            table += table_rows(server, measured(server, folder, rounds, [yardstick]))
        with real_server(servers.NxServer, folder) as uri:
            for server in (Server(NX, uri, slow_rows), *named(uris, slow_rows)):
                table += table_rows(server, measured(server, folder, rounds, []))
    print(f"{rows:,} customers into the {NULL} and SQLite, {slow_rows:,} into the other servers\n")
    print(markdown_table(HEADER, table), f"{about}\n- pymongo: {pymongo.version}", sep="\n\n")


def named(uris: Sequence[str], rows: int) -> Iterator[Server]:
    """The servers that the user names; without user name and password in what is shown."""
    for uri in uris:
        yield Server(urlsplit(uri).netloc.rpartition("@")[2], uri, rows)


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=positive, default=1_000_000, metavar="N", help="into the null server"
    )
    parser.add_argument(
        "--slow-rows", type=positive, default=100_000, metavar="N", help="into all other servers"
    )
    parser.add_argument("--rounds", type=positive, default=3, metavar="R")
    parser.add_argument(
        "--uri", action="append", default=[], help="one more server, without a database; repeatable"
    )
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given.rows, given.slow_rows, given.rounds, given.uri))


if __name__ == "__main__":
    sys.exit(main())
