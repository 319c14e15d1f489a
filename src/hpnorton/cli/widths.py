"""The width of texts on a terminal, and texts cut, padded and wrapped to a width."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import chain

from hpnorton.lazy import lazy_imports

with lazy_imports():
    from rich import cells

_NUMBER_AT_END = re.compile(r"[-+\d.,:/]*\d[-+.,:/]*$")
_NUMBER_GOES_ON = re.compile(r"[-+.,:/]?\d")
_AFTER_SLASH = re.compile(r"(?<=/)(?=[^/])")
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"  # makes a narrow character a wide one
_JOINING_JAMO = ("\u1160", "\u11ff")  # the vowels and finals of a decomposed Hangul syllable


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes at most.

    A wide character takes two. Terminals differ about emoji of several parts: this is the width
    if each part is shown separately.
    """
    return len(text) if text.isascii() else sum(map(_width_of_char, text))


@cache
def _width_of_char(char: str) -> int:
    if char == _EMOJI_STYLE:
        return 1
    if unicodedata.category(char) in ("Mn", "Me") or _JOINING_JAMO[0] <= char <= _JOINING_JAMO[1]:
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def cut(text: str, width: int) -> str:
    """Return a text in at most `width` columns; one that is cut ends with an ellipsis.

    A number or a date in it stays whole or is cut off.
    """
    if width_of(text) <= width:
        return text
    kept = _pieces(text, width - 1, 1)[0] if width > 1 else ""
    if _NUMBER_GOES_ON.match(text, len(kept)) and (broken := _NUMBER_AT_END.search(kept)):
        kept = kept[: broken.start()]
    return f"{kept}…"


def pad(text: str, width: int, *, is_right: bool, is_safe: bool) -> str:
    """Return a text cut or filled up to a width, which it has on most terminals.

    With `is_safe` no terminal needs more, and some show fewer columns.
    """
    text = cut(text, width)
    blanks = " " * (width - (width_of(text) if is_safe else _usual_width(text)))
    return blanks + text if is_right else text + blanks


def _usual_width(text: str) -> int:
    """Return how many columns a text takes on a terminal that joins the parts of a character."""
    if text.isascii():
        return len(text)
    return cells.cell_len(text)


def wrap(words: Iterable[str], width: int) -> list[str]:
    """Wrap words into lines of at most `width` columns; break those that are wider.

    A path is broken after a slash, if that is possible.
    """
    lines = [""]
    for word in chain.from_iterable(_parts(word, width) for word in words):
        if width_of(lines[-1]) + width_of(word.rstrip()) <= width:
            lines[-1] += word
            continue
        if lines == [""]:
            lines = []
        lines += _pieces(word, width)
    return [line.rstrip() for line in lines]


def _parts(word: str, width: int) -> list[str]:
    """Return a word, or its parts between slashes if it is too wide."""
    return [word] if width_of(word) <= width else _AFTER_SLASH.split(word)


def _pieces(text: str, width: int, limit: int | None = None) -> list[str]:
    """Cut a text into pieces of at most `width` columns (a wide character may need two).

    With `limit` return only so many pieces, without the rest.
    """
    pieces: list[str] = []
    start = taken = 0
    for index, char in enumerate(text):
        taken += _width_of_char(char)
        if taken > width and index > start:
            pieces.append(text[start:index])
            if len(pieces) == limit:
                return pieces
            start, taken = index, _width_of_char(char)
    return [*pieces, text[start:]]
