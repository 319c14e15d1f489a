"""Exact mean and standard deviation, which do not depend on how the numbers are divided."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isqrt

_DEVIATIONS = 3
_SHIFT = 1074  # every float is a whole multiple of 2 ** -1074


@dataclass
class Moments:
    """The count of numbers, their sum and the sum of their squares.

    Sums of floats depend on their order, so sums are kept as integers: `total` in units of
    2 ** -1074, `squares` in units of the square of that.
    """

    count: int = 0
    total: int = 0
    squares: int = 0

    def add(self, numbers: Iterable[int | float]) -> None:
        """Add finite numbers; equal ones are computed only once."""
        for number, count in Counter(numbers).items():
            above, below = number.as_integer_ratio()
            scaled = above << (_SHIFT + 1 - below.bit_length())
            self.count += count
            self.total += count * scaled
            self.squares += count * scaled * scaled

    def merge(self, other: "Moments") -> None:
        """Add the numbers of another part."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    def limits(self) -> tuple[float, float]:
        """Return the mean minus and plus three standard deviations of the population."""
        spread = _DEVIATIONS * isqrt(self.count * self.squares - self.total**2)
        if not spread:
            return -inf, inf
        unit = self.count << _SHIFT
        return _float(Fraction(self.total - spread, unit)), _float(
            Fraction(self.total + spread, unit)
        )


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:  # beyond all floats
        return inf if value > 0 else -inf
