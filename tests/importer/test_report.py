"""Reports: counts that add up, faults as text, exit statuses, and the contract's names."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpnorton.errors import ExitStatus, HPNortonError
from hpnorton.importer.report import FileReport, RowFault, exit_status
from hpnorton.sanitize import readable
from hpnorton.stores.counts import Counts, Ending
from tests.helpers.reports import DOCUMENT_KEYS

NUMBERS = ("inserted", "updated", "unchanged", "conflicts", "rejected")


def fault(row: int, code: str = "type-error") -> RowFault:
    """A fault in a row of a file."""
    return RowFault("a.csv", row, row, "stock", code, "five", "is not a whole number")


def counts(*numbers: int) -> Counts:
    """Counts that add up, with as many rows of each kind."""
    return Counts(sum(numbers), **dict(zip(NUMBERS, numbers)))


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
    chunks=st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), max_size=8),
    seed=st.integers(0, 99),
)
def test_chunks_add_up_to_their_file(chunks: list[list[int]], seed: int) -> None:
    """Counts of chunks add up in any order, and adding leaves the parts as they are."""
    parts = [counts(*numbers) for numbers in chunks]
    random.Random(seed).shuffle(parts)
    total = Counts()
    for part in parts:
        before = dataclasses.replace(part)
        total.add(part)
        total.check()
        assert part == before
    sums = [sum(numbers[at] for numbers in chunks) for at in range(len(NUMBERS))]
    assert [getattr(total, name) for name in NUMBERS] == sums
    assert total.read == sum(sums)
    assert total.failed == sums[NUMBERS.index("conflicts")] + sums[NUMBERS.index("rejected")]


DONE, FAILED = Ending.DONE, Ending.FAILED
INTERRUPTED, STOPPED = Ending.INTERRUPTED, Ending.STOPPED
FINE, CONFLICT, REJECTED = counts(5, 1, 2), counts(5, 0, 0, 1), counts(5, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        ([], ExitStatus.OK),
        ([(FINE, DONE)], ExitStatus.OK),
        ([(CONFLICT, DONE)], ExitStatus.ROWS_REJECTED),
        ([(REJECTED, DONE)], ExitStatus.ROWS_REJECTED),
        ([(FINE, FAILED)], ExitStatus.FAILED),
        ([(REJECTED, FAILED)], ExitStatus.FAILED),
        ([(FINE, INTERRUPTED)], ExitStatus.INTERRUPTED),
        ([(REJECTED, INTERRUPTED)], ExitStatus.INTERRUPTED),
        ([(FINE, STOPPED)], ExitStatus.TOO_MANY_REJECTED),
        ([(REJECTED, STOPPED)], ExitStatus.TOO_MANY_REJECTED),
        ([(FINE, DONE), (REJECTED, DONE)], ExitStatus.ROWS_REJECTED),
        ([(REJECTED, DONE), (FINE, STOPPED), (FINE, DONE)], ExitStatus.TOO_MANY_REJECTED),
        ([(CONFLICT, STOPPED), (FINE, FAILED), (FINE, DONE)], ExitStatus.FAILED),
        ([(CONFLICT, STOPPED), (FINE, FAILED), (FINE, INTERRUPTED)], ExitStatus.INTERRUPTED),
    ],
)
def test_exit_status(reports: list[tuple[Counts, Ending]], status: ExitStatus) -> None:
    """The worst file tells: interrupted before failed, stopped, rows refused, and done."""
    made = [FileReport("a.csv", "a", each, ending=ending) for each, ending in reports]
    assert exit_status(made) is exit_status(made[::-1]) is status
    if len(made) == 1:
        assert made[0].status is status


def test_document() -> None:
    """A report has the contract's names, in its order, and the numbers that follow from counts."""
    report = FileReport("a.csv", "a", counts(5, 4, 3, 2, 1), elapsed=0.5, rows=15, total_records=14)
    report.ending = Ending.DONE
    document = report.as_document()
    assert list(document) == DOCUMENT_KEYS
    numbers, about = list(document.values())[:13], list(document.values())[13:]
    assert numbers == [12, 3, 14, 0.5, 15, 5, 4, 3, 2, 1, 0, None, 30]
    assert about == ["a.csv", None, None, "done", []]
    report.rejects_file = "rejected/a-1.csv"
    assert report.as_document()["rejects_file"] == "rejected/a-1.csv"


def test_the_speed_is_that_of_this_run() -> None:
    """Rows that a run before has read do not make this one faster."""
    report = FileReport("a.csv", "a", counts(1000), elapsed=0.5, rows=10)
    assert (report.rows_per_second, report.as_document()["rows_per_second"]) == (20, 20)
    assert report.as_document()["read"] == 1000


def test_document_of_a_file_that_never_started() -> None:
    """A file of which nothing was read has a report of nothing, not a division by zero."""
    document = FileReport("a.csv", "a", failure="why").as_document()
    assert {name for name, value in document.items() if value} == {"file", "status"}
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


@given(data=st.binary())
def test_any_bytes_become_readable(data: bytes) -> None:
    """What was no UTF-8 shows as \\xNN, and the rest as it is: a text that can be written again."""
    text = readable(data.decode(errors="surrogateescape"))
    assert text == data.decode(errors="backslashreplace")
    text.encode()
