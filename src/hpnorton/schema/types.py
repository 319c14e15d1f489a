"""The types of the Table Schema standard: how the text of a cell becomes a value.

https://datapackage.org/standard/table-schema/; lexical.py has the text form of each type. Dates and
times are stored as ISO 8601 text, so that they are the same in every database.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime

from hpnorton.schema import lexical, stored
from hpnorton.schema.stored import Value

SAMPLE_TIME = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)
_DAYS_AND_TIMES = {"date": "a date", "time": "a time", "datetime": "a date and time"}
NOUNS = {
    "string": "text",
    "any": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "year": "a year such as 2026",
    "date": f"a date such as {date(2026, 12, 1)}",
    "time": "a time such as 17:30:00",
    "datetime": "a date and time such as 2026-12-01T17:30:00Z",
}


@dataclass(frozen=True, kw_only=True)
class Notation:
    """How the cells of a field write its values: `format` is that of the data package.

    `decimal_char`, `group_char` and `bare_number` are for numbers, `true_values` and `false_values`
    for booleans.
    """

    format: str = "default"
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    decimal_char: str = "."
    group_char: str = ""
    bare_number: bool = True


def describe_type(type_: str, notation: Notation) -> str:
    """Return what values of a type are, with an example in their notation."""
    if type_ in _DAYS_AND_TIMES and notation.format != "default":
        example = SAMPLE_TIME.strftime(notation.format)
        return f"{_DAYS_AND_TIMES[type_]} such as {example} ({notation.format})"
    if type_ == "boolean":
        words = (notation.true_values, notation.false_values)
        if words != (Notation.true_values, Notation.false_values):
            return f"{_join(notation.true_values)} (true) or {_join(notation.false_values)} (false)"
    if notation.group_char or (type_ == "number" and notation.decimal_char != "."):
        decimals = f"{notation.decimal_char}5" if type_ == "number" else ""
        return f"{NOUNS[type_]} such as 1{notation.group_char}234{decimals}"
    return NOUNS[type_]


def _join(words: Sequence[str]) -> str:
    return " or ".join(words) or "nothing"


def write_value(value: Value, type_: str, notation: Notation) -> str:
    """Return a value as a cell would write it, for messages."""
    if isinstance(value, bool):
        words = notation.true_values if value else notation.false_values
        return words[0] if words else str(value).lower()
    if isinstance(value, float) and notation.decimal_char != ".":
        return str(value).replace(".", notation.decimal_char)
    if type_ in _DAYS_AND_TIMES and notation.format != "default":
        with suppress(ValueError, TypeError):
            return stored.READ[type_](str(value)).strftime(notation.format)
    return str(value)


def keep_text(text: str, _notation: Notation) -> str:
    """Return the text itself, which is the value of a string."""
    return text


def _integer(text: str, notation: Notation) -> int:
    return lexical.integer(text, notation.group_char, is_bare=notation.bare_number)


def _number(text: str, notation: Notation) -> float:
    chars = (notation.decimal_char, notation.group_char)
    return lexical.number(text, *chars, is_bare=notation.bare_number)


def _boolean(text: str, notation: Notation) -> bool:
    if text in notation.true_values:
        return True
    if text in notation.false_values:
        return False
    raise ValueError(text)


def _year(text: str, _notation: Notation) -> int:
    return lexical.year(text)


def _date(text: str, notation: Notation) -> str:
    if notation.format == "default":
        return lexical.day(text)
    return lexical.by_format(text, notation.format).date().isoformat()


def _time(text: str, notation: Notation) -> str:
    if notation.format == "default":
        return lexical.time_of_day(text)
    return lexical.time_by_format(text, notation.format)


def _datetime(text: str, notation: Notation) -> str:
    if notation.format == "default":
        return lexical.moment(text)
    return lexical.by_format(text, notation.format).isoformat()


# Each converter raises ValueError for a text that is no value of the type.
CONVERTERS: Mapping[str, Callable[[str, Notation], Value]] = {
    "string": keep_text,
    "any": keep_text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "year": _year,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
}
