"""Help for all flags, or for one: `--rent --help`, `help rent`."""

import argparse
from collections.abc import Sequence

from hpnorton.cli.arguments import CommandFlag, Parser, name_of
from hpnorton.cli.pager import paged
from hpnorton.errors import did_you_mean

_HELP = "help"
_HELP_FLAGS = ("-h", "--help")
NO_PAGER = "--no-pager"


def wants_help(argv: Sequence[str]) -> bool:
    """Return whether the arguments ask for help, by a flag or by `help` as the first word."""
    words = _words(argv)
    return words[:1] == [_HELP] or any(word in _HELP_FLAGS for word in words)


def show_help(parser: Parser, argv: Sequence[str]) -> None:
    """Show the help of the command among the arguments, of another flag, or of all flags.

    Raises UsageError for a flag that does not exist.
    """
    words = _words(argv)
    named = words[1:] if words[:1] == [_HELP] else [word for word in words if word[:1] == "-"]
    wanted = [_find(parser, word) for word in named if word not in (*_HELP_FLAGS, NO_PAGER)]
    text = parser.format_help()
    if wanted:
        commands = (each for each in wanted if isinstance(each, CommandFlag))
        text = _help_of(parser, next(commands, wanted[0]))
    with paged(NO_PAGER not in words) as out:
        out.write(text)


def _words(argv: Sequence[str]) -> list[str]:
    """Return the arguments before `--`, which only values follow."""
    words = list(argv)
    return words[: words.index("--")] if "--" in words else words


def _find(parser: Parser, word: str) -> argparse.Action:
    flag = f"--{word.partition('=')[0].lstrip('-')}"
    found = parser.flags.get(flag)
    if found is None:
        parser.error(f"there is no flag {flag}{did_you_mean(flag, parser.flags)}")
    return found


def _help_of(parser: Parser, action: argparse.Action) -> str:
    """Return the part of the help about one flag, with the flags that go with it."""
    flag = name_of(action)
    if isinstance(action, CommandFlag):
        others = [parser.flags[each] for each in parser.flags if each in action.takes]
        title, before = "goes with it", ""
    else:
        others = [parser.flags[each] for each in parser.commands_that_take(flag)]
        title, before = "goes with", f"{name_of(others[0]) if others else 'ACTION'} ..."
    usage = f"usage: {parser.prog} {before} {flag} {parser.values_of(action)} [OPTION ...]"
    formatter = parser.formatter_class(prog=parser.prog)
    formatter.add_text(" ".join(usage.split()))
    formatter.add_text(parser.about(action))
    for heading, actions in (("this flag", [action]), (title, others)):
        formatter.start_section(heading)
        formatter.add_arguments(actions)
        formatter.end_section()
    formatter.add_text(
        f"'{parser.prog} --help' lists all flags, with those for the dataset, the database and the "
        "format."
    )
    return formatter.format_help()
