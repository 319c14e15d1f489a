"""Figures that were measured several times."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of some figures, the lowest and the highest of them."""

    median: float
    low: float
    high: float

    def show(self, form: str = ",.0f") -> str:
        """The median with its range, as cells of a table show it."""
        return f"{self.median:{form}} ({self.low:{form}} - {self.high:{form}})"


def spread(figures: Iterable[float]) -> Spread:
    """The median, the lowest and the highest of some figures."""
    known = list(figures)
    return Spread(statistics.median(known), min(known), max(known))
