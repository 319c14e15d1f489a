"""Retries while a server is lost."""

import time
from collections.abc import Callable
from typing import TypeVar

from hpnorton import log
from hpnorton.errors import StoreLostError

T = TypeVar("T")

_PAUSES = (0.2, 5.0)  # the first and the longest, in seconds


class Outage:
    """A server that does not answer: pauses that grow, and a limit of `patience` seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None
        self._until = 0.0
        self._pause = 0.0

    @property
    def left(self) -> float | None:
        """The seconds of a pause that are left; None if there is none."""
        left = self._until - time.monotonic()
        return left if self._since is not None and left > 0 else None

    def begin(self) -> bool:
        """Begin a pause since the server did not answer. Return False if it is over the limit."""
        now = time.monotonic()
        self._since = self._since or now
        first, longest = _PAUSES
        self._pause = min(2 * self._pause, longest) if self._pause else first
        self._until = now + self._pause
        return self._until <= self._since + self._patience

    def end(self) -> None:
        """End the outage, because the server has answered."""
        self._since, self._pause = None, 0.0


def until_answered(work: Callable[[], T], patience: float) -> T:
    """Return what `work` returns; repeat it while the server is lost.

    Raises StoreLostError if that lasts longer than `patience` seconds.
    """
    outage = Outage(patience)
    while True:
        try:
            return work()
        except StoreLostError as error:
            if not outage.begin():
                reason = f"{error}; it was tried again for {patience:g} s"
                raise StoreLostError(reason) from error
            log.warning("{}; trying again", error)
        time.sleep(outage.left or 0)
