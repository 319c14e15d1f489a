"""Long results on a terminal go through a pager, and everything else does not."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from hpnorton.cli.pager import pager_command
from tests.helpers.commandline import CommandLine
from tests.helpers.terminal import ended_on_terminal, on_terminal

# Shows what it was started with, and the text in capitals.
SHOUTING = """
import os, sys
print("pager", sys.argv[1:], os.environ.get("LESS"))
print(sys.stdin.read().upper(), end="")
"""
# Interrupts the whole group, as Ctrl+C does, while the result is written, and shows it after that.
INTERRUPTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
first = sys.stdin.readline()
os.killpg(0, signal.SIGINT)
print(first + sys.stdin.read(), end="")
"""


@pytest.fixture(name="filled")
def import_dataset(hpnorton: CommandLine) -> CommandLine:
    """Import the dataset."""
    assert hpnorton("--linear").status == 0
    return hpnorton


def pager(folder: Path, source: str, name: str = "a pager") -> str:
    """Return the value of PAGER for a program whose path has a blank in it."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    path.chmod(0o755)
    return shlex.quote(str(path))


def paged(hpnorton: CommandLine, *arguments: str, **more: Any) -> tuple[int, str]:
    """Return the exit status of a command on a terminal with few lines, and what it shows."""
    return ended_on_terminal(hpnorton, *arguments, lines=4, **more)


def test_a_result_goes_through_the_pager(filled: CommandLine, tmp_path: Path) -> None:
    """The table or JSON of a query is written to PAGER, which is split into words as in a shell."""
    environment = {"PAGER": pager(tmp_path, SHOUTING) + " 'one word'"}
    for form in ("table", "json"):
        for question in ("--all-products", "--history", "--fields", "--find=tent"):
            status, shown = paged(filled, question, "--format", form, environment=environment)
            assert status == 0
            assert "pager ['one word']" in shown
            assert "PRODUCT" in shown


@pytest.mark.parametrize("value", ["", "cat", "  "])
def test_no_pager_is_asked_for(filled: CommandLine, tmp_path: Path, value: str) -> None:
    """With an empty PAGER, cat or --no-pager the result is written to the terminal."""
    assert "Chocolate fountain" in paged(filled, "--all-products", environment={"PAGER": value})[1]
    environment = {"PAGER": pager(tmp_path, SHOUTING)}
    shown = paged(filled, "--all-products", "--no-pager", environment=environment)[1]
    assert "Chocolate fountain" in shown and "pager" not in shown


def test_what_is_no_answer_needs_no_pager(filled: CommandLine, tmp_path: Path) -> None:
    """Reports of imports, results of the counter, errors and empty results need no pager."""
    environment = {"PAGER": pager(tmp_path, SHOUTING)}
    for arguments in (
        ["--linear"],
        ["--rent", "C000001", "P000002"],
        ["--rentals-for-customer", "nobody"],
        ["--find", "nothing like that"],
        ["--check"],
    ):
        assert "pager" not in paged(filled, *arguments, environment=environment)[1]
    assert "pager" not in filled("--all-products", environment=environment).out


def test_leaving_the_pager_early_is_no_failure(filled: CommandLine) -> None:
    """The exit status is 0 and there is no message, however much was left to write."""
    assert filled("--linear", "--dataset", "production").status == 0
    for form in ("table", "json", "csv"):
        status, shown = paged(
            filled,
            *("--all-customers", "--dataset", "production", "--format", form),
            columns=200,
            environment={"PAGER": "head -n 3"},
        )
        assert status == 0
        assert len(shown.splitlines()) == 3
        assert "Error" not in shown


def test_an_interrupt_is_the_pagers(filled: CommandLine, tmp_path: Path) -> None:
    """Ctrl+C in the pager ends neither the pager nor the program, which waits for it."""
    environment = {"PAGER": pager(tmp_path, INTERRUPTING)}
    status, shown = paged(filled, "--all-products", environment=environment)
    assert status == 0
    assert shown.endswith("\n10 records\n")


def test_a_pager_that_cannot_be_started(filled: CommandLine, tmp_path: Path) -> None:
    """A message names it, and the result is shown; no shell runs what is in PAGER."""
    trap = tmp_path / "trap"
    for value, named in (
        ("nosuchpager -x", "the pager nosuchpager cannot be started"),
        (f"nosuchpager; touch {trap}", "the pager nosuchpager; cannot be started"),
        ("less 'x", "PAGER cannot be understood (No closing quotation)"),
    ):
        status, shown = paged(filled, "--all-products", environment={"PAGER": value})
        assert status == 0
        assert named in shown and "Chocolate fountain" in shown
    assert not trap.exists()


@pytest.mark.parametrize(
    ("version", "less", "started"),
    [
        ("less 590 (GNU regular expressions)", None, "pager [] FRSX"),
        ("less 668 (GNU regular expressions)", None, "pager ['--header=2'] FRSX"),
        ("less 668 (GNU regular expressions)", "-i", "pager [] -i"),
    ],
)
def test_less_keeps_the_header_in_sight(
    filled: CommandLine, tmp_path: Path, version: str, less: str | None, started: str
) -> None:
    """A less that has --header gets it, unless LESS is set."""
    knows = f"import sys\nif '--version' in sys.argv: print({version!r}); sys.exit()\n"
    environment = {"PAGER": pager(tmp_path, knows + SHOUTING, "less")}
    environment["LESS"] = less or ""
    shown = paged(filled, "--all-products", columns=120, environment=environment)[1]
    assert started in shown


def test_the_default_is_less_on_a_screen() -> None:
    """Without PAGER it is less if it is installed, and none on a dumb terminal."""
    assert pager_command({"TERM": "xterm"}) in (["less"], [])
    assert pager_command({"TERM": "dumb"}) == pager_command({}) == []
    assert pager_command({"PAGER": "most -s", "TERM": "dumb"}) == ["most", "-s"]


def test_the_number_of_records_is_told_on_a_terminal(filled: CommandLine) -> None:
    """It is below the table, but not in a pipe, with --quiet, or without records."""
    assert on_terminal(filled, "--all-products").endswith("\n\n10 records\n")
    assert on_terminal(filled, "--find", "P000002").endswith("\n\n1 record\n")
    assert on_terminal(filled, "--history").endswith("\n\n3 imports\n")
    assert "record" not in on_terminal(filled, "--all-products", "--quiet")
    assert "record" not in filled("--all-products", "--format", "table").out
    nothing = on_terminal(filled, "--find", "nothing like that")
    assert len(nothing.splitlines()) == 1 and " records" not in nothing


def test_a_result_that_fits_the_screen_needs_no_pager(filled: CommandLine, tmp_path: Path) -> None:
    """The table, the count and the prompt have to fit; lines that wrap count as several."""
    environment = {"PAGER": pager(tmp_path, SHOUTING)}
    for form, columns, lines, is_paged in (
        ("table", 90, 15, False),
        ("table", 90, 14, True),
        ("json", 200, 13, False),
        ("json", 200, 12, True),
        ("json", 90, 13, True),
    ):
        arguments = ("--all-products", "--format", form)
        _, shown = ended_on_terminal(
            filled, *arguments, columns=columns, lines=lines, environment=environment
        )
        assert shown.startswith("pager") is is_paged
