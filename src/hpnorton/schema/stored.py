"""Values as a database holds them: their types, and how they are compared.

Dates and times are ISO 8601 text, so that they are the same in every database.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from hpnorton.schema import lexical
from hpnorton.schema.lexical import INT64

Value = str | int | float | bool | None


def as_it_is(value: Any) -> Any:
    """Return the value, which most types order by."""
    return value


def instant(text: str) -> datetime:
    """Return a date and time for comparison; without an offset it is read as UTC."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _instant_of_day(text: str) -> datetime:
    """Return a time on a fixed day, for comparison."""
    return instant(f"2000-01-01T{text}")


ORDERS: Mapping[str, Callable[[Any], Any]] = {
    "datetime": instant,
    "time": _instant_of_day,
}


def whole_number(value: Any) -> int | None:
    """Return the whole number that a stored value is, or None.

    Programs that know only doubles store 6 as 6.0, and for MongoDB both are the same number.
    """
    if isinstance(value, int):
        return None if isinstance(value, bool) else int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return (number := whole_number(value)) is not None and number in INT64


def _is_number(value: Any) -> bool:
    """Return whether a value is a number, whole or not: a database may store 1.0 as 1."""
    return (isinstance(value, float) and math.isfinite(value)) or _is_integer(value)


def _has_form(read: Callable[[str], Value]) -> Callable[[Any], bool]:
    """Return a function that tells whether `read` accepts a value as text."""

    def has_form(value: Any) -> bool:
        try:
            return isinstance(value, str) and read(value) is not None
        except ValueError:
            return False

    return has_form


HAS_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "string": _is_text,
    "any": _is_text,
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, int) and value in (0, 1),
    "year": _is_integer,
    "date": _has_form(lexical.day),
    "time": _has_form(lexical.stored_time),
    "datetime": _has_form(lexical.moment),
}
READ: Mapping[str, Callable[[str], date | time]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
}
