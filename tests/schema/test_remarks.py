"""Remarks on imported rows: the same sentences for every kind of import."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from hpnorton.tabular.keys import is_surely_nfc
from tests.conftest import Run

Write = Callable[..., Path]
ODD = (
    "id,name",
    "C1\u00a0,plain",
    "\u200bC2,#REF!",
    'C 3 ,"=""007"""',
    "A\u030a4,O\u0308berg",
    "C5,NULL",
    "C6,'007",
    "C7,O'Brien = #1",
)


def warnings_of(out: list[dict[str, dict[str, list[str]]]]) -> list[str]:
    """Return the warnings of all files, except for the missing description."""
    all_warnings = [each for file in out for report in file.values() for each in report["warnings"]]
    return [each for each in all_warnings if not each.startswith("no datapackage.json describes")]


@pytest.mark.parametrize("flags", ["--linear", "--parallel --workers 2", "--linear --dry-run"])
@pytest.mark.parametrize("chunk_rows", [1, 3, 100])
def test_what_was_changed_is_reported(
    run: Run, csv_file: Write, uri: str, flags: str, chunk_rows: int
) -> None:
    """How many cells, and the first of them by its row, however the file was cut."""
    path = csv_file("thing.csv", *ODD)
    done = run(f"{flags} {path} --chunk-rows {chunk_rows}", uri)
    assert (done.status, done.data[0]["thing"]["inserted"]) == (0, 7)
    reported = warnings_of(done.data)
    assert reported == [
        "2 cells had letters and marks apart; they are stored with composed letters (NFC) (first: "
        'row 5, "Å4")',
        "4 cells in name hold what a spreadsheet or a database export left there; they are stored "
        'as they are (first: row 3, "#REF!")',
        "3 keys in id are stored without the blanks or invisible characters that they had (first: "
        r'row 2, "C1\xa0" with U+00A0 NO-BREAK SPACE)',
    ]
    assert [f"{path}: {sentence}" in done.err for sentence in reported] == [True] * 3


def test_keys_are_stored_as_they_can_be_typed(run: Run, csv_file: Write, uri: str) -> None:
    """And values as they stand, but for letters that are composed."""
    assert run(f"--linear {csv_file('thing.csv', *ODD)}", uri).status == 0
    again = csv_file("more/thing.csv", "id,name", "C1,plain", "C 3,x", "Å4,Öberg")
    done = run(f"--linear {again}", uri)
    assert (done.data[0]["thing"]["unchanged"], done.data[0]["thing"]["conflicts"]) == (2, 1)
    assert '"=\\"007\\"" is kept' in done.err or "007" in done.err


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("C\u200b1", "holds the invisible character U+200B ZERO WIDTH SPACE; remove it"),
        ("C\t1", "holds the invisible character U+0009 TAB; remove it"),
        ("#REF!", "is an error mark of a spreadsheet; correct the cell there"),
        ("########", "is an error mark of a spreadsheet; correct the cell there"),
        ('"=""00123"""', "is a spreadsheet's formula for the text 00123; write only that"),
        ("'00123", "is a spreadsheet's text '00123' with the mark ' before it; remove the mark"),
        ("NULL", "is what a database export writes for an empty value"),
        ("\u200b", "is empty, but is part of the key"),
    ],
)
def test_what_is_no_key_is_rejected(
    run: Run, csv_file: Write, sqlite_uri: str, key: str, reason: str
) -> None:
    """The row is rejected with the reason, since such a key cannot be typed."""
    done = run(f"--linear {csv_file('thing.csv', 'id,name', f'{key},x', 'C1,y')}", sqlite_uri)
    assert (done.status, done.data[0]["thing"]["rejected"]) == (3, 1)
    assert "id: " in done.err and reason.replace("'00123'", "00123") in done.err


@pytest.mark.parametrize("flags", ["--linear", "--parallel --workers 2", "--linear --dry-run"])
def test_keys_that_differ_in_case_only_are_reported(
    run: Run, csv_file: Write, uri: str, flags: str
) -> None:
    """In one file, and from what the database has; all are imported."""
    first = csv_file("thing.csv", "id,name", "ABC,x", "abc,y", "Ähre,x", "äHRE,x", "B,x")
    done = run(f"{flags} {first}", uri)
    assert done.data[0]["thing"]["inserted"] == 5
    assert warnings_of(done.data) == [
        "2 keys of thing exist in several spellings that differ in case only: 'ABC' and 'abc'; "
        "'Ähre' and 'äHRE'; each is a record of its own, so at the counter type them exactly"
    ]


def test_twins_of_stored_keys_are_reported(run: Run, csv_file: Write, uri: str) -> None:
    """Also where each file has letters of one case, if a row is added or another file has it."""
    upper, lower = csv_file("thing.csv", "id", "A1"), csv_file("more/thing.csv", "id", "a1")
    assert not warnings_of(run(f"--linear {upper}", uri).data)
    (reported,) = warnings_of(run(f"--linear {lower} --dry-run", uri).data)
    assert "1 key of thing exists in several spellings" in reported and "'A1' and 'a1'" in reported
    assert warnings_of(run(f"--linear {lower}", uri).data) == [reported]
    assert not warnings_of(run(f"--linear {lower}", uri).data)
    assert warnings_of(run(f"--linear {lower} {upper}", uri).data) == [reported]


@pytest.mark.parametrize(
    "flags", ["--linear", "--parallel --workers 2", "--linear --dry-run", "--linear --mode upsert"]
)
def test_twins_are_reported_each_time(run: Run, csv_file: Write, uri: str, flags: str) -> None:
    """Also where nothing is inserted: a file that carries them is reported again."""
    path = csv_file("thing.csv", "id,name", "ABC,x", "abc,y", "B,x")
    first = warnings_of(run(f"--linear {path}", uri).data)
    assert len(first) == 1 and "'ABC' and 'abc'" in first[0]
    again = run(f"{flags} {path}", uri)
    assert again.data[0]["thing"]["unchanged"] == 3 and warnings_of(again.data) == first
    plain = csv_file("more/thing.csv", "id,name", "B,x")
    assert not warnings_of(run(f"{flags} {plain}", uri).data)


def test_numbers_that_are_rounded_are_reported(
    run: Run, csv_file: Write, sqlite_uri: str, tmp_path: Path
) -> None:
    """A field of numbers holds some 16 digits; longer codes are texts."""
    (tmp_path / "datapackage.json").write_text(
        '{"resources": [{"name": "thing", "schema": {"fields": ['
        '{"name": "id"}, {"name": "n", "type": "number"}]}}]}',
        "utf-8",
    )
    rows = ("A,9007199254740992", "B,94001112025551234512", "C,0.1234567890123456789")
    done = run(f"--linear {csv_file('thing.csv', 'id,n', *rows)}", sqlite_uri)
    assert warnings_of(done.data) == [
        "1 number in n has more digits than a database holds and is rounded; describe codes as "
        'strings (first: row 3, "94001112025551234512")'
    ]


@pytest.mark.parametrize("flags", ["--linear", "--parallel --workers 2"])
def test_the_first_of_two_rows_with_one_key_wins(
    run: Run, csv_file: Write, uri: str, flags: str
) -> None:
    """This holds for keys that differ in invisible characters only, in any order."""
    rows = [f"{key:04},x" for key in range(400, 0, -1)]
    path = csv_file("thing.csv", "id,name", "0399\u00a0,first", *rows, "\u200b0001,last")
    done = run(f"{flags} {path} --chunk-rows 150", uri)
    report = done.data[0]["thing"]
    assert (report["inserted"], report["conflicts"]) == (400, 2)
    assert run("--find 0399", uri).status == 0
    for line in (
        'is there already, with another name: "first" is kept, not "x"',
        'is there already, with another name: "x" is kept, not "last"',
    ):
        assert line in done.err


def test_a_feed_reports_what_was_changed(run: Run, csv_file: Write, sqlite_uri: str) -> None:
    """When it has come to its end: the same sentences as those of an import."""
    imported = run(f"--linear {csv_file('thing.csv', *ODD)} --dry-run", sqlite_uri)
    path = csv_file("thing.csv", *ODD)
    streamed = run(f"--stream {path} --every 0 0", sqlite_uri)
    assert streamed.status == 0
    assert warnings_of(streamed.data) == warnings_of(imported.data) != []


def test_a_finished_import_reports_the_same_when_it_is_resumed(
    run: Run, csv_file: Write, uri: str
) -> None:
    """An import that was stopped continues, and reports the rows of both runs."""
    path = csv_file("thing.csv", *ODD, "\u200b,no key", "C8,x", "C9\u3000,y")
    stopped = run(f"--linear {path} --chunk-rows 2 --max-errors 0", uri)
    assert stopped.status == 4
    resumed = run(f"--linear {path} --chunk-rows 2 --resume", uri)
    assert (resumed.status, resumed.data[0]["thing"]["inserted"]) == (3, 9)
    (keys,) = [text for text in warnings_of(resumed.data) if "keys in id" in text]
    assert keys.startswith("4 keys in id are stored without") and "row 2," in keys


def test_bytes_that_are_always_in_nfc() -> None:
    """No character that is_surely_nfc passes over changes in NFC, alone or beside others."""
    seconds = set()
    for number in (*range(0x80, 0xD800), *range(0xE000, 0x110000)):
        parts = unicodedata.decomposition(chr(number)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(chr(int(parts[1], 16)))
    passed = [char for char in map(chr, range(0x80, 0xD800)) if is_surely_nfc(char.encode())]
    assert len(passed) > 25_000 and {"é", "Ł", "ж", "林"} <= set(passed)
    for char in passed:
        assert unicodedata.is_normalized("NFC", char) and not unicodedata.combining(char)
        assert char not in seconds
    for text in ("e\u0301", "\u0341", "\uf900", "\u1100\u1161", "か\u3099"):
        assert not is_surely_nfc(text.encode())
