"""The log: loguru to stderr, set up the same way in this process and in workers.

loguru takes a third of the time that a question takes to answer, so it is imported when there is
something to log.
"""

import sys
from functools import cache
from traceback import format_exception
from typing import TYPE_CHECKING

from hpnorton.sanitize import printable, tellable
from hpnorton.settings import LOG_LEVELS
from hpnorton.standard_streams import write_message

if TYPE_CHECKING:
    from loguru import Logger

_FORMAT = "<green>{time:YYYY-MM-DDTHH:mm:ss}</green> <level>{level: <7}</level> {message}"
_wanted: list[str] = []  # the levels to log


def start_log(level: str | None) -> None:
    """Sends log messages of `level` and above to stderr; None sends none at all."""
    _logger.cache_clear()  # stderr may be another one since
    _wanted[:] = () if level is None else LOG_LEVELS[LOG_LEVELS.index(level) :]


def debug(message: str, *values: object, error: BaseException | None = None) -> None:
    """Logs what helps to find a fault, with the traceback of an error."""
    _log("DEBUG", message, values, error)


def info(message: str, *values: object) -> None:
    """Logs what is being done; `values` go into the message as in str.format."""
    _log("INFO", message, values)


def warning(message: str, *values: object) -> None:
    """Logs what somebody should look at."""
    _log("WARNING", message, values)


def say(message: str, *values: object) -> None:
    """Tells what a person has to know who waits, whatever the level of the log."""
    write_message(tellable(message.format(*map(_harmless, values))) + "\n")


def _log(
    level: str, message: str, values: tuple[object, ...], error: BaseException | None = None
) -> None:
    if level in _wanted:
        told = tellable(message.format(*map(_harmless, values)) if values else message)
        # Not by loguru's means, which quote an error's text as it is.
        lines = format_exception(error) if error is not None else ()
        _logger().log(level, "{}", "\n".join([told, *map(tellable, lines)]))


def _harmless(value: object) -> object:
    """A value for str.format, which cannot begin a line of its own."""
    return value if isinstance(value, int | float) else printable(str(value))


@cache
def _logger() -> "Logger":
    # pylint: disable-next=import-outside-toplevel # the docstring says why
    from loguru import logger

    logger.remove()
    colorize = sys.stderr is not None and sys.stderr.isatty()
    # Not sys.stderr itself, which a progress bar replaces while it is on the screen.
    logger.add(write_message, level=0, format=_FORMAT, colorize=colorize)
    return logger
