"""What a comparison measures, and its results: plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpnorton.compare.advice import LINEAR, Advice, Line
from hpnorton.compare.children import CommandResult
from hpnorton.compare.stats import Spread, spread
from hpnorton.importer.sources import Source
from hpnorton.workers import cores

PARALLEL = "--parallel"


@dataclass(frozen=True)
class Variant:
    """A way to import: linear, or parallel with `workers` that share chunks (0: one per file)."""

    is_parallel: bool = False
    workers: int = 0

    @property
    def flags(self) -> str:
        """Return the flags of the command line."""
        pool = f" --workers {self.workers}" if self.workers else ""
        return f"{PARALLEL}{pool}" if self.is_parallel else LINEAR

    @property
    def mode(self) -> str:
        """Return the name for people."""
        if not self.is_parallel:
            return "linear"
        return "pool" if self.workers else "per file"

    @property
    def min_chunks(self) -> int:
        """Return how many chunks of a file keep all workers busy."""
        return 2 * self.workers if self.workers > 1 else 1


@dataclass(frozen=True)
class Matrix:
    """What to compare: numbers of workers, rows in a chunk, and how often to run each."""

    workers: Sequence[int]
    chunk_rows: Sequence[int]
    repeat: int

    @property
    def variants(self) -> list[Variant]:
        """Return linear, a process per file, and pools of workers."""
        return [
            Variant(),
            Variant(is_parallel=True),
            *(Variant(True, count) for count in self.workers),
        ]


@dataclass(frozen=True)
class Sample:
    """Files with the number of their rows, in all (`rows`) and in the longest file (`longest`)."""

    sources: Sequence[Source]
    rows: int
    longest: int


@dataclass
class Measurement:
    """The runs of a variant with a chunk size and a sample of the files."""

    variant: Variant
    chunk_rows: int
    sample: Sample
    runs: list[CommandResult] = field(default_factory=list)

    @property
    def seconds(self) -> Spread:
        """Return the elapsed seconds, start-up included."""
        return spread(run.seconds for run in self.runs)

    @property
    def rows_per_second(self) -> Spread:
        """Return the rows per second, start-up included."""
        return spread(self.sample.rows / run.seconds for run in self.runs)

    @property
    def peak(self) -> int:
        """Return the peak memory of the largest process of all runs in bytes."""
        return max(run.peak for run in self.runs)

    def as_document(self, linear: float) -> dict[str, Any]:
        """Return the results by name; `linear` are the seconds that the speed-up refers to."""
        return {
            "flags": self.variant.flags,
            "mode": self.variant.mode,
            "workers": self.variant.workers or None,
            "chunk_rows": self.chunk_rows,
            "seconds": round(self.seconds.median, 4),
            "seconds_min": round(self.seconds.low, 4),
            "seconds_max": round(self.seconds.high, 4),
            "rows_per_second": round(self.rows_per_second.median),
            "speed_up": round(linear / self.seconds.median, 3),
            "peak_bytes": self.peak,
        }


@dataclass(frozen=True)
class PhaseTimes:
    """Where the time of an import goes: the seconds of all its processes by phase.

    `rest` are the CPU seconds outside the phases, such as the start of Python. `elapsed` are the
    seconds until the import ended.
    """

    variant: Variant
    phases: Mapping[str, float]
    rest: float
    elapsed: float


@dataclass(frozen=True)
class Comparison:
    """The results of a comparison: `measurements` of the whole files, and of `samples` of them.

    Samples have `usual` rows in a chunk, or fewer if files are short (see fit_chunk_rows); the
    whole files are among them. `rejected` counts the rows that every run rejects. `caution` says
    why the results may be chance (see advice.caution), or is empty.
    """

    files: Sequence[str]
    rows: int
    rejected: int
    usual: int
    measurements: Sequence[Measurement]
    samples: Sequence[Measurement]
    phase_times: Sequence[PhaseTimes]
    lines: Mapping[str, Line | None]
    advice: Advice
    machine: Mapping[str, str]
    caution: str = ""

    @property
    def linear(self) -> float:
        """Return the best seconds of linear, to which speed-ups refer."""
        return min(
            measurement.seconds.median
            for measurement in self.measurements
            if not measurement.variant.is_parallel
        )

    def as_document(self) -> dict[str, Any]:
        """Return all results by name, for JSON."""
        samples = sorted(self.samples, key=lambda measurement: measurement.sample.rows)
        return {
            "advice": self.advice.sentence,
            "caution": self.caution or None,
            "use": self.advice.flags,
            "parallel_pays_from_rows": self.advice.pays_from,
            "parallel_pays_with": self.advice.pays_with,
            "files": list(self.files),
            "rows": self.rows,
            "rows_rejected": self.rejected,
            "runs": [measurement.as_document(self.linear) for measurement in self.measurements],
            "samples": [
                {
                    "flags": measurement.variant.flags,
                    "rows": measurement.sample.rows,
                    "chunk_rows": measurement.chunk_rows,
                    "seconds": round(measurement.seconds.median, 4),
                }
                for measurement in samples
            ],
            "start_up": {
                variant: {
                    "seconds": round(line.start, 4),
                    "rows_per_second_then": round(line.rate),
                }
                for variant, line in self.lines.items()
                if line is not None
            },
            "where_the_time_goes": [
                {"flags": times.variant.flags, "elapsed": round(times.elapsed, 4)}
                | {phase: round(seconds, 4) for phase, seconds in times.phases.items()}
                | {"rest": round(times.rest, 4)}
                for times in self.phase_times
            ],
            "machine": dict(self.machine),
        }


def fit_chunk_rows(variant: Variant, sample: Sample, usual: int) -> int:
    """Return the rows in a chunk with which a sample predicts the time of longer files.

    A file with fewer chunks than workers would suggest that a second worker gains nothing, which is
    wrong for longer files.
    """
    if variant.min_chunks == 1 or sample.longest < variant.min_chunks:
        return usual
    return min(usual, -(-sample.longest // variant.min_chunks))


def default_workers() -> list[int]:
    """Return the powers of two up to the number of cores, and this number; at least 1 and 2."""
    max_workers = max(2, cores())
    return sorted({*(2**power for power in range(max_workers.bit_length())), max_workers})
