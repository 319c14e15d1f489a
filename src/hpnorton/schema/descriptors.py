"""Reads the entry of a field in a data package, and writes it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hpnorton import log
from hpnorton.errors import SchemaError
from hpnorton.schema.field import Field
from hpnorton.schema.lexical import format_of_stored_times
from hpnorton.schema.patterns import compiled
from hpnorton.schema.stored import Value
from hpnorton.schema.types import CONVERTERS, SAMPLE_TIME
from hpnorton.tabular.keys import to_nfc

_UNCHECKED_CONSTRAINTS = {
    "unique": "is checked by --quality, but not by imports",
    "jsonSchema": "is not checked",
}
# The attribute of Field by the name of the constraint in a data package.
_ORDER_CONSTRAINTS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
}
_TEXT_CONSTRAINTS = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
_CONSTRAINTS = {
    "required": "required",
    "unique": "unique",
    "enum": "enum",
    **_ORDER_CONSTRAINTS,
    **_TEXT_CONSTRAINTS,
}


def field_from_descriptor(
    descriptor: Mapping[str, Any], missing_values: Sequence[Any], location: str
) -> Field:
    """Return the field that an entry of a data package describes.

    `missing_values` are those of the schema, `location` says in messages where the entry is. What
    HPNorton does not check is logged as a warning. Raises SchemaError.
    """
    name, kind = descriptor["name"], descriptor.get("type", "string")
    if not isinstance(name, str):
        raise SchemaError(f"{location} has a field whose name is not text: {str(name)[:100]}")
    location = f"{location}, field {name}"
    if kind not in CONVERTERS:
        known = ", ".join(CONVERTERS)
        raise SchemaError(f"{location}: the type {kind!r} cannot be stored; use one of {known}")
    form = descriptor.get("format", "default")
    if not isinstance(form, str):
        raise SchemaError(f"{location}: the format is {form!r}, not a text")
    form = form.removeprefix("fmt:")  # as version 0 of the standard had them
    if (kind == "string" and form != "default") or form == "any":
        log.warning("{}: the format {!r} is not checked", location, form)
        form = "default"
    try:
        constraints = dict(descriptor.get("constraints", {}))
        is_unique = bool(constraints.get("unique", False))
        for unchecked, reason in _UNCHECKED_CONSTRAINTS.items():
            if constraints.pop(unchecked, None):
                log.warning("{}: the constraint {!r} {}", location, unchecked, reason)
        plain = Field(
            name=name,
            type=kind,
            format=form,
            unique=is_unique,
            missing_values=_missing_values(descriptor.get("missingValues", missing_values)),
            true_values=_texts(descriptor, "trueValues", Field.true_values),
            false_values=_texts(descriptor, "falseValues", Field.false_values),
            decimal_char=_number_char(descriptor, "decimalChar", "."),
            group_char=_number_char(descriptor, "groupChar", ""),
            bare_number=descriptor.get("bareNumber", True),
        )
        _check_format(plain)
        return _constrained(plain, constraints)
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError, re.error) as error:
        raise SchemaError(f"{location}: its description is invalid: {error}") from error


def descriptor_from_field(field: Field) -> dict[str, Any]:
    """Return the entry in a data package of a field that `exported_field` returned."""
    constraints = {
        name: list(value) if isinstance(value, tuple) else value
        for name, attribute in _CONSTRAINTS.items()
        if (value := getattr(field, attribute)) != getattr(Field, attribute)
    }
    descriptor: dict[str, Any] = {"name": field.name, "type": field.type}
    if field.missing_values != ("",):
        descriptor["missingValues"] = list(field.missing_values)
    if field.format != "default":
        descriptor["format"] = field.format
    return descriptor | ({"constraints": constraints} if constraints else {})


def exported_field(field: Field) -> Field:
    """Return the field whose notation exports use.

    Whatever the notation of the imported file, dates are ISO 8601, numbers have a decimal point,
    and booleans are true and false. One text means null: the empty text, or the first of
    `missing_values` if the empty text is a value.
    """
    null_is_empty_text = not field.is_text or "" in field.missing_values or not field.missing_values
    constraints = {name: getattr(field, name) for name in _CONSTRAINTS.values()}
    return Field(
        field.name,
        field.type,
        format=format_of_stored_times(field.format) if field.type == "time" else "default",
        missing_values=("" if null_is_empty_text else field.missing_values[0],),
        **constraints,
    )


def _number_char(descriptor: Mapping[str, Any], name: str, default: str) -> str:
    given = descriptor.get(name, default)
    if not isinstance(given, str) or any(char in "+-eE" or char.isdecimal() for char in given):
        raise ValueError(f"{name} is {given!r}, not a text without digits and signs")
    if default and not given:
        raise ValueError(f"{name} is empty")
    return given


def _texts(descriptor: Mapping[str, Any], name: str, default: Sequence[str]) -> tuple[str, ...]:
    given = descriptor.get(name, default)
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise ValueError(f"{name} is {given!r}, not a list of texts")
    return tuple(map(to_nfc, given))


def _check_format(field: Field) -> None:
    """Raise ValueError if no text in the field's format can be read."""
    if field.type == "number" and field.decimal_char == field.group_char:
        raise ValueError(f"decimalChar and groupChar are both {field.group_char!r}")
    if field.type in ("date", "time", "datetime") and field.format != "default":
        field.convert(SAMPLE_TIME.strftime(field.format))


def _missing_values(given: Any) -> tuple[str, ...]:
    """Return the texts that mean null; version 2 of the standard may give each a label, too."""
    if not isinstance(given, list | tuple):
        raise ValueError(f"missingValues is {given!r}, not a list")
    texts = (item["value"] if isinstance(item, dict) else str(item) for item in given)
    return tuple(map(to_nfc, texts))


def _constrained(plain: Field, constraints: Mapping[str, Any]) -> Field:
    """Return a field with constraints, given by their names in the data package.

    Raises ValueError if one is unknown, not for the field's type, or has a value that makes no
    sense.
    """
    inapplicable = _ORDER_CONSTRAINTS if plain.is_text else _TEXT_CONSTRAINTS
    for name in constraints:
        if name not in _CONSTRAINTS or name in inapplicable:
            raise ValueError(f"{name} is not for the type {plain.type}")
    values = {
        _CONSTRAINTS[name]: _constraint(plain, name, given) for name, given in constraints.items()
    }
    return replace(plain, **values)


def _constraint(plain: Field, name: str, given: Any) -> Any:
    """Return the value of a constraint in JSON as Field keeps it."""
    if name == "required":
        return bool(given)
    if name == "enum":
        return tuple(_constant(plain, each) for each in given)
    if name not in _TEXT_CONSTRAINTS:
        return _constant(plain, given)
    if name == "pattern":
        if given is not None:
            compiled(given)
    elif not isinstance(given, int):
        raise ValueError(f"{name} is {given!r}, not a whole number")
    return given


def _constant(plain: Field, given: Any) -> Value:
    """Return a value in JSON as a value of the field's type."""
    if isinstance(given, str):
        return plain.convert(to_nfc(given))
    if given is None or (isinstance(given, bool) and plain.type == "boolean"):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        if plain.type == "number":
            return float(given)
        if plain.type in ("integer", "year") and given == int(given):
            return int(given)
    raise ValueError(f"{given!r} is not {plain.noun}")
