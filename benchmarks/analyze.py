"""The time to look at a CSV file: HPNorton with 1 and 2 workers, DuckDB, a loop over csv.reader.

All answer the same: the rows per year, the rows whose sentence holds a text, and for every column
the filled cells, the distinct values, the lowest, the highest and the longest. HPNorton and DuckDB
estimate the distinct values, the loop counts them. The answers are compared before anything else.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
    peak_memory,
    spread,
)
from shell import positive

ONE, TWO, DUCKDB, LOOP = "--workers 1", "--workers 2", "DuckDB", "csv.reader loop"
SLOW_ROUNDS = 2
TEXT = "ao"
COLUMNS = 7
INTEGERS = (0, 2, 3, 4)
DATE, SENTENCE = 5, 6
HEADER = ("who", "rounds", "seconds (min - max)", "times DuckDB", f"times {ONE}", "CPU s", "MB")
Answers = dict[str, Any]


def answer_with_duckdb(file: str) -> Answers:
    """The answers by one SQL statement."""
    duckdb: Any = import_module("duckdb")  # not everybody has it
    asked = [
        "count(*)",
        f"count(*) FILTER (contains(c{SENTENCE}, '{TEXT}'))",
        f"histogram(year(strptime(c{DATE}, '%m/%d/%Y')))",
    ]
    for at in range(COLUMNS):
        value = f"CAST(c{at} AS BIGINT)" if at in INTEGERS else f"c{at}"
        if at == DATE:
            value = f"CAST(strptime(c{at}, '%m/%d/%Y') AS DATE)"
        asked += [f"count(c{at})", f"min({value})", f"max({value})", f"max(length(c{at}))"]
        asked.append(f"approx_count_distinct(c{at})")
    names = [f"c{at}" for at in range(COLUMNS)]
    source = f"read_csv(?, header = true, all_varchar = true, names = {names})"
    found = duckdb.execute(f"SELECT {', '.join(asked)} FROM {source}", [file]).fetchall()
    rows, held, years, *rest = found[0]
    parts = [rest[at : at + 5] for at in range(0, len(rest), 5)]
    columns = [(filled, low, high, longest) for filled, low, high, longest, _ in parts]
    return answers(rows, held, years, columns, [part[4] for part in parts])


def answer_with_a_loop(file: str) -> Answers:
    """The answers by the standard library, row by row."""
    year_of = cache(lambda text: datetime.strptime(text, "%m/%d/%Y").year)
    years: Counter[int] = Counter()
    held = rows = 0
    cells: list[set[str]] = [set() for _ in range(COLUMNS)]
    filled = [0] * COLUMNS
    with open(file, encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        next(reader)
        for row in reader:
            rows += 1
            years[year_of(row[DATE])] += 1
            held += TEXT in row[SENTENCE]
            for at, cell in enumerate(row):
                if cell:
                    filled[at] += 1
                    cells[at].add(cell)
    columns = []
    for at, texts in enumerate(cells):
        values: list[Any] = [_value(at, text) for text in texts]
        columns.append((filled[at], min(values), max(values), max(map(len, texts))))
    return answers(rows, held, years, columns, [len(texts) for texts in cells])


def _value(at: int, text: str) -> int | str:
    if at == DATE:
        month, day, year = text.split("/")
        return f"{year}-{month}-{day}"
    return int(text) if at in INTEGERS else text


def answers(
    rows: int,
    held: int,
    years: Mapping[int, int],
    columns: Sequence[tuple[Any, ...]],
    distinct: Sequence[int],
) -> Answers:
    """What has to be the same, whoever answers; and the distinct values, which may be estimated."""
    exact = {
        "rows": rows,
        "held": held,
        "years": {str(year): count for year, count in sorted(years.items())},
        "columns": [[*map(str, column)] for column in columns],
    }
    return {"exact": exact, "distinct": list(distinct)}


def answers_of_hpnorton(told: Any) -> Answers:
    """The same from what HPNorton writes."""
    columns = told["columns"]
    return answers(
        told["rows"],
        told["counts"][0]["rows"],
        {int(year): rows for year, rows in told["years"]["rows"].items()},
        [tuple(column[name] for name in ("filled", "min", "max", "longest")) for column in columns],
        [column["distinct"] for column in columns],
    )


def contenders(file: Path, rounds: int) -> list[Contender]:
    """Who is measured."""
    asked = ["--year-of", "date", "--count", f"sentence={TEXT}", "--quiet", "--format", "json"]
    if find_spec("duckdb") is None:
        raise BenchmarkError("DuckDB is not installed; pip install duckdb")

    def by_turns(name: str) -> list[str]:
        return [sys.executable, __file__, "--answer", name, str(file)]

    return [
        Contender(ONE, hpnorton("--analyze", str(file), *asked, *ONE.split()), rounds),
        Contender(TWO, hpnorton("--analyze", str(file), *asked, *TWO.split()), rounds),
        Contender(DUCKDB, by_turns(DUCKDB), rounds),
        Contender(LOOP, by_turns(LOOP), min(rounds, SLOW_ROUNDS)),
    ]


def compare(everyone: Sequence[Contender]) -> str:
    """How far estimates are off. Raises BenchmarkError unless all others are the same."""
    found: dict[str, Answers] = {}
    for each in everyone:
        done = subprocess.run(each.command, stdout=subprocess.PIPE, check=True)
        told = json.loads(done.stdout)
        found[each.name] = answers_of_hpnorton(told[0]) if isinstance(told, list) else told
    for name, mine in found.items():
        if mine["exact"] != found[LOOP]["exact"]:
            raise BenchmarkError(f"{name} answers {mine}, {LOOP} {found[LOOP]}")
    counted = found[LOOP]["distinct"]
    worst = {
        name: max(abs(one / real - 1) for one, real in zip(found[name]["distinct"], counted))
        for name in (ONE, TWO, DUCKDB)
    }
    shown = ", ".join(f"{name} {share:.1%}" for name, share in worst.items())
    return f"All answers are the same; estimates of distinct values are off by at most: {shown}."


def table_rows(runs: Mapping[str, Sequence[Run]]) -> Iterator[Sequence[str]]:
    """A row of figures each; ratios are those within a round."""
    for name, mine in runs.items():
        ratios = [
            [run.wall / other.wall for run, other in zip(mine, runs[yardstick])]
            for yardstick in (DUCKDB, ONE)
        ]
        yield (
            name,
            str(len(mine)),
            spread(run.wall for run in mine).show(".2f"),
            *(spread(ratio).show(".2f") for ratio in ratios),
            f"{spread(run.cpu for run in mine).median:.1f}",
            peak_memory(mine),
        )


def benchmark(rows: int, rounds: int) -> None:
    """Measures, and prints what came out."""
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        about = machine()
        script = [sys.executable, str(HOME / "scripts" / "generate.py"), "--shape", "payments"]
        arguments = ["--rows", str(rows), "--out", name]
        subprocess.run([*script, *arguments], check=True, stdout=subprocess.DEVNULL)
        file = Path(name) / "payments.csv"
        size = file.stat().st_size
        everyone = contenders(file, rounds)
        same = compare(everyone)
        runs = alternate(everyone, rounds)
    print(f"{rows:,} rows, {size / 1e6:.0f} MB\n")
    print(markdown_table(HEADER, table_rows(runs)), same, about, sep="\n\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=positive, default=5, metavar="R")
    parser.add_argument("--answer", nargs=2, metavar=("WHO", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        who, file = options.answer
        answer = answer_with_duckdb if who == DUCKDB else answer_with_a_loop
        print(json.dumps(answer(file)))
        return 0
    return exit_status(lambda: benchmark(options.rows, options.rounds))


if __name__ == "__main__":
    sys.exit(main())
