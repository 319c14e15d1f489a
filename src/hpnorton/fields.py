"""A field: how the text of a CSV cell becomes a value, and what a value may be.

Types, constraints and what counts as missing follow the Table Schema of the Data Package standard
(https://datapackage.org/standard/table-schema/), read as frictionless-py reads them. Dates and
times are stored as ISO 8601 text, so that they are the same in every database.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any

from hpnorton.patterns import matches

Value = str | int | float | bool | None

# Of the cells of a column that were parsed so many are kept, if they are short.
_MOST_KNOWN = 1000
_MOST_CHARACTERS = 10_000

INT64 = range(-(2**63), 2**63)
_DIGIT_OR_SIGN = re.compile(r"[-+\d]")


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
    `unique` a single cell cannot tell: see quality.py.
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
    def _known(self) -> dict[str, Value]:
        """The values of cells that were parsed before."""
        return {}

    def parse(self, cell: str) -> Value:
        """The value of one cell; None if it is missing. Raises CellError."""
        if cell in self.missing_values:
            if self.required:
                raise CellError("constraint-error", "is empty, but has to be filled in")
            return None
        try:
            value = self.convert(cell)
        except ValueError:
            raise CellError("type-error", f"is not {NOUNS[self.type]}") from None
        fault = self._violation(value)
        if fault:
            raise CellError("constraint-error", fault)
        return value

    def convert(self, text: str) -> Value:
        """The value that a text stands for, whatever the constraints. Raises ValueError."""
        return TYPES[self.type](self, text)

    def parse_column(self, cells: Sequence[str]) -> tuple[Sequence[Value], dict[int, CellError]]:
        """The values of a column's cells, and the errors by position (their value is None).

        The same as calling `parse` on every cell, but each distinct cell is parsed once, and a
        column of plain text not at all. The good ones among few are known the next time, too: that
        takes 4% less of an import's time (measured).
        """
        if self.is_plain_text and not any(missing in cells for missing in self.missing_values):
            return cells, {}
        with suppress(KeyError):
            return list(map(self._known.__getitem__, cells)), {}
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
        if not _STORED[self.type](value):
            return "type-error"
        return "constraint-error" if self._violation(value) else None

    # pylint: disable-next=too-many-return-statements # one for each constraint of the standard
    def _violation(self, value: Any) -> str | None:
        """What is wrong with a value of the right type, or None."""
        if self.enum and value not in self.enum:
            return f"is not one of {', '.join(map(str, self.enum))}"
        order = _ORDERS.get(self.type, _itself)
        if self.minimum is not None and order(value) < order(self.minimum):
            return f"is below the minimum {self.minimum}"
        if self.maximum is not None and order(value) > order(self.maximum):
            return f"is above the maximum {self.maximum}"
        if self.exclusive_minimum is not None and order(value) <= order(self.exclusive_minimum):
            return f"is not above {self.exclusive_minimum}"
        if self.exclusive_maximum is not None and order(value) >= order(self.exclusive_maximum):
            return f"is not below {self.exclusive_maximum}"
        if self.min_length is not None and len(value) < self.min_length:
            return f"is shorter than {self.min_length} characters"
        if self.max_length is not None and len(value) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if self.pattern is not None and not matches(self.pattern, value):
            return f"does not have the form {self.pattern}"
        return None


def _text(_field: Field, cell: str) -> str:
    return cell


def _numeral(field: Field, cell: str) -> str:
    """The digits of a number written with other signs around and between them."""
    text = cell.strip()
    if not field.bare_number:
        text = _from_sign_to_digit(text)
    if field.group_char:
        text = text.replace(field.group_char, "")
    if field.decimal_char != ".":
        if "." in text:
            raise ValueError(text)
        text = text.replace(field.decimal_char, ".")
    return text


def _from_sign_to_digit(text: str) -> str:
    """The text without what stands before its first digit or sign, and after its last digit.

    Not by an expression: of a long cell it would look at each place from every other one.
    """
    first = _DIGIT_OR_SIGN.search(text)
    end = len(text)
    while end and not text[end - 1].isdecimal():
        end -= 1
    return text[first.start() : end] if first else ""


def _integer(field: Field, cell: str) -> int:
    value = int(_numeral(field, cell))
    if value not in INT64:
        raise ValueError(cell)
    return value


def _number(field: Field, cell: str) -> float:
    value = float(_numeral(field, cell))
    if not math.isfinite(value):
        raise ValueError(cell)
    return value + 0.0  # -0.0 and 0.0 are the same key in one database, and two in another


def _boolean(field: Field, cell: str) -> bool:
    if cell in field.true_values:
        return True
    if cell in field.false_values:
        return False
    raise ValueError(cell)


def _year(_field: Field, cell: str) -> int:
    value = int(cell)
    if len(cell) != 4 or value < 0:
        raise ValueError(cell)
    return value


def _date(field: Field, cell: str) -> str:
    form = "%Y-%m-%d" if field.format == "default" else field.format
    return datetime.strptime(cell, form).date().isoformat()


def _time(field: Field, cell: str) -> str:
    if field.format != "default":
        return datetime.strptime(cell, field.format).timetz().isoformat()
    if cell[2:6:3] != "::" or len(cell) < len("17:30:00"):
        raise ValueError(cell)
    return time.fromisoformat(cell).isoformat()


def _datetime(field: Field, cell: str) -> str:
    if field.format != "default":
        return datetime.strptime(cell, field.format).isoformat()
    if cell[13:17:3] != "::" or len(cell) < len("2026-12-01T17:30:00"):
        raise ValueError(cell)
    return datetime.fromisoformat(cell).isoformat()


def _itself(value: Any) -> Any:
    return value


def instant(text: str) -> datetime:
    """When a date and time is, for comparing; without an offset it is taken for UTC."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


_ORDERS: Mapping[str, Callable[[Any], Any]] = {
    "datetime": instant,
    "time": lambda text: instant(f"2000-01-01T{text}"),
}
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


def whole_number(value: Any) -> int | None:
    """The whole number that a stored value is, or None.

    Programs that know only doubles store 6 as 6.0, and MongoDB takes both for the same number.
    """
    if isinstance(value, int):
        return None if isinstance(value, bool) else int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in INT64


def _is_number(value: Any) -> bool:
    """A whole one too: a database may store 1.0 as 1."""
    return (isinstance(value, float) and math.isfinite(value)) or _is_integer(value)


def _is_iso(kind: str) -> Callable[[Any], bool]:
    """Whether a value is the text of a date or time as ISO 8601 has it, as it is stored."""
    field = Field(kind, kind)

    def is_iso(value: Any) -> bool:
        try:
            return isinstance(value, str) and bool(field.convert(value))
        except ValueError:
            return False

    return is_iso


_STORED: Mapping[str, Callable[[Any], bool]] = {
    "string": _is_text,
    "any": _is_text,
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, int) and value in (0, 1),
    "year": lambda value: _is_integer(value) and 0 <= value <= 9999,
    "date": _is_iso("date"),
    "time": _is_iso("time"),
    "datetime": _is_iso("datetime"),
}
NOUNS = {
    "string": "text",
    "any": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "year": "a year of four digits",
    "date": f"a date such as {date(2026, 12, 1)}",
    "time": "a time such as 17:30:00",
    "datetime": "a date and time such as 2026-12-01T17:30:00Z",
}
