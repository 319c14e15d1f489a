"""The quality of customers in SQLite, beside the time in which SQLite's shell imports them."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from measure import (
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
from shell import (
    COLLECTION,
    LINEAR,
    SHELL,
    Target,
    generate,
    hpnorton_import,
    positive,
    schema,
    shell_import,
)

HEADER = ("command", "rounds", "s (min - max)", f"times {SHELL}", "CPU s", "peak memory, MB")


def check(command: Sequence[str], rows: int) -> None:
    """Raises BenchmarkError unless all rows are judged, and are without fault."""
    done = subprocess.run(command, check=True, capture_output=True)
    (found,) = json.loads(done.stdout)
    if (found["records"], found["score"]) != (rows, 100):
        raise BenchmarkError(f"{found['records']} rows have the score {found['score']}")


def table_rows(runs: Mapping[str, Sequence[Run]]) -> Iterator[Sequence[str]]:
    """A row of figures a command; ratios are those within a round."""
    for name, mine in runs.items():
        yield (
            name,
            str(len(mine)),
            spread(run.wall for run in mine).show(".2f"),
            spread(run.wall / shell.wall for run, shell in zip(mine, runs[SHELL])).show(".2f"),
            f"{spread(run.cpu for run in mine).median:.1f}",
            peak_memory(mine),
        )


def benchmark(rows: int, rounds: int) -> None:
    """Measures, and prints what came out."""
    about = machine()
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        folder = Path(name)
        file = generate(folder / "rows", rows)
        uri = f"sqlite:///{folder}/customers.db"
        measure(hpnorton_import(uri, file, LINEAR))
        target = Target(folder / "fresh.db", schema(folder), rows)
        contenders = [shell_import(target, file, rounds)]
        for flag in ("--quality", "--fields"):
            for workers in ("1", "2"):
                command = hpnorton("--quiet", "--uri", uri, flag, COLLECTION, "--workers", workers)
                contenders.append(Contender(f"{flag} --workers {workers}", command, rounds))
        check(contenders[2].command, rows)
        runs = alternate(contenders, rounds)
    print(f"{rows:,} customers in SQLite\n")
    print(markdown_table(HEADER, table_rows(runs)), about, sep="\n\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=positive, default=3, metavar="R")
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given.rows, given.rounds))


if __name__ == "__main__":
    sys.exit(main())
