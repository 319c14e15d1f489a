"""What all groups of flags share: the parser, flags that are actions, and the settings."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hpnorton import __version__
from hpnorton.cli.standard_streams import until_closed
from hpnorton.errors import ExitStatus, UsageError, did_you_mean
from hpnorton.settings import LOG_LEVELS, Settings, expand_home

# The formats of output.py, which takes longer to import than --help may take.
FORMATS = TABLE, JSON, JSONL, CSV = ("table", "json", "jsonl", "csv")

Operation = Callable[[argparse.Namespace, Settings], ExitStatus]


class Parser(argparse.ArgumentParser):
    """argparse, with errors as all our errors are."""

    def error(self, message: str) -> NoReturn:
        about = re.match("argument (--[a-z-]+)", message)
        flag, does = (f"{about[1]} ", "shows its use") if about else ("", "lists the flags")
        mark = "" if message.endswith("?") else ";"
        raise UsageError(f"{message}{mark} '{self.prog} {flag}--help' {does}")

    @property
    def flags(self) -> dict[str, argparse.Action]:
        """The flags by name."""
        return {each.option_strings[-1]: each for each in self._actions}

    def about(self, action: argparse.Action) -> str | None:
        """What is said of all flags of the group that a flag is in."""
        for group in self._action_groups:
            if action in group._group_actions:  # pylint: disable=protected-access # no other way
                return group.description
        return None

    def values_of(self, action: argparse.Action) -> str:
        """The values of a flag, as its help names them."""
        formatter = self._get_formatter()
        # pylint: disable-next=protected-access # argparse offers no other way
        return formatter._format_args(action, action.dest.upper()) if action.nargs != 0 else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(
                action,
                f"invalid choice: {value!r} (choose from {', '.join(action.choices)})"
                f"{did_you_mean(str(value), action.choices)}",
            )

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print --help or --version. Unlike argparse's own this raises the errors of writing."""
        with until_closed():
            out = file or sys.stderr
            out.write(message)
            out.flush()


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
        if values == [] and self.nargs is None:  # what argparse makes of --flag=--
            parser.error(f"argument {option_string}: expected one argument")
        namespace.flag = option_string
        namespace.operation = self._operation
        namespace.values = values


class Numbers(argparse.Action):
    """A flag with one or several whole numbers from `least` on, kept as a list.

    Other arguments may stand behind the last one: they are added to `behind` in the namespace.
    """

    def __init__(self, option_strings: Sequence[str], dest: str, least: int, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, nargs="+", **kwargs)
        self._number = whole(least)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        texts = list(values or ())
        numbers: list[int] = []
        try:
            numbers += map(self._number, texts)
        except argparse.ArgumentTypeError as error:
            if not numbers:
                raise argparse.ArgumentError(self, str(error)) from error
        setattr(namespace, self.dest, numbers)
        namespace.behind = [*namespace.behind, *texts[len(numbers) :]]


def program_name() -> str:
    """Return how the user started this program, for messages and help."""
    name = Path(sys.argv[0]).name
    return "python -m hpnorton" if name == "__main__.py" else name


def flag_of(name: str) -> str:
    """The flag whose value has a name in the namespace."""
    return f"--{name.replace('_', '-')}"


def whole(least: int) -> Callable[[str], int]:
    """The type of a flag's value: a whole number from `least` on."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,7}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} to 9999999"
            )
        return int(text)

    return parse


def file_path(text: str) -> Path:
    """The type of a flag's value that is a file or a folder; ~ is the home folder."""
    return Path(expand_home(text))


def utf8(text: str) -> str:
    """The type of a flag's value that is looked for, or written, in the database: a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8 text") from None
    return text


def seconds(text: str) -> float:
    """The type of a flag's value: some seconds."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return float(text)


def add_settings(parser: Parser) -> None:
    """The flags that say how, not what."""
    group = parser.add_argument_group("settings (a flag, else the environment, else settings.ini)")
    add = group.add_argument
    add(
        "--dataset",
        metavar="NAME",
        help="the dataset of settings.ini to work on (HPNORTON_DATASET)",
    )
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
    add("--no-pager", action="store_true", help="long results go to the terminal, not to PAGER")
    add("--version", action="version", version=f"HPNorton {__version__}")
