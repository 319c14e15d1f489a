"""How many different texts there are: counted while they are few, estimated when they are many.

Of many, only hashes are kept, and of these only those below a limit, which is halved whenever they
are too many (adaptive sampling: Ph. Flajolet, On Adaptive Sampling, Computing 43, 1990). What is
kept follows from the texts alone: neither from their order nor from who adds them.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from zlib import crc32

MOST_COUNTED = 100_000
_MOST_HASHES = 2**14  # at least half of them are kept: the standard error is 0.8% to 1.1%
_HASHES = 2**32
# CRC-32 is linear, so that numbers in a row, for one, do not spread evenly. What is left of them
# after a division by a prime does (measured: ids, dates, prices, steps of 8 to 4096; at most 1.5%
# off). The largest prime below 2**16, so that the limit can be halved that often.
_PRIME = 65_521


class Distinct:
    """The different texts among those added; what is known of several parts can be merged.

    `limit` says which hashes are kept; None that texts are. It may begin with what is known of
    other parts already.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._texts: set[str] = set()
        self._hashes: set[int] = set()

    @property
    def is_estimated(self) -> bool:
        """Whether there are more than MOST_COUNTED, and nobody knows how many."""
        return self.limit is not None

    def new(self, texts: set[str]) -> set[str]:
        """Those of the texts that are not known yet, as far as texts are kept."""
        return texts - self._texts if self._texts else texts

    def add(self, texts: Collection[str]) -> None:
        """Adds some texts."""
        if self.limit is not None:
            self._add_hashes(self.limit, _hashes(texts))
            return
        self._texts.update(texts)
        if len(self._texts) > MOST_COUNTED:
            self._lower(_PRIME)

    def merge(self, other: "Distinct") -> None:
        """Adds what was added to another one."""
        # pylint: disable=protected-access # another one of the same class
        if other.limit is not None:
            limit = lower(self.limit, other.limit) or other.limit
            self._lower(limit)
            self._add_hashes(self.limit or limit, other._hashes)
        self.add(other._texts)

    def __len__(self) -> int:
        """How many there are; an estimate if it `is_estimated`."""
        if self.limit is None:
            return len(self._texts)
        hashes = min(len(self._hashes) * _PRIME / self.limit, _HASHES - 1)
        # Some texts share their hash, as balls share boxes.
        return max(round(-_HASHES * math.log1p(-hashes / _HASHES)), MOST_COUNTED + 1)

    def _lower(self, limit: int) -> None:
        """Keeps hashes, and only those below a limit."""
        texts, self._texts = self._texts, set()
        self.limit = limit
        self._hashes = _below(limit, self._hashes)
        self._add_hashes(limit, _hashes(texts))

    def _add_hashes(self, limit: int, hashes: Iterable[int]) -> None:
        self._hashes |= _below(limit, hashes)
        while len(self._hashes) > _MOST_HASHES and limit > 1:
            limit //= 2
            self._hashes = _below(limit, self._hashes)
        self.limit = limit


def lower(one: int | None, other: int | None) -> int | None:
    """The lower one of two limits; None is none."""
    return min(filter(None, (one, other)), default=None)


def _below(limit: int, hashes: Iterable[int]) -> set[int]:
    return {number for number in hashes if number % _PRIME < limit}


def _hashes(texts: Collection[str]) -> Iterator[int]:
    try:
        return map(crc32, list(map(str.encode, texts)))
    except UnicodeEncodeError:  # what was not UTF-8 in the file
        return (crc32(text.encode(errors="surrogatepass")) for text in texts)
