"""Checks: how a file's columns hold a collection's fields, and what is wrong with its rows."""

import csv
import io

import pytest
from frictionless import Resource
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import FileError
from hpnorton.schema.collection import Collection
from hpnorton.schema.field import Field
from hpnorton.schema.layout import Layout, check_delimiter, clean_header, make_layout
from hpnorton.schema.validate import Record, RowError, ValidatedRows, validate_rows

THINGS = Collection(
    "things",
    (
        Field("id"),
        Field("Name", required=True),
        Field("stock", "integer", minimum=0),
        Field("Note"),
    ),
    ("id",),
)
HEADER = ["id", "Name", "stock", "Note"]
LAYOUT = make_layout(THINGS, HEADER, "things.csv")
GOOD = ["1", "Chair", "5", ""]


def check(*rows: list[str], layout: Layout = LAYOUT) -> ValidatedRows:
    """Validate rows that may hold odd bytes."""
    return validate_rows(layout, rows, is_suspicious=True)


def records_of(checked: ValidatedRows) -> list[Record]:
    """The good rows as records."""
    return list(zip(*checked.values, strict=True))


def errors_of(*rows: list[str]) -> list[tuple[int, str, str | None]]:
    """Return position, code and field of each error of the rows."""
    return [(error.position, error.code, error.field) for error in check(*rows).errors]


def test_columns_may_come_in_any_order() -> None:
    """Records have the collection's order of fields, whatever the file's is."""
    layout = make_layout(THINGS, ["Note", "stock", "id", "Name"], "things.csv")
    assert layout.columns == ("id", "Name", "stock", "Note")
    checked = check(["old", "5", "1", "Chair"], layout=layout)
    assert records_of(checked) == [("1", "Chair", 5, "old")]


def test_columns_that_are_not_required_may_be_absent() -> None:
    """A file need not have the columns that may be empty anyway."""
    layout = make_layout(THINGS, ["Name", "id"], "things.csv")
    assert layout.columns == ("id", "Name")
    assert records_of(check(["Chair", "1"], layout=layout)) == [("1", "Chair")]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (["id", "Name", "id"], "has column 'id' twice; rename one of them"),
        (["id", "id", "Name", "Name"], "has columns 'Name', 'id' twice"),
        (["id", "Nam"], "has column 'Nam', .* did you mean column 'Name'[?]$"),
        (["id", "Name", "Nam"], "has column 'Nam', .* know; remove column 'Nam' from the file"),
        (["ID", "name"], "columns 'ID', 'name', .* did you mean columns 'id', 'Name'[?]"),
        (["id", "Name", " note "], "did you mean column 'Note'"),
        (
            ["id", "Name", "colour"],
            "'colour', .* does not know; remove column 'colour' from the file, or describe it",
        ),
        (["id", "Name", ""], "ends in a comma without a name; give the column a name"),
        (["id", "Name", "", ""], "ends in 2 commas without a name"),
        (
            ["id", "na me", "colour"],
            "did you mean column 'Name' in place of column 'na me'[?] Remove column 'colour' "
            "from the file, or describe it in datapackage.json",
        ),
        (
            ["id", "Name", "size", "colour"],
            "; remove columns 'size', 'colour' from .* or describe them",
        ),
        (["number", "Name"], "the key id of things is missing: rename the column that holds it"),
        (["what", "else"], "know; it does not look like a file of things: say COLLECTION=FILE"),
        (["id"], "lacks column 'Name', which things needs; add the column"),
        (["stock"], "lacks columns 'id', 'Name'"),
    ],
)
def test_headers_that_do_not_fit(header: list[str], reason: str) -> None:
    """The error for a header that does not fit the collection says what to change."""
    with pytest.raises(FileError, match=f"^things.csv: the header .*{reason}"):
        make_layout(THINGS, header, "things.csv")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_delimiters(mark: str) -> None:
    """A header of one column that holds another delimiter shows that the file is none of ours."""
    with pytest.raises(FileError, match="^x.csv: the columns seem to be separated by "):
        check_delimiter([f"id{mark}Name"], "x.csv")


@pytest.mark.parametrize("header", [["sep=;"], ["SEP=", ""]])
def test_a_line_for_excel_is_no_header(header: list[str]) -> None:
    """A first line with the delimiter for Excel is recognized."""
    with pytest.raises(FileError, match="^x.csv: the first line is Excel's 'sep='; delete"):
        check_delimiter(header, "x.csv")


@pytest.mark.parametrize("header", [["id"], ["id;Name", "x"], ["id", "Name"], [""]])
def test_commas_are_right(header: list[str]) -> None:
    """A header with commas, or with one plain column, is left alone."""
    check_delimiter(header, "x.csv")
    assert make_layout(Collection("t", tuple(map(Field, header)), ()), header, "").width == len(
        header
    )


@pytest.mark.parametrize(
    ("row", "errors"),
    [
        (GOOD, []),
        (["1", "Chair", "5"], [("missing-cell", None)]),
        ([*GOOD, ""], [("extra-cell", None)]),
        (["1", "Chair", "five", ""], [("type-error", "stock")]),
        (["1", "Chair", "-5", ""], [("constraint-error", "stock")]),
        (["1", "", "5", ""], [("constraint-error", "Name")]),
        (["", "Chair", "5", ""], [("primary-key", "id")]),
        (["1", "Cha\0ir", "5", ""], [("encoding-error", "Name")]),
        (["1", "Chair", "5", "caf\udce9"], [("encoding-error", "Note")]),
        (["1\0", "\udc80", "five", ""], [("encoding-error", "id"), ("encoding-error", "Name")]),
        (["1", "", "-5", ""], [("constraint-error", "Name"), ("constraint-error", "stock")]),
        (
            ["", "", "five", ""],
            [("primary-key", "id"), ("constraint-error", "Name"), ("type-error", "stock")],
        ),
        (["1", "Chair\0"], [("missing-cell", None), ("encoding-error", "Name")]),
        ([*GOOD, "\0"], [("extra-cell", None), ("encoding-error", None)]),
        (["", "", "", "", "x"], [("extra-cell", None)]),
    ],
    ids=repr,
)
def test_errors(row: list[str], errors: list[tuple[str, str | None]]) -> None:
    """A row has all its errors, in the order of the columns, at any position of a chunk."""
    assert errors_of(row) == [(0, *error) for error in errors]
    assert errors_of(GOOD, row, GOOD) == [(1, *error) for error in errors]


def test_errors_keep_the_cell() -> None:
    """A error holds the cell as it stood and a reason that names no row."""
    checked = check(["1", "Chair", "-5", ""], ["2", "Chair", "5"])
    assert checked.errors == [
        RowError(0, "constraint-error", "is below the minimum 0", "stock", "-5"),
        RowError(1, "missing-cell", "the row has 3 cells, the header 4"),
    ]


def test_hints_at_quotes() -> None:
    """The message has the likely cause of a wrong number of cells: a comma, or an open quote."""
    checked = check(["1", "Chair", "1", "000", "x"], ["2", 'Table,5\n3,"Bed'])
    hints = ["does a cell with a comma lack its quotes", "spans several lines"]
    assert [hint in error.message for hint, error in zip(hints, checked.errors, strict=True)] == [
        True,
        True,
    ]


def test_a_cell_has_one_error() -> None:
    """A cell of the key with an error is not reported as empty as well."""
    fields = (Field("id", "integer"), Field("day", "date", required=True), Field("x"))
    layout = make_layout(Collection("t", fields, ("id", "day")), ["id", "day", "x"], "t.csv")
    checked = check(["one", "", "x"], ["", "2026-12-01", "x"], layout=layout)
    assert [(error.position, error.code, error.field) for error in checked.errors] == [
        (0, "type-error", "id"),
        (0, "constraint-error", "day"),
        (1, "primary-key", "id"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        [],
        [""],
        ["", ""],
        ["", "", "", ""],
        ["", "", "", "", ""],
        [" ", "\xa0", "\t", "\n"],
        ["\ufeff"],
    ],
    ids=repr,
)
def test_blank_rows(row: list[str]) -> None:
    """They are no error, wherever they stand in a chunk, and of any number of cells."""
    for before, after in (([], []), ([GOOD], [GOOD]), ([row], [["1", "Chair", "five", ""]])):
        checked = check(*before, row, *after)
        assert sorted(checked.blanks) == [at for at, r in enumerate([*before, row]) if r == row]
        assert len(checked.errors) == (after not in ([], [GOOD]))
        assert len(checked.positions) == 2 * (before == [GOOD])
    moved = validate_rows(LAYOUT, [GOOD, row], [7, 3], is_suspicious=False)
    assert (list(moved.positions), list(moved.blanks), moved.errors) == ([7], [3], [])


def test_a_row_of_missing_values_is_rejected() -> None:
    """A row of missing values is rejected, whichever text means null."""
    fields = (Field("id", missing_values=("-",)), Field("x", missing_values=("", "NA")))
    layout = make_layout(Collection("t", fields, ("id",)), ["x", "id"], "t.csv")
    checked = check(["NA", "-"], ["", "-"], ["NA", ""], layout=layout)
    assert [(error.position, error.code) for error in checked.errors] == [
        (0, "blank-row"),
        (1, "blank-row"),
    ]
    assert records_of(checked) == [("", None)]


def test_clean_text_is_not_searched() -> None:
    """Rows of which it is known that they hold no odd bytes are taken as they are."""
    rows = [GOOD, ["2", "Bed", "", "soft"]]
    checked = validate_rows(LAYOUT, rows, is_suspicious=False)
    assert records_of(checked) == [("1", "Chair", 5, None), ("2", "Bed", None, "soft")]
    assert (list(checked.positions), checked.errors) == ([0, 1], [])


@pytest.mark.parametrize("rows", [[], [["", "Chair", "5", ""]]], ids=["none", "all faulty"])
def test_no_good_rows_have_empty_columns(rows: list[list[str]]) -> None:
    """There is a column for each field even where no row is good, so that it can be written."""
    checked = check(*rows)
    assert [list(column) for column in checked.values] == [[], [], [], []]
    assert not checked.positions


def test_errors_found_later_take_their_rows_out() -> None:
    """More errors leave only the rows without any, each at its place, and errors stay in order."""
    checked = check(GOOD, ["2", "Bed", "five", ""], ["3", "Sofa", "", ""], ["4", "Lamp", "1", ""])
    late = [RowError(3, "foreign-key", "is not there"), RowError(0, "foreign-key", "is not there")]
    left = checked.reject(late)
    assert (records_of(left), list(left.positions)) == ([("3", "Sofa", None, None)], [2])
    assert [(error.position, error.code) for error in left.errors] == [
        (0, "foreign-key"),
        (1, "type-error"),
        (3, "foreign-key"),
    ]
    assert records_of(checked.reject([])) == records_of(checked)


CELLS = st.sampled_from(["", "1", "2", "-1", "x", " ", "a\nb", "\0", "\udcff", "é", "9" * 20])
ROWS = st.lists(st.lists(CELLS, min_size=4, max_size=4) | st.lists(CELLS, max_size=6), max_size=12)


@given(rows=ROWS)
def test_every_row_is_a_record_or_has_errors(rows: list[list[str]]) -> None:
    """Each row is a record, has errors or is blank, and only one of these, in order."""
    checked = check(*rows)
    good, bad = list(checked.positions), [error.position for error in checked.errors]
    records = records_of(checked)
    assert len(records) == len(good)
    assert sorted([*good, *set(bad), *checked.blanks]) == list(range(len(rows)))
    assert (good, bad) == (sorted(good), sorted(bad))
    for at, record in zip(good, records):
        assert [value or "" for value in record[:2]] == rows[at][:2]


@given(rows=ROWS)
def test_a_row_is_judged_by_itself(rows: list[list[str]]) -> None:
    """What is said of a row does not depend on the rows around it."""
    together = check(*rows)
    for at, row in enumerate(rows):
        alone = check(row)
        assert [f for f in together.errors if f.position == at] == [
            RowError(at, f.code, f.message, f.field, f.value) for f in alone.errors
        ]
        here = [r for i, r in zip(together.positions, records_of(together)) if i == at]
        assert here == records_of(alone)


@given(rows=ROWS, data=st.data())
def test_rows_may_stand_anywhere(rows: list[list[str]], data: st.DataObject) -> None:
    """Wherever rows stand in a chunk they are judged as at its start, but for their positions."""
    any_order = st.permutations(range(len(rows) + 3))
    places = data.draw(st.builds(range, st.just(7), st.just(7 + len(rows))) | any_order)
    places = places[: len(rows)]
    start, moved = check(*rows), validate_rows(LAYOUT, rows, places, is_suspicious=True)
    assert records_of(moved) == records_of(start)
    assert list(moved.positions) == [places[at] for at in start.positions]
    assert moved.errors == [
        RowError(places[f.position], f.code, f.message, f.field, f.value) for f in start.errors
    ]


DESCRIPTOR = {
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "Name", "type": "string", "constraints": {"required": True}},
        {"name": "stock", "type": "integer", "constraints": {"minimum": 0}},
        {"name": "Note", "type": "string"},
    ],
    "primaryKey": ["id"],
}


@pytest.mark.parametrize(
    "text",
    [
        "1,Chair,5,\n2,Bed,6,soft\n",
        "1,Chair,five,\n,Bed,6,\n3,,6,\n4,Sofa,-1,\n5,Lamp,7,\n",
        "1,Chair,5\n2,Bed,6,soft,hard\n3,Table,1,\n4\n",
        "1,Chair,5,\n\n,,,\n2,Bed,,\n,\n",
        '1,"a\n\nb",5,\n2,Screen 5" stand,1,\n3,"x ""y""",,\n4,"open,1,\n5,Sofa,1,\n',
        "1,Chair,10,\r\n2,٣,3,²\r\n3,Bed,²,\r\n4, ,1.0,\r\n5,NA,NA,NA\r\n",
    ],
    ids=["good", "cells", "shapes", "blanks", "quotes", "digits"],
)
def test_faulty_rows_are_those_of_frictionless(text: str) -> None:
    """The rows with errors are those of frictionless, which also has the codes that we give them.

    It gives more: of a short row it judges the absent cells too; a blank one is an error to it.
    """
    rows = list(csv.reader(io.StringIO(text, newline="")))
    resource = {"name": "things", "data": [HEADER, *rows], "schema": DESCRIPTOR}
    report = Resource.from_descriptor(resource).validate()
    theirs = {tuple(found) for found in report.flatten(["rowNumber", "type"])}
    checked = check(*rows)
    ours = {(error.position + 2, error.code) for error in checked.errors}
    blank = {row for row, code in theirs if code == "blank-row"}
    assert {at + 2 for at in checked.blanks} == blank
    assert {row for row, _ in ours} == {row for row, _ in theirs} - blank
    assert ours <= theirs


@pytest.mark.parametrize("name", [" title", "title ", "\ttitle", "title\xa0", "\ufefftitle"])
def test_blanks_around_a_column_name_are_left_out(name: str) -> None:
    """And a warning says so; a name that is described with them stays."""
    warnings: list[str] = []
    assert clean_header(["sku", name], ["sku"], "a.csv", warnings) == ["sku", "title"]
    assert warnings == [f"the header has column {name!r}; blanks around a name are left out"]
    assert clean_header(["sku", name], ["sku", name], "a.csv", warnings) == ["sku", name]
    assert len(warnings) == 1


@pytest.mark.parametrize("name", [' "title"', ' "title', '\ufeff"title"'])
def test_a_column_name_with_a_blank_before_its_quote_is_an_error(name: str) -> None:
    """The quotes would be a part of the name; a name that is described may have some."""
    with pytest.raises(FileError, match="with a blank before the quote; quotes go around a whole"):
        clean_header(["sku", name], ["sku"], "a.csv", [])
    assert clean_header([name], [name], "a.csv", []) == [name]


@pytest.mark.parametrize("name", ['"title', 'size "in"', 'a"b'])
def test_a_column_name_may_hold_quotes(name: str) -> None:
    """As the text of a cell may."""
    warnings: list[str] = []
    assert clean_header(["sku", name], ["sku"], "a.csv", warnings) == ["sku", name]
    assert not warnings


def test_a_column_without_a_name_is_named_by_its_place() -> None:
    """Also where several have none."""
    with pytest.raises(FileError, match="^x.csv: column 2 has no name in the header; name each"):
        make_layout(THINGS, ["id", "", "Name"], "x.csv")
    with pytest.raises(FileError, match="^x.csv: columns 1, 3 have no name"):
        make_layout(THINGS, ["", "id", "", "Name"], "x.csv")


def test_a_header_that_is_one_quoted_cell() -> None:
    """It is named as such; words of one name stay."""
    with pytest.raises(FileError, match="^x.csv: the header is a single cell in quotes"):
        check_delimiter(["id,Name,stock"], "x.csv")
    check_delimiter(["Last name, first name"], "x.csv")
