#!/usr/bin/env python3
"""Files that are small and become a gigabyte: what they take in memory and time, and what is said.

    .venv/bin/python benchmarks/bombs.py > bombs.md

Most of them go to --linear, --parallel --workers 2, --analyze and --stream. Nothing large is
written to the disk: one line of a gigabyte comes from a .gz file of a megabyte and through a pipe,
short rows from a .gz file. A row follows the line, which an import has to find. --stream is left
out where each row takes its turn. `tests/hostile/test_sizes.py` asserts some of it.
"""

import gzip
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
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
TAIL = b"\n3,4\n"
# What a line of a gigabyte is made of: how it begins, what is repeated, how it ends.
LINES = {
    "a line": (b"", b"0", TAIL),
    "a quoted line": (b'"', b"0", b'"' + TAIL),
    "a quoted cell of many lines": (b'"', b"0\n", b'"' + TAIL),
    "a quote that nothing closes": (b'"', b"0,0\n", TAIL),
    "a line of quotes": (b'"', b'""', b'"' + TAIL),
    "a line of quoted cells": (b"", b'"0",', TAIL),
}
ACTIONS = ("--linear", "--parallel --workers 2", "--analyze", "--stream --every 0 0")


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
    for name, (start, middle, end) in LINES.items():
        path = _bomb(folder / "line.csv.gz", HEAD + start, middle, end)
        for action in ACTIONS if name == "a line" else ACTIONS[:1]:
            flag, *more = action.split()
            yield _case(folder, f"{name} of 1 GiB in .gz, {action}", path, [flag, str(path), *more])
    for action in ACTIONS:
        flag, *more = action.split()
        stdin = "-" if flag == "--analyze" else "line=-"
        told = f"a line of 1 GiB through a pipe, {action}"
        yield _case(folder, told, None, [flag, stdin, *more], _endless)
    short = gzip_bomb(folder / "short.csv.gz", HEAD, b"1,2\n" * (4 * MIB), GIB // (16 * MIB))
    some = gzip_bomb(folder / "some.csv.gz", HEAD, b"1,2\n" * MIB, 10)
    blank = gzip_bomb(folder / "blank.csv.gz", HEAD, b"\n" * MIB, 1)
    yield _case(
        folder, "268 million short rows in .gz, --analyze", short, ["--analyze", str(short)]
    )
    yield _case(folder, "10 million short rows in .gz, --linear", some, ["--linear", str(some)])
    yield _case(folder, "1 million blank rows in .gz, --linear", blank, ["--linear", str(blank)])


def _bomb(path: Path, head: bytes, content: bytes, tail: bytes) -> Path:
    """A .gz file with a gigabyte of some content between head and tail."""
    gzip_bomb(path, head, content * (16 * MIB // len(content)), GIB // (16 * MIB))
    with path.open("ab") as out:
        out.write(gzip.compress(tail))
    return path


def _endless() -> Iterable[bytes]:
    return chain([HEAD], repeat(b"0" * MIB, 1024), [TAIL])


def _case(
    folder: Path,
    name: str,
    path: Path | None,
    arguments: list[str],
    feed: Callable[[], Iterable[bytes]] = tuple,
) -> tuple[str, ...]:
    """Runs a command on a database of its own, which is removed; its progress goes to stderr."""
    print(name, file=sys.stderr, flush=True)
    (folder / "bomb.db").unlink(missing_ok=True)
    command = measure.hpnorton(*arguments, "--quiet", "--uri", f"sqlite:///{folder}/bomb.db")
    done = run_measured(command, folder, os.environ, feed(), patience=3600)
    said = (done.err.strip() or "nothing").splitlines()[0].removeprefix("Error: ")
    return (
        name,
        f"{path.stat().st_size if path else done.fed:,}",
        f"{done.seconds:.1f}",
        f"{done.peak / 1e6:.0f}",
        str(done.status),
        said.replace(f"{folder}/", "")[:80],
    )


if __name__ == "__main__":
    sys.exit(main())
