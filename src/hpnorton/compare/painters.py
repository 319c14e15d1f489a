"""The axes of each plot of a comparison, drawn with matplotlib."""

from itertools import cycle
from operator import itemgetter

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from hpnorton.compare.advice import crossover
from hpnorton.compare.phases import CHECK, DATABASE, READ, WAIT
from hpnorton.compare.results import Comparison, Measurement
from hpnorton.compare.stats import Spread
from hpnorton.compare.styles import (
    FILE_STYLE,
    LINEAR_STYLE,
    POOL_STYLES,
    add_legend,
    error_bars,
    line_style,
    styles_of,
)
from hpnorton.compare.variants import LINEAR, Variant

_MAX_CROSSING = 6  # times the measured rows; a crossing further away is not drawn
_THOUSANDS = FuncFormatter(lambda number, _: f"{number:,.0f}")
# Name, label, colour and hatch of each phase.
_PHASES = (
    (READ, "read", "#f0e442", "///"),
    (CHECK, "check and convert", "#56b4e9", "..."),
    (DATABASE, "database", "#0072b2", ""),
    (WAIT, "wait to write", "#ffffff", "xxx"),
    ("rest", "start, and all else", "#bbbbbb", "\\\\\\"),
)


def _variants(comparison: Comparison) -> list[Variant]:
    return [each.variant for each in comparison.phase_times]


def _best(comparison: Comparison, variant: Variant) -> Measurement:
    """Return the measurement of a variant with its best chunk size."""
    return min(
        (t for t in comparison.measurements if t.variant == variant),
        key=lambda measurement: measurement.seconds.median,
    )


def _label(variant: Variant) -> str:
    """Return the name of a variant for people."""
    if variant.workers is not None:
        return f"pool of {variant.workers}"
    return "a process per file" if variant.is_parallel else "linear"


def paint_rates(axes: Axes, comparison: Comparison) -> None:
    """Paint bars: the rows per second of each variant."""
    variants = _variants(comparison)
    for at, (variant, style) in enumerate(styles_of(variants).items()):
        best = _best(comparison, variant)
        rate = best.rows_per_second
        axes.barh(
            at,
            rate.median,
            xerr=error_bars([rate]),
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
    axes.set_yticks(range(len(variants)), [_label(variant) for variant in variants])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.32)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.set_xlabel("rows per second, start-up included")
    axes.set_title(f"How fast: {comparison.rows:,} rows")


def paint_speed_ups(axes: Axes, comparison: Comparison) -> None:
    """Paint lines: the speed-up of pools by number of workers, a line for each chunk size."""
    measured = [(each.variant.workers, each) for each in comparison.measurements]
    pools = sorted(((n, each) for n, each in measured if n is not None), key=itemgetter(0))
    workers = sorted({number for number, _ in pools})
    sizes = sorted({measurement.chunk_rows for _, measurement in pools})
    axes.plot(workers, workers, color="#999999", linestyle="--", label="ideal: N times with N")
    axes.axhline(1, color=LINEAR_STYLE.colour, linewidth=1.2, label="linear")
    linear = comparison.linear_seconds
    for size, style in zip(sizes, cycle(POOL_STYLES)):
        own = {number: each.seconds for number, each in pools if each.chunk_rows == size}
        ups = [Spread(*(linear / s for s in (t.median, t.high, t.low))) for t in own.values()]
        axes.errorbar(
            list(own),
            [up.median for up in ups],
            error_bars(ups),
            **line_style(style),
            label=f"chunks of {size:,} rows",
        )
    per_file = _best(comparison, Variant(is_parallel=True))
    axes.axhline(
        linear / per_file.seconds.median,
        color=FILE_STYLE.colour,
        linestyle=FILE_STYLE.line,
        label="a process per file",
    )
    axes.set_xticks(workers, [str(count) for count in workers])
    axes.set_ylim(bottom=0)
    axes.margins(x=0.1)
    axes.set_xlabel("worker processes")
    axes.set_ylabel("times as fast as linear")
    axes.set_title(f"Speed-up by number of workers: {comparison.rows:,} rows")
    add_legend(axes)


def paint_chunks(axes: Axes, comparison: Comparison) -> None:
    """Paint lines: the seconds of each variant by chunk size."""
    sizes = sorted({measurement.chunk_rows for measurement in comparison.measurements})
    for variant, style in styles_of(_variants(comparison)).items():
        own = sorted(
            (t for t in comparison.measurements if t.variant == variant),
            key=lambda measurement: measurement.chunk_rows,
        )
        seconds = [measurement.seconds for measurement in own]
        axes.errorbar(
            sizes,
            [s.median for s in seconds],
            error_bars(seconds),
            **line_style(style),
            label=_label(variant),
        )
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_ylim(bottom=0)
    axes.margins(x=0.1)
    axes.set_xlabel("rows in a chunk")
    axes.set_ylabel("seconds")
    axes.set_title(f"Chunk sizes: {comparison.rows:,} rows")
    add_legend(axes)


def paint_samples(axes: Axes, comparison: Comparison) -> None:
    """Paint lines: the seconds of each variant by number of rows, and the crossing."""
    crossing = _crossing(comparison)
    max_rows = max(comparison.rows, 1.25 * crossing if crossing else 0)
    for variant, style in styles_of(_variants(comparison)).items():
        own = sorted(
            (t for t in comparison.sample_measurements if t.variant == variant),
            key=lambda t: t.sample.rows,
        )
        seconds = [measurement.seconds for measurement in own]
        points = line_style(style) | {"linestyle": "none"}
        axes.errorbar(
            [t.sample.rows for t in own], [s.median for s in seconds], error_bars(seconds), **points
        )
        if line := comparison.lines[variant.flags]:
            ends = [0, max_rows]
            axes.plot(ends, list(map(line.seconds, ends)), color=style.colour, linestyle=style.line)
    if crossing and comparison.advice.pays_from:
        _mark_crossing(axes, comparison.advice.pays_from, crossing, max_rows)
    axes.set_xlim(left=-max_rows / 50)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.set_xlabel("rows in all files")
    axes.set_ylabel("seconds, start-up included")
    axes.set_title("From how many rows parallel is faster")
    styles = styles_of(_variants(comparison)).items()
    handles = []
    for variant, style in styles:
        shown = line_style(style) | (
            {} if comparison.lines[variant.flags] else {"linestyle": "none"}
        )
        handles.append(Line2D([], [], **shown, label=_label(variant)))
    add_legend(axes, handles)


def _crossing(comparison: Comparison) -> float | None:
    """Return from how many rows on a parallel variant is faster than linear, if that is near."""
    line, other = comparison.lines[LINEAR], comparison.lines.get(comparison.advice.pays_with or "")
    if line is None or other is None:
        return None
    rows = crossover(line, other)
    return rows if rows and rows < _MAX_CROSSING * comparison.rows else None


def _mark_crossing(axes: Axes, pays_from: int, crossing: float, max_rows: float) -> None:
    """Draw a line at the crossing, with a label on the side that has room."""
    is_left = crossing > max_rows / 2
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


def paint_phases(axes: Axes, comparison: Comparison) -> None:
    """Paint stacked bars: the seconds of each variant by phase."""
    for at, times in enumerate(comparison.phase_times):
        left = 0.0
        for name, label, colour, hatch in _PHASES:
            seconds = times.phases.get(name, times.rest)
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
            times.elapsed,
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
    labels = [_label(each.variant) for each in comparison.phase_times]
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds of all processes together; ◇ is the time that a person waits")
    axes.set_title(f"Where the time goes: {comparison.rows:,} rows")
    add_legend(axes)
