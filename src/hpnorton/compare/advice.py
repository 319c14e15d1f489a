"""What to use: start-up costs and rates fitted to timing runs, and a sentence that says it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

LINEAR = "--linear"
_CLEARLY = 0.95  # of the time: a smaller gain is not worth a change
_LEAST_SHARE = 0.1  # of the time that rows have to take for a rate to be told
_FAR = 20  # times the rows that were measured: no guess goes further


@dataclass(frozen=True)
class Line:
    """Seconds as a line over rows: `start` before the first one, `per_row` for each of them."""

    start: float
    per_row: float

    def seconds(self, rows: float) -> float:
        """How long an import of so many rows takes."""
        return self.start + rows * self.per_row

    @property
    def rate(self) -> float:
        """Rows a second, once it has started."""
        return 1 / self.per_row


def fit(points: Sequence[tuple[int, float]]) -> Line | None:
    """The line through (rows, seconds) with the least squares; None if they tell no rate."""
    if len({rows for rows, _ in points}) < 2:
        return None
    per_row, start = statistics.linear_regression(*zip(*points))
    most, longest = max(points)
    if most * per_row < _LEAST_SHARE * longest:
        return None
    return Line(start, per_row)


def crossover(linear: Line, other: Line) -> float | None:
    """From how many rows on the other way takes less time than linear; None if it never does.

    Nor does it if a row takes hardly less: so small a gain cannot be told from none.
    """
    if other.per_row > _CLEARLY * linear.per_row:
        return None
    return max(0.0, (other.start - linear.start) / (linear.per_row - other.per_row))


@dataclass(frozen=True)
class Advice:
    """The flags to use, and why.

    `pays_from` says from about how many rows on parallel pays (None: it never does, or nobody
    knows), `pays_with` with which flags.
    """

    flags: str
    pays_from: int | None
    pays_with: str | None
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What was measured: the median `seconds` by way (its flags) and rows in a chunk.

    `rows` are those of all files, `lines` the fits by way, `usual` the rows in a chunk that count
    unless others are clearly better, `default` those that need no flag.
    """

    rows: int
    seconds: Mapping[tuple[str, int], float]
    lines: Mapping[str, Line | None]
    usual: int
    default: int

    def best(self, way: str) -> tuple[str, int]:
        """A way with the rows in a chunk that suit it best."""
        fastest = min((key for key in self.seconds if key[0] == way), key=self.seconds.__getitem__)
        usual = (way, self.usual)
        return fastest if self.seconds[fastest] < _CLEARLY * self.seconds[usual] else usual

    def flags(self, key: tuple[str, int]) -> str:
        """What to write on the command line."""
        way, chunk_rows = key
        return way if chunk_rows == self.default else f"{way} --chunk-rows {chunk_rows}"

    def crossings(self) -> dict[str, float]:
        """From how many rows on each of the parallel ways pays, if it ever does."""
        linear = self.lines[LINEAR]
        lines = {way: line for way, line in self.lines.items() if way != LINEAR}
        found = {w: crossover(linear, o) if linear and o else None for w, o in lines.items()}
        return {way: rows for way, rows in found.items() if rows is not None}


def advise(evidence: Evidence) -> Advice:
    """What to use for these files on this machine, in a plain sentence."""
    seconds, crossings = evidence.seconds, evidence.crossings()
    linear = evidence.best(LINEAR)
    ways = {way for way, _ in seconds} - {LINEAR}
    other = min((evidence.best(way) for way in sorted(ways)), key=seconds.__getitem__)
    pays_with = min(crossings, key=crossings.__getitem__, default=None)
    if seconds[other] < _CLEARLY * seconds[linear]:
        best, why = other, _why_parallel(evidence, linear, other, pays_with)
    else:
        best, why = linear, _why_linear(evidence, other, pays_with)
    pays_from = None if pays_with is None else round_off(crossings[pays_with])
    return Advice(evidence.flags(best), pays_from, pays_with, f"Use {evidence.flags(best)}: {why}.")


def _why_parallel(
    evidence: Evidence, linear: tuple[str, int], best: tuple[str, int], pays_with: str | None
) -> str:
    mine, its = evidence.seconds[best], evidence.seconds[linear]
    why = f"{evidence.rows:,} rows take {mine:.2f} s, with {evidence.flags(linear)} {its:.2f} s"
    crossing = None if pays_with is None else evidence.crossings()[pays_with]
    if crossing is None or crossing > evidence.rows:
        return why
    way = "it" if pays_with == best[0] else f"{pays_with}"
    return f"{why}; {way} is faster from about {round_off(crossing):,} rows here"


def _why_linear(evidence: Evidence, other: tuple[str, int], pays_with: str | None) -> str:
    rows, line, its = evidence.rows, evidence.lines[LINEAR], evidence.lines[other[0]]
    if line is None or its is None:
        return (
            f"with {rows:,} rows, start-up time dominates; compare larger files to find where "
            "parallel becomes faster here"
        )
    if pays_with is None:
        return (
            "more processes gain nothing here, however many rows there are: once started, "
            f"{LINEAR} does {round_off(line.rate):,} rows/s, {other[0]} {round_off(its.rate):,}"
        )
    crossing = evidence.crossings()[pays_with]
    if crossing <= rows:
        return f"nothing else is faster by more than {1 - _CLEARLY:.0%} for {rows:,} rows here"
    pays = evidence.lines[pays_with]
    assert pays is not None, "it has a crossing"
    cost = pays.start - line.start
    why = (
        f"{rows:,} rows are too few: starting more processes costs {cost:.2f} s and saves "
        f"{rows * (line.per_row - pays.per_row):.2f} s"
    )
    if crossing > _FAR * rows:
        return f"{why}; parallel is faster from more than {_FAR * rows:,} rows here, if ever"
    return f"{why}; parallel is faster from about {round_off(crossing):,} rows here ({pays_with})"


def caution(runs: int, load: float, cores: int) -> str:
    """Say why the figures may be chance: each variant ran once only, or the machine was busy.

    `load` is the load average of the last minute before the first run. The text is empty where
    neither is so.
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
    """A number with two digits that count, for what is known no better."""
    if number < 1:
        return 0
    return int(round(number, 1 - floor(log10(number))))
