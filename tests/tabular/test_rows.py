"""Texts become rows as csv.reader reads them; rows with wrong quotes are reported."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton.tabular.record_ends import slice_records, split_records
from hpnorton.tabular.rows import MisquotedCell, ParsedRows, Row, parse_rows
from tests.conftest import Run

BOM = "\ufeff"
SCRAPS = ["a", ",", '"', '""', "\n", "\r\n", "\r", '\\"', "é", BOM, ',"', '"\n', f"\n{BOM}"]
TEXTS = st.lists(st.sampled_from(SCRAPS), min_size=1, max_size=30).map("".join)


def parsed(text: str, max_rows: int = 2000) -> ParsedRows:
    """All rows of a text, of which the file consists below its header."""
    cut = slice_records(text.encode(), len(text) + 1, at_end=True)
    cells: list[Row] = []
    misquoted: dict[int, MisquotedCell] = {}
    for some in parse_rows(text, cut.is_row_a_line, max_rows):
        misquoted |= {at + len(cells): fault for at, fault in some.misquoted.items()}
        cells += some.cells
    assert len(cells) == cut.rows
    return ParsedRows(cells, misquoted)


def is_wrong(record: str) -> bool:
    """Whether a strict csv.reader does not take a record, or takes it for several."""
    try:
        return len(list(csv.reader(io.StringIO(record, newline=""), strict=True))) > 1
    except csv.Error:
        return True


@settings(max_examples=500)
@given(text=TEXTS, max_rows=st.integers(1, 5))
def test_rows_are_those_of_csv_reader(text: str, max_rows: int) -> None:
    """Each record reads as it does alone; exactly those with wrong quotes are reported."""
    records = [record.decode().removeprefix(BOM) for record in split_records(text.encode())]
    rows = [next(csv.reader(io.StringIO(record, newline="")), []) for record in records]
    found = parsed(text, max_rows)
    assert found.cells == rows
    assert set(found.misquoted) == {at for at, record in enumerate(records) if is_wrong(record)}


@pytest.mark.parametrize(
    ("line", "column", "cell", "reason"),
    [
        (r'1,"Tent \"XL\" blue",2', 1, r'"Tent \"XL\" blue"', "has quotes after a backslash"),
        ('1,"12 Mill Road, "D"",2', 1, '"12 Mill Road, "D""', "continues after its closing quote"),
        ('"a"b,1', 0, '"a"b', "continues after its closing quote"),
        ('"x, y",,"b" ,1', 2, '"b" ', "continues after its closing quote"),
        ('1,"a', 1, '"a', "opens a quote that is never closed"),
        (f'{BOM}"a\nb",1', 0, '"a', "opens a quote that is never closed"),
        (f'{BOM}","\n,"', 0, ",", "has quotes after a byte order mark"),
        ('1,"a\nb"c', 1, '"a\nb"c', "spans several lines and continues"),
    ],
)
def test_what_is_wrong_with_quotes(line: str, column: int, cell: str, reason: str) -> None:
    """The cell is named, and what to do."""
    (fault, *_) = parsed(line).misquoted.values()
    assert (fault.column, fault.text) == (column, cell)
    assert fault.reason.startswith(reason)


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('1,5" pipe', ["1", '5" pipe']),
        (r"1,Tent \"XL\"", ["1", r"Tent \"XL\""]),
        ('1,"Tent ""XL"""', ["1", 'Tent "XL"']),
        ('"",""', ["", ""]),
        (f'{BOM}"1, 2",x', ["1, 2", "x"]),
        (f"1,{BOM}x", ["1", f"{BOM}x"]),
    ],
)
def test_quotes_that_are_right(line: str, row: Row) -> None:
    """A cell without quotes around it may hold some; a BOM before a quote changes nothing."""
    for end in ("\n", "\r\n", "\r"):
        text = f'{line}{end}2,y{end}3,"a{end}b"{end}'
        assert parsed(text) == ParsedRows([row, ["2", "y"], ["3", f"a{end}b"]], {})


FILES = {
    "rows with quotes escaped by a backslash": (
        'sku,title\n1,"Tent \\"XL\\" blue"\n2,"Tent ""L"""\n3,5" pipe\n',
        ("title", "quote-error", "has quotes after a backslash; write each quote in a cell twice"),
        {"2": 'Tent "L"', "3": '5" pipe'},
    ),
    "a repeated header": (
        "sku,title\n2,a\nsku,title\n3,b\n",
        (None, "repeated-header", "the row repeats the header; were files joined?"),
        {"2": "a", "3": "b"},
    ),
    "a repeated header after a BOM": (
        f'"sku","title"\n2,"a"\n{BOM}"sku","title"\n3,b\n',
        (None, "repeated-header", "the row repeats the header; were files joined?"),
        {"2": "a", "3": "b"},
    ),
    "a repeated header in several lines": (
        f'sku,"title"\n2,"a\nb"\n{BOM}"sku",title\n3,b\n',
        (None, "repeated-header", "the row repeats the header; were files joined?"),
        {"2": "a\nb", "3": "b"},
    ),
}
WAYS = ["--linear", "--parallel", "--parallel --workers 2 --chunk-rows 1", "--stream --every 0 0"]
PACKAGE = """{"resources": [{"name": "list", "path": "list.csv", "schema": {"primaryKey": "sku",
    "fields": [{"name": "sku", "type": "integer"}, {"name": "title"}]}}]}"""


@pytest.fixture(name="folder", params=[PACKAGE, ""], ids=["described", "undescribed"])
def make_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """The current folder, in which a data package describes list.csv, or none."""
    monkeypatch.chdir(tmp_path)
    if request.param:
        (tmp_path / "datapackage.json").write_text(request.param, "utf-8")
    return tmp_path


@pytest.mark.parametrize("flags", WAYS)
@pytest.mark.parametrize("name", FILES)
def test_odd_rows_are_rejected(
    run: Run, folder: Path, sqlite_uri: str, name: str, flags: str
) -> None:
    """They are rejected with a code and a reason; the others are imported unchanged."""
    text, (field, code, message), titles = FILES[name]
    (folder / "list.csv").write_bytes(text.encode())
    flag, _, more = flags.partition(" ")
    if flag != "--stream":
        checked = run(f"{flag} list.csv {more} --dry-run --quiet", sqlite_uri)
        assert checked.status == 3 and checked.data[0]["list"]["rejected"] == 1
    done = run(f"{flag} list.csv {more} --quiet", sqlite_uri)
    report = done.data[0]["list"]
    assert (done.status, report["rejected"], report["inserted"]) == (3, 1, len(titles))
    reasons = Path(report["rejects_file"]).with_suffix(".reasons.jsonl").read_text("utf-8")
    reason = json.loads(reasons)
    assert (reason["field"], reason["code"]) == (field, code)
    assert reason["message"].startswith(message)
    assert run("--export out --quiet", sqlite_uri).status == 0
    exported = Path("out/list.csv").read_bytes().decode()
    stored = csv.DictReader(io.StringIO(exported, newline=""))
    assert {row["sku"]: row["title"] for row in stored} == titles


def test_a_repeated_header_of_references(run: Run, tmp_path: Path, sqlite_uri: str) -> None:
    """It is reported as such before the customer `user_id` is looked up."""
    path = tmp_path / "days.csv"
    path.write_text("user_id,product_id\nuser_id,product_id\n", "utf-8")
    done = run(f"--linear rental={path} --dry-run --quiet", sqlite_uri)
    assert (done.status, done.data[0]["rental"]["rejected"]) == (3, 1)
    assert "row 2: the row repeats the header; were files joined?" in done.err
    assert "foreign-key" not in done.err


def test_windows_text_in_a_row_is_recognised(run: Run, tmp_path: Path, sqlite_uri: str) -> None:
    """The reason says which encoding the file seems to have."""
    path = tmp_path / "list.csv"
    path.write_bytes("sku,title\n1,Größe\n2,ok\n".encode("cp1252"))
    done = run(f"--linear {path} --rejects {tmp_path}/bad --quiet", sqlite_uri)
    assert done.status == 3
    assert "they look like Windows-1252 (cp1252): save the file as CSV UTF-8" in done.err


@pytest.mark.parametrize("workers", ["", "--workers 2"])
def test_analysis_counts_odd_rows_apart(
    run: Run, tmp_path: Path, sqlite_uri: str, workers: str
) -> None:
    """Their cells are no values of the columns, whose types are those of the other rows."""
    path = tmp_path / "list.csv"
    path.write_text(
        f'sku,stock\n7,5\nsku,stock\n\n8,6\n,\n{BOM}"sku",stock\n"9"x,7\n   \n', "utf-8"
    )
    done = run(f"--analyze {path} --format json --quiet {workers}", sqlite_uri)
    (found,) = done.data
    columns = found["columns"]
    assert [(each["type"], each["filled"], each["max"]) for each in columns] == [
        ("integer", 2, 8),
        ("integer", 2, 6),
    ]
    counts = ("rows", "blank_rows", "repeated_headers", "misquoted_rows", "uneven_rows")
    assert [found[name] for name in counts] == [2, 3, 2, 1, 0]
    table = run(f"--analyze {path} --format table --quiet {workers}", sqlite_uri).out
    assert table.endswith(
        "\n2 rows, and besides 3 blank, 2 that repeat the header, 1 with wrong quotes\n"
    )


def test_the_first_row_may_be_at_fault() -> None:
    """A quote that is never closed in the first row gives no block without rows before it."""
    ((rows, misquoted),) = parse_rows('"\n', is_row_a_line=False, max_rows=1)
    assert len(rows) == 1 and list(misquoted) == [0]
