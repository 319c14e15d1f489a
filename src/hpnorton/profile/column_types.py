"""The type of a column of text, inferred from its cells, with the lowest and highest value.

Types are those of the Data Package standard, and an import would accept every cell as that type.
Codes such as 007 are strings, since a number would lose their zeros, and so are digits that a
database would round. Dates may be written 2026-12-01 or, with another format, 12/01/2026.
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
DEFAULT_FORMAT = "default"
_AMERICAN_FORMAT = "%m/%d/%Y"
_BLANK_FORMAT = "%Y-%m-%d %H:%M:%S"
_WITH_BLANK = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_WORDS = {
    word: value
    for value, words in ((True, Field.true_values), (False, Field.false_values))
    for word in words
    if not word.isdecimal()
}
_MAX_INT64_DIGITS = 19
_CACHED_DAYS = 2**16  # of 179 years


class ColumnType(StrEnum):
    """The type of all filled cells of a column."""

    EMPTY = "empty"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    STRING = "string"


@dataclass(frozen=True)
class InferredType:
    """The type of cells, with sort keys of their lowest and highest value; see `to_value`.

    The sort keys of strings are None. `format` is the format that a field of dates needs.
    """

    kind: ColumnType = ColumnType.EMPTY
    low: Any = None
    high: Any = None
    format: str = DEFAULT_FORMAT

    def merge(self, other: "InferredType") -> "InferredType":
        """Return the type of both kinds of cells together."""
        if ColumnType.EMPTY in (self.kind, other.kind):
            return self if other.kind is ColumnType.EMPTY else other
        kinds = {self.kind, other.kind}
        if kinds == {ColumnType.INTEGER, ColumnType.NUMBER}:
            whole = self if self.kind is ColumnType.INTEGER else other
            if max(-whole.low, whole.high) <= lexical.MAX_EXACT:
                kinds = {ColumnType.NUMBER}
        if len(kinds) > 1 or ColumnType.STRING in kinds or self.format != other.format:
            return _STRING
        low, high = min(self.low, other.low), max(self.high, other.high)
        return InferredType(kinds.pop(), low, high, self.format)

    def to_value(self, bound: Any) -> Value:
        """Return `low` or `high` as a value: dates and times are ISO 8601 text."""
        if bound is None:
            return None
        if self.kind is ColumnType.NUMBER:
            return float(bound) + 0.0  # not -0.0
        value: Value = bound[-1] if self.kind is ColumnType.DATETIME else bound
        return value


_STRING = InferredType(ColumnType.STRING)


@dataclass(frozen=True)
class Extent:
    """The lengths of texts, and the first and the last text in the order of characters."""

    lengths: Collection[int]
    low: str
    high: str


def extent_of(texts: Collection[str]) -> Extent:
    """Return the extent of at least one text."""
    return Extent(set(map(len, texts)), min(texts), max(texts))


def infer_type(texts: Collection[str], extent: Extent | None = None) -> InferredType:
    """Return the type of texts, none of which is empty; `extent` is theirs, if it is known.

    All texts are tested together, which is faster than one by one.
    """
    for text in texts:
        if text[0] in "-.0123456789":
            found = _numbers(texts, extent or extent_of(texts))
            return found or _days(texts) or _instants(texts) or _STRING
        return _all(ColumnType.BOOLEAN, _WORDS.get, texts) or _STRING
    return InferredType()


def day_of(text: str) -> str | None:
    """Return the date of a text YYYY-MM-DD or MM/DD/YYYY as YYYY-MM-DD, or None."""
    return _iso_day(text) or _american_day(text)


@lru_cache(_CACHED_DAYS)
def _iso_day(text: str) -> str | None:
    try:
        return lexical.day(text)
    except ValueError:  # the 30th of February
        return None


@lru_cache(_CACHED_DAYS)
def _american_day(text: str) -> str | None:
    american = _AMERICAN.fullmatch(text)
    try:
        month, day, year = map(int, american.groups()) if american else (0, 0, 0)
        return date(year, month, day).isoformat()
    except ValueError:
        return None


@lru_cache(_CACHED_DAYS)
def year_of(text: str) -> int | None:
    """Return the year of a date (see day_of) or of a date and time, or None."""
    blank = text[10:11] == " "
    found = _instant_of(f"{text[:10]}T{text[11:]}" if blank else text)
    day = day_of(text) or (found or (None, None))[1]
    return int(day[:4]) if day else None


def _instant_of(text: str) -> tuple[Any, str] | None:
    """Return a date and time for comparison and as ISO 8601, or None."""
    if text[10:11] != "T":
        return None
    try:
        value = lexical.moment(text)
    except ValueError:
        return None
    return instant(value), value


def _blank_instant_of(text: str) -> tuple[Any, str] | None:
    """Return the same for a text with a blank in place of T, without fraction and offset."""
    if not _WITH_BLANK.fullmatch(text) or text[11:13] == "24":
        return None
    return _instant_of(text.replace(" ", "T"))


def _numbers(texts: Collection[str], extent: Extent) -> InferredType | None:
    joined = "\n".join(texts)
    if joined.count("\n") >= len(texts):
        return None
    found = _digits(joined, extent)
    if found is None and _EVERY[ColumnType.INTEGER].fullmatch(joined):
        if max(extent.lengths) > len("-") + _MAX_INT64_DIGITS:
            return _STRING
        found = _bounds(ColumnType.INTEGER, list(map(int, texts)))
    if found:
        return found if found.low in INT64 and found.high in INT64 else _STRING
    if not _EVERY[ColumnType.NUMBER].fullmatch(joined):
        return None
    if max(extent.lengths) > lexical.SURELY_EXACT and any(map(_is_rounded, texts)):
        return _STRING
    found = _bounds(ColumnType.NUMBER, list(map(float, texts)))
    return found if math.isfinite(found.low) and math.isfinite(found.high) else _STRING


def _is_rounded(text: str) -> bool:
    """Return whether a text is a whole number that a 64-bit float may not hold."""
    digits = text.removeprefix("-")
    return digits.isdecimal() and (
        len(digits) > _MAX_INT64_DIGITS or int(digits) > lexical.MAX_EXACT
    )


def _digits(joined: str, extent: Extent) -> InferredType | None:
    """Return the type of digits of equal length, which sort as text in the order of numbers."""
    lengths = set(extent.lengths)
    if (
        len(lengths) == 1
        and max(lengths) <= _MAX_INT64_DIGITS
        and joined.isascii()
        and extent.low[0] != "0"
    ):
        if joined.replace("\n", "").isdecimal():
            return InferredType(ColumnType.INTEGER, int(extent.low), int(extent.high))
    return None


def _days(texts: Collection[str]) -> InferredType | None:
    iso = _all(ColumnType.DATE, _iso_day, texts)
    return iso or _all(ColumnType.DATE, _american_day, texts, _AMERICAN_FORMAT)


def _instants(texts: Collection[str]) -> InferredType | None:
    iso = _all(ColumnType.DATETIME, _instant_of, texts)
    return iso or _all(ColumnType.DATETIME, _blank_instant_of, texts, _BLANK_FORMAT)


def _all(
    kind: ColumnType,
    parse: Callable[[str], Any],
    texts: Collection[str],
    form: str = DEFAULT_FORMAT,
) -> InferredType | None:
    """Return the type if `parse` accepts all texts."""
    values = []
    for text in texts:
        value = parse(text)
        if value is None:
            return None
        values.append(value)
    return _bounds(kind, values, form)


def _bounds(kind: ColumnType, values: Collection[Any], form: str = DEFAULT_FORMAT) -> InferredType:
    return InferredType(kind, min(values), max(values), form)


def _every(pattern: str) -> "re.Pattern[str]":
    return re.compile(rf"(?:{pattern})(?:\n(?:{pattern}))*+")


_EVERY: Mapping[ColumnType, "re.Pattern[str]"] = {
    ColumnType.INTEGER: _every(_INTEGER),
    ColumnType.NUMBER: _every(_NUMBER),
}
