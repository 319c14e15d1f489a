"""Patterns of a data package, matched within a bounded time.

An expression such as (a+)+b takes twice as long for each letter more of a text that it does not
match. Nothing short of trying tells such patterns from good ones.

The syntax is that of Python's re, with the categories and blocks of XML Schema: \\p{L}, \\P{Nd},
\\p{IsGreek}. The regex package, which matches them, has more of its own, such as {e<=1} for a text
with one error or [:alpha:] within brackets: nobody who wrote a data package has meant that.
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
    """A pattern, compiled. Raises ValueError if it is none.

    Of one such as [[a] Python warns that it might mean something else one day. Whoever imports a
    file has not written it, so it is not reported.
    """
    if not isinstance(pattern, str):
        raise ValueError(f"the pattern {pattern!r} is no text")
    translated, plain = _translated(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(plain)
            return regex.compile(translated, regex.VERSION0)
    except (re.error, regex.error) as error:
        raise ValueError(f"the pattern {quoted(pattern)} is no expression: {error}") from error


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern matches the whole of a text.

    Raises SchemaError if it takes longer than MAX_SECONDS, in whichever thread.
    """
    try:
        return compiled(pattern).fullmatch(text, timeout=MAX_SECONDS) is not None
    except TimeoutError:
        raise SchemaError(
            f"the pattern {quoted(pattern)} takes more than {MAX_SECONDS:g} s to match the text "
            f"{quoted(text)}; write it without a repetition within a repetition"
        ) from None


def _translated(pattern: str) -> tuple[str, str]:
    """The pattern for regex, which reads it as re does, and for re, which knows no categories."""
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
        elif text == "{":  # no count, so it stands for itself
            text = r"\{"
        translated.append(text)
    return "".join(translated), "".join(plain)
