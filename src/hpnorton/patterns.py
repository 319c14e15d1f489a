"""Patterns of a data package, matched within a bounded time.

An expression such as (a+)+b takes twice as long for each letter more of a text that it does not
match. Nothing short of trying tells such patterns from good ones.
"""

import re
import signal
import threading
import warnings
from functools import cache

from hpnorton.errors import SchemaError
from hpnorton.texts import quoted

MOST_SECONDS = 2.0  # of computing; good patterns take microseconds


class _TooLongError(Exception):
    """The time is over."""


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern, compiled; raises re.error if it is none.

    Of one such as [[a] Python warns that it might mean something else one day. Whoever imports a
    file has not written it, so nobody is told.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches the whole of a text.

    Raises SchemaError if it takes longer than MOST_SECONDS of this process's computing time, which
    is found out in the main thread only, where Python handles signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return compiled(pattern).fullmatch(text) is not None
    _be_ready()
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        return compiled(pattern).fullmatch(text) is not None
    except _TooLongError:
        raise SchemaError(
            f"the pattern {quoted(pattern)} takes more than {MOST_SECONDS:g} s to match the text "
            f"{quoted(text)}; write it without a repetition within a repetition"
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


@cache
def _be_ready() -> None:
    signal.signal(signal.SIGVTALRM, _give_up)


def _give_up(_number: int, _frame: object) -> None:
    raise _TooLongError
