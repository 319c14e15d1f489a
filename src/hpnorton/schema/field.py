"""A field: how the text of a CSV cell becomes a value, and what a value may be.

Types, constraints and missing values follow the Table Schema of the Data Package standard
(https://datapackage.org/standard/table-schema/).
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Any, NamedTuple

from hpnorton.schema import lexical, stored
from hpnorton.schema.patterns import matches
from hpnorton.schema.stored import Value
from hpnorton.schema.types import CONVERTERS, Notation, describe_type, keep_text, write_value
from hpnorton.tabular import keys, marks

_MAX_LISTED = 10  # values of an enum in a message


class CellError(ValueError):
    """A cell cannot become a value, with a code of the Data Package world and the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Field(Notation):  # pylint: disable=too-many-instance-attributes # the standard names so many
    """A column of a collection, as its entry in the data package describes it.

    `minimum`, `maximum` and the exclusive bounds are values of the field's type; `min_length` and
    `max_length` count characters; `pattern` has to match the whole text. `unique` is not a property
    of a single cell: see quality.py. `is_key` says that the field identifies records or refers to
    others, so that its texts are cleaned: see keys.py.
    """

    name: str
    type: str = "string"
    _: KW_ONLY
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
    is_key: bool = dataclass_field(default=False, compare=False)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> "Field":
        """Return the field that dataclasses.asdict turned into plain values."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain.items()
        }
        return Field(**values)

    @property
    def is_text(self) -> bool:
        """Return whether values are texts that are stored unchanged."""
        return CONVERTERS[self.type] is keep_text

    @property
    def is_plain_text(self) -> bool:
        """Return whether every text that is not missing is a value without any change."""
        limits = (self.min_length, self.max_length, self.pattern)
        return self.is_text and not self.enum and limits == (None, None, None)

    @property
    def noun(self) -> str:
        """Return what values are, with an example in the notation of the field."""
        return describe_type(self.type, self)

    def written(self, value: Value) -> str:
        """Return a value as a cell of the field would write it, for messages."""
        return write_value(value, self.type, self)

    def convert(self, text: str) -> Value:
        """Return the value of a text, whatever the constraints. Raises ValueError."""
        return CONVERTERS[self.type](text, self)

    def parse(self, cell: str) -> Value:
        """Return the value of a cell; None if it is missing. Raises CellError."""
        if self._is_missing(cell):
            return None
        if self.is_key and self.is_text:
            cell = self._to_key(cell)
            if self._is_missing(cell):
                return None
        value = self._converted(cell)
        if violation := self._violation(value):
            raise CellError("constraint-error", violation)
        return value

    def parse_typed(self, text: str) -> Value:
        """Return the value of a key that a person has typed, whatever the type and constraints.

        Raises CellError.
        """
        text = self._to_key(text)
        return None if self._is_missing(text) else self._converted(text)

    def parse_column(self, cells: Sequence[str]) -> tuple[Sequence[Value], dict[int, CellError]]:
        """Return the values of a column's cells, and the errors by index (their value is None).

        The result is that of `parse` for every cell, but each distinct cell is parsed only once,
        and a column of plain text not at all.
        """
        is_clean = not (self.is_key and self.is_text) or keys.are_valid_keys(cells)
        if is_clean and self.is_plain_text and not any(m in cells for m in self.missing_values):
            return cells, {}
        if self.type == "integer" and (numbers := self._parse_digits(cells)) is not None:
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
            return column, {}
        return column, {at: errors[cell] for at, cell in enumerate(cells) if cell in errors}

    def find_stored_error(self, value: Any) -> str | None:
        """Return the code of the error of a value that a database holds, or None.

        The value may be of any type; it is not null.
        """
        if not stored.HAS_TYPE[self.type](value):
            return "type-error"
        return "constraint-error" if self._violation(value) else None

    def _is_missing(self, cell: str) -> bool:
        """Return whether a cell means null. Raises CellError if the field is required."""
        if cell not in self.missing_values:
            return False
        if self.required:
            means = "means empty here (missingValues)" if cell else "is empty"
            raise CellError("constraint-error", f"{means}, but has to be filled in")
        return True

    def _to_key(self, cell: str) -> str:
        """Return the cell as the text of a key. Raises CellError."""
        try:
            text = keys.to_key(cell)
        except keys.KeyTextError as error:
            raise CellError("type-error", str(error)) from None
        if mark := marks.mark_of(text):
            raise CellError("type-error", f"is {mark}")
        return text

    def _converted(self, text: str) -> Value:
        try:
            return self.convert(text)
        except ValueError as error:
            raise CellError("type-error", self._type_error(text, error)) from None

    def _type_error(self, cell: str, error: ValueError) -> str:
        """Return why a cell is no value of the field's type."""
        if isinstance(error, lexical.FormError):
            return str(error)
        if mark := marks.mark_of(cell):
            return f"is {mark}"
        message = f"is not {self.noun}"
        with suppress(ValueError):
            self.convert(keys.to_key(cell))
            message += f": it holds {keys.first_invisible(cell)}"
        return message

    def _parse_digits(self, cells: Sequence[str]) -> list[int] | None:
        """Return the values of cells that are all unsigned whole numbers within the limits.

        Most columns of whole numbers are: for these it takes a few steps for all cells together.
        """
        joined = "".join(cells)
        if not (joined.isascii() and joined.isdecimal()) or self.enum:
            return None
        if any(missing.isdecimal() and missing in cells for missing in self.missing_values):
            return None
        try:
            values = list(map(int, cells))
        except ValueError:  # an empty cell, or more digits than int() takes
            return None
        low, high = min(values), max(values)
        is_valid = high in lexical.INT64 and not (self._violation(low) or self._violation(high))
        return values if is_valid else None

    @cached_property
    def _limits(self) -> list["_Limit"]:
        """Return the limits of values that the field has."""
        order = stored.ORDERS.get(self.type, stored.as_it_is)
        given = [(getattr(self, name), is_outside, words) for name, is_outside, words in _LIMITS]
        return [
            _Limit(order, is_outside, order(limit), f"{words} {self.written(limit)}")
            for limit, is_outside, words in given
            if limit is not None
        ]

    def _violation(self, value: Any) -> str | None:
        """Return which constraint a value of the right type violates, or None."""
        if self.enum and value not in self.enum:
            listed = ", ".join(map(self.written, self.enum[:_MAX_LISTED]))
            more = len(self.enum) - _MAX_LISTED
            return f"is not one of {listed}{f' and {more:,} more' if more > 0 else ''}"
        for limit in self._limits:
            if limit.is_outside(limit.order(value), limit.bound):
                return limit.message
        if self.min_length is not None and len(value) < self.min_length:
            return f"is shorter than {self.min_length} characters"
        if self.max_length is not None and len(value) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if self.pattern is not None and not matches(self.pattern, value):
            return f"does not have the form {self.pattern}"
        return None


class _Limit(NamedTuple):
    """A bound for values: these are outside if `is_outside(order(value), bound)`."""

    order: Callable[[Any], Any]
    is_outside: Callable[[Any, Any], bool]
    bound: Any
    message: str


_LIMITS: Sequence[tuple[str, Callable[[Any, Any], bool], str]] = (
    ("minimum", operator.lt, "is below the minimum"),
    ("maximum", operator.gt, "is above the maximum"),
    ("exclusive_minimum", operator.le, "is not above"),
    ("exclusive_maximum", operator.ge, "is not below"),
)
