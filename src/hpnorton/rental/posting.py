"""Write a change together with its entry in the history, though many clerks do so at once."""

import random
import time
from collections.abc import Callable

from hpnorton.errors import StoreLostError
from hpnorton.stores.base import ChangeStore
from hpnorton.stores.history import Change, RecordKey

_MAX_PAUSE_SECONDS = 0.02


def post_change(store: ChangeStore, subject: RecordKey, decide: Callable[[int], Change]) -> Change:
    """Write the change that `decide` returns for the next number in the history of `subject`.

    Decides again if another clerk has written that number first.
    """
    while True:
        with store.transaction():
            (number,) = store.last_numbers([subject])
            change = decide(number + 1)
            if _is_written(store, change):
                return change
        # Clerks who want the same product would otherwise all try again at the same moment.
        time.sleep(random.uniform(0, _MAX_PAUSE_SECONDS))


def _is_written(store: ChangeStore, change: Change) -> bool:
    """Write a change, and return False if the number of its entry exists already."""
    try:
        return not store.post([change])
    except StoreLostError as error:
        subject = change.subject.text
        raise StoreLostError(
            f"{error}. It is unknown whether this was done: when the server is back, --history "
            f"{subject} shows it; repeat the command only if it is not there"
        ) from error
