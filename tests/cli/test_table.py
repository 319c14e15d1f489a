"""Tables that fit a terminal: what people copy stays whole, texts are cut, rows stream."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hpnorton.cli.table import Table

PHONES = ["206-555-0101", "+1 (206) 555-0101", "(206) 555 0101", "206 555 0101 x12", "+49/89/1234"]
DATES = [
    "2026-11-27",
    "2026-11-27 14:05",
    "2026-11-27T14:05:06+00:00",
    "12/11/2026",
    "14:05:06.123Z",
]
NUMBERS = ["-0.30000000000000004", "94001112025551234567", "1,234.56 €", "$1,234.56", "12.5%"]
LONG = "a long text that may be cut wherever there is no room for all of it, and goes on and on"


def table(records: Sequence[dict[str, Any]], room: int, **more: Any) -> list[str]:
    """Return the lines of a table."""
    return list(Table(iter(records), room=room, **more).lines())


@pytest.mark.parametrize("columns", [22, 30, 40, 47, 48, 60])
def test_tables_are_cut_to_the_terminal(columns: int) -> None:
    """No line of a table is wider than the terminal; what does not fit ends with an ellipsis."""
    rows = [
        {"id": "P1", "text": "a long text without an end", "wide": "漢字 漢字 漢字漢字"},
        {"id": "P2", "text": "short", "wide": "漢x"},
    ]
    full = 2 + 2 + 26 + 2 + 18
    lines = table(rows, columns)
    assert max(map(cell_len, lines)) <= min(columns, full)
    is_table = columns >= 2 + 2 + 10 + 2 + 10
    assert ("…" in "".join(lines)) is (is_table and columns < full)
    starts = ["id", "--", "P1", "P2"] if is_table else ["id", "te", "wi", "", "id", "te", "wi"]
    assert [line[:2] for line in lines if not line.startswith("   ")] == starts


@pytest.mark.parametrize("solid", [*PHONES, *DATES, *NUMBERS, -9223372036854775808, 0.1 + 0.2])
@pytest.mark.parametrize("room", [20, 30, 40, 60, 80])
def test_numbers_dates_and_phones_are_never_cut(solid: object, room: int) -> None:
    """They stay whole whatever else the columns hold, on the narrowest terminal."""
    rows = [{"a": solid, "b": LONG, "mixed": text} for text in (LONG, solid)]
    lines = table(rows, room)
    assert sum(line.count(str(solid)) for line in lines) == 3
    assert all(len(line) <= max(room, len(str(solid)) + 2) for line in lines)


@pytest.mark.parametrize("room", [40, 60, 80])
def test_ids_and_addresses_that_are_copied_stay_whole(room: int) -> None:
    """Single words are not cut in a column that has nothing else, however long texts are."""
    codes = ["priya.underhill.2@example.org", "0b6f2d0e-7d0a-4f9e-8a55-3f1c1f5b5f0e", "ÅSA-2"]
    rows = [{"code": code, "text": LONG} for code in codes]
    text = "\n".join(table(rows, room))
    assert all(code in text for code in codes)
    assert all(len(line) <= room for line in text.splitlines())


def test_a_key_with_blanks_is_whole_where_it_is_named() -> None:
    """The columns `whole` are never cut, whatever they hold."""
    rows = [{"key": "a key of five words", "text": LONG}]
    assert table(rows, 40, whole=["key"])[2] == "a key of five words  a long text that m…"


def test_the_widest_texts_are_cut_first() -> None:
    """The widest texts are cut before others."""
    rows = [{"a": "a b c d e", "b": "b " * 15, "c": "c " * 25}]
    assert table(rows, 74)[2] == f"a b c d e  {('b ' * 15)[:30]}  {('c ' * 25)[:30]}…"


def test_long_names_of_columns_take_several_lines() -> None:
    """A heading is wrapped at its underscores before a text is cut, above its column."""
    rows = [{"product_id": "P1", "quantity_available": 5, "what it is": "a tent, with its poles"}]
    assert table(rows, 43) == [
        "product_  quantity_",
        "id        available  what it is",
        "--------  ---------  ----------------------",
        "P1                5  a tent, with its poles",
    ]


def test_a_record_without_room_is_a_block() -> None:
    """Its texts are wrapped, a number stays whole, and long names are cut."""
    rows = [
        {"id": "P1", "text": LONG, "a_name_that_has_thirty_characters": 94001112025551234567}
    ] * 2
    block = [
        "id:                P1",
        "text:              a long text",
        "                   that may be cut",
        "                   wherever there",
        "                   is no room for…",
        "a_name_that_has_…:",
        "  94001112025551234567",
    ]
    assert table(rows, 34) == [*block, "", *block]


@given(
    texts=st.lists(
        st.text(st.sampled_from("ab 漢😀é\u0301\n"), max_size=30), min_size=3, max_size=3
    ),
    later=st.lists(st.text(st.sampled_from("ab 漢😀é\u0301"), max_size=60), min_size=3, max_size=3),
    room=st.integers(34, 60),
)
def test_no_line_is_wider_than_the_terminal(texts: list[str], later: list[str], room: int) -> None:
    """No line is too wide, whatever the cells hold, also those that were not measured."""
    lines = table([dict(zip("xyz", texts))] * 1000 + [dict(zip("xyz", later))], room)
    codes = [text for text in (*texts, *later) if " " not in text]
    assert max(map(cell_len, lines)) <= max(room, 2 + max(map(cell_len, codes), default=0))


def test_later_records_with_wider_cells() -> None:
    """A wider text is cut; a wider number takes spare room, or its record becomes a block."""
    first = [{"id": f"P{at:03}", "text": "short text", "n": 1} for at in range(1000)]
    later = [
        {"id": "P1000", "text": LONG, "n": 1},
        {"id": "P1001", "text": "short text", "n": 12345678901},
        {"id": "P1002", "text": "short text", "n": 123456789012345678},
        {"id": "P1003", "text": "short text", "n": 1},
    ]
    lines = table([*first, *later], 30)
    assert lines[1001] == "P999  short text  1"
    assert lines[1002] == "P1000  a long te…  1"
    assert lines[1003] == "P1001  short text  12345678901"
    assert lines[1004:1009] == [
        "",
        "id:   P1002",
        "text: short text",
        "n:    123456789012345678",
        "",
    ]
    assert lines[1009] == "P1003  short text  1"


def test_a_table_begins_at_once() -> None:
    """Only the first records of an endless table are read before the first line."""
    read = 0

    def records() -> Iterator[dict[str, Any]]:
        nonlocal read
        while True:
            read += 1
            yield {"id": read}

    lines = Table(records(), room=80).lines()
    assert [next(lines).strip() for _ in range(3)] == ["id", "----", "1"]
    assert read == 1000


def test_a_field_that_comes_late_begins_another_table() -> None:
    """A field that no measured record has is not lost: a new table begins."""
    rows = [{"id": 1}] * 1000 + [{"id": 2, "more": "x"}]
    assert table(rows, 80)[-4:] == ["", "id  more", "--  ----", " 2  x"]


def test_a_table_for_each_value() -> None:
    """With `by` records of different kinds have tables of their own, with a title."""
    rows: list[dict[str, Any]] = [
        {"kind": "a", "x": 1},
        {"kind": "a", "x": 2},
        {"kind": "b", "y": "z"},
    ]
    shown = Table(rows, room=80, by="kind")
    assert list(shown.lines()) == ["a", "x", "-", "1", "2", "", "b", "y", "-", "z"]
    assert shown.count == 3


@pytest.mark.parametrize("text", ["漢字", "e\u0301a", "👍🏽x", "❤️", "🇩🇪", "Ⅷ", "한국"])
def test_what_stands_behind_is_aligned(text: str) -> None:
    """Wide, combining and emoji characters have the width that a terminal gives them."""
    rows = [{"a": text, "b": 1}, {"a": "abcdef", "b": 1}]
    assert {cell_len(line) for line in table(rows, 80)} == {9}


@pytest.mark.parametrize("room", range(12, 50))
def test_a_number_in_a_text_is_there_as_a_whole_or_not_at_all(room: int) -> None:
    """A text is not cut in the middle of a number or a date."""
    text = "due: 2026-12-11 -> 2027-01-08, 12.50 each, of 94001112025551234567"
    lines = table([{"what": text}, {"what": "x"}], room)
    numbers = re.findall(r"[-.\d]*\d", " ".join(line for line in lines if "x" not in line))
    assert set(numbers) <= {"2026-12-11", "2027-01-08", "12.50", "94001112025551234567"}


def test_a_wide_key_is_broken_at_its_blanks_only() -> None:
    """In a block that is too narrow for a key, it is wrapped without an ellipsis."""
    rows = [{"key": "text 1,000, integer 52, decimal 3, boolean 22, null 1, object 2"}]
    assert table(rows, 30, whole=["key"]) == [
        "key:",
        "  text 1,000, integer 52,",
        "  decimal 3, boolean 22, null",
        "  1, object 2",
    ]


@pytest.mark.parametrize("text", ["👍🏽", "🇩🇪", "❤️", "한글", "1️⃣"])
def test_no_row_wraps_on_a_terminal_that_takes_emoji_apart(text: str) -> None:
    """Such a terminal shows each part separately, and a row that fills the screen leaves room."""
    text = unicodedata.normalize("NFD", text)
    rows = [{"a": text * 4, "b": LONG, "n": 1}, {"a": "ab c", "b": LONG, "n": 1}]
    for room in range(40, 60):
        lines = table(rows, room)
        assert max(sum(map(cell_len, line)) for line in lines) <= room
        assert lines[-1].endswith("1") and text in lines[-2]


def test_prose_goes_on_in_the_next_line() -> None:
    """All of it is shown, in a table beside the other cells, and in a block."""
    rows = [{"id": "P1", "what": LONG, "n": 5}, {"id": "P2", "what": "done", "n": 6}]
    assert table(rows, 40, prose=["what"]) == [
        "id  what                               n",
        "--  ---------------------------------  -",
        "P1  a long text that may be cut        5",
        "    wherever there is no room for all",
        "    of it, and goes on and on",
        "P2  done                               6",
    ]
    block = "".join(table(rows[:1], 12, prose=["what"]))
    assert LONG.replace(" ", "") in block.replace(" ", "")
