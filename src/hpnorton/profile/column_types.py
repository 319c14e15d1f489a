"""What a column of text seems to hold: the kind of its cells, the lowest and the highest value.

A kind is a type of the Data Package standard, and every cell is one that an import would read as
that. Codes such as 007 are strings, since a number would lose their zeros, and so are digits that a
database would round. Dates may be written 2026-12-01 or, as the guess's format says, 12/01/2026.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any

from hpnorton.schema import lexical
from hpnorton.schema.field import Field
from hpnorton.schema.lexical import INT64
from hpnorton.schema.stored import Value, instant

_INTEGER = r"-?(?:0|[1-9][0-9]*)"
_NUMBER = rf"(?:{_INTEGER}(?:\.[0-9]*)?|-?\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_AMERICAN = re.compile("([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
DEFAULT = "default"
_AMERICAN_FORMAT = "%m/%d/%Y"
_BLANK_FORMAT = "%Y-%m-%d %H:%M:%S"
_WITH_BLANK = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_WORDS = {
    word: value
    for value, words in ((True, Field.true_values), (False, Field.false_values))
    for word in words
    if not word.isdecimal()
}
_MOST_DIGITS = 19  # of an integer that 64 bits hold
_REMEMBERED = 2**16  # days: those of 179 years


class Kind(StrEnum):
    """What all filled cells of a column are."""

    EMPTY = "empty"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    STRING = "string"


@dataclass(frozen=True)
class Guess:
    """The kind of some cells, and what to sort their lowest and highest value by; see `shown`.

    A string's are None: its texts are sorted as they are. `format` is that of dates, and of dates
    and times: what a field's format has to be.
    """

    kind: Kind = Kind.EMPTY
    low: Any = None
    high: Any = None
    format: str = DEFAULT

    def merge(self, other: "Guess") -> "Guess":
        """What both kinds of cells are together."""
        if Kind.EMPTY in (self.kind, other.kind):
            return self if other.kind is Kind.EMPTY else other
        kinds = {self.kind, other.kind}
        if kinds == {Kind.INTEGER, Kind.NUMBER}:
            whole = self if self.kind is Kind.INTEGER else other
            if max(-whole.low, whole.high) <= lexical.MAX_EXACT:
                kinds = {Kind.NUMBER}
        if len(kinds) > 1 or Kind.STRING in kinds or self.format != other.format:
            return _STRING
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Guess(kinds.pop(), low, high, self.format)

    def shown(self, bound: Any) -> Value:
        """`low` or `high` as a value: a date or a date and time is ISO 8601 text."""
        if bound is None:
            return None
        if self.kind is Kind.NUMBER:
            return float(bound) + 0.0  # not -0.0
        value: Value = bound[-1] if self.kind is Kind.DATETIME else bound
        return value


_STRING = Guess(Kind.STRING)


@dataclass(frozen=True)
class Extent:
    """The lengths that some texts have, and the first and the last in the order of characters."""

    lengths: Collection[int]
    low: str
    high: str


def extent_of(texts: Collection[str]) -> Extent:
    """The extent of texts, at least one."""
    return Extent(set(map(len, texts)), min(texts), max(texts))


def guess(texts: Collection[str], extent: Extent | None = None) -> Guess:
    """What some texts are, of which none is empty. They are looked at together, which is faster.

    `extent` is theirs, if it is known already.
    """
    for text in texts:
        if text[0] in "-.0123456789":
            found = _numbers(texts, extent or extent_of(texts))
            return found or _days(texts) or _instants(texts) or _STRING
        return _all(Kind.BOOLEAN, _WORDS.get, texts) or _STRING
    return Guess()


def day_of(text: str) -> str | None:
    """The date, as YYYY-MM-DD, that a text written so or as MM/DD/YYYY stands for, if any."""
    return _iso_day(text) or _american_day(text)


@lru_cache(_REMEMBERED)
def _iso_day(text: str) -> str | None:
    try:
        return lexical.day(text)
    except ValueError:  # the 30th of February
        return None


@lru_cache(_REMEMBERED)
def _american_day(text: str) -> str | None:
    american = _AMERICAN.fullmatch(text)
    try:
        month, day, year = map(int, american.groups()) if american else (0, 0, 0)
        return date(year, month, day).isoformat()
    except ValueError:
        return None


@lru_cache(_REMEMBERED)
def year_of(text: str) -> int | None:
    """The year of a date (see day_of) or of a date and time; None if the text is none."""
    blank = text[10:11] == " "
    found = _instant_of(f"{text[:10]}T{text[11:]}" if blank else text)
    day = day_of(text) or (found or (None, None))[1]
    return int(day[:4]) if day else None


def _instant_of(text: str) -> tuple[Any, str] | None:
    """A date and time: when it is, for comparing, and as ISO 8601."""
    if text[10:11] != "T":
        return None
    try:
        value = lexical.moment(text)
    except ValueError:
        return None
    return instant(value), value


def _blank_instant_of(text: str) -> tuple[Any, str] | None:
    """The same of one with a blank in place of T, and no fraction or offset."""
    if not _WITH_BLANK.fullmatch(text) or text[11:13] == "24":
        return None
    return _instant_of(text.replace(" ", "T"))


def _numbers(texts: Collection[str], extent: Extent) -> Guess | None:
    joined = "\n".join(texts)
    if joined.count("\n") >= len(texts):
        return None
    found = _digits(joined, extent)
    if found is None and _EVERY[Kind.INTEGER].fullmatch(joined):
        if max(extent.lengths) > len("-") + _MOST_DIGITS:
            return _STRING
        found = _bounds(Kind.INTEGER, list(map(int, texts)))
    if found:
        return found if found.low in INT64 and found.high in INT64 else _STRING
    if not _EVERY[Kind.NUMBER].fullmatch(joined):
        return None
    if max(extent.lengths) > lexical.SURELY_EXACT and any(map(_is_rounded, texts)):
        return _STRING
    found = _bounds(Kind.NUMBER, list(map(float, texts)))
    return found if math.isfinite(found.low) and math.isfinite(found.high) else _STRING


def _is_rounded(text: str) -> bool:
    """Whether a text is a whole number that a number of 64 bits may not hold."""
    digits = text.removeprefix("-")
    return digits.isdecimal() and (len(digits) > _MOST_DIGITS or int(digits) > lexical.MAX_EXACT)


def _digits(joined: str, extent: Extent) -> Guess | None:
    """The same of texts that are all digits and equally long, as text is sorted in the same way."""
    lengths = set(extent.lengths)
    if (
        len(lengths) == 1
        and max(lengths) <= _MOST_DIGITS
        and joined.isascii()
        and extent.low[0] != "0"
    ):
        if joined.replace("\n", "").isdecimal():
            return Guess(Kind.INTEGER, int(extent.low), int(extent.high))
    return None


def _days(texts: Collection[str]) -> Guess | None:
    iso = _all(Kind.DATE, _iso_day, texts)
    return iso or _all(Kind.DATE, _american_day, texts, _AMERICAN_FORMAT)


def _instants(texts: Collection[str]) -> Guess | None:
    iso = _all(Kind.DATETIME, _instant_of, texts)
    return iso or _all(Kind.DATETIME, _blank_instant_of, texts, _BLANK_FORMAT)


def _all(
    kind: Kind, parse: Callable[[str], Any], texts: Collection[str], form: str = DEFAULT
) -> Guess | None:
    """The guess if all texts can be parsed."""
    values = []
    for text in texts:
        value = parse(text)
        if value is None:
            return None
        values.append(value)
    return _bounds(kind, values, form)


def _bounds(kind: Kind, values: Collection[Any], form: str = DEFAULT) -> Guess:
    return Guess(kind, min(values), max(values), form)


def _every(pattern: str) -> "re.Pattern[str]":
    return re.compile(rf"(?:{pattern})(?:\n(?:{pattern}))*+")


_EVERY: Mapping[Kind, "re.Pattern[str]"] = {
    Kind.INTEGER: _every(_INTEGER),
    Kind.NUMBER: _every(_NUMBER),
}
