"""How long a person waits for --help, and for an answer from a store of 10,000 rows a file."""

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
)

DATASET = "production"
RENTALS = HOME / "data" / DATASET / "rental.csv"
FLOOR = "python -c pass"
ROUNDS = 10
HEADER = ("command", "ms (min - max)", "ms above Python", "CPU ms", "peak memory, MB", "output, kB")


def commands(uri: str) -> dict[str, list[str]]:
    """What to measure, by name: Python that does nothing, HPNorton that says something."""
    with RENTALS.open(encoding="utf-8", newline="") as file:
        customer = next(csv.DictReader(file))["user_id"]
    questions = (
        ["--available-products"],
        ["--rentals-for-customer", customer],
        ["--all-customers"],
    )
    asked = {
        " ".join(flags): hpnorton("--dataset", DATASET, "--uri", uri, "--format", "json", *flags)
        for flags in questions
    }
    plain = {flag: hpnorton(flag) for flag in ("--help", "--version")}
    return {FLOOR: [sys.executable, "-c", "pass"], **plain, **asked}


def check(runs: Mapping[str, Sequence[Run]]) -> None:
    """Raises BenchmarkError unless every command has said something."""
    for name, mine in runs.items():
        if name != FLOOR and not all(run.output for run in mine):
            raise BenchmarkError(f"{name} said nothing")


def table_rows(runs: Mapping[str, Sequence[Run]]) -> Iterator[Sequence[str]]:
    """A row of figures a command; what is above Python is compared within a round."""
    for name, mine in runs.items():
        above = [run.wall - floor.wall for run, floor in zip(mine, runs[FLOOR])]
        yield (
            name,
            spread(run.wall * 1000 for run in mine).show(".0f"),
            f"{spread(above).median * 1000:.0f}",
            f"{spread(run.cpu for run in mine).median * 1000:.0f}",
            peak_memory(mine),
            f"{mine[0].output / 1000:,.1f}",
        )


def run_as_users_do(folder: Path) -> None:
    """Lets Python buffer its output and keep compiled modules, these in a folder of our own."""
    for name in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def benchmark() -> None:
    """Measures, and prints what came out."""
    about = machine()
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        run_as_users_do(Path(name) / "bytecode")
        uri = f"sqlite:///{Path(name) / 'store.db'}"
        measure(hpnorton("--dataset", DATASET, "--uri", uri, "--linear"))
        asked = commands(uri)
        for command in asked.values():
            measure(command)  # the first time, Python compiles modules
        entrants = [Contender(name, command, ROUNDS) for name, command in asked.items()]
        runs = alternate(entrants, ROUNDS)
    check(runs)
    print(f"The {DATASET} dataset in SQLite, JSON into a pipe, {ROUNDS} rounds\n")
    print(markdown_table(HEADER, table_rows(runs)), about, sep="\n\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    return exit_status(benchmark)


if __name__ == "__main__":
    sys.exit(main())
