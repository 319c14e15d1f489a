"""The text of a key: invisible characters are removed from its ends, and not allowed inside.

Keys are typed at the counter, scanned, and compared between files. So C1, C1 followed by a blank or
a zero-width space, and C1 after a byte order mark are one key. See docs/values.md.
"""

import re
import unicodedata
from collections.abc import Sequence

from hpnorton.tabular import marks

# Categories of invisible characters: separators, formats and controls.
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cf", "Cc"))
# Invisible characters of other categories: fillers, blank patterns and variation selectors.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# The bytes of characters that are in NFC in any context: ASCII, Latin, Cyrillic, most of Greek,
# and the ideographs from U+4000 to U+9FFF.
_ALWAYS_NFC = bytes([*range(0xCC), 0xCF, 0xD0, 0xD1, *range(0xE4, 0xEA)])
_CONTROLS = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x7f": "DELETE"}


class KeyTextError(ValueError):
    """A text cannot be a key, for the reason given."""


def to_nfc(text: str) -> str:
    """Return a text in Unicode's normal form NFC: Å is one character, not A and a ring."""
    return text if is_nfc(text) else unicodedata.normalize("NFC", text)


def is_nfc(text: str) -> bool:
    """Return whether a text is in NFC."""
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def is_surely_nfc(data: bytes) -> bool:
    """Return whether a text in UTF-8 has only characters that are always in NFC.

    Most texts are, and this takes half the time of `is_nfc`.
    """
    return data.isascii() or not data.translate(None, _ALWAYS_NFC)


def is_invisible(char: str) -> bool:
    """Return whether a character is blank or invisible."""
    return unicodedata.category(char) in _INVISIBLE or _FILLERS.match(char) is not None


def has_invisible(text: str) -> bool:
    """Return whether a text holds any invisible character other than plain blanks."""
    return not text.isprintable() or (not text.isascii() and _FILLERS.search(text) is not None)


def trim(text: str) -> str:
    """Return a text without invisible characters at its ends."""
    start, end = 0, len(text)
    while start < end and is_invisible(text[start]):
        start += 1
    while start < end and is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def to_key(text: str) -> str:
    """Return a text as a key. Raises KeyTextError.

    A key is in NFC, without invisible characters at its ends, and all its blanks are plain ones.
    """
    text = trim(to_nfc(text))
    if not has_invisible(text):
        return text
    text = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    for char in text:
        if char != " " and is_invisible(char):
            raise KeyTextError(f"holds the invisible character {character_name(char)}; remove it")
    return text


def are_valid_keys(texts: Sequence[str]) -> bool:
    """Return whether texts in NFC are surely keys without any change.

    Texts that may be a spreadsheet's mark, or begin with one, are not.
    """
    joined = "".join(texts)
    if has_invisible(joined) or marks.may_be_among(texts, joined):
        return False
    return " " not in joined or all(text == text.strip(" ") for text in texts)


def character_name(char: str) -> str:
    """Return the name of an invisible character for messages."""
    name = _CONTROLS.get(char) or unicodedata.name(char, "control character")
    return f"U+{ord(char):04X} {name}"


def first_invisible(text: str) -> str | None:
    """Return the name of the first invisible character; plain blanks count only at the ends."""
    inner = trim(text)
    at_the_ends = text.partition(inner) if inner else (text, "", "")
    for char in (*at_the_ends[0], *at_the_ends[2]):
        return character_name(char)
    return next(
        (character_name(char) for char in inner if char != " " and is_invisible(char)), None
    )


def fold_case(text: str) -> str:
    """Return a key without regard to case."""
    return to_nfc(text).casefold()
