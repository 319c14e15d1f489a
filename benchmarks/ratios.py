"""HPNorton beside itself: a file again, rows with references, ten times the rows, cutting alone."""

import argparse
import gc
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import process_time

from measure import (
    HOME,
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
)
from shell import COLLECTION, SIDE_FILES, generate, hpnorton_import, positive

FIRST = "customers"
AGAIN = "customers, again"
UPSERT = "customers, again, --mode upsert"
RENTALS = "rentals, both references checked"
TENFOLD = "ten times the customers"
HEADER = ("import", "rounds", "rows/s (min - max)", f"of {FIRST}", "CPU s", "peak memory, MB")


def remove(path: Path) -> None:
    """Removes a database."""
    for suffix in SIDE_FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def contenders(folder: Path, flags: Sequence[str], rounds: int) -> list[Contender]:
    """The imports, each into a database that holds what it needs."""
    path = folder / "fresh.db"
    small, large = folder / "rows", folder / "tenfold"

    def command(file: Path, *more: str) -> list[str]:
        return hpnorton_import(f"sqlite:///{path}", file, *more, *flags)

    def prepare(*files: Path) -> None:
        remove(path)
        for file in files:
            measure(command(file))

    customers = small / f"{COLLECTION}.csv"
    parents = (customers, small / "product.csv")
    return [
        Contender(FIRST, command(customers), rounds, before=prepare),
        Contender(AGAIN, command(customers), rounds, before=lambda: prepare(customers)),
        Contender(
            UPSERT,
            command(customers, "--mode", "upsert"),
            rounds,
            before=lambda: prepare(customers),
        ),
        Contender(RENTALS, command(small / "rental.csv"), rounds, before=lambda: prepare(*parents)),
        Contender(TENFOLD, command(large / f"{COLLECTION}.csv"), min(rounds, 1), before=prepare),
    ]


def table_rows(runs: Mapping[str, Sequence[Run]], rows: int) -> Iterator[Sequence[str]]:
    """A row of figures an import; ratios are those within a round."""
    for name, mine in runs.items():
        many = rows * 10 if name == TENFOLD else rows
        ratios = [many / run.wall / (rows / first.wall) for run, first in zip(mine, runs[FIRST])]
        yield (
            name,
            str(len(mine)),
            spread(many / run.wall for run in mine).show(),
            spread(ratios).show(".2f"),
            f"{spread(run.cpu for run in mine).median:.1f}",
            peak_memory(mine),
        )


def cutting_share(file: Path, import_cpu: float) -> str:
    """How much of an import's CPU time it takes to cut a file into chunks."""
    sys.path.insert(0, str(HOME / "src"))
    # pylint: disable-next=import-outside-toplevel # found only now
    from hpnorton.tabular.reader import CsvFile

    gc.disable()
    opened = CsvFile(str(file), COLLECTION)
    start = process_time()
    chunks = sum(1 for _ in opened.chunks(10_000))
    seconds = process_time() - start
    opened.close()
    quoted = sum(b'"' in line for line in file.open("rb"))
    return (
        f"Cutting {file.name} into {chunks} chunks takes {seconds:.2f} s, "
        f"{seconds / import_cpu:.0%} of an import's CPU time; {quoted:,} lines hold a quote."
    )


def benchmark(rows: int, rounds: int, flags: Sequence[str]) -> None:
    """Measures, and prints what came out."""
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        folder = Path(name)
        about = machine()
        file = generate(folder / "rows", rows)
        generate(folder / "tenfold", rows * 10)
        runs = alternate(contenders(folder, flags, rounds), rounds)
        if not runs[FIRST]:
            raise BenchmarkError("nothing was measured")
        cutting = cutting_share(file, spread(run.cpu for run in runs[FIRST]).median)
    print(f"{rows:,} rows a file, {' '.join(flags)}, into SQLite\n")
    print(markdown_table(HEADER, table_rows(runs, rows)), cutting, about, sep="\n\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=positive, default=3, metavar="R")
    parser.add_argument("--workers", type=positive, metavar="N", help="a pool, not --linear")
    options = parser.parse_args()
    workers = ["--workers", str(options.workers), "--parallel"]
    flags = workers if options.workers else ["--linear"]
    return exit_status(lambda: benchmark(options.rows, options.rounds, flags))


if __name__ == "__main__":
    sys.exit(main())
