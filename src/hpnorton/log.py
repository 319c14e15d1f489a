"""The log: loguru to stderr, set up the same way in this process and in workers."""

import sys

from loguru import logger

_FORMAT = "<green>{time:HH:mm:ss}</green> <level>{level: <7}</level> {message}"


def _write(message: str) -> None:
    # Looked up at every call: a progress bar replaces sys.stderr while it is on the screen.
    sys.stderr.write(message)


def start_log(level: str | None) -> None:
    """Sends log messages of `level` and above to stderr; None sends none at all."""
    logger.remove()
    if level is not None:
        # diagnose=True would print local variables, and with them passwords.
        colorize = sys.stderr.isatty()
        logger.add(
            _write, level=level, format=_FORMAT, colorize=colorize, diagnose=False, backtrace=False
        )
