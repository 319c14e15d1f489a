"""Requests for data, and the random choices for each row.

Every row follows from the seed and from its own number, and from nothing else. So a row can be
generated again wherever it is needed: a rental repeats its customer's address, and shuffled rows
need no list to be shuffled in. Memory stays the same however many rows there are.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import gcd
from pathlib import Path
from typing import NamedTuple, TypeVar

DEFAULT_SEED = 1
_MIN_ID_DIGITS = 6

T = TypeVar("T")
Row = Sequence[str | int]


@dataclass(frozen=True)
class Request:
    """What to generate: how many rows, from which seed, in which order."""

    rows: int
    seed: int = DEFAULT_SEED
    shuffled: bool = False

    def id(self, letter: str, number: int) -> str:
        """Return the id of record `number`, counted from 1; the letter is the kind of record."""
        # Wide enough for the last id: sorted as text, ids are sorted as numbers too.
        digits = max(_MIN_ID_DIGITS, len(str(self.rows)))
        return f"{letter}{number:0{digits}}"

    def numbers(self, count: int) -> Iterable[int]:
        """Yield the numbers from 1 to `count`, each of them once, in the order of a file's rows."""
        if not self.shuffled:
            return range(1, count + 1)
        # Steps of about the golden ratio, which never land close to the steps before.
        step = count * 618_034 // 1_000_000
        while gcd(step, count) != 1:
            step += 1
        return ((self.seed + step * turn) % count + 1 for turn in range(count))


@dataclass(frozen=True)
class Table:
    """The content of one CSV file; its rows are generated while they are read."""

    header: Sequence[str]
    rows: Iterable[Row]


class Shape(NamedTuple):
    """A kind of data set: one more is a template, a function and a line in SHAPES.

    Without a template nothing describes the files.
    """

    amount: str  # what there are N of
    template: Path | None
    tables: Callable[[Request], dict[str, Table]]


class Draws:
    """The random choices for one row, the same ones on every machine.

    They are the digits of one large number, in as many bases as there are choices: enough for
    some twenty choices out of a hundred. `random.Random` could not start anew for each row as
    fast.
    """

    def __init__(self, seed: int, kind: str, number: int) -> None:
        digest = blake2b(f"{seed} {kind} {number}".encode(), digest_size=16).digest()
        self._left = int.from_bytes(digest, "big")

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        self._left, drawn = divmod(self._left, limit)
        return drawn

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of `choices`."""
        self._left, drawn = divmod(self._left, len(choices))
        return choices[drawn]

    def percent(self, share: int) -> bool:
        """Return True in `share` of a hundred cases."""
        self._left, drawn = divmod(self._left, 100)
        return drawn < share


def listed(text: str) -> tuple[str, ...]:
    """Split a list that is written with commas."""
    return tuple(text.split(", "))
