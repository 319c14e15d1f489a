"""Fields: which cells become which values, and that frictionless reads them in the same way."""

import pickle

import pytest
from frictionless import Package
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hpnorton.errors import SchemaError
from hpnorton.log import start_log
from hpnorton.schema.descriptors import field_from_descriptor
from hpnorton.schema.field import CellError, Field
from hpnorton.schema.stored import Value
from tests.helpers.cells import (
    CELLS,
    CONSTRAINT,
    TYPE,
    Descriptor,
    field_of,
    limits,
)


def outcome(field: Field, cell: str) -> Value | tuple[str]:
    """The value of a cell, or the code of its error in a tuple."""
    try:
        return field.parse(cell)
    except CellError as error:
        return (error.code,)


DESCRIPTORS = list({str(descriptor): descriptor for descriptor, _ in CELLS}.values())
CASES = [
    pytest.param(descriptor, cell, expected, id=f"{descriptor}-{cell!r}")
    for descriptor, cells in CELLS
    for cell, expected in cells.items()
]


@pytest.mark.parametrize(("descriptor", "cell", "expected"), CASES)
def test_cells(descriptor: Descriptor, cell: str, expected: Value | tuple[str]) -> None:
    """A cell becomes a value, or an error with a code and a reason."""
    got = outcome(field_of(descriptor), cell)
    assert (got, type(got)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (
            "integer",
            ["9" * 18, str(2**63 - 1), str(-(2**63))],
            [str(2**63), str(-(2**63) - 1), "9" * 5000],
        ),
        ("number", ["1.7976931348623157e308"], ["nan", "NaN", "inf", "-Infinity", "1e400"]),
    ],
)
def test_what_databases_hold(kind: str, good: list[str], bad: list[str]) -> None:
    """Whole numbers fit in 64 bits and numbers are finite, since databases hold no others."""
    field = Field("x", kind)
    to_value = {"integer": int, "number": float}[kind]
    assert [field.parse(cell) for cell in good] == [to_value(cell) for cell in good]
    assert [outcome(field, cell) for cell in bad] == [(TYPE,)] * len(bad)


def test_missing_values_of_the_schema() -> None:
    """A schema's missing values are those of its fields, unless a field has its own."""
    assert field_from_descriptor({"name": "x"}, ["NA"], "").parse("NA") is None
    own = field_from_descriptor({"name": "x", "missingValues": []}, ["NA"], "")
    assert (own.parse("NA"), own.parse("")) == ("NA", "")


@pytest.mark.parametrize(
    "descriptor",
    [
        {"type": "geopoint"},
        {"type": "Integer"},
        limits("integer", minimum="one"),
        limits("integer", minimum=1.5),
        limits("date", maximum="31.12.2026"),
        limits("boolean", enum=["maybe"]),
        limits("string", pattern="(unclosed"),
        limits("string", pattern=5),
        limits("string", enum=5),
        limits("string", minLength="two"),
        limits("string", maxLength=[]),
        limits("integer", minLength=1),
        limits("integer", pattern="1+"),
        limits("string", minimum="a"),
        {"constraints": ["required"]},
        {"missingValues": "NA"},
    ],
    ids=str,
)
def test_descriptors_that_make_no_sense(descriptor: Descriptor) -> None:
    """An invalid descriptor is an error with the field's name before any cell is read."""
    with pytest.raises(SchemaError, match="^package, field x: "):
        field_of(descriptor)


@pytest.mark.parametrize(
    ("descriptor", "message"),
    [
        (
            limits("string", unique=True),
            "the constraint 'unique' is checked by --quality, but not by imports",
        ),
        ({"format": "email"}, "the format 'email' is not checked"),
        ({"type": "date", "format": "any"}, "the format 'any' is not checked"),
    ],
)
def test_what_is_not_checked_is_logged(
    descriptor: Descriptor, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the standard knows and HPNorton does not check is logged; the rest is checked."""
    start_log("WARNING")
    try:
        field = field_of(descriptor)
    finally:
        start_log(None)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"WARNING package, field x: {message}")
    assert field.parse("2026-12-01") == "2026-12-01"


def test_a_pattern_has_to_match_the_whole_text() -> None:
    """A pattern is one for the whole text, whichever of its alternatives matches."""
    field = field_of(limits("string", pattern="[A-Z]{2}|x"))
    cells = ["AB", "x", "ABC", "xx", "AB\n"]
    assert [outcome(field, cell) for cell in cells] == ["AB", "x", *[(CONSTRAINT,)] * 3]


def test_times_with_offsets_are_compared_as_instants() -> None:
    """A date and time is above or below a limit as an instant, not as a text."""
    field = field_of(limits("datetime", minimum="2026-01-01T00:00:00Z"))
    later, earlier = "2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00+01:00"
    assert [outcome(field, cell) for cell in (later, earlier)] == [later, (CONSTRAINT,)]


# What frictionless takes and the standard does not, or no database holds.
TOO_BIG = {str(2**63), str(-(2**63) - 1), "1e400", "nan", "NaN", "INF", "-inf", "inf", "Infinity"}
TOO_BIG |= {"-Infinity"}
UNDERSCORES = {"1__0", "_1", "1_0", "1_000", "1_0.5"}
BLANKS = {" 5 ", "5 ", "5\n", " 2 ", " 199", " 1", "€ 5,00 "}
OTHER_DIGITS = {"٣", "１２", "\u0661.5", "２０２６", "２０２６-12-01", "1７:30:00", "０１.12.2026"}
NUMBERS = TOO_BIG | UNDERSCORES | BLANKS | OTHER_DIGITS
NUMBERS |= {",1", "1,", "1,,0", "-,1", "1,000", "1 .5", "-1,00,000", "5 -", "1,2,3"}
ODD_TIMES = {"24:00:00", "2026-12-01t17:30:00z", "17:30:00Z", "17:30:00+02:00", "17:30:00.5"}
ODD_TIMES |= {"17:30:00,5", "17:30:00.0", "2026-12-01 17:30:00", "2026-12-01T17:30:00,5"}
ODD_TIMES |= {"2026-12-01T17:30:00+0100", "2026-12-01T17:30:00+15:00"}
REFUSED = {
    "integer": NUMBERS,
    "number": NUMBERS,
    "year": OTHER_DIGITS | {"0000", "+199", " 199", "-0000"},
    "date": OTHER_DIGITS | {"2026-1-1"},
    "time": OTHER_DIGITS | ODD_TIMES,
    "datetime": OTHER_DIGITS | ODD_TIMES,
}
# What XML Schema has, and frictionless does not take.
TAKEN = {"year": {"-0044", "12026", "10000", "-0001", "20261201"}}
NASTY = sorted(
    {cell for _, cells in CELLS for cell in cells}
    | set().union(*REFUSED.values())
    | set(
        "NA null None #N/A true\t TRUE on y + - ² ½ １２ 1_000 1e99 -0001 0000 9999 +199".split(" ")
    )
    | set("2026-1-1 0001-01-01 9999-12-31 10000-01-01 2026-W01-1 20261201 2026-335".split())
    | set("17:30:00Z 17:30:00+02:00 17:30:00.5 17:30:00,5 17:30:60 7:30:00 17:30:0 T17:30".split())
    | {"2026-12-01 17:30:00", "2026-12-01T17:30:00.123456789Z", "2026-12-01T17:30:00+01:30"}
    | {" 199", "2026-12-01T17:30:00 ", "\U0001f600", "e\u0301", "a\u00a0b", "\u2028"}
)


def codes_of_frictionless(descriptor: Descriptor, cells: list[str]) -> list[set[str]]:
    """The codes that frictionless gives each of the cells of a column."""
    rows = [["id", "x"], *([str(at), cell] for at, cell in enumerate(cells))]
    fields = [{"name": "id", "type": "string"}, {"name": "x", "type": "string"} | descriptor]
    resource = {"name": "t", "data": rows, "schema": {"fields": fields}}
    profile = "https://datapackage.org/profiles/2.0/datapackage.json"
    package = Package.from_descriptor({"$schema": profile, "resources": [resource]})
    codes: list[set[str]] = [set() for _ in cells]
    for row, code in package.validate().flatten(["rowNumber", "type"]):
        codes[row - 2].add(code)
    return codes


# Of integers it knows no groupChar; digits of other scripts, and points, it strips from the numbers
# that have signs around them.
COMPARED = [each for each in DESCRIPTORS if not {"groupChar", "bareNumber"} & set(each)]


@pytest.mark.parametrize("descriptor", COMPARED, ids=str)
def test_verdicts_are_those_of_frictionless(descriptor: Descriptor) -> None:
    """A cell is good or has the code that frictionless gives it, but for REFUSED and TAKEN."""
    field = field_of(descriptor)
    theirs = dict(zip(NASTY, codes_of_frictionless(descriptor, NASTY), strict=True))
    refused = REFUSED.get(field.type, set())
    differing = {}
    for cell, codes in theirs.items():
        got = outcome(field, cell)
        ours = {got[0]} if isinstance(got, tuple) else set()
        if not codes - {CONSTRAINT} and cell in refused and ours == {TYPE}:
            continue
        if cell in TAKEN.get(field.type, ()) and TYPE in codes and TYPE not in ours:
            continue
        if ours != codes:
            differing[cell] = (got, codes)
    assert not differing


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=str)
@settings(max_examples=30)
@example(cells=["x", "-"])
@example(cells=["x", "x", "", "NA"])
@given(cells=st.lists(st.sampled_from([*NASTY, "\ud800", "a\0"]) | st.text(max_size=3)))
def test_a_column_is_parsed_as_its_cells(descriptor: Descriptor, cells: list[str]) -> None:
    """A column parsed at once gives the values and errors of its cells, and does so again."""
    field = field_of(descriptor)
    wanted = [repr(outcome(field, cell)) for cell in cells]
    for some in (slice(None), slice(0, None, 2), slice(None)):
        values, errors = field.parse_column(cells[some])
        got = [(errors[at].code,) if at in errors else value for at, value in enumerate(values)]
        assert list(map(repr, got)) == wanted[some]
        assert all(values[at] is None for at in errors)


@pytest.mark.parametrize("digits", [4, 400])
def test_what_is_kept_of_a_column_is_little(digits: int) -> None:
    """Blocks of different cells, and long cells, are not remembered one after the other."""
    field, sizes = Field("n", "number"), []
    for block in range(1, 30):
        cells = [f"{number:0{digits}}" for number in range(block * 100, block * 100 + 100)]
        assert field.parse_column(cells) == (list(map(float, cells)), {})
        sizes.append(len(pickle.dumps(field)))
    assert sizes[-1] == sizes[15] < 20_000


@pytest.mark.parametrize("kind", ["integer", "number", "date", "time", "datetime", "year"])
def test_a_field_with_limits_goes_to_other_processes(kind: str) -> None:
    """Also one that has read cells before."""
    low = {"date": "2026-01-01", "time": "08:00:00", "datetime": "2026-01-01T00:00:00"}
    field = field_of(limits(kind, minimum=low.get(kind, 1000)))
    assert outcome(field, low.get(kind, "1000")) == field.minimum
    assert pickle.loads(pickle.dumps(field)) == field


@pytest.mark.parametrize(
    ("descriptor", "cell", "message"),
    [
        (
            {"type": "date", "format": "%d.%m.%Y"},
            "x",
            "is not a date such as 01.12.2026 (%d.%m.%Y)",
        ),
        (
            {"format": "%d.%m.%Y"} | limits("date", minimum="01.01.2026"),
            "31.12.2025",
            "is below the minimum 01.01.2026",
        ),
        ({"type": "time", "format": "%H.%M"}, "x", "is not a time such as 17.30 (%H.%M)"),
        ({"type": "number", "decimalChar": ","}, "1.5", "is not a number such as 1234,5"),
        ({"type": "integer", "groupChar": "."}, "1,5", "is not a whole number such as 1.234"),
        ({"decimalChar": ","} | limits("number", maximum=1.5), "2", "is above the maximum 1,5"),
        (
            {"type": "boolean", "trueValues": ["ja", "j"], "falseValues": ["nein"]},
            "yes",
            "is not ja or j (true) or nein (false)",
        ),
        (
            {"missingValues": ["-"]} | limits("string", required=True),
            "-",
            "means empty here (missingValues), but has to be filled in",
        ),
        (limits("string", required=True), "", "is empty, but has to be filled in"),
        (
            limits("string", enum=[str(n) for n in range(1200)]),
            "x",
            "is not one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1,190 more",
        ),
        ({"type": "integer"}, "12\u00a0", "is not a whole number: it holds U+00A0 NO-BREAK SPACE"),
        ({"type": "integer"}, "#REF!", "is an error mark of a spreadsheet; correct the cell there"),
        (
            {"type": "number"},
            "NaN",
            "is not a finite number, and databases hold only finite ones; list it in "
            "missingValues if it means null",
        ),
    ],
)
def test_messages_state_the_rule_of_the_field(
    descriptor: Descriptor, cell: str, message: str
) -> None:
    """Its own format, limits and words, and never those of a default."""
    with pytest.raises(CellError) as raised:
        field_of(descriptor).parse(cell)
    assert raised.value.message == message
