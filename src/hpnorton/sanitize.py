"""Untrusted text as it may be shown: without secrets and without control characters."""

import re

from hpnorton.settings import MONGO_PREFIXES, SQLITE_PREFIX, redact

_STARS = "***"
_SHOWN_CHARACTERS = 60
_LINE_CHARACTERS = 4000
_QUERY_PART = re.compile(r"(?<=[?&#;])[^&#;]+")
_CASE_DIFFERS = re.compile(r"(?:[^\x00-\x7f]|[sS]{2,}|\A[sS]|[sS]\Z)+")
_URL = re.compile(r"(?:[\w+.:-]{1,40}://|mongodb(?:\+srv)?:)\S+")


def readable(text: str) -> str:
    """Return a text in which bytes that were not UTF-8 are written as \\xNN."""
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON may hold, but no file
        data = text.encode(errors="backslashreplace")
    return data.decode(errors="backslashreplace")


def printable(text: str) -> str:
    """Return a text on one line, with an escape for each character that a terminal would obey.

    These are control characters, invisible ones, and those that change the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as 1 row, or 2,000 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quoted(text: str) -> str:
    """Return a text as a message quotes it: printable and cut to a readable length."""
    more = "..." if len(text) > _SHOWN_CHARACTERS else ""
    return f'"{printable(readable(text[:_SHOWN_CHARACTERS]))}{more}"'


def caseless_parts(text: str) -> list[str]:
    """Split a text where databases differ about upper and lower case.

    Every text that equals it, whatever the case, contains the parts in this order; databases can
    search for them, as all know the case of ASCII letters. Left out are letters beyond ASCII, and
    ss, which may be ß; an s at either end may be half of one. Example: "Große Str" gives
    ["Gro", "e Str"].
    """
    return _CASE_DIFFERS.split(text)


def redact_url(url: str) -> str:
    """Return a URL of any kind without its password, token or signature.

    Any part of the query of a file's URL may be a signature, so all of them are hidden.
    """
    if url.startswith((*MONGO_PREFIXES, SQLITE_PREFIX)):
        return redact(url)
    shown = redact(url)
    query = re.search("[?#]", shown)
    at = query.start() if query else len(shown)
    return shown[:at] + _QUERY_PART.sub(_hidden, shown[at:])


def _hidden(part: re.Match[str]) -> str:
    """Hide the value in a part of a query, NAME=VALUE or VALUE, unless it is hidden already."""
    name, sign, value = part[0].partition("=")
    if (value or name).startswith(_STARS):
        return part[0]
    return f"{name}{sign}{_STARS}" if sign else _STARS


def sanitize_message(text: str) -> str:
    """Return a message that may quote untrusted text as it may be shown, on the same lines.

    See printable() and redact_url(); very long lines are cut.
    """
    text = _URL.sub(lambda found: redact_url(found[0]), text)
    return "\n".join(map(_cut, text.split("\n")))


def _cut(line: str) -> str:
    more = "..." if len(line) > _LINE_CHARACTERS else ""
    return printable(line[:_LINE_CHARACTERS]) + more
