"""What all groups of flags share: the parser, flags that are actions, and the settings."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from hpnorton import __version__
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.settings import LOG_LEVELS, Settings

# The formats of output.py, which takes longer to import than --help may take.
FORMATS = TABLE, JSON, JSONL, CSV = ("table", "json", "jsonl", "csv")

Operation = Callable[[argparse.Namespace, Settings], ExitStatus]


class Parser(argparse.ArgumentParser):
    """argparse, with errors as all our errors are."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; '{self.prog} --help' lists the flags")


class Act(argparse.Action):
    """A flag that says what to do: `operation` is kept in the namespace, with the flag's values."""

    def __init__(self, *args: Any, operation: Operation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._operation = operation

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if namespace.flag is not None:
            parser.error(f"{namespace.flag} and {option_string} are two actions; ask for one")
        namespace.flag = option_string
        namespace.operation = self._operation
        namespace.values = values


def whole(least: int) -> Callable[[str], int]:
    """The type of a flag's value that is a whole number from `least` on."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,7}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} to 9999999"
            )
        return int(text)

    return parse


def add_settings(parser: Parser) -> None:
    """The flags that say how, not what."""
    group = parser.add_argument_group("settings (a flag, else the environment, else settings.ini)")
    add = group.add_argument
    add("--dataset", metavar="test|production", help="the dataset to work on (HPNORTON_DATASET)")
    add("--uri", help="the database: sqlite:///path/file.db or mongodb://... (HPNORTON_URI)")
    add("--settings", metavar="FILE", help="another settings.ini (HPNORTON_SETTINGS)")
    add("--format", choices=FORMATS, help="of the result (default: table on a terminal, else json)")
    add(
        "--log-level",
        choices=LOG_LEVELS,
        type=str.upper,
        help="what to log to stderr; DEBUG adds tracebacks",
    )
    add("--disable-log", action="store_true", help="log nothing")
    add("--quiet", action="store_true", help="no log, no progress: only results and errors")
    add("--version", action="version", version=f"HPNorton {__version__}")
