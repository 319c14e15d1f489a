"""The analysis of a CSV file: the same for every division, and equal to a plain loop's."""

import csv
import gzip
import io
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpnorton.errors import FileError, UsageError
from hpnorton.profile import analysis, file_profile
from hpnorton.profile.analysis import RangeSizes, analyze
from hpnorton.profile.file_profile import FileProfile, profile_chunks
from hpnorton.profile.questions import Questions, find_column, make_questions
from hpnorton.tabular import chunk as chunks_module
from hpnorton.tabular.chunk import BlockSizes
from hpnorton.tabular.reader import CsvFile
from hpnorton.workers import SerialExecutor

Write = Callable[..., Path]
SMALL_RANGES = RangeSizes(smallest=2**18, of_stream=2**18)
SCRAPS = [
    "a",
    "7",
    "-3",
    "1.5",
    "true",
    "01/31/2019",
    "2020-02-30",
    "2021-03-04",
    "2021-03-04 10:00:00",
]
CELLS = st.sampled_from(
    [*SCRAPS, "", "", "é", "a,b", 'say "a"', "two\nlines", 'a 5" tv', "\r", " "]
)
ROWS = st.lists(st.lists(CELLS, max_size=4), max_size=30)


def plain_year(text: str) -> int | None:
    """The year of a date, by the standard library alone."""
    for form in ("%m/%d/%Y", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).year
        except ValueError:
            continue
    return None


def plain_loop(data: str, text: str) -> dict[str, Any]:
    """What a loop over csv.reader finds in a file of three columns, the second one a date."""
    header, *rows = csv.reader(io.StringIO(data, newline=""))
    found: dict[str, Any] = {"rows": 0, "uneven": 0, "count": 0, "years": Counter()}
    columns: list[list[str]] = [[] for _ in header]
    for row in rows:
        if row == header or not "".join(row).strip():
            continue
        found["rows"] += 1
        found["uneven"] += len(row) != len(header)
        for at, cells in enumerate(columns):
            if at < len(row) and row[at]:
                cells.append(row[at])
        if len(row) > 1 and row[1]:
            found["years"][plain_year(row[1])] += 1
        found["count"] += len(row) > 2 and text in row[2]
    found["columns"] = [
        (
            len(cells),
            len(set(cells)),
            max(map(len, cells), default=0),
            min(cells, default=None),
            max(cells, default=None),
        )
        for cells in columns
    ]
    return found


def as_found(profile: FileProfile) -> dict[str, Any]:
    """Return a profile in the same form."""
    return {
        "rows": profile.rows,
        "uneven": profile.uneven,
        "count": profile.counts[0],
        "years": profile.years,
        "columns": [
            (c.filled, len(c.distinct), c.longest, c.low_text, c.high_text) for c in profile.columns
        ],
    }


def guesses(profile: FileProfile) -> list[tuple[Any, ...]]:
    """What the columns seem to hold."""
    return [(c.type.kind, c.type.low, c.type.high) for c in profile.columns]


@pytest.fixture(name="folder", scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files of all examples in turn."""
    return tmp_path_factory.mktemp("analysis")


@settings(max_examples=300, deadline=None)
@given(
    rows=ROWS,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    is_ended=st.booleans(),
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 30), st.integers(1, 60)),
)
def test_the_answers_are_those_of_a_plain_loop(
    folder: Path, rows: list[list[str]], end: str, is_ended: bool, sizes: tuple[int, int, int]
) -> None:
    """Whatever the rows, the chunks and the ranges are, a loop over csv.reader finds the same."""
    chunk, parsed, share = sizes
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows([["id", "day", "note"], *rows])
    data = out.getvalue() if is_ended else out.getvalue().removesuffix(end)
    path = folder / "rows.csv"
    path.write_bytes(data.encode())
    questions = Questions(3, 1, ((2, "a"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks_module, "BLOCK_SIZES", BlockSizes(parsed, parsed))
        with closing(CsvFile(str(path), "")) as file:
            whole = analyze(file, questions, 1, None, sizes=RangeSizes(chunk, smallest=share))
        with closing(CsvFile(str(path), "")) as file:
            profiles = [profile_chunks(questions, [each]) for each in file.chunks(chunk)]
    assert as_found(whole) == plain_loop(data, "a")
    backwards = FileProfile(questions)
    for profile in reversed(profiles):
        backwards.merge(profile)
    assert as_found(backwards) == as_found(whole)
    assert guesses(backwards) == guesses(whole)


@pytest.fixture(name="payments", scope="module")
def make_payments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose ids are too many to be counted, with all kinds of lines."""
    path = tmp_path_factory.mktemp("payments") / "payments.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seq", "name", "seq", "day"])
        for number in range(120_000):
            day = date.fromordinal(730_000 + number % 4000).strftime("%m/%d/%Y")
            name = f'No. {number % 1000}, "ao"' if number % 7 == 0 else f"line\n{number % 1000}"
            writer.writerow([number, name, number % 90_000, "soon" if number % 1000 == 0 else day])
    return path


def test_workers_find_what_one_process_finds(payments: Path, tmp_path: Path) -> None:
    """Two workers, one process and one that reads a .gz file give equal profiles."""
    zipped = tmp_path / "payments.csv.gz"
    zipped.write_bytes(gzip.compress(payments.read_bytes(), 1))
    found = []
    for path, count in ((payments, 1), (payments, 2), (zipped, 1), (zipped, 2)):
        with closing(CsvFile(str(path), "")) as file:
            questions = make_questions(file, "day", ["name=ao", "3=999"])
            profile = analyze(file, questions, count, None, sizes=SMALL_RANGES)
            found.append((as_found(profile), guesses(profile), profile.counts, profile.limits))
    assert found[1:] == found[:1] * 3
    plain, _, counts, limits = found[0]
    assert (plain["rows"], plain["uneven"], plain["years"][None]) == (120_000, 0, 120)
    assert sum(plain["years"].values()) == 120_000
    assert counts == [17_143, sum("999" in str(n % 90_000) for n in range(120_000))]
    assert [limit is not None for limit in limits] == [True, False, False, False]
    assert plain["columns"][2][1] == 90_000


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("is_packed", [False, True])
def test_the_progress_of_an_analysis_is_reported(
    payments: Path, tmp_path: Path, workers: int, is_packed: bool
) -> None:
    """Rows and bytes are reported up to the end; those of a .gz file are decompressed."""
    path, size = payments, payments.stat().st_size
    if is_packed:
        path = tmp_path / "payments.csv.gz"
        path.write_bytes(gzip.compress(payments.read_bytes(), 1))
    reported: list[tuple[int, int, int | None]] = []
    with closing(CsvFile(str(path), "")) as file:
        questions = Questions(len(file.header))
        analyze(
            file,
            questions,
            workers,
            None,
            lambda *step: reported.append(step),
            sizes=SMALL_RANGES,
        )
    assert reported[0][0] == 0 < reported[0][1]
    assert reported[-1] == (120_000, size, None if is_packed else size)
    assert len(reported) > 5
    assert [step[:2] for step in reported] == sorted(step[:2] for step in reported)


def test_dates_may_be_many(csv_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row may have another date and time: they are forgotten, and their years counted."""
    monkeypatch.setattr(file_profile, "_MAX_DATES", 10)
    stamps = [f"{2000 + n % 5}-01-01T00:{n // 60:02}:{n % 60:02}" for n in range(500)]
    with closing(CsvFile(str(csv_file("x.csv", "at", *stamps)), "")) as file:
        profile = analyze(file, make_questions(file, "1", ()), 1, None)
    assert profile.years == {2000 + year: 100 for year in range(5)}


def test_bytes_that_are_not_utf8_are_cells_too(csv_file: Write) -> None:
    """A file in another encoding is analyzed all the same."""
    with closing(CsvFile(str(csv_file("x.csv", "name", b"Zo\xeb", b"Zo\xeb", "Zoë")), "")) as file:
        profile = analyze(file, make_questions(file, None, ["name=Zo"]), 1, None)
    assert as_found(profile) | {"years": None} == {
        "rows": 3,
        "uneven": 0,
        "count": 3,
        "years": None,
        "columns": [(3, 2, 3, "Zoë", "Zo\udceb")],
    }


def test_a_header_alone_has_empty_columns(csv_file: Write) -> None:
    """Without rows there is nothing to guess."""
    with closing(CsvFile(str(csv_file("x.csv", "a,b")), "")) as file:
        profile = analyze(file, Questions(2), 1, None)
    assert (profile.rows, guesses(profile)) == (0, [("empty", None, None)] * 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("id", 0), ("4", 3), ("1", 0), ("2019", 4), ("5", 4)),
        ("6", "no column 6; its columns are 1 to 5"),
        ("0", "no column 0"),
        ("seq", "2 columns 'seq'; say which one by number: 2, 3"),
        ("dat", "no column 'dat'; did you mean 'date'?"),
        ("wholly other", "no column 'wholly other'; it has: id, seq, seq, date, 2019"),
        ("", "no column ''"),
    ],
)
def test_columns_have_names_and_numbers(csv_file: Write, text: str, found: int | str) -> None:
    """A column is given by its name, or by its number from 1 on; others are errors."""
    with closing(CsvFile(str(csv_file("x.csv", "id,seq,seq,date,2019")), "")) as file:
        if isinstance(found, int):
            assert find_column(file, text) == found
        else:
            with pytest.raises(UsageError, match="x.csv has") as raised:
                find_column(file, text)
            assert found in str(raised.value)


def die(*_: object) -> None:
    """Work that the system kills."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_is_reported(csv_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a killed worker says what to do."""
    monkeypatch.setattr(analysis, "_profile_in_worker", die)
    with closing(CsvFile(str(csv_file("x.csv", "a", "1")), "")) as file:
        with pytest.raises(FileError, match="a process that analyzed it died"):
            analyze(file, Questions(1), 2, None)


def test_a_file_that_shrinks_is_reported(csv_file: Write) -> None:
    """A file that becomes shorter while it is read is no file to trust."""
    path = csv_file("x.csv", "a", "1", "2", "3")
    with closing(CsvFile(str(path), "")) as file:
        chunks = list(file.chunks(2))
    os.truncate(path, 5)
    with pytest.raises(FileError, match="has become shorter while it was read; start again"):
        profile_chunks(Questions(1), chunks)


@pytest.mark.parametrize(("asked", "processes"), [(0, 3), (1, 0), (2, 2)])
def test_one_worker_is_this_process(
    csv_file: Write, monkeypatch: pytest.MonkeyPatch, asked: int, processes: int
) -> None:
    """Only more than one need processes of their own; 0 asks for one for each core."""
    opened: list[int] = []

    def open_none(count: int, _level: str | None) -> SerialExecutor:
        opened.append(count)
        return SerialExecutor()

    monkeypatch.setattr(analysis, "cores", lambda: 3)
    monkeypatch.setattr(analysis, "open_workers", open_none)
    with closing(CsvFile(str(csv_file("x.csv", "a", "1")), "")) as file:
        assert analyze(file, Questions(1), asked, None).rows == 1
    assert opened == [processes]
