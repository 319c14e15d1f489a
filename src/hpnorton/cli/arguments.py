"""What all commands share on the command line: the parser, kinds of flags and values, rules."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hpnorton import __version__
from hpnorton.cli.standard_streams import ignore_closed_stdout
from hpnorton.errors import ExitStatus, UsageError, did_you_mean
from hpnorton.settings import LOG_LEVELS, Settings, expand_home

# The formats of output.py, which takes longer to import than --help may take.
FORMATS = TABLE, JSON, JSONL, CSV = ("table", "json", "jsonl", "csv")

Run = Callable[[argparse.Namespace, Settings], ExitStatus]
Check = Callable[[argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """The parser of a command line: one flag says what to do, others say how."""

    def group(self, title: str, description: str | None = None) -> argparse._ArgumentGroup:
        """Return the group of flags with a title; the first call adds it to --help."""
        for group in self._action_groups:
            if group.title == title:
                return group
        return self.add_argument_group(title, description)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with a message that ends with how to get help."""
        about = re.match("argument (--[a-z-]+)", message)
        flag, does = (f"{about[1]} ", "shows its use") if about else ("", "lists the flags")
        mark = "" if message.endswith("?") else ";"
        raise UsageError(f"{message}{mark} '{self.prog} {flag}--help' {does}")

    @property
    def flags(self) -> dict[str, argparse.Action]:
        """The flags by name."""
        return {each.option_strings[-1]: each for each in self._actions}

    @property
    def commands(self) -> "list[CommandFlag]":
        """The flags that say what to do."""
        return [each for each in self._actions if isinstance(each, CommandFlag)]

    def commands_that_take(self, flag: str) -> list[str]:
        """Return the commands that a flag goes with; none if it goes with all of them."""
        return [name_of(command) for command in self.commands if flag in command.takes]

    def about(self, action: argparse.Action) -> str | None:
        """Return the description of the group that a flag is in."""
        for group in self._action_groups:
            if action in group._group_actions:  # pylint: disable=protected-access # no other way
                return group.description
        return None

    def values_of(self, action: argparse.Action) -> str:
        """Return the values of a flag, as its help names them."""
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
        with ignore_closed_stdout():
            out = file or sys.stderr
            out.write(message)
            out.flush()


class CommandFlag(argparse.Action):
    """A flag that says what to do: the namespace keeps it as `command`, with its `values`.

    `run` does it. `takes` are the flags that go with it, besides those that go with every command.
    `check` raises UsageError for flags that the command cannot do with. `takes_numbers` says that
    a NumbersFlag may have several numbers, and `needs_shop` that a database has to be named.
    """

    def __init__(
        self,
        *args: Any,
        run: Run,
        takes: Sequence[str] = (),
        check: Check | None = None,
        takes_numbers: bool = False,
        needs_shop: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.run = run
        self.takes = takes
        self.check = check
        self.takes_numbers = takes_numbers
        self.needs_shop = needs_shop

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if namespace.command is not None:
            first = name_of(namespace.command)
            parser.error(f"{first} and {option_string} are two actions; ask for one")
        if values == [] and self.nargs is None:  # what argparse makes of --flag=--
            parser.error(f"argument {option_string}: expected one argument")
        namespace.command = self
        namespace.values = values


class NumbersFlag(argparse.Action):
    """A flag with whole numbers of at least `minimum`, kept as a list.

    Other arguments may follow the last number: they are added to `trailing` in the namespace.
    """

    def __init__(
        self, option_strings: Sequence[str], dest: str, minimum: int, **kwargs: Any
    ) -> None:
        super().__init__(option_strings, dest, nargs="+", **kwargs)
        self._number = whole_number(minimum)

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
        namespace.trailing = [*namespace.trailing, *texts[len(numbers) :]]


def validate_arguments(parser: Parser, arguments: argparse.Namespace) -> None:
    """Raise UsageError for flags that do not go with the command, or that it lacks.

    The one number of a NumbersFlag takes the place of its list, unless the command takes several.
    """
    command: CommandFlag | None = arguments.command
    given = [action for action in parser.flags.values() if is_given(arguments, action.dest)]
    for action in given:
        commands = parser.commands_that_take(name_of(action))
        if commands and (command is None or name_of(command) not in commands):
            other = f", not with {name_of(command)}" if command else ""
            raise UsageError(f"{name_of(action)} goes with {_one_of(commands)}{other}")
    if command is not None and command.check is not None:
        command.check(arguments)
    for action in given:
        if command and isinstance(action, NumbersFlag) and not command.takes_numbers:
            setattr(arguments, action.dest, _only_number(parser, arguments, action))


def _only_number(parser: Parser, arguments: argparse.Namespace, flag: NumbersFlag) -> int:
    first, *others = getattr(arguments, flag.dest)
    if others:
        several = [name_of(command) for command in parser.commands if command.takes_numbers]
        raise UsageError(
            f"{name_of(flag)} takes one number with {name_of(arguments.command)}; several are for "
            f"{_one_of(several)}"
        )
    number: int = first
    return number


def is_given(arguments: argparse.Namespace, name: str) -> bool:
    """Return whether a flag with this name in the namespace is given."""
    return getattr(arguments, name, None) is not None


def flag_of(name: str) -> str:
    """Return the flag that has a name in the namespace, such as --dry-run for dry_run."""
    return f"--{name.replace('_', '-')}"


def name_of(flag: argparse.Action) -> str:
    """Return a flag as users type it, such as --rent."""
    return flag.option_strings[-1]


def _one_of(commands: Sequence[str]) -> str:
    """Return commands in words: --a, --b or --c."""
    *others, last = commands
    return f"{', '.join(others)} or {last}" if others else last


def program_name() -> str:
    """Return how the user started this program, for messages and help."""
    name = Path(sys.argv[0]).name
    return "python -m hpnorton" if name == "__main__.py" else name


def whole_number(minimum: int) -> Callable[[str], int]:
    """Return the type of a flag's value that is a whole number of at least `minimum`."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,7}", text) or int(text) < minimum:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {minimum} to 9999999"
            )
        return int(text)

    return parse


def file_path(text: str) -> Path:
    """Convert a flag's value to the path of a file or folder; ~ is the home folder."""
    return Path(expand_home(text))


def utf8(text: str) -> str:
    """Return a flag's value that goes to the database, if it is text in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8 text") from None
    return text


def seconds(text: str) -> float:
    """Convert a flag's value to a number of seconds."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return float(text)


def add_settings(parser: Parser) -> None:
    """Add the flags that go with every command."""
    add = parser.group("settings (a flag, else the environment, else settings.ini)").add_argument
    add("--dataset", metavar="NAME", help="use this dataset of settings.ini (HPNORTON_DATASET)")
    add(
        "--uri",
        help="use this database: sqlite:///path/file.db or mongodb://... (HPNORTON_URI)",
    )
    add("--settings", metavar="FILE", help="read another settings.ini (HPNORTON_SETTINGS)")
    add(
        "--format",
        choices=FORMATS,
        help="write the result in this format (default: table on a terminal, else json)",
    )
    add(
        "--log-level",
        choices=LOG_LEVELS,
        type=str.upper,
        help="log messages of this level and above to stderr; DEBUG adds tracebacks (default: "
        "level in settings.ini, or INFO)",
    )
    add("--disable-log", action="store_true", help="log nothing")
    add(
        "--quiet",
        action="store_true",
        help="write only results and errors: no log and no progress bar",
    )
    add(
        "--no-pager",
        action="store_true",
        help="write long results to the terminal, not to the program in PAGER",
    )
    add(
        "--version",
        action="version",
        version=f"HPNorton {__version__}",
        help="show the version and exit",
    )
