"""Output: records as a table, JSON, JSON lines and CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hpnorton.cli.arguments import FORMATS
from hpnorton.cli.output import write_records

RECORDS: Sequence[Mapping[str, Any]] = [
    {"id": "P1", "name": "Chair", "stock": 5},
    {"id": "P2", "name": 'Bed, "big"', "stock": None},
]
TEXT = st.text(max_size=6)
VALUES = st.none() | TEXT | st.integers() | st.booleans() | st.floats(allow_nan=False)
ANY_RECORDS = st.lists(st.dictionaries(st.sampled_from(["id", "a", "é"]), VALUES), max_size=5)


def written(records: Sequence[Mapping[str, Any]], form: str, key: str | None = None) -> str:
    """Return what is written of records that come one by one."""
    out = io.StringIO()
    write_records(iter(records), form, out, key=key)
    return out.getvalue()


@pytest.fixture(autouse=True)
def set_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a wide terminal, unless a test sets another one."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.mark.parametrize(
    ("form", "key", "text"),
    [
        (
            "table",
            None,
            'id  name        stock\n--  ----------  -----\nP1  Chair           5\nP2  Bed, "big"\n',
        ),
        ("csv", None, 'id,name,stock\nP1,Chair,5\nP2,"Bed, ""big""",\n'),
        (
            "jsonl",
            None,
            '{"id": "P1", "name": "Chair", "stock": 5}\n'
            '{"id": "P2", "name": "Bed, \\"big\\"", "stock": null}\n',
        ),
        (
            "json",
            None,
            '[\n  {"id": "P1", "name": "Chair", "stock": 5},\n'
            '  {"id": "P2", "name": "Bed, \\"big\\"", "stock": null}\n]\n',
        ),
        (
            "json",
            "id",
            '{\n  "P1": {"name": "Chair", "stock": 5},\n'
            '  "P2": {"name": "Bed, \\"big\\"", "stock": null}\n}\n',
        ),
    ],
)
def test_formats(form: str, key: str | None, text: str) -> None:
    """Records are written in the format asked for, one a line."""
    assert written(RECORDS, form, key) == text


@pytest.mark.parametrize(
    ("form", "key", "text"),
    [
        ("table", None, ""),
        ("csv", None, ""),
        ("jsonl", None, ""),
        ("json", None, "[]\n"),
        ("json", "id", "{}\n"),
    ],
)
def test_no_records(form: str, key: str | None, text: str) -> None:
    """Without records JSON is an empty list or object, and the other formats are empty."""
    assert written([], form, key) == text


def test_the_flag_knows_the_formats() -> None:
    """--format has four formats, and each writes something different."""
    assert len({written(RECORDS, form) for form in FORMATS}) == len(FORMATS) == 4


@pytest.mark.parametrize("form", ["table", "csv"])
def test_only_json_is_keyed(form: str) -> None:
    """A key changes only the shape of JSON."""
    assert written(RECORDS, form, "id") == written(RECORDS, form)


@pytest.mark.parametrize("form", FORMATS)
def test_letters_stay_letters(form: str) -> None:
    """Every format writes letters of all languages as they are."""
    assert "Björk 漢字 😀" in written([{"name": "Björk 漢字 😀"}], form)


@given(records=ANY_RECORDS)
def test_json_gives_the_records_back(records: list[dict[str, Any]]) -> None:
    """JSON and JSON lines, read again, give the same records."""
    assert json.loads(written(records, "json")) == records
    lines = written(records, "jsonl").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == records
    assert lines[-1] == ""


@given(records=ANY_RECORDS)
def test_keyed_json_gives_the_records_back(records: list[dict[str, Any]]) -> None:
    """Keyed JSON, read again, has each record under its key, and the key nowhere else."""
    keyed = {f"P{at}": record for at, record in enumerate(records)}
    whole = [{**record, "id": key} for key, record in keyed.items()]
    without = {key: {k: v for k, v in r.items() if k != "id"} for key, r in keyed.items()}
    assert json.loads(written(whole, "json", "id")) == without


@given(rows=st.lists(st.fixed_dictionaries({"id": TEXT, "x,y": TEXT}), min_size=1, max_size=5))
def test_csv_gives_the_records_back(rows: list[dict[str, str]]) -> None:
    """CSV, read again, gives the same records."""
    text = written(rows, "csv")
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == rows


def test_table_columns_are_those_of_all_records() -> None:
    """A table has the columns of all records; missing values are blank."""
    assert written([{"a": "x"}, {"b": "y"}], "table") == "a  b\n-  -\nx\n   y\n"


def test_numbers_are_right_aligned() -> None:
    """A column of numbers is right-aligned, but not one that has a text too."""
    rows = [{"n": 5, "m": 5, "f": 1.5, "s": "5"}, {"n": 1000, "m": "none", "f": -20, "s": "text"}]
    assert written(rows, "table").splitlines() == [
        "   n  m       f  s",
        "----  ----  ---  ----",
        "   5  5     1.5  5",
        "1000  none  -20  text",
    ]


def test_wide_characters_are_aligned() -> None:
    """A character that takes two columns of a terminal is counted as two."""
    rows = [{"a": "漢字", "b": "x"}, {"a": "abc", "b": "y"}, {"a": "e\u0301", "b": "z"}]
    lines = written(rows, "table").splitlines()
    assert lines == ["a     b", "----  -", "漢字  x", "abc   y", "e\u0301     z"]
    assert {cell_len(line) for line in lines} == {7}


CONTROL_CHARACTERS = pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\r\tb", "a\\r\\tb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u2028b", "a\\u2028b"),
        ("\u202egnp", "\\u202egnp"),
        ("caf\udce9", "caf\\udce9"),
        ("漢\0", "漢\\x00"),
        ("émoi 😀", "émoi 😀"),
    ],
    ids=ascii,
)


@CONTROL_CHARACTERS
def test_control_characters_are_shown_not_obeyed(text: str, shown: str) -> None:
    """A table escapes the characters that a terminal would obey, with each cell on one line."""
    assert written([{"x": text}], "table").split("\n")[2] == shown


@CONTROL_CHARACTERS
def test_control_characters_in_the_header(text: str, shown: str) -> None:
    """A table's header escapes them too, as the names may come from a file."""
    assert written([{text: "x"}], "table").split("\n")[0] == shown
