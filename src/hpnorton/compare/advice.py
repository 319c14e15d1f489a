"""Advice on which flags to use, from start-up times and rates fitted to measurements."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

from hpnorton.compare.variants import LINEAR

_CLEARLY_FASTER = 0.95  # of the time; smaller gains do not count
_MIN_SHARE = 0.1  # of the time that rows have to take, or the rate is unknown
_MAX_EXTRAPOLATION = 20  # times the measured rows


@dataclass(frozen=True)
class Line:
    """The seconds of an import by its rows: `start` plus `per_row` for each row."""

    start: float
    per_row: float

    def seconds(self, rows: float) -> float:
        """Return the seconds for a number of rows."""
        return self.start + rows * self.per_row

    @property
    def rate(self) -> float:
        """Return the rows per second after the start."""
        return 1 / self.per_row


def fit(points: Sequence[tuple[int, float]]) -> Line | None:
    """Return the least-squares line through (rows, seconds); None if the rate is unknown."""
    if len({rows for rows, _ in points}) < 2:
        return None
    per_row, start = statistics.linear_regression(*zip(*points))
    max_rows, longest = max(points)
    if max_rows * per_row < _MIN_SHARE * longest:
        return None
    return Line(start, per_row)


def crossover(linear: Line, other: Line) -> float | None:
    """Return from how many rows on the other variant is faster than linear.

    It is None if the other variant never is, or hardly faster for a row.
    """
    if other.per_row > _CLEARLY_FASTER * linear.per_row:
        return None
    return max(0.0, (other.start - linear.start) / (linear.per_row - other.per_row))


@dataclass(frozen=True)
class Advice:
    """The flags to use, and why.

    From about `pays_from` rows on, parallel is faster with the flags `pays_with`; both are None if
    it never is, or that is unknown.
    """

    flags: str
    pays_from: int | None
    pays_with: str | None
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What was measured: the median `seconds` by variant (its flags) and rows in a chunk.

    `rows` counts those of all files, `lines` are the fits by variant. `usual_chunk_rows` are
    advised unless another number is clearly faster, `default_chunk_rows` need no flag.
    """

    rows: int
    seconds: Mapping[tuple[str, int], float]
    lines: Mapping[str, Line | None]
    usual_chunk_rows: int
    default_chunk_rows: int

    def best(self, variant: str) -> tuple[str, int]:
        """Return a variant with its best chunk size."""
        fastest = min(
            (key for key in self.seconds if key[0] == variant), key=self.seconds.__getitem__
        )
        usual = (variant, self.usual_chunk_rows)
        return fastest if self.seconds[fastest] < _CLEARLY_FASTER * self.seconds[usual] else usual

    def flags(self, key: tuple[str, int]) -> str:
        """Return the flags for the command line."""
        variant, chunk_rows = key
        return (
            variant
            if chunk_rows == self.default_chunk_rows
            else f"{variant} --chunk-rows {chunk_rows}"
        )

    def crossings(self) -> dict[str, float]:
        """Return from how many rows on each parallel variant is faster, if it ever is."""
        linear = self.lines[LINEAR]
        lines = {variant: line for variant, line in self.lines.items() if variant != LINEAR}
        found = {w: crossover(linear, o) if linear and o else None for w, o in lines.items()}
        return {variant: rows for variant, rows in found.items() if rows is not None}


def advise(evidence: Evidence) -> Advice:
    """Return the advice for these files on this machine."""
    seconds, crossings = evidence.seconds, evidence.crossings()
    linear = evidence.best(LINEAR)
    variants = {variant for variant, _ in seconds} - {LINEAR}
    other = min((evidence.best(variant) for variant in sorted(variants)), key=seconds.__getitem__)
    pays_with = min(crossings, key=crossings.__getitem__, default=None)
    if seconds[other] < _CLEARLY_FASTER * seconds[linear]:
        best, why = other, _why_parallel(evidence, linear, other, pays_with)
    else:
        best, why = linear, _why_linear(evidence, other, pays_with)
    pays_from = None if pays_with is None else round_off(crossings[pays_with])
    return Advice(evidence.flags(best), pays_from, pays_with, f"Use {evidence.flags(best)}: {why}.")


def _why_parallel(
    evidence: Evidence, linear: tuple[str, int], best: tuple[str, int], pays_with: str | None
) -> str:
    with_linear = f"with {evidence.flags(linear)} {evidence.seconds[linear]:.2f} s"
    why = f"{evidence.rows:,} rows take {evidence.seconds[best]:.2f} s, {with_linear}"
    crossing = None if pays_with is None else evidence.crossings()[pays_with]
    if crossing is None or crossing > evidence.rows:
        return why
    variant = "it" if pays_with == best[0] else f"{pays_with}"
    return f"{why}; {variant} is faster from about {round_off(crossing):,} rows here"


def _why_linear(evidence: Evidence, other: tuple[str, int], pays_with: str | None) -> str:
    rows, line, other_line = evidence.rows, evidence.lines[LINEAR], evidence.lines[other[0]]
    if line is None or other_line is None:
        return (
            f"with {rows:,} rows, start-up time dominates; compare larger files to find where "
            "parallel becomes faster here"
        )
    if pays_with is None:
        return (
            "more processes gain nothing here, however many rows there are: once started, "
            f"{LINEAR} does {round_off(line.rate):,} rows/s, {other[0]} "
            f"{round_off(other_line.rate):,}"
        )
    crossing = evidence.crossings()[pays_with]
    if crossing <= rows:
        return (
            f"nothing else is faster by more than {1 - _CLEARLY_FASTER:.0%} for {rows:,} rows here"
        )
    faster = evidence.lines[pays_with]
    assert faster is not None, "it has a crossing"
    cost = faster.start - line.start
    why = (
        f"{rows:,} rows are too few: starting more processes costs {cost:.2f} s and saves "
        f"{rows * (line.per_row - faster.per_row):.2f} s"
    )
    if crossing > (limit := _MAX_EXTRAPOLATION * rows):
        return f"{why}; parallel is faster from more than {limit:,} rows here, if ever"
    return f"{why}; parallel is faster from about {round_off(crossing):,} rows here ({pays_with})"


def caution(runs: int, load: float, cores: int) -> str:
    """Return why the measurements may be chance: single runs, or a busy machine; else "".

    `load` is the load average of the last minute before the first run.
    """
    reasons = []
    if load > cores:
        reasons.append(
            f"The machine was busy when the comparison began (load {load:.1f} on {cores} cores), "
            "so the figures may be chance. Compare again when it is quiet."
        )
    if runs == 1:
        reasons.append("Each variant ran once only. Repeat the runs with --repeat 5 to be sure.")
    return " ".join(reasons)


def round_off(number: float) -> int:
    """Return a number rounded to two significant digits."""
    if number < 1:
        return 0
    return int(round(number, 1 - floor(log10(number))))
