"""Help for all flags, or for one: `--rent --help`, `help rent`."""

import argparse
from collections.abc import Sequence

from hpnorton.cli.arguments import Act, Parser
from hpnorton.cli.pager import paged
from hpnorton.errors import did_you_mean

_HELP = "help"
_ASKING = ("-h", "--help")
NO_PAGER = "--no-pager"


def wants_help(argv: Sequence[str]) -> bool:
    """Whether arguments ask for help: with a flag, or with the word in the first place."""
    words = _words(argv)
    return words[:1] == [_HELP] or any(word in _ASKING for word in words)


def show_help(parser: Parser, argv: Sequence[str], goes_with: dict[str, tuple[str, ...]]) -> None:
    """Shows the help of the action among the arguments, of another flag, or of all.

    `goes_with` has the actions that a flag goes with, by its name in the namespace. Raises
    UsageError for a flag that is not there.
    """
    words = _words(argv)
    named = words[1:] if words[:1] == [_HELP] else [word for word in words if word[:1] == "-"]
    wanted = [_find(parser, word) for word in named if word not in (*_ASKING, NO_PAGER)]
    text = parser.format_help()
    if wanted:
        first = next((each for each in wanted if isinstance(each, Act)), wanted[0])
        text = _help_of(parser, first, goes_with)
    with paged(NO_PAGER not in words) as out:
        out.write(text)


def _words(argv: Sequence[str]) -> list[str]:
    """The arguments up to `--`, behind which all are values."""
    words = list(argv)
    return words[: words.index("--")] if "--" in words else words


def _find(parser: Parser, word: str) -> argparse.Action:
    flag = f"--{word.partition('=')[0].lstrip('-')}"
    found = parser.flags.get(flag)
    if found is None:
        parser.error(f"there is no flag {flag}{did_you_mean(flag, parser.flags)}")
    return found


def _help_of(parser: Parser, action: argparse.Action, goes_with: dict[str, tuple[str, ...]]) -> str:
    """The part of the help about one flag, with the flags that go with it."""
    flag = action.option_strings[-1]
    if isinstance(action, Act):
        others = [each for each in parser.flags.values() if flag in goes_with.get(each.dest, ())]
        title, before = "goes with it", ""
    else:
        others = [parser.flags[each] for each in goes_with.get(action.dest, ())]
        title, before = "goes with", f"{others[0].option_strings[-1] if others else 'ACTION'} ..."
    usage = f"usage: {parser.prog} {before} {flag} {parser.values_of(action)} [OPTION ...]"
    formatter = parser.formatter_class(prog=parser.prog)
    formatter.add_text(" ".join(usage.split()))
    formatter.add_text(parser.about(action))
    for heading, actions in (("this flag", [action]), (title, others)):
        formatter.start_section(heading)
        formatter.add_arguments(actions)
        formatter.end_section()
    formatter.add_text(
        f"'{parser.prog} --help' has all flags, those for the dataset, the database and the format "
        "too."
    )
    return formatter.format_help()
