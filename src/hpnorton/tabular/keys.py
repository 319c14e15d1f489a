"""The text of a key: what nobody sees is taken from its ends, and must not be inside it.

Keys are typed at the counter, scanned, and compared between files. So C1, C1 with a blank or a
zero-width space behind it, and C1 after a byte order mark are one key. See docs/values.md.
"""

import re
import unicodedata
from collections.abc import Sequence

from hpnorton.tabular import marks

# Zs and Zl separate, Cf formats, Cc controls: none of them has a shape of its own.
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cf", "Cc"))
# Fillers, blank patterns and variation selectors, which have none either, but other categories.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# The bytes of characters that stand for themselves in NFC whatever is beside them: ASCII, Latin,
# Cyrillic, most of Greek, and the ideographs from U+4000 to U+9FFF.
_ALWAYS_COMPOSED = bytes([*range(0xCC), 0xCF, 0xD0, 0xD1, *range(0xE4, 0xEA)])
_CONTROLS = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x7f": "DELETE"}


class KeyTextError(ValueError):
    """A text that cannot be a key, with the reason."""


def composed(text: str) -> str:
    """A text in Unicode's normal form NFC: Å is one character, and not A with a ring above it."""
    return text if is_composed(text) else unicodedata.normalize("NFC", text)


def is_composed(text: str) -> bool:
    """Whether a text is in NFC."""
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def is_composed_utf8(data: bytes) -> bool:
    """Whether a text, given in UTF-8 (with other bytes in it, perhaps), is surely in NFC.

    Most are, and this takes half the time of asking for each character.
    """
    return data.isascii() or not data.translate(None, _ALWAYS_COMPOSED)


def is_invisible(char: str) -> bool:
    """Whether a character is blank or has no shape at all."""
    return unicodedata.category(char) in _INVISIBLE or _FILLERS.match(char) is not None


def has_invisible(text: str) -> bool:
    """Whether a text holds any such character but for plain blanks."""
    return not text.isprintable() or (not text.isascii() and _FILLERS.search(text) is not None)


def trimmed(text: str) -> str:
    """A text without invisible characters at its ends."""
    start, end = 0, len(text)
    while start < end and is_invisible(text[start]):
        start += 1
    while start < end and is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def clean(text: str) -> str:
    """The key that a text stands for. Raises KeyTextError.

    It is in NFC, without invisible characters at its ends, and with plain blanks for other ones.
    """
    text = trimmed(composed(text))
    if not has_invisible(text):
        return text
    text = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    for char in text:
        if char != " " and is_invisible(char):
            raise KeyTextError(f"holds the invisible character {name_of(char)}; take it out")
    return text


def are_clean(texts: Sequence[str]) -> bool:
    """Whether all of some texts in NFC are surely keys as they stand: one look is enough for most.

    Those that may be a spreadsheet's mark, or begin with one, are not.
    """
    joined = "".join(texts)
    if has_invisible(joined) or marks.may_be_among(texts, joined):
        return False
    return " " not in joined or all(text == text.strip(" ") for text in texts)


def name_of(char: str) -> str:
    """A character that nobody sees, as a message names it."""
    name = _CONTROLS.get(char) or unicodedata.name(char, "control character")
    return f"U+{ord(char):04X} {name}"


def unseen(text: str) -> str | None:
    """The first invisible character of a text but for blanks between others, by name, if any."""
    inner = trimmed(text)
    at_the_ends = text.partition(inner) if inner else (text, "", "")
    for char in (*at_the_ends[0], *at_the_ends[2]):
        return name_of(char)
    return next((name_of(char) for char in inner if char != " " and is_invisible(char)), None)


def folded(text: str) -> str:
    """A key without regard to case."""
    return composed(text).casefold()
