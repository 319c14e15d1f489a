"""A field: how the text of a CSV cell becomes a value, and what a value may be.

Types, constraints and what counts as missing follow the Table Schema of the Data Package standard
(https://datapackage.org/standard/table-schema/), read as frictionless-py reads them. Dates and
times are stored as ISO 8601 text, so that they are the same in every database.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from loguru import logger

from hpnorton.errors import SchemaError

Value = str | int | float | bool | None

_UNCHECKED_CONSTRAINTS = ("unique", "jsonSchema")
_TEXT_CONSTRAINTS = ("minLength", "maxLength", "pattern")
_ORDER_CONSTRAINTS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_CONSTRAINTS = ("required", "enum", *_TEXT_CONSTRAINTS, *_ORDER_CONSTRAINTS)
_INT64 = range(-(2**63), 2**63)


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
    `max_length` count characters; `pattern` has to match the whole text.
    """

    name: str
    type: str = "string"
    format: str = "default"
    required: bool = False
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

    @property
    def is_plain_text(self) -> bool:
        """Whether every text that is not missing is a value as it stands."""
        limits = (self.min_length, self.max_length, self.pattern)
        return _TYPES[self.type] is _text and not self.enum and limits == (None, None, None)

    def parse(self, cell: str) -> Value:
        """The value of one cell; None if it is missing. Raises CellError."""
        if cell in self.missing_values:
            if self.required:
                raise CellError("constraint-error", "is empty, but has to be filled in")
            return None
        try:
            value = _TYPES[self.type](self, cell)
        except ValueError:
            raise CellError("type-error", f"is not {_NOUNS[self.type]}") from None
        fault = self._violation(value)
        if fault:
            raise CellError("constraint-error", fault)
        return value

    def parse_column(self, cells: Sequence[str]) -> tuple[Sequence[Value], dict[int, CellError]]:
        """The values of a column's cells, and the errors by position (their value is None).

        The same as calling `parse` on every cell, but each distinct cell is parsed once, and a
        column of plain text not at all.
        """
        if self.is_plain_text and not any(missing in cells for missing in self.missing_values):
            return cells, {}
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
            return column, {}
        return column, {at: errors[cell] for at, cell in enumerate(cells) if cell in errors}

    # pylint: disable-next=too-many-return-statements # one for each constraint of the standard
    def _violation(self, value: Any) -> str | None:
        """What is wrong with a value of the right type, or None."""
        if self.enum and value not in self.enum:
            return f"is not one of {', '.join(map(str, self.enum))}"
        if self.minimum is not None and value < self.minimum:
            return f"is below the minimum {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            return f"is above the maximum {self.maximum}"
        if self.exclusive_minimum is not None and value <= self.exclusive_minimum:
            return f"is not above {self.exclusive_minimum}"
        if self.exclusive_maximum is not None and value >= self.exclusive_maximum:
            return f"is not below {self.exclusive_maximum}"
        if self.min_length is not None and len(value) < self.min_length:
            return f"is shorter than {self.min_length} characters"
        if self.max_length is not None and len(value) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return f"does not have the form {self.pattern}"
        return None


def _text(_field: Field, cell: str) -> str:
    return cell


def _numeral(field: Field, cell: str) -> str:
    """The digits of a number written with other signs around and between them."""
    text = cell.strip()
    if not field.bare_number:
        text = re.sub(r"^[^-+\d]*|[^\d]*$", "", text)
    if field.group_char:
        text = text.replace(field.group_char, "")
    if field.decimal_char != ".":
        if "." in text:
            raise ValueError(text)
        text = text.replace(field.decimal_char, ".")
    return text


def _integer(field: Field, cell: str) -> int:
    value = int(_numeral(field, cell))
    if value not in _INT64:
        raise ValueError(cell)
    return value


def _number(field: Field, cell: str) -> float:
    value = float(_numeral(field, cell))
    if not math.isfinite(value):
        raise ValueError(cell)
    return value


def _boolean(field: Field, cell: str) -> bool:
    if cell in field.true_values:
        return True
    if cell in field.false_values:
        return False
    raise ValueError(cell)


def _year(_field: Field, cell: str) -> int:
    value = int(cell)
    if len(cell) != 4:
        raise ValueError(cell)
    return value


def _date(field: Field, cell: str) -> str:
    form = "%Y-%m-%d" if field.format == "default" else field.format
    return datetime.strptime(cell, form).date().isoformat()


def _time(field: Field, cell: str) -> str:
    if field.format == "default":
        return time.fromisoformat(cell).isoformat()
    return datetime.strptime(cell, field.format).time().isoformat()


def _datetime(field: Field, cell: str) -> str:
    if field.format == "default":
        if len(cell) <= len("2000-01-01"):
            raise ValueError(cell)
        return datetime.fromisoformat(cell).isoformat()
    return datetime.strptime(cell, field.format).isoformat()


_TYPES: Mapping[str, Callable[[Field, str], Value]] = {
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
_NOUNS = {
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


def field_from_descriptor(
    descriptor: Mapping[str, Any], missing_values: Sequence[str], where: str
) -> Field:
    """A Field from its entry in a data package; `where` names the collection in messages.

    `missing_values` are the schema's, which the field's own replace. What the standard knows and
    HPNorton does not check is told in a warning of the log. Raises SchemaError.
    """
    name, kind = descriptor["name"], descriptor.get("type", "string")
    where = f"{where}, field {name}"
    if kind not in _TYPES:
        known = ", ".join(_TYPES)
        raise SchemaError(f"{where}: the type {kind!r} cannot be stored; use one of {known}")
    constraints = dict(descriptor.get("constraints", {}))
    form = descriptor.get("format", "default")
    if (kind == "string" and form != "default") or form == "any":
        logger.warning("{}: the format {!r} is not checked", where, form)
        form = "default"
    for unchecked in _UNCHECKED_CONSTRAINTS:
        if constraints.pop(unchecked, None):
            logger.warning("{}: the constraint {!r} is not checked", where, unchecked)
    own_missing = descriptor.get("missingValues", missing_values)
    plain = Field(
        name=name,
        type=kind,
        format=form,
        missing_values=tuple(own_missing),
        true_values=tuple(descriptor.get("trueValues", Field.true_values)),
        false_values=tuple(descriptor.get("falseValues", Field.false_values)),
        decimal_char=descriptor.get("decimalChar", "."),
        group_char=descriptor.get("groupChar", ""),
        bare_number=descriptor.get("bareNumber", True),
    )
    try:
        return _constrained(plain, constraints)
    except (ValueError, TypeError, re.error) as error:
        raise SchemaError(f"{where}: a constraint makes no sense: {error}") from error


def _constrained(plain: Field, constraints: Mapping[str, Any]) -> Field:
    def value(given: Any) -> Value:
        return None if given is None else plain.parse(str(given))

    is_text = _TYPES[plain.type] is _text
    for name in constraints:
        if name not in _CONSTRAINTS or name in (
            _ORDER_CONSTRAINTS if is_text else _TEXT_CONSTRAINTS
        ):
            raise ValueError(f"{name} is not one for the type {plain.type}")
    pattern = constraints.get("pattern")
    if pattern is not None:
        re.compile(pattern)
    return replace(
        plain,
        required=bool(constraints.get("required", False)),
        enum=tuple(value(given) for given in constraints.get("enum", ())),
        minimum=value(constraints.get("minimum")),
        maximum=value(constraints.get("maximum")),
        exclusive_minimum=value(constraints.get("exclusiveMinimum")),
        exclusive_maximum=value(constraints.get("exclusiveMaximum")),
        min_length=constraints.get("minLength"),
        max_length=constraints.get("maxLength"),
        pattern=pattern,
    )
