"""Descriptors of fields whose values are written as they are stored: see also test_fields.py."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.schema.descriptors import descriptor_from_field, exported_field, field_from_descriptor
from hpnorton.schema.field import CellError, Field
from hpnorton.schema.lexical import written_year
from hpnorton.schema.stored import Value
from tests.helpers.cells import CELLS, Descriptor, field_of

# Those with limits, whose cells are written as they are stored.
LIMITED = [
    (descriptor, cells)
    for descriptor, cells in CELLS
    if "constraints" in descriptor
    and not {"format", "decimalChar", "trueValues"} & descriptor.keys()
]


def copy_of(field: Field) -> Field:
    """The field that reads what is stored."""
    descriptor = descriptor_from_field(exported_field(field))
    return field_from_descriptor(descriptor, [""], "a copy")


def written(value: Value, field: Field) -> str:
    """A stored value as a cell."""
    return written_year(value) if isinstance(value, int) and field.type == "year" else str(value)


@pytest.mark.parametrize(("descriptor", "cells"), CELLS, ids=[str(d) for d, _ in CELLS])
def test_what_a_field_has_stored_its_copy_reads(
    descriptor: Descriptor, cells: dict[str, Value | tuple[str]]
) -> None:
    """Whatever format, signs and words it came in, and whatever it was limited to."""
    field = field_of(descriptor)
    copy = copy_of(field)
    assert (copy.name, copy.type, copy.required) == (field.name, field.type, field.required)
    for expected in cells.values():
        if not isinstance(expected, tuple) and expected is not None:
            read = copy.parse(written(expected, field))
            assert (type(read), read) == (type(expected), expected)


@pytest.mark.parametrize(("descriptor", "cells"), LIMITED, ids=[str(d) for d, _ in LIMITED])
def test_a_copy_rejects_what_violates_a_limit(
    descriptor: Descriptor, cells: dict[str, Value | tuple[str]]
) -> None:
    """Of the cells that are written alike in both."""
    copy = copy_of(field_of(descriptor))
    for cell in (cell for cell, expected in cells.items() if expected == ("constraint-error",)):
        with pytest.raises(CellError) as refused:
            copy.parse(cell)
        assert refused.value.code == "constraint-error"


@given(
    st.sampled_from(
        [
            {"type": "integer", "constraints": {"minimum": 0, "maximum": 9, "enum": [1, 2]}},
            {"type": "number", "constraints": {"exclusiveMinimum": 0.5, "exclusiveMaximum": 2}},
            {"type": "date", "constraints": {"minimum": "2020-01-01", "required": True}},
            {"type": "datetime", "constraints": {"maximum": "2020-01-01T00:00:00Z"}},
            {"type": "time", "constraints": {"exclusiveMaximum": "12:00:00"}},
            {"type": "year", "constraints": {"minimum": 800, "enum": ["0800", "2026"]}},
            {"type": "boolean", "constraints": {"enum": [True]}},
            {"constraints": {"minLength": 1, "maxLength": 3, "pattern": "[a-z]+"}},
            {"constraints": {"enum": ["a", "b"], "required": True, "unique": True}},
            {"type": "any", "missingValues": ["-"]},
        ]
    )
)
def test_the_copy_of_a_plain_field_is_the_field(descriptor: dict[str, Any]) -> None:
    """All its limits are there, and the copy of the copy is the same."""
    field = field_of(descriptor)
    copy = copy_of(field)
    assert copy == field
    assert descriptor_from_field(copy) == descriptor_from_field(field)


def test_dates_of_any_format_become_plain() -> None:
    """Limits are in ISO 8601 then, as the values are."""
    field = field_of({"type": "date", "format": "%d/%m/%y", "constraints": {"minimum": "01/12/26"}})
    assert descriptor_from_field(exported_field(field)) == {
        "name": "x",
        "type": "date",
        "constraints": {"minimum": "2026-12-01"},
    }
