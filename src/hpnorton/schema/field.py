"""A field: how the text of a CSV cell becomes a value, and what a value may be.

Types, constraints and what counts as missing follow the Table Schema of the Data Package standard
(https://datapackage.org/standard/table-schema/): see lexical.py. Dates and times are stored as
ISO 8601 text, so that they are the same in every database.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from hpnorton.schema import lexical, stored
from hpnorton.schema.patterns import matches
from hpnorton.schema.stored import Value, whole_number
from hpnorton.tabular import keys, marks

__all__ = ["NOUNS", "TYPES", "CellError", "Field", "Value", "whole_number"]

# Of the cells of a column that were parsed so many are kept, if they are short.
_MOST_KNOWN = 1000
_MOST_CHARACTERS = 10_000
_SURE_DIGITS = 18  # of a whole number of 64 bits

SOME_TIME = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)
_MAX_LISTED = 10  # values of an enum in a message


class CellError(ValueError):
    """A cell that cannot become a value: `code` as in the Data Package world, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Field:  # pylint: disable=too-many-instance-attributes # the standard names so many
    """A column of a collection, as its entry in the data package describes it.

    `minimum`, `maximum` and the exclusive bounds are values of the field's type; `min_length` and
    `max_length` count characters; `pattern` has to match the whole text. Whether values are
    `unique` a single cell cannot tell: see quality.py. `is_key` says that records are told apart,
    or refer to others, by the values: see keys.py.
    """

    name: str
    type: str = "string"
    format: str = "default"
    required: bool = False
    unique: bool = False
    missing_values: tuple[str, ...] = ("",)
    enum: tuple[Value, ...] = ()
    minimum: Value = None
    maximum: Value = None
    exclusive_minimum: Value = None
    exclusive_maximum: Value = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    decimal_char: str = "."
    group_char: str = ""
    bare_number: bool = True
    is_key: bool = dataclass_field(default=False, compare=False)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> "Field":
        """The field that dataclasses.asdict has made plain, and JSON has kept."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain.items()
        }
        return Field(**values)

    @property
    def is_text(self) -> bool:
        """Whether values are text that is kept as it is."""
        return TYPES[self.type] is _text

    @property
    def is_plain_text(self) -> bool:
        """Whether every text that is not missing is a value as it stands."""
        limits = (self.min_length, self.max_length, self.pattern)
        return self.is_text and not self.enum and limits == (None, None, None)

    @cached_property
    def _bounds(self) -> list[tuple[Any, ...]]:
        """For each limit how to order values, what is outside of it, and how that is told."""
        order = stored.ORDERS.get(self.type, stored.as_it_is)
        given = [(getattr(self, name), is_outside, told) for name, is_outside, told in _LIMITS]
        return [
            (order, is_outside, order(limit), told, limit)
            for limit, is_outside, told in given
            if limit is not None
        ]

    def _digits_only(self, cells: Sequence[str]) -> list[int] | None:
        """The values of cells that are all whole numbers without signs and within the limits.

        Most columns of whole numbers are: they take a few steps, and not some for each cell.
        """
        joined = "".join(cells)
        if not (joined.isascii() and joined.isdecimal()) or self.enum:
            return None
        lengths = set(map(len, cells))
        if 0 in lengths or max(lengths) > _SURE_DIGITS:
            return None
        if any(missing.isdecimal() and missing in cells for missing in self.missing_values):
            return None
        values = list(map(int, cells))
        is_within = not (self._violation(min(values)) or self._violation(max(values)))
        return values if is_within else None

    @cached_property
    def _known(self) -> dict[str, Value]:
        """The values of cells that were parsed before."""
        return {}

    def parse(self, cell: str) -> Value:
        """The value of one cell; None if it is missing. Raises CellError."""
        if cell in self.missing_values:
            self._check_missing(cell)
            return None
        if self.is_key and self.is_text:
            cell = self._clean(cell)
            if cell in self.missing_values:
                self._check_missing(cell)
                return None
        try:
            value = self.convert(cell)
        except ValueError as error:
            raise CellError("type-error", self._reason(cell, error)) from None
        fault = self._violation(value)
        if fault:
            raise CellError("constraint-error", fault)
        return value

    def parse_typed(self, text: str) -> Value:
        """The key that somebody has typed, of any type and whatever the constraints.

        Raises CellError.
        """
        text = self._clean(text)
        if text in self.missing_values:
            self._check_missing(text)
            return None
        try:
            return self.convert(text)
        except ValueError as error:
            raise CellError("type-error", self._reason(text, error)) from None

    def _check_missing(self, cell: str) -> None:
        if self.required:
            means = "means empty here (missingValues)" if cell else "is empty"
            raise CellError("constraint-error", f"{means}, but has to be filled in")

    def _clean(self, cell: str) -> str:
        """The key that a cell holds."""
        try:
            text = keys.to_key(cell)
        except keys.KeyTextError as error:
            raise CellError("type-error", str(error)) from None
        if mark := marks.mark_of(text):
            raise CellError("type-error", f"is {mark}")
        return text

    def _reason(self, cell: str, error: ValueError) -> str:
        """Why a cell is no value of the field's type, as far as that can be told."""
        if isinstance(error, lexical.FormError):
            return str(error)
        if mark := marks.mark_of(cell):
            return f"is {mark}"
        return f"is not {self.noun}{self._unseen(cell)}"

    def _unseen(self, cell: str) -> str:
        """What keeps a cell from being a value, where nobody can see it."""
        with suppress(ValueError):
            self.convert(keys.to_key(cell))
            return f": it holds {keys.first_invisible(cell)}"
        return ""

    @property
    def noun(self) -> str:
        """What values are, with an example in the form that the field asks for."""
        if self.type in _DAYS_AND_TIMES and self.format != "default":
            kind = _DAYS_AND_TIMES[self.type]
            return f"{kind} such as {SOME_TIME.strftime(self.format)} ({self.format})"
        if self.type == "boolean":
            words = (self.true_values, self.false_values)
            if words != (Field.true_values, Field.false_values):
                return f"{_either(self.true_values)} (true) or {_either(self.false_values)} (false)"
        if self.group_char or (self.type == "number" and self.decimal_char != "."):
            decimals = f"{self.decimal_char}5" if self.type == "number" else ""
            return f"{NOUNS[self.type]} such as 1{self.group_char}234{decimals}"
        return NOUNS[self.type]

    def written(self, value: Value) -> str:
        """A value as a cell of the field holds it, for messages."""
        if isinstance(value, bool):
            words = self.true_values if value else self.false_values
            return words[0] if words else str(value).lower()
        if isinstance(value, float) and self.decimal_char != ".":
            return str(value).replace(".", self.decimal_char)
        if self.type in _DAYS_AND_TIMES and self.format != "default":
            with suppress(ValueError, TypeError):
                return stored.READ[self.type](str(value)).strftime(self.format)
        return str(value)

    def convert(self, text: str) -> Value:
        """The value that a text stands for, whatever the constraints. Raises ValueError."""
        return TYPES[self.type](self, text)

    def parse_column(self, cells: Sequence[str]) -> tuple[Sequence[Value], dict[int, CellError]]:
        """The values of a column's cells, and the errors by position (their value is None).

        The same as calling `parse` on every cell, but each distinct cell is parsed once, and a
        column of plain text not at all. The good ones among few are known the next time, too.
        """
        is_clean = not (self.is_key and self.is_text) or keys.are_valid_keys(cells)
        if is_clean and self.is_plain_text and not any(m in cells for m in self.missing_values):
            return cells, {}
        with suppress(KeyError):
            return list(map(self._known.__getitem__, cells)), {}
        if self.type == "integer" and (numbers := self._digits_only(cells)) is not None:
            if len(self._known) < _MOST_KNOWN:
                self._known.update(zip(cells, numbers))
            return numbers, {}
        values: dict[str, Value] = {}
        errors: dict[str, CellError] = {}
        for cell in set(cells):
            try:
                values[cell] = self.parse(cell)
            except CellError as error:
                values[cell] = None
                errors[cell] = error
        column = list(map(values.__getitem__, cells))
        if not errors:
            are_few = len(values) + len(self._known) <= _MOST_KNOWN
            if are_few and sum(map(len, values)) <= _MOST_CHARACTERS:
                self._known.update(values)
            return column, {}
        return column, {at: errors[cell] for at, cell in enumerate(cells) if cell in errors}

    def stored_fault(self, value: Any) -> str | None:
        """The code of what is wrong with a value that a database holds, or None.

        It need not have come through `parse`, and is not missing.
        """
        if not stored.HAS_TYPE[self.type](value):
            return "type-error"
        return "constraint-error" if self._violation(value) else None

    def _violation(self, value: Any) -> str | None:
        """What is wrong with a value of the right type, or None."""
        if self.enum and value not in self.enum:
            some = ", ".join(map(self.written, self.enum[:_MAX_LISTED]))
            more = len(self.enum) - _MAX_LISTED
            return f"is not one of {some}{f' and {more:,} more' if more > 0 else ''}"
        for order, is_outside, bound, told, limit in self._bounds:
            if is_outside(order(value), bound):
                return f"{told} {self.written(limit)}"
        if self.min_length is not None and len(value) < self.min_length:
            return f"is shorter than {self.min_length} characters"
        if self.max_length is not None and len(value) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if self.pattern is not None and not matches(self.pattern, value):
            return f"does not have the form {self.pattern}"
        return None


def _either(words: Sequence[str]) -> str:
    return " or ".join(words) or "nothing"


_LIMITS: Sequence[tuple[str, Callable[[Any, Any], bool], str]] = (
    ("minimum", operator.lt, "is below the minimum"),
    ("maximum", operator.gt, "is above the maximum"),
    ("exclusive_minimum", operator.le, "is not above"),
    ("exclusive_maximum", operator.ge, "is not below"),
)


def _text(_field: Field, cell: str) -> str:
    return cell


def _integer(field: Field, cell: str) -> int:
    return lexical.integer(cell, field.group_char, is_bare=field.bare_number)


def _number(field: Field, cell: str) -> float:
    marks_of = (field.decimal_char, field.group_char)
    return lexical.number(cell, *marks_of, is_bare=field.bare_number)


def _boolean(field: Field, cell: str) -> bool:
    if cell in field.true_values:
        return True
    if cell in field.false_values:
        return False
    raise ValueError(cell)


def _year(_field: Field, cell: str) -> int:
    return lexical.year(cell)


def _date(field: Field, cell: str) -> str:
    if field.format == "default":
        return lexical.day(cell)
    return lexical.by_format(cell, field.format).date().isoformat()


def _time(field: Field, cell: str) -> str:
    if field.format == "default":
        return lexical.time_of_day(cell)
    return lexical.time_by_format(cell, field.format)


def _datetime(field: Field, cell: str) -> str:
    if field.format == "default":
        return lexical.moment(cell)
    return lexical.by_format(cell, field.format).isoformat()


TYPES: Mapping[str, Callable[[Field, str], Value]] = {
    "string": _text,
    "any": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "year": _year,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
}


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
