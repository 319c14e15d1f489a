"""Patterns of a data package, matched within a bounded time.

The time of an expression such as (a+)+b doubles with each letter of a text that it does not match,
and such patterns can only be recognized by trying.

The syntax is that of Python's re, with the categories and blocks of XML Schema: \\p{L}, \\P{Nd},
\\p{IsGreek}. The regex package, which matches them, has extensions of its own, such as {e<=1} for a
text with one error or [:alpha:] within brackets; these are escaped, as data packages do not use
them.
"""

import re
import warnings
from functools import cache

import regex

from hpnorton.errors import SchemaError
from hpnorton.sanitize import quoted

MAX_SECONDS = 2.0  # good patterns take microseconds

_TOKEN = re.compile(
    r"(?P<category>\\[pP])\{(?P<name>[^{}]*)\}"
    r"|(?P<whole>\\N\{[^{}]*\}|\\.)"
    r"|(?P<count>\{[0-9]*(?:,[0-9]*)?\})"
    r"|.",
    re.DOTALL,
)


@cache
def compiled(pattern: str) -> "regex.Pattern[str]":
    """Compile a pattern. Raises ValueError if it is invalid.

    Python's warnings about patterns such as [[a], whose meaning may change, are suppressed: users
    who import a file did not write its data package.
    """
    if not isinstance(pattern, str):
        raise ValueError(f"the pattern {pattern!r} is not text")
    translated, plain = _translated(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(plain)
            return regex.compile(translated, regex.VERSION0)
    except (re.error, regex.error) as error:
        raise ValueError(
            f"the pattern {quoted(pattern)} is not a regular expression: {error}"
        ) from error


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern matches the whole of a text, in any thread.

    Raises SchemaError if it takes longer than MAX_SECONDS.
    """
    try:
        return compiled(pattern).fullmatch(text, timeout=MAX_SECONDS) is not None
    except TimeoutError:
        raise SchemaError(
            f"the pattern {quoted(pattern)} takes more than {MAX_SECONDS:g} s to match the text "
            f"{quoted(text)}; write it without a repetition within a repetition"
        ) from None


def _translated(pattern: str) -> tuple[str, str]:
    """Return the pattern for regex, with its extensions escaped, and for re, without categories."""
    translated, plain, in_brackets, first = [], [], False, -1
    for at, token in enumerate(_TOKEN.finditer(pattern)):
        text = token[0]
        if token["category"]:
            name = token["name"]
            block = f"Block={name[2:]}" if name.startswith("Is") else name
            translated.append(f"{token['category']}{{{block}}}")
            plain.append(r"\w")
            continue
        plain.append(text)
        if in_brackets:
            is_first = at == first or (at == first + 1 and pattern[token.start() - 1] == "^")
            in_brackets = text != "]" or is_first
            text = r"\[" if text == "[" else text
        elif text == "[":
            in_brackets, first = True, at + 1
        elif text == "{":  # not a count, so a literal
            text = r"\{"
        translated.append(text)
    return "".join(translated), "".join(plain)
