"""The number of distinct texts: counted while they are few, estimated when they are many.

Of many texts only hashes are kept, and of these only the ones below a limit, which is halved
whenever they are too many (adaptive sampling: Ph. Flajolet, On Adaptive Sampling, Computing 43,
1990). The result depends on the texts alone, not on their order or on who adds them.
"""

import math
from collections.abc import Collection, Iterable, Iterator
from zlib import crc32

MAX_COUNTED = 100_000
MAX_HASHES = 2**14  # at least half of them are kept: the standard error is 0.8% to 1.1%
_HASHES = 2**32
# CRC-32 is linear, so that the hashes of consecutive numbers, for example, are not spread evenly;
# their remainders after division by a prime are. The largest prime below 2**16, so that the limit
# can be halved often.
_PRIME = 65_521


class DistinctCounter:
    """Counts distinct texts; counters of several parts can be merged.

    Hashes below `limit` are kept; None means that the texts themselves are. A counter may start
    from the limit of another one. It keeps `max_texts` texts and `max_hashes` hashes at most; all
    counters of the same texts have to keep the same.
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        max_texts: int = MAX_COUNTED,
        max_hashes: int = MAX_HASHES,
    ) -> None:
        self.limit = limit
        self._max_texts = max_texts
        self._max_hashes = max_hashes
        self._texts: set[str] = set()
        self._hashes: set[int] = set()

    @property
    def is_estimated(self) -> bool:
        """Return whether the number is an estimate, because there are more than `max_texts`."""
        return self.limit is not None

    def without_known(self, texts: set[str]) -> set[str]:
        """Return the texts without those that are known, as far as texts are kept."""
        return texts - self._texts if self._texts else texts

    def add(self, texts: Collection[str]) -> None:
        """Add texts."""
        if self.limit is not None:
            self._add_hashes(self.limit, _hashes(texts))
            return
        self._texts.update(texts)
        if len(self._texts) > self._max_texts:
            self._lower(_PRIME)

    def merge(self, other: "DistinctCounter") -> None:
        """Add the texts of another counter."""
        # pylint: disable=protected-access # another one of the same class
        if other.limit is not None:
            limit = lower_limit(self.limit, other.limit) or other.limit
            self._lower(limit)
            self._add_hashes(self.limit or limit, other._hashes)
        self.add(other._texts)

    def __len__(self) -> int:
        """Return the number of distinct texts, an estimate if `is_estimated`."""
        if self.limit is None:
            return len(self._texts)
        hashes = min(len(self._hashes) * _PRIME / self.limit, _HASHES - 1)
        # Corrects for texts that share a hash.
        return max(round(-_HASHES * math.log1p(-hashes / _HASHES)), self._max_texts + 1)

    def _lower(self, limit: int) -> None:
        """Keep only hashes below a limit."""
        texts, self._texts = self._texts, set()
        self.limit = limit
        self._hashes = _below(limit, self._hashes)
        self._add_hashes(limit, _hashes(texts))

    def _add_hashes(self, limit: int, hashes: Iterable[int]) -> None:
        self._hashes |= _below(limit, hashes)
        while len(self._hashes) > self._max_hashes and limit > 1:
            limit //= 2
            self._hashes = _below(limit, self._hashes)
        self.limit = limit


def lower_limit(one: int | None, other: int | None) -> int | None:
    """Return the lower one of two limits; None means no limit."""
    return min(filter(None, (one, other)), default=None)


def _below(limit: int, hashes: Iterable[int]) -> set[int]:
    return {number for number in hashes if number % _PRIME < limit}


def _hashes(texts: Collection[str]) -> Iterator[int]:
    try:
        return map(crc32, list(map(str.encode, texts)))
    except UnicodeEncodeError:  # bytes that are not UTF-8
        return (crc32(text.encode(errors="surrogatepass")) for text in texts)
