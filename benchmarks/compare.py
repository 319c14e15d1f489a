"""Is --compare right? Its seconds beside /usr/bin/time, its crossover beside files of other sizes.

And does it leave anything behind when it is interrupted at a random moment?
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from measure import (
    HOME,
    BenchmarkError,
    Contender,
    alternate,
    exit_status,
    hpnorton,
    machine,
    markdown_table,
    spread,
    tool,
)
from shell import SIDE_FILES, generate, positive

# measure.py has made it importable.
from hpnorton.compare.children import CommandResult, open_children

COMPARE = ("--quiet", "--format", "json", "--compare")
PRODUCTION = sorted(str(path) for path in (HOME / "data" / "production").glob("*.csv"))
CHUNK_ROWS = "10000"
SECONDS = re.compile(r"Elapsed .*: (?:(\d+):)?(\d+):([\d.]+)$", re.MULTILINE)
PEAK = re.compile(r"Maximum resident set size \(kbytes\): (\d+)")
EARLIEST, LATEST = 0.3, 10.0  # seconds until a signal


def compare(database: Path, *arguments: str) -> Any:
    """What --compare says."""
    command = hpnorton("--uri", f"sqlite:///{database}", *COMPARE, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)[0]


# Its seconds beside those of /usr/bin/time.


def remove(database: Path) -> None:
    """Removes a database."""
    for suffix in SIDE_FILES:
        Path(f"{database}{suffix}").unlink(missing_ok=True)


def both_watches(database: Path, way: str) -> tuple[CommandResult, float, int]:
    """An import as --compare runs it, with /usr/bin/time -v inside: its seconds, and its kB."""
    watch = tool("time", "for example: apt install time")
    remove(database)
    flags = ("--quiet", "--format", "json", "--chunk-rows", CHUNK_ROWS)
    command = hpnorton("--uri", f"sqlite:///{database}", *flags, *way.split(), *PRODUCTION)
    with open_children() as children:
        ended = children.run([watch, "-v", *command], os.environ)
    found, peak = SECONDS.search(ended.err), PEAK.search(ended.err)
    if ended.status or found is None or peak is None:
        raise BenchmarkError(f"{watch} -v says nothing of elapsed time and memory: {ended.err}")
    hours, minutes, seconds = found.groups(default="0")
    return ended, int(hours) * 3600 + int(minutes) * 60 + float(seconds), int(peak[1])


def agreement(rounds: int) -> Iterator[Sequence[str]]:
    """A row of figures a way: the same imports by both watches."""
    for way in ("--linear", "--parallel", "--parallel --workers 2"):
        with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
            runs = [both_watches(Path(name, "shop.db"), way) for _ in range(rounds)]
        yield (
            way,
            str(rounds),
            spread(ended.seconds for ended, _, _ in runs).show(".2f"),
            spread(seconds for _, seconds, _ in runs).show(".2f"),
            spread(ended.seconds / seconds for ended, seconds, _ in runs).show(".3f"),
            f"{spread(ended.peak for ended, _, _ in runs).median / 1e6:.1f}",
            f"{spread(kb * 1024 for _, _, kb in runs).median / 1e6:.1f}",
        )


# Its crossover beside files of half and twice that size.


def crossover(folder: Path, rows: int, rounds: int) -> str:
    """What --compare predicts from `rows` rows a file, and what files of other sizes show."""
    files = [str(generate(folder / "given", rows).with_name(name)) for name in NAMES]
    span = ("--workers", "2", "--chunk-rows", CHUNK_ROWS, "--repeat", str(rounds))
    made = compare(folder / "shop.db", *files, *span)
    predicted, way = made["parallel_pays_from_rows"], made["parallel_pays_with"]
    told = f"From {made['rows']:,} rows: {made['advice']}\n\n"
    if not predicted:
        return told + "Nothing is predicted, so there is nothing to check."
    lines = [*crossover_rows(folder, predicted, way, rounds)]
    header = (
        "rows",
        "of the predicted",
        "--linear, s",
        f"{way}, s",
        "times as fast",
        "as predicted",
    )
    return told + markdown_table(header, lines)


NAMES = ("customers.csv", "product.csv", "rental.csv")


def crossover_rows(folder: Path, predicted: int, way: str, rounds: int) -> Iterator[Sequence[str]]:
    """A row of figures a size."""
    for factor in (0.5, 1.0, 2.0):
        rows = max(1, round(factor * predicted / len(NAMES)))
        place = folder / f"times-{factor}"
        files = [str(generate(place, rows).with_name(name)) for name in NAMES]
        database = place / "shop.db"
        flags = ("--uri", f"sqlite:///{database}", "--quiet", "--chunk-rows", CHUNK_ROWS)
        contenders = [
            Contender(
                each,
                hpnorton(*flags, *each.split(), *files),
                rounds,
                before=partial(remove, database),
            )
            for each in ("--linear", way)
        ]
        runs = alternate(contenders, rounds)
        linear, other = (spread(run.wall for run in runs[name]) for name in ("--linear", way))
        gain = linear.median / other.median
        is_right = {0.5: gain < 1, 1.0: True, 2.0: gain > 1}[factor]
        yield (
            f"{rows * len(NAMES):,}",
            f"{factor:g}",
            linear.show(".2f"),
            other.show(".2f"),
            f"{gain:.2f}",
            "" if factor == 1 else "yes" if is_right else "NO",
        )


# Interrupted at a random moment.


def interrupted(folder: Path, dice: random.Random) -> tuple[str, list[str]]:
    """Ends --compare at a random moment; how, and what is wrong afterwards."""
    before = {path.name for path in folder.iterdir()}
    command = hpnorton("--uri", f"sqlite:///{folder}/shop.db", *COMPARE, *PRODUCTION)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(folder)},
        start_new_session=True,
    ) as process:
        number = dice.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        moment, times = dice.uniform(EARLIEST, LATEST), dice.choice([1, 1, 2])
        time.sleep(moment)
        seen = processes_in(folder)
        for _ in range(times):
            process.send_signal(number)
            time.sleep(dice.uniform(0, 0.2))
        _, err = process.communicate(timeout=60)
    faults = [f"{name} is left" for name in {p.name for p in folder.iterdir()} - before]
    faults += [f"a process is left: {text}" for text in processes_in(folder)]
    # Before anything is made, and when all is cleaned up, a signal may end Python itself.
    if process.returncode not in (130, -number) or b"Traceback" in err:
        faults.append(f"it ended with {process.returncode}: {err.decode().strip()[-200:]}")
    said = f"{signal.Signals(number).name} x{times} after {moment:.2f} s, {len(seen)} processes"
    return said, faults


def processes_in(folder: Path) -> list[str]:
    """The commands of all processes that were started for a folder, as their environments tell."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}".encode() in (place / "environ").read_bytes().split(b"\0"):
                text = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if text:  # else it has ended, and nobody has asked how yet
                    found.append(text)
        except OSError:
            continue  # it is another's, or has ended
    return found


def interruptions(runs: int, seed: int) -> str:
    """What became of so many interrupted comparisons. Raises BenchmarkError if anything is left."""
    dice, wrong = random.Random(seed), 0
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        for number in range(runs):
            said, faults = interrupted(Path(name), dice)
            wrong += bool(faults)
            print(f"{number:3}: {said}: {'; '.join(faults) or 'nothing left'}", flush=True)
    if wrong:
        raise BenchmarkError(
            f"{wrong} of {runs} interrupted comparisons left something (--seed {seed})"
        )
    return f"{runs} comparisons were interrupted (seed {seed}); nothing was left of any."


def benchmark(given: argparse.Namespace) -> None:
    """Does what the command line asks for, and prints what came out."""
    if given.interrupt:
        print(interruptions(given.interrupt, given.seed))
        return
    about = machine()
    header = ("way", "runs", "here, s", "time -v, s", "ratio", "here, MB", "time -v, MB")
    print(f"The production dataset, {given.rounds} rounds\n")
    print(markdown_table(header, [*agreement(given.rounds)]), flush=True)
    with tempfile.TemporaryDirectory(prefix="hpnorton-benchmark-") as name:
        print("", crossover(Path(name), given.rows, given.rounds), about, sep="\n\n")


def main() -> int:
    """Does what the command line asks for, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=positive, default=5, metavar="R")
    parser.add_argument("--rows", type=positive, default=10_000, metavar="N", help="in each file")
    parser.add_argument(
        "--interrupt", type=positive, metavar="RUNS", help="only interrupt so many comparisons"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="N")
    given = parser.parse_args()
    return exit_status(lambda: benchmark(given))


if __name__ == "__main__":
    sys.exit(main())
