"""Imports customers into SQLite with HPNorton and with two other tools, and compares the speed."""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from measure import (
    HOME,
    BenchmarkError,
    Contender,
    Run,
    alternate,
    exit_status,
    hpnorton,
    machine,
    markdown_table,
    measure,
    peak_memory,
    spread,
    tool,
)

COLLECTION = "customers"
KEY = "user_id"
SHELL = "sqlite3 .import"
# It takes some ten times as long as the others.
SQLITE_UTILS_ROUNDS = 2
SIDE_FILES = ("", "-wal", "-shm", "-journal")
HEADER = (
    "tool",
    "rounds",
    "rows/s (min - max)",
    f"of {SHELL}",
    "CPU s",
    "peak memory, MB",
)


@dataclass(frozen=True)
class Target:
    """The database that every contender fills, each anew; `rows` is what it has to hold then."""

    path: Path
    schema: Sequence[str]
    rows: int

    def remove(self) -> None:
        """Removes the database."""
        for suffix in SIDE_FILES:
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def prepare(self) -> None:
        """Makes the database with HPNorton's schema and journal, and no rows."""
        self.remove()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            for statement in self.schema:
                connection.execute(statement)

    def check(self) -> None:
        """Raises BenchmarkError unless all rows are there, with a credit limit each."""
        with closing(sqlite3.connect(self.path)) as connection:
            found = connection.execute(
                f"SELECT count(DISTINCT {KEY}), count(Credit_limit) FROM {COLLECTION}"
            ).fetchone()
        if found != (self.rows, self.rows):
            raise BenchmarkError(f"{found} keys and credit limits were imported, not {self.rows}")


def generate(folder: Path, rows: int, *options: str) -> Path:
    """The customers.csv of a generated store."""
    script = HOME / "scripts" / "generate.py"
    command = [sys.executable, str(script), "--rows", str(rows), "--out", str(folder), *options]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise BenchmarkError("the rows could not be generated")
    return folder / f"{COLLECTION}.csv"


def hpnorton_import(path: Path, flag: str, file: Path) -> list[str]:
    """The command that imports a file with HPNorton."""
    return hpnorton("--quiet", "--uri", f"sqlite:///{path}", flag, str(file))


def schema(folder: Path) -> list[str]:
    """The statements that make what HPNorton makes for customers."""
    path = folder / "schema.db"
    measure(hpnorton_import(path, "--linear", generate(folder / "schema", 1)))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        return [statement for (statement,) in rows]


def contenders(target: Target, file: Path, rounds: int) -> list[Contender]:
    """Who imports the file."""
    shell = tool("sqlite3", "for example: apt install sqlite3, or brew install sqlite")
    utils = tool("sqlite-utils", "for example: pip install sqlite-utils")
    database = str(target.path)
    arguments = [database, COLLECTION, str(file), "--csv", "--pk", KEY, "--silent"]
    ours = [
        Contender(
            f"HPNorton {flag}",
            hpnorton_import(target.path, flag, file),
            rounds,
            before=target.remove,
            after=target.check,
        )
        for flag in ("--linear", "--parallel")
    ]
    return [
        *ours,
        Contender(
            SHELL,
            [shell, database, f'.import --csv --skip 1 "{file}" {COLLECTION}'],
            rounds,
            before=target.prepare,
            after=target.check,
        ),
        Contender(
            "sqlite-utils insert",
            [utils, "insert", *arguments],
            min(rounds, SQLITE_UTILS_ROUNDS),
            before=target.remove,
            after=target.check,
        ),
    ]


def table_rows(runs: Mapping[str, Sequence[Run]], rows: int) -> Iterator[Sequence[str]]:
    """A row of figures a contender; ratios are those within a round."""
    for name, mine in runs.items():
        ratios = [shell.wall / run.wall for run, shell in zip(mine, runs[SHELL])]
        yield (
            name,
            str(len(mine)),
            spread(rows / run.wall for run in mine).show(),
            spread(ratios).show(".2f"),
            f"{spread(run.cpu for run in mine).median:.1f}",
            peak_memory(mine),
        )


def benchmark(rows: int, rounds: int, is_shuffled: bool) -> None:
    """Measures, and prints what came out."""
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        folder = Path(name)
        target = Target(folder / "fresh.db", schema(folder), rows)
        order = ["--shuffled"] if is_shuffled else []
        entrants = contenders(target, folder / "rows" / f"{COLLECTION}.csv", rounds)
        about = machine()
        megabytes = generate(folder / "rows", rows, *order).stat().st_size / 1e6
        runs = alternate(entrants, rounds)
    keys = "shuffled" if is_shuffled else "sorted"
    print(f"{rows:,} customers ({megabytes:.0f} MB of CSV), {keys} keys, a new database each run\n")
    print(markdown_table(HEADER, table_rows(runs, rows)), about, sep="\n\n")
    if rounds > SQLITE_UTILS_ROUNDS:
        print(f"\nsqlite-utils is slow: it ran in the first {SQLITE_UTILS_ROUNDS} rounds only.")


def positive(text: str) -> int:
    """The value of --rows and --rounds."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=positive, default=5, metavar="R")
    parser.add_argument("--shuffled", action="store_true", help="keys in no order")
    options = parser.parse_args()
    return exit_status(lambda: benchmark(options.rows, options.rounds, options.shuffled))


if __name__ == "__main__":
    sys.exit(main())
