"""Cells and names that a terminal would obey: whatever shows them, they move and colour nothing."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.commandline import CommandLine
from tests.helpers.shop import DATASET, HEADERS
from tests.helpers.terminal import on_terminal
from tests.hostile.conftest import Ask

Write = Callable[..., Path]

# Clears the screen, sets its title, moves up, turns text around, hides it, rings; C1's own CSI.
EVIL = "\x1b[2J\x1b]0;title\x07\x1b[7A\u202eabc\u2066\u200b\x9b31m\x7f\x08"
OBEYED = (
    "\x1b[2J",
    "\x1b]0",
    "\x07",
    "\x1b[7A",
    "\u202e",
    "\u2066",
    "\u200b",
    "\x9b",
    "\x7f",
    "\x08",
)


def _check(shown: str) -> None:
    assert not [mark for mark in OBEYED if mark in shown]


@pytest.fixture(name="evil")
def import_evil(hpnorton: CommandLine, csv_file: Write) -> CommandLine:
    """A database with a customer whose name a terminal would obey."""
    path = csv_file("customers.csv", HEADERS["customers"], f"C1,{EVIL},Lee,,,,Active,1")
    files = [path, *(each for each in DATASET if each.name == "product.csv")]
    assert hpnorton("--linear", *files).status == 0
    return hpnorton


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_no_form_of_an_answer_is_obeyed(evil: CommandLine, form: str) -> None:
    """On a terminal the same text is shown as escapes."""
    for arguments in (["--all-customers"], ["--find", "Lee"]):
        shown = on_terminal(evil, *arguments, "--format", form, "--quiet")
        _check(shown)
        assert "C1" in shown and "x1b" in shown.replace("u001b", "x1b")


def test_an_answer_in_a_pipe_is_the_text_itself(evil: CommandLine) -> None:
    """What reads it needs it as it is; JSON of a terminal says the same."""
    assert evil("--all-customers").data["C1"]["Name"] == EVIL
    assert EVIL in evil("--all-customers", "--format", "csv").out
    shown = on_terminal(evil, "--all-customers", "--format", "json", "--quiet")
    assert json.loads(shown)["C1"]["Name"] == EVIL


def test_no_message_is_obeyed(evil: CommandLine, csv_file: Write, tmp_path: Path) -> None:
    """Faults, conflicts, names of files and columns, ids that are not there, the log."""
    odd = tmp_path / f"x{EVIL}.csv"
    odd.write_bytes(b"id,a\n1,2\n")
    conflict = csv_file("customers.csv", HEADERS["customers"], f"C1,{EVIL}x,Lee,,,,{EVIL},1")
    other = csv_file("customers.csv", HEADERS["customers"], f"C1,{EVIL}x,Lee,,,,Active,1")
    column = csv_file("thing.csv", f"id,{EVIL}", "1,2,3")
    for arguments in (
        ["--linear", f"thing={odd}"],
        ["--linear", odd],
        ["--linear", conflict],
        ["--linear", other],
        ["--linear", column],
        ["--linear", f"customers={column}"],
        ["--rentals-for-customer", EVIL],
        ["--fields", EVIL],
        ["--add", "customers", f"{EVIL}=x"],
        [f"--{EVIL}"],
        ["--find", "x", "--uri", f"sqlite:///{tmp_path}/{EVIL}.db"],
        ["--analyze", column],
        ["--stream", column, "--every", "0", "0"],
        ["--fields"],
        ["--quality"],
        ["--history"],
    ):
        _check(on_terminal(evil, *arguments))
    shown = on_terminal(evil, "--linear", other)
    assert 'with another Name: "\\x1b[2J' in shown


def test_names_that_mean_something_to_a_progress_bar(hpnorton: CommandLine, tmp_path: Path) -> None:
    """Names in a database of somebody else's are shown as they are: [red] is no colour."""
    for name in ("[red]", "[/nothing]", EVIL):
        with sqlite3.connect(tmp_path / "theirs.db") as database:
            quoted = name.replace('"', '""')
            database.execute(f'CREATE TABLE "{quoted}" (id TEXT PRIMARY KEY, "{quoted}" TEXT)')
            database.execute(f'INSERT INTO "{quoted}" VALUES (?, ?)', (name, name))
        database.close()
    shown = on_terminal(hpnorton, "--fields", "--uri", f"sqlite:///{tmp_path}/theirs.db")
    _check(shown)
    assert "[red]" in shown and "[/nothing]" in shown and "unexpected" not in shown


def test_a_line_of_the_log_cannot_be_forged(hpnorton: CommandLine, tmp_path: Path) -> None:
    """A line end in a name is shown as one, not made."""
    path = tmp_path / "x\n12:00:00 ERROR all is lost.csv"
    path.write_bytes(b"id\n1\n")
    done = hpnorton("--linear", f"thing={path}")
    assert done.status == 0
    assert not [line for line in done.err.splitlines() if line.startswith("12:00:00 ERROR")]


def test_messages_quote_a_part_of_a_long_cell(ask: Ask, csv_file: Write, sqlite_uri: str) -> None:
    """A cell of a million characters fills no screen, whatever is wrong with it."""
    long = "x" * 1_000_000
    rows = [f"C1,{long},Lee,,,,Active,1", f"C1,y{long},Lee,,,,Active,1", f"C2,A,B,,,,{long},1"]
    done = ask("--linear", csv_file("customers.csv", HEADERS["customers"], *rows), uri=sqlite_uri)
    assert done.status == 3
    assert max(map(len, done.err.splitlines())) < 1000
