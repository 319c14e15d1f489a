"""What timing runs are made of, and what comes of them: plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpnorton.compare.advice import LINEAR, Advice, Line
from hpnorton.compare.children import Ended
from hpnorton.compare.figures import Spread, spread
from hpnorton.importer.sources import Source
from hpnorton.workers import cores

PARALLEL = "--parallel"


@dataclass(frozen=True)
class Way:
    """How to import: `workers` processes share the chunks (0: a process per file), or linear."""

    is_parallel: bool = False
    workers: int = 0

    @property
    def flags(self) -> str:
        """The flags of the command line."""
        pool = f" --workers {self.workers}" if self.workers else ""
        return f"{PARALLEL}{pool}" if self.is_parallel else LINEAR

    @property
    def mode(self) -> str:
        """Its name for people."""
        if not self.is_parallel:
            return "linear"
        return "pool" if self.workers else "per file"

    @property
    def least_chunks(self) -> int:
        """How many chunks keep all workers busy with one file, as long files do."""
        return 2 * self.workers if self.workers > 1 else 1


@dataclass(frozen=True)
class Grid:
    """What to compare: numbers of workers, rows in a chunk, and how often each."""

    workers: Sequence[int]
    chunk_rows: Sequence[int]
    repeat: int

    @property
    def ways(self) -> list[Way]:
        """Linear, one process per file, and pools."""
        return [Way(), Way(is_parallel=True), *(Way(True, count) for count in self.workers)]


@dataclass(frozen=True)
class Length:
    """The files, or what they are cut to, how many rows these have in all, and the longest one."""

    sources: Sequence[Source]
    rows: int
    longest: int


@dataclass
class Timed:
    """The runs of one way with one chunk size and one length of the files."""

    way: Way
    chunk_rows: int
    length: Length
    runs: list[Ended] = field(default_factory=list)

    @property
    def seconds(self) -> Spread:
        """How long an import takes, start-up included."""
        return spread(run.seconds for run in self.runs)

    @property
    def rows_per_second(self) -> Spread:
        """How fast, start-up included."""
        return spread(self.length.rows / run.seconds for run in self.runs)

    @property
    def peak(self) -> int:
        """The most bytes that the largest process of any run held."""
        return max(run.peak for run in self.runs)

    def as_document(self, linear: float) -> dict[str, Any]:
        """The figures by name; `linear` are the seconds that the speed-up refers to."""
        return {
            "flags": self.way.flags,
            "mode": self.way.mode,
            "workers": self.way.workers or None,
            "chunk_rows": self.chunk_rows,
            "seconds": round(self.seconds.median, 4),
            "seconds_min": round(self.seconds.low, 4),
            "seconds_max": round(self.seconds.high, 4),
            "rows_per_second": round(self.rows_per_second.median),
            "speed_up": round(linear / self.seconds.median, 3),
            "peak_bytes": self.peak,
        }


@dataclass(frozen=True)
class Parts:
    """Where the time of one import goes: wall seconds by phase, all its processes together.

    `rest` are the processor's seconds outside the phases: Python's start above all. `elapsed` is
    how long a person waits.
    """

    way: Way
    phases: Mapping[str, float]
    rest: float
    elapsed: float


@dataclass(frozen=True)
class Comparison:
    """All that was measured: the grid with the whole files, and shorter lengths of them.

    `lengths` have `usual` rows in a chunk, or fewer where files are short (see suited_chunk_rows),
    and the whole files are among them. `refused` are the rows that no run takes. `caution` says why
    the figures may be chance (see advice.caution), or is empty.
    """

    files: Sequence[str]
    rows: int
    refused: int
    usual: int
    grid: Sequence[Timed]
    lengths: Sequence[Timed]
    parts: Sequence[Parts]
    lines: Mapping[str, Line | None]
    advice: Advice
    machine: Mapping[str, str]
    caution: str = ""

    @property
    def linear(self) -> float:
        """The seconds that linear takes at its best: what speed-ups refer to."""
        return min(timed.seconds.median for timed in self.grid if not timed.way.is_parallel)

    def as_document(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        lengths = sorted(self.lengths, key=lambda timed: timed.length.rows)
        return {
            "advice": self.advice.sentence,
            "caution": self.caution or None,
            "use": self.advice.flags,
            "parallel_pays_from_rows": self.advice.pays_from,
            "parallel_pays_with": self.advice.pays_with,
            "files": list(self.files),
            "rows": self.rows,
            "rows_refused": self.refused,
            "runs": [timed.as_document(self.linear) for timed in self.grid],
            "lengths": [
                {
                    "way": timed.way.flags,
                    "rows": timed.length.rows,
                    "chunk_rows": timed.chunk_rows,
                    "seconds": round(timed.seconds.median, 4),
                }
                for timed in lengths
            ],
            "start_up": {
                way: {
                    "seconds": round(line.start, 4),
                    "rows_per_second_then": round(line.rate),
                }
                for way, line in self.lines.items()
                if line is not None
            },
            "where_the_time_goes": [
                {"way": parts.way.flags, "elapsed": round(parts.elapsed, 4)}
                | {phase: round(seconds, 4) for phase, seconds in parts.phases.items()}
                | {"rest": round(parts.rest, 4)}
                for parts in self.parts
            ],
            "machine": dict(self.machine),
        }


def suited_chunk_rows(way: Way, length: Length, usual: int) -> int:
    """The rows in a chunk from whose time that of much longer files can be told.

    Of a file with fewer chunks than workers the time would say that a second worker gains nothing,
    which is not so for longer ones.
    """
    if way.least_chunks == 1 or length.longest < way.least_chunks:
        return usual
    return min(usual, -(-length.longest // way.least_chunks))


def default_workers() -> list[int]:
    """The powers of two up to the number of cores, and this number; at least 1 and 2."""
    most = max(2, cores())
    return sorted({*(2**power for power in range(most.bit_length())), most})
