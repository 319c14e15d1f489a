"""--completion: a script with which a shell completes flags and their values."""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from hpnorton.cli.arguments import Parser
from hpnorton.cli.pager import paged

SHELLS = ("bash", "zsh", "fish")
_PROGRAMS = ("hpnorton", "HPNorton.py")

# Both shells find the last flag before the cursor, and count the words after it.
_BASH = """\
_hpnorton() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} flag= count=0 i IFS=$'\\n'
    for ((i = COMP_CWORD - 1; i > 0; i--)); do
        if [[ ${{COMP_WORDS[i]}} == -* ]]; then flag=${{COMP_WORDS[i]}}; break; fi
        if [[ ${{COMP_WORDS[i]}} != = ]]; then count=$((count + 1)); fi
    done
    if [[ $word == = ]]; then word=; fi
    COMPREPLY=()
    if [[ $word != -* ]]; then
        case $flag:$count in
{cases}
        esac
    fi
    if [[ $word == -* || ( -z $word && ${{#COMPREPLY[@]}} == 0 ) ]]; then
        COMPREPLY=($(compgen -W $'{flags}' -- "$word"))
    fi
}}
complete -F _hpnorton {programs}
"""
# readline completes files best; bash 3 has no compopt to ask it.
_BASH_VALUES = {
    "file": 'compopt -o default 2> /dev/null || COMPREPLY=($(compgen -f -- "$word")); return',
    "folder": 'compopt -o dirnames 2> /dev/null || COMPREPLY=($(compgen -d -- "$word")); return',
}
_ZSH = """\
#compdef {programs}
_hpnorton() {{
    local flag= count=0 i
    local -a flags
    flags=(
{flags}
    )
    for ((i = CURRENT - 1; i > 1; i--)); do
        if [[ ${{words[i]}} == -* ]]; then flag=${{words[i]}}; break; fi
        count=$((count + 1))
    done
    if [[ ${{words[CURRENT]}} != -* ]]; then
        case $flag:$count in
{cases}
        esac
    fi
    _describe -o flag flags
}}
if [[ $funcstack[1] == _hpnorton ]]; then _hpnorton "$@"; else compdef _hpnorton {programs}; fi
"""
_ZSH_VALUES = {"file": "_files; return", "folder": "_files -/; return"}


class CompletionFlag(argparse.Action):
    """A flag that shows the script for a shell, made from the flags of its parser, and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(parser, Parser)
        make = {"bash": _bash, "zsh": _zsh, "fish": _fish}[str(values)]
        with paged(False) as out:
            out.write(make(parser))
        parser.exit()


def add_flags(parser: Parser) -> None:
    """Add --completion."""
    parser.add_argument_group("shell").add_argument(
        "--completion",
        choices=SHELLS,
        action=CompletionFlag,
        help="print a script that completes flags and files in this shell: source <(hpnorton "
        "--completion bash), or hpnorton --completion fish | source",
    )


def _bash(parser: Parser) -> str:
    cases: list[str] = []
    for flag, action in parser.flags.items():
        for pattern in _patterns(flag, action):
            words = "\\n".join(action.choices or ())
            listed = f"COMPREPLY=($(compgen -W $'{words}' -- \"$word\"))"
            cases.append(f"            {pattern}) {_BASH_VALUES.get(_kind(action), listed)} ;;")
    return _BASH.format(
        cases="\n".join(cases), flags="\\n".join(parser.flags), programs=" ".join(_PROGRAMS)
    )


def _zsh(parser: Parser) -> str:
    cases: list[str] = []
    flags: list[str] = []
    for flag, action in parser.flags.items():
        flags.append(f"        {shlex.quote(f'{flag}:{_help(action)}')}")
        for pattern in _patterns(flag, action):
            listed = f"compadd -- {' '.join(action.choices or ())}; return"
            cases.append(f"            ({pattern}) {_ZSH_VALUES.get(_kind(action), listed)} ;;")
    return _ZSH.format(cases="\n".join(cases), flags="\n".join(flags), programs=" ".join(_PROGRAMS))


def _fish(parser: Parser) -> str:
    return "".join(
        f"complete -c {program} -l {flag.removeprefix('--')} {_fish_values(action)} "
        f"-d {_fish_quoted(_help(action))}\n"
        for program in _PROGRAMS
        for flag, action in parser.flags.items()
    )


def _fish_values(action: argparse.Action) -> str:
    if action.nargs == 0:
        return "-f"
    if action.choices:
        return f"-x -a {_fish_quoted(' '.join(action.choices))}"
    return {"file": "-r -F", "folder": "-x -a '(__fish_complete_directories)'"}.get(
        _kind(action), "-x"
    )


def _fish_quoted(text: str) -> str:
    """Return a text in the quotes of fish, where only two characters are special."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _kind(action: argparse.Action) -> str:
    """Return what the values of a flag are: "file", "folder", "choice", or "" for others."""
    if action.choices:
        return "choice"
    return {"FILE": "file", "DIR": "folder"}.get(str(action.metavar), "")


def _patterns(flag: str, action: argparse.Action) -> Iterator[str]:
    """Yield patterns for FLAG:COUNT, COUNT being the number of words between flag and cursor."""
    if _kind(action):
        yield f"{flag}:*" if action.nargs in ("*", "+") else f"{flag}:0"


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%")
