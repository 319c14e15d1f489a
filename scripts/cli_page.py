"""Write docs/cli.md, the page of all flags, from the parser of the command line.

Run it after a change of a flag or its help: .venv/bin/python scripts/cli_page.py
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hpnorton import cli
from hpnorton.cli import flag_rules
from hpnorton.cli.arguments import Parser
from hpnorton.errors import ExitStatus

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
_INTRODUCTION = """\
# Command line

<!-- Written by scripts/cli_page.py from the help of each flag. Do not edit. -->

    hpnorton ACTION [OPTION ...]

Give one action a command, and the options that go with it. In a checkout `./HPNorton.py` is the
same as `hpnorton`. Results go to stdout. The log, the progress bar and errors go to stderr.
`hpnorton --help` lists all flags, `hpnorton --rent --help` shows one.
"""
_EXIT_STATUSES = {
    0: "done",
    1: "failed; the message says what to do",
    2: "wrong usage",
    3: "done, but rows were rejected or in conflict, or a score is below `--min-score`",
    4: "stopped by `--max-errors`",
    130: "interrupted (Ctrl+C)",
}
_PRECEDENCE = """\
## Where a setting comes from

A flag wins over the environment variable, and that wins over `settings.ini`:

| flag | variable |
|---|---|
| `--uri` | `HPNORTON_URI` |
| `--dataset` | `HPNORTON_DATASET` |
| `--settings` | `HPNORTON_SETTINGS` |

HPNorton reads the `settings.ini` in the current folder unless `--settings` names another one. Where
there is none, name a database with `--uri`: HPNorton creates no database that you have not named.
"""


def page() -> str:
    """Return the text of docs/cli.md."""
    parser = cli.parser()
    # pylint: disable-next=protected-access # argparse offers no other way to its groups
    groups = [group for group in parser._action_groups if _flags_of(group)]
    lines = [_INTRODUCTION]
    for group in groups:
        lines += _section(parser, group)
    lines += ["## Exit status", "", "| status | meaning |", "|---|---|"]
    lines += [f"| {int(status)} | {_EXIT_STATUSES[int(status)]} |" for status in ExitStatus]
    return "\n".join([*lines, "", _PRECEDENCE])


def _flags_of(group: "argparse._ArgumentGroup") -> list[argparse.Action]:
    """Return the flags of a group, but for --help."""
    # pylint: disable-next=protected-access # argparse offers no other way
    flags = group._group_actions
    return [flag for flag in flags if flag.option_strings and flag.dest != "help"]


def _section(parser: Parser, group: "argparse._ArgumentGroup") -> Iterator[str]:
    """Yield the lines of a group: its title, what is said of it, and a table of its flags."""
    title = group.title or ""
    yield f"## {title[:1].upper()}{title[1:]}"
    yield ""
    if group.description:
        yield f"{_text(group.description)}"
        yield ""
    flags = _flags_of(group)
    heads = ["flag", "what it does"]
    if any(flag_rules.GOES_WITH.get(flag.dest) for flag in flags):
        heads.append("goes with")
    yield _row(heads)
    yield "|---" * len(heads) + "|"
    for flag in flags:
        usage = " ".join([*flag.option_strings, parser.values_of(flag)]).strip()
        actions = ", ".join(f"`{each}`" for each in flag_rules.GOES_WITH.get(flag.dest, ()))
        yield _row([f"`{usage}`", _text(_help_of(flag)), actions][: len(heads)])
    yield ""


def _help_of(flag: argparse.Action) -> str:
    """Return the help of a flag as argparse shows it."""
    values = {**vars(flag), "prog": "hpnorton"}
    text = (flag.help or "") % values
    choices = f" ({', '.join(flag.choices)})" if flag.choices and flag.metavar else ""
    return text + choices


def _text(text: str) -> str:
    """Return a help text as Markdown: flags, URIs and names in capitals as code."""
    code = r"(?<![\w`'-])(--[a-z][a-z-]+|[A-Z]+_[A-Z_]+|\w+:///?[\w./]+|COLLECTION=\S+?(?=[,;. ]))"
    return re.sub(code, r"`\1`", text)


def _row(cells: Sequence[str]) -> str:
    """Return a row of a table."""
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
