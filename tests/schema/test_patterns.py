"""Patterns: the syntax of a data package's expressions, and that none takes for ever."""

import re
import threading
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import SchemaError
from hpnorton.schema.patterns import compiled, matches

PARTS = st.sampled_from(
    [*"ab[]^-{}1,()?*+|.:$\\", r"\d", r"\[", "(?:", "(?i)", "&&", "{1}", "{e<=1}", "[:", "--"]
)


@given(st.lists(PARTS, max_size=8).map("".join), st.text("ab[]{}1^-:e<=", max_size=4))
def test_a_pattern_means_what_python_says(pattern: str, text: str) -> None:
    """Also where the regex package knows more: fuzzy matching, [:classes:], differences of sets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            wanted = re.compile(pattern)
        except re.error:
            with pytest.raises(ValueError, match="is not a regular expression"):
                compiled(pattern)
            return
    assert matches(pattern, text) == (wanted.fullmatch(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\p{Lu}{2}\p{Nd}+", "ÄB12"),
        (r"[\p{IsGreek}-]+", "αβ-γ"),
        (r"\P{L}+", "1 2"),
        (r"a{e<=1}", "a{e<=1}"),
        (r"[[:alpha:]]", "a]"),
        (r"\N{LATIN SMALL LETTER A}", "a"),
    ],
)
def test_what_a_pattern_matches(pattern: str, text: str) -> None:
    """XML Schema's categories and blocks are known; what only the regex package knows is text."""
    assert matches(pattern, text)
    assert not matches(pattern, f"é{text}")


@pytest.mark.parametrize(
    "pattern", ["(", r"\p{NoSuch}", "(?V1)a", "(?e)a", "(?r)a", "[b-a]", r"\z"]
)
def test_what_is_no_pattern(pattern: str) -> None:
    """It is an error before anything is matched."""
    with pytest.raises(ValueError, match="is not a regular expression"):
        compiled(pattern)


def test_a_pattern_that_takes_too_long_is_stopped_in_any_thread() -> None:
    """The error has the pattern and the text."""
    raised: list[SchemaError] = []

    def match() -> None:
        try:
            matches("(a+)+b|(a|a)*c", "a" * 60)
        except SchemaError as error:
            raised.append(error)

    thread = threading.Thread(target=match)
    thread.start()
    match()
    thread.join()
    assert [str(error)[:59] for error in raised] == [
        'the pattern "(a+)+b|(a|a)*c" takes more than 2 s to match t'
    ] * 2
