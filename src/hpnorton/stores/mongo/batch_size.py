"""How many things to ask a server for at a time: found by trial, since no number suits them all."""

_WORTH_IT = 0.9  # of the time a key takes otherwise
_FIRST_REST, _LONGEST_REST = 4, 64  # questions between two trials


class Pace:
    """The number of keys in a question; `size` is for the next one, and `note` tells what it took.

    Some servers look up each key, and of a small question the way there and back takes most; others
    hold each document against all keys, and take some forty times as long for each of thousands as
    for each of a hundred (measured). So now and then a question is twice or half as large as
    others, and where each key takes less time so, that is the size from then on.
    """

    def __init__(self, least: int, first: int, most: int) -> None:
        self._least, self._most = least, most
        self._best = first
        self._each = float("inf")
        self._is_growing = True
        self._rest, self._next_rest = 1, _FIRST_REST

    @property
    def size(self) -> int:
        """How many keys the next question may hold."""
        if self._rest > 0:
            return self._best
        other = self._best * 2 if self._is_growing else self._best // 2
        return min(max(other, self._least), self._most)

    def note(self, keys: int, seconds: float) -> None:
        """Notes how long the answer to a question took; one that was not full tells nothing."""
        if keys != self.size:
            return
        each = seconds / keys
        if keys == self._best:
            self._each = each
            self._rest -= 1
            if self._rest < 0:  # there is no size beyond
                self._turn()
        elif each < self._each * _WORTH_IT:
            self._best, self._each, self._next_rest = keys, each, _FIRST_REST
        else:
            self._turn()

    def _turn(self) -> None:
        self._is_growing = not self._is_growing
        self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, _LONGEST_REST)
