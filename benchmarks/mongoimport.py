"""Imports customers with the official mongoimport and with HPNorton, by turns.

Into real servers, whose documents are compared with the file afterwards, and into two that store
nothing, so that what is measured is the client: one that only acknowledges, for inserts, and one
that has every row already, for upserts.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from measure import (
    BenchmarkError,
    Contender,
    Run,
    alternate,
    exit_status,
    machine,
    markdown_table,
    measure,
    peak_memory,
    spread,
    tool,
)
from mongo import NULL, NULL_SERVER, Database, connected, real_server, script_server
from shell import (
    COLLECTION,
    LIMIT,
    LINEAR,
    MODES,
    customers,
    generate,
    hpnorton_import,
    positive,
)

from tests import servers

INSERT, SAME, CHANGED = IMPORTS = ("insert", "upsert, same rows", "upsert, other values")
FULL = "full server"
FULL_SERVER = "full_server.py"
NAME = "hpnorton_benchmark"
PROGRAM = "mongoimport"
WORKERS = {"1": LINEAR, "2": "--parallel --workers 2"}
REAL = {kind.name: kind for kind in servers.SERVERS}
# Some servers are for some imports only. FerretDB waits for ever where a command holds more than a
# hundred updates, and mongoimport puts a thousand in.
ONLY: Mapping[str, Sequence[str]] = {
    NULL: [INSERT],
    FULL: [SAME, CHANGED],
    servers.FerretServer.name: [INSERT],
}
HEADER = (
    "server",
    "import",
    "tool",
    "rounds",
    "rows/s (min - max)",
    f"times {PROGRAM}",
    "client CPU s",
    "peak memory, MB",
)


@dataclass(frozen=True)
class Source:
    """The same rows for each tool: mongoimport wants the columns' types in the header."""

    plain: Path
    typed: Path


def make_sources(folder: Path, rows: int) -> Mapping[str, Source]:
    """What is imported, by the kind of import.

    For upserts mongoimport gets the key as `_id` as well, by which it then looks for documents. So
    they are those that HPNorton makes, and no server needs an index of another field.
    """
    first, other = generate(folder, rows), folder / "other" / f"{COLLECTION}.csv"
    other.parent.mkdir()
    names = list(next(customers(first)))
    types = [f"{name}.{'int64' if name == LIMIT else 'string'}()" for name in names]
    keyed = ["_id.string()", *types]
    limit = names.index(LIMIT)

    def raised(row: list[str]) -> list[str]:
        return [*row[:limit], str(int(row[limit]) + 1), *row[limit + 1 :]]

    def copy(to: Path, header: Sequence[str], change: Callable[[list[str]], list[str]]) -> Path:
        with first.open(encoding="utf-8", newline="") as old, to.open("w", encoding="utf-8") as new:
            reader = csv.reader(old)
            next(reader)
            writer = csv.writer(new, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(map(change, reader))
        return to

    copy(other, names, raised)
    return {
        INSERT: Source(first, copy(folder / "typed.csv", types, list)),
        SAME: Source(first, copy(folder / "keyed.csv", keyed, lambda row: [row[0], *row])),
        CHANGED: Source(
            other, copy(folder / "changed.csv", keyed, lambda row: [row[0], *raised(row)])
        ),
    }


def fingerprint(documents: Iterable[Mapping[str, object]]) -> tuple[int, int]:
    """How many documents there are, and a sum of what is in them, in whatever order."""
    count = total = 0
    for document in documents:
        count, total = count + 1, total + hash(frozenset(document.items()))
    return count, total


def compare(database: Database, file: Path) -> None:
    """Raises BenchmarkError unless the database has the rows of a file, with the same values."""
    with connected(database.uri) as client:
        found = fingerprint(client[database.name][COLLECTION].find({}, {"_id": 0}, batch_size=1000))
    if found != fingerprint(customers(file)):
        raise BenchmarkError(f"{database.uri} does not have the {database.rows} rows of {file}")


def upsert(uri: str, file: Path, mode: str) -> list[str]:
    """The command that upserts a file with HPNorton."""
    return hpnorton_import(uri, file, "--mode", "upsert", *MODES[mode])


@dataclass(frozen=True)
class Trial:
    """One kind of import into one server; `is_real` says that it stores what it gets."""

    server: str
    database: Database
    kind: str
    sources: Mapping[str, Source]
    is_real: bool

    def contenders(self, program: str, rounds: int) -> Iterator[Contender]:
        """mongoimport and HPNorton with one worker and with two."""
        uri, source = self.database.uri, self.sources[self.kind]
        theirs = [program, "--quiet", "--uri", uri, "-c", COLLECTION, "--type", "csv"]
        theirs += ["--headerline", "--columnsHaveTypes", "--parseGrace", "stop"]
        theirs += ["--file", str(source.typed), "--mode"]
        theirs += ["insert" if self.kind == INSERT else "upsert"]
        for workers, mode in WORKERS.items():
            mine = (
                hpnorton_import(uri, source.plain, *MODES[mode])
                if self.kind == INSERT
                else upsert(uri, source.plain, mode)
            )
            for name, command in (
                (f"{PROGRAM} -j {workers}", [*theirs, "-j", workers]),
                (f"HPNorton {mode}", mine),
            ):
                yield Contender(name, command, rounds, self.prepare, self.check)

    def prepare(self) -> None:
        """Empties the database, or fills it with the rows as they are at first."""
        if self.kind == INSERT:
            self.database.remove()
        elif self.is_real:
            measure(upsert(self.database.uri, self.sources[INSERT].plain, LINEAR))

    def check(self) -> None:
        """Raises BenchmarkError unless all is there that was imported."""
        if self.is_real:
            compare(self.database, self.sources[self.kind].plain)
        elif self.kind == INSERT:
            self.database.check()

    def table_rows(self, program: str, rounds: int) -> Iterator[Sequence[str]]:
        """Measures: a row of figures a contender; ratios are those within a round."""
        runs = alternate(list(self.contenders(program, rounds)), rounds)
        if self.is_real:
            self.database.remove()
        pairs = list(zip(list(runs)[::2], list(runs)[1::2], strict=True))
        for theirs, mine in pairs:
            for name in (theirs, mine):
                yield (self.server, self.kind, name, *self._figures(runs[name], runs[theirs]))

    def _figures(self, mine: Sequence[Run], theirs: Sequence[Run]) -> Sequence[str]:
        ratios = [their.wall / my.wall for my, their in zip(mine, theirs, strict=True)]
        return (
            str(len(mine)),
            spread(self.database.rows / run.wall for run in mine).show(),
            spread(ratios).show(".2f"),
            f"{spread(run.cpu for run in mine).median:.2f}",
            peak_memory(mine),
        )


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    program: str
    rows: int
    slow_rows: int
    rounds: int
    names: Sequence[str]
    kinds: Sequence[str]

    def trials(self, folder: Path) -> Iterator[Trial]:
        """All trials, one after the other, each while its server runs."""
        makers = {rows: folder / str(rows) for rows in (self.rows, self.slow_rows)}
        sources = {rows: make_sources(place, rows) for rows, place in makers.items()}
        for name in self.names:
            is_real = name in REAL
            rows = self.slow_rows if is_real else self.rows
            kinds = [kind for kind in ONLY.get(name, IMPORTS) if kind in self.kinds]
            if not kinds:
                continue
            with self._server(name, folder, sources[self.rows][INSERT].plain) as uri:
                database = Database(f"{uri}/{NAME}", NAME, rows)
                with connected(uri) as client:
                    client.admin.command("ping")
                for kind in kinds:
                    yield Trial(name, database, kind, sources[rows], is_real)

    def _server(self, name: str, folder: Path, held: Path) -> AbstractContextManager[str]:
        if name == NULL:
            return script_server(NULL_SERVER)
        if name == FULL:
            return script_server(FULL_SERVER, str(held))
        return real_server(REAL[name], folder / name)


def benchmark(plan: Plan) -> None:
    """Measures, and prints what came out."""
    about = machine()
    table: list[Sequence[str]] = []
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        for trial in plan.trials(Path(name)):
            for row in trial.table_rows(plan.program, plan.rounds):
                print(*row, sep=" | ", file=sys.stderr, flush=True)  # so that nothing is lost
                table.append(row)
    print(f"{plan.rows:,} customers into what stores nothing, {plan.slow_rows:,} elsewhere\n")
    print(markdown_table(HEADER, table), about, sep="\n\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    names = [NULL, FULL, *REAL]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=positive, default=1_000_000, metavar="N", help="where nothing is stored"
    )
    parser.add_argument(
        "--slow-rows", type=positive, default=100_000, metavar="N", help="elsewhere"
    )
    parser.add_argument("--rounds", type=positive, default=3, metavar="R")
    parser.add_argument("--server", choices=names, action="append", help="default: all; repeatable")
    parser.add_argument(
        "--import", dest="kind", choices=IMPORTS, action="append", help="default: all; repeatable"
    )
    parser.add_argument(
        f"--{PROGRAM}", dest="program", metavar="FILE", help="default: what make servers has built"
    )
    given = parser.parse_args()

    def work() -> None:
        program = given.program or tool(str(servers.BUILT / PROGRAM), "make servers")
        kinds, chosen = given.kind or IMPORTS, given.server or names
        benchmark(Plan(program, given.rows, given.slow_rows, given.rounds, chosen, kinds))

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())
