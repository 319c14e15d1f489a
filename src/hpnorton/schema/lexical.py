"""The text forms of values, as the Table Schema standard defines them.

https://datapackage.org/standard/table-schema/, which takes numbers, years, and dates with times
from XML Schema (https://www.w3.org/TR/xmlschema-2/). Python's int, float, strptime and
fromisoformat accept more: digits of other scripts, underscores, weeks. docs/values.md lists the
forms.
"""

import math
import re
from datetime import date, datetime, time, timedelta
from functools import cache

INT64 = range(-(2**63), 2**63)
_INT64_DIGITS = len(str(INT64.stop))
MAX_EXACT = 2**53  # up to which a number of 64 bits holds every whole number
SURELY_EXACT = 15  # digits
_NOT_FINITE = ("nan", "inf", "-inf", "+inf")
_SIGN_OR_DIGIT = re.compile("[-+0-9]")
_DIGITS = "0123456789"
_YEAR = re.compile("-?(?:[1-9][0-9]{3,}|0[0-9]{3})")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile("[0-9]{2}:[0-9]{2}:[0-9]{2}")
_DATETIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?"
    r"(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
)
_MIDNIGHT = "24:00:00"
_MAX_OFFSET = timedelta(hours=14)
_STORED_TIME = re.compile(rf"{_TIME.pattern}(?:\.[0-9]{{6}})?(?:[+-][0-9]{{2}}:[0-9]{{2}})?")


class FormError(ValueError):
    """A text does not have the form of a type, for a reason that deserves its own message."""


@cache
def _number_form(decimal_char: str, group_char: str) -> "re.Pattern[str]":
    """Return the pattern of a number; of an integer if `decimal_char` is empty."""
    digits = f"[0-9](?:{re.escape(group_char)}?[0-9])*" if group_char else "[0-9]+"
    if not decimal_char:
        return re.compile(f"[+-]?{digits}")
    point = re.escape(decimal_char)
    return re.compile(
        rf"[+-]?(?:{digits}(?:{point}(?:{digits})?)?|{point}{digits})(?:[eE][+-]?[0-9]+)?"
    )


def integer(text: str, group_char: str = "", *, is_bare: bool = True) -> int:
    """Return a whole number of 64 bits. Raises ValueError."""
    if len(text) < _INT64_DIGITS and text.isdecimal() and text.isascii():
        return int(text)
    plain = text if is_bare else bare(text, "")
    if not _number_form("", group_char).fullmatch(plain):
        raise ValueError(text)
    plain = plain.replace(group_char, "") if group_char else plain
    digits = plain.lstrip("+-0") or "0"
    value = int(plain[0].strip(_DIGITS) + digits) if len(digits) <= _INT64_DIGITS else INT64.stop
    if value not in INT64:
        raise FormError(
            "is not a whole number of at most 64 bits, which databases hold; describe the field as "
            "a string"
        )
    return value


def number(
    text: str, decimal_char: str = ".", group_char: str = "", *, is_bare: bool = True
) -> float:
    """Return a number as the nearest 64-bit float. Raises ValueError."""
    if text.lower() in _NOT_FINITE:
        raise FormError(
            "is not a finite number, and databases hold only finite ones; list it in "
            "missingValues if it means null"
        )
    plain = text if is_bare else bare(text, decimal_char)
    if not _number_form(decimal_char, group_char).fullmatch(plain):
        raise ValueError(text)
    plain = plain.replace(group_char, "") if group_char else plain
    value = float(plain.replace(decimal_char, "."))
    if not math.isfinite(value):
        raise FormError("is a number beyond 1.8e308, which databases do not hold")
    return value + 0.0  # -0.0 and 0.0 are the same key in one database, and two in another


def is_rounded(text: str) -> bool:
    """Return whether a number has so many digits before the point that a database rounds it."""
    digits = re.sub("[^0-9].*", "", text.lstrip("+-0"))
    return len(digits) > SURELY_EXACT and int(float(digits)) != int(digits)


def bare(text: str, decimal_char: str) -> str:
    """Return the text from the first digit or sign to the last digit.

    A decimal character right before the first digit belongs to the number, unless a letter is
    before it (Fr.5). A regular expression would take quadratic time for a long cell.
    """
    first = _SIGN_OR_DIGIT.search(text)
    start, end = first.start() if first else len(text), len(text)
    while end and text[end - 1] not in _DIGITS:
        end -= 1
    if text[end:].strip() == "-":
        raise FormError("has its minus sign behind it; write it before the number")
    before = start - len(decimal_char)
    if decimal_char and first and first[0] in _DIGITS and text[:start].endswith(decimal_char):
        if not text[before - 1 : before].isalpha():
            start = before
    if any(char > "\x7f" and char.isdecimal() for char in text[:start] + text[end:]):
        raise ValueError(text)
    return text[start:end]


def year(text: str) -> int:
    """Return a year: XML Schema's gYear without a time zone. Raises ValueError."""
    if not _YEAR.fullmatch(text) or not text.strip("-0"):  # there is no year 0000
        raise ValueError(text)
    return integer(text)


def written_year(value: int) -> str:
    """Return a year as text of at least four digits."""
    return f"{'-' if value < 0 else ''}{abs(value):04}"


def day(text: str) -> str:
    """Return a date YYYY-MM-DD. Raises ValueError."""
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text).isoformat()


def time_of_day(text: str) -> str:
    """Return a time hh:mm:ss. Raises ValueError."""
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    return time.fromisoformat(text).isoformat()


def stored_time(text: str) -> str:
    """Return a stored time, which may have a fraction and an offset. Raises ValueError."""
    if not _STORED_TIME.fullmatch(text):
        raise ValueError(text)
    return time.fromisoformat(text).isoformat()


def moment(text: str) -> str:
    """Return a date and time, XML Schema's dateTime, to microseconds. Raises ValueError."""
    found = _DATETIME.fullmatch(text)
    if not found:
        raise ValueError(text)
    date_text, time_text, fraction, offset = found.groups()
    if time_text == _MIDNIGHT and not (fraction or "").strip(".0"):
        midnight = datetime.fromisoformat(f"{date_text}T00:00:00{offset or ''}")
        try:
            return (midnight + timedelta(days=1)).isoformat()
        except OverflowError:
            raise ValueError(text) from None
    parts = (date_text, "T", time_text, (fraction or "")[: len(".123456")], offset or "")
    return datetime.fromisoformat("".join(parts)).isoformat()


def by_format(text: str, form: str) -> datetime:
    """Parse a date or time in a format of strptime with ASCII digits and blanks."""
    if not text.isascii() and any(c > "\x7f" and (c.isdecimal() or c.isspace()) for c in text):
        raise ValueError(text)
    value = datetime.strptime(text, form)
    offset = value.utcoffset()
    if offset is not None and (abs(offset) > _MAX_OFFSET or offset % timedelta(minutes=1)):
        raise ValueError(text)
    return value


def time_by_format(text: str, form: str) -> str:
    """Parse a time in a format of strptime; a fraction is kept if the format has one."""
    has_fraction = "%f" in form.replace("%%", "")
    value = by_format(text, form).timetz()
    return value.isoformat("microseconds" if has_fraction else "auto")


def format_of_stored_times(form: str) -> str:
    """Return the format in which times of a format are stored."""
    codes = form.replace("%%", "")
    written = f"%H:%M:%S{'.%f' if '%f' in codes else ''}{'%z' if '%z' in codes else ''}"
    return "default" if written == "%H:%M:%S" else written
