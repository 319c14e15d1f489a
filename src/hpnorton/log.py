"""The log: loguru to stderr, set up the same way in this process and in workers.

loguru takes a third of the time that a question takes to answer, so it is imported when there is
something to log.
"""

import sys
from functools import cache
from typing import TYPE_CHECKING

from hpnorton.settings import LOG_LEVELS

if TYPE_CHECKING:
    from loguru import Logger

_FORMAT = "<green>{time:HH:mm:ss}</green> <level>{level: <7}</level> {message}"
_wanted: list[str] = []  # the levels to log


def start_log(level: str | None) -> None:
    """Sends log messages of `level` and above to stderr; None sends none at all."""
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


def _log(
    level: str, message: str, values: tuple[object, ...], error: BaseException | None = None
) -> None:
    if level in _wanted:
        _logger().opt(exception=error).log(level, message, *values)


@cache
def _logger() -> "Logger":
    # pylint: disable-next=import-outside-toplevel # the docstring says why
    from loguru import logger

    logger.remove()
    # diagnose=True would print local variables, and with them passwords.
    colorize = sys.stderr.isatty()
    logger.add(_write, level=0, format=_FORMAT, colorize=colorize, diagnose=False, backtrace=False)
    return logger


def _write(message: str) -> None:
    # Looked up at every call: a progress bar replaces sys.stderr while it is on the screen.
    sys.stderr.write(message)
