"""What a column of text seems to hold."""

import math
from datetime import date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hpnorton.profile.column_types import ColumnType, InferredType, day_of, infer_type, year_of
from hpnorton.schema.field import Field
from hpnorton.schema.stored import Value

TEXTS = st.one_of(
    st.integers(-(2**64), 2**64).map(str),
    st.floats(allow_nan=False).map(str),
    st.sampled_from("0 7 -3 007 1.50 .5 1e5 1e999 -0 +1 1_0 nan ٣ 9223372036854775808".split()),
    st.sampled_from("true TRUE False yes 2026-02-28 02/28/2026 02/30/2026 2026-02-30".split()),
    st.sampled_from(["2026-02-28T10:00:00", "2026-02-28 10:00:00Z", "2026-02-28T09:00:00+02:00"]),
    st.text(min_size=1, max_size=4),
)


def shown(found: InferredType) -> tuple[ColumnType, Value, Value]:
    """Return the type and the bounds as values."""
    return found.kind, found.to_value(found.low), found.to_value(found.high)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ("empty", None, None)),
        (["7", "10", "9"], ("integer", 7, 10)),
        (["17", "10", "99"], ("integer", 10, 99)),
        (["0", "-5", "30"], ("integer", -5, 30)),
        (["7", "0.5", "-1e3"], ("number", -1000.0, 7.0)),
        (["-0.0", "0"], ("number", 0.0, 0.0)),
        (["9223372036854775807"], ("integer", 2**63 - 1, 2**63 - 1)),
        (["9223372036854775808"], ("string", None, None)),
        (["-9223372036854775808"], ("integer", -(2**63), -(2**63))),
        (["94001112025551234512", "94001112025551234529"], ("string", None, None)),
        (["9007199254740992", "0.5"], ("number", 0.5, 2.0**53)),
        (["9007199254740993", "0.5"], ("string", None, None)),
        (["0.25", "-0.30000000000000004"], ("number", -0.30000000000000004, 0.25)),
        (["9" * 5000], ("string", None, None)),
        (["1e999"], ("string", None, None)),
        (["007", "008"], ("string", None, None)),
        (["7", "n/a"], ("string", None, None)),
        (["1\n2", "3"], ("string", None, None)),
        (["+4670"], ("string", None, None)),
        (["2026-12-01", "2025-01-31"], ("date", "2025-01-31", "2026-12-01")),
        (["12/01/2025", "1/31/2026"], ("date", "2025-12-01", "2026-01-31")),
        (["2026-12-01", "12/31/2025"], ("string", None, None)),
        (["2026-12-01", "2026-02-30"], ("string", None, None)),
        (["2026-12-01", "2026-12-01T00:00:00"], ("string", None, None)),
        (
            ["2026-12-01T12:00:00Z", "2026-12-01T12:30:00+02:00"],
            ("datetime", "2026-12-01T12:30:00+02:00", "2026-12-01T12:00:00+00:00"),
        ),
        (["2026-12-01 12:00:00"], ("datetime", "2026-12-01T12:00:00", "2026-12-01T12:00:00")),
        (["2026-12-01 12:00:00", "2026-12-01T12:30:00"], ("string", None, None)),
        (["2026-12-01 12:00:00Z"], ("string", None, None)),
        (["2026-12-01T12:00"], ("string", None, None)),
        (["１２"], ("string", None, None)),
        ([" 12"], ("string", None, None)),
        (["true", "False"], ("boolean", False, True)),
        (["0", "1"], ("integer", 0, 1)),
        (["true", "1"], ("string", None, None)),
        (["yes"], ("string", None, None)),
    ],
)
def test_kinds(texts: list[str], expected: tuple[str, Value, Value]) -> None:
    """The kind of some cells, and the lowest and the highest value of that kind."""
    assert shown(infer_type(texts)) == expected


@given(st.lists(TEXTS, max_size=12), st.integers(0, 12))
@example(["1", "2.5"], 1)
@example(["5", "9223372036854775808"], 1)
@example(["9007199254740993", "0.5"], 1)
@example(["12/01/2026", "2026-12-01"], 1)
def test_guesses_of_parts_add_up(texts: list[str], cut: int) -> None:
    """The guess at all cells is that at some of them merged with that at the others."""
    whole = shown(infer_type(texts))
    one, other = infer_type(texts[:cut]), infer_type(texts[cut:])
    assert shown(one.merge(other)) == whole
    assert shown(other.merge(one)) == whole
    assert shown(infer_type(texts[::-1])) == whole


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_what_is_guessed_can_be_imported(texts: list[str]) -> None:
    """Every cell is a value of the type that was guessed, as an import takes it."""
    kind, low, high = shown(infer_type(texts))
    if kind is ColumnType.STRING:
        return
    field = Field("x", str(kind), format=infer_type(texts).format)
    values = [field.convert(text) for text in texts]
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER):
        assert (low, high) == (min(values), max(values))  # type: ignore[type-var] # numbers
    assert {low, high} <= set(values)


@given(st.dates())
def test_years_of_dates(day: date) -> None:
    """The year of a date in either form, and of a date and time."""
    assert year_of(day.isoformat()) == day.year
    assert year_of(f"{day.month:02}/{day.day:02}/{day.year:04}") == day.year
    assert year_of(f"{day.month}/{day.day}/{day.year:04}") == day.year
    for stamp in (f"{day}T10:00:00", f"{day} 10:00:00.5", f"{day}T23:59:59-05:00"):
        assert year_of(stamp) == day.year == datetime.fromisoformat(stamp).year


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026", "20261201", "2026-W01-1", "2026-02-30", "02/29/2026", "13/01/2026"),
        *("1/2/26", " 01/02/2026", "2026-12-01T25:00:00", "2026-12-01x10:00:00", "soon"),
    ],
)
def test_what_is_no_date(text: str) -> None:
    """A text of another form, or a day that is in no calendar, has no year."""
    assert year_of(text) is None
    assert day_of(text) is None


def test_bounds_are_finite() -> None:
    """The largest number that there is is one, and what is larger is none."""
    assert shown(infer_type(["1.7976931348623157e308"]))[0] == "number"
    assert not math.isfinite(float("1.8e308"))
    assert shown(infer_type(["1.8e308"]))[0] == "string"
