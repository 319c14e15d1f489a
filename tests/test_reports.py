"""Reports: counts that add up, the first faults, exit statuses, and the contract's names."""

import dataclasses
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import ExitStatus, HPNortonError
from hpnorton.reports import SHOWN_FAULTS, Counts, FileReport, RowFault, exit_status

NUMBERS = ("inserted", "updated", "unchanged", "conflicts", "rejected")
# The shape of --linear and --parallel in the command line's contract.
DOCUMENT_KEYS = [
    "success",
    "fail",
    "total_records",
    "elapsed",
    "read",
    "inserted",
    "updated",
    "unchanged",
    "conflicts",
    "rejected",
    "rejects_file",
    "rows_per_second",
]


def fault(row: int, code: str = "type-error") -> RowFault:
    """A fault in a row of a file."""
    return RowFault("a.csv", row, row, "stock", code, "five", "is not a whole number")


def counts(*numbers: int, faults: tuple[int, ...] = ()) -> Counts:
    """Counts that add up, with as many rows of each kind, and faults in these rows."""
    shown = [fault(row) for row in faults]
    codes = Counter(each.code for each in shown)
    made = Counts(sum(numbers), codes=codes, faults=shown)
    for name, number in zip(NUMBERS, numbers):
        setattr(made, name, number)
    return made


@pytest.mark.parametrize("name", NUMBERS)
def test_counts_that_do_not_add_up(name: str) -> None:
    """A row that is counted twice, or not at all, is told as a bug and never reported."""
    good = counts(1, 2, 3, 4, 5)
    good.check()
    for change in (1, -1):
        bad = dataclasses.replace(good, **{name: getattr(good, name) + change})
        with pytest.raises(HPNortonError, match="do not add up"):
            bad.check()
        with pytest.raises(HPNortonError, match="do not add up"):
            FileReport("a.csv", "a", bad).as_document()


@pytest.mark.parametrize("name", NUMBERS)
def test_counts_below_nothing(name: str) -> None:
    """A count below nothing does not add up, even if the sum is right."""
    other = "inserted" if name == "rejected" else "rejected"
    bad = Counts()
    setattr(bad, name, -1)
    setattr(bad, other, 1)
    with pytest.raises(HPNortonError, match="do not add up"):
        bad.check()


@given(
    chunks=st.lists(
        st.tuples(
            st.lists(st.integers(0, 9), min_size=5, max_size=5),
            st.lists(st.integers(2, 99), max_size=SHOWN_FAULTS, unique=True),
        ),
        max_size=8,
    ),
    seed=st.integers(0, 99),
)
def test_chunks_add_up_to_their_file(chunks: list[tuple[list[int], list[int]]], seed: int) -> None:
    """Counts of chunks add up in any order, and the first faults by row are kept."""
    parts = [counts(*numbers, faults=tuple(sorted(rows))) for numbers, rows in chunks]
    random.Random(seed).shuffle(parts)
    total = Counts()
    for part in parts:
        total.add(part)
        total.check()
    rows = sorted(row for _, rows in chunks for row in rows)
    assert [each.row for each in total.faults] == rows[:SHOWN_FAULTS]
    assert total.codes.total() == len(rows)
    assert total.read == sum(sum(numbers) for numbers, _ in chunks)
    assert [getattr(total, name) for name in NUMBERS] == [
        sum(numbers[at] for numbers, _ in chunks) for at in range(len(NUMBERS))
    ]


def test_codes_are_counted_beyond_the_faults_that_are_kept() -> None:
    """Every fault is counted by its code, though only the first ten are kept."""
    total = Counts()
    for first in (20, 0):
        part = Counts(faults=[fault(first + row) for row in range(2, 12)])
        part.codes = Counter({"type-error": 50, "blank-row": first})
        total.add(part)
    assert [each.row for each in total.faults] == list(range(2, 12))
    assert total.codes == {"type-error": 100, "blank-row": 20}


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        ([], ExitStatus.OK),
        ([(counts(5, 1, 2), None)], ExitStatus.OK),
        ([(counts(5, 0, 0, 1), None)], ExitStatus.ROWS_REFUSED),
        ([(counts(5, 0, 0, 0, 1), None)], ExitStatus.ROWS_REFUSED),
        ([(counts(5), "it was interrupted")], ExitStatus.FAILED),
        ([(counts(5), "")], ExitStatus.FAILED),
        ([(counts(5), None), (counts(0, 0, 0, 0, 1), None)], ExitStatus.ROWS_REFUSED),
        ([(counts(0, 0, 0, 1), None), (counts(5), "why"), (counts(5), None)], ExitStatus.FAILED),
    ],
)
def test_exit_status(reports: list[tuple[Counts, str | None]], status: ExitStatus) -> None:
    """An import failed if a file did, else rows were refused if any was, else it is done."""
    made = [FileReport("a.csv", "a", each, failure=failure) for each, failure in reports]
    assert exit_status(made) is status
    if len(made) == 1:
        assert made[0].status is status


def test_document() -> None:
    """A report has the contract's names, in its order, and the numbers that follow from counts."""
    report = FileReport("a.csv", "a", counts(5, 4, 3, 2, 1), elapsed=0.5, total_records=14)
    document = report.as_document()
    assert list(document) == DOCUMENT_KEYS
    assert list(document.values()) == [9, 6, 14, 0.5, 15, 5, 4, 3, 2, 1, None, 30]


def test_document_of_a_file_that_never_started() -> None:
    """A file of which nothing was read has a report of nothing, not a division by zero."""
    document = FileReport("a.csv", "a", failure="why").as_document()
    assert {name for name, value in document.items() if value} == set()
    assert list(document) == DOCUMENT_KEYS


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("five", '"five" is not a whole number'),
        ("", "is not a whole number"),
        (None, "is not a whole number"),
        ("a\nb\x1b", r'"a\nb\x1b" is not a whole number'),
        ("caf\udce9", r'"caf\xe9" is not a whole number'),
        ("émoi 😀", '"émoi 😀" is not a whole number'),
        ("x" * 60, f'"{"x" * 60}" is not a whole number'),
        ("x" * 61, f'"{"x" * 60}..." is not a whole number'),
    ],
    ids=ascii,
)
def test_fault_text(value: str | None, shown: str) -> None:
    """A fault reads: where, which field, the cell on one line, what is wrong, and its code."""
    text = str(dataclasses.replace(fault(7), value=value))
    assert text == f"a.csv, row 7, stock: {shown} [type-error]"


def test_fault_text_names_the_line_where_it_is_another() -> None:
    """A fault names the line beside the row where cells with line breaks stand above it."""
    text = str(dataclasses.replace(fault(7), line=9))
    assert text.startswith("a.csv, row 7 (line 9), stock: ")


def test_fault_text_of_a_whole_row() -> None:
    """A fault of a row as a whole names no field and no cell."""
    blank = RowFault("a.csv", 7, 7, None, "blank-row", None, "the row is blank")
    assert str(blank) == "a.csv, row 7: the row is blank [blank-row]"


def test_a_fault_of_any_cell_is_one_line() -> None:
    """Whatever stood in a cell, its fault is told on one line that any terminal can show."""
    characters = map(chr, [*range(0x300), 0x2028, 0x202E, *range(0xDC80, 0xDD00), 0x1F600, 0xE000])
    for character in characters:
        text = str(dataclasses.replace(fault(7), value=character))
        assert text.isprintable(), ascii(character)
