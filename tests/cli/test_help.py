"""Help for one flag, and suggestions for mistyped ones."""

import pytest

from hpnorton.errors import did_you_mean
from tests.helpers.commandline import CommandLine
from tests.helpers.terminal import ended_on_terminal


@pytest.mark.parametrize("asked", [["--rent", "--help"], ["help", "rent"], ["-h", "--rent=C1"]])
def test_help_of_an_action(hpnorton: CommandLine, asked: list[str]) -> None:
    """The help names the values, the flags that go with the action, and no others."""
    done = hpnorton(*asked)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("usage: HPNorton.py --rent USER_ID PRODUCT_ID [OPTION ...]\n")
    assert "rent a product to a customer" in done.out
    assert "--due YYYY-MM-DD" in done.out
    assert "--reason" not in done.out and "--linear" not in done.out


def test_help_of_a_flag_that_is_no_action(hpnorton: CommandLine) -> None:
    """The help names the actions that the flag goes with; an action wins over a flag before it."""
    shown = hpnorton("--due", "--help").out
    assert shown.startswith("usage: HPNorton.py --rent ... --due YYYY-MM-DD [OPTION ...]\n")
    assert "--rent USER_ID PRODUCT_ID" in shown
    shown = hpnorton("--format", "json", "--overdue", "--help").out
    assert shown.startswith("usage: HPNorton.py --overdue [OPTION ...]\n")
    assert hpnorton("--format", "--help").out.startswith(
        "usage: HPNorton.py ACTION ... --format {table,json,jsonl,csv} [OPTION ...]\n"
    )


def test_help_of_all(hpnorton: CommandLine) -> None:
    """The word help alone is --help; as the value of a flag it is not special."""
    assert hpnorton("help").out == hpnorton("--help").out == hpnorton("-h", "--no-pager").out
    assert hpnorton("--linear", "help").err.startswith("Error: there is no file help")
    assert "usage" not in hpnorton("--find=--help").out
    assert "did you mean" not in hpnorton("--linear", "--", "--help").err


def test_help_goes_through_the_pager(hpnorton: CommandLine) -> None:
    """On a terminal help goes through the pager, but not with --no-pager."""
    pager = {"PAGER": "head -n 1"}
    assert ended_on_terminal(hpnorton, "--help", environment=pager) == (
        0,
        "usage: HPNorton.py ACTION [OPTION ...]\n",
    )
    assert len(ended_on_terminal(hpnorton, "help", "--no-pager", environment=pager)[1]) > 5000


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--availabel-products"], "did you mean --available-products? 'HPNorton.py --help'"),
        (["--avail"], "did you mean --available-products?"),
        (["--All-Products"], "did you mean --all-products?"),
        (["--linear", "--dryrun"], "did you mean --dry-run?"),
        (["--formt=csv", "--overdue"], "did you mean --format?"),
        (["rent", "C1", "P1"], "unrecognized arguments: rent C1 P1; did you mean --rent?"),
        (["—rent", "C1", "P1"], "did you mean --rent?"),
        (["customers"], "did you mean --all-customers or --customers-renting-product?"),
        (["help", "rnt"], "there is no flag --rnt; did you mean --rent?"),
        (["--format", "tabel", "--overdue"], "(choose from table, json, jsonl, csv); did you mean"),
        (["--format", "tabel", "--overdue"], "'table'? 'HPNorton.py --format --help'"),
        (["--dataset", "tset", "--overdue"], "has: test, production; did you mean 'test'?"),
        (["--rent", "C1"], "expected 2 arguments; 'HPNorton.py --rent --help' shows its use"),
    ],
)
def test_what_may_have_been_meant(hpnorton: CommandLine, arguments: list[str], meant: str) -> None:
    """For an unknown flag, choice or dataset the message suggests the nearest one."""
    done = hpnorton(*arguments)
    assert done.status == 2
    assert meant in done.err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--fields", "customer"], "did you mean 'customers'?"),
        (["--quality", "products"], "did you mean 'product'?"),
        (["--add", "costumers", "user_id=C1"], "did you mean 'customers'?"),
        (["--edit", "customers", "C000001", "phone=1"], "did you mean 'Phone_number'?"),
        (["--edit", "customers", "C000001", "name=A"], "did you mean 'Name'?"),
    ],
)
def test_what_is_in_the_database(hpnorton: CommandLine, arguments: list[str], meant: str) -> None:
    """For an unknown collection or field the message suggests the nearest one."""
    assert hpnorton("--linear").status == 0
    assert meant in hpnorton(*arguments).err


@pytest.mark.parametrize("arguments", [["--rent", "C1", "P1", "rent"], ["--zzz"], ["zzz"]])
def test_nothing_is_suggested_for_what_is_like_nothing(
    hpnorton: CommandLine, arguments: list[str]
) -> None:
    """One value too many is not taken for a flag, and some words are similar to none."""
    done = hpnorton(*arguments)
    assert done.status == 2
    assert "unrecognized arguments" in done.err and "did you mean" not in done.err


def test_too_many_are_no_suggestion() -> None:
    """A word that is part of many known words suggests at most the nearest one."""
    known = [f"column_{letter}" for letter in "abcdef"]
    assert did_you_mean("column", known) in {f"; did you mean {each!r}?" for each in known}
    assert did_you_mean("umn", known) == did_you_mean("", known) == did_you_mean("x", []) == ""
