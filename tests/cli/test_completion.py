"""--completion: scripts that real shells run."""

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hpnorton.cli import parser
from tests.helpers.commandline import CommandLine

Complete = Callable[[str], list[str]]
FORMATS = ["csv", "json", "jsonl", "table"]


def complete_in_bash(script: Path, folder: Path, line: str) -> list[str]:
    """Return what bash offers for the last word of a line: call the script's own function."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    program = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=({shlex.join(words)}); "
        f"COMP_CWORD={len(words) - 1}; _hpnorton; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    return shown_by(["bash", "--norc", "-c", program], folder)


def complete_in_zsh(script: Path, folder: Path, line: str) -> list[str]:
    """Return what zsh offers: functions that print replace those that add matches."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    program = (
        "compdef() {}; compadd() { shift; print -l -- $@ }; "
        "_files() { [[ $1 = -/ ]] && print -l -- *(/) || print -l -- * }; "
        "_describe() { print -l -- ${flags%%:*} }; "
        f"source {shlex.quote(str(script))}; words=({shlex.join(words)}); CURRENT={len(words)}; "
        "_hpnorton"
    )
    offered = shown_by(["zsh", "-f", "-c", program], folder)
    return [each for each in offered if each.startswith(words[-1])]


def complete_in_fish(script: Path, folder: Path, line: str) -> list[str]:
    """Return what fish offers, without the descriptions."""
    program = f"source {shlex.quote(str(script))}; complete -C {shlex.quote(line)}"
    offered = shown_by(["fish", "--no-config", "-c", program], folder)
    return [each.partition("\t")[0] for each in offered]


def shown_by(command: list[str], folder: Path) -> list[str]:
    """Return the lines on stdout of a program that writes nothing to stderr."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return sorted(filter(None, done.stdout.splitlines()))


SHELLS = {"bash": complete_in_bash, "zsh": complete_in_zsh, "fish": complete_in_fish}


@pytest.fixture(name="complete", params=SHELLS)
def make_script(request: pytest.FixtureRequest, hpnorton: CommandLine, tmp_path: Path) -> Complete:
    """Complete lines with the script of each installed shell, in a folder with files."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    script = tmp_path / "script"
    done = hpnorton("--completion", shell)
    assert (done.status, done.err) == (0, "")
    script.write_text(done.out, encoding="utf-8")
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "customers.csv").touch()
    return lambda line: SHELLS[shell](script, folder, line)


def test_flags_are_completed(complete: Complete) -> None:
    """The beginning of a flag is completed to all flags of the parser with that beginning."""
    flags = list(parser().flags)
    assert complete("hpnorton --re") == sorted(each for each in flags if each[:4] == "--re")
    assert complete("hpnorton --quiet --all-c") == ["--all-customers"]
    assert complete("hpnorton --linear customers.csv --dry") == ["--dry-run"]


def test_choices_are_completed(complete: Complete) -> None:
    """The value of a flag that has choices is one of them, directly after the flag."""
    assert complete("hpnorton --all-products --format ") == FORMATS
    assert complete("hpnorton --format js") == ["json", "jsonl"]
    assert complete("hpnorton --completion f") == ["fish"]
    assert "csv" not in complete("hpnorton --format json ")


def test_files_and_folders_are_completed(complete: Complete) -> None:
    """A FILE is completed to a file, also the second of several, and a DIR to a folder."""
    assert complete("hpnorton --analyze cus") == ["customers.csv"]
    assert complete("hpnorton --linear other.csv cus") == ["customers.csv"]
    assert [each.rstrip("/") for each in complete("HPNorton.py --export s")] == ["sub"]
    assert complete("hpnorton --export cus") == []


def test_no_settings_are_needed(hpnorton: CommandLine) -> None:
    """The script can be written in any folder, with or without a settings.ini."""
    done = hpnorton("--completion", "zsh", environment={"HPNORTON_SETTINGS": "/nowhere.ini"})
    assert done.status == 0
    assert done.out.startswith("#compdef hpnorton HPNorton.py\n")
    refused = hpnorton("--completion", "bsh")
    assert refused.status == 2
    assert "choose from bash, zsh, fish); did you mean 'bash'?" in refused.err
