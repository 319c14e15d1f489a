"""A comparison as plots in SVG, which can be read without colours."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hpnorton.compare.painters import (
    paint_chunks,
    paint_phases,
    paint_rates,
    paint_samples,
    paint_speed_ups,
)
from hpnorton.compare.results import Comparison
from hpnorton.compare.styles import SETTINGS

_WIDTH = 7.4  # inches


@dataclass(frozen=True)
class Plot:
    """A plot: its name, a caption, and the SVG."""

    name: str
    about: str
    svg: str


def draw(comparison: Comparison) -> list[Plot]:
    """Draw the plots of a comparison."""
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type] # a name of rcParams each
        return [_plot(name, about, paint, comparison) for name, about, paint in _PLOTS]


def _plot(name: str, about: str, paint: "Paint", comparison: Comparison) -> Plot:
    has_bars = paint in (paint_rates, paint_phases)
    height = 1.5 + 0.5 * len(comparison.phase_times) if has_bars else 3.9
    figure = Figure(figsize=(_WIDTH, height))
    paint(figure.add_subplot(), comparison)
    text = io.StringIO()
    unknown = ("Date", "Creator", "Format", "Type")
    figure.savefig(text, format="svg", metadata=dict.fromkeys(unknown))
    return Plot(name, about, _named(text.getvalue(), name, about))


def _named(svg: str, name: str, about: str) -> str:
    """Return the SVG element with ids unique to its plot, and `about` for screen readers."""
    svg = re.sub(r'((?: id="|href="#|url\(#))', rf"\g<1>{name}-", svg[svg.index("<svg") :])
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(about)}" ', 1)


Paint = Callable[[Axes, Comparison], None]
_PLOTS: Sequence[tuple[str, str, Paint]] = (
    (
        "rows",
        "Samples of the files with fewer rows. The intercept of a line is the start-up time, its "
        "slope the time per row. Parallel is faster where its line falls below that of linear. "
        "Points are medians, bars reach from the fastest run to the slowest; lines are fitted to "
        "the fastest. There is no line where start-up time hides the time per row: compare larger "
        "files. Pools divide short files into smaller chunks, so that all workers have some.",
        paint_samples,
    ),
    (
        "rates",
        "Each variant with its best chunk size. Bars show medians, whiskers the slowest "
        "and the fastest run.",
        paint_rates,
    ),
    (
        "workers",
        "The speed of pools beside that of linear at its best. Workers share the processor's "
        "cores with the process that cuts the files, and SQLite has one writer at a time.",
        paint_speed_ups,
    ),
    (
        "chunks",
        "Small chunks are shared more evenly, large ones cost less. Linear puts several into one "
        "transaction.",
        paint_chunks,
    ),
    (
        "parts",
        "One more run of each variant, with a clock in every process. Read: bytes to rows; check "
        "and convert: cells to values of their types, in one step; database: lookups, writes, "
        "journal and commits; wait to write: for another process's transaction.",
        paint_phases,
    ),
)
