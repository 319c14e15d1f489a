"""Texts from outside as they may be shown: no secrets, and nothing that a terminal would obey."""

import re

from hpnorton.settings import MONGO_PREFIXES, SQLITE_PREFIX, redact

_STARS = "***"
_SHOWN_CHARACTERS = 60
_LINE_CHARACTERS = 4000
_QUERY_PART = re.compile(r"(?<=[?&#;])[^&#;]+")
_OTHERWISE = re.compile(r"(?:[^\x00-\x7f]|[sS]{2,}|\A[sS]|[sS]\Z)+")
_URL = re.compile(r"(?:[\w+.:-]{1,40}://|mongodb(?:\+srv)?:)\S+")


def readable(text: str) -> str:
    """A text in which bytes that were not UTF-8 (see chunks.read_blocks) show as \\xNN."""
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a character, which JSON may hold, but no file
        data = text.encode(errors="backslashreplace")
    return data.decode(errors="backslashreplace")


def printable(text: str) -> str:
    """A text on one line, without characters that a terminal would obey.

    These are control characters, and those that turn the direction of writing or are invisible.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, noun: str) -> str:
    """A number of things, such as 1 row, or 2 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quoted(text: str) -> str:
    """A text as a message quotes it: printable, and not for ever."""
    more = "..." if len(text) > _SHOWN_CHARACTERS else ""
    return f'"{printable(readable(text[:_SHOWN_CHARACTERS]))}{more}"'


def alike_parts(text: str) -> list[str]:
    """The parts of a text that stand in every text of the same letters in any case.

    But for the case of ASCII letters, which all databases know. Between the parts may be anything:
    there one writes otherwise than another, with letters beyond ASCII, or with ss in place of ß, of
    which an s at either end may be a half.
    """
    return _OTHERWISE.split(text)


def without_secrets(url: str) -> str:
    """A URL of any kind as it may be shown: without a password, a token or a signature.

    A signed URL of a file may be signed in any part of its query, so all of that is hidden.
    """
    if url.startswith((*MONGO_PREFIXES, SQLITE_PREFIX)):
        return redact(url)
    shown = redact(url)
    query = re.search("[?#]", shown)
    at = query.start() if query else len(shown)
    return shown[:at] + _QUERY_PART.sub(_hidden, shown[at:])


def _hidden(part: re.Match[str]) -> str:
    """A part of a query, NAME=VALUE or VALUE; one that is hidden already stays as it is."""
    name, sign, value = part[0].partition("=")
    if (value or name).startswith(_STARS):
        return part[0]
    return f"{name}{sign}{_STARS}" if sign else _STARS


def tellable(text: str) -> str:
    """A message, which may quote anything, as it may be shown: see printable, without_secrets.

    Its lines remain, but do not go on for ever.
    """
    text = _URL.sub(lambda found: without_secrets(found[0]), text)
    return "\n".join(map(_cut, text.split("\n")))


def _cut(line: str) -> str:
    more = "..." if len(line) > _LINE_CHARACTERS else ""
    return printable(line[:_LINE_CHARACTERS]) + more
