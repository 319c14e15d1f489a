"""The log and other messages on stderr, the same in this process and in workers.

loguru takes a third of the time that a query takes, so it is imported with the first message.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any, TextIO

from hpnorton.lazy import lazy_imports
from hpnorton.sanitize import printable, sanitize_message
from hpnorton.settings import LOG_LEVELS

with lazy_imports():
    import traceback

    import loguru

_FORMAT = "<green>{time:YYYY-MM-DDTHH:mm:ss}</green> <level>{level: <7}</level> {message}"
_enabled: list[str] = []  # the levels that are logged


def start_log(level: str | None) -> None:
    """Send log messages of `level` and above to stderr, or none at all if it is None."""
    _logger.cache_clear()  # sys.stderr may be another one by now
    _enabled[:] = () if level is None else LOG_LEVELS[LOG_LEVELS.index(level) :]


def debug(message: str, *values: object, error: BaseException | None = None) -> None:
    """Log what helps to find a fault, with the traceback of `error`."""
    _log("DEBUG", message, values, error)


def info(message: str, *values: object) -> None:
    """Log what HPNorton does; `values` go into the message as in str.format."""
    _log("INFO", message, values)


def warning(message: str, *values: object) -> None:
    """Log what somebody should check."""
    _log("WARNING", message, values)


def say(message: str, *values: object) -> None:
    """Write what a waiting person has to know to stderr, whatever the level of the log."""
    write_message(sanitize_message(message.format(*map(_harmless, values))) + "\n")


def write_message(text: str) -> None:
    """Write a text to stderr; do nothing if stderr is closed, full or unread."""
    if is_closed(sys.stderr):  # in a program that uses the package as a library
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        discard_rest(sys.stderr)


def discard_rest(stream: TextIO) -> None:
    """Send what a stream still buffers to the null device, or Python would try again at exit."""
    try:
        number = stream.fileno()
    except OSError:  # it is no file, and has no buffer of its own
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def is_closed(stream: Any) -> bool:
    """Return whether a standard stream cannot be used: Python sets one that is closed to None."""
    return stream is None or getattr(stream, "closed", False)


def _log(
    level: str, message: str, values: tuple[object, ...], error: BaseException | None = None
) -> None:
    if level in _enabled:
        text = sanitize_message(message.format(*map(_harmless, values)) if values else message)
        # Not loguru's own traceback, which quotes the error's text unchanged.
        lines = traceback.format_exception(error) if error is not None else ()
        _logger().log(level, "{}", "\n".join([text, *map(sanitize_message, lines)]))


def _harmless(value: object) -> object:
    """Return a value for str.format that cannot start a line of its own."""
    return value if isinstance(value, int | float) else printable(str(value))


@cache
def _logger() -> loguru.Logger:
    logger = loguru.logger
    logger.remove()
    colorize = sys.stderr is not None and sys.stderr.isatty()
    # Not sys.stderr itself, which a progress bar replaces while it is on the screen.
    logger.add(write_message, level=0, format=_FORMAT, colorize=colorize)
    return logger
