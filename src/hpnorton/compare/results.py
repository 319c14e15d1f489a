"""The results of a comparison: plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpnorton.compare.advice import Advice, Line
from hpnorton.compare.children import CommandResult
from hpnorton.compare.stats import Spread, spread
from hpnorton.compare.variants import Sample, Variant


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

    def as_document(self, linear_seconds: float) -> dict[str, Any]:
        """Return the results by name; the speed-up is relative to `linear_seconds`."""
        return {
            "flags": self.variant.flags,
            "mode": self.variant.mode,
            "workers": self.variant.workers,
            "chunk_rows": self.chunk_rows,
            "seconds": round(self.seconds.median, 4),
            "seconds_min": round(self.seconds.low, 4),
            "seconds_max": round(self.seconds.high, 4),
            "rows_per_second": round(self.rows_per_second.median),
            "speed_up": round(linear_seconds / self.seconds.median, 3),
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
    """The results of a comparison.

    `measurements` are those of the whole files. `sample_measurements` are those of all samples, of
    which the largest is the whole files; their chunks have `usual_chunk_rows` rows, or fewer if
    files are short (see fit_chunk_rows). `rejected` counts the rows that every run rejects, or
    finds in conflict. `caution` says why the results may be chance (see advice.caution), or is
    empty.
    """

    files: Sequence[str]
    rows: int
    rejected: int
    usual_chunk_rows: int
    measurements: Sequence[Measurement]
    sample_measurements: Sequence[Measurement]
    phase_times: Sequence[PhaseTimes]
    lines: Mapping[str, Line | None]
    advice: Advice
    machine: Mapping[str, str]
    caution: str = ""

    @property
    def linear_seconds(self) -> float:
        """Return the seconds of linear with its best chunk size: speed-ups are relative to it."""
        return min(
            measurement.seconds.median
            for measurement in self.measurements
            if not measurement.variant.is_parallel
        )

    def as_document(self) -> dict[str, Any]:
        """Return all results by name, for JSON."""
        samples = sorted(self.sample_measurements, key=lambda measurement: measurement.sample.rows)
        return {
            "advice": self.advice.sentence,
            "caution": self.caution or None,
            "use": self.advice.flags,
            "parallel_pays_from_rows": self.advice.pays_from,
            "parallel_pays_with": self.advice.pays_with,
            "files": list(self.files),
            "rows": self.rows,
            "rows_rejected": self.rejected,
            "runs": [
                measurement.as_document(self.linear_seconds) for measurement in self.measurements
            ],
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
