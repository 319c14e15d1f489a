"""What a column of text seems to hold: the kind of its cells, the lowest and the highest value.

A kind is a type of the Data Package standard. Codes such as 007 are strings, since a number would
lose their zeros; dates may be written 2026-12-01 or 12/01/2026.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Any

from hpnorton.fields import INT64, Field, Value, instant

_INTEGER = r"-?(?:0|[1-9][0-9]*)"
_NUMBER = rf"(?:{_INTEGER}(?:\.[0-9]*)?|-?\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_AMERICAN = re.compile("([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_DATETIME = Field("", "datetime")
_WORDS = {
    word: value
    for value, words in ((True, _DATETIME.true_values), (False, _DATETIME.false_values))
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

    A string's are None: its texts are sorted as they are.
    """

    kind: Kind = Kind.EMPTY
    low: Any = None
    high: Any = None

    def merge(self, other: "Guess") -> "Guess":
        """What both kinds of cells are together."""
        if Kind.EMPTY in (self.kind, other.kind):
            return self if other.kind is Kind.EMPTY else other
        kinds = {self.kind, other.kind}
        if kinds == {Kind.INTEGER, Kind.NUMBER}:
            kinds = {Kind.NUMBER}
        if len(kinds) > 1 or Kind.STRING in kinds:
            return _STRING
        return Guess(kinds.pop(), min(self.low, other.low), max(self.high, other.high))

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
            found = _numbers(texts, extent or extent_of(texts)) or _all(Kind.DATE, day_of, texts)
            return found or _instants(texts) or _STRING
        return _all(Kind.BOOLEAN, _WORDS.get, texts) or _STRING
    return Guess()


@lru_cache(_REMEMBERED)
def day_of(text: str) -> str | None:
    """The date, as YYYY-MM-DD, that a text written so or as MM/DD/YYYY stands for, if any."""
    american = _AMERICAN.fullmatch(text)
    try:
        if american:
            month, day, year = map(int, american.groups())
            return date(year, month, day).isoformat()
        if len(text) == len("2026-12-01") and text[4:8:3] == "--":
            return date.fromisoformat(text).isoformat()
    except ValueError:  # the 30th of February
        return None
    return None


@lru_cache(_REMEMBERED)
def year_of(text: str) -> int | None:
    """The year of a date (see day_of) or of a date and time; None if the text is none."""
    day = day_of(text) or (_instant_of(text) or (None, None))[1]
    return int(day[:4]) if day else None


def _instant_of(text: str) -> tuple[Any, str] | None:
    """A date and time: when it is, for comparing, and as ISO 8601."""
    if text[10:11] not in ("T", " "):
        return None
    try:
        value = str(_DATETIME.convert(text))
    except ValueError:
        return None
    return instant(value), value


def _numbers(texts: Collection[str], extent: Extent) -> Guess | None:
    joined = "\n".join(texts)
    if joined.count("\n") >= len(texts):
        return None
    if max(extent.lengths) <= len("-") + _MOST_DIGITS:
        found = _digits(joined, extent)
        if found is None and _EVERY[Kind.INTEGER].fullmatch(joined):
            found = _bounds(Kind.INTEGER, list(map(int, texts)))
        if found and found.low in INT64 and found.high in INT64:
            return found
    if not _EVERY[Kind.NUMBER].fullmatch(joined):
        return None
    found = _bounds(Kind.NUMBER, list(map(float, texts)))
    return found if math.isfinite(found.low) and math.isfinite(found.high) else None


def _digits(joined: str, extent: Extent) -> Guess | None:
    """The same of texts that are all digits and equally long, as text is sorted in the same way."""
    if len(extent.lengths) == 1 and joined.isascii() and extent.low[0] != "0":
        if joined.replace("\n", "").isdecimal():
            return Guess(Kind.INTEGER, int(extent.low), int(extent.high))
    return None


def _instants(texts: Collection[str]) -> Guess | None:
    return _all(Kind.DATETIME, _instant_of, texts)


def _all(kind: Kind, parse: Callable[[str], Any], texts: Collection[str]) -> Guess | None:
    """The guess if all texts can be parsed."""
    values = []
    for text in texts:
        value = parse(text)
        if value is None:
            return None
        values.append(value)
    return _bounds(kind, values)


def _bounds(kind: Kind, values: Collection[Any]) -> Guess:
    return Guess(kind, min(values), max(values))


def _every(pattern: str) -> "re.Pattern[str]":
    return re.compile(rf"(?:{pattern})(?:\n(?:{pattern}))*+")


_EVERY: Mapping[Kind, "re.Pattern[str]"] = {
    Kind.INTEGER: _every(_INTEGER),
    Kind.NUMBER: _every(_NUMBER),
}
