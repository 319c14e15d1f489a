"""What all groups of flags share: the parser, flags that are actions, and the settings."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from hpnorton import __version__
from hpnorton.errors import ExitStatus, UsageError
from hpnorton.settings import LOG_LEVELS, Settings

# The formats of output.py, which takes longer to import than --help may take.
TABLE, JSON, CSV = "table", "json", "csv"
FORMATS = (TABLE, JSON, "jsonl", CSV)

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


class Numbers(argparse.Action):
    """A flag with one or several whole numbers from `least` on, kept as a list.

    FILEs may stand behind the last one: what is no number is added to `behind` in the namespace.
    """

    def __init__(self, option_strings: Sequence[str], dest: str, least: int, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs="+", **kwargs)
        self._least = least

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        texts = list(values or ())
        end = next((at for at, text in enumerate(texts) if not self._is_one(text)), len(texts))
        if end == 0:
            raise argparse.ArgumentError(self, not_a_whole_number(texts[0], self._least))
        setattr(namespace, self.dest, [int(text) for text in texts[:end]])
        namespace.behind = [*namespace.behind, *texts[end:]]

    def _is_one(self, text: str) -> bool:
        return is_whole_number(text, self._least)


def whole_number(text: str) -> int:
    """The value of a flag that takes a whole number from 1 on."""
    if not is_whole_number(text, 1):
        raise argparse.ArgumentTypeError(not_a_whole_number(text, 1))
    return int(text)


def is_whole_number(text: str, least: int) -> bool:
    """Whether a text is one that flags take."""
    return re.fullmatch("[0-9]{1,7}", text) is not None and int(text) >= least


def not_a_whole_number(text: str, least: int) -> str:
    """Why it is not."""
    return f"{text!r} is not a whole number from {least} to 9999999"


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
