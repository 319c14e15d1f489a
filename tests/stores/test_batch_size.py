"""How many keys a server is asked for at a time."""

from collections.abc import Callable

import pytest

from hpnorton.stores.mongo.batch_size import Pace

LEAST, FIRST, MOST = 64, 256, 8192


def sizes(seconds_a_key: Callable[[int], float], questions: int) -> list[int]:
    """The sizes of questions to a server that takes so long for each key."""
    pace, asked = Pace(LEAST, FIRST, MOST), []
    for _ in range(questions):
        asked.append(pace.size)
        pace.note(pace.size, pace.size * seconds_a_key(pace.size))
    return asked


@pytest.mark.parametrize(
    ("seconds_a_key", "best"),
    [
        (lambda keys: 1 + keys / 16, LEAST),  # each key makes all others dearer
        (lambda keys: 1 + 2**20 / keys, MOST),  # the way there and back is what counts
        (lambda keys: keys + 2**20 / keys, 1024),
        (lambda keys: 1.0, FIRST),
    ],
    ids=["few", "many", "between", "all the same"],
)
def test_the_size_becomes_the_one_that_suits_the_server(
    seconds_a_key: Callable[[int], float], best: int
) -> None:
    """Most questions have the size at which a key takes least, and none is beyond the limits."""
    asked = sizes(seconds_a_key, 100)
    assert asked[0] == FIRST
    assert asked.count(best) > 80
    assert min(asked) >= LEAST
    assert max(asked) <= MOST


def test_a_moment_of_leisure_does_not_decide_for_ever() -> None:
    """One answer that took long, or was quick by chance, is corrected by later ones."""
    pace = Pace(LEAST, FIRST, MOST)
    for seconds in (100.0, *[0.001 * pace.size] * 3):  # what was slow makes the next seem quick
        pace.note(pace.size, seconds)
    asked = []
    for _ in range(60):
        asked.append(pace.size)
        pace.note(pace.size, pace.size * (1 + pace.size / 16))
    assert asked[-10:].count(LEAST) > 7


def test_a_question_that_was_not_full_tells_nothing() -> None:
    """The last keys of many are often few, and the way there and back counts for each of them."""
    pace = Pace(LEAST, FIRST, MOST)
    for _ in range(10):
        pace.note(3, 1e-9)
    assert pace.size == FIRST
