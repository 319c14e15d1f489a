"""The styles of plots: a colour, a marker, a line and a hatch for each variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hpnorton.compare.stats import Spread
from hpnorton.compare.variants import Variant

SETTINGS: Mapping[str, object] = {
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
    """The style of a variant, with colours of Okabe and Ito."""

    colour: str
    marker: str
    line: str
    hatch: str


LINEAR_STYLE = Style("#222222", "o", "-", "")
FILE_STYLE = Style("#e69f00", "s", "--", "///")
POOL_STYLES = (
    Style("#56b4e9", "^", "-.", "..."),
    Style("#0072b2", "D", "-", "\\\\\\"),
    Style("#009e73", "v", ":", "xxx"),
    Style("#cc79a7", "P", "--", "+++"),
    Style("#d55e00", "X", "-.", "ooo"),
)


def styles_of(variants: Sequence[Variant]) -> dict[Variant, Style]:
    """Return the style of each variant; pools beyond the fifth repeat the styles."""
    pools = cycle(POOL_STYLES)
    return {
        variant: next(pools)
        if variant.workers is not None
        else FILE_STYLE
        if variant.is_parallel
        else LINEAR_STYLE
        for variant in variants
    }


def line_style(style: Style) -> dict[str, Any]:
    """Return the arguments of matplotlib for a line with points."""
    return {
        "color": style.colour,
        "marker": style.marker,
        "linestyle": style.line,
        "markersize": 7,
        "markeredgecolor": "#222222",
        "linewidth": 1.8,
    }


def add_legend(axes: Axes, handles: Sequence[Line2D] | None = None) -> None:
    """Add the legend beside the plot."""
    shown = axes.get_legend_handles_labels()[0] if handles is None else handles
    axes.legend(handles=shown, loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=9)


def error_bars(spreads: Sequence[Spread]) -> list[list[float]]:
    """Return the distances of the lowest and the highest numbers from the medians."""
    return [[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]]
