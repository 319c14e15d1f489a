"""Imports customers into SQLite with HPNorton and with two other tools, and compares the speed."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from measure import (
    Contender,
    Run,
    alternate,
    exit_status,
    machine,
    markdown_table,
    peak_memory,
    spread,
    tool,
)
from shell import (
    COLLECTION,
    KEY,
    MODES,
    SHELL,
    Target,
    generate,
    hpnorton_import,
    positive,
    schema,
    shell_import,
)

# It takes some ten times as long as the others.
SQLITE_UTILS_ROUNDS = 2
HEADER = (
    "tool",
    "rounds",
    "rows/s (min - max)",
    f"of {SHELL}",
    "CPU s",
    "peak memory, MB",
)


def contenders(target: Target, file: Path, rounds: int) -> list[Contender]:
    """Who imports the file."""
    utils = tool("sqlite-utils", "for example: pip install sqlite-utils")
    database = str(target.path)
    arguments = [database, COLLECTION, str(file), "--csv", "--pk", KEY, "--silent"]
    ours = [
        Contender(
            f"HPNorton {name}",
            hpnorton_import(f"sqlite:///{target.path}", file, *flags),
            rounds,
            before=target.remove,
            after=target.check,
        )
        for name, flags in MODES.items()
    ]
    return [
        *ours,
        shell_import(target, file, rounds),
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
