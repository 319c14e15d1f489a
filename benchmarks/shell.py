"""What is imported, the modes to import it in, and the yardstick: SQLite's shell importing them."""

import csv
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from measure import HOME, BenchmarkError, Contender, hpnorton, measure, tool

COLLECTION = "customers"
KEY = "user_id"
LIMIT = "Credit_limit"  # the one column that is not text
SHELL = "sqlite3 .import"
LINEAR = "--linear"
MODES = {
    LINEAR: [LINEAR],
    "--parallel": ["--parallel"],
    "--parallel --workers 2": ["--workers", "2", "--parallel"],
}
SIDE_FILES = ("", "-wal", "-shm", "-journal")


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
                f"SELECT count(DISTINCT {KEY}), count({LIMIT}) FROM {COLLECTION}"
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


def customers(file: Path) -> Iterator[dict[str, str | int]]:
    """The records of a customers.csv, as they are to be in a database."""
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield row | {LIMIT: int(row[LIMIT])}


def hpnorton_import(uri: str, file: Path, *flags: str) -> list[str]:
    """The command that imports a file with HPNorton; the last of the flags says how."""
    return hpnorton("--quiet", "--uri", uri, *flags, str(file))


def schema(folder: Path) -> list[str]:
    """The statements that make what HPNorton makes for customers, without its hidden column.

    The shell warns of each row that has fewer cells than the table has columns.
    """
    path = folder / "schema.db"
    measure(hpnorton_import(f"sqlite:///{path}", generate(folder / "schema", 1), "--linear"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {COLLECTION} DROP COLUMN hpnorton_import")
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name = ?", (COLLECTION,)
        )
        return [statement for (statement,) in rows]


def shell_import(target: Target, file: Path, rounds: int) -> Contender:
    """SQLite's shell, which imports the file without a check into the table that HPNorton makes."""
    shell = tool("sqlite3", "for example: apt install sqlite3, or brew install sqlite")
    return Contender(
        SHELL,
        [shell, str(target.path), f'.import --csv --skip 1 "{file}" {COLLECTION}'],
        rounds,
        before=target.prepare,
        after=target.check,
    )


def positive(text: str) -> int:
    """The value of an option such as --rows and --rounds."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
