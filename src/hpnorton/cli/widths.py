"""How wide texts are on a terminal; cut, padded and wrapped to a width."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import chain

_NUMBER_AT_END = re.compile(r"[-+\d.,:/]*\d[-+.,:/]*$")
_NUMBER_GOES_ON = re.compile(r"[-+.,:/]?\d")
_BEHIND_A_SLASH = re.compile(r"(?<=/)(?=[^/])")
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"  # makes a narrow character a wide one
_JOINING_JAMO = ("\u1160", "\u11ff")  # the vowels and finals of a decomposed Hangul syllable


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes at most.

    Two for each wide character. Where terminals differ, as about the parts of an emoji, it is what
    those take that show each part for itself.
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
    """A text that takes no more than `width` columns; one that is cut ends with an ellipsis.

    A number or a date in it is there as a whole, or not at all.
    """
    if width_of(text) <= width:
        return text
    kept = _pieces(text, width - 1, 1)[0] if width > 1 else ""
    if _NUMBER_GOES_ON.match(text, len(kept)) and (broken := _NUMBER_AT_END.search(kept)):
        kept = kept[: broken.start()]
    return f"{kept}…"


def padded(text: str, width: int, *, is_right: bool, is_safe: bool) -> str:
    """A text, cut and with blanks, of a width; `is_safe` says that no terminal may need more."""
    text = cut(text, width)
    blanks = " " * (width - (width_of(text) if is_safe else _usual_width(text)))
    return blanks + text if is_right else text + blanks


def _usual_width(text: str) -> int:
    """How many columns a text takes on a terminal that puts the parts of a letter together."""
    if text.isascii():
        return len(text)
    # pylint: disable-next=import-outside-toplevel # rich is slow to import, and seldom needed here
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(words: Iterable[str], width: int) -> list[str]:
    """Lines of at most `width` columns; a word that is wider goes on in the next line.

    A path goes on behind a slash, where that is possible.
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
    """A word, or what stands between the slashes of one that is too wide."""
    return [word] if width_of(word) <= width else _BEHIND_A_SLASH.split(word)


def _pieces(text: str, width: int, most: int | None = None) -> list[str]:
    """A text in pieces of at most `width` columns (a wide character alone may take two).

    With `most` only so many pieces, and not the rest.
    """
    pieces: list[str] = []
    start = taken = 0
    for at, char in enumerate(text):
        taken += _width_of_char(char)
        if taken > width and at > start:
            pieces.append(text[start:at])
            if len(pieces) == most:
                return pieces
            start, taken = at, _width_of_char(char)
    return [*pieces, text[start:]]
