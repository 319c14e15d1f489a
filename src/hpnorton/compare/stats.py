"""The spread of repeated measurements."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of numbers, with the lowest and the highest of them."""

    median: float
    low: float
    high: float

    def show(self, form: str = ",.0f") -> str:
        """Return the median and the range as text."""
        return f"{self.median:{form}} ({self.low:{form}} - {self.high:{form}})"


def spread(numbers: Iterable[float]) -> Spread:
    """Return the spread of at least one number."""
    known = list(numbers)
    return Spread(statistics.median(known), min(known), max(known))
