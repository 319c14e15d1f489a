"""What the benchmarks share: commands run by turns and measured, and the figures as a table."""

import math
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

HOME = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HOME / "src"), str(HOME)]

# The package is importable only now.
# pylint: disable=wrong-import-position
from hpnorton.compare.machine import describe_machine
from hpnorton.compare.stats import Spread, spread

# pylint: enable=wrong-import-position
__all__ = ["Spread", "describe_machine", "spread"]

_BLOCK_BYTES = 2**16
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_SETTINGS_PREFIX = "HPNORTON_"


class BenchmarkError(Exception):
    """Why there is nothing to measure, and what to do about it."""


@dataclass(frozen=True)
class Run:
    """What one run of a command took.

    `cpu` are the user and system seconds of the process and of all that it has started and waited
    for, `peak` the most bytes that the largest of these processes held, `output` the bytes that
    came on stdout.
    """

    wall: float
    cpu: float
    peak: int
    output: int


@dataclass(frozen=True)
class Contender:
    """A command to measure in the first `rounds` rounds; `before` and `after` are not measured."""

    name: str
    command: Sequence[str]
    rounds: int
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None


def percentile(figures: Iterable[float], percent: float) -> float:
    """The figure that so many percent of all figures do not exceed."""
    known = sorted(figures)
    return known[max(0, math.ceil(len(known) * percent / 100) - 1)]


def hpnorton(*arguments: str) -> list[str]:
    """The command that runs this checkout's HPNorton with this Python."""
    return [sys.executable, str(HOME / "HPNorton.py"), *arguments]


def tool(name: str, advice: str) -> str:
    """The path of a program, beside this Python or on the PATH. Raises BenchmarkError."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise BenchmarkError(f"{name} is not installed; {advice}")
    return found


def measure(command: Sequence[str]) -> Run:
    """Runs a command once, reads what it writes into a pipe, and says what it took.

    Raises BenchmarkError unless its exit status is 0.
    """
    with tempfile.TemporaryFile() as errors:
        start = perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_clean()
        ) as process:
            assert process.stdout is not None
            output = sum(map(len, iter(partial(process.stdout.read, _BLOCK_BYTES), b"")))
            _, status, usage = os.wait4(process.pid, 0)
            wall = perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            told = errors.read().decode(errors="replace").strip()
            raise BenchmarkError(f"{' '.join(command)} ended with {process.returncode}: {told}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_BYTES, output)


def alternate(contenders: Sequence[Contender], rounds: int) -> Mapping[str, Sequence[Run]]:
    """The runs of each contender, by name: all take a turn in each round.

    So a machine that is busy for a while is so for all of them. Each round begins with another
    one, and nobody pays for what the one before has left to be written to disk.
    """
    runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        first = turn % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            if turn >= contender.rounds:
                continue
            contender.before()
            os.sync()
            runs[contender.name].append(measure(contender.command))
            contender.after()
    return runs


def peak_memory(runs: Iterable[Run]) -> str:
    """The most megabytes that any of the runs held.

    A process counts from its birth, as a copy of this one: below that nothing can be told.
    """
    peak = max(run.peak for run in runs)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES
    return f"{'at most ' if peak <= own else ''}{peak / 1e6:.0f}"


def machine() -> str:
    """What the figures were measured on, as a Markdown list."""
    return "\n".join(f"- {name}: {fact}" for name, fact in describe_machine().items())


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, figures to the right."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        "| " + " | ".join([line[0].ljust(widths[0]), *_right(line[1:], widths[1:])]) + " |"
        for line in (header, rule, *lines[1:])
    )


def exit_status(work: Callable[[], None]) -> int:
    """Does the work; tells on stderr what kept it from being done."""
    try:
        work()
    except (BenchmarkError, OSError, sqlite3.Error) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Error: interrupted", file=sys.stderr)
        return 130
    return 0


def _right(cells: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    return map(str.rjust, cells, widths)


def _clean() -> dict[str, str]:
    """The environment without the user's settings of HPNorton."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_PREFIX)
    }
