#!/usr/bin/env python3
"""Files that are small and become a gigabyte: what they take in memory and time, and what is said.

    .venv/bin/python benchmarks/bombs.py > bombs.md

Each of them goes to --linear, --analyze and --stream. Nothing large is written to the disk: one
line without an end comes from a .gz file of a megabyte and through a pipe, short rows from a .gz
file. --stream is left out where each row takes its turn. `tests/hostile/test_sizes.py` asserts the
same of smaller files.
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path

import measure

sys.path.insert(0, str(measure.HOME))

# Importable only now.
# pylint: disable-next=wrong-import-position
from tests.hostile.measured import gzip_bomb, run_measured

MIB = 2**20
GIB = 2**30
HEAD = b"id,a\n1,2\n"
EVERY = ("--every", "0", "0")


def main() -> int:
    """Prints a table of all cases."""
    return measure.exit_status(_measure_all)


def _measure_all() -> None:
    print(measure.machine() + "\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        header = ("bomb", "bytes", "seconds", "peak MB", "exit", "said")
        print(measure.markdown_table(header, list(_rows(folder))))


def _rows(folder: Path) -> Iterator[tuple[str, ...]]:
    line = gzip_bomb(folder / "line.csv.gz", HEAD, b"0" * (16 * MIB), GIB // (16 * MIB))
    short = gzip_bomb(folder / "short.csv.gz", HEAD, b"1,2\n" * (4 * MIB), GIB // (16 * MIB))
    some = gzip_bomb(folder / "some.csv.gz", HEAD, b"1,2\n" * MIB, 10)
    blank = gzip_bomb(folder / "blank.csv.gz", HEAD, b"\n" * MIB, 1)
    endless = chain([HEAD], repeat(b"0" * MIB, 1024))
    quoted = chain([HEAD, b'"'], repeat(b"0" * MIB, 1024))
    for action in ("--linear", "--analyze", "--stream"):
        every = EVERY if action == "--stream" else ()
        yield _case(folder, f"a line of 1 GiB in .gz, {action}", line, [action, str(line), *every])
        stdin = "-" if action == "--analyze" else "line=-"
        for name, feed in (("a line", endless), ("a quoted line", quoted)):
            told = f"{name} of 1 GiB through a pipe, {action}"
            yield _case(folder, told, None, [action, stdin, *every], feed)
    yield _case(
        folder, "268 million short rows in .gz, --analyze", short, ["--analyze", str(short)]
    )
    yield _case(folder, "10 million short rows in .gz, --linear", some, ["--linear", str(some)])
    yield _case(folder, "1 million blank rows in .gz, --linear", blank, ["--linear", str(blank)])


def _case(
    folder: Path, name: str, path: Path | None, arguments: list[str], feed: Iterable[bytes] = ()
) -> tuple[str, ...]:
    """Runs a command on a database of its own, which is removed."""
    (folder / "bomb.db").unlink(missing_ok=True)
    command = measure.hpnorton(*arguments, "--quiet", "--uri", f"sqlite:///{folder}/bomb.db")
    done = run_measured(command, folder, os.environ, feed, patience=3600)
    said = (done.err.strip() or "nothing").splitlines()[0].removeprefix("Error: ")
    return (
        name,
        f"{path.stat().st_size if path else done.fed:,}",
        f"{done.seconds:.1f}",
        f"{done.peak / 1e6:.0f}",
        str(done.status),
        said.replace(f"{folder}/", "")[:90],
    )


if __name__ == "__main__":
    sys.exit(main())
