"""A comparison as plots, in SVG that says the same without colours: by markers, lines, hatches."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from hpnorton.advice import LINEAR, crossover
from hpnorton.figures import Spread
from hpnorton.phases import CHECK, DATABASE, READ, WAIT
from hpnorton.trials import Comparison, Timed, Way

_WIDTH = 7.4  # inches
_FARTHEST = 6  # times the rows that were measured: so far a crossing is drawn
_SETTINGS: Mapping[str, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hpnorton",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 12,
    "axes.titlepad": 12,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "errorbar.capsize": 3,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Style:
    """How a way looks. The colours are those of Okabe and Ito, dark and light by turns."""

    colour: str
    marker: str
    line: str
    hatch: str


_LINEAR = Style("#222222", "o", "-", "")
_PER_FILE = Style("#e69f00", "s", "--", "///")
_POOLS = (
    Style("#56b4e9", "^", "-.", "..."),
    Style("#0072b2", "D", "-", "\\\\\\"),
    Style("#009e73", "v", ":", "xxx"),
    Style("#cc79a7", "P", "--", "+++"),
    Style("#d55e00", "X", "-.", "ooo"),
)
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
    with mpl.rc_context(_SETTINGS):  # type: ignore[arg-type] # a name of rcParams each
        return [_plot(name, about, paint, made) for name, about, paint in _PLOTS]


def _plot(name: str, about: str, paint: "Paint", made: Comparison) -> Plot:
    height = 3.9 if paint not in (_rates, _parts) else 1.5 + 0.5 * len(made.parts)
    figure = Figure(figsize=(_WIDTH, height))
    paint(figure.add_subplot(), made)
    text = io.StringIO()
    unknown = ("Date", "Creator", "Format", "Type")
    figure.savefig(text, format="svg", metadata=dict.fromkeys(unknown))
    return Plot(name, about, _named(text.getvalue(), name))


def _named(svg: str, name: str) -> str:
    """The SVG element, with ids that no other plot on a page has, and a name for who cannot see."""
    svg = re.sub(r'((?: id="|href="#|url\(#))', rf"\g<1>{name}-", svg[svg.index("<svg") :])
    return svg.replace("<svg ", f'<svg role="img" aria-label="{name.replace("-", " ")}" ', 1)


def _styles(ways: Sequence[Way]) -> dict[Way, Style]:
    pools = cycle(_POOLS)
    return {
        way: next(pools) if way.workers else _PER_FILE if way.is_parallel else _LINEAR
        for way in ways
    }


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


def _errors(spreads: Sequence[Spread]) -> list[list[float]]:
    """How far the lowest and the highest are from the medians."""
    return [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]


def _rates(axes: Axes, made: Comparison) -> None:
    ways = _ways(made)
    for at, (way, style) in enumerate(_styles(ways).items()):
        best = _best(made, way)
        rate = best.rows_per_second
        axes.barh(
            at,
            rate.median,
            xerr=_errors([rate]),
            height=0.62,
            color=style.colour,
            hatch=style.hatch,
            edgecolor="white" if style is _LINEAR else "#222222",
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
    axes.axhline(1, color=_LINEAR.colour, linewidth=1.2, label="linear")
    for size, style in zip(sizes, cycle(_POOLS)):
        mine = sorted((t for t in pools if t.chunk_rows == size), key=lambda t: t.way.workers)
        ups = [
            Spread(*(made.linear / s for s in (t.seconds.median, t.seconds.high, t.seconds.low)))
            for t in mine
        ]
        axes.errorbar(
            [timed.way.workers for timed in mine],
            [up.median for up in ups],
            _errors(ups),
            **_line_style(style),
            label=f"chunks of {size:,} rows",
        )
    per_file = _best(made, Way(is_parallel=True))
    axes.axhline(
        made.linear / per_file.seconds.median,
        color=_PER_FILE.colour,
        linestyle=_PER_FILE.line,
        label="a process per file",
    )
    axes.set_xticks(workers, [str(count) for count in workers])
    axes.set_ylim(bottom=0)
    axes.margins(x=0.1)
    axes.set_xlabel("worker processes")
    axes.set_ylabel("times as fast as linear")
    axes.set_title(f"What workers gain: {made.rows:,} rows")
    _legend(axes)


def _chunks(axes: Axes, made: Comparison) -> None:
    sizes = sorted({timed.chunk_rows for timed in made.grid})
    for way, style in _styles(_ways(made)).items():
        mine = sorted((t for t in made.grid if t.way == way), key=lambda timed: timed.chunk_rows)
        seconds = [timed.seconds for timed in mine]
        axes.errorbar(
            sizes,
            [s.median for s in seconds],
            _errors(seconds),
            **_line_style(style),
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
    _legend(axes)


def _lengths(axes: Axes, made: Comparison) -> None:
    crossing = _crossing(made)
    most = max(made.rows, 1.25 * crossing if crossing else 0)
    for way, style in _styles(_ways(made)).items():
        mine = sorted((t for t in made.lengths if t.way == way), key=lambda t: t.length.rows)
        seconds = [timed.seconds for timed in mine]
        points = _line_style(style) | {"linestyle": "none"}
        axes.errorbar(
            [t.length.rows for t in mine], [s.median for s in seconds], _errors(seconds), **points
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
    axes.set_title("From how many rows on parallel pays")
    styles = _styles(_ways(made)).items()
    handles = [Line2D([], [], **_line_style(style), label=_name(way)) for way, style in styles]
    _legend(axes, handles)


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
        f"parallel pays from\nabout {pays_from:,} rows on",
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
    _legend(axes)


def _line_style(style: Style) -> dict[str, Any]:
    return {
        "color": style.colour,
        "marker": style.marker,
        "linestyle": style.line,
        "markersize": 7,
        "markeredgecolor": "#222222",
        "linewidth": 1.8,
    }


def _legend(axes: Axes, handles: Sequence[Line2D] | None = None) -> None:
    """The legend beside the plot, where it hides nothing."""
    shown = axes.get_legend_handles_labels()[0] if handles is None else handles
    axes.legend(handles=shown, loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=9)


_THOUSANDS = FuncFormatter(lambda number, _: f"{number:,.0f}")

Paint = Callable[[Axes, Comparison], None]
_PLOTS: Sequence[tuple[str, str, Paint]] = (
    (
        "rows",
        "Files cut to several lengths. Where a line begins is what starting costs, its slope is "
        "the time of a row. Parallel pays where its line falls below that of linear. Points are "
        "medians, bars reach from the fastest run to the slowest; lines are fitted to the fastest.",
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
