"""A comparison as plots, in SVG that says the same without colours: by markers, lines, hatches."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from hpnorton.compare.advice import LINEAR, crossover
from hpnorton.compare.figures import Spread
from hpnorton.compare.phases import CHECK, DATABASE, READ, WAIT
from hpnorton.compare.styles import (
    FILE_STYLE,
    LINEAR_STYLE,
    POOL_STYLES,
    SETTINGS,
    add_legend,
    errors_of,
    line_style,
    styles_of,
)
from hpnorton.compare.trials import Comparison, Timed, Way

_WIDTH = 7.4  # inches
_FARTHEST = 6  # times the rows that were measured: so far a crossing is drawn
# Name, label, colour and hatch of each part of the time.
_PARTS = (
    (READ, "read", "#f0e442", "///"),
    (CHECK, "check and convert", "#56b4e9", "..."),
    (DATABASE, "database", "#0072b2", ""),
    (WAIT, "wait to write", "#ffffff", "xxx"),
    ("rest", "start, and all else", "#bbbbbb", "\\\\\\"),
)


@dataclass(frozen=True)
class Plot:
    """A plot: its name, what it shows in words, and the SVG."""

    name: str
    about: str
    svg: str


def draw(made: Comparison) -> list[Plot]:
    """The plots of a comparison."""
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type] # a name of rcParams each
        return [_plot(name, about, paint, made) for name, about, paint in _PLOTS]


def _plot(name: str, about: str, paint: "Paint", made: Comparison) -> Plot:
    height = 3.9 if paint not in (_rates, _parts) else 1.5 + 0.5 * len(made.parts)
    figure = Figure(figsize=(_WIDTH, height))
    paint(figure.add_subplot(), made)
    text = io.StringIO()
    unknown = ("Date", "Creator", "Format", "Type")
    figure.savefig(text, format="svg", metadata=dict.fromkeys(unknown))
    return Plot(name, about, _named(text.getvalue(), name, about))


def _named(svg: str, name: str, about: str) -> str:
    """Return the SVG element with ids unique to its plot, and `about` for screen readers."""
    svg = re.sub(r'((?: id="|href="#|url\(#))', rf"\g<1>{name}-", svg[svg.index("<svg") :])
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(about)}" ', 1)


def _ways(made: Comparison) -> list[Way]:
    return [parts.way for parts in made.parts]


def _best(made: Comparison, way: Way) -> Timed:
    """A way with the chunk size that suits it best."""
    return min((t for t in made.grid if t.way == way), key=lambda timed: timed.seconds.median)


def _name(way: Way) -> str:
    """A way for people."""
    if way.workers:
        return f"pool of {way.workers}"
    return "a process per file" if way.is_parallel else "linear"


def _rates(axes: Axes, made: Comparison) -> None:
    ways = _ways(made)
    for at, (way, style) in enumerate(styles_of(ways).items()):
        best = _best(made, way)
        rate = best.rows_per_second
        axes.barh(
            at,
            rate.median,
            xerr=errors_of([rate]),
            height=0.62,
            color=style.colour,
            hatch=style.hatch,
            edgecolor="white" if style is LINEAR_STYLE else "#222222",
            error_kw={"ecolor": "#777777", "capsize": 3, "elinewidth": 1.2},
        )
        label = f"{rate.median:,.0f} (chunks of {best.chunk_rows:,})"
        axes.annotate(
            label, (rate.high, at), (8, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.set_yticks(range(len(ways)), [_name(way) for way in ways])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.32)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.set_xlabel("rows per second, start-up included")
    axes.set_title(f"How fast: {made.rows:,} rows")


def _speed_ups(axes: Axes, made: Comparison) -> None:
    pools = [timed for timed in made.grid if timed.way.workers]
    workers = sorted({timed.way.workers for timed in pools})
    sizes = sorted({timed.chunk_rows for timed in pools})
    axes.plot(workers, workers, color="#999999", linestyle="--", label="ideal: N times with N")
    axes.axhline(1, color=LINEAR_STYLE.colour, linewidth=1.2, label="linear")
    for size, style in zip(sizes, cycle(POOL_STYLES)):
        mine = sorted((t for t in pools if t.chunk_rows == size), key=lambda t: t.way.workers)
        ups = [
            Spread(*(made.linear / s for s in (t.seconds.median, t.seconds.high, t.seconds.low)))
            for t in mine
        ]
        axes.errorbar(
            [timed.way.workers for timed in mine],
            [up.median for up in ups],
            errors_of(ups),
            **line_style(style),
            label=f"chunks of {size:,} rows",
        )
    per_file = _best(made, Way(is_parallel=True))
    axes.axhline(
        made.linear / per_file.seconds.median,
        color=FILE_STYLE.colour,
        linestyle=FILE_STYLE.line,
        label="a process per file",
    )
    axes.set_xticks(workers, [str(count) for count in workers])
    axes.set_ylim(bottom=0)
    axes.margins(x=0.1)
    axes.set_xlabel("worker processes")
    axes.set_ylabel("times as fast as linear")
    axes.set_title(f"Speed-up by number of workers: {made.rows:,} rows")
    add_legend(axes)


def _chunks(axes: Axes, made: Comparison) -> None:
    sizes = sorted({timed.chunk_rows for timed in made.grid})
    for way, style in styles_of(_ways(made)).items():
        mine = sorted((t for t in made.grid if t.way == way), key=lambda timed: timed.chunk_rows)
        seconds = [timed.seconds for timed in mine]
        axes.errorbar(
            sizes,
            [s.median for s in seconds],
            errors_of(seconds),
            **line_style(style),
            label=_name(way),
        )
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_ylim(bottom=0)
    axes.margins(x=0.1)
    axes.set_xlabel("rows in a chunk")
    axes.set_ylabel("seconds")
    axes.set_title(f"Chunk sizes: {made.rows:,} rows")
    add_legend(axes)


def _lengths(axes: Axes, made: Comparison) -> None:
    crossing = _crossing(made)
    most = max(made.rows, 1.25 * crossing if crossing else 0)
    for way, style in styles_of(_ways(made)).items():
        mine = sorted((t for t in made.lengths if t.way == way), key=lambda t: t.length.rows)
        seconds = [timed.seconds for timed in mine]
        points = line_style(style) | {"linestyle": "none"}
        axes.errorbar(
            [t.length.rows for t in mine], [s.median for s in seconds], errors_of(seconds), **points
        )
        if line := made.lines[way.flags]:
            ends = [0, most]
            axes.plot(ends, list(map(line.seconds, ends)), color=style.colour, linestyle=style.line)
    if crossing and made.advice.pays_from:
        _mark(axes, made.advice.pays_from, crossing, most)
    axes.set_xlim(left=-most / 50)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.set_xlabel("rows in all files")
    axes.set_ylabel("seconds, start-up included")
    axes.set_title("From how many rows parallel is faster")
    styles = styles_of(_ways(made)).items()
    handles = []
    for way, style in styles:
        shown = line_style(style) | ({} if made.lines[way.flags] else {"linestyle": "none"})
        handles.append(Line2D([], [], **shown, label=_name(way)))
    add_legend(axes, handles)


def _crossing(made: Comparison) -> float | None:
    """Where a parallel way overtakes linear, if that is on this map."""
    line, other = made.lines[LINEAR], made.lines.get(made.advice.pays_with or "")
    if line is None or other is None:
        return None
    rows = crossover(line, other)
    return rows if rows and rows < _FARTHEST * made.rows else None


def _mark(axes: Axes, pays_from: int, crossing: float, most: float) -> None:
    """A line where the two cross, and what it means, on the side that has room."""
    is_left = crossing > most / 2
    axes.axvline(crossing, color="#555555", linewidth=1, linestyle=":")
    axes.annotate(
        f"parallel is faster from\nabout {pays_from:,} rows",
        (crossing, 0.99),
        (-6 if is_left else 6, 0),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="right" if is_left else "left",
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
    )


def _parts(axes: Axes, made: Comparison) -> None:
    for at, parts in enumerate(made.parts):
        left = 0.0
        for name, label, colour, hatch in _PARTS:
            seconds = parts.phases.get(name, parts.rest)
            axes.barh(
                at,
                seconds,
                left=left,
                height=0.62,
                color=colour,
                hatch=hatch,
                edgecolor="#222222",
                linewidth=0.8,
                label=None if at else label,
            )
            left += seconds
        axes.plot(
            parts.elapsed,
            at,
            "D",
            color="white",
            markeredgecolor="black",
            markeredgewidth=1.5,
            markersize=8,
            linestyle="none",
            label=None if at else "elapsed",
            zorder=5,
        )
    axes.set_yticks(range(len(made.parts)), [_name(parts.way) for parts in made.parts])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds of all processes together; ◇ is what a person waits")
    axes.set_title(f"Where the time goes: {made.rows:,} rows")
    add_legend(axes)


_THOUSANDS = FuncFormatter(lambda number, _: f"{number:,.0f}")

Paint = Callable[[Axes, Comparison], None]
_PLOTS: Sequence[tuple[str, str, Paint]] = (
    (
        "rows",
        "Files cut to several lengths. The intercept of a line is the start-up time, its slope the "
        "time per row. Parallel is faster where its line falls below that of linear. Points are "
        "medians, bars reach from the fastest run to the slowest; lines are fitted to the fastest. "
        "There is no line where start-up time hides the time per row: compare larger files. "
        "Pools take short files in smaller chunks, so that all workers have some, as of long ones.",
        _lengths,
    ),
    (
        "rates",
        "Each way with the chunk size that suits it best. Bars show medians, whiskers the slowest "
        "and the fastest run.",
        _rates,
    ),
    (
        "workers",
        "The speed of pools beside that of linear at its best. Workers share the processor's "
        "cores with the process that cuts the files, and SQLite has one writer at a time.",
        _speed_ups,
    ),
    (
        "chunks",
        "Small chunks are shared more evenly, large ones cost less. Linear puts several into one "
        "transaction.",
        _chunks,
    ),
    (
        "parts",
        "One more run of each way, with a clock in every process. Read: bytes to rows; check and "
        "convert: cells to values of their types, in one step; database: lookups, writes, notes "
        "and commits; wait to write: for another process's transaction.",
        _parts,
    ),
)
