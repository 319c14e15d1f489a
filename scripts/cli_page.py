"""Write the tables of flags in docs/cli.md, from the help of each flag: `make docs`.

The text around the tables is written by hand, in that page.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hpnorton import cli
from hpnorton.cli.arguments import Parser

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
BEGIN, END = "<!-- Flags: written by `make docs`. -->", "<!-- End of flags. -->"


def with_flags(page: str) -> str:
    """Return the text of a page with the flags, as they are now, between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(_tables())
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def _tables() -> Iterator[str]:
    parser = cli.parser()
    # pylint: disable-next=protected-access # argparse offers no other way to its groups
    for group in parser._action_groups:
        if _flags_of(group):
            yield from _section(parser, group)


def _flags_of(group: "argparse._ArgumentGroup") -> list[argparse.Action]:
    """Return the flags of a group, without --help."""
    # pylint: disable-next=protected-access # argparse offers no other way
    flags = group._group_actions
    return [flag for flag in flags if flag.option_strings and flag.dest != "help"]


def _section(parser: Parser, group: "argparse._ArgumentGroup") -> Iterator[str]:
    """Yield the lines of a group: its title, its description, and a table of its flags."""
    title = re.sub(r" \(.*", "", group.title or "")
    yield f"## {title[:1].upper()}{title[1:]}"
    yield ""
    if group.description:
        yield _text(group.description)
        yield ""
    flags = _flags_of(group)
    heads = ["flag", "what it does"]
    if any(parser.commands_that_take(flag.option_strings[-1]) for flag in flags):
        heads.append("goes with")
    yield _row(heads)
    yield "|---" * len(heads) + "|"
    for flag in flags:
        usage = " ".join([*flag.option_strings, parser.values_of(flag)]).strip()
        actions = ", ".join(
            f"`{each}`" for each in parser.commands_that_take(flag.option_strings[-1])
        )
        yield _row([f"`{usage}`", _text(_help_of(flag)), actions][: len(heads)])
    yield ""


def _help_of(flag: argparse.Action) -> str:
    """Return the help of a flag as argparse shows it."""
    return (flag.help or "") % {**vars(flag), "prog": "hpnorton"}


def _text(text: str) -> str:
    """Return a help text as Markdown: flags, variables and URIs as code."""
    code = r"(?<![\w`'-])(--[a-z][a-z-]+|[A-Z]+_[A-Z_]+|\w+:///?[\w./]+|COLLECTION=\S+?(?=[,;. ]))"
    return re.sub(code, r"`\1`", text)


def _row(cells: Sequence[str]) -> str:
    """Return a row of a table."""
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


if __name__ == "__main__":
    PAGE.write_text(with_flags(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
